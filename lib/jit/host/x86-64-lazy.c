/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Status flags of an x86 guest that nobody may ever look at.
 *
 * Most flags are set again before anything reads them, but a load in between may fault and a conditional branch may leave, and both need
 * them exact. So a setflags whose operands can be had again is not done at once; it is pending (t1_gen.pending). What
 * leaves through cold code, a slow access or a side exit, computes the flags there, from where the operands are at that point; the optimiser
 * has kept them alive (opt.c). Whatever looks at the flags inline, and each label, has them computed just before. The next setflags of
 * all flags drops the pending one.
 */
#include "jit/host/x86-64-t1.h"
#include "jit/tlb.h"

#define OF 0x800u

static unsigned width(unsigned type)
{
	return type == IR_I64 ? O_W : type == IR_I16 ? O_66 : type == IR_I8 ? O_BYTE : 0;
}

static enum ir_host_flags kind_of(const struct t1_gen *g, const struct ir_op *o)
{
	return g->guest->flags->host(o->x);
}

bool t1_lazy_defer(struct t1_gen *g, const struct ir_op *o)
{
	int32_t v;

	g->pending = 0;
	switch (kind_of(g, o)) {
	case IR_HOST_FLAGS_SUB: case IR_HOST_FLAGS_ADD:
		if (t1_constant(g, o->a) || (t1_constant(g, o->b) && !t1_imm32(g, o->b, o->type, &v)))
			return false;
		break;
	case IR_HOST_FLAGS_LOGIC:
		if (t1_constant(g, o->c))
			return false;
		break;
	case IR_HOST_FLAGS_SHL: case IR_HOST_FLAGS_SHR: case IR_HOST_FLAGS_SAR:
		if (t1_constant(g, o->a) || !t1_constant(g, o->b))
			return false;
		break;
	default:
		return false;
	}
	g->pending = g->at;
	return true;
}

void t1_lazy_now(struct t1_gen *g)
{
	const struct ir_op *o = &g->r->op[g->pending];

	if (!g->pending)
		return;
	g->pending = 0;
	t1_flags_now(g, o);
	g->locked = 0;
}

bool t1_lazy_same(const struct t1_gen *g, const struct ir_op *branch)
{
	const struct ir_op *o = &g->r->op[g->pending];

	if (!g->pending || branch->aux >= IR_TSTZ || branch->type != o->type)
		return false;
	if (kind_of(g, o) == IR_HOST_FLAGS_SUB)
		return branch->a == o->a && branch->b == o->b;
	return kind_of(g, o) == IR_HOST_FLAGS_LOGIC && branch->a == o->c && t1_constant(g, branch->b) && !g->r->temp[branch->b].value;
}

bool t1_lazy_inline(const struct t1_gen *g, const struct ir_op *o)
{
	const struct ir_flags *f = g->guest->flags;
	uint64_t target;

	switch (o->op) {
	case IR_GET: case IR_SET:
		return o->x == f->slot;
	case IR_CALL:
		return ((const struct ir_helper *)(uintptr_t)o->imm)->flags & (IR_HELPER_STATE | IR_HELPER_FAULTS | IR_HELPER_ENDS);
	case IR_SETFLAGS:
		return !(o->aux & 1);
	case IR_BRCOND:
		return o->type == IR_I128 || !t1_leads_out(g, o->x, &target);
	case IR_BRFLAGS:
		return f->needs(o->aux) & ~g->r->op[g->pending].imm || !t1_leads_out(g, o->x, &target);
	case IR_TESTFLAGS:
		return f->needs(o->aux) & ~g->r->op[g->pending].imm;
	case IR_LABEL: case IR_POLL: case IR_BR: case IR_GETFLAGS: case IR_EXIT_PC: case IR_EXIT_IND: case IR_EXIT_TRAP:
		return true;
	default:
		return false;
	}
}

static struct rm where(struct t1_gen *g, ir_ref t)
{
	const struct t1_loc *l = &g->loc[t];

	if (l->reg >= 0)
		return rm_reg((unsigned)l->reg);
	if (l->in_slot)
		return t1_slot(g, l->slot);
	if (!l->in_home && !t1_constant(g, t))
		g->failed = true;
	return rm_mem(RSP, l->home);
}

void t1_lazy_note(struct t1_gen *g, struct t1_lazy *z)
{
	const struct ir_op *o = &g->r->op[g->pending];

	*z = (struct t1_lazy){.op = (uint16_t)g->pending};
	if (!g->pending)
		return;
	if (kind_of(g, o) == IR_HOST_FLAGS_LOGIC) {
		z->a = where(g, o->c);
		return;
	}
	z->a = where(g, o->a);
	z->b = where(g, o->b);
}

bool t1_keeps_carry(const struct t1_gen *g, const struct ir_op *o)
{
	enum ir_host_flags kind = kind_of(g, o);

	return (kind == IR_HOST_FLAGS_SUB || kind == IR_HOST_FLAGS_ADD) && !(o->aux & 1) && !(o->imm & 1) && t1_constant(g, o->b) &&
	       g->r->temp[o->b].value == 1;
}

void t1_step_rax(struct t1_gen *g, const struct ir_op *o)
{
	INS(O_0F | 0xba, 4, rm_mem(R15, offsetof(struct mmu, status))); /* bt: the carry as it was */
	g->p = e_u8(g->p, 8);
	INS((o->type == IR_I8 ? 0xfeu : 0xffu) | width(o->type), kind_of(g, o) == IR_HOST_FLAGS_SUB, rm_reg(RAX));
}

/* The operation once more, for its flags; rax may be changed. */
static void again(struct t1_gen *g, const struct ir_op *o, struct rm a, struct rm b)
{
	enum ir_host_flags kind = kind_of(g, o);
	unsigned byte = o->type == IR_I8, w = width(o->type), r = RAX;
	bool in_place = kind == IR_HOST_FLAGS_SUB || kind == IR_HOST_FLAGS_LOGIC;
	int32_t v;

	bool steps = t1_keeps_carry(g, o);

	if (in_place && !steps && a.reg >= 0)
		r = (unsigned)a.reg;
	else if (a.reg >= 0)
		t1_mov(g, RAX, (unsigned)a.reg, IR_I64);
	else
		t1_move(g, RAX, a, o->type, false);
	if (steps) {
		t1_step_rax(g, o);
		return;
	}
	switch (kind) {
	case IR_HOST_FLAGS_LOGIC:
		INS((0x85u - byte) | w, r, rm_reg(r));
		break;
	case IR_HOST_FLAGS_SUB: case IR_HOST_FLAGS_ADD: {
		unsigned digit = kind == IR_HOST_FLAGS_SUB ? 7 : 0;
		if (!t1_imm32(g, o->b, o->type, &v)) {
			INS((digit << 3 | (3u - byte)) | w, r, b);
		} else if (byte || v == (int8_t)v) {
			INS((byte ? 0x80u : 0x83u) | w, digit, rm_reg(r));
			g->p = e_u8(g->p, (uint32_t)v & 255);
		} else {
			INS(0x81u | w, digit, rm_reg(r));
			g->p = o->type == IR_I16 ? e_u16(g->p, (uint32_t)v & 0xffff) : e_u32(g->p, (uint32_t)v);
		}
		break;
	}
	default:
		INS((0xc1u - byte) | w, kind == IR_HOST_FLAGS_SHL ? 4 : kind == IR_HOST_FLAGS_SHR ? 5 : 7, rm_reg(RAX));
		g->p = e_u8(g->p, (unsigned)g->r->temp[o->b].value & 255);
	}
}

void t1_lazy_cold(struct t1_gen *g, const struct t1_lazy *z, bool keep_rax)
{
	const struct ir_op *o = &g->r->op[z->op];
	struct rm saved = rm_mem(RSP, T1_SAVED_RAX), b = z->b, status = rm_mem(R15, offsetof(struct mmu, status));

	if (!z->op)
		return;
	if (kind_of(g, o) != IR_HOST_FLAGS_LOGIC && b.reg == RAX && !t1_constant(g, o->b) && !z->host) {
		keep_rax = true; /* it may be changed before it is used */
		b = saved;
	}
	if (keep_rax)
		INS(0x89 | O_W, RAX, saved);
	bool steps = t1_keeps_carry(g, o);
	if (!z->host || steps)
		again(g, o, z->a, b);
	g->p = e_u8(g->p, 0x9f); /* lahf */
	if (o->imm & OF || steps)
		g->p = e_bytes(g->p, 0xc0900f, 3); /* seto al */
	if (!(o->aux & 1) && !steps) {
		uint32_t m = (uint32_t)(o->imm & 0xd5) << 8 | (o->imm & OF ? 0xff : 0);
		INS(0x81, 4, rm_reg(RAX));
		g->p = e_u32(g->p, m);
		INS(0x81, 4, status);
		g->p = e_u32(g->p, ~m);
		INS(0x09, RAX, status);
	} else {
		INS(0x89, RAX, status);
	}
	if (keep_rax)
		INS(0x8b | O_W, RAX, saved);
}
