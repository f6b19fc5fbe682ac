/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * 3DNow! and its extensions (AMD 21928 "3DNow! Technology Manual", AMD 22466 "Extensions").
 *
 * Two binary32 in an MMX register; no exceptions, no flags. Denormal operands are zeros, results round to nearest, a tiny
 * result is zero, an overflow gives the largest number. Infinities and NaNs have no defined result there: here they
 * go through the arithmetic and come out as the largest number, or as the NaN.
 *
 * The approximations are the rounded result cut to the promised 14 (PFRCP) and 15 (PFRSQRT) bits; the refinement steps
 * are single Newton-Raphson steps, so that the sequences of the manual end within one unit in the last place.
 */
#include "isa/x86/vec.h"

#define LARGEST 0x7F7FFFFFu

static struct fpu_status mode(enum fpu_round round)
{
	return (struct fpu_status){.round = (uint8_t)round, .flush_inputs = true, .flush = FPU_FLUSH_X86};
}

static f32 saturate(f32 v)
{
	return (v & 0x7FFFFFFF) == 0x7F800000 ? (v & 0x80000000) | LARGEST : v;
}

static f32 add(f32 a, f32 b)
{
	struct fpu_status st = mode(FPU_NEAREST);

	return saturate(f32_add(a, b, &st));
}

static f32 sub(f32 a, f32 b)
{
	struct fpu_status st = mode(FPU_NEAREST);

	return saturate(f32_sub(a, b, &st));
}

static f32 mul(f32 a, f32 b)
{
	struct fpu_status st = mode(FPU_NEAREST);

	return saturate(f32_mul(a, b, &st));
}

static bool is(f32 a, f32 b, bool less, bool equal)
{
	struct fpu_status st = mode(FPU_NEAREST);
	enum fpu_relation r = f32_compare(a, b, false, &st);

	return (equal && r == FPU_EQUAL) || (less && r == FPU_LESS);
}

/* n bits of significand, to nearest. */
static f32 cut(f32 v, unsigned n)
{
	uint32_t unit = 1u << (24 - n);

	return (v & 0x7F800000) == 0x7F800000 ? v : saturate((v + unit / 2) & ~(unit - 1));
}

static f32 reciprocal(f32 b)
{
	struct fpu_status st = mode(FPU_NEAREST);

	return cut(saturate(f32_div(0x3F800000, b, &st)), 14);
}

/* The root of the magnitude, with the operand's sign. */
static f32 reciprocal_root(f32 b)
{
	struct fpu_status st = mode(FPU_NEAREST);
	f64 wide = f64_sqrt(f64_from_f32(b & 0x7FFFFFFF, &st), &st);

	return (b & 0x80000000) | cut(saturate(f32_from_f64(f64_div(0x3FF0000000000000, wide, &st), &st)), 15);
}

/* 2 - a * b */
static f32 rcp_step(f32 a, f32 b)
{
	struct fpu_status st = mode(FPU_NEAREST);

	return saturate(f32_fma(a, b, 0x40000000, FPU_NEG_PRODUCT, &st));
}

/* (3 - a * b) / 2 */
static f32 rsqrt_step(f32 a, f32 b)
{
	struct fpu_status st = mode(FPU_NEAREST);
	f32 r = f32_fma(a & 0x7FFFFFFF, b, 0x40400000, FPU_NEG_PRODUCT, &st);

	return mul(saturate(r), 0x3F000000);
}

static uint32_t to_int(f32 v, unsigned bits)
{
	struct fpu_status st = mode(FPU_ZERO);
	uint64_t r;

	if (f32_is_nan(v))
		v = (v & 0x80000000) | 0x7F800000;
	f32_to_int(v, bits, true, FPU_ZERO, &r, &st);
	return (uint32_t)r;
}

static f32 from_int(int32_t v)
{
	struct fpu_status st = mode(FPU_ZERO);

	return f32_from_int((uint64_t)(int64_t)v, true, &st);
}

/* low and high results from the elements x0 x1 of the destination and y0 y1 of the source */
#define N3(name, low, high)                                                                                    \
	static void op_##name(union x86_vec *d, const union x86_vec *a, const union x86_vec *b, unsigned bytes, \
			      unsigned imm)                                                                    \
	{                                                                                                      \
		uint32_t x0 = a->u32[0], x1 = a->u32[1], y0 = b->u32[0], y1 = b->u32[1];                       \
		(void)bytes, (void)imm, (void)x0, (void)x1, (void)y0, (void)y1;                                \
		d->u32[0] = (uint32_t)(low);                                                                   \
		d->u32[1] = (uint32_t)(high);                                                                  \
	}                                                                                                      \
	X86_VEC_BINARY(name, op_##name)
N3(pfadd, add(x0, y0), add(x1, y1))
N3(pfsub, sub(x0, y0), sub(x1, y1))
N3(pfsubr, sub(y0, x0), sub(y1, x1))
N3(pfmul, mul(x0, y0), mul(x1, y1))
N3(pfacc, add(x0, x1), add(y0, y1))
N3(pfnacc, sub(x0, x1), sub(y0, y1))
N3(pfpnacc, sub(x0, x1), add(y0, y1))
N3(pfcmpeq, is(x0, y0, false, true) ? ~0u : 0, is(x1, y1, false, true) ? ~0u : 0)
N3(pfcmpge, is(y0, x0, true, true) ? ~0u : 0, is(y1, x1, true, true) ? ~0u : 0)
N3(pfcmpgt, is(y0, x0, true, false) ? ~0u : 0, is(y1, x1, true, false) ? ~0u : 0)
N3(pfmax, add(is(y0, x0, true, false) ? x0 : y0, 0), add(is(y1, x1, true, false) ? x1 : y1, 0))
N3(pfmin, add(is(x0, y0, true, false) ? x0 : y0, 0), add(is(x1, y1, true, false) ? x1 : y1, 0))
N3(pfrcp, reciprocal(y0), reciprocal(y0))
N3(pfrsqrt, reciprocal_root(y0), reciprocal_root(y0))
N3(pfrcpit1, rcp_step(x0, y0), rcp_step(x1, y1))
N3(pfrsqit1, rsqrt_step(x0, y0), rsqrt_step(x1, y1))
N3(pfrcpit2, mul(x0, y0), mul(x1, y1))
N3(pf2id, to_int(y0, 32), to_int(y1, 32))
N3(pf2iw, to_int(y0, 16), to_int(y1, 16))
N3(pi2fd, from_int((int32_t)y0), from_int((int32_t)y1))
N3(pi2fw, from_int((int16_t)y0), from_int((int16_t)y1))
N3(pswapd, y1, y0)

static void op_pmulhrw(union x86_vec *d, const union x86_vec *a, const union x86_vec *b, unsigned bytes, unsigned imm)
{
	(void)imm;
	for (unsigned i = 0; i < bytes / 2; i++)
		d->u16[i] = (uint16_t)((a->i16[i] * b->i16[i] + 0x8000) >> 16);
}
X86_VEC_BINARY(pmulhrw, op_pmulhrw)

static void op_pavgusb(union x86_vec *d, const union x86_vec *a, const union x86_vec *b, unsigned bytes, unsigned imm)
{
	(void)imm;
	for (unsigned i = 0; i < bytes; i++)
		d->u8[i] = (uint8_t)((a->u8[i] + b->u8[i] + 1) >> 1);
}
X86_VEC_BINARY(pavgusb, op_pavgusb)
