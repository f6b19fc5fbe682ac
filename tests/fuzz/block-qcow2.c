/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fuzz/block-image.h"

static void snapshot(struct blk *b)
{
	struct blk_snapshot s = {.name = "first"};
	struct err e = ERR_INIT;

	if (b->fmt->snapshot_create(b, &s, &e) || blk_pwrite(b, 1024, 512, fuzz.data))
		abort();
}

static void bitmap(struct blk *b)
{
	struct err e = ERR_INIT;

	if (!blk_dirty_add(b, "b", 65536, true, -1, &e))
		abort();
}

static void zeroes(struct blk *b)
{
	blk_pwrite_zeroes(b, 16384, 16384, 0);
	blk_pwrite_zeroes(b, 0, 512, BLK_ZERO_MAY_UNMAP);
}

static const struct fuzz_base bases[] = {
	{"cluster_size=512,compat=0.10", 64 << 10, NULL},
	{"cluster_size=512", 64 << 10, zeroes},
	{"cluster_size=512", 64 << 10, snapshot},
	{"cluster_size=512", 64 << 10, bitmap},
	{"cluster_size=512,lazy_refcounts=on,refcount_bits=1", 64 << 10, zeroes},
	{"cluster_size=4096,refcount_bits=64", 256 << 10, snapshot},
	{"cluster_size=16384,extended_l2=on", 256 << 10, zeroes},
	{"cluster_size=4096,compression_type=zstd", 256 << 10, NULL},
	{"cluster_size=512,data_file=mem:/data", 64 << 10, zeroes},
	{"cluster_size=512,data_file=mem:/data-raw,data_file_raw=on", 64 << 10, NULL},
	{"cluster_size=65536", 4 << 20, bitmap},
};
/* Each counts 64 KB; the small images lie in the first. */
static const uint64_t regions[] = {0, 512, 1024, 1536, 2048, 4096, 8192, 65536, 131072, 196608, 262144};
FUZZ_FORMAT(.format = "qcow2", .base = bases, .bases = COUNT(bases), .region = regions, .regions = COUNT(regions),
	    .writable = true)
