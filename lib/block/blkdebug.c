/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * blkdebug: a filter that makes requests fail, for tests.
 *
 * Rules are inject-error.N.{iotype,errno,sector,once,skip,count}: the first rule that matches a request (its kind, its
 * place) fails it. skip lets that many matching requests through first; count limits how many are failed. `short`
 * makes a write reach the file only in part before it fails. "blkdebug::FILE" and "blkdebug:CONFIG:FILE" name one too.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "block/core.h"
#include "block/filter.h"

enum { IO_READ = 1, IO_WRITE = 2, IO_ZERO = 4, IO_DISCARD = 8, IO_FLUSH = 16, IO_STATUS = 32, IO_ALL = 63 };

struct rule {
	unsigned kinds;
	int error;
	int64_t sector; /* -1: anywhere */
	int64_t skip, count;
	bool part;
};

struct debug {
	struct rule *rule;
	unsigned rules;
	pthread_mutex_t lock;
	uint64_t latency_ns;
};

static const struct {
	const char *name;
	unsigned kind;
} kinds[] = {{"read", IO_READ}, {"write", IO_WRITE}, {"write-zeroes", IO_ZERO}, {"discard", IO_DISCARD}, {"flush", IO_FLUSH},
	     {"block-status", IO_STATUS}, {"any", IO_ALL}};

static const struct {
	const char *name;
	int error;
} errors[] = {{"EIO", EIO}, {"ENOSPC", ENOSPC}, {"EINTR", EINTR}, {"EAGAIN", EAGAIN}, {"EPERM", EPERM}, {"ENOMEM", ENOMEM},
	      {"EINVAL", EINVAL}, {"EROFS", EROFS}};

static const char *text(const json_t *o, const char *key, char *buf, size_t size)
{
	const json_t *v = json_object_get(o, key);

	if (json_is_integer(v)) {
		snprintf(buf, size, "%lld", (long long)json_integer_value(v));
		return buf;
	}
	if (json_is_boolean(v))
		return json_is_true(v) ? "on" : "off";
	return json_string_value(v);
}

static int add_rule(struct debug *s, const json_t *o, struct err *e)
{
	struct rule r = {.kinds = IO_READ | IO_WRITE | IO_ZERO | IO_DISCARD | IO_FLUSH, .error = EIO, .sector = -1, .count = -1}, *list;
	const char *key, *v;
	const json_t *value;
	char buf[32];

	json_object_foreach ((json_t *)o, key, value) {
		unsigned i;
		v = text(o, key, buf, sizeof buf);
		if (!v)
			return err_set(e, EINVAL, "blkdebug: inject-error.%s expects a value", key);
		if (!strcmp(key, "iotype")) {
			for (i = 0; i < sizeof kinds / sizeof *kinds && strcmp(kinds[i].name, v); i++)
				;
			if (i == sizeof kinds / sizeof *kinds)
				return err_set(e, EINVAL, "blkdebug: iotype '%s' is none of: read, write, write-zeroes, discard, flush, "
							  "block-status, any", v);
			r.kinds = kinds[i].kind;
		} else if (!strcmp(key, "errno")) {
			for (i = 0; i < sizeof errors / sizeof *errors && strcmp(errors[i].name, v); i++)
				;
			r.error = i < sizeof errors / sizeof *errors ? errors[i].error : atoi(v);
			if (r.error <= 0 || r.error > 4095)
				return err_set(e, EINVAL, "blkdebug: errno '%s' is no error number", v);
		} else if (!strcmp(key, "sector")) {
			r.sector = strtoll(v, NULL, 0);
		} else if (!strcmp(key, "once")) {
			r.count = !strcmp(v, "on") || !strcmp(v, "true") ? 1 : -1;
		} else if (!strcmp(key, "skip")) {
			r.skip = strtoll(v, NULL, 0);
		} else if (!strcmp(key, "count")) {
			r.count = strtoll(v, NULL, 0);
		} else if (!strcmp(key, "short")) {
			r.part = !strcmp(v, "on") || !strcmp(v, "true");
		} else if (strcmp(key, "event") && strcmp(key, "state") && strcmp(key, "immediately")) {
			return err_set(e, EINVAL, "blkdebug: inject-error has no '%s'", key);
		}
	}
	list = realloc(s->rule, (s->rules + 1) * sizeof *list);
	if (!list)
		return err_errno(e, ENOMEM, "blkdebug");
	s->rule = list;
	list[s->rules++] = r;
	return 0;
}

static int debug_open(struct blk *b, struct err *e)
{
	struct debug *s = b->state;
	json_t *list = json_object_get(b->core->options, "inject-error"), *o;
	const char *key;
	size_t i;
	int r = 0;

	pthread_mutex_init(&s->lock, NULL);
	s->latency_ns = blk_opts_number(b->opts, "latency-ns", 0);
	b->align = (uint32_t)blk_opts_size(b->opts, "align", b->file->align);
	if (!b->align || (b->align & (b->align - 1)) || b->align > 1u << 20)
		return err_set(e, EINVAL, "blkdebug: align must be a power of two up to 1M");
	if (json_is_array(list)) {
		json_array_foreach (list, i, o)
			if ((r = add_rule(s, o, e)))
				return r;
	} else {
		json_object_foreach (list, key, o)
			if (json_is_object(o) && (r = add_rule(s, o, e)))
				return r;
	}
	json_object_del(b->core->options, "inject-error");
	return 0;
}

static void debug_close(struct blk *b)
{
	struct debug *s = b->state;

	free(s->rule);
	pthread_mutex_destroy(&s->lock);
}

/* -errno where a rule strikes; *part: after half of it was done. */
static int strike(struct blk *b, unsigned kind, uint64_t offset, uint64_t length, bool *part)
{
	struct debug *s = b->state;
	struct timespec t = {.tv_sec = (time_t)(s->latency_ns / 1000000000), .tv_nsec = (long)(s->latency_ns % 1000000000)};
	int r = 0;

	if (s->latency_ns)
		nanosleep(&t, NULL);
	pthread_mutex_lock(&s->lock);
	for (unsigned i = 0; i < s->rules && !r; i++) {
		struct rule *p = &s->rule[i];
		uint64_t at = (uint64_t)p->sector * BLK_SECTOR;
		if (!(p->kinds & kind) || !p->count || (p->sector >= 0 && (at < offset || at >= offset + length)))
			continue;
		if (p->skip > 0) {
			p->skip--;
			continue;
		}
		if (p->count > 0)
			p->count--;
		r = -p->error;
		if (part)
			*part = p->part;
	}
	pthread_mutex_unlock(&s->lock);
	return r;
}

static int debug_pread(struct blk *b, uint64_t offset, size_t length, void *buf)
{
	int r = strike(b, IO_READ, offset, length, NULL);
	return r ? r : blk_pread(b->file, offset, length, buf);
}

static int debug_pwrite(struct blk *b, uint64_t offset, size_t length, const void *buf, unsigned flags)
{
	bool part = false;
	int r = strike(b, IO_WRITE, offset, length, &part);

	if (r && part && length > 512)
		blk_pwrite(b->file, offset, length / 2 / 512 * 512, buf);
	return r ? r : blk_pwrite_flags(b->file, offset, length, buf, flags);
}

static int debug_zeroes(struct blk *b, uint64_t offset, uint64_t length, unsigned flags)
{
	int r = strike(b, IO_ZERO, offset, length, NULL);
	return r ? r : blk_pwrite_zeroes(b->file, offset, length, flags);
}

static int debug_discard(struct blk *b, uint64_t offset, uint64_t length)
{
	int r = strike(b, IO_DISCARD, offset, length, NULL);
	return r ? r : blk_discard(b->file, offset, length);
}

static int debug_status(struct blk *b, uint64_t offset, uint64_t length, struct blk_status *st)
{
	int r = strike(b, IO_STATUS, offset, length, NULL);

	st->flags = BLK_ST_RECURSE | BLK_ST_OFFSET;
	st->length = length;
	st->offset = offset;
	st->file = b->file;
	return r;
}

static int debug_flush(struct blk *b)
{
	return strike(b, IO_FLUSH, 0, 1, NULL);
}

static int debug_truncate(struct blk *b, uint64_t size, enum blk_prealloc prealloc, struct err *e)
{
	int r = size > b->size ? strike(b, IO_WRITE, b->size, size - b->size, NULL) : 0;
	return r ? err_errno(e, -r, "blkdebug") : filter_truncate(b, size, prealloc, e);
}

static int debug_parse(const char *filename, json_t *options, struct err *e)
{
	const char *image = strchr(filename + strlen("blkdebug:"), ':');

	if (!image)
		return err_set(e, EINVAL, "blkdebug requires both config file and image path: blkdebug:CONFIG:IMAGE");
	if (image != filename + strlen("blkdebug:"))
		return err_set(e, ENOTSUP, "blkdebug: a configuration file is not supported; give inject-error.N.* options instead");
	json_object_set_new(options, "image", json_string(image + 1));
	return 0;
}

static const struct blk_option debug_options[] = {
	{"image", BLK_OPT_STRING, "[internal use only, will be removed]", NULL, NULL},
	{"align", BLK_OPT_SIZE, "Required alignment in bytes", NULL, NULL},
	{"latency-ns", BLK_OPT_NUMBER, "nanoseconds to wait before each request", NULL, NULL},
	{.name = NULL},
};

/* "image" is another name of "file": kept for the option strings of the classic tests. */
BLOCK_FORMAT(blkdebug) = {
	.name = "blkdebug", .flags = BLK_F_FILTER | BLK_F_GROWS | BLK_F_TEST | BLK_F_NO_FORMAT, .state_size = sizeof(struct debug),
	.options = debug_options, .parse_filename = debug_parse, .open = debug_open, .close = debug_close, .pread = debug_pread,
	.pwrite = debug_pwrite, .pwrite_zeroes = debug_zeroes, .discard = debug_discard, .flush = debug_flush, .block_status = debug_status,
	.truncate = debug_truncate, .get_size = filter_get_size,
};
