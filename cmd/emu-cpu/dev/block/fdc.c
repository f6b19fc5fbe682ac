/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * 82078 floppy disk controller in AT mode, with two drives.
 *
 * Data sheet: Intel 82078 (290474-003, 1993). Not modelled: SRA and SRB (PS/2 and Model 30 modes), tape drives, step and rotation times: what
 * is asked for happens at once, apart from the time that the disk's server takes.
 *
 * Theory of operation. A sector at a time travels between the drive's server (asynchronously) and `buffer`, and between that and the host, by DMA or
 * through the FIFO. Each end calls the next step: fdc_sector_io() → transfer (fdc-command.c) → fdc_data_phase() → fdc_data_done() → …
 * A reset forgets what is under way: its completion finds nobody.
 *
 * Wiring: ISA IRQ 6, DMA channel 2, both gated by DOR bit 3. Properties: driveA, driveB, fdtypeA, fdtypeB (auto, 144, 288, 120, none),
 * iobase, irq, dma.
 *
 *   2 DOR   3 TDR   4 R MSR, W DSR   5 FIFO   7 R DIR, W CCR
 */
#include "fdc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../../machine.h"
#include "../../pc-chips.h"

enum { R_DOR = 2, R_TDR, R_MSR, R_FIFO, R_DIR = 7 };
enum { DOR_SELECT = 3, DOR_NRESET = 4, DOR_DMAGATE = 8, DOR_MOTOR = 0x10 };
enum { MSR_RQM = 0x80, MSR_DIO = 0x40, MSR_NONDMA = 0x20, MSR_BUSY = 0x10 };
enum { DSR_RESET = 0x80, DSR_POWERDOWN = 0x40 };
enum { CONFIGURE_POLL_OFF = 0x10 };

struct fdc_io {
	struct drive_req request;
	struct iovec iov;
	struct fdc *fdc;     /* NULL: forgotten */
	bool write;
	void (*done)(struct fdc *s, int error);
	uint8_t data[FDC_SECTOR];
};

/* ---- lines ----------------------------------------------------------------------------------------------------------------- */
static void update_irq(struct fdc *s)
{
	irq_set(isa_irq(&s->dev, s->irq_line), s->irq && (s->dor & DOR_DMAGATE));
}

void fdc_set_irq(struct fdc *s, bool level)
{
	s->irq = level;
	update_irq(s);
}

static void request_dma(struct fdc *s, bool on)
{
	isa_dma_request(isa_bus_of(&s->dev)->dma, s->dma, on && (s->dor & DOR_DMAGATE));
}

/* ---- a sector's way to the disk ----------------------------------------------------------------------------------------------- */
void fdc_io_forget(struct fdc *s)
{
	if (s->io)
		s->io->fdc = NULL;
	s->io = NULL;
	s->waiting = false;
}

static void io_done(void *opaque, int error)
{
	struct fdc_io *io = opaque;
	struct fdc *s = io->fdc;
	void (*done)(struct fdc *s, int error) = io->done;

	if (!s) {
		free(io);
		return;
	}
	if (!io->write && !error)
		memcpy(s->buffer, io->data, FDC_SECTOR);
	s->io = NULL;
	s->waiting = false;
	free(io);
	done(s, error);
}

void fdc_sector_io(struct fdc *s, bool write, uint64_t offset, void (*done)(struct fdc *s, int error))
{
	struct floppy *f = fdc_floppy(s, fdc_selected(s));
	struct fdc_io *io = calloc(1, sizeof *io);

	s->buffer_size = 0;
	if (!io || offset + FDC_SECTOR > f->sectors * FDC_SECTOR) { /* the latter: a state that was loaded with another medium */
		free(io);
		done(s, -EIO);
		return;
	}
	*io = (struct fdc_io){.fdc = s, .write = write, .done = done};
	memcpy(io->data, s->buffer, FDC_SECTOR);
	io->iov = (struct iovec){io->data, FDC_SECTOR};
	io->request = (struct drive_req){.op = write ? DRIVE_WRITE : DRIVE_READ, .offset = offset, .size = FDC_SECTOR, .iov = &io->iov,
					 .iovs = 1, .done = io_done, .opaque = io};
	s->io = io;
	s->waiting = true;
	drive_submit(f->drive, &io->request);
}

/* ---- phases -------------------------------------------------------------------------------------------------------------------- */
void fdc_idle(struct fdc *s)
{
	s->phase = FDC_IDLE;
	s->command_at = s->result_at = s->result_size = 0;
	s->buffer_size = 0;
}

void fdc_result(struct fdc *s, unsigned n)
{
	request_dma(s, false);
	s->phase = FDC_RESULT;
	s->result_at = 0;
	s->result_size = (uint8_t)n;
	s->buffer_size = 0;
}

void fdc_data_phase(struct fdc *s, unsigned size)
{
	s->buffer_at = 0;
	s->buffer_size = (uint16_t)size;
	if (s->pio)
		fdc_set_irq(s, true);
	else
		request_dma(s, true);
}

/* A scan compares what the host sends with what the disk has. */
static void scan_byte(struct fdc *s, uint8_t host, uint8_t disk)
{
	if (host == 0xff || disk == 0xff || host == disk) /* ff matches all */
		return;
	s->st2 &= ~ST2_SCAN_EQUAL;
	if (s->scan_condition == 0x11 || (s->scan_condition == 0x19 && disk > host) || (s->scan_condition == 0x1d && disk < host))
		s->scan_differs = true;
}

static bool to_host(const struct fdc *s)
{
	return s->op == OP_READ || s->op == OP_READ_TRACK;
}

/* DMA has this much room in the block from pos on. */
static uint32_t fdc_dma(void *opaque, unsigned channel, uint32_t pos, uint32_t size)
{
	struct fdc *s = opaque;
	struct isa_dma *dma = isa_bus_of(&s->dev)->dma;
	uint8_t host[FDC_SECTOR];
	uint32_t n = s->buffer_size - s->buffer_at;

	if (s->phase != FDC_EXECUTION || !s->buffer_size || s->pio) {
		isa_dma_request(dma, channel, false);
		return pos;
	}
	if (n > size - pos)
		n = size - pos;
	if (s->op == OP_SCAN) {
		if (s->buffer_at == 0) {
			s->scan_differs = false;
			s->st2 |= ST2_SCAN_EQUAL;
		}
		n = isa_dma_read(dma, channel, host, pos, n);
		for (uint32_t i = 0; i < n; i++)
			scan_byte(s, host[i], s->buffer[s->buffer_at + i]);
	} else if (to_host(s)) {
		if (isa_dma_is_write(dma, channel)) /* else it is a verify transfer: counted, not stored */
			isa_dma_write(dma, channel, s->buffer + s->buffer_at, pos, n);
	} else {
		isa_dma_read(dma, channel, s->buffer + s->buffer_at, pos, n);
	}
	s->buffer_at += n;
	if (pos + n == size)
		s->terminal = true;
	if (s->buffer_at == s->buffer_size || s->terminal) {
		isa_dma_request(dma, channel, false);
		s->buffer_size = 0;
		fdc_data_done(s);
	}
	return pos + n;
}

/* ---- reset ---------------------------------------------------------------------------------------------------------------------- */
/* By DOR or DSR; hard: by the system. */
static void controller_reset(struct fdc *s, bool hard)
{
	fdc_io_forget(s);
	request_dma(s, false);
	fdc_idle(s);
	s->op = OP_NONE;
	s->seek_done = false;
	s->polled = 0;
	s->pio = s->terminal = false;
	if (hard || !s->lock) /* LOCK keeps these over a software reset */
		memset(s->configure, 0, sizeof s->configure);
	s->options &= hard ? 0 : 3;
	fdc_set_irq(s, false);
}

static void reset_ends(struct fdc *s)
{
	if (s->configure[1] & CONFIGURE_POLL_OFF)
		return;
	s->polled = 4; /* every drive's ready line "has changed" */
	fdc_set_irq(s, true);
}

static void fdc_reset(struct device *d)
{
	struct fdc *s = (struct fdc *)d;

	s->lock = s->powerdown = 0;
	s->dor = s->tdr = 0;
	s->ccr = s->dsr = 2;
	s->end = s->sector = 0;
	memset(s->specify, 0, sizeof s->specify);
	controller_reset(s, true);
	for (unsigned i = 0; i < FDC_DRIVES; i++) {
		s->floppy[i].track = s->floppy[i].head = s->floppy[i].perpendicular = 0;
		s->floppy[i].changed = true;
	}
	update_irq(s);
}

/* ---- registers -------------------------------------------------------------------------------------------------------------------- */
static uint8_t read_msr(const struct fdc *s)
{
	uint8_t v = 0;

	if (!(s->dor & DOR_NRESET))
		return 0;
	switch (s->phase) {
	case FDC_IDLE:
		return MSR_RQM;
	case FDC_COMMAND:
		return MSR_RQM | MSR_BUSY;
	case FDC_RESULT:
		return MSR_RQM | MSR_DIO | MSR_BUSY;
	default:
		v = MSR_BUSY;
		if (s->pio)
			v |= MSR_NONDMA | (s->buffer_size ? MSR_RQM | (to_host(s) ? MSR_DIO : 0) : 0);
		return v;
	}
}

static uint8_t read_fifo(struct fdc *s)
{
	uint8_t v = 0xff;

	if (s->phase == FDC_RESULT) {
		if (s->result_at == 0 && !s->seek_done && !s->polled)
			fdc_set_irq(s, false);
		v = s->result[s->result_at++];
		if (s->result_at == s->result_size)
			fdc_idle(s);
	} else if (s->phase == FDC_EXECUTION && s->pio && s->buffer_size && to_host(s)) {
		fdc_set_irq(s, false);
		v = s->buffer[s->buffer_at++];
		if (s->buffer_at == s->buffer_size) {
			s->buffer_size = 0;
			fdc_data_done(s);
		}
	} else {
		guest_error(&s->dev, "the FIFO is read in phase %u", s->phase);
	}
	return v;
}

static void write_pio(struct fdc *s, uint8_t value)
{
	fdc_set_irq(s, false);
	if (s->op == OP_SCAN) {
		if (s->buffer_at == 0) {
			s->scan_differs = false;
			s->st2 |= ST2_SCAN_EQUAL;
		}
		scan_byte(s, value, s->buffer[s->buffer_at]);
	} else {
		s->buffer[s->buffer_at] = value;
	}
	if (++s->buffer_at == s->buffer_size) {
		s->buffer_size = 0;
		fdc_data_done(s);
	}
}

static void write_fifo(struct fdc *s, uint8_t value)
{
	if (!(s->dor & DOR_NRESET) || s->phase == FDC_RESULT) {
		guest_error(&s->dev, "the FIFO is written in phase %u", s->phase);
		return;
	}
	if (s->phase == FDC_EXECUTION) {
		if (s->pio && s->buffer_size && !to_host(s))
			write_pio(s, value);
		return;
	}
	if (s->phase == FDC_IDLE) {
		s->command_at = 0;
		s->command_size = (uint8_t)fdc_command_size(value);
		s->phase = FDC_COMMAND;
		memset(s->command, 0, sizeof s->command);
	}
	s->command[s->command_at++] = value;
	if (fdc_command_complete(s))
		fdc_execute(s);
}

static void write_dor(struct fdc *s, uint8_t value)
{
	uint8_t old = s->dor;

	s->dor = value;
	if (!(value & DOR_NRESET))
		controller_reset(s, false);
	else if (!(old & DOR_NRESET))
		reset_ends(s);
	if ((old ^ value) & DOR_DMAGATE) {
		update_irq(s);
		if (s->phase == FDC_EXECUTION && s->buffer_size && !s->pio)
			request_dma(s, true);
	}
}

static uint64_t fdc_read(void *opaque, uint64_t offset, unsigned size)
{
	struct fdc *s = opaque;

	(void)size;
	switch (offset + R_DOR) {
	case R_DOR:
		return s->dor;
	case R_TDR:
		return s->tdr | 0xfc;
	case R_MSR:
		return read_msr(s);
	default:
		return read_fifo(s);
	}
}

static void fdc_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
	struct fdc *s = opaque;

	(void)size;
	switch (offset + R_DOR) {
	case R_DOR:
		write_dor(s, (uint8_t)value);
		break;
	case R_TDR:
		s->tdr = value & 3;
		break;
	case R_MSR: /* DSR */
		s->dsr = value & ~(uint64_t)DSR_RESET;
		s->ccr = value & 3;
		if (value & DSR_RESET) { /* clears itself */
			controller_reset(s, false);
			if (s->dor & DOR_NRESET)
				reset_ends(s);
		}
		break;
	default:
		write_fifo(s, (uint8_t)value);
	}
}

static uint64_t dir_read(void *opaque, uint64_t offset, unsigned size)
{
	struct fdc *s = opaque;
	unsigned n = s->dor & DOR_SELECT;
	struct floppy *f = fdc_floppy(s, n);

	(void)offset, (void)size;
	/* the drive shows DSKCHG while it is selected and its motor runs; the other bits float low as the hard disk leaves them */
	return f && (s->dor & DOR_MOTOR << n) && (f->changed || !f->geometry.sectors) ? 0x80 : 0;
}

static void ccr_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
	(void)offset, (void)size;
	((struct fdc *)opaque)->ccr = value & 3;
}

uint8_t fdc_drive_type(struct device *d, unsigned n)
{
	return n < FDC_DRIVES ? ((struct fdc *)d)->floppy[n].type : 0;
}

static const struct region_ops fdc_ops = {fdc_read, fdc_write, .min = 1, .max = 4, .impl_min = 1, .impl_max = 1};
static const struct region_ops dir_ops = {dir_read, ccr_write, .min = 1, .max = 4, .impl_min = 1, .impl_max = 1};

static int fdc_realize(struct device *d, struct err *e)
{
	struct fdc *s = (struct fdc *)d;

	if (s->iobase > 0xfff8 || s->irq_line > 15 || s->dma > 3)
		return err_set(e, EINVAL, "isa-fdc: iobase 0x%x, irq %u, dma %u: ports go to 0xfff8, lines to 15, channels to 3", s->iobase,
			       s->irq_line, s->dma);
	for (unsigned i = 0; i < FDC_DRIVES; i++)
		if (s->drive[i] && drive_attach(s->drive[i], d, e) < 0) {
			if (i && s->drive[0])
				drive_detach(s->drive[0]);
			return -e->code;
		}
	for (unsigned i = 0; i < FDC_DRIVES; i++)
		floppy_init(&s->floppy[i], s, s->drive[i], s->fdtype[i]);
	isa_dma_register(isa_bus_of(d)->dma, s->dma, fdc_dma, s);
	s->ports = isa_ports(d, "fdc", (uint16_t)(s->iobase + R_DOR), 4, &fdc_ops, s);
	s->dir_port = isa_ports(d, "fdc-dir", (uint16_t)(s->iobase + R_DIR), 1, &dir_ops, s);
	return 0;
}

static void fdc_unrealize(struct device *d)
{
	struct fdc *s = (struct fdc *)d;

	fdc_io_forget(s);
	isa_dma_register(isa_bus_of(d)->dma, s->dma, NULL, NULL);
	isa_ports_free(s->ports);
	isa_ports_free(s->dir_port);
	for (unsigned i = 0; i < FDC_DRIVES; i++)
		if (s->drive[i])
			drive_detach(s->drive[i]);
}

static int fdc_loaded(void *state, struct err *e)
{
	struct fdc *s = state;

	if (s->phase > FDC_RESULT || s->command_at > 17 || s->command_size > 17 || s->result_size > 16 || s->op > OP_READ_TRACK ||
	    (s->phase == FDC_COMMAND && s->command_at >= s->command_size) || (s->phase == FDC_RESULT && s->result_at >= s->result_size) ||
	    s->buffer_size > FDC_SECTOR || (s->buffer_size && s->buffer_at >= s->buffer_size) || s->buffer_at > FDC_SECTOR || s->polled > 4)
		return err_set(e, EINVAL, "isa-fdc: phase %u, command of %u, result of %u, buffer of %u bytes: impossible", s->phase,
			       s->command_size, s->result_size, s->buffer_size);
	for (unsigned i = 0; i < FDC_DRIVES; i++)
		floppy_look(&s->floppy[i]);
	if (s->waiting && !s->io) { /* the sector that was under way is asked for again */
		s->waiting = false;
		fdc_recalled(s);
	}
	return 0;
}

static const struct prop fdc_props[] = {
	{.name = "driveA", P_(struct fdc, drive[0], PROP_DRIVE), .help = "drive A"},
	{.name = "driveB", P_(struct fdc, drive[1], PROP_DRIVE), .help = "drive B"},
	{.name = "fdtypeA", P_(struct fdc, fdtype[0], PROP_CHOICE), .choices = floppy_types, .help = "kind of drive A"},
	{.name = "fdtypeB", P_(struct fdc, fdtype[1], PROP_CHOICE), .choices = floppy_types, .help = "kind of drive B"},
	{.name = "iobase", P_(struct fdc, iobase, PROP_U32), .def = 0x3f0, .help = "first port"},
	{.name = "irq", P_(struct fdc, irq_line, PROP_U32), .def = 6, .help = "interrupt line"},
	{.name = "dma", P_(struct fdc, dma, PROP_U32), .def = 2, .help = "DMA channel"},
	{.name = NULL},
};
static const struct field floppy_fields[] = {
	F_UINT(struct floppy, track), F_UINT(struct floppy, head), F_BOOL(struct floppy, changed), F_UINT(struct floppy, perpendicular), F_END,
};
static const struct field fdc_fields[] = {
	F_UINT(struct fdc, dor), F_UINT(struct fdc, tdr), F_UINT(struct fdc, dsr), F_UINT(struct fdc, ccr), F_UINT(struct fdc, phase),
	F_BYTES(struct fdc, command), F_UINT(struct fdc, command_at), F_UINT(struct fdc, command_size), F_BYTES(struct fdc, result),
	F_UINT(struct fdc, result_at), F_UINT(struct fdc, result_size), F_BYTES(struct fdc, specify), F_BYTES(struct fdc, configure),
	F_UINT(struct fdc, lock), F_UINT(struct fdc, options), F_UINT(struct fdc, powerdown), F_BOOL(struct fdc, irq),
	F_UINT(struct fdc, polled), F_UINT(struct fdc, seek_status), F_BOOL(struct fdc, seek_done), F_UINT(struct fdc, op),
	F_UINT(struct fdc, cylinder), F_UINT(struct fdc, head), F_UINT(struct fdc, sector), F_UINT(struct fdc, size_code),
	F_UINT(struct fdc, end), F_UINT(struct fdc, step), F_UINT(struct fdc, skip), F_UINT(struct fdc, fill), F_UINT(struct fdc, st1),
	F_UINT(struct fdc, st2), F_UINT(struct fdc, left), F_UINT(struct fdc, scan_condition), F_BOOL(struct fdc, multitrack),
	F_BOOL(struct fdc, pio), F_BOOL(struct fdc, terminal), F_BOOL(struct fdc, scan_differs), F_BOOL(struct fdc, scan_met),
	F_BOOL(struct fdc, waiting), F_BYTES(struct fdc, buffer), F_UINT(struct fdc, buffer_at), F_UINT(struct fdc, buffer_size),
	F_STRUCTS(struct fdc, floppy, floppy_fields), F_END,
};
static const struct state_table fdc_state = {.name = "fdc", .version = 1, .oldest = 1, .fields = fdc_fields, .loaded = fdc_loaded};

static const struct device_type fdc_type = {
	.name = "isa-fdc", .bus = "ISA", .desc = "82078 floppy controller", .category = "Storage", .size = sizeof(struct fdc),
	.props = fdc_props, .state = &fdc_state, .user = true, .realize = fdc_realize, .unrealize = fdc_unrealize, .reset = fdc_reset,
};
DEVICE(fdc_type);
