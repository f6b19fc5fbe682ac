/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Fixed-point arithmetic and comparison. */
#include "isa/ppc/translate.h"

static bool v300(const T *t) { return PPC_HAS(t->c, V300); }

static void set_ca(T *t, ir_ref ca, ir_ref ca32)
{
	ir_set(t->r, PPC_SLOT_CA, ca);
	if (v300(t))
		ir_set(t->r, PPC_SLOT_CA32, ca32 ? ca32 : ca);
}

void ppc_set_ca(T *t, ir_ref ca)
{
	set_ca(t, ca, 0);
}

/* ov, ov32: i32 or wider, 1 or 0 */
static void set_ov(T *t, ir_ref ov, ir_ref ov32)
{
	struct ir_region *r = t->r;

	ov = ir_zext(r, IR_I8, ov);
	ir_set(r, PPC_SLOT_OV, ov);
	ir_set(r, PPC_SLOT_SO, ir_or(r, ir_get(r, PPC_SLOT_SO), ov));
	if (v300(t))
		ir_set(r, PPC_SLOT_OV32, ir_zext(r, IR_I8, ov32));
}

/* Overflow of a + b + carry = v; of the low 32 bits too. */
static void overflow(T *t, ir_ref a, ir_ref b, ir_ref v)
{
	struct ir_region *r = t->r;
	ir_ref x = ir_and(r, ir_xor(r, a, v), ir_xor(r, b, v)), low = ir_extract(r, x, 31, 1);

	set_ov(t, ppc_wide(t) ? ir_extract(r, x, 63, 1) : low, low);
}

/* The carry into bit 32 of a + b + carry = v. */
static ir_ref carry32(T *t, ir_ref a, ir_ref b, ir_ref v)
{
	return ir_extract(t->r, ir_xor(t->r, ir_xor(t->r, a, b), v), 32, 1);
}

/* v = a + b + cin with its flags; cin 0: none */
static ir_ref add_carry(T *t, ir_ref a, ir_ref b, ir_ref cin)
{
	struct ir_region *r = t->r;
	ir_ref v = ir_add(r, a, b), ca, ca32 = 0;

	ca = ir_setcond(r, t->type, IR_LTU, v, a);
	if (cin) {
		ir_ref w = ir_add(r, v, cin);
		ca = ir_or(r, ca, ir_setcond(r, t->type, IR_LTU, w, v));
		v = w;
	}
	if (t->narrow || (v300(t) && t->type == IR_I64))
		ca32 = carry32(t, a, b, v);
	if (t->narrow)
		ca = ca32;
	set_ca(t, ca, ca32);
	return v;
}

static void finish(T *t, uint32_t i, ir_ref v)
{
	ppc_set(t, RT(i), v);
	ppc_rc(t, i, v);
}

#define OE(i) ((i) >> 10 & 1)

bool ppc_addi(T *t, uint32_t i, unsigned shift)
{
	uint64_t imm = (uint64_t)SI(i) << shift;

	ppc_set(t, RT(i), RA(i) ? ir_add_imm(t->r, ppc_gpr(t, RA(i)), imm) : ppc_k(t, imm));
	return true;
}

bool ppc_addic(T *t, uint32_t i, unsigned rc)
{
	ir_ref v = add_carry(t, ppc_gpr(t, RA(i)), ppc_k(t, (uint64_t)SI(i)), 0);

	ppc_set(t, RT(i), v);
	if (rc)
		ppc_rc0(t, v);
	return true;
}

/* b - a with CA and, at will, OV */
static ir_ref subtract_carry(T *t, ir_ref a, ir_ref b, bool oe)
{
	struct ir_region *r = t->r;
	ir_ref v = ir_sub(r, b, a), ca = ir_setcond(r, t->type, IR_GEU, b, a), ca32 = 0, not_a = 0;

	if (oe || t->narrow || (v300(t) && t->type == IR_I64))
		not_a = ir_not(r, a);
	if (t->narrow || (v300(t) && t->type == IR_I64))
		ca32 = carry32(t, not_a, b, v);
	set_ca(t, t->narrow ? ca32 : ca, ca32);
	if (oe)
		overflow(t, not_a, b, v);
	return v;
}

bool ppc_subfic(T *t, uint32_t i, unsigned arg)
{
	(void)arg;
	ppc_set(t, RT(i), subtract_carry(t, ppc_gpr(t, RA(i)), ppc_k(t, (uint64_t)SI(i)), false));
	return true;
}

bool ppc_mulli(T *t, uint32_t i, unsigned arg)
{
	(void)arg;
	ppc_set(t, RT(i), ir_mul_imm(t->r, ppc_gpr(t, RA(i)), (uint64_t)SI(i)));
	return true;
}

bool ppc_add(T *t, uint32_t i, unsigned subtract)
{
	ir_ref a = ppc_gpr(t, RA(i)), b = ppc_gpr(t, RB(i)), v = subtract ? ir_sub(t->r, b, a) : ir_add(t->r, a, b);

	if (OE(i))
		overflow(t, subtract ? ir_not(t->r, a) : a, b, v);
	finish(t, i, v);
	return true;
}

bool ppc_addc(T *t, uint32_t i, unsigned subtract)
{
	ir_ref a = ppc_gpr(t, RA(i)), b = ppc_gpr(t, RB(i)), v;

	if (subtract) {
		v = subtract_carry(t, a, b, OE(i));
	} else {
		v = add_carry(t, a, b, 0);
		if (OE(i))
			overflow(t, a, b, v);
	}
	finish(t, i, v);
	return true;
}

/* kind: 1 of the complement; 0 RB, 2 minus one, 4 zero */
bool ppc_adde(T *t, uint32_t i, unsigned kind)
{
	ir_ref a = ppc_gpr(t, RA(i)), b = kind < 2 ? ppc_gpr(t, RB(i)) : ppc_k(t, kind < 4 ? ~0ull : 0), v;

	if (kind & 1)
		a = ir_not(t->r, a);
	v = add_carry(t, a, b, ir_get(t->r, PPC_SLOT_CA));
	if (OE(i))
		overflow(t, a, b, v);
	finish(t, i, v);
	return true;
}

bool ppc_neg(T *t, uint32_t i, unsigned arg)
{
	struct ir_region *r = t->r;
	ir_ref a = ppc_gpr(t, RA(i)), v = ir_neg(r, a);

	(void)arg;
	if (OE(i)) {
		ir_ref low = ir_setcond(r, IR_I32, IR_EQ, ir_zext(r, IR_I32, a), ppc_imm(t, IR_I32, 1u << 31));
		set_ov(t, ppc_wide(t) ? ir_setcond(r, IR_I32, IR_EQ, a, ppc_imm(t, IR_I64, 1ull << 63)) : low, low);
	}
	finish(t, i, v);
	return true;
}

/* CY 0: OV is the carry in and out */
bool ppc_addex(T *t, uint32_t i, unsigned arg)
{
	struct ir_region *r = t->r;
	ir_ref a = ppc_gpr(t, RA(i)), b = ppc_gpr(t, RB(i)), s, v, c;

	(void)arg;
	s = ir_add(r, a, b);
	v = ir_add(r, s, ir_zext(r, t->type, ir_get(r, PPC_SLOT_OV)));
	c = ir_or(r, ir_setcond(r, IR_I32, IR_LTU, s, a), ir_setcond(r, IR_I32, IR_LTU, v, s));
	ir_ref low = t->type == IR_I64 ? carry32(t, a, b, v) : c;
	ir_set(r, PPC_SLOT_OV, ir_zext(r, IR_I8, t->narrow ? low : c));
	ir_set(r, PPC_SLOT_OV32, ir_zext(r, IR_I8, low));
	ppc_set(t, RT(i), v);
	return true;
}

/* ---- multiply ---- */

static ir_ref s64(T *t, unsigned n) { return ir_sext(t->r, IR_I64, ppc_w(t, n)); }
static ir_ref u64(T *t, unsigned n) { return ir_zext(t->r, IR_I64, ppc_w(t, n)); }

bool ppc_mull(T *t, uint32_t i, unsigned wide)
{
	struct ir_region *r = t->r;
	ir_ref v, ov;

	if (wide) {
		ir_ref a = ppc_gpr(t, RA(i)), b = ppc_gpr(t, RB(i));
		v = ir_mul(r, a, b);
		if (OE(i)) {
			ov = ir_setcond(r, IR_I32, IR_NE, ir_mulhs(r, a, b), ir_sar_imm(r, v, 63));
			set_ov(t, ov, ov);
		}
	} else if (t->type == IR_I32 && !OE(i)) {
		v = ir_mul(r, ppc_gpr(t, RA(i)), ppc_gpr(t, RB(i)));
	} else {
		ir_ref p = ir_mul(r, s64(t, RA(i)), s64(t, RB(i)));
		if (OE(i)) {
			ov = ir_setcond(r, IR_I32, IR_NE, ir_sext(r, IR_I64, ir_zext(r, IR_I32, p)), p);
			set_ov(t, ov, ov);
		}
		v = ir_zext(r, t->type, p);
	}
	finish(t, i, v);
	return true;
}

bool ppc_mulh(T *t, uint32_t i, unsigned op)
{
	struct ir_region *r = t->r;
	bool s = op == IR_MULHS;
	ir_ref p = ir_mul(r, s ? s64(t, RA(i)) : u64(t, RA(i)), s ? s64(t, RB(i)) : u64(t, RB(i)));

	finish(t, i, ir_zext(r, t->type, ir_shr_imm(r, p, 32)));
	return true;
}

bool ppc_mulhd(T *t, uint32_t i, unsigned op)
{
	finish(t, i, ir_binary(t->r, op, ppc_gpr(t, RA(i)), ppc_gpr(t, RB(i))));
	return true;
}

/* kind: 0 high signed, 1 high unsigned, 2 low: RA * RB + RC */
bool ppc_madd(T *t, uint32_t i, unsigned kind)
{
	struct ir_region *r = t->r;
	ir_ref a = ppc_gpr(t, RA(i)), b = ppc_gpr(t, RB(i)), c = ppc_gpr(t, RC(i)), low, v;

	if (t->type != IR_I64)
		return false;
	low = ir_mul(r, a, b);
	v = ir_add(r, low, c);
	if (kind < 2) {
		ir_ref carry = ir_setcond(r, IR_I64, IR_LTU, v, c);
		v = ir_add(r, kind ? ir_mulhu(r, a, b) : ir_mulhs(r, a, b), carry);
		if (!kind)
			v = ir_add(r, v, ir_sar_imm(r, c, 63));
	}
	ppc_set(t, RT(i), v);
	return true;
}

/* ---- divide: what is undefined divides by one ---- */

static ir_ref divide(T *t, uint32_t i, unsigned op, ir_ref a, ir_ref b)
{
	struct ir_region *r = t->r;
	enum ir_type type = r->temp[a].type;
	ir_ref zero = ppc_imm(t, type, 0), one = ppc_imm(t, type, 1);
	ir_ref v = ir_binary(r, op, a, ir_select(r, IR_EQ, b, zero, one, b));

	if (OE(i) && op <= IR_DIVS) {
		ir_ref ov = ir_setcond(r, IR_I32, IR_EQ, b, zero);
		if (op == IR_DIVS) {
			ir_ref least = ppc_imm(t, type, type == IR_I64 ? 1ull << 63 : 1ull << 31);
			ov = ir_or(r, ov, ir_and(r, ir_setcond(r, IR_I32, IR_EQ, b, ppc_imm(t, type, ~0ull)), ir_setcond(r, IR_I32, IR_EQ, a, least)));
		}
		set_ov(t, ov, ov);
	}
	return v;
}

bool ppc_divw(T *t, uint32_t i, unsigned op)
{
	finish(t, i, ir_zext(t->r, t->type, divide(t, i, op, ppc_w(t, RA(i)), ppc_w(t, RB(i)))));
	return true;
}

bool ppc_divd(T *t, uint32_t i, unsigned op)
{
	finish(t, i, divide(t, i, op, ppc_gpr(t, RA(i)), ppc_gpr(t, RB(i))));
	return true;
}

bool ppc_mod(T *t, uint32_t i, unsigned op)
{
	ir_ref v = divide(t, 0, op, ppc_w(t, RA(i)), ppc_w(t, RB(i)));

	if (op == IR_REMS)
		ppc_set_s(t, RT(i), v);
	else
		ppc_set(t, RT(i), v);
	return true;
}

bool ppc_modd(T *t, uint32_t i, unsigned op)
{
	if (t->type != IR_I64)
		return false;
	ppc_set(t, RT(i), divide(t, 0, op, ppc_gpr(t, RA(i)), ppc_gpr(t, RB(i))));
	return true;
}

/* kind: 1 unsigned, 2 doublewords */
bool ppc_dive(T *t, uint32_t i, unsigned kind)
{
	struct ir_region *r = t->r;
	ir_ref a = ir_zext(r, IR_I64, ppc_gpr(t, RA(i))), b = ir_zext(r, IR_I64, ppc_gpr(t, RB(i))), k = ppc_imm(t, IR_I32, kind);
	ir_ref v = ppc_call(t, PPC_H_dive, a, b, k, 0, 0);

	if (kind & 2 && t->type != IR_I64)
		return false;
	if (OE(i)) {
		ir_ref ov = ppc_call(t, PPC_H_dive_overflows, a, b, k, 0, 0);
		set_ov(t, ov, ov);
	}
	finish(t, i, ir_zext(r, t->type, v));
	return true;
}

/* ---- compare ---- */

bool ppc_cmpi(T *t, uint32_t i, unsigned logical)
{
	bool wide = RT(i) & 1;
	uint64_t imm = logical ? UI(i) : (uint64_t)SI(i);

	if (wide && t->type != IR_I64)
		return false;
	ppc_cr_compare(t, RT(i) >> 2, !logical, wide ? ppc_gpr(t, RA(i)) : ppc_w(t, RA(i)), ppc_imm(t, wide ? IR_I64 : IR_I32, imm));
	return true;
}

bool ppc_cmp(T *t, uint32_t i, unsigned logical)
{
	bool wide = RT(i) & 1;

	if (wide && t->type != IR_I64)
		return false;
	ppc_cr_compare(t, RT(i) >> 2, !logical, wide ? ppc_gpr(t, RA(i)) : ppc_w(t, RA(i)), wide ? ppc_gpr(t, RB(i)) : ppc_w(t, RB(i)));
	return true;
}

bool ppc_cmprb(T *t, uint32_t i, unsigned equal)
{
	struct ir_region *r = t->r;
	ir_ref k = ppc_imm(t, IR_I32, equal ? 2 : RT(i) & 1);
	ir_ref v = ppc_call(t, PPC_H_cmprb, ir_zext(r, IR_I64, ppc_gpr(t, RA(i))), ir_zext(r, IR_I64, ppc_gpr(t, RB(i))), k, 0, 0);

	ppc_cr_set(t, RT(i) >> 2, v);
	return true;
}

bool ppc_addg6s(T *t, uint32_t i, unsigned arg)
{
	struct ir_region *r = t->r;

	(void)arg;
	ppc_set(t, RT(i), ppc_call(t, PPC_H_addg6s, ir_zext(r, IR_I64, ppc_gpr(t, RA(i))), ir_zext(r, IR_I64, ppc_gpr(t, RB(i))), 0, 0, 0));
	return true;
}
