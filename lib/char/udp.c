/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Datagrams to one remote address: each write is one; what one brought waits until front ends have taken it. */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "char/core.h"

#define DATAGRAM 65536

struct udp {
	struct chardev *c;
	int fd;
	struct loop_fd *watch;
	struct loop_timer *more;
	bool dead;
	size_t at, size; /* what is left of the last one */
	uint8_t data[DATAGRAM];
};

static void update(struct udp *u)
{
	bool want = u->c->want_input;

	if (u->dead)
		return;
	loop_set_fd(u->watch, (want && u->at == u->size ? LOOP_READ : 0u) | (u->c->blocked ? LOOP_WRITE : 0u));
	loop_set_timer(u->more, want && u->at < u->size ? 0 : UINT64_MAX);
}

static void deliver(void *opaque)
{
	struct udp *u = opaque;
	size_t n = char_core_room(u->c);

	if (n > u->size - u->at)
		n = u->size - u->at;
	u->at += n;
	if (n)
		char_core_input(u->c, u->data + u->at - n, n);
	update(u);
}

static void ready(void *opaque, unsigned events)
{
	struct udp *u = opaque;
	ssize_t n;

	if (events & LOOP_WRITE && u->c->blocked)
		char_core_writable(u->c);
	if (u->dead || !(events & (LOOP_READ | LOOP_HANGUP)))
		return;
	/* An error that ICMP brought is taken by this too. */
	n = recv(u->fd, u->data, sizeof u->data, MSG_DONTWAIT);
	if (n > 0) {
		u->at = 0;
		u->size = (size_t)n;
		deliver(u);
	}
	update(u);
}

static int lookup(const char *host, const char *port, const struct char_spec *s, int family, bool passive, struct addrinfo **list, struct err *e)
{
	bool v4 = char_spec_bool(s, "ipv4", false), v6 = char_spec_bool(s, "ipv6", false);
	struct addrinfo hints = {.ai_family = family ? family : v4 == v6 ? AF_UNSPEC : v4 ? AF_INET : AF_INET6, .ai_socktype = SOCK_DGRAM,
				 .ai_flags = passive ? AI_PASSIVE : 0};
	int r = getaddrinfo(host && *host ? host : NULL, port && *port ? port : "0", &hints, list);

	return r ? err_set(e, EADDRNOTAVAIL, "cannot resolve %s:%s: %s", host ? host : "", port ? port : "", gai_strerror(r)) : 0;
}

static int make_socket(const struct char_spec *s, struct err *e)
{
	const char *host = char_spec_get(s, "host");
	struct addrinfo *to, *from;
	int fd = -1, on = 1, r;

	if (lookup(host && *host ? host : "localhost", char_spec_get(s, "port"), s, 0, false, &to, e) < 0)
		return -e->code;
	r = lookup(char_spec_get(s, "localaddr"), char_spec_get(s, "localport"), s, to->ai_family, true, &from, e);
	if (r == 0) {
		fd = socket(to->ai_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		if (fd >= 0)
			setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
		if (fd < 0 || bind(fd, from->ai_addr, from->ai_addrlen) < 0 || connect(fd, to->ai_addr, to->ai_addrlen) < 0)
			r = err_errno(e, errno, "cannot make a UDP socket");
		freeaddrinfo(from);
	}
	freeaddrinfo(to);
	if (r < 0 && fd >= 0)
		close(fd);
	return r < 0 ? r : fd;
}

static void udp_close(struct chardev *c)
{
	struct udp *u = c->state;

	u->dead = true;
	loop_del_fd(u->watch);
	loop_del_timer(u->more);
	if (u->fd >= 0)
		close(u->fd);
	char_core_free(c->registry, u);
}

static int udp_open(struct chardev *c, const struct char_spec *s, struct err *e)
{
	struct udp *u = calloc(1, sizeof *u);

	if (!u)
		return err_set(e, ENOMEM, "out of memory");
	u->c = c;
	c->state = u;
	u->more = loop_add_timer(char_core_loop(c), deliver, u);
	u->fd = make_socket(s, e);
	if (u->fd >= 0)
		u->watch = loop_add_fd(char_core_loop(c), u->fd, LOOP_READ, ready, u, e);
	if (!u->watch || !u->more) {
		udp_close(c);
		c->state = NULL;
		return e->code ? -e->code : err_set(e, ENOMEM, "out of memory");
	}
	c->opened = true;
	update(u);
	return 0;
}

static size_t udp_write(struct chardev *c, const uint8_t *data, size_t n)
{
	struct udp *u = c->state;
	/* RFC 768: a datagram over IPv4 holds at most 65,507 bytes. */
	size_t most = n < 65507 ? n : 65507;
	ssize_t r = send(u->fd, data, most, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (r >= 0 || errno != EAGAIN)
		return most; /* nobody there: it is lost, as datagrams are */
	c->blocked = true;
	update(u);
	return 0;
}

static void udp_want(struct chardev *c)
{
	update(c->state);
}

static int udp_check(const struct char_spec *s, struct err *e)
{
	const char *port = char_spec_get(s, "port");
	return port && *port ? 0 : err_set(e, EINVAL, "chardev: udp: remote port not specified");
}

static const struct char_prop udp_props[] = {{.name = "host", .type = PROP_TEXT}, {.name = "port", .type = PROP_TEXT}, {.name = "localaddr", .type = PROP_TEXT}, {.name = "localport", .type = PROP_TEXT},
					     {.name = "ipv4", .type = PROP_BOOL}, {.name = "ipv6", .type = PROP_BOOL}, {0}};
const struct char_class char_udp = {.name = "udp", .help = "datagrams", .props = udp_props, .check = udp_check, .open = udp_open, .close = udp_close,
				    .write = udp_write, .want = udp_want};
