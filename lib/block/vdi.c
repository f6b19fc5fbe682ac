/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * VDI, VirtualBox's disk image, version 1.1: dynamic and static.
 *
 * Theory of operation. A 512-byte header, a map of 32-bit block numbers, then blocks of (usually) 1 MB in the order
 * in which they were first written. All little-endian. A map entry of 0xffffffff: never written; 0xfffffffe: zeros.
 * The header counts the blocks in place; the next one goes where the count says. We take the larger of that count and
 * the highest number in the map, so that a crash between the two writes costs nothing. Differencing images (which
 * name a parent by UUID only) are refused.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "block/block.h"
#include "block/blockmap.h"
#include "crypto/hash.h"

enum {
	VDI_SIGNATURE = 0xbeda107f,
	VDI_VERSION = 0x00010001,
	VDI_DYNAMIC = 1,
	VDI_STATIC = 2,
	VDI_BLOCK = 1 << 20,
	VDI_MAX_BLOCKS = 0x3fffffff, /* the map stays below 4 GB */
};
static const uint32_t VDI_NONE = 0xffffffff, VDI_ZERO = 0xfffffffe;

/* Offsets in the header. */
enum {
	H_TEXT = 0x00, H_SIGNATURE = 0x40, H_VERSION = 0x44, H_HEADER_SIZE = 0x48, H_TYPE = 0x4c, H_FLAGS = 0x50,
	H_MAP = 0x154, H_DATA = 0x158, H_SECTOR = 0x168, H_DISK_SIZE = 0x170, H_BLOCK_SIZE = 0x178,
	H_BLOCK_EXTRA = 0x17c, H_BLOCKS = 0x180, H_ALLOCATED = 0x184, H_UUID = 0x188, H_UUID_SNAP = 0x198,
	H_UUID_LINK = 0x1a8, H_UUID_PARENT = 0x1b8, H_BYTES = 512,
};

struct vdi {
	struct blockmap map; /* first: blockmap.h */
	uint64_t table, data;
	uint32_t blocks, allocated; /* allocated: also the next free number */
	uint32_t recorded;	    /* the count in the header */
	bool is_static;
};

static int vdi_probe(const uint8_t *buf, size_t size, const char *filename)
{
	(void)filename;
	return size >= H_SIGNATURE + 4 && le32_get(buf + H_SIGNATURE) == VDI_SIGNATURE ? 100 : 0;
}

static int vdi_find(void *image, uint64_t index, struct place *p)
{
	struct vdi *s = image;
	uint8_t raw[4];
	uint32_t n;
	int r = metacache_read(s->map.meta, s->table + index * 4, raw, 4);

	if (r < 0)
		return r;
	n = le32_get(raw);
	p->file = s->map.node->file;
	if (n == VDI_NONE) {
		p->kind = PLACE_NONE;
	} else if (n == VDI_ZERO) {
		p->kind = PLACE_ZERO;
	} else if (n >= s->blocks) {
		return -EIO;
	} else {
		p->kind = PLACE_DATA;
		p->host = s->data + (uint64_t)n * s->map.block;
	}
	return 0;
}

static int vdi_allocate(void *image, uint64_t index, unsigned *count, struct place *p)
{
	struct vdi *s = image;
	int r;

	(void)index;
	/* The map can name no more blocks than the disk has: a leaked number is lost for good. */
	if (s->allocated >= s->blocks)
		return -ENOSPC;
	if (*count > s->blocks - s->allocated)
		*count = s->blocks - s->allocated;
	r = blockmap_grow(s->map.node->file, s->data + (uint64_t)s->allocated * s->map.block,
			  (uint64_t)*count * s->map.block, p);
	if (!r)
		s->allocated += *count;
	return r;
}

static int vdi_put_count(struct vdi *s)
{
	uint8_t raw[4];
	int r;

	le32_put(raw, s->allocated);
	r = metacache_write(s->map.meta, H_ALLOCATED, raw, 4);
	if (!r)
		s->recorded = s->allocated;
	return r;
}

static int vdi_publish(void *image, uint64_t index, unsigned count, const struct place *p)
{
	struct vdi *s = image;
	uint32_t n = (uint32_t)((p->host - s->data) / s->map.block);
	uint8_t raw[1024];
	int r = vdi_put_count(s);

	while (count && !r) {
		unsigned some = count < sizeof raw / 4 ? count : sizeof raw / 4;
		for (unsigned i = 0; i < some; i++)
			le32_put(raw + 4 * i, n++);
		r = metacache_write(s->map.meta, s->table + index * 4, raw, some * 4);
		index += some;
		count -= some;
	}
	return r;
}

static const struct blockmap_ops vdi_ops = {.find = vdi_find, .allocate = vdi_allocate, .publish = vdi_publish};

/* The highest block number in use plus one. */
static int vdi_scan(struct vdi *s, uint32_t *next, struct err *e)
{
	uint8_t raw[4096];
	int r = 0;

	*next = 0;
	for (uint32_t i = 0; i < s->blocks;) {
		uint32_t some = s->blocks - i < sizeof raw / 4 ? s->blocks - i : sizeof raw / 4;
		r = metacache_read(s->map.meta, s->table + (uint64_t)i * 4, raw, some * 4);
		if (r < 0)
			return err_errno(e, -r, "cannot read the block map");
		for (uint32_t k = 0; k < some; k++) {
			uint32_t n = le32_get(raw + 4 * k);
			if (n < s->blocks && n >= *next)
				*next = n + 1;
		}
		i += some;
	}
	return 0;
}

/* What only a writer needs: where the next block goes. */
static int vdi_reopen(struct blk *b, bool writable, struct err *e)
{
	struct vdi *s = b->state;
	uint32_t next = 0;
	int r = writable ? vdi_scan(s, &next, e) : 0;

	if (!r && next > s->allocated)
		s->allocated = next;
	return r;
}

static int vdi_open(struct blk *b, struct err *e)
{
	struct vdi *s = b->state;
	uint8_t h[H_BYTES];
	uint64_t size, length;
	uint32_t block;
	int r = blk_pread_what(b->file, 0, sizeof h, h, "VDI header", e);

	if (r < 0)
		return r;
	if (le32_get(h + H_SIGNATURE) != VDI_SIGNATURE)
		return err_set(e, EINVAL, "Image not in VDI format (bad signature %08" PRIx32 ")", le32_get(h + H_SIGNATURE));
	if (le32_get(h + H_VERSION) != VDI_VERSION)
		return err_set(e, ENOTSUP, "unsupported VDI image (version %u.%u, only 1.1 is known)",
			       le32_get(h + H_VERSION) >> 16, le32_get(h + H_VERSION) & 0xffff);
	if (le32_get(h + H_TYPE) != VDI_DYNAMIC && le32_get(h + H_TYPE) != VDI_STATIC)
		return err_set(e, ENOTSUP, "unsupported VDI image (type %u, only 1, dynamic, and 2, static, are known)",
			       le32_get(h + H_TYPE));
	s->table = le32_get(h + H_MAP);
	s->data = le32_get(h + H_DATA);
	s->blocks = le32_get(h + H_BLOCKS);
	s->recorded = s->allocated = le32_get(h + H_ALLOCATED);
	s->is_static = le32_get(h + H_TYPE) == VDI_STATIC;
	block = le32_get(h + H_BLOCK_SIZE);
	size = le64_get(h + H_DISK_SIZE);
	if (s->table % BLK_SECTOR || s->table < H_BYTES)
		return err_set(e, EINVAL, "unsupported VDI image (block map offset 0x%" PRIx64 " is no multiple of 512 from 512 on)",
			       s->table);
	if (s->data % BLK_SECTOR)
		return err_set(e, EINVAL, "unsupported VDI image (data offset 0x%" PRIx64 " is no multiple of 512)", s->data);
	if (le32_get(h + H_SECTOR) != BLK_SECTOR)
		return err_set(e, ENOTSUP, "unsupported VDI image (sector size %u is not 512)", le32_get(h + H_SECTOR));
	if (block < 4096 || block > 256u << 20 || (block & (block - 1)))
		return err_set(e, ENOTSUP, "unsupported VDI image (block size %u is no power of two from 4096 to 268435456)",
			       block);
	if (le32_get(h + H_BLOCK_EXTRA))
		return err_set(e, ENOTSUP, "unsupported VDI image (%u extra bytes before each block)",
			       le32_get(h + H_BLOCK_EXTRA));
	if (s->blocks > VDI_MAX_BLOCKS)
		return err_set(e, EINVAL, "unsupported VDI image (%u blocks, at most %u)", s->blocks, VDI_MAX_BLOCKS);
	if (size > (uint64_t)s->blocks * block)
		return err_set(e, EINVAL, "unsupported VDI image (disk size is %" PRIu64 ", image bitmap has room for %" PRIu64 ")",
			       size, (uint64_t)s->blocks * block);
	if (!blk_is_zero(h + H_UUID_LINK, 16) || !blk_is_zero(h + H_UUID_PARENT, 16))
		return err_set(e, ENOTSUP, "unsupported VDI image (it is a differencing image: %s is not zero)",
			       blk_is_zero(h + H_UUID_LINK, 16) ? "the parent's UUID" : "the UUID of what it is linked to");
	if (s->data < s->table + (uint64_t)s->blocks * 4)
		return err_set(e, EINVAL, "VDI data offset 0x%" PRIx64 " lies inside the block map of %u entries at 0x%" PRIx64,
			       s->data, s->blocks, s->table);
	r = blk_size(b->file, &length);
	if (r < 0)
		return err_errno(e, -r, "cannot ask for the size");
	if (s->table + (uint64_t)s->blocks * 4 > length)
		return err_set(e, EINVAL, "VDI block map of %u entries at 0x%" PRIx64 " ends beyond the file of %" PRIu64 " bytes",
			       s->blocks, s->table, length);
	b->size = round_up64(size, BLK_SECTOR);
	if (b->size > (uint64_t)s->blocks * block)
		b->size = size;
	r = blockmap_attach(b, &vdi_ops, block, e);
	return r < 0 || !(b->flags & BLK_RDWR) ? r : vdi_reopen(b, true, e);
}

static void vdi_geometry(struct blk *b, struct blk_geometry *g)
{
	struct vdi *s = b->state;

	g->cluster_size = s->map.block;
}

static int vdi_check(struct blk *b, struct blk_check *c, unsigned fix, struct err *e)
{
	struct vdi *s = b->state;
	uint32_t used = 0, high = 0;
	uint8_t raw[4];
	struct seen seen;
	int r = seen_init(&seen, s->blocks);

	if (r < 0)
		return err_errno(e, ENOMEM, "check of %u blocks", s->blocks);
	for (uint32_t i = 0; i < s->blocks; i++) {
		uint32_t n;
		r = metacache_read(s->map.meta, s->table + (uint64_t)i * 4, raw, 4);
		if (r < 0) {
			c->check_errors++;
			break;
		}
		n = le32_get(raw);
		if (n == VDI_NONE || n == VDI_ZERO)
			continue;
		if (n >= s->blocks) {
			blk_check_say(c, "ERROR: block %u: number %u is out of range, the image has %u", i, n, s->blocks);
			c->corruptions++;
			continue;
		}
		used++;
		if (n >= high)
			high = n + 1;
		if (!seen_add(&seen, n)) {
			blk_check_say(c, "ERROR: block %u: number %u is also used by another block", i, n);
			c->corruptions++;
		}
	}
	seen_free(&seen);
	if (r < 0)
		return 0;
	/* Either way round no data is at stake: opening for writing takes the larger of the two. */
	if (s->recorded != high) {
		blk_check_say(c, "%s: the header counts %u blocks in place, the map has %u",
			      fix & (BLK_FIX_LEAKS | BLK_FIX_ERRORS) ? "Repairing" : "Leak", s->recorded, high);
		c->leaks += s->recorded > high ? s->recorded - high : 1;
		if (fix & (BLK_FIX_LEAKS | BLK_FIX_ERRORS)) {
			s->allocated = high;
			if (vdi_put_count(s) < 0) {
				c->check_errors++;
			} else {
				c->leaks_fixed += c->leaks;
				c->leaks = 0;
			}
		}
	}
	c->total_clusters = s->blocks;
	c->allocated_clusters = used;
	c->has_counts = true;
	return 0;
}

static const struct blk_option vdi_create_options[] = {
	{"static", BLK_OPT_BOOL, "VDI static (pre-allocated) image", "off", NULL},
	{NULL, 0, NULL, NULL, NULL},
};

static int vdi_create(const struct blk_create *c, struct err *e)
{
	static const char text[] = "<<< Oracle VM VirtualBox Disk Image >>>\n";
	bool fixed = blk_opts_bool(c->opts, "static", false);
	uint64_t blocks = (c->size + VDI_BLOCK - 1) / VDI_BLOCK, map = round_up64(blocks * 4, BLK_SECTOR), at;
	uint8_t h[H_BYTES] = {0}, raw[65536];
	struct blk *b;
	int r;

	if (blocks > VDI_MAX_BLOCKS)
		return err_set(e, ENOTSUP, "Unsupported VDI image size (size is 0x%" PRIx64 ", max supported is 0x%" PRIx64 ")",
			       c->size, (uint64_t)VDI_MAX_BLOCKS * VDI_BLOCK);
	memcpy(h + H_TEXT, text, sizeof text - 1);
	le32_put(h + H_SIGNATURE, VDI_SIGNATURE);
	le32_put(h + H_VERSION, VDI_VERSION);
	le32_put(h + H_HEADER_SIZE, 0x180);
	le32_put(h + H_TYPE, fixed ? VDI_STATIC : VDI_DYNAMIC);
	le32_put(h + H_MAP, H_BYTES);
	le32_put(h + H_DATA, (uint32_t)(H_BYTES + map));
	le32_put(h + H_SECTOR, BLK_SECTOR);
	le64_put(h + H_DISK_SIZE, round_up64(c->size, BLK_SECTOR));
	le32_put(h + H_BLOCK_SIZE, VDI_BLOCK);
	le32_put(h + H_BLOCKS, (uint32_t)blocks);
	le32_put(h + H_ALLOCATED, fixed ? (uint32_t)blocks : 0);
	if ((r = random_uuid(h + H_UUID, e)) < 0 || (r = random_uuid(h + H_UUID_SNAP, e)) < 0)
		return r;
	r = blk_create_file(c, c->filename, 0, &b, e);
	if (r < 0)
		return r;
	/* The map first: a file with a header is an image. */
	for (at = 0; at < map && !r; at += sizeof raw) {
		size_t n = map - at < sizeof raw ? (size_t)(map - at) : sizeof raw;
		memset(raw, 0, n);
		for (size_t i = 0; i < n / 4 && at / 4 + i < blocks; i++)
			le32_put(raw + 4 * i, fixed ? (uint32_t)(at / 4 + i) : VDI_NONE);
		r = blk_pwrite(b, H_BYTES + at, n, raw);
	}
	if (!r && fixed)
		r = blk_truncate(b, H_BYTES + map + blocks * VDI_BLOCK, BLK_PREALLOC_OFF, e);
	if (!r)
		r = blk_pwrite(b, 0, sizeof h, h);
	return blk_create_end(b, r, "the VDI header", c->filename, e);
}

BLOCK_FORMAT(vdi) = {
	.name = "vdi",
	.state_size = sizeof(struct vdi),
	.create_options = vdi_create_options,
	.probe = vdi_probe,
	.open = vdi_open,
	.close = blockmap_close,
	.reopen = vdi_reopen,
	.create = vdi_create,
	.pread = blockmap_pread,
	.pwrite = blockmap_pwrite,
	.pwrite_zeroes = blockmap_pwrite_zeroes,
	.block_status = blockmap_block_status,
	.geometry = vdi_geometry,
	.check = vdi_check,
};
