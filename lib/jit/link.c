/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Exits of regions and the jumps between them. Every patch of code that may be running is one store within a cache
 * line: other processors see the old or the new instruction (SDM volume 3, 8.1.3 is about more than that; stores to
 * one naturally contained rel32 are what every translator relies on).
 */
#include "jit/engine.h"
#include "jit/host/x86-64-emit.h"

/* What must be left: for a stub; for a link, which is refused early, outside of translations: those have JIT_RESERVE. */
#define STUB_ROOM 8192
#define LINK_ROOM 16384

uint32_t jit_exit_new(struct jit *j, uint32_t region, uint64_t target, unsigned kind)
{
	uint32_t x = j->exits++;
	j->exit[x] = (struct jit_exit){
		.rel = (int32_t)(target - j->region[region].pc), .region = region, .kind = kind, .how = JIT_PATCH_NONE};
	return x;
}

static void patch_rel32(struct jit *j, uint32_t at, uint32_t to)
{
	__atomic_store_n((uint32_t *)(void *)(j->rw + at), to - (at + 4), __ATOMIC_RELEASE);
}

/* The stub's first five bytes become jmp rel32; what follows stays for who is in the middle of it. */
static void patch_stub(struct jit *j, uint32_t at, uint32_t to)
{
	uint64_t word;
	__builtin_memcpy(&word, j->rw + at, 8);
	word = (word & ~0xffffffffffull) | 0xe9 | (uint64_t)(uint32_t)(to - (at + 5)) << 8;
	__atomic_store_n((uint64_t *)(void *)(j->rw + at), word, __ATOMIC_RELEASE);
}

static void note(struct jit *j, uint32_t exit, uint32_t region)
{
	struct jit_exit *x = &j->exit[exit];
	x->linked = 1;
	x->next = j->region[region].incoming;
	j->region[region].incoming = exit;
}

void jit_link(struct jit *j, uint32_t exit, uint32_t region)
{
	jit_link_to(j, exit, region, j->region[region].code);
}

void jit_link_to(struct jit *j, uint32_t exit, uint32_t region, uint32_t code)
{
	struct jit_exit *x = &j->exit[exit];
	if (x->linked || j->region[region].flags & (JIT_REGION_DEAD | JIT_REGION_STEP) || jit_room(j) < LINK_ROOM)
		return;
	switch (x->how) {
	case JIT_PATCH_REL32:
		patch_rel32(j, x->patch, code);
		break;
	case JIT_PATCH_STUB:
		patch_stub(j, x->patch, code);
		x->how = JIT_PATCH_REL32;
		x->patch++;
		break;
	default:
		return;
	}
	j->links++;
	note(j, exit, region);
}

void jit_link_physical(struct jit *j, uint32_t exit, uint32_t region)
{
	j->exit[exit].how = JIT_PATCH_NONE;
	note(j, exit, region);
}

static uint32_t cold_stub(struct jit *j, uint32_t exit)
{
	j->cold -= JIT_COLD_STUB;
	j->stub(j, j->rw + j->cold, exit);
	return j->cold;
}

/* A stub in the cold area. 0 when there is no room: the caller does without. */
uint32_t jit_cold_stub(struct jit *j, uint32_t exit)
{
	return jit_room(j) < STUB_ROOM ? 0 : cold_stub(j, exit);
}

void jit_unlink_incoming(struct jit *j, uint32_t region)
{
	uint32_t next;
	for (uint32_t i = j->region[region].incoming; i; i = next) {
		struct jit_exit *x = &j->exit[i];
		next = x->next;
		x->next = 0;
		x->linked = 0;
		if (x->how != JIT_PATCH_REL32)
			continue;
		patch_rel32(j, x->patch, cold_stub(j, i));
		j->links--;
	}
	j->region[region].incoming = 0;
}

/* An exit of a dead region back to its own address, at a rel32 that can be patched. False: no room. */
static bool way_out(struct jit *j, uint32_t region, uint32_t rel32)
{
	if (j->exits >= JIT_MAX_EXITS - 64)
		return false;
	uint32_t x = jit_exit_new(j, region, j->region[region].pc, 0), stub = jit_cold_stub(j, x);
	if (!stub)
		return false;
	patch_rel32(j, rel32, stub);
	j->exit[x].how = JIT_PATCH_REL32;
	j->exit[x].patch = rel32;
	return true;
}

void jit_verify_kill(struct jit *j, uint32_t region)
{
	const struct jit_region *g = &j->region[region];
	if (!g->verify)
		return;
	uint64_t *slot = (uint64_t *)(void *)j->rw + jit_table_index(j, g->pc);
	if (*slot == (uint64_t)(uintptr_t)(j->rx + g->verify))
		__atomic_store_n(slot, j->miss, __ATOMIC_RELEASE);
	if (j->config.machine)
		return; /* who is on the way there is as good as inside */
	if (g->verify > g->code) /* else it runs into the body, whose entry leads out */
		way_out(j, region, g->verify + j->verify_jump);
}

/*
 * The entry of a dead region: whoever comes by physical succession or was on the way leaves here. When no other thread can
 * be in it, it becomes a jump to a stub, which the next arrival links to the new translation; bodies have at least five
 * bytes. Else one of them may be just behind the first instruction: only the one-byte trap is safe.
 */
void jit_entry_kill(struct jit *j, uint32_t region, bool alone)
{
	struct jit_region *g = &j->region[region];
	if (j->config.machine)
		return; /* nothing leads there any longer, and who is on the way is as good as inside */
	if (alone && way_out(j, region, g->code + 1))
		__atomic_store_n(j->rw + g->code, 0xe9, __ATOMIC_RELEASE);
	else
		__atomic_store_n(j->rw + g->code, 0xcc, __ATOMIC_RELEASE);
}

bool jit_rewind(struct jit *j, uint32_t exit)
{
	struct jit_last *l = &j->last;
	if (!jit_single(j) || !l->region || l->region != j->regions - 1 || l->hot_end != j->hot ||
	    j->region[l->region].flags)
		return false;
	struct jit_exit *x = &j->exit[exit];
	if (x->linked)
		return false;
	uint32_t other = 0, stub = 0;
	if (exit == l->x_fall) {
		other = l->x_taken;
		if (other && !j->exit[other].linked) {
			stub = jit_cold_stub(j, other);
			if (!stub)
				return false;
			patch_rel32(j, l->jcc + 2, stub);
		}
	} else if (exit == l->x_taken && l->jcc) {
		/* The condition is turned round: what was taken falls through. */
		other = l->x_fall;
		struct jit_exit *o = &j->exit[other];
		uint32_t to;
		if (o->linked) {
			int32_t rel;
			__builtin_memcpy(&rel, j->rw + o->patch, 4);
			to = o->patch + 4 + (uint32_t)rel;
		} else {
			to = jit_cold_stub(j, other);
			if (!to)
				return false;
		}
		o->how = JIT_PATCH_REL32;
		o->patch = l->jcc + 2;
		j->rw[l->jcc + 1] ^= 1;
		patch_rel32(j, l->jcc + 2, to);
	} else {
		return false;
	}
	j->hot = l->tail;
	l->region = JIT_NONE;
	return true;
}
