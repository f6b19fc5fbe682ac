/* SPDX-License-Identifier: GPL-2.0-or-later */
/* AES, PCLMULQDQ and SHA, legacy and 128-bit VEX forms. */
#define X86_ROW_WORDS
#include "isa/x86/rows.h"

#define S(n, opc, use, feat, ...) ROW(#n, n, opc, (use) | X86_ROW_VEC, P66, FT(feat), __VA_ARGS__)
#define AES2(n, opc)                                                                    \
	S(n, opc, RW, AES, O2(Vdq, Wdq)),                                               \
	ROWV("v" #n, n, opc, W, P66, FT(AVX), EX(X86_EX_L1), O3(Vdq, Hdq, Wdq))
#define SHA2(n, opc) ROW(#n, n, opc, RW | X86_ROW_VEC, NP, FT(SHA), O2(Vdq, Wdq))

const struct x86_row x86_rows_crypto[] = {
	S(aesimc, 0x0F38DB, W, AES, O2(Vdq, Wdq)),
	ROWV("vaesimc", aesimc, 0x0F38DB, W, P66, FT(AVX), EX(X86_EX_L1), O2(Vdq, Wdq)),
	AES2(aesenc, 0x0F38DC), AES2(aesenclast, 0x0F38DD), AES2(aesdec, 0x0F38DE), AES2(aesdeclast, 0x0F38DF),
	S(aeskeygenassist, 0x0F3ADF, W, AES, O3(Vdq, Wdq, Ib)),
	ROWV("vaeskeygenassist", aeskeygenassist, 0x0F3ADF, W, P66, FT(AVX), EX(X86_EX_L1), O3(Vdq, Wdq, Ib)),
	S(pclmulqdq, 0x0F3A44, RW, PCLMULQDQ, O3(Vdq, Wdq, Ib)),
	ROWV("vpclmulqdq", pclmulqdq, 0x0F3A44, W, P66, FT(AVX), EX(X86_EX_L1), O4(Vdq, Hdq, Wdq, Ib)),
	SHA2(sha1nexte, 0x0F38C8), SHA2(sha1msg1, 0x0F38C9), SHA2(sha1msg2, 0x0F38CA),
	ROW("sha256rnds2", sha256rnds2, 0x0F38CB, RW | X86_ROW_VEC, NP, FT(SHA), O3(Vdq, Wdq, XMM0)),
	SHA2(sha256msg1, 0x0F38CC), SHA2(sha256msg2, 0x0F38CD),
	ROW("sha1rnds4", sha1rnds4, 0x0F3ACC, RW | X86_ROW_VEC, NP, FT(SHA), O3(Vdq, Wdq, Ib)),
};
ROWS_COUNT(x86_rows_crypto);
