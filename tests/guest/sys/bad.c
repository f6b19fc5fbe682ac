/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Bad addresses: each pointer of each call, one at a time, is no address, unmapped, read-only, or ends at the end of a page. */
#include "say.h"
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <time.h>

/* P: an address that is fine (zeroed memory). */
#define P ((long)good)
static char *good;

struct call {
	const char *name;
	long nr, a[6];
	unsigned pointers; /* which arguments */
};

int main(void)
{
	char *area = mmap(NULL, 16384, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *read_only = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	munmap(area + 8192, 4096);
	good = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int p[2], s[2], d[2];
	if (pipe(p) || socketpair(AF_UNIX, SOCK_DGRAM, 0, s) || socketpair(AF_UNIX, SOCK_STREAM, 0, d))
		return 1;
	fcntl(p[0], F_SETFL, O_NONBLOCK);
	fcntl(s[0], F_SETFL, O_NONBLOCK);
	fcntl(d[0], F_SETFL, O_NONBLOCK);
	int zero = open("/dev/zero", O_RDWR), dir = open("/proc/self", O_RDONLY | O_DIRECTORY);
	int ep = epoll_create1(0), tfd = timerfd_create(CLOCK_MONOTONIC, 0);
	struct epoll_event ev = {EPOLLIN, {0}};
	epoll_ctl(ep, EPOLL_CTL_ADD, zero, &ev);
	epoll_ctl(ep, EPOLL_CTL_ADD, s[1], &(struct epoll_event){EPOLLOUT, {0}});
	setvbuf(stdout, NULL, _IONBF, 0);
	const struct call calls[] = {
		{"read", SYS_read, {zero, P, 64}, 2}, {"write", SYS_write, {p[1], P, 64}, 2},
		{"readv", SYS_readv, {zero, P, 1}, 2}, {"writev", SYS_writev, {p[1], P, 1}, 2},
		{"openat", SYS_openat, {AT_FDCWD, P, O_RDONLY}, 2}, {"access", SYS_access, {P, 0}, 1},
		{"readlink", SYS_readlink, {(long)"/proc/self/cwd", P, 64}, 2},
		{"readlink path", SYS_readlink, {P, P, 64}, 1}, {"getcwd", SYS_getcwd, {P, 4000}, 1},
		{"statfs", SYS_statfs, {(long)"/", P}, 3}, {"fstatfs", SYS_fstatfs, {zero, P}, 2},
		{"statx", SYS_statx, {AT_FDCWD, (long)"/", 0, 0xfff, P}, 2 | 16},
#ifdef SYS_stat64
		{"stat64", SYS_stat64, {(long)"/", P}, 3}, {"fstat64", SYS_fstat64, {zero, P}, 2},
		{"_llseek", SYS__llseek, {zero, 0, 0, P, 0}, 8}, {"waitpid", SYS_waitpid, {-1, P, 0}, 2},
		{"clock_gettime64", SYS_clock_gettime64, {1, P}, 2}, {"ugetrlimit", SYS_ugetrlimit, {1, P}, 2},
		{"time64 sleep", SYS_clock_nanosleep_time64, {1, 0, P, 0}, 4}, {"socketcall", SYS_socketcall, {1, P}, 2},
		{"getgroups32", SYS_getgroups32, {32, P}, 2}, {"statfs64", SYS_statfs64, {(long)"/", 84, P}, 1 | 4},
		{"_newselect", SYS__newselect, {3, P, P, P, P}, 2 | 4 | 8 | 16},
		{"olduname", SYS_olduname, {P}, 1}, {"time", SYS_time, {P}, 1},
#else
		{"stat", SYS_stat, {(long)"/", P}, 3}, {"fstat", SYS_fstat, {zero, P}, 2},
		{"newfstatat", SYS_newfstatat, {AT_FDCWD, (long)"/", P, 0}, 2 | 4},
		{"select", SYS_select, {3, P, P, P, P}, 2 | 4 | 8 | 16},
		{"getgroups", SYS_getgroups, {32, P}, 2}, {"getsockname", SYS_getsockname, {s[0], P, P}, 4},
		{"time", SYS_time, {P}, 1},
#endif
		{"stat", SYS_stat, {(long)"/", P}, 3}, {"fstat", SYS_fstat, {zero, P}, 2},
		{"pipe2", SYS_pipe2, {P, 0}, 1}, {"getdents64", SYS_getdents64, {dir, P, 400}, 2},
		{"getdents", SYS_getdents, {dir, P, 400}, 2}, {"poll", SYS_poll, {P, 8, 0}, 1},
		{"ppoll", SYS_ppoll, {P, 8, P, P, 8}, 1 | 4 | 8}, {"pselect6", SYS_pselect6, {3, P, P, P, P, P}, 2 | 16 | 32},
		{"epoll_wait", SYS_epoll_wait, {ep, P, 8, 0}, 2}, {"epoll_ctl", SYS_epoll_ctl, {ep, EPOLL_CTL_MOD, zero, P}, 8},
		{"epoll_pwait", SYS_epoll_pwait, {ep, P, 8, 0, P, 8}, 16},
		{"timerfd_settime", SYS_timerfd_settime, {tfd, 0, P, P}, 4 | 8}, {"timerfd_gettime", SYS_timerfd_gettime, {tfd, P}, 2},
		{"nanosleep", SYS_nanosleep, {P, P}, 1}, {"clock_gettime", SYS_clock_gettime, {1, P}, 2},
		{"clock_getres", SYS_clock_getres, {1, P}, 2}, {"gettimeofday", SYS_gettimeofday, {P, P}, 3},
		{"getitimer", SYS_getitimer, {0, P}, 2}, {"setitimer", SYS_setitimer, {0, P, P}, 2 | 4},
		{"times", SYS_times, {P}, 1}, {"getrusage", SYS_getrusage, {0, P}, 2}, {"sysinfo", SYS_sysinfo, {P}, 1},
		{"uname", SYS_uname, {P}, 1}, {"getrlimit", SYS_getrlimit, {1, P}, 2},
		{"prlimit64", SYS_prlimit64, {0, 1, 0, P}, 8}, {"sched_getparam", SYS_sched_getparam, {0, P}, 2},
		{"sched_getaffinity", SYS_sched_getaffinity, {0, 128, P}, 4}, {"sched_getattr", SYS_sched_getattr, {0, P, 48, 0}, 2},
		{"capget", SYS_capget, {P, P}, 1}, {"getresuid", SYS_getresuid, {P, P, P}, 1 | 2 | 4},
		{"getcpu", SYS_getcpu, {P, P}, 3}, {"getrandom", SYS_getrandom, {P, 64, 0}, 1},
		{"futex wait", SYS_futex, {P, 0, 5, 0}, 1}, {"futex timeout", SYS_futex, {P, 0, 0, P}, 8},
		{"futex wake op", SYS_futex, {P, 5, 1, 1, P, 0}, 16}, {"wait4", SYS_wait4, {-1, P, 0, P}, 2 | 8},
		{"waitid", SYS_waitid, {0, 0, P, 5, P}, 4 | 16}, {"rt_sigaction", SYS_rt_sigaction, {10, P, P, 8}, 2 | 4},
		{"rt_sigprocmask", SYS_rt_sigprocmask, {0, P, P, 8}, 2 | 4}, {"rt_sigpending", SYS_rt_sigpending, {P, 8}, 1},
		{"rt_sigtimedwait", SYS_rt_sigtimedwait, {P, P, P, 8}, 1 | 4}, {"sigaltstack", SYS_sigaltstack, {0, P}, 2},
		{"signalfd4", SYS_signalfd4, {-1, P, 8, 0}, 2}, {"timer_create", SYS_timer_create, {1, P, P}, 2 | 4},
		{"memfd_create", SYS_memfd_create, {P, 0}, 1}, {"fcntl lock", SYS_fcntl, {zero, F_GETLK, P}, 4},
		{"ioctl winsize", SYS_ioctl, {p[0], 0x541b, P}, 4}, {"splice", SYS_splice, {p[0], P, p[1], P, 1, 0}, 2},
		{"sendfile", SYS_sendfile, {p[1], zero, P, 1}, 4}, {"getxattr", SYS_getxattr, {(long)"/", P, P, 10}, 2},
		{"listxattr", SYS_listxattr, {P, P, 10}, 1}, {"inotify", SYS_inotify_add_watch, {ep, P, 1}, 2},
		{"mq_open", SYS_mq_open, {P, 0}, 1}, {"semtimedop", SYS_msgsnd, {-1, P, 10, 0}, 2},
		{"process_vm_readv", SYS_process_vm_readv, {getpid(), P, 1, P, 1, 0}, 2 | 8},
		{"utimensat", SYS_utimensat, {AT_FDCWD, (long)"/dev/null", P, 0}, 4}, {"name_to_handle", SYS_name_to_handle_at, {AT_FDCWD, P, P, P, 0}, 2 | 4},
		{"socketpair", SYS_socketpair, {AF_UNIX, SOCK_STREAM, 0, P}, 8}, {"sendmsg", SYS_sendmsg, {s[1], P, 0}, 2},
		{"recvmsg", SYS_recvmsg, {s[0], P, 0}, 2}, {"sendto", SYS_sendto, {d[1], P, 5, 0, 0, 0}, 2},
		{"connect", SYS_connect, {s[0], P, 20}, 2}, {"bind", SYS_bind, {s[0], P, 20}, 2},
		{"setsockopt", SYS_setsockopt, {s[0], SOL_SOCKET, SO_RCVTIMEO, P, 16}, 8},
		{"getsockopt", SYS_getsockopt, {s[0], SOL_SOCKET, SO_LINGER, P, P}, 16},
		{"prctl name", SYS_prctl, {15, P}, 2}, {"adjtimex", SYS_adjtimex, {P}, 1}, {"mincore", SYS_mincore, {P, 4096, P}, 4},
		{"get_robust_list", SYS_get_robust_list, {0, P, P}, 6}, {"execve", SYS_execve, {P, 0, 0}, 1},
		{"openat2", SYS_openat2, {AT_FDCWD, (long)"/", P, 24}, 2 | 4},
	};
	for (unsigned i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		for (unsigned n = 0; n < 6; n++) {
			if (!(calls[i].pointers >> n & 1))
				continue;
			long bad[] = {8, (long)(area + 8192), (long)(area + 8192 - 3), (long)read_only, -4096, -1};
			for (unsigned b = 0; b < sizeof(bad) / sizeof(bad[0]); b++) {
				long a[6];
				memcpy(a, calls[i].a, sizeof(a));
				a[n] = bad[b];
				memset(good, 0, 4096);
				memset(area, 0, 8192);
				if (n != 0 || calls[i].nr != SYS_capget)
					((int *)good)[0] = calls[i].nr == SYS_capget ? 0x20080522 : 0;
				errno = 0;
				long r = syscall(calls[i].nr, a[0], a[1], a[2], a[3], a[4], a[5]);
				if (r > 4096)
					r = 1;
				printf("%s argument %u bad %u: %ld %s\n", calls[i].name, n, b, r, r < 0 ? strerrorname_np(errno) : "");
				/* What opened descriptors is closed again; what was sent is read. */
				for (int fd = tfd + 1; fd < tfd + 4; fd++)
					close(fd);
				while (read(p[0], good, 4096) > 0)
					;
				while (recv(s[0], good, 4096, MSG_DONTWAIT) > 0)
					;
				while (recv(d[0], good, 4096, MSG_DONTWAIT) > 0)
					;
				lseek(dir, 0, SEEK_SET);
				signal(10, SIG_DFL);
			}
		}
	}
	return 0;
}
