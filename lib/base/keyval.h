/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * key=value,key=value lists as the classic command line has them: a doubled comma is a comma inside a value;
 * `implied` names the key of a first word without '='; a bare word is key=on, `nokey` is key=off (legacy lists);
 * dotted keys (a.b.0.c=v) become nested objects and arrays. Text that begins with '{' is JSON instead.
 */
#ifndef BASE_KEYVAL_H
#define BASE_KEYVAL_H
#include <jansson.h>
#include <stdbool.h>
#include "base/err.h"

/* Flat and ordered, with repeats: the legacy lists (-drive, -o). */
struct keyval {
	char **key, **value;
	unsigned count;
};
int keyval_parse(const char *text, const char *implied, struct keyval *kv, struct err *e);
const char *keyval_get(const struct keyval *kv, const char *key); /* the last one; NULL: absent */
void keyval_free(struct keyval *kv);

/* Structured: dotted keys or JSON to a new JSON object (values are strings where the text was key=value). */
json_t *keyval_parse_object(const char *text, const char *implied, struct err *e);

/* The inverse for one value: doubles the commas. Returns a new string. */
char *keyval_quote(const char *value);
#endif
