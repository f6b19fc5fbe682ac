/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Helpers of translated code, see ir.h; the table is filled when the first processor is made. */
#ifndef ISA_PPC_HELPERS_H
#define ISA_PPC_HELPERS_H
#include "isa/ppc/cpu.h"

enum ppc_helper_id {
#define HELPER(name, ...) PPC_H_##name,
#include "isa/ppc/helpers.def"
#undef HELPER
	PPC_HELPERS
};
extern struct ir_helper ppc_helpers[PPC_HELPERS];
void ppc_helpers_init(void);
void ppc_guest_init(void);
/* One scalar operation by lib/fpu: op as enum ppc_fp_op; flags into *st. Operands and result are bit patterns. */
uint64_t ppc_fp_eval(unsigned op, uint64_t a, uint64_t b, uint64_t c, struct fpu_status *st);
/* FPRF of a result (book I, figure 46), at its place in FPSCR. */
uint64_t ppc_fprf(unsigned op, uint64_t v);
/* FPSCR's bits for lib/fpu's flags. */
uint64_t ppc_fpscr_flags(uint32_t flags);
/* FX, FEX and VX follow from the others; `before`: FPSCR as it was, for FX. */
uint64_t ppc_fpscr_summary(uint64_t v, uint64_t before);
/*
 * FPSCR, which is up to date, behind an operation that raised these flags of lib/fpu and gave a result of class fprf (at its place, or
 * PPC_FPRF_STAYS where it is undefined). True: an enabled invalid operation or division by zero, the target stays.
 */
#define PPC_FPRF_STAYS (~0ull)
bool ppc_fpscr_commit(struct ppc_cpu *p, uint32_t flags, uint64_t fprf);
/* The CR field of ftdiv, ftsqrt and the like; singles without wide. */
unsigned ppc_test_divide(uint64_t a, uint64_t b, bool wide);
unsigned ppc_test_root(uint64_t b, bool wide);
/* lfs, stfs */
uint64_t ppc_widen(uint32_t v);
uint32_t ppc_narrow(uint64_t v);

/* A helper's definition. One with a wide result gets a pointer to it in front of its arguments. */
#define PPC_FN(name, ...)                                                                                              \
	uint64_t ppch_##name(struct cpu *c, ##__VA_ARGS__);                                                            \
	uint64_t ppch_##name(struct cpu *c, ##__VA_ARGS__)

#endif
