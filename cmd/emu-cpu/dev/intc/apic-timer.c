/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The local APIC's timer (SDM vol. 3, 10.5.4): one-shot, periodic, TSC deadline. Its bus clock is 1 GHz, a nanosecond of the virtual clock.
 * The current count is computed from the time that has passed. A host too slow for the period loses interrupts, it does not queue them.
 */
#include "apic.h"

/* Periodic interrupts come no closer than this: a guest that asks for one a nanosecond must not keep the machine from everything else. */
#define LEAST_NS 10000

static unsigned timer_shift(const struct apic *a)
{
	return (((a->divide & 3) | (a->divide >> 1 & 4)) + 1) & 7; /* 0000: by 2 … 1011: by 1 */
}

static uint64_t timer_now(const struct apic *a)
{
	return clock_ns(a->dev.machine, CLOCK_VIRT);
}

static uint32_t timer_mode(const struct apic *a)
{
	return a->lvt[LVT_TIMER] & LVT_TIMER_MODE;
}

/*
 * For what the registers say at the time `now`. Who changes them has looked at the clock once, for timer_settle() too: a thread that loses its processor
 * between two looks, for longer than the count, would find the count over and nobody would have told the guest.
 */
static void timer_arm(struct apic *a, uint64_t now)
{
	uint64_t period = (uint64_t)a->initial_count << timer_shift(a), passed, next;

	if (timer_mode(a) == LVT_DEADLINE) {
		uint64_t tsc = a->processor->tsc(a->vcpu), hz = a->processor->tsc_hz(a->vcpu), left;

		if (!a->deadline || !hz) {
			timer_stop(a->timer);
			return;
		}
		left = a->deadline > tsc ? a->deadline - tsc : 0;
		/* further away than the clock reaches: never */
		if (left / hz > UINT64_MAX / NS_PER_S / 4)
			timer_stop(a->timer);
		else
			timer_set(a->timer, now + muldiv(left, NS_PER_S, hz) + (left ? 1 : 0));
		return;
	}
	passed = now > a->timer_start ? now - a->timer_start : 0;
	if (!a->initial_count || (a->lvt[LVT_TIMER] & LVT_MASKED) || (timer_mode(a) == LVT_ONE_SHOT && passed >= period)) {
		timer_stop(a->timer);
		return;
	}
	next = a->timer_start + (passed / period + 1) * period;
	if (timer_mode(a) == LVT_PERIODIC && period < LEAST_NS && next < now + LEAST_NS)
		next = now + LEAST_NS;
	timer_set(a->timer, next);
}

static void timer_fired(void *opaque)
{
	struct apic *a = opaque;

	if (timer_mode(a) == LVT_DEADLINE) {
		if (a->deadline && a->processor->tsc(a->vcpu) < a->deadline) {
			timer_arm(a, timer_now(a)); /* the two clocks need not run alike */
			return;
		}
		if (!a->deadline)
			return;
		a->deadline = 0;
	} else {
		timer_arm(a, timer_now(a));
	}
	apic_local(a, LVT_TIMER);
}

/* What is over at the time `now` has interrupted before the registers change, though the main loop has not come to it yet. */
static void timer_settle(struct apic *a, uint64_t now)
{
	if (timer_at(a->timer) > now)
		return;
	timer_stop(a->timer);
	timer_fired(a);
}

void apic_timer_init(struct apic *a)
{
	a->timer = timer_new(a->dev.machine, CLOCK_VIRT, timer_fired, a);
}

void apic_timer_stop(struct apic *a)
{
	a->initial_count = 0;
	a->deadline = 0;
	timer_stop(a->timer);
}

static uint32_t count_at(const struct apic *a, uint64_t now)
{
	uint64_t ticks;

	if (!a->initial_count || timer_mode(a) == LVT_DEADLINE)
		return 0;
	ticks = (now - a->timer_start) >> timer_shift(a);
	if (timer_mode(a) == LVT_ONE_SHOT)
		return ticks >= a->initial_count ? 0 : a->initial_count - (uint32_t)ticks;
	return a->initial_count - (uint32_t)(ticks % a->initial_count);
}

uint32_t apic_timer_count(struct apic *a)
{
	return count_at(a, timer_now(a));
}

void apic_timer_start(struct apic *a, uint32_t initial)
{
	uint64_t now = timer_now(a);

	if (timer_mode(a) == LVT_DEADLINE) /* "writes to the initial-count register are ignored" */
		return;
	timer_settle(a, now);
	a->initial_count = initial;
	a->timer_start = now;
	timer_arm(a, now);
}

void apic_timer_divide(struct apic *a, uint32_t value)
{
	uint64_t now = timer_now(a), gone;

	timer_settle(a, now);
	gone = a->initial_count ? a->initial_count - count_at(a, now) : 0;
	a->divide = value & 0xb;
	gone <<= timer_shift(a);
	a->timer_start = now > gone ? now - gone : 0; /* the count goes on from where it is, at the new rate */
	timer_arm(a, now);
}

void apic_timer_lvt(struct apic *a, uint32_t value)
{
	uint32_t before = timer_mode(a);
	uint64_t now = timer_now(a);

	timer_settle(a, now);
	a->lvt[LVT_TIMER] = value;
	if ((before == LVT_DEADLINE) != (timer_mode(a) == LVT_DEADLINE))
		apic_timer_stop(a);
	timer_arm(a, now);
}

void apic_timer_deadline(struct apic *a, uint64_t tsc)
{
	uint64_t now = timer_now(a);

	if (timer_mode(a) != LVT_DEADLINE)
		return;
	timer_settle(a, now);
	a->deadline = tsc;
	if (tsc && a->processor->tsc(a->vcpu) >= tsc)
		timer_fired(a);
	else
		timer_arm(a, now);
}
