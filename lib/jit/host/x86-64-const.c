/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Constants of 16 bytes that code refers to by rip: one pool for the whole cache, among the thunks. */
#include <string.h>
#include "jit/host/x86-64-t1.h"

#define BYTES(x) {x * 0x0101010101010101ull, x * 0x0101010101010101ull}
static const uint64_t pool[T1_CONSTS][2] = {
	[T1_CONST_ABS32] = {0x7fffffff7fffffff, 0x7fffffff7fffffff},
	[T1_CONST_ABS64] = {0x7fffffffffffffff, 0x7fffffffffffffff},
	[T1_CONST_SIGN32] = {0x8000000080000000, 0x8000000080000000},
	[T1_CONST_SIGN64] = {0x8000000000000000, 0x8000000000000000},
	[T1_CONST_SIGNBIT32] = {0x80000000, 0},
	[T1_CONST_SIGNBIT64] = {0x8000000000000000, 0},
	[T1_CONST_LEAST32] = {0x0080000000800000, 0x0080000000800000},
	[T1_CONST_LEAST_SINGLE] = {0x3810000000000000, 0x3810000000000000}, /* an f32's, as f64 */
	[T1_CONST_LEAST64] = {0x0010000000000000, 0x0010000000000000},
	[T1_CONST_BYTES_0F] = BYTES(0x0f),
	[T1_CONST_BYTES_10] = BYTES(0x10),
	[T1_CONST_BYTES_70] = BYTES(0x70),
	[T1_CONST_LOW8] = {0x00ff00ff00ff00ff, 0x00ff00ff00ff00ff},
	[T1_CONST_LOW16] = {0x0000ffff0000ffff, 0x0000ffff0000ffff},
	[T1_CONST_SWAP16] = {0x0607040502030001, 0x0e0f0c0d0a0b0809},
	[T1_CONST_SWAP32] = {0x0405060700010203, 0x0c0d0e0f08090a0b},
	[T1_CONST_SWAP64] = {0x0001020304050607, 0x08090a0b0c0d0e0f},
	[T1_CONST_POPCNT] = {0x0302020102010100, 0x0403030203020201}, /* of the index */
	[T1_CONST_REV_LOW] = {0xe060a020c0408000, 0xf070b030d0509010},  /* the index's four bits reversed, as the high half */
	[T1_CONST_REV_HIGH] = {0x0e060a020c040800, 0x0f070b030d050901}, /* and as the low half */
};

void t1_constants(struct t1_gen *g)
{
	g->p += -(uintptr_t)g->p & 15;
	g->j->thunk[T1_CONST] = jit_offset(g->j, g->p);
	memcpy(g->p, pool, sizeof pool);
	g->p += sizeof pool;
}

void t1_rip_fix(struct t1_gen *g, enum t1_const which, unsigned imm_bytes)
{
	/* Both views of the cache have the same distances. */
	const uint8_t *at = g->j->rw + g->j->thunk[T1_CONST] + 16 * which;

	e_u32(g->p - imm_bytes - 4, (uint32_t)(at - g->p));
}

void t1_constant_op(struct t1_gen *g, unsigned op, unsigned d, unsigned a, enum t1_const which)
{
	if (t1_host.avx) {
		g->p = asm_vex(g->p, op, false, d, a, rm_rip());
	} else {
		t1_mov(g, d, a, IR_V128);
		INS(op, d, rm_rip());
	}
	t1_rip_fix(g, which, 0);
}
