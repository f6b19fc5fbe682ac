/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Signal frames of 32-bit PowerPC (arch/powerpc/kernel/signal_32.c). With SA_SIGINFO, from the lowest address: a stack frame of 64 + 16
 * bytes, siginfo, ucontext, the red zone; without: a stack frame of 64 bytes, sigcontext, mcontext, the red zone.
 */
#include "ppc.h"

enum {
	CALLER = 64, GAP = 56 * 4,
	M_GREGS = 0, M_FREGS = 48 * 4, M_VREGS = M_FREGS + 33 * 8 + 8, M_VSREGS = M_VREGS + 33 * 16, M_SIZE = M_VSREGS + 32 * 8,
	UC_STACK = 8, UC_REGS = 48, UC_MASK = 52, UC_MC = 192, UC_SIZE = UC_MC + M_SIZE,
	RT_SIZE = SIGINFO_SIZE + UC_SIZE + GAP,
	SC_SIGNAL = 16, SC_HANDLER = 20, SC_OLDMASK = 24, SC_REGS = 28, SC_SIZE = 32, OLD_SIZE = SC_SIZE + M_SIZE + GAP,
};
_Static_assert(M_VREGS == 464 && M_SIZE == 1248, "as the kernel's");

#define MSR_VEC (1u << 25)

static void put(uint8_t *to, uint64_t v)
{
	put32(true, to, (uint32_t)v);
}

static uint32_t take(const uint8_t *from)
{
	return take32(true, from);
}

/* The kernel keeps signals 1 to 32 in the first word. */
static void put_mask(uint8_t *to, uint64_t mask)
{
	put(to, mask);
	put(to + 4, mask >> 32);
}

static void save(struct thread *t, uint8_t *m, const siginfo_t *si)
{
	struct ppc_cpu *p = ppc_cpu(t->cpu);
	uint64_t r[48];

	ppc_gregs(t, r, si);
	r[33] &= ~(uint64_t)MSR_VEC;
	if (PPC_HAS(p, ALTIVEC)) {
		r[33] |= MSR_VEC;
		for (unsigned i = 0; i < 32; i++)
			ppc_put_vector(true, m + M_VREGS + 16 * i, &p->vsr[32 + i]);
		/* vscr is the last word of its quadword, vrsave the first */
		put(m + M_VREGS + 16 * 32 + 12, p->vscr);
		put(m + M_VREGS + 16 * 32, p->vrsave);
	}
	for (unsigned i = 0; i < 48; i++)
		put(m + M_GREGS + 4 * i, r[i]);
	for (unsigned i = 0; i < 32; i++)
		put64(true, m + M_FREGS + 8 * i, p->vsr[i].u64[0]);
	put64(true, m + M_FREGS + 8 * 32, ppc_get_fpscr(p));
}

static void restore(struct ppc_cpu *p, const uint8_t *m)
{
	uint64_t r[48];

	for (unsigned i = 0; i < 48; i++)
		r[i] = take(m + M_GREGS + 4 * i);
	ppc_set_gregs(p, r);
	for (unsigned i = 0; i < 32; i++)
		p->vsr[i].u64[0] = take64(true, m + M_FREGS + 8 * i);
	ppc_set_fpscr(p, take64(true, m + M_FREGS + 8 * 32));
	if (PPC_HAS(p, ALTIVEC) && r[33] & MSR_VEC) {
		for (unsigned i = 0; i < 32; i++)
			ppc_take_vector(true, &p->vsr[32 + i], m + M_VREGS + 16 * i);
		ppc_set_vscr(p, take(m + M_VREGS + 16 * 32 + 12));
		p->vrsave = take(m + M_VREGS + 16 * 32);
	}
	p->reserve = ~0ull;
}

int ppc32_signal_frame(struct thread *t, const struct user_action *a, const siginfo_t *si, uint64_t mask)
{
	struct ppc_cpu *p = ppc_cpu(t->cpu);
	bool rt = a->flags & SA_SIGINFO;
	uint64_t sp = p->gpr[1], size = rt ? RT_SIZE : OLD_SIZE, at = (signal_stack(t, a, sp) - size) & ~15ull,
		 frame = at - CALLER - (rt ? 16 : 0);
	uint8_t b[RT_SIZE], head[CALLER + 16] = {0};

	if (frame >= at || (signal_on_altstack(t, sp) && !signal_on_altstack(t, frame)))
		return -EFAULT;
	memset(b, 0, sizeof(b));
	if (rt) {
		uint8_t *uc = b + SIGINFO_SIZE;
		siginfo_put(t->process->abi, b, si);
		put(uc + UC_STACK, t->altstack.sp);
		put(uc + UC_STACK + 4, t->altstack.flags | (signal_on_altstack(t, sp) ? SS_ONSTACK : 0));
		put(uc + UC_STACK + 8, t->altstack.size);
		put(uc + UC_REGS, at + SIGINFO_SIZE + UC_MC);
		put_mask(uc + UC_MASK, mask);
		save(t, uc + UC_MC, si);
	} else {
		put(b + SC_SIGNAL, (uint64_t)si->si_signo);
		put(b + SC_HANDLER, a->handler);
		put(b + SC_OLDMASK, mask);
		put(b + 12, mask >> 32); /* _unused[3] */
		put(b + SC_REGS, at + SC_SIZE);
		save(t, b + SC_SIZE, si);
	}
	put(head, sp);
	if (user_write(t, at, b, size - GAP) || user_write(t, frame, head, at - frame))
		return -EFAULT;
	p->lr = rt ? t->process->rt_signal_return : t->process->signal_return;
	p->gpr[1] = frame;
	p->gpr[3] = (uint64_t)si->si_signo;
	p->gpr[4] = at;
	if (rt) {
		p->gpr[5] = at + SIGINFO_SIZE;
		p->gpr[6] = at;
	}
	p->pc = a->handler;
	p->reserve = ~0ull;
	ppc_set_fpscr(p, 0);
	return 0;
}

static int64_t bad_frame(struct thread *t)
{
	siginfo_t si = {.si_signo = SIGSEGV, .si_code = SI_KERNEL};

	signal_force(t, SIGSEGV, &si);
	return USER_NO_RESULT;
}

int64_t ppc32_sigreturn(struct thread *t, bool rt)
{
	struct ppc_cpu *p = ppc_cpu(t->cpu);
	uint8_t b[UC_SIZE], m[M_SIZE];
	uint64_t at = p->gpr[1] + CALLER + (rt ? 16 + SIGINFO_SIZE : 0), mask;

	if (user_read(t, b, at, rt ? sizeof(b) : SC_SIZE))
		return bad_frame(t);
	if (user_read(t, m, take(b + (rt ? UC_REGS : SC_REGS)), sizeof(m)))
		return bad_frame(t);
	mask = rt ? take(b + UC_MASK) | (uint64_t)take(b + UC_MASK + 4) << 32 : take(b + SC_OLDMASK) | (uint64_t)take(b + 12) << 32;
	restore(p, m);
	if (rt && !signal_on_altstack(t, p->gpr[1]))
		t->altstack = (struct user_altstack){take(b + UC_STACK), take(b + UC_STACK + 8), take(b + UC_STACK + 4) & ~(uint32_t)SS_ONSTACK};
	signal_set_mask(t, mask);
	return USER_NO_RESULT;
}
