/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/part.h"

#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int user_ids(const char *text, unsigned *uid, unsigned *gid, struct err *e)
{
	int n = 0;

	if (sscanf(text, "%u:%u%n", uid, gid, &n) != 2 || text[n])
		return err_set(e, EINVAL, "EMU_RUNAS: '%s' is not UID:GID", text);
	return 0;
}

int part_own_path(const char *path, struct err *e)
{
	const char *user = getenv("EMU_RUNAS");
	unsigned uid, gid;

	if (!user)
		return 0;
	if (user_ids(user, &uid, &gid, e) < 0)
		return -e->code;
	return chown(path, uid, gid) < 0 ? err_errno(e, errno, "cannot give %s to user %u", path, uid) : 0;
}

static int change_user(const char *text, struct err *e)
{
	unsigned uid, gid;

	if (user_ids(text, &uid, &gid, e) < 0)
		return -e->code;
	if (setgroups(1, &(gid_t){gid}) < 0 || setgid(gid) < 0 || setuid(uid) < 0)
		return err_errno(e, errno, "cannot become user %u, group %u", uid, gid);
	/* It must not be possible to come back. */
	if (uid != 0 && setuid(0) == 0)
		return err_set(e, EPERM, "the rights of the superuser could not be given up");
	return 0;
}

int part_give_up_rights(bool keep_root, struct err *e)
{
	const char *user = getenv("EMU_RUNAS"), *root = getenv("EMU_CHROOT");
	int r = 0;

	if (root && !keep_root && (chroot(root) < 0 || chdir("/") < 0))
		r = err_errno(e, errno, "cannot change the root to %s", root);
	if (r == 0 && user)
		r = change_user(user, e);
	unsetenv("EMU_RUNAS");
	unsetenv("EMU_CHROOT");
	return r;
}

void part_ready(int fd)
{
	if (fd < 0)
		return;
	if (write(fd, "READY\n", 6) != 6)
		err_print("nobody reads READY");
	close(fd);
}
