/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Compressed clusters: raw deflate with a window of 4 KB (other readers allow no more), or zstd.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#ifdef HAVE_ZSTD
#include <zstd.h>
#endif
#ifdef HAVE_LIBDEFLATE
#include <libdeflate.h>
#endif
#include "block/qcow2.h"

#define WINDOW_BITS (-12)

struct codec { /* one a thread: setting one up costs more than a small cluster */
	z_stream deflate, inflate;
	bool have_deflate, have_inflate;
#ifdef HAVE_LIBDEFLATE
	struct libdeflate_decompressor *fast;
#endif
#ifdef HAVE_ZSTD
	ZSTD_CCtx *cctx;
	ZSTD_DCtx *dctx;
#endif
};

static pthread_key_t codec_key;
static pthread_once_t codec_once = PTHREAD_ONCE_INIT;

static void codec_free(void *p)
{
	struct codec *c = p;

	if (c->have_deflate)
		deflateEnd(&c->deflate);
	if (c->have_inflate)
		inflateEnd(&c->inflate);
#ifdef HAVE_LIBDEFLATE
	libdeflate_free_decompressor(c->fast);
#endif
#ifdef HAVE_ZSTD
	ZSTD_freeCCtx(c->cctx);
	ZSTD_freeDCtx(c->dctx);
#endif
	free(c);
}

static void codec_key_make(void)
{
	pthread_key_create(&codec_key, codec_free);
}

__attribute__((destructor)) static void codec_last(void)
{
	struct codec *c;

	pthread_once(&codec_once, codec_key_make);
	if ((c = pthread_getspecific(codec_key))) { /* of the main thread, which runs no key destructors */
		pthread_setspecific(codec_key, NULL);
		codec_free(c);
	}
}

static struct codec *codec_get(void)
{
	struct codec *c;

	pthread_once(&codec_once, codec_key_make);
	c = pthread_getspecific(codec_key);
	if (!c && (c = calloc(1, sizeof *c)))
		pthread_setspecific(codec_key, c);
	return c;
}

/* Bytes written to dst, 0 if it does not fit (or is not worth it), -errno. */
static ssize_t zlib_compress(struct codec *c, void *dst, size_t room, const void *src, size_t size)
{
	int z;

	if (!c->have_deflate) {
		if (deflateInit2(&c->deflate, Z_DEFAULT_COMPRESSION, Z_DEFLATED, WINDOW_BITS, 9, Z_DEFAULT_STRATEGY) != Z_OK)
			return -ENOMEM;
		c->have_deflate = true;
	} else {
		deflateReset(&c->deflate);
	}
	c->deflate.next_in = (void *)src;
	c->deflate.avail_in = (uInt)size;
	c->deflate.next_out = dst;
	c->deflate.avail_out = (uInt)room;
	z = deflate(&c->deflate, Z_FINISH);
	return z == Z_STREAM_END ? (ssize_t)(room - c->deflate.avail_out) : 0;
}

static int zlib_expand(struct codec *c, void *dst, size_t want, const void *src, size_t size)
{
	int z;
#ifdef HAVE_LIBDEFLATE
	size_t in, out;
	if (!c->fast)
		c->fast = libdeflate_alloc_decompressor();
	if (c->fast && libdeflate_deflate_decompress_ex(c->fast, src, size, dst, want, &in, &out) == LIBDEFLATE_SUCCESS && out == want)
		return 0;
#endif
	if (!c->have_inflate) {
		memset(&c->inflate, 0, sizeof c->inflate);
		if (inflateInit2(&c->inflate, -15) != Z_OK)
			return -ENOMEM;
		c->have_inflate = true;
	} else {
		inflateReset(&c->inflate);
	}
	c->inflate.next_in = (void *)src;
	c->inflate.avail_in = (uInt)size;
	c->inflate.next_out = dst;
	c->inflate.avail_out = (uInt)want;
	z = inflate(&c->inflate, Z_FINISH);
	/* The stream may go on: what counts is that the cluster is full. */
	return (z == Z_STREAM_END || z == Z_BUF_ERROR || z == Z_OK) && c->inflate.avail_out == 0 ? 0 : -EIO;
}

#ifdef HAVE_ZSTD
static ssize_t zstd_compress(struct codec *c, void *dst, size_t room, const void *src, size_t size)
{
	size_t n;

	if (!c->cctx && !(c->cctx = ZSTD_createCCtx()))
		return -ENOMEM;
	n = ZSTD_compressCCtx(c->cctx, dst, room, src, size, ZSTD_CLEVEL_DEFAULT);
	return ZSTD_isError(n) ? 0 : (ssize_t)n;
}

static int zstd_expand(struct codec *c, void *dst, size_t want, const void *src, size_t size)
{
	ZSTD_inBuffer in = {src, size, 0};
	ZSTD_outBuffer out = {dst, want, 0};

	if (!c->dctx && !(c->dctx = ZSTD_createDCtx()))
		return -ENOMEM;
	ZSTD_DCtx_reset(c->dctx, ZSTD_reset_session_only);
	while (out.pos < out.size) {
		size_t pos = out.pos, taken = in.pos, n = ZSTD_decompressStream(c->dctx, &out, &in);
		if (ZSTD_isError(n) || (out.pos == pos && in.pos == taken))
			return -EIO;
		if (n == 0 && out.pos < out.size)
			return -EIO;
	}
	return 0;
}
#endif

static int expand(const struct qcow2 *s, void *dst, size_t want, const void *src, size_t size)
{
	struct codec *c = codec_get();

	if (!c)
		return -ENOMEM;
	if (s->compression_type == QCOW2_COMPRESS_ZLIB)
		return zlib_expand(c, dst, want, src, size);
#ifdef HAVE_ZSTD
	return zstd_expand(c, dst, want, src, size);
#else
	return -ENOTSUP;
#endif
}

int qcow2_read_compressed(struct blk *b, uint64_t entry, size_t skip, size_t length, void *buf)
{
	struct qcow2 *s = b->state;
	uint64_t at, size;
	uint8_t *in = NULL, *out = NULL;
	int r;

	qcow2_compressed_place(s, entry, &at, &size);
	if (skip == 0 && length == s->cluster_size) {
		out = buf;
	} else {
		pthread_mutex_lock(&s->inflate_lock);
		if (s->inflated && s->inflated_entry == entry) {
			memcpy(buf, s->inflated + skip, length);
			pthread_mutex_unlock(&s->inflate_lock);
			return 0;
		}
		pthread_mutex_unlock(&s->inflate_lock);
		out = malloc(s->cluster_size);
	}
	if (at >= b->file->size)
		size = 0;
	else if (size > b->file->size - at)
		size = b->file->size - at; /* the last sector need not be whole */
	in = malloc(size + 1);
	if (!in || !out) {
		r = -ENOMEM;
	} else if (!size) {
		r = -EIO;
	} else {
		blk_event(b->file, BLK_EVENT_READ_COMPRESSED);
		r = blk_pread(b->file, at, size, in);
		if (!r)
			r = expand(s, out, s->cluster_size, in, size);
	}
	free(in);
	if (out != buf) {
		if (!r) {
			memcpy(buf, out + skip, length);
			pthread_mutex_lock(&s->inflate_lock);
			uint8_t *was = s->inflated;
			s->inflated = out;
			s->inflated_entry = entry;
			pthread_mutex_unlock(&s->inflate_lock);
			out = was;
		}
		free(out);
	}
	return r;
}

/* A quick look at a part: is it worth the trouble? Random-looking bytes are not. */
static bool looks_random(const uint8_t *p, size_t size)
{
	uint16_t count[256] = {0};
	size_t sample = 2048, step = size / sample;
	uint32_t sum = 0;

	if (size < 8192)
		return false;
	for (size_t i = 0; i < sample; i++)
		count[p[i * step]]++;
	for (unsigned i = 0; i < 256; i++)
		sum += (uint32_t)count[i] * count[i];
	/* uniform bytes: sample + sample^2/256 = 18432 expected; 8-bit-even data only */
	return sum < 19600;
}

int qcow2_pwrite_compressed(struct blk *b, uint64_t offset, size_t length, const void *buf)
{
	struct qcow2 *s = b->state;
	uint64_t mask = s->cluster_size - 1, table, at, old, entry;
	struct codec *c = codec_get();
	uint8_t *out = NULL, *padded = NULL, *l2;
	ssize_t n = 0;
	bool linked = false;
	int r;

	if (!length)
		return 0;
	if (!b->supports_compressed || (s->incompatible & QCOW2_INCOMPAT_DATA_FILE))
		return -ENOTSUP;
	if (s->corrupt_marked)
		return -EIO;
	if (offset & mask || (length != s->cluster_size && offset + length != b->size) || length > s->cluster_size) {
		/* only whole clusters can be compressed: the rest is split */
		const uint8_t *p = buf;
		while (length) {
			size_t part = (size_t)(s->cluster_size - (offset & mask));
			if (part > length)
				part = length;
			if ((offset & mask) == 0 && (part == s->cluster_size || offset + part == b->size))
				r = qcow2_pwrite_compressed(b, offset, part, p);
			else
				r = -EINVAL;
			if (r)
				return r;
			p += part;
			offset += part;
			length -= part;
		}
		return 0;
	}
	if (!__atomic_load_n(&s->wrote, __ATOMIC_ACQUIRE) && (r = qcow2_before_write(b)))
		return r;
	if (!c)
		return -ENOMEM;
	if (length < s->cluster_size) {
		padded = calloc(1, s->cluster_size);
		if (!padded)
			return -ENOMEM;
		memcpy(padded, buf, length);
		buf = padded;
	}
	out = malloc(s->cluster_size);
	if (!out) {
		free(padded);
		return -ENOMEM;
	}
	if (!looks_random(buf, s->cluster_size)) {
		if (s->compression_type == QCOW2_COMPRESS_ZLIB)
			n = zlib_compress(c, out, s->cluster_size - 1, buf, s->cluster_size);
#ifdef HAVE_ZSTD
		else
			n = zstd_compress(c, out, s->cluster_size - 1, buf, s->cluster_size);
#endif
	}
	if (n <= 0) { /* not smaller: an ordinary cluster */
		r = n < 0 ? (int)n : qcow2_write(b, offset, length, buf);
		goto out;
	}
	pthread_rwlock_rdlock(&s->io);
	pthread_mutex_lock(&s->inflate_lock);
	s->inflated_entry = 0; /* its place may be used anew */
	pthread_mutex_unlock(&s->inflate_lock);
	pthread_mutex_lock(&b->lock);
	if (!(r = qcow2_alloc_bytes(b, (size_t)n, &at))) {
		uint64_t last = at + (uint64_t)n - 1;
		unsigned shift = 62 - (s->cluster_bits - 8);
		entry = QCOW2_COMPRESSED | at | ((last >> 9) - (at >> 9)) << shift;
		if (at >> shift || at >> 56)
			r = -EFBIG;
		pthread_mutex_unlock(&b->lock);
		blk_event(b->file, BLK_EVENT_WRITE_COMPRESSED);
		if (!r)
			r = blk_pwrite(b->file, at, (size_t)n, out);
		if (!r) /* half a stream is neither the old contents nor the new */
			r = qcow2_barrier(b);
		pthread_mutex_lock(&b->lock);
		if (!r && !(r = qcow2_l2_for_write(b, offset, &table, &l2))) {
			uint64_t i = qcow2_l2_index(s, offset);
			old = qcow2_entry_get(s, l2, i);
			qcow2_entry_put(s, l2, i, entry, 0);
			linked = true;
			r = qcow2_l2_flush_entries(b, table, l2, i, 1);
			if (!r)
				r = qcow2_entry_release(b, old);
		}
		if (r && !linked) /* an entry that may have reached the file keeps its clusters */
			qcow2_entry_release(b, entry);
	}
	pthread_mutex_unlock(&b->lock);
	pthread_rwlock_unlock(&s->io);
out:
	free(out);
	free(padded);
	return r;
}
