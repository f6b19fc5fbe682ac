/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Questions about a decoded instruction's operands, answered from operands.def and the row. */
#include "isa/x86/cpu.h"
#include "isa/x86/decode.h"
#include "isa/x86/ops.h"

const struct x86_operand_info x86_operand_info[X86_O_COUNT] = {
#define OPERAND(name, w, f, rsize, msize) {X86_WHERE_##w, X86_FILE_##f, rsize, msize},
#include "isa/x86/operands.def"
#undef OPERAND
};

unsigned x86_operand_fixed(enum x86_operand o)
{
	switch (o) {
	case X86_O_CL:
		return X86_RCX;
	case X86_O_DX:
		return X86_RDX;
	case X86_O_CS:
		return X86_CS;
	case X86_O_SS:
		return X86_SS;
	case X86_O_DS:
		return X86_DS;
	case X86_O_FS:
		return X86_FS;
	case X86_O_GS:
		return X86_GS;
	default:
		return 0; /* rAX, ES, ST(0), XMM0 */
	}
}

static unsigned size_of(const struct x86_insn *in, unsigned code)
{
	switch (code) {
	case X86_SIZE_V:
		return in->opsize;
	case X86_SIZE_Z:
		return in->opsize > 4 ? 4 : in->opsize;
	case X86_SIZE_Y:
		return in->rex & 8 ? 8 : 4;
	case X86_SIZE_A:
		return in->addrsize;
	case X86_SIZE_MODE:
		return in->mode == 64 ? 8 : 4;
	case X86_SIZE_X:
		return 16u << in->vex_l;
	case X86_SIZE_XH:
		return 8u << in->vex_l;
	case X86_SIZE_XQ:
		return 4u << in->vex_l;
	case X86_SIZE_XE:
		return 2u << in->vex_l;
	case X86_SIZE_FAR:
		return in->opsize + 2;
	case X86_SIZE_2V:
		return in->opsize * 2;
	case X86_SIZE_DESC:
		return in->mode == 64 ? 10 : 6;
	case X86_SIZE_ENV:
		return in->opsize == 2 ? 14 : 28;
	case X86_SIZE_STATE:
		return in->opsize == 2 ? 94 : 108;
	default:
		return code;
	}
}

bool x86_operand_is_mem(const struct x86_insn *in, unsigned n)
{
	unsigned w = x86_operand_info[in->row->operands[n]].where;
	return in->has_mem && (w == X86_WHERE_RM || w == X86_WHERE_MEM || w == X86_WHERE_MOFFS);
}

unsigned x86_operand_size(const struct x86_insn *in, unsigned n)
{
	const struct x86_operand_info *o = &x86_operand_info[in->row->operands[n]];
	bool reg = o->file != X86_FILE_NOFILE && !x86_operand_is_mem(in, n);
	return size_of(in, reg ? o->reg_size : o->mem_size);
}

enum x86_file x86_operand_reg(const struct x86_insn *in, unsigned n, unsigned *reg, bool *high)
{
	const struct x86_operand_info *o = &x86_operand_info[in->row->operands[n]];
	*high = false;
	*reg = 0;
	switch (o->where) {
	case X86_WHERE_RM:
		if (in->has_mem)
			return X86_FILE_NOFILE;
		/* fall through */
	case X86_WHERE_RMREG:
	case X86_WHERE_OPREG:
		*reg = in->rm;
		break;
	case X86_WHERE_REG:
		*reg = in->reg;
		break;
	case X86_WHERE_VVVV:
		*reg = in->vex_vvvv;
		break;
	case X86_WHERE_IS4:
		*reg = in->imm >> 4 & (in->mode == 64 ? 15 : 7);
		break;
	case X86_WHERE_FIXED:
		*reg = x86_operand_fixed(in->row->operands[n]);
		return o->file;
	default:
		return X86_FILE_NOFILE;
	}
	if (o->file == X86_FILE_GPR && o->reg_size == 1 && !in->rex && *reg >= 4 && *reg < 8) {
		*reg -= 4;
		*high = true;
	}
	return o->file;
}

unsigned x86_mem_segment(const struct x86_insn *in)
{
	if (in->seg != X86_NOREG)
		return in->seg;
	return in->has_mem && (in->base == X86_RSP || in->base == X86_RBP) ? X86_SS : X86_DS;
}

unsigned x86_mem_access(const struct x86_insn *in, unsigned *size)
{
	*size = 0;
	if (!in->has_mem || in->row->flags & X86_ROW_NOACCESS)
		return 0;
	for (unsigned n = 0; n < 4 && in->row->operands[n]; n++) {
		if (!x86_operand_is_mem(in, n))
			continue;
		*size = x86_operand_size(in, n);
		if (n == 0)
			return (in->row->flags & X86_ROW_R0 ? 1 : 0) | (in->row->flags & X86_ROW_W0 ? 2 : 0);
		return n == 1 && in->row->flags & X86_ROW_W1 ? 3 : 1;
	}
	return 0;
}

static bool repeats(const struct x86_insn *in)
{
	if (!(in->prefixes & (X86_PFX_REP | X86_PFX_REPNE)))
		return false;
	for (unsigned n = 0; n < 2; n++) {
		unsigned w = x86_operand_info[in->row->operands[n]].where;
		if (w == X86_WHERE_SI || w == X86_WHERE_DI)
			return true;
	}
	return false;
}

uint16_t x86_gprs_used(const struct x86_insn *in)
{
	uint16_t used = in->row->regs_read | in->row->regs_written;
	for (unsigned n = 0; n < 4 && in->row->operands[n]; n++) {
		unsigned reg;
		bool high;
		if (x86_operand_reg(in, n, &reg, &high) == X86_FILE_GPR)
			used |= 1u << reg;
	}
	if (in->has_mem && in->base < 16)
		used |= 1u << in->base;
	if (in->has_mem && in->index < 16 && !(in->row->flags & X86_ROW_VSIB))
		used |= 1u << in->index;
	if (repeats(in))
		used |= 1u << X86_RCX;
	return used;
}

uint16_t x86_gprs_written(const struct x86_insn *in)
{
	uint16_t written = in->row->regs_written;
	unsigned reg;
	bool high;
	if (in->row->flags & X86_ROW_W0 && x86_operand_reg(in, 0, &reg, &high) == X86_FILE_GPR)
		written |= 1u << reg;
	if (in->row->flags & X86_ROW_W1 && x86_operand_reg(in, 1, &reg, &high) == X86_FILE_GPR)
		written |= 1u << reg;
	if (repeats(in))
		written |= 1u << X86_RCX;
	return written;
}

/* Is the shift count a constant, and zero after masking? Then no flag changes (SDM volume 2, SAL/SAR/SHL/SHR). */
static bool constant_count(const struct x86_insn *in, bool *zero)
{
	unsigned n = in->row->op == X86_OP_shld || in->row->op == X86_OP_shrd ? 2 : 1;
	switch (in->row->op) {
	case X86_OP_rol:
	case X86_OP_ror:
	case X86_OP_rcl:
	case X86_OP_rcr:
	case X86_OP_shl:
	case X86_OP_shr:
	case X86_OP_sar:
	case X86_OP_shld:
	case X86_OP_shrd:
		if (in->row->operands[n] != X86_O_Ib)
			return false;
		*zero = (in->imm & (in->opsize == 8 && in->row->operands[0] != X86_O_Eb ? 63 : 31)) == 0;
		return true;
	default:
		return false;
	}
}

uint16_t x86_flags_read(const struct x86_insn *in)
{
	bool zero;
	if (!constant_count(in, &zero))
		return in->row->flags_read;
	if (zero)
		return 0;
	return in->row->op == X86_OP_rcl || in->row->op == X86_OP_rcr ? X86_CF : 0;
}

uint16_t x86_flags_written(const struct x86_insn *in)
{
	bool zero;
	return constant_count(in, &zero) && zero ? 0 : in->row->flags_written;
}
