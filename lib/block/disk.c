/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "block/disk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Copying on reads writes: such reads lock their range too, so that no older data covers a write of the guest. */
static void update_watched(struct disk *d)
{
	__atomic_store_n(&d->size, d->root ? d->root->size : 0, __ATOMIC_RELAXED);
	d->granularity = 512;
	for (struct disk_watch *w = d->watches; w; w = w->next)
		if (w->granularity > d->granularity)
			d->granularity = w->granularity;
	if (d->root && d->root->flags & BLK_COPY_ON_READ && d->granularity < 65536)
		d->granularity = 65536;
	d->watched = d->watches || (d->root && d->root->flags & BLK_COPY_ON_READ);
}

struct disk *disk_new(const char *name, struct blk *root, struct err *e)
{
	struct disk *d = calloc(1, sizeof *d);
	pthread_rwlockattr_t attr;

	if (d) {
		d->name = strdup(name);
		d->group = strdup(name);
		d->limits = blk_limits_new();
	}
	if (!d || !d->name || !d->group || !d->limits) {
		if (d) {
			free(d->name);
			free(d->group);
			blk_limits_unref(d->limits);
		}
		free(d);
		err_set(e, ENOMEM, "out of memory");
		return NULL;
	}
	/* Who wants to change something must not wait for a guest that never stops. */
	pthread_rwlockattr_init(&attr);
	pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	pthread_rwlock_init(&d->gate, &attr);
	pthread_rwlockattr_destroy(&attr);
	pthread_mutex_init(&d->range_lock, NULL);
	pthread_cond_init(&d->range_gone, NULL);
	d->root = root ? blk_ref(root) : NULL;
	update_watched(d);
	return d;
}

void disk_free(struct disk *d)
{
	if (!d)
		return;
	blk_unref(d->root);
	blk_limits_unref(d->limits);
	pthread_cond_destroy(&d->range_gone);
	pthread_mutex_destroy(&d->range_lock);
	pthread_rwlock_destroy(&d->gate);
	free(d->group);
	free(d->name);
	free(d);
}

void disk_drain(struct disk *d)
{
	if (!d->drained++)
		pthread_rwlock_wrlock(&d->gate);
}

void disk_undrain(struct disk *d)
{
	if (!--d->drained)
		pthread_rwlock_unlock(&d->gate);
}

void disk_set_root(struct disk *d, struct blk *root)
{
	struct blk *old = d->root;

	d->root = root ? blk_ref(root) : NULL;
	update_watched(d);
	blk_unref(old);
}

void disk_resized(struct disk *d)
{
	update_watched(d);
}

void disk_watch(struct disk *d, struct disk_watch *w)
{
	w->next = d->watches;
	d->watches = w;
	update_watched(d);
}

void disk_unwatch(struct disk *d, struct disk_watch *w)
{
	for (struct disk_watch **p = &d->watches; *p; p = &(*p)->next)
		if (*p == w) {
			*p = w->next;
			break;
		}
	update_watched(d);
}

/* ---- ranges ---- */

void disk_lock_range(struct disk *d, struct disk_range *r, uint64_t offset, uint64_t length)
{
	uint64_t g = d->granularity;
	struct disk_range *other;

	r->start = offset / g * g;
	r->end = (offset + length + g - 1) / g * g;
	pthread_mutex_lock(&d->range_lock);
	for (;;) {
		for (other = d->ranges; other && (other->end <= r->start || other->start >= r->end); other = other->next)
			;
		if (!other)
			break;
		pthread_cond_wait(&d->range_gone, &d->range_lock);
	}
	r->next = d->ranges;
	d->ranges = r;
	pthread_mutex_unlock(&d->range_lock);
}

void disk_unlock_range(struct disk *d, struct disk_range *r)
{
	struct disk_range **p;

	pthread_mutex_lock(&d->range_lock);
	for (p = &d->ranges; *p != r; p = &(*p)->next)
		;
	*p = r->next;
	pthread_cond_broadcast(&d->range_gone);
	pthread_mutex_unlock(&d->range_lock);
}

/* ---- requests ---- */

/*
 * The coarse clock ticks every few milliseconds, so that most requests take no time and a few take a tick: the sum is right, and it costs
 * a twentieth of the other.
 */
static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void count(struct disk *d, enum disk_op op, uint64_t offset, uint64_t length, uint64_t begun, int r)
{
	struct disk_stats *s = &d->stats;

	if (r < 0) {
		__atomic_add_fetch(&s->failed[op], 1, __ATOMIC_RELAXED);
		return;
	}
	__atomic_add_fetch(&s->count[op], 1, __ATOMIC_RELAXED);
	__atomic_add_fetch(&s->bytes[op], length, __ATOMIC_RELAXED);
	__atomic_add_fetch(&s->time_ns[op], now() - begun, __ATOMIC_RELAXED);
	if (op == DISK_WRITE) {
		uint64_t most = __atomic_load_n(&s->highest, __ATOMIC_RELAXED);
		while (offset + length > most &&
		       !__atomic_compare_exchange_n(&s->highest, &most, offset + length, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
			;
	}
}

/* Through the gate, with the range locked and the watches told where there are any. The gate is closed behind us by leave(). */
static int enter(struct disk *d, struct disk_range *range, uint64_t offset, uint64_t length, bool write)
{
	pthread_rwlock_rdlock(&d->gate);
	if (!d->root) {
		pthread_rwlock_unlock(&d->gate);
		return -ENOMEDIUM;
	}
	range->end = 0;
	if (d->watched && length && (write || d->root->flags & BLK_COPY_ON_READ)) {
		disk_lock_range(d, range, offset, length);
		for (struct disk_watch *w = write ? d->watches : NULL; w; w = w->next)
			w->before_write(w->opaque, offset, length);
	}
	return 0;
}

static void leave(struct disk *d, struct disk_range *range)
{
	if (range->end)
		disk_unlock_range(d, range);
	pthread_rwlock_unlock(&d->gate);
}

int disk_read(struct disk *d, uint64_t offset, size_t length, void *buf)
{
	uint64_t begun = now();
	struct disk_range range;
	int r;

	blk_limits_pay(d->limits, length, false);
	r = enter(d, &range, offset, length, false);
	if (r == 0) {
		r = blk_pread(d->root, offset, length, buf);
		leave(d, &range);
	}
	count(d, DISK_READ, offset, length, begun, r);
	return r;
}

int disk_write(struct disk *d, uint64_t offset, size_t length, const void *buf, unsigned flags)
{
	uint64_t begun = now();
	struct disk_range range;
	int r;

	blk_limits_pay(d->limits, length, true);
	r = enter(d, &range, offset, length, true);
	if (r == 0) {
		r = blk_pwrite_flags(d->root, offset, length, buf, flags);
		leave(d, &range);
	}
	count(d, DISK_WRITE, offset, length, begun, r);
	return r;
}

int disk_zero(struct disk *d, uint64_t offset, uint64_t length, unsigned flags)
{
	uint64_t begun = now();
	struct disk_range range;
	int r;

	blk_limits_pay(d->limits, length, true);
	r = enter(d, &range, offset, length, true);
	if (r == 0) {
		r = blk_pwrite_zeroes(d->root, offset, length, flags);
		leave(d, &range);
	}
	count(d, DISK_WRITE, offset, length, begun, r);
	return r;
}

int disk_discard(struct disk *d, uint64_t offset, uint64_t length)
{
	uint64_t begun = now();
	struct disk_range range;
	int r = enter(d, &range, offset, length, true);

	if (r == 0) {
		r = blk_discard(d->root, offset, length);
		leave(d, &range);
	}
	count(d, DISK_UNMAP, offset, length, begun, r);
	return r;
}

int disk_flush(struct disk *d)
{
	uint64_t begun = now();
	struct disk_range range;
	int r = enter(d, &range, 0, 0, false);

	if (r == 0) {
		r = blk_flush(d->root);
		leave(d, &range);
	} else if (r == -ENOMEDIUM) {
		r = 0; /* nothing is left to be flushed */
	}
	count(d, DISK_FLUSH, 0, 0, begun, r);
	return r;
}

int disk_status(struct disk *d, uint64_t offset, uint64_t length, struct blk_status *st)
{
	struct disk_range range;
	int r = enter(d, &range, 0, 0, false);

	if (r == 0) {
		r = blk_block_status_above(d->root, NULL, offset, length, st);
		leave(d, &range);
	}
	return r;
}

uint64_t disk_size(struct disk *d)
{
	return __atomic_load_n(&d->size, __ATOMIC_RELAXED);
}
