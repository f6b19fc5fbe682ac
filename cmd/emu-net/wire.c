/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Frames on a connection. What is sent collects in a buffer and goes out at the end of the loop's turn in one call; what the other end does not take
 * waits up to a limit, beyond which frames are lost, as on a wire. What comes in is read in large pieces.
 */
#include "wire.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/sock.h"

#define INPUT (512u << 10)
#define QUEUE (4u << 20)
#define EARLY (256u << 10) /* so much is not kept until the turn's end */
#define BURST 64

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void put32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 24);
	p[1] = (uint8_t)(v >> 16);
	p[2] = (uint8_t)(v >> 8);
	p[3] = (uint8_t)v;
}

static void end(struct wire *w)
{
	wire_close(w);
	if (w->gone)
		w->gone(w, w->opaque);
}

static void update_watch(struct wire *w)
{
	if (w->watch)
		loop_set_fd(w->watch, LOOP_READ | (w->out_size > w->out_sent ? LOOP_WRITE : 0u));
}

/* A connection that is broken is found out by reading it. */
void wire_flush(struct wire *w)
{
	while (w->fd >= 0 && w->out_sent < w->out_size) {
		uint8_t *p = w->out + w->out_sent;
		ssize_t done = w->packet ? send(w->fd, p + 4, get32(p), MSG_NOSIGNAL | MSG_DONTWAIT)
					 : send(w->fd, p, w->out_size - w->out_sent, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0 && (errno == EAGAIN || errno == ENOBUFS))
			break;
		if (done < 0 && !w->packet) {
			w->out_size = w->out_sent = 0;
			break;
		}
		w->out_sent += w->packet ? 4 + get32(p) : (size_t)done;
	}
	if (w->out_sent == w->out_size)
		w->out_sent = w->out_size = 0;
	update_watch(w);
}

static uint8_t *room(struct wire *w, size_t size)
{
	if (w->out_size + size > QUEUE && w->out_sent) {
		memmove(w->out, w->out + w->out_sent, w->out_size - w->out_sent);
		w->out_size -= w->out_sent;
		w->out_sent = 0;
	}
	if (w->fd < 0 || w->out_size + size > QUEUE) {
		w->dropped++;
		return NULL;
	}
	return w->out + w->out_size;
}

void wire_send(struct wire *w, const struct frame_header *h, const uint8_t *frame, size_t size)
{
	uint8_t *p;
	size_t at = 4;

	if (size > NET_FRAME_MAX - NET_HEADER_SIZE || !(p = room(w, 4 + NET_HEADER_SIZE + size)))
		return;
	if (w->out_header) {
		frame_header_write(h, p + 4);
		p[14] = p[15] = 0;
		at += NET_HEADER_SIZE;
	}
	put32(p, (uint32_t)(at - 4 + size));
	memcpy(p + at, frame, size);
	w->out_size += at + size;
	if (w->out_size - w->out_sent > EARLY)
		wire_flush(w);
}

static void say_hello(struct wire *w)
{
	uint8_t *p = room(w, 4 + NET_HELLO_SIZE);

	w->answered = true;
	if (!p)
		return;
	if (w->packet) {
		put32(p, NET_HELLO_SIZE);
		p += 4;
		w->out_size += 4;
	}
	put32(p, NET_HELLO);
	put32(p + 4, NET_HEADER);
	w->out_size += NET_HELLO_SIZE;
	w->out_header = true;
	/* Who can carry a header can take what it says; who cannot was given finished frames up to here. */
	w->port->offloads = FRAME_ALL;
	wire_flush(w);
}

static void hello(struct wire *w, uint32_t flags)
{
	w->in_header = flags & NET_HEADER;
	if (w->in_header && !w->answered)
		say_hello(w);
}

static void deliver(struct wire *w, uint8_t *p, size_t size)
{
	struct frame_header h = {0};

	if (w->in_header) {
		if (size < NET_HEADER_SIZE)
			return;
		frame_header_read(&h, p);
		p += NET_HEADER_SIZE;
		size -= NET_HEADER_SIZE;
	}
	net_forward(w->port, &h, p, size);
}

static bool receive_packets(struct wire *w)
{
	for (unsigned i = 0; i < BURST; i++) {
		ssize_t got = recv(w->fd, w->in, INPUT, MSG_DONTWAIT);
		if (got < 0 && (errno == EAGAIN || errno == EINTR))
			return true;
		if (got <= 0)
			return false;
		if (got == NET_HELLO_SIZE && get32(w->in) == NET_HELLO)
			hello(w, get32(w->in + 4));
		else
			deliver(w, w->in, (size_t)got);
	}
	return true;
}

static bool receive_stream(struct wire *w)
{
	size_t at = 0;
	ssize_t got = recv(w->fd, w->in + w->in_size, INPUT - w->in_size, MSG_DONTWAIT);

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return true;
	if (got <= 0)
		return false;
	w->in_size += (size_t)got;
	while (w->in_size - at >= 4) {
		uint32_t size = get32(w->in + at);
		if (size == NET_HELLO) {
			if (w->in_size - at < NET_HELLO_SIZE)
				break;
			hello(w, get32(w->in + at + 4));
			at += NET_HELLO_SIZE;
			continue;
		}
		if (size == 0 || size > NET_FRAME_MAX) {
			err_print("%s: the other end sent a frame of %u bytes; it is cut off", w->port->id, size);
			return false;
		}
		if (w->in_size - at < 4 + size)
			break;
		deliver(w, w->in + at + 4, size);
		at += 4 + size;
	}
	memmove(w->in, w->in + at, w->in_size - at);
	w->in_size -= at;
	return true;
}

static void ready(void *opaque, unsigned events)
{
	struct wire *w = opaque;

	if (events & LOOP_WRITE)
		wire_flush(w);
	if (events & (LOOP_READ | LOOP_HANGUP) && w->fd >= 0 && !(w->packet ? receive_packets(w) : receive_stream(w)))
		end(w);
}

int wire_open(struct wire *w, struct port *p, int fd, bool first, struct err *e)
{
	int type = 0, most = 1 << 20, r = fd_set_nonblock(fd, true);
	socklen_t size = sizeof type;

	*w = (struct wire){.port = p, .fd = -1, .gone = w->gone, .opaque = w->opaque};
	if (r < 0 || getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) < 0)
		return err_errno(e, r < 0 ? -r : errno, "cannot use fd %d as a network", fd);
	w->in = malloc(INPUT);
	w->out = malloc(QUEUE);
	w->watch = w->in && w->out ? loop_add_fd(p->net->loop, fd, LOOP_READ, ready, w, e) : NULL;
	if (!w->watch) {
		wire_close(w);
		return e->code ? -e->code : err_set(e, ENOMEM, "out of memory");
	}
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &most, sizeof most);
	w->packet = type != SOCK_STREAM;
	w->fd = fd;
	if (first)
		say_hello(w);
	return 0;
}

void wire_close(struct wire *w)
{
	loop_del_fd(w->watch);
	w->watch = NULL;
	if (w->fd >= 0)
		close(w->fd);
	w->fd = -1;
	free(w->in);
	free(w->out);
	w->in = w->out = NULL;
	w->in_size = w->out_size = w->out_sent = 0;
	w->in_header = w->out_header = w->answered = false;
	w->port->offloads = 0;
}
