/* SPDX-License-Identifier: GPL-2.0-or-later */
/* T0's cache of decoded blocks (blocks.c), and what it shares with the interpretation of one instruction (interp.c). */
#ifndef ISA_X86_BLOCKS_H
#define ISA_X86_BLOCKS_H
#include "isa/x86/cpu.h"
#include "jit/access.h"

/* Bytes that may be executed from a linear address to the end of its page. */
size_t x86_fetch_extent(const struct x86_cpu *cpu, uint64_t linear);
/* Linear address of an offset in the code segment. */
uint64_t x86_code_address(const struct x86_cpu *cpu, uint64_t offset);
/* Stack address size: 2, 4, 8. */
unsigned x86_stack_size(const struct x86_cpu *cpu);
/* The trap for a fault that ended the scope; registers and rip are as before the instruction. */
enum trap_kind x86_interp_caught(struct x86_cpu *cpu, const struct access_scope *s);

/* Gives the processor's blocks back. */
void x86_blocks_free(struct x86_cpu *cpu);
#endif
