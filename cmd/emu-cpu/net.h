/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A card's network cable: Ethernet frames over an fd (lib/proto/net.h). What a card or the other end cannot take (partial checksums, large
 * segments) is put right here, so cards may offer every offload whatever is plugged in. Everything runs under the machine lock.
 */
#ifndef EMU_CPU_NET_H
#define EMU_CPU_NET_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>
#include "base/err.h"
#include "base/frame.h"

struct machine;
struct device;
struct netdev;
struct net_ops {
	bool (*can_receive)(void *opaque);
	/* One frame, whose bytes may be changed. false: no room; it comes again after net_accept(). */
	bool (*receive)(void *opaque, const struct frame_header *h, uint8_t *frame, size_t size);
	void (*received)(void *opaque);  /* the last of a batch was given; may be NULL */
	void (*sendable)(void *opaque);  /* net_busy() is over; may be NULL */
	void (*link)(void *opaque, bool up);
};
struct netdev *netdev_find(struct machine *m, const char *id);
const char *netdev_id(const struct netdev *n);
int net_attach(struct netdev *n, struct device *d, const struct net_ops *ops, void *opaque, struct err *e);
/* NULL is allowed as netdev here and below: a card without a cable. */
void net_detach(struct netdev *n);
/* What the card takes in frames that it receives: FRAME_ bits. At first nothing. */
void net_offloads(struct netdev *n, unsigned bits);
/* Queues a frame (copied). h NULL: nothing is left to be done to it. */
void net_send(struct netdev *n, const struct frame_header *h, const struct iovec *iov, unsigned iovs);
/* The batch is over: sends what is queued. */
void net_flush(struct netdev *n);
/* So much waits for the other end that the card had better keep its frames; sendable() is called when that is over. */
bool net_busy(const struct netdev *n);
void net_accept(struct netdev *n);
bool net_link(const struct netdev *n); /* set_link; no cable counts as up */
/* Fills in an address when it is zero: 52:54:00:12:34:56 and those that follow. */
void net_default_mac(struct machine *m, uint8_t *mac);
#endif
