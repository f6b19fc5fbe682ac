/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A network: ports that all hear what each other port says. Two ports are a cable, more are a hub. One thread, one loop.
 */
#ifndef EMU_NET_NET_H
#define EMU_NET_NET_H
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/ctl.h"
#include "base/err.h"
#include "base/frame.h"
#include "base/keyval.h"
#include "base/loop.h"
#include "proto/net.h"

#define NET_PORTS 128
#define NET_PATHS 64

struct net;
struct port;
struct launcher;
struct dump;

struct port_ops {
	const char *type;
	/* A frame for what is behind the port; its bytes stay the caller's. */
	void (*send)(struct port *p, const struct frame_header *h, const uint8_t *frame, size_t size);
	void (*flush)(struct port *p);                       /* the end of a turn of the loop; may be NULL */
	void (*prepare)(struct port *p, int *timeout_ms);    /* before the loop waits; may be NULL */
	void (*finish)(struct port *p);                      /* after its calls; may be NULL */
	void (*info)(struct port *p, char *buf, size_t size);/* one line of settings, for "info network" */
	void (*free)(struct port *p);
};

struct port { /* the start of each kind's own struct */
	struct net *net;
	const struct port_ops *ops;
	char id[64];
	unsigned offloads;  /* what it takes: FRAME_ bits */
	bool down, dead, touched;
	uint64_t in_frames, in_bytes, out_frames, out_bytes;
	struct port *next;
};

struct net {
	struct loop *loop;
	struct ctl_server *ctl;
	struct launcher *launcher;
	struct port *ports;
	struct dump *dumps;
	unsigned next_number;
	bool stop;
	int status;
	unsigned allow;      /* SANDBOX_ bits that the ports need once they run */
	struct { char *path; bool change; } paths[NET_PATHS]; /* what they may still open beneath */
	unsigned path_count;
	bool changed;        /* since the start: the state file is kept from then on */
	char *state_path;
	json_t *saved;       /* what the state file said at the start; NULL: there was none */
	json_t *removed;     /* ids of the command line's networks that netdev_del took away; NULL: none */
	uint8_t *scratch;    /* 2 * NET_FRAME_MAX */
};

/* Ports. port_add() gives it its place and, where id is NULL or "", a name "TYPE#N". */
int port_add(struct net *n, struct port *p, const struct port_ops *ops, const char *id, struct err *e);
void port_drop(struct port *p);          /* at the end of the turn */
struct port *port_find(struct net *n, const char *id);
/* A frame came in: it goes to all the others. Its bytes may be changed. */
void net_forward(struct port *from, const struct frame_header *h, uint8_t *frame, size_t size);
int net_run(struct net *n);
/* The path, or the directory that it is in, stays within reach of the running process. */
void net_needs_path(struct net *n, const char *path, bool directory_of, bool change);
void net_free_ports(struct net *n);

/* Back ends: "user,net=…" and its like. */
struct backend {
	const char *type;
	const char *help;    /* its options, one line */
	/* The options' syntax was parsed; id NULL: none was given. */
	int (*add)(struct net *n, const char *id, const struct keyval *kv, struct err *e);
};
extern const struct backend backend_user, backend_socket, backend_tap, backend_bridge, backend_l2tpv3, backend_vde, backend_plug;
int backend_add(struct net *n, const char *text, struct err *e);
const struct backend *backend_at(unsigned i); /* NULL ends */
/* Refuses keys that are not in the NULL-terminated list. */
int backend_check(const struct keyval *kv, const char *const *known, struct err *e);
int backend_on_off(const struct keyval *kv, const char *key, bool *to, struct err *e); /* unchanged when absent */
int backend_number(const struct keyval *kv, const char *key, int64_t min, int64_t max, int64_t *to, struct err *e);
int backend_fd(const struct keyval *kv, const char *key, int *fd, struct err *e); /* -1 when absent; close-on-exec */

/* Plugs: "[id=ID,]unix:PATH[,packet=on]" or "fd:N". */
int plug_add(struct net *n, const char *text, struct err *e);

/* Captures: file=PATH[,maxlen=BYTES][,id=ID][,netdev=ID]. */
int dump_add(struct net *n, const char *text, struct err *e);
void dump_frame(struct net *n, const struct port *from, const uint8_t *frame, size_t size);
void dump_flush(struct net *n);
void dump_free(struct net *n);
bool dump_remove(struct net *n, const char *id);

/* User networking's part in the control commands and the state file (user.c). p NULL: the first there is. */
int user_hostfwd_add(struct net *n, const char *id, const char *rule, struct err *e);
int user_hostfwd_remove(struct net *n, const char *id, const char *rule, struct err *e);
char *user_info(struct net *n);           /* malloc'ed text of "info usernet" */
json_t *user_state(struct port *p);       /* new reference; NULL: it is not of that kind */

/*
 * The state file: what has changed since the start. state_load() comes before there are ports; each finds what concerns it with state_of(), which is
 * NULL where nothing is saved.
 */
int state_load(struct net *n, struct err *e);
const json_t *state_of(const struct net *n, const char *id);
bool state_removed(const struct net *n, const char *id);
int state_commit(struct net *n, struct err *e);

int control_start(struct net *n, const char *path, int listen_fd, int fd, struct err *e);
#endif
