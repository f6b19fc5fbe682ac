/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `info mtree`: the trees, or with -f the flattened views, line by line as the classic monitor prints them. */
#include <inttypes.h>
#include <stdlib.h>
#include "memory-internal.h"

static const char *kind_name(const struct region *r, bool readonly)
{
	switch (r->kind) {
	case REGION_RAM: return readonly ? "rom" : "ram";
	case REGION_ROM: return r->ops ? "romd" : "rom";
	default: return "i/o";
	}
}

/* Aliased regions that hang in no tree that is printed get a section of their own. */
struct seen {
	const struct region **region;
	unsigned count, size;
};

static void remember(struct seen *s, const struct region *r)
{
	for (unsigned i = 0; i < s->count; i++)
		if (s->region[i] == r)
			return;
	if (s->count == s->size) {
		unsigned size = s->size ? 2 * s->size : 16;
		const struct region **more = realloc(s->region, size * sizeof *more);
		if (!more)
			return;
		s->region = more;
		s->size = size;
	}
	s->region[s->count++] = r;
}

static void print_tree(const struct region *r, unsigned level, uint64_t base, struct seen *aliased, FILE *f)
{
	uint64_t start = base + r->at;

	fprintf(f, "%*s%016" PRIx64 "-%016" PRIx64 " (prio %d, %s): ", (int)(2 * level), "", start, start + r->last, r->priority,
		r->kind == REGION_ALIAS ? kind_name(r->of, r->readonly) : kind_name(r, r->readonly));
	if (r->kind == REGION_ALIAS) {
		fprintf(f, "alias %s @%s %016" PRIx64 "-%016" PRIx64, r->name, r->of->name, r->alias_offset, r->alias_offset + r->last);
		if (!r->of->container)
			remember(aliased, r->of);
	} else {
		fprintf(f, "%s", r->name);
	}
	fprintf(f, "%s\n", r->enabled ? "" : " [disabled]");
	/* Children in the order of their addresses. */
	const struct region *child[512];
	unsigned n = 0;
	for (const struct region *c = r->children; c && n < sizeof child / sizeof *child; c = c->sibling) {
		unsigned i = n++;
		for (; i > 0 && child[i - 1]->at > c->at; i--)
			child[i] = child[i - 1];
		child[i] = c;
	}
	for (unsigned i = 0; i < n && level < 32; i++)
		print_tree(child[i], level + 1, start, aliased, f);
}

static void print_flat(const struct space *s, FILE *f)
{
	const struct view *v = s->view;

	fprintf(f, "FlatView of %s\n Root memory region: %s\n", s->name, v->root->name);
	if (!v->count)
		fprintf(f, "  No rendered FlatView\n");
	for (unsigned i = 0; i < v->count; i++) {
		const struct range *g = &v->range[i];
		fprintf(f, "  %016" PRIx64 "-%016" PRIx64 " (prio %d, %s): %s", g->start, g->last, g->region->priority,
			kind_name(g->region, g->readonly), g->region->name);
		if (g->offset)
			fprintf(f, " @%016" PRIx64, g->offset);
		fputc('\n', f);
	}
	fputc('\n', f);
}

void memory_print(struct machine *m, FILE *f, bool flat)
{
	struct seen aliased = {0};

	for (const struct space *s = memory_of(m)->spaces; s; s = s->next) {
		if (flat) {
			print_flat(s, f);
			continue;
		}
		fprintf(f, "address-space: %s\n", s->name);
		print_tree(s->root, 1, 0, &aliased, f);
		fputc('\n', f);
	}
	for (unsigned i = 0; i < aliased.count; i++) {
		fprintf(f, "memory-region: %s\n", aliased.region[i]->name);
		print_tree(aliased.region[i], 1, 0, &aliased, f);
		fputc('\n', f);
	}
	free(aliased.region);
}
