// SPDX-License-Identifier: GPL-2.0-or-later
/* The System Management Bus; see smbus.h. */
#include "smbus.h"
#include <errno.h>
#include <stdio.h>

struct smbus_device *smbus_at(struct smbus *b, uint8_t address)
{
	for (struct device *d = b->bus.children; d; d = d->next)
		if (d->realized && ((struct smbus_device *)d)->address == address)
			return (struct smbus_device *)d;
	return NULL;
}

static int plug(struct bus *b, struct device *d, struct err *e)
{
	const struct smbus_device *s = (const struct smbus_device *)d;
	if (smbus_at((struct smbus *)b, s->address))
		return err_set(e, EBUSY, "%s: address 0x%x of bus %s is taken", d->type->name, s->address, b->name);
	return 0;
}

static void place(const struct device *d, char *buf, size_t size)
{
	snprintf(buf, size, "%02x", ((const struct smbus_device *)d)->address);
}

void smbus_init(struct smbus *b, const char *name, struct device *owner, struct machine *m)
{
	bus_init(&b->bus, "i2c-bus", name, owner, m);
	b->bus.plug = plug;
	b->bus.place = place;
}
