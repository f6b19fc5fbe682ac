/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Front end: bit tests, bit scans, BMI1/BMI2, ADX, byte swaps. */
#include "isa/x86/translate.h"

static unsigned size0(const struct x86_ir *t)
{
	return x86_operand_size(t->in, 0);
}

/* BT and its kin: a register bit offset on memory reaches beyond the operand (SDM volume 2, BT). */
static void bit_test(struct x86_ir *t)
{
	struct ir_region *r = t->r;
	unsigned size = size0(t), bits = size * 8, op = t->in->row->op;
	enum ir_type type = x86_type(size);
	bool mem = x86_operand_is_mem(t->in, 0), imm = t->in->row->operands[1] == X86_O_Ib;
	ir_ref offset = imm ? ir_const(r, type, t->in->imm) : x86_read(t, 1, size), addr = 0;
	if (mem && imm) {
		addr = x86_address(t);
	} else if (mem) {
		ir_ref units = ir_sar_imm(r, ir_sext(r, IR_I64, offset), __builtin_ctz(bits));
		ir_ref a = ir_add(r, x86_offset(t), ir_shl_imm(r, units, __builtin_ctz(size)));
		if (t->in->addrsize == 4)
			a = ir_zext(r, IR_I64, ir_zext(r, IR_I32, a));
		else if (t->in->addrsize == 2)
			a = ir_and_imm(r, a, 0xffff);
		addr = x86_access(t, x86_mem_segment(t->in), a, size, op != X86_OP_bt);
	}
	offset = ir_and_imm(r, offset, bits - 1);
	ir_ref mask = ir_shl(r, ir_const(r, type, 1), offset), old;
	unsigned memop = x86_memop(t, size) | IR_MEM_ATOMIC;
	if (mem && t->in->prefixes & X86_PFX_LOCK) {
		old = op == X86_OP_bts ? ir_atomic(r, IR_FETCH_OR, addr, 0, mask, memop)
		    : op == X86_OP_btr ? ir_atomic(r, IR_FETCH_AND, addr, 0, ir_not(r, mask), memop)
				       : ir_atomic(r, IR_FETCH_XOR, addr, 0, mask, memop);
	} else {
		old = mem ? ir_ld(r, type, addr, 0, x86_memop(t, size)) : x86_read(t, 0, size);
		if (op != X86_OP_bt) {
			ir_ref v = op == X86_OP_bts ? ir_or(r, old, mask) : op == X86_OP_btr ? ir_andn(r, old, mask) : ir_xor(r, old, mask);
			if (mem)
				ir_st(r, addr, 0, v, x86_memop(t, size));
			else
				x86_write(t, 0, size, v);
		}
	}
	ir_ref bit = ir_and_imm(r, ir_shr(r, old, offset), 1);
	x86_setflags(t, X86_FL_BITS, size, X86_CF, bit, 0, 0);
}

/* A source of zero leaves the destination alone (SDM says undefined, AMD and every Intel do this). */
static void bit_scan(struct x86_ir *t)
{
	struct ir_region *r = t->r;
	unsigned size = size0(t);
	enum ir_type type = x86_type(size);
	ir_ref a = x86_read(t, 1, size);
	ir_ref n = t->in->row->op == X86_OP_bsf ? ir_ctz(r, a) : ir_sub(r, ir_const(r, type, size * 8 - 1), ir_clz(r, a));
	unsigned reg = t->in->reg, skip = ir_label(r);
	x86_setflags(t, X86_FL_BSF, size, X86_ZF, a, 0, 0);
	ir_brcond(r, IR_EQ, a, ir_const(r, type, 0), skip);
	x86_gpr_set(t, reg, size, false, n);
	ir_place(r, skip);
}

static void count(struct x86_ir *t)
{
	struct ir_region *r = t->r;
	unsigned size = size0(t);
	ir_ref a = x86_read(t, 1, size), n;
	switch (t->in->row->op) {
	case X86_OP_popcnt:
		n = ir_popcnt(r, a);
		x86_write(t, 0, size, n);
		x86_setflags(t, X86_FL_POPCNT, size, X86_STATUS, a, 0, 0);
		return;
	case X86_OP_tzcnt:
		n = ir_ctz(r, a);
		break;
	default:
		n = ir_clz(r, a);
	}
	x86_write(t, 0, size, n);
	x86_setflags(t, X86_FL_ZCNT, size, X86_CF | X86_ZF, a, 0, n);
}

static void bmi1(struct x86_ir *t)
{
	struct ir_region *r = t->r;
	unsigned size = size0(t);
	ir_ref one = ir_const(r, x86_type(size), 1), a, v;
	enum x86_flags_op fl;
	switch (t->in->row->op) {
	case X86_OP_andn:
		a = x86_read(t, 1, size);
		v = ir_andn(r, x86_read(t, 2, size), a);
		fl = X86_FL_LOGIC;
		break;
	case X86_OP_blsi:
		a = x86_read(t, 1, size);
		v = ir_and(r, a, ir_neg(r, a));
		fl = X86_FL_BLSI;
		break;
	case X86_OP_blsr:
		a = x86_read(t, 1, size);
		v = ir_and(r, a, ir_sub(r, a, one));
		fl = X86_FL_BLSR;
		break;
	default: /* blsmsk: the result is never zero */
		a = x86_read(t, 1, size);
		v = ir_xor(r, a, ir_sub(r, a, one));
		fl = X86_FL_BLSR;
	}
	x86_write(t, 0, size, v);
	x86_setflags(t, fl, size, X86_STATUS, a, 0, v);
}

/* Bits start .. start + len of the source; both from one register's low two bytes. */
static void bextr(struct x86_ir *t)
{
	struct ir_region *r = t->r;
	unsigned size = size0(t), bits = size * 8;
	enum ir_type type = x86_type(size);
	ir_ref a = x86_read(t, 1, size), c = x86_read(t, 2, size), limit = ir_const(r, type, bits), zero = ir_const(r, type, 0);
	ir_ref start = ir_and_imm(r, c, 255), len = ir_and_imm(r, ir_shr_imm(r, c, 8), 255);
	ir_ref v = ir_select(r, IR_LTU, start, limit, ir_shr(r, a, start), zero);
	ir_ref mask = ir_sub(r, ir_shl(r, ir_const(r, type, 1), len), ir_const(r, type, 1));
	v = ir_select(r, IR_LTU, len, limit, ir_and(r, v, mask), v);
	x86_write(t, 0, size, v);
	x86_setflags(t, X86_FL_LOGIC, size, X86_STATUS, v, v, v);
}

static void bzhi(struct x86_ir *t)
{
	struct ir_region *r = t->r;
	unsigned size = size0(t), bits = size * 8;
	enum ir_type type = x86_type(size);
	ir_ref a = x86_read(t, 1, size), c = x86_read(t, 2, size), n = ir_and_imm(r, c, 255);
	ir_ref mask = ir_sub(r, ir_shl(r, ir_const(r, type, 1), n), ir_const(r, type, 1));
	ir_ref v = ir_select(r, IR_LTU, n, ir_const(r, type, bits), ir_and(r, a, mask), a);
	x86_write(t, 0, size, v);
	x86_setflags(t, X86_FL_BZHI, size, X86_STATUS, a, c, v);
}

static void shiftx(struct x86_ir *t)
{
	struct ir_region *r = t->r;
	unsigned size = size0(t);
	ir_ref a = x86_read(t, 1, size), n = x86_read(t, 2, size), v;
	switch (t->in->row->op) {
	case X86_OP_shlx:
		v = ir_shl(r, a, n);
		break;
	case X86_OP_shrx:
		v = ir_shr(r, a, n);
		break;
	case X86_OP_sarx:
		v = ir_sar(r, a, n);
		break;
	default:
		v = ir_rotr(r, a, n);
	}
	x86_write(t, 0, size, v);
}

/* Carry in and out in CF (ADCX) or OF (ADOX) alone. */
static void adx(struct x86_ir *t)
{
	struct ir_region *r = t->r;
	unsigned size = size0(t);
	enum ir_type type = x86_type(size);
	bool overflow = t->in->row->op == X86_OP_adox;
	ir_ref a = x86_read(t, 0, size), b = x86_read(t, 1, size), bits;
	ir_ref in = ir_getflags(r, IR_I64, overflow ? X86_OF : X86_CF);
	if (overflow)
		in = ir_shr_imm(r, in, 11);
	ir_ref half = ir_add(r, a, b), sum = ir_add(r, half, ir_zext(r, type, in));
	bits = ir_or(r, ir_setcond(r, IR_I64, IR_LTU, half, a), ir_setcond(r, IR_I64, IR_LTU, sum, half));
	if (overflow)
		bits = ir_shl_imm(r, bits, 11);
	x86_write(t, 0, size, sum);
	x86_setflags(t, X86_FL_BITS, 8, overflow ? X86_OF : X86_CF, bits, 0, 0);
}

static void bswap(struct x86_ir *t)
{
	unsigned size = size0(t);
	/* 16 bits: undefined; processors give zero */
	x86_write(t, 0, size, size == 2 ? ir_const(t->r, IR_I16, 0) : ir_bswap(t->r, x86_read(t, 0, size)));
}

static void movbe(struct x86_ir *t)
{
	unsigned size = size0(t);
	x86_write(t, 0, size, ir_bswap(t->r, x86_read(t, 1, size)));
}

x86_emit_fn *const x86_emit_bits[X86_OP_COUNT] = {
	[X86_OP_bt] = bit_test, [X86_OP_bts] = bit_test, [X86_OP_btr] = bit_test, [X86_OP_btc] = bit_test,
	[X86_OP_bsf] = bit_scan, [X86_OP_bsr] = bit_scan,
	[X86_OP_popcnt] = count, [X86_OP_tzcnt] = count, [X86_OP_lzcnt] = count,
	[X86_OP_andn] = bmi1, [X86_OP_blsi] = bmi1, [X86_OP_blsr] = bmi1, [X86_OP_blsmsk] = bmi1,
	[X86_OP_bextr] = bextr, [X86_OP_bzhi] = bzhi,
	[X86_OP_shlx] = shiftx, [X86_OP_shrx] = shiftx, [X86_OP_sarx] = shiftx, [X86_OP_rorx] = shiftx,
	[X86_OP_adcx] = adx, [X86_OP_adox] = adx, [X86_OP_bswap] = bswap, [X86_OP_movbe] = movbe,
};
