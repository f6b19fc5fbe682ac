/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory-model litmus tests: message passing, store buffering, load buffering, independent reads of independent writes, write-to-read
 * causality, 2+2W and coherence, with the barriers of the instruction set that this is compiled for. An outcome that the architecture
 * forbids is counted and fails. The variants without barriers, whose outcomes are allowed, show whether the processors can be caught at all.
 *
 * Sources: Arm ARM B2.3 (the memory model), B2.10 (barriers, load-acquire, store-release); Power ISA book II 1.7 and the
 * "sync" and "lwsync" instructions; Intel SDM volume 3, 9.2. Names are those of the literature: MP+dmb+addr and so on.
 *
 *   litmus [RUNS] [PATTERN]     RUNS of each test (default 20000)
 */
#define _GNU_SOURCE
#include <fnmatch.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef unsigned long word;

/* One run's variables, on cache lines of their own. */
struct run {
	word x __attribute__((aligned(128)));
	word y __attribute__((aligned(128)));
	word r[4] __attribute__((aligned(128))); /* what each thread has seen */
	int here __attribute__((aligned(64)));   /* threads that have come to it */
};

#define LD(to, from) __asm__ volatile(LOAD : "=r"(to) : "r"(&(from)) : "memory")
#define ST(to, value) __asm__ volatile(STORE : : "r"((word)(value)), "r"(&(to)) : "memory")
#define FENCE(text) __asm__ volatile(text : : : "memory")

#if defined(__aarch64__)
#define LOAD "ldr %0, [%1]"
#define STORE "str %0, [%1]"
#define FULL FENCE("dmb ish")
#define AFTER_LOAD FENCE("dmb ishld")
#define BETWEEN_STORES FENCE("dmb ishst")
#define LDA(to, from) __asm__ volatile("ldar %0, [%1]" : "=r"(to) : "r"(&(from)) : "memory")
#define STL(to, value) __asm__ volatile("stlr %0, [%1]" : : "r"((word)(value)), "r"(&(to)) : "memory")
/* Through the exclusive monitor; ldaxr and stlxr order as ldar and stlr do. */
#define LDX(to, from) do { unsigned failed_; __asm__ volatile("1: ldaxr %0, [%2]\n stlxr %w1, %0, [%2]\n cbnz %w1, 1b" : "=&r"(to), "=&r"(failed_) : "r"(&(from)) : "memory"); } while (0)
#define STX(to, value) do { unsigned failed_; word old_; __asm__ volatile("1: ldaxr %0, [%3]\n stlxr %w1, %2, [%3]\n cbnz %w1, 1b" : "=&r"(old_), "=&r"(failed_) : "r"((word)(value)), "r"(&(to)) : "memory"); } while (0)
/* An address that depends on what was loaded. */
#define LD_ADDR(to, from, by) __asm__ volatile("eor %0, %2, %2\n ldr %0, [%1, %0]" : "=&r"(to) : "r"(&(from)), "r"(by) : "memory")
#define HAVE_LDA 1
#elif defined(__powerpc64__)
#define LOAD "ld %0, 0(%1)"
#define STORE "std %0, 0(%1)"
#define FULL FENCE("sync")
#define AFTER_LOAD FENCE("lwsync")
#define BETWEEN_STORES FENCE("lwsync")
/* The acquire of compare, branch, isync; the release of lwsync. Not sequentially consistent: MP and WRC only. */
#define LDA(to, from) __asm__ volatile("ld %0, 0(%1)\n cmpd %0, %0\n bne- 1f\n 1: isync" : "=r"(to) : "b"(&(from)) : "memory", "cr0")
#define STL(to, value) __asm__ volatile("lwsync\n std %0, 0(%1)" : : "r"((word)(value)), "b"(&(to)) : "memory")
#define LDX(to, from) __asm__ volatile("sync\n 1: ldarx %0, 0, %1\n stdcx. %0, 0, %1\n bne- 1b\n isync" : "=&r"(to) : "r"(&(from)) : "memory", "cr0")
#define STX(to, value) do { word old_; __asm__ volatile("sync\n 1: ldarx %0, 0, %2\n stdcx. %1, 0, %2\n bne- 1b\n sync" : "=&r"(old_) : "r"((word)(value)), "r"(&(to)) : "memory", "cr0"); } while (0)
#define LD_ADDR(to, from, by) __asm__ volatile("xor %0, %2, %2\n ldx %0, %1, %0" : "=&b"(to) : "b"(&(from)), "r"(by) : "memory")
#define HAVE_LDA 0
#elif defined(__x86_64__) || defined(__i386__)
#define LOAD "mov (%1), %0"
#define STORE "mov %0, (%1)"
#define FULL FENCE("mfence")
#define AFTER_LOAD FENCE("") /* the processor keeps loads in order, and stores */
#define BETWEEN_STORES FENCE("")
#define LDA(to, from) LD(to, from)
#define STL(to, value) do { word v_ = (value); __asm__ volatile("xchg %0, (%1)" : "+r"(v_) : "r"(&(to)) : "memory"); } while (0)
#define LDX(to, from) do { to = 0; __asm__ volatile("lock xadd %0, (%1)" : "+r"(to) : "r"(&(from)) : "memory"); } while (0)
#define STX(to, value) STL(to, value)
#define LD_ADDR(to, from, by) __asm__ volatile("mov %2, %0\n xor %2, %0\n mov (%1, %0), %0" : "=&r"(to) : "r"(&(from)), "r"(by) : "memory")
#define HAVE_LDA 1
#else
#error "no barriers for this instruction set"
#endif
#ifdef __ARM_FEATURE_ATOMICS
#define SWAP(to, value) do { word old_; __asm__ volatile("swpal %1, %0, [%2]" : "=r"(old_) : "r"((word)(value)), "r"(&(to)) : "memory"); } while (0)
#endif

/* Threads of a test: each a function of one run. */
typedef void body(struct run *v);
#define BODY(name, ...) static void name(struct run *v) { word a = 0, b = 0; (void)a, (void)b; __VA_ARGS__ }
#define NOTHING FENCE("")

#define MP(name, store_x, between, store_y, load_y, after, load_x) \
	BODY(name##_0, store_x(v->x, 1); between; store_y(v->y, 1);) \
	BODY(name##_1, load_y(a, v->y); after; load_x(b, v->x); v->r[0] = a; v->r[1] = b;)
MP(mp, ST, NOTHING, ST, LD, NOTHING, LD)
MP(mp_full, ST, FULL, ST, LD, FULL, LD)
MP(mp_light, ST, BETWEEN_STORES, ST, LD, AFTER_LOAD, LD)
MP(mp_acquire, ST, NOTHING, STL, LDA, NOTHING, LD)
MP(mp_exclusive, ST, NOTHING, STX, LDX, NOTHING, LD)
BODY(mp_addr_1, LD(a, v->y); LD_ADDR(b, v->x, a); v->r[0] = a; v->r[1] = b;)

#define SB(name, store, between, load) \
	BODY(name##_0, store(v->x, 1); between; load(a, v->y); v->r[0] = a;) \
	BODY(name##_1, store(v->y, 1); between; load(a, v->x); v->r[1] = a;)
SB(sb, ST, NOTHING, LD)
SB(sb_full, ST, FULL, LD)
SB(sb_exclusive, STX, NOTHING, LDX)

#define LB(name, between) \
	BODY(name##_0, LD(a, v->x); between; ST(v->y, 1); v->r[0] = a;) \
	BODY(name##_1, LD(a, v->y); between; ST(v->x, 1); v->r[1] = a;)
LB(lb, NOTHING)
LB(lb_full, FULL)
LB(lb_light, AFTER_LOAD)

#define IRIW(name, store, load, between) \
	BODY(name##_0, store(v->x, 1);) \
	BODY(name##_1, store(v->y, 1);) \
	BODY(name##_2, load(a, v->x); between; load(b, v->y); v->r[0] = a; v->r[1] = b;) \
	BODY(name##_3, load(a, v->y); between; load(b, v->x); v->r[2] = a; v->r[3] = b;)
IRIW(iriw, ST, LD, NOTHING)
IRIW(iriw_full, ST, LD, FULL)

#define WRC(name, between, load, after) \
	BODY(name##_0, ST(v->x, 1);) \
	BODY(name##_1, LD(a, v->x); between; ST(v->y, 1); v->r[0] = a;) \
	BODY(name##_2, load(a, v->y); after; LD(b, v->x); v->r[1] = a; v->r[2] = b;)
WRC(wrc_full, FULL, LD, FULL)
WRC(wrc_acquire, AFTER_LOAD, LDA, NOTHING)

BODY(w22_full_0, ST(v->x, 1); FULL; ST(v->y, 2);)
BODY(w22_full_1, ST(v->y, 1); FULL; ST(v->x, 2);)

/* Two reads of one variable by one thread, plain: never backwards. */
BODY(corr_0, ST(v->x, 1);)
BODY(corr_1, LD(a, v->x); LD(b, v->x); v->r[0] = a; v->r[1] = b;)

#if HAVE_LDA
/* Load-acquire and store-release are sequentially consistent among themselves. */
SB(sb_acquire, STL, NOTHING, LDA)
IRIW(iriw_acquire, STL, LDA, NOTHING)
#endif
#ifdef SWAP
SB(sb_swap, SWAP, NOTHING, LD)
MP(mp_swap, ST, NOTHING, SWAP, LDA, NOTHING, LD)
#endif

#define R(n) (v->r[n])
#define WEAK(name, ...) static int name(const struct run *v) { return __VA_ARGS__; }
WEAK(weak_mp, R(0) == 1 && R(1) == 0)
WEAK(weak_sb, R(0) == 0 && R(1) == 0)
WEAK(weak_lb, R(0) == 1 && R(1) == 1)
WEAK(weak_iriw, R(0) == 1 && R(1) == 0 && R(2) == 1 && R(3) == 0)
WEAK(weak_wrc, R(0) == 1 && R(1) == 1 && R(2) == 0)
WEAK(weak_w22, v->x == 1 && v->y == 1)

static const struct test {
	const char *name;
	int (*weak)(const struct run *);
	int allowed;
	body *thread[5];
} tests[] = {
	{"MP", weak_mp, 1, {mp_0, mp_1}},
	{"MP+full+full", weak_mp, 0, {mp_full_0, mp_full_1}},
	{"MP+stores+loads", weak_mp, 0, {mp_light_0, mp_light_1}},
	{"MP+stores+addr", weak_mp, 0, {mp_light_0, mp_addr_1}},
	{"MP+release+acquire", weak_mp, 0, {mp_acquire_0, mp_acquire_1}},
	{"MP+exclusives", weak_mp, 0, {mp_exclusive_0, mp_exclusive_1}},
	{"SB", weak_sb, 1, {sb_0, sb_1}},
	{"SB+full+full", weak_sb, 0, {sb_full_0, sb_full_1}},
	{"SB+exclusives", weak_sb, 0, {sb_exclusive_0, sb_exclusive_1}},
	{"LB", weak_lb, 1, {lb_0, lb_1}},
	{"LB+full+full", weak_lb, 0, {lb_full_0, lb_full_1}},
	{"LB+loads+loads", weak_lb, 0, {lb_light_0, lb_light_1}},
	{"IRIW", weak_iriw, 1, {iriw_0, iriw_1, iriw_2, iriw_3}},
	{"IRIW+full+full", weak_iriw, 0, {iriw_full_0, iriw_full_1, iriw_full_2, iriw_full_3}},
	{"WRC+full+full", weak_wrc, 0, {wrc_full_0, wrc_full_1, wrc_full_2}},
	{"WRC+loads+acquire", weak_wrc, 0, {wrc_acquire_0, wrc_acquire_1, wrc_acquire_2}},
	{"2+2W+full+full", weak_w22, 0, {w22_full_0, w22_full_1}},
	{"CoRR", weak_mp, 0, {corr_0, corr_1}},
#if HAVE_LDA
	{"SB+release+acquire", weak_sb, 0, {sb_acquire_0, sb_acquire_1}},
	{"IRIW+release+acquire", weak_iriw, 0, {iriw_acquire_0, iriw_acquire_1, iriw_acquire_2, iriw_acquire_3}},
#endif
#ifdef SWAP
	{"SB+swap", weak_sb, 0, {sb_swap_0, sb_swap_1}},
	{"MP+swap+acquire", weak_mp, 0, {mp_swap_0, mp_swap_1}},
#endif
};

#define BATCH 2048
#define CHUNK 128
static struct run runs[BATCH];
static int apart[BATCH / CHUNK];
static pthread_barrier_t start, end, chunk;
static const struct test *volatile now; /* NULL: the threads leave */
static unsigned threads, step, turn;

/*
 * All threads of the test wait here for each other, awake, and go on within nanoseconds of one another. On a busy machine one of them
 * has no processor now: then the rest of the chunk is run without meeting; at the next one they are woken together again.
 */
static void meet(struct run *v, volatile int *missed, unsigned patience)
{
	__atomic_fetch_add(&v->here, 1, __ATOMIC_RELAXED);
	for (unsigned spins = 0; __atomic_load_n(&v->here, __ATOMIC_RELAXED) < (int)threads; spins++)
		if (spins > patience || *missed) {
			*missed = 1;
			return;
		}
}

static void *worker(void *arg)
{
	unsigned n = (unsigned)(long)arg;
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	cpu_set_t own;

	/* Neighbours on different processors; where that is not allowed it is left to chance. */
	CPU_ZERO(&own);
	CPU_SET(n % (unsigned)(cpus > 0 ? cpus : 1), &own);
	sched_setaffinity(0, sizeof(own), &own);
	for (;;) {
		pthread_barrier_wait(&start);
		const struct test *t = now;
		if (!t)
			return NULL;
		for (unsigned i = 0; n < threads && i < BATCH; i++) {
			struct run *v = &runs[i];
			volatile int *missed = &apart[i / CHUNK];
			if (i % CHUNK == 0)
				pthread_barrier_wait(&chunk);
			if (i % step == 0 && !*missed)
				meet(v, missed, i % CHUNK ? 20000 : 200000);
			/* Which of them comes first goes round. */
			for (volatile unsigned k = (i + turn) * (n + 1) % 7 * 3; k; k--)
				;
			t->thread[n](v);
		}
		pthread_barrier_wait(&end);
	}
}

int main(int argc, char **argv)
{
	long want = argc > 1 ? atol(argv[1]) : 20000, done;
	const char *pattern = argc > 2 ? argv[2] : "*";
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned i, failed = 0;
	pthread_t thread[4];

	pthread_barrier_init(&start, NULL, 5);
	pthread_barrier_init(&end, NULL, 5);
	for (i = 0; i < 4; i++)
		pthread_create(&thread[i], NULL, worker, (void *)(long)i);
	for (i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
		const struct test *t = &tests[i];
		long weak = 0, together = 0;

		if (fnmatch(pattern, t->name, 0))
			continue;
		for (threads = 0; t->thread[threads]; threads++)
			;
		/* With fewer processors than threads they would wait for each other's time slices in every run. */
		step = threads <= cpus ? 1 : CHUNK;
		pthread_barrier_init(&chunk, NULL, threads);
		for (done = 0; done < want; done += BATCH) {
			memset(runs, 0, sizeof(runs));
			turn = (unsigned)(done / BATCH);
			now = t;
			memset(apart, 0, sizeof(apart));
			pthread_barrier_wait(&start);
			pthread_barrier_wait(&end);
			for (unsigned k = 0; k < BATCH; k++) {
				weak += t->weak(&runs[k]);
				together += runs[k].here == (int)threads ? (long)step : 0;
			}
		}
		pthread_barrier_destroy(&chunk);
		printf("%s: %ld runs, %ld of them in step, %ld %s\n", t->name, done, together, weak, t->allowed ? "weak (allowed)" : "forbidden");
		fflush(stdout);
		failed += weak && !t->allowed;
	}
	now = NULL;
	pthread_barrier_wait(&start);
	for (i = 0; i < 4; i++)
		pthread_join(thread[i], NULL);
	return failed != 0;
}
