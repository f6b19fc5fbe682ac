/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Clocks and timers of a machine. CLOCK_VIRT stands still while the machine is stopped, and is driven by instructions under
 * -icount (and by the test that owns the clock); CLOCK_HOST is the host's time of day; CLOCK_REAL its monotonic clock.
 * Timers fire in the main loop under the machine lock, in the order of their times.
 */
#ifndef EMU_CPU_CLOCK_H
#define EMU_CPU_CLOCK_H
#include <stdbool.h>
#include <stdint.h>

struct machine;
struct timer;
enum clock_kind { CLOCK_VIRT, CLOCK_HOST, CLOCK_REAL, CLOCK_KINDS };

#define NS_PER_S 1000000000ull

uint64_t clock_ns(struct machine *m, enum clock_kind k); /* any thread */
/* a * b / c without overflow in between, for ticks and nanoseconds. */
static inline uint64_t muldiv(uint64_t a, uint64_t b, uint64_t c)
{
	return (uint64_t)((unsigned __int128)a * b / c);
}

struct timer *timer_new(struct machine *m, enum clock_kind k, void (*fn)(void *opaque), void *opaque);
void timer_free(struct timer *t); /* NULL is allowed */
void timer_set(struct timer *t, uint64_t at_ns); /* replaces; a time that is past fires soon */
void timer_stop(struct timer *t);
bool timer_armed(const struct timer *t);
uint64_t timer_at(const struct timer *t); /* UINT64_MAX: not armed */

/* ---- the machine's part; under the machine lock ---- */
void clock_start(struct machine *m); /* CLOCK_VIRT runs */
void clock_stop(struct machine *m);
bool clock_running(const struct machine *m);
void clock_set(struct machine *m, uint64_t virt_ns); /* after a load; timers keep their times */
/* The earliest timer, UINT64_MAX: none. */
uint64_t clock_next(struct machine *m, enum clock_kind k);
/* Fires what is due; returns how many. The main loop does this by itself. */
unsigned clock_fire(struct machine *m);
/*
 * Virtual time comes from elsewhere than the host (icount.c), which also fires its timers: `earlier` is called when one becomes the earliest. Before the
 * machine runs.
 */
struct clock_source {
	uint64_t (*now)(void *opaque);
	void (*set)(void *opaque, uint64_t ns);
	void (*earlier)(void *opaque);
};
void clock_source(struct machine *m, const struct clock_source *s, void *opaque);
unsigned clock_fire_virtual(struct machine *m);
/* How long the machine has been running by the host's clock, from an unknown start. */
uint64_t clock_run_ns(struct machine *m);

/* A test's machine (testing.h): all three clocks stand still but for these. Firing order is that of the timers' times. */
void clock_own(struct machine *m);
bool clock_owned(const struct machine *m);
void clock_step(struct machine *m, uint64_t ns);
/* From now on each look at the clock takes so long, as for a thread that has to wait for a processor of the host; 0: no time. */
void clock_look(struct machine *m, uint64_t ns);
uint64_t clock_step_next(struct machine *m); /* to the earliest virtual timer; returns the time now */
#endif
