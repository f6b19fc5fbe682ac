/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A port over descriptors on which each read and write is a frame: datagram sockets, TAP interfaces. */
#ifndef EMU_NET_DGRAM_H
#define EMU_NET_DGRAM_H
#include "net.h"

#define DGRAM_FDS 16

struct dgram {
	struct port port; /* first */
	int fd[DGRAM_FDS];    /* read from all, written to the first but where `out` is another */
	unsigned fds;
	int out;
	struct loop_fd *watch[DGRAM_FDS];
	bool socket;          /* recv() and send(); else read() and write() */
	bool header;          /* a virtio_net_hdr of 12 bytes before each frame */
	/* Bytes before each frame; NULL: none. Write: fills them in. Read: how many there are, -1: not for us. */
	unsigned head;
	void (*write_head)(struct dgram *d, uint8_t *head);
	int (*read_head)(struct dgram *d, const uint8_t *data, size_t size);
	/* Drops what we sent ourselves; NULL: nothing comes back. */
	bool (*own)(struct dgram *d, const void *from, unsigned from_size);
	void (*end)(struct dgram *d); /* the kind's own; may be NULL */
	uint64_t dropped;
	char text[256];       /* for "info network" */
	uint8_t *buf;
};

/* Watches its descriptors, which become the port's, and adds it. offloads: of a header, what the other side takes. In an error they are closed. */
int dgram_add(struct net *n, struct dgram *d, const char *type, const char *id, unsigned offloads, struct err *e);
#endif
