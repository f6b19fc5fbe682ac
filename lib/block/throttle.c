/* SPDX-License-Identifier: GPL-2.0-or-later */
/* throttle: a filter with limits of operations and bytes a second. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "block/filter.h"
#include "block/limits.h"

static const char *const names[LIMIT_COUNT] = {"bps-total", "bps-read", "bps-write", "iops-total", "iops-read", "iops-write"};

struct throttle {
	struct blk_limits *limits;
};

static int throttle_open(struct blk *b, struct err *e)
{
	struct throttle *s = b->state;
	struct blk_limit_values v = {.op_size = blk_opts_size(b->opts, "limits.iops-size", 0)};
	int r;

	for (unsigned i = 0; i < LIMIT_COUNT; i++) {
		char name[64];
		snprintf(name, sizeof name, "limits.%s", names[i]);
		v.rate[i] = blk_opts_size(b->opts, name, 0);
		snprintf(name, sizeof name, "limits.%s-max", names[i]);
		v.most[i] = blk_opts_size(b->opts, name, 0);
		snprintf(name, sizeof name, "limits.%s-max-length", names[i]);
		v.length[i] = blk_opts_number(b->opts, name, 1);
	}
	if ((r = blk_limits_check(&v, names, e)))
		return r;
	s->limits = blk_limits_new();
	if (!s->limits)
		return err_set(e, ENOMEM, "out of memory");
	blk_limits_set(s->limits, &v);
	return 0;
}

static void throttle_close(struct blk *b)
{
	blk_limits_unref(((struct throttle *)b->state)->limits);
}

static int throttle_pread(struct blk *b, uint64_t offset, size_t length, void *buf)
{
	blk_limits_pay(((struct throttle *)b->state)->limits, length, false);
	return blk_pread(b->file, offset, length, buf);
}

static int throttle_pwrite(struct blk *b, uint64_t offset, size_t length, const void *buf, unsigned flags)
{
	blk_limits_pay(((struct throttle *)b->state)->limits, length, true);
	return blk_pwrite_flags(b->file, offset, length, buf, flags);
}

static int throttle_zeroes(struct blk *b, uint64_t offset, uint64_t length, unsigned flags)
{
	blk_limits_pay(((struct throttle *)b->state)->limits, length, true);
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
