/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Every floating-point operation of A64 with special operands in every mode: what unit/a64-fp.c and the program that records an emulator
 * (aarch64-fp-runner.c) share. A group is an encoding, with v0, v1, v2 and x0 as operands and v3, x3 and NZCV as results. First operand: 64
 * special values of its format; second: each of 64; third: two of 64, others for each pair. All lanes of a vector hold some. There is a
 * digest for each mode and each eighth of the first operand's values.
 *
 * Modes: bits 1..0 rounding, 2 DN, 3 FZ (of half precision: FZ16), and the other of FZ and FZ16 is bit 2 xor 3; 4 AHP, for
 * conversions of half precision.
 */
#ifndef TESTS_A64_FP_H
#define TESTS_A64_FP_H
#include <stdbool.h>
#include <stdint.h>

enum { A64FP_H, A64FP_S, A64FP_D, A64FP_I16, A64FP_I32, A64FP_I64, A64FP_SLICES = 8 };

struct a64fp_group {
	uint32_t insn;
	unsigned kind[3]; /* of the operands' elements */
	unsigned arity;
	unsigned half;    /* 1: FZ16 is its flush bit; 2: AHP matters too */
};

struct a64fp_io {
	uint64_t v[4][2]; /* in, out in v[3] */
	uint64_t x;       /* in, out */
	uint64_t nzcv, fpsr; /* out */
};

static const uint64_t a64fp_d[32] = {
	0, 1, 2, 0x0007ffffffffffff, 0x0008000000000000, 0x000fffffffffffff, 0x0010000000000000, 0x0010000000000001,
	0x3c90000000000000, 0x3ca0000000000000, 0x3cafffffffffffff, 0x3fdfffffffffffff, 0x3fe0000000000000, 0x3fe0000000000001, 0x3fefffffffffffff, 0x3ff0000000000000,
	0x3ff0000000000001, 0x3ff8000000000000, 0x4000000000000000, 0x4004000000000000, 0x400921fb54442d18, 0x41dfffffffc00000, 0x41efffffffe00000, 0x4340000000000001,
	0x43dfffffffffffff, 0x43e0000000000000, 0x7fdfffffffffffff, 0x7fefffffffffffff, 0x7ff0000000000000, 0x7ff0000000000123, 0x7ff8000000000000, 0x7ffc000000000456,
};
static const uint32_t a64fp_s[32] = {
	0, 1, 2, 0x003fffff, 0x00400000, 0x007fffff, 0x00800000, 0x00800001,
	0x33000000, 0x33800000, 0x33ffffff, 0x3effffff, 0x3f000000, 0x3f000001, 0x3f7fffff, 0x3f800000,
	0x3f800001, 0x3fc00000, 0x40000000, 0x40200000, 0x40490fdb, 0x4effffff, 0x4f000000, 0x4f7fffff,
	0x5effffff, 0x5f000000, 0x7effffff, 0x7f7fffff, 0x7f800000, 0x7f800123, 0x7fc00000, 0x7fe00456,
};
static const uint16_t a64fp_h[32] = {
	0, 1, 2, 0x01ff, 0x0200, 0x03ff, 0x0400, 0x0401,
	0x1000, 0x1400, 0x17ff, 0x37ff, 0x3800, 0x3801, 0x3bff, 0x3c00,
	0x3c01, 0x3e00, 0x4000, 0x4100, 0x4248, 0x57ff, 0x5800, 0x63ff,
	0x6400, 0x77ff, 0x7800, 0x7bff, 0x7c00, 0x7c12, 0x7e00, 0x7f45,
};
/* Integers of 64 bits; narrower ones are their low bits. The second half is the complement of the first. */
static const uint64_t a64fp_i[32] = {
	0, 1, 2, 3, 7, 127, 128, 255, 256, 2047, 2048, 2049, 4095, 4097, 32767, 32768,
	65504, 65519, 65520, 0xffffff, 0x1000001, 0x1000003, 0x7fffff80, 0x7fffffff, 0x80000000, 0x80000080, 0xffffff7f, 0x1fffffffffffffull,
	0x20000000000001ull, 0x20000000000003ull, 0x7fffffffffffffffull, 0x8000000000000401ull,
};

static inline unsigned a64fp_bits(unsigned kind) { return 16u << kind % 3; }

static inline uint64_t a64fp_value(unsigned kind, unsigned n)
{
	uint64_t sign = n >> 5 & 1;

	n &= 31;
	switch (kind) {
	case A64FP_H: return a64fp_h[n] | sign << 15;
	case A64FP_S: return a64fp_s[n] | sign << 31;
	case A64FP_D: return a64fp_d[n] | sign << 63;
	default: return (a64fp_i[n] ^ (0 - sign)) & (~0ull >> (64 - a64fp_bits(kind)));
	}
}

/* All lanes: the n-th value first, others behind it. */
static inline void a64fp_fill(uint64_t v[2], unsigned kind, unsigned n, unsigned stride)
{
	unsigned bits = a64fp_bits(kind), lanes = 128 / bits;

	v[0] = v[1] = 0;
	for (unsigned l = 0; l < lanes; l++)
		v[l * bits / 64] |= a64fp_value(kind, (n + l * stride) & 63) << (l * bits & 63);
}

static inline uint32_t a64fp_fpcr(const struct a64fp_group *g, unsigned mode)
{
	unsigned dn = mode >> 2 & 1, flush = mode >> 3 & 1, other = dn ^ flush, fz = g->half == 1 ? other : flush, fz16 = g->half == 1 ? flush : other;

	return (mode & 3) << 22 | fz16 << 19 | fz << 24 | dn << 25 | (mode >> 4 & 1) << 26;
}

static inline unsigned a64fp_modes(const struct a64fp_group *g) { return g->half == 2 ? 32 : 16; }

/*
 * Runs a slice: calls run(io, opaque) for each case, and each(i, j, k, io) after it if that is given. Returns the digest.
 */
static inline unsigned a64fp_slice(const struct a64fp_group *g, unsigned slice, void (*run)(struct a64fp_io *, void *), void *opaque,
				   void (*each)(unsigned, unsigned, unsigned, const struct a64fp_io *))
{
	uint64_t h = 14695981039346656037ull;
	struct a64fp_io io;

	for (unsigned i = slice * 8; i < slice * 8 + 8; i++)
		for (unsigned j = 0; j < (g->arity > 1 ? 64u : 1u); j++)
			for (unsigned k = 0; k < (g->arity > 2 ? 2u : 1u); k++) {
				unsigned third = (i * 7 + j * 13 + k * 29) & 63;
				a64fp_fill(io.v[0], g->kind[0], i, 1);
				a64fp_fill(io.v[1], g->kind[1], j, 3);
				a64fp_fill(io.v[2], g->kind[2], third, 5);
				io.v[3][0] = io.v[2][0], io.v[3][1] = io.v[2][1];
				io.x = a64fp_value(A64FP_I64, i);
				run(&io, opaque);
				if (each)
					each(i, j, k, &io);
				const uint64_t w[] = {io.v[3][0], io.v[3][1], io.x, io.nzcv | io.fpsr};
				for (unsigned n = 0; n < 4; n++)
					h = (h ^ w[n]) * 1099511628211ull, h ^= h >> 29;
			}
	return (unsigned)(h >> 20 & 0xffff);
}
#endif
