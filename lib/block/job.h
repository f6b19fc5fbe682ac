/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Block jobs: long work on a disk's images while the disk is used.
 *
 * Theory of operation
 *   A job has a thread. Its type's run() copies, calling job_go_on() between pieces (pause, cancel, speed), and takes no lock of the host; its
 *   finish() runs under the host's lock with every disk drained and makes the one change of the graph that the job was for. The
 *   host then commits its state and says what happened; only then do requests go on. A killed server makes the job again with `resume`:
 *   what was done is known from the images themselves or from bitmaps that live in files (host->bitmap_file).
 *   Bits of such bitmaps are set before the write they stand for and cleared after the copy that makes them void, so that a kill at any
 *   moment leaves too much to do, never too little.
 */
#ifndef BLOCK_JOB_H
#define BLOCK_JOB_H
#include "block/disk.h"

enum job_on_error { JOB_REPORT, JOB_IGNORE, JOB_ENOSPC, JOB_STOP };
extern const char *const job_on_error_names[]; /* "report" "ignore" "enospc" "stop" NULL */

struct blk_job;

struct job_type {
	const char *name; /* "stream", as queries and events have it */
	size_t state_size;
	int (*run)(struct blk_job *j, struct err *e);           /* 0, -ECANCELED, or an error */
	int (*finish)(struct blk_job *j, int r, struct err *e); /* r: run's; returns what the job's end is */
	void (*free)(struct blk_job *j);                        /* under the host's lock, not drained */
	bool completes; /* block-job-complete ends it */
};

struct job_host {
	void (*lock)(void *opaque);
	void (*unlock)(void *opaque);
	void (*drain)(void *opaque);
	void (*undrain)(void *opaque);
	int (*commit)(void *opaque, struct err *e);
	void (*event)(void *opaque, const char *name, json_t *data); /* consumes data; any thread */
	void (*changed)(void *opaque, struct disk *k);               /* the disk has another root; drained */
	/* A file for a bitmap of this name that outlives the process, as it was left; -1: there is none to be had. Given back by drop_file. */
	int (*bitmap_file)(void *opaque, const char *name);
	void (*drop_file)(void *opaque, const char *name);
	void *opaque;

	struct blk_job *jobs; /* under the host's lock */
	pthread_cond_t gone;  /* a job has left the list; with the mutex behind lock() */
	pthread_mutex_t *mutex;
};

enum job_status { JOB_CREATED, JOB_RUNNING, JOB_PAUSED, JOB_READY, JOB_STANDBY, JOB_PENDING, JOB_ABORTING, JOB_CONCLUDED };

struct blk_job {
	struct blk_job *next;
	struct job_host *host;
	const struct job_type *type;
	char *id;
	struct disk *disk;
	void *state;
	json_t *args;      /* what makes it again: {"execute", "arguments"} */
	bool resumed;

	pthread_t thread;
	pthread_mutex_t lock; /* the rest */
	pthread_cond_t wake;
	enum job_status status;
	bool cancel, force, complete, ready, user_paused, error_paused, busy, io_failed, io_nospace;
	bool auto_finalize, auto_dismiss, finalize, dismiss;
	enum job_on_error on_source, on_target;
	uint64_t speed, offset, len;
	struct blk_limits *limits;
	char *error; /* how it ended, for who asks later */
};

struct job_options {
	const char *id; /* NULL: the disk's name */
	uint64_t speed; /* bytes a second; 0: no limit */
	enum job_on_error on_source, on_target;
	bool manual_finalize, manual_dismiss, paused, resumed, ready, complete, cancel, empty; /* from resumed on: as it was when it was killed */
	json_t *args; /* see struct blk_job; borrowed */
};

/* ---- for hosts; the host's lock is held ---- */
void jobs_init(struct job_host *h);
struct blk_job *job_find(struct job_host *h, const char *id);
/* Makes a job, on the list, that does not run yet; NULL with *e. */
struct blk_job *job_new(struct job_host *h, const struct job_type *type, struct disk *k, const struct job_options *o, struct err *e);
int job_start(struct blk_job *j, struct err *e); /* the thread; on failure the job is freed */
void job_abandon(struct blk_job *j);             /* instead of job_start() */
int job_cancel(struct blk_job *j, bool force, struct err *e);
int job_pause(struct blk_job *j, bool on, struct err *e);
int job_complete(struct blk_job *j, struct err *e);
int job_set_speed(struct blk_job *j, int64_t speed, struct err *e);
int job_finalize(struct blk_job *j, struct err *e);
int job_dismiss(struct blk_job *j, struct err *e);
json_t *job_describe(struct blk_job *j); /* BlockJobInfo */
void jobs_end(struct job_host *h);       /* cancels all and waits; the lock is NOT held */

/* ---- for types, in the job's thread ---- */
/* Waits while paused and for the speed limit of what was just done; false: cancelled. */
bool job_go_on(struct blk_job *j, uint64_t done);
bool job_wanted(struct blk_job *j);  /* false: cancelled */
size_t job_piece(struct blk_job *j); /* bytes to be done between two job_go_on() */
void job_progress(struct blk_job *j, uint64_t offset, uint64_t len);
void job_set_ready(struct blk_job *j); /* once: says so */
/* An I/O error: true: try again (it was paused meanwhile), false: *r is 0 (ignored) or the error that ends the job. */
bool job_retry(struct blk_job *j, bool source, int *r);

/*
 * The run() of a job that goes once through `size` bytes: piece() does what begins at `at`, says how much that was (*n), how much of it was copied, and, where it fails,
 * whether the source did. Progress, speed, pause and what a failure leads to are seen to here. 0, -ECANCELED, or the error, told in `e` as that of `what`.
 */
typedef int job_piece_fn(struct blk_job *j, uint64_t at, uint64_t *n, uint64_t *copied, void *buf, bool *source); /* buf: 1 MiB */
int job_copy(struct blk_job *j, uint64_t size, job_piece_fn *piece, const char *what, struct err *e);
/* Waits at most ms, or until something is asked of the job. */
void job_sleep(struct blk_job *j, unsigned ms);

/* ---- the jobs: each checks, prepares under the host's lock, and starts ---- */
/* Copies what lies between base (not included; NULL: everything) and the top into the top, which then is backed by base. */
int job_stream(struct job_host *h, struct disk *k, struct blk *base, const char *backing_name, const struct job_options *o, struct err *e);
/* Puts what `top` (NULL: the disk's root) and the images between hold into `base`; the one above top is then backed by base. */
int job_commit(struct job_host *h, struct disk *k, struct blk *top, struct blk *base, const char *backing_name,
	       const struct job_options *o, struct err *e);
enum job_sync { JOB_FULL, JOB_TOP, JOB_NONE, JOB_INCREMENTAL };
struct job_copy { /* mirror and backup */
	struct blk *target;      /* open for writing; referenced */
	enum job_sync sync;
	uint32_t granularity;    /* 0: a default */
	bool target_is_zero;     /* was made for this: reads as zeros */
	bool adopt_backing;      /* mirror: at the pivot the target gets the source's backing (top) or the source (none) */
	bool keep_target;        /* mirror: never pivots */
	bool compress;           /* backup */
	const char *bitmap;      /* backup, incremental: of the disk's root */
};
int job_mirror(struct job_host *h, struct disk *k, const struct job_copy *c, const struct job_options *o, struct err *e);
/* A mirror of the root into base, which then takes its place; with o->empty the root stays and is emptied instead, without being asked. */
int job_commit_active(struct job_host *h, struct disk *k, struct blk *base, const struct job_options *o, struct err *e);
int job_backup(struct job_host *h, struct disk *k, const struct job_copy *c, const struct job_options *o, struct err *e);
#endif
