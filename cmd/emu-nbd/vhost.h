/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A vhost-user-blk back end for the disk: --vhost-user PATH. One front end at a time; when it leaves another may come.
 *
 * The server maps what its front end gives it, and nothing else: whether that is guest memory (raw images under a trusting front end) or a
 * buffer that requests are copied through is the front end's choice, and the same to the server.
 */
#ifndef EMU_NBD_VHOST_H
#define EMU_NBD_VHOST_H
#include "daemon.h"
#include "proto/vhost-user.h"

int vhost_start(struct daemon *d, struct err *e); /* does nothing without the option */
void vhost_stop(struct daemon *d);
bool vhost_connected(struct daemon *d); /* a front end is there */
void vhost_changed(struct daemon *d, struct disk *k); /* another size: the front end is told, where it listens */

/* ---- vhost-guard.c: memory of others that may go away; sock: the connection that is ended then ---- */
void vhost_guard_start(void); /* before the filter */
void vhost_guard_add(void *start, size_t size, int sock); /* the connection's own thread */
void vhost_guard_remove(void *start);

/* ---- vhost-queue.c: the rings ---- */
#define VHOST_QUEUES 64u
#define VHOST_QUEUE_SIZE 1024u
#define VHOST_WORKERS 8u /* of one queue */

struct vhost_map { /* a region that is mapped */
	struct vhu_region r;
	void *base;      /* of the mapping */
	size_t mapped;
	uint8_t *start;  /* of the region in it */
};

struct vhost_memory {
	struct vhost_map map[VHU_REGIONS];
	unsigned count;
};

struct vhost_queue {
	struct disk *disk;
	const struct vhost_memory *memory;
	bool read_only, event_idx, enabled, running;
	/* as the front end set it */
	uint32_t size;
	struct vhu_addr addr;
	int kick, call;
	/* the rings, in our memory */
	struct vring_desc *desc;
	struct vring_avail *avail;
	struct vring_used *used;
	uint16_t last_avail, used_idx, signalled;
	bool signalled_valid;
	struct vhu_queue_state *inflight; /* NULL: not tracked */
	uint64_t counter;
	uint16_t *resubmit; /* heads that a killed server left */
	unsigned resubmits;
	/* workers */
	int stop; /* an eventfd */
	bool stopping, broken, kicked;
	pthread_t worker[VHOST_WORKERS];
	unsigned workers, idle;
	pthread_mutex_t lock;
	pthread_cond_t work;
	unsigned cost_us, sampled; /* of one request, lately; how many were there */
};

/* Begins when it has memory, addresses and a kick and is enabled; does nothing before and when it runs. */
int vhost_queue_start(struct vhost_queue *q, struct err *e);
void vhost_queue_stop(struct vhost_queue *q); /* what is under way is finished */
#endif
