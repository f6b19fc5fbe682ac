/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The System Management Bus (specification 2.0): devices at 7-bit addresses, and the host's side of its protocols. */
#ifndef EMU_CPU_SMBUS_H
#define EMU_CPU_SMBUS_H
#include "device.h"

#define SMBUS_BLOCK 32 /* bytes of a block transfer, at most */

struct smbus {
	struct bus bus;
};

struct smbus_device {
	struct device dev; /* first */
	uint8_t address;   /* property "address", 7 bits */
};

/* A device type's `extra`. Each returns 0, or -ENXIO: no acknowledge. */
struct smbus_class {
	int (*quick)(struct smbus_device *d, bool read);
	/* Bytes after the address: count 0..33 (command first). */
	int (*write)(struct smbus_device *d, const uint8_t *bytes, unsigned count);
	uint8_t (*read)(struct smbus_device *d); /* the next byte */
};

#define SMBUS_PROPS \
	{.name = "address", P_(struct smbus_device, address, PROP_U8), .max = 127, .help = "address on the bus"}

void smbus_init(struct smbus *b, const char *name, struct device *owner, struct machine *m);
struct smbus_device *smbus_at(struct smbus *b, uint8_t address);
#endif
