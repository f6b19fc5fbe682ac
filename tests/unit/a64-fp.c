/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Every floating-point operation of the A64 tables (scalar, vector, by element; half, single and double; fused, estimates, conversions, fixed
 * point) with 64 special operands, in all rounding modes, with and without default NaN, flushing, and the alternative half
 * format, gives what was recorded (tests/isa/aarch64-fp.vectors.xz; tests/isa/record-aarch64), under T0 and T1. See tests/isa/a64-fp.h.
 *
 *   a64-fp            one eighth of every group and mode; SLICES=8 in the environment: all
 *   a64-fp --list     the groups as aarch64-fp-runner.c reads them
 *   a64-fp --digests  the record's text as T0 has it; --settled: of the encodings in settled[] alone
 *   a64-fp --show INSN MODE SLICE   one slice in full, as aarch64-fp-runner.c shows it
 */
#include <ctype.h>
#include "unit/a64-bench.h"
#include "isa/a64-fp.h"

static const struct {
	const char *bits, *name, *operands, *fn;
} rows[] = {
#define ROW(bits, name, operands, fn, arg, feature) {bits, name, operands, #fn},
#include "isa/aarch64/rows.def"
#undef ROW
};
#define ROWS (sizeof rows / sizeof rows[0])

#define MOST 4096
static struct a64fp_group groups[MOST];
static uint16_t row_of[MOST];
static unsigned group_count;

static bool is(const char *a, const char *b) { return !strcmp(a, b); }
static bool starts(const char *a, const char *b) { return !strncmp(a, b, strlen(b)); }

/* An operation of floating point, and not a move? */
static bool floating(unsigned row)
{
	const char *n = rows[row].name;
	return (n[0] == 'f' && !is(n, "fmov")) || starts(n, "scvtf") || starts(n, "ucvtf") || is(n, "urecpe") || is(n, "ursqrte");
}

/* What the operands are, from the encoding and the row's own text. */
static void describe(unsigned row, struct a64fp_group *g)
{
	static const uint8_t types[] = {A64FP_S, A64FP_D, A64FP_H, A64FP_H}, sizes[] = {A64FP_H, A64FP_H, A64FP_S, A64FP_D};
	const char *n = rows[row].name, *o = rows[row].operands;
	bool scalar = (g->insn & 0x7e000000) == 0x1e000000, wide = g->insn >> 22 & 1;
	unsigned two = g->insn >> 22 & 3, immh = g->insn >> 19 & 15, k;

	if (scalar)
		k = types[two];
	else if (starts(n, "fcmla") || starts(n, "fcadd"))
		k = sizes[two];
	else if (strstr(o, "shr"))
		k = immh & 8 ? A64FP_D : immh & 4 ? A64FP_S : A64FP_H;
	else if (strstr(o, "VdH") || starts(o, "Hd") || strstr(o, "VnH"))
		k = A64FP_H;
	else
		k = wide ? A64FP_D : A64FP_S;
	g->kind[0] = g->kind[1] = g->kind[2] = k;
	g->half = k == A64FP_H;
	if (starts(n, "scvtf") || starts(n, "ucvtf"))
		g->kind[0] = k + 3;
	else if (starts(n, "fcvtl"))
		g->kind[0] = wide ? A64FP_S : A64FP_H, g->half = wide ? 0 : 2;
	else if (starts(n, "fcvtn") && starts(rows[row].fn, "a64_fcvtn"))
		g->kind[0] = wide ? A64FP_D : A64FP_S, g->half = wide ? 0 : 2;
	else if (starts(n, "fcvtxn"))
		g->kind[0] = A64FP_D, g->half = 0;
	else if (is(n, "fcvt"))
		g->half = k == A64FP_H || (g->insn >> 15 & 3) == 3 ? 2 : 0;
	else if (starts(n, "fmlal") || starts(n, "fmlsl"))
		g->kind[0] = g->kind[1] = A64FP_H, g->kind[2] = A64FP_S, g->half = 1;
	else if (is(n, "urecpe") || is(n, "ursqrte"))
		g->kind[0] = A64FP_I32, g->half = 0;
	g->arity = strchr(o, 'm') ? 2 : 1;
	if (starts(n, "fmla") || starts(n, "fmls") || starts(n, "fcmla") || is(n, "fmadd") || is(n, "fmsub") || is(n, "fnmadd") || is(n, "fnmsub"))
		g->arity = 3;
}

/* The values of a field that are tried: registers are fixed, small fields have all, of large ones some. */
static unsigned choices(const char *name, char letter, unsigned bits, uint32_t v[16])
{
	unsigned n = 0;

	if (letter == 'd' || letter == 'n' || (letter == 'm' && bits >= 4) || (letter == 'a' && bits == 5))
		return v[0] = letter == 'd' ? 3 : letter == 'n' ? 0 : letter == 'm' ? 1 : 2, 1;
	if (letter == 'b' && bits == 3)
		return v[0] = 0, v[1] = 7, 2;
	if (bits <= 3) {
		for (; n < 1u << bits; n++)
			v[n] = n;
	} else if (letter == 'c') {
		v[n++] = 0, v[n++] = 1; /* with Z set: one holds, the other does not */
	} else if (letter == 'z') {
		v[n++] = 5;
	} else if (letter == 'h') {
		v[n++] = 2, v[n++] = 3, v[n++] = 4, v[n++] = 7, v[n++] = 8, v[n++] = 15;
	} else if (letter == 'S') {
		v[n++] = 63, v[n++] = 57, v[n++] = 48, v[n++] = 33, v[n++] = 32, v[n++] = 16, v[n++] = 1, v[n++] = 0;
	} else {
		printf("Bail out! a64-fp: %s has a field %c of %u bits that nobody expects\n", name, letter, bits);
		exit(1);
	}
	return n;
}

static void expand(unsigned row)
{
	struct { char letter; unsigned bits, n; uint32_t v[16]; } field[16];
	unsigned fields = 0, at[32], used = 0, index[16] = {0};
	uint32_t fixed = 0;

	for (const char *s = rows[row].bits; *s; s++) {
		if (*s == ' ')
			continue;
		fixed = fixed << 1 | (*s == '1');
		if (isdigit((unsigned char)*s)) {
			at[used++] = ~0u;
			continue;
		}
		unsigned f = 0;
		while (f < fields && field[f].letter != *s)
			f++;
		if (f == fields)
			field[fields++].letter = *s, field[f].bits = 0;
		at[used++] = f;
		field[f].bits++;
	}
	for (unsigned f = 0; f < fields; f++)
		field[f].n = choices(rows[row].name, field[f].letter, field[f].bits, field[f].v);
	for (;;) {
		uint32_t insn = fixed, left[16], v[128] = {0};
		for (unsigned f = 0; f < fields; f++) {
			left[f] = field[f].bits;
			v[(unsigned char)field[f].letter & 127] = field[f].v[index[f]];
		}
		for (unsigned b = 0; b < 32; b++)
			if (at[b] != ~0u)
				insn |= (field[at[b]].v[index[at[b]]] >> --left[at[b]] & 1) << (31 - b);
		/* of an element's index, three are enough */
		if (!(strchr(rows[row].bits, 'H') && (v['H'] < v['L'] || v['L'] != v['M'])) && group_count < MOST) {
			groups[group_count] = (struct a64fp_group){.insn = insn};
			describe(row, &groups[group_count]);
			row_of[group_count++] = (uint16_t)row;
		}
		unsigned f = 0;
		while (f < fields && ++index[f] == field[f].n)
			index[f++] = 0;
		if (f == fields)
			break;
	}
}

/* Encodings of which the record has what T0 does, since the peer (7.2) does not what the manual says. */
static const struct {
	uint32_t value, mask;
	const char *why;
} settled[] = {
	{0x5f00fc00, 0xff80fc00, "FCVTZS of a half to fixed point saturates to 16 bits (C7.2); the peer's to 32"},
};

static bool is_settled(uint32_t insn)
{
	for (unsigned k = 0; k < sizeof settled / sizeof settled[0]; k++)
		if ((insn & settled[k].mask) == settled[k].value && (insn >> 19 & 15) < 4)
			return true;
	return false;
}

static struct a64_bench t0, t1;
static struct ir_region *region;

static void load(struct a64_cpu *c, const struct a64fp_io *io)
{
	memcpy(c->v, io->v, 64);
	c->v[17] = c->v[1];
	c->x[0] = io->x;
	c->x[3] = 0;
	c->nzcv = A64_Z;
	c->fpu.flags = 0;
	c->qc = 0;
}

static void store(const struct a64_cpu *c, struct a64fp_io *io)
{
	memcpy(io->v[3], &c->v[3], 16);
	io->x = c->x[3];
	io->nzcv = a64_get_nzcv(c);
	io->fpsr = a64_get_fpsr(c);
}

static void interpret(struct a64fp_io *io, void *opaque)
{
	(void)opaque;
	load(t0.c, io);
	ir_interp(region, &t0.c->cpu, 0);
	store(t0.c, io);
}

static void translated(struct a64fp_io *io, void *opaque)
{
	(void)opaque;
	load(t1.c, io);
	t1.c->pc = A64C_CODE;
	t1.c->cpu.isa->run(&t1.c->cpu);
	store(t1.c, io);
}

/* The group's code on both; false: it is no instruction. */
static bool prepare(const struct a64fp_group *g)
{
	a64b_code[0] = g->insn;
	a64b_code[1] = 0xd4000001;
	a64b_changed(&t1);
	t1.c->pc = A64C_CODE;
	a64_set_fpcr(t1.c, 0);
	return t1.c->cpu.isa->run(&t1.c->cpu) == TRAP_SYSCALL;
}

static void mode_of(const struct a64fp_group *g, unsigned mode)
{
	a64_set_fpcr(t0.c, a64fp_fpcr(g, mode));
	a64_set_fpcr(t1.c, a64fp_fpcr(g, mode));
	ir_begin(region, &a64_guest, A64C_CODE);
	a64_front.translate(region, &t0.c->cpu, A64C_CODE, 2, (const uint8_t *)a64b_code, 8);
}

static void show(unsigned i, unsigned j, unsigned k, const struct a64fp_io *io)
{
	printf("%02u %02u %u: %016llx%016llx %016llx nzcv %08llx fpsr %02llx\n", i, j, k, (long long)io->v[3][1], (long long)io->v[3][0],
	       (long long)io->x, (long long)io->nzcv, (long long)io->fpsr);
}

static int print(const char *what)
{
	for (unsigned n = 0; n < group_count; n++) {
		const struct a64fp_group *g = &groups[n];
		if (is(what, "--list")) {
			printf("%08x %x %x %x %x %x\n", g->insn, g->kind[0], g->kind[1], g->kind[2], g->arity, g->half);
			continue;
		}
		if (is(what, "--settled") && !is_settled(g->insn))
			continue;
		printf("%08x ", g->insn);
		if (!prepare(g)) {
			puts("none");
			continue;
		}
		for (unsigned mode = 0; mode < a64fp_modes(g); mode++) {
			mode_of(g, mode);
			for (unsigned s = 0; s < A64FP_SLICES; s++)
				printf("%04x", a64fp_slice(g, s, interpret, NULL, NULL));
		}
		puts("");
	}
	return 0;
}

static uint64_t cases_of(const struct a64fp_group *g)
{
	return g->arity == 1 ? 8 : g->arity == 2 ? 8 * 64 : 8 * 64 * 2;
}

static void recorded(const char *path, unsigned slices)
{
	char command[200], *line = NULL;
	size_t room = 0;
	unsigned n = 0, bad[2] = {0, 0}, nothing = 0, absent = 0, covered = 0;
	uint64_t cases = 0;
	uint8_t *seen = calloc(1, ROWS);

	snprintf(command, sizeof command, "xz -dc %s", path);
	FILE *f = popen(command, "r");
	for (; n < group_count && f && getline(&line, &room, f) > 0; n++) {
		const struct a64fp_group *g = &groups[n];
		uint32_t insn = (uint32_t)strtoul(line, NULL, 16);
		const char *d = line + 9;
		if (insn != g->insn)
			break;
		bool there = prepare(g);
		if (starts(d, "none") || !there) {
			absent++;
			nothing += starts(d, "none") == there;
			continue;
		}
		seen[row_of[n]] = 1;
		if (strspn(d, "0123456789abcdef") != 4u * a64fp_modes(g) * A64FP_SLICES)
			break;
		for (unsigned mode = 0; mode < a64fp_modes(g); mode++) {
			mode_of(g, mode);
			for (unsigned k = 0; k < slices; k++) {
				unsigned s = (n + mode * 3 + k) % A64FP_SLICES, want;
				sscanf((char[]){d[(mode * 8 + s) * 4], d[(mode * 8 + s) * 4 + 1], d[(mode * 8 + s) * 4 + 2], d[(mode * 8 + s) * 4 + 3], 0}, "%x", &want);
				unsigned got[2] = {a64fp_slice(g, s, interpret, NULL, NULL), a64fp_slice(g, s, translated, NULL, NULL)};
				cases += cases_of(g);
				for (unsigned t = 0; t < 2; t++)
					if (got[t] != want && bad[t]++ < 20)
						printf("# T%u differs: %s, --show %08x %u %u\n", t, rows[row_of[n]].name, g->insn, mode, s);
			}
		}
	}
	ok(n == group_count, "the record has every floating-point encoding: %u of %u, of which %u do not exist", n, group_count, absent);
	ok(!nothing, "the encodings that do not exist are the record's");
	if (f)
		pclose(f);
	free(line);
	for (unsigned r = 0; r < ROWS; r++)
		if (floating(r)) {
			if (!seen[r])
				printf("# no recorded case: %s %s\n", rows[r].name, rows[r].bits);
			covered += !seen[r];
		}
	free(seen);
	ok(!covered, "every floating-point row has recorded cases");
	ok(!bad[0], "T0 gives what was recorded: %llu cases, of every mode", (unsigned long long)cases);
	ok(!bad[1], "T1 gives what was recorded: %llu cases, of every mode", (unsigned long long)cases);
}

int main(int argc, char **argv)
{
	unsigned slices = getenv("SLICES") ? (unsigned)atoi(getenv("SLICES")) : 1;

	for (unsigned r = 0; r < ROWS; r++)
		if (floating(r))
			expand(r);
	a64b_maps();
	t0 = a64b_new(&isa_aarch64, JIT_INTERPRET, false, false, NULL);
	t1 = a64b_new(&isa_aarch64, JIT_TRANSLATE, false, false, NULL);
	region = ir_region_new(1024);
	if (!region || ir_region_values(region) < 0)
		return 1;
	if (argc == 2)
		return print(argv[1]);
	if (argc == 5) {
		for (unsigned n = 0; n < group_count; n++) {
			if (groups[n].insn != strtoul(argv[2], NULL, 16))
				continue;
			prepare(&groups[n]);
			mode_of(&groups[n], (unsigned)atoi(argv[3]));
			a64fp_slice(&groups[n], (unsigned)atoi(argv[4]), getenv("T1") ? translated : interpret, NULL, show);
		}
		return 0;
	}
	recorded("tests/isa/aarch64-fp.vectors.xz", slices < 1 ? 1 : slices > A64FP_SLICES ? A64FP_SLICES : slices);
	return tap_done();
}
