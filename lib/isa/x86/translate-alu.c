/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Front end: integer arithmetic, logic, shifts, multiplication; LOCK forms as atomic operations. */
#include "isa/x86/translate.h"

#define NO_CF (X86_STATUS & ~X86_CF)

static unsigned size0(const struct x86_ir *t)
{
	return x86_operand_size(t->in, 0);
}

/* result of the two-operand operation; its flags in *fl */
static ir_ref combine(struct x86_ir *t, unsigned size, ir_ref a, ir_ref b, enum x86_flags_op *fl)
{
	struct ir_region *r = t->r;
	switch (t->in->row->op) {
	case X86_OP_add:
		*fl = X86_FL_ADD;
		return ir_add(r, a, b);
	case X86_OP_adc:
		*fl = X86_FL_ADC;
		return ir_add(r, ir_add(r, a, b), ir_zext(r, x86_type(size), ir_getflags(r, IR_I64, X86_CF)));
	case X86_OP_sbb:
		*fl = X86_FL_SBB;
		return ir_sub(r, ir_sub(r, a, b), ir_zext(r, x86_type(size), ir_getflags(r, IR_I64, X86_CF)));
	case X86_OP_sub:
	case X86_OP_cmp:
		*fl = X86_FL_SUB;
		return ir_sub(r, a, b);
	case X86_OP_and:
	case X86_OP_test:
		*fl = X86_FL_LOGIC;
		return ir_and(r, a, b);
	case X86_OP_or:
		*fl = X86_FL_LOGIC;
		return ir_or(r, a, b);
	default:
		*fl = X86_FL_LOGIC;
		return ir_xor(r, a, b);
	}
}

/* A read-modify-write of memory that no other processor sees half of, for operations without an atomic of their own. */
static void locked_loop(struct x86_ir *t, unsigned size, ir_ref b, ir_ref (*f)(struct x86_ir *, unsigned, ir_ref, ir_ref, enum x86_flags_op *))
{
	struct ir_region *r = t->r;
	ir_ref addr = x86_address(t);
	unsigned again = ir_label(r), old_slot = ir_local(r, x86_type(size));
	enum x86_flags_op fl;
	ir_set(r, old_slot, ir_ld(r, x86_type(size), addr, 0, x86_memop(t, size)));
	ir_place(r, again);
	ir_ref old = ir_get(r, old_slot);
	ir_ref result = f(t, size, old, b, &fl);
	ir_ref seen = ir_cmpxchg(r, addr, 0, old, result, x86_memop(t, size) | IR_MEM_ATOMIC);
	ir_set(r, old_slot, seen);
	ir_brcond(r, IR_NE, seen, old, again);
	if (fl != X86_FL_BITS)
		x86_setflags(t, fl, size, X86_STATUS, t->in->row->op == X86_OP_neg ? b : old, t->in->row->op == X86_OP_neg ? old : b, result);
}

static void arith(struct x86_ir *t)
{
	struct ir_region *r = t->r;
	unsigned size = size0(t), op = t->in->row->op;
	enum x86_flags_op fl;
	if (x86_is_locked(t)) {
		static const uint16_t atomic[X86_OP_COUNT] = {
			[X86_OP_add] = IR_FETCH_ADD, [X86_OP_and] = IR_FETCH_AND, [X86_OP_or] = IR_FETCH_OR, [X86_OP_xor] = IR_FETCH_XOR,
		};
		ir_ref b = x86_read(t, 1, size);
		if (op == X86_OP_adc || op == X86_OP_sbb) {
			locked_loop(t, size, b, combine);
			return;
		}
		ir_ref old = ir_atomic(r, op == X86_OP_sub ? IR_FETCH_ADD : (enum ir_opcode)atomic[op], x86_address(t), 0,
				       op == X86_OP_sub ? ir_neg(r, b) : b, x86_memop(t, size) | IR_MEM_ATOMIC);
		ir_ref result = combine(t, size, old, b, &fl);
		x86_setflags(t, fl, size, X86_STATUS, old, b, result);
		return;
	}
	ir_ref a = x86_read(t, 0, size), b = x86_read(t, 1, size);
	ir_ref result = combine(t, size, a, b, &fl);
	if (op != X86_OP_cmp && op != X86_OP_test)
		x86_write(t, 0, size, result);
	x86_setflags(t, fl, size, X86_STATUS, a, b, result);
}

static void incdec(struct x86_ir *t)
{
	struct ir_region *r = t->r;
	unsigned size = size0(t);
	bool inc = t->in->row->op == X86_OP_inc;
	ir_ref one = ir_const(r, x86_type(size), 1), old, result;
	if (x86_is_locked(t)) {
		old = ir_atomic(r, IR_FETCH_ADD, x86_address(t), 0, inc ? one : ir_const(r, x86_type(size), UINT64_MAX),
				x86_memop(t, size) | IR_MEM_ATOMIC);
		result = inc ? ir_add(r, old, one) : ir_sub(r, old, one);
	} else {
		old = x86_read(t, 0, size);
		result = inc ? ir_add(r, old, one) : ir_sub(r, old, one);
		x86_write(t, 0, size, result);
	}
	x86_setflags(t, inc ? X86_FL_ADD : X86_FL_SUB, size, NO_CF, old, one, result);
}

static ir_ref negate(struct x86_ir *t, unsigned size, ir_ref old, ir_ref zero, enum x86_flags_op *fl)
{
	(void)size;
	(void)zero;
	*fl = X86_FL_SUB;
	return ir_neg(t->r, old);
}

static void neg(struct x86_ir *t)
{
	unsigned size = size0(t);
	ir_ref zero = ir_const(t->r, x86_type(size), 0);
	if (x86_is_locked(t)) {
		locked_loop(t, size, zero, negate);
		return;
	}
	ir_ref a = x86_read(t, 0, size), result = ir_neg(t->r, a);
	x86_write(t, 0, size, result);
	x86_setflags(t, X86_FL_SUB, size, X86_STATUS, zero, a, result);
}

static void not(struct x86_ir *t)
{
	unsigned size = size0(t);
	if (x86_is_locked(t))
		ir_atomic(t->r, IR_FETCH_XOR, x86_address(t), 0, ir_const(t->r, x86_type(size), UINT64_MAX), x86_memop(t, size) | IR_MEM_ATOMIC);
	else
		x86_write(t, 0, size, ir_not(t->r, x86_read(t, 0, size)));
}

/* Shifts and rotations in a type wide enough for the count: it is taken modulo 32 or 64, not modulo the operand's width. */
static void shift(struct x86_ir *t)
{
	struct ir_region *r = t->r;
	unsigned size = size0(t), op = t->in->row->op, wide = size < 4 ? 4 : size;
	enum ir_type type = x86_type(size), wtype = x86_type(wide);
	ir_ref a = x86_read(t, 0, size), count, result;
	bool constant = t->in->row->operands[1] != X86_O_CL;
	uint64_t n = t->in->row->operands[1] == X86_O_One ? 1 : t->in->imm & (size == 8 ? 63 : 31);
	if (constant)
		count = ir_const(r, wtype, n);
	else
		count = ir_zext(r, wtype, ir_and_imm(r, ir_get(r, X86_RCX), size == 8 ? 63 : 31));
	enum x86_flags_op fl;
	switch (op) {
	case X86_OP_shl:
		fl = X86_FL_SHL;
		result = ir_shl(r, ir_zext(r, wtype, a), count);
		break;
	case X86_OP_shr:
		fl = X86_FL_SHR;
		result = ir_shr(r, ir_zext(r, wtype, a), count);
		break;
	case X86_OP_sar:
		fl = X86_FL_SAR;
		result = ir_sar(r, ir_sext(r, wtype, a), count);
		break;
	case X86_OP_rol:
		fl = X86_FL_ROL;
		result = ir_rotl(r, a, ir_zext(r, type, count));
		break;
	default:
		fl = X86_FL_ROR;
		result = ir_rotr(r, a, ir_zext(r, type, count));
	}
	result = ir_zext(r, type, result);
	uint64_t mask = op == X86_OP_rol || op == X86_OP_ror ? X86_CF | X86_OF : X86_STATUS;
	if (constant) {
		x86_write(t, 0, size, result);
		if (n)
			x86_setflags(t, fl, size, mask, a, ir_zext(r, type, count), result);
		return;
	}
	unsigned skip = ir_label(r);
	x86_write(t, 0, size, result);
	ir_brcond(r, IR_EQ, count, ir_const(r, wtype, 0), skip);
	x86_setflags(t, fl, size, mask, a, ir_zext(r, type, count), result);
	ir_place(r, skip);
}

/* One operand: rDX:rAX = rAX * operand. */
static void mul1(struct x86_ir *t)
{
	struct ir_region *r = t->r;
	unsigned size = size0(t);
	bool is_signed = t->in->row->op == X86_OP_imul;
	ir_ref b = x86_read(t, 0, size), a = x86_gpr_get(t, X86_RAX, size, false);
	ir_ref lo = ir_mul(r, a, b), hi = is_signed ? ir_mulhs(r, a, b) : ir_mulhu(r, a, b);
	if (size == 1) {
		x86_gpr_set(t, X86_RAX, 1, false, lo);
		x86_gpr_set(t, X86_RAX, 1, true, hi);
	} else {
		x86_gpr_set(t, X86_RAX, size, false, lo);
		x86_gpr_set(t, X86_RDX, size, false, hi);
	}
	x86_setflags(t, is_signed ? X86_FL_IMUL : X86_FL_MUL, size, X86_STATUS, a, hi, lo);
}

static void imul(struct x86_ir *t)
{
	if (!t->in->row->operands[1]) {
		mul1(t);
		return;
	}
	struct ir_region *r = t->r;
	unsigned size = size0(t), first = t->in->row->operands[2] ? 1 : 0;
	ir_ref b = x86_read(t, first + 1, size), a = x86_read(t, first, size);
	ir_ref lo = ir_mul(r, a, b), hi = ir_mulhs(r, a, b);
	x86_write(t, 0, size, lo);
	x86_setflags(t, X86_FL_IMUL, size, X86_STATUS, a, hi, lo);
}

static void mulx(struct x86_ir *t)
{
	struct ir_region *r = t->r;
	unsigned size = size0(t);
	ir_ref a = x86_gpr_get(t, X86_RDX, size, false), b = x86_read(t, 2, size);
	x86_write(t, 1, size, ir_mul(r, a, b));
	x86_write(t, 0, size, ir_mulhu(r, a, b)); /* one register for both: the high half stays */
}

static void xadd(struct x86_ir *t)
{
	struct ir_region *r = t->r;
	unsigned size = size0(t);
	ir_ref b = x86_read(t, 1, size), a, sum;
	if (x86_is_locked(t)) {
		a = ir_atomic(r, IR_FETCH_ADD, x86_address(t), 0, b, x86_memop(t, size) | IR_MEM_ATOMIC);
		sum = ir_add(r, a, b);
		x86_write(t, 1, size, a);
	} else {
		a = x86_read(t, 0, size);
		sum = ir_add(r, a, b);
		if (x86_operand_is_mem(t->in, 0)) {
			x86_write(t, 0, size, sum);
			x86_write(t, 1, size, a);
		} else {
			x86_write(t, 1, size, a);
			x86_write(t, 0, size, sum); /* one register for both: the sum stays */
		}
	}
	x86_setflags(t, X86_FL_ADD, size, X86_STATUS, a, b, sum);
}

static void cmpxchg(struct x86_ir *t)
{
	struct ir_region *r = t->r;
	unsigned size = size0(t);
	ir_ref acc = x86_gpr_get(t, X86_RAX, size, false), b = x86_read(t, 1, size), old;
	unsigned done = ir_label(r), differs = ir_label(r);
	if (x86_is_locked(t)) {
		old = ir_cmpxchg(r, x86_address(t), 0, acc, b, x86_memop(t, size) | IR_MEM_ATOMIC);
	} else {
		old = x86_read(t, 0, size);
		if (x86_operand_is_mem(t->in, 0)) /* memory is written in either case */
			x86_write(t, 0, size, ir_select(r, IR_EQ, acc, old, b, old));
	}
	x86_setflags(t, X86_FL_SUB, size, X86_STATUS, acc, old, ir_sub(r, acc, old));
	ir_brcond(r, IR_NE, acc, old, differs);
	if (!x86_operand_is_mem(t->in, 0))
		x86_write(t, 0, size, b);
	ir_br(r, done);
	ir_place(r, differs);
	x86_gpr_set(t, X86_RAX, size, false, old);
	ir_place(r, done);
}

x86_emit_fn *const x86_emit_alu[X86_OP_COUNT] = {
	[X86_OP_add] = arith, [X86_OP_or] = arith, [X86_OP_adc] = arith, [X86_OP_sbb] = arith, [X86_OP_and] = arith,
	[X86_OP_sub] = arith, [X86_OP_xor] = arith, [X86_OP_cmp] = arith, [X86_OP_test] = arith,
	[X86_OP_inc] = incdec, [X86_OP_dec] = incdec, [X86_OP_neg] = neg, [X86_OP_not] = not,
	[X86_OP_rol] = shift, [X86_OP_ror] = shift, [X86_OP_shl] = shift, [X86_OP_shr] = shift, [X86_OP_sar] = shift,
	[X86_OP_mul] = mul1, [X86_OP_imul] = imul, [X86_OP_mulx] = mulx, [X86_OP_xadd] = xadd, [X86_OP_cmpxchg] = cmpxchg,
};
