/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Instructions that are whole C functions: x87, MMX, SSE, AVX, cryptography, and what is too long for IR.
 *
 * Contract. A helper is called with cpu->rip at the instruction and with all state in struct x86_cpu (x87 in cpu->fx,
 * vectors in cpu->ymm, status and control in cpu->mxcsr; the host's own MXCSR and x87 control word hold the C defaults).
 * It does the whole instruction except the advance of rip. `ea` is the linear address of the explicit memory operand
 * (segment base added, wrapped to 32 bits outside 64-bit mode; 0 when there is none); for a VSIB operand it is the
 * linear address without the index. SSE rows and their VEX forms share one helper: in->prefixes & X86_PFX_VEX
 * tells them apart (VEX: upper half of the destination is cleared, in->vex_l is the length, operand 1 is vvvv).
 *
 * Faults are precise: all reads, all checks and then all stores come before the first change of cpu. The accessors and
 * x86_raise() do not return on a fault; nothing may be held across them (no locks, no heap).
 */
#ifndef ISA_X86_HELPERS_H
#define ISA_X86_HELPERS_H
#include <string.h>
#include "isa/x86/cpu.h"
#include "isa/x86/decode.h"
#include "isa/x86/ops.h"

typedef void x86_helper_fn(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea);

/* One declaration a line of helpers.def: X86_HELPER(op) -> void x86_helper_op(...). */
#define X86_HELPER(name) void x86_helper_##name(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea);
#include "isa/x86/helpers.def"
#undef X86_HELPER

/* The helper of an operation, NULL: it is IR or has none. */
extern x86_helper_fn *const x86_helpers[X86_OP_COUNT];

/* Ends the instruction with a fault: vector (0 #DE, 6 #UD, 7 #NM, 13 #GP, 16 #MF, 17 #AC, 19 #XM), error code. */
_Noreturn void x86_raise(struct x86_cpu *cpu, int vector, uint64_t error_code);

/* Guest memory at a linear address, any size and alignment. Fault: does not return. `to`/`from` are host memory. */
void x86_mem_read(struct x86_cpu *cpu, uint64_t addr, void *to, unsigned size);
void x86_mem_write(struct x86_cpu *cpu, uint64_t addr, const void *from, unsigned size);
/* Faults if [addr, addr+size) is not writable; changes nothing. For stores in several parts. */
void x86_mem_probe_write(struct x86_cpu *cpu, uint64_t addr, unsigned size);

/*
 * Where guest memory is for the host, for atomic accesses between access_mark() and access_done() (jit/access.h). NULL, on machines
 * only: all other processors stand still, x86_mem_read() and x86_mem_write() do.
 */
void *x86_mem_host(struct x86_cpu *cpu, uint64_t addr, unsigned size);

#define X86_MEM_ACCESSOR(bits)                                                                   \
	static inline uint##bits##_t x86_ld##bits(struct x86_cpu *cpu, uint64_t addr)            \
	{                                                                                        \
		uint##bits##_t v;                                                                \
		x86_mem_read(cpu, addr, &v, sizeof v);                                           \
		return v;                                                                        \
	}                                                                                        \
	static inline void x86_st##bits(struct x86_cpu *cpu, uint64_t addr, uint##bits##_t v)    \
	{                                                                                        \
		x86_mem_write(cpu, addr, &v, sizeof v);                                          \
	}
X86_MEM_ACCESSOR(8)
X86_MEM_ACCESSOR(16)
X86_MEM_ACCESSOR(32)
X86_MEM_ACCESSOR(64)

/*
 * Reads operand n, register or memory, whatever its file, zero-extended into *v (32 bytes, the rest cleared). A vector
 * register gives its full length; a memory operand the size of the operand. Immediates too.
 */
void x86_operand_read(struct x86_cpu *cpu, const struct x86_insn *in, unsigned n, uint64_t ea, union x86_vec *v);

/*
 * Writes a vector destination register: the low `size` bytes of *v; legacy SSE keeps the rest of the register, VEX
 * clears it. For memory destinations of RM operands: stores `size` bytes at ea.
 */
void x86_operand_write_vec(struct x86_cpu *cpu, const struct x86_insn *in, unsigned n, uint64_t ea,
			   const union x86_vec *v, unsigned size);

/* General register access by width; a 32-bit write clears the upper half. n, high as x86_operand_reg() gives them. */
static inline void x86_gpr_write32(struct x86_cpu *cpu, unsigned n, uint32_t v) { cpu->gpr[n] = v; }
static inline void x86_gpr_write64(struct x86_cpu *cpu, unsigned n, uint64_t v) { cpu->gpr[n] = v; }

/* Legacy SSE memory operands of 16 bytes must be aligned (#GP) except for the rows of unaligned moves. */
void x86_check_aligned(struct x86_cpu *cpu, uint64_t ea, unsigned size);

#endif
