/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The system calls about signals. */
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include "internal.h"

#define MINSIGSTKSZ_X86 2048

/* A kernel sigset of 64 bits: one u64, or two words with signals 1–32 first. */
static int read_set(struct thread *t, uint64_t *set, uint64_t from)
{
	uint32_t lo, hi;

	if (t->process->abi->word == 8)
		return user_read_u64(t, set, from);
	if (user_read_u32(t, &lo, from) || user_read_u32(t, &hi, from + 4))
		return -EFAULT;
	*set = lo | (uint64_t)hi << 32;
	return 0;
}

static int write_set(struct thread *t, uint64_t to, uint64_t set)
{
	if (t->process->abi->word == 8)
		return user_write_u64(t, to, set);
	return user_write_u32(t, to, (uint32_t)set) || user_write_u32(t, to + 4, (uint32_t)(set >> 32)) ? -EFAULT : 0;
}

int64_t sys_rt_sigaction(struct thread *t, const uint64_t *a)
{
	unsigned w = t->process->abi->word;
	struct user_action new, old;
	int r;

	if (a[3] != 8)
		return -EINVAL;
	if (a[1] && (user_read_word(t, &new.handler, a[1]) || user_read_word(t, &new.flags, a[1] + w) ||
		     user_read_word(t, &new.restorer, a[1] + 2 * w) || read_set(t, &new.mask, a[1] + 3 * w)))
		return -EFAULT;
	r = signal_change_action(t, (int)a[0], a[1] ? &new : NULL, &old);
	if (!r && a[2] && (user_write_word(t, a[2], old.handler) || user_write_word(t, a[2] + w, old.flags) ||
			   user_write_word(t, a[2] + 2 * w, old.restorer) || write_set(t, a[2] + 3 * w, old.mask)))
		return -EFAULT;
	return r;
}

/* i386's first form: handler, a 32-bit mask, flags, restorer. */
int64_t sys_sigaction(struct thread *t, const uint64_t *a)
{
	struct user_action new, old;
	uint32_t v[4];
	unsigned i;
	int r;

	if (a[1]) {
		for (i = 0; i < 4; i++)
			if (user_read_u32(t, &v[i], a[1] + 4 * i))
				return -EFAULT;
		new = (struct user_action){.handler = v[0], .mask = v[1], .flags = v[2], .restorer = v[3]};
	}
	r = signal_change_action(t, (int)a[0], a[1] ? &new : NULL, &old);
	if (!r && a[2]) {
		uint32_t o[4] = {(uint32_t)old.handler, (uint32_t)old.mask, (uint32_t)old.flags, (uint32_t)old.restorer};
		for (i = 0; i < 4; i++)
			if (user_write_u32(t, a[2] + 4 * i, o[i]))
				return -EFAULT;
	}
	return r;
}

int64_t sys_signal(struct thread *t, const uint64_t *a)
{
	struct user_action new = {.handler = a[1], .flags = SA_RESETHAND | SA_NODEFER}, old;
	int r = signal_change_action(t, (int)a[0], &new, &old);

	return r ? r : (int64_t)old.handler;
}

/* Changes the mask as `how` says. A signal that came first is handled first; then the call is made again. */
static int64_t change_mask(struct thread *t, int how, uint64_t set)
{
	uint64_t new, host;

	switch (how) {
	case SIG_BLOCK:
		new = t->mask | set;
		break;
	case SIG_UNBLOCK:
		new = t->mask & ~set;
		break;
	case SIG_SETMASK:
		new = set;
		break;
	default:
		return -EINVAL;
	}
	new &= ~(SIGBIT(SIGKILL) | SIGBIT(SIGSTOP));
	if (new == t->mask)
		return 0;
	host = user_host_mask(new);
	if (user_blocking(t, SYS_rt_sigprocmask, SIG_SETMASK, &host, 0, 8) == -ERESTARTSYS)
		return -ERESTARTNOINTR;
	t->mask = new;
	if (signal_held(t) & ~new)
		t->signal_ready = 1;
	return 0;
}

int64_t sys_rt_sigprocmask(struct thread *t, const uint64_t *a)
{
	uint64_t set = 0, old = t->mask;
	int64_t r = 0;

	if (a[3] != 8)
		return -EINVAL;
	if (a[1]) {
		if (read_set(t, &set, a[1]))
			return -EFAULT;
		r = change_mask(t, (int)a[0], set);
	}
	if (!r && a[2] && write_set(t, a[2], old))
		return -EFAULT;
	return r;
}

int64_t sys_sigprocmask(struct thread *t, const uint64_t *a)
{
	uint64_t old = t->mask, high = t->mask & ~0xffffffffull;
	uint32_t set;
	int64_t r = 0;

	if (a[1]) {
		if (user_read_u32(t, &set, a[1]))
			return -EFAULT;
		r = change_mask(t, (int)a[0], (int)a[0] == SIG_SETMASK ? set | high : set);
	}
	if (!r && a[2] && user_write_u32(t, a[2], (uint32_t)old))
		return -EFAULT;
	return r;
}

int64_t sys_ssetmask(struct thread *t, const uint64_t *a)
{
	uint64_t old = t->mask;
	int64_t r = change_mask(t, SIG_SETMASK, (uint32_t)a[0] | (t->mask & ~0xffffffffull));

	return r ? r : (int64_t)(uint32_t)old;
}

int64_t sys_sgetmask(struct thread *t, const uint64_t *a)
{
	(void)a;
	return (int64_t)(uint32_t)t->mask;
}

static uint64_t pending_set(struct thread *t)
{
	uint64_t set = 0;

	syscall(SYS_rt_sigpending, &set, 8);
	return (set | signal_held(t)) & t->mask;
}

int64_t sys_rt_sigpending(struct thread *t, const uint64_t *a)
{
	uint64_t set = pending_set(t);

	if (a[1] > 8)
		return -EINVAL;
	return user_write(t, a[0], &set, a[1]);
}

int64_t sys_sigpending(struct thread *t, const uint64_t *a)
{
	return user_write_u32(t, a[0], (uint32_t)pending_set(t));
}

static int64_t suspend(struct thread *t, uint64_t set)
{
	uint64_t host = user_temp_mask(t, set);

	if (signal_held(t) & ~t->mask)
		return -EINTR;
	return user_blocking(t, SYS_rt_sigsuspend, &host, 8);
}

int64_t sys_rt_sigsuspend(struct thread *t, const uint64_t *a)
{
	uint64_t set;

	if (a[1] != 8)
		return -EINVAL;
	if (read_set(t, &set, a[0]))
		return -EFAULT;
	return suspend(t, set);
}

int64_t sys_sigsuspend(struct thread *t, const uint64_t *a)
{
	return suspend(t, (uint32_t)a[2]);
}

int64_t sys_pause(struct thread *t, const uint64_t *a)
{
	(void)a;
	return user_blocking(t, SYS_pause);
}

static int64_t timed_wait(struct thread *t, uint64_t set_at, uint64_t info_at, const struct timespec *timeout,
			  uint64_t size)
{
	uint64_t set, host;
	siginfo_t si;
	int64_t r;

	if (size != 8)
		return -EINVAL;
	if (read_set(t, &set, set_at))
		return -EFAULT;
	if (signal_take_held(t, set, &si)) {
		r = si.si_signo;
	} else {
		host = user_host_mask(set);
		memset(&si, 0, sizeof(si));
		r = user_blocking(t, SYS_rt_sigtimedwait, &host, &si, timeout, 8);
	}
	if (r > 0 && info_at && user_write_siginfo(t, info_at, &si))
		return -EFAULT;
	return r;
}

int64_t sys_rt_sigtimedwait(struct thread *t, const uint64_t *a)
{
	struct timespec ts;
	uint64_t s, n;
	unsigned w = t->process->abi->word;

	if (a[2]) {
		if (user_read_word(t, &s, a[2]) || user_read_word(t, &n, a[2] + w))
			return -EFAULT;
		ts.tv_sec = w == 4 ? (int32_t)s : (int64_t)s;
		ts.tv_nsec = w == 4 ? (int32_t)n : (int64_t)n;
	}
	return timed_wait(t, a[0], a[1], a[2] ? &ts : NULL, a[3]);
}

int64_t sys_rt_sigtimedwait_time64(struct thread *t, const uint64_t *a)
{
	struct timespec ts;
	uint64_t s, n;

	if (a[2]) {
		if (user_read_u64(t, &s, a[2]) || user_read_u64(t, &n, a[2] + 8))
			return -EFAULT;
		ts.tv_sec = (int64_t)s;
		ts.tv_nsec = (int32_t)n; /* the upper half is padding there */
	}
	return timed_wait(t, a[0], a[1], a[2] ? &ts : NULL, a[3]);
}

int64_t sys_rt_sigqueueinfo(struct thread *t, const uint64_t *a)
{
	siginfo_t si;

	if (user_read_siginfo(t, &si, a[2]))
		return -EFAULT;
	return syscall(SYS_rt_sigqueueinfo, (pid_t)a[0], (int)a[1], &si) < 0 ? -errno : 0;
}

int64_t sys_rt_tgsigqueueinfo(struct thread *t, const uint64_t *a)
{
	siginfo_t si;

	if (user_read_siginfo(t, &si, a[3]))
		return -EFAULT;
	return syscall(SYS_rt_tgsigqueueinfo, (pid_t)a[0], (pid_t)a[1], (int)a[2], &si) < 0 ? -errno : 0;
}

int64_t sys_kill(struct thread *t, const uint64_t *a)
{
	(void)t;
	return syscall(SYS_kill, (pid_t)a[0], (int)a[1]) < 0 ? -errno : 0;
}

int64_t sys_tkill(struct thread *t, const uint64_t *a)
{
	(void)t;
	return syscall(SYS_tkill, (pid_t)a[0], (int)a[1]) < 0 ? -errno : 0;
}

int64_t sys_tgkill(struct thread *t, const uint64_t *a)
{
	(void)t;
	return syscall(SYS_tgkill, (pid_t)a[0], (pid_t)a[1], (int)a[2]) < 0 ? -errno : 0;
}

int64_t sys_sigaltstack(struct thread *t, const uint64_t *a)
{
	unsigned w = t->process->abi->word, size_at = w == 8 ? 16 : 8;
	uint64_t sp = t->process->abi->get_sp(t->cpu);
	bool on = signal_on_altstack(t, sp);
	struct user_altstack old = t->altstack, new;

	if (a[0]) {
		if (user_read_word(t, &new.sp, a[0]) || user_read_u32(t, &new.flags, a[0] + w) ||
		    user_read_word(t, &new.size, a[0] + size_at))
			return -EFAULT;
		if (on)
			return -EPERM;
		switch (new.flags & ~(1u << 31)) {
		case SS_DISABLE:
			new.sp = new.size = 0;
			break;
		case 0:
		case SS_ONSTACK:
			if (new.size < MINSIGSTKSZ_X86)
				return -ENOMEM;
			break;
		default:
			return -EINVAL;
		}
		t->altstack = new;
	}
	if (a[1]) {
		uint32_t flags = !old.size ? SS_DISABLE : (on ? SS_ONSTACK : 0) | (old.flags & (1u << 31));

		if (user_write_word(t, a[1], old.sp) || user_write_u32(t, a[1] + w, flags) ||
		    user_write_word(t, a[1] + size_at, old.size))
			return -EFAULT;
	}
	return 0;
}

int64_t sys_rt_sigreturn(struct thread *t, const uint64_t *a)
{
	(void)a;
	return t->process->abi->sigreturn(t, true);
}

int64_t sys_sigreturn(struct thread *t, const uint64_t *a)
{
	(void)a;
	return t->process->abi->sigreturn(t, false);
}
