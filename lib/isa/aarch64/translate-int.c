/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Data processing on general registers. */
#include "isa/aarch64/models.h"
#include "isa/aarch64/translate.h"

bool a64_adr(T *t, uint32_t i, unsigned page)
{
	uint64_t imm = (uint64_t)a64_sfield(i, 5, 19) << 2 | a64_field(i, 29, 2);

	a64_set(t, RD(i), a64_imm(t, IR_I64, page ? (t->pc & ~4095ull) + (imm << 12) : t->pc + imm));
	return true;
}

/* op: 1 sets flags, 2 subtracts. A comparison, whose result is register 31, has none. */
static ir_ref add_sub(T *t, unsigned op, uint32_t i, ir_ref a, ir_ref b)
{
	if (op == 3 && RD(i) == 31) {
		a64_flags(t, A64_FLAGS_SUB, a, b, 0);
		return 0;
	}
	ir_ref r = op & 2 ? ir_sub(t->r, a, b) : ir_add(t->r, a, b);

	if (op & 1)
		a64_flags(t, op & 2 ? A64_FLAGS_SUB : A64_FLAGS_ADD, a, b, r);
	return r;
}

bool a64_add_imm(T *t, uint32_t i, unsigned op)
{
	uint64_t imm = (uint64_t)a64_field(i, 10, 12) << (i >> 22 & 1 ? 12 : 0);
	ir_ref r = add_sub(t, op, i, a64_reg_sp(t, SF(i), RN(i)), a64_imm(t, a64_type(SF(i)), imm));

	op & 1 ? a64_set(t, RD(i), r) : a64_set_sp(t, RD(i), r);
	return true;
}

/* A register with LSL, LSR, ASR or ROR by a constant. */
static bool shifted(T *t, uint32_t i, bool ror, ir_ref *v)
{
	static const uint16_t op[] = {IR_SHL, IR_SHR, IR_SAR, IR_ROTR};
	unsigned type = a64_field(i, 22, 2), n = a64_field(i, 10, 6);

	if ((type == 3 && !ror) || (!SF(i) && n > 31))
		return false;
	*v = ir_binary_imm(t->r, op[type], a64_reg(t, SF(i), RM(i)), n);
	return true;
}

bool a64_add(T *t, uint32_t i, unsigned op)
{
	ir_ref b;

	if (!shifted(t, i, false, &b))
		return false;
	a64_set(t, RD(i), add_sub(t, op, i, a64_reg(t, SF(i), RN(i)), b));
	return true;
}

/* ExtendReg() */
static ir_ref extended(T *t, unsigned option, unsigned n, unsigned shift, bool wide)
{
	static const uint8_t types[] = {IR_I8, IR_I16, IR_I32, IR_I64};
	enum ir_type from = types[option & 3], to = wide ? IR_I64 : IR_I32;
	ir_ref v = a64_x(t, n);

	v = ir_zext(t->r, from, v);
	v = option & 4 ? ir_sext(t->r, to, v) : ir_zext(t->r, to, v);
	if (from == IR_I64 && !wide)
		v = ir_zext(t->r, IR_I32, v);
	return ir_shl_imm(t->r, v, shift);
}

bool a64_add_ext(T *t, uint32_t i, unsigned op)
{
	unsigned shift = a64_field(i, 10, 3);

	if (shift > 4)
		return false;
	ir_ref r = add_sub(t, op, i, a64_reg_sp(t, SF(i), RN(i)), extended(t, a64_field(i, 13, 3), RM(i), shift, SF(i)));
	op & 1 ? a64_set(t, RD(i), r) : a64_set_sp(t, RD(i), r);
	return true;
}

bool a64_adc(T *t, uint32_t i, unsigned op)
{
	ir_ref a = a64_reg(t, SF(i), RN(i)), b = a64_reg(t, SF(i), RM(i));
	ir_ref c = ir_zext(t->r, a64_type(SF(i)), ir_testflags(t->r, IR_I32, 2));

	if (op & 2)
		b = ir_not(t->r, b);
	ir_ref r = ir_add(t->r, ir_add(t->r, a, b), c);
	if (op & 1)
		a64_flags(t, A64_FLAGS_ADC, a, b, r);
	a64_set(t, RD(i), r);
	return true;
}

bool a64_bit_mask(bool n, unsigned imms, unsigned immr, bool wide, uint64_t *mask)
{
	unsigned pick = (unsigned)n << 6 | (~imms & 63);

	if (!pick || (!wide && n))
		return false;
	unsigned len = 31u - (unsigned)__builtin_clz(pick), size = 1u << len, s = imms & (size - 1), r = immr & (size - 1);
	if (!len || s == size - 1)
		return false;
	uint64_t m = s == 63 ? ~0ull : (1ull << (s + 1)) - 1, all = size == 64 ? ~0ull : (1ull << size) - 1;
	if (r)
		m = (m >> r | m << (size - r)) & all;
	for (; size < 64; size *= 2)
		m |= m << size;
	*mask = wide ? m : (uint32_t)m;
	return true;
}

/* op: 0 and, 1 or, 2 xor, 3 and with flags */
static ir_ref logic(T *t, unsigned op, ir_ref a, ir_ref b)
{
	switch (op) {
	case 1: return ir_or(t->r, a, b);
	case 2: return ir_xor(t->r, a, b);
	default: return ir_and(t->r, a, b);
	}
}

bool a64_logic_imm(T *t, uint32_t i, unsigned op)
{
	uint64_t mask;

	if (!a64_bit_mask(i >> 22 & 1, a64_field(i, 10, 6), a64_field(i, 16, 6), SF(i), &mask))
		return false;
	ir_ref r = logic(t, op, a64_reg(t, SF(i), RN(i)), a64_imm(t, a64_type(SF(i)), mask));
	if (op == 3) {
		a64_flags(t, A64_FLAGS_LOGIC, r, 0, r);
		a64_set(t, RD(i), r);
	} else {
		a64_set_sp(t, RD(i), r);
	}
	return true;
}

bool a64_logic(T *t, uint32_t i, unsigned op)
{
	ir_ref b;

	if (!shifted(t, i, true, &b))
		return false;
	if (op == 1 && RN(i) == 31) { /* mov */
		a64_set(t, RD(i), b);
		return true;
	}
	ir_ref a = a64_reg(t, SF(i), RN(i)), r;
	if (op & 4)
		r = (op & 3) == 0 || (op & 3) == 3 ? ir_andn(t->r, a, b) : logic(t, op & 3, a, ir_not(t->r, b));
	else
		r = logic(t, op, a, b);
	if ((op & 3) == 3)
		a64_flags(t, A64_FLAGS_LOGIC, r, 0, r);
	a64_set(t, RD(i), r);
	return true;
}

bool a64_mov_wide(T *t, uint32_t i, unsigned op)
{
	unsigned pos = a64_field(i, 21, 2) * 16;
	uint64_t v = (uint64_t)a64_field(i, 5, 16) << pos;

	if (pos > 16 && !SF(i))
		return false;
	if (op == 3) {
		ir_ref old = a64_reg(t, SF(i), RD(i));
		old = ir_and_imm(t->r, old, ~(0xffffull << pos));
		a64_set(t, RD(i), ir_or_imm(t->r, old, v));
	} else {
		a64_set(t, RD(i), a64_imm(t, a64_type(SF(i)), op ? v : ~v));
	}
	return true;
}

bool a64_bitfield(T *t, uint32_t i, unsigned op)
{
	unsigned r = a64_field(i, 16, 6), s = a64_field(i, 10, 6), bits = SF(i) ? 64 : 32;
	ir_ref v = a64_reg(t, SF(i), RN(i));

	if ((i >> 22 & 1) != SF(i) || r >= bits || s >= bits)
		return false;
	if (s >= r) { /* a field goes to bit 0 */
		unsigned len = s - r + 1;
		if (op == 1)
			v = ir_deposit(t->r, a64_reg(t, SF(i), RD(i)), r ? ir_shr_imm(t->r, v, r) : v, 0, len);
		else if (op == 0)
			v = ir_sextract(t->r, v, r, len);
		else
			v = ir_extract(t->r, v, r, len);
	} else { /* the low bits go up */
		unsigned len = s + 1, pos = bits - r;
		if (op == 1)
			v = ir_deposit(t->r, a64_reg(t, SF(i), RD(i)), v, pos, len);
		else if (op == 0)
			v = ir_shl_imm(t->r, ir_sextract(t->r, v, 0, len), pos);
		else if (pos + len == bits)
			v = ir_shl_imm(t->r, v, pos);
		else
			v = ir_shl_imm(t->r, ir_extract(t->r, v, 0, len), pos);
	}
	a64_set(t, RD(i), v);
	return true;
}

bool a64_extr(T *t, uint32_t i, unsigned arg)
{
	unsigned n = a64_field(i, 10, 6);

	(void)arg;
	if ((i >> 22 & 1) != SF(i) || (!SF(i) && n > 31))
		return false;
	if (RN(i) == RM(i))
		a64_set(t, RD(i), ir_rotr_imm(t->r, a64_reg(t, SF(i), RN(i)), n));
	else
		a64_set(t, RD(i), ir_shrd(t->r, a64_reg(t, SF(i), RN(i)), a64_reg(t, SF(i), RM(i)), n));
	return true;
}

bool a64_divide(T *t, uint32_t i, unsigned op)
{
	a64_set(t, RD(i), ir_binary(t->r, op, a64_reg(t, SF(i), RN(i)), a64_reg(t, SF(i), RM(i))));
	return true;
}

bool a64_shiftv(T *t, uint32_t i, unsigned op)
{
	a64_set(t, RD(i), ir_binary(t->r, op, a64_reg(t, SF(i), RN(i)), a64_reg(t, SF(i), RM(i))));
	return true;
}

bool a64_unary(T *t, uint32_t i, unsigned op)
{
	a64_set(t, RD(i), ir_unary(t->r, op, a64_reg(t, SF(i), RN(i))));
	return true;
}

bool a64_rev16(T *t, uint32_t i, unsigned arg)
{
	ir_ref v = a64_reg(t, SF(i), RN(i));
	uint64_t m = 0x00ff00ff00ff00ffull;

	(void)arg;
	a64_set(t, RD(i), ir_or(t->r, ir_and_imm(t->r, ir_shr_imm(t->r, v, 8), m), ir_shl_imm(t->r, ir_and_imm(t->r, v, m), 8)));
	return true;
}

bool a64_rev32(T *t, uint32_t i, unsigned arg)
{
	(void)arg;
	a64_set(t, RD(i), ir_rotr_imm(t->r, ir_bswap(t->r, a64_x(t, RN(i))), 32));
	return true;
}

bool a64_cls(T *t, uint32_t i, unsigned arg)
{
	unsigned bits = SF(i) ? 64 : 32;
	ir_ref v = a64_reg(t, SF(i), RN(i));

	(void)arg;
	v = ir_xor(t->r, v, ir_binary_imm(t->r, IR_SAR, v, bits - 1));
	a64_set(t, RD(i), ir_binary_imm(t->r, IR_SUB, ir_clz(t->r, v), 1));
	return true;
}

bool a64_crc32(T *t, uint32_t i, unsigned how)
{
	a64_crc_init();
	a64_set(t, RD(i), a64_call(t, how & 16 ? A64_H_crc32c : A64_H_crc32, a64_w(t, RN(i)), a64_x(t, RM(i)),
				   a64_imm(t, IR_I32, how & 15), 0, 0));
	return true;
}

bool a64_csel(T *t, uint32_t i, unsigned op)
{
	ir_ref a = a64_reg(t, SF(i), RN(i)), b = a64_reg(t, SF(i), RM(i)), c = a64_condition(t, a64_field(i, 12, 4));

	if (op & 2)
		b = ir_not(t->r, b);
	if (op & 1)
		b = ir_binary_imm(t->r, IR_ADD, b, 1);
	if (RN(i) == 31 && RM(i) == 31 && op == 1 && a64_field(i, 12, 4) < 14) { /* cset, the condition inverted */
		a64_set(t, RD(i), a64_condition(t, a64_field(i, 12, 4) ^ 1));
		return true;
	}
	a64_set(t, RD(i), ir_select(t->r, IR_NE, c, a64_imm(t, IR_I32, 0), a, b));
	return true;
}

static uint32_t bits_of(unsigned nzcv)
{
	return (nzcv & 8 ? (uint32_t)A64_N : 0) | (nzcv & 4 ? (uint32_t)A64_Z : 0) | (nzcv & 2 ? (uint32_t)A64_C : 0) |
	       (nzcv & 1 ? (uint32_t)A64_V : 0);
}

bool a64_ccmp(T *t, uint32_t i, unsigned op)
{
	unsigned cond = a64_field(i, 12, 4);
	ir_ref a = a64_reg(t, SF(i), RN(i));
	ir_ref b = op & 2 ? a64_imm(t, a64_type(SF(i)), a64_field(i, 16, 5)) : a64_reg(t, SF(i), RM(i));
	ir_ref c = a64_condition(t, cond);

	if (op & 1)
		a64_flags(t, A64_FLAGS_SUB, a, b, ir_sub(t->r, a, b));
	else
		a64_flags(t, A64_FLAGS_ADD, a, b, ir_add(t->r, a, b));
	if (cond >= 14)
		return true;
	ir_ref now = ir_getflags(t->r, IR_I32, A64_NZCV);
	now = ir_select(t->r, IR_NE, c, a64_imm(t, IR_I32, 0), now, a64_imm(t, IR_I32, bits_of(a64_field(i, 0, 4))));
	ir_set(t->r, A64_SLOT_NZCV, now);
	return true;
}

bool a64_madd(T *t, uint32_t i, unsigned sub)
{
	ir_ref v = ir_mul(t->r, a64_reg(t, SF(i), RN(i)), a64_reg(t, SF(i), RM(i)));

	if (RA(i) != 31)
		v = sub ? ir_sub(t->r, a64_reg(t, SF(i), RA(i)), v) : ir_add(t->r, a64_reg(t, SF(i), RA(i)), v);
	else if (sub)
		v = ir_neg(t->r, v);
	a64_set(t, RD(i), v);
	return true;
}

bool a64_maddl(T *t, uint32_t i, unsigned op)
{
	ir_ref a = a64_w(t, RN(i)), b = a64_w(t, RM(i));

	a = op & 2 ? ir_zext(t->r, IR_I64, a) : ir_sext(t->r, IR_I64, a);
	b = op & 2 ? ir_zext(t->r, IR_I64, b) : ir_sext(t->r, IR_I64, b);
	ir_ref v = ir_mul(t->r, a, b);
	if (RA(i) != 31)
		v = op & 1 ? ir_sub(t->r, a64_x(t, RA(i)), v) : ir_add(t->r, a64_x(t, RA(i)), v);
	else if (op & 1)
		v = ir_neg(t->r, v);
	a64_set(t, RD(i), v);
	return true;
}

bool a64_mulh(T *t, uint32_t i, unsigned op)
{
	a64_set(t, RD(i), ir_binary(t->r, op, a64_x(t, RN(i)), a64_x(t, RM(i))));
	return true;
}

/* ---- flag manipulation (FEAT_FlagM, FEAT_FlagM2) ---- */

static ir_ref as_bits(T *t)
{
	return ir_getflags(t->r, IR_I32, A64_NZCV);
}

static void set_bits(T *t, ir_ref v)
{
	ir_set(t->r, A64_SLOT_NZCV, v);
}

/* Bit `at` of v (i32 or i64) moved to the place of the flag. */
static ir_ref flag_from(T *t, ir_ref v, unsigned at, uint32_t flag)
{
	return ir_shl_imm(t->r, ir_zext(t->r, IR_I32, ir_extract(t->r, v, at, 1)), (unsigned)__builtin_ctz(flag));
}

bool a64_rmif(T *t, uint32_t i, unsigned arg)
{
	static const uint32_t flag[] = {A64_V, A64_C, A64_Z, A64_N};
	ir_ref v = ir_rotr_imm(t->r, a64_x(t, RN(i)), a64_field(i, 15, 6)), f = as_bits(t);

	(void)arg;
	for (unsigned k = 0; k < 4; k++)
		if (i >> k & 1)
			f = ir_or(t->r, ir_and_imm(t->r, f, ~flag[k]), flag_from(t, v, k, flag[k]));
	set_bits(t, f);
	return true;
}

bool a64_setf(T *t, uint32_t i, unsigned bits)
{
	ir_ref v = a64_w(t, RN(i)), low = ir_extract(t->r, v, 0, bits), f = ir_and_imm(t->r, as_bits(t), A64_C);
	ir_ref z = ir_setcond(t->r, IR_I32, IR_EQ, low, a64_imm(t, IR_I32, 0));

	f = ir_or(t->r, f, flag_from(t, v, bits - 1, A64_N));
	f = ir_or(t->r, f, flag_from(t, z, 0, A64_Z));
	f = ir_or(t->r, f, flag_from(t, ir_xor(t->r, v, ir_shr_imm(t->r, v, 1)), bits - 1, A64_V));
	set_bits(t, f);
	return true;
}

bool a64_cfinv(T *t, uint32_t i, unsigned arg)
{
	(void)i, (void)arg;
	set_bits(t, ir_xor_imm(t->r, as_bits(t), A64_C));
	return true;
}

bool a64_xaflag(T *t, uint32_t i, unsigned back)
{
	(void)i;
	set_bits(t, a64_call(t, back ? A64_H_axflag : A64_H_xaflag, as_bits(t), 0, 0, 0, 0));
	return true;
}

/* ---- pointer authentication ---- */

/* op: key 0..3 (IA IB DA DB), 4: check, 8: modifier zero */
bool a64_pac(T *t, uint32_t i, unsigned op)
{
	ir_ref modifier = op & 8 ? a64_imm(t, IR_I64, 0) : a64_xsp(t, RN(i));

	a64_set(t, RD(i), a64_call(t, op & 4 ? A64_H_pac_check : A64_H_pac_sign, a64_x(t, RD(i)), modifier,
				   a64_imm(t, IR_I32, op & 3), 0, 0));
	return true;
}

bool a64_pacga(T *t, uint32_t i, unsigned arg)
{
	(void)arg;
	a64_set(t, RD(i), a64_call(t, A64_H_pac_generic, a64_x(t, RN(i)), a64_xsp(t, RM(i)), 0, 0, 0));
	return true;
}

bool a64_xpac(T *t, uint32_t i, unsigned arg)
{
	(void)arg;
	a64_set(t, RD(i), a64_call(t, A64_H_pac_strip, a64_x(t, RD(i)), 0, 0, 0, 0));
	return true;
}

bool a64_pac_hint(T *t, uint32_t i, unsigned n)
{
	static const struct { uint8_t reg, modifier, key, check; } how[] = {
		[1] = {17, 16, 0, 0}, [2] = {17, 16, 1, 0}, [3] = {17, 16, 0, 1}, [4] = {17, 16, 1, 1},
		[5] = {30, 0, 0, 0}, [6] = {30, 31, 0, 0}, [7] = {30, 0, 1, 0}, [8] = {30, 31, 1, 0},
		[9] = {30, 0, 0, 1}, [10] = {30, 31, 0, 1}, [11] = {30, 0, 1, 1}, [12] = {30, 31, 1, 1},
	};

	(void)i;
	if (!A64_HAS(t->c, PAUTH))
		return true;
	if (!n) {
		a64_set(t, 30, a64_call(t, A64_H_pac_strip, a64_x(t, 30), 0, 0, 0, 0));
		return true;
	}
	ir_ref modifier = how[n].modifier ? a64_xsp(t, how[n].modifier) : a64_imm(t, IR_I64, 0);
	a64_set(t, how[n].reg, a64_call(t, how[n].check ? A64_H_pac_check : A64_H_pac_sign, a64_x(t, how[n].reg), modifier,
					a64_imm(t, IR_I32, how[n].key), 0, 0));
	return true;
}
