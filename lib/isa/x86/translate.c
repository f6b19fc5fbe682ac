/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The front end's frame: slots, operands, effective addresses, helper calls, dispatch. See translate.h. */
#include <stddef.h>
#include "isa/x86/helpers.h"
#include "isa/x86/rows.h"
#include "isa/x86/sys.h"
#include "isa/x86/translate.h"

#define GPR(n, i) {n, offsetof(struct x86_cpu, gpr) + 8 * (i), IR_I64}
#define XMM(i) {"xmm" #i, offsetof(struct x86_cpu, ymm) + 32 * (i), IR_V128}
static const struct ir_slot slots[X86_SLOTS] = {
	GPR("rax", 0), GPR("rcx", 1), GPR("rdx", 2), GPR("rbx", 3), GPR("rsp", 4), GPR("rbp", 5), GPR("rsi", 6), GPR("rdi", 7),
	GPR("r8", 8), GPR("r9", 9), GPR("r10", 10), GPR("r11", 11), GPR("r12", 12), GPR("r13", 13), GPR("r14", 14), GPR("r15", 15),
	[X86_SLOT_RFLAGS] = {"rflags", offsetof(struct x86_cpu, rflags), IR_I64},
	XMM(0), XMM(1), XMM(2), XMM(3), XMM(4), XMM(5), XMM(6), XMM(7), XMM(8), XMM(9), XMM(10), XMM(11), XMM(12), XMM(13), XMM(14), XMM(15),
};

/* In system mode, where T1 runs regions of this front end: rbx and r12..r15 survive C calls. */
static const struct ir_pin pins[] = {{X86_RAX, 8}, {X86_RCX, 9}, {X86_RDX, 10}, {X86_RBX, 11},
				     {X86_RSP, 3}, {X86_RBP, 12}, {X86_RSI, 13}, {X86_RDI, 14}};

const struct ir_guest x86_ir_guest = {
	.name = "x86",
	.slots = slots,
	.slot_count = X86_SLOTS,
	.pc_offset = offsetof(struct x86_cpu, rip),
	.pc_type = IR_I64,
	.extra_offset = IR_NO_OFFSET,
	.fpu_offset = IR_NO_OFFSET,
	.mxcsr_offset = offsetof(struct x86_cpu, mxcsr),
	.flags = &x86_ir_flags,
	.pins = pins,
	.pin_count = sizeof pins / sizeof pins[0],
};

ir_ref x86_gpr_get(struct x86_ir *t, unsigned reg, unsigned size, bool high)
{
	ir_ref v = ir_get(t->r, reg);
	if (high)
		v = ir_shr_imm(t->r, v, 8);
	return size == 8 ? v : ir_zext(t->r, x86_type(size), v);
}

void x86_gpr_set(struct x86_ir *t, unsigned reg, unsigned size, bool high, ir_ref v)
{
	if (size == 4)
		v = ir_zext(t->r, IR_I64, v);
	else if (size < 4)
		v = ir_deposit(t->r, ir_get(t->r, reg), ir_zext(t->r, IR_I64, v), high ? 8 : 0, size * 8);
	ir_set(t->r, reg, v);
}

ir_ref x86_offset(struct x86_ir *t)
{
	const struct x86_insn *in = t->in;
	struct ir_region *r = t->r;
	ir_ref a = 0;
	uint64_t disp = in->disp;
	if (in->base == X86_RIP_BASE)
		disp += t->next;
	else if (in->base != X86_NOREG)
		a = ir_get(r, in->base);
	if (in->index != X86_NOREG && !(in->row->flags & X86_ROW_VSIB)) {
		ir_ref i = ir_get(r, in->index);
		if (in->scale > 1)
			i = ir_shl_imm(r, i, __builtin_ctz(in->scale));
		a = a ? ir_add(r, a, i) : i;
	}
	if (!a)
		a = ir_const(r, IR_I64, disp);
	else if (disp)
		a = ir_add_imm(r, a, disp);
	if (in->addrsize == 4)
		a = ir_zext(r, IR_I64, ir_zext(r, IR_I32, a));
	else if (in->addrsize == 2)
		a = ir_and_imm(r, a, 0xffff);
	return a;
}

ir_ref x86_linear(struct x86_ir *t, unsigned seg, ir_ref offset)
{
	if ((t->mode == 64 || t->flat) && seg != X86_FS && seg != X86_GS)
		return offset;
	ir_ref base = ir_lds(t->r, IR_I64, offsetof(struct x86_cpu, seg) + seg * sizeof(struct x86_seg) + offsetof(struct x86_seg, base));
	ir_ref a = ir_add(t->r, offset, base);
	return t->mode == 64 ? a : ir_zext(t->r, IR_I64, ir_zext(t->r, IR_I32, a));
}

static ir_ref explicit_operand(struct x86_ir *t)
{
	unsigned size, access = x86_mem_access(t->in, &size);
	return x86_access(t, x86_mem_segment(t->in), x86_offset(t), access ? size : 0, access & 2);
}

ir_ref x86_address(struct x86_ir *t)
{
	if (!t->address)
		t->address = explicit_operand(t);
	return t->address;
}

ir_ref x86_read(struct x86_ir *t, unsigned n, unsigned size)
{
	const struct x86_insn *in = t->in;
	const struct x86_operand_info *o = &x86_operand_info[in->row->operands[n]];
	if (x86_operand_is_mem(in, n))
		return ir_ld(t->r, x86_type(size), x86_address(t), 0, x86_memop(t, size));
	switch (o->where) {
	case X86_WHERE_IMM:
	case X86_WHERE_IMMS:
		return ir_const(t->r, x86_type(size), in->imm);
	case X86_WHERE_ONE:
		return ir_const(t->r, x86_type(size), 1);
	}
	unsigned reg;
	bool high;
	x86_operand_reg(in, n, &reg, &high);
	return x86_gpr_get(t, reg, size, high);
}

void x86_write(struct x86_ir *t, unsigned n, unsigned size, ir_ref v)
{
	if (x86_operand_is_mem(t->in, n)) {
		ir_st(t->r, x86_address(t), 0, v, x86_memop(t, size));
		return;
	}
	unsigned reg;
	bool high;
	x86_operand_reg(t->in, n, &reg, &high);
	x86_gpr_set(t, reg, size, high, v);
}

void x86_setflags(struct x86_ir *t, enum x86_flags_op op, unsigned size, uint64_t mask, ir_ref a, ir_ref b, ir_ref r)
{
	ir_setflags(t->r, op | (unsigned)__builtin_ctz(size) << 8, mask, a, b, r);
}

bool x86_is_locked(const struct x86_ir *t)
{
	return x86_operand_is_mem(t->in, 0) && (t->in->prefixes & X86_PFX_LOCK || t->in->row->op == X86_OP_xchg);
}

static bool changes_mxcsr(enum x86_op op)
{
	return op == X86_OP_ldmxcsr || op == X86_OP_fxrstor || op == X86_OP_xrstor;
}

static bool saves_mxcsr(enum x86_op op)
{
	return op == X86_OP_fxsave || op == X86_OP_xsave || op == X86_OP_xsavec || op == X86_OP_xsaveopt;
}

void x86_call_helper(struct x86_ir *t, void *fn)
{
	/* one record a helper function: the IR wants it to stay */
	static struct ir_helper records[X86_OP_COUNT];
	struct ir_helper *h = &records[t->in->row->op];
	if (!h->fn) {
		struct ir_helper filled = {.name = "x86", .fn = NULL, .ret = IR_VOID, .args = 2, .arg = {IR_I64, IR_I64},
					   .flags = IR_HELPER_STATE | IR_HELPER_FAULTS};
		if (t->in->row->flags & X86_ROW_VEC || changes_mxcsr(t->in->row->op) || saves_mxcsr(t->in->row->op))
			filled.flags |= IR_HELPER_FPENV;
		*h = filled;
		__atomic_store_n(&h->fn, fn, __ATOMIC_RELEASE);
	}
	ir_ref args[5] = {ir_const(t->r, IR_I64, (uintptr_t)x86_insn_keep(t)),
			  t->in->has_mem ? x86_address(t) : ir_const(t->r, IR_I64, 0)};
	ir_call(t->r, h, args);
}

void x86_trap(struct x86_ir *t, int vector, uint64_t error_code)
{
	ir_exit_trap(t->r, TRAP_EXCEPTION, vector, t->pc, ir_const(t->r, IR_I64, error_code), 0);
	t->ended = true;
}

static x86_emit_fn *emitter(enum x86_op op)
{
	if (x86_emit_alu[op])
		return x86_emit_alu[op];
	if (x86_emit_bits[op])
		return x86_emit_bits[op];
	if (x86_emit_move[op])
		return x86_emit_move[op];
	return x86_emit_control[op];
}

bool x86_ir_known(enum x86_op op)
{
	return emitter(op) || x86_helpers[op];
}

/* A code segment cannot be written in protected mode (SDM volume 3, 5.5). */
static bool stores_to_code(const struct x86_insn *in)
{
	unsigned size;
	if (in->seg != X86_CS)
		return false;
	switch (in->row->op) { /* these may not come to store: their helpers look */
	case X86_OP_arpl:
	case X86_OP_fst:
	case X86_OP_fstp:
	case X86_OP_fist:
	case X86_OP_fistp:
	case X86_OP_fisttp:
	case X86_OP_fbstp:
		return false;
	default:
		break;
	}
	return x86_mem_access(in, &size) & 2 || in->row->op == X86_OP_maskmovq || in->row->op == X86_OP_maskmovdqu;
}

void x86_ir_insn(struct x86_ir *t)
{
	const struct x86_row *row = t->in->row;
	t->next = t->pc + t->in->length;
	if (t->mode != 64)
		t->next &= t->mode == 32 || t->sys ? UINT32_MAX : UINT16_MAX;
	t->address = 0;
	t->ended = false;
	ir_insn(t->r, t->pc, t->in->length, 0);
	x86_emit_fn *emit = emitter(row->op);
	if (stores_to_code(t->in) && (!t->sys || t->flat)) {
		x86_trap(t, 13, 0);
	} else if (t->sys && x86_sys_emit(t)) {
		/* done */
	} else if (t->native && x86_native(t)) {
		/* done */
	} else if (emit) {
		emit(t);
	} else if (t->user && row->flags & (X86_ROW_PRIV | X86_ROW_IO)) {
		x86_trap(t, 13, 0);
	} else if (x86_helpers[row->op]) {
		x86_call_helper(t, (void *)x86_helpers[row->op]);
		/* far transfers, and what changes the mode or the flow, leave their target in rip */
		if (row->flags & X86_ROW_END) {
			ir_exit_ind(t->r, ir_lds(t->r, IR_I64, offsetof(struct x86_cpu, rip)), IR_HINT_NONE, 0);
			t->ended = true;
		} else if (t->sys && changes_mxcsr(row->op)) {
			/* Whether SSE is native is part of the key. */
			ir_exit_ind(t->r, ir_const(t->r, IR_I64, t->next), IR_HINT_FAR, 0);
			t->ended = true;
		}
	} else {
		x86_trap(t, 6, 0);
	}
}
