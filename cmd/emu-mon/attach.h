/* SPDX-License-Identifier: GPL-2.0-or-later */
/* emu-mon NAME: a monitor of a machine that runs, on standard input and output. */
#ifndef EMU_MON_ATTACH_H
#define EMU_MON_ATTACH_H
#include <stdbool.h>
#include <stddef.h>
#include "base/err.h"

struct attach_settings {
	const char *run_dir;        /* NULL: by name */
	const char *name;           /* NULL: run_dir */
	const char *const *command; /* NULL-terminated; none: a session */
	bool qmp, pretty;
};

/* The run directory into path; that it is not there is an error. */
int attach_dir(const struct attach_settings *s, char *path, size_t size, struct err *e);
/* The exit status (1: a command told of an error), or -errno with e filled. */
int attach(const struct attach_settings *s, struct err *e);
#endif
