/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * HMP sessions on a byte stream. Lines that arrive while a command runs wait; output is what the command wrote, then the prompt.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "edit.h"
#include "mon-own.h"
#include "sessions.h"

#define PROMPT "(qemu) "
#define AHEAD_MAX (1u << 20) /* bytes that wait while a command runs; more is lost, with a bell */

struct hmp_session {
	struct mon_session base;
	struct editor *editor;
	struct task_context context;
	char *ahead;            /* typed while a command runs */
	size_t ahead_at, ahead_size;
	bool running, closed, editing, quiet, feeding, failed;
	int fd[TASK_FDS];
	unsigned fds;
	struct listener listener;
};

static void out(struct hmp_session *s, const char *text, size_t n)
{
	if (!s->closed && n)
		s->base.stream.write(s->base.stream.opaque, text, n);
}

/* A terminal wants carriage returns. */
static void out_text(struct hmp_session *s, const char *text)
{
	if (!s->editing) {
		out(s, text, strlen(text));
		return;
	}
	while (*text) {
		size_t n = strcspn(text, "\n");
		out(s, text, n);
		text += n;
		if (*text == '\n') {
			out(s, "\r\n", 2);
			text++;
		}
	}
}

static void free_session(struct hmp_session *s)
{
	free(s->ahead);
	while (s->fds)
		close(s->fd[--s->fds]);
	editor_free(s->editor);
	free(s);
}

static void prompt(struct hmp_session *s)
{
	if (s->quiet)
		return;
	if (s->editing)
		editor_show(s->editor);
	else
		out(s, PROMPT, sizeof PROMPT - 1);
}

struct running {
	struct hmp_session *session;
	char *line;
};

static json_t *run_line(struct task *t, void *opaque, struct err *e)
{
	(void)e;
	hmp_line(t, ((struct running *)opaque)->line);
	return NULL;
}

static void feed(struct hmp_session *s);

static void line_done(void *opaque, const char *text, bool failed, json_t *result, const char *class_name, const struct err *e)
{
	struct running *r = opaque;
	struct hmp_session *s = r->session;

	(void)result, (void)class_name, (void)e;
	free(r->line);
	free(r);
	s->running = false;
	s->failed = failed;
	if (s->closed) {
		free_session(s);
		return;
	}
	out_text(s, text);
	prompt(s);
	feed(s);
	session_idle(&s->base);
}

/* From the editor. */
static void on_line(void *opaque, const char *text)
{
	struct hmp_session *s = opaque;
	struct running *r = calloc(1, sizeof *r);
	unsigned n = s->fds;

	if (!r || !(r->line = strdup(text))) {
		free(r);
		return;
	}
	r->session = s;
	s->running = true;
	s->context.history = editor_history(s->editor, &s->context.history_count);
	s->fds = 0;
	task_start(s->base.monitor, &s->context, s->fd, n, run_line, line_done, r);
}

/* What was typed goes to the editor until a line is complete; the rest waits for its end. */
static void feed(struct hmp_session *s)
{
	if (s->feeding)
		return;
	s->feeding = true;
	while (!s->running && s->ahead_at < s->ahead_size)
		s->ahead_at += editor_input(s->editor, s->ahead + s->ahead_at, s->ahead_size - s->ahead_at);
	if (s->ahead_at == s->ahead_size)
		s->ahead_at = s->ahead_size = 0;
	s->feeding = false;
}

static void on_output(void *opaque, const char *text, size_t n)
{
	out(opaque, text, n);
}

static json_t *run_complete(struct task *t, void *opaque, struct err *e)
{
	(void)e;
	hmp_complete(t, ((struct running *)opaque)->line);
	return NULL;
}

static void complete_done(void *opaque, const char *text, bool failed, json_t *result, const char *class_name, const struct err *e)
{
	struct running *r = opaque;
	struct hmp_session *s = r->session;

	(void)failed, (void)result, (void)class_name, (void)e;
	free(r->line);
	free(r);
	s->running = false;
	if (s->closed) {
		free_session(s);
		return;
	}
	editor_complete(s->editor, text);
	feed(s);
	session_idle(&s->base);
}

static void on_complete(void *opaque, const char *text)
{
	struct hmp_session *s = opaque;
	struct running *r = calloc(1, sizeof *r);

	if (!r || !(r->line = strdup(text))) {
		free(r);
		return;
	}
	r->session = s;
	s->running = true;
	task_start(s->base.monitor, &s->context, NULL, 0, run_complete, complete_done, r);
}

static void input(struct mon_session *base, const char *data, size_t size, const int *fds, unsigned count)
{
	struct hmp_session *s = (struct hmp_session *)base;

	for (unsigned i = 0; i < count; i++) {
		if (s->fds < TASK_FDS)
			s->fd[s->fds++] = fds[i];
		else
			close(fds[i]);
	}
	if (s->ahead_at) {
		s->ahead_size -= s->ahead_at;
		memmove(s->ahead, s->ahead + s->ahead_at, s->ahead_size);
		s->ahead_at = 0;
	}
	if (size > AHEAD_MAX - s->ahead_size) {
		out(s, "\a", 1);
		return;
	}
	char *ahead = realloc(s->ahead, s->ahead_size + size + 1);
	if (!ahead)
		return;
	memcpy(ahead + s->ahead_size, data, size);
	s->ahead = ahead;
	s->ahead_size += size;
	feed(s);
}

static void show(struct mon_session *base)
{
	struct hmp_session *s = (struct hmp_session *)base;

	if (!s->running)
		prompt(s);
}

static void set_width(struct mon_session *base, unsigned columns)
{
	editor_width(((struct hmp_session *)base)->editor, columns);
}

static void close_session(struct mon_session *base)
{
	struct hmp_session *s = (struct hmp_session *)base;

	monitor_unlisten(s->base.monitor, &s->listener);
	s->closed = true;
	if (!s->running)
		free_session(s);
}

static bool busy(const struct mon_session *base)
{
	const struct hmp_session *s = (const struct hmp_session *)base;

	return s->running || s->ahead_size > s->ahead_at;
}

bool hmp_session_failed(const struct mon_session *base)
{
	return ((const struct hmp_session *)base)->failed;
}

static void on_quit(void *opaque)
{
	struct hmp_session *s = opaque;

	if (s->base.stream.ended)
		s->base.stream.ended(s->base.stream.opaque);
}

static const struct mon_session_ops ops = {.input = input, .show = show, .width = set_width, .close = close_session, .busy = busy};

struct mon_session *hmp_open(struct monitor *m, const struct mon_stream *stream, enum hmp_style style)
{
	struct hmp_session *s = calloc(1, sizeof *s);
	struct editor_config config = {.prompt = PROMPT, .plain = style != HMP_EDITING, .line = on_line, .output = on_output, .complete = on_complete, .opaque = s};

	if (!s || !(s->editor = editor_new(&config))) {
		free(s);
		return NULL;
	}
	s->base.ops = &ops;
	s->base.monitor = m;
	s->base.stream = *stream;
	s->editing = style == HMP_EDITING;
	s->quiet = style == HMP_QUIET;
	task_context_init(&s->context);
	s->listener = (struct listener){.quit = on_quit, .opaque = s};
	monitor_listen(m, &s->listener);
	session_add(&s->base);
	if (!s->quiet)
		out_text(s, "QEMU 2.12.0 monitor - type 'help' for more information\n");
	prompt(s);
	return &s->base;
}

/* ---- one command, without a session ---- */

struct once {
	char *line;
	struct task_context context;
	void (*done)(void *opaque, const char *text, bool failed);
	void *opaque;
};

static json_t *run_once(struct task *t, void *opaque, struct err *e)
{
	(void)e;
	hmp_line(t, ((struct once *)opaque)->line);
	return NULL;
}

static void once_done(void *opaque, const char *text, bool failed, json_t *result, const char *class_name, const struct err *e)
{
	struct once *o = opaque;

	(void)result, (void)class_name, (void)e;
	o->done(o->opaque, text, failed);
	free(o->line);
	free(o);
}

void hmp_run(struct monitor *m, const char *line, void (*done)(void *opaque, const char *text, bool failed), void *opaque)
{
	struct once *o = calloc(1, sizeof *o);

	if (!o || !(o->line = strdup(line))) {
		free(o);
		done(opaque, "Error: out of memory\n", true);
		return;
	}
	task_context_init(&o->context);
	o->done = done;
	o->opaque = opaque;
	task_start(m, &o->context, NULL, 0, run_once, once_done, o);
}
