/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Calls that name files: status, access, links, owners, times, directories. */
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include "linux.h"
#include "file.h"

/* ---- status ------------------------------------------------------------------------------------------------ */

/*
 * The path for a call that follows links: below -L's prefix where it is there. /proc/self/exe leads to the emulator's own file, the guest means its program.
 * Gives `addr` as a host path, or the program's path in `buffer`.
 */
static const char *followed(struct thread *t, uint64_t addr, char *buffer)
{
	char head[6], path[PATH_MAX];
	if (addr && t->process->options.prefix && path_read(t, path, addr) >= 0 &&
	    user_prefix_path(t->process, path, buffer, PATH_MAX) == buffer)
		return buffer;
	if (!addr || user_read(t, head, addr, sizeof(head)) < 0 || memcmp(head, "/proc/", 6) ||
	    path_read(t, path, addr) < 0)
		return user_host(t, addr);
	int64_t n = user_proc_readlink(t, path, buffer, PATH_MAX - 1);
	if (n < 0)
		return user_host(t, addr);
	buffer[n] = 0;
	return buffer;
}

static int64_t stat_at(struct thread *t, enum struct_id id, int dirfd, uint64_t path, uint64_t to, int flags)
{
	char program[PATH_MAX];
	struct stat st;
	const char *name = flags & AT_SYMLINK_NOFOLLOW ? user_host(t, path) : followed(t, path, program);
	if (linux_layouts(t)->by_id[id].same) {
		user_will_write(t, to, sizeof(st));
		return HOST(newfstatat, dirfd, name, user_host(t, to), flags);
	}
	long r = HOST(newfstatat, dirfd, name, &st, flags);
	return r < 0 ? r : struct_write(t, id, to, &st);
}

int64_t file_stat(struct thread *t, const uint64_t *a)
{
	return stat_at(t, ST_stat, AT_FDCWD, a[0], a[1], 0);
}

int64_t file_lstat(struct thread *t, const uint64_t *a)
{
	return stat_at(t, ST_stat, AT_FDCWD, a[0], a[1], AT_SYMLINK_NOFOLLOW);
}

int64_t file_fstatat(struct thread *t, const uint64_t *a)
{
	return stat_at(t, ST_stat, (int)a[0], a[1], a[2], (int)a[3]);
}

int64_t file_stat64(struct thread *t, const uint64_t *a)
{
	return stat_at(t, ST_stat64, AT_FDCWD, a[0], a[1], 0);
}

int64_t file_lstat64(struct thread *t, const uint64_t *a)
{
	return stat_at(t, ST_stat64, AT_FDCWD, a[0], a[1], AT_SYMLINK_NOFOLLOW);
}

int64_t file_fstatat64(struct thread *t, const uint64_t *a)
{
	return stat_at(t, ST_stat64, (int)a[0], a[1], a[2], (int)a[3]);
}

int64_t file_oldstat(struct thread *t, const uint64_t *a)
{
	return stat_at(t, ST_oldstat, AT_FDCWD, a[0], a[1], 0);
}

int64_t file_oldlstat(struct thread *t, const uint64_t *a)
{
	return stat_at(t, ST_oldstat, AT_FDCWD, a[0], a[1], AT_SYMLINK_NOFOLLOW);
}

int64_t file_statx(struct thread *t, const uint64_t *a)
{
	char program[PATH_MAX];
	struct statx stx;
	const char *name = a[2] & AT_SYMLINK_NOFOLLOW ? user_host(t, a[1]) : followed(t, a[1], program);
	if (linux_layouts(t)->by_id[ST_statx].same) {
		user_will_write(t, a[4], sizeof(stx));
		return HOST(statx, a[0], name, a[2], a[3], user_host(t, a[4]));
	}
	long r = HOST(statx, a[0], name, a[2], a[3], &stx);
	return r < 0 ? r : struct_write(t, ST_statx, a[4], &stx);
}

static int64_t store_statfs64(struct thread *t, uint64_t size, uint64_t to, const struct statfs *st)
{
	/* ARM's old ABI packs the structure, so its kernels accept four bytes less than the new one has. */
	size_t have = struct_size(t, ST_statfs64);
	return size == have || (have == 88 && size == 84) ?
		struct_write(t, ST_statfs64, to, st) : -EINVAL;
}

int64_t file_statfs64(struct thread *t, const uint64_t *a)
{
	struct statfs st;
	long r = HOST(statfs, user_host(t, a[0]), &st);
	return r < 0 ? r : store_statfs64(t, a[1], a[2], &st);
}

int64_t file_fstatfs64(struct thread *t, const uint64_t *a)
{
	struct statfs st;
	long r = HOST(fstatfs, a[0], &st);
	return r < 0 ? r : store_statfs64(t, a[1], a[2], &st);
}

/* sysfs(2): file system types by number and by name. */
int64_t file_sysfs(struct thread *t, const uint64_t *a)
{
	(void)t;
#ifdef SYS_sysfs
	switch ((int)a[0]) {
	case 1:
		return HOST(sysfs, 1, user_host(t, a[1]));
	case 2:
		user_will_write(t, a[2], 256);
		return HOST(sysfs, 2, a[1], user_host(t, a[2]));
	case 3:
		return HOST(sysfs, 3);
	}
	return -EINVAL;
#else
	(void)a;
	return -ENOSYS;
#endif
}

int64_t file_access(struct thread *t, const uint64_t *a)
{
	char program[PATH_MAX];
	return HOST(faccessat, AT_FDCWD, followed(t, a[0], program), a[1]);
}

int64_t file_accessat(struct thread *t, const uint64_t *a)
{
	char program[PATH_MAX];
	const char *name = followed(t, a[1], program);
	return t->call->host == SYS_faccessat ? HOST(faccessat, a[0], name, a[2]) : HOST(faccessat2, a[0], name, a[2], a[3]);
}

/* ---- links and names ----------------------------------------------------------------------------------------- */

static int64_t readlink_at(struct thread *t, int dirfd, uint64_t addr, uint64_t to, int size)
{
	char head[6], path[PATH_MAX], target[PATH_MAX];
	if (size <= 0)
		return -EINVAL;
	bool own = addr && user_read(t, head, addr, 4) == 0 && !memcmp(head, "exe", 4) && user_proc_own(dirfd, "exe", path, sizeof(path));
	if (own || (addr && user_read(t, head, addr, sizeof(head)) == 0 && !memcmp(head, "/proc/", 6) &&
		    path_read(t, path, addr) >= 0)) {
		int64_t n = user_proc_readlink(t, path, target, sizeof(target));
		if (n != -ENOTSUP) {
			if (n > size)
				n = size;
			return n < 0 ? n : user_write(t, to, target, (size_t)n) < 0 ? -EFAULT : n;
		}
	}
	user_will_write(t, to, (size_t)size);
	return HOST(readlinkat, dirfd, user_host(t, addr), user_host(t, to), size);
}

int64_t file_readlink(struct thread *t, const uint64_t *a)
{
	return readlink_at(t, AT_FDCWD, a[0], a[1], (int)a[2]);
}

int64_t file_readlinkat(struct thread *t, const uint64_t *a)
{
	return readlink_at(t, (int)a[0], a[1], a[2], (int)a[3]);
}

int64_t file_rename(struct thread *t, const uint64_t *a)
{
	return HOST(renameat2, AT_FDCWD, user_host(t, a[0]), AT_FDCWD, user_host(t, a[1]), 0);
}

int64_t file_renameat(struct thread *t, const uint64_t *a)
{
	return HOST(renameat2, a[0], user_host(t, a[1]), a[2], user_host(t, a[3]), 0);
}

int64_t file_link(struct thread *t, const uint64_t *a)
{
	return HOST(linkat, AT_FDCWD, user_host(t, a[0]), AT_FDCWD, user_host(t, a[1]), 0);
}

int64_t file_symlink(struct thread *t, const uint64_t *a)
{
	return HOST(symlinkat, user_host(t, a[0]), AT_FDCWD, user_host(t, a[1]));
}

int64_t file_unlink(struct thread *t, const uint64_t *a)
{
	return HOST(unlinkat, AT_FDCWD, user_host(t, a[0]), 0);
}

int64_t file_rmdir(struct thread *t, const uint64_t *a)
{
	return HOST(unlinkat, AT_FDCWD, user_host(t, a[0]), AT_REMOVEDIR);
}

int64_t file_umount(struct thread *t, const uint64_t *a)
{
	return HOST(umount2, user_host(t, a[0]), 0);
}

int64_t file_mount_setattr(struct thread *t, const uint64_t *a)
{
	uint64_t raw[4];
	int r = read_sized(t, raw, sizeof(raw), a[3], a[4], 32);
	for (unsigned i = 0; i < 4 && r == 0; i++)
		raw[i] = layout_get(linux_layouts(t), &raw[i], 8);
	return r < 0 ? r : HOST(mount_setattr, a[0], user_host(t, a[1]), a[2], raw, sizeof(raw));
}

int64_t file_chown(struct thread *t, const uint64_t *a)
{
	return HOST(fchownat, AT_FDCWD, user_host(t, a[0]), a[1], a[2], 0);
}

int64_t file_lchown(struct thread *t, const uint64_t *a)
{
	return HOST(fchownat, AT_FDCWD, user_host(t, a[0]), a[1], a[2], AT_SYMLINK_NOFOLLOW);
}

/* ---- times ------------------------------------------------------------------------------------------------------ */

/* Two times, microseconds or nanoseconds; NULL: now. */
static int64_t set_times(struct thread *t, int dirfd, uint64_t path, uint64_t times, enum struct_id id, int flags)
{
	struct timespec ts[2];
	for (unsigned i = 0; times && i < 2; i++) {
		struct timeval tv;
		uint64_t at = times + i * struct_size(t, id);
		if (id != ST_timeval) {
			if (struct_read(t, id, &ts[i], at) < 0)
				return -EFAULT;
			continue;
		}
		if (struct_read(t, id, &tv, at) < 0)
			return -EFAULT;
		if (tv.tv_usec < 0 || tv.tv_usec >= 1000000)
			return -EINVAL;
		ts[i] = (struct timespec){tv.tv_sec, tv.tv_usec * 1000};
	}
	/* A 32-bit program's tv_nsec in 64-bit times has padding above it (time_types.h). */
	if (times && id == ST_timespec64 && guest32(t)) {
		ts[0].tv_nsec = (uint32_t)ts[0].tv_nsec;
		ts[1].tv_nsec = (uint32_t)ts[1].tv_nsec;
	}
	return HOST(utimensat, dirfd, user_host(t, path), times ? ts : NULL, flags);
}

int64_t file_utime(struct thread *t, const uint64_t *a)
{
	struct timespec ts[2] = {{0, 0}, {0, 0}};
	uint64_t v[2];
	unsigned word = t->process->abi->word;
	if (!a[1])
		return HOST(utimensat, AT_FDCWD, user_host(t, a[0]), NULL, 0);
	if (user_read_word(t, &v[0], a[1]) < 0 || user_read_word(t, &v[1], a[1] + word) < 0)
		return -EFAULT;
	for (unsigned i = 0; i < 2; i++)
		ts[i].tv_sec = word == 4 ? (int32_t)v[i] : (int64_t)v[i];
	return HOST(utimensat, AT_FDCWD, user_host(t, a[0]), ts, 0);
}

int64_t file_utimes(struct thread *t, const uint64_t *a)
{
	return set_times(t, AT_FDCWD, a[0], a[1], ST_timeval, 0);
}

int64_t file_futimesat(struct thread *t, const uint64_t *a)
{
	return set_times(t, (int)a[0], a[1], a[2], ST_timeval, 0);
}

int64_t file_utimensat(struct thread *t, const uint64_t *a)
{
	return set_times(t, (int)a[0], a[1], a[2], ST_timespec, (int)a[3]);
}

int64_t file_utimensat_time64(struct thread *t, const uint64_t *a)
{
	return set_times(t, (int)a[0], a[1], a[2], ST_timespec64, (int)a[3]);
}
