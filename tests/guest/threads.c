/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Threads: creation, locks, conditions, thread-local data, cancellation, robust and PI mutexes, signals to threads. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define N 8
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static pthread_barrier_t barrier;
static long counter, turns;
static atomic_long atomic;
static __thread int mine = 5;
static volatile sig_atomic_t got[N + 1];
static __thread int index_of;

static void on_usr(int sig)
{
	(void)sig;
	got[index_of]++;
}

static void *adder(void *arg)
{
	int i, n = (int)(long)arg;

	index_of = n;
	mine += n;
	pthread_barrier_wait(&barrier);
	for (i = 0; i < 20000; i++) {
		pthread_mutex_lock(&lock);
		counter++;
		pthread_mutex_unlock(&lock);
		atomic_fetch_add(&atomic, 1);
	}
	return (void *)(long)mine;
}

static void *player(void *arg)
{
	long me = (long)arg;
	int i;

	for (i = 0; i < 500; i++) {
		pthread_mutex_lock(&lock);
		while (turns % 2 != me)
			pthread_cond_wait(&cond, &lock);
		turns++;
		pthread_cond_broadcast(&cond);
		pthread_mutex_unlock(&lock);
	}
	return NULL;
}

static void cleanup(void *arg)
{
	*(int *)arg = 1;
}

static void *sleeper(void *arg)
{
	pthread_cleanup_push(cleanup, arg);
	for (;;)
		pause();
	pthread_cleanup_pop(0);
	return NULL;
}

static void *spinner(void *arg)
{
	index_of = (int)(long)arg;
	pthread_barrier_wait(&barrier);
	while (!got[index_of])
		;
	return NULL;
}

static void *owner(void *arg)
{
	pthread_mutex_lock(arg);
	return NULL; /* dies with it */
}

static void *mapper(void *arg)
{
	int i;
	(void)arg;
	for (i = 0; i < 300; i++) {
		char *p = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (p == MAP_FAILED)
			return (void *)1;
		memset(p, i, 65536);
		mprotect(p, 4096, PROT_READ);
		if (p[4095] != (char)i || p[65535] != (char)i)
			return (void *)2;
		munmap(p, 65536);
	}
	return NULL;
}

static void *nothing(void *arg)
{
	return arg;
}

int main(void)
{
	pthread_t th[N];
	pthread_mutexattr_t ma;
	pthread_mutex_t robust, pi;
	void *r;
	long i, sum = 0;
	int flag = 0, st;

	setvbuf(stdout, NULL, _IOLBF, 0);
	pthread_barrier_init(&barrier, NULL, N);
	for (i = 0; i < N; i++)
		pthread_create(&th[i], NULL, adder, (void *)i);
	for (i = 0; i < N; i++) {
		pthread_join(th[i], &r);
		sum += (long)r;
	}
	printf("counter %ld atomic %ld tls %ld main's %d\n", counter, atomic_load(&atomic), sum, mine);
	for (i = 0; i < 2; i++)
		pthread_create(&th[i], NULL, player, (void *)i);
	for (i = 0; i < 2; i++)
		pthread_join(th[i], NULL);
	printf("turns %ld\n", turns);
	pthread_create(&th[0], NULL, sleeper, &flag);
	usleep(20000);
	pthread_cancel(th[0]);
	pthread_join(th[0], &r);
	printf("cancelled %d cleanup %d\n", r == PTHREAD_CANCELED, flag);
	signal(SIGUSR1, on_usr);
	pthread_barrier_destroy(&barrier);
	pthread_barrier_init(&barrier, NULL, 5);
	for (i = 0; i < 4; i++)
		pthread_create(&th[i], NULL, spinner, (void *)(i + 1));
	pthread_barrier_wait(&barrier);
	for (i = 0; i < 4; i++)
		pthread_kill(th[i], SIGUSR1);
	for (i = 0; i < 4; i++)
		pthread_join(th[i], NULL);
	printf("signals %d %d %d %d main %d\n", got[1], got[2], got[3], got[4], got[0]);
	pthread_mutexattr_init(&ma);
	pthread_mutexattr_setrobust(&ma, PTHREAD_MUTEX_ROBUST);
	pthread_mutex_init(&robust, &ma);
	pthread_create(&th[0], NULL, owner, &robust);
	pthread_join(th[0], NULL);
	st = pthread_mutex_lock(&robust);
	printf("robust: %s\n", st == EOWNERDEAD ? "owner died" : strerror(st));
	pthread_mutex_consistent(&robust);
	pthread_mutex_unlock(&robust);
	pthread_mutexattr_init(&ma);
	pthread_mutexattr_setprotocol(&ma, PTHREAD_PRIO_INHERIT);
	pthread_mutex_init(&pi, &ma);
	st = pthread_mutex_lock(&pi);
	printf("pi: %d %d\n", st, pthread_mutex_unlock(&pi));
	for (i = 0; i < 4; i++)
		pthread_create(&th[i], NULL, mapper, NULL);
	for (i = 0, sum = 0; i < 4; i++) {
		pthread_join(th[i], &r);
		sum += (long)r;
	}
	printf("mappers %ld\n", sum);
	for (i = 0, sum = 0; i < 300; i++) {
		pthread_create(&th[0], NULL, nothing, (void *)i);
		pthread_join(th[0], &r);
		sum += (long)r;
	}
	printf("three hundred short threads: %ld\n", sum);
	/* a child of a process with threads */
	pthread_create(&th[0], NULL, sleeper, &flag);
	fflush(stdout);
	pid_t pid = fork();
	if (!pid) {
		pthread_create(&th[1], NULL, nothing, (void *)3);
		pthread_join(th[1], &r);
		_exit((int)(long)r);
	}
	waitpid(pid, &st, 0);
	printf("child's thread: %d\n", WEXITSTATUS(st));
	/* the main thread ends first; the process's status is the last exit's */
	pid = fork();
	if (!pid)
		pthread_exit(NULL);
	waitpid(pid, &st, 0);
	printf("pthread_exit of main: %d %d\n", WIFEXITED(st), WEXITSTATUS(st));
	exit(0);
}
