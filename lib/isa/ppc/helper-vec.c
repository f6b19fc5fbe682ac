/* SPDX-License-Identifier: GPL-2.0-or-later */
/* AltiVec's integer and permute operations that are done in C; book I, chapter 6. */
#include "isa/ppc/vec.h"
#include "jit/access.h"
#include "jit/engine.h"

static unsigned expand(unsigned v, unsigned bits)
{
	return v & ((1u << bits) - 1);
}

/* 1:5:5:5 pixels */
static void unpack_pixels(V *r, const V *b, unsigned from)
{
	for (unsigned n = 0; n < 4; n++) {
		unsigned p = H16(b, from + n);
		W32(r, n) = (p >> 15 ? 0xff000000u : 0) | expand(p >> 10, 5) << 16 | expand(p >> 5, 5) << 8 | expand(p, 5);
	}
}

static void pack_pixels(V *r, const V *a, const V *b)
{
	for (unsigned n = 0; n < 8; n++) {
		uint32_t p = n < 4 ? W32(a, n) : W32(b, n - 4);
		H16(r, n) = (uint16_t)((p >> 24 & 1) << 15 | (p >> 19 & 31) << 10 | (p >> 11 & 31) << 5 | (p >> 3 & 31));
	}
}

/* Products of even (first 0) or odd elements. */
static void products(V *r, const V *a, const V *b, unsigned log2, unsigned first, bool is_signed)
{
	for (unsigned n = 0; n < 8u >> log2; n++) {
		unsigned k = 2 * n + first;
		ppc_put(r, log2 + 1, n, is_signed ? (uint64_t)(ppc_get_s(a, log2, k) * ppc_get_s(b, log2, k)) : ppc_get(a, log2, k) * ppc_get(b, log2, k));
	}
}

/* MASK of vrlwnm and its kin: bits mb..me of an element, counted from the left. */
static uint64_t mask_of(unsigned mb, unsigned me, unsigned bits)
{
	uint64_t all = bits == 64 ? ~0ull : 0xffffffff, from = all >> mb, to = (all << (bits - 1 - me)) & all;
	return mb <= me ? from & to : from | to;
}

static void rotate_mask(V *r, const V *a, const V *b, const V *old, unsigned log2)
{
	unsigned bits = 8u << log2;

	for (unsigned n = 0; n < 16u >> log2; n++) {
		uint64_t x = ppc_get(a, log2, n), c = ppc_get(b, log2, n), v;
		unsigned sh = c & (bits - 1), me = c >> 8 & (bits - 1), mb = c >> 16 & (bits - 1);
		v = sh ? x << sh | x >> (bits - sh) : x;
		uint64_t m = mask_of(mb, me, bits);
		ppc_put(r, log2, n, (v & m) | (old ? ppc_get(old, log2, n) & ~m : 0));
	}
}

static unsigned parity(uint64_t v)
{
	return (unsigned)__builtin_popcountll(v & 0x0101010101010101ull) & 1;
}

static void bit_gather(V *r, const V *b)
{
	for (unsigned d = 0; d < 2; d++) {
		uint64_t v = 0;
		for (unsigned i = 0; i < 8; i++)
			for (unsigned j = 0; j < 8; j++)
				v |= (D64(b, d) >> (63 - 8 * i - j) & 1) << (63 - 8 * j - i);
		D64(r, d) = v;
	}
}

static void extend(V *r, const V *b, unsigned from, unsigned to)
{
	unsigned step = 1u << (to - from);

	for (unsigned n = 0; n < 16u >> to; n++)
		ppc_put(r, to, n, (uint64_t)ppc_get_s(b, from, n * step + step - 1));
}

/* Shifts of the whole; count in bits, below 128 */
static void shift(V *r, const V *a, unsigned count, bool left)
{
	ppc_set_q(r, left ? ppc_q(a) << count : ppc_q(a) >> count);
}

static void shift_by_bytes(V *r, const V *a, const V *b, bool left)
{
	for (unsigned n = 0; n < 16; n++) {
		unsigned sh = B8(b, n) & 7;
		if (left)
			B8(r, n) = (uint8_t)((B8(a, n) << 8 | (n < 15 ? B8(a, n + 1) : 0)) << sh >> 8);
		else
			B8(r, n) = (uint8_t)(((n ? B8(a, n - 1) : 0) << 8 | B8(a, n)) >> sh);
	}
}

static unsigned __int128 carry_out(unsigned __int128 a, unsigned __int128 b, unsigned c)
{
	unsigned __int128 s = a + b;
	return (s < a) | (s + c < s);
}

PPC_FN(vec, V *out, const V *a, const V *b, const V *x, uint32_t op)
{
	V v, *r = &v;
	unsigned __int128 qa = ppc_q(a), qb = ppc_q(b), qx = ppc_q(x);

	(void)c;
	memset(r, 0, sizeof *r);
	switch (op) {
	case PPC_V_PKPX: pack_pixels(r, a, b); break;
	case PPC_V_UPKHPX: unpack_pixels(r, b, 0); break;
	case PPC_V_UPKLPX: unpack_pixels(r, b, 4); break;
	case PPC_V_MRGEW: W32(r, 0) = W32(a, 0), W32(r, 1) = W32(b, 0), W32(r, 2) = W32(a, 2), W32(r, 3) = W32(b, 2); break;
	case PPC_V_MRGOW: W32(r, 0) = W32(a, 1), W32(r, 1) = W32(b, 1), W32(r, 2) = W32(a, 3), W32(r, 3) = W32(b, 3); break;
	case PPC_V_PERMXOR:
		for (unsigned n = 0; n < 16; n++)
			B8(r, n) = B8(a, B8(x, n) >> 4) ^ B8(b, B8(x, n) & 15);
		break;
	case PPC_V_SL: shift(r, a, qb & 7, true); break;
	case PPC_V_SR: shift(r, a, qb & 7, false); break;
	case PPC_V_SLO: shift(r, a, (unsigned)qb & 0x78, true); break;
	case PPC_V_SRO: shift(r, a, (unsigned)qb & 0x78, false); break;
	case PPC_V_SLV: shift_by_bytes(r, a, b, true); break;
	case PPC_V_SRV: shift_by_bytes(r, a, b, false); break;
	case PPC_V_ADDCUW:
		for (unsigned n = 0; n < 4; n++)
			r->u32[n] = (uint32_t)(((uint64_t)a->u32[n] + b->u32[n]) >> 32);
		break;
	case PPC_V_SUBCUW:
		for (unsigned n = 0; n < 4; n++)
			r->u32[n] = a->u32[n] >= b->u32[n];
		break;
	case PPC_V_ADDUQM: ppc_set_q(r, qa + qb); break;
	case PPC_V_ADDCUQ: ppc_set_q(r, carry_out(qa, qb, 0)); break;
	case PPC_V_ADDEUQM: ppc_set_q(r, qa + qb + (qx & 1)); break;
	case PPC_V_ADDECUQ: ppc_set_q(r, carry_out(qa, qb, qx & 1)); break;
	case PPC_V_SUBUQM: ppc_set_q(r, qa - qb); break;
	case PPC_V_SUBCUQ: ppc_set_q(r, carry_out(qa, ~qb, 1)); break;
	case PPC_V_SUBEUQM: ppc_set_q(r, qa + ~qb + (qx & 1)); break;
	case PPC_V_SUBECUQ: ppc_set_q(r, carry_out(qa, ~qb, qx & 1)); break;
	case PPC_V_MULESB: products(r, a, b, 0, 0, true); break;
	case PPC_V_MULEUB: products(r, a, b, 0, 0, false); break;
	case PPC_V_MULOSB: products(r, a, b, 0, 1, true); break;
	case PPC_V_MULOUB: products(r, a, b, 0, 1, false); break;
	case PPC_V_MULESH: products(r, a, b, 1, 0, true); break;
	case PPC_V_MULEUH: products(r, a, b, 1, 0, false); break;
	case PPC_V_MULOSH: products(r, a, b, 1, 1, true); break;
	case PPC_V_MULOUH: products(r, a, b, 1, 1, false); break;
	case PPC_V_MULESW: products(r, a, b, 2, 0, true); break;
	case PPC_V_MULEUW: products(r, a, b, 2, 0, false); break;
	case PPC_V_MULOSW: products(r, a, b, 2, 1, true); break;
	case PPC_V_MULOUW: products(r, a, b, 2, 1, false); break;
	case PPC_V_MSUMUBM:
		for (unsigned n = 0; n < 4; n++) {
			uint32_t s = W32(x, n);
			for (unsigned k = 4 * n; k < 4 * n + 4; k++)
				s += (uint32_t)B8(a, k) * B8(b, k);
			W32(r, n) = s;
		}
		break;
	case PPC_V_MSUMMBM:
		for (unsigned n = 0; n < 4; n++) {
			uint32_t s = W32(x, n);
			for (unsigned k = 4 * n; k < 4 * n + 4; k++)
				s += (uint32_t)((int8_t)B8(a, k) * (int32_t)B8(b, k));
			W32(r, n) = s;
		}
		break;
	case PPC_V_MSUMUHM:
		for (unsigned n = 0; n < 4; n++)
			W32(r, n) = W32(x, n) + (uint32_t)H16(a, 2 * n) * H16(b, 2 * n) + (uint32_t)H16(a, 2 * n + 1) * H16(b, 2 * n + 1);
		break;
	case PPC_V_MSUMSHM:
		for (unsigned n = 0; n < 4; n++)
			W32(r, n) = W32(x, n) + (uint32_t)((int16_t)H16(a, 2 * n) * (int16_t)H16(b, 2 * n)) +
				    (uint32_t)((int16_t)H16(a, 2 * n + 1) * (int16_t)H16(b, 2 * n + 1));
		break;
	case PPC_V_MSUMUDM:
		ppc_set_q(r, (unsigned __int128)D64(a, 0) * D64(b, 0) + (unsigned __int128)D64(a, 1) * D64(b, 1) + qx);
		break;
	case PPC_V_RLWNM: rotate_mask(r, a, b, NULL, 2); break;
	case PPC_V_RLDNM: rotate_mask(r, a, b, NULL, 3); break;
	case PPC_V_RLWMI: rotate_mask(r, a, b, x, 2); break;
	case PPC_V_RLDMI: rotate_mask(r, a, b, x, 3); break;
	case PPC_V_GBBD: bit_gather(r, b); break;
	case PPC_V_CTZB: case PPC_V_CTZH: case PPC_V_CTZW: case PPC_V_CTZD: {
		unsigned log2 = op - PPC_V_CTZB;
		for (unsigned n = 0; n < 16u >> log2; n++) {
			uint64_t e = ppc_get(b, log2, n);
			ppc_put(r, log2, n, e ? (uint64_t)__builtin_ctzll(e) : 8u << log2);
		}
		break;
	}
	case PPC_V_PRTYBW:
		for (unsigned n = 0; n < 4; n++)
			r->u32[n] = parity(b->u32[n]);
		break;
	case PPC_V_PRTYBD: D64(r, 0) = parity(D64(b, 0)), D64(r, 1) = parity(D64(b, 1)); break;
	case PPC_V_PRTYBQ: D64(r, 1) = parity(D64(b, 0)) ^ parity(D64(b, 1)); break;
	case PPC_V_EXTSB2W: extend(r, b, 0, 2); break;
	case PPC_V_EXTSH2W: extend(r, b, 1, 2); break;
	case PPC_V_EXTSB2D: extend(r, b, 0, 3); break;
	case PPC_V_EXTSH2D: extend(r, b, 1, 3); break;
	case PPC_V_EXTSW2D: extend(r, b, 2, 3); break;
	case PPC_V_BPERMQ:
		for (unsigned n = 0; n < 16; n++) {
			unsigned k = B8(b, n);
			if (k < 128)
				D64(r, 0) |= (uint64_t)(qa >> (127 - k) & 1) << (15 - n);
		}
		break;
	case PPC_V_BPERMD:
		for (unsigned n = 0; n < 16; n++) {
			unsigned k = B8(b, n);
			if (k < 64)
				D64(r, n / 8) |= (D64(a, n / 8) >> (63 - k) & 1) << (7 - n % 8);
		}
		break;
	}
	*out = v;
	return 0;
}

/* ---- with VSCR[SAT] ---- */

static int64_t clip(int64_t v, int64_t low, int64_t high, bool *sat)
{
	if (v < low || v > high)
		*sat = true;
	return v < low ? low : v > high ? high : v;
}

PPC_FN(vec_sat, V *out, const V *a, const V *b, const V *x, uint32_t op)
{
	V v, *r = &v;
	bool sat = false;
	int64_t s;

	memset(r, 0, sizeof *r);
	switch (op) {
	case PPC_V_MHADDSHS: case PPC_V_MHRADDSHS:
		for (unsigned n = 0; n < 8; n++) {
			s = (int16_t)a->u16[n] * (int16_t)b->u16[n] + (op == PPC_V_MHRADDSHS ? 0x4000 : 0);
			r->u16[n] = (uint16_t)clip((s >> 15) + (int16_t)x->u16[n], -0x8000, 0x7fff, &sat);
		}
		break;
	case PPC_V_MSUMUHS:
		for (unsigned n = 0; n < 4; n++)
			W32(r, n) = (uint32_t)clip((int64_t)W32(x, n) + (int64_t)H16(a, 2 * n) * H16(b, 2 * n) + (int64_t)H16(a, 2 * n + 1) * H16(b, 2 * n + 1),
						   0, UINT32_MAX, &sat);
		break;
	case PPC_V_MSUMSHS:
		for (unsigned n = 0; n < 4; n++)
			W32(r, n) = (uint32_t)clip((int64_t)(int32_t)W32(x, n) + (int64_t)(int16_t)H16(a, 2 * n) * (int16_t)H16(b, 2 * n) +
							   (int64_t)(int16_t)H16(a, 2 * n + 1) * (int16_t)H16(b, 2 * n + 1),
						   INT32_MIN, INT32_MAX, &sat);
		break;
	case PPC_V_SUMSWS:
		s = (int32_t)W32(b, 3);
		for (unsigned n = 0; n < 4; n++)
			s += (int32_t)W32(a, n);
		W32(r, 3) = (uint32_t)clip(s, INT32_MIN, INT32_MAX, &sat);
		break;
	case PPC_V_SUM2SWS:
		for (unsigned n = 0; n < 4; n += 2)
			W32(r, n + 1) = (uint32_t)clip((int64_t)(int32_t)W32(b, n + 1) + (int32_t)W32(a, n) + (int32_t)W32(a, n + 1), INT32_MIN, INT32_MAX, &sat);
		break;
	case PPC_V_SUM4SBS: case PPC_V_SUM4UBS: case PPC_V_SUM4SHS:
		for (unsigned n = 0; n < 4; n++) {
			bool u = op == PPC_V_SUM4UBS;
			unsigned log2 = op == PPC_V_SUM4SHS ? 1 : 0, count = 4u >> log2;
			s = u ? (int64_t)W32(b, n) : (int32_t)W32(b, n);
			for (unsigned k = 0; k < count; k++)
				s += u ? (int64_t)ppc_get(a, log2, n * count + k) : ppc_get_s(a, log2, n * count + k);
			W32(r, n) = (uint32_t)clip(s, u ? 0 : INT32_MIN, u ? UINT32_MAX : INT32_MAX, &sat);
		}
		break;
	}
	if (sat)
		ppc_cpu(c)->vscr |= VSCR_SAT;
	*out = v;
	return 0;
}

PPC_FN(vec_sat_differs, const V *a, const V *b)
{
	if ((a->u64[0] ^ b->u64[0]) | (a->u64[1] ^ b->u64[1]))
		ppc_cpu(c)->vscr |= VSCR_SAT;
	return 0;
}

/* how: log2 of the source, kind << 4 */
PPC_FN(vec_pack, V *out, const V *a, const V *b, uint32_t how)
{
	unsigned log2 = how & 3, kind = how >> 4, bits = 4u << log2, count = 16u >> log2;
	int64_t low = kind == PPC_VP_SS ? -(1ll << (bits - 1)) : 0, high = kind == PPC_VP_SS ? (1ll << (bits - 1)) - 1 : (1ll << bits) - 1;
	bool sat = false;
	V v;

	memset(&v, 0, sizeof v);
	for (unsigned n = 0; n < 2 * count; n++) {
		const V *from = n < count ? a : b;
		if (kind == PPC_VP_UU) {
			uint64_t u = ppc_get(from, log2, n % count);
			if (u > (uint64_t)high)
				sat = true, u = (uint64_t)high;
			ppc_put(&v, log2 - 1, n, u);
		} else {
			ppc_put(&v, log2 - 1, n, (uint64_t)clip(ppc_get_s(from, log2, n % count), low, high, &sat));
		}
	}
	if (sat)
		ppc_cpu(c)->vscr |= VSCR_SAT;
	*out = v;
	return 0;
}

void ppc_set_vscr(struct ppc_cpu *c, uint32_t v)
{
	c->vscr = v & (VSCR_SAT | VSCR_NJ);
	c->vector_fpu.flush_inputs = v & VSCR_NJ;
	c->vector_fpu.flush = v & VSCR_NJ ? FPU_FLUSH_ARM : FPU_FLUSH_NONE;
}

PPC_FN(set_vscr, uint32_t v)
{
	ppc_set_vscr(ppc_cpu(c), v);
	return 0;
}

/* ---- elements ---- */

/* Count of leading (or trailing) bytes whose lowest bit is 0. */
PPC_FN(vec_lsbb, const V *b, uint32_t trailing)
{
	unsigned n;

	(void)c;
	for (n = 0; n < 16 && !(B8(b, trailing ? 15 - n : n) & 1); n++)
		;
	return n;
}

/* how: element, log2 << 8 */
PPC_FN(vec_insert, V *out, const V *old, uint64_t x, uint32_t how)
{
	V v = *old;

	(void)c;
	ppc_put(&v, how >> 8, how & 255, x);
	*out = v;
	return 0;
}

static uint64_t window(const V *v, unsigned at, unsigned size)
{
	uint64_t x = 0;

	for (unsigned n = 0; n < size; n++)
		x = x << 8 | B8(v, (at + n) & 15);
	return x;
}

/* how: byte, log2 << 8 */
PPC_FN(vec_element, const V *v, uint32_t how)
{
	(void)c;
	return window(v, how & 15, 1u << (how >> 8 & 3));
}

/* how: byte, log2 << 8; 1 << 16: word 1 of b goes there, else what is there goes to doubleword 0, right-justified */
PPC_FN(vec_window, V *out, const V *a, const V *b, uint32_t how)
{
	unsigned at = how & 15, size = 1u << (how >> 8 & 3);
	V v;

	(void)c;
	if (how >> 16) {
		v = *a;
		for (unsigned n = 0; n < size; n++)
			B8(&v, (at + n) & 15) = B8(b, 4 + n);
	} else {
		memset(&v, 0, sizeof v);
		v.u64[0] = window(b, at, size);
	}
	*out = v;
	return 0;
}

PPC_FN(vec_lvs, V *out, uint32_t n)
{
	V v;

	(void)c;
	memset(&v, 0, sizeof v);
	for (unsigned k = 0; k < 16; k++)
		B8(&v, k) = (uint8_t)(n + k);
	*out = v;
	return 0;
}

PPC_FN(vec_cmpnez, V *out, const V *a, const V *b, uint32_t log2)
{
	V v;

	(void)c;
	memset(&v, 0, sizeof v);
	for (unsigned n = 0; n < 16u >> log2; n++) {
		uint64_t x = ppc_get(a, log2, n), y = ppc_get(b, log2, n);
		ppc_put(&v, log2, n, x != y || !x || !y ? ~0ull : 0);
	}
	*out = v;
	return 0;
}

PPC_FN(vec_cr6, const V *v)
{
	(void)c;
	return (!(~v->u64[0] | ~v->u64[1]) ? 8 : 0) | (!(v->u64[0] | v->u64[1]) ? 2 : 0);
}

PPC_FN(vec_cr6_bounds, const V *v)
{
	(void)c;
	return !(v->u64[0] | v->u64[1]) ? 2 : 0;
}

/* ---- lengths (3.0): at most 16 bytes ---- */

PPC_FN(vec_load_length, V *out, uint64_t at, uint64_t n, uint32_t left)
{
	uint8_t bytes[16] = {0};
	V v;

	memset(&v, 0, sizeof v);
	if (n > 16)
		n = 16;
	if (n)
		access_read(bytes, (const void *)(uintptr_t)(c->jit->config.guest_base + at), n);
	for (unsigned k = 0; k < 16; k++)
		B8(&v, left ? k : 15 - k) = bytes[k];
	*out = v;
	return 0;
}

PPC_FN(vec_store_length, const V *v, uint64_t at, uint64_t n, uint32_t left)
{
	uint8_t bytes[16];

	if (n > 16)
		n = 16;
	for (unsigned k = 0; k < 16; k++)
		bytes[k] = B8(v, left ? k : 15 - k);
	if (n)
		access_write((void *)(uintptr_t)(c->jit->config.guest_base + at), bytes, n);
	return 0;
}

/* ---- signed packed decimal (6.17): 31 digits and a sign code ---- */

static int sign_of(unsigned code)
{
	return code < 10 ? 0 : code == 0xb || code == 0xd ? -1 : 1;
}

static bool valid(const uint8_t *d)
{
	for (unsigned n = 1; n < 32; n++)
		if (d[n] > 9)
			return false;
	return sign_of(d[0]) != 0;
}

/* Digits, the lowest first; [0] is the sign. */
static void digits(const V *v, uint8_t *d)
{
	unsigned __int128 q = ppc_q(v);

	for (unsigned n = 0; n < 32; n++, q >>= 4)
		d[n] = q & 15;
}

/* how: 1 subtract, 2 PS; CR6 is LT GT EQ overflow, or 1 when invalid */
static unsigned bcd_add(V *r, const V *a, const V *b, unsigned how)
{
	uint8_t x[32], y[32], z[32] = {0};
	int sx, sy, order = 0;
	bool overflow = false, zero = true, negative;

	digits(a, x);
	digits(b, y);
	memset(r, 0, sizeof *r);
	if (!valid(x) || !valid(y)) {
		r->u64[0] = r->u64[1] = ~0ull;
		return 1;
	}
	sx = sign_of(x[0]);
	sy = how & 1 ? -sign_of(y[0]) : sign_of(y[0]);
	if (sx == sy) {
		unsigned carry = 0;
		for (unsigned n = 1; n < 32; n++) {
			unsigned s = x[n] + y[n] + carry;
			carry = s > 9;
			z[n] = (uint8_t)(carry ? s - 10 : s);
		}
		overflow = carry;
		negative = sx < 0;
	} else {
		for (unsigned n = 31; n && !order; n--)
			order = x[n] - y[n];
		const uint8_t *big = order >= 0 ? x : y, *small = order >= 0 ? y : x;
		int borrow = 0;
		for (unsigned n = 1; n < 32; n++) {
			int s = big[n] - small[n] - borrow;
			borrow = s < 0;
			z[n] = (uint8_t)(borrow ? s + 10 : s);
		}
		negative = (order >= 0 ? sx : sy) < 0;
	}
	for (unsigned n = 1; n < 32; n++)
		zero &= !z[n];
	if (zero && !overflow)
		negative = false;
	z[0] = negative ? 0xd : how & 2 ? 0xf : 0xc;
	unsigned __int128 q = 0;
	for (unsigned n = 32; n--;)
		q = q << 4 | z[n];
	ppc_set_q(r, q);
	return (zero && !overflow ? 2u : negative ? 8u : 4u) | overflow;
}

PPC_FN(vec_bcd, V *out, const V *a, const V *b, uint32_t how)
{
	V v;

	(void)c;
	bcd_add(&v, a, b, how);
	*out = v;
	return 0;
}

PPC_FN(vec_bcd_cr, const V *a, const V *b, uint32_t how)
{
	V v;

	(void)c;
	return bcd_add(&v, a, b, how);
}
