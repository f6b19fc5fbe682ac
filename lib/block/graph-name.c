/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names of nodes: which protocol a file name means, what a relative one is relative to, and how a node is called in messages and in `info`. */
#include "block/graph-internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/sandbox.h"

/* Length of "PROTOCOL" in "PROTOCOL:rest", 0 for a path ("./a:b" and "/a:b" are paths). */
static size_t prefix_length(const char *name)
{
	size_t n = strcspn(name, ":/");
	return name[n] == ':' ? n : 0;
}

struct prefix_search {
	const char *name;
	size_t length;
	const struct blk_format *found;
};

static void match_prefix(const struct blk_format *f, void *opaque)
{
	struct prefix_search *s = opaque;

	for (unsigned i = 0; f->prefixes && f->prefixes[i]; i++)
		if (strlen(f->prefixes[i]) == s->length && !memcmp(f->prefixes[i], s->name, s->length))
			s->found = f;
}

static bool is_device(const char *path)
{
	return !strncmp(path, "/dev/", 5) && strncmp(path, "/dev/fdset/", 11) && strncmp(path, "/dev/shm/", 9) &&
	       strncmp(path, "/dev/fd/", 8);
}

bool blk_is_absent(const char *name, size_t n)
{
	static const char *const absent[] = {"sheepdog", "sheepdog+tcp", "sheepdog+unix", "nvme", "rbd", "nfs", "vxhs", "replication", "quorum"};

	for (unsigned i = 0; i < sizeof absent / sizeof *absent; i++)
		if (strlen(absent[i]) == n && !memcmp(absent[i], name, n))
			return true;
	return false;
}

const struct blk_format *blk_protocol_of(const char *filename, struct err *e)
{
	struct prefix_search s = {.name = filename, .length = prefix_length(filename)};
	const struct blk_format *f;

	if (s.length) {
		blk_format_each(match_prefix, &s);
		if (!s.found && blk_is_absent(filename, s.length)) {
			err_set(e, ENOTSUP, "The protocol '%.*s' is not built in", (int)s.length, filename);
			return NULL;
		}
		if (!s.found) {
			err_set(e, ENOENT, "Unknown protocol '%.*s'", (int)s.length, filename);
			if (sandbox_allows(SANDBOX_OPEN) && !access(filename, F_OK))
				err_hint(e, "For the file of that name say ./%s or file:%s", filename, filename);
			return NULL;
		}
		return s.found;
	}
	if (is_device(filename) && (f = blk_format_find("host_device")) && f->probe &&
	    (!sandbox_allows(SANDBOX_OPEN) || f->probe(NULL, 0, filename)))
		return f;
	return blk_format_find("file");
}

char *blk_resolve_against(const char *base, const char *name)
{
	const char *slash, *path = base;
	char *out;
	size_t n;

	if (!strncmp(base, "file:", 5))
		path = base += 5;
	if (name[0] == '/' || prefix_length(name) || !strncmp(base, "json:", 5))
		return strdup(name);
	if ((n = prefix_length(base)) && !strncmp(base + n, "://", 3)) {
		path = base + n + 3 + strcspn(base + n + 3, "/"); /* never above the host */
		if (!*path) {
			if (asprintf(&out, "%s/%s", base, name) < 0)
				return NULL;
			return out;
		}
	}
	slash = strrchr(path, '/');
	if (asprintf(&out, "%.*s%s", slash ? (int)(slash + 1 - base) : 0, base, name) < 0)
		return NULL;
	return out;
}

char *blk_lasting_name(const struct blk *b)
{
	const char *name = strncmp(b->filename, "file:", 5) ? b->filename : b->filename + 5;
	char *out;

	if (*name == '/' || !*name || prefix_length(name) || !b->graph->cwd)
		return strdup(b->filename);
	return asprintf(&out, "%s/%s", b->graph->cwd, name) < 0 ? NULL : out;
}

char *blk_resolve(const struct blk *b, const char *name)
{
	return blk_resolve_against(b->filename, name);
}

/* The options as they may be given again, with the driver of "file" said, as the classic tool does. New object. */
static json_t *complete(const struct blk *b)
{
	json_t *o = json_deep_copy(b->core->options), *file = json_object_get(o, "file"), *out;

	if (b->file && json_is_object(file) && !json_object_get(file, "driver")) {
		out = json_pack("{s:s}", "driver", b->file->fmt->name);
		json_object_update(out, file);
		json_object_set_new(o, "file", out);
	}
	return o;
}

void blk_set_filename(struct blk *b, const char *given)
{
	char *dump = NULL, *name = NULL;
	json_t *all;

	if (given) {
		name = strdup(given);
	} else if (b->fmt->describe && (name = b->fmt->describe(b))) {
		;
	} else if (b->file && !b->core->complex_name) {
		name = strdup(b->file->filename);
	} else if (b->core->options && (all = complete(b))) {
		dump = json_dumps(all, JSON_PRESERVE_ORDER);
		if (!dump || asprintf(&name, "json:%s", dump) < 0)
			name = NULL;
		free(dump);
		json_decref(all);
	}
	free(b->filename);
	b->filename = name ? name : strdup("");
}

/* Options that change how an image is worked on, not what is in it: a file name says as much without them. */
static bool is_tuning(const char *key)
{
	static const char *const names[] = {
		"aio", "locking", "lazy-refcounts", "pass-discard-request", "pass-discard-snapshot", "pass-discard-other", "overlap-check",
		"cache-size", "l2-cache-size", "l2-cache-entry-size", "refcount-cache-size", "cache-clean-interval",
	};

	for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
		if (!strcmp(key, names[i]))
			return true;
	return false;
}

bool blk_plain_options(const json_t *o)
{
	const char *key;
	json_t *v;

	json_object_foreach ((json_t *)o, key, v)
		if (strcmp(key, "driver") && strcmp(key, "node-name") && strcmp(key, "filename") && strcmp(key, "read-only") &&
		    strcmp(key, "cache") && strcmp(key, "force-share") && strcmp(key, "discard") && strcmp(key, "detect-zeroes") &&
		    strcmp(key, "auto-read-only") && !is_tuning(key) && !(json_is_null(v) && !strcmp(key, "backing")) &&
		    (strcmp(key, "file") || !(json_is_string(v) || blk_plain_options(v))))
			return false;
	return true;
}
