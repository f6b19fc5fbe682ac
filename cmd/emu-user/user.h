/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * emu-user: one foreign Linux program run as a host process. This header is the contract between its files.
 *
 * Theory of operation
 *
 * One host process holds one guest process, one host thread (a pthread) each guest thread. A guest address G is
 * the host address G + guest_base; guest_base is 0 wherever the layout allows, always for x86. The emulator's own
 * mappings are never handed to the guest: every guest mapping is in the tree of mmap.c, and a MAP_FIXED request
 * that would touch anything else is refused.
 *
 * thread_loop(): isa->run() → TRAP_SYSCALL → sys_dispatch() → handler → result into the guest's register; then pending
 * signals are delivered; then run() again. A handler gets the six raw register values and returns a result or -errno.
 *
 * Signals. The host's mask of a guest thread is the guest's mask (less the signals that user_signal_never_blocked()
 * names), so queueing, order and counts are the kernel's. The host handler of an asynchronous signal stores it in the
 * thread, has *all* signals blocked on its return, and asks the engine to leave at the next instruction; the loop
 * builds the guest's frame and restores the mask. So at most one signal is ever between kernel and guest.
 *
 * Blocking calls. A handler that may sleep uses user_blocking(): it issues the host call with the guarantee that
 * a signal that came before the call began makes it return without sleeping. Its result -ERESTARTSYS (512) means
 * "the kernel would have restarted this call", -EINTR "this call is never restarted". A handler passes both on unchanged; the loop
 * restarts (pc back onto the system-call instruction) or turns 512 into EINTR, as SA_RESTART of the guest's handler says.
 */
#ifndef EMU_USER_H
#define EMU_USER_H
#include <elf.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include "base/err.h"
#include "base/log.h"
#include "base/opt.h"
#include "jit/isa.h"

/* These never reach the guest. */
#define ERESTARTSYS 512    /* restart if the signal's handler says SA_RESTART, else EINTR */
#define ERESTARTNOINTR 513 /* restart always: the signal comes first, then the call */
/* A handler that changed the whole register state (sigreturn, execve that failed late) returns this: no result is stored. */
#define USER_NO_RESULT INT64_MIN

struct thread;
struct process;
struct abi;

/* ---- system calls ------------------------------------------------------------------------------------- */

typedef int64_t sys_handler(struct thread *t, const uint64_t *arg);

/*
 * linux/calls.def has one row for each call of any architecture (name, handler, kinds of the arguments); a sys_table
 * (abi/NAME-calls.c) has the numbers of one architecture. Both are linux/linux.h's business. A handler gets logical
 * arguments: words of a 32-bit guest are widened by their kind, a 64-bit argument in two registers is one.
 */
struct sys_table;
struct call;
struct linux_state;

/* Finds the row, prints the -strace lines, calls the handler. `arg`: raw registers. Unknown numbers: logged once, -ENOSYS. */
int64_t sys_dispatch(struct thread *t, const struct sys_table *table, uint32_t number, const uint64_t *arg);
/* In the child of a fork: another thread may have held the locks of linux/. */
void linux_fork_child(struct process *p);
extern const struct sys_table sys_table_x86_64, sys_table_i386, sys_table_aarch64, sys_table_aarch64_be;

/*
 * Hooks that linux/ calls.
 *   user_proc_open: openat's /proc/self/… as the guest would see it. Returns an fd >= 0, -errno, or -ENOTSUP: "not mine".
 *   user_proc_own: may a path relative to dirfd name one of these? Then it is in `full`, from /proc on.
 *   user_proc_readlink: the same for readlink (exe, cwd is not ours). Length, -errno or -ENOTSUP.
 *   user_fd_reserved: the emulator's own descriptor (log file, gdb socket): close, dup2 onto it, close_range must spare it.
 */
int user_proc_open(struct thread *t, const char *path, int flags, int mode);
/* Before a call that may change the root directory: execve must find this emulator again. */
void user_root_changes(struct thread *t);
/* The limits of address space that the program set, as text for -spacelimits; false: none. */
bool linux_space_limits(const struct process *p, char *text, size_t size);
bool user_proc_own(int dirfd, const char *path, char *full, size_t size);
int64_t user_proc_readlink(struct thread *t, const char *path, char *buf, size_t size);
bool user_fd_reserved(int fd);
/* -L: PREFIX/path when path is absolute and that file is there, else path itself. `out` is scratch room. */
const char *user_prefix_path(struct process *p, const char *path, char *out, size_t size);

/*
 * A host system call that may sleep (see above). nr is the host's number. Result or -errno, -ERESTARTSYS included.
 * Pointers are host addresses. Where the call changes the signal mask while it waits (ppoll, pselect6, rt_sigsuspend,
 * epoll_pwait …) bracket it: user_temp_mask() gives the host mask to pass and remembers the guest's for the frame.
 */
#define user_blocking(t, nr, ...) USER_BLOCKING_(t, nr, ##__VA_ARGS__, 0, 0, 0, 0, 0, 0)
#define USER_BLOCKING_(t, nr, a, b, c, d, e, f, ...)                                                                   \
	user_blocking_call(t, nr, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))
int64_t user_blocking_call(struct thread *t, long nr, long a, long b, long c, long d, long e, long f);
uint64_t user_temp_mask(struct thread *t, uint64_t guest_mask);

/* ---- guest memory --------------------------------------------------------------------------------------- */

/* All return 0 or -EFAULT; nothing crashes on a bad address, and a store to translated code is noticed. */
int user_read(struct thread *t, void *to, uint64_t from, size_t n);
int user_write(struct thread *t, uint64_t to, const void *from, size_t n);
int user_zero(struct thread *t, uint64_t to, size_t n);
/* A NUL-terminated string. Length without the NUL, -EFAULT, or -ENAMETOOLONG when no NUL is among the first size bytes. */
int64_t user_read_string(struct thread *t, char *to, uint64_t from, size_t size);
/* A copy in malloc'ed memory, at most max bytes with the NUL; NULL with *error = -EFAULT, -E2BIG or -ENOMEM. */
char *user_dup_string(struct thread *t, uint64_t from, size_t max, int *error);
/* Guest-order integers. */
int user_read_u32(struct thread *t, uint32_t *to, uint64_t from);
int user_write_u32(struct thread *t, uint64_t to, uint32_t value);
int user_read_u64(struct thread *t, uint64_t *to, uint64_t from);
int user_write_u64(struct thread *t, uint64_t to, uint64_t value);
/* A guest `unsigned long` or pointer: 4 or 8 bytes as the ABI has it. */
int user_read_word(struct thread *t, uint64_t *to, uint64_t from);
int user_write_word(struct thread *t, uint64_t to, uint64_t value);

/*
 * The host address of a guest range, for handing to the host kernel, which checks it (EFAULT). NULL for guest 0.
 * Before a call that lets the *kernel* store there, user_will_write() makes pages that are write-protected only because
 * they hold translated code writable again and drops their translations. One compare in the common case.
 */
void *user_host(struct thread *t, uint64_t addr);
uint64_t user_guest(struct thread *t, const void *host);
void user_will_write_slow(struct thread *t, uint64_t addr, size_t n);

/* ---- the process ------------------------------------------------------------------------------------------ */

struct user_options {
	const char *prefix;        /* -L; NULL: none given */
	const char *cpu_model;     /* -cpu */
	uint64_t stack_size;       /* -s; 0: RLIMIT_STACK */
	uint64_t guest_base;       /* -B */
	uint64_t reserved_va;      /* -R */
	uint64_t page_size;        /* -p; 0: the guest's own */
	const char *log_items;     /* -d */
	const char *log_path;      /* -D */
	const char *argv0;         /* -0 */
	const char *release;       /* -r */
	const char *gdb;           /* -g */
	const char *trace;         /* -trace */
	const char *seed;          /* -seed */
	bool strace;               /* -strace */
	bool one_insn;             /* -singlestep */
	int accel;                 /* enum jit_accel */
	int64_t exec_fd;           /* -execfd (internal): the program's descriptor, -1 */
	int64_t self_fd;           /* -selffd (internal): this emulator's own descriptor, -1 */
	const char *space_limits;  /* -spacelimits (internal): what such a program set, proc_space_limits() */
	const char *initial_mask;  /* -sigmask (internal): the signal mask of a program that was run by execve */
	struct opt_list set_env, unset_env; /* -E, -U */
};

struct vma; /* mmap.c */

/* Signal actions, [1..64]. A vfork child has a copy of its own while it shares everything else. */
struct user_sighand {
	pthread_mutex_t lock;
	struct user_action {
		uint64_t handler;  /* 0 SIG_DFL, 1 SIG_IGN */
		uint64_t flags, restorer;
		uint64_t mask;     /* bit n-1: signal n */
	} action[65];
};

struct process {
	const struct abi *abi;
	struct jit *jit;
	struct user_options options;
	char *emu_path;            /* this emulator's own file, for execve, */
	int emu_fd;                /* and its descriptor once the root directory has changed; -1 */
	bool by_kernel;            /* binfmt_misc ran us, and would run what the guest runs */
	char **emu_argv;           /* words that start it again with the same options (exec.c) */
	const char *execfn;        /* the name given to execve (AT_EXECFN) */
	char *exe_path;            /* absolute, as /proc/self/exe shows it */
	uint64_t guest_base;
	uint64_t page_size;        /* of the guest, >= the host's */

	/* address space: mm_lock guards these and the tree */
	pthread_mutex_t mm_lock;
	struct vma *vma_root;
	uint64_t mmap_base, mmap_min, task_size;
	uint64_t brk_start, brk;
	volatile uint32_t protected_pages; /* pages write-protected because of translations */
	bool read_implies_exec;    /* an old i386 program: readable memory is executable */
	bool proc_described;       /* the kernel shows the guest's arguments and image in /proc */
	bool lock_future;          /* mlockall(MCL_FUTURE) */
	struct x86_seg_table *ldt; /* x86: modify_ldt's */
	struct shm_segment *shm;   /* attached System V segments */

	uint64_t start_code, end_code, start_data, end_data, start_stack, stack_low;
	uint64_t arg_start, arg_end, env_start, env_end, entry, vdso, sysinfo;
	uint64_t entry_base;       /* load address - link address of the image that the entry point lies in */
	bool elf_v2;               /* PowerPC64: no function descriptors */
	uint64_t signal_return, rt_signal_return; /* in the vdso: where frames without SA_RESTORER return to */
	uint8_t auxv[512];         /* as on the guest's stack */
	size_t auxv_size;

	struct linux_state *linux_state; /* linux/calls.c; NULL until the first call */

	/* threads */
	pthread_mutex_t thread_lock;
	struct thread *threads;    /* list */
	struct user_sighand sighand;
	unsigned thread_count, next_index;
	struct debug *gdb;          /* -g; NULL: no debugger */
	volatile bool stop_request; /* the debugger wants every thread to come to gdb_stop(), or: */
	struct thread *volatile dying; /* every thread but this one stops for good: the process ends with a core dump */
};

struct user_altstack {
	uint64_t sp, size;
	uint32_t flags;
};

struct user_pending {
	siginfo_t si;
	volatile bool set; /* a signal handler of this thread writes it */
};

struct thread {
	struct process *process;
	struct cpu *cpu;
	struct user_sighand *sighand;
	struct thread *next, *prev;
	pid_t tid;                      /* host and guest number */
	pid_t group;                    /* the process it belongs to: another than its neighbours' after CLONE_VM */
	volatile uint32_t signal_ready; /* a captured signal waits for delivery (read by user_blocking's stub) */
	volatile bool kicked;           /* the emulator itself interrupted the thread; its call shall not show it */
	volatile bool parked;           /* stopped for good, all its registers are in the state */
	bool vfork_child;               /* shares the parent's memory until execve or exit */
	bool exiting;
	uint64_t mask;                  /* the guest's blocked signals, bit n-1: signal n */
	uint64_t saved_mask;            /* mask to go into the frame after a call with a mask of its own */
	bool saved_mask_set;
	struct user_altstack altstack;
	uint64_t clear_child_tid;
	uint64_t robust_list, robust_size;
	struct user_pending pending;    /* the one captured signal */
	struct user_pending held[8];    /* never-host-blocked signals that the guest blocks */
	uint32_t syscall_number;        /* of the call in progress; restart needs it */
	int restart;                    /* 0, ERESTARTSYS or ERESTARTNOINTR: the call waits for the decision */
	bool host_is_main;              /* runs on the process's first host thread */
	void *exit_jump;                /* where a created host thread ends (jmp_buf) */
	void *host_stack;               /* sigaltstack of the host thread */
	size_t host_stack_size;
	const struct call *call;        /* linux/: row of the call in progress */
	uint64_t last_fault[2];         /* pc and address of the last store fault that was retried */
};

static inline void user_will_write(struct thread *t, uint64_t addr, size_t n)
{
	if (__builtin_expect(t->process->protected_pages != 0, 0))
		user_will_write_slow(t, addr, n);
}

extern struct process *the_process; /* for host signal handlers only */
struct thread *user_current(void);  /* async-signal-safe; NULL on a thread that runs no guest */

/* ---- handlers that live outside linux/ -------------------------------------------------------------------- */

/* mmap.c */
sys_handler sys_mmap, sys_mmap2, sys_old_mmap, sys_munmap, sys_mprotect, sys_pkey_mprotect, sys_mremap, sys_brk, sys_madvise,
	sys_msync, sys_mlock, sys_mlock2, sys_munlock, sys_mlockall, sys_munlockall, sys_mincore, sys_shmat, sys_shmdt,
	sys_remap_file_pages;
/* signal.c */
sys_handler sys_rt_sigaction, sys_rt_sigprocmask, sys_rt_sigpending, sys_rt_sigsuspend, sys_rt_sigreturn, sys_sigaltstack,
	sys_rt_sigtimedwait, sys_rt_sigtimedwait_time64, sys_rt_sigqueueinfo, sys_rt_tgsigqueueinfo, sys_kill, sys_tkill,
	sys_tgkill, sys_pause, sys_sigaction, sys_signal, sys_sigprocmask, sys_sigpending, sys_sigsuspend, sys_sigreturn,
	sys_ssetmask, sys_sgetmask;
/* thread.c */
sys_handler sys_clone, sys_clone3, sys_fork, sys_vfork, sys_exit, sys_exit_group, sys_set_tid_address, sys_set_robust_list,
	sys_get_robust_list, sys_gettid, sys_set_thread_area, sys_get_thread_area, sys_modify_ldt, sys_arch_prctl;
/* exec.c */
sys_handler sys_execve, sys_execveat;
/* prctl calls that concern memory or signals (PR_SET_MM, PR_SET_VMA, …): -ENOTSUP means "pass it to the host". */
int64_t user_prctl(struct thread *t, const uint64_t *arg);

/* ---- signals and threads, for linux/ --------------------------------------------------------------------- */

bool user_signal_never_blocked(int sig);
/* The guest's mask as the host shall have it. */
uint64_t user_host_mask(uint64_t guest_mask);
/* guest siginfo ↔ host siginfo at a guest address (waitid, sigtimedwait, signalfd): the ABI's layout. 0 or -EFAULT. */
int user_write_siginfo(struct thread *t, uint64_t to, const siginfo_t *si);
int user_read_siginfo(struct thread *t, siginfo_t *si, uint64_t from);
/* Ends the process as the guest asked. Flushes logs. */
_Noreturn void user_exit_group(struct thread *t, int status);
/* The guest process dies of sig: report, core dump, the same signal for the host process. */
_Noreturn void user_die(struct thread *t, int sig, const siginfo_t *si);

/* ---- one guest architecture (abi/NAME.c) ------------------------------------------------------------------- */

struct user_clone_args {
	uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size, cgroup;
};

struct abi {
	const char *name;             /* "x86_64" */
	const struct isa *isa;
	uint16_t machine;             /* EM_… */
	uint8_t elf_class, elf_data;  /* ELFCLASS64, ELFDATA2LSB */
	const struct sys_table *calls;
	unsigned word;                /* bytes of a long: 4 or 8 */
	const char *platform;         /* AT_PLATFORM and uname's machine */
	uint64_t page_size;
	/* layout of a fresh address space */
	uint64_t task_size, stack_top, mmap_top, pie_base;
	uint64_t cache_hint; /* where the code cache should be, so that most guest code is within 2 GB of it; 0: anywhere */

	void (*init)(struct cpu *c, uint64_t entry, uint64_t sp);
	uint32_t (*syscall_args)(struct cpu *c, uint64_t arg[6]); /* returns the number */
	void (*syscall_result)(struct cpu *c, int64_t value);
	void (*syscall_restart)(struct cpu *c, uint32_t number);  /* pc back, number register restored */
	uint64_t (*get_sp)(struct cpu *c);
	bool clone_tls_fourth; /* clone(flags, stack, ptid, tls, ctid), not (…, ctid, tls) */
	void (*clone_regs)(struct cpu *child, uint64_t sp);       /* result 0, new stack unless sp is 0 */
	int (*set_tls)(struct thread *t, struct cpu *child, uint64_t tls);
	/* Builds the frame of sig at the right stack; 0 or -EFAULT (→ SIGSEGV). mask: the one to restore at return. */
	int (*signal_frame)(struct thread *t, const struct user_action *a, const siginfo_t *si, uint64_t mask);
	int64_t (*sigreturn)(struct thread *t, bool rt);
	/* A TRAP_EXCEPTION as the kernel of that architecture would report it. Returns the signal. */
	int (*exception)(struct thread *t, const struct trap *trap, siginfo_t *si);
	int (*write_siginfo)(struct thread *t, uint64_t to, const siginfo_t *si);
	int (*read_siginfo)(struct thread *t, siginfo_t *si, uint64_t from);
	/* hwcaps for the auxiliary vector */
	void (*hwcap)(struct cpu *c, uint64_t *hwcap, uint64_t *hwcap2);
	const char *(*cpu_platform)(struct cpu *c);               /* AT_PLATFORM where it is the model's; NULL: .platform */
	unsigned (*aux)(struct cpu *c, uint64_t *aux);            /* more entries of the auxiliary vector, at most 16 words; may be NULL */
	void (*cpuinfo)(struct cpu *c, unsigned processors, FILE *out); /* /proc/cpuinfo; NULL: the host's own will do */
	/* the image of the guest's vdso, NULL: none */
	const void *(*vdso)(struct process *p, size_t *size);
	bool vdso_is_host; /* it is the host's own, where it lies */
	/* After the vdso is mapped at base: addresses that signal frames need. */
	void (*vdso_mapped)(struct process *p, uint64_t base);
	/* Core dump: general registers as NT_PRSTATUS has them; returns bytes. Then the floating-point notes. */
	size_t (*core_gregs)(struct cpu *c, void *buf, size_t size);
	size_t (*core_fpregs)(struct cpu *c, void *buf, size_t size);
	size_t (*core_xstate)(struct cpu *c, void *buf, size_t size);
	/* Note number `which` of further registers, owner LINUX: its type and bytes; 0: there are no more. May be NULL. */
	size_t (*core_more)(struct cpu *c, unsigned which, uint32_t *type, void *buf, size_t size);
	/* prctl operations of this architecture alone; -ENOTSUP: it is none. May be NULL. */
	int64_t (*prctl)(struct thread *t, const uint64_t *arg);
};

extern const struct abi abi_x86_64, abi_i386, abi_aarch64, abi_aarch64_be, abi_ppc, abi_ppc64, abi_ppc64le, abi_ppc64abi32;
/* The record for an ELF header, or NULL. */
const struct abi *abi_find(uint16_t machine, uint8_t elf_class, uint8_t elf_data);

#endif
