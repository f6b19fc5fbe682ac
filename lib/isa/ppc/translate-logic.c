/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Logical operations, rotates and shifts. Their target is RA, their source RT's field. */
#include "isa/ppc/translate.h"

void ppc_set_ca(T *t, ir_ref ca);

static void finish(T *t, uint32_t i, ir_ref v)
{
	ppc_set(t, RA(i), v);
	ppc_rc(t, i, v);
}

static ir_ref operate(T *t, unsigned op, ir_ref a, ir_ref b)
{
	struct ir_region *r = t->r;

	switch (op) {
	case 0: return ir_and(r, a, b);
	case 1: return ir_andn(r, a, b);
	case 2: return ir_or(r, a, b);
	case 3: return ir_or(r, a, ir_not(r, b));
	case 4: return ir_xor(r, a, b);
	case 5: return ir_not(r, ir_xor(r, a, b));
	case 6: return ir_not(r, ir_and(r, a, b));
	default: return ir_not(r, ir_or(r, a, b));
	}
}

/* op: and or xor, times 2; 1: shifted */
bool ppc_logici(T *t, uint32_t i, unsigned op)
{
	ir_ref v = operate(t, op & 6, ppc_gpr(t, RT(i)), ppc_k(t, UI(i) << (op & 1 ? 16 : 0)));

	ppc_set(t, RA(i), v);
	if (op < 2)
		ppc_rc0(t, v);
	return true;
}

bool ppc_logic(T *t, uint32_t i, unsigned op)
{
	finish(t, i, operate(t, op, ppc_gpr(t, RT(i)), ppc_gpr(t, RB(i))));
	return true;
}

bool ppc_exts(T *t, uint32_t i, unsigned type)
{
	finish(t, i, ir_sext(t->r, t->type, ir_zext(t->r, type, ppc_gpr(t, RT(i)))));
	return true;
}

bool ppc_countz(T *t, uint32_t i, unsigned op)
{
	finish(t, i, ir_zext(t->r, t->type, ir_unary(t->r, op, ppc_w(t, RT(i)))));
	return true;
}

bool ppc_countzd(T *t, uint32_t i, unsigned op)
{
	if (t->type != IR_I64)
		return false;
	finish(t, i, ir_unary(t->r, op, ppc_gpr(t, RT(i))));
	return true;
}

bool ppc_popcnt(T *t, uint32_t i, unsigned log2)
{
	struct ir_region *r = t->r;
	ir_ref v = ppc_gpr(t, RT(i));

	if (log2 == 3 && t->type == IR_I64)
		v = ir_popcnt(r, v);
	else if (log2 == 3)
		return false;
	else if (log2 == 2 && t->type == IR_I32)
		v = ir_popcnt(r, v);
	else
		v = ppc_call(t, PPC_H_popcnt, ir_zext(r, IR_I64, v), ppc_imm(t, IR_I32, log2), 0, 0, 0);
	ppc_set(t, RA(i), v);
	return true;
}

/* Parity of the lowest bits of a word's or doubleword's bytes. */
bool ppc_prty(T *t, uint32_t i, unsigned log2)
{
	ir_ref v = ppc_call(t, PPC_H_prty, ir_zext(t->r, IR_I64, ppc_gpr(t, RT(i))), ppc_imm(t, IR_I32, log2), 0, 0, 0);

	ppc_set(t, RA(i), v);
	return true;
}

bool ppc_bytes(T *t, uint32_t i, unsigned helper)
{
	struct ir_region *r = t->r;

	ppc_set(t, RA(i), ppc_call(t, helper, ir_zext(r, IR_I64, ppc_gpr(t, RT(i))), ir_zext(r, IR_I64, ppc_gpr(t, RB(i))), 0, 0, 0));
	return true;
}

bool ppc_bcd(T *t, uint32_t i, unsigned helper)
{
	ppc_set(t, RA(i), ppc_call(t, helper, ir_zext(t->r, IR_I64, ppc_gpr(t, RT(i))), 0, 0, 0, 0));
	return true;
}

/* ---- rotate ---- */

/* MASK(mb, me) of 64 bits, the manual's numbers */
static uint64_t mask(unsigned mb, unsigned me)
{
	uint64_t from = ~0ull >> mb, to = ~0ull << (63 - me);
	return mb <= me ? from & to : from | to;
}

/* ROTL32 of the low word in both halves, as far as m looks at them. */
static ir_ref rotated(T *t, ir_ref w, ir_ref n, unsigned k, uint64_t m)
{
	struct ir_region *r = t->r;
	ir_ref v = n ? ir_rotl(r, w, n) : ir_rotl_imm(r, w, k);

	v = ir_zext(r, t->type, v);
	if (t->type == IR_I64 && m >> 32)
		v = ir_or(r, v, ir_shl_imm(r, v, 32));
	return v;
}

bool ppc_rlwinm(T *t, uint32_t i, unsigned by_register)
{
	struct ir_region *r = t->r;
	unsigned sh = RB(i), mb = RC(i), me = ppc_field(i, 26, 5), width = me - mb + 1;
	uint64_t m = mask(mb + 32, me + 32);
	ir_ref v;

	if (t->type == IR_I32)
		m = (uint32_t)m;
	if (by_register) {
		v = ir_and_imm(r, rotated(t, ppc_w(t, RT(i)), ppc_w(t, RB(i)), 0, m), m);
	} else if (mb <= me && me == 31 && sh && width <= sh) {
		v = ir_extract(r, ppc_gpr(t, RT(i)), 32 - sh, width);
	} else if (mb <= me && !sh) {
		v = ir_and_imm(r, ppc_gpr(t, RT(i)), m);
	} else if (mb <= me && me <= 31 - sh) { /* nothing comes round */
		v = ir_zext(r, t->type, ir_shl_imm(r, ppc_w(t, RT(i)), sh));
		if (mb || me < 31 - sh)
			v = ir_and_imm(r, v, m);
	} else {
		v = ir_and_imm(r, rotated(t, ppc_w(t, RT(i)), 0, sh, m), m);
	}
	finish(t, i, v);
	return true;
}

bool ppc_rlwimi(T *t, uint32_t i, unsigned arg)
{
	struct ir_region *r = t->r;
	unsigned sh = RB(i), mb = RC(i), me = ppc_field(i, 26, 5);
	uint64_t m = mask(mb + 32, me + 32);
	ir_ref old = ppc_gpr(t, RA(i)), v;

	(void)arg;
	if (mb <= me && sh == 31 - me) {
		v = ir_deposit(r, old, ppc_gpr(t, RT(i)), sh, me - mb + 1);
	} else {
		v = ir_and_imm(r, rotated(t, ppc_w(t, RT(i)), 0, sh, m), t->type == IR_I32 ? (uint32_t)m : m);
		v = ir_or(r, v, ir_and_imm(r, old, t->type == IR_I32 ? (uint32_t)~m : ~m));
	}
	finish(t, i, v);
	return true;
}

/* kind: rldicl rldicr rldic rldimi rldcl rldcr */
bool ppc_rld(T *t, uint32_t i, unsigned kind)
{
	struct ir_region *r = t->r;
	unsigned sh = RB(i) | (i >> 1 & 1) << 5, mb = RC(i) | (i >> 5 & 1) << 5;
	ir_ref s = ppc_gpr(t, RT(i)), v;

	switch (kind) {
	case 0:
		if (sh && 64 - mb <= sh)
			v = ir_extract(r, s, 64 - sh, 64 - mb);
		else
			v = ir_and_imm(r, ir_rotl_imm(r, s, sh), mask(mb, 63));
		break;
	case 1:
		v = mb == 63 - sh ? ir_shl_imm(r, s, sh) : ir_and_imm(r, ir_rotl_imm(r, s, sh), mask(0, mb));
		break;
	case 2:
		if (!mb)
			v = ir_shl_imm(r, s, sh);
		else if (mb <= 63 - sh)
			v = ir_shl_imm(r, ir_and_imm(r, s, mask(mb + sh, 63)), sh);
		else
			v = ir_and_imm(r, ir_rotl_imm(r, s, sh), mask(mb, 63 - sh));
		break;
	case 3: {
		uint64_t m = mask(mb, 63 - sh);
		ir_ref old = ppc_gpr(t, RA(i));
		if (mb <= 63 - sh)
			v = ir_deposit(r, old, s, sh, 64 - sh - mb);
		else
			v = ir_or(r, ir_and_imm(r, ir_rotl_imm(r, s, sh), m), ir_and_imm(r, old, ~m));
		break;
	}
	default:
		v = ir_rotl(r, s, ppc_gpr(t, RB(i)));
		v = ir_and_imm(r, v, kind == 4 ? mask(mb, 63) : mask(0, mb));
	}
	finish(t, i, v);
	return true;
}

/* ---- shift: a word's result comes out of 64 bits, where counts of 32 to 63 do what the manual says ---- */

bool ppc_shift(T *t, uint32_t i, unsigned op)
{
	struct ir_region *r = t->r;
	ir_ref v = ir_binary(r, op, ir_zext(r, IR_I64, ppc_w(t, RT(i))), ir_zext(r, IR_I64, ppc_gpr(t, RB(i))));

	finish(t, i, ir_zext(r, t->type, ir_zext(r, IR_I32, v)));
	return true;
}

bool ppc_shiftd(T *t, uint32_t i, unsigned op)
{
	struct ir_region *r = t->r;
	ir_ref n = ppc_gpr(t, RB(i)), v = ir_binary(r, op, ppc_gpr(t, RT(i)), n);

	finish(t, i, ir_select(r, IR_TSTNZ, n, ppc_k(t, 64), ppc_k(t, 0), v));
	return true;
}

/* CA: negative and ones were lost. x: sign-extended to 64 bits, v: shifted, back: v shifted to the left again */
static void lost(T *t, ir_ref x, ir_ref back)
{
	struct ir_region *r = t->r;
	ir_ref ca = ir_and(r, ir_setcond(r, t->type, IR_LTS, x, ppc_imm(t, IR_I64, 0)), ir_setcond(r, t->type, IR_NE, back, x));

	ppc_set_ca(t, ca);
}

bool ppc_sraw(T *t, uint32_t i, unsigned arg)
{
	struct ir_region *r = t->r;
	ir_ref x = ir_sext(r, IR_I64, ppc_w(t, RT(i))), n = ir_zext(r, IR_I64, ppc_gpr(t, RB(i))), v = ir_sar(r, x, n);

	(void)arg;
	lost(t, x, ir_shl(r, v, n));
	finish(t, i, ir_zext(r, t->type, v));
	return true;
}

static ir_ref shift_right(T *t, ir_ref x, unsigned n)
{
	struct ir_region *r = t->r;

	if (n)
		lost(t, x, ir_and_imm(r, x, ~0ull << n));
	else
		ppc_set_ca(t, ppc_k(t, 0));
	return ir_sar_imm(r, x, n);
}

bool ppc_srawi(T *t, uint32_t i, unsigned arg)
{
	(void)arg;
	finish(t, i, ir_zext(t->r, t->type, shift_right(t, ir_sext(t->r, IR_I64, ppc_w(t, RT(i))), RB(i))));
	return true;
}

bool ppc_sradi(T *t, uint32_t i, unsigned arg)
{
	(void)arg;
	finish(t, i, shift_right(t, ppc_gpr(t, RT(i)), RB(i) | (i >> 1 & 1) << 5));
	return true;
}

bool ppc_srad(T *t, uint32_t i, unsigned arg)
{
	struct ir_region *r = t->r;
	ir_ref x = ppc_gpr(t, RT(i)), n = ppc_gpr(t, RB(i)), many = ir_and_imm(r, n, 64), sign = ir_sar_imm(r, x, 63);
	ir_ref zero = ppc_k(t, 0), s = ir_sar(r, x, n), v = ir_select(r, IR_NE, many, zero, sign, s);

	(void)arg;
	lost(t, x, ir_select(r, IR_NE, many, zero, zero, ir_shl(r, s, n)));
	finish(t, i, v);
	return true;
}

bool ppc_extswsli(T *t, uint32_t i, unsigned arg)
{
	(void)arg;
	if (t->type != IR_I64)
		return false;
	finish(t, i, ir_shl_imm(t->r, ir_sext(t->r, IR_I64, ppc_w(t, RT(i))), RB(i) | (i >> 1 & 1) << 5));
	return true;
}
