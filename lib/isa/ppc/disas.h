/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The disassembler: what the rows say, in the words of `objdump -M raw`. */
#ifndef ISA_PPC_DISAS_H
#define ISA_PPC_DISAS_H
#include <stddef.h>
#include <stdint.h>
void ppc_disassemble(uint32_t insn, uint64_t pc, char *buf, size_t size);
#endif
