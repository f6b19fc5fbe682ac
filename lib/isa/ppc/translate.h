/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From PowerPC to the intermediate form. A translator gets the instruction and its row's argument and appends operations; false: the
 * encoding is reserved, the program gets the illegal-instruction exception. It sets registers after its last operation that may fault.
 *
 * Within a region the translator knows where a CR field came from: a branch behind a comparison is a comparison of the operands.
 */
#ifndef ISA_PPC_TRANSLATE_H
#define ISA_PPC_TRANSLATE_H
#include "isa/ppc/cpu.h"
#include "isa/ppc/helpers.h"
#include "isa/ppc/ops.h"
#include "isa/ppc/rows.h"
#include "jit/run.h"

/* Slots. */
enum {
	PPC_SLOT_GPR, PPC_SLOT_LR = 32, PPC_SLOT_CTR, PPC_SLOT_CA, PPC_SLOT_CA32, PPC_SLOT_SO, PPC_SLOT_OV, PPC_SLOT_OV32, PPC_SLOT_FPCC,
	PPC_SLOT_FPOP, PPC_SLOT_FPA, PPC_SLOT_FPB, PPC_SLOT_FPC, PPC_SLOT_CRV, PPC_SLOT_CRX = PPC_SLOT_CRV + 8,
	PPC_SLOT_VSR = PPC_SLOT_CRX + 8, PPC_SLOTS = PPC_SLOT_VSR + 64,
};

extern struct ir_guest ppc32_guest, ppc64_guest;
extern const struct ir_front ppc32_front, ppc64_front;
/* cold.c: ir_front.cold */
bool ppc_cold(struct cpu *cc, const uint8_t *code, size_t n);

struct ppc_exit {
	uint16_t label;
	uint64_t pc;
};

/* What is known of a CR field. */
enum ppc_cr_kind { PPC_CR_UNKNOWN, PPC_CR_SIGNED, PPC_CR_UNSIGNED, PPC_CR_FLOAT };
struct ppc_cr {
	uint8_t kind;
	ir_ref a, b;    /* compared; FLOAT: a is the relation */
	ir_ref so;      /* i8 */
	ir_ref bit[4];  /* LT GT EQ SO as i32 1 or 0, where known by itself; wins over the kind */
	ir_ref field;   /* the four bits as i32, 0: not at hand */
};

struct ppc_tr {
	struct ir_region *r;
	struct ppc_cpu *c;       /* for features, byte order and mode, which belong to the region's key */
	uint64_t pc;
	bool end;                /* the region ends with this instruction */
	bool be;
	bool narrow;             /* 32-bit mode with registers of 64 bits */
	bool careful;            /* floating-point exceptions are enabled */
	uint8_t type;            /* of a register: IR_I32 or IR_I64 */
	unsigned exits;          /* conditional branches out; placed at the region's end */
	struct ppc_exit exit[16];
	struct ppc_cr cr[8];
};
typedef struct ppc_tr T;

/* Bits n..n+len-1 of the manual, which counts from the left. */
static inline unsigned ppc_field(uint32_t i, unsigned n, unsigned len) { return i >> (32 - n - len) & ((1u << len) - 1); }
#define RT(i) ppc_field(i, 6, 5)
#define RA(i) ppc_field(i, 11, 5)
#define RB(i) ppc_field(i, 16, 5)
#define RC(i) ppc_field(i, 21, 5)
#define SI(i) ((int64_t)(int16_t)(i))
#define UI(i) ((uint64_t)(uint16_t)(i))
#define XT(i) (((i) & 1) << 5 | RT(i))
#define XA(i) (((i) >> 2 & 1) << 5 | RA(i))
#define XB(i) (((i) >> 1 & 1) << 5 | RB(i))
#define XC(i) (((i) >> 3 & 1) << 5 | RC(i))

static inline ir_ref ppc_imm(T *t, enum ir_type type, uint64_t v) { return ir_const(t->r, type, v); }
static inline ir_ref ppc_k(T *t, uint64_t v) { return ir_const(t->r, t->type, v); }
static inline ir_ref ppc_gpr(T *t, unsigned n) { return ir_get(t->r, n); }
static inline ir_ref ppc_gpr0(T *t, unsigned n) { return n ? ir_get(t->r, n) : ppc_k(t, 0); }
static inline ir_ref ppc_w(T *t, unsigned n) { return ir_zext(t->r, IR_I32, ir_get(t->r, n)); }
/* v of the register's type or narrower, then zero-extended */
static inline void ppc_set(T *t, unsigned n, ir_ref v) { ir_set(t->r, n, ir_zext(t->r, t->type, v)); }
static inline void ppc_set_s(T *t, unsigned n, ir_ref v) { ir_set(t->r, n, ir_sext(t->r, t->type, v)); }
static inline ir_ref ppc_vsr(T *t, unsigned n) { return ir_get(t->r, PPC_SLOT_VSR + n); }
static inline void ppc_set_vsr(T *t, unsigned n, ir_ref v) { ir_set(t->r, PPC_SLOT_VSR + n, v); }
static inline ir_ref ppc_vr(T *t, unsigned n) { return ir_get(t->r, PPC_SLOT_VSR + 32 + n); }
static inline void ppc_set_vr(T *t, unsigned n, ir_ref v) { ir_set(t->r, PPC_SLOT_VSR + 32 + n, v); }
/* Doubleword 0 of a vector-scalar register. */
static inline ir_ref ppc_f(T *t, unsigned n) { return ir_vgetlane(t->r, IR_F64, ppc_vsr(t, n), 0); }
static inline ir_ref ppc_fbits(T *t, unsigned n) { return ir_vgetlane(t->r, IR_I64, ppc_vsr(t, n), 0); }
/* v of f64, i64 or v64; doubleword 1 becomes 0, as version 3.1 has it (undefined before). */
static inline void ppc_set_f(T *t, unsigned n, ir_ref v)
{
	ppc_set_vsr(t, n, ir_vresize(t->r, IR_V128, ir_bitcast(t->r, IR_V64, v)));
}

static inline ir_ref ppc_call(T *t, enum ppc_helper_id id, ir_ref a, ir_ref b, ir_ref c, ir_ref d, ir_ref e)
{
	return ir_call(t->r, &ppc_helpers[id], (ir_ref[]){a, b, c, d, e});
}

/* Is the processor in 64-bit mode? Rc and carries look at the low 32 bits otherwise. */
static inline bool ppc_wide(const T *t) { return t->type == IR_I64 && !t->narrow; }

/* ---- addresses: of type i32 in 32-bit mode ---- */
static inline ir_ref ppc_address(T *t, ir_ref v) { return ppc_wide(t) ? v : ir_zext(t->r, IR_I32, v); }
static inline ir_ref ppc_ea_x(T *t, uint32_t i)
{
	return ppc_address(t, RA(i) ? ir_add(t->r, ppc_gpr(t, RA(i)), ppc_gpr(t, RB(i))) : ppc_gpr(t, RB(i)));
}
/* log2 of the bytes and flags in the guest's byte order. */
static inline unsigned ppc_memop(const T *t, unsigned log2) { return log2 | (t->be && log2 ? IR_MEM_BE : 0); }

/* ---- CR (translate-cr.c) ---- */
void ppc_cr_compare(T *t, unsigned field, bool is_signed, ir_ref a, ir_ref b);
void ppc_cr_float(T *t, unsigned field, ir_ref relation);
/* Four bits in an i32. */
void ppc_cr_set(T *t, unsigned field, ir_ref bits);
ir_ref ppc_cr_get(T *t, unsigned field);
ir_ref ppc_cr_bit(T *t, unsigned bit); /* i32, 1 or 0 */
/* The bit as a comparison. */
enum ir_cond ppc_cr_test(T *t, unsigned bit, ir_ref *a, ir_ref *b);
void ppc_cr_forget(T *t);
void ppc_rc0(T *t, ir_ref v);
static inline void ppc_rc(T *t, uint32_t i, ir_ref v)
{
	if (i & 1)
		ppc_rc0(t, v);
}

/* A conditional way out of the region: its label. */
unsigned ppc_exit_label(T *t, uint64_t pc);
void ppc_illegal(T *t, uint32_t i, enum ppc_vector vector);
/* ppc_fp.c: records the operation that FPRF, FR, FI will be made from. */
void ppc_fp_note(T *t, unsigned op, ir_ref a, ir_ref b, ir_ref c);
/* Brings FPSCR up to date before a helper looks at it. */
void ppc_fpscr_sync(T *t);
/* op: enum ppc_fp_op; a, b, c f64 (b, c 0: none) */
ir_ref ppc_fp_do(T *t, unsigned op, ir_ref a, ir_ref b, ir_ref c);
/* The next region begins with another rounding or other enabled exceptions. */
void ppc_fp_mode_changed(T *t);
/* Behind an operation in `careful` mode: an exception that is enabled ends the instruction. */
void ppc_fp_check(T *t);
ir_ref ppc_single_to_double(T *t, ir_ref v);            /* f32 to f64, as lfs does */
ir_ref ppc_double_to_single(T *t, unsigned n);           /* FPR to i32, as stfs does */
void ppc_fp_scalar(T *t, unsigned op, unsigned target, ir_ref a, ir_ref b, ir_ref c);
void ppc_fp_compare(T *t, unsigned field, ir_ref a, ir_ref b, bool ordered);
ir_ref ppc_fp_sign(T *t, unsigned kind, ir_ref v);
ir_ref ppc_copy_sign(T *t, ir_ref sign, ir_ref v);
void ppc_set_ca(T *t, ir_ref ca);
ir_ref ppc_bswap_lanes(T *t, ir_ref v); /* each doubleword's bytes: a vector between memory order and ours, big-endian */
ir_ref ppc_swap_halves(T *t, ir_ref v);
/* translate-vec.c: of whole registers */
void ppc_cr6(T *t, ir_ref v); /* CR6 of a comparison's result */
ir_ref ppc_merge(T *t, ir_ref a, ir_ref b, unsigned how);
ir_ref ppc_permute(T *t, ir_ref a, ir_ref b, ir_ref c, bool right);
ir_ref ppc_shift_words(T *t, ir_ref a, ir_ref b, unsigned words);
ir_ref ppc_element(T *t, ir_ref v, unsigned log2, unsigned n);

typedef bool ppc_translate_fn(T *t, uint32_t i, unsigned arg);
#define ROW(...) ROW_(__VA_ARGS__)
#define ROW_(value, mask, name, operands, fn, arg, feature) extern ppc_translate_fn fn;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wredundant-decls"
#include "isa/ppc/rows.def"
#pragma GCC diagnostic pop
#undef ROW_
#undef ROW
#endif
