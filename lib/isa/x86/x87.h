/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The x87 stack in struct x86_cpu.fx, private to helper-x87*.c and helper-mmx.c. fx is an FXSAVE image: st[] is relative to
 * TOP, ftw is indexed by physical register.
 */
#ifndef ISA_X86_X87_H
#define ISA_X86_X87_H
#include "fpu/fpu.h"
#include "isa/x86/helpers.h"

/* Status word (SDM vol. 1, 8.1.3); bits 0 to 5 are enum fpu_flag's. */
#define X87_EXCEPTIONS 0x003fu
#define X87_SF 0x0040u
#define X87_ES 0x0080u
#define X87_C0 0x0100u
#define X87_C1 0x0200u
#define X87_C2 0x0400u
#define X87_TOP 0x3800u
#define X87_C3 0x4000u
#define X87_B 0x8000u

static inline unsigned x87_top(const struct x86_cpu *cpu) { return cpu->fx.fsw >> 11 & 7; }
static inline void x87_set_top(struct x86_cpu *cpu, unsigned top)
{
	cpu->fx.fsw = (uint16_t)((cpu->fx.fsw & ~X87_TOP) | (top & 7) << 11);
}
static inline bool x87_empty(const struct x86_cpu *cpu, unsigned i)
{
	return !(cpu->fx.ftw >> ((x87_top(cpu) + i) & 7) & 1);
}
static inline f80 x87_get(const struct x86_cpu *cpu, unsigned i)
{
	return (f80){cpu->fx.st[i & 7].mantissa, cpu->fx.st[i & 7].exponent};
}
static inline void x87_put(struct x86_cpu *cpu, unsigned i, f80 v)
{
	cpu->fx.st[i & 7].mantissa = v.sig;
	cpu->fx.st[i & 7].exponent = v.se;
	cpu->fx.ftw |= (uint8_t)(1u << ((x87_top(cpu) + i) & 7));
}
#define X87_INDEFINITE ((f80){0xC000000000000000u, 0xFFFF})

/* #MF when an unmasked exception is pending: every waiting instruction starts with it. */
void x87_wait(struct x86_cpu *cpu);
/* Sets ES and B from the exception flags and masks. */
void x87_summary(struct x86_cpu *cpu);
/* Rotates the register image so that TOP becomes `top`; tags stay with their physical registers. */
void x87_rotate(struct x86_cpu *cpu, unsigned top);
void x87_pop(struct x86_cpu *cpu);
struct fpu_status x87_status(const struct x86_cpu *cpu);
/*
 * Folds an operation's flags into the status word, C1 from FPU_ROUNDED_UP. Returns false when an unmasked exception of
 * the kind found before the operation (invalid, denormal, zero-divide) forbids any result.
 */
bool x87_commit(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea, const struct fpu_status *st);
/* A stack fault: overflow sets C1. Returns whether it is masked (the result is then the indefinite). */
bool x87_stack_fault(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea, bool overflow);
void x87_push(struct x86_cpu *cpu, f80 v);
/* The common start of a non-control instruction, after the wait and all reads of memory: fip, and C1 cleared. */
void x87_begin(struct x86_cpu *cpu);

/* A store of several words that may cross into a page which cannot be written: then nothing is stored. */
static inline void x86_store(struct x86_cpu *cpu, uint64_t addr, const void *from, unsigned size)
{
	if (size > 1 && (addr & 4095) + size > 4096)
		x86_mem_probe_write(cpu, addr, size);
	x86_mem_write(cpu, addr, from, size);
}

/* MMX: physical registers, TOP 0, all valid (SDM vol. 1, 9.5.1). mmx_enter() is the transition. */
void x86_mmx_enter(struct x86_cpu *cpu);
static inline uint64_t x86_mmx_get(const struct x86_cpu *cpu, unsigned n)
{
	return cpu->fx.st[(n - x87_top(cpu)) & 7].mantissa;
}
#endif
