/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Bochs' growing images, read-only (layout as bximage writes it; "Bochs User Manual", section "Using the bximage tool").
 *
 * A 512-byte header, a catalog with one little-endian entry for each extent (all ones: never written), then the extents
 * in the order they were written: a bitmap of the sectors that are there, padded to sectors, and the data.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "block/block.h"
#include "block/blockmap.h"

enum { H_MAGIC = 0, H_TYPE = 32, H_SUBTYPE = 48, H_VERSION = 64, H_HEADER = 68, H_CATALOG = 72, H_BITMAP = 76, H_EXTENT = 80,
       H_DISK_V1 = 84, H_DISK = 88, H_BYTES = 512 };
enum { BOCHS_V1 = 0x00010000, BOCHS_V2 = 0x00020000, MAX_CATALOG = 0x100000, MAX_EXTENT = 0x800000 };

struct bochs {
	struct blockmap map; /* of sectors; first: blockmap.h */
	uint64_t catalog, data, stride; /* stride: bytes of an extent with its bitmap */
	uint32_t entries, extent, bitmap;
};

static bool bochs_magic(const uint8_t *h)
{
	uint32_t version = le32_get(h + H_VERSION);

	return !strncmp((const char *)h, "Bochs Virtual HD Image", 32) && !strncmp((const char *)h + H_TYPE, "Redolog", 16) &&
	       !strncmp((const char *)h + H_SUBTYPE, "Growing", 16) && (version == BOCHS_V1 || version == BOCHS_V2);
}

static int bochs_probe(const uint8_t *buf, size_t size, const char *filename)
{
	(void)filename;
	return size >= H_BYTES && bochs_magic(buf) ? 100 : 0;
}

static int bochs_find(void *image, uint64_t index, struct place *p)
{
	struct bochs *s = image;
	uint64_t off = index * BLK_SECTOR, i = off / s->extent, in = off % s->extent, at;
	uint8_t raw[4];
	int r;

	p->kind = PLACE_NONE;
	if (i >= s->entries)
		return -EIO;
	r = metacache_read(s->map.meta, s->catalog + i * 4, raw, 4);
	if (r < 0 || le32_get(raw) == UINT32_MAX)
		return r;
	at = s->data + le32_get(raw) * s->stride;
	r = metacache_read(s->map.meta, at + in / BLK_SECTOR / 8, raw, 1);
	if (r < 0 || !(raw[0] >> in / BLK_SECTOR % 8 & 1))
		return r;
	p->kind = PLACE_DATA;
	p->file = s->map.node->file;
	p->host = at + s->bitmap + in;
	return 0;
}

static const struct blockmap_ops bochs_ops = {.find = bochs_find};

static int bochs_open(struct blk *b, struct err *e)
{
	struct bochs *s = b->state;
	uint8_t h[H_BYTES];
	uint32_t header, bitmap;
	uint64_t length;
	int r = blk_pread_what(b->file, 0, sizeof h, h, "Bochs header", e);

	if (r < 0)
		return r;
	if (!bochs_magic(h))
		return err_set(e, EINVAL, "Image not in Bochs format: its texts are not those of a growing redolog, or version 0x%x is neither 0x%x nor 0x%x",
			       le32_get(h + H_VERSION), BOCHS_V1, BOCHS_V2);
	header = le32_get(h + H_HEADER);
	s->entries = le32_get(h + H_CATALOG);
	bitmap = le32_get(h + H_BITMAP);
	s->extent = le32_get(h + H_EXTENT);
	b->size = le64_get(h + (le32_get(h + H_VERSION) == BOCHS_V1 ? H_DISK_V1 : H_DISK)) / BLK_SECTOR * BLK_SECTOR;
	if (header < H_BYTES || header > 1 << 20)
		return err_set(e, EINVAL, "Bochs header of %u bytes, 512 to 1048576 are possible", header);
	if (s->entries > MAX_CATALOG)
		return err_set(e, EFBIG, "Catalog size is too large: %u entries, at most %d", s->entries, MAX_CATALOG);
	if (s->extent < BLK_SECTOR || s->extent > MAX_EXTENT || (s->extent & (s->extent - 1)))
		return err_set(e, EINVAL, "Extent size %u is no power of two from 512 to %d", s->extent, MAX_EXTENT);
	if ((uint64_t)bitmap * 8 < s->extent / BLK_SECTOR || bitmap > MAX_EXTENT)
		return err_set(e, EINVAL, "Bitmap of %u bytes does not describe an extent of %u", bitmap, s->extent);
	if (b->size / s->extent + (b->size % s->extent != 0) > s->entries)
		return err_set(e, EINVAL, "Catalog size is too small for this disk size: %u extents of %u bytes, a disk of %" PRIu64,
			       s->entries, s->extent, b->size);
	r = blk_size(b->file, &length);
	if (r < 0)
		return err_errno(e, -r, "cannot ask for the size");
	s->catalog = header;
	s->data = header + (uint64_t)s->entries * 4;
	if (s->data > length)
		return err_set(e, EINVAL, "Catalog of %u entries ends beyond the file of %" PRIu64 " bytes", s->entries, length);
	s->bitmap = (uint32_t)round_up64(bitmap, BLK_SECTOR);
	s->stride = s->bitmap + s->extent;
	return blockmap_attach(b, &bochs_ops, BLK_SECTOR, e);
}

BLOCK_FORMAT(bochs) = {
	.name = "bochs",
	.flags = BLK_F_READ_ONLY,
	.state_size = sizeof(struct bochs),
	.probe = bochs_probe,
	.open = bochs_open,
	.close = blockmap_close,
	.pread = blockmap_pread,
	.block_status = blockmap_block_status,
};
