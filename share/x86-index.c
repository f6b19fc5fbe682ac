/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * x86-index: prints the index over the opcode tables of lib/isa/x86 as C (index.h says what it is). Runs while the tree is built.
 *
 *     x86-index decode    for decode.c
 *     x86-index quick     for quick.c
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "isa/x86/index.h"
#include "isa/x86/rows.h"

#define MAX_GROUPS 128
#define MAX_NODES 2048
static uint16_t first[X86_SPACES][256];
static uint16_t groups[MAX_GROUPS][X86_CELLS];
static struct x86_node nodes[MAX_NODES]; /* [0] is never used: index 0 ends a chain */
static unsigned node_count = 1, group_count;

_Noreturn static void full(const char *what)
{
	fprintf(stderr, "x86-index: too many %s: enlarge the array\n", what);
	exit(1);
}

static const struct x86_row *row_of(unsigned number)
{
	return x86_row_tables[number >> X86_NODE_ROW_BITS] + (number & ((1u << X86_NODE_ROW_BITS) - 1));
}

static uint16_t row_number(const struct x86_row *r)
{
	const struct x86_row *rows;
	unsigned count;
	for (unsigned t = 0; (rows = x86_row_table(t, &count)); t++)
		if (r >= rows && r < rows + count && r - rows < 1 << X86_NODE_ROW_BITS && t < 1 << (16 - X86_NODE_ROW_BITS))
			return (uint16_t)(t << X86_NODE_ROW_BITS | (unsigned)(r - rows));
	full("rows");
}

static bool operand_is(const struct x86_row *r, enum x86_where w)
{
	for (unsigned i = 0; i < 4; i++)
		if (x86_operand_info[r->operands[i]].where == w && r->operands[i])
			return true;
	return false;
}

static bool has_modrm(const struct x86_row *r)
{
	return r->modreg || r->modrm_rm || r->mod || r->map == 4 || operand_is(r, X86_WHERE_RM) ||
	       operand_is(r, X86_WHERE_RMREG) || operand_is(r, X86_WHERE_MEM) || operand_is(r, X86_WHERE_REG);
}

static uint8_t row_imm(const struct x86_row *r)
{
	for (unsigned i = 0; i < 4; i++)
		switch (r->operands[i]) {
		case X86_O_Ib:
		case X86_O_Lx:
			return IMM_UB;
		case X86_O_sIb:
			return IMM_SB;
		case X86_O_Iw:
			return r->operands[1] == X86_O_Ib ? IMM_ENTER : IMM_UW;
		case X86_O_Iz:
			return IMM_Z;
		case X86_O_Iv:
			return IMM_V;
		case X86_O_Jb:
			return IMM_JB;
		case X86_O_Jz:
			return IMM_JZ;
		case X86_O_Ap:
			return IMM_FAR;
		case X86_O_Ob:
		case X86_O_Ov:
			return IMM_MOFFS;
		}
	return IMM_NONE;
}

static uint8_t row_form(const struct x86_row *r)
{
	uint8_t form = has_modrm(r) ? FORM_MODRM : 0;
	if ((r->map & X86_MAP_VEX) && !operand_is(r, X86_WHERE_VVVV))
		form |= FORM_NOVVVV;
	for (unsigned i = 0; i < 4; i++) {
		const struct x86_operand_info *o = &x86_operand_info[r->operands[i]];
		bool small = o->file == X86_FILE_MMX || o->file == X86_FILE_ST || o->file == X86_FILE_SEG;
		if (small && o->where == X86_WHERE_REG)
			form |= FORM_REG7;
		if (small && (o->where == X86_WHERE_RMREG))
			form |= FORM_RM7;
		if (o->file == X86_FILE_MMX && o->where == X86_WHERE_RM)
			form |= FORM_RM7;
		if (o->where == X86_WHERE_OPREG)
			form |= FORM_OPREG;
		if (r->operands[i] == X86_O_Sw)
			form |= FORM_SEG;
		if (r->operands[i] == X86_O_Cm)
			form |= FORM_CR;
	}
	return form;
}

static uint32_t row_exclude(const struct x86_row *r)
{
	static const uint32_t prefix[] = {
		[X86_ROWPFX_ANY] = 0,
		[X86_ROWPFX_NP] = FACT_66 | FACT_F3 | FACT_F2,
		[X86_ROWPFX_66] = FACT_NP | FACT_F3 | FACT_F2,
		[X86_ROWPFX_F3] = FACT_NP | FACT_66 | FACT_F2,
		[X86_ROWPFX_F2] = FACT_NP | FACT_66 | FACT_F3,
		[X86_ROWPFX_NP66] = FACT_F3 | FACT_F2,
	};
	return r->exclude | prefix[r->prefix];
}

static unsigned row_space(const struct x86_row *r)
{
	return r->map & X86_MAP_VEX ? (r->map & 3) + 4 : r->map;
}

static bool cell_matches(const struct x86_row *r, unsigned cell)
{
	bool reg_form = cell >= 8;
	unsigned reg = reg_form ? (cell - 8) >> 3 : cell, rm = (cell - 8) & 7;
	if (r->mod == X86_MOD_MEM ? reg_form : r->mod == X86_MOD_REG ? !reg_form : false)
		return false;
	if (r->modreg && (r->modreg & 7) != reg)
		return false;
	return !r->modrm_rm || (reg_form && (r->modrm_rm & 7) == rm);
}

/* The chain that begins with n and goes on with `rest`; chains are shared, never changed. */
static uint16_t prepend(const struct x86_node *n, uint16_t rest, unsigned since)
{
	for (unsigned i = since; i < node_count; i++)
		if (nodes[i].next == rest)
			return i;
	if (node_count == sizeof nodes / sizeof nodes[0])
		full("nodes");
	nodes[node_count] = *n;
	nodes[node_count].next = rest;
	return node_count++;
}

static void add_row(const struct x86_row *r)
{
	struct x86_node n = {.row = row_number(r), .exclude = row_exclude(r), .imm = row_imm(r), .form = row_form(r)};
	unsigned count = n.form & FORM_OPREG ? 8 : 1, since = node_count;
	for (unsigned k = 0; k < count; k++) {
		uint16_t *slot = &first[row_space(r)][r->opcode + k];
		if ((r->modreg || r->modrm_rm || r->mod) && !(*slot & X86_GROUP)) {
			if (group_count == MAX_GROUPS)
				full("groups");
			for (unsigned c = 0; c < X86_CELLS; c++)
				groups[group_count][c] = *slot;
			*slot = X86_GROUP | group_count++;
		}
		if (!(*slot & X86_GROUP)) {
			*slot = prepend(&n, *slot, since);
			continue;
		}
		for (unsigned c = 0; c < X86_CELLS; c++)
			if (cell_matches(r, c)) {
				uint16_t *cell = &groups[*slot & ~X86_GROUP][c];
				*cell = prepend(&n, *cell, since);
			}
	}
}

static void build_index(void)
{
	const struct x86_row *rows;
	unsigned count, tables = 0;
	while (x86_row_table(tables, &count))
		tables++;
	/* from the last row to the first; those with a mandatory prefix come to stand before those for any prefix */
	for (int any = 1; any >= 0; any--)
		for (unsigned t = tables; t-- && (rows = x86_row_table(t, &count));)
			for (unsigned i = count; i--;)
				if ((rows[i].prefix == X86_ROWPFX_ANY) == any)
					add_row(&rows[i]);
}


/* ---- quick forms ---- */

enum { P_NONE, P_66, P_F3, P_F2 };

/* One encoding of an opcode: what is asked about. */
struct encoding {
	unsigned mode, prefix, map, opcode, w, b;
	int modrm; /* -1: none was looked at */
};

/* The node that the decoder would come to; NULL: none. A model has everything, or only what quick forms may count on. */
static const struct x86_node *look_up(const struct encoding *e)
{
	static const uint32_t by_prefix[] = {FACT_NP, FACT_66, FACT_F3, FACT_F2};
	uint32_t facts = by_prefix[e->prefix] | (e->mode == 64 ? X86_EX_M64 : X86_EX_M32) | (e->b ? X86_EX_B1 : X86_EX_B0);
	facts |= e->w ? X86_EX_W1 | X86_EX_GW1 | X86_EX_O64
		      : X86_EX_W0 | X86_EX_GW0 | (e->prefix == P_66 ? X86_EX_O16 : X86_EX_O32);
	unsigned slot = first[e->map][e->opcode];
	if (slot & X86_GROUP) {
		if (e->modrm < 0)
			return NULL;
		unsigned m = (unsigned)e->modrm;
		slot = groups[slot & ~X86_GROUP][m >= 0xC0 ? 8 + (m & 63) : m >> 3 & 7];
	}
	for (; slot; slot = nodes[slot].next)
		if (!(nodes[slot].exclude & facts))
			return &nodes[slot];
	return NULL;
}

static bool basic(unsigned feature)
{
#define F(id) || feature == X86_FEAT_##id
	return feature == X86_FEAT_NONE X86_QUICK_FEATURES(F);
#undef F
}

static unsigned kind_of(const struct encoding *e, const struct x86_row *r)
{
	unsigned op = e->opcode;
	if (e->map == 0 && e->prefix == P_NONE && r->copy == X86_COPY_BRANCH)
		return op >> 4 == 7 ? QUICK_JCC8 : op == 0xeb ? QUICK_JMP8 : op == 0xe9 ? QUICK_JMP32 : op == 0xe8 ? QUICK_CALL : QUICK_NO;
	if (e->map == 1 && e->prefix == P_NONE && r->copy == X86_COPY_BRANCH)
		return op >> 4 == 8 ? QUICK_JCC32 : QUICK_NO;
	if (e->map == 0 && e->prefix == P_NONE && op == 0xc3)
		return QUICK_RET;
	if (e->map == 0 && op == 0x8d)
		return e->prefix == P_NONE ? QUICK_LEA : QUICK_NO;
	if (e->mode == 64) {
		if (r->copy == X86_COPY_STACK)
			return r->flags & X86_ROW_PLAIN64 ? QUICK_COPY : QUICK_NO;
		return r->copy == X86_COPY_PLAIN || r->copy == X86_COPY_X87 || r->copy == X86_COPY_STRING ? QUICK_COPY : QUICK_NO;
	}
	if (e->map == 0 && op >> 4 == 4)
		return e->prefix == P_NONE ? QUICK_INCDEC : QUICK_NO;
	if (e->map == 0 && op >> 4 == 5)
		return e->prefix != P_NONE ? QUICK_NO : op & 8 ? QUICK_POP : QUICK_PUSH;
	/* Implied memory operands, and what 64-bit mode has given to others (copy32.c). */
	if ((e->map == 0 && (op == 0xd7 || op == 0x82 || (op & 0xfc) == 0xa0)) || (e->map == 1 && op == 0xf7))
		return QUICK_NO;
	return r->copy == X86_COPY_PLAIN || r->copy == X86_COPY_X87 ? QUICK_COPY : QUICK_NO;
}

/* 0xffff: no quick form. */
static unsigned form_of(const struct encoding *e)
{
	const struct x86_node *n = look_up(e);
	if (!n)
		return 0xffff;
	const struct x86_row *r = row_of(n->row);
	unsigned kind = kind_of(e, r), form = kind << QUICK_KIND_SHIFT, z = e->prefix == P_66 ? 2 : 4;
	if (kind == QUICK_NO || !basic(r->feature) || n->form & (FORM_SEG | FORM_CR) || r->flags & X86_ROW_MODREG)
		return 0xffff;
	switch (n->imm) {
	case IMM_NONE:
		break;
	case IMM_UB:
	case IMM_SB:
	case IMM_JB:
		form |= 1;
		break;
	case IMM_UW:
		form |= 2;
		break;
	case IMM_Z:
		form |= z;
		break;
	case IMM_JZ:
		form |= 4;
		break;
	case IMM_V:
		form |= e->prefix == P_66 ? 2 : QUICK_IMM_V;
		break;
	default:
		return 0xffff;
	}
	if (n->form & FORM_MODRM)
		form |= QUICK_MODRM;
	if (!(r->flags & X86_ROW_NOACCESS))
		form |= QUICK_RIP;
	for (unsigned i = 0; i < 4; i++) {
		const struct x86_operand_info *o = &x86_operand_info[r->operands[i]];
		if (o->file != X86_FILE_GPR)
			continue;
		if (o->reg_size == 1)
			form |= QUICK_BYTE;
		else if (o->where == X86_WHERE_REG)
			form |= QUICK_REG;
		else if (o->where == X86_WHERE_RM || o->where == X86_WHERE_RMREG || o->where == X86_WHERE_OPREG)
			form |= QUICK_RM;
	}
	return form;
}

/* The form that holds for all encodings with these modrm bits, whatever REX and the rest of modrm are. */
static unsigned form_of_cell(struct encoding e, int cell)
{
	unsigned form = 0x10000;
	for (unsigned rm = 0; rm < 8; rm++)
		for (unsigned rex = 0; rex < (e.mode == 64 ? 4 : 1); rex++) {
			e.modrm = cell < 0 ? -1 : (int)((cell & 7) << 3 | rm | (cell & 8 ? 0xC0 : 0));
			e.w = rex & 1;
			e.b = rex >> 1;
			if (e.prefix == P_66 && e.w) /* quick.c leaves these to the decoder */
				continue;
			unsigned f = form_of(&e);
			if (form != 0x10000 && f != form)
				return 0xffff;
			form = f;
		}
	return form;
}

static void print_quick(unsigned mode)
{
	printf("static const struct x86_quick quick%u[4][2][256] = {\n", mode);
	for (unsigned prefix = 0; prefix < 4; prefix++)
		for (unsigned map = 0; map < 2; map++)
			for (unsigned op = 0; op < 256; op++) {
				struct encoding e = {.mode = mode, .prefix = prefix, .map = map, .opcode = op};
				unsigned form = form_of_cell(e, -1), cells = 0;
				if (form == 0xffff || form & QUICK_MODRM) {
					/* the form of most of its cells */
					unsigned f[16], best = 0;
					for (int c = 0; c < 16; c++)
						f[c] = form_of_cell(e, c);
					form = 0xffff;
					for (unsigned i = 0; i < 16; i++) {
						unsigned n = 0;
						for (unsigned k = 0; k < 16; k++)
							n += f[k] == f[i];
						if (f[i] != 0xffff && f[i] & QUICK_MODRM && n > best) {
							best = n;
							form = f[i];
						}
					}
					for (unsigned i = 0; i < 16; i++)
						if (f[i] == form && form != 0xffff)
							cells |= 1u << i;
				}
				if (form != 0xffff)
					printf("[%u][%u][0x%02x] = {0x%04x, 0x%04x},\n", prefix, map, op, form, cells);
			}
	printf("};\n");
}

/* ---- the decoder's part ---- */

static void print_decode(void)
{
	printf("static const uint16_t x86_index_first[X86_SPACES][256] = {\n");
	for (unsigned s = 0; s < X86_SPACES; s++) {
		printf("{");
		for (unsigned i = 0; i < 256; i++)
			printf("%u,%s", first[s][i], i % 32 == 31 ? "\n" : "");
		printf("},\n");
	}
	printf("};\nstatic const uint16_t x86_index_groups[][X86_CELLS] = {\n");
	for (unsigned g = 0; g < group_count; g++) {
		printf("{");
		for (unsigned i = 0; i < X86_CELLS; i++)
			printf("%u,", groups[g][i]);
		printf("},\n");
	}
	printf("};\nstatic const struct x86_node x86_index_nodes[] = {\n");
	for (unsigned i = 0; i < node_count; i++)
		printf("{0x%x, %u, %u, %u, %u},\n", nodes[i].exclude, nodes[i].row, nodes[i].next, nodes[i].imm, nodes[i].form);
	printf("};\n");
}

int main(int argc, char **argv)
{
	if (argc != 2 || (strcmp(argv[1], "decode") && strcmp(argv[1], "quick"))) {
		fprintf(stderr, "usage: x86-index decode|quick\n");
		return 1;
	}
	build_index();
	printf("/* Made by share/x86-index.c from lib/isa/x86/rows-*.c. */\n");
	if (!strcmp(argv[1], "decode")) {
		print_decode();
	} else {
		print_quick(64);
		print_quick(32);
	}
	return fflush(stdout) || ferror(stdout);
}
