/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "export.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "proto/nbd.h"

enum { BASE_ALLOCATION, NO_CONTEXT, DEPTH, DIRTY };

static int do_read(void *o, uint64_t offset, uint32_t length, void *buf)
{
	struct image_export *x = o;
	return disk_read(x->disk, x->offset + offset, length, buf);
}

static int do_write(void *o, uint64_t offset, uint32_t length, const void *buf, bool fua)
{
	struct image_export *x = o;
	return disk_write(x->disk, x->offset + offset, length, buf, fua ? BLK_WRITE_FUA : 0);
}

static int do_flush(void *o)
{
	struct image_export *x = o;
	return disk_flush(x->disk);
}

static int do_trim(void *o, uint64_t offset, uint32_t length, bool fua)
{
	struct image_export *x = o;
	int r = disk_discard(x->disk, x->offset + offset, length);
	return r == 0 && fua ? disk_flush(x->disk) : r;
}

static int do_zero(void *o, uint64_t offset, uint32_t length, bool fua, bool may_trim, bool fast)
{
	struct image_export *x = o;
	return disk_zero(x->disk, x->offset + offset, length,
			 (fua ? BLK_WRITE_FUA : 0) | (may_trim ? BLK_ZERO_MAY_UNMAP : 0) | (fast ? BLK_ZERO_NO_FALLBACK : 0));
}

static int do_cache(void *o, uint64_t offset, uint32_t length)
{
	struct image_export *x = o;
	char *buf = malloc(256 << 10);
	int r = buf ? 0 : -ENOMEM;

	/* What is read now is in the host's cache afterwards. */
	while (r == 0 && length) {
		uint32_t n = length < (256u << 10) ? length : 256u << 10;
		r = disk_read(x->disk, x->offset + offset, n, buf);
		offset += n;
		length -= n;
	}
	free(buf);
	return r;
}

static int context_of(const struct image_export *x, unsigned context)
{
	if (context == 0)
		return BASE_ALLOCATION;
	if (context == 1 && x->depth)
		return DEPTH;
	return x->bitmap ? DIRTY : NO_CONTEXT;
}

static uint64_t dirty_run(const struct bitmap *m, uint64_t at, uint64_t length, bool *dirty)
{
	uint64_t next, g = m->granularity;

	*dirty = bitmap_get(m, at);
	if (*dirty) {
		uint64_t end = at / g * g + g;
		while (end < at + length && bitmap_get(m, end))
			end += g;
		return end - at < length ? end - at : length;
	}
	next = bitmap_next(m, at);
	return next - at < length ? next - at : length;
}

static int do_status(void *o, unsigned context, uint64_t offset, uint32_t length, struct nbd_extent *ext, unsigned max,
		     unsigned *count)
{
	struct image_export *x = o;
	int kind = context_of(x, context);

	*count = 0;
	while (length && *count < max) {
		struct blk_status st = {0};
		uint32_t state, n;
		bool dirty;
		if (kind == DIRTY) {
			st.length = dirty_run(&x->bitmap->map, x->offset + offset, length, &dirty);
		} else {
			int r = disk_status(x->disk, x->offset + offset, length, &st);
			if (r < 0 || !st.length)
				return *count ? 0 : r ? r : -EIO;
		}
		n = st.length < length ? (uint32_t)st.length : length;
		if (kind == DIRTY)
			state = dirty;
		else if (kind == BASE_ALLOCATION)
			state = (st.flags & BLK_ST_DATA ? 0 : NBD_STATE_HOLE) | (st.flags & BLK_ST_ZERO ? NBD_STATE_ZERO : 0);
		else
			state = st.flags & BLK_ST_ALLOCATED ? st.depth + 1 : 0;
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
	uint64_t whole = disk_size(x->disk), size = whole > x->offset ? whole - x->offset : 0;

	if (x->size < size)
		size = x->size;
	return size - size % x->align;
}

static const struct nbd_export_ops image_ops = {
	.read = do_read, .write = do_write, .flush = do_flush, .trim = do_trim, .zero = do_zero, .cache = do_cache,
	.status = do_status, .size = do_size,
};

int image_export_init(struct image_export *x, struct disk *d, const char *name, const char *description, uint64_t offset,
		      uint64_t size, bool depth, bool writable, struct blk_dirty *bitmap, struct err *e)
{
	struct blk_geometry g = {0};
	struct blk *b = d->root;
	unsigned n = 0;

	*x = (struct image_export){.disk = d, .offset = offset, .size = size, .align = b ? b->align : 1, .depth = depth, .bitmap = bitmap};
	if (offset && b && offset > b->size)
		return err_set(e, EINVAL, "the offset (%llu) lies beyond the end of the image (%llu)", (unsigned long long)offset,
			       (unsigned long long)b->size);
	if (offset % x->align)
		return err_set(e, EINVAL, "the offset (%llu) is no multiple of the image's block size %u",
			       (unsigned long long)offset, x->align);
	if (b)
		blk_geometry(b, &g);
	x->nbd = (struct nbd_export){.name = strdup(name ? name : ""), .description = description ? strdup(description) : NULL,
				     .ops = &image_ops, .opaque = x, .read_only = !writable || (b && !blk_writable(b)), .min_block = x->align,
				     .preferred_block = 4096, .max_block = NBD_MAX_PAYLOAD, .fast_zero = true, .multi_conn = true};
	if (g.cluster_size > 4096 && g.cluster_size <= NBD_MAX_PAYLOAD)
		x->nbd.preferred_block = (uint32_t)g.cluster_size;
	if (depth)
		x->contexts[n++] = "qemu:allocation-depth";
	if (bitmap) {
		if (asprintf(&x->bitmap_context, "qemu:dirty-bitmap:%s", bitmap->name) < 0)
			x->bitmap_context = NULL;
		x->contexts[n++] = x->bitmap_context;
	}
	if (n)
		x->nbd.contexts = x->contexts;
	if (x->nbd.name && (!description || x->nbd.description) && (!bitmap || x->bitmap_context))
		return 0;
	image_export_done(x);
	return err_set(e, ENOMEM, "out of memory");
}

void image_export_done(struct image_export *x)
{
	free(x->nbd.name);
	free(x->nbd.description);
	free(x->bitmap_context);
	*x = (struct image_export){0};
}
