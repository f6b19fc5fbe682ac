/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The multiplexer: several front ends at one back end, with escape keys on its input. */
#ifndef CHAR_MUX_H
#define CHAR_MUX_H
#include "char/internal.h"

#define MUX_HOLD 256 /* input that waits for the front end with the keyboard */

struct mux {
	struct char_user *user[CHAR_MUX_USERS];
	int focus;          /* -1: nobody is attached */
	bool escaped;       /* the escape key was the last one */
	bool stamps, line_start;
	uint64_t stamps_from;
	uint8_t hold[MUX_HOLD];
	unsigned held;
};

struct mux *mux_new(void);
int mux_add(struct chardev *c, struct char_user *u, struct err *e);
void mux_remove(struct chardev *c, struct char_user *u);
size_t mux_room(const struct chardev *c);
void mux_input(struct chardev *c, const uint8_t *data, size_t n);
void mux_pump(struct chardev *c); /* a front end has room again */
size_t mux_output(struct chardev *c, const uint8_t *data, size_t n);
#endif
