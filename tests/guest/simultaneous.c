/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Two signals at nearly the same time, over and over: none may get lost, whatever instruction they hit. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t alarms, users;

static void on_signal(int sig)
{
	if (sig == SIGALRM)
		alarms++;
	else
		users++;
}

int main(void)
{
	struct sigaction sa = {.sa_handler = on_signal};
	int i, tries;

	sigaction(SIGALRM, &sa, NULL);
	sigaction(SIGUSR1, &sa, NULL);
	for (i = 1; i <= 5000; i++) {
		struct itimerval it = {{0, 0}, {0, 1 + rand() % 10}};

		setitimer(ITIMER_REAL, &it, NULL);
		kill(getpid(), SIGUSR1);
		for (tries = 0; (alarms < i || users < i) && tries < 50000; tries++) {
			struct timespec ts = {0, 10000};
			nanosleep(&ts, NULL);
		}
		if (tries == 50000) {
			printf("lost in round %d: %d alarms, %d others\n", i, (int)alarms, (int)users);
			return 1;
		}
	}
	printf("%d and %d\n", (int)alarms, (int)users);
	return 0;
}
