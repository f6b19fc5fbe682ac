/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A port of a VDE switch (vde_switch(1)). A request on the switch's control socket names a datagram socket of ours and is answered with the switch's for
 * us; frames are datagrams between the two, and the port lives as long as the control connection.
 */
#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include "base/sandbox.h"
#include "base/sock.h"
#include "dgram.h"

#define MAGIC 0xfeedfaceu
#define VERSION 3
#define NEW_CONTROL 0
#define PORTS 65535
#define DEFAULT_SWITCH "/var/run/vde.ctl"

struct request {
	uint32_t magic, version, type; /* type: NEW_CONTROL, the port above 8 bits; 0: any */
	struct sockaddr_un sock;
	char description[128];
} __attribute__((packed));

struct vde {
	struct dgram d; /* first */
	int control;
	char path[108];
};

static void end(struct dgram *d)
{
	struct vde *v = (struct vde *)d;

	if (v->control >= 0)
		close(v->control);
	if (v->path[0])
		unlink(v->path);
}

/* Our socket stands beside the switch's directory's sockets, or, where we may not write, in /tmp; the switch must reach it. */
static int bind_data(struct vde *v, const char *dir, struct request *q, struct err *e)
{
	const char *const places[] = {dir, "/tmp/emu-vde"};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un own;

	if (fd < 0)
		return err_errno(e, errno, "vde");
	v->d.fd[0] = v->d.out = fd;
	v->d.fds = 1;
	for (unsigned i = 0; i < 2; i++) {
		own = (struct sockaddr_un){.sun_family = AF_UNIX};
		if (snprintf(own.sun_path, sizeof own.sun_path, "%s.%05d-%05d", places[i], (int)getpid(), fd) >= (int)sizeof own.sun_path)
			continue;
		unlink(own.sun_path);
		if (bind(fd, (struct sockaddr *)&own, sizeof own) == 0) {
			snprintf(v->path, sizeof v->path, "%s", own.sun_path);
			q->sock = own;
			return 0;
		}
	}
	return err_errno(e, errno, "vde: cannot bind a socket beside %s", dir);
}

static int plug(struct vde *v, const char *dir, int64_t port, const char *group, mode_t mode, struct err *e)
{
	struct request q = {.magic = MAGIC, .version = VERSION, .type = NEW_CONTROL | (uint32_t)port << 8};
	struct sockaddr_un there = {0};
	char control[108];
	struct stat st;
	int r;

	if (stat(dir, &st) < 0)
		return err_errno(e, errno, "vde: there is no switch at %s", dir);
	snprintf(control, sizeof control, S_ISDIR(st.st_mode) ? "%.98s/ctl" : "%.98s", dir);
	v->control = r = sock_connect_unix(control, SOCK_STREAM, e);
	if (r < 0)
		return err_prefix(e, "vde");
	r = bind_data(v, dir, &q, e);
	if (r < 0)
		return r;
	/* The switch may be another user's. */
	chmod(v->path, mode);
	if (group) {
		struct group *g = getgrnam(group);
		if (!g)
			return err_set(e, EINVAL, "group=%s: there is no such group", group);
		if (chown(v->path, (uid_t)-1, g->gr_gid) < 0)
			return err_errno(e, errno, "group=%s", group);
	}
	snprintf(q.description, sizeof q.description, "%s pid=%d", err_program(), (int)getpid());
	r = fd_write_all(v->control, &q, sizeof q - sizeof q.description + strlen(q.description));
	if (r == 0)
		r = fd_read_all(v->control, &there, sizeof there);
	if (r < 0)
		return err_errno(e, -r, "vde: the switch at %s refuses%s", dir, port ? " that port" : "");
	there.sun_path[sizeof there.sun_path - 1] = 0;
	if (there.sun_family != AF_UNIX || connect(v->d.out, (struct sockaddr *)&there, sizeof there) < 0)
		return err_errno(e, errno, "vde: cannot reach the switch's socket %.100s", there.sun_path);
	snprintf(v->d.text, sizeof v->d.text, "sock=%.100s", dir);
	return 0;
}

static int add(struct net *n, const char *id, const struct keyval *kv, struct err *e)
{
	static const char *const known[] = {"sock", "port", "group", "mode", NULL};
	const char *dir = keyval_get(kv, "sock"), *mode = keyval_get(kv, "mode");
	int64_t port = 0;
	unsigned long bits = 0700;
	char *rest;
	struct vde *v;
	int r;

	if (backend_check(kv, known, e) < 0 || backend_number(kv, "port", 0, PORTS, &port, e) < 0)
		return -e->code;
	if (mode && ((bits = strtoul(mode, &rest, 8)) > 0777 || *rest || rest == mode))
		return err_set(e, EINVAL, "mode=%s: an octal number up to 0777", mode);
	v = calloc(1, sizeof *v);
	if (!v)
		return err_set(e, ENOMEM, "out of memory");
	v->control = v->d.out = -1;
	v->d.socket = true;
	r = plug(v, dir && *dir ? dir : DEFAULT_SWITCH, port, keyval_get(kv, "group"), (mode_t)bits, e);
	if (r < 0) {
		end(&v->d);
		if (v->d.fds)
			close(v->d.fd[0]);
		free(v);
		return r;
	}
	v->d.end = end;
	n->allow |= SANDBOX_UNLINK;
	net_needs_path(n, v->path, true, true);
	return dgram_add(n, &v->d, "vde", id, 0, e);
}

const struct backend backend_vde = {.type = "vde", .help = "sock=DIR (the switch), port=, group=, mode=", .add = add};
