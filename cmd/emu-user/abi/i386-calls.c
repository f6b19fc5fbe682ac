/* SPDX-License-Identifier: GPL-2.0-or-later */
/* i386: numbers of its system calls (the kernel's asm/unistd_32.h) and the structures that it lays out in its own way. */
#include "../linux/linux.h"
#include "../linux/structs.h"

static const uint16_t ids[] = {
	[0] = CALL_restart_syscall, [1] = CALL_exit, [2] = CALL_fork, [3] = CALL_read, [4] = CALL_write,
	[5] = CALL_open, [6] = CALL_close, [7] = CALL_waitpid, [8] = CALL_creat, [9] = CALL_link,
	[10] = CALL_unlink, [11] = CALL_execve, [12] = CALL_chdir, [13] = CALL_time, [14] = CALL_mknod,
	[15] = CALL_chmod, [16] = CALL_lchown16, [17] = CALL_break_, [18] = CALL_oldstat,
	[19] = CALL_lseek, [20] = CALL_getpid, [21] = CALL_mount, [22] = CALL_umount, [23] = CALL_setuid16,
	[24] = CALL_getuid16, [25] = CALL_stime, [26] = CALL_ptrace, [27] = CALL_alarm,
	[28] = CALL_oldfstat, [29] = CALL_pause, [30] = CALL_utime, [31] = CALL_stty, [32] = CALL_gtty,
	[33] = CALL_access, [34] = CALL_nice, [35] = CALL_ftime, [36] = CALL_sync, [37] = CALL_kill,
	[38] = CALL_rename, [39] = CALL_mkdir, [40] = CALL_rmdir, [41] = CALL_dup, [42] = CALL_pipe,
	[43] = CALL_times, [44] = CALL_prof, [45] = CALL_brk, [46] = CALL_setgid16, [47] = CALL_getgid16,
	[48] = CALL_signal, [49] = CALL_geteuid16, [50] = CALL_getegid16, [51] = CALL_acct,
	[52] = CALL_umount2, [53] = CALL_lock, [54] = CALL_ioctl, [55] = CALL_fcntl, [56] = CALL_mpx,
	[57] = CALL_setpgid, [58] = CALL_ulimit, [59] = CALL_oldolduname, [60] = CALL_umask,
	[61] = CALL_chroot, [62] = CALL_ustat, [63] = CALL_dup2, [64] = CALL_getppid, [65] = CALL_getpgrp,
	[66] = CALL_setsid, [67] = CALL_sigaction, [68] = CALL_sgetmask, [69] = CALL_ssetmask,
	[70] = CALL_setreuid16, [71] = CALL_setregid16, [72] = CALL_sigsuspend, [73] = CALL_sigpending,
	[74] = CALL_sethostname, [75] = CALL_setrlimit, [76] = CALL_old_getrlimit, [77] = CALL_getrusage,
	[78] = CALL_gettimeofday, [79] = CALL_settimeofday, [80] = CALL_getgroups16,
	[81] = CALL_setgroups16, [82] = CALL_old_select, [83] = CALL_symlink, [84] = CALL_oldlstat,
	[85] = CALL_readlink, [86] = CALL_uselib, [87] = CALL_swapon, [88] = CALL_reboot,
	[89] = CALL_readdir, [90] = CALL_old_mmap, [91] = CALL_munmap, [92] = CALL_truncate,
	[93] = CALL_ftruncate, [94] = CALL_fchmod, [95] = CALL_fchown16, [96] = CALL_getpriority,
	[97] = CALL_setpriority, [98] = CALL_profil, [99] = CALL_statfs, [100] = CALL_fstatfs,
	[101] = CALL_ioperm, [102] = CALL_socketcall, [103] = CALL_syslog, [104] = CALL_setitimer,
	[105] = CALL_getitimer, [106] = CALL_stat, [107] = CALL_lstat, [108] = CALL_fstat,
	[109] = CALL_olduname, [110] = CALL_iopl, [111] = CALL_vhangup, [112] = CALL_idle,
	[113] = CALL_vm86old, [114] = CALL_wait4, [115] = CALL_swapoff, [116] = CALL_sysinfo,
	[117] = CALL_ipc, [118] = CALL_fsync, [119] = CALL_sigreturn, [120] = CALL_clone,
	[121] = CALL_setdomainname, [122] = CALL_uname, [123] = CALL_modify_ldt, [124] = CALL_adjtimex,
	[125] = CALL_mprotect, [126] = CALL_sigprocmask, [127] = CALL_create_module,
	[128] = CALL_init_module, [129] = CALL_delete_module, [130] = CALL_get_kernel_syms,
	[131] = CALL_quotactl, [132] = CALL_getpgid, [133] = CALL_fchdir, [134] = CALL_bdflush,
	[135] = CALL_sysfs, [136] = CALL_personality, [137] = CALL_afs_syscall, [138] = CALL_setfsuid16,
	[139] = CALL_setfsgid16, [140] = CALL__llseek, [141] = CALL_getdents, [142] = CALL__newselect,
	[143] = CALL_flock, [144] = CALL_msync, [145] = CALL_readv, [146] = CALL_writev,
	[147] = CALL_getsid, [148] = CALL_fdatasync, [149] = CALL__sysctl, [150] = CALL_mlock,
	[151] = CALL_munlock, [152] = CALL_mlockall, [153] = CALL_munlockall, [154] = CALL_sched_setparam,
	[155] = CALL_sched_getparam, [156] = CALL_sched_setscheduler, [157] = CALL_sched_getscheduler,
	[158] = CALL_sched_yield, [159] = CALL_sched_get_priority_max, [160] = CALL_sched_get_priority_min,
	[161] = CALL_sched_rr_get_interval, [162] = CALL_nanosleep, [163] = CALL_mremap,
	[164] = CALL_setresuid16, [165] = CALL_getresuid16, [166] = CALL_vm86, [167] = CALL_query_module,
	[168] = CALL_poll, [169] = CALL_nfsservctl, [170] = CALL_setresgid16, [171] = CALL_getresgid16,
	[172] = CALL_prctl, [173] = CALL_rt_sigreturn, [174] = CALL_rt_sigaction,
	[175] = CALL_rt_sigprocmask, [176] = CALL_rt_sigpending, [177] = CALL_rt_sigtimedwait,
	[178] = CALL_rt_sigqueueinfo, [179] = CALL_rt_sigsuspend, [180] = CALL_pread64,
	[181] = CALL_pwrite64, [182] = CALL_chown16, [183] = CALL_getcwd, [184] = CALL_capget,
	[185] = CALL_capset, [186] = CALL_sigaltstack, [187] = CALL_sendfile, [188] = CALL_getpmsg,
	[189] = CALL_putpmsg, [190] = CALL_vfork, [191] = CALL_ugetrlimit, [192] = CALL_mmap2,
	[193] = CALL_truncate64, [194] = CALL_ftruncate64, [195] = CALL_stat64, [196] = CALL_lstat64,
	[197] = CALL_fstat64, [198] = CALL_lchown32, [199] = CALL_getuid32, [200] = CALL_getgid32,
	[201] = CALL_geteuid32, [202] = CALL_getegid32, [203] = CALL_setreuid32, [204] = CALL_setregid32,
	[205] = CALL_getgroups32, [206] = CALL_setgroups32, [207] = CALL_fchown32,
	[208] = CALL_setresuid32, [209] = CALL_getresuid32, [210] = CALL_setresgid32,
	[211] = CALL_getresgid32, [212] = CALL_chown32, [213] = CALL_setuid32, [214] = CALL_setgid32,
	[215] = CALL_setfsuid32, [216] = CALL_setfsgid32, [217] = CALL_pivot_root, [218] = CALL_mincore,
	[219] = CALL_madvise, [220] = CALL_getdents64, [221] = CALL_fcntl64, [224] = CALL_gettid,
	[225] = CALL_readahead, [226] = CALL_setxattr, [227] = CALL_lsetxattr, [228] = CALL_fsetxattr,
	[229] = CALL_getxattr, [230] = CALL_lgetxattr, [231] = CALL_fgetxattr, [232] = CALL_listxattr,
	[233] = CALL_llistxattr, [234] = CALL_flistxattr, [235] = CALL_removexattr,
	[236] = CALL_lremovexattr, [237] = CALL_fremovexattr, [238] = CALL_tkill, [239] = CALL_sendfile64,
	[240] = CALL_futex, [241] = CALL_sched_setaffinity, [242] = CALL_sched_getaffinity,
	[243] = CALL_set_thread_area, [244] = CALL_get_thread_area, [245] = CALL_io_setup,
	[246] = CALL_io_destroy, [247] = CALL_io_getevents, [248] = CALL_io_submit, [249] = CALL_io_cancel,
	[250] = CALL_fadvise64, [252] = CALL_exit_group, [253] = CALL_lookup_dcookie,
	[254] = CALL_epoll_create, [255] = CALL_epoll_ctl, [256] = CALL_epoll_wait,
	[257] = CALL_remap_file_pages, [258] = CALL_set_tid_address, [259] = CALL_timer_create,
	[260] = CALL_timer_settime, [261] = CALL_timer_gettime, [262] = CALL_timer_getoverrun,
	[263] = CALL_timer_delete, [264] = CALL_clock_settime, [265] = CALL_clock_gettime,
	[266] = CALL_clock_getres, [267] = CALL_clock_nanosleep, [268] = CALL_statfs64,
	[269] = CALL_fstatfs64, [270] = CALL_tgkill, [271] = CALL_utimes, [272] = CALL_fadvise64_64,
	[273] = CALL_vserver, [274] = CALL_mbind, [275] = CALL_get_mempolicy, [276] = CALL_set_mempolicy,
	[277] = CALL_mq_open, [278] = CALL_mq_unlink, [279] = CALL_mq_timedsend,
	[280] = CALL_mq_timedreceive, [281] = CALL_mq_notify, [282] = CALL_mq_getsetattr,
	[283] = CALL_kexec_load, [284] = CALL_waitid, [286] = CALL_add_key, [287] = CALL_request_key,
	[288] = CALL_keyctl, [289] = CALL_ioprio_set, [290] = CALL_ioprio_get, [291] = CALL_inotify_init,
	[292] = CALL_inotify_add_watch, [293] = CALL_inotify_rm_watch, [294] = CALL_migrate_pages,
	[295] = CALL_openat, [296] = CALL_mkdirat, [297] = CALL_mknodat, [298] = CALL_fchownat,
	[299] = CALL_futimesat, [300] = CALL_fstatat64, [301] = CALL_unlinkat, [302] = CALL_renameat,
	[303] = CALL_linkat, [304] = CALL_symlinkat, [305] = CALL_readlinkat, [306] = CALL_fchmodat,
	[307] = CALL_faccessat, [308] = CALL_pselect6, [309] = CALL_ppoll, [310] = CALL_unshare,
	[311] = CALL_set_robust_list, [312] = CALL_get_robust_list, [313] = CALL_splice,
	[314] = CALL_sync_file_range, [315] = CALL_tee, [316] = CALL_vmsplice, [317] = CALL_move_pages,
	[318] = CALL_getcpu, [319] = CALL_epoll_pwait, [320] = CALL_utimensat, [321] = CALL_signalfd,
	[322] = CALL_timerfd_create, [323] = CALL_eventfd, [324] = CALL_fallocate,
	[325] = CALL_timerfd_settime, [326] = CALL_timerfd_gettime, [327] = CALL_signalfd4,
	[328] = CALL_eventfd2, [329] = CALL_epoll_create1, [330] = CALL_dup3, [331] = CALL_pipe2,
	[332] = CALL_inotify_init1, [333] = CALL_preadv, [334] = CALL_pwritev,
	[335] = CALL_rt_tgsigqueueinfo, [336] = CALL_perf_event_open, [337] = CALL_recvmmsg,
	[338] = CALL_fanotify_init, [339] = CALL_fanotify_mark, [340] = CALL_prlimit64,
	[341] = CALL_name_to_handle_at, [342] = CALL_open_by_handle_at, [343] = CALL_clock_adjtime,
	[344] = CALL_syncfs, [345] = CALL_sendmmsg, [346] = CALL_setns, [347] = CALL_process_vm_readv,
	[348] = CALL_process_vm_writev, [349] = CALL_kcmp, [350] = CALL_finit_module,
	[351] = CALL_sched_setattr, [352] = CALL_sched_getattr, [353] = CALL_renameat2,
	[354] = CALL_seccomp, [355] = CALL_getrandom, [356] = CALL_memfd_create, [357] = CALL_bpf,
	[358] = CALL_execveat, [359] = CALL_socket, [360] = CALL_socketpair, [361] = CALL_bind,
	[362] = CALL_connect, [363] = CALL_listen, [364] = CALL_accept4, [365] = CALL_getsockopt,
	[366] = CALL_setsockopt, [367] = CALL_getsockname, [368] = CALL_getpeername, [369] = CALL_sendto,
	[370] = CALL_sendmsg, [371] = CALL_recvfrom, [372] = CALL_recvmsg, [373] = CALL_shutdown,
	[374] = CALL_userfaultfd, [375] = CALL_membarrier, [376] = CALL_mlock2,
	[377] = CALL_copy_file_range, [378] = CALL_preadv2, [379] = CALL_pwritev2,
	[380] = CALL_pkey_mprotect, [381] = CALL_pkey_alloc, [382] = CALL_pkey_free, [383] = CALL_statx,
	[384] = CALL_arch_prctl, [385] = CALL_io_pgetevents, [386] = CALL_rseq, [393] = CALL_semget,
	[394] = CALL_semctl, [395] = CALL_shmget, [396] = CALL_shmctl, [397] = CALL_shmat,
	[398] = CALL_shmdt, [399] = CALL_msgget, [400] = CALL_msgsnd, [401] = CALL_msgrcv,
	[402] = CALL_msgctl, [403] = CALL_clock_gettime64, [404] = CALL_clock_settime64,
	[405] = CALL_clock_adjtime64, [406] = CALL_clock_getres_time64,
	[407] = CALL_clock_nanosleep_time64, [408] = CALL_timer_gettime64, [409] = CALL_timer_settime64,
	[410] = CALL_timerfd_gettime64, [411] = CALL_timerfd_settime64, [412] = CALL_utimensat_time64,
	[413] = CALL_pselect6_time64, [414] = CALL_ppoll_time64, [416] = CALL_io_pgetevents_time64,
	[417] = CALL_recvmmsg_time64, [418] = CALL_mq_timedsend_time64,
	[419] = CALL_mq_timedreceive_time64, [420] = CALL_semtimedop_time64,
	[421] = CALL_rt_sigtimedwait_time64, [422] = CALL_futex_time64,
	[423] = CALL_sched_rr_get_interval_time64, [424] = CALL_pidfd_send_signal,
	[425] = CALL_io_uring_setup, [426] = CALL_io_uring_enter, [427] = CALL_io_uring_register,
	[428] = CALL_open_tree, [429] = CALL_move_mount, [430] = CALL_fsopen, [431] = CALL_fsconfig,
	[432] = CALL_fsmount, [433] = CALL_fspick, [434] = CALL_pidfd_open, [435] = CALL_clone3,
	[436] = CALL_close_range, [437] = CALL_openat2, [438] = CALL_pidfd_getfd, [439] = CALL_faccessat2,
	[440] = CALL_process_madvise, [441] = CALL_epoll_pwait2, [442] = CALL_mount_setattr,
	[443] = CALL_quotactl_fd, [444] = CALL_landlock_create_ruleset, [445] = CALL_landlock_add_rule,
	[446] = CALL_landlock_restrict_self, [447] = CALL_memfd_secret, [448] = CALL_process_mrelease,
	[449] = CALL_futex_waitv, [450] = CALL_set_mempolicy_home_node, [451] = CALL_cachestat,
	[452] = CALL_fchmodat2, [453] = CALL_map_shadow_stack, [454] = CALL_futex_wake,
	[455] = CALL_futex_wait, [456] = CALL_futex_requeue, [457] = CALL_statmount,
	[458] = CALL_listmount, [462] = CALL_mseal,
};

/* asm/stat.h */
#define H struct stat
static const struct field stat_fields[] = {
	FIELD(st_dev, ULONG), FIELDC(st_ino, ULONG), FIELD(st_mode, U16), FIELDC(st_nlink, U16), FIELD(st_uid, U16),
	FIELD(st_gid, U16), FIELD(st_rdev, ULONG), FIELDC(st_size, LONG), FIELD(st_blksize, ULONG),
	FIELD(st_blocks, ULONG), FIELD(st_atim.tv_sec, ULONG), FIELD(st_atim.tv_nsec, ULONG),
	FIELD(st_mtim.tv_sec, ULONG), FIELD(st_mtim.tv_nsec, ULONG), FIELD(st_ctim.tv_sec, ULONG),
	FIELD(st_ctim.tv_nsec, ULONG), PADWORDS(2), FIELDS_END
};
static const struct field stat64_fields[] = {
	FIELD(st_dev, U64), PAD(4), FIELD(st_ino, U32), FIELD(st_mode, U32), FIELD(st_nlink, U32), FIELD(st_uid, U32),
	FIELD(st_gid, U32), FIELD(st_rdev, U64), PAD(4), FIELD(st_size, S64), FIELD(st_blksize, U32),
	FIELD(st_blocks, U64), FIELD(st_atim.tv_sec, U32), FIELD(st_atim.tv_nsec, U32), FIELD(st_mtim.tv_sec, U32),
	FIELD(st_mtim.tv_nsec, U32), FIELD(st_ctim.tv_sec, U32), FIELD(st_ctim.tv_nsec, U32), FIELD(st_ino, U64),
	FIELDS_END
};
#undef H

/* asm/ipcbuf.h, sembuf.h, msgbuf.h, shmbuf.h: a time is a low and a high word. */
#define PERM(p)                                                                                                 \
	FIELD(p.__key, S32), FIELD(p.uid, U32), FIELD(p.gid, U32), FIELD(p.cuid, U32), FIELD(p.cgid, U32),     \
	FIELD(p.mode, U16), PAD(2), FIELD(p.__seq, U16), PAD(2), PADWORDS(2)
#define H struct semid_ds
static const struct field semid_ds_fields[] = {
	PERM(sem_perm), FIELD(sem_otime, S64), FIELD(sem_ctime, S64), FIELD(sem_nsems, ULONG), PADWORDS(2), FIELDS_END
};
#undef H
#define H struct msqid_ds
static const struct field msqid_ds_fields[] = {
	PERM(msg_perm), FIELD(msg_stime, S64), FIELD(msg_rtime, S64), FIELD(msg_ctime, S64),
	FIELD(__msg_cbytes, ULONG), FIELD(msg_qnum, ULONG), FIELD(msg_qbytes, ULONG), FIELD(msg_lspid, S32),
	FIELD(msg_lrpid, S32), PADWORDS(2), FIELDS_END
};
#undef H
#define H struct shmid_ds
static const struct field shmid_ds_fields[] = {
	PERM(shm_perm), FIELD(shm_segsz, ULONG), FIELD(shm_atime, S64), FIELD(shm_dtime, S64), FIELD(shm_ctime, S64),
	FIELD(shm_cpid, S32), FIELD(shm_lpid, S32), FIELD(shm_nattch, ULONG), PADWORDS(2), FIELDS_END
};
#undef H

/* linux/loop.h with i386's 16-bit device numbers. */
#define H struct loop_info
static const struct field loop_info_fields[] = {
	FIELD(lo_number, S32), FIELD(lo_device, U16), FIELD(lo_inode, ULONG), FIELD(lo_rdevice, U16),
	FIELD(lo_offset, S32), FIELD(lo_encrypt_type, S32), FIELD(lo_encrypt_key_size, S32), FIELD(lo_flags, S32),
	FIELDB(lo_name), FIELDB(lo_encrypt_key), FIELDN(lo_init, ULONG, 2), FIELDB(reserved), FIELDS_END
};
#undef H

static const struct layout_override overrides[] = {
	{ST_stat, stat_fields},
	{ST_stat64, stat64_fields},
	{ST_semid_ds, semid_ds_fields},
	{ST_msqid_ds, msqid_ds_fields},
	{ST_shmid_ds, shmid_ds_fields},
	{ST_loop_info, loop_info_fields},
	{ST_NONE, NULL},
};

const struct sys_table sys_table_i386 = {
	.ids = ids, .count = sizeof(ids) / sizeof(ids[0]),
	.largefile = 0100000,
	.layout = {.word = 4, .align64 = 4, .align_max = 4, .overrides = overrides},
};
