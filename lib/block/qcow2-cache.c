/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The table cache of qcow2: whole clusters by file offset, least recently used out first, never dirty. With cache-clean-interval a thread
 * of the node takes away, once an interval, what was not used since it last came by.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "block/qcow2.h"

int qcow2_cache_init(struct qcow2_cache *c, size_t cluster_size, uint64_t bytes)
{
	uint64_t limit = bytes / cluster_size;

	c->cluster_size = cluster_size;
	c->limit = limit < 4 ? 4 : limit > 16384 ? 16384 : (unsigned)limit;
	for (c->buckets = 16; c->buckets < c->limit; c->buckets *= 2)
		;
	c->bucket = calloc(c->buckets, sizeof *c->bucket);
	return c->bucket ? 0 : -ENOMEM;
}

static struct qcow2_table **bucket_of(struct qcow2_cache *c, uint64_t offset)
{
	return &c->bucket[(offset / c->cluster_size) & (c->buckets - 1)];
}

static void unlink_age(struct qcow2_cache *c, struct qcow2_table *t)
{
	if (t->newer)
		t->newer->older = t->older;
	else
		c->newest = t->older;
	if (t->older)
		t->older->newer = t->newer;
	else
		c->oldest = t->newer;
}

static void link_newest(struct qcow2_cache *c, struct qcow2_table *t)
{
	t->newer = NULL;
	t->round = c->round;
	t->older = c->newest;
	if (c->newest)
		c->newest->newer = t;
	else
		c->oldest = t;
	c->newest = t;
}

static void unlink_hash(struct qcow2_cache *c, struct qcow2_table *t)
{
	struct qcow2_table **p = bucket_of(c, t->offset);

	while (*p != t)
		p = &(*p)->hash_next;
	*p = t->hash_next;
}

static void discard(struct qcow2_cache *c, struct qcow2_table *t)
{
	unlink_hash(c, t);
	unlink_age(c, t);
	free(t->data);
	free(t);
	c->count--;
}

void qcow2_cache_clear(struct qcow2_cache *c)
{
	while (c->oldest)
		discard(c, c->oldest);
}

void qcow2_cache_free(struct qcow2_cache *c)
{
	qcow2_cache_clear(c);
	free(c->bucket);
	c->bucket = NULL;
}

void qcow2_cache_drop(struct qcow2_cache *c, uint64_t offset)
{
	struct qcow2_table *t;

	for (t = *bucket_of(c, offset); t && t->offset != offset; t = t->hash_next)
		;
	if (t)
		discard(c, t);
}

int qcow2_cache_get(struct blk *b, struct qcow2_cache *c, uint64_t offset, bool read, uint8_t **data)
{
	struct qcow2_table *t;
	int r;

	if (c->newest && c->newest->offset == offset && read) {
		c->newest->round = c->round;
		*data = c->newest->data;
		return 0;
	}
	for (t = *bucket_of(c, offset); t && t->offset != offset; t = t->hash_next)
		;
	if (t) {
		unlink_age(c, t);
		link_newest(c, t);
		if (!read)
			memset(t->data, 0, c->cluster_size);
		*data = t->data;
		return 0;
	}
	if (c->count >= c->limit) { /* take the oldest one's memory */
		t = c->oldest;
		unlink_hash(c, t);
		unlink_age(c, t);
		c->count--;
	} else {
		void *mem;
		t = calloc(1, sizeof *t);
		if (!t || posix_memalign(&mem, 4096, c->cluster_size)) {
			free(t);
			return -ENOMEM;
		}
		t->data = mem;
	}
	if (read) {
		size_t have = c->cluster_size;
		if (offset < b->file->size && b->file->size - offset < have)
			have = (size_t)(b->file->size - offset); /* the last table may be cut short: the rest is zeros */
		blk_event(b->file, c == &((struct qcow2 *)b->state)->l2_cache ? BLK_EVENT_L2_LOAD : BLK_EVENT_REFBLOCK_LOAD);
		r = blk_pread(b->file, offset, have, t->data);
		if (r) {
			free(t->data);
			free(t);
			return r;
		}
		memset(t->data + have, 0, c->cluster_size - have);
	} else {
		memset(t->data, 0, c->cluster_size);
	}
	qcow2_cleaner_start(b);
	t->offset = offset;
	t->hash_next = *bucket_of(c, offset);
	*bucket_of(c, offset) = t;
	link_newest(c, t);
	c->count++;
	*data = t->data;
	return 0;
}

int qcow2_table_write(struct blk *b, uint64_t table, const uint8_t *data, size_t from, size_t length)
{
	struct qcow2 *s = b->state;
	size_t unit = b->file->align > BLK_SECTOR ? b->file->align : BLK_SECTOR;
	size_t start, end;

	if (unit > s->cluster_size)
		unit = s->cluster_size;
	start = from / unit * unit;
	end = (size_t)round_up64(from + length, unit);
	return blk_pwrite(b->file, table + start, end - start, data + start);
}

/* ---- cleaning ---------------------------------------------------------------------------------------------------------- */
static void clean(struct qcow2_cache *c)
{
	while (c->oldest && c->oldest->round != c->round)
		discard(c, c->oldest);
	c->round++;
}

static void *cleaner(void *opaque)
{
	struct blk *b = opaque;
	struct qcow2 *s = b->state;
	struct timespec until;

	pthread_mutex_lock(&b->lock);
	clock_gettime(CLOCK_MONOTONIC, &until);
	for (;;) {
		until.tv_sec += (time_t)s->clean_interval;
		while (!s->cleaner_ends && pthread_cond_timedwait(&s->cleaner_wake, &b->lock, &until) != ETIMEDOUT)
			;
		if (s->cleaner_ends)
			break;
		clean(&s->l2_cache);
		clean(&s->refcount_cache);
	}
	pthread_mutex_unlock(&b->lock);
	return NULL;
}

/*
 * When a table comes into the cache, and not when the image is opened: a server may go to the background in between, and threads stay
 * behind. Without a thread nothing is cleaned, and nothing else is amiss. b->lock held.
 */
void qcow2_cleaner_start(struct blk *b)
{
	struct qcow2 *s = b->state;
	pthread_condattr_t attr;

	if (!s->clean_interval || s->cleaner_pid == getpid())
		return;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&s->cleaner_wake, &attr);
	pthread_condattr_destroy(&attr);
	if (!pthread_create(&s->cleaner, NULL, cleaner, b))
		s->cleaner_pid = getpid();
}

void qcow2_cleaner_end(struct blk *b)
{
	struct qcow2 *s = b->state;

	if (!s->cleaner_pid || s->cleaner_pid != getpid())
		return;
	pthread_mutex_lock(&b->lock);
	s->cleaner_ends = true;
	pthread_cond_signal(&s->cleaner_wake);
	pthread_mutex_unlock(&b->lock);
	pthread_join(s->cleaner, NULL);
	pthread_cond_destroy(&s->cleaner_wake);
	s->cleaner_pid = 0;
	s->cleaner_ends = false;
}
