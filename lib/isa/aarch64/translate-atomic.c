/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Exclusive, ordered and atomic accesses. The monitor is an address and the value that was read: a store-exclusive is a
 * compare and swap with it, so that another thread's store of the same value in between goes unnoticed, which no program can
 * tell from none. The host orders everything but a load behind a store: a store-release is followed by a fence,
 * since a later load-acquire may not pass it.
 */
#include "isa/aarch64/translate.h"

#define EXCLUSIVE offsetof(struct a64_cpu, exclusive)
#define VALUE(n) ((uint32_t)offsetof(struct a64_cpu, exclusive_value) + 8 * (n))

static const uint8_t types[] = {IR_I8, IR_I16, IR_I32, IR_I64};

static ir_ref of_size(T *t, unsigned log2, unsigned n)
{
	return ir_zext(t->r, types[log2], a64_x(t, n));
}

/* Those narrower than the type they travel in: alignment is demanded of all. */
#define RAW(log2) ((log2) | (log2) << IR_MEM_ALIGN_SHIFT | IR_MEM_ATOMIC)
#define MEMOP(log2) (a64_memop(t, log2) | RAW(log2))

bool a64_ldxr(T *t, uint32_t i, unsigned acquire)
{
	unsigned log2 = i >> 30;
	ir_ref at = a64_xsp(t, RN(i));
	ir_ref v = ir_ld(t->r, types[log2], at, 0, MEMOP(log2) | (acquire ? IR_MEM_ACQUIRE : 0));

	ir_sts(t->r, at, EXCLUSIVE);
	ir_sts(t->r, ir_zext(t->r, IR_I64, v), VALUE(0));
	a64_set(t, RT(i), v);
	return true;
}

bool a64_stxr(T *t, uint32_t i, unsigned release)
{
	unsigned log2 = i >> 30, status = ir_local(t->r, IR_I32), out = ir_label(t->r);
	ir_ref at = a64_xsp(t, RN(i)), v = of_size(t, log2, RT(i)), old, expected;

	(void)release;
	ir_set(t->r, status, a64_imm(t, IR_I32, 1));
	ir_brcond(t->r, IR_NE, at, ir_lds(t->r, IR_I64, EXCLUSIVE), out);
	expected = ir_zext(t->r, types[log2], ir_lds(t->r, IR_I64, VALUE(0)));
	old = ir_cmpxchg(t->r, at, 0, expected, v, MEMOP(log2));
	ir_set(t->r, status, ir_setcond(t->r, IR_I32, IR_NE, old, expected));
	ir_place(t->r, out);
	ir_sts(t->r, a64_imm(t, IR_I64, ~0ull), EXCLUSIVE);
	a64_set(t, RM(i), ir_get(t->r, status));
	return true;
}

/*
 * A pair is one access, in which the first register has the lower address whatever the order of bytes: the access is little-endian and
 * each register's part is turned round.
 */
static ir_ref part(T *t, ir_ref v) { return t->be ? ir_unary(t->r, IR_BSWAP, v) : v; }

static ir_ref word_pair(T *t, unsigned a, unsigned b)
{
	return ir_or(t->r, ir_zext(t->r, IR_I64, part(t, a64_w(t, a))), ir_shl_imm(t->r, ir_zext(t->r, IR_I64, part(t, a64_w(t, b))), 32));
}

static ir_ref wide_pair(T *t, unsigned a, unsigned b)
{
	return ir_concat(t->r, IR_I128, part(t, a64_x(t, a)), part(t, a64_x(t, b)));
}

bool a64_ldxp(T *t, uint32_t i, unsigned acquire)
{
	ir_ref at = a64_xsp(t, RN(i)), a, b;

	(void)acquire;
	if (i >> 30 & 1) {
		ir_ref v = ir_ld(t->r, IR_I128, at, 0, RAW(4u));
		a = ir_part(t->r, v, 0);
		b = ir_part(t->r, v, 1);
		ir_sts(t->r, a, VALUE(0));
		ir_sts(t->r, b, VALUE(1));
	} else {
		ir_ref v = ir_ld(t->r, IR_I64, at, 0, RAW(3u));
		ir_sts(t->r, v, VALUE(0));
		a = ir_zext(t->r, IR_I32, v);
		b = ir_zext(t->r, IR_I32, ir_shr_imm(t->r, v, 32));
	}
	ir_sts(t->r, at, EXCLUSIVE);
	a64_set(t, RT(i), part(t, a));
	a64_set(t, RA(i), part(t, b));
	return true;
}

bool a64_stxp(T *t, uint32_t i, unsigned release)
{
	unsigned status = ir_local(t->r, IR_I32), out = ir_label(t->r);
	bool wide = i >> 30 & 1;
	ir_ref at = a64_xsp(t, RN(i)), v, old, expected;

	(void)release;
	v = wide ? wide_pair(t, RT(i), RA(i)) : word_pair(t, RT(i), RA(i));
	ir_set(t->r, status, a64_imm(t, IR_I32, 1));
	ir_brcond(t->r, IR_NE, at, ir_lds(t->r, IR_I64, EXCLUSIVE), out);
	if (wide) {
		ir_ref lo = ir_lds(t->r, IR_I64, VALUE(0)), hi = ir_lds(t->r, IR_I64, VALUE(1));
		expected = ir_concat(t->r, IR_I128, lo, hi);
		old = ir_cmpxchg(t->r, at, 0, expected, v, RAW(4u));
		ir_ref differs = ir_or(t->r, ir_xor(t->r, ir_part(t->r, old, 0), lo), ir_xor(t->r, ir_part(t->r, old, 1), hi));
		ir_set(t->r, status, ir_setcond(t->r, IR_I32, IR_NE, differs, a64_imm(t, IR_I64, 0)));
	} else {
		expected = ir_lds(t->r, IR_I64, VALUE(0));
		old = ir_cmpxchg(t->r, at, 0, expected, v, RAW(3u));
		ir_set(t->r, status, ir_setcond(t->r, IR_I32, IR_NE, old, expected));
	}
	ir_place(t->r, out);
	ir_sts(t->r, a64_imm(t, IR_I64, ~0ull), EXCLUSIVE);
	a64_set(t, RM(i), ir_get(t->r, status));
	return true;
}

bool a64_ldar(T *t, uint32_t i, unsigned arg)
{
	unsigned log2 = i >> 30;

	(void)arg;
	a64_set(t, RT(i), ir_ld(t->r, types[log2], a64_xsp(t, RN(i)), 0, MEMOP(log2) | IR_MEM_ACQUIRE));
	return true;
}

bool a64_stlr(T *t, uint32_t i, unsigned arg)
{
	unsigned log2 = i >> 30;

	(void)arg;
	ir_st(t->r, a64_xsp(t, RN(i)), 0, of_size(t, log2, RT(i)), MEMOP(log2) | IR_MEM_RELEASE);
	ir_fence(t->r, IR_FENCE_ALL);
	return true;
}

bool a64_cas(T *t, uint32_t i, unsigned arg)
{
	unsigned log2 = i >> 30;

	(void)arg;
	a64_set(t, RM(i), ir_cmpxchg(t->r, a64_xsp(t, RN(i)), 0, of_size(t, log2, RM(i)), of_size(t, log2, RT(i)), MEMOP(log2)));
	return true;
}

bool a64_casp(T *t, uint32_t i, unsigned arg)
{
	unsigned s = RM(i), rt = RT(i);
	ir_ref at = a64_xsp(t, RN(i)), old;

	(void)arg;
	if ((s | rt) & 1)
		return false;
	if (i >> 30 & 1) {
		old = ir_cmpxchg(t->r, at, 0, wide_pair(t, s, s + 1), wide_pair(t, rt, rt + 1), RAW(4u));
		ir_ref lo = part(t, ir_part(t->r, old, 0)), hi = part(t, ir_part(t->r, old, 1));
		a64_set(t, s, lo);
		a64_set(t, s + 1, hi);
	} else {
		old = ir_cmpxchg(t->r, at, 0, word_pair(t, s, s + 1), word_pair(t, rt, rt + 1), RAW(3u));
		ir_ref lo = part(t, ir_zext(t->r, IR_I32, old)), hi = part(t, ir_zext(t->r, IR_I32, ir_shr_imm(t->r, old, 32)));
		a64_set(t, s, lo);
		a64_set(t, s + 1, hi);
	}
	return true;
}

/* Rs: operand, Rt: what was there; without acquire and with Rt 31 only the store counts. */
bool a64_atomic(T *t, uint32_t i, unsigned op)
{
	unsigned log2 = i >> 30;
	ir_ref v = of_size(t, log2, RM(i));

	if (op == IR_FETCH_AND)
		v = ir_not(t->r, v); /* LDCLR */
	a64_set(t, RT(i), ir_atomic(t->r, op, a64_xsp(t, RN(i)), 0, v, MEMOP(log2)));
	return true;
}
