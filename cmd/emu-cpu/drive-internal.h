/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between drive.c (requests, media) and drive-options.c (-disk). */
#ifndef EMU_CPU_DRIVE_INTERNAL_H
#define EMU_CPU_DRIVE_INTERNAL_H
#include <pthread.h>
#include "drive.h"

#define THREADS_MAX 16

struct queue {
	struct drive_req *first, **last;
};

struct client { /* a connected server, while requests use it */
	struct nbd_client *nbd;
	unsigned users;
};

struct drive {
	struct machine *machine;
	struct drive *next;
	char *id;
	struct device *user;
	const struct drive_events *events;
	void *events_opaque;
	/* how it was asked for */
	char *path, *export_name;
	unsigned connections, reconnect_s;
	bool vhost;                        /* the server speaks vhost-user-blk: `front` instead of client and threads */
	struct vhost_front *front;
	bool shared;                       /* the server takes several connections */
	unsigned dial_index;               /* of path, for the process that connects */
	const char *dial_name;             /* in path, where it came later: a name in the run directory */
	bool with_device, released;        /* it goes with its device; that is gone */
	_Atomic bool deleted;              /* its server has ended */
	enum drive_action on_write, on_read;
	struct drive_info info;            /* under the machine lock */
	struct client *client;             /* NULL: no medium; its users under `lock` */
	/* the rest under `lock` */
	pthread_mutex_t lock;
	pthread_cond_t work, finished;
	struct queue todo, done;
	struct drive_req *held;            /* failed with action stop: again at cont */
	unsigned threads, idle, in_flight; /* in flight: on todo, with a thread, or on done */
	pthread_t thread[THREADS_MAX];
	bool quit, posted;
	uint64_t new_size;                 /* as a vhost-user server told it */
	int passed_fd;                     /* a connection that was made for us: the next; -1: none */
};

struct drive_core {
	struct drive *list;
	struct dialer *dialer;
	bool sealed;           /* this process may not connect any more */
	unsigned paths;
	char *run_dir;
};

int drive_medium_open(struct drive *d, struct err *e);
void drive_free(struct drive *d);
void drive_running(void *opaque, bool on); /* the machine goes on or stops: requests that were held are sent again */
#endif
