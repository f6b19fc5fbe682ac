/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The first qcow format: copy on write over a backing file, zlib clusters, AES.
 *
 * Theory of operation. A big-endian header, a first-level table of file offsets of second-level tables, these of file
 * offsets of clusters. Bit 63 of an entry: the cluster is a raw deflate stream (4 KB window) whose length is in the
 * bits above 63 - cluster_bits. Everything new goes to the end of the file: a table or cluster is there, all zeros,
 * before its entry is. The format keeps no count of what is in use, so there is nothing to check or repair.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "block/block.h"
#include "block/blockmap.h"
#include "crypto/cipher.h"
#include "crypto/object.h"

enum { H_MAGIC = 0, H_VERSION = 4, H_BACKING = 8, H_BACKING_BYTES = 16, H_MTIME = 20, H_SIZE = 24, H_CLUSTER_BITS = 32,
       H_L2_BITS = 33, H_CRYPT = 36, H_L1 = 40, H_BYTES = 48 };
enum { QCOW_MAGIC = 0x514649fb, QCOW_PLAIN = 0, QCOW_AES = 1, QCOW_MAX_NAME = 1023 };
static const uint64_t QCOW_COMPRESSED = UINT64_C(1) << 63;

struct qcow {
	struct blockmap map; /* first: blockmap.h */
	unsigned cluster_bits, l2_bits;
	uint64_t l1, l1_entries, next;
	struct sector_cipher *cipher;
};

static int qcow_probe(const uint8_t *buf, size_t size, const char *filename)
{
	(void)filename;
	return size >= H_BYTES && be32_get(buf) == QCOW_MAGIC && be32_get(buf + H_VERSION) == 1 ? 100 : 0;
}

/* The second-level entry's own offset in the file; 0: there is no table. */
static int qcow_entry_at(struct qcow *s, uint64_t index, uint64_t *at)
{
	uint64_t i = index >> s->l2_bits;
	uint8_t raw[8];
	int r;

	*at = 0;
	if (i >= s->l1_entries)
		return -EIO;
	r = metacache_read(s->map.meta, s->l1 + i * 8, raw, 8);
	if (r < 0)
		return r;
	*at = be64_get(raw);
	if (!*at)
		return 0;
	if (*at > (uint64_t)INT64_MAX / 2 || *at % 8)
		return -EIO;
	*at += (index & ((UINT64_C(1) << s->l2_bits) - 1)) * 8;
	return 0;
}

static int qcow_find(void *image, uint64_t index, struct place *p)
{
	struct qcow *s = image;
	uint64_t at, entry;
	uint8_t raw[8];
	int r = qcow_entry_at(s, index, &at);

	p->kind = PLACE_NONE;
	if (r < 0 || !at) {
		p->run = (UINT64_C(1) << s->l2_bits) - (index & ((UINT64_C(1) << s->l2_bits) - 1));
		return r;
	}
	r = metacache_read(s->map.meta, at, raw, 8);
	entry = be64_get(raw);
	if (r < 0 || !entry)
		return r;
	p->file = s->map.node->file;
	if (entry & QCOW_COMPRESSED) {
		p->kind = PLACE_PACKED;
		p->length = (uint32_t)(entry >> (63 - s->cluster_bits)) & (s->map.block - 1);
		p->host = entry & ((UINT64_C(1) << (63 - s->cluster_bits)) - 1);
	} else {
		p->kind = PLACE_DATA;
		p->host = entry;
	}
	return p->host > (uint64_t)INT64_MAX / 2 ? -EIO : 0;
}

static int qcow_unpack(void *image, uint64_t index, const struct place *p, uint8_t *buf)
{
	struct qcow *s = image;
	uint8_t *in = malloc(p->length + 1);
	z_stream z = {.next_out = buf, .avail_out = s->map.block};
	int r = in ? blk_pread(p->file, p->host, p->length, in) : -ENOMEM;

	(void)index;
	if (!r) {
		z.next_in = in;
		z.avail_in = p->length;
		if (inflateInit2(&z, -12) != Z_OK) {
			r = -ENOMEM;
		} else {
			int got = inflate(&z, Z_FINISH);
			/* Writers pad the stream or cut its end: what counts is that the cluster is whole. */
			if ((got != Z_STREAM_END && got != Z_BUF_ERROR) || z.avail_out)
				r = -EIO;
			inflateEnd(&z);
		}
	}
	free(in);
	return r;
}

static int qcow_allocate(void *image, uint64_t index, unsigned *count, struct place *p)
{
	struct qcow *s = image;
	uint64_t host = round_up64(s->next, s->map.block), bytes = (uint64_t)*count * s->map.block;
	int r;

	(void)index;
	if (host + bytes > (uint64_t)INT64_MAX / 2)
		return -EFBIG;
	r = blockmap_grow(s->map.node->file, host, bytes, p);
	if (!r)
		s->next = host + bytes;
	return r;
}

/* Makes a second-level table where there is none, and enters one value. */
static int qcow_enter(struct qcow *s, uint64_t index, uint64_t value)
{
	uint64_t at, bytes = UINT64_C(8) << s->l2_bits;
	struct place p;
	uint8_t raw[8];
	int r = qcow_entry_at(s, index, &at);

	if (r < 0)
		return r;
	if (!at) {
		uint64_t host = round_up64(s->next, s->map.block);
		r = blockmap_grow(s->map.node->file, host, bytes, &p);
		if (!r && !p.zeroed)
			r = blk_pwrite_zeroes(s->map.node->file, host, bytes, 0);
		if (!r && !p.zeroed)
			r = blk_flush(s->map.node->file);
		if (r < 0)
			return r;
		s->next = host + bytes;
		metacache_forget(s->map.meta, host, bytes);
		be64_put(raw, host);
		r = metacache_write(s->map.meta, s->l1 + (index >> s->l2_bits) * 8, raw, 8);
		if (r < 0)
			return r;
		at = host + (index & ((UINT64_C(1) << s->l2_bits) - 1)) * 8;
	}
	be64_put(raw, value);
	return metacache_write(s->map.meta, at, raw, 8);
}

static int qcow_publish(void *image, uint64_t index, unsigned count, const struct place *p)
{
	struct qcow *s = image;
	int r = 0;

	for (unsigned i = 0; i < count && !r; i++)
		r = qcow_enter(s, index + i, p->host + (uint64_t)i * s->map.block);
	return r;
}

static void qcow_encrypt(void *image, uint64_t off, uint8_t *dst, const uint8_t *src, size_t len)
{
	struct qcow *s = image;

	sector_encrypt(s->cipher, off / BLK_SECTOR, BLK_SECTOR, dst, src, len);
}

static void qcow_decrypt(void *image, uint64_t off, uint8_t *dst, const uint8_t *src, size_t len)
{
	struct qcow *s = image;

	sector_decrypt(s->cipher, off / BLK_SECTOR, BLK_SECTOR, dst, src, len);
}

static const struct blockmap_ops qcow_ops = {
	.find = qcow_find, .allocate = qcow_allocate, .publish = qcow_publish, .unpack = qcow_unpack};
static const struct blockmap_ops qcow_aes_ops = {.find = qcow_find, .allocate = qcow_allocate, .publish = qcow_publish,
						 .unpack = qcow_unpack, .encrypt = qcow_encrypt, .decrypt = qcow_decrypt};

/* The key is the first 16 bytes of the passphrase, padded with zeros: no derivation, hence "rescue only". */
static struct sector_cipher *qcow_key(struct blk_graph *g, const char *id, struct err *e)
{
	struct sector_cipher *c;
	uint8_t key[16] = {0}, *secret;
	size_t n;

	if (!id) {
		err_set(e, EINVAL, "Parameter 'encrypt.key-secret' is required for cipher");
		return NULL;
	}
	secret = secret_get(blk_graph_objects(g), id, &n, e);
	if (!secret)
		return NULL;
	memcpy(key, secret, n < sizeof key ? n : sizeof key);
	secret_free(secret, n);
	c = sector_cipher_new(cipher_find("aes-128"), CIPHER_CBC, IVGEN_PLAIN64, NULL, key, sizeof key, e);
	forget(key, sizeof key);
	return c;
}

static int qcow_open(struct blk *b, struct err *e)
{
	struct qcow *s = b->state;
	const struct blockmap_ops *ops = &qcow_ops;
	uint64_t length, backing, span;
	uint32_t crypt, name;
	uint8_t h[H_BYTES];
	int r = blk_pread_what(b->file, 0, sizeof h, h, "qcow header", e);

	if (r < 0)
		return r;
	if (be32_get(h) != QCOW_MAGIC)
		return err_set(e, EINVAL, "Image not in qcow format");
	if (be32_get(h + H_VERSION) != 1)
		return err_set(e, ENOTSUP, "qcow (v%u) does not support qcow version %u", 1, be32_get(h + H_VERSION));
	b->size = be64_get(h + H_SIZE);
	s->cluster_bits = h[H_CLUSTER_BITS];
	s->l2_bits = h[H_L2_BITS];
	crypt = be32_get(h + H_CRYPT);
	s->l1 = be64_get(h + H_L1);
	if (b->size <= 1)
		return err_set(e, EINVAL, "Image size %" PRIu64 " is too small (must be at least 2 bytes)", b->size);
	if (s->cluster_bits < 9 || s->cluster_bits > 16)
		return err_set(e, EINVAL, "Cluster size must be between 512 and 64k (cluster_bits is %u)", s->cluster_bits);
	if (s->l2_bits < 9 - 3 || s->l2_bits > 16 - 3)
		return err_set(e, EINVAL, "L2 table size must be between 512 and 64k (l2_bits is %u)", s->l2_bits);
	if (crypt > QCOW_AES)
		return err_set(e, EINVAL, "invalid encryption method %u in qcow header, 0 and 1 are known", crypt);
	span = UINT64_C(1) << (s->cluster_bits + s->l2_bits);
	if (b->size > (uint64_t)INT64_MAX - span)
		return err_set(e, EINVAL, "Image too large: %" PRIu64 " bytes, at most %" PRIu64, b->size, (uint64_t)INT64_MAX - span);
	s->l1_entries = (b->size + span - 1) / span;
	if (s->l1_entries > INT32_MAX / 8)
		return err_set(e, EINVAL, "Image too large: %" PRIu64 " entries in the first-level table, at most %d", s->l1_entries,
			       INT32_MAX / 8);
	r = blk_size(b->file, &length);
	if (r < 0)
		return err_errno(e, -r, "cannot ask for the size");
	if (s->l1 < H_BYTES || s->l1 > length || s->l1_entries * 8 > length - s->l1)
		return err_set(e, EINVAL, "first-level table of %" PRIu64 " entries at 0x%" PRIx64 " is not within the file of %" PRIu64
			       " bytes", s->l1_entries, s->l1, length);
	backing = be64_get(h + H_BACKING);
	name = be32_get(h + H_BACKING_BYTES);
	if (backing) {
		if (name > QCOW_MAX_NAME)
			return err_set(e, EINVAL, "Backing file name too long: %u bytes, at most %d", name, QCOW_MAX_NAME);
		if (backing > length || name > length - backing)
			return err_set(e, EINVAL, "backing file name at 0x%" PRIx64 " ends beyond the file", backing);
		b->backing_name = calloc(1, name + 1);
		if (!b->backing_name)
			return err_errno(e, ENOMEM, "backing file name");
		r = blk_pread_what(b->file, backing, name, b->backing_name, "backing file name", e);
		if (r < 0)
			return r;
	}
	s->next = length;
	b->supports_compressed = crypt == QCOW_PLAIN;
	b->align = BLK_SECTOR;
	if (crypt == QCOW_AES) {
		const char *format = blk_opts_string(b->opts, "encrypt.format");
		b->encrypted = true;
		if (format && strcmp(format, "aes"))
			return err_set(e, EINVAL, "Header reported 'aes' encryption format but options specify '%s'", format);
		if (!(b->flags & BLK_NO_IO)) {
			s->cipher = qcow_key(b->graph, blk_opts_string(b->opts, "encrypt.key-secret"), e);
			if (!s->cipher)
				return e && e->code ? -e->code : -EINVAL;
		}
		ops = &qcow_aes_ops;
	}
	return blockmap_attach(b, ops, 1u << s->cluster_bits, e);
}

static void qcow_close(struct blk *b)
{
	struct qcow *s = b->state;

	sector_cipher_free(s->cipher);
	blockmap_detach(&s->map);
}

static int qcow_pread(struct blk *b, uint64_t off, size_t n, void *buf)
{
	struct qcow *s = b->state;

	return b->encrypted && !s->cipher ? -EPERM : blockmap_pread(b, off, n, buf);
}

static int qcow_pwrite(struct blk *b, uint64_t off, size_t n, const void *buf, unsigned flags)
{
	struct qcow *s = b->state;

	return b->encrypted && !s->cipher ? -EPERM : blockmap_pwrite(b, off, n, buf, flags);
}

static int qcow_pwrite_compressed(struct blk *b, uint64_t off, size_t n, const void *buf)
{
	struct qcow *s = b->state;
	size_t cluster = s->map.block, packed = 0;
	uint8_t *in, *out;
	z_stream z = {0};
	int r;

	if (!n)
		return 0;
	if (off % cluster || n > cluster || (n < cluster && off + n != b->size) || b->encrypted)
		return -EINVAL;
	in = calloc(1, 2 * cluster);
	if (!in)
		return -ENOMEM;
	memcpy(in, buf, n);
	out = in + cluster;
	z.next_in = in;
	z.avail_in = (unsigned)cluster;
	z.next_out = out;
	z.avail_out = (unsigned)cluster - 1;
	r = deflateInit2(&z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, -12, 9, Z_DEFAULT_STRATEGY) == Z_OK ? 0 : -ENOMEM;
	if (!r) {
		packed = deflate(&z, Z_FINISH) == Z_STREAM_END ? cluster - 1 - z.avail_out : 0;
		deflateEnd(&z);
	}
	pthread_mutex_lock(&s->map.lock);
	if (!r && packed && s->next + packed < UINT64_C(1) << (63 - s->cluster_bits)) {
		uint64_t host = s->next;

		r = blk_pwrite(b->file, host, packed, out);
		if (!r)
			s->next = host + packed;
		/* Half a stream is neither the old contents nor the new. Conversion runs without flushes (cache=unsafe). */
		if (!r)
			r = blk_flush(b->file);
		if (!r)
			r = qcow_enter(s, off / cluster, QCOW_COMPRESSED | (uint64_t)packed << (63 - s->cluster_bits) | host);
		blockmap_forget(&s->map, off / cluster);
		pthread_mutex_unlock(&s->map.lock);
	} else {
		pthread_mutex_unlock(&s->map.lock);
		if (!r)
			r = blockmap_pwrite(b, off, n, buf, 0);
	}
	free(in);
	return r;
}

static void qcow_geometry(struct blk *b, struct blk_geometry *g)
{
	struct qcow *s = b->state;

	g->cluster_size = s->map.block;
}

/* Drops everything this layer holds: first the entries, then, when that is safe on the disk, the space. */
static int qcow_make_empty(struct blk *b, struct err *e)
{
	struct qcow *s = b->state;
	uint64_t end = s->l1 + s->l1_entries * 8;
	int r;

	pthread_mutex_lock(&s->map.lock);
	r = blk_pwrite_zeroes(b->file, s->l1, s->l1_entries * 8, 0);
	if (!r)
		r = blk_flush(b->file);
	metacache_forget(s->map.meta, 0, s->next);
	if (!r)
		r = blk_truncate(b->file, end, BLK_PREALLOC_OFF, e);
	if (!r)
		s->next = end;
	s->map.packed_index = UINT64_MAX;
	pthread_mutex_unlock(&s->map.lock);
	return r < 0 ? err_errno(e, -r, "cannot empty the image") : 0;
}

static const char *const aes_only[] = {"aes", NULL};
static const struct blk_option qcow_options[] = {
	{"encrypt.format", BLK_OPT_STRING, "Encryption format, must be 'aes'", NULL, aes_only},
	{"encrypt.key-secret", BLK_OPT_STRING, "ID of the secret that provides the AES encryption key", NULL, NULL},
	{NULL, 0, NULL, NULL, NULL},
};
static const struct blk_option qcow_create_options[] = {
	{"backing_file", BLK_OPT_STRING, "File name of a base image", NULL, NULL},
	{"backing_fmt", BLK_OPT_STRING, "Format of the backing image", NULL, NULL},
	{"encryption", BLK_OPT_BOOL, "Encrypt the image with format 'aes'. (Deprecated in favor of encrypt.format=aes)", NULL,
	 NULL},
	{"encrypt.format", BLK_OPT_STRING, "Encrypt the image, format choices: 'aes'", NULL, NULL},
	{"encrypt.key-secret", BLK_OPT_STRING, "ID of the secret that provides the AES encryption key", NULL, NULL},
	{NULL, 0, NULL, NULL, NULL},
};

static int qcow_create(const struct blk_create *c, struct err *e)
{
	const char *backing = blk_opts_string(c->opts, "backing_file"), *format = blk_opts_string(c->opts, "encrypt.format");
	bool aes = blk_opts_bool(c->opts, "encryption", false);
	uint64_t size = round_up64(c->size, BLK_SECTOR), l1, entries;
	unsigned cluster_bits = 12, l2_bits = 9;
	uint8_t h[H_BYTES] = {0};
	size_t name = backing ? strlen(backing) : 0;
	struct blk *b;
	int r;

	if (!c->size)
		return err_set(e, EINVAL, "Image size is too small, cannot be zero length");
	if (size > (uint64_t)INT64_MAX - (1 << 21))
		return err_set(e, EINVAL, "Image size is too large");
	if (format && aes)
		return err_set(e, EINVAL, "Options encryption and encrypt.format are mutually exclusive");
	if (format && strcmp(format, "aes"))
		return err_set(e, EINVAL, "Invalid parameter '%s' for encrypt.format: only aes is possible", format);
	aes = aes || format;
	if (aes) {
		/* The key leaves no trace in the image: creation asks for it so that a typing error shows now. */
		struct sector_cipher *key = qcow_key(c->graph, blk_opts_string(c->opts, "encrypt.key-secret"), e);
		if (!key)
			return e && e->code ? -e->code : -EINVAL;
		sector_cipher_free(key);
	}
	if (name) {
		if (name > QCOW_MAX_NAME)
			return err_set(e, EINVAL, "Backing file name too long: %zu bytes, at most %d", name, QCOW_MAX_NAME);
		/* Small clusters copy less from the backing file. */
		cluster_bits = 9;
		l2_bits = 12;
		be64_put(h + H_BACKING, H_BYTES);
		be32_put(h + H_BACKING_BYTES, (uint32_t)name);
	}
	l1 = round_up64(H_BYTES + name, 8);
	entries = (size + (UINT64_C(1) << (cluster_bits + l2_bits)) - 1) >> (cluster_bits + l2_bits);
	if (entries > INT32_MAX / 8)
		return err_set(e, EINVAL, "Image size is too large");
	be32_put(h + H_MAGIC, QCOW_MAGIC);
	be32_put(h + H_VERSION, 1);
	be64_put(h + H_SIZE, size);
	h[H_CLUSTER_BITS] = (uint8_t)cluster_bits;
	h[H_L2_BITS] = (uint8_t)l2_bits;
	be32_put(h + H_CRYPT, aes ? QCOW_AES : QCOW_PLAIN);
	be64_put(h + H_L1, l1);
	r = blk_create_file(c, c->filename, 0, &b, e);
	if (r < 0)
		return r;
	r = blk_truncate(b, l1 + entries * 8, BLK_PREALLOC_OFF, e);
	if (!r && name)
		r = blk_pwrite(b, H_BYTES, name, backing);
	if (!r)
		r = blk_pwrite(b, 0, sizeof h, h);
	return blk_create_end(b, r, "the qcow header", c->filename, e);
}

BLOCK_FORMAT(qcow) = {
	.name = "qcow",
	.flags = BLK_F_BACKING | BLK_F_ENCRYPTS,
	.state_size = sizeof(struct qcow),
	.options = qcow_options,
	.create_options = qcow_create_options,
	.probe = qcow_probe,
	.open = qcow_open,
	.close = qcow_close,
	.create = qcow_create,
	.pread = qcow_pread,
	.pwrite = qcow_pwrite,
	.pwrite_compressed = qcow_pwrite_compressed,
	.block_status = blockmap_block_status,
	.geometry = qcow_geometry,
	.make_empty = qcow_make_empty,
};
