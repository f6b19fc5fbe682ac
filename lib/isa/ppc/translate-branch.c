/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Branches, traps, special registers, storage control. A conditional branch is a way out of the region, which goes on behind it. */
#include "isa/ppc/translate.h"

static uint64_t target(const T *t, uint64_t pc)
{
	return ppc_wide(t) ? pc : (uint32_t)pc;
}

static void set_link(T *t)
{
	ir_set(t->r, PPC_SLOT_LR, ppc_k(t, target(t, t->pc + 4)));
}

bool ppc_b(T *t, uint32_t i, unsigned arg)
{
	int64_t li = (int64_t)((uint64_t)(i & 0x3fffffc) << 38) >> 38;
	uint64_t to = target(t, (i & 2 ? 0 : t->pc) + (uint64_t)li);

	(void)arg;
	if (i & 1)
		set_link(t);
	if (i & 1 && to != t->pc + 4)
		ir_exit_call(t->r, to, t->pc + 4);
	else
		ir_exit_pc(t->r, to);
	t->end = true;
	return true;
}

/* Counts CTR down and looks at CR as BO says. False: always taken. The condition in cond, a, b. */
static bool conditions(T *t, unsigned bo, unsigned bi, enum ir_cond *cond, ir_ref *a, ir_ref *b)
{
	struct ir_region *r = t->r;
	bool count = !(bo & 4), look = !(bo & 16);

	if (!count && !look)
		return false;
	if (look) {
		*cond = ppc_cr_test(t, bi, a, b);
		if (!(bo & 8))
			*cond ^= 1;
	}
	if (count) {
		ir_ref ctr = ir_add_imm(r, ir_get(r, PPC_SLOT_CTR), ~0ull), ca, cb;
		enum ir_cond cc = bo & 2 ? IR_EQ : IR_NE;
		ir_set(r, PPC_SLOT_CTR, ctr);
		ca = ppc_wide(t) ? ctr : ir_zext(r, IR_I32, ctr);
		cb = ppc_imm(t, ppc_wide(t) ? IR_I64 : IR_I32, 0);
		if (look) {
			*a = ir_and(r, ir_setcond(r, IR_I32, *cond, *a, *b), ir_setcond(r, IR_I32, cc, ca, cb));
			*b = ppc_imm(t, IR_I32, 0);
			*cond = IR_NE;
		} else {
			*cond = cc;
			*a = ca;
			*b = cb;
		}
	}
	return true;
}

bool ppc_bc(T *t, uint32_t i, unsigned arg)
{
	uint64_t to = target(t, (i & 2 ? 0 : t->pc) + (uint64_t)(int64_t)(int16_t)(i & 0xfffc));
	enum ir_cond cond;
	ir_ref a, b;

	(void)arg;
	bool some = conditions(t, RT(i), RA(i), &cond, &a, &b);
	if (i & 1)
		set_link(t);
	if (some) {
		ir_brcond(t->r, cond, a, b, ppc_exit_label(t, to));
		return true;
	}
	if (i & 1 && to != t->pc + 4)
		ir_exit_call(t->r, to, t->pc + 4);
	else
		ir_exit_pc(t->r, to); /* `bcl 20,31,$+4` asks where it is */
	t->end = true;
	return true;
}

/* which: 0 LR, 1 CTR, 2 TAR */
bool ppc_bcreg(T *t, uint32_t i, unsigned which)
{
	struct ir_region *r = t->r;
	unsigned bo = RT(i), skip = 0;
	enum ir_cond cond;
	ir_ref to, a, b;

	if (which == 1 && !(bo & 4))
		return false; /* invalid: it would count its own target */
	if (which == 2)
		to = ir_lds(r, IR_I64, offsetof(struct ppc_cpu, tar));
	else
		to = ir_get(r, which ? PPC_SLOT_CTR : PPC_SLOT_LR);
	bool some = conditions(t, bo, RA(i), &cond, &a, &b);
	to = ir_and_imm(r, t->narrow ? ir_zext(r, IR_I64, ir_zext(r, IR_I32, to)) : to, ~3ull);
	if (i & 1)
		set_link(t);
	if (some) {
		skip = ir_label(r);
		ir_brcond(r, cond ^ 1, a, b, skip);
	}
	ir_exit_ind(r, to, i & 1 ? IR_HINT_CALL : which == 0 && ppc_field(i, 19, 2) == 0 ? IR_HINT_RET : IR_HINT_NONE, t->pc + 4);
	if (some)
		ir_place(r, skip);
	else
		t->end = true;
	return true;
}

bool ppc_sc(T *t, uint32_t i, unsigned arg)
{
	(void)i, (void)arg;
	ir_exit_trap(t->r, TRAP_SYSCALL, 0, target(t, t->pc + 4), 0, 0);
	t->end = true;
	return true;
}

static void trap(T *t, unsigned to, ir_ref a, ir_ref b)
{
	static const uint8_t conds[5] = {IR_GTU, IR_LTU, IR_EQ, IR_GTS, IR_LTS};
	/* Sets of conditions that are one: TO, condition. */
	static const uint8_t single[][2] = {{4, IR_EQ}, {24, IR_NE}, {3, IR_NE}, {16, IR_LTS}, {20, IR_LES}, {8, IR_GTS}, {12, IR_GES},
					    {2, IR_LTU}, {6, IR_LEU}, {1, IR_GTU}, {5, IR_GEU}};
	struct ir_region *r = t->r;
	unsigned skip = ir_label(r);
	ir_ref any = 0;

	if (!to)
		return;
	if (to != 31 && (to & 7) != 7 && (to & 28) != 28) {
		int one = -1;
		for (unsigned k = 0; k < sizeof single / sizeof single[0]; k++)
			if (single[k][0] == to)
				one = single[k][1];
		if (one >= 0) {
			ir_brcond(r, (unsigned)one ^ 1, a, b, skip);
		} else {
			for (unsigned k = 0; k < 5; k++)
				if (to >> k & 1) {
					ir_ref c = ir_setcond(r, IR_I32, conds[k], a, b);
					any = any ? ir_or(r, any, c) : c;
				}
			ir_brcond(r, IR_EQ, any, ppc_imm(t, IR_I32, 0), skip);
		}
	} else {
		t->end = true;
	}
	ir_exit_trap(r, TRAP_EXCEPTION, PPC_V_TRAP, t->pc, 0, 0);
	if (!t->end)
		ir_place(r, skip);
}

bool ppc_trap(T *t, uint32_t i, unsigned wide)
{
	if (wide)
		trap(t, RT(i), ppc_gpr(t, RA(i)), ppc_gpr(t, RB(i)));
	else
		trap(t, RT(i), ppc_w(t, RA(i)), ppc_w(t, RB(i)));
	return true;
}

bool ppc_trapi(T *t, uint32_t i, unsigned wide)
{
	if (wide)
		trap(t, RT(i), ppc_gpr(t, RA(i)), ppc_imm(t, IR_I64, (uint64_t)SI(i)));
	else
		trap(t, RT(i), ppc_w(t, RA(i)), ppc_imm(t, IR_I32, (uint64_t)SI(i)));
	return true;
}

/* ---- special registers ---- */

enum { SPR_MQ = 0, SPR_XER = 1, SPR_DSCR = 3, SPR_LR = 8, SPR_CTR = 9, SPR_VRSAVE = 256, SPR_TBL = 268, SPR_TBU = 269, SPR_PVR = 287,
       SPR_SPEFSCR = 512, SPR_TAR = 815, SPR_PPR = 896, SPR_PPR32 = 898 };

static unsigned spr_of(uint32_t i)
{
	return RA(i) | RB(i) << 5;
}

static bool privileged(T *t, uint32_t i, unsigned spr)
{
	if (!(spr & 16))
		return false;
	ppc_illegal(t, i, PPC_V_PRIVILEGED);
	return true;
}

bool ppc_mfspr(T *t, uint32_t i, unsigned arg)
{
	struct ir_region *r = t->r;
	unsigned spr = spr_of(i);
	ir_ref v;

	(void)arg;
	switch (spr) {
	case SPR_XER: v = ppc_call(t, PPC_H_get_xer, 0, 0, 0, 0, 0); break;
	case SPR_LR: v = ir_get(r, PPC_SLOT_LR); break;
	case SPR_CTR: v = ir_get(r, PPC_SLOT_CTR); break;
	case SPR_VRSAVE: v = ir_lds(r, IR_I32, offsetof(struct ppc_cpu, vrsave)); break;
	case SPR_TBL: v = ppc_call(t, PPC_H_timebase, 0, 0, 0, 0, 0); break;
	case SPR_TBU: v = ir_shr_imm(r, ppc_call(t, PPC_H_timebase, 0, 0, 0, 0, 0), 32); break;
	case SPR_PVR: v = ppc_call(t, PPC_H_pvr, 0, 0, 0, 0, 0); break; /* Linux reads it in the program's place */
	case SPR_TAR:
		if (!PPC_HAS(t->c, V207))
			return false;
		v = ir_lds(r, IR_I64, offsetof(struct ppc_cpu, tar));
		break;
	case SPR_DSCR: case 17: case SPR_PPR: case SPR_PPR32:
		if (!PPC_HAS(t->c, V206))
			return privileged(t, i, spr);
		v = ppc_k(t, spr == SPR_PPR ? 0x000c000000000000ull : spr == SPR_PPR32 ? 0x000c0000 : 0);
		break;
	case SPR_SPEFSCR:
		if (!PPC_HAS(t->c, SPE))
			return false;
		v = ir_lds(r, IR_I32, offsetof(struct ppc_cpu, spefscr));
		break;
	default: return privileged(t, i, spr);
	}
	ppc_set(t, RT(i), v);
	return true;
}

bool ppc_mtspr(T *t, uint32_t i, unsigned arg)
{
	struct ir_region *r = t->r;
	unsigned spr = spr_of(i);
	ir_ref v = ppc_gpr(t, RT(i));

	(void)arg;
	switch (spr) {
	case SPR_XER: ppc_call(t, PPC_H_set_xer, ir_zext(r, IR_I64, v), 0, 0, 0, 0); break;
	case SPR_LR: ir_set(r, PPC_SLOT_LR, v); break;
	case SPR_CTR: ir_set(r, PPC_SLOT_CTR, v); break;
	case SPR_VRSAVE: ir_sts(r, ir_zext(r, IR_I32, v), offsetof(struct ppc_cpu, vrsave)); break;
	case SPR_TAR:
		if (!PPC_HAS(t->c, V207))
			return false;
		ir_sts(r, ir_zext(r, IR_I64, v), offsetof(struct ppc_cpu, tar));
		break;
	case SPR_DSCR: case 17: case SPR_PPR: case SPR_PPR32: /* hints */
		return PPC_HAS(t->c, V206) || privileged(t, i, spr);
	case SPR_SPEFSCR:
		if (!PPC_HAS(t->c, SPE))
			return false;
		ir_sts(r, ir_zext(r, IR_I32, v), offsetof(struct ppc_cpu, spefscr));
		break;
	default: return privileged(t, i, spr);
	}
	return true;
}

bool ppc_addpcis(T *t, uint32_t i, unsigned arg)
{
	int64_t d = (int16_t)(ppc_field(i, 16, 10) << 6 | RA(i) << 1 | (i & 1));

	(void)arg;
	ppc_set(t, RT(i), ppc_k(t, t->pc + 4 + (uint64_t)d * 65536));
	return true;
}

/* L: 0 32 bits, 1 conditioned, 2 raw; 3 is reserved */
bool ppc_darn(T *t, uint32_t i, unsigned arg)
{
	unsigned l = RA(i) & 3;
	ir_ref v = ppc_call(t, PPC_H_random, 0, 0, 0, 0, 0);

	(void)arg;
	if (l == 3)
		v = ppc_k(t, ~0ull);
	ppc_set(t, RT(i), l ? v : ir_zext(t->r, IR_I32, v));
	return true;
}

/* ---- storage control ---- */

bool ppc_nop(T *t, uint32_t i, unsigned arg)
{
	(void)t, (void)i, (void)arg;
	return true;
}

/* What was written into code is seen at its next execution, which begins with another region. */
bool ppc_isync(T *t, uint32_t i, unsigned arg)
{
	(void)i, (void)arg;
	ir_exit_pc(t->r, target(t, t->pc + 4));
	t->end = true;
	return true;
}

/* Only the order of a store before a load is not the host's own: hwsync. */
bool ppc_sync(T *t, uint32_t i, unsigned eieio)
{
	unsigned l = ppc_field(i, 9, 2);

	ir_fence(t->r, eieio ? IR_FENCE_SS : l == 1 ? IR_FENCE_ALL & ~IR_FENCE_SL : IR_FENCE_ALL);
	return true;
}

/* The host's caches are coherent; the address must be readable all the same. */
bool ppc_dcb(T *t, uint32_t i, unsigned arg)
{
	(void)arg;
	ir_ld(t->r, IR_I8, ppc_ea_x(t, i), 0, IR_MEM(1));
	return true;
}

bool ppc_dcbz(T *t, uint32_t i, unsigned arg)
{
	unsigned line = ppc_cache_line(t->c);
	ir_ref at = ir_and_imm(t->r, ppc_ea_x(t, i), ~(uint64_t)(line - 1)), zero = ir_const_wide(t->r, IR_V128, 0, 0);

	(void)arg;
	for (unsigned k = 0; k < line; k += 16)
		ir_st(t->r, at, k, zero, IR_MEM(16));
	return true;
}
