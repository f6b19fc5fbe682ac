/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation: requests are numbered and wait in a list from the call to the answer. Those that were not sent yet are sent
 * when the negotiation is over. A connection's end answers all that were sent with an error: whether they were carried out is not
 * known, so they are not sent again. Descriptors that arrive belong to the last answer of what was read with them.
 */
#include "base/ctl-client.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/json.h"

#define PATIENCE_NS 10000000000ull
#define RETRY_FIRST 100000000ull
#define RETRY_LAST 1000000000ull

struct request {
	struct request *next;
	json_int_t id;
	char *text;        /* until it is sent */
	size_t size, sent;
	int fd[SOCK_MAX_FDS];
	unsigned fds;
	uint64_t until;    /* waits for a connection at most till then */
	void (*done)(void *opaque, const struct ctl_answer *a);
	void *opaque;
};

struct ctl_client {
	struct loop *loop;
	struct ctl_client_config config;
	char *path, package[80];
	enum ctl_state state;
	int fd;
	struct loop_fd *watch;
	struct loop_timer *timer;
	uint64_t retry;         /* ns until the next attempt */
	struct json_stream *in;
	struct request *out, **out_end;    /* not wholly sent */
	struct request *sent, **sent_end;  /* waiting for their answers */
	json_int_t ids;
	bool greeted;           /* the greeting has come, qmp_capabilities was sent */
	json_t *last;           /* what was read last: the descriptors are its own */
	bool broken;            /* the connection is to be given up after this callback */
	bool freeing;
	int got[SOCK_MAX_FDS];
	unsigned got_count;
};

static void connect_now(struct ctl_client *c);

static void free_request(struct request *r)
{
	for (unsigned i = 0; i < r->fds; i++)
		close(r->fd[i]);
	free(r->text);
	free(r);
}

static void drop_fds(struct ctl_client *c)
{
	for (unsigned i = 0; i < c->got_count; i++)
		if (c->got[i] >= 0)
			close(c->got[i]);
	c->got_count = 0;
}

static void answer(struct request *r, const struct ctl_answer *a)
{
	if (r->done)
		r->done(r->opaque, a);
	free_request(r);
}

static void fail_list(struct request *list, const struct err *e)
{
	while (list) {
		struct request *next = list->next;
		answer(list, &(struct ctl_answer){.e = e, .class_name = "GenericError"});
		list = next;
	}
}

static void set_state(struct ctl_client *c, enum ctl_state s)
{
	if (c->state == s)
		return;
	c->state = s;
	if (c->config.state && !c->freeing)
		c->config.state(c->config.opaque, s);
}

/* ---- output ---- */

static void update_watch(struct ctl_client *c)
{
	if (c->watch)
		loop_set_fd(c->watch, LOOP_READ | (c->out && c->state == CTL_READY ? LOOP_WRITE : 0u));
}

static ssize_t send_some(struct ctl_client *c, struct request *r)
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof r->fd)];
	} control = {.header = {.cmsg_len = CMSG_LEN(r->fds * sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS}};
	struct iovec iov = {r->text + r->sent, r->size - r->sent};
	struct msghdr h = {.msg_iov = &iov, .msg_iovlen = 1};

	if (r->fds) {
		h.msg_control = &control;
		h.msg_controllen = CMSG_SPACE(r->fds * sizeof(int));
		memcpy(CMSG_DATA(&control.header), r->fd, r->fds * sizeof(int));
	}
	return sendmsg(c->fd, &h, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void flush_out(struct ctl_client *c)
{
	while (c->out && c->state == CTL_READY && !c->broken) {
		struct request *r = c->out;
		ssize_t n = send_some(c, r);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			c->broken = errno != EAGAIN;
			break;
		}
		for (; r->fds; r->fds--)
			close(r->fd[r->fds - 1]);
		r->sent += (size_t)n;
		if (r->sent < r->size)
			break;
		c->out = r->next;
		if (!c->out)
			c->out_end = &c->out;
		free(r->text);
		r->text = NULL;
		r->next = NULL;
		*c->sent_end = r;
		c->sent_end = &r->next;
	}
	update_watch(c);
}

/* ---- the connection ---- */

static void disconnect(struct ctl_client *c)
{
	struct request *list = c->sent;
	struct err e = ERR_INIT;

	/* One that was sent in part goes with them. */
	if (c->out && c->out->sent) {
		struct request *r = c->out;
		c->out = r->next;
		if (!c->out)
			c->out_end = &c->out;
		r->next = list;
		list = r;
	}
	c->sent = NULL;
	c->sent_end = &c->sent;
	loop_del_fd(c->watch);
	c->watch = NULL;
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	json_stream_free(c->in);
	c->in = NULL;
	drop_fds(c);
	c->greeted = c->broken = false;
	set_state(c, CTL_GONE);
	err_set(&e, ECONNRESET, "%s has gone", c->path ? c->path : "the control connection");
	fail_list(list, &e);
}

static void retry_later(struct ctl_client *c)
{
	if (!c->path || c->freeing)
		return;
	c->retry = !c->retry ? RETRY_FIRST : c->retry * 2 > RETRY_LAST ? RETRY_LAST : c->retry * 2;
	loop_set_timer(c->timer, loop_now() + c->retry);
}

static void take_error(struct request *r, const json_t *error)
{
	const char *text = json_string_value(json_object_get(error, "desc")), *class_name = json_string_value(json_object_get(error, "class"));
	const char *line = text ? strchr(text, '\n') : NULL;
	struct err e = ERR_INIT;

	if (line) {
		err_set(&e, EIO, "%.*s", (int)(line - text), text);
		err_hint(&e, "%s", line + 1);
	} else {
		err_set(&e, EIO, "%s", text ? text : "the command failed");
	}
	answer(r, &(struct ctl_answer){.e = &e, .class_name = class_name ? class_name : "GenericError"});
}

static void take_answer(struct ctl_client *c, json_t *value)
{
	const json_t *id = json_object_get(value, "id"), *result = json_object_get(value, "return"), *error = json_object_get(value, "error");
	struct request **p = &c->sent, *r;

	if (!result && !error) {
		drop_fds(c);
		return;
	}
	if (c->state != CTL_READY) { /* qmp_capabilities' */
		if (error) {
			c->broken = true;
			return;
		}
		c->retry = 0;
		set_state(c, CTL_READY);
		return;
	}
	while (*p && (*p)->id != json_integer_value(id))
		p = &(*p)->next;
	r = *p;
	if (!r) {
		drop_fds(c);
		return;
	}
	*p = r->next;
	if (!*p)
		c->sent_end = p;
	if (error)
		take_error(r, error);
	else
		answer(r, &(struct ctl_answer){.result = result, .class_name = "", .fds = c->got, .fd_count = c->got_count});
	drop_fds(c);
}

static void take_value(struct ctl_client *c, json_t *value)
{
	static const char hello[] = "{\"execute\":\"qmp_capabilities\"}\n";

	if (c->broken)
		return;
	if (!json_is_object(value)) {
		c->broken = true;
	} else if (!c->greeted) {
		const char *package = json_string_value(json_object_get(json_object_get(json_object_get(value, "QMP"), "version"), "package"));
		snprintf(c->package, sizeof c->package, "%s", package ? package : "");
		c->greeted = json_object_get(value, "QMP") != NULL;
		/* Nothing was sent before: there is room for it. */
		if (!c->greeted || send(c->fd, hello, sizeof hello - 1, MSG_NOSIGNAL | MSG_DONTWAIT) != (ssize_t)sizeof hello - 1)
			c->broken = true;
	} else if (json_object_get(value, "event")) {
		if (c->config.event)
			c->config.event(c->config.opaque, value);
	} else {
		take_answer(c, value);
	}
}

/* All but the last have no descriptors: the kernel ends a read behind the message that has some. */
static void on_value(void *opaque, json_t *value, const struct err *bad)
{
	struct ctl_client *c = opaque;
	unsigned kept = c->got_count;

	(void)bad;
	if (c->last) {
		c->got_count = 0;
		take_value(c, c->last);
		c->got_count = kept;
		json_decref(c->last);
	}
	c->last = value ? json_incref(value) : json_null();
}

static void take_last(struct ctl_client *c)
{
	unsigned kept = c->got_count;
	bool whole = json_stream_idle(c->in);

	if (!c->last)
		return;
	if (!whole)
		c->got_count = 0;
	take_value(c, c->last);
	if (!whole)
		c->got_count = kept;
	json_decref(c->last);
	c->last = NULL;
}

static void on_fd(void *opaque, unsigned events)
{
	struct ctl_client *c = opaque;
	char data[16384];
	int fds[SOCK_MAX_FDS];
	unsigned count = SOCK_MAX_FDS;

	if (events & (LOOP_READ | LOOP_HANGUP)) {
		ssize_t n = sock_recv_fds(c->fd, data, sizeof data, fds, &count);
		for (unsigned i = 0; n > 0 && i < count; i++) {
			if (c->got_count < SOCK_MAX_FDS)
				c->got[c->got_count++] = fds[i];
			else
				close(fds[i]);
		}
		if (n == 0 || (n < 0 && n != -EAGAIN && n != -EINTR))
			c->broken = true;
		else if (n > 0 && json_stream_feed(c->in, data, (size_t)n, on_value, c) < 0)
			c->broken = true;
		take_last(c);
	}
	if (!c->broken)
		flush_out(c);
	if (c->broken) {
		disconnect(c);
		retry_later(c);
	}
}

static void use_fd(struct ctl_client *c, int fd)
{
	struct err e = ERR_INIT;

	c->fd = fd;
	c->in = json_stream_new();
	if (c->in && fd_set_nonblock(fd, true) == 0)
		c->watch = loop_add_fd(c->loop, fd, LOOP_READ, on_fd, c, &e);
	if (!c->watch) {
		disconnect(c);
		retry_later(c);
	}
}

/* Requests that have waited long enough for a connection fail. */
static void expire(struct ctl_client *c, bool all, const struct err *e)
{
	struct request **p = &c->out, *list = NULL, **end = &list;
	uint64_t now = loop_now();

	while (*p) {
		struct request *r = *p;
		if (!all && now < r->until) {
			p = &r->next;
			continue;
		}
		*p = r->next;
		r->next = NULL;
		*end = r;
		end = &r->next;
	}
	c->out_end = p;
	fail_list(list, e);
}

static void connect_now(struct ctl_client *c)
{
	struct err e = ERR_INIT;
	int fd = sock_connect_unix(c->path, SOCK_STREAM | SOCK_NONBLOCK, &e);

	if (fd >= 0) {
		use_fd(c, fd);
		return;
	}
	if (!c->config.patient)
		set_state(c, CTL_GONE);
	expire(c, !c->config.patient, &e);
	retry_later(c);
}

static void on_timer(void *opaque)
{
	struct ctl_client *c = opaque;

	if (c->fd < 0 && c->path) {
		connect_now(c);
	} else if (c->state == CTL_GONE) {
		struct err e = ERR_INIT;
		err_set(&e, ECONNRESET, "the control connection has ended");
		expire(c, true, &e);
	}
}

struct ctl_client *ctl_client_new(struct loop *l, const struct ctl_client_config *config, struct err *e)
{
	struct ctl_client *c = calloc(1, sizeof *c);

	if (!c || (config->path && !(c->path = strdup(config->path))) || !(c->timer = loop_add_timer(l, on_timer, c))) {
		if (c)
			free(c->path);
		free(c);
		err_set(e, ENOMEM, "out of memory");
		return NULL;
	}
	c->loop = l;
	c->config = *config;
	c->fd = -1;
	c->out_end = &c->out;
	c->sent_end = &c->sent;
	if (c->path)
		loop_set_timer(c->timer, loop_now());
	else
		use_fd(c, config->fd);
	return c;
}

void ctl_client_free(struct ctl_client *c)
{
	struct err e = ERR_INIT;

	if (!c)
		return;
	c->freeing = true;
	disconnect(c);
	err_set(&e, ECONNRESET, "the control connection has ended");
	expire(c, true, &e);
	loop_del_timer(c->timer);
	free(c->path);
	free(c);
}

void ctl_client_drain(struct ctl_client *c)
{
	struct pollfd p = {.fd = c ? c->fd : -1, .events = POLLIN};

	while (p.fd >= 0 && c->fd == p.fd && poll(&p, 1, 0) > 0)
		on_fd(c, LOOP_READ);
}

enum ctl_state ctl_client_state(const struct ctl_client *c)
{
	return c->state;
}

const char *ctl_client_package(const struct ctl_client *c)
{
	return c->package;
}

void ctl_client_call(struct ctl_client *c, const char *command, json_t *args, const int *fds, unsigned count,
		     void (*done)(void *opaque, const struct ctl_answer *a), void *opaque)
{
	struct request *r = calloc(1, sizeof *r);
	json_t *v = json_pack("{s:s, s:I}", "execute", command, "id", ++c->ids);
	struct err e = ERR_INIT;
	char *text = NULL;

	if (args && v)
		json_object_set_new(v, "arguments", args);
	else
		json_decref(args);
	if (v)
		text = json_dumps(v, JSON_COMPACT);
	json_decref(v);
	if (!r || !text) {
		free(r);
		free(text);
		err_set(&e, ENOMEM, "out of memory");
		if (done)
			done(opaque, &(struct ctl_answer){.e = &e, .class_name = "GenericError"});
		return;
	}
	r->id = c->ids;
	r->text = text;
	r->size = strlen(text);
	r->done = done;
	r->opaque = opaque;
	r->until = loop_now() + PATIENCE_NS;
	for (unsigned i = 0; i < count && i < SOCK_MAX_FDS; i++) {
		r->fd[r->fds] = fcntl(fds[i], F_DUPFD_CLOEXEC, 3);
		if (r->fd[r->fds] >= 0)
			r->fds++;
	}
	*c->out_end = r;
	c->out_end = &r->next;
	if (c->state == CTL_READY)
		update_watch(c); /* sent from the loop: done() is never called from within */
	else if (c->state == CTL_GONE)
		loop_set_timer(c->timer, loop_now());
}
