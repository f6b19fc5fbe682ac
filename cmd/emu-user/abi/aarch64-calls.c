/* SPDX-License-Identifier: GPL-2.0-or-later */
/* AArch64: the generic numbers of system calls (the kernel's asm-generic/unistd.h, 64-bit forms) and the structures of its own. */
#include <fcntl.h>
#include "../linux/linux.h"
#include "../linux/structs.h"

static const uint16_t ids[] = {
	[0] = CALL_io_setup, [1] = CALL_io_destroy, [2] = CALL_io_submit, [3] = CALL_io_cancel,
	[4] = CALL_io_getevents, [5] = CALL_setxattr, [6] = CALL_lsetxattr, [7] = CALL_fsetxattr,
	[8] = CALL_getxattr, [9] = CALL_lgetxattr, [10] = CALL_fgetxattr, [11] = CALL_listxattr,
	[12] = CALL_llistxattr, [13] = CALL_flistxattr, [14] = CALL_removexattr, [15] = CALL_lremovexattr,
	[16] = CALL_fremovexattr, [17] = CALL_getcwd, [18] = CALL_lookup_dcookie, [19] = CALL_eventfd2,
	[20] = CALL_epoll_create1, [21] = CALL_epoll_ctl, [22] = CALL_epoll_pwait, [23] = CALL_dup,
	[24] = CALL_dup3, [25] = CALL_fcntl, [26] = CALL_inotify_init1, [27] = CALL_inotify_add_watch,
	[28] = CALL_inotify_rm_watch, [29] = CALL_ioctl, [30] = CALL_ioprio_set, [31] = CALL_ioprio_get,
	[32] = CALL_flock, [33] = CALL_mknodat, [34] = CALL_mkdirat, [35] = CALL_unlinkat,
	[36] = CALL_symlinkat, [37] = CALL_linkat, [38] = CALL_renameat, [39] = CALL_umount2,
	[40] = CALL_mount, [41] = CALL_pivot_root, [42] = CALL_nfsservctl, [43] = CALL_statfs,
	[44] = CALL_fstatfs, [45] = CALL_truncate, [46] = CALL_ftruncate, [47] = CALL_fallocate,
	[48] = CALL_faccessat, [49] = CALL_chdir, [50] = CALL_fchdir, [51] = CALL_chroot,
	[52] = CALL_fchmod, [53] = CALL_fchmodat, [54] = CALL_fchownat, [55] = CALL_fchown,
	[56] = CALL_openat, [57] = CALL_close, [58] = CALL_vhangup, [59] = CALL_pipe2,
	[60] = CALL_quotactl, [61] = CALL_getdents64, [62] = CALL_lseek, [63] = CALL_read,
	[64] = CALL_write, [65] = CALL_readv, [66] = CALL_writev, [67] = CALL_pread64,
	[68] = CALL_pwrite64, [69] = CALL_preadv, [70] = CALL_pwritev, [71] = CALL_sendfile,
	[72] = CALL_pselect6, [73] = CALL_ppoll, [74] = CALL_signalfd4, [75] = CALL_vmsplice,
	[76] = CALL_splice, [77] = CALL_tee, [78] = CALL_readlinkat, [79] = CALL_newfstatat,
	[80] = CALL_fstat, [81] = CALL_sync, [82] = CALL_fsync, [83] = CALL_fdatasync,
	[84] = CALL_sync_file_range, [85] = CALL_timerfd_create, [86] = CALL_timerfd_settime,
	[87] = CALL_timerfd_gettime, [88] = CALL_utimensat, [89] = CALL_acct, [90] = CALL_capget,
	[91] = CALL_capset, [92] = CALL_personality, [93] = CALL_exit, [94] = CALL_exit_group,
	[95] = CALL_waitid, [96] = CALL_set_tid_address, [97] = CALL_unshare, [98] = CALL_futex,
	[99] = CALL_set_robust_list, [100] = CALL_get_robust_list, [101] = CALL_nanosleep,
	[102] = CALL_getitimer, [103] = CALL_setitimer, [104] = CALL_kexec_load, [105] = CALL_init_module,
	[106] = CALL_delete_module, [107] = CALL_timer_create, [108] = CALL_timer_gettime,
	[109] = CALL_timer_getoverrun, [110] = CALL_timer_settime, [111] = CALL_timer_delete,
	[112] = CALL_clock_settime, [113] = CALL_clock_gettime, [114] = CALL_clock_getres,
	[115] = CALL_clock_nanosleep, [116] = CALL_syslog, [117] = CALL_ptrace,
	[118] = CALL_sched_setparam, [119] = CALL_sched_setscheduler, [120] = CALL_sched_getscheduler,
	[121] = CALL_sched_getparam, [122] = CALL_sched_setaffinity, [123] = CALL_sched_getaffinity,
	[124] = CALL_sched_yield, [125] = CALL_sched_get_priority_max,
	[126] = CALL_sched_get_priority_min, [127] = CALL_sched_rr_get_interval,
	[128] = CALL_restart_syscall, [129] = CALL_kill, [130] = CALL_tkill, [131] = CALL_tgkill,
	[132] = CALL_sigaltstack, [133] = CALL_rt_sigsuspend, [134] = CALL_rt_sigaction,
	[135] = CALL_rt_sigprocmask, [136] = CALL_rt_sigpending, [137] = CALL_rt_sigtimedwait,
	[138] = CALL_rt_sigqueueinfo, [139] = CALL_rt_sigreturn, [140] = CALL_setpriority,
	[141] = CALL_getpriority, [142] = CALL_reboot, [143] = CALL_setregid, [144] = CALL_setgid,
	[145] = CALL_setreuid, [146] = CALL_setuid, [147] = CALL_setresuid, [148] = CALL_getresuid,
	[149] = CALL_setresgid, [150] = CALL_getresgid, [151] = CALL_setfsuid, [152] = CALL_setfsgid,
	[153] = CALL_times, [154] = CALL_setpgid, [155] = CALL_getpgid, [156] = CALL_getsid,
	[157] = CALL_setsid, [158] = CALL_getgroups, [159] = CALL_setgroups, [160] = CALL_uname,
	[161] = CALL_sethostname, [162] = CALL_setdomainname, [163] = CALL_getrlimit,
	[164] = CALL_setrlimit, [165] = CALL_getrusage, [166] = CALL_umask, [167] = CALL_prctl,
	[168] = CALL_getcpu, [169] = CALL_gettimeofday, [170] = CALL_settimeofday, [171] = CALL_adjtimex,
	[172] = CALL_getpid, [173] = CALL_getppid, [174] = CALL_getuid, [175] = CALL_geteuid,
	[176] = CALL_getgid, [177] = CALL_getegid, [178] = CALL_gettid, [179] = CALL_sysinfo,
	[180] = CALL_mq_open, [181] = CALL_mq_unlink, [182] = CALL_mq_timedsend,
	[183] = CALL_mq_timedreceive, [184] = CALL_mq_notify, [185] = CALL_mq_getsetattr,
	[186] = CALL_msgget, [187] = CALL_msgctl, [188] = CALL_msgrcv, [189] = CALL_msgsnd,
	[190] = CALL_semget, [191] = CALL_semctl, [192] = CALL_semtimedop, [193] = CALL_semop,
	[194] = CALL_shmget, [195] = CALL_shmctl, [196] = CALL_shmat, [197] = CALL_shmdt,
	[198] = CALL_socket, [199] = CALL_socketpair, [200] = CALL_bind, [201] = CALL_listen,
	[202] = CALL_accept, [203] = CALL_connect, [204] = CALL_getsockname, [205] = CALL_getpeername,
	[206] = CALL_sendto, [207] = CALL_recvfrom, [208] = CALL_setsockopt, [209] = CALL_getsockopt,
	[210] = CALL_shutdown, [211] = CALL_sendmsg, [212] = CALL_recvmsg, [213] = CALL_readahead,
	[214] = CALL_brk, [215] = CALL_munmap, [216] = CALL_mremap, [217] = CALL_add_key,
	[218] = CALL_request_key, [219] = CALL_keyctl, [220] = CALL_clone, [221] = CALL_execve,
	[222] = CALL_mmap, [223] = CALL_fadvise64, [224] = CALL_swapon, [225] = CALL_swapoff,
	[226] = CALL_mprotect, [227] = CALL_msync, [228] = CALL_mlock, [229] = CALL_munlock,
	[230] = CALL_mlockall, [231] = CALL_munlockall, [232] = CALL_mincore, [233] = CALL_madvise,
	[234] = CALL_remap_file_pages, [235] = CALL_mbind, [236] = CALL_get_mempolicy,
	[237] = CALL_set_mempolicy, [238] = CALL_migrate_pages, [239] = CALL_move_pages,
	[240] = CALL_rt_tgsigqueueinfo, [241] = CALL_perf_event_open, [242] = CALL_accept4,
	[243] = CALL_recvmmsg, [260] = CALL_wait4, [261] = CALL_prlimit64, [262] = CALL_fanotify_init,
	[263] = CALL_fanotify_mark, [264] = CALL_name_to_handle_at, [265] = CALL_open_by_handle_at,
	[266] = CALL_clock_adjtime, [267] = CALL_syncfs, [268] = CALL_setns, [269] = CALL_sendmmsg,
	[270] = CALL_process_vm_readv, [271] = CALL_process_vm_writev, [272] = CALL_kcmp,
	[273] = CALL_finit_module, [274] = CALL_sched_setattr, [275] = CALL_sched_getattr,
	[276] = CALL_renameat2, [277] = CALL_seccomp, [278] = CALL_getrandom, [279] = CALL_memfd_create,
	[280] = CALL_bpf, [281] = CALL_execveat, [282] = CALL_userfaultfd, [283] = CALL_membarrier,
	[284] = CALL_mlock2, [285] = CALL_copy_file_range, [286] = CALL_preadv2, [287] = CALL_pwritev2,
	[288] = CALL_pkey_mprotect, [289] = CALL_pkey_alloc, [290] = CALL_pkey_free, [291] = CALL_statx,
	[292] = CALL_io_pgetevents, [293] = CALL_rseq, [294] = CALL_kexec_file_load,
	[424] = CALL_pidfd_send_signal, [425] = CALL_io_uring_setup, [426] = CALL_io_uring_enter,
	[427] = CALL_io_uring_register, [428] = CALL_open_tree, [429] = CALL_move_mount,
	[430] = CALL_fsopen, [431] = CALL_fsconfig, [432] = CALL_fsmount, [433] = CALL_fspick,
	[434] = CALL_pidfd_open, [435] = CALL_clone3, [436] = CALL_close_range, [437] = CALL_openat2,
	[438] = CALL_pidfd_getfd, [439] = CALL_faccessat2, [440] = CALL_process_madvise,
	[441] = CALL_epoll_pwait2, [442] = CALL_mount_setattr, [443] = CALL_quotactl_fd,
	[444] = CALL_landlock_create_ruleset, [445] = CALL_landlock_add_rule,
	[446] = CALL_landlock_restrict_self, [447] = CALL_memfd_secret, [448] = CALL_process_mrelease,
	[449] = CALL_futex_waitv, [450] = CALL_set_mempolicy_home_node, [452] = CALL_fchmodat2,
	[453] = CALL_map_shadow_stack, [454] = CALL_futex_wake, [455] = CALL_futex_wait,
	[456] = CALL_futex_requeue, [457] = CALL_statmount, [458] = CALL_listmount, [462] = CALL_mseal,
};

/* asm-generic/stat.h, the 64-bit form */
#define H struct stat
static const struct field stat_fields[] = {
	FIELD(st_dev, ULONG), FIELD(st_ino, ULONG), FIELD(st_mode, U32), FIELD(st_nlink, U32), FIELD(st_uid, U32),
	FIELD(st_gid, U32), FIELD(st_rdev, ULONG), PAD(8), FIELD(st_size, LONG), FIELD(st_blksize, S32), PAD(4),
	FIELD(st_blocks, LONG), FIELD(st_atim.tv_sec, LONG), FIELD(st_atim.tv_nsec, ULONG), FIELD(st_mtim.tv_sec, LONG),
	FIELD(st_mtim.tv_nsec, ULONG), FIELD(st_ctim.tv_sec, LONG), FIELD(st_ctim.tv_nsec, ULONG), PAD(8), FIELDS_END
};
#undef H
/* asm-generic/sembuf.h: no word behind each time */
#define H struct semid_ds
static const struct field semid_ds_fields[] = {
	FIELD(sem_perm.__key, S32), FIELD(sem_perm.uid, U32), FIELD(sem_perm.gid, U32), FIELD(sem_perm.cuid, U32),
	FIELD(sem_perm.cgid, U32), FIELD(sem_perm.mode, U16), PAD(2), FIELD(sem_perm.__seq, U16), PAD(2), PADWORDS(2),
	FIELD(sem_otime, LONG), FIELD(sem_ctime, LONG), FIELD(sem_nsems, ULONG), PADWORDS(2), FIELDS_END
};
#undef H

static const struct layout_override overrides[] = {
	{ST_stat, stat_fields},
	{ST_semid_ds, semid_ds_fields},
	{ST_NONE, NULL},
};

/* arch/arm64/include/uapi/asm/fcntl.h; the host's O_LARGEFILE is 0100000 whatever its C library says. */
static const struct value_map open_flags[] = {
	{O_DIRECT, 0200000}, {0100000, 0400000}, {O_DIRECTORY, 040000}, {O_NOFOLLOW, 0100000}, {0, 0},
};

static const struct linux_flag_maps flags[] = {{NAMES_open, open_flags}, {NAMES_NONE, NULL}};

#define TABLE(big)                                                                                            \
	{                                                                                                     \
		.ids = ids, .count = sizeof(ids) / sizeof(ids[0]), .flags = flags,                            \
		.layout = {.big_endian = big, .word = 8, .align64 = 8, .align_max = 8, .overrides = overrides}, \
	}
const struct sys_table sys_table_aarch64 = TABLE(false), sys_table_aarch64_be = TABLE(true);
