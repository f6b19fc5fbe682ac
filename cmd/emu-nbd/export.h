/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A disk, or a part of it, as an NBD export. */
#ifndef EMU_NBD_EXPORT_H
#define EMU_NBD_EXPORT_H
#include "block/dirty.h"
#include "block/disk.h"
#include "nbd/server.h"

struct image_export {
	struct nbd_export nbd;
	struct disk *disk;
	uint64_t offset, size; /* the window of the image; size UINT64_MAX: to its end, wherever that is */
	uint32_t align;
	bool depth;
	struct blk_dirty *bitmap; /* shown as qemu:dirty-bitmap:NAME; NULL: none */
	char *bitmap_context;
	const char *contexts[3];
};

/*
 * Window [offset, offset+size) of the disk (size UINT64_MAX: to the end). depth: offers qemu:allocation-depth too. The disk must outlive the
 * export.
 */
int image_export_init(struct image_export *x, struct disk *d, const char *name, const char *description, uint64_t offset,
		      uint64_t size, bool depth, bool writable, struct blk_dirty *bitmap, struct err *e);
void image_export_done(struct image_export *x);

/* Finds partition `number` (1..4 primary, 5.. logical of an MBR; 1..128 of a GPT) and gives its window. */
int partition_find(struct blk *b, unsigned number, uint64_t *offset, uint64_t *size, struct err *e);
#endif
