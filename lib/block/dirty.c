/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "block/dirty.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "block/core.h"

struct blk_dirty *blk_dirty_list(struct blk *b)
{
	return b->core->dirty;
}

struct blk_dirty *blk_dirty_find(struct blk *b, const char *name, struct err *e)
{
	struct blk_dirty *d = b->core->dirty;

	while (d && strcmp(d->name, name))
		d = d->next;
	if (!d)
		err_set(e, ENOENT, "Dirty bitmap '%s' not found", name);
	return d;
}

bool blk_can_store_bitmaps(struct blk *b)
{
	struct blk_geometry g;

	blk_geometry(b, &g);
	return b->fmt->flags & BLK_F_BITMAPS && !g.no_bitmaps;
}

struct blk_dirty *blk_dirty_add(struct blk *b, const char *name, uint32_t granularity, bool persistent, int fd, struct err *e)
{
	struct blk_dirty *d, **end = &b->core->dirty;
	struct blk_geometry g;
	int r;

	blk_geometry(b, &g);
	if (!granularity)
		granularity = g.cluster_size >= 4096 && g.cluster_size < BLK_DIRTY_GRANULARITY ? (uint32_t)g.cluster_size : BLK_DIRTY_GRANULARITY;
	if (!*name || strlen(name) > 1023)
		r = err_set(e, EINVAL, !*name ? "Bitmap name cannot be empty" : "Bitmap name too long: '%s'", name);
	else if (blk_dirty_find(b, name, NULL))
		r = err_set(e, EEXIST, "Bitmap already exists: %s", name);
	else if (granularity < 512 || granularity & (granularity - 1) || granularity > 1u << 31)
		r = err_set(e, EINVAL, "Granularity must be power of 2 and at least 512");
	else
		r = 0;
	d = r ? NULL : calloc(1, sizeof *d);
	if (!d) {
		if (fd >= 0)
			close(fd);
		if (!r)
			err_set(e, ENOMEM, "out of memory");
		return NULL;
	}
	r = bitmap_init(&d->map, b->size, granularity, fd);
	d->name = strdup(name);
	d->persistent = persistent;
	if (r || !d->name) {
		if (!r)
			bitmap_done(&d->map);
		free(d->name);
		free(d);
		err_errno(e, r ? -r : ENOMEM, "bitmap '%s'", name);
		return NULL;
	}
	while (*end)
		end = &(*end)->next;
	*end = d;
	return d;
}

static void free_one(struct blk_dirty *d)
{
	bitmap_done(&d->map);
	free(d->name);
	free(d);
}

void blk_dirty_remove(struct blk *b, struct blk_dirty *d)
{
	struct blk_dirty **p = &b->core->dirty;

	while (*p && *p != d)
		p = &(*p)->next;
	if (*p)
		*p = d->next;
	free_one(d);
}

void blk_dirty_free_all(struct blk *b)
{
	while (b->core->dirty)
		blk_dirty_remove(b, b->core->dirty);
}

void blk_dirty_mark(struct blk *b, uint64_t offset, uint64_t length)
{
	for (struct blk_dirty *d = b->core->dirty; d; d = d->next)
		if (!d->disabled)
			bitmap_set(&d->map, offset, length);
}

int blk_dirty_resize(struct blk *b, uint64_t size)
{
	int r = 0;

	for (struct blk_dirty *d = b->core->dirty; d && !r; d = d->next)
		r = bitmap_resize(&d->map, size);
	return r;
}

json_t *blk_dirty_describe(struct blk *b)
{
	json_t *list;

	if (!b->core->dirty)
		return NULL;
	list = json_array();
	for (struct blk_dirty *d = b->core->dirty; d; d = d->next)
		json_array_append_new(list, json_pack("{s:s, s:I, s:i, s:b, s:b, s:b, s:s}", "name", d->name, "count",
						      (json_int_t)bitmap_bytes(&d->map), "granularity", (int)d->map.granularity, "recording",
						      !d->disabled, "busy", d->busy, "persistent", d->persistent, "status",
						      d->inconsistent ? "inconsistent" : d->busy ? "frozen" : d->disabled ? "disabled" : "active"));
	return list;
}
