/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The index over the opcode tables. share/x86-index.c makes it from the rows while the tree is built: a processor that
 * starts finds constants, without pointers, that need no work and no relocation.
 *
 * Two parts. For the decoder: x86_index_first[space][opcode] (a space is an opcode map, legacy or VEX) leads to a chain of nodes or, where
 * modrm takes part in the choice, to a group of 72 chains: modrm.reg for memory forms, the whole low six bits
 * for register forms. A node holds its row's conditions as one mask of facts that must not be true (mode, W, L, operand
 * size, mandatory prefix), so that a step down a chain is one AND. Most chains have one node.
 *
 * For the copier (quick.c): what it takes to copy an instruction that needs no thought: its length, and little else.
 */
#ifndef ISA_X86_INDEX_H
#define ISA_X86_INDEX_H
#include <stdint.h>

/* Facts beyond enum x86_exclude: the mandatory prefix seen. */
enum { FACT_NP = 0x10000, FACT_66 = 0x20000, FACT_F3 = 0x40000, FACT_F2 = 0x80000 };

/* node.form */
enum { FORM_MODRM = 1, FORM_NOVVVV = 2, FORM_REG7 = 4, FORM_RM7 = 8, FORM_SEG = 16, FORM_CR = 32, FORM_OPREG = 64 };
/* node.imm */
enum { IMM_NONE, IMM_UB, IMM_SB, IMM_UW, IMM_Z, IMM_V, IMM_JB, IMM_JZ, IMM_FAR, IMM_MOFFS, IMM_ENTER };

struct x86_node {
	uint32_t exclude;
	uint16_t row;  /* table << 10 | row in it (x86_row_table()) */
	uint16_t next;
	uint8_t imm, form;
};
#define X86_NODE_ROW_BITS 10

#define X86_SPACES 8 /* 0..4: legacy maps and 3DNow!; 5..7: VEX maps 1..3 */
#define X86_CELLS 72
#define X86_GROUP 0x8000u

/*
 * Quick forms: [prefix: none, 66, F3, F2][map: one byte, 0F][opcode], for instructions with at most that prefix and a REX, of
 * features that every model in use has (X86_QUICK_FEATURES). `cells` tells for which modrm the form is right:
 * bit modrm.reg for memory, 8 + modrm.reg for registers.
 */
struct x86_quick {
	uint16_t form, cells;
};

enum {
	QUICK_IMM = 7,          /* bytes of the immediate, or QUICK_IMM_V: four, eight with REX.W */
	QUICK_IMM_V = 7,
	QUICK_MODRM = 8,
	QUICK_RIP = 0x10,       /* a rip-relative operand is an access */
	QUICK_REG = 0x20,       /* modrm.reg names a general register that is not of 8 bits */
	QUICK_RM = 0x40,        /* modrm.rm, or the opcode's low bits without modrm, may name one */
	QUICK_BYTE = 0x80,      /* some operand is or may be a general register of 8 bits */
	QUICK_KIND_SHIFT = 8,   /* enum quick_kind */
};
enum quick_kind {
	QUICK_NO,     /* this needs the decoder */
	QUICK_COPY,   /* copied */
	QUICK_LEA,
	QUICK_JCC8, QUICK_JCC32, QUICK_JMP8, QUICK_JMP32, QUICK_CALL, QUICK_RET,
	QUICK_INCDEC, /* 32-bit code: one byte */
	QUICK_PUSH, QUICK_POP,
};
#define X86_QUICK_FEATURES(F) F(FPU) F(CX8) F(CMOV) F(MMX) F(SSE) F(SSE2)
#endif
