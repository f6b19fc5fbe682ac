/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The reader of control connections: bytes that arrive in pieces give the same values as the whole, a value prints and reads again, and the
 * limits hold. The first byte is the pieces' size.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seen {
	json_t *values;
	unsigned errors;
};

static void on_value(void *opaque, json_t *value, const struct err *e)
{
	struct seen *s = opaque;

	if (value) {
		json_array_append(s->values, value);
		return;
	}
	if (!e || !e->code || !*e->msg)
		abort();
	s->errors++;
}

static struct seen feed(const char *data, size_t size, size_t step)
{
	struct seen s = {.values = json_array()};
	struct json_stream *stream = json_stream_new();

	for (size_t at = 0; stream && at < size; at += step)
		json_stream_feed(stream, data + at, size - at < step ? size - at : step, on_value, &s);
	json_stream_free(stream);
	return s;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err e = ERR_INIT;
	struct seen whole, pieces;
	json_t *one, *again;
	char *text;

	if (!size)
		return 0;
	whole = feed((const char *)data + 1, size - 1, size);
	pieces = feed((const char *)data + 1, size - 1, data[0] ? data[0] : 1);
	if (whole.errors != pieces.errors || !json_equal(whole.values, pieces.values))
		abort();
	text = json_dumps(whole.values, JSON_COMPACT);
	again = text ? json_loads(text, JSON_ALLOW_NUL, NULL) : NULL;
	if (text && !again)
		abort();
	json_decref(again);
	free(text);
	json_decref(whole.values);
	json_decref(pieces.values);
	one = json_parse((const char *)data + 1, size - 1, &e);
	if (!one && (!e.code || !*e.msg))
		abort();
	json_decref(one);
	return 0;
}
