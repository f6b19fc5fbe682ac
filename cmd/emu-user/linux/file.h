/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of the file family share. */
#ifndef LINUX_FILE_H
#define LINUX_FILE_H
#include <sys/uio.h>
#include "linux.h"

/* A path into a buffer of PATH_MAX bytes. Its length, -EFAULT or -ENAMETOOLONG. */
int64_t path_read(struct thread *t, char *path, uint64_t addr);
/* Two new descriptors into guest memory, as 32-bit words; they are closed when that fails. */
int64_t pair_store(struct thread *t, uint64_t to, const int fd[2]);
/*
 * A structure with a size argument, raw: at least `least` bytes, the rest of `known` zeroed. 0, -EINVAL, -E2BIG when bytes
 * that we do not know are set, -EFAULT.
 */
int read_sized(struct thread *t, void *to, size_t known, uint64_t from, uint64_t size, size_t least);

/*
 * A vector of buffers, converted. fast: where few, no memory is taken. Returns 0, -EINVAL, -EFAULT or -ENOMEM; end with
 * iov_free() in any case. `stores`: the kernel will write into the buffers.
 */
struct iov {
	struct iovec *v;
	size_t count;
	struct iovec fast[16];
};
int iov_read(struct thread *t, struct iov *iov, uint64_t addr, uint64_t count, bool stores);
void iov_free(struct iov *iov);
/* The host's offset for one that a 32-bit program got from reading a directory; others stay. */
int64_t directory_offset(struct thread *t, int fd, int64_t offset);
#endif
