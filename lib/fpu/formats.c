/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The public operations, one expansion for each format. A format brings how its bits become a raw integer and back;
 * everything else is shared.
 */
#include "fpu/core.h"

#define RAW_f16(a) ((fpu_u128)(a))
#define RAW_bf16(a) ((fpu_u128)(a))
#define RAW_f32(a) ((fpu_u128)(a))
#define RAW_f64(a) ((fpu_u128)(a))
#define RAW_f80(a) ((fpu_u128)(a).sig | (fpu_u128)(a).se << 64)
#define RAW_f128(a) ((fpu_u128)(a).lo | (fpu_u128)(a).hi << 64)
#define COOK_f16(v) ((f16)(v))
#define COOK_bf16(v) ((bf16)(v))
#define COOK_f32(v) ((f32)(v))
#define COOK_f64(v) ((f64)(v))
#define COOK_f80(v) ((f80){(uint64_t)(v), (uint16_t)((v) >> 64)})
#define COOK_f128(v) ((f128){(uint64_t)(v), (uint64_t)((v) >> 64)})

#define BINARY(T, NAME, CALL, PREC)                                                                            \
	T T##_##NAME(T a, T b, struct fpu_status *st)                                                          \
	{                                                                                                      \
		struct fpu_num x, y, r;                                                                        \
		fpu_u128 v;                                                                                    \
		fpu_unpack(&x, RAW_##T(a), &fpu_##T, st);                                                      \
		fpu_unpack(&y, RAW_##T(b), &fpu_##T, st);                                                      \
		st->flags &= ~FPU_ROUNDED_UP;                                                                  \
		CALL;                                                                                          \
		v = fpu_pack(&r, &fpu_##T, PREC, st);                                                          \
		return COOK_##T(v);                                                                            \
	}

/* One conversion T_from_U; a NaN is quieted, a denormal of the source noted. */
#define FROM(T, U)                                                                                             \
	T T##_from_##U(U a, struct fpu_status *st)                                                             \
	{                                                                                                      \
		struct fpu_num x;                                                                              \
		fpu_u128 v;                                                                                    \
		fpu_unpack(&x, RAW_##U(a), &fpu_##U, st);                                                      \
		widen_nan(&x, st);                                                                             \
		v = fpu_pack(&x, &fpu_##T, 0, st);                                                             \
		return COOK_##T(v);                                                                            \
	}

static void widen_nan(struct fpu_num *x, struct fpu_status *st)
{
	const struct fpu_num copy = *x, *op = &copy;

	st->flags &= ~FPU_ROUNDED_UP;
	if (fpu_num_is_nan(x))
		fpu_pick_nan(x, &op, 1, st);
	fpu_note_denormal(x, st);
}

static fpu_u128 minmax(fpu_u128 a, fpu_u128 b, const struct fpu_format *f, unsigned kind, struct fpu_status *st)
{
	struct fpu_num x, y, r;
	int which;

	fpu_unpack(&x, a, f, st);
	fpu_unpack(&y, b, f, st);
	which = fpu_num_minmax(&r, &x, &y, kind, st);
	if (which == 2)
		return fpu_pack(&r, f, 0, st);
	/* x86 hands the second operand through as it is, signalling NaN included; a flushed denormal comes out as zero */
	if (which == 0)
		return x.kind == FPU_K_ZERO ? fpu_pack(&x, f, 0, st) : a;
	return y.kind == FPU_K_ZERO ? fpu_pack(&y, f, 0, st) : b;
}

static enum fpu_class classify(fpu_u128 a, const struct fpu_format *f)
{
	struct fpu_status st = {0};
	struct fpu_num x;

	fpu_unpack(&x, a, f, &st);
	switch (x.kind) {
	case FPU_K_ZERO: return FPU_CLASS_ZERO;
	case FPU_K_FINITE: return x.denormal ? FPU_CLASS_DENORMAL : FPU_CLASS_NORMAL;
	case FPU_K_INF: return FPU_CLASS_INFINITE;
	case FPU_K_QNAN: return FPU_CLASS_QNAN;
	case FPU_K_SNAN: return FPU_CLASS_SNAN;
	default: return FPU_CLASS_UNSUPPORTED;
	}
}

static fpu_u128 fused(fpu_u128 a, fpu_u128 b, fpu_u128 c, const struct fpu_format *f, unsigned negate,
		      struct fpu_status *st)
{
	struct fpu_num x, y, z, r;
	fpu_u128 v;

	fpu_unpack(&x, a, f, st);
	fpu_unpack(&y, b, f, st);
	fpu_unpack(&z, c, f, st);
	st->flags &= ~FPU_ROUNDED_UP;
	fpu_num_fma(&r, &x, &y, &z, negate, st);
	v = fpu_pack(&r, f, 0, st);
	/* PowerPC's fnmadd negates after rounding, and never a NaN */
	if (negate & FPU_NEG_RESULT && !fpu_num_is_nan(&r))
		v ^= (fpu_u128)1 << (f->bits - 1);
	return v;
}

static fpu_u128 scale(fpu_u128 a, int n, const struct fpu_format *f, struct fpu_status *st)
{
	struct fpu_num x;

	fpu_unpack(&x, a, f, st);
	widen_nan(&x, st);
	if (x.kind == FPU_K_FINITE)
		x.exp += n < -100000 ? -100000 : n > 100000 ? 100000 : n;
	return fpu_pack(&x, f, 0, st);
}

#define FORMAT(T, PREC)                                                                                        \
	BINARY(T, add, fpu_num_add(&r, &x, &y, false, st), PREC)                                               \
	BINARY(T, sub, fpu_num_add(&r, &x, &y, true, st), PREC)                                                \
	BINARY(T, mul, fpu_num_mul(&r, &x, &y, st), PREC)                                                      \
	BINARY(T, div, fpu_num_div(&r, &x, &y, st), PREC)                                                      \
	BINARY(T, rem, { uint64_t q; fpu_num_rem(&r, &x, &y, true, 0, &q, st); }, 0)                           \
	T T##_fma(T a, T b, T c, unsigned negate, struct fpu_status *st)                                       \
	{                                                                                                      \
		fpu_u128 v = fused(RAW_##T(a), RAW_##T(b), RAW_##T(c), &fpu_##T, negate, st);                  \
		return COOK_##T(v);                                                                            \
	}                                                                                                      \
	T T##_sqrt(T a, struct fpu_status *st)                                                                 \
	{                                                                                                      \
		struct fpu_num x, r;                                                                           \
		fpu_u128 v;                                                                                    \
		fpu_unpack(&x, RAW_##T(a), &fpu_##T, st);                                                      \
		st->flags &= ~FPU_ROUNDED_UP;                                                                  \
		fpu_num_sqrt(&r, &x, fpu_##T.precision, st);                                                   \
		v = fpu_pack(&r, &fpu_##T, PREC, st);                                                          \
		return COOK_##T(v);                                                                            \
	}                                                                                                      \
	T T##_rint(T a, enum fpu_round round, bool exact, struct fpu_status *st)                               \
	{                                                                                                      \
		struct fpu_num x;                                                                              \
		fpu_u128 v;                                                                                    \
		uint32_t up;                                                                                   \
		fpu_unpack(&x, RAW_##T(a), &fpu_##T, st);                                                      \
		st->flags &= ~FPU_ROUNDED_UP;                                                                  \
		fpu_num_rint(&x, round, exact, st);                                                            \
		up = st->flags & FPU_ROUNDED_UP;                                                               \
		v = fpu_pack(&x, &fpu_##T, 0, st);                                                             \
		st->flags |= up;                                                                               \
		return COOK_##T(v);                                                                            \
	}                                                                                                      \
	enum fpu_relation T##_compare(T a, T b, bool signalling, struct fpu_status *st)                        \
	{                                                                                                      \
		struct fpu_num x, y;                                                                           \
		fpu_unpack(&x, RAW_##T(a), &fpu_##T, st);                                                      \
		fpu_unpack(&y, RAW_##T(b), &fpu_##T, st);                                                      \
		return fpu_num_compare(&x, &y, signalling, st);                                                \
	}                                                                                                      \
	T T##_minmax(T a, T b, unsigned kind, struct fpu_status *st)                                           \
	{                                                                                                      \
		fpu_u128 v = minmax(RAW_##T(a), RAW_##T(b), &fpu_##T, kind, st);                               \
		return COOK_##T(v);                                                                            \
	}                                                                                                      \
	T T##_scale(T a, int n, struct fpu_status *st)                                                         \
	{                                                                                                      \
		fpu_u128 v = scale(RAW_##T(a), n, &fpu_##T, st);                                               \
		return COOK_##T(v);                                                                            \
	}                                                                                                      \
	enum fpu_class T##_class(T a)                                                                          \
	{                                                                                                      \
		return classify(RAW_##T(a), &fpu_##T);                                                         \
	}                                                                                                      \
	bool T##_is_nan(T a)                                                                                   \
	{                                                                                                      \
		enum fpu_class c = classify(RAW_##T(a), &fpu_##T);                                             \
		return c == FPU_CLASS_QNAN || c == FPU_CLASS_SNAN;                                             \
	}                                                                                                      \
	T T##_neg(T a)                                                                                         \
	{                                                                                                      \
		fpu_u128 v = RAW_##T(a) ^ (fpu_u128)1 << (fpu_##T.bits - 1);                                   \
		return COOK_##T(v);                                                                            \
	}                                                                                                      \
	T T##_abs(T a)                                                                                         \
	{                                                                                                      \
		fpu_u128 v = RAW_##T(a) & ~((fpu_u128)1 << (fpu_##T.bits - 1));                                \
		return COOK_##T(v);                                                                            \
	}                                                                                                      \
	T T##_default_nan(const struct fpu_status *st)                                                         \
	{                                                                                                      \
		struct fpu_status copy = *st;                                                                  \
		struct fpu_num x = {0};                                                                        \
		fpu_u128 v;                                                                                    \
		fpu_set_default_nan(&x, &copy);                                                                \
		v = fpu_pack(&x, &fpu_##T, 0, &copy);                                                          \
		return COOK_##T(v);                                                                            \
	}                                                                                                      \
	T T##_from_int128(fpu_u128 i, bool is_signed, struct fpu_status *st)                                   \
	{                                                                                                      \
		struct fpu_num x;                                                                              \
		fpu_u128 v;                                                                                    \
		fpu_num_from_int(&x, i, is_signed);                                                            \
		st->flags &= ~FPU_ROUNDED_UP;                                                                  \
		v = fpu_pack(&x, &fpu_##T, 0, st);                                                             \
		return COOK_##T(v);                                                                            \
	}                                                                                                      \
	T T##_from_int(uint64_t i, bool is_signed, struct fpu_status *st)                                      \
	{                                                                                                      \
		return T##_from_int128(is_signed ? (fpu_u128)(__int128)(int64_t)i : i, is_signed, st);         \
	}                                                                                                      \
	enum fpu_int_fate T##_to_int128(T a, unsigned bits, bool is_signed, enum fpu_round round,              \
					fpu_u128 *out, struct fpu_status *st)                                  \
	{                                                                                                      \
		struct fpu_num x;                                                                              \
		st->flags &= ~FPU_ROUNDED_UP;                                                                  \
		fpu_unpack(&x, RAW_##T(a), &fpu_##T, st);                                                      \
		return fpu_num_to_int(&x, bits, is_signed, round, out, st);                                    \
	}                                                                                                      \
	enum fpu_int_fate T##_to_int(T a, unsigned bits, bool is_signed, enum fpu_round round, uint64_t *out,  \
				     struct fpu_status *st)                                                    \
	{                                                                                                      \
		fpu_u128 wide;                                                                                 \
		enum fpu_int_fate fate = T##_to_int128(a, bits, is_signed, round, &wide, st);                  \
		*out = (uint64_t)wide;                                                                         \
		return fate;                                                                                   \
	}                                                                                                      \
	FROM(T, f16)                                                                                           \
	FROM(T, bf16)                                                                                          \
	FROM(T, f32)                                                                                           \
	FROM(T, f64)                                                                                           \
	FROM(T, f80)                                                                                           \
	FROM(T, f128)

FORMAT(f16, 0)
FORMAT(bf16, 0)
FORMAT(f32, 0)
FORMAT(f64, 0)
FORMAT(f80, st->precision)
FORMAT(f128, 0)
