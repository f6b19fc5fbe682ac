/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A port that ends the machine: a write of v makes the exit status (v << 1) | 1, so that test kernels can tell their result.
 *
 * Properties: iobase (501), iosize (2). No state.
 */
#include <errno.h>

#include "../../isa-bus.h"
#include "../../machine.h"

struct debug_exit {
	struct device dev;
	uint32_t iobase, iosize;
	struct region *ports;
};

static uint64_t exit_read(void *opaque, uint64_t offset, unsigned size)
{
	(void)opaque, (void)offset, (void)size;
	return 0;
}

static void exit_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
	(void)offset, (void)size;
	machine_exit(((struct device *)opaque)->machine, (int)((uint32_t)value << 1 | 1));
}

static const struct region_ops exit_ops = {exit_read, exit_write, .min = 1, .max = 4};

static int exit_realize(struct device *d, struct err *e)
{
	struct debug_exit *s = (struct debug_exit *)d;

	if (s->iosize < 1 || s->iosize > 16 || s->iobase > 0x10000 - s->iosize)
		return err_set(e, EINVAL, "isa-debug-exit: iobase 0x%x, iosize %u: 1 to 16 ports below 0x10000", s->iobase, s->iosize);
	s->ports = isa_ports(d, "isa-debug-exit", (uint16_t)s->iobase, s->iosize, &exit_ops, s);
	return 0;
}

static void exit_unrealize(struct device *d)
{
	isa_ports_free(((struct debug_exit *)d)->ports);
}

static const struct prop exit_props[] = {
	{.name = "iobase", P_(struct debug_exit, iobase, PROP_U32), .def = 0x501, .help = "first port"},
	{.name = "iosize", P_(struct debug_exit, iosize, PROP_U32), .def = 2, .help = "how many"},
	{.name = NULL},
};

static const struct device_type exit_type = {
	.name = "isa-debug-exit", .bus = "ISA", .desc = "port that ends the machine with a status", .category = "Misc",
	.size = sizeof(struct debug_exit), .props = exit_props, .user = true, .realize = exit_realize, .unrealize = exit_unrealize,
};
DEVICE(exit_type);
