/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The other end of a control socket (base/ctl.h): connects by path, takes the greeting, negotiates, sends requests with ids and hands
 * out answers and events. Never blocks. A connection that ends is made again, every 100 ms at first, then every second.
 *
 * Everything belongs to the loop's thread.
 */
#ifndef BASE_CTL_CLIENT_H
#define BASE_CTL_CLIENT_H
#include <jansson.h>
#include <stdbool.h>
#include "base/err.h"
#include "base/loop.h"
#include "base/sock.h"

struct ctl_client;

enum ctl_state {
	CTL_CONNECTING, /* nobody listens there yet, or the greeting is on its way: requests wait */
	CTL_READY,
	CTL_GONE,       /* a connection has ended or was refused: requests fail at once, attempts go on */
};

struct ctl_client_config {
	const char *path;  /* copied; NULL: fd */
	int fd;            /* a connection that exists (the client's then); it is not made again */
	bool patient;      /* a path that is not there yet: requests wait, for 10 s; else they fail at once */
	void (*state)(void *opaque, enum ctl_state state);               /* may be NULL */
	void (*event)(void *opaque, const json_t *event);                /* whole object; may be NULL */
	void *opaque;
};

/* NULL with e filled. The first attempt to connect is made before it returns; callbacks come from the loop only. */
struct ctl_client *ctl_client_new(struct loop *l, const struct ctl_client_config *config, struct err *e);
/* Requests that are under way get their answer (an error) from within. NULL is allowed; not from within a callback of its own. */
void ctl_client_free(struct ctl_client *c);
/* What the other end has sent up to now is handed out, before it is freed perhaps. NULL is allowed; from the loop, not from a callback of its own. */
void ctl_client_drain(struct ctl_client *c);
enum ctl_state ctl_client_state(const struct ctl_client *c);
/* "emu-cpu 1.0" of the greeting, "" as long as there was none. */
const char *ctl_client_package(const struct ctl_client *c);

/* An answer. Everything is borrowed; who keeps a descriptor sets its place to -1. */
struct ctl_answer {
	const json_t *result;   /* NULL: an error, in e */
	const struct err *e;
	const char *class_name; /* of the error: "GenericError" … */
	int *fds;
	unsigned fd_count;
};

/*
 * args is consumed (NULL: none); fds are duplicated and go with the request. done is called exactly once, from the loop (or from
 * ctl_client_free()).
 */
void ctl_client_call(struct ctl_client *c, const char *command, json_t *args, const int *fds, unsigned count,
		     void (*done)(void *opaque, const struct ctl_answer *a), void *opaque);
#endif
