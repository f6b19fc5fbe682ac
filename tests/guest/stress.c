/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Eight threads hammer atomics, locks, signals, mappings, code and child processes for the seconds given. */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "machine.h"

#define THREADS 8
static atomic_long atomic, signals;
#define HALF (sizeof(long) * 4) /* bits */
#define LOW ((1ul << HALF) - 1)
static _Atomic unsigned long pair = LOW << HALF; /* a count, and its complement */
static long counter, mine[THREADS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_t thread[THREADS];
static atomic_int stop, bad;
static pthread_barrier_t leaving; /* nobody is gone while another may send a signal to it */

static void on_signal(int sig, siginfo_t *si, void *uc)
{
	volatile double x = 1.25;
	(void)sig, (void)si, (void)uc;
	x = x * 3.0 + 7.0;
	atomic_fetch_add(&signals, 1);
}

static void fail(const char *what)
{
	if (!bad)
		fprintf(stderr, "wrong: %s\n", what);
	bad = 1;
}

static void *work(void *arg)
{
	long n = (long)arg, i;
	unsigned seed = (unsigned)n * 77 + 1;
	unsigned char *code = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	while (!stop) {
		volatile double want = 0, got = 0; /* not kept in the 80-bit registers of i386 */
		for (i = 0; i < 200; i++)
			atomic_fetch_add(&atomic, 1);
		mine[n] += 200;
		/* A pair of words that only change together: exclusive accesses on the machines that have them. */
		for (i = 0; i < 50; i++) {
			unsigned long was = atomic_load(&pair), is;
			do {
				if ((was & LOW) != (~was >> HALF))
					fail("compare and exchange");
				is = (was + 1) & LOW;
				is |= ~is << HALF;
			} while (!atomic_compare_exchange_weak(&pair, &was, is));
		}
		for (i = 0; i < 50; i++) {
			pthread_mutex_lock(&lock);
			counter++;
			pthread_mutex_unlock(&lock);
		}
		mine[n] += 50;
		for (i = 1; i < 500; i++)
			want += 1.0 / (double)i;
		for (i = 1; i < 500; i++) {
			got += 1.0 / (double)i;
			if (i % 100 == 0)
				pthread_kill(thread[rand_r(&seed) % THREADS], SIGUSR1);
		}
		if (want != got)
			fail("floating point");
		char *p = mmap(NULL, 64 << 10, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (p == MAP_FAILED) {
			fail("mmap");
			break;
		}
		memset(p, (int)n, 64 << 10);
		if (p[12345] != (char)n || p[65535] != (char)n)
			fail("memory");
		mprotect(p, 4096, PROT_READ);
		munmap(p, 64 << 10);
		for (i = 0; i < 5; i++) {
			int v = (int)rand_r(&seed);
			machine_code(code, v);
			if (machine_call(code) != v)
				fail("code");
		}
		if (rand_r(&seed) % 64 == 0) {
			pid_t pid = fork();
			int st;
			if (!pid)
				_exit((int)n + 1);
			while (waitpid(pid, &st, 0) < 0)
				;
			if (!WIFEXITED(st) || WEXITSTATUS(st) != (int)n + 1)
				fail("child");
		}
	}
	pthread_barrier_wait(&leaving);
	return NULL;
}

int main(int argc, char **argv)
{
	struct sigaction sa = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_RESTART};
	int seconds = argc > 1 ? atoi(argv[1]) : 2;
	long i, sum = 0;
	sigset_t set, old;
	time_t end = time(NULL) + seconds;

	pthread_barrier_init(&leaving, NULL, THREADS);
	sigaction(SIGUSR1, &sa, NULL);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &set, &old);
	for (i = 0; i < THREADS; i++)
		thread[i] = pthread_self();
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	for (i = 0; i < THREADS; i++)
		pthread_create(&thread[i], NULL, work, (void *)i);
	while (time(NULL) < end)
		usleep(100000);
	stop = 1;
	for (i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	for (i = 0; i < THREADS; i++)
		sum += mine[i];
	if ((pair & LOW) != ((unsigned long)sum / 5 & LOW)) /* 50 with each 250 of the others */
		fail("a change of the pair was lost");
	printf("sums agree %d, signals came %d, wrong %d\n", sum == atomic + counter, signals > 0, bad);
	if (argc > 2)
		fprintf(stderr, "%ld signals, %ld rounds\n", (long)signals, sum / 250);
	return bad;
}
