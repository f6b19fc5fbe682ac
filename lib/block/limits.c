/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation: leaky buckets. Each limit has a bucket that runs out at its rate; a request pours its bytes or operations in and
 * waits until no more than the room is left above the bottom. Without a burst the room is a tenth of a second's worth; with
 * one it is what the burst may have (most x length), and where the burst is longer than a second a second bucket, which runs out at
 * the burst's rate and has a tenth of a second's room, keeps it from being spent at once. Requests are counted in order of arrival, so each
 * waits for what came before it.
 */
#include "block/limits.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct bucket {
	double rate, room, level;       /* units a second, units, units */
	double burst_rate, burst_level; /* 0: no second bucket */
};

struct blk_limits {
	unsigned refs;
	bool active;   /* any limit; read without the lock */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	uint64_t version;
	bool suspended;
	struct bucket bucket[LIMIT_COUNT];
	struct blk_limit_values values;
	struct timespec last;
};

int blk_limits_check(const struct blk_limit_values *v, const char *const names[LIMIT_COUNT], struct err *e)
{
	for (unsigned base = 0; base < LIMIT_COUNT; base += 3) {
		if (v->rate[base] && (v->rate[base + 1] || v->rate[base + 2]))
			return err_set(e, EINVAL, "bps/iops/max total values and read/write values cannot be used at the same time");
		if (v->most[base] && (v->most[base + 1] || v->most[base + 2]))
			return err_set(e, EINVAL, "bps/iops/max total values and read/write values cannot be used at the same time");
	}
	for (unsigned i = 0; i < LIMIT_COUNT; i++) {
		if (v->rate[i] > LIMIT_HIGHEST || v->most[i] > LIMIT_HIGHEST)
			return err_set(e, EINVAL, "bps/iops/max values must be within [0, %llu] (%s)", LIMIT_HIGHEST, names[i]);
		if (v->most[i] && !v->rate[i])
			return err_set(e, EINVAL, "bps_max/iops_max require corresponding bps/iops values (%s)", names[i]);
		if (v->most[i] && v->most[i] < v->rate[i])
			return err_set(e, EINVAL, "bps_max/iops_max cannot be lower than bps/iops (%s)", names[i]);
		if (v->length[i] > 1 && !v->most[i])
			return err_set(e, EINVAL, "burst length set without burst rate (%s)", names[i]);
		if (v->length[i] && v->most[i] && v->length[i] > LIMIT_HIGHEST / v->most[i])
			return err_set(e, EINVAL, "burst length too high for this burst rate (%s)", names[i]);
	}
	if (v->op_size && !v->rate[LIMIT_IOPS] && !v->rate[LIMIT_IOPS_READ] && !v->rate[LIMIT_IOPS_WRITE])
		return err_set(e, EINVAL, "iops size requires an iops value to be set");
	return 0;
}

struct blk_limits *blk_limits_new(void)
{
	struct blk_limits *l = calloc(1, sizeof *l);
	pthread_condattr_t attr;

	if (!l)
		return NULL;
	l->refs = 1;
	pthread_mutex_init(&l->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&l->changed, &attr);
	pthread_condattr_destroy(&attr);
	return l;
}

struct blk_limits *blk_limits_ref(struct blk_limits *l)
{
	__atomic_add_fetch(&l->refs, 1, __ATOMIC_RELAXED);
	return l;
}

void blk_limits_unref(struct blk_limits *l)
{
	if (!l || __atomic_sub_fetch(&l->refs, 1, __ATOMIC_ACQ_REL))
		return;
	pthread_cond_destroy(&l->changed);
	pthread_mutex_destroy(&l->lock);
	free(l);
}

void blk_limits_set(struct blk_limits *l, const struct blk_limit_values *v)
{
	bool any = false;

	pthread_mutex_lock(&l->lock);
	l->values = *v;
	for (unsigned i = 0; i < LIMIT_COUNT; i++) {
		uint64_t length = v->length[i] ? v->length[i] : 1;
		l->values.length[i] = length;
		l->bucket[i] = (struct bucket){
			.rate = (double)v->rate[i],
			.room = v->most[i] ? (double)v->most[i] * (double)length : (double)v->rate[i] / 10,
			.burst_rate = length > 1 ? (double)v->most[i] : 0,
		};
		any |= v->rate[i] != 0;
	}
	clock_gettime(CLOCK_MONOTONIC, &l->last);
	__atomic_store_n(&l->active, any, __ATOMIC_RELAXED);
	l->version++;
	pthread_cond_broadcast(&l->changed);
	pthread_mutex_unlock(&l->lock);
}

void blk_limits_get(struct blk_limits *l, struct blk_limit_values *v)
{
	pthread_mutex_lock(&l->lock);
	*v = l->values;
	pthread_mutex_unlock(&l->lock);
}

void blk_limits_suspend(struct blk_limits *l, bool on)
{
	pthread_mutex_lock(&l->lock);
	l->suspended = on;
	pthread_cond_broadcast(&l->changed);
	pthread_mutex_unlock(&l->lock);
}

static bool counts(unsigned i, bool write)
{
	return i == LIMIT_BPS || i == LIMIT_IOPS || (write ? i == LIMIT_BPS_WRITE || i == LIMIT_IOPS_WRITE : i == LIMIT_BPS_READ || i == LIMIT_IOPS_READ);
}

/* Lets the buckets run, pours the request in, and says for how many seconds it waits. */
static double pour(struct blk_limits *l, const struct timespec *now, uint64_t length, bool write)
{
	double passed = (double)(now->tv_sec - l->last.tv_sec) + (double)(now->tv_nsec - l->last.tv_nsec) / 1e9;
	uint64_t size = l->values.op_size;
	double ops = size && length > size ? (double)length / (double)size : 1, wait = 0;

	l->last = *now;
	for (unsigned i = 0; i < LIMIT_COUNT; i++) {
		struct bucket *k = &l->bucket[i];
		double units = i < LIMIT_IOPS ? (double)length : ops, over;
		if (!k->rate)
			continue;
		k->level = k->level > passed * k->rate ? k->level - passed * k->rate : 0;
		k->burst_level = k->burst_level > passed * k->burst_rate ? k->burst_level - passed * k->burst_rate : 0;
		if (!counts(i, write))
			continue;
		k->level += units;
		over = (k->level - k->room) / k->rate;
		wait = over > wait ? over : wait;
		if (k->burst_rate) {
			k->burst_level += units;
			over = (k->burst_level - k->burst_rate / 10) / k->burst_rate;
			wait = over > wait ? over : wait;
		}
	}
	return wait;
}

double blk_limits_due(struct blk_limits *l, const struct timespec *now, uint64_t length, bool write)
{
	double wait;

	pthread_mutex_lock(&l->lock);
	wait = pour(l, now, length, write);
	pthread_mutex_unlock(&l->lock);
	return wait;
}

void blk_limits_pay(struct blk_limits *l, uint64_t length, bool write)
{
	struct timespec until;
	uint64_t version;
	double wait;

	if (!__atomic_load_n(&l->active, __ATOMIC_RELAXED))
		return;
	pthread_mutex_lock(&l->lock);
	clock_gettime(CLOCK_MONOTONIC, &until);
	wait = pour(l, &until, length, write);
	version = l->version;
	if (wait > 1e9)
		wait = 1e9;
	until.tv_sec += (time_t)wait;
	until.tv_nsec += (long)((wait - (double)(time_t)wait) * 1e9);
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	while (wait > 0 && l->version == version && !l->suspended)
		if (pthread_cond_timedwait(&l->changed, &l->lock, &until) == ETIMEDOUT)
			break;
	pthread_mutex_unlock(&l->lock);
}
