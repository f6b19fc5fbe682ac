/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A process that waits for the supervisor's end. When that comes without a word (kill -9), it puts the terminal's settings back, ends
 * parts that did not end by themselves, and empties the run directory.
 */
#ifndef EMU_MON_GUARD_H
#define EMU_MON_GUARD_H
#include <stdbool.h>
#include <sys/types.h>
#include <termios.h>
#include "base/err.h"

#define GUARD_PARTS 256

struct guard;

/* Before anything is made. terminal: the settings of fd 0 now, NULL where it is none. */
struct guard *guard_start(const struct termios *terminal, struct err *e);
/* The run directory, before it is made; remove: it goes too. It is left alone as long as somebody has its lock (rundir.h). */
void guard_dir(struct guard *g, const char *path, bool remove);
void guard_pid_file(struct guard *g, const char *path); /* it is ours */
void guard_watch(struct guard *g, unsigned slot, pid_t pid); /* 0: it has ended */
/* Everything was tidied up: it goes without doing anything. NULL is allowed. */
void guard_stop(struct guard *g);
#endif
