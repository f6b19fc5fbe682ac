/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "export.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "proto/nbd.h"

static int do_read(void *o, uint64_t offset, uint32_t length, void *buf)
{
	struct image_export *x = o;
	return blk_pread(x->blk, x->offset + offset, length, buf);
}

static int do_write(void *o, uint64_t offset, uint32_t length, const void *buf, bool fua)
{
	struct image_export *x = o;
	return blk_pwrite_flags(x->blk, x->offset + offset, length, buf, fua ? BLK_WRITE_FUA : 0);
}

static int do_flush(void *o)
{
	struct image_export *x = o;
	return blk_flush(x->blk);
}

static int do_trim(void *o, uint64_t offset, uint32_t length, bool fua)
{
	struct image_export *x = o;
	int r = blk_discard(x->blk, x->offset + offset, length);
	return r == 0 && fua ? blk_flush(x->blk) : r;
}

static int do_zero(void *o, uint64_t offset, uint32_t length, bool fua, bool may_trim, bool fast)
{
	struct image_export *x = o;
	return blk_pwrite_zeroes(x->blk, x->offset + offset, length,
				 (fua ? BLK_WRITE_FUA : 0) | (may_trim ? BLK_ZERO_MAY_UNMAP : 0) |
					 (fast ? BLK_ZERO_NO_FALLBACK : 0));
}

static int do_cache(void *o, uint64_t offset, uint32_t length)
{
	struct image_export *x = o;
	char *buf = malloc(256 << 10);
	int r = buf ? 0 : -ENOMEM;

	/* What is read now is in the host's cache afterwards. */
	while (r == 0 && length) {
		uint32_t n = length < (256u << 10) ? length : 256u << 10;
		r = blk_pread(x->blk, x->offset + offset, n, buf);
		offset += n;
		length -= n;
	}
	free(buf);
	return r;
}

static int do_status(void *o, unsigned context, uint64_t offset, uint32_t length, struct nbd_extent *ext, unsigned max,
		     unsigned *count)
{
	struct image_export *x = o;

	*count = 0;
	while (length && *count < max) {
		struct blk_status st;
		uint32_t state, n;
		int r = blk_block_status_above(x->blk, NULL, x->offset + offset, length, &st);
		if (r < 0)
			return *count ? 0 : r;
		n = st.length < length ? (uint32_t)st.length : length;
		if (context == 0)
			state = (st.flags & BLK_ST_DATA ? 0 : NBD_STATE_HOLE) | (st.flags & BLK_ST_ZERO ? NBD_STATE_ZERO : 0);
		else
			state = st.flags & (BLK_ST_ALLOCATED | BLK_ST_DATA | BLK_ST_ZERO) && st.flags & BLK_ST_ALLOCATED ? st.depth + 1 : 0;
		if (*count && ext[*count - 1].state == state)
			ext[*count - 1].length += n;
		else
			ext[(*count)++] = (struct nbd_extent){n, state};
		offset += n;
		length -= n;
	}
	return 0;
}

static uint64_t do_size(void *o)
{
	struct image_export *x = o;
	return x->size;
}

static const struct nbd_export_ops image_ops = {
	.read = do_read, .write = do_write, .flush = do_flush, .trim = do_trim, .zero = do_zero, .cache = do_cache,
	.status = do_status, .size = do_size,
};

int image_export_init(struct image_export *x, struct blk *b, const char *name, const char *description, uint64_t offset,
		      uint64_t size, bool depth, struct err *e)
{
	struct blk_geometry g = {0};

	*x = (struct image_export){0};
	if (offset > b->size)
		return err_set(e, EINVAL, "the offset (%llu) lies beyond the end of the image (%llu)", (unsigned long long)offset,
			       (unsigned long long)b->size);
	if (size > b->size - offset)
		size = b->size - offset;
	if (offset % b->align)
		return err_set(e, EINVAL, "the offset (%llu) is no multiple of the image's block size %u",
			       (unsigned long long)offset, b->align);
	blk_geometry(b, &g);
	x->blk = blk_ref(b);
	x->offset = offset;
	x->size = size - size % b->align;
	x->nbd = (struct nbd_export){.name = strdup(name ? name : ""), .description = description ? strdup(description) : NULL,
				     .ops = &image_ops, .opaque = x, .read_only = !blk_writable(b), .min_block = b->align,
				     .preferred_block = 4096, .max_block = NBD_MAX_PAYLOAD, .fast_zero = true, .multi_conn = true};
	if (g.cluster_size > 4096 && g.cluster_size <= NBD_MAX_PAYLOAD)
		x->nbd.preferred_block = (uint32_t)g.cluster_size;
	if (depth) {
		x->contexts[0] = "qemu:allocation-depth";
		x->nbd.contexts = x->contexts;
	}
	if (x->nbd.name && (!description || x->nbd.description))
		return 0;
	image_export_done(x);
	return err_set(e, ENOMEM, "out of memory");
}

void image_export_done(struct image_export *x)
{
	free(x->nbd.name);
	free(x->nbd.description);
	blk_unref(x->blk);
	*x = (struct image_export){0};
}
