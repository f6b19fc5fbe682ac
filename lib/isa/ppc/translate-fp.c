/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Scalar floating point. FPRF, FR and FI are not computed by an operation: it leaves its number and operands in four slots, from which
 * they are made when somebody looks (helper-fpscr.c). The sticky bits are the host's or lib/fpu's. While an exception is enabled
 * everything goes through C, operation by operation.
 */
#include "isa/ppc/translate.h"

void ppc_fp_note(T *t, unsigned op, ir_ref a, ir_ref b, ir_ref c)
{
	struct ir_region *r = t->r;

	ir_set(r, PPC_SLOT_FPOP, ppc_imm(t, IR_I32, op));
	ir_set(r, PPC_SLOT_FPCC, ppc_imm(t, IR_I8, 0));
	ir_set(r, PPC_SLOT_FPA, a);
	if (b)
		ir_set(r, PPC_SLOT_FPB, b);
	if (c)
		ir_set(r, PPC_SLOT_FPC, c);
}

static ir_ref host_flags(T *t)
{
	struct ir_op op = {.op = IR_FPGET, .type = IR_I32, .aux = 0};
	return ir_emit(t->r, &op);
}

static void clear_host_flags(T *t)
{
	struct ir_op op = {.op = IR_FPSET, .type = IR_I32, .aux = 0, .a = ppc_imm(t, IR_I32, 0)};
	ir_emit(t->r, &op);
}

void ppc_fpscr_sync(T *t)
{
	ppc_call(t, PPC_H_fpscr_sync, host_flags(t), 0, 0, 0, 0);
	clear_host_flags(t);
}

void ppc_fp_mode_changed(T *t)
{
	ir_exit_trap(t->r, TRAP_NONE, 0, t->pc + 4, 0, 0);
	t->end = true;
}

void ppc_fp_check(T *t)
{
	ppc_call(t, PPC_H_fp_check, 0, 0, 0, 0, 0);
}

/* NaN payloads stay, signalling ones too; no flag is raised. */
ir_ref ppc_single_to_double(T *t, ir_ref v)
{
	return ir_emit(t->r, &(struct ir_op){.op = IR_FWIDEN, .type = IR_F64, .a = v});
}

ir_ref ppc_double_to_single(T *t, unsigned n)
{
	return ir_emit(t->r, &(struct ir_op){.op = IR_FNARROW, .type = IR_I32, .a = ppc_f(t, n)});
}

/* What the host's instructions do; 0: C. */
static ir_ref native(T *t, unsigned op, ir_ref a, ir_ref b, ir_ref c)
{
	static const uint16_t arith[] = {[PPC_FP_ADD] = IR_FADD, [PPC_FP_SUB] = IR_FSUB, [PPC_FP_MUL] = IR_FMUL, [PPC_FP_DIV] = IR_FDIV};
	static const uint8_t how[] = {[PPC_FP_MADD - PPC_FP_MADD] = 0, [PPC_FP_MSUB - PPC_FP_MADD] = FPU_NEG_ADDEND,
				      [PPC_FP_NMADD - PPC_FP_MADD] = FPU_NEG_RESULT,
				      [PPC_FP_NMSUB - PPC_FP_MADD] = FPU_NEG_RESULT | FPU_NEG_ADDEND};
	struct ir_region *r = t->r;
	unsigned base = op & 63, round = IR_ROUND_GUEST | (op & PPC_FP_SINGLE ? IR_ROUND_SINGLE : 0);
	ir_ref v;

	switch (base) {
	case PPC_FP_ADD: case PPC_FP_SUB: case PPC_FP_MUL: case PPC_FP_DIV: return ir_fp(r, arith[base], round, 0, a, b, 0);
	case PPC_FP_SQRT: return ir_fp(r, IR_FSQRT, round, 0, a, 0, 0);
	case PPC_FP_MADD: case PPC_FP_MSUB: case PPC_FP_NMADD: case PPC_FP_NMSUB:
		return ir_fp(r, IR_FMA, round, how[base - PPC_FP_MADD], a, b, c);
	}
	switch (op) {
	case PPC_FP_CFID | PPC_FP_SINGLE:
		return ir_fcvt(r, IR_F64, ir_itof(r, IR_F32, ir_bitcast(r, IR_I64, a), true, IR_ROUND_GUEST), IR_ROUND_GUEST);
	case PPC_FP_RSP: return ir_fcvt(r, IR_F64, ir_fcvt(r, IR_F32, a, IR_ROUND_GUEST), IR_ROUND_GUEST);
	case PPC_FP_CFID: return ir_itof(r, IR_F64, ir_bitcast(r, IR_I64, a), true, IR_ROUND_GUEST);
	case PPC_FP_CTIWZ: case PPC_FP_CTIW:
		v = ir_ftoi(r, IR_I32, a, op == PPC_FP_CTIW ? IR_ROUND_GUEST : IR_ROUND_ZERO, IR_FTOI_SIGNED | IR_FTOI_SATURATE_NAN_MIN);
		/* The upper half is undefined: as the helper has it, the sign, of a NaN zeros. */
		a = ir_shl_imm(r, ir_bitcast(r, IR_I64, a), 1);
		v = ir_select(r, IR_GTU, a, ppc_imm(t, IR_I64, 0x7ffull << 53), ir_zext(r, IR_I64, v), ir_sext(r, IR_I64, v));
		return ir_bitcast(r, IR_F64, v);
	case PPC_FP_CTIDZ: case PPC_FP_CTID:
		return ir_bitcast(r, IR_F64, ir_ftoi(r, IR_I64, a, op == PPC_FP_CTID ? IR_ROUND_GUEST : IR_ROUND_ZERO,
						     IR_FTOI_SIGNED | IR_FTOI_SATURATE_NAN_MIN));
	case PPC_FP_RIZ: return ir_fp(r, IR_FRINT, IR_ROUND_ZERO, 0, a, 0, 0);
	case PPC_FP_RIP: return ir_fp(r, IR_FRINT, IR_ROUND_UP, 0, a, 0, 0);
	case PPC_FP_RIM: return ir_fp(r, IR_FRINT, IR_ROUND_DOWN, 0, a, 0, 0);
	}
	return 0;
}

ir_ref ppc_fp_do(T *t, unsigned op, ir_ref a, ir_ref b, ir_ref c)
{
	ir_ref v = t->careful ? 0 : native(t, op, a, b, c);

	if (v) {
		ppc_fp_note(t, op, a, b, c);
		return v;
	}
	ir_ref zero = ir_bitcast(t->r, IR_F64, ppc_imm(t, IR_I64, 0)), k = ppc_imm(t, IR_I32, op);
	if (!b)
		b = zero;
	if (!c)
		c = zero;
	v = ppc_call(t, PPC_H_fp_op, a, b, c, k, 0);
	ppc_fp_note(t, op, a, b, c);
	return v;
}

/* With enabled exceptions: `old` is what the target keeps where the operation is suppressed. */
static ir_ref careful(T *t, unsigned op, ir_ref a, ir_ref b, ir_ref c, ir_ref old)
{
	ir_ref zero = ir_bitcast(t->r, IR_F64, ppc_imm(t, IR_I64, 0));
	ir_ref v = ppc_call(t, PPC_H_fp_careful, a, b ? b : zero, c ? c : zero, ppc_imm(t, IR_I32, op), old);

	return v;
}

static void cr1(T *t, uint32_t i)
{
	if (!(i & 1))
		return;
	ppc_fpscr_sync(t);
	ppc_cr_set(t, 1, ppc_call(t, PPC_H_fpscr_cr1, 0, 0, 0, 0, 0));
}

void ppc_fp_scalar(T *t, unsigned op, unsigned target, ir_ref a, ir_ref b, ir_ref c)
{
	if (t->careful) {
		ppc_set_f(t, target, careful(t, op, a, b, c, ppc_f(t, target)));
		ppc_fp_check(t);
	} else {
		ppc_set_f(t, target, ppc_fp_do(t, op, a, b, c));
	}
}

bool ppc_farith(T *t, uint32_t i, unsigned arg)
{
	unsigned op = arg & 63;
	ir_ref a, b = 0, c = 0;

	if (op >= PPC_FP_MADD && op <= PPC_FP_NMSUB) {
		a = ppc_f(t, RA(i));
		b = ppc_f(t, RC(i));
		c = ppc_f(t, RB(i));
	} else if (op <= PPC_FP_DIV) {
		a = ppc_f(t, RA(i));
		b = ppc_f(t, op == PPC_FP_MUL ? RC(i) : RB(i));
	} else {
		a = ppc_f(t, RB(i));
	}
	ppc_fp_scalar(t, arg, RT(i), a, b, c);
	cr1(t, i);
	return true;
}

/* ---- moves ---- */

/* kind: 0 as it is, 1 negated, 2 absolute, 3 negated absolute */
ir_ref ppc_fp_sign(T *t, unsigned kind, ir_ref v)
{
	switch (kind) {
	case 0: return v;
	case 1: return ir_fneg(t->r, v);
	case 2: return ir_fabs(t->r, v);
	default: return ir_fneg(t->r, ir_fabs(t->r, v));
	}
}

bool ppc_fmove(T *t, uint32_t i, unsigned kind)
{
	ppc_set_f(t, RT(i), ppc_fp_sign(t, kind, ppc_f(t, RB(i))));
	cr1(t, i);
	return true;
}

ir_ref ppc_copy_sign(T *t, ir_ref sign, ir_ref v)
{
	struct ir_region *r = t->r;

	return ir_or(r, ir_and_imm(r, sign, 1ull << 63), ir_and_imm(r, v, ~(1ull << 63)));
}

bool ppc_fcpsgn(T *t, uint32_t i, unsigned arg)
{
	(void)arg;
	ppc_set_f(t, RT(i), ppc_copy_sign(t, ppc_fbits(t, RA(i)), ppc_fbits(t, RB(i))));
	cr1(t, i);
	return true;
}

/* Words 0 (or 1) of both. */
bool ppc_fmrg(T *t, uint32_t i, unsigned odd)
{
	struct ir_region *r = t->r;
	ir_ref a = ppc_fbits(t, RA(i)), b = ppc_fbits(t, RB(i));

	if (odd)
		a = ir_or(r, ir_shl_imm(r, a, 32), ir_and_imm(r, b, 0xffffffff));
	else
		a = ir_or(r, ir_and_imm(r, a, 0xffffffffull << 32), ir_shr_imm(r, b, 32));
	ppc_set_f(t, RT(i), a);
	return true;
}

/* FRA >= 0.0 ? FRC : FRB; a NaN chooses FRB, -0 FRC. No flags: it is looked at as an integer. */
bool ppc_fsel(T *t, uint32_t i, unsigned arg)
{
	struct ir_region *r = t->r;
	ir_ref a = ppc_fbits(t, RA(i)), c = ppc_fbits(t, RC(i)), b = ppc_fbits(t, RB(i)), least = ppc_imm(t, IR_I64, 1ull << 63);

	(void)arg;
	/* 0 .. +infinity as unsigned, or -0 */
	ir_ref v = ir_select(r, IR_LEU, a, ppc_imm(t, IR_I64, 0x7ffull << 52), c, b);
	ppc_set_f(t, RT(i), ir_select(r, IR_EQ, a, least, c, v));
	cr1(t, i);
	return true;
}

bool ppc_ftest(T *t, uint32_t i, unsigned sqrt)
{
	ir_ref b = ppc_fbits(t, RB(i)), a = sqrt ? b : ppc_fbits(t, RA(i));

	ppc_cr_set(t, RT(i) >> 2, ppc_call(t, sqrt ? PPC_H_test_sqrt : PPC_H_test_div, a, b, ppc_imm(t, IR_I32, 1), 0, 0));
	return true;
}

/* ---- compare ---- */

void ppc_fp_compare(T *t, unsigned field, ir_ref a, ir_ref b, bool ordered)
{
	if (t->careful) {
		ppc_cr_set(t, field, ppc_call(t, PPC_H_fp_compare_careful, a, b, ppc_imm(t, IR_I32, ordered), 0, 0));
		ppc_fp_check(t);
		return;
	}
	/* A quiet NaN in an ordered comparison is an invalid comparison (VXVC): the host tells it as invalid, lib/fpu why. */
	ppc_cr_float(t, field, ir_fcmp(t->r, a, b, ordered));
}

bool ppc_fcmp(T *t, uint32_t i, unsigned ordered)
{
	ppc_fp_compare(t, RT(i) >> 2, ppc_f(t, RA(i)), ppc_f(t, RB(i)), ordered);
	return true;
}

/* ---- FPSCR ---- */

/*
 * Sets the bits of mask. Another rounding, or exceptions that are enabled now or no more, are another region's; flags: the host's that are
 * not in FPSCR yet. cr1: of the instruction's record form.
 */
static void write_fpscr(T *t, ir_ref flags, ir_ref v, uint64_t mask, bool record)
{
	struct ir_region *r = t->r;
	ir_ref changed = ppc_call(t, PPC_H_fpscr_write, flags, v, ppc_imm(t, IR_I64, mask), 0, 0);

	clear_host_flags(t);
	if (record)
		ppc_cr_set(t, 1, ppc_call(t, PPC_H_fpscr_cr1, 0, 0, 0, 0, 0));
	if (!(mask & (FPSCR_RN | FPSCR_ENABLES)) && !t->careful)
		return;
	unsigned same = ir_label(r);
	ir_brcond(r, IR_EQ, changed, ppc_imm(t, IR_I32, 0), same);
	ppc_fp_check(t);
	ir_exit_trap(r, TRAP_NONE, 0, t->pc + 4, 0, 0);
	ir_place(r, same);
}

/* kind: 0 mffs, 1 ce, 2 cdrn, 3 cdrni, 4 crn, 5 crni, 6 l. Before version 3.0 the field that tells them apart is reserved: all are mffs. */
bool ppc_mffs(T *t, uint32_t i, unsigned kind)
{
	struct ir_region *r = t->r;
	ir_ref v, set = 0;
	uint64_t mask = 0;

	if (!PPC_HAS(t->c, V300))
		kind = 0;
	ppc_fpscr_sync(t);
	v = ir_lds(r, IR_I64, offsetof(struct ppc_cpu, fpscr));
	switch (kind) {
	case 1: mask = FPSCR_ENABLES; set = ppc_imm(t, IR_I64, 0); break;
	case 2: mask = FPSCR_DRN; set = ppc_fbits(t, RB(i)); break;
	case 3: mask = FPSCR_DRN; set = ppc_imm(t, IR_I64, (uint64_t)(RB(i) & 7) << 32); break;
	case 4: mask = FPSCR_RN; set = ppc_fbits(t, RB(i)); break;
	case 5: mask = FPSCR_RN; set = ppc_imm(t, IR_I64, RB(i) & 3); break;
	}
	if (kind == 6)
		ppc_set_f(t, RT(i), ir_and_imm(r, v, FPSCR_DRN | FPSCR_FPRF | FPSCR_FI | FPSCR_FR | FPSCR_ENABLES | FPSCR_NI | FPSCR_RN));
	else if (kind)
		ppc_set_f(t, RT(i), ir_and_imm(r, v, FPSCR_DRN | FPSCR_ENABLES | FPSCR_NI | FPSCR_RN));
	else
		ppc_set_f(t, RT(i), v);
	if (mask)
		write_fpscr(t, ppc_imm(t, IR_I32, 0), set, mask, false);
	if (!kind)
		cr1(t, i);
	return true;
}

bool ppc_mcrfs(T *t, uint32_t i, unsigned arg)
{
	(void)arg;
	ppc_fpscr_sync(t);
	ppc_cr_set(t, RT(i) >> 2, ppc_call(t, PPC_H_mcrfs, ppc_imm(t, IR_I32, RA(i) >> 2), 0, 0, 0, 0));
	return true;
}

bool ppc_mtfsfi(T *t, uint32_t i, unsigned arg)
{
	unsigned w = PPC_HAS(t->c, DFP) ? ppc_field(i, 15, 1) : 0, n = (RT(i) >> 2) + 8 * (1 - w);

	(void)arg;
	write_fpscr(t, host_flags(t), ppc_imm(t, IR_I64, (uint64_t)ppc_field(i, 16, 4) << (60 - 4 * n)), 15ull << (60 - 4 * n), i & 1);
	return true;
}

bool ppc_mtfsf(T *t, uint32_t i, unsigned arg)
{
	unsigned flm = ppc_field(i, 7, 8), l = ppc_field(i, 6, 1), w = ppc_field(i, 15, 1);
	uint64_t mask = 0;

	(void)arg;
	if (!PPC_HAS(t->c, DFP)) /* reserved before version 2.05: not looked at */
		l = w = 0;
	for (unsigned k = 0; k < 8; k++)
		if (flm >> (7 - k) & 1)
			mask |= 15ull << (60 - 4 * (k + 8 * (1 - w)));
	write_fpscr(t, host_flags(t), ppc_fbits(t, RB(i)), l ? ~0ull : mask, i & 1);
	return true;
}

bool ppc_mtfsb(T *t, uint32_t i, unsigned one)
{
	uint64_t bit = 1ull << (31 - RT(i));

	if (bit & (FPSCR_FEX | FPSCR_VX)) /* cannot be set or cleared alone */
		bit = 0;
	ppc_fpscr_sync(t);
	ppc_call(t, PPC_H_fpscr_bit, ppc_imm(t, IR_I64, bit), ppc_imm(t, IR_I32, one), 0, 0, 0);
	if (i & 1)
		ppc_cr_set(t, 1, ppc_call(t, PPC_H_fpscr_cr1, 0, 0, 0, 0, 0));
	if (bit & (FPSCR_RN | FPSCR_ENABLES) || t->careful) {
		ppc_fp_check(t);
		ppc_fp_mode_changed(t);
	}
	return true;
}
