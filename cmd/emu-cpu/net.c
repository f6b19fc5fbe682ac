/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Frames between a card and its cable. A card's batch goes out from the thread that made it, as a rule in one system call; large frames straight
 * from guest memory. What the other end does not take in time waits, up to a limit; without a connection frames are dropped, as on
 * a wire. What comes in is read in large pieces and handed to the card until it has no room.
 */
#include "net-internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include "base/log.h"
#include "core.h"

#define BURST 64       /* messages received in one turn */
#define DIRECT 4096    /* a frame from this size on is sent from where it is */
#define DIRECT_IOV 64

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

void net_update_watch(struct netdev *n)
{
	if (n->watch)
		loop_set_fd(n->watch, (n->ops && !n->blocked && !n->paused ? LOOP_READ : 0u) | (n->out_size > n->out_sent ? LOOP_WRITE : 0u));
}

void net_forget_traffic(struct netdev *n)
{
	n->out_size = n->out_sent = n->in_size = n->in_at = 0;
	n->out_header = n->in_header = false;
}

/* ---- to the other end ---- */

/* The loop's own affairs belong to its thread. */
static void attend(void *opaque)
{
	struct netdev *n = opaque;

	machine_lock(n->machine);
	n->posted = false;
	if (n->broken)
		net_unplugged(n);
	else
		net_update_watch(n);
	machine_unlock(n->machine);
}

static void post(struct netdev *n)
{
	if (loop_is_mine(n->machine->loop) && !n->broken)
		net_update_watch(n);
	else if (!n->posted)
		n->posted = loop_post(n->machine->loop, attend, n) == 0;
}

/* false: the connection is broken, which the main loop will see to. */
static bool failed(struct netdev *n)
{
	n->broken = true;
	n->out_size = n->out_sent = 0;
	post(n);
	return false;
}

static void flush_out(struct netdev *n)
{
	while (n->fd >= 0 && !n->broken && n->out_sent < n->out_size) {
		uint8_t *p = n->out + n->out_sent;
		ssize_t done = n->packet ? send(n->fd, p + 4, get32(p), MSG_NOSIGNAL | MSG_DONTWAIT)
					 : send(n->fd, p, n->out_size - n->out_sent, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0 && (errno == EAGAIN || errno == ENOBUFS))
			break;
		if (done < 0 && !(n->packet && errno == EMSGSIZE)) {
			failed(n);
			return;
		}
		n->out_sent += n->packet ? 4 + get32(p) : (size_t)done;
	}
	if (n->out_sent == n->out_size)
		n->out_sent = n->out_size = 0;
	if (n->busy && n->out_size - n->out_sent < NET_BUSY / 2) {
		n->busy = false;
		/* A machine that stands still is asked when it goes on. */
		if (n->ops && n->ops->sendable && !n->paused)
			n->ops->sendable(n->opaque);
	}
}

void net_flush(struct netdev *n)
{
	if (!n || n->out_sent == n->out_size)
		return;
	flush_out(n);
	if (n->out_sent < n->out_size)
		post(n);
}

bool net_busy(const struct netdev *n)
{
	return n && n->busy;
}

static uint8_t *room(struct netdev *n, size_t size)
{
	if (n->out_size + size > NET_QUEUE) {
		flush_out(n);
		if (n->out_size + size > NET_QUEUE && n->out_sent && !n->packet) {
			memmove(n->out, n->out + n->out_sent, n->out_size - n->out_sent);
			n->out_size -= n->out_sent;
			n->out_sent = 0;
		}
	}
	if (n->fd < 0 || n->broken || n->out_size + size > NET_QUEUE) {
		n->dropped++;
		return NULL;
	}
	return n->out + n->out_size;
}

static void queued(struct netdev *n, size_t size)
{
	n->out_size += size;
	if (n->out_size - n->out_sent > NET_BUSY) {
		flush_out(n);
		if (n->out_size - n->out_sent > NET_BUSY) {
			n->busy = true;
			post(n);
		}
	}
}

/* Length and header of a frame of `size` bytes; returns how many. */
static size_t prefix(const struct netdev *n, uint8_t *p, const struct frame_header *h, size_t size)
{
	static const struct frame_header plain;

	put32(p, (uint32_t)(size + (n->out_header ? NET_HEADER_SIZE : 0)));
	if (!n->out_header)
		return 4;
	frame_header_write(h ? h : &plain, p + 4);
	p[4 + 10] = p[4 + 11] = 0;
	return 4 + NET_HEADER_SIZE;
}

static bool emit_out(void *opaque, const uint8_t *head, size_t head_size, const uint8_t *body, size_t body_size)
{
	struct netdev *n = opaque;
	uint8_t *p = room(n, 4 + NET_HEADER_SIZE + head_size + body_size);
	size_t at;

	if (!p)
		return false;
	at = prefix(n, p, NULL, head_size + body_size);
	memcpy(p + at, head, head_size);
	if (body_size)
		memcpy(p + at + head_size, body, body_size);
	queued(n, at + head_size + body_size);
	return true;
}

/* What was sent of a frame cannot be taken back: its rest goes first into the queue, which is empty. */
static bool send_direct(struct netdev *n, const struct frame_header *h, const struct iovec *iov, unsigned iovs, size_t size)
{
	uint8_t head[4 + NET_HEADER_SIZE];
	struct iovec v[DIRECT_IOV];
	struct msghdr m = {.msg_iov = v, .msg_iovlen = iovs + 1};
	size_t all = prefix(n, head, h, size);
	ssize_t done;

	v[0] = (struct iovec){head, all};
	memcpy(v + 1, iov, iovs * sizeof *iov);
	all += size;
	do
		done = sendmsg(n->fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (done < 0 && errno == EINTR);
	if (done < 0 && errno != EAGAIN && errno != ENOBUFS)
		return failed(n);
	if (done < 0)
		done = 0;
	for (unsigned i = 0; i <= iovs && (size_t)done < all; i++) {
		size_t skip = (size_t)done < v[i].iov_len ? (size_t)done : v[i].iov_len;
		memcpy(n->out + n->out_size, (uint8_t *)v[i].iov_base + skip, v[i].iov_len - skip);
		n->out_size += v[i].iov_len - skip;
		done -= (ssize_t)skip;
		all -= skip;
	}
	if (n->out_size)
		post(n);
	return true;
}

void net_send(struct netdev *n, const struct frame_header *h, const struct iovec *iov, unsigned iovs)
{
	size_t size = 0, at;
	uint8_t *p;

	if (!n || n->fd < 0 || n->broken || n->down)
		return;
	for (unsigned i = 0; i < iovs; i++)
		size += iov[i].iov_len;
	if (size < 14 || size > NET_FRAME_MAX - NET_HEADER_SIZE || (h && !frame_header_ok(h, size)))
		return;
	if (h && !n->out_header && frame_needs_work(h, 0)) {
		uint8_t *whole = malloc(size);
		if (!whole)
			return;
		at = 0;
		for (unsigned i = 0; i < iovs; i++) {
			memcpy(whole + at, iov[i].iov_base, iov[i].iov_len);
			at += iov[i].iov_len;
		}
		frame_segment(h, whole, size, emit_out, n);
		free(whole);
		return;
	}
	if (size >= DIRECT && !n->packet && iovs < DIRECT_IOV) {
		flush_out(n);
		if (!n->out_size) {
			if (n->fd >= 0 && !n->broken)
				send_direct(n, h, iov, iovs, size);
			return;
		}
	}
	p = room(n, 4 + NET_HEADER_SIZE + size);
	if (!p)
		return;
	at = prefix(n, p, h, size);
	for (unsigned i = 0; i < iovs; i++) {
		memcpy(p + at, iov[i].iov_base, iov[i].iov_len);
		at += iov[i].iov_len;
	}
	queued(n, at);
}

void net_say_hello(struct netdev *n)
{
	uint8_t *p = n->out;
	bool framed = n->packet; /* the queue keeps a length before each message; on a stream the hello stands for itself */

	if (framed)
		put32(p, NET_HELLO_SIZE);
	p += framed ? 4 : 0;
	put32(p, NET_HELLO);
	put32(p + 4, NET_HEADER);
	n->out_size = NET_HELLO_SIZE + (framed ? 4 : 0);
	n->out_header = true;
	flush_out(n);
}

/* ---- from the other end ---- */

static bool give(struct netdev *n, const struct frame_header *h, uint8_t *frame, size_t size)
{
	if ((n->ops->can_receive && !n->ops->can_receive(n->opaque)) || !n->ops->receive(n->opaque, h, frame, size)) {
		n->blocked = true;
		return false;
	}
	return true;
}

static bool emit_cut(void *opaque, const uint8_t *head, size_t head_size, const uint8_t *body, size_t body_size)
{
	struct netdev *n = opaque;
	uint32_t size = (uint32_t)(head_size + body_size);

	if (n->cut_size + 4 + size > NET_CUT) {
		n->dropped++;
		return false;
	}
	memcpy(n->cut + n->cut_size, &size, 4);
	memcpy(n->cut + n->cut_size + 4, head, head_size);
	if (body_size)
		memcpy(n->cut + n->cut_size + 4 + head_size, body, body_size);
	n->cut_size += 4 + size;
	return true;
}

/* false: some are left. */
static bool give_cut(struct netdev *n)
{
	static const struct frame_header valid = {.flags = FRAME_DATA_VALID};

	while (n->cut_at < n->cut_size) {
		uint32_t size;
		memcpy(&size, n->cut + n->cut_at, 4);
		if (!give(n, &valid, n->cut + n->cut_at + 4, size))
			return false;
		n->cut_at += 4 + size;
	}
	n->cut_at = n->cut_size = 0;
	return true;
}

/* True: the card took it, or nobody will. */
static bool deliver(struct netdev *n, uint8_t *p, size_t size)
{
	struct frame_header h = {0};

	if (n->in_header) {
		if (size < NET_HEADER_SIZE)
			return true;
		frame_header_read(&h, p);
		p += NET_HEADER_SIZE;
		size -= NET_HEADER_SIZE;
	}
	if (!n->ops || n->down || !frame_header_ok(&h, size))
		return true;
	if (!frame_needs_work(&h, n->offloads))
		return give(n, &h, p, size);
	if (!n->cut && !(n->cut = malloc(NET_CUT)))
		return true;
	frame_segment(&h, p, size, emit_cut, n);
	give_cut(n); /* what is left keeps `blocked` set and comes first */
	return true;
}

static void receive_packets(struct netdev *n)
{
	for (unsigned i = 0; i < BURST && n->fd >= 0 && !n->blocked; i++) {
		if (n->in_size == 0) {
			ssize_t got = recv(n->fd, n->in, NET_INPUT, MSG_DONTWAIT);
			if (got < 0 && (errno == EAGAIN || errno == EINTR))
				return;
			if (got <= 0) {
				net_unplugged(n);
				return;
			}
			n->in_size = (size_t)got;
		}
		if (n->in_size == NET_HELLO_SIZE && get32(n->in) == NET_HELLO) {
			n->in_header = get32(n->in + 4) & NET_HEADER;
			n->in_size = 0;
		} else if (deliver(n, n->in, n->in_size)) {
			n->in_size = 0;
		}
	}
}

/* Whole frames of what has come. false: it makes no sense. */
static bool parse_stream(struct netdev *n)
{
	while (n->in_size - n->in_at >= 4 && !n->blocked) {
		uint8_t *p = n->in + n->in_at;
		uint32_t size = get32(p);
		if (size == NET_HELLO && n->header) {
			if (n->in_size - n->in_at < NET_HELLO_SIZE)
				break;
			n->in_header = get32(p + 4) & NET_HEADER;
			n->in_at += NET_HELLO_SIZE;
			continue;
		}
		if (size == 0 || size > NET_FRAME_MAX) {
			err_print("network '%s': the other end sent a frame of %u bytes; it is unplugged", n->id, size);
			return false;
		}
		if (n->in_size - n->in_at < 4 + size || !deliver(n, p + 4, size))
			break;
		n->in_at += 4 + size;
	}
	return true;
}

static void receive_stream(struct netdev *n)
{
	ssize_t got;

	if (!parse_stream(n)) {
		net_unplugged(n);
		return;
	}
	if (n->blocked)
		return;
	if (n->in_at) {
		memmove(n->in, n->in + n->in_at, n->in_size - n->in_at);
		n->in_size -= n->in_at;
		n->in_at = 0;
	}
	got = recv(n->fd, n->in + n->in_size, NET_INPUT - n->in_size, MSG_DONTWAIT);
	if (got > 0)
		n->in_size += (size_t)got;
	if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR) || (got > 0 && !parse_stream(n)))
		net_unplugged(n);
}

static void receive(struct netdev *n)
{
	if (give_cut(n)) {
		if (n->packet)
			receive_packets(n);
		else
			receive_stream(n);
	}
	if (n->ops && n->ops->received)
		n->ops->received(n->opaque);
	net_update_watch(n);
}

void net_ready(void *opaque, unsigned events)
{
	struct netdev *n = opaque;

	machine_lock(n->machine);
	if (events & LOOP_WRITE) {
		flush_out(n);
		net_update_watch(n);
	}
	if (n->broken)
		net_unplugged(n);
	if (n->fd >= 0 && events & (LOOP_READ | LOOP_HANGUP)) {
		if (n->ops && !n->blocked && !n->paused)
			receive(n);
		else if (events & LOOP_HANGUP)
			net_unplugged(n);
	}
	machine_unlock(n->machine);
}

static void accept_later(void *opaque)
{
	struct netdev *n = opaque;

	machine_lock(n->machine);
	n->posted = false;
	if (n->ops && !n->blocked && !n->paused) {
		if (n->fd >= 0)
			receive(n);
		else
			give_cut(n);
	}
	if (n->broken)
		net_unplugged(n);
	net_update_watch(n);
	machine_unlock(n->machine);
}

void net_accept(struct netdev *n)
{
	if (!n || !n->blocked)
		return;
	n->blocked = false;
	loop_post(n->machine->loop, accept_later, n);
}

/* ---- cards ---- */

int net_attach(struct netdev *n, struct device *d, const struct net_ops *ops, void *opaque, struct err *e)
{
	if (!n)
		return 0;
	if (n->ops)
		return err_set(e, EBUSY, "network '%s' has another card already", n->id);
	n->card = d;
	n->ops = ops;
	n->opaque = opaque;
	net_update_watch(n);
	return 0;
}

void net_detach(struct netdev *n)
{
	if (!n)
		return;
	n->ops = NULL;
	n->card = NULL;
	n->blocked = n->busy = false;
	n->cut_at = n->cut_size = 0;
	n->offloads = 0;
	net_update_watch(n);
}

void net_offloads(struct netdev *n, unsigned bits)
{
	if (n)
		n->offloads = bits;
}

const char *netdev_id(const struct netdev *n)
{
	return n->id;
}

bool net_link(const struct netdev *n)
{
	return !n || !n->down;
}
