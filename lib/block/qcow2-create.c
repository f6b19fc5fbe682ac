/* SPDX-License-Identifier: GPL-2.0-or-later */
/* New qcow2 images, how large they get, and preallocation. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "block/qcow2.h"

#define QCOW2_CRYPT_ROWS                                                                                       \
	{"encryption", BLK_OPT_BOOL, "Encrypt the image with format 'aes'. (Deprecated in favor of encrypt.format=aes)", NULL, NULL}, \
	{"encrypt.format", BLK_OPT_STRING, "Encrypt the image, format choices: 'aes', 'luks'", NULL, NULL},    \
	{"encrypt.key-secret", BLK_OPT_STRING, "ID of secret providing qcow AES key or LUKS passphrase", NULL, NULL}, \
	{"encrypt.cipher-alg", BLK_OPT_STRING, "Name of encryption cipher algorithm", NULL, NULL},             \
	{"encrypt.cipher-mode", BLK_OPT_STRING, "Name of encryption cipher mode", NULL, NULL},                 \
	{"encrypt.ivgen-alg", BLK_OPT_STRING, "Name of IV generator algorithm", NULL, NULL},                   \
	{"encrypt.ivgen-hash-alg", BLK_OPT_STRING, "Name of IV generator hash algorithm", NULL, NULL},         \
	{"encrypt.hash-alg", BLK_OPT_STRING, "Name of encryption hash algorithm", NULL, NULL},                 \
	{"encrypt.iter-time", BLK_OPT_NUMBER, "Time to spend in PBKDF in milliseconds", NULL, NULL}

/* In the order in which "Formatting ..." prints them. */
const struct blk_option qcow2_create_options[] = {
	QCOW2_CRYPT_ROWS,
	{"cluster_size", BLK_OPT_SIZE, "qcow2 cluster size", "65536", NULL},
	{"extended_l2", BLK_OPT_BOOL, "Extended L2 tables", "off", NULL},
	{"preallocation", BLK_OPT_STRING, "Preallocation mode (allowed values: off, metadata, falloc, full)", NULL, NULL},
	{"compression_type", BLK_OPT_STRING, "Compression method used for image cluster compression", "zlib", NULL},
	{"size", BLK_OPT_SIZE, "Virtual disk size", NULL, NULL},
	{"compat", BLK_OPT_STRING, "Compatibility level (v2 [0.10] or v3 [1.1])", NULL, NULL},
	{"backing_file", BLK_OPT_STRING, "File name of a base image", NULL, NULL},
	{"backing_fmt", BLK_OPT_STRING, "Image format of the base image", NULL, NULL},
	{"data_file", BLK_OPT_STRING, "File name of an external data file", NULL, NULL},
	{"data_file_raw", BLK_OPT_BOOL, "The external data file must stay valid as a raw image", NULL, NULL},
	{"lazy_refcounts", BLK_OPT_BOOL, "Postpone refcount updates", "off", NULL},
	{"refcount_bits", BLK_OPT_NUMBER, "Width of a reference count entry in bits", "16", NULL},
	{.name = NULL},
};

struct params {
	uint32_t version, cluster_bits, refcount_order;
	bool extended, lazy, data_raw;
	uint8_t compression;
	const char *data_file;
	enum blk_prealloc prealloc;
};

static int get_params(const struct blk_opts *o, struct params *p, struct err *e)
{
	uint64_t cluster = blk_opts_size(o, "cluster_size", 65536), bits = blk_opts_number(o, "refcount_bits", 16);
	const char *compat = blk_opts_string(o, "compat"), *type = blk_opts_string(o, "compression_type");
	const char *mode = blk_opts_string(o, "preallocation");
	int r;

	memset(p, 0, sizeof *p);
	p->version = 3;
	if (compat && (!strcmp(compat, "0.10") || !strcmp(compat, "v2")))
		p->version = 2;
	else if (compat && strcmp(compat, "1.1") && strcmp(compat, "v3"))
		return err_set(e, EINVAL, "Invalid parameter '%s'; compat is one of: 0.10, v2, 1.1, v3", compat);
	if (cluster < 512 || cluster > 2u << 20 || (cluster & (cluster - 1)))
		return err_set(e, EINVAL, "Cluster size must be a power of two between 512 and 2048k");
	p->cluster_bits = (uint32_t)__builtin_ctzll(cluster);
	p->extended = blk_opts_bool(o, "extended_l2", false);
	if (p->extended && p->version < 3)
		return err_set(e, EINVAL, "Extended L2 entries are only supported with compatibility level 1.1 and above (use version=v3 "
					  "or greater)");
	if (p->extended && cluster < 16384)
		return err_set(e, EINVAL, "Extended L2 entries are only supported with cluster sizes of at least 16384 bytes");
	p->lazy = blk_opts_bool(o, "lazy_refcounts", false);
	if (p->lazy && p->version < 3)
		return err_set(e, EINVAL, "Lazy refcounts only supported with compatibility level 1.1 and above (use version=v3 or greater)");
	if (bits < 1 || bits > 64 || (bits & (bits - 1)))
		return err_set(e, EINVAL, "Refcount width must be a power of two and may not exceed 64 bits");
	if (bits != 16 && p->version < 3)
		return err_set(e, EINVAL, "Different refcount widths than 16 bits require compatibility level 1.1 or above (use "
					  "version=v3 or greater)");
	p->refcount_order = (uint32_t)__builtin_ctzll(bits);
	if (type && !strcmp(type, "zstd"))
		p->compression = QCOW2_COMPRESS_ZSTD;
	else if (type && strcmp(type, "zlib"))
		return err_set(e, EINVAL, "Invalid parameter '%s'; compression_type is one of: zlib, zstd", type);
#ifndef HAVE_ZSTD
	if (p->compression)
		return err_set(e, ENOTSUP, "zstd compression is not built in; it needs the package libzstd-dev at build time");
#endif
	if (p->compression && p->version < 3)
		return err_set(e, EINVAL, "Non-zlib compression type is only supported with compatibility level 1.1 and above (use "
					  "version=v3 or greater)");
	p->data_file = blk_opts_string(o, "data_file");
	if (p->data_file && !*p->data_file)
		p->data_file = NULL;
	p->data_raw = blk_opts_bool(o, "data_file_raw", false);
	if (p->data_raw && !p->data_file)
		return err_set(e, EINVAL, "data-file-raw requires data-file");
	if (p->data_file && p->version < 3)
		return err_set(e, EINVAL, "External data files are only supported with compatibility level 1.1 and above (use version=v3 "
					  "or greater)");
	if (p->data_raw && blk_opts_string(o, "backing_file"))
		return err_set(e, EINVAL, "Backing file and data-file-raw cannot be used at the same time");
	if (mode && (r = blk_prealloc_parse(mode, &p->prealloc, e)))
		return r;
	if (p->prealloc && blk_opts_string(o, "backing_file") && !p->extended)
		return err_set(e, EINVAL, "Backing file and preallocation can only be used at the same time if extended_l2 is enabled");
	return 0;
}

/* Tables that count `used` clusters and themselves. */
static void refcount_size(uint64_t used, unsigned cluster_bits, unsigned refcount_order, uint64_t *blocks, uint64_t *table)
{
	uint64_t per_block = (1ull << cluster_bits) * 8 >> refcount_order, last;

	*blocks = *table = 0;
	do {
		last = *blocks + *table;
		*blocks = (used + last + per_block - 1) / per_block;
		*table = (*blocks * 8 + (1ull << cluster_bits) - 1) >> cluster_bits;
	} while (*blocks + *table != last);
}

/* Metadata and data of a fully allocated image. */
static uint64_t full_size(const struct params *p, uint64_t size, uint64_t data_bytes)
{
	uint64_t cs = 1ull << p->cluster_bits, l1 = qcow2_l1_needed(size, p->cluster_bits, p->extended);
	uint64_t entry = p->extended ? 16 : 8, data = (size + cs - 1) / cs, per_table = cs / entry;
	uint64_t l2 = (data + per_table - 1) / per_table, blocks, table;
	uint64_t used = 1 + l2 + (l1 * 8 + cs - 1) / cs;

	refcount_size(used + data, p->cluster_bits, p->refcount_order, &blocks, &table);
	return (used + blocks + table) * cs + data_bytes;
}

/* Room for the bitmaps of a source, as if each of their bits were stored. */
static uint64_t bitmaps_size(const struct blk *src, uint64_t cluster)
{
	const struct qcow2 *s = src->state;
	uint64_t directory = 0, clusters = 0;

	if (strcmp(src->fmt->name, "qcow2"))
		return 0;
	for (uint32_t i = 0; i < s->bitmap_count; i++) {
		uint64_t granularity = UINT64_C(1) << s->bitmaps[i].granularity_bits, bytes = ((src->size + granularity - 1) / granularity + 7) / 8;
		uint64_t data = (bytes + cluster - 1) / cluster;
		clusters += data + (data * 8 + cluster - 1) / cluster;
		directory += round_up64(24 + strlen(s->bitmaps[i].name), 8);
	}
	return clusters * cluster + round_up64(directory, cluster);
}

int qcow2_measure(struct blk_graph *g, struct blk_opts *o, struct blk *src, uint64_t size, struct blk_measure *m, struct err *e)
{
	struct params p;
	uint64_t cs, data = 0, at = 0, rounded;
	int r = get_params(o, &p, e);
	const char *format = blk_opts_string(o, "encrypt.format");

	(void)g;
	if (r)
		return r;
	cs = 1ull << p.cluster_bits;
	rounded = size + (cs - 1) < size ? size : (size + cs - 1) / cs * cs;
	if (qcow2_l1_needed(rounded, p.cluster_bits, p.extended) * 8 > QCOW2_MAX_L1_BYTES)
		return err_set(e, EFBIG, "The image size is too large (try using a larger cluster size)");
	if (src && size > src->size) /* rounded up by the caller */
		size = src->size;
	while (src && at < size && !blk_opts_string(o, "backing_file")) { /* what convert would copy */
		struct blk_status st;
		uint64_t end;
		if ((r = blk_block_status_above(src, NULL, at, size - at, &st)))
			return err_errno(e, -r, "Unable to get block status");
		if ((st.flags & BLK_ST_ZERO) || !(st.flags & BLK_ST_DATA)) {
			at += st.length;
			continue;
		}
		end = round_up64(at + st.length, cs);
		data += end - at / cs * cs;
		at = end;
	}
	while (src && at < size && blk_opts_string(o, "backing_file")) {
		struct blk_status st;
		if ((r = blk_block_status(src, at, size - at, &st)))
			return err_errno(e, -r, "Unable to get block status");
		if (st.flags & BLK_ST_ALLOCATED) {
			uint64_t end = round_up64(at + st.length, cs);
			data += end - at / cs * cs;
			at = end;
		} else {
			at += st.length;
		}
	}
	if (data > rounded)
		data = rounded;
	if (src && blk_skip_filters(src)->fmt->snapshot_create && p.version >= 3) { /* a source that can hold bitmaps */
		m->has_bitmaps = true;
		m->bitmaps = bitmaps_size(blk_skip_filters(src), cs);
	}
	m->required = full_size(&p, rounded, 0);
	m->fully_allocated = m->required + rounded;
	m->required += p.prealloc == BLK_PREALLOC_FALLOC || p.prealloc == BLK_PREALLOC_FULL ? rounded : data;
	if (format && !strcmp(format, "luks")) { /* header and eight key slots of 4000 stripes */
		uint64_t luks = round_up64(2068480, cs);
		m->required += luks;
		m->fully_allocated += luks;
	}
	return 0;
}

int qcow2_preallocate(struct blk *b, uint64_t from, uint64_t to, enum blk_prealloc mode, struct err *e)
{
	struct qcow2 *s = b->state;
	uint64_t mask = s->cluster_size - 1, at = from & ~mask;
	int r = 0;

	if (s->incompatible & QCOW2_INCOMPAT_DATA_FILE) {
		uint64_t data_size;
		if ((r = blk_size(s->data, &data_size)))
			return err_errno(e, -r, "Could not determine the size of the data file");
		if (to > data_size &&
		    (r = blk_truncate(s->data, to, mode == BLK_PREALLOC_METADATA ? BLK_PREALLOC_OFF : mode, e)))
			return r;
	}
	pthread_mutex_lock(&b->lock);
	s->prealloc = mode == BLK_PREALLOC_METADATA ? BLK_PREALLOC_OFF : mode;
	while (at < to && !r) {
		uint64_t index = qcow2_l2_index(s, at), n = qcow2_clusters(s, to - at), table, i = 0, first;
		uint8_t *l2;
		if (n > (1ull << s->l2_bits) - index)
			n = (1ull << s->l2_bits) - index;
		if ((r = qcow2_l2_for_write(b, at, &table, &l2)))
			break;
		first = index;
		while (i < n && !r) {
			struct qcow2_run run = {at + (i << s->cluster_bits), n - i};
			bool fresh = true;
			if (qcow2_entry_get(s, l2, index + i)) { /* grown from the middle of a cluster */
				i++;
				continue;
			}
			if (!(s->incompatible & QCOW2_INCOMPAT_DATA_FILE)) {
				if ((r = qcow2_alloc(b, n - i, &run, &fresh)))
					break;
				if ((r = qcow2_cache_get(b, &s->l2_cache, table, true, &l2)))
					break;
			}
			for (uint64_t k = 0; k < run.clusters; k++) {
				uint64_t entry = (run.offset + (k << s->cluster_bits)) | QCOW2_COPIED;
				if (!fresh && s->sub_count == 1 && s->version >= 3)
					entry |= QCOW2_ZERO; /* the place held something else before */
				qcow2_entry_put(s, l2, index + i + k, entry, fresh && !b->backing_name ? 0xffffffffull : 0);
			}
			if (!fresh && s->version < 3)
				r = blk_pwrite_zeroes(b->file, run.offset, run.clusters << s->cluster_bits, 0);
			i += run.clusters;
		}
		if (!r)
			r = qcow2_l2_flush_entries(b, table, l2, first, n);
		at += n << s->cluster_bits;
	}
	s->prealloc = BLK_PREALLOC_OFF;
	pthread_mutex_unlock(&b->lock);
	/* the last cluster must lie inside the file */
	if (!r && s->fresh_from != UINT64_MAX && s->fresh_from > b->file->size)
		r = blk_truncate(b->file, s->fresh_from, BLK_PREALLOC_OFF, NULL);
	return r ? err_errno(e, -r, "Could not preallocate metadata") : 0;
}

/* Header, refcount table, refcount blocks and L1 table, in this order, behind each other. */
static int write_layout(struct blk *file, const struct params *p, const struct blk_create *c, struct err *e)
{
	unsigned bits = p->cluster_bits;
	uint64_t cs = 1ull << bits, l1 = qcow2_l1_needed(c->size, bits, p->extended), l1_clusters = (l1 * 8 + cs - 1) / cs;
	uint64_t blocks, table, used, per_block = cs * 8 >> p->refcount_order;
	struct qcow2 s = {.version = p->version, .cluster_bits = bits, .cluster_size = cs, .disk_size = c->size,
			  .l1_size = (uint32_t)l1, .refcount_order = p->refcount_order, .refcount_bits = 1u << p->refcount_order,
			  .compression_type = p->compression, .data_file_name = (char *)p->data_file};
	struct blk fake = {.file = file, .state = &s, .graph = c->graph,
			   .backing_name = (char *)blk_opts_string(c->opts, "backing_file"),
			   .backing_fmt = (char *)blk_opts_string(c->opts, "backing_fmt")};
	uint8_t *buf;
	int r;

	if (fake.backing_name && !*fake.backing_name)
		fake.backing_name = NULL;
	refcount_size(1 + l1_clusters, bits, p->refcount_order, &blocks, &table);
	used = 1 + table + blocks + l1_clusters;
	s.reftable_offset = cs;
	s.reftable_clusters = (uint32_t)table;
	s.l1_offset = (1 + table + blocks) * cs;
	if (p->version == 3) {
		s.incompatible = (p->compression ? QCOW2_INCOMPAT_COMPRESSION : 0) | (p->extended ? QCOW2_INCOMPAT_EXTENDED_L2 : 0) |
				 (p->data_file ? QCOW2_INCOMPAT_DATA_FILE : 0);
		s.compatible = p->lazy ? QCOW2_COMPAT_LAZY_REFCOUNTS : 0;
		s.autoclear = p->data_raw ? QCOW2_AUTOCLEAR_RAW_DATA_FILE : 0;
	}
	if ((r = blk_truncate(file, used * cs > file->size ? used * cs : file->size, BLK_PREALLOC_OFF, e)))
		return r;
	buf = calloc(1, table * cs > cs ? table * cs : cs);
	if (!buf)
		return err_errno(e, ENOMEM, "refcount table");
	if (!(file->fmt->flags & BLK_F_GROWS)) /* a device keeps what it held */
		r = blk_pwrite_zeroes(file, 0, used * cs, 0);
	for (uint64_t i = 0; i < blocks; i++)
		be64_put(buf + 8 * i, (1 + table + i) * cs);
	if (!r)
		r = blk_pwrite(file, cs, (size_t)(table * cs), buf);
	for (uint64_t i = 0; i < blocks && !r; i++) {
		memset(buf, 0, cs);
		for (uint64_t k = 0; k < per_block && i * per_block + k < used; k++)
			qcow2_count_write(&s, buf, k, 1);
		r = blk_pwrite(file, (1 + table + i) * cs, cs, buf);
	}
	free(buf);
	if (r)
		return err_errno(e, -r, "Could not write the refcount structures");
	return qcow2_header_write(&fake, e); /* last: without it the file is no image */
}

int qcow2_create(const struct blk_create *c, struct err *e)
{
	const char *crypt = blk_opts_string(c->opts, "encrypt.format");
	struct blk *file = NULL, *data = NULL, *b = NULL;
	struct params p;
	json_t *options = NULL;
	uint64_t largest;
	int r = get_params(c->opts, &p, e);

	if (r)
		return r;
	if (blk_opts_bool(c->opts, "encryption", false)) {
		if (crypt)
			return err_set(e, EINVAL, "Options encryption and encrypt.format are mutually exclusive");
		crypt = "aes";
	}
	if (crypt && strcmp(crypt, "aes") && strcmp(crypt, "luks"))
		return err_set(e, EINVAL, "Invalid parameter '%s'; encrypt.format is one of: aes, luks", crypt);
	if (c->size % BLK_SECTOR)
		return err_set(e, EINVAL, "The image size must be a multiple of 512 bytes");
	largest = (uint64_t)QCOW2_MAX_L1_BYTES / 8 << (2 * p.cluster_bits - (p.extended ? 4 : 3));
	if (c->size > largest || c->size > INT64_MAX - (1ull << 40))
		return err_set(e, EFBIG, "Image is too big for its cluster size of %llu bytes: the limit is %llu bytes; use larger clusters",
			       1ull << p.cluster_bits, (unsigned long long)largest);
	if (p.data_file) {
		char *path = blk_resolve_against(c->filename, p.data_file);
		struct blk_create inner = *c;
		struct blk_option none[] = {{.name = NULL}};
		inner.opts = blk_opts_new(none);
		r = path ? blk_create_file(&inner, path, 0, &data, e) : -ENOMEM;
		blk_opts_free(inner.opts);
		free(path);
		if (r)
			return r;
		if (p.data_raw && (r = blk_truncate(data, c->size, BLK_PREALLOC_OFF, e))) {
			blk_create_abort(data);
			return r;
		}
		blk_unref(data);
	}
	r = blk_create_file(c, c->filename, 0, &file, e);
	if (r)
		return r;
	r = write_layout(file, &p, c, e);
	if (!r && (crypt || p.prealloc)) {
		options = json_pack("{s:s, s:s}", "driver", "qcow2", "file", file->node_name);
		/* the new file is used by this node alone; its parents share it */
		blk_share(file);
		r = blk_open(c->graph, NULL, NULL, options, (c->flags & ~(unsigned)(BLK_WRITETHROUGH | BLK_DIRECT)) | BLK_RDWR | BLK_NO_BACKING |
			     BLK_NO_FLUSH, &b, e);
		json_decref(options);
		if (!r && crypt)
			r = qcow2_crypt_create(b, c, e);
		if (!r && p.prealloc)
			r = qcow2_preallocate(b, 0, c->size, p.prealloc, e);
		if (b) {
			int f = blk_close(b, r ? NULL : e);
			if (!r)
				r = f;
		}
	}
	if (!r && (r = blk_flush(file)))
		err_errno(e, -r, "Could not flush the new image");
	if (r)
		blk_create_abort(file);
	else
		blk_unref(file);
	return r;
}
