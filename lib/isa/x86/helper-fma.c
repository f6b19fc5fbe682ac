/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fused multiply-add (Intel SDM vol. 2, VFMADD132PD and kin). The digits name the factors and the addend by operand: 132 is
 * first * third + second; a NaN is looked for in that order.
 */
#include "isa/x86/vecfp.h"

enum { ADD = 0, SUB = FPU_NEG_ADDEND, NADD = FPU_NEG_PRODUCT, NSUB = FPU_NEG_PRODUCT | FPU_NEG_ADDEND };

/* even, odd: how lanes of even and odd number are negated. */
static void fused(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea, unsigned order, bool wide, unsigned even,
		unsigned odd)
{
	unsigned bytes = x86_operand_size(in, 0), lane = wide ? 8 : 4;
	struct fpu_status st = x86_mxcsr_status(cpu);
	union x86_vec v[3], d;
	const union x86_vec *x = &v[order / 100 - 1], *y = &v[order / 10 % 10 - 1], *z = &v[order % 10 - 1];

	for (unsigned n = 0; n < 3; n++)
		x86_operand_read(cpu, in, n, ea, &v[n]);
	d = v[0];
	for (unsigned i = 0; i < bytes / lane; i++) {
		if (wide)
			d.u64[i] = f64_fma(x->u64[i], y->u64[i], z->u64[i], i & 1 ? odd : even, &st);
		else
			d.u32[i] = f32_fma(x->u32[i], y->u32[i], z->u32[i], i & 1 ? odd : even, &st);
	}
	x86_mxcsr_commit(cpu, &st);
	x86_operand_write_vec(cpu, in, 0, ea, &d, bytes < 16 ? 16 : bytes);
}

#define FMA1(name, order, suffix, wide, even, odd)                                                             \
	X86_VEC_HELPER(name##order##suffix)                                                                    \
	{                                                                                                      \
		fused(cpu, in, ea, order, wide, even, odd);                                                      \
	}
#define FMA2(name, order, even, odd) FMA1(name, order, ps, false, even, odd) FMA1(name, order, pd, true, even, odd)
#define FMA4(name, order, how)                                                                                 \
	FMA2(name, order, how, how)                                                                            \
	FMA1(name, order, ss, false, how, how) FMA1(name, order, sd, true, how, how)
/* 132 as the SDM writes it: first * third + second */
#define ORDERS(m, name, ...) m(name, 132, __VA_ARGS__) m(name, 213, __VA_ARGS__) m(name, 231, __VA_ARGS__)
ORDERS(FMA4, vfmadd, ADD)
ORDERS(FMA4, vfmsub, SUB)
ORDERS(FMA4, vfnmadd, NADD)
ORDERS(FMA4, vfnmsub, NSUB)
ORDERS(FMA2, vfmaddsub, SUB, ADD)
ORDERS(FMA2, vfmsubadd, ADD, SUB)
