/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The extended format against the host's x87: arithmetic in every rounding and precision mode, masked and with the
 * scaled results of unmasked overflow and underflow, on all pairs of 64 special operands and random ones; result, exception
 * bits of the status word, and C1 where it tells the direction of rounding.
 */
#include "tap.h"
#ifndef __x86_64__
int main(void)
{
	tap_skip_all("the reference is an x86-64 processor");
}
#else
#include "fpu-operands.h"

struct m80 {
	uint64_t sig;
	uint16_t se;
} __attribute__((packed));

static uint16_t fsw;
static unsigned cases, bad;

static struct m80 mem(f80 a)
{
	return (struct m80){a.sig, a.se};
}

static f80 reg(struct m80 a)
{
	return (f80){a.sig, a.se};
}

/* st0 = b, st1 = a (where there are two); leaves one result. Exceptions are cleared before the store could report them. */
#define HOST(NAME, LOAD, INSN)                                                                                 \
	static f80 NAME(f80 a, f80 b, uint16_t fcw)                                                            \
	{                                                                                                      \
		struct m80 x = mem(a), y = mem(b), r;                                                          \
		uint16_t sw;                                                                                   \
		__asm__ volatile("fninit\n\tfldcw %4\n\t" LOAD "\n\t" INSN "\n\tfnstsw %1\n\tfnclex\n\t"       \
				 "fstpt %0\n\tfninit"                                                          \
				 : "=m"(r), "=m"(sw) : "m"(x), "m"(y), "m"(fcw)                                \
				 : "st", "st(1)", "st(2)", "st(3)", "st(4)", "st(5)", "st(6)", "st(7)");       \
		fsw = sw;                                                                                      \
		return reg(r);                                                                                 \
	}
#define TWO "fldt %2\n\tfldt %3"
#define ONE "fldt %2"
HOST(host_add, TWO, "faddp")
HOST(host_sub, TWO, "fsubrp") /* AT&T's reversed name: st1 - st0 */
HOST(host_mul, TWO, "fmulp")
HOST(host_div, TWO, "fdivrp")
HOST(host_sqrt, ONE, "fsqrt")
HOST(host_rint, ONE, "frndint")
/* fprem leaves the modulus in st1: exchange and pop */
HOST(host_prem, "fldt %3\n\tfldt %2", "fprem")
HOST(host_prem1, "fldt %3\n\tfldt %2", "fprem1")

#define STORE(NAME, T, INSN, N)                                                                                \
	static T NAME(f80 a, uint16_t fcw)                                                                     \
	{                                                                                                      \
		struct m80 x = mem(a);                                                                         \
		T r;                                                                                           \
		uint16_t sw;                                                                                   \
		__asm__ volatile("fninit\n\tfldcw %3\n\tfldt %2\n\t" INSN " %0\n\tfnstsw %1\n\tfninit"         \
				 : "=m"(r), "=m"(sw) : "m"(x), "m"(fcw)                                        \
				 : "st", "st(1)", "st(2)", "st(3)", "st(4)", "st(5)", "st(6)", "st(7)");       \
		fsw = sw;                                                                                      \
		return r;                                                                                      \
	}
STORE(host_f32, f32, "fstps", 32)
STORE(host_f64, f64, "fstpl", 64)
STORE(host_i16, uint16_t, "fistps", 16)
STORE(host_i32, uint32_t, "fistpl", 32)
STORE(host_i64, uint64_t, "fistpll", 64)
struct bcd {
	uint8_t b[10];
};
STORE(host_bcd, struct bcd, "fbstp", 80)

#define LOADM(NAME, T, INSN)                                                                                   \
	static f80 NAME(T a, uint16_t fcw)                                                                     \
	{                                                                                                      \
		struct m80 r;                                                                                  \
		uint16_t sw;                                                                                   \
		__asm__ volatile("fninit\n\tfldcw %3\n\t" INSN " %2\n\tfnstsw %1\n\tfstpt %0\n\tfninit"        \
				 : "=m"(r), "=m"(sw) : "m"(a), "m"(fcw)                                        \
				 : "st", "st(1)", "st(2)", "st(3)", "st(4)", "st(5)", "st(6)", "st(7)");       \
		fsw = sw;                                                                                      \
		return reg(r);                                                                                 \
	}
LOADM(load_f32, f32, "flds")
LOADM(load_f64, f64, "fldl")
LOADM(load_i16, uint16_t, "filds")
LOADM(load_i64, uint64_t, "fildll")
LOADM(load_bcd, struct bcd, "fbld")

static int host_com(f80 a, f80 b, uint16_t fcw, bool quiet)
{
	struct m80 x = mem(a), y = mem(b);
	uint16_t sw;

	if (quiet)
		__asm__ volatile("fninit\n\tfldcw %3\n\tfldt %2\n\tfldt %1\n\tfucompp\n\tfnstsw %0\n\tfninit"
				 : "=m"(sw) : "m"(x), "m"(y), "m"(fcw) : "st", "st(1)");
	else
		__asm__ volatile("fninit\n\tfldcw %3\n\tfldt %2\n\tfldt %1\n\tfcompp\n\tfnstsw %0\n\tfninit"
				 : "=m"(sw) : "m"(x), "m"(y), "m"(fcw) : "st", "st(1)");
	fsw = sw;
	sw &= 0x4500;
	return sw == 0x4500 ? FPU_UNORDERED : sw == 0x4000 ? FPU_EQUAL : sw == 0x100 ? FPU_LESS : FPU_GREATER;
}

static struct fpu_status status(uint16_t fcw)
{
	static const uint8_t pc[4] = {24, 0, 53, 0};
	struct fpu_status st = {.round = fcw >> 10 & 3, .precision = pc[fcw >> 8 & 3], .nan_rule = FPU_NAN_X87,
				.enabled = ~fcw & (FPU_OVERFLOW | FPU_UNDERFLOW)};
	return st;
}

static void check(const char *op, f80 a, f80 b, uint16_t fcw, f80 got, f80 want, const struct fpu_status *st,
		  unsigned mask)
{
	bool c1 = fsw & 0x200, up = st->flags & FPU_ROUNDED_UP;

	cases++;
	if (got.sig == want.sig && got.se == want.se && !((st->flags ^ fsw) & mask & 0x3f) &&
	    (c1 == up || !(fsw & 0x20)))
		return;
	if (bad++ < 10)
		printf("# %s %04x.%016llx %04x.%016llx fcw %04x: got %04x.%016llx flags %02x up %d, host "
		       "%04x.%016llx fsw %04x\n", op, a.se, (unsigned long long)a.sig, b.se,
		       (unsigned long long)b.sig, fcw, got.se, (unsigned long long)got.sig, st->flags & 0x3f, up,
		       want.se, (unsigned long long)want.sig, fsw);
}

#define TRY(NAME, MASK, ...)                                                                                   \
	do {                                                                                                   \
		struct fpu_status st = status(fcw);                                                            \
		f80 want_ = host_##NAME, got_ = __VA_ARGS__;                                                   \
		check(#NAME, a, b, fcw, got_, want_, &st, MASK);                                               \
	} while (0)

static void run2(f80 a, f80 b, uint16_t fcw)
{
	TRY(add(a, b, fcw), 0x3f, f80_add(a, b, &st));
	TRY(sub(a, b, fcw), 0x3f, f80_sub(a, b, &st));
	TRY(mul(a, b, fcw), 0x3f, f80_mul(a, b, &st));
	TRY(div(a, b, fcw), 0x3f, f80_div(a, b, &st));
	for (int quiet = 0; quiet < 2; quiet++) {
		struct fpu_status st = status(fcw);
		int want = host_com(a, b, fcw, quiet), got = f80_compare(a, b, !quiet, &st);

		check(quiet ? "fucom" : "fcom", a, b, fcw, (f80){(uint64_t)got, 0}, (f80){(uint64_t)want, 0}, &st, 0x3f);
	}
}

static void run_prem(f80 a, f80 b, uint16_t fcw)
{
	for (int nearest = 0; nearest < 2; nearest++) {
		struct fpu_status st = status(fcw);
		f80 want = nearest ? host_prem1(a, b, fcw) : host_prem(a, b, fcw), got;
		unsigned q, hq = (fsw >> 8 & 1) << 2 | (fsw >> 14 & 1) << 1 | (fsw >> 9 & 1);
		bool partial;

		got = f80_prem(a, b, nearest, &q, &partial, &st);
		if (partial != (fsw >> 10 & 1) || (!partial && !(fsw & 1) && hq != q && !f80_is_nan(got))) {
			bad++;
			if (bad < 10)
				printf("# quotient %u partial %d, host fsw %04x\n", q, partial, fsw);
		}
		check(nearest ? "fprem1" : "fprem", a, b, fcw, got, want, &st, 0x3f);
	}
}

static void run1(f80 a, uint16_t fcw)
{
	f80 b = {0, 0};
	uint64_t v;
	enum fpu_round rm = (enum fpu_round)(fcw >> 10 & 3);

	TRY(sqrt(a, b, fcw), 0x3f, f80_sqrt(a, &st));
	TRY(rint(a, b, fcw), 0x3f, f80_rint(a, rm, true, &st));
	if (!(fcw & 0x10))
		return; /* unmasked: nothing is stored */
#define NARROW(T)                                                                                              \
	{                                                                                                      \
		struct fpu_status st = status(fcw);                                                            \
		uint64_t want = host_##T(a, fcw), got = T##_from_f80(a, &st);                                  \
		/* a store does not report a denormal */                                                       \
		check("fst " #T, a, b, fcw, (f80){got, 0}, (f80){want, 0}, &st, 0x3d);                         \
	}
	NARROW(f32)
	NARROW(f64)
#define INT(bits)                                                                                              \
	{                                                                                                      \
		struct fpu_status st = status(fcw);                                                            \
		uint64_t want = host_i##bits(a, fcw);                                                          \
		if (f80_to_int(a, bits, true, rm, &v, &st) != FPU_INT_OK)                                      \
			v = 1ull << (bits - 1);                                                                \
		v &= ~0ull >> (64 - bits);                                                                     \
		check("fist" #bits, a, b, fcw, (f80){v, 0}, (f80){want, 0}, &st, 0x3f);                        \
	}
	INT(16)
	INT(32)
	INT(64)
	{
		struct fpu_status st = status(fcw);
		struct bcd want = host_bcd(a, fcw), got;
		uint64_t g = 0, w = 0;

		if (!f80_to_bcd(a, got.b, &st))
			memcpy(got.b, "\0\0\0\0\0\0\0\xc0\xff\xff", 10);
		memcpy(&g, got.b, 8);
		memcpy(&w, want.b, 8);
		check("fbstp", a, b, fcw, (f80){g, (uint16_t)(got.b[8] | got.b[9] << 8)},
		      (f80){w, (uint16_t)(want.b[8] | want.b[9] << 8)}, &st, 0x3f);
	}
}

static void run_load(uint64_t x, uint16_t fcw)
{
	f80 a = {x, 0}, b = {0, 0};
	struct bcd d;

	/* a load widens before it looks at nothing: no rounding, but SNaN and denormal are reported */
#define LOAD(NAME, HOSTCALL, ...)                                                                              \
	do {                                                                                                   \
		struct fpu_status st = status(fcw);                                                            \
		f80 want_ = HOSTCALL, got_ = __VA_ARGS__;                                                      \
		check(NAME, a, b, fcw, got_, want_, &st, 0x3f);                                                \
	} while (0)
	LOAD("fld f32", load_f32((f32)x, fcw), f80_from_f32((f32)x, &st));
	LOAD("fld f64", load_f64(x, fcw), f80_from_f64(x, &st));
	LOAD("fild i16", load_i16((uint16_t)x, fcw), f80_from_int((uint64_t)(int16_t)x, true, &st));
	LOAD("fild i64", load_i64(x, fcw), f80_from_int(x, true, &st));
	memset(&d, 0, sizeof d);
	for (int i = 0; i < 9; i++)
		d.b[i] = (uint8_t)((x >> (i * 7)) % 10 | ((x >> (i * 5)) % 10) << 4);
	d.b[9] = (uint8_t)(x >> 56 & 0x80);
	LOAD("fbld", load_bcd(d, fcw), f80_from_bcd(d.b));
}

int main(void)
{
	for (unsigned mode = 0; mode < 24; mode++) {
		static const uint16_t pcs[3] = {0x300, 0x200, 0};
		uint16_t fcw = (uint16_t)((mode >= 12 ? 0x27 : 0x3f) | (mode & 3) << 10 | pcs[mode / 4 % 3]);

		bad = cases = 0;
		for (unsigned i = 0; i < SPECIALS; i++) {
			for (unsigned j = 0; j < SPECIALS; j++) {
				run2(special_f80(i), special_f80(j), fcw);
				run_prem(special_f80(i), special_f80(j), fcw);
			}
			run1(special_f80(i), fcw);
			run_load(special_bits(i, 11, 52), fcw);
			run_load(special_bits(i, 8, 23), fcw);
		}
		for (unsigned n = 0; n < 8000; n++) {
			f80 a = random_f80(), b = random_f80();

			run2(a, b, fcw);
			run_prem(a, b, fcw);
			run1(a, fcw);
			a.se = (uint16_t)((a.se & 0x8000) | (16383 - 4 + (n & 127)));
			run1(a, fcw);
			a.se = (uint16_t)((a.se & 0x8000) | (16383 - 1080 + rnd() % 2200));
			run1(a, fcw);
			run_load(n & 1 ? random_bits(11, 52) : rnd() >> (rnd() & 63), fcw);
		}
		ok(!bad, "%u cases, rounding %u, %s precision, over- and underflow %s", cases, mode & 3,
		   mode / 4 % 3 == 0 ? "full" : mode / 4 % 3 == 1 ? "double" : "single", mode >= 12 ? "unmasked" : "masked");
	}
	return tap_done();
}
#endif
