/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * VHD, the disk format of Virtual PC ("Virtual Hard Disk Image Format Specification", version 1.0): dynamic and fixed.
 *
 * Theory of operation. A fixed image is the disk followed by a 512-byte footer. A dynamic one begins with a copy of the
 * footer and a 1,024-byte header; a table holds for each block (2 MB) the sector where it begins, or ~0. A block is a
 * bitmap of its sectors, padded to sectors, and the data. Numbers are big-endian; the last sector of the file is the
 * footer, and a new block takes its place: the file grows, the footer is written at the new end, then the table entry.
 * A power cut in between leaves the copy at the start. Our bitmaps have every bit set, so that other readers see all
 * of a block; we read the data whatever the bitmap says, since unset sectors of a block hold zeros.
 * Differencing images are refused.
 *
 * The size of a disk is what its geometry says, except where the creator is known to count bytes (`creators`): the
 * geometry of appendix A ("CHS calculation") cannot express every size, so creation rounds up to one it can express.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "block/block.h"
#include "block/blockmap.h"
#include "crypto/hash.h"

enum { VHD_FIXED = 2, VHD_DYNAMIC = 3, VHD_DIFFERENCING = 4, VHD_BLOCK = 2 << 20, VHD_EPOCH = 946684800 };
static const uint64_t VHD_MAX_SECTORS = 0xff000000; /* 2040 GiB: section "Introduction" */
static const uint64_t VHD_MAX_GEOMETRY = UINT64_C(65535) * 16 * 255;

enum { F_COOKIE = 0, F_FEATURES = 8, F_VERSION = 12, F_DATA = 16, F_TIME = 24, F_CREATOR = 28, F_CREATOR_VERSION = 32,
       F_HOST = 36, F_ORIGINAL = 40, F_SIZE = 48, F_CYLINDERS = 56, F_HEADS = 58, F_SPT = 59, F_TYPE = 60,
       F_CHECKSUM = 64, F_UUID = 68, F_BYTES = 512 };
enum { D_COOKIE = 0, D_DATA = 8, D_TABLE = 16, D_VERSION = 24, D_ENTRIES = 28, D_BLOCK = 32, D_CHECKSUM = 36,
       D_BYTES = 1024 };

struct vpc {
	struct blockmap map; /* first: blockmap.h */
	uint64_t table;
	uint32_t entries, bitmap; /* bitmap: bytes before the data of a block */
	uint64_t next;		  /* where the next block goes */
	uint8_t footer[F_BYTES];
	bool fixed;
};

/* The one's complement of the sum of all bytes, the checksum's own taken as 0. */
static uint32_t vpc_checksum(const uint8_t *p, size_t n, size_t at)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < n; i++)
		if (i < at || i >= at + 4)
			sum += p[i];
	return ~sum;
}

/* Appendix "CHS Calculation"; total: sectors, cut to what can be expressed. Returns the product. */
static uint64_t vpc_chs(uint64_t total, unsigned *cylinders, unsigned *heads, unsigned *spt)
{
	uint64_t tracks;

	if (total > VHD_MAX_GEOMETRY)
		total = VHD_MAX_GEOMETRY;
	if (total >= UINT64_C(65535) * 16 * 63) {
		*spt = 255;
		*heads = 16;
		tracks = total / *spt;
	} else {
		*spt = 17;
		tracks = total / *spt;
		*heads = (unsigned)((tracks + 1023) / 1024);
		if (*heads < 4)
			*heads = 4;
		if (tracks >= *heads * 1024u || *heads > 16) {
			*spt = 31;
			*heads = 16;
			tracks = total / *spt;
		}
		if (tracks >= *heads * 1024u) {
			*spt = 63;
			*heads = 16;
			tracks = total / *spt;
		}
	}
	*cylinders = (unsigned)(tracks / *heads);
	return (uint64_t)*cylinders * *heads * *spt;
}

static int vpc_probe(const uint8_t *buf, size_t size, const char *filename)
{
	(void)filename;
	return size >= 8 && !memcmp(buf, "conectix", 8) ? 100 : 0;
}

static int vpc_find(void *image, uint64_t index, struct place *p)
{
	struct vpc *s = image;
	uint8_t raw[4];
	int r;

	p->kind = PLACE_NONE;
	p->file = s->map.node->file;
	if (s->fixed) {
		p->kind = PLACE_DATA;
		p->host = index * s->map.block;
		return 0;
	}
	if (index >= s->entries)
		return 0;
	r = metacache_read(s->map.meta, s->table + index * 4, raw, 4);
	if (r < 0 || be32_get(raw) == UINT32_MAX)
		return r;
	p->kind = PLACE_DATA;
	p->host = (uint64_t)be32_get(raw) * BLK_SECTOR + s->bitmap;
	return 0;
}

static int vpc_allocate(void *image, uint64_t index, unsigned *count, struct place *p)
{
	struct vpc *s = image;
	uint64_t end = s->next + s->bitmap + s->map.block, old;
	uint8_t ones[BLK_SECTOR];
	int r;

	*count = 1;
	if (index >= s->entries || s->next / BLK_SECTOR >= UINT32_MAX)
		return -ENOSPC;
	r = blk_size(s->map.node->file, &old);
	if (!r)
		r = blockmap_grow(s->map.node->file, s->next + s->bitmap, s->map.block + F_BYTES, p);
	memset(ones, 0xff, sizeof ones);
	for (uint32_t at = 0; at < s->bitmap && !r; at += sizeof ones)
		r = blk_pwrite(s->map.node->file, s->next + at, sizeof ones, ones);
	if (!r)
		r = blk_pwrite(s->map.node->file, end, F_BYTES, s->footer);
	if (!r)
		s->next = end;
	return r;
}

static int vpc_publish(void *image, uint64_t index, unsigned count, const struct place *p)
{
	struct vpc *s = image;
	uint8_t raw[4];

	(void)count;
	be32_put(raw, (uint32_t)((p->host - s->bitmap) / BLK_SECTOR));
	return metacache_write(s->map.meta, s->table + index * 4, raw, 4);
}

static const struct blockmap_ops vpc_ops = {.find = vpc_find, .allocate = vpc_allocate, .publish = vpc_publish};

static bool footer_ok(const uint8_t *f)
{
	return !memcmp(f, "conectix", 8) && be32_get(f + F_CHECKSUM) == vpc_checksum(f, F_BYTES, F_CHECKSUM);
}

/* The footer: the copy at the start for dynamic images, else the last sector. A damaged one is taken if it has to be. */
static int vpc_read_footer(struct blk *b, uint8_t *f, uint64_t length, struct err *e)
{
	uint8_t tail[F_BYTES];
	int r;

	if (length < F_BYTES)
		return err_set(e, EINVAL, "invalid VPC image: a file of %" PRIu64 " bytes has no room for a footer of 512", length);
	r = blk_pread_what(b->file, 0, F_BYTES, f, "VHD header", e);
	if (r < 0 || footer_ok(f))
		return r;
	/* A fixed image of some old tools ends with a footer of 511 bytes: only the last byte, reserved, is missing. */
	r = blk_pread_what(b->file, length / BLK_SECTOR * BLK_SECTOR == length ? length - F_BYTES : length - (F_BYTES - 1),
			   F_BYTES - 1, tail, "VHD footer", e);
	if (r < 0)
		return r;
	tail[F_BYTES - 1] = 0;
	if (!memcmp(tail, "conectix", 8))
		memcpy(f, tail, F_BYTES);
	if (memcmp(f, "conectix", 8))
		return err_set(e, EINVAL, "invalid VPC image: neither the first nor the last sector is a footer");
	if (!footer_ok(f))
		return err_set(e, EINVAL, "invalid VPC image: checksum of the footer is %08x, its bytes give %08x",
			       be32_get(f + F_CHECKSUM), vpc_checksum(f, F_BYTES, F_CHECKSUM));
	return 0;
}

/* What only a writer needs: where the next block goes. */
static int vpc_reopen(struct blk *b, bool writable, struct err *e)
{
	struct vpc *s = b->state;

	for (uint32_t i = 0; writable && i < s->entries; i++) {
		struct place p;
		int r = vpc_find(s, i, &p);
		if (r < 0)
			return err_errno(e, -r, "cannot read the block table");
		if (p.kind == PLACE_DATA && p.host + s->map.block > s->next)
			s->next = p.host + s->map.block;
	}
	return 0;
}

static int vpc_open_dynamic(struct blk *b, uint64_t length, struct err *e)
{
	struct vpc *s = b->state;
	uint64_t at = be64_get(s->footer + F_DATA);
	uint8_t d[D_BYTES];
	uint32_t block;
	int r;

	if (at > length || length - at < D_BYTES)
		return err_set(e, EINVAL, "invalid VPC image: dynamic disk header at %" PRIu64 " ends beyond the file of %" PRIu64 " bytes",
			       at, length);
	r = blk_pread_what(b->file, at, D_BYTES, d, "VHD dynamic disk header", e);
	if (r < 0)
		return r;
	if (memcmp(d, "cxsparse", 8))
		return err_set(e, EINVAL, "invalid VPC image: no dynamic disk header at %" PRIu64, at);
	if (be32_get(d + D_CHECKSUM) != vpc_checksum(d, D_BYTES, D_CHECKSUM))
		return err_set(e, EINVAL, "invalid VPC image: checksum of the dynamic disk header is %08x, its bytes give %08x",
			       be32_get(d + D_CHECKSUM), vpc_checksum(d, D_BYTES, D_CHECKSUM));
	block = be32_get(d + D_BLOCK);
	s->table = be64_get(d + D_TABLE);
	s->entries = be32_get(d + D_ENTRIES);
	if (block < BLK_SECTOR || (block & (block - 1)) || block > 256u << 20)
		return err_set(e, EINVAL, "Invalid block size %u: no power of two from 512 to 268435456", block);
	if ((uint64_t)s->entries * block < b->size)
		return err_set(e, EINVAL, "Page Allocation Table too small: %u entries of %u bytes for a disk of %" PRIu64,
			       s->entries, block, b->size);
	if (s->entries > INT32_MAX / 4)
		return err_set(e, EINVAL, "Max Table Entries too large (%u, at most %d)", s->entries, INT32_MAX / 4);
	if (s->table % BLK_SECTOR || s->table < F_BYTES)
		return err_set(e, EINVAL, "invalid VPC image: table offset %" PRIu64 " is no multiple of 512 from 512 on", s->table);
	if (s->table > length || length - s->table < (uint64_t)s->entries * 4)
		return err_set(e, EINVAL, "invalid VPC image: table of %u entries at %" PRIu64 " ends beyond the file of %" PRIu64 " bytes",
			       s->entries, s->table, length);
	s->map.block = block;
	s->bitmap = (uint32_t)round_up64(block / BLK_SECTOR / 8, BLK_SECTOR);
	/* After the table, and after every block. */
	s->next = round_up64(s->table + (uint64_t)s->entries * 4, BLK_SECTOR);
	if (at + D_BYTES > s->next)
		s->next = round_up64(at + D_BYTES, BLK_SECTOR);
	return b->flags & BLK_RDWR ? vpc_reopen(b, true, e) : 0;
}

static bool counts_bytes(const uint8_t *f)
{
	static const char creators[][5] = {"win ", "qem2", "d2v ", "tap", "vs  "};

	for (size_t i = 0; i < sizeof creators / sizeof *creators; i++)
		if (!memcmp(f + F_CREATOR, creators[i], 4))
			return true;
	return false;
}

static int vpc_open(struct blk *b, struct err *e)
{
	struct vpc *s = b->state;
	const char *calc = blk_opts_string(b->opts, "force_size_calc");
	uint64_t length, chs, bytes;
	uint32_t type;
	int r = blk_size(b->file, &length);

	if (r < 0)
		return err_errno(e, -r, "cannot ask for the size");
	r = vpc_read_footer(b, s->footer, length, e);
	if (r < 0)
		return r;
	type = be32_get(s->footer + F_TYPE);
	if (type == VHD_DIFFERENCING)
		return err_set(e, ENOTSUP, "unsupported VPC image: it is a differencing image of another one");
	if (type != VHD_FIXED && type != VHD_DYNAMIC)
		return err_set(e, ENOTSUP, "unsupported VPC image: disk type %u (2, fixed, and 3, dynamic, are known)", type);
	s->fixed = type == VHD_FIXED;
	chs = (uint64_t)be16_get(s->footer + F_CYLINDERS) * s->footer[F_HEADS] * s->footer[F_SPT];
	bytes = be64_get(s->footer + F_SIZE);
	if (calc ? !strcmp(calc, "current_size") : counts_bytes(s->footer) || chs == VHD_MAX_GEOMETRY)
		b->size = bytes / BLK_SECTOR * BLK_SECTOR;
	else
		b->size = chs * BLK_SECTOR;
	if (b->size / BLK_SECTOR > VHD_MAX_SECTORS)
		return err_set(e, EFBIG, "disk of %" PRIu64 " sectors, the format allows %" PRIu64, b->size / BLK_SECTOR,
			       VHD_MAX_SECTORS);
	if (s->fixed && b->size > length)
		return err_set(e, EINVAL, "invalid VPC image: disk of %" PRIu64 " bytes in a file of %" PRIu64, b->size, length);
	r = blockmap_attach(b, &vpc_ops, VHD_BLOCK, e);
	return r < 0 || s->fixed ? r : vpc_open_dynamic(b, length, e);
}

static void vpc_geometry(struct blk *b, struct blk_geometry *g)
{
	struct vpc *s = b->state;

	g->cluster_size = s->fixed ? 0 : s->map.block;
}

static const char *const calc_choices[] = {"current_size", "chs", NULL};
static const struct blk_option vpc_options[] = {
	{"force_size_calc", BLK_OPT_STRING, "Force disk size calculation to use either CHS geometry, or use the disk current_size",
	 NULL, calc_choices},
	{NULL, 0, NULL, NULL, NULL},
};
static const struct blk_option vpc_create_options[] = {
	{"force_size", BLK_OPT_BOOL,
	 "Force disk size calculation to use the actual size specified, rather than using the nearest CHS-based calculation",
	 NULL, NULL},
	{"subformat", BLK_OPT_STRING,
	 "Type of virtual hard disk format. Supported formats are {dynamic (default) | fixed} ", NULL, NULL},
	{NULL, 0, NULL, NULL, NULL},
};

static int vpc_write_dynamic(struct blk *b, const uint8_t *footer, uint64_t sectors)
{
	uint64_t entries = (sectors * BLK_SECTOR + VHD_BLOCK - 1) / VHD_BLOCK, table = F_BYTES + D_BYTES;
	uint64_t bytes = round_up64(entries * 4, BLK_SECTOR);
	uint8_t d[D_BYTES] = {0}, ones[65536];
	int r = 0;

	memset(ones, 0xff, sizeof ones);
	for (uint64_t at = 0; at < bytes && !r; at += sizeof ones)
		r = blk_pwrite(b, table + at, bytes - at < sizeof ones ? (size_t)(bytes - at) : sizeof ones, ones);
	memcpy(d, "cxsparse", 8);
	be64_put(d + D_DATA, UINT64_MAX);
	be64_put(d + D_TABLE, table);
	be32_put(d + D_VERSION, 0x00010000);
	be32_put(d + D_ENTRIES, (uint32_t)entries);
	be32_put(d + D_BLOCK, VHD_BLOCK);
	be32_put(d + D_CHECKSUM, vpc_checksum(d, D_BYTES, D_CHECKSUM));
	if (!r)
		r = blk_pwrite(b, F_BYTES, D_BYTES, d);
	if (!r)
		r = blk_pwrite(b, table + bytes, F_BYTES, footer);
	return r ? r : blk_pwrite(b, 0, F_BYTES, footer);
}

static int vpc_create(const struct blk_create *c, struct err *e)
{
	const char *sub = blk_opts_string(c->opts, "subformat");
	bool force = blk_opts_bool(c->opts, "force_size", false), fixed = sub && !strcmp(sub, "fixed");
	uint64_t sectors = (c->size + BLK_SECTOR - 1) / BLK_SECTOR, bytes;
	unsigned cylinders = 0, heads = 0, spt = 0;
	uint8_t f[F_BYTES] = {0};
	struct blk *b;
	int r;

	if (sub && !fixed && strcmp(sub, "dynamic"))
		return err_set(e, EINVAL, "Invalid subformat '%s': use dynamic or fixed", sub);
	if (sectors >= VHD_MAX_SECTORS)
		return err_set(e, EFBIG, "The image size is too large for file format 'vpc'");
	if (force || sectors > VHD_MAX_GEOMETRY) {
		vpc_chs(force ? VHD_MAX_GEOMETRY : sectors, &cylinders, &heads, &spt);
	} else {
		/* The smallest geometry that holds the disk: the formula rounds down, so ask for ever more. */
		for (uint64_t more = 0; vpc_chs(sectors + more, &cylinders, &heads, &spt) < sectors; more++)
			continue;
		sectors = (uint64_t)cylinders * heads * spt;
	}
	bytes = sectors * BLK_SECTOR;
	memcpy(f + F_COOKIE, "conectix", 8);
	be32_put(f + F_FEATURES, 2);
	be32_put(f + F_VERSION, 0x00010000);
	be64_put(f + F_DATA, fixed ? UINT64_MAX : F_BYTES);
	be32_put(f + F_TIME, (uint32_t)(time(NULL) - VHD_EPOCH));
	memcpy(f + F_CREATOR, force ? "qem2" : "qemu", 4); /* the names other readers know these two rules of size by */
	be32_put(f + F_CREATOR_VERSION, 0x00050003);
	memcpy(f + F_HOST, "Wi2k", 4);
	be64_put(f + F_ORIGINAL, bytes);
	be64_put(f + F_SIZE, bytes);
	be16_put(f + F_CYLINDERS, (uint16_t)cylinders);
	f[F_HEADS] = (uint8_t)heads;
	f[F_SPT] = (uint8_t)spt;
	be32_put(f + F_TYPE, fixed ? VHD_FIXED : VHD_DYNAMIC);
	if ((r = random_uuid(f + F_UUID, e)) < 0)
		return r;
	be32_put(f + F_CHECKSUM, vpc_checksum(f, F_BYTES, F_CHECKSUM));
	r = blk_create_file(c, c->filename, 0, &b, e);
	if (r < 0)
		return r;
	if (fixed) {
		r = blk_truncate(b, bytes + F_BYTES, BLK_PREALLOC_OFF, e);
		if (!r)
			r = blk_pwrite(b, bytes, F_BYTES, f);
	} else {
		r = vpc_write_dynamic(b, f, sectors);
	}
	return blk_create_end(b, r, "the VHD headers", c->filename, e);
}

BLOCK_FORMAT(vpc) = {
	.name = "vpc",
	.state_size = sizeof(struct vpc),
	.options = vpc_options,
	.create_options = vpc_create_options,
	.probe = vpc_probe,
	.open = vpc_open,
	.close = blockmap_close,
	.reopen = vpc_reopen,
	.create = vpc_create,
	.pread = blockmap_pread,
	.pwrite = blockmap_pwrite,
	.pwrite_zeroes = blockmap_pwrite_zeroes,
	.block_status = blockmap_block_status,
	.geometry = vpc_geometry,
};
