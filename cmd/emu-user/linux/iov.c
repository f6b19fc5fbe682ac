/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Vectors of buffers: readv, writev and their kin, vmsplice, and reading another process's memory. */
#include <limits.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include "linux.h"
#include "file.h"

int iov_read(struct thread *t, struct iov *iov, uint64_t addr, uint64_t count, bool stores)
{
	unsigned word = t->process->abi->word;
	iov->v = iov->fast;
	iov->count = 0;
	if (count > IOV_MAX)
		return -EINVAL;
	if (count > sizeof(iov->fast) / sizeof(iov->fast[0])) {
		iov->v = malloc(count * sizeof(*iov->v));
		if (!iov->v) {
			iov->v = iov->fast;
			return -ENOMEM;
		}
	}
	for (uint64_t i = 0; i < count; i++, addr += 2 * word) {
		uint64_t base, length;
		if (user_read_word(t, &base, addr) < 0 || user_read_word(t, &length, addr + word) < 0)
			return -EFAULT;
		if (word == 4 ? length > INT32_MAX : length > INT64_MAX)
			return -EINVAL;
		if (stores)
			user_will_write(t, base, length);
		iov->v[i] = (struct iovec){user_host(t, base), length};
	}
	iov->count = count;
	return 0;
}

void iov_free(struct iov *iov)
{
	if (iov->v != iov->fast)
		free(iov->v);
}

static int64_t transfer(struct thread *t, const uint64_t *a, bool stores)
{
	struct iov iov;
	/* The kernel takes the descriptor first: EBADF goes before EFAULT. */
	int64_t r = iov_read(t, &iov, a[1], a[2], stores);
	if (r == 0) {
		/* The offset as one 64-bit argument and a high word that a 64-bit host ignores (preadv(2)). */
		if (t->call->arg[4].kind == ARG_HEX)
			r = user_blocking(t, t->call->host, a[0], iov.v, iov.count, a[3], 0, a[4]);
		else
			r = user_blocking(t, t->call->host, a[0], iov.v, iov.count, a[3], 0);
	}
	iov_free(&iov);
	return r;
}

int64_t file_readv(struct thread *t, const uint64_t *a)
{
	return transfer(t, a, true);
}

int64_t file_writev(struct thread *t, const uint64_t *a)
{
	return transfer(t, a, false);
}

int64_t file_vmsplice(struct thread *t, const uint64_t *a)
{
	struct iov iov;
	int64_t r = iov_read(t, &iov, a[1], a[2], true);
	if (r == 0)
		r = user_blocking(t, SYS_vmsplice, a[0], iov.v, iov.count, a[3]);
	iov_free(&iov);
	return r;
}

/* Addresses in the other process are that process's own: right for ourselves and for guests with the same base. */
static int64_t vm_transfer(struct thread *t, const uint64_t *a, bool stores)
{
	struct iov here, there;
	int64_t r = iov_read(t, &here, a[1], a[2], stores);
	size_t total = 0;
	there.v = there.fast;
	for (size_t i = 0; r == 0 && i < here.count; i++)
		total += here.v[i].iov_len;
	if (r == 0 && total == 0)
		goto out; /* before the other vector is looked at */
	if (r == 0)
		r = iov_read(t, &there, a[3], a[4], !stores);
	if (r == 0)
		r = linux_host(t->call->host, (long)a[0], (long)here.v, (long)here.count, (long)there.v, (long)there.count,
			       (long)a[5]);
out:
	iov_free(&here);
	iov_free(&there);
	return r;
}

int64_t proc_vm_readv(struct thread *t, const uint64_t *a)
{
	return vm_transfer(t, a, true);
}

int64_t proc_vm_writev(struct thread *t, const uint64_t *a)
{
	return vm_transfer(t, a, false);
}

int64_t proc_process_madvise(struct thread *t, const uint64_t *a)
{
	struct iov iov;
	int64_t r = iov_read(t, &iov, a[1], a[2], false);
	if (r == 0)
		r = HOST(process_madvise, a[0], iov.v, iov.count, a[3], a[4]);
	iov_free(&iov);
	return r;
}
