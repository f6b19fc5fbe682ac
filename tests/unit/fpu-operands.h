/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Special and random operands of the binary formats, shared by the floating-point tests. */
#ifndef TESTS_FPU_OPERANDS_H
#define TESTS_FPU_OPERANDS_H
#include "fpu/fpu.h"
#include <stddef.h>

#define SPECIALS 64

static uint64_t rng_state = 0x9E3779B97F4A7C15u;

__attribute__((unused)) static uint64_t rnd(void)
{
	uint64_t z = (rng_state += 0x9E3779B97F4A7C15u);

	z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
	z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
	return z ^ (z >> 31);
}

/* Biased exponent and left-aligned fraction (below the integer bit) of 32 operands; the other 32 are their negatives. */
static void special_parts(unsigned i, unsigned exp_bits, unsigned frac_bits, unsigned *biased, uint64_t *frac)
{
	unsigned bias = (1u << (exp_bits - 1)) - 1, inf = (1u << exp_bits) - 1;
	uint64_t all = frac_bits == 64 ? ~0ull : (1ull << frac_bits) - 1, half = 1ull << (frac_bits - 1);
	const struct {
		unsigned biased;
		uint64_t frac;
	} t[32] = {
		{0, 0}, {0, 1}, {0, 2}, {0, half}, {0, all}, {0, all - 1}, {0, half + 1}, {0, half - 1},
		{1, 0}, {1, 1}, {1, all}, {2, 0}, {inf - 1, all}, {inf - 1, 0}, {inf - 1, all - 1}, {inf - 2, all},
		{bias, 0}, {bias, 1}, {bias, all}, {bias - 1, 0}, {bias - 1, all}, {bias - 1, 1}, {bias + 1, 0},
		{bias + 1, half}, {bias + frac_bits, 1}, {bias + frac_bits - 1, all}, {bias - frac_bits, 0},
		{inf, 0}, {inf, half}, {inf, half + 5}, {inf, 1}, {inf, half - 1},
	};

	*biased = t[i & 31].biased;
	*frac = t[i & 31].frac;
}

__attribute__((unused)) static uint64_t special_bits(unsigned i, unsigned exp_bits, unsigned frac_bits)
{
	unsigned biased;
	uint64_t frac;

	special_parts(i, exp_bits, frac_bits, &biased, &frac);
	return frac | (uint64_t)biased << frac_bits | (uint64_t)(i >> 5 & 1) << (exp_bits + frac_bits);
}

/* Random bits, half of the time with exponents near one another and few significant bits. */
__attribute__((unused)) static uint64_t random_bits(unsigned exp_bits, unsigned frac_bits)
{
	uint64_t r = rnd(), frac = rnd() & ((1ull << frac_bits) - 1);
	unsigned bias = (1u << (exp_bits - 1)) - 1, biased = (unsigned)(r >> 8) & (2 * bias + 1);

	switch (r & 7) {
	case 0:
	case 1:
	case 2:
		biased = bias - frac_bits / 2 + (unsigned)(r >> 32) % (frac_bits + 1);
		break;
	case 3: biased = (unsigned)(r >> 32) % (frac_bits + 2); break;
	case 4: biased = 2 * bias - (unsigned)(r >> 32) % (frac_bits + 2); break;
	}
	if (biased > 2 * bias + 1)
		biased = bias;
	if (r & 0x10000)
		frac &= ~0ull << (r >> 48) % frac_bits;
	if (r & 0x20000)
		frac |= (1ull << (r >> 56) % frac_bits) - 1;
	frac &= (1ull << frac_bits) - 1;
	return frac | (uint64_t)biased << frac_bits | (r >> 63) << (exp_bits + frac_bits);
}

__attribute__((unused)) static f80 special_f80(unsigned i)
{
	unsigned biased;
	uint64_t frac;
	f80 r;

	special_parts(i, 15, 63, &biased, &frac);
	r.sig = frac | (uint64_t)(biased != 0) << 63;
	r.se = (uint16_t)(biased | (i >> 5 & 1) << 15);
	/* encodings that only this format has: pseudo-denormal, unnormal, pseudo-infinity, pseudo-NaN */
	if (i == 32 + 5)
		r.sig |= 1ull << 63;
	if (i == 32 + 14)
		r.sig &= ~(1ull << 63);
	if (i == 32 + 28)
		r.sig &= ~(1ull << 63);
	if (i == 32 + 9)
		r.sig = 0;
	return r;
}

__attribute__((unused)) static f80 random_f80(void)
{
	uint64_t b = random_bits(15, 48);
	f80 r;

	r.se = (uint16_t)(b >> 48);
	r.sig = (b & 0xFFFFFFFFFFFFull) << 15 | (rnd() & 1 ? 0 : rnd() & 0x7FFF);
	if (rnd() & 1)
		r.sig &= ~0ull << (rnd() & 63);
	r.sig &= ~(1ull << 63);
	r.sig |= (uint64_t)((r.se & 0x7FFF) != 0) << 63;
	return r;
}
#endif
