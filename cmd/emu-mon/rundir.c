/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The lock is flock(2) on sup.pid: the kernel gives it up however the owner ends. A directory may be removed by its owner between two of
 * our steps; then we begin again.
 */
#include "rundir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define ATTEMPTS 20

/* 1: it was made now. */
static int make_dir(const char *path, uid_t uid, gid_t gid, struct err *e)
{
	bool made = mkdir(path, 0700) == 0;
	struct stat st;

	if (!made && errno != EEXIST)
		return err_errno(e, errno, "cannot make the run directory %s", path);
	if (made && (uid != geteuid() || gid != getegid()) && chown(path, uid, gid) < 0)
		return err_errno(e, errno, "cannot give the run directory %s to user %u", path, (unsigned)uid);
	if (stat(path, &st) < 0)
		return err_errno(e, errno, "cannot use the run directory %s", path);
	if (!S_ISDIR(st.st_mode))
		return err_set(e, ENOTDIR, "%s is no directory", path);
	if (st.st_uid != uid && st.st_uid != geteuid())
		return err_set(e, EPERM, "the run directory %s belongs to user %u", path, (unsigned)st.st_uid);
	return made;
}

static int base_dir(char *path, size_t size, const struct run_dir_request *q, struct err *e)
{
	const char *base = getenv("XDG_RUNTIME_DIR");
	int n;

	if (base && *base && q->uid == geteuid())
		n = snprintf(path, size, "%s/emu", base);
	else
		n = snprintf(path, size, "/run/emu-%u", (unsigned)q->uid);
	if (n >= (int)size)
		return err_set(e, ENAMETOOLONG, "XDG_RUNTIME_DIR is too long a path");
	return make_dir(path, q->uid, q->gid, e) < 0 ? -e->code : n;
}

static bool stale_name(const char *dir, const char *name)
{
	size_t n = strlen(name);
	char path[PATH_MAX];
	struct stat st;

	if ((n > 4 && !strcmp(name + n - 4, ".pid")) || (n > 6 && !strcmp(name + n - 6, ".state")) || (n > 4 && !strcmp(name + n - 4, ".tmp")))
		return true;
	snprintf(path, sizeof path, "%s/%s", dir, name);
	return lstat(path, &st) == 0 && S_ISSOCK(st.st_mode);
}

static void empty(const char *path, bool own_too)
{
	DIR *d = opendir(path);
	struct dirent *entry;

	while (d && (entry = readdir(d)))
		if ((own_too || strcmp(entry->d_name, "sup.pid")) && stale_name(path, entry->d_name))
			unlinkat(dirfd(d), entry->d_name, 0);
	if (d)
		closedir(d);
}

void run_dir_clean(const char *path, bool also)
{
	empty(path, true);
	if (also)
		rmdir(path);
}

/* 0: ours; 1: begin again; -EBUSY: *holder has it. */
static int lock_dir(struct run_dir *d, bool made, pid_t *holder, struct err *e)
{
	char path[PATH_MAX], text[32];
	struct stat here, there;
	ssize_t n;

	snprintf(path, sizeof path, "%s/sup.pid", d->path);
	d->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (d->lock < 0)
		return errno == ENOENT ? 1 : err_errno(e, errno, "cannot write %s", path);
	if (flock(d->lock, LOCK_EX | LOCK_NB) < 0) {
		n = read(d->lock, text, sizeof text - 1);
		text[n > 0 ? n : 0] = '\0';
		*holder = (pid_t)strtol(text, NULL, 10);
		close(d->lock);
		d->lock = -1;
		return -EBUSY;
	}
	if (fstat(d->lock, &here) < 0 || stat(path, &there) < 0 || here.st_ino != there.st_ino || here.st_dev != there.st_dev) {
		close(d->lock);
		d->lock = -1;
		return 1;
	}
	if (!made)
		empty(d->path, false);
	n = snprintf(text, sizeof text, "%d\n", (int)getpid());
	if (ftruncate(d->lock, 0) < 0 || pwrite(d->lock, text, (size_t)n, 0) != n)
		return err_errno(e, errno, "cannot write %s", path);
	return 0;
}

/* 0, -EBUSY with *holder, or another error with *e filled. */
static int take(struct run_dir *d, const struct run_dir_request *q, pid_t *holder, struct err *e)
{
	for (int i = 0; i < ATTEMPTS; i++) {
		int made, r;
		/* In the place for run directories it is nobody else's. */
		d->remove = !q->dir || access(d->path, F_OK) < 0;
		q->making(q->opaque, d->path, d->remove);
		made = make_dir(d->path, q->uid, q->gid, e);
		if (made < 0)
			return made;
		r = lock_dir(d, made, holder, e);
		if (r <= 0)
			return r;
	}
	return err_set(e, EAGAIN, "the run directory %s comes and goes", d->path);
}

int run_dir_take(struct run_dir *d, const struct run_dir_request *q, struct err *e)
{
	pid_t holder = 0;
	int base = 0, r;

	d->lock = -1;
	if (q->name)
		snprintf(d->name, sizeof d->name, "%.140s", q->name);
	else
		snprintf(d->name, sizeof d->name, "vm-%d", (int)getpid());
	if (q->dir) {
		char *whole = q->dir[0] == '/' ? NULL : getcwd(NULL, 0);
		int n = snprintf(d->path, sizeof d->path, "%s%s%s", whole ? whole : "", whole ? "/" : "", q->dir);
		free(whole);
		if (n >= (int)sizeof d->path)
			return err_set(e, ENAMETOOLONG, "the run directory %.100s... is too long a path", q->dir);
	} else {
		base = base_dir(d->path, sizeof d->path - sizeof d->name - 1, q, e);
		if (base < 0)
			return base;
		snprintf(d->path + base, sizeof d->path - (size_t)base, "/%s", d->name);
	}
	r = take(d, q, &holder, e);
	if (r == -EBUSY && q->add_pid && !q->dir) {
		snprintf(d->name, sizeof d->name, "%.140s-%d", q->name ? q->name : "vm", (int)getpid());
		snprintf(d->path + base, sizeof d->path - (size_t)base, "/%s", d->name);
		r = take(d, q, &holder, e);
	}
	if (r == -EBUSY) {
		err_set(e, EBUSY, "a machine '%s' runs already: process %d holds %s", d->name, (int)holder, d->path);
		return err_hint(e, "'emu-mon --run %s quit' ends it; another name is free.", d->path);
	}
	return r;
}

void run_dir_leave(struct run_dir *d)
{
	if (d->lock < 0)
		return;
	run_dir_clean(d->path, d->remove);
	close(d->lock);
	d->lock = -1;
}
