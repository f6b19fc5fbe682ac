/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A few buffers of what was read ahead from a far server: small sequential reads become few large requests.
 * Read-only images only; any number of threads.
 */
#ifndef BLOCK_READAHEAD_H
#define BLOCK_READAHEAD_H
#include <stddef.h>
#include <stdint.h>

struct readahead;

/* Reads exactly length bytes; 0 or -errno. */
typedef int readahead_fetch(void *opaque, uint64_t offset, size_t length, void *buf);

/* size: bytes read beyond a request; the whole file has `end` bytes. NULL: no memory. */
struct readahead *readahead_new(uint64_t size, uint64_t end, readahead_fetch *fetch, void *opaque);
void readahead_free(struct readahead *r); /* NULL is allowed; no read is under way */
int readahead_read(struct readahead *r, uint64_t offset, size_t length, void *buf);
#endif
