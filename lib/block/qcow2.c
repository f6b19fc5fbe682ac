/* SPDX-License-Identifier: GPL-2.0-or-later */
/* qcow2: opening, closing, what it tells of itself, and the record. See qcow2.h. */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include "block/core.h"
#include "block/dirty.h"
#include "block/qcow2.h"
#include "crypto/cipher.h"

#define L2_CACHE_DEFAULT (8u << 20)
#define REFCOUNT_CACHE_DEFAULT (1u << 20)

void qcow2_mark_corrupt(struct blk *b, const char *fmt, ...)
{
	struct qcow2 *s = b->state;
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	if (s->corrupt_marked)
		return;
	if (!blk_writable(b)) {
		blk_warn(b->graph, "%s: Image is corrupt: %s; further non-fatal corruption events will be suppressed", b->filename, text);
		s->corrupt_marked = true;
		return;
	}
	blk_warn(b->graph, "%s: Marking image as corrupt: %s; further corruption events will be suppressed", b->filename, text);
	s->corrupt_marked = true;
	if (!(b->flags & BLK_CHECK))
		qcow2_set_incompatible(b, QCOW2_INCOMPAT_CORRUPT, true);
}

static bool overlaps(uint64_t a, uint64_t alen, uint64_t b, uint64_t blen)
{
	return alen && blen && a < b + blen && b < a + alen;
}

/* Does a table of a snapshot lie there? The L1 tables are read from the file. */
static bool hits_inactive_l2(struct blk *b, uint64_t offset, uint64_t length)
{
	struct qcow2 *s = b->state;
	bool hit = false;

	for (uint32_t i = 0; !hit && i < s->snapshot_count; i++) {
		uint64_t *l1;
		if (qcow2_l1_load(b, s->snapshots[i].l1_offset, s->snapshots[i].l1_size, &l1, NULL))
			continue; /* damaged: check says so */
		for (uint32_t k = 0; !hit && k < s->snapshots[i].l1_size; k++)
			hit = (l1[k] & QCOW2_L1_OFFSET_MASK) && overlaps(offset, length, l1[k] & QCOW2_L1_OFFSET_MASK, s->cluster_size);
		free(l1);
	}
	return hit;
}

/* what == NULL: guest data in place, only the checks of constant cost. b->lock held. */
int qcow2_overlap_check(struct blk *b, uint64_t offset, uint64_t length, const char *what)
{
	struct qcow2 *s = b->state;
	unsigned on = s->overlap_checks;
	const char *hit = NULL;

	if (!on || (!what && s->data != b->file))
		return 0;
	if (on & QCOW2_OVERLAP_HEADER && overlaps(offset, length, 0, s->cluster_size))
		hit = "qcow2_header";
	else if (on & QCOW2_OVERLAP_L1 && overlaps(offset, length, s->l1_offset, (uint64_t)s->l1_size * 8))
		hit = "active L1 table";
	else if (on & QCOW2_OVERLAP_REFTABLE && overlaps(offset, length, s->reftable_offset, s->reftable_entries * 8))
		hit = "refcount table";
	else if (on & QCOW2_OVERLAP_SNAPSHOTS && overlaps(offset, length, s->snapshots_offset, s->snapshots_size))
		hit = "snapshot table";
	else if (on & QCOW2_OVERLAP_BITMAPS && s->bitmap_count &&
		 overlaps(offset, length, s->bitmap_directory_offset, s->bitmap_directory_size))
		hit = "bitmap directory";
	for (uint32_t i = 0; !hit && on & QCOW2_OVERLAP_INACTIVE_L1 && i < s->snapshot_count; i++)
		if (overlaps(offset, length, s->snapshots[i].l1_offset, (uint64_t)s->snapshots[i].l1_size * 8))
			hit = "inactive L1 table";
	for (uint64_t i = 0; !hit && what && on & QCOW2_OVERLAP_REFBLOCK && i < s->reftable_entries; i++)
		if ((s->reftable[i] & ~511ull) && overlaps(offset, length, s->reftable[i] & ~511ull, s->cluster_size))
			hit = "refcount block";
	for (uint32_t i = 0; !hit && what && on & QCOW2_OVERLAP_L2 && i < s->l1_size; i++)
		if ((s->l1[i] & QCOW2_L1_OFFSET_MASK) && overlaps(offset, length, s->l1[i] & QCOW2_L1_OFFSET_MASK, s->cluster_size))
			hit = "active L2 table";
	if (!hit && what && on & QCOW2_OVERLAP_INACTIVE_L2 && hits_inactive_l2(b, offset, length))
		hit = "inactive L2 table";
	if (!hit)
		return 0;
	qcow2_mark_corrupt(b, "Preventing invalid write on metadata (overlaps with %s)", hit);
	return -EIO;
}

int qcow2_l1_load(struct blk *b, uint64_t offset, uint32_t entries, uint64_t **l1, struct err *e)
{
	uint64_t *t = malloc(entries ? (size_t)entries * 8 : 8);
	int r;

	if (!t)
		return err_errno(e, ENOMEM, "L1 table");
	if (entries && (r = blk_pread_what(b->file, offset, (size_t)entries * 8, t, "L1 table", e))) {
		free(t);
		return r;
	}
	for (uint32_t i = 0; i < entries; i++)
		t[i] = be64_get(&t[i]);
	*l1 = t;
	return 0;
}

/* The template, and what is said of each kind. */
static unsigned overlap_bits(const struct blk_opts *o)
{
	static const struct {
		const char *name;
		unsigned bit;
	} each[] = {
		{"overlap-check.main-header", QCOW2_OVERLAP_HEADER}, {"overlap-check.active-l1", QCOW2_OVERLAP_L1},
		{"overlap-check.active-l2", QCOW2_OVERLAP_L2}, {"overlap-check.refcount-table", QCOW2_OVERLAP_REFTABLE},
		{"overlap-check.refcount-block", QCOW2_OVERLAP_REFBLOCK}, {"overlap-check.snapshot-table", QCOW2_OVERLAP_SNAPSHOTS},
		{"overlap-check.inactive-l1", QCOW2_OVERLAP_INACTIVE_L1}, {"overlap-check.inactive-l2", QCOW2_OVERLAP_INACTIVE_L2},
		{"overlap-check.bitmap-directory", QCOW2_OVERLAP_BITMAPS},
	};
	const char *mode = blk_opts_string(o, "overlap-check");
	unsigned bits;

	if (!mode)
		mode = blk_opts_string(o, "overlap-check.template");
	bits = !mode || !strcmp(mode, "cached") ? QCOW2_OVERLAP_CACHED : !strcmp(mode, "none") ? 0 :
	       !strcmp(mode, "constant") ? QCOW2_OVERLAP_CONSTANT : QCOW2_OVERLAP_ALL;
	for (size_t i = 0; i < sizeof each / sizeof *each; i++)
		bits = blk_opts_bool(o, each[i].name, bits & each[i].bit) ? bits | each[i].bit : bits & ~each[i].bit;
	return bits;
}

static int parse_runtime(struct blk *b, struct err *e)
{
	struct qcow2 *s = b->state;
	uint64_t total = blk_opts_size(b->opts, "cache-size", 0), entry = blk_opts_size(b->opts, "l2-cache-entry-size", s->cluster_size);
	bool l2_given = blk_opts_has(b->opts, "l2-cache-size"), ref_given = blk_opts_has(b->opts, "refcount-cache-size");
	uint64_t l2 = blk_opts_size(b->opts, "l2-cache-size", 0), ref = blk_opts_size(b->opts, "refcount-cache-size", 0);

	if (total && l2_given && ref_given)
		return err_set(e, EINVAL, "cache-size, l2-cache-size and refcount-cache-size may not be set at the same time");
	if (total && l2_given && l2 > total)
		return err_set(e, EINVAL, "l2-cache-size may not exceed cache-size");
	if (total && ref_given && ref > total)
		return err_set(e, EINVAL, "refcount-cache-size may not exceed cache-size");
	if (total && l2_given)
		ref = total - l2;
	else if (total && ref_given)
		l2 = total - ref;
	else if (total)
		l2 = total * 4 / 5, ref = total / 5;
	if (!l2)
		l2 = L2_CACHE_DEFAULT;
	if (!ref)
		ref = REFCOUNT_CACHE_DEFAULT;
	/* Tables are cached whole here, whatever is asked for. */
	if (entry < 512 || entry > s->cluster_size || (entry & (entry - 1)))
		return err_set(e, EINVAL, "L2 cache entry size must be a power of two between 512 and the cluster size (%" PRIu64 ")", s->cluster_size);
	if (blk_opts_number(b->opts, "cache-clean-interval", 0) > UINT32_MAX)
		return err_set(e, EINVAL, "Cache clean interval too big");
	if (blk_opts_bool(b->opts, "lazy-refcounts", false) && s->version < 3)
		return err_set(e, EINVAL, "Lazy refcounts require a qcow2 image with at least qemu 1.1 compatibility level");
	s->overlap_checks = overlap_bits(b->opts);
	s->discard_passed[0] = blk_opts_bool(b->opts, "pass-discard-request", b->flags & BLK_UNMAP);
	s->discard_passed[1] = blk_opts_bool(b->opts, "pass-discard-snapshot", true);
	s->discard_passed[2] = blk_opts_bool(b->opts, "pass-discard-other", false);
	if (qcow2_cache_init(&s->l2_cache, s->cluster_size, l2 > 1ull << 32 ? 1ull << 32 : l2) ||
	    qcow2_cache_init(&s->refcount_cache, s->cluster_size, ref > 1ull << 30 ? 1ull << 30 : ref))
		return err_errno(e, ENOMEM, "table caches");
	return 0;
}

static int open_data_file(struct blk *b, struct err *e)
{
	struct qcow2 *s = b->state;
	unsigned flags = b->flags & ~(unsigned)(BLK_WRITETHROUGH | BLK_DETECT_ZEROES | BLK_COPY_ON_READ | BLK_NO_BACKING | BLK_CHECK);
	int r;

	s->data = b->file;
	if (!(s->incompatible & QCOW2_INCOMPAT_DATA_FILE)) {
		if (blk_child_given(b, "data-file"))
			return err_set(e, EINVAL, "'data-file' can only be set for images with an external data file");
		return 0;
	}
	if (!s->data_file_name && !blk_child_given(b, "data-file"))
		return err_set(e, EINVAL, "'data-file' is required for this image");
	if ((b->flags & BLK_NO_IO) && !blk_child_given(b, "data-file")) {
		struct err ignored;
		if (blk_open_child(b, "data-file", s->data_file_name, "file", flags, &s->data, &ignored))
			s->data = NULL; /* nothing of it is read */
		return 0;
	}
	const struct blk_format *protocol = NULL; /* its format is never guessed: it is plain data */
	if (s->data_file_name && !(protocol = blk_protocol_of(s->data_file_name, e)))
		return err_prefix(e, "Could not open external data file");
	r = blk_open_child(b, "data-file", s->data_file_name, protocol ? protocol->name : NULL, flags, &s->data, e);
	if (r)
		return err_prefix(e, "Could not open external data file");
	return 0;
}

static int mend(struct blk *b, struct err *e)
{
	struct blk_check c = {.quiet = true};
	int r = qcow2_check(b, &c, BLK_FIX_ERRORS | BLK_FIX_LEAKS, e);

	if (!r && (c.check_errors || c.corruptions > c.corruptions_fixed))
		r = err_set(e, EIO, "The image is marked dirty and could not be repaired; try check -r all");
	if (r)
		return err_prefix(e, "Could not repair dirty image");
	return 0;
}

static int qcow2_open(struct blk *b, struct err *e)
{
	struct qcow2 *s = b->state;
	int r;

	pthread_rwlock_init(&s->io, NULL);
	pthread_cond_init(&s->busy_gone, NULL);
	pthread_cond_init(&s->barrier_over, NULL);
	pthread_mutex_init(&s->barrier_lock, NULL);
	pthread_mutex_init(&s->inflate_lock, NULL);
	if ((r = qcow2_header_read(b, e)))
		return r;
	if (blk_writable(b) && (s->incompatible & QCOW2_INCOMPAT_CORRUPT) && !(b->flags & BLK_CHECK))
		return err_set(e, EACCES, "qcow2: Image is corrupt; cannot be opened read/write"),
		       err_hint(e, "Repair it with: %s check -r all %s", err_program(), b->filename);
#ifndef HAVE_ZSTD
	if (s->compression_type == QCOW2_COMPRESS_ZSTD)
		return err_set(e, ENOTSUP, "zstd compression is not built in; it needs the package libzstd-dev at build time");
#endif
	b->size = s->disk_size;
	b->zero_align = (uint32_t)s->sub_size;
	b->align = s->crypt_method ? BLK_SECTOR : 1;
	if (b->file->align > b->align)
		b->align = b->file->align;
	b->supports_compressed = !(s->incompatible & QCOW2_INCOMPAT_DATA_FILE);
	s->fresh_from = (b->file->fmt->flags & BLK_F_GROWS) ? round_up64(b->file->size, s->cluster_size) : UINT64_MAX;
	if ((r = parse_runtime(b, e)) || (r = qcow2_l1_load(b, s->l1_offset, s->l1_size, &s->l1, e)) ||
	    (r = qcow2_reftable_read(b, e)) || (r = qcow2_snapshots_read(b, e)) || (r = open_data_file(b, e)))
		return r;
	if (s->data && s->data->align > b->align)
		b->align = s->data->align;
	if ((r = qcow2_bitmaps_read(b, e)))
		return r;
	if (s->crypt_method) {
		b->encrypted = true;
		if (!(b->flags & BLK_NO_IO) || s->crypt_method == QCOW2_CRYPT_LUKS)
			if ((r = qcow2_crypt_open(b, e)))
				return r;
	}
	if (blk_writable(b) && !(b->flags & BLK_CHECK)) {
		uint64_t known = QCOW2_AUTOCLEAR_BITMAPS | QCOW2_AUTOCLEAR_RAW_DATA_FILE;
		if (s->autoclear & ~known) { /* a writer that does not know them must clear them first */
			s->autoclear &= known;
			if ((r = qcow2_header_write(b, e)))
				return r;
		}
		if ((s->incompatible & QCOW2_INCOMPAT_DIRTY) && (r = mend(b, e)))
			return r;
	}
	if (s->bitmap_count && !(b->flags & (BLK_CHECK | BLK_NO_IO)) && (blk_writable(b) || b->graph->live || b->flags & BLK_BITMAPS) &&
	    (r = qcow2_dirty_load(b, e)))
		return r;
	if (!(b->flags & (BLK_CHECK | BLK_NO_IO)))
		s->clean_interval = blk_opts_number(b->opts, "cache-clean-interval", 0);
	return 0;
}

static void qcow2_close(struct blk *b)
{
	struct qcow2 *s = b->state;

	qcow2_cleaner_end(b);
	if (blk_writable(b) && s->l1 && s->reftable && !s->corrupt_marked) {
		struct err e = ERR_INIT;
		if (!b->core->bad && !(b->flags & BLK_CHECK) && (s->bitmap_count || blk_dirty_list(b)) && qcow2_dirty_store(b, &e))
			blk_warn(b->graph, "%s", e.msg);
		if (s->pending_count)
			qcow2_free_pending(b);
		pthread_mutex_lock(&b->lock);
		qcow2_unreserve(b);
		pthread_mutex_unlock(&b->lock);
	}
	qcow2_crypt_close(b);
	qcow2_cache_free(&s->l2_cache);
	qcow2_cache_free(&s->refcount_cache);
	qcow2_snapshots_free(s);
	qcow2_bitmaps_free(s);
	qcow2_extensions_free(s);
	free(s->data_file_name);
	free(s->l1);
	free(s->reftable);
	free(s->pending);
	free(s->inflated);
	pthread_mutex_destroy(&s->inflate_lock);
	pthread_cond_destroy(&s->busy_gone);
	pthread_cond_destroy(&s->barrier_over);
	pthread_mutex_destroy(&s->barrier_lock);
	pthread_rwlock_destroy(&s->io);
}

static int qcow2_reopen(struct blk *b, bool writable, struct err *e)
{
	struct qcow2 *s = b->state;
	int r = 0;

	if (writable) {
		if (s->incompatible & QCOW2_INCOMPAT_CORRUPT)
			return err_set(e, EACCES, "qcow2: Image is corrupt; cannot be opened read/write");
		pthread_mutex_lock(&b->lock);
		qcow2_cache_clear(&s->l2_cache);
		qcow2_cache_clear(&s->refcount_cache);
		pthread_mutex_unlock(&b->lock);
		s->fresh_from = (b->file->fmt->flags & BLK_F_GROWS) ? round_up64(b->file->size, s->cluster_size) : UINT64_MAX;
		return s->incompatible & QCOW2_INCOMPAT_DIRTY ? mend(b, e) : 0;
	}
	if ((s->bitmap_count || blk_dirty_list(b)) && (r = qcow2_dirty_store(b, e)))
		return r;
	if ((r = qcow2_flush_all(b)))
		return err_errno(e, -r, "%s", b->filename);
	pthread_mutex_lock(&b->lock);
	r = qcow2_unreserve(b);
	pthread_mutex_unlock(&b->lock);
	return r ? err_errno(e, -r, "%s", b->filename) : 0;
}

/* The first write of this opening: bitmaps that should have tracked it are marked as out of date. */
int qcow2_before_write(struct blk *b)
{
	return qcow2_bitmaps_mark(b, false);
}

int qcow2_bitmaps_mark(struct blk *b, bool disabled_too)
{
	struct qcow2 *s = b->state;
	int r = 0;

	pthread_mutex_lock(&b->lock);
	if (!s->wrote || disabled_too) {
		bool stale = false;
		for (uint32_t i = 0; i < s->bitmap_count; i++)
			if ((disabled_too || s->bitmaps[i].flags & QCOW2_BITMAP_AUTO) && !(s->bitmaps[i].flags & QCOW2_BITMAP_IN_USE)) {
				uint8_t word[4];
				uint64_t at = s->bitmap_directory_offset;
				s->bitmaps[i].flags |= QCOW2_BITMAP_IN_USE;
				for (uint32_t k = 0; k < i; k++)
					at += round_up64(24 + s->bitmaps[k].extra_size + strlen(s->bitmaps[k].name), 8);
				be32_put(word, s->bitmaps[i].flags);
				if ((r = blk_pwrite(b->file, at + 12, 4, word)))
					break;
				stale = true;
			}
		if (!r && stale)
			r = blk_flush(b->file);
		if (!r)
			__atomic_store_n(&s->wrote, true, __ATOMIC_RELEASE);
	}
	pthread_mutex_unlock(&b->lock);
	return r;
}

static void qcow2_geometry(struct blk *b, struct blk_geometry *g)
{
	struct qcow2 *s = b->state;

	g->cluster_size = s->cluster_size;
	g->subcluster_size = s->sub_size;
	g->vm_state_offset = qcow2_l1_needed(s->disk_size, s->cluster_bits, s->sub_count > 1) << (s->cluster_bits + s->l2_bits);
	g->dirty = s->incompatible & QCOW2_INCOMPAT_DIRTY;
	g->has_dirty_flag = true;
	g->no_bitmaps = s->version < 3;
}

static json_t *qcow2_info(struct blk *b, struct err *e)
{
	struct qcow2 *s = b->state;
	json_t *o = json_object(), *list, *crypt;

	(void)e;
	json_object_set_new(o, "compat", json_string(s->version == 2 ? "0.10" : "1.1"));
	json_object_set_new(o, "compression-type", json_string(s->compression_type ? "zstd" : "zlib"));
	if (s->version >= 3) {
		json_object_set_new(o, "lazy-refcounts", json_boolean(s->compatible & QCOW2_COMPAT_LAZY_REFCOUNTS));
		json_object_set_new(o, "refcount-bits", json_integer(s->refcount_bits));
		json_object_set_new(o, "corrupt", json_boolean(s->incompatible & QCOW2_INCOMPAT_CORRUPT));
		json_object_set_new(o, "extended-l2", json_boolean(s->incompatible & QCOW2_INCOMPAT_EXTENDED_L2));
		if (s->incompatible & QCOW2_INCOMPAT_DATA_FILE) {
			if (s->data_file_name)
				json_object_set_new(o, "data-file", json_string(s->data_file_name));
			json_object_set_new(o, "data-file-raw", json_boolean(s->autoclear & QCOW2_AUTOCLEAR_RAW_DATA_FILE));
		}
		if ((list = qcow2_bitmaps_info(s)))
			json_object_set_new(o, "bitmaps", list);
	} else {
		json_object_set_new(o, "refcount-bits", json_integer(s->refcount_bits));
	}
	if ((crypt = qcow2_crypt_info(b)))
		json_object_set_new(o, "encrypt", crypt);
	return o;
}

static int qcow2_change_backing(struct blk *b, const char *name, const char *fmt, struct err *e)
{
	struct qcow2 *s = b->state;
	char *old_name = b->backing_name, *old_fmt = b->backing_fmt;
	int r;

	if (name && (s->autoclear & QCOW2_AUTOCLEAR_RAW_DATA_FILE))
		return err_set(e, EINVAL, "A raw external data file and a backing file exclude each other");
	if (name && strlen(name) > 1023)
		return err_set(e, EINVAL, "Backing file name too long: %zu bytes, the limit is 1023", strlen(name));
	b->backing_name = name && *name ? strdup(name) : NULL;
	b->backing_fmt = b->backing_name && fmt && *fmt ? strdup(fmt) : NULL;
	pthread_mutex_lock(&b->lock);
	r = qcow2_header_write(b, e);
	pthread_mutex_unlock(&b->lock);
	if (r) {
		free(b->backing_name);
		free(b->backing_fmt);
		b->backing_name = old_name;
		b->backing_fmt = old_fmt;
		return r;
	}
	free(old_name);
	free(old_fmt);
	return 0;
}

static int vmstate_read(struct blk *b, uint64_t pos, size_t length, void *buf)
{
	struct blk_geometry g;

	qcow2_geometry(b, &g);
	blk_event(b->file, BLK_EVENT_VMSTATE_LOAD);
	return qcow2_read(b, g.vm_state_offset + pos, length, buf);
}

static int vmstate_write(struct blk *b, uint64_t pos, size_t length, const void *buf)
{
	struct qcow2 *s = b->state;
	struct blk_geometry g;
	uint64_t end;
	int r = 0;

	qcow2_geometry(b, &g);
	if (s->incompatible & QCOW2_INCOMPAT_DATA_FILE)
		return -ENOTSUP;
	blk_event(b->file, BLK_EVENT_VMSTATE_SAVE);
	end = g.vm_state_offset + pos + length;
	if (end < pos || end > INT64_MAX)
		return -EFBIG;
	pthread_mutex_lock(&b->lock);
	uint64_t need = qcow2_l1_needed(end, s->cluster_bits, s->sub_count > 1);
	if (need > s->l1_size)
		r = qcow2_l1_grow(b, need + need / 8 + 1, NULL);
	pthread_mutex_unlock(&b->lock);
	return r ? r : qcow2_write(b, g.vm_state_offset + pos, length, buf);
}

static int qcow2_probe(const uint8_t *buf, size_t size, const char *filename)
{
	(void)filename;
	return size >= 8 && be32_get(buf) == QCOW2_MAGIC && be32_get(buf + 4) >= 2 ? 100 : 0;
}

static const char *const overlap_choices[] = {"none", "constant", "cached", "all", NULL};
const struct blk_option qcow2_options[] = {
	{"lazy-refcounts", BLK_OPT_BOOL, "Postpone refcount updates", NULL, NULL},
	{"pass-discard-request", BLK_OPT_BOOL, "Pass guest discard requests to the layer below", NULL, NULL},
	{"pass-discard-snapshot", BLK_OPT_BOOL, "Generate discard requests when snapshot related space is freed", NULL, NULL},
	{"pass-discard-other", BLK_OPT_BOOL, "Generate discard requests when other clusters are freed", NULL, NULL},
	{"overlap-check", BLK_OPT_STRING, "Selects which overlap checks to perform", NULL, overlap_choices},
	{"overlap-check.template", BLK_OPT_STRING, "Selects which overlap checks to perform", NULL, overlap_choices},
	{"overlap-check.main-header", BLK_OPT_BOOL, "Check for unintended writes into the main qcow2 header", NULL, NULL},
	{"overlap-check.active-l1", BLK_OPT_BOOL, "... into the active L1 table", NULL, NULL},
	{"overlap-check.active-l2", BLK_OPT_BOOL, "... into an active L2 table", NULL, NULL},
	{"overlap-check.refcount-table", BLK_OPT_BOOL, "... into the refcount table", NULL, NULL},
	{"overlap-check.refcount-block", BLK_OPT_BOOL, "... into a refcount block", NULL, NULL},
	{"overlap-check.snapshot-table", BLK_OPT_BOOL, "... into the snapshot table", NULL, NULL},
	{"overlap-check.inactive-l1", BLK_OPT_BOOL, "... into an inactive L1 table", NULL, NULL},
	{"overlap-check.inactive-l2", BLK_OPT_BOOL, "... into an inactive L2 table", NULL, NULL},
	{"overlap-check.bitmap-directory", BLK_OPT_BOOL, "... into the bitmap directory", NULL, NULL},
	{"cache-size", BLK_OPT_SIZE, "Maximum combined metadata cache size", NULL, NULL},
	{"l2-cache-size", BLK_OPT_SIZE, "Maximum L2 table cache size", NULL, NULL},
	{"l2-cache-entry-size", BLK_OPT_SIZE, "Size of each entry in the L2 cache", NULL, NULL},
	{"refcount-cache-size", BLK_OPT_SIZE, "Maximum refcount block cache size", NULL, NULL},
	{"cache-clean-interval", BLK_OPT_NUMBER, "Clean unused cache entries after this time (in seconds)", NULL, NULL},
	{"encrypt.format", BLK_OPT_STRING, "Encrypt the image, format choices: 'aes', 'luks'", NULL, NULL},
	{"encrypt.key-secret", BLK_OPT_STRING, "ID of secret providing qcow2 AES key or LUKS passphrase", NULL, NULL},
	{.name = NULL},
};
static const char *const qcow2_children[] = {"data-file", NULL};

BLOCK_FORMAT(qcow2) = {
	.name = "qcow2", .flags = BLK_F_BACKING | BLK_F_ENCRYPTS | BLK_F_BITMAPS, .state_size = sizeof(struct qcow2), .children = qcow2_children,
	.options = qcow2_options, .create_options = qcow2_create_options, .amend_options = qcow2_amend_options,
	.probe = qcow2_probe, .open = qcow2_open, .close = qcow2_close, .reopen = qcow2_reopen, .create = qcow2_create,
	.pread = qcow2_pread, .pwrite = qcow2_pwrite, .pwrite_zeroes = qcow2_pwrite_zeroes,
	.pwrite_compressed = qcow2_pwrite_compressed, .discard = qcow2_discard, .flush = qcow2_flush_all,
	.block_status = qcow2_block_status, .truncate = qcow2_truncate, .geometry = qcow2_geometry, .info = qcow2_info,
	.check = qcow2_check, .amend = qcow2_amend, .measure = qcow2_measure, .change_backing = qcow2_change_backing,
	.make_empty = qcow2_make_empty, .snapshot_list = qcow2_snapshot_list, .snapshot_create = qcow2_snapshot_create,
	.snapshot_delete = qcow2_snapshot_delete, .snapshot_apply = qcow2_snapshot_apply, .snapshot_load = qcow2_snapshot_load,
	.vmstate_read = vmstate_read, .vmstate_write = vmstate_write,
};
