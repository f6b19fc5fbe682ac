/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Decimal floating point: everything is done in C (helper-dfp.c); here are the operands. */
#include "isa/ppc/translate.h"

/* A register, or the pair that begins with it. */
static ir_ref operand(T *t, unsigned n, bool pair)
{
	return pair ? ir_concat(t->r, IR_V128, ppc_fbits(t, n), ppc_fbits(t, n + 1)) : ppc_vsr(t, n);
}

/* A pair begins with an even register, other forms are invalid (book I, 5.2). */
static bool odd(uint32_t i, unsigned arg, bool target)
{
	return (target && arg & PPC_D_TP && RT(i) & 1) || (arg & PPC_D_AP && RA(i) & 1) || (arg & PPC_D_BP && RB(i) & 1);
}

/* Figure 87 (RMC): with R the secondary encoding. */
static unsigned rounding(uint32_t i, bool r)
{
	static const uint8_t primary[] = {FPU_NEAREST, FPU_ZERO, FPU_AWAY, PPC_D_DRN}, secondary[] = {FPU_UP, FPU_DOWN, FPU_OUTWARD, FPU_HALF_DOWN};
	unsigned rmc = ppc_field(i, 21, 2);

	return r ? secondary[rmc] : primary[rmc];
}

static unsigned immediate(uint32_t i, unsigned op)
{
	switch (op) {
	case PPC_D_QUAI: return RA(i);
	case PPC_D_DEDPD: return ppc_field(i, 11, 2);
	case PPC_D_ENBCD: return ppc_field(i, 11, 1);
	case PPC_D_SCLI: case PPC_D_SCRI: case PPC_D_TSTDC: case PPC_D_TSTDG: return ppc_field(i, 16, 6);
	case PPC_D_TSTSFI: return ppc_field(i, 10, 6);
	}
	return 0;
}

bool ppc_dfp(T *t, uint32_t i, unsigned arg)
{
	unsigned op = arg & 31, round = PPC_D_DRN, target = RT(i);
	ir_ref a, b, old, v, how;

	if (odd(i, arg, true))
		return false;
	if (op >= PPC_D_QUAI && op <= PPC_D_RINTN)
		round = rounding(i, (op == PPC_D_RINTX || op == PPC_D_RINTN) && ppc_field(i, 15, 1));
	ppc_fpscr_sync(t);
	/* Where there is no A or B the field is something else or 0; the register is not looked at. */
	a = operand(t, RA(i), arg & PPC_D_AP);
	b = operand(t, RB(i), arg & PPC_D_BP);
	old = operand(t, target, arg & PPC_D_TP);
	how = ppc_imm(t, IR_I32, arg | immediate(i, op) << PPC_D_IMM_SHIFT | round << PPC_D_ROUND_SHIFT);
	v = ppc_call(t, PPC_H_dfp, a, b, old, how, 0);
	ppc_set_f(t, target, ir_vgetlane(t->r, IR_I64, v, 0));
	if (arg & PPC_D_TP)
		ppc_set_f(t, target + 1, ir_vgetlane(t->r, IR_I64, v, 1));
	if (t->careful)
		ppc_fp_check(t);
	if (i & 1)
		ppc_cr_set(t, 1, ppc_call(t, PPC_H_fpscr_cr1, 0, 0, 0, 0, 0));
	return true;
}

bool ppc_dfp_cr(T *t, uint32_t i, unsigned arg)
{
	unsigned op = arg & 31;

	if (op == PPC_D_TSTDC || op == PPC_D_TSTDG)
		arg &= ~(unsigned)PPC_D_BP; /* B is part of the immediate */
	if (odd(i, arg, false))
		return false;
	ppc_fpscr_sync(t);
	ir_ref how = ppc_imm(t, IR_I32, arg | immediate(i, op) << PPC_D_IMM_SHIFT);
	ppc_cr_set(t, RT(i) >> 2, ppc_call(t, PPC_H_dfp_cr, operand(t, RA(i), arg & PPC_D_AP), operand(t, RB(i), arg & PPC_D_BP), how, 0, 0));
	if (t->careful)
		ppc_fp_check(t);
	return true;
}
