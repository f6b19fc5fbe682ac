/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Decimal floating point (book I, chapter 5) by lib/fpu's decimal numbers, which are exact integers. FPSCR is brought up to date before
 * and is exact behind each operation. DFP short is a format of storage only.
 */
#include "fpu/decimal.h"
#include "isa/ppc/vec.h"

typedef struct fpu_status S;

static const struct dec_format *format(uint32_t how, unsigned pair)
{
	return how & pair ? &dec128 : &dec64;
}

static fpu_u128 take(const V *v, uint32_t how, unsigned pair)
{
	return how & pair ? ppc_q(v) : v->u64[0];
}

static unsigned trailing(const struct dec_format *f)
{
	return (f->digits - 1u) / 3 * 10;
}

/* The digits of the trailing significand alone, whatever the encoding is. */
static fpu_u128 trailing_digits(fpu_u128 raw, const struct dec_format *f)
{
	struct dec n;

	dec_unpack(&n, raw & (((fpu_u128)1 << trailing(f)) - 1), f, true);
	return n.coefficient;
}

/* All digits; of what is no number the leading one is 0. */
static fpu_u128 all_digits(fpu_u128 raw, const struct dec *n, const struct dec_format *f)
{
	return n->kind == DEC_FINITE ? n->coefficient : trailing_digits(raw, f);
}

/* An infinity or NaN with these digits. */
static fpu_u128 pack_special(uint8_t kind, bool sign, fpu_u128 digits, const struct dec_format *f)
{
	struct dec n = {.kind = kind, .sign = sign, .coefficient = kind == DEC_INFINITE ? 0 : digits}, t = {.kind = DEC_FINITE, .exponent = -f->bias};

	t.coefficient = digits % dec_power(f->digits - 1u);
	return dec_pack(&n, f, true) | dec_pack(&t, f, true);
}

static bool subnormal(const struct dec *n, const struct dec_format *f)
{
	return n->kind == DEC_FINITE && n->coefficient && n->exponent + (int)dec_digits(n) - 1 < 1 - f->emax;
}

/* Book I, figure 46 and 5.5.1: signalling NaNs have a code of their own. */
static uint64_t fprf(const struct dec *n, const struct dec_format *f)
{
	unsigned v;

	if (n->kind == DEC_QNAN)
		v = 0x11;
	else if (n->kind == DEC_SNAN)
		v = 0x01;
	else if (n->kind == DEC_INFINITE)
		v = n->sign ? 0x09 : 0x05;
	else if (!n->coefficient)
		v = n->sign ? 0x12 : 0x02;
	else if (subnormal(n, f))
		v = n->sign ? 0x18 : 0x14;
	else
		v = n->sign ? 0x08 : 0x04;
	return (uint64_t)v << 12;
}

static void begin(const struct ppc_cpu *p, unsigned round, S *st)
{
	static const uint8_t drn[] = {FPU_NEAREST, FPU_ZERO, FPU_UP, FPU_DOWN, FPU_AWAY, FPU_HALF_DOWN, FPU_OUTWARD, FPU_SHORTER};

	*st = (S){.nan_rule = FPU_NAN_SIGNALLING_FIRST};
	st->round = round == PPC_D_DRN ? drn[p->fpscr >> 32 & 7] : (uint8_t)round;
	st->enabled = (p->fpscr & FPSCR_OE ? FPU_OVERFLOW : 0) | (p->fpscr & FPSCR_UE ? FPU_UNDERFLOW : 0);
}

/* ---- quantum ---- */

static void quantize(struct dec *r, const struct dec *reference, const struct dec *b, const struct dec_format *f, S *st)
{
	if (reference->kind >= DEC_QNAN || b->kind >= DEC_QNAN)
		dec_add(r, reference, b, false, f, st); /* the NaN, A before B */
	else
		dec_quantize(r, b, reference, 0, f, st);
}

static void quantize_immediate(struct dec *r, unsigned te, const struct dec *b, const struct dec_format *f, S *st)
{
	dec_quantize(r, b, NULL, (int)(te ^ 16) - 16, f, st);
}

/* To k significant digits; an exponent that gets too large is invalid. */
static void reround(struct dec *r, unsigned k, const struct dec *b, const struct dec_format *f, S *st)
{
	unsigned n = b->kind == DEC_FINITE ? dec_digits(b) : 0;
	struct dec longer;

	if (b->kind >= DEC_QNAN) {
		dec_convert(r, b, f, st);
		return;
	}
	*r = *b;
	if (!k || n <= k)
		return;
	dec_quantize(r, b, NULL, b->exponent + (int)(n - k), f, st);
	if (r->kind != DEC_FINITE || dec_digits(r) <= k)
		return;
	longer = *r; /* a carry made one digit more: it ends in 0 */
	dec_quantize(r, &longer, NULL, longer.exponent + 1, f, &(S){.round = FPU_ZERO});
	if (r->kind != DEC_FINITE) {
		st->flags = FPU_INVALID | FPU_INV_CVT;
	}
}

/* ---- formats ---- */

/* DPD to BCD (5.6.6): SP 0 and 1 without a sign, 2 and 3 with one: plus is 12 or 15. */
static fpu_u128 to_bcd(const struct dec *n, fpu_u128 digits, unsigned sp, const struct dec_format *f)
{
	unsigned count = f->digits == 16 ? 16 : 32, at = 0;
	fpu_u128 v = 0;

	if (sp & 2) {
		v = n->sign ? 13 : sp & 1 ? 15 : 12;
		at = 1;
	}
	for (; at < count; at++, digits /= 10)
		v |= (fpu_u128)(unsigned)(digits % 10) << 4 * at;
	return v;
}

static bool from_bcd(struct dec *r, fpu_u128 v, bool is_signed, const struct dec_format *f)
{
	unsigned count = f->digits == 16 ? 16 : 32;
	unsigned code = is_signed ? (unsigned)v & 15 : 12;

	*r = (struct dec){.kind = DEC_FINITE, .sign = code == 11 || code == 13};
	if (code < 10)
		return false;
	for (unsigned at = count; at-- > (is_signed ? 1 : 0);) {
		unsigned d = (unsigned)(v >> 4 * at) & 15;
		if (d > 9)
			return false;
		r->coefficient = r->coefficient * 10 + d;
	}
	return true;
}

static uint64_t extract_exponent(const struct dec *n, const struct dec_format *f)
{
	switch (n->kind) {
	case DEC_FINITE: return (uint64_t)(int64_t)(n->exponent + f->bias);
	case DEC_INFINITE: return ~0ull;
	case DEC_QNAN: return ~1ull;
	default: return ~2ull;
	}
}

/* Table 77: what is no exponent stands for an infinity or a NaN, whose significand is that of B without its first digit. */
static fpu_u128 insert_exponent(int64_t a, fpu_u128 raw, const struct dec *b, const struct dec_format *f)
{
	fpu_u128 digits = all_digits(raw, b, f);

	if (a < 0 || a > f->emax - f->digits + 1 + f->bias)
		return pack_special(a == -1 ? DEC_INFINITE : a == -3 ? DEC_SNAN : DEC_QNAN, b->sign, digits, f);
	return dec_pack(&(struct dec){.kind = DEC_FINITE, .sign = b->sign, .exponent = (int)a - f->bias, .coefficient = digits}, f, true);
}

static fpu_u128 shift_digits(const struct dec *a, fpu_u128 raw, unsigned n, bool left, const struct dec_format *f)
{
	fpu_u128 digits = all_digits(raw, a, f), power = dec_power(a->kind == DEC_FINITE ? f->digits : f->digits - 1u);
	struct dec r = *a;

	if (n > f->digits) {
		digits = 0;
	} else if (left) {
		for (; n; n--)
			digits = digits % (power / 10) * 10;
	} else {
		digits /= dec_power(n);
	}
	if (a->kind != DEC_FINITE)
		return pack_special(a->kind, a->sign, digits, f);
	r.coefficient = digits;
	return dec_pack(&r, f, true);
}

/* ---- the operations ---- */

/* How a result changes FPSCR. */
enum effect { NOTHING, FLAGS, FLAGS_AND_CLASS };

static enum effect converted(unsigned op, uint32_t how, const V *va, const V *vb, fpu_u128 *out, struct dec *r, const struct dec_format **rf, S *st)
{
	unsigned imm = how >> PPC_D_IMM_SHIFT & 63;
	const struct dec_format *f = format(how, PPC_D_BP);
	fpu_u128 raw = take(vb, how, PPC_D_BP);
	struct dec b;
	S quiet;

	dec_unpack(&b, raw, f, true);
	switch (op) {
	case PPC_D_CTDP:
	case PPC_D_RSP:
		/* A NaN stays what it is. */
		if (op == PPC_D_CTDP)
			dec_unpack(&b, (uint32_t)raw, &dec32, true);
		*rf = op == PPC_D_CTDP ? &dec64 : &dec32;
		quiet = *st;
		dec_convert(r, &b, *rf, b.kind >= DEC_QNAN ? &quiet : st);
		if (b.kind >= DEC_QNAN)
			r->kind = b.kind;
		break;
	case PPC_D_CTQPQ:
	case PPC_D_RDPQ:
		*rf = op == PPC_D_CTQPQ ? &dec128 : &dec64;
		dec_convert(r, &b, *rf, st);
		break;
	case PPC_D_CFFIX:
		*rf = format(how, PPC_D_TP);
		dec_from_int(r, (fpu_u128)(__int128)(int64_t)vb->u64[0], true, *rf, st);
		break;
	case PPC_D_CTFIX:
		if (dec_to_int(&b, 64, true, out, st) == FPU_INT_NAN)
			*out = (fpu_u128)1 << 63;
		return FLAGS;
	case PPC_D_DEDPD: *out = to_bcd(&b, all_digits(raw, &b, f), imm, f); return NOTHING;
	case PPC_D_ENBCD:
		*rf = f;
		if (!from_bcd(r, raw, imm, f)) {
			*r = (struct dec){.kind = DEC_QNAN};
			st->flags |= FPU_INVALID | FPU_INV_CVT;
		}
		break;
	case PPC_D_XEX: *out = extract_exponent(&b, f); return NOTHING;
	case PPC_D_IEX: *out = insert_exponent((int64_t)va->u64[0], raw, &b, f); return NOTHING;
	default: /* SCLI, SCRI */
		f = format(how, PPC_D_AP);
		raw = take(va, how, PPC_D_AP);
		dec_unpack(&b, raw, f, true);
		*out = shift_digits(&b, raw, imm, op == PPC_D_SCLI, f);
		return NOTHING;
	}
	*out = dec_pack(r, *rf, true);
	if (op == PPC_D_RDPQ) /* the left half of the pair */
		*out <<= 64;
	return FLAGS_AND_CLASS;
}

static enum effect computed(unsigned op, uint32_t how, const V *va, const V *vb, fpu_u128 *out, struct dec *r, const struct dec_format **rf, S *st)
{
	const struct dec_format *f = format(how, PPC_D_TP);
	struct dec a, b;

	*rf = f;
	dec_unpack(&a, take(va, how, PPC_D_AP), f, true);
	dec_unpack(&b, take(vb, how, PPC_D_BP), f, true);
	switch (op) {
	case PPC_D_ADD: case PPC_D_SUB: dec_add(r, &a, &b, op == PPC_D_SUB, f, st); break;
	case PPC_D_MUL: dec_mul(r, &a, &b, f, st); break;
	case PPC_D_DIV: dec_div(r, &a, &b, f, st); break;
	case PPC_D_QUAI: quantize_immediate(r, how >> PPC_D_IMM_SHIFT & 31, &b, f, st); break;
	case PPC_D_QUA: quantize(r, &a, &b, f, st); break;
	case PPC_D_RRND: reround(r, va->u64[0] & 63, &b, f, st); break;
	default: dec_rint(r, &b, op == PPC_D_RINTX, f, st); break;
	}
	if (op == PPC_D_RINTN)
		st->flags &= ~(uint32_t)FPU_ROUNDED_UP;
	*out = dec_pack(r, f, true);
	return FLAGS_AND_CLASS;
}

PPC_FN(dfp, V *out, const V *a, const V *b, const V *old, uint32_t how)
{
	struct ppc_cpu *p = ppc_cpu(c);
	unsigned op = how & 31;
	const struct dec_format *f = &dec64;
	struct dec r = {.kind = DEC_FINITE};
	fpu_u128 raw = 0;
	enum effect effect;
	bool keep = false;
	V v;
	S st;

	begin(p, how >> PPC_D_ROUND_SHIFT & 15, &st);
	effect = (op <= PPC_D_RINTN ? computed : converted)(op, how, a, b, &raw, &r, &f, &st);
	if (effect != NOTHING)
		keep = ppc_fpscr_commit(p, st.flags, effect == FLAGS ? PPC_FPRF_STAYS : fprf(&r, f));
	memset(&v, 0, sizeof v);
	if (how & PPC_D_TP)
		ppc_set_q(&v, raw);
	else
		v.u64[0] = (uint64_t)raw;
	*out = keep ? *old : v;
	return 0;
}

/* ---- comparisons and tests: LT GT EQ UN ---- */

static unsigned relation(enum fpu_relation rel)
{
	return rel == FPU_LESS ? 8 : rel == FPU_GREATER ? 4 : rel == FPU_EQUAL ? 2 : 1;
}

static unsigned class_bit(const struct dec *n, const struct dec_format *f)
{
	switch (n->kind) {
	case DEC_FINITE: return !n->coefficient ? 32 : subnormal(n, f) ? 16 : 8;
	case DEC_INFINITE: return 4;
	case DEC_QNAN: return 2;
	default: return 1;
	}
}

/* Extreme exponents are the least and the greatest. */
static unsigned group_bit(const struct dec *n, const struct dec_format *f)
{
	bool extreme = n->exponent == -f->bias || n->exponent == f->emax - f->digits + 1;

	if (n->kind != DEC_FINITE)
		return 1;
	if (!n->coefficient)
		return extreme ? 16 : 32;
	if (subnormal(n, f) || extreme)
		return 8;
	return n->coefficient < dec_power(f->digits - 1u) ? 4 : 2;
}

static unsigned compare_exponents(const struct dec *a, const struct dec *b)
{
	if (a->kind == DEC_FINITE && b->kind == DEC_FINITE)
		return a->exponent < b->exponent ? 8 : a->exponent > b->exponent ? 4 : 2;
	return (a->kind >= DEC_QNAN) == (b->kind >= DEC_QNAN) && (a->kind == DEC_FINITE) == (b->kind == DEC_FINITE) ? 2 : 1;
}

static unsigned compare_digits(unsigned k, const struct dec *b)
{
	unsigned n = dec_digits(b);

	return b->kind != DEC_FINITE ? 1 : !k ? 4 : k < n ? 8 : k > n ? 4 : 2;
}

PPC_FN(dfp_cr, const V *va, const V *vb, uint32_t how)
{
	struct ppc_cpu *p = ppc_cpu(c);
	unsigned op = how & 31, imm = how >> PPC_D_IMM_SHIFT & 63, bits;
	const struct dec_format *f = format(how, PPC_D_AP);
	uint64_t before = p->fpscr, flags;
	struct dec a, b;
	S st;

	begin(p, PPC_D_DRN, &st);
	dec_unpack(&a, take(va, how, PPC_D_AP), f, true);
	dec_unpack(&b, take(vb, how, PPC_D_BP), format(how, PPC_D_BP), true);
	switch (op) {
	case PPC_D_CMPU: case PPC_D_CMPO: bits = relation(dec_compare(&a, &b, op == PPC_D_CMPO, &st)); break;
	case PPC_D_TSTDC: bits = (a.sign ? 8 : 0) | (class_bit(&a, f) & imm ? 2 : 0); break;
	case PPC_D_TSTDG: bits = (a.sign ? 8 : 0) | (group_bit(&a, f) & imm ? 2 : 0); break;
	case PPC_D_TSTEX: bits = compare_exponents(&a, &b); break;
	case PPC_D_TSTSF: bits = compare_digits(va->u64[0] & 63, &b); break;
	default: bits = compare_digits(imm, &b);
	}
	flags = ppc_fpscr_flags(st.flags);
	/* VXVC comes with a signalling NaN only where VE is 0. */
	if (flags & FPSCR_VXSNAN && before & FPSCR_VE)
		flags &= ~(uint64_t)FPSCR_VXVC;
	p->fpscr = ppc_fpscr_summary(((before | flags) & ~(uint64_t)FPSCR_FPCC) | (uint64_t)bits << 12, before);
	return bits;
}
