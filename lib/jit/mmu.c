/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The soft TLB: entries, victims, sizes, flushes. See tlb.h. */
#include <stdlib.h>
#include <string.h>
#include <sched.h>
#include <sys/mman.h>
#include <time.h>
#include "jit/debug.h"

#define MAPPING_BYTES (TLB_TABLES + (size_t)TLB_MAPS * TLB_TABLE_BYTES + ((size_t)TLB_MAPS << TLB_MAX_BITS) * sizeof(struct tlb_more))
#define TLB_SWAP_MOST 4096 /* entries; for the sake of pages that meet the table grows no further */
#define WINDOW 128 /* ticks after which an unused half of a table is given up */

static size_t entries(const struct mmu *m, unsigned map)
{
	return (m->mask[map] >> TLB_ENTRY_SHIFT) + 1;
}

/* What cannot match at index i. */
static uint64_t empty_tag(size_t i)
{
	return (uint64_t)(~i & 1) << 12 | TLB_EMPTY;
}

static void make_empty(struct tlb_entry *e, size_t i)
{
	e->tag[0] = e->tag[1] = e->tag[2] = empty_tag(i);
}

static bool present(const struct tlb_entry *e)
{
	return !(e->tag[0] & e->tag[1] & e->tag[2] & TLB_EMPTY);
}

static void set_write_tag(struct tlb_entry *e, uint64_t tag)
{
	__atomic_store_n(&e->tag[MMU_WRITE], tag, __ATOMIC_RELEASE);
}

static void clear_table(struct mmu *m, unsigned map)
{
	struct tlb_entry *t = tlb_table(m, map);

	for (size_t i = 0, n = entries(m, map); i < n; i++)
		make_empty(&t[i], i);
	m->map[map].used = m->map[map].evicted = m->map[map].locals = 0;
}

/* An entry was filled: mmu_flush_local() will ask. */
static void note_local(struct mmu *m, unsigned map, const struct tlb_entry *e, const struct tlb_more *o)
{
	struct tlb_map *s = &m->map[map];

	if (!(o->rights & MMU_GLOBAL) && s->locals <= TLB_LOCALS && s->locals++ < TLB_LOCALS)
		s->local[s->locals - 1] = (uint16_t)(e - tlb_table(m, map));
}

static void clear_victims(struct tlb_map *s)
{
	if (s->victims)
		for (unsigned i = 0; i < TLB_VICTIMS; i++)
			make_empty(&s->victim[i].e, 0);
	s->victims = false;
}

struct mmu *tlb_new(struct cpu *c, const struct mmu_front *front, const struct mmu_machine *machine)
{
	struct mmu *m = mmap(NULL, MAPPING_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (m == MAP_FAILED)
		return NULL;
	m->cpu = c;
	m->front = front;
	m->machine = machine;
	m->j = c->jit;
	for (unsigned i = 0; i < TLB_MAPS; i++) {
		m->mask[i] = ((1u << TLB_FIRST_BITS) - 1) << TLB_ENTRY_SHIFT;
		m->map[i].victims = true;
		m->map[i].window = jit_ticks();
		clear_table(m, i);
		clear_victims(&m->map[i]);
	}
	for (unsigned i = 0; i < TLB_PHYS; i++)
		m->phys[i].page = ~0ull;
	return m;
}

void tlb_free(struct mmu *m)
{
	if (m)
		munmap(m, MAPPING_BYTES);
}

const struct mmu_page *tlb_phys(struct mmu *m, uint64_t physical)
{
	uint64_t page = physical >> 12;
	unsigned i = (unsigned)(page ^ page >> 8) & (TLB_PHYS - 1);

	if (m->phys[i].page != page) {
		struct mmu_page p = {0};
		m->machine->page(m->machine->opaque, m->cpu, physical & ~4095ull, &p);
		m->phys[i].p = p;
		m->phys[i].page = page;
	}
	return &m->phys[i].p;
}

/* ---- sizes ---- */

static void resize(struct mmu *m, unsigned map, unsigned bits)
{
	struct tlb_map *s = &m->map[map];

	__atomic_store_n(&m->mask[map], (uint64_t)((1u << bits) - 1) << TLB_ENTRY_SHIFT, __ATOMIC_RELEASE);
	clear_table(m, map);
	s->window = jit_ticks();
	s->most = 0;
}

/* At a flush, when a new size costs nothing. True: it has one, and is empty. */
static bool adapt(struct mmu *m, unsigned map)
{
	struct tlb_map *s = &m->map[map];
	size_t n = entries(m, map);
	unsigned bits = (unsigned)__builtin_ctzll(n);

	if (s->used > s->most)
		s->most = s->used;
	if (s->used > n / 4 * 3 && bits < TLB_MAX_BITS) {
		resize(m, map, bits + 1);
		return true;
	}
	if (jit_ticks() - s->window > WINDOW) {
		if (s->most < n / 4 && bits > TLB_MIN_BITS) {
			resize(m, map, bits - 1);
			return true;
		}
		s->window = jit_ticks();
		s->most = s->used;
	}
	return false;
}

/* ---- entries ---- */

static void note_large(struct tlb_map *s, uint64_t addr, uint64_t size)
{
	uint64_t start = addr & ~(size - 1), end = start + (size - 1), best = ~0ull;
	unsigned at = 0;

	for (unsigned i = 0; i < s->ranges; i++) {
		if (start >= s->large[i].start && end <= s->large[i].end)
			return;
		uint64_t low = start < s->large[i].start ? start : s->large[i].start;
		uint64_t high = end > s->large[i].end ? end : s->large[i].end;
		uint64_t more = (high - low) - (s->large[i].end - s->large[i].start);
		if (more < best) {
			best = more;
			at = i;
		}
	}
	if (s->ranges < TLB_RANGES && best > size) {
		s->large[s->ranges].start = start;
		s->large[s->ranges++].end = end;
		return;
	}
	if (start < s->large[at].start)
		s->large[at].start = start;
	if (end > s->large[at].end)
		s->large[at].end = end;
}

/* A debugger watches the page: accesses need a look. */
static __attribute__((noinline)) void watch_tags(const struct mmu *m, struct tlb_entry *e, uint64_t page)
{
	unsigned watched = jit_watch_page(m->j, page);

	if (watched & 1u << MMU_READ && e->tag[MMU_READ] == page)
		e->tag[MMU_READ] = page ^ 4096;
	/* Atomic operations read, and look at this tag alone. */
	if (watched && e->tag[MMU_WRITE] == page)
		set_write_tag(e, page ^ 4096);
}

/* The tags for what the page is now; the write tag once more after it is visible. */
static void set_tags(struct mmu *m, struct tlb_entry *e, const struct tlb_more *o, const struct mmu_page *p, uint32_t cleaned)
{
	uint64_t fast = o->page, slow = o->page ^ 4096, none = slow | TLB_EMPTY, ram = p->host ? fast : slow;

	e->addend = p->host ? (uint64_t)(uintptr_t)p->host - o->page : 0;
	e->tag[MMU_READ] = o->rights & 1u << MMU_READ ? ram : none;
	e->tag[MMU_FETCH] = o->rights & 1u << MMU_FETCH ? ram : none;
	if (!(o->rights & 1u << MMU_WRITE))
		set_write_tag(e, none);
	else if (!p->host || !p->writable || !p->dirty || tlb_is_code(m->j, p->ram))
		set_write_tag(e, slow);
	else {
		set_write_tag(e, fast);
		atomic_thread_fence(memory_order_seq_cst);
		if (tlb_is_code(m->j, p->ram) || atomic_load(&m->j->cleaned) != cleaned)
			set_write_tag(e, slow);
	}
	if (__builtin_expect(m->j->debug != NULL, 0))
		watch_tags(m, e, o->page);
}

void mmu_enter(struct cpu *c, unsigned map, uint64_t addr, uint64_t physical, uint64_t size, unsigned rights)
{
	struct mmu *m = c->mmu;
	struct tlb_map *s = &m->map[map & (TLB_MAPS - 1)];
	uint64_t page = addr & ~4095ull;
	uint32_t cleaned = atomic_load(&m->j->cleaned);
	struct mmu_page p = *tlb_phys(m, physical);

	map &= TLB_MAPS - 1;
	/* A cached answer's marks are old. */
	if (p.host && rights & 1u << MMU_WRITE)
		m->machine->page(m->machine->opaque, c, physical & ~4095ull, &p);
	if (size > 4096)
		note_large(s, addr, size);
	struct tlb_entry *e = tlb_entry(m, map, addr);
	struct tlb_more *o = tlb_more(m, map, e);
	if (!present(e)) {
		s->used++;
	} else if (o->page != page) {
		size_t n = entries(m, map);
		if (++s->evicted > n && n < 1u << TLB_MAX_BITS) {
			/* More pages than entries since the last flush, again and again. */
			resize(m, map, (unsigned)__builtin_ctzll(n) + 1);
			clear_victims(s);
			e = tlb_entry(m, map, addr);
			o = tlb_more(m, map, e);
			s->used = 1;
		} else {
			struct tlb_victim *v = &s->victim[s->next_victim++ % TLB_VICTIMS];
			v->e = *e;
			v->m = *o;
			s->victims = true;
		}
	}
	*o = (struct tlb_more){.page = page, .physical = physical & ~4095ull, .ram = p.ram,
			       .rights = (uint8_t)(rights | (p.host ? 0 : TLB_REGISTERS)), .size = (uint8_t)__builtin_ctzll(size | 1ull << 63)};
	set_tags(m, e, o, &p, cleaned);
	note_local(m, map, e, o);
	if (s->victims)
		for (unsigned i = 0; i < TLB_VICTIMS; i++)
			if (s->victim[i].m.page == page)
				make_empty(&s->victim[i].e, 0);
}

/* The right is there: fast or slow. */
static bool knows(const struct tlb_entry *e, uint64_t page, enum mmu_access how)
{
	return e->tag[how] == page || e->tag[how] == (page ^ 4096);
}

static bool from_victims(struct mmu *m, unsigned map, struct tlb_entry *e, uint64_t page, enum mmu_access how)
{
	struct tlb_map *s = &m->map[map];

	if (!s->victims)
		return false;
	for (unsigned i = 0; i < TLB_VICTIMS; i++) {
		struct tlb_victim *v = &s->victim[i];
		if (v->m.page != page || !knows(&v->e, page, how))
			continue;
		struct tlb_more *o = tlb_more(m, map, e);
		struct tlb_victim old = {*e, *o};
		size_t n = entries(m, map);
		if (present(e) && ++s->evicted > n && n < TLB_SWAP_MOST) {
			/* Two pages that are used in turn have one entry: they may not in a larger table. */
			resize(m, map, (unsigned)__builtin_ctzll(n) + 1);
			clear_victims(s);
			return false;
		}
		s->used += !present(e);
		/* Its write tag may have been meant to turn slow while it was here. */
		*o = v->m;
		e->addend = v->e.addend;
		e->tag[MMU_READ] = v->e.tag[MMU_READ];
		e->tag[MMU_FETCH] = v->e.tag[MMU_FETCH];
		set_write_tag(e, v->e.tag[MMU_WRITE] & TLB_EMPTY ? v->e.tag[MMU_WRITE] : page ^ 4096);
		note_local(m, map, e, o);
		*v = old;
		if (!present(&v->e))
			v->m.page = ~0ull;
		return true;
	}
	return false;
}

struct tlb_entry *tlb_find(struct mmu *m, uint64_t addr, unsigned map, enum mmu_access how, bool probe)
{
	uint64_t page = addr & ~4095ull;

	for (unsigned turn = 0; turn < 3; turn++) {
		struct tlb_entry *e = tlb_entry(m, map, addr);
		if (knows(e, page, how) || from_victims(m, map, e, page, how))
			return e;
		if (!m->front->fill(m->cpu, addr, how, map, probe))
			return NULL;
	}
	return NULL; /* fill() entered something else: like a refusal */
}

void tlb_write_again(struct mmu *m, struct tlb_entry *e, unsigned map)
{
	const struct tlb_more *o = tlb_more(m, map, e);
	uint32_t cleaned = atomic_load(&m->j->cleaned);
	struct mmu_page p = {0};

	m->machine->page(m->machine->opaque, m->cpu, o->physical, &p);
	set_tags(m, e, o, &p, cleaned);
}

/* ---- flushes ---- */

static void flush_map(struct mmu *m, unsigned map)
{
	struct tlb_map *s = &m->map[map];

	if (!adapt(m, map) && s->used)
		clear_table(m, map);
	clear_victims(s);
	s->ranges = 0;
	memset(m->ids[map], 0, sizeof m->ids[map]);
}

void mmu_flush(struct cpu *c, unsigned maps)
{
	struct mmu *m = c->mmu;

	for (unsigned i = 0; i < TLB_MAPS; i++)
		if (maps >> i & 1)
			flush_map(m, i);
}

void mmu_flush_local(struct cpu *c, unsigned maps)
{
	struct mmu *m = c->mmu;

	for (unsigned map = 0; map < TLB_MAPS; map++) {
		struct tlb_map *s = &m->map[map];
		if (!(maps >> map & 1))
			continue;
		for (unsigned i = 0; i < TLB_IDS; i++)
			m->ids[map][i] &= 0 - (m->ids[map][i] & 1);
		if (!adapt(m, map) && s->used) {
			struct tlb_entry *t = tlb_table(m, map);
			const struct tlb_more *o = tlb_more(m, map, t);
			bool all = s->locals > TLB_LOCALS;
			s->evicted = 0;
			for (size_t i = 0, n = all ? entries(m, map) : s->locals; i < n; i++) {
				size_t at = all ? i : s->local[i];
				if (present(&t[at]) && !(o[at].rights & MMU_GLOBAL)) {
					make_empty(&t[at], at);
					s->used--;
				}
			}
			s->locals = 0;
		}
		bool left = false;
		for (unsigned i = 0; i < TLB_VICTIMS && s->victims; i++)
			if (!(s->victim[i].m.rights & MMU_GLOBAL))
				make_empty(&s->victim[i].e, 0);
			else
				left |= present(&s->victim[i].e);
		s->victims = left;
	}
}

static bool same_page(const struct tlb_more *o, uint64_t addr)
{
	return !((o->page ^ addr) >> (o->size < 12 ? 12 : o->size & 63));
}

void mmu_flush_page(struct cpu *c, uint64_t addr, unsigned maps)
{
	struct mmu *m = c->mmu;

	for (unsigned map = 0; map < TLB_MAPS; map++) {
		struct tlb_map *s = &m->map[map];
		bool large = false;
		if (!(maps >> map & 1))
			continue;
		for (unsigned i = 0; i < s->ranges; i++)
			large |= addr >= s->large[i].start && addr <= s->large[i].end;
		struct tlb_entry *t = tlb_table(m, map), *e = tlb_entry(m, map, addr);
		if (large) {
			const struct tlb_more *o = tlb_more(m, map, t);
			for (size_t i = 0, n = entries(m, map); i < n; i++)
				if (present(&t[i]) && same_page(&o[i], addr)) {
					make_empty(&t[i], i);
					s->used--;
				}
			memset(m->ids[map], 0, sizeof m->ids[map]);
		} else if (present(e) && tlb_more(m, map, e)->page == (addr & ~4095ull)) {
			make_empty(e, (size_t)(e - t));
			s->used--;
		}
		for (unsigned i = 0; i < TLB_VICTIMS && s->victims; i++)
			if (same_page(&s->victim[i].m, addr))
				make_empty(&s->victim[i].e, 0);
		m->ids[map][tlb_id_index(addr)] = 0;
	}
}

void tlb_flush_wanted(struct mmu *m)
{
	atomic_store(&m->flush_wanted, 0);
	m->flushes++;
	for (unsigned i = 0; i < TLB_PHYS; i++)
		m->phys[i].page = ~0ull;
	mmu_flush(m->cpu, ~0u);
}

void mmu_flush_remote(struct cpu *c, bool wait)
{
	struct mmu *m = c->mmu;

	if (!m)
		return;
	atomic_store(&m->flush_wanted, 1);
	/* Whoever begins to run looks at flush_wanted after it has set running. */
	if (!atomic_load(&m->running))
		return;
	c->isa->interrupt(c, NULL);
	for (unsigned turn = 0; wait && atomic_load(&m->flush_wanted) && atomic_load(&m->running); turn++) {
		struct timespec nap = {0, 20000};
		if (turn < 50)
			sched_yield();
		else
			nanosleep(&nap, NULL);
	}
}

/* ---- marks of RAM pages ---- */

void tlb_writes_slow(struct jit *j, uint64_t ram, uint64_t pages, void (*met)(void *opaque, struct jit_cpu *c), void *opaque)
{
	for (struct jit_cpu *c = j->cpu_list; c; c = c->next) {
		struct mmu *m = c->cpu->mmu;
		bool any = false;
		for (unsigned map = 0; m && map < m->front->maps; map++) {
			struct tlb_entry *t = tlb_table(m, map);
			const struct tlb_more *o = tlb_more(m, map, t);
			for (size_t i = 0, n = entries(m, map); i < n; i++) {
				/* The owner may be changing the entry: then it looks at the marks itself. */
				uint64_t tag = __atomic_load_n(&t[i].tag[MMU_WRITE], __ATOMIC_ACQUIRE);
				if (tag & 0xfff || ((tag >> 12 ^ i) & 1) || o[i].ram - ram >= pages)
					continue;
				any |= __atomic_compare_exchange_n(&t[i].tag[MMU_WRITE], &tag, tag ^ 4096, false, __ATOMIC_SEQ_CST,
								   __ATOMIC_RELAXED);
			}
		}
		if (any && met)
			met(opaque, c);
	}
}

void mmu_ram_clean(struct jit *j, uint64_t ram, uint64_t pages)
{
	jit_lock(j);
	atomic_fetch_add(&j->cleaned, 1); /* who just looked at the marks looks again */
	tlb_writes_slow(j, ram, pages, NULL, NULL);
	jit_unlock(j);
}

void mmu_ram_written(struct jit *j, uint64_t ram, unsigned from, unsigned to)
{
	if (!j->code_map)
		return;
	/* First written, then looked: who translates marks first, then reads. */
	atomic_thread_fence(memory_order_seq_cst);
	if (!tlb_is_code(j, ram))
		return;
	jit_lock(j);
	jit_ram_drop(j, ram, from, to, false);
	jit_unlock(j);
}
