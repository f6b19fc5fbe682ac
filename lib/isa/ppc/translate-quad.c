/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Binary floating point of 128 bits: numbers in C (helper-quad.c), signs and parts inline. */
#include "isa/ppc/translate.h"

/* The table of R and RMC in 7.6.3 (xsrqpi); the others are reserved. */
static int rounding(uint32_t i)
{
	switch (ppc_field(i, 15, 1) << 2 | ppc_field(i, 21, 2)) {
	case 0: return FPU_AWAY;
	case 3: return PPC_Q_GUEST;
	case 4: return FPU_NEAREST;
	case 5: return FPU_ZERO;
	case 6: return FPU_UP;
	case 7: return FPU_DOWN;
	default: return -1;
	}
}

bool ppc_xsqp(T *t, uint32_t i, unsigned op)
{
	int round = op == PPC_Q_RINT || op == PPC_Q_RINTX || op == PPC_Q_RXP ? rounding(i) : i & 1 ? FPU_ODD : PPC_Q_GUEST;
	ir_ref old = ppc_vr(t, RT(i));

	if (round < 0)
		return false;
	ppc_fpscr_sync(t);
	ppc_set_vr(t, RT(i), ppc_call(t, PPC_H_quad, ppc_vr(t, RA(i)), ppc_vr(t, RB(i)), old, ppc_imm(t, IR_I32, op | (unsigned)round << 8), 0));
	if (t->careful)
		ppc_fp_check(t);
	return true;
}

bool ppc_xsqp_cr(T *t, uint32_t i, unsigned op)
{
	ppc_fpscr_sync(t);
	ppc_cr_set(t, RT(i) >> 2, ppc_call(t, PPC_H_quad_cr, ppc_vr(t, RA(i)), ppc_vr(t, RB(i)),
					   ppc_imm(t, IR_I32, op | ppc_field(i, 9, 7) << 8), 0, 0));
	if (t->careful)
		ppc_fp_check(t);
	return true;
}

bool ppc_xsqp_move(T *t, uint32_t i, unsigned op)
{
	struct ir_region *r = t->r;
	ir_ref a = ir_vgetlane(r, IR_I64, ppc_vr(t, RA(i)), 0), hi = ir_vgetlane(r, IR_I64, ppc_vr(t, RB(i)), 0);
	ir_ref lo = ir_vgetlane(r, IR_I64, ppc_vr(t, RB(i)), 1), sign = ppc_imm(t, IR_I64, 1ull << 63);

	switch (op) {
	case PPC_Q_CPSGN: hi = ir_or(r, ir_and(r, a, sign), ir_and_imm(r, hi, ~(1ull << 63))); break;
	case PPC_Q_ABS: hi = ir_and_imm(r, hi, ~(1ull << 63)); break;
	case PPC_Q_NABS: hi = ir_or(r, hi, sign); break;
	case PPC_Q_NEG: hi = ir_xor(r, hi, sign); break;
	case PPC_Q_XEXP:
		hi = ir_extract(r, hi, 48, 15);
		lo = ppc_imm(t, IR_I64, 0);
		break;
	case PPC_Q_XSIG: {
		/* the implicit bit where the exponent is neither 0 nor all ones */
		ir_ref e = ir_extract(r, hi, 48, 15);
		ir_ref normal = ir_setcond(r, IR_I64, IR_LTU, ir_add_imm(r, e, ~0ull), ppc_imm(t, IR_I64, 32766));
		hi = ir_or(r, ir_and_imm(r, hi, (1ull << 48) - 1), ir_shl_imm(r, normal, 48));
		break;
	}
	default: /* the sign and fraction of A, the exponent in B */
		lo = ir_vgetlane(r, IR_I64, ppc_vr(t, RA(i)), 1);
		hi = ir_or(r, ir_and_imm(r, a, ~(0x7fffull << 48)), ir_shl_imm(r, ir_and_imm(r, hi, 0x7fff), 48));
	}
	ppc_set_vr(t, RT(i), ir_concat(r, IR_V128, hi, lo));
	return true;
}
