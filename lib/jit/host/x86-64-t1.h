/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * T1 on an x86-64 host: one pass over an optimised region, registers allocated on the way.
 *
 * Theory of operation
 *
 * rsp is the host's, with a frame of fixed size below everything; rbp points into the guest's state; r15 holds the guest base
 * where that is not 0, in system mode struct mmu (x86-64-tlb.c). Slots that the guest pinned live in their registers from entry to exit, all others in the state;
 * both are up to date after every set, so that guest state is exact at every instruction that may fault, and the delta table holds
 * program counters only. What is left are registers for values.
 *
 * A value is in a register, in its home in the frame, in the memory of the slot it was read from, or several of these. Values
 * that are used behind a label are stored to their home when they are computed; so at a label nothing but
 * pinned slots is in registers, and jumps need no shuffling. Integers of 32 bits are zero-extended in registers, narrower ones have
 * undefined upper bits. An operation without code of its own is done by ir_eval() on operands in the frame.
 *
 * Vectors and floats of up to 128 bits live in xmm registers; v256, f80 and f16 in the frame only.
 */
#ifndef JIT_HOST_X86_64_T1_H
#define JIT_HOST_X86_64_T1_H
#include "jit/engine.h"
#include "jit/host/x86-64-asm.h"
#include "jit/host/t1.h"
#include "jit/ir.h"

#define T1_FRAME 8192  /* bytes of the frame, 32-aligned at its bottom */
#define T1_ARGS 0      /* five values: operands 0..3, result */
#define T1_RESULT 128
#define T1_HOMES 160
#define T1_HOME_END (T1_FRAME - 64)
#define T1_SAVED_RAX (T1_FRAME - 16)


struct t1_loc {
	int8_t reg;     /* -1: none; 16..31: xmm */
	bool in_home;
	bool in_slot;   /* the memory of `slot` has it */
	bool low;       /* in a vector register: bits 64 and above are zero */
	uint16_t slot;
	int32_t home;   /* offset in the frame, 0: none */
};

struct t1_fix {
	uint8_t *at;    /* a rel32 */
	uint32_t label;
};

/* What follows the call of a slow path in the code: the access, in registers' numbers. Behind it is the jump back. */
struct t1_slow_access {
	uint16_t memop;
	uint8_t op;      /* enum ir_opcode */
	uint8_t type;    /* enum ir_type; T1_ADDRESS32: the address is cut to 32 bits */
	uint8_t a, b, c, d; /* 16..31: xmm; T1_NO_REG: none; b: imm instead */
	int32_t disp, imm;
};
#define T1_ADDRESS32 128
#define T1_NO_REG 255
_Static_assert(sizeof(struct t1_slow_access) == 16 && IR_OPS < 256, "as in code");

/* A pending setflags (x86-64-lazy.c) and where its operands are at some point. */
struct t1_lazy {
	uint16_t op;    /* 0: none */
	bool host;      /* the host's flags are its flags there */
	struct rm a, b;
};

struct t1_cold {
	uint8_t kind;   /* enum t1_cold_kind */
	uint8_t reg;
	uint8_t *from;  /* rel32 that jumps here */
	uint8_t *back;
	uint32_t op;
	uint64_t pc;
	uint32_t uncounted;
	uint8_t arg[3]; /* xmm registers of the operands */
	bool xmm;       /* tlb: vector registers are live */
	struct t1_slow_access slow;
	struct t1_lazy lazy;
};
enum t1_cold_kind { T1_COLD_POLL, T1_COLD_ALIGN, T1_COLD_FP, T1_COLD_TLB, T1_COLD_MISS, T1_COLD_EXIT };

struct t1_gen {
	uint8_t *p, *limit;
	struct ir_region *r;
	const struct ir_guest *guest;
	struct jit *j;
	uint32_t region;      /* engine's number */
	uint32_t at;          /* operation */
	bool failed;          /* out of homes, code or fix-ups: the caller translates less */
	bool fp_host;         /* floating point by the host's instructions */
	int32_t bias;         /* rbp = state + bias */
	uint64_t insn_pc;
	uint32_t insn_extra;
	uint32_t pending;     /* the setflags that is still to be done, 0: none */
	uint32_t pinned;      /* host registers */
	uint32_t locked;      /* registers of the operation's operands */
	ir_ref owner[32];
	uint16_t pin_slot[16];
	int8_t slot_reg[IR_MAX_SLOTS];
	ir_ref slot_alias[IR_MAX_SLOTS];
	int32_t local_home[IR_MAX_LOCALS];
	int32_t homes;
	struct t1_loc *loc;
	uint8_t *label[IR_MAX_LABELS];
	uint8_t label_used[IR_MAX_LABELS / 8]; /* by a jump */
	struct t1_fix fix[1024];
	unsigned fixes;
	struct t1_cold cold[512];
	unsigned colds;
	struct { uint8_t *at; uint32_t op; } literal[512];
	unsigned literals;
	uint8_t *delta, *delta_limit;
	uint8_t *delta_host;  /* host address that the delta table has reached */
	uint64_t delta_pc;
	uint32_t uncounted;   /* counting: instructions that were taken off the budget, from the present one on */
};

#define INS(op, reg, m) (g->p = asm_ins(g->p, op, reg, m))

struct t1_host {
	bool bmi2, lzcnt, popcnt, movbe, sse41, ssse3, avx, avx2, fma;
};
extern struct t1_host t1_host;

static inline unsigned t1_w(unsigned type) { return type == IR_I64 ? O_W : 0; }
static inline bool t1_is_int(unsigned type) { return type >= IR_I8 && type <= IR_I64; }
static inline bool t1_is_xmm(unsigned type)
{
	return type == IR_F32 || type == IR_F64 || type == IR_V64 || type == IR_V128 || type == IR_I128 || type == IR_F128;
}
static inline struct rm t1_state(const struct t1_gen *g, uint32_t offset)
{
	return rm_mem(RBP, (int32_t)offset - g->bias);
}
static inline struct rm t1_slot(const struct t1_gen *g, unsigned slot)
{
	return t1_state(g, g->guest->slots[slot].offset);
}
/* The guest base, or in system mode struct mmu. */
static inline bool t1_uses_r15(const struct t1_gen *g) { return g->j->config.guest_base || g->j->config.machine; }
static inline unsigned t1_type(const struct t1_gen *g, ir_ref t) { return g->r->temp[t].type; }
static inline bool t1_dies(const struct t1_gen *g, ir_ref t) { return g->r->temp[t].last <= g->at; }
static inline bool t1_constant(const struct t1_gen *g, ir_ref t) { return g->r->temp[t].constant; }

/* ---- x86-64-alloc.c ---- */
void t1_begin(struct t1_gen *g);
unsigned t1_alloc(struct t1_gen *g);           /* a free general register; locked until the operation ends */
unsigned t1_alloc_xmm(struct t1_gen *g);
void t1_vacate(struct t1_gen *g, unsigned reg); /* its value moves away or to its home; then locks it */
unsigned t1_reg(struct t1_gen *g, ir_ref t);   /* the value in a general register; locked */
unsigned t1_xmm(struct t1_gen *g, ir_ref t);
struct rm t1_operand(struct t1_gen *g, ir_ref t); /* register or memory, whichever it is in */
bool t1_imm32(const struct t1_gen *g, ir_ref t, unsigned type, int32_t *v);
int32_t t1_home(struct t1_gen *g, ir_ref t);   /* makes sure that the home has it */
int32_t t1_new_home(struct t1_gen *g, unsigned type);
/* A register for the result, which may be that of operand a if it dies here (0: none). */
unsigned t1_dest(struct t1_gen *g, ir_ref dst, ir_ref a);
unsigned t1_dest_xmm(struct t1_gen *g, ir_ref dst, ir_ref a);
void t1_dest_is(struct t1_gen *g, ir_ref dst, unsigned reg); /* the result came in this free register */
void t1_forget(struct t1_gen *g, ir_ref t);    /* its register is free */
void t1_end_op(struct t1_gen *g, const struct ir_op *o);
void t1_get(struct t1_gen *g, const struct ir_op *o);
void t1_set(struct t1_gen *g, const struct ir_op *o);
void t1_wide_load(struct t1_gen *g, ir_ref t, struct rm m);
void t1_wide_store(struct t1_gen *g, ir_ref t, struct rm m);
void t1_block_end(struct t1_gen *g);           /* a label: nothing is in registers */
void t1_mov(struct t1_gen *g, unsigned to, unsigned from, unsigned type);
void t1_imm(struct t1_gen *g, unsigned reg, uint64_t v);
void t1_move(struct t1_gen *g, unsigned reg, struct rm m, unsigned type, bool store); /* by type, any register */
/* Around a call of C: what must survive is in memory; helper flags say what of the guest's state must be there. */
void t1_call_begin(struct t1_gen *g, unsigned helper_flags);
void t1_call_end(struct t1_gen *g, unsigned helper_flags);
void t1_pins(struct t1_gen *g, bool store, uint32_t which);
void t1_clean_upper(struct t1_gen *g); /* after a call of C */

/* ---- x86-64-int.c ---- */
bool t1_int(struct t1_gen *g, const struct ir_op *o);
unsigned t1_compare(struct t1_gen *g, unsigned cond, unsigned type, ir_ref a, ir_ref b); /* the host's condition code */
/* ---- x86-64-mem.c ---- */
bool t1_memory(struct t1_gen *g, const struct ir_op *o);
void t1_cold(struct t1_gen *g, unsigned cc, unsigned kind, unsigned reg); /* a jump to cold code at the region's end if cc */
void t1_swap(struct t1_gen *g, unsigned d, unsigned bytes);
/* ---- x86-64-tlb.c ---- */
bool t1_memory_machine(struct t1_gen *g, const struct ir_op *o);
void t1_tlb_cold(struct t1_gen *g, struct t1_cold *c);
void t1_guard(struct t1_gen *g); /* before the body: the mappings are valid */
uint32_t t1_slow_thunk(struct t1_gen *g, bool xmm);
/* ---- x86-64-const.c ---- */
enum t1_const {
	T1_CONST_ABS32, T1_CONST_ABS64, T1_CONST_SIGN32, T1_CONST_SIGN64, T1_CONST_SIGNBIT32, T1_CONST_SIGNBIT64,
	T1_CONST_LEAST32, T1_CONST_LEAST64, T1_CONST_LEAST_SINGLE, T1_CONST_BYTES_0F, T1_CONST_BYTES_10, T1_CONST_BYTES_70, T1_CONST_LOW8, T1_CONST_LOW16, T1_CONST_SWAP16, T1_CONST_SWAP32, T1_CONST_SWAP64, T1_CONST_POPCNT,
	T1_CONST_REV_LOW, T1_CONST_REV_HIGH, T1_CONSTS,
};
void t1_constants(struct t1_gen *g); /* the pool, once */
/* d = a op constant, on xmm registers; op has a VEX form of three operands. */
void t1_constant_op(struct t1_gen *g, unsigned op, unsigned d, unsigned a, enum t1_const which);
/* The instruction that was just written with rm_rip() refers to this one; imm_bytes: of the immediate behind its displacement. */
void t1_rip_fix(struct t1_gen *g, enum t1_const which, unsigned imm_bytes);
/* ---- x86-64-vec.c ---- */
/* Opcode words of vector instructions may have these above the bits that asm_ins() knows. */
enum { T1_NEEDS_SSE41 = 1 << 24, T1_NEEDS_SSSE3 = 1 << 25, T1_NEEDS_SSE42 = 1 << 26 };
/* The one instruction that is the operation on these lanes, if this host has it; else 0. */
uint32_t t1_vec_code(unsigned op, unsigned lane);
void t1_op3(struct t1_gen *g, uint32_t code, unsigned d, unsigned a, unsigned b); /* d = a op b; d may be any of them */
void t1_xmm_constant(struct t1_gen *g, unsigned x, uint64_t lo, uint64_t hi);
/* ---- x86-64-lanes.c ---- */
bool t1_lanes(struct t1_gen *g, const struct ir_op *o);
bool t1_bit_reverse(struct t1_gen *g, const struct ir_op *o);
void t1_vec_shift(struct t1_gen *g, unsigned digit, unsigned lane, unsigned d, unsigned a, unsigned n);
bool t1_vector(struct t1_gen *g, const struct ir_op *o);
bool t1_native(struct t1_gen *g, const struct ir_op *o);
/* ---- x86-64-fp.c ---- */
bool t1_fp(struct t1_gen *g, const struct ir_op *o);
void t1_fp_cold(struct t1_gen *g, struct t1_cold *c);
/* ---- x86-64-call.c ---- */
void t1_fallback(struct t1_gen *g, const struct ir_op *o);
void t1_fallback_memory(struct t1_gen *g, const struct ir_op *o);
void t1_helper(struct t1_gen *g, const struct ir_op *o);
void t1_flags(struct t1_gen *g, const struct ir_op *o);
void t1_store_pc(struct t1_gen *g, uint64_t pc, bool extra);
void t1_exit(struct t1_gen *g, const struct ir_op *o);
void t1_poll(struct t1_gen *g, uint64_t pc);
/*
 * jcc to a label, or out of the region if there is nothing but an exit behind it. host_flags: the pending setflags is what the condition
 * is taken from.
 */
void t1_branch(struct t1_gen *g, unsigned cc, uint32_t label, bool host_flags);
/* Is there nothing but an exit behind the label? Then its target. */
bool t1_leads_out(const struct t1_gen *g, uint32_t label, uint64_t *target);
void t1_linked_jump(struct t1_gen *g, uint64_t target);
void t1_label_ref(struct t1_gen *g, uint32_t label); /* the rel32 at g->p - 4 leads there */
void t1_leave(struct t1_gen *g, unsigned reason);
void t1_eval_in_frame(struct cpu *cpu, const struct ir_op *o, union ir_value *frame, const struct ir_guest *guest);
void t1_literal(struct t1_gen *g, unsigned reg, uint32_t op); /* lea reg, [op] */
void t1_argument(struct t1_gen *g, unsigned reg, ir_ref t);
void t1_flags_change(struct t1_gen *g); /* setflags changes the slot behind its values' backs: they move */
/* ---- x86-64-flags.c ---- */
bool t1_x86_flags(const struct t1_gen *g);
void t1_flags_x86(struct t1_gen *g, const struct ir_op *o);
void t1_status_out(struct t1_gen *g, unsigned r, unsigned s); /* to the slot; changes both registers */
void t1_status_in(struct t1_gen *g, unsigned r, unsigned s);
void t1_flags_now(struct t1_gen *g, const struct ir_op *o); /* a setflags, inline */
/* ---- x86-64-lazy.c ---- */
bool t1_lazy_defer(struct t1_gen *g, const struct ir_op *o); /* the setflags becomes the pending one; false: it cannot, and none is */
void t1_lazy_now(struct t1_gen *g); /* the pending one, if any, inline. No operand is locked. */
bool t1_lazy_inline(const struct t1_gen *g, const struct ir_op *o); /* does the operation want that, when one is pending? */
bool t1_lazy_same(const struct t1_gen *g, const struct ir_op *branch); /* the comparison gives the pending one's flags */
/* Increments and decrements: all flags but the carry; t1_step_rax() has them all, the old carry included, in the host's. */
bool t1_keeps_carry(const struct t1_gen *g, const struct ir_op *o);
void t1_step_rax(struct t1_gen *g, const struct ir_op *o);
void t1_lazy_note(struct t1_gen *g, struct t1_lazy *z);
void t1_lazy_cold(struct t1_gen *g, const struct t1_lazy *z, bool keep_rax);
/* ---- x86-64-gen.c ---- */
int32_t t1_bias(const struct ir_guest *guest);
#endif
