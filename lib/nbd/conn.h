/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One NBD connection's bytes: a stream socket, plain or under TLS, with a read buffer.
 *
 * One thread may read while another writes. Reads and writes are whole; they block on the socket.
 */
#ifndef NBD_CONN_H
#define NBD_CONN_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>
#include "base/err.h"

struct tls_creds;
struct tls_session;

#define NBD_CONN_BUFFER 65536

struct nbd_conn {
	int fd;
	struct tls_session *tls;
	char *buf; /* NBD_CONN_BUFFER bytes; [start, end) not yet taken */
	size_t start, end;
	uint64_t deadline; /* CLOCK_MONOTONIC ms after which reads give -ETIMEDOUT; 0: none */
};

int nbd_conn_init(struct nbd_conn *c, int fd); /* takes over fd; 0 or -ENOMEM (fd is closed then) */
void nbd_conn_close(struct nbd_conn *c);       /* NULL-safe fields; may be called twice */
/* Makes both directions fail at once for whoever is blocked on them; any thread. */
void nbd_conn_shutdown(struct nbd_conn *c);
/* From now on under TLS; the handshake is done here. hostname as tls_session_new() has it. */
int nbd_conn_start_tls(struct nbd_conn *c, struct tls_creds *creds, const char *hostname, struct err *e);

/* Reads fail after that many ms from now; 0: never (again). The TLS handshake counts as reading. */
void nbd_conn_set_deadline(struct nbd_conn *c, unsigned ms);

/* 0; -EPIPE: the peer closed between messages (nothing of this one was read); -ECONNRESET in the middle; -errno. */
int nbd_conn_read(struct nbd_conn *c, void *data, size_t size);
/* The same into several places: `size` bytes from `skip` bytes into what iov describes. */
int nbd_conn_readv(struct nbd_conn *c, const struct iovec *iov, unsigned count, size_t skip, size_t size);
int nbd_conn_skip(struct nbd_conn *c, size_t size);
int nbd_conn_write(struct nbd_conn *c, struct iovec *iov, int count); /* iov is changed */
/* A head, then `size` bytes from `skip` bytes into what iov describes, which stays as it is. */
int nbd_conn_writev(struct nbd_conn *c, const void *head, size_t head_size, const struct iovec *iov, unsigned count, size_t skip, size_t size);
/* Bytes that are here already, without asking the socket. */
static inline size_t nbd_conn_buffered(const struct nbd_conn *c)
{
	return c->end - c->start;
}
#endif
