/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Threads and processes of the guest.
 *
 * Theory of operation. A guest thread is a pthread (the emulator's C code needs libc's per-thread data); its tid is the
 * host's. fork is fork. vfork (CLONE_VM|CLONE_VFORK) is a host clone with the same flags: the child runs on a small stack
 * of its own with the parent's libc data, which the suspended parent does not use meanwhile, and has its own registers and
 * signal actions; so posix_spawn's way of reporting errors through shared memory works.
 */
#include <linux/futex.h>
#include <sched.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "internal.h"

#ifndef CLONE_CLEAR_SIGHAND
#define CLONE_CLEAR_SIGHAND 0x100000000ull
#endif
#ifndef CLONE_INTO_CGROUP
#define CLONE_INTO_CGROUP 0x200000000ull
#endif
#ifndef CLONE_PIDFD
#define CLONE_PIDFD 0x1000
#endif
#define HOST_STACK (512u << 10)     /* of a created thread */
#define SIGNAL_STACK (64u << 10)
#define ROBUST_LIMIT 2048u

static __thread struct thread *current;

struct thread *user_current(void)
{
	return current;
}

void thread_set_current(struct thread *t)
{
	current = t;
}

struct thread *thread_new(struct process *p, struct cpu *cpu)
{
	struct thread *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->process = p;
	t->cpu = cpu;
	t->sighand = &p->sighand;
	t->altstack.flags = SS_DISABLE;
	if (cpu)
		cpu->owner = t;
	pthread_mutex_lock(&p->thread_lock);
	t->next = p->threads;
	if (t->next)
		t->next->prev = t;
	p->threads = t;
	p->thread_count++;
	if (cpu)
		cpu->index = p->next_index++;
	pthread_mutex_unlock(&p->thread_lock);
	return t;
}

static void unlist(struct thread *t)
{
	struct process *p = t->process;

	if (t->prev)
		t->prev->next = t->next;
	else if (p->threads == t)
		p->threads = t->next;
	if (t->next)
		t->next->prev = t->prev;
	t->next = t->prev = NULL;
	p->thread_count--;
}

void thread_free(struct thread *t)
{
	if (t->cpu)
		t->process->abi->isa->cpu_free(t->cpu);
	if (t->host_stack)
		munmap(t->host_stack, t->host_stack_size);
	free(t);
}

int thread_host_setup(struct thread *t)
{
	stack_t ss;

	t->tid = (pid_t)syscall(SYS_gettid);
	t->group = getpid();
	t->host_stack_size = SIGNAL_STACK;
	t->host_stack = mmap(NULL, SIGNAL_STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
			     0);
	if (t->host_stack == MAP_FAILED) {
		t->host_stack = NULL;
		return -ENOMEM;
	}
	ss = (stack_t){.ss_sp = t->host_stack, .ss_size = SIGNAL_STACK};
	if (sigaltstack(&ss, NULL) < 0)
		return -errno;
	current = t;
	return 0;
}

/* ---- the end of a thread ------------------------------------------------------------------------------------ */

/* futex(2), "robust futexes": the owner died; waiters are told. */
static void robust_one(struct thread *t, uint64_t futex, bool pi)
{
	uint32_t *h = user_host(t, futex), value, next;

	if (!h || (futex & 3) || user_copy(&value, h, 4))
		return;
	for (;;) {
		int64_t r;

		if ((value & FUTEX_TID_MASK) != (uint32_t)t->tid)
			return;
		next = (value & FUTEX_WAITERS) | FUTEX_OWNER_DIED;
		user_will_write(t, futex, 4);
		r = user_cas32(h, &value, next);
		if (r < 0)
			return;
		if (r)
			break;
	}
	if (!pi && (value & FUTEX_WAITERS))
		syscall(SYS_futex, h, FUTEX_WAKE, 1, NULL, NULL, 0);
}

static void robust_walk(struct thread *t)
{
	unsigned w = t->process->abi->word, left = ROBUST_LIMIT;
	uint64_t head = t->robust_list, entry, next, offset, pending;

	if (!head)
		return;
	if (user_read_word(t, &entry, head) || user_read_word(t, &offset, head + w) ||
	    user_read_word(t, &pending, head + 2 * w))
		return;
	if (w == 4)
		offset = (uint64_t)(int64_t)(int32_t)offset;
	while ((entry & ~1ull) != head && left--) {
		bool end = user_read_word(t, &next, entry & ~1ull);

		if ((entry & ~1ull) != (pending & ~1ull))
			robust_one(t, (entry & ~1ull) + offset, entry & 1);
		if (end)
			return;
		entry = next;
	}
	if (pending & ~1ull)
		robust_one(t, (pending & ~1ull) + offset, pending & 1);
}

static void leave(struct thread *t)
{
	robust_walk(t);
	if (t->robust_list && t->process->abi->word == 8)
		syscall(SYS_set_robust_list, NULL, sizeof(struct robust_list_head));
	t->robust_list = 0;
	if (t->clear_child_tid) {
		user_will_write(t, t->clear_child_tid, 4);
		if (!user_write_u32(t, t->clear_child_tid, 0))
			syscall(SYS_futex, user_host(t, t->clear_child_tid), FUTEX_WAKE, 1, NULL, NULL, 0);
		t->clear_child_tid = 0;
	}
}

_Noreturn void user_exit_group(struct thread *t, int status)
{
	if (!t->vfork_child)
		gdb_exit(status, false);
	if (log_mask)
		fflush(log_stream());
	syscall(SYS_exit_group, status);
	_exit(status);
}

_Noreturn void thread_exit(struct thread *t, int status)
{
	struct process *p = t->process;
	uint64_t all = user_host_mask(~0ull);
	bool last;

	if (t->vfork_child) { /* a process of one thread */
		leave(t);
		user_exit_group(t, status);
	}
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, NULL, 8);
	pthread_mutex_lock(&p->thread_lock);
	last = p->thread_count == 1;
	if (!last)
		unlist(t);
	pthread_mutex_unlock(&p->thread_lock);
	if (last)
		user_exit_group(t, status);
	leave(t);
	if (t->host_is_main) { /* the leader's status is the process's, when the others have ended */
		p->abi->isa->cpu_free(t->cpu);
		for (;;)
			syscall(SYS_exit, status);
	}
	longjmp(*(jmp_buf *)t->exit_jump, 1);
}

int64_t sys_exit(struct thread *t, const uint64_t *a)
{
	thread_exit(t, (int)a[0] & 0xff);
}

int64_t sys_exit_group(struct thread *t, const uint64_t *a)
{
	user_exit_group(t, (int)a[0] & 0xff);
}

_Noreturn void threads_park(struct thread *t)
{
	uint64_t all = ~0ull;
	uint8_t image[2048] __attribute__((aligned(64)));

	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, NULL, 8);
	t->process->abi->core_fpregs(t->cpu, image, sizeof(image)); /* the host's x87 registers go to the state */
	t->parked = true;
	for (;;)
		pause();
}

void threads_freeze(struct thread *t)
{
	struct process *p = t->process;
	struct thread *o, *none = NULL;
	const struct timespec nap = {0, 1000000};
	bool all;

	if (t->vfork_child)
		return; /* its parent's threads are another process's */
	if (!__atomic_compare_exchange_n(&p->dying, &none, t, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
		threads_park(t); /* another thread's death came first */
	p->stop_request = true;
	/* One that sits in a call of the host's that no signal ends is where it is anyway: half a second is enough. */
	for (unsigned turn = 0; turn < 500; turn++) {
		all = true;
		pthread_mutex_lock(&p->thread_lock);
		for (o = p->threads; o; o = o->next)
			if (o != t && !o->parked) {
				all = false;
				if (turn % 16 == 0)
					thread_kick(o);
			}
		pthread_mutex_unlock(&p->thread_lock);
		if (all)
			break;
		nanosleep(&nap, NULL);
	}
}

/* ---- new threads --------------------------------------------------------------------------------------------- */

struct start {
	struct thread *t;
	const struct user_clone_args *args;
	pid_t tid; /* for the parent: when it looks, the thread may have ended, and its struct with it; -errno: it could not begin */
	sem_t ready;
};

/* Returns when the guest thread has ended. */
static void __attribute__((noinline)) run(struct thread *t)
{
	jmp_buf exit_jump;
	uint64_t mask = user_host_mask(t->mask);

	t->exit_jump = &exit_jump;
	if (setjmp(exit_jump))
		return;
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &mask, NULL, 8);
	thread_loop(t);
}

static void *thread_main(void *opaque)
{
	struct start *s = opaque;
	struct thread *t = s->t;
	stack_t off = {.ss_flags = SS_DISABLE};
	uint64_t flags = s->args->flags;

	if (thread_host_setup(t)) {
		s->tid = -ENOMEM;
		sem_post(&s->ready);
		return NULL;
	}
	s->tid = t->tid;
	if (!(flags & CLONE_FILES))
		unshare(CLONE_FILES);
	if (!(flags & CLONE_FS))
		unshare(CLONE_FS);
	if (flags & CLONE_PARENT_SETTID)
		user_write_u32(t, s->args->parent_tid, (uint32_t)t->tid);
	if (flags & CLONE_CHILD_SETTID)
		user_write_u32(t, s->args->child_tid, (uint32_t)t->tid);
	if (flags & CLONE_CHILD_CLEARTID)
		t->clear_child_tid = s->args->child_tid;
	sem_post(&s->ready); /* s is gone from here on */
	run(t);
	current = NULL;
	sigaltstack(&off, NULL);
	thread_free(t);
	return NULL;
}

static int64_t new_thread(struct thread *t, const struct user_clone_args *args)
{
	struct process *p = t->process;
	struct start s = {.args = args};
	uint64_t all = user_host_mask(~0ull), mask = user_host_mask(t->mask);
	struct cpu *cpu = p->abi->isa->cpu_clone(t->cpu);
	struct thread *n;
	pthread_attr_t attr;
	pthread_t id;
	int r;

	if (!cpu)
		return -ENOMEM;
	n = thread_new(p, cpu);
	if (!n) {
		p->abi->isa->cpu_free(cpu);
		return -ENOMEM;
	}
	n->sighand = t->sighand;
	n->mask = t->mask;
	p->abi->clone_regs(cpu, args->stack);
	if ((args->flags & CLONE_SETTLS) && (r = p->abi->set_tls(n, cpu, args->tls)))
		goto fail;
	s.t = n;
	sem_init(&s.ready, 0, 0);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, HOST_STACK);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, NULL, 8);
	r = -pthread_create(&id, &attr, thread_main, &s);
	if (!r) {
		while (sem_wait(&s.ready) < 0)
			;
		r = s.tid;
	}
	if (!t->signal_ready)
		syscall(SYS_rt_sigprocmask, SIG_SETMASK, &mask, NULL, 8);
	pthread_attr_destroy(&attr);
	sem_destroy(&s.ready);
	if (r > 0)
		return r;
fail:
	pthread_mutex_lock(&p->thread_lock);
	unlist(n);
	pthread_mutex_unlock(&p->thread_lock);
	thread_free(n);
	return r ? r : -EAGAIN;
}

/* ---- new processes --------------------------------------------------------------------------------------------- */

/* In the new process of a fork: one thread is left. */
static void child_after_fork(struct thread *t)
{
	struct process *p = t->process;
	struct thread *o, *next;

	mm_fork_done(p, true);
	pthread_mutex_init(&p->thread_lock, NULL);
	pthread_mutex_init(&t->sighand->lock, NULL);
	linux_fork_child(p);
	for (o = p->threads; o; o = next) {
		next = o->next;
		if (o != t)
			free(o); /* its processor belongs to the engine's list, which jit_fork_child() clears */
	}
	p->threads = t;
	t->next = t->prev = NULL;
	p->thread_count = 1;
	t->tid = (pid_t)syscall(SYS_gettid);
	t->group = getpid();
	t->host_is_main = true;
	t->pending.set = false;
	memset(t->held, 0, sizeof(t->held));
	t->signal_ready = 0;
	t->clear_child_tid = 0;
	t->robust_list = 0;
	jit_fork_child(p->jit, t->cpu);
	gdb_forked(p);
}

static void child_settings(struct thread *t, const struct user_clone_args *args)
{
	if (args->flags & CLONE_CHILD_SETTID)
		user_write_u32(t, args->child_tid, (uint32_t)t->tid);
	if (args->flags & CLONE_CHILD_CLEARTID)
		t->clear_child_tid = args->child_tid;
	if (args->flags & CLONE_CLEAR_SIGHAND) {
		struct user_action dfl = {.handler = 0}, old;
		int sig;

		for (sig = 1; sig <= 64; sig++)
			if (!signal_change_action(t, sig, NULL, &old) && old.handler > 1)
				signal_change_action(t, sig, &dfl, NULL);
	}
}

/* Flags of a process that the host's kernel acts on itself. */
#define HOST_CLONE_FLAGS                                                                                               \
	(CLONE_FS | CLONE_FILES | CLONE_PTRACE | CLONE_PARENT | CLONE_NEWNS | CLONE_SYSVSEM | CLONE_UNTRACED |          \
	 CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET | CLONE_IO |       \
	 CLONE_PIDFD)

struct host_clone_args { /* clone(2), struct clone_args */
	uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size, cgroup;
};

static int64_t new_process(struct thread *t, const struct user_clone_args *args)
{
	struct process *p = t->process;
	struct host_clone_args h = {.exit_signal = args->exit_signal};
	uint64_t all = user_host_mask(~0ull), mask = user_host_mask(t->mask);
	int pidfd = -1;
	int64_t r;

	h.flags = (args->flags & (HOST_CLONE_FLAGS | CLONE_INTO_CGROUP)) | (args->flags & CLONE_VFORK);
	if (h.flags & CLONE_PIDFD)
		h.pidfd = (uint64_t)(uintptr_t)&pidfd;
	h.cgroup = args->cgroup;
	if (args->set_tid) {
		h.set_tid = (uint64_t)(uintptr_t)user_host(t, args->set_tid);
		h.set_tid_size = args->set_tid_size;
	}
	if (log_mask)
		fflush(log_stream());
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, NULL, 8);
	jit_fork_prepare(p->jit);
	pthread_mutex_lock(&t->sighand->lock);
	pthread_mutex_lock(&p->thread_lock);
	mm_fork_prepare(p);
	if (!h.flags && !h.set_tid && args->exit_signal == SIGCHLD) {
		r = fork(); /* libc's: its own locks are in order in the child */
		if (r < 0)
			r = -errno;
	} else {
		r = syscall(SYS_clone3, &h, sizeof(h));
		if (r < 0)
			r = -errno;
	}
	if (!r) {
		child_after_fork(t);
		if (args->stack)
			p->abi->clone_regs(t->cpu, args->stack);
		if (args->flags & CLONE_SETTLS)
			p->abi->set_tls(t, t->cpu, args->tls);
		child_settings(t, args);
	} else {
		mm_fork_done(p, false);
		pthread_mutex_unlock(&p->thread_lock);
		pthread_mutex_unlock(&t->sighand->lock);
		jit_fork_parent(p->jit);
		if (r > 0 && (args->flags & CLONE_PARENT_SETTID))
			user_write_u32(t, args->parent_tid, (uint32_t)r);
		if (r > 0 && (args->flags & CLONE_PIDFD))
			user_write_u32(t, args->pidfd, (uint32_t)pidfd);
	}
	if (!t->signal_ready)
		syscall(SYS_rt_sigprocmask, SIG_SETMASK, &mask, NULL, 8);
	return r;
}

/* ---- vfork ------------------------------------------------------------------------------------------------------- */

/*
 * A process in the same memory borrows the per-thread data of the host thread that made it, which therefore waits (clone(2),
 * CLONE_VFORK). Where the guest's parent does not wait, the lender is a host thread made for the purpose.
 */
struct vfork_start {
	struct thread *t;
	const struct user_clone_args *args;
	uint64_t mask;
	struct user_sighand *hand;
	char *stack;
	int flags, pidfd;
	struct apart *apart; /* NULL: the parent waits */
};

struct apart { /* the parent's; gone once it was told */
	sem_t told;
	int64_t result;
};

static void vfork_free(struct vfork_start *s)
{
	struct thread *n = s->t;

	if (n && n->cpu)
		n->process->abi->isa->cpu_free(n->cpu);
	free(n);
	free(s->hand);
	if (s->stack != MAP_FAILED)
		munmap(s->stack, HOST_STACK);
	free(s);
}

static int vfork_main(void *opaque)
{
	struct vfork_start *s = opaque;
	struct thread *t = s->t;

	t->tid = (pid_t)syscall(SYS_gettid);
	t->group = getpid();
	current = t;
	if (s->args->flags & CLONE_PARENT_SETTID)
		user_write_u32(t, s->args->parent_tid, (uint32_t)t->tid);
	child_settings(t, s->args);
	if (s->args->flags & CLONE_PIDFD)
		user_write_u32(t, s->args->pidfd, (uint32_t)s->pidfd);
	if (s->apart) {
		s->apart->result = t->tid;
		sem_post(&s->apart->told);
	}
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &s->mask, NULL, 8);
	thread_loop(t);
}

/* Comes back when the child has ended or runs another program. All signals are blocked. */
static int64_t vfork_run(struct vfork_start *s)
{
	int64_t r = clone(vfork_main, s->stack + HOST_STACK, s->flags, s, &s->pidfd, NULL, NULL);

	return r < 0 ? -errno : r;
}

static void *lender(void *opaque)
{
	struct vfork_start *s = opaque;
	char *signal_stack = mmap(NULL, SIGNAL_STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	stack_t ss = {.ss_sp = signal_stack, .ss_size = SIGNAL_STACK}, off = {.ss_flags = SS_DISABLE};
	int64_t r = -ENOMEM;

	if (signal_stack != MAP_FAILED) {
		sigaltstack(&ss, NULL);
		r = vfork_run(s);
		sigaltstack(&off, NULL);
		munmap(signal_stack, SIGNAL_STACK);
	}
	if (r < 0) {
		s->apart->result = r;
		sem_post(&s->apart->told);
	}
	vfork_free(s);
	return NULL;
}

/* The child's id, while both run. All signals are blocked. */
static int64_t vfork_apart(struct vfork_start *s)
{
	struct apart apart = {.result = 0};
	pthread_attr_t attr;
	pthread_t id;
	int r;

	sem_init(&apart.told, 0, 0);
	s->apart = &apart;
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, HOST_STACK);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	r = -pthread_create(&id, &attr, lender, s);
	pthread_attr_destroy(&attr);
	if (r)
		vfork_free(s);
	else
		while (sem_wait(&apart.told) < 0)
			;
	sem_destroy(&apart.told);
	return r ? r : apart.result;
}

static int64_t new_vfork(struct thread *t, const struct user_clone_args *args)
{
	struct process *p = t->process;
	struct vfork_start *s = calloc(1, sizeof(*s));
	struct thread *n;
	uint64_t all = user_host_mask(~0ull), mask = user_host_mask(t->mask);
	int64_t r = -ENOMEM;

	if (!s)
		return -ENOMEM;
	s->args = args;
	s->mask = mask;
	s->flags = (int)(args->flags & HOST_CLONE_FLAGS) | CLONE_VM | CLONE_VFORK | (int)(args->exit_signal & 0xff);
	s->pidfd = -1;
	s->hand = malloc(sizeof(*s->hand));
	s->t = n = calloc(1, sizeof(*n));
	s->stack = mmap(NULL, HOST_STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
	if (n) {
		n->process = p;
		n->cpu = p->abi->isa->cpu_clone(t->cpu);
	}
	if (!s->hand || !n || !n->cpu || s->stack == MAP_FAILED)
		goto fail;
	pthread_mutex_lock(&t->sighand->lock);
	memcpy(s->hand, t->sighand, sizeof(*s->hand));
	pthread_mutex_unlock(&t->sighand->lock);
	pthread_mutex_init(&s->hand->lock, NULL);
	n->sighand = s->hand;
	n->mask = t->mask;
	if (args->flags & CLONE_VFORK) /* sigaltstack(2): others in the same memory begin without */
		n->altstack = t->altstack;
	n->vfork_child = true;
	n->cpu->owner = n;
	p->abi->clone_regs(n->cpu, args->stack);
	if ((args->flags & CLONE_SETTLS) && (r = p->abi->set_tls(n, n->cpu, args->tls)))
		goto fail;
	if (log_mask)
		fflush(log_stream());
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, NULL, 8);
	if (args->flags & CLONE_VFORK) {
		r = vfork_run(s);
		current = t; /* the child used our per-thread data */
		vfork_free(s);
	} else {
		r = vfork_apart(s);
	}
	if (!t->signal_ready)
		syscall(SYS_rt_sigprocmask, SIG_SETMASK, &mask, NULL, 8);
	return r;
fail:
	vfork_free(s);
	return r;
}

/* ---- the calls ----------------------------------------------------------------------------------------------------- */

static int64_t do_clone(struct thread *t, struct user_clone_args *args)
{
	uint64_t f = args->flags;

	if (((f & CLONE_SIGHAND) && !(f & CLONE_VM)) || ((f & CLONE_THREAD) && !(f & CLONE_SIGHAND)) ||
	    ((f & CLONE_FS) && (f & (CLONE_NEWNS | CLONE_NEWUSER))) ||
	    ((f & CLONE_PIDFD) && (f & CLONE_THREAD)))
		return -EINVAL;
	if (f & CLONE_THREAD) {
		if (t->vfork_child)
			return -EAGAIN; /* a thread beside a borrowed libc cannot be */
		return new_thread(t, args);
	}
	if (t->vfork_child && !(f & CLONE_VM))
		return new_process(t, args);
	if (f & CLONE_VM)
		return new_vfork(t, args);
	return new_process(t, args);
}

int64_t sys_clone(struct thread *t, const uint64_t *a)
{
	bool fourth = t->process->abi->clone_tls_fourth;
	struct user_clone_args args = {
		.flags = a[0] & 0xffffff00u & ~(uint64_t)CLONE_DETACHED,
		.exit_signal = a[0] & 0xff,
		.stack = a[1],
		.parent_tid = a[2],
		.pidfd = a[2],
		.child_tid = fourth ? a[4] : a[3],
		.tls = fourth ? a[3] : a[4],
	};

	if ((args.flags & CLONE_PIDFD) && (args.flags & CLONE_PARENT_SETTID))
		return -EINVAL;
	return do_clone(t, &args);
}

int64_t sys_clone3(struct thread *t, const uint64_t *a)
{
	uint64_t v[11] = {0}, size = a[1], i, extra;
	struct user_clone_args args;

	if (size < 64)
		return -EINVAL;
	if (size > 4096)
		return -E2BIG;
	for (i = 0; i < 11 && i < size / 8; i++)
		if (user_read_u64(t, &v[i], a[0] + 8 * i))
			return -EFAULT;
	for (; i < size / 8; i++)
		if (user_read_u64(t, &extra, a[0] + 8 * i))
			return -EFAULT;
		else if (extra)
			return -E2BIG;
	args = (struct user_clone_args){v[0], v[1], v[2], v[3], v[4], v[5], v[6], v[7], v[8], v[9], v[10]};
	if ((args.flags & 0xff) || (args.flags & CLONE_DETACHED) || args.exit_signal > 64 ||
	    (args.flags >> 34) || (!args.stack != !args.stack_size) || args.set_tid_size > 32 ||
	    (args.set_tid && !args.set_tid_size) || (!args.set_tid && args.set_tid_size) ||
	    ((args.flags & (CLONE_THREAD | CLONE_PARENT)) && args.exit_signal) ||
	    ((args.flags & CLONE_SIGHAND) && (args.flags & CLONE_CLEAR_SIGHAND)))
		return -EINVAL;
	args.stack += args.stack_size;
	return do_clone(t, &args);
}

int64_t sys_fork(struct thread *t, const uint64_t *a)
{
	struct user_clone_args args = {.exit_signal = SIGCHLD};

	(void)a;
	return do_clone(t, &args);
}

int64_t sys_vfork(struct thread *t, const uint64_t *a)
{
	struct user_clone_args args = {.flags = CLONE_VM | CLONE_VFORK, .exit_signal = SIGCHLD};

	(void)a;
	return do_clone(t, &args);
}

int64_t sys_gettid(struct thread *t, const uint64_t *a)
{
	(void)a;
	return t->tid;
}

int64_t sys_set_tid_address(struct thread *t, const uint64_t *a)
{
	t->clear_child_tid = a[0];
	return t->tid;
}

int64_t sys_set_robust_list(struct thread *t, const uint64_t *a)
{
	if (a[1] != 3 * t->process->abi->word)
		return -EINVAL;
	t->robust_list = a[0];
	t->robust_size = a[1];
	/* The kernel can walk a list of its own layout: that works for kill -9 too. libc's list here is not used. */
	if (t->process->abi->word == 8 && t->process->abi->elf_data == ELFDATA2LSB && !t->process->guest_base &&
	    syscall(SYS_set_robust_list, user_host(t, a[0]), sizeof(struct robust_list_head)) < 0)
		return -errno;
	return 0;
}

int64_t sys_get_robust_list(struct thread *t, const uint64_t *a)
{
	struct process *p = t->process;
	uint64_t head = t->robust_list;
	struct thread *o;

	if ((pid_t)a[0] && (pid_t)a[0] != t->tid) {
		pthread_mutex_lock(&p->thread_lock);
		for (o = p->threads; o && o->tid != (pid_t)a[0]; o = o->next)
			;
		head = o ? o->robust_list : 0;
		pthread_mutex_unlock(&p->thread_lock);
		if (!o)
			return syscall(SYS_kill, (pid_t)a[0], 0) < 0 && errno == ESRCH ? -ESRCH : -EPERM;
	}
	if (user_write_word(t, a[1], head) || user_write_word(t, a[2], 3 * p->abi->word))
		return -EFAULT;
	return 0;
}
