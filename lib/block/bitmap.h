/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One bit for each piece of a range of bytes. Bits are set and cleared by any thread at any time; size and storage change only while
 * nobody else uses the map. With a descriptor the bits live in that file, mapped: they outlive a killed process.
 */
#ifndef BLOCK_BITMAP_H
#define BLOCK_BITMAP_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"

struct bitmap {
	uint64_t size;        /* bytes that are covered */
	uint32_t granularity; /* bytes a bit stands for, a power of two */
	uint64_t bits;
	uint64_t *map;
	size_t mapped;        /* bytes; 0: map is malloc'ed */
	int fd;               /* of the mapped file, which the bitmap closes; -1 */
};

/* fd >= 0: taken over (also on failure); the file gets the length it needs, what it holds stays. Returns 0 or -errno. */
int bitmap_init(struct bitmap *m, uint64_t size, uint32_t granularity, int fd);
void bitmap_done(struct bitmap *m);
int bitmap_resize(struct bitmap *m, uint64_t size); /* new bits are set */
void bitmap_set(struct bitmap *m, uint64_t offset, uint64_t length);
void bitmap_clear(struct bitmap *m, uint64_t offset, uint64_t length); /* only pieces that lie inside, and the last one */
bool bitmap_get(const struct bitmap *m, uint64_t offset);
/* The first set piece at or after offset: its start, or UINT64_MAX. */
uint64_t bitmap_next(const struct bitmap *m, uint64_t offset);
uint64_t bitmap_count(const struct bitmap *m); /* bits that are set */
/* Bytes of set pieces, the last one cut to the size. */
uint64_t bitmap_bytes(const struct bitmap *m);
void bitmap_or(struct bitmap *m, const struct bitmap *other); /* of any granularity */
#endif
