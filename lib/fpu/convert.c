/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Integral values, integers, comparison, minimum and maximum (IEEE 754-2008, 5.3.1, 5.4.1, 5.8, 5.9, 5.11). */
#include "fpu/core.h"

void fpu_num_rint(struct fpu_num *n, unsigned mode, bool exact, struct fpu_status *st)
{
	bool inexact;

	if (fpu_num_is_nan(n)) {
		const struct fpu_num copy = *n, *op = &copy;

		fpu_pick_nan(n, &op, 1, st);
		return;
	}
	if (n->kind != FPU_K_FINITE)
		return;
	fpu_note_denormal(n, st);
	n->denormal = false;
	st->flags &= ~FPU_ROUNDED_UP;
	if (n->exp >= 127)
		return;
	if (n->exp < -1) {
		n->sig = 1; /* any value below one half rounds alike */
		n->exp = -1;
		inexact = fpu_round_sig(n, 0, mode, st);
	} else {
		inexact = fpu_round_sig(n, (unsigned)(n->exp + 1), mode, st);
	}
	if (!n->sig)
		n->kind = FPU_K_ZERO;
	if (inexact && exact)
		st->flags |= FPU_INEXACT;
}

enum fpu_int_fate fpu_num_to_int(const struct fpu_num *a, unsigned bits, bool is_signed, unsigned mode, fpu_u128 *out,
				 struct fpu_status *st)
{
	struct fpu_num n = *a;
	fpu_u128 max = is_signed ? ((fpu_u128)1 << (bits - 1)) - 1 : ~(fpu_u128)0 >> (128 - bits), v = 0;
	uint32_t old = st->flags;
	bool low;

	if (fpu_num_is_nan(&n)) {
		st->flags |= FPU_INVALID | FPU_INV_CVT | (n.kind == FPU_K_SNAN ? FPU_INV_SNAN : 0);
		*out = 0;
		return FPU_INT_NAN;
	}
	if (n.kind == FPU_K_INF)
		goto range;
	fpu_num_rint(&n, mode, true, st);
	st->flags &= ~FPU_DENORMAL;
	st->flags |= old & FPU_DENORMAL; /* x86's conversions to integer do not report denormals */
	if (n.kind == FPU_K_FINITE) {
		if (n.exp > 127)
			goto range;
		v = n.sig >> (127 - n.exp);
	}
	if (n.sign ? v > (is_signed ? max + 1 : 0) : v > max)
		goto range;
	*out = n.sign ? -v : v;
	return FPU_INT_OK;
range:
	low = n.sign;
	st->flags = old | FPU_INVALID | FPU_INV_CVT;
	*out = !low ? max : is_signed ? ~max : 0;
	return low ? FPU_INT_LOW : FPU_INT_HIGH;
}

void fpu_num_from_int(struct fpu_num *n, fpu_u128 v, bool is_signed)
{
	*n = (struct fpu_num){.kind = FPU_K_FINITE, .exp = 127};
	n->sign = is_signed && v >> 127;
	n->sig = n->sign ? -v : v;
	fpu_normalise(n);
}

/* Order of two numbers that are no NaNs, zeros equal. */
static enum fpu_relation order(const struct fpu_num *a, const struct fpu_num *b, bool magnitude)
{
	bool as = a->sign && !magnitude, bs = b->sign && !magnitude;
	int c;

	if (a->kind == FPU_K_ZERO && b->kind == FPU_K_ZERO)
		return FPU_EQUAL;
	if (as != bs) {
		if (a->kind == FPU_K_ZERO)
			return bs ? FPU_GREATER : FPU_LESS;
		return as ? FPU_LESS : FPU_GREATER;
	}
	if (a->kind != b->kind) /* zero < finite < infinite */
		c = a->kind < b->kind ? -1 : 1;
	else if (a->kind == FPU_K_FINITE && a->exp != b->exp)
		c = a->exp < b->exp ? -1 : 1;
	else if (a->kind == FPU_K_FINITE && a->sig != b->sig)
		c = a->sig < b->sig ? -1 : 1;
	else
		c = 0;
	return (enum fpu_relation)(as ? -c : c);
}

enum fpu_relation fpu_num_compare(const struct fpu_num *a, const struct fpu_num *b, bool signalling,
				  struct fpu_status *st)
{
	if (fpu_num_is_nan(a) || fpu_num_is_nan(b)) {
		if (a->kind == FPU_K_BAD || b->kind == FPU_K_BAD)
			st->flags |= FPU_INVALID | FPU_INV_FORMAT;
		if (a->kind == FPU_K_SNAN || b->kind == FPU_K_SNAN)
			st->flags |= FPU_INVALID | FPU_INV_SNAN;
		if (signalling)
			st->flags |= FPU_INVALID | FPU_INV_CMP;
		return FPU_UNORDERED;
	}
	fpu_note_denormal(a, st);
	fpu_note_denormal(b, st);
	return order(a, b, false);
}

int fpu_num_minmax(struct fpu_num *r, const struct fpu_num *a, const struct fpu_num *b, unsigned kind,
		   struct fpu_status *st)
{
	bool max = kind & FPU_MAX, an = fpu_num_is_nan(a), bn = fpu_num_is_nan(b);
	const struct fpu_num *ops[2] = {a, b};
	enum fpu_relation c;

	if (kind & FPU_MINMAX_X86) {
		if (an || bn) {
			st->flags |= FPU_INVALID;
			return 1;
		}
		fpu_note_denormal(a, st);
		fpu_note_denormal(b, st);
		c = order(a, b, false);
		return c == (max ? FPU_GREATER : FPU_LESS) ? 0 : 1;
	}
	if (an || bn) {
		bool sa = a->kind == FPU_K_SNAN, sb = b->kind == FPU_K_SNAN;

		if (kind & FPU_MINMAX_2019 && an != bn) {
			if (sa || sb)
				st->flags |= FPU_INVALID | FPU_INV_SNAN;
			return an ? 1 : 0;
		}
		if (kind & FPU_MINMAX_NUMBER && an != bn && !sa && !sb)
			return an ? 1 : 0;
		fpu_pick_nan(r, ops, 2, st);
		return 2;
	}
	fpu_note_denormal(a, st);
	fpu_note_denormal(b, st);
	c = kind & FPU_MINMAX_ABS ? order(a, b, true) : FPU_EQUAL;
	if (c == FPU_EQUAL)
		c = order(a, b, false);
	if (c == FPU_EQUAL && a->sign != b->sign) /* zeros: -0 below +0 */
		c = a->sign ? FPU_LESS : FPU_GREATER;
	return (c == FPU_GREATER) == max ? 0 : 1;
}
