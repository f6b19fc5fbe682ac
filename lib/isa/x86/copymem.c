/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The copying translator: memory operands that cannot stay as they are. rip-relative ones get a new displacement, or,
 * out of its reach, an absolute address in a register; fs: and gs: ones get the segment's base from the state.
 */
#include "isa/x86/copyint.h"

struct parts { /* of an encoded instruction */
	uint8_t legacy[16];
	unsigned legacy_len; /* prefixes without segment and address size */
	unsigned rest;       /* offset of REX, VEX or opcode */
	unsigned tail;       /* offset of what follows the memory operand: immediates, 3DNow! opcode */
};

static void split(const struct x86_insn *in, const uint8_t *b, struct parts *s)
{
	unsigned i = 0;
	s->legacy_len = 0;
	for (;; i++) {
		switch (b[i]) {
		case 0x66: case 0xf2: case 0xf3: case 0xf0:
			s->legacy[s->legacy_len++] = b[i];
			continue;
		case 0x2e: case 0x36: case 0x3e: case 0x26: case 0x64: case 0x65: case 0x67:
			continue;
		}
		/* a REX that is not last has no effect, and must not come to have one */
		if ((b[i] & 0xf0) == 0x40 && in->mode == 64 && !(in->rex && i == in->rex_off))
			continue;
		break;
	}
	s->rest = i;
	unsigned sib = (in->modrm & 0xc0) != 0xc0 && (in->modrm & 7) == 4;
	s->tail = in->modrm_off + 1u + sib + in->disp_len;
}

/*
 * The instruction with its memory operand replaced by [r + disp], r one of the first eight, or by [disp] with
 * X86_NOREG. reg and opcode stay.
 */
static void emit_with_base(struct x86_tr *t, unsigned r, int32_t disp)
{
	const struct x86_insn *in = &t->in;
	const uint8_t *b = t->bytes;
	uint8_t *p = t->p;
	struct parts s;
	split(in, b, &s);
	p = x86_copy_bytes(p, s.legacy, s.legacy_len);
	unsigned i = s.rest;
	if (in->prefixes & X86_PFX_VEX) {
		if (b[i] == 0xc4) {
			p = e_u8(p, 0xc4);
			p = e_u8(p, b[i + 1] | 0x60); /* no X, no B (they are inverted) */
			i += 2;
		}
	} else if ((b[i] & 0xf0) == 0x40) {
		p = e_u8(p, b[i] & ~3u);
		i++;
	}
	p = x86_copy_bytes(p, b + i, in->modrm_off - i);
	if (r == X86_NOREG) {
		p = e_u8(p, (in->modrm & 0x38) | 4);
		p = e_u8(p, 0x25);
		p = e_u32(p, (uint32_t)disp);
		t->p = x86_copy_bytes(p, b + s.tail, in->length - s.tail);
		return;
	}
	unsigned mod = disp ? (disp == (int8_t)disp ? 1 : 2) : (r == X86_RBP ? 1 : 0);
	p = e_u8(p, mod << 6 | (in->modrm & 0x38) | r);
	if (mod == 1)
		p = e_u8(p, (uint8_t)disp);
	else if (mod == 2)
		p = e_u32(p, (uint32_t)disp);
	t->p = x86_copy_bytes(p, b + s.tail, in->length - s.tail);
}

/* lea r, [base + index * scale + disp] of 64 bits, base or index may be absent but not both; no flags. */
static uint8_t *lea(uint8_t *p, unsigned r, unsigned base, unsigned index, unsigned scale, int32_t disp, bool addr32)
{
	unsigned ss = scale == 8 ? 3 : scale == 4 ? 2 : scale == 2 ? 1 : 0;
	if (index == X86_RSP && ss == 0) { /* rsp can only be the base */
		index = base;
		base = X86_RSP;
	}
	if (addr32)
		p = e_u8(p, 0x67);
	p = e_u8(p, (addr32 ? 0x40 : 0x48) | (r > 7 ? 4 : 0) | (index != X86_NOREG && index > 7 ? 2 : 0) |
			    (base != X86_NOREG && base > 7 ? 1 : 0));
	p = e_u8(p, 0x8d);
	unsigned sib = ss << 6 | (index == X86_NOREG ? 4 : index & 7) << 3 | (base == X86_NOREG ? 5 : base & 7);
	p = e_u8(p, (base == X86_NOREG ? 0 : 0x80) | (r & 7) << 3 | 4);
	p = e_u8(p, sib);
	return e_u32(p, (uint32_t)disp);
}

static uint64_t rip_target(const struct x86_tr *t)
{
	uint64_t a = t->pc + t->in.length + (uint64_t)t->in.disp;
	return t->in.addrsize == 4 ? (uint32_t)a : a;
}

static uint32_t seg_base(unsigned seg)
{
	return OFF(seg) + seg * (uint32_t)sizeof(struct x86_seg) + (uint32_t)__builtin_offsetof(struct x86_seg, base);
}

/*
 * The address of an fs: or gs: operand in r, or r and a displacement for the instruction itself. r is neither base nor
 * index. other: one more free register, or X86_NOREG.
 */
static bool seg_address(struct x86_tr *t, unsigned r, unsigned other, int32_t *disp)
{
	const struct x86_insn *in = &t->in;
	*disp = 0;
	if (in->row->flags & X86_ROW_VSIB)
		return false;
	if (in->addrsize == 4 || in->base == X86_RIP_BASE || in->disp != (int32_t)in->disp) {
		if (other == X86_NOREG)
			return false;
		if (in->base == X86_RIP_BASE)
			t->p = e_mov_imm64(t->p, r, rip_target(t));
		else if (in->base == X86_NOREG && in->index == X86_NOREG)
			t->p = e_mov_imm64(t->p, r, in->addrsize == 4 ? (uint32_t)in->disp : (uint64_t)in->disp);
		else
			t->p = lea(t->p, r, in->base, in->index, in->scale, (int32_t)in->disp, in->addrsize == 4);
		t->p = e_gs_load(t->p, other, seg_base(in->seg));
		t->p = lea(t->p, r, r, other, 1, 0, false);
		return true;
	}
	t->p = e_gs_load(t->p, r, seg_base(in->seg));
	if (in->base == X86_NOREG && in->index == X86_NOREG) {
		*disp = (int32_t)in->disp;
		return true;
	}
	if (in->index != X86_NOREG)
		t->p = lea(t->p, r, r, in->index, in->scale, (int32_t)in->disp, false);
	if (in->base != X86_NOREG)
		t->p = lea(t->p, r, r, in->base, 1, in->index != X86_NOREG ? 0 : (int32_t)in->disp, false);
	return true;
}

/* Registers of the first eight that the instruction does not use; rsp never. */
static unsigned free_register(uint16_t used)
{
	static const uint8_t order[] = {X86_RAX, X86_RCX, X86_RDX, X86_RSI, X86_RDI, X86_RBX, X86_RBP};
	for (unsigned i = 0; i < sizeof order; i++)
		if (!(used >> order[i] & 1))
			return order[i];
	return X86_NOREG;
}

/*
 * A load that replaces its whole destination register may use that for the address. It is spilled all the same, for the
 * case that the load faults, but not loaded back.
 */
static unsigned load_destination(const struct x86_insn *in)
{
	bool load = in->map == 0 ? in->opcode == 0x8b || in->opcode == 0x63
				 : in->map == 1 && (in->opcode == 0xb6 || in->opcode == 0xb7 || in->opcode == 0xbe ||
						    in->opcode == 0xbf);
	if (!load || in->prefixes & X86_PFX_VEX || in->opsize < 4 || in->reg > 7 || in->reg == X86_RSP ||
	    in->reg == in->base || in->reg == in->index)
		return X86_NOREG;
	return in->reg;
}

bool x86_rewrite_mem(struct x86_tr *t, unsigned *fixup)
{
	const struct x86_insn *in = &t->in;
	bool seg = in->seg == X86_FS || in->seg == X86_GS;
	uint64_t target = in->base == X86_RIP_BASE ? rip_target(t) : 0;
	if (in->row->flags & X86_ROW_NOACCESS) { /* only the offset counts: lea, nop, prefetch */
		if (in->base != X86_RIP_BASE)
			goto verbatim;
		if (in->map == 0 && in->opcode == 0x8d) {
			if (in->opsize == 8) {
				t->p = e_mov_imm64(t->p, in->reg, target);
			} else if (in->opsize == 4) {
				t->p = e_mov_imm64(t->p, in->reg, (uint32_t)target);
			} else {
				t->p = e_u8(t->p, 0x66);
				if (in->reg > 7)
					t->p = e_u8(t->p, 0x41);
				t->p = e_u8(t->p, 0xb8 | (in->reg & 7));
				t->p = e_u16(t->p, (uint16_t)target);
			}
			return true;
		}
		if (in->map == 1 && (in->opcode == 0x18 || in->opcode == 0x0d || (in->opcode & 0xf8) == 0x18)) {
			t->p = e_nop(t->p, 1);
			return true;
		}
		return false;
	}
	/* A bit string's offset from a register is added before the cut to 32 bits. */
	if (in->addrsize == 4 && in->map == 1 && (in->opcode & ~0x18) == 0xa3)
		return false;
	if (!seg && in->addrsize == 8) {
		int64_t delta = (int64_t)(target - (x86_rx(t, t->p) + in->length));
		if (delta == (int32_t)delta) {
			uint8_t *p = t->p;
			t->p = x86_copy_bytes(p, t->bytes, in->length);
			e_u32(p + in->disp_off, (uint32_t)delta);
			return true;
		}
	}
	if (!seg && (int64_t)target == (int32_t)target) { /* in the lowest 2 GB: programs of fixed addresses */
		emit_with_base(t, X86_NOREG, (int32_t)target);
		return true;
	}
	if (!in->has_modrm)
		return false; /* absolute offsets with a segment */
	int32_t disp = 0;
	uint16_t used = x86_gprs_used(in);
	unsigned r = load_destination(in), other;
	bool reload = r == X86_NOREG;
	if (reload) {
		r = free_register(used);
		if (r == X86_NOREG)
			return false;
	}
	t->p = e_gs_store(t->p, r, OFF(spill[0]));
	*fixup = (X86_FIX_NONE & 0xf0) | r;
	if (!seg) {
		t->p = e_mov_imm64(t->p, r, target);
	} else {
		bool two = in->addrsize == 4 || in->base == X86_RIP_BASE;
		other = two ? free_register(used | 1u << r) : X86_NOREG;
		if (two) {
			if (other == X86_NOREG)
				return false;
			t->p = e_gs_store(t->p, other, OFF(spill[1]));
			*fixup = (*fixup & 15) | other << 4;
		}
		if (!seg_address(t, r, other, &disp))
			return false;
		if (two) { /* it was only a summand */
			t->p = e_gs_load(t->p, other, OFF(spill[1]));
		}
	}
	emit_with_base(t, r, disp);
	if (reload)
		t->p = e_gs_load(t->p, r, OFF(spill[0]));
	return true;
verbatim:
	t->p = x86_copy_bytes(t->p, t->bytes, in->length);
	return true;
}

bool x86_load_target(struct x86_tr *t, unsigned r, unsigned other)
{
	const struct x86_insn *in = &t->in;
	bool seg = in->seg == X86_FS || in->seg == X86_GS;
	if (!seg && in->base == X86_RIP_BASE) {
		uint64_t target = rip_target(t);
		int64_t delta = (int64_t)(target - (x86_rx(t, t->p) + 7));
		if (delta == (int32_t)delta) {
			t->p = e_bytes(t->p, 0x058b48 | r << 19, 3);
			t->p = e_u32(t->p, (uint32_t)delta);
			return true;
		}
		if ((int64_t)target == (int32_t)target) {
			t->p = e_u32(t->p, 0x25048b48 | r << 19); /* mov r, [target] */
			t->p = e_u32(t->p, (uint32_t)target);
			return true;
		}
		t->p = e_mov_imm64(t->p, r, target);
		t->p = e_bytes(t->p, 0x008b48 | r << 19 | r << 16, 3); /* mov r, [r] */
		return true;
	}
	if (seg) {
		int32_t disp;
		unsigned a = in->base == r || in->index == r ? other : r;
		if (in->base == a || in->index == a)
			return false;
		if (!seg_address(t, a, X86_NOREG, &disp))
			return false;
		/* mov r, [a + disp32] */
		t->p = e_bytes(t->p, 0x808b48 | (a > 7) | r << 19 | (a & 7) << 16, 3);
		t->p = e_u32(t->p, (uint32_t)disp);
		return true;
	}
	/* The same modrm, sib and displacement behind mov r, r/m64. */
	uint8_t *p = t->p;
	if (in->addrsize == 4)
		p = e_u8(p, 0x67);
	p = e_u8(p, 0x48 | (in->rex & 3));
	p = e_u8(p, 0x8b);
	p = e_u8(p, (in->modrm & 0xc7) | r << 3);
	unsigned end = in->modrm_off + 1u + ((in->modrm & 7) == 4) + in->disp_len;
	t->p = x86_copy_bytes(p, t->bytes + in->modrm_off + 1, end - (in->modrm_off + 1u));
	return true;
}

bool x86_ignores_segment(const struct x86_insn *in)
{
	/* xlat and maskmovq/maskmovdqu have a memory operand that is not in modrm. */
	return !(in->map == 0 && in->opcode == 0xd7) && !(in->map == 1 && in->opcode == 0xf7);
}
