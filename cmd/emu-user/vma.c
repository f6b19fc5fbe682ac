/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The tree of guest mappings. See vma.h. */
#include <stdlib.h>
#include <sys/mman.h>
#include "vma.h"

#define JOIN_FLAGS (VMA_SHARED | VMA_FILE | VMA_STACK | VMA_HEAP | VMA_FIXTURE | VMA_TRANSLATED | VMA_SHM | VMA_BLOCKED)

static uint32_t random_priority(void)
{
	static uint32_t x = 2463534242u; /* xorshift32; only balance depends on it */
	x ^= x << 13;
	x ^= x >> 17;
	x ^= x << 5;
	return x;
}

static void update(struct vma *v)
{
	uint64_t g;

	v->low = v->left ? v->left->low : v->start;
	v->high = v->right ? v->right->high : v->end;
	v->gap = 0;
	if (v->left) {
		v->gap = v->left->gap;
		g = v->start - v->left->high;
		if (g > v->gap)
			v->gap = g;
	}
	if (v->right) {
		if (v->right->gap > v->gap)
			v->gap = v->right->gap;
		g = v->right->low - v->end;
		if (g > v->gap)
			v->gap = g;
	}
}

/* Splits tree into those that start below addr and the rest. */
static void tree_split(struct vma *v, uint64_t addr, struct vma **l, struct vma **r)
{
	if (!v) {
		*l = *r = NULL;
	} else if (v->start < addr) {
		tree_split(v->right, addr, &v->right, r);
		update(v);
		*l = v;
	} else {
		tree_split(v->left, addr, l, &v->left);
		update(v);
		*r = v;
	}
}

static struct vma *tree_join(struct vma *l, struct vma *r)
{
	if (!l)
		return r;
	if (!r)
		return l;
	if (l->priority > r->priority) {
		l->right = tree_join(l->right, r);
		update(l);
		return l;
	}
	r->left = tree_join(l, r->left);
	update(r);
	return r;
}

static uint32_t guarded_pages(const struct vma *v)
{
	if ((v->flags & VMA_TRANSLATED) && (v->prot & PROT_WRITE))
		return (uint32_t)((v->end - v->start) >> 12);
	return 0;
}

static void tree_add(struct process *p, struct vma *v)
{
	struct vma *l, *r;

	v->left = v->right = NULL;
	update(v);
	p->protected_pages += guarded_pages(v);
	tree_split(p->vma_root, v->start, &l, &r);
	p->vma_root = tree_join(tree_join(l, v), r);
}

/* Takes the mapping that starts at v->start out of the tree; does not free it. */
static void tree_del(struct process *p, struct vma *v)
{
	struct vma *l, *m, *r;

	p->protected_pages -= guarded_pages(v);
	tree_split(p->vma_root, v->start, &l, &m);
	tree_split(m, v->start + 1, &m, &r);
	p->vma_root = tree_join(l, r);
}

struct vma *vma_find(struct process *p, uint64_t addr)
{
	struct vma *v = p->vma_root;

	while (v) {
		if (addr < v->start)
			v = v->left;
		else if (addr < v->end)
			return v;
		else
			v = v->right;
	}
	return NULL;
}

struct vma *vma_next(struct process *p, uint64_t addr)
{
	struct vma *v = p->vma_root, *best = NULL;

	while (v) {
		if (addr < v->end) {
			best = v;
			v = v->left;
		} else {
			v = v->right;
		}
	}
	return best;
}

bool vma_is_free(struct process *p, uint64_t start, uint64_t end)
{
	struct vma *v = vma_next(p, start);
	return !v || v->start >= end;
}

bool vma_covers(struct process *p, uint64_t start, uint64_t end)
{
	while (start < end) {
		struct vma *v = vma_find(p, start);
		if (!v || (v->flags & VMA_BLOCKED))
			return false;
		start = v->end;
	}
	return true;
}

static struct vma *vma_new(uint64_t start, uint64_t end, uint32_t prot, uint32_t flags)
{
	struct vma *v = malloc(sizeof(*v));

	if (!v)
		return NULL;
	*v = (struct vma){.start = start, .end = end, .prot = prot, .flags = flags, .priority = random_priority()};
	return v;
}

static bool alike(const struct vma *a, const struct vma *b)
{
	return a->prot == b->prot && (a->flags & JOIN_FLAGS) == (b->flags & JOIN_FLAGS) && !(a->flags & VMA_SHM);
}

/* Joins the mapping with equal neighbours. */
static void coalesce(struct process *p, struct vma *v)
{
	struct vma *n = v->start ? vma_find(p, v->start - 1) : NULL;

	if (n && n->end == v->start && alike(n, v)) {
		tree_del(p, n);
		tree_del(p, v);
		v->start = n->start;
		free(n);
		tree_add(p, v);
	}
	n = vma_find(p, v->end);
	if (n && alike(n, v)) {
		tree_del(p, n);
		tree_del(p, v);
		v->end = n->end;
		free(n);
		tree_add(p, v);
	}
}

int vma_insert(struct process *p, uint64_t start, uint64_t end, uint32_t prot, uint32_t flags)
{
	struct vma *v = vma_new(start, end, prot, flags);

	if (!v)
		return -ENOMEM;
	tree_add(p, v);
	coalesce(p, v);
	return 0;
}

int vma_split(struct process *p, uint64_t addr)
{
	struct vma *v = vma_find(p, addr), *n;

	if (!v || v->start == addr)
		return 0;
	n = vma_new(addr, v->end, v->prot, v->flags);
	if (!n)
		return -ENOMEM;
	tree_del(p, v);
	v->end = addr;
	tree_add(p, v);
	tree_add(p, n);
	return 0;
}

int vma_remove(struct process *p, uint64_t start, uint64_t end, bool *had_code)
{
	struct vma *v;

	if (vma_split(p, start) || vma_split(p, end))
		return -ENOMEM;
	while ((v = vma_next(p, start)) && v->start < end) {
		if (had_code && ((v->prot & PROT_EXEC) || (v->flags & VMA_TRANSLATED)))
			*had_code = true;
		tree_del(p, v);
		free(v);
	}
	return 0;
}

int vma_change(struct process *p, uint64_t start, uint64_t end, uint32_t prot, uint32_t clear, uint32_t set)
{
	uint64_t at = start;
	struct vma *v;

	if (vma_split(p, start) || vma_split(p, end))
		return -ENOMEM;
	while (at < end && (v = vma_next(p, at)) && v->start < end) {
		at = v->end;
		p->protected_pages -= guarded_pages(v);
		if (prot != ~0u)
			v->prot = prot;
		v->flags = (v->flags & ~clear) | set;
		p->protected_pages += guarded_pages(v);
	}
	/* Join what became equal, from one end to the other. */
	at = start;
	while (at <= end && (v = vma_next(p, at)) && v->start <= end) {
		coalesce(p, v);
		v = vma_find(p, at > v->start ? at : v->start);
		at = v->end;
	}
	return 0;
}

/*
 * Highest start such that [start, start+len) lies in a gap of the subtree's span, below max and not below min.
 * lo and hi are the ends of the free space around the subtree.
 */
static uint64_t fit(uint64_t lo, uint64_t hi, uint64_t len, uint64_t align, uint64_t min, uint64_t max, bool top_down)
{
	uint64_t a;

	if (lo < min)
		lo = min;
	if (hi > max)
		hi = max;
	if (hi <= lo || hi - lo < len)
		return 0;
	a = top_down ? (hi - len) & -align : (lo + align - 1) & -align;
	return a >= lo && a <= hi - len ? a : 0;
}

static uint64_t gap_in(struct vma *v, uint64_t lo, uint64_t hi, uint64_t len, uint64_t align, uint64_t min,
		       uint64_t max, bool down)
{
	uint64_t a;

	if (!v)
		return fit(lo, hi, len, align, min, max, down);
	if (hi <= min || lo >= max)
		return 0;
	/* No room anywhere in here? The gaps at the subtree's own ends count too. */
	if (v->gap < len && v->low - lo < len && hi - v->high < len)
		return 0;
	if (down) {
		a = gap_in(v->right, v->end, hi, len, align, min, max, down);
		return a ? a : gap_in(v->left, lo, v->start, len, align, min, max, down);
	}
	a = gap_in(v->left, lo, v->start, len, align, min, max, down);
	return a ? a : gap_in(v->right, v->end, hi, len, align, min, max, down);
}

uint64_t vma_find_gap(struct process *p, uint64_t len, uint64_t align, uint64_t min, uint64_t max, bool top_down)
{
	if (!len || max <= min)
		return 0;
	return gap_in(p->vma_root, 0, UINT64_MAX, len, align, min, max, top_down);
}

static void free_tree(struct vma *v)
{
	if (!v)
		return;
	free_tree(v->left);
	free_tree(v->right);
	free(v);
}

void vma_free_all(struct process *p)
{
	free_tree(p->vma_root);
	p->vma_root = NULL;
	p->protected_pages = 0;
}

static int walk(struct vma *v, int (*fn)(struct vma *v, void *opaque), void *opaque)
{
	int r;

	if (!v)
		return 0;
	r = walk(v->left, fn, opaque);
	if (!r)
		r = fn(v, opaque);
	return r ? r : walk(v->right, fn, opaque);
}

int vma_walk(struct process *p, int (*fn)(struct vma *v, void *opaque), void *opaque)
{
	return walk(p->vma_root, fn, opaque);
}
