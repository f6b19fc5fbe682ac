/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Debug console: a port whose bytes go to a stream. Reading it gives `readback`, which tells software that it is there.
 *
 * Properties: iobase (e9), readback (e9), chardev. It has no state: what the stream does not take at once is lost.
 */
#include <errno.h>

#include "../../isa-bus.h"
#include "../../serial.h"

struct debugcon {
	struct device dev;
	struct serial *chardev;
	uint32_t iobase, readback;
	struct region *ports;
};

static uint64_t debugcon_read(void *opaque, uint64_t offset, unsigned size)
{
	(void)offset, (void)size;
	return ((struct debugcon *)opaque)->readback;
}

static void debugcon_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
	uint8_t byte = (uint8_t)value;

	(void)offset, (void)size;
	serial_write(((struct debugcon *)opaque)->chardev, &byte, 1);
}

static const struct region_ops debugcon_ops = {debugcon_read, debugcon_write, .min = 1, .max = 1};
static const struct serial_ops debugcon_serial = {.can_receive = NULL};

static int debugcon_realize(struct device *d, struct err *e)
{
	struct debugcon *s = (struct debugcon *)d;

	if (s->iobase > 0xffff)
		return err_set(e, EINVAL, "isa-debugcon: iobase 0x%x: ports go to 0xffff", s->iobase);
	if (s->chardev)
		serial_attach(s->chardev, &debugcon_serial, s);
	s->ports = isa_ports(d, "debugcon", (uint16_t)s->iobase, 1, &debugcon_ops, s);
	return 0;
}

static void debugcon_unrealize(struct device *d)
{
	struct debugcon *s = (struct debugcon *)d;

	isa_ports_free(s->ports);
	if (s->chardev)
		serial_attach(s->chardev, NULL, NULL);
}

static const struct prop debugcon_props[] = {
	{.name = "iobase", P_(struct debugcon, iobase, PROP_U32), .def = 0xe9, .help = "port"},
	{.name = "readback", P_(struct debugcon, readback, PROP_U32), .def = 0xe9, .help = "what a read gives"},
	{.name = "chardev", P_(struct debugcon, chardev, PROP_CHARDEV), .help = "byte stream that is connected"},
	{.name = NULL},
};

static const struct device_type debugcon_type = {
	.name = "isa-debugcon", .bus = "ISA", .desc = "debug console", .category = "Misc", .size = sizeof(struct debugcon),
	.props = debugcon_props, .user = true, .realize = debugcon_realize, .unrealize = debugcon_unrealize,
};
DEVICE(debugcon_type);
