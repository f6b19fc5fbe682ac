/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * TCP and UNIX stream sockets, as client or server, with telnet or TLS over them.
 *
 * A server has one connection at a time; further ones wait in the kernel's queue. A client with reconnect= tries again in the background,
 * with the addresses that its name had at the start; one without has connected when it is made. Layers: the descriptor, TLS, telnet.
 */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/size.h"
#include "base/sock.h"
#include "char/core.h"
#include "char/stream.h"
#include "char/telnet.h"
#include "crypto/object.h"
#include "crypto/tls.h"

#define HANDSHAKE_NS 15000000000u /* for TLS */

struct sock {
	struct char_stream s;
	int listen_fd, fd, connecting;
	struct loop_fd *listen_watch, *watch; /* watch: while connecting or shaking hands */
	struct loop_timer *timer;             /* the next attempt, or the end of a handshake's patience */
	bool server, wait, telnet, nodelay, complained, unlink;
	unsigned reconnect;
	char *path, *host, *port;
	struct addrinfo *addresses, *next;    /* with reconnect= */
	struct tls_creds *creds;
	struct tls_session *tls;
	struct telnet tn;
	int got[SOCK_MAX_FDS];
	unsigned got_count;
};

static void try_connect(struct sock *k);

/* ---- the layers ---- */

static ssize_t tls_result(ssize_t n)
{
	if (n >= 0)
		return n;
	errno = (int)-n;
	return n == -EPIPE ? 0 : -1;
}

static ssize_t layer_read(struct char_stream *s, void *data, size_t n)
{
	struct sock *k = (struct sock *)s;
	struct err e = ERR_INIT;
	unsigned count;
	int fds[SOCK_MAX_FDS];
	ssize_t r;

	if (k->tls) {
		r = tls_result(tls_session_recv(k->tls, data, n, &e));
		s->pending = r > 0 && tls_session_pending(k->tls) > 0;
		return r;
	}
	if (!k->path)
		return recv(k->fd, data, n, 0);
	count = SOCK_MAX_FDS;
	r = sock_recv_fds(k->fd, data, n, fds, &count);
	for (unsigned i = 0; r >= 0 && i < count; i++)
		if (k->got_count < SOCK_MAX_FDS)
			k->got[k->got_count++] = fds[i];
		else
			close(fds[i]);
	if (r < 0)
		errno = (int)-r;
	return r < 0 ? -1 : r;
}

static ssize_t below_telnet(struct sock *k, const void *data, size_t n)
{
	struct err e = ERR_INIT;

	if (k->tls) {
		ssize_t r = tls_session_send(k->tls, data, n, &e);
		errno = r < 0 ? (int)-r : 0;
		return r < 0 ? -1 : r;
	}
	return send(k->fd, data, n, MSG_NOSIGNAL);
}

static ssize_t layer_write(struct char_stream *s, const void *data, size_t n)
{
	static const uint8_t twice[2] = {TELNET_IAC_BYTE, TELNET_IAC_BYTE};
	struct sock *k = (struct sock *)s;
	const uint8_t *iac;
	ssize_t r;

	if (!k->telnet)
		return below_telnet(k, data, n);
	if (k->tn.owed) {
		r = below_telnet(k, twice, 1);
		if (r <= 0)
			return r;
		k->tn.owed = false;
	}
	iac = memchr(data, TELNET_IAC_BYTE, n);
	if (iac != data)
		return below_telnet(k, data, iac ? (size_t)(iac - (const uint8_t *)data) : n);
	r = below_telnet(k, twice, 2);
	k->tn.owed = r == 1;
	return r > 0 ? 1 : r;
}

static void on_break(void *opaque)
{
	char_core_break(opaque);
}

static size_t layer_filter(struct char_stream *s, uint8_t *data, size_t n)
{
	struct sock *k = (struct sock *)s;
	return k->telnet ? telnet_filter(&k->tn, data, n, on_break, s->c) : n;
}

/* ---- connections ---- */

static void drop(struct sock *k)
{
	char_stream_stop(&k->s);
	loop_del_fd(k->watch);
	k->watch = NULL;
	if (k->tls)
		tls_session_free(k->tls);
	k->tls = NULL;
	if (k->fd >= 0)
		close(k->fd);
	if (k->connecting >= 0)
		close(k->connecting);
	k->fd = k->connecting = -1;
	while (k->got_count)
		close(k->got[--k->got_count]);
	k->tn = (struct telnet){0};
	k->s.pending = false;
}

static void next_peer(struct sock *k)
{
	if (k->listen_watch)
		loop_set_fd(k->listen_watch, LOOP_READ);
	loop_set_timer(k->timer, k->reconnect ? loop_now() + k->reconnect * 1000000000ull : UINT64_MAX);
}

static void ended(struct char_stream *s)
{
	struct sock *k = (struct sock *)s;
	struct chardev *c = s->c;

	if (k->tls)
		tls_session_bye(k->tls, &(struct err)ERR_INIT);
	drop(k);
	char_core_keep(c, "client", -1);
	next_peer(k);
	char_core_closed(c);
}

/* Everything below telnet is there. in_open: chardevs_add() is still at work, which tells front ends itself. */
static int up(struct sock *k, bool in_open, struct err *e)
{
	struct chardev *c = k->s.c;

	loop_set_timer(k->timer, UINT64_MAX);
	loop_del_fd(k->watch);
	k->watch = NULL;
	k->complained = false;
	/* A greeting of twelve bytes fits into an empty buffer. */
	if (k->telnet && below_telnet(k, telnet_greeting, sizeof telnet_greeting) < 0)
		return err_errno(e, errno, "cannot greet");
	if (char_stream_start(&k->s, c, k->fd, k->fd, e) < 0)
		return -e->code;
	k->wait = false;
	if (!k->tls && !k->telnet)
		char_core_keep(c, "client", k->fd);
	if (in_open) {
		c->opened = true;
		return 0;
	}
	char_core_opened(c);
	if (!k->s.dead)
		char_stream_want(&k->s);
	return 0;
}

static void complain(struct sock *k, const struct err *e)
{
	if (!k->complained)
		char_core_tell(k->s.c, "Unable to connect character device %s: %s", k->s.c->id, e->msg);
	k->complained = true;
}

static void shake(void *opaque, unsigned events)
{
	struct sock *k = opaque;
	struct err e = ERR_INIT;
	int r = tls_session_handshake(k->tls, &e);

	(void)events;
	if (r == TLS_WANT_READ || r == TLS_WANT_WRITE) {
		loop_set_fd(k->watch, r == TLS_WANT_READ ? LOOP_READ : LOOP_WRITE);
		return;
	}
	if (r < 0 || up(k, false, &e) < 0) {
		complain(k, &e);
		drop(k);
		next_peer(k);
	}
}

static void out_of_patience(struct sock *k)
{
	struct err e = ERR_INIT;

	err_set(&e, ETIMEDOUT, "the TLS handshake took too long");
	complain(k, &e);
	drop(k);
	next_peer(k);
}

static void on_timer(void *opaque)
{
	struct sock *k = opaque;

	if (k->tls && k->watch)
		out_of_patience(k);
	else
		try_connect(k);
}

/* The fd is taken in any case. */
static int connected(struct sock *k, int fd, bool in_open, struct err *e)
{
	int on = k->nodelay, r;

	k->fd = fd;
	r = fd_set_nonblock(fd, true);
	if (!k->path)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	if (k->listen_watch)
		loop_set_fd(k->listen_watch, 0);
	if (r < 0)
		return err_errno(e, -r, "cannot use the connection");
	if (!k->creds)
		return up(k, in_open, e);
	k->tls = tls_session_new(k->creds, fd, k->server ? NULL : k->host, e);
	k->watch = k->tls ? loop_add_fd(char_core_loop(k->s.c), fd, LOOP_READ | LOOP_WRITE, shake, k, e) : NULL;
	if (!k->watch)
		return -e->code;
	loop_set_timer(k->timer, loop_now() + HANDSHAKE_NS);
	return 0;
}

static void on_client(void *opaque, unsigned events)
{
	struct sock *k = opaque;
	struct err e = ERR_INIT;
	int fd = sock_accept(k->listen_fd, &e);

	(void)events;
	if (fd < 0)
		return;
	if (connected(k, fd, false, &e) < 0) {
		complain(k, &e);
		drop(k);
		next_peer(k);
	}
}

/* ---- clients that try again ---- */

static void failed(struct sock *k, int code)
{
	struct err e = ERR_INIT;

	if (k->connecting >= 0)
		close(k->connecting);
	k->connecting = -1;
	loop_del_fd(k->watch);
	k->watch = NULL;
	if (k->next) {
		try_connect(k);
		return;
	}
	err_errno(&e, code, "Failed to connect to '%s%s%s'", k->path ? k->path : k->host, k->path ? "" : ":", k->path ? "" : k->port);
	complain(k, &e);
	next_peer(k);
}

static void established(struct sock *k)
{
	int fd = k->connecting;
	struct err e = ERR_INIT;

	k->connecting = -1;
	loop_del_fd(k->watch);
	k->watch = NULL;
	k->next = NULL;
	if (connected(k, fd, false, &e) < 0) {
		complain(k, &e);
		drop(k);
		next_peer(k);
	}
}

static void on_connecting(void *opaque, unsigned events)
{
	struct sock *k = opaque;
	int error = 0;
	socklen_t len = sizeof error;

	(void)events;
	if (getsockopt(k->connecting, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
		error = errno;
	if (error)
		failed(k, error);
	else
		established(k);
}

static void try_connect(struct sock *k)
{
	struct err e = ERR_INIT;
	int r;

	if (k->path) {
		/* Not blocking: with a full queue at the other end this fails and is tried again. */
		k->connecting = sock_connect_unix(k->path, SOCK_STREAM | SOCK_NONBLOCK, &e);
		if (k->connecting < 0)
			failed(k, e.code);
		else
			established(k);
		return;
	}
	if (!k->next)
		k->next = k->addresses;
	struct addrinfo *a = k->next;
	k->next = a->ai_next;
	k->connecting = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (k->connecting < 0) {
		failed(k, errno);
		return;
	}
	r = connect(k->connecting, a->ai_addr, a->ai_addrlen);
	if (r == 0) {
		established(k);
	} else if (errno != EINPROGRESS) {
		failed(k, errno);
	} else {
		k->watch = loop_add_fd(char_core_loop(k->s.c), k->connecting, LOOP_WRITE, on_connecting, k, &e);
		if (!k->watch)
			failed(k, e.code);
	}
}

/* ---- opening ---- */

static int socket_check(const struct char_spec *s, struct err *e)
{
	const char *path = char_spec_get(s, "path"), *port = char_spec_get(s, "port"), *host = char_spec_get(s, "host");
	static const char *const tcp_only[] = {"host", "port", "to", "ipv4", "ipv6", "tls-creds"};
	bool server = char_spec_bool(s, "server", false);

	if (char_spec_get(s, "fd"))
		return 0;
	if (!path && !port)
		return err_set(e, EINVAL, "chardev: socket: no port given, nor a path");
	for (unsigned i = 0; path && i < sizeof tcp_only / sizeof *tcp_only; i++)
		if (char_spec_get(s, tcp_only[i]))
			return err_set(e, EINVAL, "chardev: socket: '%s' does not go with a path", tcp_only[i]);
	if (!path && !server && (!host || !*host))
		return err_set(e, EINVAL, "chardev: socket: no host given");
	if (server && char_spec_number(s, "reconnect", 0))
		return err_set(e, EINVAL, "'reconnect' option is incompatible with socket in server listen mode");
	if (!server && char_spec_get(s, "wait"))
		return err_set(e, EINVAL, "'wait' option is incompatible with socket in client connect mode");
	if (!server && char_spec_get(s, "to"))
		return err_set(e, EINVAL, "'to' is for servers");
	return 0;
}

static int listen_tcp(const struct sock *k, const struct char_spec *s, struct err *e)
{
	int64_t to = char_spec_number(s, "to", -1);
	bool v4 = char_spec_bool(s, "ipv4", false), v6 = char_spec_bool(s, "ipv6", false);
	int64_t first;
	int fd;

	if (char_spec_get(s, "ipv4") && !v4 && !char_spec_get(s, "ipv6"))
		v6 = true;
	if (char_spec_get(s, "ipv6") && !v6 && !char_spec_get(s, "ipv4"))
		v4 = true;
	if (to < 0)
		return sock_listen_tcp(k->host, k->port, v4, v6, e);
	if (number_parse("port", k->port, 0, 65535, &first, e) < 0)
		return err_prefix(e, "with to=");
	do {
		char port[8];
		snprintf(port, sizeof port, "%u", (unsigned)first & 0xffff);
		fd = sock_listen_tcp(k->host, port, v4, v6, e);
	} while (fd == -EADDRINUSE && first++ < to);
	return fd;
}

static mode_t mask(void)
{
	mode_t m = umask(077);

	umask(m);
	return m;
}

static int start_server(struct sock *k, const struct char_spec *s, struct err *e)
{
	struct chardev *c = k->s.c;
	int client;

	k->listen_fd = char_core_take(c, "listen");
	if (k->listen_fd < 0)
		k->listen_fd = k->path ? sock_listen_unix(k->path, SOCK_STREAM, 0777 & ~mask(), e) : listen_tcp(k, s, e);
	if (k->listen_fd < 0)
		return -e->code;
	k->unlink = k->path && k->path[0] != '@';
	fd_set_nonblock(k->listen_fd, true);
	k->listen_watch = loop_add_fd(char_core_loop(c), k->listen_fd, LOOP_READ, on_client, k, e);
	if (!k->listen_watch)
		return -e->code;
	char_core_keep(c, "listen", k->listen_fd);
	client = char_core_take(c, "client");
	if (client >= 0)
		return connected(k, client, true, e);
	return 0;
}

static int resolve(struct sock *k, const struct char_spec *s, struct err *e)
{
	bool v4 = char_spec_bool(s, "ipv4", false), v6 = char_spec_bool(s, "ipv6", false);
	struct addrinfo hints = {.ai_family = v4 == v6 ? AF_UNSPEC : v4 ? AF_INET : AF_INET6, .ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
	int r = getaddrinfo(k->host, k->port, &hints, &k->addresses);

	return r ? err_set(e, EADDRNOTAVAIL, "cannot resolve %s:%s: %s", k->host, k->port, gai_strerror(r)) : 0;
}

static int start_client(struct sock *k, const struct char_spec *s, struct err *e)
{
	int fd = char_core_take(k->s.c, "client");

	if (fd < 0 && k->reconnect) {
		if (!k->path && resolve(k, s, e) < 0)
			return -e->code;
		loop_set_timer(k->timer, 0);
		return 0;
	}
	if (fd < 0)
		fd = k->path ? sock_connect_unix(k->path, SOCK_STREAM, e)
			     : sock_connect_tcp(k->host, k->port, char_spec_bool(s, "ipv4", false), char_spec_bool(s, "ipv6", false), e);
	if (fd < 0)
		return -e->code;
	if (k->reconnect && !k->path)
		resolve(k, s, &(struct err)ERR_INIT);
	return connected(k, fd, true, e);
}

static void socket_close(struct chardev *c)
{
	struct sock *k = c->state;

	if (k->tls && !k->watch)
		tls_session_bye(k->tls, &(struct err)ERR_INIT);
	drop(k);
	loop_del_fd(k->listen_watch);
	loop_del_timer(k->timer);
	if (k->listen_fd >= 0)
		close(k->listen_fd);
	if (k->unlink)
		unlink(k->path);
	if (k->addresses)
		freeaddrinfo(k->addresses);
	tls_creds_unref(k->creds);
	char_core_keep(c, "client", -1);
	char_core_keep(c, "listen", -1);
	char_core_free(c->registry, k->path);
	char_core_free(c->registry, k->host);
	char_core_free(c->registry, k->port);
	char_core_free(c->registry, k);
}

static char *copy(const struct char_spec *s, const char *key, struct err *e)
{
	const char *v = char_spec_get(s, key);
	char *text = v ? strdup(v) : NULL;

	if (v && !text)
		err_set(e, ENOMEM, "out of memory");
	return text;
}

static int socket_open(struct chardev *c, const struct char_spec *s, struct err *e)
{
	const char *creds = char_spec_get(s, "tls-creds");
	struct sock *k = calloc(1, sizeof *k);
	int r = 0;

	if (!k)
		return err_set(e, ENOMEM, "out of memory");
	k->listen_fd = k->fd = k->connecting = -1;
	k->s = (struct char_stream){.c = c, .in = -1, .out = -1, .dead = true, .read = layer_read, .write = layer_write, .filter = layer_filter, .ended = ended};
	k->server = char_spec_bool(s, "server", false);
	k->wait = k->server && char_spec_bool(s, "wait", true);
	k->telnet = char_spec_bool(s, "telnet", false);
	k->nodelay = !char_spec_bool(s, "delay", true);
	k->reconnect = (unsigned)char_spec_number(s, "reconnect", 0);
	k->path = copy(s, "path", e);
	k->host = copy(s, "host", e);
	k->port = copy(s, "port", e);
	k->timer = loop_add_timer(char_core_loop(c), on_timer, k);
	c->state = k;
	if (!k->timer || e->code)
		r = err_set(e, ENOMEM, "out of memory");
	if (r == 0 && creds) {
		k->creds = char_core_objects(c) ? objects_tls_creds(char_core_objects(c), creds, e) : NULL;
		if (!k->creds)
			r = e->code ? -e->code : err_set(e, ENOENT, "No TLS credentials with id '%s'", creds);
		else
			r = tls_creds_check_endpoint(k->creds, k->server, e);
	}
	if (r == 0 && char_spec_get(s, "fd")) {
		int fd = fcntl((int)char_spec_number(s, "fd", -1), F_DUPFD_CLOEXEC, 3);
		r = fd < 0 ? err_errno(e, errno, "fd %s", char_spec_get(s, "fd")) : connected(k, fd, true, e);
	} else if (r == 0) {
		r = k->server ? start_server(k, s, e) : start_client(k, s, e);
	}
	if (r < 0) {
		socket_close(c);
		c->state = NULL;
	}
	return r;
}

/* ---- the rest ---- */

static size_t socket_write(struct chardev *c, const uint8_t *data, size_t n)
{
	return char_stream_write(c->state, data, n);
}

static void socket_want(struct chardev *c)
{
	char_stream_want(c->state);
}

static bool socket_waiting(struct chardev *c)
{
	return ((struct sock *)c->state)->wait;
}

static int socket_take_fd(struct chardev *c)
{
	struct sock *k = c->state;
	int fd;

	if (!k->got_count)
		return -1;
	fd = k->got[0];
	memmove(k->got, k->got + 1, --k->got_count * sizeof *k->got);
	return fd;
}

static void socket_keep(struct chardev *c)
{
	struct sock *k = c->state;

	if (k->listen_fd >= 0)
		char_core_keep(c, "listen", k->listen_fd);
	if (c->opened && !k->tls && !k->telnet)
		char_core_keep(c, "client", k->fd);
}

static char *socket_filename(struct chardev *c)
{
	struct sock *k = c->state;
	const char *protocol = k->telnet ? "telnet" : k->path ? "unix" : "tcp", *server = k->server ? ",server" : "";
	char own[300], peer[300] = "", *text = NULL;

	if (k->path) {
		return asprintf(&text, "%s%s:%s%s", c->opened ? "" : "disconnected:", protocol, k->path, server) < 0 ? NULL : text;
	}
	if (k->fd >= 0) {
		sock_name(k->fd, false, own, sizeof own);
		sock_name(k->fd, true, peer, sizeof peer);
	} else if (k->listen_fd >= 0) {
		sock_name(k->listen_fd, false, own, sizeof own);
	} else {
		snprintf(own, sizeof own, "%s:%s", k->host ? k->host : "", k->port ? k->port : "");
	}
	return asprintf(&text, "%s%s:%s%s%s%s", c->opened ? "" : "disconnected:", protocol, own, server, *peer ? " <-> " : "", peer) < 0 ? NULL : text;
}

static const struct char_prop socket_props[] = {
	{.name = "path", .type = PROP_TEXT}, {.name = "host", .type = PROP_TEXT}, {.name = "port", .type = PROP_TEXT}, {.name = "to", .type = PROP_NUMBER, .max = 65535}, {.name = "ipv4", .type = PROP_BOOL}, {.name = "ipv6", .type = PROP_BOOL},
	{.name = "delay", .type = PROP_BOOL}, {.name = "server", .type = PROP_BOOL}, {.name = "wait", .type = PROP_BOOL}, {.name = "telnet", .type = PROP_BOOL}, {.name = "reconnect", .type = PROP_NUMBER, .max = 86400},
	{.name = "tls-creds", .type = PROP_TEXT}, {.name = "fd", .type = PROP_NUMBER, .max = INT32_MAX}, {0}};
const struct char_class char_socket = {.name = "socket", .help = "a TCP or UNIX stream socket", .props = socket_props, .check = socket_check,
	.open = socket_open, .close = socket_close, .write = socket_write, .want = socket_want, .filename = socket_filename, .take_fd = socket_take_fd,
	.waiting = socket_waiting, .keep = socket_keep};
