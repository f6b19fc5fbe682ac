/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Guest memory in system mode: the look-up in the soft TLB (tlb.h) inline, the rest by calls from cold code.
 *
 * r15 is struct mmu. What hits takes
 *
 *	rorx  i, a, 7            index of the page's entry, times its size
 *	and   i, [r15 + mask]
 *	mov   t, [r15 + i + tag]
 *	xor   t, a               offset in the page, if it is the right one
 *	cmp   t, 4096 - size
 *	ja    cold
 *	mov   i, [r15 + i + addend]
 *	the access at [a + i]
 *
 * The cold code is a call with the description of the access behind it; the thunk saves all registers, and
 * t1_slow() finds operands and result among them. The guest's pinned registers are in the state then, and the jump behind the
 * description tells which instruction it is, should it fault.
 */
#include <string.h>
#include "jit/host/x86-64-t1.h"
#include "jit/interp.h"
#include "jit/tlb.h"

struct saved {
	uint64_t reg[16];
	union ir_value xmm[8]; /* 16 bytes each */
};
#define SAVED_BYTES (16 * 8 + 16 * 16)
_Static_assert(sizeof(struct saved) == SAVED_BYTES, "as the thunk lays it out");

static uint8_t *xmm_of(struct saved *s, unsigned r)
{
	return (uint8_t *)s->xmm + 16 * (r - 16);
}

static void value_of(struct saved *s, unsigned r, union ir_value *v)
{
	memset(v, 0, sizeof *v);
	if (r < 16)
		v->u64[0] = s->reg[r];
	else if (r < 32)
		memcpy(v, xmm_of(s, r), 16);
}

static __attribute__((used)) void t1_slow(struct cpu *c, struct saved *s, const uint8_t *description)
{
	struct t1_slow_access x;
	struct mmu *m = c->mmu;
	union ir_value b, v, d;
	int32_t back;

	memcpy(&x, description, sizeof x);
	memcpy(&back, description + sizeof x + 1, 4);
	uint64_t address = s->reg[x.a] + (uint64_t)(int64_t)x.disp;
	if (x.type & T1_ADDRESS32)
		address = (uint32_t)address;
	struct ir_op o = {.op = x.op, .type = x.type & 127, .x = x.memop};
	value_of(s, x.b, &b);
	value_of(s, x.c, &v);
	if (x.b == T1_NO_REG)
		b.u64[0] = (uint64_t)(int64_t)x.imm;
	/* The last byte of the access itself. */
	m->at = (uint64_t)(uintptr_t)description + sizeof x + 5 + (uint64_t)(int64_t)back - 1;
	memset(&d, 0, sizeof d);
	ir_mem_machine(c, &d, &o, address, &b, &v);
	m->at = 0;
	if (x.d < 16)
		s->reg[x.d] = d.u64[0];
	else if (x.d < 32)
		memcpy(xmm_of(s, x.d), &d, 16);
}

uint32_t t1_slow_thunk(struct t1_gen *g, bool xmm)
{
	uint32_t at = jit_offset(g->j, g->p);
	int32_t frame = SAVED_BYTES + 8; /* and the return address: aligned */

	t1_pins(g, true, ~0u);
	INS(0x81 | O_W, 5, rm_reg(RSP));
	g->p = e_u32(g->p, (uint32_t)frame);
	for (unsigned i = 0; i < 16; i++)
		if (i != RSP)
			INS(0x89 | O_W, i, rm_mem(RSP, 8 * (int32_t)i));
	for (unsigned i = 0; xmm && i < 16; i++)
		INS(O_0F | 0x11, i, rm_mem(RSP, 128 + 16 * (int32_t)i));
	INS(0x8d | O_W, RDI, rm_mem(RBP, -g->bias));
	INS(0x8b | O_W, RSI, rm_reg(RSP));
	INS(0x8b | O_W, RDX, rm_mem(RSP, frame));
	t1_imm(g, RAX, (uint64_t)(uintptr_t)t1_slow);
	g->p = e_u16(g->p, 0xd0ff);
	for (unsigned i = 0; xmm && i < 16; i++)
		INS(O_0F | 0x10, i, rm_mem(RSP, 128 + 16 * (int32_t)i));
	for (unsigned i = 0; i < 16; i++)
		if (i != RSP)
			INS(0x8b | O_W, i, rm_mem(RSP, 8 * (int32_t)i));
	INS(0x81 | O_W, 0, rm_reg(RSP));
	g->p = e_u32(g->p, (uint32_t)frame);
	/* The description is behind the call. */
	INS(0x83 | O_W, 0, rm_mem(RSP, 0));
	g->p = e_u8(g->p, sizeof(struct t1_slow_access));
	g->p = e_u8(g->p, 0xc3);
	return at;
}

void t1_tlb_cold(struct t1_gen *g, struct t1_cold *c)
{
	g->p = e_u8(g->p, 0xe8);
	g->p = e_u32(g->p, (uint32_t)(g->j->rw + g->j->thunk[c->xmm ? T1_SLOW_XMM : T1_SLOW] - (g->p + 4)));
	memcpy(g->p, &c->slow, sizeof c->slow);
	g->p += sizeof c->slow;
	g->p = e_jmp(g->p, c->back);
}

static bool xmm_live(const struct t1_gen *g)
{
	for (unsigned i = 16; i < 32; i++)
		if (g->owner[i])
			return true;
	return false;
}

/* One access: where it is, and the registers in use. */
struct access {
	struct rm m;
	struct t1_cold *cold; /* back and operands are still to be filled in */
};

/*
 * The check; NULL cold: failed. a: the address's register, taken before the result's, which may be the same. Whatever else must be
 * moved is moved before: the cold path comes back behind the access. Flags are changed.
 */
static struct access check(struct t1_gen *g, const struct ir_op *o, unsigned a, enum mmu_access how)
{
	unsigned type = t1_type(g, o->a), map = o->x >> IR_MEM_INDEX_SHIFT & 15, n = 1u << (o->x & IR_MEM_LOG2);
	unsigned align = o->x >> IR_MEM_ALIGN_SHIFT & 7, i = t1_alloc(g), t = t1_alloc(g), from = a;
	int64_t disp = (int64_t)o->imm;
	int32_t table = (int32_t)(TLB_TABLES + map * TLB_TABLE_BYTES), rest = 0;
	struct access x = {.cold = NULL};

	if (disp && (disp != (int32_t)disp || type == IR_I32)) {
		/* The sum for itself: it may be cut, or the displacement is long. */
		unsigned s = t1_alloc(g);
		if (disp == (int32_t)disp || type == IR_I32) {
			INS(0x8d | t1_w(type), s, rm_mem(a, (int32_t)disp));
		} else {
			t1_imm(g, s, (uint64_t)disp);
			INS(0x03 | O_W, s, rm_reg(a));
		}
		from = a = s;
		disp = 0;
	}
	if (disp) {
		INS(0x8d | O_W, t, rm_mem(a, (int32_t)disp));
		from = t;
		rest = (int32_t)disp;
	}
	if (align) {
		INS(0xf6 | O_BYTERM, 0, rm_reg(from));
		g->p = e_u8(g->p, (1u << align) - 1);
		t1_cold(g, CC_NE, T1_COLD_ALIGN, from);
	}
	if (t1_host.bmi2) {
		g->p = asm_vex(g->p, O_F2 | O_0F3A | 0xf0, false, i, 0, rm_reg(from)); /* rorx */
		g->p = e_u8(g->p, 12 - TLB_ENTRY_SHIFT);
	} else {
		INS(0x8b, i, rm_reg(from));
		INS(0xc1, 5, rm_reg(i));
		g->p = e_u8(g->p, 12 - TLB_ENTRY_SHIFT);
	}
	INS(0x23, i, rm_mem(R15, (int32_t)(offsetof(struct mmu, mask) + 8 * map)));
	if (from == t) {
		INS(0x33 | O_W, t, rm_sib(R15, i, 0, table + (int32_t)(8 * how)));
	} else {
		INS(0x8b | O_W, t, rm_sib(R15, i, 0, table + (int32_t)(8 * how)));
		INS(0x33 | O_W, t, rm_reg(a));
	}
	INS(0x81 | O_W, 7, rm_reg(t));
	g->p = e_u32(g->p, 4096 - n);
	t1_cold(g, CC_A, T1_COLD_TLB, 0);
	if (g->failed)
		return x;
	INS(0x8b | O_W, i, rm_sib(R15, i, 0, table + (int32_t)offsetof(struct tlb_entry, addend)));
	x.m = rm_sib(i, a, 0, rest);
	x.cold = &g->cold[g->colds - 1];
	x.cold->xmm = t1_is_xmm(o->type) || xmm_live(g);
	x.cold->slow = (struct t1_slow_access){
		.memop = (uint16_t)o->x, .op = (uint8_t)o->op, .type = (uint8_t)(o->type | (type == IR_I32 ? T1_ADDRESS32 : 0)),
		.a = (uint8_t)a, .b = T1_NO_REG, .c = T1_NO_REG, .d = T1_NO_REG, .disp = rest};
	return x;
}

static bool load(struct t1_gen *g, const struct ir_op *o)
{
	unsigned n = 1u << (o->x & IR_MEM_LOG2), d;
	bool sign = o->x & IR_MEM_SIGNED && n < ir_type_bytes[o->type], be = o->x & IR_MEM_BE && n > 1;

	if (t1_is_xmm(o->type)) {
		if (n != ir_type_bytes[o->type] || be || (n > 8 && o->x & IR_MEM_ATOMIC))
			return false;
		unsigned a = t1_reg(g, o->a);
		d = t1_dest_xmm(g, o->dst, 0);
		struct access x = check(g, o, a, MMU_READ);
		if (!x.cold)
			return true;
		t1_move(g, d, x.m, o->type, false);
		x.cold->slow.d = (uint8_t)d;
		x.cold->back = g->p;
		return true;
	}
	if (!t1_is_int(o->type))
		return false;
	unsigned w = sign ? t1_w(o->type) : 0;
	unsigned a = t1_reg(g, o->a);
	d = t1_dest(g, o->dst, 0);
	struct access x = check(g, o, a, MMU_READ);
	if (!x.cold)
		return true;
	if (be && t1_host.movbe) {
		INS((n == 2 ? O_66 : n == 8 ? O_W : 0) | O_0F38 | 0xf0, d, x.m);
	} else if (be) {
		t1_move(g, d, x.m, n == 2 ? IR_I16 : n == 4 ? IR_I32 : IR_I64, false);
		t1_swap(g, d, n);
	} else if (!sign) {
		t1_move(g, d, x.m, n == 1 ? IR_I8 : n == 2 ? IR_I16 : n == 4 ? IR_I32 : IR_I64, false);
	} else if (n == 4) {
		INS(0x63 | O_W, d, x.m);
	} else {
		INS(O_0F | w | (n == 1 ? 0xbe : 0xbf), d, x.m);
	}
	if (be && n == 2)
		INS(O_0F | w | (sign ? 0xbf : 0xb7), d, rm_reg(d));
	else if (be && n == 4 && sign)
		INS(0x63 | O_W, d, rm_reg(d));
	x.cold->slow.d = (uint8_t)d;
	x.cold->back = g->p;
	return true;
}

static bool store(struct t1_gen *g, const struct ir_op *o)
{
	unsigned n = 1u << (o->x & IR_MEM_LOG2);
	unsigned type = n == 1 ? IR_I8 : n == 2 ? IR_I16 : n == 4 ? IR_I32 : IR_I64;
	bool be = o->x & IR_MEM_BE && n > 1;
	int32_t v;

	if (t1_is_xmm(o->type)) {
		if (be || n != ir_type_bytes[o->type] || (n > 8 && o->x & IR_MEM_ATOMIC))
			return false;
		unsigned b = t1_xmm(g, o->b);
		struct access x = check(g, o, t1_reg(g, o->a), MMU_WRITE);
		if (!x.cold)
			return true;
		t1_move(g, b, x.m, o->type, true);
		x.cold->slow.b = (uint8_t)b;
		x.cold->back = g->p;
		return true;
	}
	if (!t1_is_int(o->type) || !t1_is_int(t1_type(g, o->b)))
		return false;
	if (!be && g->loc[o->b].reg < 0 && t1_imm32(g, o->b, o->type, &v)) {
		struct access x = check(g, o, t1_reg(g, o->a), MMU_WRITE);
		if (!x.cold)
			return true;
		INS(n == 1 ? 0xc6u : (n == 2 ? O_66 : n == 8 ? O_W : 0) | 0xc7u, 0, x.m);
		g->p = n == 1 ? e_u8(g->p, (uint32_t)v & 255) : n == 2 ? e_u16(g->p, (uint32_t)v & 0xffff)
								       : e_u32(g->p, (uint32_t)v);
		x.cold->slow.imm = v;
		x.cold->back = g->p;
		return true;
	}
	unsigned b = t1_reg(g, o->b), swapped = be && !t1_host.movbe ? t1_alloc(g) : b;
	struct access x = check(g, o, t1_reg(g, o->a), MMU_WRITE);
	if (!x.cold)
		return true;
	if (be && !t1_host.movbe) {
		t1_mov(g, swapped, b, IR_I64);
		t1_swap(g, swapped, n);
	}
	if (be && t1_host.movbe)
		INS((n == 2 ? O_66 : n == 8 ? O_W : 0) | O_0F38 | 0xf1, b, x.m);
	else
		t1_move(g, swapped, x.m, type, true);
	x.cold->slow.b = (uint8_t)b;
	x.cold->back = g->p;
	return true;
}

/* The value into a register that is ours; where it was is free for the check. */
static void copy_to(struct t1_gen *g, unsigned reg, ir_ref t)
{
	uint32_t locked = g->locked;

	if (t1_constant(g, t) && g->loc[t].reg < 0) {
		t1_imm(g, reg, g->r->temp[t].value);
		return;
	}
	struct rm m = t1_operand(g, t);
	if (m.reg >= 0)
		t1_mov(g, reg, (unsigned)m.reg, IR_I64);
	else
		t1_move(g, reg, m, t1_type(g, t), false);
	g->locked = locked | 1u << reg;
}

static bool atomic(struct t1_gen *g, const struct ir_op *o)
{
	unsigned n = 1u << (o->x & IR_MEM_LOG2);
	unsigned w = n == 8 ? O_W : n == 2 ? O_66 : 0, byte = n == 1 ? O_BYTE : 0, wide = n > 1;
	static const uint8_t digit[] = {[IR_FETCH_ADD - IR_FETCH_ADD] = 0, [IR_FETCH_AND - IR_FETCH_ADD] = 4,
					[IR_FETCH_OR - IR_FETCH_ADD] = 1, [IR_FETCH_XOR - IR_FETCH_ADD] = 6};

	if (!t1_is_int(o->type) || n > 8 || (o->x & IR_MEM_BE && n > 1))
		return false;
	switch (o->op) {
	case IR_CMPXCHG: {
		t1_vacate(g, RAX);
		unsigned c = t1_reg(g, o->c);
		copy_to(g, RAX, o->b);
		struct access x = check(g, o, t1_reg(g, o->a), MMU_WRITE);
		if (!x.cold)
			return true;
		g->p = e_u8(g->p, 0xf0);
		INS(O_0F | w | byte | (0xb0 + wide), c, x.m);
		x.cold->slow.b = RAX;
		x.cold->slow.c = (uint8_t)c;
		x.cold->slow.d = RAX;
		x.cold->back = g->p;
		t1_dest_is(g, o->dst, RAX);
		return true;
	}
	case IR_XCHG: case IR_FETCH_ADD: {
		unsigned t = t1_alloc(g);
		copy_to(g, t, o->b);
		struct access x = check(g, o, t1_reg(g, o->a), MMU_WRITE);
		if (!x.cold)
			return true;
		if (o->op == IR_XCHG) {
			INS(w | byte | (0x86 + wide), t, x.m);
		} else {
			g->p = e_u8(g->p, 0xf0);
			INS(O_0F | w | byte | (0xc0 + wide), t, x.m);
		}
		x.cold->slow.b = (uint8_t)t;
		x.cold->slow.d = (uint8_t)t;
		x.cold->back = g->p;
		t1_dest_is(g, o->dst, t);
		return true;
	}
	case IR_FETCH_AND: case IR_FETCH_OR: case IR_FETCH_XOR: {
		if (g->r->temp[o->dst].last)
			return false;
		unsigned b = t1_reg(g, o->b);
		struct access x = check(g, o, t1_reg(g, o->a), MMU_WRITE);
		if (!x.cold)
			return true;
		g->p = e_u8(g->p, 0xf0);
		INS(w | byte | ((unsigned)digit[o->op - IR_FETCH_ADD] << 3) | wide, b, x.m);
		x.cold->slow.b = (uint8_t)b;
		x.cold->back = g->p;
		return true;
	}
	}
	return false;
}

bool t1_memory_machine(struct t1_gen *g, const struct ir_op *o)
{
	switch (o->op) {
	case IR_LD: return load(g, o);
	case IR_ST: return store(g, o);
	default: return atomic(g, o);
	}
}

void t1_guard(struct t1_gen *g)
{
	const struct jit_region *r = &g->j->region[g->region];
	const struct jit_context *x = &g->j->context[r->mode];
	uint64_t linear = x->base ? (uint32_t)(r->pc + x->base) : r->pc;

	for (unsigned i = 0; i < 2 && r->mapping[i]; i++) {
		INS(0x81, 7, rm_mem(R15, (int32_t)(offsetof(struct mmu, ids) + 4 * (x->map * TLB_IDS + tlb_id_index(linear)))));
		g->p = e_u32(g->p, r->mapping[i]);
		t1_cold(g, CC_NE, T1_COLD_MISS, 0);
		if (!g->failed)
			g->cold[g->colds - 1].pc = r->pc;
		linear = (linear | 4095) + 1;
	}
}
