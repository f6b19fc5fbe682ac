/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Fixed-point operations done in C, special registers, string accesses. */
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include "isa/ppc/helpers.h"
#include "isa/ppc/models.h"
#include "jit/access.h"
#include "jit/engine.h"

uint32_t ppc_get_cr(const struct ppc_cpu *c)
{
	uint32_t v = 0;

	for (unsigned f = 0; f < 8; f++)
		v = v << 4 | ppc_get_cr_field(c, f);
	return v;
}

void ppc_set_cr(struct ppc_cpu *c, uint32_t v)
{
	for (unsigned f = 0; f < 8; f++)
		ppc_set_cr_field(c, f, v >> (28 - 4 * f) & 15);
}

uint64_t ppc_get_xer(const struct ppc_cpu *c)
{
	uint64_t v = (uint64_t)c->so << 31 | (uint64_t)c->ov << 30 | c->ca << 29 | c->xer_count;

	if (PPC_HAS(c, V300))
		v |= (uint64_t)c->ov32 << 19 | c->ca32 << 18;
	return v;
}

void ppc_set_xer(struct ppc_cpu *c, uint64_t v)
{
	c->so = v >> 31 & 1;
	c->ov = v >> 30 & 1;
	c->ca = v >> 29 & 1;
	c->ov32 = v >> 19 & 1;
	c->ca32 = v >> 18 & 1;
	c->xer_count = v & (PPC_HAS(c, STRING) || !PPC_HAS(c, V300) ? 0xff7f : 0x7f);
}

PPC_FN(get_cr)
{
	return ppc_get_cr(ppc_cpu(c));
}

PPC_FN(get_xer)
{
	return ppc_get_xer(ppc_cpu(c));
}

PPC_FN(set_xer, uint64_t v)
{
	ppc_set_xer(ppc_cpu(c), v);
	return 0;
}

/* 512 MHz, as AT_... and /proc/cpuinfo of the machines have it. */
PPC_FN(timebase)
{
	struct timespec t;

	(void)c;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 512000000 + (uint64_t)t.tv_nsec * 64 / 125;
}

PPC_FN(pvr)
{
	return ppc_model_pvr(ppc_cpu(c));
}

PPC_FN(random)
{
	uint64_t v;

	(void)c;
	if (getrandom(&v, sizeof v, 0) != sizeof v)
		return ~0ull; /* the error value of darn */
	return v;
}

/* kind: 1 unsigned, 2 doublewords. False: the quotient does not fit. */
static bool divide_extended(uint64_t a, uint64_t b, unsigned kind, uint64_t *q)
{
	*q = 0;
	switch (kind) {
	case 0: {
		int64_t n = (int64_t)((uint64_t)(uint32_t)a << 32), d = (int32_t)b;
		if (!d || (d == -1 && n == INT64_MIN))
			return false;
		int64_t r = n / d;
		*q = r == (int32_t)r ? (uint64_t)r : 0;
		return r == (int32_t)r;
	}
	case 1: {
		if (!(uint32_t)b)
			return false;
		uint64_t r = (uint64_t)(uint32_t)a << 32;
		r /= (uint32_t)b;
		*q = r >> 32 ? 0 : r;
		return !(r >> 32);
	}
	case 2: {
		__int128 n = (__int128)((unsigned __int128)a << 64), d = (int64_t)b;
		if (!d || (d == -1 && a == 1ull << 63))
			return false;
		__int128 r = n / d;
		*q = r == (int64_t)r ? (uint64_t)r : 0;
		return r == (int64_t)r;
	}
	default:
		if (a >= b)
			return false;
		*q = (uint64_t)(((unsigned __int128)a << 64) / b);
		return true;
	}
}

PPC_FN(dive, uint64_t a, uint64_t b, uint32_t kind)
{
	uint64_t q;

	(void)c;
	divide_extended(a, b, kind, &q);
	return q;
}

PPC_FN(dive_overflows, uint64_t a, uint64_t b, uint32_t kind)
{
	uint64_t q;

	(void)c;
	return !divide_extended(a, b, kind, &q);
}

/* kind: 0 one range, 1 two, 2 equal to a byte of b */
PPC_FN(cmprb, uint64_t a, uint64_t b, uint32_t kind)
{
	uint8_t v = (uint8_t)a;
	bool in = false;

	(void)c;
	if (kind == 2) {
		for (unsigned n = 0; n < 64; n += 8)
			in |= (uint8_t)(b >> n) == v;
	} else {
		in = v >= (uint8_t)b && v <= (uint8_t)(b >> 8);
		if (kind)
			in |= v >= (uint8_t)(b >> 16) && v <= (uint8_t)(b >> 24);
	}
	return in ? 4 : 0;
}

PPC_FN(popcnt, uint64_t v, uint32_t log2)
{
	uint64_t r = 0;
	unsigned bits = 8u << log2;

	(void)c;
	for (unsigned n = 0; n < 64; n += bits)
		r |= (uint64_t)__builtin_popcountll(v >> n & (~0ull >> (64 - bits))) << n;
	return r;
}

PPC_FN(prty, uint64_t v, uint32_t log2)
{
	uint64_t r = 0;
	unsigned bits = 8u << log2;

	(void)c;
	v &= 0x0101010101010101ull;
	for (unsigned n = 0; n < 64; n += bits)
		r |= (uint64_t)(__builtin_popcountll(v >> n & (~0ull >> (64 - bits))) & 1) << n;
	return r;
}

PPC_FN(cmpb, uint64_t a, uint64_t b)
{
	uint64_t r = 0;

	(void)c;
	for (unsigned n = 0; n < 64; n += 8)
		if (!((a ^ b) >> n & 255))
			r |= 255ull << n;
	return r;
}

/* Eight bits of b chosen by the bytes of a. */
PPC_FN(bpermd, uint64_t a, uint64_t b)
{
	uint64_t r = 0;

	(void)c;
	for (unsigned n = 0; n < 8; n++) {
		unsigned k = a >> (8 * n) & 255;
		if (k < 64)
			r |= (b >> (63 - k) & 1) << n;
	}
	return r;
}

/* Sixes where a digit had no carry. */
PPC_FN(addg6s, uint64_t a, uint64_t b)
{
	unsigned __int128 s = (unsigned __int128)a + b;
	uint64_t carries = (uint64_t)((s ^ a ^ b) >> 4) & 0x1111111111111111ull;

	(void)c;
	return (~carries & 0x1111111111111111ull) * 6;
}

/* ---- declets (book I, appendix B) ---- */

static unsigned from_declet(unsigned d)
{
	unsigned p = d >> 9 & 1, q = d >> 8 & 1, r = d >> 7 & 1, s = d >> 6 & 1, t = d >> 5 & 1, u = d >> 4 & 1, v = d >> 3 & 1, w = d >> 2 & 1,
		 x = d >> 1 & 1, y = d & 1;
	unsigned a, b, e;

	if (!v) {
		a = p << 2 | q << 1 | r, b = s << 2 | t << 1 | u, e = w << 2 | x << 1 | y;
	} else if (!w && !x) {
		a = p << 2 | q << 1 | r, b = s << 2 | t << 1 | u, e = 8 | y;
	} else if (!w) {
		a = p << 2 | q << 1 | r, b = 8 | u, e = s << 2 | t << 1 | y;
	} else if (!x) {
		a = 8 | r, b = s << 2 | t << 1 | u, e = p << 2 | q << 1 | y;
	} else if (!s && !t) {
		a = 8 | r, b = 8 | u, e = p << 2 | q << 1 | y;
	} else if (!s) {
		a = 8 | r, b = p << 2 | q << 1 | u, e = 8 | y;
	} else if (!t) {
		a = p << 2 | q << 1 | r, b = 8 | u, e = 8 | y;
	} else {
		a = 8 | r, b = 8 | u, e = 8 | y;
	}
	return a << 8 | b << 4 | e;
}

static unsigned to_declet(unsigned bcd)
{
	unsigned x = bcd >> 8 & 15, y = bcd >> 4 & 15, z = bcd & 15, large = (x >> 3) << 2 | (y >> 3) << 1 | z >> 3;
	unsigned xl = x & 1, yl = y & 1, zl = z & 1, yh = y >> 1 & 3, zh = z >> 1 & 3;

	switch (large) {
	case 0: return (x & 7) << 7 | (y & 7) << 4 | (z & 7);
	case 1: return (x & 7) << 7 | (y & 7) << 4 | 8 | zl;
	case 2: return (x & 7) << 7 | zh << 5 | yl << 4 | 10 | zl;
	case 3: return (x & 7) << 7 | 2 << 5 | yl << 4 | 14 | zl;
	case 4: return zh << 8 | xl << 7 | (y & 7) << 4 | 12 | zl;
	case 5: return yh << 8 | xl << 7 | 1 << 5 | yl << 4 | 14 | zl;
	case 6: return zh << 8 | xl << 7 | yl << 4 | 14 | zl;
	default: return xl << 7 | 3 << 5 | yl << 4 | 14 | zl;
	}
}

PPC_FN(cdtbcd, uint64_t v)
{
	uint64_t r = 0;

	(void)c;
	for (unsigned half = 0; half < 64; half += 32)
		r |= ((uint64_t)from_declet(v >> (half + 10) & 1023) << 12 | from_declet(v >> half & 1023)) << half;
	return r;
}

PPC_FN(cbcdtd, uint64_t v)
{
	uint64_t r = 0;

	(void)c;
	for (unsigned half = 0; half < 64; half += 32)
		r |= ((uint64_t)to_declet(v >> (half + 12) & 4095) << 10 | to_declet(v >> half & 4095)) << half;
	return r;
}

/* ---- strings: bytes from the left of registers, round from 31 to 0 ---- */

static uint64_t limit(const struct ppc_cpu *c, uint64_t at)
{
	return c->wide ? at : (uint32_t)at;
}

PPC_FN(load_string, uint64_t at, uint32_t n, uint32_t reg)
{
	struct ppc_cpu *p = ppc_cpu(c);
	uint32_t words[32];
	uint8_t b;

	memset(words, 0, sizeof words);
	for (unsigned k = 0; k < n; k++) {
		access_read(&b, (const void *)(uintptr_t)(limit(p, at + k) + c->jit->config.guest_base), 1);
		words[k / 4] |= (uint32_t)b << (24 - 8 * (k % 4));
	}
	for (unsigned k = 0; k < (n + 3) / 4; k++)
		p->gpr[(reg + k) & 31] = words[k];
	return 0;
}

PPC_FN(store_string, uint64_t at, uint32_t n, uint32_t reg)
{
	struct ppc_cpu *p = ppc_cpu(c);

	for (unsigned k = 0; k < n; k++) {
		uint8_t b = (uint8_t)(p->gpr[(reg + k / 4) & 31] >> (24 - 8 * (k % 4)));
		access_write((void *)(uintptr_t)(limit(p, at + k) + c->jit->config.guest_base), &b, 1);
	}
	return 0;
}
