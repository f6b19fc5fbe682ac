/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside the floppy controller: fdc.c (registers, phases), fdc-command.c (the commands), fdc-media.c (drives and their media). */
#ifndef EMU_CPU_FDC_H
#define EMU_CPU_FDC_H
#include "../../drive.h"
#include "../../isa-bus.h"

#define FDC_DRIVES 2
#define FDC_SECTOR 512

enum { ST0_SEEK_END = 0x20, ST0_EQUIPMENT = 0x10, ST0_ABNORMAL = 0x40, ST0_INVALID = 0x80, ST0_POLLED = 0xc0 };
enum { ST1_END = 0x80, ST1_DATA_ERROR = 0x20, ST1_NO_DATA = 4, ST1_NOT_WRITABLE = 2, ST1_MISSING_ADDRESS = 1 };
enum { ST2_DATA_ERROR = 0x20, ST2_WRONG_CYLINDER = 0x10, ST2_SCAN_EQUAL = 8, ST2_SCAN_NOT = 4 };

struct floppy_geometry {
	uint8_t tracks, heads, sectors, rates; /* rates: bit n: readable at data rate n of CCR */
	uint8_t type;                          /* of the drive that suits it, as CMOS has it */
};

/* A drive: what is in it is found out when the medium changes. */
struct floppy {
	struct fdc *fdc;
	struct drive *drive;   /* NULL: no drive is connected */
	struct floppy_geometry geometry; /* sectors 0: no medium */
	uint64_t sectors;      /* of the medium */
	bool readonly;
	uint8_t track, head;
	bool changed;          /* DSKCHG */
	uint8_t perpendicular;
	uint8_t type;          /* CMOS */
};

enum fdc_phase { FDC_IDLE, FDC_COMMAND, FDC_EXECUTION, FDC_RESULT };
enum fdc_op { OP_NONE, OP_READ, OP_WRITE, OP_VERIFY, OP_SCAN, OP_FORMAT, OP_READ_TRACK };

struct fdc_io; /* a sector on its way from or to the drive's server */

struct fdc {
	struct device dev;
	uint8_t dor, tdr, dsr, ccr;
	uint8_t phase;         /* enum fdc_phase */
	uint8_t command[20], command_at, command_size; /* command[0]: its code */
	uint8_t result[20], result_at, result_size;
	uint8_t specify[2], configure[3], lock, options, powerdown;
	bool irq;              /* INT, before DMAGATE */
	uint8_t polled;        /* sense interrupts that a reset has left */
	uint8_t seek_status;   /* ST0 of a seek or recalibrate that was not sensed */
	bool seek_done;
	/* execution */
	uint8_t op, cylinder, head, sector, size_code, end, step, skip;
	uint8_t fill;          /* format */
	uint8_t st1, st2;
	uint8_t left;          /* sectors to format or verify */
	uint8_t scan_condition;/* command code of a scan */
	bool multitrack, pio, terminal, scan_differs, scan_met;
	bool waiting;          /* a request is with the drive; found false after a load */
	uint8_t buffer[FDC_SECTOR];
	uint16_t buffer_at, buffer_size; /* bytes of it that were moved, and its size; size 0: no data is asked for */
	struct floppy floppy[FDC_DRIVES];
	struct fdc_io *io;
	struct drive *drive[FDC_DRIVES];
	int fdtype[FDC_DRIVES];
	uint32_t iobase, irq_line, dma;
	struct region *ports, *dir_port;
};

static inline struct floppy *fdc_floppy(struct fdc *s, unsigned n) { return n < FDC_DRIVES && s->floppy[n].drive ? &s->floppy[n] : NULL; }
static inline unsigned fdc_selected(const struct fdc *s) { return s->command[1] & 3; }

/* fdc-media.c */
extern const char *const floppy_types[];
void floppy_init(struct floppy *f, struct fdc *s, struct drive *d, int type);
void floppy_look(struct floppy *f);
bool floppy_rate_fits(const struct floppy *f, unsigned rate);
uint64_t floppy_offset(const struct floppy *f, unsigned track, unsigned head, unsigned sector); /* bytes */

/* fdc.c */
void fdc_set_irq(struct fdc *s, bool level);
void fdc_result(struct fdc *s, unsigned n);          /* to the result phase with n bytes */
void fdc_idle(struct fdc *s);
void fdc_data_phase(struct fdc *s, unsigned size);   /* the host is asked for, or offered, size bytes of the buffer */
void fdc_sector_io(struct fdc *s, bool write, uint64_t offset, void (*done)(struct fdc *s, int error));
void fdc_io_forget(struct fdc *s);                   /* what is under way goes nowhere */

/* fdc-command.c */
unsigned fdc_command_size(uint8_t code);             /* bytes of the command with its code; 1 for unknown ones */
bool fdc_command_complete(const struct fdc *s);
void fdc_execute(struct fdc *s);
void fdc_data_done(struct fdc *s);                   /* the buffer has gone to or come from the host; s->terminal: with TC */
void fdc_recalled(struct fdc *s);                    /* goes on with a transfer after a load */
#endif
