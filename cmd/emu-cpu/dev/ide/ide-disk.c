// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Commands of ATA disks (ATA/ATAPI-6, chapter 8): PIO, multiple and DMA transfers with CHS, 28- and 48-bit addresses, the parameter page, SMART
 * basics, power modes, features; and the devices ide-hd and ide-cd.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../../boot-order.h"
#include "../../machine.h"
#include "ide.h"

enum { SELECT_LBA = 0x40 };
#define SLOW_WRITE (NS_PER_S / 1000)

/* ---- addresses ---- */

static uint64_t address(const struct ide_unit *u)
{
	if (u->lba48)
		return (uint64_t)u->hob_high << 40 | (uint64_t)u->hob_low << 32 | (uint64_t)u->hob_sector << 24 | (uint32_t)u->high << 16 |
		       (uint32_t)u->low << 8 | u->sector;
	if (u->select & SELECT_LBA)
		return (uint32_t)(u->select & 15) << 24 | (uint32_t)u->high << 16 | (uint32_t)u->low << 8 | u->sector;
	uint32_t cylinder = (uint32_t)u->high << 8 | u->low, head = u->select & 15;
	if (!u->sector || u->sector > u->sectors || head >= u->heads)
		return UINT64_MAX;
	return ((uint64_t)cylinder * u->heads + head) * u->sectors + u->sector - 1;
}

static void address_put(struct ide_unit *u, uint64_t lba)
{
	if (u->lba48) {
		u->sector = (uint8_t)lba, u->low = (uint8_t)(lba >> 8), u->high = (uint8_t)(lba >> 16);
		u->hob_sector = (uint8_t)(lba >> 24), u->hob_low = (uint8_t)(lba >> 32), u->hob_high = (uint8_t)(lba >> 40);
	} else if (u->select & SELECT_LBA) {
		u->sector = (uint8_t)lba, u->low = (uint8_t)(lba >> 8), u->high = (uint8_t)(lba >> 16);
		u->select = (u->select & 0xf0) | (lba >> 24 & 15);
	} else if (u->heads && u->sectors) {
		uint32_t track = (uint32_t)(lba / u->sectors);
		u->sector = (uint8_t)(lba % u->sectors + 1);
		u->select = (uint8_t)((u->select & 0xf0) | (track % u->heads));
		u->low = (uint8_t)(track / u->heads);
		u->high = (uint8_t)(track / u->heads >> 8);
	}
}

static uint32_t count_of(const struct ide_unit *u)
{
	uint32_t n = u->lba48 ? (uint32_t)u->hob_count << 8 | u->count : u->count;
	return n ? n : u->lba48 ? 65536 : 256;
}

/* The transfer's place; false: aborted. */
static bool range(struct ide_unit *u)
{
	uint64_t lba = address(u);
	uint32_t n = count_of(u);
	if (lba >= u->total || n > u->total - lba) {
		ide_abort(u, ATA_ID_NOT_FOUND | ATA_ABORTED);
		return false;
	}
	u->lba = lba;
	u->left = n;
	return true;
}

/* ---- requests to the drive ---- */

static void submit(struct ide_unit *u, enum drive_op op, uint64_t offset, uint64_t size, void (*done)(void *, int))
{
	u->req = (struct drive_req){.op = op, .offset = offset, .size = size, .iov = u->iov, .iovs = u->iovs, .done = done, .opaque = u,
				    .fua = op == DRIVE_WRITE && !u->write_cache};
	u->in_flight = true;
	u->status = ATA_BUSY | ATA_READY | ATA_SEEK;
	drive_submit(u->drive, &u->req);
}

static void failed(struct ide_unit *u)
{
	address_put(u, u->lba);
	ide_abort(u, u->writing ? ATA_ABORTED : ATA_UNCORRECTABLE | ATA_ABORTED);
	u->writing = false;
}

/* How many sectors an interrupt of this command stands for. */
static uint32_t block(const struct ide_unit *u)
{
	bool multiple = u->command == 0xc4 || u->command == 0xc5 || u->command == 0x29 || u->command == 0x39;
	uint32_t n = multiple && u->multiple ? u->multiple : 1;
	return n < u->left ? n : u->left;
}

static void advance(struct ide_unit *u, uint32_t n)
{
	u->lba += n;
	u->left -= n;
	address_put(u, u->left ? u->lba : u->lba - 1);
}

/* ---- PIO ---- */

static void pio_read_done(void *opaque, int error)
{
	struct ide_unit *u = opaque;
	u->in_flight = false;
	if (error) {
		failed(u);
		return;
	}
	ide_pio(u, block(u) * IDE_SECTOR, IDE_PIO_READ_MORE);
	ide_irq(u, true);
}

static void pio_read(struct ide_unit *u)
{
	uint32_t n = block(u);
	u->writing = false;
	u->iov[0] = (struct iovec){u->buffer, n * IDE_SECTOR};
	u->iovs = 1;
	submit(u, DRIVE_READ, u->lba * IDE_SECTOR, n * IDE_SECTOR, pio_read_done);
}

static void flushed(void *opaque, int error)
{
	struct ide_unit *u = opaque;
	u->in_flight = false;
	if (error) {
		failed(u);
		return;
	}
	u->status = ATA_READY | ATA_SEEK;
	ide_irq(u, true);
}

static void pio_written(void *opaque)
{
	struct ide_unit *u = opaque;
	advance(u, u->end / IDE_SECTOR);
	if (u->left) {
		u->writing = true;
		ide_pio(u, block(u) * IDE_SECTOR, IDE_PIO_WRITE);
	} else {
		u->status = ATA_READY | ATA_SEEK;
	}
	ide_irq(u, true);
}

static void pio_write_done(void *opaque, int error)
{
	struct ide_unit *u = opaque;
	u->in_flight = false;
	if (error) {
		u->writing = true;
		failed(u);
	} else if (u->slow) {
		timer_set(u->slow, clock_ns(u->channel->bus.machine, CLOCK_VIRT) + SLOW_WRITE);
	} else {
		pio_written(u);
	}
}

/*
 * The installer of Windows 2000 takes a disk that has written a block before its own interrupt handler has ended for a full one. With -win2k-hack
 * the unit stays busy for a millisecond more, as drives of that time did.
 */
void ide_disk_slow(struct ide_unit *u)
{
	u->slow = timer_new(u->channel->bus.machine, CLOCK_VIRT, pio_written, u);
}

void ide_disk_hurry(struct ide_unit *u, bool forget)
{
	if (!u->slow || !timer_armed(u->slow))
		return;
	timer_stop(u->slow);
	if (!forget)
		pio_written(u);
}

static void pio_write_begin(struct ide_unit *u)
{
	u->writing = true;
	ide_pio(u, block(u) * IDE_SECTOR, IDE_PIO_WRITE); /* the first block is asked for without an interrupt */
}

/* The host has taken or given a block. */
void ide_disk_after(struct ide_unit *u)
{
	switch (u->after) {
	case IDE_PIO_READ_MORE:
		advance(u, u->end / IDE_SECTOR);
		if (u->left)
			pio_read(u);
		else
			u->status = ATA_READY | ATA_SEEK;
		break;
	case IDE_PIO_WRITE:
		u->iov[0] = (struct iovec){u->buffer, u->end};
		u->iovs = 1;
		submit(u, DRIVE_WRITE, u->lba * IDE_SECTOR, u->end, pio_write_done);
		break;
	default: u->status = ATA_READY | ATA_SEEK; break;
	}
}

/* ---- DMA ---- */

static void dma_done(void *opaque, int error);

static void dma_continue(struct ide_unit *u)
{
	struct ide_dma *d = &u->channel->dma;
	uint64_t want = (uint64_t)u->left * IDE_SECTOR;
	if (!want) {
		u->dma_wanted = u->dma_active = false;
		u->status = ATA_READY | ATA_SEEK;
		u->writing = false;
		d->finished(d->opaque, false);
		ide_irq(u, true);
		return;
	}
	if (want > 1u << 20)
		want = 1u << 20;
	uint64_t got = d->map(d->opaque, want, !u->writing, u->iov, sizeof u->iov / sizeof u->iov[0], &u->iovs);
	/* A table that ends in the middle of a sector, or that leads to no memory: the transfer stops there. */
	if (!got || got % IDE_SECTOR) {
		d->unmap(d->opaque, u->iov, u->iovs, false);
		u->dma_wanted = u->dma_active = false;
		u->status = ATA_READY | ATA_SEEK | ATA_ERR;
		u->error = ATA_ABORTED;
		d->finished(d->opaque, true);
		ide_irq(u, true);
		return;
	}
	submit(u, u->writing ? DRIVE_WRITE : DRIVE_READ, u->lba * IDE_SECTOR, got, dma_done);
}

static void dma_done(void *opaque, int error)
{
	struct ide_unit *u = opaque;
	struct ide_dma *d = &u->channel->dma;
	u->in_flight = false;
	d->unmap(d->opaque, u->iov, u->iovs, !u->writing && !error);
	if (error) {
		u->dma_wanted = u->dma_active = false;
		d->finished(d->opaque, true);
		failed(u);
		return;
	}
	advance(u, (uint32_t)(u->req.size / IDE_SECTOR));
	dma_continue(u);
}

void ide_disk_dma_go(struct ide_unit *u)
{
	dma_continue(u);
}

static void dma_begin(struct ide_unit *u, bool write)
{
	struct ide_dma *d = &u->channel->dma;
	if (!d->request) {
		ide_abort(u, ATA_ABORTED);
		return;
	}
	if (!range(u))
		return;
	u->writing = write;
	u->dma_wanted = true;
	u->dma_active = false;
	u->status = ATA_READY | ATA_SEEK | ATA_DRQ;
	u->at = u->end = 0;
	d->request(d->opaque, u);
}

/* ---- SMART (8.41): attributes that never go bad ---- */

enum { SMART_VALUES = 0xd0, SMART_THRESHOLDS = 0xd1, SMART_AUTOSAVE = 0xd2, SMART_SAVE = 0xd3, SMART_OFFLINE = 0xd4, SMART_READ_LOG = 0xd5,
       SMART_ENABLE = 0xd8, SMART_DISABLE = 0xd9, SMART_STATUS = 0xda };
static const struct { uint8_t id, flags, value, worst, raw, threshold; } smart_attributes[] = {
	{1, 3, 100, 100, 0, 6}, {3, 3, 100, 100, 16, 0}, {4, 2, 100, 100, 100, 20}, {5, 3, 100, 100, 0, 36}, {9, 3, 100, 100, 1, 0},
	{12, 3, 100, 100, 0, 0}, {190, 3, 69, 69, 31, 50},
};

static void smart_sum(uint8_t *p)
{
	uint8_t sum = 0;
	for (unsigned i = 0; i < 511; i++)
		sum = (uint8_t)(sum + p[i]);
	p[511] = (uint8_t)-sum;
}

static void smart(struct ide_unit *u)
{
	uint8_t *p = u->buffer;
	if (u->low != 0x4f || u->high != 0xc2 || (!u->smart && u->feature != SMART_ENABLE)) {
		ide_abort(u, ATA_ABORTED);
		return;
	}
	switch (u->feature) {
	case SMART_ENABLE:
	case SMART_DISABLE: u->smart = u->feature == SMART_ENABLE; break;
	case SMART_AUTOSAVE: case SMART_SAVE: case SMART_OFFLINE: break;
	case SMART_STATUS: break; /* 4f, c2 stay: no threshold is exceeded */
	case SMART_VALUES:
	case SMART_THRESHOLDS:
		memset(p, 0, 512);
		p[0] = 1;
		for (unsigned i = 0; i < sizeof smart_attributes / sizeof smart_attributes[0]; i++) {
			uint8_t *a = p + 2 + 12 * i;
			a[0] = smart_attributes[i].id;
			if (u->feature == SMART_THRESHOLDS) {
				a[1] = smart_attributes[i].threshold;
				continue;
			}
			a[1] = smart_attributes[i].flags;
			a[3] = smart_attributes[i].value;
			a[4] = smart_attributes[i].worst;
			a[5] = smart_attributes[i].raw;
		}
		if (u->feature == SMART_VALUES) {
			p[362] = 2; /* off-line collection was completed */
			p[364] = 0x20, p[365] = 1;
			p[367] = 0x10 | 3; /* self tests, error log */
			p[368] = 3;
			p[370] = 1;
			p[372] = 2, p[373] = 54;
		}
		smart_sum(p);
		u->writing = false;
		ide_pio(u, 512, IDE_NOTHING);
		break;
	case SMART_READ_LOG:
		memset(p, 0, 512);
		if (u->sector == 1)
			p[0] = 1; /* summary error log: none */
		else if (u->sector == 6)
			p[0] = 1; /* self-test log: none */
		else if (u->sector) {
			ide_abort(u, ATA_ABORTED);
			return;
		}
		smart_sum(p);
		u->writing = false;
		ide_pio(u, 512, IDE_NOTHING);
		break;
	default: ide_abort(u, ATA_ABORTED); return;
	}
	ide_irq(u, true);
}

/* ---- features (8.46) ---- */

static void set_features(struct ide_unit *u)
{
	switch (u->feature) {
	case 0x02: u->write_cache = true; break;
	case 0x82:
		u->write_cache = false;
		u->iovs = 0;
		submit(u, DRIVE_FLUSH, 0, 0, flushed);
		return;
	case 0x03:
		switch (u->count >> 3) {
		case 0: case 1: u->pio_mode = u->count; break;
		case 2: case 4: u->dma_mode = u->count; break;
		case 8: u->dma_mode = u->count; break;
		default: ide_abort(u, ATA_ABORTED); return;
		}
		break;
	case 0xaa: u->look_ahead = true; break;
	case 0x55: u->look_ahead = false; break;
	case 0x05: case 0x85: case 0x42: case 0xc2: case 0x66: case 0xcc: break; /* power and acoustic management, defaults */
	default: ide_abort(u, ATA_ABORTED); return;
	}
	ide_irq(u, true);
}

/* ---- the command table ---- */

enum kind { READ_, WRITE_, READ_DMA, WRITE_DMA, VERIFY, FLUSH_, OTHER };
struct row { uint8_t code, kind; bool lba48; };
static const struct row rows[] = {
	{0x20, READ_, false}, {0x21, READ_, false}, {0x24, READ_, true}, {0xc4, READ_, false}, {0x29, READ_, true},
	{0x30, WRITE_, false}, {0x31, WRITE_, false}, {0x34, WRITE_, true}, {0xc5, WRITE_, false}, {0x39, WRITE_, true}, {0x3c, WRITE_, false},
	{0xc8, READ_DMA, false}, {0xc9, READ_DMA, false}, {0x25, READ_DMA, true},
	{0xca, WRITE_DMA, false}, {0xcb, WRITE_DMA, false}, {0x35, WRITE_DMA, true}, {0x3d, WRITE_DMA, true},
	{0x40, VERIFY, false}, {0x41, VERIFY, false}, {0x42, VERIFY, true},
	{0xe7, FLUSH_, false}, {0xea, FLUSH_, true},
};

static void finish(struct ide_unit *u)
{
	u->status = ATA_READY | ATA_SEEK;
	ide_irq(u, true);
}

static void other(struct ide_unit *u)
{
	switch (u->command) {
	case 0xec: /* IDENTIFY DEVICE */
		ide_identify(u, u->buffer);
		u->writing = false;
		ide_pio(u, 512, IDE_NOTHING);
		ide_irq(u, true);
		break;
	case 0x91: /* INITIALIZE DEVICE PARAMETERS */
		if (!u->count) {
			ide_abort(u, ATA_ABORTED);
			break;
		}
		u->sectors = u->count;
		u->heads = (uint8_t)((u->select & 15) + 1);
		u->cylinders = (uint16_t)(u->total / (u->sectors * u->heads) > 65535 ? 65535 : u->total / (u->sectors * u->heads));
		finish(u);
		break;
	case 0xc6: /* SET MULTIPLE MODE */
		if (u->count > IDE_MULTIPLE_MAX || u->count & (u->count - 1)) {
			ide_abort(u, ATA_ABORTED);
			break;
		}
		u->multiple = u->count;
		finish(u);
		break;
	case 0xef: set_features(u); break;
	case 0xb0: smart(u); break;
	case 0xf8: /* READ NATIVE MAX ADDRESS */
	case 0x27: {
		uint64_t last = u->total - 1;
		u->lba48 = u->command == 0x27;
		if (!u->lba48) {
			u->select |= SELECT_LBA;
			if (last > 0x0fffffff)
				last = 0x0fffffff;
		}
		address_put(u, last);
		finish(u);
		break;
	}
	case 0xe5: case 0x98: /* CHECK POWER MODE: active */
		u->count = 0xff;
		finish(u);
		break;
	case 0xf5: /* SECURITY FREEZE LOCK */
		u->security_frozen = true;
		finish(u);
		break;
	case 0xe0: case 0xe1: case 0xe2: case 0xe3: case 0xe6: case 0x94: case 0x95: case 0x96: case 0x97: case 0x99: /* standby, idle, sleep */
	case 0x70: /* SEEK */
		finish(u);
		break;
	default:
		if (u->command >> 4 == 1) /* RECALIBRATE */
			finish(u);
		else
			ide_abort(u, ATA_ABORTED);
	}
}

void ide_disk_command(struct ide_unit *u)
{
	uint8_t kind = OTHER;
	u->lba48 = false;
	u->after = IDE_NOTHING;
	for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (rows[i].code == u->command) {
			kind = rows[i].kind;
			u->lba48 = rows[i].lba48;
		}
	bool multiple = u->command == 0xc4 || u->command == 0xc5 || u->command == 0x29 || u->command == 0x39;
	if (multiple && !u->multiple) {
		ide_abort(u, ATA_ABORTED);
		return;
	}
	struct drive_info i;
	drive_info(u->drive, &i);
	if (i.readonly && (kind == WRITE_ || kind == WRITE_DMA)) {
		ide_abort(u, ATA_ABORTED);
		return;
	}
	switch (kind) {
	case READ_:
		if (range(u))
			pio_read(u);
		break;
	case WRITE_:
		if (range(u))
			pio_write_begin(u);
		break;
	case READ_DMA: dma_begin(u, false); break;
	case WRITE_DMA: dma_begin(u, true); break;
	case VERIFY:
		if (range(u))
			finish(u);
		break;
	case FLUSH_:
		u->iovs = 0;
		submit(u, DRIVE_FLUSH, 0, 0, flushed);
		break;
	default: other(u);
	}
}

/* ---- geometry (8.15.8, and what firmware of old makes of it) ---- */

void ide_disk_geometry(struct ide_unit *u)
{
	struct drive_info i;
	drive_info(u->drive, &i);
	u->total = i.size / IDE_SECTOR;
	if (i.cylinders) {
		u->default_cylinders = (uint16_t)(i.cylinders > 16383 ? 16383 : i.cylinders);
		u->default_heads = (uint8_t)(i.heads > 16 ? 16 : i.heads);
		u->default_sectors = (uint8_t)(i.sectors > 63 ? 63 : i.sectors);
		return;
	}
	uint64_t cylinders = u->total / (16 * 63);
	u->default_cylinders = (uint16_t)(cylinders > 16383 ? 16383 : cylinders < 2 ? 2 : cylinders);
	u->default_heads = 16;
	u->default_sectors = 63;
}
