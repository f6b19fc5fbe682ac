/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The monitor as a part of a machine: character back ends, what is relayed between them and the machine, and the sessions at them. It
 * is ready when no server waits for its first client any more. The end of its control connection is the order to stop: what the machine
 * wrote last is passed on first.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/ctl.h"
#include "base/part.h"
#include "base/sock.h"
#include "char/char.h"
#include "char/relay.h"
#include "char/terminal.h"
#include "crypto/object.h"
#include "debugger.h"
#include "hmp-rows.h"
#include "monitor.h"
#include "plan.h"
#include "serve-own.h"
#include "serve-ports.h"
#include "settings.h"

#define LAST_BYTES_MS 2000

struct serve {
	const struct settings *set;
	struct plan *plan;
	struct loop *loop;
	struct objects *objects;
	struct chardevs *chars;
	struct monitors *monitors;
	struct relay **relay;
	unsigned relays;
	struct ports *ports; /* of devices that came later */
	struct ctl_server *ctl;
	struct debugger *debugger; /* -gdb; NULL: none */
	int store;
	bool ready;
	int nbd;           /* the socket of nbd-server-start, as long as no disk has taken it; -1 */
	json_t *changed;   /* mon.state: {ID: description as -chardev has it, null: removed}, what is not as the plan says */
};

/* ---- descriptors that outlive us (store.c) ---- */

static void store(struct serve *s, char what, const char *name, int fd)
{
	char text[CHAR_ID_MAX + 60];
	int n = snprintf(text, sizeof text, "%c %s", what, name);

	if (s->store >= 0 && n < (int)sizeof text)
		sock_send_fds(s->store, text, (size_t)n, &fd, fd >= 0);
}

static void keep(void *opaque, const char *name, int fd)
{
	store(opaque, fd >= 0 ? 'K' : 'D', name, fd);
}

/* "FD:NAME" of a list that the supervisor wrote; -1. */
static int listed(const struct opt_list *l, const char *name)
{
	for (unsigned i = 0; i < l->count; i++) {
		char *end;
		long fd = strtol(l->item[i], &end, 10);
		if (*end == ':' && !strcmp(end + 1, name))
			return (int)fd;
	}
	return -1;
}

/* Once: it is the taker's to close then. */
static int take(void *opaque, const char *name)
{
	struct serve *s = opaque;
	int fd = listed(&s->set->kept, name);

	if (fd < 0 || fcntl(fd, F_GETFD) & FD_CLOEXEC)
		return -1;
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	return fd;
}

/* ---- keys and breaks ---- */

static void quit(void *opaque)
{
	store(opaque, 'Q', "", -1);
}

static void commit(void *opaque)
{
	struct serve *s = opaque;

	if (s->monitors)
		monitors_commit(s->monitors);
}

static void on_break(void *opaque, const char *id)
{
	struct serve *s = opaque;

	if (s->monitors)
		monitors_break(s->monitors, id);
}

/* ---- what was changed since the start (mon.state) ---- */

static const char nbd_name[] = "nbd server"; /* no back end has a space in its id */

static void state_path(const struct serve *s, char *path, size_t size, const char *end)
{
	snprintf(path, size, "%s/mon.state%s", s->set->run_dir, end);
}

static void write_state(struct serve *s, const char *what)
{
	char path[PATH_MAX], new_path[PATH_MAX];

	state_path(s, path, sizeof path, "");
	state_path(s, new_path, sizeof new_path, ".tmp");
	if (json_dump_file(s->changed, new_path, JSON_COMPACT) < 0 || rename(new_path, path) < 0)
		err_print("cannot write %s: a monitor that is started again will not know of '%s'", path, what);
}

void serve_note(void *opaque, const char *id, const struct char_spec *spec)
{
	struct serve *s = opaque;
	char *text = spec ? char_spec_print(spec) : NULL;

	json_object_set_new(s->changed, id, text ? json_string(text) : json_null());
	free(text);
	write_state(s, id);
}

/* The directory was emptied of it when the machine began, so it is an earlier monitor's. */
static void read_state(struct serve *s)
{
	char path[PATH_MAX];

	state_path(s, path, sizeof path, "");
	s->changed = json_load_file(path, JSON_REJECT_DUPLICATES, NULL);
	if (!json_is_object(s->changed)) {
		json_decref(s->changed);
		s->changed = json_object();
	}
	s->nbd = take(s, nbd_name);
}

/* ---- the socket of nbd-server-start (qmp-nbd.c), for all monitors of the machine ---- */

const json_t *serve_nbd(void *opaque, int *fd)
{
	const struct serve *s = opaque;

	*fd = s->nbd;
	return json_object_get(s->changed, nbd_name);
}

void serve_nbd_set(void *opaque, json_t *what, int fd)
{
	struct serve *s = opaque;

	file_close(s->nbd);
	s->nbd = fd;
	keep(s, nbd_name, fd);
	json_object_set(s->changed, nbd_name, what);
	write_state(s, nbd_name);
}

/* The description in force for the back end; false: it was removed. */
static bool in_force(const struct serve *s, struct char_spec *spec)
{
	const json_t *now = spec->id ? json_object_get(s->changed, spec->id) : NULL;
	struct char_spec other;
	struct err e = ERR_INIT;

	if (!now)
		return true;
	if (!json_is_string(now))
		return false;
	if (char_spec_parse(json_string_value(now), &other, &e) == 0) {
		other.monitor = spec->monitor;
		char_spec_free(spec);
		*spec = other;
	}
	return true;
}

static void add_later_ones(struct serve *s)
{
	const char *id;
	json_t *text;

	json_object_foreach(s->changed, id, text) {
		struct char_spec spec;
		struct err e = ERR_INIT;
		if (!json_is_string(text) || chardevs_find(s->chars, id))
			continue;
		if (char_spec_parse(json_string_value(text), &spec, &e) < 0 || !chardevs_add(s->chars, &spec, &e))
			err_report(&e);
		char_spec_free(&spec);
	}
}

/* ---- the debugger: a back end named "gdb", or one of the user's ---- */

static char gdb_id[] = "gdb";

static int let_debugger_in(struct serve *s, struct chardev *c, struct err *e)
{
	s->debugger = debugger_new(s->loop, monitors_monitor(s->monitors), c, e);
	return s->debugger ? 0 : -e->code;
}

int serve_debugger(void *opaque, const char *device, struct err *e)
{
	struct serve *s = opaque;
	struct char_spec spec;
	struct chardev *c;
	int r = debugger_spec(device, &spec, e);

	if (r < 0) {
		char_spec_free(&spec);
		return r;
	}
	debugger_free(s->debugger);
	s->debugger = NULL;
	if (chardevs_find(s->chars, gdb_id) && chardevs_remove(s->chars, gdb_id, e) == 0)
		serve_note(s, gdb_id, NULL);
	if (e->code || spec.nothing) {
		r = -e->code;
	} else if (spec.reference) {
		c = chardevs_find(s->chars, spec.reference);
		r = c ? let_debugger_in(s, c, e) : err_set(e, ENOENT, "Chardev '%s' not found", spec.reference);
	} else {
		spec.id = strdup(gdb_id);
		c = spec.id ? chardevs_add(s->chars, &spec, e) : NULL;
		r = c ? let_debugger_in(s, c, e) : e->code ? -e->code : err_set(e, ENOMEM, "out of memory");
		if (r == 0)
			serve_note(s, gdb_id, &spec);
	}
	char_spec_free(&spec);
	return r;
}

/* ---- ports of devices that come later ---- */

json_t *serve_port(void *opaque, struct chardev *c, const json_t *streams, int *fd, struct err *e)
{
	struct serve *s = opaque;

	return ports_open(s->ports, c, s->relay, s->relays, streams, fd, e);
}

/* Those of ports, and what clients passed to the monitor (getfd, add-fd). */
static void take_others(struct serve *s)
{
	for (unsigned i = 0; i < s->set->kept.count; i++) {
		const char *name = strchr(s->set->kept.item[i], ':') + 1;
		if (!strncmp(name, "port ", 5))
			ports_take(s->ports, s->chars, name, take(s, name));
		else if (!strncmp(name, "fd ", 3) || !strncmp(name, "fdset ", 6))
			monitor_take_fd(monitors_monitor(s->monitors), name, take(s, name));
	}
}

/* ---- set-up ---- */

static int add_front(struct serve *s, const struct plan_front *f, bool monitors, struct err *e)
{
	struct relay_config config = {.id = f->link, .on_break = on_break, .opaque = s};
	struct char_spec spec;
	struct chardev *c = NULL;
	int r = f->debugger ? debugger_spec(f->device, &spec, e) : char_spec_parse_old(f->device, &spec, e), fd;
	const char *id = f->id ? f->id : f->link;

	if (r == 0 && spec.nothing)
		return 0;
	if (r == 0 && spec.reference) {
		c = chardevs_find(s->chars, spec.reference);
		if (!c)
			r = err_set(e, ENOENT, "Chardev '%s' not found", spec.reference);
	} else if (r == 0) {
		c = chardevs_find(s->chars, id);
		if (!c) {
			spec.id = strdup(id);
			if (!in_force(s, &spec) && f->debugger) {
				char_spec_free(&spec);
				return 0;
			}
			c = chardevs_add(s->chars, &spec, e);
			r = c ? 0 : -e->code;
		}
	}
	/* Monitors come last, so that the machine's port has the keyboard. */
	if (r == 0 && !monitors && f->debugger)
		r = let_debugger_in(s, c, e);
	if (r == 0 && monitors && !f->debugger && (!f->link || spec.monitor))
		r = monitors_add(s->monitors, c, id ? id : spec.reference, f->link ? MONITOR_HMP : (enum monitor_mode)f->monitor, e);
	if (r == 0 && !monitors && f->link) {
		fd = listed(&s->set->links, f->link);
		s->relay[s->relays] = fd < 0 ? NULL : relay_new(s->loop, c, fd, &config, e);
		if (s->relay[s->relays])
			s->relays++;
		else
			r = e->code ? -e->code : err_set(e, EBADF, "link %s was not passed", f->link);
	}
	char_spec_free(&spec);
	return r < 0 && f->option ? err_prefix(e, "%s", f->option) : r;
}

static int make_back_ends(struct serve *s, struct err *e)
{
	for (unsigned i = 0; i < s->plan->objects; i++)
		if (objects_add_text(s->objects, s->plan->object[i], e) < 0)
			return err_prefix(e, "-object %s", s->plan->object[i]);
	for (unsigned i = 0; i < s->plan->chardevs; i++) {
		struct char_spec spec;
		bool made = char_spec_parse(s->plan->chardev[i], &spec, e) == 0 && (!in_force(s, &spec) || chardevs_add(s->chars, &spec, e));
		char_spec_free(&spec);
		if (!made)
			return err_prefix(e, "-chardev %s", s->plan->chardev[i]);
	}
	for (int pass = 0; pass < 2; pass++)
		for (unsigned i = 0; i < s->plan->fronts; i++)
			if (add_front(s, &s->plan->front[i], pass == 1, e) < 0)
				return -e->code;
	add_later_ones(s);
	take_others(s);
	/* One that came by the monitor's gdbserver. */
	if (!s->debugger && chardevs_find(s->chars, gdb_id) && json_object_get(s->changed, gdb_id))
		return let_debugger_in(s, chardevs_find(s->chars, gdb_id), e);
	return 0;
}

static void tell_waiting(void *opaque, const struct char_info *info)
{
	const char *id = opaque;

	if (!strcmp(info->id, id))
		err_print("info: waiting for connection on: %s", info->filename);
}

static void look_ready(void *opaque)
{
	struct serve *s = opaque;

	if (s->ready || chardevs_waiting(s->chars))
		return;
	s->ready = true;
	part_ready((int)s->set->ready_fd);
}

static void stop(void *opaque)
{
	struct serve *s = opaque;

	loop_stop(s->loop, 0);
}

static void go(void *opaque)
{
	struct serve *s = opaque;

	monitors_go(s->monitors);
}

static void load(void *opaque, const char *tag, void (*done)(void *call, const char *words, bool failed), void *call)
{
	struct serve *s = opaque;

	monitors_load(s->monitors, tag, done, call);
}

static void on_signal(void *opaque, int sig)
{
	struct serve *s = opaque;

	if (sig == SIGCONT)
		char_terminal_continued(s->chars);
	else if (sig == SIGTERM)
		stop(s);
	/* SIGINT, SIGQUIT, SIGHUP of the terminal are the supervisor's to judge. */
}

static void serial_line(void *opaque, const char *id, const struct char_line *line)
{
	const struct serve *s = opaque;

	for (unsigned i = 0; i < s->relays; i++)
		if (!strcmp(relay_id(s->relay[i]), id))
			relay_set_line(s->relay[i], line);
	ports_set_line(s->ports, id, line);
}

static int set_up(struct serve *s, struct err *e)
{
	static const int signals[] = {SIGTERM, SIGINT, SIGHUP, SIGCONT};
	const struct chardevs_hooks hooks = {.quit = quit, .commit = commit, .keep = keep, .take = take, .opaque = s};
	const struct monitors_config config = {.run_dir = s->set->run_dir, .serial_line = serial_line, .opaque = s};
	const char *waiting;

	signal(SIGTTOU, SIG_IGN);
	for (unsigned i = 0; i < sizeof signals / sizeof *signals; i++)
		if (loop_add_signal(s->loop, signals[i], on_signal, s, e) < 0)
			return -e->code;
	s->ports = ports_new(s->loop, &(struct ports_config){.keep = keep, .on_break = on_break, .opaque = s});
	if (!s->ports)
		return err_set(e, ENOMEM, "out of memory");
	s->chars = chardevs_new(s->loop, s->objects, &hooks, e);
	s->monitors = s->chars ? monitors_new(s->loop, &config, e) : NULL;
	if (!s->monitors)
		return -e->code;
	monitor_keep_fds(monitors_monitor(s->monitors), keep, s);
	chardevs_set_escape(s->chars, s->plan->escape);
	s->ctl = serve_ctl_new(s->loop, s->chars, &(struct serve_hooks){stop, go, load}, s, e);
	if (!s->ctl || ctl_add_client(s->ctl, (int)s->set->ctl_fd, true, e) < 0)
		return -e->code;
	read_state(s);
	if (make_back_ends(s, e) < 0)
		return -e->code;
	if (serve_ctl_listen(s->ctl, s->set->run_dir, e) < 0 || part_give_up_rights(false, e) < 0)
		return -e->code;
	waiting = chardevs_waiting(s->chars);
	if (waiting)
		chardevs_each(s->chars, tell_waiting, (void *)(uintptr_t)waiting);
	chardevs_on_connect(s->chars, look_ready, s);
	look_ready(s);
	return 0;
}

/* The machine is gone, or going: what it wrote last still goes out, and the answer to who asked it to go. */
static void last_bytes(struct serve *s)
{
	uint64_t end = loop_now() + LAST_BYTES_MS * 1000000ull;
	bool busy = true;

	while (busy && loop_now() < end) {
		loop_once(s->loop, 1);
		busy = monitors_ending(s->monitors) || ports_busy(s->ports);
		for (unsigned i = 0; i < s->relays; i++)
			busy |= relay_busy(s->relay[i]);
	}
	chardevs_drain(s->chars, LAST_BYTES_MS);
}

static void tear_down(struct serve *s)
{
	debugger_free(s->debugger);
	monitors_free(s->monitors);
	for (unsigned i = 0; i < s->relays; i++)
		relay_free(s->relay[i]);
	free(s->relay);
	ports_free(s->ports);
	ctl_free(s->ctl);
	chardevs_free(s->chars);
	json_decref(s->changed);
	file_close(s->nbd);
}

int serve(const struct settings *set, struct err *e)
{
	struct serve s = {.set = set, .store = (int)set->store_fd, .nbd = -1};
	char from[32];
	int r = 0;

	if (!set->run_dir || set->ctl_fd < 0)
		return err_set(e, EINVAL, "--serve is the supervisor's: emu-mon --supervise PLAN starts it");
	/* The descriptor's position is shared with those before us. */
	lseek((int)set->serve, 0, SEEK_SET);
	snprintf(from, sizeof from, "fd:%d", (int)set->serve);
	s.plan = plan_read(from, e);
	s.objects = objects_new();
	s.loop = loop_new(e);
	if (s.plan)
		s.relay = calloc(s.plan->fronts + 1, sizeof *s.relay);
	if (!s.plan || !s.objects || !s.loop || !s.relay)
		r = e->code ? -e->code : err_set(e, ENOMEM, "out of memory");
	if (r == 0)
		r = set_up(&s, e);
	if (r == 0) {
		r = loop_run(s.loop);
		last_bytes(&s);
	}
	tear_down(&s);
	loop_free(s.loop);
	objects_free(s.objects);
	plan_free(s.plan);
	return r;
}
