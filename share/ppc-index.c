/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Makes the decoder's index of the PowerPC rows (lib/isa/ppc/rows.h) and checks them: no two rows that overlap unless the
 * first is a special case of the other, no row that is never reached, no value outside of its mask.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "isa/ppc/rows.h"

static const struct row {
	struct ppc_pattern p;
	const char *name, *operands, *feature;
} rows[] = {
#define ROW(...) ROW_(__VA_ARGS__)
#define ROW_(value, mask, name, operands, fn, arg, feature) {{value, mask}, name, operands, #feature},
#include "isa/ppc/rows.def"
#undef ROW_
#undef ROW
};
#define ROWS (sizeof rows / sizeof rows[0])

/* Is everything that a matches matched by b too? */
static bool within(const struct ppc_pattern *a, const struct ppc_pattern *b)
{
	return (a->mask & b->mask) == b->mask && (a->value & b->mask) == b->value;
}

/*
 * `list` (`list32`: of a processor of 32 bits with AltiVec): the patterns with which tests/isa/ppc-runner.c makes its cases: no branch, no trap, nothing that differs by design. Behind
 * value and mask: how it accesses memory: 0 not at all, 1 at (RA|0) + displacement, 2 at (RA|0) + (RB), 3 the same and aligned, 4 at (RA|0).
 */
static bool listed(const struct row *r, const char *which)
{
	static const char *const narrow[] = {"BASE", "FPU", "GRAPHICS", "ALTIVEC", NULL};

	if (strcmp(which, "list32"))
		return true;
	if (!strncmp(r->name, "mffs", 4) && strcmp(r->name, "mffs.")) /* reserved fields there */
		return false;
	for (unsigned k = 0; narrow[k]; k++)
		if (!strcmp(narrow[k], r->feature))
			return true;
	return false;
}

static int list(const char *which)
{
	static const char *const left_out[] = {"sc", "@b", "@bc", "@bclr", "@bcctr", "@bctar", "mfspr", "mtspr", "mftb", "darn", "wait", "dcbz",
					       "isync", "addpcis", "lswx", "stswx", "fre.", "fres.", "frsqrte.", "frsqrtes.",
					       /* the peer ends itself where these are not aligned in little-endian order */
					       "lmw", "stmw", "lswi", "stswi", "lq", "stq", "lqarx", "stqcx.",
					       /* hints whose reserved bits are looked at or not */
					       "dcba", "icbt", "dss", "dst", "dstst", "dcbf",
					       /* estimates */
					       "xsredp", "xsresp", "xsrsqrtedp", "xsrsqrtesp", "xvredp", "xvresp", "xvrsqrtedp", "xvrsqrtesp",
					       "vrefp", "vrsqrtefp", "vexptefp", "vlogefp", NULL};

	for (unsigned i = 0; i < ROWS; i++) {
		const struct row *r = &rows[i];
		const char *o = r->operands;
		bool skip = !listed(r, which);
		int kind = 0;
		for (unsigned k = 0; left_out[k]; k++)
			skip |= !strcmp(left_out[k], r->name);
		if (skip)
			continue;
		if ((o[0] && (strstr(o, ", D") && !strstr(o, ", DM") && !strstr(o, ", DC"))) || !strcmp(o, "XTQ, DQ"))
			kind = 1;
		else if (strstr(o, "NB"))
			kind = 4;
		else if (r->p.value >> 26 == 31 && (strstr(o, "RA0, RB") || !strncmp(o, "RT, RA, RB", 10) || !strncmp(o, "FRT, RA, RB", 11)) &&
			 (r->name[0] == 'l' || !strncmp(r->name, "st", 2) || !strncmp(r->name, "dc", 2) || !strncmp(r->name, "ic", 2)) &&
			 strncmp(r->name, "lvs", 3))
			kind = strstr(r->name, "arx") || strstr(r->name, "cx.") ? 3 : 2;
		printf("%08x %08x %d %s\n", r->p.value, r->p.mask, kind, r->name);
	}
	return 0;
}

int main(int argc, char **argv)
{
	unsigned bad = 0, total = 0, *start = calloc(PPC_INDEX_SIZE + 1, sizeof *start);

	for (unsigned i = 0; i < ROWS; i++) {
		if (rows[i].p.value & ~rows[i].p.mask)
			fprintf(stderr, "%s: the value is wider than its mask\n", rows[i].name), bad++;
		for (unsigned k = 0; k < i; k++) {
			const struct ppc_pattern *a = &rows[k].p, *b = &rows[i].p;
			if ((a->value ^ b->value) & a->mask & b->mask)
				continue;
			if (within(b, a))
				fprintf(stderr, "%s is never reached: %s is in front\n", rows[i].name, rows[k].name), bad++;
			else if (!within(a, b))
				fprintf(stderr, "%s and %s overlap\n", rows[k].name, rows[i].name), bad++;
		}
	}
	if (bad || !start)
		return 1;
	if (argc > 1)
		return list(argv[1]);
	printf("static const struct ppc_pattern patterns[] = {\n");
	for (unsigned i = 0; i < ROWS; i++)
		printf("\t{0x%08x, 0x%08x}, /* %s */\n", rows[i].p.value, rows[i].p.mask, rows[i].name);
	printf("};\nstatic const uint16_t candidates[] = {\n");
	for (unsigned key = 0; key < PPC_INDEX_SIZE; key++) {
		struct ppc_pattern here = {key >> 5 << 26 | (key & 31) << 1, PPC_INDEX_BITS};
		start[key] = total;
		for (unsigned i = 0; i < ROWS; i++)
			if (!((here.value ^ rows[i].p.value) & here.mask & rows[i].p.mask)) {
				printf("%u,", i);
				total++;
			}
		if (start[key] != total)
			printf("\n");
	}
	start[PPC_INDEX_SIZE] = total;
	printf("0};\nstatic const uint16_t starts[] = {\n");
	for (unsigned key = 0; key <= PPC_INDEX_SIZE; key++)
		printf("%u,%s", start[key], key % 16 == 15 ? "\n" : "");
	printf("};\n");
	free(start);
	return 0;
}
