/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PowerPC instructions as data. rows-*.def have one row for each instruction of the Power ISA, by facility in its order:
 *
 *   ROW(FORM(primary opcode, extended opcode), "mnemonic", "operands", translator, argument, feature)
 *
 * A form is a value and a mask (below; named after the manual's, book I 1.6). In the mnemonic '.' stands for a dot where bit 31 (Rc) is
 * set, '^' for an o where bit 21 (OE) is, '`' for an o where bit 31 is. The decoder's index, the checks (two rows that overlap, a row that is never
 * reached) and the disassembler come from the same rows; what no row matches is illegal. A translator refuses a reserved field by
 * returning false.
 *
 * share/ppc-index.c makes the index at build time. A row that is a special case of another stands in front of it; nothing else
 * may overlap.
 */
#ifndef ISA_PPC_ROWS_H
#define ISA_PPC_ROWS_H
#include <stdint.h>

struct ppc_pattern {
	uint32_t value, mask;
};

#define OP_(op) ((uint32_t)(op) << 26)
#define D_(op) OP_(op), 0xfc000000
#define DS_(op, xo) OP_(op) | (xo), 0xfc000003
#define DQ_(op, xo) OP_(op) | (xo), 0xfc000007
#define DQ4_(op, xo) OP_(op) | (xo), 0xfc00000f
#define I_(op, v) OP_(op) | (v), 0xfc000000 | (v)
#define FIX_(v) v, 0xffffffff
/* extended opcode in bits 21..30; X_: bit 31 is 0, XR_: it is Rc, X1_: it is 1 */
#define X_(op, xo) OP_(op) | (xo) << 1, 0xfc0007ff
#define XR_(op, xo) OP_(op) | (xo) << 1, 0xfc0007fe
#define X1_(op, xo) OP_(op) | (xo) << 1 | 1, 0xfc0007ff
/* X_ with bits 11..15 (the field RA) fixed */
#define XA_(op, xo, a) OP_(op) | (uint32_t)(a) << 16 | (xo) << 1, 0xfc1f07ff
#define XAR_(op, xo, a) OP_(op) | (uint32_t)(a) << 16 | (xo) << 1, 0xfc1f07fe
/* X_ with bits 16..20 (RB) zero */
#define XB0_(op, xo) OP_(op) | (xo) << 1, 0xfc00ffff
#define XBR0_(op, xo) OP_(op) | (xo) << 1, 0xfc00fffe
#define XAB0_(op, xo) OP_(op) | (xo) << 1, 0xfc1fffff
#define XABR0_(op, xo) OP_(op) | (xo) << 1, 0xfc1ffffe
#define XT0_(op, xo) OP_(op) | (xo) << 1, 0xffe007ff
/* XO-form: bit 21 is OE; XO0_: bit 21 is reserved or part of the opcode */
#define XO_(op, xo) OP_(op) | (xo) << 1, 0xfc0003fe
#define XO0_(op, xo) OP_(op) | (xo) << 1, 0xfc0007fe
#define XOB0_(op, xo) OP_(op) | (xo) << 1, 0xfc00fbfe
#define XS_(op, xo) OP_(op) | (xo) << 2, 0xfc0007fc
#define A_(op, xo) OP_(op) | (xo) << 1, 0xfc00003e
#define A1_(op, xo) OP_(op) | (xo) << 1, 0xfc00003f
/* no frC, no frB, no frA */
#define AC0_(op, xo) OP_(op) | (xo) << 1, 0xfc0007fe
#define AB0_(op, xo) OP_(op) | (xo) << 1, 0xfc00f83e
#define ABC_(op, xo) OP_(op) | (xo) << 1, 0xfc1f07fe
#define MD_(op, xo) OP_(op) | (xo) << 2, 0xfc00001c
#define MDS_(op, xo) OP_(op) | (xo) << 1, 0xfc00001e
#define Z22_(op, xo) OP_(op) | (xo) << 1, 0xfc0003fe
#define Z22C_(op, xo) OP_(op) | (xo) << 1, 0xfc6003ff
#define Z23_(op, xo) OP_(op) | (xo) << 1, 0xfc0001fe
/* vectors */
#define VX_(xo) OP_(4) | (xo), 0xfc0007ff
#define VXA0_(xo) OP_(4) | (xo), 0xfc1f07ff
#define VXB_(xo) OP_(4) | (xo), 0xfc00ffff
#define VXA_(xo, a) OP_(4) | (uint32_t)(a) << 16 | (xo), 0xfc1f07ff
#define VC_(xo) OP_(4) | (xo), 0xfc0003ff
#define VA_(xo) OP_(4) | (xo), 0xfc00003f
#define VXPS_(xo) OP_(4) | (xo), 0xfc0005ff
/* VSX: the extended opcode as the manual's table of opcode 60 counts it, without the registers' sixth bits */
#define XX1_(op, xo) OP_(op) | (xo) << 1, 0xfc0007fe
#define XX1B0_(op, xo) OP_(op) | (xo) << 1, 0xfc00fffe
#define XX2_(xo) OP_(60) | (xo) << 2, 0xfc1f07fc
#define XX2A_(xo, a) OP_(60) | (uint32_t)(a) << 16 | (xo) << 2, 0xfc1f07fc
#define XX2U_(xo) OP_(60) | (xo) << 2, 0xfc1c07fc
#define XX2U4_(xo) OP_(60) | (xo) << 2, 0xfc1007fc
#define XX2BF_(xo) OP_(60) | (xo) << 2, 0xfc7f07fd
#define XX2DC_(xo) OP_(60) | (xo) << 2, 0xfc0007fc
#define XX3_(xo) OP_(60) | (xo) << 3, 0xfc0007f8
#define XX3BF_(xo) OP_(60) | (xo) << 3, 0xfc6007f9
#define XX3C_(xo) OP_(60) | (xo) << 3, 0xfc0003f8
#define XX3DM_(xo) OP_(60) | (xo) << 3, 0xfc0004f8
#define XX3S_(xo) OP_(60) | (xo) << 3, 0xfc0004f8
#define XX4_(xo) OP_(60) | (xo) << 4, 0xfc000030

/* The index: candidates of the primary opcode and bits 26..30. */
#define PPC_INDEX_SIZE 2048
#define PPC_INDEX(i) (((i) >> 26 << 5) | ((i) >> 1 & 31))
#define PPC_INDEX_BITS 0xfc00003eu

/* The row of an instruction; -1: none. */
int ppc_decode(uint32_t insn);
unsigned ppc_row_count(void);
void ppc_row_pattern(unsigned row, struct ppc_pattern *p);
/* Mnemonic and operands as in the row; feature: enum ppc_feature. */
void ppc_row_text(unsigned row, const char **name, const char **operands);
unsigned ppc_row_feature(unsigned row);
#endif
