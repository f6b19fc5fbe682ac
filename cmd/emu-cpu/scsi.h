/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SCSI: logical units on a host adapter's bus. An adapter makes a request with the command, the guest's memory for its data, and a function that
 * hears of its end; the unit does the rest. Sources: SAM-4, SPC-3 (T10/1416-D), SBC-3.
 */
#ifndef EMU_CPU_SCSI_H
#define EMU_CPU_SCSI_H
#include <sys/uio.h>
#include "device.h"
#include "mmc.h"

enum { SCSI_GOOD = 0, SCSI_CHECK_CONDITION = 2, SCSI_BUSY = 8, SCSI_CONFLICT = 0x18, SCSI_TASK_SET_FULL = 0x28, SCSI_ABORTED = 0x40 };
#define SCSI_SENSE 18
#define SCSI_CDB_MAX 32

struct scsi_bus;
struct scsi_unit;

struct scsi_request {
	/* the adapter's: */
	struct scsi_unit *unit;
	uint8_t cdb[SCSI_CDB_MAX];
	unsigned cdb_size;
	const struct iovec *out, *in; /* data to the unit, data from it; stay until done */
	unsigned outs, ins;
	uint64_t out_size, in_size;   /* bytes */
	/* Called once, perhaps before scsi_submit() returns. */
	void (*done)(struct scsi_request *r);
	/* the answer: */
	uint8_t status;               /* SCSI_GOOD … */
	uint8_t sense[SCSI_SENSE];    /* with SCSI_CHECK_CONDITION: fixed format */
	uint64_t moved;               /* bytes, in the direction of the data */
	bool overrun;                 /* the command wants to move more than the adapter has memory for; nothing was done */
	/* the unit's: */
	struct scsi_request *next, **at;
	void *work;                   /* freed with the request's end */
	unsigned parts;               /* drive requests under way */
	int error;
};

/* What a kind of unit does; its device_type's `extra`. */
struct scsi_class {
	void (*command)(struct scsi_request *r);
	void (*reset)(struct scsi_unit *u); /* of the bus or of the unit: nothing is in flight */
};

/* What the state of every unit's device begins with. */
struct scsi_unit {
	struct device dev; /* first */
	struct scsi_bus *bus;
	struct drive *drive;
	uint32_t channel, lun;      /* properties */
	int32_t id;                 /* property scsi-id; -1: the next free one */
	struct scsi_request *first; /* in flight */
	uint8_t attention_asc, attention_ascq; /* a unit attention that the next command hears of; 0: none */
};

struct scsi_bus {
	struct bus bus;             /* "SCSI" */
	unsigned max_channel, max_id, max_lun; /* highest of each */
	/* A unit came or went while the machine runs; may be NULL. */
	void (*changed)(struct scsi_bus *b, struct scsi_unit *u, bool present);
	/* A unit's capacity or medium changed: sense codes of its unit attention; may be NULL. */
	void (*attention)(struct scsi_bus *b, struct scsi_unit *u, unsigned asc, unsigned ascq);
};

/* ---- for adapters ---- */
void scsi_bus_init(struct scsi_bus *b, const char *name, struct device *owner);
/* exact false: any unit of that target, for who asks about a target. NULL: none. */
struct scsi_unit *scsi_find(struct scsi_bus *b, unsigned channel, unsigned id, unsigned lun, bool exact);
/* lun: the one addressed, which may be another than r->unit's (then only INQUIRY, REPORT LUNS and REQUEST SENSE say something). */
void scsi_submit(struct scsi_request *r, unsigned lun);
/* Waits until nothing is in flight. */
void scsi_unit_drain(struct scsi_unit *u);
void scsi_unit_reset(struct scsi_unit *u); /* drained, unit attention "reset occurred" */

/* ---- for units ---- */
#define SCSI_UNIT_PROPS \
	{.name = "drive", P_(struct scsi_unit, drive, PROP_DRIVE), .help = "id of the disk"}, \
	{.name = "channel", P_(struct scsi_unit, channel, PROP_U32)}, \
	{.name = "scsi-id", P_(struct scsi_unit, id, PROP_I32), .def = -1}, \
	{.name = "lun", P_(struct scsi_unit, lun, PROP_U32)}
void scsi_end(struct scsi_request *r, unsigned status);
void scsi_check(struct scsi_request *r, unsigned key, unsigned asc, unsigned ascq); /* ends it with a check condition */
/* Copies an answer of n bytes to the initiator, as much as it has room for, and ends the request. */
void scsi_answer(struct scsi_request *r, const void *data, uint64_t n, uint64_t allocation);
/* Copies parameters from the initiator: returns the bytes. */
uint64_t scsi_take(struct scsi_request *r, void *data, uint64_t n);
void scsi_sense(uint8_t sense[SCSI_SENSE], unsigned key, unsigned asc, unsigned ascq);
/* The next command hears of it, and the adapter at once. */
void scsi_attention(struct scsi_unit *u, unsigned asc, unsigned ascq);
/* property bootindex: the name that firmware knows the unit by */
int scsi_boot_order(struct scsi_unit *u, int32_t index, struct err *e);
/* The end of a realize(): an adapter of a running machine tells its guest. */
void scsi_unit_plugged(struct scsi_unit *u);
/* unrealize of a unit's device, and saving of its state */
void scsi_unit_unrealize(struct device *d);
void scsi_unit_saving(void *state);
extern const struct field scsi_unit_fields[];
#endif
