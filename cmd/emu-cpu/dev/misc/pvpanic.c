/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pvpanic: the guest's kernel tells that it has panicked.
 *
 * Specification: "PVPANIC device", docs/specs/pvpanic. Property: ioport (505). The file etc/pvpanic-port of fw_cfg tells firmware where it is.
 * No state.
 *
 *   R  events that are known: bit 0 panicked      W  the event
 */
#include <errno.h>

#include "../../isa-bus.h"
#include "../../machine.h"
#include "../../x86-parts.h"

enum { PANICKED = 1 };

struct pvpanic {
	struct device dev;
	uint16_t ioport;
	struct region *ports;
};

static uint64_t pvpanic_read(void *opaque, uint64_t offset, unsigned size)
{
	(void)opaque, (void)offset, (void)size;
	return PANICKED;
}

static void pvpanic_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
	struct pvpanic *s = opaque;

	(void)offset, (void)size;
	if (value & ~(uint64_t)PANICKED)
		guest_error(&s->dev, "unknown event 0x%02x", (unsigned)value);
	if (value & PANICKED)
		machine_panicked(s->dev.machine, PANICKED);
}

static const struct region_ops pvpanic_ops = {pvpanic_read, pvpanic_write, .min = 1, .max = 1};

static int pvpanic_realize(struct device *d, struct err *e)
{
	struct pvpanic *s = (struct pvpanic *)d;
	struct err ignored = ERR_INIT;
	uint8_t port[2] = {(uint8_t)s->ioport, (uint8_t)(s->ioport >> 8)};

	(void)e;
	s->ports = isa_ports(d, "pvpanic", s->ioport, 1, &pvpanic_ops, s);
	/* a machine without fw_cfg does without the file; so does a second device */
	fw_cfg_add_file(d->machine, "etc/pvpanic-port", port, sizeof port, &ignored);
	return 0;
}

static void pvpanic_unrealize(struct device *d)
{
	isa_ports_free(((struct pvpanic *)d)->ports);
}

static const struct prop pvpanic_props[] = {
	{.name = "ioport", P_(struct pvpanic, ioport, PROP_U16), .def = 0x505, .help = "port"},
	{.name = NULL},
};

static const struct device_type pvpanic_type = {
	.name = "pvpanic", .bus = "ISA", .desc = "panic notifier", .category = "Misc", .size = sizeof(struct pvpanic),
	.props = pvpanic_props, .user = true, .realize = pvpanic_realize, .unrealize = pvpanic_unrealize,
};
DEVICE(pvpanic_type);
