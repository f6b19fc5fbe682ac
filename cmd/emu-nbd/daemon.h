/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The running server: its disks, nodes, exports, jobs and sockets.
 *
 * Locks: `lock` guards every list here and every change of the graph; the control socket's commands run under it, and so do the ends of
 * jobs. Requests of clients take only their disk's gate (block/disk.h).
 */
#ifndef EMU_NBD_DAEMON_H
#define EMU_NBD_DAEMON_H
#include <pthread.h>
#include "base/ctl.h"
#include "base/loop.h"
#include "block/disk.h"
#include "block/job.h"
#include "export.h"
#include "settings.h"

struct listener { /* a listening socket and the NBD server behind it */
	struct daemon *daemon;
	struct nbd_server *server;
	struct loop_fd *watch;
	int fd;
	char *path; /* to be removed at the end; NULL: none */
	struct authz *authz; /* who may come with a certificate; NULL: everyone */
	json_t *again; /* of nbd-server-start: its arguments, for the state file; NULL */
};

struct export { /* made at run time, or the one of the command line */
	struct image_export x;
	struct listener *where;
	struct disk *disk;
	bool writable;
	char *bitmap;     /* what it shows of it, NULL: none */
	struct blk *bitmap_node;
	struct export *next;
};

struct owned_node { /* made by blockdev-add; the graph may hold it elsewhere too */
	struct blk *blk;
	struct owned_node *next;
};

struct limit_group { /* a set of limits by name; disks of the group share it */
	char *name;
	struct blk_limits *limits;
	struct limit_group *next;
};

struct daemon {
	const struct settings *set;
	struct objects *objects;
	struct blk_graph *graph;
	struct loop *loop;
	struct ctl_server *ctl;
	pthread_mutex_t lock;
	struct disk *disks;
	struct owned_node *nodes;
	struct export *exports;
	struct limit_group *groups;
	struct listener own, extra; /* of the command line; of nbd-server-start */
	struct job_host jobs;
	struct state *state;        /* --state; NULL */
	json_t *restored;           /* nodes that the state file named, until who needs them has them */
	struct vhost *vhost;
	int kernel_nl, kernel_index; /* -c: to take the kernel's device away at the end; -1 */
	bool seen_client;
	unsigned serial;
};

/* A control command of emu-nbd (base/ctl.h): one row each, in a linker section; `opaque` is the daemon, whose lock is held. */
#define NBD_COMMAND(ident) \
	static const struct ctl_command *const ident##_record __attribute__((used, section("ctl_commands"))) = &(ident)

/* ---- listen.c ---- */
void listener_stop(struct listener *l); /* with every client */
int listen_command_line(struct daemon *d, struct err *e); /* the socket that the options name, as d->own; not watched yet */
int listen_kernel(struct daemon *d, struct err *e); /* -c: the kernel becomes a client */
int listen_watch(struct daemon *d, struct listener *l, struct err *e);
/* tls and authz (NULL: none) are ids of objects. */
int listener_server(struct daemon *d, struct listener *l, const char *tls, const char *authz, unsigned max_clients, struct err *e);

/* ---- ctl.c ---- */
int daemon_ctl_start(struct daemon *d, struct err *e);
struct disk *daemon_disk(struct daemon *d, const char *name);
/* By "device" (or "id") or "node-name" of the arguments; NULL with *e and the error's class. */
struct disk *ctl_disk(struct daemon *d, struct ctl_call *call, const json_t *args, struct err *e);
/* "device" may also be a node's name; *disk: the disk whose root it is, or NULL. */
struct blk *ctl_node(struct daemon *d, struct ctl_call *call, const char *device, const char *node_name, struct disk **disk, struct err *e);
const char *ctl_string(const json_t *args, const char *name);
/* Descriptors that came with the command are for this path from now on. */
int ctl_take_path(struct daemon *d, struct ctl_call *call, const char *path, struct err *e);
/* What has changed goes to the state file, before the answer. */
int daemon_commit(struct daemon *d, struct err *e);
/* Drained: every disk. */
void daemon_drain(struct daemon *d);
void daemon_undrain(struct daemon *d);
bool daemon_node_owned(struct daemon *d, const struct blk *b);
int daemon_own_node(struct daemon *d, struct blk *b, struct err *e); /* takes over the reference */
/* Refuses while a job uses the disk. */
int disk_not_busy(const struct disk *k, struct err *e);

/* ---- ctl-media.c ---- */
/* --throttle */
int limits_parse(struct daemon *d, struct disk *k, const char *text, struct err *e);
/* A throttle node at the top becomes the disk's own limits, which can be changed. */
int limits_take_over(struct daemon *d, struct disk *k, struct err *e);
/* Found, or made with these limits (NULL: none yet); NULL: out of memory. */
struct limit_group *limit_group(struct daemon *d, const char *name, struct blk_limits *limits);

/* ---- ctl-export.c ---- */
/* What nbd-server-start does, from its arguments; fd: a socket that listens, taken over; -1: it is made. Not watched yet. */
int daemon_extra_server(struct daemon *d, const json_t *args, int fd, struct err *e);
int daemon_export(struct daemon *d, struct listener *where, struct disk *disk, const char *name, const char *description, uint64_t offset,
		  uint64_t size, bool depth, bool writable, struct blk *bitmap_node, const char *bitmap, struct err *e);
/* Where the bitmap is: b or below it in the chain. NULL: nowhere. */
struct blk *daemon_bitmap_node(struct blk *b, const char *bitmap, struct err *e);
int daemon_unexport(struct daemon *d, struct export *x, bool hard, struct err *e);
/* The disk's medium has changed: what exports say of it follows. */
void daemon_exports_changed(struct daemon *d, struct disk *k);

/* ---- describe.c ---- */
json_t *describe_image(struct blk *b, bool chain); /* as "image" of query-block */
json_t *describe_node(struct daemon *d, struct blk *b, struct disk *limits); /* BlockDeviceInfo */
/*
 * As blockdev-add would make it again, with everything below. Nodes that are keys of `seen` (NULL: none) appear by name only; others are added.
 */
json_t *describe_options(struct blk *b, json_t *seen);
void limits_to_json(struct disk *d, json_t *o);
#endif
