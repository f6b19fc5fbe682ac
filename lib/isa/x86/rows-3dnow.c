/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * 3DNow! and its extensions (AMD 21928, AMD 22466): 0F 0F modrm [sib] [disp] opcode. No current processor has them,
 * so they are always emulated.
 */
#define X86_ROW_WORDS
#include "isa/x86/rows.h"

#define N3(n, opc, use, feat)                                                                                     \
	{.name = #n, .op = X86_OP_##n, .map = 4, .opcode = (opc), .flags = (use) | X86_ROW_VEC | X86_ROW_X87,     \
	 .operands = {X86_O_Pq, X86_O_Qq}, .feature = X86_FEAT_##feat, .copy = X86_COPY_EMULATE}

const struct x86_row x86_rows_3dnow[] = {
	I(femms, 0x0F0E, X86_ROW_VEC | X86_ROW_X87, FT(3DNOW), CP(EMULATE)),
	N3(pi2fw, 0x0C, W, 3DNOWEXT), N3(pi2fd, 0x0D, W, 3DNOW), N3(pf2iw, 0x1C, W, 3DNOWEXT), N3(pf2id, 0x1D, W, 3DNOW),
	N3(pfnacc, 0x8A, RW, 3DNOWEXT), N3(pfpnacc, 0x8E, RW, 3DNOWEXT), N3(pfcmpge, 0x90, RW, 3DNOW),
	N3(pfmin, 0x94, RW, 3DNOW), N3(pfrcp, 0x96, W, 3DNOW), N3(pfrsqrt, 0x97, W, 3DNOW), N3(pfsub, 0x9A, RW, 3DNOW),
	N3(pfadd, 0x9E, RW, 3DNOW), N3(pfcmpgt, 0xA0, RW, 3DNOW), N3(pfmax, 0xA4, RW, 3DNOW),
	N3(pfrcpit1, 0xA6, RW, 3DNOW), N3(pfrsqit1, 0xA7, RW, 3DNOW), N3(pfsubr, 0xAA, RW, 3DNOW),
	N3(pfacc, 0xAE, RW, 3DNOW), N3(pfcmpeq, 0xB0, RW, 3DNOW), N3(pfmul, 0xB4, RW, 3DNOW),
	N3(pfrcpit2, 0xB6, RW, 3DNOW), N3(pmulhrw, 0xB7, RW, 3DNOW), N3(pswapd, 0xBB, W, 3DNOWEXT),
	N3(pavgusb, 0xBF, RW, 3DNOW),
};
ROWS_COUNT(x86_rows_3dnow);
