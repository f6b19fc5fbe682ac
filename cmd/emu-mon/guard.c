/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The parts' pids lie in shared memory, each with the start time that tells it from a later process of the same number (proc(5), stat
 * field 22). Parts get SIGTERM from the kernel when the supervisor dies; the guard gives them some seconds to write what they have.
 */
#include "guard.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "rundir.h"

#define GRACE_STEPS 100 /* of 50 ms */

struct watched {
	pid_t pid;
	unsigned long long start;
};

/* Seen by both. A path is valid once its flag is set. */
struct shared {
	struct watched list[GUARD_PARTS];
	char dir[PATH_MAX], pid_file[PATH_MAX];
	_Atomic bool has_dir, remove_dir, has_pid_file;
};

struct guard {
	int pipe;
	pid_t pid;
	struct shared *shared;
};

static unsigned long long start_time(pid_t pid)
{
	char path[40], text[1024], *p;
	unsigned long long start = 0;
	FILE *f;
	size_t n;

	snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
	f = fopen(path, "re");
	if (!f)
		return 0;
	n = fread(text, 1, sizeof text - 1, f);
	fclose(f);
	text[n] = '\0';
	p = strrchr(text, ')'); /* the name in field 2 may hold anything */
	for (int field = 2; p && field < 22; field++)
		p = strchr(p + 1, ' ');
	if (p)
		sscanf(p, " %llu", &start);
	/* What has ended and is not fetched yet (state Z) is gone for us. */
	p = strrchr(text, ')');
	return p && p[1] == ' ' && p[2] == 'Z' ? 0 : start;
}

static bool alive(const struct watched *w)
{
	return w->pid > 0 && w->start && start_time(w->pid) == w->start;
}

/* Ours to clean: nobody has the lock. The descriptor keeps it so. */
static bool lock_dir(const char *dir)
{
	char path[PATH_MAX + 16];
	int fd;

	snprintf(path, sizeof path, "%s/sup.pid", dir);
	fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	return fd < 0 ? errno == ENOENT : flock(fd, LOCK_EX | LOCK_NB) == 0;
}

static _Noreturn void keep_watch(int fd, const struct shared *s, const struct termios *terminal)
{
	char byte;
	ssize_t n;

	do
		n = read(fd, &byte, 1);
	while (n < 0 && errno == EINTR);
	if (n == 1)
		_exit(0);
	if (terminal)
		tcsetattr(0, TCSANOW, terminal);
	if (s->has_pid_file)
		unlink(s->pid_file);
	for (int step = 0; step < GRACE_STEPS; step++) {
		bool any = false;
		for (unsigned i = 0; i < GUARD_PARTS; i++)
			any |= alive(&s->list[i]);
		if (!any)
			break;
		nanosleep(&(struct timespec){0, 50000000}, NULL);
	}
	for (unsigned i = 0; i < GUARD_PARTS; i++)
		if (alive(&s->list[i]))
			kill(s->list[i].pid, SIGKILL);
	if (s->has_dir && lock_dir(s->dir))
		run_dir_clean(s->dir, s->remove_dir);
	_exit(0);
}

struct guard *guard_start(const struct termios *terminal, struct err *e)
{
	struct guard *g = calloc(1, sizeof *g);
	int fds[2] = {-1, -1};
	sigset_t all;

	if (!g) {
		err_set(e, ENOMEM, "out of memory");
		return NULL;
	}
	g->shared = mmap(NULL, sizeof *g->shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (g->shared == MAP_FAILED || pipe2(fds, O_CLOEXEC) < 0 || (g->pid = fork()) < 0) {
		err_errno(e, errno, "cannot start the guard");
		for (int i = 0; i < 2; i++)
			if (fds[i] >= 0)
				close(fds[i]);
		if (g->shared != MAP_FAILED)
			munmap(g->shared, sizeof *g->shared);
		free(g);
		return NULL;
	}
	if (g->pid == 0) {
		/* Keys of the terminal are not for this process, nor is being a background one a reason to stop. */
		sigfillset(&all);
		sigprocmask(SIG_SETMASK, &all, NULL);
		/* Who kills the whole group, as timeout(1) does, leaves this one to clean up. */
		setpgid(0, 0);
		prctl(PR_SET_NAME, "emu-mon-guard");
		dup2(fds[0], 3);
		close_range(4, ~0u, 0);
		close(1);
		close(2);
		if (!terminal)
			close(0);
		keep_watch(3, g->shared, terminal);
	}
	close(fds[0]);
	g->pipe = fds[1];
	return g;
}

void guard_dir(struct guard *g, const char *path, bool remove)
{
	g->shared->has_dir = false;
	snprintf(g->shared->dir, sizeof g->shared->dir, "%s", path);
	g->shared->remove_dir = remove;
	g->shared->has_dir = true;
}

void guard_pid_file(struct guard *g, const char *path)
{
	char *whole = realpath(path, NULL);

	snprintf(g->shared->pid_file, sizeof g->shared->pid_file, "%s", whole ? whole : path);
	g->shared->has_pid_file = true;
	free(whole);
}

void guard_watch(struct guard *g, unsigned slot, pid_t pid)
{
	if (slot >= GUARD_PARTS)
		return;
	g->shared->list[slot].pid = 0;
	g->shared->list[slot].start = pid > 0 ? start_time(pid) : 0;
	g->shared->list[slot].pid = pid;
}

void guard_stop(struct guard *g)
{
	if (!g)
		return;
	/* It may have been killed. */
	while (write(g->pipe, "x", 1) < 0 && errno == EINTR)
		;
	close(g->pipe);
	waitpid(g->pid, NULL, 0);
	munmap(g->shared, sizeof *g->shared);
	free(g);
}
