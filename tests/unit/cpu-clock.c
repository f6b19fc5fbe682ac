/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Clocks and timers: a test's own clock, and the host's through the event loop. */
#include <time.h>
#include "../../cmd/emu-cpu/core.h"
#include "../../cmd/emu-cpu/testing.h"
#include "tap.h"

static char order[200];

struct named {
	char name;
	struct timer *t;
	struct machine *m;
	uint64_t period, fired_at;
	unsigned fired;
};

static void fire(void *opaque)
{
	struct named *n = opaque;
	size_t len = strlen(order);

	n->fired++;
	n->fired_at = clock_ns(n->m, CLOCK_VIRT);
	snprintf(order + len, sizeof order - len, "%c", n->name);
	if (n->period)
		timer_set(n->t, n->fired_at + n->period);
}

static void owned(void)
{
	struct machine *m = machine_new_test();
	struct named a = {'a', NULL, m, 0, 0, 0}, b = {'b', NULL, m, 0, 0, 0}, c = {'c', NULL, m, 30, 0, 0};

	a.t = timer_new(m, CLOCK_VIRT, fire, &a);
	b.t = timer_new(m, CLOCK_REAL, fire, &b);
	c.t = timer_new(m, CLOCK_VIRT, fire, &c);
	ok(!timer_armed(a.t) && timer_at(a.t) == UINT64_MAX, "a new timer is not armed");
	timer_set(a.t, 100);
	timer_set(b.t, 50);
	timer_set(c.t, 30);
	clock_step(m, 29);
	ok_str(order, "", "nothing fires early");
	clock_step(m, 1);
	ok_str(order, "c", "the first at its time");
	clock_step(m, 70);
	ok_str(order, "cbcca", "all in the order of their times");
	ok_eq(a.fired_at, 100, "each sees its own time");
	ok_eq(clock_ns(m, CLOCK_VIRT), 100, "the clock stands where it was stepped to");
	ok_eq(clock_next(m, CLOCK_VIRT), 120, "the next is known");
	ok_eq(clock_step_next(m), 120, "and can be stepped to");
	ok_eq(c.fired, 4, "where it fires");
	timer_stop(c.t);
	*order = 0;
	timer_set(a.t, 200);
	c.period = 0;
	timer_set(c.t, 200);
	timer_set(a.t, 200);
	clock_step(m, 1000);
	ok_str(order, "ca", "of equal times the one armed first is first");
	timer_set(a.t, 5);
	clock_step(m, 0);
	ok_str(order, "caa", "a time that is past fires at once");
	timer_free(a.t);
	timer_free(b.t);
	timer_free(c.t);
	timer_free(NULL);

	/* Many, armed and stopped at random, against counting. */
	enum { N = 300 };
	struct timer *t[N];
	struct named n[N];
	unsigned seed = 3, wrong = 0;
	uint64_t at[N], now = clock_ns(m, CLOCK_VIRT);
	for (unsigned i = 0; i < N; i++) {
		n[i] = (struct named){'x', NULL, m, 0, 0, 0};
		n[i].t = t[i] = timer_new(m, CLOCK_VIRT, fire, &n[i]);
	}
	for (unsigned round = 0; round < 50; round++) {
		for (unsigned i = 0; i < N; i++) {
			*order = 0;
			n[i].fired = 0;
			at[i] = now + (unsigned)rand_r(&seed) % 1000;
			timer_set(t[i], at[i]);
			if (rand_r(&seed) % 3 == 0) {
				timer_stop(t[i]);
				at[i] = UINT64_MAX;
			}
		}
		clock_step(m, 500);
		now += 500;
		for (unsigned i = 0; i < N; i++) {
			wrong += n[i].fired != (at[i] <= now) || (n[i].fired && n[i].fired_at != at[i]);
			timer_stop(t[i]);
		}
	}
	ok_eq(wrong, 0, "hundreds of timers at random fire exactly when they should");
	for (unsigned i = 0; i < N; i++)
		timer_free(t[i]);
	machine_free_test(m);
}

struct waker {
	struct machine *m;
	struct timer *t;
};

static void *arm_from_elsewhere(void *opaque)
{
	struct waker *w = opaque;

	nanosleep(&(struct timespec){0, 20000000}, NULL);
	machine_lock(w->m);
	timer_set(w->t, clock_ns(w->m, CLOCK_VIRT) + 1000000);
	machine_unlock(w->m);
	return NULL;
}

static void stop_loop(void *opaque)
{
	loop_stop(opaque, 7);
}

static void hosts(void)
{
	struct err e = ERR_INIT;
	struct machine_config config = {.board = "none"};
	struct loop *loop = loop_new(&e);
	struct machine *m = machine_new(loop, &config, &e);
	uint64_t stood, ran;
	struct waker w = {m, NULL};
	pthread_t thread;
	struct loop_timer *guard;

	ok(m != NULL, "a machine");
	ok_eq(clock_ns(m, CLOCK_VIRT), 0, "whose clock stands at zero");
	machine_lock(m);
	machine_continue(m);
	machine_unlock(m);
	nanosleep(&(struct timespec){0, 5000000}, NULL);
	ran = clock_ns(m, CLOCK_VIRT);
	ok(ran >= 5000000, "it runs with the machine");
	machine_lock(m);
	machine_stop(m, RUN_PAUSED);
	stood = clock_ns(m, CLOCK_VIRT);
	machine_unlock(m);
	nanosleep(&(struct timespec){0, 5000000}, NULL);
	ok_eq(clock_ns(m, CLOCK_VIRT), stood, "and stands still with it");
	machine_lock(m);
	machine_continue(m);
	ok(clock_ns(m, CLOCK_VIRT) - stood < 4000000000u, "going on where it stood");
	clock_set(m, 1ull << 62);
	ok(clock_ns(m, CLOCK_VIRT) >> 62 == 1 && clock_running(m), "it can be set to any time");
	clock_set(m, 5);
	machine_unlock(m);
	/* A timer armed by another thread wakes a loop that sleeps without end. */
	w.t = timer_new(m, CLOCK_VIRT, stop_loop, loop);
	guard = loop_add_timer(loop, stop_loop, loop);
	loop_set_timer(guard, loop_now() + 20000000000u);
	uint64_t start = loop_now();
	pthread_create(&thread, NULL, arm_from_elsewhere, &w);
	ok_eq(loop_run(loop), 7, "the loop ends by the timer");
	pthread_join(thread, NULL);
	ok(loop_now() - start < 15000000000u, "and not by the guard");
	loop_del_timer(guard);
	timer_free(w.t);
	machine_free(m);
	loop_free(loop);
}

int main(void)
{
	owned();
	hosts();
	return tap_done();
}
