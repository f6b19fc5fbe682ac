/* SPDX-License-Identifier: GPL-2.0-or-later */
/* AES rounds (FIPS 197), SHA-2's sigmas (FIPS 180-4), polynomial products: book I, 6.11. Byte 0 of a register is the first of the state. */
#include "isa/ppc/vec.h"

static uint8_t sbox[256], inverse[256];

static uint8_t times2(uint8_t x)
{
	return (uint8_t)(x << 1 ^ (x >> 7 ? 0x1b : 0));
}

static uint8_t times(uint8_t a, uint8_t b)
{
	uint8_t r = 0;

	for (; b; b >>= 1, a = times2(a))
		r ^= b & 1 ? a : 0;
	return r;
}

static uint8_t rotl8(uint8_t x, unsigned n)
{
	return (uint8_t)(x << n | x >> (8 - n));
}

/* Filled on the first use; another thread may fill it with the same at the same time. */
static void tables(void)
{
	if (__atomic_load_n(&sbox[0], __ATOMIC_ACQUIRE))
		return;
	for (unsigned k = 256; k-- > 0;) { /* the first entry last: it tells that all are there */
		uint8_t i = (uint8_t)k;
		for (unsigned n = 0; n < 6; n++) /* k^254, the inverse */
			i = times(times(i, i), (uint8_t)k);
		i = times(i, i);
		uint8_t s = i ^ rotl8(i, 1) ^ rotl8(i, 2) ^ rotl8(i, 3) ^ rotl8(i, 4) ^ 0x63;
		__atomic_store_n(&inverse[s], (uint8_t)k, __ATOMIC_RELAXED);
		__atomic_store_n(&sbox[k], s, __ATOMIC_RELEASE);
	}
}

static void shift_substitute(V *r, const V *a, bool back)
{
	for (unsigned column = 0; column < 4; column++)
		for (unsigned row = 0; row < 4; row++) {
			unsigned from = ((back ? column + 4 - row : column + row) & 3) * 4 + row;
			B8(r, 4 * column + row) = back ? inverse[B8(a, from)] : sbox[B8(a, from)];
		}
}

static void mix(V *v, bool back)
{
	V x = *v;

	for (unsigned column = 0; column < 16; column += 4)
		for (unsigned row = 0; row < 4; row++) {
			uint8_t a = B8(&x, column + row), b = B8(&x, column + ((row + 1) & 3)), c = B8(&x, column + ((row + 2) & 3)),
				d = B8(&x, column + ((row + 3) & 3));
			B8(v, column + row) = back ? times(a, 14) ^ times(b, 11) ^ times(c, 13) ^ times(d, 9) : times2(a) ^ times2(b) ^ b ^ c ^ d;
		}
}

static void add_key(V *r, const V *k)
{
	r->u64[0] ^= k->u64[0];
	r->u64[1] ^= k->u64[1];
}

/* Products without carries of elements, and the sum of each pair. */
static void polynomials(V *r, const V *a, const V *b, unsigned log2)
{
	unsigned bits = 8u << log2;

	for (unsigned n = 0; n < 8u >> log2; n++) {
		unsigned __int128 s = 0;
		for (unsigned k = 2 * n; k < 2 * n + 2; k++) {
			unsigned __int128 x = ppc_get(a, log2, k);
			uint64_t y = ppc_get(b, log2, k);
			for (unsigned bit = 0; bit < bits; bit++)
				if (y >> bit & 1)
					s ^= x << bit;
		}
		if (log2 == 3)
			ppc_set_q(r, s);
		else
			ppc_put(r, log2 + 1, n, (uint64_t)s);
	}
}

PPC_FN(vec_crypto, V *out, const V *a, const V *b, const V *x, uint32_t op)
{
	V v;

	(void)c, (void)x;
	tables();
	memset(&v, 0, sizeof v);
	switch (op) {
	case PPC_V_CIPHER: case PPC_V_CIPHERLAST:
		shift_substitute(&v, a, false);
		if (op == PPC_V_CIPHER)
			mix(&v, false);
		add_key(&v, b);
		break;
	case PPC_V_NCIPHER: case PPC_V_NCIPHERLAST:
		shift_substitute(&v, a, true);
		add_key(&v, b);
		if (op == PPC_V_NCIPHER)
			mix(&v, true);
		break;
	case PPC_V_SBOX:
		for (unsigned n = 0; n < 16; n++)
			v.u8[n] = sbox[a->u8[n]];
		break;
	default: polynomials(&v, a, b, op - PPC_V_PMSUMB);
	}
	*out = v;
	return 0;
}

static uint32_t rotr32(uint32_t x, unsigned n) { return x >> n | x << (32 - n); }
static uint64_t rotr64(uint64_t x, unsigned n) { return x >> n | x << (64 - n); }

/* how: doublewords, SIX << 1 and ST << 5, as the instruction has them from bit 16 on: ST is its first bit */
PPC_FN(vec_sha, V *out, const V *a, uint32_t how)
{
	unsigned st = how >> 5 & 1, six = how >> 1 & 15;
	V v;

	(void)c;
	memset(&v, 0, sizeof v);
	if (how & 1) {
		for (unsigned n = 0; n < 2; n++) {
			uint64_t x = D64(a, n);
			bool one = six >> (3 - 2 * n) & 1;
			D64(&v, n) = !st ? !one ? rotr64(x, 1) ^ rotr64(x, 8) ^ x >> 7 : rotr64(x, 19) ^ rotr64(x, 61) ^ x >> 6
				     : !one ? rotr64(x, 28) ^ rotr64(x, 34) ^ rotr64(x, 39) : rotr64(x, 14) ^ rotr64(x, 18) ^ rotr64(x, 41);
		}
	} else {
		for (unsigned n = 0; n < 4; n++) {
			uint32_t x = W32(a, n);
			bool one = six >> (3 - n) & 1;
			W32(&v, n) = !st ? !one ? rotr32(x, 7) ^ rotr32(x, 18) ^ x >> 3 : rotr32(x, 17) ^ rotr32(x, 19) ^ x >> 10
				     : !one ? rotr32(x, 2) ^ rotr32(x, 13) ^ rotr32(x, 22) : rotr32(x, 6) ^ rotr32(x, 11) ^ rotr32(x, 25);
		}
	}
	*out = v;
	return 0;
}
