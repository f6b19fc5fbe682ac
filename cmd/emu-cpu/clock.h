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
#endif
