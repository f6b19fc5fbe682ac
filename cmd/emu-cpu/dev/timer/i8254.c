/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * 8254 programmable interval timer, and the port of the system board that gates its counter 2 and the speaker.
 *
 * Data sheets: Intel 8254 (231164-005, 1993); port 61: Intel 82371SB PIIX3, 2.5.4 (NMI status and control).
 *
 * Theory of operation. No counter is ever decremented: the counting element and OUT are functions of the time that has passed since the
 * count was loaded, in clocks of 1.193182 MHz of the virtual clock. A timer exists for counter 0 only, at the next rise of its OUT:
 * the falling edges of modes 2 and 3 are seen together with the rise that follows, since the interrupt controller looks at rises only.
 * A host too slow for the guest's rate loses ticks; it never queues them.
 *
 * Not modelled: the clock between the write of a count and its loading; a count of 1 in modes 2 and 3, which the data sheet forbids, counts as 2.
 *
 * Wiring: OUT0 goes to ISA IRQ 0 or where i8254_connect() says; GATE0 and GATE1 are high; GATE2 is bit 0 of port 61.
 *
 *   40..42  counter: reads and writes as the control word's RW bits say
 *   43      control word; counter latch (RW = 0); read-back (SC = 3); not readable
 *   61      bit 0 GATE2, 1 speaker data, 2 and 3 NMI masks, 4 refresh toggle (RO), 5 OUT2 (RO), 6 and 7 NMI status (RO, 0)
 */
#include <errno.h>

#include "../../isa-bus.h"
#include "../../pc-chips.h"

#define PIT_HZ 1193182ull
#define LEAST_CLOCKS 12 /* about 10 µs: interrupts come no closer, whatever the count */
#define REFRESH_NS 15085 /* the DRAM refresh request that bit 4 of port 61 follows */

enum { RW_LATCH, RW_LSB, RW_MSB, RW_WORD };
enum { STATUS_OUT = 0x80, STATUS_NULL = 0x40 };

struct counter {
	uint32_t count;   /* in the counting element's cycle: 1..65536, or ..10000 in BCD */
	uint32_t reload;  /* count register: takes over at the end of the cycle or with the next trigger; 0: nothing new */
	uint64_t swap;    /* clock at which it does so in modes 2 and 3 */
	uint64_t start;   /* clock at which the cycle began, while it counts */
	uint64_t frozen;  /* clocks that had passed when the gate stopped it */
	uint16_t latch;
	uint8_t control;  /* RW, mode, BCD bits of the control word */
	uint8_t status;   /* latched status */
	uint8_t write_lsb;/* first byte of two */
	bool loaded;      /* a count has been written since the control word */
	bool counting;    /* time runs: loaded, triggered where need be, not gated off */
	bool triggered;   /* modes 1 and 5 */
	bool gate;
	bool read_msb, write_msb;  /* next byte of two */
	uint8_t latched;  /* bytes of `latch` still to be read; 0: not latched */
	bool status_latched;
};

struct i8254 {
	struct device dev;
	struct counter counter[3];
	const struct irq *out;
	struct timer *timer;
	uint8_t port61;   /* bits 0..3 */
	bool irq_level;
	bool irq_disabled;/* HPET has taken over */
	struct region *ports, *port61_ports;
};

static uint64_t clock_at(uint64_t ns)
{
	return muldiv(ns, PIT_HZ, NS_PER_S);
}

static uint64_t i8254_clock(struct i8254 *s)
{
	return clock_at(clock_ns(s->dev.machine, CLOCK_VIRT));
}

static unsigned counter_mode(const struct counter *c)
{
	unsigned mode = c->control >> 1 & 7;

	return mode > 5 ? mode - 4 : mode; /* "X10" and "X11": bit 2 is don't care */
}

static uint32_t counter_modulus(const struct counter *c)
{
	return c->control & 1 ? 10000 : 65536;
}

/* Clocks since the cycle began. */
static uint64_t counter_elapsed(const struct counter *c, uint64_t now)
{
	if (!c->counting)
		return c->frozen;
	return now > c->start ? now - c->start : 0;
}

/* Clocks of the half cycles of mode 3: OUT is high for the first. */
static uint32_t counter_high(const struct counter *c)
{
	return (c->count + 1) / 2;
}

/* Modes 2 and 3 take a new count at the end of the period (mode 3: of the half period) in which it was written. */
static void counter_sync(struct counter *c, uint64_t now)
{
	uint32_t high = counter_high(c);

	if (!c->reload || !c->counting || now < c->swap || counter_mode(c) < 2 || counter_mode(c) > 3)
		return;
	c->count = c->reload;
	c->reload = 0;
	if (c->swap - c->start == high && c->swap >= counter_high(c) && counter_mode(c) == 3)
		c->start = c->swap - counter_high(c); /* goes on in the low half */
	else
		c->start = c->swap;
}

static bool counter_out(struct counter *c, uint64_t now)
{
	uint64_t d;

	counter_sync(c, now);
	d = counter_elapsed(c, now);
	switch (counter_mode(c)) {
	case 0:
		return c->loaded && d >= c->count;
	case 1:
		return !c->triggered || d >= c->count;
	case 2:
		return !c->counting || d % c->count != c->count - 1;
	case 3:
		return !c->counting || d % c->count < counter_high(c);
	case 4:
		return !c->loaded || d != c->count;
	default:
		return !c->triggered || d != c->count;
	}
}

static uint16_t to_bcd(uint32_t v)
{
	return (uint16_t)(v % 10 | v / 10 % 10 << 4 | v / 100 % 10 << 8 | v / 1000 % 10 << 12);
}

/* The counting element as a guest reads it. */
static uint16_t counter_value(struct counter *c, uint64_t now)
{
	uint32_t modulus = counter_modulus(c), v;
	uint64_t d;

	counter_sync(c, now);
	d = counter_elapsed(c, now);
	switch (counter_mode(c)) {
	case 2:
		v = c->count - (uint32_t)(d % c->count);
		break;
	case 3: { /* counts in twos, twice; an odd count is loaded less one and has one clock more in its first half */
		uint32_t p = (uint32_t)(d % c->count), high = counter_high(c);

		v = (c->count & ~1u) - 2 * (p < high ? p : p - high);
		break;
	}
	default: /* goes on from the top after zero */
		v = (c->count + modulus - (uint32_t)(d % modulus)) % modulus;
	}
	v %= modulus;
	return c->control & 1 ? to_bcd(v) : (uint16_t)v;
}

/* The first clock after `now` at which OUT rises; UINT64_MAX: never by itself. */
static uint64_t counter_next_rise(struct counter *c, uint64_t now)
{
	uint64_t d, k;

	counter_sync(c, now);
	if (!c->counting)
		return UINT64_MAX;
	d = counter_elapsed(c, now);
	switch (counter_mode(c)) {
	case 0:
	case 1:
		return d < c->count ? c->start + c->count : UINT64_MAX;
	case 4:
	case 5:
		return d < c->count + 1ull ? c->start + c->count + 1 : UINT64_MAX;
	default:
		k = (d + (c->count < LEAST_CLOCKS ? LEAST_CLOCKS : 0)) / c->count + 1;
		return c->start + k * c->count;
	}
}

static uint64_t clock_to_ns(uint64_t t)
{
	return muldiv(t, NS_PER_S, PIT_HZ) + 1;
}

/*
 * Line and timer of counter 0. Whoever changes something looks at the clock once: between two looks a thread may lose its processor, and a pulse of
 * mode 4 or 5 that is over would be nobody's.
 */
static void i8254_update_irq(struct i8254 *s, uint64_t now)
{
	uint64_t next = counter_next_rise(&s->counter[0], now);
	bool level = counter_out(&s->counter[0], now);

	if (s->irq_level != level) {
		s->irq_level = level;
		if (!s->irq_disabled)
			irq_set(s->out, level);
	}
	if (next == UINT64_MAX || next > UINT64_MAX / NS_PER_S * PIT_HZ)
		timer_stop(s->timer);
	else
		timer_set(s->timer, clock_to_ns(next));
}

static void i8254_rise(void *opaque)
{
	struct i8254 *s = opaque;

	if (s->irq_level) { /* the fall before it */
		s->irq_level = false;
		if (!s->irq_disabled)
			irq_lower(s->out);
	}
	i8254_update_irq(s, i8254_clock(s));
}

/* What is over at the time ns has risen before anything changes, though the main loop has not come to it yet. */
static void i8254_settle(struct i8254 *s, uint64_t ns)
{
	/* one more, as in clock_to_ns() */
	if (!timer_armed(s->timer) || timer_at(s->timer) > ns + 1)
		return;
	timer_stop(s->timer);
	i8254_rise(s);
}

/* A complete count was written, or (modes 1 and 5) the gate rose. */
static void counter_begin(struct counter *c, uint64_t now)
{
	if (c->reload) {
		c->count = c->reload;
		c->reload = 0;
	}
	c->start = now;
	c->frozen = 0;
	c->counting = true;
}

static void counter_load(struct counter *c, uint16_t value, uint64_t now)
{
	unsigned mode = counter_mode(c);
	uint32_t n = value;

	if (c->control & 1) /* digits above 9 count as what they weigh, at most 10,000 in all */
		n = (value & 15) + (value >> 4 & 15) * 10 + (value >> 8 & 15) * 100 + (value >> 12) * 1000;
	if (n == 0 || n > counter_modulus(c))
		n = counter_modulus(c);
	if (n == 1 && (mode == 2 || mode == 3))
		n = 2;
	counter_sync(c, now);
	c->reload = n;
	switch (mode) {
	case 0:
	case 4:
		counter_begin(c, now);
		c->counting = c->gate;
		break;
	case 1:
	case 5:
		if (!c->loaded)
			c->count = n;
		break;
	default:
		if (!c->loaded || !c->counting) {
			counter_begin(c, now);
			c->counting = c->gate;
		} else {
			uint64_t d = counter_elapsed(c, now);

			c->start += d / c->count * c->count;
			d %= c->count;
			c->swap = c->start + (mode == 3 && d < counter_high(c) ? counter_high(c) : c->count);
		}
	}
	c->loaded = true;
}

static void counter_set_gate(struct counter *c, bool gate, uint64_t now)
{
	unsigned mode = counter_mode(c);

	if (gate == c->gate)
		return;
	c->gate = gate;
	if (!c->loaded)
		return;
	switch (mode) {
	case 0:
	case 4:
		if (gate) {
			c->start = now - c->frozen;
		} else {
			c->frozen = counter_elapsed(c, now);
		}
		c->counting = gate;
		break;
	case 1:
	case 5:
		if (gate) {
			/* the count register stays: a further trigger loads it again */
			counter_begin(c, now);
			c->triggered = true;
		}
		break;
	default:
		if (gate) {
			counter_begin(c, now);
		} else {
			counter_sync(c, now);
			c->frozen = counter_elapsed(c, now);
			c->counting = false;
		}
	}
}

static void counter_latch(struct counter *c, uint64_t now)
{
	unsigned rw = c->control >> 4 & 3;

	if (c->latched) /* "ignored until the count is read" */
		return;
	c->latch = counter_value(c, now);
	c->latched = rw == RW_WORD ? 2 : 1;
}

static uint8_t counter_status(struct counter *c, uint64_t now)
{
	return (counter_out(c, now) ? STATUS_OUT : 0) | (!c->loaded || c->reload ? STATUS_NULL : 0) | (c->control & 0x3f);
}

static void i8254_control(struct i8254 *s, uint8_t value, uint64_t now)
{
	struct counter *c;

	if (value >> 6 == 3) { /* read-back */
		for (int i = 0; i < 3; i++) {
			c = &s->counter[i];
			if (!(value >> (i + 1) & 1))
				continue;
			if (!(value & 0x20))
				counter_latch(c, now);
			if (!(value & 0x10) && !c->status_latched) {
				c->status = counter_status(c, now);
				c->status_latched = true;
			}
		}
		return;
	}
	c = &s->counter[value >> 6];
	if (!(value >> 4 & 3)) {
		counter_latch(c, now);
		return;
	}
	c->frozen = 0;
	c->control = value & 0x3f;
	c->loaded = c->counting = c->triggered = false;
	c->reload = 0;
	c->latched = 0;
	c->status_latched = c->read_msb = c->write_msb = false;
}

static void i8254_reset(struct device *d)
{
	struct i8254 *s = (struct i8254 *)d;

	for (int i = 0; i < 3; i++)
		s->counter[i] = (struct counter){.count = 65536, .gate = i != 2, .control = RW_WORD << 4};
	s->port61 = 0;
	s->irq_disabled = false;
	i8254_update_irq(s, i8254_clock(s));
}

static uint64_t i8254_read(void *opaque, uint64_t offset, unsigned size)
{
	struct i8254 *s = opaque;
	struct counter *c;
	uint64_t now = i8254_clock(s);
	uint16_t v;
	unsigned rw;

	(void)size;
	if (offset == 3)
		return 0xff; /* no operation: the bus floats */
	c = &s->counter[offset];
	if (c->status_latched) {
		c->status_latched = false;
		return c->status;
	}
	rw = c->control >> 4 & 3;
	if (c->latched) {
		v = c->latch;
		c->latched--;
	} else {
		v = counter_value(c, now);
	}
	if (rw == RW_WORD) {
		c->read_msb = !c->read_msb;
		return c->read_msb ? v & 0xff : v >> 8;
	}
	return rw == RW_MSB ? v >> 8 : v & 0xff;
}

static void i8254_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
	struct i8254 *s = opaque;
	struct counter *c;
	uint64_t ns = clock_ns(s->dev.machine, CLOCK_VIRT), now = clock_at(ns);

	(void)size;
	i8254_settle(s, ns);
	if (offset == 3) {
		i8254_control(s, (uint8_t)value, now);
		i8254_update_irq(s, now);
		return;
	}
	c = &s->counter[offset];
	switch (c->control >> 4 & 3) {
	case RW_LSB:
		counter_load(c, (uint8_t)value, now);
		break;
	case RW_MSB:
		counter_load(c, (uint16_t)(value << 8), now);
		break;
	default:
		if (c->write_msb) {
			c->write_msb = false;
			counter_load(c, (uint16_t)(c->write_lsb | (value & 0xff) << 8), now);
		} else {
			c->write_lsb = (uint8_t)value;
			c->write_msb = true;
			if (counter_mode(c) == 0 && c->loaded) { /* "writing the first byte disables counting. OUT is set low immediately" */
				c->frozen = 0;
				c->loaded = c->counting = false;
			}
		}
	}
	i8254_update_irq(s, now);
}

static uint64_t port61_read(void *opaque, uint64_t offset, unsigned size)
{
	struct i8254 *s = opaque;
	uint64_t ns = clock_ns(s->dev.machine, CLOCK_VIRT);

	(void)offset, (void)size;
	return s->port61 | (ns / REFRESH_NS & 1) << 4 | (unsigned)counter_out(&s->counter[2], i8254_clock(s)) << 5;
}

static void port61_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
	struct i8254 *s = opaque;

	(void)offset, (void)size;
	s->port61 = value & 0x0f;
	counter_set_gate(&s->counter[2], value & 1, i8254_clock(s));
}

void i8254_connect(struct device *d, const struct irq *out)
{
	struct i8254 *s = (struct i8254 *)d;

	s->out = out;
	irq_set(out, s->irq_level && !s->irq_disabled);
}

void i8254_enable_irq(struct device *d, bool on)
{
	struct i8254 *s = (struct i8254 *)d;

	s->irq_disabled = !on;
	irq_set(s->out, s->irq_level && on);
}

bool i8254_speaker(struct device *d, uint32_t *period)
{
	struct i8254 *s = (struct i8254 *)d;
	struct counter *c = &s->counter[2];

	*period = c->count;
	return (s->port61 & 3) == 3 && c->counting && counter_mode(c) == 3;
}

static const struct region_ops i8254_ops = {i8254_read, i8254_write, .min = 1, .max = 4, .impl_min = 1, .impl_max = 1};
static const struct region_ops port61_ops = {port61_read, port61_write, .min = 1, .max = 4, .impl_min = 1, .impl_max = 1};

static int i8254_realize(struct device *d, struct err *e)
{
	struct i8254 *s = (struct i8254 *)d;

	(void)e;
	s->out = isa_irq(d, 0);
	for (int i = 0; i < 3; i++)
		s->counter[i].count = 65536;
	s->timer = timer_new(d->machine, CLOCK_VIRT, i8254_rise, s);
	s->ports = isa_ports(d, "pit", 0x40, 4, &i8254_ops, s);
	s->port61_ports = isa_ports(d, "port61", 0x61, 1, &port61_ops, s);
	return 0;
}

static void i8254_unrealize(struct device *d)
{
	struct i8254 *s = (struct i8254 *)d;

	timer_free(s->timer);
	isa_ports_free(s->ports);
	isa_ports_free(s->port61_ports);
}

static int i8254_loaded(void *state, struct err *e)
{
	struct i8254 *s = state;

	for (int i = 0; i < 3; i++) {
		const struct counter *c = &s->counter[i];

		if (c->count < 1 || c->count > 65536 || c->reload > 65536 || c->latched > 2)
			return err_set(e, EINVAL, "i8254: counter %d: a count of %u is impossible", i, c->count);
		if ((c->start | c->frozen | c->swap) >> 62) /* centuries: sums would wrap */
			return err_set(e, EINVAL, "i8254: counter %d: began at clock %llu", i, (unsigned long long)c->start);
	}
	return 0;
}

static const struct field counter_fields[] = {
	F_UINT(struct counter, count), F_UINT(struct counter, reload), F_UINT(struct counter, swap), F_UINT(struct counter, start),
	F_UINT(struct counter, frozen), F_UINT(struct counter, latch), F_UINT(struct counter, control),
	F_UINT(struct counter, status), F_UINT(struct counter, write_lsb), F_BOOL(struct counter, loaded),
	F_BOOL(struct counter, counting), F_BOOL(struct counter, triggered), F_BOOL(struct counter, gate),
	F_BOOL(struct counter, read_msb), F_BOOL(struct counter, write_msb), F_UINT(struct counter, latched),
	F_BOOL(struct counter, status_latched), F_END,
};
static const struct field i8254_fields[] = {
	F_STRUCTS(struct i8254, counter, counter_fields), F_UINT(struct i8254, port61), F_BOOL(struct i8254, irq_level),
	F_BOOL(struct i8254, irq_disabled), F_TIMER(struct i8254, timer), F_END,
};
static const struct state_table i8254_state = {"i8254", 1, 1, i8254_fields, .loaded = i8254_loaded};

static const struct device_type i8254_type = {
	.name = "isa-pit", .bus = "ISA", .desc = "8254 interval timer", .category = "Misc", .size = sizeof(struct i8254),
	.state = &i8254_state, .realize = i8254_realize, .unrealize = i8254_unrealize, .reset = i8254_reset,
};
DEVICE(i8254_type);
