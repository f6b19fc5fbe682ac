/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The verifier accepts what the builder makes and names what is wrong with each kind of malformed region. */
#include "tap.h"
#include "unit/ir-guest.h"

static struct ir_region *r;

static void start(void)
{
	ir_begin(r, &toy_guest, 0x1000);
	ir_insn(r, 0x1000, 4, 0);
}

static void rejects(const char *part, const char *what)
{
	struct err e = ERR_INIT;
	int error = ir_verify(r, &e);
	if (!ok(error < 0 && strstr(e.msg, part), "rejects %s", what))
		printf("# error %d, message \"%s\", want \"%s\"\n", error, e.msg, part);
}

static void accepts(const char *what)
{
	struct err e = ERR_INIT;
	if (!ok(ir_verify(r, &e) == 0, "accepts %s", what)) {
		printf("# %s\n", e.msg);
		ir_print(r, stdout);
	}
}

static uint64_t helper(struct cpu *c, uint64_t a)
{
	(void)c;
	return a;
}

#define RAW(...) ir_emit(r, &(struct ir_op){__VA_ARGS__})

int main(void)
{
	static const struct ir_helper h = {"helper", (void *)helper, IR_I64, 1, {IR_I64}, 0};
	unsigned l, local;
	ir_ref a, b;

	r = ir_region_new(64);
	start();
	rejects("does not end", "a region without an exit");
	ir_begin(r, &toy_guest, 0);
	rejects("empty", "an empty region");

	start();
	a = ir_get(r, 0);
	b = ir_add_imm(r, a, 3);
	ir_set(r, 1, b);
	l = ir_label(r);
	ir_brcond(r, IR_LTU, a, b, l);
	ir_st(r, a, 8, b, IR_MEM(4));
	ir_place(r, l);
	ir_set(r, 2, ir_call(r, &h, &b));
	ir_exit_pc(r, 0x1004);
	accepts("a branch over a store");

	start();
	ir_exit_pc(r, 0);
	r->op[1].op = IR_OPS + 5;
	rejects("no such operation", "an unknown operation");

	start();
	RAW(.op = IR_ADD, .type = IR_F32, .a = ir_const(r, IR_F32, 0), .b = ir_const(r, IR_F32, 0));
	ir_exit_pc(r, 0);
	rejects("type f32 is not allowed", "integer arithmetic on floats");

	start();
	RAW(.op = IR_ADD, .type = IR_I64, .a = ir_get(r, 0), .b = ir_get(r, TOY_W));
	ir_exit_pc(r, 0);
	rejects("operand b is i32, must be i64", "operands of different types");

	start();
	RAW(.op = IR_ADD, .type = IR_I64, .a = ir_get(r, 0));
	ir_exit_pc(r, 0);
	rejects("operand b is missing", "a missing operand");

	start();
	RAW(.op = IR_NEG, .type = IR_I64, .a = ir_get(r, 0), .b = ir_get(r, 0));
	ir_exit_pc(r, 0);
	rejects("operand b is not used", "an operand too many");

	start();
	RAW(.op = IR_NEG, .type = IR_I64, .a = 999);
	ir_exit_pc(r, 0);
	rejects("no value of this region", "a value that does not exist");

	start();
	a = ir_get(r, 0);
	ir_neg(r, a);
	ir_exit_pc(r, 0);
	r->op[2].dst = 0;
	rejects("result is missing", "an operation without its result");

	start();
	RAW(.op = IR_GET, .type = IR_I64, .x = 400);
	ir_exit_pc(r, 0);
	rejects("no such slot", "an unknown slot");

	start();
	RAW(.op = IR_GET, .type = IR_I32, .x = 0);
	ir_exit_pc(r, 0);
	rejects("slot is i64", "a slot of another type");

	start();
	RAW(.op = IR_GET, .type = IR_I32, .x = IR_LOCAL | 3);
	ir_exit_pc(r, 0);
	rejects("no such local", "an unknown local");

	start();
	RAW(.op = IR_BR, .x = 7);
	rejects("no such label", "an unknown label");

	start();
	ir_br(r, ir_label(r));
	rejects("its label is not placed", "a jump to nowhere");

	start();
	l = ir_label(r);
	ir_place(r, l);
	ir_place(r, l);
	ir_exit_pc(r, 0);
	rejects("placed twice", "a label in two places");

	start();
	RAW(.op = IR_ZEXT, .type = IR_I32, .a = ir_get(r, 0));
	ir_exit_pc(r, 0);
	rejects("not narrower", "an extension that cuts");

	start();
	RAW(.op = IR_TRUNC, .type = IR_I64, .a = ir_get(r, TOY_W));
	ir_exit_pc(r, 0);
	rejects("not wider", "a cut that extends");

	start();
	RAW(.op = IR_BITCAST, .type = IR_F32, .a = ir_get(r, 0));
	ir_exit_pc(r, 0);
	rejects("sizes differ", "a bit cast between sizes");

	start();
	RAW(.op = IR_EXTRACT, .type = IR_I32, .a = ir_get(r, TOY_W), .x = 20 | 20 << 8);
	ir_exit_pc(r, 0);
	rejects("bits 20 +20", "bits outside of the value");

	start();
	RAW(.op = IR_SETCOND, .type = IR_I32, .aux = IR_CONDS, .a = ir_get(r, 0), .b = ir_get(r, 0));
	ir_exit_pc(r, 0);
	rejects("no such condition", "an unknown condition");

	start();
	RAW(.op = IR_LD, .type = IR_I32, .a = ir_get(r, 0), .x = IR_MEM(8));
	ir_exit_pc(r, 0);
	rejects("do not fit", "a load that is longer than its type");

	start();
	RAW(.op = IR_LD, .type = IR_V128, .a = ir_get(r, 0), .x = IR_MEM(8));
	ir_exit_pc(r, 0);
	rejects("are no v128", "a vector load of another size");

	start();
	RAW(.op = IR_LD, .type = IR_I64, .a = ir_get(r, TOY_H), .x = IR_MEM(8));
	ir_exit_pc(r, 0);
	rejects("must be an address", "an address of 16 bits");

	start();
	RAW(.op = IR_VADD, .type = IR_V128, .aux = IR_F32, .a = ir_get(r, TOY_V), .b = ir_get(r, TOY_V));
	ir_exit_pc(r, 0);
	rejects("no such lane type", "integer addition of float lanes");

	start();
	RAW(.op = IR_VGETLANE, .type = IR_I64, .a = ir_get(r, TOY_V), .imm = 2);
	ir_exit_pc(r, 0);
	rejects("no such lane", "a lane outside of the vector");

	start();
	RAW(.op = IR_CALL, .type = IR_I64, .a = ir_get(r, TOY_W), .imm = (uint64_t)(uintptr_t)&h);
	ir_exit_pc(r, 0);
	rejects("argument 1 must be i64", "a helper's argument of another type");

	start();
	RAW(.op = IR_CALL, .type = IR_I64, .imm = (uint64_t)(uintptr_t)&h);
	ir_exit_pc(r, 0);
	rejects("1 arguments wanted", "a helper without its argument");

	start();
	ir_setflags(r, 0, 16, ir_get(r, 0), 0, 0);
	ir_exit_pc(r, 0);
	rejects("mask", "flags outside of the family");

	start();
	RAW(.op = IR_EXIT_IND, .a = ir_get(r, TOY_W));
	rejects("pc's type", "an indirect exit to a narrow address");

	start();
	a = ir_get(r, 0);
	l = ir_label(r);
	ir_brcond(r, IR_EQ, a, ir_get(r, 1), l);
	b = ir_neg(r, a);
	ir_place(r, l);
	ir_set(r, 2, b);
	ir_exit_pc(r, 0);
	rejects("not defined on every path", "a value that one path does not define");

	start();
	local = ir_local(r, IR_I64);
	a = ir_get(r, 0);
	l = ir_label(r);
	ir_brcond(r, IR_EQ, a, ir_get(r, 1), l);
	ir_set(r, local, a);
	ir_place(r, l);
	ir_set(r, 2, ir_get(r, local));
	ir_exit_pc(r, 0);
	rejects("local0 is not set", "a local that one path does not set");

	start();
	local = ir_local(r, IR_I64);
	ir_set(r, local, ir_const(r, IR_I64, 10));
	l = ir_label(r);
	ir_place(r, l);
	ir_poll(r, 0x1000);
	a = ir_sub(r, ir_get(r, local), ir_const(r, IR_I64, 1));
	ir_set(r, local, a);
	ir_brcond(r, IR_NE, a, ir_const(r, IR_I64, 0), l);
	ir_exit_pc(r, 0);
	accepts("a loop");

	start();
	ir_exit_pc(r, 0);
	l = ir_label(r);
	ir_place(r, l);
	ir_neg(r, ir_get(r, 0));
	ir_exit_pc(r, 0);
	accepts("code that nobody reaches");

	start();
	for (int i = 0; i < 100; i++)
		ir_set(r, (unsigned)i % 16, ir_add_imm(r, ir_get(r, (unsigned)i % 16), 1));
	ir_exit_pc(r, 0);
	rejects("full", "a region that overflowed");
	ok(!ir_room(r, 1), "and there is no room in it");
	ir_region_free(r);
	return tap_done();
}
