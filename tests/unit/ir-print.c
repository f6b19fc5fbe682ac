/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A region's text shows values, types, constants, slots, memory operations and labels; it is what -d op prints. The builder
 * has folded an address and fused a condition with its flags here. */
#include "tap.h"
#include "unit/ir-guest.h"

static uint64_t nothing(struct cpu *c, uint64_t a)
{
	(void)c;
	return a;
}

int main(void)
{
	static const struct ir_helper h = {"nothing", (void *)nothing, IR_I64, 1, {IR_I64}, IR_HELPER_PURE};
	static const char *const want =
		"region 0x1000: 2 instructions, 17 operations, 9 values\n"
		" ---- 0x1000 +4\n"
		"    %1:i64 = get x1\n"
		"    %3:i64 = add %1, 0x10\n"
		"    set.i64 x0 %3\n"
		"    %4:i32 = ld %1 +24 16bes align2\n"
		"    st.i32 %1, %4 -8 32 atomic\n"
		"    %5:i32 = extract %4 [4 +8]\n"
		"    setflags.i64 %1, %3 x=16384 imm=0xf\n"
		"    brcond.i64.ges %1, %3 L0\n"
		" ---- 0x1004 +2 extra 0x7\n"
		"    %6:i64 = call nothing %3\n"
		"    brcond.i64.ltu %6, 0x10 L0\n"
		"    %7:v128 = get v0\n"
		"    %8:v128 = vadd.i16 %7, %7\n"
		"    set.v128 v1 %8\n"
		" label L0\n"
		"    exit_trap.1 0xab x=3 imm=0x1008\n";
	struct ir_region *r = ir_region_new(64);
	char text[4096] = "";
	FILE *f = fmemopen(text, sizeof text, "w");

	ir_begin(r, &toy_guest, 0x1000);
	ir_insn(r, 0x1000, 4, 0);
	ir_ref a = ir_get(r, 1), b = ir_add_imm(r, a, 16);
	ir_set(r, 0, b);
	ir_ref w = ir_ld(r, IR_I32, a, 24, IR_MEM(2) | IR_MEM_BE | IR_MEM_SIGNED | IR_MEM_ALIGNED(2));
	ir_st(r, b, -24, w, IR_MEM(4) | IR_MEM_ATOMIC);
	ir_extract(r, w, 4, 8);
	ir_setflags(r, 64 << 8, 15, a, b, 0);
	unsigned l = ir_label(r);
	ir_brflags(r, TOY_GE, l);
	ir_insn(r, 0x1004, 2, 7);
	ir_ref c = ir_call(r, &h, &b);
	ir_brcond(r, IR_GTU, ir_const(r, IR_I64, 16), c, l);
	ir_ref v = ir_get(r, TOY_V);
	ir_set(r, TOY_V + 1, ir_vec2(r, IR_VADD, IR_I16, v, v, 0));
	ir_place(r, l);
	ir_exit_trap(r, TRAP_SYSCALL, 3, 0x1008, ir_const(r, IR_I64, 0xab), 0);
	ir_print(r, f);
	fclose(f);
	ok_str(text, want, "the text of a region");
	for (unsigned i = 1; i < IR_OPS; i++)
		if (!ir_op_info[i].name || !ir_op_info[i].classes)
			ok(0, "operation %u has a row", i);
	/* What is not well-formed prints as well: it is printed when the verifier has refused it. */
	r->op[3].op = IR_OPS + 1;
	r->op[4].type = 99;
	r->op[5].aux = 99;
	f = fmemopen(text, sizeof text, "w");
	ir_print(r, f);
	fclose(f);
	ok(strstr(text, "?") != NULL, "a malformed region prints with question marks");
	ir_region_free(r);
	return tap_done();
}
