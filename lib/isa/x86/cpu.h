/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * State of an x86 processor (Intel SDM volume 1 chapter 3; volume 3 for the system part, which emu-cpu adds).
 *
 * Who holds what while guest code runs, on an x86-64 host in user mode (T1): the sixteen general registers, RFLAGS'
 * status flags and DF, x87/MMX and the vector registers live in the host's own registers; GS base points here; FS stays
 * the host C library's. Translated code reaches this struct as gs:[offset]. Outside translated code
 * everything is here, except that x87/MMX stay in the host's x87 until x86_fpu_sync() (C code never touches them).
 */
#ifndef ISA_X86_CPU_H
#define ISA_X86_CPU_H
#include "jit/engine.h"
#include "jit/isa.h"

enum { X86_RAX, X86_RCX, X86_RDX, X86_RBX, X86_RSP, X86_RBP, X86_RSI, X86_RDI,
       X86_R8, X86_R9, X86_R10, X86_R11, X86_R12, X86_R13, X86_R14, X86_R15 };
enum { X86_ES, X86_CS, X86_SS, X86_DS, X86_FS, X86_GS };

/* RFLAGS (SDM vol. 1, 3.4.3) */
#define X86_CF 0x0001u
#define X86_PF 0x0004u
#define X86_AF 0x0010u
#define X86_ZF 0x0040u
#define X86_SF 0x0080u
#define X86_TF 0x0100u
#define X86_IF 0x0200u
#define X86_DF 0x0400u
#define X86_OF 0x0800u
#define X86_IOPL 0x3000u
#define X86_NT 0x4000u
#define X86_RF 0x10000u
#define X86_VM 0x20000u
#define X86_AC 0x40000u
#define X86_ID 0x200000u
#define X86_STATUS (X86_CF | X86_PF | X86_AF | X86_ZF | X86_SF | X86_OF)

struct x86_seg {
	uint16_t selector;
	uint16_t attr;  /* descriptor bits 40..55 as LAR gives them, shifted right by 8; D/B and L included */
	uint32_t limit; /* in bytes, granularity applied */
	uint64_t base;
};

/* A vector register; accessors by lane. Little-endian lanes, as the architecture numbers them. */
union x86_vec {
	uint8_t u8[32];
	uint16_t u16[16];
	uint32_t u32[8];
	uint64_t u64[4];
	int8_t i8[32];
	int16_t i16[16];
	int32_t i32[8];
	int64_t i64[4];
	float f32[8];
	double f64[4];
} __attribute__((aligned(32)));

/* The image of FXSAVE64 (SDM vol. 1, table 10-2): x87 control and registers; the XMM part is unused (see ymm[]). */
struct x86_fxsave {
	uint16_t fcw, fsw;
	uint8_t ftw, reserved; /* abridged tag word: bit n set = physical register n in use */
	uint16_t fop;
	uint64_t fip, fdp;
	uint32_t mxcsr, mxcsr_mask;
	struct {
		uint64_t mantissa; /* also MMn */
		uint16_t exponent; /* sign and exponent */
		uint16_t pad[3];
	} st[8]; /* ST(0) first, as FXSAVE stores them: stack-relative */
	uint8_t xmm_unused[256];
	uint8_t pad2[96];
} __attribute__((aligned(64)));

/* The copying engine's part (copy.h); translated code and its thunks reach it through gs. */
struct x86_host {
	struct jit_cpu jc;
	uint64_t rsp;          /* the host's stack pointer while translated code runs */
	uint64_t jump;         /* where a thunk goes next */
	uint64_t target;       /* guest address of an indirect jump that missed */
	uint64_t rflags;       /* the host's flags at exit and entry */
	uint32_t exit;         /* number of the exit that was taken */
	uint32_t reason;       /* enum x86_left */
	uint32_t mxcsr;        /* the host's own */
	uint32_t ahf;          /* status flags as LAHF and SETO give them, over a light exit */
	uint32_t trapped;      /* the dead region whose entry trapped */
	volatile bool stepping;/* TF is set until the next instruction boundary (interrupt) */
	bool step_over;        /* run one instruction without keeping or protecting its translation */
};

struct x86_features; /* cpuid.h: what this model shows, by leaf; tested by the decoder's feature check */

#include "isa/x86/sysstate.h"

struct x86_cpu {
	struct cpu cpu;
	uint64_t gpr[16]; /* 32-bit guests use the low halves, high halves are zero */
	uint64_t rip;     /* offset in CS */
	uint64_t rflags;  /* all bits, materialised */
	uint64_t spill[4];
	struct x86_seg seg[6];
	uint8_t mode;     /* 16, 32 or 64: the code segment's operand mode */
	bool x87_in_host; /* x87/MMX registers are in the host processor; x86_fpu_sync() fetches them */
	uint32_t mxcsr;   /* SSE control and status; while translated code runs it is in the host's MXCSR */
	struct x86_fxsave fx; /* x87 state, valid when !x87_in_host */
	union x86_vec ymm[16];
	uint64_t xcr0;
	const struct x86_features *feat;
	void *fault_return; /* T0: where a fault in a guest access goes back to (jmp_buf *), NULL outside (interp.h) */
	struct x86_host h;
	/* user mode: the descriptor tables that modify_ldt and set_thread_area fill */
	struct x86_seg_table *ldt, *gdt;
	struct x86_blocks *blocks; /* T0's (blocks.c); NULL: none yet */
	struct ir_code *running;   /* the block that T0 runs */
	struct x86_sys sys; /* a machine's processor */
};

static inline struct x86_cpu *x86_cpu(struct cpu *c)
{
	return (struct x86_cpu *)c;
}

/* Brings x87/MMX state from the host's registers into c->fx (and leaves them free for C). Own thread only. */
void x86_fpu_sync(struct x86_cpu *c);

extern const struct isa isa_x86_64, isa_i386;
#endif
