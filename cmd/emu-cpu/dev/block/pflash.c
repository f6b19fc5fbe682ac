/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The array of a parallel flash and its way to the drive.
 *
 * The array is memory that reads go straight to while the chip is in its read-array mode. What is programmed and erased is written to the
 * drive a moment later (FLUSH_NS), a stretch at a time: firmware programs byte by byte. At a stop and at the end all of it is written.
 */
#include "pflash.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../../machine.h"
#include "../../pc-chips.h"

#define FLUSH_NS 20000000
#define STRETCH 65536u

struct pflash_io {
	struct drive_req request;
	struct iovec iov;
	struct pflash *flash; /* NULL: it is gone */
	uint8_t data[STRETCH];
};

/* ---- to the drive ------------------------------------------------------------------------------------------------------------- */
static void flush_later(struct pflash *s)
{
	if (s->dirty_from < s->dirty_to && s->drive && !s->io && !timer_armed(s->timer))
		timer_set(s->timer, clock_ns(s->dev.machine, CLOCK_REAL) + FLUSH_NS);
}

static void flush_done(void *opaque, int error)
{
	struct pflash_io *io = opaque;
	struct pflash *s = io->flash;

	if (s) {
		s->io = NULL;
		if (error)
			err_print("%s: flash contents at 0x%llx could not be written: %s", drive_id(s->drive),
				  (unsigned long long)io->request.offset, strerror(-error));
		flush_later(s);
	}
	free(io);
}

static void flush_start(void *opaque)
{
	struct pflash *s = opaque;
	uint64_t n = s->dirty_to - s->dirty_from;
	struct pflash_io *io;

	if (s->io || s->dirty_from >= s->dirty_to || !s->drive)
		return;
	io = calloc(1, sizeof *io);
	if (!io) {
		timer_set(s->timer, clock_ns(s->dev.machine, CLOCK_REAL) + FLUSH_NS);
		return;
	}
	if (n > STRETCH)
		n = STRETCH;
	memcpy(io->data, s->array + s->dirty_from, n);
	io->flash = s;
	io->iov = (struct iovec){io->data, n};
	io->request = (struct drive_req){.op = DRIVE_WRITE, .offset = s->dirty_from, .size = n, .iov = &io->iov, .iovs = 1,
					 .done = flush_done, .opaque = io};
	s->dirty_from += n;
	s->io = io;
	drive_submit(s->drive, &io->request);
}

/* Main thread: all of it, now. */
static void flush_all(struct pflash *s)
{
	int r;

	if (s->io) /* what is on its way is older: it must not arrive after what follows */
		drive_drain(s->drive);
	if (!s->drive || s->dirty_from >= s->dirty_to)
		return;
	r = drive_pwrite(s->drive, s->dirty_from, s->array + s->dirty_from, s->dirty_to - s->dirty_from);
	if (r < 0)
		err_print("%s: flash contents at 0x%llx could not be written: %s", drive_id(s->drive), (unsigned long long)s->dirty_from,
			  strerror(-r));
	s->dirty_from = s->dirty_to = 0;
}

static void state_changed(void *opaque, bool running)
{
	if (!running)
		flush_all(opaque);
}

static void dirty(struct pflash *s, uint64_t offset, uint64_t size)
{
	region_dirty_set(s->region, offset, size);
	if (s->dirty_from >= s->dirty_to) {
		s->dirty_from = offset;
		s->dirty_to = offset + size;
	} else {
		if (offset < s->dirty_from)
			s->dirty_from = offset;
		if (offset + size > s->dirty_to)
			s->dirty_to = offset + size;
	}
	flush_later(s);
}

/* ---- array -------------------------------------------------------------------------------------------------------------------- */
bool pflash_program(struct pflash *s, uint64_t offset, uint64_t value, unsigned size)
{
	if (s->readonly || offset > s->size || size > s->size - offset)
		return false;
	for (unsigned i = 0; i < size; i++)
		s->array[offset + i] &= (uint8_t)(value >> 8 * i);
	dirty(s, offset, size);
	return true;
}

bool pflash_erase(struct pflash *s, uint64_t offset, uint64_t size)
{
	if (s->readonly || offset > s->size || size > s->size - offset)
		return false;
	memset(s->array + offset, 0xff, size);
	dirty(s, offset, size);
	return true;
}

void pflash_read_array(struct pflash *s, bool on)
{
	s->array_mode = on;
	region_rom_device(s->region, on);
}

uint64_t pflash_get(const struct pflash *s, uint64_t offset, unsigned size)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < size && offset + i < s->size; i++)
		v |= (uint64_t)s->array[offset + i] << 8 * i;
	return v;
}

uint64_t pflash_replicate(const struct pflash *s, uint64_t value, unsigned size)
{
	unsigned step = s->device_width ? s->device_width : s->width;
	uint64_t v = 0;

	for (unsigned i = 0; i < size; i += step)
		v |= value << 8 * i;
	return v;
}

uint64_t pflash_query(const struct pflash *s, uint64_t offset, unsigned size)
{
	uint64_t at = offset / s->width & 0xff;

	return pflash_replicate(s, at < PFLASH_CFI ? s->cfi[at] : 0, size);
}

/* Common Flash Interface (JESD68.01), tables 1 to 4; the command set's own table follows at 31. */
static void fill_query(struct pflash *s)
{
	unsigned log = 0;
	uint8_t *c = s->cfi;

	while (1ull << log < s->size)
		log++;
	memcpy(c + 0x10, "QRY", 3);
	c[0x15] = 0x31;
	c[0x1b] = 0x45; /* Vcc 4.5 to 5.5 V, no Vpp */
	c[0x1c] = 0x55;
	c[0x1f] = 7;    /* 2^7 us for a word and a buffer, 2^10 ms for a block */
	c[0x20] = 7;
	c[0x21] = 10;
	c[0x23] = c[0x24] = c[0x25] = 4;
	c[0x27] = (uint8_t)log;
	c[0x28] = 2;    /* x8 and x16 */
	c[0x2a] = 8;    /* buffer of 2^8 bytes */
	c[0x2c] = 1;    /* one region of equal blocks */
	c[0x2d] = (uint8_t)(s->blocks - 1);
	c[0x2e] = (uint8_t)((s->blocks - 1) >> 8);
	c[0x2f] = (uint8_t)(s->block_size >> 8);
	c[0x30] = (uint8_t)(s->block_size >> 16);
	memcpy(c + 0x31, "PRI10", 5);
}

int pflash_realize(struct pflash *s, const struct region_ops ops[3], struct err *e)
{
	struct drive_info i = {0};
	struct machine *m = s->dev.machine;

	if ((s->width != 1 && s->width != 2 && s->width != 4) || s->device_width > s->width || s->device_width == 3)
		return err_set(e, EINVAL, "%s: width %u, device-width %u: 1, 2 or 4 bytes, the chip's no more than the bus's", s->dev.type->name,
			       s->width, s->device_width);
	if (s->drive)
		drive_info(s->drive, &i);
	if (s->block_size < 256 || s->block_size > 0x1000000 || (s->block_size & (s->block_size - 1)))
		return err_set(e, EINVAL, "%s: sector-length %u: a power of two from 256 to 16 MiB", s->dev.type->name, s->block_size);
	if (!s->blocks)
		s->blocks = (uint32_t)(i.size / s->block_size);
	s->size = (uint64_t)s->blocks * s->block_size;
	if (!s->blocks || s->blocks > 65536 || s->size > 1ull << 30)
		return err_set(e, EINVAL, "%s: %u blocks of %u bytes: up to 65536, 1 GiB in all", s->dev.type->name, s->blocks, s->block_size);
	if (s->drive && i.size != s->size)
		return err_set(e, EINVAL, "%s: drive %s has %llu bytes, the flash %llu: they must be the same, a multiple of %u", s->dev.type->name,
			       drive_id(s->drive), (unsigned long long)i.size, (unsigned long long)s->size, s->block_size);
	if (s->drive && drive_attach(s->drive, &s->dev, e) < 0)
		return -e->code;
	s->region = region_new_rom(m, s->name ? s->name : s->dev.type->name, s->size, &ops[s->width >> 1], s, e);
	if (!s->region)
		goto detach;
	s->array = region_ram(s->region);
	memset(s->array, 0xff, s->size);
	if (s->drive) {
		int r = drive_pread(s->drive, 0, s->array, s->size);

		if (r < 0) {
			err_errno(e, -r, "%s: reading drive %s", s->dev.type->name, drive_id(s->drive));
			region_free(s->region);
			goto detach;
		}
	}
	s->readonly = i.readonly;
	s->timer = timer_new(m, CLOCK_REAL, flush_start, s);
	machine_on_state(m, state_changed, s); /* a flash lives as long as its machine */
	fill_query(s);
	pflash_read_array(s, true);
	return 0;
detach:
	if (s->drive)
		drive_detach(s->drive);
	return -e->code;
}

void pflash_unrealize(struct device *d)
{
	struct pflash *s = (struct pflash *)d;

	flush_all(s);
	if (s->io)
		s->io->flash = NULL;
	timer_free(s->timer);
	region_remove(s->region);
	region_free(s->region);
	if (s->drive)
		drive_detach(s->drive);
}

void pflash_reset(struct device *d)
{
	struct pflash *s = (struct pflash *)d;

	s->step = s->command = s->status = 0;
	s->bypass = false;
	pflash_read_array(s, true);
}

int pflash_loaded(void *state, struct err *e)
{
	struct pflash *s = state;

	if (s->left > PFLASH_BUFFER || s->block >= s->size || s->buffer_base >= s->size || s->step > 7)
		return err_set(e, EINVAL, "%s: step %u, block at 0x%llx: impossible", s->dev.type->name, s->step, (unsigned long long)s->block);
	pflash_read_array(s, s->array_mode);
	return 0;
}

const struct field pflash_fields[] = {
	F_UINT(struct pflash, step), F_UINT(struct pflash, command), F_UINT(struct pflash, status), F_BOOL(struct pflash, bypass),
	F_UINT(struct pflash, left), F_UINT(struct pflash, block), F_UINT(struct pflash, buffer_base), F_BYTES(struct pflash, buffer),
	F_BOOL(struct pflash, buffer_bad), F_BOOL(struct pflash, array_mode), F_END,
};

/* ---- for boards ---------------------------------------------------------------------------------------------------------------- */
struct region *pflash_region(struct device *d)
{
	return ((struct pflash *)d)->region;
}

#define PC_FLASH_UNITS 2
#define PC_FLASH_MOST (8u << 20)

int pflash_pc(struct machine *m, struct region *system, struct region **top, struct err *e)
{
	uint64_t end = 1ull << 32;
	int units = 0;

	*top = NULL;
	for (unsigned n = 0; n < PC_FLASH_UNITS; n++) {
		struct drive *drive = drive_at(m, DRIVE_PFLASH, 0, n);
		struct drive_info i;
		struct device *d;

		if (!drive)
			break;
		drive_info(drive, &i);
		if (i.size % 4096 || !i.size || i.size > PC_FLASH_MOST || (1ull << 32) - end + i.size > PC_FLASH_MOST)
			return err_set(e, EINVAL, "-pflash %u: %llu bytes: a multiple of 4096, all flash together up to 8 MiB", n,
				       (unsigned long long)i.size);
		d = device_new(m, "cfi.pflash01", m->system_bus, e);
		if (!d)
			return -e->code;
		device_set_ptr(d, "drive", drive);
		if (device_set(d, "name", n ? "system.flash1" : "system.flash0", e) < 0 || device_realize(d, e) < 0) {
			device_free(d);
			return -e->code;
		}
		end -= i.size;
		region_add(system, end, pflash_region(d), 1);
		if (!n)
			*top = pflash_region(d);
		units++;
	}
	return units;
}
