/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The option parser; opt-doc.c prints the same tables as help, man page and completion. */
#include "base/opt.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/size.h"

/* How the user wrote it, for messages. */
static const char *spelling(const struct opt_table *t, const struct opt *o, char *buf, size_t size)
{
	if (o->name)
		snprintf(buf, size, "%s%s", t->flags & OPT_CLASSIC ? "-" : "--", o->name);
	else
		snprintf(buf, size, "-%c", o->letter);
	return buf;
}

static int choice(const struct opt *o, const char *as, const char *value, int *out, struct err *e)
{
	char list[512];
	size_t n = 0;

	list[0] = '\0';
	for (int i = 0; o->choices[i]; i++) {
		if (!strcmp(o->choices[i], value)) {
			*out = i;
			return 0;
		}
		if (n < sizeof list)
			n += (size_t)snprintf(list + n, sizeof list - n, "%s%s", i ? ", " : "", o->choices[i]);
	}
	return err_set(e, EINVAL, "%s: '%s' is not accepted; it is one of: %s", as, value, list);
}

static int list_add(struct opt_list *l, const char *value)
{
	const char **item = realloc(l->item, (l->count + 1) * sizeof *item);

	if (!item)
		return -ENOMEM;
	l->item = item;
	l->item[l->count++] = value;
	return 0;
}

void opt_list_free(struct opt_list *l)
{
	free(l->item);
	*l = (struct opt_list){0};
}

static int apply(const struct opt *o, const char *as, const char *value, void *settings, struct err *e)
{
	char *field = (char *)settings + o->offset;
	int r;

	switch (o->type) {
	case OPT_FLAG:
		*(bool *)field = true;
		return 0;
	case OPT_STRING:
		*(const char **)field = value;
		return 0;
	case OPT_INT: {
		bool free_range = o->min == 0 && o->max == 0;
		return number_parse(as, value, free_range ? INT64_MIN : o->min, free_range ? INT64_MAX : o->max,
				    (int64_t *)field, e);
	}
	case OPT_SIZE:
		r = size_parse(value, 'B', (uint64_t *)field, e);
		return r < 0 ? err_prefix(e, "%s", as) : 0;
	case OPT_CHOICE:
		return choice(o, as, value, (int *)field, e);
	case OPT_LIST:
		return list_add((struct opt_list *)field, value) < 0 ? err_set(e, ENOMEM, "out of memory") : 0;
	case OPT_CALL:
		r = o->handler(o, value, settings, e);
		return r;
	}
	return -EINVAL;
}

static int take(const struct opt_table *t, const struct opt *o, const char *value, void *settings, struct err *e)
{
	char as[80];

	if (o->replaced_by)
		err_print("%s is an old spelling: use %s", spelling(t, o, as, sizeof as), o->replaced_by);
	return apply(o, spelling(t, o, as, sizeof as), value, settings, e);
}

static const struct opt *by_letter(const struct opt_table *t, char c)
{
	for (unsigned i = 0; i < t->count; i++)
		if (c && t->opts[i].letter == c)
			return &t->opts[i];
	return NULL;
}

/* A long name, whole or (GNU grammar) a unique beginning of one. */
static int by_name(const struct opt_table *t, const char *name, size_t n, const struct opt **found, struct err *e)
{
	const struct opt *partial = NULL;
	bool several = false;

	for (unsigned i = 0; i < t->count; i++) {
		const struct opt *o = &t->opts[i];
		if (!o->name || strncmp(o->name, name, n))
			continue;
		if (!o->name[n]) {
			*found = o;
			return 0;
		}
		several |= partial != NULL;
		partial = o;
	}
	if (!(t->flags & OPT_CLASSIC) && partial && n) {
		if (several)
			return err_set(e, EINVAL, "option '--%.*s' is ambiguous", (int)n, name);
		*found = partial;
		return 0;
	}
	err_set(e, EINVAL, "unrecognized option '%s%.*s'", t->flags & OPT_CLASSIC ? "-" : "--", (int)n, name);
	return err_hint(e, "Try '%s %s' for the options.", err_program(), t->flags & OPT_CLASSIC ? "-h" : "--help");
}

static int needs_argument(const struct opt_table *t, const struct opt *o, struct err *e)
{
	char as[80];
	return err_set(e, EINVAL, "option '%s' requires an argument: %s %s", spelling(t, o, as, sizeof as), as, o->arg);
}

static int parse_long(const struct opt_table *t, int argc, char **argv, int *i, void *settings, struct err *e)
{
	const char *name = argv[*i] + (argv[*i][1] == '-' ? 2 : 1), *eq = strchr(name, '=');
	size_t n = eq && !(t->flags & OPT_CLASSIC) ? (size_t)(eq - name) : strlen(name);
	const struct opt *o = NULL;
	const char *value = NULL;
	int r = by_name(t, name, n, &o, e);

	if (r < 0)
		return r;
	if (name[n] == '=')
		value = name + n + 1;
	if (!o->arg && value)
		return err_set(e, EINVAL, "option '--%s' takes no argument", o->name);
	if (o->arg && !value && !o->optional_arg) {
		if (*i + 1 >= argc)
			return needs_argument(t, o, e);
		value = argv[++*i];
	}
	return take(t, o, value, settings, e);
}

static int parse_letters(const struct opt_table *t, int argc, char **argv, int *i, void *settings, struct err *e)
{
	const char *p = argv[*i] + 1;

	while (*p) {
		const struct opt *o = by_letter(t, *p++);
		const char *value = NULL;
		int r;

		if (!o) {
			err_set(e, EINVAL, "invalid option -- '%c'", p[-1]);
			return err_hint(e, "Try '%s --help' for the options.", err_program());
		}
		if (o->arg) {
			value = *p ? p : NULL;
			p = "";
			if (!value && !o->optional_arg) {
				if (*i + 1 >= argc)
					return err_set(e, EINVAL, "option requires an argument -- '%c' (%s)", o->letter,
						       o->arg);
				value = argv[++*i];
			}
		}
		r = take(t, o, value, settings, e);
		if (r < 0)
			return r;
	}
	return 0;
}

static int from_environment(const struct opt_table *t, void *settings, struct err *e)
{
	for (unsigned i = 0; i < t->count; i++) {
		const struct opt *o = &t->opts[i];
		const char *value = o->env ? getenv(o->env) : NULL;
		int r;

		if (!value)
			continue;
		r = apply(o, o->env, o->arg ? value : NULL, settings, e);
		if (r < 0)
			return r;
	}
	return 0;
}

int opt_parse(const struct opt_table *t, int argc, char **argv, void *settings, int *first, struct err *e)
{
	bool classic = t->flags & OPT_CLASSIC;
	int words = 0, i, r;
	char **rest = calloc((size_t)argc + 1, sizeof *rest);

	if (!rest)
		return err_set(e, ENOMEM, "out of memory");
	/* What the build asks for: the table as a man page section and as a completion function. */
	if (argc == 2 && (!strcmp(argv[1], "--print-man") || !strcmp(argv[1], "--print-completion"))) {
		(argv[1][8] == 'm' ? opt_man : opt_completion)(t, stdout);
		exit(0);
	}
	r = from_environment(t, settings, e);
	if (r < 0)
		goto out;
	for (i = 1; i < argc; i++) {
		const char *a = argv[i];

		if (!strcmp(a, "--")) {
			i++;
			break;
		}
		if (a[0] != '-' || !a[1]) {
			if (t->flags & OPT_STOP_AT_WORD)
				break;
			rest[words++] = argv[i];
			continue;
		}
		if (classic || a[1] == '-')
			r = parse_long(t, argc, argv, &i, settings, e);
		else
			r = parse_letters(t, argc, argv, &i, settings, e);
		if (r < 0)
			goto out;
	}
	while (i < argc)
		rest[words++] = argv[i++];
	memcpy(argv + argc - words, rest, (size_t)words * sizeof *rest);
	*first = argc - words;
	r = 0;
out:
	free(rest);
	return r;
}
