/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Bit manipulation and the small general-purpose extensions: POPCNT, LZCNT, BMI1, BMI2, ADX, MOVBE, CRC32, RDRAND. */
#define X86_ROW_WORDS
#include "isa/x86/rows.h"

#define VEXG(n, opc, use, ...) \
	{.name = #n, .op = X86_OP_##n, .map = ROW_MAP(opc) | X86_MAP_VEX, .opcode = (opc) & 0xff, .flags = (use), \
	 EX(X86_EX_L1), __VA_ARGS__}

const struct x86_row x86_rows_bmi[] = {
	I(popcnt, 0x0FB8, W, PF3, O2(Gv, Ev), FT(POPCNT), FW(ST)),
	I(tzcnt, 0x0FBC, W, PF3, O2(Gv, Ev), FT(BMI1), FW(ST)),
	I(lzcnt, 0x0FBD, W, PF3, O2(Gv, Ev), FT(ABM), FW(ST)),
	I(rdrand, 0x0FC7, W, EXT(6), REG, NP66, O1(Rv), FT(RDRAND), FW(ST)),
	I(rdseed, 0x0FC7, W, EXT(7), REG, NP66, O1(Rv), FT(RDSEED), FW(ST)),
	I(movbe, 0x0F38F0, W, MEM, NP66, O2(Gv, Mv), FT(MOVBE)),
	I(movbe, 0x0F38F1, W, MEM, NP66, O2(Mv, Gv), FT(MOVBE)),
	I(crc32, 0x0F38F0, RW, PF2, O2(Gy, Eb), FT(SSE4_2)),
	I(crc32, 0x0F38F1, RW, PF2, O2(Gy, Ev), FT(SSE4_2)),
	I(adcx, 0x0F38F6, RW, P66, O2(Gy, Ey), FT(ADX), FR(CF), FW(CF)),
	I(adox, 0x0F38F6, RW, PF3, O2(Gy, Ey), FT(ADX), FR(OF), FW(OF)),
	VEXG(andn, 0x0F38F2, W, NP, O3(Gy, By, Ey), FT(BMI1), FW(ST)),
	VEXG(blsr, 0x0F38F3, W, NP, EXT(1), O2(By, Ey), FT(BMI1), FW(ST)),
	VEXG(blsmsk, 0x0F38F3, W, NP, EXT(2), O2(By, Ey), FT(BMI1), FW(ST)),
	VEXG(blsi, 0x0F38F3, W, NP, EXT(3), O2(By, Ey), FT(BMI1), FW(ST)),
	VEXG(bextr, 0x0F38F7, W, NP, O3(Gy, Ey, By), FT(BMI1), FW(ST)),
	VEXG(bzhi, 0x0F38F5, W, NP, O3(Gy, Ey, By), FT(BMI2), FW(ST)),
	VEXG(pdep, 0x0F38F5, W, PF2, O3(Gy, By, Ey), FT(BMI2)),
	VEXG(pext, 0x0F38F5, W, PF3, O3(Gy, By, Ey), FT(BMI2)),
	VEXG(mulx, 0x0F38F6, W | X86_ROW_W1, PF2, O3(Gy, By, Ey), FT(BMI2), RR(rD)),
	VEXG(shlx, 0x0F38F7, W, P66, O3(Gy, Ey, By), FT(BMI2)),
	VEXG(sarx, 0x0F38F7, W, PF3, O3(Gy, Ey, By), FT(BMI2)),
	VEXG(shrx, 0x0F38F7, W, PF2, O3(Gy, Ey, By), FT(BMI2)),
	VEXG(rorx, 0x0F3AF0, W, PF2, O3(Gy, Ey, Ib), FT(BMI2)),
};
ROWS_COUNT(x86_rows_bmi);
