// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Virtio block device (virtio 1.1, 5.2) over a drive (drive.h): reads, writes, flushes, discards, zero writes, the serial number; one queue or
 * several. Data goes between the server's socket and guest memory without a copy of ours.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "../../boot-order.h"
#include "../../drive.h"
#include "../../machine.h"
#include "../../virtio.h"

enum { BIT_SIZE_MAX = 1, BIT_SEG_MAX = 2, BIT_GEOMETRY = 4, BIT_RO = 5, BIT_BLK_SIZE = 6, BIT_SCSI = 7, BIT_FLUSH = 9, BIT_TOPOLOGY = 10,
       BIT_CONFIG_WCE = 11, BIT_MQ = 12, BIT_DISCARD = 13, BIT_WRITE_ZEROES = 14 };
enum { T_IN = 0, T_OUT = 1, T_SCSI = 2, T_FLUSH = 4, T_GET_ID = 8, T_DISCARD = 11, T_WRITE_ZEROES = 13 };
enum { S_OK = 0, S_IOERR = 1, S_UNSUPP = 2 };
enum { SECTOR = 512, ID_BYTES = 20, HEADER = 16, RANGE = 16, RANGES_MAX = 16 };
/* Largest discard or zero write, in sectors: one request to a server stays below 4 GiB. */
enum { RANGE_SECTORS_MAX = 1 << 22 };

struct config {
	uint8_t capacity[8], size_max[4], seg_max[4], cylinders[2], heads, sectors, blk_size[4], physical_exp, alignment, min_io[2], opt_io[4],
		wce, unused, queues[2], max_discard[4], max_discard_seg[4], discard_align[4], max_zero[4], max_zero_seg[4], zero_may_unmap,
		unused1[3];
};

struct virtio_blk {
	struct virtio_pci proxy; /* first */
	struct drive *drive;
	char *serial;
	uint16_t queues, queue_size;
	uint32_t logical, physical, min_io, opt_io, discard_granularity;
	int32_t bootindex;
	uint32_t cyls, heads, secs;
	bool config_wce, write_cache, discard, write_zeroes, scsi, share_rw;
	unsigned in_flight;
};

struct blk_request {
	struct virtio_blk *s;
	struct virtq_element *el;
	uint32_t type;
	uint32_t data;            /* bytes written to the guest before the status */
	unsigned parts;           /* drive requests that are under way */
	int error;
	struct iovec *iov;        /* the data's pieces, without header and status */
	struct drive_req part[];
};

static struct virtio_blk *blk_of(struct virtio *v)
{
	return (struct virtio_blk *)v->dev;
}

/* ---- completion ---- */

/* The last byte that the device may write is the status, whatever the layout before it (5.2.6). */
static void finish(struct virtq_element *el, uint8_t status, uint32_t data)
{
	struct virtq *q = el->q;
	virtq_write(el, el->in_size - 1, &status, 1);
	/* "written" counts from the start; the status is behind data that may not all be valid. */
	virtq_push(el, status == S_OK ? data + 1 : (uint32_t)el->in_size);
	virtq_notify(q);
}

static void request_end(struct blk_request *r)
{
	struct virtio_blk *s = r->s;
	s->in_flight--;
	finish(r->el, r->error == -ENOTSUP ? S_UNSUPP : r->error ? S_IOERR : S_OK, r->data);
	free(r);
}

static void part_done(void *opaque, int error)
{
	struct blk_request *r = opaque;
	if (error && !r->error)
		r->error = error;
	if (!--r->parts)
		request_end(r);
}

static struct blk_request *request_new(struct virtio_blk *s, struct virtq_element *el, uint32_t type, unsigned parts, unsigned iovs)
{
	struct blk_request *r = calloc(1, sizeof *r + parts * sizeof r->part[0] + iovs * sizeof(struct iovec));
	if (!r)
		return NULL;
	*r = (struct blk_request){.s = s, .el = el, .type = type, .parts = parts, .iov = (struct iovec *)&r->part[parts]};
	for (unsigned i = 0; i < parts; i++) {
		r->part[i].done = part_done;
		r->part[i].opaque = r;
	}
	s->in_flight++;
	return r;
}

/* ---- requests ---- */

static bool range_ok(struct virtio_blk *s, uint64_t sector, uint64_t bytes)
{
	struct drive_info i;
	drive_info(s->drive, &i);
	uint64_t all = i.size / SECTOR;
	return bytes % SECTOR == 0 && sector <= all && bytes / SECTOR <= all - sector && sector % (s->logical / SECTOR) == 0;
}

/* `bytes` behind the first `skip` of the pieces: header and status may share a piece with the data (any layout is allowed). Returns how many. */
static unsigned data_pieces(struct iovec *to, const struct iovec *from, unsigned count, size_t skip, uint64_t bytes)
{
	unsigned n = 0;
	for (unsigned i = 0; i < count && bytes; i++) {
		if (skip >= from[i].iov_len) {
			skip -= from[i].iov_len;
			continue;
		}
		size_t len = from[i].iov_len - skip;
		if (len > bytes)
			len = bytes;
		to[n++] = (struct iovec){(uint8_t *)from[i].iov_base + skip, len};
		bytes -= len;
		skip = 0;
	}
	return n;
}

static void transfer(struct virtio_blk *s, struct virtq_element *el, uint32_t type, uint64_t sector)
{
	bool write = type == T_OUT;
	uint64_t bytes = write ? el->out_size - HEADER : el->in_size - 1;
	struct drive_info info;
	drive_info(s->drive, &info);
	if (!range_ok(s, sector, bytes) || (write && info.readonly) || bytes > UINT32_MAX - 1) {
		finish(el, S_IOERR, 0);
		return;
	}
	struct blk_request *r = bytes ? request_new(s, el, type, 1, write ? el->outs : el->ins) : NULL;
	if (!r) {
		finish(el, bytes ? S_IOERR : S_OK, 0);
		return;
	}
	struct drive_req *d = &r->part[0];
	d->op = write ? DRIVE_WRITE : DRIVE_READ;
	d->offset = sector * SECTOR;
	d->size = bytes;
	d->fua = write && !s->write_cache;
	d->iov = r->iov;
	d->iovs = write ? data_pieces(r->iov, el->out, el->outs, HEADER, bytes) : data_pieces(r->iov, el->in, el->ins, 0, bytes);
	if (!write)
		r->data = (uint32_t)bytes;
	drive_submit(s->drive, d);
}

static void flush(struct virtio_blk *s, struct virtq_element *el)
{
	struct blk_request *r = request_new(s, el, T_FLUSH, 1, 0);
	if (!r) {
		finish(el, S_IOERR, 0);
		return;
	}
	r->part[0].op = DRIVE_FLUSH;
	drive_submit(s->drive, &r->part[0]);
}

static void get_id(struct virtio_blk *s, struct virtq_element *el)
{
	char id[ID_BYTES] = {0};
	if (s->serial)
		memcpy(id, s->serial, strnlen(s->serial, sizeof id));
	size_t n = el->in_size - 1 < sizeof id ? el->in_size - 1 : sizeof id;
	virtq_write(el, 0, id, n);
	finish(el, S_OK, (uint32_t)n);
}

/* Discard and zero writes carry up to RANGES_MAX ranges (5.2.6.2). */
static void ranges(struct virtio_blk *s, struct virtq_element *el, uint32_t type)
{
	uint8_t raw[RANGES_MAX * RANGE];
	uint64_t bytes = el->out_size - HEADER;
	struct drive_info info;
	drive_info(s->drive, &info);
	if (!bytes || bytes % RANGE || bytes > sizeof raw || info.readonly) {
		finish(el, S_IOERR, 0);
		return;
	}
	unsigned n = (unsigned)(bytes / RANGE);
	virtq_read(el, HEADER, raw, bytes);
	for (unsigned i = 0; i < n; i++) {
		const uint8_t *p = raw + i * RANGE;
		uint32_t sectors = virtio_get32(p + 8), flags = virtio_get32(p + 12);
		bool bad_flags = type == T_DISCARD ? flags != 0 : (flags & ~1u) != 0;
		if (bad_flags || sectors > RANGE_SECTORS_MAX || !range_ok(s, virtio_get64(p), (uint64_t)sectors * SECTOR)) {
			finish(el, bad_flags ? S_UNSUPP : S_IOERR, 0);
			return;
		}
	}
	struct blk_request *r = request_new(s, el, type, n, 0);
	if (!r) {
		finish(el, S_IOERR, 0);
		return;
	}
	for (unsigned i = 0; i < n; i++) {
		const uint8_t *p = raw + i * RANGE;
		struct drive_req *d = &r->part[i];
		d->op = type == T_DISCARD ? DRIVE_DISCARD : DRIVE_ZERO;
		d->offset = virtio_get64(p) * SECTOR;
		d->size = (uint64_t)virtio_get32(p + 8) * SECTOR;
		d->unmap = virtio_get32(p + 12) & 1;
	}
	/* Submitting the last may not end r before the loop is over: drive_submit() calls done() later, from the main loop. */
	for (unsigned i = 0; i < n; i++)
		drive_submit(s->drive, &r->part[i]);
}

static void serve(struct virtio_blk *s, struct virtq_element *el)
{
	struct virtio *v = &s->proxy.virtio;
	uint8_t head[HEADER];
	if (virtq_read(el, 0, head, HEADER) != HEADER || !el->in_size) {
		virtio_error(v, "block request with %llu bytes out and %llu in: it has a header of 16 and a status byte",
			     (unsigned long long)el->out_size, (unsigned long long)el->in_size);
		virtq_push(el, 0);
		return;
	}
	uint32_t type = virtio_get32(head);
	switch (type & ~0x80000000u) { /* the top bit was a barrier once */
	case T_IN:
	case T_OUT: transfer(s, el, type & 1, virtio_get64(head + 8)); break;
	case T_FLUSH:
	case T_FLUSH + 1: flush(s, el); break;
	case T_GET_ID: get_id(s, el); break;
	case T_DISCARD:
	case T_WRITE_ZEROES:
		if (virtio_has(v, type == T_DISCARD ? BIT_DISCARD : BIT_WRITE_ZEROES)) {
			ranges(s, el, type);
			break;
		}
		finish(el, S_UNSUPP, 0);
		break;
	default: finish(el, S_UNSUPP, 0);
	}
}

static void kicked(struct virtio *v, struct virtq *q)
{
	struct virtq_element *el;
	while ((el = virtq_pop(q)))
		serve(blk_of(v), el);
}

/* ---- features and configuration ---- */

static uint64_t features(struct virtio *v)
{
	struct virtio_blk *s = blk_of(v);
	struct drive_info i;
	drive_info(s->drive, &i);
	uint64_t f = 1ull << BIT_SEG_MAX | 1ull << BIT_GEOMETRY | 1ull << BIT_BLK_SIZE | 1ull << BIT_TOPOLOGY | 1ull << BIT_FLUSH;
	if (i.readonly)
		f |= 1ull << BIT_RO;
	if (s->config_wce)
		f |= 1ull << BIT_CONFIG_WCE;
	if (s->queues > 1)
		f |= 1ull << BIT_MQ;
	if (s->discard && i.discard && !i.readonly)
		f |= 1ull << BIT_DISCARD;
	if (s->write_zeroes && i.zeroes && !i.readonly)
		f |= 1ull << BIT_WRITE_ZEROES;
	return f;
}

static void geometry(const struct virtio_blk *s, const struct drive_info *i, uint32_t *c, uint32_t *h, uint32_t *n)
{
	if (s->cyls) {
		*c = s->cyls, *h = s->heads, *n = s->secs;
	} else if (i->cylinders) {
		*c = i->cylinders, *h = i->heads, *n = i->sectors;
	} else {
		uint64_t sectors = i->size / SECTOR;
		*h = 16, *n = 63;
		*c = sectors / (16 * 63) > 16383 ? 16383 : (uint32_t)(sectors / (16 * 63));
		if (*c < 2)
			*c = 2;
	}
}

static void config_get(struct virtio *v, uint8_t *out)
{
	struct virtio_blk *s = blk_of(v);
	struct drive_info i;
	struct config *c = (struct config *)out;
	uint32_t cylinders, heads, sectors;
	drive_info(s->drive, &i);
	geometry(s, &i, &cylinders, &heads, &sectors);
	virtio_put64(c->capacity, i.size / SECTOR);
	virtio_put32(c->seg_max, s->queue_size < 4 ? 1 : s->queue_size > 1024 ? 1022u : s->queue_size - 2u);
	virtio_put16(c->cylinders, (uint16_t)cylinders);
	c->heads = (uint8_t)heads;
	c->sectors = (uint8_t)sectors;
	virtio_put32(c->blk_size, s->logical);
	c->physical_exp = (uint8_t)__builtin_ctz(s->physical / s->logical);
	virtio_put16(c->min_io, (uint16_t)(s->min_io / s->logical));
	virtio_put32(c->opt_io, s->opt_io / s->logical);
	c->wce = s->write_cache;
	virtio_put16(c->queues, s->queues);
	virtio_put32(c->max_discard, RANGE_SECTORS_MAX);
	virtio_put32(c->max_discard_seg, RANGES_MAX);
	virtio_put32(c->discard_align, (s->discard_granularity ? s->discard_granularity : s->logical) / SECTOR);
	virtio_put32(c->max_zero, RANGE_SECTORS_MAX);
	virtio_put32(c->max_zero_seg, RANGES_MAX);
	c->zero_may_unmap = 1;
}

static void config_set(struct virtio *v, const uint8_t *in)
{
	const struct config *c = (const struct config *)in;
	if (virtio_has(v, BIT_CONFIG_WCE))
		blk_of(v)->write_cache = c->wce & 1;
}

static void reset_requests(struct virtio *v)
{
	struct virtio_blk *s = blk_of(v);
	if (s->in_flight)
		drive_drain(s->drive);
	s->write_cache = true;
}

/* A driver that does not know flushes has no way to ask for them: each write is flushed (5.2.6.2). */
static void accepted(struct virtio *v, uint64_t f)
{
	blk_of(v)->write_cache = f >> BIT_FLUSH & 1;
}

static const struct virtio_kind kind = {
	.id = 2, .name = "virtio-blk", .config_size = sizeof(struct config), .features = features, .accepted = accepted,
	.config_get = config_get, .config_set = config_set, .kicked = kicked, .reset = reset_requests,
};

/* ---- life ---- */

static void resized(void *opaque)
{
	virtio_config_changed(&((struct virtio_blk *)opaque)->proxy.virtio);
}

static const struct drive_events events = {.resized = resized};

static int check(struct virtio_blk *s, struct err *e)
{
	if (!s->drive)
		return err_set(e, EINVAL, "virtio-blk-pci: drive= is needed (the id of a -disk)");
	if (s->logical < SECTOR || s->logical > 32768 || s->logical & (s->logical - 1))
		return err_set(e, EINVAL, "virtio-blk-pci: logical_block_size %u is not a power of two from 512 to 32768", s->logical);
	if (s->physical < s->logical || s->physical > 32768 || s->physical & (s->physical - 1))
		return err_set(e, EINVAL, "virtio-blk-pci: physical_block_size %u is not a power of two from logical_block_size to 32768",
			       s->physical);
	if (!s->queues || s->queues > VIRTIO_QUEUES)
		return err_set(e, EINVAL, "virtio-blk-pci: num-queues is 1 to %u", VIRTIO_QUEUES);
	if (s->queue_size < 4 || s->queue_size > VIRTQ_MAX || s->queue_size & (s->queue_size - 1))
		return err_set(e, EINVAL, "virtio-blk-pci: queue-size is a power of two from 4 to %u", VIRTQ_MAX);
	if (s->cyls && (s->cyls > 65535 || !s->heads || s->heads > 255 || !s->secs || s->secs > 255))
		return err_set(e, EINVAL, "virtio-blk-pci: cyls to 65535, heads and secs 1 to 255");
	if (s->scsi)
		return err_set(e, ENOTSUP, "virtio-blk-pci: scsi=on (SCSI pass-through) is not possible: disks come over NBD; use virtio-scsi");
	return 0;
}

static int realize(struct pci_device *d, struct err *e)
{
	struct virtio_blk *s = (struct virtio_blk *)d;
	struct drive_info i;
	int r = check(s, e);
	if (!r)
		r = drive_attach(s->drive, &d->dev, e);
	if (r)
		return r;
	drive_info(s->drive, &i);
	if (!s->serial && i.serial[0])
		s->serial = strdup(i.serial);
	s->write_cache = true;
	r = virtio_pci_init(d, &kind, e);
	for (unsigned n = 0; !r && n < s->queues; n++)
		virtio_add_queue(&s->proxy.virtio, s->queue_size);
	if (!r)
		r = virtio_pci_finish(d, s->queues + 1u, e);
	if (!r)
		r = boot_order_add_pci(d, s->bootindex, "/disk@0,0", e);
	if (r) {
		virtio_pci_free(d);
		drive_detach(s->drive);
		return r;
	}
	drive_on_events(s->drive, &events, s);
	return 0;
}

static void unrealize(struct pci_device *d)
{
	struct virtio_blk *s = (struct virtio_blk *)d;
	drive_drain(s->drive);
	drive_detach(s->drive);
	virtio_pci_free(d);
}

static int loaded(void *state, struct err *e)
{
	struct virtio_blk *s = state;
	s->in_flight = 0;
	return virtio_pci_loaded(state, e);
}

/* Requests are over before the state is written, so that none has to travel. */
static void saving(void *state)
{
	struct virtio_blk *s = state;
	if (s->in_flight)
		drive_drain(s->drive);
}

static const struct prop props[] = {
	VIRTIO_PCI_PROPS,
	{.name = "drive", P_(struct virtio_blk, drive, PROP_DRIVE), .help = "id of the disk"},
	{.name = "serial", P_(struct virtio_blk, serial, PROP_STRING), .help = "serial number, 20 characters"},
	{.name = "num-queues", P_(struct virtio_blk, queues, PROP_U16), .def = 1},
	{.name = "queue-size", P_(struct virtio_blk, queue_size, PROP_U16), .def = 128},
	{.name = "logical_block_size", P_(struct virtio_blk, logical, PROP_U32), .def = 512},
	{.name = "physical_block_size", P_(struct virtio_blk, physical, PROP_U32), .def = 512},
	{.name = "min_io_size", P_(struct virtio_blk, min_io, PROP_U32)},
	{.name = "opt_io_size", P_(struct virtio_blk, opt_io, PROP_U32)},
	{.name = "discard_granularity", P_(struct virtio_blk, discard_granularity, PROP_U32)},
	{.name = "bootindex", P_(struct virtio_blk, bootindex, PROP_I32), .def = -1},
	{.name = "cyls", P_(struct virtio_blk, cyls, PROP_U32)},
	{.name = "heads", P_(struct virtio_blk, heads, PROP_U32)},
	{.name = "secs", P_(struct virtio_blk, secs, PROP_U32)},
	{.name = "config-wce", P_(struct virtio_blk, config_wce, PROP_BOOL), .def = 1},
	{.name = "discard", P_(struct virtio_blk, discard, PROP_BOOL), .def = 1},
	{.name = "write-zeroes", P_(struct virtio_blk, write_zeroes, PROP_BOOL), .def = 1},
	{.name = "scsi", P_(struct virtio_blk, scsi, PROP_BOOL)},
	{.name = "share-rw", P_(struct virtio_blk, share_rw, PROP_BOOL), .help = "others may write the disk too (the server's lock decides)"},
	{.name = NULL},
};

static const struct field fields[] = {F_STRUCT(struct virtio_blk, proxy, virtio_pci_fields), F_BOOL(struct virtio_blk, write_cache), F_END};

static const struct state_table state = {.name = "virtio-blk", .version = 1, .oldest = 1, .fields = fields, .loaded = loaded, .saving = saving};

static const struct pci_class class = {
	.info = {.vendor = 0x1af4, .device = 0x1001, .class_code = 0x010000},
	.realize = realize,
	.unrealize = unrealize,
	.reset = virtio_pci_reset,
	.config_written = virtio_pci_config_written,
	.config_read = virtio_pci_config_read,
};

static const struct device_type virtio_blk_pci = {
	.name = "virtio-blk-pci", .alias = "virtio-blk", .bus = "PCI", .desc = "virtio block device", .category = "Storage",
	.size = sizeof(struct virtio_blk), .props = props, .state = &state, .user = true, .hotplug = true, .realize = pci_realize,
	.reset = pci_reset, .unrealize = pci_unrealize, .extra = &class,
};
DEVICE(virtio_blk_pci);
VIRTIO_CHILD(virtio_blk_device, "virtio-blk-device", "virtio block device", "Storage", struct virtio_blk, props, state, class);
