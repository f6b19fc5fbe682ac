/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Decimal floating point (IEEE 754-2008, 3.5): decimal32, 64 and 128 in densely packed form (PowerPC, s390x) and with a
 * binary coefficient. Operations work on unpacked numbers with the exponents that the standard calls ideal; tininess is found
 * before rounding. st gives rounding and takes flags as in fpu.h; NaN operands follow st->nan_rule FIRST or
 * SIGNALLING_FIRST. Pure, but for st->flags.
 */
#ifndef FPU_DECIMAL_H
#define FPU_DECIMAL_H
#include "fpu/fpu.h"

enum dec_kind { DEC_FINITE, DEC_INFINITE, DEC_QNAN, DEC_SNAN };

/* coefficient * 10^exponent; of a NaN the coefficient is the payload. */
struct dec {
	uint8_t kind;
	bool sign;
	int32_t exponent;
	fpu_u128 coefficient; /* below 10^34 */
};

struct dec_format {
	uint8_t bits, digits; /* 32, 7; 64, 16; 128, 34 */
	int32_t bias;         /* of the exponent of an integral coefficient: 101, 398, 6176 */
	int32_t emax;         /* 96, 384, 6144 */
};
extern const struct dec_format dec32, dec64, dec128;

/* dpd: densely packed decimal, else binary integer. A coefficient that is not canonical counts as the standard says. */
void dec_unpack(struct dec *n, fpu_u128 raw, const struct dec_format *f, bool dpd);
fpu_u128 dec_pack(const struct dec *n, const struct dec_format *f, bool dpd);

/* Results are rounded to f. r may alias an operand. */
void dec_add(struct dec *r, const struct dec *a, const struct dec *b, bool subtract, const struct dec_format *f,
	     struct fpu_status *st);
void dec_mul(struct dec *r, const struct dec *a, const struct dec *b, const struct dec_format *f, struct fpu_status *st);
void dec_div(struct dec *r, const struct dec *a, const struct dec *b, const struct dec_format *f, struct fpu_status *st);
/* a with the exponent of b, or `exponent` where b is NULL. Invalid when it does not fit. */
void dec_quantize(struct dec *r, const struct dec *a, const struct dec *b, int32_t exponent, const struct dec_format *f,
		  struct fpu_status *st);
/* To at most `digits` significant digits. */
void dec_round_digits(struct dec *r, const struct dec *a, unsigned digits, const struct dec_format *f,
		      struct fpu_status *st);
void dec_rint(struct dec *r, const struct dec *a, bool exact, const struct dec_format *f, struct fpu_status *st);
/* Conversion to a format: rounds; a signalling NaN is quieted. */
void dec_convert(struct dec *r, const struct dec *a, const struct dec_format *f, struct fpu_status *st);
void dec_from_int(struct dec *r, fpu_u128 v, bool is_signed, const struct dec_format *f, struct fpu_status *st);
enum fpu_int_fate dec_to_int(const struct dec *a, unsigned bits, bool is_signed, fpu_u128 *out, struct fpu_status *st);
enum fpu_relation dec_compare(const struct dec *a, const struct dec *b, bool signalling, struct fpu_status *st);
/* Number of digits of the coefficient, 0 for zero. */
unsigned dec_digits(const struct dec *a);
/* 10^n, n at most 38. */
fpu_u128 dec_power(unsigned n);
#endif
