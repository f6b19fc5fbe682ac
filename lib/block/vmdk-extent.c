/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sparse extents: a directory of grain tables, tables of sector offsets of grains (0: not there; 1: zeros, where the
 * header says so). Hosted ("KDMV") extents keep the directory and the tables twice; both are written. "COWD" extents of
 * ESX have one directory and tables of 4,096. Packed extents hold each grain as a zlib stream after a 12-byte marker.
 * New grains go to the end of the file, at a multiple of the grain.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "block/vmdk.h"

enum { COWD_VERSION = 4, COWD_FLAGS = 8, COWD_SECTORS = 12, COWD_GRAIN = 16, COWD_GD = 20, COWD_GD_ENTRIES = 24,
       COWD_TABLE = 4096 };
enum { MARKER_BYTES = 12, FOOTER_BYTES = 2 * BLK_SECTOR,
       PACKED_GRAIN = 16384 }; /* sectors: several grains are in memory when one is packed */
static const uint64_t GD_AT_END = UINT64_MAX;

/* Offset of the entry for grain `index` in a directory's tables; 0: there is no table. */
static int entry_at(struct extent *x, uint64_t gd, uint64_t index, uint64_t *at)
{
	uint64_t i = index / x->gtes;
	uint8_t raw[4];
	int r;

	*at = 0;
	if (i >= x->gd_entries)
		return -EIO;
	r = metacache_read(x->map.meta, gd + i * 4, raw, 4);
	if (r < 0 || !le32_get(raw))
		return r;
	*at = (uint64_t)le32_get(raw) * BLK_SECTOR + index % x->gtes * 4;
	return 0;
}

static int extent_find(void *image, uint64_t index, struct place *p)
{
	struct extent *x = image;
	uint8_t raw[4];
	uint64_t at;
	uint32_t v;
	int r = entry_at(x, x->gd, index, &at);

	p->kind = PLACE_NONE;
	p->file = x->file;
	p->run = at ? 0 : x->gtes - index % x->gtes;
	if (r < 0 || !at)
		return r;
	r = metacache_read(x->map.meta, at, raw, 4);
	v = le32_get(raw);
	if (r < 0 || !v)
		return r;
	if (v == 1 && x->zero_grain) {
		p->kind = PLACE_ZERO;
		return 0;
	}
	p->kind = x->compressed ? PLACE_PACKED : PLACE_DATA;
	p->host = (uint64_t)v * BLK_SECTOR;
	return 0;
}

/* Sets one entry in the tables of the copy first, then in those that are read. */
static int enter(struct extent *x, uint64_t index, uint32_t v)
{
	uint64_t at, copy = 0;
	uint8_t raw[4];
	int r = entry_at(x, x->gd, index, &at);

	if (!r && x->rgd)
		r = entry_at(x, x->rgd, index, &copy);
	if (r < 0)
		return r;
	if (!at) {
		/* COWD makes its tables as they are needed. */
		uint64_t host = round_up64(x->next, BLK_SECTOR), bytes = (uint64_t)x->gtes * 4;
		struct place p;
		r = blockmap_grow(x->file, host, bytes, &p);
		if (!r && !p.zeroed)
			r = blk_pwrite_zeroes(x->file, host, bytes, 0);
		if (!r && !p.zeroed)
			r = blk_flush(x->file);
		if (r < 0)
			return r;
		x->next = host + bytes;
		metacache_forget(x->map.meta, host, bytes);
		le32_put(raw, (uint32_t)(host / BLK_SECTOR));
		r = metacache_write(x->map.meta, x->gd + index / x->gtes * 4, raw, 4);
		if (!r && x->rgd && !copy)
			r = metacache_write(x->map.meta, x->rgd + index / x->gtes * 4, raw, 4);
		at = host + index % x->gtes * 4;
	}
	le32_put(raw, v);
	if (!r && copy)
		r = metacache_write(x->map.meta, copy, raw, 4);
	return r ? r : metacache_write(x->map.meta, at, raw, 4);
}

static int extent_allocate(void *image, uint64_t index, unsigned *count, struct place *p)
{
	struct extent *x = image;
	uint64_t host = round_up64(x->next, x->map.block), bytes = (uint64_t)*count * x->map.block;
	int r;

	(void)index;
	if ((host + bytes) / BLK_SECTOR > UINT32_MAX)
		return -EFBIG;
	r = blockmap_grow(x->file, host, bytes, p);
	if (!r)
		x->next = host + bytes;
	return r;
}

static int extent_publish(void *image, uint64_t index, unsigned count, const struct place *p)
{
	struct extent *x = image;
	int r = 0;

	for (unsigned i = 0; i < count && !r; i++)
		r = enter(x, index + i, (uint32_t)((p->host + (uint64_t)i * x->map.block) / BLK_SECTOR));
	return r;
}

static int extent_publish_zero(void *image, uint64_t index)
{
	struct extent *x = image;

	return enter(x, index, 1);
}

static int extent_unpack(void *image, uint64_t index, const struct place *p, uint8_t *buf)
{
	struct extent *x = image;
	uint8_t marker[MARKER_BYTES], *in;
	uint64_t host = p->host;
	uint32_t n;
	uLongf out = x->map.block;
	int r, z;

	(void)index;
	/* Without markers the length is not stored: a stream is at most a little longer than its grain. */
	n = x->map.block + x->map.block / 1000 + 64;
	if (x->markers) {
		r = blk_pread(x->file, host, MARKER_BYTES, marker);
		if (r < 0)
			return r;
		host += MARKER_BYTES;
		if (!le32_get(marker + 8) || le32_get(marker + 8) > 2 * x->map.block)
			return -EIO;
		n = le32_get(marker + 8);
	}
	in = malloc(n);
	if (!in)
		return -ENOMEM;
	r = blockmap_pread_clipped(x->file, host, in, n);
	if (!r) {
		z = uncompress(buf, &out, in, n);
		/* The last grain of a disk may be shorter. */
		if (z != Z_OK || out > x->map.block)
			r = -EIO;
		else
			memset(buf + out, 0, x->map.block - out);
	}
	free(in);
	return r;
}

static const struct blockmap_ops extent_ops = {
	.find = extent_find, .allocate = extent_allocate, .publish = extent_publish, .unpack = extent_unpack};
static const struct blockmap_ops extent_zero_ops = {.find = extent_find, .allocate = extent_allocate, .publish = extent_publish,
						    .publish_zero = extent_publish_zero, .unpack = extent_unpack};

int vmdk_extent_pack(struct extent *x, uint64_t index, const uint8_t *buf, size_t n)
{
	uint64_t host, bytes;
	uLongf packed = compressBound(x->map.block);
	uint8_t *out = calloc(1, MARKER_BYTES + packed + BLK_SECTOR + x->map.block), *in;
	int r;

	if (!out)
		return -ENOMEM;
	in = out + MARKER_BYTES + packed + BLK_SECTOR;
	memcpy(in, buf, n);
	if (compress(out + MARKER_BYTES, &packed, in, x->map.block) != Z_OK) {
		free(out);
		return -EIO;
	}
	le64_put(out, index * (x->map.block / BLK_SECTOR));
	le32_put(out + 8, (uint32_t)packed);
	bytes = round_up64(MARKER_BYTES + packed, BLK_SECTOR);
	memset(out + MARKER_BYTES + packed, 0, bytes - MARKER_BYTES - packed);
	pthread_mutex_lock(&x->map.lock);
	host = round_up64(x->next, BLK_SECTOR);
	r = (host + bytes) / BLK_SECTOR > UINT32_MAX ? -EFBIG : blk_pwrite(x->file, host, bytes, out);
	if (!r) {
		x->next = host + bytes;
		/* Half a stream is neither the old contents nor the new. Conversion runs without flushes (cache=unsafe). */
		r = blk_flush(x->file);
	}
	if (!r)
		r = enter(x, index, (uint32_t)(host / BLK_SECTOR));
	blockmap_forget(&x->map, index);
	pthread_mutex_unlock(&x->map.lock);
	free(out);
	return r;
}

static int open_cowd(struct extent *x, const uint8_t *h, struct err *e)
{
	if (le32_get(h + COWD_VERSION) != 1)
		return err_set(e, ENOTSUP, "COWD extent version %u is not supported, only 1", le32_get(h + COWD_VERSION));
	x->gtes = COWD_TABLE;
	x->map.block = le32_get(h + COWD_GRAIN) <= 1 << 16 ? le32_get(h + COWD_GRAIN) * BLK_SECTOR : 0;
	x->size = (uint64_t)le32_get(h + COWD_SECTORS) * BLK_SECTOR;
	x->gd = (uint64_t)le32_get(h + COWD_GD) * BLK_SECTOR;
	x->gd_entries = le32_get(h + COWD_GD_ENTRIES);
	return 0;
}

/* Streams written in one go have the directory, and a header that knows where, in a footer. */
static int read_footer(struct extent *x, uint8_t *h, uint64_t length, struct err *e)
{
	int r;

	if (length < 3 * BLK_SECTOR)
		return err_set(e, EINVAL, "the file of %" PRIu64 " bytes has no room for a footer", length);
	r = blk_pread_what(x->file, length - FOOTER_BYTES, K_BYTES, h, "VMDK footer", e);
	if (r < 0)
		return r;
	if (memcmp(h, "KDMV", 4))
		return err_set(e, EINVAL, "no footer at %" PRIu64 ", where the header says that one is", length - FOOTER_BYTES);
	if (le64_get(h + K_GD) == GD_AT_END)
		return err_set(e, EINVAL, "the footer does not say where the grain directory is");
	return 0;
}

static int open_hosted(struct extent *x, uint8_t *h, uint64_t length, struct err *e)
{
	uint32_t version, flags;
	uint64_t grain;
	int r;

	if (le64_get(h + K_GD) == GD_AT_END && (r = read_footer(x, h, length, e)) < 0)
		return r;
	version = le32_get(h + K_VERSION);
	flags = le32_get(h + K_FLAGS);
	if (version < 1 || version > 3)
		return err_set(e, ENOTSUP, "Unsupported VMDK version %u, only 1, 2 and 3 are known", version);
	if ((flags & KF_NEWLINES) && memcmp(h + K_NEWLINES, "\n \r\n", 4))
		return err_set(e, EINVAL, "the file was damaged by a transfer that changed line ends (check bytes %02x %02x %02x %02x, not 0a 20 0d 0a)",
			       h[K_NEWLINES], h[K_NEWLINES + 1], h[K_NEWLINES + 2], h[K_NEWLINES + 3]);
	grain = le64_get(h + K_GRAIN);
	x->gtes = le32_get(h + K_GTES);
	x->zero_grain = flags & KF_ZERO_GRAIN;
	x->markers = flags & KF_MARKERS;
	x->compressed = flags & KF_COMPRESSED;
	if (x->compressed && le16_get(h + K_COMPRESS) != 1)
		return err_set(e, ENOTSUP, "VMDK compression algorithm %u is not supported, only 1, deflate",
			       le16_get(h + K_COMPRESS));
	if (grain < 1 || grain > 1 << 16)
		return err_set(e, EINVAL, "Invalid grain size %" PRIu64 " sectors, 1 to 65536 are possible", grain);
	if (x->compressed && grain > PACKED_GRAIN)
		return err_set(e, EINVAL, "Invalid grain size %" PRIu64 " sectors of a packed extent, 1 to %d are possible", grain, PACKED_GRAIN);
	x->map.block = (uint32_t)grain * BLK_SECTOR;
	if (le64_get(h + K_CAPACITY) > (uint64_t)INT64_MAX / BLK_SECTOR)
		return err_set(e, EINVAL, "Invalid capacity of %" PRIu64 " sectors, at most %" PRId64, le64_get(h + K_CAPACITY), INT64_MAX / BLK_SECTOR);
	x->size = le64_get(h + K_CAPACITY) * BLK_SECTOR;
	if (le64_get(h + K_GD) > (uint64_t)INT64_MAX / BLK_SECTOR || le64_get(h + K_RGD) > (uint64_t)INT64_MAX / BLK_SECTOR)
		return err_set(e, EINVAL, "grain directory at sector %" PRIu64 " is beyond the file", le64_get(h + K_GD));
	x->gd = le64_get(h + K_GD) * BLK_SECTOR;
	x->rgd = flags & KF_REDUNDANT ? le64_get(h + K_RGD) * BLK_SECTOR : 0;
	if (x->gtes < 1 || x->gtes > 512)
		return err_set(e, EINVAL, "L2 table size too big: %u entries, 1 to 512 are possible", x->gtes);
	x->gd_entries = x->size / x->map.block / x->gtes + 1;
	if ((x->gd_entries - 1) * x->gtes * x->map.block == x->size)
		x->gd_entries--;
	return 0;
}

int vmdk_extent_open(struct blk *b, struct extent *x, uint64_t sectors, struct err *e)
{
	uint8_t h[K_BYTES];
	uint64_t length;
	int r = blk_pread_what(x->file, 0, sizeof h, h, "VMDK extent header", e);

	if (r < 0)
		return r;
	r = blk_size(x->file, &length);
	if (r < 0)
		return err_errno(e, -r, "cannot ask for the size");
	if (!memcmp(h, "COWD", 4))
		r = open_cowd(x, h, e);
	else if (!memcmp(h, "KDMV", 4))
		r = open_hosted(x, h, length, e);
	else
		r = err_set(e, EINVAL, "not a sparse extent: neither KDMV nor COWD at its start");
	if (r < 0)
		return r;
	if (!x->map.block)
		return err_set(e, EINVAL, "Invalid granularity, image may be corrupt");
	if (x->gd_entries > 512 << 20 >> 2)
		return err_set(e, EFBIG, "L1 size too big: grain directory of %" PRIu64 " entries, at most %d", x->gd_entries, 512 << 20 >> 2);
	if (x->gd_entries * x->gtes < (x->size + x->map.block - 1) / x->map.block)
		return err_set(e, EINVAL, "grain directory of %" PRIu64 " entries cannot describe %" PRIu64 " bytes", x->gd_entries,
			       x->size);
	if (x->gd > length || x->gd_entries * 4 > length - x->gd)
		return err_set(e, EINVAL, "grain directory of %" PRIu64 " entries at %" PRIu64 " ends beyond the file of %" PRIu64
			       " bytes", x->gd_entries, x->gd, length);
	if (x->rgd > length || (x->rgd && x->gd_entries * 4 > length - x->rgd))
		return err_set(e, EINVAL, "second grain directory of %" PRIu64 " entries at %" PRIu64
			       " ends beyond the file of %" PRIu64 " bytes", x->gd_entries, x->rgd, length);
	if (sectors && sectors * BLK_SECTOR > x->size)
		return err_set(e, EINVAL, "the extent has %" PRIu64 " sectors, the descriptor says %" PRIu64, x->size / BLK_SECTOR,
			       sectors);
	x->kind = EXTENT_SPARSE;
	x->next = length;
	x->map.ops = x->zero_grain ? &extent_zero_ops : &extent_ops;
	x->map.image = x;
	x->map.node = b;
	x->map.size = x->size;
	return blockmap_init(&x->map, x->file, e);
}

void vmdk_extent_close(struct extent *x)
{
	blockmap_detach(&x->map);
	free(x->name);
	free(x);
}

int vmdk_extent_check(struct extent *x, struct blk_check *c)
{
	uint64_t length, grains;
	int r = blk_size(x->file, &length);

	if (r < 0)
		return r;
	grains = (x->size + x->map.block - 1) / x->map.block;
	c->total_clusters += grains;
	for (uint64_t i = 0; i < grains; i++) {
		struct place p;
		uint64_t at;
		if (i % x->gtes == 0) {
			r = entry_at(x, x->gd, i, &at);
			if (r == 0 && at && at + (uint64_t)x->gtes * 4 > round_up64(length, BLK_SECTOR)) {
				blk_check_say(c, "ERROR: %s: grain table %" PRIu64 " at %" PRIu64 " ends beyond the file", x->name,
					      i / x->gtes, at);
				c->corruptions++;
				at = 0;
			}
			if (r == 0 && !at) { /* nothing in it */
				i += x->gtes - 1;
				continue;
			}
		}
		r = extent_find(x, i, &p);
		if (r < 0) {
			c->check_errors++;
			continue;
		}
		if (p.kind != PLACE_DATA && p.kind != PLACE_PACKED)
			continue;
		switch (blockmap_judge(p.host, x->map.block, length)) {
		case PLACE_LOST:
			blk_check_say(c, "Leak: %s: grain %" PRIu64 " was never written to the end of the image", x->name, i);
			c->leaks++;
			break;
		case PLACE_OUTSIDE:
			blk_check_say(c, "ERROR: %s: grain %" PRIu64 " at %" PRIu64 " is beyond the file of %" PRIu64 " bytes", x->name, i,
				      p.host, length);
			c->corruptions++;
			break;
		case PLACE_GOOD:
			c->allocated_clusters++;
			if (p.kind == PLACE_PACKED)
				c->compressed_clusters++;
		}
	}
	return 0;
}
