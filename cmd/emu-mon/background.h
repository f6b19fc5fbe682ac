/* SPDX-License-Identifier: GPL-2.0-or-later */
/* -daemonize and -pidfile. */
#ifndef EMU_MON_BACKGROUND_H
#define EMU_MON_BACKGROUND_H
#include "base/err.h"

/*
 * Goes on in a process of its own session; the caller's process waits until background_done(), and ends with status 1 when that never
 * comes. *tell: for background_done().
 */
int background_start(int *tell, struct err *e);
/* Everything is set up: the caller's process ends with status 0; standard input, output and error are /dev/null from now on. */
void background_done(int tell);

/* Writes our pid; locked (POSIX) as long as the returned descriptor is open. -errno: another process has it. */
int pid_file_take(const char *path, struct err *e);
#endif
