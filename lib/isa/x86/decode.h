/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The x86 decoder. Tables carry one row an instruction form (SDM volume 2, appendix A, and the instruction pages);
 * one decode serves the copying translator, the IR front end and the disassembler.
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
#define X86_RIP_BASE 16 /* base of a rip-relative operand */

struct x86_insn {
	const struct x86_row *row; /* NULL only when decoding failed */
	uint8_t length;            /* 1..15 */
	uint8_t mode;              /* 16, 32, 64 */
	uint8_t opsize;            /* 2, 4, 8: integer operand size after prefixes, REX.W and the row's defaults */
	uint8_t addrsize;          /* 2, 4, 8 */
	uint8_t prefixes;          /* enum x86_prefix */
	uint8_t seg;               /* overriding segment X86_ES..X86_GS, or X86_NOREG */
	uint8_t rex;               /* the REX byte or, for VEX, the equivalent W R X B bits (0x40 | ...); 0: none */
	uint8_t map;               /* 0: one-byte, 1: 0F, 2: 0F38, 3: 0F3A, 4: 3DNow! (0F 0F) */
	uint8_t opcode;
	uint8_t pp;                /* mandatory prefix that took part in the choice: 0, 0x66, 0xF3, 0xF2 */
	uint8_t vex_l, vex_w, vex_vvvv;
	bool has_modrm, has_mem;   /* has_mem: modrm.mod != 3 and the row takes a memory operand */
	uint8_t modrm, sib;
	/* memory operand, fully decoded: register numbers 0..15, X86_RIP_BASE or X86_NOREG */
	uint8_t base, index, scale;
	int64_t disp;
	/* register fields with REX/VEX extension applied */
	uint8_t reg, rm;
	uint64_t imm;              /* sign-extended as the row says */
	uint64_t imm2;             /* ENTER's second, far pointer's selector, EXTRQ/INSERTQ */
	/* offsets inside the instruction, for the copier; 0: absent */
	uint8_t rex_off, opcode_off, modrm_off, disp_off, disp_len, imm_off, imm_len;
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
	X86_COPY_STACK,   /* push/pop/pushf/popf/enter/leave/pusha: plain in 64-bit mode where the row says so */
	X86_COPY_STRING,  /* movs/stos/cmps/scas/lods with rep forms */
	X86_COPY_X87,     /* plain, but exceptions and fip/fdp are the host's */
	X86_COPY_SYSCALL, /* syscall, sysenter, int n, int3, into */
	X86_COPY_EMULATE, /* never copied: cpuid, segment loads, xsave family, in/out, privileged, rdtscp … */
};

struct x86_row {
	const char *name;      /* AT&T-neutral mnemonic as the SDM prints it, lower case: "add", "vpaddd" */
	uint8_t operands[4];   /* enum x86_operand kinds, in SDM order */
	uint16_t flags;        /* enum x86_row_flags */
	uint8_t copy;          /* enum x86_copy */
	uint8_t feature;       /* index of the CPUID feature that it needs, 0: none */
	/* status flags: bits of CF PF AF ZF SF OF (X86_STATUS) plus DF; undefined ones count as written */
	uint16_t flags_read, flags_written;
	/* implicit general registers, bit n = register n */
	uint16_t regs_read, regs_written;
	const void *translate; /* IR front end: see translate.h */
};

/* Text of a decoded instruction, Intel syntax as the SDM, pc for branch targets. Returns buf. */
char *x86_disassemble(const struct x86_insn *in, uint64_t pc, char *buf, size_t size);
#endif
