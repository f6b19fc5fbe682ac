// SPDX-License-Identifier: GPL-2.0-or-later
/* What a SCSI disk says of itself: INQUIRY with vital product data (SPC-3, 6.4 and 7.6; SBC-3, 6.6), MODE SENSE and SELECT (SPC-3, 6.9; SBC-3, 6.5). */
#include <string.h>
#include "scsi-disk.h"

enum { ANSWER = 512, ASC_PARAMETER_LENGTH = 0x1a, ASC_PARAMETER_FIELD = 0x26 };

static void put_text(uint8_t *p, unsigned n, const char *text)
{
	memset(p, ' ', n);
	memcpy(p, text, strnlen(text, n));
}

/* ---- INQUIRY ---- */

static uint32_t page_identification(const struct scsi_disk *s, uint8_t *p)
{
	const char *name = s->device_id ? s->device_id : s->serial ? s->serial : drive_id(s->unit.drive);
	uint32_t n = 4;
	size_t len = strnlen(name, 240);
	p[n] = 2; /* ASCII, vendor specific */
	p[n + 3] = (uint8_t)len;
	memcpy(p + n + 4, name, len);
	n += 4 + (uint32_t)len;
	if (s->wwn) {
		p[n] = 1, p[n + 1] = 3, p[n + 3] = 8; /* NAA */
		be64_put(p + n + 4, s->wwn);
		n += 12;
	}
	return n;
}

static uint32_t page_block_limits(const struct scsi_disk *s, uint8_t *p)
{
	struct drive_info i;
	drive_info(s->unit.drive, &i);
	bool unmap = i.discard && !i.readonly;
	p[4] = 1; /* WSNZ: a WRITE SAME of 0 blocks is refused */
	be16_put(p + 6, s->min_io / s->logical > 0xffff ? 0xffff : s->min_io / s->logical);
	be32_put(p + 8, (uint32_t)(s->max_io / s->logical));
	be32_put(p + 12, s->opt_io / s->logical);
	be32_put(p + 20, unmap ? (uint32_t)(s->max_unmap / s->logical) : 0);
	be32_put(p + 24, unmap ? 255 : 0); /* descriptors in one UNMAP */
	be32_put(p + 28, (s->discard_granularity ? s->discard_granularity : s->logical) / s->logical);
	be64_put(p + 36, s->max_unmap / s->logical); /* of WRITE SAME */
	return 64;
}

static void vital_product_data(struct scsi_request *r)
{
	struct scsi_disk *s = scsi_disk(r);
	uint8_t p[ANSWER] = {0};
	uint32_t n = 4;
	struct drive_info i;
	drive_info(s->unit.drive, &i);
	p[1] = r->cdb[2];
	switch (r->cdb[2]) {
	case 0x00:
		p[n++] = 0;
		if (s->serial)
			p[n++] = 0x80;
		p[n++] = 0x83, p[n++] = 0xb0, p[n++] = 0xb1, p[n++] = 0xb2;
		break;
	case 0x80:
		if (!s->serial) {
			scsi_check(r, SENSE_ILLEGAL_REQUEST, ASC_INVALID_FIELD, 0);
			return;
		}
		n += (uint32_t)strnlen(s->serial, 36);
		memcpy(p + 4, s->serial, n - 4);
		break;
	case 0x83: n = page_identification(s, p); break;
	case 0xb0: n = page_block_limits(s, p); break;
	case 0xb1: /* block device characteristics */
		be16_put(p + 4, s->rotation);
		n = 64;
		break;
	case 0xb2: /* logical block provisioning: UNMAP, WRITE SAME with UNMAP; what is unmapped may read as anything unless the server zeroes */
		p[5] = i.discard && !i.readonly ? 0xe0 : 0;
		p[6] = i.discard && !i.readonly ? 2 : 0;
		n = 8;
		break;
	default: scsi_check(r, SENSE_ILLEGAL_REQUEST, ASC_INVALID_FIELD, 0); return;
	}
	be16_put(p + 2, n - 4);
	scsi_answer(r, p, n, be16_get(r->cdb + 3));
}

void scsi_disk_inquiry(struct scsi_request *r)
{
	struct scsi_disk *s = scsi_disk(r);
	uint8_t p[36] = {0};
	if (r->cdb[1] & 1) {
		vital_product_data(r);
		return;
	}
	if (r->cdb[2]) {
		scsi_check(r, SENSE_ILLEGAL_REQUEST, ASC_INVALID_FIELD, 0);
		return;
	}
	p[1] = s->removable ? 0x80 : 0;
	p[2] = 5;    /* SPC-3 */
	p[3] = 0x12; /* hierarchical LUNs, response format 2 */
	p[4] = sizeof p - 5;
	p[7] = 0x12; /* SYNC, CMDQUE */
	put_text(p + 8, 8, s->vendor ? s->vendor : "QEMU");
	put_text(p + 16, 16, s->product ? s->product : "QEMU HARDDISK");
	put_text(p + 32, 4, s->ver ? s->ver : "2.5+");
	scsi_answer(r, p, sizeof p, be16_get(r->cdb + 3));
}

/* ---- mode pages ---- */

enum { CURRENT, CHANGEABLE, DEFAULT, SAVED };

static void geometry(const struct scsi_disk *s, uint32_t *cylinders, uint32_t *heads)
{
	struct drive_info i;
	drive_info(s->unit.drive, &i);
	uint64_t all = i.size / 512;
	*heads = s->cyls ? s->heads : i.cylinders ? i.heads : 16;
	*cylinders = s->cyls ? s->cyls : i.cylinders ? i.cylinders : all / (16 * 63) > 0xffffff ? 0xffffff : (uint32_t)(all / (16 * 63));
	if (!*cylinders)
		*cylinders = 1;
}

/* One page into p; its length, 0: there is none of this number. control: which values (SPC-3, 6.9.1). */
static unsigned mode_page(const struct scsi_disk *s, unsigned page, unsigned control, uint8_t *p)
{
	uint32_t cylinders, heads;
	bool values = control != CHANGEABLE;
	switch (page) {
	case 0x01: /* read-write error recovery: automatic write reallocation */
		memset(p, 0, 12);
		p[1] = 10;
		p[2] = values ? 0x80 : 0;
		break;
	case 0x04: /* rigid disk geometry */
		memset(p, 0, 24);
		p[1] = 22;
		if (values) {
			geometry(s, &cylinders, &heads);
			p[2] = (uint8_t)(cylinders >> 16);
			be16_put(p + 3, cylinders & 0xffff);
			p[5] = (uint8_t)heads;
			memcpy(p + 6, p + 2, 3); /* neither precompensation nor reduced current */
			memcpy(p + 9, p + 2, 3);
			be16_put(p + 12, 200);
			be16_put(p + 20, s->rotation > 1 ? s->rotation : 5400);
		}
		break;
	case 0x08: /* caching: only WCE can be changed */
		memset(p, 0, 20);
		p[1] = 18;
		p[2] = control == CHANGEABLE || control == DEFAULT || s->write_cache ? 4 : 0;
		break;
	case 0x0a: /* control */
		memset(p, 0, 12);
		p[1] = 10;
		p[3] = values ? 0x10 : 0; /* commands may be reordered */
		break;
	default: return 0;
	}
	p[0] = (uint8_t)page;
	return p[1] + 2u;
}

void scsi_disk_mode_sense(struct scsi_request *r)
{
	static const uint8_t pages[] = {0x01, 0x04, 0x08, 0x0a};
	struct scsi_disk *s = scsi_disk(r);
	struct drive_info i;
	bool ten = r->cdb[0] == 0x5a;
	unsigned page = r->cdb[2] & 0x3f, control = r->cdb[2] >> 6, header = ten ? 8 : 4, n = header, first;
	uint8_t p[ANSWER] = {0};
	if (control == SAVED) {
		scsi_check(r, SENSE_ILLEGAL_REQUEST, ASC_SAVING, 0);
		return;
	}
	if (r->cdb[3] && r->cdb[3] != 0xff) { /* there are no subpages */
		scsi_check(r, SENSE_ILLEGAL_REQUEST, ASC_INVALID_FIELD, 0);
		return;
	}
	drive_info(s->unit.drive, &i);
	p[ten ? 3 : 2] = (uint8_t)((i.readonly ? 0x80 : 0) | (s->dpofua ? 0x10 : 0));
	if (!(r->cdb[1] & 8) && scsi_disk_blocks(s)) { /* a block descriptor */
		uint64_t blocks = scsi_disk_blocks(s);
		be32_put(p + n, blocks > 0xffffff ? 0 : (uint32_t)blocks);
		be32_put(p + n + 4, s->logical & 0xffffff);
		p[n + 4] = 0;
		p[ten ? 7 : 3] = 8;
		n += 8;
	}
	first = n;
	for (unsigned k = 0; k < sizeof pages; k++)
		if (page == 0x3f || page == pages[k])
			n += mode_page(s, pages[k], control, p + n);
	if (n == first && page) { /* page 0 with nothing in it: old drivers ask for the header alone */
		scsi_check(r, SENSE_ILLEGAL_REQUEST, ASC_INVALID_FIELD, 0);
		return;
	}
	if (ten)
		be16_put(p, n - 2);
	else
		p[0] = (uint8_t)(n - 1);
	scsi_answer(r, p, n, ten ? be16_get(r->cdb + 7) : r->cdb[4]);
}

/* Checks the pages, or carries them out (SPC-3, 6.7: nothing changes when one of them is wrong). 0, or the additional sense code. */
static unsigned select_pages(struct scsi_disk *s, const uint8_t *p, uint64_t n, bool carry_out)
{
	while (n) {
		uint8_t now[32], may[32];
		if (n < 2 || p[0] & 0x40 || p[1] + 2u > n)
			return ASC_PARAMETER_LENGTH;
		unsigned page = p[0] & 0x3f, size = mode_page(s, page, CURRENT, now);
		if (!size || size != p[1] + 2u)
			return ASC_PARAMETER_FIELD;
		mode_page(s, page, CHANGEABLE, may);
		for (unsigned i = 2; i < size; i++)
			if ((p[i] ^ now[i]) & ~may[i])
				return ASC_PARAMETER_FIELD;
		if (carry_out && page == 8)
			s->write_cache = p[2] & 4;
		p += size;
		n -= size;
	}
	return 0;
}

void scsi_disk_mode_select(struct scsi_request *r)
{
	struct scsi_disk *s = scsi_disk(r);
	bool ten = r->cdb[0] == 0x55;
	uint32_t length = ten ? be16_get(r->cdb + 7) : r->cdb[4];
	unsigned header = ten ? 8 : 4;
	uint8_t p[ANSWER];
	if (!(r->cdb[1] & 0x10) || r->cdb[1] & 1) { /* pages in the standard's format, not to be saved */
		scsi_check(r, SENSE_ILLEGAL_REQUEST, ASC_INVALID_FIELD, 0);
		return;
	}
	if (length > sizeof p)
		length = sizeof p;
	uint64_t n = scsi_take(r, p, length);
	unsigned descriptors = n >= header ? ten ? be16_get(p + 6) : p[3] : 0;
	unsigned asc = !n ? 0 : n < header || header + descriptors > n || (descriptors && descriptors != 8) ? ASC_PARAMETER_LENGTH : 0;
	if (!asc && descriptors && (be32_get(p + header + 4) & 0xffffff) != s->logical)
		asc = ASC_PARAMETER_FIELD;
	if (!asc && n)
		asc = select_pages(s, p + header + descriptors, n - header - descriptors, false);
	if (asc) {
		scsi_check(r, SENSE_ILLEGAL_REQUEST, asc, 0);
		return;
	}
	if (n)
		select_pages(s, p + header + descriptors, n - header - descriptors, true);
	scsi_end(r, SCSI_GOOD);
}
