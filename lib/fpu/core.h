/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The one inner form of all binary formats, private to lib/fpu.
 *
 * A finite nonzero number is sig * 2^(exp - 127) with bit 127 of sig set: 128 bits hold binary128's 113 with room for
 * guard bits, and a bit shifted out is kept as a sticky bit 0 ("jammed"), which is enough for one correct rounding
 * as long as two bits lie between the format's last one and bit 0. A NaN keeps its payload left-aligned in sig.
 */
#ifndef FPU_CORE_H
#define FPU_CORE_H
#include "fpu/fpu.h"

enum fpu_kind { FPU_K_ZERO, FPU_K_FINITE, FPU_K_INF, FPU_K_QNAN, FPU_K_SNAN, FPU_K_BAD };

struct fpu_num {
	uint8_t kind;
	bool sign;
	bool denormal; /* it came from a denormal encoding */
	int32_t exp;
	fpu_u128 sig;
};

struct fpu_format {
	uint8_t bits, exp_bits;
	uint8_t precision; /* bits of significand with the integer bit */
	bool integer_bit;  /* the encoding has it (f80) */
	int32_t emin, emax;
	int32_t wrap;      /* exponent adjustment of trapped overflow and underflow: 3 * 2^(exp_bits - 2) */
};

extern const struct fpu_format fpu_f16, fpu_bf16, fpu_f32, fpu_f64, fpu_f80, fpu_f128;

#define FPU_TOP ((fpu_u128)1 << 127)
#define FPU_QUIET ((fpu_u128)1 << 126)

static inline bool fpu_num_is_nan(const struct fpu_num *n) { return n->kind >= FPU_K_QNAN; }

/* Shift right keeping a sticky bit; any count. */
static inline fpu_u128 fpu_jam(fpu_u128 v, unsigned n)
{
	if (n == 0)
		return v;
	if (n > 127)
		return v != 0;
	return v >> n | ((v << (128 - n)) != 0);
}

static inline int fpu_clz(fpu_u128 v)
{
	uint64_t hi = (uint64_t)(v >> 64);

	return hi ? __builtin_clzll(hi) : 64 + __builtin_clzll((uint64_t)v);
}

/* core.c */
void fpu_unpack(struct fpu_num *n, fpu_u128 raw, const struct fpu_format *f, struct fpu_status *st);
/* Rounds and encodes any kind. precision: 0 or fewer bits than the format's. */
fpu_u128 fpu_pack(struct fpu_num *n, const struct fpu_format *f, unsigned precision, struct fpu_status *st);
/* sig to `keep` bits by mode; returns true when inexact; a carry out of bit 127 bumps exp. Sets FPU_ROUNDED_UP. */
bool fpu_round_sig(struct fpu_num *n, unsigned keep, unsigned mode, struct fpu_status *st);
void fpu_set_default_nan(struct fpu_num *n, const struct fpu_status *st);
/* Result NaN of an operation of which at least one of n operands is a NaN or unsupported; raises what is due. */
void fpu_pick_nan(struct fpu_num *r, const struct fpu_num *const *ops, unsigned n, struct fpu_status *st);
void fpu_raise_invalid(struct fpu_num *r, unsigned why, struct fpu_status *st);
void fpu_normalise(struct fpu_num *n);
static inline void fpu_note_denormal(const struct fpu_num *a, struct fpu_status *st)
{
	if (a->denormal)
		st->flags |= FPU_DENORMAL;
}

/* arith.c: r may alias an operand; results are not yet rounded to a format. */
void fpu_num_add(struct fpu_num *r, const struct fpu_num *a, const struct fpu_num *b, bool subtract,
		 struct fpu_status *st);
void fpu_num_mul(struct fpu_num *r, const struct fpu_num *a, const struct fpu_num *b, struct fpu_status *st);
void fpu_num_div(struct fpu_num *r, const struct fpu_num *a, const struct fpu_num *b, struct fpu_status *st);
void fpu_num_fma(struct fpu_num *r, const struct fpu_num *a, const struct fpu_num *b, const struct fpu_num *c,
		 unsigned negate, struct fpu_status *st);
void fpu_num_sqrt(struct fpu_num *r, const struct fpu_num *a, unsigned precision, struct fpu_status *st);
/* Exact; quotient: low 64 bits. limit: stop when that many quotient bits are done (0: never); returns false then. */
bool fpu_num_rem(struct fpu_num *r, const struct fpu_num *a, const struct fpu_num *b, bool nearest, unsigned limit,
		 uint64_t *quotient, struct fpu_status *st);

/* convert.c */
void fpu_num_rint(struct fpu_num *n, unsigned mode, bool exact, struct fpu_status *st);
enum fpu_int_fate fpu_num_to_int(const struct fpu_num *a, unsigned bits, bool is_signed, unsigned mode, fpu_u128 *out,
				 struct fpu_status *st);
void fpu_num_from_int(struct fpu_num *n, fpu_u128 v, bool is_signed);
enum fpu_relation fpu_num_compare(const struct fpu_num *a, const struct fpu_num *b, bool signalling,
				  struct fpu_status *st);
/* Which operand a minimum or maximum gives: 0 a, 1 b, 2 the NaN put in *r. */
int fpu_num_minmax(struct fpu_num *r, const struct fpu_num *a, const struct fpu_num *b, unsigned kind,
		   struct fpu_status *st);
#endif
