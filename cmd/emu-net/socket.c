/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Networks between emulators: a TCP connection with frames as on a plug, UDP between two, multicast between any number. The formats are the classic
 * emulator's, of whose machines there may be some on the other side; so no headers are offered here.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/sandbox.h"
#include "base/size.h"
#include "base/sock.h"
#include "dgram.h"
#include "wire.h"

#define RETRY_NS 1000000000u

int backend_number(const struct keyval *kv, const char *key, int64_t min, int64_t max, int64_t *to, struct err *e)
{
	const char *v = keyval_get(kv, key);

	return v ? number_parse(key, v, min, max, to, e) : 0;
}

int backend_fd(const struct keyval *kv, const char *key, int *fd, struct err *e)
{
	int64_t n = -1;

	*fd = -1;
	if (backend_number(kv, key, 0, INT32_MAX, &n, e) < 0)
		return -e->code;
	if (n >= 0 && fcntl((int)n, F_SETFD, FD_CLOEXEC) < 0)
		return err_errno(e, errno, "%s=%lld", key, (long long)n);
	*fd = (int)n;
	return 0;
}

/* ---- TCP ---- */

struct tcp {
	struct port port; /* first */
	struct wire wire;
	int listen;
	struct loop_fd *watch;
	struct loop_timer *again;
	char *host, *service; /* connected to by us */
	bool passed;
};

static void tcp_send(struct port *p, const struct frame_header *h, const uint8_t *frame, size_t size)
{
	wire_send(&((struct tcp *)p)->wire, h, frame, size);
}

static void tcp_flush(struct port *p)
{
	wire_flush(&((struct tcp *)p)->wire);
}

static void tcp_info(struct port *p, char *buf, size_t size)
{
	struct tcp *t = (struct tcp *)p;
	char name[128];

	if (t->wire.fd >= 0)
		snprintf(buf, size, "connection %s %s", t->listen >= 0 ? "from" : "to", sock_name(t->wire.fd, true, name, sizeof name));
	else if (t->listen >= 0)
		snprintf(buf, size, "listen=%s", sock_name(t->listen, false, name, sizeof name));
	else
		snprintf(buf, size, "%s%s%s, not connected", t->host ? "connect=" : "fd", t->host ? t->host : "", t->host ? t->service : "");
}

static void tcp_free(struct port *p)
{
	struct tcp *t = (struct tcp *)p;

	t->wire.gone = NULL;
	wire_close(&t->wire);
	loop_del_fd(t->watch);
	loop_del_timer(t->again);
	if (t->listen >= 0)
		close(t->listen);
	free(t->host);
	free(t->service);
	free(t);
}

static const struct port_ops tcp_ops = {.type = "socket", .send = tcp_send, .flush = tcp_flush, .info = tcp_info, .free = tcp_free};

/* Connecting blocks for as long as a handshake takes; it is tried once a second at most. */
static void connect_again(void *opaque)
{
	struct tcp *t = opaque;
	struct err e = ERR_INIT;
	int fd = sock_connect_tcp(t->host, t->service, false, false, &e);

	if (fd >= 0 && wire_open(&t->wire, &t->port, fd, false, &e) == 0)
		return;
	if (fd >= 0)
		close(fd);
	loop_set_timer(t->again, loop_now() + RETRY_NS);
}

static void tcp_gone(struct wire *w, void *opaque)
{
	struct tcp *t = opaque;

	(void)w;
	if (t->listen >= 0)
		loop_set_fd(t->watch, LOOP_READ);
	else if (t->host)
		loop_set_timer(t->again, loop_now() + RETRY_NS);
}

/* One at a time; others wait in the backlog. */
static void incoming(void *opaque, unsigned events)
{
	struct tcp *t = opaque;
	struct err e = ERR_INIT;
	int fd = sock_accept(t->listen, &e);

	(void)events;
	if (fd < 0)
		return;
	if (wire_open(&t->wire, &t->port, fd, false, &e) < 0) {
		err_report(&e);
		close(fd);
		return;
	}
	loop_set_fd(t->watch, 0);
}

/* HOST:PORT, [V6]:PORT, :PORT */
static int split(const char *key, const char *text, char **host, char **service, struct err *e)
{
	const char *colon = strrchr(text, ':');
	size_t n = colon ? (size_t)(colon - text) : 0;

	if (!colon || !colon[1])
		return err_set(e, EINVAL, "%s=%s: HOST:PORT is expected", key, text);
	if (n >= 2 && *text == '[' && text[n - 1] == ']') {
		text++;
		n -= 2;
	}
	*host = strndup(text, n);
	*service = strdup(colon + 1);
	return *host && *service ? 0 : err_set(e, ENOMEM, "out of memory");
}

static int add_tcp(struct net *n, const char *id, int fd, const char *listen_at, const char *connect_to, struct err *e)
{
	struct tcp *t = calloc(1, sizeof *t);
	int r = t ? 0 : err_set(e, ENOMEM, "out of memory");

	if (r < 0)
		return r;
	t->listen = t->wire.fd = -1;
	t->wire.port = &t->port;
	t->wire.gone = tcp_gone;
	t->wire.opaque = t;
	r = port_add(n, &t->port, &tcp_ops, id, e);
	if (r < 0) {
		tcp_free(&t->port);
		return r;
	}
	n->allow |= SANDBOX_SOCKET | SANDBOX_CONNECT | (connect_to ? SANDBOX_OPEN | SANDBOX_IOCTL : 0u);
	/* Its name is looked up again with each connection. */
	for (unsigned i = 0; connect_to && i < 4; i++)
		net_needs_path(n, ((const char *const[]){"/etc", "/run", "/lib", "/usr/lib"})[i], false, false);
	t->again = loop_add_timer(n->loop, connect_again, t);
	if (!t->again)
		r = err_set(e, ENOMEM, "out of memory");
	else if (listen_at) {
		char *host = NULL, *service = NULL;
		r = split("listen", listen_at, &host, &service, e);
		if (r == 0)
			r = t->listen = sock_listen_tcp(*host ? host : NULL, service, false, false, e);
		if (r >= 0)
			r = (t->watch = loop_add_fd(n->loop, t->listen, LOOP_READ, incoming, t, e)) ? 0 : -e->code;
		free(host);
		free(service);
	} else if (connect_to) {
		r = split("connect", connect_to, &t->host, &t->service, e);
		if (r == 0)
			r = fd = sock_connect_tcp(t->host, t->service, false, false, e);
		if (r >= 0)
			r = wire_open(&t->wire, &t->port, fd, false, e);
	} else {
		r = wire_open(&t->wire, &t->port, fd, false, e);
	}
	if (r < 0)
		port_drop(&t->port);
	return r < 0 ? r : 0;
}

/* ---- UDP ---- */

static int resolve(const char *key, const char *text, struct sockaddr_storage *a, socklen_t *size, struct err *e)
{
	struct addrinfo hints = {.ai_socktype = SOCK_DGRAM, .ai_flags = AI_PASSIVE}, *list = NULL;
	char *host = NULL, *service = NULL;
	int r = split(key, text, &host, &service, e);

	if (r == 0) {
		int found = getaddrinfo(*host ? host : NULL, service, &hints, &list);
		if (found)
			r = err_set(e, EINVAL, "%s=%s: %s", key, text, gai_strerror(found));
		else {
			memcpy(a, list->ai_addr, list->ai_addrlen);
			*size = list->ai_addrlen;
			freeaddrinfo(list);
		}
	}
	free(host);
	free(service);
	return r;
}

static struct dgram *new_dgram(void)
{
	struct dgram *d = calloc(1, sizeof *d);

	if (d) {
		d->out = -1;
		d->socket = true;
	}
	return d;
}

static int add_udp(struct net *n, const char *id, const char *to, const char *local, struct err *e)
{
	struct sockaddr_storage peer, own;
	socklen_t peer_size, own_size;
	struct dgram *d;
	int fd, one = 1;

	if (!local)
		return err_set(e, EINVAL, "localaddr= is mandatory with udp=: the address and port that the other side sends to");
	if (resolve("udp", to, &peer, &peer_size, e) < 0 || resolve("localaddr", local, &own, &own_size, e) < 0)
		return -e->code;
	fd = socket(peer.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_errno(e, errno, "udp=%s", to);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	d = new_dgram();
	if (!d || bind(fd, (struct sockaddr *)&own, own_size) < 0 || connect(fd, (struct sockaddr *)&peer, peer_size) < 0) {
		err_errno(e, d ? errno : ENOMEM, "localaddr=%s, udp=%s", local, to);
		close(fd);
		free(d);
		return -e->code;
	}
	d->fd[0] = d->out = fd;
	d->fds = 1;
	snprintf(d->text, sizeof d->text, "udp=%.100s,localaddr=%.100s", to, local);
	return dgram_add(n, d, "socket", id, 0, e);
}

struct mcast {
	struct dgram d; /* first */
	struct sockaddr_in own;
};

static bool own_frame(struct dgram *d, const void *from, unsigned size)
{
	const struct sockaddr_in *a = from, *own = &((struct mcast *)d)->own;

	return size >= sizeof *a && a->sin_family == AF_INET && a->sin_port == own->sin_port && a->sin_addr.s_addr == own->sin_addr.s_addr;
}

/* Sent from a socket of our own, so that what comes back to us is known by its sender. */
static int open_mcast(struct mcast *c, const struct sockaddr_in *group, struct in_addr local, bool has_local, struct err *e)
{
	struct ip_mreq join = {.imr_multiaddr = group->sin_addr, .imr_interface = local};
	int in = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), out = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), one = 1;
	socklen_t size = sizeof c->own;

	if (in >= 0) {
		c->d.fd[0] = in;
		c->d.fds = 1;
	}
	c->d.out = out;
	if (in < 0 || out < 0 || setsockopt(in, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) < 0 ||
	    bind(in, (const struct sockaddr *)group, sizeof *group) < 0)
		return err_errno(e, errno, "mcast: cannot bind %s:%u", inet_ntoa(group->sin_addr), ntohs(group->sin_port));
	if (setsockopt(in, IPPROTO_IP, IP_ADD_MEMBERSHIP, &join, sizeof join) < 0)
		return err_errno(e, errno, "mcast: cannot join %s", inet_ntoa(group->sin_addr));
	setsockopt(out, IPPROTO_IP, IP_MULTICAST_LOOP, &one, sizeof one);
	if (has_local && setsockopt(out, IPPROTO_IP, IP_MULTICAST_IF, &local, sizeof local) < 0)
		return err_errno(e, errno, "mcast: localaddr");
	if (connect(out, (const struct sockaddr *)group, sizeof *group) < 0 || getsockname(out, (struct sockaddr *)&c->own, &size) < 0)
		return err_errno(e, errno, "mcast: cannot send to %s", inet_ntoa(group->sin_addr));
	return 0;
}

static int add_mcast(struct net *n, const char *id, const char *group, const char *local, struct err *e)
{
	struct sockaddr_storage a;
	struct in_addr from = {0};
	struct mcast *c;
	socklen_t size;
	int r;

	if (resolve("mcast", group, &a, &size, e) < 0)
		return -e->code;
	if (a.ss_family != AF_INET || !IN_MULTICAST(ntohl(((struct sockaddr_in *)&a)->sin_addr.s_addr)))
		return err_set(e, EINVAL, "mcast=%s: the address is no multicast address (224.0.0.0 to 239.255.255.255)", group);
	if (local && inet_pton(AF_INET, local, &from) != 1)
		return err_set(e, EINVAL, "localaddr=%s: an IPv4 address is expected", local);
	c = calloc(1, sizeof *c);
	if (!c)
		return err_set(e, ENOMEM, "out of memory");
	c->d.out = -1;
	c->d.socket = true;
	c->d.own = own_frame;
	snprintf(c->d.text, sizeof c->d.text, "mcast=%.100s", group);
	r = open_mcast(c, (struct sockaddr_in *)&a, from, local != NULL, e);
	if (r < 0) {
		if (c->d.fds)
			close(c->d.fd[0]);
		if (c->d.out >= 0)
			close(c->d.out);
		free(c);
		return r;
	}
	return dgram_add(n, &c->d, "socket", id, 0, e);
}

static int add_fd(struct net *n, const char *id, int fd, struct err *e)
{
	int type = 0;
	socklen_t size = sizeof type;
	struct dgram *d;

	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) < 0)
		return err_errno(e, errno, "fd=%d", fd);
	if (type != SOCK_DGRAM)
		return add_tcp(n, id, fd, NULL, NULL, e);
	d = new_dgram();
	if (!d)
		return err_set(e, ENOMEM, "out of memory");
	d->fd[0] = d->out = fd;
	d->fds = 1;
	snprintf(d->text, sizeof d->text, "fd=%d", fd);
	return dgram_add(n, d, "socket", id, 0, e);
}

static int add(struct net *n, const char *id, const struct keyval *kv, struct err *e)
{
	static const char *const known[] = {"fd", "listen", "connect", "mcast", "udp", "localaddr", NULL};
	const char *listen_at = keyval_get(kv, "listen"), *connect_to = keyval_get(kv, "connect"), *mcast = keyval_get(kv, "mcast"),
		   *udp = keyval_get(kv, "udp"), *local = keyval_get(kv, "localaddr");
	int fd, r = backend_check(kv, known, e);

	if (r < 0 || backend_fd(kv, "fd", &fd, e) < 0)
		return -e->code;
	if ((fd >= 0) + !!listen_at + !!connect_to + !!mcast + !!udp != 1)
		return err_set(e, EINVAL, "exactly one of listen=, connect=, mcast=, udp= or fd= is required");
	if (local && !mcast && !udp)
		return err_set(e, EINVAL, "localaddr= is only valid with mcast= or udp=");
	if (mcast)
		return add_mcast(n, id, mcast, local, e);
	if (udp)
		return add_udp(n, id, udp, local, e);
	return fd >= 0 ? add_fd(n, id, fd, e) : add_tcp(n, id, -1, listen_at, connect_to, e);
}

const struct backend backend_socket = {.type = "socket", .help = "listen=[HOST]:PORT | connect=HOST:PORT | mcast=ADDR:PORT[,localaddr=ADDR] | "
				       "udp=HOST:PORT,localaddr=[HOST]:PORT | fd=N", .add = add};
