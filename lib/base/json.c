/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation: a small state machine walks over the bytes once. It copies them into a buffer, turns
 * 'single quoted' strings into double quoted ones (escaping what must be, dropping the escape of an apostrophe),
 * and counts brackets. When they balance, jansson parses the buffer. What exceeds a limit is dropped to its
 * end: bracket counting goes on, copying does not, so that a 1 GB line costs no memory.
 */
#include "base/json.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum state { OUTSIDE, INSIDE, SCALAR, STRING, ESCAPE };

struct json_stream {
	char *buf;
	size_t len, room;
	enum state state;
	char quote;
	unsigned depth;
	bool dropped; /* the value is beyond a limit: its text is not kept */
	struct err why;
};

struct json_stream *json_stream_new(void)
{
	return calloc(1, sizeof(struct json_stream));
}

void json_stream_free(struct json_stream *s)
{
	if (!s)
		return;
	free(s->buf);
	free(s);
}

static void drop(struct json_stream *s, const char *why)
{
	if (s->dropped)
		return;
	s->dropped = true;
	err_set(&s->why, EMSGSIZE, "%s", why);
	free(s->buf);
	s->buf = NULL;
	s->len = s->room = 0;
}

static int put_all(struct json_stream *s, const char *data, size_t n)
{
	if (s->dropped)
		return 0;
	if (n > JSON_STREAM_SIZE - s->len) {
		drop(s, "the value is larger than 48 MB");
		return 0;
	}
	if (n > s->room - s->len) {
		size_t room = s->room ? s->room : 1024;
		char *buf;
		while (room - s->len < n)
			room *= 2;
		if (room > JSON_STREAM_SIZE)
			room = JSON_STREAM_SIZE;
		buf = realloc(s->buf, room);
		if (!buf)
			return -ENOMEM;
		s->buf = buf;
		s->room = room;
	}
	memcpy(s->buf + s->len, data, n);
	s->len += n;
	return 0;
}

static int put(struct json_stream *s, char c)
{
	return put_all(s, &c, 1);
}

/* How many bytes stand for themselves in a string: up to a quote or a backslash. */
static size_t plain(const char *p, size_t size, char quote)
{
	size_t n = 0;

	while (n < size && p[n] != quote && p[n] != '\\' && p[n] != '"')
		n++;
	return n;
}

static void finish(struct json_stream *s, void (*on_value)(void *, json_t *, const struct err *), void *opaque)
{
	json_error_t je;
	json_t *v = NULL;

	if (!s->dropped) {
		v = json_loadb(s->buf, s->len, JSON_DECODE_ANY | JSON_ALLOW_NUL, &je);
		if (!v)
			err_set(&s->why, EINVAL, "not valid JSON: %s", je.text);
	}
	/* A large buffer is not kept for the small values that follow. */
	if (s->room > (1u << 16)) {
		free(s->buf);
		s->buf = NULL;
		s->room = 0;
	}
	s->len = 0;
	s->depth = 0;
	s->dropped = false;
	s->state = OUTSIDE;
	on_value(opaque, v, v ? NULL : &s->why);
	json_decref(v);
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* One byte outside of strings. Sets *again when the byte ended a scalar and must be looked at once more. */
static int outside_string(struct json_stream *s, char c, bool *again, bool *done)
{
	*again = false;
	if (s->state == SCALAR && (is_space(c) || strchr(",:{}[]\"'", c))) {
		*again = true;
		*done = true;
		return 0;
	}
	switch (c) {
	case '{':
	case '[':
		s->state = INSIDE;
		if (++s->depth > JSON_STREAM_DEPTH)
			drop(s, "the value nests deeper than 1024 levels");
		return put(s, c);
	case '}':
	case ']':
		if (s->depth)
			s->depth--;
		*done = s->depth == 0;
		return put(s, c);
	case '"':
	case '\'':
		s->quote = c;
		s->state = STRING;
		return put(s, '"');
	default:
		if (is_space(c))
			return s->depth ? put(s, c == '\n' ? ' ' : c) : 0;
		if (s->state == OUTSIDE)
			s->state = SCALAR;
		return put(s, c);
	}
}

static int in_string(struct json_stream *s, char c, bool *done)
{
	if (s->state == ESCAPE) {
		s->state = STRING;
		if (c == '\'') /* \' is an apostrophe; JSON itself has no such escape */
			return put(s, c);
		return put(s, '\\') < 0 ? -ENOMEM : put(s, c);
	}
	if (c == '\\') {
		s->state = ESCAPE;
		return 0;
	}
	if (c == s->quote) {
		s->state = s->depth ? INSIDE : OUTSIDE;
		*done = s->depth == 0;
		return put(s, '"');
	}
	if (c == '"') /* inside single quotes */
		return put(s, '\\') < 0 ? -ENOMEM : put(s, c);
	return put(s, c);
}

int json_stream_feed(struct json_stream *s, const char *data, size_t size,
		     void (*on_value)(void *, json_t *, const struct err *), void *opaque)
{
	for (size_t i = 0; i < size;) {
		bool done = false, again = false;
		size_t run = s->state == STRING ? plain(data + i, size - i, s->quote) : 0;
		int r;

		if (run) {
			if (put_all(s, data + i, run) < 0)
				return -ENOMEM;
			i += run;
			continue;
		}
		if (s->state == STRING || s->state == ESCAPE)
			r = in_string(s, data[i], &done);
		else
			r = outside_string(s, data[i], &again, &done);
		if (r < 0)
			return r;
		if (!again)
			i++;
		if (done)
			finish(s, on_value, opaque);
	}
	return 0;
}

bool json_stream_idle(const struct json_stream *s)
{
	return s->state == OUTSIDE && !s->depth;
}

struct one {
	json_t *value;
	unsigned count;
	struct err *e;
};

static void collect(void *opaque, json_t *value, const struct err *e)
{
	struct one *o = opaque;

	if (o->count++ == 0) {
		o->value = json_incref(value);
		if (!value && o->e)
			*o->e = *e;
	}
}

json_t *json_parse(const char *text, size_t size, struct err *e)
{
	struct json_stream *s = json_stream_new();
	struct one o = {.e = e};

	if (!s || json_stream_feed(s, text, size, collect, &o) < 0 || json_stream_feed(s, "\n", 1, collect, &o) < 0) {
		err_set(e, ENOMEM, "out of memory");
		goto fail;
	}
	if (o.count == 0 || s->state != OUTSIDE) {
		err_set(e, EINVAL, "not valid JSON: the text ends inside a value");
		goto fail;
	}
	if (o.count > 1) {
		err_set(e, EINVAL, "not valid JSON: more text after the value");
		goto fail;
	}
	json_stream_free(s);
	return o.value;
fail:
	json_decref(o.value);
	json_stream_free(s);
	return NULL;
}
