/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Opening, closing and duplicating descriptors; pipes; offsets. */
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "linux.h"
#include "file.h"

int64_t path_read(struct thread *t, char *path, uint64_t addr)
{
	int64_t n = user_read_string(t, path, addr, PATH_MAX);
	return n;
}

/* ---- opening ---------------------------------------------------------------------------------------------- */

/*
 * /proc files that show the process itself would show the emulator: user_proc_open() has the guest's. Only paths that
 * begin with /proc, and such file names below a directory's descriptor, are looked at: other opens cost nothing more.
 */
static bool proc_path(struct thread *t, int dirfd, uint64_t addr, char *path)
{
	char first, head[6], relative[PATH_MAX];
	if (!addr || user_read(t, &first, addr, 1) < 0)
		return false;
	if (first != '/')
		return path_read(t, relative, addr) >= 0 && user_proc_own(dirfd, relative, path, PATH_MAX);
	if (user_read(t, head, addr, sizeof(head)) < 0 || memcmp(head, "/proc/", 6))
		return false;
	return path_read(t, path, addr) >= 0;
}

/*
 * A 32-bit program that does not say O_LARGEFILE is kept from files that its offsets cannot reach (open(2), EOVERFLOW);
 * for a 64-bit process the host's kernel sees no need to.
 */
static int64_t small_enough(struct thread *t, uint32_t guest_flags, int64_t fd)
{
	struct stat st;
	if (fd < 0 || !guest32(t) || (guest_flags & t->process->abi->calls->largefile) || (guest_flags & O_PATH) ||
	    HOST(fstat, fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size <= INT32_MAX)
		return fd;
	HOST(close, fd);
	return -EOVERFLOW;
}

static int64_t open_at(struct thread *t, int dirfd, uint64_t addr, uint32_t guest_flags, uint32_t mode)
{
	char path[PATH_MAX], below[PATH_MAX];
	const char *name = user_host(t, addr);
	int flags = (int)flags_to_host(t, NAMES_open, guest_flags);
	if (addr && t->process->options.prefix && path_read(t, path, addr) >= 0 &&
	    user_prefix_path(t->process, path, below, sizeof(below)) == below)
		name = below;
	else if (proc_path(t, dirfd, addr, path)) {
		int64_t r = user_proc_open(t, path, flags, (int)mode);
		if (r != -ENOTSUP)
			return r;
	}
	/* A fifo or a device may make open() wait. */
	return small_enough(t, guest_flags, user_blocking(t, SYS_openat, dirfd, name, flags, mode));
}

int64_t file_open(struct thread *t, const uint64_t *a)
{
	return open_at(t, AT_FDCWD, a[0], a[1], a[2]);
}

int64_t file_openat(struct thread *t, const uint64_t *a)
{
	return open_at(t, (int)a[0], a[1], a[2], a[3]);
}

int64_t file_creat(struct thread *t, const uint64_t *a)
{
	return user_blocking(t, SYS_openat, AT_FDCWD, user_host(t, a[0]), O_CREAT | O_WRONLY | O_TRUNC, a[1]);
}

/*
 * A structure that says its own size and grows with kernels: bytes past those that we know must be zero (E2BIG), those
 * that the program does not have are zero.
 */
int read_sized(struct thread *t, void *to, size_t known, uint64_t from, uint64_t size, size_t least)
{
	uint8_t more[64];
	if (size < least)
		return -EINVAL;
	if (size > 4096)
		return -E2BIG;
	memset(to, 0, known);
	if (user_read(t, to, from, size < known ? size : known) < 0)
		return -EFAULT;
	for (uint64_t at = known; at < size; at += sizeof(more)) {
		size_t n = size - at < sizeof(more) ? size - at : sizeof(more);
		if (user_read(t, more, from + at, n) < 0)
			return -EFAULT;
		for (size_t i = 0; i < n; i++)
			if (more[i])
				return -E2BIG;
	}
	return 0;
}

int64_t file_openat2(struct thread *t, const uint64_t *a)
{
	uint8_t raw[sizeof(struct open_how)];
	struct open_how how;
	char path[PATH_MAX];
	int r = read_sized(t, raw, sizeof(raw), a[2], a[3], sizeof(raw));
	if (r < 0)
		return r;
	layout_to_host(linux_layouts(t), ST_open_how, &how, raw);
	how.flags = (how.flags & ~0xffffffffULL) | flags_to_host(t, NAMES_open, (uint32_t)how.flags);
	if (!how.resolve && proc_path(t, (int)a[0], a[1], path)) {
		int64_t fd = user_proc_open(t, path, (int)how.flags, (int)how.mode);
		if (fd != -ENOTSUP)
			return fd;
	}
	return user_blocking(t, SYS_openat2, a[0], user_host(t, a[1]), &how, sizeof(how));
}

/* ---- closing and duplicating ------------------------------------------------------------------------------- */

int64_t file_close(struct thread *t, const uint64_t *a)
{
	(void)t;
	if (user_fd_reserved((int)a[0]))
		return -EBADF;
	return HOST(close, a[0]);
}

int64_t file_close_range(struct thread *t, const uint64_t *a)
{
	uint32_t first = a[0], last = a[1];
	uint32_t limit = sysconf(_SC_OPEN_MAX) > 0 ? (uint32_t)sysconf(_SC_OPEN_MAX) : 65536;
	(void)t;
	if (first > last)
		return -EINVAL;
	/* The emulator's own descriptors are left out: the range falls into pieces around them. */
	for (uint32_t fd = first; fd <= last && fd < limit; fd++) {
		if (!user_fd_reserved((int)fd))
			continue;
		if (fd > first) {
			long r = HOST(close_range, first, fd - 1, a[2]);
			if (r < 0)
				return r;
		}
		if (fd == last)
			return 0;
		first = fd + 1;
	}
	return HOST(close_range, first, last, a[2]);
}

int64_t file_dup2(struct thread *t, const uint64_t *a)
{
	(void)t;
	if (user_fd_reserved((int)a[1]))
		return -EBADF;
	if ((int)a[0] == (int)a[1]) {
		long r = HOST(fcntl, a[0], F_GETFD);
		return r < 0 ? r : (int)a[1];
	}
	return HOST(dup3, a[0], a[1], 0);
}

int64_t file_dup3(struct thread *t, const uint64_t *a)
{
	if (user_fd_reserved((int)a[1]))
		return -EBADF;
	return HOST(dup3, a[0], a[1], flags_to_host(t, NAMES_open, a[2]));
}

int64_t pair_store(struct thread *t, uint64_t to, const int fd[2])
{
	uint32_t out[2];
	layout_put(linux_layouts(t), &out[0], 4, (uint32_t)fd[0]);
	layout_put(linux_layouts(t), &out[1], 4, (uint32_t)fd[1]);
	if (user_write(t, to, out, sizeof(out)) == 0)
		return 0;
	close(fd[0]);
	close(fd[1]);
	return -EFAULT;
}

static int64_t make_pipe(struct thread *t, uint64_t to, int flags)
{
	int fd[2];
	long r = HOST(pipe2, fd, flags);
	return r < 0 ? r : pair_store(t, to, fd);
}

int64_t file_pipe(struct thread *t, const uint64_t *a)
{
	return make_pipe(t, a[0], 0);
}

int64_t file_pipe2(struct thread *t, const uint64_t *a)
{
	return make_pipe(t, a[0], (int)flags_to_host(t, NAMES_open, a[1]));
}

int64_t file_inotify_init(struct thread *t, const uint64_t *a)
{
	(void)t, (void)a;
	return HOST(inotify_init1, 0);
}

/* ---- offsets ------------------------------------------------------------------------------------------------- */

int64_t file_lseek(struct thread *t, const uint64_t *a)
{
	int64_t offset = (int)a[2] == SEEK_SET ? directory_offset(t, (int)a[0], (int64_t)a[1]) : (int64_t)a[1];
	long r = HOST(lseek, a[0], offset, a[2]);
	if (offset != (int64_t)a[1] && r == offset)
		return (int64_t)a[1];
	if (r >= 0 && guest32(t) && r > INT32_MAX)
		return -EOVERFLOW;
	return r;
}

int64_t file_llseek(struct thread *t, const uint64_t *a)
{
	int64_t asked = (int64_t)(a[1] << 32 | (uint32_t)a[2]);
	int64_t offset = (int)a[4] == SEEK_SET ? directory_offset(t, (int)a[0], asked) : asked;
	long r = HOST(lseek, a[0], offset, a[4]);
	if (r < 0)
		return r;
	return user_write_u64(t, a[3], (uint64_t)(r == offset ? asked : r));
}

/* Variants that put the flags before the two offsets, so that these lie in even registers. */
int64_t file_sync_range2(struct thread *t, const uint64_t *a)
{
	return user_blocking(t, SYS_sync_file_range, a[0], a[2], a[3], a[1]);
}

int64_t file_fadvise_first(struct thread *t, const uint64_t *a)
{
	(void)t;
	return HOST(fadvise64, a[0], a[2], a[3], a[1]);
}

/* ---- handles --------------------------------------------------------------------------------------------------- */

/* struct file_handle: two 32-bit words (length, type), then bytes that only the kernel reads. */
int64_t file_name_to_handle(struct thread *t, const uint64_t *a)
{
	struct {
		struct file_handle head;
		unsigned char bytes[MAX_HANDLE_SZ];
	} h;
	uint32_t room;
	int mount_id;
	/* The path is looked up before anything is wrong with the handle. */
	if (user_read_u32(t, &room, a[2]) < 0)
		return HOST(name_to_handle_at, a[0], user_host(t, a[1]), user_host(t, a[2]), &mount_id, a[4]);
	h.head.handle_bytes = room;
	long r = HOST(name_to_handle_at, a[0], user_host(t, a[1]), &h, &mount_id, a[4]);
	if (r < 0 && r != -EOVERFLOW)
		return r;
	if (user_write_u32(t, a[3], (uint32_t)mount_id) < 0 || user_write_u32(t, a[2], h.head.handle_bytes) < 0 ||
	    user_write_u32(t, a[2] + 4, (uint32_t)h.head.handle_type) < 0)
		return -EFAULT;
	if (r == 0 && user_write(t, a[2] + 8, h.head.f_handle, h.head.handle_bytes) < 0)
		return -EFAULT;
	return r;
}

int64_t file_open_by_handle(struct thread *t, const uint64_t *a)
{
	struct {
		struct file_handle head;
		unsigned char bytes[MAX_HANDLE_SZ];
	} h;
	uint32_t size, type;
	if (user_read_u32(t, &size, a[1]) < 0 || user_read_u32(t, &type, a[1] + 4) < 0)
		return -EFAULT;
	if (size == 0 || size > MAX_HANDLE_SZ)
		return -EINVAL;
	h.head.handle_bytes = size;
	h.head.handle_type = (int)type;
	if (user_read(t, h.head.f_handle, a[1] + 8, size) < 0)
		return -EFAULT;
	return HOST(open_by_handle_at, a[0], &h, flags_to_host(t, NAMES_open, a[2]));
}
