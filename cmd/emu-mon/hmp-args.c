/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Arguments of HMP commands. A row's `args` is a list NAME:TYPE,NAME:TYPE…; a ? behind a type makes it optional.
 *
 *   F  file name           B  block device's name      s  string (a word, or "…" with escapes)
 *   O  options, optional   S  all that is left of the line
 *   l  integer expression  i  the same, within 32 bits  M  mebibytes
 *   o  size with a suffix, mebibytes without one       T  seconds, or with ms, us, ns
 *   b  on or off           -x a flag                   /  a format: /COUNT FORMAT SIZE, in fmt, its parts as fmt, count, size
 *   .  an integer after a full stop (i ADDR.INDEX)
 */
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "mon.h"

struct arg {
	char name[24];
	char *str;
	long long value;
	double number;
};

struct hmp_args {
	struct arg arg[24];
	unsigned count;
};

static const struct arg *find(const struct hmp_args *a, const char *name)
{
	for (unsigned i = 0; i < a->count; i++)
		if (!strcmp(a->arg[i].name, name))
			return &a->arg[i];
	return NULL;
}

const char *arg_str(const struct hmp_args *a, const char *name)
{
	const struct arg *x = find(a, name);

	return x ? x->str : NULL;
}

bool arg_has(const struct hmp_args *a, const char *name)
{
	return find(a, name) != NULL;
}

bool arg_flag(const struct hmp_args *a, const char *name)
{
	const struct arg *x = find(a, name);

	return x && x->value;
}

long long arg_int(const struct hmp_args *a, const char *name, long long def)
{
	const struct arg *x = find(a, name);

	return x ? x->value : def;
}

double arg_number(const struct hmp_args *a, const char *name, double def)
{
	const struct arg *x = find(a, name);

	return x ? x->number : def;
}

void hmp_args_free(struct hmp_args *a)
{
	if (!a)
		return;
	for (unsigned i = 0; i < a->count; i++)
		free(a->arg[i].str);
	free(a);
}

static struct arg *add(struct hmp_args *a, const char *name)
{
	struct arg *x = &a->arg[a->count];

	if (a->count >= sizeof a->arg / sizeof *a->arg)
		return &a->arg[a->count - 1]; /* no row has that many: a test looks */
	a->count++;
	snprintf(x->name, sizeof x->name, "%s", name);
	return x;
}

static const char *skip(const char *p)
{
	while (isspace((unsigned char)*p))
		p++;
	return p;
}

/* A word or quoted text; NULL: there is none, or it is malformed (*said: that was told). */
static char *word(const char **pp, FILE *out)
{
	const char *p = skip(*pp);
	char *s, *q;

	*pp = p;
	if (!*p)
		return NULL;
	q = s = malloc(strlen(p) + 1);
	if (!s)
		return NULL;
	if (*p != '"') {
		while (*p && !isspace((unsigned char)*p))
			*q++ = *p++;
		*q = '\0';
		*pp = p;
		return s;
	}
	for (p++; *p && *p != '"'; p++) {
		if (*p != '\\') {
			*q++ = *p;
			continue;
		}
		switch (*++p) {
		case 'n': *q++ = '\n'; break;
		case 'r': *q++ = '\r'; break;
		case '\\': case '\'': case '"': *q++ = *p; break;
		default:
			fprintf(out, "unsupported escape code: '\\%c'\n", *p ? *p : ' ');
			free(s);
			return NULL;
		}
	}
	if (*p != '"') {
		fprintf(out, "unterminated string\n");
		free(s);
		return NULL;
	}
	*q = '\0';
	*pp = p + 1;
	return s;
}

/* ---- one argument each; 0, 1: there is none and need be none, -1: the complaint was told ---- */

struct parsing {
	struct task *t;
	const struct hmp_row *row;
	const char *p, *list; /* list: the types that follow */
	const char *title;    /* the row's name, for complaints */
	struct hmp_args *a;
};

static int take_string(struct parsing *x, const char *name, char type, bool optional)
{
	char *s;

	x->p = skip(x->p);
	if (optional && !*x->p)
		return 1;
	s = word(&x->p, x->t->out);
	if (!s) {
		fprintf(x->t->out, "%s: %s expected\n", x->title, type == 'F' ? "filename" : type == 'B' ? "block device name" : "string");
		return -1;
	}
	add(x->a, name)->str = s;
	return 0;
}

static int take_expression(struct parsing *x, const char *name, char type, bool optional)
{
	const char *why;
	long long v;

	x->p = skip(x->p);
	if (optional) {
		if (!*x->p && type != '.')
			return 1;
		if (type == '.') {
			if (*x->p != '.')
				return 1;
			x->p = skip(x->p + 1);
		}
	}
	if (hmp_expr(&x->p, &v, hmp_register, x->t, &why) < 0) {
		fprintf(x->t->out, "%s\n", why);
		return -1;
	}
	if (type == 'i' && (v < -0x7fffffffll - 1 || v > 0xffffffffll)) {
		fprintf(x->t->out, "'%s' has failed: integer is for 32-bit values\n", x->title);
		return -1;
	}
	if (type == 'M') {
		if (v < 0) {
			fprintf(x->t->out, "enter a positive value\n");
			return -1;
		}
		if (v > 0x7fffffffffffffffll >> 20) {
			fprintf(x->t->out, "the value is too large\n");
			return -1;
		}
		v <<= 20;
	}
	add(x->a, name)->value = v;
	return 0;
}

static int take_size(struct parsing *x, const char *name, bool optional)
{
	static const char units[] = "bkmgtpe";
	char *end;
	double v;
	int shift = 20;

	x->p = skip(x->p);
	if (optional && !*x->p)
		return 1;
	errno = 0;
	/* Whole numbers up to 2^63 keep all their digits. */
	unsigned long long whole = strtoull(x->p, &end, 0);
	bool fraction = *end == '.';
	v = fraction ? strtod(x->p, &end) : (double)whole;
	if (end == x->p || !isdigit((unsigned char)*x->p) || errno)
		goto bad;
	if (*end && strchr(units, tolower((unsigned char)*end))) {
		shift = 10 * (int)(strchr(units, tolower((unsigned char)*end)) - units);
		end++;
	}
	if (!(v >= 0) || ldexp(v, shift) >= 9223372036854775808.0)
		goto bad;
	x->p = end;
	add(x->a, name)->value = fraction ? (long long)ldexp(v, shift) : (long long)(whole << shift);
	return 0;
bad:
	fprintf(x->t->out, "invalid size\n");
	return -1;
}

static int take_seconds(struct parsing *x, const char *name, bool optional)
{
	char *end;
	double v;

	x->p = skip(x->p);
	if (optional && !*x->p)
		return 1;
	v = strtod(x->p, &end);
	if (end == x->p || !isfinite(v)) {
		fprintf(x->t->out, "%s\n", *x->p ? "invalid number" : "unexpected end of expression");
		return -1;
	}
	if (end[0] == 'm' && end[1] == 's')
		v /= 1e3, end += 2;
	else if (end[0] == 'u' && end[1] == 's')
		v /= 1e6, end += 2;
	else if (end[0] == 'n' && end[1] == 's')
		v /= 1e9, end += 2;
	if (*end && !isspace((unsigned char)*end)) {
		fprintf(x->t->out, "Unknown unit suffix\n");
		return -1;
	}
	x->p = end;
	add(x->a, name)->number = v;
	return 0;
}

static int take_switch(struct parsing *x, const char *name, bool optional)
{
	size_t n;

	x->p = skip(x->p);
	if (optional && !*x->p)
		return 1;
	for (n = 0; x->p[n] && !isspace((unsigned char)x->p[n]); n++)
		;
	if ((n != 2 || strncmp(x->p, "on", 2)) && (n != 3 || strncmp(x->p, "off", 3))) {
		fprintf(x->t->out, "Expected 'on' or 'off'\n");
		return -1;
	}
	add(x->a, name)->value = n == 2;
	x->p += n;
	return 0;
}

static int take_format(struct parsing *x)
{
	struct task_context *c = x->t->context;
	long count = 1;
	int size = -1, format = -1;

	x->p = skip(x->p);
	if (*x->p == '/') {
		x->p++;
		if (isdigit((unsigned char)*x->p)) {
			for (count = 0; isdigit((unsigned char)*x->p); x->p++)
				count = count > 100000000 ? count : count * 10 + (*x->p - '0');
		}
		for (;; x->p++) {
			if (*x->p && strchr("oduxic", *x->p))
				format = *x->p;
			else if (*x->p && strchr("bhwg", *x->p))
				size = *x->p == 'b' ? 1 : *x->p == 'h' ? 2 : *x->p == 'w' ? 4 : 8;
			else if (*x->p == 'L')
				size = 8;
			else
				break;
		}
		if (*x->p && !isspace((unsigned char)*x->p)) {
			fprintf(x->t->out, "invalid char in format: '%c'\n", *x->p);
			return -1;
		}
	}
	if (format < 0)
		format = c->fmt;
	if (format != 'i' && size < 0)
		size = c->fmt_size;
	if (format != 'i')
		c->fmt_size = size;
	c->fmt = (char)format;
	add(x->a, "count")->value = count;
	add(x->a, "format")->value = format;
	add(x->a, "size")->value = size;
	return 0;
}

/* Is the flag c in the list of types that follow? */
static bool flag_follows(const char *list, char c)
{
	char key[3] = {'-', c, 0};
	const char *p = strstr(list, key);

	return p && p > list && p[-1] == ':';
}

static int take_flag(struct parsing *x, const char *name, char letter)
{
	const char *p = skip(x->p);

	if (*p != '-' || !p[1] || isspace((unsigned char)p[1]))
		return 1;
	if (p[1] != letter) {
		if (flag_follows(x->list, p[1]))
			return 1;
		fprintf(x->t->out, "%s: unsupported option -%c\n", x->title, p[1]);
		return -1;
	}
	if (p[2] && !isspace((unsigned char)p[2])) {
		/* -pd: several in one word */
		if (!flag_follows(x->list, p[2])) {
			fprintf(x->t->out, "%s: extraneous characters at the end of line\n", x->title);
			return -1;
		}
		add(x->a, name)->value = 1;
		char *rest = (char *)(p + 1); /* the parser's own copy of the line */
		*rest = '-';
		x->p = rest;
		return 0;
	}
	add(x->a, name)->value = 1;
	x->p = p + 2;
	return 0;
}

static int take_rest(struct parsing *x, const char *name, bool optional)
{
	size_t n;

	x->p = skip(x->p);
	n = strlen(x->p);
	if (!n) {
		if (!optional)
			fprintf(x->t->out, "%s: string expected\n", x->title);
		return optional ? 1 : -1;
	}
	add(x->a, name)->str = strdup(x->p);
	x->p += n;
	return 0;
}

static int take(struct parsing *x, const char *name, const char *type)
{
	bool optional = strchr(type, '?') != NULL;

	switch (*type) {
	case 'F': case 'B': case 's': return take_string(x, name, *type, optional);
	case 'O': return take_string(x, name, 's', true);
	case 'S': return take_rest(x, name, optional);
	case 'l': case 'i': case 'M': case '.': return take_expression(x, name, *type, optional || *type == '.');
	case 'o': return take_size(x, name, optional);
	case 'T': return take_seconds(x, name, optional);
	case 'b': return take_switch(x, name, optional);
	case '/': return take_format(x);
	default: return take_flag(x, name, type[1]);
	}
}

struct hmp_args *hmp_args_parse(struct task *t, const struct hmp_row *row, const char *typed, const char *text)
{
	char *line = strdup(text);
	struct parsing x = {.t = t, .row = row, .p = line, .title = row->name, .list = row->args ? row->args : "", .a = calloc(1, sizeof *x.a)};
	bool bad = !line || !x.a;

	while (!bad && *x.list) {
		char name[24], type[4];
		size_t n = strcspn(x.list, ":"), k;
		snprintf(name, sizeof name, "%.*s", (int)n, x.list);
		x.list += n + (x.list[n] == ':');
		k = strcspn(x.list, ",");
		snprintf(type, sizeof type, "%.*s", (int)k, x.list);
		x.list += k;
		bad = take(&x, name, type) < 0;
		if (*x.list == ',')
			x.list++;
	}
	if (!bad && *(x.p = skip(x.p))) {
		fprintf(t->out, "%s: extraneous characters at the end of line\n", x.title);
		bad = true;
	}
	free(line);
	if (!bad)
		return x.a;
	fprintf(t->out, "Try \"help %s\" for more information\n", typed);
	hmp_args_free(x.a);
	return NULL;
}
