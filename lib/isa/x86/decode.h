/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The x86 decoder. Tables carry one row an instruction form (SDM volume 2, appendix A, and the instruction pages);
 * one decode serves the copying translator, the IR front end, the helper functions and the disassembler.
 */
#ifndef ISA_X86_DECODE_H
#define ISA_X86_DECODE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct x86_features;
struct x86_row;

enum x86_prefix {
	X86_PFX_LOCK = 1, X86_PFX_REPNE = 2 /* F2 */, X86_PFX_REP = 4 /* F3 */, X86_PFX_OPSIZE = 8 /* 66 */,
	X86_PFX_ADDR = 16 /* 67 */, X86_PFX_SEG = 32, X86_PFX_REX = 64, X86_PFX_VEX = 128,
};

#define X86_NOREG 0xff
#define X86_RIP_BASE 16 /* base of a rip-relative operand: disp is relative to the end of the instruction */

struct x86_insn {
	const struct x86_row *row; /* NULL only when decoding failed */
	uint8_t length;            /* 1..15 */
	uint8_t mode;              /* 16, 32, 64 */
	uint8_t opsize;            /* 2, 4, 8: integer operand size after prefixes, REX.W and the row's defaults */
	uint8_t addrsize;          /* 2, 4, 8 */
	uint8_t prefixes;          /* enum x86_prefix */
	uint8_t seg;               /* overriding segment X86_ES..X86_GS, or X86_NOREG; 64-bit mode: FS and GS only */
	uint8_t rex;               /* the REX byte or, for VEX, the equivalent W R X B bits (0x40 | ...); 0: none */
	uint8_t map;               /* 0: one-byte, 1: 0F, 2: 0F38, 3: 0F3A, 4: 3DNow! (0F 0F) */
	uint8_t opcode;            /* 3DNow!: the byte behind modrm and displacement */
	uint8_t pp;                /* mandatory prefix that took part in the choice: 0, 0x66, 0xF3, 0xF2 */
	uint8_t vex_l, vex_w, vex_vvvv;
	bool has_modrm, has_mem;   /* has_mem: an explicit memory operand (modrm.mod != 3, or an absolute offset) */
	uint8_t modrm, sib;
	/* memory operand, fully decoded: register numbers 0..15, X86_RIP_BASE or X86_NOREG; scale 1, 2, 4, 8 */
	uint8_t base, index, scale;
	/* register fields with REX/VEX extension applied; rm is also the register in the opcode's low three bits */
	uint8_t reg, rm;
	/* offsets inside the instruction, for the copier; 0: absent (an opcode without prefix has opcode_off 0) */
	uint8_t rex_off, opcode_off, modrm_off, disp_off, disp_len, imm_off, imm_len;
	int64_t disp;
	uint64_t imm;              /* extended as the operand kind says; relative branches: sign-extended */
	uint64_t imm2;             /* ENTER's second, far pointer's selector, EXTRQ/INSERTQ */
};

enum x86_decode_status {
	X86_DECODE_OK,
	X86_DECODE_SHORT, /* more bytes needed than `avail`: the fetch of the next one faults */
	X86_DECODE_UD,    /* no such instruction, or not in this model, or a LOCK that is not allowed: #UD */
	X86_DECODE_LONG,  /* more than 15 bytes: #GP(0) */
};

/*
 * Decodes one instruction at bytes[0..avail). mode: 16, 32 or 64. feat: the model's features (NULL: all that exist).
 * Pure function, reentrant; below 30 ns for common instructions (first-level tables indexed by map and opcode).
 */
enum x86_decode_status x86_decode(struct x86_insn *in, const uint8_t *bytes, unsigned avail, unsigned mode,
				  const struct x86_features *feat);

/* What the copying translator must know of a row before it may emit the instruction as it stands. */
enum x86_copy {
	X86_COPY_PLAIN,   /* bytes may be copied; only registers and memory named by modrm/opcode/implicit rows matter */
	X86_COPY_BRANCH,  /* direct jmp/jcc/call/loop/jcxz */
	X86_COPY_INDIRECT,/* ret, jmp/call through register or memory */
	X86_COPY_STACK,   /* push/pop/pushf/popf/enter/leave/pusha: plain in 64-bit mode where X86_ROW_PLAIN64 is set */
	X86_COPY_STRING,  /* movs/stos/cmps/scas/lods with rep forms */
	X86_COPY_X87,     /* plain, but exceptions and fip/fdp are the host's */
	X86_COPY_SYSCALL, /* syscall, sysenter, int n, int3, into */
	X86_COPY_EMULATE, /* never copied: cpuid, segment loads, xsave family, in/out, privileged, rdtscp, far transfers,
			     and whatever no host is sure to have (3DNow!) */
};

enum x86_row_flags {
	X86_ROW_R0 = 1,          /* operand 0 is read */
	X86_ROW_W0 = 2,          /* operand 0 is written (R0 | W0: read, modified, written) */
	X86_ROW_W1 = 4,          /* operand 1 is written too (xchg, xadd) */
	X86_ROW_LOCK = 8,        /* LOCK is allowed when operand 0 is memory */
	X86_ROW_NOACCESS = 0x10, /* the memory operand is only an address or a hint: lea, nop, prefetch, invlpg */
	X86_ROW_D64 = 0x20,      /* operand size defaults to 64 bits in 64-bit mode (66: 16 bits) */
	X86_ROW_F64 = 0x40,      /* operand size is 64 bits in 64-bit mode whatever the prefixes */
	X86_ROW_END = 0x80,      /* control does not simply go on behind it: ends a region */
	X86_ROW_PRIV = 0x100,    /* privileged: #GP(0) at CPL 3 */
	X86_ROW_IO = 0x200,      /* IOPL-sensitive (in, out, cli, sti): #GP(0) in user mode without the right */
	X86_ROW_PLAIN64 = 0x400, /* a X86_COPY_STACK row that may be copied as it stands in 64-bit mode */
	X86_ROW_NOREP = 0x800,   /* reserved */
	X86_ROW_MODREG = 0x1000, /* modrm.mod is ignored: rm is always a register (mov cr/dr) */
	X86_ROW_VSIB = 0x2000,   /* gather: in->index is a vector register */
	X86_ROW_VEC = 0x4000,    /* uses XMM/YMM or MMX state */
	X86_ROW_X87 = 0x8000,    /* uses x87 state (MMX included): #NM/#MF rules, TOP matters */
};

#define X86_ROW_NAME 18

struct x86_row {
	char name[X86_ROW_NAME]; /* mnemonic as the SDM prints it, lower case: "add", "vpaddd" */
	uint16_t op;             /* enum x86_op (ops.h): the operation; SSE and VEX forms share one */
	uint8_t operands[4];     /* enum x86_operand, in SDM order (destination first) */
	uint16_t flags;          /* enum x86_row_flags */
	uint8_t copy;            /* enum x86_copy */
	uint8_t feature;         /* enum x86_feature (cpuid.h) that it needs, 0: none */
	/* status flags: bits of CF PF AF ZF SF OF (X86_STATUS) plus DF; undefined ones count as written */
	uint16_t flags_read, flags_written;
	/* implicit general registers, bit n = register n; operands (fixed ones included) are not repeated here */
	uint16_t regs_read, regs_written;
	/* the pattern: see decode.c */
	uint8_t map, opcode, prefix, modreg, modrm_rm, mod;
	uint16_t exclude;
};

/* Operand kinds: operands.def. */
enum x86_operand {
#define OPERAND(name, where, file, rsize, msize) X86_O_##name,
#include "isa/x86/operands.def"
#undef OPERAND
	X86_O_COUNT
};

enum x86_where {
	X86_WHERE_NONE,
	X86_WHERE_RM,     /* register in->rm or, with in->has_mem, memory */
	X86_WHERE_RMREG,  /* register in->rm */
	X86_WHERE_MEM,
	X86_WHERE_REG,    /* register in->reg */
	X86_WHERE_VVVV,   /* register in->vex_vvvv */
	X86_WHERE_IS4,    /* register in->imm bits 7:4 */
	X86_WHERE_OPREG,  /* register in->rm, from the opcode byte */
	X86_WHERE_FIXED,  /* x86_operand_fixed() */
	X86_WHERE_IMM,    /* in->imm (or in->imm2 for the second immediate), zero-extended */
	X86_WHERE_IMMS,   /* in->imm, sign-extended to 64 bits */
	X86_WHERE_ONE,    /* the constant 1 */
	X86_WHERE_REL,    /* branch target: end of instruction + in->imm, cut to the operand size outside 64-bit mode */
	X86_WHERE_FARPTR, /* in->imm2 : in->imm */
	X86_WHERE_MOFFS,  /* memory at in->disp */
	X86_WHERE_SI,     /* memory at segment:rSI */
	X86_WHERE_DI,     /* memory at ES:rDI */
};

enum x86_file { X86_FILE_NOFILE, X86_FILE_GPR, X86_FILE_MMX, X86_FILE_VEC, X86_FILE_ST, X86_FILE_SEG, X86_FILE_CR,
		X86_FILE_DR };

/* Sizes that depend on the instruction. */
enum x86_size {
	X86_SIZE_V = 200, /* operand size: 2, 4, 8 */
	X86_SIZE_Z,       /* operand size, at most 4 */
	X86_SIZE_Y,       /* 8 with REX.W/VEX.W in 64-bit mode, else 4 */
	X86_SIZE_A,       /* address size */
	X86_SIZE_MODE,    /* 8 in 64-bit mode, else 4 */
	X86_SIZE_X,       /* vector length: 16, or 32 with VEX.L */
	X86_SIZE_XH, X86_SIZE_XQ, X86_SIZE_XE, /* half, quarter, eighth of it */
	X86_SIZE_FAR,     /* operand size + 2 */
	X86_SIZE_2V,      /* twice the operand size */
	X86_SIZE_DESC,    /* 6, or 10 in 64-bit mode */
	X86_SIZE_ENV,     /* 14, or 28 unless the operand size is 2 */
	X86_SIZE_STATE,   /* 94, or 108 unless the operand size is 2 */
};

struct x86_operand_info {
	uint8_t where; /* enum x86_where */
	uint8_t file;  /* enum x86_file */
	uint16_t reg_size, mem_size; /* bytes or enum x86_size */
};
extern const struct x86_operand_info x86_operand_info[X86_O_COUNT];

/* The register number of a fixed operand (AL: 0, DX: 2, FS: 4 …). */
unsigned x86_operand_fixed(enum x86_operand o);

/* Size in bytes of operand n (0..3) of a decoded instruction, 0: none or unsized. */
unsigned x86_operand_size(const struct x86_insn *in, unsigned n);

/* Is operand n the explicit memory operand? */
bool x86_operand_is_mem(const struct x86_insn *in, unsigned n);

/*
 * The register that operand n names: its number in *reg, its file as the result; X86_FILE_NOFILE: no register.
 * A GPR operand of size 1 without REX (or VEX) and number 4..7 is AH, CH, DH, BH: *high is set, *reg is 0..3.
 */
enum x86_file x86_operand_reg(const struct x86_insn *in, unsigned n, unsigned *reg, bool *high);

/*
 * Gathers: bytes in one index lane, and of the index register that are used. Lanes of index and data may differ; the
 * count of elements is the lesser of (vector length / index lane) and (vector length / data element).
 */
static inline unsigned x86_vsib_index_lane(const struct x86_insn *in) { return in->opcode & 1 ? 8 : 4; }
static inline unsigned x86_vsib_index_size(const struct x86_insn *in)
{
	unsigned length = 16u << in->vex_l;
	return !(in->opcode & 1) && in->vex_w ? 16 : length;
}

/* Segment of the explicit memory operand or of rSI: the override, or SS for rBP/rSP bases, or DS. */
unsigned x86_mem_segment(const struct x86_insn *in);

/* What happens to the explicit memory operand: bit 0 it is read, bit 1 it is written. Size in bytes in *size. */
unsigned x86_mem_access(const struct x86_insn *in, unsigned *size);

/* General registers the instruction names or uses in any way (operands, address, implicit), bit n = register n. */
uint16_t x86_gprs_used(const struct x86_insn *in);
/* General registers it may change. */
uint16_t x86_gprs_written(const struct x86_insn *in);

/*
 * Status flags (and DF) it reads, and those it writes (undefined ones included). A flag that may also keep its value,
 * as with a shift count of zero in CL, counts as read and written. Exact where the row, which does not know the
 * immediate, is careful.
 */
uint16_t x86_flags_read(const struct x86_insn *in);
uint16_t x86_flags_written(const struct x86_insn *in);

/* All rows, for tests and tools: row i, NULL behind the last. */
const struct x86_row *x86_row_at(unsigned i);

/* Text of a decoded instruction, Intel syntax as the SDM, pc for branch targets. Returns buf. */
char *x86_disassemble(const struct x86_insn *in, uint64_t pc, char *buf, size_t size);
#endif
