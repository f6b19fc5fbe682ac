/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One buffer for each direction; a direction is read only while its buffer is empty, so that a slow side slows the other one. */
#include "char/relay.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "base/sock.h"

#define BUFFER 16384

struct half {
	size_t from, to;
	uint8_t data[BUFFER];
};

struct relay {
	struct char_user *user;
	int fd;
	struct loop_fd *watch;
	struct relay_config config;
	char *id;
	struct half in, out; /* in: to the descriptor */
};

static void update(struct relay *r)
{
	if (r->watch)
		loop_set_fd(r->watch, (r->out.from == r->out.to ? LOOP_READ : 0u) | (r->in.from < r->in.to ? LOOP_WRITE : 0u));
}

static void end(struct relay *r)
{
	loop_del_fd(r->watch);
	r->watch = NULL;
	close(r->fd);
	r->fd = -1;
	r->in.from = r->in.to = 0;
	if (r->config.on_end)
		r->config.on_end(r->config.opaque, r->id);
}

static void flush_in(struct relay *r)
{
	while (r->fd >= 0 && r->in.from < r->in.to) {
		ssize_t n = write(r->fd, r->in.data + r->in.from, r->in.to - r->in.from);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0) {
			end(r);
			return;
		}
		r->in.from += (size_t)n;
	}
	r->in.from = r->in.to = 0;
}

static void flush_out(struct relay *r)
{
	r->out.from += char_write(r->user, r->out.data + r->out.from, r->out.to - r->out.from);
	if (r->out.from == r->out.to)
		r->out.from = r->out.to = 0;
}

static void ready(void *opaque, unsigned events)
{
	struct relay *r = opaque;

	if (events & LOOP_WRITE) {
		bool full = r->in.from < r->in.to;
		flush_in(r);
		if (full && r->in.from == r->in.to)
			char_accept(r->user);
	}
	if (r->fd >= 0 && events & (LOOP_READ | LOOP_HANGUP) && r->out.from == r->out.to) {
		ssize_t n = read(r->fd, r->out.data, sizeof r->out.data);
		if (n > 0) {
			r->out.to = (size_t)n;
			flush_out(r);
		} else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
			end(r);
		}
	}
	update(r);
}

static size_t can_receive(void *opaque)
{
	struct relay *r = opaque;
	/* While something waits there is no room: it goes first. With nobody there bytes vanish, as on a cable. */
	return r->fd < 0 ? BUFFER : r->in.from < r->in.to ? 0 : BUFFER;
}

static void receive(void *opaque, const uint8_t *data, size_t n)
{
	struct relay *r = opaque;

	if (r->fd < 0)
		return;
	memcpy(r->in.data + r->in.to, data, n);
	r->in.to += n;
	flush_in(r);
	update(r);
}

static void writable(void *opaque)
{
	struct relay *r = opaque;

	if (r->out.from < r->out.to)
		flush_out(r);
	update(r);
}

static void event(void *opaque, enum char_event what)
{
	struct relay *r = opaque;

	if (what == CHAR_BREAK && r->config.on_break)
		r->config.on_break(r->config.opaque, r->id);
}

static const struct char_ops ops = {.can_receive = can_receive, .receive = receive, .writable = writable, .event = event};

struct relay *relay_new(struct loop *l, struct chardev *c, int fd, const struct relay_config *config, struct err *e)
{
	struct relay *r = calloc(1, sizeof *r);

	if (r) {
		r->fd = fd;
		r->config = *config;
		r->id = strdup(config->id);
	}
	if (!r || !r->id) {
		err_set(e, ENOMEM, "out of memory");
		if (!r)
			close(fd);
		relay_free(r);
		return NULL;
	}
	if (fd_set_nonblock(fd, true) < 0)
		err_errno(e, errno, "%s: cannot use fd %d", r->id, fd);
	else if ((r->watch = loop_add_fd(l, fd, LOOP_READ, ready, r, e)))
		r->user = char_attach(c, &ops, r, e);
	if (!r->user) {
		relay_free(r);
		return NULL;
	}
	update(r);
	return r;
}

void relay_free(struct relay *r)
{
	if (!r)
		return;
	char_detach(r->user);
	loop_del_fd(r->watch);
	if (r->fd >= 0)
		close(r->fd);
	free(r->id);
	free(r);
}

bool relay_busy(const struct relay *r)
{
	int waiting = 0;

	if (r->out.from < r->out.to)
		return true;
	return r->fd >= 0 && ioctl(r->fd, FIONREAD, &waiting) == 0 && waiting > 0;
}

void relay_set_line(struct relay *r, const struct char_line *line)
{
	char_set_line(r->user, line);
}

const char *relay_id(const struct relay *r)
{
	return r->id;
}

struct chardev *relay_backend(const struct relay *r)
{
	return char_backend(r->user);
}
