/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The commands of the 82078, in the order of its data sheet (290474, chapter 5): one row each, with the bytes that follow the code.
 *
 * A medium has sectors of 512 bytes whose IDs are their places. Commands that name another size, cylinder, head or number find no such sector.
 * With no medium the real controller waits for an index pulse that never comes; this one ends at once with a missing address mark.
 * Deleted data marks cannot be kept in an image: WRITE DELETED DATA writes, READ DELETED DATA with SK set finds nothing.
 */
#include <errno.h>
#include <string.h>

#include "../../machine.h"
#include "fdc.h"

struct command {
	uint8_t mask, code, parameters;
	void (*execute)(struct fdc *s);
	const char *name;
};
#define CODE_MT 0x80
#define CODE_SK 0x20
enum { SCAN_EQUAL = 0x11, SCAN_LOW = 0x19, SCAN_HIGH = 0x1d };
#define VERIFY_COUNT 0x80 /* EC: byte 8 is a count of sectors */

/* ---- results ------------------------------------------------------------------------------------------------------------ */
/* ST0 to N, the result of every command that touches a sector. */
static void sector_result(struct fdc *s, uint8_t st0)
{
	struct floppy *f = fdc_floppy(s, fdc_selected(s));

	s->op = OP_NONE;
	/* HD is the head that was last used, H the one of the ID that would come next */
	s->result[0] = st0 | (uint8_t)((f ? f->head << 2 : s->command[1] & 4) | (uint8_t)fdc_selected(s));
	s->result[1] = s->st1;
	s->result[2] = s->st2;
	s->result[3] = s->cylinder;
	s->result[4] = s->head;
	s->result[5] = s->sector;
	s->result[6] = s->size_code;
	fdc_result(s, 7);
	fdc_set_irq(s, true);
}

static void sector_fail(struct fdc *s, uint8_t st1, uint8_t st2)
{
	s->st1 |= st1;
	s->st2 |= st2;
	sector_result(s, ST0_ABNORMAL);
}

static void invalid(struct fdc *s)
{
	guest_error(&s->dev, "invalid command %02x", s->command[0]);
	s->result[0] = ST0_INVALID;
	fdc_result(s, 1);
}

/* ---- transfers: one sector after another ------------------------------------------------------------------------------------ */
static void transfer_sector(struct fdc *s);

/*
 * The next sector's ID, as the result phase shows it (table 5-5): beyond EOT the other side with MT, then the next cylinder.
 * false: there is none that this command would go on to.
 */
static bool transfer_next(struct fdc *s)
{
	if (s->op == OP_SCAN && s->step == 2)
		s->sector++;
	if (s->sector < s->end) {
		s->sector++;
		return true;
	}
	s->sector = 1;
	if (s->multitrack && !(s->head & 1)) {
		s->head |= 1;
		return true;
	}
	if (s->multitrack)
		s->head &= ~1;
	s->cylinder++;
	return false;
}

/* The sector is done with. */
static void transfer_advance(struct fdc *s)
{
	bool more;

	if (s->op == OP_SCAN) {
		if (!s->scan_differs)
			s->scan_met = true;
		if (s->scan_met || s->terminal) {
			s->st2 |= s->scan_met ? s->st2 & ST2_SCAN_EQUAL : ST2_SCAN_NOT;
			transfer_next(s);
			sector_result(s, 0);
			return;
		}
	}
	more = transfer_next(s);
	if (s->op == OP_VERIFY && (s->skip & 1) && --s->left == 0) {
		sector_result(s, 0);
		return;
	}
	if (s->terminal) {
		sector_result(s, 0);
	} else if (!more && (s->op == OP_READ_TRACK || s->op == OP_VERIFY)) {
		sector_result(s, 0); /* these end with the track, by themselves */
	} else if (!more) {
		if (s->op == OP_SCAN) {
			s->st2 |= ST2_SCAN_NOT;
			sector_result(s, 0);
		} else {
			sector_fail(s, ST1_END, 0); /* no terminal count came */
		}
	} else {
		transfer_sector(s);
	}
}

static void sector_was_read(struct fdc *s, int error)
{
	if (error) {
		sector_fail(s, ST1_DATA_ERROR, ST2_DATA_ERROR);
		return;
	}
	if (s->op == OP_VERIFY)
		transfer_advance(s);
	else
		fdc_data_phase(s, FDC_SECTOR);
}

static void sector_was_written(struct fdc *s, int error)
{
	if (error)
		sector_fail(s, ST1_DATA_ERROR, ST2_DATA_ERROR);
	else
		transfer_advance(s);
}

/* Is a sector of this ID under the head? Else the command has ended. */
static bool transfer_find(struct fdc *s, struct floppy *f)
{
	unsigned number = s->sector;

	if (!f || !f->geometry.sectors || !floppy_rate_fits(f, s->ccr)) {
		sector_fail(s, ST1_MISSING_ADDRESS | ST1_NO_DATA, 0);
		return false;
	}
	if ((s->op == OP_WRITE || s->op == OP_FORMAT) && f->readonly) {
		sector_fail(s, ST1_NOT_WRITABLE, 0);
		return false;
	}
	if (s->cylinder != f->track) {
		sector_fail(s, ST1_NO_DATA, ST2_WRONG_CYLINDER);
		return false;
	}
	if (s->size_code != 2 || number < 1 || number > f->geometry.sectors || f->track >= f->geometry.tracks || s->head > 1 ||
	    (s->head & 1) >= f->geometry.heads ||
	    floppy_offset(f, f->track, s->head & 1, number) >= f->sectors * FDC_SECTOR) {
		sector_fail(s, ST1_NO_DATA, 0);
		return false;
	}
	return true;
}

static void transfer_sector(struct fdc *s)
{
	struct floppy *f = fdc_floppy(s, fdc_selected(s));

	if (!transfer_find(s, f))
		return;
	f->head = s->head & 1;
	if (s->op == OP_WRITE)
		fdc_data_phase(s, FDC_SECTOR);
	else
		fdc_sector_io(s, false, floppy_offset(f, f->track, f->head, s->sector), sector_was_read);
}

static void write_sector(struct fdc *s)
{
	struct floppy *f = fdc_floppy(s, fdc_selected(s));

	if (!f || !f->geometry.sectors) /* it was taken out meanwhile */
		sector_fail(s, ST1_MISSING_ADDRESS | ST1_NO_DATA, 0);
	else
		fdc_sector_io(s, true, floppy_offset(f, f->track, s->head & 1, s->sector), sector_was_written);
}

static void format_done(struct fdc *s, int error)
{
	if (error)
		sector_fail(s, ST1_DATA_ERROR, ST2_DATA_ERROR);
	else if (--s->left == 0 || s->terminal)
		sector_result(s, 0);
	else
		fdc_data_phase(s, 4);
}

/* The host has given the ID of a sector to format. */
static void format_sector(struct fdc *s)
{
	struct floppy *f = fdc_floppy(s, fdc_selected(s));

	s->cylinder = s->buffer[0];
	s->head = s->buffer[1];
	s->sector = s->buffer[2];
	s->size_code = s->buffer[3];
	if (!transfer_find(s, f))
		return;
	memset(s->buffer, s->fill, FDC_SECTOR);
	fdc_sector_io(s, true, floppy_offset(f, f->track, s->head & 1, s->sector), format_done);
}

void fdc_data_done(struct fdc *s)
{
	switch (s->op) {
	case OP_WRITE:
		memset(s->buffer + s->buffer_at, 0, FDC_SECTOR - s->buffer_at); /* TC within a sector: zeros to its end */
		write_sector(s);
		break;
	case OP_FORMAT:
		if (s->buffer_at < 4)
			sector_result(s, 0);
		else
			format_sector(s);
		break;
	default:
		transfer_advance(s);
	}
}

void fdc_recalled(struct fdc *s)
{
	struct floppy *f = fdc_floppy(s, fdc_selected(s));

	if (!f || s->phase != FDC_EXECUTION || s->buffer_size || s->op == OP_NONE)
		return;
	/* a request was under way: it is made again */
	if (s->op == OP_WRITE)
		write_sector(s);
	else if (s->op == OP_FORMAT)
		fdc_sector_io(s, true, floppy_offset(f, f->track, s->head & 1, s->sector), format_done);
	else
		fdc_sector_io(s, false, floppy_offset(f, f->track, f->head, s->sector), sector_was_read);
}

static void seek_to(struct floppy *f, unsigned track)
{
	if (f->geometry.sectors)
		f->changed = false; /* a step with a medium in place clears DSKCHG */
	f->track = (uint8_t)track;
}

static void transfer_begin(struct fdc *s, enum fdc_op op)
{
	struct floppy *f = fdc_floppy(s, fdc_selected(s));

	s->op = (uint8_t)op;
	s->multitrack = s->command[0] & CODE_MT;
	s->cylinder = s->command[2];
	s->head = s->command[3];
	s->sector = s->command[4];
	s->size_code = s->command[5];
	s->end = s->command[6];
	s->st1 = s->st2 = 0;
	s->terminal = s->scan_met = false;
	s->pio = s->specify[1] & 1;
	if (f)
		f->head = s->command[1] >> 2 & 1;
	if (f && (s->configure[1] & 0x40)) /* EIS: implied seek */
		seek_to(f, s->cylinder);
	if (((s->head ^ s->command[1] >> 2) & 1) || s->head > 1) {
		sector_fail(s, ST1_NO_DATA, 0); /* no sector of this head's side has such an ID */
		return;
	}
	transfer_sector(s);
}

static void read_data(struct fdc *s) { transfer_begin(s, OP_READ); }
static void write_data(struct fdc *s) { transfer_begin(s, OP_WRITE); }

static void read_deleted(struct fdc *s)
{
	if (s->command[0] & CODE_SK) { /* all data are ordinary, and are skipped */
		s->cylinder = s->command[2];
		s->head = s->command[3];
		s->sector = s->command[4];
		s->size_code = s->command[5];
		s->st1 = s->st2 = 0;
		sector_fail(s, ST1_NO_DATA, 0);
		return;
	}
	transfer_begin(s, OP_READ);
}

static void read_track(struct fdc *s)
{
	s->command[4] = 1; /* from the index hole on */
	transfer_begin(s, OP_READ_TRACK);
}

static void verify(struct fdc *s)
{
	s->skip = s->command[1] & VERIFY_COUNT ? 1 : 0;
	s->left = s->command[8];
	transfer_begin(s, OP_VERIFY);
}

static void scan(struct fdc *s)
{
	s->scan_condition = s->command[0] & 0x1f;
	s->step = s->command[8];
	transfer_begin(s, OP_SCAN);
}

static void format_track(struct fdc *s)
{
	struct floppy *f = fdc_floppy(s, fdc_selected(s));

	s->op = OP_FORMAT;
	s->multitrack = false;
	s->size_code = s->command[2];
	s->left = s->command[3];
	s->fill = s->command[5];
	s->st1 = s->st2 = 0;
	s->terminal = false;
	s->pio = s->specify[1] & 1;
	s->cylinder = f ? f->track : 0;
	s->head = s->command[1] >> 2 & 1;
	if (f)
		f->head = s->head;
	s->sector = 1;
	if (s->left == 0)
		sector_fail(s, ST1_NO_DATA, 0);
	else if (transfer_find(s, f))
		fdc_data_phase(s, 4);
}

/* ---- control commands ---------------------------------------------------------------------------------------------------------- */
static void read_id(struct fdc *s)
{
	struct floppy *f = fdc_floppy(s, fdc_selected(s));

	s->st1 = s->st2 = 0;
	s->head = s->command[1] >> 2 & 1;
	s->cylinder = f ? f->track : 0;
	s->size_code = 2;
	if (f)
		f->head = s->head;
	s->op = OP_READ;
	/* the disk turns: each time another sector passes by */
	s->sector = f && f->geometry.sectors ? (uint8_t)(s->sector % f->geometry.sectors + 1) : 1;
	if (transfer_find(s, f))
		sector_result(s, 0);
}

static void seek_ends(struct fdc *s, unsigned n, uint8_t st0)
{
	s->seek_status = (uint8_t)(st0 | ST0_SEEK_END | n);
	s->seek_done = true;
	fdc_idle(s);
	fdc_set_irq(s, true);
}

static void recalibrate(struct fdc *s)
{
	unsigned n = fdc_selected(s);
	struct floppy *f = fdc_floppy(s, n);

	if (!f) {
		seek_ends(s, n, ST0_ABNORMAL | ST0_EQUIPMENT); /* track 0 never shows */
		return;
	}
	if (f->track > 79) { /* 79 pulses are not enough */
		seek_to(f, f->track - 79);
		seek_ends(s, n, ST0_ABNORMAL | ST0_EQUIPMENT);
		return;
	}
	seek_to(f, 0);
	seek_ends(s, n, 0);
}

static void seek(struct fdc *s)
{
	unsigned n = fdc_selected(s), to = s->command[2];
	struct floppy *f = fdc_floppy(s, n);
	uint8_t head = s->command[1] & 4;

	if (s->command[0] & 0x80) { /* relative: bit 6 outwards to higher tracks */
		unsigned from = f ? f->track : 0;

		to = s->command[0] & 0x40 ? from + to : from > to ? from - to : 0;
		if (to > 255)
			to = 255;
	}
	if (f) {
		f->head = head >> 2;
		seek_to(f, to);
	}
	seek_ends(s, n, head);
}

static void sense_interrupt(struct fdc *s)
{
	if (s->polled) {
		unsigned n = 4 - s->polled--;

		s->result[0] = ST0_POLLED | (uint8_t)n;
		s->result[1] = n < FDC_DRIVES ? s->floppy[n].track : 0;
	} else if (s->seek_done) {
		unsigned n = s->seek_status & 3;

		s->seek_done = false;
		s->result[0] = s->seek_status;
		s->result[1] = n < FDC_DRIVES ? s->floppy[n].track : 0;
	} else {
		s->result[0] = ST0_INVALID;
		fdc_result(s, 1);
		return;
	}
	fdc_set_irq(s, false);
	fdc_result(s, 2);
}

static void specify(struct fdc *s)
{
	memcpy(s->specify, s->command + 1, 2);
	fdc_idle(s);
}

static void sense_drive(struct fdc *s)
{
	unsigned n = fdc_selected(s);
	struct floppy *f = fdc_floppy(s, n);

	s->result[0] = (uint8_t)(0x28 | (s->command[1] & 7));
	if (f)
		s->result[0] |= (f->readonly && f->geometry.sectors ? 0x40 : 0) | (f->track == 0 ? 0x10 : 0);
	fdc_result(s, 1);
}

static void configure(struct fdc *s)
{
	memcpy(s->configure, s->command + 1, 3);
	fdc_idle(s);
}

static void perpendicular(struct fdc *s)
{
	if (s->command[1] & 0x80) /* OW: the drives' own bits */
		for (unsigned i = 0; i < FDC_DRIVES; i++)
			s->floppy[i].perpendicular = s->command[1] >> (2 + i) & 1;
	s->options = (s->options & ~3) | (s->command[1] & 3);
	fdc_idle(s);
}

static void lock(struct fdc *s)
{
	s->lock = s->command[0] >> 7;
	s->result[0] = (uint8_t)(s->lock << 4);
	fdc_result(s, 1);
}

static void version(struct fdc *s)
{
	s->result[0] = 0x90;
	fdc_result(s, 1);
}

static void part_id(struct fdc *s)
{
	s->result[0] = 0x41; /* stepping 1 of an 82078-1 */
	fdc_result(s, 1);
}

static void dump_registers(struct fdc *s)
{
	for (unsigned i = 0; i < 4; i++)
		s->result[i] = i < FDC_DRIVES ? s->floppy[i].track : 0;
	memcpy(s->result + 4, s->specify, 2);
	s->result[6] = s->end;
	s->result[7] = (uint8_t)(s->lock << 7 | s->floppy[0].perpendicular << 2 | s->floppy[1].perpendicular << 3 | (s->options & 3));
	s->result[8] = s->configure[1];
	s->result[9] = s->configure[2];
	fdc_result(s, 10);
}

static void save(struct fdc *s)
{
	memset(s->result, 0, 16);
	s->result[0] = s->ccr;
	s->result[6] = s->specify[0];
	s->result[7] = s->specify[1];
	s->result[8] = s->end;
	s->result[9] = (uint8_t)(s->lock << 7 | (s->options & 3));
	s->result[10] = s->configure[1];
	s->result[11] = s->configure[2];
	s->result[15] = s->floppy[0].track;
	s->result[14] = s->floppy[1].track;
	fdc_result(s, 16);
}

static void restore(struct fdc *s)
{
	const uint8_t *p = s->command + 1;

	s->ccr = p[0] & 3;
	memcpy(s->specify, p + 6, 2);
	s->end = p[8];
	s->lock = p[9] >> 7;
	s->options = (s->options & ~3) | (p[9] & 3);
	s->configure[1] = p[10];
	s->configure[2] = p[11];
	s->floppy[0].track = p[15];
	s->floppy[1].track = p[14];
	fdc_idle(s);
}

static void drive_specification(struct fdc *s)
{
	static const uint8_t none[4] = {0};

	if (s->command[s->command_at - 1] & 0x40) { /* NRP: no result phase */
		fdc_idle(s);
		return;
	}
	memcpy(s->result, none, 4);
	for (uint8_t i = 0; i < 4; i++)
		s->result[i] = (uint8_t)(i << 2);
	fdc_result(s, 4);
}

static void option(struct fdc *s)
{
	fdc_idle(s); /* ISO formats have no index mark; an image has none either way */
}

static void powerdown(struct fdc *s)
{
	s->powerdown = s->command[1] & 7;
	s->result[0] = s->powerdown;
	fdc_result(s, 1);
}

static const struct command commands[] = {
	{0x1f, 0x06, 8, read_data, "READ DATA"},
	{0x1f, 0x0c, 8, read_deleted, "READ DELETED DATA"},
	{0x3f, 0x05, 8, write_data, "WRITE DATA"},
	{0x3f, 0x09, 8, write_data, "WRITE DELETED DATA"},
	{0x9f, 0x02, 8, read_track, "READ TRACK"},
	{0x1f, 0x16, 8, verify, "VERIFY"},
	{0xbf, 0x0d, 5, format_track, "FORMAT TRACK"},
	{0x1f, SCAN_EQUAL, 8, scan, "SCAN EQUAL"},
	{0x1f, SCAN_LOW, 8, scan, "SCAN LOW OR EQUAL"},
	{0x1f, SCAN_HIGH, 8, scan, "SCAN HIGH OR EQUAL"},
	{0xff, 0x07, 1, recalibrate, "RECALIBRATE"},
	{0xff, 0x08, 0, sense_interrupt, "SENSE INTERRUPT STATUS"},
	{0xff, 0x03, 2, specify, "SPECIFY"},
	{0xff, 0x04, 1, sense_drive, "SENSE DRIVE STATUS"},
	{0xff, 0x8e, 6, drive_specification, "DRIVE SPECIFICATION"},
	{0xff, 0x0f, 2, seek, "SEEK"},
	{0xbf, 0x8f, 2, seek, "RELATIVE SEEK"},
	{0xff, 0x13, 3, configure, "CONFIGURE"},
	{0xbf, 0x0a, 1, read_id, "READ ID"},
	{0xff, 0x12, 1, perpendicular, "PERPENDICULAR MODE"},
	{0x7f, 0x14, 0, lock, "LOCK"},
	{0xff, 0x10, 0, version, "VERSION"},
	{0xff, 0x18, 0, part_id, "PART ID"},
	{0xff, 0x17, 1, powerdown, "POWERDOWN MODE"},
	{0xff, 0x33, 1, option, "OPTION"},
	{0xff, 0x2e, 0, save, "SAVE"},
	{0xff, 0x4e, 16, restore, "RESTORE"},
	{0xff, 0x0e, 0, dump_registers, "DUMPREG"},
};

static const struct command *find(uint8_t code)
{
	for (unsigned i = 0; i < sizeof commands / sizeof commands[0]; i++)
		if ((code & commands[i].mask) == commands[i].code)
			return &commands[i];
	return NULL;
}

unsigned fdc_command_size(uint8_t code)
{
	const struct command *c = find(code);

	return c ? 1u + c->parameters : 1;
}

bool fdc_command_complete(const struct fdc *s)
{
	/* DRIVE SPECIFICATION ends with the byte that says so */
	if (s->command[0] == 0x8e && s->command_at > 1 && (s->command[s->command_at - 1] & 0x80))
		return true;
	return s->command_at >= s->command_size;
}

void fdc_execute(struct fdc *s)
{
	const struct command *c = find(s->command[0]);

	s->phase = FDC_EXECUTION;
	if (c)
		c->execute(s);
	else
		invalid(s);
}
