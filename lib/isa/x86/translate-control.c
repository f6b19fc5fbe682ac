/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Front end: branches, calls, returns, software interrupts, system calls. */
#include "isa/x86/translate.h"

/* A branch target cut to what rip may hold: 16 bits with a 16-bit operand size outside 64-bit mode. */
static uint64_t branch_target(const struct x86_ir *t)
{
	uint64_t target = t->next + t->in->imm;
	if (t->mode != 64)
		target &= t->in->opsize == 2 ? UINT16_MAX : UINT32_MAX;
	return target;
}

static bool beyond_limit(const struct x86_ir *t, uint64_t target)
{
	return t->sys && !t->flat && t->mode != 64 && target > t->code_limit;
}

/* Leaves to the direct target; #GP when it lies beyond the code segment. */
static void exit_branch(struct x86_ir *t)
{
	uint64_t target = branch_target(t);
	if (beyond_limit(t, target))
		x86_trap(t, 13, 0);
	else
		ir_exit_pc(t->r, target);
}

static void jcc(struct x86_ir *t)
{
	unsigned taken = ir_label(t->r);
	ir_brflags(t->r, t->in->opcode & 15, taken);
	if (t->sys && !t->once && t->sides < X86_SIDES && !beyond_limit(t, branch_target(t))) {
		/* The region goes on; the other way is at its end. */
		t->side[t->sides].label = taken;
		t->side[t->sides++].target = branch_target(t);
		return;
	}
	ir_exit_pc(t->r, t->next);
	ir_place(t->r, taken);
	exit_branch(t);
	t->ended = true;
}

void x86_ir_sides(struct x86_ir *t)
{
	for (unsigned i = 0; i < t->sides; i++) {
		ir_place(t->r, t->side[i].label);
		ir_exit_pc(t->r, t->side[i].target);
	}
	t->sides = 0;
}

static void loop(struct x86_ir *t)
{
	struct ir_region *r = t->r;
	unsigned op = t->in->row->op, size = t->in->addrsize, taken = ir_label(r), out = ir_label(r);
	ir_ref c = x86_gpr_get(t, X86_RCX, size, false), zero = ir_const(r, x86_type(size), 0);
	if (op == X86_OP_jrcxz) {
		ir_brcond(r, IR_EQ, c, zero, taken);
	} else {
		c = ir_sub(r, c, ir_const(r, x86_type(size), 1));
		x86_gpr_set(t, X86_RCX, size, false, c);
		ir_brcond(r, IR_EQ, c, zero, out);
		if (op == X86_OP_loop)
			ir_br(r, taken);
		else /* ZF: condition 4 */
			ir_brflags(r, op == X86_OP_loope ? 4 : 5, taken);
	}
	ir_place(r, out);
	ir_exit_pc(r, t->next);
	ir_place(r, taken);
	exit_branch(t);
	t->ended = true;
}

/* A branch to a non-canonical address is #GP at the branch (SDM volume 2, JMP, CALL, RET). */
static void check_canonical(struct x86_ir *t, ir_ref target)
{
	struct ir_region *r = t->r;
	if (t->mode != 64 || t->in->opsize != 8)
		return;
	unsigned good = ir_label(r);
	ir_brcond(r, IR_EQ, ir_sar_imm(r, ir_shl_imm(r, target, 16), 16), target, good);
	x86_trap(t, 13, 0);
	t->ended = false;
	ir_place(r, good);
}

static ir_ref indirect_target(struct x86_ir *t)
{
	ir_ref v = x86_read(t, 0, t->in->opsize);
	return t->in->opsize == 8 ? v : ir_zext(t->r, IR_I64, v);
}

static void jmp(struct x86_ir *t)
{
	if (x86_operand_info[t->in->row->operands[0]].where == X86_WHERE_REL) {
		exit_branch(t);
	} else {
		ir_ref target = indirect_target(t);
		check_canonical(t, target);
		ir_exit_ind(t->r, x86_code_target(t, target), IR_HINT_NONE, 0);
	}
	t->ended = true;
}

static ir_ref stack_at(struct x86_ir *t, int64_t change)
{
	ir_ref sp = ir_add_imm(t->r, ir_get(t->r, X86_RSP), (uint64_t)change);
	return t->stack == 8 ? sp : ir_zext(t->r, IR_I64, ir_zext(t->r, x86_type(t->stack), sp));
}

static void set_stack(struct x86_ir *t, ir_ref offset)
{
	x86_gpr_set(t, X86_RSP, t->stack, false, t->stack == 8 ? offset : ir_zext(t->r, x86_type(t->stack), offset));
}

static void call(struct x86_ir *t)
{
	struct ir_region *r = t->r;
	unsigned size = t->in->opsize;
	bool direct = x86_operand_info[t->in->row->operands[0]].where == X86_WHERE_REL;
	ir_ref target = direct ? 0 : indirect_target(t), sp = stack_at(t, -(int64_t)size);
	uint64_t to = branch_target(t);
	if (direct && beyond_limit(t, to)) {
		x86_trap(t, 13, 0);
		return;
	}
	if (!direct)
		target = x86_code_target(t, target);
	ir_st(r, x86_access(t, X86_SS, sp, size, true), 0, ir_const(r, x86_type(size), t->next), x86_memop(t, size));
	if (!direct)
		check_canonical(t, target); /* processors have stored the return address by then */
	set_stack(t, sp);
	if (direct)
		ir_exit_call(r, to, t->next);
	else
		ir_exit_ind(r, target, IR_HINT_CALL, t->next);
	t->ended = true;
}

static void ret(struct x86_ir *t)
{
	struct ir_region *r = t->r;
	unsigned size = t->in->opsize;
	ir_ref v = ir_ld(r, x86_type(size), x86_access(t, X86_SS, stack_at(t, 0), size, false), 0, x86_memop(t, size));
	check_canonical(t, v);
	v = x86_code_target(t, size == 8 ? v : ir_zext(r, IR_I64, v));
	set_stack(t, stack_at(t, size + (t->in->row->operands[0] ? (int64_t)t->in->imm : 0)));
	ir_exit_ind(r, v, IR_HINT_RET, 0);
	t->ended = true;
}

/* SDM volume 2, SYSCALL: rcx and r11 get the return address and the flags. */
static void system_call(struct x86_ir *t)
{
	ir_ref flags = ir_get(t->r, X86_SLOT_RFLAGS);
	ir_set(t->r, X86_R11, flags);
	ir_set(t->r, X86_RCX, ir_const(t->r, IR_I64, t->next));
	ir_exit_trap(t->r, TRAP_SYSCALL, 0, t->next, 0, 0);
	t->ended = true;
}

/* Interrupts that a user program may raise: 3 and 4, and the system-call gate; others are #GP with the gate's selector. */
static void interrupt(struct x86_ir *t)
{
	unsigned n = t->in->imm & 255;
	if (n == 0x80)
		ir_exit_trap(t->r, TRAP_SYSCALL, 0x80, t->next, 0, 0);
	else if (n == 3 || n == 4)
		ir_exit_trap(t->r, TRAP_EXCEPTION, n, t->next, 0, 0);
	else
		x86_trap(t, 13, n * 8 + 2);
	t->ended = true;
}

static void int3(struct x86_ir *t)
{
	ir_exit_trap(t->r, TRAP_EXCEPTION, t->in->row->op == X86_OP_int3 ? 3 : 1, t->next, 0, 0);
	t->ended = true;
}

static void into(struct x86_ir *t)
{
	unsigned overflow = ir_label(t->r);
	ir_brflags(t->r, 0, overflow);
	ir_exit_pc(t->r, t->next);
	ir_place(t->r, overflow);
	ir_exit_trap(t->r, TRAP_EXCEPTION, 4, t->next, 0, 0);
	t->ended = true;
}

static void undefined(struct x86_ir *t)
{
	x86_trap(t, 6, 0);
}

/* MONITOR, MWAIT, CLAC, STAC and RSM are #UD, not #GP, at privilege level 3. */
x86_emit_fn *const x86_emit_control[X86_OP_COUNT] = {
	[X86_OP_jcc] = jcc, [X86_OP_loop] = loop, [X86_OP_loope] = loop, [X86_OP_loopne] = loop, [X86_OP_jrcxz] = loop,
	[X86_OP_jmp] = jmp, [X86_OP_call] = call, [X86_OP_ret] = ret, [X86_OP_syscall] = system_call, [X86_OP_int] = interrupt,
	[X86_OP_int3] = int3, [X86_OP_int1] = int3, [X86_OP_into] = into,
	/* without the kernel's own vdso there is nowhere for it to return to; features.def's SEP is not shown */
	[X86_OP_sysenter] = undefined, [X86_OP_syscall32] = undefined, [X86_OP_ud0] = undefined, [X86_OP_ud1] = undefined, [X86_OP_ud2] = undefined,
	[X86_OP_monitor] = undefined, [X86_OP_mwait] = undefined, [X86_OP_clac] = undefined, [X86_OP_stac] = undefined,
	[X86_OP_rsm] = undefined,
};
