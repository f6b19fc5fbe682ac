/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Advanced SIMD: elements, permutations, constants, structures in memory, cryptography. */
#include "isa/aarch64/models.h"
#include "isa/aarch64/translate-vec.h"

/* imm5: the lowest set bit is the size, what is above the index. */
static bool index5(uint32_t i, unsigned *log2, unsigned *n)
{
	unsigned imm5 = a64_field(i, 16, 5);

	if (!(imm5 & 15))
		return false;
	*log2 = (unsigned)__builtin_ctz(imm5);
	*n = imm5 >> (*log2 + 1);
	return true;
}

bool a64_dup_element(T *t, uint32_t i, unsigned scalar)
{
	unsigned log2, n, q = a64_q(i);

	if (!index5(i, &log2, &n) || (!scalar && log2 == 3 && !q))
		return false;
	ir_ref v = ir_vgetlane(t->r, a64_lane(log2), a64_v(t, RN(i)), n);
	if (scalar)
		a64_set_bits(t, RD(i), v);
	else
		a64_set_v(t, RD(i), q, ir_vdup(t->r, IR_V128, a64_lane(log2), v));
	return true;
}

bool a64_dup_general(T *t, uint32_t i, unsigned arg)
{
	unsigned log2, n, q = a64_q(i);

	(void)arg;
	if (!index5(i, &log2, &n) || (log2 == 3 && !q))
		return false;
	a64_set_v(t, RD(i), q, ir_vdup(t->r, IR_V128, a64_lane(log2), ir_zext(t->r, a64_lane(log2), a64_x(t, RN(i)))));
	return true;
}

bool a64_mov_out(T *t, uint32_t i, unsigned sign)
{
	unsigned log2, n, q = a64_q(i);

	if (!index5(i, &log2, &n) || (sign ? log2 == 3 || (log2 == 2 && !q) : (log2 == 3) != q))
		return false;
	ir_ref v = ir_vgetlane(t->r, a64_lane(log2), a64_v(t, RN(i)), n);
	a64_set(t, RD(i), sign ? ir_sext(t->r, q ? IR_I64 : IR_I32, v) : v);
	return true;
}

bool a64_ins_general(T *t, uint32_t i, unsigned arg)
{
	unsigned log2, n;

	(void)arg;
	if (!index5(i, &log2, &n))
		return false;
	ir_ref v = ir_zext(t->r, a64_lane(log2), a64_x(t, RN(i)));
	ir_set(t->r, A64_SLOT_V + RD(i), ir_vec2(t->r, IR_VSETLANE, a64_lane(log2), a64_v(t, RD(i)), v, n));
	return true;
}

bool a64_ins_element(T *t, uint32_t i, unsigned arg)
{
	unsigned log2, n;

	(void)arg;
	if (!index5(i, &log2, &n))
		return false;
	ir_ref v = ir_vgetlane(t->r, a64_lane(log2), a64_v(t, RN(i)), a64_field(i, 11, 4) >> log2);
	ir_set(t->r, A64_SLOT_V + RD(i), ir_vec2(t->r, IR_VSETLANE, a64_lane(log2), a64_v(t, RD(i)), v, n));
	return true;
}

/* AdvSIMDExpandImm(), and what is done with it. half: FMOV of half precision. */
bool a64_mod_imm(T *t, uint32_t i, unsigned half)
{
	unsigned imm8 = a64_field(i, 16, 3) << 5 | a64_field(i, 5, 5), cmode = a64_field(i, 12, 4), op = i >> 29 & 1, q = a64_q(i);
	uint64_t v = imm8;

	if (half) {
		v = a64_fp_imm(imm8, 1) * 0x0001000100010001ull;
	} else {
		switch (cmode >> 1) {
		case 0: case 1: case 2: case 3: v = (v << (8 * (cmode >> 1))) * 0x0000000100000001ull; break;
		case 4: v *= 0x0001000100010001ull; break;
		case 5: v = (v << 8) * 0x0001000100010001ull; break;
		case 6: v = (cmode & 1 ? v << 16 | 0xffff : v << 8 | 0xff) * 0x0000000100000001ull; break;
		default:
			if (cmode == 14 && !op) {
				v *= 0x0101010101010101ull;
			} else if (cmode == 14) {
				v = 0;
				for (unsigned b = 0; b < 8; b++)
					v |= imm8 >> b & 1 ? 0xffull << (8 * b) : 0;
			} else if (!op) {
				v = a64_fp_imm(imm8, 2) * 0x0000000100000001ull;
			} else {
				if (!q)
					return false;
				v = a64_fp_imm(imm8, 3);
			}
		}
	}
	bool logic = !half && cmode < 12 && cmode & 1;
	if (op && cmode < 14 && !logic)
		v = ~v;
	ir_ref k = ir_const_wide(t->r, IR_V128, v, q ? v : 0);
	if (logic) {
		ir_ref d = a64_v(t, RD(i));
		k = ir_const_wide(t->r, IR_V128, v, v);
		a64_set_v(t, RD(i), q, ir_vec2(t->r, op ? IR_VANDN : IR_VOR, IR_I64, d, k, 0));
	} else {
		ir_set(t->r, A64_SLOT_V + RD(i), k);
	}
	return true;
}

/* kind: 0 uzp1, 1 uzp2, 2 trn1, 3 trn2, 4 zip1, 5 zip2 */
bool a64_permute(T *t, uint32_t i, unsigned kind)
{
	unsigned log2 = a64_field(i, 22, 2), q = a64_q(i);
	enum ir_type lane = a64_lane(log2);
	ir_ref a = a64_v(t, RN(i)), b = a64_v(t, RM(i)), v;

	if (log2 == 3 && !q)
		return false;
	switch (kind) {
	case 0: case 1:
		if (!q) {
			a = ir_vec2(t->r, IR_VZIPLO, IR_I64, a, b, 0);
			b = a;
		}
		v = ir_vec2(t->r, kind ? IR_VUZPO : IR_VUZPE, lane, a, b, 0);
		break;
	case 2: case 3: { /* every other element of each, side by side */
		if (log2 == 3) {
			v = ir_vec2(t->r, kind == 3 ? IR_VZIPHI : IR_VZIPLO, lane, a, b, 0);
			break;
		}
		unsigned bits = 8u << log2;
		enum ir_type wide = a64_lane(log2 + 1);
		uint64_t m = (log2 == 2 ? 0xffffffffull : log2 == 1 ? 0x0000ffff0000ffffull : 0x00ff00ff00ff00ffull);
		ir_ref mask = ir_const_wide(t->r, IR_V128, m, m);
		if (kind == 2)
			v = ir_vec2(t->r, IR_VOR, IR_I64, ir_vec2(t->r, IR_VAND, IR_I64, a, mask, 0), ir_vec1(t->r, IR_VSHLI, wide, b, bits), 0);
		else
			v = ir_vec2(t->r, IR_VOR, IR_I64, ir_vec1(t->r, IR_VSHRI, wide, a, bits), ir_vec2(t->r, IR_VANDN, IR_I64, b, mask, 0), 0);
		break;
	}
	case 4: v = ir_vec2(t->r, IR_VZIPLO, lane, a, b, 0); break;
	default:
		if (q) {
			v = ir_vec2(t->r, IR_VZIPHI, lane, a, b, 0);
		} else { /* the upper half of eight bytes' worth */
			v = ir_vec2(t->r, IR_VZIPLO, lane, a, b, 0);
			v = ir_vec2(t->r, IR_VEXT, IR_I8, v, v, 8);
		}
	}
	a64_set_v(t, RD(i), q, v);
	return true;
}

bool a64_ext(T *t, uint32_t i, unsigned arg)
{
	unsigned n = a64_field(i, 11, 4), q = a64_q(i);
	ir_ref a = a64_v(t, RN(i)), b = a64_v(t, RM(i));

	(void)arg;
	if (!q && n > 7)
		return false;
	if (!q) {
		a = ir_vec2(t->r, IR_VZIPLO, IR_I64, a, b, 0);
		b = a;
	}
	a64_set_v(t, RD(i), q, ir_vec2(t->r, IR_VEXT, IR_I8, a, b, n));
	return true;
}

bool a64_table(T *t, uint32_t i, unsigned tbx)
{
	unsigned regs = a64_field(i, 13, 2) + 1, q = a64_q(i), n = RN(i);
	ir_ref index = a64_v(t, RM(i)), v;

	if (regs == 1 && !tbx) {
		v = ir_vec2(t->r, IR_VTBL, IR_I8, a64_v(t, n), index, 0);
		a64_set_v(t, RD(i), q, v);
		return true;
	}
	/* The helper reads the table's registers from the state. */
	v = a64_call(t, A64_H_table, index, tbx ? a64_v(t, RD(i)) : a64_zero(t), a64_imm(t, IR_I32, n | regs << 8), 0, 0);
	a64_set_v(t, RD(i), q, v);
	return true;
}

/* ---- structures ---- */

/* The base's new value: by an index register, or 31: by the bytes transferred. */
static ir_ref post(T *t, uint32_t i, ir_ref base, unsigned bytes)
{
	return RM(i) == 31 ? ir_add_imm(t->r, base, bytes) : ir_add(t->r, base, a64_x(t, RM(i)));
}

/* Each element by itself is in the guest's byte order. */
static ir_ref elements(T *t, enum ir_type lane, ir_ref v) { return t->be && lane != IR_I8 ? ir_vec1(t->r, IR_VBSWAP, lane, v, 0) : v; }

/* n registers' bytes from memory, `q` says how many each. */
static void load_plain(T *t, ir_ref base, unsigned regs, unsigned q, enum ir_type lane, ir_ref *v)
{
	for (unsigned k = 0; k < regs; k++)
		v[k] = q ? ir_ld(t->r, IR_V128, base, 16 * (int64_t)k, IR_MEM(16))
			 : ir_vresize(t->r, IR_V128, ir_ld(t->r, IR_V64, base, 8 * (int64_t)k, IR_MEM(8)));
	for (unsigned k = 0; k < regs; k++)
		v[k] = elements(t, lane, v[k]);
}

static void store_plain(T *t, ir_ref base, unsigned regs, unsigned q, enum ir_type lane, const ir_ref *v)
{
	for (unsigned k = 0; k < regs; k++) {
		ir_ref e = elements(t, lane, v[k]);
		if (q)
			ir_st(t->r, base, 16 * (int64_t)k, e, IR_MEM(16));
		else
			ir_st(t->r, base, 8 * (int64_t)k, ir_vresize(t->r, IR_V64, e), IR_MEM(8));
	}
}

static ir_ref pick(T *t, bool odd, enum ir_type lane, ir_ref a, ir_ref b)
{
	return ir_vec2(t->r, odd ? IR_VUZPO : IR_VUZPE, lane, a, b, 0);
}

static ir_ref zip(T *t, bool high, enum ir_type lane, ir_ref a, ir_ref b)
{
	return ir_vec2(t->r, high ? IR_VZIPHI : IR_VZIPLO, lane, a, b, 0);
}

/* Memory order of structures to one register an element, for whole registers. */
static void split(T *t, unsigned structure, enum ir_type lane, ir_ref *v)
{
	ir_ref a = v[0], b = v[1];

	if (structure == 2) {
		v[0] = pick(t, false, lane, a, b);
		v[1] = pick(t, true, lane, a, b);
	} else if (structure == 4) {
		ir_ref c = v[2], d = v[3];
		ir_ref e = pick(t, false, lane, a, b), f = pick(t, false, lane, c, d); /* elements 0 and 2 of each */
		ir_ref g = pick(t, true, lane, a, b), h = pick(t, true, lane, c, d);
		v[0] = pick(t, false, lane, e, f);
		v[2] = pick(t, true, lane, e, f);
		v[1] = pick(t, false, lane, g, h);
		v[3] = pick(t, true, lane, g, h);
	}
}

static void join(T *t, unsigned structure, enum ir_type lane, ir_ref *v)
{
	ir_ref a = v[0], b = v[1];

	if (structure == 2) {
		v[0] = zip(t, false, lane, a, b);
		v[1] = zip(t, true, lane, a, b);
	} else if (structure == 4) {
		ir_ref c = v[2], d = v[3];
		ir_ref e = zip(t, false, lane, a, c), f = zip(t, true, lane, a, c), g = zip(t, false, lane, b, d), h = zip(t, true, lane, b, d);
		v[0] = zip(t, false, lane, e, g);
		v[1] = zip(t, true, lane, e, g);
		v[2] = zip(t, false, lane, f, h);
		v[3] = zip(t, true, lane, f, h);
	}
}

/* arg: registers, structure << 4, load 0x100, post-index 0x200 */
bool a64_ldst_many(T *t, uint32_t i, unsigned arg)
{
	unsigned regs = arg & 15, structure = arg >> 4 & 15, log2 = a64_field(i, 10, 2), q = a64_q(i), rt = RT(i);
	enum ir_type lane = a64_lane(log2);
	bool load = arg & 0x100;
	ir_ref base = a64_xsp(t, RN(i)), v[4] = {0}, after = arg & 0x200 ? post(t, i, base, regs * (q ? 16 : 8)) : 0;

	if (structure > 1 && log2 == 3 && !q)
		return false;
	if (structure == 1 || (q && structure != 3)) {
		if (load) {
			load_plain(t, base, regs, q, lane, v);
			split(t, structure, lane, v);
		} else {
			for (unsigned k = 0; k < regs; k++)
				v[k] = a64_v(t, (rt + k) & 31);
			join(t, structure, lane, v);
			store_plain(t, base, regs, q, lane, v);
		}
		if (after)
			a64_set_sp(t, RN(i), after);
		for (unsigned k = 0; load && k < regs; k++)
			ir_set(t->r, A64_SLOT_V + ((rt + k) & 31), v[k]);
		return true;
	}
	/* Threes and half registers: a helper moves element by element. */
	a64_call(t, load ? A64_H_load_structures : A64_H_store_structures, base,
		 a64_imm(t, IR_I32, rt | structure << 8 | log2 << 12 | q << 16), 0, 0, 0);
	if (after)
		a64_set_sp(t, RN(i), after);
	return true;
}

/* One element of each register. arg: structure, 16 * (8, 16, 32 or 64 bits' class), load 0x100, post-index 0x200 */
bool a64_ldst_one(T *t, uint32_t i, unsigned arg)
{
	unsigned structure = arg & 15, class = arg >> 4 & 3, q = a64_q(i), s = i >> 12 & 1, size = a64_field(i, 10, 2), log2, n, rt = RT(i);
	bool load = arg & 0x100;

	switch (class) {
	case 0: log2 = 0, n = q << 3 | s << 2 | size; break;
	case 1:
		if (size & 1)
			return false;
		log2 = 1, n = q << 2 | s << 1 | size >> 1;
		break;
	default:
		if (size & 2 || (size == 1 && s))
			return false;
		log2 = size == 1 ? 3 : 2, n = size == 1 ? q : q << 1 | s;
	}
	enum ir_type lane = a64_lane(log2);
	ir_ref base = a64_xsp(t, RN(i)), v[4], after = arg & 0x200 ? post(t, i, base, structure << log2) : 0;
	for (unsigned k = 0; k < structure; k++)
		if (load)
			v[k] = ir_ld(t->r, lane, base, (int64_t)k << log2, a64_memop(t, log2));
		else
			ir_st(t->r, base, (int64_t)k << log2, ir_vgetlane(t->r, lane, a64_v(t, (rt + k) & 31), n), a64_memop(t, log2));
	if (after)
		a64_set_sp(t, RN(i), after);
	for (unsigned k = 0; load && k < structure; k++)
		ir_set(t->r, A64_SLOT_V + ((rt + k) & 31), ir_vec2(t->r, IR_VSETLANE, lane, a64_v(t, (rt + k) & 31), v[k], n));
	return true;
}

bool a64_ldst_rep(T *t, uint32_t i, unsigned arg)
{
	unsigned structure = arg & 15, log2 = a64_field(i, 10, 2), q = a64_q(i);
	enum ir_type lane = a64_lane(log2);
	ir_ref base = a64_xsp(t, RN(i)), v[4], after = arg & 0x200 ? post(t, i, base, structure << log2) : 0;

	for (unsigned k = 0; k < structure; k++)
		v[k] = ir_ld(t->r, lane, base, (int64_t)k << log2, a64_memop(t, log2));
	if (after)
		a64_set_sp(t, RN(i), after);
	for (unsigned k = 0; k < structure; k++)
		a64_set_v(t, (RT(i) + k) & 31, q, ir_vdup(t->r, IR_V128, lane, v[k]));
	return true;
}

/* ---- cryptography ---- */

bool a64_crypto(T *t, uint32_t i, unsigned op)
{
	a64_crypto_init();
	ir_ref v = a64_call(t, A64_H_crypto, a64_v(t, RD(i)), a64_v(t, RN(i)), a64_v(t, RM(i)),
			    a64_imm(t, IR_I32, op | a64_field(i, 12, 2) << 8), 0);

	ir_set(t->r, A64_SLOT_V + RD(i), v);
	return true;
}

bool a64_crypto4(T *t, uint32_t i, unsigned op)
{
	ir_ref n = a64_v(t, RN(i)), m = a64_v(t, RM(i)), v;

	switch (op) {
	case 0: v = ir_vec2(t->r, IR_VXOR, IR_I64, ir_vec2(t->r, IR_VXOR, IR_I64, n, m, 0), a64_v(t, RA(i)), 0); break;
	case 1: v = ir_vec2(t->r, IR_VXOR, IR_I64, n, ir_vec2(t->r, IR_VANDN, IR_I64, m, a64_v(t, RA(i)), 0), 0); break;
	case 2: v = a64_call(t, A64_H_sm3ss1, n, m, a64_v(t, RA(i)), 0, 0); break;
	default: {
		unsigned k = a64_field(i, 10, 6);
		v = ir_vec2(t->r, IR_VXOR, IR_I64, n, m, 0);
		if (k)
			v = ir_vec2(t->r, IR_VOR, IR_I64, ir_vec1(t->r, IR_VSHRI, IR_I64, v, k), ir_vec1(t->r, IR_VSHLI, IR_I64, v, 64 - k), 0);
	}
	}
	ir_set(t->r, A64_SLOT_V + RD(i), v);
	return true;
}
