/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Integer vector operations in C: what the intermediate form has no operation for. Elements as 128-bit integers are exact. */
#include <string.h>
#include "isa/aarch64/translate.h"
#include "jit/access.h"

typedef __int128 s128;
typedef union ir_value V;

static s128 get(const V *v, unsigned log2, unsigned n, bool sign)
{
	switch (log2) {
	case 0: return sign ? (s128)(int8_t)v->u8[n] : (s128)v->u8[n];
	case 1: return sign ? (s128)(int16_t)v->u16[n] : (s128)v->u16[n];
	case 2: return sign ? (s128)(int32_t)v->u32[n] : (s128)v->u32[n];
	default: return sign ? (s128)(int64_t)v->u64[n] : (s128)v->u64[n];
	}
}

static void put(V *v, unsigned log2, unsigned n, s128 x)
{
	switch (log2) {
	case 0: v->u8[n] = (uint8_t)x; break;
	case 1: v->u16[n] = (uint16_t)x; break;
	case 2: v->u32[n] = (uint32_t)x; break;
	default: v->u64[n] = (uint64_t)x; break;
	}
}

/* SatQ(), to an element of the size; notes saturation. */
static s128 saturate(struct cpu *c, s128 x, unsigned log2, bool sign)
{
	unsigned bits = 8u << log2;
	s128 max = sign ? ((s128)1 << (bits - 1)) - 1 : ((s128)1 << bits) - 1, min = sign ? -max - 1 : 0;

	if (x > max || x < min) {
		a64_cpu(c)->qc = 1;
		return x > max ? max : min;
	}
	return x;
}

/* Shift by a signed count; rounding to the right. Exact to the left where 128 bits suffice; what shifts out entirely saturates all the same. */
static s128 shift(s128 x, int n, bool round, unsigned bits)
{
	if (n >= 0)
		return n >= (int)bits ? x ? x > 0 ? (s128)1 << 126 : -((s128)1 << 126) : 0 : x * ((s128)1 << n);
	n = -n;
	if (n > 64 + 1)
		n = 64 + 1;
	return (x + (round ? (s128)1 << (n - 1) : 0)) >> n;
}

static uint32_t clmul8(uint32_t a, uint32_t b)
{
	uint32_t r = 0;
	for (unsigned k = 0; k < 8; k++)
		r ^= b >> k & 1 ? a << k : 0;
	return r;
}

/* Saturating doubling multiplication, the high half, rounded or not. */
static s128 sqdmulh(s128 a, s128 b, unsigned bits, bool round)
{
	return (2 * a * b + (round ? (s128)1 << (bits - 1) : 0)) >> bits;
}

static s128 one(struct cpu *c, unsigned op, unsigned log2, const V *va, const V *vb, const V *vd, unsigned n)
{
	bool u = op < A64_VI_ADD && op & 1;
	unsigned bits = 8u << log2, pair = op < A64_VI_ADD ? op & ~1u : op;
	s128 a = get(va, log2, n, !u), b = get(vb, log2, n, !u), d;
	int count = (int8_t)vb->u8[n << log2];

	switch (pair) {
	case A64_VI_SQADD: return saturate(c, a + b, log2, !u);
	case A64_VI_SQSUB: return saturate(c, a - b, log2, !u);
	case A64_VI_SHSUB: return (a - b) >> 1;
	case A64_VI_SSHL: return count >= (int)bits ? 0 : shift(a, count, false, bits);
	case A64_VI_SRSHL: return count >= (int)bits ? 0 : shift(a, count, true, bits);
	case A64_VI_SQSHL: return saturate(c, shift(a, count, false, bits), log2, !u);
	case A64_VI_SQRSHL: return saturate(c, shift(a, count, true, bits), log2, !u);
	case A64_VI_PMUL: return clmul8((uint32_t)a & 255, (uint32_t)b & 255);
	case A64_VI_SQDMULH: return saturate(c, sqdmulh(a, b, bits, false), log2, true);
	case A64_VI_SQRDMULH: return saturate(c, sqdmulh(a, b, bits, true), log2, true);
	case A64_VI_SQRDMLAH: case A64_VI_SQRDMLSH:
		d = get(vd, log2, n, true) * ((s128)1 << bits);
		d = op == A64_VI_SQRDMLAH ? d + 2 * a * b : d - 2 * a * b;
		return saturate(c, (d + ((s128)1 << (bits - 1))) >> bits, log2, true);
	case A64_VI_SDOT: case A64_VI_UDOT:
		d = get(vd, 2, n, false);
		for (unsigned k = 0; k < 4; k++)
			d += get(va, 0, 4 * n + k, op == A64_VI_SDOT) * get(vb, 0, 4 * n + k, op == A64_VI_SDOT);
		return d;
	default: return 0;
	}
}

A64_FN(vi, V *r, const V *a, const V *b, const V *d, uint32_t code)
{
	unsigned op = code & 255, log2 = code >> 8 & 15, count = code >> 12;
	V v;

	memset(&v, 0, sizeof v);
	for (unsigned n = 0; n < count; n++)
		put(&v, log2, n, one(c, op, log2, a, b, d, n));
	*r = v;
	return 0;
}

static unsigned leading(uint64_t v, unsigned bits)
{
	return v ? (unsigned)__builtin_clzll(v) - (64 - bits) : bits;
}

/* URECPE, URSQRTE: the estimates of floating point on fixed point (Arm ARM, UnsignedRecipEstimate(), UnsignedRSqrtEstimate()). */
static uint32_t recip_estimate(uint32_t a) /* 256..511 */
{
	uint32_t b = (1u << 19) / (a * 2 + 1);
	return (b + 1) / 2;
}

static uint32_t rsqrt_estimate(uint32_t a) /* 128..511 */
{
	uint32_t b = 512;

	a = a < 256 ? a * 2 + 1 : ((a >> 1 << 1) + 1) * 2;
	while (a * (b + 1) * (b + 1) < 1u << 28)
		b++;
	return (b + 1) / 2;
}

static uint32_t urecpe(uint32_t v)
{
	return v >> 31 ? recip_estimate(v >> 23) << 23 : 0xffffffff;
}

static uint32_t ursqrte(uint32_t v)
{
	return v >> 30 ? rsqrt_estimate(v >> 23) << 23 : 0xffffffff;
}

A64_FN(vm, V *r, const V *a, const V *d, uint32_t code)
{
	unsigned op = code & 255, log2 = code >> 8 & 15, count = code >> 12, bits = 8u << log2;
	V v;

	memset(&v, 0, sizeof v);
	if (op == A64_VM_SADDLP || op == A64_VM_UADDLP || op == A64_VM_SADALP || op == A64_VM_UADALP) {
		bool sign = op == A64_VM_SADDLP || op == A64_VM_SADALP, add = op == A64_VM_SADALP || op == A64_VM_UADALP;
		for (unsigned n = 0; n < count / 2; n++)
			put(&v, log2 + 1, n, get(a, log2, 2 * n, sign) + get(a, log2, 2 * n + 1, sign) + (add ? get(d, log2 + 1, n, false) : 0));
		*r = v;
		return 0;
	}
	for (unsigned n = 0; n < count; n++) {
		s128 x = get(a, log2, n, true), y = 0;
		uint64_t u = (uint64_t)get(a, log2, n, false);
		switch (op) {
		case A64_VM_CLS: y = leading((u ^ (uint64_t)(x >> 1)) & (bits == 64 ? ~0ull : (1ull << bits) - 1), bits); y = y ? y - 1 : 0; break;
		case A64_VM_SQABS: y = saturate(c, x < 0 ? -x : x, log2, true); break;
		case A64_VM_SQNEG: y = saturate(c, -x, log2, true); break;
		case A64_VM_SUQADD: y = saturate(c, get(d, log2, n, true) + (s128)u, log2, true); break;
		case A64_VM_USQADD: y = saturate(c, get(d, log2, n, false) + x, log2, false); break;
		case A64_VM_URECPE: y = urecpe((uint32_t)u); break;
		case A64_VM_URSQRTE: y = ursqrte((uint32_t)u); break;
		}
		put(&v, log2, n, y);
	}
	*r = v;
	return 0;
}

/* SQDMULL and its accumulating forms; log2: of the source. */
A64_FN(qdml, V *r, const V *a, const V *b, const V *d, uint32_t code)
{
	unsigned op = code & 255, log2 = code >> 8 & 15, count = code >> 12;
	V v;

	memset(&v, 0, sizeof v);
	for (unsigned n = 0; n < count; n++) {
		s128 p = saturate(c, 2 * get(a, log2, n, true) * get(b, log2, n, true), log2 + 1, true), s = get(d, log2 + 1, n, true);
		if (op != A64_L_QDMULL)
			p = saturate(c, op == A64_L_QDMLAL ? s + p : s - p, log2 + 1, true);
		put(&v, log2 + 1, n, p);
	}
	*r = v;
	return 0;
}

A64_FN(pmull, V *r, const V *a, const V *b, uint32_t wide)
{
	V v;

	(void)c;
	memset(&v, 0, sizeof v);
	if (wide) {
		unsigned __int128 x = 0, y = a->u64[0];
		for (unsigned k = 0; k < 64; k++)
			x ^= b->u64[0] >> k & 1 ? y << k : 0;
		v.u128[0] = x;
	} else {
		for (unsigned n = 0; n < 8; n++)
			v.u16[n] = (uint16_t)clmul8(a->u8[n], b->u8[n]);
	}
	*r = v;
	return 0;
}

A64_FN(addlv, const V *a, uint32_t code)
{
	unsigned op = code & 255, log2 = code >> 8 & 15, count = code >> 12;
	s128 s = 0;

	(void)c;
	for (unsigned n = 0; n < count; n++)
		s += get(a, log2, n, op == A64_A_SADDLV);
	return log2 == 2 ? (uint64_t)s : (uint64_t)s & ((1ull << (16u << log2)) - 1);
}

/* To half the size, shifted right; log2: of the result. */
A64_FN(narrow, V *r, const V *a, uint32_t code, uint32_t n)
{
	unsigned op = code & 255, log2 = code >> 8 & 15, count = code >> 12;
	bool round = op == A64_N_RSHRN || op == A64_N_SQRSHRUN || op == A64_N_SQRSHRN || op == A64_N_UQRSHRN;
	bool from_unsigned = op == A64_N_UQXTN || op == A64_N_UQSHRN || op == A64_N_UQRSHRN;
	bool to_unsigned = from_unsigned || op == A64_N_SQXTUN || op == A64_N_SQSHRUN || op == A64_N_SQRSHRUN;
	V v;

	memset(&v, 0, sizeof v);
	for (unsigned k = 0; k < count; k++) {
		s128 x = get(a, log2 + 1, k, !from_unsigned);
		if (n)
			x = (x + (round ? (s128)1 << (n - 1) : 0)) >> n;
		if (op != A64_N_XTN && op != A64_N_SHRN && op != A64_N_RSHRN)
			x = saturate(c, x, log2, !to_unsigned);
		put(&v, log2, k, x);
	}
	*r = v;
	return 0;
}

A64_FN(shift, V *r, const V *a, const V *d, uint32_t code, uint32_t n)
{
	unsigned op = code & 255, log2 = code >> 8 & 15, count = code >> 12, bits = 8u << log2;
	V v;

	memset(&v, 0, sizeof v);
	for (unsigned k = 0; k < count; k++) {
		bool u = op == A64_SH_URSHR || op == A64_SH_URSRA || op == A64_SH_UQSHL;
		s128 x = get(a, log2, k, !u), old = get(d, log2, k, false), y = 0, ones = ((s128)1 << bits) - 1;
		switch (op) {
		case A64_SH_SRSHR: case A64_SH_URSHR: y = (x + ((s128)1 << (n - 1))) >> n; break;
		case A64_SH_SRSRA: case A64_SH_URSRA: y = old + ((x + ((s128)1 << (n - 1))) >> n); break;
		case A64_SH_SRI: x &= ones; y = (old & ~(ones >> n)) | x >> n; break;
		case A64_SH_SLI: y = (old & (((s128)1 << n) - 1)) | (s128)((unsigned __int128)x << n); break;
		case A64_SH_SQSHLU: y = saturate(c, x * ((s128)1 << n), log2, false); break;
		case A64_SH_SQSHL: y = saturate(c, x * ((s128)1 << n), log2, true); break;
		case A64_SH_UQSHL: y = saturate(c, x * ((s128)1 << n), log2, false); break;
		}
		put(&v, log2, k, y);
	}
	*r = v;
	return 0;
}

/* how: first register, registers << 8; bytes beyond the table stay those of `other`. */
A64_FN(table, V *r, const V *index, const V *other, uint32_t how)
{
	const struct a64_cpu *x = a64_cpu(c);
	V v = *other;

	for (unsigned k = 0; k < 16; k++) {
		unsigned n = index->u8[k];
		if (n < 16 * (how >> 8))
			v.u8[k] = x->v[(how + n / 16) & 31].u8[n % 16];
	}
	*r = v;
	return 0;
}

/* how: first register, structure << 8, log2 << 12, q << 16. Nothing of the registers changes before all was read. */
/* An element between memory and a register: in the guest's byte order. */
static void element(const struct cpu *c, uint8_t *to, const uint8_t *from, unsigned size)
{
	for (unsigned b = 0; b < size; b++)
		to[b] = from[c->isa->big_endian ? size - 1 - b : b];
}

A64_FN(load_structures, uint64_t address, uint32_t how)
{
	struct a64_cpu *x = a64_cpu(c);
	unsigned structure = how >> 8 & 15, log2 = how >> 12 & 15, q = how >> 16, bytes = q ? 16 : 8, size = 1u << log2;
	uint8_t buffer[64];
	union ir_value_128 v[4];

	access_read(buffer, (void *)(uintptr_t)(c->jit->config.guest_base + address), structure * bytes);
	memset(v, 0, sizeof v);
	for (unsigned e = 0; e < bytes / size; e++)
		for (unsigned k = 0; k < structure; k++)
			element(c, v[k].u8 + e * size, buffer + (e * structure + k) * size, size);
	for (unsigned k = 0; k < structure; k++)
		x->v[(how + k) & 31] = v[k];
	return 0;
}

A64_FN(store_structures, uint64_t address, uint32_t how)
{
	const struct a64_cpu *x = a64_cpu(c);
	unsigned structure = how >> 8 & 15, log2 = how >> 12 & 15, q = how >> 16, bytes = q ? 16 : 8, size = 1u << log2;
	uint8_t buffer[64];

	for (unsigned e = 0; e < bytes / size; e++)
		for (unsigned k = 0; k < structure; k++)
			element(c, buffer + (e * structure + k) * size, x->v[(how + k) & 31].u8 + e * size, size);
	access_write((void *)(uintptr_t)(c->jit->config.guest_base + address), buffer, structure * bytes);
	return 0;
}
