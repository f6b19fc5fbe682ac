/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Dirty bitmaps of nodes: what was written since. The list of a node, and a bitmap's state, change only while no request runs in it. */
#ifndef BLOCK_DIRTY_H
#define BLOCK_DIRTY_H
#include "block/bitmap.h"
#include "block/block.h"

struct blk_dirty {
	struct blk_dirty *next;
	char *name;
	struct bitmap map;
	bool disabled;       /* writes do not set bits */
	bool busy;           /* a job uses it: no user may change it */
	bool persistent;     /* stored in the image when that is closed */
	bool changed;        /* by a user, not by writes: differs from the image's copy */
	bool inconsistent;   /* the image's copy is out of date: can only be removed */
};

#define BLK_DIRTY_GRANULARITY (64u << 10) /* where neither user nor image say */

/* granularity 0: the cluster size (at most 64 KiB, at least 4 KiB), or 64 KiB. fd: see bitmap_init(). */
struct blk_dirty *blk_dirty_add(struct blk *b, const char *name, uint32_t granularity, bool persistent, int fd, struct err *e);
struct blk_dirty *blk_dirty_find(struct blk *b, const char *name, struct err *e); /* NULL: *e says so */
void blk_dirty_remove(struct blk *b, struct blk_dirty *d);
bool blk_can_store_bitmaps(struct blk *b); /* does its format, and this image's version of it? */
struct blk_dirty *blk_dirty_list(struct blk *b); /* the first; follow next */
json_t *blk_dirty_describe(struct blk *b);       /* as query-block shows them; NULL: none */

/* For io.c and graph.c */
void blk_dirty_mark(struct blk *b, uint64_t offset, uint64_t length);
int blk_dirty_resize(struct blk *b, uint64_t size);
void blk_dirty_free_all(struct blk *b);
#endif
