/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation: the text is edited in a buffer; after a key the screen's line is brought up to date. A character at the end of the text
 * is just printed; everything else redraws the line from its beginning. A text that is wider than the terminal is shown through a
 * window that follows the cursor.
 */
#include "edit.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_MAX_BYTES 4095
#define HISTORY 64
#define WORDS 512

struct editor {
	struct editor_config c;
	char text[LINE_MAX_BYTES + 1], saved[LINE_MAX_BYTES + 1], cut[LINE_MAX_BYTES + 1];
	size_t len, at, shown_from;
	unsigned columns;
	enum { PLAIN, ESCAPE, CSI, SS3 } state;
	unsigned param, param2;
	bool second, overlong, after_cr, stop;
	char *history[HISTORY];
	unsigned lines, look; /* look: the history's line that is shown; lines: none */
};

struct editor *editor_new(const struct editor_config *c)
{
	struct editor *ed = calloc(1, sizeof *ed);

	if (ed) {
		ed->c = *c;
		ed->columns = 80;
	}
	return ed;
}

void editor_free(struct editor *ed)
{
	if (!ed)
		return;
	for (unsigned i = 0; i < ed->lines; i++)
		free(ed->history[i]);
	free(ed);
}

void editor_width(struct editor *ed, unsigned columns)
{
	ed->columns = columns < 20 ? 20 : columns > 10000 ? 10000 : columns;
}

char **editor_history(struct editor *ed, unsigned *count)
{
	*count = ed->lines;
	return ed->history;
}

static void put(struct editor *ed, const char *s, size_t n)
{
	if (n)
		ed->c.output(ed->c.opaque, s, n);
}

static void puts_(struct editor *ed, const char *s)
{
	put(ed, s, strlen(s));
}

/* ---- places in UTF-8 ---- */

static bool inside(char c)
{
	return ((unsigned char)c & 0xc0) == 0x80;
}

static size_t before(const struct editor *ed, size_t at)
{
	while (at && inside(ed->text[--at]))
		;
	return at;
}

static size_t behind(const struct editor *ed, size_t at)
{
	if (at < ed->len)
		at++;
	while (at < ed->len && inside(ed->text[at]))
		at++;
	return at;
}

static unsigned width(const struct editor *ed, size_t from, size_t to)
{
	unsigned n = 0;

	for (; from < to; from++)
		n += !inside(ed->text[from]);
	return n;
}

/* ---- the screen ---- */

static unsigned room(const struct editor *ed)
{
	return ed->columns - (unsigned)strlen(ed->c.prompt) - 1;
}

static void redraw(struct editor *ed)
{
	size_t end;
	unsigned back;
	char move[32];

	if (ed->c.plain)
		return;
	if (ed->at < ed->shown_from)
		ed->shown_from = ed->at;
	while (width(ed, ed->shown_from, ed->at) > room(ed))
		ed->shown_from = behind(ed, ed->shown_from);
	while (ed->shown_from && width(ed, before(ed, ed->shown_from), ed->len) <= room(ed))
		ed->shown_from = before(ed, ed->shown_from);
	for (end = ed->shown_from; end < ed->len && width(ed, ed->shown_from, behind(ed, end)) <= room(ed);)
		end = behind(ed, end);
	puts_(ed, "\r");
	puts_(ed, ed->c.prompt);
	put(ed, ed->text + ed->shown_from, end - ed->shown_from);
	puts_(ed, "\033[K");
	back = width(ed, ed->at, end);
	if (back) {
		snprintf(move, sizeof move, "\033[%uD", back);
		puts_(ed, move);
	}
}

void editor_show(struct editor *ed)
{
	puts_(ed, ed->c.prompt);
	if (ed->len)
		redraw(ed);
}

/* ---- changes ---- */

static void insert(struct editor *ed, const char *s, size_t n)
{
	bool at_end = ed->at == ed->len;

	if (n > LINE_MAX_BYTES - ed->len) {
		ed->overlong = true;
		if (!ed->c.plain)
			puts_(ed, "\a");
		return;
	}
	memmove(ed->text + ed->at + n, ed->text + ed->at, ed->len - ed->at);
	memcpy(ed->text + ed->at, s, n);
	ed->len += n;
	ed->at += n;
	ed->text[ed->len] = '\0';
	if (ed->c.plain)
		return;
	if (at_end && !ed->shown_from && width(ed, 0, ed->len) <= room(ed))
		put(ed, s, n);
	else
		redraw(ed);
}

static void erase(struct editor *ed, size_t from, size_t to, bool keep)
{
	if (from >= to)
		return;
	if (keep) {
		memcpy(ed->cut, ed->text + from, to - from);
		ed->cut[to - from] = '\0';
	}
	memmove(ed->text + from, ed->text + to, ed->len - to);
	ed->len -= to - from;
	ed->at = from;
	ed->text[ed->len] = '\0';
	redraw(ed);
}

static void set_text(struct editor *ed, const char *s)
{
	ed->len = strlen(s);
	if (ed->len > LINE_MAX_BYTES)
		ed->len = LINE_MAX_BYTES;
	memmove(ed->text, s, ed->len);
	ed->text[ed->len] = '\0';
	ed->at = ed->len;
	ed->shown_from = 0;
	redraw(ed);
}

static void move(struct editor *ed, size_t to)
{
	if (to != ed->at) {
		ed->at = to;
		redraw(ed);
	}
}

static size_t word_left(const struct editor *ed)
{
	size_t at = ed->at;

	while (at && isspace((unsigned char)ed->text[at - 1]))
		at--;
	while (at && !isspace((unsigned char)ed->text[at - 1]))
		at--;
	return at;
}

static size_t word_right(const struct editor *ed)
{
	size_t at = ed->at;

	while (at < ed->len && isspace((unsigned char)ed->text[at]))
		at++;
	while (at < ed->len && !isspace((unsigned char)ed->text[at]))
		at++;
	return at;
}

/* ---- history ---- */

static void remember(struct editor *ed)
{
	unsigned i;
	char *copy;

	if (!ed->len)
		return;
	/* A line that was there moves to the end. */
	for (i = 0; i < ed->lines && strcmp(ed->history[i], ed->text); i++)
		;
	if (i < ed->lines) {
		copy = ed->history[i];
	} else {
		copy = strdup(ed->text);
		if (!copy)
			return;
		if (ed->lines < HISTORY) {
			ed->history[ed->lines++] = copy;
			return;
		}
		free(ed->history[0]);
		i = 0;
	}
	memmove(ed->history + i, ed->history + i + 1, (ed->lines - i - 1) * sizeof *ed->history);
	ed->history[ed->lines - 1] = copy;
}

static void look_back(struct editor *ed, bool older)
{
	if (older ? !ed->look : ed->look >= ed->lines)
		return;
	if (ed->look == ed->lines)
		memcpy(ed->saved, ed->text, ed->len + 1);
	ed->look += older ? -1u : 1u;
	set_text(ed, ed->look == ed->lines ? ed->saved : ed->history[ed->look]);
}

/* ---- completion ---- */

struct words {
	char *word[WORDS];
	unsigned count;
};

static void take_word(void *to, const char *word)
{
	struct words *w = to;

	for (unsigned i = 0; i < w->count; i++)
		if (!strcmp(w->word[i], word))
			return;
	if (w->count < WORDS && (w->word[w->count] = strdup(word)))
		w->count++;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void list_words(struct editor *ed, const struct words *w)
{
	unsigned longest = 0, across;

	for (unsigned i = 0; i < w->count; i++)
		if (strlen(w->word[i]) > longest)
			longest = (unsigned)strlen(w->word[i]);
	across = longest + 2 < ed->columns ? ed->columns / (longest + 2) : 1;
	puts_(ed, "\r\n");
	for (unsigned i = 0; i < w->count; i++) {
		bool last = i % across == across - 1 || i == w->count - 1;
		puts_(ed, w->word[i]);
		for (size_t n = strlen(w->word[i]); !last && n < longest + 2; n++)
			puts_(ed, " ");
		if (last)
			puts_(ed, "\r\n");
	}
	editor_show(ed);
}

/* Where the word before the cursor begins. */
static size_t word_start(const struct editor *ed)
{
	size_t at = ed->at;

	while (at && !isspace((unsigned char)ed->text[at - 1]) && !strchr(",-", ed->text[at - 1]))
		at--;
	/* A dash within a name is no border; that of sendkey's keys is. */
	if (strncmp(ed->text, "sendkey ", 8))
		while (at && !isspace((unsigned char)ed->text[at - 1]) && ed->text[at - 1] != ',')
			at--;
	return at;
}

static void ask_words(struct editor *ed)
{
	char head[LINE_MAX_BYTES + 1];

	if (!ed->c.complete)
		return;
	memcpy(head, ed->text, ed->at);
	head[ed->at] = '\0';
	ed->stop = true;
	ed->c.complete(ed->c.opaque, head);
}

void editor_complete(struct editor *ed, const char *list)
{
	size_t typed = ed->at - word_start(ed), same;
	struct words w = {.count = 0};

	while (*list) {
		size_t n = strcspn(list, "\n");
		char word[LINE_MAX_BYTES + 1];
		snprintf(word, sizeof word, "%.*s", (int)(n > LINE_MAX_BYTES ? LINE_MAX_BYTES : n), list);
		if (n && strlen(word) >= typed && !memcmp(word, ed->text + ed->at - typed, typed))
			take_word(&w, word);
		list += n + (list[n] == '\n');
	}
	if (!w.count)
		return;
	qsort(w.word, w.count, sizeof *w.word, by_text);
	same = strlen(w.word[0]);
	for (unsigned i = 1; i < w.count; i++)
		for (size_t k = 0; k < same; k++)
			if (w.word[0][k] != w.word[i][k])
				same = k;
	if (same > typed)
		insert(ed, w.word[0] + typed, same - typed);
	/* A directory or a property goes on. */
	if (w.count == 1 && !strchr("/=", w.word[0][same - 1]))
		insert(ed, " ", 1);
	else if (w.count > 1 && same <= typed)
		list_words(ed, &w);
	for (unsigned i = 0; i < w.count; i++)
		free(w.word[i]);
}

/* ---- keys ---- */

static void enter(struct editor *ed)
{
	char line[LINE_MAX_BYTES + 1];

	if (ed->overlong) {
		/* Half a command is none. */
		ed->len = 0;
		ed->text[0] = '\0';
	}
	memcpy(line, ed->text, ed->len + 1);
	if (!ed->c.plain) {
		if (ed->at != ed->len || ed->shown_from)
			move(ed, ed->len);
		puts_(ed, "\r\n");
		if (ed->overlong)
			puts_(ed, "the line is longer than 4095 bytes\r\n");
	}
	remember(ed);
	ed->overlong = false;
	ed->len = ed->at = ed->shown_from = 0;
	ed->text[0] = '\0';
	ed->look = ed->lines;
	ed->c.line(ed->c.opaque, line);
}

static void transpose(struct editor *ed)
{
	size_t at = ed->at == ed->len ? ed->at - 1 : ed->at;
	char c;

	if (ed->len < 2 || !ed->at || inside(ed->text[at]) || ((unsigned char)ed->text[at] & 0x80) || ((unsigned char)ed->text[at - 1] & 0x80))
		return;
	c = ed->text[at];
	ed->text[at] = ed->text[at - 1];
	ed->text[at - 1] = c;
	ed->at = at + 1;
	redraw(ed);
}

static void control(struct editor *ed, char c)
{
	switch (c) {
	case 'A' - 64: move(ed, 0); break;
	case 'B' - 64: move(ed, before(ed, ed->at)); break;
	case 'C' - 64:
		puts_(ed, "^C\r\n");
		set_text(ed, "");
		break;
	case 'D' - 64: erase(ed, ed->at, behind(ed, ed->at), false); break;
	case 'E' - 64: move(ed, ed->len); break;
	case 'F' - 64: move(ed, behind(ed, ed->at)); break;
	case '\b': case 127: erase(ed, before(ed, ed->at), ed->at, false); break;
	case '\t': ask_words(ed); break;
	case 'K' - 64: erase(ed, ed->at, ed->len, true); break;
	case 'L' - 64:
		puts_(ed, "\033[2J\033[1;1H");
		redraw(ed);
		break;
	case 'N' - 64: look_back(ed, false); break;
	case 'P' - 64: look_back(ed, true); break;
	case 'T' - 64: transpose(ed); break;
	case 'U' - 64: erase(ed, 0, ed->at, true); break;
	case 'W' - 64: erase(ed, word_left(ed), ed->at, true); break;
	case 'Y' - 64: insert(ed, ed->cut, strlen(ed->cut)); break;
	case 27: ed->state = ESCAPE; break;
	default: break;
	}
}

static void escaped(struct editor *ed, char c)
{
	ed->state = PLAIN;
	switch (c) {
	case '[':
		ed->state = CSI;
		ed->param = ed->param2 = 0;
		ed->second = false;
		break;
	case 'O': ed->state = SS3; break;
	case 'b': move(ed, word_left(ed)); break;
	case 'f': move(ed, word_right(ed)); break;
	case 'd': erase(ed, ed->at, word_right(ed), true); break;
	case '\b': case 127: erase(ed, word_left(ed), ed->at, true); break;
	default: break;
	}
}

static void cursor_key(struct editor *ed, char c)
{
	bool ctrl = ed->state == CSI && ed->second && ed->param2 == 5;

	ed->state = PLAIN;
	switch (c) {
	case 'A': look_back(ed, true); break;
	case 'B': look_back(ed, false); break;
	case 'C': move(ed, ctrl ? word_right(ed) : behind(ed, ed->at)); break;
	case 'D': move(ed, ctrl ? word_left(ed) : before(ed, ed->at)); break;
	case 'H': move(ed, 0); break;
	case 'F': move(ed, ed->len); break;
	case '~':
		if (ed->param == 1 || ed->param == 7)
			move(ed, 0);
		else if (ed->param == 4 || ed->param == 8)
			move(ed, ed->len);
		else if (ed->param == 3)
			erase(ed, ed->at, behind(ed, ed->at), false);
		break;
	default: break;
	}
}

static void key(struct editor *ed, char c)
{
	switch (ed->state) {
	case ESCAPE:
		escaped(ed, c);
		return;
	case SS3:
		cursor_key(ed, c);
		return;
	case CSI:
		if (c >= '0' && c <= '9') {
			unsigned *p = ed->second ? &ed->param2 : &ed->param;
			*p = *p > 1000 ? *p : *p * 10 + (unsigned)(c - '0');
		} else if (c == ';') {
			ed->second = true;
		} else {
			cursor_key(ed, c);
		}
		return;
	case PLAIN:
		break;
	}
	if ((unsigned char)c >= 32 && c != 127)
		insert(ed, &c, 1);
	else if (!ed->c.plain)
		control(ed, c);
	else if (c == '\t')
		insert(ed, " ", 1);
}

size_t editor_input(struct editor *ed, const char *data, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char c = data[i];
		bool lf_of_crlf = c == '\n' && ed->after_cr;
		ed->after_cr = c == '\r';
		if (lf_of_crlf)
			continue;
		if (c == '\r' || c == '\n') {
			ed->state = PLAIN;
			enter(ed);
			return i + 1;
		}
		ed->stop = false;
		key(ed, c);
		if (ed->stop)
			return i + 1;
	}
	return n;
}
