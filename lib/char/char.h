/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Character back ends: byte streams to the world outside a machine (terminals, sockets, files, pseudo-terminals …), and their front
 * ends, which are serial ports (relay.h) and monitors.
 *
 * A back end is described by a char_spec (from a command line or QMP), lives in a registry under its id, and has at most one front end,
 * or, with mux=on, up to CHAR_MUX_USERS that share it with the escape keys. Everything belongs to the loop's thread, and nothing blocks:
 * what a back end does not take now stays with the front end, and input is read only while a front end has room.
 */
#ifndef CHAR_CHAR_H
#define CHAR_CHAR_H
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>
#include "base/err.h"
#include "base/keyval.h"
#include "base/loop.h"

struct chardev;
struct chardevs;
struct char_class;
struct char_user;
struct objects;

#define CHAR_MUX_USERS 4
#define CHAR_ID_MAX 127
#define CHAR_LIMIT 256 /* back ends in one registry */

/* ---- descriptions ---- */

struct char_spec {
	const struct char_class *class;
	char *id;          /* NULL: the user gave none (old spellings) */
	struct keyval kv;  /* properties by their names, checked; lists and old spellings are the same here */
	bool mux, monitor; /* monitor: "mon:DEV", a monitor shares it */
	bool nothing;      /* "none": no device, no back end; class is NULL */
	char *reference;   /* "chardev:ID": an existing back end; class is NULL */
};

/* -chardev BACKEND,id=ID[,…], or the same as JSON. 0 or -errno with the sentence. */
int char_spec_parse(const char *text, struct char_spec *s, struct err *e);
/* The old device strings of -serial, -parallel, -monitor, -debugcon, -gdb, -qmp: "tcp:host:port,server", "mon:stdio", "chardev:ID" … */
int char_spec_parse_old(const char *text, struct char_spec *s, struct err *e);
/* QMP's chardev-add and chardev-change: backend is {"type":…,"data":{…}}. */
int char_spec_from_qmp(const char *id, const json_t *backend, struct char_spec *s, struct err *e);
/* As -chardev has it, a new string. */
char *char_spec_print(const struct char_spec *s);
void char_spec_free(struct char_spec *s);
/* The n-th back end's name that is built in; NULL: no more. Aliases are names of their own. */
const char *char_class_name(unsigned n);
/* "-chardev help" */
void char_help(FILE *f);

/* ---- the registry ---- */

struct chardevs_hooks {
	/* Ctrl-a x: leave. Ctrl-a s: commit the disks. NULL: the key does nothing. */
	void (*quit)(void *opaque);
	void (*commit)(void *opaque);
	/*
	 * Descriptors that outlive this process (the supervisor has them): give it one (duplicated) under a name; fd -1: forget it.
	 * take: one that an earlier process gave, or -1. NULL: there is nobody.
	 */
	void (*keep)(void *opaque, const char *name, int fd);
	int (*take)(void *opaque, const char *name);
	/* One line for the user: "char device redirected to /dev/pts/3 (label serial0)". NULL: standard error. */
	void (*tell)(void *opaque, const char *line);
	void *opaque;
};

/* objects: where TLS credentials are looked up; may be NULL. hooks are copied. */
struct chardevs *chardevs_new(struct loop *l, struct objects *objects, const struct chardevs_hooks *hooks, struct err *e);
void chardevs_free(struct chardevs *cs); /* closes every back end; terminals get their settings back */
void chardevs_set_escape(struct chardevs *cs, int key); /* 0: no escape key; 1 (Ctrl-a) is the default */

/*
 * Makes one; spec is borrowed. A server that waits for its first client is made at once and reports char_waiting(); a client without
 * reconnect= has connected when this returns.
 */
struct chardev *chardevs_add(struct chardevs *cs, const struct char_spec *s, struct err *e);
struct chardev *chardevs_find(struct chardevs *cs, const char *id);
/* "Chardev 'x' is busy" while it has front ends. */
int chardevs_remove(struct chardevs *cs, const char *id, struct err *e);
/* Another back end under the same id with the same front ends; on failure the old one stays. */
int chardevs_change(struct chardevs *cs, const char *id, const struct char_spec *s, struct err *e);

struct char_info {
	const char *id;
	const char *filename; /* "pty:/dev/pts/3", "disconnected:tcp:127.0.0.1:4444,server" */
	bool open;            /* a front end is attached */
};
void chardevs_each(struct chardevs *cs, void (*cb)(void *opaque, const struct char_info *info), void *opaque);
/* The first server that was to wait for a client and has none; NULL: none. */
const char *chardevs_waiting(struct chardevs *cs);
/* Is called whenever chardevs_waiting() may have changed. */
void chardevs_on_connect(struct chardevs *cs, void (*cb)(void *opaque), void *opaque);
/* Writes out what can be written without waiting longer than this in all. */
void chardevs_drain(struct chardevs *cs, int timeout_ms);

const char *chardev_id(const struct chardev *c);
bool chardev_is_mux(const struct chardev *c);
const char *chardev_pty(const struct chardev *c); /* path of its terminal, or NULL */

/* ring buffers (ringbuf-read, ringbuf-write) */
int chardev_ring_write(struct chardev *c, const void *data, size_t n, struct err *e);
/* Up to max bytes of the oldest; -EINVAL with the sentence for other back ends. */
ssize_t chardev_ring_read(struct chardev *c, void *data, size_t max, struct err *e);
/* chardev-send-break: as if the other end had sent a break. */
int chardevs_send_break(struct chardevs *cs, const char *id, struct err *e);

/* ---- front ends ---- */

enum char_event {
	CHAR_OPENED,  /* somebody is at the other end (told at once by char_attach() when so) */
	CHAR_CLOSED,
	CHAR_BREAK,   /* from telnet, a terminal, Ctrl-a b */
	CHAR_MUX_IN,  /* this front end has the keyboard now */
	CHAR_MUX_OUT, /* another one has it */
};

/* Any member may be NULL. A callback may write, attach and detach. */
struct char_ops {
	size_t (*can_receive)(void *opaque);  /* how many bytes fit now; 0: wait for char_accept() */
	void (*receive)(void *opaque, const uint8_t *data, size_t n); /* 0 < n <= can_receive() */
	void (*writable)(void *opaque);       /* there is room again after a short char_write() */
	void (*event)(void *opaque, enum char_event what);
};

/* NULL: "chardev 'x' is already in use", or the fifth front end of a mux. */
struct char_user *char_attach(struct chardev *c, const struct char_ops *ops, void *opaque, struct err *e);
void char_detach(struct char_user *u); /* NULL is allowed */
struct chardev *char_backend(const struct char_user *u);
/* Takes what the back end takes now, 0..n. Where nobody is at the other end the bytes vanish, as on a cable. */
size_t char_write(struct char_user *u, const void *data, size_t n);
void char_accept(struct char_user *u);          /* there is room for input again */
bool char_is_open(const struct char_user *u);   /* somebody is at the other end */
bool char_has_focus(const struct char_user *u); /* false: another front end of the mux has the keyboard */
/* File descriptors that came with the last input (UNIX sockets): the oldest, the caller's then; -1: none. */
int char_take_fd(struct char_user *u);
/* Line settings of a host's serial port; other back ends ignore them. */
struct char_line {
	unsigned baud, data_bits, stop_bits;
	char parity; /* 'N', 'E', 'O' */
};
void char_set_line(struct char_user *u, const struct char_line *line);

#endif
