/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Random sequences of A64 instructions, of all rows that can stand in one, do the same three ways: interpreted one at a time (T0), translated
 * as a whole (T1), and as cold code at first (lib/jit/cold.c) and then translated, since the end leads back to the start. What
 * one instruction knows of the one before it (flags that become a comparison, values in registers) shows only here. One base
 * register after another points into memory; conditional branches skip an instruction. COUNT: how many sequences (default 4000);
 * SEED: the first.
 */
#include "unit/a64-bench.h"

enum { LENGTH = 14, ROUNDS = 3, BASES = 20, INDEX = 28 }; /* x20 to x27 are bases, x28 and x29 small */

static struct a64_bench bench[3]; /* T0, T1, cold */
static const char *const name[] = {"T0", "T1", "cold"};
static uint16_t usable[2048];
static unsigned usables;

/* Rows whose result is a matter of the sequence's state alone, and that go on behind themselves. */
static bool fits(unsigned row)
{
	struct a64_pattern p;
	a64_row_pattern(row, &p);
	uint32_t v = p.value;
	enum a64c_kind kind = a64c_kind(p.value, p.mask);

	if (kind == A64C_SVC || kind == A64C_BREG || kind == A64C_B26 || (v & 0xff000000) == 0xd4000000)
		return false;
	if (kind == A64C_SYSTEM) /* NZCV, FPCR, FPSR, and flag manipulation */
		return (v & 0xffdfff00) == 0xd51b4200 || (v & 0xffdfff00) == 0xd51b4400 || (v & 0xffffff00) == 0xd5004000;
	if ((v & 0x3b000000) == 0x18000000 || (v & 0xff200400) == 0xf8200400) /* literals, authenticated loads */
		return false;
	return true;
}

static bool field_is_free(struct a64_pattern p, unsigned lo) { return !(p.mask >> lo & 31); }

static uint32_t with(uint32_t i, unsigned lo, unsigned v) { return (i & ~(31u << lo)) | v << lo; }

/* Registers that are written are not bases; an address is a base, and its index small. */
static uint32_t make(struct a64_pattern p)
{
	enum a64c_kind kind = a64c_kind(p.value, p.mask);
	bool mem = kind == A64C_MEM || kind == A64C_ALIGNED;
	uint32_t i;
	unsigned tries = 0;

	do {
		i = a64c_pick(p.value, p.mask, kind);
		if (mem && (i & 0x3b000000) == 0x39000000)
			i &= ~0x003f0000u;
		if (mem)
			i = with(i, 5, BASES + (unsigned)(a64c_rnd() & 7));
		for (unsigned lo = 0; lo < 25; lo += lo ? lo == 10 ? 6 : 5 : 10) /* 0, 10, 16: what may be written */
			if (field_is_free(p, lo) && (i >> lo & 31) >= BASES && (i >> lo & 31) < 30)
				i = with(i, lo, (i >> lo & 31) - 16);
		if (mem && ((p.value & 0x3b200c00) == 0x38200800 || ((p.value & 0xbe800000) == 0x0c800000 && (i >> 16 & 31) != 31)))
			i = with(i, 16, INDEX + (unsigned)(a64c_rnd() & 1));
	} while (((mem && a64c_unpredictable(i)) || (i & 0xbff80c00) == 0x2f000c00) && tries++ < 50);
	if (kind == A64C_B19)
		i = (i & ~0x00ffffe0u) | 2 << 5;
	if (kind == A64C_B14)
		i = (i & ~0x0007ffe0u) | 2 << 5;
	return i;
}

static void begin(struct a64c_state *s)
{
	memset(s, 0, sizeof *s);
	for (unsigned n = 0; n < 32; n++)
		s->x[n] = n >= BASES && n < INDEX ? A64C_MEMORY + A64C_WINDOW / 2 + (n - BASES) * 512 : a64c_word();
	s->x[INDEX] = a64c_rnd() & 63, s->x[INDEX + 1] = a64c_rnd() & 255;
	s->x[31] &= ~15ull;
	s->nzcv = (a64c_rnd() & 15) << 28;
	if (!(a64c_rnd() & 3))
		s->fpcr = a64c_rnd() & 0x07c80000;
	for (unsigned n = 0; n < 64; n++)
		a64c_put(s->v[n / 2] + n % 2 * 8, a64c_word());
}

static void print(uint64_t seed)
{
	printf("# seed %llu:\n", (unsigned long long)seed);
	for (unsigned n = 0; n < LENGTH; n++) {
		char text[128];
		isa_aarch64.disassemble(&bench[0].c->cpu, A64C_CODE + n * 4, (const uint8_t *)&a64b_code[n], 4, text, sizeof text);
		printf("#   %08x %s\n", a64b_code[n], text);
	}
}

/* Each round goes through it once, from where the last one ended. False: a difference. */
static bool sequence(uint64_t seed, unsigned *ran)
{
	static uint8_t memory[3][A64C_WINDOW];
	struct a64c_state start, s[3];
	int sig[3];
	uint64_t address[3];

	a64c_seed = seed * 0x9e3779b97f4a7c15ull;
	for (unsigned n = 0; n < LENGTH; n++) {
		struct a64_pattern p;
		a64_row_pattern(usable[a64c_rnd() % usables], &p);
		a64b_code[n] = make(p);
	}
	/* A last branch over the end leads to the end. */
	a64b_code[LENGTH] = 0xd503201f;
	a64b_code[LENGTH + 1] = 0xd4000001 | 0x1234 << 5;
	begin(&start);
	for (unsigned b = 0; b < 3; b++) {
		a64b_changed(&bench[b]);
		a64b_load(&bench[b], &start);
		bench[b].c->cpu.trap.address = 0;
		if (b == 2)
			a64b_forget(&bench[b], a64_front.cold_runs - 2);
	}
	for (unsigned round = 0; round < ROUNDS; round++) {
		for (unsigned b = 0; b < 3; b++) {
			if (round)
				memcpy(a64b_memory, memory[b], A64C_WINDOW);
			sig[b] = a64b_run(&bench[b], A64C_CODE, A64C_CODE + (LENGTH + 2) * 4, &address[b]);
			a64b_store(&bench[b], &s[b]);
			memcpy(memory[b], a64b_memory, A64C_WINDOW);
			memcpy(a64b_memory, a64b_plain, A64C_WINDOW);
			*ran += LENGTH;
		}
		for (unsigned b = 1; b < 3; b++)
			if (sig[b] != sig[0] || address[b] != address[0] || memcmp(&s[b], &s[0], sizeof s[0]) ||
			    bench[b].c->pc != bench[0].c->pc || memcmp(memory[b], memory[0], A64C_WINDOW)) {
				print(seed);
				printf("# round %u, %s: signal %d at %llx, T0: %d at %llx\n", round, name[b], sig[b], (long long)address[b], sig[0],
				       (long long)address[0]);
				for (unsigned n = 0; n < 35; n++) {
					uint64_t a = n < 32 ? s[0].x[n] : (&s[0].nzcv)[n - 32], d = n < 32 ? s[b].x[n] : (&s[b].nzcv)[n - 32];
					if (a != d)
						printf("#   %s%u: T0 %016llx, %s %016llx\n", n < 32 ? "x" : "nzcv fpcr fpsr +", n, (long long)a, name[b], (long long)d);
				}
				for (unsigned n = 0; n < 32; n++)
					if (memcmp(s[0].v[n], s[b].v[n], 16))
						printf("#   v%u differs\n", n);
				return false;
			}
		if (sig[0])
			break;
		/* Bases again, which have moved. */
		for (unsigned b = 0; b < 3; b++)
			for (unsigned n = BASES; n <= INDEX + 1; n++)
				bench[b].c->x[n] = start.x[n];
	}
	return true;
}

int main(void)
{
	uint64_t seed = getenv("SEED") ? strtoull(getenv("SEED"), NULL, 10) : 1, count = getenv("COUNT") ? strtoull(getenv("COUNT"), NULL, 10) : 4000;
	unsigned bad = 0, ran = 0;

	for (unsigned r = 0; r < a64_row_count(); r++)
		if (fits(r))
			usable[usables++] = (uint16_t)r;
	a64b_maps();
	bench[0] = a64b_new(&isa_aarch64, JIT_INTERPRET, true, false, NULL);
	bench[1] = a64b_new(&isa_aarch64, JIT_TRANSLATE, false, false, NULL);
	bench[2] = a64b_new(&isa_aarch64, JIT_TRANSLATE, false, true, NULL);
	ok(usables > 800, "sequences are made of %u rows", usables);
	for (uint64_t n = 0; n < count && bad < 5; n++)
		bad += !sequence(seed + n, &ran);
	ok(!bad, "%llu sequences do the same under T0, T1, and cold at first: %u instructions", (unsigned long long)count, ran);
	return tap_done();
}
