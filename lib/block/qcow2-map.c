/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From guest offsets to host clusters: L1 and L2 tables, standard and extended entries. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "block/qcow2.h"

uint64_t qcow2_l2_index(const struct qcow2 *s, uint64_t offset)
{
	return offset >> s->cluster_bits & ((1ull << s->l2_bits) - 1);
}

uint64_t qcow2_entry_get(const struct qcow2 *s, const uint8_t *l2, uint64_t i)
{
	return be64_get(l2 + i * s->l2_entry_size);
}

uint64_t qcow2_bitmap_get(const struct qcow2 *s, const uint8_t *l2, uint64_t i)
{
	return s->l2_entry_size == 16 ? be64_get(l2 + i * 16 + 8) : 0;
}

void qcow2_entry_put(const struct qcow2 *s, uint8_t *l2, uint64_t i, uint64_t entry, uint64_t bitmap)
{
	be64_put(l2 + i * s->l2_entry_size, entry);
	if (s->l2_entry_size == 16)
		be64_put(l2 + i * 16 + 8, bitmap);
}

int qcow2_l2_flush_entries(struct blk *b, uint64_t table, const uint8_t *data, uint64_t index, uint64_t n)
{
	struct qcow2 *s = b->state;
	int r;

	blk_event(b->file, qcow2_entry_get(s, data, index) & QCOW2_COMPRESSED ? BLK_EVENT_L2_UPDATE_COMPRESSED : BLK_EVENT_L2_UPDATE);
	r = qcow2_table_write(b, table, data, (size_t)(index * s->l2_entry_size), (size_t)(n * s->l2_entry_size));

	if (r)
		qcow2_cache_drop(&s->l2_cache, table);
	return r;
}

void qcow2_compressed_place(const struct qcow2 *s, uint64_t entry, uint64_t *offset, uint64_t *size)
{
	unsigned shift = 62 - (s->cluster_bits - 8);
	uint64_t sectors = (entry >> shift & ((1ull << (s->cluster_bits - 8)) - 1)) + 1;

	*offset = entry & ((1ull << shift) - 1) & 0x00ffffffffffffffull;
	*size = sectors * 512 - (*offset & 511);
}

/* What one unit (subcluster, or the cluster itself) of an entry is. */
static enum qcow2_kind kind_of(const struct qcow2 *s, uint64_t entry, uint64_t bitmap, unsigned sub)
{
	bool host = (entry & QCOW2_L2_OFFSET_MASK) || (s->data && (s->incompatible & QCOW2_INCOMPAT_DATA_FILE) && (entry & QCOW2_COPIED));

	if (entry & QCOW2_COMPRESSED)
		return QCOW2_IS_COMPRESSED;
	if (s->sub_count == 1) {
		if (entry & QCOW2_ZERO && s->version >= 3)
			return host ? QCOW2_ZERO_ALLOCATED : QCOW2_ZERO_PLAIN;
		return host ? QCOW2_NORMAL : QCOW2_UNALLOCATED;
	}
	if (bitmap >> (32 + sub) & 1)
		return host ? QCOW2_ZERO_ALLOCATED : QCOW2_ZERO_PLAIN;
	return host && (bitmap >> sub & 1) ? QCOW2_NORMAL : QCOW2_UNALLOCATED;
}

static int bad_entry(struct blk *b, uint64_t offset, uint64_t entry)
{
	qcow2_mark_corrupt(b, "L2 entry %#" PRIx64 " of guest offset %#" PRIx64 " is invalid", entry, offset);
	return -EIO;
}

static int entry_valid(const struct qcow2 *s, uint64_t entry, uint64_t bitmap)
{
	if (entry & QCOW2_COMPRESSED)
		return !(s->incompatible & QCOW2_INCOMPAT_DATA_FILE);
	if ((entry & QCOW2_L2_OFFSET_MASK) & (s->cluster_size - 1))
		return 0;
	if (s->sub_count > 1 && (bitmap & bitmap >> 32 & 0xffffffffu))
		return 0;
	return 1;
}

int qcow2_map(struct blk *b, uint64_t offset, uint64_t length, struct qcow2_extent *x)
{
	struct qcow2 *s = b->state;
	uint64_t l1_index = offset >> (s->cluster_bits + s->l2_bits), table, index, entries = 1ull << s->l2_bits;
	uint64_t in_table = ((l1_index + 1) << (s->cluster_bits + s->l2_bits)) - offset, at, end, expect = 0;
	uint8_t *l2;
	unsigned sub;
	int r;

	if (in_table < length || !in_table)
		length = in_table ? in_table : length;
	memset(x, 0, sizeof *x);
	table = l1_index < s->l1_size ? s->l1[l1_index] & QCOW2_L1_OFFSET_MASK : 0;
	if (!table) {
		x->kind = QCOW2_UNALLOCATED;
		x->length = length;
		return 0;
	}
	if (table & (s->cluster_size - 1)) {
		qcow2_mark_corrupt(b, "L2 table offset %#" PRIx64 " unaligned (L1 index: %#" PRIx64 ")", table, l1_index);
		return -EIO;
	}
	if ((r = qcow2_cache_get(b, &s->l2_cache, table, true, &l2)))
		return r;
	index = qcow2_l2_index(s, offset);
	sub = (unsigned)((offset & (s->cluster_size - 1)) / s->sub_size);
	x->entry = qcow2_entry_get(s, l2, index);
	uint64_t bitmap = qcow2_bitmap_get(s, l2, index);
	if (!entry_valid(s, x->entry, bitmap))
		return bad_entry(b, offset, x->entry);
	x->kind = kind_of(s, x->entry, bitmap, sub);
	x->copied = x->entry & QCOW2_COPIED;
	at = offset & ~(s->sub_size - 1);
	end = offset + length;
	if (x->kind == QCOW2_IS_COMPRESSED) {
		x->length = (offset | (s->cluster_size - 1)) + 1 - offset;
		if (x->length > length)
			x->length = length;
		return 0;
	}
	if (x->kind == QCOW2_NORMAL || x->kind == QCOW2_ZERO_ALLOCATED) {
		x->host = (x->entry & QCOW2_L2_OFFSET_MASK) + (offset & (s->cluster_size - 1));
		expect = x->entry & QCOW2_L2_OFFSET_MASK;
	}
	/* how far it goes on */
	if (s->sub_count == 1 && (s->version >= 3 || !(x->entry & QCOW2_ZERO))) {
		uint64_t want = x->entry & (QCOW2_COPIED | QCOW2_ZERO), step = expect ? s->cluster_size : 0;
		uint64_t first = x->entry & ~(QCOW2_COPIED | QCOW2_ZERO);
		bool placed = x->kind == QCOW2_NORMAL || x->kind == QCOW2_ZERO_ALLOCATED;
		if (placed && !step)
			step = s->cluster_size; /* host offset 0 in a data file */
		at = (offset & ~(s->cluster_size - 1)) + s->cluster_size;
		for (index++; at < end && index < entries; index++, at += s->cluster_size) {
			uint64_t en = qcow2_entry_get(s, l2, index);
			first += step;
			if ((en & (QCOW2_COPIED | QCOW2_ZERO)) != want || (en & ~(QCOW2_COPIED | QCOW2_ZERO)) != first)
				break;
		}
	} else {
		for (at += s->sub_size, sub++; at < end; at += s->sub_size, sub++) {
			if (sub == s->sub_count) {
				uint64_t en;
				sub = 0;
				if (++index >= entries)
					break;
				en = qcow2_entry_get(s, l2, index);
				bitmap = qcow2_bitmap_get(s, l2, index);
				if (!entry_valid(s, en, bitmap) || (en & QCOW2_COMPRESSED) || !!(en & QCOW2_COPIED) != x->copied)
					break;
				expect += s->cluster_size;
				if ((x->kind == QCOW2_NORMAL || x->kind == QCOW2_ZERO_ALLOCATED) && (en & QCOW2_L2_OFFSET_MASK) != expect)
					break;
				if (kind_of(s, en, bitmap, 0) != x->kind)
					break;
				continue;
			}
			if (kind_of(s, qcow2_entry_get(s, l2, index), bitmap, sub) != x->kind)
				break;
		}
	}
	x->length = (at < end ? at : end) - offset;
	return 0;
}

static int write_l1_entry(struct blk *b, uint64_t index)
{
	struct qcow2 *s = b->state;
	uint64_t first = index / 64 * 64, n = s->l1_size - first < 64 ? s->l1_size - first : 64;
	uint8_t sector[BLK_SECTOR];

	for (uint64_t i = 0; i < n; i++)
		be64_put(sector + 8 * i, s->l1[first + i]);
	blk_event(b->file, BLK_EVENT_L1_UPDATE);
	return blk_pwrite(b->file, s->l1_offset + 8 * first, 8 * n, sector);
}

int qcow2_l2_for_write(struct blk *b, uint64_t offset, uint64_t *table, uint8_t **data)
{
	struct qcow2 *s = b->state;
	uint64_t i = offset >> (s->cluster_bits + s->l2_bits), old, at;
	uint8_t *from, *copy = NULL;
	bool fresh;
	int r;

	if (i >= s->l1_size)
		return -EIO;
	old = s->l1[i] & QCOW2_L1_OFFSET_MASK;
	if (old & (s->cluster_size - 1)) {
		qcow2_mark_corrupt(b, "L2 table offset %#" PRIx64 " unaligned (L1 index: %#" PRIx64 ")", old, i);
		return -EIO;
	}
	if (old && (s->l1[i] & QCOW2_COPIED)) {
		*table = old;
		return qcow2_cache_get(b, &s->l2_cache, old, true, data);
	}
	if (old) {
		blk_event(b->file, BLK_EVENT_L2_ALLOC_COW_READ);
		if ((r = qcow2_cache_get(b, &s->l2_cache, old, true, &from)))
			return r;
		copy = malloc(s->cluster_size);
		if (!copy)
			return -ENOMEM;
		memcpy(copy, from, s->cluster_size);
	}
	if ((r = qcow2_alloc_exact(b, 1, &at, &fresh)))
		goto out;
	if ((r = qcow2_cache_get(b, &s->l2_cache, at, false, data)))
		goto out;
	if (copy)
		memcpy(*data, copy, s->cluster_size);
	blk_event(b->file, BLK_EVENT_L2_ALLOC_WRITE);
	if (copy || !fresh) {
		if ((r = blk_pwrite(b->file, at, s->cluster_size, *data)) || (r = blk_flush(b->file))) {
			qcow2_cache_drop(&s->l2_cache, at);
			qcow2_free_later(b, at, 1);
			goto out;
		}
	} else if (at + s->cluster_size > b->file->size && (b->file->fmt->flags & BLK_F_GROWS) && b->file->fmt->truncate) {
		if ((r = blk_truncate(b->file, at + s->cluster_size, BLK_PREALLOC_OFF, NULL)))
			goto out;
	}
	uint64_t was = s->l1[i];
	s->l1[i] = at | QCOW2_COPIED;
	if ((r = write_l1_entry(b, i))) {
		s->l1[i] = was;
		qcow2_cache_drop(&s->l2_cache, at);
		qcow2_free_later(b, at, 1);
		goto out;
	}
	if (old)
		r = qcow2_free_later(b, old, 1);
	*table = at;
out:
	free(copy);
	return r;
}

int qcow2_entry_release(struct blk *b, uint64_t entry)
{
	struct qcow2 *s = b->state;

	if (entry & QCOW2_COMPRESSED) {
		uint64_t at, size;
		qcow2_compressed_place(s, entry, &at, &size);
		uint64_t first = at >> s->cluster_bits, last = (at + size - 1) >> s->cluster_bits;
		return qcow2_free_later(b, first << s->cluster_bits, last - first + 1);
	}
	if (s->incompatible & QCOW2_INCOMPAT_DATA_FILE)
		return 0;
	if (entry & QCOW2_L2_OFFSET_MASK)
		return qcow2_free_later(b, entry & QCOW2_L2_OFFSET_MASK, 1);
	return 0;
}

int qcow2_l1_grow(struct blk *b, uint64_t entries, struct err *e)
{
	struct qcow2 *s = b->state;
	uint64_t clusters, at, old_offset = s->l1_offset, *l1;
	uint32_t old_clusters = (uint32_t)qcow2_clusters(s, (uint64_t)s->l1_size * 8);
	uint8_t *buf, patch[12];
	int r;

	if (entries <= s->l1_size)
		return 0;
	if (entries * 8 > QCOW2_MAX_L1_BYTES)
		return err_set(e, EFBIG, "L1 table would be too large: %" PRIu64 " bytes, the limit is %u; use larger clusters",
			       entries * 8, QCOW2_MAX_L1_BYTES);
	clusters = qcow2_clusters(s, entries * 8);
	blk_event(b->file, BLK_EVENT_L1_GROW_ALLOC_TABLE);
	if ((r = qcow2_alloc_exact(b, clusters, &at, NULL)))
		return err_errno(e, -r, "Could not allocate a larger L1 table");
	l1 = calloc(entries, 8);
	buf = calloc(clusters, s->cluster_size);
	if (!l1 || !buf) {
		r = -ENOMEM;
		goto fail;
	}
	memcpy(l1, s->l1, (size_t)s->l1_size * 8);
	for (uint64_t i = 0; i < entries; i++)
		be64_put(buf + 8 * i, l1[i]);
	blk_event(b->file, BLK_EVENT_L1_GROW_WRITE_TABLE);
	if ((r = blk_pwrite(b->file, at, clusters << s->cluster_bits, buf)) || (r = blk_flush(b->file)))
		goto fail;
	blk_event(b->file, BLK_EVENT_L1_GROW_ACTIVATE_TABLE);
	be32_put(patch, (uint32_t)entries);
	be64_put(patch + 4, at);
	if ((r = qcow2_header_patch(b, 36, patch, 12)))
		goto fail;
	free(buf);
	free(s->l1);
	s->l1 = l1;
	s->l1_size = (uint32_t)entries;
	s->l1_offset = at;
	return old_clusters ? qcow2_free_later(b, old_offset, old_clusters) : 0;
fail:
	qcow2_free_later(b, at, clusters);
	free(l1);
	free(buf);
	return err_errno(e, -r, "Could not write a larger L1 table");
}

int qcow2_block_status(struct blk *b, uint64_t offset, uint64_t length, struct blk_status *st)
{
	struct qcow2 *s = b->state;
	struct qcow2_extent x = {.kind = QCOW2_UNALLOCATED};
	uint64_t total = 0;
	int r = 0;

	pthread_mutex_lock(&b->lock);
	/* Runs go on across L2 tables, for as long as a few calls can tell. */
	for (unsigned steps = 0; total < length && steps < 64; steps++) {
		struct qcow2_extent next;
		if ((r = qcow2_map(b, offset + total, length - total, &next)))
			break;
		if (total && (next.kind != x.kind || next.kind == QCOW2_IS_COMPRESSED ||
			      ((x.kind == QCOW2_NORMAL || x.kind == QCOW2_ZERO_ALLOCATED) && next.host != x.host + total)))
			break;
		if (!total)
			x = next;
		total += next.length;
		if (x.kind == QCOW2_IS_COMPRESSED)
			break;
	}
	pthread_mutex_unlock(&b->lock);
	if (r && !total)
		return r;
	st->length = total;
	st->flags = 0;
	switch (x.kind) {
	case QCOW2_UNALLOCATED:
		break;
	case QCOW2_ZERO_PLAIN:
	case QCOW2_ZERO_ALLOCATED:
		st->flags = BLK_ST_ZERO | BLK_ST_ALLOCATED;
		if (x.kind == QCOW2_ZERO_ALLOCATED && s->crypt_method == QCOW2_CRYPT_NONE) {
			st->flags |= BLK_ST_OFFSET;
			st->offset = x.host;
			st->file = s->data;
		}
		break;
	case QCOW2_NORMAL:
		st->flags = BLK_ST_DATA | BLK_ST_ALLOCATED;
		if (s->crypt_method == QCOW2_CRYPT_NONE) {
			st->flags |= BLK_ST_OFFSET | BLK_ST_RECURSE;
			st->offset = x.host;
			st->file = s->data;
		}
		break;
	case QCOW2_IS_COMPRESSED:
		st->flags = BLK_ST_DATA | BLK_ST_ALLOCATED | BLK_ST_COMPRESSED;
		break;
	}
	return 0;
}
