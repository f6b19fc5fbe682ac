/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fuzz/block-image.h"

static void checksum(uint8_t *p, size_t n, size_t at)
{
	uint32_t sum = 0;

	memset(p + at, 0, 4);
	for (size_t i = 0; i < n; i++)
		sum += p[i];
	be32_put(p + at, ~sum);
}

static void fix(uint8_t *image, size_t size)
{
	if (size >= 2048 && !memcmp(image, "conectix", 8))
		checksum(image, 512, 64);
	if (size >= 2048 && !memcmp(image + 512, "cxsparse", 8))
		checksum(image + 512, 1024, 36);
	if (size >= 512 && !memcmp(image + size - 512, "conectix", 8))
		checksum(image + size - 512, 512, 64);
}

static const struct fuzz_base bases[] = {{"force_size=on", 5 << 20}, {"subformat=fixed", 1 << 20}};
static const uint64_t regions[] = {0, 512, 1536, 1079296};
FUZZ_FORMAT(.format = "vpc", .base = bases, .bases = COUNT(bases), .region = regions, .regions = COUNT(regions),
	    .writable = true, .fix = fix)
