/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Waiting for descriptors: poll, select, epoll, and the descriptors made to be waited for. */
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <time.h>
#include "linux.h"
#include "poll.h"

/* ---- masks and times ---------------------------------------------------------------------------------------- */

/* A set of signals is a vector of the guest's words, lowest signals first. */
int sigset_read(struct thread *t, uint64_t *mask, uint64_t addr, uint64_t size)
{
	unsigned word = t->process->abi->word;
	*mask = 0;
	if (size != 8)
		return -EINVAL;
	for (unsigned i = 0; i < 8 / word; i++) {
		uint64_t w;
		if (user_read_word(t, &w, addr + i * word) < 0)
			return -EFAULT;
		*mask |= w << (i * word * 8);
	}
	return 0;
}

/* A timeout, checked as the kernel does. A 32-bit guest's 64-bit form has padding above its nanoseconds. */
int timeout_read(struct thread *t, struct timespec *ts, uint64_t addr, enum struct_id id)
{
	if (struct_read(t, id, ts, addr) < 0)
		return -EFAULT;
	if (id == ST_timespec64 && guest32(t))
		ts->tv_nsec = (uint32_t)ts->tv_nsec;
	return ts->tv_sec < 0 || ts->tv_nsec < 0 || ts->tv_nsec >= 1000000000 ? -EINVAL : 0;
}

/* ---- poll ----------------------------------------------------------------------------------------------------- */

static int64_t poll_do(struct thread *t, uint64_t fds, uint32_t count, struct timespec *ts, const uint64_t *mask)
{
	const struct layouts *l = linux_layouts(t);
	struct pollfd few[32], *p = few;
	uint64_t host_mask = 0;
	int64_t r;
	bool same = l->by_id[ST_pollfd].same;
	if (count > INT_MAX / sizeof(*p))
		return -EINVAL;
	if (same) {
		user_will_write(t, fds, count * sizeof(*p));
		p = user_host(t, fds);
	} else {
		/* More than the limit of descriptors is an error in the kernel too. */
		if (count > 1 << 20)
			return -EINVAL;
		if (count > 32 && !(p = malloc(count * sizeof(*p))))
			return -ENOMEM;
		r = 0;
		for (uint32_t i = 0; i < count && r == 0; i++)
			r = struct_read(t, ST_pollfd, &p[i], fds + i * sizeof(*p));
		if (r < 0)
			goto out;
	}
	if (mask)
		host_mask = user_temp_mask(t, *mask);
	r = user_blocking(t, SYS_ppoll, p, count, ts, mask ? &host_mask : NULL, 8);
	if (mask)
		r = never_restarted(r);
	for (uint32_t i = 0; !same && r >= 0 && i < count; i++)
		if (struct_write(t, ST_pollfd, fds + i * sizeof(*p), &p[i]) < 0)
			r = -EFAULT;
out:
	if (!same && p != few)
		free(p);
	return r;
}

int64_t poll_poll(struct thread *t, const uint64_t *a)
{
	int ms = (int)a[2];
	struct timespec ts = {ms / 1000, ms % 1000 * 1000000L};
	return poll_do(t, a[0], (uint32_t)a[1], ms < 0 ? NULL : &ts, NULL);
}

/* The kernel stores the time that is left, whatever the result. */
static int64_t left_over(struct thread *t, int64_t r, uint64_t to, enum struct_id id, const struct timespec *ts)
{
	if (!to || r == -ERESTARTSYS)
		return r;
	if (id == ST_timeval || id == ST_timeval64) {
		struct timeval tv = {ts->tv_sec, ts->tv_nsec / 1000};
		struct_write(t, id, to, &tv);
	} else {
		struct_write(t, id, to, ts);
	}
	return r;
}

static int64_t ppoll_as(struct thread *t, const uint64_t *a, enum struct_id id)
{
	struct timespec ts;
	uint64_t mask;
	int r;
	if (a[2] && (r = timeout_read(t, &ts, a[2], id)) < 0)
		return r;
	if (a[3] && (r = sigset_read(t, &mask, a[3], a[4])) < 0)
		return r;
	return left_over(t, poll_do(t, a[0], (uint32_t)a[1], a[2] ? &ts : NULL, a[3] ? &mask : NULL), a[2], id, &ts);
}

int64_t poll_ppoll(struct thread *t, const uint64_t *a)
{
	return ppoll_as(t, a, ST_timespec);
}

int64_t poll_ppoll_time64(struct thread *t, const uint64_t *a)
{
	return ppoll_as(t, a, ST_timespec64);
}

/* ---- select ------------------------------------------------------------------------------------------------------ */

/* Sets are vectors of the guest's words; no call looks at more descriptors than a process can have. */
#define SELECT_MAX (1 << 20)

static int fdset_read(struct thread *t, uint64_t *host, uint64_t addr, unsigned n)
{
	unsigned word = t->process->abi->word, bits = word * 8;
	for (unsigned i = 0; i < n; i += bits) {
		uint64_t w;
		if (user_read_word(t, &w, addr + i / 8) < 0)
			return -EFAULT;
		host[i / 64] |= w << i % 64;
	}
	return 0;
}

static int fdset_write(struct thread *t, uint64_t addr, const uint64_t *host, unsigned n)
{
	unsigned word = t->process->abi->word, bits = word * 8;
	for (unsigned i = 0; i < n; i += bits)
		if (user_write_word(t, addr + i / 8, host[i / 64] >> i % 64) < 0)
			return -EFAULT;
	return 0;
}

static int64_t select_do(struct thread *t, const uint64_t *a, struct timespec *ts, const uint64_t *mask)
{
	int n = (int)a[0];
	struct {
		uint64_t mask, size;
	} last = {0, 8};
	uint64_t host_mask, *sets[3] = {NULL}, *memory = NULL, few[3 * 16];
	int64_t r = 0;
	if (n < 0)
		return -EINVAL;
	if (n > SELECT_MAX)
		n = SELECT_MAX;
	if (guest32(t) || !same_order(t)) {
		size_t words = ((size_t)n + 63) / 64;
		memory = words <= 16 ? few : malloc(3 * words * sizeof(*memory));
		if (!memory)
			return -ENOMEM;
		memset(memory, 0, 3 * words * sizeof(*memory));
		for (unsigned i = 0; i < 3 && r == 0; i++) {
			if (a[1 + i]) {
				sets[i] = memory + i * words;
				r = fdset_read(t, sets[i], a[1 + i], n);
			}
		}
	} else {
		for (unsigned i = 0; i < 3; i++) {
			user_will_write(t, a[1 + i], ((size_t)n + 63) / 64 * 8);
			sets[i] = user_host(t, a[1 + i]);
		}
	}
	if (r == 0) {
		if (mask) {
			host_mask = user_temp_mask(t, *mask);
			last.mask = (uintptr_t)&host_mask;
		}
		r = user_blocking(t, SYS_pselect6, n, sets[0], sets[1], sets[2], ts, &last);
		if (mask)
			r = never_restarted(r);
		for (unsigned i = 0; memory && r >= 0 && i < 3; i++)
			if (sets[i] && fdset_write(t, a[1 + i], sets[i], n) < 0)
				r = -EFAULT;
	}
	if (memory != few)
		free(memory);
	return r;
}

int64_t poll_select(struct thread *t, const uint64_t *a)
{
	struct timeval tv;
	struct timespec ts;
	if (a[4]) {
		if (struct_read(t, ST_timeval, &tv, a[4]) < 0)
			return -EFAULT;
		/* Microseconds beyond a second are carried, as poll_select_set_timeout() does. */
		if (tv.tv_sec < 0 || tv.tv_usec < 0)
			return -EINVAL;
		ts = (struct timespec){tv.tv_sec + tv.tv_usec / 1000000, tv.tv_usec % 1000000 * 1000};
	}
	return left_over(t, select_do(t, a, a[4] ? &ts : NULL, NULL), a[4], ST_timeval, &ts);
}

/* i386's first select: the five arguments in memory. */
int64_t poll_old_select(struct thread *t, const uint64_t *a)
{
	uint64_t args[5];
	for (unsigned i = 0; i < 5; i++)
		if (user_read_word(t, &args[i], a[0] + i * t->process->abi->word) < 0)
			return -EFAULT;
	args[0] = (uint64_t)(int64_t)(int32_t)args[0];
	return poll_select(t, args);
}

static int64_t pselect6_as(struct thread *t, const uint64_t *a, enum struct_id id)
{
	struct kernel_sigset {
		uint64_t mask, size;
	} last = {0, 0};
	struct timespec ts;
	uint64_t mask;
	int r;
	if (a[4] && (r = timeout_read(t, &ts, a[4], id)) < 0)
		return r;
	if (a[5] && struct_read(t, ST_sigset_arg, &last, a[5]) < 0)
		return -EFAULT;
	if (last.mask && (r = sigset_read(t, &mask, last.mask, last.size)) < 0)
		return r;
	return left_over(t, select_do(t, a, a[4] ? &ts : NULL, last.mask ? &mask : NULL), a[4], id, &ts);
}

int64_t poll_pselect6(struct thread *t, const uint64_t *a)
{
	return pselect6_as(t, a, ST_timespec);
}

int64_t poll_pselect6_time64(struct thread *t, const uint64_t *a)
{
	return pselect6_as(t, a, ST_timespec64);
}

/* ---- epoll ---------------------------------------------------------------------------------------------------------- */

int64_t poll_epoll_create(struct thread *t, const uint64_t *a)
{
	(void)t;
	return (int)a[0] <= 0 ? -EINVAL : HOST(epoll_create1, 0);
}

static int64_t epoll_do(struct thread *t, const uint64_t *a, int ms, const struct timespec *ts, uint64_t mask_at, uint64_t mask_size)
{
	struct epoll_event events[256];
	const struct layout *lo = &linux_layouts(t)->by_id[ST_epoll_event];
	void *to = events;
	int max = (int)a[2];
	uint64_t mask, host_mask = 0;
	int64_t r;
	if (mask_at) {
		int e = sigset_read(t, &mask, mask_at, mask_size);
		if (e < 0)
			return e;
	}
	if (max <= 0 || max > INT_MAX / 12)
		return -EINVAL;
	if (lo->same) {
		user_will_write(t, a[1], (size_t)max * lo->size);
		to = user_host(t, a[1]);
	} else if (max > 256) {
		max = 256; /* the rest stays ready for the next call */
	}
	if (mask_at)
		host_mask = user_temp_mask(t, mask);
	r = ts || t->call->host == SYS_epoll_pwait2 ?
		user_blocking(t, SYS_epoll_pwait2, a[0], to, max, ts, mask_at ? &host_mask : NULL, 8) :
		user_blocking(t, SYS_epoll_pwait, a[0], to, max, ms, mask_at ? &host_mask : NULL, 8);
	if (mask_at)
		r = never_restarted(r);
	for (int64_t i = 0; !lo->same && i < r; i++)
		if (struct_write(t, ST_epoll_event, a[1] + (uint64_t)i * lo->size, &events[i]) < 0)
			return -EFAULT;
	return r;
}

int64_t poll_epoll_wait(struct thread *t, const uint64_t *a)
{
	return epoll_do(t, a, (int)a[3], NULL, 0, 0);
}

int64_t poll_epoll_pwait(struct thread *t, const uint64_t *a)
{
	return epoll_do(t, a, (int)a[3], NULL, a[4], a[5]);
}

int64_t poll_epoll_pwait2(struct thread *t, const uint64_t *a)
{
	struct timespec ts;
	int r = a[3] ? timeout_read(t, &ts, a[3], ST_timespec64) : 0;
	return r < 0 ? r : epoll_do(t, a, -1, a[3] ? &ts : NULL, a[4], a[5]);
}

/* ---- event and signal descriptors --------------------------------------------------------------------------------- */

int64_t poll_eventfd(struct thread *t, const uint64_t *a)
{
	(void)t;
	return HOST(eventfd2, a[0], 0);
}

static int64_t signalfd_do(struct thread *t, const uint64_t *a, int flags)
{
	uint64_t mask;
	int r = sigset_read(t, &mask, a[1], a[2]);
	return r < 0 ? r : HOST(signalfd4, a[0], &mask, 8, flags);
}

int64_t poll_signalfd(struct thread *t, const uint64_t *a)
{
	return signalfd_do(t, a, 0);
}

int64_t poll_signalfd4(struct thread *t, const uint64_t *a)
{
	return signalfd_do(t, a, (int)flags_to_host(t, NAMES_open, a[3]));
}
