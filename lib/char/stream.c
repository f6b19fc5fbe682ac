/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "char/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/sock.h"

#define CHUNK 4096

static void input(struct char_stream *s)
{
	uint8_t data[CHUNK];
	size_t room = char_core_room(s->c);
	ssize_t n;

	if (s->in < 0 || !room)
		return;
	if (room > sizeof data)
		room = sizeof data;
	n = s->read ? s->read(s, data, room) : read(s->in, data, room);
	if (n > 0) {
		size_t left = s->filter ? s->filter(s, data, (size_t)n) : (size_t)n;
		if (left && !s->dead)
			char_core_input(s->c, data, left);
	} else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
		if (s->ended) {
			s->ended(s);
		} else {
			loop_del_fd(s->watch_in);
			s->watch_in = NULL;
			s->in = -1;
		}
	}
}

static void update(struct char_stream *s)
{
	struct chardev *c = s->c;
	unsigned in = c->want_input && s->in >= 0 ? LOOP_READ : 0, out = c->blocked && s->out >= 0 ? LOOP_WRITE : 0;

	if (s->dead)
		return;
	if (s->watch_in && s->in == s->out) {
		loop_set_fd(s->watch_in, in | out);
	} else {
		if (s->watch_in)
			loop_set_fd(s->watch_in, in);
		if (s->watch_out)
			loop_set_fd(s->watch_out, out);
	}
	/* What no descriptor tells of. */
	if (s->poll_in)
		loop_set_timer(s->poll_in, in && (s->pending || !s->watch_in) ? 0 : UINT64_MAX);
}

static void ready(void *opaque, unsigned events)
{
	struct char_stream *s = opaque;

	if (events & LOOP_WRITE && s->c->blocked)
		char_core_writable(s->c);
	if (!s->dead && events & (LOOP_READ | LOOP_HANGUP))
		input(s);
	while (!s->dead && s->pending && char_core_room(s->c))
		input(s);
	update(s);
}

static void poll_file(void *opaque)
{
	struct char_stream *s = opaque;

	input(s);
	update(s);
}

int char_stream_start(struct char_stream *s, struct chardev *c, int in, int out, struct err *e)
{
	struct loop *l = char_core_loop(c);
	struct err none = ERR_INIT;

	s->c = c;
	s->in = in;
	s->out = out;
	s->dead = false;
	if (in >= 0) {
		s->watch_in = loop_add_fd(l, in, LOOP_READ, ready, s, &none);
		if ((!s->watch_in && none.code == EPERM) || (s->watch_in && s->read)) {
			s->poll_in = loop_add_timer(l, poll_file, s);
			none.code = s->poll_in ? 0 : ENOMEM;
		}
		if (none.code) {
			char_stream_stop(s);
			return err_errno(e, none.code, "cannot watch the input");
		}
		if (s->watch_in)
			loop_set_fd(s->watch_in, 0);
	}
	if (out >= 0 && out != in) {
		s->watch_out = loop_add_fd(l, out, LOOP_WRITE, ready, s, &none);
		/* Regular files are always ready. */
		if (!s->watch_out && none.code != EPERM) {
			char_stream_stop(s);
			return err_errno(e, none.code, "cannot watch the output");
		}
		if (s->watch_out)
			loop_set_fd(s->watch_out, 0);
	}
	update(s);
	return 0;
}

void char_stream_stop(struct char_stream *s)
{
	s->dead = true;
	loop_del_fd(s->watch_in);
	loop_del_fd(s->watch_out);
	loop_del_timer(s->poll_in);
	s->watch_in = s->watch_out = NULL;
	s->poll_in = NULL;
	s->in = s->out = -1;
}

void char_stream_want(struct char_stream *s)
{
	update(s);
}

size_t char_stream_write(struct char_stream *s, const uint8_t *data, size_t n)
{
	size_t done = 0;

	if (s->out < 0)
		return n;
	while (done < n) {
		ssize_t r = s->write ? s->write(s, data + done, n - done) : write(s->out, data + done, n - done);
		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0 && errno != EAGAIN)
			return n; /* nobody is there any more, which reading tells */
		if (r <= 0)
			break;
		done += (size_t)r;
	}
	if (done < n) {
		s->c->blocked = true;
		update(s);
	}
	return done;
}

int char_reopen(int fd, int flags, bool *restore)
{
	char path[40];
	struct stat st;
	int new_fd = -1;

	*restore = false;
	if (fstat(fd, &st) < 0)
		return -errno;
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	/* A regular file keeps its position only in its own description, and never blocks. */
	if (S_ISREG(st.st_mode)) {
		new_fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
		return new_fd < 0 ? -errno : new_fd;
	}
	if (S_ISCHR(st.st_mode) || S_ISFIFO(st.st_mode))
		new_fd = open(path, flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (new_fd < 0) {
		new_fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
		if (new_fd < 0)
			return -errno;
		*restore = !(fcntl(fd, F_GETFL) & O_NONBLOCK);
		fd_set_nonblock(new_fd, true);
	}
	return new_fd;
}
