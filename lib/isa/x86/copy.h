/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The copying translator: x86 guests in user mode on an x86-64 host. What its files share.
 *
 * Theory of operation
 *
 * A 64-bit guest's registers, flags and vectors are in the same-named registers of the host, so that nearly every instruction
 * is its own translation. GS points to struct x86_cpu. Rewritten are: branches, rip-relative addresses out of reach,
 * fs: and gs: addresses, calls (the return address is the guest's) and returns. A rewritten instruction that needs a
 * register spills it to gs:[spill]; it never touches memory below rsp and never changes EFLAGS.
 *
 * Leaving translated code: a stub stores the number of its exit and enters a thunk.
 *   link      caller-saved registers and flags are saved, x86_engine_link() finds or translates the target, patches,
 *             and everything is loaded again. Vectors stay where they are: the C code there uses none.
 *   miss      the same for an indirect jump that found no, or another's, table entry.
 *   exit      all state goes to struct x86_cpu, x86_enter() returns (system calls, emulation).
 *   leave     the same, from a signal handler that has already taken the general registers from its context.
 *
 * Indirect jumps index gs:[X86_TABLE] with the low bits of the guest address and jump to what is there: a verifying entry,
 * which compares the full address and goes to the body, or to the miss thunk. They spill rcx to spill[0] and r11 to spill[1],
 * which by the ABI carry nothing at a return, so that nothing waits for them; the verifying entry loads them back.
 */
#ifndef ISA_X86_COPY_H
#define ISA_X86_COPY_H
#include "isa/x86/cpu.h"
#include "jit/engine.h"

/* Where the indirect table is mapped behind the start of struct x86_cpu. */
#define X86_TABLE 8192
_Static_assert(sizeof(struct x86_cpu) <= X86_TABLE, "the processor's state reaches into the indirect table");

#define OFF(field) ((uint32_t)__builtin_offsetof(struct x86_cpu, field))

enum x86_thunk { /* indices of jit->thunk[]: offsets in the cache */
	T_ENTER,      /* C: uint32_t enter(void) */
	T_LINK, T_MISS,
	T_MISS_VERIFY,/* a verifying entry that does not match: rcx = wanted - pc, r11 = -pc */
	T_CHECK,      /* the start of a region whose page is written again and again */
	T_EXIT, T_PENDING, T_RETRY, T_LEAVE,
	/* Ranges where the state is on its way in, behind the test of cpu->pending. */
	T_IN1_START, T_IN1_END, T_IN2_START, T_IN2_END,
};

enum x86_left { X86_LEFT_EXIT, X86_LEFT_PENDING, X86_LEFT_RETRY, X86_LEFT_FAULT };

/* Kinds of exits, jit_exit.kind. All but BRANCH go through T_EXIT to x86_run(). */
enum x86_exit {
	X86_EXIT_BRANCH,
	X86_EXIT_SYSCALL,  /* SYSCALL was executed; target is the next instruction */
	X86_EXIT_EMULATE,  /* the instruction at target is for C */
	X86_EXIT_STEP,     /* one instruction was done, go on at target */
	X86_EXIT_STEP_IND, /* the same, at h.target */
	X86_EXIT_CHECK,    /* not an exit: the stub at the start of a region with JIT_REGION_CHECKED, goes to T_CHECK */
};

/* thunk.c: writes the thunks into the cache, once. Held: lock. */
int x86_thunks_make(struct jit *j, struct err *e);

/*
 * copy.c: translates from pc, c's mode. Held: lock; jit_reserve() was called; jit_fetchable(j, pc) is not 0. indirect: it gets a
 * verifying entry.
 */
uint32_t x86_translate(struct jit *j, struct x86_cpu *c, uint64_t pc, uint8_t flags, bool indirect);
/* The verifying entry of a region: its offset. */
uint32_t x86_verify_entry(struct jit *j, uint32_t region);

jit_stub_fn x86_stub;

/* log.c: -d in_asm, out_asm for the region just made. */
jit_safe_call_fn x86_log_region;

/* link.c */
uint64_t x86_engine_link(struct x86_cpu *c);
uint64_t x86_engine_miss(struct x86_cpu *c);
uint64_t x86_engine_check(struct x86_cpu *c);
/* The entry of the dead region h.trapped was run into. */
void x86_engine_trapped(struct x86_cpu *c);
/* The host address of the translation of c->rip, for entering; 0: rip cannot be fetched. Sets h.jc.inside. */
uint64_t x86_engine_find(struct x86_cpu *c, bool step);

/*
 * One guest instruction of a region: its length in the guest and in the host, and which registers are in spill slots
 * while it runs. In jit->delta: the guest's length alone where the host's is the same and nothing is spilled;
 * else X86_DELTA_LONG | guest length, host length, fixup. 0 ends the list.
 */
#define X86_DELTA_LONG 0x80
/* Behind that, for JIT_REGION_CHECKED: guest_len bytes of source. The region's code begins with a stub of this size. */
#define X86_STUB_BYTES 17
#define X86_FIX_NONE 0x44 /* low nibble: register in spill[0], high: in spill[1]; 4 (rsp is never spilled): none */

/* emulate.c: the instruction at c->rip, in C. TRAP_NONE when done (rip is behind it), else c->trap is filled. */
enum trap_kind x86_emulate(struct x86_cpu *c);
/* run.c: an exception of the guest's at c->rip. Returns TRAP_EXCEPTION. */
enum trap_kind x86_exception(struct x86_cpu *c, int vector, uint64_t error_code);
enum trap_kind x86_fetch_fault(struct x86_cpu *c, uint64_t addr);

/* fault.c */
bool x86_host_fault(struct cpu *c, int sig, siginfo_t *si, void *ucontext);
bool x86_store_fault(struct cpu *c, uint64_t addr, void *ucontext);
void x86_interrupt(struct cpu *c, void *ucontext);
#endif
