/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reference counts of host clusters, and the allocator on top of them. See qcow2.h for the order of writes. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "block/qcow2.h"

#define BATCH_MIN (1u << 20)   /* bytes reserved at first */
#define BATCH_MAX (256u << 20) /* ... and at most */
#define PENDING_MAX 4096       /* runs that may wait for a flush before one is made */

int qcow2_reftable_read(struct blk *b, struct err *e)
{
	struct qcow2 *s = b->state;
	uint64_t bytes = (uint64_t)s->reftable_clusters << s->cluster_bits;
	int r;

	s->refblock_entries = s->cluster_size * 8 / s->refcount_bits;
	s->reftable_entries = bytes / 8;
	s->reftable = malloc(bytes ? bytes : 8);
	if (!s->reftable)
		return err_errno(e, ENOMEM, "refcount table");
	blk_event(b->file, BLK_EVENT_REFTABLE_LOAD);
	if (bytes && (r = blk_pread_what(b->file, s->reftable_offset, bytes, s->reftable, "refcount table", e)))
		return r;
	for (uint64_t i = 0; i < s->reftable_entries; i++)
		s->reftable[i] = be64_get(&s->reftable[i]);
	return 0;
}

uint64_t qcow2_count_read(const struct qcow2 *s, const uint8_t *block, uint64_t i)
{
	switch (s->refcount_order) {
	case 0:
		return block[i / 8] >> (i % 8) & 1;
	case 1:
		return block[i / 4] >> (i % 4 * 2) & 3;
	case 2:
		return block[i / 2] >> (i % 2 * 4) & 15;
	case 3:
		return block[i];
	case 4:
		return be16_get(block + 2 * i);
	case 5:
		return be32_get(block + 4 * i);
	default:
		return be64_get(block + 8 * i);
	}
}

void qcow2_count_write(const struct qcow2 *s, uint8_t *block, uint64_t i, uint64_t v)
{
	unsigned shift;

	switch (s->refcount_order) {
	case 0:
		shift = i % 8;
		block[i / 8] = (uint8_t)((block[i / 8] & ~(1u << shift)) | (unsigned)v << shift);
		break;
	case 1:
		shift = i % 4 * 2;
		block[i / 4] = (uint8_t)((block[i / 4] & ~(3u << shift)) | (unsigned)v << shift);
		break;
	case 2:
		shift = i % 2 * 4;
		block[i / 2] = (uint8_t)((block[i / 2] & ~(15u << shift)) | (unsigned)v << shift);
		break;
	case 3:
		block[i] = (uint8_t)v;
		break;
	case 4:
		be16_put(block + 2 * i, (uint16_t)v);
		break;
	case 5:
		be32_put(block + 4 * i, (uint32_t)v);
		break;
	default:
		be64_put(block + 8 * i, v);
	}
}

static uint64_t count_max(const struct qcow2 *s)
{
	return s->refcount_bits == 64 ? UINT64_MAX >> 1 : (1ull << s->refcount_bits) - 1;
}

static int block_offset(struct blk *b, uint64_t index, uint64_t *offset)
{
	struct qcow2 *s = b->state;

	*offset = index < s->reftable_entries ? s->reftable[index] & ~511ull : 0;
	if (*offset & (s->cluster_size - 1)) {
		qcow2_mark_corrupt(b, "Refblock offset %#llx unaligned (reftable index: %#llx)", (unsigned long long)*offset,
				   (unsigned long long)index);
		return -EIO;
	}
	return 0;
}

int qcow2_refcount_get(struct blk *b, uint64_t cluster, uint64_t *count)
{
	struct qcow2 *s = b->state;
	uint64_t at;
	uint8_t *block;
	int r = block_offset(b, cluster / s->refblock_entries, &at);

	*count = 0;
	if (r || !at)
		return r;
	if ((r = qcow2_cache_get(b, &s->refcount_cache, at, true, &block)))
		return r;
	*count = qcow2_count_read(s, block, cluster % s->refblock_entries);
	return 0;
}

/*
 * Waits until what was written is on the disk. Whatever a failure says, and be it that there is no space: earlier writes may
 * be lost, so nobody may try again with less.
 */
static int settle(struct blk *b)
{
	int r = blk_flush(b->file);

	return r == -ENOSPC || r == -EFBIG ? -EIO : r;
}

/* First run of up to `want` free clusters at or after `from`, at least `least` long; searches by refcount blocks. */
static int find_free(struct blk *b, uint64_t from, uint64_t want, uint64_t least, uint64_t *first, uint64_t *n)
{
	struct qcow2 *s = b->state;
	uint64_t c = from, run = 0, start = from;

	for (;;) {
		uint64_t index = c / s->refblock_entries, at, i, end;
		uint8_t *block;
		int r;
		if (index >= s->reftable_entries) { /* behind everything that is counted: all free */
			run = run ? run : 0;
			if (!run)
				start = c;
			*first = start;
			*n = want;
			return 0;
		}
		if ((r = block_offset(b, index, &at)))
			return r;
		i = c % s->refblock_entries;
		end = s->refblock_entries;
		if (!at) {
			if (!run)
				start = c;
			run += end - i;
			c += end - i;
		} else {
			if ((r = qcow2_cache_get(b, &s->refcount_cache, at, true, &block)))
				return r;
			for (; i < end; i++, c++) {
				if (qcow2_count_read(s, block, i) == 0) {
					if (!run++)
						start = c;
					if (run >= want)
						break;
				} else {
					if (run >= least)
						break;
					run = 0;
				}
			}
			if (run >= least && i < end) {
				*first = start;
				*n = run < want ? run : want;
				return 0;
			}
		}
		if (run >= want) {
			*first = start;
			*n = want;
			return 0;
		}
	}
}

static int write_reftable_entry(struct blk *b, uint64_t index)
{
	struct qcow2 *s = b->state;
	uint64_t first = index / 64 * 64, n = s->reftable_entries - first < 64 ? s->reftable_entries - first : 64;
	uint8_t sector[BLK_SECTOR];

	for (uint64_t i = 0; i < n; i++)
		be64_put(sector + 8 * i, s->reftable[first + i]);
	blk_event(b->file, BLK_EVENT_REFBLOCK_ALLOC_HOOKUP);
	return blk_pwrite(b->file, s->reftable_offset + 8 * first, 8 * n, sector);
}

static int grow_reftable(struct blk *b, uint64_t index);

/* Makes sure that the block for `index` exists; a new one is put at or after the cluster `from`. */
static int need_block_from(struct blk *b, uint64_t index, uint64_t from)
{
	struct qcow2 *s = b->state;
	uint64_t at, cluster, n, own;
	uint8_t *block;
	int r;

	if (index >= s->reftable_entries && (r = grow_reftable(b, index)))
		return r;
	if ((r = block_offset(b, index, &at)) || at)
		return r;
	blk_event(b->file, BLK_EVENT_REFBLOCK_ALLOC);
	if ((r = find_free(b, from, 1, 1, &cluster, &n)))
		return r;
	own = cluster / s->refblock_entries;
	if (own != index) {
		if (own >= s->reftable_entries || !(s->reftable[own] & ~511ull))
			return -EIO; /* cannot be: the block's own range is free as a whole */
		if ((r = qcow2_refcount_add(b, cluster, 1, 1)))
			return r;
	}
	at = cluster << s->cluster_bits;
	if ((r = qcow2_overlap_check(b, at, s->cluster_size, "refcount block")))
		return r;
	if ((r = qcow2_cache_get(b, &s->refcount_cache, at, false, &block)))
		return r;
	if (own == index)
		qcow2_count_write(s, block, cluster % s->refblock_entries, 1);
	blk_event(b->file, BLK_EVENT_REFBLOCK_ALLOC_WRITE);
	if ((r = blk_pwrite(b->file, at, s->cluster_size, block)) || (r = settle(b))) {
		qcow2_cache_drop(&s->refcount_cache, at);
		return r;
	}
	if (at + s->cluster_size > s->fresh_from)
		s->fresh_from = at + s->cluster_size;
	s->reftable[index] = at;
	if ((r = write_reftable_entry(b, index))) {
		s->reftable[index] = 0;
		return r;
	}
	return 0;
}

/* Preferably in a cluster that it counts itself. */
static int need_block(struct blk *b, uint64_t index)
{
	return need_block_from(b, index, index * ((struct qcow2 *)b->state)->refblock_entries);
}

/*
 * A larger refcount table, behind everything the present one can count: there nothing is in use, so the new table and
 * the blocks that count it describe themselves.
 */
static int grow_reftable(struct blk *b, uint64_t index)
{
	struct qcow2 *s = b->state;
	uint64_t first = s->reftable_entries * s->refblock_entries, entries, table_clusters, blocks = 1, total, old_offset;
	uint64_t *table, file_end = qcow2_clusters(s, b->file->size);
	uint8_t *buf = NULL, patch[12];
	uint32_t old_clusters = s->reftable_clusters;
	int r = 0;

	if (index >= QCOW2_MAX_REFTABLE_BYTES / 8)
		return -EFBIG;
	if (first < file_end && s->reftable_entries) /* an image with uncounted clusters: stay clear of them */
		first = round_up64(file_end, s->refblock_entries);
	for (;;) {
		entries = index + 1 + (index + 1) / 2;
		if (entries < (first + blocks) / s->refblock_entries + 2)
			entries = (first + blocks) / s->refblock_entries + 2;
		table_clusters = qcow2_clusters(s, entries * 8);
		entries = table_clusters * s->cluster_size / 8;
		total = table_clusters + blocks;
		if (blocks * s->refblock_entries >= total && entries > (first + total) / s->refblock_entries)
			break;
		blocks++;
	}
	if (table_clusters << s->cluster_bits > QCOW2_MAX_REFTABLE_BYTES)
		return -EFBIG;
	table = calloc(entries, 8);
	if (!table)
		return -ENOMEM;
	memcpy(table, s->reftable, s->reftable_entries * 8);
	/* blocks first, then the table */
	blk_event(b->file, BLK_EVENT_REFTABLE_GROW);
	blk_event(b->file, BLK_EVENT_REFBLOCK_ALLOC_WRITE_BLOCKS);
	for (uint64_t i = 0; i < blocks && !r; i++) {
		uint64_t at = (first + i) << s->cluster_bits;
		uint8_t *block;
		r = qcow2_cache_get(b, &s->refcount_cache, at, false, &block);
		for (uint64_t k = 0; !r && k < s->refblock_entries && i * s->refblock_entries + k < total; k++)
			qcow2_count_write(s, block, k, 1);
		if (!r)
			r = blk_pwrite(b->file, at, s->cluster_size, block);
		table[first / s->refblock_entries + i] = at;
	}
	buf = malloc(entries * 8);
	if (!buf)
		r = -ENOMEM;
	for (uint64_t i = 0; !r && i < entries; i++)
		be64_put(buf + 8 * i, table[i]);
	blk_event(b->file, BLK_EVENT_REFBLOCK_ALLOC_WRITE_TABLE);
	if (!r)
		r = blk_pwrite(b->file, (first + blocks) << s->cluster_bits, entries * 8, buf);
	if (!r)
		r = settle(b);
	free(buf);
	be64_put(patch, (first + blocks) << s->cluster_bits);
	be32_put(patch + 8, (uint32_t)table_clusters);
	blk_event(b->file, BLK_EVENT_REFBLOCK_ALLOC_SWITCH_TABLE);
	if (!r)
		r = qcow2_header_patch(b, 48, patch, 12);
	if (!r)
		r = settle(b);
	if (r) {
		free(table);
		return r;
	}
	if ((first + total) << s->cluster_bits > s->fresh_from)
		s->fresh_from = (first + total) << s->cluster_bits;
	old_offset = s->reftable_offset;
	free(s->reftable);
	s->reftable = table;
	s->reftable_entries = entries;
	s->reftable_clusters = (uint32_t)table_clusters;
	s->reftable_offset = (first + blocks) << s->cluster_bits;
	return old_clusters ? qcow2_free_later(b, old_offset, old_clusters) : 0;
}

int qcow2_refcount_add(struct blk *b, uint64_t first, uint64_t n, int64_t delta)
{
	struct qcow2 *s = b->state;
	uint64_t done = 0;
	int r = 0;

	while (done < n) {
		uint64_t c = first + done, index = c / s->refblock_entries, i = c % s->refblock_entries, k, at;
		uint64_t m = s->refblock_entries - i < n - done ? s->refblock_entries - i : n - done;
		uint8_t *block;
		if (delta > 0 && (r = need_block(b, index)))
			break;
		if ((r = block_offset(b, index, &at)))
			break;
		if (!at) {
			r = -ERANGE;
			break;
		}
		if ((r = qcow2_cache_get(b, &s->refcount_cache, at, true, &block)))
			break;
		for (k = 0; k < m; k++) {
			uint64_t v = qcow2_count_read(s, block, i + k);
			if ((delta < 0 && v < (uint64_t)-delta) || (delta > 0 && v > count_max(s) - (uint64_t)delta)) {
				r = -ERANGE;
				break;
			}
			v += (uint64_t)delta;
			qcow2_count_write(s, block, i + k, v);
			if (!v && c + k < s->free_hint)
				s->free_hint = c + k;
		}
		if (k) {
			size_t from = (size_t)(i * s->refcount_bits / 8), to = (size_t)(((i + k) * s->refcount_bits + 7) / 8);
			blk_event(b->file, BLK_EVENT_REFBLOCK_UPDATE_PART);
			int w = qcow2_table_write(b, at, block, from, to - from);
			if (w) {
				qcow2_cache_drop(&s->refcount_cache, at);
				r = w;
			} else {
				done += k;
			}
		}
		if (r)
			break;
	}
	if (r && done) /* all or nothing */
		qcow2_refcount_add(b, first, done, -delta);
	return r;
}

/* Space behind the old end is made part of the file, so that what is put there reads as zeros after a cut. */
static int extend_file(struct blk *b, uint64_t end)
{
	if (end <= b->file->size || !b->file->fmt->truncate || !(b->file->fmt->flags & BLK_F_GROWS))
		return 0;
	return blk_truncate(b->file, end, ((struct qcow2 *)b->state)->prealloc, NULL);
}

static int reserve_run(struct blk *b, uint64_t want, uint64_t least, struct qcow2_run *run)
{
	struct qcow2 *s = b->state;
	uint64_t first, n;
	int r;

	for (;;) {
		if ((r = find_free(b, s->free_hint, want, least, &first, &n)))
			return r;
		if (((first + n) << s->cluster_bits) > INT64_MAX / 2)
			return -EFBIG;
		/*
		 * A block needed for the run may be put into it: then look again. Blocks go to the beginning of the run:
		 * each in the middle of what it counts would leave no run longer than that, and a long file with little in it.
		 */
		uint64_t low = first / s->refblock_entries, high = (first + n - 1) / s->refblock_entries;
		bool again = false;
		for (uint64_t i = low; i <= high; i++) {
			uint64_t at;
			if ((r = block_offset(b, i, &at)))
				return r;
			if (at && i < s->reftable_entries)
				continue;
			if ((r = need_block_from(b, i, first)))
				return r;
			again = true;
		}
		if (!again)
			break;
	}
	if ((r = qcow2_overlap_check(b, first << s->cluster_bits, n << s->cluster_bits, "new clusters")))
		return r;
	/* Room first: whoever is told that there is none asks for less, and would not hear of counts that could not be taken back. */
	if ((r = extend_file(b, (first + n) << s->cluster_bits)) || (r = qcow2_refcount_add(b, first, n, 1)))
		return r;
	if (least == 1 || first == s->free_hint)
		s->free_hint = first + n;
	if ((r = settle(b))) {
		qcow2_refcount_add(b, first, n, -1);
		return r;
	}
	run->offset = first << s->cluster_bits;
	run->clusters = n;
	return 0;
}

static bool take_fresh(struct qcow2 *s, uint64_t offset, uint64_t bytes)
{
	bool fresh = offset >= s->fresh_from;

	if (offset + bytes > s->fresh_from)
		s->fresh_from = offset + bytes;
	return fresh;
}

int qcow2_alloc(struct blk *b, uint64_t want, struct qcow2_run *run, bool *fresh)
{
	struct qcow2 *s = b->state;
	uint64_t min = BATCH_MIN >> s->cluster_bits, max = BATCH_MAX >> s->cluster_bits;
	int r;

	blk_event(b->file, BLK_EVENT_CLUSTER_ALLOC);
	if (!s->reserve.clusters) {
		if (s->reserve_batch < min)
			s->reserve_batch = min;
		if (s->reserve_batch < 4)
			s->reserve_batch = 4;
		if (s->reserve_batch < want)
			s->reserve_batch = want;
		r = reserve_run(b, s->reserve_batch, 1, &s->reserve);
		if (r == -ENOSPC || r == -EFBIG)
			r = reserve_run(b, want, 1, &s->reserve);
		if (r)
			return r;
		if (s->reserve_batch * 2 <= max)
			s->reserve_batch *= 2;
	}
	run->offset = s->reserve.offset;
	run->clusters = want < s->reserve.clusters ? want : s->reserve.clusters;
	s->reserve.offset += run->clusters << s->cluster_bits;
	s->reserve.clusters -= run->clusters;
	*fresh = take_fresh(s, run->offset, run->clusters << s->cluster_bits);
	return 0;
}

int qcow2_alloc_exact(struct blk *b, uint64_t want, uint64_t *offset, bool *fresh)
{
	struct qcow2 *s = b->state;
	struct qcow2_run run;
	bool f;
	int r;

	if (want <= s->reserve.clusters || want == 1) {
		r = qcow2_alloc(b, want, &run, &f);
	} else {
		r = reserve_run(b, want, want, &run);
		f = !r && take_fresh(s, run.offset, run.clusters << s->cluster_bits);
	}
	if (r)
		return r;
	*offset = run.offset;
	if (fresh)
		*fresh = f;
	return 0;
}

static int end_compressed(struct blk *b);

int qcow2_unreserve(struct blk *b)
{
	struct qcow2 *s = b->state;
	uint64_t end;
	int r = 0;

	r = end_compressed(b);
	if (!r && s->reserve.clusters) {
		r = qcow2_refcount_add(b, s->reserve.offset >> s->cluster_bits, s->reserve.clusters, -1);
		end = s->reserve.offset + (s->reserve.clusters << s->cluster_bits);
		/* the tail that was only reserved goes away with it */
		if (!r && end >= b->file->size && s->reserve.offset < b->file->size && (b->file->fmt->flags & BLK_F_GROWS) &&
		    b->file->fmt->truncate)
			r = blk_truncate(b->file, s->reserve.offset, BLK_PREALLOC_OFF, NULL);
		if (s->fresh_from > s->reserve.offset && end >= b->file->size)
			s->fresh_from = round_up64(b->file->size, s->cluster_size);
		s->reserve.clusters = 0;
	}
	s->reserve_batch = 0;
	return r;
}

int qcow2_free_later(struct blk *b, uint64_t offset, uint64_t clusters)
{
	struct qcow2 *s = b->state;
	struct qcow2_run *last = s->pending_count ? &s->pending[s->pending_count - 1] : NULL;

	if (last && last->offset + (last->clusters << s->cluster_bits) == offset) {
		last->clusters += clusters;
		return 0;
	}
	if (s->pending_count == s->pending_size) {
		unsigned size = s->pending_size ? s->pending_size * 2 : 64;
		struct qcow2_run *p = realloc(s->pending, size * sizeof *p);
		if (!p)
			return -ENOMEM;
		s->pending = p;
		s->pending_size = size;
	}
	s->pending[s->pending_count++] = (struct qcow2_run){offset, clusters};
	return 0;
}

int qcow2_free_pending(struct blk *b)
{
	struct qcow2 *s = b->state;
	int r = 0;

	pthread_rwlock_wrlock(&s->io);
	pthread_mutex_lock(&b->lock);
	for (unsigned i = 0; i < s->pending_count && !r; i++) {
		struct qcow2_run *p = &s->pending[i];
		uint64_t first = p->offset >> s->cluster_bits, k = 0;
		blk_event(b->file, BLK_EVENT_CLUSTER_FREE);
		r = qcow2_refcount_add(b, first, p->clusters, -1);
		/* Space of clusters that nobody uses any more goes back to the host file, where that was asked for. */
		while (!r && s->discard_passed[0] && k < p->clusters) {
			uint64_t count, start = k;
			while (k < p->clusters && !qcow2_refcount_get(b, first + k, &count) && !count) {
				qcow2_cache_drop(&s->l2_cache, (first + k) << s->cluster_bits);
				k++;
			}
			if (k > start) {
				uint64_t at = (first + start) << s->cluster_bits, len = (k - start) << s->cluster_bits;
				if (at < b->file->size)
					blk_discard(b->file, at, at + len > b->file->size ? b->file->size - at : len);
			}
			if (k < p->clusters)
				k++;
		}
		if (!s->discard_passed[0])
			for (k = 0; !r && k < p->clusters && k < s->l2_cache.limit; k++)
				qcow2_cache_drop(&s->l2_cache, (first + k) << s->cluster_bits);
	}
	s->pending_count = 0;
	pthread_mutex_unlock(&b->lock);
	pthread_rwlock_unlock(&s->io);
	return r;
}

/*
 * Compressed clusters share host clusters, each counting one reference. References are counted ahead, so that a
 * table never points at a cluster whose count is too low; what was not used is taken back at the end.
 */
static int more_credit(struct blk *b, uint64_t cluster, uint64_t least)
{
	struct qcow2 *s = b->state;
	uint64_t count, room, n = 64;
	int r = qcow2_refcount_get(b, cluster, &count);

	if (r)
		return r;
	room = count_max(s) - count;
	if (room < n)
		n = room;
	if (n < least)
		return -ERANGE;
	if ((r = qcow2_refcount_add(b, cluster, 1, (int64_t)n)) || (r = settle(b)))
		return r;
	s->comp_credit += n;
	return 0;
}

/* Stops putting compressed data into the present cluster. */
static int end_compressed(struct blk *b)
{
	struct qcow2 *s = b->state;
	uint64_t credit = s->comp_credit, at = s->comp_offset;

	s->comp_credit = s->comp_offset = s->comp_end = 0;
	return credit ? qcow2_refcount_add(b, at >> s->cluster_bits, 1, -(int64_t)credit) : 0;
}

/*
 * One reference of the cluster at comp_offset always stays unused: it keeps the cluster from being freed, and used for
 * something else, when everything that was put into it so far is overwritten.
 */
int qcow2_alloc_bytes(struct blk *b, size_t size, uint64_t *offset)
{
	struct qcow2 *s = b->state;
	uint64_t at = s->comp_offset, room = s->comp_end - s->comp_offset;
	struct qcow2_run run;
	bool fresh;
	int r;

	blk_event(b->file, BLK_EVENT_CLUSTER_ALLOC_BYTES);
	if (at && s->comp_credit < 2 && (r = more_credit(b, at >> s->cluster_bits, 1))) {
		if (r != -ERANGE || (r = end_compressed(b)))
			return r;
		at = 0;
	}
	if (at && room < size && !(s->reserve.clusters && s->reserve.offset == s->comp_end)) {
		if ((r = end_compressed(b)))
			return r;
		at = 0;
	}
	if (at && room < size) { /* the bytes straddle this cluster and the next one, with a reference of each */
		if ((r = qcow2_alloc(b, 1, &run, &fresh)))
			return r;
		s->comp_credit--;
		*offset = at;
		if ((r = end_compressed(b)))
			return r;
		s->comp_offset = at + size;
		s->comp_end = run.offset + s->cluster_size;
		s->comp_credit = 0;
	} else {
		if (!at) {
			if ((r = qcow2_alloc(b, 1, &run, &fresh)))
				return r;
			at = run.offset;
			s->comp_end = at + s->cluster_size;
			s->comp_credit = 1;
		}
		*offset = at;
		s->comp_offset = at + size;
		s->comp_credit--;
	}
	if (s->comp_offset == s->comp_end) {
		s->comp_offset--; /* any place inside the cluster names it */
		return end_compressed(b);
	}
	if (!s->comp_credit && (r = more_credit(b, s->comp_offset >> s->cluster_bits, 1))) {
		if (r != -ERANGE)
			return r;
		return end_compressed(b);
	}
	return 0;
}
