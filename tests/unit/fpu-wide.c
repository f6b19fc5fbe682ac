/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * binary128 against the compiler's own quad arithmetic (which follows the host's rounding mode and flags), binary16 against
 * binary64 rounded once more (exact: 53 >= 2 * 11 + 2), square roots and fused operations of binary128 against integer
 * residues, and the rules no x86 host has: tininess before rounding, ties away, to odd, the other NaN rules.
 */
#include "fpu-operands.h"
#include "tap.h"
#include <fenv.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

static unsigned bad, cases;
static const int host_round[4] = {FE_TONEAREST, FE_DOWNWARD, FE_UPWARD, FE_TOWARDZERO};

static f128 special_f128(unsigned i)
{
	uint64_t top = special_bits(i, 15, 48), low = 0;
	/* the low half continues the pattern of the last fraction bit */
	f128 r = {0, top};

	switch (i & 31) {
	case 4: case 10: case 12: case 15: case 18: case 20: case 25: low = ~0ull; break;
	case 5: case 14: low = ~1ull; break;
	case 1: case 9: case 17: case 21: case 24: r.hi &= ~1ull; low = 1; break;
	}
	r.lo = low;
	return r;
}

static f128 random_f128(void)
{
	uint64_t hi = random_bits(15, 48), lo = rnd();

	if (rnd() & 1)
		lo &= ~0ull << (rnd() & 63);
	if (rnd() & 1)
		lo = rnd() & 1 ? 0 : ~0ull;
	return (f128){lo, hi};
}

#if defined(__x86_64__)
static __float128 quad(f128 a)
{
	__float128 q;

	memcpy(&q, &a, 16);
	return q;
}

static f128 unquad(__float128 q)
{
	f128 a;

	memcpy(&a, &q, 16);
	return a;
}

static unsigned host_flags(void)
{
	int f = fetestexcept(FE_ALL_EXCEPT);

	return (f & FE_INVALID ? FPU_INVALID : 0) | (f & FE_DIVBYZERO ? FPU_DIVZERO : 0) |
	       (f & FE_OVERFLOW ? FPU_OVERFLOW : 0) | (f & FE_UNDERFLOW ? FPU_UNDERFLOW : 0) |
	       (f & FE_INEXACT ? FPU_INEXACT : 0);
}

static void compare(const char *op, f128 a, f128 b, f128 got, f128 want, unsigned gf, unsigned wf, unsigned mode)
{
	bool nan = f128_is_nan(got) && f128_is_nan(want); /* which NaN is this library's rule */

	cases++;
	if ((nan || (got.lo == want.lo && got.hi == want.hi)) && ((gf ^ wf) & FPU_IEEE) == 0)
		return;
	if (bad++ < 8)
		printf("# %s %016llx%016llx %016llx%016llx mode %u: got %016llx%016llx %02x want %016llx%016llx %02x\n", op,
		       (unsigned long long)a.hi, (unsigned long long)a.lo, (unsigned long long)b.hi,
		       (unsigned long long)b.lo, mode, (unsigned long long)got.hi, (unsigned long long)got.lo, gf,
		       (unsigned long long)want.hi, (unsigned long long)want.lo, wf);
}

#define QUAD(OP, EXPR)                                                                                         \
	do {                                                                                                   \
		struct fpu_status st = {.round = (uint8_t)mode};                                               \
		f128 got = f128_##OP(a, b, &st), want;                                                         \
		unsigned wf;                                                                                   \
		volatile __float128 x = quad(a), y = quad(b), z;                                               \
		feclearexcept(FE_ALL_EXCEPT);                                                                  \
		z = EXPR;                                                                                      \
		wf = host_flags();                                                                             \
		want = unquad(z);                                                                              \
		compare(#OP, a, b, got, want, st.flags, wf, mode);                                             \
	} while (0)

static void quad_pair(f128 a, f128 b, unsigned mode)
{
	fesetround(host_round[mode]);
	QUAD(add, x + y);
	QUAD(sub, x - y);
	QUAD(mul, x * y);
	QUAD(div, x / y);
	fesetround(FE_TONEAREST);
}

static void quad_narrow(f128 a, unsigned mode)
{
	struct fpu_status st = {.round = (uint8_t)mode};
	volatile __float128 x = quad(a);
	volatile double d;
	volatile float f;
	f64 want, got = f64_from_f128(a, &st);
	f32 want32, got32;
	unsigned flags;

	fesetround(host_round[mode]);
	feclearexcept(FE_ALL_EXCEPT);
	d = (double)x;
	flags = host_flags();
	memcpy(&want, (const void *)&d, 8);
	compare("to f64", a, a, (f128){f64_is_nan(got) ? 0 : got, 0}, (f128){f64_is_nan(want) ? 0 : want, 0}, st.flags,
		flags, mode);
	st.flags = 0;
	got32 = f32_from_f128(a, &st);
	feclearexcept(FE_ALL_EXCEPT);
	f = (float)x;
	flags = host_flags();
	memcpy(&want32, (const void *)&f, 4);
	compare("to f32", a, a, (f128){f32_is_nan(got32) ? 0 : got32, 0}, (f128){f32_is_nan(want32) ? 0 : want32, 0},
		st.flags, flags, mode);
	fesetround(FE_TONEAREST);
}
#endif

static void check_quad(void)
{
#if defined(__x86_64__)
	for (unsigned mode = 0; mode < 4; mode++) {
		bad = cases = 0;
		for (unsigned i = 0; i < SPECIALS; i++) {
			for (unsigned j = 0; j < SPECIALS; j++)
				quad_pair(special_f128(i), special_f128(j), mode);
			quad_narrow(special_f128(i), mode);
		}
		for (unsigned n = 0; n < 20000; n++) {
			f128 a = random_f128();

			quad_pair(a, random_f128(), mode);
			a.hi = (a.hi & 0x8000FFFFFFFFFFFFull) | (uint64_t)(16383 - 1100 + rnd() % 2200) << 48;
			quad_narrow(a, mode);
		}
		ok(!bad, "%u cases of binary128 agree with the compiler's, rounding %u", cases, mode);
	}
#else
	ok(1, "binary128 against the compiler # SKIP the reference needs x86-64's flags");
#endif
}

/* binary16: the same operation in binary64 is exact or innocuous, so one more rounding gives the answer. */
static void check_half(void)
{
	static const uint8_t modes[6] = {0, 1, 2, 3, FPU_AWAY, FPU_ODD};

	for (unsigned m = 0; m < 6; m++) {
		bad = cases = 0;
		for (unsigned n = 0; n < SPECIALS * SPECIALS + 40000; n++) {
			f16 a = n < 4096 ? (f16)special_bits(n / 64, 5, 10) : (f16)rnd();
			f16 b = n < 4096 ? (f16)special_bits(n % 64, 5, 10) : (f16)rnd();

			for (unsigned op = 0; op < 5; op++) {
				struct fpu_status st = {.round = modes[m]}, wide = {.round = FPU_ODD};
				struct fpu_status in = {0};
				f64 x = f64_from_f16(a, &in), y = f64_from_f16(b, &in), z;
				f16 got, want;

				switch (op) {
				case 0: got = f16_add(a, b, &st), z = f64_add(x, y, &wide); break;
				case 1: got = f16_sub(a, b, &st), z = f64_sub(x, y, &wide); break;
				case 2: got = f16_mul(a, b, &st), z = f64_mul(x, y, &wide); break;
				case 3: got = f16_div(a, b, &st), z = f64_div(x, y, &wide); break;
				default: got = f16_sqrt(a, &st), z = f64_sqrt(x, &wide);
				}
				if (f16_is_nan(a) || f16_is_nan(b))
					continue;
				wide.round = modes[m];
				want = f16_from_f64(z, &wide);
				if (!(want & 0x7fff) && op < 2 && !(wide.flags & FPU_INEXACT))
					want = got & 0x8000; /* the sign of an exact zero follows the mode; see fpu-sse */
				cases++;
				if ((got != want || ((st.flags ^ wide.flags) & FPU_IEEE)) && bad++ < 8)
					printf("# f16 op %u %04x %04x mode %u: got %04x %02x want %04x %02x\n", op, a, b, modes[m],
					       got, st.flags & 0xff, want, wide.flags & 0xff);
			}
		}
		ok(!bad, "%u cases of binary16 agree with binary64 rounded once more, rounding %u", cases, modes[m]);
	}
#if defined(__x86_64__)
	unsigned eax, ebx, ecx, edx;

	if (__get_cpuid(1, &eax, &ebx, &ecx, &edx) && ecx & bit_F16C) {
		bad = cases = 0;
		for (unsigned h = 0; h < 65536; h++) {
			typedef unsigned short v8h __attribute__((vector_size(16)));
			typedef unsigned int v4s __attribute__((vector_size(16)));
			v8h in = {(unsigned short)h};
			v4s out;
			struct fpu_status st = {0};

			__asm__("vcvtph2ps %1, %0" : "=x"(out) : "x"(in));
			bad += f32_from_f16((f16)h, &st) != out[0];
		}
		ok(!bad, "every binary16 widens as the host does it");
		bad = 0;
		for (unsigned n = 0; n < 400000; n++) {
			typedef unsigned short v8h __attribute__((vector_size(16)));
			typedef unsigned int v4s __attribute__((vector_size(16)));
			f32 a = (f32)(rnd() & 0x80ffffff) | (f32)(127 - 27 + rnd() % 46) << 23;
			v4s in = {a};
			v8h out;
			struct fpu_status st = {.round = n & 3};

			switch (n & 3) {
			case 0: __asm__("vcvtps2ph $0, %1, %0" : "=x"(out) : "x"(in)); break;
			case 1: __asm__("vcvtps2ph $1, %1, %0" : "=x"(out) : "x"(in)); break;
			case 2: __asm__("vcvtps2ph $2, %1, %0" : "=x"(out) : "x"(in)); break;
			default: __asm__("vcvtps2ph $3, %1, %0" : "=x"(out) : "x"(in));
			}
			bad += f16_from_f32(a, &st) != out[0];
		}
		ok(!bad, "binary32 narrows to binary16 as the host does it");
	} else {
		ok(1, "binary16 against the host # SKIP no F16C here");
	}
#endif
}

/* r is the root toward zero exactly when r^2 <= a < (next r)^2; by exact fused residues rounded to odd. */
static void check_sqrt_fma(void)
{
	bad = 0;
	for (unsigned n = 0; n < 4000; n++) {
		struct fpu_status down = {.round = FPU_ZERO}, up = {.round = FPU_UP}, odd = {.round = FPU_ODD};
		f128 a = random_f128(), lo, hi, rl, rh;

		a.hi = (a.hi & 0xFFFFFFFFFFFFull) | (uint64_t)(16383 - 4000 + rnd() % 8000) << 48;
		lo = f128_sqrt(a, &down);
		hi = f128_sqrt(a, &up);
		rl = f128_fma(lo, lo, a, FPU_NEG_ADDEND, &odd);
		rh = f128_fma(hi, hi, a, FPU_NEG_ADDEND, &odd);
		if (down.flags & FPU_INEXACT) {
			fpu_u128 d = ((fpu_u128)hi.hi << 64 | hi.lo) - ((fpu_u128)lo.hi << 64 | lo.lo);

			bad += d != 1 || !(rl.hi >> 63) || rh.hi >> 63;
		} else {
			bad += (rl.hi << 1 | rl.lo) != 0;
		}
	}
	ok(!bad, "binary128 square roots have residues of the right sign");
	bad = 0;
	for (unsigned n = 0; n < 20000; n++) {
		/* a * b as high + low parts is exact: fma(a, b, -round(a * b)) is the rounding error itself */
		struct fpu_status st = {0};
		f128 a = random_f128(), b = random_f128(), p, e, p2;

		a.hi = (a.hi & 0x8000FFFFFFFFFFFFull) | (uint64_t)(16383 - 400 + rnd() % 800) << 48;
		b.hi = (b.hi & 0x8000FFFFFFFFFFFFull) | (uint64_t)(16383 - 400 + rnd() % 800) << 48;
		p = f128_mul(a, b, &st);
		st.flags = 0;
		e = f128_fma(a, b, p, FPU_NEG_ADDEND, &st);
		bad += st.flags != 0;           /* exact */
		p2 = f128_fma(a, b, f128_neg(e), 0, &st);
		bad += p2.hi != p.hi || p2.lo != p.lo; /* a * b - e is p exactly */
		bad += st.flags != 0;
	}
	ok(!bad, "the rounding error of a binary128 product is an exact fused result");
}

static void check_rules(void)
{
	struct fpu_status st = {.tiny_before = true, .nan_default = FPU_DEFNAN_POSITIVE};
	uint64_t v;

	/* just below the smallest normal, rounds up to it: tiny before rounding, not tiny after */
	ok_eq(f32_mul(0x3F7FFFFE, 0x00800001, &st), 0x00800000, "the product rounds up to the smallest normal");
	ok_eq(st.flags & FPU_IEEE, FPU_UNDERFLOW | FPU_INEXACT, "it is tiny when that is found before rounding");
	st = (struct fpu_status){0};
	f32_mul(0x3F7FFFFE, 0x00800001, &st);
	ok_eq(st.flags & FPU_IEEE, FPU_INEXACT, "and not when after");
	st = (struct fpu_status){.flush = FPU_FLUSH_ARM, .tiny_before = true};
	ok_eq(f32_mul(0x00800000, 0x3F000000, &st), 0, "flush to zero of an exact denormal result");
	ok_eq(st.flags & FPU_IEEE, FPU_UNDERFLOW, "raises underflow alone in ARM's manner");
	st = (struct fpu_status){.round = FPU_AWAY};
	ok_eq(f64_to_int(0x4004000000000000, 32, true, FPU_AWAY, &v, &st), FPU_INT_OK, "2.5 converts");
	ok_eq(v, 3, "2.5 rounds away to 3");
	f64_to_int(0xC004000000000000, 32, true, FPU_NEAREST, &v, &st);
	ok_eq(v, -2, "-2.5 rounds to even");
	ok_eq(f64_to_int(0x43E0000000000000, 64, true, FPU_ZERO, &v, &st), FPU_INT_HIGH, "2^63 is too high");
	ok_eq(v, INT64_MAX, "and saturates");
	ok_eq(f64_to_int(0xBFF0000000000000, 64, false, FPU_ZERO, &v, &st), FPU_INT_LOW, "-1 is no unsigned integer");
	ok_eq(v, 0, "and saturates to 0");
	ok_eq(f64_to_int(0xBFE0000000000000, 64, false, FPU_ZERO, &v, &st), FPU_INT_OK, "-0.5 truncates to 0");
	st = (struct fpu_status){.round = FPU_ODD};
	ok_eq(f32_from_f64(0x3FF0000000000001, &st), 0x3F800001, "to odd keeps a sticky last bit");
	ok_eq(f32_from_f64(0x7FE0000000000000, &st), 0x7F7FFFFF, "to odd never overflows to infinity");
	st = (struct fpu_status){.nan_rule = FPU_NAN_SIGNALLING_FIRST, .nan_default = FPU_DEFNAN_POSITIVE};
	ok_eq(f32_add(0x7FC00001, 0x7F800002, &st), 0x7FC00002, "the signalling NaN wins where ARM adds");
	st.nan_rule = FPU_NAN_FIRST;
	ok_eq(f32_add(0x7FC00001, 0x7F800002, &st), 0x7FC00001, "the first NaN wins where SSE adds");
	st.nan_rule = FPU_NAN_SIGNALLING_LAST;
	ok_eq(f32_add(0x7FC00001, 0x7FC00002, &st), 0x7FC00002, "the last NaN wins where SPARC adds");
	st.flags = 0;
	ok_eq(f32_sub(0x7F800000, 0x7F800000, &st), 0x7FC00000, "infinity - infinity is the positive default NaN");
	ok_eq(st.flags, FPU_INVALID | FPU_INV_ISI, "and says why");
	st.fma_rule = FPU_FMA_DEFAULT;
	st.flags = 0;
	ok_eq(f32_fma(0x7F800000, 0, 0x7FC00007, 0, &st), 0x7FC00000, "infinity * 0 + NaN is the default NaN for ARM");
	st.fma_rule = FPU_FMA_INVALID;
	ok_eq(f32_fma(0x7F800000, 0, 0x7FC00007, 0, &st), 0x7FC00007, "and the NaN for PowerPC");
	st.round = FPU_DOWN;
	ok_eq(f32_fma(0x3F800000, 0x3F800000, 0x33000000, FPU_NEG_RESULT, &st), 0xBF800000,
	      "a result negated after rounding is rounded with its old sign");
	ok_eq(f32_minmax(0x7FC00000, 0x3F800000, FPU_MIN | FPU_MINMAX_NUMBER, &st), 0x3F800000, "minNum prefers the number");
	ok_eq(f32_minmax(0x80000000, 0, FPU_MAX, &st), 0, "the maximum of zeros is +0");
	st = (struct fpu_status){.snan_is_one = true, .nan_default = FPU_DEFNAN_POSITIVE};
	ok_eq(f32_default_nan(&st), 0x7FBFFFFF, "the default NaN of older MIPS");
	ok_eq(f32_class(0x7FC00000), FPU_CLASS_QNAN, "quiet by 754-2008");
	st.flags = 0;
	ok_eq(f32_add(0x7FC00000, 0, &st), 0x7FBFFFFF, "signalling where the bit means that");
	ok_eq(st.flags & FPU_INVALID, FPU_INVALID, "and invalid");
	st = (struct fpu_status){0};
	ok_eq(bf16_from_f32(0x3F808000, &st), 0x3F80, "bfloat16 rounds ties to even");
	ok_eq(f64_rem(0x4014000000000000, 0x4008000000000000, &st), 0xBFF0000000000000, "5 rem 3 is -1");
}

int main(void)
{
	check_quad();
	check_half();
	check_sqrt_fma();
	check_rules();
	return tap_done();
}
