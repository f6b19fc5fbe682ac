/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The intermediate form: what an instruction-set front end writes and every back end reads.
 *
 * Theory of operation
 *
 * A *region* is a list of operations with one entry (its start), several exits, labels and back edges inside. An operation has up
 * to four operands and one result; ops.def has one row each.
 *
 * A *value* (ir_ref) is defined once: a constant, or the result of one operation, which must come before every use on every path.
 * What changes on paths that meet again goes through a *slot* or a *local*. A slot is a guest register: a typed field of
 * the guest's state that the front end declared once in struct ir_guest. A local is a variable of the region, gone at its
 * exits. Slots do not overlap each other, nor what ir_lds()/ir_sts() and helpers of unknown reach touch.
 *
 * Guest state is exact at every operation that may fault: what was set before is in effect, what is set later
 * is not. So a front end sets slots after the last operation of the instruction that may fault (or in the
 * order the architecture demands). The front end begins each guest instruction with ir_insn(). All values of an
 * instruction may be used by later ones.
 *
 * Integers narrower than the host's registers have no defined upper bits; the type of the operation is all that counts.
 *
 * The builder folds constants, reduces identities and forwards values of slots as it goes: ir_get() after
 * ir_set() of the same slot gives the same value and no operation. Nothing here allocates but ir_region_new().
 */
#ifndef JIT_IR_H
#define JIT_IR_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include "base/err.h"

struct fpu_status;

typedef uint16_t ir_ref; /* a value; 0: none */

enum ir_type {
	IR_VOID, IR_I8, IR_I16, IR_I32, IR_I64, IR_I128,
	IR_F16, IR_F32, IR_F64, IR_F80, IR_F128,
	IR_V64, IR_V128, IR_V256, IR_TYPES
};

enum ir_opcode {
	IR_NOP, /* removed by a pass */
#define IR_OP(NAME, ...) IR_##NAME,
#include "jit/ops.def"
	IR_OPS
};

/*
 * imm of `native`: opcode | map << 8 | prefix (0, 66, F3, F2) << 12 | REX.W << 16, and these. The form is `op dst, b` with dst = a before
 * that, or with a register extension `op a, imm8`.
 */
#define IR_NATIVE_IMM (1ull << 20)   /* an immediate byte, << 24 */
#define IR_NATIVE_DIGIT (1ull << 21) /* modrm.reg is an extension, << 32 */

/* Relations of two integers. An odd condition is the negation of the even one before it. */
enum ir_cond {
	IR_EQ, IR_NE, IR_LTU, IR_GEU, IR_LEU, IR_GTU, IR_LTS, IR_GES, IR_LES, IR_GTS,
	IR_TSTZ, IR_TSTNZ, /* a & b is zero, is not */
	IR_CONDS
};

/* A memop: IR_MEM(bytes) | flags. The value in memory; the operation's type is that of the value in the region. */
enum {
	IR_MEM_LOG2 = 7,         /* log2 of the bytes, 0..5 */
	IR_MEM_SIGNED = 1 << 3,  /* a narrower integer is sign-extended */
	IR_MEM_BE = 1 << 4,      /* most significant byte first */
	IR_MEM_ALIGN_SHIFT = 5,  /* log2 of the alignment whose violation is TRAP_EXCEPTION IR_VECTOR_ALIGN; 3 bits */
	IR_MEM_ATOMIC = 1 << 8,  /* one access, if aligned to its size */
	IR_MEM_ACQUIRE = 1 << 9, IR_MEM_RELEASE = 1 << 10,
	IR_MEM_INDEX_SHIFT = 12, /* which memory map (privilege); 4 bits; user mode: 0 */
};
#define IR_MEM(bytes) ((unsigned)__builtin_ctz(bytes))
#define IR_MEM_ALIGNED(bytes) ((unsigned)__builtin_ctz(bytes) << IR_MEM_ALIGN_SHIFT)

enum ir_fence { IR_FENCE_LL = 1, IR_FENCE_LS = 2, IR_FENCE_SL = 4, IR_FENCE_SS = 8, IR_FENCE_ALL = 15 };

/* What kind of jump an exit is, for the return stack. FAR: the instruction may have changed more than pc (mode, mappings). */
enum ir_hint { IR_HINT_NONE, IR_HINT_CALL, IR_HINT_RET, IR_HINT_FAR };

/* op->x of floating-point operations: the guest's own rounding, or 1 + enum fpu_round. */
enum ir_round { IR_ROUND_GUEST, IR_ROUND_NEAREST, IR_ROUND_DOWN, IR_ROUND_UP, IR_ROUND_ZERO, IR_ROUND_AWAY, IR_ROUND_ODD };
/*
 * With that, for fadd fsub fmul fdiv fsqrt fma of f64: the exact result is rounded once, to what an f32 holds, and stays an f64. Machines
 * that keep singles in doubles have such operations.
 */
#define IR_ROUND_SINGLE 8u

/* Results of fcmp, and a set of them for vfcmp. */
enum ir_relation { IR_REL_LT = 1, IR_REL_EQ = 2, IR_REL_GT = 4, IR_REL_UN = 8, IR_REL_SIGNALLING = 16 };

/* What ftoi gives for what the integer type cannot hold. */
enum ir_ftoi {
	IR_FTOI_SIGNED = 1,
	IR_FTOI_SATURATE = 0,       /* NaN gives 0 (ARM) */
	IR_FTOI_INDEFINITE = 2,     /* always the sign bit alone (signed) or all ones (unsigned): x86 */
	IR_FTOI_SATURATE_NAN_MIN = 4, /* NaN gives the least value (PowerPC) */
	IR_FTOI_EXACT_QUIET = 8,    /* does not raise inexact */
};

struct ir_op {
	uint16_t op;  /* enum ir_opcode */
	uint8_t type; /* enum ir_type */
	uint8_t aux;  /* condition, lane type, sub-kind: ops.def says */
	ir_ref dst, a, b, c, d;
	ir_ref y;     /* call: the fifth argument */
	uint32_t x;   /* slot, label, memop, rounding; deposit/extract: pos | len << 8 */
	uint32_t z;   /* the passes' own */
	uint64_t imm;
};

union ir_value {
	uint8_t u8[32];
	uint16_t u16[16];
	uint32_t u32[8];
	uint64_t u64[4];
	unsigned __int128 u128[2];
}; /* aligned to 16, by its largest member */

struct ir_temp {
	uint8_t type;
	bool constant;
	uint16_t def;   /* operation that defines it */
	uint16_t last;  /* last use, filled by ir_optimise(); 0: none */
	uint8_t hint;   /* back end: 1 + slot that it would best be computed in */
	bool crosses;   /* back end: used behind a label that comes after its definition */
	uint64_t value; /* of a constant, zero-extended from its type (integers and f16, f32, f64 bit patterns) */
};

/* ---- what a front end declares once ---- */

struct ir_slot {
	const char *name;
	uint32_t offset; /* in the guest's state */
	uint8_t type;
};

/*
 * Flags of one guest family as a tuple (operation, a, b, result) that is turned into bits only when somebody looks.
 * The status bits live in a slot of type i32 or i64 at their architectural places.
 *
 * setflags replaces the bits in `imm` (a subset of mask) by compute(x, a, b, c) and leaves the others. Inside a region
 * a condition directly after setflags becomes a comparison of its operands, through fuse(); flags that nobody reads before they are
 * set again are never computed.
 */
enum ir_flag_operand { IR_FLAG_A, IR_FLAG_B, IR_FLAG_R, IR_FLAG_ZERO, IR_FLAG_IMM = 16 /* and more: that constant plus 16 */ };
struct ir_fuse {
	uint8_t cond;     /* enum ir_cond */
	uint8_t lhs, rhs; /* enum ir_flag_operand */
};
/* What host flags have the same meaning; for back ends that compute the bits inline. */
enum ir_host_flags {
	IR_HOST_FLAGS_NONE,      /* call compute() */
	IR_HOST_FLAGS_SUB,       /* a - b: carry is the borrow */
	IR_HOST_FLAGS_SUB_NOT_C, /* a - b: carry is no borrow (ARM) */
	IR_HOST_FLAGS_ADD,       /* a + b */
	IR_HOST_FLAGS_RESULT,    /* the result is the bits, all of them */
	IR_HOST_FLAGS_LOGIC,     /* negative and zero of the result, carry and overflow 0 */
	/* with ir_flags.x86 only; any integer type */
	IR_HOST_FLAGS_ADC, IR_HOST_FLAGS_SBB, /* a, b, result */
	IR_HOST_FLAGS_SHL, IR_HOST_FLAGS_SHR, IR_HOST_FLAGS_SAR, /* a by b, not 0 */
	IR_HOST_FLAGS_ROL, IR_HOST_FLAGS_ROR, /* carry and overflow of the result c */
	IR_HOST_FLAGS_BITS,      /* a is the bits */
};
#define IR_NO_BIT 0xff
/* Conditions on negative, zero, carry, overflow. An odd one is the negation of the even one before it. */
enum ir_nzcv {
	IR_NZCV_Z, IR_NZCV_NOT_Z, IR_NZCV_C, IR_NZCV_NOT_C, IR_NZCV_N, IR_NZCV_NOT_N, IR_NZCV_V, IR_NZCV_NOT_V,
	IR_NZCV_HI /* carry and not zero */, IR_NZCV_NOT_HI, IR_NZCV_GE /* negative as overflow */, IR_NZCV_NOT_GE,
	IR_NZCV_GT /* the same, and not zero */, IR_NZCV_NOT_GT, IR_NZCV_NONE,
};
struct ir_flags {
	uint16_t slot;
	uint64_t mask; /* all status bits of the family */
	/* The bits (of mask) that operation x gives. Pure. Operands are zero-extended from the type of setflags. */
	uint64_t (*compute)(uint32_t x, uint64_t a, uint64_t b, uint64_t r);
	/* Does the guest's condition hold for these bits? Pure. */
	bool (*test)(unsigned condition, uint64_t bits);
	/* Bits that the condition depends on. */
	uint64_t (*needs)(unsigned condition);
	/* The condition after operation x as a comparison in the type of setflags; false when it is none. May be NULL. */
	bool (*fuse)(uint32_t x, unsigned condition, struct ir_fuse *f);
	/*
	 * For i32 and i64: which host flags operation x sets, and the numbers of the slot's bits for negative, zero, carry, overflow
	 * (IR_NO_BIT: there is none). host may be NULL. Fastest on x86-64: 15, 14, 8, 0 with nothing else in the slot.
	 */
	enum ir_host_flags (*host)(uint32_t x);
	uint8_t n, z, c, v;
	bool alone; /* the slot holds nothing but `mask`: its other bits are zero */
	/*
	 * Status bits, conditions and what operations give are those of x86 itself (SDM volume 1, 3.4.3.1 and appendix B), the slot is
	 * RFLAGS. A back end for such a host may keep the bits in the host's form; then SUB is a - b with borrow, in all types.
	 */
	bool x86;
	/* The guest's condition as one on these four bits; IR_NZCV_NONE: it is none. May be NULL. */
	enum ir_nzcv (*nzcv)(unsigned condition);
};

/* Slot kept in a host register; host register numbers are the back end's (x86-64: rbx 3, r8..r15). */
struct ir_pin {
	uint16_t slot;
	uint8_t reg;
};

#define IR_NO_SLOT 0xffffu
#define IR_NO_OFFSET 0xffffffffu

struct ir_guest {
	const char *name;
	const struct ir_slot *slots;
	unsigned slot_count;      /* at most IR_MAX_SLOTS */
	uint32_t pc_offset;       /* where the state has the program counter */
	uint8_t pc_type;          /* IR_I32 or IR_I64: also its address width */
	uint8_t pc_zeros;         /* low bits of it that are zero unless it is wrong: the table for indirect jumps leaves them out; at most 3 */
	uint32_t extra_offset;    /* where op->x of the last insn is restored at a fault (u32), or IR_NO_OFFSET */
	uint32_t fpu_offset;      /* struct fpu_status in the state, or IR_NO_OFFSET */
	bool fpu_tiny_before;     /* its tiny_before, always */
	uint32_t mxcsr_offset;    /* x86: MXCSR in the state (u32); the host's while translated code runs, always masked. 0: none */
	const struct ir_flags *flags; /* NULL: none */
	const struct ir_pin *pins;
	unsigned pin_count;
};

/*
 * A helper: uint64_t fn(struct cpu *, a0..a4). Integers and f16..f64 travel as zero-extended bits; wider arguments as
 * `const union ir_value *`; a wider result is written through a `union ir_value *` passed before the arguments. `ret` IR_VOID: none.
 */
enum ir_helper_flags {
	IR_HELPER_READS = 1,    /* reads slots */
	IR_HELPER_WRITES = 2,   /* writes slots */
	IR_HELPER_FAULTS = 4,   /* may touch guest memory through access.h, or end by ir_raise() */
	IR_HELPER_PURE = 8,     /* result depends on arguments alone and there is no effect */
	IR_HELPER_ENDS = 16,    /* never returns */
	IR_HELPER_FPENV = 32,   /* looks at or changes what ir_guest.mxcsr_offset names */
	IR_HELPER_STATE = IR_HELPER_READS | IR_HELPER_WRITES,
};
struct ir_helper {
	const char *name;
	void *fn;
	uint8_t ret;     /* enum ir_type */
	uint8_t args;    /* 0..5 */
	uint8_t arg[5];
	uint8_t flags;
};

/* trap.vector of traps that lib/jit itself raises in the guest's name; the ISA's run() turns them into its own. */
#define IR_VECTOR_ALIGN (-2)
#define IR_VECTOR_MEMORY (-1) /* trap.host_fault, trap.address */

/* ---- regions ---- */

#define IR_MAX_SLOTS 512
#define IR_MAX_LOCALS 64
#define IR_MAX_LABELS 512
#define IR_LOCAL 0x8000u /* slot number of the first local */
#define IR_CONST_CACHE 64

struct ir_region {
	const struct ir_guest *guest;
	struct ir_op *op;
	struct ir_temp *temp;
	uint32_t ops, max_ops;
	uint32_t temps, max_temps; /* temps counts from 1 */
	uint32_t insns;
	uint16_t labels, locals;
	bool full; /* something did not fit: the region is worthless */
	uint8_t local_type[IR_MAX_LOCALS];
	uint16_t label_at[IR_MAX_LABELS]; /* the operation that places it */
	uint64_t pc; /* of the entry */
	union ir_value *value; /* of every temp, for the interpreter; constants are filled in. NULL until ir_region_values() */
	/* builder */
	uint32_t epoch;
	uint32_t flags_epoch;
	uint32_t flags_op; /* the last setflags in this block */
	uint16_t const_cache[IR_CONST_CACHE];
	uint16_t slot_value[IR_MAX_SLOTS + IR_MAX_LOCALS];
	uint32_t slot_epoch[IR_MAX_SLOTS + IR_MAX_LOCALS];
};

/* max_ops: 16..60000. NULL when there is no memory. */
struct ir_region *ir_region_new(unsigned max_ops);
void ir_region_free(struct ir_region *r);
/* Makes room for the interpreter's values, once a region object; ir_interp() calls it. 0 or -ENOMEM. */
int ir_region_values(struct ir_region *r);
void ir_begin(struct ir_region *r, const struct ir_guest *guest, uint64_t pc);
/* Is there room for n more operations (and their values)? */
static inline bool ir_room(const struct ir_region *r, unsigned n)
{
	return r->ops + n <= r->max_ops && r->temps + n <= r->max_temps && !r->full;
}

/* ---- builder; every function that gives a value takes and gives ir_ref ---- */

/* The general form, all fields of op but dst, which the builder chooses. Gives dst (0: the operation has none). */
ir_ref ir_emit(struct ir_region *r, const struct ir_op *op);

void ir_insn(struct ir_region *r, uint64_t pc, unsigned length, uint32_t extra);
ir_ref ir_const(struct ir_region *r, enum ir_type type, uint64_t value); /* i8..i64, f16..f64 */
ir_ref ir_const_wide(struct ir_region *r, enum ir_type type, uint64_t lo, uint64_t hi);
ir_ref ir_get(struct ir_region *r, unsigned slot);
void ir_set(struct ir_region *r, unsigned slot, ir_ref value);
unsigned ir_local(struct ir_region *r, enum ir_type type); /* a slot number; undefined until set */
ir_ref ir_lds(struct ir_region *r, enum ir_type type, uint32_t offset);
void ir_sts(struct ir_region *r, ir_ref value, uint32_t offset);

/* Names of rows with one and two operands of one type: ir_add(r, a, b), ir_neg(r, a), ... */
ir_ref ir_unary(struct ir_region *r, enum ir_opcode op, ir_ref a);
ir_ref ir_binary(struct ir_region *r, enum ir_opcode op, ir_ref a, ir_ref b);
#define IR_DEF1(name, NAME) static inline ir_ref ir_##name(struct ir_region *r, ir_ref a) { return ir_unary(r, IR_##NAME, a); }
#define IR_DEF2(name, NAME) \
	static inline ir_ref ir_##name(struct ir_region *r, ir_ref a, ir_ref b) { return ir_binary(r, IR_##NAME, a, b); }
IR_DEF2(add, ADD) IR_DEF2(sub, SUB) IR_DEF2(mul, MUL) IR_DEF2(mulhu, MULHU) IR_DEF2(mulhs, MULHS)
IR_DEF2(divu, DIVU) IR_DEF2(divs, DIVS) IR_DEF2(remu, REMU) IR_DEF2(rems, REMS)
IR_DEF2(and, AND) IR_DEF2(or, OR) IR_DEF2(xor, XOR) IR_DEF2(andn, ANDN)
IR_DEF2(shl, SHL) IR_DEF2(shr, SHR) IR_DEF2(sar, SAR) IR_DEF2(rotl, ROTL) IR_DEF2(rotr, ROTR)
IR_DEF2(minu, MINU) IR_DEF2(maxu, MAXU) IR_DEF2(mins, MINS) IR_DEF2(maxs, MAXS)
IR_DEF1(neg, NEG) IR_DEF1(not, NOT) IR_DEF1(clz, CLZ) IR_DEF1(ctz, CTZ) IR_DEF1(popcnt, POPCNT)
IR_DEF1(bswap, BSWAP) IR_DEF1(bitrev, BITREV) IR_DEF1(mov, MOV) IR_DEF1(fneg, FNEG) IR_DEF1(fabs, FABS)
/* With a constant of the other operand's type. */
ir_ref ir_binary_imm(struct ir_region *r, enum ir_opcode op, ir_ref a, uint64_t b);
#define IR_DEFI(name, NAME) \
	static inline ir_ref ir_##name##_imm(struct ir_region *r, ir_ref a, uint64_t b) { return ir_binary_imm(r, IR_##NAME, a, b); }
IR_DEFI(add, ADD) IR_DEFI(sub, SUB) IR_DEFI(mul, MUL) IR_DEFI(and, AND) IR_DEFI(or, OR) IR_DEFI(xor, XOR)
IR_DEFI(shl, SHL) IR_DEFI(shr, SHR) IR_DEFI(sar, SAR) IR_DEFI(rotl, ROTL) IR_DEFI(rotr, ROTR)
#undef IR_DEF1
#undef IR_DEF2
#undef IR_DEFI

/* To `type` from any integer type: cuts off or extends. */
ir_ref ir_zext(struct ir_region *r, enum ir_type type, ir_ref a);
ir_ref ir_sext(struct ir_region *r, enum ir_type type, ir_ref a);
ir_ref ir_bitcast(struct ir_region *r, enum ir_type type, ir_ref a);
ir_ref ir_concat(struct ir_region *r, enum ir_type type, ir_ref lo, ir_ref hi);
ir_ref ir_part(struct ir_region *r, ir_ref wide, unsigned n); /* the n-th i64 */
ir_ref ir_deposit(struct ir_region *r, ir_ref a, ir_ref b, unsigned pos, unsigned len);
ir_ref ir_extract(struct ir_region *r, ir_ref a, unsigned pos, unsigned len);
ir_ref ir_sextract(struct ir_region *r, ir_ref a, unsigned pos, unsigned len);
ir_ref ir_shrd(struct ir_region *r, ir_ref hi, ir_ref lo, unsigned count);
ir_ref ir_setcond(struct ir_region *r, enum ir_type type, enum ir_cond cond, ir_ref a, ir_ref b);
ir_ref ir_select(struct ir_region *r, enum ir_cond cond, ir_ref a, ir_ref b, ir_ref if_true, ir_ref if_false);

/* Labels: made anywhere, placed once. */
unsigned ir_label(struct ir_region *r);
void ir_place(struct ir_region *r, unsigned label);
void ir_br(struct ir_region *r, unsigned label);
void ir_brcond(struct ir_region *r, enum ir_cond cond, ir_ref a, ir_ref b, unsigned label);

ir_ref ir_ld(struct ir_region *r, enum ir_type type, ir_ref addr, int64_t disp, unsigned memop);
void ir_st(struct ir_region *r, ir_ref addr, int64_t disp, ir_ref value, unsigned memop);
ir_ref ir_cmpxchg(struct ir_region *r, ir_ref addr, int64_t disp, ir_ref expected, ir_ref new_value, unsigned memop);
/* op: IR_XCHG, IR_FETCH_*; gives the old value. */
ir_ref ir_atomic(struct ir_region *r, enum ir_opcode op, ir_ref addr, int64_t disp, ir_ref value, unsigned memop);
void ir_fence(struct ir_region *r, unsigned fence);

/* b, result: 0 where the operation needs none. */
void ir_setflags(struct ir_region *r, uint32_t flags_op, uint64_t mask, ir_ref a, ir_ref b, ir_ref result);
ir_ref ir_getflags(struct ir_region *r, enum ir_type type, uint64_t mask);
ir_ref ir_testflags(struct ir_region *r, enum ir_type type, unsigned condition);
void ir_brflags(struct ir_region *r, unsigned condition, unsigned label);

ir_ref ir_call(struct ir_region *r, const struct ir_helper *h, const ir_ref *args);
void ir_poll(struct ir_region *r, uint64_t pc);
void ir_exit_pc(struct ir_region *r, uint64_t pc);
void ir_exit_call(struct ir_region *r, uint64_t pc, uint64_t return_pc);
void ir_exit_ind(struct ir_region *r, ir_ref pc, enum ir_hint hint, uint64_t return_pc);
/* kind: enum trap_kind; n: vector or number; pc: what the guest's pc shall be; error, address: 0 or values. */
void ir_exit_trap(struct ir_region *r, unsigned kind, int n, uint64_t pc, ir_ref error, ir_ref address);

/* Floating point: op of one, two, three operands, with rounding and sub-kind. */
ir_ref ir_fp(struct ir_region *r, enum ir_opcode op, enum ir_round round, unsigned aux, ir_ref a, ir_ref b, ir_ref c);
ir_ref ir_fcmp(struct ir_region *r, ir_ref a, ir_ref b, bool signalling);
ir_ref ir_fcvt(struct ir_region *r, enum ir_type type, ir_ref a, enum ir_round round);
ir_ref ir_ftoi(struct ir_region *r, enum ir_type type, ir_ref a, enum ir_round round, unsigned how);
ir_ref ir_itof(struct ir_region *r, enum ir_type type, ir_ref a, bool is_signed, enum ir_round round);

/* Vectors: lane is the lane type. */
ir_ref ir_vec1(struct ir_region *r, enum ir_opcode op, enum ir_type lane, ir_ref a, uint64_t imm);
ir_ref ir_vec2(struct ir_region *r, enum ir_opcode op, enum ir_type lane, ir_ref a, ir_ref b, uint64_t imm);
ir_ref ir_vec3(struct ir_region *r, enum ir_opcode op, enum ir_type lane, ir_ref a, ir_ref b, ir_ref c, uint64_t imm);
ir_ref ir_vdup(struct ir_region *r, enum ir_type type, enum ir_type lane, ir_ref scalar);
ir_ref ir_vgetlane(struct ir_region *r, enum ir_type lane, ir_ref v, unsigned n);
/* Reductions and vmsb: `type` is the result's. */
ir_ref ir_vreduce(struct ir_region *r, enum ir_opcode op, enum ir_type type, enum ir_type lane, ir_ref v);
ir_ref ir_vresize(struct ir_region *r, enum ir_type type, ir_ref v);

/* ---- what is known of operations and types ---- */

enum ir_class { IR_CLASS_VOID = 1, IR_CLASS_INT = 2, IR_CLASS_FP = 4, IR_CLASS_VEC = 8 };
extern const uint8_t ir_type_bytes[IR_TYPES]; /* f80: 10 */
extern const uint8_t ir_type_class[IR_TYPES]; /* enum ir_class */
extern const char *const ir_type_name[IR_TYPES];
extern const char *const ir_cond_name[IR_CONDS];

enum ir_kind { IR_K_N, IR_K_T, IR_K_L, IR_K_C, IR_K_A, IR_K_I32, IR_K_I64, IR_K_F, IR_K_X, IR_K_O, IR_K_R };
enum ir_op_flags {
	IR_F_COMM = 1, IR_F_SIDE = 2, IR_F_FAULT = 4, IR_F_RS = 8, IR_F_WS = 16, IR_F_END = 32, IR_F_BR = 64,
	IR_F_LANE = 128, IR_F_FLANE = 256, IR_F_ANYLANE = 512, IR_F_FPENV = 1024,
};
struct ir_op_info {
	const char *name;
	uint8_t classes; /* enum ir_class of op->type */
	bool wide;       /* op->type is longer than 64 bits */
	uint8_t dst, a, b, c, d;
	uint16_t flags;
};
extern const struct ir_op_info ir_op_info[IR_OPS];

static inline bool ir_is_int(unsigned type) { return ir_type_class[type] == IR_CLASS_INT; }
static inline unsigned ir_bits(unsigned type) { return ir_type_bytes[type] * 8u; }
static inline uint64_t ir_mask(unsigned type)
{
	return ir_type_bytes[type] >= 8 ? ~0ull : (1ull << ir_bits(type)) - 1;
}

/* 0, or -EINVAL with the operation's number and what is wrong with it. */
int ir_verify(const struct ir_region *r, struct err *e);
void ir_print(const struct ir_region *r, FILE *f);
void ir_print_op(const struct ir_region *r, const struct ir_op *op, FILE *f);

/*
 * Passes over a finished region: fuses flags, removes what nobody uses, and notes last uses and hints. Requires
 * a region that ir_verify() accepts; establishes ir_temp.last, .crosses, .hint.
 */
void ir_optimise(struct ir_region *r);

/*
 * One operation on operand values: d = op(v[0], v[1], v[2], v[3]); `src` is the type of operand a where it differs from op->type, lane
 * types are op->aux. state: for the guest's struct fpu_status (NULL: floating point is refused). False when the operation is
 * no pure computation. Unused high bytes of *d are zero.
 */
bool ir_eval(const struct ir_guest *guest, void *state, const struct ir_op *op, unsigned src, const union ir_value *v,
	     union ir_value *d);
bool ir_holds(unsigned cond, unsigned type, const union ir_value *a, const union ir_value *b);
/* The parts of ir_eval(), one family each; lib/jit's own. */
bool ir_eval_vec(const struct ir_op *op, unsigned src, const union ir_value *v, union ir_value *d);
bool ir_eval_fp(struct fpu_status *st, const struct ir_op *op, unsigned src, const union ir_value *v, union ir_value *d);

#endif
