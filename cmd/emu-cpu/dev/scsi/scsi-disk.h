/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between the files of scsi-hd: scsi-disk.c commands, scsi-disk-pages.c what it says of itself. */
#ifndef EMU_CPU_SCSI_DISK_H
#define EMU_CPU_SCSI_DISK_H
#include "../../scsi.h"

struct scsi_disk {
	struct scsi_unit unit; /* first */
	char *serial, *vendor, *product, *ver, *device_id;
	uint64_t wwn, max_unmap, max_io;
	uint32_t logical, physical, min_io, opt_io, discard_granularity;
	uint16_t rotation;     /* 0: not told, 1: no moving parts, else rpm */
	int32_t bootindex;
	uint32_t cyls, heads, secs;
	bool removable, dpofua, share_rw, write_cache, stopped;
};

static inline struct scsi_disk *scsi_disk(struct scsi_request *r) { return (struct scsi_disk *)r->unit; }
uint64_t scsi_disk_blocks(const struct scsi_disk *s);

void scsi_disk_inquiry(struct scsi_request *r);
void scsi_disk_mode_sense(struct scsi_request *r);
void scsi_disk_mode_select(struct scsi_request *r);
#endif
