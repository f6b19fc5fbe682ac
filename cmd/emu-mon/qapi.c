/* SPDX-License-Identifier: GPL-2.0-or-later */
/* QMP's types: checking of arguments. The tables are in qapi-types.c, the schema in qapi-schema.c. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "qapi.h"

bool qapi_member(const char **p, struct qapi_member *m)
{
	const char *s = *p;
	size_t n;

	if (!s || !*s)
		return false;
	m->optional = *s == '*';
	s += m->optional;
	n = strcspn(s, ":,");
	snprintf(m->name, sizeof m->name, "%.*s", (int)n, s);
	s += n;
	*m->type = '\0';
	if (*s == ':') {
		n = strcspn(++s, ",");
		snprintf(m->type, sizeof m->type, "%.*s", (int)n, s);
		s += n;
	}
	*p = s + (*s == ',');
	return true;
}

const struct qapi_type *qapi_type_find(const char *name)
{
	for (const struct qapi_type *t = qapi_types; t->name; t++)
		if (!strcmp(t->name, name))
			return t;
	return NULL;
}

static int wrong(struct err *e, const char *name, const char *expected)
{
	return err_set(e, EINVAL, "Invalid parameter type for '%.200s', expected: %s", name, expected);
}

static int check_value(const char *type, const char *path, const json_t *v, struct err *e, unsigned depth);

static int check_members(const char *members, const char *path, const json_t *o, bool rest, struct err *e, unsigned depth)
{
	struct qapi_member m;
	const char *p = members, *key;
	json_t *v;

	while (qapi_member(&p, &m)) {
		char full[300];
		snprintf(full, sizeof full, "%s%s%s", path, *path ? "." : "", m.name);
		v = json_object_get(o, m.name);
		if (!v && !m.optional)
			return err_set(e, EINVAL, "Parameter '%.200s' is missing", full);
		if (v && check_value(m.type, full, v, e, depth + 1) < 0)
			return -e->code;
	}
	if (rest)
		return 0;
	json_object_foreach((json_t *)o, key, v) {
		bool known = false;
		for (p = members; !known && qapi_member(&p, &m);)
			known = !strcmp(m.name, key);
		if (!known)
			return err_set(e, EINVAL, "Parameter '%s%s%.100s' is unexpected", path, *path ? "." : "", key);
	}
	return 0;
}

static int check_enum(const struct qapi_type *t, const char *path, const json_t *v, struct err *e)
{
	const char *s = json_string_value(v), *p = t->members;
	struct qapi_member m;

	if (!s)
		return wrong(e, path, "string");
	while (qapi_member(&p, &m))
		if (!strcmp(m.name, s))
			return 0;
	return err_set(e, EINVAL, "Invalid parameter '%.200s'", s);
}

static int check_value(const char *type, const char *path, const json_t *v, struct err *e, unsigned depth)
{
	const struct qapi_type *t;

	if (!strcmp(type, "str"))
		return json_is_string(v) ? 0 : wrong(e, path, "string");
	if (!strcmp(type, "int") || !strcmp(type, "size") || (!strncmp(type, "uint", 4) && isdigit((unsigned char)type[4])))
		return json_is_integer(v) ? 0 : wrong(e, path, "integer");
	if (!strcmp(type, "number"))
		return json_is_number(v) ? 0 : wrong(e, path, "number");
	if (!strcmp(type, "bool"))
		return json_is_boolean(v) ? 0 : wrong(e, path, "boolean");
	if (*type == '[') {
		char item[64], full[320];
		json_t *x;
		size_t n;
		if (!json_is_array(v))
			return wrong(e, path, "array");
		snprintf(item, sizeof item, "%.*s", (int)strcspn(type + 1, "]"), type + 1);
		json_array_foreach(v, n, x) {
			snprintf(full, sizeof full, "%.290s[%zu]", path, n);
			if (check_value(item, full, x, e, depth + 1) < 0)
				return -e->code;
		}
		return 0;
	}
	t = qapi_type_find(type);
	if (!t || t->kind == QAPI_ALTERNATE || depth > 8)
		return 0;
	if (t->kind == QAPI_ENUM)
		return check_enum(t, path, v, e);
	if (!json_is_object(v))
		return wrong(e, path, "object");
	return check_members(t->members, path, v, t->kind == QAPI_UNION, e, depth);
}

int qapi_check(const struct qmp_row *row, const json_t *args, struct err *e)
{
	if (row->args && *row->args == '@') {
		const struct qapi_type *t = qapi_type_find(row->args + 1);
		return t ? check_members(t->members, "", args, t->kind == QAPI_UNION, e, 0) : 0;
	}
	return check_members(row->args ? row->args : "", "", args, row->any_args, e, 0);
}
