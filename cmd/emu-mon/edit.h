/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A line editor for terminals that understand vt100: history, completion, the usual Ctrl keys. No terminal is touched here: bytes in, bytes out. */
#ifndef EMU_MON_EDIT_H
#define EMU_MON_EDIT_H
#include <stdbool.h>
#include <stddef.h>

struct editor;

struct editor_config {
	const char *prompt; /* stays */
	bool plain;         /* neither echo nor keys: lines end with CR or LF */
	void (*line)(void *opaque, const char *text);
	void (*output)(void *opaque, const char *text, size_t n);
	/* Tab: what can stand where the last word of `text` begins? editor_complete() answers, now or later; no input until then. NULL: nothing. */
	void (*complete)(void *opaque, const char *text);
	void *opaque;
};

struct editor *editor_new(const struct editor_config *c); /* NULL: out of memory */
void editor_free(struct editor *ed);
void editor_show(struct editor *ed);                      /* prompt and text, on a line of their own */
void editor_width(struct editor *ed, unsigned columns);
/* words: one a line, "" for none. */
void editor_complete(struct editor *ed, const char *words);
/* Up to the end of a line or a Tab, which goes to line(); returns how many bytes were used. */
size_t editor_input(struct editor *ed, const char *data, size_t n);
/* The lines typed so far, oldest first; valid until the next input. */
char **editor_history(struct editor *ed, unsigned *count);
#endif
