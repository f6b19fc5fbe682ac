/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Clocks that need more than a conversion: sleeping, timers, the calls of old that count in seconds. */
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include "linux.h"
#include "poll.h"

int64_t time_time(struct thread *t, const uint64_t *a)
{
	/* The coarse clock: time(2) never runs ahead of the seconds that files get. */
	struct timespec ts;
	long r = HOST(clock_gettime, CLOCK_REALTIME_COARSE, &ts);
	if (r < 0)
		return r;
	if (a[0] && user_write_word(t, a[0], (uint64_t)ts.tv_sec) < 0)
		return -EFAULT;
	return guest32(t) ? (int32_t)ts.tv_sec : ts.tv_sec;
}

int64_t time_stime(struct thread *t, const uint64_t *a)
{
	uint64_t seconds;
	if (user_read_word(t, &seconds, a[0]) < 0)
		return -EFAULT;
	struct timespec ts = {guest32(t) ? (int32_t)seconds : (int64_t)seconds, 0};
	return HOST(clock_settime, CLOCK_REALTIME, &ts);
}

/* A relative sleep that a signal ends stores what is left. The clock and the flags are checked by the host. */
static int64_t sleep_do(struct thread *t, int clock, int flags, uint64_t request, uint64_t remain, enum struct_id id)
{
	struct timespec ts, left = {0, 0};
	int r = timeout_read(t, &ts, request, id);
	if (r < 0)
		return r;
	int64_t result = user_blocking(t, SYS_clock_nanosleep, clock, flags, &ts, &left);
	if (result == -EINTR && remain && !(flags & TIMER_ABSTIME) && struct_write(t, id, remain, &left) < 0)
		return -EFAULT;
	return result;
}

int64_t time_nanosleep(struct thread *t, const uint64_t *a)
{
	return sleep_do(t, CLOCK_MONOTONIC, 0, a[0], a[1], ST_timespec);
}

int64_t time_clock_nanosleep(struct thread *t, const uint64_t *a)
{
	return sleep_do(t, (int)a[0], (int)a[1], a[2], a[3], ST_timespec);
}

int64_t time_clock_nanosleep_time64(struct thread *t, const uint64_t *a)
{
	return sleep_do(t, (int)a[0], (int)a[1], a[2], a[3], ST_timespec64);
}

/* Half a second and more is a second; less than that, but something, is one too (alarm(2)). */
int64_t time_alarm(struct thread *t, const uint64_t *a)
{
	struct itimerval new = {.it_value.tv_sec = (uint32_t)a[0]}, old;
	(void)t;
	long r = HOST(setitimer, ITIMER_REAL, &new, &old);
	if (r < 0)
		return r;
	if ((!old.it_value.tv_sec && old.it_value.tv_usec) || old.it_value.tv_usec >= 500000)
		old.it_value.tv_sec++;
	return old.it_value.tv_sec;
}

/* struct sigevent, 64 bytes: value (a word), signal, notify, then a union: thread id, or function and attributes. */
int sigevent_read(struct thread *t, void *host, uint64_t addr)
{
	struct sigevent *ev = host;
	unsigned word = t->process->abi->word;
	uint64_t value;
	uint32_t signo, notify, tid;
	if (user_read_word(t, &value, addr) < 0 || user_read_u32(t, &signo, addr + word) < 0 ||
	    user_read_u32(t, &notify, addr + word + 4) < 0 || user_read_u32(t, &tid, addr + word + 8) < 0)
		return -EFAULT;
	memset(ev, 0, sizeof(*ev));
	/* The value comes back in siginfo as it is; on a 32-bit guest it is an int or a pointer. */
	memcpy(&ev->sigev_value, &value, sizeof(ev->sigev_value));
	ev->sigev_signo = (int)signo;
	ev->sigev_notify = (int)notify;
	ev->_sigev_un._tid = (int)tid;
	return 0;
}

int64_t time_timer_create(struct thread *t, const uint64_t *a)
{
	struct sigevent ev;
	int id;
	if (a[1] && sigevent_read(t, &ev, a[1]) < 0)
		return -EFAULT;
	if (!a[1]) {
		/* The kernel's default puts the timer's number into the value. That is right as it is. */
		long r = HOST(timer_create, a[0], NULL, &id);
		return r < 0 ? r : user_write_u32(t, a[2], (uint32_t)id);
	}
	long r = HOST(timer_create, a[0], &ev, &id);
	if (r < 0)
		return r;
	if (user_write_u32(t, a[2], (uint32_t)id) == 0)
		return 0;
	HOST(timer_delete, id);
	return -EFAULT;
}
