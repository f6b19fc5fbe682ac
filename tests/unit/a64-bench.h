/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An AArch64 processor in this process: code and memory at the fixed addresses of tests/isa/a64-case.h, run under T0 or T1. */
#ifndef TESTS_A64_BENCH_H
#define TESTS_A64_BENCH_H
#include <signal.h>
#include <sys/mman.h>
#include "tap.h"
#include "isa/a64-case.h"
#include "isa/aarch64/cpu.h"
#include "isa/aarch64/rows.h"
#include "isa/aarch64/translate.h"
#include "jit/engine.h"
#include "jit/run.h"

struct a64_bench {
	struct jit *j;
	struct a64_cpu *c;
};

static struct cpu *a64b_running;
static uint32_t *a64b_code;
static uint8_t *a64b_memory, *a64b_plain;

static size_t a64b_extent(void *opaque, uint64_t addr, size_t want)
{
	uint64_t off = addr - A64C_CODE;
	(void)opaque;
	return off >= A64C_SLOTS ? 0 : want < A64C_SLOTS - off ? want : A64C_SLOTS - off;
}

static void a64b_code_pages(void *opaque, uint64_t start, uint64_t len)
{
	(void)opaque, (void)start, (void)len; /* a64b_changed() says it */
}

static void a64b_signal(int sig, siginfo_t *si, void *ucontext)
{
	if (a64b_running && a64b_running->isa->host_fault(a64b_running, sig, si, ucontext))
		return;
	signal(sig, SIG_DFL);
}

static void *a64b_map(uint64_t at, size_t bytes)
{
	void *p = mmap((void *)(uintptr_t)at, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	if (p == MAP_FAILED) {
		printf("Bail out! the address %#llx is taken\n", (unsigned long long)at);
		exit(1);
	}
	return p;
}

__attribute__((unused)) static void a64b_maps(void)
{
	struct sigaction sa = {.sa_sigaction = a64b_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
	static uint8_t stack[65536];
	uint8_t *noise = a64b_map(A64C_CODE - A64C_AROUND, 2 * A64C_AROUND + A64C_SLOTS);

	a64b_code = (uint32_t *)(void *)(noise + A64C_AROUND);
	a64c_noise(noise, A64C_AROUND, 1);
	a64c_noise(noise + A64C_AROUND + A64C_SLOTS, A64C_AROUND, 2);
	a64b_memory = a64b_map(A64C_MEMORY, A64C_WINDOW);
	a64b_plain = malloc(A64C_WINDOW);
	a64c_noise(a64b_plain, A64C_WINDOW, 3);
	memcpy(a64b_memory, a64b_plain, A64C_WINDOW);
	sigaltstack(&(stack_t){.ss_sp = stack, .ss_size = sizeof stack}, NULL);
	sigaction(SIGSEGV, &sa, NULL);
	sigaction(SIGBUS, &sa, NULL);
	sigaction(SIGTRAP, &sa, NULL);
}

__attribute__((unused)) static struct a64_bench a64b_new(const struct isa *isa, enum jit_accel accel, bool one_insn, bool cold, const char *model)
{
	struct err e = ERR_INIT;
	struct jit_config config = {.isa = isa, .accel = accel, .one_insn = one_insn,
				    .host = {.fetch_extent = a64b_extent, .code_pages = a64b_code_pages}};
	struct a64_bench b = {.j = jit_new(&config, &e)};
	struct cpu *c = b.j ? isa->cpu_new(b.j, model, &e) : NULL;

	if (!c) {
		printf("Bail out! %s\n", e.msg);
		exit(1);
	}
	b.c = a64_cpu(c);
	for (unsigned k = 0; k < 10; k++) /* the same on all */
		b.c->pac_key[k / 2][k % 2] = (k + 1) * 0x9e3779b97f4a7c15ull;
	struct ir_cpu *x = b.c->cpu.engine;
	if (!cold) { /* everything is translated at once */
		free(x->cold);
		x->cold = NULL;
	}
	return b;
}

__attribute__((unused)) static void a64b_changed(const struct a64_bench *b)
{
	jit_invalidate(b->j, A64C_CODE, A64C_SLOTS);
}

/* All code is cold again, but has been run that often. */
__attribute__((unused)) static void a64b_forget(const struct a64_bench *b, unsigned runs)
{
	struct ir_cold *k = ((struct ir_cpu *)b->c->cpu.engine)->cold;
	memset(k->runs, (int)runs, sizeof k->runs);
}

__attribute__((unused)) static void a64b_load(struct a64_bench *b, const struct a64c_state *s)
{
	struct a64_cpu *c = b->c;

	memcpy(c->x, s->x, sizeof c->x);
	c->sp = s->x[31];
	a64_set_nzcv(c, (uint32_t)s->nzcv);
	a64_set_fpcr(c, (uint32_t)s->fpcr);
	a64_set_fpsr(c, (uint32_t)s->fpsr);
	c->tpidr = s->tpidr;
	memcpy(c->v, s->v, sizeof c->v);
	c->exclusive = ~0ull;
}

__attribute__((unused)) static void a64b_store(const struct a64_bench *b, struct a64c_state *s)
{
	const struct a64_cpu *c = b->c;

	memcpy(s->x, c->x, sizeof c->x);
	s->x[31] = c->sp;
	s->nzcv = a64_get_nzcv(c);
	s->fpcr = c->fpcr;
	s->fpsr = a64_get_fpsr(c);
	s->tpidr = c->tpidr;
	memcpy(s->v, c->v, sizeof c->v);
}

/*
 * Runs from pc to the system call in front of `end`; any other gives ENOSYS. Returns the signal that a kernel would send for what
 * happened, and the address that it would name; -1: it does not end.
 */
__attribute__((unused)) static int a64b_run(struct a64_bench *b, uint64_t pc, uint64_t end, uint64_t *address)
{
	struct cpu *c = &b->c->cpu;

	b->c->pc = pc;
	a64b_running = c;
	*address = 0;
	for (unsigned n = 0; n < 1000; n++) {
		switch (c->isa->run(c)) {
		case TRAP_SYSCALL:
			if (b->c->pc == end)
				return 0;
			b->c->x[0] = (uint64_t)-38;
			break;
		case TRAP_EXCEPTION:
			*address = b->c->pc;
			switch (c->trap.vector) {
			case A64_V_BREAK: return SIGTRAP;
			case A64_V_ALIGN: *address = c->trap.address; return SIGBUS;
			case A64_V_PC_ALIGN: return SIGBUS;
			case A64_V_DATA: /* of an address that the host refuses by its form the kernel tells nothing */
				*address = c->trap.si.si_code == SI_KERNEL ? 0 : c->trap.address;
				return SIGSEGV;
			case A64_V_FETCH: *address = c->trap.address; return SIGSEGV;
			default: return SIGILL;
			}
		default: break;
		}
	}
	return -1;
}
#endif
