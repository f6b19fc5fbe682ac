/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A disk: what a guest sees, while the images behind it come, go and change.
 *
 * Theory of operation
 *   A disk has a name, a medium (the root node of a graph, or none), limits, and counts. Each request holds the gate for reading;
 *   who changes the graph holds it for writing (drained) and finds no request inside. A request waits for its limit before the gate, so a
 *   throttled guest delays nobody.
 *   While a job watches, writes also lock their range, rounded to the job's granularity, against each other and against the job's own copying,
 *   and tell every watch before they begin. Without a job none of this is touched.
 */
#ifndef BLOCK_DISK_H
#define BLOCK_DISK_H
#include "block/block.h"
#include "block/limits.h"

enum disk_op { DISK_READ, DISK_WRITE, DISK_FLUSH, DISK_UNMAP, DISK_OPS };

struct disk_stats {
	uint64_t bytes[DISK_OPS], count[DISK_OPS], failed[DISK_OPS], time_ns[DISK_OPS];
	uint64_t highest; /* end of the last byte that was ever written */
};

struct disk_range {
	uint64_t start, end;
	struct disk_range *next;
};

/* Told of writes (zeroes and discards too) before they begin, with the range locked. Any thread; must not make requests of the disk. */
struct disk_watch {
	void (*before_write)(void *opaque, uint64_t offset, uint64_t length);
	void *opaque;
	uint32_t granularity; /* a power of two */
	struct disk_watch *next;
};

struct disk {
	char *name;
	struct disk *next;      /* the owner's list */
	struct blk *root;       /* with a reference; NULL: no medium */
	bool removable, tray_open, locked;
	bool hidden;            /* a node that is exported without being a disk of the machine */
	char *group;            /* of the limits; the disk's name if it is alone */
	struct blk_limits *limits;
	unsigned jobs;          /* that use it: its graph stays as it is */
	struct disk_stats stats;

	uint64_t size;          /* of the root, as requests may see it at any time */
	pthread_rwlock_t gate;
	unsigned drained;       /* depth, of the one thread that has the gate (the owner's lock) */
	bool watched;
	struct disk_watch *watches;
	uint64_t granularity;
	pthread_mutex_t range_lock;
	pthread_cond_t range_gone;
	struct disk_range *ranges;
};

struct disk *disk_new(const char *name, struct blk *root, struct err *e); /* takes a reference of its own; root may be NULL */
void disk_free(struct disk *d); /* no request inside */

/* No request is inside from disk_drain() to disk_undrain(). Nests; calls of one owner, who has a lock of its own for that. */
void disk_drain(struct disk *d);
void disk_undrain(struct disk *d);
/* Drained only. Replaces the medium; takes a reference of its own and gives back the old one. */
void disk_set_root(struct disk *d, struct blk *root);
void disk_resized(struct disk *d); /* drained only: the root has another size or other flags */
void disk_watch(struct disk *d, struct disk_watch *w);   /* drained only */
void disk_unwatch(struct disk *d, struct disk_watch *w); /* drained only */

/* For jobs: keeps writes of the guest (and of other jobs) away from a range. */
void disk_lock_range(struct disk *d, struct disk_range *r, uint64_t offset, uint64_t length);
void disk_unlock_range(struct disk *d, struct disk_range *r);

/* Requests of the guest: 0 or -errno; -ENOMEDIUM without a medium. */
int disk_read(struct disk *d, uint64_t offset, size_t length, void *buf);
int disk_write(struct disk *d, uint64_t offset, size_t length, const void *buf, unsigned flags);
int disk_zero(struct disk *d, uint64_t offset, uint64_t length, unsigned flags);
int disk_discard(struct disk *d, uint64_t offset, uint64_t length);
int disk_flush(struct disk *d);
int disk_status(struct disk *d, uint64_t offset, uint64_t length, struct blk_status *st); /* through the chain */
uint64_t disk_size(struct disk *d);
#endif
