/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "block/readahead.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS 8

struct slot {
	uint64_t offset;
	size_t length, room;
	uint8_t *data;
	bool busy;        /* is being filled: the range is announced, the data are not there yet */
	unsigned readers; /* copy out of it */
	uint64_t used;    /* time of the last use */
};

struct readahead {
	uint64_t size, end, clock;
	readahead_fetch *fetch;
	void *opaque;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct slot slot[SLOTS];
};

struct readahead *readahead_new(uint64_t size, uint64_t end, readahead_fetch *fetch, void *opaque)
{
	struct readahead *r = calloc(1, sizeof *r);

	if (!r)
		return NULL;
	r->size = size;
	r->end = end;
	r->fetch = fetch;
	r->opaque = opaque;
	pthread_mutex_init(&r->lock, NULL);
	pthread_cond_init(&r->changed, NULL);
	return r;
}

void readahead_free(struct readahead *r)
{
	if (!r)
		return;
	for (unsigned i = 0; i < SLOTS; i++)
		free(r->slot[i].data);
	pthread_cond_destroy(&r->changed);
	pthread_mutex_destroy(&r->lock);
	free(r);
}

static struct slot *holder(struct readahead *r, uint64_t offset)
{
	for (unsigned i = 0; i < SLOTS; i++) {
		struct slot *s = &r->slot[i];
		if (s->length && offset >= s->offset && offset - s->offset < s->length)
			return s;
	}
	return NULL;
}

/* The slot unused for longest; NULL where all are in use. */
static struct slot *victim(struct readahead *r)
{
	struct slot *best = NULL;

	for (unsigned i = 0; i < SLOTS; i++) {
		struct slot *s = &r->slot[i];
		if (!s->busy && !s->readers && (!best || s->used < best->used))
			best = s;
	}
	return best;
}

/* Fills a slot from `offset` on. Called and returns with the lock held. */
static int fill(struct readahead *r, struct slot *s, uint64_t offset, size_t length)
{
	uint64_t want = (uint64_t)length + r->size;
	int e = 0;

	if (want > r->end - offset)
		want = r->end - offset;
	s->length = 0;
	if (s->room < want) {
		free(s->data);
		s->data = malloc((size_t)want);
		s->room = s->data ? (size_t)want : 0;
		if (!s->data)
			return -ENOMEM;
	}
	s->offset = offset;
	s->length = (size_t)want;
	s->busy = true;
	pthread_mutex_unlock(&r->lock);
	e = r->fetch(r->opaque, offset, (size_t)want, s->data);
	pthread_mutex_lock(&r->lock);
	s->busy = false;
	if (e)
		s->length = 0;
	pthread_cond_broadcast(&r->changed);
	return e;
}

int readahead_read(struct readahead *r, uint64_t offset, size_t length, void *buf)
{
	uint8_t *out = buf;
	int e = 0;

	pthread_mutex_lock(&r->lock);
	while (length && !e) {
		struct slot *s = holder(r, offset);
		if (s && s->busy) {
			pthread_cond_wait(&r->changed, &r->lock);
		} else if (s) {
			size_t n = s->length - (size_t)(offset - s->offset);
			if (n > length)
				n = length;
			s->used = ++r->clock;
			s->readers++;
			pthread_mutex_unlock(&r->lock);
			memcpy(out, s->data + (offset - s->offset), n);
			pthread_mutex_lock(&r->lock);
			if (!--s->readers)
				pthread_cond_broadcast(&r->changed);
			out += n;
			offset += n;
			length -= n;
		} else if (length > r->size) { /* large enough as it is */
			pthread_mutex_unlock(&r->lock);
			return r->fetch(r->opaque, offset, length, out);
		} else if ((s = victim(r))) {
			e = fill(r, s, offset, length);
		} else {
			pthread_cond_wait(&r->changed, &r->lock);
		}
	}
	pthread_mutex_unlock(&r->lock);
	return e;
}
