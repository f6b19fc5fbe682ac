/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The image graph: nodes, the drivers ("formats") behind them, and what a user of an image may do with it.
 *
 * Theory of operation
 *   A node (struct blk) is one layer: a host file (protocol), a format on top of a file, or a filter. Parents call
 *   blk_pread() and its kin on their children; everything is plain blocking C, and any number of threads may use one
 *   node at a time. The core checks ranges, read-only, alignment and permissions and only then calls the driver, so a
 *   driver sees requests that lie inside the node (or, for a growing protocol node, may extend it), are aligned to
 *   b->align, and are at most BLK_MAX_REQUEST bytes. A driver guards its metadata by b->lock (or by locks of its own)
 *   and should not hold it during data I/O of children.
 *   I/O functions return 0 or -errno. Functions with a struct err fill it with a sentence and return -errno.
 *
 * A driver is one file with one BLOCK_FORMAT(record). Options are tables, which give checking, help and completion.
 */
#ifndef BLOCK_BLOCK_H
#define BLOCK_BLOCK_H
#include <jansson.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include "base/err.h"

struct blk;
struct blk_graph;
struct objects; /* crypto/object.h */

#define BLK_SECTOR 512u
#define BLK_MAX_REQUEST (1u << 30) /* bytes; the core splits nothing: callers with more loop */

/* ---- flags of an open node ------------------------------------------------------------------------------------- */
enum {
	BLK_RDWR = 1 << 0,          /* writes are wanted; without it the node is read-only */
	BLK_DIRECT = 1 << 1,        /* cache.direct: O_DIRECT */
	BLK_NO_FLUSH = 1 << 2,      /* cache.no-flush: flushes are dropped */
	BLK_WRITETHROUGH = 1 << 3,  /* every write is followed by a flush (set on the node that the user opened) */
	BLK_NATIVE_AIO = 1 << 4,    /* aio=native */
	BLK_UNMAP = 1 << 5,         /* discard=unmap: discards are passed to the file */
	BLK_NO_BACKING = 1 << 6,    /* do not open the backing file */
	BLK_FORCE_SHARE = 1 << 7,   /* take no locks that exclude others (read-only nodes only) */
	BLK_NO_IO = 1 << 8,         /* only metadata is wanted (info, snapshot -l): no passphrase needed, no guest data read */
	BLK_CHECK = 1 << 9,         /* opened to be checked or repaired: a dirty or corrupt image is accepted, not mended */
	BLK_AUTO_READ_ONLY = 1 << 10, /* fall back to read-only where the file cannot be opened for writing */
	BLK_PROBED = 1 << 11,       /* the format was guessed (raw: refuse to write another format's header) */
	BLK_RESIZE = 1 << 12,       /* the opener wants to change the size */
	BLK_NO_LOCK = 1 << 13,      /* locking=off below */
	BLK_COPY_ON_READ = 1 << 14,
	BLK_SHARE_WRITE = 1 << 15,    /* other processes may write too (share-rw=on) */
	BLK_DETECT_ZEROES = 1 << 16,  /* detect-zeroes=on: zeros are written as zero ranges; with BLK_UNMAP for =unmap */
	BLK_IO_URING = 1 << 17,       /* aio=io_uring */
	BLK_BITMAPS = 1 << 18,        /* stored bitmaps are wanted, though nobody may write (dirty.h) */
};

/* Permissions (bit = index of the lock byte; see file-lock.c). */
enum {
	BLK_PERM_READ = 1 << 0,           /* sees consistent data */
	BLK_PERM_WRITE = 1 << 1,
	BLK_PERM_WRITE_UNCHANGED = 1 << 2, /* writes that change nothing visible (copy-on-read) */
	BLK_PERM_RESIZE = 1 << 3,
	BLK_PERM_ALL = 0xf,
};

/* ---- options --------------------------------------------------------------------------------------------------- */
enum blk_opt_type { BLK_OPT_STRING, BLK_OPT_BOOL, BLK_OPT_SIZE, BLK_OPT_NUMBER };

struct blk_option {
	const char *name;  /* "cluster_size"; dotted for nested ones ("encrypt.format") */
	enum blk_opt_type type;
	const char *help;  /* one line, as `-o help` prints it after " - "; NULL: none */
	const char *def;   /* shown as the default and printed in "Formatting ..."; NULL: none */
	const char *const *choices; /* NULL-terminated; NULL: any */
};

/* A set of checked options: an ordered map from option to text. */
struct blk_opts;
struct blk_opts *blk_opts_new(const struct blk_option *table); /* table ends with name == NULL */
void blk_opts_free(struct blk_opts *o);
/* Sets one; checks type and choices ("on"/"off"/"yes"/"no"/"true"/"false" for BOOL). Unknown names: -ENOENT. */
int blk_opts_set(struct blk_opts *o, const char *name, const char *value, struct err *e);
bool blk_opts_has(const struct blk_opts *o, const char *name);                 /* set explicitly */
const char *blk_opts_string(const struct blk_opts *o, const char *name);       /* set value, else default, else NULL */
bool blk_opts_bool(const struct blk_opts *o, const char *name, bool otherwise);
uint64_t blk_opts_size(const struct blk_opts *o, const char *name, uint64_t otherwise);   /* SIZE */
uint64_t blk_opts_number(const struct blk_opts *o, const char *name, uint64_t otherwise); /* NUMBER */
void blk_opts_unset(struct blk_opts *o, const char *name);
/* "name=value,name2=value2" in the table's order, with defaults, as "Formatting" prints it (space-separated). */
char *blk_opts_describe(const struct blk_opts *o);

/* ---- values that travel ---------------------------------------------------------------------------------------- */
/* Block status flags. */
enum {
	BLK_ST_DATA = 1 << 0,      /* reads come from storage of this node or a child */
	BLK_ST_ZERO = 1 << 1,      /* reads as zeros */
	BLK_ST_OFFSET = 1 << 2,    /* st->offset in st->file holds the plain data */
	BLK_ST_ALLOCATED = 1 << 3, /* this layer decides the contents; without it (and with a backing file) the backing does */
	BLK_ST_EOF = 1 << 4,       /* the range reaches the end of the node */
	BLK_ST_COMPRESSED = 1 << 5,
	BLK_ST_RECURSE = 1 << 6,   /* the driver only maps: the core asks st->file whether the range is zero */
};
struct blk_status {
	unsigned flags;
	uint64_t length;   /* of the run of one status, at least 1, at most what was asked */
	uint64_t offset;   /* with BLK_ST_OFFSET */
	struct blk *file;  /* with BLK_ST_OFFSET: the node offset counts in */
	unsigned depth;    /* blk_block_status_above() only: how many backing steps down */
};

enum blk_prealloc { BLK_PREALLOC_OFF, BLK_PREALLOC_METADATA, BLK_PREALLOC_FALLOC, BLK_PREALLOC_FULL };
extern const char *const blk_prealloc_names[]; /* "off" "metadata" "falloc" "full" NULL */
int blk_prealloc_parse(const char *text, enum blk_prealloc *p, struct err *e);

enum { BLK_ZERO_MAY_UNMAP = 1, /* pwrite_zeroes: space may be given back */
       BLK_ZERO_NO_FALLBACK = 2, /* -ENOTSUP rather than writing zeros */
       BLK_WRITE_FUA = 4 };

struct blk_geometry {
	uint64_t cluster_size;          /* bytes; 0: none (no "cluster_size" line in info) */
	uint64_t subcluster_size;       /* bytes; 0: same as cluster_size */
	uint64_t vm_state_offset;       /* where VM state begins; 0: no VM state */
	bool dirty, needs_compressed_writes; /* the latter: only compressed clusters may be written (streamOptimized) */
	bool has_dirty_flag;
	bool no_bitmaps;                /* this image cannot store any, though its format can */
};

struct blk_check {
	uint64_t check_errors, corruptions, leaks, corruptions_fixed, leaks_fixed;
	uint64_t total_clusters, allocated_clusters, fragmented_clusters, compressed_clusters;
	uint64_t image_end_offset;
	bool quiet;       /* print no findings */
	bool has_counts;  /* total/allocated/fragmented/compressed are filled */
	bool has_end;     /* image_end_offset is filled */
};
enum { BLK_FIX_LEAKS = 1, BLK_FIX_ERRORS = 2 };
/* Findings, "Leaked cluster 3 refcount=1 reference=0": to stderr, or stdout for machine-readable output off; no newline. */
void blk_check_say(const struct blk_check *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

struct blk_snapshot {
	char id[128], name[256];
	uint64_t vm_state_size, disk_size, vm_clock_ns, icount;
	uint32_t date_sec, date_nsec;
	bool has_icount;
};

struct blk_measure {
	uint64_t required, fully_allocated, bitmaps;
	bool has_bitmaps;
};

/* done and total in one unit. Return false from the callback to stop (-ECANCELED). */
typedef bool blk_progress(void *opaque, uint64_t done, uint64_t total);

/* What a create hook gets. opts has every option of the format's create table, checked, defaults applied on reading. */
struct blk_create {
	struct blk_graph *graph;
	const char *filename;
	uint64_t size;               /* bytes; not rounded */
	struct blk_opts *opts;       /* backing_file/backing_fmt too, where the table has them */
	struct blk *backing;         /* open read-only, or NULL (none, or -u) */
	unsigned flags;              /* cache flags for the new file */
};

/* ---- the driver record ----------------------------------------------------------------------------------------- */
enum {
	BLK_F_PROTOCOL = 1 << 0,   /* no "file" child */
	BLK_F_FILTER = 1 << 1,     /* passes data of its first child through: status and size are the child's */
	BLK_F_READ_ONLY = 1 << 2,  /* opening for writing is refused: "Block format 'X' does not support writing" */
	BLK_F_BACKING = 1 << 3,    /* may have a backing file */
	BLK_F_NO_FILE = 1 << 4,    /* neither "file" nor protocol: opens its children itself */
	BLK_F_TEST = 1 << 5,       /* for tests; listed all the same */
	BLK_F_BACKING_OPTIONAL_SIZE = 1 << 6,
	BLK_F_NO_FORMAT = 1 << 7,  /* not in the list of formats that can be created (protocols with create excepted) */
	BLK_F_ENCRYPTS = 1 << 8,   /* "encrypted: yes" where b->encrypted */
	BLK_F_GROWS = 1 << 9,      /* writes past the end grow the node (protocols) */
	BLK_F_BITMAPS = 1 << 10,   /* stores the persistent bitmaps of dirty.h */
};

struct blk_format {
	const char *name;              /* "vmdk" */
	unsigned flags;
	size_t state_size;             /* b->state: zeroed memory, freed by the core */
	const char *const *prefixes;   /* protocols: "nbd", "nbd+unix" ... NULL-terminated; NULL: none */
	const char *const *children;   /* further child names beside "file" and "backing" ("data-file", "test"); or NULL */
	const struct blk_option *options;        /* runtime; NULL: none */
	const struct blk_option *create_options; /* NULL: cannot be created; without "size", which the core adds */
	const struct blk_option *amend_options;  /* NULL: cannot be amended */

	/* 0..100, how surely the first `size` bytes (at most 2048) begin such an image. filename may be NULL. */
	int (*probe)(const uint8_t *buf, size_t size, const char *filename);
	/* Protocols: turns "nbd://h/x" into options (a new nested object in *options). */
	int (*parse_filename)(const char *filename, json_t *options, struct err *e);
	/* Protocols and filters: a shorter name for messages, new string ("nbd://h/x"), or NULL. */
	char *(*describe)(struct blk *b);

	/* b->file is open (not for protocols); b->opts holds the runtime options. Sets b->size, b->align, b->backing_name ... */
	int (*open)(struct blk *b, struct err *e);
	void (*close)(struct blk *b); /* after the last request; flushes own caches; also after a failed open */
	int (*create)(const struct blk_create *c, struct err *e);

	int (*pread)(struct blk *b, uint64_t offset, size_t length, void *buf);
	int (*pwrite)(struct blk *b, uint64_t offset, size_t length, const void *buf, unsigned flags);
	int (*pwrite_zeroes)(struct blk *b, uint64_t offset, uint64_t length, unsigned flags); /* -ENOTSUP: core writes zeros */
	int (*pwrite_compressed)(struct blk *b, uint64_t offset, size_t length, const void *buf); /* one cluster; 0 bytes: end */
	int (*discard)(struct blk *b, uint64_t offset, uint64_t length);
	int (*flush)(struct blk *b);   /* own caches to the children, in order; the core then flushes b->file */
	int (*block_status)(struct blk *b, uint64_t offset, uint64_t length, struct blk_status *st); /* NULL: all data */
	/* Copies inside the kernel from src (same driver) if it can; -ENOTSUP otherwise. May copy less: *done. */
	int (*copy_from)(struct blk *b, uint64_t offset, struct blk *src, uint64_t src_offset, uint64_t length, uint64_t *done);
	/* New size. prealloc of the grown part; exact: a fixed-size node must not succeed. Updates b->size. */
	int (*truncate)(struct blk *b, uint64_t size, enum blk_prealloc prealloc, struct err *e);
	int (*get_size)(struct blk *b, uint64_t *size);        /* where it changes behind our back; NULL: b->size */
	int64_t (*allocated_size)(struct blk *b);              /* bytes on disk; NULL: the sum over children */
	void (*geometry)(struct blk *b, struct blk_geometry *g);
	/* "Format specific information": {"type": name, "data": {...}} is built around the object returned. NULL: none.
	 * Keys as the peer's JSON has them; the human form replaces '-' by ' '. */
	json_t *(*info)(struct blk *b, struct err *e);

	int (*check)(struct blk *b, struct blk_check *c, unsigned fix, struct err *e);
	int (*amend)(struct blk *b, struct blk_opts *o, bool force, blk_progress *cb, void *opaque, struct err *e);
	int (*measure)(struct blk_graph *g, struct blk_opts *o, struct blk *src, uint64_t size, struct blk_measure *m,
		       struct err *e);
	int (*change_backing)(struct blk *b, const char *name, const char *fmt, struct err *e); /* name NULL: none */
	int (*make_empty)(struct blk *b, struct err *e);       /* commit: drop everything this layer holds */

	int (*snapshot_list)(struct blk *b, struct blk_snapshot **list, unsigned *count, struct err *e); /* free(*list) */
	int (*snapshot_create)(struct blk *b, struct blk_snapshot *s, struct err *e); /* fills s->id */
	int (*snapshot_delete)(struct blk *b, const char *id, struct err *e);
	int (*snapshot_apply)(struct blk *b, const char *id, struct err *e);
	int (*snapshot_load)(struct blk *b, const char *id, struct err *e);          /* read-only view of it */
	int (*vmstate_read)(struct blk *b, uint64_t pos, size_t length, void *buf);
	int (*vmstate_write)(struct blk *b, uint64_t pos, size_t length, const void *buf);

	void (*event)(struct blk *b, int event); /* of the node above (events.h); NULL: all are alike */
	/* A node becomes writable or read-only; b->flags and the file are changed already. NULL: nothing to do. */
	int (*reopen)(struct blk *b, bool writable, struct err *e);
};

/*
 * Registers a driver: `BLOCK_FORMAT(vmdk) = { .name = "vmdk", ... };`
 * The section holds pointers, so that records of any size and alignment can be walked.
 */
#define BLOCK_FORMAT(id)                                                                                       \
	static const struct blk_format blk_format_##id;                                                        \
	static const struct blk_format *const blk_format_ptr_##id                                              \
		__attribute__((section("blk_formats"), used)) = &blk_format_##id;                              \
	static const struct blk_format blk_format_##id

const struct blk_format *blk_format_find(const char *name);
/* Calls fn for every driver in the order of their names. */
void blk_format_each(void (*fn)(const struct blk_format *f, void *opaque), void *opaque);

/* ---- the node -------------------------------------------------------------------------------------------------- */
struct blk {
	/* set by the core, read by drivers */
	struct blk_graph *graph;
	const struct blk_format *fmt;
	void *state;
	struct blk *file, *backing;
	struct blk_opts *opts;   /* runtime options */
	char *filename;          /* as messages name it: path, URL or "json:{...}" */
	char *node_name;
	unsigned flags;          /* BLK_RDWR ... */
	unsigned refs;

	/* set by the driver in open (core's defaults in brackets) */
	uint64_t size;           /* bytes the guest sees [size of b->file for filters] */
	uint32_t align;          /* unit of requests, a power of two [1] */
	uint32_t zero_align;     /* pwrite_zeroes and discard are cut to multiples of it [1] */
	uint64_t max_zeroes;     /* longest single pwrite_zeroes/discard [0: no limit] */
	bool encrypted;
	char *backing_name;      /* as stored in the image; malloc'ed; NULL: no backing file */
	char *backing_fmt;       /* malloc'ed or NULL */
	bool backing_override;   /* opened with backing:null or another backing: core */
	bool supports_compressed;/* pwrite_compressed works on this image */

	pthread_mutex_t lock;    /* the driver's metadata lock; the core never takes it */

	struct blk_core *core;   /* private to the core */
};

/* ---- graph ----------------------------------------------------------------------------------------------------- */
struct blk_graph *blk_graph_new(struct objects *objects); /* objects may be NULL (borrowed) */
void blk_graph_free(struct blk_graph *g);                 /* every node must be closed */
struct objects *blk_graph_objects(struct blk_graph *g);
/* Descriptor sets: "/dev/fdset/ID" opens a duplicate of the member whose access mode fits. Takes over fd. */
int blk_fdset_add(struct blk_graph *g, unsigned id, int fd);
/*
 * Descriptors passed to a process that may not open paths: opening (or creating) `path` takes a duplicate from then on. Takes over fd; an
 * earlier one for the path is forgotten.
 */
int blk_path_fd_add(struct blk_graph *g, const char *path, int fd);
int blk_path_fd_remove(struct blk_graph *g, const char *path); /* -ENOENT */
/* The graph will change while it is used: files are opened for writing too where that is allowed, so that a read-only image can become writable. */
void blk_graph_live(struct blk_graph *g);
/* What generated names of nodes end with ("#block012.ide0"), so that those of several processes differ. At most 32 characters count. */
void blk_graph_name(struct blk_graph *g, const char *name);
/* While on, options may give nodes names like "#block012": a graph is made again as it was. */
void blk_graph_restoring(struct blk_graph *g, bool on);
/*
 * Session parameters of iSCSI targets, as -iscsi has them: user, password, password-secret, header-digest, initiator-name,
 * timeout; "id" (a target's name) binds the group to that target. What an image's own options say comes first.
 */
int blk_iscsi_defaults(struct blk_graph *g, const json_t *props, struct err *e);
/* The text of --object: type "iscsi" for the above, all others go to the graph's objects (crypto/object.h). */
int blk_object_add_text(struct blk_graph *g, const char *text, struct err *e);
/* Warnings (missing backing format and the like): printed to stderr as "PROGRAM: warning: ..." unless turned off. */
/* Where the guess at an image's format was raw and it can be written: says that it is better given. */
void blk_warn_probed(const struct blk *b, const char *name);
void blk_warn(struct blk_graph *g, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/*
 * Opens an image. filename: a path, URL, "json:{...}" or NULL; format: driver name, or NULL to probe; options: nested
 * object as -blockdev has it (strings or typed values; borrowed) or NULL. At least one of filename and options.
 * Returns the node with one reference in *b.
 */
int blk_open(struct blk_graph *g, const char *filename, const char *format, json_t *options, unsigned flags,
	     struct blk **b, struct err *e);
struct blk *blk_ref(struct blk *b);
void blk_unref(struct blk *b); /* NULL is allowed; the last one flushes and closes */
/* Closes like blk_unref and reports the last flush's failure. */
int blk_close(struct blk *b, struct err *e);
/* For create hooks: a node that the hook opened will serve as "file" of another one too. */
void blk_share(struct blk *b);
struct blk *blk_find(struct blk_graph *g, const char *node_name);

/*
 * For drivers, during open: a further child. options: what the user gave for "name" (taken out of the node's options by
 * the core) is used when present, else filename (resolved against b's directory) and format ("raw" for plain extents).
 * The child is closed by the core together with b. *missing (may be NULL) is set where neither was given.
 */
int blk_open_child(struct blk *b, const char *name, const char *filename, const char *format, unsigned flags,
		   struct blk **child, struct err *e);
bool blk_child_given(struct blk *b, const char *name); /* the user named this child in the options */
void blk_drop_child(struct blk *b, struct blk *child);
/* `name` relative to the directory (or URL) of b's file; absolute names and URLs stay. New string. */
char *blk_resolve(const struct blk *b, const char *name);
/* The name by which another image, wherever it lies, can refer to b: a relative path is made absolute. New string, NULL: out of memory. */
char *blk_lasting_name(const struct blk *b);
char *blk_resolve_against(const char *base, const char *name);

/* Reopens for writing or back to read-only, recursively over `file`. Without backing. */
int blk_reopen(struct blk *b, bool writable, struct err *e);
/* Replaces the backing node of an open overlay (takes over the reference; NULL: none). */
void blk_set_backing(struct blk *b, struct blk *backing);

/*
 * What can be given to `create -o` for this format on this file name: the format's rows, then the protocol's. A new
 * array (free() it) that ends with name == NULL; NULL with *e when the name's protocol cannot create.
 */
struct blk_option *blk_create_options(const struct blk_format *f, const char *filename, struct err *e);
/* The protocol driver a file name belongs to ("file" without a prefix); NULL and *e: unknown or not built in. */
const struct blk_format *blk_protocol_of(const char *filename, struct err *e);
/* Shortest true name of a node for messages and `info`. */
const char *blk_filename(const struct blk *b);

/* ---- creating -------------------------------------------------------------------------------------------------- */
/*
 * For drivers' create hooks: makes (truncates) the protocol file of c->filename and opens it for reading and writing,
 * without probing. On failure of the rest call blk_create_abort(), which closes and removes what was made.
 */
int blk_create_file(const struct blk_create *c, const char *filename, uint64_t size, struct blk **b, struct err *e);
void blk_create_abort(struct blk *b);
/* The end of a create hook: r 0: closes b; else says that `what` ("the VDI header") of `filename` could not be written,
 * unless `e` says more already, and removes the file. Returns what the hook returns. */
int blk_create_end(struct blk *b, int r, const char *what, const char *filename, struct err *e);
/*
 * Creates an image: the work of `emu-img create` below its messages. opts made from the format's table; consumes nothing.
 */
int blk_create_image(struct blk_graph *g, const struct blk_format *f, const char *filename, uint64_t size,
		     struct blk_opts *opts, struct blk *backing, unsigned flags, struct err *e);

/* ---- I/O ------------------------------------------------------------------------------------------------------- */
/* All offsets and lengths in bytes. Reading or writing beyond the end is -EIO (a protocol node that grows excepted). */
int blk_pread(struct blk *b, uint64_t offset, size_t length, void *buf);
int blk_pwrite(struct blk *b, uint64_t offset, size_t length, const void *buf);
int blk_pwrite_flags(struct blk *b, uint64_t offset, size_t length, const void *buf, unsigned flags);
int blk_pwrite_zeroes(struct blk *b, uint64_t offset, uint64_t length, unsigned flags);
int blk_pwrite_compressed(struct blk *b, uint64_t offset, size_t length, const void *buf);
int blk_discard(struct blk *b, uint64_t offset, uint64_t length);
int blk_flush(struct blk *b);
/* Status of this layer alone. */
int blk_block_status(struct blk *b, uint64_t offset, uint64_t length, struct blk_status *st);
/* Status through the chain down to (not including) base; base NULL: the whole chain. */
int blk_block_status_above(struct blk *b, struct blk *base, uint64_t offset, uint64_t length, struct blk_status *st);
/* What the guest would read, from a driver for ranges this layer does not hold: zeros past the backing's end or without one. */
int blk_backing_pread(struct blk *b, uint64_t offset, size_t length, void *buf);
int blk_truncate(struct blk *b, uint64_t size, enum blk_prealloc prealloc, struct err *e);
int blk_size(struct blk *b, uint64_t *size); /* current; asks protocol nodes again */
int64_t blk_allocated_size(struct blk *b);   /* bytes on disk, or -errno */
void blk_geometry(struct blk *b, struct blk_geometry *g);
bool blk_writable(const struct blk *b);
/* b, or what lies under its filters. */
struct blk *blk_skip_filters(struct blk *b);

/* Like blk_pread with a sentence: "cannot read WHAT at OFFSET: ...". For headers and tables in open. */
int blk_pread_what(struct blk *b, uint64_t offset, size_t length, void *buf, const char *what, struct err *e);

/* ---- small helpers --------------------------------------------------------------------------------------------- */
bool blk_is_zero(const void *buf, size_t length); /* fast; length 0 is zero */
static inline uint16_t be16_get(const void *p) { uint16_t v; __builtin_memcpy(&v, p, 2); return __builtin_bswap16(v); }
static inline uint32_t be32_get(const void *p) { uint32_t v; __builtin_memcpy(&v, p, 4); return __builtin_bswap32(v); }
static inline uint64_t be64_get(const void *p) { uint64_t v; __builtin_memcpy(&v, p, 8); return __builtin_bswap64(v); }
static inline void be16_put(void *p, uint16_t v) { v = __builtin_bswap16(v); __builtin_memcpy(p, &v, 2); }
static inline void be32_put(void *p, uint32_t v) { v = __builtin_bswap32(v); __builtin_memcpy(p, &v, 4); }
static inline void be64_put(void *p, uint64_t v) { v = __builtin_bswap64(v); __builtin_memcpy(p, &v, 8); }
static inline uint16_t le16_get(const void *p) { uint16_t v; __builtin_memcpy(&v, p, 2); return v; }
static inline uint32_t le32_get(const void *p) { uint32_t v; __builtin_memcpy(&v, p, 4); return v; }
static inline uint64_t le64_get(const void *p) { uint64_t v; __builtin_memcpy(&v, p, 8); return v; }
static inline void le16_put(void *p, uint16_t v) { __builtin_memcpy(p, &v, 2); }
static inline void le32_put(void *p, uint32_t v) { __builtin_memcpy(p, &v, 4); }
static inline void le64_put(void *p, uint64_t v) { __builtin_memcpy(p, &v, 8); }
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the le/be helpers assume a little-endian host");
static inline uint64_t round_up64(uint64_t v, uint64_t unit) { return (v + unit - 1) / unit * unit; }
#endif
