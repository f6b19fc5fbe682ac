/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between display.c and what shows screens (ctl-display.c, display-server.c). */
#ifndef EMU_CPU_DISPLAY_INTERNAL_H
#define EMU_CPU_DISPLAY_INTERNAL_H
#include "display.h"

enum { CURSOR_MAX = 64 };

struct display {
	struct display *next;
	struct machine *machine;
	struct device *device; /* the card */
	const struct display_ops *ops;
	void *opaque;
	char name[32];
	int fd;              /* memfd of the surface, -1: none yet */
	uint32_t *pixels;
	size_t size;         /* bytes mapped */
	unsigned width, height, stride;
	uint32_t generation; /* of the surface */
	uint64_t changes;    /* display_dirty() calls */
	int cursor_x, cursor_y;
	bool cursor_visible;
	unsigned cursor_width, cursor_height, cursor_hot_x, cursor_hot_y;
	uint32_t cursor_image[CURSOR_MAX * CURSOR_MAX];
};

#endif
