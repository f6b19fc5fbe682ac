/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A front end that is a descriptor: what a back end brings goes there, what comes from there goes to the back end. */
#ifndef CHAR_RELAY_H
#define CHAR_RELAY_H
#include "char/char.h"

struct relay;

struct relay_config {
	const char *id;                                      /* copied; for the callbacks */
	void (*on_break)(void *opaque, const char *id);      /* may be NULL */
	void (*on_end)(void *opaque, const char *id);        /* the descriptor's other end has gone; may be NULL */
	void *opaque;
};

/* The fd (a stream socket, or a terminal) becomes the relay's in any case. */
struct relay *relay_new(struct loop *l, struct chardev *c, int fd, const struct relay_config *config, struct err *e);
/* The device at the descriptor's other end has set its line so. */
void relay_set_line(struct relay *r, const struct char_line *line);
const char *relay_id(const struct relay *r);
struct chardev *relay_backend(const struct relay *r);
void relay_free(struct relay *r); /* NULL is allowed; not from within its callbacks */
/* Bytes from the descriptor that the back end has not taken, or that were never read. */
bool relay_busy(const struct relay *r);
#endif
