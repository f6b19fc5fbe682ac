/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * QED, the "QEMU enhanced disk" format (specification: docs/interop/qed_spec.txt of its authors).
 *
 * Theory of operation. A little-endian header in the first cluster(s), a first-level table of offsets of second-level
 * tables, these of offsets of clusters; 0: the backing file shows, 1: zeros. Tables are table_size clusters long. What
 * is new goes to the end of the file. The need-check bit is set, and on the disk, before the first allocation of an
 * opener, and cleared when it closes: entries of unflushed writes may then lead past the end of the file, which
 * opening for writing mends, as `check -r` does.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "block/block.h"
#include "block/blockmap.h"

enum { H_MAGIC = 0, H_CLUSTER = 4, H_TABLE = 8, H_HEADER = 12, H_FEATURES = 16, H_COMPAT = 24, H_AUTOCLEAR = 32, H_L1 = 40,
       H_SIZE = 48, H_BACKING = 56, H_BACKING_BYTES = 60, H_BYTES = 64 };
enum { F_BACKING = 1, F_NEED_CHECK = 2, F_BACKING_RAW = 4, F_KNOWN = 7 };
enum { QED_MAGIC = 0x00444551, MIN_CLUSTER = 4096, MAX_CLUSTER = 64 << 20, DEFAULT_CLUSTER = 64 << 10, MAX_TABLE = 16,
       DEFAULT_TABLE = 4, MAX_NAME = 1023 };

struct qed {
	struct blockmap map; /* first: blockmap.h */
	uint8_t header[H_BYTES];
	uint64_t l1, next, features;
	uint64_t per_table; /* entries */
	uint32_t header_bytes;
	bool dirty; /* need-check is set on the disk */
};

static int qed_probe(const uint8_t *buf, size_t size, const char *filename)
{
	(void)filename;
	return size >= H_BYTES && le32_get(buf) == QED_MAGIC ? 100 : 0;
}

static bool offset_ok(const struct qed *s, uint64_t off)
{
	return off % s->map.block == 0 && off >= s->header_bytes && off <= (uint64_t)INT64_MAX / 2;
}

static int qed_table(struct qed *s, uint64_t i, uint64_t *table)
{
	uint8_t raw[8];
	int r;

	if (i >= s->per_table)
		return -EIO;
	r = metacache_read(s->map.meta, s->l1 + i * 8, raw, 8);
	*table = le64_get(raw);
	return r < 0 ? r : *table && !offset_ok(s, *table) ? -EIO : 0;
}

static int qed_find(void *image, uint64_t index, struct place *p)
{
	struct qed *s = image;
	uint64_t table;
	uint8_t raw[8];
	int r = qed_table(s, index / s->per_table, &table);

	p->kind = PLACE_NONE;
	p->file = s->map.node->file;
	p->run = table ? 0 : s->per_table - index % s->per_table;
	if (r < 0 || !table)
		return r;
	r = metacache_read(s->map.meta, table + index % s->per_table * 8, raw, 8);
	p->host = le64_get(raw);
	if (r < 0 || !p->host)
		return r;
	p->kind = p->host == 1 ? PLACE_ZERO : PLACE_DATA;
	return p->kind == PLACE_DATA && !offset_ok(s, p->host) ? -EIO : 0;
}

static int qed_write_header(struct qed *s)
{
	le64_put(s->header + H_FEATURES, s->features);
	return blk_pwrite(s->map.node->file, 0, H_BYTES, s->header);
}

static int qed_set_dirty(struct qed *s)
{
	int r;

	if (s->dirty)
		return 0;
	s->features |= F_NEED_CHECK;
	r = qed_write_header(s);
	if (!r)
		r = blk_flush(s->map.node->file);
	s->dirty = !r;
	return r;
}

static int qed_allocate(void *image, uint64_t index, unsigned *count, struct place *p)
{
	struct qed *s = image;
	uint64_t bytes = (uint64_t)*count * s->map.block;
	int r = qed_set_dirty(s);

	(void)index;
	if (!r && s->next + bytes > (uint64_t)INT64_MAX / 2)
		r = -EFBIG;
	if (!r)
		r = blockmap_grow(s->map.node->file, s->next, bytes, p);
	if (!r)
		s->next += bytes;
	return r;
}

/* The second-level table of the index, made where there is none. */
static int qed_need_table(struct qed *s, uint64_t index, uint64_t *table)
{
	uint64_t bytes = s->per_table * 8, host;
	struct place p;
	uint8_t raw[8];
	int r = qed_table(s, index / s->per_table, table);

	if (r < 0 || *table)
		return r;
	r = qed_set_dirty(s);
	host = s->next;
	if (!r)
		r = blockmap_grow(s->map.node->file, host, bytes, &p);
	if (!r && !p.zeroed) {
		r = blk_pwrite_zeroes(s->map.node->file, host, bytes, 0);
		if (!r)
			r = blk_flush(s->map.node->file);
	}
	if (r < 0)
		return r;
	s->next += bytes;
	metacache_forget(s->map.meta, host, bytes);
	le64_put(raw, host);
	*table = host;
	return metacache_write(s->map.meta, s->l1 + index / s->per_table * 8, raw, 8);
}

static int qed_publish(void *image, uint64_t index, unsigned count, const struct place *p)
{
	struct qed *s = image;
	uint64_t host = p->host, table;
	uint8_t raw[1024];
	int r = 0;

	while (count && !r) {
		uint64_t in = index % s->per_table;
		unsigned some = count < sizeof raw / 8 ? count : sizeof raw / 8;
		if (some > s->per_table - in)
			some = (unsigned)(s->per_table - in);
		r = qed_need_table(s, index, &table);
		for (unsigned i = 0; i < some; i++, host += s->map.block)
			le64_put(raw + 8 * i, host);
		if (!r)
			r = metacache_write(s->map.meta, table + in * 8, raw, some * 8);
		index += some;
		count -= some;
	}
	return r;
}

static int qed_publish_zero(void *image, uint64_t index)
{
	struct qed *s = image;
	uint8_t raw[8];
	uint64_t table;
	int r = qed_need_table(s, index, &table);

	le64_put(raw, 1);
	return r ? r : metacache_write(s->map.meta, table + index % s->per_table * 8, raw, 8);
}

static const struct blockmap_ops qed_ops = {
	.find = qed_find, .allocate = qed_allocate, .publish = qed_publish, .publish_zero = qed_publish_zero};

/* ---- check ----------------------------------------------------------------------------------------------------- */
struct qed_walk {
	struct qed *s;
	struct blk_check *c;
	unsigned fix;
	uint64_t length, clusters, used; /* of the file; clusters that something points to */
	struct seen seen;
};

/* Marks n clusters from host on; false when one is outside of the file or in use already. */
static bool walk_mark(struct qed_walk *w, uint64_t host, uint64_t n)
{
	uint64_t first = host / w->s->map.block;
	bool good = true;

	for (uint64_t i = first; i < first + n; i++) {
		if (i >= w->clusters || seen_add(&w->seen, i) <= 0)
			good = false;
		else
			w->used++;
	}
	return good;
}

/* A bad entry: repaired by clearing it, where wanted. */
static int walk_fault(struct qed_walk *w, uint64_t entry_at, bool lost)
{
	static const uint8_t zero[8];

	if (w->fix & (lost ? BLK_FIX_LEAKS | BLK_FIX_ERRORS : BLK_FIX_ERRORS)) {
		int r = metacache_write(w->s->map.meta, entry_at, zero, 8);
		if (r < 0)
			return r;
		if (lost)
			w->c->leaks_fixed++;
		else
			w->c->corruptions_fixed++;
	} else if (lost) {
		w->c->leaks++;
	} else {
		w->c->corruptions++;
	}
	return 0;
}

static int walk_table(struct qed_walk *w, uint64_t i, uint64_t table, uint64_t *last)
{
	struct qed *s = w->s;
	uint8_t raw[8];
	int r;

	for (uint64_t k = 0; k < s->per_table; k++) {
		uint64_t host;
		r = metacache_read(s->map.meta, table + k * 8, raw, 8);
		if (r < 0) {
			w->c->check_errors++;
			return 0;
		}
		host = le64_get(raw);
		if (!host || host == 1)
			continue;
		if (offset_ok(s, host) && blockmap_judge(host, s->map.block, w->length) == PLACE_LOST) {
			blk_check_say(w->c, "Leak: cluster %" PRIu64 " was never written to the end of the image", i * s->per_table + k);
			r = walk_fault(w, table + k * 8, true);
		} else if (!offset_ok(s, host) || !walk_mark(w, host, 1)) {
			blk_check_say(w->c, "ERROR: cluster %" PRIu64 " has a bad or doubly used offset 0x%" PRIx64, i * s->per_table + k,
				      host);
			r = walk_fault(w, table + k * 8, false);
		} else {
			w->c->allocated_clusters++;
			if (*last && host != *last + s->map.block)
				w->c->fragmented_clusters++;
			*last = host;
		}
		if (r < 0)
			return r;
	}
	return 0;
}

static int qed_check(struct blk *b, struct blk_check *c, unsigned fix, struct err *e)
{
	struct qed *s = b->state;
	struct qed_walk w = {.s = s, .c = c, .fix = fix};
	uint64_t table, last = 0, tables = s->per_table * 8 / s->map.block, leaked = 0;
	int r = blk_size(b->file, &w.length);

	if (r < 0)
		return err_errno(e, -r, "cannot ask for the size");
	w.clusters = (w.length + s->map.block - 1) / s->map.block;
	if (seen_init(&w.seen, w.clusters) < 0)
		return err_errno(e, ENOMEM, "check of %" PRIu64 " clusters", w.clusters);
	walk_mark(&w, 0, s->header_bytes / s->map.block);
	if (!walk_mark(&w, s->l1, tables)) {
		blk_check_say(c, "ERROR: the first-level table at 0x%" PRIx64 " is not within the file", s->l1);
		c->corruptions++;
	}
	for (uint64_t i = 0; i < s->per_table && r >= 0; i++) {
		r = qed_table(s, i, &table);
		if (r == 0 && !table)
			continue;
		if (r == 0 && blockmap_judge(table, s->per_table * 8, w.length) == PLACE_LOST) {
			blk_check_say(c, "Leak: second-level table %" PRIu64 " was never written to the end of the image", i);
			r = walk_fault(&w, s->l1 + i * 8, true);
		} else if (r == -EIO || !walk_mark(&w, table, tables)) {
			blk_check_say(c, "ERROR: second-level table %" PRIu64 " has a bad or doubly used offset", i);
			r = walk_fault(&w, s->l1 + i * 8, false);
		} else if (r == 0) {
			r = walk_table(&w, i, table, &last);
		}
	}
	if (r >= 0 && (s->features & F_NEED_CHECK) && (fix & BLK_FIX_ERRORS) && !c->check_errors && !c->corruptions) {
		r = blk_flush(b->file);
		s->features &= ~(uint64_t)F_NEED_CHECK;
		if (!r)
			r = qed_write_header(s);
		s->dirty = false;
	}
	leaked = w.clusters - w.used;
	/* Space that nobody points to cannot be given to anybody in this format: it is told, and stays. */
	if (leaked) {
		blk_check_say(c, "Leaked clusters: %" PRIu64, leaked);
		c->leaks += leaked;
	}
	seen_free(&w.seen);
	c->total_clusters = (b->size + s->map.block - 1) / s->map.block;
	c->image_end_offset = w.length;
	c->has_counts = c->has_end = true;
	return r < 0 ? err_errno(e, -r, "check failed") : 0;
}

/* ---- opening --------------------------------------------------------------------------------------------------- */
static bool power_of_two(uint64_t v, uint64_t min, uint64_t max)
{
	return v >= min && v <= max && !(v & (v - 1));
}

static int qed_read_backing(struct blk *b, const uint8_t *h, struct err *e)
{
	struct qed *s = b->state;
	uint32_t at = le32_get(h + H_BACKING), n = le32_get(h + H_BACKING_BYTES);

	if (n > MAX_NAME)
		return err_set(e, EINVAL, "QED backing file name has %u bytes, at most %d", n, MAX_NAME);
	if (at < H_BYTES || (uint64_t)at + n > s->header_bytes)
		return err_set(e, EINVAL, "QED backing file name at %u is not within the header of %u bytes", at, s->header_bytes);
	b->backing_name = calloc(1, n + 1);
	if (!b->backing_name)
		return err_errno(e, ENOMEM, "backing file name");
	if ((s->features & F_BACKING_RAW) && !(b->backing_fmt = strdup("raw")))
		return err_errno(e, ENOMEM, "backing file format");
	return blk_pread_what(b->file, at, n, b->backing_name, "QED backing file name", e);
}

/* What a writer does first: the rules for unknown features and for images that were not closed; and what it does last. */
static int qed_reopen(struct blk *b, bool writable, struct err *e)
{
	struct qed *s = b->state;
	uint8_t *h = s->header;
	int r = 0;

	if (!writable) {
		if (!s->dirty || (b->flags & BLK_CHECK))
			return 0;
		r = blk_flush(b->file);
		if (!r) {
			s->features &= ~(uint64_t)F_NEED_CHECK;
			r = qed_write_header(s);
		}
		if (!r)
			s->dirty = false;
		return r < 0 ? err_errno(e, -r, "cannot write the QED header") : 0;
	}
	if (le64_get(h + H_AUTOCLEAR)) {
		le64_put(h + H_AUTOCLEAR, 0); /* none is known: the specification says to clear them */
		r = qed_write_header(s);
		if (r < 0)
			return err_errno(e, -r, "cannot write the QED header");
	}
	if (s->dirty && !(b->flags & BLK_CHECK)) {
		struct blk_check c = {.quiet = true};
		r = qed_check(b, &c, BLK_FIX_ERRORS, e);
		if (r >= 0 && (c.corruptions || c.check_errors))
			r = err_set(e, EIO, "QED image was not closed and its check finds %" PRIu64 " errors: run check -r all",
				    c.corruptions + c.check_errors);
		if (r < 0)
			s->dirty = false; /* for this node: close() must leave the mark in the file */
	}
	return r;
}

static int qed_open(struct blk *b, struct err *e)
{
	struct qed *s = b->state;
	uint8_t *h = s->header;
	uint64_t length;
	uint32_t cluster, table, header;
	int r = blk_pread_what(b->file, 0, H_BYTES, h, "QED header", e);

	if (r < 0)
		return r;
	if (le32_get(h) != QED_MAGIC)
		return err_set(e, EINVAL, "Image not in QED format");
	cluster = le32_get(h + H_CLUSTER);
	table = le32_get(h + H_TABLE);
	header = le32_get(h + H_HEADER);
	s->features = le64_get(h + H_FEATURES);
	s->l1 = le64_get(h + H_L1);
	b->size = le64_get(h + H_SIZE);
	if (s->features & ~(uint64_t)F_KNOWN)
		return err_set(e, ENOTSUP, "Unsupported QED features: %" PRIx64 " beyond %x", s->features & ~(uint64_t)F_KNOWN, (unsigned)F_KNOWN);
	if (!power_of_two(cluster, MIN_CLUSTER, MAX_CLUSTER))
		return err_set(e, EINVAL, "QED cluster size %u is no power of two from %d to %d", cluster, MIN_CLUSTER, MAX_CLUSTER);
	if (!power_of_two(table, 1, MAX_TABLE))
		return err_set(e, EINVAL, "QED table size %u is no power of two from 1 to %d", table, MAX_TABLE);
	if (!header || header > UINT32_MAX / cluster)
		return err_set(e, EINVAL, "QED header of %u clusters, 1 to %u are possible", header, UINT32_MAX / cluster);
	s->header_bytes = header * cluster;
	s->per_table = (uint64_t)table * cluster / 8;
	s->map.block = cluster;
	if (b->size % BLK_SECTOR)
		return err_set(e, EINVAL, "QED image size %" PRIu64 " is no multiple of 512", b->size);
	if (b->size / cluster > s->per_table * s->per_table || b->size > (uint64_t)INT64_MAX)
		return err_set(e, EINVAL, "QED image size %" PRIu64 " is too large for clusters of %u bytes and tables of %u clusters",
			       b->size, cluster, table);
	r = blk_size(b->file, &length);
	if (r < 0)
		return err_errno(e, -r, "cannot ask for the size");
	if (!offset_ok(s, s->l1) || s->l1 + s->per_table * 8 > round_up64(length, cluster))
		return err_set(e, EINVAL, "QED first-level table offset 0x%" PRIx64 " is not a cluster within the file of %" PRIu64 " bytes",
			       s->l1, length);
	if ((s->features & F_BACKING) && (r = qed_read_backing(b, h, e)) < 0)
		return r;
	s->dirty = s->features & F_NEED_CHECK;
	s->next = round_up64(length, cluster);
	b->align = BLK_SECTOR;
	r = blockmap_attach(b, &qed_ops, s->map.block, e);
	return r < 0 || !(b->flags & BLK_RDWR) ? r : qed_reopen(b, true, e);
}

static void qed_close(struct blk *b)
{
	struct qed *s = b->state;

	if (!s->map.meta)
		return;
	if (blk_writable(b))
		qed_reopen(b, false, NULL);
	blockmap_detach(&s->map);
}

static void qed_geometry(struct blk *b, struct blk_geometry *g)
{
	struct qed *s = b->state;

	g->cluster_size = s->map.block;
	g->has_dirty_flag = true;
	g->dirty = s->features & F_NEED_CHECK;
}

static int qed_truncate(struct blk *b, uint64_t size, enum blk_prealloc prealloc, struct err *e)
{
	struct qed *s = b->state;
	uint64_t old = b->size;
	int r;

	if (prealloc != BLK_PREALLOC_OFF)
		return err_set(e, ENOTSUP, "Unsupported preallocation mode '%s'", blk_prealloc_names[prealloc]);
	if (size < old)
		return err_set(e, ENOTSUP, "Shrinking images is currently not supported");
	size = round_up64(size, BLK_SECTOR);
	if (size / s->map.block > s->per_table * s->per_table)
		return err_set(e, EINVAL, "Invalid image size specified: at most %" PRIu64 " bytes with this cluster and table size",
			       s->per_table * s->per_table * s->map.block);
	le64_put(s->header + H_SIZE, size);
	r = qed_write_header(s);
	if (r < 0) {
		le64_put(s->header + H_SIZE, old);
		return err_errno(e, -r, "Failed to update the image size");
	}
	b->size = s->map.size = size;
	return 0;
}

static int qed_change_backing(struct blk *b, const char *name, const char *fmt, struct err *e)
{
	struct qed *s = b->state;
	size_t n = name ? strlen(name) : 0;
	uint8_t *h;
	int r;

	if (n > MAX_NAME || H_BYTES + n > s->header_bytes)
		return err_set(e, ENOSPC, "backing file name of %zu bytes does not fit the QED header", n);
	h = calloc(1, s->header_bytes);
	if (!h)
		return err_errno(e, ENOMEM, "QED header");
	s->features &= ~(uint64_t)(F_BACKING | F_BACKING_RAW);
	if (name)
		s->features |= F_BACKING | (fmt && !strcmp(fmt, "raw") ? F_BACKING_RAW : 0);
	le32_put(s->header + H_BACKING, name ? H_BYTES : 0);
	le32_put(s->header + H_BACKING_BYTES, (uint32_t)n);
	le64_put(s->header + H_FEATURES, s->features);
	memcpy(h, s->header, H_BYTES);
	if (n)
		memcpy(h + H_BYTES, name, n);
	r = blk_pwrite(b->file, 0, s->header_bytes, h);
	free(h);
	return r < 0 ? err_errno(e, -r, "cannot write the QED header") : 0;
}

/* ---- creating -------------------------------------------------------------------------------------------------- */
static const struct blk_option qed_create_options[] = {
	{"backing_file", BLK_OPT_STRING, "File name of a base image", NULL, NULL},
	{"backing_fmt", BLK_OPT_STRING, "Image format of the base image", NULL, NULL},
	{"cluster_size", BLK_OPT_SIZE, "Cluster size (in bytes)", "65536", NULL},
	{"table_size", BLK_OPT_SIZE, "L1/L2 table size (in clusters)", NULL, NULL},
	{NULL, 0, NULL, NULL, NULL},
};

static int qed_create(const struct blk_create *c, struct err *e)
{
	uint64_t cluster = blk_opts_size(c->opts, "cluster_size", DEFAULT_CLUSTER), per_table;
	uint64_t table = blk_opts_size(c->opts, "table_size", DEFAULT_TABLE), size = round_up64(c->size, BLK_SECTOR);
	const char *backing = blk_opts_string(c->opts, "backing_file"), *fmt = blk_opts_string(c->opts, "backing_fmt");
	size_t name = backing ? strlen(backing) : 0;
	uint64_t features = 0;
	uint8_t h[H_BYTES] = {0};
	struct blk *b;
	int r;

	if (!power_of_two(cluster, MIN_CLUSTER, MAX_CLUSTER))
		return err_set(e, EINVAL, "QED cluster size must be within range [%d, %d] and power of 2", MIN_CLUSTER, MAX_CLUSTER);
	if (!power_of_two(table, 1, MAX_TABLE))
		return err_set(e, EINVAL, "QED table size must be within range [%d, %d] and power of 2", 1, MAX_TABLE);
	per_table = table * cluster / 8;
	if (size / cluster > per_table * per_table)
		return err_set(e, EINVAL, "QED image size must be a non-zero multiple of cluster size and less than %" PRIu64 " bytes",
			       per_table * per_table * cluster);
	if (name > MAX_NAME)
		return err_set(e, EINVAL, "Backing file name too long: %zu bytes, at most %d", name, MAX_NAME);
	if (name) {
		features = F_BACKING | (fmt && !strcmp(fmt, "raw") ? F_BACKING_RAW : 0);
		le32_put(h + H_BACKING, H_BYTES);
		le32_put(h + H_BACKING_BYTES, (uint32_t)name);
	}
	le32_put(h + H_MAGIC, QED_MAGIC);
	le32_put(h + H_CLUSTER, (uint32_t)cluster);
	le32_put(h + H_TABLE, (uint32_t)table);
	le32_put(h + H_HEADER, 1);
	le64_put(h + H_FEATURES, features);
	le64_put(h + H_L1, cluster);
	le64_put(h + H_SIZE, size);
	r = blk_create_file(c, c->filename, 0, &b, e);
	if (r < 0)
		return r;
	r = blk_truncate(b, cluster + table * cluster, BLK_PREALLOC_OFF, e);
	if (!r && name)
		r = blk_pwrite(b, H_BYTES, name, backing);
	if (!r)
		r = blk_pwrite(b, 0, sizeof h, h);
	return blk_create_end(b, r, "the QED header", c->filename, e);
}

BLOCK_FORMAT(qed) = {
	.name = "qed",
	.flags = BLK_F_BACKING,
	.state_size = sizeof(struct qed),
	.create_options = qed_create_options,
	.probe = qed_probe,
	.open = qed_open,
	.close = qed_close,
	.reopen = qed_reopen,
	.create = qed_create,
	.pread = blockmap_pread,
	.pwrite = blockmap_pwrite,
	.pwrite_zeroes = blockmap_pwrite_zeroes,
	.block_status = blockmap_block_status,
	.truncate = qed_truncate,
	.geometry = qed_geometry,
	.check = qed_check,
	.change_backing = qed_change_backing,
};
