/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * qcow2, versions 2 and 3 ("Qcow2 Image File Format", interop/qcow2).
 *
 * Theory of operation
 *   Metadata is written through: an L2 entry, refcount or L1 entry is in the kernel before the request that changed it
 *   is acknowledged, so a killed process loses nothing. What a power cut may reorder between flushes is made harmless:
 *
 *   - Clusters are *reserved* in batches: refcounts of a run are set to 1 and flushed before any of it is used, so
 *     a table can never point at a cluster that the refcounts call free. A cut leaks the unused rest of the run;
 *     a clean close gives it back.
 *   - A cluster that is let go (overwritten copy, discard) keeps its count until the table that dropped it is known to
 *     be on disk: such decrements wait in a list and are made by the next flush (qcow2-refcount.c).
 *   - Data is flushed before the L2 entry that leads to it is written, unless the entry replaces zeros and the place is
 *     new space, which reads as zeros; compressed data always.
 *   - A new L2 table is filled and flushed before L1 points at it, unless it lies in space that never held anything.
 *   - Header fields change by one write inside the first sector.
 *   - Operations that cannot be ordered so (snapshots change the "copied" flags of every table) set the dirty bit
 *     around themselves; the next writer then repairs the image first.
 *
 *   Locks: b->lock guards all tables and the allocator; data I/O runs outside it, under the read side of s->io. The
 *   write side of s->io is taken only to make decrements, so that no request still uses a cluster that becomes free.
 *   Guest ranges being allocated are in s->busy; whoever wants them waits.
 */
#ifndef BLOCK_QCOW2_H
#define BLOCK_QCOW2_H
#include <sys/types.h>
#include "block/block.h"
#include "block/events.h"

#define QCOW2_MAGIC 0x514649fbu
#define QCOW2_L1_OFFSET_MASK 0x00fffffffffffe00ull
#define QCOW2_L2_OFFSET_MASK 0x00fffffffffffe00ull
#define QCOW2_COPIED (1ull << 63)
#define QCOW2_COMPRESSED (1ull << 62)
#define QCOW2_ZERO 1ull
#define QCOW2_MAX_L1_BYTES (32u << 20)
#define QCOW2_MAX_REFTABLE_BYTES (8u << 20)
#define QCOW2_MAX_SNAPSHOTS 65536u
#define QCOW2_MAX_SNAPSHOT_TABLE (16u << 20)
#define QCOW2_MAX_SNAPSHOT_EXTRA 1024u
#define QCOW2_MAX_BITMAPS 65535u
#define QCOW2_FRESH_HOSTS 64u
#define QCOW2_MAX_BITMAP_DIRECTORY (64u << 20)

enum {
	QCOW2_INCOMPAT_DIRTY = 1 << 0, QCOW2_INCOMPAT_CORRUPT = 1 << 1, QCOW2_INCOMPAT_DATA_FILE = 1 << 2,
	QCOW2_INCOMPAT_COMPRESSION = 1 << 3, QCOW2_INCOMPAT_EXTENDED_L2 = 1 << 4,
	QCOW2_INCOMPAT_KNOWN = 0x1f,
	QCOW2_COMPAT_LAZY_REFCOUNTS = 1 << 0,
	QCOW2_AUTOCLEAR_BITMAPS = 1 << 0, QCOW2_AUTOCLEAR_RAW_DATA_FILE = 1 << 1,
};
enum { QCOW2_CRYPT_NONE, QCOW2_CRYPT_AES, QCOW2_CRYPT_LUKS };
enum { QCOW2_COMPRESS_ZLIB, QCOW2_COMPRESS_ZSTD };

/* Header extensions. */
enum {
	QCOW2_EXT_END = 0, QCOW2_EXT_BACKING_FORMAT = 0xe2792aca, QCOW2_EXT_FEATURE_NAMES = 0x6803f857,
	QCOW2_EXT_BITMAPS = 0x23852875, QCOW2_EXT_CRYPTO = 0x0537be77, QCOW2_EXT_DATA_FILE = 0x44415441,
};

/* ---- a cache of clusters that hold tables (qcow2-cache.c) ------------------------------------------------------- */
struct qcow2_table {
	uint64_t offset; /* in the image file */
	uint8_t *data;   /* one cluster, as on disk */
	uint64_t round;  /* of the cache when it was last used */
	struct qcow2_table *hash_next, *newer, *older;
};
struct qcow2_cache {
	struct qcow2_table **bucket, *newest, *oldest;
	unsigned buckets, count, limit;
	size_t cluster_size;
	uint64_t round; /* counts cleanings */
};

struct qcow2_snapshot {
	uint64_t l1_offset, vm_clock_ns, vm_state_size, disk_size, icount;
	uint32_t l1_size, date_sec, date_nsec;
	char *id, *name;
	uint8_t *extra;      /* what follows the known 24 bytes of extra data */
	uint32_t extra_size; /* whole extra data, as stored */
};

struct qcow2_extension {
	uint32_t type, length;
	uint8_t *data;
	struct qcow2_extension *next;
};

struct qcow2_bitmap {
	uint64_t table_offset;
	uint32_t table_size, flags;
	uint8_t type, granularity_bits;
	uint32_t extra_size;
	uint8_t *extra;
	char *name;
};
enum { QCOW2_BITMAP_IN_USE = 1, QCOW2_BITMAP_AUTO = 2, QCOW2_BITMAP_EXTRA_COMPATIBLE = 4 };

/* A run of host clusters. */
struct qcow2_run {
	uint64_t offset, clusters;
};

struct qcow2_busy { /* a guest range that a request is allocating */
	uint64_t start, end;
	struct qcow2_busy *next;
};

enum qcow2_kind { QCOW2_UNALLOCATED, QCOW2_ZERO_PLAIN, QCOW2_ZERO_ALLOCATED, QCOW2_NORMAL, QCOW2_IS_COMPRESSED };

struct qcow2 {
	uint32_t version, header_length, cluster_bits, refcount_order, refcount_bits, crypt_method;
	uint64_t cluster_size, disk_size, incompatible, compatible, autoclear;
	uint8_t compression_type;
	struct qcow2_extension *unknown_extensions;

	uint32_t l2_entry_size, l2_bits, sub_count; /* bytes, log2 entries of a table, subclusters in a cluster (1 or 32) */
	uint64_t sub_size;
	uint64_t *l1, l1_offset;
	uint32_t l1_size;
	struct qcow2_cache l2_cache, refcount_cache;

	uint64_t *reftable, reftable_offset;
	uint32_t reftable_clusters;
	uint64_t reftable_entries, refblock_entries;

	/* allocator */
	struct qcow2_run reserve;   /* refcount 1 on disk, not used yet */
	uint64_t reserve_batch;     /* clusters to reserve next time */
	uint64_t free_hint;         /* cluster index where the search begins */
	uint64_t fresh_from;        /* offset: nothing at or behind it was ever written */
	uint64_t comp_offset;       /* where the next compressed bytes go; 0: nowhere */
	uint64_t comp_end;          /* end of the clusters that belong to compressed data */
	uint64_t comp_credit;       /* references of the cluster of comp_offset that are counted but not used */
	struct qcow2_run *pending;  /* to be decremented after the next flush */
	unsigned pending_count, pending_size;

	struct qcow2_snapshot *snapshots;
	uint32_t snapshot_count;
	uint64_t snapshots_offset, snapshots_size;

	struct qcow2_bitmap *bitmaps;
	uint32_t bitmap_count;
	uint64_t bitmap_directory_offset, bitmap_directory_size;

	struct blk *data;           /* b->file or the external data file */
	char *data_file_name;
	const struct sector_cipher *cipher; /* of the payload; belongs to aes or luks */
	struct sector_cipher *aes;
	uint64_t crypto_offset, crypto_length;
	struct luks *luks;

	pthread_t cleaner;          /* drops tables that were not used for clean_interval seconds */
	pthread_cond_t cleaner_wake;
	uint64_t clean_interval;
	pid_t cleaner_pid;          /* the process it runs in; 0: it does not */
	bool cleaner_ends;

	pthread_rwlock_t io;
	pthread_cond_t busy_gone, barrier_over;
	pthread_mutex_t barrier_lock;
	uint64_t barrier_started, barrier_done; /* numbers of flushes */
	bool barrier_running;
	uint64_t fresh_host[QCOW2_FRESH_HOSTS]; /* with subclusters: clusters lately made of new space */
	unsigned fresh_next;
	struct qcow2_busy *busy;
	bool discard_passed[3];     /* request, snapshot, other: pass-discard-* */
	bool wrote;                 /* autoclear bits were dealt with for this writer */
	bool corrupt_marked, header_dirty;
	enum blk_prealloc prealloc; /* how the file grows while preallocation is under way */
	unsigned overlap_checks;    /* QCOW2_OVERLAP_* bits */
	uint64_t loaded_snapshot_size;
	pthread_mutex_t inflate_lock;
	uint64_t inflated_entry;    /* L2 entry whose contents are in inflated */
	uint8_t *inflated;
};

static inline uint64_t qcow2_clusters(const struct qcow2 *s, uint64_t bytes)
{
	return (bytes + s->cluster_size - 1) >> s->cluster_bits;
}

/* ---- qcow2-cache.c: tables by offset; pointers are valid until the next call on the same cache ------------------- */
int qcow2_cache_init(struct qcow2_cache *c, size_t cluster_size, uint64_t bytes);
void qcow2_cache_free(struct qcow2_cache *c);
/* read: from the file (else the contents are zeroed). */
int qcow2_cache_get(struct blk *b, struct qcow2_cache *c, uint64_t offset, bool read, uint8_t **data);
void qcow2_cache_drop(struct qcow2_cache *c, uint64_t offset);
void qcow2_cache_clear(struct qcow2_cache *c);
/* cache-clean-interval: a thread of the node. End it before the caches go, b->lock not held. */
void qcow2_cleaner_start(struct blk *b);
void qcow2_cleaner_end(struct blk *b);
/* Writes bytes [from, from+length) of a cached table, widened to whole sectors. */
int qcow2_table_write(struct blk *b, uint64_t table, const uint8_t *data, size_t from, size_t length);

/* ---- qcow2-header.c ---------------------------------------------------------------------------------------------- */
int qcow2_header_read(struct blk *b, struct err *e);
/* Writes the whole first cluster anew (extensions, backing name). b->lock held. */
int qcow2_header_write(struct blk *b, struct err *e);
/* Changes a few bytes of the fixed header, in one write. */
int qcow2_header_patch(struct blk *b, size_t offset, const void *bytes, size_t length);
int qcow2_set_incompatible(struct blk *b, uint64_t bits, bool on); /* with flush before (off) or after (on) */
void qcow2_extensions_free(struct qcow2 *s);

/* ---- qcow2-refcount.c: b->lock held ------------------------------------------------------------------------------ */
int qcow2_reftable_read(struct blk *b, struct err *e);
int qcow2_refcount_get(struct blk *b, uint64_t cluster, uint64_t *count);
/* Adds delta to clusters [first, first+n); -ERANGE where a count would leave its range. */
int qcow2_refcount_add(struct blk *b, uint64_t first, uint64_t n, int64_t delta);
/* Up to `want` contiguous clusters with refcount 1 that a cut cannot lose; *fresh: they read as zeros. */
int qcow2_alloc(struct blk *b, uint64_t want, struct qcow2_run *run, bool *fresh);
/* Exactly `want` contiguous clusters, refcount 1, flushed. */
int qcow2_alloc_exact(struct blk *b, uint64_t want, uint64_t *offset, bool *fresh);
/* Lets go of one reference after the next flush. */
int qcow2_free_later(struct blk *b, uint64_t offset, uint64_t clusters);
/* After a flush of the file: makes the decrements. Takes s->io for writing; b->lock NOT held. */
int qcow2_free_pending(struct blk *b);
int qcow2_unreserve(struct blk *b);
uint64_t qcow2_count_read(const struct qcow2 *s, const uint8_t *block, uint64_t index);
void qcow2_count_write(const struct qcow2 *s, uint8_t *block, uint64_t index, uint64_t value);
int qcow2_alloc_bytes(struct blk *b, size_t size, uint64_t *offset); /* for compressed data */
/* overlap checks: is it safe to write [offset, +length) as `what`? -EIO and the corrupt bit if not */
int qcow2_overlap_check(struct blk *b, uint64_t offset, uint64_t length, const char *what);
void qcow2_mark_corrupt(struct blk *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* ---- qcow2-map.c -------------------------------------------------------------------------------------------------- */
struct qcow2_extent {
	enum qcow2_kind kind;
	uint64_t length;  /* bytes of one kind from the asked offset, contiguous on the host where that matters */
	uint64_t host;    /* of the first byte (NORMAL, ZERO_ALLOCATED) */
	uint64_t entry;   /* the L2 entry of the first cluster */
	bool copied;      /* refcount is exactly one: may be written in place */
};
int qcow2_map(struct blk *b, uint64_t offset, uint64_t length, struct qcow2_extent *x); /* b->lock held */
/* The L2 table for writing: created or copied where needed. *table: its offset; *data valid until the cache moves. */
int qcow2_l2_for_write(struct blk *b, uint64_t offset, uint64_t *table, uint8_t **data);
uint64_t qcow2_l2_index(const struct qcow2 *s, uint64_t offset);
uint64_t qcow2_entry_get(const struct qcow2 *s, const uint8_t *l2, uint64_t index);
uint64_t qcow2_bitmap_get(const struct qcow2 *s, const uint8_t *l2, uint64_t index);
void qcow2_entry_put(const struct qcow2 *s, uint8_t *l2, uint64_t index, uint64_t entry, uint64_t bitmap);
int qcow2_l2_flush_entries(struct blk *b, uint64_t table, const uint8_t *data, uint64_t index, uint64_t n);
void qcow2_compressed_place(const struct qcow2 *s, uint64_t entry, uint64_t *offset, uint64_t *size);
/* Gives back what an entry referred to. */
int qcow2_entry_release(struct blk *b, uint64_t entry);
int qcow2_l1_grow(struct blk *b, uint64_t entries, struct err *e);
int qcow2_block_status(struct blk *b, uint64_t offset, uint64_t length, struct blk_status *st);

/* ---- qcow2-io.c ---------------------------------------------------------------------------------------------------- */
int qcow2_read(struct blk *b, uint64_t offset, size_t length, void *buf);  /* may lie in the VM state area */
/* Waits until what was written so far is on the disk. No lock held but the read side of s->io. */
int qcow2_barrier(struct blk *b);
int qcow2_write(struct blk *b, uint64_t offset, size_t length, const void *buf);
int qcow2_pread(struct blk *b, uint64_t offset, size_t length, void *buf);
int qcow2_pwrite(struct blk *b, uint64_t offset, size_t length, const void *buf, unsigned flags);
int qcow2_pwrite_zeroes(struct blk *b, uint64_t offset, uint64_t length, unsigned flags);
int qcow2_discard(struct blk *b, uint64_t offset, uint64_t length);
int qcow2_discard_range(struct blk *b, uint64_t offset, uint64_t length, bool full);
int qcow2_before_write(struct blk *b);
/* The image's copies of bitmaps that writes change (disabled_too: of all) are marked as in use, and count for nothing until they are stored. */
int qcow2_bitmaps_mark(struct blk *b, bool disabled_too);
/* ---- qcow2-compress.c ---------------------------------------------------------------------------------------------- */
int qcow2_pwrite_compressed(struct blk *b, uint64_t offset, size_t length, const void *buf);
int qcow2_read_compressed(struct blk *b, uint64_t entry, size_t skip, size_t length, void *buf);

/* ---- qcow2-snapshot.c ---------------------------------------------------------------------------------------------- */
int qcow2_snapshots_read(struct blk *b, struct err *e);
void qcow2_snapshots_free(struct qcow2 *s);
int qcow2_snapshots_write(struct blk *b, struct err *e);
int qcow2_snapshot_list(struct blk *b, struct blk_snapshot **list, unsigned *count, struct err *e);
int qcow2_snapshot_create(struct blk *b, struct blk_snapshot *sn, struct err *e);
int qcow2_snapshot_delete(struct blk *b, const char *id, struct err *e);
int qcow2_snapshot_apply(struct blk *b, const char *id, struct err *e);
int qcow2_snapshot_load(struct blk *b, const char *id, struct err *e);
/* Adds delta to everything the L1 table reaches (tables and clusters); sets copied flags when it is the active one. */
int qcow2_update_tree(struct blk *b, const uint64_t *l1, uint32_t l1_size, int delta, bool active, struct err *e);
int qcow2_l1_load(struct blk *b, uint64_t offset, uint32_t entries, uint64_t **l1, struct err *e);

/* ---- the rest -------------------------------------------------------------------------------------------------------- */
int qcow2_check(struct blk *b, struct blk_check *c, unsigned fix, struct err *e);
int qcow2_create(const struct blk_create *c, struct err *e);
int qcow2_measure(struct blk_graph *g, struct blk_opts *o, struct blk *src, uint64_t size, struct blk_measure *m, struct err *e);
int qcow2_truncate(struct blk *b, uint64_t size, enum blk_prealloc prealloc, struct err *e);
int qcow2_preallocate(struct blk *b, uint64_t from, uint64_t to, enum blk_prealloc mode, struct err *e);
int qcow2_amend(struct blk *b, struct blk_opts *o, bool force, blk_progress *cb, void *opaque, struct err *e);
int qcow2_bitmaps_read(struct blk *b, struct err *e);
void qcow2_bitmaps_free(struct qcow2 *s);
/* qcow2-dirty.c: from the image to the node's bitmaps, and back. */
int qcow2_dirty_load(struct blk *b, struct err *e);
int qcow2_dirty_store(struct blk *b, struct err *e);
json_t *qcow2_bitmaps_info(const struct qcow2 *s);
int qcow2_make_empty(struct blk *b, struct err *e);
int qcow2_flush_all(struct blk *b);
extern const struct blk_option qcow2_create_options[], qcow2_amend_options[], qcow2_options[];
/* Bits of overlap_checks: what new writes are kept off. */
enum {
	QCOW2_OVERLAP_HEADER = 1, QCOW2_OVERLAP_L1 = 2, QCOW2_OVERLAP_REFTABLE = 4, QCOW2_OVERLAP_SNAPSHOTS = 8, QCOW2_OVERLAP_BITMAPS = 16,
	QCOW2_OVERLAP_CONSTANT = 31, /* the template of that name */
	QCOW2_OVERLAP_L2 = 32, QCOW2_OVERLAP_REFBLOCK = 64, QCOW2_OVERLAP_INACTIVE_L1 = 128,
	QCOW2_OVERLAP_CACHED = 255,
	QCOW2_OVERLAP_INACTIVE_L2 = 256, /* the tables of snapshots are read from the file for it */
	QCOW2_OVERLAP_ALL = 511,
};
int qcow2_crypt_open(struct blk *b, struct err *e);
int qcow2_crypt_create(struct blk *b, const struct blk_create *c, struct err *e);
json_t *qcow2_crypt_info(struct blk *b);
int qcow2_crypt_amend(struct blk *b, struct blk_opts *o, bool force, struct err *e);
void qcow2_crypt_close(struct blk *b);
uint64_t qcow2_l1_needed(uint64_t size, unsigned cluster_bits, bool extended);
#endif
