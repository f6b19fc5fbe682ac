/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Packed integer arithmetic of MMX, SSE2, SSSE3, SSE4.1 and AVX2 (Intel SDM vol. 2), one lane at a time. Lanes of 8, 16 and
 * 32 bits are promoted to int64_t, so an expression cannot overflow.
 */
#include "isa/x86/vec.h"

static inline int64_t clamp(int64_t v, int64_t low, int64_t high)
{
	return v < low ? low : v > high ? high : v;
}

#define I8(v) clamp(v, INT8_MIN, INT8_MAX)
#define I16(v) clamp(v, INT16_MIN, INT16_MAX)
#define U8(v) clamp(v, 0, UINT8_MAX)
#define U16(v) clamp(v, 0, UINT16_MAX)

/* d lane = expr of x and y, the lanes of a and b widened */
#define LANES2(name, lane, expr)                                                                               \
	static void op_##name(union x86_vec *d, const union x86_vec *a, const union x86_vec *b, unsigned bytes, \
			      unsigned imm)                                                                    \
	{                                                                                                      \
		(void)imm;                                                                                     \
		for (unsigned i = 0; i < bytes / sizeof d->lane[0]; i++) {                                     \
			int64_t x = (int64_t)a->lane[i], y = (int64_t)b->lane[i];                              \
			(void)x;                                                                               \
			d->lane[i] = (typeof(d->lane[0]))(expr);                                               \
		}                                                                                              \
	}                                                                                                      \
	X86_VEC_BINARY(name, op_##name)
/* 64-bit lanes, unsigned */
#define QUADS2(name, expr)                                                                                     \
	static void op_##name(union x86_vec *d, const union x86_vec *a, const union x86_vec *b, unsigned bytes, \
			      unsigned imm)                                                                    \
	{                                                                                                      \
		(void)imm;                                                                                     \
		for (unsigned i = 0; i < bytes / 8; i++) {                                                     \
			uint64_t x = a->u64[i], y = b->u64[i];                                                 \
			d->u64[i] = (expr);                                                                    \
		}                                                                                              \
	}                                                                                                      \
	X86_VEC_BINARY(name, op_##name)

LANES2(paddb, u8, x + y)
LANES2(paddw, u16, x + y)
LANES2(paddd, u32, x + y)
QUADS2(paddq, x + y)
LANES2(psubb, u8, x - y)
LANES2(psubw, u16, x - y)
LANES2(psubd, u32, x - y)
QUADS2(psubq, x - y)
LANES2(paddsb, i8, I8(x + y))
LANES2(paddsw, i16, I16(x + y))
LANES2(paddusb, u8, U8(x + y))
LANES2(paddusw, u16, U16(x + y))
LANES2(psubsb, i8, I8(x - y))
LANES2(psubsw, i16, I16(x - y))
LANES2(psubusb, u8, U8(x - y))
LANES2(psubusw, u16, U16(x - y))
LANES2(pavgb, u8, (x + y + 1) >> 1)
LANES2(pavgw, u16, (x + y + 1) >> 1)
LANES2(pminub, u8, x < y ? x : y)
LANES2(pminuw, u16, x < y ? x : y)
LANES2(pminud, u32, x < y ? x : y)
LANES2(pminsb, i8, x < y ? x : y)
LANES2(pminsw, i16, x < y ? x : y)
LANES2(pminsd, i32, x < y ? x : y)
LANES2(pmaxub, u8, x > y ? x : y)
LANES2(pmaxuw, u16, x > y ? x : y)
LANES2(pmaxud, u32, x > y ? x : y)
LANES2(pmaxsb, i8, x > y ? x : y)
LANES2(pmaxsw, i16, x > y ? x : y)
LANES2(pmaxsd, i32, x > y ? x : y)
LANES2(pcmpeqb, u8, x == y ? -1 : 0)
LANES2(pcmpeqw, u16, x == y ? -1 : 0)
LANES2(pcmpeqd, u32, x == y ? -1 : 0)
LANES2(pcmpeqq, u64, x == y ? -1 : 0)
LANES2(pcmpgtb, i8, x > y ? -1 : 0)
LANES2(pcmpgtw, i16, x > y ? -1 : 0)
LANES2(pcmpgtd, i32, x > y ? -1 : 0)
LANES2(pcmpgtq, i64, x > y ? -1 : 0)
LANES2(pmullw, i16, x * y)
LANES2(pmulhw, i16, (x * y) >> 16)
LANES2(pmulhuw, u16, (x * y) >> 16)
LANES2(pmulhrsw, i16, ((x * y >> 14) + 1) >> 1)
LANES2(pmulld, i32, x * y)
LANES2(psignb, i8, y < 0 ? -x : y ? x : 0)
LANES2(psignw, i16, y < 0 ? -x : y ? x : 0)
LANES2(psignd, i32, y < 0 ? -x : y ? x : 0)
QUADS2(pand, x & y)
QUADS2(pandn, ~x & y)
QUADS2(por, x | y)
QUADS2(pxor, x ^ y)
QUADS2(pmuludq, (x & 0xFFFFFFFF) * (y & 0xFFFFFFFF))
QUADS2(pmuldq, (uint64_t)((int64_t)(int32_t)x * (int32_t)y))
X86_VEC_BINARY(andps, op_pand)
X86_VEC_BINARY(andpd, op_pand)
X86_VEC_BINARY(andnps, op_pandn)
X86_VEC_BINARY(andnpd, op_pandn)
X86_VEC_BINARY(orps, op_por)
X86_VEC_BINARY(orpd, op_por)
X86_VEC_BINARY(xorps, op_pxor)
X86_VEC_BINARY(xorpd, op_pxor)

#define LANES1(name, lane, expr)                                                                               \
	static void op_##name(union x86_vec *d, const union x86_vec *a, unsigned bytes, unsigned imm)          \
	{                                                                                                      \
		(void)imm;                                                                                     \
		for (unsigned i = 0; i < bytes / sizeof d->lane[0]; i++) {                                     \
			int64_t x = (int64_t)a->lane[i];                                                       \
			d->lane[i] = (typeof(d->lane[0]))(expr);                                               \
		}                                                                                              \
	}                                                                                                      \
	X86_VEC_UNARY(name, op_##name)
LANES1(pabsb, i8, x < 0 ? -x : x)
LANES1(pabsw, i16, x < 0 ? -x : x)
LANES1(pabsd, i32, x < 0 ? -x : x)

static void op_pmaddwd(union x86_vec *d, const union x86_vec *a, const union x86_vec *b, unsigned bytes, unsigned imm)
{
	(void)imm;
	for (unsigned i = 0; i < bytes / 4; i++)
		d->u32[i] = (uint32_t)((int64_t)a->i16[2 * i] * b->i16[2 * i] +
				       (int64_t)a->i16[2 * i + 1] * b->i16[2 * i + 1]);
}
X86_VEC_BINARY(pmaddwd, op_pmaddwd)

static void op_pmaddubsw(union x86_vec *d, const union x86_vec *a, const union x86_vec *b, unsigned bytes, unsigned imm)
{
	(void)imm;
	for (unsigned i = 0; i < bytes / 2; i++)
		d->i16[i] = (int16_t)I16((int64_t)a->u8[2 * i] * b->i8[2 * i] +
					 (int64_t)a->u8[2 * i + 1] * b->i8[2 * i + 1]);
}
X86_VEC_BINARY(pmaddubsw, op_pmaddubsw)

static void op_psadbw(union x86_vec *d, const union x86_vec *a, const union x86_vec *b, unsigned bytes, unsigned imm)
{
	(void)imm;
	for (unsigned q = 0; q < bytes / 8; q++) {
		d->u64[q] = 0;
		for (unsigned i = 8 * q; i < 8 * q + 8; i++)
			d->u64[q] += a->u8[i] > b->u8[i] ? (uint64_t)(a->u8[i] - b->u8[i]) :
							   (uint64_t)(b->u8[i] - a->u8[i]);
	}
}
X86_VEC_BINARY(psadbw, op_psadbw)

/* Sums of absolute differences of four bytes of b at eight offsets of a; imm: a's start, b's block, by lane. */
static void op_mpsadbw(union x86_vec *d, const union x86_vec *a, const union x86_vec *b, unsigned bytes, unsigned imm)
{
	for (unsigned l = 0; l < bytes / 16; l++) {
		unsigned sel = imm >> (3 * l), ao = 16 * l + (sel >> 2 & 1) * 4, bo = 16 * l + (sel & 3) * 4;

		for (unsigned i = 0; i < 8; i++) {
			unsigned sum = 0;

			for (unsigned k = 0; k < 4; k++) {
				int x = a->u8[ao + i + k] - b->u8[bo + k];

				sum += (unsigned)(x < 0 ? -x : x);
			}
			d->u16[8 * l + i] = (uint16_t)sum;
		}
	}
}
X86_VEC_BINARY(mpsadbw, op_mpsadbw)

/* Horizontal: within each lane of 16 (MMX: 8) bytes the pairs of a, then the pairs of b. */
#define HORIZONTAL(name, lane, expr)                                                                           \
	static void op_##name(union x86_vec *d, const union x86_vec *a, const union x86_vec *b, unsigned bytes, \
			      unsigned imm)                                                                    \
	{                                                                                                      \
		unsigned n = (bytes < 16 ? bytes : 16) / sizeof d->lane[0];                                    \
		(void)imm;                                                                                     \
		for (unsigned base = 0; base < bytes / sizeof d->lane[0]; base += n)                           \
			for (unsigned i = 0; i < n; i++) {                                                     \
				const union x86_vec *s = i < n / 2 ? a : b;                                    \
				unsigned k = base + 2 * (i % (n / 2));                                         \
				int64_t x = s->lane[k], y = s->lane[k + 1];                                    \
				d->lane[base + i] = (typeof(d->lane[0]))(expr);                                \
			}                                                                                      \
	}                                                                                                      \
	X86_VEC_BINARY(name, op_##name)
HORIZONTAL(phaddw, i16, x + y)
HORIZONTAL(phaddd, i32, x + y)
HORIZONTAL(phaddsw, i16, I16(x + y))
HORIZONTAL(phsubw, i16, x - y)
HORIZONTAL(phsubd, i32, x - y)
HORIZONTAL(phsubsw, i16, I16(x - y))

X86_VEC_HELPER(phminposuw)
{
	union x86_vec a, d = {{0}};
	unsigned at = 0;

	x86_operand_read(cpu, in, 1, ea, &a);
	for (unsigned i = 1; i < 8; i++)
		if (a.u16[i] < a.u16[at])
			at = i;
	d.u16[0] = a.u16[at];
	d.u16[1] = (uint16_t)at;
	x86_operand_write_vec(cpu, in, 0, ea, &d, 16);
}

/* ---- shifts -------------------------------------------------------------------------------------------- */

/*
 * One count for all lanes: an immediate, or the low 64 bits of an XMM register or memory (MMX: all 64). A count beyond the
 * lane gives zeros, or sign bits.
 */
static void shift(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea,
		  void (*fn)(union x86_vec *d, const union x86_vec *a, uint64_t count, unsigned bytes))
{
	unsigned bytes = x86_operand_size(in, 0), first = x86_is_vex(in) ? 1 : 0;
	union x86_vec a, count, d = {{0}};

	x86_vec_begin(cpu, in);
	x86_operand_read(cpu, in, first, ea, &a);
	x86_operand_read(cpu, in, first + 1, ea, &count);
	fn(&d, &a, count.u64[0], bytes);
	x86_operand_write_vec(cpu, in, 0, ea, &d, bytes);
}

#define SHIFT(name, lane, bits, over, expr)                                                                    \
	static void op_##name(union x86_vec *d, const union x86_vec *a, uint64_t count, unsigned bytes)        \
	{                                                                                                      \
		for (unsigned i = 0; i < bytes / sizeof d->lane[0]; i++) {                                     \
			typeof(d->lane[0]) x = a->lane[i];                                                     \
			unsigned n = (unsigned)count;                                                          \
			(void)n, (void)x;                                                                      \
			d->lane[i] = (typeof(d->lane[0]))(count >= (bits) ? (over) : (expr));                  \
		}                                                                                              \
	}                                                                                                      \
	X86_VEC_HELPER(name)                                                                                   \
	{                                                                                                      \
		shift(cpu, in, ea, op_##name);                                                                 \
	}
SHIFT(psllw, u16, 16, 0, (uint32_t)x << n)
SHIFT(pslld, u32, 32, 0, x << n)
SHIFT(psllq, u64, 64, 0, x << n)
SHIFT(psrlw, u16, 16, 0, x >> n)
SHIFT(psrld, u32, 32, 0, x >> n)
SHIFT(psrlq, u64, 64, 0, x >> n)
SHIFT(psraw, i16, 16, x >> 15, x >> n)
SHIFT(psrad, i32, 32, x >> 31, x >> n)

static void op_pslldq(union x86_vec *d, const union x86_vec *a, uint64_t count, unsigned bytes)
{
	for (unsigned l = 0; l < bytes; l += 16)
		for (unsigned i = 0; i < 16; i++)
			d->u8[l + i] = i >= count ? a->u8[l + i - count] : 0;
}

static void op_psrldq(union x86_vec *d, const union x86_vec *a, uint64_t count, unsigned bytes)
{
	for (unsigned l = 0; l < bytes; l += 16)
		for (unsigned i = 0; i < 16; i++)
			d->u8[l + i] = count < 16 && i + count < 16 ? a->u8[l + i + count] : 0;
}
X86_VEC_HELPER(pslldq)
{
	shift(cpu, in, ea, op_pslldq);
}
X86_VEC_HELPER(psrldq)
{
	shift(cpu, in, ea, op_psrldq);
}

/* A count for each lane. */
#define SHIFTV(name, lane, bits, over, expr)                                                                   \
	static void op_##name(union x86_vec *d, const union x86_vec *a, const union x86_vec *b, unsigned bytes, \
			      unsigned imm)                                                                    \
	{                                                                                                      \
		(void)imm;                                                                                     \
		for (unsigned i = 0; i < bytes / sizeof d->lane[0]; i++) {                                     \
			typeof(d->lane[0]) x = a->lane[i];                                                     \
			typeof(d->lane[0] + 0u) n = (typeof(d->lane[0] + 0u))b->lane[i];                       \
			d->lane[i] = (typeof(d->lane[0]))(n >= (bits) ? (over) : (expr));                      \
		}                                                                                              \
	}                                                                                                      \
	X86_VEC_BINARY(name, op_##name)
SHIFTV(vpsllvd, u32, 32, 0, x << n)
SHIFTV(vpsllvq, u64, 64, 0, x << n)
SHIFTV(vpsrlvd, u32, 32, 0, x >> n)
SHIFTV(vpsrlvq, u64, 64, 0, x >> n)
SHIFTV(vpsravd, i32, 32, x >> 31, x >> n)

/* ---- tests --------------------------------------------------------------------------------------------- */

static void test(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea, uint64_t mask)
{
	unsigned bytes = x86_operand_size(in, 0);
	uint64_t both = 0, only = 0;
	union x86_vec a, b;

	x86_operand_read(cpu, in, 0, ea, &a);
	x86_operand_read(cpu, in, 1, ea, &b);
	for (unsigned i = 0; i < bytes / 8; i++) {
		both |= a.u64[i] & b.u64[i] & mask;
		only |= ~a.u64[i] & b.u64[i] & mask;
	}
	cpu->rflags &= ~(uint64_t)X86_STATUS;
	cpu->rflags |= (both ? 0 : X86_ZF) | (only ? 0 : X86_CF);
}

X86_VEC_HELPER(ptest)
{
	test(cpu, in, ea, ~0ull);
}
X86_VEC_HELPER(vtestps)
{
	test(cpu, in, ea, 0x8000000080000000u);
}
X86_VEC_HELPER(vtestpd)
{
	test(cpu, in, ea, 0x8000000000000000u);
}
