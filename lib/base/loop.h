/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The event loop of the daemons: file descriptors, timers, signals, and calls posted from other threads.
 *
 * A loop belongs to the thread that runs it; every function here is that thread's, except loop_post() and loop_stop(),
 * which any thread may call. A callback may add and remove anything, itself included.
 */
#ifndef BASE_LOOP_H
#define BASE_LOOP_H
#include <stdbool.h>
#include <stdint.h>
#include "base/err.h"

struct loop;
struct loop_fd;
struct loop_timer;

enum { LOOP_READ = 1, LOOP_WRITE = 2, LOOP_HANGUP = 4 /* reported always */ };

struct loop *loop_new(struct err *e);
void loop_free(struct loop *l); /* frees every watch and timer; closes no fd of the caller */
bool loop_is_mine(const struct loop *l); /* is this the thread that made it? */
int loop_run(struct loop *l);   /* until loop_stop(); returns its status */
/* One turn: waits at most timeout_ms (-1: for ever, 0: not at all). Returns the number of callbacks made or -errno. */
int loop_once(struct loop *l, int timeout_ms);
void loop_stop(struct loop *l, int status);

/* Watches fd (which stays the caller's) for `events`. NULL on failure with e filled. */
struct loop_fd *loop_add_fd(struct loop *l, int fd, unsigned events, void (*cb)(void *opaque, unsigned events),
			    void *opaque, struct err *e);
int loop_set_fd(struct loop_fd *w, unsigned events); /* other events; 0: none for now (not even hang-up) */
void loop_del_fd(struct loop_fd *w);                 /* NULL is allowed */

/* A timer on CLOCK_MONOTONIC; it is made disarmed. Times in nanoseconds. */
struct loop_timer *loop_add_timer(struct loop *l, void (*cb)(void *opaque), void *opaque);
void loop_set_timer(struct loop_timer *t, uint64_t at_ns); /* absolute, loop_now(); UINT64_MAX disarms */
void loop_del_timer(struct loop_timer *t);
uint64_t loop_now(void);

/* The signal is blocked in this thread (threads made later inherit that) and arrives as a call. */
int loop_add_signal(struct loop *l, int sig, void (*cb)(void *opaque, int sig), void *opaque, struct err *e);

/*
 * From any thread: cb(opaque) runs in the loop's thread, in order of posting. Returns 0 or -ENOMEM. What is posted and was not run when the loop is freed is
 * not run any more: drop(opaque) is called instead then (NULL: nothing), for who has to give something back.
 */
int loop_post(struct loop *l, void (*cb)(void *opaque), void *opaque);
int loop_post_or(struct loop *l, void (*cb)(void *opaque), void *opaque, void (*drop)(void *opaque));
#endif
