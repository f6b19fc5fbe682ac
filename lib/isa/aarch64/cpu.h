/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The AArch64 guest: state of one processor at EL0 (Arm ARM, DDI 0487), its features, and what the program that runs it
 * (emu-user) asks for beyond struct isa.
 */
#ifndef ISA_AARCH64_CPU_H
#define ISA_AARCH64_CPU_H
#include "fpu/fpu.h"
#include "jit/ir.h"
#include "jit/isa.h"

enum a64_feature {
	A64_F_BASE, /* always there */
#define A64_FEAT(id, ...) A64_F_##id,
#include "isa/aarch64/features.def"
	A64_FEATURES
};
_Static_assert(A64_FEATURES <= 64, "features are a word");
#define A64_HAS(c, id) ((c)->features >> A64_F_##id & 1)

/* trap.vector of TRAP_EXCEPTION */
enum a64_vector {
	A64_V_UNDEFINED, /* error_code: the instruction */
	A64_V_BREAK,     /* BRK; error_code: its immediate */
	A64_V_DATA, A64_V_FETCH, A64_V_ALIGN, A64_V_PC_ALIGN, A64_V_BTI,
};

/* Where the condition flags are in `nzcv`: as the host's LAHF and SETO give them. */
enum { A64_N = 1 << 15, A64_Z = 1 << 14, A64_C = 1 << 8, A64_V = 1 << 0, A64_NZCV = A64_N | A64_Z | A64_C | A64_V };

/* FPCR, FPSR */
enum {
	A64_FPCR_FZ16 = 1 << 19, A64_FPCR_RMODE = 3 << 22, A64_FPCR_FZ = 1 << 24, A64_FPCR_DN = 1 << 25, A64_FPCR_AHP = 1 << 26,
	A64_FPCR_BITS = A64_FPCR_FZ16 | A64_FPCR_RMODE | A64_FPCR_FZ | A64_FPCR_DN | A64_FPCR_AHP,
	A64_FPSR_QC = 1 << 27,
};

struct a64_cpu {
	struct cpu cpu;
	uint64_t x[31], sp;      /* x[31] is sp in the slots */
	uint64_t pc;
	uint32_t nzcv;
	uint32_t qc;             /* FPSR.QC: not zero when set */
	uint64_t tpidr;          /* TPIDR_EL0 */
	union ir_value_128 {
		uint8_t u8[16];
		uint16_t u16[8];
		uint32_t u32[4];
		uint64_t u64[2];
	} v[32] __attribute__((aligned(16)));
	struct fpu_status fpu;   /* FPSR's sticky flags and what FPCR says */
	uint32_t fpcr;
	uint8_t btype;           /* PSTATE.BTYPE */
	uint8_t dit;
	/* the exclusive monitor: address and what was there; ~0: open */
	uint64_t exclusive, exclusive_value[2];
	uint64_t features;       /* 1 << A64_F_* */
	uint64_t pac_key[5][2];  /* IA IB DA DB GA */
	const struct a64_model *model;
};

static inline struct a64_cpu *a64_cpu(struct cpu *c) { return (struct a64_cpu *)(void *)c; }

extern const struct isa isa_aarch64, isa_aarch64_be; /* the second: big-endian data */

/* NZCV as the architecture has it (bits 31..28) and back. */
uint32_t a64_get_nzcv(const struct a64_cpu *c);
void a64_set_nzcv(struct a64_cpu *c, uint32_t nzcv);
uint32_t a64_get_fpsr(const struct a64_cpu *c);
void a64_set_fpsr(struct a64_cpu *c, uint32_t v);
void a64_set_fpcr(struct a64_cpu *c, uint32_t v);
/* As Linux shows them to programs: AT_HWCAP, AT_HWCAP2. */
void a64_hwcaps(const struct a64_cpu *c, uint64_t *hwcap, uint64_t *hwcap2);
/* MIDR_EL1: who made the model, and which it is. */
uint32_t a64_midr(const struct a64_cpu *c);
#endif
