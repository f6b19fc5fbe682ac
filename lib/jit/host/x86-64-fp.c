/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Floating point by the host's instructions, where that gives the guest's result but for rare cases, which the operation's
 * cold path gives to lib/fpu again with the operands still at hand: a NaN result (each guest has its own NaN rules), an
 * integer that does not fit, and for guests that find tininess before rounding a result of ± the smallest normal number,
 * which may have been tiny before. The host's sticky flags are the guest's while translated code runs (run.c).
 */
#include "fpu/fpu.h"
#include "jit/host/x86-64-t1.h"

/* The cold path comes back right behind the jump to it: what follows may move values to other places. */
static void cold(struct t1_gen *g, unsigned cc, unsigned d, unsigned a, unsigned b, unsigned c)
{
	g->p = e_jcc(g->p, cc, g->p);
	if (g->colds >= sizeof g->cold / sizeof g->cold[0]) {
		g->failed = true;
		return;
	}
	g->cold[g->colds++] = (struct t1_cold){.kind = T1_COLD_FP, .reg = (uint8_t)d, .from = g->p, .back = g->p, .op = g->at,
					       .arg = {(uint8_t)a, (uint8_t)b, (uint8_t)c}};
}

#define NO 0xff

/* The cold path of the last check() comes back here: what is between is done by it, too. No value was moved since. */
static void cold_ends(struct t1_gen *g)
{
	if (!g->failed)
		g->cold[g->colds - 1].back = g->p;
}

static unsigned prefix(unsigned type) { return type == IR_F64 ? O_F2 | O_0F : O_F3 | O_0F; }

static void check_nan(struct t1_gen *g, unsigned type, unsigned d, unsigned a, unsigned b, unsigned c)
{
	INS((type == IR_F64 ? O_66 : 0u) | O_0F | 0x2e, d, rm_reg(d)); /* ucomis */
	cold(g, CC_P, d, a, b, c);
}

/*
 * NaN, or ± the smallest normal number where tininess is found before rounding: |d| compared with that number is "equal" for both, as
 * unordered sets the zero flag too.
 */
static void check(struct t1_gen *g, unsigned type, unsigned d, unsigned a, unsigned b, unsigned c)
{
	bool wide = type == IR_F64;

	if (!g->guest->fpu_tiny_before) {
		check_nan(g, type, d, a, b, c);
		return;
	}
	t1_constant_op(g, O_0F | 0x54, 31, d, wide ? T1_CONST_ABS64 : T1_CONST_ABS32); /* andps */
	INS((wide ? O_66 : 0u) | O_0F | 0x2e, 31, rm_rip());
	t1_rip_fix(g, wide ? T1_CONST_LEAST64 : T1_CONST_LEAST32, 0);
	cold(g, CC_E, d, a, b, c);
}

/* d = op a, one scalar; the rest of d is a's where the host can, so that d does not wait for what was in it. */
static void merged(struct t1_gen *g, unsigned op, const struct ir_op *o, unsigned d, unsigned a)
{
	if (t1_host.avx) {
		g->p = asm_vex(g->p, op, false, d, a, rm_reg(a));
		g->loc[o->dst].low = g->loc[o->a].low;
	} else {
		INS(op, d, rm_reg(a));
	}
}

static bool arithmetic(struct t1_gen *g, const struct ir_op *o)
{
	static const uint8_t code[] = {[IR_FADD - IR_FADD] = 0x58, [IR_FSUB - IR_FADD] = 0x5c,
				       [IR_FMUL - IR_FADD] = 0x59, [IR_FDIV - IR_FADD] = 0x5e};
	unsigned type = o->type, pp = prefix(type), a = t1_xmm(g, o->a), b, d;

	if (o->op == IR_FSQRT) {
		d = t1_dest_xmm(g, o->dst, 0);
		merged(g, pp | 0x51, o, d, a);
		check_nan(g, type, d, a, NO, NO);
		return true;
	}
	b = o->b == o->a ? a : t1_xmm(g, o->b);
	d = t1_dest_xmm(g, o->dst, 0);
	t1_op3(g, pp | code[o->op - IR_FADD], d, a, b);
	g->loc[o->dst].low = g->loc[o->a].low;
	if (o->op == IR_FMUL || o->op == IR_FDIV)
		check(g, type, d, a, b, NO);
	else
		check_nan(g, type, d, a, b, NO);
	return true;
}

static bool multiply_add(struct t1_gen *g, const struct ir_op *o)
{
	static const uint8_t code[] = {0xb9, 0xbd, 0xbb, 0xbf}; /* 231 forms: product negated 1, addend negated 2 */

	if (!t1_host.fma)
		return false;
	unsigned a = t1_xmm(g, o->a), b = t1_xmm(g, o->b), c = t1_xmm(g, o->c), d = t1_dest_xmm(g, o->dst, 0);
	t1_mov(g, d, c, IR_V128);
	g->loc[o->dst].low = g->loc[o->c].low;
	g->p = asm_vex(g->p, O_66 | O_0F38 | code[o->aux & 3] | (o->type == IR_F64 ? O_W : 0), false, d, a, rm_reg(b));
	check(g, o->type, d, a, b, c);
	if (o->aux & FPU_NEG_RESULT) {
		/* behind the rounding */
		t1_constant_op(g, O_0F | 0x57, d, d, o->type == IR_F64 ? T1_CONST_SIGNBIT64 : T1_CONST_SIGNBIT32);
		cold_ends(g);
	}
	return true;
}

/*
 * IR_ROUND_SINGLE by two roundings, to a double and to a single. That is the same but where the double lies in the middle between two
 * singles, or the result is below a single's normal range: then lib/fpu does it, as for NaNs.
 */
static bool single_precision(struct t1_gen *g, const struct ir_op *o)
{
	static const uint8_t code[] = {[IR_FADD - IR_FADD] = 0x58, [IR_FSUB - IR_FADD] = 0x5c,
				       [IR_FMUL - IR_FADD] = 0x59, [IR_FDIV - IR_FADD] = 0x5e};
	static const uint8_t fused[] = {0xb9, 0xbd, 0xbb, 0xbf};
	unsigned a, b = NO, c = NO, d, e, t, first = g->colds;
	bool fma = o->op == IR_FMA, low;

	if (!t1_host.avx || (fma && !t1_host.fma))
		return false;
	a = t1_xmm(g, o->a);
	if (o->b)
		b = o->b == o->a ? a : t1_xmm(g, o->b);
	if (o->c)
		c = t1_xmm(g, o->c);
	low = g->loc[fma ? o->c : o->a].low;
	e = t1_alloc_xmm(g);
	d = t1_dest_xmm(g, o->dst, 0);
	t = t1_alloc(g);
	if (fma) {
		t1_mov(g, e, c, IR_V128);
		g->p = asm_vex(g->p, O_66 | O_0F38 | O_W | fused[o->aux & 3], false, e, a, rm_reg(b));
	} else if (o->op == IR_FSQRT) {
		g->p = asm_vex(g->p, O_F2 | O_0F | 0x51, false, e, a, rm_reg(a));
	} else {
		g->p = asm_vex(g->p, O_F2 | O_0F | code[o->op - IR_FADD], false, e, a, rm_reg(b));
	}
	g->p = asm_vex(g->p, O_F2 | O_0F | 0x5a, false, 31, e, rm_reg(e)); /* cvtsd2ss */
	g->p = asm_vex(g->p, O_F3 | O_0F | 0x5a, false, d, 31, rm_reg(31)); /* cvtss2sd */
	g->loc[o->dst].low = low;
	INS(O_66 | O_0F | 0x7e, e, rm_reg(t));
	INS(0x81, 4, rm_reg(t));
	g->p = e_u32(g->p, 0x1fffffff);
	INS(0x81, 7, rm_reg(t));
	g->p = e_u32(g->p, 0x10000000);
	cold(g, CC_E, d, a, b, c);
	t1_constant_op(g, O_0F | 0x54, 31, d, T1_CONST_ABS64);
	INS(O_66 | O_0F | 0x2e, 31, rm_rip());
	t1_rip_fix(g, T1_CONST_LEAST_SINGLE, 0);
	g->p = e_u16(g->p, 0x77); /* ja */
	uint8_t *from = g->p;
	INS(O_66 | O_W | O_0F | 0x7e, e, rm_reg(t)); /* only a zero is left */
	INS(0x03 | O_W, t, rm_reg(t));
	cold(g, CC_NE, d, a, b, c);
	from[-1] = (uint8_t)(g->p - from);
	if (fma && o->aux & FPU_NEG_RESULT)
		t1_constant_op(g, O_0F | 0x57, d, d, T1_CONST_SIGNBIT64);
	if (!g->failed)
		for (unsigned i = first; i < g->colds; i++)
			g->cold[i].back = g->p;
	return true;
}

static bool compare(struct t1_gen *g, const struct ir_op *o, unsigned src)
{
	unsigned a = t1_xmm(g, o->a), b = o->b == o->a ? a : t1_xmm(g, o->b), d = t1_dest(g, o->dst, 0), t = t1_alloc(g);

	INS((src == IR_F64 ? O_66 : 0u) | O_0F | (o->aux & 1 ? 0x2f : 0x2e), a, rm_reg(b));
	cold(g, CC_P, d, a, b, NO);
	t1_imm(g, d, IR_REL_GT);
	t1_imm(g, t, IR_REL_LT);
	INS(O_0F | 0x40 | CC_B, d, rm_reg(t));
	t1_imm(g, t, IR_REL_EQ);
	INS(O_0F | 0x40 | CC_E, d, rm_reg(t));
	cold_ends(g);
	return true;
}

/* To unsigned the host would convert as signed in 64 bits, and raise inexact where the guest's is invalid only. */
static bool to_integer(struct t1_gen *g, const struct ir_op *o, unsigned src)
{
	bool wide = o->type == IR_I64;

	if ((o->type != IR_I32 && o->type != IR_I64) || !(o->aux & IR_FTOI_SIGNED) || o->aux & IR_FTOI_EXACT_QUIET ||
	    (o->x != IR_ROUND_ZERO && o->x != IR_ROUND_GUEST))
		return false;
	unsigned a = t1_xmm(g, o->a), d = t1_dest(g, o->dst, 0);
	INS(prefix(src) | (o->x == IR_ROUND_ZERO ? 0x2c : 0x2d) | (wide ? O_W : 0), d, rm_reg(a));
	/* cmp d, 1 overflows only for the least integer, the host's sign of failure */
	INS(0x83 | (wide ? O_W : 0), 7, rm_reg(d));
	g->p = e_u8(g->p, 1);
	cold(g, CC_O, d, a, NO, NO);
	return true;
}

/* Any lane that check() would find; xmm15 gets ones there. */
static void vector_check(struct t1_gen *g, bool wide, bool tiny, unsigned d, unsigned a, unsigned b, unsigned c)
{
	unsigned pp = wide ? O_66 | O_0F : O_0F, t = t1_alloc(g);

	tiny = tiny && g->guest->fpu_tiny_before;
	if (t1_host.avx && tiny) {
		t1_constant_op(g, O_0F | 0x54, 31, d, wide ? T1_CONST_ABS64 : T1_CONST_ABS32);
		g->p = asm_vex(g->p, pp | 0xc2, false, 31, 31, rm_rip());
		g->p = e_u8(g->p, 8); /* equal or unordered, quiet */
		t1_rip_fix(g, wide ? T1_CONST_LEAST64 : T1_CONST_LEAST32, 1);
	} else if (t1_host.avx) {
		g->p = asm_vex(g->p, pp | 0xc2, false, 31, d, rm_reg(d));
		g->p = e_u8(g->p, 3); /* unordered */
	} else {
		INS(O_0F | 0x28, 31, rm_reg(d));
		INS(pp | 0xc2, 31, rm_reg(d));
		g->p = e_u8(g->p, 3);
	}
	INS(pp | 0x50, t, rm_reg(31)); /* movmsk */
	INS(0x85, t, rm_reg(t));
	cold(g, CC_NE, d, a, b, c);
	if (t1_host.avx || !tiny)
		return;
	t1_constant_op(g, O_0F | 0x54, 31, d, wide ? T1_CONST_ABS64 : T1_CONST_ABS32);
	INS(pp | 0xc2, 31, rm_rip());
	g->p = e_u8(g->p, 0);
	t1_rip_fix(g, wide ? T1_CONST_LEAST64 : T1_CONST_LEAST32, 1);
	INS(pp | 0x50, t, rm_reg(31));
	INS(0x85, t, rm_reg(t));
	cold(g, CC_NE, d, a, b, c);
}

static bool vector(struct t1_gen *g, const struct ir_op *o)
{
	static const uint8_t code[] = {[IR_VFADD - IR_VFADD] = 0x58, [IR_VFSUB - IR_VFADD] = 0x5c, [IR_VFMUL - IR_VFADD] = 0x59,
				       [IR_VFDIV - IR_VFADD] = 0x5e, [IR_VFSQRT - IR_VFADD] = 0x51};
	bool wide = o->aux == IR_F64, fma = o->op == IR_VFMA;
	unsigned pp = wide ? O_66 | O_0F : O_0F, a, b = NO, c = NO, d;

	if (o->type != IR_V128 || (fma && !t1_host.fma))
		return false;
	a = t1_xmm(g, o->a);
	if (o->b)
		b = o->b == o->a ? a : t1_xmm(g, o->b);
	if (o->c)
		c = t1_xmm(g, o->c);
	d = t1_dest_xmm(g, o->dst, 0);
	if (fma) {
		static const uint8_t fused[] = {0xb8, 0xbc, 0xba, 0xbe};
		t1_mov(g, d, c, IR_V128);
		g->p = asm_vex(g->p, O_66 | O_0F38 | fused[o->imm & 3] | (wide ? O_W : 0), false, d, a, rm_reg(b));
	} else if (o->op == IR_VFSQRT) {
		INS(pp | 0x51, d, rm_reg(a));
	} else if (t1_host.avx) {
		g->p = asm_vex(g->p, pp | code[o->op - IR_VFADD], false, d, a, rm_reg(b));
	} else {
		t1_mov(g, d, a, IR_V128);
		INS(pp | code[o->op - IR_VFADD], d, rm_reg(b));
	}
	vector_check(g, wide, o->op == IR_VFMUL || o->op == IR_VFDIV || fma, d, a, b, c);
	if (fma && o->imm & FPU_NEG_RESULT) {
		t1_constant_op(g, O_0F | 0x57, d, d, wide ? T1_CONST_SIGN64 : T1_CONST_SIGN32);
		cold_ends(g);
	}
	return true;
}

/*
 * Minimum or maximum of numbers; NaNs, which raise flags of their own in MINPS and MAXPS, are found first. Of two zeros these give the
 * second operand: both orders together have the right sign.
 */
static void minimum(struct t1_gen *g, const struct ir_op *o, unsigned pp, unsigned how, bool packed)
{
	unsigned a = t1_xmm(g, o->a), b = o->b == o->a ? a : t1_xmm(g, o->b), d = t1_dest_xmm(g, o->dst, 0);
	bool max = how & FPU_MAX;

	if (packed) {
		unsigned t = t1_alloc(g);
		t1_op3(g, pp | 0xc2, 31, a, b);
		g->p = e_u8(g->p, 3); /* unordered */
		INS(pp | 0x50, t, rm_reg(31));
		INS(0x85, t, rm_reg(t));
		cold(g, CC_NE, d, a, b, NO);
	} else {
		INS((pp & O_PP) == O_F2 ? O_66 | O_0F | 0x2e : O_0F | 0x2e, a, rm_reg(b));
		cold(g, CC_P, d, a, b, NO);
	}
	t1_op3(g, pp | (max ? 0x5f : 0x5d), 31, b, a);
	t1_op3(g, pp | (max ? 0x5f : 0x5d), d, a, b);
	t1_op3(g, O_0F | (max ? 0x54 : 0x56), d, d, 31);
	cold_ends(g);
}

/* Comparisons of lanes that MXCSR's flags agree with: equality is quiet, order raises invalid for every NaN. */
static bool vector_compare(struct t1_gen *g, const struct ir_op *o)
{
	unsigned pp = o->aux == IR_F64 ? O_66 | O_0F : O_0F, rel = (unsigned)o->imm & ~IR_REL_SIGNALLING;
	bool equal = rel == IR_REL_EQ, less = rel == IR_REL_LT || rel == (IR_REL_LT | IR_REL_EQ);
	bool greater = rel == IR_REL_GT || rel == (IR_REL_GT | IR_REL_EQ);

	if (o->type != IR_V128 || !(equal || less || greater) || equal != !(o->imm & IR_REL_SIGNALLING))
		return false;
	unsigned a = t1_xmm(g, o->a), b = o->b == o->a ? a : t1_xmm(g, o->b), d = t1_dest_xmm(g, o->dst, 0);
	t1_op3(g, pp | 0xc2, d, greater ? b : a, greater ? a : b);
	g->p = e_u8(g->p, equal ? 0 : rel & IR_REL_EQ ? 2 : 1);
	return true;
}

/* Lanes of 32 bits: the host's sign of failure, the least integer, is looked at by lib/fpu. */
static bool vector_to_integer(struct t1_gen *g, const struct ir_op *o)
{
	if (o->type != IR_V128 || o->aux != IR_F32 || !(o->imm & IR_FTOI_SIGNED) || o->imm & IR_FTOI_EXACT_QUIET ||
	    (o->x != IR_ROUND_ZERO && o->x != IR_ROUND_GUEST))
		return false;
	unsigned a = t1_xmm(g, o->a), d = t1_dest_xmm(g, o->dst, 0), t = t1_alloc(g);
	INS((o->x == IR_ROUND_ZERO ? O_F3 : O_66) | O_0F | 0x5b, d, rm_reg(a));
	INS(O_0F | 0x28, 31, rm_rip());
	t1_rip_fix(g, T1_CONST_SIGN32, 0);
	INS(O_66 | O_0F | 0x76, 31, rm_reg(d)); /* pcmpeqd */
	INS(O_0F | 0x50, t, rm_reg(31));
	INS(0x85, t, rm_reg(t));
	cold(g, CC_NE, d, a, NO, NO);
	return true;
}

static bool vector_from_integer(struct t1_gen *g, const struct ir_op *o)
{
	bool wide = o->aux == IR_F64, sign = o->imm & 1;

	if (o->type != IR_V128 || (wide && (!sign || !t1_host.sse41)) || (!wide && !sign) || o->x != IR_ROUND_GUEST)
		return false;
	unsigned a = t1_xmm(g, o->a), d = t1_dest_xmm(g, o->dst, 0);
	if (!wide) {
		INS(O_0F | 0x5b, d, rm_reg(a));
		return true;
	}
	unsigned t = t1_alloc(g);
	INS(O_66 | O_W | O_0F | 0x7e, a, rm_reg(t));
	INS(O_0F | 0x57, d, rm_reg(d));
	INS(O_F2 | O_W | O_0F | 0x2a, d, rm_reg(t));
	INS(O_66 | O_W | O_0F3A | 0x16, a, rm_reg(t));
	g->p = e_u8(g->p, 1);
	INS(O_0F | 0x57, 31, rm_reg(31));
	INS(O_F2 | O_W | O_0F | 0x2a, 31, rm_reg(t));
	t1_op3(g, O_66 | O_0F | 0x6c, d, d, 31);
	return true;
}

static bool vector_round(struct t1_gen *g, const struct ir_op *o)
{
	if (o->type != IR_V128 || !t1_host.sse41 || o->x > IR_ROUND_ZERO)
		return false;
	unsigned a = t1_xmm(g, o->a), d = t1_dest_xmm(g, o->dst, 0);
	INS(O_66 | O_0F3A | (o->aux == IR_F64 ? 0x09 : 0x08), d, rm_reg(a));
	g->p = e_u8(g->p, (o->x ? o->x - 1 : 4) | (o->imm & 1 ? 0 : 8));
	vector_check(g, o->aux == IR_F64, false, d, a, NO, NO);
	return true;
}

static bool other_vector(struct t1_gen *g, const struct ir_op *o)
{
	if (o->aux == IR_F16)
		return false;
	switch (o->op) {
	case IR_VFMINMAX:
		if (o->type != IR_V128 || o->imm & (FPU_MINMAX_X86 | FPU_MINMAX_ABS))
			return false;
		minimum(g, o, o->aux == IR_F64 ? O_66 | O_0F : O_0F, (unsigned)o->imm, true);
		return true;
	case IR_VFCMP: return vector_compare(g, o);
	case IR_VFTOI: return vector_to_integer(g, o);
	case IR_VITOF: return vector_from_integer(g, o);
	case IR_VFRINT: return vector_round(g, o);
	default: return false;
	}
}

/* Between singles in memory and doubles in registers: NaNs and denormal results are the cold path's. */
static bool widen_narrow(struct t1_gen *g, const struct ir_op *o)
{
	unsigned a = t1_xmm(g, o->a), d, t, k;

	if (o->op == IR_FWIDEN) {
		d = t1_dest_xmm(g, o->dst, 0);
		t = t1_alloc(g);
		INS(O_66 | O_0F | 0x7e, a, rm_reg(t));
		INS(0x03, t, rm_reg(t)); /* the sign goes; the host's conversion of a signalling NaN would raise a flag */
		INS(0x81, 7, rm_reg(t));
		g->p = e_u32(g->p, 0xff000000);
		cold(g, CC_A, d, a, NO, NO);
		merged(g, prefix(IR_F32) | 0x5a, o, d, a);
		cold_ends(g);
		return true;
	}
	if (!t1_host.bmi2)
		return false;
	t = t1_alloc(g);
	k = t1_alloc(g);
	d = t1_dest(g, o->dst, 0);
	INS(O_66 | O_0F | 0x7e | O_W, a, rm_reg(t));
	/* exponents 1 to 896: (t >> 52 & 2047) - 1 < 896 */
	t1_mov(g, k, t, IR_I64);
	INS(0xc1 | O_W, 5, rm_reg(k));
	g->p = e_u8(g->p, 52);
	INS(0x81, 4, rm_reg(k));
	g->p = e_u32(g->p, 0x7ff);
	INS(0x83, 5, rm_reg(k));
	g->p = e_u8(g->p, 1);
	INS(0x81, 7, rm_reg(k));
	g->p = e_u32(g->p, 896);
	cold(g, CC_B, d, a, NO, NO);
	t1_imm(g, k, 0xc7ffffffe0000000ull);
	g->p = asm_vex(g->p, O_F3 | O_0F38 | 0xf5 | O_W, false, d, t, rm_reg(k)); /* pext */
	cold_ends(g);
	return true;
}

/* The sticky flags: the host's and those that lib/fpu raised. MXCSR goes through memory. */
static bool status(struct t1_gen *g, const struct ir_op *o)
{
	struct rm at = rm_mem(RSP, T1_RESULT), own = t1_state(g, g->guest->fpu_offset + (uint32_t)offsetof(struct fpu_status, flags));
	bool get = o->op == IR_FPGET;

	if (o->aux || g->guest->mxcsr_offset || g->guest->fpu_offset == IR_NO_OFFSET)
		return false;
	unsigned r = get ? t1_dest(g, o->dst, 0) : t1_reg(g, o->a);
	INS(O_0F | 0xae, 3, at); /* stmxcsr */
	if (get) {
		INS(0x8b, r, at);
		INS(0x83, 4, rm_reg(r));
		g->p = e_u8(g->p, 0x3f);
		INS(0x0b, r, own);
		INS(0x83, 4, rm_reg(r));
		g->p = e_u8(g->p, 0xff & ~FPU_ROUNDED_UP);
	} else {
		INS(0x89, r, own);
		INS(0x83, 4, at);
		g->p = e_u8(g->p, 0xc0);
		INS(O_0F | 0xae, 2, at);
	}
	return true;
}

bool t1_fp(struct t1_gen *g, const struct ir_op *o)
{
	unsigned src = o->a ? t1_type(g, o->a) : IR_VOID, a, d;
	bool f3264 = o->type == IR_F32 || o->type == IR_F64, done = false;
	bool src3264 = src == IR_F32 || src == IR_F64;

	if (o->op == IR_FWIDEN || o->op == IR_FNARROW)
		return widen_narrow(g, o);
	if (!g->fp_host || !(ir_op_info[o->op].flags & IR_F_FPENV))
		return false;
	if (o->op >= IR_VFADD && o->op <= IR_VFMA)
		done = o->aux != IR_F16 && o->x == IR_ROUND_GUEST && vector(g, o);
	else if (o->op > IR_VFMA)
		done = other_vector(g, o);
	switch (o->op) {
	case IR_FPGET: case IR_FPSET:
		done = status(g, o);
		break;
	case IR_FMINMAX:
		if (!f3264 || o->aux & (FPU_MINMAX_X86 | FPU_MINMAX_ABS))
			break;
		minimum(g, o, prefix(o->type), o->aux, false);
		done = true;
		break;
	case IR_FADD: case IR_FSUB: case IR_FMUL: case IR_FDIV: case IR_FSQRT:
		if (o->x == (IR_ROUND_GUEST | IR_ROUND_SINGLE))
			done = single_precision(g, o);
		else
			done = f3264 && o->x == IR_ROUND_GUEST && arithmetic(g, o);
		break;
	case IR_FMA:
		if (o->x == (IR_ROUND_GUEST | IR_ROUND_SINGLE))
			done = single_precision(g, o);
		else
			done = f3264 && o->x == IR_ROUND_GUEST && multiply_add(g, o);
		break;
	case IR_FCMP:
		done = src3264 && compare(g, o, src);
		break;
	case IR_FTOI:
		done = src3264 && to_integer(g, o, src);
		break;
	case IR_ITOF:
		if (!f3264 || o->x != IR_ROUND_GUEST || (src != IR_I32 && src != IR_I64) || (src == IR_I64 && !(o->aux & 1)))
			break;
		a = t1_reg(g, o->a);
		d = t1_dest_xmm(g, o->dst, 0);
		INS(O_0F | 0x57, d, rm_reg(d));
		/* An i32 is zero-extended in its register: as unsigned it converts in 64 bits. */
		INS(prefix(o->type) | 0x2a | (src == IR_I64 || !(o->aux & 1) ? O_W : 0), d, rm_reg(a));
		g->loc[o->dst].low = true;
		done = true;
		break;
	case IR_FCVT:
		if (!f3264 || !src3264 || o->x != IR_ROUND_GUEST)
			break;
		a = t1_xmm(g, o->a);
		d = t1_dest_xmm(g, o->dst, 0);
		merged(g, prefix(src) | 0x5a, o, d, a);
		if (o->type == IR_F32)
			check(g, IR_F32, d, a, NO, NO);
		else
			check_nan(g, o->type, d, a, NO, NO);
		done = true;
		break;
	case IR_FRINT:
		if (!f3264 || !t1_host.sse41 || o->x > IR_ROUND_ZERO)
			break;
		a = t1_xmm(g, o->a);
		d = t1_dest_xmm(g, o->dst, 0);
		/* roundss/roundsd imm8: 0..3 as enum fpu_round, 4 the present mode, 8 quiet about inexact */
		merged(g, O_66 | O_0F3A | (o->type == IR_F64 ? 0x0b : 0x0a), o, d, a);
		g->p = e_u8(g->p, (o->x ? o->x - 1 : 4) | (o->aux & 1 ? 0 : 8));
		check_nan(g, o->type, d, a, NO, NO);
		done = true;
		break;
	}
	return done;
}

void t1_fp_cold(struct t1_gen *g, struct t1_cold *c)
{
	for (unsigned i = 0; i < 3; i++)
		if (c->arg[i] != NO)
			INS(O_0F | 0x11, c->arg[i], rm_mem(RSP, T1_ARGS + 32 * (int32_t)i));
	INS(0x89 | O_W, RAX, rm_mem(RSP, T1_SAVED_RAX));
	t1_literal(g, RAX, c->op);
	g->p = e_u8(g->p, 0xe8);
	g->p = e_u32(g->p, (uint32_t)(g->j->rw + g->j->thunk[T1_EVAL] - (g->p + 4)));
	if (c->reg >= XMM0)
		INS(O_0F | 0x10, c->reg, rm_mem(RSP, T1_RESULT));
	else
		t1_move(g, c->reg, rm_mem(RSP, T1_RESULT), g->r->op[c->op].type, false);
	g->p = e_jmp(g->p, c->back);
}
