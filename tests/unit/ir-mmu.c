/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * System mode of lib/jit with a toy machine: 4 MB of RAM, a page of registers, one-level page tables, user and supervisor. Everything
 * runs under T0 and T1: faults, page crossings, registers, self-modifying code, pages that are mapped elsewhere, flushes by
 * other threads, dirty marks, atomic operations on registers. With the argument `cost` it prints what an access costs.
 */
#include "unit/ir-machine.h"

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

/* ---- faults ---- */
static void faults(void)
{
	/* x5 is set, then the access faults, then x6 would be set */
	static const uint32_t absent[] = {I(LDI, 5, 0, 77), I(ADDI, 5, 5, 1), I(LDI, 1, 0, 13), I(SHL, 1, 5, 1), I(LD, 6, 1, 8),
					  I(LDI, 6, 0, 1), I(SYS, 0, 0, 0)};
	static const uint32_t crossing[] = {I(LDI, 5, 0, 78), I(LEA, 7, 0, 0), I(LDI, 8, 0, 1), I(LDI, 9, 0, 18), I(SHL, 8, 8, 9),
					    I(ADDI, 8, 8, -4), I(ST, 7, 8, 0), I(LDI, 6, 0, 1), I(SYS, 0, 0, 0)};
	static const uint32_t helper[] = {I(LDI, 5, 0, 79), I(LDI, 8, 0, 3), I(LDI, 9, 0, 17), I(SHL, 8, 8, 9), I(ADDI, 8, 8, -20),
					  I(STX, 5, 8, 40), I(LDI, 6, 0, 1), I(SYS, 0, 0, 0)};
	static const uint32_t away[] = {I(LDI, 1, 0, 64), I(JR, 0, 1, 0)};
	static const uint32_t user[] = {I(LDI, 1, 0, 1), I(MSR, USER, 1, 0), I(LD, 2, 12, 0), I(ST, 2, 12, 8), I(SYS, 0, 0, 3)};

	for (int i = 0; i < 2; i++) {
		struct bench *b = &bench[i];
		struct toy *t = b->t;
		enum trap_kind k = RUN(b, absent);
		ok(k == TRAP_EXCEPTION && t->cpu.trap.vector == PAGE_FAULT && t->cpu.trap.address == t->x[1] + 8 &&
		   t->cpu.trap.error_code == MMU_READ && t->pc == CODE + 16 && t->x[5] == 78 && t->x[6] == 6 * 0x1111,
		   "T%d: a load that faults is precise", i);
		/* The last page that is there, and the first that is not: 0x40000 */
		memset(pte(b, TABLE, 0x40000), 0, 8);
		k = start(b, crossing, sizeof crossing / 4, CODE);
		*pte(b, TABLE, 0x40000) = 0;
		mmu_flush(&t->cpu, 3);
		memset(b->m.ram + 0x3f000, 0, 4096);
		t->pc = CODE;
		k = isa.run(&t->cpu);
		ok(k == TRAP_EXCEPTION && t->cpu.trap.address == 0x40000 && t->cpu.trap.error_code == MMU_WRITE &&
		   t->pc == CODE + 24 && *(uint32_t *)(void *)(b->m.ram + 0x3fffc) == 0 && t->x[5] == 78,
		   "T%d: a store over a page's end that faults in the second page changes nothing", i);
		k = start(b, helper, sizeof helper / 4, CODE);
		ok(k == TRAP_EXCEPTION && t->cpu.trap.address == 0x60000 && t->pc == CODE + 20 && t->x[5] == 79 &&
		   t->x[6] == 6 * 0x1111 && !b->m.ram[0x5ffff], "T%d: so does a helper's", i);
		k = RUN(b, away);
		ok(k == TRAP_EXCEPTION && t->cpu.trap.address == 64 && t->cpu.trap.error_code == MMU_FETCH && t->pc == 64,
		   "T%d: a jump to where nothing is faults there", i);
		set_up(b, TABLE);
		k = RUN(b, user);
		ok(k == TRAP_SYSCALL, "T%d: user code reaches user pages", i);
		t->raw[USER] = 0;
		*pte(b, TABLE, DATA) = DATA | V | W;
		mmu_flush(&t->cpu, 3);
		t->pc = CODE;
		k = isa.run(&t->cpu);
		ok(k == TRAP_EXCEPTION && t->cpu.trap.error_code == (MMU_READ | 1 << 4) && t->pc == CODE + 8,
		   "T%d: and not a supervisor's", i);
	}
	ok(same(), "and the states are the same");
}

/* ---- code that changes ---- */
static void self_modifying(void)
{
	/* A loop that rewrites its own fourth instruction (ldi x3, n) with x2, which counts in the immediate. */
	static const uint32_t program[] = {
		I(LEA, 1, 0, 3), I(LD, 2, 1, 0), I(LDI, 4, 0, 50),
		I(LDI, 3, 0, 0), I(ADDI, 0, 0, 0),
		I(ADD, 5, 5, 3), I(ADDI, 2, 2, 1), I(ST, 2, 1, 0), I(ADDI, 4, 4, -1), I(CMPI, 0, 4, 0), I(BCC, TOY_NE, 0, -7),
		I(SYS, 0, 0, 0),
	};
	/* The instruction behind the store, by a store, an atomic addition and a helper. */
	static const uint32_t behind[] = {
		I(LEA, 1, 0, 6), I(LD, 2, 1, 0), I(ADDI, 2, 2, 5), I(XOR, 0, 0, 0), I(XOR, 0, 0, 0), I(ST, 2, 1, 0), I(LDI, 3, 0, 0),
		I(ADDI, 9, 9, 0), I(LEA, 1, 0, 4), I(LDI, 2, 0, 7), I(XOR, 0, 0, 0), I(AMOADD, 4, 1, 2), I(LDI, 5, 0, 0),
		I(ADDI, 9, 9, 0), I(LEA, 1, 0, 4), I(LDI, 2, 0, 9), I(XOR, 0, 0, 0), I(XADDX, 4, 1, 2), I(LDI, 6, 0, 0),
		I(SYS, 0, 0, 2),
	};

	for (int i = 0; i < 2; i++) {
		struct bench *b = &bench[i];
		struct toy *t = b->t;
		enum trap_kind k = RUN(b, program);
		ok(k == TRAP_SYSCALL && t->x[5] == 5 * 0x1111 + 49 * 50 / 2, "T%d: code that rewrites itself runs what it wrote", i);
		k = RUN(b, behind);
		ok(k == TRAP_SYSCALL && t->x[3] == 5 && t->x[5] == 7 && t->x[6] == 9,
		   "T%d: the instruction behind the store is the new one (%d %d %d)", i, (int)t->x[3], (int)t->x[5], (int)t->x[6]);
	}
	/* LEA 1,0,4: the instruction number 12 and 18 counted from 8 and 14 */
	ok(same(), "and the states are the same");
}

/* Data in the page of code, not in the same 64 bytes: nothing is translated again. */
static void data_beside_code(void)
{
	static const uint32_t program[] = {I(LEA, 1, 0, 64), I(LDI, 4, 0, 1000), I(ST, 4, 1, 0), I(LD, 5, 1, 0), I(ADDI, 4, 4, -1),
					   I(CMPI, 0, 4, 0), I(BCC, TOY_NE, 0, -4), I(SYS, 0, 0, 0)};
	struct jit_stats before, after;
	bool good = RUN(&bench[0], program) == TRAP_SYSCALL;
	jit_stats(bench[1].j, &before);
	good &= RUN(&bench[1], program) == TRAP_SYSCALL && same() && bench[1].t->x[5] == 1;
	jit_stats(bench[1].j, &after);
	ok(good && after.regions - before.regions < 10 && after.invalidations - before.invalidations < 10,
	   "data beside code costs no translation (%d regions)", (int)(after.regions - before.regions));
}

/* ---- mappings that change ---- */
static void remaps(void)
{
	/* Calls a function in another page (0x30000) in a loop; in the middle that page is mapped elsewhere. */
	static const uint32_t program[] = {
		I(LDI, 4, 0, 20), I(LDI, 1, 0, 3), I(LDI, 2, 0, 16), I(SHL, 1, 1, 2), /* x1 = 0x30000 */
		/* 4 */ I(CALLR, 0, 1, 0), I(JAL, 0, 0, 0x8000 - 5), /* both ways: CODE + 0x20000 is 0x30000 */
		I(ADDI, 4, 4, -1), I(CMPI, 0, 4, 10), I(BCC, TOY_NE, 0, 3),
		I(ST, 5, 6, 0), I(TLBI, 0, 1, 0), /* the page-table entry at x6 becomes x5 */
		I(CMPI, 0, 4, 0), I(BCC, TOY_NE, 0, -8), I(SYS, 0, 0, 0),
	};
	static const uint32_t one[] = {I(ADDI, 3, 3, 1), I(JR, 0, LR, 0)}, other[] = {I(ADDI, 3, 3, 100), I(JR, 0, LR, 0)};

	for (int i = 0; i < 2; i++) {
		struct bench *b = &bench[i];
		struct toy *t = b->t;
		static const uint32_t stop[] = {I(SYS, 0, 0, 0)};
		RUN(b, stop);
		memcpy(b->m.ram + CODE, program, sizeof program);
		memcpy(b->m.ram + 0x30000, one, sizeof one);
		memcpy(b->m.ram + 0x31000, other, sizeof other);
		mmu_ram_written(b->j, CODE >> 12, 0, 4096);
		mmu_ram_written(b->j, 0x30, 0, 4096);
		mmu_ram_written(b->j, 0x31, 0, 4096);
		*pte(b, TABLE, TABLE) = TABLE | V | W;
		t->x[3] = 0;
		t->x[5] = 0x31000 | V | W | U;
		t->x[6] = TABLE + 0x30 * 8;
		t->pc = CODE;
		enum trap_kind k = isa.run(&t->cpu);
		ok(k == TRAP_SYSCALL && t->x[3] == 20 + 2000, "T%d: calls of a page that is mapped elsewhere meanwhile (%d)", i,
		   (int)t->x[3]);
	}
	ok(same(), "and the states are the same");
}

/* Two address spaces with the same code at the same place, and different code at another. */
static void address_spaces(void)
{
	static const uint32_t program[] = {
		I(LDI, 4, 0, 50),
		/* 1 */ I(JAL, 0, 0, 0x8000 - 1), I(MSR, ROOT, 5, 0), I(JAL, 0, 0, 0x8000 - 3), I(MSR, ROOT, 6, 0), I(ADDI, 4, 4, -1),
		I(CMPI, 0, 4, 0), I(BCC, TOY_NE, 0, -6), I(SYS, 0, 0, 0),
	};
	static const uint32_t one[] = {I(ADDI, 3, 3, 1), I(JR, 0, LR, 0)}, other[] = {I(ADDI, 3, 3, 100), I(JR, 0, LR, 0)};
	struct jit_stats before, after;

	for (int i = 0; i < 2; i++) {
		struct bench *b = &bench[i];
		struct toy *t = b->t;
		static const uint32_t stop[] = {I(SYS, 0, 0, 0)};
		RUN(b, stop);
		memcpy(b->m.ram + CODE, program, sizeof program);
		memcpy(b->m.ram + 0x30000, one, sizeof one);
		memcpy(b->m.ram + 0x31000, other, sizeof other);
		for (uint64_t p = CODE >> 12; p < 0x32; p++)
			mmu_ram_written(b->j, p, 0, 4096);
		set_up(b, 0x2000);
		*pte(b, 0x2000, 0x30000) = 0x31000 | V | W | U;
		*pte(b, TABLE, CODE) |= G;
		*pte(b, 0x2000, CODE) |= G;
		t->x[3] = 0;
		t->x[5] = 0x2000;
		t->x[6] = TABLE;
		t->pc = CODE;
		jit_stats(b->j, &before);
		enum trap_kind k = isa.run(&t->cpu);
		jit_stats(b->j, &after);
		ok(k == TRAP_SYSCALL && t->x[3] == 50 * 101, "T%d: two address spaces take turns", i);
	}
	ok(after.regions - before.regions < 12, "and nothing is translated twice (%d regions)", (int)(after.regions - before.regions));
	ok(same(), "and the states are the same");
}

/* An instruction whose bytes lie in two pages; the second one is mapped elsewhere. */
static void crossing_code(void)
{
	static const uint32_t stop[] = {I(SYS, 0, 0, 0)};

	for (int i = 0; i < 2; i++) {
		struct bench *b = &bench[i];
		struct toy *t = b->t;
		bool good = true;
		RUN(b, stop);
		uint32_t insn[2] = {I(LDI, 3, 0, 0x1234), I(SYS, 0, 0, 4)};
		uint8_t *at = b->m.ram + 0x32ffe;
		memcpy(at, insn, 8);
		insn[0] = I(LDI, 3, 0, 0x1234);
		memcpy(b->m.ram + 0x34000, (uint8_t *)insn + 2, 6);
		b->m.ram[0x34000] = (uint8_t)(I(LDI, 7, 0, 0) >> 16); /* another register */
		b->m.ram[0x34001] = (uint8_t)(I(LDI, 7, 0, 0) >> 24);
		for (uint64_t p = 0x32; p < 0x35; p++)
			mmu_ram_written(b->j, p, 0, 4096);
		for (int turn = 0; turn < 6; turn++) {
			*pte(b, TABLE, 0x33000) = (turn & 1 ? 0x34000 : 0x33000) | V | W | U;
			mmu_flush_page(&t->cpu, 0x33000, 3);
			t->x[3] = t->x[7] = 0;
			t->pc = 0x32ffe;
			good &= isa.run(&t->cpu) == TRAP_SYSCALL && t->x[turn & 1 ? 7 : 3] == 0x1234 && !t->x[turn & 1 ? 3 : 7];
		}
		*pte(b, TABLE, 0x33000) = 0;
		mmu_flush_page(&t->cpu, 0x33000, 3);
		t->pc = 0x32ffe;
		good &= isa.run(&t->cpu) == TRAP_EXCEPTION && t->cpu.trap.address == 0x33000 && t->pc == 0x32ffe;
		ok(good, "T%d: an instruction over a page's end, while the second page changes", i);
	}
}

/* ---- marks ---- */
static void dirty_marks(void)
{
	static const uint32_t program[] = {I(ST, 1, 12, 0), I(ST, 2, 12, 8), I(LDI, 9, 0, 12), I(LDI, 8, 0, 1), I(SHL, 8, 8, 9), I(ADD, 8, 8, 12),
					   I(ST, 3, 8, 0), I(SYS, 0, 0, 0)};
	for (int i = 0; i < 2; i++) {
		struct bench *b = &bench[i];
		b->m.log_dirty = true;
		memset(b->m.dirty, 0, sizeof b->m.dirty);
		b->m.dirtied = 0;
		RUN(b, program);
		ok(b->m.dirtied == 2 && b->m.dirty[DATA >> 12] && b->m.dirty[(DATA >> 12) + 1], "T%d: the first store to a page is reported", i);
		b->t->pc = CODE;
		isa.run(&b->t->cpu);
		unsigned again = b->m.dirtied;
		b->m.dirty[DATA >> 12] = 0;
		mmu_ram_clean(b->j, DATA >> 12, 1);
		b->t->pc = CODE;
		isa.run(&b->t->cpu);
		ok(again == 2 && b->m.dirtied == 3 && b->m.dirty[DATA >> 12], "T%d: and the first one after the marks were cleared", i);
		b->m.log_dirty = false;
	}
}

static void registers(void)
{
	static const uint32_t program[] = {I(ADDI, 1, 11, 24), I(LDI, 2, 0, 5), I(AMOADD, 3, 1, 2), I(XADDX, 4, 1, 2), I(LD, 5, 1, 0),
					   I(LDX, 6, 11, 40), I(SYS, 0, 0, 0)};
	static const uint32_t rom[] = {I(LDI, 1, 0, 9), I(LDI, 2, 0, 16), I(SHL, 1, 1, 2), I(LD, 3, 1, 0), I(ST, 2, 1, 0), I(LD, 4, 1, 0), I(SYS, 0, 0, 0)};
	for (int i = 0; i < 2; i++) {
		struct bench *b = &bench[i];
		unsigned before = b->m.exclusive;
		enum trap_kind k = RUN(b, program);
		ok(k == TRAP_SYSCALL && b->t->x[3] == 0 && b->t->x[4] == 5 && b->t->x[5] == 10 && b->m.exclusive == before + 2,
		   "T%d: atomic operations on registers are made alone", i);
		k = RUN(b, rom);
		ok(k == TRAP_SYSCALL && b->t->x[3] == b->t->x[4], "T%d: ROM stays", i);
	}
	ok(same(), "and the states are the same");
}

/* ---- threads ---- */
/* Again and again: on a busy host the first may come before the processor runs. */
static void *interrupter(void *arg)
{
	go_on = true;
	while (go_on) {
		usleep(20000);
		isa.interrupt(arg, NULL);
	}
	return NULL;
}

static void threads(void)
{
	static const uint32_t forever[] = {I(ADDI, 1, 1, 1), I(BR, 0, 0, -1)};
	static const uint32_t adds[] = {I(ADDI, 1, 1, -1), I(AMOADD, 3, 2, 4), I(CMPI, 0, 1, 0), I(BCC, TOY_NE, 0, -3), I(SYS, 0, 0, 5)};
	/* Reads a page again and again. */
	static const uint32_t reads[] = {I(LD, 1, 12, 0), I(ADD, 2, 2, 1), I(BR, 0, 0, -2)};
	struct bench *b = &bench[1];
	struct toy *t = b->t, *more_cpus[3];
	pthread_t id[3];
	bool good = true;

	pthread_create(&id[0], NULL, interrupter, t);
	enum trap_kind k = RUN(b, forever);
	while (k == TRAP_NONE && t->x[1] == 0x1111)
		k = isa.run(&t->cpu);
	ok(k == TRAP_NONE && t->x[1] > 0x1111, "an endless loop can be interrupted");
	go_on = false;
	pthread_join(id[0], NULL);

	b->m.interrupted = t;
	static const uint32_t by_device[] = {I(LDI, 2, 0, 1), I(ST, 2, 11, 56), I(ADDI, 3, 3, 1), I(BR, 0, 0, -1)};
	ok(RUN(b, by_device) == TRAP_NONE && t->x[3] < 0x3333 + 20, "a register's store function can interrupt");
	b->m.interrupted = NULL;

	RUN(b, adds);
	*(uint64_t *)(void *)(b->m.ram + DATA + 80) = 0;
	go_on = true;
	for (int i = 0; i < 3; i++) {
		more_cpus[i] = new_cpu(b->j);
		memcpy(more_cpus[i]->raw, t->raw, sizeof t->raw);
		more_cpus[i]->x[1] = 200000;
		more_cpus[i]->x[2] = DATA + 80;
		more_cpus[i]->x[4] = 3;
		more_cpus[i]->pc = CODE;
		pthread_create(&id[i], NULL, runner, more_cpus[i]);
	}
	/* Meanwhile everything is flushed and the code is written again. */
	for (int i = 0; i < 50; i++) {
		usleep(200);
		mmu_flush_remote(&more_cpus[i % 3]->cpu, i & 1);
		mmu_ram_written(b->j, CODE >> 12, 0, 4096);
		jit_lock(b->j);
		jit_flush(b->j, NULL);
		jit_unlock(b->j);
	}
	for (int i = 0; i < 3; i++) {
		pthread_join(id[i], NULL);
		good &= more_cpus[i]->cpu.trap.kind == TRAP_SYSCALL;
	}
	ok(good && *(uint64_t *)(void *)(b->m.ram + DATA + 80) == 3 * 200000 * 3,
	   "three processors lose no addition while their TLBs and the cache are flushed");

	/* The page's entry changes, then a flush with wait: afterwards nobody reads the old page. */
	memcpy(b->m.ram + CODE, reads, sizeof reads);
	mmu_ram_written(b->j, CODE >> 12, 0, 4096);
	for (int i = 0; i < 2; i++) {
		more_cpus[i]->pc = CODE;
		more_cpus[i]->x[12] = DATA;
		more_cpus[i]->x[2] = 0;
		mmu_flush(&more_cpus[i]->cpu, 3);
		pthread_create(&id[i], NULL, runner, more_cpus[i]);
	}
	good = true;
	for (int turn = 0; turn < 100; turn++) {
		uint64_t old = turn & 1 ? DATA + 4096 : DATA, new = turn & 1 ? DATA : DATA + 4096;
		*(volatile uint64_t *)(void *)(b->m.ram + new) = 0;
		*pte(b, TABLE, DATA) = new | V | W | U;
		for (int i = 0; i < 2; i++)
			mmu_flush_remote(&more_cpus[i]->cpu, true);
		/* Whoever reads this from now on saw the old page. */
		*(volatile uint64_t *)(void *)(b->m.ram + old) = 1ull << 40;
		usleep(100);
	}
	go_on = false;
	for (int i = 0; i < 2; i++) {
		isa.interrupt(&more_cpus[i]->cpu, NULL);
		pthread_join(id[i], NULL);
		good &= more_cpus[i]->x[2] == 0;
	}
	ok(good, "after a flush with wait no processor sees the old page");
	for (int i = 0; i < 3; i++) {
		ir_cpu_free(&more_cpus[i]->cpu);
		free(more_cpus[i]);
	}
}

/* ---- cost ---- */
static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int cost(void)
{
	static const uint32_t nothing[] = {I(LDI, 1, 0, 3000), I(MUL, 1, 1, 1), I(ADDI, 1, 1, -1), I(CMPI, 0, 1, 0), I(BCC, TOY_NE, 0, -2), I(SYS, 0, 0, 0)};
	static const uint32_t loads[] = {I(LDI, 1, 0, 3000), I(MUL, 1, 1, 1), I(LD, 4, 12, 0), I(LD, 5, 12, 8), I(LD, 6, 12, 16), I(LD, 7, 12, 24),
					 I(ADDI, 1, 1, -1), I(CMPI, 0, 1, 0), I(BCC, TOY_NE, 0, -6), I(SYS, 0, 0, 0)};
	static const uint32_t chase[] = {I(ST, 12, 12, 0), I(LDI, 1, 0, 3000), I(MUL, 1, 1, 1), I(LD, 12, 12, 0), I(LD, 12, 12, 0), I(LD, 12, 12, 0),
					 I(LD, 12, 12, 0), I(ADDI, 1, 1, -1), I(CMPI, 0, 1, 0), I(BCC, TOY_NE, 0, -6), I(SYS, 0, 0, 0)};
	static const uint32_t stores[] = {I(LDI, 1, 0, 3000), I(MUL, 1, 1, 1), I(ST, 4, 12, 0), I(ST, 5, 12, 8), I(ST, 6, 12, 16), I(ST, 7, 12, 24),
					  I(ADDI, 1, 1, -1), I(CMPI, 0, 1, 0), I(BCC, TOY_NE, 0, -6), I(SYS, 0, 0, 0)};
	static const uint32_t calls[] = {I(LDI, 1, 0, 3000), I(MUL, 1, 1, 1), I(JAL, 0, 0, 0x7ffe), I(ADDI, 1, 1, -1), I(CMPI, 0, 1, 0),
					 I(BCC, TOY_NE, 0, -3), I(SYS, 0, 0, 0)};
	static const uint32_t back[] = {I(JR, 0, LR, 0)};
	static const struct { const char *name; const uint32_t *p; size_t n; } all[] = {
		{"nothing", nothing, sizeof nothing / 4}, {"four loads", loads, sizeof loads / 4}, {"four dependent loads", chase, sizeof chase / 4},
		{"four stores", stores, sizeof stores / 4}, {"a call into another page and back", calls, sizeof calls / 4}};
	for (unsigned i = 0; i < sizeof all / sizeof all[0]; i++) {
		memcpy(bench[1].m.ram + CODE + 0x20000, back, sizeof back);
		double start_time = now();
		start(&bench[1], all[i].p, all[i].n, CODE);
		printf("%s: %.2f ns a turn\n", all[i].name, (now() - start_time) / 9e6 * 1e9);
	}
	return 0;
}

int main(int argc, char **argv)
{
	bench_new(&bench[0], JIT_INTERPRET);
	bench_new(&bench[1], JIT_TRANSLATE);
	if (argc > 1 && !strcmp(argv[1], "cost"))
		return cost();
	(void)argv;
	accesses();
	faults();
	self_modifying();
	data_beside_code();
	remaps();
	address_spaces();
	crossing_code();
	dirty_marks();
	registers();
	threads();
	for (int i = 0; i < 2; i++) {
		ir_cpu_free(&bench[i].t->cpu);
		free(bench[i].t);
		jit_free(bench[i].j);
	}
	return tap_done();
}
