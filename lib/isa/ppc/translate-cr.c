/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The condition register; cpu.h says how a field is kept. */
#include "isa/ppc/translate.h"

static void store(T *t, unsigned f, ir_ref v, ir_ref x)
{
	ir_set(t->r, PPC_SLOT_CRV + f, v);
	ir_set(t->r, PPC_SLOT_CRX + f, x);
}

/* A 64-bit number that is below, equal to or above 0 as a is to b. */
static ir_ref difference(T *t, bool is_signed, ir_ref a, ir_ref b)
{
	struct ir_region *r = t->r;

	if (r->temp[a].type == IR_I32)
		return is_signed ? ir_sub(r, ir_sext(r, IR_I64, a), ir_sext(r, IR_I64, b))
				 : ir_sub(r, ir_zext(r, IR_I64, a), ir_zext(r, IR_I64, b));
	if (is_signed && r->temp[b].constant && !r->temp[b].value)
		return a;
	return ir_binary(r, is_signed ? IR_CMP3S : IR_CMP3U, a, b);
}

void ppc_cr_compare(T *t, unsigned f, bool is_signed, ir_ref a, ir_ref b)
{
	ir_ref so = ir_get(t->r, PPC_SLOT_SO);

	store(t, f, difference(t, is_signed, a, b), so);
	t->cr[f] = (struct ppc_cr){.kind = is_signed ? PPC_CR_SIGNED : PPC_CR_UNSIGNED, .a = a, .b = b, .so = so};
}

/* enum ir_relation to crx: a byte of the constant for each, at 8 times its value, modulo 64; bit 7 for FPCC's sake */
void ppc_cr_float(T *t, unsigned f, ir_ref rel)
{
	struct ir_region *r = t->r;
	const uint64_t table = 0x8aull << 8 | 0x80ull << 16 | 0x86ull << 32 | 0x83;
	ir_ref shift = ir_shl_imm(r, ir_zext(r, IR_I64, rel), 3), x = ir_zext(r, IR_I8, ir_shr(r, ppc_imm(t, IR_I64, table), shift));

	store(t, f, ppc_imm(t, IR_I64, 0), x);
	ir_set(r, PPC_SLOT_FPCC, x);
	t->cr[f] = (struct ppc_cr){.kind = PPC_CR_FLOAT, .a = rel};
}

void ppc_cr_set(T *t, unsigned f, ir_ref bits)
{
	store(t, f, ppc_imm(t, IR_I64, 0), ir_zext(t->r, IR_I8, ir_xor_imm(t->r, bits, 2)));
	t->cr[f] = (struct ppc_cr){.field = bits};
}

/* Bit n (0 LT .. 3 SO) of a field that nothing is known about. */
static ir_ref load_bit(T *t, unsigned f, unsigned n)
{
	static const uint8_t cond[] = {IR_LTS, IR_GTS, IR_EQ};
	struct ir_region *r = t->r;
	ir_ref x = ir_extract(r, ir_zext(r, IR_I32, ir_get(r, PPC_SLOT_CRX + f)), 3 - n, 1);

	if (n == 3)
		return x;
	return ir_xor(r, ir_setcond(r, IR_I32, cond[n], ir_get(r, PPC_SLOT_CRV + f), ppc_imm(t, IR_I64, 0)), x);
}

enum ir_cond ppc_cr_test(T *t, unsigned bit, ir_ref *a, ir_ref *b)
{
	static const uint8_t conds[2][3] = {{IR_LTS, IR_GTS, IR_EQ}, {IR_LTU, IR_GTU, IR_EQ}};
	static const uint8_t relation[] = {IR_REL_LT, IR_REL_GT, IR_REL_EQ, IR_REL_UN};
	struct ppc_cr *k = &t->cr[bit >> 2];
	unsigned n = bit & 3;

	if (!k->bit[n]) {
		switch (k->kind) {
		case PPC_CR_SIGNED: case PPC_CR_UNSIGNED:
			if (n == 3) {
				*a = k->so;
				*b = ppc_imm(t, IR_I8, 0);
				return IR_NE;
			}
			*a = k->a;
			*b = k->b;
			return conds[k->kind == PPC_CR_UNSIGNED][n];
		case PPC_CR_FLOAT:
			*a = k->a;
			*b = ppc_imm(t, IR_I32, relation[n]);
			return IR_TSTNZ;
		}
		if (k->field)
			k->bit[n] = ir_extract(t->r, k->field, 3 - n, 1);
		else
			k->bit[n] = load_bit(t, bit >> 2, n);
	}
	*a = k->bit[n];
	*b = ppc_imm(t, IR_I32, 0);
	return IR_NE;
}

ir_ref ppc_cr_bit(T *t, unsigned bit)
{
	struct ppc_cr *k = &t->cr[bit >> 2];
	ir_ref a, b;

	if (!k->bit[bit & 3]) {
		enum ir_cond cond = ppc_cr_test(t, bit, &a, &b);
		if (!k->bit[bit & 3])
			k->bit[bit & 3] = ir_setcond(t->r, IR_I32, cond, a, b);
	}
	return k->bit[bit & 3];
}

ir_ref ppc_cr_get(T *t, unsigned f)
{
	struct ppc_cr *k = &t->cr[f];
	struct ir_region *r = t->r;

	if (!k->field) {
		ir_ref v = ppc_cr_bit(t, 4 * f + 3);
		for (unsigned n = 0; n < 3; n++)
			v = ir_or(r, v, ir_shl_imm(r, ppc_cr_bit(t, 4 * f + n), 3 - n));
		k->field = v;
	}
	return k->field;
}

void ppc_cr_forget(T *t)
{
	for (unsigned f = 0; f < 8; f++)
		t->cr[f] = (struct ppc_cr){0};
}

void ppc_rc0(T *t, ir_ref v)
{
	v = ppc_wide(t) ? ir_zext(t->r, IR_I64, v) : ir_zext(t->r, IR_I32, v);
	ppc_cr_compare(t, 0, true, v, ppc_imm(t, ppc_wide(t) ? IR_I64 : IR_I32, 0));
}

/* ---- instructions ---- */

bool ppc_crlogic(T *t, uint32_t i, unsigned op)
{
	unsigned bt = RT(i), f = bt >> 2, n = bt & 3;
	struct ir_region *r = t->r;
	ir_ref a = ppc_cr_bit(t, RA(i)), b = ppc_cr_bit(t, RB(i)), v;

	switch (op & 7) {
	case 0: case 1: v = ir_and(r, a, b); break;
	case 2: case 3: v = ir_or(r, a, b); break;
	case 4: case 5: v = ir_xor(r, a, b); break;
	case 6: v = ir_and(r, a, ir_xor_imm(r, b, 1)); break;
	default: v = ir_or(r, a, ir_xor_imm(r, b, 1));
	}
	if (op == 1 || op == 3 || op == 5)
		v = ir_xor_imm(r, v, 1);
	struct ppc_cr k = t->cr[f];
	ir_ref field = ir_or(r, ir_and_imm(r, ppc_cr_get(t, f), ~(8u >> n)), ir_shl_imm(r, v, 3 - n));
	store(t, f, ppc_imm(t, IR_I64, 0), ir_zext(r, IR_I8, ir_xor_imm(r, field, 2)));
	k.field = field;
	k.bit[n] = v;
	/* What came from a comparison stays so for the other bits. */
	t->cr[f] = k;
	return true;
}

bool ppc_mcrf(T *t, uint32_t i, unsigned arg)
{
	unsigned to = RT(i) >> 2, from = RA(i) >> 2;

	(void)arg;
	if (to == from)
		return true;
	store(t, to, ir_get(t->r, PPC_SLOT_CRV + from), ir_get(t->r, PPC_SLOT_CRX + from));
	t->cr[to] = t->cr[from];
	return true;
}

bool ppc_mfcr(T *t, uint32_t i, unsigned arg)
{
	(void)arg;
	ppc_set(t, RT(i), ppc_call(t, PPC_H_get_cr, 0, 0, 0, 0, 0));
	return true;
}

bool ppc_mfocrf(T *t, uint32_t i, unsigned arg)
{
	unsigned fxm = ppc_field(i, 12, 8);

	if (fxm & (fxm - 1) || !fxm) /* undefined: the whole */
		return ppc_mfcr(t, i, arg);
	unsigned f = (unsigned)__builtin_clz(fxm) - 24;
	ppc_set(t, RT(i), ir_shl_imm(t->r, ppc_cr_get(t, f), 28 - 4 * f));
	return true;
}

bool ppc_mtcrf(T *t, uint32_t i, unsigned arg)
{
	unsigned fxm = ppc_field(i, 12, 8);
	ir_ref v = ppc_w(t, RT(i));

	(void)arg;
	for (unsigned f = 0; f < 8; f++)
		if (fxm >> (7 - f) & 1)
			ppc_cr_set(t, f, ir_extract(t->r, v, 28 - 4 * f, 4));
	return true;
}

static ir_ref xer_bit(T *t, unsigned slot, unsigned at)
{
	return ir_shl_imm(t->r, ir_zext(t->r, IR_I32, ir_get(t->r, slot)), at);
}

/* mcrxr: SO OV CA 0, which it clears; mcrxrx: OV OV32 CA CA32 */
bool ppc_mcrxr(T *t, uint32_t i, unsigned x)
{
	struct ir_region *r = t->r;
	ir_ref v;

	if (RT(i) & 3)
		return false;
	v = ir_or(r, xer_bit(t, x ? PPC_SLOT_OV : PPC_SLOT_SO, 3), xer_bit(t, x ? PPC_SLOT_OV32 : PPC_SLOT_OV, 2));
	v = ir_or(r, v, xer_bit(t, PPC_SLOT_CA, 1));
	if (x) {
		v = ir_or(r, v, xer_bit(t, PPC_SLOT_CA32, 0));
	} else {
		ir_set(r, PPC_SLOT_SO, ppc_imm(t, IR_I8, 0));
		ir_set(r, PPC_SLOT_OV, ppc_imm(t, IR_I8, 0));
		ir_set(r, PPC_SLOT_CA, ppc_k(t, 0));
	}
	ppc_cr_set(t, RT(i) >> 2, v);
	return true;
}

bool ppc_setb(T *t, uint32_t i, unsigned arg)
{
	unsigned f = RA(i) >> 2;
	ir_ref lt = ppc_cr_bit(t, 4 * f), gt = ppc_cr_bit(t, 4 * f + 1);

	(void)arg;
	ir_ref v = ir_select(t->r, IR_NE, lt, ppc_imm(t, IR_I32, 0), ppc_k(t, ~0ull), ir_zext(t->r, t->type, gt));
	ppc_set(t, RT(i), v);
	return true;
}

bool ppc_isel(T *t, uint32_t i, unsigned arg)
{
	ir_ref a, b;
	enum ir_cond cond = ppc_cr_test(t, RC(i), &a, &b);

	(void)arg;
	ppc_set(t, RT(i), ir_select(t->r, cond, a, b, ppc_gpr0(t, RA(i)), ppc_gpr(t, RB(i))));
	return true;
}
