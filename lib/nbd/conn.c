/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "nbd/conn.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/loop.h"
#include "base/sock.h"
#include "crypto/tls.h"

int nbd_conn_init(struct nbd_conn *c, int fd)
{
	*c = (struct nbd_conn){.fd = fd, .buf = malloc(NBD_CONN_BUFFER)};
	if (c->buf)
		return 0;
	close(fd);
	c->fd = -1;
	return -ENOMEM;
}

void nbd_conn_close(struct nbd_conn *c)
{
	if (c->tls)
		tls_session_free(c->tls);
	if (c->fd >= 0)
		close(c->fd);
	free(c->buf);
	*c = (struct nbd_conn){.fd = -1};
}

void nbd_conn_shutdown(struct nbd_conn *c)
{
	if (c->fd >= 0)
		shutdown(c->fd, SHUT_RDWR);
}

void nbd_conn_set_deadline(struct nbd_conn *c, unsigned ms)
{
	c->deadline = ms ? loop_now() / 1000000 + ms : 0;
}

/* Until the socket is ready or the deadline has come. */
static int wait_for(struct nbd_conn *c, short events)
{
	struct pollfd p = {.fd = c->fd, .events = events};
	uint64_t now = c->deadline ? loop_now() / 1000000 : 0;
	int r;

	if (c->deadline && now >= c->deadline)
		return -ETIMEDOUT;
	r = poll(&p, 1, c->deadline ? (int)(c->deadline - now) : -1);
	if (r < 0 && errno != EINTR)
		return -errno;
	return r == 0 ? -ETIMEDOUT : 0;
}

int nbd_conn_start_tls(struct nbd_conn *c, struct tls_creds *creds, const char *hostname, struct err *e)
{
	int r;

	/* What came in plain text before TLS must not be taken for protected (CVE-2021-3716's class). */
	if (c->start != c->end)
		return err_set(e, EPROTO, "the peer sent data in plain text after it agreed to TLS");
	c->tls = tls_session_new(creds, c->fd, hostname, e);
	if (!c->tls)
		return e ? -e->code : -EIO;
	/* Not blocking while it lasts, so that a peer that stops in the middle meets the deadline. */
	fd_set_nonblock(c->fd, true);
	while ((r = tls_session_handshake(c->tls, e)) > 0) {
		r = wait_for(c, r == TLS_WANT_READ ? POLLIN : POLLOUT);
		if (r < 0) {
			err_errno(e, -r, "TLS handshake");
			break;
		}
	}
	fd_set_nonblock(c->fd, false);
	return r;
}

/* Once, at most size bytes. Returns the number, 0 at the end, or -errno. */
static ssize_t receive(struct nbd_conn *c, void *data, size_t size)
{
	for (;;) {
		ssize_t n;
		if (c->deadline && !(c->tls && tls_session_pending(c->tls))) {
			int r = wait_for(c, POLLIN);
			if (r < 0)
				return r;
		}
		n = c->tls ? tls_session_recv(c->tls, data, size, NULL) : recv(c->fd, data, size, 0);
		if (!c->tls && n < 0)
			n = -errno;
		if (n == -EINTR)
			continue;
		if (n == -EAGAIN) {
			int r = wait_for(c, POLLIN);
			if (r < 0)
				return r;
			continue;
		}
		return n;
	}
}

int nbd_conn_read(struct nbd_conn *c, void *data, size_t size)
{
	char *p = data;
	bool any = false;

	while (size) {
		size_t have = c->end - c->start;
		ssize_t n;
		if (have) {
			if (have > size)
				have = size;
			memcpy(p, c->buf + c->start, have);
			c->start += have;
			p += have;
			size -= have;
			any = true;
			continue;
		}
		/* A large remainder goes straight to its place, a small one through the buffer with what follows it. */
		if (size >= NBD_CONN_BUFFER / 2) {
			n = receive(c, p, size);
			if (n > 0) {
				p += n;
				size -= (size_t)n;
				any = true;
			}
		} else {
			c->start = c->end = 0;
			n = receive(c, c->buf, NBD_CONN_BUFFER);
			if (n > 0)
				c->end = (size_t)n;
		}
		if (n == 0)
			return any ? -ECONNRESET : -EPIPE;
		if (n < 0)
			return (int)n;
	}
	return 0;
}

/* At most `room` pieces of what lies `size` bytes from `skip` on in iov. */
static unsigned pieces(struct iovec *to, unsigned room, const struct iovec *iov, unsigned count, size_t skip, size_t size)
{
	unsigned n = 0;

	for (unsigned i = 0; i < count && size && n < room; i++) {
		size_t k = iov[i].iov_len;
		if (skip >= k) {
			skip -= k;
			continue;
		}
		k = k - skip < size ? k - skip : size;
		to[n++] = (struct iovec){(char *)iov[i].iov_base + skip, k};
		size -= k;
		skip = 0;
	}
	return n;
}

int nbd_conn_readv(struct nbd_conn *c, const struct iovec *iov, unsigned count, size_t skip, size_t size)
{
	struct iovec part[64];

	while (size) {
		unsigned n = pieces(part, sizeof part / sizeof *part, iov, count, skip, size);
		struct msghdr m = {.msg_iov = part, .msg_iovlen = n};
		ssize_t got;
		if (!n)
			return -EINVAL;
		/* One piece, the rest of a buffer, and what TLS decodes go the plain way. */
		if (n == 1 || c->start != c->end || size < NBD_CONN_BUFFER / 2 || c->tls || c->deadline) {
			int r = nbd_conn_read(c, part[0].iov_base, part[0].iov_len);
			if (r < 0)
				return r;
			got = (ssize_t)part[0].iov_len;
		} else {
			got = recvmsg(c->fd, &m, 0);
			if (got < 0 && errno == EINTR)
				continue;
			if (got <= 0)
				return got < 0 ? -errno : -ECONNRESET;
		}
		skip += (size_t)got;
		size -= (size_t)got;
	}
	return 0;
}

int nbd_conn_writev(struct nbd_conn *c, const void *head, size_t head_size, const struct iovec *iov, unsigned count, size_t skip, size_t size)
{
	struct iovec part[64] = {{(void *)(uintptr_t)head, head_size}};
	unsigned first = head_size ? 1 : 0;

	do {
		unsigned n = pieces(part + first, 64 - first, iov, count, skip, size);
		size_t sent = 0;
		int r;
		for (unsigned i = 0; i < n; i++)
			sent += part[first + i].iov_len;
		if (size && !n)
			return -EINVAL;
		r = nbd_conn_write(c, part, (int)(first + n));
		if (r < 0)
			return r;
		skip += sent;
		size -= sent;
		first = 0;
	} while (size);
	return 0;
}

int nbd_conn_skip(struct nbd_conn *c, size_t size)
{
	char waste[4096];

	while (size) {
		size_t n = size < sizeof waste ? size : sizeof waste;
		int r = nbd_conn_read(c, waste, n);
		if (r < 0)
			return r;
		size -= n;
	}
	return 0;
}

static int write_tls(struct nbd_conn *c, const char *data, size_t size)
{
	while (size) {
		ssize_t n = tls_session_send(c->tls, data, size, NULL);
		if (n == -EAGAIN) {
			struct pollfd p = {.fd = c->fd, .events = POLLOUT};
			poll(&p, 1, -1);
			continue;
		}
		if (n < 0)
			return (int)n;
		data += n;
		size -= (size_t)n;
	}
	return 0;
}

int nbd_conn_write(struct nbd_conn *c, struct iovec *iov, int count)
{
	struct msghdr m = {.msg_iov = iov, .msg_iovlen = (size_t)count};

	if (c->tls) {
		for (int i = 0; i < count; i++) {
			int r = write_tls(c, iov[i].iov_base, iov[i].iov_len);
			if (r < 0)
				return r;
		}
		return 0;
	}
	while (m.msg_iovlen) {
		ssize_t n = sendmsg(c->fd, &m, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN) {
			struct pollfd p = {.fd = c->fd, .events = POLLOUT};
			poll(&p, 1, -1);
			continue;
		}
		if (n < 0)
			return -errno;
		while (m.msg_iovlen && (size_t)n >= m.msg_iov->iov_len) {
			n -= (ssize_t)m.msg_iov->iov_len;
			m.msg_iov++;
			m.msg_iovlen--;
		}
		if (m.msg_iovlen) {
			m.msg_iov->iov_base = (char *)m.msg_iov->iov_base + n;
			m.msg_iov->iov_len -= (size_t)n;
		}
	}
	return 0;
}
