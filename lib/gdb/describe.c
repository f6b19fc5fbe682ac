/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The target description: XML of all registers, with the numbers that g, p and their like use (gdb manual, appendix G). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "gdb/own.h"

static void registers(struct gdb *g, FILE *f)
{
	const char *feature = NULL;
	struct gdb_reg r;

	for (unsigned n = 0; g->t->reg(g->opaque, n, &r); n++) {
		if (!feature || strcmp(feature, r.feature)) {
			if (feature)
				fputs("</feature>", f);
			feature = r.feature;
			fprintf(f, "<feature name=\"%s\">%s", feature, g->t->types ? g->t->types(g->opaque, feature) : "");
		}
		fprintf(f, "<reg name=\"%s\" bitsize=\"%u\" type=\"%s\" regnum=\"%u\"", r.name, r.bits, r.type, n);
		if (r.group)
			fprintf(f, " group=\"%s\"", r.group);
		fputs("/>", f);
	}
	if (feature)
		fputs("</feature>", f);
}

int gdb_describe(struct gdb *g)
{
	FILE *f;

	if (g->description)
		return 0;
	f = open_memstream(&g->description, &g->description_size);
	if (!f)
		return -ENOMEM;
	fprintf(f, "<?xml version=\"1.0\"?><!DOCTYPE target SYSTEM \"gdb-target.dtd\"><target version=\"1.0\"><architecture>%s</architecture>",
		g->t->arch);
	if (g->t->osabi)
		fprintf(f, "<osabi>%s</osabi>", g->t->osabi);
	registers(g, f);
	fputs("</target>", f);
	if (fclose(f) == 0)
		return 0;
	free(g->description);
	g->description = NULL;
	return -ENOMEM;
}
