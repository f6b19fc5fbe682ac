/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Floating point exactly as each guest defines it, in integer arithmetic only: the result, the flags and the NaN never
 * depend on the host's processor. IEEE 754-2008 is the specification; where it leaves a choice (tininess, NaN operands, the
 * integer for an invalid conversion) struct fpu_status or the caller makes it.
 *
 * All functions are pure but for st->flags, which only ever gain bits, except FPU_ROUNDED_UP, which tells of the last
 * rounding alone. Nothing here allocates or locks.
 */
#ifndef FPU_FPU_H
#define FPU_FPU_H
#include <stdbool.h>
#include <stdint.h>

typedef unsigned __int128 fpu_u128;

/* Values are bit patterns, so that no host conversion can touch them. */
typedef uint16_t f16;  /* binary16 */
typedef uint16_t bf16; /* bfloat16 */
typedef uint32_t f32;
typedef uint64_t f64;
typedef struct {
	uint64_t sig; /* bit 63 is the explicit integer bit */
	uint16_t se;  /* sign and 15 bits of exponent */
} f80;                 /* x87 extended (Intel SDM vol. 1, 4.2.2) */
typedef struct {
	uint64_t lo, hi;
} f128;

enum fpu_round {
	FPU_NEAREST, /* ties to even; 0..3 are x86's RC encodings */
	FPU_DOWN,
	FPU_UP,
	FPU_ZERO,
	FPU_AWAY,    /* nearest, ties away from zero */
	FPU_ODD,     /* von Neumann: truncate, then set the last bit when inexact */
	/* decimal only */
	FPU_HALF_DOWN, /* nearest, ties toward zero */
	FPU_OUTWARD,   /* away from zero */
	FPU_SHORTER,   /* to prepare for a shorter precision: outward when the last digit is 0 or 5, else toward zero */
};

/* The first six are x86's bits in MXCSR and the x87 status word. */
enum fpu_flag {
	FPU_INVALID = 0x01,
	FPU_DENORMAL = 0x02,   /* a denormal operand was used as such */
	FPU_DIVZERO = 0x04,
	FPU_OVERFLOW = 0x08,
	FPU_UNDERFLOW = 0x10,
	FPU_INEXACT = 0x20,
	FPU_IEEE = FPU_INVALID | FPU_DIVZERO | FPU_OVERFLOW | FPU_UNDERFLOW | FPU_INEXACT,
	FPU_ROUNDED_UP = 0x40, /* the last rounding increased the magnitude (x87 C1, PowerPC FR); not sticky */
	FPU_FLUSHED_IN = 0x80, /* a denormal operand was taken as zero (ARM's IDC) */
	/* why FPU_INVALID was raised (PowerPC FPSCR[VX...]) */
	FPU_INV_SNAN = 0x100,
	FPU_INV_ISI = 0x200,   /* infinity - infinity */
	FPU_INV_IDI = 0x400,   /* infinity / infinity */
	FPU_INV_ZDZ = 0x800,   /* 0 / 0 */
	FPU_INV_IMZ = 0x1000,  /* infinity * 0 */
	FPU_INV_SQRT = 0x2000,
	FPU_INV_CVT = 0x4000,  /* conversion to integer */
	FPU_INV_CMP = 0x8000,  /* ordered comparison of a NaN */
	FPU_INV_REM = 0x10000,
	FPU_INV_FORMAT = 0x20000, /* an x87 encoding that is no number */
};

/* Which NaN operand a result takes. "Quieted" is implied everywhere. */
enum fpu_nan_rule {
	FPU_NAN_FIRST,  /* the first operand that is a NaN: x86 SSE, PowerPC (which orders fma a, b, c), MIPS 2008 */
	FPU_NAN_X87,    /* quiet before signalling, then the larger significand, then the positive one */
	FPU_NAN_SIGNALLING_FIRST, /* the first signalling one, else the first quiet one: ARM, s390x */
	FPU_NAN_SIGNALLING_LAST,  /* the last signalling one, else the last quiet one: SPARC */
};

/* What an fma of infinity * zero with a quiet NaN as addend gives. */
enum fpu_fma_rule {
	FPU_FMA_QUIET,   /* the NaN, no exception: x86 */
	FPU_FMA_INVALID, /* the NaN and FPU_INVALID: PowerPC */
	FPU_FMA_DEFAULT, /* the default NaN and FPU_INVALID: ARM */
};

/* In which order an fma a * b + c looks at its operands for a NaN. */
enum fpu_fma_order { FPU_FMA_ABC /* x86 */, FPU_FMA_CAB /* ARM */, FPU_FMA_ACB /* PowerPC: frA, frB (addend), frC */ };

enum fpu_flush {
	FPU_FLUSH_NONE,
	FPU_FLUSH_X86, /* a tiny result becomes zero with underflow and inexact; not while underflow is enabled */
	FPU_FLUSH_ARM, /* a tiny result becomes zero with underflow only */
};

enum fpu_default_nan { FPU_DEFNAN_NEGATIVE /* x86 */, FPU_DEFNAN_POSITIVE, FPU_DEFNAN_ONES /* positive, all ones */ };

struct fpu_status {
	uint32_t flags;       /* enum fpu_flag, sticky */
	uint32_t enabled;     /* traps of FPU_OVERFLOW and FPU_UNDERFLOW that deliver a scaled result (754-1985, 7.3/7.4) */
	uint8_t round;        /* enum fpu_round */
	uint8_t precision;    /* f80 add sub mul div sqrt: 0 (full), 24 or 53 bits of significand */
	uint8_t nan_rule;     /* enum fpu_nan_rule */
	uint8_t fma_rule;     /* enum fpu_fma_rule */
	uint8_t fma_order;    /* enum fpu_fma_order */
	uint8_t flush;        /* enum fpu_flush */
	uint8_t nan_default;  /* enum fpu_default_nan */
	bool flush_inputs;    /* denormals are zeros */
	bool default_nan;     /* every NaN result is the default NaN */
	bool tiny_before;     /* tininess is found before rounding (ARM, PowerPC), else after (x86) */
	bool snan_is_one;     /* the quiet bit is 0 in a quiet NaN (MIPS before 2008, PA-RISC, SH-4) */
};

/* FPU_UNORDERED is what a comparison with a NaN gives. */
enum fpu_relation { FPU_LESS = -1, FPU_EQUAL = 0, FPU_GREATER = 1, FPU_UNORDERED = 2 };

enum fpu_class { FPU_CLASS_ZERO, FPU_CLASS_DENORMAL, FPU_CLASS_NORMAL, FPU_CLASS_INFINITE, FPU_CLASS_QNAN,
		 FPU_CLASS_SNAN, FPU_CLASS_UNSUPPORTED /* f80 only */ };

/* How a minimum or maximum treats NaN and zeros. */
enum fpu_minmax {
	FPU_MIN = 0,
	FPU_MAX = 1,
	FPU_MINMAX_ABS = 2,    /* compare magnitudes first (minNumMag) */
	FPU_MINMAX_X86 = 4,    /* the second operand when either is a NaN or both are zeros; any NaN is invalid */
	FPU_MINMAX_NUMBER = 8, /* a quiet NaN loses against a number (754-2008 minNum) */
	FPU_MINMAX_2019 = 16,  /* with _NUMBER: a signalling NaN loses too (754-2019 minimumNumber) */
};

/* Fate of a conversion to integer; the value is saturated (0 for a NaN), FPU_INVALID is raised for all but OK. */
enum fpu_int_fate { FPU_INT_OK, FPU_INT_LOW, FPU_INT_HIGH, FPU_INT_NAN };

/*
 * The operations, for each format T:
 *   T_add sub mul div    (a, b, st)
 *   T_fma                (a, b, c, negate, st): a * b + c with one rounding; negate: FPU_NEG_* bits
 *   T_sqrt               (a, st)
 *   T_rem                (a, b, st): IEEE remainder, exact
 *   T_rint               (a, round, exact, st): to an integral value; inexact is raised only when `exact`
 *   T_compare            (a, b, signalling, st): signalling: a quiet NaN is invalid as well
 *   T_minmax             (a, b, kind, st)
 *   T_scale              (a, n, st): a * 2^n
 *   T_class, T_is_nan, T_neg, T_abs: no flags
 *   T_from_int           (v, is_signed, st): 64-bit integer
 *   T_to_int             (a, bits, is_signed, round, out, st): bits 8..64; *out sign- or zero-extended
 *   T_from_U             (a, st): conversion from format U, NaN payloads kept left-aligned
 *   T_default_nan        (st)
 */
enum { FPU_NEG_PRODUCT = 1, FPU_NEG_ADDEND = 2, FPU_NEG_RESULT = 4 };

#define FPU_DECLARE(T)                                                                                         \
	T T##_add(T a, T b, struct fpu_status *st);                                                            \
	T T##_sub(T a, T b, struct fpu_status *st);                                                            \
	T T##_mul(T a, T b, struct fpu_status *st);                                                            \
	T T##_div(T a, T b, struct fpu_status *st);                                                            \
	T T##_fma(T a, T b, T c, unsigned negate, struct fpu_status *st);                                      \
	T T##_sqrt(T a, struct fpu_status *st);                                                                \
	T T##_rem(T a, T b, struct fpu_status *st);                                                            \
	T T##_rint(T a, enum fpu_round round, bool exact, struct fpu_status *st);                              \
	enum fpu_relation T##_compare(T a, T b, bool signalling, struct fpu_status *st);                       \
	T T##_minmax(T a, T b, unsigned kind, struct fpu_status *st);                                          \
	T T##_scale(T a, int n, struct fpu_status *st);                                                        \
	enum fpu_class T##_class(T a);                                                                         \
	bool T##_is_nan(T a);                                                                                  \
	T T##_neg(T a);                                                                                        \
	T T##_abs(T a);                                                                                        \
	T T##_default_nan(const struct fpu_status *st);                                                        \
	T T##_from_int(uint64_t v, bool is_signed, struct fpu_status *st);                                     \
	T T##_from_int128(fpu_u128 v, bool is_signed, struct fpu_status *st);                                  \
	enum fpu_int_fate T##_to_int(T a, unsigned bits, bool is_signed, enum fpu_round round, uint64_t *out,  \
				     struct fpu_status *st);                                                   \
	enum fpu_int_fate T##_to_int128(T a, unsigned bits, bool is_signed, enum fpu_round round, fpu_u128 *out, \
					struct fpu_status *st);                                                \
	T T##_from_f16(f16 a, struct fpu_status *st);                                                          \
	T T##_from_bf16(bf16 a, struct fpu_status *st);                                                        \
	T T##_from_f32(f32 a, struct fpu_status *st);                                                          \
	T T##_from_f64(f64 a, struct fpu_status *st);                                                          \
	T T##_from_f80(f80 a, struct fpu_status *st);                                                          \
	T T##_from_f128(f128 a, struct fpu_status *st);

FPU_DECLARE(f16)
FPU_DECLARE(bf16)
FPU_DECLARE(f32)
FPU_DECLARE(f64)
FPU_DECLARE(f80)
FPU_DECLARE(f128)

/* The rounding of an f80 to st->precision alone (x87 operations that produce a new value outside the five above). */
f80 f80_round(f80 a, struct fpu_status *st);

/*
 * x87 partial remainder (SDM vol. 2, FPREM and FPREM1). *quotient gets the low three bits of the quotient; *partial is
 * true when the exponents differed by 64 or more and the reduction is not complete (C2). nearest: FPREM1.
 */
f80 f80_prem(f80 a, f80 b, bool nearest, unsigned *quotient, bool *partial, struct fpu_status *st);

/* Packed BCD, 18 digits (x87 FBLD, FBSTP). bcd: 10 bytes. f80_to_bcd returns false for what cannot be held. */
f80 f80_from_bcd(const uint8_t *bcd);
bool f80_to_bcd(f80 a, uint8_t *bcd, struct fpu_status *st);

#endif
