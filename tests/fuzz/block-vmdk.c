/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fuzz/block-image.h"

static const struct fuzz_base bases[] = {{"subformat=monolithicSparse", 5 << 20, NULL}, {"subformat=streamOptimized", 5 << 20, NULL},
					 {"zeroed_grain=on", 1 << 20, NULL}, {"subformat=monolithicFlat", 1 << 20, NULL},
					 {"subformat=twoGbMaxExtentSparse", 1 << 20, NULL}};
static const uint64_t regions[] = {0, 512, 10752, 11264, 12288, 13312};
FUZZ_FORMAT(.format = "vmdk", .suffix = ".vmdk", .base = bases, .bases = COUNT(bases), .region = regions,
	    .regions = COUNT(regions), .writable = true)
