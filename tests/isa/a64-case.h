/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Cases of A64 instructions: what is executed, from which state, and the digest of what it did. From a row's pattern and a number alone, the
 * same for the program that records an emulator (aarch64-runner.c, an AArch64 program of either byte order) and for the test that
 * compares (unit/a64-vectors.c, on the host). Everything lies at fixed addresses, since addresses are seen in results.
 *
 * Code lies in slots of sixteen words:
 *   0 ldr x0, [x1]    1 ldr x1, [x1, #8]    2 b 5    3 add x16, x16, #4    4 b 9
 *   5 prelude         6 the instruction     7 add x17, x17, #1    8 another look    9 the end
 * The prelude is the load of a store-exclusive; the other look reads back a system register. A branch goes to 3, 7, 8, 9 or where
 * nothing may be fetched.
 */
#ifndef TESTS_A64_CASE_H
#define TESTS_A64_CASE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#if __STDC_HOSTED__
#include <string.h>
#else
void *memcpy(void *to, const void *from, size_t n);
void *memset(void *to, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);
#endif

#define A64C_CODE 0x10000000000ull
#define A64C_SLOTS 0x10000ull           /* bytes of slots, which alone may be executed */
#define A64C_AROUND 0x120000ull         /* noise in front of and behind them, for what is relative to pc */
#define A64C_MEMORY 0x11000000000ull
#define A64C_WINDOW 0x10000u            /* bytes of memory; base registers point to its middle */
#define A64C_AWAY 0x12000000000ull      /* nothing is there */
enum { A64C_AT = 6, A64C_END = 9, A64C_WORDS = 16, A64C_MOST = 1000 };

enum a64c_kind { A64C_PLAIN, A64C_MEM, A64C_ALIGNED, A64C_B26, A64C_B19, A64C_B14, A64C_BREG, A64C_SVC, A64C_SYSTEM };

struct a64c_state {
	uint64_t x[32]; /* the last is sp */
	uint64_t nzcv, fpcr, fpsr, tpidr;
	uint8_t v[32][16]; /* from the lowest bits on */
};

static uint64_t a64c_seed;

static uint64_t a64c_rnd(void) /* splitmix64 */
{
	uint64_t z = a64c_seed += 0x9e3779b97f4a7c15ull;
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

/* Integers in memory with the lowest byte first, whatever the order of who runs this. */
static inline void a64c_put(uint8_t *to, uint64_t v)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	v = __builtin_bswap64(v);
#endif
	__builtin_memcpy(to, &v, 8);
}

static inline uint64_t a64c_get(const uint8_t *from)
{
	uint64_t v;
	__builtin_memcpy(&v, from, 8);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	v = __builtin_bswap64(v);
#endif
	return v;
}

static uint64_t a64c_special(unsigned bits)
{
	static const uint64_t d[] = {0, 0x3ff0000000000000, 0x4000000000000000, 0x7ff0000000000000, 0x7ff8000000000000, 0x7ff0000000000001,
				     0x7ff8000000000123, 0x7ff4000000000000, 0x0010000000000000, 0x000fffffffffffff, 1, 0x7fefffffffffffff,
				     0x3fe0000000000000, 0x41dfffffffc00000, 0x43e0000000000000, 0x4340000000000000, 0x3ca0000000000000,
				     0x0020000000000000, 0x3ff8000000000000, 0x41efffffffe00000};
	static const uint32_t s[] = {0, 0x3f800000, 0x40000000, 0x7f800000, 0x7fc00000, 0x7f800001, 0x7fc00123, 0x7fa00000, 0x00800000,
				     0x007fffff, 1, 0x7f7fffff, 0x3f000000, 0x4f000000, 0x5f000000, 0x33800000, 0x01000000, 0x3fc00000, 0x4effffff, 0x477ff000};
	static const uint16_t h[] = {0, 0x3c00, 0x4000, 0x7c00, 0x7e00, 0x7c01, 0x7e12, 0x7d00, 0x0400, 0x03ff, 1, 0x7bff, 0x3800, 0x7800, 0x1000, 0x3e00};
	uint64_t r = a64c_rnd(), sign = r >> 40 & 1;

	if (bits == 64)
		return d[r % 20] | sign << 63;
	if (bits == 32)
		return s[r % 20] | sign << 31;
	return h[r % 16] | sign << 15;
}

/* Integers small and large, floats of all sizes that are near each other or special, plain noise. */
static uint64_t a64c_word(void)
{
	uint64_t r = a64c_rnd(), a, b, c;

	switch (r & 15) {
	case 0: return (uint64_t)(int64_t)(int8_t)(r >> 8);
	case 1: return ~0ull << (r >> 8 & 63);
	case 2: return 0x8000000080000000ull;
	case 3: case 4: return a64c_special(64);
	case 5: case 6:
		a = a64c_special(32);
		return a | a64c_special(32) << 32;
	case 7: case 8:
		a = a64c_special(16), b = a64c_special(16), c = a64c_special(16);
		return a | b << 16 | c << 32 | a64c_special(16) << 48;
	case 9: return 0x3ff0000000000000ull + ((r >> 8 & 0x7f) << 52) - (64ull << 52) + (r >> 12 & 0xfffff);
	case 10: return (0x3f800000ull + (r >> 8 & 0xffffff)) | (0x3f000000ull + (r >> 30 & 0xffffff)) << 32;
	default: return a64c_rnd();
	}
}

static enum a64c_kind a64c_kind(uint32_t value, uint32_t mask)
{
#define A64C_IS(v, m) ((mask & (m)) == (m) && (value & (m)) == (v))
	if (A64C_IS(0x14000000, 0x7c000000))
		return A64C_B26;
	if (A64C_IS(0x54000000, 0xff000010) || A64C_IS(0x34000000, 0x7e000000))
		return A64C_B19;
	if (A64C_IS(0x36000000, 0x7e000000))
		return A64C_B14;
	if (A64C_IS(0xd6000000, 0xfe000000))
		return A64C_BREG;
	if (A64C_IS(0xd4000001, 0xffe0001f))
		return A64C_SVC;
	if (A64C_IS(0xd5000000, 0xff000000))
		return A64C_SYSTEM;
	if (!A64C_IS(0x08000000, 0x0a000000) || A64C_IS(0x18000000, 0x3b000000))
		return A64C_PLAIN;
	uint32_t top = value >> 24 & 0x3f;
	/* What must be aligned: exclusive, ordered, atomic. */
	return top == 0x08 || top == 0x19 || (top == 0x38 && value & 1u << 21 && !(value & 1u << 11)) ? A64C_ALIGNED : A64C_MEM;
#undef A64C_IS
}

static inline bool a64c_accesses(uint32_t value, uint32_t mask)
{
	enum a64c_kind kind = a64c_kind(value, mask);
	return kind == A64C_MEM || kind == A64C_ALIGNED || (kind == A64C_SYSTEM && (value & 0xffff0000) == 0xd50b0000);
}

/* Of an access: registers that meet where the manual leaves open what happens. */
static bool a64c_unpredictable(uint32_t i)
{
	unsigned t = i & 31, n = i >> 5 & 31, t2 = i >> 10 & 31, s = i >> 16 & 31;
	return t == n || t2 == t || t2 == n || s == t || s == n || s == t2 || ((t + 1) & 31) == n || ((t + 1) & 31) == s;
}

static uint32_t a64c_pick(uint32_t value, uint32_t mask, enum a64c_kind kind)
{
	uint32_t i = (uint32_t)a64c_rnd();
	uint64_t r = a64c_rnd();

	if (r % 3 == 0) /* registers often the same, not too many */
		i &= ~0x00180318u;
	i = value | (i & ~mask);
	if ((kind == A64C_MEM || kind == A64C_ALIGNED) && (i & 0x3b000000) == 0x39000000)
		i &= ~0x00300000u; /* offsets stay in the window */
	return i;
}

/* In words, as far as the field reaches, but not to the slots. */
static int32_t a64c_far(unsigned bits, uint64_t at)
{
	for (unsigned tries = 0; tries < 64; tries++) {
		int32_t n = (int32_t)((int64_t)(a64c_rnd() << (64 - bits)) >> (64 - bits));
		if (at + (uint64_t)((int64_t)n * 4) + 16 - A64C_CODE >= A64C_SLOTS + 16)
			return n;
	}
	return 1;
}

/* Where a branch goes: within the slot, or where nothing may be fetched. */
static int32_t a64c_distance(unsigned bits, uint64_t at)
{
	static const int8_t near[] = {-3, 1, 2, 3};
	uint64_t r = a64c_rnd();

	return r & 1 ? near[r >> 1 & 3] : a64c_far(bits, at);
}

/* at: where it will lie. */
static uint32_t a64c_insn(uint32_t value, uint32_t mask, enum a64c_kind kind, uint64_t at)
{
	bool mem = kind == A64C_MEM || kind == A64C_ALIGNED;
	uint32_t i = a64c_pick(value, mask, kind);

	/* Constants with bit 11 set and no meaning lie in the middle of the shifts. */
	for (unsigned tries = 0; ((mem && a64c_unpredictable(i)) || (i & 0xbff80c00) == 0x2f000c00) && tries < 50; tries++)
		i = a64c_pick(value, mask, kind);
	switch (kind) {
	case A64C_B26: return (i & ~0x03ffffffu) | ((uint32_t)a64c_distance(26, at) & 0x03ffffff);
	case A64C_B19: return (i & ~0x00ffffe0u) | ((uint32_t)a64c_distance(19, at) & 0x7ffff) << 5;
	case A64C_SYSTEM:
		if ((i & 0xffff0000) == 0xd50b0000 && (i & 31) == 31)
			i &= ~1u; /* no register, no address */
		if (value == 0xd503201f && mask == 0xfffff01f)
			i |= 0x800; /* of the hints those without a row of their own */
		return i;
	case A64C_PLAIN: /* what is loaded relative to pc is noise, not the slots, which differ from one who runs them to another */
		return (value & mask & 0x3b000000) == 0x18000000 ? (i & ~0x00ffffe0u) | ((uint32_t)a64c_far(19, at) & 0x7ffff) << 5 : i;
	case A64C_B14: return (i & ~0x0007ffe0u) | ((uint32_t)a64c_distance(14, at) & 0x3fff) << 5;
	default: return i;
	}
}

static inline uint64_t a64c_slot(unsigned k) { return A64C_CODE + (uint64_t)k * A64C_WORDS * 4; }

/* Fills a slot; end: what its last word is, the address of the slot's instruction being given. */
static inline uint32_t a64c_fill(uint32_t *p, uint32_t value, uint32_t mask, unsigned k, uint32_t end)
{
	enum a64c_kind kind = a64c_kind(value, mask);
	uint32_t i, prelude = 0xd503201f, look = 0xd503201f;

	a64c_seed = (uint64_t)value << 32 ^ (uint64_t)k * 0x9e3779b9u;
	i = a64c_insn(value, mask, kind, a64c_slot(k) + 4 * A64C_AT);
	if ((i & 0x3f400000) == 0x08000000 && k & 1) { /* store-exclusive: what it stores behind was loaded, to where nobody looks */
		unsigned t = i & 31, n = i >> 5 & 31, t2 = i >> 10 & 31, s = i >> 16 & 31;
		if (t - 25 > 1 && n - 25 > 1 && t2 - 25 > 1 && s - 25 > 1)
			prelude = (i & ~0x001f7c1fu) | 0x00400000 | 0x001f0000 | (i & 0x00200000 ? 26u << 10 : 31u << 10) | 25;
	}
	if ((i & 0xfff00000) == 0xd5100000)
		look = (i | 0x00200000 | 31) ^ (31 ^ 17); /* mrs x17, of the same */
	else if ((i & 0xfffffeff) == 0xd503405f)
		look = 0xd53b42b1; /* mrs x17, dit */
	const uint32_t words[] = {0xf9400020, 0xf9400421, 0x14000003, 0x91001210, 0x14000005, prelude, i, 0x91000631, look, end};
	for (unsigned n = 0; n < sizeof words / sizeof words[0]; n++)
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
		p[n] = __builtin_bswap32(words[n]); /* code is little-endian all the same */
#else
		p[n] = words[n];
#endif
	return i;
}

static inline void a64c_begin(struct a64c_state *s, uint32_t value, uint32_t mask, unsigned k, uint32_t i)
{
	enum a64c_kind kind = a64c_kind(value, mask);
	static const uint8_t rounds[] = {0, 0, 0, 0, 1, 2, 3};
	uint64_t r;

	a64c_seed = ((uint64_t)value << 32 | mask) ^ (uint64_t)k * 0xd1342543de82ef95ull;
	memset(s, 0, sizeof *s);
	for (unsigned n = 0; n < 32; n++)
		s->x[n] = a64c_word();
	s->x[31] = a64c_word() & ~15ull;
	s->nzcv = (a64c_rnd() & 15) << 28;
	r = a64c_rnd();
	s->fpcr = (uint64_t)rounds[r % 7] << 22;
	if (r >> 8 & 1) /* one of FZ16, FZ, DN, AHP, or any of them */
		s->fpcr |= r >> 9 & 1 ? (r >> 16 & 15) << 23 | (r >> 20 & 1) << 19 : 1u << ((const uint8_t[]){19, 24, 25, 26}[r >> 10 & 3]);
	s->fpcr &= ~(1ull << 23) | (uint64_t)rounds[r % 7] << 22;
	s->fpsr = a64c_rnd() % 4 ? 0 : a64c_rnd() & 0x0800009f;
	s->tpidr = a64c_rnd();
	for (unsigned n = 0; n < 64; n++)
		a64c_put(s->v[n / 2] + n % 2 * 8, a64c_word());
	unsigned rn = i >> 5 & 31, rt = i & 31;
	if (kind == A64C_MEM || kind == A64C_ALIGNED || (kind == A64C_SYSTEM && (i & 0xffff0000) == 0xd50b0000)) {
		for (unsigned n = 0; n < 31; n++)
			s->x[n] = (uint64_t)(int64_t)((int)(a64c_rnd() & 127) * 16 - 1024);
		uint64_t base = A64C_MEMORY + A64C_WINDOW / 2 + (a64c_rnd() & 31) * 16;
		if (a64c_rnd() % 4 == 0 && kind == A64C_MEM && rn != 31)
			base += a64c_rnd() & 15;
		s->x[kind == A64C_SYSTEM ? rt : rn] = base;
		if (kind == A64C_SYSTEM && rt == 31)
			s->x[31] &= ~15ull;
	} else if (kind == A64C_BREG && rn != 31) {
		static const int8_t near[] = {-3, 1, 2, 3};
		r = a64c_rnd();
		s->x[rn] = r & 1 ? a64c_slot(k) + (uint64_t)((A64C_AT + near[r >> 1 & 3]) * 4) : A64C_AWAY + (r >> 8 & 0xfffffffc);
	} else if (kind == A64C_SVC) {
		s->x[8] = 0xfff0; /* no such call: ENOSYS */
	}
}

/* Memory as it is before every case. */
static void a64c_noise(uint8_t *memory, size_t bytes, uint64_t seed)
{
	a64c_seed = seed;
	for (size_t n = 0; n + 8 <= bytes; n += 8)
		a64c_put(memory + n, a64c_rnd());
}

static inline uint64_t a64c_mix(uint64_t h, uint64_t w)
{
	h = (h ^ w) * 1099511628211ull;
	return h ^ h >> 29;
}

/*
 * signal 0: none; else the digest is of it and, where nothing could be accessed, of the address. memory: NULL for instructions that
 * access none; it is put back as it was.
 */
static inline unsigned a64c_digest(const struct a64c_state *s, unsigned signal, uint64_t address, uint8_t *memory, const uint8_t *plain)
{
	uint64_t h = 14695981039346656037ull ^ signal;

	if (!signal) {
		for (unsigned n = 0; n < 32; n++)
			h = a64c_mix(h, s->x[n]);
		h = a64c_mix(a64c_mix(a64c_mix(h, s->nzcv), s->fpcr), s->fpsr);
		for (unsigned n = 0; n < 64; n++)
			h = a64c_mix(h, a64c_get(s->v[n / 2] + n % 2 * 8));
	} else if (signal == 11) {
		h = a64c_mix(h, address);
	}
	for (unsigned n = 0; memory && n < A64C_WINDOW; n += 8) {
		uint64_t is = a64c_get(memory + n), was = a64c_get(plain + n);
		if (is == was)
			continue;
		if (!signal)
			h = a64c_mix(h, n ^ is);
		a64c_put(memory + n, was);
	}
	return (unsigned)(h >> 20 & 0xffff);
}
#endif
