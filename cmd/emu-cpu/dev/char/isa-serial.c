/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * 16550A on the ISA bus: COM1 to COM4 of a PC. The chip itself is in uart16550.c.
 *
 * Properties: index (0..3; the next free one) gives iobase 3f8, 2f8, 3e8, 2e8 and irq 4, 3, 4, 3 where they are not set; chardev.
 */
#include <errno.h>

#include "../../isa-bus.h"
#include "uart16550.h"

#define UART_CLOCK 1843200u
#define PORTS 4

struct isa_serial {
	struct device dev;
	struct uart16550 uart;
	struct serial *chardev;
	uint32_t index, iobase, irq;
	struct region *ports;
};
static const struct device_type isa_serial_type;

static uint64_t isa_serial_read(void *opaque, uint64_t offset, unsigned size)
{
	(void)size;
	return uart16550_read(&((struct isa_serial *)opaque)->uart, (unsigned)offset);
}

static void isa_serial_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
	(void)size;
	uart16550_write(&((struct isa_serial *)opaque)->uart, (unsigned)offset, (uint8_t)value);
}

static const struct region_ops isa_serial_ops = {
	isa_serial_read, isa_serial_write, .min = 1, .max = 4, .impl_min = 1, .impl_max = 1,
};

static void isa_serial_reset(struct device *d)
{
	uart16550_reset(&((struct isa_serial *)d)->uart);
}

static bool index_taken(struct device *d, uint32_t index)
{
	for (struct device *o = d->parent->children; o; o = o->next)
		if (o != d && o->type == &isa_serial_type && o->realized && ((struct isa_serial *)o)->index == index)
			return true;
	return false;
}

static int isa_serial_realize(struct device *d, struct err *e)
{
	static const uint16_t bases[PORTS] = {0x3f8, 0x2f8, 0x3e8, 0x2e8};
	static const uint8_t irqs[PORTS] = {4, 3, 4, 3};
	struct isa_serial *s = (struct isa_serial *)d;

	if (s->index == UINT32_MAX)
		for (s->index = 0; s->index < PORTS && index_taken(d, s->index);)
			s->index++;
	if (s->index >= PORTS)
		return err_set(e, EINVAL, "isa-serial: a machine has at most %d; use pci-serial for more", PORTS);
	if (s->iobase == UINT32_MAX)
		s->iobase = bases[s->index];
	if (s->irq == UINT32_MAX)
		s->irq = irqs[s->index];
	if (s->iobase > 0xfff8 || s->irq > 15)
		return err_set(e, EINVAL, "isa-serial: iobase 0x%x, irq %u: ports go to 0xfff8, lines to 15", s->iobase, s->irq);
	uart16550_init(&s->uart, d, s->chardev, UART_CLOCK, isa_irq(d, s->irq));
	s->ports = isa_ports(d, "serial", (uint16_t)s->iobase, 8, &isa_serial_ops, s);
	return 0;
}

static void isa_serial_unrealize(struct device *d)
{
	struct isa_serial *s = (struct isa_serial *)d;

	isa_ports_free(s->ports);
	uart16550_free(&s->uart);
}

static int isa_serial_loaded(void *state, struct err *e)
{
	return uart16550_loaded(&((struct isa_serial *)state)->uart, e);
}

static const struct prop isa_serial_props[] = {
	{.name = "chardev", P_(struct isa_serial, chardev, PROP_CHARDEV), .help = "byte stream that is connected"},
	{.name = "index", P_(struct isa_serial, index, PROP_U32), .def = UINT32_MAX, .help = "COM port, from 0"},
	{.name = "iobase", P_(struct isa_serial, iobase, PROP_U32), .def = UINT32_MAX, .help = "first port"},
	{.name = "irq", P_(struct isa_serial, irq, PROP_U32), .def = UINT32_MAX, .help = "interrupt line"},
	{.name = NULL},
};
static const struct field isa_serial_fields[] = {F_STRUCT(struct isa_serial, uart, uart16550_fields), F_END};
static const struct state_table isa_serial_state = {"isa-serial", 1, 1, isa_serial_fields, .loaded = isa_serial_loaded};

static const struct device_type isa_serial_type = {
	.name = "isa-serial", .bus = "ISA", .desc = "16550A serial port", .category = "Input", .size = sizeof(struct isa_serial),
	.props = isa_serial_props, .state = &isa_serial_state, .user = true,
	.realize = isa_serial_realize, .unrealize = isa_serial_unrealize, .reset = isa_serial_reset,
};
DEVICE(isa_serial_type);
