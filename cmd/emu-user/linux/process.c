/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Processes: waiting, prctl, limits, scheduling. */
#include <linux/kcmp.h>
#include <linux/prctl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include "linux.h"
#include "file.h"
#include "structs.h"

int64_t proc_getpgrp(struct thread *t, const uint64_t *a)
{
	(void)t, (void)a;
	return HOST(getpgid, 0);
}

static int64_t wait_do(struct thread *t, int pid, uint64_t status_at, int flags, uint64_t usage_at)
{
	struct rusage ru;
	int status;
	int64_t r = user_blocking(t, SYS_wait4, pid, &status, flags, usage_at ? &ru : NULL);
	if (r <= 0)
		return r;
	if (usage_at && struct_write(t, ST_rusage, usage_at, &ru) < 0)
		return -EFAULT;
	return status_at && user_write_u32(t, status_at, (uint32_t)status) < 0 ? -EFAULT : r;
}

int64_t proc_wait4(struct thread *t, const uint64_t *a)
{
	return wait_do(t, (int)a[0], a[1], (int)a[2], a[3]);
}

int64_t proc_waitpid(struct thread *t, const uint64_t *a)
{
	return wait_do(t, (int)a[0], a[1], (int)a[2], 0);
}

int64_t proc_waitid(struct thread *t, const uint64_t *a)
{
	siginfo_t si;
	struct rusage ru;
	memset(&si, 0, sizeof(si));
	int64_t r = user_blocking(t, SYS_waitid, a[0], a[1], &si, a[3], a[4] ? &ru : NULL);
	if (r == -ERESTARTSYS)
		return r;
	/* Also with an error the kernel stores a record, of zeros. */
	if (r < 0)
		memset(&si, 0, sizeof(si));
	if (a[2] && user_write_siginfo(t, a[2], &si) < 0)
		return -EFAULT;
	/* Without a child that changed (WNOHANG) the kernel leaves the usage alone. */
	if (a[4] && si.si_signo && struct_write(t, ST_rusage, a[4], &ru) < 0)
		return -EFAULT;
	return r;
}

/* The kernel has no work to go on with: our restarts issue the whole call again. */
int64_t proc_restart(struct thread *t, const uint64_t *a)
{
	(void)t, (void)a;
	return -EINTR;
}

int64_t proc_kcmp(struct thread *t, const uint64_t *a)
{
	return HOST(kcmp, a[0], a[1], a[2], a[3], (int)a[2] == KCMP_EPOLL_TFD ? (uintptr_t)user_host(t, a[4]) : a[4]);
}

int64_t proc_pidfd_send_signal(struct thread *t, const uint64_t *a)
{
	siginfo_t si;
	if (a[2] && user_read_siginfo(t, &si, a[2]) < 0)
		return -EFAULT;
	return HOST(pidfd_send_signal, a[0], a[1], a[2] ? &si : NULL, a[3]);
}

int64_t proc_no_ports(struct thread *t, const uint64_t *a)
{
	/* Only the request for none succeeds: iopl(0), ioperm(from, count, 0). */
	return a[t->call->arg[1].kind == ARG_NONE ? 0 : 2] ? -EPERM : 0;
}

/* ---- prctl --------------------------------------------------------------------------------------------------- */

enum prctl_kind { PRCTL_PASS, PRCTL_NAME_IN, PRCTL_NAME_OUT, PRCTL_INT_OUT, PRCTL_ARG5_OUT64 };

#ifndef PR_GET_AUXV
#define PR_GET_AUXV 0x41555856
#endif
#ifndef PR_SET_MDWE
#define PR_SET_MDWE 65
#define PR_GET_MDWE 66
#endif

/*
 * What an operation does with its second argument. Refused are those that would change how the host treats the
 * emulator's own code: time-stamp traps, its system calls (seccomp, dispatch), its right to make code.
 */
static const struct {
	int op;
	enum prctl_kind kind;
} prctls[] = {
	{PR_SET_PDEATHSIG, PRCTL_PASS}, {PR_GET_PDEATHSIG, PRCTL_INT_OUT}, {PR_GET_DUMPABLE, PRCTL_PASS},
	{PR_SET_DUMPABLE, PRCTL_PASS}, {PR_GET_KEEPCAPS, PRCTL_PASS}, {PR_SET_KEEPCAPS, PRCTL_PASS},
	{PR_GET_TIMING, PRCTL_PASS}, {PR_SET_TIMING, PRCTL_PASS}, {PR_SET_NAME, PRCTL_NAME_IN},
	{PR_GET_NAME, PRCTL_NAME_OUT}, {PR_CAPBSET_READ, PRCTL_PASS}, {PR_CAPBSET_DROP, PRCTL_PASS},
	{PR_GET_SECUREBITS, PRCTL_PASS}, {PR_SET_SECUREBITS, PRCTL_PASS}, {PR_SET_TIMERSLACK, PRCTL_PASS},
	{PR_GET_TIMERSLACK, PRCTL_PASS}, {PR_MCE_KILL, PRCTL_PASS}, {PR_MCE_KILL_GET, PRCTL_PASS},
	{PR_TASK_PERF_EVENTS_DISABLE, PRCTL_PASS}, {PR_TASK_PERF_EVENTS_ENABLE, PRCTL_PASS},
	{PR_SET_CHILD_SUBREAPER, PRCTL_PASS}, {PR_GET_CHILD_SUBREAPER, PRCTL_INT_OUT},
	{PR_SET_NO_NEW_PRIVS, PRCTL_PASS}, {PR_GET_NO_NEW_PRIVS, PRCTL_PASS}, {PR_SET_THP_DISABLE, PRCTL_PASS},
	{PR_GET_THP_DISABLE, PRCTL_PASS}, {PR_SET_PTRACER, PRCTL_PASS}, {PR_CAP_AMBIENT, PRCTL_PASS},
	{PR_GET_SPECULATION_CTRL, PRCTL_PASS}, {PR_SET_SPECULATION_CTRL, PRCTL_PASS}, {PR_SET_IO_FLUSHER, PRCTL_PASS},
	{PR_GET_IO_FLUSHER, PRCTL_PASS}, {PR_SCHED_CORE, PRCTL_ARG5_OUT64}, {PR_GET_SECCOMP, PRCTL_PASS},
	{PR_GET_TSC, PRCTL_INT_OUT},
};

int64_t proc_prctl(struct thread *t, const uint64_t *a)
{
	int op = (int)a[0];
	int64_t r = user_prctl(t, a);
	char name[16] = "";
	int value = 0;
	uint64_t wide = 0;
	if (r != -ENOTSUP)
		return r;
	if (op == PR_GET_AUXV) {
		size_t have = t->process->auxv_size, n = a[2] < have ? a[2] : have;
		if (a[3] || a[4])
			return -EINVAL;
		return user_write(t, a[1], t->process->auxv, n) < 0 ? -EFAULT : (int64_t)have;
	}
	if (op == PR_GET_TID_ADDRESS)
		return user_write_word(t, a[1], t->clear_child_tid);
	for (unsigned i = 0; i < sizeof(prctls) / sizeof(prctls[0]); i++) {
		if (prctls[i].op != op)
			continue;
		switch (prctls[i].kind) {
		case PRCTL_NAME_IN:
			r = user_read_string(t, name, a[1], sizeof(name));
			if (r == -EFAULT)
				return r;
			name[sizeof(name) - 1] = 0;
			return HOST(prctl, op, name);
		case PRCTL_NAME_OUT:
			r = HOST(prctl, op, name);
			return r < 0 ? r : user_write(t, a[1], name, sizeof(name));
		case PRCTL_INT_OUT:
			r = HOST(prctl, op, &value, a[2], a[3], a[4]);
			return r < 0 ? r : user_write_u32(t, a[1], (uint32_t)value);
		case PRCTL_ARG5_OUT64:
			r = HOST(prctl, op, a[1], a[2], a[3], a[4] ? &wide : NULL);
			return r < 0 || !a[4] ? r : user_write_u64(t, a[4], wide);
		case PRCTL_PASS:
			return HOST(prctl, op, a[1], a[2], a[3], a[4]);
		}
		break;
	}
	log_printf(LOG_UNIMP, "prctl operation %d is not provided: the program gets EINVAL\n", op);
	return -EINVAL;
}

/* ---- limits ------------------------------------------------------------------------------------------------------ */

/*
 * Limits of address space count the emulator's own memory too: the host's limit is the program's and this much more.
 * What the program set is what it reads back.
 */
#define OWN_SPACE (1ULL << 30)

static bool counts_space(unsigned resource)
{
	return resource == RLIMIT_AS || resource == RLIMIT_DATA;
}

static uint64_t with_own(uint64_t v)
{
	return v > UINT64_MAX - OWN_SPACE ? v : v + OWN_SPACE;
}

static int64_t limit_do(struct thread *t, int pid, unsigned resource, const struct rlimit *new, struct rlimit *old)
{
	struct linux_state *s = linux_state(t);
	struct rlimit host;
	if (!counts_space(resource) || (pid != 0 && pid != HOST(getpid)))
		return HOST(prlimit64, pid, resource, new, old);
	struct linux_space_limit *l = &s->space[resource == RLIMIT_AS];
	pthread_mutex_lock(&s->lock);
	long r = HOST(prlimit64, 0, resource, NULL, &host);
	if (r == 0 && old)
		*old = l->set ? (struct rlimit){l->soft, l->hard} : host;
	if (r == 0 && new) {
		uint64_t most = l->set ? l->hard : host.rlim_max;
		struct rlimit wide = {with_own(new->rlim_cur), with_own(new->rlim_max)};
		if (new->rlim_max <= most && wide.rlim_max > host.rlim_max)
			wide.rlim_max = host.rlim_max;
		if (wide.rlim_cur > wide.rlim_max && new->rlim_cur <= new->rlim_max)
			wide.rlim_cur = wide.rlim_max;
		r = new->rlim_cur > new->rlim_max ? -EINVAL : HOST(prlimit64, 0, resource, &wide, NULL);
		if (r == 0)
			*l = (struct linux_space_limit){.set = true, .soft = new->rlim_cur, .hard = new->rlim_max};
	}
	pthread_mutex_unlock(&s->lock);
	return r;
}

bool linux_space_limits(const struct process *p, char *text, size_t size)
{
	const struct linux_state *s = p->linux_state;
	if (!s || !(s->space[0].set || s->space[1].set)) {
		if (p->options.space_limits)
			snprintf(text, size, "%s", p->options.space_limits);
		return p->options.space_limits;
	}
	int n = 0;
	for (unsigned i = 0; i < 2; i++)
		if (s->space[i].set)
			n += snprintf(text + n, size - (size_t)n, "%u:%llx:%llx,", i, (unsigned long long)s->space[i].soft,
				      (unsigned long long)s->space[i].hard);
	return true;
}

void linux_space_limits_set(struct linux_state *s, const char *text)
{
	unsigned i;
	unsigned long long soft, hard;
	int n;
	for (; text && sscanf(text, "%u:%llx:%llx,%n", &i, &soft, &hard, &n) == 3; text += n)
		if (i < 2)
			s->space[i] = (struct linux_space_limit){.set = true, .soft = soft, .hard = hard};
}

int64_t proc_getrlimit(struct thread *t, const uint64_t *a)
{
	struct rlimit r;
	int64_t e = limit_do(t, 0, (unsigned)a[0], NULL, &r);
	return e < 0 ? e : struct_write(t, ST_rlimit, a[1], &r);
}

/* Before there was "no limit" as all ones: what is too large for a signed word is its largest value. */
int64_t proc_old_getrlimit(struct thread *t, const uint64_t *a)
{
	struct rlimit r;
	int64_t e = limit_do(t, 0, (unsigned)a[0], NULL, &r);
	if (e < 0)
		return e;
	if (guest32(t) && r.rlim_cur > INT32_MAX)
		r.rlim_cur = INT32_MAX;
	if (guest32(t) && r.rlim_max > INT32_MAX)
		r.rlim_max = INT32_MAX;
	return struct_write(t, ST_rlimit, a[1], &r);
}

int64_t proc_setrlimit(struct thread *t, const uint64_t *a)
{
	struct rlimit r;
	if (struct_read(t, ST_rlimit, &r, a[1]) < 0)
		return -EFAULT;
	return limit_do(t, 0, (unsigned)a[0], &r, NULL);
}

int64_t proc_prlimit64(struct thread *t, const uint64_t *a)
{
	struct rlimit new, old;
	if (a[2] && struct_read(t, ST_rlimit64, &new, a[2]) < 0)
		return -EFAULT;
	int64_t r = limit_do(t, (int)a[0], (unsigned)a[1], a[2] ? &new : NULL, a[3] ? &old : NULL);
	return r < 0 || !a[3] ? r : struct_write(t, ST_rlimit64, a[3], &old);
}

/* ---- scheduling -------------------------------------------------------------------------------------------------- */

int64_t proc_nice(struct thread *t, const uint64_t *a)
{
	(void)t;
	long raw = HOST(getpriority, PRIO_PROCESS, 0); /* 20 - nice */
	int increment = (int)a[0] < -40 ? -40 : (int)a[0] > 40 ? 40 : (int)a[0];
	int nice = (int)(20 - raw) + increment;
	long r = HOST(setpriority, PRIO_PROCESS, 0, nice < -20 ? -20 : nice > 19 ? 19 : nice);
	return r == -EACCES ? -EPERM : r;
}

/* Sets of processors are vectors of words; 8,192 processors are as many as Linux knows. */
int64_t proc_sched_setaffinity(struct thread *t, const uint64_t *a)
{
	uint64_t set[128] = {0};
	unsigned word = t->process->abi->word;
	uint32_t size = (uint32_t)a[1] < sizeof(set) ? (uint32_t)a[1] : sizeof(set);
	/* Bytes past the last whole word count too: the kernel copies bytes. */
	if (same_order(t)) {
		if (user_read(t, set, a[2], size) < 0)
			return -EFAULT;
	} else {
		for (uint32_t at = 0; at + word <= size; at += word) {
			uint64_t w;
			if (user_read_word(t, &w, a[2] + at) < 0)
				return -EFAULT;
			set[at / 8] |= w << at % 8 * 8;
		}
	}
	return HOST(sched_setaffinity, a[0], sizeof(set), set);
}

int64_t proc_sched_getaffinity(struct thread *t, const uint64_t *a)
{
	uint64_t set[128];
	unsigned word = t->process->abi->word;
	uint32_t size = (uint32_t)a[1];
	if (size % word)
		return -EINVAL;
	long r = HOST(sched_getaffinity, a[0], sizeof(set), set);
	if (r < 0)
		return r;
	for (long at = (long)size / 8; at < r / 8; at++)
		if (at * 8 >= (long)size ? set[at] : set[at] >> 32)
			return -EINVAL; /* too small for this machine's processors */
	uint32_t n = size < r ? size : (uint32_t)r;
	for (uint32_t at = 0; at < n; at += word)
		if (user_write_word(t, a[2] + at, set[at / 8] >> at % 8 * 8) < 0)
			return -EFAULT;
	return n;
}

#define SCHED_ATTR_FIRST 48 /* bytes of the structure's first version */

int64_t proc_sched_setattr(struct thread *t, const uint64_t *a)
{
	uint8_t raw[sizeof(struct kernel_sched_attr)];
	struct kernel_sched_attr attr;
	uint32_t size;
	if (user_read_u32(t, &size, a[1]) < 0)
		return -EFAULT;
	int r = read_sized(t, raw, sizeof(raw), a[1], size ? size : SCHED_ATTR_FIRST, SCHED_ATTR_FIRST);
	if (r == -EINVAL)
		r = -E2BIG;
	if (r == -E2BIG)
		user_write_u32(t, a[1], sizeof(attr));
	if (r < 0)
		return r;
	layout_to_host(linux_layouts(t), ST_sched_attr, &attr, raw);
	attr.size = size > sizeof(attr) ? sizeof(attr) : size;
	return HOST(sched_setattr, a[0], &attr, a[2]);
}

int64_t proc_sched_getattr(struct thread *t, const uint64_t *a)
{
	uint8_t raw[sizeof(struct kernel_sched_attr)];
	struct kernel_sched_attr attr;
	uint32_t size = (uint32_t)a[2];
	if (size < SCHED_ATTR_FIRST || size > 4096)
		return -EINVAL;
	if (size > sizeof(attr))
		size = sizeof(attr);
	memset(&attr, 0, sizeof(attr));
	long r = HOST(sched_getattr, a[0], &attr, size, a[3]);
	if (r < 0)
		return r;
	layout_to_guest(linux_layouts(t), ST_sched_attr, raw, &attr);
	return user_write(t, a[1], raw, size);
}
