/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The transcendental operations against the host's: special operands exactly, with their exceptions; elsewhere within one
 * unit in the last place. fxtract, fscale and the constants exactly.
 */
#include "tap.h"
#ifndef __x86_64__
int main(void)
{
	tap_skip_all("the reference is an x86-64 processor");
}
#else
#include "fpu-operands.h"
#include "fpu/trans.h"

struct m80 {
	uint64_t sig;
	uint16_t se;
} __attribute__((packed));

static uint16_t fsw;
static unsigned cases, bad, worst, one_off, inexact_off;

/* st0 = x, st1 = y; r0 = st0, r1 = st1 afterwards. */
#define HOST(NAME, INSN)                                                                                       \
	static void host_##NAME(f80 y, f80 x, uint16_t fcw, f80 *r0, f80 *r1)                                  \
	{                                                                                                      \
		struct m80 my = {y.sig, y.se}, mx = {x.sig, x.se}, a, b;                                       \
		uint16_t sw;                                                                                   \
		__asm__ volatile("fninit\n\tfldcw %5\n\tfldt %3\n\tfldt %4\n\t" INSN "\n\tfnstsw %2\n\tfnclex\n\t" \
				 "fstpt %0\n\tfstpt %1\n\tfninit"                                              \
				 : "=m"(a), "=m"(b), "=m"(sw) : "m"(my), "m"(mx), "m"(fcw)                     \
				 : "st", "st(1)", "st(2)", "st(3)", "st(4)", "st(5)", "st(6)", "st(7)");       \
		fsw = sw;                                                                                      \
		*r0 = (f80){a.sig, a.se};                                                                      \
		*r1 = (f80){b.sig, b.se};                                                                      \
	}
HOST(f2xm1, "f2xm1")
HOST(yl2x, "fyl2x")
HOST(yl2xp1, "fyl2xp1")
HOST(patan, "fpatan")
HOST(sin, "fsin")
HOST(cos, "fcos")
HOST(sincos, "fsincos")
HOST(tan, "fptan")
HOST(extract, "fxtract")
HOST(scale, "fscale")
HOST(pi, "fldpi")
HOST(l2e, "fldl2e")
HOST(l2t, "fldl2t")
HOST(lg2, "fldlg2")
HOST(ln2, "fldln2")

static uint64_t distance(f80 a, f80 b)
{
	__int128 x = (__int128)(a.se & 0x7FFF) << 63 | (a.sig & INT64_MAX), y;

	y = (__int128)(b.se & 0x7FFF) << 63 | (b.sig & INT64_MAX);
	if (a.se >> 15)
		x = -x;
	if (b.se >> 15)
		y = -y;
	x -= y;
	if (x < 0)
		x = -x;
	return x > 1000000 ? 1000000 : (uint64_t)x;
}

static void check(const char *op, f80 y, f80 x, uint16_t fcw, f80 got, f80 want, uint32_t flags, unsigned ulps)
{
	uint64_t d = distance(got, want);
	/* whether a result that rounds to the smallest normal number was tiny is the processor's own as well */
	unsigned edge = (want.se & 0x7FFF) <= 1 && want.sig == 1ull << 63 ? FPU_UNDERFLOW : 0;
	bool nan = f80_is_nan(want) || f80_is_nan(got);

	cases++;
	if (nan)
		d = got.se == want.se && got.sig == want.sig ? 0 : 1000000;
	if (d <= ulps && d > worst)
		worst = (unsigned)d;
	one_off += d == 1;
	inexact_off += ((flags ^ fsw) & FPU_INEXACT) != 0;
	if (d <= ulps && !((flags ^ fsw) & 0x1f & ~edge))
		return;
	if (bad++ < 12)
		printf("# %s y %04x.%016llx x %04x.%016llx fcw %04x: got %04x.%016llx %02x, host %04x.%016llx fsw %04x\n", op,
		       y.se, (unsigned long long)y.sig, x.se, (unsigned long long)x.sig, fcw, got.se,
		       (unsigned long long)got.sig, flags & 0x3f, want.se, (unsigned long long)want.sig, fsw);
}

static struct fpu_status status(uint16_t fcw)
{
	return (struct fpu_status){.round = fcw >> 10 & 3, .nan_rule = FPU_NAN_X87,
				   .enabled = ~fcw & (FPU_OVERFLOW | FPU_UNDERFLOW)};
}

#define TRY(OP, ULPS, ...)                                                                                     \
	do {                                                                                                   \
		struct fpu_status st = status(fcw);                                                            \
		f80 r0, r1, got;                                                                               \
		host_##OP(y, x, fcw, &r0, &r1);                                                                \
		got = __VA_ARGS__;                                                                             \
		check(#OP, y, x, fcw, got, r0, st.flags, ULPS);                                                \
	} while (0)

static void trig(f80 y, f80 x, uint16_t fcw)
{
	struct fpu_status st = status(fcw);
	f80 r0, r1, s = {0, 0}, c = {0, 0}, t = {0, 0};
	bool in_range;

	host_sin(y, x, fcw, &r0, &r1);
	in_range = f80_sincos(x, &s, NULL, &st);
	if (in_range == (fsw >> 10 & 1))
		bad++, printf("# range of sin\n");
	if (!in_range)
		return;
	check("sin", y, x, fcw, s, r0, st.flags, 1);
	st = status(fcw);
	f80_sincos(x, NULL, &c, &st);
	host_cos(y, x, fcw, &r0, &r1);
	check("cos", y, x, fcw, c, r0, st.flags, 1);
	st = status(fcw);
	f80_sincos(x, &s, &c, &st);
	host_sincos(y, x, fcw, &r0, &r1);
	check("sincos cos", y, x, fcw, c, r0, st.flags, 1);
	check("sincos sin", y, x, fcw, s, r1, st.flags, 1);
	st = status(fcw);
	f80_tan(x, &t, &st);
	host_tan(y, x, fcw, &r0, &r1);
	check("tan", y, x, fcw, t, f80_is_nan(t) ? r0 : r1, st.flags, 1);
}

static f80 scaled(f80 a, int e)
{
	a.se = (uint16_t)((a.se & 0x8000) | (16383 + e));
	a.sig |= 1ull << 63;
	return a;
}

static void exact(f80 y, f80 x, uint16_t fcw)
{
	struct fpu_status st = status(fcw);
	f80 r0, r1, e, s;

	host_extract(y, x, fcw, &r0, &r1);
	s = f80_extract(x, &e, &st);
	check("fxtract significand", y, x, fcw, s, r0, st.flags, 0);
	check("fxtract exponent", y, x, fcw, e, r1, st.flags, 0);
}

static void run_op(unsigned op, f80 y, f80 x, uint16_t fcw, bool special)
{
	int e = special ? 0 : (int)(rnd() % 64);

	switch (op) {
	case 0:
		if (!special)
			x = scaled(x, -1 - e);
		if ((x.se & 0x7FFF) < 0x3FFF || (x.se & 0x7FFF) == 0x7FFF)
			TRY(f2xm1, 1, f80_f2xm1(x, &st));
		break;
	case 1:
		x.se &= special ? 0xFFFF : 0x7FFF;
		TRY(yl2x, 1, f80_yl2x(y, x, &st));
		if (!special) {
			x = scaled(x, (int)(rnd() % 5) - 2);
			x.se &= 0x7FFF;
			TRY(yl2x, 1, f80_yl2x(y, x, &st));
		}
		break;
	case 2:
		if (!special)
			x = scaled(x, -2 - e);
		if ((x.se & 0x7FFF) < 0x3FFD || ((x.se & 0x7FFF) == 0x3FFD && x.sig < 0x95F619980C433700) || x.se == 0x7FFF)
			TRY(yl2xp1, 1, f80_yl2xp1(y, x, &st));
		break;
	case 3:
		TRY(patan, 1, f80_patan(y, x, &st));
		if (!special) {
			x = scaled(x, (int)(rnd() % 9) - 4);
			y = scaled(y, (int)(rnd() % 9) - 4);
			TRY(patan, 1, f80_patan(y, x, &st));
		}
		break;
	case 4:
		if (!special)
			x = scaled(x, e - 30);
		trig(y, x, fcw);
		break;
	default:
		exact(y, x, fcw);
		TRY(scale, 0, f80_scale_by(x, y, &st));
		if (!special) {
			y = scaled(y, e % 16);
			TRY(scale, 0, f80_scale_by(x, y, &st));
		}
	}
}

int main(void)
{
	static const char *const names[] = {"f2xm1", "fyl2x", "fyl2xp1", "fpatan", "fsin fcos fsincos fptan",
					    "fxtract fscale"};
	f80 y = {1ull << 63, 0x3FFF}, x = y;

	for (unsigned op = 0; op < 6; op++) {
		for (unsigned special = 0; special < 2; special++) {
			bad = cases = worst = one_off = inexact_off = 0;
			for (unsigned mode = 0; mode < 4; mode++) {
				uint16_t fcw = (uint16_t)(0x33f | mode << 10);

				for (unsigned i = 0; i < SPECIALS * SPECIALS; i++) {
					f80 a = special ? special_f80(i / 64) : random_f80();
					f80 b = special ? special_f80(i % 64) : random_f80();

					run_op(op, a, b, fcw, special);
				}
			}
			ok(!bad, "%s: %u %s cases within %u units in the last place, %u one off, %u with another "
			   "precision flag", names[op], cases, special ? "special" : "random", worst, one_off, inexact_off);
		}
	}
	bad = 0;
	for (uint16_t fcw = 0x33f; fcw <= 0xf3f; fcw += 0x400) {
		TRY(pi, 0, f80_constant(F80_PI, &st));
		TRY(l2e, 0, f80_constant(F80_LOG2E, &st));
		TRY(l2t, 0, f80_constant(F80_LOG2_10, &st));
		TRY(lg2, 0, f80_constant(F80_LOG10_2, &st));
		TRY(ln2, 0, f80_constant(F80_LN2, &st));
	}
	ok(!bad, "the constants in every rounding mode");
	return tap_done();
}
#endif
