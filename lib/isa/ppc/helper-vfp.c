/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * AltiVec's floating point: singles, rounded to nearest, no flags (book I, 6.6). Estimates are as exact as a double's arithmetic
 * makes them.
 */
#include "isa/ppc/vec.h"

typedef struct fpu_status S;
#define ONE32 0x3f800000u
#define INF32 0x7f800000u

static uint32_t bounds(uint32_t a, uint32_t b, S *st)
{
	enum fpu_relation low = f32_compare(a, b ^ 1u << 31, false, st), high = f32_compare(a, b, false, st);

	return (high == FPU_GREATER || high == FPU_UNORDERED ? 1u << 31 : 0) | (low == FPU_LESS || low == FPU_UNORDERED ? 1u << 30 : 0);
}

static uint32_t minmax(uint32_t a, uint32_t b, bool max, S *st)
{
	return f32_minmax(a, b, max ? FPU_MAX : FPU_MIN, st);
}

/* 2^x and log2(x) with twelve good bits, in integers alone. */
static uint32_t power(uint32_t x, S *st)
{
	uint64_t v = 0;
	enum fpu_class k = f32_class(x);

	if (k >= FPU_CLASS_QNAN)
		return x | 1u << 22;
	if (k == FPU_CLASS_INFINITE)
		return x >> 31 ? 0 : x;
	S t = *st;
	/* fixed point with 32 bits of fraction */
	f64 w = f64_scale(f64_from_f32(x, &t), 32, &t);
	enum fpu_int_fate fate = f64_to_int(w, 64, true, FPU_DOWN, &v, &t);
	int64_t whole = fate == FPU_INT_LOW ? -1000 : fate == FPU_INT_HIGH ? 1000 : (int64_t)v >> 32;
	if (whole >= 128)
		return INF32;
	if (whole < -150)
		return 0;
	/* 2^f as a product of roots of two */
	static const uint64_t root[] = {0x16a09e667, 0x1306fe0a3, 0x1172b83c8, 0x10b5586cf, 0x1059b0d31, 0x102c9a3e7, 0x10163da9f, 0x100b1afa6,
					0x10058c86e, 0x1002c605e, 0x100162f39, 0x1000b175f, 0x100058ba0, 0x10002c5cc, 0x1000162e5, 0x10000b172};
	uint64_t p = 1ull << 32;
	for (unsigned n = 0; n < 16; n++)
		if (v >> (31 - n) & 1)
			p = (uint64_t)((unsigned __int128)p * root[n] >> 32);
	return f32_from_f64(f64_scale(f64_from_int(p, false, &t), (int)whole - 32, &t), &t);
}

static uint32_t logarithm(uint32_t x, S *st)
{
	enum fpu_class k = f32_class(x);

	if (k >= FPU_CLASS_QNAN)
		return x | 1u << 22;
	if (k == FPU_CLASS_ZERO)
		return 1u << 31 | INF32;
	if (x >> 31)
		return 0x7fc00000;
	if (k == FPU_CLASS_INFINITE)
		return x;
	S t = *st;
	uint64_t d = f64_from_f32(x, &t), m = ((d & ((1ull << 52) - 1)) | 1ull << 52) >> 20, result = 0; /* 1.0 is 2^32 */
	int e = (int)(d >> 52 & 2047) - 1023;
	for (unsigned n = 0; n < 32; n++) {
		m = (uint64_t)((unsigned __int128)m * m >> 32);
		result <<= 1;
		if (m >> 33) {
			result |= 1;
			m >>= 1;
		}
	}
	return f32_from_f64(f64_scale(f64_from_int((uint64_t)((int64_t)e * (1ll << 32) + (int64_t)result), true, &t), -32, &t), &t);
}

static uint32_t element(unsigned op, uint32_t a, uint32_t b, uint32_t x, S *st)
{
	enum fpu_relation rel;
	S wide;

	switch (op) {
	case PPC_V_ADDFP: return f32_add(a, b, st);
	case PPC_V_SUBFP: return f32_sub(a, b, st);
	/* the manual's operands: VRA * VRC + VRB */
	case PPC_V_MADDFP: return f32_fma(a, x, b, 0, st);
	case PPC_V_NMSUBFP: return f32_fma(a, x, b, FPU_NEG_ADDEND | FPU_NEG_RESULT, st);
	case PPC_V_MAXFP: return minmax(a, b, true, st);
	case PPC_V_MINFP: return minmax(a, b, false, st);
	case PPC_V_RFIN: return f32_rint(b, FPU_NEAREST, false, st);
	case PPC_V_RFIZ: return f32_rint(b, FPU_ZERO, false, st);
	case PPC_V_RFIP: return f32_rint(b, FPU_UP, false, st);
	case PPC_V_RFIM: return f32_rint(b, FPU_DOWN, false, st);
	case PPC_V_REFP: return f32_div(ONE32, b, st);
	case PPC_V_RSQRTEFP: {
		if (!(b << 1))
			return (b & 1u << 31) | INF32;
		wide = *st;
		f64 root = f64_sqrt(f64_from_f32(b, &wide), &wide);
		return f32_from_f64(f64_div(0x3ff0000000000000ull, root, &wide), &wide);
	}
	case PPC_V_EXPTEFP: return power(b, st);
	case PPC_V_LOGEFP: return logarithm(b, st);
	case PPC_V_CMPBFP: return bounds(a, b, st);
	}
	rel = f32_compare(a, b, false, st);
	switch (op) {
	case PPC_V_CMPEQFP: return rel == FPU_EQUAL ? ~0u : 0;
	case PPC_V_CMPGTFP: return rel == FPU_GREATER ? ~0u : 0;
	default: return rel == FPU_GREATER || rel == FPU_EQUAL ? ~0u : 0; /* CMPGEFP */
	}
}

PPC_FN(vec_fp, V *out, const V *a, const V *b, const V *x, uint32_t op)
{
	S st = ppc_cpu(c)->vector_fpu;
	V v;

	memset(&v, 0, sizeof v);
	for (unsigned n = 0; n < 4; n++)
		v.u32[n] = element(op, a->u32[n], b->u32[n], x->u32[n], &st);
	*out = v;
	return 0;
}

/* Between fixed and floating point with `scale` bits of fraction. */
PPC_FN(vec_convert, V *out, const V *b, uint32_t op, uint32_t scale)
{
	struct ppc_cpu *p = ppc_cpu(c);
	S st = p->vector_fpu;
	bool is_signed = op == PPC_V_CTSXS || op == PPC_V_CFSX;
	V v;

	memset(&v, 0, sizeof v);
	for (unsigned n = 0; n < 4; n++) {
		uint32_t w = b->u32[n];
		if (op == PPC_V_CFSX || op == PPC_V_CFUX) {
			f64 d = f64_from_int(is_signed ? (uint64_t)(int64_t)(int32_t)w : w, is_signed, &st);
			v.u32[n] = f32_from_f64(f64_scale(d, -(int)scale, &st), &st);
		} else {
			uint64_t i = 0;
			f64 d = f64_from_f32(w, &st);
			enum fpu_int_fate fate = f64_to_int(f64_scale(d, (int)scale, &st), 32, is_signed, FPU_ZERO, &i, &st);
			if (fate != FPU_INT_OK && fate != FPU_INT_NAN) /* a NaN is 0 and does not saturate: 6.10.3 */
				p->vscr |= VSCR_SAT;
			v.u32[n] = (uint32_t)i;
		}
	}
	*out = v;
	return 0;
}
