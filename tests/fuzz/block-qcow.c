/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fuzz/block-image.h"

static const struct fuzz_base bases[] = {{"", 5 << 20, NULL}};
static const uint64_t regions[] = {0, 48, 4096};
FUZZ_FORMAT(.format = "qcow", .base = bases, .bases = COUNT(bases), .region = regions, .regions = COUNT(regions),
	    .writable = true)
