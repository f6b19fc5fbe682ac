/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From A64 to the intermediate form. A translator gets the instruction and its row's argument and appends operations; false: the
 * encoding is reserved, the program gets the undefined exception. It sets registers after its last operation that may fault.
 */
#ifndef ISA_AARCH64_TRANSLATE_H
#define ISA_AARCH64_TRANSLATE_H
#include "isa/aarch64/cpu.h"
#include "isa/aarch64/helpers.h"
#include "isa/aarch64/vec.h"
#include "jit/run.h"

/* Slots. */
enum { A64_SLOT_X, A64_SLOT_SP = 31, A64_SLOT_NZCV, A64_SLOT_TPIDR, A64_SLOT_V, A64_SLOTS = A64_SLOT_V + 32 };
/* Operations of the condition flags. */
enum a64_flag_op { A64_FLAGS_SUB, A64_FLAGS_ADD, A64_FLAGS_LOGIC, A64_FLAGS_ADC, A64_FLAGS_FCMP };
/* Forms of an address. */
enum a64_addressing { A64_M_UNSCALED, A64_M_POST, A64_M_PRE, A64_M_REG, A64_M_OFFSET };
/* System registers of MRS and MSR. */
enum a64_sysreg {
	A64_S_NZCV, A64_S_DIT, A64_S_FPCR, A64_S_FPSR, A64_S_TPIDR, A64_S_TPIDRRO, A64_S_CTR, A64_S_DCZID, A64_S_CNTFRQ,
	A64_S_CNTVCT, A64_S_RNDR, A64_S_ID,
};

extern struct ir_guest a64_guest;
extern const struct ir_front a64_front;

struct a64_exit {
	uint16_t label;
	uint64_t pc;
};

struct a64_tr {
	struct ir_region *r;
	struct a64_cpu *c;       /* for features and mode, which belong to the region's key */
	uint64_t pc;
	bool end;                /* the region ends with this instruction */
	bool fz;                 /* FPCR flushes: no host floating point */
	bool be;                 /* data are big-endian */
	unsigned exits;          /* conditional branches out; placed at the region's end */
	struct a64_exit exit[16];
};

typedef struct a64_tr T;

static inline unsigned a64_field(uint32_t i, unsigned lo, unsigned n) { return i >> lo & ((1u << n) - 1); }
static inline int64_t a64_sfield(uint32_t i, unsigned lo, unsigned n)
{
	return (int64_t)((uint64_t)i << (64 - n - lo)) >> (64 - n);
}
#define RD(i) a64_field(i, 0, 5)
#define RN(i) a64_field(i, 5, 5)
#define RM(i) a64_field(i, 16, 5)
#define RA(i) a64_field(i, 10, 5)
#define RT(i) a64_field(i, 0, 5)
#define SF(i) ((i) >> 31)

/* A memop of 1 << log2 bytes of data. */
static inline unsigned a64_memop(const T *t, unsigned log2) { return log2 | (t->be && log2 ? IR_MEM_BE : 0); }

static inline ir_ref a64_imm(T *t, enum ir_type type, uint64_t v) { return ir_const(t->r, type, v); }

/* Registers: 31 is zero (x, w) or the stack pointer (xsp). */
static inline ir_ref a64_x(T *t, unsigned n)
{
	return n == 31 ? ir_const(t->r, IR_I64, 0) : ir_get(t->r, n);
}
static inline ir_ref a64_w(T *t, unsigned n)
{
	return n == 31 ? ir_const(t->r, IR_I32, 0) : ir_zext(t->r, IR_I32, ir_get(t->r, n));
}
static inline ir_ref a64_xsp(T *t, unsigned n) { return ir_get(t->r, n); }
static inline ir_ref a64_reg(T *t, unsigned sf, unsigned n) { return sf ? a64_x(t, n) : a64_w(t, n); }
static inline ir_ref a64_reg_sp(T *t, unsigned sf, unsigned n)
{
	return sf ? ir_get(t->r, n) : ir_zext(t->r, IR_I32, ir_get(t->r, n));
}
/* The value, of i64 or narrower, zero-extended. */
static inline void a64_set(T *t, unsigned n, ir_ref v)
{
	if (n != 31)
		ir_set(t->r, n, ir_zext(t->r, IR_I64, v));
}
static inline void a64_set_sp(T *t, unsigned n, ir_ref v)
{
	ir_set(t->r, n, ir_zext(t->r, IR_I64, v));
}
static inline enum ir_type a64_type(unsigned sf) { return sf ? IR_I64 : IR_I32; }

static inline ir_ref a64_call(T *t, enum a64_helper_id id, ir_ref a, ir_ref b, ir_ref c, ir_ref d, ir_ref e)
{
	return ir_call(t->r, &a64_helpers[id], (ir_ref[]){a, b, c, d, e});
}

/* Flags of operation op in the type of a. */
void a64_flags(T *t, enum a64_flag_op op, ir_ref a, ir_ref b, ir_ref result);
/* The condition as 1 or 0 (i32). */
ir_ref a64_condition(T *t, unsigned cond);
/* A conditional way out of the region: its label. */
unsigned a64_exit_label(T *t, uint64_t pc);
/* DecodeBitMasks() of the manual; false: reserved. */
bool a64_bit_mask(bool n, unsigned imms, unsigned immr, bool wide, uint64_t *mask);
void a64_undefined(T *t, uint32_t i);
bool a64_cold(struct cpu *c, const uint8_t *code, size_t n);

typedef bool a64_translate_fn(T *t, uint32_t i, unsigned arg);
#define ROW(bits, name, operands, fn, arg, feature) extern a64_translate_fn fn;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wredundant-decls"
#include "isa/aarch64/rows.def"
#pragma GCC diagnostic pop
#undef ROW
#endif
