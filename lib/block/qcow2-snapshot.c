/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Internal snapshots: a copy of the L1 table, with one more reference on everything it reaches.
 *
 * The order of writes: references are added before anything relies on them and dropped after nothing does, so a cut
 * leaks. The copied flags of the active tables change meanwhile; the dirty bit stands over that.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "block/dirty.h"
#include "block/qcow2.h"

static void snapshot_free(struct qcow2_snapshot *n)
{
	free(n->id);
	free(n->name);
	free(n->extra);
}

void qcow2_snapshots_free(struct qcow2 *s)
{
	for (uint32_t i = 0; s->snapshots && i < s->snapshot_count; i++)
		snapshot_free(&s->snapshots[i]);
	free(s->snapshots);
	s->snapshots = NULL;
}

static char *text_of(const uint8_t *p, size_t n)
{
	char *out = malloc(n + 1);

	if (out) {
		memcpy(out, p, n);
		out[n] = '\0';
	}
	return out;
}

int qcow2_snapshots_read(struct blk *b, struct err *e)
{
	struct qcow2 *s = b->state;
	uint64_t at = s->snapshots_offset, end;
	uint32_t count = s->snapshot_count;
	int r = 0;

	s->snapshot_count = 0;
	if (!count)
		return 0;
	s->snapshots = calloc(count, sizeof *s->snapshots);
	if (!s->snapshots)
		return err_errno(e, ENOMEM, "snapshot table");
	for (uint32_t i = 0; i < count; i++) {
		struct qcow2_snapshot *n = &s->snapshots[i];
		uint8_t h[40], *rest;
		uint32_t id, name, size;
		if ((r = blk_pread_what(b->file, at, sizeof h, h, "snapshot table entry", e)))
			return r;
		n->l1_offset = be64_get(h);
		n->l1_size = be32_get(h + 8);
		id = be16_get(h + 12);
		name = be16_get(h + 14);
		n->date_sec = be32_get(h + 16);
		n->date_nsec = be32_get(h + 20);
		n->vm_clock_ns = be64_get(h + 24);
		n->vm_state_size = be32_get(h + 32);
		n->extra_size = be32_get(h + 36);
		n->disk_size = s->disk_size;
		n->icount = UINT64_MAX;
		if (n->extra_size > QCOW2_MAX_SNAPSHOT_EXTRA)
			return err_set(e, EINVAL, "Too much extra metadata in snapshot table entry %u: %u bytes, the limit is %u", i,
				       n->extra_size, QCOW2_MAX_SNAPSHOT_EXTRA);
		if ((uint64_t)n->l1_size * 8 > QCOW2_MAX_L1_BYTES || n->l1_offset & (s->cluster_size - 1))
			return err_set(e, EINVAL, "Snapshot table entry %u has an invalid L1 table: offset %#" PRIx64 ", %u entries", i,
				       n->l1_offset, n->l1_size);
		size = n->extra_size + id + name;
		end = at + 40 + size;
		if (end - s->snapshots_offset > QCOW2_MAX_SNAPSHOT_TABLE)
			return err_set(e, EFBIG, "Snapshot table is larger than %u bytes", QCOW2_MAX_SNAPSHOT_TABLE);
		rest = malloc(size + 1);
		if (!rest)
			return err_errno(e, ENOMEM, "snapshot table");
		if (size && (r = blk_pread_what(b->file, at + 40, size, rest, "snapshot table entry", e))) {
			free(rest);
			return r;
		}
		s->snapshot_count++; /* from here on it is freed with the rest */
		if (n->extra_size >= 8)
			n->vm_state_size = be64_get(rest);
		if (n->extra_size >= 16)
			n->disk_size = be64_get(rest + 8);
		if (n->extra_size >= 24)
			n->icount = be64_get(rest + 16);
		if (n->extra_size > 24 && (n->extra = malloc(n->extra_size - 24)))
			memcpy(n->extra, rest + 24, n->extra_size - 24);
		n->id = text_of(rest + n->extra_size, id);
		n->name = text_of(rest + n->extra_size + id, name);
		free(rest);
		if (!n->id || !n->name)
			return err_errno(e, ENOMEM, "snapshot table");
		at = s->snapshots_offset + round_up64(end - s->snapshots_offset, 8);
	}
	s->snapshots_size = at - s->snapshots_offset;
	return 0;
}

/* Writes the table to a new place and switches the header over. b->lock held. */
int qcow2_snapshots_write(struct blk *b, struct err *e)
{
	struct qcow2 *s = b->state;
	uint64_t size = 0, at = 0, old_at = s->snapshots_offset, old_size = s->snapshots_size;
	uint8_t *buf = NULL, patch[12];
	int r;

	for (uint32_t i = 0; i < s->snapshot_count; i++) {
		struct qcow2_snapshot *n = &s->snapshots[i];
		uint32_t extra = n->extra && n->extra_size > 24 ? n->extra_size : 24;
		size += round_up64(40 + extra + strlen(n->id) + strlen(n->name), 8);
	}
	if (size > QCOW2_MAX_SNAPSHOT_TABLE)
		return err_set(e, EFBIG, "Snapshot table would be larger than %u bytes", QCOW2_MAX_SNAPSHOT_TABLE);
	if (size) {
		uint64_t clusters = qcow2_clusters(s, size);
		uint8_t *p;
		if ((r = qcow2_alloc_exact(b, clusters, &at, NULL)))
			return err_errno(e, -r, "Could not allocate the snapshot table");
		p = buf = calloc(clusters, s->cluster_size);
		if (!buf)
			return err_errno(e, ENOMEM, "snapshot table");
		for (uint32_t i = 0; i < s->snapshot_count; i++) {
			struct qcow2_snapshot *n = &s->snapshots[i];
			uint32_t extra = n->extra && n->extra_size > 24 ? n->extra_size : 24;
			size_t id = strlen(n->id), name = strlen(n->name);
			be64_put(p, n->l1_offset);
			be32_put(p + 8, n->l1_size);
			be16_put(p + 12, (uint16_t)id);
			be16_put(p + 14, (uint16_t)name);
			be32_put(p + 16, n->date_sec);
			be32_put(p + 20, n->date_nsec);
			be64_put(p + 24, n->vm_clock_ns);
			be32_put(p + 32, n->vm_state_size > UINT32_MAX ? 0 : (uint32_t)n->vm_state_size);
			be32_put(p + 36, extra);
			be64_put(p + 40, n->vm_state_size);
			be64_put(p + 48, n->disk_size);
			be64_put(p + 56, n->icount);
			if (extra > 24)
				memcpy(p + 64, n->extra, extra - 24);
			memcpy(p + 40 + extra, n->id, id);
			memcpy(p + 40 + extra + id, n->name, name);
			p += round_up64(40 + extra + id + name, 8);
		}
		r = blk_pwrite(b->file, at, clusters << s->cluster_bits, buf);
		free(buf);
		if (r || (r = blk_flush(b->file))) {
			qcow2_free_later(b, at, clusters);
			return err_errno(e, -r, "Could not write the snapshot table");
		}
	}
	be32_put(patch, s->snapshot_count);
	be64_put(patch + 4, at);
	if ((r = qcow2_header_patch(b, 60, patch, 12)) || (r = blk_flush(b->file)))
		return err_errno(e, -r, "Could not write the image header");
	s->snapshots_offset = at;
	s->snapshots_size = size;
	if (old_size && (r = qcow2_free_later(b, old_at, qcow2_clusters(s, old_size))))
		return err_errno(e, -r, "snapshot table");
	return 0;
}

/* ---- references of a tree ---------------------------------------------------------------------------------------- */
static int add_run(struct blk *b, struct qcow2_run *run, uint64_t offset, uint64_t clusters, int delta)
{
	struct qcow2 *s = b->state;
	int r = 0;

	if (clusters && run->clusters && run->offset + (run->clusters << s->cluster_bits) == offset) {
		run->clusters += clusters;
		return 0;
	}
	if (run->clusters)
		r = qcow2_refcount_add(b, run->offset >> s->cluster_bits, run->clusters, delta);
	run->offset = offset;
	run->clusters = clusters;
	return r;
}

static int set_flags(struct blk *b, uint64_t table, uint8_t *l2, bool *changed)
{
	struct qcow2 *s = b->state;
	int r;

	(void)table;
	for (uint64_t i = 0; i < 1ull << s->l2_bits; i++) {
		uint64_t entry = qcow2_entry_get(s, l2, i), want = entry, count;
		if (entry & QCOW2_COMPRESSED) {
			want = entry & ~QCOW2_COPIED;
		} else if (s->incompatible & QCOW2_INCOMPAT_DATA_FILE) {
			continue;
		} else if (entry & QCOW2_L2_OFFSET_MASK) {
			if ((r = qcow2_refcount_get(b, (entry & QCOW2_L2_OFFSET_MASK) >> s->cluster_bits, &count)))
				return r;
			want = count == 1 ? entry | QCOW2_COPIED : entry & ~QCOW2_COPIED;
		}
		if (want != entry) {
			qcow2_entry_put(s, l2, i, want, qcow2_bitmap_get(s, l2, i));
			*changed = true;
		}
	}
	return 0;
}

int qcow2_update_tree(struct blk *b, const uint64_t *l1, uint32_t l1_size, int delta, bool active, struct err *e)
{
	struct qcow2 *s = b->state;
	uint8_t *l2 = malloc(s->cluster_size);
	bool l1_changed = false;
	int r = 0;

	if (!l2)
		return err_errno(e, ENOMEM, "L2 table");
	for (uint32_t i = 0; i < l1_size && !r; i++) {
		uint64_t table = l1[i] & QCOW2_L1_OFFSET_MASK, count;
		struct qcow2_run run = {0, 0};
		bool changed = false;
		if (!table)
			continue;
		if (table & (s->cluster_size - 1)) {
			r = err_set(e, EIO, "L1 entry %u: offset %#" PRIx64 " of the L2 table is not a multiple of the cluster size", i, table);
			break;
		}
		if ((r = blk_pread_what(b->file, table, s->cluster_size, l2, "L2 table", e)))
			break;
		for (uint64_t k = 0; delta && k < 1ull << s->l2_bits && !r; k++) {
			uint64_t entry = qcow2_entry_get(s, l2, k), at, size;
			if (entry & QCOW2_COMPRESSED) {
				qcow2_compressed_place(s, entry, &at, &size);
				uint64_t first = at >> s->cluster_bits, last = (at + size - 1) >> s->cluster_bits;
				if (at + size > round_up64(b->file->size, s->cluster_size))
					r = -EIO;
				else if (!(r = add_run(b, &run, 0, 0, delta)))
					r = qcow2_refcount_add(b, first, last - first + 1, delta);
			} else if ((entry & QCOW2_L2_OFFSET_MASK) && !(s->incompatible & QCOW2_INCOMPAT_DATA_FILE)) {
				/* a reference to nowhere is not counted: the check names it */
				if (entry & QCOW2_L2_OFFSET_MASK & (s->cluster_size - 1) || (entry & QCOW2_L2_OFFSET_MASK) >= b->file->size)
					r = -EIO;
				else
					r = add_run(b, &run, entry & QCOW2_L2_OFFSET_MASK, 1, delta);
			}
		}
		if (!r)
			r = add_run(b, &run, 0, 0, delta);
		if (!r && delta)
			r = qcow2_refcount_add(b, table >> s->cluster_bits, 1, delta);
		if (!r && active) {
			if (!(r = set_flags(b, table, l2, &changed)) && changed) {
				qcow2_cache_drop(&s->l2_cache, table);
				r = blk_pwrite(b->file, table, s->cluster_size, l2);
			}
			if (!r && !(r = qcow2_refcount_get(b, table >> s->cluster_bits, &count))) {
				uint64_t want = count == 1 ? table | QCOW2_COPIED : table;
				if (s->l1[i] != want) {
					s->l1[i] = want;
					l1_changed = true;
				}
			}
		}
		if (r) {
			err_errno(e, -r, r == -ERANGE ? "The reference counts of this image (%u bits) are too narrow for another snapshot"
						       : "Could not update the reference counts (%u bits)", s->refcount_bits);
		}
	}
	free(l2);
	if (!r && l1_changed) {
		uint64_t *buf = malloc((size_t)l1_size * 8);
		if (!buf)
			return err_errno(e, ENOMEM, "L1 table");
		for (uint32_t i = 0; i < l1_size; i++)
			be64_put(&buf[i], s->l1[i]);
		if ((r = blk_pwrite(b->file, s->l1_offset, (size_t)l1_size * 8, buf)))
			err_errno(e, -r, "Could not write the L1 table");
		free(buf);
	}
	return r;
}

/* ---- the operations -------------------------------------------------------------------------------------------------- */
static int begin(struct blk *b, struct err *e)
{
	struct qcow2 *s = b->state;
	int r;

	if (s->incompatible & QCOW2_INCOMPAT_DATA_FILE)
		return err_set(e, ENOTSUP, "Internal snapshots are not supported with an external data file");
	if (s->corrupt_marked)
		return err_set(e, EIO, "The image is marked corrupt");
	if ((r = blk_flush(b)) || (r = qcow2_flush_all(b)))
		return err_errno(e, -r, "Could not flush the image");
	pthread_mutex_lock(&b->lock);
	if ((r = qcow2_unreserve(b)) || (r = qcow2_set_incompatible(b, QCOW2_INCOMPAT_DIRTY, true))) {
		pthread_mutex_unlock(&b->lock);
		return err_errno(e, -r, "Could not prepare the image");
	}
	return 0;
}

static int finish(struct blk *b, int r, struct err *e)
{
	int f = qcow2_unreserve(b), w;

	pthread_mutex_unlock(&b->lock);
	w = blk_flush(b->file);
	f = f ? f : w;
	if (!f)
		f = qcow2_free_pending(b);
	pthread_mutex_lock(&b->lock);
	if (!f && !r) /* after a failure the dirty bit stays: the next writer mends */
		f = qcow2_set_incompatible(b, QCOW2_INCOMPAT_DIRTY, false);
	pthread_mutex_unlock(&b->lock);
	return r ? r : f ? err_errno(e, -f, "Could not flush the image") : 0;
}

static int find(const struct qcow2 *s, const char *id)
{
	for (uint32_t i = 0; i < s->snapshot_count; i++)
		if (!strcmp(s->snapshots[i].id, id))
			return (int)i;
	for (uint32_t i = 0; i < s->snapshot_count; i++)
		if (!strcmp(s->snapshots[i].name, id))
			return (int)i;
	return -1;
}

int qcow2_snapshot_list(struct blk *b, struct blk_snapshot **list, unsigned *count, struct err *e)
{
	struct qcow2 *s = b->state;
	struct blk_snapshot *out = calloc(s->snapshot_count + 1, sizeof *out);

	if (!out)
		return err_errno(e, ENOMEM, "snapshot list");
	for (uint32_t i = 0; i < s->snapshot_count; i++) {
		const struct qcow2_snapshot *n = &s->snapshots[i];
		snprintf(out[i].id, sizeof out[i].id, "%s", n->id);
		snprintf(out[i].name, sizeof out[i].name, "%s", n->name);
		out[i].vm_state_size = n->vm_state_size;
		out[i].disk_size = n->disk_size;
		out[i].vm_clock_ns = n->vm_clock_ns;
		out[i].date_sec = n->date_sec;
		out[i].date_nsec = n->date_nsec;
		out[i].icount = n->icount;
		out[i].has_icount = n->icount != UINT64_MAX;
	}
	*list = out;
	*count = s->snapshot_count;
	return 0;
}

static int write_l1_copy(struct blk *b, const uint64_t *l1, uint32_t entries, bool flags, uint64_t *offset)
{
	struct qcow2 *s = b->state;
	uint64_t clusters = qcow2_clusters(s, (uint64_t)entries * 8), at;
	uint64_t *buf;
	int r;

	*offset = 0;
	if (!clusters)
		clusters = 1;
	if ((r = qcow2_alloc_exact(b, clusters, &at, NULL)))
		return r;
	buf = calloc(clusters, s->cluster_size);
	if (!buf)
		return -ENOMEM;
	for (uint32_t i = 0; i < entries; i++)
		be64_put(&buf[i], flags ? l1[i] : l1[i] & ~QCOW2_COPIED);
	r = blk_pwrite(b->file, at, clusters << s->cluster_bits, buf);
	free(buf);
	if (!r)
		r = blk_flush(b->file);
	*offset = at;
	return r;
}

int qcow2_snapshot_create(struct blk *b, struct blk_snapshot *sn, struct err *e)
{
	struct qcow2 *s = b->state;
	struct qcow2_snapshot n = {0}, *list;
	unsigned long largest = 0;
	struct blk_geometry g;
	int r;

	if (s->snapshot_count >= QCOW2_MAX_SNAPSHOTS)
		return err_set(e, EFBIG, "The image has %u snapshots, the limit", QCOW2_MAX_SNAPSHOTS);
	for (uint32_t i = 0; i < s->snapshot_count; i++) {
		unsigned long v = strtoul(s->snapshots[i].id, NULL, 10);
		largest = v > largest ? v : largest;
	}
	snprintf(sn->id, sizeof sn->id, "%lu", largest + 1);
	if ((r = begin(b, e)))
		return r;
	n.id = strdup(sn->id);
	n.name = strdup(sn->name);
	n.vm_state_size = sn->vm_state_size;
	n.disk_size = s->disk_size;
	n.vm_clock_ns = sn->vm_clock_ns;
	n.date_sec = sn->date_sec;
	n.date_nsec = sn->date_nsec;
	n.icount = sn->has_icount ? sn->icount : UINT64_MAX;
	n.l1_size = s->l1_size;
	list = realloc(s->snapshots, (s->snapshot_count + 1) * sizeof *list);
	if (!n.id || !n.name || !list) {
		r = err_errno(e, ENOMEM, "snapshot");
		goto out;
	}
	s->snapshots = list;
	if ((r = write_l1_copy(b, s->l1, s->l1_size, false, &n.l1_offset))) {
		err_errno(e, -r, "Could not write the L1 table of the snapshot");
		goto out;
	}
	if ((r = qcow2_update_tree(b, s->l1, s->l1_size, 1, true, e)))
		goto out;
	if ((r = blk_flush(b->file))) {
		err_errno(e, -r, "Could not flush the image");
		goto out;
	}
	list[s->snapshot_count++] = n;
	r = qcow2_snapshots_write(b, e);
	if (r)
		s->snapshot_count--;
	else
		memset(&n, 0, sizeof n);
out:
	snapshot_free(&n);
	r = finish(b, r, e);
	/* The VM state belongs to the snapshot now; in the active layer it would only be copied on the next write. */
	if (!r && sn->vm_state_size) {
		b->fmt->geometry(b, &g);
		r = qcow2_discard_range(b, g.vm_state_offset, round_up64(sn->vm_state_size, s->cluster_size), true);
		if (!r)
			r = blk_flush(b);
		if (r)
			err_errno(e, -r, "Could not drop the VM state of the active layer");
	}
	return r;
}

int qcow2_snapshot_delete(struct blk *b, const char *id, struct err *e)
{
	struct qcow2 *s = b->state;
	struct qcow2_snapshot n;
	uint64_t *l1 = NULL;
	int i = find(s, id), r;

	if (i < 0)
		return err_set(e, ENOENT, "Can't find the snapshot");
	if ((r = begin(b, e)))
		return r;
	n = s->snapshots[i];
	if ((r = qcow2_l1_load(b, n.l1_offset, n.l1_size, &l1, e)))
		goto out;
	memmove(&s->snapshots[i], &s->snapshots[i + 1], (s->snapshot_count - (unsigned)i - 1) * sizeof n);
	s->snapshot_count--;
	if ((r = qcow2_snapshots_write(b, e))) {
		memmove(&s->snapshots[i + 1], &s->snapshots[i], (s->snapshot_count - (unsigned)i) * sizeof n);
		s->snapshots[i] = n;
		s->snapshot_count++;
		goto out;
	}
	snapshot_free(&n);
	if (!(r = qcow2_update_tree(b, l1, n.l1_size, -1, false, e)) &&
	    !(r = qcow2_free_later(b, n.l1_offset, qcow2_clusters(s, n.l1_size ? (uint64_t)n.l1_size * 8 : 1))))
		r = qcow2_update_tree(b, s->l1, s->l1_size, 0, true, e);
	qcow2_cache_clear(&s->l2_cache);
out:
	free(l1);
	return finish(b, r, e);
}

int qcow2_snapshot_apply(struct blk *b, const char *id, struct err *e)
{
	struct qcow2 *s = b->state;
	int i = find(s, id), r;
	uint64_t *l1 = NULL, *old = NULL, at, old_at, size;
	uint32_t entries, old_entries;
	uint8_t patch[24];

	if (i < 0)
		return err_set(e, ENOENT, "Can't find snapshot");
	if (s->bitmap_count && (r = qcow2_before_write(b)))
		return err_errno(e, -r, "cannot mark the bitmaps");
	if ((r = begin(b, e)))
		return r;
	size = s->snapshots[i].disk_size;
	if (s->version < 3 && size != s->disk_size) {
		r = err_set(e, ENOTSUP, "The snapshot has another disk size (%" PRIu64 " bytes), which a v2 image does not support", size);
		goto out;
	}
	entries = s->snapshots[i].l1_size;
	if (entries < qcow2_l1_needed(size, s->cluster_bits, s->sub_count > 1)) {
		r = err_set(e, EINVAL, "The L1 table of the snapshot is too small for its disk size");
		goto out;
	}
	if ((r = qcow2_l1_load(b, s->snapshots[i].l1_offset, entries, &l1, e)) ||
	    (r = qcow2_update_tree(b, l1, entries, 1, false, e)))
		goto out;
	for (uint32_t k = 0; k < entries; k++)
		l1[k] &= ~QCOW2_COPIED;
	if ((r = write_l1_copy(b, l1, entries, true, &at))) {
		err_errno(e, -r, "Could not write the new L1 table");
		goto out;
	}
	/* disk size, encryption method, L1 size and offset: bytes 24 to 47, one write */
	be64_put(patch, size);
	be32_put(patch + 8, s->crypt_method);
	be32_put(patch + 12, entries);
	be64_put(patch + 16, at);
	if ((r = qcow2_header_patch(b, 24, patch, 24)) || (r = blk_flush(b->file))) {
		err_errno(e, -r, "Could not write the image header");
		goto out;
	}
	old = s->l1;
	old_entries = s->l1_size;
	old_at = s->l1_offset;
	s->l1 = l1;
	s->l1_size = entries;
	s->l1_offset = at;
	s->disk_size = b->size = size;
	/* Other contents: everything counts as written. */
	if (blk_dirty_list(b) && (r = blk_dirty_resize(b, size))) {
		err_errno(e, -r, "the dirty bitmaps");
		goto out;
	}
	blk_dirty_mark(b, 0, size);
	l1 = NULL;
	qcow2_cache_clear(&s->l2_cache);
	pthread_mutex_lock(&s->inflate_lock);
	s->inflated_entry = 0;
	pthread_mutex_unlock(&s->inflate_lock);
	if (!(r = qcow2_update_tree(b, old, old_entries, -1, false, e)) &&
	    !(r = qcow2_free_later(b, old_at, qcow2_clusters(s, old_entries ? (uint64_t)old_entries * 8 : 1))))
		r = qcow2_update_tree(b, s->l1, s->l1_size, 0, true, e);
out:
	free(l1);
	free(old);
	return finish(b, r, e);
}

int qcow2_snapshot_load(struct blk *b, const char *id, struct err *e)
{
	struct qcow2 *s = b->state;
	int i = find(s, id), r;
	uint64_t *l1;

	if (i < 0)
		return err_set(e, ENOENT, "Can't find snapshot");
	if (blk_writable(b))
		return err_set(e, EACCES, "A snapshot can only be read: open the image read-only");
	if (s->snapshots[i].l1_size < qcow2_l1_needed(s->snapshots[i].disk_size, s->cluster_bits, s->sub_count > 1))
		return err_set(e, EINVAL, "The L1 table of the snapshot is too small for its disk size");
	if ((r = qcow2_l1_load(b, s->snapshots[i].l1_offset, s->snapshots[i].l1_size, &l1, e)))
		return r;
	free(s->l1);
	s->l1 = l1;
	s->l1_size = s->snapshots[i].l1_size;
	s->disk_size = b->size = s->snapshots[i].disk_size;
	return 0;
}
