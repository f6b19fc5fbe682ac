/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Dirty bitmaps stored in qcow2: read, shown and kept. Writes of this program do not update them: what should have
 * been tracked is marked "in use" (out of date) by the first write, as the specification demands.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "block/qcow2.h"

void qcow2_bitmaps_free(struct qcow2 *s)
{
	for (uint32_t i = 0; s->bitmaps && i < s->bitmap_count; i++) {
		free(s->bitmaps[i].name);
		free(s->bitmaps[i].extra);
	}
	free(s->bitmaps);
	s->bitmaps = NULL;
}

int qcow2_bitmaps_read(struct blk *b, struct err *e)
{
	struct qcow2 *s = b->state;
	uint32_t count = s->bitmap_count;
	uint8_t *dir, *p, *end;
	int r;

	s->bitmap_count = 0;
	if (!count)
		return 0;
	if (s->bitmap_directory_size < (uint64_t)count * 32)
		return err_set(e, EINVAL, "Bitmap directory size %" PRIu64 " is too small for %u bitmaps", s->bitmap_directory_size, count);
	if (s->bitmap_directory_offset > b->file->size || s->bitmap_directory_size > b->file->size - s->bitmap_directory_offset)
		return err_set(e, EINVAL, "Bitmap directory at offset %" PRIu64 " lies beyond the end of the file", s->bitmap_directory_offset);
	dir = malloc(s->bitmap_directory_size);
	s->bitmaps = calloc(count, sizeof *s->bitmaps);
	if (!dir || !s->bitmaps) {
		free(dir);
		return err_errno(e, ENOMEM, "bitmap directory");
	}
	r = blk_pread_what(b->file, s->bitmap_directory_offset, s->bitmap_directory_size, dir, "bitmap directory", e);
	p = dir;
	end = dir + s->bitmap_directory_size;
	for (uint32_t i = 0; i < count && !r; i++) {
		struct qcow2_bitmap *m = &s->bitmaps[i];
		uint32_t name;
		if (end - p < 24) {
			r = err_set(e, EINVAL, "Bitmap directory ends within entry %u", i);
			break;
		}
		m->table_offset = be64_get(p);
		m->table_size = be32_get(p + 8);
		m->flags = be32_get(p + 12);
		m->type = p[16];
		m->granularity_bits = p[17];
		name = be16_get(p + 18);
		m->extra_size = be32_get(p + 20);
		if (!name || name > 1023 || m->extra_size > (uint64_t)(end - p) - 24 || name > (uint64_t)(end - p) - 24 - m->extra_size ||
		    m->granularity_bits < 9 || m->granularity_bits > 31 || m->type != 1 || m->table_offset & (s->cluster_size - 1) ||
		    (uint64_t)m->table_size * 8 > QCOW2_MAX_BITMAP_DIRECTORY || m->flags & ~7u) {
			r = err_set(e, EINVAL, "Bitmap directory entry %u is invalid (type %u, granularity 2^%u, name of %u bytes, flags %#x)",
				    i, m->type, m->granularity_bits, name, m->flags);
			break;
		}
		m->name = calloc(1, name + 1u);
		m->extra = malloc(m->extra_size + 1u);
		s->bitmap_count++;
		if (!m->name || !m->extra) {
			r = err_errno(e, ENOMEM, "bitmap directory");
			break;
		}
		memcpy(m->extra, p + 24, m->extra_size);
		memcpy(m->name, p + 24 + m->extra_size, name);
		uint64_t step = round_up64(24 + m->extra_size + name, 8);
		if (step > (uint64_t)(end - p))
			step = (uint64_t)(end - p);
		p += step;
	}
	free(dir);
	return r;
}

json_t *qcow2_bitmaps_info(const struct qcow2 *s)
{
	json_t *list;

	if (!s->bitmap_count)
		return NULL;
	list = json_array();
	for (uint32_t i = 0; i < s->bitmap_count; i++) {
		const struct qcow2_bitmap *m = &s->bitmaps[i];
		json_t *o = json_object(), *flags = json_array();
		if (m->flags & QCOW2_BITMAP_IN_USE)
			json_array_append_new(flags, json_string("in-use"));
		if (m->flags & QCOW2_BITMAP_AUTO)
			json_array_append_new(flags, json_string("auto"));
		json_object_set_new(o, "flags", flags);
		json_object_set_new(o, "name", json_string(m->name));
		json_object_set_new(o, "granularity", json_integer((json_int_t)1 << m->granularity_bits));
		json_array_append_new(list, o);
	}
	return list;
}
