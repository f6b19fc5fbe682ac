/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Packet commands of CD/DVD-ROMs; see mmc.h. Sources: MMC-3 (T10/1363-D), SPC-3 (T10/1416-D), INF-8020i where older drivers use it. A command
 * makes its answer in the buffer; what to do with it is the transport's.
 */
#include "mmc.h"
#include <stdio.h>
#include <string.h>

enum { DVD_SECTORS = 400000 }; /* more than a CD holds */

struct mmc_call {
	struct mmc *m;
	const uint8_t *packet;
	uint8_t *buffer;
	struct mmc_answer a;
};

bool mmc_present(const struct mmc *m)
{
	struct drive_info i;
	drive_info(m->drive, &i);
	return i.present && !m->tray_open;
}

void mmc_sense(struct mmc *m, unsigned key, unsigned asc, unsigned ascq)
{
	m->sense_key = (uint8_t)key;
	m->sense_asc = (uint8_t)asc;
	m->sense_ascq = (uint8_t)ascq;
}

static void good(struct mmc_call *c)
{
	mmc_sense(c->m, SENSE_NONE, 0, 0);
	c->a.what = MMC_GOOD;
}

static void fail(struct mmc_call *c, unsigned key, unsigned asc)
{
	mmc_sense(c->m, key, asc, 0);
	c->a.what = MMC_CHECK;
}

/* An answer of size bytes in the buffer, of which the initiator wants at most `most`. */
static void answer(struct mmc_call *c, uint32_t size, uint32_t most)
{
	c->a = (struct mmc_answer){.what = MMC_DATA, .size = size < most ? size : most};
	if (!c->a.size)
		good(c);
}

static void read_sectors(struct mmc_call *c, uint32_t lba, uint32_t n, uint32_t sector_size)
{
	if (!n)
		good(c);
	else if (lba >= c->m->total || n > c->m->total - lba)
		fail(c, SENSE_ILLEGAL_REQUEST, ASC_LBA);
	else
		c->a = (struct mmc_answer){.what = MMC_READ, .lba = lba, .sectors = n, .sector_size = sector_size};
}

/* ---- raw sectors ---- */

/* The cyclic redundancy code of a sector: (x^16 + x^15 + x^2 + 1)(x^16 + x^2 + x + 1), least significant bit first (ECMA-130, 14.3). */
static uint32_t edc(const uint8_t *p, unsigned n)
{
	uint32_t crc = 0;
	while (n--) {
		crc ^= *p++;
		for (unsigned i = 0; i < 8; i++)
			crc = crc >> 1 ^ (crc & 1 ? 0xd8018001u : 0);
	}
	return crc;
}

/* Times x in GF(2^8) by x^8 + x^4 + x^3 + x^2 + 1 (annex A). */
static uint8_t times_x(uint8_t a)
{
	return (uint8_t)(a << 1 ^ (a & 0x80 ? 0x1d : 0));
}

/* a / (x + 1): the only division that a code with two parity symbols needs. f4h is the inverse of 3. */
static uint8_t divided(uint8_t a)
{
	uint8_t r = 0;
	for (unsigned i = 0; i < 8; i++, a = times_x(a))
		if (0xf4 >> i & 1)
			r ^= a;
	return r;
}

/*
 * One vector of the product code: count symbols of every second byte from `sector + 12`, the k-th at word (first + k step) % words; its two parity bytes at
 * words p0 and p1. Both check sums over all symbols, plain and weighted by powers of x, are zero.
 */
static void parity(uint8_t *sector, unsigned lane, unsigned first, unsigned step, unsigned words, unsigned count, unsigned p0, unsigned p1)
{
	uint8_t *base = sector + 12 + lane, plain = 0, weighted = 0;
	for (unsigned k = 0; k < count; k++) {
		uint8_t v = base[2 * ((first + k * step) % words)];
		plain ^= v;
		weighted = times_x(weighted) ^ v;
	}
	weighted = times_x(times_x(weighted));
	base[2 * p0] = divided(plain ^ weighted);
	base[2 * p1] = base[2 * p0] ^ plain;
}

void mmc_raw_sector(uint8_t *out, uint32_t lba, const uint8_t *data)
{
	uint32_t frame = lba + 150, sum;
	uint8_t msf_[3] = {(uint8_t)(frame / 4500), (uint8_t)(frame / 75 % 60), (uint8_t)(frame % 75)};
	memset(out, 0, MMC_RAW_SECTOR);
	memset(out + 1, 0xff, 10);
	for (unsigned i = 0; i < 3; i++)
		out[12 + i] = (uint8_t)(msf_[i] / 10 << 4 | msf_[i] % 10);
	out[15] = 1; /* mode 1 */
	memcpy(out + 16, data, MMC_SECTOR);
	sum = edc(out, 16 + MMC_SECTOR);
	for (unsigned i = 0; i < 4; i++)
		out[2064 + i] = (uint8_t)(sum >> (8 * i));
	for (unsigned lane = 0; lane < 2; lane++) {
		for (unsigned n = 0; n < 43; n++)
			parity(out, lane, n, 43, 1032, 24, 1032 + n, 1075 + n);
		for (unsigned n = 0; n < 26; n++)
			parity(out, lane, 43 * n, 44, 1118, 43, 1118 + n, 1144 + n);
	}
}

/* ---- what all devices answer (SPC-3) ---- */
static void test_unit_ready(struct mmc_call *c)
{
	if (mmc_present(c->m))
		good(c);
	else
		fail(c, SENSE_NOT_READY, ASC_NO_MEDIUM);
}

static void request_sense(struct mmc_call *c)
{
	uint8_t *p = c->buffer;
	memset(p, 0, 18);
	p[0] = 0x70;
	p[2] = c->m->sense_key;
	p[7] = 10;
	p[12] = c->m->sense_asc;
	p[13] = c->m->sense_ascq;
	answer(c, 18, c->packet[4]);
}

/* Text left-justified in n bytes, blanks behind it (SPC-3, 4.4.1). */
static void put_text(uint8_t *p, unsigned n, const char *text)
{
	size_t len = strnlen(text, n);
	memset(p, ' ', n);
	memcpy(p, text, len);
}

/* Device identification (SPC-3, 7.6.3): vendor's text, and a name where it has one. */
static uint32_t page_identification(struct mmc_call *c)
{
	uint8_t *p = c->buffer;
	uint32_t n = 4;
	size_t len = strlen(c->m->serial);
	if (len) {
		p[n] = 2, p[n + 1] = 0, p[n + 2] = 0, p[n + 3] = (uint8_t)len;
		memcpy(p + n + 4, c->m->serial, len);
		n += 4 + (uint32_t)len;
	}
	if (c->m->wwn) {
		p[n] = 1, p[n + 1] = 3, p[n + 2] = 0, p[n + 3] = 8; /* NAA */
		be64_put(p + n + 4, c->m->wwn);
		n += 12;
	}
	return n;
}

static void vital_product_data(struct mmc_call *c)
{
	uint8_t *p = c->buffer;
	uint32_t most = be16_get(c->packet + 3), n = 4;
	memset(p, 0, 256);
	p[0] = 5;
	p[1] = c->packet[2];
	switch (c->packet[2]) {
	case 0: /* the pages that there are */
		p[n++] = 0;
		p[n++] = 0x80;
		p[n++] = 0x83;
		break;
	case 0x80: /* unit serial number */
		memcpy(p + n, c->m->serial, strlen(c->m->serial));
		n += (uint32_t)strlen(c->m->serial);
		break;
	case 0x83: n = page_identification(c); break;
	default: fail(c, SENSE_ILLEGAL_REQUEST, ASC_INVALID_FIELD); return;
	}
	be16_put(p + 2, n - 4);
	answer(c, n, most);
}

static void inquiry(struct mmc_call *c)
{
	uint8_t *p = c->buffer;
	if (c->packet[1] & 1) {
		vital_product_data(c);
		return;
	}
	if (c->packet[2]) {
		fail(c, SENSE_ILLEGAL_REQUEST, ASC_INVALID_FIELD);
		return;
	}
	memset(p, 0, 36);
	p[0] = 5;    /* CD-ROM */
	p[1] = 0x80; /* removable */
	p[2] = c->m->scsi ? 5 : 0;    /* SPC-3; ATAPI devices claim none */
	p[3] = c->m->scsi ? 2 : 0x21; /* ATAPI-2, response format 1 */
	p[4] = 31;
	p[7] = c->m->scsi ? 0x12 : 0; /* SYNC, CMDQUE */
	put_text(p + 8, 8, c->m->vendor);
	put_text(p + 16, 16, c->m->product);
	put_text(p + 32, 4, c->m->version);
	answer(c, 36, c->m->scsi ? be16_get(c->packet + 3) : c->packet[4]);
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

static uint8_t *page_capabilities(const struct mmc *m, uint8_t *p)
{
	memset(p, 0, 22);
	p[0] = 0x2a, p[1] = 20;
	p[2] = 0x3b; /* reads CD-R, CD-RW, method 2, DVD-ROM, DVD-R */
	p[4] = 0x71; /* audio, composite, mode 2, multisession */
	p[5] = 0x60;
	p[6] = (uint8_t)(0x29 | (m->locked ? 2 : 0)); /* tray, eject, lock */
	be16_put(p + 8, 706);
	be16_put(p + 10, 2);
	be16_put(p + 12, 512);
	be16_put(p + 14, 706);
	return p + 22;
}

static void mode_sense(struct mmc_call *c, bool ten)
{
	uint8_t *p = c->buffer, *q = p + 8, page = c->packet[2] & 0x3f;
	if (c->packet[2] >> 6 == 3) {
		fail(c, SENSE_ILLEGAL_REQUEST, ASC_SAVING);
		return;
	}
	memset(p, 0, 8);
	if (page == 1 || page == 0x3f)
		q = page_error_recovery(q);
	if (page == 0x0e || page == 0x3f)
		q = page_audio(q);
	if (page == 0x2a || page == 0x3f)
		q = page_capabilities(c->m, q);
	if (q == p + 8) {
		fail(c, SENSE_ILLEGAL_REQUEST, ASC_INVALID_FIELD);
		return;
	}
	uint32_t n = (uint32_t)(q - p);
	unsigned medium = c->m->tray_open ? 0x71 : mmc_present(c->m) ? 1 : 0x70;
	if (ten) {
		be16_put(p, n - 2);
		p[2] = (uint8_t)medium;
		answer(c, n, be16_get(c->packet + 7));
		return;
	}
	memmove(p + 4, p + 8, n - 8); /* the short header has four bytes */
	n -= 4;
	p[0] = (uint8_t)(n - 1);
	p[1] = (uint8_t)medium;
	p[2] = p[3] = 0;
	answer(c, n, c->packet[4]);
}

static void mode_select(struct mmc_call *c)
{
	uint32_t n = c->packet[0] == 0x55 ? be16_get(c->packet + 7) : c->packet[4];
	if (!n) {
		good(c);
		return;
	}
	c->a = (struct mmc_answer){.what = MMC_TAKE, .size = n};
}

static void start_stop(struct mmc_call *c)
{
	bool eject = c->packet[4] & 2, start = c->packet[4] & 1;
	if (eject && !start && c->m->locked) {
		fail(c, mmc_present(c->m) ? SENSE_ILLEGAL_REQUEST : SENSE_NOT_READY, ASC_NO_REMOVAL);
		return;
	}
	if (eject) {
		c->m->tray_open = !start;
		drive_tray(c->m->drive, c->m->tray_open);
		c->m->event_new = true;
	}
	good(c);
}

static void read_capacity(struct mmc_call *c)
{
	be32_put(c->buffer, (uint32_t)(c->m->total - 1));
	be32_put(c->buffer + 4, MMC_SECTOR);
	answer(c, 8, 8);
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
		be32_put(p, lba);
}

static void read_toc(struct mmc_call *c)
{
	uint8_t *p = c->buffer, start = c->packet[6];
	unsigned format = c->packet[9] >> 6 ? c->packet[9] >> 6 : c->packet[2] & 15;
	bool time = c->packet[1] & 2;
	uint32_t most = be16_get(c->packet + 7), n;
	memset(p, 0, 64);
	switch (format) {
	case 0:
		if (start > 1 && start != 0xaa) {
			fail(c, SENSE_ILLEGAL_REQUEST, ASC_INVALID_FIELD);
			return;
		}
		n = 4;
		if (start <= 1) {
			p[n + 1] = 0x14, p[n + 2] = 1;
			toc_address(p + n + 4, 0, time);
			n += 8;
		}
		p[n + 1] = 0x14, p[n + 2] = 0xaa;
		toc_address(p + n + 4, (uint32_t)c->m->total, time);
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
				toc_address(p + n + 7, i == 2 ? (uint32_t)c->m->total : 0, time);
		}
		break;
	}
	default: fail(c, SENSE_ILLEGAL_REQUEST, ASC_INVALID_FIELD); return;
	}
	be16_put(p, n - 2);
	p[2] = p[3] = 1;
	answer(c, n, most);
}

static void read_cd(struct mmc_call *c)
{
	uint32_t n = (uint32_t)c->packet[6] << 16 | be16_get(c->packet + 7);
	switch (c->packet[9] & 0xf8) {
	case 0x00: good(c); break;
	case 0x10: read_sectors(c, be32_get(c->packet + 2), n, MMC_SECTOR); break;
	case 0xf8: read_sectors(c, be32_get(c->packet + 2), n, MMC_RAW_SECTOR); break;
	default: fail(c, SENSE_ILLEGAL_REQUEST, ASC_INVALID_FIELD);
	}
}

static void get_configuration(struct mmc_call *c)
{
	uint8_t *p = c->buffer;
	bool dvd = c->m->total > DVD_SECTORS;
	memset(p, 0, 40);
	be16_put(p + 6, !mmc_present(c->m) ? 0 : dvd ? 0x10 : 8); /* current profile */
	p[10] = 3;
	p[11] = 8; /* profile list: DVD-ROM and CD-ROM */
	be16_put(p + 12, 0x10);
	p[14] = mmc_present(c->m) && dvd;
	be16_put(p + 16, 8);
	p[18] = mmc_present(c->m) && !dvd;
	be16_put(p + 20, 1); /* core: ATAPI */
	p[22] = 0x0b, p[23] = 8;
	be32_put(p + 24, 2);
	p[28] = 1;
	be16_put(p + 32, 3); /* removable medium */
	p[34] = 3, p[35] = 4;
	p[36] = 0x39;
	be32_put(p, 36);
	answer(c, 40, be16_get(c->packet + 7));
}

static void get_event(struct mmc_call *c)
{
	uint8_t *p = c->buffer;
	if (!(c->packet[1] & 1)) { /* only polling */
		fail(c, SENSE_ILLEGAL_REQUEST, ASC_INVALID_FIELD);
		return;
	}
	memset(p, 0, 8);
	if (!(c->packet[4] & 0x10)) {
		be16_put(p, 2);
		p[2] = 0x80; /* none of the classes asked for */
		p[3] = 0x10;
		answer(c, 4, be16_get(c->packet + 7));
		return;
	}
	be16_put(p, 6);
	p[2] = 4;
	p[3] = 0x10;
	if (c->m->event_new || c->m->changed)
		p[4] = mmc_present(c->m) ? 2 : c->m->tray_open ? 3 : 1; /* new medium, removal, eject asked for */
	p[5] = (uint8_t)((c->m->tray_open ? 1 : 0) | (mmc_present(c->m) ? 2 : 0));
	c->m->event_new = false;
	answer(c, 8, be16_get(c->packet + 7));
}

static void read_disc_information(struct mmc_call *c)
{
	uint8_t *p = c->buffer;
	memset(p, 0, 34);
	be16_put(p, 32);
	p[2] = 0x0e; /* complete, last session complete */
	p[3] = p[4] = p[5] = p[6] = 1;
	p[7] = 0x20;
	answer(c, 34, be16_get(c->packet + 7));
}

static void read_dvd_structure(struct mmc_call *c)
{
	uint8_t *p = c->buffer;
	if (c->m->total <= DVD_SECTORS) {
		fail(c, SENSE_ILLEGAL_REQUEST, ASC_INVALID_FIELD);
		return;
	}
	memset(p, 0, 2052);
	switch (c->packet[7]) {
	case 0: /* physical format */
		be16_put(p, 2050);
		p[4] = 1, p[5] = 0x0f, p[6] = 1;
		be32_put(p + 8, 0x30000);
		be32_put(p + 12, 0x30000 + (uint32_t)c->m->total - 1);
		answer(c, 2052, be16_get(c->packet + 8));
		break;
	case 1: /* copyright: none */
		be16_put(p, 6);
		answer(c, 8, be16_get(c->packet + 8));
		break;
	case 4: /* manufacturer */
		be16_put(p, 2050);
		answer(c, 2052, be16_get(c->packet + 8));
		break;
	default: fail(c, SENSE_ILLEGAL_REQUEST, ASC_INVALID_FIELD);
	}
}

static void mechanism_status(struct mmc_call *c)
{
	memset(c->buffer, 0, 8);
	c->buffer[5] = 1;
	answer(c, 8, be16_get(c->packet + 8));
}

static void subchannel(struct mmc_call *c)
{
	memset(c->buffer, 0, 4);
	c->buffer[1] = 0x15; /* no audio */
	answer(c, 4, be16_get(c->packet + 7));
}

static void prevent(struct mmc_call *c)
{
	c->m->locked = c->packet[4] & 1;
	drive_lock(c->m->drive, c->m->locked);
	good(c);
}

static void read_10(struct mmc_call *c)
{
	read_sectors(c, be32_get(c->packet + 2), be16_get(c->packet + 7), MMC_SECTOR);
}

static void read_12(struct mmc_call *c)
{
	read_sectors(c, be32_get(c->packet + 2), be32_get(c->packet + 6), MMC_SECTOR);
}

static void seek(struct mmc_call *c)
{
	if (be32_get(c->packet + 2) >= c->m->total)
		fail(c, SENSE_ILLEGAL_REQUEST, ASC_LBA);
	else
		good(c);
}

static void mode_sense_6(struct mmc_call *c)
{
	mode_sense(c, false);
}

static void mode_sense_10(struct mmc_call *c)
{
	mode_sense(c, true);
}

enum { NEEDS_MEDIUM = 1, NO_ATTENTION = 2 }; /* the second: works although a unit attention is pending (MMC-3, 4.1.3) */
static const struct { uint8_t code, flags; void (*run)(struct mmc_call *c); } packets[] = {
	{0x00, NEEDS_MEDIUM, test_unit_ready}, {0x03, NO_ATTENTION, request_sense}, {0x12, NO_ATTENTION, inquiry},
	{0x15, 0, mode_select}, {0x1a, 0, mode_sense_6}, {0x1b, 0, start_stop}, {0x1e, 0, prevent}, {0x25, NEEDS_MEDIUM, read_capacity},
	{0x28, NEEDS_MEDIUM, read_10}, {0x2b, NEEDS_MEDIUM, seek}, {0x42, NEEDS_MEDIUM, subchannel}, {0x43, NEEDS_MEDIUM, read_toc},
	{0x46, NO_ATTENTION, get_configuration}, {0x4a, NO_ATTENTION, get_event}, {0x51, NEEDS_MEDIUM, read_disc_information},
	{0x55, 0, mode_select}, {0x5a, 0, mode_sense_10}, {0xa8, NEEDS_MEDIUM, read_12}, {0xad, NEEDS_MEDIUM, read_dvd_structure},
	{0xbb, 0, good}, {0xb6, 0, good}, {0xbd, NO_ATTENTION, mechanism_status}, {0xbe, NEEDS_MEDIUM, read_cd},
};

struct mmc_answer mmc_packet(struct mmc *m, const uint8_t *packet, uint8_t *buffer)
{
	struct mmc_call c = {.m = m, .packet = packet, .buffer = buffer};
	for (unsigned i = 0; i < sizeof packets / sizeof packets[0]; i++) {
		if (packets[i].code != packet[0])
			continue;
		if (m->changed && !(packets[i].flags & NO_ATTENTION)) {
			/* The first command after a medium was changed hears of it, once (7.3.2.3 of INF-8020i). */
			m->changed = false;
			if (mmc_present(m)) {
				fail(&c, SENSE_UNIT_ATTENTION, ASC_MEDIUM_CHANGED);
				return c.a;
			}
		}
		if (packets[i].flags & NEEDS_MEDIUM && !mmc_present(m)) {
			fail(&c, SENSE_NOT_READY, ASC_NO_MEDIUM);
			return c.a;
		}
		packets[i].run(&c);
		return c.a;
	}
	fail(&c, SENSE_ILLEGAL_REQUEST, ASC_INVALID_COMMAND);
	return c.a;
}

void mmc_medium(struct mmc *m, bool present)
{
	struct drive_info i;
	drive_info(m->drive, &i);
	m->total = i.size / MMC_SECTOR;
	m->changed = present;
	m->event_new = true;
	m->tray_open = i.tray_open;
}

const struct field mmc_fields[] = {
	F_BOOL(struct mmc, changed), F_BOOL(struct mmc, locked), F_BOOL(struct mmc, tray_open), F_BOOL(struct mmc, event_new),
	F_UINT(struct mmc, sense_key), F_UINT(struct mmc, sense_asc), F_UINT(struct mmc, sense_ascq), F_END,
};
