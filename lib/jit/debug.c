/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See debug.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "jit/debug.h"

static struct jit_debug *points(struct jit *j)
{
	if (!j->debug_points)
		j->debug_points = calloc(1, sizeof *j->debug_points);
	return j->debug_points;
}

static void publish(struct jit *j)
{
	const struct jit_debug *d = j->debug_points;
	j->debug = d && (d->breaks || d->watches) ? j->debug_points : NULL;
}

/* The number of breakpoints below linear. */
static unsigned below(const struct jit_debug *d, uint64_t linear)
{
	unsigned low = 0, high = d->breaks;

	while (low < high) {
		unsigned mid = (low + high) / 2;
		if (d->brk[mid].at < linear)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/* ---- breakpoints ---- */

/* Regions that begin at the address, or have it in them. */
static void drop_regions(struct jit *j, uint64_t linear)
{
	jit_lock(j);
	for (uint32_t r = 1, n = atomic_load(&j->regions); r < n; r++) {
		const struct jit_region *g = &j->region[r];
		uint64_t base = j->context[g->mode].base, start = base ? (uint32_t)(g->pc + base) : g->pc;
		if (!(g->flags & JIT_REGION_DEAD) && linear - start < (g->guest_len ? g->guest_len : 1u))
			jit_region_kill(j, r);
	}
	jit_unlock(j);
}

int jit_break_set(struct jit *j, uint64_t linear, enum jit_debug_kind kind, bool on)
{
	struct jit_debug *d = points(j);
	unsigned n;

	if (!d)
		return -ENOMEM;
	n = below(d, linear);
	if (n < d->breaks && d->brk[n].at == linear) {
		if (on) {
			d->brk[n].kinds |= (uint8_t)(1u << kind);
			return 0;
		}
		d->brk[n].kinds &= (uint8_t)~(1u << kind);
		if (!d->brk[n].kinds)
			memmove(d->brk + n, d->brk + n + 1, (--d->breaks - n) * sizeof *d->brk);
	} else if (on) {
		if (d->breaks == JIT_BREAKS)
			return -ENOSPC;
		memmove(d->brk + n + 1, d->brk + n, (d->breaks++ - n) * sizeof *d->brk);
		d->brk[n] = (struct jit_break){.at = linear, .kinds = (uint8_t)(1u << kind)};
		drop_regions(j, linear);
	}
	publish(j);
	return 0;
}

const struct jit_break *jit_break_at(const struct jit *j, uint64_t linear)
{
	const struct jit_debug *d = j->debug;
	unsigned n = below(d, linear);

	return n < d->breaks && d->brk[n].at == linear ? &d->brk[n] : NULL;
}

uint64_t jit_break_behind(const struct jit *j, uint64_t linear, uint64_t size)
{
	const struct jit_debug *d = j->debug;
	unsigned n = below(d, linear + 1);

	return n < d->breaks && d->brk[n].at - linear < size ? d->brk[n].at - linear : 0;
}

/* ---- watchpoints ---- */

static unsigned rights(unsigned kind)
{
	return kind == JIT_WATCH_WRITE ? 1u << MMU_WRITE : kind == JIT_WATCH_READ ? 1u << MMU_READ : 1u << MMU_READ | 1u << MMU_WRITE;
}

static void flush(struct jit *j)
{
	for (struct jit_cpu *c = j->cpu_list; c; c = c->next)
		mmu_flush_remote(c->cpu, false);
}

int jit_watch_set(struct jit *j, uint64_t linear, uint64_t size, enum jit_debug_kind kind, bool on)
{
	struct jit_debug *d = points(j);
	struct jit_watch w = {.first = linear, .last = linear + size - 1, .kind = (uint8_t)kind};
	unsigned n = 0;

	if (!d)
		return -ENOMEM;
	if (!size || w.last < w.first)
		return -EINVAL;
	while (n < d->watches && (d->watch[n].first != w.first || d->watch[n].last != w.last || d->watch[n].kind != kind))
		n++;
	if (on == (n < d->watches))
		return 0;
	if (on && n == JIT_WATCHES)
		return -ENOSPC;
	if (on)
		d->watch[d->watches++] = w;
	else
		d->watch[n] = d->watch[--d->watches];
	publish(j);
	flush(j);
	return 0;
}

unsigned jit_watch_page(const struct jit *j, uint64_t page)
{
	unsigned r = 0;

	for (unsigned n = 0; n < j->debug->watches; n++)
		if (j->debug->watch[n].first <= page + 4095 && j->debug->watch[n].last >= page)
			r |= rights(j->debug->watch[n].kind);
	return r;
}

static const struct jit_watch *met(const struct jit *j, uint64_t linear, unsigned size, unsigned how)
{
	for (unsigned n = 0; n < j->debug->watches; n++) {
		const struct jit_watch *w = &j->debug->watch[n];
		if (rights(w->kind) & how && linear <= w->last && linear + (size - 1) >= w->first)
			return w;
	}
	return NULL;
}

void jit_watch_probe(struct mmu *m, uint64_t linear, unsigned size, unsigned how)
{
	if (m->in_region && met(m->j, linear, size, how))
		access_raise(IR_RAISE_AGAIN);
}

void jit_watch_access(struct mmu *m, uint64_t linear, unsigned size, unsigned how)
{
	const struct jit_watch *w = met(m->j, linear, size, how);

	if (!w)
		return;
	if (m->in_region)
		access_raise(IR_RAISE_AGAIN);
	if (m->watch_kind)
		return; /* the instruction's first is told */
	m->watch_kind = w->kind;
	m->watch_at = linear > w->first ? linear : w->first;
	m->cpu->pending = 1;
}

bool jit_watch_met(struct cpu *c)
{
	struct mmu *m = c->mmu;
	unsigned kind = m->watch_kind;

	m->watch_kind = 0;
	/* It may have been taken away before anybody looked. */
	if (!kind || !met(m->j, m->watch_at, 1, rights(kind)))
		return false;
	memset(&c->trap, 0, sizeof c->trap);
	c->trap.kind = TRAP_DEBUG;
	c->trap.number = JIT_DEBUG_WATCH;
	c->trap.error_code = kind;
	c->trap.address = m->watch_at;
	return true;
}

/* ---- the end ---- */

void jit_debug_clear(struct jit *j)
{
	struct jit_debug *d = j->debug_points;

	if (!d)
		return;
	d->breaks = 0;
	if (d->watches)
		flush(j);
	d->watches = 0;
	publish(j);
}
