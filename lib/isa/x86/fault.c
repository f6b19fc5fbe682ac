/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Signals that arrive while translated code runs: faults become precise guest exceptions, requests to leave are
 * carried out at the next instruction boundary. Everything here is async-signal-safe.
 */
#include <string.h>
#include <ucontext.h>
#include "isa/x86/copy.h"
#include "isa/x86/interp.h"
#include "isa/x86/run.h"

#define HOST_TF 0x100

static const uint8_t greg_of[16] = {
	REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
	REG_R8,	 REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15,
};

struct place { /* where a host pc is in translated code */
	uint32_t region;
	uint64_t pc;     /* guest instruction */
	uint8_t fixup;
	bool boundary;   /* exactly at its start */
};

/* False: not inside an instruction's host code (a stub, an entry, a thunk). */
static bool locate(const struct jit *j, uint64_t host_pc, struct place *p)
{
	uint32_t r = jit_region_at(j, host_pc);
	if (!r)
		return false;
	const struct jit_region *g = &j->region[r];
	uint64_t at = (uint64_t)(uintptr_t)j->rx + g->code, pc = g->pc;
	if (g->flags & JIT_REGION_CHECKED)
		at += X86_STUB_BYTES;
	for (const uint8_t *d = j->delta + g->delta; *d;) {
		unsigned guest = *d, host = *d, fixup = X86_FIX_NONE;
		if (*d & X86_DELTA_LONG) {
			guest = *d & 15;
			host = d[1];
			fixup = d[2];
			d += 3;
		} else {
			d++;
		}
		if (host_pc >= at && (host_pc < at + host || host_pc == at)) {
			*p = (struct place){.region = r, .pc = pc, .fixup = (uint8_t)fixup, .boundary = host_pc == at};
			return true;
		}
		at += host;
		pc += guest;
	}
	return false;
}

/* Guest registers from the context of translated code. */
static void take_registers(struct x86_cpu *c, const ucontext_t *u, uint8_t fixup)
{
	for (unsigned i = 0; i < 16; i++)
		c->gpr[i] = (uint64_t)u->uc_mcontext.gregs[greg_of[i]];
	if (c->mode == 32) { /* ESP is in r12; what is displaced, in r13 (copy32.c) */
		c->gpr[X86_RSP] = c->gpr[X86_R12];
		if ((fixup & 15) != 4)
			c->gpr[fixup & 15] = c->gpr[X86_R13];
		c->h.rflags = (uint64_t)u->uc_mcontext.gregs[REG_EFL];
		return;
	}
	if ((fixup & 15) != 4)
		c->gpr[fixup & 15] = c->spill[0];
	if (fixup >> 4 != 4)
		c->gpr[fixup >> 4] = c->spill[1];
	c->h.rflags = (uint64_t)u->uc_mcontext.gregs[REG_EFL];
}

/* On return from the handler x86_enter() returns `reason`; the vectors come back with the context. */
static void leave(struct x86_cpu *c, ucontext_t *u, uint32_t reason)
{
	struct jit *j = c->cpu.jit;
	c->h.stepping = false;
	c->h.reason = reason;
	u->uc_mcontext.gregs[REG_RIP] = (greg_t)(uintptr_t)(j->rx + j->thunk[T_LEAVE]);
	u->uc_mcontext.gregs[REG_RSP] = (greg_t)c->h.rsp;
	u->uc_mcontext.gregs[REG_EFL] = X86_IF | 2;
}

static bool in_thunks(const struct jit *j, uint64_t host_pc)
{
	uint64_t off = host_pc - (uint64_t)(uintptr_t)j->rx;
	return off >= JIT_TABLE_BYTES && off < j->floor;
}

/* On its way into translated code, behind the last look at cpu->pending? */
static bool going_in(const struct jit *j, uint64_t host_pc)
{
	uint64_t off = host_pc - (uint64_t)(uintptr_t)j->rx;
	return (off >= j->thunk[T_IN1_START] && off < j->thunk[T_IN1_END]) ||
	       (off >= j->thunk[T_IN2_START] && off < j->thunk[T_IN2_END]);
}

/* One step of the way to a boundary. */
static void approach(struct x86_cpu *c, ucontext_t *u)
{
	struct jit *j = c->cpu.jit;
	uint64_t rip = (uint64_t)u->uc_mcontext.gregs[REG_RIP];
	struct place p;
	if (!jit_contains(j, rip) || (in_thunks(j, rip) && !going_in(j, rip))) {
		/* On its way out: cpu->pending will be seen. */
		c->h.stepping = false;
		u->uc_mcontext.gregs[REG_EFL] &= ~(greg_t)HOST_TF;
		return;
	}
	if (!in_thunks(j, rip) && locate(j, rip, &p) && p.boundary) {
		take_registers(c, u, X86_FIX_NONE);
		c->rip = p.pc;
		leave(c, u, X86_LEFT_PENDING);
		return;
	}
	c->h.stepping = true;
	u->uc_mcontext.gregs[REG_EFL] |= HOST_TF;
}

void x86_interrupt(struct cpu *cc, void *ucontext)
{
	struct x86_cpu *c = x86_cpu(cc);
	__atomic_store_n(&cc->pending, 1, __ATOMIC_SEQ_CST);
	/*
	 * Elsewhere than in the cache there is nothing to do; and this may be the handler of a step's SIGTRAP, interrupted
	 * before its first instruction: it must find h.stepping as it was.
	 */
	const ucontext_t *u = ucontext;
	if (u && cc->jit->ready && jit_contains(cc->jit, (uint64_t)u->uc_mcontext.gregs[REG_RIP]))
		approach(c, ucontext);
}

static int vector_of(int sig, const ucontext_t *u)
{
	int trap = (int)u->uc_mcontext.gregs[REG_TRAPNO];
	switch (sig) {
	case SIGFPE:
		return trap == 16 || trap == 19 ? trap : 0;
	case SIGILL:
		return 6;
	case SIGBUS:
		return trap == 12 || trap == 17 ? trap : 14;
	default:
		return trap == 13 || trap == 12 ? trap : 14;
	}
}

bool x86_host_fault(struct cpu *cc, int sig, siginfo_t *si, void *ucontext)
{
	struct x86_cpu *c = x86_cpu(cc);
	struct jit *j = cc->jit;
	ucontext_t *u = ucontext;
	uint64_t rip = (uint64_t)u->uc_mcontext.gregs[REG_RIP];
	uint64_t fetch = jit_fetch_fault(rip);
	if (fetch && (sig == SIGSEGV || sig == SIGBUS)) {
		cc->trap.si = *si;
		cc->trap.vector = vector_of(sig, u);
		u->uc_mcontext.gregs[REG_RIP] = (greg_t)fetch;
		return true;
	}
	if (c->fault_return)
		return x86_interp_fault(c, sig, si, ucontext);
	if (sig == SIGTRAP && c->h.stepping && si->si_code == TRAP_TRACE) {
		approach(c, u);
		return true;
	}
	if (!j->ready || !jit_contains(j, rip) || in_thunks(j, rip))
		return false;
	struct place p;
	if (sig == SIGTRAP) {
		/* The trap at a dead region's entry: rip is behind it. */
		uint32_t r = jit_region_at(j, rip - 1);
		if (!r || j->region[r].code != rip - 1 - (uint64_t)(uintptr_t)j->rx)
			return false;
		take_registers(c, u, X86_FIX_NONE);
		c->rip = j->region[r].pc;
		c->h.trapped = r;
		leave(c, u, X86_LEFT_RETRY);
		return true;
	}
	if (!locate(j, rip, &p))
		return false;
	take_registers(c, u, p.boundary ? X86_FIX_NONE : p.fixup);
	c->rip = p.pc;
	struct trap *t = &cc->trap;
	memset(t, 0, sizeof *t);
	t->kind = TRAP_EXCEPTION;
	t->vector = vector_of(sig, u);
	t->error_code = (uint64_t)u->uc_mcontext.gregs[REG_ERR];
	t->address = (uint64_t)(uintptr_t)si->si_addr;
	t->host_fault = true;
	t->si = *si;
	if (c->mode == 32 && t->address >> 32) { /* the part of an access that is beyond 4 GB */
		t->address = (uint32_t)t->address;
		t->si.si_addr = (void *)(uintptr_t)t->address;
	}
	if (sig == SIGFPE || sig == SIGILL)
		t->si.si_addr = (void *)(uintptr_t)c->rip; /* the kernel gives the instruction's address */
	leave(c, u, X86_LEFT_FAULT);
	return true;
}

bool x86_store_fault(struct cpu *cc, uint64_t addr, void *ucontext)
{
	struct jit *j = cc->jit;
	struct x86_cpu *c = x86_cpu(cc);
	ucontext_t *u = ucontext;
	uint64_t rip = (uint64_t)u->uc_mcontext.gregs[REG_RIP];
	struct place p;
	uint64_t start = addr & ~4095ull;
	/* A store may reach into the next page, which faults next. */
	bool inside = j->ready && !c->fault_return && jit_contains(j, rip) && locate(j, rip, &p);
	bool running = false, left = false;
	if (inside) {
		const struct jit_region *g = &j->region[p.region];
		uint64_t end = g->pc + g->guest_len;
		running = g->flags & JIT_REGION_STEP ? false : g->pc < start + 4096 && end > start;
	}
	if (!jit_trylock(j)) {
		if (inside && atomic_load(&j->cpus) > 1) {
			/* Whoever has the lock may be waiting for this thread to leave the cache. */
			take_registers(c, u, p.boundary ? X86_FIX_NONE : p.fixup);
			c->rip = p.pc;
			leave(c, u, X86_LEFT_RETRY);
			left = true;
			atomic_store(&c->h.jc.inside, 0);
		}
		jit_lock(j);
	}
	jit_invalidate_dirty(j, start);
	jit_unlock(j);
	if (running && !left) {
		take_registers(c, u, p.boundary ? X86_FIX_NONE : p.fixup);
		c->rip = p.pc;
		leave(c, u, X86_LEFT_RETRY);
		left = true;
	}
	if (left)
		c->h.step_over = running;
	return left;
}

void x86_fix_fip(struct x86_cpu *c, struct x86_fxsave *fx)
{
	struct jit *j = c->cpu.jit;
	struct place p;
	if (j->ready && jit_contains(j, fx->fip) && locate(j, fx->fip, &p))
		fx->fip = p.pc;
}
