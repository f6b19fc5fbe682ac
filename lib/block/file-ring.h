/* SPDX-License-Identifier: GPL-2.0-or-later */
/* aio=native and aio=io_uring: requests of host files by way of the kernel's queues. Any number of threads may use one ring. */
#ifndef BLOCK_FILE_RING_H
#define BLOCK_FILE_RING_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"

enum file_ring_kind { FILE_RING_NATIVE, FILE_RING_IO_URING };
struct file_ring;

bool file_ring_built_in(enum file_ring_kind kind);
/* -errno: the kernel has none for us, *e says why. */
int file_ring_new(enum file_ring_kind kind, struct file_ring **r, struct err *e);
void file_ring_free(struct file_ring *r); /* NULL is allowed */
/*
 * Reads or writes all of it; what lies behind the end of the file reads as zeros. With O_DIRECT the caller aligns. -ENOTSUP: the kernel
 * has no more queues now, nothing was done.
 */
int file_ring_io(struct file_ring *r, int fd, bool write, uint64_t offset, size_t length, void *buf);
#endif
