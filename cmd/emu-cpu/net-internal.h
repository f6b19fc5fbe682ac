/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the two files of the network plugs share: net.c (frames), net-plugs.c (connections, commands). */
#ifndef EMU_CPU_NET_INTERNAL_H
#define EMU_CPU_NET_INTERNAL_H
#include "base/loop.h"
#include "net.h"
#include "proto/net.h"

#define NET_QUEUE (1u << 20) /* bytes that wait for the other end */
#define NET_BUSY (256u << 10)
#define NET_INPUT (256u << 10)
#define NET_CUT (2 * NET_FRAME_MAX)

struct netdev {
	struct machine *machine;
	char *id, *path;      /* path NULL: came as an fd */
	unsigned dial;        /* number of the path for the process that connects; UINT_MAX: none */
	int fd;
	bool packet;          /* one frame a message */
	bool header;          /* a virtio_net_hdr before each frame is wished */
	bool out_header, in_header; /* and agreed on */
	bool blocked, posted, busy, broken;
	bool paused;          /* the machine stands still: its memory must not change */
	bool down;            /* set_link */
	bool dead;            /* netdev_del; the record stays */
	struct loop_fd *watch;
	struct loop_timer *redial;
	unsigned tries;
	struct device *card;
	const struct net_ops *ops;
	void *opaque;
	unsigned offloads;
	uint8_t *out;         /* frames with their lengths, as they go to a stream */
	size_t out_size, out_sent;
	uint8_t *in;
	size_t in_size, in_at;
	uint8_t *cut;         /* frames made from a large one that the card does not take: 4 bytes of length in our order, then the frame */
	size_t cut_size, cut_at;
	uint64_t dropped;
	struct netdev *next;
};

void net_update_watch(struct netdev *n);
void net_ready(void *opaque, unsigned events); /* of its fd */
void net_forget_traffic(struct netdev *n);
void net_say_hello(struct netdev *n);
/* The connection has ended: closes it, and sees to the next. Main thread. */
void net_unplugged(struct netdev *n);
#endif
