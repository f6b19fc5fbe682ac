/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where values are: registers, homes, slots. See x86-64-t1.h. */
#include <string.h>
#include "jit/host/x86-64-t1.h"

/*
 * C may leave the upper halves of vector registers in use; code that mixes SSE and VEX forms, as ours does, then pays for each
 * change from one to the other.
 */
void t1_clean_upper(struct t1_gen *g)
{
	if (t1_host.avx)
		g->p = e_bytes(g->p, 0x77f8c5, 3); /* vzeroupper */
}

/* In order of preference: no REX first, rcx late because shifts want it. */
static const uint8_t int_order[] = {RAX, RDX, RSI, RDI, RCX, R8, R9, R10, R11, RBX, R12, R13, R14, R15};
#define CALLER_SAVED (1u << RAX | 1u << RCX | 1u << RDX | 1u << RSI | 1u << RDI | 0xf00u)

void t1_begin(struct t1_gen *g)
{
	const struct ir_guest *guest = g->guest;

	memset(g->owner, 0, sizeof g->owner);
	memset(g->slot_reg, -1, sizeof g->slot_reg[0] * guest->slot_count);
	memset(g->slot_alias, 0, sizeof g->slot_alias[0] * guest->slot_count);
	memset(g->local_home, 0, sizeof g->local_home[0] * g->r->locals);
	memset(g->loc, 0, sizeof *g->loc * g->r->temps);
	for (uint32_t t = 0; t < g->r->temps; t++)
		g->loc[t].reg = -1;
	g->pinned = 0;
	bool base = t1_uses_r15(g);
	for (unsigned i = 0; i < guest->pin_count; i++) {
		unsigned reg = guest->pins[i].reg, slot = guest->pins[i].slot;
		if ((base && reg == R15) || reg > R15 || (reg < R8 && reg != RBX) ||
		    !t1_is_int(guest->slots[slot].type) || g->pinned >> reg & 1)
			continue;
		g->pinned |= 1u << reg;
		g->pin_slot[reg] = (uint16_t)slot;
		g->slot_reg[slot] = (int8_t)reg;
	}
	g->locked = 0;
	g->homes = T1_HOMES;
	g->fixes = g->colds = g->literals = 0;
	memset(g->label, 0, sizeof g->label[0] * g->r->labels);
	memset(g->label_used, 0, (g->r->labels + 7u) / 8);
}

static uint32_t reserved(const struct t1_gen *g)
{
	return g->pinned | 1u << RSP | 1u << RBP | (t1_uses_r15(g) ? 1u << R15 : 0);
}

void t1_imm(struct t1_gen *g, unsigned reg, uint64_t v)
{
	g->p = e_mov_imm64(g->p, reg, v);
}

void t1_mov(struct t1_gen *g, unsigned to, unsigned from, unsigned type)
{
	if (to == from)
		return;
	if (to >= XMM0)
		INS(O_0F | 0x28, to, rm_reg(from)); /* movaps */
	else
		INS(0x8b | t1_w(type), to, rm_reg(from));
}

/* Load or store of a whole value of `type`; integers load zero-extended. */
void t1_move(struct t1_gen *g, unsigned reg, struct rm m, unsigned type, bool store)
{
	switch (type) {
	case IR_I8: INS(store ? 0x88 | O_BYTE : O_0F | 0xb6, reg, m); break;
	case IR_I16: INS(store ? O_66 | 0x89 : O_0F | 0xb7, reg, m); break;
	case IR_I32: INS(store ? 0x89 : 0x8b, reg, m); break;
	case IR_I64: INS(O_W | (store ? 0x89 : 0x8b), reg, m); break;
	case IR_F32: INS(O_F3 | O_0F | (store ? 0x11 : 0x10), reg, m); break;
	case IR_F64:
	case IR_V64: INS(store ? O_66 | O_0F | 0xd6 : O_F3 | O_0F | 0x7e, reg, m); break;
	default: INS(O_0F | (store ? 0x11 : 0x10), reg, m); break; /* movups */
	}
}

int32_t t1_new_home(struct t1_gen *g, unsigned type)
{
	int32_t size = t1_is_int(type) ? 8 : t1_is_xmm(type) ? 16 : 32;
	int32_t at = (g->homes + size - 1) & -size;

	if (at + size > T1_HOME_END) {
		g->failed = true;
		return T1_HOMES;
	}
	g->homes = at + size;
	return at;
}

int32_t t1_home(struct t1_gen *g, ir_ref t)
{
	struct t1_loc *l = &g->loc[t];
	unsigned type = t1_type(g, t);

	if (l->in_home)
		return l->home;
	if (!l->home)
		l->home = t1_new_home(g, type);
	struct rm home = rm_mem(RSP, l->home);
	if (t1_constant(g, t) && t1_is_int(type) && l->reg < 0) {
		uint64_t v = g->r->temp[t].value;
		if (v == (uint64_t)(int32_t)v) {
			INS(O_W | 0xc7, 0, home);
			g->p = e_u32(g->p, (uint32_t)v);
		} else {
			t1_move(g, t1_reg(g, t), home, IR_I64, true);
		}
	} else {
		unsigned reg = t1_is_int(type) ? t1_reg(g, t) : t1_xmm(g, t);
		t1_move(g, reg, home, t1_is_int(type) ? IR_I64 : type, true);
	}
	l->in_home = true;
	return l->home;
}

void t1_forget(struct t1_gen *g, ir_ref t)
{
	struct t1_loc *l = &g->loc[t];

	if (l->reg >= 0 && g->owner[l->reg] == t)
		g->owner[l->reg] = 0;
	l->reg = -1;
}

/* Takes the register from its owner, which keeps its value in memory if it is still wanted. */
static void evict(struct t1_gen *g, unsigned reg)
{
	ir_ref t = g->owner[reg];

	if (!t)
		return;
	struct t1_loc *l = &g->loc[t];
	if (g->r->temp[t].last >= g->at && !l->in_home && !l->in_slot && !t1_constant(g, t))
		t1_home(g, t);
	t1_forget(g, t);
}

static unsigned pick(struct t1_gen *g, const uint8_t *order, unsigned n, uint32_t never)
{
	unsigned best = order[0], distance = 0;
	bool found = false;

	for (unsigned i = 0; i < n; i++) {
		unsigned reg = order[i];
		if (never >> reg & 1)
			continue;
		if (!g->owner[reg])
			return reg;
		unsigned d = g->r->temp[g->owner[reg]].last + (g->loc[g->owner[reg]].in_home ? 4u : 0);
		if (!found || d > distance) {
			best = reg;
			distance = d;
			found = true;
		}
	}
	if (!found)
		g->failed = true;
	else
		evict(g, best);
	return best;
}

unsigned t1_alloc(struct t1_gen *g)
{
	unsigned reg = pick(g, int_order, sizeof int_order, g->locked | reserved(g));
	g->locked |= 1u << reg;
	return reg;
}

/* xmm15 is scratch. */
unsigned t1_alloc_xmm(struct t1_gen *g)
{
	static const uint8_t order[] = {16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30};
	unsigned reg = pick(g, order, sizeof order, g->locked);
	g->locked |= 1u << reg;
	return reg;
}

void t1_vacate(struct t1_gen *g, unsigned reg)
{
	ir_ref t = g->owner[reg];

	g->locked |= 1u << reg;
	if (!t)
		return;
	struct t1_loc *l = &g->loc[t];
	if (g->r->temp[t].last >= g->at && !t1_constant(g, t)) {
		for (unsigned i = 0; i < sizeof int_order; i++) {
			unsigned to = int_order[i];
			if ((g->locked | reserved(g)) >> to & 1 || g->owner[to])
				continue;
			t1_mov(g, to, reg, IR_I64);
			g->owner[reg] = 0;
			g->owner[to] = t;
			l->reg = (int8_t)to;
			return;
		}
	}
	evict(g, reg);
}

unsigned t1_reg(struct t1_gen *g, ir_ref t)
{
	struct t1_loc *l = &g->loc[t];

	if (l->reg < 0) {
		unsigned reg = t1_alloc(g);
		if (t1_constant(g, t))
			t1_imm(g, reg, g->r->temp[t].value);
		else if (l->in_slot)
			t1_move(g, reg, t1_slot(g, l->slot), t1_type(g, t), false);
		else
			t1_move(g, reg, rm_mem(RSP, l->home), t1_type(g, t), false);
		l->reg = (int8_t)reg;
		g->owner[reg] = t;
	}
	g->locked |= 1u << l->reg;
	return (unsigned)l->reg;
}

unsigned t1_xmm(struct t1_gen *g, ir_ref t)
{
	struct t1_loc *l = &g->loc[t];
	unsigned type = t1_type(g, t);

	if (l->reg < 0) {
		unsigned reg = t1_alloc_xmm(g);
		if (t1_constant(g, t)) {
			uint64_t v = g->r->temp[t].value;
			if (!v) {
				INS(O_0F | 0x57, reg, rm_reg(reg)); /* xorps */
			} else {
				unsigned k = t1_alloc(g);
				t1_imm(g, k, v);
				INS(O_66 | O_W | O_0F | 0x6e, reg, rm_reg(k));
			}
		} else if (l->in_slot) {
			t1_move(g, reg, t1_slot(g, l->slot), type, false);
		} else {
			t1_move(g, reg, rm_mem(RSP, l->home), type, false);
		}
		l->low |= ir_type_bytes[type] <= 8;
		l->reg = (int8_t)reg;
		g->owner[reg] = t;
	}
	g->locked |= 1u << l->reg;
	return (unsigned)l->reg;
}

struct rm t1_operand(struct t1_gen *g, ir_ref t)
{
	struct t1_loc *l = &g->loc[t];

	if (l->reg < 0 && !t1_constant(g, t) && t1_dies(g, t)) {
		if (l->in_slot)
			return t1_slot(g, l->slot);
		if (l->in_home)
			return rm_mem(RSP, l->home);
	}
	return rm_reg(t1_is_int(t1_type(g, t)) ? t1_reg(g, t) : t1_xmm(g, t));
}

bool t1_imm32(const struct t1_gen *g, ir_ref t, unsigned type, int32_t *v)
{
	if (!t1_constant(g, t))
		return false;
	uint64_t x = g->r->temp[t].value;
	if (type == IR_I64 ? x != (uint64_t)(int64_t)(int32_t)x : type > IR_I64)
		return false;
	*v = (int32_t)(uint32_t)x;
	return true;
}

/* The pinned register's old value, if a value still needs it, goes elsewhere. */
static void unalias(struct t1_gen *g, unsigned reg, ir_ref except)
{
	ir_ref x = g->owner[reg];

	if (!x || x == except)
		return;
	struct t1_loc *l = &g->loc[x];
	g->owner[reg] = 0;
	l->reg = -1;
	if (g->r->temp[x].last > g->at && !l->in_home && !l->in_slot && !t1_constant(g, x)) {
		uint32_t before = g->locked;
		unsigned to = t1_alloc(g);
		t1_mov(g, to, reg, IR_I64);
		g->owner[to] = x;
		l->reg = (int8_t)to;
		/* It may be an operand of this operation: its register number was given out already and holds until the result is written. */
		g->locked = before | 1u << to;
	}
}

static void give(struct t1_gen *g, ir_ref dst, unsigned reg)
{
	g->owner[reg] = dst;
	g->loc[dst].reg = (int8_t)reg;
	g->locked |= 1u << reg;
}

void t1_dest_is(struct t1_gen *g, ir_ref dst, unsigned reg)
{
	if (g->owner[reg] && g->owner[reg] != dst)
		t1_forget(g, g->owner[reg]);
	give(g, dst, reg);
}

unsigned t1_dest(struct t1_gen *g, ir_ref dst, ir_ref a)
{
	const struct ir_temp *d = &g->r->temp[dst];

	if (d->hint) {
		int pin = g->slot_reg[d->hint - 1];
		if (pin >= 0) {
			unalias(g, (unsigned)pin, dst);
			give(g, dst, (unsigned)pin);
			return (unsigned)pin;
		}
	}
	if (a && g->loc[a].reg >= 0 && !(reserved(g) >> g->loc[a].reg & 1) && t1_is_int(t1_type(g, a)) &&
	    (t1_dies(g, a) || t1_constant(g, a))) {
		unsigned reg = (unsigned)g->loc[a].reg;
		t1_forget(g, a);
		give(g, dst, reg);
		return reg;
	}
	unsigned reg = t1_alloc(g);
	give(g, dst, reg);
	return reg;
}

unsigned t1_dest_xmm(struct t1_gen *g, ir_ref dst, ir_ref a)
{
	if (a && g->loc[a].reg >= XMM0 && t1_dies(g, a)) {
		unsigned reg = (unsigned)g->loc[a].reg;
		t1_forget(g, a);
		give(g, dst, reg);
		return reg;
	}
	unsigned reg = t1_alloc_xmm(g);
	give(g, dst, reg);
	return reg;
}

static void release(struct t1_gen *g, ir_ref t)
{
	if (t && g->loc[t].reg >= 0 && t1_dies(g, t))
		t1_forget(g, t);
}

void t1_end_op(struct t1_gen *g, const struct ir_op *o)
{
	release(g, o->a);
	release(g, o->b);
	release(g, o->c);
	release(g, o->d);
	release(g, o->y);
	if (o->dst) {
		const struct ir_temp *d = &g->r->temp[o->dst];
		if (!d->last)
			t1_forget(g, o->dst);
		else if (d->crosses && !g->loc[o->dst].in_home)
			t1_home(g, o->dst);
	}
	g->locked = 0;
}

/* Values that are never in registers: f16, f80, v256. From state memory to a home. */
void t1_wide_load(struct t1_gen *g, ir_ref t, struct rm m)
{
	struct t1_loc *l = &g->loc[t];
	unsigned type = t1_type(g, t);

	l->home = t1_new_home(g, type);
	l->in_home = true;
	if (type == IR_F16) {
		unsigned k = t1_alloc(g);
		t1_move(g, k, m, IR_I16, false);
		t1_move(g, k, rm_mem(RSP, l->home), IR_I64, true);
		return;
	}
	for (int32_t i = 0; i < ir_type_bytes[type]; i += 16) {
		struct rm part = m;
		part.disp += i;
		INS(O_0F | 0x10, 31, part);
		INS(O_0F | 0x11, 31, rm_mem(RSP, l->home + i));
	}
}

void t1_get(struct t1_gen *g, const struct ir_op *o)
{
	ir_ref t = o->dst;
	unsigned type = o->type;
	struct t1_loc *l = &g->loc[t];

	if (o->x & IR_LOCAL) {
		int32_t *home = &g->local_home[o->x & ~IR_LOCAL];
		if (!*home)
			*home = t1_new_home(g, type);
		if (t1_is_int(type)) {
			t1_move(g, t1_dest(g, t, 0), rm_mem(RSP, *home), type, false);
		} else if (t1_is_xmm(type)) {
			t1_move(g, t1_dest_xmm(g, t, 0), rm_mem(RSP, *home), type, false);
		} else {
			l->home = t1_new_home(g, type);
			l->in_home = true;
			for (int32_t i = 0; i < 32; i += 16) {
				INS(O_0F | 0x10, 31, rm_mem(RSP, *home + i));
				INS(O_0F | 0x11, 31, rm_mem(RSP, l->home + i));
			}
		}
		return;
	}
	int pin = g->slot_reg[o->x];
	if (t1_x86_flags(g) && o->x == g->guest->flags->slot) {
		t1_flags_change(g);
		unsigned r = t1_alloc(g), s = t1_alloc(g);
		t1_status_out(g, r, s);
	}
	if (pin >= 0) {
		if (!g->owner[pin]) {
			g->owner[pin] = t;
			l->reg = (int8_t)pin;
		} else {
			t1_mov(g, t1_dest(g, t, 0), (unsigned)pin, IR_I64);
		}
		return;
	}
	if (t1_is_int(type) || t1_is_xmm(type)) {
		ir_ref old = g->slot_alias[o->x];
		l->in_slot = true;
		l->slot = (uint16_t)o->x;
		if (old && g->loc[old].in_slot && g->r->temp[old].last > g->at) {
			/* Only one value can be told when the slot changes. */
			if (t1_is_int(type))
				t1_reg(g, t);
			else
				t1_xmm(g, t);
			l->in_slot = false;
		} else {
			g->slot_alias[o->x] = t;
		}
		return;
	}
	t1_wide_load(g, t, t1_slot(g, o->x));
}

static void store_wide(struct t1_gen *g, ir_ref t, struct rm m, bool whole_home)
{
	unsigned type = t1_type(g, t);
	int32_t home = g->loc[t].home, n = whole_home ? 32 : ir_type_bytes[type];

	for (int32_t i = 0; i < n;) {
		struct rm part = m;
		part.disp += i;
		if (n - i >= 16) {
			INS(O_0F | 0x10, 31, rm_mem(RSP, home + i));
			INS(O_0F | 0x11, 31, part);
			i += 16;
		} else if (n - i >= 8) {
			unsigned k = t1_alloc(g);
			t1_move(g, k, rm_mem(RSP, home + i), IR_I64, false);
			t1_move(g, k, part, IR_I64, true);
			i += 8;
		} else {
			unsigned k = t1_alloc(g);
			t1_move(g, k, rm_mem(RSP, home + i), IR_I16, false);
			t1_move(g, k, part, IR_I16, true);
			i += 2;
		}
	}
}

void t1_wide_store(struct t1_gen *g, ir_ref t, struct rm m)
{
	if (t1_constant(g, t)) { /* f16 */
		unsigned k = t1_alloc(g);
		t1_imm(g, k, g->r->temp[t].value);
		t1_move(g, k, m, IR_I16, true);
	} else {
		store_wide(g, t, m, false);
	}
}

static void store_int(struct t1_gen *g, ir_ref t, struct rm m, unsigned type)
{
	int32_t v;

	if (g->loc[t].reg < 0 && t1_imm32(g, t, type, &v)) {
		INS(type == IR_I8 ? 0xc6u : type == IR_I16 ? O_66 | 0xc7u : 0xc7u | t1_w(type), 0, m);
		g->p = type == IR_I8 ? e_u8(g->p, (uint32_t)v & 255) : type == IR_I16 ? e_u16(g->p, (uint32_t)v & 0xffff)
								       : e_u32(g->p, (uint32_t)v);
	} else {
		t1_move(g, t1_reg(g, t), m, type, true);
	}
}

/* Values that are only in the slot's memory get a register before it changes. */
static void unalias_slot(struct t1_gen *g, unsigned slot, ir_ref except)
{
	ir_ref x = g->slot_alias[slot];

	g->slot_alias[slot] = 0;
	if (!x || !g->loc[x].in_slot)
		return;
	if (x != except && g->r->temp[x].last > g->at && g->loc[x].reg < 0 && !g->loc[x].in_home) {
		if (t1_is_int(t1_type(g, x)))
			t1_reg(g, x);
		else
			t1_xmm(g, x);
	}
	if (x == except && g->loc[x].reg < 0 && !g->loc[x].in_home)
		t1_is_int(t1_type(g, x)) ? t1_reg(g, x) : t1_xmm(g, x);
	g->loc[x].in_slot = false;
}

void t1_set(struct t1_gen *g, const struct ir_op *o)
{
	ir_ref t = o->a;
	struct t1_loc *l = &g->loc[t];
	unsigned type = o->type;

	if (o->x & IR_LOCAL) {
		int32_t *home = &g->local_home[o->x & ~IR_LOCAL];
		if (!*home)
			*home = t1_new_home(g, type);
		if (t1_is_int(type))
			store_int(g, t, rm_mem(RSP, *home), type);
		else if (t1_is_xmm(type))
			t1_move(g, t1_xmm(g, t), rm_mem(RSP, *home), type, true);
		else
			store_wide(g, t, rm_mem(RSP, *home), true);
		return;
	}
	int pin = g->slot_reg[o->x];
	if (pin >= 0) {
		unsigned to = (unsigned)pin;
		if (l->reg == pin)
			return;
		unalias(g, to, t);
		if (t1_constant(g, t) && l->reg < 0) {
			t1_imm(g, to, g->r->temp[t].value);
		} else if (l->reg >= 0) {
			t1_mov(g, to, (unsigned)l->reg, type == IR_I32 ? IR_I32 : IR_I64);
			if (g->pinned >> l->reg & 1)
				return; /* stays in the other slot's register */
			g->owner[l->reg] = 0;
			g->owner[to] = t;
			l->reg = (int8_t)to;
		} else {
			t1_move(g, to, l->in_slot ? t1_slot(g, l->slot) : rm_mem(RSP, l->home), type, false);
			g->owner[to] = t;
			l->reg = (int8_t)to;
		}
		return;
	}
	unalias_slot(g, o->x, t);
	struct rm m = t1_slot(g, o->x);
	if (t1_x86_flags(g) && o->x == g->guest->flags->slot) {
		store_int(g, t, m, type);
		unsigned r = t1_alloc(g), s = t1_alloc(g);
		t1_status_in(g, r, s);
		return; /* no value is in this slot: it changes by itself */
	}
	if (t1_is_int(type)) {
		store_int(g, t, m, type);
	} else if (t1_is_xmm(type)) {
		t1_move(g, t1_xmm(g, t), m, type, true);
	} else {
		t1_wide_store(g, t, m);
		return;
	}
	if (!t1_constant(g, t) && !l->in_slot) {
		l->in_slot = true;
		l->slot = (uint16_t)o->x;
		g->slot_alias[o->x] = t;
	}
}

void t1_block_end(struct t1_gen *g)
{
	for (unsigned i = 0; i < 32; i++)
		if (g->owner[i])
			t1_forget(g, g->owner[i]);
	/* A value behind the label is read from its home only: another path may have changed the slot. */
	for (unsigned i = 0; i < g->guest->slot_count; i++)
		if (g->slot_alias[i]) {
			g->loc[g->slot_alias[i]].in_slot = false;
			g->slot_alias[i] = 0;
		}
}

void t1_pins(struct t1_gen *g, bool store, uint32_t which)
{
	for (unsigned r = 0; r < 16; r++)
		if (g->pinned & which & 1u << r)
			t1_move(g, r, t1_slot(g, g->pin_slot[r]), g->guest->slots[g->pin_slot[r]].type, store);
}

void t1_call_begin(struct t1_gen *g, unsigned flags)
{
	uint32_t store = flags & (IR_HELPER_STATE | IR_HELPER_FAULTS) ? ~0u : CALLER_SAVED;

	/* With writes, pinned registers come back changed: what values they hold moves to memory as well. */
	uint32_t lost = CALLER_SAVED | 0xffff0000u | (flags & IR_HELPER_WRITES ? g->pinned : 0);
	for (unsigned i = 0; i < 32; i++) {
		ir_ref t = g->owner[i];
		if (!t || !(lost >> i & 1))
			continue;
		if (g->pinned >> i & 1 && !(flags & IR_HELPER_WRITES))
			continue; /* comes back */
		if (g->r->temp[t].last >= g->at && !t1_constant(g, t) &&
		    !(g->loc[t].in_slot && !(flags & IR_HELPER_WRITES)))
			t1_home(g, t);
		g->locked = 0;
	}
	if (flags & IR_HELPER_WRITES)
		for (unsigned i = 0; i < g->guest->slot_count; i++) {
			ir_ref t = g->slot_alias[i];
			if (t && g->loc[t].in_slot && g->r->temp[t].last >= g->at)
				t1_home(g, t);
			g->locked = 0; /* one at a time */
		}
	t1_pins(g, true, store);
}

void t1_call_end(struct t1_gen *g, unsigned flags)
{
	for (unsigned i = 0; i < 32; i++) {
		ir_ref t = g->owner[i];
		if (!t)
			continue;
		if (g->pinned >> i & 1 ? flags & IR_HELPER_WRITES : (CALLER_SAVED | 0xffff0000u) >> i & 1)
			t1_forget(g, t);
	}
	if (flags & IR_HELPER_WRITES)
		for (unsigned i = 0; i < g->guest->slot_count; i++)
			if (g->slot_alias[i]) {
				g->loc[g->slot_alias[i]].in_slot = false;
				g->slot_alias[i] = 0;
			}
	t1_pins(g, false, flags & IR_HELPER_WRITES ? ~0u : CALLER_SAVED);
	t1_clean_upper(g);
	g->locked = 0;
}
