/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/keyval.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define KEYVAL_DEPTH 64    /* nested keys */
#define KEYVAL_INDEX 65536 /* array elements */

/*
 * Takes the text up to an undoubled comma (or, for a key, '='); returns a new string, *p past what was taken and, at a
 * comma, past it.
 */
static char *take(const char **p, bool key)
{
	const char *s = *p;
	char *out = malloc(strlen(s) + 1), *o = out;

	if (!out)
		return NULL;
	for (; *s; s++) {
		if (*s == ',') {
			if (s[1] != ',' || key)
				break;
			s++;
		} else if (key && *s == '=') {
			break;
		}
		*o++ = *s;
	}
	*o = '\0';
	*p = s;
	return out;
}

static int append(struct keyval *kv, char *key, char *value)
{
	char **k = realloc(kv->key, (kv->count + 1) * sizeof *k);

	if (k)
		kv->key = k;
	char **v = realloc(kv->value, (kv->count + 1) * sizeof *v);
	if (v)
		kv->value = v;
	if (!k || !v || !key || !value) {
		free(key);
		free(value);
		return -ENOMEM;
	}
	kv->key[kv->count] = key;
	kv->value[kv->count++] = value;
	return 0;
}

/* `switches`: a word without '=' is a switch (key=on, nokey=off); otherwise it is an error. */
static int parse_list(const char *text, const char *implied, bool switches, struct keyval *kv, struct err *e)
{
	const char *p = text;
	int r;

	*kv = (struct keyval){0};
	while (*p) {
		const char *start = p;
		char *key = take(&p, true), *value;

		if (!key)
			goto oom;
		if (*p == '=') {
			p++;
			value = take(&p, false);
		} else if (implied && start == text) {
			/* The implied key's value may hold doubled commas, but no '='. */
			free(key);
			p = start;
			value = take(&p, false);
			key = strdup(implied);
		} else if (!switches) {
			err_set(e, EINVAL, "'%s' wants a value: %s=VALUE", key, key);
			free(key);
			goto fail;
		} else if (!strncmp(key, "no", 2) && key[2]) {
			memmove(key, key + 2, strlen(key + 2) + 1);
			value = strdup("off");
		} else {
			value = strdup("on");
		}
		if (key && !*key) {
			free(key);
			free(value);
			err_set(e, EINVAL, "empty name before '%s'", start);
			goto fail;
		}
		r = append(kv, key, value);
		if (r < 0)
			goto oom;
		if (*p == ',') {
			p++;
			if (!*p && !switches) {
				err_set(e, EINVAL, "'%s' ends with a comma", text);
				goto fail;
			}
		}
	}
	return 0;
oom:
	err_set(e, ENOMEM, "out of memory");
fail:
	keyval_free(kv);
	return e ? -e->code : -EINVAL;
}

int keyval_parse(const char *text, const char *implied, struct keyval *kv, struct err *e)
{
	return parse_list(text, implied, true, kv, e);
}

const char *keyval_get(const struct keyval *kv, const char *key)
{
	for (unsigned i = kv->count; i-- > 0;)
		if (!strcmp(kv->key[i], key))
			return kv->value[i];
	return NULL;
}

void keyval_free(struct keyval *kv)
{
	for (unsigned i = 0; i < kv->count; i++) {
		free(kv->key[i]);
		free(kv->value[i]);
	}
	free(kv->key);
	free(kv->value);
	*kv = (struct keyval){0};
}

/* Puts value at a dotted key. Numeric components are collected as object keys first and become arrays at the end. */
static int put(json_t *root, const char *dotted, const char *value, struct err *e)
{
	json_t *at = root;
	const char *p = dotted;

	for (int depth = 0;; depth++) {
		const char *dot = strchr(p, '.');
		size_t n = dot ? (size_t)(dot - p) : strlen(p);
		char part[256];
		json_t *next;

		if (n == 0 || n >= sizeof part)
			return err_set(e, EINVAL, "'%s' is not a valid name: %s component", dotted,
				       n ? "overlong" : "empty");
		if (depth > KEYVAL_DEPTH)
			return err_set(e, EINVAL, "'%.64s…' nests deeper than %d levels", dotted, KEYVAL_DEPTH);
		memcpy(part, p, n);
		part[n] = '\0';
		next = json_object_get(at, part);
		if (!dot) {
			if (next && json_is_object(next))
				return err_set(e, EINVAL, "'%s' was given members and a value", dotted);
			if (json_object_set_new(at, part, json_string(value)) < 0)
				return err_set(e, EINVAL, "'%s': the value is not valid UTF-8", dotted);
			return 0;
		}
		if (!next) {
			next = json_object();
			if (json_object_set_new(at, part, next) < 0)
				return err_set(e, EINVAL, "'%s': the name is not valid UTF-8", dotted);
		} else if (!json_is_object(next)) {
			return err_set(e, EINVAL, "'%s': '%s' was given a value and members", dotted, part);
		}
		at = next;
		p = dot + 1;
	}
}

/* Objects whose keys are 0..n-1 become arrays. Takes the reference, returns a new one (NULL: error set). */
static json_t *make_arrays(json_t *o, const char *where, struct err *e)
{
	const char *key;
	json_t *value, *array;
	void *tmp;
	size_t n = 0, numeric = 0;

	json_object_foreach_safe(o, tmp, key, value) {
		if (json_is_object(value)) {
			json_t *done = make_arrays(json_incref(value), key, e);
			if (!done)
				goto fail;
			json_object_set_new(o, key, done);
		}
		n++;
		numeric += strspn(key, "0123456789") == strlen(key);
	}
	if (n == 0 || numeric == 0)
		return o;
	if (numeric != n) {
		err_set(e, EINVAL, "'%s' has both named and numbered members", where);
		goto fail;
	}
	if (n > KEYVAL_INDEX) {
		err_set(e, EINVAL, "'%s' has more than %d elements", where, KEYVAL_INDEX);
		goto fail;
	}
	array = json_array();
	for (size_t i = 0; i < n; i++) {
		char index[24];
		snprintf(index, sizeof index, "%zu", i);
		value = json_object_get(o, index);
		if (!value) {
			err_set(e, EINVAL, "'%s.%zu' is missing: elements are numbered from 0 without gaps", where, i);
			json_decref(array);
			goto fail;
		}
		json_array_append(array, value);
	}
	json_decref(o);
	return array;
fail:
	json_decref(o);
	return NULL;
}

json_t *keyval_parse_object(const char *text, const char *implied, struct err *e)
{
	struct keyval kv;
	json_t *o;

	if (text[0] == '{') {
		json_error_t je;
		o = json_loads(text, JSON_REJECT_DUPLICATES, &je);
		if (!o)
			err_set(e, EINVAL, "not valid JSON at column %d: %s", je.column, je.text);
		return o;
	}
	if (parse_list(text, implied, false, &kv, e) < 0)
		return NULL;
	o = json_object();
	for (unsigned i = 0; i < kv.count; i++)
		if (put(o, kv.key[i], kv.value[i], e) < 0) {
			json_decref(o);
			keyval_free(&kv);
			return NULL;
		}
	keyval_free(&kv);
	o = make_arrays(o, "the list", e);
	if (o && !json_is_object(o)) {
		err_set(e, EINVAL, "'%s': names expected, not only numbers", text);
		json_decref(o);
		return NULL;
	}
	return o;
}

char *keyval_quote(const char *value)
{
	char *out = malloc(2 * strlen(value) + 1), *o = out;

	if (!out)
		return NULL;
	for (; *value; value++) {
		if (*value == ',')
			*o++ = ',';
		*o++ = *value;
	}
	*o = '\0';
	return out;
}
