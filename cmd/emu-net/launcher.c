/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "launcher.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/sock.h"

#define SERVICES 64
#define COPY (64u << 10)

struct service {
	int fd;
	char *path;
	char *command;      /* for /bin/sh */
	bool inet;          /* which wants a TCP socket as its standard input */
	char *host, *port;  /* or a connection */
};

struct launcher {
	char dir[96];
	struct service service[SERVICES];
	unsigned services;
	bool smb;
	char *script[SERVICES], *argument[SERVICES]; /* run at the end */
	unsigned scripts;
	int end;            /* our end of the pipe that tells the process that we are gone */
};

static struct launcher *launcher(struct net *n, struct err *e)
{
	const char *base = getenv("XDG_RUNTIME_DIR");
	struct launcher *l = n->launcher;

	if (l)
		return l;
	l = calloc(1, sizeof *l);
	if (!l) {
		err_set(e, ENOMEM, "out of memory");
		return NULL;
	}
	l->end = -1;
	if (!base || !*base || strlen(base) > 60)
		base = getenv("TMPDIR");
	if (!base || !*base || strlen(base) > 60)
		base = "/tmp";
	snprintf(l->dir, sizeof l->dir, "%s/emu-net-XXXXXX", base);
	if (!mkdtemp(l->dir)) {
		err_errno(e, errno, "cannot make a directory in %s", base);
		free(l);
		return NULL;
	}
	n->launcher = l;
	return l;
}

static struct service *service(struct net *n, struct err *e)
{
	struct launcher *l = launcher(n, e);
	struct service *s;

	if (!l)
		return NULL;
	if (l->services == SERVICES) {
		err_set(e, ENOSPC, "at most %u services can be offered to the guest", SERVICES);
		return NULL;
	}
	s = &l->service[l->services];
	if (asprintf(&s->path, "%s/%u", l->dir, l->services) < 0) {
		err_set(e, ENOMEM, "out of memory");
		return NULL;
	}
	s->fd = sock_listen_unix(s->path, SOCK_STREAM, 0600, e);
	if (s->fd < 0)
		return NULL;
	l->services++;
	return s;
}

const char *launcher_command(struct net *n, const char *command, struct err *e)
{
	struct service *s = service(n, e);

	if (!s)
		return NULL;
	s->command = strdup(command);
	return s->path;
}

const char *launcher_connect(struct net *n, const char *host_port, struct err *e)
{
	const char *colon = strrchr(host_port, ':');
	struct service *s;

	if (!colon || !colon[1]) {
		err_set(e, EINVAL, "'%s': HOST:PORT is expected", host_port);
		return NULL;
	}
	s = service(n, e);
	if (!s)
		return NULL;
	s->host = strndup(host_port, (size_t)(colon - host_port));
	s->port = strdup(colon + 1);
	return s->path;
}

int launcher_at_end(struct net *n, const char *script, const char *argument, struct err *e)
{
	struct launcher *l = launcher(n, e);

	if (!l)
		return -e->code;
	if (l->scripts == SERVICES)
		return err_set(e, ENOSPC, "at most %u scripts can be run at the end", SERVICES);
	l->script[l->scripts] = strdup(script);
	l->argument[l->scripts] = strdup(argument);
	if (!l->script[l->scripts] || !l->argument[l->scripts])
		return err_set(e, ENOMEM, "out of memory");
	l->scripts++;
	return 0;
}

/* ---- smbd ---- */

static const char *find_smbd(void)
{
	static const char *const places[] = {"/usr/sbin/smbd", "/usr/local/sbin/smbd", "/usr/local/samba/sbin/smbd"};
	const char *own = getenv("EMU_SMBD");

	if (own)
		return access(own, X_OK) ? NULL : own;
	for (unsigned i = 0; i < 3; i++)
		if (access(places[i], X_OK) == 0)
			return places[i];
	return NULL;
}

static bool plain(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == '\'' || *text == 0x7f)
			return false;
	return true;
}

const char *launcher_smb(struct net *n, const char *directory, struct err *e)
{
	struct passwd *me = getpwuid(geteuid());
	const char *smbd = find_smbd(), *path;
	char *full = realpath(directory, NULL), file[160], command[512];
	struct launcher *l;
	FILE *f;

	if (!smbd || !full || !plain(full)) {
		if (!smbd) {
			err_set(e, ENOENT, "smb=%s: there is no smbd on this host", directory);
			err_hint(e, "Install the package samba.");
		} else {
			err_errno(e, full ? EINVAL : errno, "smb=%s", directory);
		}
		free(full);
		return NULL;
	}
	l = launcher(n, e);
	if (!l) {
		free(full);
		return NULL;
	}
	snprintf(file, sizeof file, "%s/smb.conf", l->dir);
	f = fopen(file, "we");
	if (f) {
		fprintf(f,
			"[global]\nprivate dir=%s\ninterfaces=127.0.0.1\nbind interfaces only=yes\npid directory=%s\nlock directory=%s\n"
			"state directory=%s\ncache directory=%s\nncalrpc dir=%s/ncalrpc\nlog file=%s/log.smbd\nsmb passwd file=%s/smbpasswd\n"
			"security=user\nmap to guest=Bad User\nload printers=no\nprinting=bsd\ndisable spoolss=yes\nusershare max shares=0\n"
			"server min protocol=NT1\n%s%s%s[qemu]\npath=%s\nread only=no\nguest ok=yes\n%s%s%s",
			l->dir, l->dir, l->dir, l->dir, l->dir, l->dir, l->dir, l->dir, me ? "guest account=" : "", me ? me->pw_name : "", me ? "\n" : "",
			full, me ? "force user=" : "", me ? me->pw_name : "", me ? "\n" : "");
	}
	free(full);
	if (!f || fclose(f) != 0) {
		err_errno(e, errno, "cannot write %s", file);
		return NULL;
	}
	snprintf(command, sizeof command, "exec '%s' -l '%s' -s '%s'", smbd, l->dir, file);
	path = launcher_command(n, command, e);
	if (path)
		l->service[l->services - 1].inet = true;
	l->smb = true;
	return path;
}

/* ---- the process ---- */

static void copy(int from, int to)
{
	static char buf[COPY];
	ssize_t n;

	while ((n = read(from, buf, sizeof buf)) > 0)
		if (fd_write_all(to, buf, (size_t)n) < 0)
			return;
}

/* Both ways, until each has ended. */
static _Noreturn void relay(int there, int fd)
{
	fd_set_nonblock(there, false);
	fd_set_nonblock(fd, false);
	if (fork() == 0) {
		copy(fd, there);
		shutdown(there, SHUT_WR);
		_exit(0);
	}
	copy(there, fd);
	shutdown(fd, SHUT_WR);
	_exit(0);
}

/* Two ends of a TCP connection on the loopback that nobody else has got into. */
static int inet_pair(int pair[2], struct err *e)
{
	char name[64], mine[64], other[64];
	int listening = sock_listen_tcp("127.0.0.1", "0", true, false, e);

	if (listening < 0)
		return listening;
	sock_name(listening, false, name, sizeof name);
	pair[0] = sock_connect_tcp("127.0.0.1", strrchr(name, ':') + 1, true, false, e);
	pair[1] = pair[0] < 0 ? -1 : sock_accept(listening, e);
	close(listening);
	if (pair[1] < 0)
		return -e->code;
	if (strcmp(sock_name(pair[0], false, mine, sizeof mine), sock_name(pair[1], true, other, sizeof other)))
		return err_set(e, ECONNREFUSED, "somebody else has connected");
	return 0;
}

static _Noreturn void run_command(const struct service *s, int fd)
{
	fd_set_nonblock(fd, false);
	dup2(fd, 0);
	dup2(fd, 1);
	execl("/bin/sh", "sh", "-c", s->command, (char *)NULL);
	_exit(127);
}

static _Noreturn void run_service(const struct service *s, int fd)
{
	struct err e = ERR_INIT;
	int pair[2], there;

	if (s->command && !s->inet)
		run_command(s, fd);
	if (s->command) {
		if (inet_pair(pair, &e) == 0) {
			if (fork() == 0)
				run_command(s, pair[1]);
			close(pair[1]);
			relay(pair[0], fd);
		}
	} else {
		there = sock_connect_tcp(s->host, s->port, false, false, &e);
		if (there >= 0)
			relay(there, fd);
	}
	err_report(&e);
	_exit(1);
}

static void serve(const struct service *s)
{
	int fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0)
		return;
	if (fork() == 0) {
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		setsid(); /* smbd signals its whole process group when it ends */
		signal(SIGINT, SIG_DFL);
		signal(SIGTERM, SIG_DFL);
		signal(SIGHUP, SIG_DFL);
		signal(SIGCHLD, SIG_DFL);
		signal(SIGPIPE, SIG_DFL);
		run_service(s, fd);
	}
	close(fd);
}

/* The private directory with what smbd has left in it; one that is ending may still write there. */
static void tidy(const char *dir)
{
	char command[160];
	struct stat st;

	for (unsigned i = 0; i < 20 && stat(dir, &st) == 0; i++) {
		pid_t pid = fork();
		if (pid == 0) {
			int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
			dup2(null, 2);
			snprintf(command, sizeof command, "exec rm -rf '%s'", dir);
			execl("/bin/sh", "sh", "-c", command, (char *)NULL);
			_exit(127);
		}
		waitpid(pid, NULL, 0);
		if (i)
			usleep(50000);
	}
}

static _Noreturn void run(struct launcher *l, int end)
{
	struct pollfd p[SERVICES + 1];
	sigset_t none;

	prctl(PR_SET_NAME, "emu-net-serve");
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGCHLD, SIG_IGN);
	/* Nothing of ours stays open here but the services and the pipe. */
	for (int fd = 3, top = (int)sysconf(_SC_OPEN_MAX) < 4096 ? (int)sysconf(_SC_OPEN_MAX) : 4096; fd < top; fd++) {
		bool keep = fd == end;
		for (unsigned i = 0; i < l->services; i++)
			keep |= fd == l->service[i].fd;
		if (!keep)
			close(fd);
	}
	for (;;) {
		for (unsigned i = 0; i < l->services; i++)
			p[i] = (struct pollfd){.fd = l->service[i].fd, .events = POLLIN};
		p[l->services] = (struct pollfd){.fd = end, .events = POLLIN};
		if (poll(p, l->services + 1, -1) < 0 && errno != EINTR)
			break;
		if (p[l->services].revents)
			break;
		for (unsigned i = 0; i < l->services; i++)
			if (p[i].revents)
				serve(&l->service[i]);
	}
	signal(SIGCHLD, SIG_DFL);
	for (unsigned i = 0; i < l->scripts; i++) {
		pid_t pid = fork();
		if (pid == 0) {
			execl(l->script[i], l->script[i], l->argument[i], (char *)NULL);
			_exit(127);
		}
		waitpid(pid, NULL, 0);
	}
	tidy(l->dir);
	_exit(0);
}

int launcher_start(struct net *n, struct err *e)
{
	struct launcher *l = n->launcher;
	int fds[2];
	pid_t pid;

	if (!l)
		return 0;
	if (sock_pair(SOCK_STREAM, fds, e) < 0)
		return -e->code;
	pid = fork();
	if (pid < 0) {
		close(fds[0]);
		close(fds[1]);
		return err_errno(e, errno, "cannot fork");
	}
	if (pid == 0)
		run(l, fds[1]);
	close(fds[1]);
	l->end = fds[0];
	for (unsigned i = 0; i < l->services; i++) {
		close(l->service[i].fd);
		l->service[i].fd = -1;
	}
	return 0;
}

void launcher_stop(struct net *n)
{
	struct launcher *l = n->launcher;
	char byte;

	if (!l)
		return;
	if (l->end >= 0) {
		/* It tidies up and ends, which we see. */
		shutdown(l->end, SHUT_WR);
		while (read(l->end, &byte, 1) < 0 && errno == EINTR)
			;
		close(l->end);
	} else {
		for (unsigned i = 0; i < l->services; i++) {
			close(l->service[i].fd);
			unlink(l->service[i].path);
		}
		char file[160];
		snprintf(file, sizeof file, "%s/smb.conf", l->dir);
		if (l->smb)
			unlink(file);
		rmdir(l->dir);
	}
	for (unsigned i = 0; i < l->services; i++) {
		free(l->service[i].path);
		free(l->service[i].command);
		free(l->service[i].host);
		free(l->service[i].port);
	}
	for (unsigned i = 0; i < l->scripts; i++) {
		free(l->script[i]);
		free(l->argument[i]);
	}
	free(l);
	n->launcher = NULL;
}
