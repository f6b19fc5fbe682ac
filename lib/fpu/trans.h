/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The x87's transcendental and exponent operations. Each rounds by st->round to the full 64 bits (precision control does not
 * apply) and raises what the SDM's instruction page names. Pure but for st->flags.
 */
#ifndef FPU_TRANS_H
#define FPU_TRANS_H
#include <stddef.h>
#include "fpu/fpu.h"

/* Either output may be NULL. Returns false when |a| >= 2^63: nothing is written or raised (C2). */
bool f80_sincos(f80 a, f80 *sine, f80 *cosine, struct fpu_status *st);
bool f80_tan(f80 a, f80 *tangent, struct fpu_status *st);
f80 f80_f2xm1(f80 a, struct fpu_status *st);          /* 2^a - 1, |a| <= 1 */
f80 f80_yl2x(f80 y, f80 x, struct fpu_status *st);    /* y * log2(x) */
f80 f80_yl2xp1(f80 y, f80 x, struct fpu_status *st);  /* y * log2(x + 1) */
f80 f80_patan(f80 y, f80 x, struct fpu_status *st);   /* the angle of the point (x, y) */
f80 f80_extract(f80 a, f80 *exponent, struct fpu_status *st); /* returns the significand */
f80 f80_scale_by(f80 a, f80 b, struct fpu_status *st);        /* a * 2^trunc(b) */

enum f80_constant { F80_PI, F80_LN2, F80_LOG2E, F80_LOG2_10, F80_LOG10_2 };
/* Rounded by st->round; raises nothing. */
f80 f80_constant(enum f80_constant which, struct fpu_status *st);
#endif
