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

/* terminal: the settings of fd 0 now, NULL where it is none. remove_dir: the run directory goes too. */
struct guard *guard_start(const char *run_dir, bool remove_dir, const char *pid_file, const struct termios *terminal, struct err *e);
void guard_watch(struct guard *g, unsigned slot, pid_t pid); /* 0: it has ended */
/* Everything was tidied up: it goes without doing anything. NULL is allowed. */
void guard_stop(struct guard *g);
#endif
