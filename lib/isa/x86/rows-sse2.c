/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SSE2 integer instructions on XMM registers (mandatory prefix 66, and the F3/F2 moves). */
#define X86_ROW_WORDS
#include "isa/x86/rows.h"

#define S(n, opc, use, pfx, ...) ROW(#n, n, opc, (use) | X86_ROW_VEC, pfx, FT(SSE2), __VA_ARGS__)
#define P(n, opc) S(n, opc, RW, P66, O2(Vx, Wx))
#define SHI(n, opc, d) S(n, opc, RW, P66, EXT(d), REG, O2(Ux, Ib))

const struct x86_row x86_rows_sse2[] = {
	P(punpcklbw, 0x0F60), P(punpcklwd, 0x0F61), P(punpckldq, 0x0F62), P(packsswb, 0x0F63),
	P(pcmpgtb, 0x0F64), P(pcmpgtw, 0x0F65), P(pcmpgtd, 0x0F66), P(packuswb, 0x0F67),
	P(punpckhbw, 0x0F68), P(punpckhwd, 0x0F69), P(punpckhdq, 0x0F6A), P(packssdw, 0x0F6B),
	P(punpcklqdq, 0x0F6C), P(punpckhqdq, 0x0F6D),
	ROW("movd", movd, 0x0F6E, W | X86_ROW_VEC, P66, FT(SSE2), O2(Vdq, Ey), EX(X86_EX_W1)),
	ROW("movq", movd, 0x0F6E, W | X86_ROW_VEC, P66, FT(SSE2), O2(Vdq, Ey), EX(X86_EX_W0)),
	S(movdqa, 0x0F6F, W, P66, O2(Vx, Wx)),
	S(movdqu, 0x0F6F, W, PF3, O2(Vx, Wx)),
	S(pshufd, 0x0F70, W, P66, O3(Vx, Wx, Ib)),
	S(pshufhw, 0x0F70, W, PF3, O3(Vx, Wx, Ib)),
	S(pshuflw, 0x0F70, W, PF2, O3(Vx, Wx, Ib)),
	SHI(psrlw, 0x0F71, 2), SHI(psraw, 0x0F71, 4), SHI(psllw, 0x0F71, 6),
	SHI(psrld, 0x0F72, 2), SHI(psrad, 0x0F72, 4), SHI(pslld, 0x0F72, 6),
	SHI(psrlq, 0x0F73, 2), SHI(psrldq, 0x0F73, 3), SHI(psllq, 0x0F73, 6), SHI(pslldq, 0x0F73, 7),
	P(pcmpeqb, 0x0F74), P(pcmpeqw, 0x0F75), P(pcmpeqd, 0x0F76),
	ROW("movd", movd, 0x0F7E, W | X86_ROW_VEC, P66, FT(SSE2), O2(Ey, Vdq), EX(X86_EX_W1)),
	ROW("movq", movd, 0x0F7E, W | X86_ROW_VEC, P66, FT(SSE2), O2(Ey, Vdq), EX(X86_EX_W0)),
	S(movq, 0x0F7E, W, PF3, O2(Vq, Wq)),
	S(movdqa, 0x0F7F, W, P66, O2(Wx, Vx)),
	S(movdqu, 0x0F7F, W, PF3, O2(Wx, Vx)),
	S(pinsrw, 0x0FC4, RW, P66, O3(Vdq, EdMw, Ib)),
	S(pextrw, 0x0FC5, W, P66, REG, O3(Gd, Udq, Ib)),
	P(psrlw, 0x0FD1), P(psrld, 0x0FD2), P(psrlq, 0x0FD3), P(paddq, 0x0FD4), P(pmullw, 0x0FD5),
	S(movq, 0x0FD6, W, P66, O2(Wq, Vq)),
	ROW("movq2dq", movq2dq, 0x0FD6, W | X86_ROW_VEC | X86_ROW_X87, PF3, FT(SSE2), REG, O2(Vdq, Nq)),
	ROW("movdq2q", movdq2q, 0x0FD6, W | X86_ROW_VEC | X86_ROW_X87, PF2, FT(SSE2), REG, O2(Pq, Uq)),
	S(pmovmskb, 0x0FD7, W, P66, REG, O2(Gd, Ux)),
	P(psubusb, 0x0FD8), P(psubusw, 0x0FD9), P(pminub, 0x0FDA), P(pand, 0x0FDB),
	P(paddusb, 0x0FDC), P(paddusw, 0x0FDD), P(pmaxub, 0x0FDE), P(pandn, 0x0FDF),
	P(pavgb, 0x0FE0), P(psraw, 0x0FE1), P(psrad, 0x0FE2), P(pavgw, 0x0FE3), P(pmulhuw, 0x0FE4), P(pmulhw, 0x0FE5),
	S(movntdq, 0x0FE7, W, P66, MEM, O2(Mx, Vx)),
	P(psubsb, 0x0FE8), P(psubsw, 0x0FE9), P(pminsw, 0x0FEA), P(por, 0x0FEB),
	P(paddsb, 0x0FEC), P(paddsw, 0x0FED), P(pmaxsw, 0x0FEE), P(pxor, 0x0FEF),
	ROW("lddqu", lddqu, 0x0FF0, W | X86_ROW_VEC, PF2, FT(SSE3), MEM, O2(Vx, Mx)),
	P(psllw, 0x0FF1), P(pslld, 0x0FF2), P(psllq, 0x0FF3), P(pmuludq, 0x0FF4), P(pmaddwd, 0x0FF5), P(psadbw, 0x0FF6),
	S(maskmovdqu, 0x0FF7, R, P66, REG, O2(Vdq, Udq), RR(rDI)),
	P(psubb, 0x0FF8), P(psubw, 0x0FF9), P(psubd, 0x0FFA), P(psubq, 0x0FFB),
	P(paddb, 0x0FFC), P(paddw, 0x0FFD), P(paddd, 0x0FFE),
};
ROWS_COUNT(x86_rows_sse2);
