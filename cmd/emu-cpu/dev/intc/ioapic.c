/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * I/O APIC with 24 inputs.
 *
 * Data sheets: Intel 82093AA (290566-001, 1996); the EOI register of version 0x20: Intel 631xESB/632xESB (313082-001), 17.5.
 * Not modelled: the arbitration id (reads as the id); delivery status, which is always idle. The polarity bit is kept and ignored: a line of irq.h
 * says that it is asserted, not at which voltage.
 *
 * Wiring: ioapic_inputs(); messages go to the local APICs as MSIs. Properties: base (0xfec00000), id, version (0x11 or 0x20).
 *
 *   00  IOREGSEL    10  IOWIN    40  EOI (W, version 0x20)
 *   IOWIN:  00 ID (27:24)   01 version (R)   02 arbitration (R)   10+2n, 11+2n  redirection entry n
 */
#include <errno.h>

#include "../../machine.h"
#include "../../x86-parts.h"

#define PINS 24
#define ENTRY_VECTOR 0xffull
#define ENTRY_MODE(e) ((unsigned)((e) >> 8) & 7)
#define ENTRY_LOGICAL 0x800ull
#define ENTRY_STATUS 0x1000ull
#define ENTRY_REMOTE_IRR 0x4000ull
#define ENTRY_LEVEL 0x8000ull
#define ENTRY_MASKED 0x10000ull
#define ENTRY_WRITABLE 0xff0000000001afffull
enum { MODE_FIXED, MODE_LOWEST, MODE_EXTINT = 7 };
enum { REG_ID, REG_VERSION, REG_ARBITRATION, REG_TABLE = 0x10 };

struct ioapic {
	struct device dev;
	uint64_t entry[PINS];
	uint32_t lines;      /* levels of the inputs */
	uint8_t select;
	uint32_t id;
	struct irq in[PINS];
	struct region *region;
	uint64_t base;
	uint32_t version, initial_id;
	uint64_t raised[PINS]; /* for people; not saved */
};
static const struct device_type ioapic_type;

static void ioapic_send(struct ioapic *s, unsigned pin)
{
	uint64_t e = s->entry[pin];
	uint64_t address = 0xfee00000 | (e >> 56) << 12 | (e & ENTRY_LOGICAL ? 4 : 0);

	apic_message(s->dev.machine, address, (uint32_t)(e & (ENTRY_VECTOR | 0x700)) | 0x4000 | (e & ENTRY_LEVEL ? 0x8000 : 0));
}

/* A level-triggered pin sends while its line is high, once until the EOI. */
static void ioapic_service(struct ioapic *s, unsigned pin)
{
	uint64_t *e = &s->entry[pin];

	if (!(*e & ENTRY_LEVEL) || (*e & (ENTRY_MASKED | ENTRY_REMOTE_IRR)) || !(s->lines >> pin & 1))
		return;
	if (ENTRY_MODE(*e) == MODE_FIXED || ENTRY_MODE(*e) == MODE_LOWEST)
		*e |= ENTRY_REMOTE_IRR;
	ioapic_send(s, pin);
}

static void ioapic_set(void *opaque, int n, bool level)
{
	struct ioapic *s = opaque;
	uint32_t bit = 1u << n, rose = level ? bit & ~s->lines : 0;

	s->lines = level ? s->lines | bit : s->lines & ~bit;
	if (!rose)
		return;
	s->raised[n]++;
	if (s->entry[n] & ENTRY_LEVEL)
		ioapic_service(s, (unsigned)n);
	else if (!(s->entry[n] & ENTRY_MASKED)) /* "edge-sensitive interrupts signaled on a masked pin are ignored" */
		ioapic_send(s, (unsigned)n);
}

const struct irq *ioapic_inputs(struct device *d)
{
	return ((struct ioapic *)d)->in;
}

static void ioapic_end(struct ioapic *s, uint8_t vector)
{
	for (unsigned i = 0; i < PINS; i++) {
		if ((s->entry[i] & ENTRY_VECTOR) != vector || !(s->entry[i] & ENTRY_REMOTE_IRR))
			continue;
		s->entry[i] &= ~ENTRY_REMOTE_IRR;
		ioapic_service(s, i);
	}
}

void ioapic_eoi(struct machine *m, uint8_t vector)
{
	for (struct device *d = m->system_bus->children; d; d = d->next)
		if (d->type == &ioapic_type && d->realized)
			ioapic_end((struct ioapic *)d, vector);
}

static void ioapic_reset(struct device *d)
{
	struct ioapic *s = (struct ioapic *)d;

	for (unsigned i = 0; i < PINS; i++)
		s->entry[i] = ENTRY_MASKED;
	s->select = 0;
	s->id = s->initial_id << 24;
}

static uint64_t ioapic_read(void *opaque, uint64_t offset, unsigned size)
{
	struct ioapic *s = opaque;

	(void)size;
	if (offset == 0)
		return s->select;
	if (offset != 0x10)
		return 0;
	switch (s->select) {
	case REG_ID:
	case REG_ARBITRATION:
		return s->id;
	case REG_VERSION:
		return s->version | (PINS - 1) << 16;
	default:
		if (s->select < REG_TABLE || s->select >= REG_TABLE + 2 * PINS)
			return 0;
		return (uint32_t)(s->entry[(s->select - REG_TABLE) / 2] >> (s->select & 1 ? 32 : 0));
	}
}

static void ioapic_write_entry(struct ioapic *s, unsigned reg, uint32_t value)
{
	uint64_t *e = &s->entry[reg / 2], v = *e;

	v = reg & 1 ? (v & 0xffffffff) | (uint64_t)value << 32 : (v & ~0xffffffffull) | value;
	v = (v & ENTRY_WRITABLE) | (*e & ENTRY_REMOTE_IRR);
	if (!(v & ENTRY_LEVEL)) /* an edge-triggered pin has none; system software ends a level this way */
		v &= ~ENTRY_REMOTE_IRR;
	*e = v;
	ioapic_service(s, reg / 2);
}

static void ioapic_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
	struct ioapic *s = opaque;

	(void)size;
	if (offset == 0) {
		s->select = (uint8_t)value;
	} else if (offset == 0x40 && s->version >= 0x20) {
		ioapic_end(s, (uint8_t)value);
	} else if (offset == 0x10) {
		if (s->select == REG_ID)
			s->id = value & 0x0f000000;
		else if (s->select >= REG_TABLE && s->select < REG_TABLE + 2 * PINS)
			ioapic_write_entry(s, s->select - REG_TABLE, (uint32_t)value);
	}
}

static const struct region_ops ioapic_ops = {ioapic_read, ioapic_write, .min = 1, .max = 8, .impl_min = 4, .impl_max = 4};

static int ioapic_realize(struct device *d, struct err *e)
{
	struct ioapic *s = (struct ioapic *)d;

	if (s->version != 0x11 && s->version != 0x20)
		return err_set(e, EINVAL, "ioapic: version 0x%x: 0x11 or 0x20", s->version);
	irq_init(s->in, PINS, ioapic_set, s);
	s->region = region_new_io(d->machine, "ioapic", 0x1000, &ioapic_ops, s);
	region_add(space_root(d->machine->memory), s->base, s->region, 1);
	return 0;
}

static void ioapic_unrealize(struct device *d)
{
	struct ioapic *s = (struct ioapic *)d;

	region_remove(s->region);
	region_free(s->region);
}

static void print_pins(FILE *f, const char *title, uint32_t pins)
{
	fprintf(f, "  %-8s", title);
	for (unsigned i = 0; i < PINS; i++)
		if (pins >> i & 1)
			fprintf(f, " %u", i);
	fprintf(f, pins ? "\n" : " (none)\n");
}

static void ioapic_print(struct device *d, FILE *f)
{
	static const char *const modes[] = {"fixed", "lowest", "SMI", "...", "NMI", "INIT", "...", "extINT"};
	struct ioapic *s = (struct ioapic *)d;
	uint32_t waiting = 0, remote = 0;

	fprintf(f, "ioapic%u: ver=0x%x id=0x%02x sel=0x%02x", s->initial_id, s->version, s->id >> 24, s->select);
	if (s->select >= REG_TABLE && s->select < REG_TABLE + 2 * PINS)
		fprintf(f, " (redir[%u])", (s->select - REG_TABLE) / 2u);
	fputc('\n', f);
	for (unsigned i = 0; i < PINS; i++) {
		uint64_t e = s->entry[i];
		fprintf(f, "  pin %-2u 0x%016llx dest=%llx vec=%-3llu %s %-5s %-6s %-6s %s\n", i, (unsigned long long)e, (unsigned long long)(e >> 56),
			(unsigned long long)(e & ENTRY_VECTOR), e & 0x2000 ? "active-lo" : "active-hi", e & ENTRY_LEVEL ? "level" : "edge",
			e & ENTRY_MASKED ? "masked" : "", modes[ENTRY_MODE(e)], e & ENTRY_LOGICAL ? "logical" : "physical");
		if (e & ENTRY_REMOTE_IRR)
			remote |= 1u << i;
		if (e & ENTRY_LEVEL && s->lines >> i & 1)
			waiting |= 1u << i;
	}
	print_pins(f, "IRR", waiting);
	print_pins(f, "Remote IRR", remote);
}

void ioapic_print_counts(struct device *d, FILE *f)
{
	const struct ioapic *s = (struct ioapic *)d;

	fprintf(f, "IRQ statistics for ioapic:\n");
	for (unsigned i = 0; i < PINS; i++)
		if (s->raised[i])
			fprintf(f, "%2u: %llu\n", i, (unsigned long long)s->raised[i]);
}

static const struct prop ioapic_props[] = {
	{.name = "base", P_(struct ioapic, base, PROP_U64), .def = 0xfec00000},
	{.name = "id", P_(struct ioapic, initial_id, PROP_U32), .def = 0, .max = 15},
	{.name = "version", P_(struct ioapic, version, PROP_U32), .def = 0x20, .help = "0x11 (no EOI register) or 0x20"},
	{.name = NULL},
};
static const struct field ioapic_fields[] = {
	F_UINTS(struct ioapic, entry), F_UINT(struct ioapic, lines), F_UINT(struct ioapic, select), F_UINT(struct ioapic, id), F_END,
};
static const struct state_table ioapic_state = {.name = "ioapic", .version = 1, .oldest = 1, .fields = ioapic_fields};

static const struct device_type ioapic_type = {
	.name = "ioapic", .bus = "System", .desc = "I/O APIC", .category = "Misc", .size = sizeof(struct ioapic),
	.props = ioapic_props, .state = &ioapic_state,
	.realize = ioapic_realize, .unrealize = ioapic_unrealize, .reset = ioapic_reset, .print = ioapic_print,
};
DEVICE(ioapic_type);
