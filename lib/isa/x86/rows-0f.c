/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The two-byte opcode map 0F (SDM volume 2, table A-3): general-purpose instructions. */
#define X86_ROW_WORDS
#include "isa/x86/rows.h"

#define CONDITIONS(p, op_, opc, use, ops, ...)                                      \
	ROW(p "o", op_, (opc) + 0, use, ops, FR(OF), __VA_ARGS__),                  \
	ROW(p "no", op_, (opc) + 1, use, ops, FR(OF), __VA_ARGS__),                 \
	ROW(p "b", op_, (opc) + 2, use, ops, FR(CF), __VA_ARGS__),                  \
	ROW(p "ae", op_, (opc) + 3, use, ops, FR(CF), __VA_ARGS__),                 \
	ROW(p "e", op_, (opc) + 4, use, ops, FR(ZF), __VA_ARGS__),                  \
	ROW(p "ne", op_, (opc) + 5, use, ops, FR(ZF), __VA_ARGS__),                 \
	ROW(p "be", op_, (opc) + 6, use, ops, FR(CF | ZF), __VA_ARGS__),            \
	ROW(p "a", op_, (opc) + 7, use, ops, FR(CF | ZF), __VA_ARGS__),             \
	ROW(p "s", op_, (opc) + 8, use, ops, FR(SF), __VA_ARGS__),                  \
	ROW(p "ns", op_, (opc) + 9, use, ops, FR(SF), __VA_ARGS__),                 \
	ROW(p "p", op_, (opc) + 10, use, ops, FR(PF), __VA_ARGS__),                 \
	ROW(p "np", op_, (opc) + 11, use, ops, FR(PF), __VA_ARGS__),                \
	ROW(p "l", op_, (opc) + 12, use, ops, FR(SF | OF), __VA_ARGS__),            \
	ROW(p "ge", op_, (opc) + 13, use, ops, FR(SF | OF), __VA_ARGS__),           \
	ROW(p "le", op_, (opc) + 14, use, ops, FR(ZF | SF | OF), __VA_ARGS__),      \
	ROW(p "g", op_, (opc) + 15, use, ops, FR(ZF | SF | OF), __VA_ARGS__)

const struct x86_row x86_rows_0f[] = {
	I(syscall, 0x0F05, END, ONLY64, FT(SYSCALL), RR(0xffff), RWR(rA | rC | 1u << X86_R11), FR(ST | DF), CP(SYSCALL)),
	I(ud2, 0x0F0B, END),
	I(ud1, 0x0FB9, R | END | ADDR, O2(Gv, Ev)),
	I(ud0, 0x0FFF, R | END | ADDR, O2(Gv, Ev)),
	/* hints; what has no meaning yet is a no-op (SDM volume 2, table A-6, groups 16 and P) */
	ROW("prefetch", prefetch, 0x0F0D, R | ADDR, EXT(0), MEM, O1(Mb)),
	ROW("prefetchw", prefetch, 0x0F0D, R | ADDR, EXT(1), MEM, O1(Mb)),
	ROW("prefetchwt1", prefetch, 0x0F0D, R | ADDR, EXT(2), MEM, O1(Mb)),
	ROW("nop", nop, 0x0F0D, R | ADDR, O1(Ev)),
	ROW("prefetchnta", prefetch, 0x0F18, R | ADDR, EXT(0), MEM, O1(Mb)),
	ROW("prefetcht0", prefetch, 0x0F18, R | ADDR, EXT(1), MEM, O1(Mb)),
	ROW("prefetcht1", prefetch, 0x0F18, R | ADDR, EXT(2), MEM, O1(Mb)),
	ROW("prefetcht2", prefetch, 0x0F18, R | ADDR, EXT(3), MEM, O1(Mb)),
	ROW("nop", nop, 0x0F18, R | ADDR, O1(Ev)),
	ROW("nop", nop, 0x0F19, R | ADDR, O1(Ev)),
	ROW("nop", nop, 0x0F1A, R | ADDR, O1(Ev)),
	ROW("nop", nop, 0x0F1B, R | ADDR, O1(Ev)),
	ROW("nop", nop, 0x0F1C, R | ADDR, O1(Ev)),
	ROW("nop", nop, 0x0F1D, R | ADDR, O1(Ev)),
	ROW("endbr64", nop, 0x0F1E, 0, PF3, EXT(7), RM(2), REG),
	ROW("endbr32", nop, 0x0F1E, 0, PF3, EXT(7), RM(3), REG),
	ROW("nop", nop, 0x0F1E, R | ADDR, O1(Ev)),
	ROW("nop", nop, 0x0F1F, R | ADDR, O1(Ev)),
	I(rdtsc, 0x0F31, 0, FT(TSC), RWR(rA | rD)),
	I(sysenter, 0x0F34, END, FT(SEP), RR(0xffff), RWR(0xffff), CP(SYSCALL)),
	CONDITIONS("cmov", cmovcc, 0x0F40, RW, O2(Gv, Ev), FT(CMOV)),
	CONDITIONS("j", jcc, 0x0F80, F64 | END, O1(Jz), CP(BRANCH)),
	CONDITIONS("set", setcc, 0x0F90, W, O1(Eb)),
	ROW("push", push_seg, 0x0FA0, R | D64, O1(FS), RR(rSP), RWR(rSP), CP(EMULATE)),
	ROW("pop", pop_seg, 0x0FA1, W | D64 | END, O1(FS), RR(rSP), RWR(rSP), CP(EMULATE)),
	I(cpuid, 0x0FA2, 0, RR(rA | rC), RWR(rA | rB | rC | rD), CP(EMULATE)),
	I(bt, 0x0FA3, R, O2(Ev, Gv), FW(ST & ~ZF)),
	I(shld, 0x0FA4, RW, O3(Ev, Gv, Ib), FR(ST), FW(ST)),
	I(shld, 0x0FA5, RW, O3(Ev, Gv, CL), FR(ST), FW(ST)),
	ROW("push", push_seg, 0x0FA8, R | D64, O1(GS), RR(rSP), RWR(rSP), CP(EMULATE)),
	ROW("pop", pop_seg, 0x0FA9, W | D64 | END, O1(GS), RR(rSP), RWR(rSP), CP(EMULATE)),
	I(bts, 0x0FAB, RW | LK, O2(Ev, Gv), FW(ST & ~ZF)),
	I(shrd, 0x0FAC, RW, O3(Ev, Gv, Ib), FR(ST), FW(ST)),
	I(shrd, 0x0FAD, RW, O3(Ev, Gv, CL), FR(ST), FW(ST)),
	I(imul, 0x0FAF, RW, O2(Gv, Ev), FW(ST)),
	I(cmpxchg, 0x0FB0, RW | LK, O2(Eb, Gb), RR(rA), RWR(rA), FW(ST)),
	I(cmpxchg, 0x0FB1, RW | LK, O2(Ev, Gv), RR(rA), RWR(rA), FW(ST)),
	I(lss, 0x0FB2, W, O2(Gv, Mp), MEM, CP(EMULATE)),
	I(btr, 0x0FB3, RW | LK, O2(Ev, Gv), FW(ST & ~ZF)),
	I(lfs, 0x0FB4, W, O2(Gv, Mp), MEM, CP(EMULATE)),
	I(lgs, 0x0FB5, W, O2(Gv, Mp), MEM, CP(EMULATE)),
	I(movzx, 0x0FB6, W, O2(Gv, Eb)),
	I(movzx, 0x0FB7, W, O2(Gv, Ew)),
	I(bt, 0x0FBA, R, EXT(4), O2(Ev, Ib), FW(ST & ~ZF)),
	I(bts, 0x0FBA, RW | LK, EXT(5), O2(Ev, Ib), FW(ST & ~ZF)),
	I(btr, 0x0FBA, RW | LK, EXT(6), O2(Ev, Ib), FW(ST & ~ZF)),
	I(btc, 0x0FBA, RW | LK, EXT(7), O2(Ev, Ib), FW(ST & ~ZF)),
	I(btc, 0x0FBB, RW | LK, O2(Ev, Gv), FW(ST & ~ZF)),
	/* a source of zero leaves the destination as it is */
	I(bsf, 0x0FBC, RW, O2(Gv, Ev), FW(ST)),
	I(bsr, 0x0FBD, RW, O2(Gv, Ev), FW(ST)),
	I(movsx, 0x0FBE, W, O2(Gv, Eb)),
	I(movsx, 0x0FBF, W, O2(Gv, Ew)),
	I(xadd, 0x0FC0, XX | LK, O2(Eb, Gb), FW(ST)),
	I(xadd, 0x0FC1, XX | LK, O2(Ev, Gv), FW(ST)),
	I(movnti, 0x0FC3, W, O2(My, Gy), MEM, NP, FT(SSE2)),
	ROW("cmpxchg8b", cmpxchg8b, 0x0FC7, RW | LK, EXT(1), MEM, O1(Mq), EX(X86_EX_W1), FT(CX8), RR(rA | rB | rC | rD),
	    RWR(rA | rD), FW(ZF)),
	ROW("cmpxchg16b", cmpxchg16b, 0x0FC7, RW | LK, EXT(1), MEM, O1(Mdq), EX(X86_EX_W0), FT(CX16),
	    RR(rA | rB | rC | rD), RWR(rA | rD), FW(ZF)),
	I(bswap, 0x0FC8, RW, O1(Zv)),
};
ROWS_COUNT(x86_rows_0f);
