/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The control socket of a part (DESIGN.md, "ctl"): the server's side of the QMP dialect. A greeting, qmp_capabilities, then
 * {"execute":…,"arguments":…,"id":…} with {"return":…} or {"error":{"class","desc"}}, and events with a timestamp. File descriptors
 * come with a command by SCM_RIGHTS. Several clients may be connected.
 *
 * Commands are rows of a table; the server checks their arguments by the table. Everything but ctl_event() belongs to the loop's thread.
 */
#ifndef BASE_CTL_H
#define BASE_CTL_H
#include <jansson.h>
#include <stdbool.h>
#include <sys/types.h>
#include "base/err.h"
#include "base/loop.h"
#include "base/sock.h"

#define CTL_CLIENTS 128           /* connected at the same time: every attached monitor is one */
#define CTL_BACKLOG (64u << 20)   /* bytes that wait for a client that does not read; then it is cut off */

struct ctl_server;
struct ctl_call; /* a command that is being carried out */

/* One argument; the list ends with a NULL name. */
struct ctl_arg {
	const char *name;
	char type;     /* 's' string, 'i' integer, 'n' number, 'b' boolean, 'o' object, 'a' array, '*' anything */
	bool optional;
};

struct ctl_command {
	const char *name;
	const struct ctl_arg *args; /* NULL: none */
	/*
	 * args: borrowed, never NULL, checked against the list. Returns a new reference; NULL for {} or, with e filled, for an error;
	 * CTL_LATER when ctl_reply() follows.
	 */
	json_t *(*run)(void *opaque, struct ctl_call *call, const json_t *args, struct err *e);
	bool any_args;  /* takes arguments beyond the list (device_add) */
	bool unlocked;  /* run without ctl_config.lock */
};

#define CTL_LATER ((json_t *)-1)

struct ctl_config {
	const char *package;                    /* for the greeting: "emu-cpu 1.0" */
	const struct ctl_command *const *commands;
	unsigned count;
	void (*lock)(void *opaque);             /* around commands; NULL: nothing */
	void (*unlock)(void *opaque);
	bool keep_name;                         /* ctl_free() leaves the socket's name: who is not allowed to remove it */
	void (*control_closed)(void *opaque);   /* the connection that ctl_add_client(…, true) brought has ended */
	void *opaque;
};

struct ctl_server *ctl_new(struct loop *l, const struct ctl_config *config, struct err *e);
void ctl_free(struct ctl_server *s); /* closes everything; NULL is allowed */
/* Listens there, mode 0600; the name is removed at the end where that is still allowed. */
int ctl_listen(struct ctl_server *s, const char *path, struct err *e);
/* A listening socket that exists. */
int ctl_listen_fd(struct ctl_server *s, int fd, struct err *e);
/* A connection that exists becomes a client; the fd is the server's then. */
int ctl_add_client(struct ctl_server *s, int fd, bool control, struct err *e);

/* Sends an event to all clients, from any thread. data is consumed; NULL: none. */
void ctl_event(struct ctl_server *s, const char *name, json_t *data);

/* ---- for commands; one that its program gives itself has no call: NULL is allowed in the first two ---- */
/* The n-th descriptor that came with the command; it is the caller's then. -1: there is none. Only until run() returns. */
int ctl_take_fd(struct ctl_call *call, unsigned n);
/* Another class than GenericError for the error that follows: "DeviceNotFound" … (a string that stays). */
void ctl_error_class(struct ctl_call *call, const char *class_name);
/* Sends descriptors along with the answer; they are duplicated. At most SOCK_MAX_FDS. */
int ctl_send_fd(struct ctl_call *call, int fd);
/* The end of a CTL_LATER: result (consumed; NULL for {}) or error. The client may have gone meanwhile. */
void ctl_reply(struct ctl_call *call, json_t *result, const struct err *e);

/* The parts of a request (borrowed; *args NULL: none); false: it is malformed, and e says how. For other servers of the dialect. */
bool ctl_request(json_t *value, const char **name, json_t **args, struct err *e);

/* Bytes of a client that nobody may read any more, for tests. */
unsigned ctl_clients(const struct ctl_server *s);
#endif
