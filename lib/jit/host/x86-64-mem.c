/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Guest memory: plain host accesses at guest base + address, which fault precisely by the delta table. */
#include "jit/host/x86-64-t1.h"

void t1_cold(struct t1_gen *g, unsigned cc, unsigned kind, unsigned reg)
{
	g->p = e_jcc(g->p, cc, g->p);
	if (g->colds >= sizeof g->cold / sizeof g->cold[0]) {
		g->failed = true;
		return;
	}
	g->cold[g->colds++] = (struct t1_cold){
		.kind = (uint8_t)kind, .reg = (uint8_t)reg, .from = g->p, .back = g->p, .op = g->at, .pc = g->insn_pc,
		.uncounted = g->uncounted};
	if (g->pending)
		t1_lazy_note(g, &g->cold[g->colds - 1].lazy);
}

void t1_poll(struct t1_gen *g, uint64_t pc)
{
	INS(0x83, 7, t1_state(g, offsetof(struct cpu, pending)));
	g->p = e_u8(g->p, 0);
	t1_cold(g, CC_NE, T1_COLD_POLL, 0);
	if (g->colds)
		g->cold[g->colds - 1].pc = pc;
	if (!g->j->config.counts)
		return;
	/* Enough for any way through the region: what is left is done by the interpreter, to the instruction. */
	INS(0x81, 7, t1_state(g, offsetof(struct cpu, budget)));
	g->p = e_u32(g->p, g->r->insns);
	t1_cold(g, CC_L, T1_COLD_POLL, 0);
	if (g->colds)
		g->cold[g->colds - 1].pc = pc;
}

/* The guest address's memory, after the check of its alignment. */
static struct rm address(struct t1_gen *g, const struct ir_op *o)
{
	unsigned align = o->x >> IR_MEM_ALIGN_SHIFT & 7, type = t1_type(g, o->a), a = t1_reg(g, o->a);
	int64_t disp = (int64_t)o->imm;
	bool based = g->j->config.guest_base != 0;

	if (disp != (int32_t)disp || (disp && type == IR_I32) || align) {
		if (disp) {
			unsigned t = t1_alloc(g);
			if (disp == (int32_t)disp) {
				INS(0x8d | t1_w(type), t, rm_mem(a, (int32_t)disp));
			} else {
				t1_imm(g, t, (uint64_t)disp);
				INS(0x03 | t1_w(type), t, rm_reg(a));
			}
			a = t;
			disp = 0;
		}
		if (align) {
			INS(0xf6 | O_BYTERM, 0, rm_reg(a));
			g->p = e_u8(g->p, (1u << align) - 1);
			t1_cold(g, CC_NE, T1_COLD_ALIGN, a);
		}
	}
	return based ? rm_sib(R15, a, 0, (int32_t)disp) : rm_mem(a, (int32_t)disp);
}

void t1_swap(struct t1_gen *g, unsigned d, unsigned bytes)
{
	if (bytes == 2) {
		INS(O_66 | 0xc1, 0, rm_reg(d));
		g->p = e_u8(g->p, 8);
	} else {
		g->p = e_u8(g->p, 0x40 | (bytes == 8 ? 8 : 0) | (d > 7));
		g->p = e_u16(g->p, 0x0f | (0xc8 | (d & 7)) << 8);
	}
}

static bool load(struct t1_gen *g, const struct ir_op *o)
{
	unsigned n = 1u << (o->x & IR_MEM_LOG2), d;
	bool sign = o->x & IR_MEM_SIGNED && n < ir_type_bytes[o->type], be = o->x & IR_MEM_BE && n > 1;

	if (t1_is_xmm(o->type)) {
		if (n > 8 && (be || o->x & IR_MEM_ATOMIC))
			return false;
		struct rm m = address(g, o);
		if (be) {
			unsigned t = t1_alloc(g);
			t1_move(g, t, m, n == 4 ? IR_I32 : IR_I64, false);
			t1_swap(g, t, n);
			d = t1_dest_xmm(g, o->dst, 0);
			INS(O_66 | O_0F | 0x6e | (n == 8 ? O_W : 0), d, rm_reg(t));
		} else if (o->type == IR_I128 && n < 16) {
			return false;
		} else {
			d = t1_dest_xmm(g, o->dst, 0);
			t1_move(g, d, m, o->type, false);
		}
		g->loc[o->dst].low = n <= 8;
		return true;
	}
	if (!t1_is_int(o->type))
		return false;
	struct rm m = address(g, o);
	unsigned w = sign ? t1_w(o->type) : 0;
	d = t1_dest(g, o->dst, 0);
	if (be) {
		if (t1_host.movbe) {
			INS((n == 2 ? O_66 : n == 8 ? O_W : 0) | O_0F38 | 0xf0, d, m);
		} else {
			t1_move(g, d, m, n == 2 ? IR_I16 : n == 4 ? IR_I32 : IR_I64, false);
			t1_swap(g, d, n);
		}
		if (n == 2)
			INS(O_0F | w | (sign ? 0xbf : 0xb7), d, rm_reg(d));
		else if (n == 4 && sign)
			INS(0x63 | O_W, d, rm_reg(d));
		return true;
	}
	if (!sign)
		t1_move(g, d, m, n == 1 ? IR_I8 : n == 2 ? IR_I16 : n == 4 ? IR_I32 : IR_I64, false);
	else if (n == 4)
		INS(0x63 | O_W, d, m);
	else
		INS(O_0F | w | (n == 1 ? 0xbe : 0xbf), d, m);
	return true;
}

static bool store(struct t1_gen *g, const struct ir_op *o)
{
	unsigned n = 1u << (o->x & IR_MEM_LOG2);
	unsigned type = n == 1 ? IR_I8 : n == 2 ? IR_I16 : n == 4 ? IR_I32 : IR_I64;
	bool be = o->x & IR_MEM_BE && n > 1;
	int32_t v;

	if (t1_is_xmm(o->type)) {
		if (be || (n > 8 && o->x & IR_MEM_ATOMIC) || (o->type == IR_I128 && n < 16))
			return false;
		unsigned x = t1_xmm(g, o->b);
		t1_move(g, x, address(g, o), o->type, true);
		return true;
	}
	if (!t1_is_int(o->type) || !t1_is_int(t1_type(g, o->b)))
		return false;
	if (!be && g->loc[o->b].reg < 0 && t1_imm32(g, o->b, o->type, &v)) {
		INS(n == 1 ? 0xc6u : (n == 2 ? O_66 : n == 8 ? O_W : 0) | 0xc7u, 0, address(g, o));
		g->p = n == 1 ? e_u8(g->p, (uint32_t)v & 255) : n == 2 ? e_u16(g->p, (uint32_t)v & 0xffff)
								       : e_u32(g->p, (uint32_t)v);
		return true;
	}
	unsigned b = t1_reg(g, o->b);
	struct rm m = address(g, o);
	if (be && t1_host.movbe) {
		INS((n == 2 ? O_66 : n == 8 ? O_W : 0) | O_0F38 | 0xf1, b, m);
		return true;
	}
	if (be) {
		unsigned t = t1_alloc(g);
		t1_mov(g, t, b, IR_I64);
		t1_swap(g, t, n);
		b = t;
	}
	t1_move(g, b, m, type, true);
	return true;
}

static bool atomic(struct t1_gen *g, const struct ir_op *o)
{
	unsigned n = 1u << (o->x & IR_MEM_LOG2);
	unsigned w = n == 8 ? O_W : n == 2 ? O_66 : 0, byte = n == 1 ? O_BYTE : 0, wide = n > 1;
	static const uint8_t digit[] = {[IR_FETCH_ADD - IR_FETCH_ADD] = 0, [IR_FETCH_AND - IR_FETCH_ADD] = 4,
					[IR_FETCH_OR - IR_FETCH_ADD] = 1, [IR_FETCH_XOR - IR_FETCH_ADD] = 6};
	unsigned d;

	if (!t1_is_int(o->type) || (o->x & IR_MEM_BE && n > 1))
		return false;
	switch (o->op) {
	case IR_CMPXCHG: {
		t1_vacate(g, RAX);
		unsigned c = t1_reg(g, o->c);
		struct rm m = address(g, o), b = t1_operand(g, o->b);
		if (b.reg >= 0)
			t1_mov(g, RAX, (unsigned)b.reg, IR_I64);
		else
			t1_move(g, RAX, b, o->type, false);
		g->p = e_u8(g->p, 0xf0);
		INS(O_0F | w | byte | (0xb0 + wide), c, m);
		/* On success a 32-bit cmpxchg leaves rax as it was: clean since b is. */
		t1_dest_is(g, o->dst, RAX);
		return true;
	}
	case IR_XCHG: case IR_FETCH_ADD: {
		unsigned b = t1_reg(g, o->b);
		struct rm m = address(g, o);
		unsigned t = t1_alloc(g);
		/* Not in a pinned register: the slot must be unchanged if it faults. */
		t1_mov(g, t, b, IR_I64);
		if (o->op == IR_XCHG) {
			INS(w | byte | (0x86 + wide), t, m);
		} else {
			g->p = e_u8(g->p, 0xf0);
			INS(O_0F | w | byte | (0xc0 + wide), t, m);
		}
		t1_dest_is(g, o->dst, t);
		return true;
	}
	case IR_FETCH_AND: case IR_FETCH_OR: case IR_FETCH_XOR: {
		if (g->r->temp[o->dst].last)
			return false;
		unsigned b = t1_reg(g, o->b);
		struct rm m = address(g, o);
		g->p = e_u8(g->p, 0xf0);
		INS(w | byte | ((unsigned)digit[o->op - IR_FETCH_ADD] << 3) | wide, b, m);
		d = t1_alloc(g);
		t1_dest_is(g, o->dst, d);
		return true;
	}
	}
	return false;
}

bool t1_memory(struct t1_gen *g, const struct ir_op *o)
{
	if (g->j->config.machine)
		return t1_memory_machine(g, o);
	switch (o->op) {
	case IR_LD: return load(g, o);
	case IR_ST: return store(g, o);
	default: return atomic(g, o);
	}
}
