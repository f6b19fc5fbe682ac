// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ATAPI CD/DVD-ROM: the PACKET command (ATA/ATAPI-6, 9.8 and 9.9). What the packets themselves mean is in mmc.c.
 */
#include <errno.h>
#include <string.h>
#include "../../machine.h"
#include "ide.h"

/* ---- how a packet ends ---- */

static void reason(struct ide_unit *u, unsigned bits)
{
	u->count = (uint8_t)((u->count & ~7u) | bits);
}

static void good(struct ide_unit *u)
{
	u->status = ATA_READY;
	u->error = 0;
	mmc_sense(&u->mmc, SENSE_NONE, 0, 0);
	u->packet_size = u->packet_at = 0;
	reason(u, ATAPI_COMMAND | ATAPI_TO_HOST);
	ide_irq(u, true);
}

/* The command failed for what mmc says. */
static void check(struct ide_unit *u)
{
	unsigned key = u->mmc.sense_key;
	u->error = (uint8_t)(key << 4 | (key == SENSE_ILLEGAL_REQUEST ? ATA_ABORTED : 0));
	u->status = ATA_READY | ATA_ERR;
	u->packet_size = u->packet_at = 0;
	u->at = u->end = 0;
	u->after = IDE_NOTHING;
	reason(u, ATAPI_COMMAND | ATAPI_TO_HOST);
	if (u->dma_wanted) {
		u->dma_wanted = u->dma_active = false;
		u->channel->dma.finished(u->channel->dma.opaque, true);
	}
	ide_irq(u, true);
}

static void fail(struct ide_unit *u, unsigned key, unsigned asc)
{
	mmc_sense(&u->mmc, key, asc, 0);
	check(u);
}

/* ---- answers ---- */

/* The next piece of the answer, which stands in the buffer from `at` on, as many bytes as the host takes at once. */
static void offer(struct ide_unit *u, uint32_t at, uint32_t n)
{
	u->low = (uint8_t)n;
	u->high = (uint8_t)(n >> 8);
	u->at = at;
	u->end = at + n;
	u->after = IDE_ATAPI_MORE;
	u->status = ATA_READY | ATA_DRQ;
	reason(u, ATAPI_TO_HOST);
	ide_irq(u, true);
}

/* DMA: the answer in the buffer goes out through the descriptor table. */
static void dma_buffer(struct ide_unit *u)
{
	struct ide_dma *d = &u->channel->dma;
	uint32_t done = 0;
	while (done < u->packet_size) {
		uint64_t got = d->map(d->opaque, u->packet_size - done, true, u->iov, sizeof u->iov / sizeof u->iov[0], &u->iovs);
		if (!got)
			break;
		for (unsigned i = 0; i < u->iovs; i++) {
			memcpy(u->iov[i].iov_base, u->buffer + done, u->iov[i].iov_len);
			done += (uint32_t)u->iov[i].iov_len;
		}
		d->unmap(d->opaque, u->iov, u->iovs, true);
	}
	bool whole = done >= u->packet_size;
	u->dma_wanted = u->dma_active = false;
	d->finished(d->opaque, !whole);
	good(u);
}

static void want_dma(struct ide_unit *u)
{
	u->dma_wanted = true;
	u->dma_active = false;
	u->status = ATA_READY | ATA_DRQ;
	reason(u, ATAPI_TO_HOST);
	u->channel->dma.request(u->channel->dma.opaque, u);
}

/* An answer of size bytes in the buffer. */
static void answer(struct ide_unit *u, uint32_t size)
{
	u->packet_size = size;
	u->packet_at = 0;
	u->left = 0;
	if (u->packet_dma) {
		want_dma(u);
		return;
	}
	uint32_t n = u->byte_limit < size ? u->byte_limit & ~1u : size;
	offer(u, 0, n ? n : size);
}

/* ---- reading sectors ---- */

/* Sectors that stand in the buffer one after the other become whole raw sectors, the last first. */
static void make_raw(struct ide_unit *u, uint32_t sectors)
{
	for (uint32_t i = sectors; i-- > 0;) {
		uint8_t data[CD_SECTOR];
		memcpy(data, u->buffer + i * CD_SECTOR, sizeof data);
		mmc_raw_sector(u->buffer + i * MMC_RAW_SECTOR, (uint32_t)u->lba + i, data);
	}
}

static void read_next(struct ide_unit *u);

static void read_done(void *opaque, int error)
{
	struct ide_unit *u = opaque;
	u->in_flight = false;
	if (error) {
		fail(u, error == -ENOMEDIUM ? SENSE_NOT_READY : SENSE_MEDIUM_ERROR, error == -ENOMEDIUM ? ASC_NO_MEDIUM : ASC_READ_ERROR);
		return;
	}
	uint32_t sectors = (uint32_t)(u->req.size / CD_SECTOR);
	if (u->cd_sector_size == MMC_RAW_SECTOR)
		make_raw(u, sectors);
	u->lba += sectors;
	u->left -= sectors;
	u->packet_size = sectors * u->cd_sector_size;
	u->packet_at = 0;
	uint32_t n = u->byte_limit < u->packet_size ? u->byte_limit & ~1u : u->packet_size;
	offer(u, 0, n);
}

/* PIO: as many sectors as the buffer holds whole. */
static void read_next(struct ide_unit *u)
{
	uint32_t n = IDE_BUFFER / MMC_RAW_SECTOR / 2;
	if (n > u->left)
		n = u->left;
	u->iov[0] = (struct iovec){u->buffer, n * CD_SECTOR};
	u->iovs = 1;
	u->req = (struct drive_req){.op = DRIVE_READ, .offset = u->lba * CD_SECTOR, .size = n * CD_SECTOR, .iov = u->iov, .iovs = 1,
				    .done = read_done, .opaque = u};
	u->status = ATA_BUSY;
	u->in_flight = true;
	drive_submit(u->drive, &u->req);
}

static void dma_read_next(struct ide_unit *u);

static void dma_read_done(void *opaque, int error)
{
	struct ide_unit *u = opaque;
	struct ide_dma *d = &u->channel->dma;
	u->in_flight = false;
	d->unmap(d->opaque, u->iov, u->iovs, !error);
	if (error) {
		fail(u, SENSE_MEDIUM_ERROR, ASC_READ_ERROR);
		return;
	}
	uint32_t n = (uint32_t)(u->req.size / CD_SECTOR);
	u->lba += n;
	u->left -= n;
	dma_read_next(u);
}

/* User data goes straight to the guest's memory. */
static void dma_read_next(struct ide_unit *u)
{
	struct ide_dma *d = &u->channel->dma;
	if (!u->left) {
		u->dma_wanted = u->dma_active = false;
		d->finished(d->opaque, false);
		good(u);
		return;
	}
	uint64_t want = (uint64_t)u->left * CD_SECTOR;
	if (want > 1u << 20)
		want = 1u << 20;
	uint64_t got = d->map(d->opaque, want, true, u->iov, sizeof u->iov / sizeof u->iov[0], &u->iovs);
	if (!got || got % CD_SECTOR) {
		d->unmap(d->opaque, u->iov, u->iovs, false);
		fail(u, SENSE_ILLEGAL_REQUEST, ASC_INVALID_FIELD);
		return;
	}
	u->req = (struct drive_req){.op = DRIVE_READ, .offset = u->lba * CD_SECTOR, .size = got, .iov = u->iov, .iovs = u->iovs,
				    .done = dma_read_done, .opaque = u};
	u->status = ATA_BUSY;
	u->in_flight = true;
	drive_submit(u->drive, &u->req);
}

/* Raw sectors are made in the buffer, a buffer's worth at a time, before they go out. */
static void raw_dma(struct ide_unit *u)
{
	uint32_t sectors = u->left < IDE_BUFFER / MMC_RAW_SECTOR / 2 ? u->left : IDE_BUFFER / MMC_RAW_SECTOR / 2;
	if (sectors < u->left || drive_pread(u->drive, u->lba * CD_SECTOR, u->buffer, sectors * CD_SECTOR)) {
		fail(u, sectors < u->left ? SENSE_ILLEGAL_REQUEST : SENSE_MEDIUM_ERROR, sectors < u->left ? ASC_INVALID_FIELD : ASC_READ_ERROR);
		return;
	}
	make_raw(u, sectors);
	u->packet_size = sectors * MMC_RAW_SECTOR;
	dma_buffer(u);
}

void atapi_dma_go(struct ide_unit *u)
{
	if (!u->left)
		dma_buffer(u);
	else if (u->cd_sector_size == MMC_RAW_SECTOR)
		raw_dma(u);
	else
		dma_read_next(u);
}

static void read_sectors(struct ide_unit *u, const struct mmc_answer *a)
{
	u->lba = a->lba;
	u->left = a->sectors;
	u->cd_sector_size = a->sector_size;
	if (u->packet_dma)
		want_dma(u);
	else
		read_next(u);
}

/* The host has taken a piece. */
void atapi_after(struct ide_unit *u)
{
	u->packet_at = u->end;
	if (u->after == IDE_ATAPI_WRITE) { /* parameters of MODE SELECT: accepted, nothing in them changes anything */
		good(u);
	} else if (u->packet_at < u->packet_size) {
		uint32_t rest = u->packet_size - u->packet_at, n = u->byte_limit < rest ? u->byte_limit & ~1u : rest;
		offer(u, u->packet_at, n);
	} else if (u->left) {
		read_next(u);
	} else {
		good(u);
	}
}

/* ---- packets ---- */

/* Parameters of MODE SELECT: n bytes from the host. */
static void take(struct ide_unit *u, uint32_t n)
{
	u->writing = true;
	u->at = 0;
	u->end = (n + 1) & ~1u;
	u->after = IDE_ATAPI_WRITE;
	u->low = (uint8_t)n;
	u->high = (uint8_t)(n >> 8);
	u->status = ATA_READY | ATA_DRQ;
	reason(u, 0);
	ide_irq(u, true);
}

void atapi_packet(struct ide_unit *u)
{
	u->status = ATA_BUSY;
	u->packet_size = u->packet_at = 0;
	u->left = 0;
	struct mmc_answer a = mmc_packet(&u->mmc, u->packet, u->buffer);
	switch (a.what) {
	case MMC_GOOD: good(u); break;
	case MMC_CHECK: check(u); break;
	case MMC_DATA: answer(u, a.size); break;
	case MMC_READ: read_sectors(u, &a); break;
	case MMC_TAKE: take(u, a.size); break;
	}
}

/* ---- ATA commands of a packet device ---- */

void atapi_command(struct ide_unit *u)
{
	switch (u->command) {
	case 0xa0: /* PACKET */
		if (u->feature & 2) { /* overlapped */
			ide_abort(u, ATA_ABORTED);
			return;
		}
		u->packet_dma = u->feature & 1;
		if (u->packet_dma && !u->channel->dma.request) {
			ide_abort(u, ATA_ABORTED);
			return;
		}
		u->byte_limit = (uint16_t)(u->low | u->high << 8);
		if (u->byte_limit == 0xffff)
			u->byte_limit = 0xfffe;
		if (u->byte_limit < 2)
			u->byte_limit = 0xfffe; /* drivers that leave it 0 with DMA mean no limit */
		u->writing = true;
		u->at = 0;
		u->end = 12;
		u->after = IDE_PACKET;
		u->status = ATA_READY | ATA_DRQ;
		reason(u, ATAPI_COMMAND);
		break;
	case 0xa1: /* IDENTIFY PACKET DEVICE */
		ide_identify(u, u->buffer);
		u->writing = false;
		ide_pio(u, 512, IDE_IGNORE);
		u->status = ATA_READY | ATA_DRQ;
		ide_irq(u, true);
		break;
	case 0xec: /* IDENTIFY DEVICE: refused with the signature, so that the host tries the other (9.12) */
		ide_signature(u);
		ide_abort(u, ATA_ABORTED);
		break;
	case 0xef: /* SET FEATURES */
		if (u->feature == 3 && u->count >> 3 <= 8) {
			if (u->count >> 3 >= 2)
				u->dma_mode = u->count;
			u->status = ATA_READY;
			ide_irq(u, true);
		} else if (u->feature == 3 || u->feature == 0x66 || u->feature == 0xcc) {
			u->status = ATA_READY;
			ide_irq(u, true);
		} else {
			ide_abort(u, ATA_ABORTED);
		}
		break;
	case 0xe0: case 0xe1: case 0xe2: case 0xe3: case 0xe6: case 0xe7: case 0xea: case 0x00:
		if (!u->command) {
			ide_abort(u, ATA_ABORTED);
			break;
		}
		u->status = ATA_READY;
		ide_irq(u, true);
		break;
	case 0xe5:
		u->count = 0xff;
		u->status = ATA_READY;
		ide_irq(u, true);
		break;
	default: ide_abort(u, ATA_ABORTED);
	}
}

void atapi_medium(struct ide_unit *u, bool is)
{
	mmc_medium(&u->mmc, is);
}
