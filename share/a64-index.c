/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Makes the decoder's index of the A64 rows (lib/isa/aarch64/rows.h) and checks them: 32 bits a pattern, no two rows that
 * overlap unless the first is a special case of the other, no row that is never reached.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include "isa/aarch64/rows.h"

static const struct {
	const char *bits, *name;
} rows[] = {
#define ROW(bits, name, operands, fn, arg, feature) {bits, name},
#include "isa/aarch64/rows.def"
#undef ROW
};
#define ROWS (sizeof rows / sizeof rows[0])

static struct a64_pattern pattern[ROWS];

static bool parse(const char *s, struct a64_pattern *p)
{
	unsigned n = 0;

	*p = (struct a64_pattern){0, 0};
	for (; *s; s++) {
		if (*s == ' ')
			continue;
		p->value = p->value << 1 | (*s == '1');
		p->mask = p->mask << 1 | (*s == '0' || *s == '1');
		n++;
	}
	return n == 32;
}

/* Is everything that a matches matched by b too? */
static bool within(const struct a64_pattern *a, const struct a64_pattern *b)
{
	return (a->mask & b->mask) == b->mask && (a->value & b->mask) == b->value;
}

/* `list`: the patterns with which tests/isa/aarch64-runner.c makes its cases: no branch, no literal, nothing that differs by design. */
static int list(void)
{
	static const struct { uint32_t value, mask; } left_out[] = {
		{0x54000000, 0x7c000000}, {0x14000000, 0x7c000000}, {0x34000000, 0x7c000000}, /* branches, system */
		{0xd4000000, 0xfc000000}, {0xd6000000, 0xfe000000},
		{0x10000000, 0x1f000000}, {0x18000000, 0x3b000000},                           /* relative to pc */
		{0xdac10000, 0xffff0000}, {0x9ac03000, 0xffe0fc00}, {0xf8200400, 0xff200400}, /* pointer authentication */
	};

	for (unsigned i = 0; i < ROWS; i++) {
		bool skip = false;
		for (unsigned k = 0; k < sizeof left_out / sizeof left_out[0]; k++)
			skip |= (pattern[i].mask & left_out[k].mask) == left_out[k].mask &&
				(pattern[i].value & left_out[k].mask) == left_out[k].value;
		if (skip)
			continue;
		uint32_t top = pattern[i].value >> 24 & 0x3f;
		bool memory = (pattern[i].value & 0x0a000000) == 0x08000000 && (pattern[i].mask & 0x0a000000) == 0x0a000000;
		/* What must be aligned: exclusive, ordered, atomic. */
		bool aligned = memory && (top == 0x08 || top == 0x19 || (top == 0x38 && pattern[i].value & 1u << 21 && !(pattern[i].value & 1u << 11)));
		printf("%08x %08x %u %s\n", pattern[i].value, pattern[i].mask, memory ? aligned ? 2 : 1 : 0, rows[i].name);
	}
	return 0;
}

int main(int argc, char **argv)
{
	(void)argv;
	unsigned bad = 0, total = 0;

	for (unsigned i = 0; i < ROWS; i++) {
		if (!parse(rows[i].bits, &pattern[i])) {
			fprintf(stderr, "%s: '%s' is not 32 bits\n", rows[i].name, rows[i].bits);
			bad++;
		}
		for (unsigned k = 0; k < i; k++) {
			const struct a64_pattern *a = &pattern[k], *b = &pattern[i];
			if ((a->value ^ b->value) & a->mask & b->mask)
				continue;
			if (within(b, a))
				fprintf(stderr, "%s (%s) is never reached: %s is in front\n", rows[i].name, rows[i].bits, rows[k].name), bad++;
			else if (!within(a, b))
				fprintf(stderr, "%s (%s) and %s (%s) overlap\n", rows[k].name, rows[k].bits, rows[i].name, rows[i].bits), bad++;
		}
	}
	if (bad)
		return 1;
	if (argc > 1)
		return list();
	printf("static const struct a64_pattern patterns[] = {\n");
	for (unsigned i = 0; i < ROWS; i++)
		printf("\t{0x%08x, 0x%08x}, /* %s */\n", pattern[i].value, pattern[i].mask, rows[i].name);
	printf("};\nstatic const uint16_t candidates[] = {\n");
	unsigned *start = calloc((1u << A64_INDEX_BITS) + 1, sizeof *start);
	for (unsigned top = 0; top < 1u << A64_INDEX_BITS; top++) {
		struct a64_pattern here = {top << (32 - A64_INDEX_BITS), ~0u << (32 - A64_INDEX_BITS)};
		start[top] = total;
		for (unsigned i = 0; i < ROWS; i++)
			if (!((here.value ^ pattern[i].value) & here.mask & pattern[i].mask)) {
				printf("%u,", i);
				total++;
			}
		if (start[top] != total)
			printf("\n");
	}
	start[1u << A64_INDEX_BITS] = total;
	printf("0};\nstatic const uint16_t starts[] = {\n");
	for (unsigned top = 0; top <= 1u << A64_INDEX_BITS; top++)
		printf("%u,%s", start[top], top % 16 == 15 ? "\n" : "");
	printf("};\n");
	return 0;
}
