// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ATAPI CD/DVD-ROM: the PACKET command (ATA/ATAPI-6, 9.8 and 9.9) and the packets of MMC-3 (T10/1363-D), INF-8020i's where older drivers use
 * them. The medium is one data track; audio is not modelled.
 */
#include <errno.h>
#include <string.h>
#include "../../machine.h"
#include "ide.h"

enum { NO_SENSE = 0, NOT_READY = 2, MEDIUM_ERROR = 3, ILLEGAL_REQUEST = 5, UNIT_ATTENTION = 6 };
enum { ASC_INVALID_COMMAND = 0x20, ASC_LBA = 0x21, ASC_INVALID_FIELD = 0x24, ASC_MEDIUM_CHANGED = 0x28, ASC_SAVING = 0x39, ASC_NO_MEDIUM = 0x3a,
       ASC_NO_REMOVAL = 0x53, ASC_READ_ERROR = 0x11 };
enum { RAW_SECTOR = 2352 };

static unsigned get16(const uint8_t *p)
{
	return (unsigned)p[0] << 8 | p[1];
}

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)get16(p) << 16 | get16(p + 2);
}

static void put16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v & 0xffff);
}

static bool present(const struct ide_unit *u)
{
	struct drive_info i;
	drive_info(u->drive, &i);
	return i.present && !u->tray_open;
}

/* ---- how a packet ends ---- */

static void reason(struct ide_unit *u, unsigned bits)
{
	u->count = (uint8_t)((u->count & ~7u) | bits);
}

static void good(struct ide_unit *u)
{
	u->status = ATA_READY;
	u->error = 0;
	u->sense_key = u->sense_asc = u->sense_ascq = 0;
	u->packet_size = u->packet_at = 0;
	reason(u, ATAPI_COMMAND | ATAPI_TO_HOST);
	ide_irq(u, true);
}

static void fail(struct ide_unit *u, unsigned key, unsigned asc)
{
	u->sense_key = (uint8_t)key;
	u->sense_asc = (uint8_t)asc;
	u->sense_ascq = 0;
	u->error = (uint8_t)(key << 4 | (key == ILLEGAL_REQUEST ? ATA_ABORTED : 0));
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

/* An answer of size bytes in the buffer, of which the host wants at most `most`. */
static void answer(struct ide_unit *u, uint32_t size, uint32_t most)
{
	if (size > most)
		size = most;
	if (!size) {
		good(u);
		return;
	}
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

/* What the medium's bytes become: the user's data alone, or a whole raw sector around them. */
static void raw_sector(uint8_t *out, uint32_t lba, const uint8_t *data)
{
	uint32_t frame = lba + 150;
	uint8_t bcd[3] = {(uint8_t)(frame / 4500), (uint8_t)(frame / 75 % 60), (uint8_t)(frame % 75)};
	memset(out, 0, RAW_SECTOR);
	memset(out + 1, 0xff, 10);
	for (unsigned i = 0; i < 3; i++)
		out[12 + i] = (uint8_t)(bcd[i] / 10 << 4 | bcd[i] % 10);
	out[15] = 1; /* mode 1 */
	memcpy(out + 16, data, CD_SECTOR);
	/* Error detection and correction codes are not checked by anybody who reads through a drive, and stay zero. */
}

static void read_next(struct ide_unit *u);

static void read_done(void *opaque, int error)
{
	struct ide_unit *u = opaque;
	u->in_flight = false;
	if (error) {
		fail(u, error == -ENOMEDIUM ? NOT_READY : MEDIUM_ERROR, error == -ENOMEDIUM ? ASC_NO_MEDIUM : ASC_READ_ERROR);
		return;
	}
	uint32_t sectors = (uint32_t)(u->req.size / CD_SECTOR);
	if (u->cd_sector_size == RAW_SECTOR)
		for (uint32_t i = sectors; i-- > 0;) {
			uint8_t data[CD_SECTOR];
			memcpy(data, u->buffer + i * CD_SECTOR, sizeof data);
			raw_sector(u->buffer + i * RAW_SECTOR, (uint32_t)u->lba + i, data);
		}
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
	uint32_t n = IDE_BUFFER / RAW_SECTOR / 2;
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
		fail(u, MEDIUM_ERROR, ASC_READ_ERROR);
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
		fail(u, ILLEGAL_REQUEST, ASC_INVALID_FIELD);
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
	uint32_t sectors = u->left < IDE_BUFFER / RAW_SECTOR / 2 ? u->left : IDE_BUFFER / RAW_SECTOR / 2;
	if (sectors < u->left || drive_pread(u->drive, u->lba * CD_SECTOR, u->buffer, sectors * CD_SECTOR)) {
		fail(u, sectors < u->left ? ILLEGAL_REQUEST : MEDIUM_ERROR, sectors < u->left ? ASC_INVALID_FIELD : ASC_READ_ERROR);
		return;
	}
	for (uint32_t i = sectors; i-- > 0;) {
		uint8_t data[CD_SECTOR];
		memcpy(data, u->buffer + i * CD_SECTOR, sizeof data);
		raw_sector(u->buffer + i * RAW_SECTOR, (uint32_t)u->lba + i, data);
	}
	u->packet_size = sectors * RAW_SECTOR;
	dma_buffer(u);
}

void atapi_dma_go(struct ide_unit *u)
{
	if (!u->left)
		dma_buffer(u);
	else if (u->cd_sector_size == RAW_SECTOR)
		raw_dma(u);
	else
		dma_read_next(u);
}

static void read_sectors(struct ide_unit *u, uint32_t lba, uint32_t n, uint32_t sector_size)
{
	if (!n) {
		good(u);
		return;
	}
	if (lba >= u->total || n > u->total - lba) {
		fail(u, ILLEGAL_REQUEST, ASC_LBA);
		return;
	}
	u->lba = lba;
	u->left = n;
	u->cd_sector_size = sector_size;
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

static void test_unit_ready(struct ide_unit *u)
{
	if (present(u))
		good(u);
	else
		fail(u, NOT_READY, ASC_NO_MEDIUM);
}

static void request_sense(struct ide_unit *u)
{
	uint8_t *p = u->buffer;
	memset(p, 0, 18);
	p[0] = 0x70;
	p[2] = u->sense_key;
	p[7] = 10;
	p[12] = u->sense_asc;
	p[13] = u->sense_ascq;
	answer(u, 18, u->packet[4]);
}

static void inquiry(struct ide_unit *u)
{
	uint8_t *p = u->buffer;
	memset(p, ' ', 96);
	if (u->packet[1] & 1) { /* vital product data: the list of pages, and the serial number */
		memset(p, 0, 64);
		p[0] = 5;
		p[1] = u->packet[2];
		if (u->packet[2] == 0) {
			p[3] = 2;
			p[5] = 0x80;
			answer(u, 6, get16(u->packet + 3));
		} else if (u->packet[2] == 0x80) {
			p[3] = (uint8_t)strlen(u->serial);
			memcpy(p + 4, u->serial, p[3]);
			answer(u, 4u + p[3], get16(u->packet + 3));
		} else {
			fail(u, ILLEGAL_REQUEST, ASC_INVALID_FIELD);
		}
		return;
	}
	p[0] = 5;    /* CD-ROM */
	p[1] = 0x80; /* removable */
	p[2] = 0;
	p[3] = 0x21; /* ATAPI-2, response format 1 */
	p[4] = 31;
	p[5] = p[6] = p[7] = 0;
	memcpy(p + 8, "QEMU    ", 8);
	memcpy(p + 16, "QEMU DVD-ROM    ", 16);
	memcpy(p + 32, u->firmware, strnlen(u->firmware, 4));
	answer(u, 36, u->packet[4]);
}

static uint8_t *page_error_recovery(uint8_t *p)
{
	memset(p, 0, 8);
	p[0] = 1, p[1] = 6, p[3] = 5;
	return p + 8;
}

static uint8_t *page_audio(uint8_t *p)
{
	memset(p, 0, 16);
	p[0] = 0x0e, p[1] = 14, p[2] = 4;
	p[8] = 1, p[9] = 0xff, p[10] = 2, p[11] = 0xff;
	return p + 16;
}

static uint8_t *page_capabilities(const struct ide_unit *u, uint8_t *p)
{
	memset(p, 0, 22);
	p[0] = 0x2a, p[1] = 20;
	p[2] = 0x3b; /* reads CD-R, CD-RW, method 2, DVD-ROM, DVD-R */
	p[4] = 0x71; /* audio, composite, mode 2, multisession */
	p[5] = 0x60;
	p[6] = (uint8_t)(0x29 | (u->cd_locked ? 2 : 0)); /* tray, eject, lock */
	put16(p + 8, 706);
	put16(p + 10, 2);
	put16(p + 12, 512);
	put16(p + 14, 706);
	return p + 22;
}

static void mode_sense(struct ide_unit *u, bool ten)
{
	uint8_t *p = u->buffer, *q = p + 8, page = u->packet[2] & 0x3f;
	if (u->packet[2] >> 6 == 3) {
		fail(u, ILLEGAL_REQUEST, ASC_SAVING);
		return;
	}
	memset(p, 0, 8);
	if (page == 1 || page == 0x3f)
		q = page_error_recovery(q);
	if (page == 0x0e || page == 0x3f)
		q = page_audio(q);
	if (page == 0x2a || page == 0x3f)
		q = page_capabilities(u, q);
	if (q == p + 8) {
		fail(u, ILLEGAL_REQUEST, ASC_INVALID_FIELD);
		return;
	}
	uint32_t n = (uint32_t)(q - p);
	unsigned medium = u->tray_open ? 0x71 : present(u) ? 1 : 0x70;
	if (ten) {
		put16(p, n - 2);
		p[2] = (uint8_t)medium;
		answer(u, n, get16(u->packet + 7));
		return;
	}
	memmove(p + 4, p + 8, n - 8); /* the short header has four bytes */
	n -= 4;
	p[0] = (uint8_t)(n - 1);
	p[1] = (uint8_t)medium;
	p[2] = p[3] = 0;
	answer(u, n, u->packet[4]);
}

static void mode_select(struct ide_unit *u)
{
	uint32_t n = u->packet[0] == 0x55 ? get16(u->packet + 7) : u->packet[4];
	if (!n) {
		good(u);
		return;
	}
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

static void start_stop(struct ide_unit *u)
{
	bool eject = u->packet[4] & 2, start = u->packet[4] & 1;
	if (eject && !start && u->cd_locked) {
		fail(u, present(u) ? ILLEGAL_REQUEST : NOT_READY, ASC_NO_REMOVAL);
		return;
	}
	if (eject) {
		u->tray_open = !start;
		drive_tray(u->drive, u->tray_open);
		u->event_new = true;
	}
	good(u);
}

static void read_capacity(struct ide_unit *u)
{
	put32(u->buffer, (uint32_t)(u->total - 1));
	put32(u->buffer + 4, CD_SECTOR);
	answer(u, 8, 8);
}

/* ---- table of contents: one data track and the lead-out ---- */

static void msf(uint8_t *p, uint32_t lba)
{
	lba += 150;
	p[0] = 0;
	p[1] = (uint8_t)(lba / 4500);
	p[2] = (uint8_t)(lba / 75 % 60);
	p[3] = (uint8_t)(lba % 75);
}

static void toc_address(uint8_t *p, uint32_t lba, bool time)
{
	if (time)
		msf(p, lba);
	else
		put32(p, lba);
}

static void read_toc(struct ide_unit *u)
{
	uint8_t *p = u->buffer, start = u->packet[6];
	unsigned format = u->packet[9] >> 6 ? u->packet[9] >> 6 : u->packet[2] & 15;
	bool time = u->packet[1] & 2;
	uint32_t most = get16(u->packet + 7), n;
	memset(p, 0, 64);
	switch (format) {
	case 0:
		if (start > 1 && start != 0xaa) {
			fail(u, ILLEGAL_REQUEST, ASC_INVALID_FIELD);
			return;
		}
		n = 4;
		if (start <= 1) {
			p[n + 1] = 0x14, p[n + 2] = 1;
			toc_address(p + n + 4, 0, time);
			n += 8;
		}
		p[n + 1] = 0x14, p[n + 2] = 0xaa;
		toc_address(p + n + 4, (uint32_t)u->total, time);
		n += 8;
		break;
	case 1: /* sessions: one */
		p[5] = 0x14, p[6] = 1;
		n = 12;
		break;
	case 2: { /* the raw table: first and last track, lead-out, the track */
		static const uint8_t point[4] = {0xa0, 0xa1, 0xa2, 1};
		n = 4;
		for (unsigned i = 0; i < 4; i++, n += 11) {
			p[n] = 1, p[n + 1] = 0x14, p[n + 3] = point[i];
			if (i < 2)
				p[n + 8] = 1;
			else
				toc_address(p + n + 7, i == 2 ? (uint32_t)u->total : 0, time);
		}
		break;
	}
	default: fail(u, ILLEGAL_REQUEST, ASC_INVALID_FIELD); return;
	}
	put16(p, n - 2);
	p[2] = p[3] = 1;
	answer(u, n, most);
}

static void read_cd(struct ide_unit *u)
{
	uint32_t n = (uint32_t)u->packet[6] << 16 | get16(u->packet + 7);
	switch (u->packet[9] & 0xf8) {
	case 0x00: good(u); break;
	case 0x10: read_sectors(u, get32(u->packet + 2), n, CD_SECTOR); break;
	case 0xf8: read_sectors(u, get32(u->packet + 2), n, RAW_SECTOR); break;
	default: fail(u, ILLEGAL_REQUEST, ASC_INVALID_FIELD);
	}
}

static void get_configuration(struct ide_unit *u)
{
	uint8_t *p = u->buffer;
	bool dvd = u->total > 400000; /* more than a CD holds */
	memset(p, 0, 40);
	put16(p + 6, !present(u) ? 0 : dvd ? 0x10 : 8); /* current profile */
	p[10] = 3;
	p[11] = 8; /* profile list: DVD-ROM and CD-ROM */
	put16(p + 12, 0x10);
	p[14] = present(u) && dvd;
	put16(p + 16, 8);
	p[18] = present(u) && !dvd;
	put16(p + 20, 1); /* core: ATAPI */
	p[22] = 0x0b, p[23] = 8;
	put32(p + 24, 2);
	p[28] = 1;
	put16(p + 32, 3); /* removable medium */
	p[34] = 3, p[35] = 4;
	p[36] = 0x39;
	put32(p, 36);
	answer(u, 40, get16(u->packet + 7));
}

static void get_event(struct ide_unit *u)
{
	uint8_t *p = u->buffer;
	if (!(u->packet[1] & 1)) { /* only polling */
		fail(u, ILLEGAL_REQUEST, ASC_INVALID_FIELD);
		return;
	}
	memset(p, 0, 8);
	if (!(u->packet[4] & 0x10)) {
		put16(p, 2);
		p[2] = 0x80; /* none of the classes asked for */
		p[3] = 0x10;
		answer(u, 4, get16(u->packet + 7));
		return;
	}
	put16(p, 6);
	p[2] = 4;
	p[3] = 0x10;
	if (u->event_new || u->cd_changed)
		p[4] = present(u) ? 2 : u->tray_open ? 3 : 1; /* new medium, removal, eject asked for */
	p[5] = (uint8_t)((u->tray_open ? 1 : 0) | (present(u) ? 2 : 0));
	u->event_new = false;
	answer(u, 8, get16(u->packet + 7));
}

static void read_disc_information(struct ide_unit *u)
{
	uint8_t *p = u->buffer;
	memset(p, 0, 34);
	put16(p, 32);
	p[2] = 0x0e; /* complete, last session complete */
	p[3] = p[4] = p[5] = p[6] = 1;
	p[7] = 0x20;
	answer(u, 34, get16(u->packet + 7));
}

static void read_dvd_structure(struct ide_unit *u)
{
	uint8_t *p = u->buffer;
	if (u->total <= 400000) {
		fail(u, ILLEGAL_REQUEST, ASC_INVALID_FIELD);
		return;
	}
	memset(p, 0, 2052);
	switch (u->packet[7]) {
	case 0: /* physical format */
		put16(p, 2050);
		p[4] = 1, p[5] = 0x0f, p[6] = 1;
		put32(p + 8, 0x30000);
		put32(p + 12, 0x30000 + (uint32_t)u->total - 1);
		answer(u, 2052, get16(u->packet + 8));
		break;
	case 1: /* copyright: none */
		put16(p, 6);
		answer(u, 8, get16(u->packet + 8));
		break;
	case 4: /* manufacturer */
		put16(p, 2050);
		answer(u, 2052, get16(u->packet + 8));
		break;
	default: fail(u, ILLEGAL_REQUEST, ASC_INVALID_FIELD);
	}
}

static void mechanism_status(struct ide_unit *u)
{
	memset(u->buffer, 0, 8);
	u->buffer[5] = 1;
	answer(u, 8, get16(u->packet + 8));
}

static void subchannel(struct ide_unit *u)
{
	memset(u->buffer, 0, 4);
	u->buffer[1] = 0x15; /* no audio */
	answer(u, 4, get16(u->packet + 7));
}

static void prevent(struct ide_unit *u)
{
	u->cd_locked = u->packet[4] & 1;
	drive_lock(u->drive, u->cd_locked);
	good(u);
}

static void read_10(struct ide_unit *u)
{
	read_sectors(u, get32(u->packet + 2), get16(u->packet + 7), CD_SECTOR);
}

static void read_12(struct ide_unit *u)
{
	read_sectors(u, get32(u->packet + 2), get32(u->packet + 6), CD_SECTOR);
}

static void seek(struct ide_unit *u)
{
	if (get32(u->packet + 2) >= u->total)
		fail(u, ILLEGAL_REQUEST, ASC_LBA);
	else
		good(u);
}

static void mode_sense_6(struct ide_unit *u)
{
	mode_sense(u, false);
}

static void mode_sense_10(struct ide_unit *u)
{
	mode_sense(u, true);
}

enum { NEEDS_MEDIUM = 1, NO_ATTENTION = 2 }; /* the second: works although a unit attention is pending (MMC-3, 4.1.3) */
static const struct { uint8_t code, flags; void (*run)(struct ide_unit *u); } packets[] = {
	{0x00, NEEDS_MEDIUM, test_unit_ready}, {0x03, NO_ATTENTION, request_sense}, {0x12, NO_ATTENTION, inquiry},
	{0x15, 0, mode_select}, {0x1a, 0, mode_sense_6}, {0x1b, 0, start_stop}, {0x1e, 0, prevent}, {0x25, NEEDS_MEDIUM, read_capacity},
	{0x28, NEEDS_MEDIUM, read_10}, {0x2b, NEEDS_MEDIUM, seek}, {0x42, NEEDS_MEDIUM, subchannel}, {0x43, NEEDS_MEDIUM, read_toc},
	{0x46, NO_ATTENTION, get_configuration}, {0x4a, NO_ATTENTION, get_event}, {0x51, NEEDS_MEDIUM, read_disc_information},
	{0x55, 0, mode_select}, {0x5a, 0, mode_sense_10}, {0xa8, NEEDS_MEDIUM, read_12}, {0xad, NEEDS_MEDIUM, read_dvd_structure},
	{0xbb, 0, good}, {0xb6, 0, good}, {0xbd, NO_ATTENTION, mechanism_status}, {0xbe, NEEDS_MEDIUM, read_cd},
};

void atapi_packet(struct ide_unit *u)
{
	u->status = ATA_BUSY;
	u->packet_size = u->packet_at = 0;
	u->left = 0;
	for (unsigned i = 0; i < sizeof packets / sizeof packets[0]; i++) {
		if (packets[i].code != u->packet[0])
			continue;
		if (u->cd_changed && !(packets[i].flags & NO_ATTENTION)) {
			/* The first command after a medium was changed hears of it, once (7.3.2.3 of INF-8020i). */
			u->cd_changed = false;
			if (present(u)) {
				fail(u, UNIT_ATTENTION, ASC_MEDIUM_CHANGED);
				return;
			}
		}
		if (packets[i].flags & NEEDS_MEDIUM && !present(u)) {
			fail(u, NOT_READY, ASC_NO_MEDIUM);
			return;
		}
		packets[i].run(u);
		return;
	}
	fail(u, ILLEGAL_REQUEST, ASC_INVALID_COMMAND);
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
	struct drive_info i;
	drive_info(u->drive, &i);
	u->total = i.size / CD_SECTOR;
	u->cd_changed = is;
	u->event_new = true;
	u->tray_open = i.tray_open;
}
