/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Front end: SSE instructions as themselves. On an x86-64 host an instruction of the legacy SSE encodings on vector registers is
 * the IR's `native` operation, which carries its opcode; operands from memory are loaded before it. The guest's MXCSR is in the
 * host's while translated code runs (ir_guest.mxcsr_offset), so results and flags are the processor's own. What unmasks a
 * floating-point exception is left to the helpers (x86_ir.native).
 */
#include "isa/x86/cpuid.h"
#include "isa/x86/rows.h"
#include "isa/x86/translate.h"

static ir_ref xmm(struct x86_ir *t, unsigned n)
{
	return ir_get(t->r, X86_SLOT_XMM + n);
}

static void set_xmm(struct x86_ir *t, unsigned n, ir_ref v)
{
	ir_set(t->r, X86_SLOT_XMM + n, v);
}

/* The opcode as it is encoded, without register fields; map and prefix may be another instruction's. */
static uint64_t code(unsigned map, unsigned pp, unsigned opcode, bool wide)
{
	unsigned p = pp == 0x66 ? 1 : pp == 0xf3 ? 2 : pp == 0xf2 ? 3 : 0;
	return opcode | map << 8 | p << 12 | (wide ? 1u << 16 : 0);
}

static uint64_t own_code(const struct x86_ir *t)
{
	const struct x86_insn *in = t->in;
	uint64_t c = code(in->map, in->pp, in->opcode, in->rex & 8);

	if (in->imm_len)
		c |= IR_NATIVE_IMM | (uint64_t)(in->imm & 255) << 24;
	return c;
}

static ir_ref native(struct x86_ir *t, enum ir_type type, ir_ref a, ir_ref b, uint64_t c, unsigned flags)
{
	return ir_emit(t->r, &(struct ir_op){.op = IR_NATIVE, .type = (uint8_t)type, .aux = (uint8_t)flags, .a = a, .b = b, .imm = c});
}

static bool unaligned(const struct x86_insn *in)
{
	switch (in->row->op) {
	case X86_OP_movups: case X86_OP_movupd: case X86_OP_movdqu: case X86_OP_lddqu:
	case X86_OP_pcmpestri: case X86_OP_pcmpestrm: case X86_OP_pcmpistri: case X86_OP_pcmpistrm:
		return true;
	default:
		return false;
	}
}

/* A memory operand of 4, 8 or 16 bytes. */
static ir_ref load(struct x86_ir *t, unsigned size)
{
	unsigned memop = IR_MEM(size) | t->memop;

	if (size == 16 && !unaligned(t->in))
		memop |= IR_MEM_ALIGNED(16);
	return ir_ld(t->r, size == 16 ? IR_V128 : size == 8 ? IR_V64 : IR_F32, x86_address(t), 0, memop);
}

static void store(struct x86_ir *t, unsigned size, ir_ref v)
{
	unsigned memop = IR_MEM(size) | t->memop;

	if (size == 16 && !unaligned(t->in))
		memop |= IR_MEM_ALIGNED(16);
	ir_st(t->r, x86_address(t), 0, v, memop);
}

static bool vector_reg(const struct x86_insn *in, unsigned n, unsigned *reg)
{
	bool high;
	return x86_operand_reg(in, n, reg, &high) == X86_FILE_VEC;
}

/* Moves to and from memory, and what is not the same instruction between registers. False: not one of these. */
static bool moves(struct x86_ir *t)
{
	const struct x86_insn *in = t->in;
	struct ir_region *r = t->r;
	bool to_memory = x86_operand_is_mem(in, 0);
	unsigned d, s;

	switch (in->row->op) {
	case X86_OP_movups: case X86_OP_movupd: case X86_OP_movaps: case X86_OP_movapd: case X86_OP_movdqa: case X86_OP_movdqu:
	case X86_OP_lddqu: case X86_OP_movntps: case X86_OP_movntpd: case X86_OP_movntdq:
		if (to_memory)
			store(t, 16, xmm(t, in->reg));
		else if (x86_operand_is_mem(in, 1))
			set_xmm(t, in->reg, load(t, 16));
		else if (vector_reg(in, 0, &d) && vector_reg(in, 1, &s))
			set_xmm(t, d, xmm(t, s));
		return true;
	case X86_OP_movss: case X86_OP_movsd:
		if (to_memory) {
			if (in->row->op == X86_OP_movss)
				store(t, 4, ir_vgetlane(r, IR_I32, xmm(t, in->reg), 0));
			else
				store(t, 8, ir_vresize(r, IR_V64, xmm(t, in->reg)));
		} else if (x86_operand_is_mem(in, 1)) {
			if (in->row->op == X86_OP_movss)
				set_xmm(t, in->reg, native(t, IR_V128, 0, ir_ld(r, IR_I32, x86_address(t), 0, IR_MEM(4) | t->memop),
							   code(1, 0x66, 0x6e, false), 0));
			else
				set_xmm(t, in->reg, ir_vresize(r, IR_V128, load(t, 8)));
		} else if (vector_reg(in, 0, &d) && vector_reg(in, 1, &s)) {
			ir_ref a = xmm(t, d), b = xmm(t, s);
			set_xmm(t, d, native(t, IR_V128, a, b, code(1, in->pp, 0x10, false), 0));
		}
		return true;
	case X86_OP_movlps: case X86_OP_movlpd:
		if (to_memory) {
			store(t, 8, ir_vresize(r, IR_V64, xmm(t, in->reg)));
		} else {
			ir_ref b = load(t, 8);
			set_xmm(t, in->reg, native(t, IR_V128, xmm(t, in->reg), b, code(1, 0xf2, 0x10, false), 0));
		}
		return true;
	case X86_OP_movhps: case X86_OP_movhpd:
		if (to_memory) {
			ir_ref high = ir_vgetlane(r, IR_I64, xmm(t, in->reg), 1);
			ir_st(r, x86_address(t), 0, high, IR_MEM(8) | t->memop);
		} else {
			ir_ref b = load(t, 8);
			set_xmm(t, in->reg, native(t, IR_V128, xmm(t, in->reg), b, code(1, 0, 0x16, false), 0));
		}
		return true;
	case X86_OP_movq:
		if (to_memory)
			store(t, 8, ir_vresize(r, IR_V64, xmm(t, in->reg)));
		else if (x86_operand_is_mem(in, 1))
			set_xmm(t, in->reg, ir_vresize(r, IR_V128, load(t, 8)));
		else if (vector_reg(in, 0, &d) && vector_reg(in, 1, &s))
			set_xmm(t, d, native(t, IR_V128, 0, xmm(t, s), code(1, 0xf3, 0x7e, false), 0));
		return true;
	case X86_OP_movd: {
		unsigned size = in->rex & 8 ? 8 : 4;
		if (in->opcode == 0x6e)
			set_xmm(t, in->reg, native(t, IR_V128, 0, x86_read(t, 1, size), code(1, 0x66, 0x6e, size == 8), 0));
		else
			x86_write(t, 0, size, ir_vgetlane(r, x86_type(size), xmm(t, in->reg), 0));
		return true;
	}
	default:
		return false;
	}
}

static bool feature_is_here(unsigned feature)
{
	switch (feature) {
	case X86_FEAT_SSE: case X86_FEAT_SSE2: return true;
	case X86_FEAT_SSE3: return __builtin_cpu_supports("sse3");
	case X86_FEAT_SSSE3: return __builtin_cpu_supports("ssse3");
	case X86_FEAT_SSE4_1: return __builtin_cpu_supports("sse4.1");
	case X86_FEAT_SSE4_2: return __builtin_cpu_supports("sse4.2");
	default: return false;
	}
}

bool x86_native(struct x86_ir *t)
{
	const struct x86_insn *in = t->in;
	const struct x86_row *row = in->row;
	const struct x86_operand_info *o0 = &x86_operand_info[row->operands[0]], *o1 = &x86_operand_info[row->operands[1]];
	bool implied = row->operands[2] && x86_operand_info[row->operands[2]].where != X86_WHERE_IMM;
	unsigned d, s, size;

	if (!(row->flags & X86_ROW_VEC) || row->flags & (X86_ROW_X87 | X86_ROW_PRIV | X86_ROW_VSIB | X86_ROW_END) || implied ||
	    in->prefixes & X86_PFX_VEX || row->copy != X86_COPY_PLAIN || in->map < 1 || in->map > 3 || !feature_is_here(row->feature))
		return false;
	if (moves(t))
		return true;
	switch (row->op) {
	case X86_OP_ucomiss: case X86_OP_ucomisd: case X86_OP_comiss: case X86_OP_comisd: {
		ir_ref b = in->has_mem ? load(t, x86_operand_size(in, 1)) : xmm(t, in->rm);
		ir_ref f = native(t, IR_I64, xmm(t, in->reg), b, own_code(t), 1);
		x86_setflags(t, X86_FL_BITS, 8, X86_STATUS, f, 0, 0);
		return true;
	}
	/* approximations are the model's, and these do more than registers and memory */
	case X86_OP_rcpps: case X86_OP_rcpss: case X86_OP_rsqrtps: case X86_OP_rsqrtss: case X86_OP_maskmovdqu:
	case X86_OP_pcmpestri: case X86_OP_pcmpestrm: case X86_OP_pcmpistri: case X86_OP_pcmpistrm: case X86_OP_ptest:
	case X86_OP_ldmxcsr: case X86_OP_stmxcsr: case X86_OP_movntdqa: case X86_OP_pextrb: case X86_OP_pextrd: case X86_OP_extractps:
	case X86_OP_insertps: case X86_OP_pinsrb:
		return false;
	default:
		break;
	}
	/* a shift by a constant: the operation is in modrm's middle field */
	if (o0->where == X86_WHERE_RMREG && o0->file == X86_FILE_VEC && o1->where == X86_WHERE_IMM) {
		set_xmm(t, in->rm, native(t, IR_V128, xmm(t, in->rm), 0,
					  own_code(t) | IR_NATIVE_DIGIT | (uint64_t)(in->modrm >> 3 & 7) << 32, 0));
		return true;
	}
	if (o0->where != X86_WHERE_REG)
		return false;
	ir_ref b;
	if (o1->file == X86_FILE_GPR && o0->file == X86_FILE_VEC) {
		size = x86_operand_size(in, 1);
		b = x86_read(t, 1, size);
		if (size < 4)
			b = ir_zext(t->r, IR_I32, b);
	} else if (x86_operand_is_mem(in, 1)) {
		size = x86_operand_size(in, 1);
		if (size != 4 && size != 8 && size != 16)
			return false;
		b = load(t, size);
	} else if (o1->file == X86_FILE_VEC && vector_reg(in, 1, &s)) {
		b = xmm(t, s);
	} else {
		return false;
	}
	if (o0->file == X86_FILE_GPR) {
		size = x86_operand_size(in, 0);
		if (size < 4)
			return false;
		x86_gpr_set(t, in->reg, size, false, native(t, x86_type(size), 0, b, own_code(t), 0));
		return true;
	}
	if (o0->file != X86_FILE_VEC || !vector_reg(in, 0, &d))
		return false;
	set_xmm(t, d, native(t, IR_V128, row->flags & X86_ROW_R0 ? xmm(t, d) : 0, b, own_code(t), 0));
	return true;
}
