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
	uint8_t header[VHDX_HEADER_BYTES]; /* the current one */
	unsigned current;		   /* 0 or 1: which of the two it is */
	uint64_t log, log_bytes, bat, next;
	uint64_t bat_entries, payload_blocks;
	uint32_t chunk_ratio;
	uint32_t flags; /* of the file parameters item */
	bool fresh;	/* no write yet: the write GUIDs are still those of the last opener */
	/* The log as we write it; offsets count in the ring. */
	bool log_live;		 /* the header names its GUID: who comes next must replay it */
	uint8_t log_guid[16];
	uint32_t log_head;	 /* where the next entry goes */
	uint32_t log_tail;	 /* the oldest entry whose changes may not be in place yet; log_head: none */
	uint64_t log_sequence;	 /* of the next entry */
	uint64_t flushed_length; /* the file was at least so long at the last flush */
};

/* CRC-32C (Castagnoli) of n bytes with the four at `hole` taken as zeros; hole SIZE_MAX: none. */
uint32_t vhdx_crc(const uint8_t *p, size_t n, size_t hole);

/* True when the log holds entries that were not applied. */
bool vhdx_log_pending(const struct vhdx *s);
/* Applies them to the file ([MS-VHDX] 2.3.3) and flushes. */
int vhdx_log_replay(struct blk *file, const struct vhdx *s, struct err *e);

enum { VHDX_LOG_SECTORS = 8 }; /* of one entry as we write them */
/*
 * Writes one entry that sets `count` (1..VHDX_LOG_SECTORS) sectors of 4 KB at file offsets at[] to data[], and waits until
 * it is on the disk; then the caller may change them in place. The first entry makes the headers name the log. Under the
 * lock. 0 or -errno.
 */
int vhdx_log_write(struct vhdx *s, unsigned count, const uint64_t *at, const uint8_t (*data)[VHDX_LOG_SECTOR]);
/* Every change is in place and flushed: the headers forget the log. Under the lock, or with nobody else about. */
int vhdx_log_retire(struct vhdx *s);
/* vhdx.c: writes both headers, one after the other, with new sequence numbers. */
int vhdx_switch_headers(struct blk *file, struct vhdx *s);
#endif
