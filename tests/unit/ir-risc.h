/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The instruction set of the toy guest (ir-guest.h), written against ir.h alone. */
#ifndef TESTS_IR_RISC_H
#define TESTS_IR_RISC_H
#include "unit/ir-guest.h"
#include "jit/run.h"

/* op:8 rd:4 rs:4 imm:16, or rt in the low four bits of imm */
enum {
	ADD = 1, SUB, MUL, XOR, SHL, ADDI, LDI, LD, ST, LDB, CMP, CMPI, BCC, BR, JAL, JR, CALLR, AMOADD, SYS, SUM, ADDW, LDBE,
	FADD, LEA,
};
#define I(op, rd, rs, imm) ((uint32_t)(op) << 24 | (uint32_t)(rd) << 20 | (uint32_t)(rs) << 16 | ((uint32_t)(imm) & 0xffff))
enum { SP = 13, LR = 14 };

/* A test's own: memop bits of the memory map, more instructions (true: it was one). */
static unsigned risc_map;
static bool (*risc_more)(struct ir_region *r, uint64_t pc, uint32_t insn, bool *end);

static void one(struct ir_region *r, uint64_t pc, uint32_t insn, bool *end)
{
	unsigned op = insn >> 24, rd = insn >> 20 & 15, rs = insn >> 16 & 15, rt = insn & 15;
	int64_t imm = (int16_t)insn;
	ir_ref a = ir_get(r, rs), v;

	ir_insn(r, pc, 4, 0);
	switch (op) {
	case ADD: ir_set(r, rd, ir_add(r, a, ir_get(r, rt))); break;
	case SUB: ir_set(r, rd, ir_sub(r, a, ir_get(r, rt))); break;
	case MUL: ir_set(r, rd, ir_mul(r, a, ir_get(r, rt))); break;
	case XOR: ir_set(r, rd, ir_xor(r, a, ir_get(r, rt))); break;
	case SHL: ir_set(r, rd, ir_shl(r, a, ir_get(r, rt))); break;
	case ADDI: ir_set(r, rd, ir_add_imm(r, a, (uint64_t)imm)); break;
	case ADDW:
		v = ir_add(r, ir_zext(r, IR_I32, a), ir_zext(r, IR_I32, ir_get(r, rt)));
		ir_set(r, rd, ir_zext(r, IR_I64, v));
		break;
	case LDI: ir_set(r, rd, ir_const(r, IR_I64, (uint64_t)imm)); break;
	case LEA: ir_set(r, rd, ir_const(r, IR_I64, pc + (uint64_t)imm * 4)); break;
	case LD: ir_set(r, rd, ir_ld(r, IR_I64, a, imm, IR_MEM(8) | risc_map)); break;
	case LDB: ir_set(r, rd, ir_ld(r, IR_I64, a, imm, IR_MEM(1) | risc_map)); break;
	case LDBE: ir_set(r, rd, ir_ld(r, IR_I64, a, imm, IR_MEM(8) | IR_MEM_BE | IR_MEM_ALIGNED(8) | risc_map)); break;
	case ST: ir_st(r, a, imm, ir_get(r, rd), IR_MEM(8) | risc_map); break;
	case CMP:
	case CMPI:
		v = op == CMP ? ir_get(r, rt) : ir_const(r, IR_I64, (uint64_t)imm);
		ir_setflags(r, TOY_OP_SUB | 64 << 8, toy_flags.mask, a, v, ir_sub(r, a, v));
		break;
	case BCC: {
		unsigned taken = ir_label(r);
		ir_brflags(r, rd, taken);
		ir_exit_pc(r, pc + 4);
		ir_place(r, taken);
		ir_exit_pc(r, pc + (uint64_t)imm * 4);
		*end = true;
		break;
	}
	case BR: ir_exit_pc(r, pc + (uint64_t)imm * 4); *end = true; break;
	case JAL:
		ir_set(r, LR, ir_const(r, IR_I64, pc + 4));
		ir_exit_call(r, pc + (uint64_t)imm * 4, pc + 4);
		*end = true;
		break;
	case JR: ir_exit_ind(r, a, rs == LR ? IR_HINT_RET : IR_HINT_NONE, 0); *end = true; break;
	case CALLR:
		ir_set(r, LR, ir_const(r, IR_I64, pc + 4));
		ir_exit_ind(r, a, IR_HINT_CALL, pc + 4);
		*end = true;
		break;
	case AMOADD:
		ir_set(r, rd, ir_atomic(r, IR_FETCH_ADD, a, 0, ir_get(r, rt), IR_MEM(8) | risc_map));
		break;
	case FADD:
		v = ir_fp(r, IR_FADD, IR_ROUND_GUEST, 0, ir_bitcast(r, IR_F64, a), ir_bitcast(r, IR_F64, ir_get(r, rt)), 0);
		ir_set(r, rd, ir_bitcast(r, IR_I64, v));
		break;
	case SUM: { /* rd = sum of rt words at rs: a loop inside the region */
		unsigned sum = ir_local(r, IR_I64), at = ir_local(r, IR_I64), n = ir_local(r, IR_I64);
		unsigned loop = ir_label(r), done = ir_label(r);
		ir_set(r, sum, ir_const(r, IR_I64, 0));
		ir_set(r, at, a);
		ir_set(r, n, ir_get(r, rt));
		ir_place(r, loop);
		ir_poll(r, pc);
		ir_ref left = ir_get(r, n);
		ir_brcond(r, IR_EQ, left, ir_const(r, IR_I64, 0), done);
		ir_ref p = ir_get(r, at);
		ir_set(r, sum, ir_add(r, ir_get(r, sum), ir_ld(r, IR_I64, p, 0, IR_MEM(8) | risc_map)));
		ir_set(r, at, ir_add_imm(r, p, 8));
		ir_set(r, n, ir_sub(r, left, ir_const(r, IR_I64, 1)));
		ir_br(r, loop);
		ir_place(r, done);
		ir_set(r, rd, ir_get(r, sum));
		break;
	}
	case SYS: ir_exit_trap(r, TRAP_SYSCALL, (int)imm, pc + 4, 0, 0); *end = true; break;
	default:
		if (risc_more && risc_more(r, pc, insn, end))
			break;
		ir_exit_trap(r, TRAP_EXCEPTION, 4, pc, 0, 0);
		*end = true;
		break;
	}
}

static size_t risc_translate(struct ir_region *r, struct cpu *c, uint64_t pc, unsigned max, const uint8_t *code, size_t n)
{
	size_t at = 0;
	bool end = false;

	(void)c;
	if (n < 4)
		return 0;
	while (!end && at + 4 <= n && max-- && ir_room(r, IR_RUN_INSN_OPS)) {
		uint32_t insn;
		memcpy(&insn, code + at, 4);
		one(r, pc + at, insn, &end);
		at += 4;
	}
	if (!end)
		ir_exit_pc(r, pc + at);
	return at;
}

#endif
