/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The tree of guest mappings against a plain array of pages: inserts, removals, changes and searches at random. */
#include <sys/mman.h>
#include "../../cmd/emu-user/vma.h"
#include "tap.h"

#define PAGES 512
#define BASE 0x10000ull

static struct {
	int used;
	uint32_t prot, flags;
} model[PAGES];
static uint64_t x = 88172645463325252ull;

static unsigned rnd(unsigned n)
{
	x ^= x << 13, x ^= x >> 7, x ^= x << 17;
	return (unsigned)(x >> 16) % n;
}

static uint64_t at(unsigned page)
{
	return BASE + page * 4096ull;
}

struct check {
	unsigned pages, previous_end;
	bool good;
	const struct vma *last;
};

static int check_one(struct vma *v, void *opaque)
{
	struct check *c = opaque;
	unsigned a = (unsigned)((v->start - BASE) / 4096), b = (unsigned)((v->end - BASE) / 4096), i;

	c->good &= a >= c->previous_end && b > a && b <= PAGES;
	/* equal neighbours are one mapping */
	if (c->last && c->last->end == v->start && c->last->prot == v->prot && c->last->flags == v->flags)
		c->good = false;
	for (i = a; i < b && i < PAGES; i++)
		c->good &= model[i].used && model[i].prot == v->prot && model[i].flags == v->flags;
	c->pages += b - a;
	c->previous_end = b;
	c->last = v;
	return 0;
}

static bool agrees(struct process *p)
{
	struct check c = {.good = true};
	unsigned i, used = 0, guarded = 0;

	vma_walk(p, check_one, &c);
	for (i = 0; i < PAGES; i++) {
		used += model[i].used != 0;
		guarded += model[i].used && (model[i].prot & PROT_WRITE) && (model[i].flags & VMA_TRANSLATED);
	}
	return c.good && c.pages == used && p->protected_pages == guarded;
}

static bool search_agrees(struct process *p, unsigned len, bool down)
{
	uint64_t got = vma_find_gap(p, len * 4096ull, 4096, BASE, at(PAGES), down), want = 0;
	unsigned i, k;

	for (i = 0; i + len <= PAGES; i++) {
		for (k = 0; k < len && !model[i + k].used; k++)
			;
		if (k == len) {
			want = at(i);
			if (!down)
				break;
		}
	}
	return got == want;
}

int main(void)
{
	static struct process p;
	bool tree = true, gaps = true, covers = true;
	unsigned round, i;

	for (round = 0; round < 20000; round++) {
		unsigned a = rnd(PAGES), len = 1 + rnd(round & 1 ? 8 : 60), b = a + len > PAGES ? PAGES : a + len;
		uint32_t prot = rnd(4), flags = (rnd(3) ? 0 : VMA_FILE) | (rnd(3) ? 0 : VMA_TRANSLATED);
		bool is_free = true, full = true;

		for (i = a; i < b; i++) {
			is_free &= !model[i].used;
			full &= model[i].used != 0;
		}
		covers &= vma_is_free(&p, at(a), at(b)) == is_free && vma_covers(&p, at(a), at(b)) == full;
		switch (rnd(3)) {
		case 0:
			if (!is_free || vma_insert(&p, at(a), at(b), prot, flags))
				break;
			for (i = a; i < b; i++)
				model[i].used = 1, model[i].prot = prot, model[i].flags = flags;
			break;
		case 1:
			vma_remove(&p, at(a), at(b), NULL);
			for (i = a; i < b; i++)
				model[i].used = 0;
			break;
		default:
			vma_change(&p, at(a), at(b), prot, VMA_TRANSLATED, flags & VMA_TRANSLATED);
			for (i = a; i < b; i++)
				if (model[i].used) {
					model[i].prot = prot;
					model[i].flags = (model[i].flags & ~(uint32_t)VMA_TRANSLATED) |
							 (flags & VMA_TRANSLATED);
				}
		}
		if (round % 16 == 0)
			tree &= agrees(&p);
		gaps &= search_agrees(&p, 1 + rnd(20), round & 1);
	}
	ok(tree, "the tree agrees with a table of pages after 20,000 changes");
	ok(covers, "free and covered ranges are told right");
	ok(gaps, "the search finds the highest or lowest gap that fits");
	vma_free_all(&p);
	ok(!p.vma_root && !p.protected_pages, "everything is released");
	return tap_done();
}
