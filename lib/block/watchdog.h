/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A bound in time for a library's blocking calls on a socket: when one takes too long, the socket is shut down under
 * it, and the call comes back with an error. One thread a watchdog.
 */
#ifndef BLOCK_WATCHDOG_H
#define BLOCK_WATCHDOG_H
#include <stdbool.h>

struct watchdog;

/* fd stays the caller's, and open until watchdog_free(). NULL: no memory or no thread. */
struct watchdog *watchdog_new(int fd, unsigned seconds);
void watchdog_free(struct watchdog *w); /* NULL is allowed */
void watchdog_begin(struct watchdog *w); /* a call begins; one at a time */
bool watchdog_end(struct watchdog *w);   /* it is over; false: it took too long, the socket is dead */
#endif
