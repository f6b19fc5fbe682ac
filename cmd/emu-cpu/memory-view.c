/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Theory of operation: a tree of regions becomes a sorted list of ranges by painting. Regions are visited in the order of their
 * priorities, highest first, and each paints only where nothing is yet. Above the list stands a radix tree of pages whose leaves name the
 * ranges that touch the page, so that a look-up is a few loads; a page of many small ranges (ports) is searched by bisection.
 */
#include <stdlib.h>
#include <string.h>
#include "memory-internal.h"

#define DEPTH_MAX 64 /* of the tree: an alias that shows its own container would never end */

static bool insert(struct view *v, unsigned at, const struct range *r)
{
	if (v->count == v->size) {
		unsigned size = v->size ? 2 * v->size : 16;
		struct range *range = realloc(v->range, size * sizeof *range);
		if (!range)
			return false;
		v->range = range;
		v->size = size;
	}
	memmove(v->range + at + 1, v->range + at, (v->count - at) * sizeof *v->range);
	v->range[at] = *r;
	v->count++;
	return true;
}

/* Paints [start, last], which shows r from `offset`, where the view is still empty. */
static bool paint(struct view *v, struct region *r, uint64_t start, uint64_t last, uint64_t offset, bool readonly)
{
	unsigned at = 0, high = v->count;

	while (at < high) {
		unsigned mid = at + (high - at) / 2;
		if (v->range[mid].last < start)
			at = mid + 1;
		else
			high = mid;
	}
	for (;; at++) {
		struct range add = {start, last, r, offset, readonly};

		if (at < v->count && v->range[at].start <= start) {
			if (v->range[at].last >= last)
				return true;
			offset += v->range[at].last + 1 - start;
			start = v->range[at].last + 1;
			continue;
		}
		if (at < v->count && v->range[at].start <= last)
			add.last = v->range[at].start - 1;
		if (!insert(v, at, &add))
			return false;
		if (add.last == last)
			return true;
		offset += add.last + 1 - start;
		start = add.last + 1;
	}
}

/* base: where the region's offset 0 lies (may be below 0 under an alias); only [start, last] shows. */
static bool render(struct view *v, struct region *r, __int128 base, uint64_t start, uint64_t last, bool readonly, unsigned depth)
{
	__int128 end = base + r->last;

	if (!r->enabled || depth > DEPTH_MAX || end < start || base > last)
		return true;
	if (base > start)
		start = (uint64_t)base;
	if (end < last)
		last = (uint64_t)end;
	readonly |= r->readonly;
	for (struct region *c = r->children; c; c = c->sibling)
		if (!render(v, c, base + c->at, start, last, readonly, depth + 1))
			return false;
	if (r->kind == REGION_ALIAS)
		return render(v, r->of, base - r->alias_offset, start, last, readonly, depth + 1);
	if (r->kind == REGION_CONTAINER)
		return true;
	return paint(v, r, start, last, (uint64_t)(start - base), readonly);
}

/* Neighbours that are one piece become one range. */
static void merge(struct view *v)
{
	unsigned to = 0;

	for (unsigned i = 0; i < v->count; i++) {
		struct range *p = to ? &v->range[to - 1] : NULL, *r = &v->range[i];
		if (p && p->region == r->region && p->readonly == r->readonly && p->last + 1 == r->start &&
		    p->offset + (r->start - p->start) == r->offset)
			p->last = r->last;
		else
			v->range[to++] = *r;
	}
	v->count = to;
}

static uint64_t node_new(struct view *v)
{
	if (v->nodes == v->node_size) {
		unsigned size = v->node_size ? 2 * v->node_size : 4;
		struct view_node *node = realloc(v->node, size * sizeof *node);
		if (!node)
			return UINT64_MAX;
		v->node = node;
		v->node_size = size;
	}
	memset(&v->node[v->nodes], 0, sizeof *v->node);
	return v->nodes++;
}

/* Fills the node whose first page is `page`, each slot 2^shift pages; ranges before *at end before it. */
static bool build(struct view *v, uint64_t node, uint64_t page, unsigned shift, unsigned *at)
{
	for (unsigned i = 0; i < VIEW_FANOUT; i++) {
		uint64_t from = page + ((uint64_t)i << shift), start = from << PAGE_BITS,
			 last = ((from + ((uint64_t)1 << shift)) << PAGE_BITS) - 1;
		unsigned n = 0;

		if (from >> (64 - PAGE_BITS))
			break;
		while (*at < v->count && v->range[*at].last < start)
			++*at;
		if (*at == v->count)
			break;
		while (*at + n < v->count && v->range[*at + n].start <= last)
			n++;
		if (n == 0)
			continue;
		if (shift == 0 || (n == 1 && v->range[*at].start <= start && v->range[*at].last >= last)) {
			v->node[node].slot[i] = 1 | (uint64_t)*at << 1 | (uint64_t)n << 33;
		} else {
			uint64_t child = node_new(v);
			if (child == UINT64_MAX)
				return false;
			v->node[node].slot[i] = child << 1;
			if (!build(v, child, from, shift - 9, at))
				return false;
		}
	}
	return true;
}

static bool index_view(struct view *v)
{
	uint64_t last_page;
	unsigned at = 0;

	if (v->count == 0)
		return true;
	last_page = v->range[v->count - 1].last >> PAGE_BITS;
	for (v->levels = 1; v->levels < 6 && last_page >> (9 * v->levels); v->levels++)
		;
	return node_new(v) == 0 && build(v, 0, 0, 9 * (v->levels - 1), &at);
}

struct region *view_root(struct region *root)
{
	/* Bus masters' spaces are mostly one enabled window onto all of memory: they share that view. */
	for (unsigned depth = 0; depth < DEPTH_MAX; depth++) {
		struct region *only = NULL;

		if (root->kind == REGION_ALIAS && root->enabled && !root->readonly && root->alias_offset == 0 &&
		    root->last == root->of->last && !root->children) {
			root = root->of;
			continue;
		}
		if (root->kind != REGION_CONTAINER || !root->enabled || root->readonly)
			break;
		for (struct region *c = root->children; c; c = c->sibling)
			if (c->enabled) {
				if (only)
					return root;
				only = c;
			}
		if (!only || only->at != 0 || only->last != root->last)
			break;
		root = only;
	}
	return root;
}

struct view *view_new(struct region *root)
{
	struct view *v = calloc(1, sizeof *v);

	if (!v)
		return NULL;
	v->refs = 1;
	v->root = root;
	if (!render(v, root, 0, 0, UINT64_MAX, false, 0))
		goto fail;
	merge(v);
	if (!index_view(v))
		goto fail;
	return v;
fail:
	view_free(v);
	return NULL;
}

void view_free(struct view *v)
{
	if (!v || --v->refs)
		return;
	free(v->range);
	free(v->node);
	free(v);
}

bool view_same(const struct view *a, const struct view *b)
{
	if (a->count != b->count)
		return false;
	for (unsigned i = 0; i < a->count; i++) {
		const struct range *p = &a->range[i], *q = &b->range[i];
		if (p->start != q->start || p->last != q->last || p->region != q->region || p->offset != q->offset ||
		    p->readonly != q->readonly)
			return false;
	}
	return true;
}

const struct range *view_find(const struct view *v, uint64_t addr)
{
	uint64_t page = addr >> PAGE_BITS, slot = 0;
	unsigned low, high;

	if (!v->levels || (v->levels < 6 && page >> (9 * v->levels)))
		return NULL;
	for (unsigned level = v->levels; level-- > 0;) {
		const struct view_node *n = &v->node[slot >> 1];
		slot = n->slot[page >> (9 * level) & (VIEW_FANOUT - 1)];
		if (slot & 1)
			break;
		if (!slot)
			return NULL;
	}
	low = (unsigned)(slot >> 1);
	high = low + (unsigned)(slot >> 33);
	while (low < high) {
		unsigned mid = low + (high - low) / 2;
		if (v->range[mid].last < addr)
			low = mid + 1;
		else
			high = mid;
	}
	if (low < (unsigned)(slot >> 1) + (unsigned)(slot >> 33) && v->range[low].start <= addr)
		return &v->range[low];
	return NULL;
}
