/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Operands of helper functions: any register file or memory, by the row's operand kinds. */
#include "isa/x86/vec.h"

void x86_check_aligned(struct x86_cpu *cpu, uint64_t ea, unsigned size)
{
	if (ea & (size - 1))
		x86_raise(cpu, 13, 0);
}

/* Rows whose 16-byte memory operand need not be aligned without VEX (SDM vol. 1, table 14-19 and the pages). */
static bool unaligned_allowed(const struct x86_insn *in)
{
	switch (in->row->op) {
	case X86_OP_movups:
	case X86_OP_movupd:
	case X86_OP_movdqu:
	case X86_OP_lddqu:
	case X86_OP_pcmpestri:
	case X86_OP_pcmpestrm:
	case X86_OP_pcmpistri:
	case X86_OP_pcmpistrm:
		return true;
	default:
		return false;
	}
}

/* Rows that demand alignment in every encoding, to the full length of the operand. */
static bool always_aligned(const struct x86_insn *in)
{
	switch (in->row->op) {
	case X86_OP_movaps:
	case X86_OP_movapd:
	case X86_OP_movdqa:
	case X86_OP_movntps:
	case X86_OP_movntpd:
	case X86_OP_movntdq:
	case X86_OP_movntdqa:
		return true;
	default:
		return false;
	}
}

static void check_vector_memory(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea, unsigned size)
{
	if (size < 16 || !(in->row->flags & X86_ROW_VEC))
		return;
	if (always_aligned(in) || (!(in->prefixes & X86_PFX_VEX) && !unaligned_allowed(in)))
		x86_check_aligned(cpu, ea, size);
}

void x86_operand_read(struct x86_cpu *cpu, const struct x86_insn *in, unsigned n, uint64_t ea, union x86_vec *v)
{
	const struct x86_operand_info *o = &x86_operand_info[in->row->operands[n]];
	unsigned reg, size = x86_operand_size(in, n);
	bool high;

	memset(v, 0, sizeof *v);
	if (x86_operand_is_mem(in, n)) {
		if (size > sizeof *v)
			size = sizeof *v;
		check_vector_memory(cpu, in, ea, size);
		x86_mem_read(cpu, ea, v, size);
		return;
	}
	if (o->where == X86_WHERE_IMM || o->where == X86_WHERE_IMMS) {
		v->u64[0] = in->imm;
		return;
	}
	switch (x86_operand_reg(in, n, &reg, &high)) {
	case X86_FILE_VEC:
		*v = cpu->ymm[reg & 15];
		break;
	case X86_FILE_MMX:
		v->u64[0] = x86_mmx_get(cpu, reg & 7);
		break;
	case X86_FILE_GPR:
		v->u64[0] = cpu->gpr[reg & 15] >> (high ? 8 : 0);
		if (size < 8)
			v->u64[0] &= (1ull << 8 * size) - 1;
		break;
	case X86_FILE_ST:
		v->u64[0] = cpu->fx.st[reg & 7].mantissa;
		v->u64[1] = cpu->fx.st[reg & 7].exponent;
		break;
	default:
		break;
	}
}

void x86_operand_write_vec(struct x86_cpu *cpu, const struct x86_insn *in, unsigned n, uint64_t ea,
			   const union x86_vec *v, unsigned size)
{
	unsigned reg;
	bool high;

	if (x86_operand_is_mem(in, n)) {
		check_vector_memory(cpu, in, ea, size);
		x86_store(cpu, ea, v, size);
		return;
	}
	switch (x86_operand_reg(in, n, &reg, &high)) {
	case X86_FILE_VEC: {
		union x86_vec *d = &cpu->ymm[reg & 15];

		memmove(d, v, size);
		if (in->prefixes & X86_PFX_VEX)
			memset(d->u8 + size, 0, sizeof *d - size);
		break;
	}
	case X86_FILE_MMX:
		x86_mmx_enter(cpu);
		cpu->fx.st[reg & 7].mantissa = v->u64[0];
		cpu->fx.st[reg & 7].exponent = 0xFFFF;
		break;
	case X86_FILE_GPR:
		if (size == 8)
			cpu->gpr[reg & 15] = v->u64[0];
		else if (size == 4)
			cpu->gpr[reg & 15] = v->u32[0];
		else if (size == 2)
			cpu->gpr[reg & 15] = (cpu->gpr[reg & 15] & ~0xFFFFull) | v->u16[0];
		else if (high)
			cpu->gpr[reg & 15] = (cpu->gpr[reg & 15] & ~0xFF00ull) | (uint64_t)v->u8[0] << 8;
		else
			cpu->gpr[reg & 15] = (cpu->gpr[reg & 15] & ~0xFFull) | v->u8[0];
		break;
	default:
		break;
	}
}

/* ---- common shapes ------------------------------------------------------------------------------------- */

void x86_vec_begin(struct x86_cpu *cpu, const struct x86_insn *in)
{
	if (in->row->flags & X86_ROW_X87)
		x87_wait(cpu);
}

void x86_vec_binary(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea, x86_vec_fn2 *fn)
{
	bool vex = in->prefixes & X86_PFX_VEX;
	unsigned bytes = x86_operand_size(in, 0);
	union x86_vec a, b, d = {{0}};

	x86_vec_begin(cpu, in);
	x86_operand_read(cpu, in, vex ? 1 : 0, ea, &a);
	x86_operand_read(cpu, in, vex ? 2 : 1, ea, &b);
	fn(&d, &a, &b, bytes, (unsigned)in->imm);
	x86_operand_write_vec(cpu, in, 0, ea, &d, bytes);
}

void x86_vec_unary(struct x86_cpu *cpu, const struct x86_insn *in, uint64_t ea, x86_vec_fn1 *fn)
{
	unsigned bytes = x86_operand_size(in, 0);
	union x86_vec a, d = {{0}};

	x86_vec_begin(cpu, in);
	x86_operand_read(cpu, in, 1, ea, &a);
	fn(&d, &a, bytes, (unsigned)in->imm);
	x86_operand_write_vec(cpu, in, 0, ea, &d, bytes);
}
