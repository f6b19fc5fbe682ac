/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the expressions of ops.def are made of. Each evaluator expands a row once for every element type: inside the
 * braces U, S and W are the element's, a, b, sa, sb the operands.
 */
#ifndef JIT_EVAL_H
#define JIT_EVAL_H
#include <string.h>
#include "jit/ir.h"

typedef unsigned __int128 ir_u128;

static inline unsigned bits_clz(ir_u128 a, unsigned w)
{
	uint64_t hi = (uint64_t)(a >> 64), lo = (uint64_t)a;

	if (!a)
		return w;
	return (unsigned)(hi ? __builtin_clzll(hi) : 64 + __builtin_clzll(lo)) - (128 - w);
}

static inline unsigned bits_ctz(ir_u128 a, unsigned w)
{
	uint64_t hi = (uint64_t)(a >> 64), lo = (uint64_t)a;

	if (!a)
		return w;
	return (unsigned)(lo ? __builtin_ctzll(lo) : 64 + __builtin_ctzll(hi));
}

static inline unsigned bits_popcnt(ir_u128 a)
{
	return (unsigned)(__builtin_popcountll((uint64_t)a) + __builtin_popcountll((uint64_t)(a >> 64)));
}

static inline ir_u128 bits_bswap128(ir_u128 a, unsigned w)
{
	ir_u128 r = (ir_u128)__builtin_bswap64((uint64_t)a) << 64 | __builtin_bswap64((uint64_t)(a >> 64));
	return r >> (128 - w);
}

static inline ir_u128 bits_bitrev(ir_u128 a, unsigned w)
{
	ir_u128 r = 0;

	for (unsigned i = 0; i < w; i++)
		r |= (a >> i & 1) << (w - 1 - i);
	return r;
}

static inline ir_u128 ir_mulhu128(ir_u128 a, ir_u128 b)
{
	ir_u128 al = (uint64_t)a, ah = a >> 64, bl = (uint64_t)b, bh = b >> 64;
	ir_u128 ll = al * bl, lh = al * bh, hl = ah * bl, hh = ah * bh;
	ir_u128 mid = (ll >> 64) + (uint64_t)lh + (uint64_t)hl;
	return hh + (lh >> 64) + (hl >> 64) + (mid >> 64);
}

static inline ir_u128 ir_mulhs128(__int128 a, __int128 b)
{
	ir_u128 r = ir_mulhu128((ir_u128)a, (ir_u128)b);
	return r - (a < 0 ? (ir_u128)b : 0) - (b < 0 ? (ir_u128)a : 0);
}

static inline __int128 ir_sats(__int128 v, unsigned w)
{
	__int128 max = ((__int128)1 << (w - 1)) - 1, min = -max - 1;
	return v > max ? max : v < min ? min : v;
}

static inline __int128 ir_satu(__int128 v, unsigned w)
{
	__int128 max = ((__int128)1 << w) - 1;
	return v > max ? max : v < 0 ? 0 : v;
}

#define IR_CLZ(a, w) bits_clz(a, w)
#define IR_CTZ(a, w) bits_ctz(a, w)
#define IR_POPCNT(a) bits_popcnt(a)
#define IR_BSWAP(a, w) bits_bswap128(a, w)
#define IR_BITREV(a, w) bits_bitrev(a, w)
#define IR_MULHU(a, b) (W == 128 ? (U)ir_mulhu128(a, b) : (U)((ir_u128)(a) * (b) >> (W & 127)))
#define IR_MULHS(a, b) (W == 128 ? (U)ir_mulhs128((S)(a), (S)(b)) : (U)((__int128)(S)(a) * (S)(b) >> (W & 127)))
#define IR_SATS(v) ir_sats(v, W)

#define IR_UNUSED __attribute__((unused))
/* One element: A, B are lvalues of the operands, D of the result. */
#define IR_ELEMENT1(bits, A, D, expr)                                                                                 \
	do {                                                                                                          \
		typedef IR_U##bits U IR_UNUSED;                                                                       \
		typedef IR_S##bits S IR_UNUSED;                                                                       \
		enum { W = bits };                                                                                    \
		IR_UNUSED U a = (A);                                                                                  \
		IR_UNUSED S sa = (S)a;                                                                                \
		(D) = (U)(expr);                                                                                      \
	} while (0)
#define IR_ELEMENT2(bits, A, B, D, expr)                                                                              \
	do {                                                                                                          \
		typedef IR_U##bits U IR_UNUSED;                                                                       \
		typedef IR_S##bits S IR_UNUSED;                                                                       \
		enum { W = bits };                                                                                    \
		IR_UNUSED U a = (A), b = (B);                                                                         \
		IR_UNUSED S sa = (S)a, sb = (S)b;                                                                     \
		(D) = (U)(expr);                                                                                      \
	} while (0)
#define IR_U8 uint8_t
#define IR_U16 uint16_t
#define IR_U32 uint32_t
#define IR_U64 uint64_t
#define IR_U128 ir_u128
#define IR_S8 int8_t
#define IR_S16 int16_t
#define IR_S32 int32_t
#define IR_S64 int64_t
#define IR_S128 __int128

static inline uint64_t ir_sext64(uint64_t v, unsigned type)
{
	unsigned s = 64 - ir_bits(type);
	return (uint64_t)((int64_t)(v << s) >> s);
}
#endif
