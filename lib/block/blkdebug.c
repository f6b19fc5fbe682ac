/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * blkdebug: a filter that makes requests fail, for tests.
 *
 * Rules are inject-error.N.{event,state,iotype,errno,sector,once,skip,count}. An event (events.h) that the node above raises while the filter is in
 * the rule's state makes its rules the ones that count, until another event has rules; "none" is raised when the node is opened. The first such rule
 * that matches a request (its kind, its place) fails it. skip lets that many matching requests through first; count limits how many are failed.
 * `short` makes a write reach the file only in part before it fails. set-state.N.{event,state,new_state} move from state to state; the first is 1,
 * and a rule's state 0, the default, means any. The same rules may stand in a file of [inject-error] and [set-state] sections: option "config", or
 * "blkdebug:CONFIG:FILE".
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "block/core.h"
#include "block/events.h"
#include "block/filter.h"

enum { IO_READ = 1, IO_WRITE = 2, IO_ZERO = 4, IO_DISCARD = 8, IO_FLUSH = 16, IO_STATUS = 32, IO_ALL = 63 };

struct rule {
	unsigned event;
	int64_t state, new_state; /* new_state: of set-state; else 0 */
	bool active;
	unsigned kinds;
	int error;
	int64_t sector; /* -1: anywhere */
	int64_t skip, count;
	bool part;
};

struct debug {
	struct rule *rule;
	unsigned rules;
	int64_t state;
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

static const char *const events[BLK_EVENT_COUNT] = {
#define EVENT(id, name) [BLK_EVENT_##id] = name,
	BLK_EVENTS(EVENT)
#undef EVENT
};

static int keep(struct debug *s, const struct rule *r, struct err *e)
{
	struct rule *list = realloc(s->rule, (s->rules + 1) * sizeof *list);

	if (!list)
		return err_errno(e, ENOMEM, "blkdebug");
	s->rule = list;
	list[s->rules++] = *r;
	return 0;
}

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

static int event_of(const char *name)
{
	for (int i = 0; i < BLK_EVENT_COUNT; i++)
		if (!strcmp(events[i], name))
			return i;
	return -1;
}

static int add_transition(struct debug *s, const json_t *o, struct err *e)
{
	struct rule r = {.new_state = 0};
	const char *key, *v;
	const json_t *value;
	char buf[32];

	json_object_foreach ((json_t *)o, key, value) {
		v = text(o, key, buf, sizeof buf);
		if (!v)
			return err_set(e, EINVAL, "blkdebug: set-state.%s expects a value", key);
		if (!strcmp(key, "event")) {
			if (event_of(v) < 0)
				return err_set(e, EINVAL, "blkdebug: no image format has an event '%s'", v);
			r.event = (unsigned)event_of(v);
		} else if (!strcmp(key, "state")) {
			r.state = strtoll(v, NULL, 0);
		} else if (!strcmp(key, "new_state")) {
			r.new_state = strtoll(v, NULL, 0);
		} else {
			return err_set(e, EINVAL, "blkdebug: set-state has no '%s'", key);
		}
	}
	if (r.new_state <= 0)
		return err_set(e, EINVAL, "blkdebug: set-state needs a new_state above 0");
	return keep(s, &r, e);
}

static int add_rule(struct debug *s, const json_t *o, struct err *e)
{
	struct rule r = {.kinds = IO_READ | IO_WRITE | IO_ZERO | IO_DISCARD | IO_FLUSH, .error = EIO, .sector = -1, .count = -1};
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
		} else if (!strcmp(key, "event")) {
			if (event_of(v) < 0)
				return err_set(e, EINVAL, "blkdebug: no image format has an event '%s'", v);
			r.event = (unsigned)event_of(v);
		} else if (!strcmp(key, "state")) {
			r.state = strtoll(v, NULL, 0);
		} else if (strcmp(key, "immediately")) { /* every failure is told at once */
			return err_set(e, EINVAL, "blkdebug: inject-error has no '%s'", key);
		}
	}
	return keep(s, &r, e);
}

static int add_all(struct debug *s, const json_t *list, int (*add)(struct debug *s, const json_t *o, struct err *e), struct err *e)
{
	const char *key;
	json_t *o;
	size_t i;
	int r = 0;

	if (json_is_array(list)) {
		json_array_foreach (list, i, o)
			if ((r = add(s, o, e)))
				return r;
	} else {
		json_object_foreach ((json_t *)list, key, o)
			if (json_is_object(o) && (r = add(s, o, e)))
				return r;
	}
	return 0;
}

/* The value of a line `key = "value"`, both cut out in place; NULL: it is no such line. */
static char *value_in(char *line, char **key)
{
	char *is = strchr(line, '='), *v, *end;

	if (!is)
		return NULL;
	*key = line + strspn(line, " \t");
	*is = '\0';
	(*key)[strcspn(*key, " \t")] = '\0';
	v = is + 1 + strspn(is + 1, " \t");
	if (*v != '"' || !(end = strchr(v + 1, '"')))
		return NULL;
	*end = '\0';
	return v + 1;
}

/* The sections of a configuration file become rules. */
static int read_config(struct debug *s, const char *name, struct err *e)
{
	FILE *f = fopen(name, "re");
	json_t *section = NULL;
	char line[1024], title[32] = "";
	unsigned number = 0;
	bool more = true;
	int r = 0;

	if (!f)
		return err_errno(e, errno, "blkdebug: cannot open the configuration file '%s'", name);
	while (!r && more) {
		more = fgets(line, sizeof line, f);
		number++;
		if (more) {
			line[strcspn(line, "\r\n")] = '\0';
			if (line[strspn(line, " \t")] == '\0' || line[strspn(line, " \t")] == '#')
				continue;
		}
		if (!more || line[0] == '[') {
			if (section)
				r = !strcmp(title, "set-state") ? add_transition(s, section, e) : add_rule(s, section, e);
			json_decref(section);
			section = NULL;
			if (more && !r) {
				section = json_object();
				if (sscanf(line, "[%31[^]\"]]", title) != 1 || (strcmp(title, "inject-error") && strcmp(title, "set-state")))
					r = err_set(e, EINVAL, "blkdebug: %s:%u: '%s' is neither [inject-error] nor [set-state]", name, number, line);
			}
		} else {
			char *key = NULL, *v = section ? value_in(line, &key) : NULL;
			if (!v)
				r = err_set(e, EINVAL, "blkdebug: %s:%u: expected key = \"value\" in a section", name, number);
			else
				json_object_set_new(section, key, json_string(v));
		}
	}
	json_decref(section);
	fclose(f);
	return r;
}

/* What an event changes; s->lock is held. */
static void raise_event(struct debug *s, unsigned event)
{
	int64_t state = s->state;
	bool first = true;

	for (unsigned i = 0; i < s->rules; i++) {
		struct rule *p = &s->rule[i];
		if (p->event != event || (p->state && p->state != s->state))
			continue;
		if (p->new_state) {
			state = p->new_state;
			continue;
		}
		for (unsigned k = 0; first && k < s->rules; k++)
			s->rule[k].active = false;
		first = false;
		p->active = true;
	}
	s->state = state;
}

static void debug_event(struct blk *b, int event)
{
	struct debug *s = b->state;

	pthread_mutex_lock(&s->lock);
	raise_event(s, (unsigned)event);
	pthread_mutex_unlock(&s->lock);
}

static int debug_open(struct blk *b, struct err *e)
{
	struct debug *s = b->state;
	const char *config = blk_opts_string(b->opts, "config");
	int r;

	pthread_mutex_init(&s->lock, NULL);
	s->latency_ns = blk_opts_number(b->opts, "latency-ns", 0);
	b->align = (uint32_t)blk_opts_size(b->opts, "align", b->file->align);
	if (!b->align || (b->align & (b->align - 1)) || b->align > 1u << 20)
		return err_set(e, EINVAL, "blkdebug: align must be a power of two up to 1M");
	if ((config && (r = read_config(s, config, e))) ||
	    (r = add_all(s, json_object_get(b->core->options, "inject-error"), add_rule, e)) ||
	    (r = add_all(s, json_object_get(b->core->options, "set-state"), add_transition, e)))
		return r;
	json_object_del(b->core->options, "inject-error");
	json_object_del(b->core->options, "set-state");
	s->state = 1;
	raise_event(s, BLK_EVENT_NONE);
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
		if (!p->active || !(p->kinds & kind) || !p->count || (p->sector >= 0 && (at < offset || at >= offset + length)))
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
		json_object_set_new(options, "config", json_stringn(filename + strlen("blkdebug:"), (size_t)(image - filename) - strlen("blkdebug:")));
	json_object_set_new(options, "x-image", json_string(image + 1));
	return 0;
}

static const struct blk_option debug_options[] = {
	{"config", BLK_OPT_STRING, "Path to the configuration file", NULL, NULL},
	{"align", BLK_OPT_SIZE, "Required alignment in bytes", NULL, NULL},
	{"latency-ns", BLK_OPT_NUMBER, "nanoseconds to wait before each request", NULL, NULL},
	{.name = NULL},
};

/* "image" is another name of "file": kept for the option strings of the classic tests. */
static const char *const debug_prefixes[] = {"blkdebug", NULL};
BLOCK_FORMAT(blkdebug) = {
	.name = "blkdebug", .flags = BLK_F_FILTER | BLK_F_GROWS | BLK_F_TEST | BLK_F_NO_FORMAT, .state_size = sizeof(struct debug),
	.prefixes = debug_prefixes, .options = debug_options, .parse_filename = debug_parse, .open = debug_open, .close = debug_close, .pread = debug_pread,
	.pwrite = debug_pwrite, .pwrite_zeroes = debug_zeroes, .discard = debug_discard, .flush = debug_flush, .block_status = debug_status,
	.event = debug_event, .truncate = debug_truncate, .get_size = filter_get_size,
};
