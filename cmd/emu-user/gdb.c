/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The debugger's end of -g. */
#include "internal.h"

int gdb_start(struct process *p, const char *where, struct err *e)
{
	(void)p;
	return err_set(e, ENOTSUP, "-g %s: debugging is not built in yet", where);
}

bool gdb_attached(void)
{
	return false;
}

bool gdb_fd_is(int fd)
{
	(void)fd;
	return false;
}

int gdb_stop(struct thread *t, int sig, const siginfo_t *si)
{
	(void)t, (void)si;
	return sig;
}

void gdb_exit(int status, bool by_signal)
{
	(void)status, (void)by_signal;
}
