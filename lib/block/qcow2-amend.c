/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Changing what an existing qcow2 image is: version, refcount width, flags, size, backing file. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "block/qcow2.h"

const struct blk_option qcow2_amend_options[] = {
	{"encrypt.state", BLK_OPT_STRING, "Select new state of affected keyslots (active/inactive)", NULL, NULL},
	{"encrypt.new-secret", BLK_OPT_STRING, "New secret to set in the matching keyslots. Empty string to erase", NULL, NULL},
	{"encrypt.old-secret", BLK_OPT_STRING, "Select all keyslots that match this password", NULL, NULL},
	{"encrypt.keyslot", BLK_OPT_NUMBER, "Select a single keyslot to modify explicitly", NULL, NULL},
	{"encrypt.iter-time", BLK_OPT_NUMBER, "Time to spend in PBKDF in milliseconds", NULL, NULL},
	{"size", BLK_OPT_SIZE, "Virtual disk size", NULL, NULL},
	{"compat", BLK_OPT_STRING, "Compatibility level (v2 [0.10] or v3 [1.1])", NULL, NULL},
	{"backing_file", BLK_OPT_STRING, "File name of a base image", NULL, NULL},
	{"backing_fmt", BLK_OPT_STRING, "Image format of the base image", NULL, NULL},
	{"data_file", BLK_OPT_STRING, "File name of an external data file", NULL, NULL},
	{"data_file_raw", BLK_OPT_BOOL, "The external data file must stay valid as a raw image", NULL, NULL},
	{"lazy_refcounts", BLK_OPT_BOOL, "Postpone refcount updates", NULL, NULL},
	{"refcount_bits", BLK_OPT_NUMBER, "Width of a reference count entry in bits", NULL, NULL},
	{.name = NULL},
};

/* Zero flags do not exist in version 2: such clusters are dropped, or written as zeros over a backing file. */
static int expand_zeroes(struct blk *b, blk_progress *cb, void *opaque, struct err *e)
{
	struct qcow2 *s = b->state;
	uint64_t at = 0;
	void *zero = calloc(1, s->cluster_size);
	int r = 0;

	if (!zero)
		return err_errno(e, ENOMEM, "zero clusters");
	while (at < s->disk_size && !r) {
		struct qcow2_extent x;
		uint64_t n;
		pthread_mutex_lock(&b->lock);
		r = qcow2_map(b, at, s->disk_size - at, &x);
		pthread_mutex_unlock(&b->lock);
		if (r)
			break;
		n = x.length;
		if (x.kind == QCOW2_ZERO_PLAIN || x.kind == QCOW2_ZERO_ALLOCATED) {
			if (!b->backing_name) {
				r = qcow2_discard_range(b, at, n, true);
			} else {
				for (uint64_t k = 0; k < n && !r; k += s->cluster_size) {
					uint64_t m = n - k < s->cluster_size ? n - k : s->cluster_size;
					r = qcow2_write(b, at + k, m, zero);
				}
			}
		}
		at += n;
		if (cb && !cb(opaque, at, s->disk_size))
			r = -ECANCELED;
	}
	free(zero);
	return r ? err_errno(e, -r, "Could not expand zero clusters") : 0;
}

static int to_version(struct blk *b, uint32_t version, blk_progress *cb, void *opaque, struct err *e)
{
	struct qcow2 *s = b->state;
	int r;

	if (version == s->version)
		return 0;
	if (version == 3) {
		s->version = 3;
		s->header_length = 112;
		s->refcount_order = 4;
		pthread_mutex_lock(&b->lock);
		if ((r = qcow2_header_write(b, e)))
			s->version = 2;
		pthread_mutex_unlock(&b->lock);
		return r;
	}
	if (s->incompatible & QCOW2_INCOMPAT_DATA_FILE)
		return err_set(e, ENOTSUP, "Cannot downgrade an image with a data file");
	if (s->incompatible & ~(uint64_t)QCOW2_INCOMPAT_DIRTY)
		return err_set(e, ENOTSUP, "Cannot downgrade an image with incompatible features set (%#" PRIx64 ")", s->incompatible);
	if (s->refcount_order != 4)
		return err_set(e, ENOTSUP, "compat=0.10 requires refcount_bits=16");
	if (s->bitmap_count)
		return err_set(e, ENOTSUP, "Cannot downgrade an image with bitmaps");
	for (uint32_t i = 0; i < s->snapshot_count; i++)
		if (s->snapshots[i].disk_size != s->disk_size || s->snapshots[i].vm_state_size > UINT32_MAX)
			return err_set(e, ENOTSUP, "Internal snapshots prevent downgrade of image");
	if ((r = expand_zeroes(b, cb, opaque, e)))
		return r;
	if ((r = blk_flush(b)))
		return err_errno(e, -r, "Could not flush the image");
	s->version = 2;
	s->header_length = 72;
	s->compatible = s->autoclear = 0;
	pthread_mutex_lock(&b->lock);
	if ((r = qcow2_header_write(b, e)))
		s->version = 3;
	pthread_mutex_unlock(&b->lock);
	return r;
}

/* New blocks of another width behind the end of the file, then the header is switched over, then the old ones go. */
static int to_width(struct blk *b, uint32_t order, struct err *e)
{
	struct qcow2 *s = b->state;
	uint64_t used = qcow2_clusters(s, b->file->size), per = s->cluster_size * 8 >> order, blocks = 0, table = 0, last, total;
	uint64_t max = order == 6 ? UINT64_MAX : (1ull << (1u << order)) - 1, old_offset = s->reftable_offset;
	uint64_t old_entries = s->reftable_entries, *old = s->reftable, *entries;
	uint32_t old_clusters = s->reftable_clusters, old_order = s->refcount_order;
	struct qcow2 next = {.refcount_order = order};
	uint8_t *buf;
	int r = 0;

	do {
		last = blocks + table;
		blocks = (used + last + per - 1) / per;
		table = (blocks * 8 + s->cluster_size - 1) >> s->cluster_bits;
	} while (blocks + table != last);
	if (table << s->cluster_bits > QCOW2_MAX_REFTABLE_BYTES)
		return err_set(e, EFBIG, "The refcount table would be larger than %u bytes", QCOW2_MAX_REFTABLE_BYTES);
	total = used + blocks + table;
	entries = calloc(table, s->cluster_size);
	buf = malloc(s->cluster_size);
	if (!entries || !buf) {
		free(entries);
		free(buf);
		return err_errno(e, ENOMEM, "refcount table");
	}
	for (uint64_t i = 0; i < blocks && !r; i++) {
		memset(buf, 0, s->cluster_size);
		for (uint64_t j = 0; j < per && i * per + j < total && !r; j++) {
			uint64_t c = i * per + j, v = 1;
			if (c < used && (r = qcow2_refcount_get(b, c, &v)))
				err_errno(e, -r, "Could not read a refcount block");
			else if (v > max)
				r = err_set(e, ERANGE, "Cannot decrease refcount entry width to %u bits: Cluster at offset %#" PRIx64
					       " has a refcount of %" PRIu64, 1u << order, c << s->cluster_bits, v);
			else
				qcow2_count_write(&next, buf, j, v);
		}
		if (!r && (r = blk_pwrite(b->file, (used + table + i) << s->cluster_bits, s->cluster_size, buf)))
			err_errno(e, -r, "Could not write a refcount block");
		be64_put(&entries[i], (used + table + i) << s->cluster_bits);
	}
	free(buf);
	if (!r && ((r = blk_pwrite(b->file, used << s->cluster_bits, table << s->cluster_bits, entries)) || (r = blk_flush(b->file))))
		err_errno(e, -r, "Could not write the refcount table");
	if (r) {
		free(entries);
		return r;
	}
	for (uint64_t i = 0; i < table * s->cluster_size / 8; i++)
		entries[i] = be64_get(&entries[i]);
	s->reftable = entries;
	s->reftable_entries = table * s->cluster_size / 8;
	s->reftable_offset = used << s->cluster_bits;
	s->reftable_clusters = (uint32_t)table;
	s->refcount_order = order;
	s->refcount_bits = 1u << order;
	s->refblock_entries = per;
	s->fresh_from = total << s->cluster_bits;
	qcow2_cache_clear(&s->refcount_cache);
	if ((r = qcow2_header_write(b, e))) { /* one write: offset, clusters and width lie in the first sector */
		free(entries);
		s->reftable = old;
		s->reftable_entries = old_entries;
		s->reftable_offset = old_offset;
		s->reftable_clusters = old_clusters;
		s->refcount_order = old_order;
		s->refcount_bits = 1u << old_order;
		s->refblock_entries = s->cluster_size * 8 >> old_order;
		return r;
	}
	for (uint64_t i = 0; i < old_entries && !r; i++)
		if (old[i] & ~511ull)
			r = qcow2_free_later(b, old[i] & ~511ull, 1);
	if (!r)
		r = qcow2_free_later(b, old_offset, old_clusters);
	free(old);
	return r ? err_errno(e, -r, "Could not free the old refcount blocks") : 0;
}

int qcow2_amend(struct blk *b, struct blk_opts *o, bool force, blk_progress *cb, void *opaque, struct err *e)
{
	struct qcow2 *s = b->state;
	const char *compat = blk_opts_has(o, "compat") ? blk_opts_string(o, "compat") : NULL;
	uint32_t version = s->version;
	uint64_t bits = s->refcount_bits;
	int r;

	for (const struct blk_option *t = qcow2_amend_options; t->name; t++)
		if (!strncmp(t->name, "encrypt.", 8) && blk_opts_has(o, t->name)) {
			if ((r = qcow2_crypt_amend(b, o, force, e)))
				return r;
			break;
		}
	if (compat) {
		if (!strcmp(compat, "0.10") || !strcmp(compat, "v2"))
			version = 2;
		else if (!strcmp(compat, "1.1") || !strcmp(compat, "v3"))
			version = 3;
		else
			return err_set(e, EINVAL, "Unknown compatibility level %s", compat);
	}
	if (blk_opts_has(o, "refcount_bits")) {
		bits = blk_opts_number(o, "refcount_bits", 16);
		if (bits < 1 || bits > 64 || (bits & (bits - 1)))
			return err_set(e, EINVAL, "Refcount width must be a power of two and may not exceed 64 bits");
		if (bits != 16 && version < 3)
			return err_set(e, EINVAL, "Refcount widths other than 16 bits require compatibility level 1.1 or above (use compat=1.1 "
						  "or greater)");
	}
	if (blk_opts_has(o, "data_file") && !(s->incompatible & QCOW2_INCOMPAT_DATA_FILE))
		return err_set(e, EINVAL, "data-file can only be set for images that use an external data file");
	if (blk_opts_has(o, "data_file_raw") &&
	    blk_opts_bool(o, "data_file_raw", false) && !(s->autoclear & QCOW2_AUTOCLEAR_RAW_DATA_FILE))
		return err_set(e, EINVAL, "data-file-raw cannot be set on existing images");
	if (version == 3 && (r = to_version(b, 3, cb, opaque, e)))
		return r;
	if (bits != s->refcount_bits) {
		if ((r = blk_flush(b)))
			return err_errno(e, -r, "Could not flush the image");
		pthread_mutex_lock(&b->lock);
		if (!(r = qcow2_unreserve(b)))
			r = to_width(b, (uint32_t)__builtin_ctzll(bits), e);
		pthread_mutex_unlock(&b->lock);
		if (r)
			return r;
	}
	if (blk_opts_has(o, "data_file")) {
		free(s->data_file_name);
		s->data_file_name = strdup(blk_opts_string(o, "data_file"));
		if ((r = qcow2_header_write(b, e)))
			return r;
	}
	if (blk_opts_has(o, "data_file_raw") && !blk_opts_bool(o, "data_file_raw", true)) {
		s->autoclear &= ~(uint64_t)QCOW2_AUTOCLEAR_RAW_DATA_FILE;
		if ((r = qcow2_header_write(b, e)))
			return r;
	}
	if (blk_opts_has(o, "backing_file") || blk_opts_has(o, "backing_fmt")) {
		const char *name = blk_opts_has(o, "backing_file") ? blk_opts_string(o, "backing_file") : b->backing_name;
		const char *fmt = blk_opts_has(o, "backing_fmt") ? blk_opts_string(o, "backing_fmt") : b->backing_fmt;
		char *n = name ? strdup(name) : NULL, *f = fmt ? strdup(fmt) : NULL;
		r = b->fmt->change_backing(b, n, f, e);
		free(n);
		free(f);
		if (r)
			return r;
	}
	if (blk_opts_has(o, "lazy_refcounts")) {
		bool lazy = blk_opts_bool(o, "lazy_refcounts", false);
		if (lazy && s->version < 3)
			return err_set(e, EINVAL, "Lazy refcounts only supported with compatibility level 1.1 and above (use compat=1.1 or "
						  "greater)");
		s->compatible = lazy ? s->compatible | QCOW2_COMPAT_LAZY_REFCOUNTS : s->compatible & ~(uint64_t)QCOW2_COMPAT_LAZY_REFCOUNTS;
		if (s->version >= 3 && (r = qcow2_header_write(b, e)))
			return r;
	}
	if (blk_opts_has(o, "size") && (r = blk_truncate(b, blk_opts_size(o, "size", b->size), BLK_PREALLOC_OFF, e)))
		return r;
	if (version == 2 && (r = to_version(b, 2, cb, opaque, e)))
		return r;
	if (cb)
		cb(opaque, 1, 1);
	r = blk_flush(b);
	return r ? err_errno(e, -r, "Could not flush the image") : 0;
}
