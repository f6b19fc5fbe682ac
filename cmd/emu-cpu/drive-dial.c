/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "drive-dial.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/part.h"
#include "base/sandbox.h"
#include "base/sock.h"

struct dialer {
	int sock;
	pid_t pid;
	pthread_mutex_t lock;
};

/* The process: one request is the number of a path or a name, one answer is an errno and, when that is 0, a descriptor. */
struct request {
	uint32_t number; /* UINT32_MAX: by name */
	char name[140];
};

/* A disk's socket and nothing else: control sockets have other names, and no '/' leads elsewhere. */
static bool good_name(const char *s, size_t size)
{
	size_t n = strnlen(s, size);

	return n > 4 && n < size && s[0] != '.' && !strchr(s, '/') && !strcmp(s + n - 4, ".nbd");
}

static _Noreturn void end(const char *const *remove)
{
	for (; remove && *remove; remove++)
		unlink(*remove);
	_exit(0);
}

static _Noreturn void serve(int sock, const char *const *paths, unsigned count, const char *dir, const char *const *remove)
{
	struct err e = ERR_INIT;

	prctl(PR_SET_NAME, "dialer");
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	if (sock != 3) {
		dup3(sock, 3, O_CLOEXEC);
		sock = 3;
	}
	close_range(4, ~0u, 0);
	for (int fd = 0; fd < 2; fd++)
		close(fd);
	/* The paths are seen from the old root. */
	if (part_give_up_rights(true, &e) < 0 || sandbox_enter(SANDBOX_ON, SANDBOX_SOCKET | SANDBOX_CONNECT | SANDBOX_OPEN, &e) < 0)
		_exit(1);
	for (;;) {
		struct request q;
		char path[PATH_MAX];
		const char *to = NULL;
		int32_t error = EINVAL;
		int fd = -1;

		if (fd_read_all(sock, &q, sizeof q) < 0)
			end(remove);
		if (q.number < count)
			to = paths[q.number];
		else if (q.number == UINT32_MAX && dir && good_name(q.name, sizeof q.name) &&
			 snprintf(path, sizeof path, "%s/%s", dir, q.name) < (int)sizeof path)
			to = path;
		if (to) {
			fd = sock_connect_unix(to, SOCK_STREAM, &e);
			error = fd < 0 ? -fd : 0;
			fd = fd < 0 ? -1 : fd;
		}
		if (sock_send_fds(sock, &error, sizeof error, &fd, fd >= 0) < 0)
			end(remove);
		if (fd >= 0)
			close(fd);
	}
}

struct dialer *dialer_start(const char *const *paths, unsigned count, const char *dir, const char *const *remove, struct err *e)
{
	struct dialer *d = calloc(1, sizeof *d);
	int pair[2];

	if (!d || sock_pair(SOCK_STREAM, pair, e) < 0) {
		free(d);
		if (!e->code)
			err_set(e, ENOMEM, "out of memory");
		return NULL;
	}
	d->pid = fork();
	if (d->pid < 0) {
		err_errno(e, errno, "cannot fork");
		close(pair[0]);
		close(pair[1]);
		free(d);
		return NULL;
	}
	if (d->pid == 0)
		serve(pair[1], paths, count, dir, remove);
	close(pair[1]);
	d->sock = pair[0];
	pthread_mutex_init(&d->lock, NULL);
	return d;
}

void dialer_stop(struct dialer *d)
{
	if (!d)
		return;
	/* It sees the end, tidies up and ends, which we see. */
	char byte;
	shutdown(d->sock, SHUT_WR);
	while (read(d->sock, &byte, 1) < 0 && errno == EINTR)
		;
	close(d->sock);
	pthread_mutex_destroy(&d->lock);
	free(d);
}

static int ask(struct dialer *d, const struct request *q, struct err *e)
{
	int32_t error = 0;
	int fd = -1;
	unsigned count = 1;
	ssize_t got;

	pthread_mutex_lock(&d->lock);
	if (fd_write_all(d->sock, q, sizeof *q) < 0) {
		pthread_mutex_unlock(&d->lock);
		return err_set(e, ECONNREFUSED, "the process that connects has gone");
	}
	do
		got = sock_recv_fds(d->sock, &error, sizeof error, &fd, &count);
	while (got == -EINTR);
	pthread_mutex_unlock(&d->lock);
	if (got != sizeof error || (error == 0 && count != 1))
		return err_set(e, ECONNREFUSED, "the process that connects has gone");
	return error ? err_errno(e, error, "cannot connect") : fd;
}

int dialer_connect(struct dialer *d, unsigned n, struct err *e)
{
	const struct request q = {.number = n};

	return ask(d, &q, e);
}

int dialer_connect_name(struct dialer *d, const char *name, struct err *e)
{
	struct request q = {.number = UINT32_MAX};

	if (!good_name(name, sizeof q.name))
		return err_set(e, EINVAL, "'%.150s' is no name of a disk's socket", name);
	memcpy(q.name, name, strlen(name));
	return ask(d, &q, e);
}
