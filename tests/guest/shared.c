/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A process in its parent's memory that the parent does not wait for (CLONE_VM without CLONE_VFORK). */
#define _GNU_SOURCE
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static atomic_int turn, count;

static int child(void *arg)
{
	int i, from = (int)(long)arg;

	/* Each side waits for the other, again and again. */
	for (i = 0; i < 100; i++) {
		while (atomic_load(&turn) != from)
			sched_yield();
		atomic_fetch_add(&count, 1);
		atomic_store(&turn, 0);
	}
	return 40 + from;
}

static int stays(void *arg)
{
	(void)arg;
	for (;;)
		pause();
	return 0;
}

int main(void)
{
	char *stack = mmap(NULL, 3 << 16, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int i, status, sum = 0;
	pid_t a = clone(child, stack + (1 << 16), CLONE_VM | SIGCHLD, (void *)1);
	pid_t b = clone(child, stack + (2 << 16), CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | SIGCHLD, (void *)2);

	for (i = 0; i < 200; i++) {
		atomic_store(&turn, 1 + i % 2);
		while (atomic_load(&turn))
			sched_yield();
		sum++;
	}
	printf("%d turns, %d counted\n", sum, count);
	waitpid(a, &status, 0);
	printf("first: %d\n", WEXITSTATUS(status));
	waitpid(b, &status, 0);
	printf("second: %d\n", WEXITSTATUS(status));
	a = clone(stays, stack + (3 << 16), CLONE_VM | SIGCHLD, NULL);
	printf("apart: %s\n", a > 0 && a != getpid() && !kill(a, 0) && !waitpid(a, &status, WNOHANG) ? "runs" : "does not");
	kill(a, SIGTERM);
	waitpid(a, &status, 0);
	printf("ended by signal %d\n", WTERMSIG(status));
	return 0;
}
