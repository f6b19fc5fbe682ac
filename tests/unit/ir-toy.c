/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A small RISC guest, written against ir.h and run.h alone, runs end to end under T0 and T1: loops, calls, indirect jumps,
 * faults, atomics, threads, interrupts, single steps, code that changes itself, a cache that fills up.
 * With the argument `cost` it prints what translation costs.
 */
#define TOY_BIT_N 15 /* as lahf and seto give them */
#define TOY_BIT_Z 14
#define TOY_BIT_C 8
#define TOY_BIT_V 0
#include "tap.h"
#include "unit/ir-risc.h"
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define VECTOR_SEGV 11

static void toy_fault(struct cpu *c)
{
	c->trap.vector = c->trap.vector == IR_VECTOR_ALIGN ? 7 : VECTOR_SEGV;
}

static bool fp_host(const struct cpu *c)
{
	(void)c;
	return true;
}

static const struct ir_front front = {.guest = &toy_guest, .translate = risc_translate, .fp_host = fp_host, .fault = toy_fault,
				      .longest = 4};
static const struct isa isa = {.name = "toy", .bits = 64, .cpu_size = sizeof(struct toy), .run = ir_run,
			       .host_fault = ir_host_fault, .interrupt = ir_interrupt, .store_fault = ir_store_fault};

static __thread struct toy *current;
static uint8_t *code_start, *code_end;
static unsigned protections;

static void handler(int sig, siginfo_t *si, void *u)
{
	uint8_t *at = si->si_addr;
	if (sig == SIGSEGV && at >= code_start && at < code_end && current) {
		jit_host_store_fault(current->cpu.jit, &current->cpu, (uint64_t)(uintptr_t)at, u);
		mprotect((void *)((uintptr_t)at & ~4095ull), 4096, PROT_READ | PROT_WRITE);
		return;
	}
	if (!current || !ir_host_fault(&current->cpu, sig, si, u)) {
		static const char text[] = "Bail out! a signal that is nobody's\n";
		if (write(1, text, sizeof text - 1))
			_exit(1);
	}
}

static void code_pages(void *opaque, uint64_t start, uint64_t len)
{
	(void)opaque;
	protections++;
	mprotect((void *)(uintptr_t)start, len, PROT_READ);
}

static struct jit *new_jit(enum jit_accel accel, size_t size)
{
	struct jit_config config = {.isa = &isa, .accel = accel, .cache_size = size, .host = {.code_pages = code_pages}};
	struct err e = ERR_INIT;
	return jit_new(&config, &e);
}

static struct toy *new_cpu(struct jit *j)
{
	struct err e = ERR_INIT;
	struct toy *t = aligned_alloc(64, (sizeof *t + 63) & ~63ull);
	memset(t, 0, sizeof *t);
	t->cpu.isa = &isa;
	t->cpu.self = &t->cpu;
	if (ir_cpu_init(&t->cpu, j, &front, &e) < 0) {
		printf("Bail out! %s\n", e.msg);
		exit(1);
	}
	return t;
}

static uint64_t *data;

static enum trap_kind run(struct toy *t, const uint32_t *program, size_t n)
{
	uint8_t *at = code_start;
	struct jit *j = t->cpu.jit;

	mprotect(code_start, (size_t)(code_end - code_start), PROT_READ | PROT_WRITE);
	memcpy(at, program, n * 4);
	jit_invalidate(j, (uint64_t)(uintptr_t)at, n * 4);
	for (int i = 0; i < 13; i++)
		t->x[i] = (uint64_t)i * 0x1111;
	t->x[12] = (uint64_t)(uintptr_t)data;
	t->x[SP] = (uint64_t)(uintptr_t)(data + 3000);
	t->pc = (uint64_t)(uintptr_t)at;
	t->flags = 0;
	memset(data, 0, 4096);
	current = t;
	return isa.run(&t->cpu);
}

static struct toy *t0, *t1;

static bool same(void)
{
	return !memcmp(t0->x, t1->x, offsetof(struct toy, extra) - offsetof(struct toy, x));
}

#define RUN_BOTH(program, kind)                                                                                       \
	(run(t0, program, sizeof(program) / 4) == (kind) && run(t1, program, sizeof(program) / 4) == (kind) && same())

static void *adder(void *arg)
{
	struct toy *t = arg;
	current = t;
	t->x[1] = 20000;
	t->x[2] = (uint64_t)(uintptr_t)(data + 10);
	t->x[4] = 3;
	t->pc = (uint64_t)(uintptr_t)code_start;
	t->cpu.trap.kind = isa.run(&t->cpu);
	return NULL;
}

static void *interrupter(void *arg)
{
	struct toy *t = arg;
	usleep(20000);
	isa.interrupt(&t->cpu, NULL);
	return NULL;
}

static void threads(void)
{
	static const uint32_t program[] = {I(ADDI, 1, 1, -1), I(AMOADD, 3, 2, 4), I(CMPI, 0, 1, 0), I(BCC, TOY_NE, 0, -3), I(SYS, 0, 0, 5)};
	static const uint32_t forever[] = {I(ADDI, 1, 1, 1), I(BR, 0, 0, -1)};
	static const uint32_t long_sum[] = {I(SUM, 2, 1, 3), I(SYS, 0, 0, 1)};
	struct toy *more[3];
	pthread_t id[3];
	bool good = true;

	run(t1, program, 5); /* puts it there */
	data[10] = 0;
	for (int i = 0; i < 3; i++) {
		more[i] = new_cpu(t1->cpu.jit);
		pthread_create(&id[i], NULL, adder, more[i]);
	}
	for (int i = 0; i < 3; i++) {
		pthread_join(id[i], NULL);
		good &= more[i]->cpu.trap.kind == TRAP_SYSCALL;
		ir_cpu_free(&more[i]->cpu);
		free(more[i]);
	}
	ok(good && data[10] == 3 * 20000 * 3, "three threads lose no atomic addition");

	pthread_create(&id[0], NULL, interrupter, t1);
	ok(run(t1, forever, 2) == TRAP_NONE && t1->x[1] > 0x1111, "an endless loop of two regions can be interrupted");
	pthread_join(id[0], NULL);
	run(t1, long_sum, 2);
	t1->x[1] = (uint64_t)(uintptr_t)data;
	t1->x[3] = ~0ull;
	t1->pc = (uint64_t)(uintptr_t)code_start;
	ok(isa.run(&t1->cpu) == TRAP_EXCEPTION, "a loop inside a region runs until it faults");
}

static void faults(void)
{
	/* x5 is set, then the load faults, then x6 would be set */
	static const uint32_t program[] = {I(LDI, 5, 0, 77), I(ADDI, 5, 5, 1), I(LD, 6, 7, 8), I(LDI, 6, 0, 1), I(SYS, 0, 0, 0)};
	static const uint32_t odd[] = {I(ADDI, 6, 12, 4), I(LDBE, 5, 6, 0), I(SYS, 0, 0, 0)};
	static const uint32_t away[] = {I(LDI, 1, 0, 64), I(JR, 0, 1, 0)};

	for (int i = 0; i < 2; i++) {
		struct toy *t = i ? t1 : t0;
		enum trap_kind k = run(t, program, 5);
		ok(k == TRAP_EXCEPTION && t->cpu.trap.vector == VECTOR_SEGV && t->cpu.trap.host_fault &&
		   t->cpu.trap.address == 7 * 0x1111 + 8 && t->pc == (uint64_t)(uintptr_t)code_start + 8 && t->x[5] == 78 &&
		   t->x[6] == 6 * 0x1111, "T%d: a faulting load is precise", i);
		k = run(t, odd, 3);
		ok(k == TRAP_EXCEPTION && t->cpu.trap.vector == 7 && t->cpu.trap.address == t->x[12] + 4 &&
		   t->pc == (uint64_t)(uintptr_t)code_start + 4, "T%d: a misaligned load that must be aligned traps", i);
		k = run(t, away, 2);
		ok(k == TRAP_EXCEPTION && t->cpu.trap.vector == VECTOR_SEGV && t->cpu.trap.address == 64 && t->pc == 64,
		   "T%d: a jump to where nothing is faults there", i);
	}
	ok(same(), "and the states are the same");
}

static void self_modifying(void)
{
	/* A loop that rewrites its own third instruction (ldi x3, n) with x2, which counts in the immediate. */
	static const uint32_t program[] = {
		I(LEA, 1, 0, 3), I(LD, 2, 1, 0), I(LDI, 4, 0, 50),
		I(LDI, 3, 0, 0), I(ADDI, 0, 0, 0),
		I(ADD, 5, 5, 3), I(ADDI, 2, 2, 1), I(ST, 2, 1, 0), I(ADDI, 4, 4, -1), I(CMPI, 0, 4, 0), I(BCC, TOY_NE, 0, -7),
		I(SYS, 0, 0, 0),
	};
	unsigned before = protections;
	bool good = RUN_BOTH(program, TRAP_SYSCALL);
	ok(good && t1->x[5] == 5 * 0x1111 + 49 * 50 / 2, "code that rewrites itself runs what it wrote");
	ok(protections > before + 5, "because its page was protected (%u times)", protections - before);
}

static void single_step(void)
{
	static const uint32_t program[] = {I(LDI, 1, 0, 3), I(ADDI, 1, 1, 4), I(BR, 0, 0, 1), I(SYS, 0, 0, 9)};
	unsigned steps = 0;
	t1->cpu.single_step = true;
	enum trap_kind k = run(t1, program, 4);
	while (k == TRAP_DEBUG && steps < 10) {
		steps++;
		k = isa.run(&t1->cpu);
	}
	t1->cpu.single_step = false;
	ok(k == TRAP_SYSCALL && steps == 3 && t1->x[1] == 7 && t1->cpu.trap.number == 9, "single steps stop after each instruction");
}

/* A forked child has a cache of its own: what it translates does not reach its parent. */
static void forked(void)
{
	static const uint32_t program[] = {I(LDI, 1, 0, 100), I(LDI, 2, 0, 0), I(ADD, 2, 2, 1), I(ADDI, 1, 1, -1), I(CMPI, 0, 1, 0),
					   I(BCC, TOY_NE, 0, -3), I(SYS, 0, 0, 0)};
	static const uint32_t other[] = {I(LDI, 1, 0, 7), I(LDI, 2, 0, 9), I(MUL, 2, 2, 1), I(SYS, 0, 0, 0)};
	struct jit *j = t1->cpu.jit;
	bool good = run(t1, program, 7) == TRAP_SYSCALL && t1->x[2] == 5050;
	int status = 0;

	jit_fork_prepare(j);
	pid_t child = fork();
	if (!child) {
		jit_fork_child(j, &t1->cpu);
		good &= run(t1, program, 7) == TRAP_SYSCALL && t1->x[2] == 5050;
		good &= run(t1, other, 4) == TRAP_SYSCALL && t1->x[2] == 63;
		_exit(good ? 0 : 1);
	}
	jit_fork_parent(j);
	waitpid(child, &status, 0);
	t1->pc = (uint64_t)(uintptr_t)code_start;
	ok(good && WIFEXITED(status) && WEXITSTATUS(status) == 0 && isa.run(&t1->cpu) == TRAP_SYSCALL && t1->x[2] == 5050,
	   "parent and forked child go on, each with its own code");
}

/* Straight code of many instructions, each run once. */
static size_t straight(uint32_t *p, size_t n)
{
	toy_seed = 99;
	for (size_t i = 0; i + 1 < n; i++) {
		unsigned a = toy_random() % 12, b = toy_random() % 12, d = toy_random() % 12;
		switch (toy_random() % 10) {
		case 0: p[i] = I(LD, d, 12, (toy_random() % 100) * 8); break;
		case 1: p[i] = I(ST, d, 12, (toy_random() % 100) * 8); break;
		case 2: p[i] = I(CMP, 0, a, b); break;
		case 3: p[i] = I(BCC, toy_random() % 8, 0, 1); break;
		case 4: p[i] = I(ADDI, d, a, toy_random()); break;
		case 5: p[i] = I(XOR, d, a, b); break;
		case 6: p[i] = I(ADDW, d, a, b); break;
		case 7: p[i] = I(MUL, d, a, b); break;
		case 8: p[i] = I(LDI, d, 0, toy_random()); break;
		default: p[i] = I(ADD, d, a, b); break;
		}
	}
	p[n - 1] = I(SYS, 0, 0, 1);
	return n;
}

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int cost(void)
{
	size_t n = 200000;
	uint32_t *p = malloc(n * 4);
	struct jit_stats s;

	straight(p, n);
	double start = now();
	run(t1, p, n);
	double first = now() - start;
	jit_stats(t1->cpu.jit, &s);
	printf("translation and first run: %.0f ns a guest instruction (%llu in %llu regions, %.1f bytes each)\n",
	       first / (double)n * 1e9, (unsigned long long)s.guest_insns, (unsigned long long)s.regions,
	       (double)s.host_bytes / (double)s.guest_insns);
	struct ir_region *r = ir_region_new(4096);
	unsigned insns = 0;
	start = now();
	for (size_t i = 0; i + 64 < n; i += 64) {
		ir_begin(r, &toy_guest, (uint64_t)(uintptr_t)(code_start + i * 4));
		bool end = false;
		for (unsigned k = 0; k < 64 && !end; k++, insns++)
			one(r, r->pc + k * 4, p[i + k], &end);
	}
	double build = now() - start;
	printf("of it building: %.0f ns\n", build / insns * 1e9);
	start = now();
	run(t0, p, n);
	printf("T0: %.0f ns a guest instruction\n", (now() - start) / (double)n * 1e9);
	static const uint32_t loop[] = {I(LDI, 1, 0, 3000), I(MUL, 1, 1, 1), I(ADD, 2, 2, 1), I(XOR, 3, 3, 2), I(ADDI, 1, 1, -1),
					I(CMPI, 0, 1, 0), I(BCC, TOY_NE, 0, -4), I(SYS, 0, 0, 0)};
	start = now();
	run(t1, loop, 8);
	printf("T1 loop of five: %.2f ns an iteration\n", (now() - start) / 9e6 * 1e9);
	static const uint32_t fp[] = {I(LDI, 1, 0, 3000), I(MUL, 1, 1, 1), I(LEA, 2, 0, 8), I(LD, 7, 2, 0), I(LD, 8, 2, 8), I(FADD, 7, 7, 8),
				      I(ADDI, 1, 1, -1), I(CMPI, 0, 1, 0), I(BCC, TOY_NE, 0, -3), I(SYS, 0, 0, 0),
				      0, 0x3ff00000, 0, 0x40080000};
	start = now();
	run(t1, fp, sizeof fp / 4);
	printf("T1 loop with one addition of doubles: %.2f ns an iteration\n", (now() - start) / 9e6 * 1e9);
	free(p);
	return 0;
}

int main(int argc, char **argv)
{
	bool measure = argc > 1 && !strcmp(argv[1], "cost");
	struct sigaction sa = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_NODEFER};

	sigaction(SIGSEGV, &sa, NULL);
	sigaction(SIGBUS, &sa, NULL);
	sigaction(SIGTRAP, &sa, NULL);
	code_start = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	code_end = code_start + (1 << 20);
	data = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	t0 = new_cpu(new_jit(JIT_INTERPRET, 2 << 20));
	t1 = new_cpu(new_jit(JIT_TRANSLATE, measure ? 64 << 20 : 2 << 20));
	if (measure)
		return cost();

	static const uint32_t loop[] = {
		I(LDI, 1, 0, 1000), I(LDI, 2, 0, 0), I(ADD, 2, 2, 1), I(ADDI, 1, 1, -1), I(CMPI, 0, 1, 0), I(BCC, TOY_GT, 0, -3),
		I(SYS, 0, 0, 42),
	};
	ok(RUN_BOTH(loop, TRAP_SYSCALL) && t1->x[2] == 500500 && t1->cpu.trap.number == 42, "a loop sums 1000 numbers");

	/* fib(x1) in x2, recursive: x13 stack, x14 link */
	static const uint32_t fib[] = {
		I(LDI, 1, 0, 15), I(JAL, 0, 0, 2), I(SYS, 0, 0, 0),
		/* 3 */ I(CMPI, 0, 1, 2), I(BCC, TOY_GE, 0, 3), I(ADDI, 2, 1, 0), I(JR, 0, LR, 0),
		/* 7 */ I(ADDI, SP, SP, -24), I(ST, LR, SP, 0), I(ST, 1, SP, 8), I(ADDI, 1, 1, -1), I(JAL, 0, 0, -8),
		/* 12 */ I(ST, 2, SP, 16), I(LD, 1, SP, 8), I(ADDI, 1, 1, -2), I(JAL, 0, 0, -12),
		/* 16 */ I(LD, 3, SP, 16), I(ADD, 2, 2, 3), I(LD, LR, SP, 0), I(ADDI, SP, SP, 24), I(JR, 0, LR, 0),
	};
	ok(RUN_BOTH(fib, TRAP_SYSCALL) && t1->x[2] == 610, "recursive calls return: fib(15) is 610");

	static const uint32_t table[] = {
		I(LDI, 1, 0, 400), I(LDI, 2, 0, 0),
		/* 2 */ I(LEA, 5, 0, 10), I(CALLR, 0, 5, 0), I(LEA, 5, 0, 10), I(CALLR, 0, 5, 0),
		/* 6 */ I(ADDI, 1, 1, -1), I(CMPI, 0, 1, 0), I(BCC, TOY_NE, 0, -6), I(LEA, 6, 0, 7), I(JR, 0, 6, 0), I(SYS, 0, 0, 8),
		/* 12 */ I(ADDI, 2, 2, 1), I(JR, 0, LR, 0), I(ADDI, 2, 2, 2), I(JR, 0, LR, 0), I(SYS, 0, 0, 7),
	};
	ok(RUN_BOTH(table, TRAP_SYSCALL) && t1->x[2] == 1200 && t1->cpu.trap.number == 7, "indirect calls and jumps go where they should");

	static const uint32_t fp[] = {
		I(LEA, 1, 0, 8), I(LD, 2, 1, 0), I(LD, 3, 1, 8), I(FADD, 4, 2, 3), I(FADD, 5, 4, 4), I(LD, 6, 1, 16), I(FADD, 7, 6, 2),
		I(SYS, 0, 0, 0),
		0, 0x3ff00000, 0, 0x40080000, 1, 0x7ff40000, /* 1.0, 3.0, a signalling NaN */
	};
	ok(RUN_BOTH(fp, TRAP_SYSCALL) && t1->x[5] == 0x4020000000000000 && t1->x[7] == 0x7ffc000000000001 &&
	   t0->fpu.flags == t1->fpu.flags && t1->fpu.flags & FPU_INVALID, "floating point: (1 + 3) * 2 and a NaN");

	faults();
	threads();
	self_modifying();
	single_step();
	forked();

	/* Code that is larger than the cache. */
	size_t n = 100000;
	uint32_t *p = malloc(n * 4);
	straight(p, n);
	bool good = run(t0, p, n) == TRAP_SYSCALL;
	for (int i = 0; i < 3; i++)
		good &= run(t1, p, n) == TRAP_SYSCALL && same();
	struct jit_stats s;
	jit_stats(t1->cpu.jit, &s);
	ok(good && s.flushes, "a cache that fills up is emptied (%llu times) and all goes on", (unsigned long long)s.flushes);
	free(p);
	ir_cpu_free(&t0->cpu);
	ir_cpu_free(&t1->cpu);
	return tap_done();
}
