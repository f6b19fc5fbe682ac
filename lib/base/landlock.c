/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which paths a process may still open (Landlock, in the kernel since 5.13): for parts that must open files after their set-up. */
#include <errno.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "base/sandbox.h"

#if __has_include(<linux/landlock.h>)
#include <linux/landlock.h>

#define READ (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define CHANGE (READ | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_REMOVE_FILE)
/* All that the first version knows: what is not given below a path is denied. */
#define ALL ((LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1)

static int add(int rules, const struct sandbox_path *p)
{
	struct landlock_path_beneath_attr a = {.allowed_access = p->change ? CHANGE : READ};
	int r = 0;

	a.parent_fd = open(p->path, O_PATH | O_CLOEXEC);
	if (a.parent_fd < 0)
		return 0; /* what is not there needs no rule */
	if (syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &a, 0) < 0) {
		/* A file has no directory's rights. */
		a.allowed_access &= LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE;
		r = syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &a, 0) < 0 ? -errno : 0;
	}
	close(a.parent_fd);
	return r;
}

int sandbox_paths(enum sandbox_mode mode, const struct sandbox_path *paths, unsigned count, struct err *e)
{
	struct landlock_ruleset_attr attr = {.handled_access_fs = ALL};
	int rules, r = 0;

	if (mode != SANDBOX_ON)
		return 0;
	rules = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof attr, 0);
	if (rules < 0) /* the kernel has it not, or it is switched off there */
		return errno == ENOSYS || errno == EOPNOTSUPP ? 0 : err_errno(e, errno, "cannot restrict paths");
	for (unsigned i = 0; r == 0 && i < count; i++)
		r = add(rules, &paths[i]);
	if (r == 0 && (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || syscall(SYS_landlock_restrict_self, rules, 0) < 0))
		r = -errno;
	close(rules);
	return r < 0 ? err_errno(e, -r, "cannot restrict paths") : 0;
}
#else
int sandbox_paths(enum sandbox_mode mode, const struct sandbox_path *paths, unsigned count, struct err *e)
{
	(void)mode, (void)paths, (void)count, (void)e;
	return 0;
}
#endif
