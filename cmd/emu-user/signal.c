/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Host signals in, guest signals out.
 *
 * Theory of operation. Every signal that the guest handles, and every one that the emulator must see (faults, the kick,
 * those whose default action dumps core), has host_signal() as its host handler. A fault of translated code or of a
 * copy is dealt with at once. Anything else is *captured*: put into t->pending, the thread's host mask set to "all" on return
 * of the handler, and the engine asked to stop at the next instruction. signal_deliver(), called by the loop, turns the
 * captured signal into a guest frame and sets the host mask to the guest's, whereupon the kernel hands over the
 * next one. Signals that must never be blocked on the host (a fault would kill us) are kept in t->held while the guest
 * blocks them.
 */
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "internal.h"

#ifndef SA_RESTORER
#define SA_RESTORER 0x04000000
#endif

/* The kernel's own layout: libc hides two signals that belong to the guest here. */
struct kernel_sigaction {
	void *handler;
	unsigned long flags;
	void (*restorer)(void);
	uint64_t mask;
};

static char kick_cookie;
static bool host_ignored_at_start[65];

static const uint64_t never_blocked = SIGBIT(SIGSEGV) | SIGBIT(SIGBUS) | SIGBIT(SIGILL) | SIGBIT(SIGFPE) |
				      SIGBIT(SIGTRAP) | SIGBIT(SIGNAL_KICK);
static const uint64_t unblockable = SIGBIT(SIGKILL) | SIGBIT(SIGSTOP);

bool user_signal_never_blocked(int sig)
{
	return sig >= 1 && sig <= 64 && (never_blocked & SIGBIT(sig));
}

uint64_t user_host_mask(uint64_t guest_mask)
{
	return guest_mask & ~never_blocked;
}

static int host_sigaction(int sig, const struct kernel_sigaction *new, struct kernel_sigaction *old)
{
	return (int)syscall(SYS_rt_sigaction, sig, new, old, 8);
}

static void host_setmask(uint64_t mask)
{
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &mask, NULL, 8);
}

enum default_action { ACT_TERM, ACT_CORE, ACT_IGNORE, ACT_STOP };

static enum default_action default_action(int sig)
{
	switch (sig) {
	case SIGQUIT: case SIGILL: case SIGTRAP: case SIGABRT: case SIGBUS: case SIGFPE: case SIGSEGV: case SIGSYS:
	case SIGXCPU: case SIGXFSZ:
		return ACT_CORE;
	case SIGCHLD: case SIGCONT: case SIGURG: case SIGWINCH:
		return ACT_IGNORE;
	case SIGSTOP: case SIGTSTP: case SIGTTIN: case SIGTTOU:
		return ACT_STOP;
	default:
		return ACT_TERM;
	}
}

/* ---- on the host's side ----------------------------------------------------------------------------------- */

static bool hold(struct thread *t, const siginfo_t *si)
{
	unsigned i;

	for (i = 0; i < sizeof(t->held) / sizeof(t->held[0]); i++)
		if (!t->held[i].set) {
			t->held[i].si = *si;
			atomic_signal_fence(memory_order_release);
			t->held[i].set = true;
			return true;
		}
	return false; /* as a full queue of the kernel */
}

/* A signal of the emulator itself: nothing of the guest is involved. Says so and dies of it. */
_Noreturn static void host_crash(int sig, const siginfo_t *si, uintptr_t pc)
{
	struct kernel_sigaction dfl = {.handler = SIG_DFL};
	char line[200];
	int n = snprintf(line, sizeof(line), "%s: internal error: signal %d (code %d) at host address %#lx, address %p\n",
			 err_program(), sig, si->si_code, (unsigned long)pc, si->si_addr);

	if (n > 0 && write(2, line, (size_t)n) < 0)
		n = 0;
	host_sigaction(sig, &dfl, NULL);
	host_setmask(0);
	syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), sig);
	_exit(128 + sig);
}

static void fault(struct thread *t, int sig, siginfo_t *si, ucontext_t *uc)
{
	uintptr_t pc = (uintptr_t)uc->uc_mcontext.gregs[REG_RIP], go;
	uint64_t addr = (uint64_t)(uintptr_t)si->si_addr - t->process->guest_base;

	if (sig == SIGSEGV && si->si_code == SEGV_ACCERR && (uc->uc_mcontext.gregs[REG_ERR] & 2) &&
	    mm_store_fault(t, addr, uc))
		return;
	if ((sig == SIGSEGV || sig == SIGBUS) && (go = user_copy_fixup(pc))) {
		uc->uc_mcontext.gregs[REG_RIP] = (greg_t)go;
		return;
	}
	if (t->process->abi->isa->host_fault(t->cpu, sig, si, uc))
		return;
	host_crash(sig, si, pc);
}

static void capture(struct thread *t, int sig, siginfo_t *si, ucontext_t *uc)
{
	uint64_t all = ~(never_blocked | unblockable);
	uintptr_t go;

	if (t->pending.set || (t->mask & SIGBIT(sig))) {
		hold(t, si);
		if (t->mask & SIGBIT(sig))
			return;
	} else {
		t->pending.si = *si;
		atomic_signal_fence(memory_order_release);
		t->pending.set = true;
	}
	t->signal_ready = 1;
	memcpy(&uc->uc_sigmask, &all, 8);
	go = user_blocking_fixup((uintptr_t)uc->uc_mcontext.gregs[REG_RIP]);
	if (go)
		uc->uc_mcontext.gregs[REG_RIP] = (greg_t)go;
	else
		t->process->abi->isa->interrupt(t->cpu, uc);
}

static void host_signal(int sig, siginfo_t *si, void *context)
{
	struct thread *t = user_current();
	ucontext_t *uc = context;
	int saved = errno;

	if (!t) {
		if (si->si_code > 0)
			host_crash(sig, si, (uintptr_t)uc->uc_mcontext.gregs[REG_RIP]);
	} else if (sig == SIGNAL_KICK && si->si_code == SI_QUEUE && si->si_value.sival_ptr == &kick_cookie) {
		uintptr_t go = user_blocking_fixup((uintptr_t)uc->uc_mcontext.gregs[REG_RIP]);
		t->kicked = true;
		if (go)
			uc->uc_mcontext.gregs[REG_RIP] = (greg_t)go;
		else
			t->process->abi->isa->interrupt(t->cpu, uc);
	} else if (si->si_code > 0 && (sig == SIGSEGV || sig == SIGBUS || sig == SIGILL || sig == SIGFPE || sig == SIGTRAP)) {
		fault(t, sig, si, uc);
	} else {
		capture(t, sig, si, uc);
	}
	errno = saved;
}

void thread_kick(struct thread *t)
{
	siginfo_t si;

	memset(&si, 0, sizeof(si));
	si.si_signo = SIGNAL_KICK;
	si.si_code = SI_QUEUE;
	si.si_pid = getpid();
	si.si_value.sival_ptr = &kick_cookie;
	t->process->abi->isa->interrupt(t->cpu, NULL);
	syscall(SYS_rt_tgsigqueueinfo, t->group, t->tid, SIGNAL_KICK, &si);
}

/* Gives the host the disposition that belongs to the guest's. Under the actions' lock. */
static int install(int sig, const struct user_action *a)
{
	struct kernel_sigaction k = {.restorer = user_signal_restorer, .mask = ~(never_blocked | unblockable)};

	k.flags = SA_RESTORER | SA_SIGINFO | SA_ONSTACK | SA_RESTART;
	k.handler = (void *)host_signal;
	if (sig == SIGCHLD)
		k.flags |= a->flags & (SA_NOCLDSTOP | SA_NOCLDWAIT);
	if (!user_signal_never_blocked(sig)) {
		if (a->handler == 1)
			k.handler = (void *)SIG_IGN;
		else if (a->handler == 0 && default_action(sig) != ACT_CORE &&
			 (default_action(sig) == ACT_IGNORE || !gdb_attached())) /* the debugger sees what would end it */
			k.handler = (void *)SIG_DFL;
	}
	return host_sigaction(sig, &k, NULL) < 0 ? -errno : 0;
}

int signal_init(struct process *p, struct err *e)
{
	int sig;

	(void)e;
	pthread_mutex_init(&p->sighand.lock, NULL);
	for (sig = 1; sig <= 64; sig++) {
		struct kernel_sigaction k;

		if (SIGBIT(sig) & unblockable)
			continue;
		if (!host_sigaction(sig, NULL, &k) && k.handler == (void *)SIG_IGN) {
			host_ignored_at_start[sig] = true;
			p->sighand.action[sig].handler = 1;
		}
		if (user_signal_never_blocked(sig) || (default_action(sig) == ACT_CORE && !host_ignored_at_start[sig]))
			install(sig, &p->sighand.action[sig]);
	}
	return 0;
}

/* The debugger came or went: the host's dispositions follow. */
void signal_reinstall(struct process *p)
{
	int sig;

	pthread_mutex_lock(&p->sighand.lock);
	for (sig = 1; sig <= 64; sig++)
		if (!(SIGBIT(sig) & unblockable))
			install(sig, &p->sighand.action[sig]);
	pthread_mutex_unlock(&p->sighand.lock);
}

/* What execve leaves to the new program: ignored stays ignored, everything else default. */
void signal_exec_reset(struct process *p)
{
	struct thread *t = user_current();
	struct user_sighand *s = t ? t->sighand : &p->sighand;
	int sig;

	for (sig = 1; sig <= 64; sig++)
		if (user_signal_never_blocked(sig)) {
			struct kernel_sigaction k = {.handler = (void *)(s->action[sig].handler == 1 ? SIG_IGN : SIG_DFL)};
			host_sigaction(sig, &k, NULL);
		}
}

void signal_exec_failed(struct thread *t)
{
	int sig;

	for (sig = 1; sig <= 64; sig++)
		if (user_signal_never_blocked(sig))
			install(sig, &t->sighand->action[sig]);
}

/* ---- on the guest's side ----------------------------------------------------------------------------------- */

/* A held signal that the mask lets through. */
static bool held_ready(struct thread *t)
{
	unsigned i;

	for (i = 0; i < sizeof(t->held) / sizeof(t->held[0]); i++)
		if (t->held[i].set && !(t->mask & SIGBIT(t->held[i].si.si_signo)))
			return true;
	return false;
}

static bool take(struct thread *t, siginfo_t *si)
{
	unsigned i;

	if (t->pending.set) {
		atomic_signal_fence(memory_order_acquire);
		*si = t->pending.si;
		atomic_signal_fence(memory_order_release);
		t->pending.set = false;
		return true;
	}
	for (i = 0; i < sizeof(t->held) / sizeof(t->held[0]); i++)
		if (t->held[i].set && !(t->mask & SIGBIT(t->held[i].si.si_signo))) {
			*si = t->held[i].si;
			atomic_signal_fence(memory_order_release);
			t->held[i].set = false;
			return true;
		}
	return false;
}

/* Changes the guest's mask; the host's follows at once, or after the delivery that is under way. */
void signal_set_mask(struct thread *t, uint64_t mask)
{
	uint64_t host;

	mask &= ~unblockable;
	t->mask = mask;
	host = user_host_mask(mask);
	user_blocking(t, SYS_rt_sigprocmask, SIG_SETMASK, &host, 0, 8);
	if (held_ready(t))
		t->signal_ready = 1;
}

bool signal_on_altstack(struct thread *t, uint64_t sp)
{
	const struct user_altstack *s = &t->altstack;

	if (s->flags & SS_DISABLE || !s->size || s->flags & (1u << 31) /* SS_AUTODISARM */)
		return false;
	return sp > s->sp && sp - s->sp <= s->size;
}

uint64_t signal_stack(struct thread *t, const struct user_action *a, uint64_t sp)
{
	if ((a->flags & SA_ONSTACK) && t->altstack.size && !(t->altstack.flags & SS_DISABLE) &&
	    !signal_on_altstack(t, sp))
		return t->altstack.sp + t->altstack.size;
	return sp;
}

/* Decides what becomes of the interrupted call, before a frame saves the registers. */
static void settle_restart(struct thread *t, bool restart)
{
	const struct abi *abi = t->process->abi;

	if (!t->restart)
		return;
	if (restart || t->restart == ERESTARTNOINTR)
		abi->syscall_restart(t->cpu, t->syscall_number);
	else
		abi->syscall_result(t->cpu, -EINTR);
	t->restart = 0;
}

/* Runs the action of one signal: frame, nothing, or the end. `forced`: a fault, which may be neither ignored nor blocked. */
static void act(struct thread *t, const siginfo_t *si, bool forced)
{
	int sig = si->si_signo;
	struct user_action a;
	uint64_t old;

	pthread_mutex_lock(&t->sighand->lock);
	a = t->sighand->action[sig];
	if (forced && (a.handler == 1 || (t->mask & SIGBIT(sig))))
		a.handler = 0;
	if (a.handler > 1 && (a.flags & SA_RESETHAND)) {
		t->sighand->action[sig].handler = 0;
		install(sig, &t->sighand->action[sig]);
	}
	pthread_mutex_unlock(&t->sighand->lock);

	if (!forced && gdb_attached()) {
		int now = gdb_stop(t, sig, si);
		if (!now)
			return;
	}
	if (a.handler == 1)
		return;
	if (a.handler == 0) {
		switch (default_action(sig)) {
		case ACT_IGNORE:
			return;
		case ACT_STOP: /* only when it was captured before the guest changed its action */
			syscall(SYS_tgkill, getpid(), t->tid, SIGSTOP);
			return;
		default:
			user_die(t, sig, si);
		}
	}
	settle_restart(t, a.flags & SA_RESTART);
	old = t->saved_mask_set ? t->saved_mask : t->mask;
	if (t->process->abi->signal_frame(t, &a, si, old)) {
		siginfo_t segv;

		if (sig == SIGSEGV)
			user_die(t, SIGSEGV, si);
		memset(&segv, 0, sizeof(segv));
		segv.si_signo = SIGSEGV;
		segv.si_code = SI_KERNEL;
		act(t, &segv, true);
		return;
	}
	t->saved_mask_set = false;
	t->mask |= a.mask & ~unblockable;
	if (!(a.flags & SA_NODEFER))
		t->mask |= SIGBIT(sig);
	/* AUTODISARM: the stack may be used again while the handler runs; the frame holds the old setting. */
	if (t->altstack.flags & (1u << 31))
		t->altstack = (struct user_altstack){.flags = SS_DISABLE};
}

void signal_deliver(struct thread *t)
{
	siginfo_t si;

	do {
		uint64_t host;

		t->signal_ready = 0;
		while (take(t, &si))
			act(t, &si, false);
		if (t->saved_mask_set) { /* a call with its own mask, and no handler ran */
			t->mask = t->saved_mask;
			t->saved_mask_set = false;
		}
		host = user_host_mask(t->mask);
		host_setmask(host);
		if (!t->pending.set && held_ready(t))
			t->signal_ready = 1;
	} while (t->signal_ready);
	settle_restart(t, true);
}

void signal_force(struct thread *t, int sig, const siginfo_t *si)
{
	(void)sig;
	if (gdb_attached() && !gdb_stop(t, si->si_signo, si))
		return;
	act(t, si, true);
	signal_set_mask(t, t->mask);
}

uint64_t user_temp_mask(struct thread *t, uint64_t guest_mask)
{
	t->saved_mask = t->mask;
	t->saved_mask_set = true;
	t->mask = guest_mask & ~unblockable;
	if (held_ready(t))
		t->signal_ready = 1;
	return user_host_mask(t->mask);
}

int user_write_siginfo(struct thread *t, uint64_t to, const siginfo_t *si)
{
	return t->process->abi->write_siginfo(t, to, si);
}

int user_read_siginfo(struct thread *t, siginfo_t *si, uint64_t from)
{
	return t->process->abi->read_siginfo(t, si, from);
}

int signal_change_action(struct thread *t, int sig, const struct user_action *new, struct user_action *old)
{
	int r = 0;

	if (sig < 1 || sig > 64 || (new && (SIGBIT(sig) & unblockable)))
		return -EINVAL;
	pthread_mutex_lock(&t->sighand->lock);
	if (old)
		*old = t->sighand->action[sig];
	if (new) {
		t->sighand->action[sig] = *new;
		r = install(sig, new);
	}
	pthread_mutex_unlock(&t->sighand->lock);
	return r;
}

uint64_t signal_held(struct thread *t)
{
	uint64_t bits = 0;
	unsigned i;

	for (i = 0; i < sizeof(t->held) / sizeof(t->held[0]); i++)
		if (t->held[i].set)
			bits |= SIGBIT(t->held[i].si.si_signo);
	return bits;
}

bool signal_take_held(struct thread *t, uint64_t set, siginfo_t *si)
{
	unsigned i;

	for (i = 0; i < sizeof(t->held) / sizeof(t->held[0]); i++)
		if (t->held[i].set && (set & SIGBIT(t->held[i].si.si_signo))) {
			*si = t->held[i].si;
			atomic_signal_fence(memory_order_release);
			t->held[i].set = false;
			return true;
		}
	return false;
}

_Noreturn void user_die(struct thread *t, int sig, const siginfo_t *si)
{
	struct kernel_sigaction dfl = {.handler = SIG_DFL};
	struct rlimit none = {0, 0};
	uint64_t all = user_host_mask(~0ull);

	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, NULL, 8);
	if (si && si->si_code > 0 && default_action(sig) == ACT_CORE)
		report_crash(t, sig, si);
	if (default_action(sig) == ACT_CORE)
		core_dump(t, sig, si);
	gdb_exit(sig, true);
	if (log_mask)
		fflush(log_stream());
	setrlimit(RLIMIT_CORE, &none); /* the host's dump would show the emulator */
	host_sigaction(sig, &dfl, NULL);
	syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), sig);
	host_setmask(0);
	_exit(128 + sig);
}
