/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "block/bitmap.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static uint64_t bits_for(uint64_t size, uint32_t granularity)
{
	return size / granularity + (size % granularity != 0);
}

static size_t bytes_for(uint64_t bits)
{
	return (size_t)((bits + 63) / 64 * 8) + 8; /* never empty */
}

int bitmap_init(struct bitmap *m, uint64_t size, uint32_t granularity, int fd)
{
	*m = (struct bitmap){.size = size, .granularity = granularity, .bits = bits_for(size, granularity), .fd = fd};
	size_t bytes = bytes_for(m->bits);

	if (fd < 0) {
		m->map = calloc(1, bytes);
		return m->map ? 0 : -ENOMEM;
	}
	if (ftruncate(fd, (off_t)bytes) < 0) {
		int r = -errno;
		close(fd);
		m->fd = -1;
		return r;
	}
	m->map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (m->map == MAP_FAILED) {
		int r = -errno;
		m->map = NULL;
		close(fd);
		m->fd = -1;
		return r;
	}
	m->mapped = bytes;
	return 0;
}

void bitmap_done(struct bitmap *m)
{
	if (m->mapped)
		munmap(m->map, m->mapped);
	else
		free(m->map);
	if (m->fd >= 0)
		close(m->fd);
	*m = (struct bitmap){.fd = -1};
}

int bitmap_resize(struct bitmap *m, uint64_t size)
{
	uint64_t old = m->size, bits = bits_for(size, m->granularity);
	size_t bytes = bytes_for(bits), had = bytes_for(m->bits);
	void *map;

	if (m->mapped) {
		if (ftruncate(m->fd, (off_t)bytes) < 0)
			return -errno;
		map = mremap(m->map, m->mapped, bytes, MREMAP_MAYMOVE);
		if (map == MAP_FAILED)
			return -errno;
		m->mapped = bytes;
	} else {
		map = realloc(m->map, bytes);
		if (!map)
			return -ENOMEM;
		if (bytes > had)
			memset((char *)map + had, 0, bytes - had);
	}
	m->map = map;
	if (bits < m->bits) { /* nothing is set behind the end */
		for (uint64_t i = bits; i < m->bits && i / 64 < bytes / 8; i++)
			m->map[i / 64] &= ~(1ull << (i % 64));
	}
	m->bits = bits;
	m->size = size;
	if (size > old)
		bitmap_set(m, old, size - old);
	return 0;
}

/* Bits [first, last) of whole words at once where that goes. */
static void change(struct bitmap *m, uint64_t first, uint64_t last, bool on)
{
	while (first < last) {
		uint64_t word = first / 64, end = (word + 1) * 64 < last ? (word + 1) * 64 : last, n = end - first;
		uint64_t mask = (n == 64 ? ~0ull : (1ull << n) - 1) << (first % 64);
		if (on)
			__atomic_or_fetch(&m->map[word], mask, __ATOMIC_SEQ_CST);
		else
			__atomic_and_fetch(&m->map[word], ~mask, __ATOMIC_SEQ_CST);
		first = end;
	}
}

void bitmap_set(struct bitmap *m, uint64_t offset, uint64_t length)
{
	uint64_t last;

	if (!length || offset >= m->size)
		return;
	last = (length > m->size - offset ? m->size - 1 : offset + length - 1) / m->granularity;
	change(m, offset / m->granularity, last + 1, true);
}

void bitmap_clear(struct bitmap *m, uint64_t offset, uint64_t length)
{
	uint64_t first = bits_for(offset, m->granularity), last;

	if (offset >= m->size)
		return;
	last = length >= m->size - offset ? m->bits : (offset + length) / m->granularity;
	change(m, first, last, false);
}

bool bitmap_get(const struct bitmap *m, uint64_t offset)
{
	uint64_t i = offset / m->granularity;

	return i < m->bits && (__atomic_load_n(&m->map[i / 64], __ATOMIC_SEQ_CST) >> (i % 64) & 1);
}

uint64_t bitmap_next(const struct bitmap *m, uint64_t offset)
{
	uint64_t i = offset / m->granularity;

	while (i < m->bits) {
		uint64_t word = __atomic_load_n(&m->map[i / 64], __ATOMIC_SEQ_CST) >> (i % 64);
		if (word) {
			i += (unsigned)__builtin_ctzll(word);
			return i < m->bits ? i * m->granularity : UINT64_MAX;
		}
		i = (i / 64 + 1) * 64;
	}
	return UINT64_MAX;
}

uint64_t bitmap_count(const struct bitmap *m)
{
	uint64_t n = 0;

	for (uint64_t i = 0; i < (m->bits + 63) / 64; i++)
		n += (unsigned)__builtin_popcountll(__atomic_load_n(&m->map[i], __ATOMIC_RELAXED));
	return n;
}

uint64_t bitmap_bytes(const struct bitmap *m)
{
	uint64_t bytes = bitmap_count(m) * m->granularity;

	if (m->bits && m->size % m->granularity && bitmap_get(m, m->size - 1))
		bytes -= m->granularity - m->size % m->granularity;
	return bytes;
}

void bitmap_or(struct bitmap *m, const struct bitmap *other)
{
	for (uint64_t at = bitmap_next(other, 0); at != UINT64_MAX; at = bitmap_next(other, at + other->granularity))
		bitmap_set(m, at, other->granularity);
}
