/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The option tables as text: --help, the man page's OPTIONS section, shell completion. */
#include "base/opt.h"

#include <ctype.h>
#include <string.h>

static void left_column(const struct opt_table *t, const struct opt *o, char *buf, size_t size)
{
	bool classic = t->flags & OPT_CLASSIC;
	size_t n = 0;

	buf[0] = '\0';
	if (o->letter)
		n = (size_t)snprintf(buf, size, "-%c%s", o->letter, o->name ? ", " : "");
	if (o->name && n < size)
		n += (size_t)snprintf(buf + n, size - n, "%s%s", classic ? "-" : "--", o->name);
	if (o->arg && n < size) {
		const char *sep = classic || !o->name ? " " : "=";
		snprintf(buf + n, size - n, o->optional_arg ? "[%s%s]" : "%s%s", sep, o->arg);
	}
}

void opt_help(const struct opt_table *t, FILE *f)
{
	fprintf(f, "usage: %s %s\n%s\n\n", err_program(), t->usage, t->summary);
	for (unsigned i = 0; i < t->count; i++) {
		const struct opt *o = &t->opts[i];
		char left[120];

		if (o->hidden || o->replaced_by)
			continue;
		left_column(t, o, left, sizeof left);
		if (strlen(left) > 24)
			fprintf(f, "  %s\n  %-24s  %s", left, "", o->help);
		else
			fprintf(f, "  %-24s  %s", left, o->help);
		if (o->choices) {
			fputs(" (", f);
			for (int c = 0; o->choices[c]; c++)
				fprintf(f, "%s%s", c ? ", " : "", o->choices[c]);
			fputc(')', f);
		}
		if (o->def)
			fprintf(f, " [%s]", o->def);
		if (o->env)
			fprintf(f, " ($%s)", o->env);
		fputc('\n', f);
	}
	if (t->epilog)
		fprintf(f, "\n%s\n", t->epilog);
}

/* Text with troff's own characters escaped; a leading dot would be a request. */
static void troff(const char *s, FILE *f)
{
	bool start = true;

	for (; *s; s++) {
		if (start && (*s == '.' || *s == '\''))
			fputs("\\&", f);
		start = *s == '\n';
		if (*s == '\\')
			fputs("\\e", f);
		else if (*s == '-')
			fputs("\\-", f);
		else
			fputc(*s, f);
	}
}

void opt_man(const struct opt_table *t, FILE *f)
{
	fputs(".SH OPTIONS\n", f);
	opt_man_rows(t, f);
}

void opt_man_rows(const struct opt_table *t, FILE *f)
{
	for (unsigned i = 0; i < t->count; i++) {
		const struct opt *o = &t->opts[i];
		char left[120];

		if (o->hidden)
			continue;
		left_column(t, o, left, sizeof left);
		fputs(".TP\n\\fB", f);
		troff(left, f);
		fputs("\\fR\n", f);
		if (o->replaced_by) {
			fputs("An old spelling; use ", f);
			troff(o->replaced_by, f);
			fputs(" instead.\n", f);
			continue;
		}
		if (o->man) {
			troff(o->man, f);
		} else {
			/* The help line as a sentence. */
			fputc(toupper((unsigned char)o->help[0]), f);
			troff(o->help + 1, f);
			fputc('.', f);
		}
		fputc('\n', f);
		if (o->choices) {
			fputs("One of ", f);
			for (int c = 0; o->choices[c]; c++) {
				fputs(c ? ", \\fB" : "\\fB", f);
				troff(o->choices[c], f);
				fputs("\\fR", f);
			}
			fputs(".\n", f);
		}
		if (o->def) {
			fputs("The default is ", f);
			troff(o->def, f);
			fputs(".\n", f);
		}
		if (o->env) {
			fputs("The environment variable ", f);
			troff(o->env, f);
			fputs(" does the same.\n", f);
		}
	}
}

void opt_completion(const struct opt_table *t, FILE *f)
{
	bool classic = t->flags & OPT_CLASSIC;
	char fn[64];
	size_t n = 0;

	for (const char *p = t->program; *p && n + 1 < sizeof fn; p++)
		fn[n++] = isalnum((unsigned char)*p) ? *p : '_';
	fn[n] = '\0';
	fprintf(f, "_%s()\n{\n\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n\tcase $prev in\n", fn);
	for (unsigned i = 0; i < t->count; i++) {
		const struct opt *o = &t->opts[i];
		if (!o->choices || !o->name)
			continue;
		fprintf(f, "\t%s%s) COMPREPLY=($(compgen -W '", classic ? "-" : "--", o->name);
		for (int c = 0; o->choices[c]; c++)
			fprintf(f, "%s%s", c ? " " : "", o->choices[c]);
		fputs("' -- \"$cur\")); return ;;\n", f);
	}
	fputs("\tesac\n\tcase $cur in\n\t-*) COMPREPLY=($(compgen -W '", f);
	for (unsigned i = 0; i < t->count; i++) {
		const struct opt *o = &t->opts[i];
		if (o->hidden || o->replaced_by)
			continue;
		if (o->name)
			fprintf(f, " %s%s", classic ? "-" : "--", o->name);
		if (o->letter)
			fprintf(f, " -%c", o->letter);
	}
	fprintf(f, "' -- \"$cur\")) ;;\n\t*) COMPREPLY=($(compgen -f -- \"$cur\")) ;;\n\tesac\n}\ncomplete -o filenames -F _%s %s\n",
		fn, t->program);
}
