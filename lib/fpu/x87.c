/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What only the x87's extended format has: partial remainders, packed decimal, rounding to the precision control. */
#include "fpu/core.h"

static fpu_u128 raw(f80 a)
{
	return (fpu_u128)a.sig | (fpu_u128)a.se << 64;
}

static f80 cook(fpu_u128 v)
{
	return (f80){(uint64_t)v, (uint16_t)(v >> 64)};
}

f80 f80_round(f80 a, struct fpu_status *st)
{
	struct fpu_num x;
	const struct fpu_num *op = &x;
	struct fpu_num r;

	fpu_unpack(&x, raw(a), &fpu_f80, st);
	r = x;
	if (fpu_num_is_nan(&x))
		fpu_pick_nan(&r, &op, 1, st);
	return cook(fpu_pack(&r, &fpu_f80, st->precision, st));
}

f80 f80_prem(f80 a, f80 b, bool nearest, unsigned *quotient, bool *partial, struct fpu_status *st)
{
	struct fpu_num x, y, r;
	uint64_t q;

	fpu_unpack(&x, raw(a), &fpu_f80, st);
	fpu_unpack(&y, raw(b), &fpu_f80, st);
	st->flags &= ~FPU_ROUNDED_UP;
	*partial = !fpu_num_rem(&r, &x, &y, nearest, 64, &q, st);
	*quotient = *partial ? 0 : q & 7;
	if (x.kind == FPU_K_FINITE && y.kind == FPU_K_INF) { /* no underflow even where that is unmasked */
		struct fpu_status masked = *st;

		masked.enabled = 0;
		return cook(fpu_pack(&r, &fpu_f80, 0, &masked));
	}
	return cook(fpu_pack(&r, &fpu_f80, 0, st));
}

f80 f80_from_bcd(const uint8_t *bcd)
{
	struct fpu_status st = {0};
	uint64_t v = 0;
	f80 r;

	/* Digits above nine have no defined meaning (SDM, FBLD); they count as their value. */
	for (int i = 8; i >= 0; i--)
		v = v * 100 + (bcd[i] >> 4) * 10u + (bcd[i] & 15);
	r = f80_from_int(v, false, &st);
	r.se |= (uint16_t)((bcd[9] & 0x80) << 8);
	return r;
}

bool f80_to_bcd(f80 a, uint8_t *bcd, struct fpu_status *st)
{
	struct fpu_status trial = *st;
	uint64_t v;
	bool negative = a.se >> 15;

	if (f80_to_int(f80_abs(a), 64, false,
		       negative && st->round == FPU_DOWN ? FPU_UP
		       : negative && st->round == FPU_UP ? FPU_DOWN : (enum fpu_round)st->round,
		       &v, &trial) != FPU_INT_OK ||
	    v > 999999999999999999u) {
		st->flags |= FPU_INVALID | FPU_INV_CVT;
		return false;
	}
	*st = trial;
	for (int i = 0; i < 9; i++) {
		bcd[i] = (uint8_t)(v % 10 | v / 10 % 10 << 4);
		v /= 100;
	}
	bcd[9] = negative ? 0x80 : 0;
	return true;
}
