/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static bool beside(const char *program, char *path, size_t size)
{
	ssize_t n = readlink("/proc/self/exe", path, size - 1);
	char *slash;

	if (n <= 0)
		return false;
	path[n] = '\0';
	slash = strrchr(path, '/');
	if (!slash || (size_t)(slash + 1 - path) + strlen(program) >= size)
		return false;
	strcpy(slash + 1, program);
	return access(path, X_OK) == 0;
}

static _Noreturn void become(const struct child *c, const char *path, pid_t parent)
{
	sigset_t none;
	int null;

	/* Kept over exec; a parent that died before this was said is seen by its number. */
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(1);
	if (!c->terminal) {
		setpgid(0, 0);
		null = open("/dev/null", O_RDWR | O_CLOEXEC);
		dup2(null, 0);
		dup2(c->out, 1);
	}
	dup2(c->out, 2);
	for (unsigned i = 0; i < c->fd_count; i++)
		fcntl(c->fds[i], F_SETFD, 0);
	for (unsigned i = 0; c->env && c->env[i]; i++)
		putenv(c->env[i]);
	for (int sig = 1; sig < NSIG; sig++)
		signal(sig, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (strchr(path, '/'))
		execv(path, c->argv);
	else
		execvp(path, c->argv);
	dprintf(2, "%s: cannot run %s: %s\n", err_program(), c->program, strerror(errno));
	_exit(127);
}

pid_t child_start(const struct child *c, struct err *e)
{
	char path[PATH_MAX];
	pid_t parent = getpid(), pid;

	if (strchr(c->program, '/') || !beside(c->program, path, sizeof path))
		snprintf(path, sizeof path, "%s", c->program);
	pid = fork();
	if (pid < 0)
		return err_errno(e, errno, "cannot start %s", c->program);
	if (pid == 0)
		become(c, path, parent);
	/* On both sides: whoever comes first. */
	if (!c->terminal)
		setpgid(pid, pid);
	return pid;
}

int child_run(const struct child *c, int timeout_ms, struct err *e)
{
	pid_t pid = child_start(c, e);
	int status = 0;

	if (pid < 0)
		return pid;
	for (int ms = 0; ms < timeout_ms; ms += 5) {
		pid_t got = waitpid(pid, &status, WNOHANG);
		if (got == pid)
			return status;
		if (got < 0 && errno != EINTR)
			return err_errno(e, errno, "%s is not to be waited for", c->program);
		nanosleep(&(struct timespec){0, 5000000}, NULL);
	}
	kill(-pid, SIGKILL);
	waitpid(pid, &status, 0);
	return err_set(e, ETIMEDOUT, "%s did not end within %d seconds", c->program, timeout_ms / 1000);
}

const char *child_end_text(int status, char *buf, size_t size)
{
	if (WIFSIGNALED(status))
		snprintf(buf, size, "was killed by signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
	else
		snprintf(buf, size, "ended with status %d", WEXITSTATUS(status));
	return buf;
}
