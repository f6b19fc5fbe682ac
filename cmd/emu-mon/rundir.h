/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The run directory of a machine: made or taken over, owned as long as its sup.pid is locked, emptied at the end. */
#ifndef EMU_MON_RUNDIR_H
#define EMU_MON_RUNDIR_H
#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>
#include "base/err.h"

struct run_dir {
	char path[PATH_MAX - 160]; /* a socket's name follows */
	char name[160];            /* of the machine */
	int lock;                  /* sup.pid; -1: not taken */
	bool remove;               /* the directory itself goes at the end */
};

struct run_dir_request {
	const char *dir;  /* NULL: by name */
	const char *name; /* NULL: "vm-PID" */
	bool add_pid;     /* a name that is taken gets the pid */
	uid_t uid;        /* whose it becomes */
	gid_t gid;
	/* Told before a directory is made; remove: it is to be removed at the end. */
	void (*making)(void *opaque, const char *path, bool remove);
	void *opaque;
};

/* What a machine that is gone left there is removed. Taken: an error that says who holds it. */
int run_dir_take(struct run_dir *d, const struct run_dir_request *q, struct err *e);
/* Removes what machines put there: sockets, *.pid, *.state; then, with also, the directory. */
void run_dir_clean(const char *path, bool also);
void run_dir_leave(struct run_dir *d);
#endif
