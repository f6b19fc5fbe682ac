/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Integer vector operations that are a few host instructions: differences, reductions, bits of bytes, arithmetic shifts. */
#include "jit/host/x86-64-t1.h"

#define M66 (O_66 | O_0F)
#define PSHUFB (O_66 | O_0F38 | 0x00)

/* d = a shifted by a constant; digit 2 logical right, 4 arithmetic right, 6 left; lanes of 16, 32, 64 bits. */
void t1_vec_shift(struct t1_gen *g, unsigned digit, unsigned lane, unsigned d, unsigned a, unsigned n)
{
	unsigned op = M66 | (lane == IR_I64 ? 0x73 : lane == IR_I32 ? 0x72 : 0x71);

	if (t1_host.avx) {
		g->p = asm_vex(g->p, op, false, digit, d, rm_reg(a));
	} else {
		t1_mov(g, d, a, IR_V128);
		INS(op, digit, rm_reg(d));
	}
	g->p = e_u8(g->p, n);
}

static bool difference(struct t1_gen *g, const struct ir_op *o)
{
	uint32_t max = t1_vec_code(o->op == IR_VABDU ? IR_VMAXU : IR_VMAXS, o->aux);
	uint32_t min = t1_vec_code(o->op == IR_VABDU ? IR_VMINU : IR_VMINS, o->aux);

	if (!max || !min)
		return false;
	unsigned a = t1_xmm(g, o->a), b = o->b == o->a ? a : t1_xmm(g, o->b), d = t1_dest_xmm(g, o->dst, 0);
	t1_op3(g, min, 31, a, b);
	t1_op3(g, max, d, a, b);
	t1_op3(g, t1_vec_code(IR_VSUB, o->aux), d, d, 31);
	return true;
}

/* Halves upon halves until one lane is left. */
static bool reduce(struct t1_gen *g, const struct ir_op *o)
{
	static const uint16_t step[] = {[IR_VREDADD - IR_VREDADD] = IR_VADD, [IR_VREDMAXU - IR_VREDADD] = IR_VMAXU,
					[IR_VREDMINU - IR_VREDADD] = IR_VMINU, [IR_VREDMAXS - IR_VREDADD] = IR_VMAXS,
					[IR_VREDMINS - IR_VREDADD] = IR_VMINS};
	unsigned lane = o->type, size = ir_type_bytes[lane], src = t1_type(g, o->a);

	if (!t1_is_int(lane) || (src != IR_V64 && src != IR_V128))
		return false;
	uint32_t code = t1_vec_code(step[o->op - IR_VREDADD], lane);
	if (!code || (src == IR_V64 && size == 8))
		return false;
	unsigned a = t1_xmm(g, o->a), t = t1_alloc_xmm(g), d;
	if (src == IR_V128) {
		INS(M66 | 0x70, t, rm_reg(a));
		g->p = e_u8(g->p, 0xee);
		t1_op3(g, code, t, t, a);
	} else {
		t1_mov(g, t, a, IR_V128);
	}
	if (size <= 4) {
		INS(M66 | 0x70, 31, rm_reg(t));
		g->p = e_u8(g->p, 0x55);
		t1_op3(g, code, t, t, 31);
	}
	if (size <= 2) {
		t1_vec_shift(g, 2, IR_I32, 31, t, 16);
		t1_op3(g, code, t, t, 31);
	}
	if (size == 1) {
		t1_vec_shift(g, 2, IR_I16, 31, t, 8);
		t1_op3(g, code, t, t, 31);
	}
	d = t1_dest(g, o->dst, 0);
	INS(M66 | 0x7e | (size == 8 ? O_W : 0), t, rm_reg(d));
	return true;
}

/* d = low[nibble] op high[upper nibble], for each byte of a; x and xmm15 are changed. */
static void by_nibbles(struct t1_gen *g, unsigned op, unsigned d, unsigned a, unsigned x, enum t1_const low, enum t1_const high)
{
	t1_vec_shift(g, 2, IR_I16, 31, a, 4);
	t1_constant_op(g, M66 | 0xdb, x, a, T1_CONST_BYTES_0F);
	t1_constant_op(g, M66 | 0xdb, 31, 31, T1_CONST_BYTES_0F);
	INS(O_0F | 0x28, d, rm_rip());
	t1_rip_fix(g, low, 0);
	t1_op3(g, PSHUFB, d, d, x);
	INS(O_0F | 0x28, x, rm_rip());
	t1_rip_fix(g, high, 0);
	t1_op3(g, PSHUFB, x, x, 31);
	t1_op3(g, op, d, d, x);
}

static bool bits(struct t1_gen *g, const struct ir_op *o)
{
	if (!t1_host.ssse3 || o->aux != IR_I8)
		return false;
	unsigned a = t1_xmm(g, o->a), x = t1_alloc_xmm(g), d = t1_dest_xmm(g, o->dst, 0);
	if (o->op == IR_VPOPCNT)
		by_nibbles(g, M66 | 0xfc, d, a, x, T1_CONST_POPCNT, T1_CONST_POPCNT);
	else
		by_nibbles(g, M66 | 0xeb, d, a, x, T1_CONST_REV_LOW, T1_CONST_REV_HIGH);
	return true;
}

/* Lanes that the host cannot shift arithmetically: logically, and then the sign bit, wherever it is, is extended. */
static bool shift_right(struct t1_gen *g, const struct ir_op *o)
{
	unsigned bytes = ir_type_bytes[o->aux], n = o->imm >= 8 * bytes ? 8 * bytes - 1 : (unsigned)o->imm;
	uint64_t sign = (bytes == 1 ? 0x8080808080808080ull : 1ull << 63) >> n;

	if (bytes != 1 && bytes != 8)
		return false;
	unsigned a = t1_xmm(g, o->a), d = t1_dest_xmm(g, o->dst, 0);
	t1_vec_shift(g, 2, bytes == 1 ? IR_I16 : IR_I64, d, a, n);
	if (bytes == 1) {
		uint64_t keep = (0xffu >> n) * 0x0101010101010101ull;
		t1_xmm_constant(g, 31, keep, keep);
		t1_op3(g, M66 | 0xdb, d, d, 31);
		sign = (0x80u >> n) * 0x0101010101010101ull;
	}
	t1_xmm_constant(g, 31, sign, sign);
	t1_op3(g, M66 | 0xef, d, d, 31);
	t1_op3(g, t1_vec_code(IR_VSUB, o->aux), d, d, 31);
	return true;
}

bool t1_lanes(struct t1_gen *g, const struct ir_op *o)
{
	switch (o->op) {
	case IR_VABDU: case IR_VABDS: return difference(g, o);
	case IR_VREDADD: case IR_VREDMAXU: case IR_VREDMINU: case IR_VREDMAXS: case IR_VREDMINS: return reduce(g, o);
	case IR_VPOPCNT: case IR_VBITREV: return bits(g, o);
	case IR_VSARI: return shift_right(g, o);
	default: return false;
	}
}

bool t1_bit_reverse(struct t1_gen *g, const struct ir_op *o)
{
	unsigned w = o->type == IR_I64 ? O_W : 0;

	if (!t1_host.ssse3 || o->type < IR_I32)
		return false;
	unsigned a = t1_reg(g, o->a), x = t1_alloc_xmm(g), y = t1_alloc_xmm(g), z = t1_alloc_xmm(g), d;
	INS(M66 | 0x6e | w, z, rm_reg(a));
	by_nibbles(g, M66 | 0xeb, y, z, x, T1_CONST_REV_LOW, T1_CONST_REV_HIGH);
	d = t1_dest(g, o->dst, o->a);
	INS(M66 | 0x7e | w, y, rm_reg(d));
	t1_swap(g, d, w ? 8 : 4);
	return true;
}
