/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Processes: fork, vfork, posix_spawn, the exec family, scripts, wait statuses, pidfds. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static int wait_for(pid_t pid)
{
	int st;
	while (waitpid(pid, &st, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(st) ? WEXITSTATUS(st) : -WTERMSIG(st);
}

static int child_fn(void *arg)
{
	*(volatile int *)arg = 77;
	return 9;
}

static int run(const char *path, char *const argv[])
{
	pid_t pid;
	int r = posix_spawn(&pid, path, NULL, NULL, argv, environ);
	if (r) {
		printf("spawn %s: %s\n", path, strerror(r));
		return -1;
	}
	return wait_for(pid);
}

static void write_file(const char *name, const char *text, int mode)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, mode);
	if (write(fd, text, strlen(text)) < 0)
		exit(2);
	close(fd);
	chmod(name, (mode_t)mode);
}

int main(int argc, char **argv)
{
	char dir[] = "/tmp/process-XXXXXX", self[4096], text[5000];
	pid_t pid;
	int st, fd;
	volatile int shared = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc > 1 && !strcmp(argv[1], "child")) {
		sigset_t m;
		sigprocmask(SIG_BLOCK, NULL, &m);
		printf("child argc %d argv0 %s last %s; FOO=%s; USR1 blocked %d, USR2 ignored %d\n", argc,
		       strrchr(argv[0], '/') ? strrchr(argv[0], '/') + 1 : argv[0], argv[argc - 1], getenv("FOO"),
		       sigismember(&m, SIGUSR1), signal(SIGUSR2, SIG_DFL) == SIG_IGN);
		return 42;
	}
	st = (int)readlink("/proc/self/exe", self, sizeof self - 1);
	self[st] = 0;
	printf("exe %s\n", strrchr(self, '/') + 1);
	setenv("FOO", "bar baz", 1);

	pid = fork();
	if (!pid) {
		shared = 1;
		_exit(3);
	}
	st = wait_for(pid);
	printf("fork %d, memory apart %d\n", st, shared == 0);
	pid = vfork();
	if (!pid) {
		shared = 5;
		_exit(4);
	}
	st = wait_for(pid);
	printf("vfork %d, memory shared %d\n", st, shared);
	{
		char *stack = malloc(65536);
		pid = clone(child_fn, stack + 65536, CLONE_VM | CLONE_VFORK | SIGCHLD, (void *)&shared);
		st = wait_for(pid);
		printf("clone %d shared %d\n", st, shared);
	}
	fflush(stdout);
	printf("spawn: %d\n", run(self, (char *[]){"renamed", "child", "a b", "", "end", NULL}));
	printf("spawn missing: %d\n", run("/nonexistent/x", (char *[]){"x", NULL}));
	printf("spawn directory: %d\n", run("/tmp", (char *[]){"x", NULL}));
	{
		sigset_t m;
		sigemptyset(&m);
		sigaddset(&m, SIGUSR1);
		sigprocmask(SIG_BLOCK, &m, NULL);
		signal(SIGUSR2, SIG_IGN);
		pid = fork();
		if (!pid) {
			execl(self, self, "child", (char *)NULL);
			_exit(1);
		}
		printf("exec keeps mask and ignored: %d\n", wait_for(pid));
		sigprocmask(SIG_UNBLOCK, &m, NULL);
		signal(SIGUSR2, SIG_DFL);
	}
	if (!mkdtemp(dir) || chdir(dir))
		return 2;
	snprintf(text, sizeof text, "#!%s child\n", self);
	write_file("script", text, 0755);
	printf("script: %d\n", run("./script", (char *[]){"zero", "one", NULL}));
	write_file("sh", "#!/bin/sh\necho sh $0 $# $1; exit 6\n", 0755);
	printf("sh script: %d\n", run("./sh", (char *[]){"zero", "one", NULL}));
	write_file("noexec", "#!/bin/sh\n", 0644);
	printf("not executable: %d\n", run("./noexec", (char *[]){"x", NULL}));
	write_file("garbage", "\1\2\3garbage", 0755);
	printf("garbage: %d\n", run("./garbage", (char *[]){"x", NULL}));
	write_file("badinterp", "#!/no/such/interp\n", 0755);
	printf("no interpreter: %d\n", run("./badinterp", (char *[]){"x", NULL}));
	write_file("empty", "", 0755);
	printf("empty: %d\n", run("./empty", (char *[]){"x", NULL}));
	fd = open(self, O_RDONLY | O_CLOEXEC);
	pid = fork();
	if (!pid) {
		fexecve(fd, (char *[]){"by-fd", "child", NULL}, environ);
		printf("fexecve: %s\n", strerror(errno));
		_exit(1);
	}
	printf("fexecve: %d\n", wait_for(pid));
	pid = fork();
	if (!pid) {
		execve("/proc/self/exe", (char *[]){"again", "child", NULL}, environ);
		_exit(1);
	}
	printf("exec of /proc/self/exe: %d\n", wait_for(pid));
	pid = fork();
	if (!pid) {
		int dfd = open(dir, O_RDONLY | O_DIRECTORY);
		syscall(SYS_execveat, dfd, "sh", (char *[]){"at", "2", NULL}, environ, 0);
		_exit(1);
	}
	printf("execveat: %d\n", wait_for(pid));
	{
		int pidfd = -1;
		struct clone_args a = {.flags = CLONE_PIDFD, .pidfd = (uint64_t)(uintptr_t)&pidfd, .exit_signal = SIGCHLD};
		siginfo_t si = {0};
		pid = (pid_t)syscall(SYS_clone3, &a, sizeof a);
		if (!pid)
			_exit(11);
		st = waitid((idtype_t)3 /* P_PIDFD */, (id_t)pidfd, &si, WEXITED);
		printf("clone3 pidfd %d: waitid %d status %d code %d\n", pidfd >= 0, st, si.si_status, si.si_code == CLD_EXITED);
	}
	pid = fork();
	if (!pid) {
		raise(SIGSTOP);
		usleep(200000);
		_exit(12);
	}
	waitpid(pid, &st, WUNTRACED);
	printf("stopped %d %d\n", WIFSTOPPED(st), WSTOPSIG(st) == SIGSTOP);
	kill(pid, SIGCONT);
	waitpid(pid, &st, WCONTINUED);
	printf("continued %d\n", WIFCONTINUED(st));
	printf("then %d\n", wait_for(pid));
	st = system("exit 13");
	printf("system %d\n", WEXITSTATUS(st));
	FILE *p = popen("echo from popen; read x < /proc/self/comm; echo $x", "r");
	while (fgets(text, sizeof text, p))
		fputs(text, stdout);
	printf("pclose %d\n", WEXITSTATUS(pclose(p)));
	st = (int)syscall(4000);
	printf("unknown call: %d %s\n", st, strerror(errno));
	if (system("rm -r /tmp/process-*") < 0)
		return 1;
	return 0;
}
