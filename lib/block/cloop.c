/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cloop version 2: compressed loop images of live CDs, read-only (layout as create_compressed_fs writes it).
 *
 * A 128-byte shell script, the block size and the number of blocks (big-endian, 32 bits), their offsets and the end
 * (64 bits), then each block as a zlib stream.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "block/block.h"
#include "block/blockmap.h"

enum { SCRIPT_BYTES = 128, TABLE = 136, MAX_BLOCK = 32 << 20 };
static const char script[] = "#!/bin/sh\n#V2.0 Format\nmodprobe cloop file=$0 && mount -r -t iso9660 /dev/cloop $1\n";

struct cloop {
	struct blockmap map; /* first: blockmap.h */
	uint32_t blocks;
	uint64_t length;
};

static int cloop_probe(const uint8_t *buf, size_t size, const char *filename)
{
	size_t n = sizeof script - 1 < size ? sizeof script - 1 : size;

	(void)filename;
	/* A weak sign, since it is a script as any other: barely more than raw. */
	return n >= 23 && !memcmp(buf, script, n) ? 2 : 0;
}

static int cloop_find(void *image, uint64_t index, struct place *p)
{
	struct cloop *s = image;
	uint8_t raw[16];
	uint64_t start, end;
	int r = metacache_read(s->map.meta, TABLE + index * 8, raw, 16);

	start = be64_get(raw);
	end = be64_get(raw + 8);
	p->kind = PLACE_PACKED;
	p->file = s->map.node->file;
	if (r < 0)
		return r;
	/* zlib makes a block at most a little longer than it was. */
	if (start < TABLE || end <= start || end > s->length || end - start > s->map.block + s->map.block / 1000 + 64)
		return -EIO;
	p->host = start;
	p->length = (uint32_t)(end - start);
	return 0;
}

static int cloop_unpack(void *image, uint64_t index, const struct place *p, uint8_t *buf)
{
	struct cloop *s = image;
	uLongf n = s->map.block;
	uint8_t *in = malloc(p->length);
	int r = in ? blk_pread(p->file, p->host, p->length, in) : -ENOMEM;

	(void)index;
	if (!r && (uncompress(buf, &n, in, p->length) != Z_OK || n != s->map.block))
		r = -EIO;
	free(in);
	return r;
}

static const struct blockmap_ops cloop_ops = {.find = cloop_find, .unpack = cloop_unpack};

static int cloop_open(struct blk *b, struct err *e)
{
	struct cloop *s = b->state;
	uint8_t h[TABLE], raw[16];
	uint32_t block;
	uint64_t last = 0;
	int r = blk_pread_what(b->file, 0, sizeof h, h, "cloop header", e);

	if (r < 0)
		return r;
	block = be32_get(h + SCRIPT_BYTES);
	s->blocks = be32_get(h + SCRIPT_BYTES + 4);
	r = blk_size(b->file, &s->length);
	if (r < 0)
		return err_errno(e, -r, "cannot ask for the size");
	if (!block || block % BLK_SECTOR)
		return err_set(e, EINVAL, "block_size %u must be a multiple of 512 and not zero", block);
	if (block > MAX_BLOCK)
		return err_set(e, EINVAL, "block_size %u must be %u MB or less", block, MAX_BLOCK >> 20);
	if (!s->blocks)
		return err_set(e, EINVAL, "image has no blocks");
	if (TABLE + ((uint64_t)s->blocks + 1) * 8 > s->length)
		return err_set(e, EINVAL, "image with %u blocks requires an offsets table of %" PRIu64 " bytes, the file has %" PRIu64,
			       s->blocks, ((uint64_t)s->blocks + 1) * 8, s->length);
	b->size = (uint64_t)s->blocks * block;
	r = blockmap_attach(b, &cloop_ops, block, e);
	if (r < 0)
		return r;
	for (uint32_t i = 0; i <= s->blocks; i++) {
		uint64_t off;
		r = metacache_read(s->map.meta, TABLE + (uint64_t)i * 8, raw, 8);
		if (r < 0)
			return err_errno(e, -r, "cannot read the offsets table");
		off = be64_get(raw);
		if (off < last || (i && off == last))
			return err_set(e, EINVAL, "offsets not monotonically increasing at index %u, image file is corrupt", i);
		if (i && off - last > (uint64_t)block + block / 1000 + 64)
			return err_set(e, EINVAL, "invalid compressed block size at index %u: %" PRIu64 " bytes for blocks of %u", i,
				       off - last, block);
		if (off > s->length)
			return err_set(e, EINVAL, "offset at index %u is %" PRIu64 ", beyond the file of %" PRIu64 " bytes", i, off,
				       s->length);
		last = off;
	}
	return 0;
}

BLOCK_FORMAT(cloop) = {
	.name = "cloop",
	.flags = BLK_F_READ_ONLY,
	.state_size = sizeof(struct cloop),
	.probe = cloop_probe,
	.open = cloop_open,
	.close = blockmap_close,
	.pread = blockmap_pread,
	.block_status = blockmap_block_status,
};
