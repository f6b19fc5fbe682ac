/* SPDX-License-Identifier: GPL-2.0-or-later */
/* null-co and null-aio: a disk of a given size that forgets what is written. For measuring everything else. */
#include <errno.h>
#include <string.h>
#include <time.h>
#include "block/block.h"

struct null {
	uint64_t latency_ns;
	bool zeroes;
};

static int null_open(struct blk *b, struct err *e)
{
	struct null *s = b->state;

	(void)e;
	b->size = blk_opts_size(b->opts, "size", 1u << 30);
	s->latency_ns = blk_opts_number(b->opts, "latency-ns", 0);
	s->zeroes = blk_opts_bool(b->opts, "read-zeroes", false);
	return 0;
}

static void wait_a_while(const struct null *s)
{
	struct timespec t = {.tv_sec = (time_t)(s->latency_ns / 1000000000), .tv_nsec = (long)(s->latency_ns % 1000000000)};

	if (s->latency_ns)
		nanosleep(&t, NULL);
}

static int null_pread(struct blk *b, uint64_t offset, size_t length, void *buf)
{
	struct null *s = b->state;

	(void)offset;
	wait_a_while(s);
	if (s->zeroes)
		memset(buf, 0, length);
	return 0;
}

static int null_pwrite(struct blk *b, uint64_t offset, size_t length, const void *buf, unsigned flags)
{
	(void)offset;
	(void)length;
	(void)buf;
	(void)flags;
	wait_a_while(b->state);
	return 0;
}

static int null_zeroes(struct blk *b, uint64_t offset, uint64_t length, unsigned flags)
{
	(void)offset;
	(void)length;
	(void)flags;
	wait_a_while(b->state);
	return 0;
}

static int null_flush(struct blk *b)
{
	wait_a_while(b->state);
	return 0;
}

static int null_status(struct blk *b, uint64_t offset, uint64_t length, struct blk_status *st)
{
	struct null *s = b->state;

	st->flags = BLK_ST_ALLOCATED | BLK_ST_OFFSET | (s->zeroes ? BLK_ST_ZERO : BLK_ST_DATA);
	st->offset = offset;
	st->length = length;
	st->file = b;
	return 0;
}

static int64_t null_allocated(struct blk *b)
{
	(void)b;
	return 0;
}

static int null_parse(const char *filename, json_t *options, struct err *e)
{
	(void)filename; /* "null-co://" and nothing else */
	(void)options;
	(void)e;
	return 0;
}

static const struct blk_option null_options[] = {
	{"size", BLK_OPT_SIZE, "size of the null block", NULL, NULL},
	{"latency-ns", BLK_OPT_NUMBER, "nanoseconds (approximated) to wait before completing request", NULL, NULL},
	{"read-zeroes", BLK_OPT_BOOL, "return zeroes when read", NULL, NULL},
	{.name = NULL},
};
static const char *const co_prefixes[] = {"null-co", NULL}, *const aio_prefixes[] = {"null-aio", NULL};

#define NULL_HOOKS                                                                                             \
	.flags = BLK_F_PROTOCOL, .state_size = sizeof(struct null), .options = null_options, .parse_filename = null_parse, \
	.open = null_open, .pread = null_pread, .pwrite = null_pwrite, .pwrite_zeroes = null_zeroes,           \
	.discard = NULL, .flush = null_flush, .block_status = null_status, .allocated_size = null_allocated
BLOCK_FORMAT(null_co) = {.name = "null-co", .prefixes = co_prefixes, NULL_HOOKS};
BLOCK_FORMAT(null_aio) = {.name = "null-aio", .prefixes = aio_prefixes, NULL_HOOKS};
