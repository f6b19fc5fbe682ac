/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel's own NBD client (/dev/nbdN), driven by generic netlink: it is given connected sockets and does the rest. `nl` is such a
 * netlink socket, or in tests something that answers like one.
 */
#ifndef NBD_KERNEL_H
#define NBD_KERNEL_H
#include <stdint.h>
#include "base/err.h"

int nbd_kernel_open(struct err *e); /* a new socket or -errno */
/* "/dev/nbd3" gives 3; -EINVAL with *e for other names. */
int nbd_kernel_index(const char *device, struct err *e);
/* Attaches: the sockets' other ends must be in transmission. size in bytes; block: 512..4096; flags: NBD_FLAG_... of the export. */
int nbd_kernel_connect(int nl, unsigned index, const int *socks, unsigned count, uint64_t size, uint32_t block, uint16_t flags, struct err *e);
int nbd_kernel_disconnect(int nl, unsigned index, struct err *e);
#endif
