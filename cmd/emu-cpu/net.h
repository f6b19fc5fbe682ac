/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A card's network cable: Ethernet frames over an fd (DESIGN.md, "net"). */
#ifndef EMU_CPU_NET_H
#define EMU_CPU_NET_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>
#include "base/err.h"

struct machine;
struct netdev;
struct net_ops {
	bool (*can_receive)(void *opaque);
	/* One frame, with a virtio_net_hdr of 12 bytes before it when the header was agreed on. false: no room; it comes again after net_accept(). */
	bool (*receive)(void *opaque, const struct iovec *iov, unsigned iovs, size_t size);
	void (*link)(void *opaque, bool up);
};
struct netdev *netdev_find(struct machine *m, const char *id);
int net_attach(struct netdev *n, const struct net_ops *ops, void *opaque, struct err *e);
void net_detach(struct netdev *n);
/* Queues a frame (copied); batches are sent at the end of the main loop's turn. */
void net_send(struct netdev *n, const struct iovec *iov, unsigned iovs);
void net_accept(struct netdev *n);
bool net_header(struct netdev *n); /* both sides carry a virtio_net_hdr before each frame */
bool net_link(struct netdev *n);
#endif
