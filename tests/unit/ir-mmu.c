/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * System mode of lib/jit with a toy machine: 4 MB of RAM, a page of registers, one-level page tables, user and supervisor. Everything
 * runs under T0 and T1: faults, page crossings, registers, self-modifying code, pages that are mapped elsewhere, flushes by
 * other threads, dirty marks, atomic operations on registers. With the argument `cost` it prints what an access costs.
 */
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
enum { MSR = 100, TLBI, LDX, STX, XADDX, MRS }; /* system register, page invalidation, accesses of rt bytes */
enum { ROOT, USER, EPC, SCRATCH };              /* toy.raw[] */
#define PAGE_FAULT 14

/* ---- the machine ---- */
struct machine {
	uint8_t *ram;
	uint8_t dirty[RAM_PAGES];
	bool log_dirty;
	uint64_t reg[8];
	unsigned loads, stores, dirtied, exclusive;
	pthread_mutex_t alone;
	struct toy *interrupted; /* a store to register 7 interrupts it */
};

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
	(void)c;
	m->loads++;
	if (physical < DEVICE || physical >= DEVICE + 64) {
		*failed = true;
		return ~0ull;
	}
	uint64_t v = 0;
	memcpy(&v, (uint8_t *)m->reg + (physical - DEVICE), size);
	return v;
}

static void store(void *opaque, struct cpu *c, uint64_t physical, uint64_t value, unsigned size, bool *failed)
{
	struct machine *m = opaque;
	(void)c;
	m->stores++;
	if (physical < DEVICE || physical + size > DEVICE + 64)
		*failed = true;
	else
		memcpy((uint8_t *)m->reg + (physical - DEVICE), &value, size);
	if (physical == DEVICE + 56 && m->interrupted)
		ir_interrupt(&m->interrupted->cpu, NULL);
}

static void dirtied(void *opaque, uint64_t ram)
{
	struct machine *m = opaque;
	m->dirtied++;
	m->dirty[ram] = 1;
}

static void exclusive_begin(void *opaque, struct cpu *c)
{
	struct machine *m = opaque;
	(void)c;
	m->exclusive++;
	pthread_mutex_lock(&m->alone);
}

static void exclusive_end(void *opaque, struct cpu *c)
{
	struct machine *m = opaque;
	(void)c;
	pthread_mutex_unlock(&m->alone);
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
	default: return false;
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
static const struct isa isa = {.name = "toy", .bits = 64, .cpu_size = sizeof(struct toy), .run = ir_run, .interrupt = ir_interrupt};

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
	b->hooks = (struct mmu_machine){page, load, store, dirtied, exclusive_begin, exclusive_end, RAM_PAGES, &b->m};
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

static bool same(void)
{
	const struct toy *a = bench[0].t, *b = bench[1].t;
	return !memcmp(a->x, b->x, offsetof(struct toy, extra) - offsetof(struct toy, x)) &&
	       !memcmp(bench[0].m.ram, bench[1].m.ram, RAM_PAGES * 4096) && !memcmp(bench[0].m.reg, bench[1].m.reg, sizeof bench[0].m.reg);
}

#define RUN(b, program) start(b, program, sizeof(program) / 4, CODE)

static void accesses(void)
{
	static const uint32_t program[] = {
		I(LDI, 1, 0, 0x1234), I(ST, 1, 12, 8), I(LD, 2, 12, 8), I(LDB, 3, 12, 9), /* plain */
		I(LEA, 4, 0, 0), I(ADDI, 5, 12, 4092), I(ST, 4, 5, 0), I(LD, 6, 5, 0), I(LD, 7, 5, 4), /* over a page's end */
		I(ST, 4, 11, 16), I(LD, 8, 11, 16), I(LDB, 9, 11, 17), /* registers */
		I(AMOADD, 10, 12, 1), I(AMOADD, 10, 12, 1), /* atomic */
		I(SYS, 0, 0, 1),
	};
	for (int i = 0; i < 2; i++) {
		struct bench *b = &bench[i];
		unsigned loads = b->m.loads, stores = b->m.stores;
		enum trap_kind k = RUN(b, program);
		struct toy *t = b->t;
		ok(k == TRAP_SYSCALL && t->x[2] == 0x1234 && t->x[3] == 0x12, "T%d: loads and stores through the tables", i);
		ok(t->x[6] == CODE + 16 && t->x[7] == (CODE + 16) >> 32, "T%d: accesses that cross pages", i);
		ok(t->x[8] == CODE + 16 && t->x[9] == ((CODE + 16) >> 8 & 255) && b->m.loads == loads + 2 && b->m.stores == stores + 1,
		   "T%d: registers see one access each", i);
		ok(t->x[10] == 0x1234, "T%d: atomic addition", i);
	}
	ok(same(), "and all is the same");
}

int main(void)
{
	bench_new(&bench[0], JIT_INTERPRET);
	bench_new(&bench[1], JIT_INTERPRET);
	accesses();
	return tap_done();
}
