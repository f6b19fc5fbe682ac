/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "block/vhdx.h"
#include "fuzz/block-image.h"

static void seal(struct disk_file *f, uint64_t at, uint32_t n)
{
	uint8_t sum[4];
	bool changed = false;

	if (at + n > f->size)
		return;
	for (uint64_t p = at / DISK_PAGE; p <= (at + n - 1) / DISK_PAGE; p++)
		changed |= f->dirty[p];
	if (!changed)
		return;
	le32_put(sum, vhdx_crc(f->data + at, n, 4));
	if (memcmp(sum, f->data + at + 4, 4))
		disk_poke(f, at + 4, 4, sum);
}

static void fix(struct disk_file *f)
{
	if (f->size < 1 << 20)
		return;
	seal(f, VHDX_HEADER_1, VHDX_HEADER_BYTES);
	seal(f, VHDX_HEADER_2, VHDX_HEADER_BYTES);
	seal(f, VHDX_REGIONS_1, VHDX_REGION_BYTES);
	seal(f, VHDX_REGIONS_2, VHDX_REGION_BYTES);
	for (uint64_t at = 1 << 20; at < (1 << 20) + 65536 && at + 4096 <= f->size; at += 4096) {
		uint32_t n = le32_get(f->data + at + 8);
		if (!memcmp(f->data + at, "loge", 4) && n >= 64 && n <= 65536)
			seal(f, at, n);
	}
}

static const struct fuzz_base bases[] = {{"block_size=1M", 3 << 20, NULL}, {"subformat=fixed,block_size=1M", 1 << 20, NULL}};
static const uint64_t regions[] = {0, 64 << 10, 128 << 10, 192 << 10, 256 << 10, 1 << 20, (1 << 20) + 4096, 2 << 20, 3 << 20,
				   (3 << 20) + 65536};
FUZZ_FORMAT(.format = "vhdx", .base = bases, .bases = COUNT(bases), .region = regions, .regions = COUNT(regions),
	    .writable = true, .fix = fix)
