/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The registry's and the front ends' insides, for core.c and mux.c. */
#ifndef CHAR_CORE_H
#define CHAR_CORE_H
#include "char/internal.h"

struct char_user {
	struct chardev *c;
	const struct char_ops *ops;
	void *opaque;
	struct char_user *next_dead;
	bool dead;
	bool blocked; /* its last write was short */
};

struct chardevs {
	struct loop *loop;
	struct objects *objects;
	struct chardevs_hooks hooks;
	int escape;
	struct chardev *list;
	unsigned count;
	void (*on_connect)(void *opaque);
	void *on_connect_opaque;
	struct garbage {
		struct garbage *next;
		void *p;
	} *garbage;          /* freed when no callback is under way */
	bool sweeping;
	bool stdio_used;
};

size_t char_user_room(const struct char_user *u);
void char_user_event(struct char_user *u, enum char_event what);
void char_core_want(struct chardev *c);
/* To the back end, past the mux, and to the log. */
size_t char_core_output(struct chardev *c, const uint8_t *data, size_t n);
#endif
