/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reads plans. The members of each kind of object are rows of a table: name, type, place. What is not in the table is refused, so that a
 * misspelt member never goes unseen.
 */
#include "plan.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/json.h"
#include "monitor.h"

enum field_type { F_STRING, F_BOOL, F_INT, F_STRINGS, F_SOCKET_TYPE, F_CALL };

struct field {
	const char *name;
	enum field_type type;
	size_t offset;
	bool required;
	size_t count;    /* F_STRINGS: where the number goes */
	int min, max;    /* F_INT */
	int (*call)(void *to, const json_t *v, struct err *e);
};

static int out_of_memory(struct err *e)
{
	return err_set(e, ENOMEM, "out of memory");
}

static int copy_string(char **to, const json_t *v, struct err *e)
{
	if (!json_is_string(v))
		return err_set(e, EINVAL, "a string is expected");
	if (strlen(json_string_value(v)) != json_string_length(v))
		return err_set(e, EINVAL, "a string holds a NUL");
	free(*to);
	*to = strdup(json_string_value(v));
	return *to ? 0 : out_of_memory(e);
}

static int copy_strings(char ***to, unsigned *count, const json_t *v, struct err *e)
{
	size_t n;
	json_t *item;

	if (!json_is_array(v) || json_array_size(v) > PLAN_WORDS)
		return err_set(e, EINVAL, "an array of at most %d strings is expected", PLAN_WORDS);
	*to = calloc(json_array_size(v) + 1, sizeof **to);
	if (!*to)
		return out_of_memory(e);
	json_array_foreach(v, n, item) {
		if (copy_string(&(*to)[n], item, e) < 0)
			return -e->code;
		(*count)++;
	}
	return 0;
}

static int socket_type(int *to, const json_t *v, struct err *e)
{
	const char *s = json_string_value(v);

	*to = !s ? -1 : !strcmp(s, "stream") ? SOCK_STREAM : !strcmp(s, "seqpacket") ? SOCK_SEQPACKET : !strcmp(s, "dgram") ? SOCK_DGRAM : -1;
	return *to < 0 ? err_set(e, EINVAL, "it is one of: stream, seqpacket, dgram") : 0;
}

static int read_field(const struct field *f, void *object, const json_t *v, struct err *e)
{
	char *to = (char *)object + f->offset;

	switch (f->type) {
	case F_STRING:
		return copy_string((char **)to, v, e);
	case F_BOOL:
		if (!json_is_boolean(v))
			return err_set(e, EINVAL, "true or false is expected");
		*(bool *)to = json_is_true(v);
		return 0;
	case F_INT:
		if (!json_is_integer(v) || json_integer_value(v) < f->min || json_integer_value(v) > f->max)
			return err_set(e, EINVAL, "a number from %d to %d is expected", f->min, f->max);
		*(int *)to = (int)json_integer_value(v);
		return 0;
	case F_STRINGS:
		return copy_strings((char ***)to, (unsigned *)((char *)object + f->count), v, e);
	case F_SOCKET_TYPE:
		return socket_type((int *)to, v, e);
	case F_CALL:
		return f->call(object, v, e);
	}
	return -EINVAL;
}

static int read_object(const struct field *fields, unsigned count, void *object, const json_t *v, struct err *e)
{
	const char *key;
	json_t *value;

	if (!json_is_object(v))
		return err_set(e, EINVAL, "an object is expected");
	json_object_foreach((json_t *)v, key, value) {
		unsigned i = 0;
		while (i < count && strcmp(fields[i].name, key))
			i++;
		if (i == count)
			return err_set(e, EINVAL, "there is no member '%.100s'", key);
		if (read_field(&fields[i], object, value, e) < 0)
			return err_prefix(e, "%s", key);
	}
	for (unsigned i = 0; i < count; i++)
		if (fields[i].required && !json_object_get(v, fields[i].name))
			return err_set(e, EINVAL, "the member '%s' is missing", fields[i].name);
	return 0;
}
#define READ(fields, object, v, e) read_object(fields, sizeof(fields) / sizeof *(fields), object, v, e)

/* An array of objects into *list, each of `size` bytes. */
static int read_list(void **list, unsigned *count, size_t size, unsigned most, const json_t *v, int (*read_one)(void *to, const json_t *v, struct err *e),
		     struct err *e)
{
	size_t n;
	json_t *item;

	if (!json_is_array(v) || json_array_size(v) > most)
		return err_set(e, EINVAL, "an array of at most %u is expected", most);
	*list = calloc(json_array_size(v) + 1, size);
	if (!*list)
		return out_of_memory(e);
	json_array_foreach(v, n, item) {
		/* Counted first: what is half read is freed too. */
		(*count)++;
		if (read_one((char *)*list + n * size, item, e) < 0)
			return err_prefix(e, "%zu", n);
	}
	return 0;
}

/* Names become parts of paths and of messages. */
static bool good_name(const char *s)
{
	size_t n = strlen(s);

	return n > 0 && n <= 127 && s[0] != '.' && strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:+#@") == n;
}

static int check_name(const char *what, const char *s, struct err *e)
{
	return good_name(s) ? 0 : err_set(e, EINVAL, "%s: '%.130s' is no name: 1 to 127 of A-Z a-z 0-9 - _ . : + # @ are", what, s);
}

/* ---- arguments ---- */

static int read_piece(void *to, const json_t *v, struct err *e)
{
	static const struct {
		const char *key;
		enum plan_piece_kind kind;
	} kinds[] = {{"fd", PIECE_FD}, {"run", PIECE_RUN}, {"name", PIECE_NAME}};
	struct plan_piece *p = to;

	if (json_is_string(v))
		return copy_string(&p->text, v, e);
	for (unsigned i = 0; json_object_size(v) == 1 && i < sizeof kinds / sizeof *kinds; i++) {
		const json_t *value = json_object_get(v, kinds[i].key);
		if (!value)
			continue;
		p->kind = kinds[i].kind;
		if (p->kind == PIECE_NAME)
			return json_is_true(value) ? 0 : err_set(e, EINVAL, "name: true is expected");
		if (copy_string(&p->text, value, e) < 0)
			return -e->code;
		return p->kind == PIECE_RUN && !*p->text ? 0 : check_name(kinds[i].key, p->text, e);
	}
	return err_set(e, EINVAL, "a string, {\"fd\":NAME}, {\"run\":NAME} or {\"name\":true} is expected");
}

static int read_word(void *to, const json_t *v, struct err *e)
{
	struct plan_word *w = to;

	if (json_is_array(v))
		return read_list((void **)&w->piece, &w->count, sizeof *w->piece, 64, v, read_piece, e);
	w->piece = calloc(1, sizeof *w->piece);
	if (!w->piece)
		return out_of_memory(e);
	w->count = 1;
	return read_piece(w->piece, v, e);
}

static int read_command(void *to, const json_t *v, struct err *e)
{
	struct plan_command *c = to;

	return read_list((void **)&c->word, &c->count, sizeof *c->word, PLAN_WORDS, v, read_word, e);
}

static int read_nonempty_command(void *to, const json_t *v, struct err *e)
{
	if (read_command(to, v, e) < 0)
		return -e->code;
	return ((struct plan_command *)to)->count ? 0 : err_set(e, EINVAL, "a command has a program");
}

/* ---- parts ---- */

#define SOCK(f) offsetof(struct plan_socket, f)
static const struct field socket_fields[] = {
	{.name = "name", .type = F_STRING, .offset = SOCK(name), .required = true},
	{.name = "type", .type = F_SOCKET_TYPE, .offset = SOCK(type)},
};

static int read_socket(void *to, const json_t *v, struct err *e)
{
	struct plan_socket *s = to;

	s->type = SOCK_STREAM;
	if (READ(socket_fields, s, v, e) < 0)
		return -e->code;
	if (s->type == SOCK_DGRAM)
		return err_set(e, EINVAL, "type: it is one of: stream, seqpacket");
	return s->name[0] == '/' ? 0 : check_name("name", s->name, e);
}

static int part_args(void *to, const json_t *v, struct err *e)
{
	return read_command(&((struct plan_part *)to)->args, v, e);
}

static int part_drive(void *to, const json_t *v, struct err *e)
{
	struct plan_command *c = &((struct plan_part *)to)->drive;

	c->word = calloc(1, sizeof *c->word);
	if (!c->word)
		return out_of_memory(e);
	c->count = 1;
	return read_word(c->word, v, e);
}

static int part_listen(void *to, const json_t *v, struct err *e)
{
	struct plan_part *p = to;
	return read_list((void **)&p->listen, &p->listens, sizeof *p->listen, 64, v, read_socket, e);
}

static int part_setup(void *to, const json_t *v, struct err *e)
{
	struct plan_part *p = to;
	return read_list((void **)&p->setup, &p->setups, sizeof *p->setup, 64, v, read_nonempty_command, e);
}

static int part_cleanup(void *to, const json_t *v, struct err *e)
{
	struct plan_part *p = to;
	return read_list((void **)&p->cleanup, &p->cleanups, sizeof *p->cleanup, 64, v, read_nonempty_command, e);
}

static int part_env(void *to, const json_t *v, struct err *e)
{
	struct plan_part *p = to;

	if (copy_strings(&p->env, &p->envs, v, e) < 0)
		return -e->code;
	for (unsigned i = 0; i < p->envs; i++)
		if (!strchr(p->env[i], '=') || p->env[i][0] == '=')
			return err_set(e, EINVAL, "'%.100s' is not NAME=VALUE", p->env[i]);
	return 0;
}

#define PART(f) offsetof(struct plan_part, f)
static const struct field part_fields[] = {
	{.name = "id", .type = F_STRING, .offset = PART(id), .required = true},
	{.name = "program", .type = F_STRING, .offset = PART(program)},
	{.name = "argv0", .type = F_STRING, .offset = PART(argv0)},
	{.name = "args", .type = F_CALL, .call = part_args},
	{.name = "disk", .type = F_STRING, .offset = PART(disk)},
	{.name = "drive", .type = F_CALL, .call = part_drive},
	{.name = "listen", .type = F_CALL, .call = part_listen},
	{.name = "after", .type = F_STRINGS, .offset = PART(after), .count = PART(afters)},
	{.name = "env", .type = F_CALL, .call = part_env},
	{.name = "temporary", .type = F_STRINGS, .offset = PART(temporary), .count = PART(temporaries)},
	{.name = "setup", .type = F_CALL, .call = part_setup},
	{.name = "cleanup", .type = F_CALL, .call = part_cleanup},
	{.name = "ctl", .type = F_BOOL, .offset = PART(ctl)},
	{.name = "ready", .type = F_BOOL, .offset = PART(ready)},
	{.name = "machine", .type = F_BOOL, .offset = PART(machine)},
	{.name = "restart", .type = F_BOOL, .offset = PART(restart)},
	{.name = "monitor", .type = F_BOOL, .offset = PART(monitor)},
	{.name = "terminal", .type = F_BOOL, .offset = PART(terminal)},
};

static int read_part(void *to, const json_t *v, struct err *e)
{
	struct plan_part *p = to;

	p->ctl = p->ready = p->restart = true;
	if (READ(part_fields, p, v, e) < 0 || check_name("id", p->id, e) < 0)
		return -e->code;
	if (p->machine)
		p->restart = false;
	if (p->monitor && (p->program || p->args.count))
		return err_set(e, EINVAL, "the monitor's program and arguments are the supervisor's");
	if (!p->monitor && (!p->program || !*p->program))
		return err_set(e, EINVAL, "the member 'program' is missing");
	if (p->monitor)
		p->terminal = true;
	return 0;
}

/* ---- links, fronts, descriptors ---- */

/* [ID, ID] or [{"part":ID,"attach":COMMAND}, …] */
static int link_ends(void *to, const json_t *v, struct err *e)
{
	struct plan_link *l = to;

	if (!json_is_array(v) || json_array_size(v) != 2)
		return err_set(e, EINVAL, "a link has two ends");
	for (unsigned i = 0; i < 2; i++) {
		const json_t *end = json_array_get(v, i);
		struct {
			char *part, *attach;
		} x = {NULL, NULL};
		static const struct field fields[] = {
			{.name = "part", .type = F_STRING, .offset = 0, .required = true},
			{.name = "attach", .type = F_STRING, .offset = sizeof(char *)},
		};
		int r = json_is_string(end) ? copy_string(&x.part, end, e) : READ(fields, &x, end, e);
		l->end[i] = x.part;
		l->attach[i] = x.attach;
		if (r < 0)
			return r;
	}
	return 0;
}

#define LINK(f) offsetof(struct plan_link, f)
static const struct field link_fields[] = {
	{.name = "id", .type = F_STRING, .offset = LINK(id), .required = true},
	{.name = "type", .type = F_SOCKET_TYPE, .offset = LINK(type)},
	{.name = "ends", .type = F_CALL, .call = link_ends, .required = true},
	{.name = "keep", .type = F_BOOL, .offset = LINK(keep)},
};

static int read_link(void *to, const json_t *v, struct err *e)
{
	struct plan_link *l = to;

	l->type = SOCK_STREAM;
	return READ(link_fields, l, v, e) < 0 ? -e->code : check_name("id", l->id, e);
}

static int front_mode(void *to, const json_t *v, struct err *e)
{
	const char *s = json_string_value(v);
	struct plan_front *f = to;

	f->monitor = !s ? -1 : !strcmp(s, "hmp") ? MONITOR_HMP : !strcmp(s, "qmp") ? MONITOR_QMP : !strcmp(s, "qmp-pretty") ? MONITOR_QMP_PRETTY : -1;
	return f->monitor < 0 ? err_set(e, EINVAL, "it is one of: hmp, qmp, qmp-pretty") : 0;
}

#define FRONT(f) offsetof(struct plan_front, f)
static const struct field front_fields[] = {
	{.name = "id", .type = F_STRING, .offset = FRONT(id)},
	{.name = "link", .type = F_STRING, .offset = FRONT(link)},
	{.name = "monitor", .type = F_CALL, .call = front_mode},
	{.name = "debugger", .type = F_BOOL, .offset = FRONT(debugger)},
	{.name = "device", .type = F_STRING, .offset = FRONT(device), .required = true},
	{.name = "option", .type = F_STRING, .offset = FRONT(option)},
};

static int read_front(void *to, const json_t *v, struct err *e)
{
	struct plan_front *f = to;

	f->monitor = -1;
	if (READ(front_fields, f, v, e) < 0)
		return -e->code;
	if ((f->link != NULL) + (f->monitor >= 0) + f->debugger != 1)
		return err_set(e, EINVAL, "it has either a link, a monitor or a debugger");
	return 0;
}

static const struct field fd_fields[] = {
	{.name = "name", .type = F_STRING, .offset = offsetof(struct plan_fd, name), .required = true},
	{.name = "fd", .type = F_INT, .offset = offsetof(struct plan_fd, fd), .required = true, .min = 3, .max = 1 << 20},
};

static int read_fd(void *to, const json_t *v, struct err *e)
{
	struct plan_fd *f = to;
	return READ(fd_fields, f, v, e) < 0 ? -e->code : check_name("name", f->name, e);
}

/* ---- the whole ---- */

static int plan_parts(void *to, const json_t *v, struct err *e)
{
	struct plan *p = to;
	return read_list((void **)&p->part, &p->parts, sizeof *p->part, PLAN_PARTS, v, read_part, e);
}

static int plan_links(void *to, const json_t *v, struct err *e)
{
	struct plan *p = to;
	return read_list((void **)&p->link, &p->links, sizeof *p->link, PLAN_LINKS, v, read_link, e);
}

static int plan_fronts(void *to, const json_t *v, struct err *e)
{
	struct plan *p = to;
	return read_list((void **)&p->front, &p->fronts, sizeof *p->front, PLAN_LINKS, v, read_front, e);
}

static int plan_fds(void *to, const json_t *v, struct err *e)
{
	struct plan *p = to;
	return read_list((void **)&p->fd, &p->fds, sizeof *p->fd, PLAN_FDS, v, read_fd, e);
}

static int plan_version(void *to, const json_t *v, struct err *e)
{
	(void)to;
	return json_is_integer(v) && json_integer_value(v) == 1 ? 0 : err_set(e, ENOTSUP, "this program reads plans of version 1");
}

#define PLAN(f) offsetof(struct plan, f)
static const struct field plan_fields[] = {
	{.name = "version", .type = F_CALL, .call = plan_version, .required = true},
	{.name = "name", .type = F_STRING, .offset = PLAN(name)},
	{.name = "add-pid", .type = F_BOOL, .offset = PLAN(add_pid)},
	{.name = "run-dir", .type = F_STRING, .offset = PLAN(run_dir)},
	{.name = "program", .type = F_STRING, .offset = PLAN(program)},
	{.name = "daemonize", .type = F_BOOL, .offset = PLAN(daemonize)},
	{.name = "pidfile", .type = F_STRING, .offset = PLAN(pid_file)},
	{.name = "runas", .type = F_STRING, .offset = PLAN(run_as)},
	{.name = "chroot", .type = F_STRING, .offset = PLAN(chroot)},
	{.name = "go", .type = F_BOOL, .offset = PLAN(go)},
	{.name = "loadvm", .type = F_STRING, .offset = PLAN(loadvm)},
	{.name = "escape", .type = F_INT, .offset = PLAN(escape), .min = 0, .max = 255},
	{.name = "fds", .type = F_CALL, .call = plan_fds},
	{.name = "parts", .type = F_CALL, .call = plan_parts, .required = true},
	{.name = "links", .type = F_CALL, .call = plan_links},
	{.name = "objects", .type = F_STRINGS, .offset = PLAN(object), .count = PLAN(objects)},
	{.name = "chardevs", .type = F_STRINGS, .offset = PLAN(chardev), .count = PLAN(chardevs)},
	{.name = "fronts", .type = F_CALL, .call = plan_fronts},
};

struct plan_part *plan_find_part(const struct plan *p, const char *id)
{
	for (unsigned i = 0; i < p->parts; i++)
		if (p->part[i].id && !strcmp(p->part[i].id, id))
			return &p->part[i];
	return NULL;
}

struct plan_link *plan_find_link(const struct plan *p, const char *id)
{
	for (unsigned i = 0; i < p->links; i++)
		if (p->link[i].id && !strcmp(p->link[i].id, id))
			return &p->link[i];
	return NULL;
}

static bool has_socket(const struct plan *p, const char *name)
{
	for (unsigned i = 0; i < p->parts; i++)
		for (unsigned k = 0; k < p->part[i].listens; k++)
			if (!strcmp(p->part[i].listen[k].name, name))
				return true;
	return false;
}

static bool has_fd(const struct plan *p, const char *name)
{
	for (unsigned i = 0; i < p->fds; i++)
		if (!strcmp(p->fd[i].name, name))
			return true;
	return false;
}

/* Which descriptors an argument may name. */
static int check_words(const struct plan *p, const struct plan_part *part, struct err *e)
{
	for (unsigned i = 0; i < part->args.count; i++)
		for (unsigned k = 0; k < part->args.word[i].count; k++) {
			const struct plan_piece *piece = &part->args.word[i].piece[k];
			const struct plan_link *l;
			bool known = false;
			if (piece->kind != PIECE_FD)
				continue;
			l = plan_find_link(p, piece->text);
			if (l)
				known = !strcmp(l->end[0], part->id) || !strcmp(l->end[1], part->id);
			for (unsigned n = 0; n < part->listens; n++)
				known |= !strcmp(part->listen[n].name, piece->text);
			for (unsigned n = 0; n < part->temporaries; n++)
				known |= !strcmp(part->temporary[n], piece->text);
			known |= has_fd(p, piece->text) || (part->ctl && !strcmp(piece->text, "ctl")) || (part->ready && !strcmp(piece->text, "ready"));
			if (!known)
				return err_set(e, EINVAL, "part %s: it has no descriptor '%s'", part->id, piece->text);
		}
	return 0;
}

/* Parts wait for earlier ones only, so that there is always one to begin with. */
static int check_parts(const struct plan *p, struct err *e)
{
	unsigned machines = 0, monitors = 0;

	for (unsigned i = 0; i < p->parts; i++) {
		const struct plan_part *part = &p->part[i];
		machines += part->machine;
		monitors += part->monitor;
		if (plan_find_part(p, part->id) != part)
			return err_set(e, EEXIST, "two parts are named '%s'", part->id);
		for (unsigned k = 0; k < part->afters; k++) {
			const struct plan_part *before = plan_find_part(p, part->after[k]);
			if (!before || before >= part)
				return err_set(e, EINVAL, "part %s: after: '%s' is no part before it in the list", part->id, part->after[k]);
		}
		for (unsigned k = 0; k < part->listens; k++) {
			const char *name = part->listen[k].name;
			if (!strcmp(name, "ctl") || !strcmp(name, "ready") || has_fd(p, name) || plan_find_link(p, name))
				return err_set(e, EEXIST, "part %s: the name '%s' has another meaning", part->id, name);
		}
		if (check_words(p, part, e) < 0)
			return -e->code;
		if (part->drive.count)
			return err_set(e, EINVAL, "part %s: drive: is for parts that come while the machine runs", part->id);
	}
	if (!p->parts)
		return err_set(e, EINVAL, "parts: the list is empty");
	if (machines > 1 || monitors > 1)
		return err_set(e, EINVAL, "parts: there is more than one %s", machines > 1 ? "machine" : "monitor");
	if (p->loadvm && (!monitors || !machines))
		return err_set(e, EINVAL, "loadvm: it needs a machine and a monitor");
	return p->fronts && !monitors ? err_set(e, EINVAL, "fronts: no part is the monitor") : 0;
}

static int check_plan(const struct plan *p, struct err *e)
{
	if (p->name && check_name("name", p->name, e) < 0)
		return -e->code;
	if (check_parts(p, e) < 0)
		return -e->code;
	for (unsigned i = 0; i < p->fds; i++)
		for (unsigned k = 0; k < i; k++)
			if (!strcmp(p->fd[i].name, p->fd[k].name))
				return err_set(e, EEXIST, "fds: two are named '%s'", p->fd[i].name);
	for (unsigned i = 0; i < p->links; i++) {
		const struct plan_link *l = &p->link[i];
		if (plan_find_link(p, l->id) != l || has_fd(p, l->id) || has_socket(p, l->id) || !strcmp(l->id, "ctl") || !strcmp(l->id, "ready"))
			return err_set(e, EEXIST, "links: the name '%s' has another meaning", l->id);
		for (unsigned k = 0; k < 2; k++) {
			if (!plan_find_part(p, l->end[k]))
				return err_set(e, EINVAL, "link %s: there is no part '%s'", l->id, l->end[k]);
			if (l->attach[k] && !plan_find_part(p, l->end[k])->ctl)
				return err_set(e, EINVAL, "link %s: part '%s' has no ctl for '%s'", l->id, l->end[k], l->attach[k]);
		}
		if (!strcmp(l->end[0], l->end[1]))
			return err_set(e, EINVAL, "link %s: both ends are '%s'", l->id, l->end[0]);
	}
	for (unsigned i = 0; i < p->fronts; i++) {
		const struct plan_front *f = &p->front[i];
		const struct plan_link *l = f->link ? plan_find_link(p, f->link) : NULL;
		bool monitor = false;
		for (unsigned k = 0; l && k < 2; k++)
			monitor |= plan_find_part(p, l->end[k])->monitor;
		if (f->link && !monitor)
			return err_set(e, EINVAL, "fronts: %u: '%s' is no link of the monitor", i, f->link);
		if (l && l->type != SOCK_STREAM)
			return err_set(e, EINVAL, "fronts: %u: link '%s' is no byte stream", i, f->link);
		for (unsigned k = 0; f->link && k < i; k++)
			if (p->front[k].link && !strcmp(p->front[k].link, f->link))
				return err_set(e, EEXIST, "fronts: %u: link '%s' has a front already", i, f->link);
	}
	return 0;
}

struct plan *plan_from_json(json_t *json, struct err *e)
{
	struct plan *p = calloc(1, sizeof *p);

	if (!p) {
		out_of_memory(e);
		return NULL;
	}
	p->go = true;
	p->escape = 1;
	p->json = json_incref(json);
	if (READ(plan_fields, p, json, e) < 0 || check_plan(p, e) < 0) {
		err_prefix(e, "plan");
		plan_free(p);
		return NULL;
	}
	return p;
}

struct plan *plan_parse(const char *text, size_t size, struct err *e)
{
	json_t *json = size > PLAN_SIZE ? NULL : json_parse(text, size, e);
	struct plan *p;

	if (!json) {
		if (size > PLAN_SIZE)
			err_set(e, E2BIG, "it is larger than %u bytes", PLAN_SIZE);
		err_prefix(e, "plan");
		return NULL;
	}
	p = plan_from_json(json, e);
	json_decref(json);
	return p;
}

static int read_whole(int fd, char **text, size_t *size, struct err *e)
{
	size_t room = 0;

	for (;;) {
		ssize_t n;
		if (*size == room) {
			char *more = realloc(*text, room + 65536);
			if (!more)
				return out_of_memory(e);
			*text = more;
			room += 65536;
		}
		n = read(fd, *text + *size, room - *size);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(e, errno, "cannot read it");
		if (n == 0)
			return 0;
		*size += (size_t)n;
		if (*size > PLAN_SIZE)
			return err_set(e, E2BIG, "it is larger than %u bytes", PLAN_SIZE);
	}
}

struct plan *plan_read(const char *from, struct err *e)
{
	struct plan *p = NULL;
	char *text = NULL, *end;
	size_t size = 0;
	int fd;
	bool passed = !strncmp(from, "fd:", 3);

	if (from[0] == '{')
		return plan_parse(from, strlen(from), e);
	if (passed) {
		long n = strtol(from + 3, &end, 10);
		fd = end == from + 3 || *end || n < 0 || n > 1 << 20 ? -1 : (int)n;
		if (fd < 0) {
			err_set(e, EINVAL, "plan: '%s' is no descriptor", from);
			return NULL;
		}
	} else {
		fd = !strcmp(from, "-") ? 0 : open(from, O_RDONLY | O_CLOEXEC);
	}
	if (fd < 0) {
		err_errno(e, errno, "cannot open the plan %s", from);
		return NULL;
	}
	if (read_whole(fd, &text, &size, e) < 0)
		err_prefix(e, "plan %s", from);
	else
		p = plan_parse(text, size, e);
	if (fd > 2)
		close(fd);
	free(text);
	return p;
}

/* ---- use ---- */

char *plan_word_make(const struct plan_word *w, const char *name, const char *run_dir, int (*fd_of)(void *opaque, const char *name), void *opaque,
		     struct err *e)
{
	char *text = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);
	int r = f ? 0 : out_of_memory(e);

	for (unsigned i = 0; r == 0 && i < w->count; i++) {
		const struct plan_piece *p = &w->piece[i];
		int fd;
		switch (p->kind) {
		case PIECE_TEXT:
			fputs(p->text, f);
			break;
		case PIECE_FD:
			fd = fd_of(opaque, p->text);
			r = fd < 0 ? err_set(e, EBADF, "there is no descriptor '%s'", p->text) : 0;
			fprintf(f, "%d", fd);
			break;
		case PIECE_RUN:
			fprintf(f, "%s%s%s", run_dir, *p->text ? "/" : "", p->text);
			break;
		case PIECE_NAME:
			fputs(name, f);
			break;
		}
	}
	if (f && fclose(f) != 0 && r == 0)
		r = out_of_memory(e);
	if (r < 0) {
		free(text);
		return NULL;
	}
	return text;
}

static void free_strings(char **list, unsigned count)
{
	for (unsigned i = 0; list && i < count; i++)
		free(list[i]);
	free(list);
}

static void free_command(struct plan_command *c)
{
	for (unsigned i = 0; i < c->count; i++) {
		for (unsigned k = 0; k < c->word[i].count; k++)
			free(c->word[i].piece[k].text);
		free(c->word[i].piece);
	}
	free(c->word);
}

static void free_commands(struct plan_command *list, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		free_command(&list[i]);
	free(list);
}

void plan_part_done(struct plan_part *p)
{
	free(p->id);
	free(p->program);
	free_strings(p->temporary, p->temporaries);
	free(p->argv0);
	free(p->disk);
	free_command(&p->args);
	free_command(&p->drive);
	for (unsigned i = 0; i < p->listens; i++)
		free(p->listen[i].name);
	free(p->listen);
	for (unsigned i = 0; i < p->fds; i++) {
		free(p->fd[i].name);
		close(p->fd[i].fd);
	}
	free(p->fd);
	free_strings(p->after, p->afters);
	free_strings(p->env, p->envs);
	free_commands(p->setup, p->setups);
	free_commands(p->cleanup, p->cleanups);
	*p = (struct plan_part){.id = NULL};
}

void plan_link_done(struct plan_link *l)
{
	free(l->id);
	for (unsigned k = 0; k < 2; k++) {
		free(l->end[k]);
		free(l->attach[k]);
	}
	*l = (struct plan_link){.id = NULL};
}

int plan_part_read(struct plan_part *to, const json_t *json, struct err *e)
{
	int r = read_part(to, json, e);

	if (r < 0)
		plan_part_done(to);
	return r;
}

int plan_link_read(struct plan_link *to, const json_t *json, struct err *e)
{
	int r = read_link(to, json, e);

	if (r < 0)
		plan_link_done(to);
	return r;
}

int plan_reserve(struct plan *p, struct err *e)
{
	struct plan_part *part = realloc(p->part, PLAN_PARTS * sizeof *part);
	struct plan_link *link;

	if (part)
		p->part = part;
	link = realloc(p->link, PLAN_LINKS * sizeof *link);
	if (link)
		p->link = link;
	if (!part || !link)
		return out_of_memory(e);
	memset(part + p->parts, 0, (PLAN_PARTS - p->parts) * sizeof *part);
	memset(link + p->links, 0, (PLAN_LINKS - p->links) * sizeof *link);
	return 0;
}

void plan_free(struct plan *p)
{
	if (!p)
		return;
	for (unsigned i = 0; i < p->parts; i++)
		plan_part_done(&p->part[i]);
	free(p->part);
	for (unsigned i = 0; i < p->links; i++)
		plan_link_done(&p->link[i]);
	free(p->link);
	for (unsigned i = 0; i < p->fds; i++)
		free(p->fd[i].name);
	free(p->fd);
	for (unsigned i = 0; i < p->fronts; i++) {
		free(p->front[i].id);
		free(p->front[i].link);
		free(p->front[i].device);
		free(p->front[i].option);
	}
	free(p->front);
	free_strings(p->object, p->objects);
	free_strings(p->chardev, p->chardevs);
	free(p->name);
	free(p->run_dir);
	free(p->pid_file);
	free(p->run_as);
	free(p->chroot);
	free(p->loadvm);
	free(p->program);
	json_decref(p->json);
	free(p);
}
