/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Packing, unpacking, shuffling, blending, insertion, extraction, extension and broadcast (Intel SDM vol. 2). */
#include "isa/x86/vec.h"

/* ---- pack and unpack, within lanes of 16 bytes (MMX: 8) ------------------------------------------------ */

#define PACK(name, from, to, low, high)                                                                        \
	static void op_##name(union x86_vec *d, const union x86_vec *a, const union x86_vec *b, unsigned bytes, \
			      unsigned imm)                                                                    \
	{                                                                                                      \
		unsigned lane = bytes < 16 ? bytes : 16, n = lane / sizeof a->from[0];                         \
		(void)imm;                                                                                     \
		for (unsigned l = 0; l < bytes / lane; l++)                                                    \
			for (unsigned i = 0; i < 2 * n; i++) {                                                 \
				int32_t v = (i < n ? a : b)->from[l * n + i % n];                              \
				d->to[l * 2 * n + i] = (typeof(d->to[0]))(v < (low) ? (low) : v > (high) ? (high) : v); \
			}                                                                                      \
	}                                                                                                      \
	X86_VEC_BINARY(name, op_##name)
PACK(packsswb, i16, i8, INT8_MIN, INT8_MAX)
PACK(packuswb, i16, u8, 0, UINT8_MAX)
PACK(packssdw, i32, i16, INT16_MIN, INT16_MAX)
PACK(packusdw, i32, u16, 0, UINT16_MAX)

#define UNPACK(name, lanes, high)                                                                              \
	static void op_##name(union x86_vec *d, const union x86_vec *a, const union x86_vec *b, unsigned bytes, \
			      unsigned imm)                                                                    \
	{                                                                                                      \
		unsigned lane = bytes < 16 ? bytes : 16, n = lane / sizeof a->lanes[0];                        \
		(void)imm;                                                                                     \
		for (unsigned l = 0; l < bytes / lane; l++)                                                    \
			for (unsigned i = 0; i < n; i++)                                                       \
				d->lanes[l * n + i] = (i & 1 ? b : a)->lanes[l * n + i / 2 + ((high) ? n / 2 : 0)]; \
	}
#define UNPACK_INT(name, lanes, high) UNPACK(name, lanes, high) X86_VEC_BINARY(name, op_##name)
UNPACK_INT(punpcklbw, u8, false)
UNPACK_INT(punpcklwd, u16, false)
UNPACK_INT(punpckldq, u32, false)
UNPACK_INT(punpcklqdq, u64, false)
UNPACK_INT(punpckhbw, u8, true)
UNPACK_INT(punpckhwd, u16, true)
UNPACK_INT(punpckhdq, u32, true)
UNPACK_INT(punpckhqdq, u64, true)
X86_VEC_BINARY(unpcklps, op_punpckldq)
X86_VEC_BINARY(unpcklpd, op_punpcklqdq)
X86_VEC_BINARY(unpckhps, op_punpckhdq)
X86_VEC_BINARY(unpckhpd, op_punpckhqdq)

/* ---- shuffles ------------------------------------------------------------------------------------------ */

static void op_pshufb(union x86_vec *d, const union x86_vec *a, const union x86_vec *b, unsigned bytes, unsigned imm)
{
	unsigned lane = bytes < 16 ? bytes : 16;

	(void)imm;
	for (unsigned i = 0; i < bytes; i++)
		d->u8[i] = b->u8[i] & 0x80 ? 0 : a->u8[(i & ~(lane - 1)) + (b->u8[i] & (lane - 1))];
}
X86_VEC_BINARY(pshufb, op_pshufb)

static void op_pshufd(union x86_vec *d, const union x86_vec *a, unsigned bytes, unsigned imm)
{
	for (unsigned i = 0; i < bytes / 4; i++)
		d->u32[i] = a->u32[(i & ~3u) + (imm >> 2 * (i & 3) & 3)];
}
X86_VEC_UNARY(pshufd, op_pshufd)

static void op_pshufw(union x86_vec *d, const union x86_vec *a, unsigned bytes, unsigned imm)
{
	(void)bytes;
	for (unsigned i = 0; i < 4; i++)
		d->u16[i] = a->u16[imm >> 2 * i & 3];
}
X86_VEC_UNARY(pshufw, op_pshufw)

static void op_pshufhw(union x86_vec *d, const union x86_vec *a, unsigned bytes, unsigned imm)
{
	for (unsigned i = 0; i < bytes / 2; i++)
		d->u16[i] = i & 4 ? a->u16[(i & ~3u) + (imm >> 2 * (i & 3) & 3)] : a->u16[i];
}
X86_VEC_UNARY(pshufhw, op_pshufhw)

static void op_pshuflw(union x86_vec *d, const union x86_vec *a, unsigned bytes, unsigned imm)
{
	for (unsigned i = 0; i < bytes / 2; i++)
		d->u16[i] = i & 4 ? a->u16[i] : a->u16[(i & ~3u) + (imm >> 2 * (i & 3) & 3)];
}
X86_VEC_UNARY(pshuflw, op_pshuflw)

static void op_shufps(union x86_vec *d, const union x86_vec *a, const union x86_vec *b, unsigned bytes, unsigned imm)
{
	for (unsigned i = 0; i < bytes / 4; i++)
		d->u32[i] = (i & 2 ? b : a)->u32[(i & ~3u) + (imm >> 2 * (i & 3) & 3)];
}
X86_VEC_BINARY(shufps, op_shufps)

static void op_shufpd(union x86_vec *d, const union x86_vec *a, const union x86_vec *b, unsigned bytes, unsigned imm)
{
	for (unsigned i = 0; i < bytes / 8; i++)
		d->u64[i] = (i & 1 ? b : a)->u64[(i & ~1u) + (imm >> i & 1)];
}
X86_VEC_BINARY(shufpd, op_shufpd)

static void op_palignr(union x86_vec *d, const union x86_vec *a, const union x86_vec *b, unsigned bytes, unsigned imm)
{
	unsigned lane = bytes < 16 ? bytes : 16, shift = imm & 0xFF;

	for (unsigned i = 0; i < bytes; i++) {
		unsigned base = i & ~(lane - 1), k = (i & (lane - 1)) + shift;

		d->u8[i] = k < lane ? b->u8[base + k] : k < 2 * lane ? a->u8[base + k - lane] : 0;
	}
}
X86_VEC_BINARY(palignr, op_palignr)

static void op_movsldup(union x86_vec *d, const union x86_vec *a, unsigned bytes, unsigned imm)
{
	(void)imm;
	for (unsigned i = 0; i < bytes / 4; i++)
		d->u32[i] = a->u32[i & ~1u];
}
X86_VEC_UNARY(movsldup, op_movsldup)

static void op_movshdup(union x86_vec *d, const union x86_vec *a, unsigned bytes, unsigned imm)
{
	(void)imm;
	for (unsigned i = 0; i < bytes / 4; i++)
		d->u32[i] = a->u32[i | 1];
}
X86_VEC_UNARY(movshdup, op_movshdup)

static void op_movddup(union x86_vec *d, const union x86_vec *a, unsigned bytes, unsigned imm)
{
	(void)imm;
	for (unsigned i = 0; i < bytes / 8; i++)
		d->u64[i] = a->u64[i & ~1u];
}
X86_VEC_UNARY(movddup, op_movddup)

/* AVX: by immediate (two operands and imm) or by a vector of controls. */
static bool by_vector(const struct x86_insn *in)
{
	return in->map == 2;
}

static void op_permilps_v(union x86_vec *d, const union x86_vec *a, const union x86_vec *b, unsigned bytes, unsigned imm)
{
	(void)imm;
	for (unsigned i = 0; i < bytes / 4; i++)
		d->u32[i] = a->u32[(i & ~3u) + (b->u32[i] & 3)];
}

static void op_permilpd_v(union x86_vec *d, const union x86_vec *a, const union x86_vec *b, unsigned bytes, unsigned imm)
{
	(void)imm;
	for (unsigned i = 0; i < bytes / 8; i++)
		d->u64[i] = a->u64[(i & ~1u) + (b->u64[i] >> 1 & 1)];
}

static void op_permilpd_i(union x86_vec *d, const union x86_vec *a, unsigned bytes, unsigned imm)
{
	for (unsigned i = 0; i < bytes / 8; i++)
		d->u64[i] = a->u64[(i & ~1u) + (imm >> i & 1)];
}

X86_VEC_HELPER(vpermilps)
{
	if (by_vector(in))
		x86_vec_binary(cpu, in, ea, op_permilps_v);
	else
		x86_vec_unary(cpu, in, ea, op_pshufd);
}

X86_VEC_HELPER(vpermilpd)
{
	if (by_vector(in))
		x86_vec_binary(cpu, in, ea, op_permilpd_v);
	else
		x86_vec_unary(cpu, in, ea, op_permilpd_i);
}

static void op_permd(union x86_vec *d, const union x86_vec *a, const union x86_vec *b, unsigned bytes, unsigned imm)
{
	(void)imm;
	for (unsigned i = 0; i < bytes / 4; i++)
		d->u32[i] = b->u32[a->u32[i] & 7];
}
X86_VEC_BINARY(vpermd, op_permd)
X86_VEC_BINARY(vpermps, op_permd)

static void op_permq(union x86_vec *d, const union x86_vec *a, unsigned bytes, unsigned imm)
{
	for (unsigned i = 0; i < bytes / 8; i++)
		d->u64[i] = a->u64[imm >> 2 * i & 3];
}
X86_VEC_UNARY(vpermq, op_permq)
X86_VEC_UNARY(vpermpd, op_permq)

static void op_perm2(union x86_vec *d, const union x86_vec *a, const union x86_vec *b, unsigned bytes, unsigned imm)
{
	(void)bytes;
	for (unsigned i = 0; i < 2; i++) {
		unsigned sel = imm >> 4 * i & 15;

		for (unsigned k = 0; k < 2; k++)
			d->u64[2 * i + k] = sel & 8 ? 0 : (sel & 2 ? b : a)->u64[2 * (sel & 1) + k];
	}
}
X86_VEC_BINARY(vperm2f128, op_perm2)
X86_VEC_BINARY(vperm2i128, op_perm2)

/* ---- blends -------------------------------------------------------------------------------------------- */

#define BLEND(name, lanes, wrap)                                                                               \
	static void op_##name(union x86_vec *d, const union x86_vec *a, const union x86_vec *b, unsigned bytes, \
			      unsigned imm)                                                                    \
	{                                                                                                      \
		for (unsigned i = 0; i < bytes / sizeof d->lanes[0]; i++)                                      \
			d->lanes[i] = (imm >> (i & (wrap)) & 1 ? b : a)->lanes[i];                             \
	}                                                                                                      \
	X86_VEC_BINARY(name, op_##name)
BLEND(blendps, u32, 7)
BLEND(blendpd, u64, 7)
BLEND(vpblendd, u32, 7)
BLEND(pblendw, u16, 7)

/* The mask is the top bit of each lane of XMM0 or, with VEX, of the fourth operand. */
static void blend_mask(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea, unsigned lane)
{
	bool vex = x86_is_vex(in);
	unsigned bytes = x86_operand_size(in, 0);
	union x86_vec a, b, m, d = {{0}};

	x86_operand_read(cpu, in, vex ? 1 : 0, ea, &a);
	x86_operand_read(cpu, in, vex ? 2 : 1, ea, &b);
	if (vex)
		x86_operand_read(cpu, in, 3, ea, &m);
	else
		m = cpu->ymm[0];
	for (unsigned i = 0; i < bytes; i++)
		d.u8[i] = (m.u8[i | (lane - 1)] & 0x80 ? &b : &a)->u8[i];
	x86_operand_write_vec(cpu, in, 0, ea, &d, bytes);
}
X86_VEC_HELPER(pblendvb)
{
	blend_mask(cpu, in, ea, 1);
}
X86_VEC_HELPER(blendvps)
{
	blend_mask(cpu, in, ea, 4);
}
X86_VEC_HELPER(blendvpd)
{
	blend_mask(cpu, in, ea, 8);
}

/* ---- insertion and extraction -------------------------------------------------------------------------- */

static void insert(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea, unsigned size)
{
	bool vex = x86_is_vex(in);
	unsigned bytes = x86_operand_size(in, 0), at = (unsigned)in->imm & (bytes / size - 1);
	union x86_vec a, b;

	x86_vec_begin(cpu, in);
	x86_operand_read(cpu, in, vex ? 1 : 0, ea, &a);
	x86_operand_read(cpu, in, vex ? 2 : 1, ea, &b);
	memcpy(a.u8 + at * size, b.u8, size);
	x86_operand_write_vec(cpu, in, 0, ea, &a, bytes);
}
X86_VEC_HELPER(pinsrb)
{
	insert(cpu, in, ea, 1);
}
X86_VEC_HELPER(pinsrw)
{
	insert(cpu, in, ea, 2);
}
X86_VEC_HELPER(pinsrd)
{
	insert(cpu, in, ea, in->rex & 8 && in->mode == 64 ? 8 : 4);
}

static void extract(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea, unsigned size)
{
	/* An MMX source has 8 bytes, whatever the register file's width. */
	unsigned bytes = x86_operand_size(in, 1) < 16 ? 8 : 16, at = (unsigned)in->imm & (bytes / size - 1);
	union x86_vec a, d = {{0}};

	x86_vec_begin(cpu, in);
	x86_operand_read(cpu, in, 1, ea, &a);
	memcpy(d.u8, a.u8 + at * size, size);
	x86_operand_write_vec(cpu, in, 0, ea, &d, in->has_mem ? size : size == 8 ? 8 : 4);
	if (in->row->flags & X86_ROW_X87)
		x86_mmx_enter(cpu);
}
X86_VEC_HELPER(pextrb)
{
	extract(cpu, in, ea, 1);
}
X86_VEC_HELPER(pextrw)
{
	extract(cpu, in, ea, 2);
}
X86_VEC_HELPER(pextrd)
{
	extract(cpu, in, ea, in->rex & 8 && in->mode == 64 ? 8 : 4);
}
X86_VEC_HELPER(extractps)
{
	extract(cpu, in, ea, 4);
}

X86_VEC_HELPER(insertps)
{
	bool vex = x86_is_vex(in);
	union x86_vec a, b;
	unsigned imm = (unsigned)in->imm;

	x86_operand_read(cpu, in, vex ? 1 : 0, ea, &a);
	x86_operand_read(cpu, in, vex ? 2 : 1, ea, &b);
	a.u32[imm >> 4 & 3] = b.u32[in->has_mem ? 0 : imm >> 6 & 3];
	for (unsigned i = 0; i < 4; i++)
		if (imm >> i & 1)
			a.u32[i] = 0;
	x86_operand_write_vec(cpu, in, 0, ea, &a, 16);
}

static void insert128(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea)
{
	union x86_vec a, b;

	x86_operand_read(cpu, in, 1, ea, &a);
	x86_operand_read(cpu, in, 2, ea, &b);
	memcpy(a.u8 + (in->imm & 1) * 16, b.u8, 16);
	x86_operand_write_vec(cpu, in, 0, ea, &a, 32);
}
X86_VEC_HELPER(vinsertf128)
{
	insert128(cpu, in, ea);
}
X86_VEC_HELPER(vinserti128)
{
	insert128(cpu, in, ea);
}

static void extract128(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea)
{
	union x86_vec a;

	x86_operand_read(cpu, in, 1, ea, &a);
	memmove(a.u8, a.u8 + (in->imm & 1) * 16, 16);
	x86_operand_write_vec(cpu, in, 0, ea, &a, 16);
}
X86_VEC_HELPER(vextractf128)
{
	extract128(cpu, in, ea);
}
X86_VEC_HELPER(vextracti128)
{
	extract128(cpu, in, ea);
}

/* Sign masks into a general register. */
static void sign_mask(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea, unsigned lane)
{
	unsigned bytes = x86_operand_size(in, 1);
	union x86_vec a, d = {{0}};

	x86_vec_begin(cpu, in);
	x86_operand_read(cpu, in, 1, ea, &a);
	for (unsigned i = 0; i < bytes / lane; i++)
		d.u32[0] |= (uint32_t)(a.u8[i * lane + lane - 1] >> 7) << i;
	x86_operand_write_vec(cpu, in, 0, ea, &d, 4);
	if (in->row->flags & X86_ROW_X87)
		x86_mmx_enter(cpu);
}
X86_VEC_HELPER(pmovmskb)
{
	sign_mask(cpu, in, ea, 1);
}
X86_VEC_HELPER(movmskps)
{
	sign_mask(cpu, in, ea, 4);
}
X86_VEC_HELPER(movmskpd)
{
	sign_mask(cpu, in, ea, 8);
}

/* ---- extension and broadcast --------------------------------------------------------------------------- */

#define EXTEND(name, from, to)                                                                                 \
	static void op_##name(union x86_vec *d, const union x86_vec *a, unsigned bytes, unsigned imm)          \
	{                                                                                                      \
		(void)imm;                                                                                     \
		for (unsigned i = 0; i < bytes / sizeof d->to[0]; i++)                                         \
			d->to[i] = (typeof(d->to[0]))a->from[i];                                               \
	}                                                                                                      \
	X86_VEC_UNARY(name, op_##name)
EXTEND(pmovsxbw, i8, i16)
EXTEND(pmovsxbd, i8, i32)
EXTEND(pmovsxbq, i8, i64)
EXTEND(pmovsxwd, i16, i32)
EXTEND(pmovsxwq, i16, i64)
EXTEND(pmovsxdq, i32, i64)
EXTEND(pmovzxbw, u8, u16)
EXTEND(pmovzxbd, u8, u32)
EXTEND(pmovzxbq, u8, u64)
EXTEND(pmovzxwd, u16, u32)
EXTEND(pmovzxwq, u16, u64)
EXTEND(pmovzxdq, u32, u64)

#define BROADCAST(name, size)                                                                                  \
	static void op_##name(union x86_vec *d, const union x86_vec *a, unsigned bytes, unsigned imm)          \
	{                                                                                                      \
		(void)imm;                                                                                     \
		for (unsigned i = 0; i < bytes; i++)                                                           \
			d->u8[i] = a->u8[i % (size)];                                                          \
	}                                                                                                      \
	X86_VEC_UNARY(name, op_##name)
BROADCAST(vpbroadcastb, 1)
BROADCAST(vpbroadcastw, 2)
BROADCAST(vpbroadcastd, 4)
BROADCAST(vpbroadcastq, 8)
BROADCAST(vbroadcastss, 4)
BROADCAST(vbroadcastsd, 8)
BROADCAST(vbroadcastf128, 16)
BROADCAST(vbroadcasti128, 16)
