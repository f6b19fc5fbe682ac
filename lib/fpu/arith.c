/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Addition, multiplication, fused multiply-add, division, square root and remainder on unpacked numbers
 * (IEEE 754-2008, 5.4.1 and 5.3.1). Exceptions that depend on the operands are raised here; those that depend on the
 * rounded result in fpu_pack().
 */
#include "fpu/core.h"

struct u256 {
	fpu_u128 hi, lo;
};

static bool any_nan2(const struct fpu_num *a, const struct fpu_num *b)
{
	return fpu_num_is_nan(a) || fpu_num_is_nan(b);
}

static void pick2(struct fpu_num *r, const struct fpu_num *a, const struct fpu_num *b, struct fpu_status *st)
{
	const struct fpu_num *ops[2] = {a, b};

	fpu_pick_nan(r, ops, 2, st);
}

static void set_zero(struct fpu_num *r, bool sign)
{
	r->kind = FPU_K_ZERO;
	r->sign = sign;
	r->sig = 0;
	r->exp = 0;
	r->denormal = false;
}

/* Finite nonzero operands; signs as given. 754-2008 6.3: an exact zero sum is +0, or -0 when rounding down. */
static void add_finite(struct fpu_num *r, const struct fpu_num *a, const struct fpu_num *b, struct fpu_status *st)
{
	fpu_u128 x, y;

	if (a->exp < b->exp || (a->exp == b->exp && a->sig < b->sig)) {
		const struct fpu_num *t = a;
		a = b;
		b = t;
	}
	/*
	 * One bit of headroom. Bit 0 of a jammed f80 or f128 operand never matters: exact operands have at most 113 bits,
	 * and when the difference of exponents is below 2 nothing is lost here.
	 */
	x = fpu_jam(a->sig, 1);
	y = fpu_jam(b->sig, (unsigned)(a->exp - b->exp) + 1);
	r->exp = a->exp + 1;
	r->kind = FPU_K_FINITE;
	r->denormal = false;
	if (a->sign == b->sign) {
		r->sign = a->sign;
		r->sig = x + y;
	} else {
		r->sign = a->sign;
		r->sig = x - y;
	}
	fpu_normalise(r);
	if (r->kind == FPU_K_ZERO)
		set_zero(r, st->round == FPU_DOWN);
}

void fpu_num_add(struct fpu_num *r, const struct fpu_num *a, const struct fpu_num *b0, bool subtract,
		 struct fpu_status *st)
{
	struct fpu_num b = *b0;

	if (any_nan2(a, &b)) {
		pick2(r, a, &b, st);
		return;
	}
	b.sign ^= subtract;
	if (a->kind == FPU_K_INF && b.kind == FPU_K_INF && a->sign != b.sign) {
		fpu_raise_invalid(r, FPU_INV_ISI, st);
		return;
	}
	fpu_note_denormal(a, st);
	fpu_note_denormal(&b, st);
	if (a->kind == FPU_K_FINITE && b.kind == FPU_K_FINITE)
		add_finite(r, a, &b, st);
	else if (a->kind == FPU_K_ZERO && b.kind == FPU_K_ZERO)
		set_zero(r, a->sign == b.sign ? a->sign : st->round == FPU_DOWN);
	else if (a->kind == FPU_K_INF || b.kind == FPU_K_ZERO)
		*r = *a;
	else
		*r = b;
}

static struct u256 mul_wide(fpu_u128 a, fpu_u128 b)
{
	uint64_t ah = (uint64_t)(a >> 64), al = (uint64_t)a, bh = (uint64_t)(b >> 64), bl = (uint64_t)b;
	struct u256 p = {.hi = (fpu_u128)ah * bh, .lo = 0};

	if (al | bl) {
		fpu_u128 m1 = (fpu_u128)ah * bl, m2 = (fpu_u128)al * bh;
		fpu_u128 mid = (fpu_u128)(uint64_t)m1 + (uint64_t)m2;
		fpu_u128 low = (fpu_u128)al * bl;

		mid += low >> 64;
		p.lo = (fpu_u128)(uint64_t)low | mid << 64;
		p.hi += (m1 >> 64) + (m2 >> 64) + (mid >> 64);
	}
	return p;
}

void fpu_num_mul(struct fpu_num *r, const struct fpu_num *a, const struct fpu_num *b, struct fpu_status *st)
{
	bool sign = a->sign != b->sign;
	struct u256 p;

	if (any_nan2(a, b)) {
		pick2(r, a, b, st);
		return;
	}
	if ((a->kind == FPU_K_INF && b->kind == FPU_K_ZERO) || (a->kind == FPU_K_ZERO && b->kind == FPU_K_INF)) {
		fpu_raise_invalid(r, FPU_INV_IMZ, st);
		return;
	}
	fpu_note_denormal(a, st);
	fpu_note_denormal(b, st);
	if (a->kind == FPU_K_INF || b->kind == FPU_K_INF) {
		*r = (struct fpu_num){.kind = FPU_K_INF, .sign = sign};
		return;
	}
	if (a->kind == FPU_K_ZERO || b->kind == FPU_K_ZERO) {
		set_zero(r, sign);
		return;
	}
	p = mul_wide(a->sig, b->sig);
	r->exp = a->exp + b->exp + 1;
	r->kind = FPU_K_FINITE;
	r->denormal = false;
	r->sign = sign;
	r->sig = p.hi | (p.lo != 0);
	if (!(p.hi & FPU_TOP)) {
		r->sig = p.hi << 1 | p.lo >> 127 | ((p.lo << 1) != 0);
		r->exp--;
	}
}

static struct u256 jam256(struct u256 v, unsigned n)
{
	struct u256 r;

	if (n == 0)
		return v;
	if (n > 255)
		return (struct u256){0, (v.hi | v.lo) != 0};
	if (n > 127) {
		r.hi = 0;
		r.lo = fpu_jam(v.hi, n - 128) | (v.lo != 0);
		return r;
	}
	r.hi = v.hi >> n;
	r.lo = fpu_jam(v.lo, n) | v.hi << (128 - n);
	return r;
}

static bool below256(struct u256 a, struct u256 b)
{
	return a.hi != b.hi ? a.hi < b.hi : a.lo < b.lo;
}

/* a * b + c for finite nonzero a, b, c: the product is exact in 256 bits, the sum jammed once. */
static void fma_finite(struct fpu_num *r, const struct fpu_num *a, const struct fpu_num *b, const struct fpu_num *c,
		       bool sign, struct fpu_status *st)
{
	struct u256 p = mul_wide(a->sig, b->sig), q = {c->sig, 0}, s;
	int pe = a->exp + b->exp + 1, qe = c->exp;
	bool qs = c->sign;

	if (!(p.hi & FPU_TOP)) {
		p.hi = p.hi << 1 | p.lo >> 127;
		p.lo <<= 1;
		pe--;
	}
	if (pe < qe || (pe == qe && below256(p, q))) {
		struct u256 tv = p;
		int te = pe;
		bool ts = sign;

		p = q;
		pe = qe;
		sign = qs;
		q = tv;
		qe = te;
		qs = ts;
	}
	p = jam256(p, 1); /* at most 226 bits are in use: exact */
	q = jam256(q, (unsigned)(pe - qe) + 1);
	pe++;
	if (sign == qs) {
		s.lo = p.lo + q.lo;
		s.hi = p.hi + q.hi + (s.lo < p.lo);
	} else {
		s.lo = p.lo - q.lo;
		s.hi = p.hi - q.hi - (p.lo < q.lo);
	}
	if (!(s.hi | s.lo)) {
		set_zero(r, st->round == FPU_DOWN);
		return;
	}
	if (!s.hi) {
		s.hi = s.lo;
		s.lo = 0;
		pe -= 128;
	}
	r->kind = FPU_K_FINITE;
	r->denormal = false;
	r->sign = sign;
	unsigned z = (unsigned)fpu_clz(s.hi);
	if (z) {
		s.hi = s.hi << z | s.lo >> (128 - z);
		s.lo <<= z;
	}
	r->exp = pe - (int)z;
	r->sig = s.hi | (s.lo != 0);
}

static bool fma_nan(struct fpu_num *r, const struct fpu_num *a, const struct fpu_num *b, const struct fpu_num *c,
		    struct fpu_status *st)
{
	const struct fpu_num *abc[3] = {a, b, c}, *cab[3] = {c, a, b}, *acb[3] = {a, c, b};
	bool imz = (a->kind == FPU_K_INF && b->kind == FPU_K_ZERO) || (a->kind == FPU_K_ZERO && b->kind == FPU_K_INF);

	if (!any_nan2(a, b) && !fpu_num_is_nan(c)) {
		if (imz)
			fpu_raise_invalid(r, FPU_INV_IMZ, st);
		return imz;
	}
	if (imz && st->fma_rule != FPU_FMA_QUIET)
		st->flags |= FPU_INVALID | FPU_INV_IMZ;
	if (imz && st->fma_rule == FPU_FMA_DEFAULT && c->kind == FPU_K_QNAN)
		fpu_set_default_nan(r, st);
	else
		fpu_pick_nan(r, st->fma_order == FPU_FMA_ABC ? abc : st->fma_order == FPU_FMA_CAB ? cab : acb, 3, st);
	return true;
}

void fpu_num_fma(struct fpu_num *r, const struct fpu_num *a, const struct fpu_num *b, const struct fpu_num *c0,
		 unsigned negate, struct fpu_status *st)
{
	bool sign = a->sign != b->sign;
	struct fpu_num c = *c0;

	if (fma_nan(r, a, b, &c, st))
		return;
	sign ^= (negate & FPU_NEG_PRODUCT) != 0;
	c.sign ^= (negate & FPU_NEG_ADDEND) != 0;
	if (a->kind == FPU_K_INF || b->kind == FPU_K_INF) {
		if (c.kind == FPU_K_INF && c.sign != sign) {
			fpu_raise_invalid(r, FPU_INV_ISI, st);
			return;
		}
		fpu_note_denormal(a, st);
		fpu_note_denormal(b, st);
		fpu_note_denormal(&c, st);
		*r = (struct fpu_num){.kind = FPU_K_INF, .sign = sign};
	} else {
		fpu_note_denormal(a, st);
		fpu_note_denormal(b, st);
		fpu_note_denormal(&c, st);
		if (c.kind == FPU_K_INF) {
			*r = c;
		} else if (a->kind == FPU_K_ZERO || b->kind == FPU_K_ZERO) {
			if (c.kind == FPU_K_ZERO)
				set_zero(r, sign == c.sign ? sign : st->round == FPU_DOWN);
			else
				*r = c;
		} else if (c.kind == FPU_K_ZERO) {
			fpu_num_mul(r, a, b, st);
			r->sign = sign;
		} else {
			fma_finite(r, a, b, &c, sign, st);
		}
	}
	/* PowerPC fnmadd rounds the sum and negates after: directed modes see the sign before. See T_fma. */
}

void fpu_num_div(struct fpu_num *r, const struct fpu_num *a, const struct fpu_num *b, struct fpu_status *st)
{
	bool sign = a->sign != b->sign;
	fpu_u128 n, d, q = 0;

	if (any_nan2(a, b)) {
		pick2(r, a, b, st);
		return;
	}
	if (a->kind == b->kind && a->kind != FPU_K_FINITE) {
		fpu_raise_invalid(r, a->kind == FPU_K_INF ? FPU_INV_IDI : FPU_INV_ZDZ, st);
		return;
	}
	if (b->kind == FPU_K_ZERO && a->kind == FPU_K_FINITE) {
		st->flags |= FPU_DIVZERO; /* ranks above a denormal dividend */
		*r = (struct fpu_num){.kind = FPU_K_INF, .sign = sign};
		return;
	}
	fpu_note_denormal(a, st);
	fpu_note_denormal(b, st);
	if (a->kind == FPU_K_INF || b->kind == FPU_K_ZERO) {
		*r = (struct fpu_num){.kind = FPU_K_INF, .sign = sign};
		return;
	}
	if (a->kind == FPU_K_ZERO || b->kind == FPU_K_INF) {
		set_zero(r, sign);
		return;
	}
	n = a->sig;
	d = b->sig;
	r->exp = a->exp - b->exp;
	if (!((uint64_t)n | (uint64_t)d)) { /* both below 65 bits: two steps of 64 quotient bits */
		uint64_t dh = (uint64_t)(d >> 64);
		fpu_u128 num = n >> 1, rest; /* below dh << 64 */
		uint64_t q1 = (uint64_t)(num / dh), q2;

		rest = num % dh << 64;
		q2 = (uint64_t)(rest / dh);
		q = (fpu_u128)q1 << 64 | q2 | (rest % dh != 0);
	} else {
		bool big = n >= d; /* the quotient's integer bit */

		if (big)
			n -= d;
		q = big;
		for (int i = 1; i < 128; i++) {
			bool carry = n >> 127;

			n <<= 1;
			q <<= 1;
			if (carry || n >= d) {
				n -= d;
				q |= 1;
			}
		}
		q |= n != 0; /* 127 or 128 bits are far beyond any format's */
	}
	r->kind = FPU_K_FINITE;
	r->denormal = false;
	r->sign = sign;
	r->sig = q;
	fpu_normalise(r);
}

void fpu_num_sqrt(struct fpu_num *r, const struct fpu_num *a, unsigned precision, struct fpu_status *st)
{
	fpu_u128 rem, root = 0, bit, x;

	if (fpu_num_is_nan(a)) {
		fpu_pick_nan(r, &a, 1, st);
		return;
	}
	if (a->sign && a->kind != FPU_K_ZERO) {
		fpu_raise_invalid(r, FPU_INV_SQRT, st);
		return;
	}
	fpu_note_denormal(a, st);
	*r = *a;
	r->denormal = false;
	if (a->kind != FPU_K_FINITE)
		return;
	/*
	 * x in [1, 4) as a fixed-point number with 125 fraction bits; digits of the root from the top. With root R so far
	 * (scaled), x - R^2 = rem is kept doubled each step: rem' = 2 * rem - (2R + bit) * bit.
	 */
	x = a->exp & 1 ? a->sig >> 1 : a->sig >> 2;
	/* a jammed low bit cannot be lost: exact operands have at most 113 bits */
	r->exp = (a->exp - (a->exp & 1)) / 2;
	rem = x;
	bit = (fpu_u128)1 << 125; /* 1.0 */
	for (unsigned i = 0; i < precision + 3; i++) {
		fpu_u128 t = (root << 1) + bit;

		if (rem >= t) {
			rem -= t;
			root += bit;
		}
		rem <<= 1;
		bit >>= 1;
	}
	r->sig = root | (rem != 0);
	/* root is in [1, 2) with bit 125 as its unit */
	r->sig <<= 2;
	if (rem)
		r->sig |= 1;
}

bool fpu_num_rem(struct fpu_num *r, const struct fpu_num *a, const struct fpu_num *b, bool nearest, unsigned limit,
		 uint64_t *quotient, struct fpu_status *st)
{
	fpu_u128 n, d;
	uint64_t q = 0;
	int diff;
	bool sign = a->sign, complete = true;

	*quotient = 0;
	if (any_nan2(a, b)) {
		pick2(r, a, b, st);
		return true;
	}
	if (a->kind == FPU_K_INF || b->kind == FPU_K_ZERO) {
		fpu_raise_invalid(r, FPU_INV_REM, st);
		return true;
	}
	fpu_note_denormal(a, st);
	fpu_note_denormal(b, st);
	if (a->kind == FPU_K_ZERO || b->kind == FPU_K_INF) {
		*r = *a;
		return true;
	}
	diff = a->exp - b->exp;
	if (diff < -1 || (diff < 0 && !nearest)) {
		*r = *a;
		return true;
	}
	/* One bit of headroom; operands have at most 113 bits. */
	n = a->sig >> 2;
	d = b->sig >> 2;
	r->exp = b->exp + 2;
	if (limit && diff >= (int)limit) {
		/* SDM, FPREM: N, 32 to 63, is the implementation's choice; the exponent shrinks by N. */
		unsigned done = 32 + (unsigned)diff % 32;

		r->exp += diff - (int)done;
		diff = (int)done;
		complete = false;
	}
	if (diff < 0) { /* a below b: the quotient is 0 or, rounded, 1 */
		n >>= 1;
	} else {
		for (int i = diff;; i--) {
			q <<= 1;
			if (n >= d) {
				n -= d;
				q |= 1;
			}
			if (i == 0)
				break;
			n <<= 1;
		}
	}
	if (nearest && complete) {
		fpu_u128 twice = n << 1;

		if (twice > d || (twice == d && (q & 1))) {
			n = d - n;
			sign = !sign;
			q++;
		}
	}
	*quotient = q;
	if (!n) {
		set_zero(r, a->sign);
		return complete;
	}
	r->kind = FPU_K_FINITE;
	r->denormal = false;
	r->sign = sign;
	r->sig = n;
	fpu_normalise(r);
	return complete;
}
