/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The decoder. Which row an instruction belongs to is looked up in an index over the rows of rows-*.c (index.h).
 *
 * Prefixes: SDM volume 2, 2.1.1 and 2.2.1; VEX: 2.3. F2/F3 go before 66 in the choice of a row (the last of F2 and F3
 * counts). A row whose feature the model lacks is passed over, so that F3 0F BC is BSF where BMI1 is not there.
 */
#include <string.h>
#include "isa/x86/index.h"
#include "isa/x86/rows.h"
#include "x86-index.h"

/* What a byte is in front of an opcode. */
enum { P_NONE, P_SEG, P_66, P_67, P_LOCK, P_F2, P_F3, P_REX };
static const uint8_t prefix_class[256] = {
	[0x26] = P_SEG, [0x2E] = P_SEG, [0x36] = P_SEG, [0x3E] = P_SEG, [0x64] = P_SEG, [0x65] = P_SEG,
	[0x66] = P_66, [0x67] = P_67, [0xF0] = P_LOCK, [0xF2] = P_F2, [0xF3] = P_F3, [0x40 ... 0x4F] = P_REX,
};

static uint64_t load(const uint8_t *p, unsigned n)
{
	uint64_t v = 0;
	for (unsigned i = 0; i < n; i++)
		v |= (uint64_t)p[i] << 8 * i;
	return v;
}

static int64_t load_signed(const uint8_t *p, unsigned n)
{
	switch (n) {
	case 1:
		return (int8_t)p[0];
	case 2:
		return (int16_t)(p[0] | p[1] << 8);
	case 4:
		return (int32_t)(p[0] | p[1] << 8 | p[2] << 16 | (uint32_t)p[3] << 24);
	default:
		return (int64_t)load(p, n);
	}
}

static inline const struct x86_row *node_row(const struct x86_node *n)
{
	return x86_row_tables[n->row >> X86_NODE_ROW_BITS] + (n->row & ((1u << X86_NODE_ROW_BITS) - 1));
}

struct cursor {
	const uint8_t *start, *p, *end; /* end: of what may be read, at most 15 bytes */
	bool limited;                   /* the 15-byte limit is what ends it */
};

static enum x86_decode_status short_of(const struct cursor *c)
{
	return c->limited ? X86_DECODE_LONG : X86_DECODE_SHORT;
}

/* 16-bit addressing forms (SDM volume 2, table 2-1). Returns the displacement's length. */
static unsigned address16(struct x86_insn *in)
{
	static const uint8_t base[8] = {X86_RBX, X86_RBX, X86_RBP, X86_RBP, X86_RSI, X86_RDI, X86_RBP, X86_RBX};
	static const uint8_t index[8] = {X86_RSI,   X86_RDI,   X86_RSI,   X86_RDI,
					 X86_NOREG, X86_NOREG, X86_NOREG, X86_NOREG};
	unsigned mod = in->modrm >> 6, rm = in->modrm & 7;
	if (mod == 0 && rm == 6)
		return 2;
	in->base = base[rm];
	in->index = index[rm];
	return mod == 0 ? 0 : mod == 1 ? 1 : 2;
}

/* SIB and displacement of a memory operand (SDM volume 2, tables 2-2 and 2-3, 2.2.1.6 for rip). */
static enum x86_decode_status memory(struct x86_insn *in, struct cursor *c)
{
	unsigned mod = in->modrm >> 6, rm = in->modrm & 7, len;
	bool vsib = in->row->flags & X86_ROW_VSIB;
	in->has_mem = true;
	in->scale = 1;
	if (vsib && (in->addrsize == 2 || rm != 4))
		return X86_DECODE_UD;
	if (in->addrsize == 2) {
		len = address16(in);
	} else {
		unsigned base = rm;
		len = mod == 1 ? 1 : mod == 2 ? 4 : 0;
		if (rm == 4) {
			if (c->p == c->end)
				return short_of(c);
			in->sib = *c->p++;
			base = in->sib & 7;
			unsigned index = (in->sib >> 3 & 7) | (in->rex & 2) << 2;
			if (index != 4 || vsib) {
				in->index = index;
				in->scale = 1u << (in->sib >> 6);
			}
		}
		if (base == 5 && mod == 0) {
			len = 4;
			if (rm == 5 && in->mode == 64)
				in->base = X86_RIP_BASE;
		} else {
			in->base = base | (in->rex & 1) << 3;
		}
	}
	if (len) {
		if (c->end - c->p < (ptrdiff_t)len)
			return short_of(c);
		in->disp_off = c->p - c->start;
		in->disp_len = len;
		in->disp = load_signed(c->p, len);
		c->p += len;
	}
	return X86_DECODE_OK;
}

static enum x86_decode_status immediate(struct x86_insn *in, struct cursor *c, unsigned kind)
{
	unsigned size = in->opsize, len = 1, len2 = 0;
	switch (kind) {
	case IMM_UW:
		len = 2;
		break;
	case IMM_Z:
	case IMM_JZ:
		len = size > 4 ? 4 : size;
		break;
	case IMM_V:
		len = size;
		break;
	case IMM_FAR:
		len = size > 4 ? 4 : size;
		len2 = 2;
		break;
	case IMM_MOFFS:
		len = in->addrsize;
		break;
	case IMM_ENTER:
		len = 2;
		len2 = 1;
		break;
	}
	if (c->end - c->p < (ptrdiff_t)(len + len2))
		return short_of(c);
	if (kind == IMM_MOFFS) {
		in->has_mem = true;
		in->scale = 1;
		in->disp_off = c->p - c->start;
		in->disp_len = len;
		in->disp = load(c->p, len);
		c->p += len;
		return X86_DECODE_OK;
	}
	in->imm_off = c->p - c->start;
	in->imm_len = len + len2;
	if (kind == IMM_SB || kind == IMM_Z || kind == IMM_JB || kind == IMM_JZ)
		in->imm = load_signed(c->p, len);
	else
		in->imm = load(c->p, len);
	in->imm2 = load(c->p + len, len2);
	c->p += len + len2;
	return X86_DECODE_OK;
}

/* Restrictions on register numbers that are part of the encoding. */
static bool registers_valid(const struct x86_insn *in, unsigned form)
{
	if (form & FORM_SEG && (in->reg > X86_GS || (in->row->op == X86_OP_mov_to_seg && in->reg == X86_CS)))
		return false;
	if (form & FORM_CR && (in->reg > 8 || !(0x11d >> in->reg & 1))) /* CR0, 2, 3, 4, 8 */
		return false;
	if (in->row->flags & X86_ROW_VSIB)
		return in->reg != in->index && in->reg != in->vex_vvvv && in->index != in->vex_vvvv;
	return true;
}

/* Reads the VEX payload behind C4/C5 (SDM volume 2, 2.3.5). Returns the index space, 0: #UD, -1: too short. */
static int vex_prefix(struct x86_insn *in, struct cursor *c, uint8_t first_byte, uint32_t *facts)
{
	unsigned rxb, map = 1, last;
	in->rex_off = c->p - c->start;
	if (first_byte == 0xC5) {
		if (c->end - c->p < 3)
			return -1;
		last = c->p[1];
		rxb = last >> 5 & 4;
		c->p += 2;
	} else {
		if (c->end - c->p < 4)
			return -1;
		rxb = c->p[1] >> 5;
		map = c->p[1] & 31;
		last = c->p[2];
		in->vex_w = last >> 7;
		c->p += 3;
	}
	if (first_byte == 0xC5)
		rxb |= 3; /* X and B are not encoded: inverted zero */
	rxb = ~rxb & 7;
	in->vex_vvvv = ~last >> 3 & 15;
	if (in->mode != 64) {
		rxb = 0;
		in->vex_vvvv &= 7;
	}
	in->vex_l = last >> 2 & 1;
	in->rex = 0x40 | rxb | (in->mode == 64 ? in->vex_w << 3 : 0);
	static const uint32_t pp[4] = {FACT_NP, FACT_66, FACT_F3, FACT_F2};
	*facts |= pp[last & 3] | (in->vex_w ? X86_EX_W1 : X86_EX_W0) | (in->vex_l ? X86_EX_L1 : X86_EX_L0) |
		  (in->vex_w && in->mode == 64 ? X86_EX_GW1 : X86_EX_GW0);
	in->opsize = in->vex_w && in->mode == 64 ? 8 : 4;
	if (map == 0 || map > 3 || in->prefixes & (X86_PFX_LOCK | X86_PFX_REPNE | X86_PFX_REP | X86_PFX_OPSIZE | X86_PFX_REX))
		return 0;
	in->prefixes |= X86_PFX_VEX;
	in->map = map;
	return map + 4;
}

static void finish_size(struct x86_insn *in, const struct x86_row *row)
{
	static const uint8_t pp[] = {[X86_ROWPFX_66] = 0x66, [X86_ROWPFX_F3] = 0xF3, [X86_ROWPFX_F2] = 0xF2,
				     [X86_ROWPFX_NP66] = 0};
	in->pp = pp[row->prefix];
	if (row->prefix == X86_ROWPFX_66 && in->opsize == 2)
		in->opsize = in->mode == 16 ? 2 : 4;
	if (in->mode != 64 || !(row->flags & (X86_ROW_D64 | X86_ROW_F64)))
		return;
	if (row->flags & X86_ROW_F64 || in->opsize != 2)
		in->opsize = 8;
}

static enum x86_decode_status decode(struct x86_insn *in, struct cursor *c, const struct x86_features *feat)
{
	static const uint8_t seg_of[] = {[0x26 >> 3] = X86_ES, [0x2E >> 3] = X86_CS, [0x36 >> 3] = X86_SS, [0x3E >> 3] = X86_DS};
	unsigned mode = in->mode, rep = 0;
	bool rex_seen = false;
	uint8_t b, cls;

	for (;;) {
		if (c->p == c->end)
			return short_of(c);
		b = *c->p;
		cls = prefix_class[b];
		if (cls == P_NONE || (cls == P_REX && mode != 64))
			break;
		c->p++;
		if (cls == P_REX) {
			in->rex = b;
			in->rex_off = c->p - 1 - c->start;
			rex_seen = true;
			continue;
		}
		in->rex = in->rex_off = 0; /* a REX that is not last is ignored */
		switch (cls) {
		case P_SEG:
			if (b >= 0x64)
				in->seg = b == 0x64 ? X86_FS : X86_GS;
			else if (mode != 64)
				in->seg = seg_of[b >> 3];
			in->prefixes |= X86_PFX_SEG;
			break;
		case P_66:
			in->prefixes |= X86_PFX_OPSIZE;
			break;
		case P_67:
			in->prefixes |= X86_PFX_ADDR;
			break;
		case P_LOCK:
			in->prefixes |= X86_PFX_LOCK;
			break;
		case P_F2:
			rep = X86_PFX_REPNE; /* the last of F2 and F3 counts */
			break;
		case P_F3:
			rep = X86_PFX_REP;
			break;
		}
	}
	in->prefixes |= rep;
	if (in->rex)
		in->prefixes |= X86_PFX_REX;
	bool p66 = in->prefixes & X86_PFX_OPSIZE, p67 = in->prefixes & X86_PFX_ADDR;
	uint32_t facts;
	if (mode == 64) {
		facts = X86_EX_M64;
		in->addrsize = p67 ? 4 : 8;
	} else {
		facts = mode == 32 ? X86_EX_M32 : X86_EX_M16;
		in->addrsize = (mode == 32) == p67 ? 2 : 4;
	}

	/* opcode bytes */
	unsigned space = 0;
	if ((b == 0xC4 || b == 0xC5) && (mode == 64 || (c->end - c->p >= 2 && c->p[1] >= 0xC0))) {
		if (rex_seen && in->rex)
			return X86_DECODE_UD;
		int s = vex_prefix(in, c, b, &facts);
		if (s <= 0)
			return s ? short_of(c) : X86_DECODE_UD;
		space = s;
	} else {
		in->opsize = in->rex & 8 ? 8 : (mode == 16) == p66 ? 4 : 2;
		facts |= in->rex & 8 ? X86_EX_W1 | X86_EX_GW1 | X86_EX_O64
				     : X86_EX_W0 | X86_EX_GW0 | (in->opsize == 2 ? X86_EX_O16 : X86_EX_O32);
		facts |= in->rex & 1 ? X86_EX_B1 : X86_EX_B0;
		facts |= rep ? (rep == X86_PFX_REP ? FACT_F3 : FACT_F2) : p66 ? FACT_66 : FACT_NP;
		if (b == 0x0F) {
			space = 1;
			if (++c->p == c->end)
				return short_of(c);
			b = *c->p;
			if (b == 0x38 || b == 0x3A) {
				space = b == 0x38 ? 2 : 3;
				if (++c->p == c->end)
					return short_of(c);
			} else if (b == 0x0F) {
				space = 4;
			}
		}
		in->map = space;
	}
	in->opcode_off = c->p - c->start;
	in->opcode = *c->p++;

	/* the row */
	unsigned slot = x86_index_first[space][in->opcode];
	if (space == 4) {
		/* 3DNow!: the opcode comes last; all share one form */
		slot = x86_index_first[4][0x9E];
	}
	if (!slot)
		return X86_DECODE_UD;
	if (slot & X86_GROUP || x86_index_nodes[slot].form & FORM_MODRM) {
		if (c->p == c->end)
			return short_of(c);
		in->modrm_off = c->p - c->start;
		in->modrm = *c->p++;
		in->has_modrm = true;
		in->reg = (in->modrm >> 3 & 7) | (in->rex & 4) << 1;
		in->rm = (in->modrm & 7) | (in->rex & 1) << 3;
		if (slot & X86_GROUP)
			slot = x86_index_groups[slot & ~X86_GROUP][in->modrm >= 0xC0 ? 8 + (in->modrm & 63) : in->modrm >> 3 & 7];
	}
	const struct x86_node *n;
	const struct x86_row *row;
	for (;; slot = n->next) {
		if (!slot)
			return X86_DECODE_UD;
		n = &x86_index_nodes[slot];
		if (n->exclude & facts)
			continue;
		row = node_row(n);
		if (!feat || !row->feature || x86_has(feat, row->feature))
			break;
	}
	in->row = row;
	if (n->form & FORM_NOVVVV && in->vex_vvvv != 0)
		return X86_DECODE_UD;
	if (row->flags & (X86_ROW_D64 | X86_ROW_F64) || row->prefix)
		finish_size(in, row);

	/* memory, immediate */
	enum x86_decode_status s;
	if (in->has_modrm) {
		if (in->modrm < 0xC0 && !(row->flags & X86_ROW_MODREG)) {
			s = memory(in, c);
			if (s)
				return s;
		}
		if (n->form & FORM_REG7)
			in->reg &= 7;
		if (n->form & FORM_RM7)
			in->rm &= 7;
	} else {
		in->rm = (in->opcode & 7) | (in->rex & 1) << 3;
	}
	if (space == 4) {
		if (c->p == c->end)
			return short_of(c);
		in->opcode_off = c->p - c->start;
		in->opcode = *c->p++;
		slot = x86_index_first[4][in->opcode];
		if (!slot)
			return X86_DECODE_UD;
		row = in->row = node_row(&x86_index_nodes[slot]);
		if (feat && !x86_has(feat, row->feature))
			return X86_DECODE_UD;
	} else if (n->imm) {
		s = immediate(in, c, n->imm);
		if (s)
			return s;
	}
	if (in->prefixes & X86_PFX_LOCK && !(row->flags & X86_ROW_LOCK && in->has_mem))
		return X86_DECODE_UD;
	if ((n->form & (FORM_SEG | FORM_CR) || row->flags & X86_ROW_VSIB) && !registers_valid(in, n->form))
		return X86_DECODE_UD;
	return X86_DECODE_OK;
}

enum x86_decode_status x86_decode(struct x86_insn *in, const uint8_t *bytes, unsigned avail, unsigned mode,
				  const struct x86_features *feat)
{
	struct cursor c = {bytes, bytes, bytes + (avail > 15 ? 15 : avail), avail >= 15};
	/* A constant length, but the compiler would make a slow string instruction of memset here. */
	_Static_assert(sizeof *in % 8 == 0, "cleared by words");
	for (unsigned i = 0; i < sizeof *in; i += 8)
		__builtin_memcpy((char *)in + i, &(const uint64_t){0}, 8);
	in->mode = mode;
	in->seg = in->base = in->index = X86_NOREG;
	enum x86_decode_status s = decode(in, &c, feat);
	in->length = c.p - c.start;
	if (s != X86_DECODE_OK)
		in->row = NULL;
	return s;
}
