/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation: a binary heap of armed timers for each clock, and one timer of the event loop for the earliest of all. Processors
 * arm timers too (under the machine lock); when theirs is the earliest the loop is woken by a posted call, of which at most one is on its way.
 *
 * CLOCK_VIRT is the host's monotonic clock plus an offset that changes at stop and continue. Readers need no lock: the pair (running,
 * offset) is one 64-bit word, as an offset is below 2^63: bit 63 set means that time stands still at the rest of the word.
 */
#include "clock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "core.h"

#define STILL (1ull << 63)
#define FIRE_MAX 4096 /* in one turn: a timer that is always late must not keep the loop from its other work */
#define TEST_EPOCH 1514764800ull /* 2018-01-01: the host's time when a test's clock is 0, in seconds */

struct timer {
	struct machine *machine;
	enum clock_kind kind;
	uint64_t at, order; /* of equal times, the one armed first is first */
	size_t slot;        /* in the heap; SIZE_MAX: not armed */
	void (*fn)(void *opaque);
	void *opaque;
};

struct heap {
	struct timer **timer;
	size_t count, size, made; /* made: timers of this clock, for which there is room */
};

struct clock_core {
	struct heap heap[CLOCK_KINDS];
	_Atomic uint64_t offset; /* see above */
	_Atomic bool owned;      /* by a test */
	_Atomic uint64_t now;    /* of a test */
	uint64_t look;           /* of a test: what each look at it takes */
	const struct clock_source *source;
	void *source_opaque;
	uint64_t order;
	struct loop_timer *wake;
	uint64_t wake_at;        /* what the loop's timer is set to */
	pthread_t main;
	bool posted, firing, firing_virtual;
};

static struct clock_core *core(const struct machine *m)
{
	return m->parts->clock;
}

uint64_t clock_run_ns(struct machine *m)
{
	uint64_t offset = atomic_load_explicit(&core(m)->offset, memory_order_acquire);

	return offset & STILL ? offset & ~STILL : (loop_now() - offset) & ~STILL;
}

uint64_t clock_ns(struct machine *m, enum clock_kind k)
{
	struct clock_core *c = core(m);
	struct timespec ts;

	if (atomic_load_explicit(&c->owned, memory_order_relaxed))
		return atomic_fetch_add(&c->now, c->look) + (k == CLOCK_HOST ? TEST_EPOCH * NS_PER_S : 0);
	switch (k) {
	case CLOCK_HOST:
		clock_gettime(CLOCK_REALTIME, &ts);
		return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
	case CLOCK_VIRT:
		return c->source ? c->source->now(c->source_opaque) : clock_run_ns(m);
	default:
		return loop_now();
	}
}

/* ---- heaps ---- */

static bool before(const struct timer *a, const struct timer *b)
{
	return a->at != b->at ? a->at < b->at : a->order < b->order;
}

static void place(struct heap *h, size_t slot, struct timer *t)
{
	h->timer[slot] = t;
	t->slot = slot;
}

static void sift(struct heap *h, size_t slot, struct timer *t)
{
	for (; slot > 0 && before(t, h->timer[(slot - 1) / 2]); slot = (slot - 1) / 2)
		place(h, slot, h->timer[(slot - 1) / 2]);
	for (;;) {
		size_t child = 2 * slot + 1;
		if (child >= h->count)
			break;
		if (child + 1 < h->count && before(h->timer[child + 1], h->timer[child]))
			child++;
		if (!before(h->timer[child], t))
			break;
		place(h, slot, h->timer[child]);
		slot = child;
	}
	place(h, slot, t);
}

static void take_out(struct heap *h, struct timer *t)
{
	size_t slot = t->slot;
	struct timer *last;

	if (slot == SIZE_MAX)
		return;
	t->slot = SIZE_MAX;
	last = h->timer[--h->count];
	if (last != t)
		sift(h, slot, last);
}

/* ---- the loop's timer ---- */

/* The earliest of all in the loop's time, UINT64_MAX: none. */
static uint64_t deadline(struct machine *m)
{
	struct clock_core *c = core(m);
	uint64_t best = UINT64_MAX, mono = loop_now();

	for (unsigned k = 0; k < CLOCK_KINDS; k++) {
		uint64_t at, now;
		if (!c->heap[k].count || (k == CLOCK_VIRT && !clock_running(m)))
			continue;
		at = c->heap[k].timer[0]->at;
		if (k == CLOCK_VIRT && c->source)
			continue; /* who drives the time fires them */
		now = k == CLOCK_REAL ? mono : clock_ns(m, (enum clock_kind)k);
		if (at > now && at - now > INT64_MAX / 2)
			continue;
		at = at > now ? mono + (at - now) : mono;
		/* The host's clock can be set: look again now and then. */
		if (k == CLOCK_HOST && at > mono + NS_PER_S)
			at = mono + NS_PER_S;
		if (at < best)
			best = at;
	}
	return best;
}

static void wake_up(void *opaque);

static void set_wake(struct machine *m)
{
	struct clock_core *c = core(m);
	uint64_t at = deadline(m);

	if (at == c->wake_at)
		return;
	c->wake_at = at;
	loop_set_timer(c->wake, at);
}

static void posted(void *opaque)
{
	struct machine *m = opaque;

	machine_lock(m);
	core(m)->posted = false;
	set_wake(m);
	machine_unlock(m);
}

/* Something earlier may have come. */
static void rearm(struct machine *m)
{
	struct clock_core *c = core(m);

	if (c->owned || c->firing)
		return;
	if (pthread_equal(pthread_self(), c->main)) {
		set_wake(m);
	} else if (!c->posted && deadline(m) < c->wake_at) {
		c->posted = loop_post(m->loop, posted, m) == 0;
	}
}

static unsigned fire(struct machine *m, enum clock_kind k, uint64_t now)
{
	struct heap *h = &core(m)->heap[k];
	unsigned n = 0;

	while (n < FIRE_MAX && h->count && h->timer[0]->at <= now) {
		struct timer *t = h->timer[0];
		take_out(h, t);
		n++;
		t->fn(t->opaque);
	}
	return n;
}

unsigned clock_fire(struct machine *m)
{
	struct clock_core *c = core(m);
	unsigned n = 0;

	if (c->firing)
		return 0;
	c->firing = true;
	for (unsigned k = 0; k < CLOCK_KINDS; k++)
		if (k != CLOCK_VIRT || (clock_running(m) && !c->source))
			n += fire(m, (enum clock_kind)k, clock_ns(m, (enum clock_kind)k));
	c->firing = false;
	rearm(m);
	return n;
}

unsigned clock_fire_virtual(struct machine *m)
{
	struct clock_core *c = core(m);
	unsigned n;

	if (c->firing_virtual)
		return 0;
	c->firing_virtual = true;
	n = fire(m, CLOCK_VIRT, clock_ns(m, CLOCK_VIRT));
	c->firing_virtual = false;
	return n;
}

static void wake_up(void *opaque)
{
	struct machine *m = opaque;

	machine_lock(m);
	core(m)->wake_at = UINT64_MAX;
	clock_fire(m);
	machine_unlock(m);
}

/* ---- timers ---- */

struct timer *timer_new(struct machine *m, enum clock_kind k, void (*fn)(void *opaque), void *opaque)
{
	struct heap *h = &core(m)->heap[k];
	struct timer *t = calloc(1, sizeof *t);

	if (!t)
		die(1, "out of memory for a timer");
	/* Room for every timer at once, so that arming one cannot fail. */
	if (++h->made > h->size) {
		size_t size = 2 * h->made;
		struct timer **more = realloc(h->timer, size * sizeof *more);
		if (!more)
			die(1, "out of memory for a timer");
		h->timer = more;
		h->size = size;
	}
	*t = (struct timer){.machine = m, .kind = k, .slot = SIZE_MAX, .fn = fn, .opaque = opaque};
	return t;
}

void timer_free(struct timer *t)
{
	if (!t)
		return;
	timer_stop(t);
	core(t->machine)->heap[t->kind].made--;
	free(t);
}

void timer_set(struct timer *t, uint64_t at_ns)
{
	struct clock_core *c = core(t->machine);
	struct heap *h = &c->heap[t->kind];

	take_out(h, t);
	t->at = at_ns;
	t->order = c->order++;
	sift(h, h->count++, t);
	if (t->slot != 0)
		return;
	if (t->kind == CLOCK_VIRT && c->source) {
		if (!c->firing_virtual) /* who fires looks afterwards */
			c->source->earlier(c->source_opaque);
	} else {
		rearm(t->machine);
	}
}

void timer_stop(struct timer *t)
{
	take_out(&core(t->machine)->heap[t->kind], t);
}

bool timer_armed(const struct timer *t)
{
	return t->slot != SIZE_MAX;
}

uint64_t timer_at(const struct timer *t)
{
	return timer_armed(t) ? t->at : UINT64_MAX;
}

/* ---- the machine's part ---- */

bool clock_running(const struct machine *m)
{
	return !(core(m)->offset & STILL);
}

void clock_start(struct machine *m)
{
	struct clock_core *c = core(m);
	uint64_t offset = c->offset;

	if (!(offset & STILL))
		return;
	atomic_store_explicit(&c->offset, (loop_now() - (offset & ~STILL)) & ~STILL, memory_order_release);
	rearm(m);
}

void clock_stop(struct machine *m)
{
	struct clock_core *c = core(m);

	if (clock_running(m))
		atomic_store_explicit(&c->offset, STILL | (loop_now() - c->offset), memory_order_release);
	rearm(m);
}

void clock_set(struct machine *m, uint64_t virt_ns)
{
	struct clock_core *c = core(m);

	if (c->source)
		c->source->set(c->source_opaque, virt_ns);
	else if (c->owned)
		c->now = virt_ns;
	else if (clock_running(m))
		c->offset = (loop_now() - virt_ns) & ~STILL;
	else
		c->offset = STILL | virt_ns;
	rearm(m);
}

uint64_t clock_next(struct machine *m, enum clock_kind k)
{
	struct heap *h = &core(m)->heap[k];

	return h->count ? h->timer[0]->at : UINT64_MAX;
}

void clock_source(struct machine *m, const struct clock_source *s, void *opaque)
{
	core(m)->source_opaque = opaque;
	core(m)->source = s;
}

bool clock_owned(const struct machine *m)
{
	return core(m)->owned;
}

void clock_own(struct machine *m)
{
	core(m)->owned = true;
	core(m)->offset = 0; /* it runs */
}

void clock_look(struct machine *m, uint64_t ns)
{
	core(m)->look = ns;
}

void clock_step(struct machine *m, uint64_t ns)
{
	struct clock_core *c = core(m);
	uint64_t end = c->now + ns;

	/* Bounded: a timer that arms itself for the present again and again gets so many turns. */
	for (unsigned turns = 0; turns < 1000000; turns++) {
		uint64_t next = UINT64_MAX;
		for (unsigned k = 0; k < CLOCK_KINDS; k++) {
			uint64_t at = clock_next(m, (enum clock_kind)k);
			if (k == CLOCK_HOST && at != UINT64_MAX)
				at = at > TEST_EPOCH * NS_PER_S ? at - TEST_EPOCH * NS_PER_S : 0;
			if (at < next)
				next = at;
		}
		if (next > end)
			break;
		if (next > c->now)
			c->now = next;
		clock_fire(m);
	}
	c->now = end;
}

uint64_t clock_step_next(struct machine *m)
{
	struct clock_core *c = core(m);
	uint64_t next = clock_next(m, CLOCK_VIRT);

	if (next != UINT64_MAX)
		clock_step(m, next > c->now ? next - c->now : 0);
	return c->now;
}

int clock_core_init(struct machine *m, struct err *e)
{
	struct clock_core *c = calloc(1, sizeof *c);

	if (!c)
		return err_set(e, ENOMEM, "out of memory");
	m->parts->clock = c;
	c->offset = STILL;
	c->main = pthread_self();
	c->wake_at = UINT64_MAX;
	c->wake = loop_add_timer(m->loop, wake_up, m);
	return c->wake ? 0 : err_set(e, ENOMEM, "out of memory");
}

void clock_core_free(struct machine *m)
{
	struct clock_core *c = core(m);

	if (!c)
		return;
	loop_del_timer(c->wake);
	for (unsigned k = 0; k < CLOCK_KINDS; k++)
		free(c->heap[k].timer);
	free(c);
	m->parts->clock = NULL;
}
