/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Loads and stores. All registers are written after the last access that may fault; an access of two registers is two
 * accesses of the host, the first of which may be done when the second faults, as the architecture allows.
 */
#include "isa/aarch64/translate.h"

/* A vector register's value of `bytes`, the rest of the register zero. */
static void load_fp(T *t, unsigned n, ir_ref v)
{
	ir_set(t->r, A64_SLOT_V + n, v);
}

/* 1 2 4 8 16 bytes as the whole register */
static ir_ref read_fp(T *t, unsigned log2, ir_ref at, int64_t disp)
{
	static const uint8_t type[] = {IR_I8, IR_I16, IR_I32, IR_V64, IR_V128};
	ir_ref v = ir_ld(t->r, type[log2], at, disp, a64_memop(t, log2));

	if (log2 == 4)
		return v;
	if (log2 < 3)
		v = ir_bitcast(t->r, IR_V64, ir_zext(t->r, IR_I64, v));
	return ir_vresize(t->r, IR_V128, v);
}

static void write_fp(T *t, unsigned log2, ir_ref at, int64_t disp, unsigned n)
{
	static const uint8_t lane[] = {IR_I8, IR_I16, IR_I32};
	ir_ref v = ir_get(t->r, A64_SLOT_V + n);

	if (log2 < 3)
		v = ir_vgetlane(t->r, lane[log2], v, 0);
	else if (log2 == 3)
		v = ir_vresize(t->r, IR_V64, v);
	ir_st(t->r, at, disp, v, a64_memop(t, log2));
}

/* The address of a form; *after: what the base register is afterwards, 0: itself. */
static bool address(T *t, uint32_t i, unsigned form, unsigned log2, ir_ref *at, int64_t *disp, ir_ref *after)
{
	ir_ref base = a64_xsp(t, RN(i));
	int64_t imm = a64_sfield(i, 12, 9);

	*after = 0;
	*disp = 0;
	*at = base;
	switch (form) {
	case A64_M_UNSCALED: *disp = imm; break;
	case A64_M_OFFSET: *disp = (int64_t)((uint64_t)a64_field(i, 10, 12) << log2); break;
	case A64_M_POST: *after = ir_add_imm(t->r, base, (uint64_t)imm); break;
	case A64_M_PRE:
		*after = ir_add_imm(t->r, base, (uint64_t)imm);
		*disp = imm;
		break;
	default: {
		unsigned option = a64_field(i, 13, 3);
		ir_ref x = a64_x(t, RM(i));
		if (!(option & 2))
			return false;
		if (option == 2)
			x = ir_zext(t->r, IR_I64, ir_zext(t->r, IR_I32, x));
		else if (option == 6)
			x = ir_sext(t->r, IR_I64, ir_zext(t->r, IR_I32, x));
		*at = ir_add(t->r, base, ir_shl_imm(t->r, x, i >> 12 & 1 ? log2 : 0));
	}
	}
	return true;
}

bool a64_ldst(T *t, uint32_t i, unsigned form)
{
	unsigned log2 = i >> 30, opc = a64_field(i, 22, 2), rt = RT(i);
	ir_ref at, after, v = 0;
	int64_t disp;

	if ((log2 == 3 && opc > 1) || (log2 == 2 && opc == 3) || !address(t, i, form, log2, &at, &disp, &after))
		return false;
	switch (opc) {
	case 0:
		ir_st(t->r, at, disp, a64_reg(t, log2 == 3, rt), a64_memop(t, log2));
		break;
	case 1: v = ir_ld(t->r, log2 == 3 ? IR_I64 : IR_I32, at, disp, a64_memop(t, log2)); break;
	case 2: v = ir_ld(t->r, IR_I64, at, disp, a64_memop(t, log2) | IR_MEM_SIGNED); break;
	default: v = ir_ld(t->r, IR_I32, at, disp, a64_memop(t, log2) | IR_MEM_SIGNED);
	}
	if (after)
		a64_set_sp(t, RN(i), after);
	if (opc)
		a64_set(t, rt, v);
	return true;
}

bool a64_ldst_fp(T *t, uint32_t i, unsigned form)
{
	unsigned log2 = i >> 30, opc = a64_field(i, 22, 2);
	ir_ref at, after, v = 0;
	int64_t disp;

	if (opc & 2) {
		if (log2)
			return false;
		log2 = 4;
	}
	if (!address(t, i, form, log2, &at, &disp, &after))
		return false;
	if (opc & 1)
		v = read_fp(t, log2, at, disp);
	else
		write_fp(t, log2, at, disp, RT(i));
	if (after)
		a64_set_sp(t, RN(i), after);
	if (opc & 1)
		load_fp(t, RT(i), v);
	return true;
}

bool a64_ldr_literal(T *t, uint32_t i, unsigned sign)
{
	ir_ref at = a64_imm(t, IR_I64, t->pc + (uint64_t)a64_sfield(i, 5, 19) * 4);

	if (sign)
		a64_set(t, RT(i), ir_ld(t->r, IR_I64, at, 0, a64_memop(t, 2) | IR_MEM_SIGNED));
	else if (i >> 30 & 1)
		a64_set(t, RT(i), ir_ld(t->r, IR_I64, at, 0, a64_memop(t, 3)));
	else
		a64_set(t, RT(i), ir_ld(t->r, IR_I32, at, 0, a64_memop(t, 2)));
	return true;
}

bool a64_ldr_literal_fp(T *t, uint32_t i, unsigned arg)
{
	ir_ref at = a64_imm(t, IR_I64, t->pc + (uint64_t)a64_sfield(i, 5, 19) * 4);

	(void)arg;
	if (i >> 30 == 3)
		return false;
	load_fp(t, RT(i), read_fp(t, (i >> 30) + 2, at, 0));
	return true;
}

/* Address of a pair: bits 24..23 tell the form. */
static void pair_address(T *t, uint32_t i, unsigned log2, ir_ref *base, int64_t *disp, ir_ref *after)
{
	unsigned form = a64_field(i, 23, 2);
	int64_t imm = a64_sfield(i, 15, 7) * (1 << log2);

	*base = a64_xsp(t, RN(i));
	*disp = form == 1 ? 0 : imm;
	*after = form & 1 ? ir_add_imm(t->r, *base, (uint64_t)imm) : 0;
}

/* kind: 0 store, 1 load, 2 load signed words */
bool a64_pair(T *t, uint32_t i, unsigned kind)
{
	unsigned wide = i >> 31, log2 = wide ? 3 : 2, rt2 = RA(i);
	ir_ref base, after, a = 0, b = 0;
	int64_t disp;

	if (kind == 2 && a64_field(i, 23, 2) == 0)
		return false; /* no no-allocate form */
	pair_address(t, i, log2, &base, &disp, &after);
	if (!kind) {
		ir_st(t->r, base, disp, a64_reg(t, wide, RT(i)), a64_memop(t, log2));
		ir_st(t->r, base, disp + (1 << log2), a64_reg(t, wide, rt2), a64_memop(t, log2));
	} else {
		enum ir_type type = wide || kind == 2 ? IR_I64 : IR_I32;
		unsigned memop = a64_memop(t, log2) | (kind == 2 ? IR_MEM_SIGNED : 0);
		a = ir_ld(t->r, type, base, disp, memop);
		b = ir_ld(t->r, type, base, disp + (1 << log2), memop);
	}
	if (after)
		a64_set_sp(t, RN(i), after);
	if (kind) {
		a64_set(t, RT(i), a);
		a64_set(t, rt2, b);
	}
	return true;
}

bool a64_pair_fp(T *t, uint32_t i, unsigned load)
{
	unsigned log2 = (i >> 30) + 2;
	ir_ref base, after, a = 0, b = 0;
	int64_t disp;

	if (log2 == 5)
		return false;
	pair_address(t, i, log2, &base, &disp, &after);
	if (load) {
		a = read_fp(t, log2, base, disp);
		b = read_fp(t, log2, base, disp + (1 << log2));
	} else {
		write_fp(t, log2, base, disp, RT(i));
		write_fp(t, log2, base, disp + (1 << log2), RA(i));
	}
	if (after)
		a64_set_sp(t, RN(i), after);
	if (load) {
		load_fp(t, RT(i), a);
		load_fp(t, RA(i), b);
	}
	return true;
}

/* arg: key 2 or 3 (data), 4: writes the base back */
bool a64_ldra(T *t, uint32_t i, unsigned arg)
{
	int64_t imm = (int64_t)((uint64_t)(a64_field(i, 12, 9) | (i >> 22 & 1) << 9) << 54) >> 51;
	ir_ref base = a64_call(t, A64_H_pac_check, a64_xsp(t, RN(i)), a64_imm(t, IR_I64, 0), a64_imm(t, IR_I32, arg & 3), 0, 0);
	ir_ref v = ir_ld(t->r, IR_I64, base, imm, a64_memop(t, 3));

	if (arg & 4)
		a64_set_sp(t, RN(i), ir_add_imm(t->r, base, (uint64_t)imm));
	a64_set(t, RT(i), v);
	return true;
}

/* kind: 0 store-release, 1 load, 2 load signed to 64 bits, 3 to 32 */
bool a64_ldapur(T *t, uint32_t i, unsigned kind)
{
	unsigned log2 = i >> 30;
	ir_ref base = a64_xsp(t, RN(i));
	int64_t imm = a64_sfield(i, 12, 9);

	if ((kind == 2 && log2 == 3) || (kind == 3 && log2 > 1))
		return false;
	unsigned memop = a64_memop(t, log2) | log2 << IR_MEM_ALIGN_SHIFT | IR_MEM_ATOMIC;
	switch (kind) {
	case 0:
		ir_st(t->r, base, imm, a64_reg(t, log2 == 3, RT(i)), memop | IR_MEM_RELEASE);
		ir_fence(t->r, IR_FENCE_ALL);
		break;
	case 1: a64_set(t, RT(i), ir_ld(t->r, log2 == 3 ? IR_I64 : IR_I32, base, imm, memop | IR_MEM_ACQUIRE)); break;
	default:
		a64_set(t, RT(i), ir_ld(t->r, kind == 2 ? IR_I64 : IR_I32, base, imm, memop | IR_MEM_SIGNED));
	}
	return true;
}
