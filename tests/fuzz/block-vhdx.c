/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "block/vhdx.h"
#include "fuzz/block-image.h"

static void fix(uint8_t *p, size_t size)
{
	if (size < 1 << 20)
		return;
	le32_put(p + VHDX_HEADER_1 + 4, vhdx_crc(p + VHDX_HEADER_1, 4096, 4));
	le32_put(p + VHDX_HEADER_2 + 4, vhdx_crc(p + VHDX_HEADER_2, 4096, 4));
	le32_put(p + VHDX_REGIONS_1 + 4, vhdx_crc(p + VHDX_REGIONS_1, VHDX_REGION_BYTES, 4));
	le32_put(p + VHDX_REGIONS_2 + 4, vhdx_crc(p + VHDX_REGIONS_2, VHDX_REGION_BYTES, 4));
	for (size_t at = 1 << 20; at < (1 << 20) + 65536 && at + 4096 <= size; at += 4096) {
		uint32_t n = le32_get(p + at + 8);
		if (!memcmp(p + at, "loge", 4) && n >= 64 && n <= 65536 && at + n <= size)
			le32_put(p + at + 4, vhdx_crc(p + at, n, 4));
	}
}

static const struct fuzz_base bases[] = {{"block_size=1M", 3 << 20}, {"subformat=fixed,block_size=1M", 1 << 20}};
static const uint64_t regions[] = {0, 64 << 10, 128 << 10, 192 << 10, 256 << 10, 1 << 20, (1 << 20) + 4096, 2 << 20, 3 << 20,
				   (3 << 20) + 65536};
FUZZ_FORMAT(.format = "vhdx", .base = bases, .bases = COUNT(bases), .region = regions, .regions = COUNT(regions),
	    .writable = true, .fix = fix)
