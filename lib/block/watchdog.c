/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "block/watchdog.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

struct watchdog {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	pthread_t thread;
	int fd;
	unsigned seconds;
	bool running, stop, fired;
	struct timespec limit;
};

static bool passed(const struct timespec *limit)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec > limit->tv_sec || (now.tv_sec == limit->tv_sec && now.tv_nsec >= limit->tv_nsec);
}

static void *watch(void *opaque)
{
	struct watchdog *w = opaque;

	pthread_mutex_lock(&w->lock);
	while (!w->stop) {
		if (!w->running || w->fired) {
			pthread_cond_wait(&w->changed, &w->lock);
			continue;
		}
		struct timespec limit = w->limit; /* later calls move it on */
		if (passed(&limit)) {
			w->fired = true;
			shutdown(w->fd, SHUT_RDWR);
		} else {
			pthread_cond_timedwait(&w->changed, &w->lock, &limit);
		}
	}
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

struct watchdog *watchdog_new(int fd, unsigned seconds)
{
	struct watchdog *w = calloc(1, sizeof *w);
	pthread_condattr_t a;

	if (!w)
		return NULL;
	w->fd = fd;
	w->seconds = seconds;
	pthread_mutex_init(&w->lock, NULL);
	pthread_condattr_init(&a);
	pthread_condattr_setclock(&a, CLOCK_MONOTONIC);
	pthread_cond_init(&w->changed, &a);
	pthread_condattr_destroy(&a);
	if (pthread_create(&w->thread, NULL, watch, w)) {
		free(w);
		return NULL;
	}
	return w;
}

void watchdog_free(struct watchdog *w)
{
	if (!w)
		return;
	pthread_mutex_lock(&w->lock);
	w->stop = true;
	pthread_cond_signal(&w->changed);
	pthread_mutex_unlock(&w->lock);
	pthread_join(w->thread, NULL);
	pthread_cond_destroy(&w->changed);
	pthread_mutex_destroy(&w->lock);
	free(w);
}

void watchdog_begin(struct watchdog *w)
{
	pthread_mutex_lock(&w->lock);
	clock_gettime(CLOCK_MONOTONIC, &w->limit);
	w->limit.tv_sec += (time_t)w->seconds;
	w->running = true;
	pthread_cond_signal(&w->changed);
	pthread_mutex_unlock(&w->lock);
}

bool watchdog_end(struct watchdog *w)
{
	bool good;

	pthread_mutex_lock(&w->lock);
	w->running = false;
	good = !w->fired;
	pthread_mutex_unlock(&w->lock);
	return good;
}
