/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/sock.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

/*
 * Fills *addr for path. A long path becomes /proc/self/fd/N/NAME with *dir_fd on its directory (close it after
 * the call; -1: none was needed). A leading '@' is the abstract name space.
 */
static int unix_address(const char *path, struct sockaddr_un *addr, socklen_t *len, int *dir_fd, struct err *e)
{
	size_t n = strlen(path);
	const char *slash = strrchr(path, '/');
	char *dir;
	int r;

	*dir_fd = -1;
	memset(addr, 0, sizeof *addr);
	addr->sun_family = AF_UNIX;
	if (n == 0)
		return err_set(e, EINVAL, "empty socket path");
	if (n < sizeof addr->sun_path) {
		memcpy(addr->sun_path, path, n + 1);
		*len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n + 1);
		if (path[0] == '@') {
			addr->sun_path[0] = '\0';
			(*len)--;
		}
		return 0;
	}
	if (path[0] == '@')
		return err_set(e, ENAMETOOLONG, "%.40s…: an abstract socket name has at most %zu bytes", path,
			       sizeof addr->sun_path - 1);
	dir = slash ? strndup(path, slash == path ? 1 : (size_t)(slash - path)) : strdup(".");
	if (!dir)
		return err_set(e, ENOMEM, "out of memory");
	*dir_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (*dir_fd < 0) {
		r = err_errno(e, errno, "%s", dir);
		free(dir);
		return r;
	}
	free(dir);
	r = snprintf(addr->sun_path, sizeof addr->sun_path, "/proc/self/fd/%d/%s", *dir_fd, slash ? slash + 1 : path);
	if (r >= (int)sizeof addr->sun_path) {
		close(*dir_fd);
		*dir_fd = -1;
		return err_set(e, ENAMETOOLONG, "%s: the socket's own name is too long", path);
	}
	*len = sizeof *addr;
	return 0;
}

static int connect_address(const struct sockaddr_un *addr, socklen_t len, int type)
{
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0), r;

	if (fd < 0)
		return -errno;
	do
		r = connect(fd, (const struct sockaddr *)addr, len);
	while (r < 0 && errno == EINTR);
	if (r < 0) {
		r = -errno;
		close(fd);
		return r;
	}
	return fd;
}

int sock_connect_unix(const char *path, int type, struct err *e)
{
	struct sockaddr_un addr;
	socklen_t len;
	int dir, fd = unix_address(path, &addr, &len, &dir, e);

	if (fd < 0)
		return fd;
	fd = connect_address(&addr, len, type);
	if (dir >= 0)
		close(dir);
	return fd < 0 ? err_errno(e, -fd, "cannot connect to %s", path) : fd;
}

int sock_wait_unix(const char *path, int type, int timeout_ms, struct err *e)
{
	struct timespec start, now, pause = {.tv_nsec = 500000}; /* parts that are started together are there within a few milliseconds */

	clock_gettime(CLOCK_MONOTONIC, &start);
	for (;;) {
		int fd = sock_connect_unix(path, type, e);
		if (fd >= 0 || (fd != -ENOENT && fd != -ECONNREFUSED))
			return fd;
		clock_gettime(CLOCK_MONOTONIC, &now);
		if ((now.tv_sec - start.tv_sec) * 1000 + (now.tv_nsec - start.tv_nsec) / 1000000 >= timeout_ms)
			return err_set(e, -fd, "waited %d ms, but nobody listens on %s", timeout_ms, path);
		nanosleep(&pause, NULL);
		if (pause.tv_nsec < 8000000)
			pause.tv_nsec *= 2;
	}
}

/* Removes the path if it is a socket that nobody listens on. */
static void remove_stale(const char *path, const struct sockaddr_un *addr, socklen_t len, int type)
{
	struct stat st;
	int fd;

	if (lstat(path, &st) < 0 || !S_ISSOCK(st.st_mode))
		return;
	fd = connect_address(addr, len, type);
	if (fd >= 0)
		close(fd);
	else if (fd == -ECONNREFUSED)
		unlink(path);
}

int sock_listen_unix(const char *path, int type, mode_t mode, struct err *e)
{
	struct sockaddr_un addr;
	socklen_t len;
	int dir, fd, r = unix_address(path, &addr, &len, &dir, e);

	if (r < 0)
		return r;
	fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
	if (fd < 0) {
		r = err_errno(e, errno, "cannot make a socket");
		goto out;
	}
	/* bind() takes the mode from the socket's inode, so that nobody can connect in between. */
	fchmod(fd, mode);
	r = bind(fd, (struct sockaddr *)&addr, len);
	if (r < 0 && errno == EADDRINUSE && path[0] != '@') {
		remove_stale(path, &addr, len, type);
		r = bind(fd, (struct sockaddr *)&addr, len);
	}
	if (r < 0) {
		r = errno == EADDRINUSE ? err_set(e, EADDRINUSE, "%s is in use: something listens there", path)
					: err_errno(e, errno, "cannot listen on %s", path);
		goto out;
	}
	if (type != SOCK_DGRAM && listen(fd, 128) < 0)
		r = err_errno(e, errno, "cannot listen on %s", path);
out:
	if (dir >= 0)
		close(dir);
	if (r < 0 && fd >= 0)
		close(fd);
	return r < 0 ? r : fd;
}

static int resolve(const char *host, const char *port, bool ipv4, bool ipv6, bool listening, struct addrinfo **list,
		   struct err *e)
{
	struct addrinfo hints = {
		.ai_family = ipv4 == ipv6 ? AF_UNSPEC : ipv4 ? AF_INET : AF_INET6,
		.ai_socktype = SOCK_STREAM,
		.ai_flags = listening ? AI_PASSIVE : AI_ADDRCONFIG,
	};
	int r = getaddrinfo(host && *host ? host : NULL, port, &hints, list);

	if (r == EAI_SYSTEM)
		return err_errno(e, errno, "cannot resolve %s:%s", host ? host : "", port);
	if (r)
		return err_set(e, EADDRNOTAVAIL, "cannot resolve %s:%s: %s", host ? host : "", port, gai_strerror(r));
	return 0;
}

int sock_listen_tcp(const char *host, const char *port, bool ipv4, bool ipv6, struct err *e)
{
	struct addrinfo *list, *a;
	int fd = -1, r = resolve(host, port, ipv4, ipv6, true, &list, e), on = 1, last = EADDRNOTAVAIL;

	if (r < 0)
		return r;
	/* IPv6 first: its "any" takes IPv4 connections too. */
	for (int pass = 0; pass < 2 && fd < 0; pass++)
		for (a = list; a && fd < 0; a = a->ai_next) {
			if ((a->ai_family == AF_INET6) != (pass == 0))
				continue;
			fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC, 0);
			if (fd < 0) {
				last = errno;
				continue;
			}
			setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
			if (a->ai_family == AF_INET6) {
				int only = ipv6 && !ipv4;
				setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof only);
			}
			if (bind(fd, a->ai_addr, a->ai_addrlen) < 0 || listen(fd, 128) < 0) {
				last = errno;
				close(fd);
				fd = -1;
			}
		}
	freeaddrinfo(list);
	return fd < 0 ? err_errno(e, last, "cannot listen on %s:%s", host ? host : "", port) : fd;
}

int sock_connect_tcp(const char *host, const char *port, bool ipv4, bool ipv6, struct err *e)
{
	struct addrinfo *list, *a;
	int fd = -1, r = resolve(host, port, ipv4, ipv6, false, &list, e), on = 1, last = EADDRNOTAVAIL;

	if (r < 0)
		return r;
	for (a = list; a; a = a->ai_next) {
		fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC, 0);
		if (fd < 0) {
			last = errno;
			continue;
		}
		do
			r = connect(fd, a->ai_addr, a->ai_addrlen);
		while (r < 0 && errno == EINTR);
		if (r == 0) {
			setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
			break;
		}
		last = errno;
		close(fd);
		fd = -1;
	}
	freeaddrinfo(list);
	return fd < 0 ? err_errno(e, last, "cannot connect to %s:%s", host ? host : "", port) : fd;
}

int sock_accept(int fd, struct err *e)
{
	int c, on = 1;

	do
		c = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
	while (c < 0 && (errno == EINTR || errno == ECONNABORTED));
	if (c < 0)
		return err_errno(e, errno, "cannot accept a connection");
	setsockopt(c, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on); /* no effect on UNIX sockets */
	return c;
}

int sock_pair(int type, int fds[2], struct err *e)
{
	if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, fds) < 0)
		return err_errno(e, errno, "cannot make a socket pair");
	return 0;
}

char *sock_name(int fd, bool peer, char *buf, size_t size)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof ss;
	char host[NI_MAXHOST], port[NI_MAXSERV];

	snprintf(buf, size, "?");
	if ((peer ? getpeername : getsockname)(fd, (struct sockaddr *)&ss, &len) < 0)
		return buf;
	if (ss.ss_family == AF_UNIX) {
		struct sockaddr_un *un = (struct sockaddr_un *)&ss;
		size_t n = len - offsetof(struct sockaddr_un, sun_path);
		if (n > 0 && un->sun_path[0])
			snprintf(buf, size, "%.*s", (int)n, un->sun_path);
		else
			snprintf(buf, size, "unix");
		return buf;
	}
	if (!getnameinfo((struct sockaddr *)&ss, len, host, sizeof host, port, sizeof port,
			 NI_NUMERICHOST | NI_NUMERICSERV))
		snprintf(buf, size, ss.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
	return buf;
}

int sock_send_fds(int sock, const void *data, size_t size, const int *fds, unsigned count)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(SOCK_MAX_FDS * sizeof(int))];
	} control;
	struct iovec iov = {.iov_base = (void *)(uintptr_t)data, .iov_len = size};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};

	if (count > SOCK_MAX_FDS || size == 0)
		return -EINVAL;
	if (count) {
		struct cmsghdr *c = &control.align;
		memset(&control, 0, sizeof control);
		m.msg_control = &control;
		m.msg_controllen = CMSG_SPACE(count * sizeof(int));
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(count * sizeof(int));
		memcpy(CMSG_DATA(c), fds, count * sizeof(int));
	}
	while (iov.iov_len) {
		ssize_t n = sendmsg(sock, &m, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN) {
			struct pollfd p = {.fd = sock, .events = POLLOUT};
			poll(&p, 1, -1);
			continue;
		}
		if (n < 0)
			return -errno;
		iov.iov_base = (char *)iov.iov_base + n;
		iov.iov_len -= (size_t)n;
		m.msg_control = NULL;
		m.msg_controllen = 0;
	}
	return 0;
}

ssize_t sock_recv_fds(int sock, void *data, size_t size, int *fds, unsigned *count)
{
	/* Room for the most the kernel passes at once, so that none is lost unseen. */
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(253 * sizeof(int))];
	} control;
	struct iovec iov = {.iov_base = data, .iov_len = size};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
	unsigned room = *count;
	ssize_t n;

	*count = 0;
	do
		n = recvmsg(sock, &m, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
		unsigned got;
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		got = (unsigned)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
		for (unsigned i = 0; i < got; i++) {
			int fd;
			memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
			if (*count < room)
				fds[(*count)++] = fd;
			else
				close(fd);
		}
	}
	return n;
}

int fd_read_all(int fd, void *data, size_t size)
{
	char *p = data;

	while (size) {
		ssize_t n = read(fd, p, size);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return -EPIPE;
		p += n;
		size -= (size_t)n;
	}
	return 0;
}

int fd_write_all(int fd, const void *data, size_t size)
{
	const char *p = data;

	while (size) {
		ssize_t n = write(fd, p, size);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		p += n;
		size -= (size_t)n;
	}
	return 0;
}

int fd_set_nonblock(int fd, bool on)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || fcntl(fd, F_SETFL, on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK) < 0)
		return -errno;
	return 0;
}
