/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Front end: moves, conversions of width, stack, strings, flags in registers. */
#include "isa/x86/translate.h"

static unsigned size0(const struct x86_ir *t)
{
	return x86_operand_size(t->in, 0);
}

static void mov(struct x86_ir *t)
{
	unsigned size = size0(t);
	x86_write(t, 0, size, x86_read(t, 1, size));
}

static void movx(struct x86_ir *t)
{
	unsigned size = size0(t), from = x86_operand_size(t->in, 1);
	ir_ref v = x86_read(t, 1, from);
	x86_write(t, 0, size, t->in->row->op == X86_OP_movzx ? ir_zext(t->r, x86_type(size), v) : ir_sext(t->r, x86_type(size), v));
}

static void lea(struct x86_ir *t)
{
	unsigned size = size0(t);
	ir_ref a = x86_offset(t);
	x86_write(t, 0, size, size == 8 ? a : ir_zext(t->r, x86_type(size), a));
}

static void xchg(struct x86_ir *t)
{
	unsigned size = size0(t);
	ir_ref b = x86_read(t, 1, size), a;
	if (x86_operand_is_mem(t->in, 0)) {
		a = ir_atomic(t->r, IR_XCHG, x86_address(t), 0, b, x86_memop(t, size) | IR_MEM_ATOMIC);
	} else {
		a = x86_read(t, 0, size);
		x86_write(t, 0, size, b);
	}
	x86_write(t, 1, size, a);
}

static void cmovcc(struct x86_ir *t)
{
	struct ir_region *r = t->r;
	unsigned size = size0(t);
	ir_ref a = x86_read(t, 0, size), b = x86_read(t, 1, size);
	ir_ref holds = ir_testflags(r, IR_I32, t->in->opcode & 15);
	x86_write(t, 0, size, ir_select(r, IR_NE, holds, ir_const(r, IR_I32, 0), b, a));
}

static void setcc(struct x86_ir *t)
{
	x86_write(t, 0, 1, ir_zext(t->r, IR_I8, ir_testflags(t->r, IR_I32, t->in->opcode & 15)));
}

static void cbw(struct x86_ir *t)
{
	unsigned size = t->in->opsize;
	ir_ref v = x86_gpr_get(t, X86_RAX, size / 2, false);
	x86_gpr_set(t, X86_RAX, size, false, ir_sext(t->r, x86_type(size), v));
}

static void cwd(struct x86_ir *t)
{
	unsigned size = t->in->opsize;
	ir_ref v = x86_gpr_get(t, X86_RAX, size, false);
	x86_gpr_set(t, X86_RDX, size, false, ir_sar_imm(t->r, v, size * 8 - 1));
}

/* ---- flags ---- */

static void lahf(struct x86_ir *t)
{
	ir_ref f = ir_getflags(t->r, IR_I64, X86_STATUS & ~X86_OF);
	x86_gpr_set(t, X86_RAX, 1, true, ir_zext(t->r, IR_I8, ir_or_imm(t->r, f, 2)));
}

static void sahf(struct x86_ir *t)
{
	ir_ref v = ir_zext(t->r, IR_I64, x86_gpr_get(t, X86_RAX, 1, true));
	x86_setflags(t, X86_FL_BITS, 8, X86_STATUS & ~X86_OF, v, 0, 0);
}

static void carry(struct x86_ir *t)
{
	struct ir_region *r = t->r;
	ir_ref v;
	if (t->in->row->op == X86_OP_cmc)
		v = ir_xor_imm(r, ir_getflags(r, IR_I64, X86_CF), X86_CF);
	else
		v = ir_const(r, IR_I64, t->in->row->op == X86_OP_stc ? X86_CF : 0);
	x86_setflags(t, X86_FL_BITS, 8, X86_CF, v, 0, 0);
}

static void direction(struct x86_ir *t)
{
	ir_ref f = ir_get(t->r, X86_SLOT_RFLAGS);
	ir_set(t->r, X86_SLOT_RFLAGS,
	       t->in->row->op == X86_OP_std ? ir_or_imm(t->r, f, X86_DF) : ir_and_imm(t->r, f, ~(uint64_t)X86_DF));
}

/* ---- stack ---- */

/* rSP plus `change`, wrapped to the stack's width, as an offset. */
static ir_ref stack_offset(struct x86_ir *t, int64_t change)
{
	ir_ref sp = ir_get(t->r, X86_RSP);
	if (change)
		sp = ir_add_imm(t->r, sp, (uint64_t)change);
	return t->stack == 8 ? sp : ir_zext(t->r, IR_I64, ir_zext(t->r, x86_type(t->stack), sp));
}

static void set_stack(struct x86_ir *t, ir_ref offset)
{
	x86_gpr_set(t, X86_RSP, t->stack, false, t->stack == 8 ? offset : ir_zext(t->r, x86_type(t->stack), offset));
}

static void push(struct x86_ir *t)
{
	const struct x86_insn *in = t->in;
	unsigned size = in->opsize;
	ir_ref v = x86_read(t, 0, size);
	ir_ref sp = stack_offset(t, -(int64_t)size);
	ir_st(t->r, x86_access(t, X86_SS, sp, size, true), 0, v, x86_memop(t, size));
	set_stack(t, sp);
}

static void pop(struct x86_ir *t)
{
	const struct x86_insn *in = t->in;
	unsigned size = in->opsize;
	ir_ref v = ir_ld(t->r, x86_type(size), x86_access(t, X86_SS, stack_offset(t, 0), size, false), 0, x86_memop(t, size));
	ir_ref sp = stack_offset(t, size);
	if (!x86_operand_is_mem(in, 0)) {
		set_stack(t, sp);
		x86_write(t, 0, size, v); /* POP rSP: the popped value stays */
		return;
	}
	/* an address with rSP as base is computed after the increment (SDM volume 2, POP) */
	ir_ref a;
	if (in->base == X86_RSP) {
		struct x86_insn shifted = *in;
		struct x86_ir u = *t;
		shifted.disp += size;
		u.in = &shifted;
		a = x86_access(t, x86_mem_segment(in), x86_offset(&u), size, true);
	} else {
		a = x86_address(t);
	}
	ir_st(t->r, a, 0, v, x86_memop(t, size));
	set_stack(t, sp);
}

static void leave(struct x86_ir *t)
{
	unsigned size = t->in->opsize;
	struct ir_region *r = t->r;
	ir_ref bp = ir_get(r, X86_RBP);
	if (t->stack != 8)
		bp = ir_zext(r, IR_I64, ir_zext(r, x86_type(t->stack), bp));
	ir_ref v = ir_ld(r, x86_type(size), x86_access(t, X86_SS, bp, size, false), 0, x86_memop(t, size));
	ir_ref sp = ir_add_imm(r, bp, size);
	set_stack(t, t->stack == 8 ? sp : ir_zext(r, IR_I64, ir_zext(r, x86_type(t->stack), sp)));
	x86_gpr_set(t, X86_RBP, size, false, v);
}

/* ---- strings: one iteration; with a repeat prefix the instruction goes on at itself ---- */

static ir_ref string_reg(struct x86_ir *t, unsigned reg)
{
	return t->in->addrsize == 8 ? ir_get(t->r, reg) : ir_zext(t->r, IR_I64, x86_gpr_get(t, reg, t->in->addrsize, false));
}

static void advance(struct x86_ir *t, unsigned reg, ir_ref old, ir_ref step)
{
	ir_ref v = ir_add(t->r, old, step);
	x86_gpr_set(t, reg, t->in->addrsize, false, t->in->addrsize == 8 ? v : ir_zext(t->r, x86_type(t->in->addrsize), v));
}

static void string(struct x86_ir *t)
{
	struct ir_region *r = t->r;
	const struct x86_insn *in = t->in;
	unsigned op = in->row->op, size = 1;
	for (unsigned n = 0; n < 2; n++) {
		unsigned w = x86_operand_info[in->row->operands[n]].where;
		if (w == X86_WHERE_SI || w == X86_WHERE_DI)
			size = x86_operand_size(in, n);
	}
	bool repeat = in->prefixes & (X86_PFX_REP | X86_PFX_REPNE), compares = op == X86_OP_cmps || op == X86_OP_scas;
	bool uses_si = op == X86_OP_movs || op == X86_OP_cmps || op == X86_OP_lods, uses_di = op != X86_OP_lods;
	enum ir_type type = x86_type(size);
	ir_ref count = 0;
	if (repeat) {
		unsigned some = ir_label(r);
		/*
		 * With a count of 0 the registers that the processor has written all the same are cut to 32 bits: the
		 * count always, the pointers only by the moves and stores that it has microcode of one piece for
		 * (observed; the manual leaves it open).
		 */
		if (t->mode == 64 && in->addrsize == 4) {
			x86_gpr_set(t, X86_RCX, 4, false, x86_gpr_get(t, X86_RCX, 4, false));
			if (op == X86_OP_movs)
				x86_gpr_set(t, X86_RSI, 4, false, x86_gpr_get(t, X86_RSI, 4, false));
			if (op == X86_OP_movs || op == X86_OP_stos)
				x86_gpr_set(t, X86_RDI, 4, false, x86_gpr_get(t, X86_RDI, 4, false));
		}
		count = string_reg(t, X86_RCX);
		ir_brcond(r, IR_NE, count, ir_const(r, IR_I64, 0), some);
		ir_exit_pc(r, t->next);
		ir_place(r, some);
	}
	ir_ref df = ir_and_imm(r, ir_shr_imm(r, ir_get(r, X86_SLOT_RFLAGS), 10), 1);
	ir_ref step = ir_sub(r, ir_const(r, IR_I64, size), ir_shl_imm(r, df, __builtin_ctz(size) + 1));
	ir_ref si = uses_si ? string_reg(t, X86_RSI) : 0, di = uses_di ? string_reg(t, X86_RDI) : 0;
	ir_ref from = uses_si ? x86_access(t, in->seg != X86_NOREG ? in->seg : X86_DS, si, size, false) : 0;
	ir_ref to = uses_di ? x86_access(t, X86_ES, di, size, !compares) : 0, a = 0, b = 0;
	if (compares) /* CMPS: processors read [ES:rDI] first */
		b = ir_ld(r, type, to, 0, x86_memop(t, size));
	if (uses_si)
		a = ir_ld(r, type, from, 0, x86_memop(t, size));
	else
		a = x86_gpr_get(t, X86_RAX, size, false);
	if (uses_di && !compares)
		ir_st(r, to, 0, a, x86_memop(t, size));
	if (!uses_di)
		x86_gpr_set(t, X86_RAX, size, false, a);
	if (uses_si)
		advance(t, X86_RSI, si, step);
	if (uses_di)
		advance(t, X86_RDI, di, step);
	if (compares)
		x86_setflags(t, X86_FL_SUB, size, X86_STATUS, a, b, ir_sub(r, a, b));
	if (!repeat)
		return;
	unsigned out = ir_label(r);
	ir_ref left = ir_sub(r, count, ir_const(r, IR_I64, 1));
	x86_gpr_set(t, X86_RCX, in->addrsize, false, in->addrsize == 8 ? left : ir_zext(r, x86_type(in->addrsize), left));
	ir_brcond(r, IR_EQ, left, ir_const(r, IR_I64, 0), out);
	if (compares)
		ir_brcond(r, in->prefixes & X86_PFX_REP ? IR_NE : IR_EQ, a, b, out);
	ir_exit_pc(r, t->pc);
	ir_place(r, out);
}

static void xlat(struct x86_ir *t)
{
	struct ir_region *r = t->r;
	ir_ref a = ir_add(r, ir_get(r, X86_RBX), ir_zext(r, IR_I64, x86_gpr_get(t, X86_RAX, 1, false)));
	if (t->in->addrsize != 8)
		a = ir_zext(r, IR_I64, ir_zext(r, x86_type(t->in->addrsize), a));
	a = x86_access(t, t->in->seg != X86_NOREG ? t->in->seg : X86_DS, a, 1, false);
	x86_gpr_set(t, X86_RAX, 1, false, ir_ld(r, IR_I8, a, 0, x86_memop(t, 1)));
}

static void nothing(struct x86_ir *t)
{
	(void)t;
}

/* Faults as a load of a byte (SDM volume 2, CLFLUSH); a host's caches are coherent. */
static void flush(struct x86_ir *t)
{
	ir_ld(t->r, IR_I8, x86_address(t), 0, x86_memop(t, 1));
	ir_fence(t->r, IR_FENCE_ALL);
}

static void fence(struct x86_ir *t)
{
	ir_fence(t->r, IR_FENCE_ALL);
}

x86_emit_fn *const x86_emit_move[X86_OP_COUNT] = {
	[X86_OP_mov] = mov, [X86_OP_movnti] = mov, [X86_OP_movzx] = movx, [X86_OP_movsx] = movx, [X86_OP_movsxd] = movx,
	[X86_OP_lea] = lea, [X86_OP_xchg] = xchg, [X86_OP_cmovcc] = cmovcc, [X86_OP_setcc] = setcc,
	[X86_OP_cbw] = cbw, [X86_OP_cwd] = cwd, [X86_OP_lahf] = lahf, [X86_OP_sahf] = sahf,
	[X86_OP_cmc] = carry, [X86_OP_clc] = carry, [X86_OP_stc] = carry, [X86_OP_cld] = direction, [X86_OP_std] = direction,
	[X86_OP_pop] = pop, [X86_OP_push] = push, [X86_OP_leave] = leave,
	[X86_OP_movs] = string, [X86_OP_cmps] = string, [X86_OP_stos] = string, [X86_OP_lods] = string, [X86_OP_scas] = string,
	[X86_OP_xlat] = xlat, [X86_OP_nop] = nothing, [X86_OP_pause] = nothing, [X86_OP_prefetch] = nothing,
	[X86_OP_clflush] = flush, [X86_OP_clflushopt] = flush, [X86_OP_clwb] = flush,
	[X86_OP_lfence] = fence, [X86_OP_mfence] = fence, [X86_OP_sfence] = fence,
};
