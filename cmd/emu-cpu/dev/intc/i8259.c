/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Two 8259A programmable interrupt controllers, cascaded as in a PC/AT, with the edge/level control registers of the PIIX.
 *
 * Data sheets: Intel 8259A (231468-003, 1988); ELCR: Intel 82371SB PIIX3 (290550-002), 2.5.
 * Not modelled: the MCS-80 call sequence (ICW4.uPM = 0) and buffered mode, which only change signals that a PC does not have.
 *
 * Wiring: inputs 0..7 master, 8..15 slave; the slave's INT is the master's IR2. INT of the master goes to whoever called i8259_connect().
 *
 * Ports        read                          write
 *   20, a0     IRR or ISR (OCW3), or poll    ICW1 (bit 4), OCW2 (bits 4, 3 clear), OCW3 (bit 3)
 *   21, a1     IMR, or poll                  ICW2, ICW3, ICW4 while initialising; then OCW1 = IMR
 *   4d0, 4d1   ELCR: 1 = level               bits of inputs 0, 1, 2, 8, 13 stay 0
 */
#include <errno.h>
#include <string.h>

#include "../../isa-bus.h"
#include "../../x86-parts.h"

enum {
	ICW1_IC4 = 1, ICW1_SNGL = 2, ICW1_ADI = 4, ICW1_LTIM = 8, ICW1 = 0x10,
	ICW4_UPM = 1, ICW4_AEOI = 2, ICW4_SFNM = 0x10,
	OCW3 = 8, OCW3_RIS = 1, OCW3_RR = 2, OCW3_P = 4, OCW3_SMM = 0x20, OCW3_ESMM = 0x40,
	OCW2_EOI = 0x20, OCW2_SL = 0x40, OCW2_R = 0x80,
};
enum init_step { READY, WANT_ICW2, WANT_ICW3, WANT_ICW4 };

struct chip {
	uint8_t line;        /* levels of the inputs */
	uint8_t edge;        /* edge latches: a rise was seen and the line has been high since */
	uint8_t isr, imr;
	uint8_t elcr;
	uint8_t lowest;      /* input of lowest priority, 7 after initialisation */
	uint8_t icw1, icw2, icw3, icw4;
	uint8_t init;        /* enum init_step */
	bool read_isr, poll, special_mask, rotate_aeoi;
};

struct i8259 {
	struct device dev;
	struct chip chip[2]; /* master, slave */
	struct irq in[16];
	uint64_t raised[16]; /* for people; not saved */
	const struct irq *out;
	bool level;          /* of the master's INT */
	struct region *ports[3];
};

static uint8_t chip_irr(const struct chip *c)
{
	return (c->edge & ~c->elcr) | (c->line & c->elcr);
}

/* The input of highest priority among `mask`; -1: none. */
static int chip_highest(const struct chip *c, uint8_t mask)
{
	for (int i = 1; i <= 8; i++) {
		int n = (c->lowest + i) & 7;

		if (mask >> n & 1)
			return n;
	}
	return -1;
}

static int chip_rank(const struct chip *c, int n)
{
	return (n - c->lowest - 1) & 7;
}

/* The request that INT stands for now; -1: INT is low. */
static int chip_request(const struct chip *c, bool master)
{
	int n = chip_highest(c, chip_irr(c) & ~c->imr);
	/* Special mask mode: a level in service whose mask bit is set holds nobody back. */
	int s = chip_highest(c, c->special_mask ? c->isr & ~c->imr : c->isr);

	if (n < 0 || c->init != READY)
		return -1;
	if (s < 0 || chip_rank(c, n) < chip_rank(c, s))
		return n;
	/* Special fully nested mode: the slave in service may ask again for its higher levels. */
	if (master && n == 2 && s == 2 && (c->icw4 & ICW4_SFNM))
		return n;
	return -1;
}

static void chip_input(struct chip *c, int n, bool level)
{
	uint8_t bit = 1 << n;

	if (level && !(c->line & bit))
		c->edge |= bit;
	/* "the IR inputs must remain high until after the falling edge of the first INTA": else it is forgotten, and INTA gives IR7 */
	if (!level)
		c->edge &= ~bit;
	c->line = level ? c->line | bit : c->line & ~bit;
}

static void i8259_update_irq(struct i8259 *s)
{
	bool level;

	chip_input(&s->chip[0], 2, chip_request(&s->chip[1], false) >= 0);
	level = chip_request(&s->chip[0], true) >= 0;
	if (level != s->level) {
		s->level = level;
		irq_set(s->out, level);
	}
}

static void i8259_set(void *opaque, int n, bool level)
{
	struct i8259 *s = opaque;

	if (n == 2) /* taken by the cascade; the bus's IRQ 2 is IRQ 9 */
		n = 9;
	if (level && !(s->chip[n >> 3].line >> (n & 7) & 1))
		s->raised[n]++;
	chip_input(&s->chip[n >> 3], n & 7, level);
	i8259_update_irq(s);
}

static void chip_acknowledge(struct chip *c, int n)
{
	c->edge &= ~(1 << n);
	if (!(c->icw4 & ICW4_AEOI))
		c->isr |= 1 << n;
	else if (c->rotate_aeoi)
		c->lowest = n;
}

int i8259_acknowledge(struct device *d)
{
	struct i8259 *s = (struct i8259 *)d;
	struct chip *m = &s->chip[0], *v = &s->chip[1];
	int n = chip_request(m, true), vector;

	if (n == 2) {
		int k = chip_request(v, false);

		if (k >= 0)
			chip_acknowledge(v, k);
		vector = (v->icw2 & 0xf8) | (k < 0 ? 7 : k);
		chip_acknowledge(m, 2);
		/* INT of the slave falls with INTA; what else it has is a new edge for the master. */
		chip_input(m, 2, false);
	} else {
		if (n >= 0)
			chip_acknowledge(m, n);
		vector = (m->icw2 & 0xf8) | (n < 0 ? 7 : n);
	}
	i8259_update_irq(s);
	return vector;
}

bool i8259_pending(struct device *d)
{
	return ((struct i8259 *)d)->level;
}

const struct irq *i8259_inputs(struct device *d)
{
	return ((struct i8259 *)d)->in;
}

void i8259_connect(struct device *d, const struct irq *out)
{
	struct i8259 *s = (struct i8259 *)d;

	s->out = out;
	irq_set(out, s->level);
}

static void chip_init(struct chip *c)
{
	uint8_t line = c->line, elcr = c->elcr;

	memset(c, 0, sizeof *c);
	c->line = line; /* an input must rise again after initialisation */
	c->elcr = elcr;
	c->lowest = 7;
}

static void i8259_reset(struct device *d)
{
	struct i8259 *s = (struct i8259 *)d;

	for (int i = 0; i < 2; i++) {
		s->chip[i].elcr = 0;
		chip_init(&s->chip[i]);
	}
	i8259_update_irq(s);
}

static uint64_t i8259_read(struct i8259 *s, unsigned which, uint64_t offset)
{
	struct chip *c = &s->chip[which];

	if (c->poll) { /* the read is taken as INTA */
		int n = chip_request(c, which == 0);

		c->poll = false;
		if (n < 0)
			return 7;
		chip_acknowledge(c, n);
		if (which == 1)
			chip_input(&s->chip[0], 2, false);
		i8259_update_irq(s);
		return 0x80 | n;
	}
	if (offset)
		return c->imr;
	return c->read_isr ? c->isr : chip_irr(c);
}

static void chip_ocw2(struct chip *c, uint8_t value)
{
	int n = value & OCW2_SL ? value & 7 : chip_highest(c, c->special_mask ? c->isr & ~c->imr : c->isr);

	if (!(value & OCW2_EOI)) {
		if ((value & (OCW2_R | OCW2_SL)) == (OCW2_R | OCW2_SL))
			c->lowest = n; /* set priority */
		else if (!(value & OCW2_SL))
			c->rotate_aeoi = value & OCW2_R;
		return;
	}
	if (n < 0)
		return;
	c->isr &= ~(1 << n);
	if (value & OCW2_R)
		c->lowest = n;
}

static void i8259_write(struct i8259 *s, unsigned which, uint64_t offset, uint8_t value)
{
	struct chip *c = &s->chip[which];

	if (!offset && (value & ICW1)) {
		chip_init(c);
		c->icw1 = value;
		c->init = WANT_ICW2;
		if (value & ICW1_LTIM) /* the ELCR decides that in a PIIX */
			guest_error(&s->dev, "ICW1.LTIM is ignored; ELCR chooses level triggering");
	} else if (!offset && (value & OCW3)) {
		if (value & OCW3_P)
			c->poll = true;
		if (value & OCW3_RR)
			c->read_isr = value & OCW3_RIS;
		if (value & OCW3_ESMM)
			c->special_mask = value & OCW3_SMM;
	} else if (!offset) {
		chip_ocw2(c, value);
	} else {
		switch (c->init) {
		case READY:
			c->imr = value;
			break;
		case WANT_ICW2:
			c->icw2 = value;
			c->init = !(c->icw1 & ICW1_SNGL) ? WANT_ICW3 : c->icw1 & ICW1_IC4 ? WANT_ICW4 : READY;
			break;
		case WANT_ICW3:
			c->icw3 = value;
			c->init = c->icw1 & ICW1_IC4 ? WANT_ICW4 : READY;
			break;
		case WANT_ICW4:
			c->icw4 = value;
			c->init = READY;
			if (!(value & ICW4_UPM))
				guest_error(&s->dev, "ICW4 asks for MCS-80 mode; vectors stay those of 8086 mode");
			break;
		}
	}
	i8259_update_irq(s);
}

static uint64_t master_read(void *opaque, uint64_t offset, unsigned size)
{
	(void)size;
	return i8259_read(opaque, 0, offset);
}

static void master_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
	(void)size;
	i8259_write(opaque, 0, offset, (uint8_t)value);
}

static uint64_t slave_read(void *opaque, uint64_t offset, unsigned size)
{
	(void)size;
	return i8259_read(opaque, 1, offset);
}

static void slave_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
	(void)size;
	i8259_write(opaque, 1, offset, (uint8_t)value);
}

static uint64_t elcr_read(void *opaque, uint64_t offset, unsigned size)
{
	(void)size;
	return ((struct i8259 *)opaque)->chip[offset].elcr;
}

static void elcr_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
	static const uint8_t writable[2] = {0xf8, 0xde};
	struct i8259 *s = opaque;

	(void)size;
	s->chip[offset].elcr = value & writable[offset];
	i8259_update_irq(s);
}

static const struct region_ops master_ops = {master_read, master_write, .min = 1, .max = 4, .impl_min = 1, .impl_max = 1};
static const struct region_ops slave_ops = {slave_read, slave_write, .min = 1, .max = 4, .impl_min = 1, .impl_max = 1};
static const struct region_ops elcr_ops = {elcr_read, elcr_write, .min = 1, .max = 4, .impl_min = 1, .impl_max = 1};

static int i8259_realize(struct device *d, struct err *e)
{
	struct i8259 *s = (struct i8259 *)d;

	(void)e;
	irq_init(s->in, 16, i8259_set, s);
	s->ports[0] = isa_ports(d, "pic", 0x20, 2, &master_ops, s);
	s->ports[1] = isa_ports(d, "pic", 0xa0, 2, &slave_ops, s);
	s->ports[2] = isa_ports(d, "elcr", 0x4d0, 2, &elcr_ops, s);
	return 0;
}

static void i8259_unrealize(struct device *d)
{
	struct i8259 *s = (struct i8259 *)d;

	for (int i = 0; i < 3; i++)
		isa_ports_free(s->ports[i]);
}

static void i8259_print(struct device *d, FILE *f)
{
	struct i8259 *s = (struct i8259 *)d;

	for (int i = 1; i >= 0; i--) {
		const struct chip *c = &s->chip[i];

		fprintf(f, "pic%d: irr=%02x imr=%02x isr=%02x hprio=%d irq_base=%02x rr_sel=%d elcr=%02x fnm=%d\n", i, chip_irr(c), c->imr,
			c->isr, (c->lowest + 1) & 7, c->icw2 & 0xf8, c->read_isr, c->elcr, !!(c->icw4 & ICW4_SFNM));
	}
}

void i8259_print_counts(struct device *d, FILE *f)
{
	const struct i8259 *s = (struct i8259 *)d;

	fprintf(f, "IRQ statistics for isa-i8259:\n");
	for (unsigned i = 0; i < 16; i++)
		if (s->raised[i])
			fprintf(f, "%2u: %llu\n", i, (unsigned long long)s->raised[i]);
}

static int i8259_loaded(void *state, struct err *e)
{
	struct i8259 *s = state;

	for (int i = 0; i < 2; i++)
		if (s->chip[i].lowest > 7 || s->chip[i].init > WANT_ICW4)
			return err_set(e, EINVAL, "i8259: lowest priority %u or initialisation step %u is impossible", s->chip[i].lowest,
				       s->chip[i].init);
	return 0;
}

static const struct field chip_fields[] = {
	F_UINT(struct chip, line), F_UINT(struct chip, edge), F_UINT(struct chip, isr), F_UINT(struct chip, imr),
	F_UINT(struct chip, elcr), F_UINT(struct chip, lowest), F_UINT(struct chip, icw1), F_UINT(struct chip, icw2),
	F_UINT(struct chip, icw3), F_UINT(struct chip, icw4), F_UINT(struct chip, init), F_BOOL(struct chip, read_isr),
	F_BOOL(struct chip, poll), F_BOOL(struct chip, special_mask), F_BOOL(struct chip, rotate_aeoi), F_END,
};
static const struct field i8259_fields[] = {
	F_STRUCTS(struct i8259, chip, chip_fields), F_BOOL(struct i8259, level), F_END,
};
static const struct state_table i8259_state = {"i8259", 1, 1, i8259_fields, .loaded = i8259_loaded};

static const struct device_type i8259_type = {
	.name = "isa-i8259", .bus = "ISA", .desc = "8259A interrupt controllers", .category = "Misc",
	.size = sizeof(struct i8259), .state = &i8259_state,
	.realize = i8259_realize, .unrealize = i8259_unrealize, .reset = i8259_reset, .print = i8259_print,
};
DEVICE(i8259_type);
