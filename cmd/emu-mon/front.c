/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sessions at character back ends. A QMP session lasts from a client's coming to its going; an HMP session lasts, as the prompt of a machine
 * does, and a line that was begun by somebody who left is dropped with it. What a session writes waits in a buffer with a limit: a program
 * that does not read its answers loses its session, a terminal loses output.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "monitor.h"
#include "mon.h"
#include "session.h"

#define BACKLOG (64u << 20)
#define ENOUGH (256u << 10) /* output that waits and keeps input from being read */

struct front {
	struct front *next;
	struct monitors *monitors;
	struct mon_session *session;
	struct char_user *user;
	enum monitor_mode mode;
	char *out;
	size_t size, from, room;
	bool lost;         /* the session is to be ended: its client does not read */
	bool ended;        /* it came to its end by itself */
};

struct monitors {
	struct loop *loop;
	struct monitor *monitor;
	struct front *fronts;
	struct loop_timer *later;
	bool go;           /* before that, commands would find no machine */
	struct monitors_config config;
	struct listener listener;
	struct task_context context;
};

static void look_later(struct front *f)
{
	loop_set_timer(f->monitors->later, 0);
}

static void flush_out(struct front *f)
{
	if (f->from < f->size)
		f->from += char_write(f->user, f->out + f->from, f->size - f->from);
	if (f->from == f->size) {
		f->from = f->size = 0;
		if (f->room > ENOUGH) {
			free(f->out);
			f->out = NULL;
			f->room = 0;
		}
	}
}

/* mon_stream's */
static void put(void *opaque, const char *data, size_t n)
{
	struct front *f = opaque;

	if (f->lost || !f->user)
		return;
	if (f->from == f->size && n) {
		size_t took = char_write(f->user, data, n);
		data += took;
		n -= took;
	}
	if (!n)
		return;
	if (f->size - f->from + n > BACKLOG) {
		f->lost = f->mode != MONITOR_HMP;
		look_later(f);
		return;
	}
	if (f->size + n > f->room) {
		size_t room = f->size - f->from + n + 4096;
		char *more = malloc(room);
		if (!more)
			return;
		if (f->size > f->from)
			memcpy(more, f->out + f->from, f->size - f->from);
		free(f->out);
		f->out = more;
		f->size -= f->from;
		f->from = 0;
		f->room = room;
	}
	memcpy(f->out + f->size, data, n);
	f->size += n;
}

static void ended(void *opaque)
{
	struct front *f = opaque;

	f->ended = true;
	look_later(f);
}

static void idle(void *opaque)
{
	struct front *f = opaque;

	if (f->ended)
		look_later(f);
	if (f->user)
		char_accept(f->user);
}

static void open_session(struct front *f)
{
	const struct mon_stream stream = {.write = put, .ended = ended, .idle = idle, .opaque = f};

	f->lost = f->ended = false;
	f->session = f->mode == MONITOR_HMP ? hmp_open(f->monitors->monitor, &stream, HMP_EDITING)
					    : qmp_open(f->monitors->monitor, &stream, f->mode == MONITOR_QMP_PRETTY);
}

static void close_session(struct front *f)
{
	mon_session_close(f->session);
	f->session = NULL;
	f->from = f->size = 0;
}

/* From the loop: sessions that have come to their end. */
static void on_later(void *opaque)
{
	struct monitors *ms = opaque;

	for (struct front *f = ms->fronts; f; f = f->next) {
		/* The command that ended it all is still to be answered. */
		if (!f->lost && (!f->ended || (f->session && mon_session_busy(f->session))))
			continue;
		if (f->session)
			close_session(f);
		f->lost = f->ended = false;
	}
}

/* ---- the front end's side ---- */

static size_t can_receive(void *opaque)
{
	struct front *f = opaque;
	bool full = f->size - f->from > ENOUGH;

	return f->monitors->go && (f->session || f->mode == MONITOR_HMP) && !full ? 4096 : 0;
}

static void receive(void *opaque, const uint8_t *data, size_t n)
{
	struct front *f = opaque;
	int fds[TASK_FDS];
	unsigned count = 0;

	/* After quit, with the machine still there: a key brings a new prompt. */
	if (!f->session) {
		open_session(f);
		return;
	}
	while (count < TASK_FDS && (fds[count] = char_take_fd(f->user)) >= 0)
		count++;
	mon_session_input(f->session, (const char *)data, n, fds, count);
}

static void writable(void *opaque)
{
	struct front *f = opaque;

	flush_out(f);
	if (f->size - f->from <= ENOUGH)
		char_accept(f->user);
}

static void event(void *opaque, enum char_event what)
{
	struct front *f = opaque;

	switch (what) {
	case CHAR_OPENED:
		if (f->user && !f->session && (f->mode != MONITOR_HMP || char_has_focus(f->user)))
			open_session(f);
		break;
	case CHAR_CLOSED:
		if (f->session)
			close_session(f);
		break;
	case CHAR_MUX_IN:
		if (f->session)
			mon_session_show(f->session);
		else if (f->user && char_is_open(f->user))
			open_session(f);
		break;
	case CHAR_MUX_OUT:
	case CHAR_BREAK:
		break;
	}
}

static const struct char_ops ops = {.can_receive = can_receive, .receive = receive, .writable = writable, .event = event};

static void take_line(const struct monitors *ms, const json_t *o)
{
	const char *parity = json_string_value(json_object_get(o, "parity")), *id = json_string_value(json_object_get(o, "id"));
	const struct char_line line = {(unsigned)json_integer_value(json_object_get(o, "baud")), (unsigned)json_integer_value(json_object_get(o, "data-bits")),
				       (unsigned)json_integer_value(json_object_get(o, "stop-bits")), parity && *parity ? *parity : 'N'};

	if (id && ms->config.serial_line)
		ms->config.serial_line(ms->config.opaque, id, &line);
}

static void on_event(void *opaque, const struct part *from, const json_t *event)
{
	const char *name = json_string_value(json_object_get(event, "event"));

	if (part_kind(from) == PART_CPU && name && !strcmp(name, "X_SERIAL_LINE"))
		take_line(opaque, json_object_get(event, "data"));
}

/* A monitor that was started again has missed what the guest set before. */
static json_t *ask_lines(struct task *t, void *opaque, struct err *e)
{
	(void)opaque;
	return part_call(t, PART_CPU, NULL, "x-query-serial-lines", NULL, e);
}

static void take_lines(void *opaque, const char *text, bool failed, json_t *result, const char *class_name, const struct err *e)
{
	const json_t *o;
	size_t n;

	(void)text, (void)failed, (void)class_name, (void)e;
	json_array_foreach(result, n, o)
		take_line(opaque, o);
}

struct monitors *monitors_new(struct loop *l, const struct monitors_config *config, struct err *e)
{
	struct monitors *ms = calloc(1, sizeof *ms);

	if (!ms) {
		err_set(e, ENOMEM, "out of memory");
		return NULL;
	}
	ms->loop = l;
	ms->config = *config;
	task_context_init(&ms->context);
	ms->later = loop_add_timer(l, on_later, ms);
	ms->monitor = ms->later ? monitor_new(l, config->run_dir, e) : NULL;
	if (!ms->monitor) {
		if (!e->code)
			err_set(e, ENOMEM, "out of memory");
		loop_del_timer(ms->later);
		free(ms);
		return NULL;
	}
	ms->listener = (struct listener){.event = on_event, .opaque = ms};
	monitor_listen(ms->monitor, &ms->listener);
	return ms;
}

struct monitor *monitors_monitor(struct monitors *ms)
{
	return ms->monitor;
}

void monitors_go(struct monitors *ms)
{
	monitor_look(ms->monitor);
	ms->go = true;
	task_start(ms->monitor, &ms->context, NULL, 0, ask_lines, take_lines, ms);
	for (struct front *f = ms->fronts; f; f = f->next)
		idle(f);
}

bool monitors_ending(struct monitors *ms)
{
	ms->go = false;
	for (const struct front *f = ms->fronts; f; f = f->next)
		if (f->session && (f->from < f->size || mon_session_busy(f->session)))
			return true;
	return false;
}

void monitors_free(struct monitors *ms)
{
	if (!ms)
		return;
	for (struct front *f = ms->fronts; f; f = f->next) {
		if (f->session)
			mon_session_close(f->session);
		f->session = NULL;
		char_detach(f->user);
		f->user = NULL;
	}
	monitor_free(ms->monitor);
	while (ms->fronts) {
		struct front *f = ms->fronts;
		ms->fronts = f->next;
		free(f->out);
		free(f);
	}
	loop_del_timer(ms->later);
	free(ms);
}

int monitors_add(struct monitors *ms, struct chardev *c, const char *id, enum monitor_mode mode, struct err *e)
{
	struct front *f = calloc(1, sizeof *f);

	if (!f)
		return err_set(e, ENOMEM, "out of memory");
	f->monitors = ms;
	f->mode = mode;
	f->user = char_attach(c, &ops, f, e);
	if (!f->user) {
		free(f);
		return err_prefix(e, "monitor %s", id);
	}
	f->next = ms->fronts;
	ms->fronts = f;
	/* Told before there was a user to ask. */
	if (char_is_open(f->user) && !f->session && (mode != MONITOR_HMP || char_has_focus(f->user)))
		open_session(f);
	char_accept(f->user);
	return 0;
}

void monitors_load(struct monitors *ms, const char *tag, void (*done)(void *opaque, const char *words, bool failed), void *opaque)
{
	char line[2100] = "loadvm \"";
	size_t n = strlen(line);

	for (; *tag && n < sizeof line - 4; tag++) {
		if (*tag == '"' || *tag == '\\')
			line[n++] = '\\';
		line[n++] = *tag;
	}
	line[n++] = '"';
	line[n] = '\0';
	monitor_look(ms->monitor);
	hmp_run(ms->monitor, line, done, opaque);
}

static char commit_name[] = "commit", quit_name[] = "quit";

static void command_done(void *opaque, const char *text, bool failed)
{
	if (failed)
		err_print("%s: %s", (const char *)opaque, text);
}

void monitors_commit(struct monitors *ms)
{
	hmp_run(ms->monitor, "commit all", command_done, commit_name);
}

void monitors_quit(struct monitors *ms)
{
	hmp_run(ms->monitor, "quit", command_done, quit_name);
}

void monitors_break(struct monitors *ms, const char *link)
{
	struct part *p = part_find(ms->monitor, PART_CPU, NULL);

	if (p)
		ctl_client_call(part_client(p), "x-chardev-break", json_pack("{s:s}", "id", link), NULL, 0, NULL, NULL);
}
