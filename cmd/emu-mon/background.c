/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "background.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

int background_start(int *tell, struct err *e)
{
	int fds[2];
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_errno(e, errno, "cannot go to the background");
	pid = fork();
	if (pid < 0)
		return err_errno(e, errno, "cannot go to the background");
	if (pid > 0) {
		char byte;
		ssize_t n;
		close(fds[1]);
		do
			n = read(fds[0], &byte, 1);
		while (n < 0 && errno == EINTR);
		/* Without the byte it has said why on our standard error. */
		_exit(n == 1 ? 0 : 1);
	}
	close(fds[0]);
	setsid();
	/* Not the session's leader: no terminal that is opened later becomes its own. */
	pid = fork();
	if (pid < 0)
		return err_errno(e, errno, "cannot go to the background");
	if (pid > 0)
		_exit(0);
	umask(027);
	*tell = fds[1];
	return 0;
}

void background_done(int tell)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int i = 0; null >= 0 && i < 3; i++)
		dup2(null, i);
	if (null > 2)
		close(null);
	while (write(tell, "r", 1) < 0 && errno == EINTR)
		;
	close(tell);
	/* The working directory stays: parts that are started again have paths from there. */
}

int pid_file_take(const char *path, struct err *e)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644), n;
	char text[32];

	if (fd < 0)
		return err_errno(e, errno, "cannot create the pid file %s", path);
	if (lockf(fd, F_TLOCK, 0) < 0) {
		struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
		if (fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK)
			err_set(e, EBUSY, "the pid file %s is held by process %d", path, (int)lock.l_pid);
		else
			err_set(e, EBUSY, "the pid file %s is held by another process", path);
		close(fd);
		return -e->code;
	}
	n = snprintf(text, sizeof text, "%d\n", (int)getpid());
	if (ftruncate(fd, 0) < 0 || pwrite(fd, text, (size_t)n, 0) != n) {
		err_errno(e, errno, "cannot write the pid file %s", path);
		close(fd);
		return -e->code;
	}
	return fd;
}
