/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Field lists of structures that calls name directly: time, processes, files, System V IPC. */
#include "structs.h"

#define LIST(id) const struct field fields_##id[] =

/* ---- time ------------------------------------------------------------------------------------------------- */

#define H struct timespec
LIST(timespec) {FIELD(tv_sec, LONG), FIELD(tv_nsec, LONG), FIELDS_END};
/* A 32-bit guest's tv_nsec has 32 bits of padding that the kernel ignores (time_types.h). */
LIST(timespec64) {FIELD(tv_sec, S64), FIELD(tv_nsec, S64), FIELDS_END};
#undef H
#define H struct timeval
LIST(timeval) {FIELD(tv_sec, LONG), FIELD(tv_usec, LONG), FIELDS_END};
LIST(timeval64) {FIELD(tv_sec, S64), FIELD(tv_usec, S64), FIELDS_END};
#undef H
#define H struct timezone
LIST(timezone) {FIELD(tz_minuteswest, S32), FIELD(tz_dsttime, S32), FIELDS_END};
#undef H
#define H struct itimerspec
LIST(itimerspec) {
	FIELD(it_interval.tv_sec, LONG), FIELD(it_interval.tv_nsec, LONG),
	FIELD(it_value.tv_sec, LONG), FIELD(it_value.tv_nsec, LONG), FIELDS_END
};
LIST(itimerspec64) {
	FIELD(it_interval.tv_sec, S64), FIELD(it_interval.tv_nsec, S64),
	FIELD(it_value.tv_sec, S64), FIELD(it_value.tv_nsec, S64), FIELDS_END
};
#undef H
#define H struct itimerval
LIST(itimerval) {
	FIELD(it_interval.tv_sec, LONG), FIELD(it_interval.tv_usec, LONG),
	FIELD(it_value.tv_sec, LONG), FIELD(it_value.tv_usec, LONG), FIELDS_END
};
#undef H
#define H struct tms
LIST(tms) {
	FIELD(tms_utime, LONG), FIELD(tms_stime, LONG), FIELD(tms_cutime, LONG), FIELD(tms_cstime, LONG), FIELDS_END
};
#undef H
#define H struct timex
LIST(timex) {
	FIELD(modes, U32), FIELD(offset, LONG), FIELD(freq, LONG), FIELD(maxerror, LONG), FIELD(esterror, LONG),
	FIELD(status, S32), FIELD(constant, LONG), FIELD(precision, LONG), FIELD(tolerance, LONG),
	FIELD(time.tv_sec, LONG), FIELD(time.tv_usec, LONG), FIELD(tick, LONG), FIELD(ppsfreq, LONG),
	FIELD(jitter, LONG), FIELD(shift, S32), FIELD(stabil, LONG), FIELD(jitcnt, LONG), FIELD(calcnt, LONG),
	FIELD(errcnt, LONG), FIELD(stbcnt, LONG), FIELD(tai, S32), PAD(44), FIELDS_END
};
/* struct __kernel_timex: every long has 64 bits, ints are padded to 64. */
LIST(timex64) {
	FIELD(modes, U32), PAD(4), FIELD(offset, S64), FIELD(freq, S64), FIELD(maxerror, S64), FIELD(esterror, S64),
	FIELD(status, S32), PAD(4), FIELD(constant, S64), FIELD(precision, S64), FIELD(tolerance, S64),
	FIELD(time.tv_sec, S64), FIELD(time.tv_usec, S64), FIELD(tick, S64), FIELD(ppsfreq, S64),
	FIELD(jitter, S64), FIELD(shift, S32), PAD(4), FIELD(stabil, S64), FIELD(jitcnt, S64), FIELD(calcnt, S64),
	FIELD(errcnt, S64), FIELD(stbcnt, S64), FIELD(tai, S32), PAD(44), FIELDS_END
};
#undef H
#define H struct utimbuf
LIST(utimbuf) {FIELD(actime, LONG), FIELD(modtime, LONG), FIELDS_END};
#undef H

/* ---- processes -------------------------------------------------------------------------------------------- */

#define H struct rusage
LIST(rusage) {
	FIELD(ru_utime.tv_sec, LONG), FIELD(ru_utime.tv_usec, LONG), FIELD(ru_stime.tv_sec, LONG),
	FIELD(ru_stime.tv_usec, LONG), FIELD(ru_maxrss, LONG), FIELD(ru_ixrss, LONG), FIELD(ru_idrss, LONG),
	FIELD(ru_isrss, LONG), FIELD(ru_minflt, LONG), FIELD(ru_majflt, LONG), FIELD(ru_nswap, LONG),
	FIELD(ru_inblock, LONG), FIELD(ru_oublock, LONG), FIELD(ru_msgsnd, LONG), FIELD(ru_msgrcv, LONG),
	FIELD(ru_nsignals, LONG), FIELD(ru_nvcsw, LONG), FIELD(ru_nivcsw, LONG), FIELDS_END
};
#undef H
#define H struct rlimit
LIST(rlimit) {FIELD(rlim_cur, LIMIT), FIELD(rlim_max, LIMIT), FIELDS_END};
LIST(rlimit64) {FIELD(rlim_cur, U64), FIELD(rlim_max, U64), FIELDS_END};
#undef H
#define H struct sysinfo
LIST(sysinfo) {
	FIELD(uptime, LONG), FIELDN(loads, ULONG, 3), FIELD(totalram, ULONG), FIELD(freeram, ULONG),
	FIELD(sharedram, ULONG), FIELD(bufferram, ULONG), FIELD(totalswap, ULONG), FIELD(freeswap, ULONG),
	FIELD(procs, U16), PAD(2), FIELD(totalhigh, ULONG), FIELD(freehigh, ULONG), FIELD(mem_unit, U32),
	EXTENT(64, 112), FIELDS_END
};
#undef H
#define H struct sched_param
LIST(sched_param) {FIELD(sched_priority, S32), FIELDS_END};
#undef H
#define H struct kernel_sched_attr
LIST(sched_attr) {
	FIELD(size, U32), FIELD(sched_policy, U32), FIELD(sched_flags, U64), FIELD(sched_nice, S32),
	FIELD(sched_priority, U32), FIELD(sched_runtime, U64), FIELD(sched_deadline, U64), FIELD(sched_period, U64),
	FIELD(sched_util_min, U32), FIELD(sched_util_max, U32), FIELDS_END
};
#undef H
#define H struct __user_cap_header_struct
LIST(cap_header) {FIELD(version, U32), FIELD(pid, S32), FIELDS_END};
#undef H
#define H struct __user_cap_data_struct
LIST(cap_data) {FIELD(effective, U32), FIELD(permitted, U32), FIELD(inheritable, U32), FIELDS_END};
#undef H

/* ---- files ------------------------------------------------------------------------------------------------ */

/* x86-64's own order; other ABIs bring theirs. */
#define H struct stat
LIST(stat) {
	FIELD(st_dev, ULONG), FIELD(st_ino, ULONG), FIELD(st_nlink, ULONG), FIELD(st_mode, U32), FIELD(st_uid, U32),
	FIELD(st_gid, U32), PAD(4), FIELD(st_rdev, ULONG), FIELD(st_size, LONG), FIELD(st_blksize, LONG),
	FIELD(st_blocks, LONG), FIELD(st_atim.tv_sec, ULONG), FIELD(st_atim.tv_nsec, ULONG),
	FIELD(st_mtim.tv_sec, ULONG), FIELD(st_mtim.tv_nsec, ULONG), FIELD(st_ctim.tv_sec, ULONG),
	FIELD(st_ctim.tv_nsec, ULONG), PADWORDS(3), FIELDS_END
};
/* asm-generic/stat.h: the form of 32-bit architectures that have no other. */
LIST(stat64) {
	FIELD(st_dev, U64), FIELD(st_ino, U64), FIELD(st_mode, U32), FIELD(st_nlink, U32), FIELD(st_uid, U32),
	FIELD(st_gid, U32), FIELD(st_rdev, U64), PAD(8), FIELD(st_size, S64), FIELD(st_blksize, S32), PAD(4),
	FIELD(st_blocks, S64), FIELD(st_atim.tv_sec, S32), FIELD(st_atim.tv_nsec, U32), FIELD(st_mtim.tv_sec, S32),
	FIELD(st_mtim.tv_nsec, U32), FIELD(st_ctim.tv_sec, S32), FIELD(st_ctim.tv_nsec, U32), PAD(8), FIELDS_END
};
/* The first Linux's (struct __old_kernel_stat), 16-bit numbers. */
LIST(oldstat) {
	FIELD(st_dev, U16), FIELDC(st_ino, U16), FIELD(st_mode, U16), FIELDC(st_nlink, U16), FIELD(st_uid, U16),
	FIELD(st_gid, U16), FIELD(st_rdev, U16), FIELDC(st_size, ULONG), FIELD(st_atim.tv_sec, ULONG),
	FIELD(st_mtim.tv_sec, ULONG), FIELD(st_ctim.tv_sec, ULONG), FIELDS_END
};
#undef H
#define H struct statx
#define STATX_TIME(t) FIELD(t.tv_sec, S64), FIELD(t.tv_nsec, U32), PAD(4)
LIST(statx) {
	FIELD(stx_mask, U32), FIELD(stx_blksize, U32), FIELD(stx_attributes, U64), FIELD(stx_nlink, U32),
	FIELD(stx_uid, U32), FIELD(stx_gid, U32), FIELD(stx_mode, U16), PAD(2), FIELD(stx_ino, U64),
	FIELD(stx_size, U64), FIELD(stx_blocks, U64), FIELD(stx_attributes_mask, U64), STATX_TIME(stx_atime),
	STATX_TIME(stx_btime), STATX_TIME(stx_ctime), STATX_TIME(stx_mtime), FIELD(stx_rdev_major, U32),
	FIELD(stx_rdev_minor, U32), FIELD(stx_dev_major, U32), FIELD(stx_dev_minor, U32), FIELD(stx_mnt_id, U64),
	/* Direct I/O alignment, then fields of later kernels: words of 32 and 64 bits that begin as these do. */
	{"stx_dio_mem_align", 152, 4, FK_U32, 2}, {"stx_spare", 160, 8, FK_U64, 12}, FIELDS_END
};
#undef H
#define H struct statfs
LIST(statfs) {
	FIELD(f_type, LONG), FIELD(f_bsize, LONG), FIELDC(f_blocks, ULONG), FIELDC(f_bfree, ULONG),
	FIELDC(f_bavail, ULONG), FIELD(f_files, ULONG), FIELD(f_ffree, ULONG), FIELDN(f_fsid, S32, 2),
	FIELD(f_namelen, LONG), FIELD(f_frsize, LONG), FIELD(f_flags, LONG), PADWORDS(4), FIELDS_END
};
LIST(statfs64) {
	FIELD(f_type, LONG), FIELD(f_bsize, LONG), FIELD(f_blocks, U64), FIELD(f_bfree, U64),
	FIELD(f_bavail, U64), FIELD(f_files, U64), FIELD(f_ffree, U64), FIELDN(f_fsid, S32, 2),
	FIELD(f_namelen, LONG), FIELD(f_frsize, LONG), FIELD(f_flags, LONG), PADWORDS(4), FIELDS_END
};
#undef H
#define H struct flock
LIST(flock) {
	FIELD(l_type, S16), FIELD(l_whence, S16), FIELDC(l_start, LONG), FIELDC(l_len, LONG), FIELD(l_pid, S32),
	FIELDS_END
};
LIST(flock64) {
	FIELD(l_type, S16), FIELD(l_whence, S16), FIELD(l_start, S64), FIELD(l_len, S64), FIELD(l_pid, S32), FIELDS_END
};
#undef H
#define H struct kernel_f_owner
LIST(f_owner) {FIELD(type, S32), FIELD(pid, S32), FIELDS_END};
#undef H
#define H struct open_how
LIST(open_how) {FIELD(flags, U64), FIELD(mode, U64), FIELD(resolve, U64), FIELDS_END};
#undef H

/* ---- waiting and messages --------------------------------------------------------------------------------- */

#define H struct iovec
LIST(iovec) {FIELD(iov_base, PTR), FIELD(iov_len, ULONG), FIELDS_END};
#undef H
#define H struct pollfd
LIST(pollfd) {FIELD(fd, S32), FIELD(events, S16), FIELD(revents, S16), FIELDS_END};
#undef H
#define H struct epoll_event
LIST(epoll_event) {FIELD(events, U32), FIELD(data.u64, U64), FIELDS_END};
#undef H
#define H struct kernel_sigset_arg
LIST(sigset_arg) {FIELD(mask, ULONG), FIELD(size, ULONG), FIELDS_END};
#undef H
#define H struct mq_attr
LIST(mq_attr) {
	FIELD(mq_flags, LONG), FIELD(mq_maxmsg, LONG), FIELD(mq_msgsize, LONG), FIELD(mq_curmsgs, LONG), PADWORDS(4),
	FIELDS_END
};
#undef H

/* ---- System V IPC: the x86-64 records; 32-bit ABIs split their times (asm/ipcbuf.h, sembuf.h, msgbuf.h, shmbuf.h) -- */

#define PERM(p)                                                                                               \
	FIELD(p.__key, S32), FIELD(p.uid, U32), FIELD(p.gid, U32), FIELD(p.cuid, U32), FIELD(p.cgid, U32),   \
	FIELD(p.mode, U32), FIELD(p.__seq, U16), PAD(2), PADWORDS(2)
struct perm_holder {
	struct ipc_perm p;
};
#define H struct perm_holder
LIST(ipc_perm) {PERM(p), FIELDS_END};
#undef H
#define H struct semid_ds
LIST(semid_ds) {
	PERM(sem_perm), FIELD(sem_otime, LONG), PADWORDS(1), FIELD(sem_ctime, LONG), PADWORDS(1),
	FIELD(sem_nsems, ULONG), PADWORDS(2), FIELDS_END
};
#undef H
#define H struct msqid_ds
LIST(msqid_ds) {
	PERM(msg_perm), FIELD(msg_stime, LONG), FIELD(msg_rtime, LONG), FIELD(msg_ctime, LONG),
	FIELD(__msg_cbytes, ULONG), FIELD(msg_qnum, ULONG), FIELD(msg_qbytes, ULONG), FIELD(msg_lspid, S32),
	FIELD(msg_lrpid, S32), PADWORDS(2), FIELDS_END
};
#undef H
#define H struct shmid_ds
LIST(shmid_ds) {
	PERM(shm_perm), FIELD(shm_segsz, ULONG), FIELD(shm_atime, LONG), FIELD(shm_dtime, LONG),
	FIELD(shm_ctime, LONG), FIELD(shm_cpid, S32), FIELD(shm_lpid, S32), FIELD(shm_nattch, ULONG), PADWORDS(2),
	FIELDS_END
};
#undef H
#define H struct seminfo
LIST(seminfo) {
	FIELD(semmap, S32), FIELD(semmni, S32), FIELD(semmns, S32), FIELD(semmnu, S32), FIELD(semmsl, S32),
	FIELD(semopm, S32), FIELD(semume, S32), FIELD(semusz, S32), FIELD(semvmx, S32), FIELD(semaem, S32), FIELDS_END
};
#undef H
#define H struct msginfo
LIST(msginfo) {
	FIELD(msgpool, S32), FIELD(msgmap, S32), FIELD(msgmax, S32), FIELD(msgmnb, S32), FIELD(msgmni, S32),
	FIELD(msgssz, S32), FIELD(msgtql, S32), FIELD(msgseg, U16), FIELDS_END
};
#undef H
#define H struct shminfo
LIST(shminfo) {
	FIELD(shmmax, ULONG), FIELD(shmmin, ULONG), FIELD(shmmni, ULONG), FIELD(shmseg, ULONG), FIELD(shmall, ULONG),
	PADWORDS(4), FIELDS_END
};
#undef H
#define H struct shm_info
LIST(shm_info) {
	FIELD(used_ids, S32), FIELD(shm_tot, ULONG), FIELD(shm_rss, ULONG), FIELD(shm_swp, ULONG),
	FIELD(swap_attempts, ULONG), FIELD(swap_successes, ULONG), FIELDS_END
};
#undef H
#define H struct sembuf
LIST(sembuf) {FIELD(sem_num, U16), FIELD(sem_op, S16), FIELD(sem_flg, S16), FIELDS_END};
#undef H
