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

int main(void)
{
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
