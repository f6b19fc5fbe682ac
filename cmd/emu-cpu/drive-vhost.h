/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A vhost-user-blk front end for drives: any vhost-user-blk server serves any disk device. The guest's rings stay here; the server sees rings and
 * buffers of ours (shadow rings) and nothing of the guest.
 */
#ifndef EMU_CPU_DRIVE_VHOST_H
#define EMU_CPU_DRIVE_VHOST_H
#include "drive.h"

struct vhost_front;

struct vhost_target {
	int (*dial)(void *opaque, struct err *e);                            /* a connected fd or -errno; any thread */
	void (*done)(void *opaque, struct drive_req *r, int error);          /* the front end's thread, or vhost_front_submit()'s */
	void (*resized)(void *opaque, uint64_t size);                        /* the front end's thread */
	void *opaque;
	unsigned reconnect_ms; /* how long a server that has gone is waited for before requests fail */
};

struct vhost_info {
	uint64_t size;
	bool readonly, discard, zeroes;
};

int vhost_front_open(const struct vhost_target *t, struct vhost_front **out, struct vhost_info *info, struct err *e);
/* Requests that are under way come back with -ECANCELED. */
void vhost_front_close(struct vhost_front *f); /* NULL is allowed */
/* Asynchronous; `error` and `next` of the request are the front end's while it has it. Any thread. */
void vhost_front_submit(struct vhost_front *f, struct drive_req *r);
/* Asks the server for its configuration, as after its own notice; resized() follows. Any thread. */
void vhost_front_refresh(struct vhost_front *f);
#endif
