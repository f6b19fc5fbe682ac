/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Binary floating point of 128 bits (3.0B, book I, 7.6.3) by lib/fpu. FPSCR is brought up to date before and is exact behind. */
#include "isa/ppc/vec.h"

typedef struct fpu_status S;

static f128 take(const V *v)
{
	return (f128){.lo = v->u64[1], .hi = v->u64[0]};
}

static void put(V *v, f128 q)
{
	v->u64[0] = q.hi;
	v->u64[1] = q.lo;
}

static uint64_t fprf(f128 v)
{
	static const uint8_t codes[6][2] = {{0x02, 0x12}, {0x14, 0x18}, {0x04, 0x08}, {0x05, 0x09}, {0x11, 0x11}, {0x11, 0x11}};
	return (uint64_t)codes[f128_class(v)][v.hi >> 63] << 12;
}

/* To 64 bits of significand (xsrqpxp): x87's extended format has the same exponents, and denormals at the same place. */
static f128 to_extended(f128 b, S *st)
{
	if (f128_is_nan(b)) {
		f128 quiet = b;
		if (f128_class(b) == FPU_CLASS_SNAN)
			st->flags |= FPU_INVALID | FPU_INV_SNAN;
		quiet.hi |= 1ull << 47;
		return quiet;
	}
	return f128_from_f80(f80_from_f128(b, st), st);
}

/* *is_double: the result is a double in the left half. */
static f128 number(unsigned op, f128 a, f128 b, f128 x, bool *is_double, S *st)
{
	switch (op) {
	case PPC_Q_ADD: return f128_add(a, b, st);
	case PPC_Q_SUB: return f128_sub(a, b, st);
	case PPC_Q_MUL: return f128_mul(a, b, st);
	case PPC_Q_DIV: return f128_div(a, b, st);
	/* VRA * VRB + VRT */
	case PPC_Q_MADD: return f128_fma(a, b, x, 0, st);
	case PPC_Q_MSUB: return f128_fma(a, b, x, FPU_NEG_ADDEND, st);
	case PPC_Q_NMADD: return f128_fma(a, b, x, FPU_NEG_RESULT, st);
	case PPC_Q_NMSUB: return f128_fma(a, b, x, FPU_NEG_ADDEND | FPU_NEG_RESULT, st);
	case PPC_Q_SQRT: return f128_sqrt(b, st);
	case PPC_Q_RINT: case PPC_Q_RINTX: return f128_rint(b, st->round, op == PPC_Q_RINTX, st);
	case PPC_Q_RXP: return to_extended(b, st);
	case PPC_Q_FROM_DP: return f128_from_f64(b.hi, st);
	case PPC_Q_FROM_SD: return f128_from_int(b.hi, true, st);
	case PPC_Q_FROM_UD: return f128_from_int(b.hi, false, st);
	default: /* TO_DP */
		*is_double = true;
		return (f128){.hi = f64_from_f128(b, st), .lo = 0};
	}
}

static uint64_t integer(unsigned op, f128 b, S *st)
{
	bool word = op == PPC_Q_TO_SW || op == PPC_Q_TO_UW, is_signed = op == PPC_Q_TO_SD || op == PPC_Q_TO_SW;
	uint64_t v;

	if (f128_to_int(b, word ? 32 : 64, is_signed, FPU_ZERO, &v, st) == FPU_INT_NAN)
		v = !is_signed ? 0 : word ? 0xffffffff80000000ull : 1ull << 63;
	return v;
}

/* how: the operation, rounding << 8 */
PPC_FN(quad, V *out, const V *a, const V *b, const V *old, uint32_t how)
{
	struct ppc_cpu *p = ppc_cpu(c);
	unsigned op = how & 255, round = how >> 8;
	bool is_double = false, keep;
	S st = p->fpu;
	V v;

	st.flags = 0;
	st.enabled = (p->fpscr & FPSCR_OE ? FPU_OVERFLOW : 0) | (p->fpscr & FPSCR_UE ? FPU_UNDERFLOW : 0);
	if (round != PPC_Q_GUEST)
		st.round = (uint8_t)round;
	memset(&v, 0, sizeof v);
	if (op >= PPC_Q_TO_SD) {
		v.u64[0] = integer(op, take(b), &st);
		st.flags &= ~(uint32_t)FPU_ROUNDED_UP;
		keep = ppc_fpscr_commit(p, st.flags, PPC_FPRF_STAYS);
	} else {
		f128 r = number(op, take(a), take(b), take(old), &is_double, &st);
		put(&v, r);
		if (op == PPC_Q_RINT)
			st.flags &= ~(uint32_t)FPU_INEXACT;
		keep = ppc_fpscr_commit(p, st.flags, is_double ? ppc_fprf(PPC_FP_NONE, r.hi) : fprf(r));
	}
	*out = keep ? *old : v;
	return 0;
}

/* how: the operation, DCMX << 8. LT GT EQ UN */
PPC_FN(quad_cr, const V *va, const V *vb, uint32_t how)
{
	struct ppc_cpu *p = ppc_cpu(c);
	unsigned op = how & 255, dcmx = how >> 8, bits;
	f128 a = take(va), b = take(vb);
	uint64_t before = p->fpscr, flags;
	enum fpu_relation rel;
	S st = p->fpu;

	st.flags = 0;
	switch (op) {
	case PPC_Q_CMPU:
	case PPC_Q_CMPO:
		rel = f128_compare(a, b, op == PPC_Q_CMPO, &st);
		bits = rel == FPU_LESS ? 8 : rel == FPU_GREATER ? 4 : rel == FPU_EQUAL ? 2 : 1;
		break;
	case PPC_Q_CMPEXP: {
		unsigned x = a.hi >> 48 & 0x7fff, y = b.hi >> 48 & 0x7fff;
		bits = f128_is_nan(a) || f128_is_nan(b) ? 1 : x < y ? 8 : x > y ? 4 : 2;
		break;
	}
	default: { /* DCMX: NaN, +inf, -inf, +0, -0, +denormal, -denormal */
		bool negative = b.hi >> 63, match = false;
		switch (f128_class(b)) {
		case FPU_CLASS_ZERO: match = dcmx >> (negative ? 2 : 3) & 1; break;
		case FPU_CLASS_DENORMAL: match = dcmx >> (negative ? 0 : 1) & 1; break;
		case FPU_CLASS_INFINITE: match = dcmx >> (negative ? 4 : 5) & 1; break;
		case FPU_CLASS_NORMAL: break;
		default: match = dcmx >> 6 & 1;
		}
		bits = (negative ? 8 : 0) | (match ? 2 : 0);
	}
	}
	flags = ppc_fpscr_flags(st.flags);
	/* VXVC comes with a signalling NaN only where VE is 0. */
	if (flags & FPSCR_VXSNAN && before & FPSCR_VE)
		flags &= ~(uint64_t)FPSCR_VXVC;
	p->fpscr = ppc_fpscr_summary(((before | flags) & ~(uint64_t)FPSCR_FPCC) | (uint64_t)bits << 12, before);
	return bits;
}
