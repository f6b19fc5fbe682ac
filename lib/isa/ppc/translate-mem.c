/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Loads and stores of the fixed-point and floating-point facilities, and reservations. A reservation is an address and the value that
 * was read: a conditional store is a compare and swap with it.
 */
#include "isa/ppc/translate.h"

struct place {
	ir_ref at;    /* what is accessed, with disp */
	int64_t disp;
	ir_ref after; /* RA afterwards; 0: itself */
};

/* flags: PPC_M_*. False: an update form whose base cannot be updated. */
static bool place(T *t, uint32_t i, unsigned flags, bool load, struct place *p)
{
	struct ir_region *r = t->r;
	unsigned ra = RA(i);
	int64_t disp = flags & PPC_M_X ? 0 : flags & PPC_M_DS ? (int64_t)(int16_t)(i & 0xfffc) : SI(i);

	p->after = 0;
	if (flags & PPC_M_U) {
		if (!ra || (load && ra == RT(i)))
			return false;
		p->after = flags & PPC_M_X ? ir_add(r, ppc_gpr(t, ra), ppc_gpr(t, RB(i))) : ir_add_imm(r, ppc_gpr(t, ra), (uint64_t)disp);
	}
	if (flags & PPC_M_X) {
		p->at = p->after ? ppc_address(t, p->after) : ppc_ea_x(t, i);
		p->disp = 0;
	} else if (ra) {
		p->at = ppc_address(t, ppc_gpr(t, ra));
		p->disp = disp;
	} else {
		p->at = ppc_address(t, ppc_k(t, (uint64_t)disp));
		p->disp = 0;
	}
	return true;
}

static void update(T *t, uint32_t i, const struct place *p)
{
	if (p->after)
		ir_set(t->r, RA(i), p->after);
}

static unsigned memop(const T *t, unsigned log2, bool reversed)
{
	return log2 | (t->be != reversed && log2 ? IR_MEM_BE : 0);
}

bool ppc_load(T *t, uint32_t i, unsigned how)
{
	struct place p;
	unsigned log2 = how & 7;

	if (!place(t, i, how, true, &p))
		return false;
	ir_ref v = ir_ld(t->r, t->type, p.at, p.disp, memop(t, log2, how & PPC_M_R) | (how & PPC_M_S ? IR_MEM_SIGNED : 0));
	update(t, i, &p);
	ppc_set(t, RT(i), v);
	return true;
}

bool ppc_store(T *t, uint32_t i, unsigned how)
{
	struct place p;
	unsigned log2 = how & 7;

	if (!place(t, i, how, false, &p))
		return false;
	ir_st(t->r, p.at, p.disp, ppc_gpr(t, RT(i)), memop(t, log2, how & PPC_M_R));
	update(t, i, &p);
	return true;
}

/* A pair of registers, RT even, as one quadword: memory order as parts 0 and 1, the register pair's halves. */
static void to_pair(T *t, unsigned rt, ir_ref v)
{
	ir_ref lo = ir_part(t->r, v, 0), hi = ir_part(t->r, v, 1);

	ppc_set(t, rt, t->be ? ir_bswap(t->r, lo) : hi);
	ppc_set(t, rt + 1, t->be ? ir_bswap(t->r, hi) : lo);
}

static ir_ref from_pair(T *t, unsigned rt)
{
	struct ir_region *r = t->r;
	ir_ref a = ppc_gpr(t, rt), b = ppc_gpr(t, rt + 1);

	return t->be ? ir_concat(r, IR_I128, ir_bswap(r, a), ir_bswap(r, b)) : ir_concat(r, IR_I128, b, a);
}

bool ppc_quad(T *t, uint32_t i, unsigned load)
{
	int64_t disp = (int64_t)(int16_t)(i & (load ? 0xfff0 : 0xfffc));
	ir_ref at = RA(i) ? ppc_address(t, ppc_gpr(t, RA(i))) : ppc_address(t, ppc_k(t, 0));

	if (t->type != IR_I64 || RT(i) & 1 || (load && RT(i) == RA(i)))
		return false;
	if (load)
		to_pair(t, RT(i), ir_ld(t->r, IR_I128, at, disp, IR_MEM(16)));
	else
		ir_st(t->r, at, disp, from_pair(t, RT(i)), IR_MEM(16));
	return true;
}

bool ppc_multiple(T *t, uint32_t i, unsigned load)
{
	struct ir_region *r = t->r;
	unsigned rt = RT(i), ra = RA(i);
	ir_ref v[32], at = ra ? ppc_address(t, ppc_gpr(t, ra)) : ppc_address(t, ppc_k(t, 0));

	if (load && ra >= rt)
		return false;
	for (unsigned n = rt; n < 32; n++) {
		int64_t disp = SI(i) + 4 * (int64_t)(n - rt);
		if (load)
			v[n] = ir_ld(r, t->type, at, disp, memop(t, 2, false));
		else
			ir_st(r, at, disp, ppc_gpr(t, n), memop(t, 2, false));
	}
	for (unsigned n = rt; load && n < 32; n++)
		ir_set(r, n, v[n]);
	return true;
}

/* how: 1 load, 2 the length is XER's */
bool ppc_string(T *t, uint32_t i, unsigned how)
{
	struct ir_region *r = t->r;
	ir_ref ra = ppc_gpr0(t, RA(i)), at = how & 2 ? ir_add(r, ra, ppc_gpr(t, RB(i))) : ra, n;

	if (how & 2)
		n = ir_and_imm(r, ir_lds(r, IR_I32, offsetof(struct ppc_cpu, xer_count)), 127);
	else
		n = ppc_imm(t, IR_I32, RB(i) ? RB(i) : 32);
	if (how & 1 && !(how & 2)) {
		unsigned last = RT(i) + ((RB(i) ? RB(i) : 32) - 1) / 4;
		/* The base among those loaded. */
		if ((RA(i) >= RT(i) && RA(i) <= last) || (last > 31 && RA(i) <= last - 32))
			return false;
	}
	ppc_call(t, how & 1 ? PPC_H_load_string : PPC_H_store_string, ir_zext(r, IR_I64, ppc_address(t, at)), n, ppc_imm(t, IR_I32, RT(i)), 0, 0);
	return true;
}

/* ---- reservations ---- */

#define RESERVE offsetof(struct ppc_cpu, reserve)
#define VALUE(n) ((uint32_t)offsetof(struct ppc_cpu, reserve_value) + 8 * (n))
static const uint8_t types[] = {IR_I8, IR_I16, IR_I32, IR_I64};
#define ATOMIC(log2) ((log2) | (log2) << IR_MEM_ALIGN_SHIFT | IR_MEM_ATOMIC)

/* Between memory order and the guest's. */
static ir_ref ordered(T *t, ir_ref v)
{
	return t->be && t->r->temp[v].type != IR_I8 ? ir_bswap(t->r, v) : v;
}

bool ppc_larx(T *t, uint32_t i, unsigned log2)
{
	struct ir_region *r = t->r;
	ir_ref at = ppc_ea_x(t, i), v = ir_ld(r, types[log2], at, 0, ATOMIC(log2));

	ir_sts(r, ir_zext(r, IR_I64, at), RESERVE);
	ir_sts(r, ir_zext(r, IR_I64, v), VALUE(0));
	ppc_set(t, RT(i), ordered(t, v));
	return true;
}

/* CR0 says whether the store was done. */
static void tell(T *t, ir_ref done)
{
	struct ir_region *r = t->r;

	ppc_cr_set(t, 0, ir_or(r, ir_shl_imm(r, done, 1), ir_zext(r, IR_I32, ir_get(r, PPC_SLOT_SO))));
	t->cr[0].bit[2] = done;
}

bool ppc_stcx(T *t, uint32_t i, unsigned log2)
{
	struct ir_region *r = t->r;
	unsigned status = ir_local(r, IR_I32), out = ir_label(r);
	ir_ref at = ppc_ea_x(t, i), v = ordered(t, ir_zext(r, types[log2], ppc_gpr(t, RT(i)))), old, expected;

	ir_set(r, status, ppc_imm(t, IR_I32, 0));
	ir_brcond(r, IR_NE, ir_zext(r, IR_I64, at), ir_lds(r, IR_I64, RESERVE), out);
	expected = ir_zext(r, types[log2], ir_lds(r, IR_I64, VALUE(0)));
	old = ir_cmpxchg(r, at, 0, expected, v, ATOMIC(log2));
	ir_set(r, status, ir_setcond(r, IR_I32, IR_EQ, old, expected));
	ir_place(r, out);
	ir_sts(r, ppc_imm(t, IR_I64, ~0ull), RESERVE);
	tell(t, ir_get(r, status));
	return true;
}

bool ppc_lqarx(T *t, uint32_t i, unsigned arg)
{
	struct ir_region *r = t->r;
	ir_ref at = ppc_ea_x(t, i), v;

	(void)arg;
	if (t->type != IR_I64 || RT(i) & 1 || RT(i) == RA(i) || RT(i) == RB(i))
		return false;
	v = ir_ld(r, IR_I128, at, 0, ATOMIC(4u));
	ir_sts(r, ir_zext(r, IR_I64, at), RESERVE);
	ir_sts(r, ir_part(r, v, 0), VALUE(0));
	ir_sts(r, ir_part(r, v, 1), VALUE(1));
	to_pair(t, RT(i), v);
	return true;
}

bool ppc_stqcx(T *t, uint32_t i, unsigned arg)
{
	struct ir_region *r = t->r;
	unsigned status = ir_local(r, IR_I32), out = ir_label(r);
	ir_ref at = ppc_ea_x(t, i), v, old, lo, hi, differs;

	(void)arg;
	if (t->type != IR_I64 || RT(i) & 1)
		return false;
	v = from_pair(t, RT(i));
	ir_set(r, status, ppc_imm(t, IR_I32, 0));
	ir_brcond(r, IR_NE, ir_zext(r, IR_I64, at), ir_lds(r, IR_I64, RESERVE), out);
	lo = ir_lds(r, IR_I64, VALUE(0));
	hi = ir_lds(r, IR_I64, VALUE(1));
	old = ir_cmpxchg(r, at, 0, ir_concat(r, IR_I128, lo, hi), v, ATOMIC(4u));
	differs = ir_or(r, ir_xor(r, ir_part(r, old, 0), lo), ir_xor(r, ir_part(r, old, 1), hi));
	ir_set(r, status, ir_setcond(r, IR_I32, IR_EQ, differs, ppc_imm(t, IR_I64, 0)));
	ir_place(r, out);
	ir_sts(r, ppc_imm(t, IR_I64, ~0ull), RESERVE);
	tell(t, ir_get(r, status));
	return true;
}

/* ---- floating point ---- */

bool ppc_lfd(T *t, uint32_t i, unsigned how)
{
	struct place p;

	if (how & PPC_M_U && !RA(i))
		return false;
	if (!place(t, i, how, false, &p))
		return false;
	ir_ref v = ir_ld(t->r, IR_V64, p.at, p.disp, memop(t, 3, false));
	update(t, i, &p);
	ppc_set_f(t, RT(i), v);
	return true;
}

bool ppc_stfd(T *t, uint32_t i, unsigned how)
{
	struct place p;

	if (!place(t, i, how, false, &p))
		return false;
	if (t->be)
		ir_st(t->r, p.at, p.disp, ppc_fbits(t, RT(i)), memop(t, 3, false));
	else
		ir_st(t->r, p.at, p.disp, ir_vresize(t->r, IR_V64, ppc_vsr(t, RT(i))), IR_MEM(8));
	update(t, i, &p);
	return true;
}

bool ppc_lfs(T *t, uint32_t i, unsigned how)
{
	struct place p;

	if (!place(t, i, how, false, &p))
		return false;
	ir_ref v = ppc_single_to_double(t, ir_ld(t->r, IR_F32, p.at, p.disp, memop(t, 2, false)));
	update(t, i, &p);
	ppc_set_f(t, RT(i), v);
	return true;
}

bool ppc_stfs(T *t, uint32_t i, unsigned how)
{
	struct place p;

	if (!place(t, i, how, false, &p))
		return false;
	ir_st(t->r, p.at, p.disp, ir_zext(t->r, IR_I64, ppc_double_to_single(t, RT(i))), memop(t, 2, false));
	update(t, i, &p);
	return true;
}

bool ppc_lfiw(T *t, uint32_t i, unsigned is_signed)
{
	ppc_set_f(t, RT(i), ir_ld(t->r, IR_I64, ppc_ea_x(t, i), 0, memop(t, 2, false) | (is_signed ? IR_MEM_SIGNED : 0)));
	return true;
}

bool ppc_stfiwx(T *t, uint32_t i, unsigned arg)
{
	(void)arg;
	ir_st(t->r, ppc_ea_x(t, i), 0, ppc_fbits(t, RT(i)), memop(t, 2, false));
	return true;
}

/* A pair of registers, FRT even. how: 1 load, PPC_M_X */
bool ppc_lfdp(T *t, uint32_t i, unsigned how)
{
	struct ir_region *r = t->r;
	unsigned frt = RT(i);
	struct place p;

	if (frt & 1 || !place(t, i, (how & PPC_M_X) | PPC_M_DS, false, &p))
		return false;
	/* The lower address holds the first register in big-endian order, the second in little-endian order. */
	unsigned first = frt + !t->be, second = frt + t->be;
	if (how & 1) {
		ir_ref a = ir_ld(r, IR_I64, p.at, p.disp, memop(t, 3, false)), b = ir_ld(r, IR_I64, p.at, p.disp + 8, memop(t, 3, false));
		ppc_set_f(t, first, a);
		ppc_set_f(t, second, b);
	} else {
		ir_st(r, p.at, p.disp, ppc_fbits(t, first), memop(t, 3, false));
		ir_st(r, p.at, p.disp + 8, ppc_fbits(t, second), memop(t, 3, false));
	}
	return true;
}
