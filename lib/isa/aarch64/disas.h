/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The disassembler: what the rows say, in the words of `objdump -M no-aliases`. */
#ifndef ISA_AARCH64_DISAS_H
#define ISA_AARCH64_DISAS_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
void a64_disassemble(uint32_t insn, uint64_t pc, char *buf, size_t size);
/* disas-vec.c: a vector or floating-point operand; false: it is none of these. */
bool a64_vector_text(const char *operand, uint32_t insn, char *to, size_t size);
#endif
