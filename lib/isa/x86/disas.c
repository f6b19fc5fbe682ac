/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Text of a decoded instruction in Intel syntax, from the row and operands.def. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "isa/x86/cpu.h"
#include "isa/x86/decode.h"
#include "isa/x86/ops.h"

struct text {
	char *p, *end;
};

__attribute__((format(printf, 2, 3))) static void put(struct text *t, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(t->p, t->end - t->p, fmt, ap);
	va_end(ap);
	if (n > 0)
		t->p = n < t->end - t->p ? t->p + n : t->end - (t->end > t->p);
}

static const char *gpr_name(unsigned n, unsigned size, bool high)
{
	static const char *const r64[] = {"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
					  "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15"};
	static const char *const r32[] = {"eax", "ecx", "edx",  "ebx",  "esp",  "ebp",  "esi",  "edi",
					  "r8d", "r9d", "r10d", "r11d", "r12d", "r13d", "r14d", "r15d"};
	static const char *const r16[] = {"ax",  "cx",  "dx",   "bx",   "sp",   "bp",   "si",   "di",
					  "r8w", "r9w", "r10w", "r11w", "r12w", "r13w", "r14w", "r15w"};
	static const char *const r8[] = {"al",  "cl",  "dl",   "bl",   "spl",  "bpl",  "sil",  "dil",
					 "r8b", "r9b", "r10b", "r11b", "r12b", "r13b", "r14b", "r15b"};
	static const char *const r8h[] = {"ah", "ch", "dh", "bh"};
	if (high)
		return r8h[n & 3];
	return size == 8 ? r64[n] : size == 4 ? r32[n] : size == 2 ? r16[n] : r8[n];
}

static const char *const seg_name[8] = {"es", "cs", "ss", "ds", "fs", "gs", "?", "?"};

static void put_reg(struct text *t, enum x86_file file, unsigned n, unsigned size, bool high)
{
	switch (file) {
	case X86_FILE_GPR:
		put(t, "%s", gpr_name(n, size, high));
		break;
	case X86_FILE_MMX:
		put(t, "mm%u", n);
		break;
	case X86_FILE_VEC:
		put(t, "%cmm%u", size > 16 ? 'y' : 'x', n);
		break;
	case X86_FILE_ST:
		put(t, "st(%u)", n);
		break;
	case X86_FILE_SEG:
		put(t, "%s", seg_name[n & 7]);
		break;
	case X86_FILE_CR:
		put(t, "cr%u", n);
		break;
	case X86_FILE_DR:
		put(t, "dr%u", n);
		break;
	case X86_FILE_NOFILE:
		break;
	}
}

static const char *size_name(unsigned size)
{
	switch (size) {
	case 1:
		return "byte ptr ";
	case 2:
		return "word ptr ";
	case 4:
		return "dword ptr ";
	case 6:
		return "fword ptr ";
	case 8:
		return "qword ptr ";
	case 10:
		return "tbyte ptr ";
	case 16:
		return "xmmword ptr ";
	case 32:
		return "ymmword ptr ";
	default:
		return "";
	}
}

static void put_mem(struct text *t, const struct x86_insn *in, unsigned size)
{
	bool any = false, vsib = in->row->flags & X86_ROW_VSIB;
	put(t, "%s", size_name(size));
	if (in->seg != X86_NOREG)
		put(t, "%s:", seg_name[in->seg]);
	put(t, "[");
	if (in->base != X86_NOREG) {
		if (in->base == X86_RIP_BASE)
			put(t, "%s", in->addrsize == 8 ? "rip" : "eip");
		else
			put(t, "%s", gpr_name(in->base, in->addrsize, false));
		any = true;
	}
	if (in->index != X86_NOREG) {
		put(t, "%s", any ? " + " : "");
		if (vsib)
			put(t, "%cmm%u", x86_vsib_index_size(in) == 32 ? 'y' : 'x', in->index);
		else
			put(t, "%s", gpr_name(in->index, in->addrsize, false));
		if (in->scale > 1)
			put(t, "*%u", in->scale);
		any = true;
	}
	uint64_t mask = in->addrsize == 8 ? UINT64_MAX : in->addrsize == 4 ? UINT32_MAX : UINT16_MAX;
	if (!any)
		put(t, "0x%" PRIx64, (uint64_t)in->disp & mask);
	else if (in->disp < 0)
		put(t, " - 0x%" PRIx64, -(uint64_t)in->disp);
	else if (in->disp > 0)
		put(t, " + 0x%" PRIx64, (uint64_t)in->disp);
	put(t, "]");
}

static void put_operand(struct text *t, const struct x86_insn *in, unsigned n, uint64_t pc)
{
	const struct x86_operand_info *o = &x86_operand_info[in->row->operands[n]];
	unsigned size = x86_operand_size(in, n), reg;
	bool high;
	enum x86_file file = x86_operand_reg(in, n, &reg, &high);
	if (file != X86_FILE_NOFILE) {
		put_reg(t, file, reg, size, high);
		return;
	}
	uint64_t target, mask = size >= 8 || size == 0 ? UINT64_MAX : (1ull << size * 8) - 1;
	switch (o->where) {
	case X86_WHERE_RM:
	case X86_WHERE_MEM:
	case X86_WHERE_MOFFS:
		put_mem(t, in, size);
		break;
	case X86_WHERE_IMM:
		put(t, "0x%" PRIx64, (in->row->op == X86_OP_enter && n ? in->imm2 : in->imm) & mask);
		break;
	case X86_WHERE_IMMS:
		if ((int64_t)in->imm < 0)
			put(t, "-0x%" PRIx64, -in->imm);
		else
			put(t, "0x%" PRIx64, in->imm);
		break;
	case X86_WHERE_ONE:
		put(t, "1");
		break;
	case X86_WHERE_REL:
		target = pc + in->length + in->imm;
		if (in->mode != 64)
			target &= in->opsize == 2 ? UINT16_MAX : UINT32_MAX;
		put(t, "0x%" PRIx64, target);
		break;
	case X86_WHERE_FARPTR:
		put(t, "0x%" PRIx64 ":0x%" PRIx64, in->imm2, in->imm);
		break;
	case X86_WHERE_SI:
		put(t, "%s", size_name(size));
		if (in->seg != X86_NOREG)
			put(t, "%s:", seg_name[in->seg]);
		put(t, "[%s]", gpr_name(X86_RSI, in->addrsize, false));
		break;
	case X86_WHERE_DI:
		put(t, "%s%s[%s]", size_name(size), in->mode == 64 ? "" : "es:",
		    gpr_name(X86_RDI, in->addrsize, false));
		break;
	}
}

static const char *suffix(const struct x86_insn *in)
{
	switch (in->row->op) {
	case X86_OP_movs:
	case X86_OP_cmps:
	case X86_OP_stos:
	case X86_OP_lods:
	case X86_OP_scas:
	case X86_OP_ins:
	case X86_OP_outs:
		for (unsigned n = 0; n < 2; n++) {
			unsigned w = x86_operand_info[in->row->operands[n]].where;
			unsigned size = x86_operand_size(in, n);
			if ((w != X86_WHERE_SI && w != X86_WHERE_DI) || size > 8)
				continue;
			return size == 1 ? "b" : size == 2 ? "w" : size == 4 ? "d" : "q";
		}
		return "";
	case X86_OP_pushf:
	case X86_OP_popf:
	case X86_OP_iret:
		return in->opsize == 8 ? "q" : in->opsize == 4 ? "d" : "";
	case X86_OP_pusha:
	case X86_OP_popa:
		return in->opsize == 4 ? "d" : "";
	default:
		return "";
	}
}

static const char *mnemonic(const struct x86_insn *in)
{
	if (in->row->op == X86_OP_jrcxz)
		return in->addrsize == 8 ? "jrcxz" : in->addrsize == 4 ? "jecxz" : "jcxz";
	return in->row->name;
}

char *x86_disassemble(const struct x86_insn *in, uint64_t pc, char *buf, size_t size)
{
	struct text t = {buf, buf + size};
	if (!size)
		return buf;
	*buf = 0;
	if (!in->row) {
		put(&t, "(bad)");
		return buf;
	}
	if (in->prefixes & X86_PFX_LOCK)
		put(&t, "lock ");
	const char *s = suffix(in);
	bool string = x86_operand_info[in->row->operands[0]].where == X86_WHERE_SI ||
		      x86_operand_info[in->row->operands[0]].where == X86_WHERE_DI ||
		      x86_operand_info[in->row->operands[1]].where == X86_WHERE_SI ||
		      x86_operand_info[in->row->operands[1]].where == X86_WHERE_DI;
	bool compares = in->row->op == X86_OP_cmps || in->row->op == X86_OP_scas;
	if (string && in->prefixes & X86_PFX_REP)
		put(&t, compares ? "repe " : "rep ");
	else if (string && in->prefixes & X86_PFX_REPNE)
		put(&t, "repne ");
	put(&t, "%s%s", mnemonic(in), s);
	for (unsigned n = 0; n < 4 && in->row->operands[n]; n++) {
		put(&t, "%s", n ? ", " : " ");
		put_operand(&t, in, n, pc);
	}
	return buf;
}
