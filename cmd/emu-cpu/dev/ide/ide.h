/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ATA disks and ATAPI CD-ROMs (T13 ATA/ATAPI-6, draft 1410D rev. 3b; INF-8020i, MMC-3 for packets), two on a channel, behind any host
 * adapter (piix3-ide.c, isa-ide.c).
 *
 * Files: ide.c registers and channels, ide-disk.c commands of disks, ide-identify.c what they say of themselves, atapi.c the
 * PACKET command (the packets: mmc.c).
 */
#ifndef EMU_CPU_IDE_H
#define EMU_CPU_IDE_H
#include "../../device.h"
#include "../../drive.h"
#include "../../mmc.h"

enum { ATA_BUSY = 0x80, ATA_READY = 0x40, ATA_FAULT = 0x20, ATA_SEEK = 0x10, ATA_DRQ = 8, ATA_ERR = 1 };
enum { ATA_ABORTED = 4, ATA_ID_NOT_FOUND = 0x10, ATA_UNCORRECTABLE = 0x40, ATA_MEDIA_CHANGED = 0x20 };
/* ATAPI: interrupt reason in the sector count register */
enum { ATAPI_COMMAND = 1, ATAPI_TO_HOST = 2 };

#define IDE_SECTOR 512
#define CD_SECTOR 2048
#define IDE_BUFFER (256 * IDE_SECTOR) /* what one transfer to or from the host takes at a time */
#define IDE_MULTIPLE_MAX 16

struct ide_unit;
struct ide_channel;

/* The adapter's bus-master engine; NULL members: there is none, DMA commands are aborted. */
struct ide_dma {
	/* A unit wants to move `size` bytes; the engine calls ide_dma_go() when its start bit is set (at once if it is). */
	void (*request)(void *opaque, struct ide_unit *u);
	/* Host memory of the next `size` bytes of the descriptor table, as pieces; returns how many bytes they have (less: table is short). */
	uint64_t (*map)(void *opaque, uint64_t size, bool to_memory, struct iovec *iov, unsigned max, unsigned *count);
	void (*unmap)(void *opaque, struct iovec *iov, unsigned count, bool written);
	/* The command is over: active falls, with the error and interrupt bits. */
	void (*finished)(void *opaque, bool error);
	void *opaque;
};

struct ide_unit {
	struct ide_channel *channel;
	struct device *dev;        /* the ide-hd or ide-cd; NULL: nobody is here */
	struct drive *drive;
	bool cd;
	uint8_t index;             /* 0 master, 1 slave */
	/* task file; hob: the byte written before (LBA48) */
	uint8_t feature, error, count, sector, low, high, select, status;
	uint8_t hob_feature, hob_count, hob_sector, hob_low, hob_high;
	uint8_t command;
	bool lba48;
	/* geometry now in effect, and of the medium */
	uint16_t cylinders, default_cylinders;
	uint8_t heads, sectors, default_heads, default_sectors;
	uint64_t total;            /* sectors of 512; of a CD see mmc */
	uint8_t multiple;          /* sectors an interrupt, 0: off */
	uint8_t dma_mode, pio_mode;/* as SET FEATURES 03h was given */
	bool write_cache, look_ahead, smart, security_frozen;
	char serial[21], model[41], firmware[9];
	uint64_t wwn;
	uint16_t rotation;
	uint32_t physical, logical;
	/* transfer under way */
	uint64_t lba;
	uint32_t left;             /* sectors */
	uint8_t *buffer;           /* IDE_BUFFER bytes */
	uint32_t buffer_size;      /* IDE_BUFFER, or 0: nobody is here */
	uint32_t at, end;          /* of the buffer, while DRQ is set */
	uint8_t after;             /* enum ide_after: what follows when the host has moved it all */
	bool writing;
	struct drive_req req;
	struct timer *slow;        /* -win2k-hack: a written block is done so much later; NULL: at once */
	bool in_flight, abort;     /* abort: forget the answer (reset) */
	struct iovec iov[256];
	unsigned iovs;
	bool dma_wanted, dma_active;
	/* ATAPI */
	struct mmc mmc;
	uint8_t packet[12];
	uint32_t packet_size, packet_at; /* bytes of the answer in all, and moved */
	uint16_t byte_limit;       /* of one piece */
	bool packet_dma;
	uint32_t cd_sector_size;   /* of what is being read: user data, or raw sectors */
};

enum ide_after { IDE_NOTHING, IDE_PIO_READ_MORE, IDE_PIO_WRITE, IDE_PACKET, IDE_ATAPI_MORE, IDE_ATAPI_WRITE, IDE_IGNORE };

struct ide_channel {
	struct bus bus;            /* "IDE" */
	struct ide_unit unit[2];
	uint8_t selected, control; /* device control register */
	const struct irq *irq;
	bool irq_level;
	struct ide_dma dma;
	unsigned number;
};

/* ---- for adapters ---- */
void ide_channel_init(struct ide_channel *c, const char *name, struct device *owner, struct machine *m, unsigned number, const struct irq *irq);
void ide_channel_reset(struct ide_channel *c);
/* Command block: reg 0..7, size 2 or 4 only for reg 0; control block: device control and alternate status. */
uint32_t ide_read(struct ide_channel *c, unsigned reg, unsigned size);
void ide_write(struct ide_channel *c, unsigned reg, uint32_t value, unsigned size);
uint8_t ide_alternate_status(const struct ide_channel *c);
void ide_control(struct ide_channel *c, uint8_t value);
void ide_dma_go(struct ide_unit *u);
extern const struct field ide_channel_fields[];
int ide_channel_loaded(struct ide_channel *c, struct err *e);
void ide_channel_saving(struct ide_channel *c);
/* Disks that -disk put on interface "ide" of this channel (bus, unit): makes the devices. */
int ide_channel_populate(struct ide_channel *c, struct err *e);

/* ---- between the files ---- */
void ide_irq(struct ide_unit *u, bool level);
void ide_abort(struct ide_unit *u, uint8_t error);
/* Data for the host (or room for it) of n bytes in the buffer; then `after`. */
void ide_pio(struct ide_unit *u, uint32_t n, enum ide_after after);
void ide_disk_command(struct ide_unit *u);
void ide_disk_after(struct ide_unit *u);
void ide_disk_geometry(struct ide_unit *u);
void ide_disk_slow(struct ide_unit *u);
/* A written block that waits for its time is done now, or forgotten. */
void ide_disk_hurry(struct ide_unit *u, bool forget);
void ide_identify(struct ide_unit *u, uint8_t out[512]);
void ide_signature(struct ide_unit *u);
void atapi_command(struct ide_unit *u);
void atapi_packet(struct ide_unit *u);
void atapi_after(struct ide_unit *u);
void atapi_dma_go(struct ide_unit *u);
void atapi_medium(struct ide_unit *u, bool present);
void ide_disk_dma_go(struct ide_unit *u);
#endif
