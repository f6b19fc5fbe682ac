/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The session: threads, going on, stops, the end. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "gdb/own.h"

struct gdb *gdb_new(const struct gdb_target *target, void *opaque)
{
	struct gdb *g = calloc(1, sizeof *g);

	if (!g)
		return NULL;
	g->t = target;
	g->opaque = opaque;
	gdb_connected(g, false);
	return g;
}

void gdb_free(struct gdb *g)
{
	if (!g)
		return;
	free(g->description);
	free(g);
}

void gdb_connected(struct gdb *g, bool running)
{
	g->state = GDB_IDLE;
	g->sent = 0;
	g->no_ack = g->command = g->extended = g->heard = false;
	g->first_len = 0;
	g->general = g->control = GDB_ANY;
	g->stop = (struct gdb_stop){.signal = GDB_SIGTRAP, .point = -1};
	g->running = running;
}

bool gdb_running(const struct gdb *g)
{
	return g->running;
}

/* ---- threads ---- */

static long any_thread(const struct gdb *g)
{
	if (g->stop.thread && g->t->thread_alive(g->opaque, g->stop.thread))
		return g->stop.thread;
	return g->t->thread(g->opaque, 0);
}

long gdb_general(const struct gdb *g)
{
	return g->general > 0 && g->t->thread_alive(g->opaque, g->general) ? g->general : any_thread(g);
}

static long control(const struct gdb *g)
{
	return g->control > 0 && g->t->thread_alive(g->opaque, g->control) ? g->control : any_thread(g);
}

long gdb_thread_number(const char *s, char **end)
{
	const char *dot;

	if (*s == 'p' && (dot = strchr(s, '.')))
		s = dot + 1;
	return strtol(s, end, 16);
}

static void choose(struct gdb *g)
{
	char *end;
	long n = gdb_thread_number(g->in + 2, &end);

	if ((g->in[1] != 'g' && g->in[1] != 'c') || end == g->in + 2 || (n > 0 && !g->t->thread_alive(g->opaque, n))) {
		gdb_error(g, -ESRCH);
		return;
	}
	*(g->in[1] == 'g' ? &g->general : &g->control) = n > 0 ? n : GDB_ANY;
	gdb_reply(g, "OK");
}

/* ---- stops ---- */

void gdb_stop_reply(struct gdb *g)
{
	static const char *const why[] = {"swbreak:;", "hwbreak:;", "watch:", "rwatch:", "awatch:"};
	const struct gdb_stop *s = &g->stop;

	gdb_begin(g);
	gdb_put(g, "T%02x", s->signal & 0xff);
	if (s->point >= GDB_BREAK && s->point <= GDB_WATCH_ACCESS)
		gdb_put(g, "%s", why[s->point]);
	if (s->point >= GDB_WATCH_WRITE)
		gdb_put(g, "%llx;", (unsigned long long)s->address);
	gdb_put(g, "thread:%lx;", any_thread(g));
	gdb_send(g);
}

void gdb_stopped(struct gdb *g, const struct gdb_stop *s)
{
	bool was = g->running;

	g->stop = *s;
	g->running = false;
	/* What was chosen for the last stop is not meant for this one. */
	g->general = g->control = GDB_ANY;
	if (was)
		gdb_stop_reply(g);
}

void gdb_exited(struct gdb *g, int status, bool by_signal)
{
	gdb_begin(g);
	gdb_put(g, "%c%02x", by_signal ? 'X' : 'W', status & 0xff);
	gdb_send(g);
}

void gdb_ctrl_c(struct gdb *g)
{
	if (g->command)
		gdb_command_done(g, "interrupted\n", true);
	else if (g->running)
		g->t->interrupt(g->opaque);
}

/* ---- going on ---- */

const struct gdb_action *gdb_action_for(const struct gdb_resume *r, long thread)
{
	for (unsigned i = 0; i < r->count; i++)
		if (r->action[i].thread == thread || r->action[i].thread == GDB_ALL)
			return &r->action[i];
	return NULL;
}

static void go(struct gdb *g, const struct gdb_resume *r)
{
	g->running = true;
	g->t->resume(g->opaque, r);
}

/* c, s, C, S: one thread steps or takes the signal, the others go on. */
static void resume_one(struct gdb *g)
{
	char what = (char)(g->in[0] | 0x20), *s = g->in + 1;
	struct gdb_resume r = {.count = 2, .action = {{.what = what}, {.thread = GDB_ALL, .what = 'c'}}};

	r.action[0].thread = control(g);
	if (g->in[0] < 'a') {
		r.action[0].signal = (int)strtol(s, &s, 16);
		s += *s == ';';
	}
	if (*s && g->t->set_pc(g->opaque, r.action[0].thread, strtoull(s, NULL, 16)) < 0) {
		gdb_error(g, -EINVAL);
		return;
	}
	go(g, &r);
}

/* vCont;ACTION[:THREAD]… */
static void resume_each(struct gdb *g)
{
	struct gdb_resume r = {.partial = true};
	const char *s = g->in + 5;

	while (*s == ';' && r.count < GDB_ACTIONS) {
		struct gdb_action *a = &r.action[r.count++];
		char *end = (char *)(uintptr_t)s + 2, what = s[1];

		if (what == 'C' || what == 'S')
			a->signal = (int)strtol(s + 2, &end, 16);
		a->what = (char)(what | 0x20);
		a->thread = GDB_ALL;
		if (!what || (a->what != 'c' && a->what != 's'))
			break;
		if (*end == ':') {
			a->thread = gdb_thread_number(end + 1, &end);
			if (a->thread == GDB_ANY)
				a->thread = any_thread(g);
		}
		s = end;
	}
	if (*s || !r.count) {
		gdb_error(g, -EINVAL);
		return;
	}
	go(g, &r);
}

static void verb(struct gdb *g)
{
	if (!strcmp(g->in, "vCont?")) {
		gdb_reply(g, "vCont;c;C;s;S");
	} else if (!strncmp(g->in, "vCont;", 6)) {
		resume_each(g);
	} else if (!strncmp(g->in, "vKill", 5)) {
		gdb_reply(g, "OK");
		g->t->kill(g->opaque);
	} else {
		gdb_reply(g, "");
	}
}

/* ---- the end of a session ---- */

static void detach(struct gdb *g)
{
	g->t->clear_points(g->opaque);
	gdb_reply(g, "OK");
	g->running = true;
	g->t->detach(g->opaque);
}

static void restart(struct gdb *g, bool answer)
{
	int r = g->t->restart ? g->t->restart(g->opaque) : -ENOTSUP;

	if (r == -ENOTSUP)
		gdb_reply(g, "");
	else if (r < 0)
		gdb_error(g, r);
	else if (answer)
		gdb_reply(g, "OK");
	if (r == 0)
		g->stop = (struct gdb_stop){.signal = GDB_SIGTRAP, .point = -1};
}

/* ---- packets ---- */

void gdb_packet(struct gdb *g)
{
	if (g->running) {
		g->t->interrupt(g->opaque);
		if (g->running)
			return;
	}
	switch (g->in[0]) {
	case '?':
		gdb_stop_reply(g);
		break;
	case '!':
		g->extended = g->t->restart;
		gdb_reply(g, g->extended ? "OK" : "");
		break;
	case 'H':
		choose(g);
		break;
	case 'T':
		if (g->t->thread_alive(g->opaque, gdb_thread_number(g->in + 1, NULL)))
			gdb_reply(g, "OK");
		else
			gdb_error(g, -ESRCH);
		break;
	case 'g': case 'G': case 'p': case 'P':
		gdb_registers(g);
		break;
	case 'm': case 'M': case 'X':
		gdb_memory(g);
		break;
	case 'Z': case 'z':
		gdb_points(g);
		break;
	case 'q':
		gdb_query(g);
		break;
	case 'Q':
		gdb_set(g);
		break;
	case 'v':
		verb(g);
		break;
	case 'c': case 's': case 'C': case 'S':
		resume_one(g);
		break;
	case 'D':
		detach(g);
		break;
	case 'k':
		g->t->kill(g->opaque);
		break;
	case 'r': /* of gdbs long ago, with an answer to come; now R is, without one (gdb manual) */
		restart(g, true);
		break;
	case 'R':
		restart(g, false);
		break;
	default:
		gdb_reply(g, "");
	}
}
