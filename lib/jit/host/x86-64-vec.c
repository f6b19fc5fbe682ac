/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Vectors of 64 and 128 bits that are one or a few host instructions; the rest falls back to ir_eval(). With AVX the
 * three-operand forms. In a register the upper half of a v64 is undefined, so nothing here lets it come down.
 */
#include "jit/host/x86-64-t1.h"

#define M66 (O_66 | O_0F)
#define M38 (O_66 | O_0F38 | T1_NEEDS_SSE41)
#define S38 (O_66 | O_0F38 | T1_NEEDS_SSSE3)
#define P38 (O_66 | O_0F38 | T1_NEEDS_SSE42)

/* Lane by lane with one instruction; lanes i8 i16 i32 i64, 0: none. */
static const struct { uint16_t op; uint32_t code[4]; } simple[] = {
	{IR_VADD, {M66 | 0xfc, M66 | 0xfd, M66 | 0xfe, M66 | 0xd4}},
	{IR_VSUB, {M66 | 0xf8, M66 | 0xf9, M66 | 0xfa, M66 | 0xfb}},
	{IR_VMUL, {0, M66 | 0xd5, M38 | 0x40, 0}},
	{IR_VMULHU, {0, M66 | 0xe4, 0, 0}},
	{IR_VMULHS, {0, M66 | 0xe5, 0, 0}},
	{IR_VADDSS, {M66 | 0xec, M66 | 0xed, 0, 0}},
	{IR_VADDUS, {M66 | 0xdc, M66 | 0xdd, 0, 0}},
	{IR_VSUBSS, {M66 | 0xe8, M66 | 0xe9, 0, 0}},
	{IR_VSUBUS, {M66 | 0xd8, M66 | 0xd9, 0, 0}},
	{IR_VAVGU, {M66 | 0xe0, M66 | 0xe3, 0, 0}},
	{IR_VMINU, {M66 | 0xda, M38 | 0x3a, M38 | 0x3b, 0}},
	{IR_VMAXU, {M66 | 0xde, M38 | 0x3e, M38 | 0x3f, 0}},
	{IR_VMINS, {M38 | 0x38, M66 | 0xea, M38 | 0x39, 0}},
	{IR_VMAXS, {M38 | 0x3c, M66 | 0xee, M38 | 0x3d, 0}},
	{IR_VAND, {M66 | 0xdb, M66 | 0xdb, M66 | 0xdb, M66 | 0xdb}},
	{IR_VOR, {M66 | 0xeb, M66 | 0xeb, M66 | 0xeb, M66 | 0xeb}},
	{IR_VXOR, {M66 | 0xef, M66 | 0xef, M66 | 0xef, M66 | 0xef}},
	{IR_VCMPEQ, {M66 | 0x74, M66 | 0x75, M66 | 0x76, M38 | 0x29}},
	{IR_VCMPGTS, {M66 | 0x64, M66 | 0x65, M66 | 0x66, P38 | 0x37}},
	{IR_VZIPLO, {M66 | 0x60, M66 | 0x61, M66 | 0x62, M66 | 0x6c}},
	/* v128 only from here */
	{IR_VZIPHI, {M66 | 0x68, M66 | 0x69, M66 | 0x6a, M66 | 0x6d}},
	{IR_VPACKSS, {0, M66 | 0x63, M66 | 0x6b, 0}},
	{IR_VPACKSU, {0, M66 | 0x67, M38 | 0x2b, 0}},
	{IR_VPADD, {0, S38 | 0x01, S38 | 0x02, 0}},
};

static bool allowed(uint32_t code)
{
	return code && !(code & T1_NEEDS_SSE41 && !t1_host.sse41) && !(code & T1_NEEDS_SSSE3 && !t1_host.ssse3) &&
	       !(code & T1_NEEDS_SSE42 && !t1_host.avx);
}

/* d = a op b on registers; d may be any of them. */
void t1_op3(struct t1_gen *g, uint32_t code, unsigned d, unsigned a, unsigned b)
{
	code &= 0xffffff;
	if (t1_host.avx) {
		g->p = asm_vex(g->p, code, false, d, a, rm_reg(b));
		return;
	}
	if (d == b && d != a) {
		INS(O_0F | 0x28, 31, rm_reg(b));
		b = 31;
	}
	t1_mov(g, d, a, IR_V128);
	INS(code, d, rm_reg(b));
}

static void op3_imm(struct t1_gen *g, uint32_t code, unsigned d, unsigned a, unsigned b, unsigned imm)
{
	t1_op3(g, code, d, a, b);
	g->p = e_u8(g->p, imm);
}

/* d = op(a) with an immediate where imm >= 0: pshufd, pabs, pmovzx */
static void op2(struct t1_gen *g, uint32_t code, unsigned d, unsigned a, int imm)
{
	INS(code & 0xffffff, d, rm_reg(a));
	if (imm >= 0)
		g->p = e_u8(g->p, (unsigned)imm);
}

static void ones(struct t1_gen *g, unsigned x)
{
	INS(M66 | 0x76, x, rm_reg(x));
}

static void invert(struct t1_gen *g, unsigned d)
{
	ones(g, 31);
	t1_op3(g, M66 | 0xef, d, d, 31);
}

/* A constant of 128 bits in an xmm register. */
void t1_xmm_constant(struct t1_gen *g, unsigned x, uint64_t lo, uint64_t hi)
{
	unsigned k = t1_alloc(g);
	t1_imm(g, k, lo);
	INS(M66 | O_W | 0x6e, x, rm_reg(k));
	if (lo == hi) {
		INS(M66 | 0x6c, x, rm_reg(x));
	} else {
		unsigned t = t1_alloc_xmm(g);
		t1_imm(g, k, hi);
		INS(M66 | O_W | 0x6e, t, rm_reg(k));
		INS(M66 | 0x6c, x, rm_reg(t));
	}
}

uint32_t t1_vec_code(unsigned op, unsigned lane)
{
	for (unsigned i = 0; i < sizeof simple / sizeof simple[0]; i++)
		if (simple[i].op == op)
			return allowed(simple[i].code[lane - IR_I8]) ? simple[i].code[lane - IR_I8] : 0;
	return 0;
}

static bool one_instruction(struct t1_gen *g, const struct ir_op *o)
{
	for (unsigned i = 0; i < sizeof simple / sizeof simple[0]; i++) {
		if (simple[i].op != o->op)
			continue;
		uint32_t code = simple[i].code[o->aux - IR_I8];
		if (!allowed(code) || (o->type == IR_V64 && i > 19))
			return false;
		unsigned a = t1_xmm(g, o->a), b = o->b == o->a ? a : t1_xmm(g, o->b);
		t1_op3(g, code, t1_dest_xmm(g, o->dst, o->a), a, b);
		return true;
	}
	return false;
}

static bool compares(struct t1_gen *g, const struct ir_op *o)
{
	static const uint32_t eq[] = {M66 | 0x74, M66 | 0x75, M66 | 0x76, M38 | 0x29};
	static const uint32_t gt[] = {M66 | 0x64, M66 | 0x65, M66 | 0x66, P38 | 0x37};
	static const uint32_t maxu[] = {M66 | 0xde, M38 | 0x3e, M38 | 0x3f, 0};
	unsigned lane = o->aux - (unsigned)IR_I8;
	bool unsigned_ = o->op == IR_VCMPGTU || o->op == IR_VCMPGEU;

	if (!allowed(eq[lane]) || (unsigned_ && !allowed(maxu[lane])) || (o->op == IR_VCMPGES && !allowed(gt[lane])))
		return false;
	unsigned a = t1_xmm(g, o->a), b = o->b == o->a ? a : t1_xmm(g, o->b), d = t1_dest_xmm(g, o->dst, 0);
	switch (o->op) {
	case IR_VCMPGEU: /* max(a, b) == a */
		t1_op3(g, maxu[lane], d, a, b);
		t1_op3(g, eq[lane], d, d, a);
		break;
	case IR_VCMPGTU: /* not max(a, b) == b */
		t1_op3(g, maxu[lane], d, a, b);
		t1_op3(g, eq[lane], d, d, b);
		invert(g, d);
		break;
	case IR_VCMPGES:
		t1_op3(g, gt[lane], d, b, a);
		invert(g, d);
		break;
	default: /* vtst */
		t1_op3(g, M66 | 0xdb, d, a, b);
		INS(O_0F | 0x57, 31, rm_reg(31));
		t1_op3(g, eq[lane], d, d, 31);
		invert(g, d);
	}
	return true;
}

static bool shift_imm(struct t1_gen *g, const struct ir_op *o)
{
	unsigned digit = o->op == IR_VSHLI ? 6 : o->op == IR_VSHRI ? 2 : 4, imm = o->imm > 255 ? 255 : (unsigned)o->imm;

	if (digit == 4 && (o->aux == IR_I8 || o->aux == IR_I64))
		return false; /* t1_lanes() */
	unsigned a = t1_xmm(g, o->a), d = t1_dest_xmm(g, o->dst, o->a);
	t1_vec_shift(g, digit, o->aux, d, a, imm);
	if (o->aux == IR_I8) {
		uint64_t m = imm > 7 ? 0 : (digit == 6 ? 0xffu << imm & 0xff : 0xffu >> imm) * 0x0101010101010101ull;
		t1_xmm_constant(g, 31, m, m);
		t1_op3(g, M66 | 0xdb, d, d, 31);
	}
	return true;
}

static bool shift_by_lane(struct t1_gen *g, const struct ir_op *o)
{
	uint32_t code = o->op == IR_VSHLV ? 0x47 : o->op == IR_VSHRV ? 0x45 : 0x46;

	if (!t1_host.avx2 || o->aux < IR_I32 || (o->op == IR_VSARV && o->aux != IR_I32))
		return false;
	unsigned a = t1_xmm(g, o->a), b = o->b == o->a ? a : t1_xmm(g, o->b), d = t1_dest_xmm(g, o->dst, o->a);
	g->p = asm_vex(g->p, O_66 | O_0F38 | code | (o->aux == IR_I64 ? O_W : 0), false, d, a, rm_reg(b));
	return true;
}

static void bit_select(struct t1_gen *g, const struct ir_op *o)
{
	unsigned a = t1_xmm(g, o->a), b = t1_xmm(g, o->b), c = t1_xmm(g, o->c), d = t1_dest_xmm(g, o->dst, 0);

	t1_op3(g, M66 | 0xef, d, b, c);
	t1_op3(g, M66 | 0xdb, d, d, a);
	t1_op3(g, M66 | 0xef, d, d, c);
}

static bool duplicate(struct t1_gen *g, const struct ir_op *o)
{
	unsigned d, lane = o->aux;

	if (lane == IR_F16)
		return false;
	if (t1_is_int(lane)) {
		unsigned a = t1_reg(g, o->a);
		d = t1_dest_xmm(g, o->dst, 0);
		INS(M66 | 0x6e | (lane == IR_I64 ? O_W : 0), d, rm_reg(a));
	} else {
		unsigned a = t1_xmm(g, o->a);
		d = t1_dest_xmm(g, o->dst, o->a);
		t1_mov(g, d, a, IR_V128);
	}
	if (t1_host.avx2 && ir_type_bytes[lane] < 8) { /* vpbroadcast */
		static const uint8_t code[] = {[1] = 0x78, [2] = 0x79, [4] = 0x58};
		g->p = asm_vex(g->p, O_66 | O_0F38 | code[ir_type_bytes[lane]], false, d, 0, rm_reg(d));
		return true;
	}
	switch (ir_type_bytes[lane]) {
	case 1:
		INS(M66 | 0x60, d, rm_reg(d));
		/* fall through */
	case 2:
		op2(g, O_F2 | O_0F | 0x70, d, d, 0); /* pshuflw */
		/* fall through */
	case 4:
		op2(g, M66 | 0x70, d, d, 0);
		break;
	default:
		INS(M66 | 0x6c, d, rm_reg(d));
	}
	return true;
}

static bool get_lane(struct t1_gen *g, const struct ir_op *o)
{
	unsigned n = o->op == IR_PART ? (unsigned)o->imm : (unsigned)o->imm, size = ir_type_bytes[o->type];

	if (!t1_is_xmm(t1_type(g, o->a)) || o->type == IR_F16)
		return false;
	/* What is in memory alone stays there. */
	if (g->loc[o->a].reg < 0 && (g->loc[o->a].in_slot || g->loc[o->a].in_home)) {
		struct rm m = g->loc[o->a].in_slot ? t1_slot(g, g->loc[o->a].slot) : rm_mem(RSP, g->loc[o->a].home);
		m.disp += (int32_t)(n * size);
		t1_move(g, t1_is_int(o->type) ? t1_dest(g, o->dst, 0) : t1_dest_xmm(g, o->dst, 0), m, o->type, false);
		g->loc[o->dst].low = true;
		return true;
	}
	if (!t1_is_int(o->type)) {
		unsigned a = t1_xmm(g, o->a), d = t1_dest_xmm(g, o->dst, o->a);
		g->loc[o->dst].low = !n && g->loc[o->a].low;
		if (!n)
			t1_mov(g, d, a, IR_V128);
		else
			op2(g, M66 | 0x70, d, a, size == 8 ? 0xee : (int)n);
		return true;
	}
	if (size != 2 && (n || size == 1) && !t1_host.sse41)
		return false;
	unsigned a = t1_xmm(g, o->a), d = t1_dest(g, o->dst, 0);
	switch (size) {
	case 1:
		INS(O_66 | O_0F3A | 0x14, a, rm_reg(d));
		g->p = e_u8(g->p, n);
		break;
	case 2:
		INS(M66 | 0xc5, d, rm_reg(a));
		g->p = e_u8(g->p, n);
		break;
	default:
		if (!n) {
			INS(M66 | 0x7e | (size == 8 ? O_W : 0), a, rm_reg(d));
		} else {
			INS(O_66 | O_0F3A | 0x16 | (size == 8 ? O_W : 0), a, rm_reg(d));
			g->p = e_u8(g->p, n);
		}
	}
	return true;
}

static bool is_zero(const struct t1_gen *g, ir_ref t)
{
	const struct ir_op *d = &g->r->op[g->r->temp[t].def];

	return !t1_constant(g, t) && d->op == IR_CONCAT && d->dst == t && t1_constant(g, d->a) && t1_constant(g, d->b) &&
	       !g->r->temp[d->a].value && !g->r->temp[d->b].value;
}

static bool set_lane(struct t1_gen *g, const struct ir_op *o)
{
	unsigned n = (unsigned)o->imm, size = ir_type_bytes[o->aux];

	/* The first of zeros: one move clears the rest. */
	if (!n && o->type == IR_V128 && t1_host.sse41 && (o->aux == IR_F64 || o->aux == IR_F32) && is_zero(g, o->a)) {
		unsigned x = t1_xmm(g, o->b), to = t1_dest_xmm(g, o->dst, 0);
		INS(size == 8 ? O_F3 | O_0F | 0x7e : O_66 | O_0F3A | 0x21, to, rm_reg(x));
		if (size == 4)
			g->p = e_u8(g->p, 0x0e); /* insertps */
		return true;
	}

	if (o->aux == IR_F16 || (!t1_host.sse41 && o->aux != IR_I16))
		return false;
	if (!t1_is_int(o->aux)) {
		unsigned a = t1_xmm(g, o->a), b = t1_xmm(g, o->b), d = t1_dest_xmm(g, o->dst, 0);
		t1_mov(g, d, a, IR_V128);
		if (size == 4) {
			INS(O_66 | O_0F3A | 0x21, d, rm_reg(b)); /* insertps */
			g->p = e_u8(g->p, n << 4);
		} else if (n) {
			INS(M66 | 0x6c, d, rm_reg(b)); /* punpcklqdq: low of b above low of a */
		} else {
			INS(O_F2 | O_0F | 0x10, d, rm_reg(b)); /* movsd */
		}
		return true;
	}
	unsigned a = t1_xmm(g, o->a), b = t1_reg(g, o->b), d = t1_dest_xmm(g, o->dst, o->a);
	t1_mov(g, d, a, IR_V128);
	if (size == 2)
		INS(M66 | 0xc4, d, rm_reg(b));
	else
		INS(O_66 | O_0F3A | (size == 1 ? 0x20 : 0x22) | (size == 8 ? O_W : 0), d, rm_reg(b));
	g->p = e_u8(g->p, n);
	return true;
}

static bool widen(struct t1_gen *g, const struct ir_op *o)
{
	static const uint8_t code[] = {0x30, 0x33, 0x35};
	bool high = o->op == IR_VWIDENHIU || o->op == IR_VWIDENHIS, sign = o->op == IR_VWIDENLOS || o->op == IR_VWIDENHIS;

	if (!t1_host.sse41)
		return false;
	unsigned a = t1_xmm(g, o->a), d = t1_dest_xmm(g, o->dst, 0);
	if (high) {
		op2(g, M66 | 0x70, d, a, o->type == IR_V64 ? 0x55 : 0xee);
		a = d;
	}
	op2(g, M38 | (code[o->aux - IR_I8] - (sign ? 0x10u : 0)), d, a, -1);
	return true;
}

/* Even or odd lanes of both: cut them to half their containers' bits and pack. */
static bool unzip(struct t1_gen *g, const struct ir_op *o, unsigned lane, bool odd)
{
	unsigned a, b, d;

	if (o->type != IR_V128)
		return false;
	a = t1_xmm(g, o->a);
	b = o->b == o->a ? a : t1_xmm(g, o->b);
	d = t1_dest_xmm(g, o->dst, 0);
	switch (lane) {
	case IR_I64:
		t1_op3(g, M66 | (odd ? 0x6d : 0x6c), d, a, b);
		return true;
	case IR_I32:
		op3_imm(g, O_0F | 0xc6, d, a, b, odd ? 0xdd : 0x88);
		return true;
	default: {
		unsigned group = lane == IR_I8 ? 0x71 : 0x72, k = lane == IR_I8 ? 8 : 16, y = b == a ? d : 31;
		for (unsigned i = 0; i < (b == a ? 1u : 2u); i++) {
			unsigned x = i ? 31 : d, from = i ? b : a;
			if (!odd && (lane == IR_I8 || t1_host.sse41)) {
				t1_constant_op(g, M66 | 0xdb, x, from, lane == IR_I8 ? T1_CONST_LOW8 : T1_CONST_LOW16);
				continue;
			}
			t1_mov(g, x, from, IR_V128);
			if (!odd) {
				INS(M66 | group, 6, rm_reg(x));
				g->p = e_u8(g->p, k);
			}
			INS(M66 | group, lane == IR_I8 ? 2 : 4, rm_reg(x)); /* srl; sra for packssdw */
			g->p = e_u8(g->p, k);
		}
		/* packuswb; packusdw of what has no upper half, else packssdw */
		t1_op3(g, lane == IR_I8 ? M66 | 0x67 : !odd && t1_host.sse41 ? O_66 | O_0F38 | 0x2b : M66 | 0x6b, d, d, y);
		return true;
	}
	}
}

static bool table(struct t1_gen *g, const struct ir_op *o)
{
	if (o->type != IR_V128 || !t1_host.ssse3)
		return false;
	unsigned a = t1_xmm(g, o->a), b = o->b == o->a ? a : t1_xmm(g, o->b), d = t1_dest_xmm(g, o->dst, 0);
	/* pshufb clears where bit 7 is set: make it so for 16 and above. */
	t1_constant_op(g, M66 | 0xdc, 31, b, T1_CONST_BYTES_70);
	t1_op3(g, S38 | 0x00, d, a, 31);
	return true;
}

/* Bytes of b:a: pshufb of each, where the index of the other one's bytes has bit 7 set. */
static bool table2(struct t1_gen *g, const struct ir_op *o)
{
	if (o->type != IR_V128 || !t1_host.ssse3)
		return false;
	unsigned a = t1_xmm(g, o->a), b = o->b == o->a ? a : t1_xmm(g, o->b), c = t1_xmm(g, o->c);
	unsigned d = t1_dest_xmm(g, o->dst, 0), x = t1_alloc_xmm(g);
	t1_constant_op(g, M66 | 0xdc, 31, c, T1_CONST_BYTES_70);
	t1_op3(g, S38 | 0x00, x, a, 31);
	t1_constant_op(g, M66 | 0xef, 31, c, T1_CONST_BYTES_10);
	t1_constant_op(g, M66 | 0xdc, 31, 31, T1_CONST_BYTES_70);
	t1_op3(g, S38 | 0x00, d, b, 31);
	t1_op3(g, M66 | 0xeb, d, d, x);
	return true;
}

static bool swap_lanes(struct t1_gen *g, const struct ir_op *o)
{
	if (!t1_host.ssse3 || o->aux == IR_I8)
		return false;
	unsigned a = t1_xmm(g, o->a), d = t1_dest_xmm(g, o->dst, 0);
	t1_constant_op(g, S38 | 0x00, d, a, o->aux == IR_I16 ? T1_CONST_SWAP16 : o->aux == IR_I32 ? T1_CONST_SWAP32 : T1_CONST_SWAP64);
	return true;
}

static bool signs(struct t1_gen *g, const struct ir_op *o)
{
	unsigned src = t1_type(g, o->a);

	if (!t1_is_xmm(src) || o->aux == IR_I16 || (src == IR_V64 && o->aux == IR_I64))
		return false;
	unsigned a = t1_xmm(g, o->a), d = t1_dest(g, o->dst, 0);
	INS(o->aux == IR_I8 ? M66 | 0xd7 : (o->aux == IR_I64 ? O_66 : 0u) | O_0F | 0x50, d, rm_reg(a));
	if (src == IR_V64) {
		INS(0x81, 4, rm_reg(d));
		g->p = e_u32(g->p, o->aux == IR_I8 ? 0xff : 3);
	}
	return true;
}

static void sign_bits(struct t1_gen *g, unsigned lane, unsigned d, unsigned a, bool flip)
{
	if (flip)
		t1_constant_op(g, M66 | 0xef, d, a, lane == IR_F32 ? T1_CONST_SIGN32 : T1_CONST_SIGN64);
	else
		t1_constant_op(g, M66 | 0xdb, d, a, lane == IR_F32 ? T1_CONST_ABS32 : T1_CONST_ABS64);
}

static bool moves(struct t1_gen *g, const struct ir_op *o)
{
	unsigned src = o->a ? t1_type(g, o->a) : IR_VOID;
	bool int_to = t1_is_int(o->type), int_from = t1_is_int(src), xmm_to = t1_is_xmm(o->type), xmm_from = t1_is_xmm(src);
	unsigned a, b, d;

	switch (o->op) {
	case IR_MOV: case IR_BITCAST: case IR_TRUNC: case IR_ZEXT: case IR_VRESIZE:
		if (int_to && int_from && o->op == IR_BITCAST) {
			a = t1_reg(g, o->a);
			d = t1_dest(g, o->dst, o->a);
			t1_mov(g, d, a, IR_I64);
			return true;
		}
		if (int_to && xmm_from) {
			if (ir_type_bytes[o->type] < 4 && o->op == IR_BITCAST)
				return false;
			a = t1_xmm(g, o->a);
			d = t1_dest(g, o->dst, 0);
			INS(M66 | 0x7e | (o->type == IR_I64 ? O_W : 0), a, rm_reg(d));
			return true;
		}
		if (xmm_to && int_from) {
			a = t1_reg(g, o->a);
			if (src < IR_I32) {
				unsigned t = t1_alloc(g);
				INS(O_0F | (src == IR_I8 ? 0xb6 | O_BYTERM : 0xb7), t, rm_reg(a));
				a = t;
			}
			d = t1_dest_xmm(g, o->dst, 0);
			INS(M66 | 0x6e | (src == IR_I64 ? O_W : 0), d, rm_reg(a));
			g->loc[o->dst].low = true;
			return true;
		}
		if (xmm_to && xmm_from) {
			a = t1_xmm(g, o->a);
			d = t1_dest_xmm(g, o->dst, o->a);
			g->loc[o->dst].low = g->loc[o->a].low;
			if (o->op == IR_VRESIZE && src == IR_V64 && !g->loc[o->a].low) {
				INS(O_F3 | O_0F | 0x7e, d, rm_reg(a)); /* movq clears the rest */
				g->loc[o->dst].low = true;
			} else {
				t1_mov(g, d, a, IR_V128);
			}
			return true;
		}
		return false;
	case IR_CONCAT:
		if (!xmm_to)
			return false;
		a = t1_reg(g, o->a);
		b = o->b == o->a ? a : t1_reg(g, o->b);
		d = t1_dest_xmm(g, o->dst, 0);
		INS(M66 | O_W | 0x6e, d, rm_reg(a));
		INS(M66 | O_W | 0x6e, 31, rm_reg(b));
		INS(M66 | 0x6c, d, rm_reg(31));
		return true;
	case IR_VCONCAT:
		if (o->type != IR_V128)
			return false;
		a = t1_xmm(g, o->a);
		b = o->b == o->a ? a : t1_xmm(g, o->b);
		t1_op3(g, M66 | 0x6c, t1_dest_xmm(g, o->dst, 0), a, b);
		return true;
	}
	return false;
}

bool t1_vector(struct t1_gen *g, const struct ir_op *o)
{
	unsigned a, d;

	switch (o->op) {
	case IR_MOV: case IR_BITCAST: case IR_TRUNC: case IR_ZEXT: case IR_VRESIZE: case IR_CONCAT: case IR_VCONCAT:
		return moves(g, o);
	case IR_VREDADD: case IR_VREDMAXU: case IR_VREDMINU: case IR_VREDMAXS: case IR_VREDMINS:
		return t1_lanes(g, o);
	case IR_PART: case IR_VGETLANE:
		return get_lane(g, o);
	case IR_VMSB:
		return signs(g, o);
	}
	if (o->type != IR_V64 && o->type != IR_V128) {
		if ((o->op == IR_FNEG || o->op == IR_FABS) && (o->type == IR_F32 || o->type == IR_F64)) {
			a = t1_xmm(g, o->a);
			d = t1_dest_xmm(g, o->dst, 0);
			g->loc[o->dst].low = g->loc[o->a].low;
			if (o->op == IR_FABS)
				sign_bits(g, o->type, d, a, false);
			else
				t1_constant_op(g, M66 | 0xef, d, a, o->type == IR_F32 ? T1_CONST_SIGNBIT32 : T1_CONST_SIGNBIT64);
			return true;
		}
		return false;
	}
	if (t1_lanes(g, o))
		return true;
	switch (o->op) {
	case IR_VCMPGTU: case IR_VCMPGEU: case IR_VCMPGES: case IR_VTST:
		return compares(g, o);
	case IR_VSHLI: case IR_VSHRI: case IR_VSARI:
		return shift_imm(g, o);
	case IR_VSHLV: case IR_VSHRV: case IR_VSARV:
		return shift_by_lane(g, o);
	case IR_VBITSEL:
		bit_select(g, o);
		return true;
	case IR_VDUP:
		return duplicate(g, o);
	case IR_VSETLANE:
		return set_lane(g, o);
	case IR_VWIDENLOU: case IR_VWIDENLOS: case IR_VWIDENHIU: case IR_VWIDENHIS:
		return widen(g, o);
	case IR_VUZPE: case IR_VUZPO:
		return unzip(g, o, o->aux, o->op == IR_VUZPO);
	case IR_VPACK:
		return unzip(g, o, o->aux - 1u, false);
	case IR_VTBL:
		return table(g, o);
	case IR_VTBL2:
		return table2(g, o);
	case IR_VBSWAP:
		return swap_lanes(g, o);
	case IR_VEXT: {
		if (o->type != IR_V128 || !t1_host.ssse3)
			return false;
		a = t1_xmm(g, o->a);
		unsigned b = o->b == o->a ? a : t1_xmm(g, o->b);
		op3_imm(g, O_66 | O_0F3A | 0x0f, t1_dest_xmm(g, o->dst, 0), b, a, o->imm > 32 ? 32 : (unsigned)o->imm);
		return true;
	}
	case IR_VANDN: {
		a = t1_xmm(g, o->a);
		unsigned b = o->b == o->a ? a : t1_xmm(g, o->b);
		t1_op3(g, M66 | 0xdf, t1_dest_xmm(g, o->dst, 0), b, a);
		return true;
	}
	case IR_VNOT:
		a = t1_xmm(g, o->a);
		d = t1_dest_xmm(g, o->dst, o->a);
		t1_mov(g, d, a, IR_V128);
		invert(g, d);
		return true;
	case IR_VNEG:
		a = t1_xmm(g, o->a);
		INS(O_0F | 0x57, 31, rm_reg(31));
		t1_op3(g, simple[1].code[o->aux - IR_I8], t1_dest_xmm(g, o->dst, 0), 31, a);
		return true;
	case IR_VABS:
		if (o->aux == IR_I64 || !t1_host.ssse3)
			return false;
		a = t1_xmm(g, o->a);
		op2(g, S38 | (0x1cu + o->aux - IR_I8), t1_dest_xmm(g, o->dst, 0), a, -1);
		return true;
	case IR_VFNEG: case IR_VFABS:
		if (o->aux == IR_F16)
			return false;
		a = t1_xmm(g, o->a);
		d = t1_dest_xmm(g, o->dst, 0);
		sign_bits(g, o->aux, d, a, o->op == IR_VFNEG);
		return true;
	}
	return ir_op_info[o->op].flags & IR_F_LANE ? one_instruction(g, o) : false;
}

bool t1_native(struct t1_gen *g, const struct ir_op *o)
{
	unsigned op = (unsigned)o->imm & 0x1ffff, a = o->a ? t1_xmm(g, o->a) : 0, b = 0, d;
	bool vector = t1_is_xmm(o->type);

	if (o->b)
		b = o->b == o->a ? a : t1_is_int(t1_type(g, o->b)) ? t1_reg(g, o->b) : t1_xmm(g, o->b);
	if (o->aux) {
		t1_vacate(g, RAX);
		INS(op, a, rm_reg(b));
		g->p = e_bytes(g->p, 0xc4b60f9f, 4); /* lahf; movzx eax, ah */
		t1_dest_is(g, o->dst, RAX);
		return true;
	}
	if (!vector) {
		d = t1_dest(g, o->dst, 0);
	} else {
		d = t1_dest_xmm(g, o->dst, o->a);
		if (o->a)
			t1_mov(g, d, a, IR_V128);
	}
	if (o->imm & IR_NATIVE_DIGIT)
		INS(op, (unsigned)(o->imm >> 32) & 7, rm_reg(d));
	else
		INS(op, d, rm_reg(b));
	if (o->imm & IR_NATIVE_IMM)
		g->p = e_u8(g->p, (unsigned)(o->imm >> 24) & 255);
	return true;
}
