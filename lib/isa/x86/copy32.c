/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The copying translator for 32-bit code, which runs in the host's 64-bit mode.
 *
 * The guest's registers are in the same-numbered host registers, upper halves zero, but for ESP, which is in r12: its low
 * number bits are the same, so that modrm and SIB stay and a REX prefix does the renaming. r8-r11, r13 and r15 are
 * scratch. Every memory operand gets an address size prefix: addresses wrap at 4 GB. Without a REX, a byte register of
 * number 4 to 7 is AH, CH, DH or BH as in the guest; where such an operand meets ESP as a base, a low register stands in for
 * ESP and is kept in r13.
 *
 * What 64-bit mode has not: inc and dec of one byte (long forms), push and pop (mov and lea), absolute addresses in modrm
 * (SIB form). 16-bit addressing and the rest are C's.
 *
 * Compiled for general registers only.
 */
#include "isa/x86/copyint.h"
#include "isa/x86/ops.h"

#define R12 X86_R12
enum { SCRATCH = X86_R8, SCRATCH2 = X86_R9, KEEP = X86_R13 };

struct form { /* an instruction to be written */
	bool mem;
	bool vsib;
	uint8_t reg, rm;             /* host numbers */
	uint8_t base, index, scale;  /* host numbers or X86_NOREG */
	int32_t disp;
	uint8_t vvvv;
	int opcode;                  /* replaces a one-byte opcode; -1: as it was */
	bool no_rex;                 /* has a high byte register */
	bool gpr;                    /* names a general register: VEX.W does not count */
};

/* How the operands map to the host. */
static void classify(const struct x86_insn *in, struct form *f)
{
	f->mem = in->has_mem;
	f->vsib = in->row->flags & X86_ROW_VSIB;
	f->reg = in->reg;
	f->rm = in->rm;
	f->base = in->base == X86_RSP ? R12 : in->base;
	f->index = in->index;
	f->scale = in->scale;
	f->disp = (int32_t)in->disp;
	f->vvvv = in->vex_vvvv;
	f->opcode = -1;
	f->no_rex = f->gpr = false;
	for (unsigned k = 0; k < 4 && in->row->operands[k]; k++) {
		const struct x86_operand_info *o = &x86_operand_info[in->row->operands[k]];
		if (o->file != X86_FILE_GPR)
			continue;
		f->gpr = true;
		uint8_t *n;
		switch (o->where) {
		case X86_WHERE_REG: n = &f->reg; break;
		case X86_WHERE_RM:
			if (in->has_mem)
				continue;
			/* fall through */
		case X86_WHERE_RMREG:
		case X86_WHERE_OPREG: n = &f->rm; break;
		case X86_WHERE_VVVV: n = &f->vvvv; break;
		default: continue;
		}
		if (o->reg_size == 1)
			f->no_rex |= *n >= 4 && *n < 8;
		else if (*n == X86_RSP)
			*n = R12;
	}
}

static uint8_t *operand(uint8_t *p, const struct form *f)
{
	unsigned reg = (f->reg & 7) << 3;
	if (!f->mem)
		return e_u8(p, 0xc0 | reg | (f->rm & 7));
	unsigned ss = f->scale == 8 ? 3 : f->scale == 4 ? 2 : f->scale == 2 ? 1 : 0;
	if (f->base == X86_NOREG) {
		p = e_u8(p, reg | 4);
		p = e_u8(p, ss << 6 | (f->index == X86_NOREG ? 4 : f->index & 7) << 3 | 5);
		return e_u32(p, (uint32_t)f->disp);
	}
	unsigned mod = f->disp == 0 && (f->base & 7) != 5 ? 0 : f->disp == (int8_t)f->disp ? 1 : 2;
	if (f->index == X86_NOREG && (f->base & 7) != 4) {
		p = e_u8(p, mod << 6 | reg | (f->base & 7));
	} else {
		p = e_u8(p, mod << 6 | reg | 4);
		p = e_u8(p, ss << 6 | (f->index == X86_NOREG ? 4 : f->index & 7) << 3 | (f->base & 7));
	}
	if (mod == 1)
		p = e_u8(p, (uint8_t)f->disp);
	else if (mod == 2)
		p = e_u32(p, (uint32_t)f->disp);
	return p;
}

/* Writes the instruction anew. */
static void emit(struct x86_tr *t, const struct form *f)
{
	const struct x86_insn *in = &t->in;
	const uint8_t *b = t->bytes;
	uint8_t *p = t->p;
	unsigned i = 0;
	for (;; i++) {
		if (b[i] == 0x66 || b[i] == 0xf2 || b[i] == 0xf3 || b[i] == 0xf0)
			p = e_u8(p, b[i]);
		else if (b[i] != 0x2e && b[i] != 0x36 && b[i] != 0x3e && b[i] != 0x26 && b[i] != 0x64 && b[i] != 0x65 &&
			 b[i] != 0x67)
			break;
	}
	if (f->mem)
		p = e_u8(p, 0x67);
	unsigned r = f->reg > 7 ? 4 : 0, x = f->mem && f->index != X86_NOREG && f->index > 7 ? 2 : 0;
	unsigned bb = f->mem ? (f->base != X86_NOREG && f->base > 7 ? 1 : 0) : (f->rm > 7 ? 1 : 0);
	if (in->prefixes & X86_PFX_VEX) {
		unsigned map = 1, last = b[i + 1];
		if (b[i] == 0xc4) {
			map = b[i + 1] & 0x1f;
			last = b[i + 2];
			if (f->gpr || in->row->op == X86_OP_pcmpestri || in->row->op == X86_OP_pcmpestrm)
				last &= 0x7f; /* W: lengths are of 32 bits */
			i += 3;
		} else {
			last &= 0x7f;
			i += 2;
		}
		last = (last & ~0x78u) | (~f->vvvv & 15u) << 3;
		p = e_u8(p, 0xc4);
		p = e_u8(p, (r ? 0 : 0x80) | (x ? 0 : 0x40) | (bb ? 0 : 0x20) | map);
		p = e_u8(p, last);
	} else if (r | x | bb) {
		p = e_u8(p, 0x40 | r | x | bb);
	}
	if (f->opcode >= 0) {
		p = e_u8(p, (unsigned)f->opcode);
	} else if (in->has_modrm) {
		p = x86_copy_bytes(p, b + i, in->modrm_off - i);
	} else { /* a register in the opcode, whose low three bits are right as they are, or none */
		unsigned n = (in->imm_len ? in->imm_off : in->length) - i;
		p = x86_copy_bytes(p, b + i, n);
	}
	if (in->has_modrm || f->opcode >= 0)
		p = operand(p, f);
	unsigned tail;
	if (in->has_modrm)
		tail = in->modrm_off + 1u + ((in->modrm & 0xc0) != 0xc0 && (in->modrm & 7) == 4) + in->disp_len;
	else
		tail = in->imm_len ? in->imm_off : in->length;
	t->p = x86_copy_bytes(p, b + tail, in->length - tail);
	if (in->row->operands[3] == X86_O_Lx)
		t->p[-1] &= 0x7f; /* a register's fourth bit, which 32-bit code does not have */
}

/* mov r32, r32' and friends: [0x67] rex op modrm.. with explicit numbers. */
static uint8_t *op_mem(uint8_t *p, unsigned opcode, unsigned reg, unsigned base, int32_t disp)
{
	struct form f = {.mem = true, .reg = (uint8_t)reg, .base = (uint8_t)base, .index = X86_NOREG, .scale = 1, .disp = disp};
	if (opcode != 0x8d)
		p = e_u8(p, 0x67);
	unsigned rex = (reg > 7 ? 4 : 0) | (base > 7 ? 1 : 0);
	if (rex)
		p = e_u8(p, 0x40 | rex);
	p = e_u8(p, opcode);
	return operand(p, &f);
}

static uint8_t *adjust_sp(uint8_t *p, int32_t by)
{
	return op_mem(p, 0x8d, R12, R12, by);
}

/* fs: and gs:: the segment's base comes into the address. */
static void segment(struct x86_tr *t, struct form *f)
{
	const struct x86_insn *in = &t->in;
	uint32_t off = OFF(seg) + in->seg * (uint32_t)sizeof(struct x86_seg) + (uint32_t)__builtin_offsetof(struct x86_seg, base);
	t->p = e_gs_load32(t->p, SCRATCH, off);
	if (f->index != X86_NOREG && !f->vsib) { /* lea r9d, [index*scale (+ base)]; lea r8d, [r8 + r9] */
		struct form a = *f;
		a.reg = SCRATCH2;
		a.disp = 0;
		t->p = e_u8(t->p, 0x44 | (f->base != X86_NOREG && f->base > 7 ? 1 : 0));
		t->p = e_u8(t->p, 0x8d);
		t->p = operand(t->p, &a);
		t->p = e_bytes(t->p, 0x08048d47, 4); /* lea r8d, [r8 + r9] */
	} else if (f->base != X86_NOREG) {
		/* lea r8d, [r8 + base] */
		t->p = e_u8(t->p, 0x45 | (f->base > 7 ? 2 : 0));
		t->p = e_u8(t->p, 0x8d);
		t->p = e_u8(t->p, 0x04);
		if ((f->base & 7) == 4) { /* r12 as an index is fine with REX.X */
			t->p = e_u8(t->p, 0x20);
		} else {
			t->p = e_u8(t->p, (f->base & 7) << 3);
		}
	}
	f->base = SCRATCH;
	if (!f->vsib) {
		f->index = X86_NOREG;
		f->scale = 1;
	}
}

static bool is_seg(const struct x86_insn *in)
{
	return in->seg == X86_FS || in->seg == X86_GS;
}

/* Writes an instruction of which f says how, with segment and high byte trouble taken care of. */
static bool emit_careful(struct x86_tr *t, struct form *f, unsigned *fixup)
{
	if (f->mem && is_seg(&t->in))
		segment(t, f);
	bool rex = f->reg > 7 || (f->mem ? f->base != X86_NOREG && f->base > 7 : f->rm > 7);
	if (!(rex && f->no_rex)) {
		emit(t, f);
		return true;
	}
	if (!f->mem || f->reg > 7)
		return false;
	/* A low register in the base's place. */
	static const uint8_t order[] = {X86_RSI, X86_RDI, X86_RBP, X86_RBX, X86_RDX, X86_RCX, X86_RAX};
	uint16_t used = x86_gprs_used(&t->in);
	unsigned r = X86_NOREG;
	for (unsigned i = 0; i < sizeof order && r == X86_NOREG; i++)
		if (!(used >> order[i] & 1))
			r = order[i];
	if (r == X86_NOREG)
		return false;
	t->p = e_mov(t->p, KEEP, r);
	t->p = e_mov(t->p, r, f->base);
	f->base = (uint8_t)r;
	emit(t, f);
	t->p = e_mov(t->p, r, KEEP);
	*fixup = (X86_FIX_NONE & 0xf0) | r;
	return true;
}

/* Opcodes whose one-byte form 64-bit mode has given away. */
static bool special(struct x86_tr *t, struct form *f)
{
	const struct x86_insn *in = &t->in;
	if (in->map != 0 || in->prefixes & X86_PFX_VEX)
		return false;
	if ((in->opcode & 0xf0) == 0x40) { /* inc, dec */
		f->opcode = 0xff;
		f->reg = in->opcode & 8 ? 1 : 0;
		return true;
	}
	switch (in->opcode) {
	case 0xa0: f->opcode = 0x8a; f->reg = 0; return true; /* mov with an absolute offset */
	case 0xa1: f->opcode = 0x8b; f->reg = 0; return true;
	case 0xa2: f->opcode = 0x88; f->reg = 0; return true;
	case 0xa3: f->opcode = 0x89; f->reg = 0; return true;
	case 0x82: f->opcode = 0x80; return true; /* an alias */
	}
	return false;
}

/* The bytes with an address size prefix and no segment prefix, for operands that are implied. */
static void copy_implied(struct x86_tr *t)
{
	const struct x86_insn *in = &t->in;
	t->p = e_u8(t->p, 0x67);
	if (!(in->prefixes & X86_PFX_SEG)) {
		t->p = x86_copy_bytes(t->p, t->bytes, in->length);
		return;
	}
	for (unsigned i = 0; i < in->length; i++) {
		uint8_t b = t->bytes[i];
		bool seg = b == 0x2e || b == 0x36 || b == 0x3e || b == 0x26 || b == 0x64 || b == 0x65;
		if (!seg || i >= (in->prefixes & X86_PFX_VEX ? in->rex_off : in->opcode_off - (unsigned)in->map))
			t->p = e_u8(t->p, b);
	}
}

bool x86_plain32(struct x86_tr *t)
{
	const struct x86_insn *in = &t->in;
	uint8_t *start = t->p;
	unsigned fixup = X86_FIX_NONE;
	if (in->addrsize == 2 && (in->has_mem || in->row->copy == X86_COPY_STRING))
		return false;
	if (in->row->copy == X86_COPY_STRING) {
		if (is_seg(in))
			return false;
		copy_implied(t);
		x86_tr_note(t, start, fixup);
		return true;
	}
	if (is_seg(in) && !in->has_mem && !x86_ignores_segment(in))
		return false;
	if (!in->has_mem && !x86_ignores_segment(in)) { /* maskmov, xlat: implied edi, ebx */
		if (in->addrsize == 2)
			return false;
		copy_implied(t);
		x86_tr_note(t, start, fixup);
		return true;
	}
	struct form f;
	classify(in, &f);
	if (in->row->flags & X86_ROW_NOACCESS && in->has_mem && in->seg != X86_NOREG && in->map == 0 && in->opcode == 0x8d) {
		/* lea: only the offset counts */
		emit(t, &f);
		x86_tr_note(t, start, fixup);
		return true;
	}
	/* of several segment prefixes the last counts: none is left standing */
	bool odd = special(t, &f) || (f.mem && in->prefixes & X86_PFX_SEG) || f.reg > 7 || f.rm > 7 || f.vvvv > 7 ||
		   (f.mem && (f.base == R12 || (f.base == X86_NOREG && f.index == X86_NOREG) || is_seg(in))) ||
		   (in->prefixes & X86_PFX_VEX && t->bytes[0] != 0xc5);
	if (__builtin_expect(!odd, 1)) {
		if (f.mem)
			t->p = e_u8(t->p, 0x67);
		t->p = x86_copy_bytes(t->p, t->bytes, in->length);
	} else if (!emit_careful(t, &f, &fixup)) {
		t->p = start;
		return false;
	}
	x86_tr_note(t, start, fixup);
	return true;
}

/* mov r8d, the instruction's r/m operand */
static bool load_operand(struct x86_tr *t)
{
	const struct x86_insn *in = &t->in;
	struct form f;
	if (in->has_mem && in->addrsize == 2)
		return false;
	classify(in, &f);
	f.opcode = 0x8b;
	f.reg = SCRATCH;
	if (in->has_mem && is_seg(in))
		segment(t, &f);
	unsigned rex = 4 | (f.mem ? f.base != X86_NOREG && f.base > 7 : f.rm > 7);
	if (f.mem)
		t->p = e_u8(t->p, 0x67);
	t->p = e_u8(t->p, 0x40 | rex);
	t->p = e_u8(t->p, 0x8b);
	t->p = operand(t->p, &f);
	return true;
}

static void push_scratch(struct x86_tr *t, unsigned r)
{
	t->p = op_mem(t->p, 0x89, r, R12, -4);
	t->p = adjust_sp(t->p, -4);
}

static void push_imm(struct x86_tr *t, uint32_t v)
{
	t->p = op_mem(t->p, 0xc7, 0, R12, -4);
	t->p = e_u32(t->p, v);
	t->p = adjust_sp(t->p, -4);
}

void x86_push_return32(struct x86_tr *t, uint32_t next)
{
	push_imm(t, next);
}

bool x86_stack32(struct x86_tr *t)
{
	const struct x86_insn *in = &t->in;
	uint8_t *start = t->p;
	if (in->opsize != 4 || in->map != 0)
		return false;
	if ((in->opcode & 0xf8) == 0x50) {
		push_scratch(t, in->rm == X86_RSP ? R12 : in->rm);
	} else if ((in->opcode & 0xf8) == 0x58) {
		if (in->rm == X86_RSP) {
			t->p = op_mem(t->p, 0x8b, R12, R12, 0);
		} else {
			t->p = op_mem(t->p, 0x8b, in->rm, R12, 0);
			t->p = adjust_sp(t->p, 4);
		}
	} else if (in->opcode == 0x68 || in->opcode == 0x6a) {
		push_imm(t, (uint32_t)in->imm);
	} else if (in->opcode == 0xff) {
		if (!load_operand(t))
			goto no;
		push_scratch(t, SCRATCH);
	} else if (in->opcode == 0x8f && in->has_mem) {
		if (in->addrsize == 2 || is_seg(in))
			goto no;
		struct form f;
		classify(in, &f);
		t->p = op_mem(t->p, 0x8b, SCRATCH, R12, 0);
		f.reg = SCRATCH;
		if (f.base == R12)
			f.disp += 4;
		t->p = e_u8(t->p, 0x67);
		t->p = e_u8(t->p, 0x44 | (f.base != X86_NOREG && f.base > 7 ? 1 : 0));
		t->p = e_u8(t->p, 0x89);
		t->p = operand(t->p, &f);
		t->p = adjust_sp(t->p, 4);
	} else if (in->opcode == 0xc9) { /* leave */
		t->p = op_mem(t->p, 0x8b, SCRATCH, X86_RBP, 0);
		t->p = op_mem(t->p, 0x8d, R12, X86_RBP, 4);
		t->p = e_bytes(t->p, 0xc58944, 3); /* mov ebp, r8d */
	} else {
		return false;
	}
	x86_tr_note(t, start, X86_FIX_NONE);
	return true;
no:
	t->p = start;
	return false;
}

/* r8d = target: on through the table. */
static void go_indirect32(struct x86_tr *t)
{
	struct jit *j = t->j;
	if (t->g->flags & JIT_REGION_STEP) {
		t->p = e_gs_store(t->p, SCRATCH, OFF(h.target));
		t->p = x86_stub(j, t->p, jit_exit_new(j, t->region, t->g->pc, X86_EXIT_STEP_IND));
		return;
	}
	if (j->table_grows) { /* pext r9, r8, gs:[mask] */
		t->p = e_bytes(t->p, 0x250cf5ba62c465, 7);
		t->p = e_u32(t->p, OFF(h.jc.table_mask));
	} else {
		t->p = e_u32(t->p, 0xc8b70f45); /* movzx r9d, r8w */
	}
	t->p = e_bytes(t->p, 0xcd24ff4265, 5); /* jmp gs:[r9 * 8 + table] */
	t->p = e_u32(t->p, X86_TABLE);
}

bool x86_end_indirect32(struct x86_tr *t)
{
	const struct x86_insn *in = &t->in;
	uint8_t *start = t->p;
	uint32_t next = (uint32_t)(t->pc + in->length);
	unsigned ext = in->modrm >> 3 & 7;
	if (in->opsize != 4 || in->map != 0)
		return false;
	if (in->opcode == 0xc3 || in->opcode == 0xc2) {
		t->p = op_mem(t->p, 0x8b, SCRATCH, R12, 0);
		t->p = adjust_sp(t->p, 4 + (in->opcode == 0xc2 ? (uint16_t)in->imm : 0));
	} else if (in->opcode == 0xff && (ext == 2 || ext == 4)) {
		if (!load_operand(t)) {
			t->p = start;
			return false;
		}
		if (ext == 2) {
			push_imm(t, next);
			x86_returns_to(t, next);
		}
	} else {
		return false;
	}
	go_indirect32(t);
	x86_tr_note(t, start, X86_FIX_NONE);
	t->pc = next;
	return true;
}

uint8_t *x86_verify32(struct jit *j, uint8_t *p, const struct jit_region *g)
{
	p = e_bytes(p, 0xca8949, 3);                 /* mov r10, rcx */
	p = e_bytes(p, 0x888d41, 3);                 /* lea ecx, [r8 - pc] */
	p = e_u32(p, (uint32_t)-g->pc);
	p = e_u16(p, 0x05e3);                        /* jrcxz over the jump */
	p = e_jmp(p, j->rw + j->thunk[T_MISS_VERIFY]);
	return e_bytes(p, 0xd1894c, 3);              /* mov rcx, r10 */
}
