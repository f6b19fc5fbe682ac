/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation: a back end tells what happens (input, somebody came or went, room again) through char_core_*(); this file hands it
 * to the front end, or to the mux, which does so to the one with the keyboard. A callback may remove what called it: memory of front and
 * back ends is put aside and freed by a call that is posted to the loop, and "dead" marks say that nothing more is to be done.
 */
#include "char/core.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/log.h"
#include "char/mux.h"

#define READ_SIZE 4096

/* ---- memory that outlives its callbacks ---- */

static void sweep(void *opaque)
{
	struct chardevs *cs = opaque;

	cs->sweeping = false;
	while (cs->garbage) {
		struct garbage *g = cs->garbage;
		cs->garbage = g->next;
		free(g->p);
		free(g);
	}
}

void char_core_free(struct chardevs *cs, void *p)
{
	struct garbage *g = p ? malloc(sizeof *g) : NULL;

	if (!g)
		return; /* out of memory: rather a leak than a use after it */
	*g = (struct garbage){cs->garbage, p};
	cs->garbage = g;
	if (!cs->sweeping)
		cs->sweeping = loop_post(cs->loop, sweep, cs) == 0;
}

/* ---- the registry ---- */

struct chardevs *chardevs_new(struct loop *l, struct objects *objects, const struct chardevs_hooks *hooks, struct err *e)
{
	struct chardevs *cs = calloc(1, sizeof *cs);

	if (!cs) {
		err_set(e, ENOMEM, "out of memory");
		return NULL;
	}
	cs->loop = l;
	cs->objects = objects;
	cs->escape = 1;
	if (hooks)
		cs->hooks = *hooks;
	return cs;
}

static void free_chardev(struct chardev *c)
{
	struct chardevs *cs = c->registry;

	if (c->class)
		c->class->close(c);
	if (c->log >= 0)
		close(c->log);
	char_core_free(cs, c->mux);
	char_core_free(cs, c->id);
	char_core_free(cs, c->pty);
	char_core_free(cs, c);
}

void chardevs_free(struct chardevs *cs)
{
	if (!cs)
		return;
	while (cs->list) {
		struct chardev *c = cs->list;
		cs->list = c->next;
		free_chardev(c);
	}
	/* The posted call would find nothing of this. */
	while (cs->sweeping)
		loop_once(cs->loop, 0);
	free(cs);
}

void chardevs_set_escape(struct chardevs *cs, int key)
{
	cs->escape = key;
}

struct chardev *chardevs_find(struct chardevs *cs, const char *id)
{
	struct chardev *c = cs->list;

	while (c && strcmp(c->id, id))
		c = c->next;
	return c;
}

static int open_log(const struct char_spec *s, struct err *e)
{
	const char *path = char_spec_get(s, "logfile");
	bool append = char_spec_bool(s, "logappend", false);
	int fd;

	if (!path)
		return -1;
	/* Not blocking: a log may be a FIFO that nobody reads. */
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | (append ? O_APPEND : O_TRUNC), 0666);
	return fd < 0 ? err_errno(e, errno, "cannot open the log file %s", path) : fd;
}

struct chardev *chardevs_add(struct chardevs *cs, const struct char_spec *s, struct err *e)
{
	struct chardev *c, **end;

	if (!s->class || !s->id) {
		err_set(e, EINVAL, s->class ? "chardev: no id specified" : "a reference to a back end makes none");
		return NULL;
	}
	if (chardevs_find(cs, s->id)) {
		err_set(e, EEXIST, "Chardev with id '%s' already exists", s->id);
		return NULL;
	}
	if (cs->count >= CHAR_LIMIT) {
		err_set(e, ENOSPC, "there are %d character back ends already", CHAR_LIMIT);
		return NULL;
	}
	c = calloc(1, sizeof *c);
	if (!c) {
		err_set(e, ENOMEM, "out of memory");
		return NULL;
	}
	c->registry = cs;
	c->log = -1;
	c->id = strdup(s->id);
	if (s->mux)
		c->mux = mux_new();
	if (!c->id || (s->mux && !c->mux))
		err_set(e, ENOMEM, "out of memory");
	else if ((c->log = open_log(s, e)) >= -1 && s->class->open(c, s, e) == 0)
		c->class = s->class;
	if (!c->class) {
		if (c->log >= 0)
			close(c->log);
		free(c->mux);
		free(c->id);
		char_core_free(cs, c->pty);
		char_core_free(cs, c);
		return NULL;
	}
	for (end = &cs->list; *end; end = &(*end)->next)
		;
	*end = c;
	cs->count++;
	return c;
}

static bool in_use(const struct chardev *c)
{
	return c->mux ? c->mux->focus >= 0 : c->user != NULL;
}

int chardevs_remove(struct chardevs *cs, const char *id, struct err *e)
{
	struct chardev *c = chardevs_find(cs, id), **p;

	if (!c)
		return err_set(e, ENODEV, "Chardev '%s' not found", id);
	if (in_use(c))
		return err_set(e, EBUSY, "Chardev '%s' is busy", id);
	for (p = &cs->list; *p != c; p = &(*p)->next)
		;
	*p = c->next;
	cs->count--;
	free_chardev(c);
	char_core_connected(cs);
	return 0;
}

/* Calls fn with each front end. */
static void each_user(struct chardev *c, void (*fn)(struct char_user *u, enum char_event what), enum char_event what)
{
	if (c->mux) {
		for (unsigned i = 0; i < CHAR_MUX_USERS; i++)
			if (c->mux->user[i])
				fn(c->mux->user[i], what);
	} else if (c->user) {
		fn(c->user, what);
	}
}

int chardevs_change(struct chardevs *cs, const char *id, const struct char_spec *s, struct err *e)
{
	static const char *const kept[] = {CHAR_KEPT};
	struct chardev *c = chardevs_find(cs, id), old, *gone;
	int log;

	if (!c)
		return err_set(e, ENODEV, "Chardev '%s' not found", id);
	if (!s->class || s->mux || c->mux)
		return err_set(e, ENOTSUP, "Chardev '%s': a multiplexed back end cannot be changed", id);
	gone = malloc(sizeof *gone);
	if (!gone)
		return err_set(e, ENOMEM, "out of memory");
	log = open_log(s, e);
	if (log < -1) {
		free(gone);
		return -e->code;
	}
	/* The new one opens beside the old one and takes its place in the record. */
	old = *c;
	for (unsigned i = 0; i < sizeof kept / sizeof *kept; i++)
		char_core_keep(c, kept[i], -1);
	c->state = NULL;
	c->opened = c->blocked = c->want_input = false;
	c->log = log;
	c->pty = NULL;
	c->class = NULL;
	if (s->class->open(c, s, e) < 0) {
		if (log >= 0)
			close(log);
		*c = old;
		if (c->class->keep)
			c->class->keep(c);
		free(gone);
		return -e->code;
	}
	c->class = s->class;
	/* Nothing that the old one does at its end concerns the new one. */
	*gone = old;
	gone->user = NULL;
	gone->id = NULL;
	gone->class->close(gone);
	char_core_free(cs, gone);
	if (old.log >= 0)
		close(old.log);
	char_core_free(cs, old.pty);
	if (old.opened && !c->opened)
		each_user(c, char_user_event, CHAR_CLOSED);
	else if (!old.opened && c->opened)
		each_user(c, char_user_event, CHAR_OPENED);
	char_core_want(c);
	char_core_writable(c);
	return 0;
}

void chardevs_each(struct chardevs *cs, void (*cb)(void *opaque, const struct char_info *info), void *opaque)
{
	for (struct chardev *c = cs->list; c; c = c->next) {
		char *name = c->class->filename ? c->class->filename(c) : NULL;
		struct char_info info = {.id = c->id, .filename = c->mux ? "mux" : name ? name : c->class->name, .open = in_use(c)};
		cb(opaque, &info);
		if (c->mux) {
			char base[CHAR_ID_MAX + 8];
			snprintf(base, sizeof base, "%s-base", c->id);
			info = (struct char_info){.id = base, .filename = name ? name : c->class->name, .open = true};
			cb(opaque, &info);
		}
		free(name);
	}
}

const char *chardevs_waiting(struct chardevs *cs)
{
	for (struct chardev *c = cs->list; c; c = c->next)
		if (c->class->waiting && c->class->waiting(c))
			return c->id;
	return NULL;
}

void chardevs_on_connect(struct chardevs *cs, void (*cb)(void *opaque), void *opaque)
{
	cs->on_connect = cb;
	cs->on_connect_opaque = opaque;
}

void chardevs_drain(struct chardevs *cs, int timeout_ms)
{
	uint64_t end = loop_now() + (uint64_t)timeout_ms * 1000000;
	bool waiting;

	do {
		waiting = false;
		for (struct chardev *c = cs->list; c; c = c->next)
			waiting |= c->opened && c->blocked;
		if (waiting && loop_once(cs->loop, 10) < 0)
			return;
	} while (waiting && loop_now() < end);
}

const char *chardev_id(const struct chardev *c)
{
	return c->id;
}

bool chardev_is_mux(const struct chardev *c)
{
	return c->mux != NULL;
}

const char *chardev_pty(const struct chardev *c)
{
	return c->pty;
}

int chardevs_send_break(struct chardevs *cs, const char *id, struct err *e)
{
	struct chardev *c = chardevs_find(cs, id);

	if (!c)
		return err_set(e, ENODEV, "Chardev '%s' not found", id);
	char_core_break(c);
	return 0;
}

/* ---- front ends ---- */

struct char_user *char_attach(struct chardev *c, const struct char_ops *ops, void *opaque, struct err *e)
{
	struct char_user *u = calloc(1, sizeof *u);

	if (!u) {
		err_set(e, ENOMEM, "out of memory");
		return NULL;
	}
	*u = (struct char_user){.c = c, .ops = ops, .opaque = opaque};
	if (c->mux) {
		if (mux_add(c, u, e) < 0) {
			free(u);
			return NULL;
		}
	} else if (c->user) {
		err_set(e, EBUSY, "chardev '%s' is already in use", c->id);
		err_hint(e, "mux=on lets several front ends share it.");
		free(u);
		return NULL;
	} else {
		c->user = u;
	}
	if (c->opened)
		char_user_event(u, CHAR_OPENED);
	char_core_want(c);
	return u;
}

void char_detach(struct char_user *u)
{
	struct chardev *c;

	if (!u || u->dead)
		return;
	c = u->c;
	u->dead = true;
	if (c->mux)
		mux_remove(c, u);
	else
		c->user = NULL;
	char_core_free(c->registry, u);
	char_core_want(c);
}

struct chardev *char_backend(const struct char_user *u)
{
	return u->c;
}

static void write_log(int fd, const uint8_t *data, size_t n)
{
	while (n) {
		ssize_t done = write(fd, data, n);
		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return; /* a full disk or a slow reader costs the log, not the machine */
		data += done;
		n -= (size_t)done;
	}
}

size_t char_core_output(struct chardev *c, const uint8_t *data, size_t n)
{
	size_t done = c->opened && c->class ? c->class->write(c, data, n) : n;

	if (c->log >= 0)
		write_log(c->log, data, done);
	if (done < n)
		c->blocked = true;
	return done;
}

size_t char_write(struct char_user *u, const void *data, size_t n)
{
	struct chardev *c = u->c;
	size_t done;

	if (u->dead || !n)
		return n;
	done = c->mux ? mux_output(c, data, n) : char_core_output(c, data, n);
	u->blocked = done < n;
	return done;
}

void char_accept(struct char_user *u)
{
	if (u->dead)
		return;
	if (u->c->mux)
		mux_pump(u->c);
	char_core_want(u->c);
}

bool char_is_open(const struct char_user *u)
{
	return u->c->opened;
}

bool char_has_focus(const struct char_user *u)
{
	const struct mux *m = u->c->mux;
	return !m || (m->focus >= 0 && m->user[m->focus] == u);
}

int char_take_fd(struct char_user *u)
{
	return u->c->class->take_fd ? u->c->class->take_fd(u->c) : -1;
}

void char_set_line(struct char_user *u, const struct char_line *line)
{
	if (u->c->class->set_line)
		u->c->class->set_line(u->c, line);
}

/* ---- from back ends ---- */

size_t char_user_room(const struct char_user *u)
{
	if (u->dead || !u->ops->receive)
		return 0;
	return u->ops->can_receive ? u->ops->can_receive(u->opaque) : READ_SIZE;
}

void char_user_event(struct char_user *u, enum char_event what)
{
	if (!u->dead && u->ops->event)
		u->ops->event(u->opaque, what);
}

size_t char_core_room(struct chardev *c)
{
	return c->mux ? mux_room(c) : c->user ? char_user_room(c->user) : 0;
}

void char_core_want(struct chardev *c)
{
	c->want_input = char_core_room(c) > 0;
	if (c->class && c->class->want)
		c->class->want(c);
}

void char_core_input(struct chardev *c, const uint8_t *data, size_t n)
{
	if (c->mux)
		mux_input(c, data, n);
	else if (c->user && n)
		c->user->ops->receive(c->user->opaque, data, n);
	c->want_input = char_core_room(c) > 0;
}

void char_core_opened(struct chardev *c)
{
	if (c->opened)
		return;
	c->opened = true;
	c->blocked = false;
	TRACE(char_opened, "%s", c->id ? c->id : "");
	each_user(c, char_user_event, CHAR_OPENED);
	c->want_input = char_core_room(c) > 0;
	char_core_connected(c->registry);
}

void char_core_closed(struct chardev *c)
{
	if (!c->opened)
		return;
	c->opened = false;
	TRACE(char_closed, "%s", c->id ? c->id : "");
	each_user(c, char_user_event, CHAR_CLOSED);
	/* Whoever waits for room has it: writes vanish now. */
	if (c->blocked)
		char_core_writable(c);
}

void char_core_break(struct chardev *c)
{
	if (c->mux) {
		if (c->mux->focus >= 0)
			char_user_event(c->mux->user[c->mux->focus], CHAR_BREAK);
	} else if (c->user) {
		char_user_event(c->user, CHAR_BREAK);
	}
}

static void tell_writable(struct char_user *u, enum char_event what)
{
	(void)what;
	/* One before it may have filled the back end again; then this one hears later. */
	if (!u->blocked || u->dead || u->c->blocked)
		return;
	u->blocked = false;
	if (u->ops->writable)
		u->ops->writable(u->opaque);
}

void char_core_writable(struct chardev *c)
{
	c->blocked = false;
	each_user(c, tell_writable, CHAR_OPENED);
}

void char_core_tell(struct chardev *c, const char *fmt, ...)
{
	const struct chardevs_hooks *h = &c->registry->hooks;
	char line[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof line, fmt, ap);
	va_end(ap);
	if (h->tell)
		h->tell(h->opaque, line);
	else
		err_print("%s", line);
}

struct loop *char_core_loop(const struct chardev *c)
{
	return c->registry->loop;
}

struct objects *char_core_objects(const struct chardev *c)
{
	return c->registry->objects;
}

void char_core_keep(struct chardev *c, const char *what, int fd)
{
	const struct chardevs_hooks *h = &c->registry->hooks;
	char name[CHAR_ID_MAX + 40];

	snprintf(name, sizeof name, "%s/%s", c->id ? c->id : "", what);
	if (h->keep && c->id)
		h->keep(h->opaque, name, fd);
}

int char_core_take(struct chardev *c, const char *what)
{
	const struct chardevs_hooks *h = &c->registry->hooks;
	char name[CHAR_ID_MAX + 40];

	snprintf(name, sizeof name, "%s/%s", c->id, what);
	return h->take ? h->take(h->opaque, name) : -1;
}

void char_core_connected(struct chardevs *cs)
{
	if (cs->on_connect)
		cs->on_connect(cs->on_connect_opaque);
}
