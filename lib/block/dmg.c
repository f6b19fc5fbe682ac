/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Apple's disk images (UDIF, "dmg"), read-only: plain, zeros, zlib (UDZO), bzip2 (UDBZ) and LZMA (ULMO) chunks.
 *
 * Theory of operation. The last 512 bytes ("koly") say where the list of block tables is: in an XML property list
 * (key blkx, base64) or in an old resource fork (type blkx). Each table ("mish") describes runs of sectors: where
 * their packed form lies and what made it. All runs go into one array sorted by sector; the last chunk that was
 * unpacked is kept. LZFSE and ADC chunks are refused when the image is opened, by name.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <zlib.h>
#ifdef HAVE_BZIP2
#include <bzlib.h>
#endif
#ifdef HAVE_LZMA
#include <lzma.h>
#endif

#include "block/block.h"
#include "crypto/object.h"

enum { KOLY_BYTES = 512, K_DATA = 24, K_RSRC = 40, K_RSRC_BYTES = 48, K_XML = 216, K_XML_BYTES = 224 };
enum { M_FIRST = 8, M_DATA = 24, M_COUNT = 200, M_CHUNKS = 204, C_BYTES = 40 };
enum { MAX_LIST = 16 << 20, MAX_CHUNK = 16 << 20, MAX_CHUNKS = 1 << 20 };
static const uint32_t T_ZERO = 0, T_RAW = 1, T_IGNORE = 2, T_ADC = 0x80000004, T_ZLIB = 0x80000005, T_BZIP2 = 0x80000006,
		      T_LZFSE = 0x80000007, T_LZMA = 0x80000008, T_COMMENT = 0x7ffffffe, T_END = 0xffffffff;

struct chunk {
	uint32_t type;
	uint64_t start, bytes;	/* of the guest's disk */
	uint64_t host, length; /* in the file */
};

struct dmg {
	struct chunk *chunk;
	size_t count, room;
	uint64_t data, length; /* data: offset of the data fork; length: of the file */
	pthread_mutex_t lock;
	bool locked_made;
	uint8_t *unpacked;
	size_t unpacked_index; /* SIZE_MAX: none */
};

static int dmg_probe(const uint8_t *buf, size_t size, const char *filename)
{
	size_t n = filename ? strlen(filename) : 0;

	(void)buf;
	(void)size;
	/* The signature is at the other end: only the name can tell. */
	return n > 4 && !strcmp(filename + n - 4, ".dmg") ? 2 : 0;
}

static int add_chunk(struct dmg *s, const struct chunk *c, struct err *e)
{
	if (s->count == s->room) {
		size_t room = s->room ? 2 * s->room : 256;
		struct chunk *list = s->count < MAX_CHUNKS ? reallocarray(s->chunk, room, sizeof *list) : NULL;
		if (!list)
			return err_set(e, EFBIG, "more than %d chunks", MAX_CHUNKS);
		s->chunk = list;
		s->room = room;
	}
	s->chunk[s->count++] = *c;
	return 0;
}

/* One block table. */
static int parse_mish(struct dmg *s, const uint8_t *m, size_t n, struct err *e)
{
	uint64_t first, data;
	uint32_t count;

	if (n < M_CHUNKS || memcmp(m, "mish", 4))
		return err_set(e, EINVAL, "block table of %zu bytes does not begin with 'mish'", n);
	first = be64_get(m + M_FIRST);
	data = be64_get(m + M_DATA);
	count = be32_get(m + M_COUNT);
	if (count > (n - M_CHUNKS) / C_BYTES)
		return err_set(e, EINVAL, "block table says %u chunks, its %zu bytes hold %zu", count, n, (n - M_CHUNKS) / C_BYTES);
	for (uint32_t i = 0; i < count; i++) {
		const uint8_t *d = m + M_CHUNKS + (size_t)i * C_BYTES;
		uint64_t sector = be64_get(d + 8), sectors = be64_get(d + 16);
		struct chunk c = {.type = be32_get(d), .host = be64_get(d + 24), .length = be64_get(d + 32)};
		int r;
		if (c.type == T_COMMENT || c.type == T_END || !sectors)
			continue;
		if (c.type == T_LZFSE || c.type == T_ADC) {
			err_set(e, ENOTSUP, "chunk %u is packed with %s, which is not built in", i, c.type == T_ADC ? "ADC" : "LZFSE");
			err_hint(e, "On a Mac: hdiutil convert IMAGE -format UDZO -o NEW makes one with zlib.");
			return -ENOTSUP;
		}
		if (c.type != T_ZERO && c.type != T_IGNORE && c.type != T_RAW && c.type != T_ZLIB && c.type != T_BZIP2 &&
		    c.type != T_LZMA)
			return err_set(e, ENOTSUP, "chunk %u has the unknown type 0x%08" PRIx32, i, c.type);
		if (first > (uint64_t)INT64_MAX / BLK_SECTOR || sector > (uint64_t)INT64_MAX / BLK_SECTOR - first ||
		    sectors > (uint64_t)INT64_MAX / BLK_SECTOR - first - sector)
			return err_set(e, EINVAL, "chunk %u: %" PRIu64 " sectors at %" PRIu64 " are beyond any disk", i, sectors, sector);
		c.start = (first + sector) * BLK_SECTOR;
		c.bytes = sectors * BLK_SECTOR;
		if (c.type != T_ZERO && c.type != T_IGNORE) {
			if (data > s->length || c.host > s->length || s->data + data + c.host > s->length ||
			    c.length > s->length - s->data - data - c.host)
				return err_set(e, EINVAL, "chunk %u: %" PRIu64 " bytes at %" PRIu64 " end beyond the file of %" PRIu64, i,
					       c.length, c.host, s->length);
			c.host += s->data + data;
		}
		if (c.type == T_RAW && c.length < c.bytes)
			return err_set(e, EINVAL, "chunk %u: %" PRIu64 " bytes stored for %" PRIu64, i, c.length, c.bytes);
		if (c.type > T_IGNORE && c.bytes > MAX_CHUNK)
			return err_set(e, EINVAL, "chunk %u: sector count %" PRIu64 " is larger than max (%u)", i, sectors,
				       MAX_CHUNK / BLK_SECTOR);
		if (c.type > T_IGNORE && c.length > 2 * MAX_CHUNK)
			return err_set(e, EINVAL, "chunk %u: length %" PRIu64 " is larger than max (%u)", i, c.length, 2 * MAX_CHUNK);
		r = add_chunk(s, &c, e);
		if (r < 0)
			return r;
	}
	return 0;
}

static uint8_t *read_list(struct blk *b, uint64_t off, uint64_t n, const char *what, struct err *e)
{
	struct dmg *s = b->state;
	uint8_t *text;

	if (!n || n > MAX_LIST || off > s->length || n > s->length - off) {
		err_set(e, EINVAL, "%s of %" PRIu64 " bytes at %" PRIu64 " is not within the file of %" PRIu64 " bytes, or above %d", what, n,
			off, s->length, MAX_LIST);
		return NULL;
	}
	text = malloc(n + 1);
	if (!text) {
		err_errno(e, ENOMEM, "%s", what);
		return NULL;
	}
	text[n] = '\0';
	if (blk_pread_what(b->file, off, n, text, what, e) < 0) {
		free(text);
		return NULL;
	}
	return text;
}

/* <key>blkx</key> <array> <dict> ... <data> BASE64 </data> ... </array> */
static int parse_xml(struct blk *b, uint64_t off, uint64_t n, struct err *e)
{
	struct dmg *s = b->state;
	char *text = (char *)read_list(b, off, n, "property list", e), *at, *end;
	int r = 0;

	if (!text)
		return -EINVAL;
	at = strstr(text, "<key>blkx</key>");
	end = at ? strstr(at, "</array>") : NULL;
	if (!end) {
		r = err_set(e, EINVAL, "property list has no array with the key blkx");
		goto out;
	}
	while (!r && (at = strstr(at, "<data>")) && at < end) {
		char *stop = strstr(at, "</data>");
		size_t len;
		uint8_t *mish;
		if (!stop || stop > end) {
			r = err_set(e, EINVAL, "property list has <data> without its end");
			break;
		}
		mish = base64_get("block table in the property list", at + 6, (size_t)(stop - at - 6), &len, e);
		if (!mish) {
			r = -EINVAL;
			break;
		}
		r = parse_mish(s, mish, len, e);
		free(mish);
		at = stop;
	}
out:
	free(text);
	return r;
}

/* "Inside Macintosh: More Macintosh Toolbox", resource fork format: header, data, map with types and references. */
static int parse_resources(struct blk *b, uint64_t off, uint64_t n, struct err *e)
{
	struct dmg *s = b->state;
	uint8_t *f = read_list(b, off, n, "resource fork", e);
	uint64_t data, map, types;
	int r = 0;

	if (!f)
		return -EINVAL;
	if (n < 16 || (data = be32_get(f)) > n || (map = be32_get(f + 4)) > n || n - map < 30) {
		r = err_set(e, EINVAL, "resource fork of %" PRIu64 " bytes has no map within it", n);
		goto out;
	}
	types = map + be16_get(f + map + 24);
	if (types > n || n - types < 2) {
		r = err_set(e, EINVAL, "resource map has its list of types beyond the fork");
		goto out;
	}
	for (unsigned i = 0, count = (be16_get(f + types) + 1u) & 0xffff; i < count && !r; i++) {
		uint64_t t = types + 2 + 8ull * i, list;
		if (t > n || n - t < 8) {
			r = err_set(e, EINVAL, "resource map has %u types, more than fit the fork", count);
			break;
		}
		if (memcmp(f + t, "blkx", 4))
			continue;
		list = types + be16_get(f + t + 6);
		for (unsigned k = 0; k <= be16_get(f + t + 4) && !r; k++) {
			uint64_t ref = list + 12ull * k, at;
			uint32_t len;
			if (ref > n || n - ref < 12) {
				r = err_set(e, EINVAL, "resource map has a reference beyond the fork");
				break;
			}
			at = data + (be32_get(f + ref + 4) & 0xffffff);
			if (at > n || n - at < 4 || (len = be32_get(f + at)) > n - at - 4)
				r = err_set(e, EINVAL, "resource blkx %u is not within the fork", k);
			else
				r = parse_mish(s, f + at + 4, len, e);
		}
	}
out:
	free(f);
	return r;
}

static int by_start(const void *a, const void *b)
{
	const struct chunk *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

static int dmg_open(struct blk *b, struct err *e)
{
	struct dmg *s = b->state;
	uint8_t k[KOLY_BYTES];
	int r = blk_size(b->file, &s->length);

	if (r < 0)
		return err_errno(e, -r, "cannot ask for the size");
	if (s->length < KOLY_BYTES)
		return err_set(e, EINVAL, "dmg file must be at least 512 bytes long, this one has %" PRIu64, s->length);
	r = blk_pread_what(b->file, s->length - KOLY_BYTES, KOLY_BYTES, k, "dmg trailer", e);
	if (r < 0)
		return r;
	if (memcmp(k, "koly", 4))
		return err_set(e, EINVAL, "Could not locate UDIF trailer in dmg file");
	s->data = be64_get(k + K_DATA);
	if (s->data > s->length)
		return err_set(e, EINVAL, "dmg data fork at %" PRIu64 " is beyond the file of %" PRIu64 " bytes", s->data, s->length);
	if (be64_get(k + K_XML_BYTES))
		r = parse_xml(b, be64_get(k + K_XML), be64_get(k + K_XML_BYTES), e);
	else if (be64_get(k + K_RSRC_BYTES))
		r = parse_resources(b, be64_get(k + K_RSRC), be64_get(k + K_RSRC_BYTES), e);
	else
		r = err_set(e, EINVAL, "dmg trailer names neither a property list nor a resource fork");
	if (r < 0)
		return r;
	if (!s->count)
		return err_set(e, EINVAL, "dmg has no chunks");
	qsort(s->chunk, s->count, sizeof *s->chunk, by_start);
	for (size_t i = 1; i < s->count; i++)
		if (s->chunk[i].start < s->chunk[i - 1].start + s->chunk[i - 1].bytes)
			return err_set(e, EINVAL, "dmg chunks overlap at sector %" PRIu64, s->chunk[i].start / BLK_SECTOR);
	b->size = s->chunk[s->count - 1].start + s->chunk[s->count - 1].bytes;
	s->unpacked_index = SIZE_MAX;
	if (pthread_mutex_init(&s->lock, NULL))
		return err_errno(e, ENOMEM, "dmg");
	s->locked_made = true;
	return 0;
}

static void dmg_close(struct blk *b)
{
	struct dmg *s = b->state;

	if (s->locked_made)
		pthread_mutex_destroy(&s->lock);
	free(s->chunk);
	free(s->unpacked);
}

static int unpack(const struct chunk *c, uint8_t *in, uint8_t *out)
{
	uLongf n = c->bytes;

	if (c->type == T_ZLIB)
		return uncompress(out, &n, in, c->length) == Z_OK && n == c->bytes ? 0 : -EIO;
#ifdef HAVE_BZIP2
	if (c->type == T_BZIP2) {
		unsigned m = (unsigned)c->bytes;
		return BZ2_bzBuffToBuffDecompress((char *)out, &m, (char *)in, (unsigned)c->length, 0, 0) == BZ_OK && m == c->bytes
			       ? 0 : -EIO;
	}
#endif
#ifdef HAVE_LZMA
	if (c->type == T_LZMA) {
		uint64_t limit = 64 << 20;
		size_t ip = 0, op = 0;
		return lzma_stream_buffer_decode(&limit, 0, NULL, in, &ip, c->length, out, &op, c->bytes) == LZMA_OK && op == c->bytes
			       ? 0 : -EIO;
	}
#endif
	return -ENOTSUP;
}

/* Makes chunk i the unpacked one. Under the lock. */
static int need(struct blk *b, size_t i)
{
	struct dmg *s = b->state;
	const struct chunk *c = &s->chunk[i];
	uint8_t *in;
	int r;

	if (s->unpacked_index == i)
		return 0;
	s->unpacked_index = SIZE_MAX;
	free(s->unpacked);
	s->unpacked = malloc(c->bytes);
	in = malloc(c->length + 1);
	r = s->unpacked && in ? blk_pread(b->file, c->host, c->length, in) : -ENOMEM;
	if (!r)
		r = unpack(c, in, s->unpacked);
	free(in);
	if (!r)
		s->unpacked_index = i;
	return r;
}

/* The last chunk that begins at off or before; SIZE_MAX: none. */
static size_t chunk_at(const struct dmg *s, uint64_t off)
{
	size_t low = 0, high = s->count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (s->chunk[mid].start <= off)
			low = mid + 1;
		else
			high = mid;
	}
	return low ? low - 1 : SIZE_MAX;
}

/* The chunk that holds off, or NULL in a gap, and how far this goes on. */
static const struct chunk *locate(const struct dmg *s, uint64_t off, uint64_t n, uint64_t *run, size_t *index)
{
	size_t i = chunk_at(s, off), next = i == SIZE_MAX ? 0 : i + 1;
	const struct chunk *c = i == SIZE_MAX ? NULL : &s->chunk[i];
	uint64_t end;

	if (c && off - c->start >= c->bytes)
		c = NULL;
	end = c ? c->start + c->bytes : next < s->count ? s->chunk[next].start : UINT64_MAX;
	*run = end - off < n ? end - off : n;
	*index = i;
	return c;
}

static int dmg_pread(struct blk *b, uint64_t off, size_t n, void *buf)
{
	struct dmg *s = b->state;
	uint8_t *to = buf;
	int r = 0;

	while (n && !r) {
		uint64_t run;
		size_t i;
		const struct chunk *c = locate(s, off, n, &run, &i);
		if (!c || c->type == T_ZERO || c->type == T_IGNORE) {
			memset(to, 0, run);
		} else if (c->type == T_RAW) {
			r = blk_pread(b->file, c->host + (off - c->start), run, to);
		} else {
			pthread_mutex_lock(&s->lock);
			r = need(b, i);
			if (!r)
				memcpy(to, s->unpacked + (off - c->start), run);
			pthread_mutex_unlock(&s->lock);
		}
		to += run;
		off += run;
		n -= run;
	}
	return r;
}

static int dmg_block_status(struct blk *b, uint64_t off, uint64_t n, struct blk_status *st)
{
	size_t i;
	const struct chunk *c = locate(b->state, off, n, &st->length, &i);

	st->flags = BLK_ST_ALLOCATED;
	if (!c || c->type == T_ZERO || c->type == T_IGNORE)
		st->flags |= BLK_ST_ZERO;
	else if (c->type != T_RAW)
		st->flags |= BLK_ST_DATA | BLK_ST_COMPRESSED;
	else {
		st->flags |= BLK_ST_DATA | BLK_ST_OFFSET;
		st->file = b->file;
		st->offset = c->host + (off - c->start);
	}
	return 0;
}

BLOCK_FORMAT(dmg) = {
	.name = "dmg",
	.flags = BLK_F_READ_ONLY,
	.state_size = sizeof(struct dmg),
	.probe = dmg_probe,
	.open = dmg_open,
	.close = dmg_close,
	.pread = dmg_pread,
	.block_status = dmg_block_status,
};
