/* SPDX-License-Identifier: GPL-2.0-or-later */
/* MMX, and the MMX forms that SSE, SSE2 and SSSE3 added (no mandatory prefix; 66 makes them the XMM forms). */
#define X86_ROW_WORDS
#include "isa/x86/rows.h"

#define M(n, opc, use, feat, ...) ROW(#n, n, opc, (use) | X86_ROW_VEC | X86_ROW_X87, NP, FT(feat), __VA_ARGS__)
#define PQ(n, opc) M(n, opc, RW, MMX, O2(Pq, Qq))
#define PQS(n, opc) M(n, opc, RW, SSE, O2(Pq, Qq))
#define PQ3(n, opc) M(n, opc, RW, SSSE3, O2(Pq, Qq))
#define SHI(n, opc, d) M(n, opc, RW, MMX, EXT(d), REG, O2(Nq, Ib))

const struct x86_row x86_rows_mmx[] = {
	M(cvtpi2ps, 0x0F2A, RW, SSE, O2(Vq, Qq)),
	M(cvttps2pi, 0x0F2C, W, SSE, O2(Pq, Wq)),
	M(cvtps2pi, 0x0F2D, W, SSE, O2(Pq, Wq)),
	M(punpcklbw, 0x0F60, RW, MMX, O2(Pq, Qd)),
	M(punpcklwd, 0x0F61, RW, MMX, O2(Pq, Qd)),
	M(punpckldq, 0x0F62, RW, MMX, O2(Pq, Qd)),
	PQ(packsswb, 0x0F63), PQ(pcmpgtb, 0x0F64), PQ(pcmpgtw, 0x0F65), PQ(pcmpgtd, 0x0F66), PQ(packuswb, 0x0F67),
	PQ(punpckhbw, 0x0F68), PQ(punpckhwd, 0x0F69), PQ(punpckhdq, 0x0F6A), PQ(packssdw, 0x0F6B),
	ROW("movd", movd, 0x0F6E, W | X86_ROW_VEC | X86_ROW_X87, NP, FT(MMX), O2(Pq, Ey), EX(X86_EX_W1)),
	ROW("movq", movd, 0x0F6E, W | X86_ROW_VEC | X86_ROW_X87, NP, FT(MMX), O2(Pq, Ey), EX(X86_EX_W0)),
	M(movq, 0x0F6F, W, MMX, O2(Pq, Qq)),
	M(pshufw, 0x0F70, W, SSE, O3(Pq, Qq, Ib)),
	SHI(psrlw, 0x0F71, 2), SHI(psraw, 0x0F71, 4), SHI(psllw, 0x0F71, 6),
	SHI(psrld, 0x0F72, 2), SHI(psrad, 0x0F72, 4), SHI(pslld, 0x0F72, 6),
	SHI(psrlq, 0x0F73, 2), SHI(psllq, 0x0F73, 6),
	PQ(pcmpeqb, 0x0F74), PQ(pcmpeqw, 0x0F75), PQ(pcmpeqd, 0x0F76),
	M(emms, 0x0F77, 0, MMX),
	ROW("movd", movd, 0x0F7E, W | X86_ROW_VEC | X86_ROW_X87, NP, FT(MMX), O2(Ey, Pq), EX(X86_EX_W1)),
	ROW("movq", movd, 0x0F7E, W | X86_ROW_VEC | X86_ROW_X87, NP, FT(MMX), O2(Ey, Pq), EX(X86_EX_W0)),
	M(movq, 0x0F7F, W, MMX, O2(Qq, Pq)),
	M(pinsrw, 0x0FC4, RW, SSE, O3(Pq, EdMw, Ib)),
	M(pextrw, 0x0FC5, W, SSE, REG, O3(Gd, Nq, Ib)),
	PQ(psrlw, 0x0FD1), PQ(psrld, 0x0FD2), PQ(psrlq, 0x0FD3),
	M(paddq, 0x0FD4, RW, SSE2, O2(Pq, Qq)),
	PQ(pmullw, 0x0FD5),
	M(pmovmskb, 0x0FD7, W, SSE, REG, O2(Gd, Nq)),
	PQ(psubusb, 0x0FD8), PQ(psubusw, 0x0FD9), PQS(pminub, 0x0FDA), PQ(pand, 0x0FDB),
	PQ(paddusb, 0x0FDC), PQ(paddusw, 0x0FDD), PQS(pmaxub, 0x0FDE), PQ(pandn, 0x0FDF),
	PQS(pavgb, 0x0FE0), PQ(psraw, 0x0FE1), PQ(psrad, 0x0FE2), PQS(pavgw, 0x0FE3),
	PQS(pmulhuw, 0x0FE4), PQ(pmulhw, 0x0FE5),
	M(movntq, 0x0FE7, W, SSE, MEM, O2(Mq, Pq)),
	PQ(psubsb, 0x0FE8), PQ(psubsw, 0x0FE9), PQS(pminsw, 0x0FEA), PQ(por, 0x0FEB),
	PQ(paddsb, 0x0FEC), PQ(paddsw, 0x0FED), PQS(pmaxsw, 0x0FEE), PQ(pxor, 0x0FEF),
	PQ(psllw, 0x0FF1), PQ(pslld, 0x0FF2), PQ(psllq, 0x0FF3),
	M(pmuludq, 0x0FF4, RW, SSE2, O2(Pq, Qq)),
	PQ(pmaddwd, 0x0FF5), PQS(psadbw, 0x0FF6),
	M(maskmovq, 0x0FF7, R, SSE, REG, O2(Pq, Nq), RR(rDI)),
	PQ(psubb, 0x0FF8), PQ(psubw, 0x0FF9), PQ(psubd, 0x0FFA),
	M(psubq, 0x0FFB, RW, SSE2, O2(Pq, Qq)),
	PQ(paddb, 0x0FFC), PQ(paddw, 0x0FFD), PQ(paddd, 0x0FFE),
	/* SSSE3 */
	PQ3(pshufb, 0x0F3800), PQ3(phaddw, 0x0F3801), PQ3(phaddd, 0x0F3802), PQ3(phaddsw, 0x0F3803),
	PQ3(pmaddubsw, 0x0F3804), PQ3(phsubw, 0x0F3805), PQ3(phsubd, 0x0F3806), PQ3(phsubsw, 0x0F3807),
	PQ3(psignb, 0x0F3808), PQ3(psignw, 0x0F3809), PQ3(psignd, 0x0F380A), PQ3(pmulhrsw, 0x0F380B),
	M(pabsb, 0x0F381C, W, SSSE3, O2(Pq, Qq)), M(pabsw, 0x0F381D, W, SSSE3, O2(Pq, Qq)),
	M(pabsd, 0x0F381E, W, SSSE3, O2(Pq, Qq)),
	M(palignr, 0x0F3A0F, RW, SSSE3, O3(Pq, Qq, Ib)),
};
ROWS_COUNT(x86_rows_mmx);
