/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * VSX's floating point in C (book I, chapter 7): what the host has no instruction for, and everything while exceptions are enabled.
 * FPRF, FR and FI are not touched by vectors.
 */
#include "isa/ppc/vec.h"

typedef struct fpu_status S;

/* A NaN loses against a number, a signalling one is quieted; of two the first (xsmaxdp, xvmaxsp, ...). */
static uint64_t minmax64(uint64_t a, uint64_t b, bool max, S *st)
{
	bool na = f64_is_nan(a), nb = f64_is_nan(b);

	if (f64_class(a) == FPU_CLASS_SNAN || f64_class(b) == FPU_CLASS_SNAN)
		st->flags |= FPU_INVALID | FPU_INV_SNAN;
	if (f64_class(a) == FPU_CLASS_SNAN || (na && nb))
		return a | 1ull << 51;
	if (f64_class(b) == FPU_CLASS_SNAN)
		return b | 1ull << 51;
	if (na || nb)
		return na ? b : a;
	if (!((a | b) << 1)) /* zeros: the positive one is larger */
		return max ? a & b : a | b;
	enum fpu_relation rel = f64_compare(a, b, false, st);
	return (rel == FPU_LESS) == max ? b : a;
}

static uint32_t minmax32(uint32_t a, uint32_t b, bool max, S *st)
{
	return ppc_narrow(minmax64(ppc_widen(a), ppc_widen(b), max, st));
}

/* Type-C: the second when either is a NaN or they are equal; type-J: the first NaN as it is. */
static uint64_t minmax_c(uint64_t a, uint64_t b, bool max, bool java, S *st)
{
	bool na = f64_is_nan(a), nb = f64_is_nan(b);

	if (f64_class(a) == FPU_CLASS_SNAN || f64_class(b) == FPU_CLASS_SNAN)
		st->flags |= FPU_INVALID | FPU_INV_SNAN;
	if (na || nb)
		return java && na ? a : b;
	if (java && !((a | b) << 1))
		return max ? a & b : a | b;
	enum fpu_relation rel = f64_compare(a, b, false, st);
	return rel == (max ? FPU_GREATER : FPU_LESS) ? a : b;
}

static bool relation(enum fpu_relation rel, unsigned kind)
{
	return kind == 0 ? rel == FPU_EQUAL : kind == 1 ? rel == FPU_GREATER : rel == FPU_GREATER || rel == FPU_EQUAL;
}

static uint64_t to_int64(uint64_t a, unsigned bits, bool is_signed, S *st)
{
	uint64_t v;

	if (f64_to_int(a, bits, is_signed, FPU_ZERO, &v, st) == FPU_INT_NAN)
		v = is_signed ? 1ull << (bits - 1) : 0;
	return v;
}

/* A single is exact as a double; the flags of a conversion are the same. */
static uint64_t to_int32(uint32_t a, unsigned bits, bool is_signed, S *st)
{
	return to_int64(ppc_widen(a), bits, is_signed, st);
}

static uint64_t double_element(unsigned op, uint64_t a, uint64_t b, uint64_t x, S *st)
{
	static const uint8_t rounds[] = {FPU_AWAY, 0, FPU_DOWN, FPU_UP, FPU_ZERO};

	switch (op) {
	case PPC_V_XVADDDP: return f64_add(a, b, st);
	case PPC_V_XVSUBDP: return f64_sub(a, b, st);
	case PPC_V_XVMULDP: return f64_mul(a, b, st);
	case PPC_V_XVDIVDP: return f64_div(a, b, st);
	case PPC_V_XVSQRTDP: return f64_sqrt(b, st);
	case PPC_V_XVMADDDP: return f64_fma(a, b, x, 0, st);
	case PPC_V_XVMSUBDP: return f64_fma(a, b, x, FPU_NEG_ADDEND, st);
	case PPC_V_XVNMADDDP: return f64_fma(a, b, x, FPU_NEG_RESULT, st);
	case PPC_V_XVNMSUBDP: return f64_fma(a, b, x, FPU_NEG_ADDEND | FPU_NEG_RESULT, st);
	case PPC_V_XVMAXDP: case PPC_V_XVMINDP: return minmax64(a, b, op == PPC_V_XVMAXDP, st);
	case PPC_V_XVREDP: return ppc_fp_eval(PPC_FP_RE, b, 0, 0, st);
	case PPC_V_XVRSQRTEDP: return ppc_fp_eval(PPC_FP_RSQRTE, b, 0, 0, st);
	case PPC_V_XVRDPI: case PPC_V_XVRDPIM: case PPC_V_XVRDPIP: case PPC_V_XVRDPIZ:
		return f64_rint(b, rounds[(op - PPC_V_XVRDPI) / 2], false, st);
	case PPC_V_XVRDPIC: return f64_rint(b, st->round, true, st);
	case PPC_V_XVCVDPSXDS: return to_int64(b, 64, true, st);
	case PPC_V_XVCVDPUXDS: return to_int64(b, 64, false, st);
	case PPC_V_XVCVSXDDP: return f64_from_int(b, true, st);
	case PPC_V_XVCVUXDDP: return f64_from_int(b, false, st);
	case PPC_V_XVCMPEQDP: case PPC_V_XVCMPGTDP: case PPC_V_XVCMPGEDP:
		return relation(f64_compare(a, b, op != PPC_V_XVCMPEQDP, st), (op - PPC_V_XVCMPEQDP) / 2) ? ~0ull : 0;
	case PPC_V_XVXEXPDP: return b >> 52 & 2047;
	case PPC_V_XVXSIGDP: return (b & ((1ull << 52) - 1)) | ((b >> 52 & 2047) - 1 < 2046 ? 1ull << 52 : 0);
	default: return (a & ~(0x7ffull << 52)) | (b & 0x7ff) << 52; /* XVIEXPDP */
	}
}

static uint32_t single_element(unsigned op, uint32_t a, uint32_t b, uint32_t x, S *st)
{
	static const uint8_t rounds[] = {FPU_AWAY, 0, FPU_DOWN, FPU_UP, FPU_ZERO};

	switch (op) {
	case PPC_V_XVADDSP: return f32_add(a, b, st);
	case PPC_V_XVSUBSP: return f32_sub(a, b, st);
	case PPC_V_XVMULSP: return f32_mul(a, b, st);
	case PPC_V_XVDIVSP: return f32_div(a, b, st);
	case PPC_V_XVSQRTSP: return f32_sqrt(b, st);
	case PPC_V_XVMADDSP: return f32_fma(a, b, x, 0, st);
	case PPC_V_XVMSUBSP: return f32_fma(a, b, x, FPU_NEG_ADDEND, st);
	case PPC_V_XVNMADDSP: return f32_fma(a, b, x, FPU_NEG_RESULT, st);
	case PPC_V_XVNMSUBSP: return f32_fma(a, b, x, FPU_NEG_ADDEND | FPU_NEG_RESULT, st);
	case PPC_V_XVMAXSP: case PPC_V_XVMINSP: return minmax32(a, b, op == PPC_V_XVMAXSP, st);
	case PPC_V_XVRESP: return ppc_narrow(ppc_fp_eval(PPC_FP_RE | PPC_FP_SINGLE, ppc_widen(b), 0, 0, st));
	case PPC_V_XVRSQRTESP: return ppc_narrow(ppc_fp_eval(PPC_FP_RSQRTE | PPC_FP_SINGLE, ppc_widen(b), 0, 0, st));
	case PPC_V_XVRSPI: case PPC_V_XVRSPIM: case PPC_V_XVRSPIP: case PPC_V_XVRSPIZ:
		return f32_rint(b, rounds[(op - PPC_V_XVRSPI) / 2], false, st);
	case PPC_V_XVRSPIC: return f32_rint(b, st->round, true, st);
	case PPC_V_XVCVSPSXWS: return (uint32_t)to_int32(b, 32, true, st);
	case PPC_V_XVCVSPUXWS: return (uint32_t)to_int32(b, 32, false, st);
	case PPC_V_XVCVSXWSP: return f32_from_int((uint64_t)(int64_t)(int32_t)b, true, st);
	case PPC_V_XVCVUXWSP: return f32_from_int(b, false, st);
	case PPC_V_XVCMPEQSP: case PPC_V_XVCMPGTSP: case PPC_V_XVCMPGESP:
		return relation(f32_compare(a, b, op != PPC_V_XVCMPEQSP, st), (op - PPC_V_XVCMPEQSP) / 2) ? ~0u : 0;
	case PPC_V_XVXEXPSP: return b >> 23 & 255;
	case PPC_V_XVXSIGSP: return (b & 0x7fffff) | ((b >> 23 & 255) - 1 < 254 ? 1u << 23 : 0);
	default: return (a & ~(0xffu << 23)) | (b & 255) << 23; /* XVIEXPSP */
	}
}

/* Scalars: doubleword 0. */
static uint64_t scalar(unsigned op, uint64_t a, uint64_t b, S *st)
{
	switch (op) {
	case PPC_V_XSMAXDP: case PPC_V_XSMINDP: return minmax64(a, b, op == PPC_V_XSMAXDP, st);
	case PPC_V_XSMAXCDP: case PPC_V_XSMINCDP: return minmax_c(a, b, op == PPC_V_XSMAXCDP, false, st);
	case PPC_V_XSMAXJDP: case PPC_V_XSMINJDP: return minmax_c(a, b, op == PPC_V_XSMAXJDP, true, st);
	default: return relation(f64_compare(a, b, op != PPC_V_XSCMPEQDP, st), op - PPC_V_XSCMPEQDP) ? ~0ull : 0;
	}
}

/* Conversions between elements of different sizes: a word that belongs to a doubleword is its left one, and the right one is the same. */
static bool convert(unsigned op, V *r, const V *b, S *st)
{
	for (unsigned n = 0; n < 2; n++) {
		uint64_t d = D64(b, n);
		uint32_t w = W32(b, 2 * n);
		uint32_t to_word = 0;
		bool word = true;
		switch (op) {
		case PPC_V_XVCVDPSP: to_word = f32_from_f64(d, st); break;
		case PPC_V_XVCVDPSXWS: to_word = (uint32_t)to_int64(d, 32, true, st); break;
		case PPC_V_XVCVDPUXWS: to_word = (uint32_t)to_int64(d, 32, false, st); break;
		case PPC_V_XVCVSXDSP: to_word = f32_from_int(d, true, st); break;
		case PPC_V_XVCVUXDSP: to_word = f32_from_int(d, false, st); break;
		default: word = false;
		}
		if (word) {
			W32(r, 2 * n) = W32(r, 2 * n + 1) = to_word;
			continue;
		}
		switch (op) {
		case PPC_V_XVCVSPDP: D64(r, n) = f64_from_f32(w, st); break;
		case PPC_V_XVCVSPSXDS: D64(r, n) = to_int32(w, 64, true, st); break;
		case PPC_V_XVCVSPUXDS: D64(r, n) = to_int32(w, 64, false, st); break;
		case PPC_V_XVCVSXWDP: D64(r, n) = f64_from_int((uint64_t)(int64_t)(int32_t)w, true, st); break;
		case PPC_V_XVCVUXWDP: D64(r, n) = f64_from_int(w, false, st); break;
		default: return false;
		}
	}
	return true;
}

static bool half_precision(unsigned op, V *r, const V *b, S *st)
{
	if (op != PPC_V_XVCVHPSP && op != PPC_V_XVCVSPHP)
		return false;
	for (unsigned n = 0; n < 4; n++)
		W32(r, n) = op == PPC_V_XVCVHPSP ? f32_from_f16(H16(b, 2 * n + 1), st) : f16_from_f32(W32(b, n), st);
	return true;
}

/* Up to the conversions, and from the comparisons to halves, the names come in pairs of doubles and singles. */
static bool is_double(unsigned op)
{
	switch (op) {
	case PPC_V_XVCVDPSXDS: case PPC_V_XVCVDPUXDS: case PPC_V_XVCVSXDDP: case PPC_V_XVCVUXDDP: case PPC_V_XVXEXPDP: case PPC_V_XVXSIGDP:
	case PPC_V_XVIEXPDP:
		return true;
	}
	if (op < PPC_V_XVCVDPSP)
		return !((op - PPC_V_XVADDDP) & 1);
	return op >= PPC_V_XVCMPEQDP && op < PPC_V_XVCVHPSP && !((op - PPC_V_XVCMPEQDP) & 1);
}

PPC_FN(vec_vsx, V *out, const V *a, const V *b, const V *x, uint32_t op)
{
	struct ppc_cpu *p = ppc_cpu(c);
	S st = p->fpu;
	V v;

	st.flags = 0;
	memset(&v, 0, sizeof v);
	if (op <= PPC_V_XSCMPGEDP) {
		v.u64[0] = scalar(op, a->u64[0], b->u64[0], &st);
	} else if (convert(op, &v, b, &st) || half_precision(op, &v, b, &st)) {
		/* done */
	} else if (is_double(op)) {
		for (unsigned n = 0; n < 2; n++)
			v.u64[n] = double_element(op, a->u64[n], b->u64[n], x->u64[n], &st);
	} else {
		for (unsigned n = 0; n < 4; n++)
			v.u32[n] = single_element(op, a->u32[n], b->u32[n], x->u32[n], &st);
	}
	if (p->fpscr & FPSCR_ENABLES) {
		/* An enabled exception leaves the target: it is the third operand of all that do not add to it. */
		uint64_t before = ppc_get_fpscr(p), bits = ppc_fpscr_flags(st.flags);
		p->fpscr = ppc_fpscr_summary(before | bits, before);
		if ((bits & FPSCR_VX_ALL && before & FPSCR_VE) || (bits & FPSCR_ZX && before & FPSCR_ZE))
			v = *x;
	} else {
		p->fpu.flags |= st.flags;
	}
	*out = v;
	return 0;
}

/* ---- tests ---- */

/* kind: 1 singles, 2 square root */
PPC_FN(vec_test, const V *a, const V *b, uint32_t kind)
{
	unsigned bits = 0, n, count = kind & 1 ? 4 : 2;

	(void)c;
	for (n = 0; n < count; n++) {
		uint64_t x = kind & 1 ? a->u32[n] : a->u64[n], y = kind & 1 ? b->u32[n] : b->u64[n];
		bits |= kind & 2 ? ppc_test_root(y, !(kind & 1)) : ppc_test_divide(x, y, !(kind & 1));
	}
	return bits;
}

/* DCMX: NaN, +inf, -inf, +0, -0, +denormal, -denormal, from bit 6 down */
static bool data_class(uint64_t v, bool wide, unsigned dcmx)
{
	enum fpu_class k = wide ? f64_class(v) : f32_class((f32)v);
	bool negative = wide ? v >> 63 : v >> 31 & 1;

	switch (k) {
	case FPU_CLASS_ZERO: return dcmx >> (negative ? 2 : 3) & 1;
	case FPU_CLASS_DENORMAL: return dcmx >> (negative ? 0 : 1) & 1;
	case FPU_CLASS_NORMAL: return false;
	case FPU_CLASS_INFINITE: return dcmx >> (negative ? 4 : 5) & 1;
	default: return dcmx >> 6 & 1;
	}
}

PPC_FN(stdc, uint64_t v, uint32_t how)
{
	bool not_single = how >> 8 && ppc_widen(ppc_narrow(v)) != v, match;

	(void)c;
	if (how >> 8) { /* a single in double format: denormal below its own range */
		unsigned e = v >> 52 & 2047;
		match = e > 0 && e < 897 ? how >> (v >> 63 ? 0 : 1) & 1 : data_class(v, true, how & 127);
	} else {
		match = data_class(v, true, how & 127);
	}
	return (v >> 63 ? 8 : 0) | (match ? 2 : 0) | not_single;
}

PPC_FN(vec_dcmx, V *out, const V *b, uint32_t dcmx, uint32_t single)
{
	V v;

	(void)c;
	memset(&v, 0, sizeof v);
	for (unsigned n = 0; n < (single ? 4 : 2); n++) {
		if (single)
			v.u32[n] = data_class(b->u32[n], false, dcmx) ? ~0u : 0;
		else
			v.u64[n] = data_class(b->u64[n], true, dcmx) ? ~0ull : 0;
	}
	*out = v;
	return 0;
}

PPC_FN(cmpexp, uint64_t a, uint64_t b)
{
	unsigned x = a >> 52 & 2047, y = b >> 52 & 2047;

	(void)c;
	if (f64_is_nan(a) || f64_is_nan(b))
		return 1;
	return x < y ? 8 : x > y ? 4 : 2;
}
