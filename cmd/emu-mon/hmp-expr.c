/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Integer expressions of HMP: numbers, 'c', $REGISTER, ( ), - + ~, then * / %, then & | ^, then + -: that is the classic's order. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "mon.h"

#define DEPTH 64

struct parser {
	const char *p, *why;
	int (*reg)(void *opaque, const char *name, long long *value);
	void *opaque;
	unsigned depth;
};

static long long sum(struct parser *x);

static long long fail(struct parser *x, const char *why)
{
	if (!x->why)
		x->why = why;
	return 0;
}

static void skip(struct parser *x)
{
	while (isspace((unsigned char)*x->p))
		x->p++;
}

static long long number(struct parser *x)
{
	static __thread char said[64];
	unsigned long long v;
	char *end;

	if (!*x->p)
		return fail(x, "unexpected end of expression");
	errno = 0;
	v = strtoull(x->p, &end, 0);
	if (errno == ERANGE)
		return fail(x, "number too large");
	if (end == x->p || !isdigit((unsigned char)*x->p)) {
		snprintf(said, sizeof said, isprint((unsigned char)*x->p) ? "invalid char '%c' in expression" : "invalid char '\\x%02x' in expression",
			 (unsigned char)*x->p);
		return fail(x, said);
	}
	x->p = end;
	skip(x);
	return (long long)v;
}

static long long character(struct parser *x)
{
	int c = (unsigned char)*++x->p;

	if (!c)
		return fail(x, "character constant expected");
	x->p++;
	if (*x->p != '\'')
		return fail(x, "missing terminating ' character");
	x->p++;
	skip(x);
	return c;
}

static long long reg(struct parser *x)
{
	char name[32];
	size_t n = 0;
	long long v = 0;

	x->p++;
	while (isalnum((unsigned char)*x->p) || strchr("_.", *x->p)) {
		if (!*x->p)
			break;
		if (n < sizeof name - 1)
			name[n++] = *x->p;
		x->p++;
	}
	name[n] = '\0';
	skip(x);
	switch (x->reg ? x->reg(x->opaque, name, &v) : -ENOENT) {
	case 0: return v;
	case -ENODEV: return fail(x, "no cpu defined");
	default: return fail(x, "unknown register");
	}
}

static long long unary(struct parser *x)
{
	long long v;

	if (x->why)
		return 0;
	if (x->depth >= DEPTH)
		return fail(x, "expression nests too deeply");
	x->depth++;
	switch (*x->p) {
	case '+':
		x->p++;
		skip(x);
		v = unary(x);
		break;
	case '-':
		x->p++;
		skip(x);
		v = (long long)-(unsigned long long)unary(x);
		break;
	case '~':
		x->p++;
		skip(x);
		v = ~unary(x);
		break;
	case '(':
		x->p++;
		skip(x);
		v = sum(x);
		if (*x->p != ')')
			fail(x, "')' expected");
		else
			x->p++;
		skip(x);
		break;
	case '\'': v = character(x); break;
	case '$': v = reg(x); break;
	default: v = number(x);
	}
	x->depth--;
	return v;
}

static long long product(struct parser *x)
{
	long long v = unary(x);

	while (!x->why && *x->p && strchr("*/%", *x->p)) {
		char op = *x->p++;
		long long w;
		skip(x);
		w = unary(x);
		if (x->why)
			break;
		if (op == '*')
			v = (long long)((unsigned long long)v * (unsigned long long)w);
		else if (!w)
			return fail(x, "division by zero");
		else if (w == -1)
			v = op == '/' ? (long long)-(unsigned long long)v : 0; /* the smallest number has no positive one */
		else
			v = op == '/' ? v / w : v % w;
	}
	return v;
}

static long long logic(struct parser *x)
{
	long long v = product(x);

	while (!x->why && *x->p && strchr("&|^", *x->p)) {
		char op = *x->p++;
		long long w;
		skip(x);
		w = product(x);
		v = op == '&' ? v & w : op == '|' ? v | w : v ^ w;
	}
	return v;
}

static long long sum(struct parser *x)
{
	long long v = logic(x);

	while (!x->why && (*x->p == '+' || *x->p == '-')) {
		bool minus = *x->p++ == '-';
		unsigned long long w;
		skip(x);
		w = (unsigned long long)logic(x);
		v = (long long)((unsigned long long)v + (minus ? -w : w));
	}
	return v;
}

int hmp_expr(const char **p, long long *value, int (*r)(void *opaque, const char *name, long long *value), void *opaque, const char **why)
{
	struct parser x = {.p = *p, .reg = r, .opaque = opaque};

	skip(&x);
	*value = sum(&x);
	*p = x.p;
	*why = x.why;
	return x.why ? -1 : 0;
}
