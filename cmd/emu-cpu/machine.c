/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The machine: its lock, its run state, and what is asked of it.
 *
 * Resets, power-off and their like are *requests*: whoever makes one (a register write on a processor's thread, mostly) has the processors
 * parked, so that no guest instruction follows, and the main loop does the rest with the processors standing still.
 */
#include "machine.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include "core.h"
#include "gdb.h"
#include "icount.h"
#include "numa.h"

struct hook {
	void (*fn)(void *opaque);
	void (*state)(void *opaque, bool running);
	void *opaque;
	struct hook *next;
};

struct run_core {
	pthread_mutex_t lock;       /* of the next three */
	unsigned wanted;            /* bits 1 << enum request */
	const char *cause[REQUEST_QUIT + 1];
	bool posted;
	struct hook *state, *powerdown, *suspend, *wakeup, *nmi;
};

static struct run_core *core(const struct machine *m)
{
	return m->parts->run;
}

static const char *const state_names[] = {
	[RUN_PRELAUNCH] = "prelaunch", [RUN_RUNNING] = "running", [RUN_PAUSED] = "paused", [RUN_SUSPENDED] = "suspended",
	[RUN_SHUTDOWN] = "shutdown", [RUN_INTERNAL_ERROR] = "internal-error", [RUN_IO_ERROR] = "io-error", [RUN_WATCHDOG] = "watchdog",
	[RUN_GUEST_PANICKED] = "guest-panicked", [RUN_INMIGRATE] = "inmigrate", [RUN_SAVING] = "save-vm", [RUN_DEBUG] = "debug",
};

const char *run_state_name(enum run_state s)
{
	return state_names[s];
}

/* ---- the lock ---- */

void machine_lock(struct machine *m)
{
	pthread_mutex_lock(&m->turn);
	pthread_mutex_lock(&m->lock);
	pthread_mutex_unlock(&m->turn);
	atomic_store_explicit(&m->owner, pthread_self(), memory_order_relaxed);
}

void machine_unlock(struct machine *m)
{
	atomic_store_explicit(&m->owner, (pthread_t)0, memory_order_relaxed);
	pthread_mutex_unlock(&m->lock);
}

bool machine_locked_by_me(const struct machine *m)
{
	return pthread_equal(atomic_load_explicit(&m->owner, memory_order_relaxed), pthread_self());
}

/* ---- hooks ---- */

static void add_hook(struct hook **list, struct hook h)
{
	struct hook *copy = malloc(sizeof *copy);

	if (!copy)
		die(1, "out of memory");
	*copy = h;
	while (*list)
		list = &(*list)->next;
	*list = copy;
}

static void call_hooks(const struct hook *h)
{
	for (; h; h = h->next)
		h->fn(h->opaque);
}

static void free_hooks(struct hook *h)
{
	while (h) {
		struct hook *next = h->next;
		free(h);
		h = next;
	}
}

void machine_on_state(struct machine *m, void (*fn)(void *opaque, bool running), void *opaque)
{
	add_hook(&core(m)->state, (struct hook){.state = fn, .opaque = opaque});
}

void machine_off_state(struct machine *m, void *opaque)
{
	struct hook **h = &core(m)->state;

	while (*h && (*h)->opaque != opaque)
		h = &(*h)->next;
	if (*h) {
		struct hook *gone = *h;
		*h = gone->next;
		free(gone);
	}
}

void machine_on_powerdown(struct machine *m, void (*fn)(void *opaque), void *opaque)
{
	add_hook(&core(m)->powerdown, (struct hook){.fn = fn, .opaque = opaque});
}

void machine_on_suspend(struct machine *m, void (*fn)(void *opaque), void *opaque)
{
	add_hook(&core(m)->suspend, (struct hook){.fn = fn, .opaque = opaque});
}

void machine_on_wakeup(struct machine *m, void (*fn)(void *opaque), void *opaque)
{
	add_hook(&core(m)->wakeup, (struct hook){.fn = fn, .opaque = opaque});
}

void machine_on_nmi(struct machine *m, void (*fn)(void *opaque), void *opaque)
{
	add_hook(&core(m)->nmi, (struct hook){.fn = fn, .opaque = opaque});
}

/* ---- run state ---- */

static void set_state(struct machine *m, enum run_state to)
{
	bool was = m->state == RUN_RUNNING, is = to == RUN_RUNNING;

	m->state = to;
	if (was == is)
		return;
	if (is && !m->clock_held)
		clock_start(m);
	else if (!is)
		clock_stop(m);
	for (const struct hook *h = core(m)->state; h; h = h->next)
		h->state(h->opaque, is);
	machine_event(m, is ? "RESUME" : "STOP", NULL);
	if (is)
		vcpus_resume(m);
}

struct stop_later {
	struct machine *machine;
	enum run_state why;
};

static void stop_now(void *opaque)
{
	struct stop_later *s = opaque;

	machine_lock(s->machine);
	machine_stop(s->machine, s->why);
	machine_unlock(s->machine);
	free(s);
}

void machine_stop(struct machine *m, enum run_state why)
{
	if (loop_is_mine(m->loop)) {
		if (m->state == RUN_RUNNING)
			vcpus_pause(m);
		set_state(m, why);
		return;
	}
	/* A processor or a drive's thread: no guest instruction follows, the main loop does it. */
	struct stop_later *s = malloc(sizeof *s);
	vcpus_park(m);
	if (!s)
		return;
	*s = (struct stop_later){m, why};
	if (loop_post_or(m->loop, stop_now, s, free) < 0)
		free(s);
}

void machine_continue(struct machine *m)
{
	if (m->state != RUN_RUNNING)
		set_state(m, RUN_RUNNING);
}

/* ---- requests ---- */

static bool by_guest(const char *cause)
{
	return cause && !strncmp(cause, "guest", 5);
}

static void do_reset(struct machine *m, const char *cause)
{
	machine_reset(m);
	machine_event(m, "RESET", json_pack("{s:b, s:s}", "guest", by_guest(cause), "reason", cause ? cause : "host-error"));
	if (m->state == RUN_SHUTDOWN || m->state == RUN_INTERNAL_ERROR || m->state == RUN_GUEST_PANICKED)
		set_state(m, RUN_PAUSED);
}

static void do_shutdown(struct machine *m, const char *cause, bool quit)
{
	machine_event(m, "SHUTDOWN", json_pack("{s:b, s:s}", "guest", by_guest(cause), "reason", cause ? cause : "host-error"));
	if (m->config.no_shutdown && !quit) {
		set_state(m, RUN_SHUTDOWN);
		return;
	}
	set_state(m, RUN_SHUTDOWN);
	loop_stop(m->loop, 0);
}

static void carry_out(void *opaque)
{
	struct machine *m = opaque;
	struct run_core *c = core(m);
	const char *cause[REQUEST_QUIT + 1];
	unsigned wanted;

	pthread_mutex_lock(&c->lock);
	wanted = c->wanted;
	c->wanted = 0;
	c->posted = false;
	memcpy(cause, c->cause, sizeof cause);
	pthread_mutex_unlock(&c->lock);

	machine_lock(m);
	vcpus_pause(m);
	if (wanted & 1u << REQUEST_RESET) {
		if (m->config.no_reboot)
			wanted |= 1u << REQUEST_SHUTDOWN, cause[REQUEST_SHUTDOWN] = cause[REQUEST_RESET];
		else
			do_reset(m, cause[REQUEST_RESET]);
	}
	if (wanted & 1u << REQUEST_POWERDOWN) {
		machine_event(m, "POWERDOWN", NULL);
		call_hooks(c->powerdown);
	}
	if (wanted & 1u << REQUEST_SUSPEND && m->state == RUN_RUNNING) {
		call_hooks(c->suspend);
		set_state(m, RUN_SUSPENDED);
		machine_event(m, "SUSPEND", NULL);
	}
	if (wanted & 1u << REQUEST_WAKEUP && m->state == RUN_SUSPENDED) {
		machine_reset(m);
		call_hooks(c->wakeup);
		set_state(m, RUN_RUNNING);
		machine_event(m, "WAKEUP", NULL);
	}
	if (wanted & (1u << REQUEST_SHUTDOWN | 1u << REQUEST_QUIT))
		do_shutdown(m, cause[wanted & 1u << REQUEST_QUIT ? REQUEST_QUIT : REQUEST_SHUTDOWN], wanted & 1u << REQUEST_QUIT);
	if (m->state == RUN_RUNNING)
		vcpus_resume(m);
	machine_unlock(m);
}

void machine_request(struct machine *m, enum request what, const char *cause)
{
	struct run_core *c = core(m);
	bool post;

	pthread_mutex_lock(&c->lock);
	c->wanted |= 1u << what;
	c->cause[what] = cause;
	post = !c->posted;
	c->posted = true;
	pthread_mutex_unlock(&c->lock);
	if (what != REQUEST_POWERDOWN && what != REQUEST_WAKEUP)
		vcpus_park(m);
	if (post)
		loop_post(m->loop, carry_out, m);
}

void machine_exit(struct machine *m, int status)
{
	machine_event(m, "X_EXIT", json_pack("{s:i}", "status", status));
	vcpus_park(m);
	loop_stop(m->loop, status);
}

void machine_nmi(struct machine *m)
{
	if (core(m)->nmi)
		call_hooks(core(m)->nmi);
	else
		vcpus_nmi(m);
}

void machine_event(struct machine *m, const char *name, void *json_data)
{
	if (m->ctl)
		ctl_event(m->ctl, name, json_data);
	else
		json_decref(json_data);
}

static const char *const watchdog_names[] = {
	[WATCHDOG_RESET] = "reset", [WATCHDOG_SHUTDOWN] = "shutdown", [WATCHDOG_POWEROFF] = "poweroff",
	[WATCHDOG_INJECT_NMI] = "inject-nmi", [WATCHDOG_PAUSE] = "pause", [WATCHDOG_DEBUG] = "debug", [WATCHDOG_NONE] = "none",
};

void machine_watchdog(struct machine *m)
{
	enum watchdog_action a = (enum watchdog_action)m->config.watchdog_action;

	machine_event(m, "WATCHDOG", json_pack("{s:s}", "action", watchdog_names[a]));
	switch (a) {
	case WATCHDOG_RESET:
		machine_request(m, REQUEST_RESET, "host-error");
		break;
	case WATCHDOG_SHUTDOWN:
		machine_request(m, REQUEST_POWERDOWN, "host-error");
		break;
	case WATCHDOG_POWEROFF:
		machine_request(m, REQUEST_QUIT, "host-error");
		break;
	case WATCHDOG_INJECT_NMI:
		machine_nmi(m);
		break;
	case WATCHDOG_PAUSE:
		machine_stop(m, RUN_WATCHDOG);
		break;
	case WATCHDOG_DEBUG:
		err_print("watchdog: timer fired");
		break;
	case WATCHDOG_NONE:
		break;
	}
}

void machine_panicked(struct machine *m, unsigned how)
{
	(void)how;
	machine_event(m, "GUEST_PANICKED", json_pack("{s:s}", "action", m->config.no_shutdown ? "pause" : "poweroff"));
	if (m->config.no_shutdown)
		machine_stop(m, RUN_GUEST_PANICKED);
	else
		machine_request(m, REQUEST_SHUTDOWN, "guest-panic");
}

/* ---- set-up ---- */

int run_core_init(struct machine *m, struct err *e)
{
	struct run_core *c = calloc(1, sizeof *c);

	if (!c)
		return err_set(e, ENOMEM, "out of memory");
	pthread_mutex_init(&c->lock, NULL);
	m->parts->run = c;
	return 0;
}

void run_core_free(struct machine *m)
{
	struct run_core *c = core(m);

	if (!c)
		return;
	free_hooks(c->state);
	free_hooks(c->powerdown);
	free_hooks(c->suspend);
	free_hooks(c->wakeup);
	free_hooks(c->nmi);
	pthread_mutex_destroy(&c->lock);
	free(c);
	m->parts->run = NULL;
}

struct machine *machine_new(struct loop *loop, const struct machine_config *config, struct err *e)
{
	struct machine *m = calloc(1, sizeof *m);

	if (!m || !(m->parts = calloc(1, sizeof *m->parts))) {
		free(m);
		err_set(e, ENOMEM, "out of memory");
		return NULL;
	}
	m->loop = loop;
	m->config = *config;
	m->state = RUN_PRELAUNCH;
	pthread_mutex_init(&m->lock, NULL);
	pthread_mutex_init(&m->turn, NULL);
	if (run_core_init(m, e) < 0 || vcpu_core_init(m, e) < 0 || clock_core_init(m, e) < 0 || memory_core_init(m, e) < 0 || save_core_init(m, e) < 0 ||
	    object_core_init(m, e) < 0 || serial_core_init(m, e) < 0 || net_core_init(m, e) < 0 || drive_core_init(m, e) < 0 || input_core_init(m, e) < 0 ||
	    display_core_init(m, e) < 0 || device_core_init(m, e) < 0) {
		machine_free(m);
		return NULL;
	}
	return m;
}

void machine_free(struct machine *m)
{
	if (!m)
		return;
	vcpus_free(m);
	machine_lock(m);
	gdb_core_free(m);
	device_core_free(m);
	drive_core_free(m);
	display_core_free(m);
	input_held_free(m);
	input_core_free(m);
	net_core_free(m);
	serial_core_free(m);
	/* Main memory and the system's spaces are the board's making, and the machine's to free. */
	space_free(m->memory);
	space_free(m->ports);
	vcpu_core_free(m);
	object_core_free(m);
	save_core_free(m);
	memory_core_free(m);
	clock_core_free(m);
	icount_free(m);
	run_core_free(m);
	machine_unlock(m);
	for (const struct prop *p = m->board ? m->board->props : NULL; p && p->name && m->options; p++)
		prop_free(m->options, p);
	free(m->options);
	numa_free(m->numa);
	free(m->parts);
	pthread_mutex_destroy(&m->lock);
	pthread_mutex_destroy(&m->turn);
	free(m);
}
