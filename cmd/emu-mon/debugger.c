/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "debugger.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/sock.h"
#include "mon.h"

#define BUFFER 16384
#define AGAIN_NS 50000000 /* until emu-cpu has greeted */

struct half {
	size_t from, to;
	uint8_t data[BUFFER];
};

struct debugger {
	struct loop *loop;
	struct monitor *monitor;
	struct char_user *user;
	struct listener listener;
	struct loop_timer *again;
	int fd;                /* the stream to emu-cpu; -1: none */
	struct loop_fd *watch;
	struct half in, out;   /* in: to emu-cpu */
};

int debugger_spec(const char *device, struct char_spec *spec, struct err *e)
{
	char *text = NULL;
	int r;

	if (!strncmp(device, "tcp:", 4) && asprintf(&text, "%s%s%s%s", device, strstr(device, ",server") ? "" : ",server",
						    strstr(device, ",nowait") ? "" : ",nowait", strstr(device, ",nodelay") ? "" : ",nodelay") < 0)
		return err_set(e, ENOMEM, "out of memory");
	r = char_spec_parse_old(text ? text : device, spec, e);
	free(text);
	return r;
}

/* ---- the stream ---- */

static void update(struct debugger *d)
{
	if (d->watch)
		loop_set_fd(d->watch, (d->out.from == d->out.to ? LOOP_READ : 0u) | (d->in.from < d->in.to ? LOOP_WRITE : 0u));
}

static void hang_up(struct debugger *d)
{
	loop_del_fd(d->watch);
	d->watch = NULL;
	if (d->fd >= 0)
		close(d->fd);
	d->fd = -1;
	d->in.from = d->in.to = d->out.from = d->out.to = 0;
}

static void flush_in(struct debugger *d)
{
	while (d->fd >= 0 && d->in.from < d->in.to) {
		ssize_t n = write(d->fd, d->in.data + d->in.from, d->in.to - d->in.from);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0) {
			hang_up(d);
			return;
		}
		d->in.from += (size_t)n;
	}
	d->in.from = d->in.to = 0;
}

static void flush_out(struct debugger *d)
{
	d->out.from += char_write(d->user, d->out.data + d->out.from, d->out.to - d->out.from);
	if (d->out.from == d->out.to)
		d->out.from = d->out.to = 0;
}

static void ready(void *opaque, unsigned events)
{
	struct debugger *d = opaque;

	if (events & LOOP_WRITE) {
		flush_in(d);
		if (d->in.from == d->in.to)
			char_accept(d->user);
	}
	if (d->fd >= 0 && events & (LOOP_READ | LOOP_HANGUP) && d->out.from == d->out.to) {
		ssize_t n = read(d->fd, d->out.data, sizeof d->out.data);
		if (n > 0) {
			d->out.to = (size_t)n;
			flush_out(d);
		} else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
			hang_up(d);
		}
	}
	update(d);
}

static void attach(void *opaque)
{
	struct debugger *d = opaque;
	struct part *p = part_find(d->monitor, PART_CPU, NULL);
	struct err e = ERR_INIT;
	int fds[2];

	if (d->fd >= 0 || !char_is_open(d->user))
		return;
	if (!p) {
		loop_set_timer(d->again, loop_now() + AGAIN_NS);
		return;
	}
	if (sock_pair(SOCK_STREAM, fds, &e) < 0 || fd_set_nonblock(fds[0], true) < 0) {
		err_report(&e);
		return;
	}
	ctl_client_call(part_client(p), "x-gdbserver", json_pack("{s:b}", "monitor", 1), &fds[1], 1, NULL, NULL);
	close(fds[1]);
	d->fd = fds[0];
	d->watch = loop_add_fd(d->loop, d->fd, LOOP_READ, ready, d, &e);
	if (!d->watch) {
		err_report(&e);
		hang_up(d);
	}
	char_accept(d->user);
}

/* ---- the back end's side ---- */

static size_t can_receive(void *opaque)
{
	struct debugger *d = opaque;

	return d->fd < 0 || d->in.from < d->in.to ? 0 : BUFFER;
}

static void receive(void *opaque, const uint8_t *data, size_t n)
{
	struct debugger *d = opaque;

	memcpy(d->in.data + d->in.to, data, n);
	d->in.to += n;
	flush_in(d);
	update(d);
}

static void writable(void *opaque)
{
	struct debugger *d = opaque;

	if (d->out.from < d->out.to)
		flush_out(d);
	update(d);
}

static void event(void *opaque, enum char_event what)
{
	struct debugger *d = opaque;

	/* From within the loop: at an attachment there is no user yet. */
	if (what == CHAR_OPENED)
		loop_set_timer(d->again, 0);
	else if (what == CHAR_CLOSED)
		hang_up(d);
}

static const struct char_ops ops = {.can_receive = can_receive, .receive = receive, .writable = writable, .event = event};

/* ---- the debugger's "monitor" command ---- */

struct line {
	struct monitor *monitor;
	json_int_t id;
};

static void line_done(void *opaque, const char *text, bool failed)
{
	struct line *l = opaque;
	struct part *p = part_find(l->monitor, PART_CPU, NULL);
	json_t *args = json_pack("{s:I, s:s%, s:b}", "id", l->id, "text", text, strlen(text), "failed", failed);

	/* What is no UTF-8 cannot travel. */
	if (!args)
		args = json_pack("{s:I, s:s, s:b}", "id", l->id, "text", "the answer is no text\n", "failed", 1);
	if (p)
		ctl_client_call(part_client(p), "x-gdb-answer", args, NULL, 0, NULL, NULL);
	else
		json_decref(args);
	free(l);
}

static void part_event(void *opaque, const struct part *from, const json_t *ev)
{
	struct debugger *d = opaque;
	const json_t *data = json_object_get(ev, "data");
	const char *name = json_string_value(json_object_get(ev, "event")), *text = json_string_value(json_object_get(data, "line"));
	struct line *l;

	if (d->fd < 0 || part_kind(from) != PART_CPU || !name || strcmp(name, "x-gdb-command") || !text)
		return;
	l = malloc(sizeof *l);
	if (!l)
		return;
	*l = (struct line){d->monitor, json_integer_value(json_object_get(data, "id"))};
	hmp_run(d->monitor, text, line_done, l);
}

static void quit(void *opaque)
{
	(void)opaque; /* the stream ends with it */
}

/* ---- the whole ---- */

struct debugger *debugger_new(struct loop *l, struct monitor *m, struct chardev *c, struct err *e)
{
	struct debugger *d = calloc(1, sizeof *d);

	if (d) {
		d->loop = l;
		d->monitor = m;
		d->fd = -1;
		d->again = loop_add_timer(l, attach, d);
	}
	if (!d || !d->again) {
		free(d);
		err_set(e, ENOMEM, "out of memory");
		return NULL;
	}
	d->user = char_attach(c, &ops, d, e);
	if (!d->user) {
		loop_del_timer(d->again);
		free(d);
		return NULL;
	}
	d->listener = (struct listener){.event = part_event, .quit = quit, .opaque = d};
	monitor_listen(m, &d->listener);
	loop_set_timer(d->again, 0);
	return d;
}

void debugger_free(struct debugger *d)
{
	if (!d)
		return;
	monitor_unlisten(d->monitor, &d->listener);
	hang_up(d);
	char_detach(d->user);
	loop_del_timer(d->again);
	free(d);
}
