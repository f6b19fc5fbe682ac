/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * JSON as the control sockets speak it: a stream of values with or without newlines between them, strings in double or
 * single quotes, with limits. jansson does the parsing; this finds the values and puts their quotes right.
 */
#ifndef BASE_JSON_H
#define BASE_JSON_H
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include "base/err.h"

#define JSON_STREAM_SIZE (48u << 20) /* bytes in one value: a process that refuses a larger one stays below 64 MB */
#define JSON_STREAM_DEPTH 1024u      /* levels of nesting */

struct json_stream;

struct json_stream *json_stream_new(void); /* NULL: out of memory */
void json_stream_free(struct json_stream *s);

/*
 * Takes bytes as they arrive. on_value is called with each complete value (borrowed) or, for a malformed one, with NULL
 * and *e; after an error the stream goes on with the next byte at which a value can begin (a '{' after a newline or
 * the end of the balanced text), and memory stays within the limit. Returns 0 or -ENOMEM.
 */
int json_stream_feed(struct json_stream *s, const char *data, size_t size,
		     void (*on_value)(void *opaque, json_t *value, const struct err *e), void *opaque);

/* Is it between two values: has everything that was fed been handed out? */
bool json_stream_idle(const struct json_stream *s);

/* One whole value of at most JSON_STREAM_SIZE bytes from text; trailing white space only. New reference or NULL. */
json_t *json_parse(const char *text, size_t size, struct err *e);
#endif
