/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From an exit to its target: find it, or translate it, and link. The light thunks call these with the guest's
 * vector registers live; compiled for general registers only.
 */
#include "base/log.h"
#include "isa/x86/copy.h"

/* While it waits for the lock a thread must not keep others from flushing the cache. */
static void lock_outside(struct jit *j, struct x86_cpu *c)
{
	if (jit_trylock(j))
		return;
	atomic_store(&c->h.jc.inside, 0);
	jit_lock(j);
	atomic_store(&c->h.jc.inside, 1);
}

static uint64_t host_address(const struct jit *j, uint32_t offset)
{
	return (uint64_t)(uintptr_t)(j->rx + offset);
}

/* Held: lock. c->rip is the target. exit: JIT_NONE or the one to link; indirect: it comes by a jump through the table. 0: cannot be fetched. */
static uint32_t find(struct jit *j, struct x86_cpu *c, uint32_t exit, bool indirect)
{
	uint64_t pc = c->rip;
	uint32_t r = jit_region_find(j, pc, c->mode);
	if (r) {
		if (exit)
			jit_link(j, exit, r);
		return r;
	}
	if (!jit_fetchable(j, pc))
		return JIT_NONE;
	if (jit_reserve(j, &c->h.jc))
		exit = JIT_NONE;
	bool follows = exit && !(log_mask & LOG_NOCHAIN) && jit_rewind(j, exit);
	r = x86_translate(j, c, pc, 0, indirect);
	if (follows)
		jit_link_physical(j, exit, r);
	else if (exit)
		jit_link(j, exit, r);
	return r;
}

uint64_t x86_engine_link(struct x86_cpu *c)
{
	struct jit *j = c->cpu.jit;
	uint32_t exit = c->h.exit, generation = atomic_load(&j->generation);
	c->rip = jit_exit_target(j, exit);
	lock_outside(j, c);
	if (generation != atomic_load(&j->generation) || log_mask & LOG_NOCHAIN)
		exit = JIT_NONE;
	uint32_t r = find(j, c, exit, false);
	uint64_t to = host_address(j, r ? j->region[r].code : j->thunk[T_RETRY]);
	jit_unlock(j);
	return to;
}

uint64_t x86_engine_miss(struct x86_cpu *c)
{
	struct jit *j = c->cpu.jit;
	c->rip = c->h.target;
	lock_outside(j, c);
	j->stats.lookups_slow++;
	uint32_t r = find(j, c, JIT_NONE, true);
	uint64_t to = host_address(j, j->thunk[T_RETRY]);
	if (r) {
		to = host_address(j, j->region[r].code);
		if (jit_room(j) > JIT_RESERVE / 2 && !(log_mask & LOG_NOCHAIN))
			jit_table_set(j, c->rip, x86_verify_entry(j, r));
	}
	jit_unlock(j);
	return to;
}

/* Is the region's source still what it was translated from? */
static bool unchanged(const struct jit *j, const struct jit_region *g)
{
	const uint8_t *d = j->delta + g->delta;
	uint8_t now[64];
	while (*d)
		d += *d & X86_DELTA_LONG ? 3 : 1;
	d++;
	for (unsigned i = 0; i < g->guest_len; i += sizeof now) {
		unsigned n = g->guest_len - i < sizeof now ? g->guest_len - i : sizeof now;
		if (jit_fetch(now, g->pc + i, n) != n)
			return false;
		for (unsigned k = 0; k < n; k++)
			if (now[k] != d[i + k])
				return false;
	}
	return true;
}

uint64_t x86_engine_check(struct x86_cpu *c)
{
	struct jit *j = c->cpu.jit;
	uint32_t r = j->exit[c->h.exit].region, generation = atomic_load(&j->generation);
	const struct jit_region *g = &j->region[r];
	bool late = (int32_t)(jit_ticks() - j->exit[c->h.exit].patch) >= 0;
	c->rip = g->pc;
	/* What is read here does not change before a flush, and none happens while this thread is inside. */
	if (!late && !(g->flags & JIT_REGION_DEAD) && unchanged(j, g))
		return host_address(j, g->code + X86_STUB_BYTES);
	lock_outside(j, c);
	if (generation == atomic_load(&j->generation)) {
		if (late) {
			jit_page_cool(j, c->rip);
			jit_page_cool(j, (c->rip | 4095) + 1);
		}
		jit_region_kill(j, r);
	}
	r = find(j, c, JIT_NONE, false);
	uint64_t to = host_address(j, r ? j->region[r].code : j->thunk[T_RETRY]);
	jit_unlock(j);
	return to;
}

void x86_engine_trapped(struct x86_cpu *c)
{
	struct jit *j = c->cpu.jit;
	uint32_t r = c->h.trapped;
	c->h.trapped = JIT_NONE;
	if (__atomic_add_fetch(&j->region[r].incoming, 1, __ATOMIC_RELAXED) < 8)
		return;
	uint32_t generation = atomic_load(&j->generation);
	lock_outside(j, c);
	if (generation == atomic_load(&j->generation))
		jit_entry_repair(j, &c->h.jc, r);
	jit_unlock(j);
}

uint64_t x86_engine_find(struct x86_cpu *c, bool step)
{
	struct jit *j = c->cpu.jit;
	uint32_t r;
	atomic_store(&c->h.jc.inside, 1);
	if (__builtin_expect(atomic_load(&j->stop), 0))
		jit_enter_wait(j, &c->h.jc);
	if (!step) {
		r = jit_region_find(j, c->rip, c->mode);
		if (r && !(j->region[r].flags & JIT_REGION_DEAD))
			return host_address(j, j->region[r].code);
	}
	lock_outside(j, c);
	if (!step) {
		r = find(j, c, JIT_NONE, false);
	} else if (!jit_peekable(j, c->rip)) {
		r = JIT_NONE;
	} else {
		jit_reserve(j, &c->h.jc);
		r = x86_translate(j, c, c->rip, JIT_REGION_STEP, false);
	}
	uint64_t to = r ? host_address(j, j->region[r].code) : 0;
	jit_unlock(j);
	return to;
}
