/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An open node, and those below it, become writable or read-only. */
#include <errno.h>
#include "block/core.h"

int blk_reopen(struct blk *b, bool writable, struct err *e)
{
	unsigned old = b->flags;
	int r;

	if (blk_writable(b) == writable)
		return 0;
	if (writable && (b->fmt->flags & BLK_F_READ_ONLY))
		return err_set(e, EACCES, "Block format '%s' does not support read-write access", b->fmt->name);
	if (!writable && (r = blk_flush(b)))
		return err_errno(e, -r, "%s: cannot flush", b->filename);
	if (!writable && b->fmt->reopen && (r = b->fmt->reopen(b, false, e)))
		return r;
	b->flags = writable ? b->flags | BLK_RDWR : b->flags & ~(unsigned)BLK_RDWR;
	b->core->perm = writable ? b->core->perm | BLK_PERM_WRITE | BLK_PERM_RESIZE
				 : b->core->perm & ~(unsigned)(BLK_PERM_WRITE | BLK_PERM_RESIZE);
	if (b->file && (r = blk_reopen(b->file, writable, e)))
		goto fail;
	for (unsigned i = 0; i < b->core->child_count; i++)
		if ((r = blk_reopen(b->core->child[i], writable, e)))
			goto fail;
	if ((writable || (b->fmt->flags & BLK_F_PROTOCOL)) && b->fmt->reopen && (r = b->fmt->reopen(b, writable, e)))
		goto fail;
	return 0;
fail:
	b->flags = old;
	if (!writable)
		b->core->perm |= BLK_PERM_WRITE | BLK_PERM_RESIZE;
	else
		b->core->perm &= ~(unsigned)(BLK_PERM_WRITE | BLK_PERM_RESIZE);
	return r;
}
