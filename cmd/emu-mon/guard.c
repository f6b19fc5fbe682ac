/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The parts' pids lie in shared memory, each with the start time that tells it from a later process of the same number (proc(5), stat
 * field 22). Parts get SIGTERM from the kernel when the supervisor dies; the guard gives them some seconds to write what they have.
 */
#include "guard.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

struct guard {
	int pipe;
	pid_t pid;
	struct watched *list;
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

static _Noreturn void keep_watch(int fd, const struct watched *list, const char *dir, bool remove_dir, const char *pid_file,
				 const struct termios *terminal)
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
	if (pid_file)
		unlink(pid_file);
	for (int step = 0; step < GRACE_STEPS; step++) {
		bool any = false;
		for (unsigned i = 0; i < GUARD_PARTS; i++)
			any |= alive(&list[i]);
		run_dir_clean(dir, false);
		if (!any)
			break;
		nanosleep(&(struct timespec){0, 50000000}, NULL);
	}
	for (unsigned i = 0; i < GUARD_PARTS; i++)
		if (alive(&list[i]))
			kill(list[i].pid, SIGKILL);
	run_dir_clean(dir, remove_dir);
	_exit(0);
}

struct guard *guard_start(const char *run_dir, bool remove_dir, const char *pid_file, const struct termios *terminal, struct err *e)
{
	struct guard *g = calloc(1, sizeof *g);
	int fds[2] = {-1, -1};
	sigset_t all;

	if (!g) {
		err_set(e, ENOMEM, "out of memory");
		return NULL;
	}
	g->list = mmap(NULL, GUARD_PARTS * sizeof *g->list, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (g->list == MAP_FAILED || pipe2(fds, O_CLOEXEC) < 0 || (g->pid = fork()) < 0) {
		err_errno(e, errno, "cannot start the guard");
		for (int i = 0; i < 2; i++)
			if (fds[i] >= 0)
				close(fds[i]);
		if (g->list != MAP_FAILED)
			munmap(g->list, GUARD_PARTS * sizeof *g->list);
		free(g);
		return NULL;
	}
	if (g->pid == 0) {
		/* Keys of the terminal are not for this process, nor is being a background one a reason to stop. */
		sigfillset(&all);
		sigprocmask(SIG_SETMASK, &all, NULL);
		prctl(PR_SET_NAME, "emu-mon-guard");
		dup2(fds[0], 3);
		close_range(4, ~0u, 0);
		close(1);
		close(2);
		if (!terminal)
			close(0);
		keep_watch(3, g->list, run_dir, remove_dir, pid_file, terminal);
	}
	close(fds[0]);
	g->pipe = fds[1];
	return g;
}

void guard_watch(struct guard *g, unsigned slot, pid_t pid)
{
	if (slot >= GUARD_PARTS)
		return;
	g->list[slot].pid = 0;
	g->list[slot].start = pid > 0 ? start_time(pid) : 0;
	g->list[slot].pid = pid;
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
	munmap(g->list, GUARD_PARTS * sizeof *g->list);
	free(g);
}
