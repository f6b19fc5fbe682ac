/* SPDX-License-Identifier: GPL-2.0-or-later */
/* FMA and F16C. VEX.W chooses single or double precision. */
#define X86_ROW_WORDS
#include "isa/x86/rows.h"

#define PACKED(n, opc)                                                                                          \
	ROWV("v" #n "ps", v##n##ps, opc, RW, P66, FT(FMA), EX(X86_EX_W1), O3(Vx, Hx, Wx)),                      \
	ROWV("v" #n "pd", v##n##pd, opc, RW, P66, FT(FMA), EX(X86_EX_W0), O3(Vx, Hx, Wx))
#define SCALAR(n, opc)                                                                                          \
	ROWV("v" #n "ss", v##n##ss, opc, RW, P66, FT(FMA), EX(X86_EX_W1), O3(Vd, Hd, Wd)),                      \
	ROWV("v" #n "sd", v##n##sd, opc, RW, P66, FT(FMA), EX(X86_EX_W0), O3(Vq, Hq, Wq))
#define ORDER(o, b)                                                                                             \
	PACKED(fmaddsub##o, 0x0F3806 + (b)), PACKED(fmsubadd##o, 0x0F3807 + (b)), PACKED(fmadd##o, 0x0F3808 + (b)), \
	SCALAR(fmadd##o, 0x0F3809 + (b)), PACKED(fmsub##o, 0x0F380A + (b)), SCALAR(fmsub##o, 0x0F380B + (b)),   \
	PACKED(fnmadd##o, 0x0F380C + (b)), SCALAR(fnmadd##o, 0x0F380D + (b)),                                   \
	PACKED(fnmsub##o, 0x0F380E + (b)), SCALAR(fnmsub##o, 0x0F380F + (b))

const struct x86_row x86_rows_fma[] = {
	ORDER(132, 0x90),
	ORDER(213, 0xA0),
	ORDER(231, 0xB0),
	ROWV("vcvtph2ps", vcvtph2ps, 0x0F3813, W, P66, FT(F16C), EX(X86_EX_W1), O2(Vx, Wh)),
	ROWV("vcvtps2ph", vcvtps2ph, 0x0F3A1D, W, P66, FT(F16C), EX(X86_EX_W1), O3(Wh, Vx, Ib)),
};
ROWS_COUNT(x86_rows_fma);
