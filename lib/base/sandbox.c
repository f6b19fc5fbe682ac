/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/sandbox.h"

#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>
#include <jansson.h>
#include <seccomp.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/lsan_interface.h>
#endif

#ifdef __SANITIZE_ADDRESS__
static bool filtered;
/* The leak checker traces its own process from a clone, which the filter kills; the process would wait for it for ever. */
int __lsan_is_turned_off(void)
{
	return filtered;
}
#endif

/* System calls by what they are for. A name that this host's architecture lacks is passed over. */
static const char *const base_calls[] = {
	"brk", "madvise", "mremap", "munmap", "mincore", "membarrier", "mlock", "munlock",
	"futex", "set_robust_list", "get_robust_list", "rseq", "sched_yield", "sched_getaffinity", "set_tid_address",
	"clone3", "clone", "exit", "exit_group", "gettid", "getpid", "getppid", "getuid", "geteuid", "getgid", "getegid",
	"clock_gettime", "clock_getres", "clock_nanosleep", "nanosleep", "gettimeofday", "time", "times",
	"timerfd_create", "timerfd_settime", "timerfd_gettime", "getrandom", "getcpu", "getrusage", "sysinfo", "uname",
	"rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "rt_sigtimedwait", "sigaltstack", "tgkill", "restart_syscall",
	"epoll_create1", "epoll_ctl", "epoll_wait", "epoll_pwait", "epoll_pwait2", "poll", "ppoll", "select", "pselect6",
	"eventfd2", "signalfd4", "pipe2", "read", "write", "readv", "writev", "close", "close_range", "dup", "dup2", "dup3",
	"fstat", "newfstatat", "statx", "fcntl", "lseek", "memfd_create", "prlimit64", "prctl", "arch_prctl",
	"sigreturn", "set_thread_area",
};
static const char *const file_calls[] = {
	"pread64", "pwrite64", "preadv", "pwritev", "preadv2", "pwritev2", "fsync", "fdatasync", "sync_file_range",
	"ftruncate", "fallocate", "flock", "copy_file_range", "sendfile", "splice", "fadvise64", "fstatfs", "getdents64",
	"io_setup", "io_submit", "io_getevents", "io_destroy", "fchmod", "fchown", "futimens", "utimensat",
};
static const char *const open_calls[] = {
	"open", "openat", "openat2", "stat", "lstat", "access", "faccessat", "faccessat2", "readlink", "readlinkat", "unlink",
	"unlinkat", "rename", "renameat", "renameat2", "mkdir", "mkdirat", "rmdir", "link", "linkat", "symlink", "symlinkat",
	"statfs", "chmod", "fchmodat", "chdir", "getcwd", "truncate", "inotify_init1", "inotify_add_watch",
};
static const char *const unlink_calls[] = {"unlink", "unlinkat"};
static const char *const socket_calls[] = {
	"recvmsg", "sendmsg", "recvfrom", "sendto", "recvmmsg", "sendmmsg", "accept", "accept4", "shutdown", "getsockname",
	"getpeername", "getsockopt", "setsockopt", "socketpair",
};
static const char *const connect_calls[] = {"socket", "connect", "bind", "listen"};
static const char *const spawn_calls[] = {
	"fork", "vfork", "execve", "execveat", "wait4", "waitid", "kill", "pidfd_open", "pidfd_send_signal", "setsid",
	"setpgid", "getpgrp", "getpgid", "umask",
};
static const char *const ioctl_calls[] = {"ioctl"};
static const char *const uring_calls[] = {"io_uring_setup", "io_uring_enter", "io_uring_register"};

static const struct group {
	unsigned allow;
	const char *const *calls;
	unsigned count;
} groups[] = {
#define GROUP(bit, list) {bit, list, sizeof list / sizeof *list}
	GROUP(SANDBOX_BASE, base_calls),       GROUP(SANDBOX_FILE, file_calls),   GROUP(SANDBOX_OPEN, open_calls),
	GROUP(SANDBOX_SOCKET, socket_calls),   GROUP(SANDBOX_CONNECT, connect_calls), GROUP(SANDBOX_SPAWN, spawn_calls),
	GROUP(SANDBOX_IOCTL, ioctl_calls),     GROUP(SANDBOX_URING, uring_calls),  GROUP(SANDBOX_UNLINK, unlink_calls),
};

int sandbox_parse(const char *text, enum sandbox_mode *mode, struct err *e)
{
	static const char *const names[] = {"off", "on", "log"};

	if (!text || !*text) {
		*mode = SANDBOX_ON;
		return 0;
	}
	for (unsigned i = 0; i < 3; i++)
		if (!strcmp(text, names[i])) {
			*mode = (enum sandbox_mode)i;
			return 0;
		}
	return err_set(e, EINVAL, "sandbox: '%s' is not accepted; it is one of: off, on, log", text);
}

int sandbox_drop_capabilities(const char *const *keep, struct err *e)
{
	cap_value_t values[CAP_LAST_CAP + 1];
	cap_t caps = NULL;
	int n = 0, r = 0;

	for (; keep && *keep; keep++) {
		if (n > CAP_LAST_CAP || cap_from_name(*keep, &values[n]) < 0)
			return err_set(e, EINVAL, "'%s' is no capability", *keep);
		n++;
	}
	/* The bounding set first: that itself needs a capability; without it there is nothing to bound. */
	for (cap_value_t c = 0; c <= CAP_LAST_CAP; c++) {
		int kept = 0;
		for (int i = 0; i < n; i++)
			kept |= values[i] == c;
		if (!kept && cap_drop_bound(c) < 0 && errno != EPERM && errno != EINVAL) {
			r = err_errno(e, errno, "cannot drop capabilities");
			goto out;
		}
	}
	caps = cap_init();
	if (!caps || (n && (cap_set_flag(caps, CAP_PERMITTED, n, values, CAP_SET) < 0 ||
			    cap_set_flag(caps, CAP_EFFECTIVE, n, values, CAP_SET) < 0)) ||
	    cap_set_proc(caps) < 0)
		r = err_errno(e, errno, "cannot drop capabilities");
out:
	cap_free(caps);
	return r;
}

static int add_code_rules(scmp_filter_ctx ctx, unsigned allow)
{
	static const char *const calls[] = {"mmap", "mmap2", "mprotect", "pkey_mprotect"};

	for (unsigned i = 0; i < 4; i++) {
		int nr = seccomp_syscall_resolve_name(calls[i]), r;
		if (nr == __NR_SCMP_ERROR)
			continue;
		/* Argument 2 is the protection in all of them. */
		r = allow & SANDBOX_CODE ? seccomp_rule_add(ctx, SCMP_ACT_ALLOW, nr, 0)
					 : seccomp_rule_add(ctx, SCMP_ACT_ALLOW, nr, 1,
							    SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
		if (r < 0 && r != -EDOM)
			return r;
	}
	return 0;
}

/*
 * The first time that malloc() gives back a part of a thread's arena it reads /proc/sys/vm/overcommit_memory, and remembers what it found. This
 * makes it do so now: a thread of its own has an arena of its own.
 */
static void *shrink_arena(void *opaque)
{
	void *volatile block[24];

	for (unsigned i = 0; i < 24; i++)
		block[i] = malloc(64 << 10);
	for (unsigned i = 24; i-- > 0;)
		free(block[i]);
	return opaque;
}

static unsigned forbidden; /* groups that the filter of this process stops */

bool sandbox_allows(unsigned g)
{
	return !(__atomic_load_n(&forbidden, __ATOMIC_RELAXED) & g);
}

int sandbox_enter(enum sandbox_mode mode, unsigned allow, struct err *e)
{
	scmp_filter_ctx ctx;
	pthread_t thread;
	int r = 0;

	if (mode == SANDBOX_OFF)
		return 0;
	/* Without a limit of its own malloc() opens a file of /sys to count processors when a late thread asks it for memory. */
	mallopt(M_ARENA_MAX, 8);
	if (!(allow & SANDBOX_OPEN) && pthread_create(&thread, NULL, shrink_arena, NULL) == 0)
		pthread_join(thread, NULL);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_errno(e, errno, "cannot set no_new_privs");
	json_object_seed(0); /* else the first object opens /dev/urandom */
	ctx = seccomp_init(mode == SANDBOX_LOG ? SCMP_ACT_LOG : SCMP_ACT_KILL_PROCESS);
	if (!ctx)
		return err_set(e, ENOMEM, "out of memory");
	for (unsigned g = 0; r >= 0 && g < sizeof groups / sizeof *groups; g++) {
		if (groups[g].allow && !(allow & groups[g].allow))
			continue;
		for (unsigned i = 0; r >= 0 && i < groups[g].count; i++) {
			int nr = seccomp_syscall_resolve_name(groups[g].calls[i]);
			if (nr == __NR_SCMP_ERROR)
				continue;
			r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, nr, 0);
			if (r == -EDOM)
				r = 0; /* exists on other architectures only */
		}
	}
	if (r >= 0)
		r = add_code_rules(ctx, allow);
	if (r >= 0)
		r = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_TSYNC, 1);
	if (r >= 0)
		r = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (r >= 0)
		r = seccomp_load(ctx);
	seccomp_release(ctx);
#ifdef __SANITIZE_ADDRESS__
	filtered = r >= 0;
#endif
	if (r >= 0 && mode == SANDBOX_ON)
		__atomic_store_n(&forbidden, ~allow, __ATOMIC_RELAXED);
	if (r < 0) {
		err_errno(e, -r, "cannot load the system-call filter");
		return err_hint(e, "--sandbox=off runs without it");
	}
	return 0;
}
