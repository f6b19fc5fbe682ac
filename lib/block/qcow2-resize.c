/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Growing and shrinking a qcow2 image, and emptying an overlay. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "block/dirty.h"
#include "block/qcow2.h"

static int write_size(struct blk *b, uint64_t size)
{
	struct qcow2 *s = b->state;
	uint8_t patch[8];
	int r;

	be64_put(patch, size);
	if ((r = qcow2_header_patch(b, 24, patch, 8)) || (r = blk_flush(b->file)))
		return r;
	s->disk_size = size;
	b->size = size;
	return 0;
}

/* Behind the end of the file as it is used now: gives the rest back to the host. */
static int trim_file(struct blk *b)
{
	struct qcow2 *s = b->state;
	uint64_t last = qcow2_clusters(s, b->file->size), count = 0;
	int r;

	while (last > 1) {
		if ((r = qcow2_refcount_get(b, last - 1, &count)))
			return r;
		if (count)
			break;
		last--;
	}
	if (last << s->cluster_bits >= b->file->size || !(b->file->fmt->flags & BLK_F_GROWS))
		return 0;
	s->fresh_from = last << s->cluster_bits;
	return blk_truncate(b->file, last << s->cluster_bits, BLK_PREALLOC_OFF, NULL);
}

/* L2 tables that describe nothing any more. */
static int drop_tables(struct blk *b, uint64_t first)
{
	struct qcow2 *s = b->state;
	int r = 0;

	pthread_mutex_lock(&b->lock);
	for (uint64_t i = first; i < s->l1_size && !r; i++) {
		uint64_t table = s->l1[i] & QCOW2_L1_OFFSET_MASK;
		uint8_t zero[8] = {0};
		if (!table)
			continue;
		s->l1[i] = 0;
		blk_event(b->file, BLK_EVENT_L1_SHRINK_WRITE_TABLE);
		if (!(r = blk_pwrite(b->file, s->l1_offset + 8 * i, 8, zero))) {
			blk_event(b->file, BLK_EVENT_L1_SHRINK_FREE_L2_CLUSTERS);
			r = qcow2_free_later(b, table, 1);
		}
	}
	pthread_mutex_unlock(&b->lock);
	return r;
}

static int shrink(struct blk *b, uint64_t size, struct err *e)
{
	struct qcow2 *s = b->state;
	uint64_t old = s->disk_size, mask = s->cluster_size - 1, from = (size + mask) & ~mask;
	int r;

	if (size & mask && size < old) { /* the rest of the last cluster must read as zeros if the disk grows again */
		uint64_t n = (from < old ? from : old) - size;
		struct qcow2_extent x;
		pthread_mutex_lock(&b->lock);
		r = qcow2_map(b, size, n, &x);
		pthread_mutex_unlock(&b->lock);
		if (!r && (x.kind != QCOW2_UNALLOCATED || b->backing || x.length < n)) {
			void *zero = calloc(1, n);
			r = zero ? qcow2_write(b, size, n, zero) : -ENOMEM;
			free(zero);
		}
		if (r)
			return err_errno(e, -r, "Could not clear the end of the last cluster");
	}
	if ((r = blk_flush(b->file)) || (r = write_size(b, size)))
		return err_errno(e, -r, "Could not write the new size");
	if (from < old && (r = qcow2_discard_range(b, from, old - from, true)))
		return err_errno(e, -r, "Failed to discard cropped clusters");
	r = drop_tables(b, qcow2_l1_needed(size, s->cluster_bits, s->sub_count > 1));
	if (!r)
		r = qcow2_flush_all(b);
	if (!r)
		r = blk_flush(b->file);
	pthread_mutex_lock(&b->lock);
	if (!r)
		r = qcow2_unreserve(b);
	if (!r)
		r = trim_file(b);
	pthread_mutex_unlock(&b->lock);
	if (!r && (s->autoclear & QCOW2_AUTOCLEAR_RAW_DATA_FILE))
		r = blk_truncate(s->data, size, BLK_PREALLOC_OFF, e);
	return r ? err_errno(e, -r, "Failed to reduce the size of the image") : 0;
}

/* Bitmaps follow the size (blk_truncate()) and are stored anew when the image is closed; until then its copies count for nothing. */
static int bitmaps_can_follow(struct blk *b, struct err *e)
{
	struct qcow2 *s = b->state;

	for (uint32_t i = 0; i < s->bitmap_count; i++)
		if (s->bitmaps[i].extra_size)
			return err_set(e, ENOTSUP, "Cannot resize the image: nobody here knows the extra data of bitmap '%s'", s->bitmaps[i].name);
	for (struct blk_dirty *d = blk_dirty_list(b); d; d = d->next)
		if (d->inconsistent) {
			err_set(e, ENOTSUP, "Bitmap '%s' is inconsistent and cannot be resized", d->name);
			return err_hint(e, "Try: %s bitmap --remove %s %s", err_program(), b->filename, d->name);
		}
	return qcow2_bitmaps_mark(b, true) ? err_set(e, EIO, "Could not mark the bitmaps as in use") : 0;
}

int qcow2_truncate(struct blk *b, uint64_t size, enum blk_prealloc prealloc, struct err *e)
{
	struct qcow2 *s = b->state;
	uint64_t old = s->disk_size, need;
	int r;

	if (size % BLK_SECTOR)
		return err_set(e, EINVAL, "The new size must be a multiple of 512");
	if (s->snapshot_count && s->version < 3)
		return err_set(e, ENOTSUP, "Can't resize a v2 image which has snapshots");
	if ((r = bitmaps_can_follow(b, e)))
		return r;
	if (size < old) {
		if (prealloc != BLK_PREALLOC_OFF)
			return err_set(e, ENOTSUP, "Preallocation can't be used for shrinking an image");
		return shrink(b, size, e);
	}
	need = qcow2_l1_needed(size, s->cluster_bits, s->sub_count > 1);
	if (need * 8 > QCOW2_MAX_L1_BYTES)
		return err_set(e, EFBIG, "The new size is too large for clusters of %" PRIu64 " bytes", s->cluster_size);
	pthread_mutex_lock(&b->lock);
	r = qcow2_l1_grow(b, need, e);
	pthread_mutex_unlock(&b->lock);
	if (r)
		return r;
	if (s->incompatible & QCOW2_INCOMPAT_DATA_FILE) {
		uint64_t have;
		if (!(r = blk_size(s->data, &have)) && have < size && prealloc == BLK_PREALLOC_OFF)
			r = blk_truncate(s->data, size, BLK_PREALLOC_OFF, e);
		if (r)
			return err_prefix(e, "Failed to grow the data file");
	}
	if ((r = write_size(b, size)))
		return err_errno(e, -r, "Could not write the new size");
	if (prealloc != BLK_PREALLOC_OFF && size > old)
		return qcow2_preallocate(b, round_up64(old, s->cluster_size), size, prealloc, e);
	/* what a longer backing file holds there must not show */
	if (b->backing && b->backing->size > old && size > old) {
		uint64_t end = b->backing->size < size ? b->backing->size : size, from = round_up64(old, s->cluster_size);
		if (from > old && from <= end + s->cluster_size) {
			uint64_t n = (from < size ? from : size) - old;
			void *zero = calloc(1, n + 1);
			r = zero ? qcow2_write(b, old, n, zero) : -ENOMEM;
			free(zero);
		}
		if (!r && from < end) {
			uint64_t stop = round_up64(end, s->cluster_size);
			r = blk_pwrite_zeroes(b, from, (stop < size ? stop : size) - from, 0);
		}
		if (r)
			return err_errno(e, -r, "Failed to zero out the new area");
	}
	return 0;
}

int qcow2_make_empty(struct blk *b, struct err *e)
{
	struct qcow2 *s = b->state;
	int r;

	blk_event(b->file, BLK_EVENT_EMPTY_IMAGE_PREPARE);
	r = qcow2_discard_range(b, 0, s->disk_size, true);
	if (!r && !s->snapshot_count)
		r = drop_tables(b, 0);
	if (!r)
		r = blk_flush(b);
	if (!r && !s->snapshot_count) {
		pthread_mutex_lock(&b->lock);
		r = qcow2_unreserve(b);
		if (!r)
			r = trim_file(b);
		pthread_mutex_unlock(&b->lock);
	}
	return r ? err_errno(e, -r, "Could not empty %s", b->filename) : 0;
}
