/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The one-byte opcode map (SDM volume 2, table A-2), without x87. Shifts: a count of zero leaves the flags alone, so
 * their rows read what they write (x86_flags_read() is exact for constant counts).
 */
#define X86_ROW_WORDS
#include "isa/x86/rows.h"

#define ALU(n, b, d, use, ...)                                      \
	I(n, (b) + 0, use, O2(Eb, Gb), __VA_ARGS__),                \
	I(n, (b) + 1, use, O2(Ev, Gv), __VA_ARGS__),                \
	I(n, (b) + 2, (use) & ~LK, O2(Gb, Eb), __VA_ARGS__),        \
	I(n, (b) + 3, (use) & ~LK, O2(Gv, Ev), __VA_ARGS__),        \
	I(n, (b) + 4, (use) & ~LK, O2(AL, Ib), __VA_ARGS__),        \
	I(n, (b) + 5, (use) & ~LK, O2(rAX, Iz), __VA_ARGS__),       \
	I(n, 0x80, use, EXT(d), O2(Eb, Ib), __VA_ARGS__),           \
	I(n, 0x81, use, EXT(d), O2(Ev, Iz), __VA_ARGS__),           \
	I(n, 0x82, use, EXT(d), O2(Eb, Ib), NOT64, __VA_ARGS__),    \
	I(n, 0x83, use, EXT(d), O2(Ev, sIb), __VA_ARGS__)

#define SHIFT(text, n, d, fl, more)                                                     \
	ROW(text, n, 0xC0, RW, EXT(d), O2(Eb, Ib), FW(fl), FR((fl) | (more))),          \
	ROW(text, n, 0xC1, RW, EXT(d), O2(Ev, Ib), FW(fl), FR((fl) | (more))),          \
	ROW(text, n, 0xD0, RW, EXT(d), O2(Eb, One), FW(fl), FR(more)),                  \
	ROW(text, n, 0xD1, RW, EXT(d), O2(Ev, One), FW(fl), FR(more)),                  \
	ROW(text, n, 0xD2, RW, EXT(d), O2(Eb, CL), FW(fl), FR((fl) | (more))),          \
	ROW(text, n, 0xD3, RW, EXT(d), O2(Ev, CL), FW(fl), FR((fl) | (more)))

#define JCC(text, cc, fl) ROW(text, jcc, 0x70 + (cc), F64 | END, O1(Jb), FR(fl), CP(BRANCH))

#define PUSHPOP_SEG(sr, opc)                                                                           \
	ROW("push", push_seg, opc, R, O1(sr), NOT64, RR(rSP), RWR(rSP), CP(EMULATE)),                  \
	ROW("pop", pop_seg, (opc) + 1, W | END, O1(sr), NOT64, RR(rSP), RWR(rSP), CP(EMULATE))

const struct x86_row x86_rows_base[] = {
	ALU(add, 0x00, 0, RW | LK, FW(ST)),
	ALU(or, 0x08, 1, RW | LK, FW(ST)),
	ALU(adc, 0x10, 2, RW | LK, FW(ST), FR(CF)),
	ALU(sbb, 0x18, 3, RW | LK, FW(ST), FR(CF)),
	ALU(and, 0x20, 4, RW | LK, FW(ST)),
	ALU(sub, 0x28, 5, RW | LK, FW(ST)),
	ALU(xor, 0x30, 6, RW | LK, FW(ST)),
	ALU(cmp, 0x38, 7, R, FW(ST)),
	PUSHPOP_SEG(ES, 0x06),
	ROW("push", push_seg, 0x0E, R, O1(CS), NOT64, RR(rSP), RWR(rSP), CP(EMULATE)),
	PUSHPOP_SEG(SS, 0x16),
	PUSHPOP_SEG(DS, 0x1E),
	I(daa, 0x27, 0, NOT64, RR(rA), RWR(rA), FR(CF | AF), FW(ST), CP(EMULATE)),
	I(das, 0x2F, 0, NOT64, RR(rA), RWR(rA), FR(CF | AF), FW(ST), CP(EMULATE)),
	I(aaa, 0x37, 0, NOT64, RR(rA), RWR(rA), FR(AF), FW(ST), CP(EMULATE)),
	I(aas, 0x3F, 0, NOT64, RR(rA), RWR(rA), FR(AF), FW(ST), CP(EMULATE)),
	I(inc, 0x40, RW, O1(Zv), NOT64, FW(ST & ~CF)),
	I(dec, 0x48, RW, O1(Zv), NOT64, FW(ST & ~CF)),
	I(push, 0x50, R | D64 | P64, O1(Zv), RR(rSP), RWR(rSP), CP(STACK)),
	I(pop, 0x58, W | D64 | P64, O1(Zv), RR(rSP), RWR(rSP), CP(STACK)),
	I(pusha, 0x60, 0, NOT64, RR(0xff), RWR(rSP), CP(STACK)),
	I(popa, 0x61, 0, NOT64, RR(rSP), RWR(0xff), CP(STACK)),
	I(bound, 0x62, R, O2(Gv, Ma), NOT64, MEM, CP(EMULATE)),
	I(arpl, 0x63, RW, O2(Ew, Gw), NOT64, FW(ZF), CP(EMULATE)),
	I(movsxd, 0x63, W, O2(Gv, Ed), EX(X86_EX_M16 | X86_EX_M32 | X86_EX_O16)),
	I(movsxd, 0x63, W, O2(Gv, Ew), EX(X86_EX_M16 | X86_EX_M32 | X86_EX_O32 | X86_EX_O64)),
	I(push, 0x68, D64 | P64 | R, O1(Iz), RR(rSP), RWR(rSP), CP(STACK)),
	I(imul, 0x69, W, O3(Gv, Ev, Iz), FW(ST)),
	I(push, 0x6A, D64 | P64 | R, O1(sIb), RR(rSP), RWR(rSP), CP(STACK)),
	I(imul, 0x6B, W, O3(Gv, Ev, sIb), FW(ST)),
	I(ins, 0x6C, W | IOPL, O2(Yb, DX), RR(rDI), RWR(rDI), FR(DF), CP(EMULATE)),
	I(ins, 0x6D, W | IOPL, O2(Yz, DX), RR(rDI), RWR(rDI), FR(DF), CP(EMULATE)),
	I(outs, 0x6E, R | IOPL, O2(DX, Xb), RR(rSI), RWR(rSI), FR(DF), CP(EMULATE)),
	I(outs, 0x6F, R | IOPL, O2(DX, Xz), RR(rSI), RWR(rSI), FR(DF), CP(EMULATE)),
	JCC("jo", 0, OF), JCC("jno", 1, OF), JCC("jb", 2, CF), JCC("jae", 3, CF),
	JCC("je", 4, ZF), JCC("jne", 5, ZF), JCC("jbe", 6, CF | ZF), JCC("ja", 7, CF | ZF),
	JCC("js", 8, SF), JCC("jns", 9, SF), JCC("jp", 10, PF), JCC("jnp", 11, PF),
	JCC("jl", 12, SF | OF), JCC("jge", 13, SF | OF), JCC("jle", 14, ZF | SF | OF), JCC("jg", 15, ZF | SF | OF),
	I(test, 0x84, R, O2(Eb, Gb), FW(ST)),
	I(test, 0x85, R, O2(Ev, Gv), FW(ST)),
	I(xchg, 0x86, XX | LK, O2(Eb, Gb)),
	I(xchg, 0x87, XX | LK, O2(Ev, Gv)),
	I(mov, 0x88, W, O2(Eb, Gb)),
	I(mov, 0x89, W, O2(Ev, Gv)),
	I(mov, 0x8A, W, O2(Gb, Eb)),
	I(mov, 0x8B, W, O2(Gv, Ev)),
	ROW("mov", mov_from_seg, 0x8C, W, O2(EvMw, Sw), CP(EMULATE)),
	I(lea, 0x8D, W | ADDR, O2(Gv, M), MEM),
	ROW("mov", mov_to_seg, 0x8E, W | END, O2(Sw, Ew), CP(EMULATE)),
	I(pop, 0x8F, W | D64 | P64, EXT(0), O1(Ev), RR(rSP), RWR(rSP), CP(STACK)),
	I(pause, 0x90, 0, PF3), /* with REX.B as well */
	I(nop, 0x90, 0, EX(X86_EX_B1)),
	I(xchg, 0x90, XX, O2(rAX, Zv)),
	ROW("cbw", cbw, 0x98, 0, EX(X86_EX_O32 | X86_EX_O64), RR(rA), RWR(rA)),
	ROW("cwde", cbw, 0x98, 0, EX(X86_EX_O16 | X86_EX_O64), RR(rA), RWR(rA)),
	ROW("cdqe", cbw, 0x98, 0, EX(X86_EX_O16 | X86_EX_O32), RR(rA), RWR(rA)),
	ROW("cwd", cwd, 0x99, 0, EX(X86_EX_O32 | X86_EX_O64), RR(rA), RWR(rD)),
	ROW("cdq", cwd, 0x99, 0, EX(X86_EX_O16 | X86_EX_O64), RR(rA), RWR(rD)),
	ROW("cqo", cwd, 0x99, 0, EX(X86_EX_O16 | X86_EX_O32), RR(rA), RWR(rD)),
	ROW("call", callf, 0x9A, END, O1(Ap), NOT64, RR(rSP), RWR(rSP), CP(EMULATE)),
	I(fwait, 0x9B, X86_ROW_X87, FT(FPU), CP(X87)),
	I(pushf, 0x9C, D64, RR(rSP), RWR(rSP), FR(ST | DF), CP(STACK)),
	I(popf, 0x9D, D64 | END, RR(rSP), RWR(rSP), FW(ST | DF), CP(STACK)),
	I(sahf, 0x9E, 0, NOT64, RR(rA), FW(ST & ~OF)),
	I(sahf, 0x9E, 0, ONLY64, RR(rA), FW(ST & ~OF), FT(LAHF_LM)),
	I(lahf, 0x9F, 0, NOT64, RR(rA), RWR(rA), FR(ST & ~OF)),
	I(lahf, 0x9F, 0, ONLY64, RR(rA), RWR(rA), FR(ST & ~OF), FT(LAHF_LM)),
	I(mov, 0xA0, W, O2(AL, Ob)),
	I(mov, 0xA1, W, O2(rAX, Ov)),
	I(mov, 0xA2, W, O2(Ob, AL)),
	I(mov, 0xA3, W, O2(Ov, rAX)),
	I(movs, 0xA4, W, O2(Yb, Xb), RR(rSI | rDI), RWR(rSI | rDI), FR(DF), CP(STRING)),
	I(movs, 0xA5, W, O2(Yv, Xv), RR(rSI | rDI), RWR(rSI | rDI), FR(DF), CP(STRING)),
	/* with rep and a count of zero the flags stay, so they are read */
	I(cmps, 0xA6, R, O2(Xb, Yb), RR(rSI | rDI), RWR(rSI | rDI), FR(DF | ST), FW(ST), CP(STRING)),
	I(cmps, 0xA7, R, O2(Xv, Yv), RR(rSI | rDI), RWR(rSI | rDI), FR(DF | ST), FW(ST), CP(STRING)),
	I(test, 0xA8, R, O2(AL, Ib), FW(ST)),
	I(test, 0xA9, R, O2(rAX, Iz), FW(ST)),
	I(stos, 0xAA, W, O2(Yb, AL), RR(rDI), RWR(rDI), FR(DF), CP(STRING)),
	I(stos, 0xAB, W, O2(Yv, rAX), RR(rDI), RWR(rDI), FR(DF), CP(STRING)),
	I(lods, 0xAC, W, O2(AL, Xb), RR(rSI), RWR(rSI), FR(DF), CP(STRING)),
	I(lods, 0xAD, W, O2(rAX, Xv), RR(rSI), RWR(rSI), FR(DF), CP(STRING)),
	I(scas, 0xAE, R, O2(AL, Yb), RR(rDI), RWR(rDI), FR(DF | ST), FW(ST), CP(STRING)),
	I(scas, 0xAF, R, O2(rAX, Yv), RR(rDI), RWR(rDI), FR(DF | ST), FW(ST), CP(STRING)),
	I(mov, 0xB0, W, O2(Zb, Ib)),
	I(mov, 0xB8, W, O2(Zv, Iv)),
	SHIFT("rol", rol, 0, CF | OF, 0),
	SHIFT("ror", ror, 1, CF | OF, 0),
	SHIFT("rcl", rcl, 2, CF | OF, CF),
	SHIFT("rcr", rcr, 3, CF | OF, CF),
	SHIFT("shl", shl, 4, ST, 0),
	SHIFT("shr", shr, 5, ST, 0),
	SHIFT("shl", shl, 6, ST, 0),
	SHIFT("sar", sar, 7, ST, 0),
	I(ret, 0xC2, F64 | END, O1(Iw), RR(rSP), RWR(rSP), CP(INDIRECT)),
	I(ret, 0xC3, F64 | END, RR(rSP), RWR(rSP), CP(INDIRECT)),
	I(les, 0xC4, W, O2(Gv, Mp), NOT64, MEM, CP(EMULATE)),
	I(lds, 0xC5, W, O2(Gv, Mp), NOT64, MEM, CP(EMULATE)),
	I(mov, 0xC6, W, EXT(0), O2(Eb, Ib)),
	I(mov, 0xC7, W, EXT(0), O2(Ev, Iz)),
	I(enter, 0xC8, D64 | P64, O2(Iw, Ib), RR(rSP | rBP), RWR(rSP | rBP), CP(STACK)),
	I(leave, 0xC9, D64 | P64, RR(rBP), RWR(rSP | rBP), CP(STACK)),
	I(retf, 0xCA, END, O1(Iw), RR(rSP), RWR(rSP), CP(EMULATE)),
	I(retf, 0xCB, END, RR(rSP), RWR(rSP), CP(EMULATE)),
	I(int3, 0xCC, END, CP(SYSCALL)),
	I(int, 0xCD, R | END, O1(Ib), RR(0xffff), RWR(rA), CP(SYSCALL)),
	I(into, 0xCE, END, NOT64, FR(OF), CP(SYSCALL)),
	I(iret, 0xCF, END, RR(rSP), RWR(rSP), FW(ST | DF), CP(EMULATE)),
	I(aam, 0xD4, R, O1(Ib), NOT64, RR(rA), RWR(rA), FW(ST), CP(EMULATE)),
	I(aad, 0xD5, R, O1(Ib), NOT64, RR(rA), RWR(rA), FW(ST), CP(EMULATE)),
	I(salc, 0xD6, 0, NOT64, RWR(rA), FR(CF), CP(EMULATE)),
	I(xlat, 0xD7, 0, RR(rA | rB), RWR(rA), CP(EMULATE)),
	I(loopne, 0xE0, F64 | END, O1(Jb), RR(rC), RWR(rC), FR(ZF), CP(BRANCH)),
	I(loope, 0xE1, F64 | END, O1(Jb), RR(rC), RWR(rC), FR(ZF), CP(BRANCH)),
	I(loop, 0xE2, F64 | END, O1(Jb), RR(rC), RWR(rC), CP(BRANCH)),
	I(jrcxz, 0xE3, F64 | END, O1(Jb), RR(rC), CP(BRANCH)),
	I(in, 0xE4, W | IOPL, O2(AL, Ib), CP(EMULATE)),
	I(in, 0xE5, W | IOPL, O2(eAX, Ib), CP(EMULATE)),
	I(out, 0xE6, R | IOPL, O2(Ib, AL), CP(EMULATE)),
	I(out, 0xE7, R | IOPL, O2(Ib, eAX), CP(EMULATE)),
	I(call, 0xE8, R | F64 | END, O1(Jz), RR(rSP), RWR(rSP), CP(BRANCH)),
	I(jmp, 0xE9, R | F64 | END, O1(Jz), CP(BRANCH)),
	ROW("jmp", jmpf, 0xEA, END, O1(Ap), NOT64, CP(EMULATE)),
	I(jmp, 0xEB, R | F64 | END, O1(Jb), CP(BRANCH)),
	I(in, 0xEC, W | IOPL, O2(AL, DX), CP(EMULATE)),
	I(in, 0xED, W | IOPL, O2(eAX, DX), CP(EMULATE)),
	I(out, 0xEE, R | IOPL, O2(DX, AL), CP(EMULATE)),
	I(out, 0xEF, R | IOPL, O2(DX, eAX), CP(EMULATE)),
	I(int1, 0xF1, END, CP(SYSCALL)),
	I(hlt, 0xF4, PRIV | END, CP(EMULATE)),
	I(cmc, 0xF5, 0, FR(CF), FW(CF)),
	I(test, 0xF6, R, EXT(0), O2(Eb, Ib), FW(ST)),
	I(test, 0xF6, R, EXT(1), O2(Eb, Ib), FW(ST)),
	I(not, 0xF6, RW | LK, EXT(2), O1(Eb)),
	I(neg, 0xF6, RW | LK, EXT(3), O1(Eb), FW(ST)),
	I(mul, 0xF6, R, EXT(4), O1(Eb), RR(rA), RWR(rA), FW(ST)),
	I(imul, 0xF6, R, EXT(5), O1(Eb), RR(rA), RWR(rA), FW(ST)),
	I(div, 0xF6, R, EXT(6), O1(Eb), RR(rA), RWR(rA), FW(ST)),
	I(idiv, 0xF6, R, EXT(7), O1(Eb), RR(rA), RWR(rA), FW(ST)),
	I(test, 0xF7, R, EXT(0), O2(Ev, Iz), FW(ST)),
	I(test, 0xF7, R, EXT(1), O2(Ev, Iz), FW(ST)),
	I(not, 0xF7, RW | LK, EXT(2), O1(Ev)),
	I(neg, 0xF7, RW | LK, EXT(3), O1(Ev), FW(ST)),
	I(mul, 0xF7, R, EXT(4), O1(Ev), RR(rA), RWR(rA | rD), FW(ST)),
	I(imul, 0xF7, R, EXT(5), O1(Ev), RR(rA), RWR(rA | rD), FW(ST)),
	I(div, 0xF7, R, EXT(6), O1(Ev), RR(rA | rD), RWR(rA | rD), FW(ST)),
	I(idiv, 0xF7, R, EXT(7), O1(Ev), RR(rA | rD), RWR(rA | rD), FW(ST)),
	I(clc, 0xF8, 0, FW(CF)),
	I(stc, 0xF9, 0, FW(CF)),
	I(cli, 0xFA, IOPL, CP(EMULATE)),
	I(sti, 0xFB, IOPL | END, CP(EMULATE)),
	I(cld, 0xFC, 0, FW(DF)),
	I(std, 0xFD, 0, FW(DF)),
	I(inc, 0xFE, RW | LK, EXT(0), O1(Eb), FW(ST & ~CF)),
	I(dec, 0xFE, RW | LK, EXT(1), O1(Eb), FW(ST & ~CF)),
	I(inc, 0xFF, RW | LK, EXT(0), O1(Ev), FW(ST & ~CF)),
	I(dec, 0xFF, RW | LK, EXT(1), O1(Ev), FW(ST & ~CF)),
	I(call, 0xFF, R | F64 | END, EXT(2), O1(Ev), RR(rSP), RWR(rSP), CP(INDIRECT)),
	ROW("call", callf, 0xFF, R | END, EXT(3), MEM, O1(Mp), RR(rSP), RWR(rSP), CP(EMULATE)),
	I(jmp, 0xFF, R | F64 | END, EXT(4), O1(Ev), CP(INDIRECT)),
	ROW("jmp", jmpf, 0xFF, R | END, EXT(5), MEM, O1(Mp), CP(EMULATE)),
	I(push, 0xFF, R | D64 | P64, EXT(6), O1(Ev), RR(rSP), RWR(rSP), CP(STACK)),
};
ROWS_COUNT(x86_rows_base);
