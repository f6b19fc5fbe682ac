/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * x87 (SDM volume 2, tables ). An operand says its format by the operation: fadd's Md is a 32-bit float,
 * fiadd's a 32-bit integer. The encodings that the SDM reserves and that every processor executes as an alias of a
 * documented instruction are rows as well (AMD APM volume 3, appendix A, "x87 opcode map").
 */
#define X86_ROW_WORDS
#include "isa/x86/rows.h"

#define X(n, opc, use, ...) ROW(#n, n, opc, (use) | X86_ROW_X87, FT(FPU), CP(X87), __VA_ARGS__)
#define XF(n, opc, use, feat, ...) ROW(#n, n, opc, (use) | X86_ROW_X87, FT(feat), CP(X87), __VA_ARGS__)
#define ONE(n, opc, d, r) X(n, opc, 0, EXT(d), RM(r), REG)
#define ARITH(p, opc, m)                                                                               \
	X(p##add, opc, R, EXT(0), MEM, O1(m)), X(p##mul, opc, R, EXT(1), MEM, O1(m)),                  \
	X(p##com, opc, R, EXT(2), MEM, O1(m)), X(p##comp, opc, R, EXT(3), MEM, O1(m)),                 \
	X(p##sub, opc, R, EXT(4), MEM, O1(m)), X(p##subr, opc, R, EXT(5), MEM, O1(m)),                 \
	X(p##div, opc, R, EXT(6), MEM, O1(m)), X(p##divr, opc, R, EXT(7), MEM, O1(m))

const struct x86_row x86_rows_x87[] = {
	ARITH(f, 0xD8, Md),
	X(fadd, 0xD8, RW, EXT(0), REG, O2(ST0, STi)), X(fmul, 0xD8, RW, EXT(1), REG, O2(ST0, STi)),
	X(fcom, 0xD8, R, EXT(2), REG, O2(ST0, STi)), X(fcomp, 0xD8, R, EXT(3), REG, O2(ST0, STi)),
	X(fsub, 0xD8, RW, EXT(4), REG, O2(ST0, STi)), X(fsubr, 0xD8, RW, EXT(5), REG, O2(ST0, STi)),
	X(fdiv, 0xD8, RW, EXT(6), REG, O2(ST0, STi)), X(fdivr, 0xD8, RW, EXT(7), REG, O2(ST0, STi)),
	/* D9 */
	X(fld, 0xD9, R, EXT(0), MEM, O1(Md)),
	X(fst, 0xD9, W, EXT(2), MEM, O1(Md)),
	X(fstp, 0xD9, W, EXT(3), MEM, O1(Md)),
	X(fldenv, 0xD9, R, EXT(4), MEM, O1(Menv)),
	X(fldcw, 0xD9, R, EXT(5), MEM, O1(Mw)),
	X(fnstenv, 0xD9, W, EXT(6), MEM, O1(Menv)),
	X(fnstcw, 0xD9, W, EXT(7), MEM, O1(Mw)),
	X(fld, 0xD9, R, EXT(0), REG, O1(STi)),
	X(fxch, 0xD9, XX, EXT(1), REG, O2(ST0, STi)),
	ONE(fnop, 0xD9, 2, 0),
	X(fstp, 0xD9, W, EXT(3), REG, O1(STi)), /* alias */
	ONE(fchs, 0xD9, 4, 0), ONE(fabs, 0xD9, 4, 1), ONE(ftst, 0xD9, 4, 4), ONE(fxam, 0xD9, 4, 5),
	ONE(fld1, 0xD9, 5, 0), ONE(fldl2t, 0xD9, 5, 1), ONE(fldl2e, 0xD9, 5, 2), ONE(fldpi, 0xD9, 5, 3),
	ONE(fldlg2, 0xD9, 5, 4), ONE(fldln2, 0xD9, 5, 5), ONE(fldz, 0xD9, 5, 6),
	ONE(f2xm1, 0xD9, 6, 0), ONE(fyl2x, 0xD9, 6, 1), ONE(fptan, 0xD9, 6, 2), ONE(fpatan, 0xD9, 6, 3),
	ONE(fxtract, 0xD9, 6, 4), ONE(fprem1, 0xD9, 6, 5), ONE(fdecstp, 0xD9, 6, 6), ONE(fincstp, 0xD9, 6, 7),
	ONE(fprem, 0xD9, 7, 0), ONE(fyl2xp1, 0xD9, 7, 1), ONE(fsqrt, 0xD9, 7, 2), ONE(fsincos, 0xD9, 7, 3),
	ONE(frndint, 0xD9, 7, 4), ONE(fscale, 0xD9, 7, 5), ONE(fsin, 0xD9, 7, 6), ONE(fcos, 0xD9, 7, 7),
	/* DA */
	ARITH(fi, 0xDA, Md),
	XF(fcmovb, 0xDA, RW, CMOV, EXT(0), REG, O2(ST0, STi), FR(CF)),
	XF(fcmove, 0xDA, RW, CMOV, EXT(1), REG, O2(ST0, STi), FR(ZF)),
	XF(fcmovbe, 0xDA, RW, CMOV, EXT(2), REG, O2(ST0, STi), FR(CF | ZF)),
	XF(fcmovu, 0xDA, RW, CMOV, EXT(3), REG, O2(ST0, STi), FR(PF)),
	ONE(fucompp, 0xDA, 5, 1),
	/* DB */
	X(fild, 0xDB, R, EXT(0), MEM, O1(Md)),
	XF(fisttp, 0xDB, W, SSE3, EXT(1), MEM, O1(Md)),
	X(fist, 0xDB, W, EXT(2), MEM, O1(Md)),
	X(fistp, 0xDB, W, EXT(3), MEM, O1(Md)),
	X(fld, 0xDB, R, EXT(5), MEM, O1(Mt)),
	X(fstp, 0xDB, W, EXT(7), MEM, O1(Mt)),
	XF(fcmovnb, 0xDB, RW, CMOV, EXT(0), REG, O2(ST0, STi), FR(CF)),
	XF(fcmovne, 0xDB, RW, CMOV, EXT(1), REG, O2(ST0, STi), FR(ZF)),
	XF(fcmovnbe, 0xDB, RW, CMOV, EXT(2), REG, O2(ST0, STi), FR(CF | ZF)),
	XF(fcmovnu, 0xDB, RW, CMOV, EXT(3), REG, O2(ST0, STi), FR(PF)),
	ONE(fneni, 0xDB, 4, 0), ONE(fndisi, 0xDB, 4, 1), /* 8087 only, no-ops since */
	ONE(fnclex, 0xDB, 4, 2), ONE(fninit, 0xDB, 4, 3),
	ONE(fnsetpm, 0xDB, 4, 4), /* 80287 only, a no-op since */
	XF(fucomi, 0xDB, R, CMOV, EXT(5), REG, O2(ST0, STi), FW(ST)),
	XF(fcomi, 0xDB, R, CMOV, EXT(6), REG, O2(ST0, STi), FW(ST)),
	/* DC */
	ARITH(f, 0xDC, Mq),
	X(fadd, 0xDC, RW, EXT(0), REG, O2(STi, ST0)), X(fmul, 0xDC, RW, EXT(1), REG, O2(STi, ST0)),
	X(fcom, 0xDC, R, EXT(2), REG, O2(ST0, STi)), X(fcomp, 0xDC, R, EXT(3), REG, O2(ST0, STi)), /* aliases */
	X(fsubr, 0xDC, RW, EXT(4), REG, O2(STi, ST0)), X(fsub, 0xDC, RW, EXT(5), REG, O2(STi, ST0)),
	X(fdivr, 0xDC, RW, EXT(6), REG, O2(STi, ST0)), X(fdiv, 0xDC, RW, EXT(7), REG, O2(STi, ST0)),
	/* DD */
	X(fld, 0xDD, R, EXT(0), MEM, O1(Mq)),
	XF(fisttp, 0xDD, W, SSE3, EXT(1), MEM, O1(Mq)),
	X(fst, 0xDD, W, EXT(2), MEM, O1(Mq)),
	X(fstp, 0xDD, W, EXT(3), MEM, O1(Mq)),
	X(frstor, 0xDD, R, EXT(4), MEM, O1(Mstate)),
	X(fnsave, 0xDD, W, EXT(6), MEM, O1(Mstate)),
	X(fnstsw, 0xDD, W, EXT(7), MEM, O1(Mw)),
	X(ffree, 0xDD, W, EXT(0), REG, O1(STi)),
	X(fxch, 0xDD, XX, EXT(1), REG, O2(ST0, STi)), /* alias */
	X(fst, 0xDD, W, EXT(2), REG, O1(STi)),
	X(fstp, 0xDD, W, EXT(3), REG, O1(STi)),
	X(fucom, 0xDD, R, EXT(4), REG, O2(ST0, STi)),
	X(fucomp, 0xDD, R, EXT(5), REG, O2(ST0, STi)),
	/* DE */
	ARITH(fi, 0xDE, Mw),
	X(faddp, 0xDE, RW, EXT(0), REG, O2(STi, ST0)), X(fmulp, 0xDE, RW, EXT(1), REG, O2(STi, ST0)),
	X(fcomp, 0xDE, R, EXT(2), REG, O2(ST0, STi)), /* alias */
	ONE(fcompp, 0xDE, 3, 1),
	X(fsubrp, 0xDE, RW, EXT(4), REG, O2(STi, ST0)), X(fsubp, 0xDE, RW, EXT(5), REG, O2(STi, ST0)),
	X(fdivrp, 0xDE, RW, EXT(6), REG, O2(STi, ST0)), X(fdivp, 0xDE, RW, EXT(7), REG, O2(STi, ST0)),
	/* DF */
	X(fild, 0xDF, R, EXT(0), MEM, O1(Mw)),
	XF(fisttp, 0xDF, W, SSE3, EXT(1), MEM, O1(Mw)),
	X(fist, 0xDF, W, EXT(2), MEM, O1(Mw)),
	X(fistp, 0xDF, W, EXT(3), MEM, O1(Mw)),
	X(fbld, 0xDF, R, EXT(4), MEM, O1(Mt)),
	X(fild, 0xDF, R, EXT(5), MEM, O1(Mq)),
	X(fbstp, 0xDF, W, EXT(6), MEM, O1(Mt)),
	X(fistp, 0xDF, W, EXT(7), MEM, O1(Mq)),
	X(ffreep, 0xDF, W, EXT(0), REG, O1(STi)),
	X(fxch, 0xDF, XX, EXT(1), REG, O2(ST0, STi)), /* aliases */
	X(fstp, 0xDF, W, EXT(2), REG, O1(STi)),
	X(fstp, 0xDF, W, EXT(3), REG, O1(STi)),
	X(fnstsw, 0xDF, W, EXT(4), RM(0), REG, O1(AX)),
	XF(fucomip, 0xDF, R, CMOV, EXT(5), REG, O2(ST0, STi), FW(ST)),
	XF(fcomip, 0xDF, R, CMOV, EXT(6), REG, O2(ST0, STi), FW(ST)),
};
ROWS_COUNT(x86_rows_x87);
