/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Limits with a clock of the test's own: a client that always has `depth` requests under way gets what the limit allows, to within a per cent, with bursts and
 * without, in bytes, in operations, and in operations of a size. The burst is the classic's: a bucket of most * length that runs out at the rate, and one of a
 * tenth of a second's worth that runs out at most.
 */
#include <math.h>
#include <time.h>
#include "block/limits.h"
#include "tap.h"

#define DEPTH_MAX 32

/* How much of requests of `length` bytes are done after `seconds`. */
static double done_after(const struct blk_limit_values *v, double seconds, uint64_t length, bool write, unsigned depth)
{
	struct blk_limits *l = blk_limits_new();
	struct timespec base;
	double over[DEPTH_MAX] = {0}, sum = 0;

	blk_limits_set(l, v);
	clock_gettime(CLOCK_MONOTONIC, &base);
	for (;;) {
		unsigned next = 0;
		struct timespec now = base;
		for (unsigned i = 1; i < depth; i++)
			next = over[i] < over[next] ? i : next;
		if (over[next] >= seconds)
			break;
		/* The request before this one is over now, and the next one comes. */
		now.tv_sec += (time_t)over[next] + 1;
		now.tv_nsec += (long)((over[next] - floor(over[next])) * 1e9);
		if (now.tv_nsec >= 1000000000) {
			now.tv_sec++;
			now.tv_nsec -= 1000000000;
		}
		over[next] += blk_limits_due(l, &now, length, write);
		sum += over[next] < seconds ? (double)length : 0;
	}
	blk_limits_unref(l);
	return sum;
}

static void check(const char *what, const struct blk_limit_values *v, double seconds, uint64_t length, bool write, double due)
{
	for (unsigned depth = 1; depth <= DEPTH_MAX; depth *= 4) {
		double got = done_after(v, seconds, length, write, depth);
		ok(fabs(got / due - 1) < 0.01 + (double)length * depth / due, "%s, depth %u: %.4f of what is due in %.0f s", what, depth, got / due, seconds);
	}
}

int main(void)
{
	struct blk_limit_values v = {0};

	/* The first tenth of a second's worth is free. */
	v.rate[LIMIT_BPS] = 10 << 20;
	check("bytes", &v, 20, 4096, true, (10 << 20) * 20.1);
	check("bytes, large requests", &v, 20, 1 << 20, false, (10 << 20) * 20.1);
	v = (struct blk_limit_values){.rate = {[LIMIT_IOPS_READ] = 500}};
	check("reads", &v, 20, 4096, false, 4096 * 500 * 20.1);
	v = (struct blk_limit_values){.rate = {[LIMIT_IOPS] = 100}, .op_size = 16384};
	check("operations of 16 KiB", &v, 50, 65536, true, 16384 * 100 * 50.1);
	/* The bucket of 400 * 3 is full when 40 + 400 t = 1200 + 100 t. */
	v = (struct blk_limit_values){.rate = {[LIMIT_IOPS_WRITE] = 100}, .most = {[LIMIT_IOPS_WRITE] = 400}, .length = {[LIMIT_IOPS_WRITE] = 3}};
	check("a burst while it lasts", &v, 3, 4096, true, 4096 * (40 + 400 * 3.0));
	check("a burst and what follows", &v, 60, 4096, true, 4096 * (1200 + 100 * 60.0));
	/* Without a length: most units at once. */
	v = (struct blk_limit_values){.rate = {[LIMIT_BPS_WRITE] = 1 << 20}, .most = {[LIMIT_BPS_WRITE] = 8 << 20}};
	check("a burst of no length", &v, 30, 65536, true, (8 << 20) + (1 << 20) * 30.0);
	/* Both kinds at once: the tighter one. */
	v = (struct blk_limit_values){.rate = {[LIMIT_BPS] = 1 << 20, [LIMIT_IOPS] = 1000}};
	check("bytes are tighter than operations", &v, 20, 65536, true, (1 << 20) * 20.1);
	check("operations are tighter than bytes", &v, 20, 512, true, 512 * 1000 * 20.1);
	return tap_done();
}
