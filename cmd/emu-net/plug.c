/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Plugs: sockets to which machines (or other networks) connect. Each connection is a port of its own, so several machines may use one plug. A
 * plug that this program connects to is a back end: plug,unix=PATH.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/size.h"
#include "base/sock.h"
#include "wire.h"

struct cable {
	struct port port; /* first */
	struct wire wire;
	char *path;       /* connected to by us: again when it ends; NULL: not */
	struct loop_timer *again;
};

struct listener {
	struct port port; /* first: takes no frames, but lives and ends with the others */
	struct loop_fd *watch;
	int fd;
	char name[64];
	unsigned connections;
	char *unlink_path;
};

static void cable_send(struct port *p, const struct frame_header *h, const uint8_t *frame, size_t size)
{
	wire_send(&((struct cable *)p)->wire, h, frame, size);
}

static void cable_flush(struct port *p)
{
	wire_flush(&((struct cable *)p)->wire);
}

static void cable_info(struct port *p, char *buf, size_t size)
{
	struct cable *c = (struct cable *)p;

	snprintf(buf, size, "%s%s%s", c->path ? c->path : "connected", c->wire.fd < 0 ? ", waiting" : "", c->wire.out_header ? ", vnet_hdr=on" : "");
}

static void cable_free(struct port *p)
{
	struct cable *c = (struct cable *)p;

	c->wire.gone = NULL;
	wire_close(&c->wire);
	loop_del_timer(c->again);
	free(c->path);
	free(c);
}

static const struct port_ops cable_ops = {.type = "plug", .send = cable_send, .flush = cable_flush, .info = cable_info, .free = cable_free};

static void cable_gone(struct wire *w, void *opaque)
{
	struct cable *c = opaque;

	(void)w;
	if (c->path)
		loop_set_timer(c->again, loop_now() + 100000000);
	else
		port_drop(&c->port);
}

static struct cable *cable_new(void)
{
	struct cable *c = calloc(1, sizeof *c);

	if (c) {
		c->wire.fd = -1;
		c->wire.port = &c->port;
		c->wire.gone = cable_gone;
		c->wire.opaque = c;
	}
	return c;
}

static int cable_add(struct net *n, const char *id, int fd, bool first, struct err *e)
{
	struct cable *c = cable_new();
	int r = c ? 0 : err_set(e, ENOMEM, "out of memory");

	if (r == 0)
		r = port_add(n, &c->port, &cable_ops, id, e);
	if (r < 0) {
		free(c);
		return r;
	}
	r = wire_open(&c->wire, &c->port, fd, first, e);
	if (r < 0)
		port_drop(&c->port);
	return r;
}

/* ---- listening ---- */

static void listener_send(struct port *p, const struct frame_header *h, const uint8_t *frame, size_t size)
{
	(void)p, (void)h, (void)frame, (void)size;
}

static void listener_free(struct port *p)
{
	struct listener *l = (struct listener *)p;

	loop_del_fd(l->watch);
	if (l->fd >= 0)
		close(l->fd);
	if (l->unlink_path)
		unlink(l->unlink_path);
	free(l->unlink_path);
	free(l);
}

static void listener_info(struct port *p, char *buf, size_t size)
{
	sock_name(((struct listener *)p)->fd, false, buf, size);
}

static const struct port_ops listener_ops = {.type = "listen", .send = listener_send, .info = listener_info, .free = listener_free};

static void incoming(void *opaque, unsigned events)
{
	struct listener *l = opaque;
	struct err e = ERR_INIT;
	char id[64];
	int fd = sock_accept(l->fd, &e);

	(void)events;
	if (fd < 0)
		return;
	for (unsigned i = 0; i < NET_PORTS; i++) {
		if (i)
			snprintf(id, sizeof id, "%.50s/%u", l->name, i + 1);
		else
			snprintf(id, sizeof id, "%s", l->name);
		if (!port_find(l->port.net, id))
			break;
	}
	if (cable_add(l->port.net, id, fd, false, &e) < 0) {
		err_report(&e);
		close(fd);
	}
}

static int listen_on(struct net *n, const char *id, int fd, const char *unlink_path, struct err *e)
{
	struct listener *l = calloc(1, sizeof *l);
	int r;

	if (!l)
		return err_set(e, ENOMEM, "out of memory");
	l->fd = -1;
	r = port_add(n, &l->port, &listener_ops, NULL, e);
	if (r < 0) {
		free(l);
		return r;
	}
	l->port.down = true;
	snprintf(l->name, sizeof l->name, "%s", id ? id : "machine");
	fd_set_nonblock(fd, true);
	l->watch = loop_add_fd(n->loop, fd, LOOP_READ, incoming, l, e);
	if (!l->watch) {
		port_drop(&l->port);
		return -e->code;
	}
	l->fd = fd;
	l->unlink_path = unlink_path ? strdup(unlink_path) : NULL;
	if (unlink_path)
		net_needs_path(n, unlink_path, true, true);
	return 0;
}

/* Words between commas: the address is one that begins with unix: or fd:, the others are KEY=VALUE. A doubled comma is one in a path. */
static int parse(const char *text, char *address, size_t size, struct keyval *kv, struct err *e)
{
	const char *at = NULL;
	char *rest;
	size_t n = 0;
	int r;

	for (const char *p = text; p && !at; p = strchr(p, ',') ? strchr(p, ',') + 1 : NULL)
		if (!strncmp(p, "unix:", 5) || !strncmp(p, "fd:", 3))
			at = p;
	if (!at)
		return err_set(e, EINVAL, "unix:PATH or fd:N is expected");
	const char *end = at;
	for (; *end && (*end != ',' || end[1] == ','); end++) {
		end += *end == ',';
		if (n + 1 < size)
			address[n++] = *end;
	}
	address[n] = 0;
	rest = malloc(strlen(text) + 1);
	if (!rest)
		return err_set(e, ENOMEM, "out of memory");
	sprintf(rest, "%.*s%s", (int)(at - text), text, *end ? end + 1 : "");
	n = strlen(rest);
	if (n && rest[n - 1] == ',')
		rest[n - 1] = 0;
	r = *rest ? keyval_parse(rest, NULL, kv, e) : 0;
	free(rest);
	return r;
}

int plug_add(struct net *n, const char *text, struct err *e)
{
	static const char *const known[] = {"packet", NULL};
	char at[4096] = "";
	struct keyval kv = {0};
	int r = parse(text, at, sizeof at, &kv, e), listening = 0;
	socklen_t size = sizeof listening;
	bool packet = false;
	int64_t number;

	if (r == 0)
		r = backend_check(&kv, known, e);
	if (r == 0)
		r = backend_on_off(&kv, "packet", &packet, e);
	const char *id = r ? NULL : keyval_get(&kv, "id");
	if (r < 0) {
	} else if (!strncmp(at, "unix:", 5)) {
		int fd = at[5] ? sock_listen_unix(at + 5, packet ? SOCK_SEQPACKET : SOCK_STREAM, 0600, e) : err_set(e, EINVAL, "unix:PATH is expected");
		r = fd < 0 ? fd : listen_on(n, id, fd, at + 5, e);
		if (r < 0 && fd >= 0)
			close(fd);
	} else {
		r = number_parse("fd", at + 3, 0, INT32_MAX, &number, e);
		if (r == 0 && getsockopt((int)number, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) < 0)
			r = err_errno(e, errno, "fd %lld cannot be a plug", (long long)number);
		if (r == 0) {
			fcntl((int)number, F_SETFD, FD_CLOEXEC);
			r = listening ? listen_on(n, id, (int)number, NULL, e) : cable_add(n, id ? id : "machine", (int)number, false, e);
		}
	}
	keyval_free(&kv);
	return r < 0 ? err_prefix(e, "--plug %s", text) : 0;
}

/* ---- connecting ---- */

static void connect_again(void *opaque)
{
	struct cable *c = opaque;
	struct err e = ERR_INIT;
	int fd = sock_connect_unix(c->path, SOCK_STREAM, &e);

	if (fd >= 0 && wire_open(&c->wire, &c->port, fd, true, &e) == 0)
		return;
	if (fd >= 0)
		close(fd);
	loop_set_timer(c->again, loop_now() + 500000000);
}

static int add(struct net *n, const char *id, const struct keyval *kv, struct err *e)
{
	static const char *const known[] = {"unix", NULL};
	const char *path = keyval_get(kv, "unix");
	struct cable *c;
	int fd, r = backend_check(kv, known, e);

	if (r < 0)
		return r;
	if (!path)
		return err_set(e, EINVAL, "plug: unix=PATH is missing: the plug of another emu-net");
	c = cable_new();
	if (!c || !(c->path = strdup(path)) || !(c->again = loop_add_timer(n->loop, connect_again, c))) {
		r = err_set(e, ENOMEM, "out of memory");
	} else {
		r = port_add(n, &c->port, &cable_ops, id, e);
		if (r == 0) {
			fd = sock_wait_unix(path, SOCK_STREAM, 10000, e);
			r = fd < 0 ? fd : wire_open(&c->wire, &c->port, fd, true, e);
			if (r < 0)
				port_drop(&c->port);
			return r;
		}
	}
	if (c)
		cable_free(&c->port);
	return r;
}

const struct backend backend_plug = {.type = "plug", .help = "unix=PATH (the plug of another emu-net)", .add = add};
