/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Requests on a node: range, permission and alignment are settled here, once, before a driver sees them.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include "block/core.h"
#include "block/events.h"
#include "block/dirty.h"

#define BOUNCE (1u << 20) /* bytes of zeros or of a bounce buffer at a time */

static int check_range(struct blk *b, uint64_t offset, uint64_t length, bool write)
{
	if (offset > INT64_MAX || length > INT64_MAX - offset)
		return -EIO;
	if (write && !blk_writable(b))
		return -EACCES;
	if (write && (b->fmt->flags & BLK_F_GROWS))
		return 0;
	return offset + length > __atomic_load_n(&b->size, __ATOMIC_RELAXED) ? -EIO : 0; /* another write may make the file longer meanwhile */
}

static void *aligned_buffer(size_t size)
{
	void *p;
	return posix_memalign(&p, 4096, size) ? NULL : p;
}

static bool misaligned(const struct blk *b, uint64_t offset, uint64_t length, const void *buf)
{
	uint32_t mask = b->align - 1;

	if (b->align == 1)
		return false;
	return (offset & mask) || (length & mask) || ((b->flags & BLK_DIRECT) && ((uintptr_t)buf & mask));
}

static int driver_pread(struct blk *b, uint64_t offset, size_t length, void *buf)
{
	return b->fmt->pread ? b->fmt->pread(b, offset, length, buf) : -ENOTSUP;
}

static int pread_unaligned(struct blk *b, uint64_t offset, size_t length, void *buf)
{
	size_t size = BOUNCE > b->align ? BOUNCE : b->align;
	uint8_t *tmp = aligned_buffer(size), *out = buf;
	int r = 0;

	if (!tmp)
		return -ENOMEM;
	while (length && !r) {
		uint64_t start = offset & ~(uint64_t)(b->align - 1);
		uint64_t end = round_up64(offset + length, b->align);
		size_t n, skip = (size_t)(offset - start), take;
		if (end - start > size)
			end = start + size;
		n = (size_t)(end - start);
		take = n - skip < length ? n - skip : length;
		r = driver_pread(b, start, n, tmp);
		if (!r)
			memcpy(out, tmp + skip, take);
		out += take;
		offset += take;
		length -= take;
	}
	free(tmp);
	return r;
}

int blk_pread(struct blk *b, uint64_t offset, size_t length, void *buf)
{
	int r = check_range(b, offset, length, false);

	if (r || !length)
		return r;
	if (misaligned(b, offset, length, buf))
		return pread_unaligned(b, offset, length, buf);
	if ((b->flags & BLK_COPY_ON_READ) && b->backing && blk_writable(b)) {
		struct blk_status st;
		uint64_t at = offset, end = offset + length;
		while (at < end) {
			uint8_t *p = (uint8_t *)buf + (at - offset);
			size_t n;
			if ((r = blk_block_status(b, at, end - at, &st)))
				return r;
			n = (size_t)st.length;
			if ((r = driver_pread(b, at, n, p)))
				return r;
			if (!(st.flags & BLK_ST_ALLOCATED) && (r = b->fmt->pwrite(b, at, n, p, 0)))
				return r;
			at += n;
		}
		return 0;
	}
	return driver_pread(b, offset, length, buf);
}

/* Reads the aligned surroundings, puts the new bytes in and writes them back, alone. */
static int pwrite_unaligned(struct blk *b, uint64_t offset, size_t length, const void *buf, unsigned flags)
{
	size_t size = BOUNCE > b->align ? BOUNCE : b->align;
	uint8_t *tmp = aligned_buffer(size);
	const uint8_t *in = buf;
	int r = 0;

	if (!tmp)
		return -ENOMEM;
	while (length && !r) {
		uint64_t start = offset & ~(uint64_t)(b->align - 1);
		uint64_t end = round_up64(offset + length, b->align);
		size_t n, skip = (size_t)(offset - start), take;
		if (end - start > size)
			end = start + size;
		n = (size_t)(end - start);
		take = n - skip < length ? n - skip : length;
		if (skip || take < n) {
			blk_event(b, BLK_EVENT_PWRITEV_RMW_HEAD);
			r = driver_pread(b, start, n, tmp);
			blk_event(b, BLK_EVENT_PWRITEV_RMW_AFTER_HEAD);
		}
		if (!r) {
			memcpy(tmp + skip, in, take);
			blk_event(b, BLK_EVENT_PWRITEV);
			r = b->fmt->pwrite(b, start, n, tmp, flags);
			blk_event(b, BLK_EVENT_PWRITEV_DONE);
		}
		in += take;
		offset += take;
		length -= take;
	}
	free(tmp);
	return r;
}

static int grown(struct blk *b, uint64_t end)
{
	uint64_t old = __atomic_load_n(&b->size, __ATOMIC_RELAXED);

	while (end > old && !__atomic_compare_exchange_n(&b->size, &old, end, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
	return 0;
}

int blk_pwrite_flags(struct blk *b, uint64_t offset, size_t length, const void *buf, unsigned flags)
{
	int r = check_range(b, offset, length, true);

	if (r || !length)
		return r;
	if (!b->fmt->pwrite)
		return -EACCES;
	if ((b->flags & BLK_DETECT_ZEROES) && blk_is_zero(buf, length))
		return blk_pwrite_zeroes(b, offset, length, (flags & BLK_WRITE_FUA) | (b->flags & BLK_UNMAP ? BLK_ZERO_MAY_UNMAP : 0));
	if (b->core->dirty)
		blk_dirty_mark(b, offset, length);
	if (misaligned(b, offset, length, buf)) {
		pthread_rwlock_wrlock(&b->core->unaligned);
		r = pwrite_unaligned(b, offset, length, buf, flags);
		pthread_rwlock_unlock(&b->core->unaligned);
	} else if (b->align > 1) {
		pthread_rwlock_rdlock(&b->core->unaligned);
		r = b->fmt->pwrite(b, offset, length, buf, flags);
		pthread_rwlock_unlock(&b->core->unaligned);
	} else {
		r = b->fmt->pwrite(b, offset, length, buf, flags);
	}
	if (!r && (b->fmt->flags & BLK_F_GROWS))
		grown(b, offset + length);
	if (!r && ((flags & BLK_WRITE_FUA) || (b->flags & BLK_WRITETHROUGH)))
		r = blk_flush(b);
	return r;
}

int blk_pwrite(struct blk *b, uint64_t offset, size_t length, const void *buf)
{
	return blk_pwrite_flags(b, offset, length, buf, 0);
}

/* Zeros by writing them: for drivers and ends that cannot do better. */
static int write_zero_bytes(struct blk *b, uint64_t offset, uint64_t length)
{
	static const uint8_t zeros[65536];
	size_t size = length < BOUNCE ? (size_t)length : BOUNCE;
	uint8_t *tmp = NULL;
	int r = 0;

	if (size > sizeof zeros || b->align > 1) {
		size = round_up64(size, b->align);
		tmp = aligned_buffer(size);
		if (!tmp)
			return -ENOMEM;
		memset(tmp, 0, size);
	}
	while (length && !r) {
		size_t n = length < size ? (size_t)length : size;
		const void *src = tmp ? tmp : zeros;
		if (misaligned(b, offset, n, src)) {
			pthread_rwlock_wrlock(&b->core->unaligned);
			r = pwrite_unaligned(b, offset, n, src, 0);
			pthread_rwlock_unlock(&b->core->unaligned);
		} else {
			r = b->fmt->pwrite(b, offset, n, src, 0);
		}
		offset += n;
		length -= n;
	}
	free(tmp);
	return r;
}

int blk_pwrite_zeroes(struct blk *b, uint64_t offset, uint64_t length, unsigned flags)
{
	int r = check_range(b, offset, length, true);
	uint64_t end = offset + length, at = offset;
	uint32_t unit = b->zero_align > b->align ? b->zero_align : b->align;

	if (r || !length)
		return r;
	if (!b->fmt->pwrite)
		return -EACCES;
	if (b->core->dirty)
		blk_dirty_mark(b, offset, length);
	while (at < end) {
		uint64_t n = end - at, head = at % unit;
		bool whole = !head && (n >= unit || (end == b->size && !(b->fmt->flags & BLK_F_GROWS)));
		r = -ENOTSUP;
		if (whole) {
			if (n >= unit)
				n -= n % unit && end != b->size ? n % unit : 0;
			if (b->max_zeroes && n > b->max_zeroes)
				n = b->max_zeroes;
			if (b->fmt->pwrite_zeroes) {
				blk_event(b, BLK_EVENT_PWRITEV_ZERO);
				r = b->fmt->pwrite_zeroes(b, at, n, flags);
			}
		} else if (head) {
			n = unit - head < n ? unit - head : n;
		}
		if (r == -ENOTSUP) {
			if (flags & BLK_ZERO_NO_FALLBACK)
				return -ENOTSUP;
			r = write_zero_bytes(b, at, n);
		}
		if (r)
			return r;
		at += n;
		if (b->fmt->flags & BLK_F_GROWS)
			grown(b, at);
	}
	if ((flags & BLK_WRITE_FUA) || (b->flags & BLK_WRITETHROUGH))
		r = blk_flush(b);
	return r;
}

int blk_pwrite_compressed(struct blk *b, uint64_t offset, size_t length, const void *buf)
{
	int r = check_range(b, offset, length, true);

	if (r)
		return r;
	if (!b->fmt->pwrite_compressed)
		return b->fmt->flags & BLK_F_FILTER && b->file ? blk_pwrite_compressed(b->file, offset, length, buf) : -ENOTSUP;
	if (b->core->dirty)
		blk_dirty_mark(b, offset, length);
	return b->fmt->pwrite_compressed(b, offset, length, buf);
}

int blk_discard(struct blk *b, uint64_t offset, uint64_t length)
{
	int r = check_range(b, offset, length, true);
	uint32_t unit = b->zero_align > b->align ? b->zero_align : b->align;
	uint64_t start, end;

	if (r || !length || !(b->flags & BLK_UNMAP) || !b->fmt->discard)
		return r;
	if (b->core->dirty)
		blk_dirty_mark(b, offset, length);
	start = round_up64(offset, unit);
	end = offset + length;
	if (end != b->size)
		end -= end % unit;
	while (start < end && !r) {
		uint64_t n = end - start;
		if (b->max_zeroes && n > b->max_zeroes)
			n = b->max_zeroes;
		r = b->fmt->discard(b, start, n);
		start += n;
	}
	return r == -ENOTSUP ? 0 : r;
}

int blk_flush(struct blk *b)
{
	int r = 0;

	if (!blk_writable(b))
		return 0;
	if (b->fmt->flush) {
		if (b->file)
			blk_event(b->file, BLK_EVENT_FLUSH_TO_OS);
		r = b->fmt->flush(b);
	}
	if (!r && b->file) {
		blk_event(b->file, BLK_EVENT_FLUSH_TO_DISK);
		r = blk_flush(b->file);
	}
	for (unsigned i = 0; !r && i < b->core->child_count; i++)
		r = blk_flush(b->core->child[i]);
	return r;
}

/* ---- status ---------------------------------------------------------------------------------------------------- */
int blk_block_status(struct blk *b, uint64_t offset, uint64_t length, struct blk_status *st)
{
	int r;

	memset(st, 0, sizeof *st);
	if (offset >= b->size || !length) {
		st->flags = BLK_ST_EOF;
		return offset > b->size ? -EIO : 0;
	}
	if (length > b->size - offset)
		length = b->size - offset;
	if (b->fmt->block_status) {
		/* Drivers see aligned ranges; the answer is cut to what was asked. */
		uint64_t start = offset - offset % b->align, end = round_up64(offset + length, b->align);
		r = b->fmt->block_status(b, start, end - start, st);
		if (r)
			return r;
		if (st->length == 0 || st->length <= offset - start)
			return -EIO;
		st->length -= offset - start;
		st->offset += offset - start;
		if (st->length > length)
			st->length = length;
	} else if (b->fmt->flags & BLK_F_FILTER) {
		st->flags = BLK_ST_RECURSE | BLK_ST_OFFSET;
		st->length = length;
		st->offset = offset;
		st->file = b->file;
	} else {
		st->flags = BLK_ST_DATA | BLK_ST_ALLOCATED;
		st->length = length;
		if (b->fmt->flags & BLK_F_PROTOCOL) {
			st->flags |= BLK_ST_OFFSET;
			st->offset = offset;
			st->file = b;
		}
	}
	if ((st->flags & BLK_ST_RECURSE) && st->file) {
		struct blk_status in;
		struct blk *f = st->file;
		uint64_t at = st->offset;
		st->flags &= ~(unsigned)BLK_ST_RECURSE;
		if (at >= f->size) {
			st->flags = BLK_ST_ZERO | BLK_ST_ALLOCATED | BLK_ST_OFFSET;
		} else {
			if ((r = blk_block_status(f, at, st->length, &in)))
				return r;
			st->length = in.length;
			if (b->fmt->flags & (BLK_F_FILTER) || !strcmp(b->fmt->name, "raw"))
				st->flags = in.flags & ~(unsigned)BLK_ST_EOF;
			else
				st->flags |= in.flags & BLK_ST_ZERO;
			st->offset = in.flags & BLK_ST_OFFSET ? in.offset : at;
			if (in.flags & BLK_ST_OFFSET)
				st->file = in.file;
		}
	}
	if (offset + st->length == b->size)
		st->flags |= BLK_ST_EOF;
	return 0;
}

int blk_block_status_above(struct blk *b, struct blk *base, uint64_t offset, uint64_t length, struct blk_status *st)
{
	unsigned depth = 0;
	bool first = true, eof = false;
	struct blk *p = b;
	int r;

	for (;;) {
		struct blk *under = blk_skip_filters(p);
		if ((r = blk_block_status(p, offset, length, st)))
			return r;
		if (first) {
			eof = st->flags & BLK_ST_EOF;
			if (!st->length)
				return 0;
		} else if (!st->length) { /* past the end of a shorter backing file */
			memset(st, 0, sizeof *st);
			st->flags = BLK_ST_ZERO;
			st->length = length;
			depth = 0;
			break;
		}
		if (st->length < length)
			length = st->length;
		first = false;
		if (st->flags & BLK_ST_ALLOCATED)
			break;
		if (!under->backing || under->backing == base) {
			if (!under->backing)
				st->flags |= BLK_ST_ZERO;
			break;
		}
		p = under->backing;
		depth++;
	}
	st->flags = (st->flags & ~(unsigned)BLK_ST_EOF);
	if (eof && offset + st->length == b->size)
		st->flags |= BLK_ST_EOF;
	st->depth = depth;
	return 0;
}

int blk_backing_pread(struct blk *b, uint64_t offset, size_t length, void *buf)
{
	struct blk *base = b->backing;
	size_t n = 0;
	int r;

	if (base && offset < base->size) {
		n = base->size - offset < length ? (size_t)(base->size - offset) : length;
		if ((r = blk_pread(base, offset, n, buf)))
			return r;
	}
	memset((uint8_t *)buf + n, 0, length - n);
	return 0;
}

/* ---- size ------------------------------------------------------------------------------------------------------ */
int blk_truncate(struct blk *b, uint64_t size, enum blk_prealloc prealloc, struct err *e)
{
	if (!blk_writable(b))
		return err_set(e, EACCES, "Image is read-only");
	if (size > INT64_MAX / 2)
		return err_set(e, EFBIG, "%s: the new size is too large", b->filename);
	if (!b->fmt->truncate) {
		if ((b->fmt->flags & BLK_F_FILTER) && b->file) {
			int r = blk_truncate(b->file, size, prealloc, e);
			if (!r)
				b->size = b->file->size;
			return r;
		}
		return err_set(e, ENOTSUP, "Image format driver does not support resize");
	}
	int r = b->fmt->truncate(b, size, prealloc, e);
	if (!r && b->core->dirty && (r = blk_dirty_resize(b, b->size)))
		err_errno(e, -r, "%s: the dirty bitmaps cannot follow the new size", b->filename);
	return r;
}

int blk_size(struct blk *b, uint64_t *size)
{
	int r = 0;

	if (b->fmt->get_size)
		r = b->fmt->get_size(b, &b->size);
	*size = b->size;
	return r;
}

int64_t blk_allocated_size(struct blk *b)
{
	int64_t sum, n;

	if (b->fmt->allocated_size)
		return b->fmt->allocated_size(b);
	if (!b->file && !b->core->child_count)
		return -ENOTSUP;
	sum = b->file ? blk_allocated_size(b->file) : 0;
	for (unsigned i = 0; sum >= 0 && i < b->core->child_count; i++) {
		n = blk_allocated_size(b->core->child[i]);
		sum = n < 0 ? n : sum + n;
	}
	return sum;
}

void blk_geometry(struct blk *b, struct blk_geometry *g)
{
	memset(g, 0, sizeof *g);
	if (b->fmt->geometry)
		b->fmt->geometry(b, g);
	else if ((b->fmt->flags & BLK_F_FILTER) && b->file)
		blk_geometry(b->file, g);
}

int blk_pread_what(struct blk *b, uint64_t offset, size_t length, void *buf, const char *what, struct err *e)
{
	int r;

	if (offset > b->size || length > b->size - offset)
		return err_set(e, EINVAL, "%s at offset %llu (%zu bytes) lies beyond the end of the file (%llu bytes)", what,
			       (unsigned long long)offset, length, (unsigned long long)b->size);
	r = blk_pread(b, offset, length, buf);
	return r ? err_errno(e, -r, "cannot read %s at offset %llu", what, (unsigned long long)offset) : 0;
}

/* ---- helpers --------------------------------------------------------------------------------------------------- */
#if defined(__x86_64__)
#include <immintrin.h>
__attribute__((target("avx2"))) static bool is_zero_avx2(const uint8_t *p, size_t n)
{
	__m256i a = _mm256_setzero_si256();
	size_t i = 0;

	for (; i + 128 <= n; i += 128) {
		a = _mm256_or_si256(_mm256_or_si256(_mm256_loadu_si256((const void *)(p + i)),
						    _mm256_loadu_si256((const void *)(p + i + 32))),
				    _mm256_or_si256(_mm256_loadu_si256((const void *)(p + i + 64)),
						    _mm256_loadu_si256((const void *)(p + i + 96))));
		if (!_mm256_testz_si256(a, a))
			return false;
	}
	for (; i < n; i++)
		if (p[i])
			return false;
	return true;
}
#endif

bool blk_is_zero(const void *buf, size_t length)
{
	const uint8_t *p = buf;
	uint64_t v, acc = 0;
	size_t i = 0;

	if (!length)
		return true;
	if (p[0] || p[length - 1] || p[length / 2])
		return false;
#if defined(__x86_64__)
	if (length >= 256 && __builtin_cpu_supports("avx2"))
		return is_zero_avx2(p, length);
#endif
	for (; i + 8 <= length; i += 8) {
		memcpy(&v, p + i, 8);
		if (v)
			return false;
	}
	for (; i < length; i++)
		acc |= p[i];
	return !acc;
}

void blk_check_say(const struct blk_check *c, const char *fmt, ...)
{
	va_list ap;

	if (c->quiet)
		return;
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}
