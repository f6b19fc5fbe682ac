/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The x87's transcendental functions (Intel SDM vol. 1, 8.3.7 to 8.3.10; special operands: the tables of the instruction pages).
 *
 * Theory of operation. Each is computed to about 120 bits in 128-bit fixed point and rounded once, so it is the correctly
 * rounded result but for rare near-ties; processors promise less than one unit in the last place, so the two differ
 * by at most that. Trigonometric arguments are reduced with the 66-bit pi of SDM vol. 1, 8.3.8, as processors do: beyond
 * a few periods a better pi would give other digits. Fixed point is Q1.127: FPU_TOP is 1.0.
 */
#include "fpu/core.h"
#include "fpu/trans.h"

#define C128(hi, lo) ((fpu_u128)(hi) << 64 | (lo))
#define ONE FPU_TOP

static const struct fpu_num pi = {.kind = FPU_K_FINITE, .exp = 1, .sig = C128(0xC90FDAA22168C234, 0xC4C6628B80DC1CD1)};
static const struct fpu_num ln2 = {.kind = FPU_K_FINITE, .exp = -1, .sig = C128(0xB17217F7D1CF79AB, 0xC9E3B39803F2F6AF)};
static const struct fpu_num log2e = {.kind = FPU_K_FINITE, .exp = 0, .sig = C128(0xB8AA3B295C17F0BB, 0xBE87FED0691D3E89)};
static const struct fpu_num log2_10 = {.kind = FPU_K_FINITE, .exp = 1, .sig = C128(0xD49A784BCD1B8AFE, 0x492BF6FF4DAFDB4D)};
static const struct fpu_num log10_2 = {.kind = FPU_K_FINITE, .exp = -2, .sig = C128(0x9A209A84FBCFF798, 0x8F8959AC0B7C9178)};

/* atan(k / 32) in Q1.127 */
static const fpu_u128 atan_table[33] = {
	0,
#define T(hi, lo) C128(hi, lo)
	T(0x03FFAAB7752EC495, 0x09DE75DDB76A3188), T(0x07FD56EDCB3F7A71, 0xB6593C96E071706B),
	T(0x0BF70C1301788746, 0x093567E784CF8367), T(0x0FEADD4D5617B6E3, 0x2C897989F3E888EF),
	T(0x13D6EEE8C6626C58, 0x68EC33A4A06C1FD1), T(0x17B97B4BCE5B0226, 0x8F6169F103938E91),
	T(0x1B90D7529260A204, 0x5EC434B8396AA5E0), T(0x1F5B75F92C80DD62, 0xADB8F3DEBEF442FD),
	T(0x2317EB4617E2F04C, 0x3291D22C6FE20A63), T(0x26C4EE6E0FD7979A, 0x716AED26349EBCCA),
	T(0x2A615B32A39A93B6, 0xA66DFDDEFDF67A30), T(0x2DEC3283C9BDE11C, 0xE2A8C848B73F9121),
	T(0x31649A7294364ADB, 0x685D1BA47D428A37), T(0x34C9DD879847F96D, 0x909F257A40079C4E),
	T(0x381B69929D93DF19, 0xF18C7B659E632E01), T(0x3B58CE0AC3769ED1, 0x5BF9117B2F0EA341),
	T(0x3E81BA16A8282F97, 0x19B48F1F57723B31), T(0x4195FA536CC33F15, 0x25B504E5B0D28AE0),
	T(0x4495766FEF4AA3DA, 0x84A23C7E2395A57E), T(0x47802EAF7BFACFCD, 0xAE41AF0B32E21BA4),
	T(0x4A563964C238C37B, 0x0C6279C9FBC5197C), T(0x4D17C07338DEED10, 0x21137C711027F9DE),
	T(0x4FC4FEE27A5BD0F6, 0x7C5A4932278380F0), T(0x525E3E8C9A7B8492, 0x0CD43F9522BED64F),
	T(0x54E3D5EE24187AE4, 0x48B5425ADF3C99FB), T(0x5756261C5A6C6040, 0x0A392F179F290385),
	T(0x59B598E48F821B48, 0xAC80A0BA22317C9D), T(0x5C029F15E118CF39, 0xE596D2A90852221F),
	T(0x5E3DAEF574C57940, 0x6A0898037407D948), T(0x606742DC56293320, 0x44EEB16237497D12),
	T(0x627FD7FD5FC7DEAA, 0x465A1E885E4F0111), T(0x6487ED5110B4611A, 0x62633145C06E0E69),
};

/* Status of inner steps, whose exceptions are nobody's. */
static struct fpu_status quiet(void)
{
	return (struct fpu_status){0};
}

static void unpack(struct fpu_num *n, f80 a, struct fpu_status *st)
{
	fpu_unpack(n, (fpu_u128)a.sig | (fpu_u128)a.se << 64, &fpu_f80, st);
}

static f80 pack(struct fpu_num *n, struct fpu_status *st)
{
	fpu_u128 v = fpu_pack(n, &fpu_f80, 0, st);

	return (f80){(uint64_t)v, (uint16_t)(v >> 64)};
}

/*
 * No value of a transcendental function is exact but those decided before. One that came out so (the sine of a tiny
 * angle is the angle) keeps its value in every rounding mode, as processors do it, and is called inexact.
 */
static f80 pack_inexact(struct fpu_num *n, struct fpu_status *st)
{
	uint32_t before = st->flags;
	f80 r;

	st->flags &= ~FPU_INEXACT;
	r = pack(n, st);
	if (!(st->flags & FPU_INEXACT) && !(r.se & 0x7FFF))
		st->flags |= FPU_UNDERFLOW;
	st->flags |= (before & ~FPU_ROUNDED_UP) | FPU_INEXACT;
	return r;
}

static f80 nan_of(const struct fpu_num *a, const struct fpu_num *b, struct fpu_status *st)
{
	const struct fpu_num *ops[2] = {a, b};
	struct fpu_num r;

	fpu_pick_nan(&r, ops, b ? 2 : 1, st);
	return pack(&r, st);
}

static f80 invalid(struct fpu_status *st)
{
	struct fpu_num r = {0};

	fpu_raise_invalid(&r, 0, st);
	return pack(&r, st);
}

static f80 zero(bool sign)
{
	return (f80){0, (uint16_t)(sign << 15)};
}

static f80 infinity(bool sign)
{
	return (f80){1ull << 63, (uint16_t)(0x7FFF | sign << 15)};
}

static struct fpu_num mul(const struct fpu_num *a, const struct fpu_num *b)
{
	struct fpu_status st = quiet();
	struct fpu_num r;

	fpu_num_mul(&r, a, b, &st);
	return r;
}

static struct fpu_num div(const struct fpu_num *a, const struct fpu_num *b)
{
	struct fpu_status st = quiet();
	struct fpu_num r;

	fpu_num_div(&r, a, b, &st);
	return r;
}

static struct fpu_num add(const struct fpu_num *a, const struct fpu_num *b, bool subtract)
{
	struct fpu_status st = quiet();
	struct fpu_num r;

	fpu_num_add(&r, a, b, subtract, &st);
	return r;
}

/* Q1.127 of a magnitude below 2; far too small ones are 0. */
static fpu_u128 fixed(const struct fpu_num *n)
{
	return n->kind != FPU_K_FINITE || n->exp < -127 ? 0 : n->sig >> -n->exp;
}

static struct fpu_num floating(fpu_u128 q, bool sign)
{
	struct fpu_num n = {.kind = FPU_K_FINITE, .sign = sign, .exp = 0, .sig = q};

	fpu_normalise(&n);
	return n;
}

static fpu_u128 mulq(fpu_u128 a, fpu_u128 b)
{
	uint64_t ah = (uint64_t)(a >> 64), al = (uint64_t)a, bh = (uint64_t)(b >> 64), bl = (uint64_t)b;
	fpu_u128 m1 = (fpu_u128)ah * bl, m2 = (fpu_u128)al * bh;
	fpu_u128 mid = (fpu_u128)(uint64_t)m1 + (uint64_t)m2 + ((fpu_u128)al * bl >> 64);

	return ((fpu_u128)ah * bh + (m1 >> 64) + (m2 >> 64) + (mid >> 64)) << 1 | (mid >> 63 & 1);
}

/* sin(r) / r and cos(r) from r^2, r at most pi/4 */
static fpu_u128 sin_factor(fpu_u128 r2)
{
	fpu_u128 f = ONE;

	for (unsigned n = 15; n >= 1; n--)
		f = ONE - mulq(r2, f) / (2 * n * (2 * n + 1));
	return f;
}

static fpu_u128 cos_factor(fpu_u128 r2)
{
	fpu_u128 f = ONE;

	for (unsigned n = 16; n >= 1; n--)
		f = ONE - mulq(r2, f) / ((2 * n - 1) * 2 * n);
	return f;
}

/*
 * r = |a| - q * pi66 / 2, |r| <= pi66 / 4, exact. pi66 = P / 2^66 with P = C90FDAA22168C234C. Returns q mod 4. a is below
 * 2^63.
 */
static unsigned reduce(const struct fpu_num *a, struct fpu_num *r)
{
	const fpu_u128 p = C128(0xC, 0x90FDAA22168C234C), p4 = p << 2;
	fpu_u128 n = a->sig >> 64;
	unsigned q;

	*r = *a;
	r->sign = false;
	r->denormal = false;
	/* a in units of 2^-67: n * 2^(exp - 63 + 67) */
	if (a->exp < -1)
		return 0;
	for (int i = 0; i < a->exp + 4; i++) {
		n <<= 1;
		if (n >= p4)
			n -= p4;
	}
	q = (unsigned)(n / p);
	n %= p;
	if (n > p / 2) {
		n = p - n;
		q++;
		r->sign = true;
	}
	r->kind = FPU_K_FINITE;
	r->sig = n;
	r->exp = 127 - 67;
	fpu_normalise(r);
	return q & 3;
}

/* Common start: false when *out (both outputs) is already decided or the argument is out of range (*range). */
static bool trig_operand(f80 a, struct fpu_num *x, f80 *out, bool *range, struct fpu_status *st)
{
	unpack(x, a, st);
	st->flags &= ~FPU_ROUNDED_UP;
	*range = true;
	if (fpu_num_is_nan(x)) {
		*out = nan_of(x, NULL, st);
		return false;
	}
	if (x->kind == FPU_K_INF) {
		*out = invalid(st);
		return false;
	}
	if (x->kind == FPU_K_FINITE && x->exp >= 63) {
		*range = false;
		return false;
	}
	fpu_note_denormal(x, st);
	return true;
}

static struct fpu_num trig_value(const struct fpu_num *r, bool cosine, bool negate)
{
	fpu_u128 q = fixed(r), r2 = mulq(q, q);
	struct fpu_num f;

	if (cosine)
		return floating(cos_factor(r2), negate);
	f = floating(sin_factor(r2), negate);
	return mul(&f, r);
}

bool f80_sincos(f80 a, f80 *sine, f80 *cosine, struct fpu_status *st)
{
	struct fpu_num x, r, s, c;
	unsigned q;
	bool range;
	f80 out;

	if (!trig_operand(a, &x, &out, &range, st)) {
		if (range && sine)
			*sine = out;
		if (range && cosine)
			*cosine = out;
		return range;
	}
	if (x.kind == FPU_K_ZERO) {
		if (sine)
			*sine = a;
		if (cosine)
			*cosine = (f80){1ull << 63, 0x3FFF};
		return true;
	}
	q = reduce(&x, &r);
	if (r.kind == FPU_K_ZERO) { /* an exact multiple of the 66-bit pi / 2 */
		s = q & 1 ? floating(ONE, q & 2) : r;
		c = q & 1 ? r : floating(ONE, q & 2);
		s.sign ^= x.sign;
	} else {
		s = trig_value(&r, q & 1, ((q & 2) != 0) != x.sign);
		c = trig_value(&r, !(q & 1), q == 1 || q == 2);
	}
	if (cosine)
		*cosine = pack_inexact(&c, st);
	if (sine)
		*sine = pack_inexact(&s, st);
	return true;
}

bool f80_tan(f80 a, f80 *tangent, struct fpu_status *st)
{
	struct fpu_num x, r, s, c, t;
	unsigned q;
	bool range;

	if (!trig_operand(a, &x, tangent, &range, st))
		return range;
	if (x.kind == FPU_K_ZERO) {
		*tangent = a;
		return true;
	}
	q = reduce(&x, &r);
	if (r.kind == FPU_K_ZERO) {
		if (q & 1) {
			st->flags |= FPU_DIVZERO;
			*tangent = infinity(x.sign);
		} else {
			*tangent = zero(x.sign);
		}
		return true;
	}
	if (r.exp < -60) {
		t = r;
		if (q & 1) {
			s = floating(ONE, true);
			t = div(&s, &t);
		}
	} else {
		s = trig_value(&r, false, false);
		c = trig_value(&r, true, false);
		t = q & 1 ? div(&c, &s) : div(&s, &c);
		t.sign ^= q & 1;
	}
	t.sign ^= x.sign;
	*tangent = pack_inexact(&t, st);
	return true;
}

f80 f80_f2xm1(f80 a, struct fpu_status *st)
{
	struct fpu_num x, t, f;
	fpu_u128 q, s = ONE;

	unpack(&x, a, st);
	st->flags &= ~FPU_ROUNDED_UP;
	if (fpu_num_is_nan(&x))
		return nan_of(&x, NULL, st);
	if (x.kind == FPU_K_INF)
		return x.sign ? (f80){1ull << 63, 0xBFFF} : a;
	if (x.kind == FPU_K_ZERO)
		return a;
	fpu_note_denormal(&x, st);
	if (x.exp >= 0) /* 1 and -1 are exact; beyond them the result is undefined: processors give the operand back */
		return x.exp == 0 && x.sig == ONE ? (f80){1ull << 63, x.sign ? 0xBFFE : 0x3FFF} : a;
	t = mul(&x, &ln2);
	q = fixed(&t);
	for (unsigned k = 36; k >= 2; k--) {
		fpu_u128 term = mulq(q, s) / k;

		s = x.sign ? ONE - term : ONE + term;
	}
	f = floating(s, false);
	t = mul(&t, &f);
	t.sig |= 1;
	return pack(&t, st);
}

/* log2(1 + d / 1) as 2 * atanh(s) * log2(e), s = d / (2 + d) given; |s| below 0.18 */
static struct fpu_num log2_from_s(const struct fpu_num *s)
{
	fpu_u128 q = fixed(s), s2 = mulq(q, q), f = 0;
	struct fpu_num r;

	for (int n = 26; n >= 0; n--)
		f = ONE / (unsigned)(2 * n + 1) + mulq(s2, f);
	r = floating(f, s->sign);
	r.exp++;
	q = s->sig;
	r.sign = false;
	r = mul(&r, s);
	r = mul(&r, &log2e);
	r.sig |= 1;
	return r;
}

/* log2 of a positive finite number; zero kind for exactly 1 */
static struct fpu_num log2_of(const struct fpu_num *x)
{
	const fpu_u128 sqrt2 = C128(0xB504F333F9DE6484, 0x597D89B3754ABE9F);
	int e = x->exp;
	fpu_u128 m = x->sig;
	struct fpu_num n, d, s, whole, r;

	fpu_num_from_int(&whole, (fpu_u128)(__int128)e, true);
	if (m == ONE)
		return whole;
	if (m > sqrt2) {
		fpu_num_from_int(&whole, (fpu_u128)(__int128)(e + 1), true);
		/* m / 2 - 1 and m / 2 + 1, doubled */
		n = floating(-m, true); /* 2 - m */
		d = floating((m >> 1) + ONE, false);
		d.exp++;
	} else {
		n = floating(m - ONE, false);
		d = floating((m >> 1) + (ONE >> 1), false);
		d.exp++;
	}
	s = div(&n, &d);
	r = log2_from_s(&s);
	return add(&whole, &r, false);
}

static f80 times_log(const struct fpu_num *y, struct fpu_num *log, struct fpu_status *st)
{
	struct fpu_num r = mul(y, log);

	/* Processors call every result inexact; that of a power of two comes out a little below the truth. */
	if (log->sig << 64)
		r.sig |= 1;
	else
		r.sig--;
	fpu_normalise(&r);
	return pack(&r, st);
}

f80 f80_yl2x(f80 y0, f80 x0, struct fpu_status *st)
{
	struct fpu_num x, y, log;
	bool above;

	unpack(&x, x0, st);
	unpack(&y, y0, st);
	st->flags &= ~FPU_ROUNDED_UP;
	if (fpu_num_is_nan(&x) || fpu_num_is_nan(&y))
		return nan_of(&x, &y, st);
	if (x.kind != FPU_K_ZERO && x.sign)
		return invalid(st);
	if (x.kind == FPU_K_ZERO) {
		if (y.kind == FPU_K_ZERO)
			return invalid(st);
		if (y.kind == FPU_K_FINITE)
			st->flags |= FPU_DIVZERO;
		return infinity(!y.sign);
	}
	if (x.kind == FPU_K_INF) {
		if (y.kind == FPU_K_ZERO)
			return invalid(st);
		fpu_note_denormal(&y, st);
		return infinity(y.sign);
	}
	above = x.exp >= 0;
	if (x.exp == 0 && x.sig == ONE) {
		if (y.kind == FPU_K_INF)
			return invalid(st);
		fpu_note_denormal(&y, st);
		return zero(y.sign);
	}
	fpu_note_denormal(&x, st);
	fpu_note_denormal(&y, st);
	if (y.kind == FPU_K_INF)
		return infinity(y.sign == above);
	if (y.kind == FPU_K_ZERO)
		return zero(y.sign == above);
	log = log2_of(&x);
	return times_log(&y, &log, st);
}

f80 f80_yl2xp1(f80 y0, f80 x0, struct fpu_status *st)
{
	struct fpu_num x, y, d, log, one = floating(ONE, false);

	unpack(&x, x0, st);
	unpack(&y, y0, st);
	st->flags &= ~FPU_ROUNDED_UP;
	if (fpu_num_is_nan(&x) || fpu_num_is_nan(&y))
		return nan_of(&x, &y, st);
	if (x.kind == FPU_K_INF) {
		if (x.sign || y.kind == FPU_K_ZERO)
			return invalid(st);
		fpu_note_denormal(&y, st);
		return infinity(y.sign);
	}
	if (y.kind == FPU_K_INF && x.kind == FPU_K_ZERO)
		return invalid(st);
	if (x.kind == FPU_K_FINITE && x.sign && x.exp >= 0) /* the logarithm of nothing or less */
		return invalid(st);
	fpu_note_denormal(&x, st);
	fpu_note_denormal(&y, st);
	if (y.kind == FPU_K_INF)
		return infinity(y.sign != x.sign);
	if (y.kind == FPU_K_ZERO || x.kind == FPU_K_ZERO)
		return zero(y.sign != x.sign);
	if (x.exp < -2) {
		struct fpu_num two = one;

		two.exp = 1;
		d = add(&two, &x, false);
		d = div(&x, &d);
		log = log2_from_s(&d);
	} else {
		d = add(&one, &x, false);
		if (d.kind == FPU_K_ZERO)
			return invalid(st);
		log = log2_of(&d);
	}
	return times_log(&y, &log, st);
}

/* atan of 0 < t <= 1 */
static struct fpu_num atan_of(const struct fpu_num *t)
{
	fpu_u128 q = fixed(t), c, f = 0, u2;
	unsigned k = (unsigned)((q + (ONE >> 6)) >> 122);
	struct fpu_num u = *t, n, d;
	bool less = false;

	if (k == 32 && q == ONE)
		return floating(atan_table[32], false);
	if (k) {
		c = (fpu_u128)k << 122;
		less = q < c;
		n = floating(less ? c - q : q - c, false);
		d = floating(ONE + mulq(q, c), false);
		if (n.kind == FPU_K_ZERO)
			return floating(atan_table[k], false);
		u = div(&n, &d);
	}
	q = fixed(&u);
	u2 = mulq(q, q);
	for (int i = 11; i >= 0; i--)
		f = ONE / (unsigned)(2 * i + 1) - mulq(u2, f);
	n = floating(f, false);
	n = mul(&n, &u);
	if (!k)
		return n;
	d = floating(atan_table[k], false);
	return add(&d, &n, less);
}

f80 f80_patan(f80 y0, f80 x0, struct fpu_status *st)
{
	struct fpu_num x, y, r, t;
	bool sign, negative, swap;

	unpack(&x, x0, st);
	unpack(&y, y0, st);
	st->flags &= ~FPU_ROUNDED_UP;
	if (fpu_num_is_nan(&x) || fpu_num_is_nan(&y))
		return nan_of(&x, &y, st);
	fpu_note_denormal(&x, st);
	fpu_note_denormal(&y, st);
	sign = y.sign;
	negative = x.sign;
	if (y.kind == FPU_K_ZERO || (x.kind == FPU_K_INF && y.kind != FPU_K_INF)) {
		if (!negative)
			return zero(sign);
		r = pi;
	} else if (x.kind == FPU_K_ZERO || (y.kind == FPU_K_INF && x.kind != FPU_K_INF)) {
		r = pi;
		r.exp--;
	} else if (y.kind == FPU_K_INF) {
		r = pi;
		r.exp -= 2;
		if (negative) { /* 3 pi / 4 */
			t = pi;
			t.exp--;
			r = add(&r, &t, false);
		}
	} else {
		x.sign = y.sign = false;
		swap = y.exp > x.exp || (y.exp == x.exp && y.sig > x.sig);
		t = swap ? div(&x, &y) : div(&y, &x);
		r = atan_of(&t);
		if (swap) {
			t = pi;
			t.exp--;
			r = add(&t, &r, !negative);
		} else if (negative) {
			r = add(&pi, &r, true);
		}
	}
	r.sign = sign;
	return pack_inexact(&r, st);
}

f80 f80_constant(enum f80_constant which, struct fpu_status *st)
{
	static const struct fpu_num *const t[] = {[F80_PI] = &pi, [F80_LN2] = &ln2, [F80_LOG2E] = &log2e,
						  [F80_LOG2_10] = &log2_10, [F80_LOG10_2] = &log10_2};
	struct fpu_num n = *t[which];
	struct fpu_status local = {.round = st->round};

	return pack(&n, &local);
}

f80 f80_extract(f80 a, f80 *exponent, struct fpu_status *st)
{
	struct fpu_num x;
	f80 r;

	unpack(&x, a, st);
	st->flags &= ~FPU_ROUNDED_UP;
	if (fpu_num_is_nan(&x))
		return *exponent = nan_of(&x, NULL, st);
	if (x.kind == FPU_K_INF) {
		*exponent = infinity(false);
		return a;
	}
	if (x.kind == FPU_K_ZERO) {
		st->flags |= FPU_DIVZERO;
		*exponent = infinity(true);
		return a;
	}
	fpu_note_denormal(&x, st);
	*exponent = f80_from_int((uint64_t)(int64_t)x.exp, true, st);
	x.exp = 0;
	r = pack(&x, st);
	return r;
}

f80 f80_scale_by(f80 a, f80 b, struct fpu_status *st)
{
	struct fpu_num x, y;
	fpu_u128 n;
	struct fpu_status local = quiet();
	int by;

	unpack(&x, a, st);
	unpack(&y, b, st);
	st->flags &= ~FPU_ROUNDED_UP;
	if (fpu_num_is_nan(&x) || fpu_num_is_nan(&y))
		return nan_of(&x, &y, st);
	if (y.kind == FPU_K_INF) {
		if (x.kind == (y.sign ? FPU_K_INF : FPU_K_ZERO))
			return invalid(st);
		fpu_note_denormal(&x, st);
		return y.sign ? zero(x.sign) : infinity(x.sign);
	}
	fpu_note_denormal(&x, st);
	fpu_note_denormal(&y, st);
	if (x.kind != FPU_K_FINITE)
		return a;
	fpu_num_to_int(&y, 32, true, FPU_ZERO, &n, &local); /* saturates */
	by = (int32_t)(uint32_t)n;
	x.exp += by < -100000 ? -100000 : by > 100000 ? 100000 : by;
	/* Beyond even the scaled result of a trap the zero or infinity counts as rounded (SDM vol. 2, FSCALE). */
	if (x.exp < fpu_f80.emin - fpu_f80.wrap || x.exp > fpu_f80.emax + fpu_f80.wrap)
		st->flags |= FPU_INEXACT;
	by = x.exp;
	{
		f80 r = pack(&x, st);

		if (by > fpu_f80.emax + fpu_f80.wrap && st->enabled & FPU_OVERFLOW)
			st->flags |= FPU_ROUNDED_UP;
		return r;
	}
}
