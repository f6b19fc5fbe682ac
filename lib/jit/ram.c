/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Regions of system mode: what code they come from (pages of RAM, by 64-byte granules), through which mappings of virtual pages it
 * was read, and in which context (mode, code segment base, memory map of fetches) it was translated. See engine.h.
 */
#include <string.h>
#include "jit/tlb.h"

uint32_t jit_region_find_ram(const struct jit *j, uint64_t src, uint64_t pc, uint32_t context, uint32_t mapping, uint32_t mapping2)
{
	/* With the lock or, by machine.c's find_known(), without it. */
	for (uint32_t r = __atomic_load_n(jit_bucket(j, src), __ATOMIC_ACQUIRE); r; r = __atomic_load_n(&j->region[r].hash_next, __ATOMIC_ACQUIRE)) {
		const struct jit_region *g = &j->region[r];
		if (g->src == src && g->pc == pc && g->mode == context && g->mapping[0] == mapping &&
		    (mapping2 == ~0u || g->mapping[1] == mapping2))
			return r;
	}
	return JIT_NONE;
}

uint32_t jit_context(struct jit *j, uint32_t mode, uint64_t base, unsigned map)
{
	/* There are a few, but in real mode; the newest are the likeliest. */
	for (uint32_t i = j->contexts; i-- > 1;)
		if (j->context[i].mode == mode && j->context[i].base == base && j->context[i].map == map)
			return i;
	if (j->contexts >= JIT_MAX_CONTEXTS)
		return 0;
	j->context[j->contexts] = (struct jit_context){.base = base, .mode = mode, .map = (uint8_t)map};
	return j->contexts++;
}

uint32_t jit_mapping(struct jit *j, uint64_t page, uint64_t ram, bool global)
{
	uint32_t *head = &j->mapping_hash[(page >> 12 ^ page >> 24 ^ ram * 31) & ((1u << JIT_MAPPING_BITS) - 1)];

	for (uint32_t i = *head; i; i = j->mapping[i].next)
		if (j->mapping[i].page == page && j->mapping[i].ram == ram && j->mapping[i].global == global)
			return i << 1 | global;
	if (j->mappings_used >= JIT_MAX_MAPPINGS)
		return 0;
	j->mapping[j->mappings_used] = (struct jit_mapping){.page = page, .ram = ram, .next = *head, .global = global};
	*head = j->mappings_used;
	return j->mappings_used++ << 1 | global;
}

void jit_forget_numbers(struct jit *j)
{
	memset(j->mapping_hash, 0, sizeof *j->mapping_hash << JIT_MAPPING_BITS);
	j->contexts = j->mappings_used = 1;
	for (struct jit_cpu *c = j->cpu_list; c; c = c->next)
		if (c->cpu->mmu) {
			memset(c->cpu->mmu->ids, 0, sizeof c->cpu->mmu->ids);
			c->cpu->mmu->context = 0;
			memset(c->cpu->mmu->recent, 0, sizeof c->cpu->mmu->recent);
		}
}

static void mark(struct jit *j, uint64_t ram, bool code)
{
	uint64_t bit = 1ull << (ram & 63);

	if (code)
		__atomic_fetch_or(&j->code_map[ram >> 6], bit, __ATOMIC_SEQ_CST);
	else
		__atomic_fetch_and(&j->code_map[ram >> 6], ~bit, __ATOMIC_SEQ_CST);
}

/* ---- stores under way ---- */

struct protecting {
	struct jit *j;
	const struct jit_cpu *self;
	uint64_t ram;
};

/* The processor may have looked at the tag before it turned slow, unless it is not in guest code now. */
static void young_add(void *opaque, struct jit_cpu *c)
{
	const struct protecting *p = opaque;
	struct jit *j = p->j;
	struct mmu *m = c->cpu->mmu;

	if (c == p->self || !atomic_load(&m->running))
		return;
	if (j->youngs < JIT_MAX_YOUNG)
		j->young[j->youngs] = (struct jit_young){m, p->ram, atomic_load(&m->turn)};
	j->youngs++;
}

void jit_ram_gone(struct jit *j, const struct mmu *m)
{
	for (uint32_t i = 0; i < j->youngs;)
		if (j->young[i].mmu == m)
			j->young[i] = j->young[--j->youngs];
		else
			i++;
}

static bool is_young(struct jit *j, uint64_t ram)
{
	bool any = false;

	for (uint32_t i = 0; i < j->youngs;) {
		struct mmu *m = j->young[i].mmu;
		if (!atomic_load(&m->running) || atomic_load(&m->turn) != j->young[i].turn) {
			j->young[i] = j->young[--j->youngs];
			continue;
		}
		if (j->young[i++].ram == ram) {
			__atomic_store_n(&m->cpu->pending, 1, __ATOMIC_SEQ_CST); /* it comes to a boundary */
			any = true;
		}
	}
	return any;
}

bool jit_ram_protect(struct jit *j, struct jit_cpu *self, uint64_t ram)
{
	if (!tlb_is_code(j, ram)) {
		struct protecting p = {j, self, ram};
		uint32_t before = j->youngs;

		mark(j, ram, true);
		tlb_writes_slow(j, ram, 1, young_add, &p);
		if (j->youngs > JIT_MAX_YOUNG) {
			j->youngs = before;
			mark(j, ram, false);
			return false;
		}
	}
	return !j->youngs || !is_young(j, ram);
}

bool jit_ram_loose(const struct jit *j, const struct jit_cpu *self, uint64_t src, unsigned bytes)
{
	for (const struct jit_cpu *c = j->cpu_list; c; c = c->next) {
		uint64_t at = c != self ? atomic_load(&c->cpu->mmu->loose) : 0;
		if (at && at - 1 + c->cpu->mmu->loose_size > src && at - 1 < src + bytes) {
			__atomic_store_n(&c->cpu->pending, 1, __ATOMIC_SEQ_CST);
			return true;
		}
	}
	return false;
}

/* ---- marks ---- */

void jit_ram_forget(struct jit *j, struct jit_page *p)
{
	p->granules = 0;
	mark(j, p->page - 1, false);
}

bool jit_ram_hot(struct jit *j, uint64_t ram)
{
	struct jit_page *p = jit_page_get(j, ram << 12);

	if (!p || !p->hot_until)
		return false;
	if ((int32_t)(p->hot_until - jit_ticks()) > 0)
		return true;
	p->hot_until = 0;
	p->since = jit_ticks();
	p->dirtied = 0;
	return false;
}

/* The region's bytes in the page. */
static void part(const struct jit_region *g, uint64_t ram, unsigned *from, unsigned *to)
{
	unsigned at = g->src & 4095, first = at + g->guest_len;

	if (g->src >> 12 == ram) {
		*from = at;
		*to = first < 4096 ? first : 4096;
		if (g->mapping[1] && g->src2 >> 12 == ram)
			*from = 0; /* both of its pages are this one */
	} else {
		*from = 0;
		*to = first > 4096 ? first - 4096 : 0;
	}
}

static uint64_t granules(unsigned from, unsigned to)
{
	if (to <= from)
		return 0;
	unsigned last = (to - 1) / 64;
	return (~0ull << from / 64) & (~0ull >> (63 - (last > 63 ? 63 : last)));
}

void jit_ram_note(struct jit *j, uint32_t region)
{
	const struct jit_region *g = &j->region[region];
	const uint64_t pages[2] = {g->src, g->src2};
	unsigned from, to;

	for (unsigned i = 0; i < (g->mapping[1] ? 2u : 1u); i++) {
		struct jit_page *p = jit_page_get(j, pages[i]);
		part(g, pages[i] >> 12, &from, &to);
		if (p)
			p->granules |= granules(from, to);
	}
}

static uint32_t *next_of(struct jit *j, uint32_t region, uint64_t ram)
{
	struct jit_region *g = &j->region[region];
	return &g->page_next[g->src >> 12 == ram ? 0 : 1];
}

static bool overlaps(const struct jit_region *g, uint64_t ram, unsigned from, unsigned to)
{
	unsigned a, b;

	part(g, ram, &a, &b);
	return !(g->flags & JIT_REGION_DEAD) && a < to && from < b;
}

bool jit_ram_used(struct jit *j, uint64_t ram, unsigned from, unsigned to)
{
	const struct jit_page *p = jit_page_get(j, ram << 12);

	if (!p || !(p->granules & granules(from, to)))
		return false;
	for (uint32_t r = p->regions; r; r = *next_of(j, r, ram))
		if (overlaps(&j->region[r], ram, from, to))
			return true;
	return false;
}

bool jit_ram_used_by(struct jit *j, uint64_t ram, unsigned from, unsigned to, uint32_t region, uint64_t pc)
{
	const struct jit_page *p = jit_page_get(j, ram << 12);

	if (!p || !(p->granules & granules(from, to)))
		return false;
	for (uint32_t r = p->regions; r; r = *next_of(j, r, ram)) {
		const struct jit_region *g = &j->region[r];
		if ((region ? r == region : pc - g->pc < g->guest_len) && overlaps(g, ram, from, to))
			return true;
	}
	return false;
}

static void count_write(struct jit_page *p)
{
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
}

void jit_ram_drop(struct jit *j, uint64_t ram, unsigned from, unsigned to, bool guest)
{
	struct jit_page *p = jit_page_get(j, ram << 12);
	uint64_t left = 0;
	bool any = false;

	if (p && p->granules && !(p->granules & granules(from, to)))
		return;
	if (p) {
		uint32_t *link = &p->regions;
		while (*link) {
			struct jit_region *g = &j->region[*link];
			uint32_t r = *link, *next = next_of(j, r, ram);
			unsigned a, b;
			if (overlaps(g, ram, from, to)) {
				any = true;
				*link = *next;
				jit_region_kill(j, r);
			} else if (g->flags & JIT_REGION_DEAD) {
				*link = *next;
			} else {
				part(g, ram, &a, &b);
				left |= granules(a, b);
				link = next;
			}
		}
		p->granules = left;
		if (guest && any)
			count_write(p);
		if (p->regions)
			return;
	}
	mark(j, ram, false);
}
