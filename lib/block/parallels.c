/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Parallels expandable images ("Parallels Expandable Image File Format"), both magics.
 *
 * Theory of operation. A 64-byte header, a table of 32-bit entries (0: not there), then clusters of `tracks` sectors.
 * "WithoutFreeSpace" entries count sectors, "WithouFreSpacExt" entries count clusters from the start of the file.
 * While the image is open for writing, and once it was written to, the header's in-use word is set; we clear it
 * at the end. A set word costs nothing here: where the next cluster goes is found from the table at each open.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "block/block.h"
#include "block/blockmap.h"

enum {
	PL_VERSION = 2,
	PL_IN_USE = 0x746f6e59,
	PL_DEFAULT_CLUSTER = 1 << 20,
	PL_MAX_CLUSTER = 1 << 30,
	PL_CHS_HEADS = 16,
	PL_CHS_SECTORS = 32,
};
enum { H_MAGIC = 0, H_VERSION = 16, H_HEADS = 20, H_CYLINDERS = 24, H_TRACKS = 28, H_ENTRIES = 32, H_SECTORS = 36,
       H_INUSE = 44, H_DATA = 48, H_FLAGS = 52, H_EXT = 56, H_BYTES = 64 };
static const char magic_sectors[16] = {'W', 'i', 't', 'h', 'o', 'u', 't', 'F', 'r', 'e', 'e', 'S', 'p', 'a', 'c', 'e'};
static const char magic_clusters[16] = {'W', 'i', 't', 'h', 'o', 'u', 'F', 'r', 'e', 'S', 'p', 'a', 'c', 'E', 'x', 't'};

struct parallels {
	struct blockmap map; /* first: blockmap.h */
	uint32_t entries, unit; /* unit: sectors that one step of an entry counts */
	uint64_t first, next;	/* bytes: where clusters begin, where the next one goes */
	bool was_in_use, in_use;
	uint64_t extension; /* sector of the format extension, or 0 */
};

static int parallels_probe(const uint8_t *buf, size_t size, const char *filename)
{
	(void)filename;
	if (size < H_BYTES || (memcmp(buf, magic_sectors, 16) && memcmp(buf, magic_clusters, 16)))
		return 0;
	return le32_get(buf + H_VERSION) == PL_VERSION ? 100 : 0;
}

static int parallels_find(void *image, uint64_t index, struct place *p)
{
	struct parallels *s = image;
	uint8_t raw[4];
	int r;

	p->kind = PLACE_NONE;
	if (index >= s->entries)
		return 0;
	r = metacache_read(s->map.meta, H_BYTES + index * 4, raw, 4);
	if (r < 0 || !le32_get(raw))
		return r;
	p->kind = PLACE_DATA;
	p->file = s->map.node->file;
	p->host = (uint64_t)le32_get(raw) * s->unit * BLK_SECTOR;
	return p->host < s->first ? -EIO : 0;
}

static int parallels_mark(struct parallels *s, uint32_t word)
{
	uint8_t raw[4];

	le32_put(raw, word);
	return metacache_write(s->map.meta, H_INUSE, raw, 4);
}

static int parallels_allocate(void *image, uint64_t index, unsigned *count, struct place *p)
{
	struct parallels *s = image;
	uint64_t bytes;
	int r = 0;

	if (index + *count > s->entries)
		return -ENOSPC;
	if (!s->in_use) {
		r = parallels_mark(s, PL_IN_USE);
		if (r < 0)
			return r;
		s->in_use = true;
	}
	bytes = (uint64_t)*count * s->map.block;
	if ((s->next + bytes) / BLK_SECTOR / s->unit > UINT32_MAX)
		return -ENOSPC;
	r = blockmap_grow(s->map.node->file, s->next, bytes, p);
	if (!r)
		s->next += bytes;
	return r;
}

static int parallels_publish(void *image, uint64_t index, unsigned count, const struct place *p)
{
	struct parallels *s = image;
	uint64_t host = p->host;
	uint8_t raw[1024];
	int r = 0;

	while (count && !r) {
		unsigned some = count < sizeof raw / 4 ? count : sizeof raw / 4;
		for (unsigned i = 0; i < some; i++, host += s->map.block)
			le32_put(raw + 4 * i, (uint32_t)(host / BLK_SECTOR / s->unit));
		r = metacache_write(s->map.meta, H_BYTES + index * 4, raw, some * 4);
		index += some;
		count -= some;
	}
	return r;
}

static const struct blockmap_ops parallels_ops = {
	.find = parallels_find, .allocate = parallels_allocate, .publish = parallels_publish};

/* The end of the last cluster in use, at least s->first. */
static int parallels_scan(struct parallels *s, uint64_t *end, struct err *e)
{
	struct place p;

	*end = s->first;
	for (uint32_t i = 0; i < s->entries; i++) {
		int r = parallels_find(s, i, &p);
		if (r == -EIO)
			continue;
		if (r < 0)
			return err_errno(e, -r, "cannot read the cluster table");
		if (p.kind == PLACE_DATA && p.host + s->map.block > *end)
			*end = p.host + s->map.block;
	}
	return 0;
}

/* What only a writer needs: where the next cluster goes; and at its end the word that says so is cleared. */
static int parallels_reopen(struct blk *b, bool writable, struct err *e)
{
	struct parallels *s = b->state;
	int r;

	if (!writable) {
		if (!s->in_use)
			return 0;
		r = blk_flush(b->file);
		if (!r)
			r = parallels_mark(s, 0);
		if (!r)
			s->in_use = s->was_in_use = false;
		return r < 0 ? err_errno(e, -r, "cannot write the header") : 0;
	}
	if (s->extension)
		return err_set(e, ENOTSUP, "Parallels image has a format extension (at sector %" PRIu64 "): it can only be opened read-only",
			       s->extension);
	r = parallels_scan(s, &s->next, e);
	s->next = round_up64(s->next, s->unit * BLK_SECTOR);
	if (s->was_in_use && !(b->flags & BLK_CHECK))
		s->in_use = true; /* so that close() clears the word */
	return r;
}

static int parallels_open(struct blk *b, struct err *e)
{
	struct parallels *s = b->state;
	uint8_t h[H_BYTES];
	uint64_t sectors, length, table;
	uint32_t tracks;
	bool ext;
	int r = blk_pread_what(b->file, 0, sizeof h, h, "Parallels header", e);

	if (r < 0)
		return r;
	ext = !memcmp(h, magic_clusters, 16);
	if (!ext && memcmp(h, magic_sectors, 16))
		return err_set(e, EINVAL, "Image not in Parallels format");
	if (le32_get(h + H_VERSION) != PL_VERSION)
		return err_set(e, ENOTSUP, "Parallels version %u is not supported, only 2", le32_get(h + H_VERSION));
	tracks = le32_get(h + H_TRACKS);
	sectors = le64_get(h + H_SECTORS);
	s->entries = le32_get(h + H_ENTRIES);
	if (!ext)
		sectors &= 0xffffffff; /* the old header has 32 bits there */
	if (!tracks)
		return err_set(e, EINVAL, "Invalid image: Zero sectors per track, 1 to %u are possible", PL_MAX_CLUSTER / BLK_SECTOR);
	if (tracks > PL_MAX_CLUSTER / BLK_SECTOR)
		return err_set(e, EINVAL, "Invalid image: cluster of %u sectors, at most %u", tracks,
			       PL_MAX_CLUSTER / BLK_SECTOR);
	if (s->entries > INT32_MAX / 4)
		return err_set(e, EINVAL, "Catalog too large: %u entries, at most %d", s->entries, INT32_MAX / 4);
	if (sectors > INT64_MAX / BLK_SECTOR)
		return err_set(e, EINVAL, "Invalid image: disk of %" PRIu64 " sectors, at most %" PRId64, sectors, INT64_MAX / BLK_SECTOR);
	if (sectors / tracks + (sectors % tracks != 0) > s->entries)
		return err_set(e, EINVAL, "Invalid image: %u clusters of %u sectors cannot hold the disk of %" PRIu64 " sectors",
			       s->entries, tracks, sectors);
	r = blk_size(b->file, &length);
	if (r < 0)
		return err_errno(e, -r, "cannot ask for the size");
	table = H_BYTES + (uint64_t)s->entries * 4;
	if (table > length)
		return err_set(e, EINVAL, "Invalid image: cluster table of %u entries ends beyond the file of %" PRIu64 " bytes",
			       s->entries, length);
	s->first = (uint64_t)le32_get(h + H_DATA) * BLK_SECTOR;
	if (!s->first)
		s->first = round_up64(table, BLK_SECTOR);
	if (s->first < table)
		return err_set(e, EINVAL, "Invalid image: data offset %" PRIu64 " lies inside the cluster table, which ends at %" PRIu64,
			       s->first, table);
	s->extension = le64_get(h + H_EXT);
	s->was_in_use = le32_get(h + H_INUSE) == PL_IN_USE;
	s->unit = ext ? tracks : 1;
	b->size = sectors * BLK_SECTOR;
	r = blockmap_attach(b, &parallels_ops, tracks * BLK_SECTOR, e);
	return r < 0 || !(b->flags & BLK_RDWR) ? r : parallels_reopen(b, true, e);
}

static void parallels_close(struct blk *b)
{
	struct parallels *s = b->state;

	if (!s->map.meta)
		return;
	if (blk_writable(b))
		parallels_reopen(b, false, NULL);
	blockmap_detach(&s->map);
}

static int parallels_check(struct blk *b, struct blk_check *c, unsigned fix, struct err *e)
{
	struct parallels *s = b->state;
	uint64_t end = s->first, length;
	uint8_t raw[4] = {0};
	struct seen seen;
	struct place p;
	int r = blk_size(b->file, &length);

	if (r < 0)
		return err_errno(e, -r, "cannot ask for the size");
	if (s->was_in_use) {
		blk_check_say(c, "%s image was not closed correctly", fix & BLK_FIX_ERRORS ? "Repairing" : "ERROR");
		if (fix & BLK_FIX_ERRORS) {
			if (!parallels_mark(s, 0))
				c->corruptions_fixed++;
			s->was_in_use = false;
		} else {
			c->leaks++; /* no data is at stake */
		}
	}
	if (seen_init(&seen, length / s->map.block + 1) < 0)
		return err_errno(e, ENOMEM, "check of %u clusters", s->entries);
	for (uint32_t i = 0; i < s->entries; i++) {
		uint64_t n;
		bool bad = false;
		r = parallels_find(s, i, &p);
		if (r < 0 && r != -EIO) {
			c->check_errors++;
			continue;
		}
		if (r == 0 && p.kind != PLACE_DATA)
			continue;
		n = p.host / s->map.block;
		if (r == 0 && blockmap_judge(p.host, s->map.block, length) == PLACE_LOST) {
			blk_check_say(c, "Leak: cluster %u was never written to the end of the image", i);
			c->leaks++;
		} else if (r == -EIO || blockmap_judge(p.host, s->map.block, length) == PLACE_OUTSIDE) {
			blk_check_say(c, "%s cluster %u is outside image", fix & BLK_FIX_ERRORS ? "Repairing" : "ERROR", i);
			bad = true;
		} else if (!seen_add(&seen, n)) {
			blk_check_say(c, "ERROR cluster %u is duplicated", i);
			c->corruptions++;
		} else {
			c->allocated_clusters++;
			if (p.host + s->map.block > end)
				end = p.host + s->map.block;
		}
		if (bad && (fix & BLK_FIX_ERRORS) && !metacache_write(s->map.meta, H_BYTES + (uint64_t)i * 4, raw, 4))
			c->corruptions_fixed++;
		else if (bad)
			c->corruptions++;
	}
	seen_free(&seen);
	if (length > round_up64(end, s->map.block)) {
		uint64_t lost = (length - end + s->map.block - 1) / s->map.block;
		blk_check_say(c, "%s space leaked at the end of the image %" PRIu64, fix & BLK_FIX_LEAKS ? "Repairing" : "ERROR",
			      length - end);
		if ((fix & BLK_FIX_LEAKS) && !blk_truncate(b->file, end, BLK_PREALLOC_OFF, NULL))
			c->leaks_fixed += lost;
		else
			c->leaks += lost;
	}
	c->total_clusters = s->entries;
	c->image_end_offset = end;
	c->has_counts = c->has_end = true;
	return 0;
}

static const struct blk_option parallels_create_options[] = {
	{"cluster_size", BLK_OPT_SIZE, "Parallels image cluster size", "1048576", NULL},
	{NULL, 0, NULL, NULL, NULL},
};

static int parallels_create(const struct blk_create *c, struct err *e)
{
	uint64_t cluster = blk_opts_size(c->opts, "cluster_size", PL_DEFAULT_CLUSTER), entries, end, cylinders;
	uint8_t h[H_BYTES] = {0};
	struct blk *b;
	int r;

	cluster = round_up64(cluster, BLK_SECTOR);
	if (!cluster || cluster > PL_MAX_CLUSTER)
		return err_set(e, EINVAL, "Cluster size %" PRIu64 " is not between 512 and %d", cluster, PL_MAX_CLUSTER);
	entries = c->size / cluster + (c->size % cluster != 0);
	if (entries > INT32_MAX / 4 || c->size > (uint64_t)UINT32_MAX * cluster)
		return err_set(e, E2BIG, "Image size is too large for this cluster size");
	end = round_up64(H_BYTES + entries * 4, cluster);
	cylinders = c->size / BLK_SECTOR / (PL_CHS_HEADS * PL_CHS_SECTORS);
	memcpy(h, magic_clusters, 16);
	le32_put(h + H_VERSION, PL_VERSION);
	le32_put(h + H_HEADS, PL_CHS_HEADS);
	le32_put(h + H_CYLINDERS, cylinders > UINT32_MAX ? UINT32_MAX : (uint32_t)cylinders);
	le32_put(h + H_TRACKS, (uint32_t)(cluster / BLK_SECTOR));
	le32_put(h + H_ENTRIES, (uint32_t)entries);
	le64_put(h + H_SECTORS, (c->size + BLK_SECTOR - 1) / BLK_SECTOR);
	le32_put(h + H_DATA, (uint32_t)(end / BLK_SECTOR));
	r = blk_create_file(c, c->filename, end, &b, e);
	if (r < 0)
		return r;
	r = blk_truncate(b, end, BLK_PREALLOC_OFF, e);
	if (!r)
		r = blk_pwrite(b, 0, sizeof h, h);
	return blk_create_end(b, r, "the Parallels header", c->filename, e);
}

BLOCK_FORMAT(parallels) = {
	.name = "parallels",
	.state_size = sizeof(struct parallels),
	.create_options = parallels_create_options,
	.probe = parallels_probe,
	.open = parallels_open,
	.close = parallels_close,
	.reopen = parallels_reopen,
	.create = parallels_create,
	.pread = blockmap_pread,
	.pwrite = blockmap_pwrite,
	.pwrite_zeroes = blockmap_pwrite_zeroes,
	.block_status = blockmap_block_status,
	.check = parallels_check,
};
