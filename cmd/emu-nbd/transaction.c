/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "transaction.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

extern const struct action_type *const __start_nbd_actions[];
extern const struct action_type *const __stop_nbd_actions[];

static const struct action_type *find(const char *name)
{
	for (const struct action_type *const *t = __start_nbd_actions; t < __stop_nbd_actions; t++)
		if (!strcmp((*t)->name, name))
			return *t;
	return NULL;
}

/* The last one first; everything is drained. */
static int carry_out(struct daemon *d, struct ctl_call *call, struct action *list, unsigned count, struct err *e)
{
	unsigned done = 0;
	int r = 0;

	daemon_drain(d);
	while (done < count && !r) {
		r = list[done].type->apply(d, call, &list[done], e);
		done += !r;
	}
	if (!r)
		r = daemon_commit(d, e);
	for (unsigned i = done; i-- > 0;)
		if (r)
			list[i].type->undo(d, &list[i]);
		else if (list[i].type->done)
			list[i].type->done(d, &list[i]);
	daemon_undrain(d);
	for (struct disk *k = d->disks; k; k = k->next)
		daemon_exports_changed(d, k);
	return r;
}

int action_run(struct daemon *d, struct ctl_call *call, const struct action_type *type, const json_t *args, struct err *e)
{
	struct action a = {.type = type, .args = args};

	return carry_out(d, call, &a, 1, e);
}

static int check(const struct action_type *t, const json_t *data, struct err *e)
{
	const char *key;
	json_t *v;

	for (const struct ctl_arg *a = t->args; a->name; a++)
		if (!a->optional && !json_object_get(data, a->name))
			return err_set(e, EINVAL, "%s: Parameter '%s' is missing", t->name, a->name);
	json_object_foreach((json_t *)data, key, v) {
		const struct ctl_arg *a = t->args;
		while (a->name && strcmp(a->name, key))
			a++;
		if (!a->name)
			return err_set(e, EINVAL, "%s: Parameter '%.100s' is unexpected", t->name, key);
		if (a->type == 's' ? !json_is_string(v) : a->type == 'b' ? !json_is_boolean(v) : a->type == 'i' ? !json_is_integer(v) : false)
			return err_set(e, EINVAL, "%s: Invalid parameter type for '%s'", t->name, key);
	}
	return 0;
}

static json_t *transaction(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	const json_t *actions = json_object_get(args, "actions");
	unsigned count = (unsigned)json_array_size(actions);
	struct action *list = count && count <= 1000 ? calloc(count, sizeof *list) : NULL;
	unsigned i;

	if (count > 1000)
		err_set(e, EINVAL, "a transaction has at most 1000 actions");
	else if (count && !list)
		err_set(e, ENOMEM, "out of memory");
	for (i = 0; list && i < count; i++) {
		const json_t *a = json_array_get(actions, i);
		const char *type = ctl_string(a, "type");
		list[i].type = type ? find(type) : NULL;
		list[i].args = json_object_get(a, "data");
		if (!list[i].type)
			err_set(e, EINVAL, "Invalid parameter '%.100s' for type", type ? type : "");
		else if (!json_is_object(list[i].args))
			err_set(e, EINVAL, "%s: Parameter 'data' is missing", type);
		else
			check(list[i].type, list[i].args, e);
		if (e->code)
			break;
	}
	if (list && i == count)
		carry_out(opaque, call, list, count, e);
	free(list);
	return NULL;
}
static const struct ctl_arg transaction_args[] = {{"actions", 'a', false}, {"properties", 'o', true}, {NULL, 0, false}};
static const struct ctl_command transaction_row = {.name = "transaction", .args = transaction_args, .run = transaction};
NBD_COMMAND(transaction_row);

/* ---- abort: the whole of it, for tests ---- */

static int apply_abort(struct daemon *d, struct ctl_call *call, struct action *a, struct err *e)
{
	(void)d, (void)call, (void)a;
	return err_set(e, ECANCELED, "Transaction aborted using Abort action");
}

static void undo_nothing(struct daemon *d, struct action *a)
{
	(void)d, (void)a;
}
static const struct ctl_arg no_args[] = {{NULL, 0, false}};
static const struct action_type abort_action = {.name = "abort", .args = no_args, .apply = apply_abort, .undo = undo_nothing};
static const struct action_type *const abort_ptr __attribute__((used, section("nbd_actions"))) = &abort_action;
