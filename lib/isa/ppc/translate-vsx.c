/* SPDX-License-Identifier: GPL-2.0-or-later */
/* VSX: scalars in doubleword 0, vectors, moves, loads and stores. */
#include "isa/ppc/translate.h"

#define A(i) ppc_vsr(t, XA(i))
#define B(i) ppc_vsr(t, XB(i))

static ir_ref zero(T *t)
{
	return ir_const_wide(t->r, IR_V128, 0, 0);
}

/* ---- scalars ---- */

bool ppc_xs3(T *t, uint32_t i, unsigned arg)
{
	unsigned op = arg & ~(unsigned)PPC_X_M, base = op & 63;
	ir_ref a = ppc_f(t, XA(i)), b = ppc_f(t, XB(i)), c = 0;

	if (base >= PPC_FP_MADD && base <= PPC_FP_NMSUB) {
		/* xsmadda: T = A * B + T; xsmaddm: T = A * T + B */
		c = ppc_f(t, XT(i));
		if (arg & PPC_X_M) {
			ir_ref x = b;
			b = c;
			c = x;
		}
	}
	ppc_fp_scalar(t, op, XT(i), a, b, c);
	return true;
}

bool ppc_xs2(T *t, uint32_t i, unsigned op)
{
	bool words = op == PPC_FP_DPSP || (op >= PPC_FP_CTIW && op <= PPC_FP_CTIWUZ);

	ppc_fp_scalar(t, op | (t->careful && words ? PPC_FP_WORDS : 0), XT(i), ppc_f(t, XB(i)), 0, 0);
	if (t->careful)
		return true;
	if (op == PPC_FP_DPSP) { /* as a single, in both words */
		struct ir_region *r = t->r;
		ir_ref w = ir_zext(r, IR_I64, ppc_double_to_single(t, XT(i)));
		ppc_set_f(t, XT(i), ir_or(r, w, ir_shl_imm(r, w, 32)));
	} else if (op >= PPC_FP_CTIW && op <= PPC_FP_CTIWUZ) { /* words too */
		struct ir_region *r = t->r;
		ir_ref w = ir_and_imm(r, ppc_fbits(t, XT(i)), 0xffffffff);
		ppc_set_f(t, XT(i), ir_or(r, w, ir_shl_imm(r, w, 32)));
	}
	return true;
}

/* xscvdpspn, xscvspdpn: no flags, NaNs as they are */
bool ppc_xsn(T *t, uint32_t i, unsigned widen)
{
	struct ir_region *r = t->r;

	if (widen) {
		ppc_set_f(t, XT(i), ppc_single_to_double(t, ir_vgetlane(r, IR_F32, B(i), 1)));
	} else {
		/* A denormal double is 0 by ConvertDPtoSP_NS (7.6.3), where stfs leaves it undefined. */
		ir_ref v = ppc_fbits(t, XB(i)), sign = ir_and_imm(r, ir_shr_imm(r, v, 32), 0x80000000);
		ir_ref w = ir_select(r, IR_LTU, ir_shl_imm(r, v, 1), ppc_imm(t, IR_I64, 1ull << 53), sign,
				     ir_zext(r, IR_I64, ppc_double_to_single(t, XB(i))));
		ppc_set_f(t, XT(i), ir_or(r, w, ir_shl_imm(r, w, 32)));
	}
	return true;
}

bool ppc_xsmove(T *t, uint32_t i, unsigned kind)
{
	ppc_set_f(t, XT(i), ppc_fp_sign(t, kind, ppc_f(t, XB(i))));
	return true;
}

bool ppc_xscpsgn(T *t, uint32_t i, unsigned arg)
{
	(void)arg;
	ppc_set_f(t, XT(i), ppc_copy_sign(t, ppc_fbits(t, XA(i)), ppc_fbits(t, XB(i))));
	return true;
}

bool ppc_xscmp(T *t, uint32_t i, unsigned ordered)
{
	ppc_fp_compare(t, RT(i) >> 2, ppc_f(t, XA(i)), ppc_f(t, XB(i)), ordered);
	return true;
}

bool ppc_xstest(T *t, uint32_t i, unsigned sqrt)
{
	ir_ref b = ppc_fbits(t, XB(i)), a = sqrt ? b : ppc_fbits(t, XA(i));

	ppc_cr_set(t, RT(i) >> 2, ppc_call(t, sqrt ? PPC_H_test_sqrt : PPC_H_test_div, a, b, ppc_imm(t, IR_I32, 1), 0, 0));
	return true;
}

/* ---- in C: all of the register ---- */

static ir_ref vsx(T *t, unsigned op, ir_ref a, ir_ref b, ir_ref c)
{
	return ppc_call(t, PPC_H_vec_vsx, a, b, c, ppc_imm(t, IR_I32, op), 0);
}

static void checked(T *t, unsigned target, ir_ref v)
{
	ppc_set_vsr(t, target, v);
	if (t->careful)
		ppc_fp_check(t);
}

bool ppc_xsh(T *t, uint32_t i, unsigned op)
{
	checked(t, XT(i), vsx(t, op, A(i), B(i), ppc_vsr(t, XT(i))));
	return true;
}

bool ppc_xvh(T *t, uint32_t i, unsigned op)
{
	checked(t, XT(i), vsx(t, op, A(i), B(i), ppc_vsr(t, XT(i))));
	return true;
}

bool ppc_xvcmp(T *t, uint32_t i, unsigned op)
{
	ir_ref v = vsx(t, op, A(i), B(i), zero(t));

	checked(t, XT(i), v);
	if (i >> 10 & 1)
		ppc_cr6(t, v);
	return true;
}

/* The vectors' numbers of the scalar-named operations, dp then sp. */
static unsigned careful_op(unsigned op, bool wide)
{
	static const uint16_t map[][2] = {{IR_VFADD, PPC_V_XVADDDP}, {IR_VFSUB, PPC_V_XVSUBDP}, {IR_VFMUL, PPC_V_XVMULDP}, {IR_VFDIV, PPC_V_XVDIVDP}};

	for (unsigned k = 0; k < sizeof map / sizeof map[0]; k++)
		if (map[k][0] == op)
			return map[k][1] + !wide;
	return 0;
}

bool ppc_xv3(T *t, uint32_t i, unsigned arg)
{
	unsigned op = arg & 1023;
	bool wide = arg >> 10 == 3;
	ir_ref a = A(i), b = B(i);

	if (t->careful)
		checked(t, XT(i), vsx(t, careful_op(op, wide), a, b, zero(t)));
	else
		ppc_set_vsr(t, XT(i), ir_vec2(t->r, op, wide ? IR_F64 : IR_F32, a, b, 0));
	return true;
}

/* kind: madd msub nmadd nmsub */
bool ppc_xvmadd(T *t, uint32_t i, unsigned arg)
{
	unsigned kind = arg & 3;
	bool wide = (arg >> 10 & 3) == 3;
	ir_ref a = A(i), b = B(i), c = ppc_vsr(t, XT(i));

	if (arg & PPC_X_M) {
		ir_ref x = b;
		b = c;
		c = x;
	}
	if (t->careful)
		checked(t, XT(i), vsx(t, PPC_V_XVMADDDP + 2 * kind + !wide, a, b, c));
	else
		ppc_set_vsr(t, XT(i), ir_vec3(t->r, IR_VFMA, wide ? IR_F64 : IR_F32, a, b, c,
					      (kind & 1 ? FPU_NEG_ADDEND : 0) | (kind & 2 ? FPU_NEG_RESULT : 0)));
	return true;
}

bool ppc_xvsqrt(T *t, uint32_t i, unsigned log2)
{
	if (t->careful)
		checked(t, XT(i), vsx(t, PPC_V_XVSQRTDP + (log2 == 2), B(i), B(i), zero(t)));
	else
		ppc_set_vsr(t, XT(i), ir_vec1(t->r, IR_VFSQRT, log2 == 3 ? IR_F64 : IR_F32, B(i), 0));
	return true;
}

static ir_ref signs(T *t, unsigned log2)
{
	uint64_t w = log2 == 3 ? 1ull << 63 : 0x8000000080000000ull;
	return ir_const_wide(t->r, IR_V128, w, w);
}

bool ppc_xvmove(T *t, uint32_t i, unsigned arg)
{
	static const uint16_t op[] = {[1] = IR_VXOR, [2] = IR_VANDN, [3] = IR_VOR};

	ppc_set_vsr(t, XT(i), ir_vec2(t->r, op[arg & 3], IR_I64, B(i), signs(t, arg >> 10), 0));
	return true;
}

bool ppc_xvcpsgn(T *t, uint32_t i, unsigned log2)
{
	ppc_set_vsr(t, XT(i), ir_vec3(t->r, IR_VBITSEL, IR_I64, signs(t, log2), A(i), B(i), 0));
	return true;
}

/* kind: 1 singles, 2 square root */
bool ppc_xvtest(T *t, uint32_t i, unsigned kind)
{
	ppc_cr_set(t, RT(i) >> 2, ppc_call(t, PPC_H_vec_test, kind & 2 ? B(i) : A(i), B(i), ppc_imm(t, IR_I32, kind), 0, 0));
	return true;
}

/* ---- logical, permute ---- */

bool ppc_xx2(T *t, uint32_t i, unsigned arg)
{
	ir_ref v = ir_vec2(t->r, arg & 1023, IR_I64, A(i), B(i), 0);

	ppc_set_vsr(t, XT(i), arg & PPC_V_NOT ? ir_vec1(t->r, IR_VNOT, IR_I64, v, 0) : v);
	return true;
}

bool ppc_xxlorc(T *t, uint32_t i, unsigned arg)
{
	(void)arg;
	ppc_set_vsr(t, XT(i), ir_vec2(t->r, IR_VOR, IR_I64, A(i), ir_vec1(t->r, IR_VNOT, IR_I64, B(i), 0), 0));
	return true;
}

bool ppc_xxmrg(T *t, uint32_t i, unsigned how)
{
	ppc_set_vsr(t, XT(i), ppc_merge(t, A(i), B(i), how));
	return true;
}

bool ppc_xxpermdi(T *t, uint32_t i, unsigned arg)
{
	struct ir_region *r = t->r;
	unsigned dm = ppc_field(i, 22, 2);
	ir_ref a = A(i), b = B(i), v;

	(void)arg;
	/* lane 0 is doubleword 0: DM0 chooses it from A, DM1 lane 1 from B */
	switch (dm) {
	case 0: v = ir_vec2(r, IR_VZIPLO, IR_I64, a, b, 0); break;
	case 3: v = ir_vec2(r, IR_VZIPHI, IR_I64, a, b, 0); break;
	case 2: v = ir_vec2(r, IR_VEXT, IR_I8, a, b, 8); break;
	default: v = ir_vec2(r, IR_VSETLANE, IR_I64, b, ir_vgetlane(r, IR_I64, a, 0), 0); break;
	}
	ppc_set_vsr(t, XT(i), v);
	return true;
}

bool ppc_xxsldwi(T *t, uint32_t i, unsigned arg)
{
	(void)arg;
	ppc_set_vsr(t, XT(i), ppc_shift_words(t, A(i), B(i), ppc_field(i, 22, 2)));
	return true;
}

bool ppc_xxsel(T *t, uint32_t i, unsigned arg)
{
	(void)arg;
	ppc_set_vsr(t, XT(i), ir_vec3(t->r, IR_VBITSEL, IR_I64, ppc_vsr(t, XC(i)), B(i), A(i), 0));
	return true;
}

bool ppc_xxspltw(T *t, uint32_t i, unsigned arg)
{
	(void)arg;
	ppc_set_vsr(t, XT(i), ir_vdup(t->r, IR_V128, IR_I32, ppc_element(t, B(i), 2, RA(i) & 3)));
	return true;
}

bool ppc_xxspltib(T *t, uint32_t i, unsigned arg)
{
	(void)arg;
	ppc_set_vsr(t, XT(i), ir_vdup(t->r, IR_V128, IR_I8, ppc_imm(t, IR_I8, ppc_field(i, 13, 8))));
	return true;
}

/* The permutation of A and T by B. */
bool ppc_xxperm(T *t, uint32_t i, unsigned right)
{
	ppc_set_vsr(t, XT(i), ppc_permute(t, A(i), ppc_vsr(t, XT(i)), B(i), right));
	return true;
}

bool ppc_xxextractuw(T *t, uint32_t i, unsigned arg)
{
	(void)arg;
	ppc_set_vsr(t, XT(i), ppc_call(t, PPC_H_vec_window, B(i), B(i), ppc_imm(t, IR_I32, RA(i) | 2 << 8), 0, 0));
	return true;
}

/* Word 1 of B to the bytes at UIM. */
bool ppc_xxinsertw(T *t, uint32_t i, unsigned arg)
{
	(void)arg;
	ppc_set_vsr(t, XT(i), ppc_call(t, PPC_H_vec_window, ppc_vsr(t, XT(i)), B(i), ppc_imm(t, IR_I32, RA(i) | 2 << 8 | 1 << 16), 0, 0));
	return true;
}

bool ppc_xxbr(T *t, uint32_t i, unsigned lane)
{
	ir_ref v = ir_vec1(t->r, IR_VBSWAP, lane ? lane : IR_I64, B(i), 0);

	ppc_set_vsr(t, XT(i), lane ? v : ppc_swap_halves(t, v));
	return true;
}

/* ---- parts of numbers ---- */

bool ppc_xsiexp(T *t, uint32_t i, unsigned arg)
{
	struct ir_region *r = t->r;
	ir_ref a = ir_zext(r, IR_I64, ppc_gpr(t, RA(i))), b = ir_zext(r, IR_I64, ppc_gpr(t, RB(i)));

	(void)arg;
	a = ir_and_imm(r, a, ~(0x7ffull << 52));
	ppc_set_f(t, XT(i), ir_or(r, a, ir_shl_imm(r, ir_and_imm(r, b, 0x7ff), 52)));
	return true;
}

bool ppc_xsxexp(T *t, uint32_t i, unsigned significand)
{
	struct ir_region *r = t->r;
	ir_ref v = ppc_fbits(t, XB(i)), e = ir_extract(r, v, 52, 11);

	if (significand) {
		/* the implicit bit where the exponent is neither 0 nor all ones */
		ir_ref normal = ir_setcond(r, IR_I64, IR_LTU, ir_add_imm(r, e, ~0ull), ppc_imm(t, IR_I64, 2046));
		e = ir_or(r, ir_and_imm(r, v, (1ull << 52) - 1), ir_shl_imm(r, normal, 52));
	}
	ppc_set(t, RT(i), e);
	return true;
}

/* A comparison whose result FPCC gets, too. */
static void compared(T *t, unsigned field, ir_ref bits)
{
	struct ir_region *r = t->r;

	ppc_cr_set(t, field, bits);
	ir_set(r, PPC_SLOT_FPCC, ir_zext(r, IR_I8, ir_xor_imm(r, bits, 0x82)));
}

bool ppc_xscmpexp(T *t, uint32_t i, unsigned arg)
{
	(void)arg;
	compared(t, RT(i) >> 2, ppc_call(t, PPC_H_cmpexp, ppc_fbits(t, XA(i)), ppc_fbits(t, XB(i)), 0, 0, 0));
	return true;
}

bool ppc_xststdc(T *t, uint32_t i, unsigned single)
{
	unsigned dcmx = ppc_field(i, 9, 7);

	compared(t, RT(i) >> 2, ppc_call(t, PPC_H_stdc, ppc_fbits(t, XB(i)), ppc_imm(t, IR_I32, dcmx | single << 8), 0, 0, 0));
	return true;
}

bool ppc_xvtstdc(T *t, uint32_t i, unsigned single)
{
	unsigned dcmx = (i >> 6 & 1) << 6 | (i >> 2 & 1) << 5 | RA(i);

	ppc_set_vsr(t, XT(i), ppc_call(t, PPC_H_vec_dcmx, B(i), ppc_imm(t, IR_I32, dcmx), ppc_imm(t, IR_I32, single), 0, 0));
	return true;
}

/* ---- moves between registers ---- */

bool ppc_mfvsr(T *t, uint32_t i, unsigned kind)
{
	struct ir_region *r = t->r;

	if (kind == 1)
		ppc_set(t, RA(i), ir_vgetlane(r, IR_I32, ppc_vsr(t, XT(i)), 0));
	else
		ppc_set(t, RA(i), ir_vgetlane(r, IR_I64, ppc_vsr(t, XT(i)), kind ? 1 : 0));
	return true;
}

bool ppc_mtvsr(T *t, uint32_t i, unsigned kind)
{
	struct ir_region *r = t->r;
	ir_ref v = ppc_gpr0(t, RA(i));

	if (kind < 4 && !RA(i))
		v = ppc_gpr(t, 0);
	switch (kind) {
	case 0: v = ir_zext(r, IR_I64, v); break;
	case 1: v = ir_sext(r, IR_I64, ir_zext(r, IR_I32, v)); break;
	case 2: v = ir_zext(r, IR_I64, ir_zext(r, IR_I32, v)); break;
	case 3:
		ppc_set_vsr(t, XT(i), ir_vdup(r, IR_V128, IR_I32, ir_zext(r, IR_I32, v)));
		return true;
	default:
		ppc_set_vsr(t, XT(i), ir_concat(r, IR_V128, ir_zext(r, IR_I64, v), ir_zext(r, IR_I64, ppc_gpr(t, RB(i)))));
		return true;
	}
	ppc_set_f(t, XT(i), v);
	return true;
}

/* ---- loads and stores ---- */

/* Between memory order, as a plain load of 16 bytes gives it, and ours; its own inverse. */
static ir_ref arranged(T *t, unsigned kind, ir_ref v)
{
	if (t->be)
		return ppc_bswap_lanes(t, v);
	switch (kind) {
	case PPC_X_D2: return v;
	case PPC_X_V: return ppc_swap_halves(t, v);
	/* lanes of memory order to elements: words (halfwords, bytes) of each doubleword in the opposite order */
	case PPC_X_W4: return ir_vec2(t->r, IR_VOR, IR_I64, ir_vec1(t->r, IR_VSHLI, IR_I64, v, 32), ir_vec1(t->r, IR_VSHRI, IR_I64, v, 32), 0);
	case PPC_X_H8: return ir_vec1(t->r, IR_VBSWAP, IR_I16, ppc_bswap_lanes(t, v), 0);
	default: return ppc_bswap_lanes(t, v);
	}
}

bool ppc_lx(T *t, uint32_t i, unsigned kind)
{
	struct ir_region *r = t->r;
	ir_ref at = ppc_ea_x(t, i), v;
	unsigned xt = XT(i);

	switch (kind) {
	case PPC_X_D: ppc_set_f(t, xt, ir_ld(r, IR_V64, at, 0, ppc_memop(t, 3))); break;
	case PPC_X_DS:
		v = ir_ld(r, IR_I64, at, 0, ppc_memop(t, 3));
		ppc_set_vsr(t, xt, ir_vdup(r, IR_V128, IR_I64, v));
		break;
	case PPC_X_WS:
		v = ir_ld(r, IR_I32, at, 0, ppc_memop(t, 2));
		ppc_set_vsr(t, xt, ir_vdup(r, IR_V128, IR_I32, v));
		break;
	case PPC_X_IWA: ppc_set_f(t, xt, ir_ld(r, IR_I64, at, 0, ppc_memop(t, 2) | IR_MEM_SIGNED)); break;
	case PPC_X_IWZ: ppc_set_f(t, xt, ir_ld(r, IR_I64, at, 0, ppc_memop(t, 2))); break;
	case PPC_X_IBZ: ppc_set_f(t, xt, ir_ld(r, IR_I64, at, 0, ppc_memop(t, 0))); break;
	case PPC_X_IHZ: ppc_set_f(t, xt, ir_ld(r, IR_I64, at, 0, ppc_memop(t, 1))); break;
	case PPC_X_SP: ppc_set_f(t, xt, ppc_single_to_double(t, ir_ld(r, IR_F32, at, 0, ppc_memop(t, 2)))); break;
	default:
		v = ir_ld(r, IR_V128, at, 0, IR_MEM(16));
		ppc_set_vsr(t, xt, arranged(t, kind, v));
	}
	return true;
}

bool ppc_stx(T *t, uint32_t i, unsigned kind)
{
	struct ir_region *r = t->r;
	ir_ref at = ppc_ea_x(t, i);
	unsigned xs = XT(i);

	switch (kind) {
	case PPC_X_D: ir_st(r, at, 0, ppc_fbits(t, xs), ppc_memop(t, 3)); break;
	case PPC_X_IWZ: ir_st(r, at, 0, ppc_fbits(t, xs), ppc_memop(t, 2)); break;
	case PPC_X_IBZ: ir_st(r, at, 0, ppc_fbits(t, xs), ppc_memop(t, 0)); break;
	case PPC_X_IHZ: ir_st(r, at, 0, ppc_fbits(t, xs), ppc_memop(t, 1)); break;
	case PPC_X_SP: ir_st(r, at, 0, ir_zext(r, IR_I64, ppc_double_to_single(t, xs)), ppc_memop(t, 2)); break;
	default: ir_st(r, at, 0, arranged(t, kind, ppc_vsr(t, xs)), IR_MEM(16));
	}
	return true;
}

bool ppc_lxv(T *t, uint32_t i, unsigned load)
{
	struct ir_region *r = t->r;
	unsigned xt = RT(i) | (i >> 3 & 1) << 5;
	int64_t disp = (int64_t)(int16_t)(i & 0xfff0);
	ir_ref at = ppc_address(t, ppc_gpr0(t, RA(i)));

	if (load)
		ppc_set_vsr(t, xt, arranged(t, PPC_X_V, ir_ld(r, IR_V128, at, disp, IR_MEM(16))));
	else
		ir_st(r, at, disp, arranged(t, PPC_X_V, ppc_vsr(t, xt)), IR_MEM(16));
	return true;
}

/* kind: 1 single, 2 store; a vector register */
bool ppc_lxsd(T *t, uint32_t i, unsigned kind)
{
	struct ir_region *r = t->r;
	unsigned xt = 32 + RT(i);
	int64_t disp = (int64_t)(int16_t)(i & 0xfffc);
	ir_ref at = ppc_address(t, ppc_gpr0(t, RA(i)));

	switch (kind) {
	case 0: ppc_set_f(t, xt, ir_ld(r, IR_V64, at, disp, ppc_memop(t, 3))); break;
	case 1: ppc_set_f(t, xt, ppc_single_to_double(t, ir_ld(r, IR_F32, at, disp, ppc_memop(t, 2)))); break;
	case 2: ir_st(r, at, disp, ppc_fbits(t, xt), ppc_memop(t, 3)); break;
	default: ir_st(r, at, disp, ir_zext(r, IR_I64, ppc_double_to_single(t, xt)), ppc_memop(t, 2));
	}
	return true;
}

/* kind: 1 left-justified (big-endian order always), 2 store; the length is the leftmost byte of RB */
bool ppc_lxvl(T *t, uint32_t i, unsigned kind)
{
	struct ir_region *r = t->r;
	ir_ref at = ir_zext(r, IR_I64, ppc_address(t, ppc_gpr0(t, RA(i)))), n = ir_shr_imm(r, ir_zext(r, IR_I64, ppc_gpr(t, RB(i))), 56);
	ir_ref k = ppc_imm(t, IR_I32, (kind & 1) || t->be);

	if (kind & 2)
		ppc_call(t, PPC_H_vec_store_length, ppc_vsr(t, XT(i)), at, n, k, 0);
	else
		ppc_set_vsr(t, XT(i), ppc_call(t, PPC_H_vec_load_length, at, n, k, 0, 0));
	return true;
}
