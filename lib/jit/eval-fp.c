/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Floating point through lib/fpu, with the rules that the guest's struct fpu_status holds. */
#include "fpu/fpu.h"
#include "jit/eval.h"

static f16 get_f16(const union ir_value *v) { return v->u16[0]; }
static f32 get_f32(const union ir_value *v) { return v->u32[0]; }
static f64 get_f64(const union ir_value *v) { return v->u64[0]; }
static f80 get_f80(const union ir_value *v) { return (f80){v->u64[0], v->u16[4]}; }
static f128 get_f128(const union ir_value *v) { return (f128){v->u64[0], v->u64[1]}; }
static void put_f16(union ir_value *d, f16 x) { d->u16[0] = x; }
static void put_f32(union ir_value *d, f32 x) { d->u32[0] = x; }
static void put_f64(union ir_value *d, f64 x) { d->u64[0] = x; }
static void put_f80(union ir_value *d, f80 x)
{
	d->u64[0] = x.sig;
	d->u64[1] = x.se;
}
static void put_f128(union ir_value *d, f128 x)
{
	d->u64[0] = x.lo;
	d->u64[1] = x.hi;
}

static unsigned relation(enum fpu_relation r)
{
	return r == FPU_LESS ? IR_REL_LT : r == FPU_EQUAL ? IR_REL_EQ : r == FPU_GREATER ? IR_REL_GT : IR_REL_UN;
}

/* The integer for `fate`, saturated already, as the guest wants it. */
static fpu_u128 integer(enum fpu_int_fate fate, fpu_u128 saturated, unsigned bits, unsigned how)
{
	fpu_u128 mask = bits >= 128 ? ~(fpu_u128)0 : ((fpu_u128)1 << bits) - 1, min = (fpu_u128)1 << (bits - 1);

	if (fate == FPU_INT_OK)
		return saturated & mask;
	if (how & IR_FTOI_INDEFINITE)
		return how & IR_FTOI_SIGNED ? min : mask;
	if (fate == FPU_INT_NAN)
		return how & IR_FTOI_SATURATE_NAN_MIN && how & IR_FTOI_SIGNED ? min : 0;
	return saturated & mask;
}

/* Operations on one format; `round` is already the status's own. */
#define EVAL(T)                                                                                                       \
	static bool eval_##T(struct fpu_status *st, unsigned code, unsigned aux, const union ir_value *v,             \
			     union ir_value *d)                                                                       \
	{                                                                                                             \
		T a = get_##T(&v[0]);                                                                                 \
		switch (code) {                                                                                       \
		case IR_FADD: put_##T(d, T##_add(a, get_##T(&v[1]), st)); return true;                                \
		case IR_FSUB: put_##T(d, T##_sub(a, get_##T(&v[1]), st)); return true;                                \
		case IR_FMUL: put_##T(d, T##_mul(a, get_##T(&v[1]), st)); return true;                                \
		case IR_FDIV: put_##T(d, T##_div(a, get_##T(&v[1]), st)); return true;                                \
		case IR_FREM: put_##T(d, T##_rem(a, get_##T(&v[1]), st)); return true;                                \
		case IR_FSQRT: put_##T(d, T##_sqrt(a, st)); return true;                                              \
		case IR_FMA: put_##T(d, T##_fma(a, get_##T(&v[1]), get_##T(&v[2]), aux, st)); return true;            \
		case IR_FMINMAX: put_##T(d, T##_minmax(a, get_##T(&v[1]), aux, st)); return true;                     \
		case IR_FRINT: put_##T(d, T##_rint(a, st->round, aux & 1, st)); return true;                          \
		case IR_FSCALE: put_##T(d, T##_scale(a, (int)v[1].u32[0], st)); return true;                          \
		case IR_FNEG: put_##T(d, T##_neg(a)); return true;                                                    \
		case IR_FABS: put_##T(d, T##_abs(a)); return true;                                                    \
		case IR_FCMP: d->u64[0] = relation(T##_compare(a, get_##T(&v[1]), aux & 1, st)); return true;         \
		case IR_FCLASS: d->u64[0] = (uint64_t)T##_class(a); return true;                                      \
		}                                                                                                     \
		return false;                                                                                         \
	}                                                                                                             \
	static void to_int_##T(struct fpu_status *st, unsigned bits, unsigned how, const union ir_value *v,           \
			       union ir_value *d)                                                                     \
	{                                                                                                             \
		fpu_u128 out = 0;                                                                                     \
		uint32_t before = st->flags;                                                                          \
		enum fpu_int_fate fate =                                                                              \
			T##_to_int128(get_##T(v), bits, how & IR_FTOI_SIGNED, st->round, &out, st);                   \
		if (how & IR_FTOI_EXACT_QUIET && !(before & FPU_INEXACT))                                             \
			st->flags &= ~(uint32_t)FPU_INEXACT;                                                          \
		d->u128[0] = integer(fate, out, bits, how);                                                           \
	}                                                                                                             \
	static void from_int_##T(struct fpu_status *st, unsigned bits, bool is_signed, const union ir_value *v,       \
				 union ir_value *d)                                                                   \
	{                                                                                                             \
		fpu_u128 x = v->u128[0] << (128 - bits);                                                              \
		x = is_signed ? (fpu_u128)((__int128)x >> (128 - bits)) : x >> (128 - bits);                          \
		put_##T(d, T##_from_int128(x, is_signed, st));                                                        \
	}
EVAL(f16)
EVAL(f32)
EVAL(f64)
EVAL(f80)
EVAL(f128)

#define BY_TYPE(t, call)                                                                                              \
	switch (t) {                                                                                                  \
	case IR_F16: call(f16); break;                                                                                \
	case IR_F32: call(f32); break;                                                                                \
	case IR_F64: call(f64); break;                                                                                \
	case IR_F80: call(f80); break;                                                                                \
	case IR_F128: call(f128); break;                                                                              \
	default: return false;                                                                                        \
	}

static bool one(struct fpu_status *st, unsigned type, unsigned code, unsigned aux, const union ir_value *v,
		union ir_value *d)
{
	bool done = false;
#define CALL(T) done = eval_##T(st, code, aux, v, d)
	BY_TYPE(type, CALL)
#undef CALL
	return done;
}

static bool to_int(struct fpu_status *st, unsigned type, unsigned bits, unsigned how, const union ir_value *v,
		   union ir_value *d)
{
#define CALL(T) to_int_##T(st, bits, how, v, d)
	BY_TYPE(type, CALL)
#undef CALL
	return true;
}

static bool from_int(struct fpu_status *st, unsigned type, unsigned bits, bool is_signed, const union ir_value *v,
		     union ir_value *d)
{
#define CALL(T) from_int_##T(st, bits, is_signed, v, d)
	BY_TYPE(type, CALL)
#undef CALL
	return true;
}

#define FROM(T, U) put_##T(d, T##_from_##U(get_##U(v), st))
#define CVT(T)                                                                                                        \
	switch (src) {                                                                                                \
	case IR_F16: FROM(T, f16); break;                                                                             \
	case IR_F32: FROM(T, f32); break;                                                                             \
	case IR_F64: FROM(T, f64); break;                                                                             \
	case IR_F80: FROM(T, f80); break;                                                                             \
	case IR_F128: FROM(T, f128); break;                                                                           \
	default: return false;                                                                                        \
	}
static bool convert(struct fpu_status *st, unsigned type, unsigned src, const union ir_value *v, union ir_value *d)
{
	BY_TYPE(type, CVT)
	return true;
}

static bool vector(struct fpu_status *st, const struct ir_op *op, const union ir_value *v, union ir_value *d)
{
	static const struct { uint16_t vec, scalar; } map[] = {
		{IR_VFADD, IR_FADD}, {IR_VFSUB, IR_FSUB}, {IR_VFMUL, IR_FMUL}, {IR_VFDIV, IR_FDIV},
		{IR_VFSQRT, IR_FSQRT}, {IR_VFMA, IR_FMA}, {IR_VFMINMAX, IR_FMINMAX}, {IR_VFRINT, IR_FRINT},
		{IR_VFCMP, IR_FCMP},
	};
	unsigned size = ir_type_bytes[op->aux], n = ir_type_bytes[op->type] / size, code = 0;

	for (unsigned i = 0; i < sizeof map / sizeof map[0]; i++)
		if (map[i].vec == op->op)
			code = map[i].scalar;
	for (unsigned i = 0; i < n; i++) {
		union ir_value in[3], out;
		memset(in, 0, sizeof in);
		memset(&out, 0, sizeof out);
		for (unsigned k = 0; k < 3; k++)
			memcpy(&in[k], v[k].u8 + i * size, size);
		bool done;
		if (op->op == IR_VFTOI) {
			done = to_int(st, op->aux, size * 8, (unsigned)op->imm, in, &out);
		} else if (op->op == IR_VITOF) {
			done = from_int(st, op->aux, size * 8, op->imm & 1, in, &out);
		} else if (op->op == IR_VFCMP) {
			done = one(st, op->aux, code, op->imm & IR_REL_SIGNALLING ? 1 : 0, in, &out);
			out.u64[0] = out.u64[0] & op->imm & 15 ? ~0ull : 0;
		} else {
			done = one(st, op->aux, code, (unsigned)op->imm, in, &out);
		}
		if (!done)
			return false;
		memcpy(d->u8 + i * size, &out, size);
	}
	return true;
}

/* See ops.def. */
static uint64_t widen(uint32_t v)
{
	struct fpu_status st = {.round = FPU_NEAREST};

	if ((v & 0x7f800000) == 0x7f800000)
		return (uint64_t)(v >> 31) << 63 | 0x7ffull << 52 | (uint64_t)(v & 0x7fffff) << 29;
	return f64_from_f32(v, &st);
}

static uint32_t narrow(uint64_t v)
{
	unsigned e = v >> 52 & 2047;
	uint32_t sign = (uint32_t)(v >> 32) & 0x80000000;

	if (e > 896 || !e)
		return (uint32_t)(v >> 32 & 0xc0000000) | (uint32_t)(v >> 29 & 0x3fffffff);
	return e >= 874 ? sign | (uint32_t)(((v & ((1ull << 52) - 1)) | 1ull << 52) >> (926 - e)) : sign;
}

/* IR_ROUND_SINGLE: rounded to odd first, which the second rounding cannot tell from the exact result. */
static bool to_single(struct fpu_status *st, const struct ir_op *op, const union ir_value *v, union ir_value *d)
{
	const uint32_t outer = FPU_OVERFLOW | FPU_UNDERFLOW | FPU_ROUNDED_UP;
	struct fpu_status wide = *st;
	bool negated = op->op == IR_FMA && op->aux & FPU_NEG_RESULT;
	unsigned aux = negated ? op->aux & ~(unsigned)FPU_NEG_RESULT : op->aux;

	wide.enabled = 0;
	wide.round = FPU_ODD;
	if (!one(&wide, IR_F64, op->op, aux, v, d))
		return false;
	/* The sign of an exact zero depends on the rounding. */
	if (!(d->u64[0] << 1) && !(wide.flags & ~st->flags & FPU_INEXACT)) {
		wide.round = st->round;
		one(&wide, IR_F64, op->op, aux, v, d);
	}
	st->flags = (wide.flags & ~outer) | (st->flags & outer & ~(uint32_t)FPU_ROUNDED_UP);
	d->u64[0] = widen(f32_from_f64(d->u64[0], st));
	if (negated && !f64_is_nan(d->u64[0]))
		d->u64[0] ^= 1ull << 63;
	return true;
}

bool ir_eval_fp(struct fpu_status *st, const struct ir_op *op, unsigned src, const union ir_value *v, union ir_value *d)
{
	uint8_t round = st->round;
	bool done;

	if ((op->x & 7) >= IR_ROUND_NEAREST && (op->x & 7) <= IR_ROUND_ODD)
		st->round = (uint8_t)((op->x & 7) - 1);
	switch (op->op) {
	case IR_FPGET:
		d->u32[0] = op->aux ? st->round : st->flags & ~(uint32_t)FPU_ROUNDED_UP; /* that one is not sticky */
		return true;
	case IR_FPSET:
		if (op->aux)
			st->round = v->u8[0] <= FPU_ODD ? v->u8[0] : FPU_NEAREST;
		else
			st->flags = v->u32[0];
		return true;
	case IR_FWIDEN:
		d->u64[0] = widen(v[0].u32[0]);
		return true;
	case IR_FNARROW:
		d->u32[0] = narrow(v[0].u64[0]);
		return true;
	case IR_FCMP:
	case IR_FCLASS:
		done = one(st, src, op->op, op->aux, v, d);
		break;
	case IR_FCVT:
		done = convert(st, op->type, src, v, d);
		break;
	case IR_FTOI:
		done = to_int(st, src, ir_bits(op->type), op->aux, v, d);
		break;
	case IR_ITOF:
		done = from_int(st, op->type, ir_bits(src), op->aux & 1, v, d);
		break;
	default:
		done = ir_op_info[op->op].flags & IR_F_FLANE ? vector(st, op, v, d)
		       : op->x & IR_ROUND_SINGLE	     ? to_single(st, op, v, d)
							     : one(st, op->type, op->op, op->aux, v, d);
		break;
	}
	st->round = round;
	return done;
}
