/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SSE to SSE4.1 and AVX floating-point arithmetic, comparison and dot products (Intel SDM vol. 2), over lib/fpu.
 *
 * A scalar form takes the rest of its 16 bytes from the first source.
 */
#include "isa/x86/vecfp.h"

typedef void vec_fp2(union x86_vec *d, const union x86_vec *a, const union x86_vec *b, unsigned bytes, unsigned imm,
		     struct fpu_status *st);

/* Packed when the destination operand is a whole vector, scalar when it is one element. */
static void fp2(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea, vec_fp2 *fn)
{
	unsigned bytes = x86_operand_size(in, 0), n = x86_src1(in);
	struct fpu_status st = x86_mxcsr_status(cpu);
	union x86_vec a, b, d;

	x86_operand_read(cpu, in, n, ea, &a);
	x86_operand_read(cpu, in, n + 1, ea, &b);
	d = a;
	fn(&d, &a, &b, bytes, (unsigned)in->imm, &st);
	x86_mxcsr_commit(cpu, &st);
	x86_operand_write_vec(cpu, in, 0, ea, &d, bytes < 16 ? 16 : bytes);
}

/* One source: packed forms have two operands; scalar ones three with VEX. */
static void fp1(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea, vec_fp2 *fn)
{
	unsigned bytes = x86_operand_size(in, 0);
	struct fpu_status st = x86_mxcsr_status(cpu);
	union x86_vec a, d;

	if (bytes < 16) {
		fp2(cpu, in, ea, fn);
		return;
	}
	x86_operand_read(cpu, in, 1, ea, &a);
	fn(&d, &a, &a, bytes, (unsigned)in->imm, &st);
	x86_mxcsr_commit(cpu, &st);
	x86_operand_write_vec(cpu, in, 0, ea, &d, bytes);
}

/* fn32 and fn64 are expressions of x, y (lanes of a and b), T (f32 or f64), i, st. */
#define LANES(name, lanes, T_, expr)                                                                           \
	static void name(union x86_vec *d, const union x86_vec *a, const union x86_vec *b, unsigned bytes,     \
			 unsigned imm, struct fpu_status *st)                                                  \
	{                                                                                                      \
		(void)imm, (void)st;                                                                           \
		for (unsigned i = 0; i < bytes / sizeof(T_); i++) {                                            \
			T_ x = a->lanes[i], y = b->lanes[i];                                                   \
			(void)x, (void)y;                                                                      \
			d->lanes[i] = (expr);                                                                  \
		}                                                                                              \
	}
#define SHAPE(name, shape, fn)                                                                                 \
	X86_VEC_HELPER(name)                                                                                   \
	{                                                                                                      \
		shape(cpu, in, ea, fn);                                                                        \
	}
#define FP4(name, shape, e32, e64)                                                                             \
	LANES(name##_32, u32, f32, e32)                                                                        \
	LANES(name##_64, u64, f64, e64)                                                                        \
	SHAPE(name##ps, shape, name##_32)                                                                      \
	SHAPE(name##ss, shape, name##_32)                                                                      \
	SHAPE(name##pd, shape, name##_64)                                                                      \
	SHAPE(name##sd, shape, name##_64)
FP4(add, fp2, f32_add(x, y, st), f64_add(x, y, st))
FP4(sub, fp2, f32_sub(x, y, st), f64_sub(x, y, st))
FP4(mul, fp2, f32_mul(x, y, st), f64_mul(x, y, st))
FP4(div, fp2, f32_div(x, y, st), f64_div(x, y, st))
FP4(min, fp2, f32_minmax(x, y, FPU_MIN | FPU_MINMAX_X86, st), f64_minmax(x, y, FPU_MIN | FPU_MINMAX_X86, st))
FP4(max, fp2, f32_minmax(x, y, FPU_MAX | FPU_MINMAX_X86, st), f64_minmax(x, y, FPU_MAX | FPU_MINMAX_X86, st))
FP4(sqrt, fp1, f32_sqrt(y, st), f64_sqrt(y, st))

#define FP2(name, e32, e64)                                                                                    \
	LANES(name##_32, u32, f32, e32)                                                                        \
	LANES(name##_64, u64, f64, e64)                                                                        \
	SHAPE(name##ps, fp2, name##_32)                                                                        \
	SHAPE(name##pd, fp2, name##_64)
FP2(addsub, i & 1 ? f32_add(x, y, st) : f32_sub(x, y, st), i & 1 ? f64_add(x, y, st) : f64_sub(x, y, st))

/* Pairs of a, then pairs of b, within 16 bytes. */
#define HORIZONTAL(name, lanes, T, op)                                                                         \
	static void lanes_##name(union x86_vec *d, const union x86_vec *a, const union x86_vec *b, unsigned bytes, \
				 unsigned imm, struct fpu_status *st)                                          \
	{                                                                                                      \
		const unsigned n = 16 / sizeof(T);                                                             \
		(void)imm, (void)st;                                                                           \
		for (unsigned i = 0; i < bytes / sizeof(T); i++) {                                             \
			const union x86_vec *s = i % n < n / 2 ? a : b;                                        \
			unsigned k = i / n * n + 2 * (i % (n / 2));                                            \
			d->lanes[i] = op(s->lanes[k], s->lanes[k + 1], st);                                    \
		}                                                                                              \
	}                                                                                                      \
	SHAPE(name, fp2, lanes_##name)
HORIZONTAL(haddps, u32, f32, f32_add)
HORIZONTAL(haddpd, u64, f64, f64_add)
HORIZONTAL(hsubps, u32, f32, f32_sub)
HORIZONTAL(hsubpd, u64, f64, f64_sub)

/* ---- comparison ---------------------------------------------------------------------------------------- */

/* SDM vol. 2, CMPPD, table 3-1: which of less 1, equal 2, greater 4, unordered 8 make the predicate true. */
static const uint8_t truth[16] = {2, 1, 3, 8, 13, 14, 12, 7, 10, 9, 11, 0, 5, 6, 4, 15};

/* A quiet NaN is invalid for these; for the predicates 16 and up the other way round. */
static bool predicate_signals(unsigned imm)
{
	static const uint16_t signals = 0x6666; /* LT LE NLT NLE NGE NGT GE GT */

	return (signals >> (imm & 15) & 1) != (imm >> 4 & 1);
}

static bool holds(enum fpu_relation r, unsigned imm)
{
	unsigned bit = r == FPU_LESS ? 1 : r == FPU_EQUAL ? 2 : r == FPU_GREATER ? 4 : 8;

	return truth[imm & 15] & bit;
}

#define COMPARE(name, lanes, T)                                                                                \
	static void name(union x86_vec *d, const union x86_vec *a, const union x86_vec *b, unsigned bytes,     \
			 unsigned imm, struct fpu_status *st)                                                  \
	{                                                                                                      \
		for (unsigned i = 0; i < bytes / sizeof(T); i++)                                               \
			d->lanes[i] = holds(T##_compare(a->lanes[i], b->lanes[i], predicate_signals(imm), st), imm) ? \
					      (T)~0ull : 0;                                                    \
	}
COMPARE(cmp_32, u32, f32)
COMPARE(cmp_64, u64, f64)

/* Legacy forms know eight predicates, VEX forms 32. */
static void cmp(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea, vec_fp2 *fn)
{
	struct x86_insn copy = *in;

	copy.imm &= x86_is_vex(in) ? 31 : 7;
	fp2(cpu, &copy, ea, fn);
}
SHAPE(cmpps, cmp, cmp_32)
SHAPE(cmpss, cmp, cmp_32)
SHAPE(cmppd, cmp, cmp_64)
SHAPE(cmpsd, cmp, cmp_64)

static void comi(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea, bool wide, bool signalling)
{
	struct fpu_status st = x86_mxcsr_status(cpu);
	enum fpu_relation r;
	union x86_vec a, b;

	x86_operand_read(cpu, in, 0, ea, &a);
	x86_operand_read(cpu, in, 1, ea, &b);
	r = wide ? f64_compare(a.u64[0], b.u64[0], signalling, &st) : f32_compare(a.u32[0], b.u32[0], signalling, &st);
	x86_mxcsr_commit(cpu, &st);
	cpu->rflags &= ~(uint64_t)X86_STATUS;
	cpu->rflags |= r == FPU_UNORDERED ? X86_ZF | X86_PF | X86_CF : r == FPU_LESS ? X86_CF : r == FPU_EQUAL ? X86_ZF : 0;
}
X86_VEC_HELPER(comiss)
{
	comi(cpu, in, ea, false, true);
}
X86_VEC_HELPER(comisd)
{
	comi(cpu, in, ea, true, true);
}
X86_VEC_HELPER(ucomiss)
{
	comi(cpu, in, ea, false, false);
}
X86_VEC_HELPER(ucomisd)
{
	comi(cpu, in, ea, true, false);
}

/* ---- rounding to integral values ----------------------------------------------------------------------- */

#define ROUND(name, lanes, T)                                                                                  \
	static void name(union x86_vec *d, const union x86_vec *a, const union x86_vec *b, unsigned bytes,     \
			 unsigned imm, struct fpu_status *st)                                                  \
	{                                                                                                      \
		enum fpu_round mode = (enum fpu_round)(imm & 4 ? st->round : imm & 3);                         \
		(void)a;                                                                                       \
		for (unsigned i = 0; i < bytes / sizeof(T); i++)                                               \
			d->lanes[i] = T##_rint(b->lanes[i], mode, !(imm & 8), st);                             \
		st->flags &= ~FPU_DENORMAL;                                                                    \
	}
ROUND(round_32, u32, f32)
ROUND(round_64, u64, f64)
SHAPE(roundps, fp1, round_32)
SHAPE(roundss, fp1, round_32)
SHAPE(roundpd, fp1, round_64)
SHAPE(roundsd, fp1, round_64)

/* ---- dot products -------------------------------------------------------------------------------------- */

/*
 * The products, then sums in pairs; each stage's unmasked exceptions strike before the next. The SDM leaves open which
 * NaN a sum of two takes: here as Intel's processors, which sum every lane by itself with its neighbours swapped in.
 */
static void dot(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea, bool wide)
{
	unsigned bytes = x86_operand_size(in, 0), n = x86_src1(in), imm = (unsigned)in->imm, lanes = wide ? 2 : 4;
	struct fpu_status st = x86_mxcsr_status(cpu);
	union x86_vec a, b, p = {{0}}, t = {{0}}, d = {{0}};

	x86_operand_read(cpu, in, n, ea, &a);
	x86_operand_read(cpu, in, n + 1, ea, &b);
	for (unsigned i = 0; i < bytes / (wide ? 8 : 4); i++) {
		if (!(imm >> (4 + i % lanes) & 1))
			continue;
		if (wide)
			p.u64[i] = f64_mul(a.u64[i], b.u64[i], &st);
		else
			p.u32[i] = f32_mul(a.u32[i], b.u32[i], &st);
	}
	x86_mxcsr_commit(cpu, &st);
	for (unsigned i = 0; !wide && i < bytes / 4; i++)
		t.u32[i] = f32_add(p.u32[i ^ 1], p.u32[i], &st);
	x86_mxcsr_commit(cpu, &st);
	for (unsigned i = 0; i < bytes / (wide ? 8 : 4); i++) {
		if (wide)
			d.u64[i] = f64_add(p.u64[i], p.u64[i ^ 1], &st);
		else
			d.u32[i] = f32_add(t.u32[i], t.u32[i ^ 2], &st);
	}
	x86_mxcsr_commit(cpu, &st);
	for (unsigned i = 0; i < bytes / (wide ? 8 : 4); i++) {
		if (imm >> i % lanes & 1)
			continue;
		if (wide)
			d.u64[i] = 0;
		else
			d.u32[i] = 0;
	}
	x86_operand_write_vec(cpu, in, 0, ea, &d, bytes);
}
X86_VEC_HELPER(dpps)
{
	dot(cpu, in, ea, false);
}
X86_VEC_HELPER(dppd)
{
	dot(cpu, in, ea, true);
}

/* ---- approximations ------------------------------------------------------------------------------------ */

/*
 * RCPPS, RSQRTPS: processors promise a relative error of at most 1.5 * 2^-12 and differ between makers. Here: the value at the
 * middle of the interval that the operand's first 11 (root: 10) fraction bits name, rounded to 12 fraction bits, ties down. That
 * is what Intel's processors give, bit for bit. Denormals are zeros, a tiny result is zero, MXCSR is neither read nor written.
 */
static f32 approximate(f32 x, bool root)
{
	const f64 one = 0x3FF0000000000000, dropped = 1ull << 40; /* 52 - 12 bits */
	const f32 sign = x & 0x80000000;
	struct fpu_status st = {0};
	enum fpu_class class = f32_class(x);
	unsigned step = root ? 1u << 13 : 1u << 12;
	f64 v;

	if (f32_is_nan(x))
		return x | 0x00400000;
	if (class == FPU_CLASS_ZERO || class == FPU_CLASS_DENORMAL)
		return sign | 0x7F800000;
	if (root && sign)
		return 0xFFC00000;
	if (class == FPU_CLASS_INFINITE || (!root && (x & 0x7FFFFFFF) >= 0x7E800000))
		return sign;
	v = f64_from_f32((x & ~(step - 1)) | step / 2, &st);
	v = f64_div(one, root ? f64_sqrt(v, &st) : v, &st);
	v = (v + dropped / 2 - 1) & ~(dropped - 1);
	return f32_from_f64(v, &st);
}

LANES(lanes_rcp, u32, f32, approximate(y, false))
LANES(lanes_rsqrt, u32, f32, approximate(y, true))

static void approximation(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea, vec_fp2 *fn)
{
	fp1(cpu, in, ea, fn); /* raises nothing: the lanes leave st alone */
}
#define APPROXIMATE(name, fn) SHAPE(name, approximation, fn)
APPROXIMATE(rcpps, lanes_rcp)
APPROXIMATE(rcpss, lanes_rcp)
APPROXIMATE(rsqrtps, lanes_rsqrt)
APPROXIMATE(rsqrtss, lanes_rsqrt)
