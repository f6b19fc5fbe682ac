/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The x86 front end of lib/jit: one decoded instruction to IR.
 *
 * Theory of operation. The guest's slots are its sixteen general registers and RFLAGS; the status flags go through the IR's
 * tuples (translate-flags.c). What is worth it is IR; the rest is a call of a helper function (helpers.h), which gets
 * the decoded instruction and the effective address and does everything but the advance of rip. In either case
 * memory is read and written before the first register changes, so that a fault finds the state as it was.
 *
 * Stack, code and data segments may have bases (user programs: modify_ldt); limits are not checked.
 */
#ifndef ISA_X86_TRANSLATE_H
#define ISA_X86_TRANSLATE_H
#include "isa/x86/cpu.h"
#include "isa/x86/decode.h"
#include "isa/x86/ops.h"
#include "jit/ir.h"

enum { X86_SLOT_RFLAGS = 16, X86_SLOT_XMM, X86_SLOTS = X86_SLOT_XMM + 16 };
extern const struct ir_guest x86_ir_guest;

/* Flags operations: setflags' x is one of these | log2 of the operand's bytes << 8. */
enum x86_flags_op {
	X86_FL_BITS,  /* a: the bits themselves */
	X86_FL_ADD,   /* a + b = r */
	X86_FL_SUB,   /* a - b = r, also CMP */
	X86_FL_ADC, X86_FL_SBB, /* with carry or borrow in: the same bits, but no comparison of a and b */
	X86_FL_LOGIC, /* r */
	X86_FL_SHL,   /* a << b = r, b not 0 */
	X86_FL_SHR, X86_FL_SAR,
	X86_FL_ROL, X86_FL_ROR, /* r */
	X86_FL_MUL,   /* r: the low half; b: the high half */
	X86_FL_IMUL,  /* r: the low half; b: the high half, signed */
	X86_FL_BSF,   /* a: the source */
	X86_FL_POPCNT,/* a: the source */
	X86_FL_ZCNT,  /* a: source, r */
	X86_FL_BLSI,  /* a: source, r */
	X86_FL_BLSR,
	X86_FL_BZHI,  /* b: index, r */
};
extern const struct ir_flags x86_ir_flags;

#define X86_SIDES 3 /* conditional branches that a region goes on behind */

struct x86_ir {
	struct ir_region *r;
	const struct x86_insn *in; /* must live as long as the region */
	uint64_t pc, next;
	uint8_t mode;
	uint8_t stack;   /* stack address size: 2, 4, 8 */
	bool user;       /* privilege level 3 */
	bool ended;      /* the region has ended: nothing follows */
	ir_ref address;  /* of the explicit memory operand, once asked for */
	/* a machine's processor (sys-front.c) */
	bool sys;
	bool flat;       /* ES, CS, SS, DS need no base and no limit check */
	uint8_t key;     /* enum x86_key */
	unsigned memop;  /* bits that every memop has: the memory map */
	uint64_t code_limit;
	struct x86_cpu *cpu; /* whose state chose all this: for x86_insn_keep() */
	bool once;       /* the region runs once, at once */
	struct { uint32_t label; uint64_t target; } side[X86_SIDES]; /* taken branches that leave; x86_ir_sides() ends them */
	uint8_t sides;
	bool native;     /* SSE may be itself: T1 runs it, and no floating-point exception is unmasked */
};

/* The memop of an access; with alignment checks on, what is aligned by nature must be. */
static inline unsigned x86_memop(const struct x86_ir *t, unsigned size)
{
	/* bit 7 of the key: X86_KEY_ALIGN */
	return IR_MEM(size) | t->memop | (t->key & 0x80 ? IR_MEM_ALIGNED(size) : 0);
}

/* A copy of t->in that lives as long as the translations of its processor. User mode: t->in itself. */
const struct x86_insn *x86_insn_keep(struct x86_ir *t);

/*
 * Appends the instruction to the region. t: r, in, pc, mode, stack, user filled. Sets t->ended when control does not
 * simply go on at t->next. The region is ended with exits as the instruction demands; else the caller goes on or ends it.
 */
void x86_ir_insn(struct x86_ir *t);
/* Behind the last exit of a region: where its taken branches go. */
void x86_ir_sides(struct x86_ir *t);
/* Is the operation IR, a helper or a trap? False: it has no semantics (a test fails). */
bool x86_ir_known(enum x86_op op);

/* ---- shared by translate-*.c ---- */
typedef void x86_emit_fn(struct x86_ir *t);

static inline enum ir_type x86_type(unsigned size)
{
	return size == 1 ? IR_I8 : size == 2 ? IR_I16 : size == 4 ? IR_I32 : IR_I64;
}

ir_ref x86_gpr_get(struct x86_ir *t, unsigned reg, unsigned size, bool high);
void x86_gpr_set(struct x86_ir *t, unsigned reg, unsigned size, bool high, ir_ref v);
/* Linear address of the memory operand, i64. */
ir_ref x86_address(struct x86_ir *t);
/* Offset part alone, without the segment, cut to the address size. */
ir_ref x86_offset(struct x86_ir *t);
/* Segment base added to an offset (i64). */
ir_ref x86_linear(struct x86_ir *t, unsigned seg, ir_ref offset);
/* The same for an access of `size` bytes: with the segment's limit and rights checked where a machine needs it. */
ir_ref x86_access(struct x86_ir *t, unsigned seg, ir_ref offset, unsigned size, bool write);
/* A branch target, i64, checked against the code segment's limit where a machine needs it. */
ir_ref x86_code_target(struct x86_ir *t, ir_ref offset);
/* Value of operand n in the type of `size` bytes; immediates as constants. */
ir_ref x86_read(struct x86_ir *t, unsigned n, unsigned size);
/* Register or memory operand n. */
void x86_write(struct x86_ir *t, unsigned n, unsigned size, ir_ref v);
void x86_setflags(struct x86_ir *t, enum x86_flags_op op, unsigned size, uint64_t mask, ir_ref a, ir_ref b, ir_ref r);
/* The instruction by the host's own; false: the helper must do it. */
bool x86_native(struct x86_ir *t);
/* Calls the C helper of the instruction. */
void x86_call_helper(struct x86_ir *t, void *fn);
/* Ends with an exception of the guest's at its own pc. */
void x86_trap(struct x86_ir *t, int vector, uint64_t error_code);
bool x86_is_locked(const struct x86_ir *t); /* LOCK, or XCHG, on memory */

extern x86_emit_fn *const x86_emit_alu[X86_OP_COUNT], *const x86_emit_move[X86_OP_COUNT], *const x86_emit_control[X86_OP_COUNT],
	*const x86_emit_bits[X86_OP_COUNT];
#endif
