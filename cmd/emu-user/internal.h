/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of emu-user outside linux/ share with each other. */
#ifndef EMU_USER_INTERNAL_H
#define EMU_USER_INTERNAL_H
#include <stdio.h>
#include "user.h"
#include "vma.h"

#define PAGE 4096ull
#define PAGE_DOWN(x) ((x) & ~(PAGE - 1))
#define PAGE_UP(x) (((x) + PAGE - 1) & ~(PAGE - 1))
#define SIGBIT(sig) (1ull << ((sig) - 1))
/* The engine's answer to a store to a guarded page: drops its translations; async-signal-safe. */
bool jit_host_store_fault(struct jit *j, struct cpu *c, uint64_t addr, void *ucontext);

#define SIGNAL_KICK 64 /* ours when it carries kick_cookie; the guest's otherwise */

/* host-x86-64.c: code whose pc the signal handler knows. */
int64_t user_copy(void *to, const void *from, size_t n);                 /* 0 or -EFAULT */
int64_t user_copy_string(void *to, const void *from, size_t size);       /* length, -EFAULT, -ENAMETOOLONG */
int64_t user_blocking_stub(volatile uint32_t *ready, long nr, long a, long b, long c, long d, long e, long f);
int64_t user_cas32(uint32_t *at, uint32_t *expected, uint32_t desired);  /* 1 done, 0 differs (*expected set), -EFAULT */
/* A fault at pc inside one of the copies: where to go on. 0: not ours. */
uintptr_t user_copy_fixup(uintptr_t pc);
/* Is pc in the part of the blocking stub where the call has not begun (or will be restarted)? Where to go on; 0: no. */
uintptr_t user_blocking_fixup(uintptr_t pc);
void user_signal_restorer(void);

/* mmap.c */
int mm_init(struct process *p, struct err *e);
/* Maps guest memory as the kernel would, for the loader: addr is used as it is with fixed. Address or -errno. */
int64_t mm_map(struct process *p, uint64_t addr, uint64_t len, int prot, int flags, int fd, uint64_t offset);
/* Gives the host the protection that belongs to [start, end) of v. Under mm_lock. */
void mm_restore_prot(struct process *p, const struct vma *v, uint64_t start, uint64_t end);
bool mm_is_mapped(struct process *p, uint64_t addr);
int mm_unmap(struct process *p, uint64_t addr, uint64_t len);
int mm_protect(struct process *p, uint64_t addr, uint64_t len, int prot);
/* Enters a mapping that the host made (the vdso). */
int mm_adopt(struct process *p, uint64_t start, uint64_t len, int prot, uint32_t flags);
void mm_code_pages(void *opaque, uint64_t start, uint64_t len);
bool mm_changes_unseen(void *opaque, uint64_t page);
size_t mm_fetch_extent(void *opaque, uint64_t addr, size_t want);
/* A store faulted at addr. True: the page was guarded for its translations only and is writable now. */
bool mm_store_fault(struct thread *t, uint64_t addr, void *ucontext);
void mm_fork_prepare(struct process *p);
void mm_fork_done(struct process *p, bool child);
void shm_forget_all(struct process *p);

/* elf.c */
struct image {
	char *path;          /* absolute path of what was loaded */
	char *interp;        /* PT_INTERP, NULL: none */
	const struct abi *abi;
	uint64_t entry, base, phdr, phnum, phent;
	uint64_t low, high;  /* first and last byte + 1 of all segments */
	uint64_t start_code, end_code, start_data, end_data;
	uint32_t flags;      /* e_flags */
	bool executable_stack;
	int fd;
};
/* Reads and checks the header of fd. Fills abi and interp; -ENOEXEC with a sentence. */
int elf_inspect(int fd, const char *path, struct image *im, struct err *e);
int elf_load(struct process *p, struct image *im, bool is_interp, struct err *e);
void elf_image_free(struct image *im);
/*
 * Resolves a program as execve does: follows #! lines (argv grows), opens, checks permission. On success im->fd is
 * the open ELF file, *argv a new vector. Returns 0 or -errno with a sentence.
 */
int program_resolve(int dirfd, const char *path, int exec_fd, char ***argv, struct image *im, struct err *e);

int program_check_interp(struct process *p, const struct image *im, struct err *e);
char **program_copy_vector(char *const *v);
void program_free_vector(char **v);
const struct abi *abi_by_name(const char *name);
/* argv0: how the emulator was called; "qemu-NAME" prefers NAME among those that an ELF header fits. */
void abi_prefer(const char *argv0);

/* stack.c */
int stack_build(struct process *p, struct thread *t, const struct image *main, uint64_t interp_base,
		char **argv, char **envp, uint64_t *sp, struct err *e);

/* loop.c */
_Noreturn void thread_loop(struct thread *t);

/* thread.c */
struct thread *thread_new(struct process *p, struct cpu *cpu);
int thread_host_setup(struct thread *t);   /* alternate stack, current-thread pointer; on the thread itself */
void thread_free(struct thread *t);
void thread_set_current(struct thread *t);
void thread_kick(struct thread *t);
/*
 * Before the process ends with a core dump: every other thread comes to rest for good, registers in its state; those that do
 * not within half a second are left alone. A second caller does not come back.
 */
void threads_freeze(struct thread *t);
_Noreturn void threads_park(struct thread *t);
_Noreturn void thread_exit(struct thread *t, int status);

/* signal.c */
int signal_init(struct process *p, struct err *e);
void signal_deliver(struct thread *t);
void signal_force(struct thread *t, int sig, const siginfo_t *si);
/* The stack for a handler: the alternate one when asked for and not in use, else sp. */
uint64_t signal_stack(struct thread *t, const struct user_action *a, uint64_t sp);
bool signal_on_altstack(struct thread *t, uint64_t sp);
void signal_set_mask(struct thread *t, uint64_t mask);
void signal_reinstall(struct process *p);
void signal_exec_reset(struct process *p);
void signal_exec_failed(struct thread *t);
int signal_change_action(struct thread *t, int sig, const struct user_action *new, struct user_action *old);
/* The signals kept because the guest blocks them; taking one that is in set. */
uint64_t signal_held(struct thread *t);
bool signal_take_held(struct thread *t, uint64_t set, siginfo_t *si);

/* report.c, core.c */
void report_crash(struct thread *t, int sig, const siginfo_t *si);
bool core_dump(struct thread *t, int sig, const siginfo_t *si);
extern const char *const signal_names[65];

/* exec.c */
int exec_save_options(struct process *p, const char *argv0);

/* proc.c */
void proc_describe(struct process *p);
int proc_maps_text(struct process *p, FILE *f, bool smaps);

/* vdso */
const void *vdso_i386(size_t *size);

/* gdb.c */
int gdb_start(struct process *p, const char *where, struct err *e);
bool gdb_attached(void);
bool gdb_fd_is(int fd);
/* Reports a stop (sig 0: a plain TRAP_DEBUG) and waits for the debugger; returns the signal to go on with, 0: none. */
int gdb_stop(struct thread *t, int sig, const siginfo_t *si);
void gdb_exit(int status, bool by_signal);
void gdb_forked(struct process *p);
#endif
