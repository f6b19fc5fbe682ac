/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * binary32 and binary64 against the host's SSE and FMA instructions: every operation, rounding mode, denormal and flush mode on all
 * pairs of 64 special operands and on random ones; results and the six flags of MXCSR.
 */
#include "tap.h"
#ifndef __x86_64__
int main(void)
{
	tap_skip_all("the reference is an x86-64 processor");
}
#else
#include "fpu-operands.h"

static uint32_t mxcsr_saved, flags;
static unsigned cases, bad;

#define HOST2(NAME, T, INSN, C)                                                                                \
	static T NAME(T a, T b, T c, unsigned mx)                                                              \
	{                                                                                                      \
		uint32_t out;                                                                                  \
		__m128i_ x = {a, 0}, y = {b, 0};                                                               \
		(void)c;                                                                                       \
		__asm__ volatile("ldmxcsr %3\n\t" INSN " %2, %0\n\tstmxcsr %1\n\tldmxcsr %4"                   \
				 : "+x"(x), "=m"(out) : "x"(y), "m"(mx), "m"(mxcsr_saved));                    \
		flags = out & 0x3f;                                                                            \
		return (T)x[0];                                                                                \
	}
#define HOST1(NAME, R, T, INSN)                                                                                \
	static R NAME(T a, T b, T c, unsigned mx)                                                              \
	{                                                                                                      \
		uint32_t out;                                                                                  \
		__m128i_ x = {0, 0}, y = {a, 0};                                                               \
		(void)b, (void)c;                                                                              \
		__asm__ volatile("ldmxcsr %3\n\t" INSN " %2, %0\n\tstmxcsr %1\n\tldmxcsr %4"                   \
				 : "+x"(x), "=m"(out) : "x"(y), "m"(mx), "m"(mxcsr_saved));                    \
		flags = out & 0x3f;                                                                            \
		return (R)x[0];                                                                                \
	}
#define HOSTI(NAME, R, T, INSN)                                                                                \
	static R NAME(T a, T b, T c, unsigned mx)                                                              \
	{                                                                                                      \
		uint32_t out;                                                                                  \
		R r;                                                                                           \
		__m128i_ y = {a, 0};                                                                           \
		(void)b, (void)c;                                                                              \
		__asm__ volatile("ldmxcsr %3\n\t" INSN " %2, %0\n\tstmxcsr %1\n\tldmxcsr %4"                   \
				 : "=r"(r), "=m"(out) : "x"(y), "m"(mx), "m"(mxcsr_saved));                    \
		flags = out & 0x3f;                                                                            \
		return r;                                                                                      \
	}
#define HOSTFROM(NAME, R, T, INSN)                                                                             \
	static R NAME(T a, T b, T c, unsigned mx)                                                              \
	{                                                                                                      \
		uint32_t out;                                                                                  \
		__m128i_ x = {0, 0};                                                                           \
		(void)b, (void)c;                                                                              \
		__asm__ volatile("ldmxcsr %3\n\t" INSN " %2, %0\n\tstmxcsr %1\n\tldmxcsr %4"                   \
				 : "+x"(x), "=m"(out) : "r"(a), "m"(mx), "m"(mxcsr_saved));                    \
		flags = out & 0x3f;                                                                            \
		return (R)x[0];                                                                                \
	}
#define HOST3(NAME, T, INSN)                                                                                   \
	static T NAME(T a, T b, T c, unsigned mx)                                                              \
	{                                                                                                      \
		uint32_t out;                                                                                  \
		__m128i_ x = {a, 0}, y = {b, 0}, z = {c, 0};                                                   \
		__asm__ volatile("ldmxcsr %4\n\t" INSN " %3, %2, %0\n\tstmxcsr %1\n\tldmxcsr %5"               \
				 : "+x"(x), "=m"(out) : "x"(y), "x"(z), "m"(mx), "m"(mxcsr_saved));            \
		flags = out & 0x3f;                                                                            \
		return (T)x[0];                                                                                \
	}
#define HOSTCMP(NAME, T, INSN)                                                                                 \
	static int NAME(T a, T b, T c, unsigned mx)                                                            \
	{                                                                                                      \
		uint32_t out;                                                                                  \
		uint64_t fl;                                                                                   \
		__m128i_ x = {a, 0}, y = {b, 0};                                                               \
		(void)c;                                                                                       \
		__asm__ volatile("ldmxcsr %4\n\t" INSN " %3, %2\n\tpushfq\n\tpopq %0\n\tstmxcsr %1\n\t"        \
				 "ldmxcsr %5"                                                                  \
				 : "=r"(fl), "=m"(out) : "x"(x), "x"(y), "m"(mx), "m"(mxcsr_saved) : "cc");    \
		flags = out & 0x3f;                                                                            \
		return fl & 4 ? FPU_UNORDERED : fl & 0x40 ? FPU_EQUAL : fl & 1 ? FPU_LESS : FPU_GREATER;       \
	}
typedef unsigned long long __m128i_ __attribute__((vector_size(16)));

#define FAMILY(T, S)                                                                                           \
	HOST2(host_##T##_add, T, "adds" S, 0)                                                                  \
	HOST2(host_##T##_sub, T, "subs" S, 0)                                                                  \
	HOST2(host_##T##_mul, T, "muls" S, 0)                                                                  \
	HOST2(host_##T##_div, T, "divs" S, 0)                                                                  \
	HOST2(host_##T##_min, T, "mins" S, 0)                                                                  \
	HOST2(host_##T##_max, T, "maxs" S, 0)                                                                  \
	HOST1(host_##T##_sqrt, T, T, "sqrts" S)                                                                \
	HOST1(host_##T##_rint, T, T, "rounds" S " $4,")                                                        \
	HOST1(host_##T##_rinx, T, T, "rounds" S " $12,")                                                       \
	HOST3(host_##T##_fma, T, "vfmadd213s" S)                                                               \
	HOST3(host_##T##_fmsub, T, "vfmsub213s" S)                                                             \
	HOST3(host_##T##_fnma, T, "vfnmadd213s" S)                                                             \
	HOSTCMP(host_##T##_ucomi, T, "ucomis" S)                                                               \
	HOSTCMP(host_##T##_comi, T, "comis" S)                                                                 \
	HOSTI(host_##T##_to_i32, uint32_t, T, "cvts" S "2si")                                                  \
	HOSTI(host_##T##_to_i64, uint64_t, T, "cvts" S "2si")                                                  \
	HOSTI(host_##T##_tt_i64, uint64_t, T, "cvtts" S "2si")                                                 \
	HOSTFROM(host_##T##_from_i64, T, uint64_t, "cvtsi2s" S "q")                                            \
	HOSTFROM(host_##T##_from_i32, T, uint32_t, "cvtsi2s" S "l")
FAMILY(f32, "s")
FAMILY(f64, "d")
HOST1(host_f64_from_f32, f64, f32, "cvtss2sd")
HOST1(host_f32_from_f64, f32, f64, "cvtsd2ss")

static struct fpu_status status(unsigned mx)
{
	struct fpu_status st = {.round = mx >> 13 & 3, .flush_inputs = mx >> 6 & 1,
				.flush = mx >> 15 & 1 ? FPU_FLUSH_X86 : FPU_FLUSH_NONE};
	return st;
}

static void differ(const char *op, uint64_t a, uint64_t b, uint64_t c, unsigned mx, uint64_t got, uint64_t want,
		   unsigned gf, unsigned wf)
{
	if (bad++ < 10)
		printf("# %s %llx %llx %llx mxcsr %04x: got %llx flags %02x, host %llx flags %02x\n", op,
		       (unsigned long long)a, (unsigned long long)b, (unsigned long long)c, mx,
		       (unsigned long long)got, gf, (unsigned long long)want, wf);
}

#define TRY(OP, HOST, A, B, C, MASK, ...)                                                                      \
	do {                                                                                                   \
		struct fpu_status st = status(mx);                                                             \
		uint64_t got_ = (uint64_t)(__VA_ARGS__), want_ = (uint64_t)HOST(A, B, C, mx);                  \
		cases++;                                                                                       \
		if (got_ != want_ || ((st.flags ^ flags) & (MASK)))                                            \
			differ(OP, A, B, C, mx, got_, want_, st.flags & 0x3f, flags);                          \
	} while (0)

static uint64_t to_int(enum fpu_int_fate fate, uint64_t v, unsigned bits)
{
	if (fate != FPU_INT_OK)
		return 1ull << (bits - 1);
	return bits == 32 ? (uint32_t)v : v;
}

#define NODE 0x3d /* denormal is never raised there by x86 */
#define RUN(T)                                                                                                 \
	static void run_##T(T a, T b, T c, unsigned mx)                                                        \
	{                                                                                                      \
		uint64_t v;                                                                                    \
		enum fpu_round rm = (enum fpu_round)(mx >> 13 & 3);                                            \
		TRY(#T " add", host_##T##_add, a, b, 0, 0x3f, T##_add(a, b, &st));                             \
		TRY(#T " sub", host_##T##_sub, a, b, 0, 0x3f, T##_sub(a, b, &st));                             \
		TRY(#T " mul", host_##T##_mul, a, b, 0, 0x3f, T##_mul(a, b, &st));                             \
		TRY(#T " div", host_##T##_div, a, b, 0, 0x3f, T##_div(a, b, &st));                             \
		TRY(#T " min", host_##T##_min, a, b, 0, 0x3f, T##_minmax(a, b, FPU_MIN | FPU_MINMAX_X86, &st));\
		TRY(#T " max", host_##T##_max, a, b, 0, 0x3f, T##_minmax(a, b, FPU_MAX | FPU_MINMAX_X86, &st));\
		TRY(#T " ucomi", host_##T##_ucomi, a, b, 0, 0x3f, T##_compare(a, b, false, &st));              \
		TRY(#T " comi", host_##T##_comi, a, b, 0, 0x3f, T##_compare(a, b, true, &st));                 \
		if (have_fma) { /* vfmadd213: second * first + third */                                          \
			TRY(#T " fma", host_##T##_fma, a, b, c, 0x3f, T##_fma(b, a, c, 0, &st));               \
			TRY(#T " fmsub", host_##T##_fmsub, a, b, c, 0x3f, T##_fma(b, a, c, FPU_NEG_ADDEND, &st)); \
			TRY(#T " fnma", host_##T##_fnma, a, b, c, 0x3f, T##_fma(b, a, c, FPU_NEG_PRODUCT, &st)); \
		}                                                                                              \
		if (b != c)                                                                                    \
			return;                                                                                \
		TRY(#T " sqrt", host_##T##_sqrt, a, 0, 0, 0x3f, T##_sqrt(a, &st));                             \
		if (have_sse41) {                                                                              \
			TRY(#T " rint", host_##T##_rint, a, 0, 0, NODE, T##_rint(a, rm, true, &st));           \
			TRY(#T " rint quiet", host_##T##_rinx, a, 0, 0, NODE, T##_rint(a, rm, false, &st));    \
		}                                                                                              \
		TRY(#T " i32", host_##T##_to_i32, a, 0, 0, 0x3f,                                               \
		    (to_int(T##_to_int(a, 32, true, rm, &v, &st), v, 32)));                                    \
		TRY(#T " i64", host_##T##_to_i64, a, 0, 0, 0x3f,                                               \
		    (to_int(T##_to_int(a, 64, true, rm, &v, &st), v, 64)));                                    \
		TRY(#T " i64 truncated", host_##T##_tt_i64, a, 0, 0, 0x3f,                                     \
		    (to_int(T##_to_int(a, 64, true, FPU_ZERO, &v, &st), v, 64)));                              \
		TRY(#T " from i64", host_##T##_from_i64, a, 0, 0, 0x3f, T##_from_int(a, true, &st));           \
		TRY(#T " from i32", host_##T##_from_i32, (uint32_t)a, 0, 0, 0x3f,                              \
		    T##_from_int((uint64_t)(int32_t)a, true, &st));                                            \
	}
static bool have_fma, have_sse41;
/* The argument of to_int() is evaluated after the conversion wrote v. */
#define to_int(call, v, bits) ({ enum fpu_int_fate fate_ = call; (to_int)(fate_, v, bits); })
RUN(f32)
RUN(f64)

static void run_cvt(f32 a, f64 b, unsigned mx)
{
	TRY("f32 to f64", host_f64_from_f32, a, 0, 0, 0x3f, f64_from_f32(a, &st));
	TRY("f64 to f32", host_f32_from_f64, b, 0, 0, 0x3f, f32_from_f64(b, &st));
}

int main(void)
{
	have_fma = __builtin_cpu_supports("fma") && __builtin_cpu_supports("avx");
	have_sse41 = __builtin_cpu_supports("sse4.1");
	__asm__ volatile("stmxcsr %0" : "=m"(mxcsr_saved));
	for (unsigned mode = 0; mode < 16; mode++) {
		unsigned mx = 0x1f80 | (mode & 3) << 13 | (mode & 4 ? 0x40 : 0) | (mode & 8 ? 0x8000 : 0);

		bad = cases = 0;
		for (unsigned i = 0; i < SPECIALS; i++)
			for (unsigned j = 0; j < SPECIALS; j++) {
				for (unsigned k = 0; k < 3; k++) {
					unsigned l = k ? (unsigned)rnd() % SPECIALS : j;
					run_f32((f32)special_bits(i, 8, 23), (f32)special_bits(j, 8, 23),
						(f32)special_bits(l, 8, 23), mx);
					run_f64(special_bits(i, 11, 52), special_bits(j, 11, 52), special_bits(l, 11, 52), mx);
				}
				run_cvt((f32)special_bits(i, 8, 23), special_bits(j, 11, 52), mx);
			}
		ok(!bad, "%u cases on special operands, rounding %u%s%s%s", cases, mode & 3, mode & 4 ? ", DAZ" : "",
		   mode & 8 ? ", FTZ" : "", have_fma ? "" : " (no FMA on this host)");
		bad = cases = 0;
		for (unsigned n = 0; n < 4000; n++) {
			f32 a = (f32)random_bits(8, 23), b = (f32)random_bits(8, 23);
			f64 x = random_bits(11, 52), y = random_bits(11, 52);

			run_f32(a, b, n & 1 ? b : (f32)random_bits(8, 23), mx);
			run_f64(x, y, n & 1 ? y : random_bits(11, 52), mx);
			run_cvt(a, n & 1 ? x : ((x & ~(2047ull << 52)) | (1023 - 150 + rnd() % 280) << 52), mx);
		}
		ok(!bad, "%u random cases, mode %u", cases, mode);
	}
	return tap_done();
}
#endif
