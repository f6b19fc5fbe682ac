/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Decimal floating point: published encodings; every densely packed declet; sums, products and quotients against the compiler's
 * own decimal types; every rounding mode through the wider format; quantize, integers, comparison, NaNs.
 */
#include "fpu-operands.h"
#include "fpu/decimal.h"
#include "tap.h"

static unsigned bad, cases;

static fpu_u128 bits128(uint64_t hi, uint64_t lo)
{
	return (fpu_u128)hi << 64 | lo;
}

static struct dec number(bool sign, uint64_t coefficient, int exponent)
{
	return (struct dec){.kind = DEC_FINITE, .sign = sign, .exponent = exponent, .coefficient = coefficient};
}

static bool same(const struct dec *a, const struct dec *b)
{
	return a->kind == b->kind && a->sign == b->sign &&
	       (a->kind != DEC_FINITE || (a->exponent == b->exponent && a->coefficient == b->coefficient));
}

/* A random number of a format: few or many digits, exponents near the middle or at the ends. */
static struct dec random_dec(const struct dec_format *f)
{
	struct dec r = {.kind = DEC_FINITE, .sign = rnd() & 1};
	unsigned digits = (unsigned)rnd() % (f->digits + 1u);
	fpu_u128 c = bits128(rnd(), rnd());

	r.coefficient = digits ? c % dec_power(digits) : 0;
	if (rnd() % 4 == 0 && digits)
		r.coefficient = dec_power(digits) - 1 - rnd() % 2;
	if (rnd() % 8 == 0)
		r.coefficient = dec_power((unsigned)rnd() % f->digits) * (1 + rnd() % 9);
	switch (rnd() % 8) {
	case 0: r.exponent = -f->bias + (int)(rnd() % 40); break;
	case 1: r.exponent = f->emax - f->digits + 1 - (int)(rnd() % 40); break;
	default: r.exponent = (int)(rnd() % 60) - 30;
	}
	if (rnd() % 32 == 0)
		r.kind = DEC_INFINITE;
	return r;
}

static void encodings(void)
{
	static const struct {
		const struct dec_format *f;
		uint64_t hi, lo;
		bool sign;
		uint64_t coefficient;
		int exponent;
	} t[] = {
		{&dec64, 0, 0x2238000000000001, false, 1, 0},
		{&dec64, 0, 0xA2300000000003D0, true, 750, -2},
		{&dec64, 0, 0x77FCFF3FCFF3FCFF, false, 9999999999999999, 369},
		{&dec64, 0, 0x0000000000000001, false, 1, -398},
		{&dec32, 0, 0x22500001, false, 1, 0},
		{&dec32, 0, 0x77F3FCFF, false, 9999999, 90},
		{&dec32, 0, 0xA23003D0, true, 750, -2},
		{&dec128, 0x2208000000000000, 1, false, 1, 0},
		{&dec128, 0xA207800000000000, 0x3D0, true, 750, -2},
	};
	bool good = true;

	for (unsigned i = 0; i < sizeof t / sizeof t[0]; i++) {
		struct dec n, want = number(t[i].sign, t[i].coefficient, t[i].exponent);

		dec_unpack(&n, bits128(t[i].hi, t[i].lo), t[i].f, true);
		good &= same(&n, &want);
		good &= dec_pack(&want, t[i].f, true) == bits128(t[i].hi, t[i].lo);
	}
	ok(good, "encodings as they are published");
	bad = 0;
	for (unsigned i = 0; i < 1000; i++) {
		struct dec n = number(false, i, 0), back;

		dec_unpack(&back, dec_pack(&n, &dec64, true), &dec64, true);
		bad += !same(&n, &back);
	}
	ok(!bad, "all thousand declets come back");
	bad = 0;
	for (unsigned i = 0; i < 1024; i++) { /* 24 of them are not canonical: they encode a canonical one's digits */
		struct dec n, again;

		dec_unpack(&n, 0x2238000000000000 | i, &dec64, true);
		dec_unpack(&again, dec_pack(&n, &dec64, true), &dec64, true);
		bad += n.coefficient > 999 || !same(&n, &again);
	}
	ok(!bad, "all 1,024 patterns decode");
	bad = cases = 0;
	for (unsigned i = 0; i < 60000; i++) {
		const struct dec_format *f = i % 3 == 0 ? &dec32 : i % 3 == 1 ? &dec64 : &dec128;
		struct dec n = random_dec(f), back;

		for (int dpd = 0; dpd < 2; dpd++) {
			dec_unpack(&back, dec_pack(&n, f, dpd), f, dpd);
			bad += !same(&n, &back);
			cases++;
		}
	}
	ok(!bad, "%u numbers come back from both encodings of all formats", cases);
}

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define REFERENCE 1
static void against_compiler(void)
{
	struct fpu_status st;

	bad = cases = 0;
	for (unsigned i = 0; i < 60000; i++) {
		struct dec a = random_dec(&dec64), b = random_dec(&dec64), r;
		uint64_t x = (uint64_t)dec_pack(&a, &dec64, false), y = (uint64_t)dec_pack(&b, &dec64, false), w;
		_Decimal64 p, q, z;

		if (rnd() & 1 && b.kind == DEC_FINITE) {
			b.exponent = a.exponent + (int)(rnd() % 50) - 25;
			if (b.exponent < -398 || b.exponent > 369)
				b.exponent = 0;
			y = (uint64_t)dec_pack(&b, &dec64, false);
		}
		memcpy(&p, &x, 8);
		memcpy(&q, &y, 8);
		for (unsigned op = 0; op < 4; op++) {
			st = (struct fpu_status){0};
			switch (op) {
			case 0: z = p + q, dec_add(&r, &a, &b, false, &dec64, &st); break;
			case 1: z = p - q, dec_add(&r, &a, &b, true, &dec64, &st); break;
			case 2: z = p * q, dec_mul(&r, &a, &b, &dec64, &st); break;
			default: z = p / q, dec_div(&r, &a, &b, &dec64, &st);
			}
			memcpy(&w, &z, 8);
			cases++;
			if (r.kind == DEC_QNAN ? (w & 0x7C00000000000000) != 0x7C00000000000000 :
						 dec_pack(&r, &dec64, false) != w) {
				if (bad++ < 8)
					printf("# op %u %016llx %016llx: got %016llx want %016llx\n", op, (unsigned long long)x,
					       (unsigned long long)y, (unsigned long long)dec_pack(&r, &dec64, false),
					       (unsigned long long)w);
			}
		}
	}
	ok(!bad, "%u decimal64 operations agree with the compiler's", cases);
	bad = cases = 0;
	for (unsigned i = 0; i < 20000; i++) {
		struct dec a = random_dec(&dec128), b = random_dec(&dec128), r;
		fpu_u128 x, y, w;
		_Decimal128 p, q, z;

		if (rnd() & 1 && b.kind == DEC_FINITE)
			b.exponent = (int)(rnd() % 90) - 45, a.exponent = a.kind == DEC_FINITE ? 0 : a.exponent;
		x = dec_pack(&a, &dec128, false);
		y = dec_pack(&b, &dec128, false);
		memcpy(&p, &x, 16);
		memcpy(&q, &y, 16);
		for (unsigned op = 0; op < 4; op++) {
			st = (struct fpu_status){0};
			switch (op) {
			case 0: z = p + q, dec_add(&r, &a, &b, false, &dec128, &st); break;
			case 1: z = p - q, dec_add(&r, &a, &b, true, &dec128, &st); break;
			case 2: z = p * q, dec_mul(&r, &a, &b, &dec128, &st); break;
			default: z = p / q, dec_div(&r, &a, &b, &dec128, &st);
			}
			memcpy(&w, &z, 16);
			cases++;
			bad += r.kind == DEC_QNAN ? (w >> 122 & 31) != 31 : dec_pack(&r, &dec128, false) != w;
		}
	}
	ok(!bad, "%u decimal128 operations agree with the compiler's (%u differ)", cases, bad);
}
#endif

/* A decimal64 product is exact in decimal128; rounding it to 16 digits is one rounding in any mode. */
static void rounding(void)
{
	static const uint8_t modes[] = {FPU_NEAREST, FPU_DOWN, FPU_UP, FPU_ZERO, FPU_AWAY, FPU_HALF_DOWN, FPU_OUTWARD, FPU_SHORTER};

	bad = cases = 0;
	for (unsigned i = 0; i < 20000; i++) {
		struct dec a = random_dec(&dec64), b = random_dec(&dec64);

		for (unsigned m = 0; m < sizeof modes; m++) {
			struct fpu_status direct = {.round = modes[m]}, exact = {0}, detour = {.round = modes[m]};
			struct dec r, w, n;

			dec_mul(&r, &a, &b, &dec64, &direct);
			dec_mul(&w, &a, &b, &dec128, &exact);
			dec_convert(&n, &w, &dec64, &detour);
			cases++;
			bad += !same(&r, &n) || (exact.flags & FPU_INEXACT) || ((direct.flags ^ (detour.flags | exact.flags)) & FPU_IEEE);
		}
	}
	ok(!bad, "%u products round alike directly and from decimal128, in eight modes", cases);
	{
		static const struct {
			unsigned mode, want[4]; /* of 25, 35, 24, 26 to one digit */
		} t[] = {{FPU_NEAREST, {2, 4, 2, 3}}, {FPU_AWAY, {3, 4, 2, 3}}, {FPU_HALF_DOWN, {2, 3, 2, 3}},
			 {FPU_OUTWARD, {3, 4, 3, 3}}, {FPU_ZERO, {2, 3, 2, 2}}, {FPU_UP, {3, 4, 3, 3}}, {FPU_DOWN, {2, 3, 2, 2}},
			 {FPU_SHORTER, {2, 3, 2, 2}}};
		static const unsigned in[4] = {25, 35, 24, 26};

		bad = 0;
		for (unsigned m = 0; m < 8; m++)
			for (unsigned i = 0; i < 4; i++) {
				struct dec a = number(false, in[i], 0), r;
				struct fpu_status st = {.round = (uint8_t)t[m].mode};

				dec_round_digits(&r, &a, 1, &dec64, &st);
				bad += r.coefficient != t[m].want[i] || r.exponent != 1 || !(st.flags & FPU_INEXACT);
			}
		ok(!bad, "ties and halves in eight modes");
	}
}

static void others(void)
{
	struct fpu_status st = {0};
	struct dec a = number(false, 217, -2), q = number(false, 1, -1), r;
	fpu_u128 v;

	dec_quantize(&r, &a, &q, 0, &dec64, &st);
	ok(r.coefficient == 22 && r.exponent == -1 && st.flags & FPU_INEXACT, "2.17 quantized to tenths is 2.2");
	q.exponent = 2;
	dec_quantize(&r, &a, &q, 0, &dec64, &st);
	ok(r.coefficient == 0 && r.exponent == 2, "and to hundreds 0E+2");
	st.flags = 0;
	a = number(true, 1234567890123456, 0);
	q.exponent = -1;
	dec_quantize(&r, &a, &q, 0, &dec64, &st);
	ok(r.kind == DEC_QNAN && st.flags & FPU_INVALID, "a quantum that needs 17 digits is invalid");
	st.flags = 0;
	a = number(true, 25, -1);
	dec_rint(&r, &a, true, &dec64, &st);
	ok(r.coefficient == 2 && r.sign && r.exponent == 0 && st.flags == FPU_INEXACT, "-2.5 rounds to -2");
	st = (struct fpu_status){.round = FPU_ZERO};
	ok_eq(dec_to_int(&a, 32, true, &v, &st), FPU_INT_OK, "-2.5 converts");
	ok_eq((int64_t)v, -2, "to -2");
	a = number(false, 3, 9);
	ok_eq(dec_to_int(&a, 32, true, &v, &st), FPU_INT_HIGH, "3E+9 is too high for 32 bits");
	ok_eq((int64_t)v, INT32_MAX, "and saturates");
	dec_from_int(&r, (fpu_u128)(__int128)-42, true, &dec64, &st);
	ok(r.sign && r.coefficient == 42 && r.exponent == 0, "an integer converts with exponent 0");
	a = number(false, 10, 0);
	q = number(false, 1, 1);
	ok_eq(dec_compare(&a, &q, false, &st), FPU_EQUAL, "10 equals 1E+1");
	q.coefficient = 2;
	ok_eq(dec_compare(&a, &q, false, &st), FPU_LESS, "10 is less than 2E+1");
	q.kind = DEC_SNAN;
	q.coefficient = 77;
	st.flags = 0;
	dec_add(&r, &a, &q, false, &dec64, &st);
	ok(r.kind == DEC_QNAN && r.coefficient == 77 && st.flags == (FPU_INVALID | FPU_INV_SNAN), "a NaN keeps its payload");
	st = (struct fpu_status){0};
	a = number(false, 9999999999999999, 369);
	dec_add(&r, &a, &a, false, &dec64, &st);
	ok(r.kind == DEC_INFINITE && st.flags == (FPU_OVERFLOW | FPU_INEXACT | (st.flags & FPU_ROUNDED_UP)), "overflow");
	st = (struct fpu_status){0};
	a = number(false, 1, -398);
	q = number(false, 3, 0);
	dec_div(&r, &a, &q, &dec64, &st);
	ok(r.kind == DEC_FINITE && !r.coefficient && (st.flags & FPU_IEEE) == (FPU_UNDERFLOW | FPU_INEXACT), "underflow");
}

int main(void)
{
	encodings();
#ifdef REFERENCE
	against_compiler();
#else
	ok(1, "decimal operations against the compiler # SKIP it has no decimal types here");
#endif
	rounding();
	others();
	return tap_done();
}
