/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Network cables: a stream of frames, each after its length in 4 bytes, big-endian; or one frame a message on a packet socket. Frames that the
 * other end does not take in time are dropped, as on a wire.
 */
#include "net.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/keyval.h"
#include "base/size.h"
#include "base/sock.h"
#include "core.h"
#include "plugs.h"

#define FRAME_MAX (68 * 1024 + 12) /* a segmented frame of 64 KiB with its header */
#define QUEUE_MAX (1u << 20)       /* bytes that wait for the other end */
#define BURST 64                   /* frames received in one turn */
#define PATIENCE_MS 10000

struct netdev {
	struct machine *machine;
	char *id;
	int fd;
	bool packet, header, blocked, posted;
	struct loop_fd *watch;
	const struct net_ops *ops;
	void *opaque;
	uint8_t *out;         /* frames with their lengths, as they go to a stream */
	size_t out_size, out_sent;
	uint8_t in[4 + FRAME_MAX];
	size_t in_size;
	struct netdev *next;
};

struct net_core {
	struct netdev *list;
};

static struct net_core *core(const struct machine *m)
{
	return m->parts->nets;
}

static void update_watch(struct netdev *n)
{
	if (n->watch)
		loop_set_fd(n->watch, (n->ops && !n->blocked ? LOOP_READ : 0u) | (n->out_size > n->out_sent ? LOOP_WRITE : 0u));
}

static void unplugged(struct netdev *n)
{
	loop_del_fd(n->watch);
	n->watch = NULL;
	if (n->fd >= 0)
		close(n->fd);
	n->fd = -1;
	n->out_size = n->out_sent = n->in_size = 0;
	if (n->ops && n->ops->link)
		n->ops->link(n->opaque, false);
}

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* ---- to the other end ---- */

static void flush_out(struct netdev *n)
{
	while (n->fd >= 0 && n->out_sent < n->out_size) {
		uint8_t *p = n->out + n->out_sent;
		ssize_t done = n->packet ? send(n->fd, p + 4, get32(p), MSG_NOSIGNAL | MSG_DONTWAIT)
					 : send(n->fd, p, n->out_size - n->out_sent, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0 && (errno == EAGAIN || errno == ENOBUFS))
			break;
		if (done < 0 && errno != EMSGSIZE) {
			unplugged(n);
			return;
		}
		n->out_sent += n->packet ? 4 + get32(p) : (size_t)done;
	}
	if (n->out_sent == n->out_size)
		n->out_sent = n->out_size = 0;
	update_watch(n);
}

static void send_later(void *opaque)
{
	struct netdev *n = opaque;

	machine_lock(n->machine);
	n->posted = false;
	flush_out(n);
	machine_unlock(n->machine);
}

static void post(struct netdev *n)
{
	if (!n->posted)
		n->posted = loop_post(n->machine->loop, send_later, n) == 0;
}

void net_send(struct netdev *n, const struct iovec *iov, unsigned iovs)
{
	size_t size = 0;
	uint8_t *p;

	for (unsigned i = 0; i < iovs; i++)
		size += iov[i].iov_len;
	if (!n || n->fd < 0 || !size || size > FRAME_MAX)
		return;
	if (n->out_sent > QUEUE_MAX / 2 && !n->packet) {
		memmove(n->out, n->out + n->out_sent, n->out_size - n->out_sent);
		n->out_size -= n->out_sent;
		n->out_sent = 0;
	}
	if (n->out_size + 4 + size > QUEUE_MAX)
		return;
	p = n->out + n->out_size;
	p[0] = (uint8_t)(size >> 24);
	p[1] = (uint8_t)(size >> 16);
	p[2] = (uint8_t)(size >> 8);
	p[3] = (uint8_t)size;
	p += 4;
	for (unsigned i = 0; i < iovs; i++) {
		memcpy(p, iov[i].iov_base, iov[i].iov_len);
		p += iov[i].iov_len;
	}
	n->out_size += 4 + size;
	post(n);
}

/* ---- from the other end ---- */

/* True: the device took it. */
static bool deliver(struct netdev *n, uint8_t *frame, size_t size)
{
	struct iovec iov = {frame, size};

	if (!n->ops || !n->ops->receive)
		return true;
	if ((n->ops->can_receive && !n->ops->can_receive(n->opaque)) || !n->ops->receive(n->opaque, &iov, 1, size)) {
		n->blocked = true;
		return false;
	}
	return true;
}

static void receive_packets(struct netdev *n)
{
	for (unsigned i = 0; i < BURST && n->fd >= 0 && !n->blocked; i++) {
		ssize_t got;
		if (n->in_size == 0) {
			got = recv(n->fd, n->in, sizeof n->in, MSG_DONTWAIT);
			if (got < 0 && (errno == EAGAIN || errno == EINTR))
				return;
			if (got <= 0) {
				unplugged(n);
				return;
			}
			n->in_size = (size_t)got;
		}
		if (deliver(n, n->in, n->in_size))
			n->in_size = 0;
	}
}

static void receive_stream(struct netdev *n)
{
	size_t at = 0;

	if (n->in_size < sizeof n->in) {
		ssize_t got = recv(n->fd, n->in + n->in_size, sizeof n->in - n->in_size, MSG_DONTWAIT);
		if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) {
			unplugged(n);
			return;
		}
		if (got > 0)
			n->in_size += (size_t)got;
	}
	while (n->in_size - at >= 4) {
		uint32_t size = get32(n->in + at);
		if (size == 0 || size > FRAME_MAX) {
			err_print("network '%s': the other end sent a frame of %u bytes; it is unplugged", n->id, size);
			unplugged(n);
			return;
		}
		if (n->in_size - at < 4 + size || !deliver(n, n->in + at + 4, size))
			break;
		at += 4 + size;
	}
	memmove(n->in, n->in + at, n->in_size - at);
	n->in_size -= at;
}

static void receive(struct netdev *n)
{
	if (n->packet)
		receive_packets(n);
	else
		receive_stream(n);
	update_watch(n);
}

static void ready(void *opaque, unsigned events)
{
	struct netdev *n = opaque;

	machine_lock(n->machine);
	if (events & LOOP_WRITE)
		flush_out(n);
	if (n->fd >= 0 && events & (LOOP_READ | LOOP_HANGUP)) {
		if (n->ops && !n->blocked)
			receive(n);
		else if (events & LOOP_HANGUP)
			unplugged(n);
	}
	machine_unlock(n->machine);
}

static void accept_later(void *opaque)
{
	struct netdev *n = opaque;

	machine_lock(n->machine);
	if (n->fd >= 0 && n->ops && !n->blocked)
		receive(n);
	machine_unlock(n->machine);
}

void net_accept(struct netdev *n)
{
	if (!n || !n->blocked)
		return;
	n->blocked = false;
	loop_post(n->machine->loop, accept_later, n);
}

/* ---- plugs ---- */

static int plug_in(struct netdev *n, int fd, struct err *e)
{
	int r = fd_set_nonblock(fd, true);

	if (r < 0)
		return err_errno(e, -r, "cannot use fd %d as a network", fd);
	n->watch = loop_add_fd(n->machine->loop, fd, 0, ready, n, e);
	if (!n->watch)
		return -e->code;
	n->fd = fd;
	update_watch(n);
	if (n->ops && n->ops->link)
		n->ops->link(n->opaque, true);
	return 0;
}

static bool is_packet(int fd)
{
	int type = 0;
	socklen_t size = sizeof type;

	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && (type == SOCK_SEQPACKET || type == SOCK_DGRAM);
}

static void free_net(struct netdev *n)
{
	if (!n)
		return;
	n->ops = NULL;
	unplugged(n);
	free(n->out);
	free(n->id);
	free(n);
}

int net_add(struct machine *m, const char *text, struct err *e)
{
	struct netdev *n = calloc(1, sizeof *n), **p;
	const char *id, *fd_text, *path, *header;
	struct keyval kv;
	int64_t fd = -1;
	int r = 0;

	if (!n || keyval_parse(text, NULL, &kv, e) < 0) {
		free(n);
		return e->code ? -e->code : err_set(e, ENOMEM, "out of memory");
	}
	id = keyval_get(&kv, "id");
	fd_text = keyval_get(&kv, "fd");
	path = keyval_get(&kv, "unix");
	header = keyval_get(&kv, "vnet_hdr");
	n->machine = m;
	n->fd = -1;
	n->header = header && !strcmp(header, "on");
	n->id = id ? strdup(id) : NULL;
	n->out = malloc(QUEUE_MAX);
	if (!n->id || !n->out)
		r = err_set(e, EINVAL, "'%s': id=ID is missing", text);
	else if (netdev_find(m, id))
		r = err_set(e, EEXIST, "Duplicate ID '%s' for netdev", id);
	else if (fd_text)
		r = number_parse("fd", fd_text, 0, INT32_MAX, &fd, e);
	else if (path)
		fd = r = sock_wait_unix(path, SOCK_STREAM, PATIENCE_MS, e);
	else
		r = err_set(e, EINVAL, "'%s': fd=N or unix=PATH is missing", text);
	if (r >= 0) {
		n->packet = is_packet((int)fd);
		r = plug_in(n, (int)fd, e);
	}
	keyval_free(&kv);
	if (r < 0) {
		free_net(n);
		return r;
	}
	for (p = &core(m)->list; *p; p = &(*p)->next)
		;
	*p = n;
	return 0;
}

int net_reconnect(struct machine *m, const char *id, int fd, struct err *e)
{
	struct netdev *n = netdev_find(m, id);

	if (!n)
		return err_set(e, ENODEV, "there is no network '%s'", id);
	if (n->fd >= 0)
		unplugged(n);
	n->packet = is_packet(fd);
	return plug_in(n, fd, e);
}

/* ---- devices ---- */

struct netdev *netdev_find(struct machine *m, const char *id)
{
	for (struct netdev *n = core(m)->list; n; n = n->next)
		if (!strcmp(n->id, id))
			return n;
	return NULL;
}

int net_attach(struct netdev *n, const struct net_ops *ops, void *opaque, struct err *e)
{
	if (n->ops)
		return err_set(e, EBUSY, "network '%s' has another card already", n->id);
	n->ops = ops;
	n->opaque = opaque;
	update_watch(n);
	return 0;
}

void net_detach(struct netdev *n)
{
	if (!n)
		return;
	n->ops = NULL;
	n->blocked = false;
	update_watch(n);
}

bool net_header(struct netdev *n)
{
	return n->header;
}

bool net_link(struct netdev *n)
{
	return n->fd >= 0;
}

int net_core_init(struct machine *m, struct err *e)
{
	m->parts->nets = calloc(1, sizeof *m->parts->nets);
	return m->parts->nets ? 0 : err_set(e, ENOMEM, "out of memory");
}

void net_core_free(struct machine *m)
{
	struct net_core *c = core(m);

	while (c && c->list) {
		struct netdev *n = c->list;
		c->list = n->next;
		free_net(n);
	}
	free(c);
	m->parts->nets = NULL;
}
