/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Several processors of the toy machine (ir-machine.h) under T1: look-ups without the lock while others translate and flush; a full cache, a device's
 * register, an exclusive operation and a flush of all TLBs at once, of which none may wait for another in a circle; stores that are under way while their
 * page is translated for the first time; links that are taken back when the cache is full.
 */
#include "unit/ir-machine.h"
#include "jit/tlb.h"

enum { LATE = BENCH_OWN, LATE_HOST };

/* ---- threads ---- */
static struct toy *cpu[4];
static pthread_t id[4];
static _Atomic uint32_t finished;

static void *thread(void *arg)
{
	runner(arg);
	atomic_fetch_add(&finished, 1);
	return NULL;
}

static void go(struct bench *b, unsigned n, uint64_t pc)
{
	struct toy *t = cpu[n];
	memcpy(t->raw, b->t->raw, sizeof t->raw);
	t->pc = pc;
	t->x[11] = 0x80000;
	mmu_flush(&t->cpu, ~0u);
	pthread_create(&id[n], NULL, thread, t);
}

/* Until so many threads have ended by themselves; false: not in a minute, in which somebody should have come on. */
static bool end_of(unsigned n)
{
	for (unsigned i = 0; atomic_load(&finished) < n && i < 60000; i++)
		usleep(1000);
	return atomic_load(&finished) >= n;
}

static void join(unsigned n)
{
	go_on = false;
	for (unsigned i = 0; i < n; i++)
		isa.interrupt(&cpu[i]->cpu, NULL);
	for (unsigned i = 0; i < n; i++)
		pthread_join(id[i], NULL);
	atomic_store(&finished, 0);
}

static void put(struct bench *b, uint64_t at, const uint32_t *code, size_t n)
{
	memcpy(b->m.ram + at, code, n * 4);
	for (uint64_t p = at >> 12; p <= (at + n * 4 - 1) >> 12; p++)
		mmu_ram_written(b->j, p, 0, 4096);
}
#define PUT(b, at, code) put(b, at, code, sizeof(code) / 4)

static const uint32_t stop[] = {I(SYS, 0, 0, 0)};

/* ---- look-ups ---- */

/* Far exits, calls into 16 pages of functions, each of which adds its number, and a direct call of the first. */
static void look_ups(struct bench *b)
{
	static const uint32_t loop[] = {
		I(LDI, 5, 0, 0x1000), I(LDI, 6, 0, 3), I(LDI, 7, 0, 16), I(SHL, 6, 6, 7), /* x6 = 0x30000 */
		/* 4 */ I(ADDI, 9, 6, 0), I(LDI, 8, 0, 16),
		/* 6 */ I(CALLR, 0, 9, 0), I(MSR, SCRATCH, 3, 0), I(JAL, 0, 0, 0x8000 - 8), I(MSR, USER, 2, 0), I(ADD, 9, 9, 5),
		I(ADDI, 8, 8, -1), I(CMPI, 0, 8, 0), I(BCC, TOY_NE, 0, -7),
		/* 14 */ I(ADDI, 4, 4, -1), I(CMPI, 0, 4, 0), I(BCC, TOY_NE, 0, -12), I(SYS, 0, 0, 0)};
	enum { TURNS = 1000, SUM_OF_ALL = 16 * 17 / 2 + 16 };
	bool good = true;
	struct jit_stats before, after;

	start(b, stop, 1, CODE);
	PUT(b, CODE, loop);
	for (unsigned i = 0; i < 16; i++) {
		const uint32_t function[] = {I(ADDI, 3, 3, 1 + i), I(JR, 0, LR, 0)};
		PUT(b, 0x30000 + i * 4096, function);
	}
	jit_stats(b->j, &before);
	go_on = true;
	for (unsigned n = 0; n < 3; n++) {
		memset(cpu[n]->x, 0, sizeof cpu[n]->x);
		cpu[n]->x[4] = TURNS;
		go(b, n, CODE);
	}
	for (unsigned turn = 0; atomic_load(&finished) < 3 && turn < 60000; turn++) {
		usleep(1000);
		switch (turn % 4) {
		case 0:
			jit_lock(b->j);
			jit_flush(b->j, NULL);
			jit_unlock(b->j);
			break;
		case 1: mmu_ram_written(b->j, 0x30 + turn / 4 % 16, 0, 64); break;
		case 2: mmu_flush_remote(&cpu[turn / 4 % 3]->cpu, true); break;
		default: mmu_ram_written(b->j, CODE >> 12, 0, 4096); break;
		}
	}
	bool ended = end_of(3);
	join(3);
	jit_stats(b->j, &after);
	for (unsigned n = 0; n < 3; n++)
		good &= cpu[n]->cpu.trap.kind == TRAP_SYSCALL && cpu[n]->x[3] == TURNS * SUM_OF_ALL;
	ok(ended && good && after.flushes > before.flushes, "three processors find every region while all is flushed and translated again");
}

/* ---- waits ---- */

/*
 * One processor fills the cache again and again, one uses a register, one has the machine for itself, and somebody who holds the machine's lock waits
 * for all TLBs.
 */
static void circles(struct bench *b)
{
	static const uint32_t registers[] = {I(ST, 4, 11, 16), I(LD, 4, 11, 16), I(ADDI, 4, 4, 1), I(BR, 0, 0, -3)};
	static const uint32_t alone[] = {I(ADDI, 9, 11, 24), I(LDI, 2, 0, 1), I(XADDX, 3, 9, 2), I(BR, 0, 0, -1)};
	struct jit_stats before, after;
	uint64_t seen = 0;

	start(b, stop, 1, CODE);
	PUT(b, CODE, registers);
	PUT(b, CODE + 0x1000, alone);
	/* 256 pages of jumps to the next instruction: a region each, more than the cache holds; round and round. */
	for (unsigned i = 0; i < 256 * 1024; i++)
		((uint32_t *)(void *)(b->m.ram + 0x100000))[i] = I(BR, 0, 0, 1);
	const uint32_t back[] = {I(ADDI, 5, 5, 1), I(JR, 0, 6, 0)};
	memcpy(b->m.ram + 0x200000 - sizeof back, back, sizeof back);
	for (uint64_t a = 0x100000; a < 0x200000; a += 4096)
		*pte(b, TABLE, a) = a | V | W | U;
	for (uint64_t p = 0x100; p < 0x200; p++)
		mmu_ram_written(b->j, p, 0, 4096);
	for (unsigned n = 0; n < 3; n++)
		memset(cpu[n]->x, 0, sizeof cpu[n]->x);
	cpu[2]->x[6] = 0x100000;
	go_on = true;
	jit_stats(b->j, &before);
	go(b, 0, CODE);
	go(b, 1, CODE + 0x1000);
	go(b, 2, 0x100000);
	/* Until enough of everything has been done; false: for 20 seconds nobody did anything. */
	bool moves = true;
	unsigned idle = 0;
	after = before;
	while (moves && (after.flushes < before.flushes + 12 || b->m.exclusive < 200)) {
		usleep(500);
		pthread_mutex_lock(&b->m.lock);
		for (unsigned n = 0; n < 3; n++)
			mmu_flush_remote(&cpu[n]->cpu, true);
		uint64_t now = b->m.loads + b->m.exclusive;
		pthread_mutex_unlock(&b->m.lock);
		jit_stats(b->j, &after);
		now += after.regions + after.flushes;
		idle = now == seen ? idle + 1 : 0;
		seen = now;
		moves = idle < 20000;
	}
	if (!ok(moves, "a full cache, a register, an exclusive operation and a flush of all TLBs do not wait for each other")) {
		tap_done();
		_exit(1);
	}
	join(3);
}

/* ---- stores under way ---- */

static _Atomic uint32_t stage;

static void wait_for(uint32_t n)
{
	for (unsigned i = 0; atomic_load(&stage) < n && i < 20000; i++)
		usleep(1000);
}

/* A store of 4 bytes by a thread that loses its processor between the look at the tag and the store. */
static uint64_t late(struct cpu *c, uint64_t addr, uint64_t v)
{
	uint32_t *at = tlb_hit(c->mmu, addr, 4, 0, MMU_WRITE);
	atomic_store(&stage, 1);
	wait_for(2);
	if (at)
		*(volatile uint32_t *)at = (uint32_t)v;
	atomic_store(&stage, at ? 3 : 4);
	return 0;
}

/* The same, with the address from C's look for an atomic operation. */
static uint64_t late_host(struct cpu *c, uint64_t addr, uint64_t v)
{
	uint32_t *at = mmu_host(c, addr, 4, 0);
	atomic_store(&stage, 1);
	wait_for(2);
	if (at)
		__atomic_store_n(at, (uint32_t)v, __ATOMIC_SEQ_CST);
	atomic_store(&stage, at ? 3 : 4);
	return 0;
}

static const struct ir_helper
	h_late = {"late", (void *)late, IR_I64, 2, {IR_I64, IR_I64}, IR_HELPER_FAULTS},
	h_late_host = {"late-host", (void *)late_host, IR_I64, 2, {IR_I64, IR_I64}, IR_HELPER_FAULTS};

static bool late_more(struct ir_region *r, uint64_t pc, uint32_t insn, bool *end)
{
	unsigned op = insn >> 24;
	(void)pc, (void)end;
	if (op != LATE && op != LATE_HOST)
		return false;
	ir_call(r, op == LATE ? &h_late : &h_late_host, (ir_ref[5]){ir_get(r, insn >> 16 & 15), ir_get(r, insn & 15)});
	return true;
}

/* What the code at pc says, on this thread. */
static int run_at(struct bench *b, uint64_t pc)
{
	b->t->x[3] = 0;
	b->t->pc = pc;
	return isa.run(&b->t->cpu) == TRAP_SYSCALL ? (int)b->t->x[3] : -1;
}

static void stores_under_way(struct bench *b, bool host)
{
	const uint32_t writer[] = {I(ST, 5, 12, 1024), I(host ? LATE_HOST : LATE, 0, 12, 4), I(SYS, 0, 0, 0)};
	static const uint32_t function[] = {I(LDI, 3, 0, 1), I(SYS, 0, 0, 0)};
	const uint64_t page = host ? 0x42000 : 0x41000;
	struct jit_stats before, after;

	start(b, stop, 1, CODE);
	PUT(b, CODE, writer);
	PUT(b, page, function);
	PUT(b, page + 2048, function);
	if (host)
		run_at(b, page + 2048); /* the page has code, elsewhere */
	memset(cpu[0]->x, 0, sizeof cpu[0]->x);
	cpu[0]->x[12] = page;
	cpu[0]->x[4] = I(LDI, 3, 0, 2);
	atomic_store(&stage, 0);
	go_on = true;
	go(b, 0, CODE);
	wait_for(1);
	int first = run_at(b, page);
	jit_stats(b->j, &before);
	atomic_store(&stage, 2);
	wait_for(3);
	int second = run_at(b, page);
	bool met = atomic_load(&stage) == 3;
	bool ended = end_of(1);
	join(1);
	int third = run_at(b, page), fourth = run_at(b, page);
	jit_stats(b->j, &after);
	ok(ended && met && first == 1 && second == 2 && third == 2 && fourth == 2,
	   "%s that is under way while its code is run for the first time is not missed (%d, %d, %d)",
	   host ? "an atomic operation" : "a store", first, second, third);
	ok(after.regions > before.regions, "and later it is translated");
}

/* ---- links ---- */

/* Very many jumps to one function, and then the function changes: no link to the old one is left, however full the cache is. */
static void links(struct bench *b)
{
	enum { SITES = 31744, FUNCTION = 0x11f000 };
	static uint32_t site[SITES];
	uint32_t function[] = {I(ADDI, 3, 3, 1), I(ADDI, 4, 4, 4), I(JR, 0, 4, 0)};
	struct jit_stats before, after;
	unsigned n = SITES;

	start(b, stop, 1, CODE);
	for (uint64_t a = 0x100000; a < 0x120000; a += 4096)
		*pte(b, TABLE, a) = a | V | W | U;
	for (unsigned i = 0; i < SITES; i++)
		site[i] = I(BR, 0, 0, (FUNCTION - 0x100000) / 4 - i);
	/* As many as just do not fill the cache. */
	for (;;) {
		uint32_t last = site[n - 1];
		site[n - 1] = stop[0];
		PUT(b, 0x100000, site);
		PUT(b, FUNCTION, function);
		site[n - 1] = last;
		jit_lock(b->j);
		jit_flush(b->j, NULL);
		jit_unlock(b->j);
		jit_stats(b->j, &before);
		b->t->x[4] = 0x100000;
		bool all = run_at(b, 0x100000) == (int)n - 1;
		jit_stats(b->j, &after);
		if (!all || after.flushes == before.flushes || n < 1000)
			break;
		n -= 250;
	}
	printf("# %u jumps, %u bytes left\n", n, b->j->cold - b->j->hot);
	b->t->x[4] = 0x100000;
	ok(run_at(b, 0x100000) == (int)n - 1, "%u jumps to one function", n - 1);
	function[0] = I(ADDI, 3, 3, 100);
	PUT(b, FUNCTION, function);
	b->t->x[4] = 0x100000;
	int sum = run_at(b, 0x100000);
	ok(sum == (int)(n - 1) * 100, "and all of them go to the new one when it changes (%d)", sum);
}

static void out_of_time(int sig)
{
	static const char text[] = "not ok - processors wait for each other\n";
	(void)sig;
	_exit(write(1, text, sizeof text - 1) < 0 ? 2 : 1);
}

int main(void)
{
	struct bench *b = &bench[1];

	signal(SIGALRM, out_of_time);
	alarm(300);
	bench_more = late_more;
	bench_new(b, JIT_TRANSLATE);
	for (unsigned i = 0; i < 4; i++)
		cpu[i] = new_cpu(b->j);
	look_ups(b);
	stores_under_way(b, false);
	stores_under_way(b, true);
	circles(b);
	bench_new(&bench[0], JIT_TRANSLATE);
	links(&bench[0]);
	for (unsigned i = 0; i < 4; i++) {
		ir_cpu_free(&cpu[i]->cpu);
		free(cpu[i]);
	}
	for (unsigned i = 0; i < 2; i++) {
		ir_cpu_free(&bench[i].t->cpu);
		free(bench[i].t);
		jit_free(bench[i].j);
	}
	return tap_done();
}
