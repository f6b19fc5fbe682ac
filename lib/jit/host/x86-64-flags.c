/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Status flags of an x86 guest on an x86-64 host (ir_flags.x86, system mode).
 *
 * While translated code runs the six bits are in mmu.status as LAHF and SETO give them in AX: SF ZF - AF - PF - CF in bits 15..8,
 * OF in bit 0; what is above and between is anything. The slot in the state has old values there. Whoever leaves for C that looks at
 * the slot, or comes back from C that may have changed it, brings the two together (t1_status_out(), t1_status_in()); the run loop does
 * so for exits and faults.
 *
 * Flags are computed by doing the operation once more; most of the time nobody wants them and the optimiser has removed
 * this.
 */
#include "jit/host/x86-64-t1.h"
#include "jit/tlb.h"

#define LOW 0xd5u /* all but OF, in the slot */
#define OF 0x800u

static struct rm status(int32_t byte)
{
	return rm_mem(R15, (int32_t)offsetof(struct mmu, status) + byte);
}

static struct rm slot(const struct t1_gen *g)
{
	return t1_slot(g, g->guest->flags->slot);
}

bool t1_x86_flags(const struct t1_gen *g)
{
	return g->j->config.machine && g->guest->flags && g->guest->flags->x86;
}

static void imm8(struct t1_gen *g, unsigned digit, unsigned reg, unsigned v)
{
	INS(0xc1, digit, rm_reg(reg));
	g->p = e_u8(g->p, v);
}

static void and32(struct t1_gen *g, unsigned reg, uint32_t v)
{
	INS(0x81, 4, rm_reg(reg));
	g->p = e_u32(g->p, v);
}

void t1_status_out(struct t1_gen *g, unsigned r, unsigned s)
{
	INS(0x8b | O_W, r, slot(g));
	INS(0x81 | O_W, 4, rm_reg(r));
	g->p = e_u32(g->p, ~(LOW | OF));
	INS(O_0F | 0xb6, s, status(1));
	and32(g, s, LOW);
	INS(0x0b, r, rm_reg(s)); /* RFLAGS has nothing above bit 31 */
	INS(O_0F | 0xb6, s, status(0));
	and32(g, s, 1);
	imm8(g, 4, s, 11);
	INS(0x0b, r, rm_reg(s));
	INS(0x89 | O_W, r, slot(g));
}

void t1_status_in(struct t1_gen *g, unsigned r, unsigned s)
{
	INS(0x8b, r, slot(g));
	INS(0x8b, s, rm_reg(r));
	imm8(g, 5, s, 11);
	and32(g, s, 1);
	imm8(g, 4, r, 8);
	INS(0x0b, r, rm_reg(s));
	INS(0x89, r, status(0));
}

static unsigned width(unsigned type)
{
	return type == IR_I64 ? O_W : type == IR_I16 ? O_66 : type == IR_I8 ? O_BYTE : 0;
}

/* An ALU operation with opcode `op` for words (03, 13, 1b, 2b...); byte forms are one less. */
static void alu(struct t1_gen *g, unsigned op, unsigned type, unsigned reg, struct rm m)
{
	INS((type == IR_I8 ? op - 1 : op) | width(type), reg, m);
}

static void to_rax(struct t1_gen *g, ir_ref t)
{
	if (t1_constant(g, t) && g->loc[t].reg < 0)
		t1_imm(g, RAX, g->r->temp[t].value);
	else
		t1_mov(g, RAX, t1_reg(g, t), IR_I64);
}

static void shift(struct t1_gen *g, const struct ir_op *o, unsigned digit)
{
	unsigned byte = o->type == IR_I8;

	if (t1_constant(g, o->b)) {
		to_rax(g, o->a);
		INS((0xc1u - byte) | width(o->type), digit, rm_reg(RAX));
		g->p = e_u8(g->p, (unsigned)g->r->temp[o->b].value & 255);
		return;
	}
	t1_vacate(g, RCX);
	t1_mov(g, RCX, t1_reg(g, o->b), IR_I32);
	to_rax(g, o->a);
	INS((0xd3u - byte) | width(o->type), digit, rm_reg(RAX));
}

static void rotate_by_one(struct t1_gen *g, const struct ir_op *o, unsigned there, unsigned back)
{
	unsigned op = (o->type == IR_I8 ? 0xd0u : 0xd1u) | width(o->type);

	to_rax(g, o->c);
	INS(op, there, rm_reg(RAX));
	INS(op, back, rm_reg(RAX));
}

/* The host's flags as the operation gives them; RAX is locked and may be changed. False: it has no code here. */
static bool native(struct t1_gen *g, const struct ir_op *o, enum ir_host_flags kind)
{
	switch (kind) {
	case IR_HOST_FLAGS_SUB:
		t1_compare(g, IR_LTU, o->type, o->a, o->b);
		return true;
	case IR_HOST_FLAGS_ADD: {
		struct rm b = rm_reg(t1_reg(g, o->b));
		to_rax(g, o->a);
		alu(g, 0x03, o->type, RAX, b);
		return true;
	}
	case IR_HOST_FLAGS_LOGIC: {
		unsigned r = t1_reg(g, o->c);
		INS((o->type == IR_I8 ? 0x84u : 0x85u) | width(o->type), r, rm_reg(r));
		return true;
	}
	case IR_HOST_FLAGS_ADC: case IR_HOST_FLAGS_SBB: {
		bool sub = kind == IR_HOST_FLAGS_SBB;
		unsigned a = t1_reg(g, o->a), b = t1_reg(g, o->b), r = t1_reg(g, o->c);
		/* The carry that went in is what is left over. */
		t1_mov(g, RAX, sub ? a : r, IR_I64);
		INS(0x2b, RAX, rm_reg(sub ? b : a));
		INS(0x2b, RAX, rm_reg(sub ? r : b));
		INS(O_0F | 0xba, 4, rm_reg(RAX)); /* bt eax, 0 */
		g->p = e_u8(g->p, 0);
		t1_mov(g, RAX, a, IR_I64);
		alu(g, sub ? 0x1b : 0x13, o->type, RAX, rm_reg(b));
		return true;
	}
	case IR_HOST_FLAGS_SHL: shift(g, o, 4); return true;
	case IR_HOST_FLAGS_SHR: shift(g, o, 5); return true;
	case IR_HOST_FLAGS_SAR: shift(g, o, 7); return true;
	case IR_HOST_FLAGS_ROL: rotate_by_one(g, o, 1, 0); return true;
	case IR_HOST_FLAGS_ROR: rotate_by_one(g, o, 0, 1); return true;
	default: return false;
	}
}

/* AX has the new bits; those of `mask` replace the old ones. */
static void store_bits(struct t1_gen *g, uint64_t mask, bool all, unsigned scratch)
{
	uint32_t m = (uint32_t)(mask & LOW) << 8 | (mask & OF ? 0xff : 0);

	if (!all) {
		and32(g, RAX, m);
		INS(0x8b, scratch, status(0));
		and32(g, scratch, ~m);
		INS(0x0b, RAX, rm_reg(scratch));
	}
	INS(0x89, RAX, status(0));
}

/* RAX from the slot's layout to AX's. */
static void from_slot(struct t1_gen *g, unsigned scratch)
{
	INS(0x8b, scratch, rm_reg(RAX));
	imm8(g, 5, scratch, 11);
	and32(g, scratch, 1);
	and32(g, RAX, 255);
	imm8(g, 4, RAX, 8);
	INS(0x0b, RAX, rm_reg(scratch));
}

static void by_call(struct t1_gen *g, const struct ir_op *o)
{
	static const uint8_t regs[] = {RSI, RDX, RCX};
	const ir_ref in[3] = {o->a, o->b, o->c};

	g->locked = 0;
	t1_call_begin(g, 0);
	for (unsigned i = 0; i < 3; i++)
		if (in[i])
			t1_argument(g, regs[i], in[i]);
		else
			INS(0x31, regs[i], rm_reg(regs[i]));
	/* compute() takes its operands zero-extended. */
	for (unsigned i = 0; i < 3 && o->type < IR_I32; i++)
		INS(O_0F | (o->type == IR_I8 ? 0xb6 | O_BYTERM : 0xb7), regs[i], rm_reg(regs[i]));
	t1_imm(g, RDI, o->x);
	t1_imm(g, RAX, (uint64_t)(uintptr_t)g->guest->flags->compute);
	g->p = e_u16(g->p, 0xd0ff);
	t1_call_end(g, 0);
	t1_vacate(g, RAX);
	t1_vacate(g, RCX);
	from_slot(g, RCX);
	store_bits(g, o->imm, o->aux & 1, RCX);
}

void t1_flags_now(struct t1_gen *g, const struct ir_op *o)
{
	enum ir_host_flags kind = g->guest->flags->host(o->x);
	unsigned scratch = 0;
	bool all = o->aux & 1;

	if (kind == IR_HOST_FLAGS_NONE) {
		by_call(g, o);
		return;
	}
	t1_vacate(g, RAX);
	if (t1_keeps_carry(g, o)) {
		to_rax(g, o->a);
		t1_step_rax(g, o);
		g->p = e_u32(g->p, 0xc0900f9f); /* lahf; seto al */
		store_bits(g, o->imm, true, 0);
		return;
	}
	if (!all || kind == IR_HOST_FLAGS_BITS)
		scratch = t1_alloc(g);
	if (kind == IR_HOST_FLAGS_BITS) {
		to_rax(g, o->a);
		from_slot(g, scratch);
	} else {
		native(g, o, kind);
		g->p = e_u8(g->p, 0x9f); /* lahf */
		if (o->imm & OF)
			g->p = e_bytes(g->p, 0xc0900f, 3); /* seto al */
	}
	store_bits(g, o->imm, all, scratch);
}

/* A condition on the bits: the host's condition code. */
static unsigned condition(struct t1_gen *g, unsigned c)
{
	static const uint8_t one_test[16] = {[2] = 0x01, [4] = 0x40, [6] = 0x41, [8] = 0x80, [10] = 0x04};
	unsigned even = c & 14;

	if (g->pending) { /* the operation once more; guest and host have the same conditions */
		const struct ir_op *o = &g->r->op[g->pending];
		t1_vacate(g, RAX);
		native(g, o, g->guest->flags->host(o->x));
		return c;
	}

	if (even == 0 || one_test[even]) {
		INS(0xf6 | O_BYTERM, 0, status(even ? 1 : 0));
		g->p = e_u8(g->p, even ? one_test[even] : 1);
		return c & 1 ? CC_E : CC_NE;
	}
	t1_vacate(g, RAX);
	INS(0x8b, RAX, status(0));
	g->p = e_u8(g->p, 0x04); /* add al, 127: OF as it was */
	g->p = e_u8(g->p, 0x7f);
	g->p = e_u8(g->p, 0x9e); /* sahf */
	return c;
}

static void get(struct t1_gen *g, const struct ir_op *o)
{
	unsigned d = t1_dest(g, o->dst, 0);
	uint32_t low = o->imm & LOW;

	if (low || !(o->imm & OF)) {
		INS(O_0F | 0xb6, d, status(1));
		and32(g, d, low);
	}
	if (o->imm & OF) {
		unsigned t = low ? t1_alloc(g) : d;
		INS(O_0F | 0xb6, t, status(0));
		and32(g, t, 1);
		imm8(g, 4, t, 11);
		if (low)
			INS(0x0b, d, rm_reg(t));
	}
}

void t1_flags_x86(struct t1_gen *g, const struct ir_op *o)
{
	unsigned cc, d;

	switch (o->op) {
	case IR_SETFLAGS:
		if (!t1_lazy_defer(g, o))
			t1_flags_now(g, o);
		break;
	case IR_GETFLAGS: get(g, o); break;
	case IR_TESTFLAGS:
		cc = condition(g, o->aux);
		d = t1_dest(g, o->dst, 0);
		INS(O_0F | 0x90 | cc | O_BYTERM, 0, rm_reg(d));
		INS(O_0F | 0xb6 | O_BYTERM, d, rm_reg(d));
		break;
	default:
		cc = condition(g, o->aux);
		t1_branch(g, cc, o->x, true);
	}
}
