/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Vector operations on integer lanes, element by element. */
#include "jit/eval.h"

#define LANES(bits, FIELD, n, one)                                                                                    \
	for (unsigned i = 0; i < (n) / (bits / 8); i++)                                                               \
		one;

#define IR_INT1(...)
#define IR_INT2(...)
#define IR_VEC1(NAME, text, flags, expr)                                                                              \
	static void eval_##NAME(unsigned lane, unsigned n, const union ir_value *v, union ir_value *d)                \
	{                                                                                                             \
		switch (lane) {                                                                                       \
		case IR_I8: LANES(8, u8, n, IR_ELEMENT1(8, v[0].u8[i], d->u8[i], expr)) break;                        \
		case IR_I16: LANES(16, u16, n, IR_ELEMENT1(16, v[0].u16[i], d->u16[i], expr)) break;                  \
		case IR_I32: LANES(32, u32, n, IR_ELEMENT1(32, v[0].u32[i], d->u32[i], expr)) break;                  \
		case IR_I64: LANES(64, u64, n, IR_ELEMENT1(64, v[0].u64[i], d->u64[i], expr)) break;                  \
		}                                                                                                     \
	}
#define IR_VEC2(NAME, text, flags, expr)                                                                              \
	static void eval_##NAME(unsigned lane, unsigned n, const union ir_value *v, union ir_value *d)                \
	{                                                                                                             \
		switch (lane) {                                                                                       \
		case IR_I8: LANES(8, u8, n, IR_ELEMENT2(8, v[0].u8[i], v[1].u8[i], d->u8[i], expr)) break;            \
		case IR_I16: LANES(16, u16, n, IR_ELEMENT2(16, v[0].u16[i], v[1].u16[i], d->u16[i], expr)) break;     \
		case IR_I32: LANES(32, u32, n, IR_ELEMENT2(32, v[0].u32[i], v[1].u32[i], d->u32[i], expr)) break;     \
		case IR_I64: LANES(64, u64, n, IR_ELEMENT2(64, v[0].u64[i], v[1].u64[i], d->u64[i], expr)) break;     \
		}                                                                                                     \
	}
#include "jit/ops.def"

/* Lane i of v, of `size` bytes; zero- or sign-extended. */
static uint64_t lane_get(const union ir_value *v, unsigned size, unsigned i)
{
	uint64_t r = 0;
	memcpy(&r, v->u8 + size * i, size);
	return r;
}

static int64_t lane_gets(const union ir_value *v, unsigned size, unsigned i)
{
	uint64_t r = lane_get(v, size, i);
	return (int64_t)(r << (64 - size * 8)) >> (64 - size * 8);
}

static void lane_put(union ir_value *v, unsigned size, unsigned i, uint64_t x)
{
	memcpy(v->u8 + size * i, &x, size);
}

static void shift(const struct ir_op *op, const union ir_value *v, union ir_value *d)
{
	unsigned size = ir_type_bytes[op->aux], w = size * 8, n = ir_type_bytes[op->type] / size;
	uint64_t k = op->imm;

	for (unsigned i = 0; i < n; i++) {
		uint64_t x = lane_get(v, size, i);
		if (op->op == IR_VSHLI)
			x = k < w ? x << k : 0;
		else if (op->op == IR_VSHRI)
			x = k < w ? x >> k : 0;
		else
			x = (uint64_t)(lane_gets(v, size, i) >> (k < w ? k : w - 1));
		lane_put(d, size, i, x);
	}
}

static void pack(const struct ir_op *op, const union ir_value *v, union ir_value *d)
{
	unsigned size = ir_type_bytes[op->aux], n = ir_type_bytes[op->type] / size, w = size * 4;

	for (unsigned i = 0; i < 2 * n; i++) {
		const union ir_value *s = &v[i >= n];
		unsigned k = i % n;
		int64_t x = lane_gets(s, size, k);
		if (op->op == IR_VPACKSS)
			x = (int64_t)ir_sats(x, w);
		else if (op->op == IR_VPACKSU)
			x = (int64_t)ir_satu(x, w);
		else if (op->op == IR_VPACKUU)
			x = (int64_t)(uint64_t)ir_satu((__int128)lane_get(s, size, k), w);
		lane_put(d, size / 2, i, (uint64_t)x);
	}
}

static void widen(const struct ir_op *op, const union ir_value *v, union ir_value *d)
{
	unsigned size = ir_type_bytes[op->aux], n = ir_type_bytes[op->type] / size;
	bool high = op->op == IR_VWIDENHIU || op->op == IR_VWIDENHIS;
	bool sign = op->op == IR_VWIDENLOS || op->op == IR_VWIDENHIS;

	for (unsigned i = 0; i < n / 2; i++) {
		unsigned k = i + (high ? n / 2 : 0);
		lane_put(d, size * 2, i, sign ? (uint64_t)lane_gets(v, size, k) : lane_get(v, size, k));
	}
}

static uint64_t reduce(const struct ir_op *op, unsigned src, const union ir_value *v)
{
	unsigned size = ir_type_bytes[op->type], n = ir_type_bytes[src] / size;
	uint64_t u = lane_get(v, size, 0), r = u;
	int64_t rs = lane_gets(v, size, 0);

	for (unsigned i = 1; i < n; i++) {
		int64_t s = lane_gets(v, size, i);
		u = lane_get(v, size, i);
		switch (op->op) {
		case IR_VREDADD: r += u; break;
		case IR_VREDMAXU: r = u > r ? u : r; break;
		case IR_VREDMINU: r = u < r ? u : r; break;
		case IR_VREDMAXS: rs = s > rs ? s : rs; break;
		default: rs = s < rs ? s : rs; break;
		}
	}
	return (op->op == IR_VREDMAXS || op->op == IR_VREDMINS ? (uint64_t)rs : r) & ir_mask(op->type);
}

/* Bytes of several vectors in a row, chosen by number. */
static void table(const union ir_value *v, unsigned vectors, unsigned bytes, const union ir_value *index, union ir_value *d)
{
	for (unsigned i = 0; i < bytes; i++) {
		unsigned k = index->u8[i];
		d->u8[i] = k < bytes * vectors ? v[k / bytes].u8[k % bytes] : 0;
	}
}

bool ir_eval_vec(const struct ir_op *op, unsigned src, const union ir_value *v, union ir_value *d)
{
	unsigned bytes = ir_type_bytes[op->type], size = ir_type_bytes[op->aux < IR_TYPES ? op->aux : 0];
	unsigned n = size ? bytes / size : 0;

	switch (op->op) {
#define IR_INT1(...)
#define IR_INT2(...)
#define IR_VEC1(NAME, text, flags, expr)                                                                              \
	case IR_##NAME:                                                                                               \
		eval_##NAME(op->aux, bytes, v, d);                                                                    \
		return true;
#define IR_VEC2(NAME, text, flags, expr) IR_VEC1(NAME, text, flags, expr)
#include "jit/ops.def"
	case IR_VSHLI:
	case IR_VSHRI:
	case IR_VSARI:
		shift(op, v, d);
		return true;
	case IR_VBITSEL:
		for (unsigned i = 0; i < bytes / 8; i++)
			d->u64[i] = (v[0].u64[i] & v[1].u64[i]) | (~v[0].u64[i] & v[2].u64[i]);
		return true;
	case IR_VDUP:
		for (unsigned i = 0; i < n; i++)
			memcpy(d->u8 + size * i, v, size);
		return true;
	case IR_VSETLANE:
		memcpy(d, v, bytes);
		if (op->imm < n)
			memcpy(d->u8 + size * op->imm, &v[1], size);
		return true;
	case IR_VGETLANE:
		if ((op->imm + 1) * bytes <= ir_type_bytes[src])
			memcpy(d, v->u8 + bytes * op->imm, bytes);
		return true;
	case IR_VRESIZE:
		memcpy(d, v, bytes < ir_type_bytes[src] ? bytes : ir_type_bytes[src]);
		return true;
	case IR_VCONCAT:
		memcpy(d, v, bytes / 2);
		memcpy(d->u8 + bytes / 2, &v[1], bytes / 2);
		return true;
	case IR_VTBL:
		table(v, 1, bytes, &v[1], d);
		return true;
	case IR_VTBL2:
		table(v, 2, bytes, &v[2], d);
		return true;
	case IR_VEXT:
		for (unsigned i = 0; i < bytes; i++) {
			uint64_t k = i + op->imm;
			d->u8[i] = k < bytes ? v[0].u8[k] : k < 2 * bytes ? v[1].u8[k - bytes] : 0;
		}
		return true;
	case IR_VZIPLO:
	case IR_VZIPHI:
		for (unsigned i = 0; i < n; i++)
			lane_put(d, size, i, lane_get(&v[i & 1], size, i / 2 + (op->op == IR_VZIPHI ? n / 2 : 0)));
		return true;
	case IR_VUZPE:
	case IR_VUZPO:
		for (unsigned i = 0; i < n; i++) {
			unsigned k = 2 * i + (op->op == IR_VUZPO);
			lane_put(d, size, i, lane_get(&v[k >= n], size, k % n));
		}
		return true;
	case IR_VPACK:
	case IR_VPACKSS:
	case IR_VPACKSU:
	case IR_VPACKUU:
		pack(op, v, d);
		return true;
	case IR_VWIDENLOU:
	case IR_VWIDENLOS:
	case IR_VWIDENHIU:
	case IR_VWIDENHIS:
		widen(op, v, d);
		return true;
	case IR_VPADD:
		for (unsigned i = 0; i < n; i++) {
			unsigned k = 2 * i;
			const union ir_value *s = &v[k >= n];
			lane_put(d, size, i, lane_get(s, size, k % n) + lane_get(s, size, k % n + 1));
		}
		return true;
	case IR_VREDADD:
	case IR_VREDMAXU:
	case IR_VREDMINU:
	case IR_VREDMAXS:
	case IR_VREDMINS:
		d->u64[0] = reduce(op, src, v);
		return true;
	case IR_VMSB:
		for (unsigned i = 0; i < ir_type_bytes[src] / size; i++)
			d->u64[0] |= (lane_get(v, size, i) >> (size * 8 - 1)) << i;
		d->u64[0] &= ir_mask(op->type);
		return true;
	case IR_VFNEG:
	case IR_VFABS:
		for (unsigned i = 0; i < n; i++) {
			uint64_t x = lane_get(v, size, i), sign = 1ull << (size * 8 - 1);
			lane_put(d, size, i, op->op == IR_VFNEG ? x ^ sign : x & ~sign);
		}
		return true;
	}
	return false;
}
