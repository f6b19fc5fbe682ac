/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Starting processes that end when this one does. */
#ifndef EMU_MON_CHILD_H
#define EMU_MON_CHILD_H
#include <stdbool.h>
#include <sys/types.h>
#include "base/err.h"

struct child {
	const char *program;      /* with a slash as it is; else beside this program, then on PATH */
	char **argv, **env;       /* NULL-terminated; env: NAME=VALUE to be added; NULL: none */
	const int *fds;           /* that it inherits, under the same numbers */
	unsigned fd_count;
	int out;                  /* its standard error, and, without terminal, its standard output */
	bool terminal;            /* our standard input and output, and our process group; else /dev/null and a group of its own */
};

/* The pid, or -errno. It is sent SIGTERM when this process dies. */
pid_t child_start(const struct child *c, struct err *e);
/* Runs a command and waits for it, at most timeout_ms. Its wait status, or -errno with the sentence. */
int child_run(const struct child *c, int timeout_ms, struct err *e);
/* "was killed by signal 9 (Killed)", "ended with status 1". */
const char *child_end_text(int status, char *buf, size_t size);
#endif
