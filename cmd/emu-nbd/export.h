/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An open image, or a part of it, as an NBD export. */
#ifndef EMU_NBD_EXPORT_H
#define EMU_NBD_EXPORT_H
#include "block/block.h"
#include "nbd/server.h"

struct image_export {
	struct nbd_export nbd;
	struct blk *blk;
	uint64_t offset, size; /* the window of the image */
	const char *contexts[2];
};

/* Window [offset, offset+size) of b (size UINT64_MAX: to the end). depth: offers qemu:allocation-depth too. Takes a reference. */
int image_export_init(struct image_export *x, struct blk *b, const char *name, const char *description, uint64_t offset,
		      uint64_t size, bool depth, struct err *e);
void image_export_done(struct image_export *x);

/* Finds partition `number` (1..4 primary, 5.. logical of an MBR; 1..128 of a GPT) and gives its window. */
int partition_find(struct blk *b, unsigned number, uint64_t *offset, uint64_t *size, struct err *e);
#endif
