/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The PowerPC guest: state of one processor in problem state (Power ISA 2.07 and 3.0B, book I), 32 and 64 bits, both byte orders,
 * and what the program that runs it (emu-user) asks for beyond struct isa.
 */
#ifndef ISA_PPC_CPU_H
#define ISA_PPC_CPU_H
#include "fpu/fpu.h"
#include "jit/ir.h"
#include "jit/isa.h"

enum ppc_feature {
	PPC_F_BASE, /* always there */
#define PPC_FEAT(id, ...) PPC_F_##id,
#include "isa/ppc/features.def"
	PPC_FEATURES
};
_Static_assert(PPC_FEATURES <= 32, "features are a word");
#define PPC_HAS(c, id) ((c)->features >> PPC_F_##id & 1)

/* trap.vector of TRAP_EXCEPTION */
enum ppc_vector {
	PPC_V_ILLEGAL,    /* error_code: the instruction */
	PPC_V_PRIVILEGED,
	PPC_V_TRAP,       /* tw, td */
	PPC_V_FP,         /* an enabled floating-point exception */
	PPC_V_DATA, PPC_V_FETCH, PPC_V_ALIGN,
};

/* FPSCR, as bits of a 64-bit word (book I, 4.2.2; the manual counts from the left, 32..63 are these) */
enum {
	FPSCR_RN = 3, FPSCR_NI = 1 << 2, FPSCR_XE = 1 << 3, FPSCR_ZE = 1 << 4, FPSCR_UE = 1 << 5, FPSCR_OE = 1 << 6, FPSCR_VE = 1 << 7,
	FPSCR_VXCVI = 1 << 8, FPSCR_VXSQRT = 1 << 9, FPSCR_VXSOFT = 1 << 10, FPSCR_FPCC = 15 << 12, FPSCR_C = 1 << 16,
	FPSCR_FPRF = 31 << 12, FPSCR_FI = 1 << 17, FPSCR_FR = 1 << 18, FPSCR_VXVC = 1 << 19, FPSCR_VXIMZ = 1 << 20,
	FPSCR_VXZDZ = 1 << 21, FPSCR_VXIDI = 1 << 22, FPSCR_VXISI = 1 << 23, FPSCR_VXSNAN = 1 << 24, FPSCR_XX = 1 << 25,
	FPSCR_ZX = 1 << 26, FPSCR_UX = 1 << 27, FPSCR_OX = 1 << 28, FPSCR_VX = 1 << 29, FPSCR_FEX = 1 << 30,
	FPSCR_ENABLES = FPSCR_XE | FPSCR_ZE | FPSCR_UE | FPSCR_OE | FPSCR_VE,
	FPSCR_VX_ALL = FPSCR_VXSNAN | FPSCR_VXISI | FPSCR_VXIDI | FPSCR_VXZDZ | FPSCR_VXIMZ | FPSCR_VXVC | FPSCR_VXSOFT | FPSCR_VXSQRT |
		       FPSCR_VXCVI,
	FPSCR_STICKY = FPSCR_VX_ALL | FPSCR_XX | FPSCR_ZX | FPSCR_UX | FPSCR_OX,
};
#define FPSCR_FX (1ull << 31)
#define FPSCR_DRN (7ull << 32)

/* VSCR */
enum { VSCR_SAT = 1, VSCR_NJ = 1 << 16 };

/*
 * A vector-scalar register: doubleword 0 of the manual, its left half, is u64[0], where FPRs are. Elements of the manual's numbering:
 */
union ppc_vsr {
	uint8_t u8[16];
	uint16_t u16[8];
	uint32_t u32[4];
	uint64_t u64[2];
} __attribute__((aligned(16)));
#define PPC_B(i) ((i) ^ 7)
#define PPC_H(i) ((i) ^ 3)
#define PPC_W(i) ((i) ^ 1)

/*
 * A field of CR is a number and a byte: LT, GT, EQ are whether the number is below, above or equal to 0, each inverted where the byte's
 * bit 3, 2, 1 is set; SO is bit 0 of the byte. So most comparisons and all Rc forms store no more than a difference or their result.
 */
struct ppc_cpu {
	struct cpu cpu;
	uint64_t gpr[32];
	uint64_t lr, ctr, tar;
	uint64_t pc;
	uint64_t ca, ca32; /* 0 or 1 */
	int64_t crv[8];
	uint8_t crx[8];
	uint8_t so, ov, ov32;
	/*
	 * The last operation that changes FPRF, FR and FI, with its operands: enum ppc_fp_op; 0: FPSCR has them. fpcc: a comparison since,
	 * its result as in crx, with bit 7 set; 0: none.
	 */
	uint8_t fpcc;
	uint32_t fpop;
	uint64_t fpa, fpb, fpc;
	union ppc_vsr vsr[64]; /* FPRs are the left halves of 0..31, VRs 32..63 */
	struct fpu_status fpu; /* sticky flags that fpscr does not have yet, and the rounding */
	struct fpu_status vector_fpu; /* AltiVec's */
	uint64_t fpscr;
	uint32_t vscr, vrsave;
	uint64_t reserve, reserve_value[2]; /* address of the reservation and what was there; ~0: none */
	uint64_t acc;       /* SPE */
	uint32_t spefscr, xer_count;
	uint32_t features;  /* 1 << PPC_F_* */
	uint32_t fp_trap;   /* MSR[FE0,FE1] is not 0: enabled exceptions are delivered */
	bool big, wide;     /* byte order, 64-bit mode */
	const struct ppc_model *model;
};

static inline struct ppc_cpu *ppc_cpu(struct cpu *c) { return (struct ppc_cpu *)(void *)c; }

extern const struct isa isa_ppc, isa_ppc64, isa_ppc64le, isa_ppc64abi32;

uint32_t ppc_get_cr(const struct ppc_cpu *c);
void ppc_set_cr(struct ppc_cpu *c, uint32_t v);
static inline uint32_t ppc_get_cr_field(const struct ppc_cpu *c, unsigned n)
{
	return ((c->crv[n] < 0 ? 8u : c->crv[n] > 0 ? 4u : 2u) ^ c->crx[n]) & 15;
}
static inline void ppc_set_cr_field(struct ppc_cpu *c, unsigned n, unsigned bits)
{
	c->crv[n] = 0;
	c->crx[n] = (uint8_t)(bits ^ 2);
}
uint64_t ppc_get_xer(const struct ppc_cpu *c);
void ppc_set_xer(struct ppc_cpu *c, uint64_t v);
/* Not while translated code runs; there the host's flags come first (helper-fpscr.c). */
uint64_t ppc_get_fpscr(struct ppc_cpu *c);
void ppc_set_fpscr(struct ppc_cpu *c, uint64_t v);
uint64_t ppc_get_msr(const struct ppc_cpu *c);
void ppc_set_vscr(struct ppc_cpu *c, uint32_t v);
/* As Linux shows them to programs: AT_HWCAP, AT_HWCAP2; AT_PLATFORM. */
void ppc_hwcaps(const struct ppc_cpu *c, uint64_t *hwcap, uint64_t *hwcap2);
/* Bytes that dcbz clears. */
unsigned ppc_cache_line(const struct ppc_cpu *c);
const char *ppc_platform(const struct ppc_cpu *c);
#endif
