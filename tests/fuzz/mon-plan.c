/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Plans and descriptions of character back ends are refused or read, and what was read prints and reads again. The first byte says which:
 * a plan, a -chardev list, an old device string, QMP's object.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "../../cmd/emu-mon/plan-check.h"
#include "../../cmd/emu-mon/plan.h"
#include "char/char.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int fd_of(void *opaque, const char *name)
{
	(void)opaque, (void)name;
	return 5;
}

static void plan(const char *text, size_t size)
{
	struct err e = ERR_INIT;
	struct plan *p = plan_parse(text, size, &e);

	if (!p) {
		if (!e.code || !*e.msg)
			abort();
		return;
	}
	plan_check_fronts(p, &e);
	for (unsigned i = 0; i < p->parts; i++)
		for (unsigned k = 0; k < p->part[i].args.count; k++)
			free(plan_word_make(&p->part[i].args.word[k], "name", "/run", fd_of, NULL, &e));
	plan_free(p);
}

/* A description that was read reads again from what it prints, and prints the same. */
static void again(struct char_spec *s)
{
	struct err e = ERR_INIT;
	struct char_spec t;
	char *one, *two;

	if (s->class) {
		if (!s->id)
			s->id = strdup("x");
		one = char_spec_print(s);
		if (char_spec_parse(one, &t, &e) < 0)
			abort();
		two = char_spec_print(&t);
		if (strcmp(one, two))
			abort();
		free(one);
		free(two);
		char_spec_free(&t);
	}
	char_spec_free(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err e = ERR_INIT;
	struct char_spec s;
	char *text;

	if (!size)
		return 0;
	text = strndup((const char *)data + 1, size - 1);
	switch (data[0]) {
	case 'c':
		if (char_spec_parse(text, &s, &e) == 0)
			again(&s);
		break;
	case 'o':
		if (char_spec_parse_old(text, &s, &e) == 0)
			again(&s);
		break;
	case 'q': {
		json_t *v = json_loads(text, 0, NULL);
		if (v && char_spec_from_qmp("x", v, &s, &e) == 0)
			again(&s);
		json_decref(v);
		break;
	}
	default:
		plan((const char *)data, size);
	}
	free(text);
	return 0;
}
