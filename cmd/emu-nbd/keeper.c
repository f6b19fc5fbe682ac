/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/sandbox.h"
#include "base/sock.h"

enum { OP_WRITE, OP_BITS, OP_DROP, OP_REMOVE };
struct request {
	uint32_t op, number, size; /* size: of the text that follows a write */
};

struct keeper {
	int sock;
	pid_t pid;
};

/* ---- the process ---- */

static int sync_dir(const char *path)
{
	char dir[4096];
	const char *slash = strrchr(path, '/');
	int fd, r;

	snprintf(dir, sizeof dir, "%.*s", slash ? (int)(slash - path + 1) : 1, slash ? path : ".");
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	r = fsync(fd) < 0 && errno != EINVAL ? -errno : 0;
	close(fd);
	return r;
}

static int write_state(const char *path, const char *text, size_t size)
{
	char name[4096];
	int fd, r;

	snprintf(name, sizeof name, "%s.new", path);
	fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	r = fd_write_all(fd, text, size);
	if (r == 0 && fsync(fd) < 0)
		r = -errno;
	if (close(fd) < 0 && r == 0)
		r = -errno;
	if (r == 0 && rename(name, path) < 0)
		r = -errno;
	if (r < 0)
		unlink(name);
	return r < 0 ? r : sync_dir(path);
}

static _Noreturn void serve(int sock, const char *path)
{
	struct err e = ERR_INIT;

	prctl(PR_SET_NAME, "state-keeper");
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	if (sock != 3) {
		dup3(sock, 3, O_CLOEXEC);
		sock = 3;
	}
	/* The images' locks would live on with their descriptors. */
	close_range(4, ~0u, 0);
	for (int fd = 0; fd < 2; fd++)
		close(fd);
	if (sandbox_enter(SANDBOX_ON, SANDBOX_SOCKET | SANDBOX_OPEN | SANDBOX_FILE, &e) < 0)
		_exit(1);
	for (;;) {
		struct request q;
		int32_t answer;
		char name[4096], *text = NULL;
		int fd = -1;

		if (fd_read_all(sock, &q, sizeof q) < 0)
			_exit(0);
		snprintf(name, sizeof name, "%s.bits.%u", path, q.number);
		if (q.op == OP_WRITE) {
			text = malloc((size_t)q.size + 1);
			/* A server that dies while it writes leaves what was there. */
			if (!text || fd_read_all(sock, text, q.size) < 0)
				_exit(0);
			answer = write_state(path, text, q.size);
			free(text);
		} else if (q.op == OP_BITS) {
			fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
			answer = fd < 0 ? -errno : 0;
		} else {
			answer = unlink(q.op == OP_DROP ? name : path) < 0 ? -errno : 0;
		}
		if (sock_send_fds(sock, &answer, sizeof answer, &fd, fd >= 0) < 0)
			_exit(0);
		if (fd >= 0)
			close(fd);
	}
}

/* ---- the server's side ---- */

struct keeper *keeper_start(const char *path, struct err *e)
{
	struct keeper *k = calloc(1, sizeof *k);
	int pair[2];

	if (!k || sock_pair(SOCK_STREAM, pair, e) < 0) {
		free(k);
		if (!e->code)
			err_set(e, ENOMEM, "out of memory");
		return NULL;
	}
	k->pid = fork();
	if (k->pid < 0) {
		err_errno(e, errno, "cannot fork");
		close(pair[0]);
		close(pair[1]);
		free(k);
		return NULL;
	}
	if (k->pid == 0)
		serve(pair[1], path);
	close(pair[1]);
	k->sock = pair[0];
	return k;
}

void keeper_stop(struct keeper *k)
{
	char byte;

	if (!k)
		return;
	shutdown(k->sock, SHUT_WR);
	while (read(k->sock, &byte, 1) < 0 && errno == EINTR)
		;
	close(k->sock);
	free(k);
}

static int ask(struct keeper *k, uint32_t op, uint32_t number, const char *text, size_t size, int *fd)
{
	struct request q = {.op = op, .number = number, .size = (uint32_t)size};
	int32_t answer = 0;
	unsigned count = 1;
	ssize_t got;
	int r = fd_write_all(k->sock, &q, sizeof q), given = -1;

	if (r == 0 && size)
		r = fd_write_all(k->sock, text, size);
	if (r < 0)
		return r;
	do
		got = sock_recv_fds(k->sock, &answer, sizeof answer, &given, &count);
	while (got == -EINTR);
	if (got != sizeof answer)
		return -ECONNRESET;
	if (fd && count)
		*fd = given;
	else if (count)
		close(given);
	return answer;
}

int keeper_write(struct keeper *k, const char *text, size_t size, struct err *e)
{
	int r = ask(k, OP_WRITE, 0, text, size, NULL);

	return r < 0 ? err_errno(e, -r, "the state file cannot be written") : 0;
}

int keeper_bits(struct keeper *k, unsigned number)
{
	int fd = -1, r = ask(k, OP_BITS, number, NULL, 0, &fd);

	return r < 0 ? r : fd >= 0 ? fd : -EIO;
}

int keeper_drop(struct keeper *k, unsigned number)
{
	return ask(k, OP_DROP, number, NULL, 0, NULL);
}

int keeper_remove(struct keeper *k)
{
	return ask(k, OP_REMOVE, 0, NULL, 0, NULL);
}
