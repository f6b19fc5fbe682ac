/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SSE and SSE2 floating point and moves, SSE3 (the XMM integer instructions are in rows-sse2.c). */
#define X86_ROW_WORDS
#include "isa/x86/rows.h"

#define S(n, opc, use, pfx, feat, ...) ROW(#n, n, opc, (use) | X86_ROW_VEC, pfx, FT(feat), __VA_ARGS__)
/* the packed and scalar forms of an arithmetic operation */
#define FP4(n, opc, use)                                           \
	S(n##ps, opc, use, NP, SSE, O2(Vx, Wx)),                   \
	S(n##pd, opc, use, P66, SSE2, O2(Vx, Wx)),                 \
	S(n##ss, opc, use, PF3, SSE, O2(Vd, Wd)),                  \
	S(n##sd, opc, use, PF2, SSE2, O2(Vq, Wq))
#define FP2(n, opc)                                                \
	S(n##ps, opc, RW, NP, SSE, O2(Vx, Wx)),                    \
	S(n##pd, opc, RW, P66, SSE2, O2(Vx, Wx))

const struct x86_row x86_rows_sse[] = {
	S(movups, 0x0F10, W, NP, SSE, O2(Vx, Wx)),
	S(movupd, 0x0F10, W, P66, SSE2, O2(Vx, Wx)),
	S(movss, 0x0F10, W, PF3, SSE, MEM, O2(Vd, Md)), /* clears the rest of the register */
	S(movss, 0x0F10, RW, PF3, SSE, REG, O2(Vd, Ud)),
	S(movsd, 0x0F10, W, PF2, SSE2, MEM, O2(Vq, Mq)),
	S(movsd, 0x0F10, RW, PF2, SSE2, REG, O2(Vq, Uq)),
	S(movups, 0x0F11, W, NP, SSE, O2(Wx, Vx)),
	S(movupd, 0x0F11, W, P66, SSE2, O2(Wx, Vx)),
	S(movss, 0x0F11, RW, PF3, SSE, REG, O2(Ud, Vd)),
	S(movss, 0x0F11, W, PF3, SSE, MEM, O2(Md, Vd)),
	S(movsd, 0x0F11, RW, PF2, SSE2, REG, O2(Uq, Vq)),
	S(movsd, 0x0F11, W, PF2, SSE2, MEM, O2(Mq, Vq)),
	S(movlps, 0x0F12, RW, NP, SSE, MEM, O2(Vq, Mq)),
	S(movhlps, 0x0F12, RW, NP, SSE, REG, O2(Vq, Udq)),
	S(movlpd, 0x0F12, RW, P66, SSE2, MEM, O2(Vq, Mq)),
	S(movsldup, 0x0F12, W, PF3, SSE3, O2(Vx, Wx)),
	S(movddup, 0x0F12, W, PF2, SSE3, O2(Vx, Wq)),
	S(movlps, 0x0F13, W, NP, SSE, MEM, O2(Mq, Vq)),
	S(movlpd, 0x0F13, W, P66, SSE2, MEM, O2(Mq, Vq)),
	FP2(unpckl, 0x0F14),
	FP2(unpckh, 0x0F15),
	S(movhps, 0x0F16, RW, NP, SSE, MEM, O2(Vdq, Mq)),
	S(movlhps, 0x0F16, RW, NP, SSE, REG, O2(Vdq, Uq)),
	S(movhpd, 0x0F16, RW, P66, SSE2, MEM, O2(Vdq, Mq)),
	S(movshdup, 0x0F16, W, PF3, SSE3, O2(Vx, Wx)),
	S(movhps, 0x0F17, W, NP, SSE, MEM, O2(Mq, Vdq)),
	S(movhpd, 0x0F17, W, P66, SSE2, MEM, O2(Mq, Vdq)),
	S(movaps, 0x0F28, W, NP, SSE, O2(Vx, Wx)),
	S(movapd, 0x0F28, W, P66, SSE2, O2(Vx, Wx)),
	S(movaps, 0x0F29, W, NP, SSE, O2(Wx, Vx)),
	S(movapd, 0x0F29, W, P66, SSE2, O2(Wx, Vx)),
	ROW("cvtpi2pd", cvtpi2pd, 0x0F2A, W | X86_ROW_VEC | X86_ROW_X87, P66, FT(SSE2), O2(Vdq, Qq)),
	S(cvtsi2ss, 0x0F2A, RW, PF3, SSE, O2(Vd, Ey)),
	S(cvtsi2sd, 0x0F2A, RW, PF2, SSE2, O2(Vq, Ey)),
	S(movntps, 0x0F2B, W, NP, SSE, MEM, O2(Mx, Vx)),
	S(movntpd, 0x0F2B, W, P66, SSE2, MEM, O2(Mx, Vx)),
	ROW("cvttpd2pi", cvttpd2pi, 0x0F2C, W | X86_ROW_VEC | X86_ROW_X87, P66, FT(SSE2), O2(Pq, Wdq)),
	S(cvttss2si, 0x0F2C, W, PF3, SSE, O2(Gy, Wd)),
	S(cvttsd2si, 0x0F2C, W, PF2, SSE2, O2(Gy, Wq)),
	ROW("cvtpd2pi", cvtpd2pi, 0x0F2D, W | X86_ROW_VEC | X86_ROW_X87, P66, FT(SSE2), O2(Pq, Wdq)),
	S(cvtss2si, 0x0F2D, W, PF3, SSE, O2(Gy, Wd)),
	S(cvtsd2si, 0x0F2D, W, PF2, SSE2, O2(Gy, Wq)),
	S(ucomiss, 0x0F2E, R, NP, SSE, O2(Vd, Wd), FW(ST)),
	S(ucomisd, 0x0F2E, R, P66, SSE2, O2(Vq, Wq), FW(ST)),
	S(comiss, 0x0F2F, R, NP, SSE, O2(Vd, Wd), FW(ST)),
	S(comisd, 0x0F2F, R, P66, SSE2, O2(Vq, Wq), FW(ST)),
	S(movmskps, 0x0F50, W, NP, SSE, REG, O2(Gd, Ux)),
	S(movmskpd, 0x0F50, W, P66, SSE2, REG, O2(Gd, Ux)),
	S(sqrtps, 0x0F51, W, NP, SSE, O2(Vx, Wx)),
	S(sqrtpd, 0x0F51, W, P66, SSE2, O2(Vx, Wx)),
	S(sqrtss, 0x0F51, RW, PF3, SSE, O2(Vd, Wd)),
	S(sqrtsd, 0x0F51, RW, PF2, SSE2, O2(Vq, Wq)),
	S(rsqrtps, 0x0F52, W, NP, SSE, O2(Vx, Wx)),
	S(rsqrtss, 0x0F52, RW, PF3, SSE, O2(Vd, Wd)),
	S(rcpps, 0x0F53, W, NP, SSE, O2(Vx, Wx)),
	S(rcpss, 0x0F53, RW, PF3, SSE, O2(Vd, Wd)),
	FP2(and, 0x0F54), FP2(andn, 0x0F55), FP2(or, 0x0F56), FP2(xor, 0x0F57),
	FP4(add, 0x0F58, RW), FP4(mul, 0x0F59, RW),
	S(cvtps2pd, 0x0F5A, W, NP, SSE2, O2(Vx, Wh)),
	S(cvtpd2ps, 0x0F5A, W, P66, SSE2, O2(Vh, Wx)),
	S(cvtss2sd, 0x0F5A, RW, PF3, SSE2, O2(Vq, Wd)),
	S(cvtsd2ss, 0x0F5A, RW, PF2, SSE2, O2(Vd, Wq)),
	S(cvtdq2ps, 0x0F5B, W, NP, SSE2, O2(Vx, Wx)),
	S(cvtps2dq, 0x0F5B, W, P66, SSE2, O2(Vx, Wx)),
	S(cvttps2dq, 0x0F5B, W, PF3, SSE2, O2(Vx, Wx)),
	FP4(sub, 0x0F5C, RW), FP4(min, 0x0F5D, RW), FP4(div, 0x0F5E, RW), FP4(max, 0x0F5F, RW),
	S(haddpd, 0x0F7C, RW, P66, SSE3, O2(Vx, Wx)),
	S(haddps, 0x0F7C, RW, PF2, SSE3, O2(Vx, Wx)),
	S(hsubpd, 0x0F7D, RW, P66, SSE3, O2(Vx, Wx)),
	S(hsubps, 0x0F7D, RW, PF2, SSE3, O2(Vx, Wx)),
	S(cmpps, 0x0FC2, RW, NP, SSE, O3(Vx, Wx, Ib)),
	S(cmppd, 0x0FC2, RW, P66, SSE2, O3(Vx, Wx, Ib)),
	S(cmpss, 0x0FC2, RW, PF3, SSE, O3(Vd, Wd, Ib)),
	S(cmpsd, 0x0FC2, RW, PF2, SSE2, O3(Vq, Wq, Ib)),
	S(shufps, 0x0FC6, RW, NP, SSE, O3(Vx, Wx, Ib)),
	S(shufpd, 0x0FC6, RW, P66, SSE2, O3(Vx, Wx, Ib)),
	S(addsubpd, 0x0FD0, RW, P66, SSE3, O2(Vx, Wx)),
	S(addsubps, 0x0FD0, RW, PF2, SSE3, O2(Vx, Wx)),
	S(cvttpd2dq, 0x0FE6, W, P66, SSE2, O2(Vh, Wx)),
	S(cvtdq2pd, 0x0FE6, W, PF3, SSE2, O2(Vx, Wh)),
	S(cvtpd2dq, 0x0FE6, W, PF2, SSE2, O2(Vh, Wx)),
};
ROWS_COUNT(x86_rows_sse);
