/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A small write-through cache of the metadata of one image file: tables of any size in bounded memory.
 *
 * Pages of 64 KB, at most META_PAGES of them. A change goes to the file at once, in whole 512-byte sectors (so that
 * an entry is never torn), and to the page. The caller holds its own lock around every call: nothing here locks.
 */
#ifndef BLOCK_METACACHE_H
#define BLOCK_METACACHE_H
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"

enum { META_PAGE = 65536, META_PAGES = 64 };

struct blk;
struct metacache;

struct metacache *metacache_new(struct blk *file, struct err *e);
void metacache_free(struct metacache *m);

/* Bytes beyond the end of the file read as zeros. */
int metacache_read(struct metacache *m, uint64_t off, void *buf, size_t n);
int metacache_write(struct metacache *m, uint64_t off, const void *buf, size_t n);
/* Drops what is cached of a range that was written past the cache. */
void metacache_forget(struct metacache *m, uint64_t off, uint64_t n);
#endif
