/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Integer operations of up to 64 bits. Each function fetches its operands, then chooses the result's register, then
 * writes it: the result may come in the register of an operand that dies, or in a pinned one that holds an operand.
 */
#include "jit/host/x86-64-t1.h"

/* dst <- a, unless it is there. */
static void copy(struct t1_gen *g, unsigned d, struct rm a, unsigned type)
{
	if (a.reg < 0)
		t1_move(g, d, a, type, false);
	else if ((unsigned)a.reg != d)
		INS(0x8b | t1_w(type == IR_I64 ? IR_I64 : IR_I32), d, a);
}

static bool is(struct rm m, unsigned reg)
{
	return m.reg >= 0 && (unsigned)m.reg == reg;
}

/* The group of 81 /digit: add or adc sbb and sub xor cmp. */
static void alu_imm(struct t1_gen *g, unsigned digit, unsigned w, struct rm m, int32_t v)
{
	if (v == (int8_t)v) {
		INS(0x83 | w, digit, m);
		g->p = e_u8(g->p, (uint32_t)v & 255);
	} else {
		INS(0x81 | w, digit, m);
		g->p = e_u32(g->p, (uint32_t)v);
	}
}

static void alu(struct t1_gen *g, const struct ir_op *o, unsigned digit, bool commutes)
{
	unsigned w = t1_w(o->type);
	int32_t v;

	if (t1_imm32(g, o->b, o->type, &v)) {
		unsigned a = t1_reg(g, o->a), d = t1_dest(g, o->dst, o->a);
		if (digit == 0 && d != a && o->type >= IR_I32) {
			INS(0x8d | w, d, rm_mem(a, v));
		} else {
			copy(g, d, rm_reg(a), o->type);
			alu_imm(g, digit, w, rm_reg(d), v);
		}
		return;
	}
	unsigned a = t1_reg(g, o->a);
	struct rm b = o->b == o->a ? rm_reg(a) : t1_operand(g, o->b);
	unsigned d = t1_dest(g, o->dst, o->a);
	if (d == a) {
		INS((digit << 3 | 3) | w, d, b);
	} else if (digit == 0 && b.reg >= 0) {
		unsigned x = a, y = (unsigned)b.reg;
		INS(0x8d | w, d, rm_sib(x, y, 0, 0));
	} else if (is(b, d)) {
		if (commutes) {
			INS((digit << 3 | 3) | w, d, rm_reg(a));
		} else { /* d = a - d */
			INS(0xf7 | w, 3, rm_reg(d));
			INS(0x03 | w, d, rm_reg(a));
		}
	} else {
		copy(g, d, rm_reg(a), o->type);
		INS((digit << 3 | 3) | w, d, b);
	}
}

static void multiply(struct t1_gen *g, const struct ir_op *o)
{
	unsigned w = t1_w(o->type), a = t1_reg(g, o->a), d;
	int32_t v;

	if (t1_imm32(g, o->b, o->type, &v)) {
		d = t1_dest(g, o->dst, o->a);
		INS(0x69 | w, d, rm_reg(a));
		g->p = e_u32(g->p, (uint32_t)v);
		return;
	}
	struct rm b = o->b == o->a ? rm_reg(a) : t1_operand(g, o->b);
	d = t1_dest(g, o->dst, o->a);
	if (is(b, d)) {
		INS(O_0F | 0xaf | w, d, rm_reg(a));
	} else {
		copy(g, d, rm_reg(a), o->type);
		INS(O_0F | 0xaf | w, d, b);
	}
}

/* High halves: rdx of the one-operand forms. */
static bool multiply_high(struct t1_gen *g, const struct ir_op *o)
{
	if (o->type < IR_I32)
		return false;
	t1_vacate(g, RAX);
	t1_vacate(g, RDX);
	struct rm b = t1_operand(g, o->b);
	struct rm a = o->a == o->b ? b : t1_operand(g, o->a);
	copy(g, RAX, a, o->type);
	INS(0xf7 | t1_w(o->type), o->op == IR_MULHU ? 4 : 5, b);
	t1_dest_is(g, o->dst, RDX);
	return true;
}

static bool divide(struct t1_gen *g, const struct ir_op *o)
{
	bool sign = o->op == IR_DIVS || o->op == IR_REMS, rem = o->op == IR_REMU || o->op == IR_REMS;
	unsigned w = t1_w(o->type);
	uint8_t *zero, *minus = NULL, *done[2];

	if (o->type < IR_I32)
		return false;
	t1_vacate(g, RAX);
	t1_vacate(g, RDX);
	unsigned b = t1_reg(g, o->b);
	struct rm a = o->a == o->b ? rm_reg(b) : t1_operand(g, o->a);
	copy(g, RAX, a, o->type);
	INS(0x85 | w, b, rm_reg(b));
	zero = g->p = e_u16(g->p, 0x74); /* jz */
	if (sign) {
		alu_imm(g, 7, w, rm_reg(b), -1);
		minus = g->p = e_u16(g->p, 0x74);
		if (w)
			g->p = e_u16(g->p, 0x9948); /* cqo */
		else
			g->p = e_u8(g->p, 0x99); /* cdq */
	} else {
		INS(0x31, RDX, rm_reg(RDX));
	}
	INS(0xf7 | w, sign ? 7 : 6, rm_reg(b));
	done[0] = g->p = e_u16(g->p, 0xeb);
	done[1] = NULL;
	if (sign) {
		minus[-1] = (uint8_t)(g->p - minus);
		if (rem)
			INS(0x31, RDX, rm_reg(RDX));
		else
			INS(0xf7 | w, 3, rm_reg(RAX));
		done[1] = g->p = e_u16(g->p, 0xeb);
	}
	zero[-1] = (uint8_t)(g->p - zero);
	if (rem)
		INS(0x8b | w, RDX, rm_reg(RAX));
	else
		INS(0x31, RAX, rm_reg(RAX));
	done[0][-1] = (uint8_t)(g->p - done[0]);
	if (done[1])
		done[1][-1] = (uint8_t)(g->p - done[1]);
	t1_dest_is(g, o->dst, rem ? RDX : RAX);
	return true;
}

/* C0/C1/D2/D3 group digits */
static bool shift(struct t1_gen *g, const struct ir_op *o)
{
	static const uint8_t digit[] = {[IR_SHL - IR_SHL] = 4, [IR_SHR - IR_SHL] = 5, [IR_SAR - IR_SHL] = 7,
					[IR_ROTL - IR_SHL] = 0, [IR_ROTR - IR_SHL] = 1};
	static const unsigned x_op[] = {O_66, O_F2, O_F3}; /* shlx shrx sarx: 0F38 F7 */
	unsigned which = o->op - IR_SHL, w = t1_w(o->type), bits = ir_bits(o->type);
	bool narrow = o->type < IR_I32, rotate = which >= 3;

	if (narrow && rotate)
		return false;
	if (t1_constant(g, o->b)) {
		unsigned n = (unsigned)g->r->temp[o->b].value & (bits - 1);
		struct rm a = rm_reg(t1_reg(g, o->a));
		unsigned d = t1_dest(g, o->dst, o->a);
		if (narrow && which == 1)
			INS(O_0F | (o->type == IR_I8 ? 0xb6 | O_BYTERM : 0xb7), d, a);
		else if (narrow && which == 2)
			INS(O_0F | (o->type == IR_I8 ? 0xbe | O_BYTERM : 0xbf), d, a);
		else
			copy(g, d, a, o->type);
		if (n) {
			INS(0xc1 | w, digit[which], rm_reg(d));
			g->p = e_u8(g->p, n);
		}
		return true;
	}
	if (narrow)
		return false;
	if (!rotate && t1_host.bmi2) {
		unsigned n = t1_reg(g, o->b);
		struct rm a = o->a == o->b ? rm_reg(n) : t1_operand(g, o->a);
		unsigned d = t1_dest(g, o->dst, o->a);
		g->p = asm_vex(g->p, x_op[which] | O_0F38 | w | 0xf7, false, d, n, a);
		return true;
	}
	t1_vacate(g, RCX);
	struct rm n = t1_operand(g, o->b);
	copy(g, RCX, n, IR_I32);
	unsigned a = t1_reg(g, o->a), d = t1_dest(g, o->dst, o->a);
	copy(g, d, rm_reg(a), o->type);
	INS(0xd3 | w, digit[which], rm_reg(d));
	return true;
}

static bool unary(struct t1_gen *g, const struct ir_op *o)
{
	unsigned w = t1_w(o->type), d;
	bool narrow = o->type < IR_I32;
	struct rm a;

	switch (o->op) {
	case IR_NEG: case IR_NOT:
		a = rm_reg(t1_reg(g, o->a));
		d = t1_dest(g, o->dst, o->a);
		copy(g, d, a, o->type);
		INS(0xf7 | w, o->op == IR_NEG ? 3 : 2, rm_reg(d));
		return true;
	case IR_CLZ: case IR_CTZ: case IR_POPCNT:
		if (narrow || !(o->op == IR_CLZ ? t1_host.lzcnt : o->op == IR_CTZ ? t1_host.bmi2 : t1_host.popcnt))
			return false;
		a = rm_reg(t1_reg(g, o->a));
		d = t1_dest(g, o->dst, o->a);
		INS(O_F3 | O_0F | w | (o->op == IR_CLZ ? 0xbd : o->op == IR_CTZ ? 0xbc : 0xb8), d, a);
		return true;
	case IR_BSWAP:
		if (o->type == IR_I8)
			return false;
		a = rm_reg(t1_reg(g, o->a));
		d = t1_dest(g, o->dst, o->a);
		copy(g, d, a, o->type);
		if (narrow) {
			INS(O_66 | 0xc1, 0, rm_reg(d)); /* rol d16, 8 */
			g->p = e_u8(g->p, 8);
		} else {
			g->p = e_u8(g->p, 0x40 | (w ? 8 : 0) | (d > 7));
			g->p = e_u16(g->p, 0x0f | (0xc8 | (d & 7)) << 8);
		}
		return true;
	}
	return false;
}

/* Loads extend: nothing is left to do. */
static bool loaded(const struct t1_gen *g, ir_ref t)
{
	const struct ir_op *d = &g->r->op[g->r->temp[t].def];

	return !t1_constant(g, t) && d->op == IR_LD && d->dst == t && !(d->x & IR_MEM_SIGNED);
}

static void extend(struct t1_gen *g, const struct ir_op *o)
{
	unsigned src = t1_type(g, o->a), d;
	struct rm a = t1_operand(g, o->a);

	d = t1_dest(g, o->dst, o->a);
	if (o->op == IR_TRUNC) {
		if (a.reg < 0)
			t1_move(g, d, a, o->type, false);
		else if (o->type == IR_I32 || (unsigned)a.reg != d)
			INS(0x8b, d, a);
	} else if (o->op == IR_ZEXT) {
		if (a.reg < 0)
			t1_move(g, d, a, src, false);
		else if (src == IR_I32 || loaded(g, o->a))
			copy(g, d, a, IR_I32);
		else
			INS(O_0F | (src == IR_I8 ? 0xb6 | O_BYTERM : 0xb7), d, a);
	} else {
		unsigned w = t1_w(o->type);
		INS(src == IR_I32 ? 0x63 | O_W : (O_0F | w | (src == IR_I8 ? 0xbe | O_BYTERM : 0xbf)), d, a);
	}
}

static void extract(struct t1_gen *g, const struct ir_op *o)
{
	unsigned pos = o->x & 255, len = o->x >> 8 & 255, bits = o->type == IR_I64 ? 64 : 32, w = t1_w(o->type);
	bool sign = o->op == IR_SEXTRACT;
	struct rm a = rm_reg(t1_reg(g, o->a));
	unsigned d = t1_dest(g, o->dst, o->a);

	if (!pos && (len == 8 || len == 16 || (len == 32 && bits == 64))) {
		if (len == 32)
			INS(sign ? 0x63 | O_W : 0x8bu, d, a);
		else
			INS(O_0F | (sign ? 8 | w : 0) | (len == 8 ? 0xb6 | O_BYTERM : 0xb7), d, a);
		return;
	}
	copy(g, d, a, o->type);
	if (!sign && len < 32) {
		if (pos) {
			INS(0xc1 | w, 5, rm_reg(d));
			g->p = e_u8(g->p, pos);
		}
		alu_imm(g, 4, 0, rm_reg(d), (int32_t)((1u << len) - 1));
		return;
	}
	if (bits - pos - len) {
		INS(0xc1 | w, 4, rm_reg(d));
		g->p = e_u8(g->p, bits - pos - len);
	}
	if (bits - len) {
		INS(0xc1 | w, sign ? 7 : 5, rm_reg(d));
		g->p = e_u8(g->p, bits - len);
	}
}

static void deposit(struct t1_gen *g, const struct ir_op *o)
{
	unsigned pos = o->x & 255, len = o->x >> 8 & 255, w = t1_w(o->type);
	uint64_t mask = (len >= 64 ? ~0ull : (1ull << len) - 1) << pos, keep = ~mask;
	struct rm a = rm_reg(t1_reg(g, o->a)), b = o->b == o->a ? a : rm_reg(t1_reg(g, o->b));

	if (!pos && (len == 8 || len == 16)) { /* a move of the low part alone */
		unsigned d = t1_dest(g, o->dst, o->a), from = (unsigned)b.reg;
		if (d == from && d != (unsigned)a.reg) {
			from = t1_alloc(g);
			copy(g, from, b, IR_I64);
		}
		if (o->type == IR_I32 && t1_type(g, o->a) == IR_I64)
			INS(0x8b, d, a); /* its low half */
		else
			copy(g, d, a, o->type);
		if (d != from)
			INS(len == 8 ? 0x88 | O_BYTE : O_66 | 0x89, from, rm_reg(d));
		return;
	}
	unsigned t = t1_alloc(g);

	/* t = the field in place */
	copy(g, t, b, o->type);
	if (len < 32) {
		alu_imm(g, 4, 0, rm_reg(t), (int32_t)((1u << len) - 1));
	} else if (len == 32) {
		INS(0x8b, t, rm_reg(t));
	} else {
		INS(0xc1 | w, 4, rm_reg(t));
		g->p = e_u8(g->p, 64 - len);
		INS(0xc1 | w, 5, rm_reg(t));
		g->p = e_u8(g->p, 64 - len);
	}
	if (pos) {
		INS(0xc1 | w, 4, rm_reg(t));
		g->p = e_u8(g->p, pos);
	}
	unsigned d = t1_dest(g, o->dst, o->a);
	copy(g, d, a, o->type);
	if (!w || keep == (uint64_t)(int64_t)(int32_t)keep) {
		alu_imm(g, 4, w, rm_reg(d), (int32_t)keep);
	} else {
		unsigned k = t1_alloc(g);
		t1_imm(g, k, keep);
		INS(0x23 | w, d, rm_reg(k));
	}
	INS(0x0b | w, d, rm_reg(t));
}

static void shift_double(struct t1_gen *g, const struct ir_op *o)
{
	unsigned w = t1_w(o->type), hi = t1_reg(g, o->a), lo = o->b == o->a ? hi : t1_reg(g, o->b);
	unsigned d = t1_dest(g, o->dst, o->b);

	if (d == hi && d != lo) { /* a pinned register that holds the high half */
		unsigned t = t1_alloc(g);
		copy(g, t, rm_reg(hi), o->type);
		hi = t;
	}
	copy(g, d, rm_reg(lo), o->type);
	INS(O_0F | w | 0xac, hi, rm_reg(d));
	g->p = e_u8(g->p, (unsigned)o->imm);
}

unsigned t1_compare(struct t1_gen *g, unsigned cond, unsigned type, ir_ref a, ir_ref b)
{
	static const uint8_t cc[IR_CONDS] = {CC_E, CC_NE, CC_B, CC_AE, CC_BE, CC_A, CC_L, CC_GE, CC_LE, CC_G, CC_E, CC_NE};
	unsigned w = t1_w(type) | (type == IR_I16 ? O_66 : 0), byte = type == IR_I8;
	bool test = cond >= IR_TSTZ;
	int32_t v;

	if (t1_imm32(g, b, type, &v)) {
		unsigned x = t1_reg(g, a);
		if (!test && !v && (cond <= IR_NE || cond == IR_LTS || cond == IR_GES)) {
			INS((byte ? 0x84 | O_BYTE : 0x85u) | w, x, rm_reg(x));
			return cond == IR_LTS ? CC_S : cond == IR_GES ? CC_NS : cc[cond];
		}
		if (byte) {
			INS(test ? 0xf6 | O_BYTERM : 0x80u | O_BYTERM, test ? 0 : 7, rm_reg(x));
			g->p = e_u8(g->p, (uint32_t)v & 255);
		} else if (test || type == IR_I16) {
			INS((test ? 0xf7u : 0x81u) | w, test ? 0 : 7, rm_reg(x));
			g->p = type == IR_I16 ? e_u16(g->p, (uint32_t)v & 0xffff) : e_u32(g->p, (uint32_t)v);
		} else {
			alu_imm(g, 7, w, rm_reg(x), v);
		}
		return cc[cond];
	}
	unsigned x = t1_reg(g, a);
	struct rm y = a == b ? rm_reg(x) : t1_operand(g, b);
	if (test)
		INS((byte ? 0x84 | O_BYTE : 0x85u) | w, x, y);
	else
		INS((byte ? 0x3a | O_BYTE : 0x3bu) | w, x, y);
	return cc[cond];
}

static bool set_condition(struct t1_gen *g, const struct ir_op *o)
{
	unsigned type = t1_type(g, o->a);

	if (type == IR_I128)
		return false;
	unsigned cc = t1_compare(g, o->aux, type, o->a, o->b), d = t1_dest(g, o->dst, 0);
	INS(O_0F | 0x90 | cc | O_BYTERM, 0, rm_reg(d));
	INS(O_0F | 0xb6 | O_BYTERM, d, rm_reg(d));
	return true;
}

static bool choose(struct t1_gen *g, const struct ir_op *o)
{
	if (!t1_is_int(o->type) || t1_type(g, o->a) == IR_I128)
		return false;
	unsigned yes = t1_reg(g, o->c), no = o->d == o->c ? yes : t1_reg(g, o->d), w = t1_w(o->type);
	unsigned cc = t1_compare(g, o->aux, t1_type(g, o->a), o->a, o->b), d = t1_dest(g, o->dst, 0);
	if (d == yes) {
		INS(O_0F | 0x40 | (cc ^ 1) | w, d, rm_reg(no));
	} else {
		copy(g, d, rm_reg(no), o->type);
		INS(O_0F | 0x40 | cc | w, d, rm_reg(yes));
	}
	return true;
}

static bool minmax(struct t1_gen *g, const struct ir_op *o)
{
	unsigned w = t1_w(o->type);
	/* take b where this holds of (d, b) */
	unsigned cc = o->op == IR_MINU ? CC_A : o->op == IR_MAXU ? CC_B : o->op == IR_MINS ? CC_G : CC_L;

	if (o->type < IR_I32)
		return false;
	unsigned a = t1_reg(g, o->a), b = o->b == o->a ? a : t1_reg(g, o->b), d = t1_dest(g, o->dst, o->a);
	if (d == b) {
		unsigned t = a;
		a = b;
		b = t;
	}
	copy(g, d, rm_reg(a), o->type);
	INS(0x3b | w, d, rm_reg(b));
	INS(O_0F | 0x40 | cc | w, d, rm_reg(b));
	return true;
}

static bool three_way(struct t1_gen *g, const struct ir_op *o)
{
	bool is_signed = o->op == IR_CMP3S;
	unsigned t, d;

	if (o->type < IR_I32)
		return false;
	unsigned a = t1_reg(g, o->a);
	struct rm b = o->b == o->a ? rm_reg(a) : t1_operand(g, o->b);
	INS(0x3b | t1_w(o->type), a, b);
	t = t1_alloc(g);
	INS(O_0F | 0x90 | (is_signed ? CC_G : CC_A) | O_BYTERM, 0, rm_reg(t));
	d = t1_dest(g, o->dst, 0);
	INS(O_0F | 0x90 | (is_signed ? CC_L : CC_B) | O_BYTERM, 0, rm_reg(d));
	INS(0x2a | O_BYTE | O_BYTERM, t, rm_reg(d));
	INS(O_0F | 0xbe | t1_w(o->type) | O_BYTERM, d, rm_reg(t));
	return true;
}

static void and_not(struct t1_gen *g, const struct ir_op *o)
{
	unsigned w = t1_w(o->type), a = t1_reg(g, o->a), b = o->b == o->a ? a : t1_reg(g, o->b);

	if (t1_host.bmi2) { /* andn is BMI1; a host with BMI2 has it */
		unsigned d = t1_dest(g, o->dst, o->a);
		g->p = asm_vex(g->p, O_0F38 | w | 0xf2, false, d, b, rm_reg(a));
		return;
	}
	unsigned t = t1_alloc(g);
	copy(g, t, rm_reg(b), o->type);
	INS(0xf7 | w, 2, rm_reg(t));
	unsigned d = t1_dest(g, o->dst, o->a);
	copy(g, d, rm_reg(a), o->type);
	INS(0x23 | w, d, rm_reg(t));
}

/* False: no code here for this one. */
bool t1_int(struct t1_gen *g, const struct ir_op *o)
{
	if (o->op == IR_SELECT)
		return choose(g, o);
	if (!t1_is_int(o->type))
		return false;
	switch (o->op) {
	case IR_ADD: alu(g, o, 0, true); return true;
	case IR_OR: alu(g, o, 1, true); return true;
	case IR_AND: alu(g, o, 4, true); return true;
	case IR_SUB: alu(g, o, 5, false); return true;
	case IR_XOR: alu(g, o, 6, true); return true;
	case IR_ANDN: and_not(g, o); return true;
	case IR_MUL: multiply(g, o); return true;
	case IR_MULHU: case IR_MULHS: return multiply_high(g, o);
	case IR_DIVU: case IR_DIVS: case IR_REMU: case IR_REMS: return divide(g, o);
	case IR_SHL: case IR_SHR: case IR_SAR: case IR_ROTL: case IR_ROTR: return shift(g, o);
	case IR_NEG: case IR_NOT: case IR_CLZ: case IR_CTZ: case IR_POPCNT: case IR_BSWAP: return unary(g, o);
	case IR_BITREV: return t1_bit_reverse(g, o);
	case IR_MINU: case IR_MAXU: case IR_MINS: case IR_MAXS: return minmax(g, o);
	case IR_CMP3U: case IR_CMP3S: return three_way(g, o);
	case IR_ZEXT: case IR_SEXT: case IR_TRUNC:
		if (!t1_is_int(t1_type(g, o->a)))
			return false;
		extend(g, o);
		return true;
	case IR_MOV: {
		struct rm a = t1_operand(g, o->a);
		copy(g, t1_dest(g, o->dst, o->a), a, o->type);
		return true;
	}
	case IR_EXTRACT: case IR_SEXTRACT:
		if (o->type < IR_I32)
			return false;
		extract(g, o);
		return true;
	case IR_DEPOSIT:
		if (o->type < IR_I32)
			return false;
		deposit(g, o);
		return true;
	case IR_SHRD:
		if (o->type < IR_I32)
			return false;
		shift_double(g, o);
		return true;
	case IR_SETCOND: return set_condition(g, o);
	}
	return false;
}
