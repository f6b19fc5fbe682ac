/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Changes that can be grouped: each is applied, with every disk drained, and undone if a later one or the state file fails. A command
 * of its own is a group of one.
 */
#ifndef EMU_NBD_TRANSACTION_H
#define EMU_NBD_TRANSACTION_H
#include "daemon.h"

struct action {
	const struct action_type *type;
	const json_t *args;
	void *data; /* what undo and done need */
	struct action *next;
};

struct action_type {
	const char *name;
	const struct ctl_arg *args;
	int (*apply)(struct daemon *d, struct ctl_call *call, struct action *a, struct err *e); /* all or nothing */
	void (*undo)(struct daemon *d, struct action *a);
	void (*done)(struct daemon *d, struct action *a); /* it stays; may be NULL */
};

/* Registers a type, and the command of the same name. */
#define ACTION(ident, command, arguments, ...)                                                                  \
	static const struct action_type ident = {.name = command, .args = arguments, __VA_ARGS__};              \
	static const struct action_type *const ident##_action __attribute__((used, section("nbd_actions"))) = &ident; \
	static json_t *ident##_run(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)      \
	{                                                                                                       \
		action_run(opaque, call, &ident, args, e);                                                      \
		return NULL;                                                                                    \
	}                                                                                                       \
	static const struct ctl_command ident##_command = {.name = command, .args = arguments, .run = ident##_run}; \
	NBD_COMMAND(ident##_command)

int action_run(struct daemon *d, struct ctl_call *call, const struct action_type *type, const json_t *args, struct err *e);
#endif
