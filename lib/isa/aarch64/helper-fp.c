/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Floating point in C: half precision, estimates and steps (Arm ARM, shared/functions/float), conversions. Half precision has a
 * flush bit of its own, and conversions from and to it never flush (FPUnpackCV()).
 */
#include <string.h>
#include "isa/aarch64/translate.h"

typedef union ir_value V;
typedef struct fpu_status S;

/* The status for an operation on a format: FZ16 for half precision, FZ for the others. */
static S *enter(struct cpu *cc, S *copy, unsigned log2)
{
	struct a64_cpu *c = a64_cpu(cc);

	*copy = c->fpu;
	copy->flags = 0;
	if (log2 == 1) {
		bool flush = c->fpcr & A64_FPCR_FZ16;
		copy->flush = flush ? FPU_FLUSH_ARM : FPU_FLUSH_NONE;
		copy->flush_inputs = flush;
	}
	return copy;
}

static void leave(struct cpu *c, const S *copy, unsigned log2)
{
	/* Denormal halves are flushed silently. */
	a64_cpu(c)->fpu.flags |= copy->flags & ~(log2 == 1 ? (uint32_t)FPU_FLUSHED_IN : 0u);
}

static uint64_t get(const V *v, unsigned log2, unsigned n)
{
	return log2 == 1 ? v->u16[n] : log2 == 2 ? v->u32[n] : v->u64[n];
}

static void put(V *v, unsigned log2, unsigned n, uint64_t x)
{
	if (log2 == 1)
		v->u16[n] = (uint16_t)x;
	else if (log2 == 2)
		v->u32[n] = (uint32_t)x;
	else
		v->u64[n] = x;
}

/* By format: f16, f32 or f64. */
#define BY(log2, call) ((log2) == 1 ? call(f16, uint16_t) : (log2) == 2 ? call(f32, uint32_t) : call(f64, uint64_t))

static unsigned fraction_bits(unsigned log2) { return log2 == 1 ? 10 : log2 == 2 ? 23 : 52; }
static unsigned exponent_bits(unsigned log2) { return log2 == 1 ? 5 : log2 == 2 ? 8 : 11; }
static uint64_t sign_bit(unsigned log2) { return 1ull << ((8u << log2) - 1); }
static uint64_t infinity(unsigned log2) { return ((1ull << exponent_bits(log2)) - 1) << fraction_bits(log2); }

static uint64_t arith(unsigned op, unsigned log2, uint64_t a, uint64_t b, S *st)
{
#define ADD_(T, U) (uint64_t)T##_add((U)a, (U)b, st)
#define SUB_(T, U) (uint64_t)T##_sub((U)a, (U)b, st)
#define MUL_(T, U) (uint64_t)T##_mul((U)a, (U)b, st)
#define DIV_(T, U) (uint64_t)T##_div((U)a, (U)b, st)
	switch (op) {
	case A64_FP_ADD: return BY(log2, ADD_);
	case A64_FP_SUB: return BY(log2, SUB_);
	case A64_FP_MUL: return BY(log2, MUL_);
	default: return BY(log2, DIV_);
	}
}

static uint64_t minmax(unsigned log2, uint64_t a, uint64_t b, unsigned kind, S *st)
{
#define MINMAX_(T, U) (uint64_t)T##_minmax((U)a, (U)b, kind, st)
	return BY(log2, MINMAX_);
}

static uint64_t multiply_add(unsigned log2, uint64_t a, uint64_t b, uint64_t d, S *st)
{
#define FMA_(T, U) (uint64_t)T##_fma((U)a, (U)b, (U)d, 0, st)
	return BY(log2, FMA_);
}

static enum fpu_class class_of(unsigned log2, uint64_t a)
{
#define CLASS_(T, U) T##_class((U)a)
	return BY(log2, CLASS_);
}

static enum fpu_relation compare(unsigned log2, uint64_t a, uint64_t b, bool signalling, S *st)
{
#define COMPARE_(T, U) T##_compare((U)a, (U)b, signalling, st)
	return BY(log2, COMPARE_);
}

static bool is_nan(enum fpu_class k) { return k == FPU_CLASS_QNAN || k == FPU_CLASS_SNAN; }

/* a as an operand: flushed where that is asked for. */
static uint64_t flushed(unsigned log2, uint64_t a, S *st)
{
	if (st->flush_inputs && class_of(log2, a) == FPU_CLASS_DENORMAL) {
		st->flags |= FPU_FLUSHED_IN;
		return a & sign_bit(log2);
	}
	return a;
}

static uint64_t constant(unsigned log2, unsigned which) /* 0: 2.0, 1: 3.0, 2: 1.5 */
{
	unsigned f = fraction_bits(log2);
	uint64_t bias = (1ull << (exponent_bits(log2) - 1)) - 1;
	return which == 0 ? (bias + 1) << f : which == 1 ? (bias + 1) << f | 1ull << (f - 1) : bias << f | 1ull << (f - 1);
}

/* FPMulX, FPRecipStepFused, FPRSqrtStepFused: infinity by zero is 2, 2.0 or 1.5, and nothing is invalid. */
static uint64_t mulx(unsigned log2, uint64_t a, uint64_t b, S *st)
{
	uint64_t x = flushed(log2, a, st), y = flushed(log2, b, st), inf = infinity(log2), s = sign_bit(log2);

	if (((x & ~s) == inf && !(y & ~s)) || ((y & ~s) == inf && !(x & ~s)))
		return ((x ^ y) & s) | constant(log2, 0);
	return arith(A64_FP_MUL, log2, a, b, st);
}

static uint64_t step(unsigned op, unsigned log2, uint64_t a, uint64_t b, S *st)
{
	uint64_t s = sign_bit(log2), inf = infinity(log2), x, y;

	a ^= s;
	x = flushed(log2, a, st);
	y = flushed(log2, b, st);
	if (!is_nan(class_of(log2, x)) && !is_nan(class_of(log2, y)) &&
	    (((x & ~s) == inf && !(y & ~s)) || ((y & ~s) == inf && !(x & ~s))))
		return constant(log2, op == A64_FP_RECPS ? 0 : 2);
	uint32_t before = st->flags;
	/* The NaN of three operands is chosen among the first two alone: the third is a constant. */
	uint64_t r = multiply_add(log2, x, y, constant(log2, op == A64_FP_RECPS ? 0 : 1), st);
	if (op == A64_FP_RECPS || is_nan(class_of(log2, r)) || (x & ~s) == inf || (y & ~s) == inf)
		return r;
	/* (3 - a * b) / 2 with one rounding: in a wider format, to odd, then halved and rounded. */
	S exact = *st;
	exact.round = FPU_ODD;
	exact.flush = FPU_FLUSH_NONE;
	exact.flush_inputs = false;
	exact.flags = 0;
	f128 wx, wy, w3;
	if (log2 == 1)
		wx = f128_from_f16((f16)x, &exact), wy = f128_from_f16((f16)y, &exact), w3 = f128_from_f16((f16)constant(1, 1), &exact);
	else if (log2 == 2)
		wx = f128_from_f32((f32)x, &exact), wy = f128_from_f32((f32)y, &exact), w3 = f128_from_f32((f32)constant(2, 1), &exact);
	else
		wx = f128_from_f64(x, &exact), wy = f128_from_f64(y, &exact), w3 = f128_from_f64(constant(3, 1), &exact);
	f128 wide = f128_scale(f128_fma(wx, wy, w3, 0, &exact), -1, &exact);
	if (f128_class(wide) == FPU_CLASS_ZERO)
		return r; /* which has the sign that the rounding gives an exact zero */
	S last = *st;
	last.flags = 0;
	uint64_t out = log2 == 1 ? f16_from_f128(wide, &last) : log2 == 2 ? f32_from_f128(wide, &last) : f64_from_f128(wide, &last);
	st->flags = before | (st->flags & ~(uint32_t)(FPU_INEXACT | FPU_OVERFLOW | FPU_UNDERFLOW)) | last.flags;
	return out;
}

/* ---- estimates ---- */

static uint64_t default_or_quiet(unsigned log2, uint64_t a, S *st)
{
	/* 0 + NaN processes it as the rules say. */
	return arith(A64_FP_ADD, log2, a, a, st);
}

static uint64_t recpe(unsigned log2, uint64_t a, S *st)
{
	unsigned f = fraction_bits(log2), e = exponent_bits(log2);
	uint64_t s = sign_bit(log2), sign = a & s, inf = infinity(log2), bias = (1ull << (e - 1)) - 1;

	if (is_nan(class_of(log2, a)))
		return default_or_quiet(log2, a, st);
	a = flushed(log2, a, st);
	if ((a & ~s) == inf)
		return sign;
	if (!(a & ~s)) {
		st->flags |= FPU_DIVZERO;
		return sign | inf;
	}
	/* |a| < 2^-(emax + 1): the reciprocal overflows */
	if ((a & ~s) < 1ull << (f - 2)) {
		bool up = st->round == FPU_NEAREST || (st->round == FPU_UP && !sign) || (st->round == FPU_DOWN && sign);
		st->flags |= FPU_OVERFLOW | FPU_INEXACT;
		return sign | (up ? inf : inf - 1);
	}
	uint64_t exp = (a & ~s) >> f, fraction = (a & ((1ull << f) - 1)) << (52 - f);
	if (st->flush != FPU_FLUSH_NONE && exp >= 2 * bias - 1) { /* the result would be denormal */
		st->flags |= FPU_UNDERFLOW;
		return sign;
	}
	int64_t x = (int64_t)exp;
	if (!exp) {
		if (!(fraction >> 51)) {
			x = -1;
			fraction = fraction << 2 & ((1ull << 52) - 1);
		} else {
			fraction = fraction << 1 & ((1ull << 52) - 1);
		}
	}
	uint32_t scaled = 256 | (uint32_t)(fraction >> 44), estimate = ((1u << 19) / (scaled * 2 + 1) + 1) / 2;
	int64_t out = (int64_t)(2 * bias - 1) - x;
	fraction = (uint64_t)(estimate & 255) << 44;
	if (out == 0)
		fraction = 1ull << 51 | fraction >> 1;
	else if (out == -1)
		fraction = 1ull << 50 | fraction >> 2, out = 0;
	return sign | (uint64_t)out << f | fraction >> (52 - f);
}

static uint64_t rsqrte(unsigned log2, uint64_t a, S *st)
{
	unsigned f = fraction_bits(log2), e = exponent_bits(log2);
	uint64_t s = sign_bit(log2), inf = infinity(log2), bias = (1ull << (e - 1)) - 1;

	if (is_nan(class_of(log2, a)))
		return default_or_quiet(log2, a, st);
	a = flushed(log2, a, st);
	if (!(a & ~s)) {
		st->flags |= FPU_DIVZERO;
		return (a & s) | inf;
	}
	if (a & s) {
		st->flags |= FPU_INVALID;
		return log2 == 1 ? f16_default_nan(st) : log2 == 2 ? f32_default_nan(st) : f64_default_nan(st);
	}
	if (a == inf)
		return 0;
	int64_t exp = (int64_t)(a >> f);
	uint64_t fraction = (a & ((1ull << f) - 1)) << (52 - f);
	if (!exp) {
		while (!(fraction >> 51 & 1)) {
			fraction <<= 1;
			exp--;
		}
		fraction = fraction << 1 & ((1ull << 52) - 1);
	}
	uint32_t scaled = exp & 1 ? 128 | (uint32_t)(fraction >> 45) : 256 | (uint32_t)(fraction >> 44), b = 512;
	int64_t out = ((int64_t)(3 * bias - 1) - exp) >> 1;
	scaled = scaled < 256 ? scaled * 2 + 1 : ((scaled >> 1 << 1) + 1) * 2;
	while (scaled * (b + 1) * (b + 1) < 1u << 28)
		b++;
	return (uint64_t)out << f | (uint64_t)((b + 1) / 2 & 255) << (f - 8);
}

/* FPRecpX(): the exponent inverted. */
static uint64_t recpx(unsigned log2, uint64_t a, S *st)
{
	unsigned f = fraction_bits(log2);
	uint64_t s = sign_bit(log2), exp, ones = (1ull << exponent_bits(log2)) - 1;

	if (is_nan(class_of(log2, a)))
		return default_or_quiet(log2, a, st);
	a = flushed(log2, a, st);
	exp = (a & ~s) >> f;
	return (a & s) | (exp ? ~exp & ones : ones - 1) << f;
}

/* FRINT32 and FRINT64: what does not fit becomes the least integer, invalid. */
static uint64_t rint_to(unsigned log2, uint64_t a, unsigned bits, enum fpu_round round, S *st)
{
	uint64_t out;
	S probe = *st;

	probe.flags = 0;
	enum fpu_int_fate fate = log2 == 2 ? f32_to_int((f32)a, bits, true, round, &out, &probe) : f64_to_int(a, bits, true, round, &out, &probe);
	if (fate != FPU_INT_OK) {
		st->flags |= FPU_INVALID | (probe.flags & FPU_FLUSHED_IN);
		return log2 == 2 ? (bits == 32 ? 0xcf000000 : 0xdf000000) : bits == 32 ? 0xc1e0000000000000 : 0xc3e0000000000000;
	}
	return log2 == 2 ? f32_rint((f32)a, round, true, st) : f64_rint(a, round, true, st);
}

static const uint8_t rounds[] = {FPU_NEAREST, FPU_DOWN, FPU_UP, FPU_ZERO, FPU_AWAY};
static const uint8_t int_rounds[] = {FPU_NEAREST, FPU_DOWN, FPU_AWAY, FPU_UP, FPU_ZERO};

static uint64_t to_int(unsigned log2, uint64_t a, bool sign, enum fpu_round round, S *st)
{
	uint64_t out = 0;
	unsigned bits = 8u << log2;
#define TOINT_(T, U) T##_to_int((U)a, bits, sign, round, &out, st)
	(void)BY(log2, TOINT_);
	return bits == 64 ? out : out & ((1ull << bits) - 1);
}

static uint64_t from_int(unsigned log2, uint64_t v, bool sign, S *st)
{
#define FROMINT_(T, U) (uint64_t)T##_from_int(v, sign, st)
	return BY(log2, FROMINT_);
}

static uint64_t widened(unsigned log2, uint64_t v, bool sign)
{
	if (log2 == 1)
		return sign ? (uint64_t)(int64_t)(int16_t)v : (uint16_t)v;
	return log2 == 2 ? sign ? (uint64_t)(int64_t)(int32_t)v : (uint32_t)v : v;
}

static uint64_t truth(bool b) { return b ? ~0ull : 0; }

static uint64_t one(unsigned op, unsigned log2, uint64_t a, uint64_t b, uint64_t d, S *st)
{
	uint64_t s = sign_bit(log2);
	enum fpu_relation r;

	switch (op) {
	case A64_FP_ABS: return a & ~s;
	case A64_FP_NEG: return a ^ s;
#define SQRT_(T, U) (uint64_t)T##_sqrt((U)a, st)
	case A64_FP_SQRT: return BY(log2, SQRT_);
	case A64_FP_RINT32Z: return rint_to(log2, a, 32, FPU_ZERO, st);
	case A64_FP_RINT32X: return rint_to(log2, a, 32, st->round, st);
	case A64_FP_RINT64Z: return rint_to(log2, a, 64, FPU_ZERO, st);
	case A64_FP_RINT64X: return rint_to(log2, a, 64, st->round, st);
#define RINT_(T, U) (uint64_t)T##_rint((U)a, op >= A64_FP_RINTX ? st->round : rounds[op - A64_FP_RINTN], op == A64_FP_RINTX, st)
	case A64_FP_RINTN: case A64_FP_RINTM: case A64_FP_RINTP: case A64_FP_RINTZ: case A64_FP_RINTA: case A64_FP_RINTX: case A64_FP_RINTI:
		return BY(log2, RINT_);
	case A64_FP_CVTNS: case A64_FP_CVTMS: case A64_FP_CVTAS: case A64_FP_CVTPS: case A64_FP_CVTZS:
		return to_int(log2, a, true, int_rounds[op - A64_FP_CVTNS], st);
	case A64_FP_CVTNU: case A64_FP_CVTMU: case A64_FP_CVTAU: case A64_FP_CVTPU: case A64_FP_CVTZU:
		return to_int(log2, a, false, int_rounds[op - A64_FP_CVTNU], st);
	case A64_FP_SCVTF: case A64_FP_UCVTF: return from_int(log2, widened(log2, a, op == A64_FP_SCVTF), op == A64_FP_SCVTF, st);
	case A64_FP_RECPE: return recpe(log2, a, st);
	case A64_FP_RSQRTE: return rsqrte(log2, a, st);
	case A64_FP_RECPX: return recpx(log2, a, st);
	case A64_FP_CMGT0: return truth(compare(log2, a, 0, true, st) == FPU_GREATER);
	case A64_FP_CMEQ0: return truth(compare(log2, a, 0, false, st) == FPU_EQUAL);
	case A64_FP_CMLT0: return truth(compare(log2, a, 0, true, st) == FPU_LESS);
	case A64_FP_CMGE0: r = compare(log2, a, 0, true, st); return truth(r == FPU_GREATER || r == FPU_EQUAL);
	case A64_FP_CMLE0: r = compare(log2, a, 0, true, st); return truth(r == FPU_LESS || r == FPU_EQUAL);
	case A64_FP_MUL: case A64_FP_DIV: case A64_FP_ADD: case A64_FP_SUB: return arith(op, log2, a, b, st);
	case A64_FP_NMUL: return arith(A64_FP_MUL, log2, a, b, st) ^ s;
	case A64_FP_MAX: case A64_FP_MAXP: return minmax(log2, a, b, FPU_MAX, st);
	case A64_FP_MIN: case A64_FP_MINP: return minmax(log2, a, b, FPU_MIN, st);
	case A64_FP_MAXNM: case A64_FP_MAXNMP: return minmax(log2, a, b, FPU_MAX | FPU_MINMAX_NUMBER, st);
	case A64_FP_MINNM: case A64_FP_MINNMP: return minmax(log2, a, b, FPU_MIN | FPU_MINMAX_NUMBER, st);
	case A64_FP_ADDP: return arith(A64_FP_ADD, log2, a, b, st);
	case A64_FP_MULX: return mulx(log2, a, b, st);
	case A64_FP_RECPS: case A64_FP_RSQRTS: return step(op, log2, a, b, st);
	case A64_FP_ABD: return arith(A64_FP_SUB, log2, a, b, st) & ~s;
	case A64_FP_CMEQ: return truth(compare(log2, a, b, false, st) == FPU_EQUAL);
	case A64_FP_CMGE: r = compare(log2, a, b, true, st); return truth(r == FPU_GREATER || r == FPU_EQUAL);
	case A64_FP_CMGT: return truth(compare(log2, a, b, true, st) == FPU_GREATER);
	case A64_FP_ACGE: r = compare(log2, a & ~s, b & ~s, true, st); return truth(r == FPU_GREATER || r == FPU_EQUAL);
	case A64_FP_ACGT: return truth(compare(log2, a & ~s, b & ~s, true, st) == FPU_GREATER);
	case A64_FP_MLA: return multiply_add(log2, a, b, d, st);
	case A64_FP_MLS: return multiply_add(log2, a ^ s, b, d, st);
	default: return a;
	}
}

A64_FN(fv, V *r, const V *a, const V *b, const V *d, uint32_t code)
{
	unsigned op = code & 255, log2 = code >> 8 & 15, count = code >> 12;
	S copy, *st = enter(c, &copy, log2);
	V v;

	memset(&v, 0, sizeof v);
	for (unsigned n = 0; n < count; n++) {
		if (op >= A64_FP_MAXNMP && op <= A64_FP_MINP) { /* pairs of a, then of b */
			const V *from = 2 * n < count ? a : b;
			unsigned k = 2 * n < count ? 2 * n : 2 * n - count;
			put(&v, log2, n, one(op, log2, get(from, log2, k), get(from, log2, k + 1), 0, st));
		} else {
			put(&v, log2, n, one(op, log2, get(a, log2, n), get(b, log2, n), get(d, log2, n), st));
		}
	}
	leave(c, st, log2);
	*r = v;
	return 0;
}

/* Reduce(): halves of halves. */
static uint64_t reduce(unsigned op, unsigned log2, const V *a, unsigned from, unsigned count, S *st)
{
	if (count == 1)
		return get(a, log2, from);
	uint64_t lo = reduce(op, log2, a, from, count / 2, st), hi = reduce(op, log2, a, from + count / 2, count / 2, st);
	return one(op, log2, lo, hi, 0, st);
}

A64_FN(fv_reduce, V *r, const V *a, uint32_t code)
{
	unsigned log2 = code >> 8 & 15;
	S copy, *st = enter(c, &copy, log2);
	uint64_t v = reduce(code & 255, log2, a, 0, code >> 12, st);

	leave(c, st, log2);
	memset(r, 0, sizeof *r);
	r->u64[0] = v;
	return 0;
}

/* ---- conversions between formats ---- */

/* FPCR.AHP: halves without infinities and NaNs, one more exponent. */
static uint64_t from_alternative(uint64_t h, unsigned to, S *st)
{
	uint64_t sign = h >> 15 & 1, e = h >> 10 & 31, f = h & 1023;

	if (e != 31)
		return to == 2 ? f32_from_f16((f16)h, st) : f64_from_f16((f16)h, st);
	return to == 2 ? sign << 31 | (uint64_t)(127 + 16) << 23 | f << 13 : sign << 63 | (uint64_t)(1023 + 16) << 52 | f << 42;
}

static uint64_t to_alternative(uint64_t v, unsigned from, S *st)
{
	enum fpu_class k = class_of(from, v);
	uint64_t sign = v & sign_bit(from) ? 0x8000 : 0;

	v = flushed(from, v, st);
	if (is_nan(k)) {
		st->flags |= FPU_INVALID;
		return sign;
	}
	if (k == FPU_CLASS_INFINITE) {
		st->flags |= FPU_INVALID;
		return sign | 0x7fff;
	}
	/* A quarter of the value in a format with room above: then the exponent is put back where it would have been infinity. */
	S wide = *st;
	wide.flags = 0;
	wide.flush = FPU_FLUSH_NONE;
	uint64_t h = from == 2 ? f16_from_f32((f32)v, &wide) : f16_from_f64(v, &wide);
	if (!(wide.flags & FPU_OVERFLOW) && (h & 0x7fff) < 0x7c00) {
		st->flags |= wide.flags;
		return h;
	}
	S half = *st;
	half.flags = 0;
	uint64_t scaled = from == 2 ? f32_scale((f32)v, -1, &half) : f64_scale(v, -1, &half);
	h = from == 2 ? f16_from_f32((f32)scaled, &half) : f16_from_f64(scaled, &half);
	if (half.flags & FPU_OVERFLOW || (h & 0x7fff) >= 0x7c00) { /* rounded towards zero it is the largest there, too */
		st->flags |= FPU_INVALID;
		return sign | 0x7fff;
	}
	st->flags |= half.flags;
	return h + 0x400;
}

static uint64_t convert(struct cpu *c, uint64_t v, unsigned from, unsigned to, bool odd)
{
	bool alternative = a64_cpu(c)->fpcr & A64_FPCR_AHP;
	S copy = a64_cpu(c)->fpu, *st = &copy;
	uint64_t r;

	copy.flags = 0;
	if (odd)
		copy.round = FPU_ODD;
	if (from == 1) {
		copy.flush_inputs = false; /* halves are not flushed */
		r = alternative ? from_alternative(v & 0xffff, to, st) : to == 2 ? f32_from_f16((f16)v, st) : f64_from_f16((f16)v, st);
	} else if (to == 1) {
		copy.flush = FPU_FLUSH_NONE;
		r = alternative ? to_alternative(from == 2 ? (uint32_t)v : v, from, st) : from == 2 ? f16_from_f32((f32)v, st) : f16_from_f64(v, st);
	} else {
		r = to == 3 ? f64_from_f32((f32)v, st) : f32_from_f64(v, st);
	}
	a64_cpu(c)->fpu.flags |= copy.flags;
	return r;
}

/* how: log2 from, to << 8 */
A64_FN(fcvt, uint64_t v, uint32_t how)
{
	return convert(c, v, how & 255, how >> 8, false);
}

/* Exactly, without flags; a NaN of either kind stays one. */
A64_FN(h2d, uint16_t h)
{
	S st;

	enter(c, &st, 1);
	return f64_from_f16((f16)flushed(1, h, &st), &st);
}

/* code: op 1 to odd, log2 of the source */
A64_FN(fv_narrow, V *r, const V *a, uint32_t code)
{
	unsigned log2 = code >> 8 & 15, count = code >> 12;
	V v;

	memset(&v, 0, sizeof v);
	for (unsigned n = 0; n < count; n++)
		put(&v, log2 - 1, n, convert(c, get(a, log2, n), log2, log2 - 1, code & 255));
	*r = v;
	return 0;
}

A64_FN(fv_widen, V *r, const V *a, uint32_t code)
{
	unsigned log2 = code >> 8 & 15, count = code >> 12;
	V v;

	memset(&v, 0, sizeof v);
	for (unsigned n = 0; n < count; n++)
		put(&v, log2 + 1, n, convert(c, get(a, log2, n), log2, log2 + 1, false));
	*r = v;
	return 0;
}

/* ---- fixed point: through binary128, which is exact ---- */

static uint64_t fixed_to(unsigned log2, uint64_t v, bool sign, unsigned fbits, S *st)
{
	S exact = {.round = FPU_NEAREST};
	f128 w = f128_scale(f128_from_int(v, sign, &exact), -(int)fbits, &exact);

	return log2 == 1 ? f16_from_f128(w, st) : log2 == 2 ? f32_from_f128(w, st) : f64_from_f128(w, st);
}

static uint64_t to_fixed(unsigned log2, uint64_t v, bool sign, unsigned bits, unsigned fbits, S *st)
{
	S exact = {.round = FPU_NEAREST};
	uint64_t out = 0;

	v = flushed(log2, v, st);
	f128 w = log2 == 1 ? f128_from_f16((f16)v, &exact) : log2 == 2 ? f128_from_f32((f32)v, &exact) : f128_from_f64(v, &exact);
	f128_to_int(f128_scale(w, (int)fbits, &exact), bits, sign, FPU_ZERO, &out, st);
	return bits == 64 ? out : out & ((1ull << bits) - 1);
}

/* how: log2, signed << 4, fraction bits << 8 */
A64_FN(fixed_to_f, uint64_t v, uint32_t how)
{
	S copy, *st = enter(c, &copy, how & 15);
	uint64_t r = fixed_to(how & 15, v, how >> 4 & 1, how >> 8, st);

	leave(c, st, how & 15);
	return r;
}

/* how: log2, signed << 4, 64 bits << 5, fraction bits << 8 */
A64_FN(f_to_fixed, uint64_t v, uint32_t how)
{
	unsigned log2 = how & 15;
	S copy, *st = enter(c, &copy, log2);
	uint64_t r = to_fixed(log2, log2 == 1 ? (uint16_t)v : log2 == 2 ? (uint32_t)v : v, how >> 4 & 1, how >> 5 & 1 ? 64 : 32, how >> 8, st);

	leave(c, st, log2);
	return r;
}

A64_FN(fv_fixed, V *r, const V *a, uint32_t code, uint32_t fbits)
{
	unsigned op = code & 255, log2 = code >> 8 & 15, count = code >> 12;
	bool sign = op == A64_FP_SCVTF || op == A64_FP_CVTZS;
	S copy, *st = enter(c, &copy, log2);
	V v;

	memset(&v, 0, sizeof v);
	for (unsigned n = 0; n < count; n++) {
		uint64_t x = get(a, log2, n);
		put(&v, log2, n, op == A64_FP_SCVTF || op == A64_FP_UCVTF ? fixed_to(log2, widened(log2, x, sign), sign, fbits, st)
									     : to_fixed(log2, x, sign, 8u << log2, fbits, st));
	}
	leave(c, st, log2);
	*r = v;
	return 0;
}

A64_FN(hcmp, uint16_t a, uint16_t b, uint32_t signalling)
{
	S copy, *st = enter(c, &copy, 1);
	enum fpu_relation r = f16_compare(a, b, signalling, st);

	leave(c, st, 1);
	return r == FPU_LESS ? IR_REL_LT : r == FPU_EQUAL ? IR_REL_EQ : r == FPU_GREATER ? IR_REL_GT : IR_REL_UN;
}

/* FPToFixedJS(): modulo 2^32; bits 63..32: the flags, Z when the value was an exact 32-bit integer. */
A64_FN(fjcvtzs, uint64_t v)
{
	S copy, *st = enter(c, &copy, 3);
	uint64_t a = flushed(3, v, st), out = 0;
	enum fpu_class k = f64_class(a);
	S exact = *st;

	exact.flags = 0;
	if (k == FPU_CLASS_INFINITE || is_nan(k)) {
		st->flags |= FPU_INVALID;
		leave(c, st, 3);
		return 0;
	}
	if (f64_to_int(a, 32, true, FPU_ZERO, &out, &exact) == FPU_INT_OK) {
		bool z = !(exact.flags & FPU_INEXACT) && a != 0x8000000000000000ull;
		st->flags |= exact.flags;
		leave(c, st, 3);
		return (uint32_t)out | (z ? (uint64_t)A64_Z << 32 : 0);
	}
	int e = (int)(a >> 52 & 2047) - 1075; /* value = f * 2^e */
	uint64_t f = (a & ((1ull << 52) - 1)) | 1ull << 52;
	out = e >= 32 ? 0 : e >= 0 ? f << e : f >> -e;
	if (a >> 63)
		out = 0 - out;
	st->flags |= FPU_INVALID;
	leave(c, st, 3);
	return (uint32_t)out;
}

/* ---- complex numbers and half-precision products ---- */

/* code: rotation by 90 degrees times op */
A64_FN(fcmla, V *r, const V *a, const V *b, const V *d, uint32_t code)
{
	unsigned rot = code & 255, log2 = code >> 8 & 15, count = code >> 12;
	S copy, *st = enter(c, &copy, log2);
	uint64_t s = sign_bit(log2);
	V v;

	memset(&v, 0, sizeof v);
	for (unsigned n = 0; n < count; n += 2) {
		uint64_t x = get(a, log2, n + (rot & 1)), re = get(b, log2, n), im = get(b, log2, n + 1), y = rot & 1 ? im : re, z = rot & 1 ? re : im;
		if (rot == 1 || rot == 2)
			y ^= s;
		if (rot == 2 || rot == 3)
			z ^= s;
		put(&v, log2, n, multiply_add(log2, x, y, get(d, log2, n), st));
		put(&v, log2, n + 1, multiply_add(log2, x, z, get(d, log2, n + 1), st));
	}
	leave(c, st, log2);
	*r = v;
	return 0;
}

/* rotation: 0 by 90, 1 by 270 degrees */
A64_FN(fcadd, V *r, const V *a, const V *b, uint32_t code)
{
	unsigned log2 = code >> 8 & 15, count = code >> 12;
	S copy, *st = enter(c, &copy, log2);
	uint64_t s = sign_bit(log2);
	V v;

	memset(&v, 0, sizeof v);
	for (unsigned n = 0; n < count; n += 2) {
		uint64_t re = get(b, log2, n), im = get(b, log2, n + 1);
		code & 1 ? (re ^= s) : (im ^= s);
		put(&v, log2, n, arith(A64_FP_ADD, log2, get(a, log2, n), im, st));
		put(&v, log2, n + 1, arith(A64_FP_ADD, log2, get(a, log2, n + 1), re, st));
	}
	leave(c, st, log2);
	*r = v;
	return 0;
}

/* FMLAL: halves, exact products, one rounding to single. how: 1 subtracts, 2 the upper half, q << 8 */
A64_FN(fmlal, V *r, const V *a, const V *b, const V *d, uint32_t how)
{
	unsigned count = how >> 8 ? 4 : 2, from = how & 2 ? count : 0;
	S copy, *st = enter(c, &copy, 2), wide;
	V v;

	memset(&v, 0, sizeof v);
	for (unsigned n = 0; n < count; n++) {
		uint16_t x = a->u16[from + n], y = b->u16[from + n];
		enter(c, &wide, 1);
		x = (uint16_t)flushed(1, x, &wide);
		y = (uint16_t)flushed(1, y, &wide);
		if (how & 1)
			x ^= 0x8000;
		/* Widening keeps a signalling NaN signalling, for the fused operation to choose: payloads go up by 13 bits. */
		f32 wx = f16_is_nan(x) ? (uint32_t)(x & 0x8000) << 16 | 0x7f800000 | (uint32_t)(x & 1023) << 13 : f32_from_f16(x, &wide);
		f32 wy = f16_is_nan(y) ? (uint32_t)(y & 0x8000) << 16 | 0x7f800000 | (uint32_t)(y & 1023) << 13 : f32_from_f16(y, &wide);
		v.u32[n] = f32_fma(wx, wy, d->u32[n], 0, st);
	}
	leave(c, st, 2);
	*r = v;
	return 0;
}
