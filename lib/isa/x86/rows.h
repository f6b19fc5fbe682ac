/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The vocabulary of the opcode tables (rows-*.c). A row reads: I(mnemonic, opcode with its map bytes, operand 0's use
 * and other flags, then designated parts: O2(…) operands, P66 mandatory prefix, EXT(n) modrm.reg, MEM or REG for
 * modrm.mod, FW/FR flags written and read, FT feature, CP copy class, EX conditions under which the row does not hold).
 * Where several rows hold the first one in the table wins, and one with a mandatory prefix goes before one without.
 */
#ifndef ISA_X86_ROWS_H
#define ISA_X86_ROWS_H
#include "isa/x86/cpu.h"
#include "isa/x86/cpuid.h"
#include "isa/x86/decode.h"
#include "isa/x86/ops.h"

/* x86_row.prefix: which of none/66/F3/F2 in front of the opcode the row is for */
enum { X86_ROWPFX_ANY, X86_ROWPFX_NP, X86_ROWPFX_66, X86_ROWPFX_F3, X86_ROWPFX_F2, X86_ROWPFX_NP66 };
/* x86_row.map: the opcode map, plus this for VEX encodings */
#define X86_MAP_VEX 0x80
/* x86_row.modreg, .modrm_rm: 0: any, 8 | n: exactly n. x86_row.mod: */
enum { X86_MOD_ANY, X86_MOD_MEM, X86_MOD_REG };

/* x86_row.exclude: the row does not hold when one of these does */
enum x86_exclude {
	X86_EX_M16 = 1, X86_EX_M32 = 2, X86_EX_M64 = 4,  /* code segment mode */
	X86_EX_W0 = 8, X86_EX_W1 = 0x10,                 /* REX.W, VEX.W as encoded */
	X86_EX_L0 = 0x20, X86_EX_L1 = 0x40,              /* VEX.L */
	X86_EX_O16 = 0x80, X86_EX_O32 = 0x100, X86_EX_O64 = 0x200, /* operand size by prefixes, no defaults */
	X86_EX_GW0 = 0x400, X86_EX_GW1 = 0x800,          /* W as it counts for general registers: 0 outside 64-bit mode */
	X86_EX_B0 = 0x1000, X86_EX_B1 = 0x2000,          /* REX.B */
};

/* Table t and its length; NULL behind the last. */
const struct x86_row *x86_row_table(unsigned t, unsigned *count);
extern const struct x86_row *const x86_row_tables[];

extern const struct x86_row x86_rows_base[], x86_rows_0f[], x86_rows_system[], x86_rows_bmi[], x86_rows_x87[],
	x86_rows_mmx[], x86_rows_sse[], x86_rows_sse2[], x86_rows_sse4[], x86_rows_3dnow[], x86_rows_crypto[],
	x86_rows_avx[], x86_rows_avx2[], x86_rows_fma[];
extern const unsigned x86_rows_base_count, x86_rows_0f_count, x86_rows_system_count, x86_rows_bmi_count,
	x86_rows_x87_count, x86_rows_mmx_count, x86_rows_sse_count, x86_rows_sse2_count, x86_rows_sse4_count,
	x86_rows_3dnow_count, x86_rows_crypto_count, x86_rows_avx_count, x86_rows_avx2_count, x86_rows_fma_count;
#define ROWS_COUNT(t) const unsigned t##_count = sizeof t / sizeof t[0]

#ifdef X86_ROW_WORDS
#define ROW_MAP(o) ((o) < 0x100 ? 0 : ((o) >> 8) == 0x0F ? 1 : ((o) >> 8) == 0x0F38 ? 2 : 3)
#define ROW(text, op_, opc, fl, ...) \
	{.name = text, .op = X86_OP_##op_, .map = ROW_MAP(opc), .opcode = (opc) & 0xff, .flags = (fl), __VA_ARGS__}
#define ROWV(text, op_, opc, fl, ...)                                                                   \
	{.name = text, .op = X86_OP_##op_, .map = ROW_MAP(opc) | X86_MAP_VEX, .opcode = (opc) & 0xff,   \
	 .flags = (fl) | X86_ROW_VEC, __VA_ARGS__}
#define I(n, opc, fl, ...) ROW(#n, n, opc, fl, __VA_ARGS__)

#define R X86_ROW_R0
#define W X86_ROW_W0
#define RW (X86_ROW_R0 | X86_ROW_W0)
#define XX (X86_ROW_R0 | X86_ROW_W0 | X86_ROW_W1)
#define LK X86_ROW_LOCK
#define ADDR X86_ROW_NOACCESS
#define D64 X86_ROW_D64
#define F64 X86_ROW_F64
#define END X86_ROW_END
#define PRIV X86_ROW_PRIV
#define IOPL X86_ROW_IO
#define P64 X86_ROW_PLAIN64

#define O1(a) .operands = {X86_O_##a}
#define O2(a, b) .operands = {X86_O_##a, X86_O_##b}
#define O3(a, b, c) .operands = {X86_O_##a, X86_O_##b, X86_O_##c}
#define O4(a, b, c, d) .operands = {X86_O_##a, X86_O_##b, X86_O_##c, X86_O_##d}
#define NP .prefix = X86_ROWPFX_NP
#define P66 .prefix = X86_ROWPFX_66
#define PF3 .prefix = X86_ROWPFX_F3
#define PF2 .prefix = X86_ROWPFX_F2
#define NP66 .prefix = X86_ROWPFX_NP66
#define EXT(n) .modreg = 8 | (n)
#define RM(n) .modrm_rm = 8 | (n)
#define MEM .mod = X86_MOD_MEM
#define REG .mod = X86_MOD_REG
#define FW(x) .flags_written = (x)
#define FR(x) .flags_read = (x)
#define RR(x) .regs_read = (x)
#define RWR(x) .regs_written = (x)
#define FT(x) .feature = X86_FEAT_##x
#define CP(x) .copy = X86_COPY_##x
#define EX(x) .exclude = (x)
#define NOT64 EX(X86_EX_M64)
#define ONLY64 EX(X86_EX_M16 | X86_EX_M32)

#define rA (1u << X86_RAX)
#define rC (1u << X86_RCX)
#define rD (1u << X86_RDX)
#define rB (1u << X86_RBX)
#define rSP (1u << X86_RSP)
#define rBP (1u << X86_RBP)
#define rSI (1u << X86_RSI)
#define rDI (1u << X86_RDI)
#define CF X86_CF
#define PF X86_PF
#define AF X86_AF
#define ZF X86_ZF
#define SF X86_SF
#define OF X86_OF
#define DF X86_DF
#define ST X86_STATUS
#endif
#endif
