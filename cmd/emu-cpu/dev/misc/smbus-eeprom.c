// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * 256-byte serial EEPROM on the SMBus (24C02), as memory modules carry it: its contents are the serial presence detect of a module
 * (JEDEC 21-C, 4.1.2.5, SDRAM) of the size that the property says, or zeros for an empty socket.
 */
#include <errno.h>
#include <string.h>
#include "../../smbus.h"

struct eeprom {
	struct smbus_device smbus; /* first */
	uint64_t module;           /* bytes of the memory module */
	uint8_t data[256];
	uint8_t offset;
};

static int quick(struct smbus_device *d, bool read)
{
	(void)d, (void)read;
	return 0;
}

static int write_bytes(struct smbus_device *d, const uint8_t *bytes, unsigned count)
{
	struct eeprom *s = (struct eeprom *)d;
	if (count)
		s->offset = bytes[0];
	for (unsigned i = 1; i < count; i++)
		s->data[s->offset++] = bytes[i];
	return 0;
}

static uint8_t read_byte(struct smbus_device *d)
{
	struct eeprom *s = (struct eeprom *)d;
	return s->data[s->offset++];
}

/* A module of one or two rows whose density the standard has (4 MiB to 1 GiB a row). */
static void spd_fill(struct eeprom *s)
{
	uint64_t mib = s->module >> 20;
	unsigned rows = 1;
	while (mib / rows > 1024 && rows < 8)
		rows *= 2;
	uint64_t row = mib / rows;
	uint8_t density = 0; /* bit n: 4 << n MiB; sizes from 1 GiB begin at the low bits again */
	if (row >= 4 && row < 512)
		density = (uint8_t)(row / 4);
	else if (row == 512)
		density = 0x80;
	else if (row >= 1024)
		density = (uint8_t)(row / 1024);
	uint8_t *d = s->data;
	d[0] = 128; /* bytes used */
	d[1] = 8;   /* log2 of the EEPROM's size */
	d[2] = 4;   /* SDRAM */
	d[3] = 12;  /* row addresses */
	d[4] = 9;   /* column addresses */
	d[5] = (uint8_t)rows;
	d[6] = 64;  /* data width */
	d[8] = 1;   /* LVTTL */
	d[9] = 0x70;
	d[10] = 0x54;
	d[12] = 0x80; /* refresh */
	d[13] = 8;    /* chip width */
	d[15] = 1;
	d[16] = 0x8e; /* burst lengths */
	d[17] = 4;    /* banks */
	d[18] = 4;    /* CAS latency 3 */
	d[19] = 1;
	d[20] = 1;
	d[22] = 0x0e;
	d[27] = d[29] = 20;
	d[28] = 15;
	d[30] = 45;
	d[31] = density;
	d[62] = 0x12; /* revision 1.2 */
	uint8_t sum = 0;
	for (unsigned i = 0; i < 63; i++)
		sum = (uint8_t)(sum + d[i]);
	d[63] = sum;
}

static int realize(struct device *d, struct err *e)
{
	struct eeprom *s = (struct eeprom *)d;
	(void)e;
	if (s->module)
		spd_fill(s);
	return 0;
}

static void reset(struct device *d)
{
	((struct eeprom *)d)->offset = 0; /* the contents stay, as in the chip */
}

static const struct prop props[] = {
	SMBUS_PROPS,
	{.name = "module", P_(struct eeprom, module, PROP_SIZE), .help = "size of the memory module that it describes"},
	{.name = NULL},
};

static const struct field fields[] = {F_BYTES(struct eeprom, data), F_UINT(struct eeprom, offset), F_END};
static const struct state_table state = {.name = "smbus-eeprom", .version = 1, .oldest = 1, .fields = fields};
static const struct smbus_class class = {.quick = quick, .write = write_bytes, .read = read_byte};

static const struct device_type smbus_eeprom = {
	.name = "smbus-eeprom",
	.bus = "i2c-bus",
	.desc = "Serial EEPROM of a memory module",
	.category = "Misc",
	.size = sizeof(struct eeprom),
	.props = props,
	.state = &state,
	.realize = realize,
	.reset = reset,
	.extra = &class,
};
DEVICE(smbus_eeprom);
