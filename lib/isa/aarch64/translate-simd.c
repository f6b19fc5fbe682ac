/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Advanced SIMD integer operations on elements of one size, and those that widen and narrow. */
#include "isa/aarch64/translate-vec.h"

ir_ref a64_vi(T *t, unsigned op, unsigned log2, unsigned count, ir_ref a, ir_ref b, ir_ref d)
{
	return a64_call(t, A64_H_vi, a, b, d ? d : a, a64_imm(t, IR_I32, A64_CODE(op, log2, count)), 0);
}

/* Which operations of the intermediate form are these; IR_NOP: none. */
static enum ir_opcode direct(unsigned op)
{
	switch (op) {
	case A64_VI_SHADD: return IR_VHADDS;
	case A64_VI_UHADD: return IR_VHADDU;
	case A64_VI_SRHADD: return IR_VAVGS;
	case A64_VI_URHADD: return IR_VAVGU;
	case A64_VI_SCMGT: return IR_VCMPGTS;
	case A64_VI_UCMGT: return IR_VCMPGTU;
	case A64_VI_SCMGE: return IR_VCMPGES;
	case A64_VI_UCMGE: return IR_VCMPGEU;
	case A64_VI_SMAX: return IR_VMAXS;
	case A64_VI_UMAX: return IR_VMAXU;
	case A64_VI_SMIN: return IR_VMINS;
	case A64_VI_UMIN: return IR_VMINU;
	case A64_VI_SABD: return IR_VABDS;
	case A64_VI_UABD: return IR_VABDU;
	case A64_VI_ADD: return IR_VADD;
	case A64_VI_SUB: return IR_VSUB;
	case A64_VI_CMTST: return IR_VTST;
	case A64_VI_CMEQ: return IR_VCMPEQ;
	case A64_VI_MUL: return IR_VMUL;
	default: return IR_NOP;
	}
}

/* Pairs of concatenated operands: with 64 bits the two halves are put together first. */
static ir_ref add_pairs(T *t, unsigned log2, unsigned q, ir_ref a, ir_ref b)
{
	if (!q) {
		a = ir_vec2(t->r, IR_VZIPLO, IR_I64, a, b, 0);
		b = a;
	}
	if (log2 == 3 || log2 == 0) {
		ir_ref even = ir_vec2(t->r, IR_VUZPE, a64_lane(log2), a, b, 0);
		return ir_vec2(t->r, IR_VADD, a64_lane(log2), even, ir_vec2(t->r, IR_VUZPO, a64_lane(log2), a, b, 0), 0);
	}
	return ir_vec2(t->r, IR_VPADD, a64_lane(log2), a, b, 0);
}

ir_ref a64_three_op(T *t, unsigned op, unsigned log2, unsigned q, ir_ref a, ir_ref b, ir_ref d)
{
	enum ir_type lane = a64_lane(log2);
	enum ir_opcode ir = direct(op);

	if (ir != IR_NOP)
		return ir_vec2(t->r, ir, lane, a, b, 0);
	switch (op) {
	case A64_VI_SABA: case A64_VI_UABA:
		return ir_vec2(t->r, IR_VADD, lane, d, ir_vec2(t->r, op == A64_VI_SABA ? IR_VABDS : IR_VABDU, lane, a, b, 0), 0);
	case A64_VI_MLA: return ir_vec2(t->r, IR_VADD, lane, d, ir_vec2(t->r, IR_VMUL, lane, a, b, 0), 0);
	case A64_VI_MLS: return ir_vec2(t->r, IR_VSUB, lane, d, ir_vec2(t->r, IR_VMUL, lane, a, b, 0), 0);
	case A64_VI_ADDP: return add_pairs(t, log2, q, a, b);
	case A64_VI_SMAXP: case A64_VI_UMAXP: case A64_VI_SMINP: case A64_VI_UMINP: {
		if (!q) {
			a = ir_vec2(t->r, IR_VZIPLO, IR_I64, a, b, 0);
			b = a;
		}
		ir_ref even = ir_vec2(t->r, IR_VUZPE, lane, a, b, 0), odd = ir_vec2(t->r, IR_VUZPO, lane, a, b, 0);
		return ir_vec2(t->r, op == A64_VI_SMAXP ? IR_VMAXS : op == A64_VI_UMAXP ? IR_VMAXU : op == A64_VI_SMINP ? IR_VMINS : IR_VMINU,
			       lane, even, odd, 0);
	}
	default: return a64_vi(t, op, log2, (q ? 16u : 8u) >> log2, a, b, d);
	}
}

/* Sizes that the manual reserves. */
static bool reserved(unsigned op, unsigned log2, unsigned q, bool scalar)
{
	if (scalar)
		return (op == A64_VI_SQDMULH || op == A64_VI_SQRDMULH || op == A64_VI_SQRDMLAH || op == A64_VI_SQRDMLSH) &&
		       (log2 == 0 || log2 == 3);
	if (log2 == 3 && !q)
		return true;
	switch (op) {
	case A64_VI_SHADD: case A64_VI_UHADD: case A64_VI_SRHADD: case A64_VI_URHADD: case A64_VI_SHSUB: case A64_VI_UHSUB:
	case A64_VI_SMAX: case A64_VI_UMAX: case A64_VI_SMIN: case A64_VI_UMIN: case A64_VI_SABD: case A64_VI_UABD: case A64_VI_SABA:
	case A64_VI_UABA: case A64_VI_MLA: case A64_VI_MLS: case A64_VI_MUL: case A64_VI_SMAXP: case A64_VI_UMAXP: case A64_VI_SMINP:
	case A64_VI_UMINP:
		return log2 == 3;
	case A64_VI_PMUL: return log2 != 0;
	case A64_VI_SQDMULH: case A64_VI_SQRDMULH: case A64_VI_SQRDMLAH: case A64_VI_SQRDMLSH: return log2 == 0 || log2 == 3;
	}
	return false;
}

static bool three(T *t, uint32_t i, unsigned arg, ir_ref b)
{
	unsigned op = arg & 255, log2 = a64_field(i, 22, 2), q = a64_q(i);
	ir_ref a = a64_v(t, RN(i)), d = a64_v(t, RD(i));

	if (arg & A64_SCALAR) {
		if (arg & A64_ONLY64)
			a64_set_v(t, RD(i), 0, a64_three_op(t, op, 3, 0, a, b, d));
		else
			ir_set(t->r, A64_SLOT_V + RD(i), a64_vi(t, op, log2, 1, a, b, d));
		return true;
	}
	a64_set_v(t, RD(i), q, a64_three_op(t, op, log2, q, a, b, d));
	return true;
}

bool a64_three(T *t, uint32_t i, unsigned arg)
{
	unsigned log2 = a64_field(i, 22, 2);

	if (reserved(arg & 255, log2, a64_q(i), arg & A64_SCALAR) || (arg & A64_ONLY64 && log2 != 3))
		return false;
	return three(t, i, arg, a64_v(t, RM(i)));
}

/* The element of Vm that an instruction by element names, in all lanes: 16 bits from V0 to V15, 32 bits. */
static bool element(T *t, uint32_t i, unsigned log2, ir_ref *v)
{
	unsigned h = i >> 11 & 1, l = i >> 21 & 1, m = i >> 20 & 1, rm = RM(i), n;

	if (log2 == 1)
		n = h << 2 | l << 1 | m, rm &= 15;
	else if (log2 == 2)
		n = h << 1 | l;
	else
		return false;
	*v = ir_vdup(t->r, IR_V128, a64_lane(log2), ir_vgetlane(t->r, a64_lane(log2), a64_v(t, rm), n));
	return true;
}

bool a64_three_element(T *t, uint32_t i, unsigned arg)
{
	ir_ref b;

	return element(t, i, a64_field(i, 22, 2), &b) && three(t, i, arg, b);
}

bool a64_bitwise(T *t, uint32_t i, unsigned op)
{
	ir_ref a = a64_v(t, RN(i)), b = a64_v(t, RM(i)), d, v;

	switch (op) {
	case 0: v = ir_vec2(t->r, IR_VAND, IR_I64, a, b, 0); break;
	case 1: v = ir_vec2(t->r, IR_VANDN, IR_I64, a, b, 0); break;
	case 2: v = RN(i) == RM(i) ? a : ir_vec2(t->r, IR_VOR, IR_I64, a, b, 0); break;
	case 3: v = ir_vec2(t->r, IR_VOR, IR_I64, a, ir_vec1(t->r, IR_VNOT, IR_I64, b, 0), 0); break;
	case 4: v = RN(i) == RM(i) ? a64_zero(t) : ir_vec2(t->r, IR_VXOR, IR_I64, a, b, 0); break;
	default:
		d = a64_v(t, RD(i));
		v = op == 5 ? ir_vec3(t->r, IR_VBITSEL, IR_I8, d, a, b, 0) : op == 6 ? ir_vec3(t->r, IR_VBITSEL, IR_I8, b, a, d, 0)
										      : ir_vec3(t->r, IR_VBITSEL, IR_I8, b, d, a, 0);
	}
	a64_set_v(t, RD(i), a64_q(i), v);
	return true;
}

bool a64_dot(T *t, uint32_t i, unsigned op)
{
	ir_set(t->r, A64_SLOT_V + RD(i), a64_vi(t, op, 2, a64_q(i) ? 4 : 2, a64_v(t, RN(i)), a64_v(t, RM(i)), a64_v(t, RD(i))));
	return true;
}

bool a64_dot_element(T *t, uint32_t i, unsigned op)
{
	ir_ref b;

	element(t, i, 2, &b);
	ir_set(t->r, A64_SLOT_V + RD(i), a64_vi(t, op, 2, a64_q(i) ? 4 : 2, a64_v(t, RN(i)), b, a64_v(t, RD(i))));
	return true;
}

/* ---- long, wide, narrow ---- */

static ir_ref widen(T *t, unsigned log2, bool high, bool unsigned_, ir_ref v)
{
	enum ir_opcode op = high ? unsigned_ ? IR_VWIDENHIU : IR_VWIDENHIS : unsigned_ ? IR_VWIDENLOU : IR_VWIDENLOS;
	return ir_vec1(t->r, op, a64_lane(log2), v, 0);
}

static bool long_op(T *t, uint32_t i, unsigned arg, unsigned log2, ir_ref b, bool b_is_dup)
{
	unsigned op = arg & 255, q = a64_q(i);
	bool u = arg & A64_UNSIGNED, high = q && !(arg & A64_SCALAR);
	ir_ref a = a64_v(t, RN(i)), d = a64_v(t, RD(i)), v;
	enum ir_type wide = log2 < 3 ? a64_lane(log2 + 1) : IR_I64;

	(void)b_is_dup;
	if (log2 == 3)
		return false;
	switch (op) {
	case A64_L_ADDL: case A64_L_SUBL:
		v = ir_vec2(t->r, op == A64_L_ADDL ? IR_VADD : IR_VSUB, wide, widen(t, log2, high, u, a), widen(t, log2, high, u, b), 0);
		break;
	case A64_L_ADDW: case A64_L_SUBW:
		v = ir_vec2(t->r, op == A64_L_ADDW ? IR_VADD : IR_VSUB, wide, a, widen(t, log2, high, u, b), 0);
		break;
	case A64_L_ABDL: case A64_L_ABAL:
		v = ir_vec2(t->r, u ? IR_VABDU : IR_VABDS, a64_lane(log2), a, b, 0);
		v = widen(t, log2, high, true, v);
		if (op == A64_L_ABAL)
			v = ir_vec2(t->r, IR_VADD, wide, d, v, 0);
		break;
	case A64_L_MULL: case A64_L_MLAL: case A64_L_MLSL:
		v = ir_vec2(t->r, IR_VMUL, wide, widen(t, log2, high, u, a), widen(t, log2, high, u, b), 0);
		if (op != A64_L_MULL)
			v = ir_vec2(t->r, op == A64_L_MLAL ? IR_VADD : IR_VSUB, wide, d, v, 0);
		break;
	case A64_L_ADDHN: case A64_L_SUBHN: { /* u: rounded */
		unsigned bits = 8u << log2;
		v = ir_vec2(t->r, op == A64_L_ADDHN ? IR_VADD : IR_VSUB, wide, a, b, 0);
		if (u)
			v = ir_vec2(t->r, IR_VADD, wide, v, ir_vdup(t->r, IR_V128, wide, a64_imm(t, wide, 1ull << (bits - 1))), 0);
		v = ir_vec2(t->r, IR_VUZPO, a64_lane(log2), v, v, 0);
		v = q ? ir_vec2(t->r, IR_VZIPLO, IR_I64, d, v, 0) : a64_low(t, v);
		break;
	}
	default: /* saturating doubling */
		if (log2 == 0)
			return false;
		a = a64_half(t, a, high);
		if (!b_is_dup)
			b = a64_half(t, b, high);
		v = a64_call(t, A64_H_qdml, a, b, d, a64_imm(t, IR_I32, A64_CODE(op, log2, arg & A64_SCALAR ? 1 : 8u >> log2)), 0);
	}
	ir_set(t->r, A64_SLOT_V + RD(i), v);
	return true;
}

bool a64_long(T *t, uint32_t i, unsigned arg)
{
	return long_op(t, i, arg, a64_field(i, 22, 2), a64_v(t, RM(i)), false);
}

bool a64_long_element(T *t, uint32_t i, unsigned arg)
{
	unsigned log2 = a64_field(i, 22, 2);
	ir_ref b;

	return element(t, i, log2, &b) && long_op(t, i, arg, log2, b, true);
}

bool a64_pmull(T *t, uint32_t i, unsigned wide)
{
	ir_ref a = a64_half(t, a64_v(t, RN(i)), a64_q(i)), b = a64_half(t, a64_v(t, RM(i)), a64_q(i));

	ir_set(t->r, A64_SLOT_V + RD(i), a64_call(t, A64_H_pmull, a, b, a64_imm(t, IR_I32, wide), 0, 0));
	return true;
}

/* ---- across lanes ---- */

bool a64_across(T *t, uint32_t i, unsigned op)
{
	unsigned log2 = a64_field(i, 22, 2), q = a64_q(i);
	static const uint16_t ir[] = {[A64_A_SMAXV] = IR_VREDMAXS, [A64_A_UMAXV] = IR_VREDMAXU, [A64_A_SMINV] = IR_VREDMINS,
				      [A64_A_UMINV] = IR_VREDMINU, [A64_A_ADDV] = IR_VREDADD};

	if (log2 == 3 || (log2 == 2 && !q))
		return false;
	if (op <= A64_A_UADDLV) {
		ir_ref v = a64_call(t, A64_H_addlv, a64_v(t, RN(i)), a64_imm(t, IR_I32, A64_CODE(op, log2, (q ? 16u : 8u) >> log2)), 0, 0, 0);
		a64_set_bits(t, RD(i), v);
		return true;
	}
	ir_ref v = q ? a64_v(t, RN(i)) : ir_vresize(t->r, IR_V64, a64_v(t, RN(i)));
	a64_set_bits(t, RD(i), ir_vreduce(t->r, ir[op], a64_lane(log2), a64_lane(log2), v));
	return true;
}

bool a64_addp_scalar(T *t, uint32_t i, unsigned arg)
{
	ir_ref v = a64_v(t, RN(i));

	(void)arg;
	a64_set_bits(t, RD(i), ir_add(t->r, ir_vgetlane(t->r, IR_I64, v, 0), ir_vgetlane(t->r, IR_I64, v, 1)));
	return true;
}

/* ---- one source ---- */

static ir_ref against_zero(T *t, unsigned op, enum ir_type lane, ir_ref a)
{
	ir_ref zero = a64_zero(t);

	switch (op) {
	case A64_VM_CMGT0: return ir_vec2(t->r, IR_VCMPGTS, lane, a, zero, 0);
	case A64_VM_CMEQ0: return ir_vec2(t->r, IR_VCMPEQ, lane, a, zero, 0);
	case A64_VM_CMLT0: return ir_vec2(t->r, IR_VCMPGTS, lane, zero, a, 0);
	case A64_VM_CMGE0: return ir_vec2(t->r, IR_VCMPGES, lane, a, zero, 0);
	default: return ir_vec2(t->r, IR_VCMPGES, lane, zero, a, 0);
	}
}

static bool misc_reserved(unsigned op, unsigned log2, unsigned q)
{
	switch (op) {
	case A64_VM_REV64: return log2 == 3;
	case A64_VM_REV16: return log2 != 0;
	case A64_VM_REV32: return log2 > 1;
	case A64_VM_CLS: case A64_VM_CLZ: case A64_VM_SADDLP: case A64_VM_UADDLP: case A64_VM_SADALP: case A64_VM_UADALP: return log2 == 3;
	case A64_VM_CNT: return log2 != 0;
	case A64_VM_NOT: case A64_VM_RBIT: case A64_VM_URECPE: case A64_VM_URSQRTE: return false;
	default: return log2 == 3 && !q;
	}
}

bool a64_misc(T *t, uint32_t i, unsigned arg)
{
	unsigned op = arg & 255, log2 = a64_field(i, 22, 2), q = a64_q(i);
	bool scalar = arg & A64_SCALAR;
	ir_ref a = a64_v(t, RN(i)), v;
	enum ir_type lane = a64_lane(log2);

	if (scalar ? arg & A64_ONLY64 && log2 != 3 : misc_reserved(op, log2, q))
		return false;
	switch (op) {
	case A64_VM_REV64: case A64_VM_REV32: case A64_VM_REV16: {
		/* Bytes of the container reversed, then those of each element again. */
		enum ir_type container = op == A64_VM_REV64 ? IR_I64 : op == A64_VM_REV32 ? IR_I32 : IR_I16;
		v = ir_vec1(t->r, IR_VBSWAP, container, a, 0);
		if (log2)
			v = ir_vec1(t->r, IR_VBSWAP, lane, v, 0);
		break;
	}
	case A64_VM_CLZ: v = ir_vec1(t->r, IR_VCLZ, lane, a, 0); break;
	case A64_VM_CNT: v = ir_vec1(t->r, IR_VPOPCNT, IR_I8, a, 0); break;
	case A64_VM_NOT: v = ir_vec1(t->r, IR_VNOT, IR_I8, a, 0); break;
	case A64_VM_RBIT: v = ir_vec1(t->r, IR_VBITREV, IR_I8, a, 0); break;
	case A64_VM_ABS: v = ir_vec1(t->r, IR_VABS, lane, a, 0); break;
	case A64_VM_NEG: v = ir_vec1(t->r, IR_VNEG, lane, a, 0); break;
	case A64_VM_CMGT0: case A64_VM_CMEQ0: case A64_VM_CMLT0: case A64_VM_CMGE0: case A64_VM_CMLE0:
		v = against_zero(t, op, lane, a);
		break;
	case A64_VM_URECPE: case A64_VM_URSQRTE: log2 = 2;
		/* fall through */
	default:
		v = a64_call(t, A64_H_vm, a, a64_v(t, RD(i)),
			     a64_imm(t, IR_I32, A64_CODE(op, log2, scalar ? 1 : (q ? 16u : 8u) >> log2)), 0, 0);
		ir_set(t->r, A64_SLOT_V + RD(i), v);
		return true;
	}
	a64_set_v(t, RD(i), scalar ? 0 : q, v);
	return true;
}

/* log2: of the narrow element. */
static void narrow(T *t, uint32_t i, unsigned arg, unsigned log2, unsigned shift)
{
	unsigned op = arg & 255, q = a64_q(i);
	ir_ref a = a64_v(t, RN(i)), v;

	if ((op == A64_N_XTN || op == A64_N_SHRN) && !(arg & A64_SCALAR)) {
		if (shift)
			a = ir_vec1(t->r, IR_VSHRI, a64_lane(log2 + 1), a, shift);
		v = ir_vec2(t->r, IR_VUZPE, a64_lane(log2), a, a, 0);
	} else {
		v = a64_call(t, A64_H_narrow, a, a64_imm(t, IR_I32, A64_CODE(op, log2, arg & A64_SCALAR ? 1 : 8u >> log2)),
			     a64_imm(t, IR_I32, shift), 0, 0);
	}
	if (arg & A64_SCALAR || !q)
		v = a64_low(t, v);
	else
		v = ir_vec2(t->r, IR_VZIPLO, IR_I64, a64_v(t, RD(i)), v, 0);
	ir_set(t->r, A64_SLOT_V + RD(i), v);
}

bool a64_narrow(T *t, uint32_t i, unsigned arg)
{
	unsigned log2 = a64_field(i, 22, 2);

	if (log2 == 3)
		return false;
	narrow(t, i, arg, log2, 0);
	return true;
}

bool a64_shll(T *t, uint32_t i, unsigned arg)
{
	unsigned log2 = a64_field(i, 22, 2);

	(void)arg;
	if (log2 == 3)
		return false;
	ir_set(t->r, A64_SLOT_V + RD(i),
	       ir_vec1(t->r, IR_VSHLI, a64_lane(log2 + 1), widen(t, log2, a64_q(i), true, a64_v(t, RN(i))), 8u << log2));
	return true;
}

/* ---- shifts by a constant: immh tells the size ---- */

static bool shift_size(uint32_t i, bool left, unsigned *log2, unsigned *n)
{
	unsigned immh = a64_field(i, 19, 4), imm = a64_field(i, 16, 7);

	if (!immh)
		return false;
	*log2 = 31u - (unsigned)__builtin_clz(immh);
	*n = left ? imm - (8u << *log2) : (16u << *log2) - imm;
	return true;
}

bool a64_shift(T *t, uint32_t i, unsigned arg)
{
	unsigned op = arg & 255, log2, n, q = a64_q(i);
	bool scalar = arg & A64_SCALAR;

	if (!shift_size(i, op >= A64_SH_SHL, &log2, &n) || (arg & A64_ONLY64 && log2 != 3) || (!scalar && log2 == 3 && !q))
		return false;
	enum ir_type lane = a64_lane(log2);
	ir_ref a = a64_v(t, RN(i)), d = a64_v(t, RD(i)), v;
	switch (op) {
	case A64_SH_SSHR: v = ir_vec1(t->r, IR_VSARI, lane, a, n); break;
	case A64_SH_USHR: v = ir_vec1(t->r, IR_VSHRI, lane, a, n); break;
	case A64_SH_SSRA: v = ir_vec2(t->r, IR_VADD, lane, d, ir_vec1(t->r, IR_VSARI, lane, a, n), 0); break;
	case A64_SH_USRA: v = ir_vec2(t->r, IR_VADD, lane, d, ir_vec1(t->r, IR_VSHRI, lane, a, n), 0); break;
	case A64_SH_SHL: v = ir_vec1(t->r, IR_VSHLI, lane, a, n); break;
	default:
		v = a64_call(t, A64_H_shift, a, d, a64_imm(t, IR_I32, A64_CODE(op, log2, scalar ? 1 : (q ? 16u : 8u) >> log2)),
			     a64_imm(t, IR_I32, n), 0);
		ir_set(t->r, A64_SLOT_V + RD(i), v);
		return true;
	}
	a64_set_v(t, RD(i), scalar ? 0 : q, v);
	return true;
}

bool a64_shift_narrow(T *t, uint32_t i, unsigned arg)
{
	unsigned log2, n;

	if (!shift_size(i, false, &log2, &n) || log2 == 3)
		return false;
	narrow(t, i, arg, log2, n);
	return true;
}

bool a64_shift_long(T *t, uint32_t i, unsigned unsigned_)
{
	unsigned log2, n;

	if (!shift_size(i, true, &log2, &n) || log2 == 3)
		return false;
	ir_ref v = widen(t, log2, a64_q(i), unsigned_, a64_v(t, RN(i)));
	ir_set(t->r, A64_SLOT_V + RD(i), n ? ir_vec1(t->r, IR_VSHLI, a64_lane(log2 + 1), v, n) : v);
	return true;
}
