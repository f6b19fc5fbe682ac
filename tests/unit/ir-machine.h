/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A toy machine for tests of lib/jit's system mode: 4 MB of RAM, a page of registers, one-level page tables, user and supervisor, two benches of
 * it (bench[0] interprets, bench[1] translates), more processors with new_cpu(). A test's own instructions: bench_more.
 */
#ifndef TESTS_IR_MACHINE_H
#define TESTS_IR_MACHINE_H
#define TOY_BIT_N 15
#define TOY_BIT_Z 14
#define TOY_BIT_C 8
#define TOY_BIT_V 0
#include "tap.h"
#include "unit/ir-risc.h"
#include "jit/mmu.h"
#include <pthread.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define RAM_PAGES 1024
#define DEVICE 0x10000000ull
enum { V = 1, W = 2, U = 4, G = 8, HUGE = 16 }; /* bits of a page-table entry; HUGE: one of 16 pages that belong together */
enum { MSR = 100, TLBI, LDX, STX, XADDX, BENCH_OWN }; /* system register, page invalidation, accesses of rt bytes */
enum { ROOT, USER, EPC, SCRATCH };              /* toy.raw[] */
#define PAGE_FAULT 14

/* ---- the machine ---- */
struct machine {
	uint8_t *ram;
	uint8_t dirty[RAM_PAGES];
	bool log_dirty;
	uint64_t reg[8];
	unsigned loads, stores, dirtied, exclusive;
	pthread_mutex_t lock, alone; /* of registers; of who has the machine for itself */
	struct cpu *cpu[16];
	unsigned cpus;
	_Atomic uint32_t in[16];    /* may touch memory */
	_Atomic uint32_t held, holder;
	struct toy *interrupted; /* a store to register 7 interrupts it */
};

/* ---- processors that must not touch memory: as emu-cpu has it (vcpu.c) ---- */
static void leave(void *opaque, struct cpu *c)
{
	atomic_store(&((struct machine *)opaque)->in[c->index], 0);
}

static void enter(void *opaque, struct cpu *c)
{
	struct machine *m = opaque;
	for (;;) {
		atomic_store(&m->in[c->index], 1);
		if (!atomic_load(&m->held) || atomic_load(&m->holder) == c->index + 1)
			return;
		atomic_store(&m->in[c->index], 0);
		while (atomic_load(&m->held))
			usleep(20);
	}
}

static void exclusive_begin(void *opaque, struct cpu *c)
{
	struct machine *m = opaque;
	leave(m, c);
	pthread_mutex_lock(&m->alone);
	m->exclusive++;
	atomic_store(&m->holder, c->index + 1);
	atomic_store(&m->held, 1);
	for (unsigned i = 0; i < m->cpus; i++)
		while (i != c->index && atomic_load(&m->in[i])) {
			m->cpu[i]->isa->interrupt(m->cpu[i], NULL);
			usleep(20);
		}
	atomic_store(&m->in[c->index], 1);
}

static void exclusive_end(void *opaque, struct cpu *c)
{
	struct machine *m = opaque;
	(void)c;
	atomic_store(&m->holder, 0);
	atomic_store(&m->held, 0);
	pthread_mutex_unlock(&m->alone);
}

static void take_lock(struct machine *m, struct cpu *c)
{
	leave(m, c);
	pthread_mutex_lock(&m->lock);
}

static void drop_lock(struct machine *m, struct cpu *c)
{
	pthread_mutex_unlock(&m->lock);
	enter(m, c);
}

static void page(void *opaque, struct cpu *c, uint64_t physical, struct mmu_page *p)
{
	struct machine *m = opaque;
	(void)c;
	memset(p, 0, sizeof *p);
	if (physical >> 12 >= RAM_PAGES)
		return;
	p->ram = physical >> 12;
	p->host = m->ram + (physical & ~4095ull);
	p->writable = p->ram != RAM_PAGES - 1; /* the last page is ROM */
	p->dirty = !m->log_dirty || m->dirty[p->ram];
}

static uint64_t load(void *opaque, struct cpu *c, uint64_t physical, unsigned size, bool *failed)
{
	struct machine *m = opaque;
	uint64_t v = ~0ull;
	take_lock(m, c);
	m->loads++;
	*failed = physical < DEVICE || physical >= DEVICE + 64;
	if (!*failed) {
		v = 0;
		memcpy(&v, (uint8_t *)m->reg + (physical - DEVICE), size);
	}
	drop_lock(m, c);
	return v;
}

static void store(void *opaque, struct cpu *c, uint64_t physical, uint64_t value, unsigned size, bool *failed)
{
	struct machine *m = opaque;
	take_lock(m, c);
	m->stores++;
	if (physical < DEVICE || physical + size > DEVICE + 64)
		*failed = true;
	else
		memcpy((uint8_t *)m->reg + (physical - DEVICE), &value, size);
	if (physical == DEVICE + 56 && m->interrupted)
		ir_interrupt(&m->interrupted->cpu, NULL);
	drop_lock(m, c);
}

static void dirtied(void *opaque, uint64_t ram)
{
	struct machine *m = opaque;
	m->dirtied++;
	m->dirty[ram] = 1;
}

/* ---- the guest ---- */
static bool fill(struct cpu *c, uint64_t addr, enum mmu_access how, unsigned map, bool probe)
{
	struct toy *t = (struct toy *)c;
	uint64_t pte = addr >> 12 < 512 ? mmu_phys_load(c, t->raw[ROOT] + (addr >> 12) * 8, 8) : 0;
	unsigned rights = (pte & V ? 1u << MMU_READ | 1u << MMU_FETCH : 0) | (pte & W ? 1u << MMU_WRITE : 0);

	if (!(pte & V) || (map && !(pte & U)) || !(rights >> how & 1)) {
		if (probe)
			return false;
		ir_raise(c, PAGE_FAULT, how | map << 4, addr);
	}
	mmu_enter(c, map, addr, pte & ~4095ull, pte & HUGE ? 65536 : 4096, rights | (pte & G ? MMU_GLOBAL : 0));
	return true;
}

static unsigned map_of(const struct cpu *c)
{
	return ((const struct toy *)c)->raw[USER] & 1;
}

static uint32_t mode_of(const struct cpu *c)
{
	return map_of(c);
}

static const struct mmu_front mmu_front = {.maps = 2, .fill = fill, .fetch_map = map_of};

static uint64_t msr(struct cpu *c, uint64_t n, uint64_t v)
{
	((struct toy *)c)->raw[n & 3] = v;
	if (n == ROOT)
		mmu_flush_local(c, 3);
	return 0;
}

static uint64_t tlbi(struct cpu *c, uint64_t addr)
{
	mmu_flush_page(c, addr, 3);
	return 0;
}

/* Accesses of any size by C, as helpers do them. */
static uint64_t ldx(struct cpu *c, uint64_t addr, uint64_t n)
{
	uint8_t b[64];
	uint64_t sum = 0;
	mmu_read(c, addr, b, (unsigned)n, map_of(c));
	for (unsigned i = 0; i < n; i++)
		sum = sum * 31 + b[i];
	return sum;
}

static uint64_t stx(struct cpu *c, uint64_t addr, uint64_t n, uint64_t v)
{
	uint8_t b[64];
	for (unsigned i = 0; i < sizeof b; i++)
		b[i] = (uint8_t)(v + i);
	mmu_write(c, addr, b, (unsigned)n, map_of(c));
	return 0;
}

/* An atomic addition in C. */
static uint64_t xaddx(struct cpu *c, uint64_t addr, uint64_t v)
{
	uint64_t old, *at = mmu_host(c, addr, 8, map_of(c));
	if (at)
		return __atomic_fetch_add(at, v, __ATOMIC_SEQ_CST);
	mmu_read(c, addr, &old, 8, map_of(c));
	v += old;
	mmu_write(c, addr, &v, 8, map_of(c));
	return old;
}

static const struct ir_helper
	h_msr = {"msr", (void *)msr, IR_I64, 2, {IR_I64, IR_I64}, IR_HELPER_STATE},
	h_tlbi = {"tlbi", (void *)tlbi, IR_I64, 1, {IR_I64}, IR_HELPER_STATE},
	h_ldx = {"ldx", (void *)ldx, IR_I64, 2, {IR_I64, IR_I64}, IR_HELPER_FAULTS},
	h_stx = {"stx", (void *)stx, IR_I64, 3, {IR_I64, IR_I64, IR_I64}, IR_HELPER_FAULTS},
	h_xaddx = {"xaddx", (void *)xaddx, IR_I64, 2, {IR_I64, IR_I64}, IR_HELPER_FAULTS};

static bool (*bench_more)(struct ir_region *r, uint64_t pc, uint32_t insn, bool *end);

static bool more(struct ir_region *r, uint64_t pc, uint32_t insn, bool *end)
{
	unsigned op = insn >> 24, rd = insn >> 20 & 15, rs = insn >> 16 & 15;
	uint64_t imm = (uint64_t)(int16_t)insn;
	ir_ref a = ir_get(r, rs);

	switch (op) {
	case MSR:
		ir_call(r, &h_msr, (ir_ref[5]){ir_const(r, IR_I64, rd), a});
		ir_exit_ind(r, ir_const(r, IR_I64, pc + 4), IR_HINT_FAR, 0);
		*end = true;
		return true;
	case TLBI:
		ir_call(r, &h_tlbi, (ir_ref[5]){a});
		ir_exit_ind(r, ir_const(r, IR_I64, pc + 4), IR_HINT_FAR, 0);
		*end = true;
		return true;
	case LDX: ir_set(r, rd, ir_call(r, &h_ldx, (ir_ref[5]){a, ir_const(r, IR_I64, imm)})); return true;
	case STX: ir_call(r, &h_stx, (ir_ref[5]){a, ir_const(r, IR_I64, imm), ir_get(r, rd)}); return true;
	case XADDX: ir_set(r, rd, ir_call(r, &h_xaddx, (ir_ref[5]){a, ir_get(r, imm & 15)})); return true;
	default: return bench_more && bench_more(r, pc, insn, end);
	}
}

/* Which map the loads and stores of a region go through is known when it is translated. */
static size_t translate(struct ir_region *r, struct cpu *c, uint64_t pc, unsigned max, const uint8_t *code, size_t n)
{
	risc_map = map_of(c) << IR_MEM_INDEX_SHIFT;
	risc_more = more;
	return risc_translate(r, c, pc, max, code, n);
}

static void toy_fault(struct cpu *c)
{
	c->trap.vector = c->trap.vector == IR_VECTOR_ALIGN ? 7 : 99;
}

static const struct ir_front front = {.guest = &toy_guest, .translate = translate, .fault = toy_fault, .longest = 4,
				      .mode = mode_of, .mmu = &mmu_front};

static enum trap_kind toy_run(struct cpu *c)
{
	struct machine *m = c->jit->config.machine->opaque;
	enter(m, c);
	enum trap_kind k = ir_run(c);
	leave(m, c);
	return k;
}

static const struct isa isa = {.name = "toy", .bits = 64, .cpu_size = sizeof(struct toy), .run = toy_run, .interrupt = ir_interrupt};

/* ---- set-up ---- */
struct bench {
	struct machine m;
	struct mmu_machine hooks;
	struct jit *j;
	struct toy *t;
};

static struct toy *new_cpu(struct jit *j)
{
	struct err e = ERR_INIT;
	struct toy *t = aligned_alloc(64, (sizeof *t + 63) & ~63ull);
	memset(t, 0, sizeof *t);
	t->cpu.isa = &isa;
	t->cpu.self = &t->cpu;
	struct machine *m = j->config.machine->opaque;
	t->cpu.index = m->cpus;
	m->cpu[m->cpus++] = &t->cpu;
	if (ir_cpu_init(&t->cpu, j, &front, &e) < 0) {
		printf("Bail out! %s\n", e.msg);
		exit(1);
	}
	return t;
}

static void bench_new(struct bench *b, enum jit_accel accel)
{
	struct err e = ERR_INIT;
	memset(b, 0, sizeof *b);
	b->m.ram = mmap(NULL, RAM_PAGES * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	pthread_mutex_init(&b->m.alone, NULL);
	pthread_mutex_init(&b->m.lock, NULL);
	b->hooks = (struct mmu_machine){.page = page, .load = load, .store = store, .dirtied = dirtied, .exclusive_begin = exclusive_begin,
					.exclusive_end = exclusive_end, .wait_begin = leave, .wait_end = enter, .ram_pages = RAM_PAGES, .opaque = &b->m};
	struct jit_config config = {.isa = &isa, .accel = accel, .cache_size = 4 << 20, .machine = &b->hooks};
	b->j = jit_new(&config, &e);
	b->t = new_cpu(b->j);
}

static struct bench bench[2];

static uint64_t *pte(struct bench *b, uint64_t root, uint64_t addr)
{
	return (uint64_t *)(void *)(b->m.ram + root) + (addr >> 12);
}

/*
 * Physical: code at 0x10000 (virtual the same), data at 0x20000.., page tables at 0x1000 and 0x2000, registers at virtual 0x80000,
 * ROM at virtual 0x90000, nothing at 0xa0000.
 */
#define TABLE 0x1000ull
#define CODE 0x10000ull
#define DATA 0x20000ull
static void set_up(struct bench *b, uint64_t root)
{
	memset(b->m.ram + root, 0, 4096);
	for (uint64_t a = CODE; a < 0x60000; a += 4096)
		*pte(b, root, a) = a | V | W | U;
	*pte(b, root, 0x80000) = DEVICE | V | W | U;
	*pte(b, root, 0x90000) = (RAM_PAGES - 1) * 4096ull | V | W | U;
}

/* A processor's thread, until it traps or `go_on` ends. */
static volatile bool go_on;
static void *runner(void *arg)
{
	struct toy *t = arg;
	while (go_on)
		if (isa.run(&t->cpu) != TRAP_NONE)
			break;
	return NULL;
}

static enum trap_kind start(struct bench *b, const uint32_t *program, size_t n, uint64_t at)
{
	struct toy *t = b->t;
	memcpy(b->m.ram + at, program, n * 4);
	for (uint64_t p = at >> 12; p <= (at + n * 4 - 1) >> 12; p++)
		mmu_ram_written(b->j, p, 0, 4096);
	for (int i = 0; i < 16; i++)
		t->x[i] = (uint64_t)i * 0x1111;
	memset(b->m.ram + DATA, 0, 4096 * 4);
	memset(b->m.reg, 0, sizeof b->m.reg);
	set_up(b, TABLE);
	memset(t->raw, 0, sizeof t->raw);
	t->raw[ROOT] = TABLE;
	mmu_flush(&t->cpu, ~0u);
	t->x[12] = DATA;
	t->x[11] = 0x80000;
	t->pc = at;
	t->flags = 0;
	return isa.run(&t->cpu);
}

static __attribute__((unused)) bool same(void)
{
	const struct toy *a = bench[0].t, *b = bench[1].t;
	return !memcmp(a->x, b->x, offsetof(struct toy, extra) - offsetof(struct toy, x)) &&
	       !memcmp(bench[0].m.ram, bench[1].m.ram, RAM_PAGES * 4096) && !memcmp(bench[0].m.reg, bench[1].m.reg, sizeof bench[0].m.reg);
}

#define RUN(b, program) start(b, program, sizeof(program) / 4, CODE)
#endif
