/* SPDX-License-Identifier: GPL-2.0-or-later */
/* AES (FIPS 197), SHA-1, SHA-2 (FIPS 180-4), SHA-3's RAX1, SM3 and SM4 (GB/T 32905, 32907) as the Arm ARM divides them. */
#include <string.h>
#include "isa/aarch64/models.h"
#include "isa/aarch64/translate.h"

typedef union ir_value V;

static uint8_t sbox[256], inverse[256];
static uint8_t sm4_sbox[256];

static uint8_t times2(uint8_t x) { return (uint8_t)(x << 1 ^ (x >> 7 ? 0x1b : 0)); }

static uint8_t times(uint8_t a, uint8_t b)
{
	uint8_t r = 0;
	for (; b; b >>= 1, a = times2(a))
		r ^= b & 1 ? a : 0;
	return r;
}

static uint8_t rotl8(uint8_t x, unsigned n) { return (uint8_t)(x << n | x >> (8 - n)); }
static uint32_t rotl(uint32_t x, unsigned n) { return n & 31 ? x << (n & 31) | x >> (32 - (n & 31)) : x; }
static uint32_t rotr(uint32_t x, unsigned n) { return rotl(x, 32 - n); }
static uint64_t rotr64(uint64_t x, unsigned n) { return x >> n | x << (64 - n); }

/* Inverse in GF(2^8) modulo a polynomial (without its top bit). */
static uint8_t field_times(uint8_t a, uint8_t b, uint8_t polynomial)
{
	uint8_t r = 0;
	for (; b; b >>= 1) {
		r ^= b & 1 ? a : 0;
		a = (uint8_t)(a << 1 ^ (a >> 7 ? polynomial : 0));
	}
	return r;
}

static uint8_t field_inverse(uint8_t a, uint8_t polynomial)
{
	uint8_t r = a;
	for (unsigned k = 0; k < 6; k++) /* a^254 */
		r = field_times(field_times(r, r, polynomial), a, polynomial);
	return field_times(r, r, polynomial);
}

/* SM4's box: an affine map on both sides of the inversion modulo x^8 + x^7 + x^6 + x^5 + x^4 + x^2 + 1. */
static uint8_t sm4_affine(uint8_t x)
{
	uint8_t r = 0;
	for (unsigned row = 0; row < 8; row++) { /* circulant, first row 11100101 */
		uint8_t bits = rotl8(0xa7, row) & x;
		r |= (uint8_t)(__builtin_parity(bits) << row);
	}
	return r ^ 0xd3;
}

void a64_crypto_init(void)
{
	if (sbox[0])
		return;
	for (unsigned k = 256; k-- > 0;) { /* the first entry last: it tells that all are there */
		uint8_t i = field_inverse((uint8_t)k, 0x1b);
		sbox[k] = i ^ rotl8(i, 1) ^ rotl8(i, 2) ^ rotl8(i, 3) ^ rotl8(i, 4) ^ 0x63;
		inverse[sbox[k]] = (uint8_t)k;
		sm4_sbox[k] = sm4_affine(field_inverse(sm4_affine((uint8_t)k), 0xf5));
	}
}

static void aes(V *v, const V *key, bool decrypt)
{
	V x = *v;

	x.u64[0] ^= key->u64[0];
	x.u64[1] ^= key->u64[1];
	for (unsigned column = 0; column < 4; column++)
		for (unsigned row = 0; row < 4; row++) {
			unsigned from = ((decrypt ? column + 4 - row : column + row) & 3) * 4 + row;
			v->u8[4 * column + row] = decrypt ? inverse[x.u8[from]] : sbox[x.u8[from]];
		}
}

static void aes_mix(V *v, const V *from, bool back)
{
	V x = *from;

	for (unsigned column = 0; column < 16; column += 4) {
		const uint8_t *s = x.u8 + column;
		for (unsigned row = 0; row < 4; row++) {
			uint8_t a = s[row], b = s[(row + 1) & 3], c = s[(row + 2) & 3], d = s[(row + 3) & 3];
			v->u8[column + row] = back ? times(a, 14) ^ times(b, 11) ^ times(c, 13) ^ times(d, 9)
						   : times2(a) ^ times2(b) ^ b ^ c ^ d;
		}
	}
}

static uint32_t choose(uint32_t x, uint32_t y, uint32_t z) { return ((y ^ z) & x) ^ z; }
static uint32_t majority(uint32_t x, uint32_t y, uint32_t z) { return (x & y) | ((x | y) & z); }
static uint32_t parity(uint32_t x, uint32_t y, uint32_t z) { return x ^ y ^ z; }

/* Four rounds: a..d in v, e in n, the words in w. */
static void sha1(V *v, const V *n, const V *w, unsigned op)
{
	uint32_t a = v->u32[0], b = v->u32[1], c = v->u32[2], d = v->u32[3], e = n->u32[0];

	for (unsigned k = 0; k < 4; k++) {
		uint32_t f = op == A64_C_SHA1C ? choose(b, c, d) : op == A64_C_SHA1P ? parity(b, c, d) : majority(b, c, d);
		uint32_t t = rotl(a, 5) + f + e + w->u32[k];
		e = d, d = c, c = rotl(b, 30), b = a, a = t;
	}
	v->u32[0] = a, v->u32[1] = b, v->u32[2] = c, v->u32[3] = d;
}

static void sha256(V *x, V *y, const V *w)
{
	uint32_t a = x->u32[0], b = x->u32[1], c = x->u32[2], d = x->u32[3], e = y->u32[0], f = y->u32[1], g = y->u32[2], h = y->u32[3];

	for (unsigned k = 0; k < 4; k++) {
		uint32_t t1 = h + (rotr(e, 6) ^ rotr(e, 11) ^ rotr(e, 25)) + choose(e, f, g) + w->u32[k];
		uint32_t t2 = (rotr(a, 2) ^ rotr(a, 13) ^ rotr(a, 22)) + majority(a, b, c);
		h = g, g = f, f = e, e = d + t1, d = c, c = b, b = a, a = t1 + t2;
	}
	x->u32[0] = a, x->u32[1] = b, x->u32[2] = c, x->u32[3] = d;
	y->u32[0] = e, y->u32[1] = f, y->u32[2] = g, y->u32[3] = h;
}

static uint32_t sm4_substitute(uint32_t x)
{
	return (uint32_t)sm4_sbox[x >> 24] << 24 | (uint32_t)sm4_sbox[x >> 16 & 255] << 16 | (uint32_t)sm4_sbox[x >> 8 & 255] << 8 |
	       sm4_sbox[x & 255];
}

static void sm4(V *v, const V *key, bool expand)
{
	uint32_t x[4];

	memcpy(x, v->u32, sizeof x);
	for (unsigned k = 0; k < 4; k++) {
		uint32_t t = sm4_substitute(x[1] ^ x[2] ^ x[3] ^ key->u32[k]);
		t = expand ? t ^ rotl(t, 13) ^ rotl(t, 23) : t ^ rotl(t, 2) ^ rotl(t, 10) ^ rotl(t, 18) ^ rotl(t, 24);
		t ^= x[0];
		x[0] = x[1], x[1] = x[2], x[2] = x[3], x[3] = t;
	}
	memcpy(v->u32, x, sizeof x);
}

static uint32_t p1(uint32_t x) { return x ^ rotl(x, 15) ^ rotl(x, 23); }

static void sm3_round(V *d, const V *n, const V *m, unsigned op, unsigned index)
{
	uint32_t w = m->u32[index], x0 = d->u32[0], x1 = d->u32[1], x2 = d->u32[2], x3 = d->u32[3], t;

	if (op == A64_C_SM3TT1A || op == A64_C_SM3TT1B) {
		t = op == A64_C_SM3TT1A ? parity(x1, x3, x2) : majority(x1, x3, x2);
		t += x0 + (n->u32[3] ^ rotl(x3, 12)) + w;
		d->u32[0] = x1, d->u32[1] = rotl(x2, 9), d->u32[2] = x3, d->u32[3] = t;
	} else {
		t = op == A64_C_SM3TT2A ? parity(x3, x2, x1) : choose(x3, x2, x1);
		t += x0 + n->u32[3] + w;
		d->u32[0] = x1, d->u32[1] = rotl(x2, 19), d->u32[2] = x3, d->u32[3] = t ^ rotl(t, 9) ^ rotl(t, 17);
	}
}

static uint64_t big_sigma0(uint64_t x) { return rotr64(x, 28) ^ rotr64(x, 34) ^ rotr64(x, 39); }
static uint64_t big_sigma1(uint64_t x) { return rotr64(x, 14) ^ rotr64(x, 18) ^ rotr64(x, 41); }
static uint64_t small_sigma0(uint64_t x) { return rotr64(x, 1) ^ rotr64(x, 8) ^ x >> 7; }
static uint64_t small_sigma1(uint64_t x) { return rotr64(x, 19) ^ rotr64(x, 61) ^ x >> 6; }

static void sha512(V *d, const V *n, const V *m, unsigned op)
{
	uint64_t d0 = d->u64[0], d1 = d->u64[1], lo, hi;

	switch (op) {
	case A64_C_SHA512H: /* n: x, m: y of the manual */
		hi = big_sigma1(m->u64[1]) + ((m->u64[1] & n->u64[0]) ^ (~m->u64[1] & n->u64[1])) + d1;
		lo = hi + m->u64[0];
		d->u64[0] = ((lo & m->u64[1]) ^ (~lo & n->u64[0])) + big_sigma1(lo) + d0;
		d->u64[1] = hi;
		break;
	case A64_C_SHA512H2:
		hi = big_sigma0(m->u64[0]) + ((n->u64[0] & m->u64[1]) ^ (m->u64[1] & m->u64[0]) ^ (m->u64[0] & n->u64[0])) + d1;
		d->u64[0] = big_sigma0(hi) + ((hi & m->u64[0]) ^ (hi & m->u64[1]) ^ (m->u64[1] & m->u64[0])) + d0;
		d->u64[1] = hi;
		break;
	case A64_C_SHA512SU0:
		d->u64[0] = d0 + small_sigma0(d1);
		d->u64[1] = d1 + small_sigma0(n->u64[0]);
		break;
	default:
		d->u64[0] = d0 + small_sigma1(n->u64[0]) + m->u64[0];
		d->u64[1] = d1 + small_sigma1(n->u64[1]) + m->u64[1];
	}
}

/* code: operation, element index << 8 */
A64_FN(crypto, V *r, const V *d, const V *n, const V *m, uint32_t code)
{
	V v = *d, w = *n;
	uint32_t t[4];

	(void)c;
	
	switch (code & 255) {
	case A64_C_AESE: aes(&v, n, false); break;
	case A64_C_AESD: aes(&v, n, true); break;
	case A64_C_AESMC: aes_mix(&v, n, false); break;
	case A64_C_AESIMC: aes_mix(&v, n, true); break;
	case A64_C_SHA1C: case A64_C_SHA1P: case A64_C_SHA1M: sha1(&v, n, m, code & 255); break;
	case A64_C_SHA1SU0: { /* d high half and n low half side by side, with both others */
		uint64_t lo = d->u64[1], hi = n->u64[0];
		v.u64[0] = lo ^ d->u64[0] ^ m->u64[0];
		v.u64[1] = hi ^ d->u64[1] ^ m->u64[1];
		break;
	}
	case A64_C_SHA1H: memset(&v, 0, sizeof v); v.u32[0] = rotl(n->u32[0], 30); break;
	case A64_C_SHA1SU1:
		for (unsigned k = 0; k < 3; k++)
			t[k] = rotl(d->u32[k] ^ n->u32[k + 1], 1);
		t[3] = rotl(d->u32[3], 1) ^ rotl(t[0], 1);
		memcpy(v.u32, t, sizeof t);
		break;
	case A64_C_SHA256H: sha256(&v, &w, m); break;
	case A64_C_SHA256H2: sha256(&w, &v, m); break;
	case A64_C_SHA256SU0:
		for (unsigned k = 0; k < 4; k++) {
			uint32_t x = k < 3 ? d->u32[k + 1] : n->u32[0];
			t[k] = d->u32[k] + (rotr(x, 7) ^ rotr(x, 18) ^ x >> 3);
		}
		memcpy(v.u32, t, sizeof t);
		break;
	case A64_C_SHA256SU1:
		for (unsigned k = 0; k < 4; k++) {
			uint32_t x = k < 2 ? m->u32[k + 2] : t[k - 2], y = k < 3 ? n->u32[k + 1] : m->u32[0];
			t[k] = d->u32[k] + (rotr(x, 17) ^ rotr(x, 19) ^ x >> 10) + y;
		}
		memcpy(v.u32, t, sizeof t);
		break;
	case A64_C_SHA512H: case A64_C_SHA512H2: case A64_C_SHA512SU0: case A64_C_SHA512SU1: sha512(&v, n, m, code & 255); break;
	case A64_C_RAX1:
		for (unsigned k = 0; k < 2; k++)
			v.u64[k] = n->u64[k] ^ rotr64(m->u64[k], 63);
		break;
	case A64_C_SM4E: sm4(&v, n, false); break;
	case A64_C_SM4EKEY:
		v = *n;
		sm4(&v, m, true);
		break;
	case A64_C_SM3TT1A: case A64_C_SM3TT1B: case A64_C_SM3TT2A: case A64_C_SM3TT2B: sm3_round(&v, n, m, code & 255, code >> 8); break;
	case A64_C_SM3PARTW1:
		for (unsigned k = 0; k < 3; k++) {
			uint32_t x = m->u32[k + 1];
			t[k] = p1(d->u32[k] ^ n->u32[k] ^ rotl(x, 15));
		}
		t[3] = p1(d->u32[3] ^ n->u32[3] ^ rotl(t[0], 15));
		memcpy(v.u32, t, sizeof t);
		break;
	case A64_C_SM3PARTW2:
		for (unsigned k = 0; k < 4; k++)
			t[k] = n->u32[k] ^ rotl(m->u32[k], 7);
		for (unsigned k = 0; k < 4; k++)
			v.u32[k] = d->u32[k] ^ t[k];
		v.u32[3] ^= p1(rotl(t[0], 15));
		break;
	}
	*r = v;
	return 0;
}

A64_FN(sm3ss1, V *r, const V *n, const V *m, const V *a)
{
	(void)c;
	uint32_t v = rotl(rotl(n->u32[3], 12) + m->u32[3] + a->u32[3], 7);

	memset(r, 0, sizeof *r);
	r->u32[3] = v;
	return 0;
}
