/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Branches and exceptions. A conditional branch is a way out of the region, which goes on behind it. */
#include "isa/aarch64/translate.h"

/* Where a forward branch leads out, or a backward one: regions are single-entry, a loop is a link of the region to itself. */
bool a64_b_cond(T *t, uint32_t i, unsigned arg)
{
	unsigned cond = a64_field(i, 0, 4);
	uint64_t to = t->pc + (uint64_t)a64_sfield(i, 5, 19) * 4;

	(void)arg;
	if (cond >= 14) {
		ir_exit_pc(t->r, to);
		t->end = true;
		return true;
	}
	ir_brflags(t->r, cond, a64_exit_label(t, to));
	return true;
}

bool a64_cbz(T *t, uint32_t i, unsigned cond)
{
	ir_ref v = a64_reg(t, SF(i), RT(i));

	ir_brcond(t->r, cond, v, a64_imm(t, a64_type(SF(i)), 0), a64_exit_label(t, t->pc + (uint64_t)a64_sfield(i, 5, 19) * 4));
	return true;
}

bool a64_tbz(T *t, uint32_t i, unsigned cond)
{
	unsigned bit = (i >> 31) << 5 | a64_field(i, 19, 5);
	enum ir_type type = bit < 32 ? IR_I32 : IR_I64;
	ir_ref v = bit < 32 ? a64_w(t, RT(i)) : a64_x(t, RT(i));

	ir_brcond(t->r, cond, v, a64_imm(t, type, 1ull << bit), a64_exit_label(t, t->pc + (uint64_t)a64_sfield(i, 5, 14) * 4));
	return true;
}

bool a64_b(T *t, uint32_t i, unsigned link)
{
	uint64_t to = t->pc + (uint64_t)a64_sfield(i, 0, 26) * 4;

	if (link) {
		ir_set(t->r, 30, a64_imm(t, IR_I64, t->pc + 4));
		ir_exit_call(t->r, to, t->pc + 4);
	} else {
		ir_exit_pc(t->r, to);
	}
	t->end = true;
	return true;
}

/* kind: 0 br, 1 blr, 2 ret */
static void jump(T *t, ir_ref to, unsigned kind)
{
	if (kind == 1)
		ir_set(t->r, 30, a64_imm(t, IR_I64, t->pc + 4));
	ir_exit_ind(t->r, to, kind == 1 ? IR_HINT_CALL : kind == 2 ? IR_HINT_RET : IR_HINT_NONE, t->pc + 4);
	t->end = true;
}

bool a64_br(T *t, uint32_t i, unsigned kind)
{
	jump(t, a64_x(t, RN(i)), kind);
	return true;
}

/* arg: key B 1, kind << 1, modifier in a register 8 */
bool a64_bra(T *t, uint32_t i, unsigned arg)
{
	unsigned kind = arg >> 1 & 3;
	ir_ref modifier = kind == 2 ? a64_xsp(t, 31) : arg & 8 ? a64_xsp(t, RD(i)) : a64_imm(t, IR_I64, 0);
	ir_ref to = a64_call(t, A64_H_pac_check, a64_x(t, kind == 2 ? 30 : RN(i)), modifier, a64_imm(t, IR_I32, arg & 1), 0, 0);

	jump(t, to, kind);
	return true;
}

bool a64_svc(T *t, uint32_t i, unsigned arg)
{
	(void)i, (void)arg;
	ir_exit_trap(t->r, TRAP_SYSCALL, 0, t->pc + 4, 0, 0);
	t->end = true;
	return true;
}

bool a64_brk(T *t, uint32_t i, unsigned arg)
{
	(void)arg;
	ir_exit_trap(t->r, TRAP_EXCEPTION, A64_V_BREAK, t->pc, a64_imm(t, IR_I64, a64_field(i, 5, 16)), 0);
	t->end = true;
	return true;
}
