/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * convert: copies guest contents into an image of another format.
 *
 * Theory of operation
 *   A cursor walks over the sources in turn; a worker that is free takes the next piece under the cursor's lock: a run of
 *   one block status, cut to a chunk. It reads the chunk, looks for zeros in it and writes the rest. Several workers
 *   keep the processors busy, or a server with several requests; a format that must be written in order gets one.
 *   Writes to a host file take turns: the kernel lets one in at a time anyway, and has the others spin. Who read a chunk
 *   also writes it, as it lies in that processor's cache.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/size.h"
#include "block/dirty.h"
#include "img.h"

#define CHUNK (1u << 20)            /* bytes a worker takes at a time */
#define COMPRESS_CHUNK (256u << 10) /* ... to be compressed, which takes long */
#define MAX_SOURCES 1024
#define SPARSE_DEFAULT 4096
#define SPARSE_MAX (16u << 20)

enum piece { PIECE_DATA, PIECE_ZERO, PIECE_SKIP };

struct convert {
	struct img *m;
	struct blk **src;
	uint64_t *start;          /* where each source begins in the output */
	int sources;
	uint64_t total;
	struct blk *dst;
	uint64_t sparse;          /* bytes of zeros that become a hole; 0: none do */
	uint64_t unit;            /* zeros are looked for in units of the target's clusters */
	uint64_t cluster;         /* -c: bytes of a compressed cluster */
	uint64_t chunk;
	bool zero_init, has_backing, compress, in_order, salvage, offload, one_writer;
	pthread_mutex_t write_lock; /* held by the worker that writes, with one_writer */
	/* the cursor */
	pthread_mutex_t lock;
	uint64_t at, done;
	/* the status of the run under the cursor */
	uint64_t run_end;
	enum piece run_kind;
	int error;
	const char *error_what;
	uint64_t error_at;
};

static int source_of(const struct convert *c, uint64_t at)
{
	int i = 0;

	while (i + 1 < c->sources && at >= c->start[i + 1])
		i++;
	return i;
}

/* Takes the next piece. Returns false at the end or after an error. */
static bool take(struct convert *c, uint64_t *offset, uint64_t *length, enum piece *kind)
{
	bool got = false;

	pthread_mutex_lock(&c->lock);
	while (!c->error && c->at < c->total) {
		int i = source_of(c, c->at);
		uint64_t end = i + 1 < c->sources ? c->start[i + 1] : c->total, in = c->at - c->start[i], n;
		if (c->at >= c->run_end) {
			struct blk_status st;
			if (in >= c->src[i]->size) { /* the odd bytes up to a whole sector */
				c->run_kind = PIECE_ZERO;
				c->run_end = end;
			} else {
				int r = c->has_backing ? blk_block_status(c->src[i], in, c->src[i]->size - in, &st)
						       : blk_block_status_above(c->src[i], NULL, in, c->src[i]->size - in, &st);
				if (r && c->salvage) {
					st.flags = BLK_ST_DATA;
					st.length = BLK_SECTOR;
					r = 0;
				}
				if (r) {
					c->error = r;
					c->error_what = "reading block status at";
					c->error_at = c->at;
					break;
				}
				c->run_end = c->at + st.length;
				if (c->has_backing && !(st.flags & BLK_ST_ALLOCATED))
					c->run_kind = PIECE_SKIP;
				else if (st.flags & BLK_ST_ZERO)
					c->run_kind = c->sparse ? PIECE_ZERO : PIECE_DATA;
				else if (st.flags & BLK_ST_DATA)
					c->run_kind = PIECE_DATA;
				else
					c->run_kind = c->sparse ? PIECE_ZERO : PIECE_DATA;
				/* a compressed cluster is written as a whole */
				if (c->compress && c->run_kind != PIECE_DATA) {
					uint64_t whole = c->run_end / c->cluster * c->cluster;
					if (c->at % c->cluster || (whole <= c->at && c->run_end < c->total)) {
						c->run_kind = PIECE_DATA;
						c->run_end = c->at + c->cluster - c->at % c->cluster;
					} else if (c->run_end < c->total) {
						c->run_end = whole;
					}
				} else if (c->compress && c->run_end % c->cluster && c->run_end < c->total) {
					c->run_end += c->cluster - c->run_end % c->cluster;
				}
				if (c->run_end > c->total)
					c->run_end = c->total;
			}
		}
		n = c->run_end - c->at;
		if (c->run_kind == PIECE_DATA) {
			uint64_t stop = (c->at / c->chunk + 1) * c->chunk;
			if (c->compress && c->cluster > c->chunk)
				stop = (c->at / c->cluster + 1) * c->cluster;
			if (n > stop - c->at)
				n = stop - c->at;
		}
		*offset = c->at;
		*length = n;
		*kind = c->run_kind;
		c->at += n;
		got = true;
		break;
	}
	pthread_mutex_unlock(&c->lock);
	return got;
}

static void fail(struct convert *c, int r, const char *what, uint64_t at)
{
	pthread_mutex_lock(&c->lock);
	if (!c->error) {
		c->error = r;
		c->error_what = what;
		c->error_at = at;
	}
	pthread_mutex_unlock(&c->lock);
}

/* Reads [at, +n) of the output's address space, across sources. */
static int read_sources(struct convert *c, uint64_t at, size_t n, uint8_t *buf)
{
	while (n) {
		int i = source_of(c, at), r;
		uint64_t end = i + 1 < c->sources ? c->start[i + 1] : c->total, in = at - c->start[i];
		size_t part = end - at < n ? (size_t)(end - at) : n, have = part;
		if (in >= c->src[i]->size)
			have = 0;
		else if (have > c->src[i]->size - in)
			have = (size_t)(c->src[i]->size - in);
		r = have ? blk_pread(c->src[i], in, have, buf) : 0;
		if (r && c->salvage) {
			for (size_t k = 0; k < have; k += BLK_SECTOR) {
				size_t s = have - k < BLK_SECTOR ? have - k : BLK_SECTOR;
				if ((r = blk_pread(c->src[i], in + k, s, buf + k))) {
					blk_warn(c->m->graph, "error while reading offset %llu: %s", (unsigned long long)(at + k), strerror(-r));
					memset(buf + k, 0, s);
				}
			}
			r = 0;
		}
		if (r)
			return r;
		memset(buf + have, 0, part - have);
		at += part;
		buf += part;
		n -= part;
	}
	return 0;
}

static int write_zero(struct convert *c, uint64_t at, uint64_t n)
{
	if (c->zero_init && !c->has_backing)
		return 0;
	return blk_pwrite_zeroes(c->dst, at, n, BLK_ZERO_MAY_UNMAP);
}

static int write_compressed(struct convert *c, uint64_t at, size_t n, const uint8_t *buf)
{
	int r = 0;

	for (size_t k = 0; k < n && !r; k += c->cluster) {
		size_t part = n - k < c->cluster ? n - k : (size_t)c->cluster;
		if (c->sparse && blk_is_zero(buf + k, part) && !(c->dst->backing_name))
			r = write_zero(c, at + k, part);
		else
			r = blk_pwrite_compressed(c->dst, at + k, part, buf + k);
	}
	return r;
}

/* Writes a chunk, leaving out runs of zeros that are long enough and aligned to the target's units. */
static int write_sparse(struct convert *c, uint64_t at, size_t n, const uint8_t *buf)
{
	size_t k = 0, data = 0;
	int r = 0;

	if (!c->sparse)
		return blk_pwrite(c->dst, at, n, buf);
	while (k < n && !r) {
		size_t end = (size_t)(((at + k) / c->unit + 1) * c->unit - at);
		if (end > n)
			end = n;
		if (!blk_is_zero(buf + k, end - k)) {
			k = end;
			continue;
		}
		size_t zero = k;
		while (end < n) {
			size_t next = n - end < c->unit ? n : end + (size_t)c->unit;
			if (!blk_is_zero(buf + end, next - end))
				break;
			end = next;
		}
		if (zero > data)
			r = blk_pwrite(c->dst, at + data, zero - data, buf + data);
		if (!r)
			r = write_zero(c, at + zero, end - zero);
		k = data = end;
	}
	if (!r && n > data)
		r = blk_pwrite(c->dst, at + data, n - data, buf + data);
	return r;
}

static int offload(struct convert *c, uint64_t at, uint64_t *n)
{
	int i = source_of(c, at);

	if (!c->offload || c->src[i]->fmt != c->dst->fmt || !c->dst->fmt->copy_from || at - c->start[i] + *n > c->src[i]->size)
		return -ENOTSUP;
	return c->dst->fmt->copy_from(c->dst, at, c->src[i], at - c->start[i], *n, n);
}

static void progress(struct convert *c, uint64_t n)
{
	pthread_mutex_lock(&c->lock);
	c->done += n;
	img_progress(c->m, (double)c->done, (double)c->total);
	pthread_mutex_unlock(&c->lock);
}

static void *worker(void *opaque)
{
	struct convert *c = opaque;
	size_t size = c->cluster > c->chunk ? (size_t)c->cluster : (size_t)c->chunk;
	uint64_t at, n;
	enum piece kind;
	uint8_t *buf;

	if (posix_memalign((void **)&buf, 4096, size)) {
		fail(c, -ENOMEM, "buffer for", 0);
		buf = NULL;
	}
	while (buf && take(c, &at, &n, &kind)) {
		uint64_t copied = n;
		int r = 0;
		if (kind == PIECE_ZERO) {
			if ((r = write_zero(c, at, n)))
				fail(c, r, "writing at", at);
		} else if (kind == PIECE_DATA && !(c->offload && !c->compress && !offload(c, at, &copied) && copied == n)) {
			if ((r = read_sources(c, at, (size_t)n, buf))) {
				fail(c, r, "reading at", at);
			} else {
				bool turn = c->one_writer && !(c->sparse && blk_is_zero(buf, (size_t)n));
				if (turn)
					pthread_mutex_lock(&c->write_lock);
				r = c->compress ? write_compressed(c, at, (size_t)n, buf) : write_sparse(c, at, (size_t)n, buf);
				if (turn)
					pthread_mutex_unlock(&c->write_lock);
				if (r)
					fail(c, r, "writing at", at);
			}
		}
		progress(c, n);
		if (kind == PIECE_DATA)
			img_rate_wait(c->m, n);
	}
	free(buf);
	return NULL;
}

/* Does all of it lie in host files? */
static bool is_local(const struct blk *b)
{
	while (b->file)
		b = b->file;
	return !strcmp(b->fmt->name, "file") || !strcmp(b->fmt->name, "host_device");
}

static int copy(struct convert *c)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	int n = (int)c->m->a.workers, made = 0;
	bool local = is_local(c->dst);
	pthread_t t[16];

	c->one_writer = local && !c->compress && !(c->dst->flags & BLK_DIRECT);
	for (int i = 0; i < c->sources; i++)
		local = local && is_local(c->src[i]);
	if (local && n > cpus) /* requests to a server may be more than the processors */
		n = (int)cpus;
	if (c->in_order)
		n = 1;
	for (; made < n - 1; made++)
		if (pthread_create(&t[made], NULL, worker, c))
			break;
	worker(c);
	for (int i = 0; i < made; i++)
		pthread_join(t[i], NULL);
	if (!c->error && c->compress) { /* some formats have an end to write */
		int r = blk_pwrite_compressed(c->dst, 0, 0, NULL);
		if (r && r != -ENOTSUP)
			fail(c, r, "writing at", c->total);
	}
	if (c->error)
		err_print("error while %s%s %llu: %s", c->error_what[0] == 'r' || c->error_what[0] == 'w' ? "" : "making a ", c->error_what,
			  (unsigned long long)c->error_at, strerror(-c->error));
	return c->error;
}

/* Makes the target as -O, -o, -B and -c say. */
static int make_target(struct convert *c, const char *filename, unsigned flags)
{
	struct img *m = c->m;
	const char *fmt = m->a.out_fmt ? m->a.out_fmt : "raw";
	const struct blk_format *f = blk_format_find(fmt);
	struct blk_option *table;
	struct blk_opts *o = NULL;
	struct blk *backing = NULL;
	struct err e = ERR_INIT;
	bool help;
	char text[32];
	int r = -EINVAL;

	if (!f) {
		err_print("Unknown file format '%s'", fmt);
		return -EINVAL;
	}
	if (!f->create) {
		err_print("Format driver '%s' does not support image creation", fmt);
		return -ENOTSUP;
	}
	table = blk_create_options(f, filename, &e);
	if (!table) {
		img_fail(&e);
		return -EINVAL;
	}
	o = blk_opts_new(table);
	if ((r = img_options(o, &m->a.options, &help, &e)))
		goto out;
	if (m->a.backing && (r = blk_opts_set(o, "backing_file", m->a.backing, NULL))) {
		err_set(&e, EINVAL, "Backing file not supported for file format '%s'", fmt);
		goto out;
	}
	if (m->a.backing_fmt && (r = blk_opts_set(o, "backing_fmt", m->a.backing_fmt, NULL))) {
		err_set(&e, EINVAL, "Backing format not supported for file format '%s'", fmt);
		goto out;
	}
	if (blk_opts_has(o, "size")) {
		uint64_t want = blk_opts_size(o, "size", 0);
		if (want < c->total) {
			r = err_set(&e, EINVAL, "Image size %llu is smaller than the source (%llu bytes)", (unsigned long long)want,
				    (unsigned long long)c->total);
			goto out;
		}
	}
	snprintf(text, sizeof text, "%llu", (unsigned long long)c->total);
	if (!blk_opts_has(o, "size"))
		blk_opts_set(o, "size", text, NULL);
	if (blk_opts_string(o, "backing_file")) {
		char *path = blk_resolve_against(filename, blk_opts_string(o, "backing_file"));
		c->has_backing = true;
		if (!blk_opts_string(o, "backing_fmt")) {
			r = err_set(&e, EINVAL, "Use of backing file requires explicit backing format");
			free(path);
			goto out;
		}
		r = path ? blk_open(m->graph, path, blk_opts_string(o, "backing_fmt"), NULL, 0, &backing, &e) : -ENOMEM;
		if (r)
			err_prefix(&e, "Could not open backing file '%s'", path ? path : "?");
		free(path);
		if (r)
			goto out;
	}
	if (m->a.compress && !f->pwrite_compressed) {
		r = err_set(&e, ENOTSUP, "Compression not supported for this file format");
		goto out;
	}
	if (m->a.compress && (blk_opts_bool(o, "encryption", false) || (blk_opts_string(o, "encrypt.format")))) {
		r = err_set(&e, EINVAL, "Compression and encryption not supported at the same time");
		goto out;
	}
	if (m->a.compress && blk_opts_string(o, "preallocation") && strcmp(blk_opts_string(o, "preallocation"), "off")) {
		r = err_set(&e, EINVAL, "Compression and preallocation not supported at the same time");
		goto out;
	}
	r = blk_create_image(m->graph, f, filename, blk_opts_size(o, "size", c->total), o, backing, 0, &e);
	if (r) {
		struct err inner = e;
		err_set(&e, inner.code, "%s: error while converting %s: %s", filename, fmt, inner.msg);
		snprintf(e.hint, sizeof e.hint, "%s", inner.hint);
		goto out;
	}
	blk_unref(backing);
	backing = NULL;
	c->zero_init = true;
	json_t *options = NULL;
	if (blk_opts_string(o, "encrypt.key-secret"))
		options = json_pack("{s:{s:s}}", "encrypt", "key-secret", blk_opts_string(o, "encrypt.key-secret"));
	else if (blk_opts_string(o, "key-secret"))
		options = json_pack("{s:s}", "key-secret", blk_opts_string(o, "key-secret"));
	r = blk_open(m->graph, filename, fmt, options, flags, &c->dst, &e);
	json_decref(options);
	if (r)
		err_prefix(&e, "Could not open '%s'", filename);
out:
	if (r)
		img_fail(&e);
	blk_unref(backing);
	blk_opts_free(o);
	free(table);
	return r;
}

static int prepare_target(struct convert *c, const char *out)
{
	struct img *m = c->m;
	unsigned flags = BLK_RDWR | (c->sparse ? BLK_UNMAP : 0);
	struct blk_geometry g;
	uint64_t size;
	int r;

	if (img_cache_flags(m->a.cache ? m->a.cache : "unsafe", &flags)) {
		err_print("Invalid cache option: %s", m->a.cache);
		return -EINVAL;
	}
	if (m->a.no_create || m->a.target_image_opts) {
		bool share = m->a.share;
		m->a.share = false;
		r = img_open(m, out, m->a.target_image_opts, m->a.target_image_opts ? NULL : m->a.out_fmt ? m->a.out_fmt : "raw", flags, &c->dst);
		m->a.share = share;
		c->zero_init = m->a.target_is_zero;
		if (!r && c->dst->backing_name && m->a.backing)
			c->has_backing = true;
	} else {
		r = make_target(c, out, flags);
	}
	if (r)
		return r;
	blk_size(c->dst, &size);
	if (size < c->total) {
		err_print("output file is smaller than input file");
		return -EINVAL;
	}
	blk_geometry(c->dst, &g);
	c->unit = g.subcluster_size ? g.subcluster_size : g.cluster_size;
	if (c->unit < c->sparse)
		c->unit = c->sparse;
	if (c->unit > COMPRESS_CHUNK || c->unit < BLK_SECTOR)
		c->unit = c->unit > COMPRESS_CHUNK ? COMPRESS_CHUNK : BLK_SECTOR;
	if (g.needs_compressed_writes)
		c->compress = c->in_order = true;
	if (c->compress) {
		if (!c->dst->fmt->pwrite_compressed) {
			err_print("Compression not supported for this file format");
			return -ENOTSUP;
		}
		if (!g.cluster_size) {
			err_print("invalid cluster size");
			return -EINVAL;
		}
		c->cluster = g.cluster_size;
		if (strcmp(c->dst->fmt->name, "qcow2"))
			c->in_order = true;
	}
	c->chunk = c->compress ? COMPRESS_CHUNK : CHUNK;
	return 0;
}

/* Can the bitmaps of the source be copied? Asked before anything is. */
static int check_bitmaps(struct convert *c)
{
	const struct blk *src = blk_skip_filters(c->src[0]);
	struct err e = ERR_INIT;

	if (c->sources > 1) {
		err_print("Copying bitmaps only possible with single source");
		return 1;
	}
	if (!(src->fmt->flags & BLK_F_BITMAPS)) {
		err_print("Source lacks bitmap support");
		return 1;
	}
	for (struct blk_dirty *d = blk_dirty_list(blk_skip_filters(c->src[0])); d; d = d->next)
		if (d->inconsistent && !c->m->a.skip_broken_bitmaps) {
			err_set(&e, EINVAL, "Cannot copy inconsistent bitmap '%s'", d->name);
			err_hint(&e, "Try --skip-broken-bitmaps, or use '%s bitmap --remove' to delete it", err_program());
			return img_fail(&e);
		}
	return 0;
}

static int copy_bitmaps(struct convert *c)
{
	struct blk *src = blk_skip_filters(c->src[0]), *dst = blk_skip_filters(c->dst);
	struct err e = ERR_INIT;

	for (const struct blk_dirty *d = blk_dirty_list(src); d; d = d->next) {
		struct blk_dirty *copy;
		if (d->inconsistent) {
			blk_warn(c->m->graph, "Skipping inconsistent bitmap '%s'", d->name);
			continue;
		}
		if ((copy = blk_dirty_add(dst, d->name, d->map.granularity, true, -1, &e))) {
			bitmap_or(&copy->map, &d->map);
			copy->disabled = d->disabled;
			continue;
		}
		err_prefix(&e, "Failed to create bitmap %s", d->name);
		return img_fail(&e);
	}
	return 0;
}

static int run(struct img *m)
{
	struct convert c = {.m = m, .sparse = SPARSE_DEFAULT, .compress = m->a.compress, .salvage = m->a.salvage,
			    .offload = m->a.offload};
	unsigned flags = 0;
	const char *out;
	struct err e = ERR_INIT;
	int r = 1, f;

	for (unsigned i = 0; i < m->a.options.count; i++)
		if (!strcmp(m->a.options.item[i], "help") || !strcmp(m->a.options.item[i], "?")) {
			const char *fmt = m->a.out_fmt ? m->a.out_fmt : "raw";
			const struct blk_format *t = blk_format_find(fmt);
			struct blk_option *table = t ? blk_create_options(t, m->words > 1 ? m->word[m->words - 1] : NULL, &e) : NULL;
			if (!t)
				err_print("Unknown file format '%s'", fmt);
			else if (table)
				img_print_options("Supported options:", table);
			free(table);
			return t && table ? 0 : 1;
		}
	if (m->words < 2) {
		err_print("Must specify image file name");
		return 1;
	}
	if (m->a.sparse_text && m->a.offload) {
		err_print("Cannot enable copy offloading when -S is used");
		return 1;
	}
	if (m->a.sparse_text) {
		if (size_parse(m->a.sparse_text, 'B', &c.sparse, NULL)) {
			err_print("Invalid buffer size for sparse output specified. Valid sizes are multiples of 512 up to 16777216. Select 0 to "
				  "disable sparse detection (fully allocates output).");
			return 1;
		}
		c.sparse = c.sparse / 512 * 512;
		if (c.sparse > SPARSE_MAX) {
			err_print("Invalid buffer size for sparse output specified. Valid sizes are multiples of 512 up to 16777216. Select 0 to "
				  "disable sparse detection (fully allocates output).");
			return 1;
		}
	}
	if (m->a.workers < 1 || m->a.workers > 16) {
		err_print("Invalid number of coroutines. Allowed number of coroutines is between 1 and 16");
		return 1;
	}
	if (m->a.target_image_opts && !m->a.no_create) {
		err_print("--target-image-opts requires use of -n flag");
		return 1;
	}
	if (m->a.target_image_opts && m->a.out_fmt) {
		err_print("-O and --target-image-opts are mutually exclusive");
		return 1;
	}
	if (m->a.target_is_zero && !m->a.no_create) {
		err_print("--target-is-zero requires use of -n flag");
		return 1;
	}
	if (img_rate_start(m))
		return 1;
	if (m->a.skip_broken_bitmaps && !m->a.bitmaps) {
		err_print("Use of --skip-broken-bitmaps requires --bitmaps");
		return 1;
	}
	if (m->a.no_create && m->a.options.count)
		blk_warn(m->graph, "-o has no effect when skipping image creation");
	if (m->a.src_cache && img_cache_flags(m->a.src_cache, &flags)) {
		err_print("Invalid source cache option: %s", m->a.src_cache);
		return 1;
	}
	c.sources = m->words - 1;
	out = m->word[m->words - 1];
	if ((m->a.snapshot || m->a.snapshot_old) && c.sources > 1) {
		err_print("No support for concatenating multiple snapshot");
		return 1;
	}
	if (m->a.backing && c.sources > 1) {
		err_print("Having a backing file for the target makes no sense when concatenating multiple input images");
		return 1;
	}
	pthread_mutex_init(&c.lock, NULL);
	pthread_mutex_init(&c.write_lock, NULL);
	c.src = calloc((size_t)c.sources, sizeof *c.src);
	c.start = calloc((size_t)c.sources + 1, sizeof *c.start);
	img_progress_start(m, m->a.progress);
	for (int i = 0; i < c.sources; i++) {
		if (img_open(m, m->word[i], m->a.image_opts, m->a.fmt, flags | (m->a.bitmaps ? BLK_BITMAPS : 0), &c.src[i]))
			goto out;
		if (!i && (m->a.snapshot || m->a.snapshot_old)) {
			f = img_load_snapshot(c.src[0], m->a.snapshot ? m->a.snapshot : m->a.snapshot_old, &e);
			if (f) {
				err_prefix(&e, "Failed to load snapshot");
				img_fail(&e);
				goto out;
			}
		}
		c.start[i] = c.total;
		c.total += round_up64(c.src[i]->size, BLK_SECTOR);
	}
	if (m->a.bitmaps && check_bitmaps(&c))
		goto out;
	if (prepare_target(&c, out))
		goto out;
	if (m->a.bitmaps && !blk_can_store_bitmaps(blk_skip_filters(c.dst))) {
		err_print("Format driver '%s' does not support bitmaps", c.dst->fmt->name);
		goto out;
	}
	r = copy(&c) ? 1 : 0;
	if (!r && m->a.bitmaps)
		r = copy_bitmaps(&c);
	f = blk_close(c.dst, &e);
	c.dst = NULL;
	if (f && !r)
		r = img_fail(&e);
	if (!r)
		img_progress(m, 1, 1);
	img_progress_end(m);
out:
	blk_unref(c.dst);
	for (int i = 0; i < c.sources; i++)
		blk_unref(c.src[i]);
	free(c.src);
	free(c.start);
	pthread_mutex_destroy(&c.write_lock);
	pthread_mutex_destroy(&c.lock);
	return r;
}

static void defaults(struct args *a)
{
	a->workers = 8;
}

static const struct opt rows[] = {
	ROW_OBJECT, ROW_IMAGE_OPTS, ROW(0, "target-image-opts", OPT_FLAG, NULL, "the output name is an option string", target_image_opts),
	ROW(0, "target-is-zero", OPT_FLAG, NULL, "the existing output reads as zeros (with -n)", target_is_zero),
	ROW(0, "bitmaps", OPT_FLAG, NULL, "copy persistent bitmaps", bitmaps),
	ROW(0, "skip-broken-bitmaps", OPT_FLAG, NULL, "with --bitmaps: leave out those that are out of date", skip_broken_bitmaps),
	ROW_SHARE, ROW('C', NULL, OPT_FLAG, NULL, "let the kernel copy where it can", offload),
	ROW('c', NULL, OPT_FLAG, NULL, "compressed output", compress), ROW_PROGRESS, ROW_QUIET,
	ROW('n', NULL, OPT_FLAG, NULL, "the output exists: do not create it", no_create), ROW_FMT, ROW_CACHE, ROW_SRC_CACHE,
	ROW('O', "target-format", OPT_STRING, "FMT", "format of the output", out_fmt),
	ROW('B', "backing", OPT_STRING, "FILE", "the output is an overlay of FILE", backing),
	ROW('F', "backing-format", OPT_STRING, "FMT", "format of the backing file", backing_fmt), ROW_OPTIONS,
	ROW('l', "snapshot", OPT_STRING, "SNAP", "read this internal snapshot", snapshot),
	ROW('s', NULL, OPT_STRING, "SNAP", "the old spelling of -l", snapshot_old),
	ROW('S', "sparse-size", OPT_STRING, "SIZE", "zeros that become a hole; 0: none", sparse_text),
	ROW('m', "parallel", OPT_INT, "N", "copies at the same time, default 8", workers),
	ROW('r', "rate-limit", OPT_STRING, "RATE", "copy no more than RATE bytes a second", rate),
	ROW('W', NULL, OPT_FLAG, NULL, "write out of order", out_of_order),
	ROW(0, "salvage", OPT_FLAG, NULL, "go on after read errors, with zeros", salvage), ROW_HELP,
};
const struct command cmd_convert = {.name = "convert", ROWS(rows), .run = run, .defaults = defaults};
