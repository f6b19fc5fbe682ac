/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation: one epoll instance. An eventfd wakes it for posted calls, a signalfd brings signals. Timers are
 * a binary heap; its top is epoll's timeout. A removed watch or timer is only unlinked while callbacks run and freed
 * at the end of the turn, so that an event already fetched for it finds the record alive and marked dead.
 */
#include "base/loop.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

struct loop_fd {
	struct loop *loop;
	struct loop_fd *prev, *next; /* live or dead list */
	int fd;
	unsigned events;
	bool dead, registered;
	void (*cb)(void *, unsigned);
	void *opaque;
};

struct loop_timer {
	struct loop *loop;
	uint64_t at;
	size_t slot; /* in the heap; SIZE_MAX: disarmed */
	bool dead;
	struct loop_timer *prev, *next;
	void (*cb)(void *);
	void *opaque;
};

struct post {
	struct post *next;
	void (*cb)(void *), (*drop)(void *);
	void *opaque;
};

struct loop {
	int epoll, wake, signals;
	sigset_t mask;
	struct {
		void (*cb)(void *, int);
		void *opaque;
	} handler[_NSIG];
	struct loop_fd *fds, *dead_fds, *wake_watch, *signal_watch;
	struct loop_timer *timers, *dead_timers, **heap;
	size_t heap_count, heap_size;
	int depth; /* turns in progress */
	pthread_mutex_t lock;
	struct post *posts, **posts_end;
	bool stop;
	int status;
	pthread_t thread;
	bool coarse; /* the kernel has no epoll_pwait2(): waits are whole milliseconds */
};

uint64_t loop_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* ---- posted calls ---- */

static void wake(struct loop *l)
{
	uint64_t one = 1;

	while (write(l->wake, &one, sizeof one) < 0 && errno == EINTR)
		;
}

static void run_posts(void *opaque, unsigned events)
{
	struct loop *l = opaque;
	struct post *p;
	uint64_t n;

	(void)events;
	while (read(l->wake, &n, sizeof n) < 0 && errno == EINTR)
		;
	pthread_mutex_lock(&l->lock);
	p = l->posts;
	l->posts = NULL;
	l->posts_end = &l->posts;
	pthread_mutex_unlock(&l->lock);
	while (p) {
		struct post *next = p->next;
		p->cb(p->opaque);
		free(p);
		p = next;
	}
}

int loop_post(struct loop *l, void (*cb)(void *), void *opaque)
{
	return loop_post_or(l, cb, opaque, NULL);
}

int loop_post_or(struct loop *l, void (*cb)(void *), void *opaque, void (*drop)(void *))
{
	struct post *p = malloc(sizeof *p);

	if (!p)
		return -ENOMEM;
	*p = (struct post){.cb = cb, .drop = drop, .opaque = opaque};
	pthread_mutex_lock(&l->lock);
	*l->posts_end = p;
	l->posts_end = &p->next;
	pthread_mutex_unlock(&l->lock);
	wake(l);
	return 0;
}

void loop_stop(struct loop *l, int status)
{
	pthread_mutex_lock(&l->lock);
	l->stop = true;
	l->status = status;
	pthread_mutex_unlock(&l->lock);
	wake(l);
}

/* ---- signals ---- */

static void run_signals(void *opaque, unsigned events)
{
	struct loop *l = opaque;
	struct signalfd_siginfo si;

	(void)events;
	while (read(l->signals, &si, sizeof si) == sizeof si)
		if (si.ssi_signo < _NSIG && l->handler[si.ssi_signo].cb)
			l->handler[si.ssi_signo].cb(l->handler[si.ssi_signo].opaque, (int)si.ssi_signo);
}

int loop_add_signal(struct loop *l, int sig, void (*cb)(void *, int), void *opaque, struct err *e)
{
	sigset_t one;
	int fd;

	if (sig <= 0 || sig >= _NSIG)
		return err_set(e, EINVAL, "%d is no signal", sig);
	sigaddset(&l->mask, sig);
	fd = signalfd(l->signals, &l->mask, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		return err_errno(e, errno, "cannot watch signal %d", sig);
	if (l->signals < 0) {
		l->signals = fd;
		l->signal_watch = loop_add_fd(l, fd, LOOP_READ, run_signals, l, e);
		if (!l->signal_watch)
			return -e->code;
	}
	sigemptyset(&one);
	sigaddset(&one, sig);
	pthread_sigmask(SIG_BLOCK, &one, NULL);
	l->handler[sig].cb = cb;
	l->handler[sig].opaque = opaque;
	return 0;
}

/* ---- timers ---- */

static void heap_place(struct loop *l, size_t slot, struct loop_timer *t)
{
	l->heap[slot] = t;
	t->slot = slot;
}

static void heap_fix(struct loop *l, size_t slot, struct loop_timer *t)
{
	while (slot > 0 && l->heap[(slot - 1) / 2]->at > t->at) {
		heap_place(l, slot, l->heap[(slot - 1) / 2]);
		slot = (slot - 1) / 2;
	}
	for (;;) {
		size_t child = 2 * slot + 1;
		if (child >= l->heap_count)
			break;
		if (child + 1 < l->heap_count && l->heap[child + 1]->at < l->heap[child]->at)
			child++;
		if (l->heap[child]->at >= t->at)
			break;
		heap_place(l, slot, l->heap[child]);
		slot = child;
	}
	heap_place(l, slot, t);
}

static void heap_remove(struct loop *l, struct loop_timer *t)
{
	size_t slot = t->slot;
	struct loop_timer *last;

	if (slot == SIZE_MAX)
		return;
	t->slot = SIZE_MAX;
	last = l->heap[--l->heap_count];
	if (last != t)
		heap_fix(l, slot, last);
}

struct loop_timer *loop_add_timer(struct loop *l, void (*cb)(void *), void *opaque)
{
	struct loop_timer *t = calloc(1, sizeof *t);
	size_t have = 0;

	if (!t)
		return NULL;
	for (struct loop_timer *i = l->timers; i; i = i->next)
		have++;
	/* Room for every timer at once, so that arming one cannot fail. */
	if (have + 1 > l->heap_size) {
		size_t size = 2 * (have + 1);
		struct loop_timer **heap = realloc(l->heap, size * sizeof *heap);
		if (!heap) {
			free(t);
			return NULL;
		}
		l->heap = heap;
		l->heap_size = size;
	}
	*t = (struct loop_timer){.loop = l, .slot = SIZE_MAX, .cb = cb, .opaque = opaque, .next = l->timers};
	if (l->timers)
		l->timers->prev = t;
	l->timers = t;
	return t;
}

void loop_set_timer(struct loop_timer *t, uint64_t at)
{
	heap_remove(t->loop, t);
	t->at = at;
	if (at != UINT64_MAX)
		heap_fix(t->loop, t->loop->heap_count++, t);
}

void loop_del_timer(struct loop_timer *t)
{
	struct loop *l;

	if (!t)
		return;
	l = t->loop;
	heap_remove(l, t);
	if (t->prev)
		t->prev->next = t->next;
	else
		l->timers = t->next;
	if (t->next)
		t->next->prev = t->prev;
	t->dead = true;
	t->next = l->dead_timers;
	l->dead_timers = t;
}

/* ---- descriptors ---- */

static uint32_t epoll_bits(unsigned events)
{
	return (events & LOOP_READ ? EPOLLIN | EPOLLRDHUP : 0u) | (events & LOOP_WRITE ? EPOLLOUT : 0u);
}

struct loop_fd *loop_add_fd(struct loop *l, int fd, unsigned events, void (*cb)(void *, unsigned), void *opaque,
			    struct err *e)
{
	struct loop_fd *w = calloc(1, sizeof *w);
	int r;

	if (!w) {
		err_set(e, ENOMEM, "out of memory");
		return NULL;
	}
	*w = (struct loop_fd){.loop = l, .fd = fd, .cb = cb, .opaque = opaque, .next = l->fds};
	r = loop_set_fd(w, events);
	if (r < 0) {
		err_errno(e, -r, "cannot watch fd %d", fd);
		free(w);
		return NULL;
	}
	if (l->fds)
		l->fds->prev = w;
	l->fds = w;
	return w;
}

int loop_set_fd(struct loop_fd *w, unsigned events)
{
	struct epoll_event ev = {.events = epoll_bits(events), .data.ptr = w};
	int op = !events ? EPOLL_CTL_DEL : w->registered ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;

	if (events == w->events || (!events && !w->registered))
		return 0;
	if (epoll_ctl(w->loop->epoll, op, w->fd, &ev) < 0)
		return -errno;
	w->registered = events != 0;
	w->events = events;
	return 0;
}

void loop_del_fd(struct loop_fd *w)
{
	struct loop *l;

	if (!w)
		return;
	l = w->loop;
	if (w->registered)
		epoll_ctl(l->epoll, EPOLL_CTL_DEL, w->fd, NULL);
	if (w->prev)
		w->prev->next = w->next;
	else
		l->fds = w->next;
	if (w->next)
		w->next->prev = w->prev;
	w->dead = true;
	w->next = l->dead_fds;
	l->dead_fds = w;
}

/* ---- the loop ---- */

static void free_dead(struct loop *l)
{
	while (l->dead_fds) {
		struct loop_fd *next = l->dead_fds->next;
		free(l->dead_fds);
		l->dead_fds = next;
	}
	while (l->dead_timers) {
		struct loop_timer *next = l->dead_timers->next;
		free(l->dead_timers);
		l->dead_timers = next;
	}
}

struct loop *loop_new(struct err *e)
{
	struct loop *l = calloc(1, sizeof *l);

	if (!l) {
		err_set(e, ENOMEM, "out of memory");
		return NULL;
	}
	l->signals = -1;
	l->thread = pthread_self();
	l->posts_end = &l->posts;
	sigemptyset(&l->mask);
	pthread_mutex_init(&l->lock, NULL);
	l->epoll = epoll_create1(EPOLL_CLOEXEC);
	l->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (l->epoll < 0 || l->wake < 0) {
		err_errno(e, errno, "cannot make an event loop");
		loop_free(l);
		return NULL;
	}
	l->wake_watch = loop_add_fd(l, l->wake, LOOP_READ, run_posts, l, e);
	if (!l->wake_watch) {
		loop_free(l);
		return NULL;
	}
	return l;
}

void loop_free(struct loop *l)
{
	if (!l)
		return;
	while (l->fds)
		loop_del_fd(l->fds);
	while (l->timers)
		loop_del_timer(l->timers);
	free_dead(l);
	while (l->posts) {
		struct post *next = l->posts->next;
		if (l->posts->drop)
			l->posts->drop(l->posts->opaque);
		free(l->posts);
		l->posts = next;
	}
	if (l->signals >= 0)
		close(l->signals);
	if (l->wake >= 0)
		close(l->wake);
	if (l->epoll >= 0)
		close(l->epoll);
	pthread_mutex_destroy(&l->lock);
	free(l->heap);
	free(l);
}

bool loop_is_mine(const struct loop *l)
{
	return pthread_equal(l->thread, pthread_self());
}

/* Nanoseconds to wait at most; UINT64_MAX: for ever. */
static uint64_t timeout(struct loop *l, int timeout_ms)
{
	uint64_t most = timeout_ms < 0 ? UINT64_MAX : (uint64_t)timeout_ms * 1000000, now, left;

	if (!l->heap_count)
		return most;
	now = loop_now();
	left = l->heap[0]->at > now ? l->heap[0]->at - now : 0;
	if (left > 3600000000000u)
		left = 3600000000000u;
	return left < most ? left : most;
}

static int wait_events(struct loop *l, struct epoll_event *ev, int max, uint64_t ns)
{
	struct timespec ts = {(time_t)(ns / 1000000000), (long)(ns % 1000000000)};

	if (!l->coarse) {
		int n = epoll_pwait2(l->epoll, ev, max, ns == UINT64_MAX ? NULL : &ts, NULL);
		if (n >= 0 || errno != ENOSYS)
			return n;
		l->coarse = true;
	}
	return epoll_wait(l->epoll, ev, max, ns == UINT64_MAX ? -1 : (int)((ns + 999999) / 1000000));
}

int loop_once(struct loop *l, int timeout_ms)
{
	struct epoll_event ev[32];
	int n = wait_events(l, ev, 32, timeout(l, timeout_ms)), calls = 0;
	uint64_t now;

	if (n < 0) {
		if (errno != EINTR)
			return -errno;
		n = 0;
	}
	l->depth++;
	for (int i = 0; i < n; i++) {
		struct loop_fd *w = ev[i].data.ptr;
		unsigned got = (ev[i].events & EPOLLIN ? LOOP_READ : 0u) | (ev[i].events & EPOLLOUT ? LOOP_WRITE : 0u) |
			       (ev[i].events & (EPOLLHUP | EPOLLERR | EPOLLRDHUP) ? LOOP_HANGUP : 0u);
		if (w->dead || !w->registered)
			continue;
		w->cb(w->opaque, got);
		calls++;
	}
	/* Timers armed by these callbacks for the past wait for the next turn: no endless loop. */
	now = loop_now();
	for (size_t left = l->heap_count; left && l->heap_count && l->heap[0]->at <= now; left--) {
		struct loop_timer *t = l->heap[0];
		heap_remove(l, t);
		t->cb(t->opaque);
		calls++;
	}
	if (--l->depth == 0)
		free_dead(l);
	return calls;
}

int loop_run(struct loop *l)
{
	int status;

	for (;;) {
		int r;
		pthread_mutex_lock(&l->lock);
		if (l->stop) {
			l->stop = false;
			status = l->status;
			pthread_mutex_unlock(&l->lock);
			return status;
		}
		pthread_mutex_unlock(&l->lock);
		r = loop_once(l, -1);
		if (r < 0)
			return r;
	}
}
