/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What every filter does with what it lets through: hooks that hand the request to b->file. */
#ifndef BLOCK_FILTER_H
#define BLOCK_FILTER_H
#include "block/block.h"

int filter_pread(struct blk *b, uint64_t offset, size_t length, void *buf);
int filter_pwrite(struct blk *b, uint64_t offset, size_t length, const void *buf, unsigned flags);
int filter_zeroes(struct blk *b, uint64_t offset, uint64_t length, unsigned flags);
int filter_discard(struct blk *b, uint64_t offset, uint64_t length);
int filter_truncate(struct blk *b, uint64_t size, enum blk_prealloc prealloc, struct err *e);
int filter_get_size(struct blk *b, uint64_t *size);
#endif
