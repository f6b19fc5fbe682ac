/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The producing side of the display contract (DESIGN.md, "display"; lib/proto/display.h), and keys and pointers that come back. */
#ifndef EMU_CPU_DISPLAY_H
#define EMU_CPU_DISPLAY_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"

struct machine;
struct display;

struct display_text_info {
	unsigned columns, rows;
	unsigned cursor_x, cursor_y; /* cursor_x ≥ columns: there is none to see */
};

/* A graphics device's screen. The surface is XRGB8888 in host byte order in a sealed memfd. */
struct display_ops {
	/* Brings the surface up to date (called about 60 times a second while somebody looks, and for screendump). */
	void (*refresh)(void *opaque);
	/* The next refresh must draw everything. */
	void (*invalidate)(void *opaque);
	/* Text on the screen in text mode: columns × rows cells, each code page 437 character | attribute << 8. false: graphics. */
	bool (*text)(void *opaque, uint16_t *cells, unsigned max, struct display_text_info *info);
};
struct device;
struct display *display_new(struct device *by, const char *name, const struct display_ops *ops, void *opaque, struct err *e);
void display_free(struct display *d);
/* Width and height in pixels, 1..16384 each and at most 64 MiB; a new surface. Pixels of the old one are gone. */
int display_resize(struct display *d, unsigned width, unsigned height);
uint32_t *display_pixels(struct display *d, unsigned *stride_bytes);
void display_dirty(struct display *d, unsigned x, unsigned y, unsigned width, unsigned height);
void display_cursor(struct display *d, int x, int y, bool visible);
/* ARGB8888 image of the pointer. */
void display_cursor_image(struct display *d, unsigned width, unsigned height, unsigned hot_x, unsigned hot_y, const uint32_t *argb);

/* Input: a device takes keys (Linux key codes, KEY_A …) or pointer events; the one attached last gets them. */
struct input_ops {
	void (*key)(void *opaque, unsigned code, bool down);
	void (*motion)(void *opaque, int dx, int dy);               /* relative */
	void (*position)(void *opaque, unsigned x, unsigned y);     /* absolute, 0..32767 */
	void (*button)(void *opaque, unsigned code, bool down);     /* BTN_LEFT … */
	void (*wheel)(void *opaque, int dz);
	void (*sync)(void *opaque);                                 /* end of a group of events */
};
struct input;
struct input *input_attach(struct machine *m, const char *name, const struct input_ops *ops, void *opaque);
void input_detach(struct input *i);
void input_leds(struct machine *m, unsigned leds); /* bit 0 scroll, 1 num, 2 caps */

/* Events from outside (viewers, the control socket), to the device attached last that takes the kind. False: there is none. Locked. */
bool input_key(struct machine *m, unsigned code, bool down);
bool input_motion(struct machine *m, int dx, int dy);
bool input_position(struct machine *m, unsigned x, unsigned y);
bool input_button(struct machine *m, unsigned code, bool down);
bool input_wheel(struct machine *m, int dz);
/* Pointers, the current one first: name and kind of the n-th, its number in *index; NULL: no more. */
const char *input_pointer(struct machine *m, unsigned n, unsigned *index, bool *absolute);
int input_choose(struct machine *m, unsigned index); /* it gets the events from now on; -ENOENT */
void input_sync(struct machine *m); /* ends a group: to every device that got something since the last */
unsigned input_leds_now(const struct machine *m);
bool input_takes_keys(const struct machine *m);     /* does a device take keys? */
bool input_takes_position(const struct machine *m); /* does a device take absolute positions? */
#endif
