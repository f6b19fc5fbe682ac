/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Dirty bitmaps of a qcow2 image as bitmaps of its node: loaded when it is opened for writing, and stored when it is closed or becomes
 * read-only ("Bitmaps" in the format's specification).
 *
 * In between the image says that its copy is in use (qcow2_before_write() in qcow2.c). They are stored so that a power cut leaves the
 * old directory, with its marks, or the new one: new tables and data first, then the directory, then the header that leads to it; only
 * then is the old space let go.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "block/dirty.h"
#include "block/qcow2.h"

/* ---- loading ---- */

static int load_bits(struct blk *b, const struct qcow2_bitmap *m, struct blk_dirty *d)
{
	struct qcow2 *s = b->state;
	uint64_t bytes = (d->map.bits + 7) / 8, need = (bytes + s->cluster_size - 1) >> s->cluster_bits;
	uint8_t *table, *bits = (uint8_t *)d->map.map;
	int r;

	if (m->table_size < need)
		return -EINVAL;
	table = malloc(need * 8 + 8);
	if (!table)
		return -ENOMEM;
	r = need ? blk_pread(b->file, m->table_offset, need * 8, table) : 0;
	for (uint64_t i = 0; i < need && !r; i++) {
		uint64_t entry = be64_get(table + i * 8), at = i << s->cluster_bits, n = bytes - at < s->cluster_size ? bytes - at : s->cluster_size;
		uint64_t offset = entry & QCOW2_L2_OFFSET_MASK;
		if (!offset)
			memset(bits + at, entry & 1 ? 0xff : 0, n);
		else if (offset & (s->cluster_size - 1) || entry & 1)
			r = -EINVAL;
		else
			r = blk_pread(b->file, offset, n, bits + at);
	}
	/* Nothing is set behind the end. */
	for (uint64_t i = d->map.bits; i < bytes * 8; i++)
		bits[i / 8] &= (uint8_t) ~(1u << (i % 8));
	free(table);
	return r;
}

int qcow2_dirty_load(struct blk *b, struct err *e)
{
	struct qcow2 *s = b->state;

	for (uint32_t i = 0; i < s->bitmap_count; i++) {
		const struct qcow2_bitmap *m = &s->bitmaps[i];
		struct blk_dirty *d;
		int r;
		if (m->extra_size) /* what is said there nobody here knows */
			continue;
		d = blk_dirty_add(b, m->name, 1u << m->granularity_bits, true, -1, e);
		if (!d)
			return err_prefix(e, "%s", b->filename);
		d->disabled = !(m->flags & QCOW2_BITMAP_AUTO);
		d->inconsistent = m->flags & QCOW2_BITMAP_IN_USE;
		r = d->inconsistent ? 0 : load_bits(b, m, d);
		if (r == -EINVAL) { /* a table that is malformed, or of another disk size: no reason not to open the image */
			blk_warn(b->graph, "%s: the bitmap '%s' is damaged and counts for nothing", b->filename, m->name);
			d->inconsistent = true;
			r = 0;
		}
		if (r)
			return err_errno(e, -r, "%s: cannot read the bitmap '%s'", b->filename, m->name);
	}
	return 0;
}

/* ---- storing; b->lock is held ---- */

static bool all(const uint8_t *p, uint64_t n, uint8_t value)
{
	while (n && *p == value)
		p++, n--;
	return !n;
}

static void let_go(struct blk *b, struct qcow2_bitmap *m)
{
	struct qcow2 *s = b->state;
	uint8_t *table = malloc((size_t)m->table_size * 8 + 8);

	if (!m->table_offset || !table || blk_pread(b->file, m->table_offset, (size_t)m->table_size * 8, table)) {
		free(table); /* it leaks, which check says and mends */
		return;
	}
	for (uint32_t i = 0; i < m->table_size; i++) {
		uint64_t offset = be64_get(table + (size_t)i * 8) & QCOW2_L2_OFFSET_MASK;
		if (offset)
			qcow2_free_later(b, offset, 1);
	}
	qcow2_free_later(b, m->table_offset, qcow2_clusters(s, (uint64_t)m->table_size * 8));
	free(table);
}

static int store_bits(struct blk *b, const struct blk_dirty *d, struct qcow2_bitmap *m)
{
	struct qcow2 *s = b->state;
	uint64_t bytes = (d->map.bits + 7) / 8, n = (bytes + s->cluster_size - 1) >> s->cluster_bits, size = round_up64(n ? n * 8 : 8, s->cluster_size);
	const uint8_t *bits = (const uint8_t *)d->map.map;
	uint8_t *table = calloc(1, size), *cluster = calloc(1, s->cluster_size);
	int r = table && cluster ? 0 : -ENOMEM;

	for (uint64_t i = 0; i < n && !r; i++) {
		uint64_t at = i << s->cluster_bits, k = bytes - at < s->cluster_size ? bytes - at : s->cluster_size, offset;
		if (all(bits + at, k, 0) || all(bits + at, k, 0xff)) {
			be64_put(table + i * 8, bits[at] ? 1 : 0);
			continue;
		}
		memset(cluster, 0, s->cluster_size);
		memcpy(cluster, bits + at, k);
		r = qcow2_alloc_exact(b, 1, &offset, NULL);
		if (!r)
			r = blk_pwrite(b->file, offset, s->cluster_size, cluster);
		be64_put(table + i * 8, offset);
	}
	m->table_size = (uint32_t)(n ? n : 1);
	if (!r)
		r = qcow2_alloc_exact(b, size >> s->cluster_bits, &m->table_offset, NULL);
	if (!r)
		r = blk_pwrite(b->file, m->table_offset, size, table);
	free(table);
	free(cluster);
	return r;
}

static int write_directory(struct blk *b, const struct qcow2_bitmap *list, uint32_t count, uint64_t *offset, uint64_t *size)
{
	struct qcow2 *s = b->state;
	uint64_t at = 0;
	uint8_t *dir;
	int r;

	*size = *offset = 0;
	for (uint32_t i = 0; i < count; i++)
		*size += round_up64(24 + list[i].extra_size + strlen(list[i].name), 8);
	if (!count)
		return 0;
	dir = calloc(1, round_up64(*size, s->cluster_size));
	if (!dir)
		return -ENOMEM;
	for (uint32_t i = 0; i < count; i++) {
		const struct qcow2_bitmap *m = &list[i];
		uint8_t *p = dir + at;
		be64_put(p, m->table_offset);
		be32_put(p + 8, m->table_size);
		be32_put(p + 12, m->flags);
		p[16] = m->type;
		p[17] = m->granularity_bits;
		be16_put(p + 18, (uint16_t)strlen(m->name));
		be32_put(p + 20, m->extra_size);
		memcpy(p + 24, m->extra, m->extra_size);
		memcpy(p + 24 + m->extra_size, m->name, strlen(m->name));
		at += round_up64(24 + m->extra_size + strlen(m->name), 8);
	}
	r = qcow2_alloc_exact(b, qcow2_clusters(s, *size), offset, NULL);
	if (!r)
		r = blk_pwrite(b->file, *offset, round_up64(*size, s->cluster_size), dir);
	free(dir);
	return r;
}

static const struct qcow2_bitmap *find_old(const struct qcow2 *s, const char *name)
{
	for (uint32_t i = 0; i < s->bitmap_count; i++)
		if (!strcmp(s->bitmaps[i].name, name))
			return &s->bitmaps[i];
	return NULL;
}

/* The new list: what the node has, and what is not understood. */
static int make_list(struct blk *b, struct qcow2_bitmap *list, uint32_t *count)
{
	struct qcow2 *s = b->state;
	int r = 0;

	for (uint32_t i = 0; i < s->bitmap_count && !r; i++)
		if (s->bitmaps[i].extra_size) {
			struct qcow2_bitmap *m = &list[(*count)++];
			*m = s->bitmaps[i];
			m->name = strdup(m->name);
			m->extra = malloc(m->extra_size);
			if (!m->name || !m->extra)
				return -ENOMEM;
			memcpy(m->extra, s->bitmaps[i].extra, m->extra_size);
		}
	for (struct blk_dirty *d = blk_dirty_list(b); d && !r; d = d->next) {
		const struct qcow2_bitmap *old = find_old(s, d->name);
		struct qcow2_bitmap *m = &list[*count];
		if (!d->persistent && !d->inconsistent)
			continue;
		(*count)++;
		*m = (struct qcow2_bitmap){.name = strdup(d->name), .extra = malloc(1), .type = 1, .flags = d->disabled ? 0 : QCOW2_BITMAP_AUTO,
					   .granularity_bits = (uint8_t)__builtin_ctz(d->map.granularity)};
		if (!m->name || !m->extra)
			return -ENOMEM;
		if (d->inconsistent) {
			m->table_offset = old ? old->table_offset : 0;
			m->table_size = old ? old->table_size : 0;
			m->flags |= QCOW2_BITMAP_IN_USE;
		} else {
			r = store_bits(b, d, m);
		}
	}
	return r;
}

/* Does the image say something else than the node? */
static bool differs(struct blk *b)
{
	struct qcow2 *s = b->state;
	uint32_t known = 0;

	if (s->wrote && blk_dirty_list(b))
		return true;
	for (uint32_t i = 0; i < s->bitmap_count; i++)
		known += s->bitmaps[i].extra_size != 0;
	for (struct blk_dirty *d = blk_dirty_list(b); d; d = d->next) {
		const struct qcow2_bitmap *old = find_old(s, d->name);
		if (!d->persistent)
			continue;
		if (!old || d->changed || !(old->flags & QCOW2_BITMAP_AUTO) != d->disabled)
			return true;
		known++;
	}
	return known != s->bitmap_count;
}

int qcow2_dirty_store(struct blk *b, struct err *e)
{
	struct qcow2 *s = b->state;
	uint64_t offset, size, old_offset = s->bitmap_directory_offset, old_size = s->bitmap_directory_size, old_autoclear = s->autoclear;
	struct qcow2_bitmap *list, *old = s->bitmaps;
	uint32_t count = 0, old_count = s->bitmap_count, most = old_count + 1;
	int r;

	for (struct blk_dirty *d = blk_dirty_list(b); d; d = d->next)
		most++;
	if (!differs(b))
		return 0;
	list = calloc(most, sizeof *list);
	if (!list)
		return err_errno(e, ENOMEM, "bitmaps");
	pthread_mutex_lock(&b->lock);
	r = make_list(b, list, &count);
	if (!r)
		r = write_directory(b, list, count, &offset, &size);
	if (!r)
		r = blk_flush(b->file);
	if (!r) {
		s->bitmaps = list;
		s->bitmap_count = count;
		s->bitmap_directory_offset = offset;
		s->bitmap_directory_size = size;
		s->autoclear = count ? s->autoclear | QCOW2_AUTOCLEAR_BITMAPS : s->autoclear & ~(uint64_t)QCOW2_AUTOCLEAR_BITMAPS;
		r = qcow2_header_write(b, e);
		if (!r)
			r = blk_flush(b->file);
		if (r) { /* the header may be either: nothing of what it may lead to is let go */
			s->bitmaps = old;
			s->bitmap_count = old_count;
			s->bitmap_directory_offset = old_offset;
			s->bitmap_directory_size = old_size;
			s->autoclear = old_autoclear;
		}
	}
	if (!r) {
		for (uint32_t i = 0; i < old_count; i++) {
			const struct qcow2_bitmap *now = find_old(s, old[i].name);
			if (!now || now->table_offset != old[i].table_offset)
				let_go(b, &old[i]);
		}
		if (old_offset && old_count)
			qcow2_free_later(b, old_offset, qcow2_clusters(s, old_size));
		s->wrote = false; /* the next write marks them again */
		for (struct blk_dirty *d = blk_dirty_list(b); d; d = d->next)
			d->changed = false;
	}
	pthread_mutex_unlock(&b->lock);
	struct qcow2_bitmap *gone = r ? list : old;
	for (uint32_t i = 0; gone && i < (r ? count : old_count); i++) {
		free(gone[i].name);
		free(gone[i].extra);
	}
	free(gone);
	if (r)
		return e && e->code ? -e->code : err_errno(e, -r, "%s: cannot store the bitmaps", b->filename);
	r = qcow2_free_pending(b);
	return r ? err_errno(e, -r, "%s: cannot store the bitmaps", b->filename) : 0;
}
