/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Disks for a machine that runs. The mapper of the command line (share/emu-system.d) makes a part of drive_add's and blockdev-add's arguments, and the
 * supervisor starts it (hot-disk.c).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/sock.h"
#include "child.h"
#include "disks.h"
#include "hmp-rows.h"

#define MAPPER_MS 20000
#define MAPPER_TEXT 65536 /* what a pipe holds */

/* What the mapper wrote: JSON, or its complaint in e. */
static json_t *understand(char *text, bool good, struct err *e)
{
	json_t *part = good ? json_loads(text, JSON_REJECT_DUPLICATES, NULL) : NULL;
	char *line = text, *hint = strchr(text, '\n'), *colon;

	if (part)
		return part;
	/* "NAME: SENTENCE", and a second line with what would work. */
	if (hint)
		*hint++ = '\0';
	colon = strstr(line, ": ");
	err_set(e, EINVAL, "%.900s", colon && !memchr(line, ' ', (size_t)(colon - line)) ? colon + 2 : *line ? line : "the command line's mapper failed");
	if (hint && *hint) {
		hint[strcspn(hint, "\n")] = '\0';
		err_hint(e, "%.400s", hint);
	}
	return NULL;
}

static json_t *run_mapper(char **argv, struct err *e)
{
	char *text = malloc(MAPPER_TEXT + 1);
	int out[2], status;
	ssize_t n = 0;
	json_t *part = NULL;

	if (!text || pipe2(out, O_CLOEXEC) < 0) {
		err_errno(e, errno, "cannot run emu-system");
		free(text);
		return NULL;
	}
	struct child c = {.program = "emu-system", .argv = argv, .out = out[1]};
	status = child_run(&c, MAPPER_MS, e);
	close(out[1]);
	if (status >= 0) {
		n = read(out[0], text, MAPPER_TEXT);
		text[n > 0 ? n : 0] = '\0';
		part = understand(text, status == 0, e);
	}
	close(out[0]);
	free(text);
	return part;
}

/* ---- sets of descriptors that the text names ---- */

struct sets {
	unsigned count;
	int fd[SOCK_MAX_FDS];
	json_t *names;   /* what the part's arguments know them by */
	char *text;      /* for the mapper: "SET NAME …" */
};

static bool named(const struct sets *s, long long set)
{
	char name[40];
	size_t n;
	json_t *v;

	snprintf(name, sizeof name, "fdset%lld", set);
	json_array_foreach(s->names, n, v)
		if (!strcmp(json_string_value(v), name))
			return true;
	return false;
}

static int take_sets(struct task *t, const char *text, struct sets *s, struct err *e)
{
	static const char prefix[] = "/dev/fdset/";
	size_t size = 0;
	FILE *f = open_memstream(&s->text, &size);

	s->names = json_array();
	if (!f || !s->names) {
		if (f)
			fclose(f);
		return err_set(e, ENOMEM, "out of memory");
	}
	for (const char *p = text; !e->code && (p = strstr(p, prefix));) {
		char path[64], *end;
		long long set = strtoll(p + strlen(prefix), &end, 10);
		struct err ignored = ERR_INIT;
		int fd;
		bool digits = end > p + strlen(prefix);
		p = end;
		if (!digits || named(s, set))
			continue;
		if (s->count == SOCK_MAX_FDS) {
			err_set(e, ENOSPC, "more than %d sets of descriptors are named", SOCK_MAX_FDS);
			break;
		}
		snprintf(path, sizeof path, "%s%lld", prefix, set);
		fd = fdset_open(t, path, true, &ignored);
		if (fd < 0)
			fd = fdset_open(t, path, false, e);
		if (fd < 0)
			break;
		s->fd[s->count++] = fd;
		json_array_append_new(s->names, json_sprintf("fdset%lld", set));
		fprintf(f, "%lld fdset%lld ", set, set);
	}
	fclose(f);
	return -e->code;
}

static void drop_sets(struct sets *s)
{
	while (s->count)
		close(s->fd[--s->count]);
	json_decref(s->names);
	free(s->text);
}

/* A part's socket that has just come or gone is seen by the next command. */
static void look(void *opaque)
{
	monitor_look(opaque);
}

json_t *disk_add(struct task *t, const char *kind, const char *text, struct err *e)
{
	json_t *parts = part_call(t, PART_SUPER, NULL, "query-parts", NULL, e), *objects, *part = NULL, *v, *r = NULL;
	char *taken = NULL, **argv = NULL;
	struct sets sets = {0};
	size_t n, size = 0, count = 0;
	FILE *f;

	if (!parts || take_sets(t, text, &sets, e) < 0) {
		drop_sets(&sets);
		json_decref(parts);
		return NULL;
	}
	objects = part_call(t, PART_SUPER, NULL, "x-objects", NULL, e);
	f = objects ? open_memstream(&taken, &size) : NULL;
	if (f) {
		json_array_foreach(parts, n, v)
			fprintf(f, "%s ", text_of(v, "id"));
		fclose(f);
		argv = calloc(json_array_size(objects) + 7, sizeof *argv);
	}
	if (argv) {
		argv[count++] = (char *)"emu-system";
		argv[count++] = (char *)"--hot";
		argv[count++] = (char *)(uintptr_t)kind;
		argv[count++] = (char *)(uintptr_t)text;
		argv[count++] = taken;
		argv[count++] = sets.text;
		json_array_foreach(objects, n, v)
			argv[count++] = (char *)(uintptr_t)json_string_value(v);
		part = run_mapper(argv, e);
	} else if (!e->code) {
		err_set(e, ENOMEM, "out of memory");
	}
	if (part)
		r = part_call_fds(t, PART_SUPER, NULL, "x-disk-add", json_pack("{s:o, s:O}", "part", part, "fds", sets.names), sets.fd, sets.count, NULL, e);
	if (r)
		task_in_loop(t, look, t->monitor);
	free(argv);
	free(taken);
	drop_sets(&sets);
	json_decref(objects);
	json_decref(parts);
	return r;
}

json_t *disk_del(struct task *t, const char *id, bool unused, struct err *e)
{
	json_t *r = part_call(t, PART_SUPER, NULL, "x-disk-del", json_pack("{s:s, s:b}", "id", id, "unused", (int)unused), e);

	if (r)
		task_in_loop(t, look, t->monitor);
	return r;
}
