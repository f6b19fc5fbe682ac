/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * High precision event timers.
 *
 * IA-PC HPET Specification 1.0a (October 2004). A 64-bit counter of 100 MHz; all comparators are 64 bits wide and periodic-capable.
 *
 * Wiring: hpet_connect() for the I/O APIC's pins that "hpet-intcap" names; with legacy replacement timers 0 and 1 take the place of the 8254 and
 * the RTC on IRQ 0 and 8 (hpet_connect_legacy(); those two come in at hpet_legacy_inputs()). With msi=on any timer may store a message.
 * An edge is a fall and a rise at once; the line then stays high until the next, as an 8259A must see it.
 * Properties: timers (3..32), msi, hpet-intcap (mask of pins).
 *
 *   000 capabilities (R)   010 configuration: 0 ENABLE, 1 LEG_RT   020 interrupt status (level; write 1 to clear)   0f0 main counter
 *   100+20n configuration: 1 level, 2 enable, 3 periodic, 4 5 15 (R) can, 6 set value, 8 32 bits, 13:9 pin, 14 FSB, 63:32 (R) pins
 *   108+20n comparator     110+20n FSB: value (31:0), address (63:32)
 */
#include <errno.h>

#include "../../machine.h"
#include "../../pc-chips.h"

#define TIMERS_MAX 32
#define TICK_NS 10
#define LEAST_TICKS 1000 /* a periodic timer's interrupts come no closer than 10 µs */
enum { CFG_ENABLE = 1, CFG_LEGACY = 2 };
enum { TN_LEVEL = 2, TN_ENABLE = 4, TN_PERIODIC = 8, TN_PERIODIC_CAP = 0x10, TN_SIZE_CAP = 0x20, TN_SET = 0x40, TN_32 = 0x100,
       TN_FSB = 0x4000, TN_FSB_CAP = 0x8000 };
#define TN_WRITABLE 0x7f4eull
#define TN_PIN(c) ((unsigned)((c) >> 9) & 31)

struct hpet;
struct hpet_timer {
	struct hpet *hpet;
	unsigned n;
	uint64_t config, comparator, period, fsb;
	struct timer *timer;
};

struct hpet {
	struct device dev;
	uint64_t config, status;
	uint64_t counter;      /* its value while it stands still; while it runs, what to add to the clock's ticks */
	struct hpet_timer timer[TIMERS_MAX];
	uint32_t pin_level;    /* outputs that are high */
	bool legacy_level[2];  /* ours, while replacing */
	bool input_level[2];   /* of the 8254 and the RTC */
	const struct irq *pin[32], *legacy[2];
	struct irq in[2];
	struct region *region;
	uint32_t timers, intcap;
	bool msi;
};

static uint64_t counter_at(const struct hpet *s, uint64_t ns)
{
	if (!(s->config & CFG_ENABLE))
		return s->counter;
	return s->counter + ns / TICK_NS;
}

static uint64_t hpet_counter(const struct hpet *s)
{
	return counter_at(s, clock_ns(s->dev.machine, CLOCK_VIRT));
}

/* ---- outputs -------------------------------------------------------------------------------------------------------------- */
/* Which output a timer has: 0, 1 legacy; 2 + pin. */
static unsigned timer_output(const struct hpet_timer *t)
{
	if ((t->hpet->config & CFG_LEGACY) && t->n < 2)
		return t->n;
	return 2 + TN_PIN(t->config);
}

static void output_set(struct hpet *s, unsigned out, bool level)
{
	if (out < 2) {
		s->legacy_level[out] = level;
		irq_set(s->legacy[out], level);
	} else {
		s->pin_level = level ? s->pin_level | 1u << (out - 2) : s->pin_level & ~(1u << (out - 2));
		irq_set(s->pin[out - 2], level);
	}
}

/* Level-triggered timers on an output keep it high together. */
static void output_update(struct hpet *s, unsigned out)
{
	bool level = false;

	for (unsigned i = 0; i < s->timers; i++) {
		const struct hpet_timer *t = &s->timer[i];

		if ((t->config & TN_LEVEL) && (t->config & TN_ENABLE) && !(t->config & TN_FSB) && (s->status >> i & 1) &&
		    timer_output(t) == out)
			level = true;
	}
	output_set(s, out, level);
}

static void timer_interrupt(struct hpet_timer *t)
{
	struct hpet *s = t->hpet;
	unsigned out = timer_output(t);

	if (t->config & TN_LEVEL)
		s->status |= 1ull << t->n;
	if (!(t->config & TN_ENABLE) || !(s->config & CFG_ENABLE))
		return;
	if (t->config & TN_FSB) {
		space_st_le32(s->dev.machine->memory, t->fsb >> 32, (uint32_t)t->fsb);
	} else if (t->config & TN_LEVEL) {
		output_update(s, out);
	} else {
		output_set(s, out, false);
		output_set(s, out, true);
	}
}

/* ---- time ---------------------------------------------------------------------------------------------------------------- */
/* Ticks until the counter is next equal to the comparator: 1..2^64-1 (0 means a whole turn). */
static uint64_t timer_left(const struct hpet_timer *t, uint64_t now)
{
	uint64_t left = t->comparator - now;

	return t->config & TN_32 ? (uint32_t)left ? (uint32_t)left : 1ull << 32 : left;
}

/* A periodic comparator that has been passed moves on, over all that was missed. */
static void timer_advance(struct hpet_timer *t, uint64_t now)
{
	uint64_t behind, mask = t->config & TN_32 ? UINT32_MAX : UINT64_MAX;

	if (!(t->config & TN_PERIODIC) || !(t->period & mask))
		return;
	behind = (now - t->comparator) & mask;
	if (behind > mask / 2)
		return; /* still ahead */
	t->comparator = (t->comparator + (behind / (t->period & mask) + 1) * (t->period & mask)) & mask;
}

/* At the time ns: whoever changes registers looks at the clock once, since a match that lies between two looks would be nobody's. */
static void timer_arm(struct hpet_timer *t, uint64_t ns)
{
	struct hpet *s = t->hpet;
	uint64_t now = counter_at(s, ns), left;

	if (!(s->config & CFG_ENABLE)) {
		timer_stop(t->timer);
		return;
	}
	left = timer_left(t, now);
	if ((t->config & TN_PERIODIC) && left < LEAST_TICKS && t->period < LEAST_TICKS)
		left = LEAST_TICKS;
	if (left == 0 || left > (UINT64_MAX / 2 - ns) / TICK_NS)
		timer_stop(t->timer); /* in thousands of years */
	else
		timer_set(t->timer, (ns / TICK_NS + left) * TICK_NS);
}

static void timer_match(void *opaque)
{
	struct hpet_timer *t = opaque;
	uint64_t ns = clock_ns(t->hpet->dev.machine, CLOCK_VIRT);

	timer_advance(t, counter_at(t->hpet, ns));
	timer_interrupt(t);
	timer_arm(t, ns);
}

/* What matched by the time ns has interrupted before anything changes, though the main loop has not come to it yet. */
static void hpet_settle(struct hpet *s, uint64_t ns)
{
	for (unsigned i = 0; i < s->timers; i++)
		if (timer_at(s->timer[i].timer) <= ns) {
			timer_stop(s->timer[i].timer);
			timer_match(&s->timer[i]);
		}
}

/* ---- reset ---------------------------------------------------------------------------------------------------------------- */
static void hpet_reset(struct device *d)
{
	struct hpet *s = (struct hpet *)d;

	s->config = s->status = s->counter = 0;
	for (unsigned i = 0; i < TIMERS_MAX; i++) {
		struct hpet_timer *t = &s->timer[i];

		t->config = TN_PERIODIC_CAP | TN_SIZE_CAP | (s->msi ? TN_FSB_CAP : 0) | (uint64_t)s->intcap << 32;
		t->comparator = UINT64_MAX;
		t->period = t->fsb = 0;
		timer_stop(t->timer);
	}
	for (unsigned i = 0; i < 32; i++)
		if (s->pin_level >> i & 1)
			output_set(s, 2 + i, false);
	for (unsigned i = 0; i < 2; i++) {
		s->legacy_level[i] = false;
		irq_set(s->legacy[i], s->input_level[i]);
	}
}

/* ---- registers ------------------------------------------------------------------------------------------------------------- */
/* A whole 64-bit register; at is a multiple of 8. */
static uint64_t register_read(struct hpet *s, unsigned at)
{
	const struct hpet_timer *t;

	switch (at) {
	case 0x000:
		return (uint64_t)TICK_NS * 1000000 << 32 | 0x8086u << 16 | 0xa000 | (s->timers - 1) << 8 | 1;
	case 0x010:
		return s->config;
	case 0x020:
		return s->status;
	case 0x0f0:
		return hpet_counter(s);
	}
	if (at < 0x100 || (at - 0x100) / 0x20 >= s->timers)
		return 0;
	t = &s->timer[(at - 0x100) / 0x20];
	switch (at & 0x18) {
	case 0x00:
		return t->config;
	case 0x08:
		return t->comparator;
	case 0x10:
		return t->fsb;
	default:
		return 0;
	}
}

static void write_config(struct hpet *s, uint64_t v, uint64_t ns)
{
	uint64_t old = s->config, now = counter_at(s, ns), ticks = ns / TICK_NS;

	v &= CFG_ENABLE | CFG_LEGACY;
	if ((old ^ v) & CFG_ENABLE)
		s->counter = v & CFG_ENABLE ? now - ticks : now;
	s->config = v;
	if ((old ^ v) & CFG_LEGACY)
		for (unsigned i = 0; i < 2; i++) {
			s->legacy_level[i] = false;
			irq_set(s->legacy[i], v & CFG_LEGACY ? false : s->input_level[i]);
			output_update(s, timer_output(&s->timer[i]));
		}
	for (unsigned i = 0; i < s->timers; i++)
		timer_arm(&s->timer[i], ns);
}

static void write_timer_config(struct hpet_timer *t, uint64_t v, uint64_t ns)
{
	struct hpet *s = t->hpet;
	unsigned before = timer_output(t);
	uint64_t old = t->config, writable = TN_WRITABLE & ~(s->msi ? 0ull : TN_FSB);

	t->config = (old & ~writable) | (v & writable);
	if (!(s->intcap >> TN_PIN(t->config) & 1) && !((s->config & CFG_LEGACY) && t->n < 2)) /* "if the value is not supported … will not match" */
		t->config = (t->config & ~0x3e00ull) | (old & 0x3e00);
	if (t->config & TN_32) {
		t->comparator = (uint32_t)t->comparator;
		t->period = (uint32_t)t->period;
	}
	if ((old ^ t->config) & (TN_LEVEL | TN_ENABLE | TN_FSB | 0x3e00)) {
		if (before != timer_output(t) || !(t->config & TN_ENABLE) || (t->config & (TN_LEVEL | TN_FSB)))
			output_update(s, before);
		if ((t->config & TN_LEVEL) && (t->config & TN_ENABLE))
			output_update(s, timer_output(t));
	}
	timer_arm(t, ns);
}

static void write_comparator(struct hpet_timer *t, uint64_t v, uint64_t mask, uint64_t ns)
{
	if (t->config & TN_32)
		v &= mask &= UINT32_MAX;
	if (!(t->config & TN_PERIODIC) || (t->config & TN_SET))
		t->comparator = (t->comparator & ~mask) | (v & mask);
	if (t->config & TN_PERIODIC)
		t->period = (t->period & ~mask) | (v & mask);
	t->config &= ~(uint64_t)TN_SET;
	timer_arm(t, ns);
}

/* Bits `mask` of the register become those of v. */
static void register_write(struct hpet *s, unsigned at, uint64_t v, uint64_t mask)
{
	struct hpet_timer *t;
	uint64_t ns = clock_ns(s->dev.machine, CLOCK_VIRT), merged, cleared;

	hpet_settle(s, ns);
	merged = (register_read(s, at) & ~mask) | (v & mask);
	switch (at) {
	case 0x010:
		write_config(s, merged, ns);
		return;
	case 0x020:
		cleared = s->status & v & mask;
		s->status &= ~cleared;
		for (unsigned i = 0; i < s->timers; i++)
			if (cleared >> i & 1)
				output_update(s, timer_output(&s->timer[i]));
		return;
	case 0x0f0:
		if (s->config & CFG_ENABLE) {
			guest_error(&s->dev, "the main counter is written while it runs");
			merged -= ns / TICK_NS;
		}
		s->counter = merged;
		for (unsigned i = 0; i < s->timers; i++)
			timer_arm(&s->timer[i], ns);
		return;
	}
	if (at < 0x100 || (at - 0x100) / 0x20 >= s->timers)
		return;
	t = &s->timer[(at - 0x100) / 0x20];
	switch (at & 0x18) {
	case 0x00:
		write_timer_config(t, merged, ns);
		break;
	case 0x08:
		write_comparator(t, v, mask, ns);
		break;
	case 0x10:
		t->fsb = merged;
		break;
	}
}

static uint64_t hpet_read(void *opaque, uint64_t offset, unsigned size)
{
	uint64_t v = register_read(opaque, (unsigned)offset & ~7u) >> (offset & 4) * 8;

	return size == 8 ? v : (uint32_t)v;
}

static void hpet_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
	unsigned shift = (offset & 4) * 8;

	register_write(opaque, (unsigned)offset & ~7u, value << shift, size == 8 ? UINT64_MAX : 0xffffffffull << shift);
}

/* ---- wiring ----------------------------------------------------------------------------------------------------------------- */
static void hpet_input(void *opaque, int n, bool level)
{
	struct hpet *s = opaque;

	s->input_level[n] = level;
	if (!(s->config & CFG_LEGACY))
		irq_set(s->legacy[n], level);
}

const struct irq *hpet_legacy_inputs(struct device *d)
{
	return ((struct hpet *)d)->in;
}

void hpet_connect(struct device *d, unsigned pin, const struct irq *out)
{
	if (pin < 32)
		((struct hpet *)d)->pin[pin] = out;
}

void hpet_connect_legacy(struct device *d, const struct irq *irq0, const struct irq *irq8)
{
	((struct hpet *)d)->legacy[0] = irq0;
	((struct hpet *)d)->legacy[1] = irq8;
}

static const struct region_ops hpet_ops = {hpet_read, hpet_write, .min = 1, .max = 8, .impl_min = 4, .impl_max = 8};

static int hpet_realize(struct device *d, struct err *e)
{
	struct hpet *s = (struct hpet *)d;

	if (s->timers < 3 || s->timers > TIMERS_MAX)
		return err_set(e, EINVAL, "hpet: %u timers: 3 to %d", s->timers, TIMERS_MAX);
	if (!s->intcap)
		return err_set(e, EINVAL, "hpet: hpet-intcap names no pin of the I/O APIC");
	irq_init(s->in, 2, hpet_input, s);
	for (unsigned i = 0; i < TIMERS_MAX; i++) {
		s->timer[i].hpet = s;
		s->timer[i].n = i;
		s->timer[i].timer = timer_new(d->machine, CLOCK_VIRT, timer_match, &s->timer[i]);
	}
	s->region = region_new_io(d->machine, "hpet", 0x1000, &hpet_ops, s);
	region_add(space_root(d->machine->memory), 0xfed00000, s->region, 1);
	return 0;
}

static void hpet_unrealize(struct device *d)
{
	struct hpet *s = (struct hpet *)d;

	for (unsigned i = 0; i < TIMERS_MAX; i++)
		timer_free(s->timer[i].timer);
	region_remove(s->region);
	region_free(s->region);
}

static const struct prop hpet_props[] = {
	{.name = "timers", P_(struct hpet, timers, PROP_U32), .def = 3, .help = "comparators, 3 to 32"},
	{.name = "msi", P_(struct hpet, msi, PROP_BOOL), .def = 0, .help = "interrupts as messages"},
	{.name = "hpet-intcap", P_(struct hpet, intcap, PROP_U32), .def = 4, .help = "mask of I/O APIC pins"},
	{.name = NULL},
};
static const struct field timer_fields[] = {
	F_UINT(struct hpet_timer, config), F_UINT(struct hpet_timer, comparator), F_UINT(struct hpet_timer, period),
	F_UINT(struct hpet_timer, fsb), F_TIMER(struct hpet_timer, timer), F_END,
};
static const struct field hpet_fields[] = {
	F_UINT(struct hpet, config), F_UINT(struct hpet, status), F_UINT(struct hpet, counter), F_STRUCTS(struct hpet, timer, timer_fields),
	F_UINT(struct hpet, pin_level), F_BYTES(struct hpet, legacy_level), F_BYTES(struct hpet, input_level), F_END,
};
static const struct state_table hpet_state = {.name = "hpet", .version = 1, .oldest = 1, .fields = hpet_fields};

static const struct device_type hpet_type = {
	.name = "hpet", .bus = "System", .desc = "high precision event timers", .category = "Misc", .size = sizeof(struct hpet),
	.props = hpet_props, .state = &hpet_state, .realize = hpet_realize, .unrealize = hpet_unrealize, .reset = hpet_reset,
};
DEVICE(hpet_type);
