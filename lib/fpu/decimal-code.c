/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Encodings of the decimal formats (IEEE 754-2008, 3.5.2). */
#include "fpu/decimal.h"

const struct dec_format dec32 = {32, 7, 101, 96}, dec64 = {64, 16, 398, 384}, dec128 = {128, 34, 6176, 6144};

fpu_u128 dec_power(unsigned n)
{
	fpu_u128 p = 1;

	while (n--)
		p *= 10;
	return p;
}

unsigned dec_digits(const struct dec *a)
{
	fpu_u128 p = 1;
	unsigned n = 0;

	for (; n < 38 && a->coefficient >= p; n++)
		p *= 10;
	return n;
}

/*
 * Densely packed decimal (table 3.3): ten bits b0..b9, most significant first, from the digits' bits abcd efgh ijkm. A digit of
 * 8 or 9 is "large", of one free bit.
 */
static unsigned declet_decode(unsigned d)
{
	unsigned p = d >> 9 & 1, q = d >> 8 & 1, r = d >> 7 & 1, s = d >> 6 & 1, t = d >> 5 & 1, u = d >> 4 & 1;
	unsigned v = d >> 3 & 1, w = d >> 2 & 1, x = d >> 1 & 1, y = d & 1;
	unsigned pqr = p << 2 | q << 1 | r, stu = s << 2 | t << 1 | u, wxy = w << 2 | x << 1 | y;
	unsigned d2, d1, d0;

	if (!v)
		return pqr * 100 + stu * 10 + wxy;
	switch (w << 1 | x) {
	case 0: d2 = pqr, d1 = stu, d0 = 8 + y; break;
	case 1: d2 = pqr, d1 = 8 + u, d0 = s << 2 | t << 1 | y; break;
	case 2: d2 = 8 + r, d1 = stu, d0 = p << 2 | q << 1 | y; break;
	default:
		switch (s << 1 | t) {
		case 0: d2 = 8 + r, d1 = 8 + u, d0 = p << 2 | q << 1 | y; break;
		case 1: d2 = 8 + r, d1 = p << 2 | q << 1 | u, d0 = 8 + y; break;
		case 2: d2 = pqr, d1 = 8 + u, d0 = 8 + y; break;
		default: d2 = 8 + r, d1 = 8 + u, d0 = 8 + y;
		}
	}
	return d2 * 100 + d1 * 10 + d0;
}

static unsigned declet_encode(unsigned value)
{
	unsigned d2 = value / 100, d1 = value / 10 % 10, d0 = value % 10;
	unsigned a = d2 >> 3, e = d1 >> 3, i = d0 >> 3, bcd = d2 & 7, fgh = d1 & 7, jkm = d0 & 7;
	unsigned d = d2 & 1, h = d1 & 1, m = d0 & 1;

	switch (a << 2 | e << 1 | i) {
	case 0: return bcd << 7 | fgh << 4 | jkm;
	case 1: return bcd << 7 | fgh << 4 | 8 | m;
	case 2: return bcd << 7 | (jkm >> 1) << 5 | h << 4 | 8 | 2 | m;
	case 3: return bcd << 7 | 2 << 5 | h << 4 | 8 | 6 | m;
	case 4: return (jkm >> 1) << 8 | d << 7 | fgh << 4 | 8 | 4 | m;
	case 5: return (fgh >> 1) << 8 | d << 7 | 1 << 5 | h << 4 | 8 | 6 | m;
	case 6: return (jkm >> 1) << 8 | d << 7 | h << 4 | 8 | 6 | m;
	default: return d << 7 | 3 << 5 | h << 4 | 8 | 6 | m;
	}
}

static unsigned trailing_bits(const struct dec_format *f)
{
	return (f->digits - 1u) / 3 * 10;
}

static unsigned exponent_bits(const struct dec_format *f) /* behind the combination field's two */
{
	return f->bits - 6u - trailing_bits(f);
}

static fpu_u128 declets_decode(fpu_u128 t, const struct dec_format *f)
{
	fpu_u128 c = 0;

	for (int i = (f->digits - 1) / 3 - 1; i >= 0; i--)
		c = c * 1000 + declet_decode((unsigned)(t >> 10 * i) & 1023);
	return c;
}

static fpu_u128 declets_encode(fpu_u128 c, const struct dec_format *f)
{
	fpu_u128 t = 0;

	for (unsigned i = 0; i < (f->digits - 1u) / 3; i++, c /= 1000)
		t |= (fpu_u128)declet_encode((unsigned)(c % 1000)) << 10 * i;
	return t;
}

void dec_unpack(struct dec *n, fpu_u128 raw, const struct dec_format *f, bool dpd)
{
	unsigned tb = trailing_bits(f), eb = exponent_bits(f);
	unsigned comb = (unsigned)(raw >> (f->bits - 6)) & 31;
	unsigned continuation = (unsigned)(raw >> tb) & ((1u << eb) - 1);
	fpu_u128 t = raw & (((fpu_u128)1 << tb) - 1);
	bool large = comb >> 3 == 3;

	n->sign = raw >> (f->bits - 1) & 1;
	n->exponent = 0;
	n->coefficient = 0;
	if (comb == 30) {
		n->kind = DEC_INFINITE;
		return;
	}
	if (comb == 31) {
		n->kind = continuation >> (eb - 1) & 1 ? DEC_SNAN : DEC_QNAN;
		n->coefficient = dpd ? declets_decode(t, f) : t;
		if (n->coefficient >= dec_power(f->digits - 1u))
			n->coefficient = 0;
		return;
	}
	n->kind = DEC_FINITE;
	if (dpd) {
		unsigned lead = large ? 8 + (comb & 1) : comb & 7;

		n->exponent = (int)((large ? comb >> 1 & 3 : comb >> 3) << eb | continuation) - f->bias;
		n->coefficient = declets_decode(t, f) + lead * dec_power(f->digits - 1u);
		return;
	}
	/* 3.5.2: the exponent starts right behind the sign, or two bits later when those are 11 */
	if (large) {
		n->exponent = (int)((unsigned)(raw >> (f->bits - 3 - (eb + 2))) & ((1u << (eb + 2)) - 1)) - f->bias;
		n->coefficient = (raw & (((fpu_u128)1 << (f->bits - 3 - (eb + 2))) - 1)) |
				 (fpu_u128)4 << (f->bits - 3 - (eb + 2));
	} else {
		n->exponent = (int)((unsigned)(raw >> (f->bits - 1 - (eb + 2))) & ((1u << (eb + 2)) - 1)) - f->bias;
		n->coefficient = raw & (((fpu_u128)1 << (f->bits - 1 - (eb + 2))) - 1);
	}
	if (n->coefficient >= dec_power(f->digits)) /* not canonical: zero */
		n->coefficient = 0;
}

fpu_u128 dec_pack(const struct dec *n, const struct dec_format *f, bool dpd)
{
	unsigned tb = trailing_bits(f), eb = exponent_bits(f), biased = (unsigned)(n->exponent + f->bias);
	fpu_u128 sign = (fpu_u128)n->sign << (f->bits - 1), top = dec_power(f->digits - 1u);
	unsigned lead, comb;

	if (n->kind == DEC_INFINITE)
		return sign | (fpu_u128)30 << (f->bits - 6);
	if (n->kind != DEC_FINITE) {
		fpu_u128 payload = n->coefficient % top;

		return sign | (fpu_u128)31 << (f->bits - 6) | (fpu_u128)(n->kind == DEC_SNAN) << (tb + eb - 1) |
		       (dpd ? declets_encode(payload, f) : payload);
	}
	if (dpd) {
		lead = (unsigned)(n->coefficient / top);
		comb = lead < 8 ? (biased >> eb) << 3 | lead : 24 | (biased >> eb) << 1 | (lead & 1);
		return sign | (fpu_u128)comb << (f->bits - 6) | (fpu_u128)(biased & ((1u << eb) - 1)) << tb |
		       declets_encode(n->coefficient % top, f);
	}
	if (n->coefficient >> (f->bits - 1 - (eb + 2)))
		return sign | (fpu_u128)3 << (f->bits - 3) | (fpu_u128)biased << (f->bits - 3 - (eb + 2)) |
		       (n->coefficient & (((fpu_u128)1 << (f->bits - 3 - (eb + 2))) - 1));
	return sign | (fpu_u128)biased << (f->bits - 1 - (eb + 2)) | n->coefficient;
}
