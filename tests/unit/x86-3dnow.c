/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * 3DNow!, which no current processor has: arithmetic against the C compiler's floats on ordinary operands, saturation and
 * flushing as AMD 21928 says, the accuracy of the approximations and of the manual's refinement sequences.
 */
#include "x86-host.h"
#include <math.h>

static struct x86_cpu cpu;

static uint32_t bits(float f)
{
	uint32_t u;

	memcpy(&u, &f, 4);
	return u;
}

static float value(uint32_t u)
{
	float f;

	memcpy(&f, &u, 4);
	return f;
}

/* mm0 = op(mm0, mm1); the low and high results. */
static uint64_t run(uint8_t op, uint64_t a, uint64_t b)
{
	const uint8_t code[4] = {0x0F, 0x0F, 0xC1, op};
	struct x86_insn in;

	cpu.mode = 64;
	cpu.fx.st[0].mantissa = a;
	cpu.fx.st[1].mantissa = b;
	if (x86_decode(&in, code, 4, 64, NULL) != X86_DECODE_OK || xh_emulate(&cpu, &in))
		return 0xDEADBEEF;
	return cpu.fx.st[0].mantissa;
}

static uint64_t pair(float low, float high)
{
	return bits(low) | (uint64_t)bits(high) << 32;
}

int main(void)
{
	unsigned bad = 0, exact = 0;
	double worst_rcp = 0, worst_root = 0, worst14 = 0, worst15 = 0;

	for (unsigned n = 0; n < 20000; n++) {
		float a = value((uint32_t)random_bits(8, 23)), b = value((uint32_t)random_bits(8, 23));
		float c = value((uint32_t)random_bits(8, 23)), d = value((uint32_t)random_bits(8, 23));
		float s = a + b, m = a * b, t = c + d;

		if (!isnormal(a) || !isnormal(b) || !isnormal(c) || !isnormal(d))
			continue;
		if (isnormal(s) && isnormal(t)) {
			bad += run(0x9E, pair(a, c), pair(b, d)) != pair(s, t);
			bad += run(0xAE, pair(a, b), pair(c, d)) != pair(s, t);
			exact++;
		}
		if (isnormal(m))
			bad += run(0xB4, pair(a, 1), pair(b, 1)) != pair(m, 1);
		if (isnormal(a - b))
			bad += run(0x9A, pair(a, 1), pair(b, 1)) != pair(a - b, 0) || run(0xAA, pair(b, 1), pair(a, 1)) != pair(a - b, 0);
		bad += run(0xA4, pair(a, c), pair(b, d)) != pair(a > b ? a : b, c > d ? c : d);
		bad += run(0x94, pair(a, c), pair(b, d)) != pair(a < b ? a : b, c < d ? c : d);
		bad += run(0xA0, pair(a, c), pair(b, d)) != ((a > b ? 0xFFFFFFFFull : 0) | (c > d ? 0xFFFFFFFFull << 32 : 0));
		bad += run(0x90, pair(a, c), pair(b, d)) != ((a >= b ? 0xFFFFFFFFull : 0) | (c >= d ? 0xFFFFFFFFull << 32 : 0));
		a = value((bits(a) & 0x807FFFFF) | (uint32_t)(60 + rnd() % 130) << 23);
		{
			uint64_t x0 = run(0x96, 0, pair(a, 0)), x1 = run(0xA6, pair(a, a), x0), x2 = run(0xB6, x1, x0);
			float r = fabsf(a);
			uint64_t y0 = run(0x97, 0, pair(r, 0)), y1 = run(0xB4, y0, y0), y2 = run(0xA7, pair(r, r), y1);
			uint64_t y3 = run(0xB6, y2, y0);
			double e;

			worst14 = fmax(worst14, fabs(value((uint32_t)x0) * (double)a - 1));
			worst15 = fmax(worst15, fabs(value((uint32_t)y0) * sqrt(r) - 1));
			e = fabs(value((uint32_t)x2) * (double)a - 1);
			worst_rcp = fmax(worst_rcp, e);
			e = fabs(value((uint32_t)y3) * sqrt(r) - 1);
			worst_root = fmax(worst_root, e);
		}
	}
	ok(!bad && exact > 1000, "sums, products, comparisons agree with the compiler's floats");
	ok(worst14 <= ldexp(1, -14), "PFRCP is within 2^-14 (%g)", worst14);
	ok(worst15 <= ldexp(1, -15), "PFRSQRT is within 2^-15 (%g)", worst15);
	ok(worst_rcp <= 1.6e-7, "the reciprocal sequence ends within %g", worst_rcp);
	ok(worst_root <= 2.4e-7, "the root sequence ends within %g", worst_root);
	ok_eq(run(0xB4, pair(3e38f, -3e38f), pair(10, 10)), 0xFF7FFFFF7F7FFFFF, "overflow gives the largest number");
	ok_eq(run(0xB4, pair(1e-38f, 1), pair(1e-3f, 1)), pair(0, 1), "a tiny product is zero");
	ok_eq(run(0x9E, 0x0000000100000001, pair(1, 2)), pair(1, 2), "denormals count as zeros");
	ok_eq(run(0x1D, 0, pair(3e9f, -1.9f)), 0xFFFFFFFF7FFFFFFF, "PF2ID truncates and saturates");
	ok_eq(run(0x1C, 0, pair(40000, -40000)), 0xFFFF800000007FFF, "PF2IW saturates to words and extends the sign");
	ok_eq(run(0x0D, 0, 0xFFFFFFFF01000001), pair(16777216, -1), "PI2FD truncates");
	ok_eq(run(0x0C, 0, 0x0001FFFE00020003), pair(3, -2), "PI2FW converts the low words");
	ok_eq(run(0xBB, 0, 0x1122334455667788), 0x5566778811223344, "PSWAPD swaps");
	ok_eq(run(0xBF, 0x00FF010203040506, 0x01FF030303030303), 0x01FF020303040405, "PAVGUSB rounds up");
	ok_eq(run(0xB7, 0x7FFF8000FFFF0002, 0x7FFF800000014000), 0x3FFF400000000001, "PMULHRW rounds");
	ok_eq(run(0x8A, pair(5, 3), pair(1, 7)), pair(2, -6), "PFNACC subtracts within each operand");
	ok_eq(run(0x8E, pair(5, 3), pair(1, 7)), pair(2, 8), "PFPNACC subtracts and adds");
	ok_eq(cpu.fx.ftw, 0xFF, "all registers are marked in use");
	ok_eq(cpu.fx.st[0].exponent, 0xFFFF, "the exponent of the result is all ones");
	return tap_done();
}
