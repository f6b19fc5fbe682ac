/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tables that must be in one piece and are longer than what one refcount block counts: the allocator finds room for them.
 * (It looked for ever: each new refcount block was put into the middle of the run that it was needed for.)
 */
#include "block-disk.h"
#include "tap.h"

int main(void)
{
	struct blk_graph *g = blk_graph_new(NULL);
	struct blk_check c = {.quiet = true};
	struct blk_snapshot s = {.name = "s"};
	struct err e = ERR_INIT;
	uint8_t buf[512] = {1};
	struct blk *b;

	/* 1 GB in clusters of 512 bytes: a first-level table of 512 clusters, refcount blocks of 256 entries. */
	ok_eq(disk_make(g, "qcow2", "mem:/exact", 1 << 30, "cluster_size=512", &e), 0, "an image with small clusters is made");
	ok_eq(blk_open(g, "mem:/exact", "qcow2", NULL, BLK_RDWR, &b, &e), 0, "it opens");
	ok_eq(blk_pwrite(b, 4096, sizeof buf, buf), 0, "it is written to");
	ok(b->fmt->snapshot_create(b, &s, &e) == 0, "a snapshot copies the first-level table");
	s.id[0] = '\0';
	ok(b->fmt->snapshot_create(b, &s, &e) == 0, "and once more");
	ok_eq(b->fmt->check(b, &c, 0, &e), 0, "it can be checked");
	ok_eq((int)(c.corruptions + c.check_errors), 0, "and is consistent");
	ok(disk_find("/exact", false)->size < 16 << 20, "the file stays small");
	blk_unref(b);
	blk_graph_free(g);
	return tap_done();
}
