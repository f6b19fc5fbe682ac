/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fuzz/block-image.h"

static const struct fuzz_base bases[] = {{"static=off", 5 << 20, NULL}, {"static=on", 1 << 20, NULL}};
static const uint64_t regions[] = {0, 256, 512};
FUZZ_FORMAT(.format = "vdi", .base = bases, .bases = COUNT(bases), .region = regions, .regions = COUNT(regions),
	    .writable = true)
