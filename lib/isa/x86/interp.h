/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * T0 for x86: one guest instruction through decode, IR and the IR interpreter. It is the oracle, the way around what
 * cannot be copied, and -accel interp.
 */
#ifndef ISA_X86_INTERP_H
#define ISA_X86_INTERP_H
#include "isa/x86/cpu.h"

/*
 * Runs exactly one instruction at cpu->rip (one iteration of a rep string instruction counts as one and leaves rip there
 * when more are to come). State is in struct x86_cpu (x86_fpu_sync() was called). Returns TRAP_NONE when it completed;
 * else cpu->cpu.trap is filled: TRAP_SYSCALL (rip behind it), TRAP_EXCEPTION (a fault: all registers as before).
 */
enum trap_kind x86_interp_one(struct x86_cpu *cpu);

/*
 * Runs up to `blocks` blocks of code (blocks.c), each decoded once, until something traps or cpu->pending is set. As
 * x86_interp_one() otherwise; needs cpu->cpu.jit.
 */
enum trap_kind x86_interp_run(struct x86_cpu *cpu, unsigned blocks);

/*
 * For the engine's host_fault(): a host signal arrived while cpu->fault_return != NULL, that is inside a guest memory
 * access of T0 or of a helper. Fills cpu->cpu.trap and edits the ucontext so that x86_interp_one() returns
 * TRAP_EXCEPTION when the handler returns. Async-signal-safe. Returns false when T0 was not running.
 */
bool x86_interp_fault(struct x86_cpu *cpu, int sig, siginfo_t *si, void *ucontext);
#endif
