/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Recovery from faults of guest accesses made by C code. See access.h. */
#include <ucontext.h>
#include "jit/access.h"

__thread struct access_scope *access_current __attribute__((tls_model("initial-exec")));

__thread const struct access_watch *access_watched __attribute__((tls_model("initial-exec")));
__thread const struct access_watch *access_hit __attribute__((tls_model("initial-exec")));

void access_look(const void *p, size_t n)
{
	uintptr_t at = (uintptr_t)p;

	for (const struct access_watch *w = access_watched; w; w = w->next)
		if (at < w->end && at + n > w->start)
			access_hit = w;
}

/* Where the interrupted thread continues after the handler: on its own stack, as if called from the faulting access. */
static _Noreturn void land(void)
{
	struct access_scope *s = access_current;

	access_current = s->outer;
	_longjmp(s->env, 1);
}

_Noreturn void access_raise(int code)
{
	access_current->sig = 0;
	access_current->code = code;
	land();
}

void access_probe_write(void *guest, size_t n)
{
	volatile uint8_t *p = guest;

	if (!n)
		return;
	access_mark(guest, n);
	/* An atomic "or 0" needs write permission and cannot lose another thread's store. One byte a page. */
	for (uintptr_t at = (uintptr_t)p, end = at + n; at < end; at = (at | 4095) + 1)
		__atomic_fetch_or((uint8_t *)at, 0, __ATOMIC_RELAXED);
	access_done();
}

bool access_fault(int sig, const siginfo_t *si, void *ucontext)
{
	struct access_scope *s = access_current;
	ucontext_t *u = ucontext;

	if (!s || s->start == s->end || (sig != SIGSEGV && sig != SIGBUS))
		return false;
	/* A non-canonical address is reported without its value. A kernel's alignment check likewise. */
	uintptr_t at = (uintptr_t)si->si_addr;
	if (si->si_code != SI_KERNEL && at - s->start >= s->end - s->start) /* the range may wrap */
		return false;
	s->sig = sig;
	s->si = *si;
	if (si->si_code == SI_KERNEL)
		s->si.si_addr = (void *)s->start;
#if defined __x86_64__
	/* Below the red zone, and aligned as at a function's entry. */
	u->uc_mcontext.gregs[REG_RSP] = ((u->uc_mcontext.gregs[REG_RSP] - 128) & ~15ll) - 8;
	u->uc_mcontext.gregs[REG_RIP] = (greg_t)(uintptr_t)land;
	u->uc_mcontext.gregs[REG_EFL] &= ~0x400ll;
#elif defined __aarch64__
	u->uc_mcontext.sp = (u->uc_mcontext.sp - 128) & ~15ull;
	u->uc_mcontext.pc = (uintptr_t)land;
#else
#error "access_fault() needs to know this host's context"
#endif
	return true;
}
