/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * System instructions, state save areas, fences, cache control, segment bases. Those that ring 3 may execute and whose
 * result is the host's own state (fences, cache hints, MXCSR) are copied; everything else is emulated.
 */
#define X86_ROW_WORDS
#include "isa/x86/rows.h"

const struct x86_row x86_rows_system[] = {
	I(sldt, 0x0F00, W, EXT(0), O1(EvMw), CP(EMULATE)),
	I(str, 0x0F00, W, EXT(1), O1(EvMw), CP(EMULATE)),
	I(lldt, 0x0F00, R | PRIV, EXT(2), O1(Ew), CP(EMULATE)),
	I(ltr, 0x0F00, R | PRIV, EXT(3), O1(Ew), CP(EMULATE)),
	I(verr, 0x0F00, R, EXT(4), O1(Ew), FW(ZF), CP(EMULATE)),
	I(verw, 0x0F00, R, EXT(5), O1(Ew), FW(ZF), CP(EMULATE)),
	I(sgdt, 0x0F01, W, EXT(0), MEM, O1(Ms), CP(EMULATE)),
	I(sidt, 0x0F01, W, EXT(1), MEM, O1(Ms), CP(EMULATE)),
	I(lgdt, 0x0F01, R | PRIV, EXT(2), MEM, O1(Ms), CP(EMULATE)),
	I(lidt, 0x0F01, R | PRIV, EXT(3), MEM, O1(Ms), CP(EMULATE)),
	I(smsw, 0x0F01, W, EXT(4), O1(EvMw), CP(EMULATE)),
	I(lmsw, 0x0F01, R | PRIV | END, EXT(6), O1(Ew), CP(EMULATE)),
	I(invlpg, 0x0F01, R | PRIV | ADDR, EXT(7), MEM, O1(Mb), CP(EMULATE)),
	/* these five are #UD, not #GP, at privilege level 3 (RSM: outside of system management mode) */
	I(monitor, 0x0F01, 0, EXT(1), RM(0), REG, NP, FT(MONITOR), RR(rA | rC | rD), CP(EMULATE)),
	I(mwait, 0x0F01, END, EXT(1), RM(1), REG, NP, FT(MONITOR), RR(rA | rC), CP(EMULATE)),
	I(clac, 0x0F01, 0, EXT(1), RM(2), REG, NP, FT(SMAP), CP(EMULATE)),
	I(stac, 0x0F01, 0, EXT(1), RM(3), REG, NP, FT(SMAP), CP(EMULATE)),
	I(xgetbv, 0x0F01, 0, EXT(2), RM(0), REG, NP, FT(XSAVE), RR(rC), RWR(rA | rD), CP(EMULATE)),
	I(xsetbv, 0x0F01, PRIV, EXT(2), RM(1), REG, NP, FT(XSAVE), RR(rA | rC | rD), CP(EMULATE)),
	I(swapgs, 0x0F01, PRIV, EXT(7), RM(0), REG, ONLY64, CP(EMULATE)),
	I(rdtscp, 0x0F01, 0, EXT(7), RM(1), REG, FT(RDTSCP), RWR(rA | rC | rD), CP(EMULATE)),
	I(lar, 0x0F02, RW, O2(Gv, EvMw), FW(ZF), CP(EMULATE)),
	I(lsl, 0x0F03, RW, O2(Gv, EvMw), FW(ZF), CP(EMULATE)),
	I(clts, 0x0F06, PRIV, CP(EMULATE)),
	I(sysret, 0x0F07, PRIV | END, ONLY64, FT(SYSCALL), RR(rC | 1u << X86_R11), FW(ST | DF), CP(EMULATE)),
	/* outside 64-bit mode on AMD's processors alone (AMD APM volume 3); programs under Linux are not to use it */
	ROW("syscall", syscall32, 0x0F05, END, NOT64, FT(SYSCALL), RR(rC), RWR(rC), CP(EMULATE)),
	ROW("sysret", sysret32, 0x0F07, PRIV | END, NOT64, FT(SYSCALL), RR(rC), CP(EMULATE)),
	I(invd, 0x0F08, PRIV, CP(EMULATE)),
	I(wbinvd, 0x0F09, PRIV, CP(EMULATE)),
	ROW("mov", mov_from_cr, 0x0F20, W | PRIV | X86_ROW_MODREG, O2(Rm, Cm), CP(EMULATE)),
	ROW("mov", mov_from_dr, 0x0F21, W | PRIV | X86_ROW_MODREG, O2(Rm, Dm), CP(EMULATE)),
	ROW("mov", mov_to_cr, 0x0F22, W | PRIV | END | X86_ROW_MODREG, O2(Cm, Rm), CP(EMULATE)),
	ROW("mov", mov_to_dr, 0x0F23, W | PRIV | END | X86_ROW_MODREG, O2(Dm, Rm), CP(EMULATE)),
	I(wrmsr, 0x0F30, PRIV | END, FT(MSR), RR(rA | rC | rD), CP(EMULATE)),
	I(rdmsr, 0x0F32, PRIV, FT(MSR), RR(rC), RWR(rA | rD), CP(EMULATE)),
	I(rdpmc, 0x0F33, PRIV, RR(rC), RWR(rA | rD), CP(EMULATE)),
	I(sysexit, 0x0F35, PRIV | END, FT(SEP), RR(rC | rD), RWR(rSP), CP(EMULATE)),
	I(rsm, 0x0FAA, END, CP(EMULATE)),
	I(invpcid, 0x0F3882, R | PRIV, MEM, P66, O2(Gm, Mdq), FT(INVPCID), CP(EMULATE)),
	/* group 15 */
	I(fxsave, 0x0FAE, W | X86_ROW_X87, EXT(0), MEM, NP, O1(Mfx), FT(FXSR), CP(EMULATE)),
	I(fxrstor, 0x0FAE, R | X86_ROW_X87, EXT(1), MEM, NP, O1(Mfx), FT(FXSR), CP(EMULATE)),
	I(ldmxcsr, 0x0FAE, R | X86_ROW_VEC, EXT(2), MEM, NP, O1(Md), FT(SSE)),
	I(stmxcsr, 0x0FAE, W | X86_ROW_VEC, EXT(3), MEM, NP, O1(Md), FT(SSE)),
	ROWV("vldmxcsr", ldmxcsr, 0x0FAE, R, EXT(2), MEM, NP, O1(Md), EX(X86_EX_L1), FT(AVX)),
	ROWV("vstmxcsr", stmxcsr, 0x0FAE, W, EXT(3), MEM, NP, O1(Md), EX(X86_EX_L1), FT(AVX)),
	I(xsave, 0x0FAE, W | X86_ROW_X87, EXT(4), MEM, NP, O1(M), FT(XSAVE), RR(rA | rD), CP(EMULATE)),
	I(xrstor, 0x0FAE, R | X86_ROW_X87, EXT(5), MEM, NP, O1(M), FT(XSAVE), RR(rA | rD), CP(EMULATE)),
	I(xsaveopt, 0x0FAE, W | X86_ROW_X87, EXT(6), MEM, NP, O1(M), FT(XSAVEOPT), RR(rA | rD), CP(EMULATE)),
	I(xsavec, 0x0FC7, W | X86_ROW_X87, EXT(4), MEM, NP, O1(M), FT(XSAVEC), RR(rA | rD), CP(EMULATE)),
	I(clflush, 0x0FAE, R, EXT(7), MEM, NP, O1(Mb), FT(CLFLUSH)),
	I(clflushopt, 0x0FAE, R, EXT(7), MEM, P66, O1(Mb), FT(CLFLUSHOPT)),
	I(clwb, 0x0FAE, R, EXT(6), MEM, P66, O1(Mb), FT(CLWB)),
	I(lfence, 0x0FAE, 0, EXT(5), REG, NP, FT(SSE2)),
	I(mfence, 0x0FAE, 0, EXT(6), REG, NP, FT(SSE2)),
	I(sfence, 0x0FAE, 0, EXT(7), REG, NP, FT(SSE)),
	I(rdfsbase, 0x0FAE, W, EXT(0), REG, PF3, O1(Ry), ONLY64, FT(FSGSBASE), CP(EMULATE)),
	I(rdgsbase, 0x0FAE, W, EXT(1), REG, PF3, O1(Ry), ONLY64, FT(FSGSBASE), CP(EMULATE)),
	I(wrfsbase, 0x0FAE, R, EXT(2), REG, PF3, O1(Ry), ONLY64, FT(FSGSBASE), CP(EMULATE)),
	I(wrgsbase, 0x0FAE, R, EXT(3), REG, PF3, O1(Ry), ONLY64, FT(FSGSBASE), CP(EMULATE)),
	I(rdpid, 0x0FC7, W, EXT(7), REG, PF3, O1(Rm), FT(RDPID), CP(EMULATE)),
};
ROWS_COUNT(x86_rows_system);
