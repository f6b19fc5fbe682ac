/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * QMP sessions on a byte stream. Commands are carried out one after the other, in the order in which they came; events go out when they
 * come. Descriptors that arrive belong to the next command.
 */
#include <stdlib.h>
#include <string.h>
#include <errno.h>
#include <unistd.h>
#include "base/ctl.h"
#include "base/json.h"
#include "mon-own.h"
#include "qmp.h"
#include "sessions.h"

struct queued {
	struct queued *next;
	json_t *value;    /* NULL: malformed, see e */
	struct err e;
	int fd[TASK_FDS];
	unsigned fds;
};

struct qmp_session {
	struct mon_session base;
	struct json_stream *in;
	struct task_context context;
	struct listener listener;
	struct queued *queue, **queue_end;
	bool ready, pretty, running, closed, looking;
	int fd[TASK_FDS];
	unsigned fds;
};

static void send_value(struct qmp_session *s, const json_t *value)
{
	char *text;
	size_t n;

	if (s->closed)
		return;
	text = json_dumps(value, s->pretty ? JSON_INDENT(4) : 0);
	if (!text)
		return;
	n = strlen(text);
	char *line = realloc(text, n + 3);
	if (line) {
		memcpy(line + n, "\r\n", 3);
		s->base.stream.write(s->base.stream.opaque, line, n + 2);
	}
	free(line ? line : text);
}

static void free_queued(struct queued *q)
{
	for (unsigned i = 0; i < q->fds; i++)
		close(q->fd[i]);
	json_decref(q->value);
	free(q);
}

static void free_session(struct qmp_session *s)
{
	while (s->queue) {
		struct queued *q = s->queue;
		s->queue = q->next;
		free_queued(q);
	}
	while (s->fds)
		close(s->fd[--s->fds]);
	json_stream_free(s->in);
	free(s);
}

static void reply(struct qmp_session *s, const json_t *id, json_t *result, const char *class_name, const struct err *e)
{
	json_t *value = json_object();

	if (result) {
		json_object_set(value, "return", result);
	} else {
		char text[sizeof e->msg + sizeof e->hint + 4];
		snprintf(text, sizeof text, "%s%s%s", e->code ? e->msg : "the command failed", *e->hint ? "\n" : "", e->hint);
		json_t *error = json_pack("{s:s, s:s}", "class", class_name, "desc", text);
		/* What it quotes may be no UTF-8. */
		json_object_set_new(value, "error", error ? error : json_pack("{s:s, s:s}", "class", class_name, "desc", "the command failed"));
	}
	if (id)
		json_object_set(value, "id", (json_t *)id);
	send_value(s, value);
	json_decref(value);
}

struct running {
	struct qmp_session *session;
	json_t *request, *args;
	const char *name;
};

static json_t *run(struct task *t, void *opaque, struct err *e)
{
	struct running *r = opaque;

	return mon_call(t, r->name, json_incref(r->args), e);
}

static void next(struct qmp_session *s);

static void done(void *opaque, const char *text, bool failed, json_t *result, const char *class_name, const struct err *e)
{
	struct running *r = opaque;
	struct qmp_session *s = r->session;

	(void)text, (void)failed;
	s->running = false;
	if (!s->closed)
		reply(s, json_object_get(r->request, "id"), result, class_name, e);
	json_decref(r->request);
	free(r);
	if (s->closed) {
		free_session(s);
		return;
	}
	next(s);
	session_idle(&s->base);
}

/* qmp_capabilities is the session's own. */
static json_t *negotiate(struct qmp_session *s, const char *name, const json_t *args, const char **class_name, struct err *e)
{
	const json_t *enable = json_object_get(args, "enable");
	const char *key;
	json_t *v;

	*class_name = "CommandNotFound";
	if (strcmp(name, "qmp_capabilities")) {
		err_set(e, ENOENT, "Expecting capabilities negotiation with 'qmp_capabilities'");
		return NULL;
	}
	if (s->ready) {
		err_set(e, ENOENT, "Capabilities negotiation is already complete, command ignored");
		return NULL;
	}
	*class_name = "GenericError";
	json_object_foreach((json_t *)args, key, v)
		if (strcmp(key, "enable")) {
			err_set(e, EINVAL, "Parameter '%.200s' is unexpected", key);
			return NULL;
		}
	if (enable && !json_is_array(enable)) {
		err_set(e, EINVAL, "Invalid parameter type for 'enable', expected: array");
		return NULL;
	}
	if (json_array_size(enable)) {
		const char *first = json_string_value(json_array_get(enable, 0));
		err_set(e, EINVAL, "Capability '%.100s' is not available", first ? first : "?");
		return NULL;
	}
	s->ready = true;
	return json_object();
}

/* Answers or starts one request. */
static void carry_out(struct qmp_session *s, struct queued *q)
{
	const char *name, *class_name = "GenericError";
	json_t *args = NULL, *none = json_object(), *result = NULL;
	struct running *r;

	if (!q->value || !ctl_request(q->value, &name, &args, &q->e)) {
		reply(s, json_object_get(q->value, "id"), NULL, class_name, &q->e);
	} else if (!s->ready || !strcmp(name, "qmp_capabilities")) {
		result = negotiate(s, name, args ? args : none, &class_name, &q->e);
		reply(s, json_object_get(q->value, "id"), result, class_name, &q->e);
	} else if ((r = calloc(1, sizeof *r))) {
		r->session = s;
		r->request = json_incref(q->value);
		r->name = name;
		r->args = args;
		s->running = true;
		unsigned n = q->fds;
		q->fds = 0;
		task_start(s->base.monitor, &s->context, q->fd, n, run, done, r);
	}
	json_decref(result);
	json_decref(none);
}

static void next(struct qmp_session *s)
{
	struct queued *q;

	if (s->looking)
		return;
	s->looking = true;
	while (!s->running && !s->closed && (q = s->queue)) {
		s->queue = q->next;
		if (!s->queue)
			s->queue_end = &s->queue;
		carry_out(s, q);
		free_queued(q);
	}
	s->looking = false;
}

static void on_value(void *opaque, json_t *value, const struct err *bad)
{
	struct qmp_session *s = opaque;
	struct queued *q = calloc(1, sizeof *q);

	if (!q)
		return;
	q->value = json_incref(value);
	if (!value) {
		q->e = *bad;
		if (!q->e.code)
			err_set(&q->e, EINVAL, "JSON parse error");
	}
	*s->queue_end = q;
	s->queue_end = &q->next;
}

/*
 * Descriptors belong to the last command of what was read with them (the kernel ends a read behind them), or to the one that asks for them,
 * should a program put more into one message.
 */
static void hand_out_fds(struct qmp_session *s, struct queued *from)
{
	struct queued *to = NULL;

	if (!s->fds || !json_stream_idle(s->in))
		return;
	for (struct queued *q = from; q; q = q->next) {
		const char *name = json_string_value(json_object_get(q->value, "execute"));
		to = q;
		if (name && (!strcmp(name, "getfd") || !strcmp(name, "add-fd")))
			break;
	}
	if (!to)
		return;
	memcpy(to->fd, s->fd, s->fds * sizeof *s->fd);
	to->fds = s->fds;
	s->fds = 0;
}

static void input(struct mon_session *base, const char *data, size_t size, const int *fds, unsigned count)
{
	struct qmp_session *s = (struct qmp_session *)base;

	for (unsigned i = 0; i < count; i++) {
		if (s->fds < TASK_FDS)
			s->fd[s->fds++] = fds[i];
		else
			close(fds[i]);
	}
	struct queued **from = s->queue_end;
	json_stream_feed(s->in, data, size, on_value, s);
	hand_out_fds(s, *from);
	next(s);
}

static void close_session(struct mon_session *base)
{
	struct qmp_session *s = (struct qmp_session *)base;

	monitor_unlisten(s->base.monitor, &s->listener);
	s->closed = true;
	if (!s->running)
		free_session(s);
}

static bool busy(const struct mon_session *base)
{
	const struct qmp_session *s = (const struct qmp_session *)base;

	return s->running || s->queue;
}

static void on_event(void *opaque, const struct part *from, const json_t *event)
{
	struct qmp_session *s = opaque;
	const char *name = json_string_value(json_object_get(event, "event"));

	(void)from;
	/* What parts tell each other begins with a small letter. */
	if (s->ready && name && *name >= 'A' && *name <= 'Z')
		send_value(s, event);
}

static void on_quit(void *opaque)
{
	struct qmp_session *s = opaque;

	if (s->base.stream.ended)
		s->base.stream.ended(s->base.stream.opaque);
}

static const struct mon_session_ops ops = {.input = input, .close = close_session, .busy = busy};

struct mon_session *qmp_open(struct monitor *m, const struct mon_stream *stream, bool pretty)
{
	struct qmp_session *s = calloc(1, sizeof *s);
	json_t *hello;

	if (!s || !(s->in = json_stream_new())) {
		free(s);
		return NULL;
	}
	s->base.ops = &ops;
	s->base.monitor = m;
	s->base.stream = *stream;
	s->pretty = pretty;
	s->queue_end = &s->queue;
	task_context_init(&s->context);
	s->listener = (struct listener){.event = on_event, .quit = on_quit, .opaque = s};
	monitor_listen(m, &s->listener);
	session_add(&s->base);
	hello = json_pack("{s:{s:{s:{s:i, s:i, s:i}, s:s}, s:[]}}", "QMP", "version", "qemu", "micro", 0, "minor", 12, "major", 2, "package",
			  " (emutools)", "capabilities");
	send_value(s, hello);
	json_decref(hello);
	return &s->base;
}
