/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between the parts of the VHDX driver: layout from [MS-VHDX], and the log. */
#ifndef BLOCK_VHDX_H
#define BLOCK_VHDX_H
#include <stdint.h>
#include "base/err.h"
#include "block/block.h"
#include "block/blockmap.h"

enum { VHDX_HEADER_1 = 64 << 10, VHDX_HEADER_2 = 128 << 10, VHDX_REGIONS_1 = 192 << 10, VHDX_REGIONS_2 = 256 << 10,
       VHDX_HEADER_BYTES = 4096, VHDX_REGION_BYTES = 64 << 10, VHDX_MB = 1 << 20, VHDX_LOG_SECTOR = 4096 };
/* [MS-VHDX] 2.2.2 */
enum { HD_SIGNATURE = 0, HD_CHECKSUM = 4, HD_SEQUENCE = 8, HD_FILE_GUID = 16, HD_DATA_GUID = 32, HD_LOG_GUID = 48,
       HD_LOG_VERSION = 64, HD_VERSION = 66, HD_LOG_LENGTH = 68, HD_LOG_OFFSET = 72 };

struct vhdx {
	struct blockmap map; /* first: blockmap.h */
	struct metacache *meta;
	uint8_t header[VHDX_HEADER_BYTES]; /* the current one */
	unsigned current;		   /* 0 or 1: which of the two it is */
	uint64_t log, log_bytes, bat, next;
	uint64_t bat_entries, payload_blocks;
	uint32_t chunk_ratio;
	uint32_t flags; /* of the file parameters item */
	bool fresh;	/* no write yet: the write GUIDs are still those of the last opener */
};

/* CRC-32C (Castagnoli) of n bytes with the four at `hole` taken as zeros; hole SIZE_MAX: none. */
uint32_t vhdx_crc(const uint8_t *p, size_t n, size_t hole);

/* True when the log holds entries that were not applied. */
bool vhdx_log_pending(const struct vhdx *s);
/* Applies them to the file ([MS-VHDX] 2.3.3) and flushes. */
int vhdx_log_replay(struct blk *file, const struct vhdx *s, struct err *e);
#endif
