/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Parallel flash with AMD's command set (CFI 0002).
 *
 * Data sheet: AMD Am29LV640M (26191); JESD68.01. Programming and erasing are over at once, so that data polling (DQ7, DQ6) sees the array's own data;
 * a sector erase takes further sectors (30) until the first read, as the chip does for 50 µs. Not modelled: suspend, sector protection, write buffer.
 *
 *   aa@555 55@2aa, then at 555:  a0 program (data follows)   80 aa 55 10 erase chip   80 aa 55 30@sector erase sector   90 autoselect
 *                                20 unlock bypass (a0 data; 90 00 ends it)      98@55 query      f0 reset
 */
#include "pflash.h"

enum { UNLOCK1 = 0xaa, UNLOCK2 = 0x55, PROGRAM = 0xa0, ERASE = 0x80, ERASE_CHIP = 0x10, ERASE_SECTOR = 0x30, AUTOSELECT = 0x90,
       BYPASS = 0x20, QUERY = 0x98, RESET = 0xf0, SUSPEND = 0xb0 };
/* step: what has been seen of a sequence */
enum { IDLE, SEEN_AA, SEEN_55, WANT_DATA, ERASE_1, ERASE_2, ERASE_3, ERASE_MORE };

static void to_array(struct pflash *s)
{
	s->step = IDLE;
	s->command = 0;
	pflash_read_array(s, true);
}

static uint64_t cfi02_read(void *opaque, uint64_t offset, unsigned size)
{
	struct pflash *s = opaque;
	uint64_t at = offset / s->width & 0xff;

	if (s->step == ERASE_MORE)
		to_array(s);
	if (s->command == QUERY)
		return pflash_query(s, offset, size);
	if (s->command == AUTOSELECT) /* manufacturer, device, sector protection, then the device's further codes */
		return pflash_replicate(s, at == 0 ? s->id[0] : at == 1 ? s->id[1] : at == 0x0e ? s->id[2] : at == 0x0f ? s->id[3] : 0, size);
	return pflash_get(s, offset, size);
}

static void erase_sector(struct pflash *s, uint64_t offset)
{
	if (!pflash_erase(s, offset & ~(uint64_t)(s->block_size - 1), s->block_size))
		guest_error(&s->dev, "a protected sector at 0x%llx is not erased", (unsigned long long)offset);
}

/* The third write of a sequence: the command. */
static void command_write(struct pflash *s, uint8_t v)
{
	switch (v) {
	case PROGRAM:
		s->step = WANT_DATA;
		pflash_read_array(s, false);
		break;
	case ERASE:
		s->step = ERASE_1;
		break;
	case AUTOSELECT:
		s->command = AUTOSELECT;
		s->step = IDLE;
		pflash_read_array(s, false);
		break;
	case BYPASS:
		s->bypass = true;
		s->step = IDLE;
		break;
	default:
		guest_error(&s->dev, "unknown command %02x", v);
		to_array(s);
	}
}

static void idle_write(struct pflash *s, uint64_t at, uint8_t v)
{
	if (s->bypass && v == PROGRAM) {
		s->step = WANT_DATA;
		pflash_read_array(s, false);
	} else if (s->bypass && v == AUTOSELECT) {
		s->bypass = false; /* the 00 that follows is dropped like any stray write */
	} else if (v == QUERY && (at & 0xff) == UNLOCK2) {
		s->command = QUERY;
		pflash_read_array(s, false);
	} else if (v == UNLOCK1 && (at & 0x7ff) == (s->unlock[0] & 0x7ff)) {
		s->step = SEEN_AA;
	} else if (s->command) { /* not a sequence: out of query and autoselect */
		to_array(s);
	}
}

static void cfi02_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
	struct pflash *s = opaque;
	uint64_t at = offset / s->width;
	uint8_t v = (uint8_t)value;
	bool first = v == UNLOCK1 && (at & 0x7ff) == (s->unlock[0] & 0x7ff), second = v == UNLOCK2 && (at & 0x7ff) == (s->unlock[1] & 0x7ff);

	if (v == RESET && s->step != WANT_DATA) {
		to_array(s);
		return;
	}
	switch (s->step) {
	case IDLE:
		idle_write(s, at, v);
		break;
	case SEEN_AA:
		s->step = second ? SEEN_55 : IDLE;
		break;
	case SEEN_55:
		command_write(s, v);
		break;
	case WANT_DATA:
		if (!pflash_program(s, offset, value, size))
			guest_error(&s->dev, "a protected sector at 0x%llx is not programmed", (unsigned long long)offset);
		to_array(s);
		break;
	case ERASE_1:
		s->step = first ? ERASE_2 : IDLE;
		break;
	case ERASE_2:
		s->step = second ? ERASE_3 : IDLE;
		break;
	case ERASE_3:
		if (v == ERASE_CHIP) {
			if (!pflash_erase(s, 0, s->size))
				guest_error(&s->dev, "a protected chip is not erased");
			to_array(s);
		} else if (v == ERASE_SECTOR) {
			erase_sector(s, offset);
			s->step = ERASE_MORE;
			pflash_read_array(s, false);
		} else {
			to_array(s);
		}
		break;
	default: /* ERASE_MORE */
		if (v == ERASE_SECTOR)
			erase_sector(s, offset);
		else if (v != SUSPEND) {
			to_array(s);
			idle_write(s, at, v);
		}
	}
}

#define OPS(n) {cfi02_read, cfi02_write, .min = 1, .max = 8, .impl_min = 1, .impl_max = n}
static const struct region_ops cfi02_ops[3] = {OPS(1), OPS(2), OPS(4)};

static int cfi02_realize(struct device *d, struct err *e)
{
	struct pflash *s = (struct pflash *)d;
	int r = pflash_realize(s, cfi02_ops, e);

	s->cfi[0x13] = 2; /* command set 0002 */
	s->cfi[0x2a] = 0; /* no write buffer */
	return r;
}

static const struct prop cfi02_props[] = {
	PFLASH_PROPS,
	{.name = "sector-length", P_(struct pflash, block_size, PROP_U32), .def = 65536, .help = "of a sector, in bytes"},
	{.name = "id0", P_(struct pflash, id[0], PROP_U16), .def = 1},
	{.name = "id1", P_(struct pflash, id[1], PROP_U16), .def = 0x7e},
	{.name = "id2", P_(struct pflash, id[2], PROP_U16), .def = 0x0c},
	{.name = "id3", P_(struct pflash, id[3], PROP_U16), .def = 0x01},
	{.name = "unlock-addr0", P_(struct pflash, unlock[0], PROP_U32), .def = 0x555},
	{.name = "unlock-addr1", P_(struct pflash, unlock[1], PROP_U32), .def = 0x2aa},
	{.name = NULL},
};
static const struct state_table cfi02_state = {.name = "cfi.pflash02", .version = 1, .oldest = 1, .fields = pflash_fields,
					       .loaded = pflash_loaded};

static const struct device_type cfi02_type = {
	.name = "cfi.pflash02", .bus = "System", .desc = "parallel flash, AMD command set", .category = "Storage",
	.size = sizeof(struct pflash), .props = cfi02_props, .state = &cfi02_state,
	.realize = cfi02_realize, .unrealize = pflash_unrealize, .reset = pflash_reset,
};
DEVICE(cfi02_type);
