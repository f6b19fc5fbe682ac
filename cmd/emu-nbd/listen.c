/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Listening sockets, and what becomes of who connects. */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/sock.h"
#include "crypto/authz.h"
#include "crypto/object.h"
#include "crypto/tls.h"
#include "daemon.h"
#include "nbd/kernel.h"
#include "proto/nbd.h"

static void on_gone(void *opaque)
{
	struct listener *l = opaque;
	struct daemon *d = l->daemon;

	if (!l->server)
		return;
	/* What many clients needed at once is not kept for ever. */
	if (nbd_server_clients(l->server) == 0)
		malloc_trim(0);
	/* Without -t the last client's end is the server's. */
	if (l == &d->own && !d->set->persistent && !d->ctl && d->seen_client && nbd_server_clients(l->server) == 0)
		loop_stop(d->loop, 0);
	else if (l->watch)
		loop_set_fd(l->watch, LOOP_READ);
}

static void client_gone(void *opaque, unsigned left)
{
	struct listener *l = opaque;

	(void)left;
	loop_post(l->daemon->loop, on_gone, l);
}

static void log_client(void *opaque, const char *message)
{
	struct listener *l = opaque;

	if (l->daemon->set->verbose)
		err_print("%s", message);
}

static void on_connection(void *opaque, unsigned events)
{
	struct listener *l = opaque;
	struct daemon *d = l->daemon;
	struct err e = ERR_INIT;
	int fd;

	(void)events;
	/* At the limit a client waits in the backlog, as classic clients expect, until another leaves. */
	if (l == &d->own && d->set->shared && nbd_server_clients(l->server) >= (unsigned)d->set->shared) {
		loop_set_fd(l->watch, 0);
		return;
	}
	fd = sock_accept(l->fd, &e);
	if (fd < 0)
		return;
	d->seen_client = true;
	if (nbd_server_client(l->server, fd, &e) < 0 && d->set->verbose)
		err_report(&e);
}

/* Socket activation (sd_listen_fds(3)): one inherited listening socket, fd 3. -1: none. */
static int activated(void)
{
	const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");

	if (!pid || !count || strtol(pid, NULL, 10) != (long)getpid() || strcmp(count, "1"))
		return -1;
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	fcntl(3, F_SETFD, FD_CLOEXEC);
	return 3;
}

int listen_command_line(struct daemon *d, struct err *e)
{
	const struct settings *set = d->set;
	struct listener *l = &d->own;
	int fd = set->listen_fd >= 0 ? (int)set->listen_fd : activated();

	if (fd >= 0) {
		if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
			return err_errno(e, errno, "--listen-fd %d", fd);
		if (set->socket || set->port || set->bind)
			return err_set(e, EINVAL, "the socket is inherited, so --socket, --port and --bind make no sense");
	} else if (set->socket) {
		if (set->socket[0] != '/')
			return err_set(e, EINVAL, "the socket path '%s' must be absolute", set->socket);
		fd = sock_listen_unix(set->socket, SOCK_STREAM, 0700, e);
		if (fd >= 0)
			l->path = strdup(set->socket);
	} else if ((set->vhost || set->connect) && !set->port && !set->bind) {
		return 0;
	} else {
		fd = sock_listen_tcp(set->bind ? set->bind : "0.0.0.0", set->port ? set->port : NBD_PORT, false, false, e);
	}
	if (fd < 0)
		return fd;
	l->fd = fd;
	return 0;
}

static bool authorize(void *opaque, const char *peer_name)
{
	return authz_allows(((struct listener *)opaque)->authz, peer_name);
}

int listener_server(struct daemon *d, struct listener *l, const char *tls, const char *authz, unsigned max_clients, struct err *e)
{
	struct nbd_server_config config = {.client_gone = client_gone, .log = log_client, .opaque = l, .max_clients = max_clients};

	if (authz && !tls)
		return err_set(e, EINVAL, "an access list looks at certificates: TLS credentials are needed too");
	if (tls && (!(config.tls = objects_tls_creds(d->objects, tls, e)) || tls_creds_check_endpoint(config.tls, true, e) < 0)) {
		tls_creds_unref(config.tls);
		return -e->code;
	}
	if (authz) {
		l->authz = objects_authz(d->objects, authz, e);
		config.authorize = authorize;
	}
	l->daemon = d;
	l->server = authz && !l->authz ? NULL : nbd_server_new(&config, e);
	tls_creds_unref(config.tls);
	return l->server ? 0 : -e->code;
}

int listen_kernel(struct daemon *d, struct err *e)
{
	unsigned count = d->set->shared == 1 ? 1 : d->set->shared && d->set->shared < 4 ? (unsigned)d->set->shared : 4;
	int index = nbd_kernel_index(d->set->connect, e), nl = index < 0 ? index : nbd_kernel_open(e), ours[4], theirs[4], r = nl < 0 ? nl : 0;
	unsigned made = 0;

	/* The export has its clients before the kernel asks the first of them for the partition table. */
	for (; r == 0 && made < count; made++) {
		int pair[2];
		r = sock_pair(SOCK_STREAM, pair, e);
		if (r < 0)
			break;
		ours[made] = pair[0];
		theirs[made] = pair[1];
		r = nbd_server_client_in(d->own.server, ours[made], d->exports->x.nbd.name, e);
	}
	d->seen_client = true;
	if (r == 0)
		r = nbd_kernel_connect(nl, (unsigned)index, theirs, count, disk_size(d->exports->disk), d->exports->x.align > 512 ? d->exports->x.align : 512,
				       nbd_server_flags(&d->exports->x.nbd), e);
	while (made)
		close(theirs[--made]);
	if (r == 0) {
		d->kernel_nl = nl;
		d->kernel_index = index;
	} else if (nl >= 0) {
		close(nl);
	}
	return r;
}

int listen_watch(struct daemon *d, struct listener *l, struct err *e)
{
	if (l->fd < 0)
		return 0;
	l->watch = loop_add_fd(d->loop, l->fd, LOOP_READ, on_connection, l, e);
	return l->watch ? 0 : -e->code;
}

void listener_stop(struct listener *l)
{
	if (l->watch)
		loop_del_fd(l->watch);
	l->watch = NULL;
	nbd_server_free(l->server);
	l->server = NULL;
	authz_unref(l->authz);
	l->authz = NULL;
	json_decref(l->again);
	l->again = NULL;
	if (l->fd >= 0)
		close(l->fd);
	l->fd = -1;
	if (l->path)
		unlink(l->path);
	free(l->path);
	l->path = NULL;
}
