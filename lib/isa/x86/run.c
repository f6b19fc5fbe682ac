/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * isa->run() for x86 guests: into translated code and what comes back out of it.
 */
#include <asm/prctl.h>
#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "isa/x86/copy.h"
#include "isa/x86/interp.h"
#include "isa/x86/run.h"
#include "jit/access.h"

/* Flags that live in the host's EFLAGS while translated code runs. */
#define HOST_FLAGS (X86_STATUS | X86_DF)

/* GS of this host thread points to this processor. */
static __thread struct x86_cpu *gs_owner;

static void own_gs(struct x86_cpu *c)
{
	if (__builtin_expect(gs_owner != c, 0)) {
		syscall(SYS_arch_prctl, ARCH_SET_GS, c);
		gs_owner = c;
	}
}

/* What FXSAVE leaves out of its image belongs to the kernel and to software; it must be zero for FXRSTOR's sake. */
void x86_fpu_sync(struct x86_cpu *c)
{
	if (!c->x87_in_host)
		return;
	struct x86_fxsave image;
	/* An exception that waits unmasked must not meet an x87 instruction of C code. */
	__asm__ volatile("fxsave64 %0\n\tfninit" : "=m"(image));
	/* The XMM part and MXCSR of the image are of the C code's; the guest's are elsewhere. */
	memcpy(&c->fx, &image, offsetof(struct x86_fxsave, mxcsr));
	memcpy(c->fx.st, image.st, sizeof image.st);
	x86_fix_fip(c, &c->fx);
	c->x87_in_host = false;
}

/* The other direction. C's own vector registers are saved by the compiler. */
static void fpu_load(struct x86_cpu *c)
{
	struct x86_fxsave image = c->fx;
	image.mxcsr = 0x1f80;
	image.mxcsr_mask = 0;
	uint32_t mxcsr;
	__asm__ volatile("stmxcsr %1\n\tfxrstor64 %0\n\tldmxcsr %1"
			 :
			 : "m"(image), "m"(mxcsr)
			 : "memory", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9",
			   "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");
	c->x87_in_host = true;
}

enum trap_kind x86_exception(struct x86_cpu *c, int vector, uint64_t error_code)
{
	struct trap *t = &c->cpu.trap;
	memset(t, 0, sizeof *t);
	t->kind = TRAP_EXCEPTION;
	t->vector = vector;
	t->error_code = error_code;
	return t->kind;
}

enum trap_kind x86_fetch_fault(struct x86_cpu *c, uint64_t addr)
{
	struct trap *t = &c->cpu.trap;
	x86_exception(c, 14, 0x14 /* user, instruction fetch */);
	t->address = addr;
	t->host_fault = true;
	t->si.si_signo = SIGSEGV;
	t->si.si_code = SEGV_MAPERR;
	t->si.si_addr = (void *)(uintptr_t)addr;
	/* Non-canonical addresses are #GP (SDM volume 3, 6.15, interrupt 13). */
	if ((int64_t)addr >> 47 != 0 && (int64_t)addr >> 47 != -1) {
		x86_exception(c, 13, 0);
		t->host_fault = true;
		t->si.si_signo = SIGSEGV;
		t->si.si_code = SI_KERNEL;
	}
	return TRAP_EXCEPTION;
}

static enum trap_kind trap_syscall(struct x86_cpu *c, uint64_t next)
{
	struct trap *t = &c->cpu.trap;
	c->rip = next;
	c->gpr[X86_RCX] = next;
	c->gpr[X86_R11] = c->rflags;
	t->kind = TRAP_SYSCALL;
	t->number = 0;
	t->host_fault = false;
	return TRAP_SYSCALL;
}

/* One instruction by T0; everything is in the state for it. */
static enum trap_kind interpret(struct x86_cpu *c)
{
	x86_fpu_sync(c);
	c->cpu.jit->stats.interpreted++;
	access_watched = c->cpu.watched;
	enum trap_kind kind = x86_interp_one(c);
	access_watched = NULL;
	return kind;
}

static enum trap_kind debug_trap(struct x86_cpu *c)
{
	memset(&c->cpu.trap, 0, sizeof c->cpu.trap);
	c->cpu.trap.kind = TRAP_DEBUG;
	c->cpu.trap.vector = 1;
	return TRAP_DEBUG;
}

/* Runs translated code until it leaves. TRAP_NONE: go on. */
static enum trap_kind translated(struct x86_cpu *c, bool step)
{
	struct jit *j = c->cpu.jit;
	uint64_t to = x86_engine_find(c, step);
	if (!to) {
		atomic_store_explicit(&c->h.jc.inside, 0, memory_order_release);
		return x86_fetch_fault(c, c->rip);
	}
	if (!c->x87_in_host)
		fpu_load(c);
	c->h.jump = to;
	c->h.rflags = (c->rflags & HOST_FLAGS) | X86_IF | 2;
	if (c->mode == 32) /* copy32.c: ESP is in r12 */
		c->gpr[X86_R12] = c->gpr[X86_RSP];
	own_gs(c);
	unsigned reason = ((uint32_t(*)(void))(uintptr_t)(j->rx + j->thunk[T_ENTER]))();
	if (reason != X86_LEFT_PENDING || c->h.rflags)
		c->rflags = (c->rflags & ~(uint64_t)HOST_FLAGS) | (c->h.rflags & HOST_FLAGS);
	if (c->mode == 32) {
		c->gpr[X86_RSP] = (uint32_t)c->gpr[X86_R12];
		for (unsigned i = X86_R8; i <= X86_R15; i++)
			c->gpr[i] = 0;
	}
	enum trap_kind kind = TRAP_NONE;
	if (reason == X86_LEFT_EXIT) {
		struct jit_exit *x = &j->exit[c->h.exit];
		uint64_t target = jit_exit_target(j, c->h.exit);
		unsigned what = x->kind;
		atomic_store_explicit(&c->h.jc.inside, 0, memory_order_release);
		switch (what) {
		case X86_EXIT_SYSCALL:
			kind = trap_syscall(c, target);
			break;
		case X86_EXIT_STEP_IND:
			target = c->h.target;
			/* fall through */
		case X86_EXIT_STEP:
			c->rip = target;
			break;
		default:
			c->rip = target;
			kind = x86_emulate(c);
		}
	} else {
		if (c->h.trapped)
			x86_engine_trapped(c);
		atomic_store_explicit(&c->h.jc.inside, 0, memory_order_release);
		if (reason == X86_LEFT_FAULT)
			kind = c->cpu.trap.kind;
	}
	return kind;
}

enum trap_kind x86_run(struct cpu *cc)
{
	struct x86_cpu *c = x86_cpu(cc);
	for (;;) {
		if (cc->pending) {
			cc->pending = 0;
			cc->trap.kind = TRAP_NONE;
			return TRAP_NONE;
		}
		enum trap_kind kind;
		bool step = cc->single_step, over = c->h.step_over;
		if (cc->jit->config.accel == JIT_INTERPRET && !step) {
			x86_fpu_sync(c);
			kind = x86_interp_run(c, 1024);
		} else if (cc->jit->config.accel == JIT_INTERPRET || (step && cc->watched) || c->mode == 16 || (c->mode == 32 && c->seg[X86_CS].base)) {
			kind = interpret(c);
		} else {
			uint64_t before = c->rip;
			kind = translated(c, step || over);
			if (over && (kind != TRAP_NONE || c->rip != before || !cc->pending))
				c->h.step_over = false;
		}
		if (kind != TRAP_NONE)
			return kind;
		if (step && !cc->pending)
			return debug_trap(c);
	}
}
