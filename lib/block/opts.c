/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Checked option sets of drivers: create options, amend options and runtime options share them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/keyval.h"
#include "base/size.h"
#include "block/block.h"

struct blk_opts {
	const struct blk_option *table;
	unsigned count;
	char **value; /* parallel to the table; NULL: not set */
};

struct blk_opts *blk_opts_new(const struct blk_option *table)
{
	struct blk_opts *o = calloc(1, sizeof *o);

	if (!o)
		return NULL;
	o->table = table;
	while (table && table[o->count].name)
		o->count++;
	o->value = calloc(o->count + 1, sizeof *o->value);
	if (!o->value) {
		free(o);
		return NULL;
	}
	return o;
}

void blk_opts_free(struct blk_opts *o)
{
	if (!o)
		return;
	for (unsigned i = 0; i < o->count; i++)
		free(o->value[i]);
	free(o->value);
	free(o);
}

static int find(const struct blk_opts *o, const char *name)
{
	for (unsigned i = 0; o && i < o->count; i++)
		if (!strcmp(o->table[i].name, name))
			return (int)i;
	return -1;
}

static int parse_bool(const char *v, bool *out)
{
	static const char *const yes[] = {"on", "yes", "true", "y", NULL};
	static const char *const no[] = {"off", "no", "false", "n", NULL};

	for (unsigned i = 0; yes[i]; i++)
		if (!strcmp(v, yes[i])) {
			*out = true;
			return 0;
		}
	for (unsigned i = 0; no[i]; i++)
		if (!strcmp(v, no[i])) {
			*out = false;
			return 0;
		}
	return -EINVAL;
}

static int check_choice(const struct blk_option *t, const char *value, struct err *e)
{
	char list[400] = "";
	size_t n = 0;

	for (unsigned i = 0; t->choices[i]; i++) {
		if (!strcmp(t->choices[i], value))
			return 0;
		n += (size_t)snprintf(list + n, n < sizeof list ? sizeof list - n : 0, "%s%s", i ? ", " : "", t->choices[i]);
		if (n >= sizeof list)
			n = sizeof list - 1;
	}
	return err_set(e, EINVAL, "Invalid parameter '%s' for '%s'; accepted are: %s", value, t->name, list);
}

int blk_opts_set(struct blk_opts *o, const char *name, const char *value, struct err *e)
{
	int i = find(o, name);
	const struct blk_option *t;
	char text[32];
	bool b;
	uint64_t size;
	char *copy;

	if (i < 0)
		return err_set(e, ENOENT, "Invalid parameter '%s'", name);
	t = &o->table[i];
	switch (t->type) {
	case BLK_OPT_BOOL:
		if (parse_bool(value, &b))
			return err_set(e, EINVAL, "Parameter '%s' expects 'on' or 'off'", name);
		value = b ? "on" : "off";
		break;
	case BLK_OPT_SIZE:
		if (size_parse(value, 'B', &size, e)) {
			return err_set(e, EINVAL, "Parameter '%s' expects a non-negative number below 2^64", name),
			       err_hint(e, "Optional suffix k, M, G, T, P or E means kilo-, mega-, giga-, tera-, peta-\n"
					   "and exabytes, respectively.");
		}
		snprintf(text, sizeof text, "%llu", (unsigned long long)size);
		value = text;
		break;
	case BLK_OPT_NUMBER: {
		char *end;
		errno = 0;
		unsigned long long v = strtoull(value, &end, 0);
		if (errno || end == value || *end || value[0] == '-')
			return err_set(e, EINVAL, "Parameter '%s' expects a number", name);
		snprintf(text, sizeof text, "%llu", v);
		value = text;
		break;
	}
	case BLK_OPT_STRING:
		if (t->choices && check_choice(t, value, e))
			return -EINVAL;
		break;
	}
	copy = strdup(value);
	if (!copy)
		return err_errno(e, ENOMEM, "%s", name);
	free(o->value[i]);
	o->value[i] = copy;
	return 0;
}

bool blk_opts_has(const struct blk_opts *o, const char *name)
{
	int i = find(o, name);
	return i >= 0 && o->value[i];
}

const char *blk_opts_string(const struct blk_opts *o, const char *name)
{
	int i = find(o, name);

	if (i < 0)
		return NULL;
	return o->value[i] ? o->value[i] : o->table[i].def;
}

bool blk_opts_bool(const struct blk_opts *o, const char *name, bool otherwise)
{
	const char *v = blk_opts_string(o, name);
	bool b;

	return v && !parse_bool(v, &b) ? b : otherwise;
}

uint64_t blk_opts_size(const struct blk_opts *o, const char *name, uint64_t otherwise)
{
	const char *v = blk_opts_string(o, name);
	uint64_t n;

	return v && !size_parse(v, 'B', &n, NULL) ? n : otherwise;
}

uint64_t blk_opts_number(const struct blk_opts *o, const char *name, uint64_t otherwise)
{
	const char *v = blk_opts_string(o, name);
	return v ? strtoull(v, NULL, 0) : otherwise;
}

void blk_opts_unset(struct blk_opts *o, const char *name)
{
	int i = find(o, name);

	if (i >= 0) {
		free(o->value[i]);
		o->value[i] = NULL;
	}
}

char *blk_opts_describe(const struct blk_opts *o)
{
	char *out = NULL;
	size_t size;
	FILE *f = open_memstream(&out, &size);

	if (!f)
		return NULL;
	for (unsigned i = 0; o && i < o->count; i++) {
		const struct blk_option *t = &o->table[i];
		const char *v = o->value[i] ? o->value[i] : t->def;
		char *q;
		if (!v)
			continue;
		q = t->type == BLK_OPT_STRING ? keyval_quote(v) : NULL;
		if (t->type == BLK_OPT_SIZE)
			fprintf(f, " %s=%llu", t->name, (unsigned long long)blk_opts_size(o, t->name, 0));
		else
			fprintf(f, " %s=%s", t->name, q ? q : v);
		free(q);
	}
	fclose(f);
	return out;
}
