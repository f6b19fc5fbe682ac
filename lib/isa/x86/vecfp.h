/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SSE and AVX floating point: MXCSR to and from struct fpu_status, private to helper-fp*.c and helper-fma.c
 * (Intel SDM vol. 1, 11.5).
 */
#ifndef ISA_X86_VECFP_H
#define ISA_X86_VECFP_H
#include "isa/x86/vec.h"

static inline struct fpu_status x86_mxcsr_status(const struct x86_cpu *cpu)
{
	return (struct fpu_status){.round = cpu->mxcsr >> 13 & 3, .flush_inputs = cpu->mxcsr >> 6 & 1,
				   .flush = cpu->mxcsr >> 15 & 1 ? FPU_FLUSH_X86 : FPU_FLUSH_NONE,
				   .enabled = ~(cpu->mxcsr >> 7) & (FPU_OVERFLOW | FPU_UNDERFLOW)};
}

/*
 * Folds the flags of all lanes into MXCSR; #XM when one is unmasked, and then the caller's result is lost. An unmasked invalid,
 * denormal or divide exception of any lane hides what rounding would have raised.
 */
static inline void x86_mxcsr_commit(struct x86_cpu *cpu, const struct fpu_status *st)
{
	const uint32_t before = FPU_INVALID | FPU_DENORMAL | FPU_DIVZERO;
	uint32_t flags = st->flags & 0x3F, unmasked = flags & ~(cpu->mxcsr >> 7);

	if (unmasked & before)
		flags &= before;
	cpu->mxcsr |= flags;
	if (unmasked)
		x86_raise(cpu, 19, 0);
}

/* First source: the destination, or with VEX operand 1. Second: the one behind it. */
static inline unsigned x86_src1(const struct x86_insn *in) { return x86_is_vex(in) ? 1 : 0; }
#endif
