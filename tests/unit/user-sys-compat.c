/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The i386 system calls of emu-user against the kernel's own: each call is made once through int 0x80, the kernel's 32-bit
 * entry, and once through sys_dispatch(), on the same memory below 4 GB. Results and every byte of memory must be the same,
 * but for the ranges that a case names as changing from call to call (times, new numbers).
 */
#include <asm/unistd_32.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/if.h>
#include <linux/sockios.h>
#include <linux/fs.h>
#include <mqueue.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <unistd.h>
#include "tap.h"
#include "../cmd/emu-user/linux/linux.h"

#define SIZE 65536
static uint8_t *mem; /* the guest's memory */
static uint8_t before[SIZE], theirs[SIZE];
static struct abi test_abi = {.name = "i386", .word = 4, .calls = &sys_table_i386, .platform = "x86_64", .page_size = 4096};
static struct process process = {.abi = &test_abi, .page_size = 4096, .task_size = 1ULL << 32};
static struct thread thread = {.process = &process};

static uint32_t at(unsigned offset)
{
	return (uint32_t)(uintptr_t)(mem + offset);
}

static void put32(unsigned offset, uint32_t v)
{
	memcpy(mem + offset, &v, 4);
}

static long gate(int nr, const uint32_t *a)
{
	long r;
	/* The sixth argument goes in ebp, which the compiler may need: exchanged, no stack used (red zone). */
	register uint64_t sixth __asm__("r12") = a[5];
	__asm__ volatile("xchg %%rbp, %%r12\n\tint $0x80\n\txchg %%rbp, %%r12"
			 : "=a"(r), "+r"(sixth)
			 : "a"((long)nr), "b"((long)a[0]), "c"((long)a[1]), "d"((long)a[2]), "S"((long)a[3]), "D"((long)a[4])
			 : "memory", "r8", "r9", "r10", "r11", "cc");
	return (int)r;
}

struct range {
	unsigned from, length;
};
#define CHANGING(...) (const struct range[]){__VA_ARGS__, {0, 0}}
#define ARGS(...)     (const uint32_t[6]){__VA_ARGS__}

/* mem holds the input. undo: called between the two runs and after. */
static void same(const char *what, int nr, const uint32_t *a, const struct range *changing, void (*undo)(void))
{
	uint64_t wide[6];
	char where[128] = "";
	memcpy(before, mem, SIZE);
	long want = gate(nr, a);
	memcpy(theirs, mem, SIZE);
	if (undo)
		undo();
	memcpy(mem, before, SIZE);
	for (unsigned i = 0; i < 6; i++)
		wide[i] = a[i];
	int64_t got = sys_dispatch(&thread, &sys_table_i386, (uint32_t)nr, wide);
	if (undo)
		undo();
	for (const struct range *r = changing; r && r->length; r++)
		memcpy(mem + r->from, theirs + r->from, r->length);
	for (unsigned i = 0; i < SIZE && !where[0]; i++)
		if (mem[i] != theirs[i])
			snprintf(where, sizeof(where), "; byte %u is 0x%02x, the kernel's 0x%02x", i, mem[i], theirs[i]);
	ok((int)got == want && !where[0], "%s", what);
	if ((int)got != want)
		printf("# result %d, the kernel's %ld\n", (int)got, want);
	if (where[0])
		printf("# memory differs%s\n", where);
	memset(mem, 0, SIZE);
}

static void path(unsigned offset, const char *s)
{
	strcpy((char *)mem + offset, s);
}

static void files(void)
{
	int fd = open("/etc/passwd", O_RDONLY), dir = open("/etc", O_RDONLY | O_DIRECTORY);
	static const struct {
		int nr;
		const char *name;
	} by_path[] = {{__NR_stat, "stat"}, {__NR_lstat, "lstat"}, {__NR_stat64, "stat64"}, {__NR_lstat64, "lstat64"},
		       {__NR_statfs, "statfs"}},
	  by_fd[] = {{__NR_fstat, "fstat"}, {__NR_fstat64, "fstat64"}, {__NR_fstatfs, "fstatfs"}};
	static const char *const paths[] = {"/etc/passwd", "/dev/null", "/tmp", "/proc/self/fd", "/nonexistent"};
	for (unsigned p = 0; p < 5; p++) {
		for (unsigned i = 0; i < 5; i++) {
			char what[64];
			snprintf(what, sizeof(what), "%s of %s", by_path[i].name, paths[p]);
			path(4096, paths[p]);
			same(what, by_path[i].nr, ARGS(at(4096), at(64)), NULL, NULL);
		}
	}
	for (unsigned i = 0; i < 3; i++)
		same(by_fd[i].name, by_fd[i].nr, ARGS(fd, at(64)), NULL, NULL);
	path(4096, "passwd");
	same("fstatat64", __NR_fstatat64, ARGS(dir, at(4096), at(64), 0), NULL, NULL);
	same("fstatat64 of an empty path", __NR_fstatat64, ARGS(dir, at(4096), at(64), AT_EMPTY_PATH), NULL, NULL);
	path(4096, "/etc/passwd");
	same("oldstat", __NR_oldstat, ARGS(at(4096), at(64)), NULL, NULL);
	path(4096, "/");
	same("statfs64", __NR_statfs64, ARGS(at(4096), 84, at(64)), CHANGING({64, 40}), NULL);
	path(4096, "/");
	same("statfs64 with a wrong size", __NR_statfs64, ARGS(at(4096), 80, at(64)), NULL, NULL);
	same("fstatfs64 of /proc", __NR_fstatfs64, ARGS(fd, 84, at(64)), CHANGING({64, 40}), NULL);
	path(4096, "/etc/passwd");
	same("statx", __NR_statx, ARGS(AT_FDCWD, at(4096), 0, 0xfff, at(64)), NULL, NULL);
	path(4096, "/etc/passwd");
	same("access", __NR_access, ARGS(at(4096), R_OK | X_OK), NULL, NULL);
	path(4096, "/proc/self/cwd");
	same("readlink", __NR_readlink, ARGS(at(4096), at(64), 100), NULL, NULL);
	same("getcwd", __NR_getcwd, ARGS(at(64), 256), NULL, NULL);
	same("getcwd without room", __NR_getcwd, ARGS(at(64), 1), NULL, NULL);
	same("lseek", __NR_lseek, ARGS(fd, (uint32_t)-5, SEEK_END), NULL, NULL);
	lseek(fd, 0, SEEK_SET);
	same("_llseek", __NR__llseek, ARGS(fd, 3, 5, at(64), SEEK_SET), NULL, NULL);
	same("lseek before the start", __NR_lseek, ARGS(fd, (uint32_t)-5, SEEK_SET), NULL, NULL);
	put32(0, at(64)), put32(4, 10), put32(8, at(128)), put32(12, 20);
	same("preadv", __NR_preadv, ARGS(fd, at(0), 2, 3, 0), NULL, NULL);
	put32(0, at(64)), put32(4, 10), put32(8, at(128)), put32(12, 20);
	same("preadv2", __NR_preadv2, ARGS(fd, at(0), 2, 3, 0, 0), NULL, NULL);
	same("readv of too many", __NR_readv, ARGS(fd, at(0), 2000), NULL, NULL);
	put32(0, at(64)), put32(4, 0x80000000);
	same("readv of a negative length", __NR_readv, ARGS(fd, at(0), 1), NULL, NULL);
	same("pread64 with a high offset", __NR_pread64, ARGS(fd, at(64), 100, 7, 0), NULL, NULL);
	same("pread64 past the end", __NR_pread64, ARGS(fd, at(64), 100, 7, 1), NULL, NULL);
	same("fadvise64_64", __NR_fadvise64_64, ARGS(fd, 0, 0, 0, 0, 2), NULL, NULL);
	same("fadvise64 of a wrong advice", __NR_fadvise64, ARGS(fd, 0, 0, 0, 77), NULL, NULL);
	same("fcntl F_GETFD", __NR_fcntl64, ARGS(fd, F_GETFD), NULL, NULL);
	same("fcntl with a wrong command", __NR_fcntl64, ARGS(fd, 999), NULL, NULL);
	close(fd);
	close(dir);
}

static int directory_fd;
static void rewind_directory(void)
{
	lseek(directory_fd, 0, SEEK_SET);
}

static void directories(void)
{
	/* A file system whose offsets are small, so that a 32-bit d_off is the same for both. */
	directory_fd = open("/proc/self/task/self/fdinfo", O_RDONLY | O_DIRECTORY);
	if (directory_fd < 0)
		directory_fd = open("/proc/sys/kernel", O_RDONLY | O_DIRECTORY);
	for (unsigned size = 8; size < 40000; size = size * 3 / 2) {
		char what[64];
		snprintf(what, sizeof(what), "getdents64 with %u bytes", size);
		same(what, __NR_getdents64, ARGS(directory_fd, at(0), size), NULL, rewind_directory);
	}
	same("getdents with much room", __NR_getdents, ARGS(directory_fd, at(0), 60000), NULL, rewind_directory);
	same("readdir", __NR_readdir, ARGS(directory_fd, at(0), 1), NULL, rewind_directory);
	/* With little room all entries come, in however many calls. */
	unsigned entries[2] = {0, 0};
	for (unsigned pass = 0; pass < 2; pass++) {
		rewind_directory();
		for (;;) {
			const uint64_t wide[6] = {directory_fd, at(0), pass ? 60 : 60000};
			int n = (int)sys_dispatch(&thread, &sys_table_i386, __NR_getdents, wide);
			if (n <= 0)
				break;
			for (int i = 0; i < n; i += *(uint16_t *)(mem + i + 8))
				entries[pass]++;
		}
	}
	ok_eq(entries[1], entries[0], "getdents in many small steps gives every entry once");
	memset(mem, 0, SIZE);
	close(directory_fd);
}

static void locks(void)
{
	char name[] = "/tmp/user-sys-compat-XXXXXX";
	int fd = mkstemp(name), ready[2];
	char c;
	if (pipe(ready) < 0)
		return;
	pid_t child = fork();
	if (child == 0) {
		struct flock fl = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 10, .l_len = 5};
		fcntl(fd, F_SETLK, &fl);
		struct flock far = {.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = 1LL << 33, .l_len = 5};
		fcntl(fd, F_SETLK, &far);
		if (write(ready[1], "x", 1) == 1)
			pause();
		_exit(0);
	}
	if (read(ready[0], &c, 1) != 1)
		return;
	*(uint16_t *)mem = F_WRLCK;
	same("F_GETLK finds the lock", __NR_fcntl, ARGS(fd, F_GETLK, at(0)), NULL, NULL);
	*(uint16_t *)mem = F_WRLCK;
	same("F_GETLK64 finds the lock", __NR_fcntl64, ARGS(fd, 12, at(0)), NULL, NULL);
	*(uint16_t *)mem = F_WRLCK;
	same("fcntl has F_GETLK64 too", __NR_fcntl, ARGS(fd, 12, at(0)), NULL, NULL);
	*(uint16_t *)mem = F_WRLCK;
	put32(4, 100);
	same("F_GETLK of a lock beyond 2 GB", __NR_fcntl64, ARGS(fd, F_GETLK, at(0)), NULL, NULL);
	*(uint16_t *)mem = F_WRLCK;
	put32(4, 100);
	same("F_GETLK64 of a lock beyond 2 GB", __NR_fcntl64, ARGS(fd, 12, at(0)), NULL, NULL);
	*(uint16_t *)mem = F_WRLCK;
	same("F_OFD_GETLK", __NR_fcntl64, ARGS(fd, F_OFD_GETLK, at(0)), NULL, NULL);
	*(uint16_t *)mem = F_WRLCK;
	put32(4, 10), put32(8, 2);
	same("F_SETLK against it", __NR_fcntl64, ARGS(fd, F_SETLK, at(0)), NULL, NULL);
	*(uint16_t *)mem = F_WRLCK;
	put32(4, 0), put32(12, 2);
	same("F_SETLK64 beside it", __NR_fcntl64, ARGS(fd, 13, at(0)), NULL, NULL);
	put32(0, 1), put32(4, getpid());
	same("F_SETOWN_EX", __NR_fcntl64, ARGS(fd, F_SETOWN_EX, at(0)), NULL, NULL);
	same("F_GETOWN_EX", __NR_fcntl64, ARGS(fd, F_GETOWN_EX, at(0)), NULL, NULL);
	same("truncate64 beyond 4 GB", __NR_ftruncate64, ARGS(fd, 5, 1), NULL, NULL);
	same("fstat of a file beyond 2 GB", __NR_fstat, ARGS(fd, at(0)), NULL, NULL);
	same("fstat64 of a file beyond 2 GB", __NR_fstat64, ARGS(fd, at(0)), NULL, NULL);
	same("fallocate", __NR_fallocate, ARGS(fd, 0, 0, 0, 8192, 0), NULL, NULL);
	path(4096, name);
	put32(0, 1000), put32(4, 5), put32(8, 2000), put32(12, 7);
	same("utimes", __NR_utimes, ARGS(at(4096), at(0)), NULL, NULL);
	path(4096, name);
	put32(0, 3000), put32(4, 2000000);
	same("utime", __NR_utime, ARGS(at(4096), at(0)), NULL, NULL);
	path(4096, name);
	put32(0, 1000), put32(4, 5), put32(8, 2000), put32(12, 7);
	same("utimensat", __NR_utimensat, ARGS(AT_FDCWD, at(4096), at(0), 0), NULL, NULL);
	same("fstat64 shows the times", __NR_fstat64, ARGS(fd, at(0)), CHANGING({80, 8}), NULL);
	path(4096, name);
	same("name_to_handle_at without room", __NR_name_to_handle_at, ARGS(AT_FDCWD, at(4096), at(0), at(512), 0), NULL, NULL);
	kill(child, SIGKILL);
	unlink(name);
	close(fd);
}

static void processes(void)
{
	for (unsigned i = 0; i < 16; i++) {
		char what[64];
		snprintf(what, sizeof(what), "getrlimit %u", i);
		same(what, __NR_getrlimit, ARGS(i, at(0)), NULL, NULL);
		snprintf(what, sizeof(what), "ugetrlimit %u", i);
		same(what, __NR_ugetrlimit, ARGS(i, at(0)), NULL, NULL);
		same("prlimit64", __NR_prlimit64, ARGS(0, i, 0, at(0)), NULL, NULL);
	}
	same("getrlimit of no resource", __NR_getrlimit, ARGS(77, at(0)), NULL, NULL);
	same("getrusage", __NR_getrusage, ARGS(0, at(0)), CHANGING({0, 72}), NULL);
	same("sysinfo", __NR_sysinfo, ARGS(at(0)), CHANGING({0, 16}, {20, 12}, {36, 6}), NULL);
	same("uname", __NR_uname, ARGS(at(0)), NULL, NULL);
	same("olduname", __NR_olduname, ARGS(at(0)), NULL, NULL);
	same("oldolduname", __NR_oldolduname, ARGS(at(0)), NULL, NULL);
	same("sched_getaffinity", __NR_sched_getaffinity, ARGS(0, 128, at(0)), NULL, NULL);
	same("sched_getaffinity of 4 bytes", __NR_sched_getaffinity, ARGS(0, 4, at(0)), NULL, NULL);
	same("sched_getaffinity of 3 bytes", __NR_sched_getaffinity, ARGS(0, 3, at(0)), NULL, NULL);
	put32(0, 0xffffffff);
	same("sched_setaffinity", __NR_sched_setaffinity, ARGS(0, 4, at(0)), NULL, NULL);
	same("sched_getparam", __NR_sched_getparam, ARGS(0, at(0)), NULL, NULL);
	same("sched_getattr", __NR_sched_getattr, ARGS(0, at(0), 48, 0), NULL, NULL);
	same("sched_getattr with more room", __NR_sched_getattr, ARGS(0, at(0), 56, 0), NULL, NULL);
	same("sched_getattr with too little room", __NR_sched_getattr, ARGS(0, at(0), 40, 0), NULL, NULL);
	same("sched_rr_get_interval", __NR_sched_rr_get_interval, ARGS(0, at(0)), NULL, NULL);
	same("sched_rr_get_interval_time64", __NR_sched_rr_get_interval_time64, ARGS(0, at(0)), NULL, NULL);
	same("getpriority", __NR_getpriority, ARGS(0, 0), NULL, NULL);
	same("nice(0)", __NR_nice, ARGS(0), NULL, NULL);
	same("getgroups count", __NR_getgroups32, ARGS(0, at(0)), NULL, NULL);
	same("getgroups32", __NR_getgroups32, ARGS(100, at(0)), NULL, NULL);
	same("getgroups", __NR_getgroups, ARGS(100, at(0)), NULL, NULL);
	same("getresuid32", __NR_getresuid32, ARGS(at(0), at(4), at(8)), NULL, NULL);
	same("getresuid", __NR_getresuid, ARGS(at(0), at(2), at(4)), NULL, NULL);
	same("getuid", __NR_getuid, ARGS(0), NULL, NULL);
	same("setreuid(-1, -1)", __NR_setreuid, ARGS(0xffff, 0xffff), NULL, NULL);
	put32(0, _LINUX_CAPABILITY_VERSION_3);
	same("capget", __NR_capget, ARGS(at(0), at(64)), NULL, NULL);
	put32(0, _LINUX_CAPABILITY_VERSION_1);
	same("capget of the first version", __NR_capget, ARGS(at(0), at(64)), NULL, NULL);
	put32(0, 77);
	same("capget of no version", __NR_capget, ARGS(at(0), at(64)), NULL, NULL);
	same("prctl PR_GET_NAME", __NR_prctl, ARGS(PR_GET_NAME, at(0)), NULL, NULL);
	same("prctl PR_GET_PDEATHSIG", __NR_prctl, ARGS(PR_GET_PDEATHSIG, at(0)), NULL, NULL);
	same("prctl PR_GET_DUMPABLE", __NR_prctl, ARGS(PR_GET_DUMPABLE), NULL, NULL);
	same("prctl of no operation", __NR_prctl, ARGS(123456), NULL, NULL);
	same("wait4 without children", __NR_wait4, ARGS(-1u, at(0), 0, at(64)), NULL, NULL);
	same("personality query", __NR_personality, ARGS(0xffffffff), NULL, NULL);
	same("membarrier query", __NR_membarrier, ARGS(0, 0, 0), NULL, NULL);
	same("getcpu", __NR_getcpu, ARGS(at(0), at(4), 0), CHANGING({0, 4}), NULL);
}

static void times_and_timers(void)
{
	for (unsigned clock = 0; clock < 12; clock++) {
		same("clock_getres", __NR_clock_getres, ARGS(clock, at(0)), NULL, NULL);
		same("clock_getres_time64", __NR_clock_getres_time64, ARGS(clock, at(0)), NULL, NULL);
		same("clock_gettime", __NR_clock_gettime, ARGS(clock, at(0)), CHANGING({0, 8}), NULL);
		same("clock_gettime64", __NR_clock_gettime64, ARGS(clock, at(0)), CHANGING({0, 16}), NULL);
	}
	same("gettimeofday", __NR_gettimeofday, ARGS(at(0), at(16)), CHANGING({0, 8}), NULL);
	same("times", __NR_times, ARGS(0), NULL, NULL);
	same("getitimer", __NR_getitimer, ARGS(0, at(0)), NULL, NULL);
	put32(0, 5), put32(4, 6), put32(8, 100), put32(12, 7);
	same("setitimer", __NR_setitimer, ARGS(1, at(0), at(64)), CHANGING({64, 16}), NULL);
	same("getitimer shows it", __NR_getitimer, ARGS(1, at(0)), CHANGING({8, 8}), NULL);
	same("setitimer to nothing", __NR_setitimer, ARGS(1, at(0), 0), NULL, NULL);
	same("adjtimex", __NR_adjtimex, ARGS(at(0)), CHANGING({12, 8}, {36, 8}), NULL);
	same("clock_adjtime", __NR_clock_adjtime, ARGS(0, at(0)), CHANGING({12, 8}, {36, 8}), NULL);
	same("clock_adjtime64", __NR_clock_adjtime64, ARGS(0, at(0)), CHANGING({24, 16}, {72, 16}), NULL);
	int fd = timerfd_create(CLOCK_MONOTONIC, 0);
	put32(0, 1), put32(4, 2), put32(8, 1000), put32(12, 4);
	same("timerfd_settime", __NR_timerfd_settime, ARGS(fd, 0, at(0), at(64)), CHANGING({64, 16}), NULL);
	same("timerfd_gettime", __NR_timerfd_gettime, ARGS(fd, at(0)), CHANGING({8, 8}), NULL);
	same("timerfd_gettime64", __NR_timerfd_gettime64, ARGS(fd, at(0)), CHANGING({16, 16}), NULL);
	put32(0, 1), put32(4, 2000000000);
	same("timerfd_settime of a wrong time", __NR_timerfd_settime, ARGS(fd, 0, at(0), 0), NULL, NULL);
	close(fd);
	put32(4, 1000);
	same("nanosleep", __NR_nanosleep, ARGS(at(0), at(8)), NULL, NULL);
	put32(4, 1000000000);
	same("nanosleep of a wrong time", __NR_nanosleep, ARGS(at(0), at(8)), NULL, NULL);
	put32(8, 1000);
	same("clock_nanosleep_time64", __NR_clock_nanosleep_time64, ARGS(1, 0, at(0), 0), NULL, NULL);
	put32(0, 0x1234), put32(4, SIGALRM), put32(8, SIGEV_SIGNAL);
	same("timer_create", __NR_timer_create, ARGS(0, at(0), at(64)), CHANGING({64, 4}), NULL);
	same("timer_gettime of no timer", __NR_timer_gettime, ARGS(99999, at(0)), NULL, NULL);
}

static void waiting(void)
{
	int p[2];
	if (pipe(p) < 0 || write(p[1], "abc", 3) != 3)
		return;
	put32(0, p[0]), put32(4, POLLIN), put32(8, p[1]), put32(12, POLLOUT | POLLIN);
	same("poll", __NR_poll, ARGS(at(0), 2, 0), NULL, NULL);
	put32(0, p[0]), put32(4, POLLIN), put32(64, 1);
	same("ppoll", __NR_ppoll, ARGS(at(0), 1, at(64), at(128), 8), CHANGING({64, 8}), NULL);
	put32(0, p[0]), put32(4, POLLIN);
	same("ppoll with a wrong set size", __NR_ppoll, ARGS(at(0), 1, 0, at(128), 4), NULL, NULL);
	put32(0, 1u << p[0]), put32(128, 1u << p[1]);
	same("select", __NR__newselect, ARGS(p[1] + 1, at(0), at(128), 0, 0), NULL, NULL);
	put32(0, 1u << p[0]), put32(4, 0xffffffff), put32(64, 0), put32(68, 2000000);
	same("select leaves what is past its sets", __NR__newselect, ARGS(20, at(0), 0, 0, at(64)), CHANGING({64, 8}), NULL);
	put32(512, 20), put32(516, at(0)), put32(520, 0), put32(524, 0), put32(528, 0), put32(0, 1u << p[0]);
	same("old select", __NR_select, ARGS(at(512)), NULL, NULL);
	put32(0, 1u << p[0]), put32(64, at(128)), put32(68, 8), put32(128, 0xff00);
	same("pselect6", __NR_pselect6, ARGS(20, at(0), 0, 0, 0, at(64)), NULL, NULL);
	same("select of a negative number", __NR__newselect, ARGS((uint32_t)-1, at(0), 0, 0, 0), NULL, NULL);
	int ep = epoll_create1(0);
	put32(0, EPOLLIN), put32(4, 0x11223344), put32(8, 0x55667788);
	uint8_t keep[12];
	memcpy(keep, mem, 12);
	const uint64_t add[6] = {ep, EPOLL_CTL_ADD, p[0], at(0)};
	ok_eq(sys_dispatch(&thread, &sys_table_i386, __NR_epoll_ctl, add), 0, "epoll_ctl");
	memset(mem, 0, SIZE);
	same("epoll_wait", __NR_epoll_wait, ARGS(ep, at(0), 4, 0), NULL, NULL);
	same("epoll_pwait", __NR_epoll_pwait, ARGS(ep, at(0), 4, 0, at(512), 8), NULL, NULL);
	put32(256, 0);
	same("epoll_pwait2", __NR_epoll_pwait2, ARGS(ep, at(0), 4, at(256), 0, 8), NULL, NULL);
	same("epoll_wait of none", __NR_epoll_wait, ARGS(ep, at(0), 0, 0), NULL, NULL);
	close(ep);
	close(p[0]);
	close(p[1]);
}

static void terminals(void)
{
	int fd = posix_openpt(O_RDWR | O_NOCTTY);
	static const struct {
		uint32_t request;
		const char *name;
	} gets[] = {
		{TCGETS, "TCGETS"}, {TIOCGWINSZ, "TIOCGWINSZ"}, {TIOCGPTN, "TIOCGPTN"}, {FIONREAD, "FIONREAD"},
		{TIOCGETD, "TIOCGETD"}, {TIOCOUTQ, "TIOCOUTQ"}, {TIOCGSID, "TIOCGSID"}, {TIOCGPGRP, "TIOCGPGRP"},
		{TCGETA, "TCGETA"}, {0x802c542a, "TCGETS2"}, {TIOCGPTLCK, "TIOCGPTLCK"}, {TIOCGSOFTCAR, "TIOCGSOFTCAR"},
		{TIOCMGET, "TIOCMGET"}, {FIGETBSZ, "FIGETBSZ"}, {0xdead, "a request that there is not"},
	};
	if (fd < 0)
		return;
	grantpt(fd);
	unlockpt(fd);
	for (unsigned i = 0; i < sizeof(gets) / sizeof(gets[0]); i++)
		same(gets[i].name, __NR_ioctl, ARGS(fd, gets[i].request, at(0)), NULL, NULL);
	put32(0, 0x00500018);
	same("TIOCSWINSZ", __NR_ioctl, ARGS(fd, TIOCSWINSZ, at(0)), NULL, NULL);
	same("TIOCGWINSZ shows it", __NR_ioctl, ARGS(fd, TIOCGWINSZ, at(0)), NULL, NULL);
	put32(0, 1);
	same("FIONBIO", __NR_ioctl, ARGS(fd, FIONBIO, at(0)), NULL, NULL);
	same("TCFLSH", __NR_ioctl, ARGS(fd, TCFLSH, 2), NULL, NULL);
	close(fd);
	fd = open("/etc/passwd", O_RDONLY);
	same("FS_IOC_GETFLAGS in its 32-bit number", __NR_ioctl, ARGS(fd, 0x80046601, at(0)), NULL, NULL);
	same("FIBMAP", __NR_ioctl, ARGS(fd, 1, at(0)), NULL, NULL);
	close(fd);
}

static unsigned open_descriptors(void)
{
	unsigned n = 0;
	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static void sockets(void)
{
	int s[2], inet = socket(AF_INET, SOCK_STREAM, 0), on = 1;
	static const struct {
		uint32_t request;
		const char *name;
	} interface[] = {
		{SIOCGIFINDEX, "SIOCGIFINDEX"}, {SIOCGIFFLAGS, "SIOCGIFFLAGS"}, {SIOCGIFADDR, "SIOCGIFADDR"},
		{SIOCGIFMTU, "SIOCGIFMTU"}, {SIOCGIFHWADDR, "SIOCGIFHWADDR"}, {SIOCGIFNETMASK, "SIOCGIFNETMASK"},
		{SIOCGIFMAP, "SIOCGIFMAP"}, {SIOCGIFTXQLEN, "SIOCGIFTXQLEN"}, {SIOCGIFMETRIC, "SIOCGIFMETRIC"},
	};
	for (unsigned i = 0; i < sizeof(interface) / sizeof(interface[0]); i++) {
		path(0, "lo");
		same(interface[i].name, __NR_ioctl, ARGS(inet, interface[i].request, at(0)), NULL, NULL);
	}
	put32(0, 1);
	put32(16, 1);
	same("SIOCGIFNAME", __NR_ioctl, ARGS(inet, SIOCGIFNAME, at(0)), NULL, NULL);
	put32(0, 640), put32(4, at(64));
	same("SIOCGIFCONF", __NR_ioctl, ARGS(inet, SIOCGIFCONF, at(0)), NULL, NULL);
	put32(0, 0), put32(4, 0);
	same("SIOCGIFCONF without memory", __NR_ioctl, ARGS(inet, SIOCGIFCONF, at(0)), NULL, NULL);
	put32(0, 1), put32(4, 9);
	same("setsockopt SO_LINGER", __NR_setsockopt, ARGS(inet, SOL_SOCKET, SO_LINGER, at(0), 8), NULL, NULL);
	put32(64, 8);
	same("getsockopt SO_LINGER", __NR_getsockopt, ARGS(inet, SOL_SOCKET, SO_LINGER, at(0), at(64)), NULL, NULL);
	put32(0, 7), put32(4, 250000);
	same("setsockopt SO_RCVTIMEO", __NR_setsockopt, ARGS(inet, SOL_SOCKET, 20, at(0), 8), NULL, NULL);
	put32(64, 8);
	same("getsockopt SO_RCVTIMEO", __NR_getsockopt, ARGS(inet, SOL_SOCKET, 20, at(0), at(64)), NULL, NULL);
	put32(64, 16);
	same("getsockopt SO_RCVTIMEO of today", __NR_getsockopt, ARGS(inet, SOL_SOCKET, 66, at(0), at(64)), NULL, NULL);
	put32(64, 4);
	same("getsockopt SO_TYPE", __NR_getsockopt, ARGS(inet, SOL_SOCKET, SO_TYPE, at(0), at(64)), NULL, NULL);
	put32(64, 104);
	same("getsockopt TCP_INFO", __NR_getsockopt, ARGS(inet, IPPROTO_TCP, 11, at(0), at(64)), NULL, NULL);
	same("a filter of the wrong size", __NR_setsockopt, ARGS(inet, SOL_SOCKET, SO_ATTACH_FILTER, at(0), 4), NULL, NULL);
	*(uint16_t *)mem = 1, put32(4, at(64)), put32(64, 6), put32(68, 0xffffffff);
	same("a socket filter", __NR_setsockopt, ARGS(inet, SOL_SOCKET, SO_ATTACH_FILTER, at(0), 8), NULL, NULL);
	put32(0, 1), *(uint16_t *)(mem + 4) = AF_INET, put32(8, htonl(0xe0000102));
	same("MCAST_LEAVE_GROUP of a group that was not joined", __NR_setsockopt, ARGS(inet, 0, 45, at(0), 132), NULL, NULL);
	put32(64, 128);
	same("getsockname", __NR_getsockname, ARGS(inet, at(0), at(64)), NULL, NULL);
	put32(64, 5);
	same("getsockname with little room", __NR_getsockname, ARGS(inet, at(0), at(64)), NULL, NULL);
	put32(0, inet), put32(4, at(64)), put32(8, at(256)), put32(256, 100);
	same("socketcall getsockname", __NR_socketcall, ARGS(6, at(0)), NULL, NULL);
	same("socketcall of no number", __NR_socketcall, ARGS(99, at(0)), NULL, NULL);
	close(inet);

	if (socketpair(AF_UNIX, SOCK_DGRAM, 0, s) < 0)
		return;
	setsockopt(s[0], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on));
	setsockopt(s[0], SOL_SOCKET, 29, &on, sizeof(on)); /* SO_TIMESTAMP of old */
	/* One message for each of the two ways; the control data: credentials and a time (which differs). */
	for (unsigned room = 0; room <= 64; room += 4) {
		char what[64];
		if (write(s[1], "hello", 5) != 5 || write(s[1], "hello", 5) != 5)
			return;
		snprintf(what, sizeof(what), "recvmsg with %u bytes for control", room);
		put32(8, at(64)), put32(12, 1), put32(16, at(512)), put32(20, room);
		put32(64, at(256)), put32(68, 20);
		same(what, __NR_recvmsg, ARGS(s[0], at(0), MSG_DONTWAIT), CHANGING({512 + 12, 8}, {512 + 24 + 12, 8}), NULL);
	}
	/* Descriptors: numbers differ, all else must not; none may stay open that the guest was not told of. */
	for (unsigned room = 8; room <= 32; room += 4) {
		unsigned open_before = open_descriptors();
		union {
			char bytes[CMSG_SPACE(3 * sizeof(int))];
			struct cmsghdr head;
		} c;
		struct iovec iov = {"x", 1};
		struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &c, .msg_controllen = CMSG_LEN(12)};
		c.head.cmsg_level = SOL_SOCKET;
		c.head.cmsg_type = SCM_RIGHTS;
		c.head.cmsg_len = CMSG_LEN(12);
		memcpy(CMSG_DATA(&c.head), (int[3]){0, 1, 2}, 12);
		int q[2];
		if (socketpair(AF_UNIX, SOCK_DGRAM, 0, q) < 0)
			return;
		if (sendmsg(q[1], &m, 0) < 0 || sendmsg(q[1], &m, 0) < 0)
			return;
		char what[64];
		snprintf(what, sizeof(what), "recvmsg of descriptors with %u bytes", room);
		put32(8, at(64)), put32(12, 1), put32(16, at(512)), put32(20, room);
		put32(64, at(256)), put32(68, 20);
		same(what, __NR_recvmsg, ARGS(q[0], at(0), MSG_CMSG_CLOEXEC), CHANGING({524, 12}), NULL);
		close(q[0]);
		close(q[1]);
		unsigned fit = room >= 24 ? 3 : room >= 16 ? (room - 12) / 4 : 0;
		ok_eq(open_descriptors() - open_before, 2 * fit, "and %u descriptors were received twice, no more", fit);
	}
	put32(8, at(64)), put32(12, 1), put32(16, at(512)), put32(20, 24);
	put32(64, at(256)), put32(68, 3), put32(512, 24), put32(516, SOL_SOCKET), put32(520, SCM_CREDENTIALS);
	put32(524, getpid()), put32(528, getuid()), put32(532, getgid());
	same("sendmsg with credentials", __NR_sendmsg, ARGS(s[1], at(0), 0), NULL, NULL);
	put32(8, at(64)), put32(12, 1), put32(16, at(512)), put32(20, 24), put32(64, at(256)), put32(68, 3), put32(512, 4);
	same("sendmsg with a short record", __NR_sendmsg, ARGS(s[1], at(0), 0), NULL, NULL);
	put32(8, at(64)), put32(12, 5000);
	same("sendmsg of too many buffers", __NR_sendmsg, ARGS(s[1], at(0), 0), NULL, NULL);
	close(s[0]);
	close(s[1]);
}

static void drain(int fd)
{
	char data[64], control[512];
	struct iovec iov = {data, sizeof(data)};
	for (;;) {
		struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
		if (recvmsg(fd, &m, MSG_DONTWAIT) < 0)
			return;
		for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c))
			for (size_t i = 0; c->cmsg_type == SCM_RIGHTS && CMSG_LEN(i + 4) <= c->cmsg_len; i += 4)
				close(*(int *)(CMSG_DATA(c) + i));
	}
}

/* Records of random lengths, levels and data: what the kernel takes and what it refuses, and how. */
static void random_records(void)
{
	int s[2];
	unsigned wrong = 0, taken = 0;
	uint32_t seed = 20261122;
	if (socketpair(AF_UNIX, SOCK_DGRAM, 0, s) < 0)
		return;
	for (unsigned round = 0; round < 3000; round++) {
		uint32_t length = 0, count = (seed >> 8) % 4;
#define RANDOM() (seed = seed * 1664525 + 1013904223, seed >> 8)
		memset(mem, 0, 2048);
		for (unsigned i = 0; i < count; i++) {
			uint32_t data = RANDOM() % 24, size = RANDOM() % 8 ? 12 + data : RANDOM() % 64;
			put32(512 + length, size);
			put32(516 + length, RANDOM() % 4 ? SOL_SOCKET : RANDOM() % 50);
			put32(520 + length, RANDOM() % 4);
			for (unsigned k = 0; k < data; k += 4)
				put32(524 + length + k, RANDOM() % 3 ? RANDOM() % 5 : k == 0 ? (uint32_t)getpid() : 0);
			length += (12 + data + 3) / 4 * 4;
		}
		if (RANDOM() % 8 == 0)
			length = RANDOM() % 100;
		put32(8, at(64)), put32(12, 1), put32(16, at(512)), put32(20, length), put32(64, at(256)), put32(68, 3);
		const uint32_t a[6] = {(uint32_t)s[1], at(0), MSG_DONTWAIT};
		const uint64_t wide[6] = {a[0], a[1], a[2]};
		long want = gate(__NR_sendmsg, a);
		drain(s[0]);
		int64_t got = sys_dispatch(&thread, &sys_table_i386, __NR_sendmsg, wide);
		drain(s[0]);
		taken += want > 0;
		if (got != want && wrong++ < 5)
			printf("# round %u, %u bytes: %d, the kernel's %ld\n", round, length, (int)got, want);
	}
	ok(wrong == 0 && taken > 300, "3000 messages with random records: %u taken, the others refused alike", taken);
	memset(mem, 0, SIZE);
	close(s[0]);
	close(s[1]);
}

static void ipc(void)
{
	int sem = semget(IPC_PRIVATE, 3, 0600), msg = msgget(IPC_PRIVATE, 0600), shm = shmget(IPC_PRIVATE, 5000, 0600);
	same("semctl IPC_STAT", __NR_semctl, ARGS(sem, 0, IPC_STAT, at(0)), NULL, NULL);
	put32(512, at(0));
	same("ipc SEMCTL IPC_STAT", __NR_ipc, ARGS(3, sem, 0, IPC_STAT | 0x100, at(512)), NULL, NULL);
	same("semctl SETVAL", __NR_semctl, ARGS(sem, 1, SETVAL, 7), NULL, NULL);
	same("semctl GETVAL", __NR_semctl, ARGS(sem, 1, GETVAL, 0), NULL, NULL);
	*(uint16_t *)(mem + 2) = 5, *(uint16_t *)(mem + 4) = 9;
	same("semctl SETALL", __NR_semctl, ARGS(sem, 0, SETALL, at(0)), NULL, NULL);
	same("semctl GETALL", __NR_semctl, ARGS(sem, 0, GETALL, at(0)), NULL, NULL);
	same("semctl IPC_INFO", __NR_semctl, ARGS(0, 0, IPC_INFO, at(0)), NULL, NULL);
	same("semctl SEM_INFO", __NR_semctl, ARGS(0, 0, 19, at(0)), NULL, NULL);
	put32(0, 1), put32(4, IPC_NOWAIT << 16);
	*(uint16_t *)(mem + 0) = 0, *(int16_t *)(mem + 2) = 1;
	same("ipc SEMOP", __NR_ipc, ARGS(1, sem, 1, 0, at(0)), NULL, NULL);
	*(int16_t *)(mem + 2) = -100;
	put32(64, 0), put32(68, 1000);
	same("ipc SEMTIMEDOP runs out", __NR_ipc, ARGS(4, sem, 1, 0, at(0), at(64)), NULL, NULL);
	same("msgctl IPC_STAT", __NR_msgctl, ARGS(msg, IPC_STAT, at(0)), NULL, NULL);
	put32(0, 5);
	path(4, "some text");
	same("msgsnd", __NR_msgsnd, ARGS(msg, at(0), 10, 0), NULL, NULL);
	put32(512, at(0)), put32(516, 5);
	same("ipc MSGRCV", __NR_ipc, ARGS(12, msg, 100, IPC_NOWAIT, at(512)), NULL, NULL);
	same("msgrcv of nothing", __NR_msgrcv, ARGS(msg, at(0), 100, 0, IPC_NOWAIT), NULL, NULL);
	same("msgctl IPC_INFO", __NR_msgctl, ARGS(0, IPC_INFO, at(0)), NULL, NULL);
	same("msgctl MSG_INFO", __NR_msgctl, ARGS(0, 12, at(0)), NULL, NULL);
	same("shmctl IPC_STAT", __NR_shmctl, ARGS(shm, IPC_STAT, at(0)), NULL, NULL);
	same("ipc SHMCTL IPC_STAT", __NR_ipc, ARGS(24, shm, IPC_STAT | 0x100, 0, at(0)), NULL, NULL);
	same("shmctl IPC_INFO", __NR_shmctl, ARGS(0, IPC_INFO, at(0)), NULL, NULL);
	same("shmctl SHM_INFO", __NR_shmctl, ARGS(0, 14, at(0)), NULL, NULL);
	same("ipc of no number", __NR_ipc, ARGS(99, 0, 0, 0, 0), NULL, NULL);
	semctl(sem, 0, IPC_RMID);
	msgctl(msg, IPC_RMID, NULL);
	shmctl(shm, IPC_RMID, NULL);
	mqd_t q = mq_open("/user-sys-compat", O_CREAT | O_RDWR | O_NONBLOCK, 0600, NULL);
	if (q != (mqd_t)-1) {
		same("mq_getsetattr", __NR_mq_getsetattr, ARGS(q, 0, at(0)), NULL, NULL);
		path(0, "text");
		same("mq_timedsend", __NR_mq_timedsend, ARGS(q, at(0), 4, 3, 0), NULL, NULL);
		same("mq_timedreceive", __NR_mq_timedreceive, ARGS(q, at(0), 8192, at(9000), 0), NULL, NULL);
		mq_unlink("/user-sys-compat");
		close(q);
	}
}

static sigjmp_buf no_gate;
static void on_fault(int sig)
{
	(void)sig;
	siglongjmp(no_gate, 1);
}

int main(void)
{
	signal(SIGSEGV, on_fault);
	signal(SIGALRM, SIG_IGN);
	if (sigsetjmp(no_gate, 1) || gate(__NR_getpid, ARGS(0)) != getpid())
		tap_skip_all("this kernel has no 32-bit entry (CONFIG_IA32_EMULATION)");
	signal(SIGSEGV, SIG_DFL);
	mem = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	if (mem == MAP_FAILED)
		tap_skip_all("no memory below 4 GB");
	pthread_mutex_init(&process.mm_lock, NULL);
	thread.tid = getpid();
	files();
	directories();
	processes();
	times_and_timers();
	waiting();
	terminals();
	sockets();
	random_records();
	ipc();
	locks();
	return tap_done();
}
