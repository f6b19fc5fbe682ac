/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Bytes as a qcow2 image: opened, described, checked, read, repaired and written. Nothing may crash, hang or reach other files. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "block/block.h"

#define LIMIT (256u << 10)

static uint8_t disk[LIMIT];
static uint64_t disk_size;

static int mem_open(struct blk *b, struct err *e)
{
	(void)e;
	b->size = disk_size;
	return 0;
}

static int mem_pread(struct blk *b, uint64_t offset, size_t length, void *buf)
{
	(void)b;
	if (offset > LIMIT || length > LIMIT - offset)
		return -EIO;
	memcpy(buf, disk + offset, length);
	return 0;
}

static int mem_pwrite(struct blk *b, uint64_t offset, size_t length, const void *buf, unsigned flags)
{
	(void)b;
	(void)flags;
	if (offset > LIMIT || length > LIMIT - offset)
		return -ENOSPC;
	memcpy(disk + offset, buf, length);
	return 0;
}

static int mem_truncate(struct blk *b, uint64_t size, enum blk_prealloc p, struct err *e)
{
	(void)p;
	if (size > LIMIT)
		return err_errno(e, ENOSPC, "fuzzmem");
	if (size < b->size)
		memset(disk + size, 0, b->size - size);
	b->size = size;
	return 0;
}

static int mem_parse(const char *filename, json_t *options, struct err *e)
{
	(void)filename;
	(void)options;
	(void)e;
	return 0;
}

static const char *const mem_prefixes[] = {"fuzzmem", NULL};
BLOCK_FORMAT(fuzzmem) = {
	.name = "fuzzmem", .flags = BLK_F_PROTOCOL | BLK_F_GROWS, .prefixes = mem_prefixes, .parse_filename = mem_parse,
	.open = mem_open, .pread = mem_pread, .pwrite = mem_pwrite, .truncate = mem_truncate,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct blk *open_it(struct blk_graph *g, const uint8_t *data, size_t size, unsigned flags)
{
	struct blk *b = NULL;
	struct err e;

	memset(disk, 0, sizeof disk);
	memcpy(disk, data, size);
	disk_size = size;
	return blk_open(g, "fuzzmem:", "qcow2", NULL, flags | BLK_NO_BACKING, &b, &e) ? NULL : b;
}

static void read_some(struct blk *b)
{
	static uint8_t buf[65536];
	struct blk_status st;
	uint64_t at = 0;

	for (unsigned i = 0; i < 32 && at < b->size; i++) {
		size_t n = b->size - at < sizeof buf ? (size_t)(b->size - at) : sizeof buf;
		n -= n % b->align;
		if (!n || blk_block_status_above(b, NULL, at, b->size - at, &st))
			break;
		blk_pread(b, at, n, buf);
		at += st.length > sizeof buf ? st.length : sizeof buf;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t buf[4096];
	struct blk_graph *g = blk_graph_new(NULL);
	struct blk_check c = {.quiet = true};
	struct blk_snapshot *list = NULL, sn = {.name = "f"};
	unsigned count;
	struct err e;
	struct blk *b;

	if (size > LIMIT / 2)
		size = LIMIT / 2;
	if ((b = open_it(g, data, size, BLK_CHECK))) {
		json_decref(b->fmt->info(b, &e));
		b->fmt->snapshot_list(b, &list, &count, &e);
		free(list);
		b->fmt->check(b, &c, 0, &e);
		read_some(b);
		if (count && !b->fmt->snapshot_load(b, "1", &e))
			read_some(b);
		blk_unref(b);
	}
	if ((b = open_it(g, data, size, BLK_CHECK | BLK_RDWR))) {
		memset(&c, 0, sizeof c);
		c.quiet = true;
		b->fmt->check(b, &c, BLK_FIX_LEAKS | BLK_FIX_ERRORS, &e);
		blk_unref(b);
	}
	if ((b = open_it(g, data, size, BLK_RDWR | BLK_UNMAP))) {
		for (unsigned i = 0; i < 4 && b->size > sizeof buf; i++) {
			uint64_t at = (b->size / 4 * i) / 512 * 512;
			if (b->size - at < sizeof buf)
				break;
			blk_pwrite(b, at, sizeof buf, buf);
			blk_pwrite_zeroes(b, at, 512, BLK_ZERO_MAY_UNMAP);
			blk_discard(b, at, sizeof buf);
		}
		b->fmt->snapshot_create(b, &sn, &e);
		b->fmt->snapshot_delete(b, "1", &e);
		blk_truncate(b, b->size / 2 / 512 * 512, BLK_PREALLOC_OFF, &e);
		blk_flush(b);
		blk_unref(b);
	}
	blk_graph_free(g);
	return 0;
}
