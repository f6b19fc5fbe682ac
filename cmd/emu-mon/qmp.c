/* SPDX-License-Identifier: GPL-2.0-or-later */
/* QMP commands: to whom they go. */
#include "qmp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

const struct qmp_row *qmp_row_find(const char *name)
{
	for (const struct qmp_row *const *t = qmp_tables; *t; t++)
		for (const struct qmp_row *r = *t; r->name; r++)
			if (!strcmp(r->name, name))
				return r;
	return NULL;
}

bool qmp_row_offered(struct monitor *m, const struct qmp_row *r)
{
	/* A machine without disks yet is not one that knows no commands for them: programs ask such a one what there is. */
	if (r->kinds & PART_DISK && !part_find(m, PART_DISK, NULL))
		return true;
	return r->run || (r->kinds && parts_offer(m, r->kinds, r->name));
}

bool qmp_not_here(const char *class_name, const struct err *e)
{
	return !strcmp(class_name, "DeviceNotFound") || !strcmp(class_name, "DeviceNotActive") || strstr(e->msg, "Cannot find") || strstr(e->msg, "not found");
}

/* The thing that the arguments name: the first alternative of `by` that is there. */
static const char *named(const char *by, const json_t *args)
{
	while (by && *by) {
		char key[32];
		size_t n = strcspn(by, "|");
		const char *v;
		snprintf(key, sizeof key, "%.*s", (int)n, by);
		v = json_string_value(json_object_get(args, key));
		if (v && *v)
			return v;
		by += n + (by[n] == '|');
	}
	return NULL;
}

/* Which part has it is asked of each; one that has the thing's very name is asked first. */
static json_t *to_owner(struct task *t, const struct qmp_row *row, json_t *args, struct err *e)
{
	const char *what = named(row->by, args);
	json_t *list = part_list(t, row->kinds), *p, *r = NULL;
	char class_name[64];
	size_t n;

	err_set(e, ENODEV, what ? "Device '%.200s' not found" : "there is no part for %s", what ? what : row->name);
	snprintf(class_name, sizeof class_name, "%s", what ? "DeviceNotFound" : "GenericError");
	for (int exact = 1; exact >= 0 && !r; exact--)
		json_array_foreach(list, n, p) {
			const char *name = json_string_value(json_object_get(p, "name"));
			struct err now = ERR_INIT;
			if ((what && !strcmp(name, what)) != exact)
				continue;
			r = part_call(t, row->kinds, name, row->name, json_deep_copy(args), &now);
			if (r)
				break;
			/* A part of another kind that does not know the command says nothing about the thing. */
			if (strcmp(t->class_name, "CommandNotFound")) {
				*e = now;
				snprintf(class_name, sizeof class_name, "%s", t->class_name);
			}
			if (exact || !qmp_not_here(class_name, e)) {
				exact = 0;
				break;
			}
		}
	json_decref(list);
	if (r)
		*e = (struct err)ERR_INIT;
	else
		memcpy(t->class_name, class_name, sizeof class_name);
	return r;
}

json_t *mon_call(struct task *t, const char *command, json_t *args, struct err *e)
{
	const struct qmp_row *row = qmp_row_find(command);
	json_t *r = NULL;

	if (!args)
		args = json_object();
	*t->class_name = '\0';
	if (!row || (!row->run && !row->kinds)) {
		snprintf(t->class_name, sizeof t->class_name, "CommandNotFound");
		err_set(e, ENOENT, "The command %.200s has not been found", command);
		if (row)
			err_hint(e, "It needs %s.", row->needs);
	} else if (!row->any_args && qapi_check(row, args, e) < 0) {
		snprintf(t->class_name, sizeof t->class_name, "GenericError");
	} else if (row->run) {
		struct err now = ERR_INIT;
		r = row->run(t, args, &now);
		if (!r && !now.code)
			r = json_object();
		*e = now;
	} else if (row->by) {
		r = to_owner(t, row, args, e);
	} else {
		r = part_call(t, row->kinds, NULL, row->name, json_incref(args), e);
	}
	json_decref(args);
	return r;
}
