/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What people see of devices: -device help, -device TYPE,help, info qtree. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "core.h"

static const char *const categories[] = {"Controller/Bridge/Hub", "USB", "Storage", "Network", "Input", "Display", "Sound", "Misc", "CPU", "Watchdog"};

static bool in_category(const struct device_type *t, const char *category)
{
	const char *own = t->category ? t->category : "Misc";

	if (!strcmp(own, category))
		return true;
	if (strcmp(category, "Misc"))
		return false;
	for (unsigned i = 0; i < sizeof categories / sizeof *categories; i++)
		if (!strcmp(own, categories[i]))
			return false;
	return true;
}

static void list_types(FILE *f)
{
	bool first = true;

	for (unsigned c = 0; c < sizeof categories / sizeof *categories; c++) {
		bool title = false;
		const struct device_type *t;
		for (unsigned n = 0; (t = device_type_at(n)); n++) {
			if (!t->user || !in_category(t, categories[c]))
				continue;
			if (!title)
				fprintf(f, "%s%s devices:\n", first ? "" : "\n", categories[c]);
			title = true;
			first = false;
			fprintf(f, "name \"%s\"", t->name);
			if (t->bus)
				fprintf(f, ", bus %s", t->bus);
			if (t->alias)
				fprintf(f, ", alias \"%s\"", t->alias);
			if (t->desc)
				fprintf(f, ", desc \"%s\"", t->desc);
			fputc('\n', f);
		}
	}
}

static int by_name(const void *a, const void *b)
{
	return strcmp((*(const struct prop *const *)a)->name, (*(const struct prop *const *)b)->name);
}

static void print_default(const struct prop *p, FILE *f)
{
	switch ((enum prop_kind)p->kind) {
	case PROP_BOOL:
		fprintf(f, " (default: %s)", p->def ? "true" : "false");
		break;
	case PROP_CHOICE:
		fprintf(f, " (default: \"%s\")", p->choices[p->def]);
		break;
	case PROP_STRING:
		if (p->def_string)
			fprintf(f, " (default: \"%s\")", p->def_string);
		break;
	case PROP_MAC:
	case PROP_DRIVE:
	case PROP_CHARDEV:
	case PROP_NETDEV:
	case PROP_MEMDEV:
		break;
	case PROP_U32:
		fprintf(f, " (default: %" PRIu32 ")", (uint32_t)p->def);
		break;
	default:
		fprintf(f, " (default: %" PRId64 ")", p->def);
	}
}

static void list_props(const struct device_type *t, FILE *f)
{
	const struct prop *sorted[256];
	unsigned n = 0;

	for (const struct prop *p = t->props; p && p->name && n < 256; p++)
		sorted[n++] = p;
	if (!n) {
		fprintf(f, "There are no options for %s.\n", t->name);
		return;
	}
	qsort(sorted, n, sizeof *sorted, by_name);
	fprintf(f, "%s options:\n", t->name);
	for (unsigned i = 0; i < n; i++) {
		char head[100];
		snprintf(head, sizeof head, "%s=<%s>", sorted[i]->name, prop_type_name(sorted[i]));
		fprintf(f, "  %-22s - %s", head, sorted[i]->help ? sorted[i]->help : "");
		for (unsigned k = 0; sorted[i]->kind == PROP_CHOICE && !sorted[i]->help && sorted[i]->choices[k]; k++)
			fprintf(f, "%s%s", k ? "/" : "", sorted[i]->choices[k]);
		print_default(sorted[i], f);
		fputc('\n', f);
	}
}

void device_help(const char *type, FILE *f)
{
	const struct device_type *t = type ? device_type_find(type) : NULL;

	if (!type)
		list_types(f);
	else if (t)
		list_props(t, f);
	else
		fprintf(f, "'%s' is not a valid device model name; -device help lists all\n", type);
}

void device_get(const struct device *d, const struct prop *p, char *buf, size_t size)
{
	prop_get(d, p, buf, size);
}

static void print_bus(const struct bus *b, unsigned indent, FILE *f);

static void print_device(const struct device *d, unsigned indent, FILE *f)
{
	char text[300];

	fprintf(f, "%*sdev: %s, id \"%s\"\n", (int)indent, "", d->type->name, d->id ? d->id : "");
	for (const struct prop *p = d->type->props; p && p->name; p++) {
		device_get(d, p, text, sizeof text);
		fprintf(f, "%*s%s = %s\n", (int)indent + 2, "", p->name, text);
	}
	if (d->parent->place) {
		d->parent->place(d, text, sizeof text);
		fprintf(f, "%*splace %s\n", (int)indent + 2, "", text);
	}
	for (const struct bus *b = d->buses; b; b = b->next)
		print_bus(b, indent + 2, f);
}

static void print_bus(const struct bus *b, unsigned indent, FILE *f)
{
	fprintf(f, "%*sbus: %s\n%*stype %s\n", (int)indent, "", b->name, (int)indent + 2, "", b->kind);
	for (const struct device *d = b->children; d; d = d->next)
		print_device(d, indent + 2, f);
}

void device_print_tree(struct machine *m, FILE *f)
{
	for (const struct bus *b = m->system_bus; b; b = b->next)
		print_bus(b, 0, f);
}
