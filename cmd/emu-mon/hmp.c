/* SPDX-License-Identifier: GPL-2.0-or-later */
/* HMP: finding commands, help, carrying out a line. */
#include <ctype.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include "hmp-rows.h"

#define ROWS_MAX 256

bool hmp_row_named(const struct hmp_row *r, const char *name, size_t size)
{
	const char *p = r->name;

	while (*p) {
		size_t n = strcspn(p, "|");
		if (n == size && !memcmp(p, name, n))
			return true;
		p += n + (p[n] == '|');
	}
	return false;
}

static const struct hmp_row *const *tables(bool info)
{
	return info ? hmp_info_tables : hmp_tables;
}

const struct hmp_row *hmp_row_find(bool info, const char *name, size_t size)
{
	for (const struct hmp_row *const *t = tables(info); *t; t++)
		for (const struct hmp_row *r = *t; r->name; r++)
			if (hmp_row_named(r, name, size))
				return r;
	return NULL;
}

/* Each row once, in order of names; made when it is first asked for. */
static struct {
	pthread_once_t once;
	const struct hmp_row *row[ROWS_MAX];
	unsigned count;
} sorted[2] = {{.once = PTHREAD_ONCE_INIT}, {.once = PTHREAD_ONCE_INIT}};

static int by_name(const void *a, const void *b)
{
	const struct hmp_row *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

static void sort_rows(bool info)
{
	for (const struct hmp_row *const *t = tables(info); *t; t++)
		for (const struct hmp_row *r = *t; r->name && sorted[info].count < ROWS_MAX; r++)
			sorted[info].row[sorted[info].count++] = r;
	qsort(sorted[info].row, sorted[info].count, sizeof *sorted[info].row, by_name);
}

static void sort_commands(void)
{
	sort_rows(false);
}

static void sort_infos(void)
{
	sort_rows(true);
}

const struct hmp_row *hmp_row_at(bool info, unsigned n)
{
	pthread_once(&sorted[info].once, info ? sort_infos : sort_commands);
	return n < sorted[info].count ? sorted[info].row[n] : NULL;
}

void hmp_error(struct task *t, const struct err *e)
{
	fprintf(t->out, "Error: %s\n", e->msg);
	if (*e->hint)
		fprintf(t->out, "%s\n", e->hint);
	t->failed = true;
}

bool hmp_call(struct task *t, const char *command, json_t *args, json_t **result)
{
	struct err e = ERR_INIT;
	json_t *r = mon_call(t, command, args, &e);

	if (result)
		*result = r;
	else
		json_decref(r);
	if (r)
		return true;
	hmp_error(t, &e);
	return false;
}

/* ---- help ---- */

static void help_row(FILE *out, const struct hmp_row *r, bool info)
{
	fprintf(out, "%s%s %s -- %s\n", info ? "info " : "", r->name, r->params ? r->params : "", r->help);
}

static void help_all(FILE *out, bool info)
{
	const struct hmp_row *rows[ROWS_MAX];
	unsigned n = 0;

	while (n < ROWS_MAX && (rows[n] = hmp_row_at(info, n)))
		n++;
	for (unsigned i = 0; i < n; i++)
		help_row(out, rows[i], info);
}


static void help(struct task *t, const struct hmp_args *a)
{
	const char *of = arg_str(a, "name"), *p = of ? of : "";
	bool info = false;
	size_t n;

	while (isspace((unsigned char)*p))
		p++;
	if (!*p) {
		help_all(t->out, false);
		return;
	}
	n = strcspn(p, " \t");
	if (n == 4 && !memcmp(p, "info", 4)) {
		for (p += n; isspace((unsigned char)*p); p++)
			;
		info = true;
		n = strcspn(p, " \t");
		if (!*p) {
			help_all(t->out, true);
			return;
		}
	} else if (n == 3 && !memcmp(p, "log", 3)) {
		hmp_log_items(t->out);
		return;
	}
	const struct hmp_row *r = hmp_row_find(info, p, n);
	if (r) {
		help_row(t->out, r, info);
	} else {
		fprintf(t->out, "unknown command: '%s%.*s'\n", info ? "info " : "", (int)n, p);
		t->failed = true;
	}
}

static void info(struct task *t, const struct hmp_args *a)
{
	(void)a;
	help_all(t->out, true);
}

const struct hmp_row hmp_own_rows[] = {
	{.name = "help|?", .args = "name:S?", .params = "[cmd]", .help = "show what a command does, or all of them", .run = help},
	{.name = "info", .args = "item:s?", .params = "[subcommand]", .help = "show various things about the machine; 'help info' lists them", .run = info},
	{0}};

/* ---- a line ---- */

static void missing(struct task *t, const struct hmp_row *row, bool is_info)
{
	struct err e = ERR_INIT;

	err_set(&e, ENOTSUP, "%s%.*s needs %s", is_info ? "info " : "", (int)strcspn(row->name, "|"), row->name, row->needs);
	if (row->from)
		err_hint(&e, "%s", row->from);
	hmp_error(t, &e);
}

void hmp_line(struct task *t, const char *line)
{
	const struct hmp_row *row;
	const char *p = line, *name;
	char typed[HMP_TYPED];
	struct hmp_args *a;
	bool is_info = false;
	size_t n;

	while (isspace((unsigned char)*p))
		p++;
	if (!*p)
		return;
	name = p;
	n = strcspn(p, " \t\r\n/");
	row = hmp_row_find(false, p, n);
	p += n;
	snprintf(typed, sizeof typed, "%.*s", (int)(n > 40 ? 40 : n), name);
	if (row && n == 4 && !memcmp(name, "info", 4)) {
		const char *sub = p;
		while (isspace((unsigned char)*sub))
			sub++;
		if (*sub) {
			n = strcspn(sub, " \t\r\n/");
			row = hmp_row_find(true, sub, n);
			is_info = true;
			p = sub + n;
			snprintf(typed, sizeof typed, "info %.*s", (int)(n > 40 ? 40 : n), sub);
		}
	}
	if (!row) {
		fprintf(t->out, "unknown command: '%s'\n", typed);
		t->failed = true;
		return;
	}
	a = hmp_args_parse(t, row, typed, p);
	if (!a)
		t->failed = true;
	else if (row->run)
		row->run(t, a);
	else
		missing(t, row, is_info);
	hmp_args_free(a);
}
