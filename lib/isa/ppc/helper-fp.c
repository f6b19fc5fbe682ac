/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Scalar floating point by lib/fpu. */
#include "isa/ppc/helpers.h"
#include "isa/ppc/ops.h"

typedef struct fpu_status S;
#define ONE 0x3ff0000000000000ull

uint64_t ppc_widen(uint32_t v)
{
	S st = {.round = FPU_NEAREST};

	if ((v & 0x7f800000) == 0x7f800000)
		return (uint64_t)(v >> 31) << 63 | 0x7ffull << 52 | (uint64_t)(v & 0x7fffff) << 29;
	return f64_from_f32(v, &st);
}

/* Book I, 4.6.3: below the normal range the fraction is shifted down; what a single cannot hold is cut. */
uint32_t ppc_narrow(uint64_t v)
{
	unsigned e = v >> 52 & 2047;
	uint64_t f = (v & ((1ull << 52) - 1)) | 1ull << 52;

	if (e > 896 || !e)
		return (uint32_t)(v >> 32 & 0xc0000000) | (uint32_t)(v >> 29 & 0x3fffffff);
	if (e >= 874)
		return (uint32_t)(v >> 32 & 0x80000000) | (uint32_t)(f >> (926 - e));
	return (uint32_t)(v >> 32 & 0x80000000); /* undefined */
}

static uint64_t integer(uint64_t a, unsigned bits, bool is_signed, enum fpu_round round, S *st)
{
	uint64_t v;

	if (f64_to_int(a, bits, is_signed, round, &v, st) == FPU_INT_NAN)
		v = !is_signed ? 0 : bits == 64 ? 1ull << 63 : 1ull << 31;
	return v;
}

/* Estimates are as exact as can be; inexact is not told. */
static uint64_t reciprocal(uint64_t a, S *st)
{
	uint32_t before = st->flags;
	uint64_t v = f64_div(ONE, a, st);

	st->flags &= ~(uint32_t)FPU_INEXACT | before;
	return v;
}

static uint64_t reciprocal_root(uint64_t a, S *st)
{
	enum fpu_class k = f64_class(a);
	S quiet = *st;

	if (k == FPU_CLASS_ZERO) {
		st->flags |= FPU_DIVZERO;
		return (a & 1ull << 63) | 0x7ffull << 52;
	}
	if (k >= FPU_CLASS_QNAN || a >> 63)
		return f64_sqrt(a, st);
	return f64_div(ONE, f64_sqrt(a, &quiet), &quiet);
}

/* One that is rounded to double; singles go through a result rounded to odd. */
static uint64_t arithmetic(unsigned op, uint64_t a, uint64_t b, uint64_t c, S *st)
{
	switch (op) {
	case PPC_FP_ADD: return f64_add(a, b, st);
	case PPC_FP_SUB: return f64_sub(a, b, st);
	case PPC_FP_MUL: return f64_mul(a, b, st);
	case PPC_FP_DIV: return f64_div(a, b, st);
	case PPC_FP_SQRT: return f64_sqrt(a, st);
	case PPC_FP_RE: return reciprocal(a, st);
	case PPC_FP_RSQRTE: return reciprocal_root(a, st);
	case PPC_FP_MADD: return f64_fma(a, b, c, 0, st);
	case PPC_FP_MSUB: return f64_fma(a, b, c, FPU_NEG_ADDEND, st);
	case PPC_FP_NMADD: return f64_fma(a, b, c, FPU_NEG_RESULT, st);
	case PPC_FP_NMSUB: return f64_fma(a, b, c, FPU_NEG_RESULT | FPU_NEG_ADDEND, st);
	}
	return a;
}

/* The same with 64 bits and a wide exponent, rounded to odd: exact enough for a second rounding to single. */
static f80 wide_arithmetic(unsigned op, uint64_t a, uint64_t b, uint64_t c, S *st)
{
	f80 x = f80_from_f64(a, st), y = f80_from_f64(b, st), z = f80_from_f64(c, st);

	switch (op) {
	case PPC_FP_ADD: return f80_add(x, y, st);
	case PPC_FP_SUB: return f80_sub(x, y, st);
	case PPC_FP_MUL: return f80_mul(x, y, st);
	case PPC_FP_DIV: return f80_div(x, y, st);
	case PPC_FP_SQRT: return f80_sqrt(x, st);
	case PPC_FP_MADD: return f80_fma(x, y, z, 0, st);
	default: return f80_fma(x, y, z, FPU_NEG_ADDEND, st); /* MSUB */
	}
}

/*
 * An enabled overflow or underflow of a single (4.4.3.1, 4.4.4.1): the result is rounded with its exponent adjusted by 192; the register
 * can hold more exponents than singles have. Overflow is known before: rounded is what it gives without.
 */
static bool adjusted(f80 v, uint32_t flags, S *st, uint64_t *r)
{
	unsigned due = flags & st->enabled & (FPU_OVERFLOW | FPU_UNDERFLOW);
	int e = (v.se & 0x7fff) - 16383;
	f32 mantissa;

	if (!due)
		return false;
	v.se = (uint16_t)((v.se & 0x8000) | 16383);
	mantissa = f32_from_f80(v, st);
	*r = f64_scale(f64_from_f32(mantissa, st), e + (due & FPU_OVERFLOW ? -192 : 192), st);
	st->flags |= due;
	return true;
}

static uint64_t single(unsigned op, uint64_t a, uint64_t b, uint64_t c, S *st)
{
	bool negated = op == PPC_FP_NMADD || op == PPC_FP_NMSUB;
	uint32_t inexact = st->flags & FPU_INEXACT, old = st->flags & (FPU_OVERFLOW | FPU_UNDERFLOW);
	uint64_t v;
	f80 x;
	S wide = *st, rounded;

	if (op == PPC_FP_RE || op == PPC_FP_RSQRTE) {
		v = ppc_widen(f32_from_f64(arithmetic(op, a, b, c, st), st));
		st->flags = (st->flags & ~(uint32_t)FPU_INEXACT) | inexact;
		return v;
	}
	/* The sign changes behind the rounding. */
	if (negated)
		op = op == PPC_FP_NMADD ? PPC_FP_MADD : PPC_FP_MSUB;
	wide.enabled = 0;
	wide.round = FPU_ODD;
	/* An operand that does not count must not raise anything. */
	if (op < PPC_FP_MADD)
		c = 0;
	if (op == PPC_FP_SQRT)
		b = 0;
	x = wide_arithmetic(op, a, b, c, &wide);
	/* The sign of an exact zero depends on the rounding. */
	if (!x.sig && !(wide.flags & ~st->flags & FPU_INEXACT)) {
		wide.round = st->round;
		x = wide_arithmetic(op, a, b, c, &wide);
	}
	rounded = wide;
	rounded.round = st->round;
	rounded.flags = wide.flags & ~(uint32_t)(FPU_OVERFLOW | FPU_UNDERFLOW | FPU_ROUNDED_UP | FPU_INEXACT);
	rounded.flags |= inexact;
	f32 narrow = f32_from_f80(x, &rounded);
	/* tininess is known of exact results too, with the exception enabled */
	if (st->enabled & FPU_UNDERFLOW && x.sig && (x.se & 0x7fff) != 0x7fff && (x.se & 0x7fff) < 16383 - 126)
		rounded.flags |= FPU_UNDERFLOW;
	st->flags = rounded.flags;
	v = ppc_widen(narrow);
	if (rounded.flags & st->enabled & (FPU_OVERFLOW | FPU_UNDERFLOW)) {
		st->flags = (rounded.flags & ~(uint32_t)(FPU_OVERFLOW | FPU_UNDERFLOW | FPU_INEXACT | FPU_ROUNDED_UP)) | inexact;
		adjusted(x, rounded.flags, st, &v);
	}
	st->flags |= old;
	return negated && !f64_is_nan(v) ? v ^ 1ull << 63 : v;
}

static uint64_t rounded_to_single(uint64_t a, S *st)
{
	S before = *st;
	uint64_t v;

	before.enabled = 0;
	before.flags = 0;
	v = ppc_widen(f32_from_f64(a, &before));
	if (st->enabled & FPU_UNDERFLOW && f64_class(a) <= FPU_CLASS_NORMAL && a << 1 && (a >> 52 & 2047) < 1023 - 126)
		before.flags |= FPU_UNDERFLOW;
	if (!adjusted(f64_class(a) <= FPU_CLASS_NORMAL ? f80_from_f64(a, &(S){.flags = 0}) : (f80){0, 0}, before.flags, st, &v))
		st->flags |= before.flags;
	return v;
}

uint64_t ppc_fp_eval(unsigned how, uint64_t a, uint64_t b, uint64_t c, S *st)
{
	unsigned op = how & 63;
	bool s = how & PPC_FP_SINGLE;

	st->flags &= ~(uint32_t)FPU_ROUNDED_UP;
	if (op <= PPC_FP_NMSUB)
		return s ? single(op, a, b, c, st) : arithmetic(op, a, b, c, st);
	switch (op) {
	case PPC_FP_RSP: case PPC_FP_DPSP: return rounded_to_single(a, st);
	case PPC_FP_SPDP: return f64_from_f32((f32)(a >> 32), st);
	case PPC_FP_HPDP: return f64_from_f16((f16)a, st);
	case PPC_FP_DPHP: return f16_from_f64(a, st);
	case PPC_FP_CTIW: return integer(a, 32, true, st->round, st);
	case PPC_FP_CTIWZ: return integer(a, 32, true, FPU_ZERO, st);
	case PPC_FP_CTIWU: return integer(a, 32, false, st->round, st);
	case PPC_FP_CTIWUZ: return integer(a, 32, false, FPU_ZERO, st);
	case PPC_FP_CTID: return integer(a, 64, true, st->round, st);
	case PPC_FP_CTIDZ: return integer(a, 64, true, FPU_ZERO, st);
	case PPC_FP_CTIDU: return integer(a, 64, false, st->round, st);
	case PPC_FP_CTIDUZ: return integer(a, 64, false, FPU_ZERO, st);
	case PPC_FP_CFID: case PPC_FP_CFIDU:
		return s ? ppc_widen(f32_from_int(a, op == PPC_FP_CFID, st)) : f64_from_int(a, op == PPC_FP_CFID, st);
	case PPC_FP_RIN: return f64_rint(a, FPU_AWAY, false, st);
	case PPC_FP_RIZ: return f64_rint(a, FPU_ZERO, false, st);
	case PPC_FP_RIP: return f64_rint(a, FPU_UP, false, st);
	case PPC_FP_RIM: return f64_rint(a, FPU_DOWN, false, st);
	case PPC_FP_RIC: return f64_rint(a, st->round, true, st);
	}
	return a;
}

PPC_FN(fp_op, uint64_t a, uint64_t b, uint64_t addend, uint32_t op)
{
	struct ppc_cpu *p = ppc_cpu(c);
	S st = p->fpu;

	st.flags = 0;
	uint64_t v = ppc_fp_eval(op, a, b, addend, &st);
	p->fpu.flags |= st.flags;
	return v;
}

/* ---- ftdiv, ftsqrt (book I, 4.6.6): may software's division need care? ---- */

static int exponent(uint64_t v, bool wide)
{
	return wide ? (int)(v >> 52 & 2047) - 1023 : (int)(v >> 23 & 255) - 127;
}

static enum fpu_class class_of(uint64_t v, bool wide)
{
	return wide ? f64_class(v) : f32_class((f32)v);
}

unsigned ppc_test_divide(uint64_t a, uint64_t b, bool wide)
{
	enum fpu_class ka = class_of(a, wide), kb = class_of(b, wide);
	int ea = exponent(a, wide), eb = exponent(b, wide), min = wide ? -1022 : -126, max = wide ? 1023 : 127, digits = wide ? 52 : 23;
	bool fg = ka == FPU_CLASS_INFINITE || kb == FPU_CLASS_ZERO || kb == FPU_CLASS_INFINITE || kb == FPU_CLASS_DENORMAL;
	bool fe = ka == FPU_CLASS_INFINITE || kb == FPU_CLASS_INFINITE || kb == FPU_CLASS_ZERO || ka >= FPU_CLASS_QNAN || kb >= FPU_CLASS_QNAN ||
		  eb <= min || eb >= max - 2 ||
		  (ka != FPU_CLASS_ZERO && (ea - eb >= max || ea - eb <= min + 1 || ea <= min + digits));

	return 8u | (fg ? 4 : 0) | (fe ? 2 : 0);
}

unsigned ppc_test_root(uint64_t b, bool wide)
{
	enum fpu_class k = class_of(b, wide);
	int e = exponent(b, wide), min = wide ? -1022 : -126, digits = wide ? 52 : 23;
	bool negative = wide ? b >> 63 : b >> 31 & 1;
	bool fg = k == FPU_CLASS_ZERO || k == FPU_CLASS_INFINITE || k == FPU_CLASS_DENORMAL;
	bool fe = k == FPU_CLASS_ZERO || k == FPU_CLASS_INFINITE || k >= FPU_CLASS_QNAN || negative || e <= min + digits;

	return 8u | (fg ? 4 : 0) | (fe ? 2 : 0);
}

PPC_FN(test_div, uint64_t a, uint64_t b, uint32_t wide)
{
	(void)c;
	return ppc_test_divide(a, b, wide);
}

PPC_FN(test_sqrt, uint64_t a, uint64_t b, uint32_t wide)
{
	(void)c, (void)a;
	return ppc_test_root(b, wide);
}
