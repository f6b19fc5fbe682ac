/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * AltiVec. A register's doublewords are lanes 0 and 1 of 64 bits, each in the host's order: element n of the manual is lane n ^ 7, n ^ 3 or
 * n ^ 1 of bytes, halfwords, words; so what looks at elements where they are needs no care, and moves are permutations of that.
 */
#include "isa/ppc/translate.h"

#define A(i) ppc_vr(t, RA(i))
#define B(i) ppc_vr(t, RB(i))
#define C(i) ppc_vr(t, RC(i))
static const uint8_t lanes[] = {IR_I8, IR_I16, IR_I32, IR_I64};
#define OPCODE(arg) ((arg) & 1023)
#define LANE(arg) lanes[(arg) >> 10 & 3]

static ir_ref vector_not(T *t, ir_ref v)
{
	return ir_vec1(t->r, IR_VNOT, IR_I64, v, 0);
}

static ir_ref zero(T *t)
{
	return ir_const_wide(t->r, IR_V128, 0, 0);
}

ir_ref ppc_bswap_lanes(T *t, ir_ref v)
{
	return ir_vec1(t->r, IR_VBSWAP, IR_I64, v, 0);
}

ir_ref ppc_swap_halves(T *t, ir_ref v)
{
	return ir_vec2(t->r, IR_VEXT, IR_I8, v, v, 8);
}

/* ---- lane by lane ---- */

bool ppc_v2(T *t, uint32_t i, unsigned arg)
{
	ir_ref v = ir_vec2(t->r, OPCODE(arg), LANE(arg), A(i), B(i), 0);

	ppc_set_vr(t, RT(i), arg & PPC_V_NOT ? vector_not(t, v) : v);
	return true;
}

bool ppc_v1(T *t, uint32_t i, unsigned arg)
{
	ppc_set_vr(t, RT(i), ir_vec1(t->r, OPCODE(arg), LANE(arg), B(i), 0));
	return true;
}

bool ppc_vorc(T *t, uint32_t i, unsigned arg)
{
	(void)arg;
	ppc_set_vr(t, RT(i), ir_vec2(t->r, IR_VOR, IR_I64, A(i), vector_not(t, B(i)), 0));
	return true;
}

/* VSCR[SAT] is set where the saturated result is not the plain one. */
bool ppc_vsat(T *t, uint32_t i, unsigned arg)
{
	unsigned op = OPCODE(arg);
	bool add = op == IR_VADDSS || op == IR_VADDUS;
	ir_ref a = A(i), b = B(i), v = ir_vec2(t->r, op, LANE(arg), a, b, 0);
	ir_ref plain = ir_vec2(t->r, add ? IR_VADD : IR_VSUB, LANE(arg), a, b, 0);

	ppc_call(t, PPC_H_vec_sat_differs, v, plain, 0, 0, 0);
	ppc_set_vr(t, RT(i), v);
	return true;
}

/* Counts modulo the lane's bits. */
bool ppc_vshift(T *t, uint32_t i, unsigned arg)
{
	struct ir_region *r = t->r;
	enum ir_type lane = LANE(arg);
	unsigned bits = ir_bits(lane), op = OPCODE(arg);
	ir_ref a = A(i), mask = ir_vdup(r, IR_V128, lane, ppc_imm(t, lane, bits - 1)), n = ir_vec2(r, IR_VAND, IR_I64, B(i), mask, 0), v;

	if (op) {
		v = ir_vec2(r, op, lane, a, n, 0);
	} else { /* rotate */
		ir_ref back = ir_vec2(r, IR_VAND, IR_I64, ir_vec1(r, IR_VNEG, lane, n, 0), mask, 0);
		v = ir_vec2(r, IR_VOR, IR_I64, ir_vec2(r, IR_VSHLV, lane, a, n, 0), ir_vec2(r, IR_VSHRV, lane, a, back, 0), 0);
	}
	ppc_set_vr(t, RT(i), v);
	return true;
}

bool ppc_vmladd(T *t, uint32_t i, unsigned arg)
{
	struct ir_region *r = t->r;

	(void)arg;
	ppc_set_vr(t, RT(i), ir_vec2(r, IR_VADD, IR_I16, ir_vec2(r, IR_VMUL, IR_I16, A(i), B(i), 0), C(i), 0));
	return true;
}

/* ---- compare ---- */

/* CR6: all elements true, 0, none true, 0. */
void ppc_cr6(T *t, ir_ref v)
{
	struct ir_region *r = t->r;
	ir_ref m = ir_vreduce(r, IR_VMSB, IR_I32, IR_I8, v);
	ir_ref all = ir_setcond(r, IR_I32, IR_EQ, m, ppc_imm(t, IR_I32, 0xffff)), none = ir_setcond(r, IR_I32, IR_EQ, m, ppc_imm(t, IR_I32, 0));

	ppc_cr_set(t, 6, ir_or(r, ir_shl_imm(r, all, 3), ir_shl_imm(r, none, 1)));
	t->cr[6].bit[0] = all;
	t->cr[6].bit[2] = none;
}

#define VRC(i) ((i) >> 10 & 1)

static bool compared(T *t, uint32_t i, ir_ref v)
{
	ppc_set_vr(t, RT(i), v);
	if (VRC(i))
		ppc_cr6(t, v);
	return true;
}

bool ppc_vcmp(T *t, uint32_t i, unsigned arg)
{
	ir_ref v = ir_vec2(t->r, OPCODE(arg), LANE(arg), A(i), B(i), 0);

	return compared(t, i, arg & PPC_V_NOT ? vector_not(t, v) : v);
}

bool ppc_vcmpnez(T *t, uint32_t i, unsigned log2)
{
	struct ir_region *r = t->r;
	enum ir_type lane = lanes[log2];
	ir_ref a = A(i), b = B(i), z = zero(t), ne = vector_not(t, ir_vec2(r, IR_VCMPEQ, lane, a, b, 0));

	ne = ir_vec2(r, IR_VOR, IR_I64, ne, ir_vec2(r, IR_VCMPEQ, lane, a, z, 0), 0);
	return compared(t, i, ir_vec2(r, IR_VOR, IR_I64, ne, ir_vec2(r, IR_VCMPEQ, lane, b, z, 0), 0));
}

bool ppc_vcmpf(T *t, uint32_t i, unsigned op)
{
	ir_ref v = ppc_call(t, PPC_H_vec_fp, A(i), B(i), zero(t), ppc_imm(t, IR_I32, op), 0);

	if (op != PPC_V_CMPBFP)
		return compared(t, i, v);
	ppc_set_vr(t, RT(i), v);
	if (VRC(i)) /* bit 2: all within bounds */
		ppc_cr_set(t, 6, ppc_call(t, PPC_H_vec_cr6_bounds, v, 0, 0, 0, 0));
	return true;
}

/* ---- in C ---- */

static enum ppc_helper_id helper_of(unsigned op)
{
	if (op >= PPC_V_ADDFP)
		return PPC_H_vec_fp;
	return op >= PPC_V_CIPHER ? PPC_H_vec_crypto : PPC_H_vec;
}

bool ppc_vh(T *t, uint32_t i, unsigned op)
{
	ppc_set_vr(t, RT(i), ppc_call(t, helper_of(op), A(i), B(i), B(i), ppc_imm(t, IR_I32, op), 0));
	return true;
}

bool ppc_vh3(T *t, uint32_t i, unsigned op)
{
	ppc_set_vr(t, RT(i), ppc_call(t, helper_of(op), A(i), B(i), C(i), ppc_imm(t, IR_I32, op), 0));
	return true;
}

/* with the target as third operand */
bool ppc_vhacc(T *t, uint32_t i, unsigned op)
{
	ppc_set_vr(t, RT(i), ppc_call(t, PPC_H_vec, A(i), B(i), ppc_vr(t, RT(i)), ppc_imm(t, IR_I32, op), 0));
	return true;
}

/* those that may set VSCR[SAT] */
bool ppc_vhs(T *t, uint32_t i, unsigned op)
{
	ppc_set_vr(t, RT(i), ppc_call(t, PPC_H_vec_sat, A(i), B(i), B(i), ppc_imm(t, IR_I32, op), 0));
	return true;
}

bool ppc_vh3s(T *t, uint32_t i, unsigned op)
{
	ppc_set_vr(t, RT(i), ppc_call(t, PPC_H_vec_sat, A(i), B(i), C(i), ppc_imm(t, IR_I32, op), 0));
	return true;
}

bool ppc_vcvt(T *t, uint32_t i, unsigned op)
{
	ppc_set_vr(t, RT(i), ppc_call(t, PPC_H_vec_convert, B(i), ppc_imm(t, IR_I32, op), ppc_imm(t, IR_I32, RA(i)), 0, 0));
	return true;
}

bool ppc_vsha(T *t, uint32_t i, unsigned wide)
{
	ppc_set_vr(t, RT(i), ppc_call(t, PPC_H_vec_sha, A(i), ppc_imm(t, IR_I32, wide | RB(i) << 1), 0, 0, 0));
	return true;
}

bool ppc_bcdarith(T *t, uint32_t i, unsigned subtract)
{
	ir_ref how = ppc_imm(t, IR_I32, subtract | (i >> 9 & 1) << 1), a = A(i), b = B(i), v = ppc_call(t, PPC_H_vec_bcd, a, b, how, 0, 0);

	ppc_cr_set(t, 6, ppc_call(t, PPC_H_vec_bcd_cr, a, b, how, 0, 0));
	ppc_set_vr(t, RT(i), v);
	return true;
}

/* ---- permute ---- */

bool ppc_vpack(T *t, uint32_t i, unsigned arg)
{
	ppc_set_vr(t, RT(i), ppc_call(t, PPC_H_vec_pack, A(i), B(i), ppc_imm(t, IR_I32, arg), 0, 0));
	return true;
}

/* The low half of each element: by a constant permutation of both registers. */
static ir_ref permuted(T *t, ir_ref a, ir_ref b, const uint8_t index[16])
{
	uint64_t w[2] = {0, 0};

	/* index: byte n of the manual's result comes from byte index[n] of a:b */
	for (unsigned n = 0; n < 16; n++)
		w[n / 8] |= (uint64_t)((index[n] ^ 7) & (a == b ? 15 : 31)) << 8 * (PPC_B(n) & 7);
	ir_ref k = ir_const_wide(t->r, IR_V128, w[0], w[1]);
	return a == b ? ir_vec2(t->r, IR_VTBL, IR_I8, a, k, 0) : ir_vec3(t->r, IR_VTBL2, IR_I8, a, b, k, 0);
}

bool ppc_vpkum(T *t, uint32_t i, unsigned log2)
{
	uint8_t index[16];
	unsigned half = 1u << (log2 - 1);

	for (unsigned n = 0; n < 16; n++)
		index[n] = (uint8_t)(n / half * 2 * half + half + n % half);
	ppc_set_vr(t, RT(i), permuted(t, A(i), B(i), index));
	return true;
}

/* how: log2 of the source element, 4: the low half */
bool ppc_vupk(T *t, uint32_t i, unsigned how)
{
	struct ir_region *r = t->r;
	static const uint8_t wide[] = {IR_I16, IR_I32, IR_I64};
	unsigned log2 = how & 3, size = 1u << log2;
	uint8_t index[16];
	ir_ref b = B(i);

	/* each source element into the left half of a wider one, then shifted arithmetically */
	for (unsigned n = 0; n < 16; n++)
		index[n] = (uint8_t)((how & 4 ? 8 : 0) + n / (2 * size) * size + n % size);
	ppc_set_vr(t, RT(i), ir_vec1(r, IR_VSARI, wide[log2], permuted(t, b, b, index), 8 * size));
	return true;
}

ir_ref ppc_merge(T *t, ir_ref a, ir_ref b, unsigned how)
{
	unsigned size = 1u << (how & 3);
	uint8_t index[16];

	for (unsigned n = 0; n < 16; n++) {
		unsigned e = n / size; /* even elements from a, odd ones from b */
		index[n] = (uint8_t)((e & 1 ? 16 : 0) + (how & 4 ? 8 : 0) + e / 2 * size + n % size);
	}
	return permuted(t, a, b, index);
}

bool ppc_vmrg(T *t, uint32_t i, unsigned how)
{
	ppc_set_vr(t, RT(i), ppc_merge(t, A(i), B(i), how));
	return true;
}

/* Element n of the manual's numbering as a scalar. */
ir_ref ppc_element(T *t, ir_ref v, unsigned log2, unsigned n)
{
	static const uint8_t swap[] = {7, 3, 1, 0};

	return ir_vgetlane(t->r, lanes[log2], v, (n ^ swap[log2]) & ((16u >> log2) - 1));
}

bool ppc_vsplt(T *t, uint32_t i, unsigned log2)
{
	ppc_set_vr(t, RT(i), ir_vdup(t->r, IR_V128, lanes[log2], ppc_element(t, B(i), log2, RA(i) & ((16u >> log2) - 1))));
	return true;
}

bool ppc_vsplti(T *t, uint32_t i, unsigned lane)
{
	int64_t v = (int64_t)((uint64_t)RA(i) << 59) >> 59;

	ppc_set_vr(t, RT(i), ir_vdup(t->r, IR_V128, lane, ppc_imm(t, lane, (uint64_t)v)));
	return true;
}

ir_ref ppc_permute(T *t, ir_ref a, ir_ref b, ir_ref c, bool right)
{
	struct ir_region *r = t->r;
	ir_ref n = ir_vec2(r, IR_VAND, IR_I64, c, ir_const_wide(r, IR_V128, 0x1f1f1f1f1f1f1f1f, 0x1f1f1f1f1f1f1f1f), 0);
	uint64_t flip = right ? 0x1818181818181818 : 0x0707070707070707; /* (31 - n) ^ 7 is n ^ 0x18 */

	return ir_vec3(r, IR_VTBL2, IR_I8, a, b, ir_vec2(r, IR_VXOR, IR_I64, n, ir_const_wide(r, IR_V128, flip, flip), 0), 0);
}

bool ppc_vperm(T *t, uint32_t i, unsigned right)
{
	ppc_set_vr(t, RT(i), ppc_permute(t, A(i), B(i), C(i), right));
	return true;
}

bool ppc_vsel(T *t, uint32_t i, unsigned arg)
{
	(void)arg;
	ppc_set_vr(t, RT(i), ir_vec3(t->r, IR_VBITSEL, IR_I64, C(i), B(i), A(i), 0));
	return true;
}

bool ppc_vsldoi(T *t, uint32_t i, unsigned arg)
{
	unsigned shb = ppc_field(i, 22, 4);
	uint8_t index[16];

	(void)arg;
	for (unsigned n = 0; n < 16; n++)
		index[n] = (uint8_t)(n + shb);
	ppc_set_vr(t, RT(i), permuted(t, A(i), B(i), index));
	return true;
}

ir_ref ppc_shift_words(T *t, ir_ref a, ir_ref b, unsigned words)
{
	uint8_t index[16];

	for (unsigned n = 0; n < 16; n++)
		index[n] = (uint8_t)(n + 4 * words);
	return permuted(t, a, b, index);
}

bool ppc_vextract(T *t, uint32_t i, unsigned log2)
{
	unsigned at = RA(i) & 15;
	ir_ref v = ppc_call(t, PPC_H_vec_window, B(i), B(i), ppc_imm(t, IR_I32, at | log2 << 8), 0, 0);

	ppc_set_vr(t, RT(i), v);
	return true;
}

bool ppc_vinsert(T *t, uint32_t i, unsigned log2)
{
	unsigned at = RA(i) & 15, size = 1u << log2;
	uint8_t index[16];

	if (at + size > 16)
		at = 16 - size; /* undefined */
	for (unsigned n = 0; n < 16; n++)
		index[n] = (uint8_t)(n >= at && n < at + size ? 16 + 8 - size + n - at : n);
	ppc_set_vr(t, RT(i), permuted(t, ppc_vr(t, RT(i)), B(i), index));
	return true;
}

/* how: log2, 4: counted from the right */
bool ppc_vextx(T *t, uint32_t i, unsigned how)
{
	struct ir_region *r = t->r;
	unsigned size = 1u << (how & 3);
	ir_ref n = ir_and_imm(r, ppc_w(t, RA(i)), 15);

	if (how & 4)
		n = ir_sub(r, ppc_imm(t, IR_I32, 16 - size), n);
	n = ir_or_imm(r, ir_and_imm(r, n, 15), (how & 3) << 8);
	ppc_set(t, RT(i), ppc_call(t, PPC_H_vec_element, B(i), n, 0, 0, 0));
	return true;
}

bool ppc_vlsbb(T *t, uint32_t i, unsigned trailing)
{
	ppc_set(t, RT(i), ppc_call(t, PPC_H_vec_lsbb, B(i), ppc_imm(t, IR_I32, trailing), 0, 0, 0));
	return true;
}

/* ---- memory ---- */

bool ppc_lvx(T *t, uint32_t i, unsigned arg)
{
	ir_ref v = ir_ld(t->r, IR_V128, ir_and_imm(t->r, ppc_ea_x(t, i), ~15ull), 0, IR_MEM(16));

	(void)arg;
	ppc_set_vr(t, RT(i), t->be ? ppc_bswap_lanes(t, v) : ppc_swap_halves(t, v));
	return true;
}

bool ppc_stvx(T *t, uint32_t i, unsigned arg)
{
	ir_ref v = ppc_vr(t, RT(i));

	(void)arg;
	ir_st(t->r, ir_and_imm(t->r, ppc_ea_x(t, i), ~15ull), 0, t->be ? ppc_bswap_lanes(t, v) : ppc_swap_halves(t, v), IR_MEM(16));
	return true;
}

/* The number of the element that is accessed. */
static ir_ref element_of(T *t, ir_ref ea, unsigned log2)
{
	struct ir_region *r = t->r;
	ir_ref n = ir_extract(r, ir_zext(r, IR_I32, ea), log2, 4 - log2);

	if (!t->be)
		n = ir_xor_imm(r, n, (16u >> log2) - 1);
	return ir_or_imm(r, n, log2 << 8);
}

bool ppc_lve(T *t, uint32_t i, unsigned log2)
{
	struct ir_region *r = t->r;
	ir_ref ea = ir_and_imm(r, ppc_ea_x(t, i), ~((1ull << log2) - 1)), v = ir_ld(r, IR_I64, ea, 0, ppc_memop(t, log2));

	ppc_set_vr(t, RT(i), ppc_call(t, PPC_H_vec_insert, ppc_vr(t, RT(i)), v, element_of(t, ea, log2), 0, 0));
	return true;
}

bool ppc_stve(T *t, uint32_t i, unsigned log2)
{
	struct ir_region *r = t->r;
	ir_ref ea = ir_and_imm(r, ppc_ea_x(t, i), ~((1ull << log2) - 1)), n = element_of(t, ea, log2);
	/* as a byte offset */
	n = ir_or_imm(r, ir_shl_imm(r, ir_and_imm(r, n, 15), log2), log2 << 8);

	ir_st(r, ea, 0, ppc_call(t, PPC_H_vec_element, ppc_vr(t, RT(i)), n, 0, 0, 0), ppc_memop(t, log2));
	return true;
}

bool ppc_lvs(T *t, uint32_t i, unsigned right)
{
	struct ir_region *r = t->r;
	ir_ref n = ir_and_imm(r, ir_zext(r, IR_I32, ppc_ea_x(t, i)), 15);

	if (right)
		n = ir_sub(r, ppc_imm(t, IR_I32, 16), n);
	ppc_set_vr(t, RT(i), ppc_call(t, PPC_H_vec_lvs, n, 0, 0, 0, 0));
	return true;
}

bool ppc_mfvscr(T *t, uint32_t i, unsigned arg)
{
	struct ir_region *r = t->r;
	ir_ref v = ir_zext(r, IR_I64, ir_lds(r, IR_I32, offsetof(struct ppc_cpu, vscr)));

	(void)arg;
	ppc_set_vr(t, RT(i), ir_concat(r, IR_V128, ppc_imm(t, IR_I64, 0), v));
	return true;
}

bool ppc_mtvscr(T *t, uint32_t i, unsigned arg)
{
	(void)arg;
	ppc_call(t, PPC_H_set_vscr, ir_vgetlane(t->r, IR_I32, B(i), 2), 0, 0, 0, 0);
	return true;
}
