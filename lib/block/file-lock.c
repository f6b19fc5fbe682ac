/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Locks of image files between processes: open-file-description locks on single bytes.
 *
 * Byte 100+n is read-locked by whoever uses permission n (0 consistent read, 1 write, 2 write unchanged, 3 resize),
 * byte 200+n by whoever does not tolerate others using it. After taking its own, a process looks for locks of others
 * on the opposite bytes. The bytes are those the classic tools use, so both kinds keep out of each other's way.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/sandbox.h"
#include "block/core.h"

#define PERM_BYTE 100
#define SHARED_BYTE 200
#define PERM_COUNT 4

static const char *const perm_name[PERM_COUNT] = {"consistent read", "write", "write unchanged", "resize"};

static int lock_byte(int fd, off_t byte, short type)
{
	struct flock l = {.l_type = type, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1};

	return fcntl(fd, F_OFD_SETLK, &l) ? -errno : 0;
}

/* Does anyone else hold a lock on the byte? */
static int other_holds(int fd, off_t byte)
{
	struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1};

	if (fcntl(fd, F_OFD_GETLK, &l))
		return -errno;
	return l.l_type == F_UNLCK ? 0 : -EAGAIN;
}

static bool has_lock(const char *pid, const char *fd)
{
	char path[600], line[256];
	bool found = false;
	FILE *f;

	snprintf(path, sizeof path, "/proc/%s/fdinfo/%s", pid, fd);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof line, f))
		found |= !strncmp(line, "lock:", 5);
	if (f)
		fclose(f);
	return found;
}

/* Looks for a process that has the file open with locks. Returns its pid or 0, its name in comm. */
static long find_holder(int fd, char *comm, size_t size)
{
	struct stat want, st;
	DIR *proc = opendir("/proc");
	struct dirent *p, *d;
	long found = 0;

	if (!proc || fstat(fd, &want)) {
		if (proc)
			closedir(proc);
		return 0;
	}
	while (!found && (p = readdir(proc))) {
		char path[600];
		DIR *fds;
		if (p->d_name[0] < '0' || p->d_name[0] > '9' || atol(p->d_name) == getpid())
			continue;
		snprintf(path, sizeof path, "/proc/%s/fd", p->d_name);
		fds = opendir(path);
		while (fds && !found && (d = readdir(fds))) {
			char link[900];
			if (d->d_name[0] == '.')
				continue;
			snprintf(link, sizeof link, "%s/%s", path, d->d_name);
			if (!stat(link, &st) && st.st_dev == want.st_dev && st.st_ino == want.st_ino && has_lock(p->d_name, d->d_name))
				found = atol(p->d_name);
		}
		if (fds)
			closedir(fds);
	}
	closedir(proc);
	if (found) {
		char path[64];
		FILE *f;
		snprintf(path, sizeof path, "/proc/%ld/comm", found);
		f = fopen(path, "re");
		if (!f || !fgets(comm, (int)size, f))
			snprintf(comm, size, "?");
		comm[strcspn(comm, "\n")] = '\0';
		if (f)
			fclose(f);
	}
	return found;
}

static int conflict(int fd, const char *path, bool shared, unsigned perm, struct err *e)
{
	char comm[64];
	long pid = sandbox_allows(SANDBOX_OPEN) ? find_holder(fd, comm, sizeof comm) : 0;

	err_set(e, EAGAIN, "Failed to get %s\"%s\" lock", shared ? "shared " : "", perm_name[perm]);
	if (pid)
		err_hint(e, "Is another process using the image [%s]? It is held by process %ld (%s).", path, pid, comm);
	else
		err_hint(e, "Is another process using the image [%s]?", path);
	return -EAGAIN;
}

void blk_file_unlock(int fd)
{
	for (unsigned i = 0; i < PERM_COUNT; i++) {
		lock_byte(fd, PERM_BYTE + i, F_UNLCK);
		lock_byte(fd, SHARED_BYTE + i, F_UNLCK);
	}
}

/* Locks that are held and not wanted any more go. */
static void unlock_rest(int fd, unsigned perm, unsigned shared)
{
	for (unsigned i = 0; i < PERM_COUNT; i++) {
		if (!(perm & 1u << i))
			lock_byte(fd, PERM_BYTE + i, F_UNLCK);
		if (shared & 1u << i)
			lock_byte(fd, SHARED_BYTE + i, F_UNLCK);
	}
}

int blk_file_relock(int fd, const char *path, unsigned perm, unsigned old_perm, unsigned shared, struct err *e)
{
	int r = blk_file_lock(fd, path, perm, shared, e);

	if (!r)
		unlock_rest(fd, perm, shared);
	else
		blk_file_lock(fd, path, old_perm, shared, NULL);
	return r;
}

int blk_file_lock(int fd, const char *path, unsigned perm, unsigned shared, struct err *e)
{
	int r = 0;

	if (shared == BLK_PERM_ALL && !(perm & BLK_PERM_WRITE))
		return 0; /* force-share: neither takes nor asks */
	for (unsigned i = 0; i < PERM_COUNT && !r; i++) {
		r = perm & 1u << i ? lock_byte(fd, PERM_BYTE + i, F_RDLCK) : 0;
		if (r)
			break;
		r = shared & 1u << i ? 0 : lock_byte(fd, SHARED_BYTE + i, F_RDLCK);
	}
	if (r == -EAGAIN || r == -EACCES) { /* somebody with whole-file locks of another kind */
		blk_file_unlock(fd);
		return conflict(fd, path, false, BLK_PERM_WRITE >> 1, e);
	}
	if (r) { /* the file system has no such locks */
		blk_file_unlock(fd);
		return r == -EINVAL || r == -ENOLCK || r == -EOPNOTSUPP ? 0 : err_errno(e, -r, "Failed to lock '%s'", path);
	}
	for (unsigned i = 0; i < PERM_COUNT; i++) {
		if (perm & 1u << i && other_holds(fd, SHARED_BYTE + i) == -EAGAIN) {
			conflict(fd, path, false, i, e);
			blk_file_unlock(fd);
			return -EAGAIN;
		}
	}
	for (unsigned i = 0; i < PERM_COUNT; i++) {
		if (!(shared & 1u << i) && other_holds(fd, PERM_BYTE + i) == -EAGAIN) {
			conflict(fd, path, true, i, e);
			blk_file_unlock(fd);
			return -EAGAIN;
		}
	}
	return 0;
}
