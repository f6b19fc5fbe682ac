/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Signal frames of 64-bit PowerPC (arch/powerpc/kernel/signal_64.c; uapi asm/sigcontext.h, asm/ucontext.h), as byte offsets, since they
 * exist in both byte orders. From the lowest address: a stack frame of 128 bytes, ucontext, ucontext of a transaction (unused), two
 * words, the trampoline's room, pointers to siginfo and ucontext, siginfo, the red zone.
 */
#include "ppc.h"

enum {
	CALLER = 128,                     /* __SIGNAL_FRAMESIZE */
	UC_STACK = 16, UC_MASK = 40, UC_MC = 168,
	MC_SIGNAL = 32, MC_HANDLER = 40, MC_OLDMASK = 48, MC_REGS = 56, MC_GP = 64, MC_FP = MC_GP + 48 * 8, MC_VREGS = MC_FP + 33 * 8,
	MC_VMX = MC_VREGS + 8, UC_SIZE = UC_MC + MC_VMX + 101 * 8,
	F_UC = 0, F_UNUSED = 2 * UC_SIZE, F_TRAMP = F_UNUSED + 16, F_PINFO = F_TRAMP + 24, F_PUC = F_PINFO + 8, F_INFO = F_PUC + 8,
	F_SIZE = (F_INFO + SIGINFO_SIZE + 512 + 15) & ~15,
	FPSCR_WORD = 32,                  /* of the floating-point registers */
};
_Static_assert(UC_SIZE == 1696, "as the kernel's");

#define MSR_VEC (1ull << 25)
#define MSR_VSX (1ull << 23)

static void save_vectors(struct ppc_cpu *p, uint8_t *mc, uint64_t mc_at, uint64_t *msr)
{
	bool big = p->big;
	uint64_t at = (mc_at + MC_VMX + 15) & ~15ull;
	uint8_t *v = mc + (at - mc_at);

	*msr &= ~(MSR_VEC | MSR_VSX);
	if (!PPC_HAS(p, ALTIVEC))
		return;
	put64(big, mc + MC_VREGS, at);
	for (unsigned i = 0; i < 32; i++)
		ppc_put_vector(big, v + 16 * i, &p->vsr[32 + i]);
	put32(big, v + 16 * 32 + 12, p->vscr);
	put32(big, v + 16 * 33, p->vrsave);
	*msr |= MSR_VEC;
	if (PPC_HAS(p, VSX)) {
		for (unsigned i = 0; i < 32; i++)
			put64(big, v + 16 * 34 + 8 * i, p->vsr[i].u64[1]);
		*msr |= MSR_VSX;
	}
}

int ppc64_signal_frame(struct thread *t, const struct user_action *a, const siginfo_t *si, uint64_t mask)
{
	struct ppc_cpu *p = ppc_cpu(t->cpu);
	uint64_t sp = p->gpr[1], at = (signal_stack(t, a, sp) - F_SIZE) & ~15ull, frame = at - CALLER, r[48], entry, toc;
	static const uint8_t zero[CALLER];
	uint8_t b[F_SIZE], *uc = b + F_UC, *mc = uc + UC_MC;
	bool big = p->big, v1 = big && !t->process->elf_v2;

	if (signal_on_altstack(t, sp) && !signal_on_altstack(t, frame))
		return -EFAULT;
	memset(b, 0, sizeof(b));
	put64(big, uc + UC_STACK, t->altstack.sp);
	put32(big, uc + UC_STACK + 8, t->altstack.flags | (signal_on_altstack(t, sp) ? SS_ONSTACK : 0));
	put64(big, uc + UC_STACK + 16, t->altstack.size);
	put64(big, uc + UC_MASK, mask);
	put64(big, mc + MC_SIGNAL, big ? (uint64_t)(uint32_t)si->si_signo << 32 : (uint64_t)(uint32_t)si->si_signo);
	put64(big, mc + MC_HANDLER, a->handler);
	put64(big, mc + MC_OLDMASK, mask);
	put64(big, mc + MC_REGS, at + F_UC + UC_MC + MC_GP);
	ppc_gregs(t, r, si);
	save_vectors(p, mc, at + F_UC + UC_MC, &r[33]);
	for (unsigned i = 0; i < 48; i++)
		put64(big, mc + MC_GP + 8 * i, r[i]);
	for (unsigned i = 0; i < 32; i++)
		put64(big, mc + MC_FP + 8 * i, p->vsr[i].u64[0]);
	put64(big, mc + MC_FP + 8 * FPSCR_WORD, ppc_get_fpscr(p));
	put64(big, b + F_PINFO, at + F_INFO);
	put64(big, b + F_PUC, at + F_UC);
	siginfo_put(t->process->abi, b + F_INFO, si);
	entry = a->handler;
	toc = p->gpr[2];
	/* ELFv1: a function is where its descriptor says. */
	if (v1 && (user_read_u64(t, &entry, a->handler) || user_read_u64(t, &toc, a->handler + 8)))
		return -EFAULT;
	/* The red zone above stays as it is: leaf functions keep registers there. */
	if (user_write(t, at, b, F_INFO + SIGINFO_SIZE) || user_write(t, frame, zero, sizeof(zero)) || user_write_u64(t, frame, sp))
		return -EFAULT;
	p->lr = t->process->rt_signal_return;
	p->gpr[1] = frame;
	p->gpr[2] = toc;
	p->gpr[3] = (uint64_t)si->si_signo;
	p->gpr[4] = a->flags & SA_SIGINFO ? at + F_INFO : at + F_UC + UC_MC;
	p->gpr[5] = at + F_UC;
	p->gpr[6] = at;
	if (!v1)
		p->gpr[12] = entry;
	p->pc = entry;
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

int64_t ppc64_sigreturn(struct thread *t, bool rt)
{
	struct ppc_cpu *p = ppc_cpu(t->cpu);
	uint8_t uc[UC_SIZE], *mc = uc + UC_MC, v[34 * 16 + 32 * 8];
	bool big = p->big;
	uint64_t r[48], at;

	(void)rt;
	if (user_read(t, uc, p->gpr[1], sizeof(uc)))
		return bad_frame(t);
	for (unsigned i = 0; i < 48; i++)
		r[i] = take64(big, mc + MC_GP + 8 * i);
	at = take64(big, mc + MC_VREGS);
	if (PPC_HAS(p, ALTIVEC) && at && r[33] & MSR_VEC) {
		size_t n = 34 * 16 + (PPC_HAS(p, VSX) && r[33] & MSR_VSX ? 32 * 8 : 0);
		if (user_read(t, v, at, n))
			return bad_frame(t);
		for (unsigned i = 0; i < 32; i++)
			ppc_take_vector(big, &p->vsr[32 + i], v + 16 * i);
		ppc_set_vscr(p, take32(big, v + 16 * 32 + 12));
		p->vrsave = take32(big, v + 16 * 33);
		for (unsigned i = 0; i < 32 && n > 34 * 16; i++)
			p->vsr[i].u64[1] = take64(big, v + 16 * 34 + 8 * i);
	}
	for (unsigned i = 0; i < 32; i++)
		p->vsr[i].u64[0] = take64(big, mc + MC_FP + 8 * i);
	ppc_set_fpscr(p, take64(big, mc + MC_FP + 8 * FPSCR_WORD));
	ppc_set_gregs(p, r);
	p->reserve = ~0ull;
	if (!signal_on_altstack(t, p->gpr[1]))
		t->altstack = (struct user_altstack){take64(big, uc + UC_STACK), take64(big, uc + UC_STACK + 16),
						     take32(big, uc + UC_STACK + 8) & ~(uint32_t)SS_ONSTACK};
	signal_set_mask(t, take64(big, uc + UC_MASK));
	return USER_NO_RESULT;
}
