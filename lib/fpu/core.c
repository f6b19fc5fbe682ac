/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Encoding and decoding, rounding, NaN selection: the parts every operation of every format shares. */
#include "fpu/core.h"
#include <stddef.h>

#define FORMAT(b, e, p, i)                                                                                     \
	{.bits = b, .exp_bits = e, .precision = p, .integer_bit = i, .emin = 2 - (1 << ((e) - 1)),             \
	 .emax = (1 << ((e) - 1)) - 1, .wrap = 3 << ((e) - 2)}

const struct fpu_format fpu_f16 = FORMAT(16, 5, 11, false);
const struct fpu_format fpu_bf16 = FORMAT(16, 8, 8, false);
const struct fpu_format fpu_f32 = FORMAT(32, 8, 24, false);
const struct fpu_format fpu_f64 = FORMAT(64, 11, 53, false);
const struct fpu_format fpu_f80 = FORMAT(80, 15, 64, true);
const struct fpu_format fpu_f128 = FORMAT(128, 15, 113, false);

void fpu_normalise(struct fpu_num *n)
{
	int z;

	if (!n->sig) {
		n->kind = FPU_K_ZERO;
		return;
	}
	z = fpu_clz(n->sig);
	n->sig <<= z;
	n->exp -= z;
}

void fpu_unpack(struct fpu_num *n, fpu_u128 raw, const struct fpu_format *f, struct fpu_status *st)
{
	unsigned frac_bits = f->precision - 1;
	unsigned se = (unsigned)(raw >> (f->bits - 1 - f->exp_bits));
	unsigned biased = se & ((1u << f->exp_bits) - 1);
	fpu_u128 frac = raw & (((fpu_u128)1 << frac_bits) - 1);
	bool integer = f->integer_bit ? (raw >> frac_bits) & 1 : biased != 0;

	n->sign = se >> f->exp_bits & 1;
	n->denormal = false;
	n->sig = frac << (128 - f->precision);
	if (biased == (1u << f->exp_bits) - 1) {
		n->exp = f->emax + 1;
		if (f->integer_bit && !integer) /* pseudo-NaN, pseudo-infinity: SDM vol. 1, 8.2.2 */
			n->kind = FPU_K_BAD;
		else if (!frac)
			n->kind = FPU_K_INF;
		else
			n->kind = ((n->sig & FPU_QUIET) != 0) != st->snan_is_one ? FPU_K_QNAN : FPU_K_SNAN;
		n->sig |= FPU_TOP;
		return;
	}
	if (integer)
		n->sig |= FPU_TOP;
	n->kind = FPU_K_FINITE;
	n->exp = (int)biased - f->emax;
	if (biased)  {
		if (!integer) /* unnormal; a zero significand with an exponent is one as well */
			n->kind = FPU_K_BAD;
		return;
	}
	n->exp = f->emin;
	if (!n->sig) {
		n->kind = FPU_K_ZERO;
		return;
	}
	if (st->flush_inputs) {
		st->flags |= FPU_FLUSHED_IN;
		n->kind = FPU_K_ZERO;
		n->sig = 0;
		return;
	}
	n->denormal = true;
	fpu_normalise(n);
}

bool fpu_round_sig(struct fpu_num *n, unsigned keep, unsigned mode, struct fpu_status *st)
{
	unsigned drop = 128 - keep;
	fpu_u128 unit, rest, half;
	bool up;

	st->flags &= ~FPU_ROUNDED_UP;
	if (drop == 0)
		return false;
	if (drop > 127) { /* the result is 0 or one unit of 2^128 */
		bool above = n->sig > FPU_TOP, tie = n->sig == FPU_TOP;

		if (keep == 0 && drop == 128)
			up = mode == FPU_NEAREST ? above : mode == FPU_AWAY ? above || tie : false;
		else
			up = false;
		up |= mode == FPU_ODD || (mode == FPU_UP && !n->sign) || (mode == FPU_DOWN && n->sign);
		n->sig = 0;
		if (up) {
			n->sig = FPU_TOP;
			n->exp++;
			st->flags |= FPU_ROUNDED_UP;
		}
		return true;
	}
	unit = (fpu_u128)1 << drop;
	rest = n->sig & (unit - 1);
	if (!rest)
		return false;
	half = unit >> 1;
	n->sig -= rest;
	switch (mode) {
	case FPU_NEAREST: up = rest > half || (rest == half && (n->sig & unit)); break;
	case FPU_AWAY: up = rest >= half; break;
	case FPU_DOWN: up = n->sign; break;
	case FPU_UP: up = !n->sign; break;
	case FPU_ODD:
		n->sig |= unit;
		return true;
	default: up = false;
	}
	if (up) {
		st->flags |= FPU_ROUNDED_UP;
		n->sig += unit;
		if (!n->sig) {
			n->sig = FPU_TOP;
			n->exp++;
		}
	}
	return true;
}

static fpu_u128 encode(bool sign, unsigned biased, fpu_u128 sig, const struct fpu_format *f)
{
	fpu_u128 frac = sig >> (128 - f->precision);

	if (!f->integer_bit)
		frac &= ((fpu_u128)1 << (f->precision - 1)) - 1;
	return frac | (fpu_u128)(biased | (unsigned)sign << f->exp_bits) << (f->bits - 1 - f->exp_bits);
}

static fpu_u128 encode_nan(const struct fpu_num *n, const struct fpu_format *f, const struct fpu_status *st)
{
	unsigned biased = (1u << f->exp_bits) - 1;
	fpu_u128 sig = n->sig | FPU_TOP;
	fpu_u128 frac = (sig & ~FPU_TOP) >> (128 - f->precision) << (128 - f->precision);

	if (!frac) /* a narrowed payload must not become an infinity; only possible where quiet is 0 */
		sig |= st->snan_is_one ? FPU_QUIET >> 1 : FPU_QUIET;
	return encode(n->sign, biased, sig, f);
}

/* IEEE 754 7.4: the result of an overflow by mode. */
static fpu_u128 overflow(const struct fpu_num *n, const struct fpu_format *f, unsigned keep, struct fpu_status *st)
{
	bool infinite;

	st->flags |= FPU_OVERFLOW | FPU_INEXACT;
	switch (st->round) {
	case FPU_DOWN: infinite = n->sign; break;
	case FPU_UP: infinite = !n->sign; break;
	case FPU_ZERO:
	case FPU_ODD: infinite = false; break;
	default: infinite = true;
	}
	if (infinite) {
		st->flags |= FPU_ROUNDED_UP;
		return encode(n->sign, (1u << f->exp_bits) - 1, FPU_TOP, f);
	}
	st->flags &= ~FPU_ROUNDED_UP;
	return encode(n->sign, (1u << f->exp_bits) - 2, ~(fpu_u128)0 << (128 - keep), f);
}

/* A finite result below the smallest normal number. Returns true when *out is the answer, else n was scaled. */
static bool underflow(struct fpu_num *n, const struct fpu_format *f, unsigned keep, struct fpu_status *st,
		      fpu_u128 *out)
{
	struct fpu_num t = *n;
	unsigned shift = (unsigned)(f->emin - n->exp);
	bool tiny = true, inexact;

	if (!st->tiny_before) {
		fpu_round_sig(&t, keep, st->round, st);
		tiny = t.exp < f->emin;
	}
	if (tiny && (st->enabled & FPU_UNDERFLOW)) {
		st->flags |= FPU_UNDERFLOW;
		n->exp += f->wrap;
		if (n->exp >= f->emin)
			return false;
		/* Even the scaled result is out of reach: zero, inexact only if the significand was. */
		if (fpu_round_sig(n, keep, st->round, st))
			st->flags |= FPU_INEXACT;
		*out = encode(n->sign, 0, 0, f);
		return true;
	}
	if (tiny && st->flush != FPU_FLUSH_NONE) {
		st->flags &= ~FPU_ROUNDED_UP;
		st->flags |= FPU_UNDERFLOW | (st->flush == FPU_FLUSH_X86 ? FPU_INEXACT : 0);
		*out = encode(n->sign, 0, 0, f);
		return true;
	}
	/* The significand moves right so that exp == emin; what it may keep shrinks by as much. */
	t = *n;
	if (shift > 127) {
		t.sig = 1;
	} else {
		t.sig = fpu_jam(t.sig, shift);
	}
	t.exp = f->emin;
	inexact = fpu_round_sig(&t, keep, st->round, st);
	if (inexact)
		st->flags |= FPU_INEXACT;
	if (tiny && inexact)
		st->flags |= FPU_UNDERFLOW;
	*out = encode(n->sign, (t.sig & FPU_TOP) != 0, t.sig, f);
	return true;
}

fpu_u128 fpu_pack(struct fpu_num *n, const struct fpu_format *f, unsigned precision, struct fpu_status *st)
{
	unsigned keep = precision && precision < f->precision ? precision : f->precision;
	fpu_u128 out;

	switch (n->kind) {
	case FPU_K_ZERO: return encode(n->sign, 0, 0, f);
	case FPU_K_INF: return encode(n->sign, (1u << f->exp_bits) - 1, FPU_TOP, f);
	case FPU_K_FINITE: break;
	default: return encode_nan(n, f, st);
	}
	if (n->exp < f->emin && underflow(n, f, keep, st, &out))
		return out;
	if (fpu_round_sig(n, keep, st->round, st))
		st->flags |= FPU_INEXACT;
	if (n->exp > f->emax) {
		if (!(st->enabled & FPU_OVERFLOW))
			return overflow(n, f, keep, st);
		st->flags |= FPU_OVERFLOW;
		n->exp -= f->wrap;
		if (n->exp > f->emax) /* even the scaled result is out of reach */
			return encode(n->sign, (1u << f->exp_bits) - 1, FPU_TOP, f);
	}
	return encode(n->sign, (unsigned)(n->exp + f->emax), n->sig, f);
}

void fpu_set_default_nan(struct fpu_num *n, const struct fpu_status *st)
{
	n->kind = FPU_K_QNAN;
	n->denormal = false;
	n->sign = st->nan_default == FPU_DEFNAN_NEGATIVE;
	n->sig = FPU_TOP | FPU_QUIET;
	if (st->nan_default == FPU_DEFNAN_ONES)
		n->sig = ~(fpu_u128)0;
	if (st->snan_is_one) /* all ones but the quiet bit: MIPS 7FBFFFFF */
		n->sig = ~(fpu_u128)0 & ~FPU_QUIET;
}

void fpu_raise_invalid(struct fpu_num *r, unsigned why, struct fpu_status *st)
{
	st->flags |= FPU_INVALID | why;
	fpu_set_default_nan(r, st);
}

/* Intel SDM vol. 1, table 4-7 (x87): of two NaNs of equal rank the one with the larger significand. */
static const struct fpu_num *pick_x87(const struct fpu_num *a, const struct fpu_num *b)
{
	if (!fpu_num_is_nan(a))
		return b;
	if (!fpu_num_is_nan(b))
		return a;
	if (a->kind != b->kind)
		return a->kind == FPU_K_QNAN ? a : b;
	if (a->sig != b->sig)
		return a->sig > b->sig ? a : b;
	return a->sign ? b : a;
}

static const struct fpu_num *pick_kind(const struct fpu_num *const *ops, unsigned n, bool last, uint8_t kind)
{
	for (unsigned i = 0; i < n; i++) {
		const struct fpu_num *o = ops[last ? n - 1 - i : i];

		if (o->kind == kind)
			return o;
	}
	return NULL;
}

void fpu_pick_nan(struct fpu_num *r, const struct fpu_num *const *ops, unsigned n, struct fpu_status *st)
{
	const struct fpu_num *p = NULL;
	bool last = st->nan_rule == FPU_NAN_SIGNALLING_LAST;

	for (unsigned i = 0; i < n; i++) {
		if (ops[i]->kind == FPU_K_BAD) {
			fpu_raise_invalid(r, FPU_INV_FORMAT, st);
			return;
		}
		if (ops[i]->kind == FPU_K_SNAN)
			st->flags |= FPU_INVALID | FPU_INV_SNAN;
	}
	if (st->default_nan) {
		fpu_set_default_nan(r, st);
		return;
	}
	switch (st->nan_rule) {
	case FPU_NAN_X87:
		p = ops[0];
		for (unsigned i = 1; i < n; i++)
			p = pick_x87(p, ops[i]);
		break;
	case FPU_NAN_SIGNALLING_FIRST:
	case FPU_NAN_SIGNALLING_LAST:
		p = pick_kind(ops, n, last, FPU_K_SNAN);
		if (!p)
			p = pick_kind(ops, n, last, FPU_K_QNAN);
		break;
	default:
		for (unsigned i = 0; i < n && !p; i++)
			if (fpu_num_is_nan(ops[i]))
				p = ops[i];
	}
	if (p->kind == FPU_K_SNAN && st->snan_is_one) { /* quieting by clearing the bit could yield an infinity */
		fpu_set_default_nan(r, st);
		return;
	}
	*r = *p;
	r->kind = FPU_K_QNAN;
	r->denormal = false;
	if (!st->snan_is_one)
		r->sig |= FPU_QUIET;
}
