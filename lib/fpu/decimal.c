/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Decimal arithmetic. An intermediate result is a 256-bit integer (77 digits: a product of two 34-digit coefficients
 * has 68) with a sticky mark for what lies below it; finish() rounds it once.
 */
#include <stddef.h>
#include "fpu/decimal.h"

struct wide {
	fpu_u128 hi, lo;
};

static struct wide wide(fpu_u128 v)
{
	return (struct wide){0, v};
}

static bool wide_zero(struct wide a)
{
	return !(a.hi | a.lo);
}

static int wide_compare(struct wide a, struct wide b)
{
	if (a.hi != b.hi)
		return a.hi < b.hi ? -1 : 1;
	return a.lo < b.lo ? -1 : a.lo > b.lo;
}

static struct wide wide_add(struct wide a, struct wide b)
{
	struct wide r = {a.hi + b.hi, a.lo + b.lo};

	r.hi += r.lo < a.lo;
	return r;
}

static struct wide wide_sub(struct wide a, struct wide b)
{
	return (struct wide){a.hi - b.hi - (a.lo < b.lo), a.lo - b.lo};
}

static struct wide wide_mul(fpu_u128 a, fpu_u128 b)
{
	uint64_t ah = (uint64_t)(a >> 64), al = (uint64_t)a, bh = (uint64_t)(b >> 64), bl = (uint64_t)b;
	fpu_u128 m1 = (fpu_u128)ah * bl, m2 = (fpu_u128)al * bh, low = (fpu_u128)al * bl;
	fpu_u128 mid = (fpu_u128)(uint64_t)m1 + (uint64_t)m2 + (low >> 64);

	return (struct wide){(fpu_u128)ah * bh + (m1 >> 64) + (m2 >> 64) + (mid >> 64), (uint64_t)low | mid << 64};
}

/* v * 10^n; the caller knows that it fits. */
static struct wide wide_scale(struct wide v, unsigned n)
{
	for (; n; n--) {
		struct wide low = wide_mul(v.lo, 10);

		v.lo = low.lo;
		v.hi = v.hi * 10 + low.hi;
	}
	return v;
}

static struct wide wide_shift_left(struct wide v)
{
	return (struct wide){v.hi << 1 | v.lo >> 127, v.lo << 1};
}

static struct wide wide_divide(struct wide n, struct wide d, struct wide *rest)
{
	struct wide q = {0, 0}, r = {0, 0};

	if (!n.hi && !d.hi) {
		*rest = wide(n.lo % d.lo);
		return wide(n.lo / d.lo);
	}
	for (int i = 255; i >= 0; i--) { /* divisors are below 2^255 */
		r = wide_shift_left(r);
		r.lo |= (i > 127 ? n.hi >> (i - 128) : n.lo >> i) & 1;
		q = wide_shift_left(q);
		if (wide_compare(r, d) >= 0) {
			r = wide_sub(r, d);
			q.lo |= 1;
		}
	}
	*rest = r;
	return q;
}

static struct wide power(unsigned n)
{
	return wide_scale(wide(1), n);
}

static unsigned wide_digits(struct wide v)
{
	struct wide p = wide(1);
	unsigned n = 0;

	for (; n < 77 && wide_compare(v, p) >= 0; n++)
		p = wide_scale(p, 1);
	return n;
}

static void default_nan(struct dec *r)
{
	*r = (struct dec){.kind = DEC_QNAN};
}

static void invalid(struct dec *r, unsigned why, struct fpu_status *st)
{
	st->flags |= FPU_INVALID | why;
	default_nan(r);
}

static bool is_nan(const struct dec *a)
{
	return a->kind >= DEC_QNAN;
}

/* True when a or b (which may be NULL) is a NaN, and *r is the result. */
static bool nan_result(struct dec *r, const struct dec *a, const struct dec *b, struct fpu_status *st)
{
	const struct dec *p = is_nan(a) ? a : b && is_nan(b) ? b : NULL;

	if (!p)
		return false;
	if (a->kind == DEC_SNAN || (b && b->kind == DEC_SNAN)) {
		st->flags |= FPU_INVALID | FPU_INV_SNAN;
		if (st->nan_rule == FPU_NAN_SIGNALLING_FIRST)
			p = a->kind == DEC_SNAN ? a : b;
	}
	*r = *p;
	r->kind = DEC_QNAN;
	return true;
}

/* Is the magnitude to be increased? twice: relation of twice the remainder to the unit (-1, 0, 1). */
static bool increments(unsigned mode, bool sign, unsigned last, int twice)
{
	switch (mode) {
	case FPU_NEAREST: return twice > 0 || (twice == 0 && last & 1);
	case FPU_AWAY: return twice >= 0;
	case FPU_HALF_DOWN: return twice > 0;
	case FPU_UP: return !sign;
	case FPU_DOWN: return sign;
	case FPU_OUTWARD: return true;
	case FPU_SHORTER:
	case FPU_ODD: return last == 0 || last == 5;
	default: return false;
	}
}

/* Drops n digits of *c; returns whether anything was lost. */
static bool drop_digits(struct wide *c, unsigned n, bool sticky, bool sign, unsigned mode, struct fpu_status *st)
{
	struct wide unit, rest = {0, 0}, twice;
	int relation;

	st->flags &= ~FPU_ROUNDED_UP;
	if (n > 76) { /* all of it and more */
		sticky |= !wide_zero(*c);
		*c = wide(0);
		relation = -1;
	} else {
		unit = power(n);
		if (n)
			*c = wide_divide(*c, unit, &rest);
		twice = wide_shift_left(rest);
		relation = wide_compare(twice, unit);
		if (relation == 0 && sticky)
			relation = 1;
		sticky |= !wide_zero(rest);
	}
	if (!sticky)
		return false;
	if (n == 0) /* only the sticky part is lost: less than half */
		relation = -1;
	if (increments(mode, sign, (unsigned)(c->lo % 10), relation)) {
		*c = wide_add(*c, wide(1));
		st->flags |= FPU_ROUNDED_UP;
	}
	return true;
}

static void overflow(struct dec *r, const struct dec_format *f, struct fpu_status *st)
{
	bool infinite;

	st->flags |= FPU_OVERFLOW | FPU_INEXACT;
	switch (st->round) {
	case FPU_ZERO:
	case FPU_SHORTER:
	case FPU_ODD: infinite = false; break;
	case FPU_UP: infinite = !r->sign; break;
	case FPU_DOWN: infinite = r->sign; break;
	default: infinite = true;
	}
	if (infinite) {
		r->kind = DEC_INFINITE;
		r->coefficient = 0;
		r->exponent = 0;
		return;
	}
	r->coefficient = dec_power(f->digits) - 1;
	r->exponent = f->emax - f->digits + 1;
}

/* The one rounding: c * 10^exponent (and a little more, when sticky) to at most `digits` digits in f. */
static void finish(struct dec *r, bool sign, struct wide c, int32_t exponent, bool sticky, unsigned digits,
		   const struct dec_format *f, struct fpu_status *st)
{
	int32_t low = -f->bias, high = f->emax - f->digits + 1;
	unsigned n = wide_digits(c), drop = n > digits ? n - digits : 0;
	bool tiny, inexact;

	r->kind = DEC_FINITE;
	r->sign = sign;
	st->flags &= ~FPU_ROUNDED_UP;
	if (!n && !sticky) {
		r->coefficient = 0;
		r->exponent = exponent < low ? low : exponent > high ? high : exponent;
		return;
	}
	tiny = exponent + (int32_t)n - 1 < 1 - f->emax;
	if (exponent + (int32_t)drop < low)
		drop = (unsigned)(low - exponent);
	inexact = drop_digits(&c, drop, sticky, sign, st->round, st);
	exponent += (int32_t)drop;
	if (inexact)
		st->flags |= FPU_INEXACT | (tiny ? FPU_UNDERFLOW : 0);
	r->coefficient = c.lo;
	if (r->coefficient == dec_power(digits)) {
		r->coefficient /= 10;
		exponent++;
	}
	if (!r->coefficient && exponent > high)
		exponent = high;
	while (exponent > high && r->coefficient < dec_power(f->digits - 1u)) { /* fold down */
		r->coefficient *= 10;
		exponent--;
	}
	r->exponent = exponent;
	if (exponent > high)
		overflow(r, f, st);
}

void dec_add(struct dec *r, const struct dec *a, const struct dec *b0, bool subtract, const struct dec_format *f,
	     struct fpu_status *st)
{
	struct dec b = *b0;
	const struct dec *x, *y;
	struct wide cx, cy;
	unsigned distance, room;
	bool sticky = false, sign;

	if (nan_result(r, a, &b, st))
		return;
	b.sign ^= subtract;
	if (a->kind == DEC_INFINITE || b.kind == DEC_INFINITE) {
		if (a->kind == b.kind && a->sign != b.sign)
			invalid(r, FPU_INV_ISI, st);
		else
			*r = a->kind == DEC_INFINITE ? *a : b;
		return;
	}
	x = a->exponent >= b.exponent ? a : &b; /* the higher exponent */
	y = x == a ? &b : a;
	distance = (unsigned)(x->exponent - y->exponent);
	room = x->coefficient ? 72 - dec_digits(x) : 0;
	cx = wide(x->coefficient);
	cy = wide(y->coefficient);
	sign = x->sign;
	if (!x->coefficient) {
		cx = wide(0);
	} else if (distance <= room) {
		cx = wide_scale(cx, distance);
	} else { /* y is far below the last digit that can matter */
		unsigned keep = dec_digits(x) < f->digits + 2u ? f->digits + 2u - dec_digits(x) : 0;

		if (!y->coefficient)
			keep = f->digits - dec_digits(x) > distance ? distance : f->digits - dec_digits(x);
		cx = wide_scale(cx, keep);
		sticky = y->coefficient != 0;
		if (sticky && x->sign != y->sign)
			cx = wide_sub(cx, wide(1));
		finish(r, x->sign, cx, x->exponent - (int32_t)keep, sticky, f->digits, f, st);
		return;
	}
	if (x->sign == y->sign) {
		cx = wide_add(cx, cy);
	} else if (wide_compare(cx, cy) >= 0) {
		cx = wide_sub(cx, cy);
	} else {
		cx = wide_sub(cy, cx);
		sign = y->sign;
	}
	if (wide_zero(cx)) /* 6.3 */
		sign = x->sign == y->sign ? x->sign : st->round == FPU_DOWN;
	finish(r, sign, cx, y->exponent, false, f->digits, f, st);
}

void dec_mul(struct dec *r, const struct dec *a, const struct dec *b, const struct dec_format *f, struct fpu_status *st)
{
	bool sign = a->sign != b->sign;

	if (nan_result(r, a, b, st))
		return;
	if (a->kind == DEC_INFINITE || b->kind == DEC_INFINITE) {
		if ((a->kind == DEC_FINITE && !a->coefficient) || (b->kind == DEC_FINITE && !b->coefficient))
			invalid(r, FPU_INV_IMZ, st);
		else
			*r = (struct dec){.kind = DEC_INFINITE, .sign = sign};
		return;
	}
	finish(r, sign, wide_mul(a->coefficient, b->coefficient), a->exponent + b->exponent, false, f->digits, f, st);
}

void dec_div(struct dec *r, const struct dec *a, const struct dec *b, const struct dec_format *f, struct fpu_status *st)
{
	bool sign = a->sign != b->sign;
	struct wide q, rest;
	int32_t exponent, ideal;
	unsigned k;

	if (nan_result(r, a, b, st))
		return;
	if (a->kind == DEC_INFINITE) {
		if (b->kind == DEC_INFINITE)
			invalid(r, FPU_INV_IDI, st);
		else
			*r = (struct dec){.kind = DEC_INFINITE, .sign = sign};
		return;
	}
	if (b->kind == DEC_INFINITE) {
		*r = (struct dec){.kind = DEC_FINITE, .sign = sign, .exponent = -f->bias};
		return;
	}
	if (!b->coefficient) {
		if (!a->coefficient) {
			invalid(r, FPU_INV_ZDZ, st);
			return;
		}
		st->flags |= FPU_DIVZERO;
		*r = (struct dec){.kind = DEC_INFINITE, .sign = sign};
		return;
	}
	ideal = a->exponent - b->exponent;
	if (!a->coefficient) {
		finish(r, sign, wide(0), ideal, false, f->digits, f, st);
		return;
	}
	/* digits + 2 or more digits of quotient */
	k = f->digits + 2 + dec_digits(b) - dec_digits(a);
	if (dec_digits(b) + f->digits + 2 < dec_digits(a))
		k = 0;
	q = wide_divide(wide_scale(wide(a->coefficient), k), wide(b->coefficient), &rest);
	exponent = ideal - (int32_t)k;
	while (wide_zero(rest) && exponent < ideal) { /* exact: back toward the ideal exponent */
		struct wide left, shorter = wide_divide(q, wide(10), &left);

		if (!wide_zero(left))
			break;
		q = shorter;
		exponent++;
	}
	finish(r, sign, q, exponent, !wide_zero(rest), f->digits, f, st);
}

void dec_quantize(struct dec *r, const struct dec *a, const struct dec *b, int32_t exponent, const struct dec_format *f,
		  struct fpu_status *st)
{
	struct wide c;

	if (nan_result(r, a, b, st))
		return;
	if (b && (a->kind == DEC_INFINITE || b->kind == DEC_INFINITE)) {
		if (a->kind == b->kind)
			*r = *a;
		else
			invalid(r, FPU_INV_CVT, st);
		return;
	}
	if (a->kind == DEC_INFINITE) {
		invalid(r, FPU_INV_CVT, st);
		return;
	}
	if (b)
		exponent = b->exponent;
	c = wide(a->coefficient);
	st->flags &= ~FPU_ROUNDED_UP;
	if (exponent < -f->bias || exponent > f->emax - f->digits + 1) {
		invalid(r, FPU_INV_CVT, st);
		return;
	}
	if (a->exponent >= exponent) {
		if (a->coefficient && dec_digits(a) + (unsigned)(a->exponent - exponent) > f->digits) {
			invalid(r, FPU_INV_CVT, st);
			return;
		}
		if (a->coefficient)
			c = wide_scale(c, (unsigned)(a->exponent - exponent));
	} else {
		struct fpu_status trial = *st;

		if (drop_digits(&c, (unsigned)(exponent - a->exponent), false, a->sign, st->round, &trial))
			trial.flags |= FPU_INEXACT;
		if (c.lo >= dec_power(f->digits)) {
			invalid(r, FPU_INV_CVT, st);
			return;
		}
		*st = trial;
	}
	*r = (struct dec){.kind = DEC_FINITE, .sign = a->sign, .exponent = exponent, .coefficient = c.lo};
}

void dec_round_digits(struct dec *r, const struct dec *a, unsigned digits, const struct dec_format *f,
		      struct fpu_status *st)
{
	if (nan_result(r, a, NULL, st))
		return;
	if (a->kind == DEC_INFINITE || !digits)
		*r = *a;
	else
		finish(r, a->sign, wide(a->coefficient), a->exponent, false, digits < f->digits ? digits : f->digits, f, st);
}

void dec_rint(struct dec *r, const struct dec *a, bool exact, const struct dec_format *f, struct fpu_status *st)
{
	struct fpu_status local = *st;

	if (nan_result(r, a, NULL, st))
		return;
	if (a->kind == DEC_INFINITE || a->exponent >= 0) {
		*r = *a;
		return;
	}
	dec_quantize(r, a, NULL, 0, f, &local);
	if (!exact)
		local.flags = (local.flags & ~FPU_INEXACT) | (st->flags & FPU_INEXACT);
	*st = local;
}

void dec_convert(struct dec *r, const struct dec *a, const struct dec_format *f, struct fpu_status *st)
{
	if (nan_result(r, a, NULL, st)) {
		r->coefficient %= dec_power(f->digits - 1u);
		return;
	}
	if (a->kind == DEC_INFINITE)
		*r = *a;
	else
		finish(r, a->sign, wide(a->coefficient), a->exponent, false, f->digits, f, st);
}

void dec_from_int(struct dec *r, fpu_u128 v, bool is_signed, const struct dec_format *f, struct fpu_status *st)
{
	bool sign = is_signed && v >> 127;

	finish(r, sign, wide(sign ? -v : v), 0, false, f->digits, f, st);
}

enum fpu_int_fate dec_to_int(const struct dec *a, unsigned bits, bool is_signed, fpu_u128 *out, struct fpu_status *st)
{
	fpu_u128 max = is_signed ? ((fpu_u128)1 << (bits - 1)) - 1 : ~(fpu_u128)0 >> (128 - bits);
	struct fpu_status trial = *st;
	struct wide c = wide(a->coefficient), limit;
	bool inexact = false;

	if (is_nan(a)) {
		st->flags |= FPU_INVALID | FPU_INV_CVT | (a->kind == DEC_SNAN ? FPU_INV_SNAN : 0);
		*out = 0;
		return FPU_INT_NAN;
	}
	limit = wide(max);
	if (is_signed && a->sign)
		limit = wide_add(limit, wide(1));
	if (!is_signed && a->sign)
		limit = wide(0);
	if (a->kind == DEC_FINITE && a->exponent < 0)
		inexact = drop_digits(&c, (unsigned)-a->exponent, false, a->sign, st->round, &trial);
	else if (a->kind == DEC_FINITE && a->coefficient && a->exponent <= 40)
		c = wide_scale(c, (unsigned)a->exponent);
	if (a->kind == DEC_INFINITE || (a->exponent > 40 && a->coefficient) || wide_compare(c, limit) > 0) {
		st->flags |= FPU_INVALID | FPU_INV_CVT;
		*out = !a->sign ? max : is_signed ? ~max : 0;
		return a->sign ? FPU_INT_LOW : FPU_INT_HIGH;
	}
	*st = trial;
	if (inexact)
		st->flags |= FPU_INEXACT;
	*out = a->sign ? -c.lo : c.lo;
	return FPU_INT_OK;
}

enum fpu_relation dec_compare(const struct dec *a, const struct dec *b, bool signalling, struct fpu_status *st)
{
	bool za = a->kind == DEC_FINITE && !a->coefficient, zb = b->kind == DEC_FINITE && !b->coefficient;
	const struct dec *x = a, *y = b;
	int c, distance;

	if (is_nan(a) || is_nan(b)) {
		if (a->kind == DEC_SNAN || b->kind == DEC_SNAN)
			st->flags |= FPU_INVALID | FPU_INV_SNAN;
		if (signalling)
			st->flags |= FPU_INVALID | FPU_INV_CMP;
		return FPU_UNORDERED;
	}
	if (za && zb)
		return FPU_EQUAL;
	if (za)
		return b->sign ? FPU_GREATER : FPU_LESS;
	if (zb || a->sign != b->sign)
		return a->sign ? FPU_LESS : FPU_GREATER;
	if (a->kind != b->kind) {
		c = a->kind < b->kind ? -1 : 1;
	} else if (a->kind == DEC_INFINITE) {
		c = 0;
	} else if ((distance = a->exponent + (int)dec_digits(a) - b->exponent - (int)dec_digits(b)) != 0) {
		c = distance < 0 ? -1 : 1;
	} else { /* as many digits before the point: the exponents differ by 34 at most */
		struct wide cx = wide(x->coefficient), cy = wide(y->coefficient);

		if (x->exponent > y->exponent)
			cx = wide_scale(cx, (unsigned)(x->exponent - y->exponent));
		else
			cy = wide_scale(cy, (unsigned)(y->exponent - x->exponent));
		c = wide_compare(cx, cy);
	}
	return (enum fpu_relation)(a->sign ? -c : c);
}
