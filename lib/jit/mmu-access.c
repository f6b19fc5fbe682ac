/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Accesses that do not hit, or come from C: any size, crossing pages, registers, pages with translated code. See tlb.h.
 *
 * An access is complete or not begun: all its pages are looked up first, and what makes the instruction begin again (it would change
 * the region that runs; it needs the processor for itself) is found out before the first byte is stored.
 */
#include <string.h>
#include "jit/debug.h"

/* ---- registers ---- */

static unsigned piece(uint64_t physical, unsigned size)
{
	if (size == 1 || size == 2 || size == 4 || size == 8)
		return size;
	unsigned n = size > 8 ? 8 : size > 4 ? 4 : size > 2 ? 2 : 1;
	while (physical & (n - 1))
		n /= 2;
	return n;
}

/* Counting: the device may ask what time it is, so the instruction begins again under the interpreter, which counts one by one. */
static void count_exactly(struct mmu *m)
{
	if (m->in_region && m->j->config.counts)
		access_raise(IR_RAISE_AGAIN);
}

static void read_registers(struct mmu *m, uint64_t addr, uint64_t physical, uint8_t *to, unsigned size)
{
	count_exactly(m);
	while (size) {
		unsigned n = piece(physical, size);
		bool failed = false;
		tlb_leave(m);
		uint64_t v = m->machine->load(m->machine->opaque, m->cpu, physical, n, &failed);
		tlb_return(m);
		if (failed && m->front->failed)
			m->front->failed(m->cpu, addr, physical, MMU_READ);
		memcpy(to, &v, n);
		to += n;
		addr += n;
		physical += n;
		size -= n;
	}
}

static void write_registers(struct mmu *m, uint64_t addr, uint64_t physical, const uint8_t *from, unsigned size)
{
	count_exactly(m);
	while (size) {
		unsigned n = piece(physical, size);
		bool failed = false;
		uint64_t v = 0;
		memcpy(&v, from, n);
		tlb_leave(m);
		m->machine->store(m->machine->opaque, m->cpu, physical, v, n, &failed);
		tlb_return(m);
		if (failed && m->front->failed)
			m->front->failed(m->cpu, addr, physical, MMU_WRITE);
		from += n;
		addr += n;
		physical += n;
		size -= n;
	}
}

/* ---- stores to RAM that need a look ---- */

/* Would the store change the region that is running? Held: lock. */
static bool changes_itself(struct mmu *m, uint64_t ram, unsigned from, unsigned to)
{
	if (!m->in_region)
		return false;
	return jit_ram_used_by(m->j, ram, from, to, m->at ? jit_region_at(m->j, m->at) : JIT_NONE, ir_get_pc(m->cpu));
}

/* The page as it is now; its marks are up to date. False: registers, or what stores do not reach. */
static bool writable_page(struct mmu *m, const struct tlb_more *o, struct mmu_page *p)
{
	memset(p, 0, sizeof *p);
	m->machine->page(m->machine->opaque, m->cpu, o->physical, p);
	return p->host && p->writable;
}

/* The store is about to come: begins the instruction again if it must be made by the interpreter. */
static void check_store(struct mmu *m, uint64_t addr, unsigned size, unsigned map)
{
	struct tlb_entry *e = tlb_find(m, addr, map, MMU_WRITE, false);

	if (!e || e->tag[MMU_WRITE] == (addr & ~4095ull))
		return;
	const struct tlb_more *o = tlb_more(m, map, e);
	unsigned from = addr & 4095;
	if (o->rights & TLB_REGISTERS || !tlb_is_code(m->j, o->ram))
		return;
	jit_lock(m->j);
	bool again = changes_itself(m, o->ram, from, from + size);
	jit_unlock(m->j);
	if (again)
		access_raise(IR_RAISE_AGAIN);
}

static void write_page(struct mmu *m, uint64_t addr, const uint8_t *from, unsigned size, unsigned map)
{
	struct tlb_entry *e = tlb_find(m, addr, map, MMU_WRITE, false);
	struct mmu_page p;

	if (!e)
		return;
	if (e->tag[MMU_WRITE] == (addr & ~4095ull)) {
		access_copy((void *)(uintptr_t)(addr + e->addend), from, size);
		return;
	}
	const struct tlb_more *o = tlb_more(m, map, e);
	unsigned at = addr & 4095;
	if (!writable_page(m, o, &p)) {
		write_registers(m, addr, o->physical + at, from, size);
		return;
	}
	if (!p.dirty)
		m->machine->dirtied(m->machine->opaque, p.ram);
	if (tlb_is_code(m->j, p.ram)) {
		/* Whoever translates from here holds the lock: it has seen the new bytes, or its region goes. */
		jit_lock(m->j);
		access_copy(p.host + at, from, size);
		jit_ram_drop(m->j, p.ram, at, at + size, true);
		jit_unlock(m->j);
	} else {
		access_copy(p.host + at, from, size);
		mmu_ram_written(m->j, p.ram, at, at + size); /* it may have become code since */
	}
	tlb_write_again(m, e, map);
}

/* ---- the interface ---- */

static unsigned in_page(uint64_t addr, unsigned size)
{
	unsigned n = 4096 - (addr & 4095);
	return n < size ? n : size;
}

static void find_all(struct mmu *m, uint64_t addr, unsigned size, unsigned map, enum mmu_access how)
{
	for (unsigned n; size; addr += n, size -= n) {
		n = in_page(addr, size);
		tlb_find(m, addr, map, how, false);
	}
}

static __attribute__((noinline)) void read_slow(struct mmu *m, uint64_t addr, uint8_t *to, unsigned size, unsigned map)
{
	if (__builtin_expect(m->j->debug != NULL, 0))
		jit_watch_access(m, addr, size, 1u << MMU_READ);
	if (in_page(addr, size) < size)
		find_all(m, addr, size, map, MMU_READ);
	for (unsigned n; size; addr += n, to += n, size -= n) {
		n = in_page(addr, size);
		struct tlb_entry *e = tlb_find(m, addr, map, MMU_READ, false);
		if (!e)
			memset(to, 0xff, n);
		else if (e->tag[MMU_READ] == (addr & ~4095ull) || !(tlb_more(m, map, e)->rights & TLB_REGISTERS))
			access_copy(to, (const void *)(uintptr_t)(addr + e->addend), n);
		else
			read_registers(m, addr, tlb_more(m, map, e)->physical + (addr & 4095), to, n);
	}
}

static __attribute__((noinline)) void write_slow(struct mmu *m, uint64_t addr, const uint8_t *from, unsigned size, unsigned map)
{
	unsigned n = in_page(addr, size);

	if (n < size)
		find_all(m, addr, size, map, MMU_WRITE);
	if (__builtin_expect(m->j->debug != NULL, 0))
		jit_watch_access(m, addr, size, 1u << MMU_WRITE);
	if (m->in_region)
		for (uint64_t a = addr, left = size; left; a += n, left -= n) {
			n = in_page(a, (unsigned)left);
			check_store(m, a, n, map);
		}
	for (; size; addr += n, from += n, size -= n) {
		n = in_page(addr, size);
		write_page(m, addr, from, n, map);
	}
}

void mmu_read(struct cpu *c, uint64_t addr, void *to, unsigned size, unsigned map)
{
	void *host = tlb_hit(c->mmu, addr, size, map, MMU_READ);

	if (host)
		access_copy(to, host, size);
	else
		read_slow(c->mmu, addr, to, size, map);
}

void mmu_write(struct cpu *c, uint64_t addr, const void *from, unsigned size, unsigned map)
{
	void *host = tlb_hit(c->mmu, addr, size, map, MMU_WRITE);

	if (host)
		access_copy(host, from, size);
	else
		write_slow(c->mmu, addr, from, size, map);
}

void mmu_probe_read(struct cpu *c, uint64_t addr, unsigned size, unsigned map)
{
	find_all(c->mmu, addr, size, map, MMU_READ);
	if (__builtin_expect(c->jit->debug != NULL, 0))
		jit_watch_probe(c->mmu, addr, size, 1u << MMU_READ);
}

void mmu_probe_write(struct cpu *c, uint64_t addr, unsigned size, unsigned map)
{
	find_all(c->mmu, addr, size, map, MMU_WRITE);
	if (__builtin_expect(c->jit->debug != NULL, 0))
		jit_watch_probe(c->mmu, addr, size, 1u << MMU_WRITE);
}

void *mmu_host(struct cpu *c, uint64_t addr, unsigned size, unsigned map)
{
	struct mmu *m = c->mmu;
	void *host = tlb_hit(m, addr, size, map, MMU_WRITE);
	struct mmu_page p;

	if (host)
		return host;
	find_all(m, addr, size, map, MMU_WRITE);
	if (m->exclusive)
		return NULL;
	if (__builtin_expect(m->j->debug != NULL, 0))
		jit_watch_access(m, addr, size, 1u << MMU_READ | 1u << MMU_WRITE);
	struct tlb_entry *e = tlb_find(m, addr, map, MMU_WRITE, false);
	if (!e || in_page(addr, size) < size)
		access_raise(IR_RAISE_EXCLUSIVE);
	if (e->tag[MMU_WRITE] == (addr & ~4095ull))
		return (void *)(uintptr_t)(addr + e->addend);
	if (!writable_page(m, tlb_more(m, map, e), &p))
		access_raise(IR_RAISE_EXCLUSIVE);
	if (!p.dirty)
		m->machine->dirtied(m->machine->opaque, p.ram);
	unsigned at = addr & 4095;
	if (!tlb_is_code(m->j, p.ram)) {
		tlb_write_again(m, e, map);
		if (e->tag[MMU_WRITE] == (addr & ~4095ull))
			return p.host + at;
	}
	/* Who translates from here until the operation is done, sees that. */
	m->loose_size = size;
	atomic_store(&m->loose, (p.ram << 12 | at) + 1);
	jit_lock(m->j);
	bool used = jit_ram_used(m->j, p.ram, at, at + size);
	jit_unlock(m->j);
	if (used)
		access_raise(IR_RAISE_EXCLUSIVE); /* there the store and the drop are one step */
	return p.host + at;
}

bool mmu_physical(struct cpu *c, uint64_t addr, enum mmu_access how, unsigned map, uint64_t *physical)
{
	struct tlb_entry *e = tlb_find(c->mmu, addr, map, how, true);

	if (!e)
		return false;
	*physical = tlb_more(c->mmu, map, e)->physical | (addr & 4095);
	return true;
}

/* ---- page walks ---- */

uint64_t mmu_phys_load(struct cpu *c, uint64_t physical, unsigned size)
{
	const struct mmu_page *p = tlb_phys(c->mmu, physical);
	uint64_t v = ~0ull;

	if (!p->host || (physical & 4095) > 4096 - size)
		return size < 8 ? (1ull << 8 * size) - 1 : v;
	v = 0;
	access_copy(&v, p->host + (physical & 4095), size);
	return v;
}

bool mmu_phys_cas(struct cpu *c, uint64_t physical, uint64_t old, uint64_t new_value, unsigned size)
{
	struct mmu *m = c->mmu;
	struct mmu_page p = {0};
	bool done;

	m->machine->page(m->machine->opaque, c, physical & ~4095ull, &p);
	if (!p.host || !p.writable || physical & (size - 1))
		return true; /* tables in ROM: nothing is kept, as on the bus */
	if (!p.dirty)
		m->machine->dirtied(m->machine->opaque, p.ram);
	void *at = p.host + (physical & 4095);
	if (size == 8) {
		done = __atomic_compare_exchange_n((uint64_t *)at, &old, new_value, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
	} else {
		uint32_t expected = (uint32_t)old;
		done = __atomic_compare_exchange_n((uint32_t *)at, &expected, (uint32_t)new_value, false, __ATOMIC_SEQ_CST,
						   __ATOMIC_SEQ_CST);
	}
	if (done && tlb_is_code(m->j, p.ram))
		mmu_ram_written(m->j, p.ram, physical & 4095, (physical & 4095) + size);
	return done;
}
