/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What no SSE or x87 instruction shows: IEEE remainder, scaling, minimum and maximum of every standard, conversions to and
 * from integers of every width and sign, between all formats, class; on all special operands and random ones.
 */
#include "fpu-operands.h"
#include "tap.h"
#include <math.h>

static unsigned bad, cases;

static double d(f64 a)
{
	double v;

	memcpy(&v, &a, 8);
	return v;
}

static f64 b(double v)
{
	f64 a;

	memcpy(&a, &v, 8);
	return a;
}

static f64 operand(unsigned i)
{
	return i < SPECIALS ? special_bits(i, 11, 52) : random_bits(11, 52);
}

static void check(bool good, const char *what, f64 x, f64 y, uint64_t got, uint64_t want)
{
	cases++;
	if (!good && bad++ < 8)
		printf("# %s %016llx %016llx: got %016llx want %016llx\n", what, (unsigned long long)x, (unsigned long long)y,
		       (unsigned long long)got, (unsigned long long)want);
}

/* The remainder is exact: the C library's is the reference. */
static void remainders(void)
{
	bad = cases = 0;
	for (unsigned n = 0; n < SPECIALS * SPECIALS + 20000; n++) {
		f64 x = operand(n < 4096 ? n / 64 : 64), y = operand(n < 4096 ? n % 64 : 64);
		struct fpu_status st = {0};
		f64 got = f64_rem(x, y, &st), want = b(remainder(d(x), d(y)));
		bool invalid = f64_class(x) == FPU_CLASS_SNAN || f64_class(y) == FPU_CLASS_SNAN ||
			       (!f64_is_nan(x) && !f64_is_nan(y) &&
				(f64_class(x) == FPU_CLASS_INFINITE || f64_class(y) == FPU_CLASS_ZERO));

		check((f64_is_nan(got) && f64_is_nan(want)) || got == want, "rem", x, y, got, want);
		check((st.flags & FPU_IEEE) == (invalid ? FPU_INVALID : 0u), "rem flags", x, y, st.flags, invalid);
	}
	ok(!bad, "%u remainders", cases);
}

/* a * 2^n is a product by a power of two, where there is one. */
static void scaling(void)
{
	bad = cases = 0;
	for (unsigned n = 0; n < SPECIALS * 64 + 20000; n++) {
		int e = (int)(rnd() % 2045) - 1022;
		f64 x = operand(n < 4096 ? n / 64 : 64), two = (uint64_t)(e + 1023) << 52;

		for (unsigned mode = 0; mode < 6; mode++) {
			struct fpu_status st = {.round = (uint8_t)mode, .tiny_before = n & 1}, sm = st;
			f64 got = f64_scale(x, e, &st), want = f64_mul(x, two, &sm);

			check(got == want && st.flags == sm.flags, "scale", x, two, got, want);
		}
	}
	ok(!bad, "%u scalings", cases);
}

static f64 reference_minmax(f64 x, f64 y, unsigned kind)
{
	bool nx = f64_is_nan(x), ny = f64_is_nan(y), max = kind & FPU_MAX, less;
	double p = d(x), q = d(y);

	if (nx || ny) {
		bool sx = f64_class(x) == FPU_CLASS_SNAN, sy = f64_class(y) == FPU_CLASS_SNAN;

		if (nx != ny && (kind & FPU_MINMAX_2019 || (kind & FPU_MINMAX_NUMBER && !sx && !sy)))
			return nx ? y : x;
		return (nx ? x : y) | 0x0008000000000000;
	}
	if (kind & FPU_MINMAX_ABS && fabs(p) != fabs(q))
		less = fabs(p) < fabs(q);
	else if (p == q)
		less = (x >> 63) > (y >> 63);
	else
		less = p < q;
	return less != max ? x : y;
}

static void extremes(void)
{
	static const unsigned kinds[] = {0, FPU_MINMAX_ABS, FPU_MINMAX_NUMBER, FPU_MINMAX_NUMBER | FPU_MINMAX_ABS,
					 FPU_MINMAX_NUMBER | FPU_MINMAX_2019};

	bad = cases = 0;
	for (unsigned n = 0; n < SPECIALS * SPECIALS; n++)
		for (unsigned k = 0; k < 10; k++) {
			unsigned kind = kinds[k / 2] | (k & 1 ? FPU_MAX : FPU_MIN);
			f64 x = operand(n / 64), y = operand(n % 64);
			struct fpu_status st = {0};
			f64 got = f64_minmax(x, y, kind, &st), want = reference_minmax(x, y, kind);
			bool snan = f64_class(x) == FPU_CLASS_SNAN || f64_class(y) == FPU_CLASS_SNAN;

			check(got == want && ((st.flags & FPU_INVALID) != 0) == snan, "minmax", x, y, got, want);
		}
	ok(!bad, "%u minima and maxima", cases);
}

/* Integers of every width: round to an integral f64 first (tested against the host), then compare as whole numbers. */
static void integers(void)
{
	bad = cases = 0;
	for (unsigned n = 0; n < SPECIALS + 30000; n++) {
		f64 x = operand(n);

		if (n >= SPECIALS && n & 1)
			x = (x & ~(2047ull << 52)) | (1023 - 2 + rnd() % 70) << 52;
		for (unsigned w = 8; w <= 64; w *= 2)
			for (unsigned k = 0; k < 10; k++) {
				bool is_signed = k & 1;
				enum fpu_round mode = (enum fpu_round)(k / 2);
				struct fpu_status st = {0}, si = {0};
				uint64_t got, want = 0;
				enum fpu_int_fate fate = f64_to_int(x, w, is_signed, mode, &got, &st), expect = FPU_INT_OK;
				double whole = d(f64_rint(x, mode, true, &si));
				double limit = ldexp(1, (int)(is_signed ? w - 1 : w)), low = is_signed ? -limit : 0;

				if (whole != whole) {
					expect = FPU_INT_NAN;
				} else if (whole >= limit) {
					expect = FPU_INT_HIGH;
					want = is_signed ? (1ull << (w - 1)) - 1 : ~0ull >> (64 - w);
				} else if (whole < low) {
					expect = FPU_INT_LOW;
					want = is_signed ? ~0ull << (w - 1) : 0;
				} else {
					want = whole < 0 ? (uint64_t)(int64_t)whole : (uint64_t)whole;
				}
				check(fate == expect && got == want, "to integer", x, w, got, want);
				check((st.flags & FPU_IEEE) == (expect != FPU_INT_OK ? FPU_INVALID : si.flags & FPU_INEXACT),
				      "its flags", x, w, st.flags, si.flags);
			}
	}
	ok(!bad, "%u conversions to integers", cases);
	bad = cases = 0;
	for (unsigned n = 0; n < 20000; n++) {
		uint64_t v = rnd() >> (rnd() & 63);
		struct fpu_status st = {0}, su = {0};
		f64 s = f64_from_int(v, true, &st), u = f64_from_int(v, false, &su);

		check(s == b((double)(int64_t)v), "from signed", v, 0, s, b((double)(int64_t)v));
		check(u == b((double)v), "from unsigned", v, 0, u, b((double)v));
		check(f64_from_int128((fpu_u128)v << 64, false, &su) == f64_scale(u, 64, &su), "from 128 bits", v, 0, u, 0);
		{
			fpu_u128 back;
			f128 q = f128_from_int128((fpu_u128)v << 40, true, &st);

			check(f128_to_int128(q, 128, true, FPU_ZERO, &back, &st) == FPU_INT_OK && back == (fpu_u128)v << 40,
			      "to 128 bits", v, 0, (uint64_t)back, 0);
		}
	}
	ok(!bad, "%u conversions from integers", cases);
}

/* Through a wider format and back nothing is lost; a detour over a wider one rounds as the direct way does. */
static void formats(void)
{
	bad = cases = 0;
	for (unsigned n = 0; n < SPECIALS + 60000; n++) {
		f64 x = operand(n);
		struct fpu_status st = {0};
		bool snan = f64_class(x) == FPU_CLASS_SNAN;
		f64 want = snan ? x | 0x0008000000000000 : x;

		check(f64_from_f128(f128_from_f64(x, &st), &st) == want, "over f128", x, 0, 0, want);
		check(f64_from_f80(f80_from_f64(x, &st), &st) == want, "over f80", x, 0, 0, want);
		check(((st.flags & FPU_INVALID) != 0) == snan, "signalling", x, 0, st.flags, snan);
		for (unsigned mode = 0; mode < 6; mode++) {
			struct fpu_status a = {.round = (uint8_t)mode}, c = a;
			f16 direct = f16_from_f64(x, &a), detour = f16_from_f128(f128_from_f64(x, &c), &c);
			bf16 bd, bw;

			check(direct == detour && !((a.flags ^ c.flags) & FPU_IEEE), "to f16", x, mode, direct, detour);
			bd = bf16_from_f64(x, &a);
			bw = bf16_from_f80(f80_from_f64(x, &c), &c);
			check(bd == bw, "to bf16", x, mode, bd, bw);
		}
	}
	for (unsigned h = 0; h < 65536; h++) {
		struct fpu_status st = {0};
		f16 back = f16_from_f32(f32_from_f16((f16)h, &st), &st);
		bf16 bback = bf16_from_f32(f32_from_bf16((bf16)h, &st), &st);

		check(back == h || (f16_class((f16)h) == FPU_CLASS_SNAN && back == (h | 0x200)), "f16", h, 0, back, h);
		check(bback == h || (bf16_class((bf16)h) == FPU_CLASS_SNAN && bback == (h | 0x40)), "bf16", h, 0, bback, h);
		check(f32_from_bf16((bf16)h, &st) == (h << 16 | (bf16_class((bf16)h) == FPU_CLASS_SNAN ? 0x400000u : 0)),
		      "bf16 widens", h, 0, 0, 0);
	}
	ok(!bad, "%u conversions between formats", cases);
}

int main(void)
{
	remainders();
	scaling();
	extremes();
	integers();
	formats();
	return tap_done();
}
