// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A SCSI disk, scsi-hd: direct-access block device of SBC-3 over a drive. Data goes between the server's socket and the initiator's memory without
 * a copy of ours. Not modelled: protection information, persistent reservations.
 */
#include "scsi-disk.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "../../machine.h"

enum { ASC_WRITE_ERROR = 0x0c, ASC_WRITE_PROTECTED = 0x27, ASC_CAPACITY = 0x2a, ASC_MISCOMPARE = 0x1d, ASC_STOPPED = 0x04, ASC_PARAMETER_LENGTH = 0x1a };
enum { UNMAP_MAX = 255, PATTERN_MAX = 1 << 20, VERIFY_MAX = 16 << 20 };

uint64_t scsi_disk_blocks(const struct scsi_disk *s)
{
	struct drive_info i;
	drive_info(s->unit.drive, &i);
	return i.size / s->logical;
}

static void illegal(struct scsi_request *r, unsigned asc)
{
	scsi_check(r, SENSE_ILLEGAL_REQUEST, asc, 0);
}

/* ---- the end of I/O ---- */

static void io_end(struct scsi_request *r)
{
	bool write = r->outs;
	switch (r->error) {
	case 0: scsi_end(r, SCSI_GOOD); break;
	case -ENOMEDIUM: scsi_check(r, SENSE_NOT_READY, ASC_NO_MEDIUM, 0); break;
	case -ENOMEM: scsi_check(r, SENSE_ABORTED, 0x55, 0x03); break; /* insufficient resources */
	case -ENOSPC: scsi_check(r, SENSE_DATA_PROTECT, ASC_WRITE_PROTECTED, 7); break; /* space allocation failed */
	default: scsi_check(r, SENSE_MEDIUM_ERROR, write ? ASC_WRITE_ERROR : ASC_READ_ERROR, 0);
	}
}

static void part_done(void *opaque, int error)
{
	struct scsi_request *r = opaque;
	if (error && !r->error)
		r->error = error;
	if (!--r->parts)
		io_end(r);
}

struct io {
	struct drive_req req;
	struct iovec iov[];
};

/* The first n bytes of the pieces. */
static unsigned pieces(struct iovec *to, const struct iovec *from, unsigned count, uint64_t n)
{
	unsigned k = 0;
	for (; k < count && n; k++) {
		to[k] = from[k];
		if (to[k].iov_len > n)
			to[k].iov_len = n;
		n -= to[k].iov_len;
	}
	return k;
}

static bool range_ok(const struct scsi_disk *s, uint64_t lba, uint64_t blocks)
{
	uint64_t all = scsi_disk_blocks(s);
	return lba <= all && blocks <= all - lba;
}

static bool read_only(struct scsi_request *r)
{
	struct drive_info i;
	drive_info(r->unit->drive, &i);
	if (i.readonly)
		scsi_check(r, SENSE_DATA_PROTECT, ASC_WRITE_PROTECTED, 0);
	return i.readonly;
}

/* ---- where and how much: commands of 6, 10, 12 and 16 bytes ---- */

static uint64_t cdb_lba(const uint8_t *c)
{
	switch (c[0] >> 5) {
	case 0: return be32_get(c) & 0x1fffff;
	case 4: return be64_get(c + 2);
	default: return be32_get(c + 2);
	}
}

static uint32_t cdb_blocks(const uint8_t *c)
{
	switch (c[0] >> 5) {
	case 0: return c[4] ? c[4] : 256;
	case 1:
	case 2: return be16_get(c + 7);
	case 4: return be32_get(c + 10);
	default: return be32_get(c + 6);
	}
}

/* ---- reading and writing ---- */

static void transfer(struct scsi_request *r, bool write)
{
	struct scsi_disk *s = scsi_disk(r);
	uint64_t lba = cdb_lba(r->cdb), blocks = cdb_blocks(r->cdb), bytes = blocks * s->logical;
	const struct iovec *iov = write ? r->out : r->in;
	unsigned count = write ? r->outs : r->ins;
	if (r->cdb[0] >> 5 && r->cdb[1] & 0xe0) { /* protection information: there is none */
		illegal(r, ASC_INVALID_FIELD);
		return;
	}
	if (!range_ok(s, lba, blocks)) {
		illegal(r, ASC_LBA);
		return;
	}
	if (write && read_only(r))
		return;
	if (!bytes) {
		scsi_end(r, SCSI_GOOD);
		return;
	}
	if (bytes > (write ? r->out_size : r->in_size)) {
		r->overrun = true;
		scsi_end(r, SCSI_GOOD);
		return;
	}
	struct io *io = r->work = malloc(sizeof *io + count * sizeof io->iov[0]);
	if (!io) {
		r->error = -ENOMEM;
		io_end(r);
		return;
	}
	io->req = (struct drive_req){.op = write ? DRIVE_WRITE : DRIVE_READ, .offset = lba * s->logical, .size = bytes, .iov = io->iov,
				     .iovs = pieces(io->iov, iov, count, bytes), .done = part_done, .opaque = r,
				     .fua = write && (!s->write_cache || (r->cdb[0] >> 5 && r->cdb[1] & 8))};
	r->moved = bytes;
	r->parts = 1;
	drive_submit(s->unit.drive, &io->req);
}

static void read_blocks(struct scsi_request *r)
{
	transfer(r, false);
}

static void write_blocks(struct scsi_request *r)
{
	transfer(r, true);
}

static void flush(struct scsi_request *r)
{
	struct io *io = r->work = calloc(1, sizeof *io);
	if (!io) {
		r->error = -ENOMEM;
		io_end(r);
		return;
	}
	io->req = (struct drive_req){.op = DRIVE_FLUSH, .done = part_done, .opaque = r};
	r->parts = 1;
	drive_submit(r->unit->drive, &io->req);
}

static void synchronize(struct scsi_request *r)
{
	if (!range_ok(scsi_disk(r), cdb_lba(r->cdb), cdb_blocks(r->cdb)))
		illegal(r, ASC_LBA);
	else
		flush(r);
}

/* ---- comparing ---- */

struct compare {
	struct drive_req req;
	struct iovec all;
	uint8_t data[];
};

static void compared(void *opaque, int error)
{
	struct scsi_request *r = opaque;
	struct compare *c = r->work;
	uint64_t at = 0;
	r->error = error;
	for (unsigned i = 0; !error && i < r->outs && at < c->all.iov_len; i++) {
		uint64_t n = c->all.iov_len - at < r->out[i].iov_len ? c->all.iov_len - at : r->out[i].iov_len;
		if (memcmp(c->data + at, r->out[i].iov_base, n)) {
			scsi_check(r, SENSE_MISCOMPARE, ASC_MISCOMPARE, 0);
			return;
		}
		at += n;
	}
	io_end(r);
}

static void verify(struct scsi_request *r)
{
	struct scsi_disk *s = scsi_disk(r);
	uint64_t lba = cdb_lba(r->cdb), blocks = cdb_blocks(r->cdb), bytes = blocks * s->logical;
	unsigned check = r->cdb[1] >> 1 & 3;
	if (!range_ok(s, lba, blocks)) {
		illegal(r, ASC_LBA);
		return;
	}
	if (check > 1 || bytes > VERIFY_MAX) {
		illegal(r, ASC_INVALID_FIELD);
		return;
	}
	if (!check || !bytes) { /* the medium is well */
		scsi_end(r, SCSI_GOOD);
		return;
	}
	if (bytes > r->out_size) {
		r->overrun = true;
		scsi_end(r, SCSI_GOOD);
		return;
	}
	struct compare *c = r->work = malloc(sizeof *c + bytes);
	if (!c) {
		r->error = -ENOMEM;
		io_end(r);
		return;
	}
	c->all = (struct iovec){c->data, bytes};
	c->req = (struct drive_req){.op = DRIVE_READ, .offset = lba * s->logical, .size = bytes, .iov = &c->all, .iovs = 1, .done = compared, .opaque = r};
	r->moved = bytes;
	drive_submit(s->unit.drive, &c->req);
}

/* ---- one block many times ---- */

struct same {
	struct drive_req req;
	struct iovec iov;
	uint64_t at, left;
	uint8_t data[]; /* as many copies of the block as fit into PATTERN_MAX */
};

static void same_next(void *opaque, int error)
{
	struct scsi_request *r = opaque;
	struct scsi_disk *s = scsi_disk(r);
	struct same *w = r->work;
	if (error || !w->left) {
		r->error = error;
		io_end(r);
		return;
	}
	uint64_t n = w->left < PATTERN_MAX ? w->left : PATTERN_MAX;
	w->iov = (struct iovec){w->data, n};
	w->req = (struct drive_req){.op = DRIVE_WRITE, .offset = w->at, .size = n, .iov = &w->iov, .iovs = 1, .fua = !s->write_cache, .done = same_next, .opaque = r};
	w->at += n;
	w->left -= n;
	drive_submit(s->unit.drive, &w->req);
}

static bool all_zero(const uint8_t *p, uint32_t n)
{
	return !*p && !memcmp(p, p + 1, n - 1);
}

static void write_same(struct scsi_request *r)
{
	struct scsi_disk *s = scsi_disk(r);
	uint64_t lba = cdb_lba(r->cdb), blocks = cdb_blocks(r->cdb), bytes = blocks * s->logical;
	bool unmap = r->cdb[1] & 8, none = r->cdb[0] == 0x93 && r->cdb[1] & 1; /* NDOB: no data, zeros */
	struct drive_info i;
	drive_info(s->unit.drive, &i);
	if (r->cdb[1] & 0xe6 || !blocks || bytes > s->max_unmap) { /* not LBDATA, PBDATA, ANCHOR, protection */
		illegal(r, ASC_INVALID_FIELD);
		return;
	}
	if (!range_ok(s, lba, blocks)) {
		illegal(r, ASC_LBA);
		return;
	}
	if (read_only(r))
		return;
	if (!none && r->out_size < s->logical) {
		r->overrun = true;
		scsi_end(r, SCSI_GOOD);
		return;
	}
	uint64_t room = bytes < PATTERN_MAX ? bytes : PATTERN_MAX;
	struct same *w = r->work = malloc(sizeof *w + (room < s->logical ? s->logical : room));
	if (!w) {
		r->error = -ENOMEM;
		io_end(r);
		return;
	}
	memset(w->data, 0, s->logical);
	if (!none)
		scsi_take(r, w->data, s->logical);
	if (all_zero(w->data, s->logical) && i.zeroes) {
		w->req = (struct drive_req){.op = DRIVE_ZERO, .offset = lba * s->logical, .size = bytes, .unmap = unmap, .fua = !s->write_cache, .done = part_done, .opaque = r};
		r->parts = 1;
		drive_submit(s->unit.drive, &w->req);
		return;
	}
	for (uint64_t at = s->logical; at < room; at += s->logical)
		memcpy(w->data + at, w->data, s->logical);
	w->at = lba * s->logical;
	w->left = bytes;
	same_next(r, 0);
}

/* ---- UNMAP (SBC-3, 5.28) ---- */

struct unmap {
	struct drive_req req[UNMAP_MAX];
};

static void unmap(struct scsi_request *r)
{
	struct scsi_disk *s = scsi_disk(r);
	uint8_t list[8 + 16 * UNMAP_MAX];
	uint32_t length = be16_get(r->cdb + 7);
	struct drive_info i;
	drive_info(s->unit.drive, &i);
	if (r->cdb[1] & 1 || !i.discard) { /* not ANCHOR */
		illegal(r, r->cdb[1] & 1 ? ASC_INVALID_FIELD : ASC_INVALID_COMMAND);
		return;
	}
	if (read_only(r))
		return;
	uint64_t n = scsi_take(r, list, length < sizeof list ? length : sizeof list);
	unsigned count = n >= 8 ? be16_get(list + 2) / 16 : 0;
	if (n && (n < 8 || 8 + 16ull * count > n)) {
		illegal(r, ASC_PARAMETER_LENGTH);
		return;
	}
	struct unmap *w = count ? calloc(1, sizeof *w) : NULL;
	if (count && !w) {
		r->error = -ENOMEM;
		io_end(r);
		return;
	}
	r->parts = 0;
	for (unsigned k = 0; k < count; k++) {
		uint64_t lba = be64_get(list + 8 + 16 * k), bytes = (uint64_t)be32_get(list + 16 + 16 * k) * s->logical;
		if (!range_ok(s, lba, bytes / s->logical) || bytes > s->max_unmap) {
			free(w);
			illegal(r, ASC_LBA);
			return;
		}
		if (bytes)
			w->req[r->parts++] = (struct drive_req){.op = DRIVE_DISCARD, .offset = lba * s->logical, .size = bytes, .done = part_done, .opaque = r};
	}
	r->work = w;
	if (!r->parts) {
		scsi_end(r, SCSI_GOOD);
		return;
	}
	for (unsigned k = 0, all = r->parts; k < all; k++)
		drive_submit(s->unit.drive, &w->req[k]);
}

/* ---- the rest ---- */

static void test_unit_ready(struct scsi_request *r)
{
	if (scsi_disk(r)->stopped)
		scsi_check(r, SENSE_NOT_READY, ASC_STOPPED, 2);
	else
		scsi_end(r, SCSI_GOOD);
}

static void request_sense(struct scsi_request *r)
{
	uint8_t p[SCSI_SENSE];
	scsi_sense(p, SENSE_NONE, 0, 0); /* what went wrong was told with the command */
	scsi_answer(r, p, sizeof p, r->cdb[4]);
}

static void start_stop(struct scsi_request *r)
{
	struct scsi_disk *s = scsi_disk(r);
	if (!(r->cdb[4] >> 4)) /* power conditions change nothing */
		s->stopped = !(r->cdb[4] & 1);
	if (s->stopped)
		flush(r);
	else
		scsi_end(r, SCSI_GOOD);
}

static void read_capacity_10(struct scsi_request *r)
{
	struct scsi_disk *s = scsi_disk(r);
	uint64_t last = scsi_disk_blocks(s) - 1;
	uint8_t p[8];
	be32_put(p, last > UINT32_MAX - 1 ? UINT32_MAX : (uint32_t)last);
	be32_put(p + 4, s->logical);
	scsi_answer(r, p, sizeof p, sizeof p);
}

static void service_action_in(struct scsi_request *r)
{
	struct scsi_disk *s = scsi_disk(r);
	uint8_t p[32] = {0};
	struct drive_info i;
	drive_info(s->unit.drive, &i);
	if ((r->cdb[1] & 31) != 0x10) { /* READ CAPACITY (16) */
		illegal(r, ASC_INVALID_FIELD);
		return;
	}
	be64_put(p, scsi_disk_blocks(s) - 1);
	be32_put(p + 8, s->logical);
	p[13] = (uint8_t)__builtin_ctz(s->physical / s->logical);
	p[14] = i.discard && !i.readonly ? 0x80 : 0;
	scsi_answer(r, p, sizeof p, be32_get(r->cdb + 10));
}

static void seek(struct scsi_request *r)
{
	if (range_ok(scsi_disk(r), cdb_lba(r->cdb), 1))
		scsi_end(r, SCSI_GOOD);
	else
		illegal(r, ASC_LBA);
}

static void nothing(struct scsi_request *r)
{
	scsi_end(r, SCSI_GOOD);
}

enum { MOVES = 1 }; /* needs a disk that turns */
static const struct { uint8_t code, flags; void (*run)(struct scsi_request *r); } commands[] = {
	{0x00, 0, test_unit_ready}, {0x03, 0, request_sense}, {0x08, MOVES, read_blocks}, {0x0a, MOVES, write_blocks}, {0x12, 0, scsi_disk_inquiry},
	{0x15, 0, scsi_disk_mode_select}, {0x16, 0, nothing}, {0x17, 0, nothing}, {0x1a, 0, scsi_disk_mode_sense}, {0x1b, 0, start_stop},
	{0x1d, 0, nothing}, {0x1e, 0, nothing}, {0x25, MOVES, read_capacity_10}, {0x28, MOVES, read_blocks}, {0x2a, MOVES, write_blocks},
	{0x2b, MOVES, seek}, {0x2e, MOVES, write_blocks}, {0x2f, MOVES, verify}, {0x35, MOVES, synchronize}, {0x41, MOVES, write_same},
	{0x42, MOVES, unmap}, {0x55, 0, scsi_disk_mode_select}, {0x56, 0, nothing}, {0x57, 0, nothing}, {0x5a, 0, scsi_disk_mode_sense},
	{0x88, MOVES, read_blocks}, {0x8a, MOVES, write_blocks}, {0x8e, MOVES, write_blocks}, {0x8f, MOVES, verify}, {0x91, MOVES, synchronize},
	{0x93, MOVES, write_same}, {0x9e, MOVES, service_action_in}, {0xa8, MOVES, read_blocks}, {0xaa, MOVES, write_blocks},
	{0xae, MOVES, write_blocks}, {0xaf, MOVES, verify},
};

static void command(struct scsi_request *r)
{
	for (unsigned i = 0; i < sizeof commands / sizeof commands[0]; i++) {
		if (commands[i].code != r->cdb[0])
			continue;
		if (commands[i].flags & MOVES && scsi_disk(r)->stopped)
			scsi_check(r, SENSE_NOT_READY, ASC_STOPPED, 2);
		else
			commands[i].run(r);
		return;
	}
	illegal(r, ASC_INVALID_COMMAND);
}

static void unit_reset(struct scsi_unit *u)
{
	struct scsi_disk *s = (struct scsi_disk *)u;
	s->write_cache = true;
	s->stopped = false;
}

/* ---- life ---- */

static void resized(void *opaque)
{
	scsi_attention(opaque, ASC_CAPACITY, 9);
}

static const struct drive_events events = {.resized = resized};

static int check(struct scsi_disk *s, struct err *e)
{
	if (!s->unit.drive)
		return err_set(e, EINVAL, "scsi-hd: drive= is needed (the id of a -disk)");
	if (s->logical < 512 || s->logical > 32768 || s->logical & (s->logical - 1))
		return err_set(e, EINVAL, "scsi-hd: logical_block_size %u is not a power of two from 512 to 32768", s->logical);
	if (s->physical < s->logical || s->physical > 32768 || s->physical & (s->physical - 1))
		return err_set(e, EINVAL, "scsi-hd: physical_block_size %u is not a power of two from logical_block_size to 32768", s->physical);
	if (s->cyls && (s->cyls > 65535 || !s->heads || s->heads > 255 || !s->secs || s->secs > 255))
		return err_set(e, EINVAL, "scsi-hd: cyls to 65535, heads and secs 1 to 255");
	if (s->max_unmap < s->logical || s->max_unmap > 1ull << 31 || s->max_io > 1ull << 31)
		return err_set(e, EINVAL, "scsi-hd: max_unmap_size is a block to 2G, max_io_size to 2G");
	return 0;
}

static int realize(struct device *d, struct err *e)
{
	struct scsi_disk *s = (struct scsi_disk *)d;
	struct drive_info i;
	int r = check(s, e);
	if (!r)
		r = drive_attach(s->unit.drive, d, e);
	if (r)
		return r;
	drive_info(s->unit.drive, &i);
	if (i.size < s->logical)
		r = err_set(e, ENOMEDIUM, "scsi-hd: disk '%s' is empty", drive_id(s->unit.drive));
	if (!r)
		r = scsi_boot_order(&s->unit, s->bootindex, e);
	if (r) {
		drive_detach(s->unit.drive);
		return r;
	}
	if (!s->serial && i.serial[0])
		s->serial = strdup(i.serial);
	unit_reset(&s->unit);
	drive_on_events(s->unit.drive, &events, &s->unit);
	scsi_unit_plugged(&s->unit);
	return 0;
}

static const struct prop props[] = {
	SCSI_UNIT_PROPS,
	{.name = "serial", P_(struct scsi_disk, serial, PROP_STRING), .help = "serial number, 36 characters"},
	{.name = "vendor", P_(struct scsi_disk, vendor, PROP_STRING), .help = "8 characters"},
	{.name = "product", P_(struct scsi_disk, product, PROP_STRING), .help = "16 characters"},
	{.name = "ver", P_(struct scsi_disk, ver, PROP_STRING), .help = "revision, 4 characters"},
	{.name = "device_id", P_(struct scsi_disk, device_id, PROP_STRING), .help = "name in the identification page"},
	{.name = "wwn", P_(struct scsi_disk, wwn, PROP_U64)},
	{.name = "rotation_rate", P_(struct scsi_disk, rotation, PROP_U16)},
	{.name = "removable", P_(struct scsi_disk, removable, PROP_BOOL)},
	{.name = "dpofua", P_(struct scsi_disk, dpofua, PROP_BOOL), .def = 1},
	{.name = "share-rw", P_(struct scsi_disk, share_rw, PROP_BOOL), .help = "others may write the disk too (the server's lock decides)"},
	{.name = "logical_block_size", P_(struct scsi_disk, logical, PROP_U32), .def = 512},
	{.name = "physical_block_size", P_(struct scsi_disk, physical, PROP_U32), .def = 512},
	{.name = "min_io_size", P_(struct scsi_disk, min_io, PROP_U32)},
	{.name = "opt_io_size", P_(struct scsi_disk, opt_io, PROP_U32)},
	{.name = "discard_granularity", P_(struct scsi_disk, discard_granularity, PROP_U32)},
	{.name = "max_unmap_size", P_(struct scsi_disk, max_unmap, PROP_U64), .def = 1 << 30},
	{.name = "max_io_size", P_(struct scsi_disk, max_io, PROP_U64), .def = INT32_MAX & ~0xfff},
	{.name = "bootindex", P_(struct scsi_disk, bootindex, PROP_I32), .def = -1},
	{.name = "cyls", P_(struct scsi_disk, cyls, PROP_U32)},
	{.name = "heads", P_(struct scsi_disk, heads, PROP_U32)},
	{.name = "secs", P_(struct scsi_disk, secs, PROP_U32)},
	{.name = NULL},
};

static const struct field fields[] = {
	F_STRUCT(struct scsi_disk, unit, scsi_unit_fields), F_BOOL(struct scsi_disk, write_cache), F_BOOL(struct scsi_disk, stopped), F_END,
};
static const struct state_table state = {.name = "scsi-hd", .version = 1, .oldest = 1, .fields = fields, .saving = scsi_unit_saving};
static const struct scsi_class class = {.command = command, .reset = unit_reset};

static const struct device_type scsi_hd = {
	.name = "scsi-hd", .bus = "SCSI", .desc = "virtual SCSI disk", .category = "Storage", .size = sizeof(struct scsi_disk), .props = props,
	.state = &state, .user = true, .hotplug = true, .realize = realize, .unrealize = scsi_unit_unrealize, .extra = &class,
};
DEVICE(scsi_hd);
