/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the simpler image formats share: guest data in blocks of one size, each of which is in the file, or all
 * zeros, or not there (the backing image shows), or packed. The format finds, places and publishes blocks; this
 * part splits requests, copies what a partial write leaves over, and orders the writes.
 *
 * Theory of operation. A block in place is read and written in parallel, outside the lock: places never move while
 * the image is open. A write to a block that is not in place takes the lock and then
 *
 *	1. asks the format for places at the end of the file (nothing of it is written to any table yet),
 *	2. writes the data with what the backing image has around it,
 *	3. if the old content of the block was not zeros, or new places do not read as zeros: waits until the data is on
 *	   the disk, so that no power cut leaves a table entry that leads to something else than the data,
 *	4. lets the format publish the entries.
 *
 * A power cut between any two steps leaves the old content, or space that nobody points to. Where the old content
 * was zeros and new space reads as zeros, the order of steps 2 and 4 on the disk does not matter: the block shows
 * the zeros it showed before, or the data.
 */
#ifndef BLOCK_BLOCKMAP_H
#define BLOCK_BLOCKMAP_H
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include "base/err.h"
#include "block/metacache.h"

struct blk;
struct blk_status;

enum place_kind {
	PLACE_NONE,   /* the backing image, or zeros where there is none */
	PLACE_ZERO,   /* zeros */
	PLACE_DATA,   /* at `host` in `file` */
	PLACE_PACKED, /* unpack() makes the block; host, length: the format's own */
};

struct place {
	enum place_kind kind;
	struct blk *file;
	uint64_t host;
	uint32_t length;
	uint64_t run; /* find(): the blocks from this one on that are known to be alike (PLACE_NONE, in a table that is not there); 0: say nothing */
	bool zeroed; /* allocate(): the new space reads as zeros, whatever reaches the disk of what is written there */
};

struct blockmap;

struct blockmap_ops {
	/* Where block number `index` is. Under the lock. */
	int (*find)(void *image, uint64_t index, struct place *p);
	/*
	 * Places for up to *count blocks from `index` on, adjacent in the file; *count becomes how many. The file
	 * already reaches past them. Publishes nothing. Under the lock. NULL: the image is read-only.
	 */
	int (*allocate)(void *image, uint64_t index, unsigned *count, struct place *p);
	/* Enters `count` blocks from `index` on, the first at p->host, into the tables. Under the lock. */
	int (*publish)(void *image, uint64_t index, unsigned count, const struct place *p);
	/* Enters one block as all zeros. NULL: the format has no such mark. Under the lock. */
	int (*publish_zero)(void *image, uint64_t index);
	/* The whole block (the image's last one too) of a packed place into buf. Outside the lock. */
	int (*unpack)(void *image, uint64_t index, const struct place *p, uint8_t *buf);
	/* In place or apart: `len` bytes of guest data that begin at guest offset `off`. NULL: stored as they are. */
	void (*encrypt)(void *image, uint64_t off, uint8_t *dst, const uint8_t *src, size_t len);
	void (*decrypt)(void *image, uint64_t off, uint8_t *dst, const uint8_t *src, size_t len);
};

struct blockmap {
	const struct blockmap_ops *ops;
	void *image;
	struct blk *node;      /* the image's: its file, its backing */
	uint64_t base;	       /* where the map begins on the disk (images in several extents); offsets below count from it */
	uint64_t size;	       /* of what the map describes */
	uint32_t block;	       /* bytes, a multiple of 512 */
	struct metacache *meta; /* of the tables in the file; NULL: not set up */
	pthread_mutex_t lock;
	uint8_t *packed;       /* the last block that was unpacked */
	uint64_t packed_index; /* UINT64_MAX: none */
	pthread_mutex_t packed_lock;
};

/* After the fields above `meta` are set; the tables are in `file`. -ENOMEM. */
int blockmap_init(struct blockmap *m, struct blk *file, struct err *e);
void blockmap_detach(struct blockmap *m); /* nothing where it was not set up */

/* off + n: at most m->size. */
int blockmap_read(struct blockmap *m, uint64_t off, size_t n, void *buf);
int blockmap_write(struct blockmap *m, uint64_t off, size_t n, const void *buf);
/* Zeros, with as few blocks in place as the format allows. */
int blockmap_zero(struct blockmap *m, uint64_t off, uint64_t n, unsigned flags);
int blockmap_status(struct blockmap *m, uint64_t off, uint64_t n, struct blk_status *st);

/*
 * For images whose state begins with their struct blockmap: the map of the whole disk (b->size is known) in blocks of
 * `block` bytes, its tables in b->file. -ENOMEM.
 */
int blockmap_attach(struct blk *b, const struct blockmap_ops *ops, uint32_t block, struct err *e);
/* Their driver hooks. */
void blockmap_close(struct blk *b);
int blockmap_pread(struct blk *b, uint64_t off, size_t n, void *buf);
int blockmap_pwrite(struct blk *b, uint64_t off, size_t n, const void *buf, unsigned flags);
int blockmap_pwrite_zeroes(struct blk *b, uint64_t off, uint64_t n, unsigned flags);
int blockmap_block_status(struct blk *b, uint64_t off, uint64_t n, struct blk_status *st);

/*
 * For checks: what an entry that leads to host..host + n in a file of `length` bytes is. Space that a write allocated
 * since the last flush may be missing after a power cut: such a block reads as the zeros it was, nothing is lost.
 */
enum place_fault { PLACE_GOOD, PLACE_LOST, PLACE_OUTSIDE };
enum place_fault blockmap_judge(uint64_t host, uint64_t n, uint64_t length);

/*
 * For checks: which numbers (of clusters in the file) were met before. A bitmap where they are small, else a hash table
 * that grows with what is in it: a small sparse file that claims to be huge costs little.
 */
struct seen {
	uint8_t *bits;
	uint64_t *slot; /* number + 1; 0: free */
	uint64_t limit, slots, count;
};
int seen_init(struct seen *s, uint64_t limit); /* numbers are below limit; -ENOMEM */
int seen_add(struct seen *s, uint64_t number);	/* 1: new; 0: it was there; -ENOMEM */
void seen_free(struct seen *s);

/* For compressed writes: the unpacked copy of block `index`, should there be one, is out of date. */
void blockmap_forget(struct blockmap *m, uint64_t index);

/*
 * For allocate(): makes the file reach past host + n. p->host and p->zeroed are set; the space is known to be zeros
 * only where the file grew by all of it.
 */
int blockmap_grow(struct blk *file, uint64_t host, uint64_t n, struct place *p);

/* blk_pread() of a file that may end before off + n: zeros from there on. */
int blockmap_pread_clipped(struct blk *file, uint64_t off, void *buf, size_t n);
#endif
