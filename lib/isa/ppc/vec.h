/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Vectors in C, element n as the manual counts. */
#ifndef ISA_PPC_VEC_H
#define ISA_PPC_VEC_H
#include <string.h>
#include "isa/ppc/helpers.h"
#include "isa/ppc/ops.h"

typedef union ir_value V;
#define B8(v, n) ((v)->u8[PPC_B(n)])
#define H16(v, n) ((v)->u16[PPC_H(n)])
#define W32(v, n) ((v)->u32[PPC_W(n)])
#define D64(v, n) ((v)->u64[n])

static inline unsigned __int128 ppc_q(const V *v)
{
	return (unsigned __int128)v->u64[0] << 64 | v->u64[1];
}
static inline void ppc_set_q(V *v, unsigned __int128 q)
{
	v->u64[0] = (uint64_t)(q >> 64);
	v->u64[1] = (uint64_t)q;
}
/* Element n of 1 << log2 bytes. */
static inline uint64_t ppc_get(const V *v, unsigned log2, unsigned n)
{
	switch (log2) {
	case 0: return B8(v, n & 15);
	case 1: return H16(v, n & 7);
	case 2: return W32(v, n & 3);
	default: return D64(v, n & 1);
	}
}
static inline int64_t ppc_get_s(const V *v, unsigned log2, unsigned n)
{
	unsigned shift = 64 - (8u << log2);
	return (int64_t)(ppc_get(v, log2, n) << shift) >> shift;
}
static inline void ppc_put(V *v, unsigned log2, unsigned n, uint64_t x)
{
	switch (log2) {
	case 0: B8(v, n & 15) = (uint8_t)x; break;
	case 1: H16(v, n & 7) = (uint16_t)x; break;
	case 2: W32(v, n & 3) = (uint32_t)x; break;
	default: D64(v, n & 1) = x;
	}
}
#endif
