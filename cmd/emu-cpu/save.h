/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The state of a device as a table of named fields: saved, loaded, migrated and shown (info qtree -s, the monitor's dump) from this one
 * table. Integers travel big-endian in their own width with their names; a load looks fields up by name, so that tables may grow: a field
 * that the stream lacks keeps its reset value if it is newer than the stream's version, else the load is refused.
 */
#ifndef EMU_CPU_SAVE_H
#define EMU_CPU_SAVE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"

enum field_kind {
	FIELD_UINT,   /* 1, 2, 4, 8 bytes: width from the member; count > 1: an array */
	FIELD_BOOL,
	FIELD_BYTES,  /* `width` bytes as they are */
	FIELD_STRUCT, /* count structs of `width` bytes with their own table in sub */
	FIELD_TIMER,  /* struct timer *: armed, and when */
	FIELD_BUFFER, /* uint8_t * with its length in a uint32_t member at `aux`, at most `max` */
};

struct field {
	const char *name;
	uint32_t offset, width, count;
	uint8_t kind;   /* enum field_kind */
	uint16_t since; /* version in which it came; 0: from the start */
	uint32_t aux, max;
	const struct field *sub;
};

#define MEMBER_(T, m) (((T *)0)->m)
#define F_UINT(T, m) {.name = #m, .offset = offsetof(T, m), .width = sizeof MEMBER_(T, m), .count = 1, .kind = FIELD_UINT}
#define F_UINTS(T, m) \
	{.name = #m, .offset = offsetof(T, m), .width = sizeof MEMBER_(T, m)[0], \
	 .count = sizeof MEMBER_(T, m) / sizeof MEMBER_(T, m)[0], .kind = FIELD_UINT}
#define F_BOOL(T, m) {.name = #m, .offset = offsetof(T, m), .width = sizeof MEMBER_(T, m), .count = 1, .kind = FIELD_BOOL}
#define F_BYTES(T, m) {.name = #m, .offset = offsetof(T, m), .width = sizeof MEMBER_(T, m), .count = 1, .kind = FIELD_BYTES}
#define F_STRUCTS(T, m, table) \
	{.name = #m, .offset = offsetof(T, m), .width = sizeof MEMBER_(T, m)[0], \
	 .count = sizeof MEMBER_(T, m) / sizeof MEMBER_(T, m)[0], .kind = FIELD_STRUCT, .sub = (table)}
#define F_STRUCT(T, m, table) \
	{.name = #m, .offset = offsetof(T, m), .width = sizeof MEMBER_(T, m), .count = 1, .kind = FIELD_STRUCT, .sub = (table)}
#define F_TIMER(T, m) {.name = #m, .offset = offsetof(T, m), .width = sizeof MEMBER_(T, m), .count = 1, .kind = FIELD_TIMER}
#define F_BUFFER(T, m, len, most) \
	{.name = #m, .offset = offsetof(T, m), .count = 1, .kind = FIELD_BUFFER, .aux = offsetof(T, len), .max = (most)}
#define F_END {.name = NULL}

struct state_table {
	const char *name;   /* section, e.g. "i8259" */
	unsigned version, oldest; /* written; least that is accepted */
	const struct field *fields;
	/* After a load: are the values possible (indices in range)? A sentence in e, -EINVAL: the load is refused. Also puts derived state right. */
	int (*loaded)(void *state, struct err *e);
	void (*saving)(void *state); /* brings fields up to date before they are written; may be NULL */
};
#endif
