/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Scalar floating point. Half precision goes through helpers: FPCR.FZ16 is its own. */
#include "isa/aarch64/translate-vec.h"

/* ftype of bits 23..22; false: reserved or not there. log2 of the bytes. */
static bool type_of(T *t, uint32_t i, unsigned *log2)
{
	static const uint8_t logs[] = {2, 3, 0, 1};

	*log2 = logs[a64_field(i, 22, 2)];
	return *log2 > 1 || (*log2 == 1 && A64_HAS(t->c, FP16));
}

/* What makes the value; NULL: a constant. */
static const struct ir_op *made_by(T *t, ir_ref v)
{
	const struct ir_op *d = &t->r->op[t->r->temp[v].def];

	return !t->r->temp[v].constant && t->r->temp[v].def < t->r->ops && d->dst == v ? d : NULL;
}

ir_ref a64_f(T *t, unsigned log2, unsigned n)
{
	ir_ref v = a64_v(t, n);

	if (log2 == 3) { /* what a64_set_f() put there */
		const struct ir_op *d = made_by(t, v);
		d = d && d->op == IR_VRESIZE ? made_by(t, d->a) : NULL;
		if (d && d->op == IR_BITCAST && t->r->temp[d->a].type == IR_F64)
			return d->a;
	}
	return ir_vgetlane(t->r, log2 == 3 ? IR_F64 : IR_F32, v, 0);
}

void a64_set_f(T *t, unsigned n, ir_ref v)
{
	if (t->r->temp[v].type == IR_F64) { /* one move */
		ir_set(t->r, A64_SLOT_V + n, ir_vresize(t->r, IR_V128, ir_bitcast(t->r, IR_V64, v)));
		return;
	}
	ir_set(t->r, A64_SLOT_V + n, ir_vec2(t->r, IR_VSETLANE, t->r->temp[v].type, a64_zero(t), v, 0));
}

ir_ref a64_fv(T *t, enum a64_fp op, unsigned log2, unsigned count, ir_ref a, ir_ref b, ir_ref d)
{
	return a64_call(t, A64_H_fv, a, b ? b : a, d ? d : a, a64_imm(t, IR_I32, A64_CODE(op, log2, count)), 0);
}

bool a64_fp1(T *t, uint32_t i, unsigned op)
{
	unsigned log2;

	if (!type_of(t, i, &log2))
		return false;
	if (op == A64_FP_MOV && log2 == 1) {
		a64_set_bits(t, RD(i), ir_vgetlane(t->r, IR_I16, a64_v(t, RN(i)), 0));
		return true;
	}
	if (log2 == 1 || op >= A64_FP_RINT32Z) {
		ir_set(t->r, A64_SLOT_V + RD(i), a64_fv(t, op, log2, 1, a64_v(t, RN(i)), 0, 0));
		return true;
	}
	ir_ref v = a64_f(t, log2, RN(i));
	switch (op) {
	case A64_FP_ABS: v = ir_fabs(t->r, v); break;
	case A64_FP_NEG: v = ir_fneg(t->r, v); break;
	case A64_FP_SQRT: v = ir_fp(t->r, IR_FSQRT, IR_ROUND_GUEST, 0, v, 0, 0); break;
	}
	a64_set_f(t, RD(i), v);
	return true;
}

bool a64_frint(T *t, uint32_t i, unsigned round)
{
	unsigned log2;
	static const uint8_t op[] = {A64_FP_RINTI, A64_FP_RINTN, A64_FP_RINTM, A64_FP_RINTP, A64_FP_RINTZ, A64_FP_RINTA};

	if (!type_of(t, i, &log2))
		return false;
	if (log2 == 1)
		ir_set(t->r, A64_SLOT_V + RD(i), a64_fv(t, round & 16 ? A64_FP_RINTX : op[round], log2, 1, a64_v(t, RN(i)), 0, 0));
	else
		a64_set_f(t, RD(i), ir_fp(t->r, IR_FRINT, round & 15, round >> 4, a64_f(t, log2, RN(i)), 0, 0));
	return true;
}

bool a64_fcvt(T *t, uint32_t i, unsigned arg)
{
	static const uint8_t logs[] = {2, 3, 0, 1};
	unsigned from = logs[a64_field(i, 22, 2)], to = logs[a64_field(i, 15, 2)];

	(void)arg;
	if (!from || !to || from == to)
		return false;
	if (from > 1 && to > 1) {
		a64_set_f(t, RD(i), ir_fcvt(t->r, to == 3 ? IR_F64 : IR_F32, a64_f(t, from, RN(i)), IR_ROUND_GUEST));
		return true;
	}
	ir_ref v = ir_vgetlane(t->r, IR_I64, a64_v(t, RN(i)), 0);
	a64_set_bits(t, RD(i), a64_call(t, A64_H_fcvt, v, a64_imm(t, IR_I32, from | to << 8), 0, 0, 0));
	return true;
}

bool a64_fp2(T *t, uint32_t i, unsigned op)
{
	unsigned log2;

	if (!type_of(t, i, &log2))
		return false;
	if (log2 == 1) {
		ir_set(t->r, A64_SLOT_V + RD(i), a64_fv(t, op, log2, 1, a64_v(t, RN(i)), a64_v(t, RM(i)), 0));
		return true;
	}
	a64_set_f(t, RD(i), a64_scalar2(t, op, log2, a64_f(t, log2, RN(i)), a64_f(t, log2, RM(i))));
	return true;
}

ir_ref a64_scalar2(T *t, unsigned op, unsigned log2, ir_ref a, ir_ref b)
{
	(void)log2;
	switch (op) {
	case A64_FP_MUL: return ir_fp(t->r, IR_FMUL, IR_ROUND_GUEST, 0, a, b, 0);
	case A64_FP_DIV: return ir_fp(t->r, IR_FDIV, IR_ROUND_GUEST, 0, a, b, 0);
	case A64_FP_ADD: return ir_fp(t->r, IR_FADD, IR_ROUND_GUEST, 0, a, b, 0);
	case A64_FP_SUB: return ir_fp(t->r, IR_FSUB, IR_ROUND_GUEST, 0, a, b, 0);
	case A64_FP_MAX: return ir_fp(t->r, IR_FMINMAX, IR_ROUND_GUEST, FPU_MAX, a, b, 0);
	case A64_FP_MIN: return ir_fp(t->r, IR_FMINMAX, IR_ROUND_GUEST, FPU_MIN, a, b, 0);
	case A64_FP_MAXNM: return ir_fp(t->r, IR_FMINMAX, IR_ROUND_GUEST, FPU_MAX | FPU_MINMAX_NUMBER, a, b, 0);
	case A64_FP_MINNM: return ir_fp(t->r, IR_FMINMAX, IR_ROUND_GUEST, FPU_MIN | FPU_MINMAX_NUMBER, a, b, 0);
	default: return ir_fneg(t->r, ir_fp(t->r, IR_FMUL, IR_ROUND_GUEST, 0, a, b, 0));
	}
}

/* neg: 1 the product, 2 the addend. A NaN operand is negated as well, which lib/fpu's own negation does not do. */
bool a64_fp3(T *t, uint32_t i, unsigned neg)
{
	unsigned log2;

	if (!type_of(t, i, &log2))
		return false;
	if (log2 == 1) {
		ir_ref n = a64_v(t, RN(i)), a = a64_v(t, RA(i));
		if (neg & 1)
			n = ir_vec1(t->r, IR_VFNEG, IR_F16, n, 0);
		if (neg & 2)
			a = ir_vec1(t->r, IR_VFNEG, IR_F16, a, 0);
		ir_set(t->r, A64_SLOT_V + RD(i), a64_fv(t, A64_FP_MLA, 1, 1, n, a64_v(t, RM(i)), a));
		return true;
	}
	ir_ref n = a64_f(t, log2, RN(i)), m = a64_f(t, log2, RM(i)), a = a64_f(t, log2, RA(i));
	if (neg & 1)
		n = ir_fneg(t->r, n);
	if (neg & 2)
		a = ir_fneg(t->r, a);
	a64_set_f(t, RD(i), ir_fp(t->r, IR_FMA, IR_ROUND_GUEST, 0, n, m, a));
	return true;
}

/* ---- comparisons ---- */

/* NZCV of a relation, as a table of 16 bits each in the order of its bits: less, equal, greater, unordered. */
static ir_ref relation_bits(T *t, ir_ref rel)
{
	ir_ref table = a64_imm(t, IR_I64, 0x0101010041008000ull);
	ir_ref at = ir_shl_imm(t->r, ir_zext(t->r, IR_I64, ir_unary(t->r, IR_CTZ, rel)), 4);

	return ir_extract(t->r, ir_zext(t->r, IR_I32, ir_shr(t->r, table, at)), 0, 16);
}

/* The relation of two registers, or of one and zero (arg & 2). */
static ir_ref relation(T *t, unsigned log2, uint32_t i, unsigned arg)
{
	if (log2 == 1)
		return a64_call(t, A64_H_hcmp, ir_vgetlane(t->r, IR_I16, a64_v(t, RN(i)), 0),
				arg & 2 ? a64_imm(t, IR_I16, 0) : ir_vgetlane(t->r, IR_I16, a64_v(t, RM(i)), 0),
				a64_imm(t, IR_I32, arg & 1), 0, 0);
	ir_ref b = arg & 2 ? ir_const(t->r, log2 == 3 ? IR_F64 : IR_F32, 0) : a64_f(t, log2, RM(i));
	return ir_fcmp(t->r, a64_f(t, log2, RN(i)), b, arg & 1);
}

bool a64_fcmp(T *t, uint32_t i, unsigned arg)
{
	unsigned log2;

	if (!type_of(t, i, &log2))
		return false;
	ir_ref rel = relation(t, log2, i, arg);
	a64_flags(t, A64_FLAGS_FCMP, rel, 0, relation_bits(t, rel));
	return true;
}

bool a64_fccmp(T *t, uint32_t i, unsigned signalling)
{
	unsigned log2, bits = ir_local(t->r, IR_I32), out = ir_label(t->r), nzcv = a64_field(i, 0, 4);

	if (!type_of(t, i, &log2))
		return false;
	ir_ref c = a64_condition(t, a64_field(i, 12, 4));
	ir_set(t->r, bits, a64_imm(t, IR_I32, (nzcv & 8 ? A64_N : 0) | (nzcv & 4 ? A64_Z : 0) | (nzcv & 2 ? A64_C : 0) |
						      (nzcv & 1 ? A64_V : 0)));
	ir_brcond(t->r, IR_EQ, c, a64_imm(t, IR_I32, 0), out);
	ir_set(t->r, bits, relation_bits(t, relation(t, log2, i, signalling)));
	ir_place(t->r, out);
	ir_set(t->r, A64_SLOT_NZCV, ir_get(t->r, bits));
	return true;
}

bool a64_fcsel(T *t, uint32_t i, unsigned arg)
{
	unsigned log2;

	(void)arg;
	if (!type_of(t, i, &log2))
		return false;
	static const uint8_t lane[] = {0, IR_I16, IR_I32, IR_I64};
	ir_ref a = ir_zext(t->r, IR_I64, ir_vgetlane(t->r, lane[log2], a64_v(t, RN(i)), 0));
	ir_ref b = ir_zext(t->r, IR_I64, ir_vgetlane(t->r, lane[log2], a64_v(t, RM(i)), 0));
	ir_ref c = a64_condition(t, a64_field(i, 12, 4));
	a64_set_bits(t, RD(i), ir_select(t->r, IR_NE, c, a64_imm(t, IR_I32, 0), a, b));
	return true;
}

/* ---- constants and moves ---- */

/* VFPExpandImm() */
uint64_t a64_fp_imm(unsigned imm8, unsigned log2)
{
	unsigned e = log2 == 3 ? 11 : log2 == 2 ? 8 : 5, f = (8u << log2) - e - 1;
	uint64_t sign = imm8 >> 7, b = imm8 >> 6 & 1, exp = (b ? (1ull << (e - 3)) - 1 : 0) << 2 | (imm8 >> 4 & 3) | (!b ? 1ull << (e - 1) : 0);

	return sign << ((8u << log2) - 1) | exp << f | (uint64_t)(imm8 & 15) << (f - 4);
}

bool a64_fmov_imm(T *t, uint32_t i, unsigned arg)
{
	unsigned log2;

	(void)arg;
	if (!type_of(t, i, &log2))
		return false;
	ir_set(t->r, A64_SLOT_V + RD(i), ir_const_wide(t->r, IR_V128, a64_fp_imm(a64_field(i, 13, 8), log2), 0));
	return true;
}

bool a64_fmov_gen(T *t, uint32_t i, unsigned which)
{
	switch (which) {
	case 0: a64_set(t, RD(i), ir_vgetlane(t->r, IR_I32, a64_v(t, RN(i)), 0)); break;
	case 1: a64_set_bits(t, RD(i), a64_w(t, RN(i))); break;
	case 2: a64_set(t, RD(i), ir_vgetlane(t->r, IR_I64, a64_v(t, RN(i)), 0)); break;
	case 3: a64_set_bits(t, RD(i), a64_x(t, RN(i))); break;
	case 4: a64_set(t, RD(i), ir_vgetlane(t->r, IR_I64, a64_v(t, RN(i)), 1)); break;
	case 5: ir_set(t->r, A64_SLOT_V + RD(i), ir_vec2(t->r, IR_VSETLANE, IR_I64, a64_v(t, RD(i)), a64_x(t, RN(i)), 1)); break;
	case 6: a64_set(t, RD(i), ir_vgetlane(t->r, IR_I16, a64_v(t, RN(i)), 0)); break;
	default: a64_set_bits(t, RD(i), ir_zext(t->r, IR_I16, a64_x(t, RN(i))));
	}
	return true;
}

/* ---- to and from integers ---- */

/* arg: rounding, 16 unsigned */
bool a64_fcvt_int(T *t, uint32_t i, unsigned arg)
{
	unsigned log2;

	if (!type_of(t, i, &log2))
		return false;
	ir_ref v;
	if (log2 == 1) /* exact */
		v = ir_bitcast(t->r, IR_F64, a64_call(t, A64_H_h2d, ir_vgetlane(t->r, IR_I16, a64_v(t, RN(i)), 0), 0, 0, 0, 0));
	else
		v = a64_f(t, log2, RN(i));
	a64_set(t, RD(i), ir_ftoi(t->r, a64_type(SF(i)), v, arg & 15, arg & 16 ? 0 : IR_FTOI_SIGNED));
	return true;
}

bool a64_cvtf(T *t, uint32_t i, unsigned sign)
{
	unsigned log2;

	if (!type_of(t, i, &log2))
		return false;
	if (log2 > 1) {
		a64_set_f(t, RD(i), ir_itof(t->r, log2 == 3 ? IR_F64 : IR_F32, a64_reg(t, SF(i), RN(i)), sign, IR_ROUND_GUEST));
		return true;
	}
	return a64_cvtf_fixed(t, i | 63u << 10 | 1u << 15, sign | 2);
}

/* sign & 2: no fraction bits */
bool a64_cvtf_fixed(T *t, uint32_t i, unsigned sign)
{
	unsigned log2, fbits = sign & 2 ? 0 : 64 - a64_field(i, 10, 6);

	if (!type_of(t, i, &log2) || fbits > (SF(i) ? 64u : 32u))
		return false;
	ir_ref v = a64_reg(t, SF(i), RN(i));
	v = sign & 1 ? ir_sext(t->r, IR_I64, v) : ir_zext(t->r, IR_I64, v);
	a64_set_bits(t, RD(i), a64_call(t, A64_H_fixed_to_f, v, a64_imm(t, IR_I32, log2 | (sign & 1) << 4 | fbits << 8), 0, 0, 0));
	return true;
}

bool a64_fcvt_fixed(T *t, uint32_t i, unsigned sign)
{
	unsigned log2, fbits = 64 - a64_field(i, 10, 6);

	if (!type_of(t, i, &log2) || fbits > (SF(i) ? 64u : 32u))
		return false;
	ir_ref v = ir_vgetlane(t->r, IR_I64, a64_v(t, RN(i)), 0);
	v = a64_call(t, A64_H_f_to_fixed, v, a64_imm(t, IR_I32, log2 | sign << 4 | SF(i) << 5 | fbits << 8), 0, 0, 0);
	a64_set(t, RD(i), SF(i) ? v : ir_zext(t->r, IR_I32, v));
	return true;
}

bool a64_fjcvtzs(T *t, uint32_t i, unsigned arg)
{
	ir_ref v = a64_call(t, A64_H_fjcvtzs, ir_vgetlane(t->r, IR_I64, a64_v(t, RN(i)), 0), 0, 0, 0, 0);

	(void)arg;
	ir_set(t->r, A64_SLOT_NZCV, ir_zext(t->r, IR_I32, ir_shr_imm(t->r, v, 32)));
	a64_set(t, RD(i), ir_zext(t->r, IR_I32, v));
	return true;
}
