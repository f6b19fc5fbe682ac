/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The display protocol: what a machine shows, and the keys and pointers that come back. emu-display(7) tells it in full.
 *
 * One message per packet of a SOCK_SEQPACKET UNIX socket, all integers in the host's byte order (both ends are on one host). The machine
 * listens. Descriptors travel with SURFACE by SCM_RIGHTS.
 */
#ifndef PROTO_DISPLAY_H
#define PROTO_DISPLAY_H
#include <stdint.h>

#define DISPLAY_MAGIC 0x59504c45u   /* "ELPY" */
#define DISPLAY_VERSION 1u
#define DISPLAY_XRGB8888 0x34325258u /* fourcc 'XR24': 0x00RRGGBB in host byte order */
#define DISPLAY_TILE 32u             /* pixels: side of a tile */
#define DISPLAY_PAGE 4096u           /* bytes of the shared page */
#define DISPLAY_CURSOR_MAX 64u       /* pixels: side of a cursor's image */
#define DISPLAY_CELLS_MAX 32768u     /* cells of a text screen */
#define DISPLAY_ABSOLUTE_MAX 32767u

enum display_message {
	/* from the machine */
	DISPLAY_HELLO = 1,   /* struct display_hello; the first message */
	DISPLAY_SURFACE,     /* struct display_surface, two descriptors: the surface (read-only), the shared page */
	DISPLAY_DIRTY,       /* struct display_head: the doorbell; it rings once for each ARM */
	DISPLAY_CURSOR,      /* struct display_cursor, then width × height ARGB8888 pixels */
	DISPLAY_TEXT,        /* struct display_text, then columns × rows uint16_t; the answer to GET_TEXT */
	DISPLAY_INPUT,       /* struct display_input: what the guest takes now */
	/* from the viewer */
	DISPLAY_ARM = 64,    /* struct display_head: tell me once when something is dirty */
	DISPLAY_GET_TEXT,    /* struct display_head */
	DISPLAY_KEY,         /* struct display_event: a Linux key code, down */
	DISPLAY_RELATIVE,    /* x, y: how far */
	DISPLAY_ABSOLUTE,    /* x, y: where, 0..DISPLAY_ABSOLUTE_MAX */
	DISPLAY_BUTTON,      /* code: BTN_LEFT, BTN_RIGHT, BTN_MIDDLE, BTN_SIDE, BTN_EXTRA; down */
	DISPLAY_WHEEL,       /* y: notches, positive away from the user */
	DISPLAY_SYNC,        /* ends a group of events */
};

struct display_head {
	uint32_t type, screen; /* enum display_message; 0: the machine's own screen */
};
struct display_hello {
	uint32_t type, magic, version, screens;
};
struct display_surface {
	uint32_t type, screen, generation, width, height, stride, fourcc, zero;
};
struct display_cursor {
	uint32_t type, screen;
	int32_t x, y;
	uint32_t visible, width, height, hot_x, hot_y, zero;
};
struct display_text {
	uint32_t type, screen, columns, rows, cursor_x, cursor_y; /* columns 0: graphics. cursor_x ≥ columns: no cursor */
};
struct display_input {
	uint32_t type, absolute, leds, zero; /* leds: bit 0 scroll, 1 num, 2 caps */
};
struct display_event {
	uint32_t type, code, down;
	int32_t x, y;
};

/*
 * The shared page: one per screen and viewer, written by both. The machine fills the geometry before it sends SURFACE and sets bits of `dirty`; the viewer
 * takes them (atomic exchange of a word with 0) before it reads the pixels. generation is that of the surface that the bits are of: when it
 * differs from the viewer's, another SURFACE message is on its way.
 */
struct display_page {
	uint32_t magic, version, generation;
	uint32_t width, height, stride, fourcc;
	uint32_t across, down; /* tiles */
	uint32_t words;        /* of dirty: enough for across × down bits */
	uint32_t reserved[6];
	uint32_t dirty[(DISPLAY_PAGE - 64) / 4]; /* bit n % 32 of word n / 32: tile n = row × across + column */
};
_Static_assert(sizeof(struct display_page) == DISPLAY_PAGE, "one page");
#endif
