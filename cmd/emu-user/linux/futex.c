/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Futexes. Guest threads are host threads and their memory is the host's, so every operation is the host's own; what is
 * converted: the timeout, addresses, and for a guest of the other byte order the values that the kernel compares in memory.
 * The priority-inheriting operations store thread ids in host order: such a guest gets ENOSYS for them, as on a kernel
 * without CONFIG_FUTEX_PI.
 */
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include "linux.h"
#include "poll.h"

#ifndef FUTEX_LOCK_PI2
#define FUTEX_LOCK_PI2 13
#endif

static uint32_t word_order(struct thread *t, uint32_t v)
{
	return same_order(t) ? v : __builtin_bswap32(v);
}

static int64_t futex_do(struct thread *t, const uint64_t *a, enum struct_id id)
{
	int op = (int)a[1], command = op & FUTEX_CMD_MASK;
	uint32_t val = (uint32_t)a[2];
	long fourth = 0;
	struct timespec ts;
	bool waits = false;
	switch (command) {
	case FUTEX_WAIT: case FUTEX_WAIT_BITSET:
		val = word_order(t, val);
		waits = true;
		break;
	case FUTEX_LOCK_PI: case FUTEX_LOCK_PI2: case FUTEX_WAIT_REQUEUE_PI:
		val = command == FUTEX_WAIT_REQUEUE_PI ? word_order(t, val) : val;
		waits = true;
		/* fall through */
	case FUTEX_TRYLOCK_PI: case FUTEX_UNLOCK_PI: case FUTEX_CMP_REQUEUE_PI:
		if (!same_order(t))
			return -ENOSYS;
		break;
	}
	if (waits && a[3]) {
		int r = timeout_read(t, &ts, a[3], id);
		if (r < 0)
			return r;
		fourth = (long)&ts;
	} else if (!waits) {
		fourth = (long)a[3]; /* a second count */
	}
	uint32_t val3 = command == FUTEX_CMP_REQUEUE || command == FUTEX_CMP_REQUEUE_PI ? word_order(t, a[5]) : (uint32_t)a[5];
	if (command == FUTEX_WAKE_OP && !same_order(t))
		return -ENOSYS; /* arithmetic in memory */
	if (command == FUTEX_WAKE_OP || command == FUTEX_LOCK_PI || command == FUTEX_TRYLOCK_PI ||
	    command == FUTEX_LOCK_PI2 || command == FUTEX_UNLOCK_PI)
		user_will_write(t, a[0], 4);
	if (command == FUTEX_WAKE_OP || command == FUTEX_WAIT_REQUEUE_PI || command == FUTEX_CMP_REQUEUE_PI)
		user_will_write(t, a[4], 4);
	void *uaddr = user_host(t, a[0]), *uaddr2 = user_host(t, a[4]);
	return waits ? user_blocking(t, SYS_futex, uaddr, op, val, fourth, uaddr2, val3)
		     : HOST(futex, uaddr, op, val, fourth, uaddr2, val3);
}

int64_t futex_call(struct thread *t, const uint64_t *a)
{
	return futex_do(t, a, ST_timespec);
}

int64_t futex_call_time64(struct thread *t, const uint64_t *a)
{
	return futex_do(t, a, ST_timespec64);
}

/* A vector of {value, address, flags, reserved}, 64 bits each but the last two (futex2). */
int64_t futex_call_waitv(struct thread *t, const uint64_t *a)
{
	struct futex_waitv v[FUTEX_WAITV_MAX];
	struct timespec ts;
	uint32_t count = (uint32_t)a[1];
	if (count == 0 || count > FUTEX_WAITV_MAX || !a[0])
		return -EINVAL;
	for (uint32_t i = 0; i < count; i++) {
		uint64_t at = a[0] + i * 24, val, addr;
		uint32_t flags, reserved;
		if (user_read_u64(t, &val, at) < 0 || user_read_u64(t, &addr, at + 8) < 0 ||
		    user_read_u32(t, &flags, at + 16) < 0 || user_read_u32(t, &reserved, at + 20) < 0)
			return -EFAULT;
		v[i] = (struct futex_waitv){.val = same_order(t) ? val : word_order(t, (uint32_t)val), .flags = flags,
			.uaddr = (uintptr_t)user_host(t, addr), .__reserved = reserved};
	}
	if (a[3]) {
		int r = timeout_read(t, &ts, a[3], ST_timespec64);
		if (r < 0)
			return r;
	}
	return user_blocking(t, SYS_futex_waitv, v, count, a[2], a[3] ? &ts : NULL, (int)a[4]);
}
