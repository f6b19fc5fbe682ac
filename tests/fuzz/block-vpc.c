/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fuzz/block-image.h"

static void checksum(struct disk_file *f, uint64_t from, size_t n, size_t at)
{
	uint8_t raw[4];
	uint32_t sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += i - at < 4 ? 0 : f->data[from + i];
	be32_put(raw, ~sum);
	if (memcmp(raw, f->data + from + at, 4))
		disk_poke(f, from + at, 4, raw);
}

static void fix(struct disk_file *f)
{
	if (f->size >= 2048 && !memcmp(f->data, "conectix", 8))
		checksum(f, 0, 512, 64);
	if (f->size >= 2048 && !memcmp(f->data + 512, "cxsparse", 8))
		checksum(f, 512, 1024, 36);
	if (f->size >= 512 && !memcmp(f->data + f->size - 512, "conectix", 8))
		checksum(f, f->size - 512, 512, 64);
}

static const struct fuzz_base bases[] = {{"force_size=on", 5 << 20, NULL}, {"subformat=fixed", 1 << 20, NULL}};
static const uint64_t regions[] = {0, 512, 1536, 1079296};
FUZZ_FORMAT(.format = "vpc", .base = bases, .bases = COUNT(bases), .region = regions, .regions = COUNT(regions),
	    .writable = true, .fix = fix)
