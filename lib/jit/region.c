/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Regions and the guest pages they came from. See engine.h.
 */
#include <sys/mman.h>
#include "jit/engine.h"

uint32_t jit_region_new(struct jit *j, uint64_t pc, uint32_t mode)
{
	uint32_t r = j->regions;
	struct jit_region *g = &j->region[r];
	*g = (struct jit_region){.pc = pc, .code = j->hot, .delta = j->delta_used, .mode = mode, .src = pc};
	return r;
}

static uint64_t page_key(uint64_t pc)
{
	return (pc >> 12) + 1;
}

static struct jit_page *page_slot(struct jit_page *table, uint32_t bits, uint64_t key)
{
	uint32_t mask = (1u << bits) - 1, i = (uint32_t)(key ^ key >> 16) & mask;
	while (table[i].page && table[i].page != key)
		i = (i + 1) & mask;
	return &table[i];
}

static void pages_grow(struct jit *j)
{
	uint32_t bits = j->page_bits + 1;
	struct jit_page *t = mmap(NULL, sizeof *t << bits, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (t == MAP_FAILED)
		return; /* a fuller table is slower, and pages_full() keeps it from filling up */
	for (uint32_t i = 0; i < 1u << j->page_bits; i++)
		if (j->page[i].page)
			*page_slot(t, bits, j->page[i].page) = j->page[i];
	munmap(j->page, sizeof *t << j->page_bits);
	j->page = t;
	j->page_bits = bits;
}

struct jit_page *jit_page_get(struct jit *j, uint64_t pc)
{
	if (j->pages > (1u << j->page_bits) / 2)
		pages_grow(j);
	struct jit_page *p = page_slot(j->page, j->page_bits, page_key(pc));
	if (!p->page) {
		if (j->pages > (1u << j->page_bits) / 8 * 7)
			return NULL;
		*p = (struct jit_page){.page = page_key(pc)};
		j->pages++;
	}
	return p;
}

uint32_t jit_page_hot(const struct jit *j, uint64_t pc)
{
	const struct jit_page *p = page_slot(j->page, j->page_bits, page_key(pc));
	return p->page ? p->hot_until : 0;
}

static size_t call_extent(struct jit *j, uint64_t addr, uint64_t want)
{
	return j->config.host.fetch_extent(j->config.host.opaque, addr, want);
}

static size_t call_pages(struct jit *j, uint64_t start, uint64_t len)
{
	j->config.host.code_pages(j->config.host.opaque, start, len);
	return 0;
}

static size_t call_unseen(struct jit *j, uint64_t page, uint64_t unused)
{
	(void)unused;
	return j->config.host.changes_unseen(j->config.host.opaque, page);
}

size_t jit_fetchable(struct jit *j, uint64_t pc)
{
	struct jit_page *p = jit_page_get(j, pc);
	uint64_t start = pc & ~4095ull;
	if (!p)
		return 0;
	if (!p->known) {
		size_t n = 4096;
		if (j->config.host.fetch_extent)
			n = jit_call_saving_vectors(j, call_extent, start, 4096);
		if (!n)
			return 0;
		p->extent = n > 4096 ? 4096 : (uint16_t)n;
		if (j->config.host.changes_unseen && jit_call_saving_vectors(j, call_unseen, start, 0))
			p->hot_until = (jit_ticks() + (JIT_HOT_TICKS << JIT_HOT_BACKOFF)) | 1;
		/* First protected, then read: no store in between is missed. */
		if (j->config.host.code_pages && !p->hot_until)
			jit_call_saving_vectors(j, call_pages, start, 4096);
		p->known = 1;
	}
	return pc - start < p->extent ? p->extent - (pc - start) : 0;
}

size_t jit_peekable(struct jit *j, uint64_t pc)
{
	struct jit_page *p = jit_page_get(j, pc);
	if (p && p->known)
		return jit_fetchable(j, pc);
	size_t want = 4096 - (pc & 4095);
	return j->config.host.fetch_extent ? jit_call_saving_vectors(j, call_extent, pc, want) : want;
}

static void hash_insert(struct jit *j, uint32_t region)
{
	struct jit_region *g = &j->region[region];
	uint32_t *head = jit_bucket(j, g->src);
	__atomic_store_n(&g->hash_next, *head, __ATOMIC_RELAXED);
	__atomic_store_n(head, region, __ATOMIC_RELEASE); /* x86_engine_find() and machine.c's find_known() look without the lock */
}

static void hash_grow(struct jit *j)
{
	uint32_t n = 1u << j->hash_bits;
	for (uint32_t i = 0; i < n; i++)
		__atomic_store_n(&j->hash[i], 0, __ATOMIC_RELAXED); /* and not memset(), which uses vectors */
	j->hash_bits += 2;
	for (uint32_t r = 1; r < j->regions; r++)
		if (!(j->region[r].flags & (JIT_REGION_STEP | JIT_REGION_DEAD)))
			hash_insert(j, r);
}

void jit_region_commit(struct jit *j, uint32_t region)
{
	struct jit_region *g = &j->region[region];
	if (!(g->flags & JIT_REGION_STEP)) {
		if (__builtin_expect(region > 1u << j->hash_bits && j->hash_bits < JIT_HASH_BITS, 0))
			hash_grow(j);
		hash_insert(j, region);
		uint64_t last = g->mapping[1] ? g->src2 : g->src + (g->guest_len ? g->guest_len - 1 : 0);
		struct jit_page *p = jit_page_get(j, g->src);
		g->page_next[0] = p->regions;
		p->regions = region;
		if ((last ^ g->src) >> 12) {
			p = jit_page_get(j, last);
			if (p) {
				g->page_next[1] = p->regions;
				p->regions = region;
			}
		}
	}
	j->stats.regions++;
	j->stats.guest_bytes += g->guest_len;
	atomic_store_explicit(&j->regions, region + 1, memory_order_release);
}

uint32_t jit_region_at(const struct jit *j, uint64_t host_pc)
{
	uint32_t n = atomic_load_explicit(&j->regions, memory_order_acquire), low = 1;
	uint64_t off = host_pc - (uint64_t)j->rx;
	if (off >= j->size || n <= 1 || off < j->region[1].code)
		return JIT_NONE;
	while (n - low > 1) {
		uint32_t mid = low + (n - low) / 2;
		if (j->region[mid].code <= off)
			low = mid;
		else
			n = mid;
	}
	return low;
}

static void hash_remove(struct jit *j, uint32_t region)
{
	uint32_t *link = jit_bucket(j, j->region[region].src);
	while (*link && *link != region)
		link = &j->region[*link].hash_next;
	if (*link)
		__atomic_store_n(link, j->region[region].hash_next, __ATOMIC_RELEASE);
}

void jit_region_kill(struct jit *j, uint32_t region)
{
	struct jit_region *g = &j->region[region];
	if (g->flags & (JIT_REGION_DEAD | JIT_REGION_STEP))
		return;
	__atomic_store_n(&g->flags, g->flags | JIT_REGION_DEAD, __ATOMIC_RELEASE);
	hash_remove(j, region);
	jit_unlink_incoming(j, region);
	jit_verify_kill(j, region);
	jit_entry_kill(j, region, jit_single(j));
	j->stats.invalidations++;
}

/* A region of two pages stays in the other page's list, dead, until that is dropped too. */
static void page_drop(struct jit *j, struct jit_page *p)
{
	uint64_t key = p->page;
	uint32_t r = p->regions;
	p->regions = 0;
	p->known = 0;
	while (r) {
		struct jit_region *g = &j->region[r];
		uint32_t next = page_key(g->src) == key ? g->page_next[0] : g->page_next[1];
		jit_region_kill(j, r);
		r = next;
	}
}

void jit_invalidate_locked(struct jit *j, uint64_t start, uint64_t end)
{
	uint64_t first = page_key(start), last = page_key(end - 1);
	if (!j->page || end <= start)
		return;
	if (last - first >= 1u << j->page_bits) {
		for (uint32_t i = 0; i < 1u << j->page_bits; i++)
			if (j->page[i].page >= first && j->page[i].page <= last)
				page_drop(j, &j->page[i]);
		return;
	}
	for (uint64_t k = first; k <= last; k++) {
		struct jit_page *p = page_slot(j->page, j->page_bits, k);
		if (p->page && (p->regions || p->known))
			page_drop(j, p);
	}
}

void jit_invalidate(struct jit *j, uint64_t start, uint64_t len)
{
	if (!len)
		return;
	atomic_fetch_add(&j->mappings, 1);
	jit_lock(j);
	jit_invalidate_locked(j, start, start + len < start ? UINT64_MAX : start + len);
	jit_unlock(j);
}

void jit_invalidate_dirty(struct jit *j, uint64_t page)
{
	struct jit_page *p = j->page ? page_slot(j->page, j->page_bits, page_key(page)) : NULL;
	if (p && p->page) {
		uint32_t now = jit_ticks();
		if (now - p->since > JIT_HOT_TICKS) {
			if (now - p->since > JIT_HOT_TICKS << JIT_HOT_BACKOFF)
				p->backoff = 0;
			p->since = now;
			p->dirtied = 0;
		}
		if (++p->dirtied >= JIT_HOT_WRITES) {
			p->hot_until = (now + (JIT_HOT_TICKS << p->backoff)) | 1;
			p->dirtied = 0;
			if (p->backoff < JIT_HOT_BACKOFF)
				p->backoff++;
		}
		page_drop(j, p);
	}
}

void jit_page_cool(struct jit *j, uint64_t pc)
{
	struct jit_page *p = page_slot(j->page, j->page_bits, page_key(pc));
	if (p->page && p->hot_until) {
		p->hot_until = 0;
		p->since = jit_ticks();
		page_drop(j, p);
	}
}

bool jit_host_store_fault(struct jit *j, struct cpu *c, uint64_t addr, void *ucontext)
{
	if (c && c->isa->store_fault)
		return c->isa->store_fault(c, addr, ucontext);
	jit_lock(j);
	jit_invalidate_dirty(j, addr & ~4095ull);
	jit_unlock(j);
	return false;
}
