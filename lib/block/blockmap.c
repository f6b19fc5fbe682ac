/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "block/blockmap.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "block/block.h"
#include "block/events.h"

enum { MAX_RUN = 16 << 20, /* bytes placed at once */
       MAX_LOOK = 32768 };  /* blocks looked at under one hold of the lock: callers ask again */

int blockmap_init(struct blockmap *m, struct blk *file, struct err *e)
{
	m->packed = NULL;
	m->packed_index = UINT64_MAX;
	m->meta = metacache_new(file, e);
	if (!m->meta)
		return -ENOMEM;
	pthread_mutex_init(&m->lock, NULL);
	pthread_mutex_init(&m->packed_lock, NULL);
	return 0;
}

int blockmap_attach(struct blk *b, const struct blockmap_ops *ops, uint32_t block, struct err *e)
{
	struct blockmap *m = b->state;

	m->ops = ops;
	m->image = m;
	m->node = b;
	m->size = b->size;
	m->block = block;
	return blockmap_init(m, b->file, e);
}

void blockmap_close(struct blk *b)
{
	blockmap_detach(b->state);
}

void blockmap_detach(struct blockmap *m)
{
	if (!m->meta)
		return;
	metacache_free(m->meta);
	m->meta = NULL;
	free(m->packed);
	m->packed = NULL;
	pthread_mutex_destroy(&m->lock);
	pthread_mutex_destroy(&m->packed_lock);
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

int blockmap_pread_clipped(struct blk *file, uint64_t off, void *buf, size_t n)
{
	uint64_t length;
	size_t have;
	int r = blk_pread(file, off, n, buf);

	if (r != -EIO)
		return r;
	r = blk_size(file, &length);
	if (r < 0)
		return r;
	if (off + n <= length)
		return -EIO;
	have = off >= length ? 0 : (size_t)(length - off);
	memset((uint8_t *)buf + have, 0, n - have);
	return have ? blk_pread(file, off, have, buf) : 0;
}

int blockmap_grow(struct blk *file, uint64_t host, uint64_t n, struct place *p)
{
	uint64_t length;
	int r = blk_size(file, &length);

	if (r < 0)
		return r;
	p->kind = PLACE_DATA;
	p->file = file;
	p->host = host;
	p->zeroed = host >= length;
	return host + n > length ? blk_truncate(file, host + n, BLK_PREALLOC_OFF, NULL) : 0;
}

enum place_fault blockmap_judge(uint64_t host, uint64_t n, uint64_t length)
{
	const uint64_t slack = UINT64_C(4) << 30; /* more than anybody writes between two flushes */

	if (host < length)
		return PLACE_GOOD;
	return host > (uint64_t)INT64_MAX - n || host - length > slack ? PLACE_OUTSIDE : PLACE_LOST;
}

void blockmap_forget(struct blockmap *m, uint64_t index)
{
	pthread_mutex_lock(&m->packed_lock);
	if (m->packed_index == index)
		m->packed_index = UINT64_MAX;
	pthread_mutex_unlock(&m->packed_lock);
}

/* Whether b goes on where a ends, which is `step` bytes further. */
static bool joins(const struct place *a, const struct place *b, uint64_t step)
{
	if (a->kind != b->kind)
		return false;
	return a->kind != PLACE_DATA || (a->file == b->file && a->host + step == b->host);
}

/*
 * The place at off and how far, up to n bytes, it goes on alike. Packed blocks come one by one. Under the lock.
 */
static int look(struct blockmap *m, uint64_t off, uint64_t n, struct place *p, uint64_t *run)
{
	uint64_t index = off / m->block, in = off % m->block, len = m->block - in;
	struct place next;
	int r;

	p->run = 0;
	r = m->ops->find(m->image, index, p);
	if (r < 0)
		return r;
	if (p->kind == PLACE_NONE && p->run > 1) {
		index += p->run - 1;
		len += (p->run - 1) * m->block;
	}
	for (unsigned i = 0; i < MAX_LOOK && len < n && p->kind != PLACE_PACKED; i++) {
		next.run = 0;
		r = m->ops->find(m->image, ++index, &next);
		if (r < 0)
			return r;
		if (!joins(p, &next, len + in))
			break;
		len += m->block;
		if (next.kind == PLACE_NONE && next.run > 1) {
			index += next.run - 1;
			len += (next.run - 1) * m->block;
		}
	}
	if (p->kind == PLACE_DATA)
		p->host += in;
	*run = least(len, n);
	return 0;
}

static int read_packed(struct blockmap *m, uint64_t index, const struct place *p, uint64_t in, uint8_t *buf, size_t n)
{
	int r = 0;

	pthread_mutex_lock(&m->packed_lock);
	if (!m->packed && !(m->packed = malloc(m->block)))
		r = -ENOMEM;
	if (!r && m->packed_index != index) {
		m->packed_index = UINT64_MAX;
		r = m->ops->unpack(m->image, index, p, m->packed);
		if (!r)
			m->packed_index = index;
	}
	if (!r)
		memcpy(buf, m->packed + in, n);
	pthread_mutex_unlock(&m->packed_lock);
	return r;
}

static int read_place(struct blockmap *m, uint64_t off, const struct place *p, uint8_t *buf, size_t n)
{
	int r;

	switch (p->kind) {
	case PLACE_NONE:
		if (m->node->backing) {
			blk_event(m->node->file, BLK_EVENT_READ_BACKING_AIO);
			return blk_backing_pread(m->node, m->base + off, n, buf);
		}
		memset(buf, 0, n);
		return 0;
	case PLACE_ZERO:
		memset(buf, 0, n);
		return 0;
	case PLACE_PACKED:
		blk_event(m->node->file, BLK_EVENT_READ_COMPRESSED);
		return read_packed(m, off / m->block, p, off % m->block, buf, n);
	case PLACE_DATA:
		blk_event(m->node->file, BLK_EVENT_READ_AIO);
		r = blockmap_pread_clipped(p->file, p->host, buf, n);
		if (!r && m->ops->decrypt)
			m->ops->decrypt(m->image, off, buf, buf, n);
		return r;
	}
	return -EINVAL;
}

int blockmap_read(struct blockmap *m, uint64_t off, size_t n, void *buf)
{
	uint8_t *to = buf;

	while (n) {
		struct place p;
		uint64_t run;
		int r;

		pthread_mutex_lock(&m->lock);
		r = look(m, off, n, &p, &run);
		pthread_mutex_unlock(&m->lock);
		if (!r)
			r = read_place(m, off, &p, to, (size_t)run);
		if (r < 0)
			return r;
		to += run;
		off += run;
		n -= (size_t)run;
	}
	return 0;
}

int blockmap_status(struct blockmap *m, uint64_t off, uint64_t n, struct blk_status *st)
{
	struct place p;
	int r;

	pthread_mutex_lock(&m->lock);
	r = look(m, off, n, &p, &st->length);
	pthread_mutex_unlock(&m->lock);
	if (r < 0)
		return r;
	switch (p.kind) {
	case PLACE_NONE:
		st->flags = 0;
		break;
	case PLACE_ZERO:
		st->flags = BLK_ST_ALLOCATED | BLK_ST_ZERO;
		break;
	case PLACE_PACKED:
		st->flags = BLK_ST_ALLOCATED | BLK_ST_DATA | BLK_ST_COMPRESSED;
		break;
	case PLACE_DATA:
		st->flags = BLK_ST_ALLOCATED | BLK_ST_DATA;
		if (!m->ops->decrypt) {
			st->flags |= BLK_ST_OFFSET | BLK_ST_RECURSE;
			st->offset = p.host;
			st->file = p.file;
		}
		break;
	}
	return 0;
}

/* Guest data to its place; encrypted through a buffer, since the caller's bytes are not ours to change. */
static int write_data(struct blockmap *m, uint64_t off, struct blk *file, uint64_t host, const uint8_t *buf, size_t n)
{
	uint8_t *sealed;
	int r = 0;

	if (!m->ops->encrypt)
		return blk_pwrite(file, host, n, buf);
	sealed = malloc(least(n, 1 << 20));
	if (!sealed)
		return -ENOMEM;
	while (n && !r) {
		size_t len = (size_t)least(n, 1 << 20);
		m->ops->encrypt(m->image, off, sealed, buf, len);
		r = blk_pwrite(file, host, len, sealed);
		off += len;
		host += len;
		buf += len;
		n -= len;
	}
	free(sealed);
	return r;
}

/* True when the bytes at off, which no table entry holds, are zeros for certain. */
static int known_zero(struct blockmap *m, uint64_t off, uint64_t n, const struct place *old, bool *zero)
{
	uint64_t length = 0;
	int r = 0;

	*zero = false;
	if (old->kind == PLACE_ZERO) {
		*zero = true;
	} else if (old->kind == PLACE_NONE) {
		if (!m->node->backing) {
			*zero = true;
			return 0;
		}
		r = blk_size(m->node->backing, &length);
		*zero = m->base + off >= length || n == 0;
	}
	return r;
}

/*
 * The part of a new block that the request leaves: guest bytes off..off+n go to host. Bytes past the end of the disk
 * are zeros. `old` is the block's place so far.
 */
static int copy_rest(struct blockmap *m, uint64_t off, uint64_t n, const struct place *old, const struct place *fresh,
		     uint64_t host)
{
	enum { CHUNK = 256 << 10 };
	bool zero;
	int r = known_zero(m, off, n, old, &zero);
	uint8_t *buf;

	if (r < 0 || !n || (zero && fresh->zeroed && !m->ops->encrypt))
		return r;
	buf = malloc(least(n, CHUNK));
	if (!buf)
		return -ENOMEM;
	while (n && !r) {
		size_t len = (size_t)least(n, CHUNK), real = off >= m->size ? 0 : (size_t)least(len, m->size - off);
		struct place p = *old;
		if (p.kind == PLACE_DATA)
			p.host += off % m->block;
		memset(buf + real, 0, len - real);
		if (real) {
			blk_event(m->node->file, BLK_EVENT_COW_READ);
			r = read_place(m, off, &p, buf, real);
		}
		blk_event(m->node->file, BLK_EVENT_COW_WRITE);
		if (!r)
			r = write_data(m, off, fresh->file, host, buf, len);
		off += len;
		host += len;
		n -= len;
	}
	free(buf);
	return r;
}

/* One run of new blocks, at most MAX_RUN bytes; *done: the bytes of the request that it took. Under the lock. */
static int write_new(struct blockmap *m, uint64_t off, const uint8_t *buf, size_t n, size_t *done)
{
	uint64_t index = off / m->block, in = off % m->block, last, tail, total;
	struct place p, first, end;
	unsigned count, want;
	bool zero = true, z;
	int r = m->ops->find(m->image, index, &first);

	if (r < 0)
		return r;
	/* How many blocks in a row are not in place. */
	want = (unsigned)least((in + n + m->block - 1) / m->block, 1 + (MAX_RUN - 1) / m->block);
	end = first;
	for (count = 1; count < want; count++) {
		struct place next;
		r = m->ops->find(m->image, index + count, &next);
		if (r < 0)
			return r;
		if (next.kind == PLACE_DATA)
			break;
		end = next;
		r = known_zero(m, (index + count) * m->block, m->block, &next, &z);
		if (r < 0)
			return r;
		zero = zero && z;
	}
	r = known_zero(m, index * m->block, m->block, &first, &z);
	if (r < 0)
		return r;
	zero = zero && z;
	want = count;
	p = (struct place){.kind = PLACE_DATA, .file = m->node->file};
	r = m->ops->allocate(m->image, index, &count, &p);
	if (r < 0)
		return r;
	total = (uint64_t)count * m->block;
	*done = (size_t)least(n, total - in);
	last = index + count - 1;
	tail = total - in - *done;
	if (count < want) {
		r = m->ops->find(m->image, last, &end);
		if (r < 0)
			return r;
	}
	r = copy_rest(m, index * m->block, in, &first, &p, p.host);
	blk_event(m->node->file, BLK_EVENT_WRITE_AIO);
	if (!r)
		r = write_data(m, off, p.file, p.host + in, buf, *done);
	if (!r)
		r = copy_rest(m, off + *done, tail, &end, &p, p.host + in + *done);
	if (!r && !(zero && p.zeroed && !m->ops->encrypt))
		r = blk_flush(p.file);
	if (!r)
		r = m->ops->publish(m->image, index, count, &p);
	return r;
}

int blockmap_write(struct blockmap *m, uint64_t off, size_t n, const void *buf)
{
	const uint8_t *from = buf;

	while (n) {
		struct place p;
		uint64_t run;
		size_t done;
		int r;

		pthread_mutex_lock(&m->lock);
		r = look(m, off, n, &p, &run);
		done = (size_t)run;
		if (!r && p.kind != PLACE_DATA) {
			r = write_new(m, off, from, n, &done);
			pthread_mutex_unlock(&m->lock);
		} else {
			pthread_mutex_unlock(&m->lock);
			blk_event(m->node->file, BLK_EVENT_WRITE_AIO);
			if (!r)
				r = write_data(m, off, p.file, p.host, from, done);
		}
		if (r < 0)
			return r;
		from += done;
		off += done;
		n -= done;
	}
	return 0;
}

/* Zeros by ordinary writing, at most 64 KB at a time. */
static int write_zeros(struct blockmap *m, uint64_t off, uint64_t n)
{
	static const uint8_t zeros[65536];
	int r = 0;

	while (n && !r) {
		size_t len = (size_t)least(n, sizeof zeros - off % sizeof zeros);
		r = blockmap_write(m, off, len, zeros);
		off += len;
		n -= len;
	}
	return r;
}

int blockmap_zero(struct blockmap *m, uint64_t off, uint64_t n, unsigned flags)
{
	while (n) {
		uint64_t index = off / m->block, in = off % m->block, run;
		struct place p;
		bool zero = false, whole;
		int r;

		pthread_mutex_lock(&m->lock);
		r = look(m, off, least(n, m->block - in), &p, &run);
		whole = in == 0 && (run == m->block || off + run == m->size);
		if (!r && p.kind != PLACE_DATA && p.kind != PLACE_PACKED) {
			r = known_zero(m, off, run, &p, &zero);
			if (!r && !zero && whole && m->ops->publish_zero) {
				r = m->ops->publish_zero(m->image, index);
				zero = true;
			}
		} else if (!r && p.kind == PLACE_PACKED && whole && m->ops->publish_zero) {
			r = m->ops->publish_zero(m->image, index);
			zero = true;
		}
		pthread_mutex_unlock(&m->lock);
		if (!r && !zero) {
			if (p.kind == PLACE_DATA && !m->ops->encrypt)
				r = blk_pwrite_zeroes(p.file, p.host, run, flags);
			else
				r = flags & BLK_ZERO_NO_FALLBACK ? -ENOTSUP : write_zeros(m, off, run);
		}
		if (r < 0)
			return r;
		off += run;
		n -= run;
	}
	return 0;
}

int blockmap_pread(struct blk *b, uint64_t off, size_t n, void *buf)
{
	return blockmap_read(b->state, off, n, buf);
}

int blockmap_pwrite(struct blk *b, uint64_t off, size_t n, const void *buf, unsigned flags)
{
	int r = blockmap_write(b->state, off, n, buf);

	if (!r && (flags & BLK_WRITE_FUA))
		r = blk_flush(b->file);
	return r;
}

int blockmap_pwrite_zeroes(struct blk *b, uint64_t off, uint64_t n, unsigned flags)
{
	return blockmap_zero(b->state, off, n, flags);
}

int blockmap_block_status(struct blk *b, uint64_t off, uint64_t n, struct blk_status *st)
{
	return blockmap_status(b->state, off, n, st);
}
