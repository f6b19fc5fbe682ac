/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Waiting: poll, select, epoll, eventfd, timerfd, signalfd, interval and POSIX timers, sleeping, futexes. */
#include "say.h"
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/select.h>
#include <sys/signalfd.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <time.h>

static volatile sig_atomic_t alarms;
static void on_alarm(int sig)
{
	(void)sig;
	alarms++;
}

static long elapsed(struct timespec *since)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (now.tv_sec - since->tv_sec) * 1000 + (now.tv_nsec - since->tv_nsec) / 1000000;
}

static pthread_mutex_t pi_lock;
static int word, word2;
static void *waker(void *arg)
{
	(void)arg;
	usleep(20000);
	word = 1;
	SAY(syscall(SYS_futex, &word, FUTEX_WAKE, 10, NULL, NULL, 0));
	return NULL;
}
static void *locker(void *arg)
{
	(void)arg;
	printf("lock %d\n", pthread_mutex_lock(&pi_lock));
	printf("unlock %d\n", pthread_mutex_unlock(&pi_lock));
	return NULL;
}

int main(void)
{
	int p[2];
	struct timespec start, zero = {0, 0}, ten = {0, 10000000}, left;
	sigset_t set, none;
	struct sigaction sa = {.sa_handler = on_alarm};
	sigaction(SIGALRM, &sa, NULL);
	sigemptyset(&none);
	setvbuf(stdout, NULL, _IONBF, 0);
	if (pipe(p) < 0)
		return 1;
	struct pollfd pf[3] = {{p[0], POLLIN, 0}, {p[1], POLLOUT, 0}, {99, POLLIN, 0}};
	SAY(poll(pf, 3, 0));
	printf("%x %x %x\n", pf[0].revents, pf[1].revents, pf[2].revents);
	clock_gettime(CLOCK_MONOTONIC, &start);
	SAY(poll(pf, 1, 30));
	printf("waited %d\n", elapsed(&start) >= 29);
	SAY(ppoll(pf, 2, &zero, &none));
	fd_set r, w;
	FD_ZERO(&r);
	FD_ZERO(&w);
	FD_SET(p[0], &r);
	FD_SET(p[1], &w);
	struct timeval tv = {0, 1000};
	SAY(select(p[1] + 1, &r, &w, NULL, &tv));
	printf("%d %d\n", !!FD_ISSET(p[0], &r), !!FD_ISSET(p[1], &w));
	SAY(select(-1, NULL, NULL, NULL, &tv));
	SAY(pselect(0, NULL, NULL, NULL, &ten, &none));
	SAY(write(p[1], "x", 1));

	int ep = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event ev = {EPOLLIN | EPOLLET, {.u64 = 0x1122334455667788}}, evs[4];
	SAY(epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &ev));
	SAY(epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &ev));
	ev.data.u64 = 0x8877665544332211;
	ev.events = EPOLLOUT;
	SAY(epoll_ctl(ep, EPOLL_CTL_ADD, p[1], &ev));
	SAY(epoll_wait(ep, evs, 4, 0));
	for (int i = 0; i < 2; i++)
		printf("%x %llx\n", evs[i].events, (unsigned long long)evs[i].data.u64);
	SAY(epoll_ctl(ep, EPOLL_CTL_DEL, p[1], NULL));
	SAY(epoll_wait(ep, evs, 4, 5));
	SAY(epoll_pwait(ep, evs, 0, 5, &none));
	SAY(epoll_wait(ep, evs, 4, 0));

	uint64_t value = 0;
	int e = eventfd(5, EFD_SEMAPHORE | EFD_NONBLOCK);
	SAY(read(e, &value, 8));
	printf("%llu\n", (unsigned long long)value);
	int tfd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
	struct itimerspec its = {{0, 5000000}, {0, 5000000}}, now;
	SAY(timerfd_settime(tfd, 0, &its, NULL));
	usleep(22000);
	SAY(read(tfd, &value, 8));
	printf("several %d\n", value >= 4);
	SAY(timerfd_gettime(tfd, &now));
	printf("interval %ld\n", now.it_interval.tv_nsec);
	its.it_value.tv_nsec = 1000000000;
	SAY(timerfd_settime(tfd, 0, &its, NULL));

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGRTMIN + 3);
	sigprocmask(SIG_BLOCK, &set, NULL);
	int sfd = signalfd(-1, &set, SFD_NONBLOCK);
	struct signalfd_siginfo si;
	SAY(read(sfd, &si, sizeof(si)));
	sigqueue(getpid(), SIGRTMIN + 3, (union sigval){.sival_int = 1234});
	kill(getpid(), SIGUSR1);
	for (int i = 0; i < 2; i++) {
		SAY(read(sfd, &si, sizeof(si)));
		printf("signal %d code %d int %d self %d\n", si.ssi_signo, si.ssi_code, si.ssi_code == SI_QUEUE ? si.ssi_int : 0,
		       si.ssi_pid == (unsigned)getpid());
	}

	/* timers and interrupted sleeps */
	struct itimerval it = {{0, 0}, {0, 20000}};
	setitimer(ITIMER_REAL, &it, NULL);
	struct timespec second = {1, 0};
	SAY(nanosleep(&second, &left));
	printf("left %d alarms %d\n", left.tv_sec == 0 && left.tv_nsec > 500000000, alarms);
	setitimer(ITIMER_REAL, &it, NULL);
	SAY(clock_nanosleep(CLOCK_MONOTONIC, 0, &second, &left));
	setitimer(ITIMER_REAL, &it, NULL);
	SAY(poll(NULL, 0, 1000));
	setitimer(ITIMER_REAL, &it, NULL);
	SAY(select(0, NULL, NULL, NULL, &(struct timeval){1, 0}));
	setitimer(ITIMER_REAL, &it, NULL);
	SAY(epoll_wait(ep, evs, 1, 1000));
	setitimer(ITIMER_REAL, &it, NULL);
	SAY(pause());
	setitimer(ITIMER_REAL, &it, NULL);
	word = 0;
	SAY(syscall(SYS_futex, &word, FUTEX_WAIT, 0, &second, NULL, 0));
	int empty[2];
	if (pipe(empty) < 0)
		return 1;
	setitimer(ITIMER_REAL, &it, NULL);
	SAY(read(empty[0], &value, 1));
	/* the mask of pselect lets a blocked signal through, which ends it */
	sigaddset(&set, SIGALRM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	sa.sa_flags = SA_RESTART;
	sigaction(SIGALRM, &sa, NULL);
	raise(SIGALRM);
	SAY(pselect(0, NULL, NULL, NULL, &second, &none));
	raise(SIGALRM);
	SAY(ppoll(NULL, 0, &second, &none));
	raise(SIGALRM);
	SAY(epoll_pwait(ep, evs, 1, 1000, &none));
	printf("alarms %d\n", alarms);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	timer_t timer;
	struct sigevent sev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM};
	SAY(timer_create(CLOCK_MONOTONIC, &sev, &timer));
	struct itimerspec once = {{0, 0}, {0, 10000000}};
	SAY(timer_settime(timer, 0, &once, NULL));
	alarms = 0;
	while (!alarms)
		usleep(1000);
	SAY(timer_getoverrun(timer));
	SAY(timer_gettime(timer, &now));
	SAY(timer_delete(timer));
	SAY(alarm(100));
	SAY(alarm(0));

	/* futexes */
	word = 5;
	SAY(syscall(SYS_futex, &word, FUTEX_WAIT, 4, NULL, NULL, 0));
	SAY(syscall(SYS_futex, &word, FUTEX_WAIT, 5, &ten, NULL, 0));
	struct timespec past = {1, 0};
	SAY(syscall(SYS_futex, &word, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 5, &past, NULL, ~0));
	SAY(syscall(SYS_futex, &word, FUTEX_WAIT_BITSET, 5, &past, NULL, 0));
	SAY(syscall(SYS_futex, &word, FUTEX_WAKE, 1, NULL, NULL, 0));
	SAY(syscall(SYS_futex, &word, FUTEX_REQUEUE, 1, 1, &word2, 0));
	SAY(syscall(SYS_futex, &word, FUTEX_CMP_REQUEUE, 1, 1, &word2, 4));
	SAY(syscall(SYS_futex, &word, FUTEX_WAKE_OP, 1, 1, &word2, FUTEX_OP(FUTEX_OP_ADD, 3, FUTEX_OP_CMP_EQ, 0)));
	printf("word2 %d\n", word2);
	SAY(syscall(SYS_futex, (char *)&word + 1, FUTEX_WAKE, 1, NULL, NULL, 0));
	SAY(syscall(SYS_futex, &word, 99, 1, NULL, NULL, 0));
	SAY(syscall(SYS_futex, (void *)8, FUTEX_WAIT, 1, NULL, NULL, 0));
	word = 0;
	pthread_t t;
	pthread_create(&t, NULL, waker, NULL);
	while (word == 0)
		syscall(SYS_futex, &word, FUTEX_WAIT, 0, NULL, NULL, 0);
	pthread_join(t, NULL);
	pthread_mutexattr_t ma;
	pthread_mutexattr_init(&ma);
	pthread_mutexattr_setprotocol(&ma, PTHREAD_PRIO_INHERIT);
	pthread_mutexattr_setrobust(&ma, PTHREAD_MUTEX_ROBUST);
	printf("pi mutex %d\n", pthread_mutex_init(&pi_lock, &ma));
	pthread_mutex_lock(&pi_lock);
	pthread_create(&t, NULL, locker, NULL);
	usleep(10000);
	printf("unlock %d\n", pthread_mutex_unlock(&pi_lock));
	pthread_join(t, NULL);
	return 0;
}
