/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * throttle: limits of operations and bytes a second. A leaky bucket each for all, read and written operations and bytes:
 * a request waits until every bucket that counts it has run low enough. Buckets hold a tenth of a second unless
 * "-max" says more.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "block/filter.h"

enum { BPS, BPS_READ, BPS_WRITE, IOPS, IOPS_READ, IOPS_WRITE, BUCKETS };
static const char *const names[BUCKETS] = {"bps-total", "bps-read", "bps-write", "iops-total", "iops-read", "iops-write"};

struct bucket {
	double rate, room, level; /* units a second, units, units */
};
struct throttle {
	struct bucket bucket[BUCKETS];
	double op_size;
	pthread_mutex_t lock;
	struct timespec last;
};

static int throttle_open(struct blk *b, struct err *e)
{
	struct throttle *s = b->state;

	for (unsigned i = 0; i < BUCKETS; i++) {
		char name[64], most[64], legacy[64];
		uint64_t max, length;
		snprintf(name, sizeof name, "limits.%s", names[i]);
		snprintf(most, sizeof most, "limits.%s-max", names[i]);
		snprintf(legacy, sizeof legacy, "limits.%s-max-length", names[i]);
		s->bucket[i].rate = (double)blk_opts_size(b->opts, name, 0);
		max = blk_opts_size(b->opts, most, 0);
		length = blk_opts_number(b->opts, legacy, 1);
		if (max && !s->bucket[i].rate)
			return err_set(e, EINVAL, "%s needs %s", most, name);
		if (max && (double)max < s->bucket[i].rate)
			return err_set(e, EINVAL, "%s cannot be lower than %s", most, name);
		s->bucket[i].room = max ? (double)max * (double)length : s->bucket[i].rate / 10;
	}
	if (s->bucket[BPS].rate && (s->bucket[BPS_READ].rate || s->bucket[BPS_WRITE].rate))
		return err_set(e, EINVAL, "bps/iops/max total values and read/write values cannot be used at the same time");
	if (s->bucket[IOPS].rate && (s->bucket[IOPS_READ].rate || s->bucket[IOPS_WRITE].rate))
		return err_set(e, EINVAL, "bps/iops/max total values and read/write values cannot be used at the same time");
	s->op_size = (double)blk_opts_size(b->opts, "limits.iops-size", 0);
	pthread_mutex_init(&s->lock, NULL);
	clock_gettime(CLOCK_MONOTONIC, &s->last);
	return 0;
}

static void throttle_close(struct blk *b)
{
	pthread_mutex_destroy(&((struct throttle *)b->state)->lock);
}

/* Puts the request into the buckets and sleeps off what is too much. */
static void pay(struct throttle *s, uint64_t length, bool write)
{
	double wait = 0, ops = s->op_size && (double)length > s->op_size ? (double)length / s->op_size : 1;
	struct timespec now, t;

	pthread_mutex_lock(&s->lock);
	clock_gettime(CLOCK_MONOTONIC, &now);
	double passed = (double)(now.tv_sec - s->last.tv_sec) + (double)(now.tv_nsec - s->last.tv_nsec) / 1e9;
	s->last = now;
	for (unsigned i = 0; i < BUCKETS; i++) {
		struct bucket *k = &s->bucket[i];
		bool counts = i == BPS || i == IOPS || (write ? i == BPS_WRITE || i == IOPS_WRITE : i == BPS_READ || i == IOPS_READ);
		if (!k->rate)
			continue;
		k->level = k->level > passed * k->rate ? k->level - passed * k->rate : 0;
		if (!counts)
			continue;
		k->level += i < IOPS ? (double)length : ops;
		if (k->level > k->room && (k->level - k->room) / k->rate > wait)
			wait = (k->level - k->room) / k->rate;
	}
	pthread_mutex_unlock(&s->lock);
	if (wait > 0) {
		t = (struct timespec){.tv_sec = (time_t)wait, .tv_nsec = (long)((wait - (double)(time_t)wait) * 1e9)};
		while (nanosleep(&t, &t) && errno == EINTR)
			;
	}
}

static int throttle_pread(struct blk *b, uint64_t offset, size_t length, void *buf)
{
	pay(b->state, length, false);
	return blk_pread(b->file, offset, length, buf);
}

static int throttle_pwrite(struct blk *b, uint64_t offset, size_t length, const void *buf, unsigned flags)
{
	pay(b->state, length, true);
	return blk_pwrite_flags(b->file, offset, length, buf, flags);
}

static int throttle_zeroes(struct blk *b, uint64_t offset, uint64_t length, unsigned flags)
{
	pay(b->state, length, true);
	return blk_pwrite_zeroes(b->file, offset, length, flags);
}

#define LIMIT(n)                                                                                               \
	{"limits." n, BLK_OPT_SIZE, "limit a second", NULL, NULL},                                             \
	{"limits." n "-max", BLK_OPT_SIZE, "burst a second", NULL, NULL},                                      \
	{"limits." n "-max-length", BLK_OPT_NUMBER, "length of the burst in seconds", NULL, NULL}
static const struct blk_option throttle_options[] = {
	LIMIT("bps-total"), LIMIT("bps-read"), LIMIT("bps-write"), LIMIT("iops-total"), LIMIT("iops-read"), LIMIT("iops-write"),
	{"limits.iops-size", BLK_OPT_SIZE, "bytes that count as one operation", NULL, NULL},
	{.name = NULL},
};
BLOCK_FORMAT(throttle) = {
	.name = "throttle", .flags = BLK_F_FILTER | BLK_F_NO_FORMAT, .state_size = sizeof(struct throttle), .options = throttle_options,
	.open = throttle_open, .close = throttle_close, .pread = throttle_pread, .pwrite = throttle_pwrite,
	.pwrite_zeroes = throttle_zeroes, .discard = filter_discard, .truncate = filter_truncate, .get_size = filter_get_size,
};
