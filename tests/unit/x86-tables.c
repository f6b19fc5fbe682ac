/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The opcode tables: every row can be reached, no two rows claim one encoding, and the index of decode.c finds the row
 * that a plain search of the tables finds, for every opcode, modrm byte, mandatory prefix, W, L and mode.
 */
#include "tap.h"
#include "isa/x86/rows.h"

enum { PFX_NP, PFX_66, PFX_F3, PFX_F2 };
struct encoding {
	unsigned space, opcode, modrm, prefix, w, l, mode, b; /* space: 0..3 legacy, 5..7 VEX */
};

static const struct x86_row *bucket[8][256][64];
static uint16_t bucket_index[8][256][64];
static unsigned bucket_size[8][256];
static unsigned row_total;

static bool is_opreg(const struct x86_row *r)
{
	return x86_operand_info[r->operands[0]].where == X86_WHERE_OPREG || r->operands[1] == X86_O_Zv;
}

static void fill_buckets(void)
{
	const struct x86_row *r;
	for (unsigned i = 0; (r = x86_row_at(i)); i++, row_total++) {
		unsigned space = r->map & X86_MAP_VEX ? (r->map & 3) + 4 : r->map;
		for (unsigned k = 0; k < (is_opreg(r) ? 8 : 1); k++) {
			unsigned *n = &bucket_size[space][r->opcode + k];
			bucket_index[space][r->opcode + k][*n] = i;
			bucket[space][r->opcode + k][(*n)++] = r;
		}
	}
}

static bool row_matches(const struct x86_row *r, const struct encoding *e)
{
	static const unsigned allowed[] = {
		[X86_ROWPFX_ANY] = 15, [X86_ROWPFX_NP] = 1, [X86_ROWPFX_66] = 2,
		[X86_ROWPFX_F3] = 4, [X86_ROWPFX_F2] = 8, [X86_ROWPFX_NP66] = 3,
	};
	unsigned facts = e->mode == 64 ? X86_EX_M64 : e->mode == 32 ? X86_EX_M32 : X86_EX_M16;
	bool wide = e->w && e->mode == 64, vex = e->space >= 5;
	facts |= e->w ? X86_EX_W1 : X86_EX_W0;
	facts |= wide ? X86_EX_GW1 : X86_EX_GW0;
	if (vex) {
		facts |= e->l ? X86_EX_L1 : X86_EX_L0;
	} else {
		bool small = (e->mode == 16) != (e->prefix == PFX_66);
		facts |= e->b ? X86_EX_B1 : X86_EX_B0;
		facts |= wide ? X86_EX_O64 : small ? X86_EX_O16 : X86_EX_O32;
	}
	if (r->exclude & facts || !(allowed[r->prefix] >> e->prefix & 1))
		return false;
	if (r->modreg && (r->modreg & 7) != (e->modrm >> 3 & 7))
		return false;
	if (r->modrm_rm && (e->modrm < 0xC0 || (r->modrm_rm & 7) != (e->modrm & 7)))
		return false;
	return r->mod == X86_MOD_MEM ? e->modrm < 0xC0 : r->mod == X86_MOD_REG ? e->modrm >= 0xC0 : true;
}

/* Two rows for one encoding are meant where the first is the rule and the second what is left of the opcode. */
static bool meant(const struct x86_row *a, const struct x86_row *b)
{
	if ((a->prefix == X86_ROWPFX_ANY) != (b->prefix == X86_ROWPFX_ANY))
		return true; /* lzcnt and bsr, pause and nop, endbr64 and nop */
	return (a->op == X86_OP_prefetch && b->op == X86_OP_nop) || (a->op == X86_OP_nop && b->op == X86_OP_xchg);
}

static bool reached[2048];

static const struct x86_row *search(const struct encoding *e, unsigned *clashes)
{
	const struct x86_row *found = NULL;
	for (unsigned any = 0; any < 2; any++)
		for (unsigned i = 0; i < bucket_size[e->space][e->opcode]; i++) {
			const struct x86_row *r = bucket[e->space][e->opcode][i];
			if ((r->prefix == X86_ROWPFX_ANY) != any || !row_matches(r, e))
				continue;
			if (!found) {
				found = r;
				reached[bucket_index[e->space][e->opcode][i]] = true;
			} else if (!meant(found, r)) {
				if (++*clashes <= 5)
					printf("# %s and %s both claim map %u opcode %02x modrm %02x\n", found->name,
					       r->name, r->map, e->opcode, e->modrm);
			}
		}
	return found;
}

static unsigned encode(const struct encoding *e, uint8_t *p)
{
	static const uint8_t prefix[] = {0, 0x66, 0xF3, 0xF2};
	static const uint8_t escape[] = {0, 0, 0x38, 0x3A};
	unsigned n = 0;
	if (e->space >= 5) {
		p[n++] = 0xC4;
		p[n++] = 0xE0 | (e->space - 4);
		p[n++] = e->w << 7 | 0x78 | e->l << 2 | (e->prefix == PFX_66 ? 1 : e->prefix == PFX_F3 ? 2 : e->prefix ? 3 : 0);
	} else {
		if (e->prefix)
			p[n++] = prefix[e->prefix];
		if (e->w || e->b)
			p[n++] = 0x40 | e->w << 3 | e->b;
		if (e->space)
			p[n++] = 0x0F;
		if (e->space > 1)
			p[n++] = escape[e->space];
	}
	p[n++] = e->opcode;
	p[n++] = e->modrm;
	memset(p + n, 0x24, 15 - n); /* SIB and the rest; base rSP, no index */
	return 15;
}

static void compare(const struct encoding *e, unsigned *clashes, unsigned *wrong)
{
	uint8_t code[16];
	struct x86_insn in;
	const struct x86_row *want = search(e, clashes);
	enum x86_decode_status s = x86_decode(&in, code, encode(e, code), e->mode, NULL);
	if (want) {
		/* chosen, though the operands may still be refused: gathers, VEX.vvvv, MOV to CS, CR1 */
		if (s != X86_DECODE_OK && (want->flags & X86_ROW_VSIB || want->map & X86_MAP_VEX ||
					   want->operands[0] == X86_O_Sw || want->operands[1] == X86_O_Sw ||
					   want->operands[0] == X86_O_Cm || want->operands[1] == X86_O_Cm))
			return;
	}
	if (in.row != want && ++*wrong <= 10)
		printf("# space %u opcode %02x modrm %02x prefix %u w %u l %u mode %u: %s, want %s\n", e->space, e->opcode,
		       e->modrm, e->prefix, e->w, e->l, e->mode, in.row ? in.row->name : "#UD", want ? want->name : "#UD");
}

static bool is_prefix_byte(unsigned b, unsigned mode)
{
	switch (b) {
	case 0x26: case 0x2E: case 0x36: case 0x3E: case 0x64: case 0x65: case 0x66: case 0x67: case 0xF0: case 0xF2:
	case 0xF3: case 0x0F:
		return true;
	}
	return mode == 64 && (b & 0xF0) == 0x40;
}

int main(void)
{
	unsigned clashes = 0, wrong = 0, unreached = 0;
	fill_buckets();
	static const unsigned spaces[] = {0, 1, 2, 3, 5, 6, 7}, modes[] = {64, 32, 16};
	for (unsigned s = 0; s < 7; s++)
		for (unsigned m = 0; m < 3; m++)
			for (unsigned op = 0; op < 256; op++) {
				struct encoding e = {.space = spaces[s], .mode = modes[m], .opcode = op};
				if (e.space == 0 && (is_prefix_byte(op, e.mode) || op == 0xC4 || op == 0xC5))
					continue;
				if (e.space == 1 && (op == 0x38 || op == 0x3A || op == 0x0F))
					continue;
				/* modrm decides only where a row says so: all forms of /reg, two of the addressing forms */
				for (e.modrm = 0; e.modrm < 256; e.modrm += e.modrm >= 0xC0 ? 1 : 4)
					for (e.prefix = 0; e.prefix < 4; e.prefix++)
						for (e.w = 0; e.w < (e.space >= 5 || e.mode == 64 ? 2 : 1); e.w++)
							for (e.l = 0; e.l < (e.space >= 5 ? 2 : 1); e.l++)
								for (e.b = 0; e.b < (e.space == 0 && e.mode == 64 ? 2 : 1); e.b++)
									compare(&e, &clashes, &wrong);
			}
	const struct x86_row *r;
	for (unsigned i = 0; (r = x86_row_at(i)); i++) {
		if (reached[i] || r->map == 4)
			continue;
		if (r->operands[0] == X86_O_Gv && (r->op == X86_OP_les || r->op == X86_OP_lds))
			continue; /* C4 and C5, see the decoding test */
		unreached++;
		printf("# never chosen: %s (map %x opcode %02x)\n", r->name, r->map, r->opcode);
	}
	ok(row_total > 1200, "%u rows are in the tables", row_total);
	ok_eq(clashes, 0, "no two rows claim one encoding");
	ok_eq(wrong, 0, "the index finds the row that a search of the tables finds");
	ok_eq(unreached, 0, "every row can be reached");
	uint8_t seen[X86_O_COUNT] = {1};
	for (unsigned i = 0; (r = x86_row_at(i)); i++)
		for (unsigned k = 0; k < 4; k++)
			seen[r->operands[k]] = 1;
	unsigned unused = 0;
	for (unsigned o = 0; o < X86_O_COUNT; o++)
		if (!seen[o])
			unused += !!printf("# operand kind %u is in no row\n", o);
	ok_eq(unused, 0, "every operand kind is in use");
	uint8_t op_seen[X86_OP_COUNT] = {1};
	for (unsigned i = 0; (r = x86_row_at(i)); i++)
		op_seen[r->op] = 1;
	unused = 0;
	for (unsigned o = 0; o < X86_OP_COUNT; o++)
		if (!op_seen[o])
			unused += !!printf("# operation %u is in no row\n", o);
	ok_eq(unused, 0, "every operation is in use");
	return tap_done();
}
