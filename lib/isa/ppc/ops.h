/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Numbers of operations that rows, translators and helpers share. */
#ifndef ISA_PPC_OPS_H
#define ISA_PPC_OPS_H

/* A load or store: log2 of the bytes and flags. */
#define PPC_M(log2, flags) ((log2) | (flags))
enum { PPC_M_S = 8 /* signed */, PPC_M_U = 16 /* update */, PPC_M_X = 32 /* RA + RB */, PPC_M_DS = 64, PPC_M_R = 128 /* reversed */ };

/* Scalar floating point. */
enum ppc_fp_op {
	PPC_FP_NONE, PPC_FP_ADD, PPC_FP_SUB, PPC_FP_MUL, PPC_FP_DIV, PPC_FP_SQRT, PPC_FP_RE, PPC_FP_RSQRTE, PPC_FP_MADD, PPC_FP_MSUB,
	PPC_FP_NMADD, PPC_FP_NMSUB, PPC_FP_RSP, PPC_FP_CTIW, PPC_FP_CTIWZ, PPC_FP_CTIWU, PPC_FP_CTIWUZ, PPC_FP_CTID, PPC_FP_CTIDZ,
	PPC_FP_CTIDU, PPC_FP_CTIDUZ, PPC_FP_CFID, PPC_FP_CFIDU, PPC_FP_RIN, PPC_FP_RIZ, PPC_FP_RIP, PPC_FP_RIM, PPC_FP_RIC, PPC_FP_DPSP,
	PPC_FP_SPDP, PPC_FP_HPDP, PPC_FP_DPHP, PPC_FP_OPS,
	PPC_FP_SINGLE = 64, PPC_X_M = 128 /* the addend is XB, the second factor XT */,
	PPC_FP_WORDS = 256, /* fp_careful: a word or single in both halves */
};

/* Decimal floating point: the operation, then which operands are pairs of registers. */
enum ppc_dfp_op {
	PPC_D_ADD, PPC_D_SUB, PPC_D_MUL, PPC_D_DIV, PPC_D_QUAI, PPC_D_QUA, PPC_D_RRND, PPC_D_RINTX, PPC_D_RINTN, PPC_D_CTDP, PPC_D_CTQPQ, PPC_D_RSP,
	PPC_D_RDPQ, PPC_D_CFFIX, PPC_D_CTFIX, PPC_D_DEDPD, PPC_D_ENBCD, PPC_D_XEX, PPC_D_IEX, PPC_D_SCLI, PPC_D_SCRI,
	/* into a CR field */
	PPC_D_CMPU, PPC_D_CMPO, PPC_D_TSTDC, PPC_D_TSTDG, PPC_D_TSTEX, PPC_D_TSTSF, PPC_D_TSTSFI,
	PPC_D_TP = 32, PPC_D_AP = 64, PPC_D_BP = 128, PPC_D_PAIRS = PPC_D_TP | PPC_D_AP | PPC_D_BP,
	PPC_D_IMM_SHIFT = 8, PPC_D_ROUND_SHIFT = 16, PPC_D_DRN = 15 /* for a number of lib/fpu: as FPSCR[DRN] says */,
};

/* Binary floating point of 128 bits; PPC_Q_GUEST: rounds as FPSCR[RN] says. */
enum ppc_quad_op {
	PPC_Q_ADD, PPC_Q_SUB, PPC_Q_MUL, PPC_Q_DIV, PPC_Q_MADD, PPC_Q_MSUB, PPC_Q_NMADD, PPC_Q_NMSUB, PPC_Q_SQRT, PPC_Q_RINT, PPC_Q_RINTX,
	PPC_Q_RXP, PPC_Q_FROM_DP, PPC_Q_FROM_SD, PPC_Q_FROM_UD, PPC_Q_TO_DP, PPC_Q_TO_SD, PPC_Q_TO_UD, PPC_Q_TO_SW, PPC_Q_TO_UW,
	/* into a CR field */
	PPC_Q_CMPO, PPC_Q_CMPU, PPC_Q_CMPEXP, PPC_Q_STDC,
	/* inline */
	PPC_Q_CPSGN, PPC_Q_ABS, PPC_Q_NABS, PPC_Q_NEG, PPC_Q_XEXP, PPC_Q_XSIG, PPC_Q_IEXP,
	PPC_Q_GUEST = 15,
};

/* Forms of VSX accesses. */
enum ppc_x_access { PPC_X_D, PPC_X_D2, PPC_X_W4, PPC_X_DS, PPC_X_IWA, PPC_X_IWZ, PPC_X_SP, PPC_X_H8, PPC_X_B16, PPC_X_WS, PPC_X_IBZ, PPC_X_IHZ, PPC_X_V };

/* A vector operation of the intermediate form with log2 of its lanes' bytes. */
#define PPC_V2(op, log2) ((op) | (log2) << 10)
#define PPC_V_NOT (1u << 12)
#define PPC_VPACK(log2, kind) ((log2) | (kind) << 4)
enum { PPC_VP_SU, PPC_VP_SS, PPC_VP_UU };

/* Vector operations that are done in C: operands a, b, c; see helper-vec*.c. */
enum ppc_vector_op {
#define VOP(name) PPC_V_##name,
#include "isa/ppc/vector-ops.def"
#undef VOP
	PPC_VECTOR_OPS
};
#endif
