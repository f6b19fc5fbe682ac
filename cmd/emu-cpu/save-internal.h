/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What save.c and save-machine.c share; tests use it too. */
#ifndef EMU_CPU_SAVE_INTERNAL_H
#define EMU_CPU_SAVE_INTERNAL_H
#include "save.h"

struct save_buf {
	uint8_t *data;
	size_t size, room;
	bool failed; /* out of memory */
};

struct load_buf {
	const uint8_t *at;
	size_t left;
};

void *save_room(struct save_buf *b, size_t n); /* NULL: failed */
void save_bytes(struct save_buf *b, const void *data, size_t n);
void save_uint(struct save_buf *b, uint64_t v, unsigned width);
void save_name(struct save_buf *b, const char *name, unsigned width);
void save_state(struct save_buf *b, const struct state_table *t, void *state);

bool load_uint(struct load_buf *b, unsigned width, uint64_t *v);
bool load_part(struct load_buf *b, size_t n, struct load_buf *part);
bool load_name(struct load_buf *b, unsigned width, char *name, size_t size);
/* Would the body be accepted? Touches nothing. */
int load_check(struct load_buf b, const struct state_table *t, void *state, unsigned version, struct err *e);
/* Checks, stores, and lets the table's own check look; after its refusal the state is what was loaded. */
int load_state(struct load_buf b, const struct state_table *t, void *state, unsigned version, struct err *e);
#endif
