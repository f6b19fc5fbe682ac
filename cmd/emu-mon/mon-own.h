/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What route.c, task.c and session.c share of a monitor. */
#ifndef EMU_MON_MON_OWN_H
#define EMU_MON_MON_OWN_H
#include <pthread.h>
#include "mon.h"

struct posted {
	struct posted *next;
	void (*fn)(void *opaque);
	void *opaque;
};

struct monitor {
	struct loop *loop;
	char *dir;
	struct part *parts;
	struct listener *listeners;
	struct mon_session *sessions;
	int inotify;
	struct loop_fd *inotify_watch;
	struct loop_timer *sweep_timer;
	bool sweeping, closing;
	json_t *fds;                        /* getfd's: name → number */
	json_t *fdsets;                     /* add-fd's, as query-fdsets tells them. Under `lock` */
	void (*keep)(void *opaque, const char *name, int fd); /* for the next process; may be NULL */
	void *keep_opaque;
	json_t *nbd;                        /* nbd-server-start without a supervisor (qmp-nbd.c); NULL: nobody serves. Under `lock` */
	int nbd_fd;
	/* From tasks to the loop. */
	pthread_mutex_t lock;               /* of the queue and of everything that tasks and loop share */
	pthread_cond_t turn;                /* the loop has something for a task, or the other way round */
	struct posted *queue, **queue_end;
	int bell;                           /* eventfd */
	struct loop_fd *bell_watch;
	unsigned running;                   /* tasks whose end was not handled yet; loop's thread */
	struct call *waiting;               /* for parts that have not greeted yet; loop's thread */
};

int tasks_init(struct monitor *m, struct err *e);
void tasks_end(struct monitor *m);
void waiting_wake(struct monitor *m);       /* parts have come or gone: those who waited look again */
void sessions_close(struct monitor *m);
struct part *part_next(struct monitor *m, struct part *after);
#endif
