/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fuzz/block-image.h"

static const struct fuzz_base bases[] = {{"cluster_size=65536", 5 << 20, NULL}, {"cluster_size=512", 1 << 20, NULL}};
static const uint64_t regions[] = {0, 64, 65536};
FUZZ_FORMAT(.format = "parallels", .base = bases, .bases = COUNT(bases), .region = regions, .regions = COUNT(regions),
	    .writable = true)
