/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Parallel flash with Intel's command set (CFI 0001).
 *
 * Data sheet: Intel StrataFlash 28F128J3 (290667-021); JESD68.01. Not modelled: the time that programming and erasing take; suspend; the locking
 * bits, which are accepted and hold nothing back; protection registers.
 *
 * After CLEAR STATUS the status register is 00, the ready bit included, until the next operation: EDK II (QemuFlash.c) tells flash
 * from ROM and RAM by this.
 *
 *   ff read array   70 read status   50 clear status   90 read identifiers   98 query   40, 10 program   20 d0 erase block
 *   e8 n data d0 buffered program   60 01|d0 (un)lock block   b0 suspend   d0 resume
 */
#include "pflash.h"

enum { READ_ARRAY = 0xff, READ_STATUS = 0x70, CLEAR_STATUS = 0x50, READ_ID = 0x90, QUERY = 0x98, PROGRAM = 0x40, PROGRAM_10 = 0x10,
       ERASE = 0x20, BUFFERED = 0xe8, LOCK = 0x60, SUSPEND = 0xb0, CONFIRM = 0xd0, LOCK_BLOCK = 0x01 };
enum { SR_READY = 0x80, SR_ERASE = 0x20, SR_PROGRAM = 0x10, SR_LOCKED = 2 };
enum { FIRST, SECOND, DATA, CONFIRMING }; /* step: which write of a command comes next */

static void to_status(struct pflash *s, uint8_t errors)
{
	s->status |= SR_READY | errors;
	s->step = FIRST;
	s->command = READ_STATUS;
	pflash_read_array(s, false);
}

static uint64_t cfi01_read(void *opaque, uint64_t offset, unsigned size)
{
	struct pflash *s = opaque;
	uint64_t at = offset / s->width & 0xff;

	switch (s->command) {
	case READ_ID:
		return pflash_replicate(s, at == 0 ? s->id[0] & 0xff : at == 1 ? s->id[1] & 0xff : 0, size);
	case QUERY:
		return pflash_query(s, offset, size);
	case READ_ARRAY:
	case 0:
		return pflash_get(s, offset, size);
	default: /* during all others the status register is read */
		return pflash_replicate(s, s->status, size);
	}
}

static void buffer_begin(struct pflash *s, uint8_t count)
{
	s->left = count + 1u;
	s->buffer_bad = s->left * s->width > PFLASH_BUFFER;
	if (s->buffer_bad)
		s->left = PFLASH_BUFFER / s->width;
	for (unsigned i = 0; i < PFLASH_BUFFER; i++)
		s->buffer[i] = 0xff; /* clears no bits */
	s->buffer_base = UINT64_MAX;
	s->step = DATA;
}

static void buffer_put(struct pflash *s, uint64_t offset, uint64_t value, unsigned size)
{
	if (s->buffer_base == UINT64_MAX)
		s->buffer_base = offset & ~(uint64_t)(PFLASH_BUFFER - 1);
	if (offset < s->buffer_base || offset + size > s->buffer_base + PFLASH_BUFFER)
		s->buffer_bad = true;
	else
		for (unsigned i = 0; i < size; i++)
			s->buffer[offset - s->buffer_base + i] = (uint8_t)(value >> 8 * i);
	if (--s->left == 0)
		s->step = CONFIRMING;
}

static void buffer_end(struct pflash *s, uint8_t value)
{
	bool good = !s->buffer_bad && value == CONFIRM;

	for (unsigned i = 0; good && i < PFLASH_BUFFER; i++)
		if (s->buffer[i] != 0xff && !pflash_program(s, s->buffer_base + i, s->buffer[i], 1)) {
			to_status(s, SR_PROGRAM | SR_LOCKED);
			return;
		}
	to_status(s, good ? 0 : value == CONFIRM ? SR_PROGRAM : SR_PROGRAM | SR_ERASE);
}

static void first_write(struct pflash *s, uint64_t offset, uint8_t command)
{
	switch (command) {
	case READ_ARRAY:
		s->command = READ_ARRAY;
		pflash_read_array(s, true);
		break;
	case CLEAR_STATUS:
		s->status = 0;
		break;
	case PROGRAM:
	case PROGRAM_10:
	case ERASE:
	case BUFFERED:
	case LOCK:
		s->command = command;
		s->block = offset & ~(uint64_t)(s->block_size - 1);
		s->step = SECOND;
		if (command == BUFFERED)
			s->status |= SR_READY; /* the buffer is free */
		pflash_read_array(s, false);
		break;
	case READ_STATUS:
	case READ_ID:
	case QUERY:
		s->command = command;
		pflash_read_array(s, false);
		break;
	case SUSPEND:
	case CONFIRM: /* nothing takes long enough to be suspended */
		to_status(s, 0);
		break;
	case 0: /* a NOP of old drivers */
		break;
	default:
		guest_error(&s->dev, "unknown command %02x at 0x%llx", command, (unsigned long long)offset);
		s->command = READ_ARRAY;
		pflash_read_array(s, true);
	}
}

static void second_write(struct pflash *s, uint64_t offset, uint64_t value, unsigned size)
{
	uint8_t command = (uint8_t)value;

	switch (s->command) {
	case PROGRAM:
	case PROGRAM_10:
		to_status(s, pflash_program(s, offset, value, size) ? 0 : SR_PROGRAM | SR_LOCKED);
		break;
	case ERASE:
		if (command != CONFIRM)
			to_status(s, SR_ERASE | SR_PROGRAM); /* both: a command sequence error */
		else
			to_status(s, pflash_erase(s, s->block, s->block_size) ? 0 : SR_ERASE | SR_LOCKED);
		break;
	case BUFFERED:
		buffer_begin(s, command);
		break;
	default: /* LOCK */
		to_status(s, command == LOCK_BLOCK || command == CONFIRM ? 0 : SR_ERASE | SR_PROGRAM);
	}
}

static void cfi01_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
	struct pflash *s = opaque;

	switch (s->step) {
	case FIRST:
		first_write(s, offset, (uint8_t)value);
		break;
	case SECOND:
		second_write(s, offset, value, size);
		break;
	case DATA:
		buffer_put(s, offset, value, size);
		break;
	default:
		buffer_end(s, (uint8_t)value);
	}
}

#define OPS(n) {cfi01_read, cfi01_write, .min = 1, .max = 8, .impl_min = 1, .impl_max = n}
static const struct region_ops cfi01_ops[3] = {OPS(1), OPS(2), OPS(4)};

static int cfi01_realize(struct device *d, struct err *e)
{
	struct pflash *s = (struct pflash *)d;
	int r = pflash_realize(s, cfi01_ops, e);

	s->cfi[0x13] = 1; /* command set 0001 */
	s->cfi[0x3a] = 1; /* in the PRI table: block status register; all else is not there */
	return r;
}

static int cfi01_loaded(void *state, struct err *e)
{
	struct pflash *s = state;
	bool nowhere = s->buffer_base == UINT64_MAX; /* the buffer's place is not known before its first byte */
	int r;

	if ((s->step == DATA && !s->left) || s->step > CONFIRMING)
		return err_set(e, 22, "cfi.pflash01: step %u with %u to come: impossible", s->step, s->left);
	if (nowhere)
		s->buffer_base = 0;
	r = pflash_loaded(state, e);
	if (nowhere && s->step != CONFIRMING)
		s->buffer_base = UINT64_MAX;
	return r;
}

static const struct prop cfi01_props[] = {
	PFLASH_PROPS,
	{.name = "sector-length", P_(struct pflash, block_size, PROP_U32), .def = 4096, .help = "of a block, in bytes"},
	{.name = "id0", P_(struct pflash, id[0], PROP_U16), .def = 0x89},
	{.name = "id1", P_(struct pflash, id[1], PROP_U16), .def = 0x18},
	{.name = "id2", P_(struct pflash, id[2], PROP_U16)},
	{.name = "id3", P_(struct pflash, id[3], PROP_U16)},
	{.name = NULL},
};
static const struct state_table cfi01_state = {.name = "cfi.pflash01", .version = 1, .oldest = 1, .fields = pflash_fields,
					       .loaded = cfi01_loaded};

static const struct device_type cfi01_type = {
	.name = "cfi.pflash01", .bus = "System", .desc = "parallel flash, Intel command set", .category = "Storage",
	.size = sizeof(struct pflash), .props = cfi01_props, .state = &cfi01_state,
	.realize = cfi01_realize, .unrealize = pflash_unrealize, .reset = pflash_reset,
};
DEVICE(cfi01_type);
