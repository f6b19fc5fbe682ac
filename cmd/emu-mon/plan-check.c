/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "plan-check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "char/char.h"
#include "debugger.h"

struct ids {
	char *id[CHAR_LIMIT];
	bool mux[CHAR_LIMIT];
	unsigned users[CHAR_LIMIT];
	unsigned count, stdios;
};

static int add_id(struct ids *s, const char *id, bool mux, struct err *e)
{
	for (unsigned i = 0; i < s->count; i++)
		if (!strcmp(s->id[i], id))
			return err_set(e, EEXIST, "Duplicate ID '%s' for chardev", id);
	if (s->count == CHAR_LIMIT)
		return err_set(e, ENOSPC, "there are more than %d character back ends", CHAR_LIMIT);
	s->id[s->count] = strdup(id);
	s->mux[s->count] = mux;
	s->users[s->count] = 0;
	return s->id[s->count++] ? 0 : err_set(e, ENOMEM, "out of memory");
}

static int add_users(struct ids *s, const char *id, unsigned users, struct err *e)
{
	for (unsigned i = 0; i < s->count; i++) {
		if (strcmp(s->id[i], id))
			continue;
		s->users[i] += users;
		if (s->users[i] > 1 && !s->mux[i]) {
			err_set(e, EBUSY, "chardev '%s' is already in use", id);
			return err_hint(e, "mux=on lets several front ends share it.");
		}
		if (s->users[i] > CHAR_MUX_USERS)
			return err_set(e, EBUSY, "chardev '%s' has %d front ends already", id, CHAR_MUX_USERS);
		return 0;
	}
	return err_set(e, ENOENT, "Chardev '%s' not found", id);
}

static int count_stdio(struct ids *s, const struct plan *p, const struct char_spec *spec, struct err *e)
{
	char *text = spec->class ? char_spec_print(spec) : NULL;
	bool is = text && !strncmp(text, "stdio", 5) && (text[5] == ',' || !text[5]);

	free(text);
	if (!is)
		return 0;
	if (p->daemonize)
		return err_set(e, EINVAL, "cannot use stdio with -daemonize");
	return s->stdios++ ? err_set(e, EBUSY, "cannot use stdio by multiple character devices") : 0;
}

static int check_front(struct ids *s, const struct plan *p, const struct plan_front *f, struct err *e)
{
	const char *id = f->id ? f->id : f->link;
	struct char_spec spec;
	int r = f->debugger ? debugger_spec(f->device, &spec, e) : char_spec_parse_old(f->device, &spec, e);

	if (r == 0 && !spec.nothing) {
		unsigned users = 1 + (spec.monitor && f->link);
		if (!spec.reference && !id)
			r = err_set(e, EINVAL, "the back end of a monitor or a debugger needs an id");
		if (r == 0)
			r = count_stdio(s, p, &spec, e);
		if (r == 0 && !spec.reference)
			r = add_id(s, id, spec.mux, e);
		if (r == 0)
			r = add_users(s, spec.reference ? spec.reference : id, users, e);
	}
	char_spec_free(&spec);
	if (r < 0 && f->option)
		err_prefix(e, "%s", f->option);
	return r;
}

int plan_check_fronts(const struct plan *p, struct err *e)
{
	struct ids *s = calloc(1, sizeof *s);
	int r = s ? 0 : err_set(e, ENOMEM, "out of memory");

	for (unsigned i = 0; r == 0 && i < p->chardevs; i++) {
		struct char_spec spec;
		r = char_spec_parse(p->chardev[i], &spec, e);
		if (r == 0)
			r = count_stdio(s, p, &spec, e);
		if (r == 0)
			r = add_id(s, spec.id, spec.mux, e);
		char_spec_free(&spec);
		if (r < 0)
			err_prefix(e, "-chardev %s", p->chardev[i]);
	}
	for (unsigned i = 0; r == 0 && i < p->fronts; i++)
		r = check_front(s, p, &p->front[i], e);
	for (unsigned i = 0; s && i < s->count; i++)
		free(s->id[i]);
	free(s);
	return r;
}
