/* SPDX-License-Identifier: GPL-2.0-or-later */
/* PowerPC, 32 bits: numbers of system calls (the kernel's asm/unistd_32.h) and the structures of its own. */
#include <fcntl.h>
#include "../linux/linux.h"
#include "../linux/structs.h"
#include "ppc.h"

static const uint16_t ids[] = {
	[0] = CALL_restart_syscall, [1] = CALL_exit, [2] = CALL_fork, [3] = CALL_read, [4] = CALL_write,
	[5] = CALL_open, [6] = CALL_close, [7] = CALL_waitpid, [8] = CALL_creat, [9] = CALL_link,
	[10] = CALL_unlink, [11] = CALL_execve, [12] = CALL_chdir, [13] = CALL_time, [14] = CALL_mknod,
	[15] = CALL_chmod, [16] = CALL_lchown, [17] = CALL_break_, [18] = CALL_oldstat, [19] = CALL_lseek,
	[20] = CALL_getpid, [21] = CALL_mount, [22] = CALL_umount, [23] = CALL_setuid, [24] = CALL_getuid,
	[25] = CALL_stime, [26] = CALL_ptrace, [27] = CALL_alarm, [28] = CALL_oldfstat, [29] = CALL_pause,
	[30] = CALL_utime, [31] = CALL_stty, [32] = CALL_gtty, [33] = CALL_access, [34] = CALL_nice,
	[35] = CALL_ftime, [36] = CALL_sync, [37] = CALL_kill, [38] = CALL_rename, [39] = CALL_mkdir,
	[40] = CALL_rmdir, [41] = CALL_dup, [42] = CALL_pipe, [43] = CALL_times, [44] = CALL_prof,
	[45] = CALL_brk, [46] = CALL_setgid, [47] = CALL_getgid, [48] = CALL_signal, [49] = CALL_geteuid,
	[50] = CALL_getegid, [51] = CALL_acct, [52] = CALL_umount2, [53] = CALL_lock, [54] = CALL_ioctl,
	[55] = CALL_fcntl, [56] = CALL_mpx, [57] = CALL_setpgid, [58] = CALL_ulimit, [59] = CALL_oldolduname,
	[60] = CALL_umask, [61] = CALL_chroot, [62] = CALL_ustat, [63] = CALL_dup2, [64] = CALL_getppid,
	[65] = CALL_getpgrp, [66] = CALL_setsid, [67] = CALL_sigaction, [68] = CALL_sgetmask,
	[69] = CALL_ssetmask, [70] = CALL_setreuid, [71] = CALL_setregid, [72] = CALL_sigsuspend,
	[73] = CALL_sigpending, [74] = CALL_sethostname, [75] = CALL_setrlimit, [76] = CALL_old_getrlimit,
	[77] = CALL_getrusage, [78] = CALL_gettimeofday, [79] = CALL_settimeofday, [80] = CALL_getgroups,
	[81] = CALL_setgroups, [82] = CALL_select, [83] = CALL_symlink, [84] = CALL_oldlstat,
	[85] = CALL_readlink, [86] = CALL_uselib, [87] = CALL_swapon, [88] = CALL_reboot, [89] = CALL_readdir,
	[90] = CALL_mmap, [91] = CALL_munmap, [92] = CALL_truncate, [93] = CALL_ftruncate, [94] = CALL_fchmod,
	[95] = CALL_fchown, [96] = CALL_getpriority, [97] = CALL_setpriority, [98] = CALL_profil,
	[99] = CALL_statfs, [100] = CALL_fstatfs, [101] = CALL_ioperm, [102] = CALL_socketcall,
	[103] = CALL_syslog, [104] = CALL_setitimer, [105] = CALL_getitimer, [106] = CALL_stat,
	[107] = CALL_lstat, [108] = CALL_fstat, [109] = CALL_olduname, [110] = CALL_iopl,
	[111] = CALL_vhangup, [112] = CALL_idle, [113] = CALL_vm86, [114] = CALL_wait4, [115] = CALL_swapoff,
	[116] = CALL_sysinfo, [117] = CALL_ipc, [118] = CALL_fsync, [119] = CALL_sigreturn,
	[120] = CALL_clone, [121] = CALL_setdomainname, [122] = CALL_uname, [123] = CALL_modify_ldt,
	[124] = CALL_adjtimex, [125] = CALL_mprotect, [126] = CALL_sigprocmask, [127] = CALL_create_module,
	[128] = CALL_init_module, [129] = CALL_delete_module, [130] = CALL_get_kernel_syms,
	[131] = CALL_quotactl, [132] = CALL_getpgid, [133] = CALL_fchdir, [134] = CALL_bdflush,
	[135] = CALL_sysfs, [136] = CALL_personality, [137] = CALL_afs_syscall, [138] = CALL_setfsuid,
	[139] = CALL_setfsgid, [140] = CALL__llseek, [141] = CALL_getdents, [142] = CALL__newselect,
	[143] = CALL_flock, [144] = CALL_msync, [145] = CALL_readv, [146] = CALL_writev, [147] = CALL_getsid,
	[148] = CALL_fdatasync, [149] = CALL__sysctl, [150] = CALL_mlock, [151] = CALL_munlock,
	[152] = CALL_mlockall, [153] = CALL_munlockall, [154] = CALL_sched_setparam,
	[155] = CALL_sched_getparam, [156] = CALL_sched_setscheduler, [157] = CALL_sched_getscheduler,
	[158] = CALL_sched_yield, [159] = CALL_sched_get_priority_max, [160] = CALL_sched_get_priority_min,
	[161] = CALL_sched_rr_get_interval, [162] = CALL_nanosleep, [163] = CALL_mremap,
	[164] = CALL_setresuid, [165] = CALL_getresuid, [166] = CALL_query_module, [167] = CALL_poll,
	[168] = CALL_nfsservctl, [169] = CALL_setresgid, [170] = CALL_getresgid, [171] = CALL_prctl,
	[172] = CALL_rt_sigreturn, [173] = CALL_rt_sigaction, [174] = CALL_rt_sigprocmask,
	[175] = CALL_rt_sigpending, [176] = CALL_rt_sigtimedwait, [177] = CALL_rt_sigqueueinfo,
	[178] = CALL_rt_sigsuspend, [179] = CALL_pread64, [180] = CALL_pwrite64, [181] = CALL_chown,
	[182] = CALL_getcwd, [183] = CALL_capget, [184] = CALL_capset, [185] = CALL_sigaltstack,
	[186] = CALL_sendfile, [187] = CALL_getpmsg, [188] = CALL_putpmsg, [189] = CALL_vfork,
	[190] = CALL_ugetrlimit, [191] = CALL_readahead, [192] = CALL_mmap2, [193] = CALL_truncate64,
	[194] = CALL_ftruncate64, [195] = CALL_stat64, [196] = CALL_lstat64, [197] = CALL_fstat64,
	[202] = CALL_getdents64, [203] = CALL_pivot_root, [204] = CALL_fcntl64, [205] = CALL_madvise,
	[206] = CALL_mincore, [207] = CALL_gettid, [208] = CALL_tkill, [209] = CALL_setxattr,
	[210] = CALL_lsetxattr, [211] = CALL_fsetxattr, [212] = CALL_getxattr, [213] = CALL_lgetxattr,
	[214] = CALL_fgetxattr, [215] = CALL_listxattr, [216] = CALL_llistxattr, [217] = CALL_flistxattr,
	[218] = CALL_removexattr, [219] = CALL_lremovexattr, [220] = CALL_fremovexattr, [221] = CALL_futex,
	[222] = CALL_sched_setaffinity, [223] = CALL_sched_getaffinity, [225] = CALL_tuxcall,
	[226] = CALL_sendfile64, [227] = CALL_io_setup, [228] = CALL_io_destroy, [229] = CALL_io_getevents,
	[230] = CALL_io_submit, [231] = CALL_io_cancel, [232] = CALL_set_tid_address, [233] = CALL_fadvise64,
	[234] = CALL_exit_group, [235] = CALL_lookup_dcookie, [236] = CALL_epoll_create,
	[237] = CALL_epoll_ctl, [238] = CALL_epoll_wait, [239] = CALL_remap_file_pages,
	[240] = CALL_timer_create, [241] = CALL_timer_settime, [242] = CALL_timer_gettime,
	[243] = CALL_timer_getoverrun, [244] = CALL_timer_delete, [245] = CALL_clock_settime,
	[246] = CALL_clock_gettime, [247] = CALL_clock_getres, [248] = CALL_clock_nanosleep,
	[250] = CALL_tgkill, [251] = CALL_utimes, [252] = CALL_statfs64, [253] = CALL_fstatfs64,
	[254] = CALL_fadvise64_64, [258] = CALL_migrate_pages, [259] = CALL_mbind, [260] = CALL_get_mempolicy,
	[261] = CALL_set_mempolicy, [262] = CALL_mq_open, [263] = CALL_mq_unlink, [264] = CALL_mq_timedsend,
	[265] = CALL_mq_timedreceive, [266] = CALL_mq_notify, [267] = CALL_mq_getsetattr,
	[268] = CALL_kexec_load, [269] = CALL_add_key, [270] = CALL_request_key, [271] = CALL_keyctl,
	[272] = CALL_waitid, [273] = CALL_ioprio_set, [274] = CALL_ioprio_get, [275] = CALL_inotify_init,
	[276] = CALL_inotify_add_watch, [277] = CALL_inotify_rm_watch, [280] = CALL_pselect6,
	[281] = CALL_ppoll, [282] = CALL_unshare, [283] = CALL_splice, [284] = CALL_tee,
	[285] = CALL_vmsplice, [286] = CALL_openat, [287] = CALL_mkdirat, [288] = CALL_mknodat,
	[289] = CALL_fchownat, [290] = CALL_futimesat, [291] = CALL_fstatat64, [292] = CALL_unlinkat,
	[293] = CALL_renameat, [294] = CALL_linkat, [295] = CALL_symlinkat, [296] = CALL_readlinkat,
	[297] = CALL_fchmodat, [298] = CALL_faccessat, [299] = CALL_get_robust_list,
	[300] = CALL_set_robust_list, [301] = CALL_move_pages, [302] = CALL_getcpu, [303] = CALL_epoll_pwait,
	[304] = CALL_utimensat, [305] = CALL_signalfd, [306] = CALL_timerfd_create, [307] = CALL_eventfd,
	[308] = CALL_sync_file_range2, [309] = CALL_fallocate, [311] = CALL_timerfd_settime,
	[312] = CALL_timerfd_gettime, [313] = CALL_signalfd4, [314] = CALL_eventfd2,
	[315] = CALL_epoll_create1, [316] = CALL_dup3, [317] = CALL_pipe2, [318] = CALL_inotify_init1,
	[319] = CALL_perf_event_open, [320] = CALL_preadv, [321] = CALL_pwritev,
	[322] = CALL_rt_tgsigqueueinfo, [323] = CALL_fanotify_init, [324] = CALL_fanotify_mark,
	[325] = CALL_prlimit64, [326] = CALL_socket, [327] = CALL_bind, [328] = CALL_connect,
	[329] = CALL_listen, [330] = CALL_accept, [331] = CALL_getsockname, [332] = CALL_getpeername,
	[333] = CALL_socketpair, [334] = CALL_send, [335] = CALL_sendto, [336] = CALL_recv,
	[337] = CALL_recvfrom, [338] = CALL_shutdown, [339] = CALL_setsockopt, [340] = CALL_getsockopt,
	[341] = CALL_sendmsg, [342] = CALL_recvmsg, [343] = CALL_recvmmsg, [344] = CALL_accept4,
	[345] = CALL_name_to_handle_at, [346] = CALL_open_by_handle_at, [347] = CALL_clock_adjtime,
	[348] = CALL_syncfs, [349] = CALL_sendmmsg, [350] = CALL_setns, [351] = CALL_process_vm_readv,
	[352] = CALL_process_vm_writev, [353] = CALL_finit_module, [354] = CALL_kcmp,
	[355] = CALL_sched_setattr, [356] = CALL_sched_getattr, [357] = CALL_renameat2, [358] = CALL_seccomp,
	[359] = CALL_getrandom, [360] = CALL_memfd_create, [361] = CALL_bpf, [362] = CALL_execveat,
	[364] = CALL_userfaultfd, [365] = CALL_membarrier, [378] = CALL_mlock2, [379] = CALL_copy_file_range,
	[380] = CALL_preadv2, [381] = CALL_pwritev2, [382] = CALL_kexec_file_load, [383] = CALL_statx,
	[384] = CALL_pkey_alloc, [385] = CALL_pkey_free, [386] = CALL_pkey_mprotect, [387] = CALL_rseq,
	[388] = CALL_io_pgetevents, [393] = CALL_semget, [394] = CALL_semctl, [395] = CALL_shmget,
	[396] = CALL_shmctl, [397] = CALL_shmat, [398] = CALL_shmdt, [399] = CALL_msgget, [400] = CALL_msgsnd,
	[401] = CALL_msgrcv, [402] = CALL_msgctl, [403] = CALL_clock_gettime64, [404] = CALL_clock_settime64,
	[405] = CALL_clock_adjtime64, [406] = CALL_clock_getres_time64, [407] = CALL_clock_nanosleep_time64,
	[408] = CALL_timer_gettime64, [409] = CALL_timer_settime64, [410] = CALL_timerfd_gettime64,
	[411] = CALL_timerfd_settime64, [412] = CALL_utimensat_time64, [413] = CALL_pselect6_time64,
	[414] = CALL_ppoll_time64, [416] = CALL_io_pgetevents_time64, [417] = CALL_recvmmsg_time64,
	[418] = CALL_mq_timedsend_time64, [419] = CALL_mq_timedreceive_time64, [420] = CALL_semtimedop_time64,
	[421] = CALL_rt_sigtimedwait_time64, [422] = CALL_futex_time64,
	[423] = CALL_sched_rr_get_interval_time64, [424] = CALL_pidfd_send_signal,
	[425] = CALL_io_uring_setup, [426] = CALL_io_uring_enter, [427] = CALL_io_uring_register,
	[428] = CALL_open_tree, [429] = CALL_move_mount, [430] = CALL_fsopen, [431] = CALL_fsconfig,
	[432] = CALL_fsmount, [433] = CALL_fspick, [434] = CALL_pidfd_open, [435] = CALL_clone3,
	[436] = CALL_close_range, [437] = CALL_openat2, [438] = CALL_pidfd_getfd, [439] = CALL_faccessat2,
	[440] = CALL_process_madvise, [441] = CALL_epoll_pwait2, [442] = CALL_mount_setattr,
	[443] = CALL_quotactl_fd, [444] = CALL_landlock_create_ruleset, [445] = CALL_landlock_add_rule,
	[446] = CALL_landlock_restrict_self, [448] = CALL_process_mrelease, [449] = CALL_futex_waitv,
	[450] = CALL_set_mempolicy_home_node, [451] = CALL_cachestat, [452] = CALL_fchmodat2,
	[454] = CALL_futex_wake, [455] = CALL_futex_wait, [456] = CALL_futex_requeue, [457] = CALL_statmount,
	[458] = CALL_listmount, [462] = CALL_mseal,
};

/* asm/stat.h */
#define H struct stat
static const struct field stat_fields[] = {
	FIELD(st_dev, ULONG), FIELDC(st_ino, ULONG), FIELD(st_mode, U32), FIELDC(st_nlink, U16), PAD(2), FIELD(st_uid, U32),
	FIELD(st_gid, U32), FIELD(st_rdev, ULONG), FIELDC(st_size, LONG), FIELD(st_blksize, ULONG), FIELD(st_blocks, ULONG),
	FIELD(st_atim.tv_sec, ULONG), FIELD(st_atim.tv_nsec, ULONG), FIELD(st_mtim.tv_sec, ULONG), FIELD(st_mtim.tv_nsec, ULONG),
	FIELD(st_ctim.tv_sec, ULONG), FIELD(st_ctim.tv_nsec, ULONG), PADWORDS(2), FIELDS_END
};
static const struct field stat64_fields[] = {
	FIELD(st_dev, U64), FIELD(st_ino, U64), FIELD(st_mode, U32), FIELD(st_nlink, U32), FIELD(st_uid, U32), FIELD(st_gid, U32),
	FIELD(st_rdev, U64), PAD(2), ALIGN(8), FIELD(st_size, S64), FIELD(st_blksize, S32), ALIGN(8), FIELD(st_blocks, S64),
	FIELD(st_atim.tv_sec, S32), FIELD(st_atim.tv_nsec, U32), FIELD(st_mtim.tv_sec, S32), FIELD(st_mtim.tv_nsec, U32),
	FIELD(st_ctim.tv_sec, S32), FIELD(st_ctim.tv_nsec, U32), PAD(8), FIELDS_END
};
#undef H

/* asm/ipcbuf.h, sembuf.h, msgbuf.h, shmbuf.h: a time is a high and a low word */
#define PERM(p)                                                                                                 \
	FIELD(p.__key, S32), FIELD(p.uid, U32), FIELD(p.gid, U32), FIELD(p.cuid, U32), FIELD(p.cgid, U32),     \
	FIELD(p.mode, U32), {"__seq", offsetof(H, p.__seq), 2, FK_U32, 1}, PAD(4), ALIGN(8), PAD(16)
#define H struct semid_ds
static const struct field semid_ds_fields[] = {
	PERM(sem_perm), FIELD(sem_otime, S64), FIELD(sem_ctime, S64), FIELD(sem_nsems, ULONG), PADWORDS(2), FIELDS_END
};
#undef H
#define H struct msqid_ds
static const struct field msqid_ds_fields[] = {
	PERM(msg_perm), FIELD(msg_stime, S64), FIELD(msg_rtime, S64), FIELD(msg_ctime, S64), FIELD(__msg_cbytes, ULONG),
	FIELD(msg_qnum, ULONG), FIELD(msg_qbytes, ULONG), FIELD(msg_lspid, S32), FIELD(msg_lrpid, S32), PADWORDS(2), FIELDS_END
};
#undef H
#define H struct shmid_ds
static const struct field shmid_ds_fields[] = {
	PERM(shm_perm), FIELD(shm_atime, S64), FIELD(shm_dtime, S64), FIELD(shm_ctime, S64), PADWORDS(1), FIELD(shm_segsz, ULONG),
	FIELD(shm_cpid, S32), FIELD(shm_lpid, S32), FIELD(shm_nattch, ULONG), PADWORDS(2), FIELDS_END
};
#undef H

static const struct layout_override overrides[] = {
	{ST_stat, stat_fields}, {ST_stat64, stat64_fields}, {ST_semid_ds, semid_ds_fields}, {ST_msqid_ds, msqid_ds_fields},
	{ST_shmid_ds, shmid_ds_fields}, {ST_termios, ppc_termios_fields}, {ST_NONE, NULL},
};

const struct sys_table sys_table_ppc = {
	.ids = ids, .count = sizeof(ids) / sizeof(ids[0]), .flags = ppc_flag_maps, .ioctl_dir3 = true, .pair_aligned = true,
	.largefile = 0200000,
	.layout = {.big_endian = true, .word = 4, .align64 = 8, .align_max = 8, .overrides = overrides},
};
