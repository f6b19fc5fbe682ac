/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * General x86-64 instruction encoding for the back end: one function for legacy encodings, one for VEX, on an operand that is
 * a register or memory. Intel SDM volume 2, chapter 2.
 */
#ifndef JIT_HOST_X86_64_ASM_H
#define JIT_HOST_X86_64_ASM_H
#include "jit/host/x86-64-emit.h"

enum { RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8, R9, R10, R11, R12, R13, R14, R15, XMM0 };
enum { CC_O, CC_NO, CC_B, CC_AE, CC_E, CC_NE, CC_BE, CC_A, CC_S, CC_NS, CC_P, CC_NP, CC_L, CC_GE, CC_LE, CC_G };

struct rm {
	int8_t reg;   /* >= 0: a register, low four bits; else memory */
	int8_t base;  /* -1: none, RM_RIP */
	int8_t index; /* -1: none */
	uint8_t scale; /* log2 */
	int32_t disp;
};

static inline struct rm rm_reg(unsigned r)
{
	return (struct rm){.reg = (int8_t)(r & 15), .base = -1, .index = -1};
}

static inline struct rm rm_mem(unsigned base, int32_t disp)
{
	return (struct rm){.reg = -1, .base = (int8_t)base, .index = -1, .disp = disp};
}

/* disp: from the end of the instruction, which the caller corrects behind it (t1_rip_fix). */
#define RM_RIP (-2)
static inline struct rm rm_rip(void)
{
	return (struct rm){.reg = -1, .base = RM_RIP, .index = -1};
}

static inline struct rm rm_sib(unsigned base, unsigned index, unsigned scale, int32_t disp)
{
	return (struct rm){.reg = -1, .base = (int8_t)base, .index = (int8_t)index, .scale = (uint8_t)scale, .disp = disp};
}

/* Opcode words: low byte, map, mandatory prefix, and byte registers (spl, bpl, sil, dil need a REX). */
enum {
	O_0F = 0x100, O_0F38 = 0x200, O_0F3A = 0x300, O_MAP = 0x300,
	O_66 = 0x1000, O_F3 = 0x2000, O_F2 = 0x3000, O_PP = 0x3000,
	O_BYTE = 0x4000, /* reg and rm are byte registers */
	O_BYTERM = 0x8000, /* rm is one */
	O_W = 0x10000,   /* REX.W */
};

static inline uint8_t *asm_modrm(uint8_t *p, unsigned reg, struct rm m)
{
	reg = (reg & 7) << 3;
	if (m.reg >= 0)
		return e_u8(p, 0xc0 | reg | (m.reg & 7));
	if (m.base == RM_RIP) {
		p = e_u8(p, 5 | reg);
		return e_u32(p, (uint32_t)m.disp);
	}
	bool sib = m.index >= 0 || (m.base & 7) == RSP || m.base < 0;
	unsigned mod = 2;
	if (m.base < 0)
		mod = 0;
	else if (!m.disp && (m.base & 7) != RBP)
		mod = 0;
	else if (m.disp == (int8_t)m.disp)
		mod = 1;
	p = e_u8(p, mod << 6 | reg | (sib ? 4 : (m.base & 7)));
	if (sib)
		p = e_u8(p, m.scale << 6 | (m.index >= 0 ? m.index & 7 : 4) << 3 | (m.base < 0 ? 5 : m.base & 7));
	if (m.base < 0 || mod == 2)
		return e_u32(p, (uint32_t)m.disp);
	return mod == 1 ? e_u8(p, (uint8_t)m.disp) : p;
}

static inline uint8_t *asm_ins(uint8_t *p, unsigned op, unsigned reg, struct rm m)
{
	unsigned rex = (op & O_W ? 8 : 0) | (reg & 8 ? 4 : 0) | (m.index >= 0 && m.index & 8 ? 2 : 0);
	if (m.reg >= 0 ? m.reg & 8 : m.base >= 0 && m.base & 8)
		rex |= 1;
	if (op & O_BYTE && (reg & 15) >= 4)
		rex |= 0x40;
	if (op & (O_BYTE | O_BYTERM) && m.reg >= 4)
		rex |= 0x40;
	switch (op & O_PP) {
	case O_66: p = e_u8(p, 0x66); break;
	case O_F3: p = e_u8(p, 0xf3); break;
	case O_F2: p = e_u8(p, 0xf2); break;
	}
	if (rex)
		p = e_u8(p, 0x40 | rex);
	switch (op & O_MAP) {
	case O_0F: p = e_u8(p, 0x0f); break;
	case O_0F38: p = e_u16(p, 0x380f); break;
	case O_0F3A: p = e_u16(p, 0x3a0f); break;
	}
	p = e_u8(p, op & 0xff);
	return asm_modrm(p, reg, m);
}

/* VEX: l 256 bits, v the second source. */
static inline uint8_t *asm_vex(uint8_t *p, unsigned op, bool l, unsigned reg, unsigned v, struct rm m)
{
	bool b = m.reg >= 0 ? m.reg & 8 : m.base >= 0 && m.base & 8, x = m.index >= 0 && m.index & 8;
	unsigned map = op & O_MAP ? (op & O_MAP) >> 8 : 1;
	p = e_u8(p, 0xc4);
	p = e_u8(p, (reg & 8 ? 0 : 0x80) | (x ? 0 : 0x40) | (b ? 0 : 0x20) | map);
	static const uint8_t pp[] = {0, 1, 2, 3};
	p = e_u8(p, (op & O_W ? 0x80 : 0) | (~v & 15) << 3 | (l ? 4 : 0) | pp[(op & O_PP) >> 12]);
	p = e_u8(p, op & 0xff);
	return asm_modrm(p, reg, m);
}
#endif
