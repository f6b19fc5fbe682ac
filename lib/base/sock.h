/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sockets: UNIX paths of any length, TCP, and file descriptors passed along (SCM_RIGHTS). */
#ifndef BASE_SOCK_H
#define BASE_SOCK_H
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include "base/err.h"

#define SOCK_MAX_FDS 16 /* passed with one message */

/*
 * All functions return a new close-on-exec fd or -errno. type: SOCK_STREAM, SOCK_SEQPACKET or SOCK_DGRAM.
 *
 * A path longer than a socket address can hold is reached through its directory's fd. A stale socket (nobody listens) is
 * replaced by sock_listen_unix(); a live one is EADDRINUSE and the message says so. mode: permission bits of the path.
 */
int sock_listen_unix(const char *path, int type, mode_t mode, struct err *e);
int sock_connect_unix(const char *path, int type, struct err *e);
/* Waits up to timeout_ms for somebody to listen there. */
int sock_wait_unix(const char *path, int type, int timeout_ms, struct err *e);

/* host NULL or "": any address. port: a number or service name. ipv4/ipv6: allow these (both false: both). */
int sock_listen_tcp(const char *host, const char *port, bool ipv4, bool ipv6, struct err *e);
int sock_connect_tcp(const char *host, const char *port, bool ipv4, bool ipv6, struct err *e);

int sock_accept(int fd, struct err *e);
int sock_pair(int type, int fds[2], struct err *e);

/* "host:port" or "[v6]:port" of the socket's own (peer false) or other end, or the path; into buf. Returns buf. */
char *sock_name(int fd, bool peer, char *buf, size_t size);

/*
 * Send and receive with file descriptors. sock_send_fds sends all of data (retrying short writes and EINTR), the fds with
 * the first byte. sock_recv_fds receives once: returns the bytes (0: end), *count in: room in fds, out: received; any
 * surplus fds are closed. Received fds are close-on-exec.
 */
int sock_send_fds(int sock, const void *data, size_t size, const int *fds, unsigned count);
ssize_t sock_recv_fds(int sock, void *data, size_t size, int *fds, unsigned *count);

/* Whole reads and writes on blocking fds; 0, -errno, or -EPIPE when the other end closed early. */
int fd_read_all(int fd, void *data, size_t size);
int fd_write_all(int fd, const void *data, size_t size);
int fd_set_nonblock(int fd, bool on);
#endif
