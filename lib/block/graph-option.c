/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The options of a node: the generic ones, the tables of the drivers, and dotted keys. */
#include "block/graph-internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A scalar as text in buf or in the value itself; NULL: no scalar. */
static const char *scalar(const json_t *v, char *buf, size_t size)
{
	if (json_is_string(v))
		return json_string_value(v);
	if (json_is_boolean(v))
		return json_is_true(v) ? "on" : "off";
	if (json_is_integer(v)) {
		snprintf(buf, size, "%lld", (long long)json_integer_value(v));
		return buf;
	}
	return NULL;
}

static int take_bool(json_t *o, const char *key, bool *value, bool *given, struct err *e)
{
	json_t *v = json_object_get(o, key);
	const char *s;
	char buf[32];

	if (given)
		*given = v != NULL;
	if (!v)
		return 0;
	s = scalar(v, buf, sizeof buf);
	if (s && (!strcmp(s, "on") || !strcmp(s, "true") || !strcmp(s, "yes")))
		*value = true;
	else if (s && (!strcmp(s, "off") || !strcmp(s, "false") || !strcmp(s, "no")))
		*value = false;
	else
		return err_set(e, EINVAL, "Parameter '%s' expects 'on' or 'off'", key);
	json_object_del(o, key);
	return 0;
}

static int take_flag(json_t *o, const char *key, unsigned flag, bool inverted, unsigned *flags, struct err *e)
{
	bool v = false, given;

	if (take_bool(o, key, &v, &given, e))
		return -EINVAL;
	if (given)
		*flags = (v != inverted) ? *flags | flag : *flags & ~flag;
	return 0;
}

/* read-only, cache.*, discard, detect-zeroes and the like: options any node has. */
int blk_take_generic(json_t *o, unsigned *flags, struct err *e)
{
	json_t *cache = json_object_get(o, "cache"), *v;
	const char *s;
	char buf[32];

	if (take_flag(o, "read-only", BLK_RDWR, true, flags, e) || take_flag(o, "force-share", BLK_FORCE_SHARE, false, flags, e) ||
	    take_flag(o, "auto-read-only", BLK_AUTO_READ_ONLY, false, flags, e) ||
	    take_flag(o, "copy-on-read", BLK_COPY_ON_READ, false, flags, e))
		return -EINVAL;
	if (cache) {
		if (!json_is_object(cache))
			return err_set(e, EINVAL, "Parameter 'cache' expects cache.direct and cache.no-flush");
		if (take_flag(cache, "direct", BLK_DIRECT, false, flags, e) ||
		    take_flag(cache, "no-flush", BLK_NO_FLUSH, false, flags, e) ||
		    take_flag(cache, "writeback", BLK_WRITETHROUGH, true, flags, e))
			return -EINVAL;
		if (json_object_size(cache))
			return err_set(e, EINVAL, "Invalid parameter 'cache.%s'", json_object_iter_key(json_object_iter(cache)));
		json_object_del(o, "cache");
	}
	if ((v = json_object_get(o, "discard"))) {
		s = scalar(v, buf, sizeof buf);
		if (s && (!strcmp(s, "unmap") || !strcmp(s, "on")))
			*flags |= BLK_UNMAP;
		else if (s && (!strcmp(s, "ignore") || !strcmp(s, "off")))
			*flags &= ~BLK_UNMAP;
		else
			return err_set(e, EINVAL, "Invalid discard option; accepted are: ignore, off, unmap, on");
		json_object_del(o, "discard");
	}
	if ((v = json_object_get(o, "detect-zeroes"))) {
		s = scalar(v, buf, sizeof buf);
		*flags &= ~BLK_DETECT_ZEROES;
		if (s && !strcmp(s, "unmap") && !(*flags & BLK_UNMAP))
			return err_set(e, EINVAL, "setting detect-zeroes to unmap is not allowed without setting discard "
						  "operation to unmap");
		if (s && (!strcmp(s, "on") || !strcmp(s, "unmap")))
			*flags |= BLK_DETECT_ZEROES;
		else if (!s || strcmp(s, "off"))
			return err_set(e, EINVAL, "Invalid parameter '%s' for detect-zeroes; accepted are: off, on, unmap",
				       s ? s : "?");
		json_object_del(o, "detect-zeroes");
	}
	if ((*flags & BLK_FORCE_SHARE) && (*flags & BLK_RDWR))
		return err_set(e, EINVAL, "force-share=on can only be used with read-only images");
	return 0;
}

/* A list [a, b] as {"0": a, "1": b}: dotted option names have its numbers. New object. */
static json_t *numbered(const json_t *list)
{
	json_t *o = json_object(), *v;
	char key[24];
	size_t i;

	json_array_foreach (list, i, v) {
		snprintf(key, sizeof key, "%zu", i);
		json_object_set(o, key, v);
	}
	return o;
}

/* Moves every scalar of o (nested ones under dotted names) that the table knows into opts. */
int blk_take_table(json_t *o, const char *prefix, const struct blk_option *table, struct blk_opts *opts, struct err *e)
{
	const char *key;
	json_t *v;
	void *tmp;

	json_object_foreach_safe (o, tmp, key, v) {
		char name[256], buf[32];
		const char *s;
		bool known = false;
		int r;

		snprintf(name, sizeof name, "%s%s", prefix, key);
		for (const struct blk_option *t = table; t && t->name; t++)
			known |= !strcmp(t->name, name);
		if (json_is_array(v)) {
			json_object_set_new(o, key, numbered(v));
			v = json_object_get(o, key);
		}
		if (json_is_object(v) && strlen(name) < 200) {
			snprintf(buf, sizeof buf, " ");
			strcat(name, ".");
			if ((r = blk_take_table(v, name, table, opts, e)))
				return r;
			if (!json_object_size(v) && strcmp(key, "file") && strcmp(key, "backing"))
				json_object_del(o, key);
			continue;
		}
		if (!known || !(s = scalar(v, buf, sizeof buf)))
			continue;
		if ((r = blk_opts_set(opts, name, s, e)))
			return r;
		json_object_del(o, key);
	}
	return 0;
}

json_t *blk_nest_dotted(const json_t *o, struct err *e)
{
	json_t *out = json_object(), *v;
	const char *key;

	json_object_foreach ((json_t *)o, key, v) {
		json_t *at = out, *next, *value = json_is_object(v) ? blk_nest_dotted(v, e) : json_incref(v);
		const char *p = key, *dot;
		char part[128];
		if (!value)
			goto fail;
		for (; (dot = strchr(p, '.')); p = dot + 1) {
			snprintf(part, sizeof part, "%.*s", (int)(dot - p), p);
			next = json_object_get(at, part);
			if (!next) {
				next = json_object();
				json_object_set_new(at, part, next);
			} else if (!json_is_object(next)) {
				json_decref(value);
				err_set(e, EINVAL, "Cannot mix scalar and non-scalar keys ('%s')", key);
				goto fail;
			}
			at = next;
		}
		next = json_object_get(at, p);
		if (json_is_object(next) && json_is_object(value)) {
			json_object_update(next, value);
			json_decref(value);
		} else {
			json_object_set_new(at, p, value);
		}
	}
	return out;
fail:
	json_decref(out);
	return NULL;
}
