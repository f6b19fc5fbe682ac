/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Connections after the machine gave up the right to connect. A small process that was forked before connects to the sockets that the
 * command line named and to NAME.nbd in the machine's run directory, and to nothing else, and passes the connections. So a disk server may be
 * restarted, another one may come while the machine runs, and a guest that broke out still reaches nothing but its own disks.
 */
#ifndef EMU_CPU_DRIVE_DIAL_H
#define EMU_CPU_DRIVE_DIAL_H
#include "base/err.h"

struct dialer;

/*
 * paths: count of them. dir: the run directory, or NULL. remove: names, NULL-terminated, that it unlinks when this process ends (its control socket, its pid file). Before the
 * process has threads.
 */
struct dialer *dialer_start(const char *const *paths, unsigned count, const char *dir, const char *const *remove, struct err *e);
void dialer_stop(struct dialer *d); /* NULL is allowed */
/* A connection to paths[n], or -errno. Any thread. */
int dialer_connect(struct dialer *d, unsigned n, struct err *e);
/* The same to a disk server's socket in the run directory: "NAME.nbd", which has no '/'. */
int dialer_connect_name(struct dialer *d, const char *name, struct err *e);
#endif
