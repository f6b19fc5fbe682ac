/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the vector translators share. */
#ifndef ISA_AARCH64_TRANSLATE_VEC_H
#define ISA_AARCH64_TRANSLATE_VEC_H
#include "isa/aarch64/translate.h"
#include "isa/aarch64/vec.h"

static inline ir_ref a64_v(T *t, unsigned n) { return ir_get(t->r, A64_SLOT_V + n); }
static inline ir_ref a64_zero(T *t) { return ir_const_wide(t->r, IR_V128, 0, 0); }
static inline unsigned a64_q(uint32_t i) { return i >> 30 & 1; }
/* The low half, the rest zero. */
static inline ir_ref a64_low(T *t, ir_ref v) { return ir_vresize(t->r, IR_V128, ir_vresize(t->r, IR_V64, v)); }
static inline ir_ref a64_half(T *t, ir_ref v, unsigned high)
{
	return high ? ir_vec2(t->r, IR_VEXT, IR_I8, v, v, 8) : v;
}
/* A result of 64 (q 0) or 128 bits. */
static inline void a64_set_v(T *t, unsigned n, unsigned q, ir_ref v)
{
	ir_set(t->r, A64_SLOT_V + n, q ? v : a64_low(t, v));
}
/* An integer as the register's low bits, the rest zero. */
static inline void a64_set_bits(T *t, unsigned n, ir_ref v)
{
	ir_ref wide = ir_bitcast(t->r, IR_V64, ir_zext(t->r, IR_I64, v));
	ir_set(t->r, A64_SLOT_V + n, ir_vresize(t->r, IR_V128, wide));
}
static inline enum ir_type a64_lane(unsigned log2)
{
	static const uint8_t lane[] = {IR_I8, IR_I16, IR_I32, IR_I64};
	return lane[log2];
}

/* Scalar floating point, log2 2 or 3: a register's value, and to a register whose rest becomes zero. */
ir_ref a64_f(T *t, unsigned log2, unsigned n);
void a64_set_f(T *t, unsigned n, ir_ref v);
ir_ref a64_scalar2(T *t, unsigned op, unsigned log2, ir_ref a, ir_ref b);
/* `count` elements by the C function; b, d: 0 where there is none. The rest of the result is zero. */
ir_ref a64_fv(T *t, enum a64_fp op, unsigned log2, unsigned count, ir_ref a, ir_ref b, ir_ref d);
ir_ref a64_vi(T *t, unsigned op, unsigned log2, unsigned count, ir_ref a, ir_ref b, ir_ref d);
uint64_t a64_fp_imm(unsigned imm8, unsigned log2);
/* An integer operation on whole registers: 16 bytes when q, else 8. */
ir_ref a64_three_op(T *t, unsigned op, unsigned log2, unsigned q, ir_ref a, ir_ref b, ir_ref d);
ir_ref a64_fp_three_op(T *t, unsigned op, unsigned log2, unsigned q, ir_ref a, ir_ref b, ir_ref d);
#endif
