/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Connections after the machine gave up the right to connect. A small process that was forked before connects to the sockets that the
 * command line named, and to nothing else, and passes the connections. So a disk server may be restarted, and a guest that broke
 * out still reaches nothing but its own disks.
 */
#ifndef EMU_CPU_DRIVE_DIAL_H
#define EMU_CPU_DRIVE_DIAL_H
#include "base/err.h"

struct dialer;

/*
 * paths: count of them. remove: names, NULL-terminated, that it unlinks when this process ends (its control socket, its pid file). Before the
 * process has threads.
 */
struct dialer *dialer_start(const char *const *paths, unsigned count, const char *const *remove, struct err *e);
void dialer_stop(struct dialer *d); /* NULL is allowed */
/* A connection to paths[n], or -errno. Any thread. */
int dialer_connect(struct dialer *d, unsigned n, struct err *e);
#endif
