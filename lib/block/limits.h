/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Limits of bytes and operations a second, for the throttle filter and for disks. Any number of disks may share one set (a group).
 * Everything here may be called from any thread.
 */
#ifndef BLOCK_LIMITS_H
#define BLOCK_LIMITS_H
#include <stdbool.h>
#include <stdint.h>
#include <time.h>
#include "base/err.h"

enum { LIMIT_BPS, LIMIT_BPS_READ, LIMIT_BPS_WRITE, LIMIT_IOPS, LIMIT_IOPS_READ, LIMIT_IOPS_WRITE, LIMIT_COUNT };

struct blk_limit_values {
	uint64_t rate[LIMIT_COUNT];   /* units a second; 0: no limit */
	uint64_t most[LIMIT_COUNT];   /* units a second in a burst; 0: none */
	uint64_t length[LIMIT_COUNT]; /* seconds that a burst may last; 0 means 1 */
	uint64_t op_size;             /* bytes that count as one operation; 0: every request is one */
};
#define LIMIT_HIGHEST 1000000000000000ull /* of a rate */

struct blk_limits;

/* Do the values go together? names[i] is how the caller's user calls limit i. */
int blk_limits_check(const struct blk_limit_values *v, const char *const names[LIMIT_COUNT], struct err *e);
struct blk_limits *blk_limits_new(void); /* without limits; one reference. NULL: out of memory */
struct blk_limits *blk_limits_ref(struct blk_limits *l);
void blk_limits_unref(struct blk_limits *l); /* NULL is allowed; nobody may be waiting */
void blk_limits_set(struct blk_limits *l, const struct blk_limit_values *v); /* checked; who waits goes on at once */
void blk_limits_get(struct blk_limits *l, struct blk_limit_values *v);
/* Counts a request and waits until its turn. */
/* The same for who has a clock of his own: counts a request that comes at `now` (CLOCK_MONOTONIC, never back) and returns the seconds it has to wait. */
double blk_limits_due(struct blk_limits *l, const struct timespec *now, uint64_t length, bool write);
void blk_limits_pay(struct blk_limits *l, uint64_t length, bool write);
/* on: nobody waits any more, whoever does goes on (the server ends). */
void blk_limits_suspend(struct blk_limits *l, bool on);
#endif
