/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * AES, carry-less multiplication and SHA (Intel SDM vol. 2; FIPS 197; FIPS 180-4). Bytes of the AES state are numbered as
 * FIPS 197 does: byte i is row i % 4 of column i / 4.
 */
#include "isa/x86/vec.h"

static const uint8_t sbox[256] = {
	0x63, 0x7c, 0x77, 0x7b, 0xf2, 0x6b, 0x6f, 0xc5, 0x30, 0x01, 0x67, 0x2b, 0xfe, 0xd7, 0xab, 0x76,
	0xca, 0x82, 0xc9, 0x7d, 0xfa, 0x59, 0x47, 0xf0, 0xad, 0xd4, 0xa2, 0xaf, 0x9c, 0xa4, 0x72, 0xc0,
	0xb7, 0xfd, 0x93, 0x26, 0x36, 0x3f, 0xf7, 0xcc, 0x34, 0xa5, 0xe5, 0xf1, 0x71, 0xd8, 0x31, 0x15,
	0x04, 0xc7, 0x23, 0xc3, 0x18, 0x96, 0x05, 0x9a, 0x07, 0x12, 0x80, 0xe2, 0xeb, 0x27, 0xb2, 0x75,
	0x09, 0x83, 0x2c, 0x1a, 0x1b, 0x6e, 0x5a, 0xa0, 0x52, 0x3b, 0xd6, 0xb3, 0x29, 0xe3, 0x2f, 0x84,
	0x53, 0xd1, 0x00, 0xed, 0x20, 0xfc, 0xb1, 0x5b, 0x6a, 0xcb, 0xbe, 0x39, 0x4a, 0x4c, 0x58, 0xcf,
	0xd0, 0xef, 0xaa, 0xfb, 0x43, 0x4d, 0x33, 0x85, 0x45, 0xf9, 0x02, 0x7f, 0x50, 0x3c, 0x9f, 0xa8,
	0x51, 0xa3, 0x40, 0x8f, 0x92, 0x9d, 0x38, 0xf5, 0xbc, 0xb6, 0xda, 0x21, 0x10, 0xff, 0xf3, 0xd2,
	0xcd, 0x0c, 0x13, 0xec, 0x5f, 0x97, 0x44, 0x17, 0xc4, 0xa7, 0x7e, 0x3d, 0x64, 0x5d, 0x19, 0x73,
	0x60, 0x81, 0x4f, 0xdc, 0x22, 0x2a, 0x90, 0x88, 0x46, 0xee, 0xb8, 0x14, 0xde, 0x5e, 0x0b, 0xdb,
	0xe0, 0x32, 0x3a, 0x0a, 0x49, 0x06, 0x24, 0x5c, 0xc2, 0xd3, 0xac, 0x62, 0x91, 0x95, 0xe4, 0x79,
	0xe7, 0xc8, 0x37, 0x6d, 0x8d, 0xd5, 0x4e, 0xa9, 0x6c, 0x56, 0xf4, 0xea, 0x65, 0x7a, 0xae, 0x08,
	0xba, 0x78, 0x25, 0x2e, 0x1c, 0xa6, 0xb4, 0xc6, 0xe8, 0xdd, 0x74, 0x1f, 0x4b, 0xbd, 0x8b, 0x8a,
	0x70, 0x3e, 0xb5, 0x66, 0x48, 0x03, 0xf6, 0x0e, 0x61, 0x35, 0x57, 0xb9, 0x86, 0xc1, 0x1d, 0x9e,
	0xe1, 0xf8, 0x98, 0x11, 0x69, 0xd9, 0x8e, 0x94, 0x9b, 0x1e, 0x87, 0xe9, 0xce, 0x55, 0x28, 0xdf,
	0x8c, 0xa1, 0x89, 0x0d, 0xbf, 0xe6, 0x42, 0x68, 0x41, 0x99, 0x2d, 0x0f, 0xb0, 0x54, 0xbb, 0x16,
};

static uint8_t inverse_sbox(uint8_t v)
{
	for (unsigned i = 0; i < 256; i++)
		if (sbox[i] == v)
			return (uint8_t)i;
	return 0;
}

static uint8_t gf_mul(uint8_t a, unsigned b)
{
	unsigned r = 0, x = a;

	for (; b; b >>= 1) {
		if (b & 1)
			r ^= x;
		x = x << 1 ^ (x & 0x80 ? 0x11B : 0);
	}
	return (uint8_t)r;
}

/* MixColumns with the coefficients of one row; 2 3 1 1, or 14 11 13 9 for the inverse. */
static void mix(union x86_vec *d, const union x86_vec *a, const uint8_t *row)
{
	for (unsigned i = 0; i < 16; i++) {
		unsigned c = i & ~3u;
		uint8_t v = 0;

		for (unsigned k = 0; k < 4; k++)
			v ^= gf_mul(a->u8[c + (i + k) % 4], row[k]);
		d->u8[i] = v;
	}
}

static const uint8_t forward[4] = {2, 3, 1, 1}, backward[4] = {14, 11, 13, 9};

static void op_round(union x86_vec *d, const union x86_vec *a, const union x86_vec *key, bool decrypt, bool last)
{
	union x86_vec s = {{0}};

	for (unsigned i = 0; i < 16; i++) {
		unsigned row = i % 4, from = decrypt ? (i - 4 * row) & 15 : (i + 4 * row) & 15;

		s.u8[i] = decrypt ? inverse_sbox(a->u8[from]) : sbox[a->u8[from]];
	}
	if (last)
		*d = s;
	else
		mix(d, &s, decrypt ? backward : forward);
	d->u64[0] ^= key->u64[0];
	d->u64[1] ^= key->u64[1];
}

#define AES(name, decrypt, last)                                                                               \
	static void op_##name(union x86_vec *d, const union x86_vec *a, const union x86_vec *b, unsigned bytes, \
			      unsigned imm)                                                                    \
	{                                                                                                      \
		(void)bytes, (void)imm;                                                                        \
		op_round(d, a, b, decrypt, last);                                                              \
	}                                                                                                      \
	X86_VEC_BINARY(name, op_##name)
AES(aesenc, false, false)
AES(aesenclast, false, true)
AES(aesdec, true, false)
AES(aesdeclast, true, true)

static void op_aesimc(union x86_vec *d, const union x86_vec *a, unsigned bytes, unsigned imm)
{
	(void)bytes, (void)imm;
	mix(d, a, backward);
}
X86_VEC_UNARY(aesimc, op_aesimc)

static void op_aeskeygenassist(union x86_vec *d, const union x86_vec *a, unsigned bytes, unsigned imm)
{
	(void)bytes;
	for (unsigned w = 0; w < 2; w++) {
		uint32_t x = a->u32[2 * w + 1], s = 0;

		for (unsigned i = 0; i < 4; i++)
			s |= (uint32_t)sbox[x >> 8 * i & 0xFF] << 8 * i;
		d->u32[2 * w] = s;
		d->u32[2 * w + 1] = (s >> 8 | s << 24) ^ (imm & 0xFF);
	}
}
X86_VEC_UNARY(aeskeygenassist, op_aeskeygenassist)

static void op_pclmulqdq(union x86_vec *d, const union x86_vec *a, const union x86_vec *b, unsigned bytes, unsigned imm)
{
	uint64_t x = a->u64[imm & 1], y = b->u64[imm >> 4 & 1];
	unsigned __int128 r = 0;

	(void)bytes;
	for (unsigned i = 0; i < 64; i++)
		if (y >> i & 1)
			r ^= (unsigned __int128)x << i;
	d->u64[0] = (uint64_t)r;
	d->u64[1] = (uint64_t)(r >> 64);
}
X86_VEC_BINARY(pclmulqdq, op_pclmulqdq)

/* ---- SHA ----------------------------------------------------------------------------------------------- */

static uint32_t rol(uint32_t v, unsigned n)
{
	return v << n | v >> (32 - n);
}

static uint32_t ror(uint32_t v, unsigned n)
{
	return rol(v, 32 - n);
}

#define SHA(name)                                                                                              \
	static void op_##name(union x86_vec *d, const union x86_vec *a, const union x86_vec *b, unsigned bytes, \
			      unsigned imm);                                                                   \
	X86_VEC_BINARY(name, op_##name)                                                                        \
	static void op_##name(union x86_vec *d, const union x86_vec *a, const union x86_vec *b,                \
			      __attribute__((unused)) unsigned bytes, __attribute__((unused)) unsigned imm)

SHA(sha1nexte)
{
	*d = *b;
	d->u32[3] += rol(a->u32[3], 30);
}

SHA(sha1msg1)
{
	d->u32[3] = a->u32[1] ^ a->u32[3];
	d->u32[2] = a->u32[0] ^ a->u32[2];
	d->u32[1] = b->u32[3] ^ a->u32[1];
	d->u32[0] = b->u32[2] ^ a->u32[0];
}

SHA(sha1msg2)
{
	d->u32[3] = rol(a->u32[3] ^ b->u32[2], 1);
	d->u32[2] = rol(a->u32[2] ^ b->u32[1], 1);
	d->u32[1] = rol(a->u32[1] ^ b->u32[0], 1);
	d->u32[0] = rol(a->u32[0] ^ d->u32[3], 1);
}

static uint32_t sha1_f(unsigned kind, uint32_t b, uint32_t c, uint32_t d)
{
	switch (kind) {
	case 0: return (b & c) ^ (~b & d);
	case 2: return (b & c) ^ (b & d) ^ (c & d);
	default: return b ^ c ^ d;
	}
}

SHA(sha1rnds4)
{
	static const uint32_t k[4] = {0x5A827999, 0x6ED9EBA1, 0x8F1BBCDC, 0xCA62C1D6};
	uint32_t v[5] = {a->u32[3], a->u32[2], a->u32[1], a->u32[0], 0};

	for (unsigned i = 0; i < 4; i++) { /* E is in the first message word (SHA1NEXTE) */
		uint32_t t = rol(v[0], 5) + sha1_f(imm & 3, v[1], v[2], v[3]) + v[4] + b->u32[3 - i] + k[imm & 3];

		v[4] = v[3];
		v[3] = v[2];
		v[2] = rol(v[1], 30);
		v[1] = v[0];
		v[0] = t;
	}
	for (unsigned i = 0; i < 4; i++)
		d->u32[3 - i] = v[i];
}

static uint32_t small_sigma0(uint32_t x)
{
	return ror(x, 7) ^ ror(x, 18) ^ x >> 3;
}

static uint32_t small_sigma1(uint32_t x)
{
	return ror(x, 17) ^ ror(x, 19) ^ x >> 10;
}

SHA(sha256msg1)
{
	for (unsigned i = 0; i < 4; i++)
		d->u32[i] = a->u32[i] + small_sigma0(i < 3 ? a->u32[i + 1] : b->u32[0]);
}

SHA(sha256msg2)
{
	d->u32[0] = a->u32[0] + small_sigma1(b->u32[2]);
	d->u32[1] = a->u32[1] + small_sigma1(b->u32[3]);
	d->u32[2] = a->u32[2] + small_sigma1(d->u32[0]);
	d->u32[3] = a->u32[3] + small_sigma1(d->u32[1]);
}

/* Two rounds; the state is CDGH in the destination, ABEF in the source, message plus constant in XMM0. */
X86_VEC_HELPER(sha256rnds2)
{
	union x86_vec s, t, r = {{0}};
	uint32_t v[8];

	x86_operand_read(cpu, in, 0, ea, &s);
	x86_operand_read(cpu, in, 1, ea, &t);
	v[0] = t.u32[3], v[1] = t.u32[2], v[2] = s.u32[3], v[3] = s.u32[2];
	v[4] = t.u32[1], v[5] = t.u32[0], v[6] = s.u32[1], v[7] = s.u32[0];
	for (unsigned i = 0; i < 2; i++) {
		uint32_t big1 = ror(v[4], 6) ^ ror(v[4], 11) ^ ror(v[4], 25), ch = (v[4] & v[5]) ^ (~v[4] & v[6]);
		uint32_t big0 = ror(v[0], 2) ^ ror(v[0], 13) ^ ror(v[0], 22);
		uint32_t maj = (v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]);
		uint32_t t1 = ch + big1 + cpu->ymm[0].u32[i] + v[7];

		memmove(v + 1, v, 7 * sizeof v[0]);
		v[4] += t1;
		v[0] = t1 + maj + big0;
	}
	r.u32[3] = v[0], r.u32[2] = v[1], r.u32[1] = v[4], r.u32[0] = v[5];
	x86_operand_write_vec(cpu, in, 0, ea, &r, 16);
}
