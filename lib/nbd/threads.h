/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The threads of a server's connections. */
#ifndef NBD_THREADS_H
#define NBD_THREADS_H
#include <pthread.h>
#include <stdbool.h>

struct nbd_threads {
	pthread_mutex_t lock;
	pthread_cond_t gone;
	struct nbd_idle_thread *idle;
	unsigned count, idle_count, keep;
	bool stopping;
};

/* keep: how many may wait for more work; those above that number end with theirs. */
void nbd_threads_init(struct nbd_threads *t, unsigned keep);
/* Runs fn(opaque) in a thread of its own. 0, or an errno (positive, as pthread_create() has it). Any thread may call it. */
int nbd_threads_run(struct nbd_threads *t, void (*fn)(void *opaque), void *opaque);
/* Waits for all that runs, and ends every thread. Nobody may start one meanwhile. */
void nbd_threads_end(struct nbd_threads *t);
#endif
