/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Threads that are used again.
 *
 * Why: GnuTLS keeps the state of its random generator for each thread that ever shook hands (some 220 bytes) until the process ends; a thread for each
 * connection would let a server grow with every client that it ever had. Beginning one also costs more than waking one.
 *
 * The one that was idle for the shortest time goes first, for what it needs is still in the processor's caches. One that is idle for a while gives the
 * memory of its stack back, of which a TLS handshake uses tens of kilobytes.
 */
#include "nbd/threads.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

enum { STACK = 256 << 10, IDLE_SECONDS = 2 };
#define PAGE (uintptr_t)4096 /* or a part of one, which is harmless */

struct nbd_idle_thread {
	struct nbd_idle_thread *next;
	pthread_cond_t wake;
	void (*fn)(void *opaque);
	void *opaque;
};

struct start {
	struct nbd_threads *threads;
	void (*fn)(void *opaque);
	void *opaque;
};

/* What the stack has below what is in use; top: an address in its first frame. Half its size is surely there, and more is never needed. */
static void shrink_stack(uintptr_t top)
{
	uintptr_t here = (uintptr_t)__builtin_frame_address(0), low = (top - STACK / 2) & -PAGE;

	/* Two pages stay below this frame, for the call that is made here. */
	here = (here & -PAGE) - 2 * PAGE;
	if (here > low)
		madvise((void *)low, here - low, MADV_DONTNEED);
}

/* t->lock is held. False: no work comes any more. */
static bool wait_for_work(struct nbd_threads *t, struct nbd_idle_thread *me, uintptr_t top)
{
	struct timespec until;
	bool shrunk = false;

	if (t->stopping || t->idle_count >= t->keep)
		return false;
	me->fn = NULL;
	me->next = t->idle;
	t->idle = me;
	t->idle_count++;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += IDLE_SECONDS;
	while (!me->fn && !t->stopping) {
		if (shrunk) {
			pthread_cond_wait(&me->wake, &t->lock);
		} else if (pthread_cond_timedwait(&me->wake, &t->lock, &until) == ETIMEDOUT && !me->fn) {
			shrunk = true;
			shrink_stack(top);
		}
	}
	return me->fn;
}

static void *thread(void *opaque)
{
	struct start start = *(struct start *)opaque;
	struct nbd_threads *t = start.threads;
	struct nbd_idle_thread me = {.fn = start.fn, .opaque = start.opaque};
	pthread_condattr_t attr;
	bool more;

	free(opaque);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&me.wake, &attr);
	pthread_condattr_destroy(&attr);
	do {
		me.fn(me.opaque);
		pthread_mutex_lock(&t->lock);
		more = wait_for_work(t, &me, (uintptr_t)__builtin_frame_address(0));
		if (more)
			pthread_mutex_unlock(&t->lock);
	} while (more);
	pthread_cond_destroy(&me.wake);
	t->count--;
	pthread_cond_signal(&t->gone);
	pthread_mutex_unlock(&t->lock);
	return NULL;
}

void nbd_threads_init(struct nbd_threads *t, unsigned keep)
{
	*t = (struct nbd_threads){.keep = keep};
	pthread_mutex_init(&t->lock, NULL);
	pthread_cond_init(&t->gone, NULL);
}

static int begin(struct nbd_threads *t, void (*fn)(void *opaque), void *opaque)
{
	struct start *start = malloc(sizeof *start);
	pthread_attr_t attr;
	pthread_t id;
	int r;

	if (!start)
		return ENOMEM;
	*start = (struct start){t, fn, opaque};
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, STACK);
	r = pthread_create(&id, &attr, thread, start);
	pthread_attr_destroy(&attr);
	if (r)
		free(start);
	return r;
}

int nbd_threads_run(struct nbd_threads *t, void (*fn)(void *opaque), void *opaque)
{
	struct nbd_idle_thread *i;
	int r = 0;

	pthread_mutex_lock(&t->lock);
	i = t->idle;
	if (i) {
		t->idle = i->next;
		t->idle_count--;
		i->fn = fn;
		i->opaque = opaque;
		pthread_cond_signal(&i->wake);
	} else if (!(r = begin(t, fn, opaque))) {
		t->count++;
	}
	pthread_mutex_unlock(&t->lock);
	return r;
}

void nbd_threads_end(struct nbd_threads *t)
{
	pthread_mutex_lock(&t->lock);
	t->stopping = true;
	for (struct nbd_idle_thread *i = t->idle; i; i = i->next)
		pthread_cond_signal(&i->wake);
	while (t->count)
		pthread_cond_wait(&t->gone, &t->lock);
	pthread_mutex_unlock(&t->lock);
	pthread_cond_destroy(&t->gone);
	pthread_mutex_destroy(&t->lock);
}
