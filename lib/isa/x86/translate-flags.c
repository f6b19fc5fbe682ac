/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The x86 status flags as tuples (SDM volume 1, 3.4.3.1; volume 1, appendix A for what each instruction does). What the
 * manual leaves undefined has the value that current Intel processors give, where that is a simple rule.
 */
#include "isa/x86/translate.h"

static uint64_t parity(uint64_t r)
{
	return __builtin_parity((unsigned)r & 255) ? 0 : X86_PF;
}

static uint64_t compute(uint32_t x, uint64_t a, uint64_t b, uint64_t r)
{
	unsigned bits = 8u << (x >> 8);
	uint64_t msb = 1ull << (bits - 1), cf, of = 0;
	/* sign, zero and parity of the result, for most */
	uint64_t szp = (r & msb ? X86_SF : 0) | (r ? 0 : X86_ZF) | parity(r);
	switch ((enum x86_flags_op)(x & 255)) {
	case X86_FL_BITS:
		return a;
	case X86_FL_ADD:
	case X86_FL_ADC:
		cf = ((a & b) | ((a | b) & ~r)) & msb;
		of = (a ^ r) & (b ^ r) & msb;
		return szp | (cf ? X86_CF : 0) | (of ? X86_OF : 0) | ((a ^ b ^ r) & X86_AF);
	case X86_FL_SUB:
	case X86_FL_SBB:
		cf = ((~a & b) | ((~a | b) & r)) & msb;
		of = (a ^ b) & (a ^ r) & msb;
		return szp | (cf ? X86_CF : 0) | (of ? X86_OF : 0) | ((a ^ b ^ r) & X86_AF);
	case X86_FL_LOGIC:
		return szp;
	case X86_FL_SHL:
		cf = b <= bits ? a >> (bits - b) & 1 : 0;
		of = ((r & msb) != 0) ^ cf;
		return szp | (cf ? X86_CF : 0) | (of ? X86_OF : 0);
	case X86_FL_SHR:
		cf = b <= bits ? a >> (b - 1) & 1 : 0;
		of = b == 1 ? (a & msb) != 0 : 0;
		return szp | (cf ? X86_CF : 0) | (of ? X86_OF : 0);
	case X86_FL_SAR:
		cf = b <= bits ? a >> (b - 1) & 1 : (a & msb) != 0;
		return szp | (cf ? X86_CF : 0);
	case X86_FL_ROL:
		cf = r & 1;
		of = ((r & msb) != 0) ^ cf;
		return (cf ? X86_CF : 0) | (of ? X86_OF : 0);
	case X86_FL_ROR:
		cf = (r & msb) != 0;
		of = ((r & msb) != 0) ^ ((r & msb >> 1) != 0);
		return (cf ? X86_CF : 0) | (of ? X86_OF : 0);
	case X86_FL_MUL:
		return (szp & ~(uint64_t)X86_ZF) | (b ? X86_CF | X86_OF : 0);
	case X86_FL_IMUL:
		return (szp & ~(uint64_t)X86_ZF) | (b != (r & msb ? msb | (msb - 1) : 0) ? X86_CF | X86_OF : 0);
	case X86_FL_BSF:
		return a ? 0 : X86_ZF;
	case X86_FL_POPCNT:
		return a ? 0 : X86_ZF;
	case X86_FL_ZCNT:
		return (a ? 0 : X86_CF) | (r ? 0 : X86_ZF);
	case X86_FL_BLSI:
		return (szp & ~(uint64_t)X86_PF) | (a ? X86_CF : 0);
	case X86_FL_BLSR:
		return (szp & ~(uint64_t)X86_PF) | (a ? 0 : X86_CF);
	case X86_FL_BZHI:
		return (szp & ~(uint64_t)X86_PF) | ((b & 255) >= bits ? X86_CF : 0);
	}
	return 0;
}

static uint64_t needs(unsigned condition)
{
	static const uint16_t bits[8] = {X86_OF, X86_CF, X86_ZF, X86_CF | X86_ZF, X86_SF, X86_PF, X86_SF | X86_OF,
					 X86_ZF | X86_SF | X86_OF};
	return bits[condition >> 1 & 7];
}

static bool test(unsigned condition, uint64_t bits)
{
	bool less = !(bits & X86_SF) != !(bits & X86_OF), holds;
	switch (condition >> 1 & 7) {
	case 6:
		holds = less;
		break;
	case 7:
		holds = less || bits & X86_ZF;
		break;
	default:
		holds = (bits & needs(condition)) != 0;
	}
	return holds != (condition & 1);
}

static bool fuse(uint32_t x, unsigned condition, struct ir_fuse *f)
{
	static const uint8_t after_sub[16] = {
		[2] = IR_LTU, [3] = IR_GEU, [4] = IR_EQ, [5] = IR_NE, [6] = IR_LEU, [7] = IR_GTU,
		[12] = IR_LTS, [13] = IR_GES, [14] = IR_LES, [15] = IR_GTS,
	};
	switch (x & 255) {
	case X86_FL_SUB:
		if (condition < 2 || (condition >= 8 && condition < 12))
			break;
		*f = (struct ir_fuse){after_sub[condition], IR_FLAG_A, IR_FLAG_B};
		return true;
	case X86_FL_LOGIC:
		switch (condition) {
		case 4: case 5:
			*f = (struct ir_fuse){condition == 4 ? IR_EQ : IR_NE, IR_FLAG_R, IR_FLAG_ZERO};
			return true;
		case 8: case 12:
			*f = (struct ir_fuse){IR_LTS, IR_FLAG_R, IR_FLAG_ZERO};
			return true;
		case 9: case 13:
			*f = (struct ir_fuse){IR_GES, IR_FLAG_R, IR_FLAG_ZERO};
			return true;
		case 14: case 15:
			*f = (struct ir_fuse){condition == 14 ? IR_LES : IR_GTS, IR_FLAG_R, IR_FLAG_ZERO};
			return true;
		}
		break;
	}
	/* zero and sign come from the result alone */
	switch (x & 255) {
	case X86_FL_ADD: case X86_FL_ADC: case X86_FL_SUB: case X86_FL_SBB: case X86_FL_SHL: case X86_FL_SHR: case X86_FL_SAR:
		if (condition == 4 || condition == 5) {
			*f = (struct ir_fuse){condition == 4 ? IR_EQ : IR_NE, IR_FLAG_R, IR_FLAG_ZERO};
			return true;
		}
		if (condition == 8 || condition == 9) {
			*f = (struct ir_fuse){condition == 8 ? IR_LTS : IR_GES, IR_FLAG_R, IR_FLAG_ZERO};
			return true;
		}
	}
	return false;
}

static enum ir_host_flags host(uint32_t x)
{
	static const uint8_t kind[] = {
		[X86_FL_BITS] = IR_HOST_FLAGS_BITS, [X86_FL_ADD] = IR_HOST_FLAGS_ADD, [X86_FL_SUB] = IR_HOST_FLAGS_SUB,
		[X86_FL_ADC] = IR_HOST_FLAGS_ADC, [X86_FL_SBB] = IR_HOST_FLAGS_SBB, [X86_FL_LOGIC] = IR_HOST_FLAGS_LOGIC,
		[X86_FL_SHL] = IR_HOST_FLAGS_SHL, [X86_FL_SHR] = IR_HOST_FLAGS_SHR, [X86_FL_SAR] = IR_HOST_FLAGS_SAR,
		[X86_FL_ROL] = IR_HOST_FLAGS_ROL, [X86_FL_ROR] = IR_HOST_FLAGS_ROR, [X86_FL_BZHI] = IR_HOST_FLAGS_NONE,
	};
	return (enum ir_host_flags)kind[x & 255];
}

const struct ir_flags x86_ir_flags = {
	.slot = X86_SLOT_RFLAGS,
	.mask = X86_STATUS,
	.compute = compute,
	.test = test,
	.needs = needs,
	.fuse = fuse,
	.host = host,
	.n = IR_NO_BIT, .z = IR_NO_BIT, .c = IR_NO_BIT, .v = IR_NO_BIT,
	.x86 = true,
};
