/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Advanced SIMD floating point, vectors and the scalar forms that live among them. */
#include "isa/aarch64/translate-vec.h"

/* Element size: bit 22 tells double; half precision has rows of its own. */
static unsigned size_of(uint32_t i, unsigned arg)
{
	return arg & A64_HALF ? 1 : i >> 22 & 1 ? 3 : 2;
}

static enum ir_type flane(unsigned log2)
{
	return log2 == 3 ? IR_F64 : log2 == 2 ? IR_F32 : IR_F16;
}

/* Operands of 64 bits: what is above them must raise nothing. */
static ir_ref input(T *t, unsigned n, unsigned q)
{
	return q ? a64_v(t, n) : a64_low(t, a64_v(t, n));
}

static ir_ref vfcmp(T *t, unsigned log2, ir_ref a, ir_ref b, unsigned relations)
{
	return ir_vec2(t->r, IR_VFCMP, flane(log2), a, b, relations);
}

ir_ref a64_fp_three_op(T *t, unsigned op, unsigned log2, unsigned q, ir_ref a, ir_ref b, ir_ref d)
{
	enum ir_type lane = flane(log2);
	unsigned count = (q ? 16u : 8u) >> log2;

	if (log2 == 1)
		return a64_fv(t, op, log2, count, a, b, d);
	switch (op) {
	case A64_FP_ADD: return ir_vec2(t->r, IR_VFADD, lane, a, b, 0);
	case A64_FP_SUB: return ir_vec2(t->r, IR_VFSUB, lane, a, b, 0);
	case A64_FP_MUL: return ir_vec2(t->r, IR_VFMUL, lane, a, b, 0);
	case A64_FP_DIV:
		if (q)
			return ir_vec2(t->r, IR_VFDIV, lane, a, b, 0);
		break;
	case A64_FP_MLS: a = ir_vec1(t->r, IR_VFNEG, lane, a, 0);
		/* fall through */
	case A64_FP_MLA: return ir_vec3(t->r, IR_VFMA, lane, a, b, d, 0);
	case A64_FP_MAX: return ir_vec2(t->r, IR_VFMINMAX, lane, a, b, FPU_MAX);
	case A64_FP_MIN: return ir_vec2(t->r, IR_VFMINMAX, lane, a, b, FPU_MIN);
	case A64_FP_MAXNM: return ir_vec2(t->r, IR_VFMINMAX, lane, a, b, FPU_MAX | FPU_MINMAX_NUMBER);
	case A64_FP_MINNM: return ir_vec2(t->r, IR_VFMINMAX, lane, a, b, FPU_MIN | FPU_MINMAX_NUMBER);
	case A64_FP_ABD: return ir_vec1(t->r, IR_VFABS, lane, ir_vec2(t->r, IR_VFSUB, lane, a, b, 0), 0);
	case A64_FP_CMEQ: return vfcmp(t, log2, a, b, IR_REL_EQ);
	case A64_FP_CMGE: return vfcmp(t, log2, a, b, IR_REL_EQ | IR_REL_GT | IR_REL_SIGNALLING);
	case A64_FP_CMGT: return vfcmp(t, log2, a, b, IR_REL_GT | IR_REL_SIGNALLING);
	case A64_FP_ACGE: case A64_FP_ACGT:
		return vfcmp(t, log2, ir_vec1(t->r, IR_VFABS, lane, a, 0), ir_vec1(t->r, IR_VFABS, lane, b, 0),
			     IR_REL_GT | IR_REL_SIGNALLING | (op == A64_FP_ACGE ? IR_REL_EQ : 0));
	}
	if (op == A64_FP_MLS)
		op = A64_FP_MLA;
	return a64_fv(t, op, log2, count, a, b, d);
}

static bool three(T *t, uint32_t i, unsigned arg, ir_ref b)
{
	unsigned op = arg & 255, log2 = size_of(i, arg), q = a64_q(i);
	ir_ref a = a64_v(t, RN(i)), d = a64_v(t, RD(i));

	if (arg & A64_SCALAR) {
		if (op == A64_FP_MLS) {
			a = ir_vec1(t->r, IR_VFNEG, flane(log2), a, 0);
			op = A64_FP_MLA;
		}
		if (log2 > 1 && op == A64_FP_MUL) {
			ir_ref m = ir_vgetlane(t->r, flane(log2), b, 0);
			a64_set_f(t, RD(i), a64_scalar2(t, op, log2, a64_f(t, log2, RN(i)), m));
		} else if (log2 > 1 && op == A64_FP_MLA) {
			ir_ref m = ir_vgetlane(t->r, flane(log2), b, 0), n = ir_vgetlane(t->r, flane(log2), a, 0);
			a64_set_f(t, RD(i), ir_fp(t->r, IR_FMA, IR_ROUND_GUEST, 0, n, m, a64_f(t, log2, RD(i))));
		} else if (log2 > 1 && op == A64_FP_ABD) {
			ir_ref m = ir_vgetlane(t->r, flane(log2), b, 0);
			a64_set_f(t, RD(i), ir_fabs(t->r, a64_scalar2(t, A64_FP_SUB, log2, a64_f(t, log2, RN(i)), m)));
		} else {
			ir_set(t->r, A64_SLOT_V + RD(i), a64_fv(t, op, log2, 1, a, b, d));
		}
		return true;
	}
	if (log2 == 3 && !q)
		return false;
	if (!q) {
		a = a64_low(t, a);
		b = a64_low(t, b);
		d = a64_low(t, d);
	}
	a64_set_v(t, RD(i), q, a64_fp_three_op(t, op, log2, q, a, b, d));
	return true;
}

bool a64_fp_three(T *t, uint32_t i, unsigned arg)
{
	return three(t, i, arg, a64_v(t, RM(i)));
}

bool a64_fp_element(T *t, uint32_t i, unsigned arg)
{
	unsigned log2 = size_of(i, arg), h = i >> 11 & 1, l = i >> 21 & 1, m = i >> 20 & 1, n, rm = RM(i);

	if (log2 == 1)
		n = h << 2 | l << 1 | m, rm &= 15;
	else if (log2 == 2)
		n = h << 1 | l;
	else if (l)
		return false;
	else
		n = h;
	ir_ref lane = ir_vgetlane(t->r, a64_lane(log2), a64_v(t, rm), n);
	return three(t, i, arg, ir_vdup(t->r, IR_V128, a64_lane(log2), lane));
}

static const struct { uint8_t round, exact; } roundings[] = {
	[A64_FP_RINTN - A64_FP_RINTN] = {IR_ROUND_NEAREST, 0}, [A64_FP_RINTM - A64_FP_RINTN] = {IR_ROUND_DOWN, 0},
	[A64_FP_RINTP - A64_FP_RINTN] = {IR_ROUND_UP, 0}, [A64_FP_RINTZ - A64_FP_RINTN] = {IR_ROUND_ZERO, 0},
	[A64_FP_RINTA - A64_FP_RINTN] = {IR_ROUND_AWAY, 0}, [A64_FP_RINTX - A64_FP_RINTN] = {IR_ROUND_GUEST, 1},
	[A64_FP_RINTI - A64_FP_RINTN] = {IR_ROUND_GUEST, 0},
};
static const uint8_t to_int_round[] = {IR_ROUND_NEAREST, IR_ROUND_DOWN, IR_ROUND_AWAY, IR_ROUND_UP, IR_ROUND_ZERO};

static ir_ref rounded(T *t, enum ir_opcode op, unsigned lane, ir_ref a, unsigned round, uint64_t imm)
{
	struct ir_op o = {.op = op, .type = IR_V128, .aux = (uint8_t)lane, .a = a, .x = round, .imm = imm};
	return ir_emit(t->r, &o);
}

static bool scalar_one(T *t, uint32_t i, unsigned op, unsigned log2)
{
	if (log2 > 1 && op >= A64_FP_CVTNS && op <= A64_FP_CVTZU) {
		bool u = op >= A64_FP_CVTNU;
		ir_ref v = ir_ftoi(t->r, log2 == 3 ? IR_I64 : IR_I32, a64_f(t, log2, RN(i)),
				   to_int_round[op - (u ? A64_FP_CVTNU : A64_FP_CVTNS)], u ? 0 : IR_FTOI_SIGNED);
		a64_set_bits(t, RD(i), v);
	} else if (log2 > 1 && (op == A64_FP_SCVTF || op == A64_FP_UCVTF)) {
		ir_ref v = ir_vgetlane(t->r, log2 == 3 ? IR_I64 : IR_I32, a64_v(t, RN(i)), 0);
		a64_set_f(t, RD(i), ir_itof(t->r, flane(log2), v, op == A64_FP_SCVTF, IR_ROUND_GUEST));
	} else {
		ir_set(t->r, A64_SLOT_V + RD(i), a64_fv(t, op, log2, 1, a64_v(t, RN(i)), 0, 0));
	}
	return true;
}

bool a64_fp_one(T *t, uint32_t i, unsigned arg)
{
	unsigned op = arg & 255, log2 = size_of(i, arg), q = a64_q(i);
	enum ir_type lane = flane(log2);

	if (arg & A64_SCALAR)
		return scalar_one(t, i, op, log2);
	if (log2 == 3 && !q)
		return false;
	ir_ref a = input(t, RN(i), q), v;
	bool half = log2 == 1;
	if (op == A64_FP_ABS || op == A64_FP_NEG) {
		v = ir_vec1(t->r, op == A64_FP_ABS ? IR_VFABS : IR_VFNEG, lane, a, 0);
	} else if (!half && op == A64_FP_SQRT) {
		v = ir_vec1(t->r, IR_VFSQRT, lane, a, 0);
	} else if (!half && op >= A64_FP_RINTN && op <= A64_FP_RINTI) {
		v = rounded(t, IR_VFRINT, lane, a, roundings[op - A64_FP_RINTN].round, roundings[op - A64_FP_RINTN].exact);
	} else if (!half && op >= A64_FP_CVTNS && op <= A64_FP_CVTZU) {
		bool u = op >= A64_FP_CVTNU;
		v = rounded(t, IR_VFTOI, lane, a, to_int_round[op - (u ? A64_FP_CVTNU : A64_FP_CVTNS)], u ? 0 : IR_FTOI_SIGNED);
	} else if (!half && (op == A64_FP_SCVTF || op == A64_FP_UCVTF)) {
		v = rounded(t, IR_VITOF, lane, a, IR_ROUND_GUEST, op == A64_FP_SCVTF);
	} else if (!half && op >= A64_FP_CMGT0 && op <= A64_FP_CMLE0) {
		static const uint8_t rel[] = {IR_REL_GT | IR_REL_SIGNALLING, IR_REL_EQ, IR_REL_LT | IR_REL_SIGNALLING,
					      IR_REL_GT | IR_REL_EQ | IR_REL_SIGNALLING, IR_REL_LT | IR_REL_EQ | IR_REL_SIGNALLING};
		v = vfcmp(t, log2, a, a64_zero(t), rel[op - A64_FP_CMGT0]);
	} else {
		v = a64_fv(t, op, log2, (q ? 16u : 8u) >> log2, a, 0, 0);
	}
	a64_set_v(t, RD(i), q, v);
	return true;
}

bool a64_fp_across(T *t, uint32_t i, unsigned arg)
{
	unsigned log2 = arg & A64_HALF ? 1 : 2, count = (a64_q(i) ? 16u : 8u) >> log2;

	ir_set(t->r, A64_SLOT_V + RD(i), a64_call(t, A64_H_fv_reduce, a64_v(t, RN(i)), a64_imm(t, IR_I32, A64_CODE(arg & 255, log2, count)), 0, 0, 0));
	return true;
}

bool a64_fp_pair(T *t, uint32_t i, unsigned arg)
{
	unsigned log2 = size_of(i, arg);

	if (log2 > 1) {
		ir_ref v = a64_v(t, RN(i));
		a64_set_f(t, RD(i), a64_scalar2(t, arg & 255, log2, ir_vgetlane(t->r, flane(log2), v, 0), ir_vgetlane(t->r, flane(log2), v, 1)));
	} else {
		ir_set(t->r, A64_SLOT_V + RD(i), a64_call(t, A64_H_fv_reduce, a64_v(t, RN(i)), a64_imm(t, IR_I32, A64_CODE(arg & 255, 1, 2)), 0, 0, 0));
	}
	return true;
}

/* Between single and double: two lanes. Half: the helper. kind 1: to odd, 2: scalar. */
bool a64_fcvtn(T *t, uint32_t i, unsigned kind)
{
	unsigned wide = i >> 22 & 1, q = a64_q(i);
	ir_ref a = a64_v(t, RN(i)), v;

	v = a64_call(t, A64_H_fv_narrow, a, a64_imm(t, IR_I32, A64_CODE(kind ? 1 : 0, wide ? 3 : 2, kind == 2 ? 1 : wide ? 2 : 4)), 0, 0, 0);
	if (kind == 2)
		ir_set(t->r, A64_SLOT_V + RD(i), v);
	else
		ir_set(t->r, A64_SLOT_V + RD(i), q ? ir_vec2(t->r, IR_VZIPLO, IR_I64, a64_v(t, RD(i)), v, 0) : v);
	return true;
}

bool a64_fcvtl(T *t, uint32_t i, unsigned arg)
{
	unsigned wide = i >> 22 & 1;
	ir_ref a = a64_half(t, a64_v(t, RN(i)), a64_q(i));

	(void)arg;
	ir_set(t->r, A64_SLOT_V + RD(i), a64_call(t, A64_H_fv_widen, a, a64_imm(t, IR_I32, A64_CODE(0, wide ? 2 : 1, wide ? 2 : 4)), 0, 0, 0));
	return true;
}

/* To and from fixed point. */
bool a64_fp_fixed(T *t, uint32_t i, unsigned arg)
{
	unsigned immh = a64_field(i, 19, 4), imm = a64_field(i, 16, 7), log2, q = a64_q(i);

	if (immh < 2)
		return false;
	log2 = 31u - (unsigned)__builtin_clz(immh);
	if ((log2 == 1 && !A64_HAS(t->c, FP16)) || (!(arg & A64_SCALAR) && log2 == 3 && !q))
		return false;
	ir_set(t->r, A64_SLOT_V + RD(i),
	       a64_call(t, A64_H_fv_fixed, a64_v(t, RN(i)),
			a64_imm(t, IR_I32, A64_CODE(arg & 255, log2, arg & A64_SCALAR ? 1 : (q ? 16u : 8u) >> log2)),
			a64_imm(t, IR_I32, (16u << log2) - imm), 0, 0));
	return true;
}

/* ---- complex numbers, half-precision products ---- */

static bool complex_size(T *t, uint32_t i)
{
	unsigned log2 = a64_field(i, 22, 2);
	return log2 && (log2 > 1 || A64_HAS(t->c, FP16)) && (log2 < 3 || a64_q(i));
}

static void fcmla(T *t, uint32_t i, unsigned rot, ir_ref b)
{
	unsigned log2 = a64_field(i, 22, 2);

	ir_set(t->r, A64_SLOT_V + RD(i), a64_call(t, A64_H_fcmla, a64_v(t, RN(i)), b, a64_v(t, RD(i)),
						  a64_imm(t, IR_I32, A64_CODE(rot, log2, (a64_q(i) ? 16u : 8u) >> log2)), 0));
}

bool a64_fcmla(T *t, uint32_t i, unsigned arg)
{
	(void)arg;
	if (!complex_size(t, i))
		return false;
	fcmla(t, i, a64_field(i, 11, 2), a64_v(t, RM(i)));
	return true;
}

bool a64_fcmla_element(T *t, uint32_t i, unsigned arg)
{
	unsigned log2 = a64_field(i, 22, 2), h = i >> 11 & 1, l = i >> 21 & 1;

	(void)arg;
	if (log2 != 1 && log2 != 2)
		return false;
	if ((log2 == 1 && (!A64_HAS(t->c, FP16) || (h && !a64_q(i)))) || (log2 == 2 && (l || !a64_q(i))))
		return false;
	enum ir_type pair = log2 == 1 ? IR_I32 : IR_I64;
	ir_ref e = ir_vgetlane(t->r, pair, a64_v(t, RM(i)), log2 == 1 ? h << 1 | l : h);
	fcmla(t, i, a64_field(i, 13, 2), ir_vdup(t->r, IR_V128, pair, e));
	return true;
}

bool a64_fcadd(T *t, uint32_t i, unsigned arg)
{
	unsigned log2 = a64_field(i, 22, 2);

	(void)arg;
	if (!complex_size(t, i))
		return false;
	ir_set(t->r, A64_SLOT_V + RD(i), a64_call(t, A64_H_fcadd, a64_v(t, RN(i)), a64_v(t, RM(i)),
						  a64_imm(t, IR_I32, A64_CODE(i >> 12 & 1, log2, (a64_q(i) ? 16u : 8u) >> log2)), 0, 0));
	return true;
}

/* how: 1 subtracts, 2 the upper half of the source */
static void fmlal(T *t, uint32_t i, unsigned how, ir_ref b)
{
	ir_set(t->r, A64_SLOT_V + RD(i),
	       a64_call(t, A64_H_fmlal, a64_v(t, RN(i)), b, a64_v(t, RD(i)), a64_imm(t, IR_I32, how | a64_q(i) << 8), 0));
}

bool a64_fmlal(T *t, uint32_t i, unsigned how)
{
	fmlal(t, i, how, a64_v(t, RM(i)));
	return true;
}

bool a64_fmlal_element(T *t, uint32_t i, unsigned how)
{
	unsigned n = (i >> 11 & 1) << 2 | (i >> 21 & 1) << 1 | (i >> 20 & 1);
	ir_ref e = ir_vgetlane(t->r, IR_I16, a64_v(t, RM(i) & 15), n);

	fmlal(t, i, how, ir_vdup(t->r, IR_V128, IR_I16, e));
	return true;
}
