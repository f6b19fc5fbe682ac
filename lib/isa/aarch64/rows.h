/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A64 instructions as data. rows-*.def have one row for each instruction of the manual (DDI 0487 C4.1), in its order:
 *
 *   ROW("bits, most significant first", "mnemonic", "operands", translator, argument, feature)
 *
 * In the bits 0 and 1 are fixed, any letter is a field (its name is for the reader), blanks are nothing. The decoder's index, the
 * checks (two rows that overlap, a row that is never reached) and the disassembler come from the same rows; rows that mean
 * a reserved encoding do not exist: what no row matches is undefined. A translator refuses a reserved field by returning false.
 *
 * share/a64-index.c makes the index at build time. A row that is a special case of another stands in front of it in the same
 * file; nothing else may overlap.
 */
#ifndef ISA_AARCH64_ROWS_H
#define ISA_AARCH64_ROWS_H
#include <stdint.h>

struct a64_pattern {
	uint32_t value, mask;
};

/* The index: candidates of bits 31..21. */
#define A64_INDEX_BITS 11

/* The row of an instruction; -1: none. */
int a64_decode(uint32_t insn);
unsigned a64_row_count(void);
void a64_row_pattern(unsigned row, struct a64_pattern *p);
/* Mnemonic and operands as in the row; feature: enum a64_feature. */
void a64_row_text(unsigned row, const char **name, const char **operands);
unsigned a64_row_feature(unsigned row);
#endif
