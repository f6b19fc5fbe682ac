/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SSSE3, SSE4.1 and SSE4.2 on XMM registers. */
#define X86_ROW_WORDS
#include "isa/x86/rows.h"

#define S(n, opc, use, feat, ...) ROW(#n, n, opc, (use) | X86_ROW_VEC, P66, FT(feat), __VA_ARGS__)
#define P3(n, opc) S(n, opc, RW, SSSE3, O2(Vx, Wx))
#define P4(n, opc) S(n, opc, RW, SSE4_1, O2(Vx, Wx))
#define EXTEND(n, opc, src) S(n, opc, W, SSE4_1, O2(Vx, src))

const struct x86_row x86_rows_sse4[] = {
	P3(pshufb, 0x0F3800), P3(phaddw, 0x0F3801), P3(phaddd, 0x0F3802), P3(phaddsw, 0x0F3803),
	P3(pmaddubsw, 0x0F3804), P3(phsubw, 0x0F3805), P3(phsubd, 0x0F3806), P3(phsubsw, 0x0F3807),
	P3(psignb, 0x0F3808), P3(psignw, 0x0F3809), P3(psignd, 0x0F380A), P3(pmulhrsw, 0x0F380B),
	S(pblendvb, 0x0F3810, RW, SSE4_1, O3(Vdq, Wdq, XMM0)),
	S(blendvps, 0x0F3814, RW, SSE4_1, O3(Vdq, Wdq, XMM0)),
	S(blendvpd, 0x0F3815, RW, SSE4_1, O3(Vdq, Wdq, XMM0)),
	S(ptest, 0x0F3817, R, SSE4_1, O2(Vx, Wx), FW(ST)),
	S(pabsb, 0x0F381C, W, SSSE3, O2(Vx, Wx)), S(pabsw, 0x0F381D, W, SSSE3, O2(Vx, Wx)),
	S(pabsd, 0x0F381E, W, SSSE3, O2(Vx, Wx)),
	EXTEND(pmovsxbw, 0x0F3820, Wh), EXTEND(pmovsxbd, 0x0F3821, Wxq), EXTEND(pmovsxbq, 0x0F3822, Wxe),
	EXTEND(pmovsxwd, 0x0F3823, Wh), EXTEND(pmovsxwq, 0x0F3824, Wxq), EXTEND(pmovsxdq, 0x0F3825, Wh),
	P4(pmuldq, 0x0F3828), P4(pcmpeqq, 0x0F3829),
	S(movntdqa, 0x0F382A, W, SSE4_1, MEM, O2(Vx, Mx)),
	P4(packusdw, 0x0F382B),
	EXTEND(pmovzxbw, 0x0F3830, Wh), EXTEND(pmovzxbd, 0x0F3831, Wxq), EXTEND(pmovzxbq, 0x0F3832, Wxe),
	EXTEND(pmovzxwd, 0x0F3833, Wh), EXTEND(pmovzxwq, 0x0F3834, Wxq), EXTEND(pmovzxdq, 0x0F3835, Wh),
	S(pcmpgtq, 0x0F3837, RW, SSE4_2, O2(Vx, Wx)),
	P4(pminsb, 0x0F3838), P4(pminsd, 0x0F3839), P4(pminuw, 0x0F383A), P4(pminud, 0x0F383B),
	P4(pmaxsb, 0x0F383C), P4(pmaxsd, 0x0F383D), P4(pmaxuw, 0x0F383E), P4(pmaxud, 0x0F383F),
	P4(pmulld, 0x0F3840),
	S(phminposuw, 0x0F3841, W, SSE4_1, O2(Vdq, Wdq)),
	S(roundps, 0x0F3A08, W, SSE4_1, O3(Vx, Wx, Ib)),
	S(roundpd, 0x0F3A09, W, SSE4_1, O3(Vx, Wx, Ib)),
	S(roundss, 0x0F3A0A, RW, SSE4_1, O3(Vd, Wd, Ib)),
	S(roundsd, 0x0F3A0B, RW, SSE4_1, O3(Vq, Wq, Ib)),
	S(blendps, 0x0F3A0C, RW, SSE4_1, O3(Vx, Wx, Ib)),
	S(blendpd, 0x0F3A0D, RW, SSE4_1, O3(Vx, Wx, Ib)),
	S(pblendw, 0x0F3A0E, RW, SSE4_1, O3(Vx, Wx, Ib)),
	S(palignr, 0x0F3A0F, RW, SSSE3, O3(Vx, Wx, Ib)),
	S(pextrb, 0x0F3A14, W, SSE4_1, O3(EdMb, Vdq, Ib)),
	S(pextrw, 0x0F3A15, W, SSE4_1, O3(EdMw, Vdq, Ib)),
	ROW("pextrd", pextrd, 0x0F3A16, W | X86_ROW_VEC, P66, FT(SSE4_1), O3(Ey, Vdq, Ib), EX(X86_EX_W1)),
	ROW("pextrq", pextrd, 0x0F3A16, W | X86_ROW_VEC, P66, FT(SSE4_1), O3(Ey, Vdq, Ib), EX(X86_EX_W0)),
	S(extractps, 0x0F3A17, W, SSE4_1, O3(Ed, Vdq, Ib)),
	S(pinsrb, 0x0F3A20, RW, SSE4_1, O3(Vdq, EdMb, Ib)),
	S(insertps, 0x0F3A21, RW, SSE4_1, O3(Vdq, Wd, Ib)),
	ROW("pinsrd", pinsrd, 0x0F3A22, RW | X86_ROW_VEC, P66, FT(SSE4_1), O3(Vdq, Ey, Ib), EX(X86_EX_W1)),
	ROW("pinsrq", pinsrd, 0x0F3A22, RW | X86_ROW_VEC, P66, FT(SSE4_1), O3(Vdq, Ey, Ib), EX(X86_EX_W0)),
	S(dpps, 0x0F3A40, RW, SSE4_1, O3(Vx, Wx, Ib)),
	S(dppd, 0x0F3A41, RW, SSE4_1, O3(Vdq, Wdq, Ib)),
	S(mpsadbw, 0x0F3A42, RW, SSE4_1, O3(Vx, Wx, Ib)),
	/* explicit lengths in eAX and eDX, the index result in eCX, the mask result in XMM0 */
	S(pcmpestrm, 0x0F3A60, R, SSE4_2, O3(Vdq, Wdq, Ib), FW(ST), RR(rA | rD)),
	S(pcmpestri, 0x0F3A61, R, SSE4_2, O3(Vdq, Wdq, Ib), FW(ST), RR(rA | rD), RWR(rC)),
	S(pcmpistrm, 0x0F3A62, R, SSE4_2, O3(Vdq, Wdq, Ib), FW(ST)),
	S(pcmpistri, 0x0F3A63, R, SSE4_2, O3(Vdq, Wdq, Ib), FW(ST), RWR(rC)),
};
ROWS_COUNT(x86_rows_sse4);
