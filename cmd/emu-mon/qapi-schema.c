/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * query-qmp-schema. Types get numbers in the order in which they are met, as their names are nobody's business; built-in ones and arrays
 * of them keep their names.
 */
#include <stdlib.h>
#include <string.h>
#include "qapi.h"

#define NAMES_MAX 1024

struct making {
	json_t *list;
	char *name[NAMES_MAX];  /* index: the number */
	unsigned count, done;
};

static bool builtin(const char *type)
{
	static const char *const names[] = {"str", "int", "number", "bool", "any", "null"};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (!strcmp(names[i], type))
			return true;
	return false;
}

/* All whole numbers are one type to the outside. */
static const char *plain(const char *type)
{
	return !strcmp(type, "size") || !strncmp(type, "uint", 4) ? "int" : type;
}

static void refer(struct making *m, const char *type, char out[80])
{
	type = plain(*type ? type : "any");
	if (*type == '[') {
		char item[80], ref[80];
		snprintf(item, sizeof item, "%.*s", (int)strcspn(type + 1, "]"), type + 1);
		refer(m, item, ref);
		snprintf(out, 80, "[%.70s]", ref);
		return;
	}
	if (builtin(type)) {
		snprintf(out, 80, "%s", type);
		return;
	}
	if (!qapi_type_find(type)) {
		snprintf(out, 80, "any");
		return;
	}
	for (unsigned i = 0; i < m->count; i++)
		if (!strcmp(m->name[i], type)) {
			snprintf(out, 80, "%u", i);
			return;
		}
	if (m->count == NAMES_MAX || !(m->name[m->count] = strdup(type))) {
		snprintf(out, 80, "any");
		return;
	}
	snprintf(out, 80, "%u", m->count++);
}

static void add_arrays(struct making *m)
{
	/* Each array that a reference names is an entry of its own. */
	json_t *seen = json_object(), *more = json_array(), *entry;
	char *text = json_dumps(m->list, JSON_COMPACT);
	size_t n;

	for (char *p = text; p && (p = strstr(p, "\"["));) {
		size_t len = strcspn(p + 1, "\"");
		char name[96];
		snprintf(name, sizeof name, "%.*s", (int)len, p + 1);
		p += len;
		if (len > 2 && name[len - 1] == ']' && !json_object_get(seen, name)) {
			char item[96];
			snprintf(item, sizeof item, "%.*s", (int)len - 2, name + 1);
			json_object_set_new(seen, name, json_true());
			json_array_append_new(more, json_pack("{s:s, s:s, s:s}", "name", name, "meta-type", "array", "element-type", item));
		}
	}
	free(text);
	json_array_foreach(more, n, entry)
		json_array_append(m->list, entry);
	json_decref(more);
	json_decref(seen);
}

static json_t *members(struct making *m, const char *list)
{
	json_t *a = json_array();
	struct qapi_member x;
	char ref[80];

	while (qapi_member(&list, &x)) {
		json_t *o;
		refer(m, x.type, ref);
		o = json_pack("{s:s, s:s}", "name", x.name, "type", ref);
		if (x.optional)
			json_object_set_new(o, "default", json_null());
		json_array_append_new(a, o);
	}
	return a;
}

static json_t *object(struct making *m, const char *name, const char *list)
{
	return json_pack("{s:s, s:s, s:o}", "name", name, "meta-type", "object", "members", members(m, list));
}

static void add_type(struct making *m, unsigned n)
{
	const struct qapi_type *t = qapi_type_find(m->name[n]);
	struct qapi_member x;
	char name[16], ref[80];
	const char *p;
	json_t *o, *a;

	snprintf(name, sizeof name, "%u", n);
	switch (t->kind) {
	case QAPI_ENUM:
		a = json_array();
		for (p = t->members; qapi_member(&p, &x);)
			json_array_append_new(a, json_string(x.name));
		o = json_pack("{s:s, s:s, s:o}", "name", name, "meta-type", "enum", "values", a);
		break;
	case QAPI_ALTERNATE:
		a = json_array();
		for (p = t->members; qapi_member(&p, &x);) {
			refer(m, x.type, ref);
			json_array_append_new(a, json_pack("{s:s}", "type", ref));
		}
		o = json_pack("{s:s, s:s, s:o}", "name", name, "meta-type", "alternate", "members", a);
		break;
	default:
		o = object(m, name, t->members);
		if (t->kind == QAPI_UNION && t->tag) {
			a = json_array();
			for (p = t->cases; qapi_member(&p, &x);) {
				refer(m, x.type, ref);
				json_array_append_new(a, json_pack("{s:s, s:s}", "case", x.name, "type", ref));
			}
			json_object_set_new(o, "tag", json_string(t->tag));
			json_object_set_new(o, "variants", a);
		}
	}
	json_array_append_new(m->list, o);
}

json_t *qapi_schema(bool (*offered)(void *opaque, const struct qmp_row *r), void *opaque)
{
	static const char *const kinds[][2] = {{"str", "string"}, {"int", "int"}, {"number", "number"}, {"bool", "boolean"}, {"null", "null"}, {"any", "value"}};
	struct making *m = calloc(1, sizeof *m);
	unsigned args = 0;
	char ref[80], name[80];
	json_t *list;

	if (!m)
		return NULL;
	m->list = json_array();
	for (const struct qmp_row *const *t = qmp_tables; *t; t++)
		for (const struct qmp_row *r = *t; r->name; r++) {
			json_t *o;
			if (!offered(opaque, r))
				continue;
			if (r->args && *r->args == '@') {
				refer(m, r->args + 1, name);
			} else {
				snprintf(name, sizeof name, r->args ? "a%u" : "empty", args);
				if (r->args) {
					json_array_append_new(m->list, object(m, name, r->args));
					args++;
				}
			}
			refer(m, r->ret ? r->ret : "", ref);
			o = json_pack("{s:s, s:s, s:s, s:s, s:b}", "name", r->name, "meta-type", "command", "arg-type", name, "ret-type",
				      r->ret ? ref : "empty", "allow-oob", 0);
			json_array_append_new(m->list, o);
		}
	for (const struct qmp_event *ev = qmp_events; ev->name; ev++) {
		snprintf(name, sizeof name, ev->data ? "a%u" : "empty", args);
		if (ev->data) {
			json_array_append_new(m->list, object(m, name, ev->data));
			args++;
		}
		json_array_append_new(m->list, json_pack("{s:s, s:s, s:s}", "name", ev->name, "meta-type", "event", "arg-type", name));
	}
	json_array_append_new(m->list, object(m, "empty", ""));
	while (m->done < m->count)
		add_type(m, m->done++);
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		json_array_append_new(m->list, json_pack("{s:s, s:s, s:s}", "name", kinds[i][0], "meta-type", "builtin", "json-type", kinds[i][1]));
	add_arrays(m);
	list = m->list;
	for (unsigned i = 0; i < m->count; i++)
		free(m->name[i]);
	free(m);
	return list;
}
