/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Constants that the builder folds give what the interpreter computes from the same numbers at run time. */
#include "tap.h"
#include "unit/ir-guest.h"

static ir_ref slot_of(struct ir_region *r, unsigned type, unsigned n)
{
	return ir_zext(r, type, ir_get(r, n));
}

int main(void)
{
	static const uint8_t types[] = {IR_I8, IR_I16, IR_I32, IR_I64};
	struct ir_region *r = ir_region_new(64);
	struct toy t;
	unsigned cases = 0, wrong = 0, folded = 0;

	memset(&t, 0, sizeof t);
	for (unsigned op = 0; op < IR_OPS; op++) {
		const struct ir_op_info *info = &ir_op_info[op];
		bool unary = info->b == IR_K_N;
		if (info->classes != IR_CLASS_INT || info->a != IR_K_T || (!unary && info->b != IR_K_T) ||
		    info->dst != IR_K_T || info->c != IR_K_N || info->flags & IR_F_SIDE || op == IR_DEPOSIT ||
		    op == IR_EXTRACT || op == IR_SEXTRACT || op == IR_SHRD)
			continue;
		for (unsigned i = 0; i < 4 * 64; i++) {
			unsigned type = types[i & 3];
			uint64_t a = toy_edge(), b = toy_edge();
			ir_begin(r, &toy_guest, 0);
			ir_insn(r, 0, 4, 0);
			ir_ref ca = ir_const(r, type, a), cb = ir_const(r, type, b);
			ir_ref va = slot_of(r, type, 2), vb = slot_of(r, type, 3);
			ir_ref f = unary ? ir_unary(r, op, ca) : ir_binary(r, op, ca, cb);
			/* with a constant on either side: identities */
			ir_ref v = unary ? ir_unary(r, op, va) : ir_binary(r, op, va, vb);
			ir_ref left = unary ? v : ir_binary(r, op, ca, vb), right = unary ? v : ir_binary(r, op, va, cb);
			folded += r->temp[f].constant;
			ir_set(r, 4, ir_zext(r, IR_I64, f));
			ir_set(r, 5, ir_zext(r, IR_I64, v));
			ir_set(r, 6, ir_zext(r, IR_I64, left));
			ir_set(r, 7, ir_zext(r, IR_I64, right));
			ir_exit_pc(r, 4);
			struct err e = ERR_INIT;
			if (ir_verify(r, &e) < 0)
				printf("# %s\n", e.msg);
			t.x[2] = a;
			t.x[3] = b;
			ir_interp(r, &t.cpu, 0);
			cases++;
			if (t.x[4] != t.x[5] || t.x[6] != t.x[5] || t.x[7] != t.x[5]) {
				wrong++;
				printf("# %s.%s %llx %llx: folded %llx, computed %llx, constant left %llx, right %llx\n",
				       info->name, ir_type_name[type], (unsigned long long)a, (unsigned long long)b,
				       (unsigned long long)t.x[4], (unsigned long long)t.x[5],
				       (unsigned long long)t.x[6], (unsigned long long)t.x[7]);
			}
		}
	}
	ok(cases > 5000 && !wrong, "%u folded results of all integer operations are the computed ones", cases);
	ok_eq(folded, cases, "every operation on constants folds");

	cases = wrong = 0;
	for (unsigned i = 0; i < IR_CONDS * 4 * 128; i++) {
		unsigned type = types[i & 3], cond = i / 4 % IR_CONDS;
		uint64_t a = toy_edge(), b = i & 64 ? a : toy_edge();
		ir_begin(r, &toy_guest, 0);
		ir_insn(r, 0, 4, 0);
		ir_ref ca = ir_const(r, type, a), cb = ir_const(r, type, b);
		ir_ref va = slot_of(r, type, 2), vb = slot_of(r, type, 3);
		ir_ref one = ir_const(r, IR_I64, 1), two = ir_const(r, IR_I64, 2);
		ir_set(r, 4, ir_setcond(r, IR_I64, cond, ca, cb));
		ir_set(r, 5, ir_setcond(r, IR_I64, cond, va, vb));
		ir_set(r, 6, ir_setcond(r, IR_I64, cond, ca, vb));
		ir_set(r, 7, ir_select(r, cond, ca, cb, one, two));
		ir_set(r, 8, ir_select(r, cond, va, cb, one, two));
		unsigned l = ir_label(r);
		ir_set(r, 9, one);
		ir_brcond(r, cond, ca, cb, l);
		ir_set(r, 9, ir_const(r, IR_I64, 0));
		ir_place(r, l);
		ir_exit_pc(r, 4);
		t.x[2] = a;
		t.x[3] = b;
		ir_interp(r, &t.cpu, 0);
		cases++;
		wrong += t.x[4] != t.x[5] || t.x[6] != t.x[5] || t.x[7] != 2 - t.x[5] || t.x[8] != 2 - t.x[5] ||
			 t.x[9] != t.x[5];
	}
	ok(!wrong, "%u conditions fold to what they compute", cases);

	/* Forwarding: a slot's value is known until a label. */
	ir_begin(r, &toy_guest, 0);
	ir_insn(r, 0, 4, 0);
	ir_ref c = ir_const(r, IR_I64, 77);
	ir_set(r, 3, c);
	ok(ir_get(r, 3) == c, "get after set gives the value that was set");
	ir_place(r, ir_label(r));
	ok(ir_get(r, 3) != c, "but not behind a label");
	ir_region_free(r);
	return tap_done();
}
