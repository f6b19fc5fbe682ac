/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Names of flags and values. The values are the host's (Linux's common ones): -strace prints arguments after conversion
 * by the architecture's map.
 */
#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <linux/xattr.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "linux.h"

/* A flag (all its bits set), one value of a field (bits of mask), a value of an enumeration. */
#define F(n)       {(uint32_t)n, (uint32_t)n, #n}
#define FM(n, m)   {(uint32_t)n, (uint32_t)(m), #n}
#define V(n)       {(uint32_t)n, ~0u, #n}
#define NV(n, v)   {v, ~0u, n}
#define NM(n, v, m) {v, (uint32_t)(m), n}
#define END        {0, 0, NULL}

static const struct name open_names[] = {
	FM(O_RDONLY, 3), FM(O_WRONLY, 3), FM(O_RDWR, 3), F(O_APPEND), F(O_CREAT), FM(O_TMPFILE, O_TMPFILE),
	F(O_DIRECTORY), F(O_DIRECT), F(O_EXCL), F(O_NOATIME), F(O_NOCTTY), F(O_NOFOLLOW), F(O_NONBLOCK),
	FM(O_SYNC, O_SYNC), F(O_DSYNC), F(O_ASYNC), F(O_PATH), F(O_TRUNC), F(O_CLOEXEC), END
};
static const struct name at_names[] = {
	F(AT_SYMLINK_NOFOLLOW), F(AT_REMOVEDIR), F(AT_SYMLINK_FOLLOW), F(AT_NO_AUTOMOUNT), F(AT_EMPTY_PATH),
	F(AT_STATX_FORCE_SYNC), F(AT_STATX_DONT_SYNC), F(AT_RECURSIVE), END
};
static const struct name access_names[] = {
	FM(F_OK, 0777), F(R_OK), F(W_OK), F(X_OK), END
};
static const struct name unlinkat_names[] = {
	F(AT_REMOVEDIR), END
};
static const struct name whence_names[] = {
	V(SEEK_SET), V(SEEK_CUR), V(SEEK_END), V(SEEK_DATA), V(SEEK_HOLE), END
};
static const struct name rename_names[] = {
	F(RENAME_NOREPLACE), F(RENAME_EXCHANGE), F(RENAME_WHITEOUT), END
};
static const struct name statx_names[] = {
	FM(STATX_ALL, STATX_ALL), FM(STATX_BASIC_STATS, STATX_BASIC_STATS), F(STATX_TYPE), F(STATX_MODE),
	F(STATX_NLINK), F(STATX_UID), F(STATX_GID), F(STATX_ATIME), F(STATX_MTIME), F(STATX_CTIME),
	F(STATX_INO), F(STATX_SIZE), F(STATX_BLOCKS), F(STATX_BTIME), F(STATX_MNT_ID), F(STATX_DIOALIGN), END
};
static const struct name splice_names[] = {
	F(SPLICE_F_MOVE), F(SPLICE_F_NONBLOCK), F(SPLICE_F_MORE), F(SPLICE_F_GIFT), END
};
static const struct name fallocate_names[] = {
	F(FALLOC_FL_KEEP_SIZE), F(FALLOC_FL_PUNCH_HOLE), F(FALLOC_FL_NO_HIDE_STALE),
	F(FALLOC_FL_COLLAPSE_RANGE), F(FALLOC_FL_ZERO_RANGE), F(FALLOC_FL_INSERT_RANGE),
	F(FALLOC_FL_UNSHARE_RANGE), END
};
static const struct name fadvise_names[] = {
	V(POSIX_FADV_NORMAL), V(POSIX_FADV_RANDOM), V(POSIX_FADV_SEQUENTIAL), V(POSIX_FADV_WILLNEED),
	V(POSIX_FADV_DONTNEED), V(POSIX_FADV_NOREUSE), END
};
static const struct name close_range_names[] = {
	F(CLOSE_RANGE_UNSHARE), F(CLOSE_RANGE_CLOEXEC), END
};
static const struct name fcntl_names[] = {
	V(F_DUPFD), V(F_GETFD), V(F_SETFD), V(F_GETFL), V(F_SETFL), NV("F_GETLK", 5), NV("F_SETLK", 6),
	NV("F_SETLKW", 7), V(F_SETOWN), V(F_GETOWN), V(F_SETSIG), V(F_GETSIG), NV("F_GETLK64", 12),
	NV("F_SETLK64", 13), NV("F_SETLKW64", 14), V(F_SETOWN_EX), V(F_GETOWN_EX), V(F_OFD_GETLK),
	V(F_OFD_SETLK), V(F_OFD_SETLKW), V(F_SETLEASE), V(F_GETLEASE), V(F_NOTIFY), V(F_DUPFD_CLOEXEC),
	V(F_SETPIPE_SZ), V(F_GETPIPE_SZ), V(F_ADD_SEALS), V(F_GET_SEALS), V(F_GET_RW_HINT), V(F_SET_RW_HINT),
	V(F_GET_FILE_RW_HINT), V(F_SET_FILE_RW_HINT), END
};
static const struct name flock_names[] = {
	F(LOCK_SH), F(LOCK_EX), F(LOCK_UN), F(LOCK_NB), END
};
static const struct name memfd_names[] = {
	F(MFD_CLOEXEC), F(MFD_ALLOW_SEALING), F(MFD_HUGETLB), END
};
static const struct name xattr_names[] = {
	F(XATTR_CREATE), F(XATTR_REPLACE), END
};
static const struct name inotify_names[] = {
	F(IN_ACCESS), F(IN_MODIFY), F(IN_ATTRIB), F(IN_CLOSE_WRITE), F(IN_CLOSE_NOWRITE), F(IN_OPEN),
	F(IN_MOVED_FROM), F(IN_MOVED_TO), F(IN_CREATE), F(IN_DELETE), F(IN_DELETE_SELF), F(IN_MOVE_SELF),
	F(IN_ONLYDIR), F(IN_DONT_FOLLOW), F(IN_EXCL_UNLINK), F(IN_MASK_CREATE), F(IN_MASK_ADD), F(IN_ISDIR),
	F(IN_ONESHOT), END
};
static const struct name mount_names[] = {
	F(MS_RDONLY), F(MS_NOSUID), F(MS_NODEV), F(MS_NOEXEC), F(MS_SYNCHRONOUS), F(MS_REMOUNT), F(MS_MANDLOCK),
	F(MS_DIRSYNC), F(MS_NOATIME), F(MS_NODIRATIME), F(MS_BIND), F(MS_MOVE), F(MS_REC), F(MS_SILENT),
	F(MS_POSIXACL), F(MS_UNBINDABLE), F(MS_PRIVATE), F(MS_SLAVE), F(MS_SHARED), F(MS_RELATIME),
	F(MS_STRICTATIME), F(MS_LAZYTIME), END
};
static const struct name umount_names[] = {
	F(MNT_FORCE), F(MNT_DETACH), F(MNT_EXPIRE), F(UMOUNT_NOFOLLOW), END
};
static const struct name epoll_create_names[] = {
	F(EPOLL_CLOEXEC), END
};
static const struct name epoll_ctl_names[] = {
	V(EPOLL_CTL_ADD), V(EPOLL_CTL_DEL), V(EPOLL_CTL_MOD), END
};
static const struct name clock_names[] = {
	V(CLOCK_REALTIME), V(CLOCK_MONOTONIC), V(CLOCK_PROCESS_CPUTIME_ID), V(CLOCK_THREAD_CPUTIME_ID),
	V(CLOCK_MONOTONIC_RAW), V(CLOCK_REALTIME_COARSE), V(CLOCK_MONOTONIC_COARSE), V(CLOCK_BOOTTIME),
	V(CLOCK_REALTIME_ALARM), V(CLOCK_BOOTTIME_ALARM), V(CLOCK_TAI), END
};
static const struct name timer_names[] = {
	F(TIMER_ABSTIME), END
};
static const struct name itimer_names[] = {
	V(ITIMER_REAL), V(ITIMER_VIRTUAL), V(ITIMER_PROF), END
};
static const struct name clone_names[] = {
	F(CLONE_NEWTIME), F(CLONE_VM), F(CLONE_FS), F(CLONE_FILES), F(CLONE_SIGHAND), F(CLONE_PIDFD),
	F(CLONE_PTRACE), F(CLONE_VFORK), F(CLONE_PARENT), F(CLONE_THREAD), F(CLONE_NEWNS), F(CLONE_SYSVSEM),
	F(CLONE_SETTLS), F(CLONE_PARENT_SETTID), F(CLONE_CHILD_CLEARTID), F(CLONE_DETACHED), F(CLONE_UNTRACED),
	F(CLONE_CHILD_SETTID), F(CLONE_NEWCGROUP), F(CLONE_NEWUTS), F(CLONE_NEWIPC), F(CLONE_NEWUSER),
	F(CLONE_NEWPID), F(CLONE_NEWNET), F(CLONE_IO), NM("SIGCHLD", 17, 0xff), END
};
static const struct name wait_names[] = {
	F(WNOHANG), F(WUNTRACED), F(WEXITED), F(WCONTINUED), F(WNOWAIT), F(__WNOTHREAD), F(__WALL), F(__WCLONE),
	END
};
static const struct name idtype_names[] = {
	V(P_ALL), V(P_PID), V(P_PGID), V(P_PIDFD), END
};
static const struct name prctl_names[] = {
	V(PR_SET_PDEATHSIG), V(PR_GET_PDEATHSIG), V(PR_GET_DUMPABLE), V(PR_SET_DUMPABLE), V(PR_GET_UNALIGN),
	V(PR_SET_UNALIGN), V(PR_GET_KEEPCAPS), V(PR_SET_KEEPCAPS), V(PR_GET_FPEMU), V(PR_SET_FPEMU),
	V(PR_GET_FPEXC), V(PR_SET_FPEXC), V(PR_GET_TIMING), V(PR_SET_TIMING), V(PR_SET_NAME), V(PR_GET_NAME),
	V(PR_GET_ENDIAN), V(PR_SET_ENDIAN), V(PR_GET_SECCOMP), V(PR_SET_SECCOMP), V(PR_CAPBSET_READ),
	V(PR_CAPBSET_DROP), V(PR_GET_TSC), V(PR_SET_TSC), V(PR_GET_SECUREBITS), V(PR_SET_SECUREBITS),
	V(PR_SET_TIMERSLACK), V(PR_GET_TIMERSLACK), V(PR_MCE_KILL), V(PR_MCE_KILL_GET), V(PR_SET_MM),
	V(PR_SET_CHILD_SUBREAPER), V(PR_GET_CHILD_SUBREAPER), V(PR_SET_NO_NEW_PRIVS), V(PR_GET_NO_NEW_PRIVS),
	V(PR_GET_TID_ADDRESS), V(PR_SET_THP_DISABLE), V(PR_GET_THP_DISABLE), V(PR_SET_PTRACER),
	V(PR_CAP_AMBIENT), V(PR_GET_SPECULATION_CTRL), V(PR_SET_SPECULATION_CTRL), V(PR_SET_IO_FLUSHER),
	V(PR_GET_IO_FLUSHER), V(PR_SET_SYSCALL_USER_DISPATCH), V(PR_SCHED_CORE), V(PR_SET_VMA), END
};
static const struct name rlimit_names[] = {
	V(RLIMIT_CPU), V(RLIMIT_FSIZE), V(RLIMIT_DATA), V(RLIMIT_STACK), V(RLIMIT_CORE), V(RLIMIT_RSS),
	V(RLIMIT_NPROC), V(RLIMIT_NOFILE), V(RLIMIT_MEMLOCK), V(RLIMIT_AS), V(RLIMIT_LOCKS),
	V(RLIMIT_SIGPENDING), V(RLIMIT_MSGQUEUE), V(RLIMIT_NICE), V(RLIMIT_RTPRIO), V(RLIMIT_RTTIME), END
};
static const struct name priority_names[] = {
	V(PRIO_PROCESS), V(PRIO_PGRP), V(PRIO_USER), END
};
static const struct name sched_names[] = {
	V(SCHED_OTHER), V(SCHED_FIFO), V(SCHED_RR), V(SCHED_BATCH), V(SCHED_IDLE), V(SCHED_DEADLINE), END
};
static const struct name membarrier_names[] = {
	V(MEMBARRIER_CMD_QUERY), V(MEMBARRIER_CMD_GLOBAL), V(MEMBARRIER_CMD_GLOBAL_EXPEDITED),
	V(MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED), V(MEMBARRIER_CMD_PRIVATE_EXPEDITED),
	V(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED), V(MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE),
	V(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE), END
};
static const struct name getrandom_names[] = {
	F(GRND_NONBLOCK), F(GRND_RANDOM), NM("GRND_INSECURE", 4, 4), END
};
static const struct name prot_names[] = {
	NM("PROT_NONE", 0, ~0u), F(PROT_EXEC), F(PROT_READ), F(PROT_WRITE), F(PROT_GROWSDOWN), F(PROT_GROWSUP),
	END
};
static const struct name map_names[] = {
	FM(MAP_SHARED_VALIDATE, MAP_TYPE), FM(MAP_SHARED, MAP_TYPE), FM(MAP_PRIVATE, MAP_TYPE),
	F(MAP_ANONYMOUS), F(MAP_DENYWRITE), F(MAP_EXECUTABLE), F(MAP_FIXED), F(MAP_GROWSDOWN), F(MAP_HUGETLB),
	F(MAP_LOCKED), F(MAP_NONBLOCK), F(MAP_NORESERVE), F(MAP_POPULATE), F(MAP_STACK), F(MAP_32BIT),
	F(MAP_SYNC), F(MAP_FIXED_NOREPLACE), END
};
static const struct name mremap_names[] = {
	F(MREMAP_MAYMOVE), F(MREMAP_FIXED), F(MREMAP_DONTUNMAP), END
};
static const struct name madvise_names[] = {
	V(MADV_NORMAL), V(MADV_RANDOM), V(MADV_SEQUENTIAL), V(MADV_WILLNEED), V(MADV_DONTNEED), V(MADV_FREE),
	V(MADV_REMOVE), V(MADV_DONTFORK), V(MADV_DOFORK), V(MADV_HWPOISON), V(MADV_MERGEABLE),
	V(MADV_UNMERGEABLE), V(MADV_HUGEPAGE), V(MADV_NOHUGEPAGE), V(MADV_DONTDUMP), V(MADV_DODUMP),
	V(MADV_WIPEONFORK), V(MADV_KEEPONFORK), V(MADV_COLD), V(MADV_PAGEOUT), V(MADV_POPULATE_READ),
	V(MADV_POPULATE_WRITE), END
};
static const struct name msync_names[] = {
	F(MS_ASYNC), F(MS_INVALIDATE), F(MS_SYNC), END
};
static const struct name mlockall_names[] = {
	F(MCL_CURRENT), F(MCL_FUTURE), F(MCL_ONFAULT), END
};
static const struct name sigmask_names[] = {
	V(SIG_BLOCK), V(SIG_UNBLOCK), V(SIG_SETMASK), END
};
static const struct name signal_names[] = {
	V(SIGHUP), V(SIGINT), V(SIGQUIT), V(SIGILL), V(SIGTRAP), V(SIGABRT), V(SIGBUS), V(SIGFPE), V(SIGKILL),
	V(SIGUSR1), V(SIGSEGV), V(SIGUSR2), V(SIGPIPE), V(SIGALRM), V(SIGTERM), V(SIGSTKFLT), V(SIGCHLD),
	V(SIGCONT), V(SIGSTOP), V(SIGTSTP), V(SIGTTIN), V(SIGTTOU), V(SIGURG), V(SIGXCPU), V(SIGXFSZ),
	V(SIGVTALRM), V(SIGPROF), V(SIGWINCH), V(SIGIO), V(SIGPWR), V(SIGSYS), END
};
static const struct name futex_names[] = {
	F(FUTEX_PRIVATE_FLAG), F(FUTEX_CLOCK_REALTIME), FM(FUTEX_WAIT, 127), FM(FUTEX_WAKE, 127), FM(FUTEX_FD,
	127), FM(FUTEX_REQUEUE, 127), FM(FUTEX_CMP_REQUEUE, 127), FM(FUTEX_WAKE_OP, 127), FM(FUTEX_LOCK_PI,
	127), FM(FUTEX_UNLOCK_PI, 127), FM(FUTEX_TRYLOCK_PI, 127), FM(FUTEX_WAIT_BITSET, 127),
	FM(FUTEX_WAKE_BITSET, 127), FM(FUTEX_WAIT_REQUEUE_PI, 127), FM(FUTEX_CMP_REQUEUE_PI, 127),
	NM("FUTEX_LOCK_PI2", 13, 127), END
};
static const struct name family_names[] = {
	V(PF_UNSPEC), V(PF_UNIX), V(PF_INET), V(PF_AX25), V(PF_IPX), V(PF_APPLETALK), V(PF_NETROM),
	V(PF_BRIDGE), V(PF_ATMPVC), V(PF_X25), V(PF_INET6), V(PF_ROSE), V(PF_DECnet), V(PF_NETBEUI),
	V(PF_SECURITY), V(PF_KEY), V(PF_NETLINK), V(PF_PACKET), V(PF_ASH), V(PF_ECONET), V(PF_ATMSVC),
	V(PF_RDS), V(PF_SNA), V(PF_IRDA), V(PF_PPPOX), V(PF_WANPIPE), V(PF_LLC), V(PF_CAN), V(PF_TIPC),
	V(PF_BLUETOOTH), V(PF_ALG), V(PF_VSOCK), END
};
static const struct name socktype_names[] = {
	FM(SOCK_STREAM, 0xf), FM(SOCK_DGRAM, 0xf), FM(SOCK_RAW, 0xf), FM(SOCK_RDM, 0xf), FM(SOCK_SEQPACKET,
	0xf), FM(SOCK_DCCP, 0xf), FM(SOCK_PACKET, 0xf), F(SOCK_CLOEXEC), F(SOCK_NONBLOCK), END
};
static const struct name msg_names[] = {
	F(MSG_OOB), F(MSG_PEEK), F(MSG_DONTROUTE), F(MSG_CTRUNC), F(MSG_PROXY), F(MSG_TRUNC), F(MSG_DONTWAIT),
	F(MSG_EOR), F(MSG_WAITALL), F(MSG_FIN), F(MSG_SYN), F(MSG_CONFIRM), F(MSG_RST), F(MSG_ERRQUEUE),
	F(MSG_NOSIGNAL), F(MSG_MORE), F(MSG_WAITFORONE), F(MSG_BATCH), F(MSG_ZEROCOPY), F(MSG_FASTOPEN),
	F(MSG_CMSG_CLOEXEC), END
};
static const struct name shut_names[] = {
	V(SHUT_RD), V(SHUT_WR), V(SHUT_RDWR), END
};
static const struct name sol_names[] = {
	NV("SOL_IP", 0), V(SOL_SOCKET), NV("SOL_TCP", 6), NV("SOL_UDP", 17), NV("SOL_IPV6", 41),
	NV("SOL_ICMPV6", 58), NV("SOL_RAW", 255), V(SOL_PACKET), V(SOL_NETLINK), END
};
static const struct name socketcall_names[] = {
	NV("socket", 1), NV("bind", 2), NV("connect", 3), NV("listen", 4), NV("accept", 5), NV("getsockname",
	6), NV("getpeername", 7), NV("socketpair", 8), NV("send", 9), NV("recv", 10), NV("sendto", 11),
	NV("recvfrom", 12), NV("shutdown", 13), NV("setsockopt", 14), NV("getsockopt", 15), NV("sendmsg", 16),
	NV("recvmsg", 17), NV("accept4", 18), NV("recvmmsg", 19), NV("sendmmsg", 20), END
};
static const struct name ipc_names[] = {
	NV("IPC_RMID", 0), NV("IPC_SET", 1), NV("IPC_STAT", 2), NV("IPC_INFO", 3), NV("IPC_64|IPC_RMID", 0x100),
	NV("IPC_64|IPC_SET", 0x101), NV("IPC_64|IPC_STAT", 0x102), NV("IPC_64|IPC_INFO", 0x103), NV("SETVAL",
	16), NV("SETALL", 17), NV("GETALL", 13), END
};

const struct name *const linux_names[NAMES_COUNT] = {
	[NAMES_open] = open_names,
	[NAMES_at] = at_names,
	[NAMES_access] = access_names,
	[NAMES_unlinkat] = unlinkat_names,
	[NAMES_whence] = whence_names,
	[NAMES_rename] = rename_names,
	[NAMES_statx] = statx_names,
	[NAMES_splice] = splice_names,
	[NAMES_fallocate] = fallocate_names,
	[NAMES_fadvise] = fadvise_names,
	[NAMES_close_range] = close_range_names,
	[NAMES_fcntl] = fcntl_names,
	[NAMES_flock] = flock_names,
	[NAMES_memfd] = memfd_names,
	[NAMES_xattr] = xattr_names,
	[NAMES_inotify] = inotify_names,
	[NAMES_mount] = mount_names,
	[NAMES_umount] = umount_names,
	[NAMES_epoll_create] = epoll_create_names,
	[NAMES_epoll_ctl] = epoll_ctl_names,
	[NAMES_clock] = clock_names,
	[NAMES_timer] = timer_names,
	[NAMES_itimer] = itimer_names,
	[NAMES_clone] = clone_names,
	[NAMES_wait] = wait_names,
	[NAMES_idtype] = idtype_names,
	[NAMES_prctl] = prctl_names,
	[NAMES_rlimit] = rlimit_names,
	[NAMES_priority] = priority_names,
	[NAMES_sched] = sched_names,
	[NAMES_membarrier] = membarrier_names,
	[NAMES_getrandom] = getrandom_names,
	[NAMES_prot] = prot_names,
	[NAMES_map] = map_names,
	[NAMES_mremap] = mremap_names,
	[NAMES_madvise] = madvise_names,
	[NAMES_msync] = msync_names,
	[NAMES_mlockall] = mlockall_names,
	[NAMES_sigmask] = sigmask_names,
	[NAMES_signal] = signal_names,
	[NAMES_futex] = futex_names,
	[NAMES_family] = family_names,
	[NAMES_socktype] = socktype_names,
	[NAMES_msg] = msg_names,
	[NAMES_shut] = shut_names,
	[NAMES_sol] = sol_names,
	[NAMES_socketcall] = socketcall_names,
	[NAMES_ipc] = ipc_names,
};

int names_print_flags(char *to, size_t size, enum names_id id, uint64_t value)
{
	size_t at = 0;
	bool any = false;
	uint64_t rest = value;
	uint64_t taken = 0; /* fields that have had their one name */
	if (size)
		to[0] = 0;
	for (const struct name *n = linux_names[id]; n && n->name; n++) {
		if ((value & n->mask) != n->value || (n->value && !(rest & n->mask)) || (!n->value && (taken & n->mask)))
			continue;
		if (!n->mask)
			continue;
		at += snprintf(to + (at < size ? at : size), at < size ? size - at : 0, "%s%s", any ? "|" : "", n->name);
		rest &= ~n->mask;
		taken |= n->mask;
		any = true;
	}
	if (rest || !any)
		at += snprintf(to + (at < size ? at : size), at < size ? size - at : 0, rest ? "%s0x%llx" : "%s%llu",
			       any ? "|" : "", (unsigned long long)rest);
	return at;
}

int names_print_value(char *to, size_t size, enum names_id id, uint64_t value)
{
	if (id == NAMES_ioctl)
		return ioctl_print_name(to, size, value);
	for (const struct name *n = linux_names[id]; n && n->name; n++)
		if (n->value == value)
			return snprintf(to, size, "%s", n->name);
	return snprintf(to, size, "%lld", (long long)(int64_t)value);
}
