/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Questions and settings: what is supported, threads, objects, the debugger's "monitor" command. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "gdb/own.h"

/* ---- qXfer ---- */

/* OFFSET,LENGTH of a whole object. */
static void transfer(struct gdb *g, const char *range, const void *data, size_t size)
{
	char *end;
	size_t at = strtoul(range, &end, 16), n = *end == ',' ? strtoul(end + 1, NULL, 16) : 0;

	if (at > size)
		at = size;
	/* Every byte may need an escape. */
	if (n > GDB_PACKET / 2 - 16)
		n = GDB_PACKET / 2 - 16;
	gdb_begin(g);
	if (n >= size - at) {
		gdb_put(g, "l");
		n = size - at;
	} else {
		gdb_put(g, "m");
	}
	gdb_put_binary(g, (const char *)data + at, n);
	gdb_send(g);
}

static void threads(struct gdb *g, FILE *f)
{
	char text[128];
	long thread;

	fputs("<?xml version=\"1.0\"?><threads>", f);
	for (unsigned n = 0; (thread = g->t->thread(g->opaque, n)) > 0; n++) {
		g->t->thread_name(g->opaque, thread, text, sizeof text);
		fprintf(f, "<thread id=\"%lx\" name=\"%s\"/>", thread, text);
	}
	fputs("</threads>", f);
}

static void xfer(struct gdb *g, char *what)
{
	char *text = NULL, *range = strrchr(what, ':'), *read = strstr(what, ":read:");
	size_t size = 0;
	bool known = true;
	FILE *f;

	if (!read) {
		gdb_reply(g, "");
		return;
	}
	range++;
	*read = '\0';
	if (!strcmp(what, "features")) {
		if (strncmp(read + 6, "target.xml:", 11))
			gdb_error(g, 0);
		else if (gdb_describe(g) < 0)
			gdb_error(g, -ENOMEM);
		else
			transfer(g, range, g->description, g->description_size);
		return;
	}
	f = open_memstream(&text, &size);
	if (!f) {
		gdb_error(g, -ENOMEM);
		return;
	}
	if (!strcmp(what, "threads"))
		threads(g, f);
	else
		known = g->t->object && g->t->object(g->opaque, what, f);
	if (fclose(f) != 0)
		gdb_error(g, -ENOMEM);
	else if (known)
		transfer(g, range, text, size);
	else
		gdb_reply(g, "");
	free(text);
}

/* ---- threads, the older way: as many in a packet as it holds ---- */

static void list_threads(struct gdb *g)
{
	long thread;
	unsigned first = g->listed;

	gdb_begin(g);
	for (; (thread = g->t->thread(g->opaque, g->listed)) > 0 && g->out_len < GDB_PACKET - 32; g->listed++)
		gdb_put(g, "%s%lx", g->listed == first ? "m" : ",", thread);
	if (g->listed == first)
		gdb_put(g, "l");
	gdb_send(g);
}

static void thread_extra(struct gdb *g, const char *s)
{
	long thread = gdb_thread_number(s, NULL);
	char text[128];

	if (!g->t->thread_alive(g->opaque, thread)) {
		gdb_error(g, -ESRCH);
		return;
	}
	g->t->thread_name(g->opaque, thread, text, sizeof text);
	gdb_begin(g);
	gdb_put_hex(g, text, strlen(text));
	gdb_send(g);
}

/* ---- qRcmd ---- */

/* Output goes in packets of its own, each of which is acknowledged without an answer. */
static void console(struct gdb *g, const char *text)
{
	size_t left = strlen(text);

	while (left) {
		size_t n = left < GDB_PACKET / 2 - 16 ? left : GDB_PACKET / 2 - 16;
		gdb_begin(g);
		gdb_put(g, "O");
		gdb_put_hex(g, text, n);
		gdb_send(g);
		text += n;
		left -= n;
	}
}

void gdb_command_done(struct gdb *g, const char *text, bool failed)
{
	if (!g->command)
		return;
	g->command = false;
	console(g, text);
	(void)failed; /* the text says so; an error packet would hide it behind "Protocol error" */
	gdb_reply(g, "OK");
}

static void command(struct gdb *g, const char *hex)
{
	size_t n = strlen(hex) / 2, size = 0;
	char *line = malloc(n + 1), *text = NULL;
	FILE *f = line && g->t->command ? open_memstream(&text, &size) : NULL;
	int r;

	if (!g->t->command) {
		gdb_reply(g, "");
	} else if (!f) {
		gdb_error(g, -ENOMEM);
	} else if (gdb_unhex(hex, (uint8_t *)line, n) != n || memchr(line, 0, n)) {
		fclose(f);
		gdb_error(g, -EINVAL);
	} else {
		line[n] = '\0';
		g->command = true;
		r = g->t->command(g->opaque, line, f);
		if (fclose(f) != 0 && r == 0)
			r = -ENOMEM;
		if (r == 0) {
			gdb_command_done(g, text, false);
		} else if (r < 0) {
			g->command = false;
			gdb_error(g, r);
		}
	}
	free(text);
	free(line);
}

/* ---- the packets ---- */

static bool own(struct gdb *g)
{
	char *text = NULL;
	size_t size = 0;
	FILE *f = g->t->query ? open_memstream(&text, &size) : NULL;
	bool known = f && g->t->query(g->opaque, g->in, f);

	if (f && fclose(f) != 0)
		known = false;
	if (known)
		gdb_reply(g, text);
	free(text);
	return known;
}

void gdb_query(struct gdb *g)
{
	char *q = g->in + 1;

	if (!strncmp(q, "Supported", 9) && (!q[9] || q[9] == ':')) {
		gdb_begin(g);
		gdb_put(g, "PacketSize=%x;qXfer:features:read+;%sqXfer:threads:read+;QStartNoAckMode+;vContSupported+;swbreak+;hwbreak+",
			GDB_PACKET - 16, g->t->objects ? g->t->objects : "");
		gdb_send(g);
	} else if (!strncmp(q, "Xfer:", 5)) {
		xfer(g, q + 5);
	} else if (!strcmp(q, "C")) {
		gdb_begin(g);
		gdb_put(g, "QC%lx", gdb_general(g));
		gdb_send(g);
	} else if (!strcmp(q, "fThreadInfo")) {
		g->listed = 0;
		list_threads(g);
	} else if (!strcmp(q, "sThreadInfo")) {
		list_threads(g);
	} else if (!strncmp(q, "ThreadExtraInfo,", 16)) {
		thread_extra(g, q + 16);
	} else if (!strncmp(q, "Attached", 8)) {
		gdb_reply(g, "1");
	} else if (!strcmp(q, "Symbol::")) {
		gdb_reply(g, "OK");
	} else if (!strncmp(q, "Rcmd,", 5)) {
		command(g, q + 5);
	} else if (!own(g)) {
		gdb_reply(g, "");
	}
}

void gdb_set(struct gdb *g)
{
	if (!strcmp(g->in, "QStartNoAckMode")) {
		gdb_reply(g, "OK");
		g->no_ack = true;
	} else if (!own(g)) {
		gdb_reply(g, "");
	}
}
