/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The shapes that vector helpers share, private to helper-*.c. An operation is a function on lanes of `bytes` 8 (MMX), 16
 * or 32; whatever works "within 128-bit lanes" walks them itself. d never aliases a source.
 */
#ifndef ISA_X86_VEC_H
#define ISA_X86_VEC_H
#include "isa/x86/x87.h"

typedef void x86_vec_fn1(union x86_vec *d, const union x86_vec *a, unsigned bytes, unsigned imm);
typedef void x86_vec_fn2(union x86_vec *d, const union x86_vec *a, const union x86_vec *b, unsigned bytes, unsigned imm);

/* #MF of MMX rows. */
void x86_vec_begin(struct x86_cpu *cpu, const struct x86_insn *in);
/* destination = fn(destination, operand 1) or, with VEX, fn(operand 1, operand 2). */
void x86_vec_binary(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea, x86_vec_fn2 *fn);
/* destination = fn(operand 1). */
void x86_vec_unary(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea, x86_vec_fn1 *fn);

static inline bool x86_is_vex(const struct x86_insn *in) { return in->prefixes & X86_PFX_VEX; }

#define X86_VEC_HELPER(name)                                                                                   \
	void x86_helper_##name(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea)

#define X86_VEC_BINARY(name, fn)                                                                               \
	X86_VEC_HELPER(name)                                                                                   \
	{                                                                                                      \
		x86_vec_binary(cpu, in, ea, fn);                                                               \
	}
#define X86_VEC_UNARY(name, fn)                                                                                \
	X86_VEC_HELPER(name)                                                                                   \
	{                                                                                                      \
		x86_vec_unary(cpu, in, ea, fn);                                                                \
	}
#endif
