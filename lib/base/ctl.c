/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation: each client has a JSON stream for its input and a queue of messages for its output. Descriptors that arrive are
 * kept until a command takes them; those that none of the commands took that were read with them are closed. While more than a little output waits, a client's
 * input is not read. Events are made in the thread they come from and join the queues in the loop's thread.
 */
#include "base/ctl.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include "base/json.h"
#include "base/part.h"

#define ENOUGH (1u << 20) /* output beyond which input waits */

struct message {
	struct message *next;
	size_t size, sent;
	int fd[SOCK_MAX_FDS];
	unsigned fds;
	char text[];
};

struct client {
	struct ctl_server *server;
	struct client *next;
	struct loop_fd *watch;
	struct json_stream *in;
	int fd;
	bool control, ready, dead;
	unsigned busy;       /* in its input's callback */
	struct message *out, **out_end;
	size_t waiting;
	int got[SOCK_MAX_FDS];
	unsigned got_count;
	uint64_t number;     /* so that a late answer finds nobody instead of somebody else */
};

struct ctl_call {
	struct ctl_server *server;
	uint64_t client;
	json_t *id;
	const char *class_name;
	int fd[SOCK_MAX_FDS];
	unsigned fds;
	int out[SOCK_MAX_FDS];
	unsigned outs;
};

struct event {
	struct event *next;
	json_t *value;
};

struct ctl_server {
	struct loop *loop;
	struct ctl_config config;
	struct client *clients;
	unsigned count;
	uint64_t numbers;
	int listen_fd;
	struct loop_fd *listen_watch;
	char *path;
	pthread_mutex_t lock; /* of the next three */
	struct event *events, **events_end;
	bool posted;
	bool *gone;           /* set when the server is freed while a posted call is on its way */
};

/* ---- output ---- */

static void free_message(struct message *m)
{
	for (unsigned i = 0; i < m->fds; i++)
		close(m->fd[i]);
	free(m);
}

static void update_watch(struct client *c)
{
	if (c->watch)
		loop_set_fd(c->watch, (c->waiting < ENOUGH ? LOOP_READ : 0u) | (c->out ? LOOP_WRITE : 0u));
}

static void flush_out(struct client *c)
{
	while (c->out && !c->dead) {
		struct message *m = c->out;
		ssize_t n;

		if (m->fds) {
			union {
				struct cmsghdr header;
				char room[CMSG_SPACE(sizeof m->fd)];
			} control = {.header = {.cmsg_len = CMSG_LEN(m->fds * sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS}};
			struct iovec iov = {m->text + m->sent, m->size - m->sent};
			struct msghdr h = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
					   .msg_controllen = CMSG_SPACE(m->fds * sizeof(int))};
			memcpy(CMSG_DATA(&control.header), m->fd, m->fds * sizeof(int));
			n = sendmsg(c->fd, &h, MSG_NOSIGNAL | MSG_DONTWAIT);
		} else {
			n = send(c->fd, m->text + m->sent, m->size - m->sent, MSG_NOSIGNAL | MSG_DONTWAIT);
		}
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			c->dead = errno != EAGAIN;
			break;
		}
		for (; m->fds; m->fds--)
			close(m->fd[m->fds - 1]);
		m->sent += (size_t)n;
		c->waiting -= (size_t)n;
		if (m->sent < m->size)
			break;
		c->out = m->next;
		if (!c->out)
			c->out_end = &c->out;
		free(m);
	}
	update_watch(c);
}

/* Borrows value; takes the descriptors. */
static void send_value(struct client *c, const json_t *value, const int *fds, unsigned count)
{
	size_t size = json_dumpb(value, NULL, 0, JSON_COMPACT);
	struct message *m = size && !c->dead ? malloc(sizeof *m + size + 2) : NULL;

	if (!m || c->waiting + size > CTL_BACKLOG) {
		/* Memory is short or the client does not read: an answer is never left out, so it is cut off. */
		for (unsigned i = 0; i < count; i++)
			close(fds[i]);
		free(m);
		c->dead = true;
		return;
	}
	json_dumpb(value, m->text, size, JSON_COMPACT);
	memcpy(m->text + size, "\r\n", 2);
	m->next = NULL;
	m->size = size + 2;
	m->sent = 0;
	m->fds = count;
	if (count)
		memcpy(m->fd, fds, count * sizeof *fds);
	*c->out_end = m;
	c->out_end = &m->next;
	c->waiting += m->size;
	flush_out(c);
}

static void remove_client(struct client *c)
{
	struct ctl_server *s = c->server;
	struct client **p;
	bool control = c->control;

	for (p = &s->clients; *p != c; p = &(*p)->next)
		;
	*p = c->next;
	s->count--;
	loop_del_fd(c->watch);
	close(c->fd);
	while (c->out) {
		struct message *m = c->out;
		c->out = m->next;
		free_message(m);
	}
	while (c->got_count)
		close(c->got[--c->got_count]);
	json_stream_free(c->in);
	free(c);
	if (s->listen_watch)
		loop_set_fd(s->listen_watch, LOOP_READ);
	if (control && s->config.control_closed)
		s->config.control_closed(s->config.opaque);
}

static struct client *find_client(struct ctl_server *s, uint64_t number)
{
	struct client *c = s->clients;

	while (c && c->number != number)
		c = c->next;
	return c;
}

static json_t *timestamp(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return json_pack("{s:I, s:I}", "seconds", (json_int_t)ts.tv_sec, "microseconds", (json_int_t)(ts.tv_nsec / 1000));
}

/* ---- answers ---- */

static void free_call(struct ctl_call *call)
{
	for (unsigned i = 0; i < call->fds; i++)
		if (call->fd[i] >= 0)
			close(call->fd[i]);
	for (unsigned i = 0; i < call->outs; i++)
		close(call->out[i]);
	json_decref(call->id);
	free(call);
}

void ctl_reply(struct ctl_call *call, json_t *result, const struct err *e)
{
	struct client *c = find_client(call->server, call->client);
	json_t *value = json_object();

	if (e && e->code) {
		char text[sizeof e->msg + sizeof e->hint + 4];
		snprintf(text, sizeof text, "%s%s%s", e->msg, *e->hint ? "\n" : "", e->hint);
		json_object_set_new(value, "error",
				    json_pack("{s:s, s:s%}", "class", call->class_name ? call->class_name : "GenericError", "desc", text, strlen(text)));
		/* A message may quote what was no UTF-8. */
		if (!json_object_get(value, "error"))
			json_object_set_new(value, "error", json_pack("{s:s, s:s}", "class", "GenericError", "desc", "the command failed"));
		json_decref(result);
	} else {
		json_object_set_new(value, "return", result ? result : json_object());
	}
	if (call->id)
		json_object_set(value, "id", call->id);
	if (c) {
		send_value(c, value, call->out, call->outs);
		call->outs = 0;
		if (c->dead && !c->busy)
			remove_client(c);
	}
	json_decref(value);
	free_call(call);
}

int ctl_take_fd(struct ctl_call *call, unsigned n)
{
	int fd = call && n < call->fds ? call->fd[n] : -1;

	if (fd >= 0)
		call->fd[n] = -1;
	return fd;
}

void ctl_error_class(struct ctl_call *call, const char *class_name)
{
	if (call)
		call->class_name = class_name;
}

int ctl_send_fd(struct ctl_call *call, int fd)
{
	int copy = call->outs < SOCK_MAX_FDS ? fcntl(fd, F_DUPFD_CLOEXEC, 3) : -1;

	if (copy < 0)
		return call->outs < SOCK_MAX_FDS ? -errno : -EMFILE;
	call->out[call->outs++] = copy;
	return 0;
}

/* ---- commands ---- */

static const char *type_word(char type)
{
	switch (type) {
	case 's': return "string";
	case 'i': return "integer";
	case 'n': return "number";
	case 'b': return "boolean";
	case 'o': return "object";
	default: return "array";
	}
}

static bool has_type(const json_t *v, char type)
{
	switch (type) {
	case 's': return json_is_string(v);
	case 'i': return json_is_integer(v);
	case 'n': return json_is_number(v);
	case 'b': return json_is_boolean(v);
	case 'o': return json_is_object(v);
	case 'a': return json_is_array(v);
	default: return true;
	}
}

static int check_args(const struct ctl_command *row, const json_t *args, struct err *e)
{
	const char *key;
	json_t *value;

	for (const struct ctl_arg *a = row->args; a && a->name; a++) {
		const json_t *v = json_object_get(args, a->name);
		if (!v && !a->optional)
			return err_set(e, EINVAL, "Parameter '%s' is missing", a->name);
		if (v && !has_type(v, a->type))
			return err_set(e, EINVAL, "Invalid parameter type for '%s', expected: %s", a->name, type_word(a->type));
	}
	if (row->any_args)
		return 0;
	json_object_foreach((json_t *)args, key, value) {
		const struct ctl_arg *a = row->args;
		while (a && a->name && strcmp(a->name, key))
			a++;
		if (!a || !a->name)
			return err_set(e, EINVAL, "Parameter '%.200s' is unexpected", key);
	}
	return 0;
}

static json_t *list_commands(const struct ctl_server *s)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < s->config.count; i++)
		json_array_append_new(list, json_pack("{s:s}", "name", s->config.commands[i]->name));
	json_array_append_new(list, json_pack("{s:s}", "name", "qmp_capabilities"));
	json_array_append_new(list, json_pack("{s:s}", "name", "query-commands"));
	return list;
}

static const struct ctl_command *find_command(const struct ctl_server *s, const char *name)
{
	for (unsigned i = 0; i < s->config.count; i++)
		if (!strcmp(s->config.commands[i]->name, name))
			return s->config.commands[i];
	return NULL;
}

static json_t *execute(struct client *c, struct ctl_call *call, const char *name, const json_t *args, struct err *e)
{
	struct ctl_server *s = c->server;
	const struct ctl_command *row;
	json_t *result;

	if (!c->ready) {
		if (!strcmp(name, "qmp_capabilities")) {
			c->ready = true;
			return NULL;
		}
		call->class_name = "CommandNotFound";
		err_set(e, EINVAL, "Expecting capabilities negotiation with 'qmp_capabilities'");
		return NULL;
	}
	if (!strcmp(name, "query-commands"))
		return list_commands(s);
	row = find_command(s, name);
	if (!row) {
		call->class_name = "CommandNotFound";
		if (!strcmp(name, "qmp_capabilities"))
			err_set(e, EINVAL, "Capabilities negotiation is already complete, command ignored");
		else
			err_set(e, ENOENT, "The command %.200s has not been found", name);
		return NULL;
	}
	if (check_args(row, args, e) < 0)
		return NULL;
	if (s->config.lock && !row->unlocked)
		s->config.lock(s->config.opaque);
	result = row->run(s->config.opaque, call, args, e);
	if (s->config.lock && !row->unlocked)
		s->config.unlock(s->config.opaque);
	return result;
}

bool ctl_request(json_t *value, const char **name, json_t **args, struct err *e)
{
	const char *key;
	json_t *v;

	*name = NULL;
	*args = NULL;
	if (!json_is_object(value)) {
		err_set(e, EINVAL, "QMP input must be a JSON object");
		return false;
	}
	json_object_foreach(value, key, v) {
		if (!strcmp(key, "execute") || !strcmp(key, "exec-oob")) {
			if (!json_is_string(v)) {
				err_set(e, EINVAL, "QMP input member '%s' must be a string", key);
				return false;
			}
			*name = json_string_value(v);
		} else if (!strcmp(key, "arguments")) {
			if (!json_is_object(v)) {
				err_set(e, EINVAL, "QMP input member 'arguments' must be an object");
				return false;
			}
			*args = v;
		} else if (strcmp(key, "id") && strcmp(key, "control")) {
			err_set(e, EINVAL, "QMP input member '%.200s' is unexpected", key);
			return false;
		}
	}
	if (!*name)
		err_set(e, EINVAL, "QMP input lacks member 'execute'");
	return *name != NULL;
}

static void on_value(void *opaque, json_t *value, const struct err *bad)
{
	struct client *c = opaque;
	struct ctl_call *call;
	const char *name;
	json_t *args, *none = NULL, *result = NULL;
	struct err e = ERR_INIT;

	if (c->dead)
		return;
	call = calloc(1, sizeof *call);
	if (!call) {
		c->dead = true;
		return;
	}
	call->server = c->server;
	call->client = c->number;
	call->id = json_incref(json_object_get(value, "id"));
	memcpy(call->fd, c->got, c->got_count * sizeof *c->got);
	call->fds = c->got_count;
	c->got_count = 0;
	if (!value) {
		e = *bad;
		if (!e.code)
			err_set(&e, EINVAL, "JSON parse error");
	} else if (ctl_request(value, &name, &args, &e)) {
		if (!args)
			args = none = json_object();
		result = execute(c, call, name, args, &e);
		json_decref(none);
	}
	/* What it did not take may belong to a command behind it: several can be read at once. */
	for (unsigned i = 0; i < call->fds; i++)
		if (call->fd[i] >= 0)
			c->got[c->got_count++] = call->fd[i];
	call->fds = 0;
	if (result != CTL_LATER)
		ctl_reply(call, result, &e);
}

/*
 * The kernel ends a read behind the message that had descriptors: they belong to the last command of what was read, or to one whose
 * rest is on its way.
 */
static void close_leftover(struct client *c)
{
	if (json_stream_idle(c->in))
		while (c->got_count)
			close(c->got[--c->got_count]);
}

/* ---- connections ---- */

static void on_client(void *opaque, unsigned events)
{
	struct client *c = opaque;
	char data[16384];

	if (events & LOOP_WRITE)
		flush_out(c);
	if (!c->dead && events & (LOOP_READ | LOOP_HANGUP)) {
		int fds[SOCK_MAX_FDS];
		unsigned count = SOCK_MAX_FDS;
		ssize_t n = sock_recv_fds(c->fd, data, sizeof data, fds, &count);
		for (unsigned i = 0; n > 0 && i < count; i++) {
			if (c->got_count < SOCK_MAX_FDS)
				c->got[c->got_count++] = fds[i];
			else
				close(fds[i]);
		}
		if (n == 0 || (n < 0 && n != -EAGAIN && n != -EINTR))
			c->dead = true;
		c->busy++;
		if (n > 0 && json_stream_feed(c->in, data, (size_t)n, on_value, c) < 0)
			c->dead = true;
		close_leftover(c);
		c->busy--;
	}
	if (c->dead)
		remove_client(c);
	else
		update_watch(c);
}

int ctl_add_client(struct ctl_server *s, int fd, bool control, struct err *e)
{
	struct client *c = calloc(1, sizeof *c);
	json_t *hello;
	int r = fd_set_nonblock(fd, true);

	if (!c || !(c->in = json_stream_new()) || r < 0) {
		if (c)
			json_stream_free(c->in);
		free(c);
		close(fd);
		return r < 0 ? err_errno(e, -r, "cannot use the control connection") : err_set(e, ENOMEM, "out of memory");
	}
	c->server = s;
	c->fd = fd;
	c->control = control;
	c->out_end = &c->out;
	c->number = ++s->numbers;
	c->watch = loop_add_fd(s->loop, fd, LOOP_READ, on_client, c, e);
	if (!c->watch) {
		json_stream_free(c->in);
		free(c);
		close(fd);
		return -e->code;
	}
	c->next = s->clients;
	s->clients = c;
	s->count++;
	hello = json_pack("{s:{s:{s:{s:i, s:i, s:i}, s:s}, s:[]}}", "QMP", "version", "qemu", "micro", 0, "minor", 12, "major", 2, "package",
			  s->config.package, "capabilities");
	send_value(c, hello, NULL, 0);
	json_decref(hello);
	return 0;
}

static void on_listen(void *opaque, unsigned events)
{
	struct ctl_server *s = opaque;
	struct err e = ERR_INIT;
	int fd;

	(void)events;
	/* At the limit the next one waits until another leaves. */
	if (s->count >= CTL_CLIENTS) {
		loop_set_fd(s->listen_watch, 0);
		return;
	}
	fd = sock_accept(s->listen_fd, &e);
	if (fd >= 0)
		ctl_add_client(s, fd, false, &e);
	else if (s->count && (e.code == EMFILE || e.code == ENFILE))
		loop_set_fd(s->listen_watch, 0); /* likewise */
}

int ctl_listen_fd(struct ctl_server *s, int fd, struct err *e)
{
	s->listen_fd = fd;
	s->listen_watch = loop_add_fd(s->loop, fd, LOOP_READ, on_listen, s, e);
	return s->listen_watch ? 0 : -e->code;
}

int ctl_listen(struct ctl_server *s, const char *path, struct err *e)
{
	int fd = sock_listen_unix(path, SOCK_STREAM, 0600, e);

	if (fd < 0)
		return fd;
	s->path = strdup(path);
	if (part_own_path(path, e) < 0) {
		close(fd);
		return -e->code;
	}
	return ctl_listen_fd(s, fd, e);
}

unsigned ctl_clients(const struct ctl_server *s)
{
	return s->count;
}

/* ---- events ---- */

struct posted {
	struct ctl_server *server;
	bool gone;
};

static void send_events(void *opaque)
{
	struct posted *p = opaque;
	struct ctl_server *s = p->server;
	struct event *ev;

	if (p->gone) {
		free(p);
		return;
	}
	pthread_mutex_lock(&s->lock);
	ev = s->events;
	s->events = NULL;
	s->events_end = &s->events;
	s->posted = false;
	s->gone = NULL;
	pthread_mutex_unlock(&s->lock);
	free(p);
	while (ev) {
		struct event *next = ev->next;
		struct client *after;
		for (struct client *c = s->clients; c; c = after) {
			after = c->next;
			if (c->ready)
				send_value(c, ev->value, NULL, 0);
			if (c->dead && !c->busy)
				remove_client(c);
		}
		json_decref(ev->value);
		free(ev);
		ev = next;
	}
}

void ctl_event(struct ctl_server *s, const char *name, json_t *data)
{
	struct event *ev = calloc(1, sizeof *ev);
	struct posted *p;

	if (!ev) {
		json_decref(data);
		return;
	}
	ev->value = json_pack("{s:s, s:o}", "event", name, "timestamp", timestamp());
	if (data)
		json_object_set_new(ev->value, "data", data);
	pthread_mutex_lock(&s->lock);
	*s->events_end = ev;
	s->events_end = &ev->next;
	if (!s->posted && (p = calloc(1, sizeof *p))) {
		p->server = s;
		s->gone = &p->gone;
		s->posted = loop_post_or(s->loop, send_events, p, free) == 0;
		if (!s->posted) {
			s->gone = NULL;
			free(p);
		}
	}
	pthread_mutex_unlock(&s->lock);
}

/* ---- set-up ---- */

struct ctl_server *ctl_new(struct loop *l, const struct ctl_config *config, struct err *e)
{
	struct ctl_server *s = calloc(1, sizeof *s);

	if (!s) {
		err_set(e, ENOMEM, "out of memory");
		return NULL;
	}
	/* jansson reads /dev/urandom for its first object; a filter may forbid that later. */
	json_object_seed(0);
	s->loop = l;
	s->config = *config;
	s->listen_fd = -1;
	s->events_end = &s->events;
	pthread_mutex_init(&s->lock, NULL);
	return s;
}

void ctl_free(struct ctl_server *s)
{
	if (!s)
		return;
	/* Words that were said last are still sent. */
	if (s->gone) {
		struct posted *p = (struct posted *)(void *)((char *)s->gone - offsetof(struct posted, gone));
		struct posted *now = calloc(1, sizeof *now);
		p->gone = true;
		if (now) {
			now->server = s;
			send_events(now);
		}
	}
	s->config.control_closed = NULL;
	while (s->clients)
		remove_client(s->clients);
	while (s->events) {
		struct event *ev = s->events;
		s->events = ev->next;
		json_decref(ev->value);
		free(ev);
	}
	loop_del_fd(s->listen_watch);
	if (s->listen_fd >= 0)
		close(s->listen_fd);
	if (s->path && !s->config.keep_name)
		unlink(s->path);
	free(s->path);
	pthread_mutex_destroy(&s->lock);
	free(s);
}
