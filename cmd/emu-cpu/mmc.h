/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a CD/DVD-ROM answers to a command packet (MMC-3, T10/1363-D; SPC-3), whatever the packet came over: ATAPI (dev/ide/atapi.c) or SCSI
 * (dev/scsi/scsi-cd.c). The medium is one data track; audio is not modelled.
 */
#ifndef EMU_CPU_MMC_H
#define EMU_CPU_MMC_H
#include "drive.h"

#define MMC_SECTOR 2048
#define MMC_RAW_SECTOR 2352
#define MMC_BUFFER 4096 /* room for any answer */

enum { SENSE_NONE = 0, SENSE_NOT_READY = 2, SENSE_MEDIUM_ERROR = 3, SENSE_HARDWARE_ERROR = 4, SENSE_ILLEGAL_REQUEST = 5, SENSE_UNIT_ATTENTION = 6,
       SENSE_DATA_PROTECT = 7, SENSE_ABORTED = 11, SENSE_MISCOMPARE = 14 };
enum { ASC_INVALID_COMMAND = 0x20, ASC_LBA = 0x21, ASC_INVALID_FIELD = 0x24, ASC_MEDIUM_CHANGED = 0x28, ASC_SAVING = 0x39, ASC_NO_MEDIUM = 0x3a,
       ASC_NO_REMOVAL = 0x53, ASC_READ_ERROR = 0x11 };

struct mmc {
	struct drive *drive;
	uint64_t total;           /* sectors of 2048 bytes */
	bool changed, locked, tray_open, event_new;
	uint8_t sense_key, sense_asc, sense_ascq; /* of the last command; REQUEST SENSE tells */
	/* for INQUIRY */
	bool scsi;                /* not ATAPI: the version and response format of SPC-3 */
	const char *vendor, *product, *version, *serial;
	uint64_t wwn;             /* 0: none */
};

struct mmc_answer {
	enum mmc_what {
		MMC_GOOD,
		MMC_CHECK,        /* sense_… say why */
		MMC_DATA,         /* `size` bytes of the buffer, already cut to what the initiator allows */
		MMC_READ,         /* `sectors` (not 0) from lba, each of sector_size bytes (MMC_SECTOR or MMC_RAW_SECTOR) */
		MMC_TAKE,         /* `size` bytes of parameters come from the initiator; they change nothing */
	} what;
	uint32_t size, lba, sectors, sector_size;
};

/* packet: 12 bytes at least. buffer: MMC_BUFFER bytes. */
struct mmc_answer mmc_packet(struct mmc *m, const uint8_t *packet, uint8_t *buffer);
bool mmc_present(const struct mmc *m);
/* The medium was changed or taken out, or the tray moved by the host. */
void mmc_medium(struct mmc *m, bool present);
void mmc_sense(struct mmc *m, unsigned key, unsigned asc, unsigned ascq);
/* A mode 1 sector (ECMA-130, clause 14 and annex A) around 2048 bytes: sync, header, data, EDC, ECC. out: MMC_RAW_SECTOR bytes, apart from data. */
void mmc_raw_sector(uint8_t *out, uint32_t lba, const uint8_t *data);

extern const struct field mmc_fields[]; /* F_STRUCT(T, mmc, mmc_fields) */

/* Big-endian integers, as all SCSI structures have them. */
static inline unsigned be16_get(const uint8_t *p) { return (unsigned)p[0] << 8 | p[1]; }
static inline uint32_t be32_get(const uint8_t *p) { return (uint32_t)be16_get(p) << 16 | be16_get(p + 2); }
static inline uint64_t be64_get(const uint8_t *p) { return (uint64_t)be32_get(p) << 32 | be32_get(p + 4); }
static inline void be16_put(uint8_t *p, unsigned v) { p[0] = (uint8_t)(v >> 8); p[1] = (uint8_t)v; }
static inline void be32_put(uint8_t *p, uint32_t v) { be16_put(p, v >> 16); be16_put(p + 2, v & 0xffff); }
static inline void be64_put(uint8_t *p, uint64_t v) { be32_put(p, (uint32_t)(v >> 32)); be32_put(p + 4, (uint32_t)v); }
#endif
