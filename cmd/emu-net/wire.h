/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One connection with frames on it (lib/proto/net.h): of a plug, of a TCP socket, of a passed fd. */
#ifndef EMU_NET_WIRE_H
#define EMU_NET_WIRE_H
#include "net.h"

struct wire {
	struct port *port;
	int fd;
	bool packet, in_header, out_header, answered;
	struct loop_fd *watch;
	uint8_t *in, *out;
	size_t in_size, out_size, out_sent;
	uint64_t dropped;
	/* The other end is gone, or spoke nonsense: w was closed. */
	void (*gone)(struct wire *w, void *opaque);
	void *opaque;
};

/* fd becomes the wire's. hello: we speak first. In an error the fd stays the caller's. */
int wire_open(struct wire *w, struct port *p, int fd, bool hello, struct err *e);
void wire_close(struct wire *w);
void wire_send(struct wire *w, const struct frame_header *h, const uint8_t *frame, size_t size);
void wire_flush(struct wire *w);
#endif
