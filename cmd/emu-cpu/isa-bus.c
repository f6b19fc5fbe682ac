/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Ports of ISA devices. The DMA half of isa-bus.h is the 8237's: dev/misc/i8237.c. */
#include "isa-bus.h"

#include "machine.h"

struct region *isa_ports(struct device *d, const char *name, uint16_t base, unsigned count, const struct region_ops *ops,
			 void *opaque)
{
	struct region *r = region_new_io(d->machine, name, count, ops, opaque);

	region_add(isa_bus_of(d)->ports, base, r, 0);
	return r;
}

void isa_ports_free(struct region *r)
{
	if (!r)
		return;
	region_remove(r);
	region_free(r);
}
