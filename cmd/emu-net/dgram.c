/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dgram.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>
#include "base/sandbox.h"
#include "base/sock.h"

#define BURST 64
#define HEAD_MAX 64

static void dgram_send(struct port *p, const struct frame_header *h, const uint8_t *frame, size_t size)
{
	struct dgram *d = (struct dgram *)p;
	uint8_t head[HEAD_MAX] = {0};
	size_t n = 0;
	ssize_t done;

	if (d->header) {
		frame_header_write(h, head);
		n = NET_HEADER_SIZE;
	} else if (d->head) {
		d->write_head(d, head);
		n = d->head;
	}
	struct iovec iov[2] = {{head, n}, {(void *)(uintptr_t)frame, size}};
	struct msghdr m = {.msg_iov = n ? iov : iov + 1, .msg_iovlen = n ? 2 : 1};
	do
		done = d->socket ? sendmsg(d->out, &m, MSG_DONTWAIT | MSG_NOSIGNAL) : writev(d->out, m.msg_iov, (int)m.msg_iovlen);
	while (done < 0 && errno == EINTR);
	if (done < 0)
		d->dropped++;
}

static void input(struct dgram *d, int fd)
{
	for (unsigned i = 0; i < BURST; i++) {
		struct sockaddr_storage from;
		socklen_t from_size = sizeof from;
		struct frame_header h = {0};
		uint8_t *p = d->buf;
		ssize_t got = d->socket ? recvfrom(fd, p, NET_FRAME_MAX, MSG_DONTWAIT, (struct sockaddr *)&from, &from_size) : read(fd, p, NET_FRAME_MAX);

		if (got <= 0)
			return;
		if (d->own && d->own(d, &from, from_size))
			continue;
		if (d->header) {
			if (got < NET_HEADER_SIZE)
				continue;
			frame_header_read(&h, p);
			p += NET_HEADER_SIZE;
			got -= NET_HEADER_SIZE;
		} else if (d->read_head) {
			int head = d->read_head(d, p, (size_t)got);
			if (head < 0 || head > got)
				continue;
			p += head;
			got -= head;
		}
		net_forward(&d->port, &h, p, (size_t)got);
	}
}

static void ready(void *opaque, unsigned events)
{
	struct dgram *d = opaque;

	(void)events;
	for (unsigned i = 0; i < d->fds && !d->port.dead; i++)
		input(d, d->fd[i]);
}

static void dgram_info(struct port *p, char *buf, size_t size)
{
	snprintf(buf, size, "%s", ((struct dgram *)p)->text);
}

static void dgram_free(struct port *p)
{
	struct dgram *d = (struct dgram *)p;

	for (unsigned i = 0; i < d->fds; i++) {
		loop_del_fd(d->watch[i]);
		close(d->fd[i]);
	}
	if (d->out >= 0 && (!d->fds || d->out != d->fd[0]))
		close(d->out);
	if (d->end)
		d->end(d);
	free(d->buf);
	free(d);
}

#define OPS(name) {.type = name, .send = dgram_send, .info = dgram_info, .free = dgram_free}
static const struct port_ops kinds[] = {OPS("socket"), OPS("tap"), OPS("bridge"), OPS("l2tpv3"), OPS("vde")};

int dgram_add(struct net *n, struct dgram *d, const char *type, const char *id, unsigned offloads, struct err *e)
{
	const struct port_ops *ops = NULL;
	int r;

	for (unsigned i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (!strcmp(kinds[i].type, type))
			ops = &kinds[i];
	d->buf = malloc(NET_FRAME_MAX);
	r = d->buf ? port_add(n, &d->port, ops, id, e) : err_set(e, ENOMEM, "out of memory");
	if (r < 0) {
		dgram_free(&d->port);
		return r;
	}
	d->port.offloads = offloads;
	n->allow |= SANDBOX_SOCKET;
	for (unsigned i = 0; i < d->fds; i++) {
		r = fd_set_nonblock(d->fd[i], true);
		if (r == 0 && !(d->watch[i] = loop_add_fd(n->loop, d->fd[i], LOOP_READ, ready, d, e)))
			r = -e->code;
		if (r < 0) {
			port_drop(&d->port);
			return e->code ? r : err_errno(e, -r, "fd %d", d->fd[i]);
		}
	}
	return 0;
}
