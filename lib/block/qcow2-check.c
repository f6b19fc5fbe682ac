/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The consistency check of qcow2: counts every reference from every table and compares with the refcounts.
 *
 * Counts are kept in two bytes a cluster (four with refcounts wider than 16 bits). Wrong counts are put right in place;
 * where a cluster in use counts as free, or the refcount structures are broken, new ones are written behind the end.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "block/qcow2.h"

struct checker {
	struct blk *b;
	struct qcow2 *s;
	struct blk_check *c;
	unsigned fix;
	uint64_t clusters;      /* in the file */
	bool wide;
	uint16_t *count16;
	uint32_t *count32;
	uint64_t next;          /* where the next data cluster lies if nothing is fragmented */
	bool rebuild;
	char *copied_text;      /* findings about copied flags: they come last */
	size_t copied_size;
	FILE *copied;
	uint64_t copied_errors;
};

static uint64_t counted(const struct checker *k, uint64_t i)
{
	return k->wide ? k->count32[i] : k->count16[i];
}

/* Counts a reference on every cluster of [offset, offset+size). */
static void count(struct checker *k, uint64_t offset, uint64_t size)
{
	struct qcow2 *s = k->s;
	uint64_t first = offset >> s->cluster_bits, last;

	if (!size)
		return;
	if (offset + size < offset || (offset + size - 1) >> s->cluster_bits >= k->clusters) {
		blk_check_say(k->c, "ERROR: counting reference for region exceeding the end of the file by one cluster or more: offset 0x%"
			      PRIx64 " size 0x%" PRIx64, offset, size);
		k->c->corruptions++;
		return;
	}
	last = (offset + size - 1) >> s->cluster_bits;
	for (uint64_t i = first; i <= last; i++) {
		if (k->wide) {
			if (k->count32[i] < UINT32_MAX)
				k->count32[i]++;
		} else if (k->count16[i] < UINT16_MAX) {
			k->count16[i]++;
		}
	}
}

/* The count as the image has it. */
static uint64_t stored(struct checker *k, uint64_t cluster)
{
	uint64_t v = 0, index = cluster / k->s->refblock_entries;
	uint64_t at = index < k->s->reftable_entries ? k->s->reftable[index] & ~511ull : 0;
	uint8_t *block;

	if (!at || at & (k->s->cluster_size - 1) || at >> k->s->cluster_bits >= k->clusters)
		return 0;
	if (qcow2_cache_get(k->b, &k->s->refcount_cache, at, true, &block)) {
		k->c->check_errors++;
		return 0;
	}
	v = qcow2_count_read(k->s, block, cluster % k->s->refblock_entries);
	return v;
}

static void check_l2(struct checker *k, const uint8_t *l2, bool active)
{
	struct qcow2 *s = k->s;
	bool data_file = s->incompatible & QCOW2_INCOMPAT_DATA_FILE;
	uint64_t entries = 1ull << s->l2_bits;

	for (uint64_t i = 0; i < entries; i++) {
		uint64_t entry = qcow2_entry_get(s, l2, i), at, size, refs;
		if (!entry)
			continue;
		if (entry & QCOW2_COMPRESSED) {
			if (entry & QCOW2_COPIED) {
				blk_check_say(k->c, "ERROR: coffset=0x%" PRIx64 ": copied flag must never be set for compressed clusters",
					      (uint64_t)(entry & QCOW2_L2_OFFSET_MASK));
				k->c->corruptions++;
			}
			if (data_file) {
				blk_check_say(k->c, "ERROR compressed cluster %" PRIu64 " with data file, entry=0x%" PRIx64, i, entry);
				k->c->corruptions++;
				continue;
			}
			qcow2_compressed_place(s, entry, &at, &size);
			count(k, at, size);
			if (active) {
				k->c->compressed_clusters++;
				k->c->allocated_clusters++;
				k->c->fragmented_clusters++; /* by nature */
			}
			continue;
		}
		at = entry & QCOW2_L2_OFFSET_MASK;
		if (!at && !(data_file && (entry & QCOW2_COPIED)))
			continue;
		if (at & (s->cluster_size - 1)) {
			blk_check_say(k->c, "ERROR offset=%" PRIx64 ": Cluster is not properly aligned; L2 entry corrupted.", at);
			k->c->corruptions++;
			continue;
		}
		if (active) {
			k->c->allocated_clusters++;
			if (k->next && at != k->next)
				k->c->fragmented_clusters++;
			k->next = at + s->cluster_size;
		}
		if (data_file)
			continue;
		count(k, at, s->cluster_size);
		if (active && at >> s->cluster_bits < k->clusters) {
			refs = stored(k, at >> s->cluster_bits);
			if ((refs == 1) != !!(entry & QCOW2_COPIED)) {
				fprintf(k->copied, "%s OFLAG_COPIED data cluster: l2_entry=%" PRIx64 " refcount=%" PRIu64 "\n",
					k->fix & BLK_FIX_ERRORS ? "Repairing" : "ERROR", entry, refs);
				k->copied_errors++;
			}
		}
	}
}

static int check_l1(struct checker *k, uint64_t offset, const uint64_t *l1, uint32_t size, bool active)
{
	struct qcow2 *s = k->s;
	uint8_t *l2 = malloc(s->cluster_size);
	int r = 0;

	if (!l2)
		return -ENOMEM;
	count(k, offset, (uint64_t)size * 8);
	for (uint32_t i = 0; i < size; i++) {
		uint64_t at = l1[i] & QCOW2_L1_OFFSET_MASK, refs;
		if (!at)
			continue;
		if (at & (s->cluster_size - 1)) {
			blk_check_say(k->c, "ERROR l2_offset=%" PRIx64 ": Table is not cluster aligned; L1 entry corrupted", at);
			k->c->corruptions++;
			continue;
		}
		count(k, at, s->cluster_size);
		if (at >> s->cluster_bits >= k->clusters)
			continue;
		size_t have = s->cluster_size;
		if (k->b->file->size - at < have)
			have = (size_t)(k->b->file->size - at);
		memset(l2 + have, 0, s->cluster_size - have);
		if ((r = blk_pread(k->b->file, at, have, l2))) {
			blk_check_say(k->c, "ERROR: I/O error in check_refcounts_l2");
			k->c->check_errors++;
			r = 0;
			continue;
		}
		if (active) {
			refs = stored(k, at >> s->cluster_bits);
			if ((refs == 1) != !!(l1[i] & QCOW2_COPIED)) {
				fprintf(k->copied, "%s OFLAG_COPIED L2 cluster: l1_index=%u l1_entry=%" PRIx64 " refcount=%" PRIu64 "\n",
					k->fix & BLK_FIX_ERRORS ? "Repairing" : "ERROR", i, l1[i], refs);
				k->copied_errors++;
			}
		}
		check_l2(k, l2, active);
	}
	free(l2);
	return r;
}

/* The refcount table, its blocks, snapshots, bitmaps, the encryption header. */
static int count_all(struct checker *k)
{
	struct qcow2 *s = k->s;
	int r;

	count(k, 0, s->cluster_size);
	if ((r = check_l1(k, s->l1_offset, s->l1, s->l1_size, true)))
		return r;
	for (uint32_t i = 0; i < s->snapshot_count; i++) {
		struct qcow2_snapshot *n = &s->snapshots[i];
		uint64_t *l1;
		if (qcow2_l1_load(k->b, n->l1_offset, n->l1_size, &l1, NULL)) {
			blk_check_say(k->c, "ERROR snapshot %s (%s) l1_offset=%#" PRIx64 ": L1 table cannot be read; snapshot table entry "
				      "corrupted", n->id, n->name, n->l1_offset);
			k->c->corruptions++;
			continue;
		}
		r = check_l1(k, n->l1_offset, l1, n->l1_size, false);
		free(l1);
		if (r)
			return r;
	}
	count(k, s->snapshots_offset, s->snapshots_size);
	if (s->crypto_length)
		count(k, s->crypto_offset, s->crypto_length);
	if (s->bitmap_count) {
		count(k, s->bitmap_directory_offset, s->bitmap_directory_size);
		for (uint32_t i = 0; i < s->bitmap_count; i++) {
			struct qcow2_bitmap *m = &s->bitmaps[i];
			uint64_t *table;
			count(k, m->table_offset, (uint64_t)m->table_size * 8);
			if (!m->table_size || qcow2_l1_load(k->b, m->table_offset, m->table_size, &table, NULL))
				continue;
			for (uint32_t j = 0; j < m->table_size; j++)
				if (table[j] & QCOW2_L2_OFFSET_MASK)
					count(k, table[j] & QCOW2_L2_OFFSET_MASK, s->cluster_size);
			free(table);
		}
	}
	count(k, s->reftable_offset, (uint64_t)s->reftable_clusters << s->cluster_bits);
	for (uint64_t i = 0; i < s->reftable_entries; i++) {
		uint64_t at = s->reftable[i] & ~511ull;
		if (!at)
			continue;
		if (at & (s->cluster_size - 1)) {
			blk_check_say(k->c, "ERROR refcount block %" PRIu64 " is not cluster aligned; refcount table entry corrupted", i);
			k->c->corruptions++;
			k->rebuild = true;
		} else if (at >> s->cluster_bits >= k->clusters) {
			blk_check_say(k->c, "ERROR refcount block %" PRIu64 " is outside image", i);
			k->c->corruptions++;
			k->rebuild = true;
		} else {
			count(k, at, s->cluster_size);
			if (counted(k, at >> s->cluster_bits) != 1) {
				blk_check_say(k->c, "ERROR refcount block %" PRIu64 " refcount=%" PRIu64, i, counted(k, at >> s->cluster_bits));
				k->c->corruptions++;
				k->rebuild = true;
			}
		}
	}
	return 0;
}

/* Whole blocks of 16-bit counts that agree need no closer look. */
static bool block_agrees(struct checker *k, const uint8_t *block, uint64_t first, uint64_t n)
{
	if (k->wide || k->s->refcount_order != 4)
		return false;
	for (uint64_t i = 0; i < n; i++)
		if (be16_get(block + 2 * i) != k->count16[first + i])
			return false;
	return true;
}

static int compare(struct checker *k, unsigned fix, uint64_t *highest)
{
	struct qcow2 *s = k->s;

	for (uint64_t i = 0; i < k->clusters; i++) {
		uint64_t is, should, index = i / s->refblock_entries;
		if (i % s->refblock_entries == 0 && index < s->reftable_entries) {
			uint64_t at = s->reftable[index] & ~511ull, n = k->clusters - i;
			uint8_t *block;
			if (n > s->refblock_entries)
				n = s->refblock_entries;
			if (at && !(at & (s->cluster_size - 1)) && at >> s->cluster_bits < k->clusters &&
			    !qcow2_cache_get(k->b, &s->refcount_cache, at, true, &block) && block_agrees(k, block, i, n)) {
				for (uint64_t j = n; j-- > 0;)
					if (counted(k, i + j)) {
						*highest = i + j + 1;
						break;
					}
				i += n - 1;
				continue;
			}
		}
		is = stored(k, i);
		should = counted(k, i);
		if (is || should)
			*highest = i + 1;
		if (is == should)
			continue;
		if (is == 0) {
			k->rebuild = true;
		}
		if (is < should ? (fix & BLK_FIX_ERRORS) && is : (fix & BLK_FIX_LEAKS) && 1) {
			blk_check_say(k->c, "Repairing cluster %" PRIu64 " refcount=%" PRIu64 " reference=%" PRIu64, i, is, should);
			int r = is < should ? qcow2_refcount_add(k->b, i, 1, (int64_t)(should - is)) : 0;
			for (uint64_t less = is < should ? 0 : is - should; less && !r;) { /* of 64 bits: in two steps */
				uint64_t step = less < INT64_MAX ? less : INT64_MAX;
				r = qcow2_refcount_add(k->b, i, 1, -(int64_t)step);
				less -= step;
			}
			if (!r) {
				if (is < should)
					k->c->corruptions_fixed++;
				else
					k->c->leaks_fixed++;
			} else {
				k->c->check_errors++;
			}
		} else {
			blk_check_say(k->c, "%s cluster %" PRIu64 " refcount=%" PRIu64 " reference=%" PRIu64,
				      is < should ? "ERROR" : "Leaked", i, is, should);
		}
		if (is < should)
			k->c->corruptions++;
		else
			k->c->leaks++;
	}
	return 0;
}

/* New refcount structures behind the end of the file, from the counts. */
static int rebuild(struct checker *k, struct err *e)
{
	struct qcow2 *s = k->s;
	uint64_t used = k->clusters, per = s->refblock_entries, blocks = 0, table = 0, last, base, total;
	uint64_t *entries;
	uint8_t *buf, patch[12];
	int r = 0;

	/* The old table and blocks are nobody's any more. */
	for (uint64_t i = 0; i < s->reftable_entries; i++) {
		uint64_t at = s->reftable[i] & ~511ull;
		if (at && !(at & (s->cluster_size - 1)) && at >> s->cluster_bits < k->clusters && counted(k, at >> s->cluster_bits)) {
			if (k->wide)
				k->count32[at >> s->cluster_bits]--;
			else
				k->count16[at >> s->cluster_bits]--;
		}
	}
	for (uint64_t i = 0; i < s->reftable_clusters; i++) {
		uint64_t c = (s->reftable_offset >> s->cluster_bits) + i;
		if (c < k->clusters && counted(k, c)) {
			if (k->wide)
				k->count32[c]--;
			else
				k->count16[c]--;
		}
	}
	do {
		last = blocks + table;
		blocks = (used + last + per - 1) / per;
		table = (blocks * 8 + s->cluster_size - 1) >> s->cluster_bits;
	} while (blocks + table != last);
	if (table << s->cluster_bits > QCOW2_MAX_REFTABLE_BYTES)
		return err_set(e, EFBIG, "The file is too large for a new refcount table");
	base = used;
	total = used + blocks + table;
	entries = calloc(table, s->cluster_size);
	buf = malloc(s->cluster_size);
	if (!entries || !buf) {
		free(entries);
		free(buf);
		return err_errno(e, ENOMEM, "refcount table");
	}
	for (uint64_t i = 0; i < blocks && !r; i++) {
		uint64_t max = s->refcount_bits >= 32 ? UINT32_MAX : (1ull << s->refcount_bits) - 1;
		memset(buf, 0, s->cluster_size);
		for (uint64_t j = 0; j < per && i * per + j < total; j++) {
			uint64_t c = i * per + j, v = c < used ? counted(k, c) : 1;
			if (v > max) {
				r = err_set(e, ERANGE, "Cluster %" PRIu64 " has %" PRIu64 " references, more than %u bits can count", c, v,
					    s->refcount_bits);
				break;
			}
			qcow2_count_write(s, buf, j, v);
		}
		if (!r && (r = blk_pwrite(k->b->file, (base + table + i) << s->cluster_bits, s->cluster_size, buf)))
			err_errno(e, -r, "Could not write a refcount block");
		be64_put(&entries[i], (base + table + i) << s->cluster_bits);
	}
	be64_put(patch, base << s->cluster_bits);
	be32_put(patch + 8, (uint32_t)table);
	if (!r && ((r = blk_pwrite(k->b->file, base << s->cluster_bits, table << s->cluster_bits, entries)) ||
		   (r = blk_flush(k->b->file)) || (r = qcow2_header_patch(k->b, 48, patch, 12)) || (r = blk_flush(k->b->file))))
		err_errno(e, -r, "Could not write the refcount table");
	free(buf);
	if (!r) {
		free(s->reftable);
		s->reftable = entries;
		s->reftable_entries = table * s->cluster_size / 8;
		for (uint64_t i = 0; i < s->reftable_entries; i++)
			entries[i] = be64_get(&entries[i]);
		s->reftable_offset = base << s->cluster_bits;
		s->reftable_clusters = (uint32_t)table;
		s->fresh_from = total << s->cluster_bits;
		s->free_hint = 0;
		qcow2_cache_clear(&s->refcount_cache);
	} else {
		free(entries);
	}
	return r;
}

static int check_locked(struct checker *k, struct err *e)
{
	struct qcow2 *s = k->s;
	struct blk_check *c = k->c;
	uint64_t highest = 0, before;
	int r;

	if ((r = count_all(k)))
		return err_errno(e, -r, "check");
	if (s->fresh_from != UINT64_MAX && s->reserve.clusters) {
		for (uint64_t i = 0; i < s->reserve.clusters; i++)
			count(k, s->reserve.offset + (i << s->cluster_bits), 1);
	}
	before = c->corruptions;
	(void)before;
	if ((r = compare(k, k->rebuild ? 0 : k->fix, &highest)))
		return r;
	fflush(k->copied);
	if (k->copied_errors && !c->quiet)
		fputs(k->copied_text, stderr);
	c->corruptions += k->copied_errors;
	if (k->rebuild && (k->fix & BLK_FIX_ERRORS) && (c->corruptions || c->leaks)) {
		if (c->corruptions) {
			blk_check_say(c, "Rebuilding refcount structure");
			if ((r = rebuild(k, e)))
				return r;
			c->corruptions_fixed = c->corruptions - k->copied_errors;
			c->leaks_fixed = c->leaks;
			highest = k->clusters + s->reftable_clusters;
			for (uint64_t i = 0; i < s->reftable_entries; i++)
				highest += (s->reftable[i] & ~511ull) != 0;
		}
	}
	if ((k->fix & BLK_FIX_ERRORS) && (k->copied_errors || c->corruptions_fixed || c->leaks_fixed)) {
		if ((r = qcow2_update_tree(k->b, s->l1, s->l1_size, 0, true, e)))
			return r;
		c->corruptions_fixed += k->copied_errors;
	} else if ((k->fix & BLK_FIX_LEAKS) && c->leaks_fixed && !c->corruptions) {
		if ((r = qcow2_update_tree(k->b, s->l1, s->l1_size, 0, true, e)))
			return r;
	}
	c->total_clusters = qcow2_clusters(s, s->disk_size);
	c->image_end_offset = highest << s->cluster_bits;
	c->has_counts = c->has_end = true;
	if (k->fix && !c->check_errors && c->corruptions == c->corruptions_fixed) {
		uint64_t bits = QCOW2_INCOMPAT_DIRTY;
		if (k->fix & BLK_FIX_ERRORS)
			bits |= QCOW2_INCOMPAT_CORRUPT;
		if (c->leaks == c->leaks_fixed || (k->fix & BLK_FIX_ERRORS)) {
			if ((r = qcow2_set_incompatible(k->b, bits, false)))
				return err_errno(e, -r, "Could not write the image header");
			s->corrupt_marked = false;
		}
	}
	return 0;
}

int qcow2_check(struct blk *b, struct blk_check *c, unsigned fix, struct err *e)
{
	struct qcow2 *s = b->state;
	struct checker k = {.b = b, .s = s, .c = c, .fix = fix, .wide = s->refcount_bits > 16};
	uint64_t size;
	int r = blk_size(b->file, &size);

	if (r)
		return err_errno(e, -r, "Could not determine the size of the file");
	k.clusters = qcow2_clusters(s, size);
	if (k.clusters > 1ull << 31)
		return err_set(e, EFBIG, "The file has %" PRIu64 " clusters, more than can be checked", k.clusters);
	if (k.wide)
		k.count32 = calloc(k.clusters + 1, 4);
	else
		k.count16 = calloc(k.clusters + 1, 2);
	k.copied = open_memstream(&k.copied_text, &k.copied_size);
	if ((!k.count16 && !k.count32) || !k.copied) {
		r = err_errno(e, ENOMEM, "check of %" PRIu64 " clusters", k.clusters);
	} else {
		pthread_mutex_lock(&b->lock);
		r = check_locked(&k, e);
		pthread_mutex_unlock(&b->lock);
	}
	if (k.copied)
		fclose(k.copied);
	free(k.copied_text);
	free(k.count16);
	free(k.count32);
	return r;
}
