/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fuzz/block-image.h"

static const struct fuzz_base bases[] = {{"cluster_size=4096,table_size=2", 5 << 20, NULL}};
static const uint64_t regions[] = {0, 4096, 8192, 12288};
FUZZ_FORMAT(.format = "qed", .base = bases, .bases = COUNT(bases), .region = regions, .regions = COUNT(regions),
	    .writable = true)
