/* SPDX-License-Identifier: GPL-2.0-or-later */
/* VEX integer vectors: 128-bit forms (AVX), 256-bit forms and new instructions (AVX2). */
#define X86_ROW_WORDS
#include "isa/x86/rows.h"

#define V1(n, opc, use, pfx, ...) ROWV("v" #n, n, opc, use, pfx, FT(AVX), EX(X86_EX_L1), __VA_ARGS__)
#define V2(n, opc, use, pfx, ...) ROWV("v" #n, n, opc, use, pfx, FT(AVX2), EX(X86_EX_L0), __VA_ARGS__)
#define V(n, opc, use, pfx, ...) V1(n, opc, use, pfx, __VA_ARGS__), V2(n, opc, use, pfx, __VA_ARGS__)
#define VL(n, opc, use, pfx, ...) ROWV("v" #n, n, opc, use, pfx, FT(AVX), __VA_ARGS__)
#define P(n, opc) V(n, opc, W, P66, O3(Vx, Hx, Wx))
#define PC(n, opc) V(n, opc, W, P66, O3(Vx, Hx, Wdq)) /* shift by the count in an XMM register */
#define PI(n, opc) V(n, opc, W, P66, O4(Vx, Hx, Wx, Ib))
#define EXTEND(n, opc, src) V(n, opc, W, P66, O2(Vx, src))
#define SHI(n, opc, d) V(n, opc, W, P66, EXT(d), REG, O3(Hx, Ux, Ib))
#define A2(n, opc, use, ex, ...) ROWV(#n, n, opc, use, P66, FT(AVX2), EX(ex), __VA_ARGS__)
#define W0 X86_EX_W1
#define W1 X86_EX_W0
#define L256 X86_EX_L0
#define GATHER(n, opc, w, dst, mem, mask) \
	ROWV(#n, n, opc, W | X86_ROW_R0 | X86_ROW_VSIB, P66, FT(AVX2), EX(w), MEM, O3(dst, mem, mask))

const struct x86_row x86_rows_avx2[] = {
	P(punpcklbw, 0x0F60), P(punpcklwd, 0x0F61), P(punpckldq, 0x0F62), P(packsswb, 0x0F63),
	P(pcmpgtb, 0x0F64), P(pcmpgtw, 0x0F65), P(pcmpgtd, 0x0F66), P(packuswb, 0x0F67),
	P(punpckhbw, 0x0F68), P(punpckhwd, 0x0F69), P(punpckhdq, 0x0F6A), P(packssdw, 0x0F6B),
	P(punpcklqdq, 0x0F6C), P(punpckhqdq, 0x0F6D),
	ROWV("vmovd", movd, 0x0F6E, W, P66, FT(AVX), EX(X86_EX_L1 | X86_EX_GW1), O2(Vdq, Ey)),
	ROWV("vmovq", movd, 0x0F6E, W, P66, FT(AVX), EX(X86_EX_L1 | X86_EX_GW0), O2(Vdq, Ey)),
	VL(movdqa, 0x0F6F, W, P66, O2(Vx, Wx)),
	VL(movdqu, 0x0F6F, W, PF3, O2(Vx, Wx)),
	V(pshufd, 0x0F70, W, P66, O3(Vx, Wx, Ib)),
	V(pshufhw, 0x0F70, W, PF3, O3(Vx, Wx, Ib)),
	V(pshuflw, 0x0F70, W, PF2, O3(Vx, Wx, Ib)),
	SHI(psrlw, 0x0F71, 2), SHI(psraw, 0x0F71, 4), SHI(psllw, 0x0F71, 6),
	SHI(psrld, 0x0F72, 2), SHI(psrad, 0x0F72, 4), SHI(pslld, 0x0F72, 6),
	SHI(psrlq, 0x0F73, 2), SHI(psrldq, 0x0F73, 3), SHI(psllq, 0x0F73, 6), SHI(pslldq, 0x0F73, 7),
	P(pcmpeqb, 0x0F74), P(pcmpeqw, 0x0F75), P(pcmpeqd, 0x0F76),
	ROWV("vmovd", movd, 0x0F7E, W, P66, FT(AVX), EX(X86_EX_L1 | X86_EX_GW1), O2(Ey, Vdq)),
	ROWV("vmovq", movd, 0x0F7E, W, P66, FT(AVX), EX(X86_EX_L1 | X86_EX_GW0), O2(Ey, Vdq)),
	V1(movq, 0x0F7E, W, PF3, O2(Vq, Wq)),
	VL(movdqa, 0x0F7F, W, P66, O2(Wx, Vx)),
	VL(movdqu, 0x0F7F, W, PF3, O2(Wx, Vx)),
	V1(pinsrw, 0x0FC4, W, P66, O4(Vdq, Hdq, EdMw, Ib)),
	V1(pextrw, 0x0FC5, W, P66, REG, O3(Gd, Udq, Ib)),
	PC(psrlw, 0x0FD1), PC(psrld, 0x0FD2), PC(psrlq, 0x0FD3), P(paddq, 0x0FD4), P(pmullw, 0x0FD5),
	V1(movq, 0x0FD6, W, P66, O2(Wq, Vq)),
	V(pmovmskb, 0x0FD7, W, P66, REG, O2(Gd, Ux)),
	P(psubusb, 0x0FD8), P(psubusw, 0x0FD9), P(pminub, 0x0FDA), P(pand, 0x0FDB),
	P(paddusb, 0x0FDC), P(paddusw, 0x0FDD), P(pmaxub, 0x0FDE), P(pandn, 0x0FDF),
	P(pavgb, 0x0FE0), PC(psraw, 0x0FE1), PC(psrad, 0x0FE2), P(pavgw, 0x0FE3), P(pmulhuw, 0x0FE4), P(pmulhw, 0x0FE5),
	VL(movntdq, 0x0FE7, W, P66, MEM, O2(Mx, Vx)),
	P(psubsb, 0x0FE8), P(psubsw, 0x0FE9), P(pminsw, 0x0FEA), P(por, 0x0FEB),
	P(paddsb, 0x0FEC), P(paddsw, 0x0FED), P(pmaxsw, 0x0FEE), P(pxor, 0x0FEF),
	VL(lddqu, 0x0FF0, W, PF2, MEM, O2(Vx, Mx)),
	PC(psllw, 0x0FF1), PC(pslld, 0x0FF2), PC(psllq, 0x0FF3), P(pmuludq, 0x0FF4), P(pmaddwd, 0x0FF5), P(psadbw, 0x0FF6),
	V1(maskmovdqu, 0x0FF7, R, P66, REG, O2(Vdq, Udq), RR(rDI)),
	P(psubb, 0x0FF8), P(psubw, 0x0FF9), P(psubd, 0x0FFA), P(psubq, 0x0FFB),
	P(paddb, 0x0FFC), P(paddw, 0x0FFD), P(paddd, 0x0FFE),
	/* SSSE3, SSE4 */
	P(pshufb, 0x0F3800), P(phaddw, 0x0F3801), P(phaddd, 0x0F3802), P(phaddsw, 0x0F3803),
	P(pmaddubsw, 0x0F3804), P(phsubw, 0x0F3805), P(phsubd, 0x0F3806), P(phsubsw, 0x0F3807),
	P(psignb, 0x0F3808), P(psignw, 0x0F3809), P(psignd, 0x0F380A), P(pmulhrsw, 0x0F380B),
	V(pabsb, 0x0F381C, W, P66, O2(Vx, Wx)), V(pabsw, 0x0F381D, W, P66, O2(Vx, Wx)),
	V(pabsd, 0x0F381E, W, P66, O2(Vx, Wx)),
	EXTEND(pmovsxbw, 0x0F3820, Wh), EXTEND(pmovsxbd, 0x0F3821, Wxq), EXTEND(pmovsxbq, 0x0F3822, Wxe),
	EXTEND(pmovsxwd, 0x0F3823, Wh), EXTEND(pmovsxwq, 0x0F3824, Wxq), EXTEND(pmovsxdq, 0x0F3825, Wh),
	P(pmuldq, 0x0F3828), P(pcmpeqq, 0x0F3829),
	V(movntdqa, 0x0F382A, W, P66, MEM, O2(Vx, Mx)),
	P(packusdw, 0x0F382B),
	EXTEND(pmovzxbw, 0x0F3830, Wh), EXTEND(pmovzxbd, 0x0F3831, Wxq), EXTEND(pmovzxbq, 0x0F3832, Wxe),
	EXTEND(pmovzxwd, 0x0F3833, Wh), EXTEND(pmovzxwq, 0x0F3834, Wxq), EXTEND(pmovzxdq, 0x0F3835, Wh),
	P(pcmpgtq, 0x0F3837),
	P(pminsb, 0x0F3838), P(pminsd, 0x0F3839), P(pminuw, 0x0F383A), P(pminud, 0x0F383B),
	P(pmaxsb, 0x0F383C), P(pmaxsd, 0x0F383D), P(pmaxuw, 0x0F383E), P(pmaxud, 0x0F383F),
	P(pmulld, 0x0F3840),
	V1(phminposuw, 0x0F3841, W, P66, O2(Vdq, Wdq)),
	PI(pblendw, 0x0F3A0E), PI(palignr, 0x0F3A0F), PI(mpsadbw, 0x0F3A42),
	V1(pextrb, 0x0F3A14, W, P66, O3(EdMb, Vdq, Ib)),
	V1(pextrw, 0x0F3A15, W, P66, O3(EdMw, Vdq, Ib)),
	ROWV("vpextrd", pextrd, 0x0F3A16, W, P66, FT(AVX), EX(X86_EX_L1 | X86_EX_GW1), O3(Ey, Vdq, Ib)),
	ROWV("vpextrq", pextrd, 0x0F3A16, W, P66, FT(AVX), EX(X86_EX_L1 | X86_EX_GW0), O3(Ey, Vdq, Ib)),
	V1(pinsrb, 0x0F3A20, W, P66, O4(Vdq, Hdq, EdMb, Ib)),
	ROWV("vpinsrd", pinsrd, 0x0F3A22, W, P66, FT(AVX), EX(X86_EX_L1 | X86_EX_GW1), O4(Vdq, Hdq, Ey, Ib)),
	ROWV("vpinsrq", pinsrd, 0x0F3A22, W, P66, FT(AVX), EX(X86_EX_L1 | X86_EX_GW0), O4(Vdq, Hdq, Ey, Ib)),
	ROWV("vpblendvb", pblendvb, 0x0F3A4C, W, P66, FT(AVX), EX(X86_EX_L1 | W0), O4(Vx, Hx, Wx, Lx)),
	ROWV("vpblendvb", pblendvb, 0x0F3A4C, W, P66, FT(AVX2), EX(X86_EX_L0 | W0), O4(Vx, Hx, Wx, Lx)),
	V1(pcmpestrm, 0x0F3A60, R, P66, O3(Vdq, Wdq, Ib), FW(ST), RR(rA | rD)),
	V1(pcmpestri, 0x0F3A61, R, P66, O3(Vdq, Wdq, Ib), FW(ST), RR(rA | rD), RWR(rC)),
	V1(pcmpistrm, 0x0F3A62, R, P66, O3(Vdq, Wdq, Ib), FW(ST)),
	V1(pcmpistri, 0x0F3A63, R, P66, O3(Vdq, Wdq, Ib), FW(ST), RWR(rC)),
	/* AVX2's own */
	A2(vpermps, 0x0F3816, W, L256 | W0, O3(Vqq, Hqq, Wqq)),
	A2(vpermd, 0x0F3836, W, L256 | W0, O3(Vqq, Hqq, Wqq)),
	A2(vpsrlvd, 0x0F3845, W, W0, O3(Vx, Hx, Wx)),
	A2(vpsrlvq, 0x0F3845, W, W1, O3(Vx, Hx, Wx)),
	A2(vpsravd, 0x0F3846, W, W0, O3(Vx, Hx, Wx)),
	A2(vpsllvd, 0x0F3847, W, W0, O3(Vx, Hx, Wx)),
	A2(vpsllvq, 0x0F3847, W, W1, O3(Vx, Hx, Wx)),
	A2(vpbroadcastd, 0x0F3858, W, W0, O2(Vx, Wd)),
	A2(vpbroadcastq, 0x0F3859, W, W0, O2(Vx, Wq)),
	A2(vbroadcasti128, 0x0F385A, W, L256 | W0, MEM, O2(Vqq, Mdq)),
	A2(vpbroadcastb, 0x0F3878, W, W0, O2(Vx, Wb)),
	A2(vpbroadcastw, 0x0F3879, W, W0, O2(Vx, Ww)),
	A2(vpmaskmovd, 0x0F388C, W, W0, MEM, O3(Vx, Hx, Mx)),
	A2(vpmaskmovq, 0x0F388C, W, W1, MEM, O3(Vx, Hx, Mx)),
	A2(vpmaskmovd, 0x0F388E, W, W0, MEM, O3(Mx, Hx, Vx)),
	A2(vpmaskmovq, 0x0F388E, W, W1, MEM, O3(Mx, Hx, Vx)),
	GATHER(vpgatherdd, 0x0F3890, W0, Vx, Mvd, Hx),
	GATHER(vpgatherdq, 0x0F3890, W1, Vx, Mvq, Hx),
	GATHER(vpgatherqd, 0x0F3891, W0, Vh, Mvd, Hh), /* mask and destination: half a vector */
	GATHER(vpgatherqq, 0x0F3891, W1, Vx, Mvq, Hx),
	GATHER(vgatherdps, 0x0F3892, W0, Vx, Mvd, Hx),
	GATHER(vgatherdpd, 0x0F3892, W1, Vx, Mvq, Hx),
	GATHER(vgatherqps, 0x0F3893, W0, Vh, Mvd, Hh),
	GATHER(vgatherqpd, 0x0F3893, W1, Vx, Mvq, Hx),
	A2(vpermq, 0x0F3A00, W, L256 | W1, O3(Vqq, Wqq, Ib)),
	A2(vpermpd, 0x0F3A01, W, L256 | W1, O3(Vqq, Wqq, Ib)),
	A2(vpblendd, 0x0F3A02, W, W0, O4(Vx, Hx, Wx, Ib)),
	A2(vinserti128, 0x0F3A38, W, L256 | W0, O4(Vqq, Hqq, Wdq, Ib)),
	A2(vextracti128, 0x0F3A39, W, L256 | W0, O3(Wdq, Vqq, Ib)),
	A2(vperm2i128, 0x0F3A46, W, L256 | W0, O4(Vqq, Hqq, Wqq, Ib)),
};
ROWS_COUNT(x86_rows_avx2);
