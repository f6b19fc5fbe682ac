/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The run loop of system mode. See run.h, tlb.h and engine.h.
 *
 * Theory of operation
 *
 * A region is found by the RAM address of its code, its pc, its context (mode, code segment base, memory map of fetches) and the mapping
 * through which its page is seen. Whoever goes there from C has looked the page up in the TLB; translated code
 * compares the mapping's number (a guard) wherever a jump leads into another page or comes from a table, and needs nothing within a
 * page: the mapping cannot have changed since the region was entered, as what changes it ends its region (IR_HINT_FAR).
 *
 * A fetch that faults is raised where the guest's next instruction would have run: pc is stored first. So nothing is looked up while a lock
 * is held.
 */
#include <string.h>
#include "base/log.h"
#include "jit/debug.h"
#include "jit/host/t1.h"

#define FETCH 1024 /* bytes of guest code that one region may come from */

_Noreturn void ir_raise(struct cpu *c, int vector, uint64_t error_code, uint64_t address)
{
	c->trap.error_code = error_code;
	c->trap.address = address;
	access_raise(vector);
}

static struct ir_cpu *engine(const struct cpu *c)
{
	return c->engine;
}

/* Where instructions at pc come from. */
struct place {
	uint64_t linear;
	unsigned map;
	uint8_t *host;   /* NULL: registers */
	uint64_t ram;    /* page */
	uint64_t physical;
	bool global;
};

/* Looks a page up; faults are raised. Held: no lock. */
static void look(struct mmu *m, uint64_t linear, unsigned map, struct place *p)
{
	struct tlb_entry *e = tlb_find(m, linear, map, MMU_FETCH, false);
	const struct tlb_more *o = e ? tlb_more(m, map, e) : NULL;

	*p = (struct place){.linear = linear, .map = map};
	if (!o)
		return;
	p->host = tlb_host(e, o);
	p->ram = o->ram;
	p->physical = o->physical;
	p->global = o->rights & MMU_GLOBAL;
}

static uint64_t linear_of(const struct cpu *c, uint64_t pc)
{
	const struct mmu_front *f = c->mmu->front;
	uint64_t base = f->fetch_base ? f->fetch_base(c) : 0;
	return base ? (uint32_t)(pc + base) : pc;
}

static unsigned fetch_map(const struct cpu *c)
{
	const struct mmu_front *f = c->mmu->front;
	return f->fetch_map ? f->fetch_map(c) & (TLB_MAPS - 1) : 0;
}

/* The number of the present context; 0: too many. Held: lock. */
static uint32_t context(struct cpu *c, unsigned map)
{
	struct jit *j = c->jit;
	const struct mmu_front *f = c->mmu->front;
	uint64_t base = f->fetch_base ? f->fetch_base(c) : 0;
	uint32_t mode = ir_mode(c), now = c->mmu->context;

	if (now && j->context[now].mode == mode && j->context[now].base == base && j->context[now].map == map)
		return now;
	return jit_context(j, mode, base, map);
}

/* The present context's number if this processor has met it of late; 0: no. No lock: see find_known(). */
static uint32_t recent_context(const struct cpu *c, unsigned map)
{
	const struct jit *j = c->jit;
	const struct mmu_front *f = c->mmu->front;
	uint64_t base = f->fetch_base ? f->fetch_base(c) : 0;
	uint32_t mode = ir_mode(c);

	for (unsigned i = 0; i < TLB_CONTEXTS; i++) {
		uint32_t n = c->mmu->recent[i];
		if (n && j->context[n].mode == mode && j->context[n].base == base && j->context[n].map == map)
			return n;
	}
	return 0;
}

/* What is known of the code at pc: one page, and the next one if the first instruction goes on there. */
struct source {
	uint64_t pc;
	struct place page[2];
	bool second;       /* page[1] is filled */
	uint32_t context, mapping[2];
};

/* The number of the place's mapping; 0: too many. Held: lock. */
static uint32_t mapping(struct cpu *c, const struct place *p)
{
	struct jit *j = c->jit;
	uint64_t page = p->linear & ~4095ull;
	/* The one that is valid for the page now, most of the time. */
	uint32_t id = c->mmu->ids[p->map][tlb_id_index(page)];
	const struct jit_mapping *known = &j->mapping[id >> 1];

	if (id && known->page == page && known->ram == p->ram && known->global == p->global)
		return id;
	return jit_mapping(j, page, p->ram, p->global);
}

/* Numbers for the source; flushes when they are used up. Held: lock. */
static void number(struct cpu *c, struct source *s)
{
	struct jit *j = c->jit;

	for (;;) {
		s->context = context(c, s->page[0].map);
		s->mapping[0] = mapping(c, &s->page[0]);
		s->mapping[1] = s->second ? mapping(c, &s->page[1]) : 0;
		if (s->context && s->mapping[0] && (s->mapping[1] || !s->second))
			return;
		jit_flush(j, &engine(c)->jc);
	}
}

static uint64_t next_page(const struct source *s)
{
	return (s->page[0].linear | 4095) + 1;
}

enum built { BUILT, NEEDS_SECOND, CANNOT };

/* Builds the source's region. Held: lock. */
static enum built build(struct cpu *c, const struct source *s, unsigned insns, size_t *bytes)
{
	struct ir_cpu *x = engine(c);
	const struct ir_front *f = x->front;
	struct ir_region *r = x->region;
	unsigned at = s->page[0].linear & 4095;
	size_t n = 4096 - at, want = (size_t)insns * f->longest;
	uint8_t buf[FETCH];

	/* A copy: other processors may write while it is decoded. */
	want = want < sizeof buf ? want : sizeof buf;
	n = n < want ? n : want;
	memcpy(buf, s->page[0].host + at, n);
	if (s->second) {
		/* Only for the instruction that goes on there. */
		insns = 1;
		size_t more = f->longest < 4096 ? f->longest : 4096;
		memcpy(buf + n, s->page[1].host, more);
		n += more;
	}
	ir_begin(r, f->guest, s->pc);
	*bytes = f->translate(r, c, s->pc, insns, buf, n);
	if (*bytes)
		ir_log_source(c, r, buf, *bytes < n ? *bytes : n);
	if (!*bytes)
		return !s->second && n == 4096u - at && n < f->longest ? NEEDS_SECOND : CANNOT;
	return BUILT;
}

/* A breakpoint lies in what the region came from: the instructions before it, 0: none is one. */
static unsigned before_break(struct cpu *c, const struct ir_region *r, size_t bytes)
{
	uint64_t first = linear_of(c, r->pc);
	unsigned insns = 0;

	if (!jit_break_behind(c->jit, first, bytes))
		return 0;
	for (uint32_t i = 0; i < r->ops; i++)
		if (r->op[i].op == IR_INSN && insns++ && jit_break_at(c->jit, linear_of(c, r->op[i].imm)))
			return insns - 1;
	return 0;
}

/* Translates the source. Held: lock. The region's number; JIT_NONE: it cannot be, or *second is needed. */
static uint32_t translate(struct cpu *c, const struct source *s, bool indirect, bool *second)
{
	struct jit *j = c->jit;
	struct ir_cpu *x = engine(c);
	const struct ir_front *f = x->front;
	struct ir_region *r = x->region;
	unsigned insns = j->config.one_insn ? 1 : f->max_insns ? f->max_insns : 64;
	bool full = false;
	size_t bytes;

	if (!jit_page_get(j, s->page[0].ram << 12) || (s->second && !jit_page_get(j, s->page[1].ram << 12)) ||
	    jit_ram_hot(j, s->page[0].ram) || (s->second && !s->page[1].host))
		return JIT_NONE;
	/* First seen, then read: no store in between is missed. */
	if (!jit_ram_protect(j, &x->jc, s->page[0].ram) || (s->second && !jit_ram_protect(j, &x->jc, s->page[1].ram)))
		return JIT_NONE;
	for (; insns; insns /= 2) {
		switch (build(c, s, insns, &bytes)) {
		case NEEDS_SECOND:
			*second = true;
			return JIT_NONE;
		case CANNOT:
			return JIT_NONE;
		default:
			break;
		}
		full = r->full;
		if (full)
			continue;
		unsigned fewer = __builtin_expect(j->debug != NULL, 0) ? before_break(c, r, bytes) : 0;
		if (fewer && (build(c, s, insns = fewer, &bytes) != BUILT || r->full))
			continue;
		if (jit_ram_loose(j, &x->jc, s->page[0].ram << 12 | (s->page[0].linear & 4095), (unsigned)bytes) ||
		    (s->second && jit_ram_loose(j, &x->jc, s->page[1].ram << 12, (unsigned)bytes)))
			return JIT_NONE;
		ir_check(r);
		if (log_mask & LOG_OP && log_wants(r->pc))
			ir_print(r, log_stream());
		ir_optimise(r);
		if (log_mask & LOG_OP_OPT && log_wants(r->pc))
			ir_print(r, log_stream());
		uint32_t n = jit_region_new(j, s->pc, s->context);
		struct jit_region *g = &j->region[n];
		g->src = s->page[0].ram << 12 | (s->page[0].linear & 4095);
		g->src2 = s->second ? s->page[1].ram << 12 : 0;
		g->mapping[0] = s->mapping[0];
		g->mapping[1] = s->mapping[1];
		if (!t1_generate(j, n, r, f->fp_host && f->fp_host(c), indirect))
			continue;
		g->guest_len = (uint16_t)bytes;
		j->stats.guest_insns += r->insns;
		jit_region_commit(j, n);
		jit_ram_note(j, n);
		ir_log_code(j, n);
		return n;
	}
	/* The guest's front end has no room for what its helpers need, as long as all these regions live. */
	if (full && atomic_load(&j->regions) > 1000)
		jit_flush(j, &x->jc);
	return JIT_NONE;
}

/*
 * The region for pc, translated if need be; its mappings are valid for guards from now on. JIT_NONE: the interpreter must do it.
 * A fetch that faults is raised. Called without the lock, returns with it. Processor inside: what it knew of the cache may be stale.
 */
static uint32_t find(struct cpu *c, uint64_t pc, bool indirect)
{
	struct jit *j = c->jit;
	struct mmu *m = c->mmu;
	struct ir_cpu *x = engine(c);
	struct source s;
	uint32_t r, flushes;

	ir_set_pc(c, pc);
	c->unspent = 0; /* a fetch that faults is behind what was done */
again:
	s = (struct source){.pc = pc};
	flushes = m->flushes;
	look(m, linear_of(c, pc), fetch_map(c), &s.page[0]);
	jit_lock_inside(j, &x->jc);
	if (!s.page[0].host || (__builtin_expect(j->debug != NULL, 0) && jit_break_at(j, s.page[0].linear)))
		return JIT_NONE;
	for (;;) {
		bool second = false;
		number(c, &s);
		if (__builtin_expect(m->flushes != flushes, 0)) {
			/* There was a wait, and the memory map changed: the pages that were looked up may not exist any longer. */
			jit_unlock(j);
			goto again;
		}
		r = jit_region_find_ram(j, s.page[0].ram << 12 | (s.page[0].linear & 4095), pc, s.context, s.mapping[0],
					s.second ? s.mapping[1] : ~0u);
		if (r && j->region[r].mapping[1] && !s.second)
			second = true;
		if (!r) {
			if (jit_reserve(j, &x->jc))
				continue; /* the numbers are new */
			r = translate(c, &s, indirect, &second);
		}
		if (!second)
			break;
		jit_unlock(j);
		look(m, next_page(&s), s.page[0].map, &s.page[1]);
		s.second = true;
		jit_lock_inside(j, &x->jc);
		if (!s.page[1].host)
			return JIT_NONE;
	}
	if (r) {
		m->context = s.context;
		if (recent_context(c, s.page[0].map) != s.context)
			m->recent[m->next_recent++ % TLB_CONTEXTS] = s.context;
		m->ids[s.page[0].map][tlb_id_index(s.page[0].linear)] = s.mapping[0];
		if (s.second)
			m->ids[s.page[1].map][tlb_id_index(s.page[1].linear)] = s.mapping[1];
	}
	return r;
}

/*
 * The region for pc if this processor has all its numbers; without the lock, which processors would fight for at each system call and interrupt.
 * JIT_NONE: ask find(). The processor is inside, and nothing of the cache that it held before is looked at.
 *
 * Why this is right without the lock. A flush, which alone uses regions, contexts and mappings anew, waits until nobody is inside, and zeroes this
 * processor's `ids` and `recent` meanwhile: so numbers that are found there are of this generation, and what they name was written before
 * this processor was given them, under the lock, and is not written again. The hash changes under our feet: an insertion is one store (release, here
 * acquire) behind all that makes up the region; a removal leaves the removed one's own link; growing takes chains apart, and a link then leads
 * into another chain, but always to an older region (jit_region_find()), so the walk ends, and what it finds is compared with the whole key. To
 * find nothing is always allowed. What is found is a whole region if it is below j->regions, which is stored behind it, too.
 *
 * A region that dies at this moment is as good as entered before: another processor's store to its source is seen, as on hardware, by who has
 * synchronised with that processor (SDM volume 3, 8.1.3). The store, the removal from the hash, DEAD, the end of the lock and whatever the other
 * processor tells us then are in this order there; our look at what it told comes before our walk; x86 keeps both orders (8.2.2), and on other hosts
 * the guest's own synchronisation must have been a load-acquire. So who was told finds the region neither in the hash nor alive. A store of this
 * processor's own has done all that before it was done. That the code's bytes are there is as true as for a link that another processor
 * has made: they were written before the store that led here.
 */
static uint32_t find_known(struct cpu *c, uint64_t pc)
{
	struct jit *j = c->jit;
	struct mmu *m = c->mmu;
	struct place p;

	if (__builtin_expect(j->debug != NULL, 0))
		return JIT_NONE; /* breakpoints are find()'s */
	ir_set_pc(c, pc);
	c->unspent = 0;
	look(m, linear_of(c, pc), fetch_map(c), &p);
	if (!p.host)
		return JIT_NONE;
	uint64_t page = p.linear & ~4095ull;
	uint32_t context = recent_context(c, p.map), id = m->ids[p.map][tlb_id_index(page)];
	const struct jit_mapping *known = &j->mapping[id >> 1];
	if (!context || !id || known->page != page || known->ram != p.ram || known->global != p.global)
		return JIT_NONE;
	uint32_t r = jit_region_find_ram(j, p.ram << 12 | (p.linear & 4095), pc, context, id, 0);
	if (!r || r >= atomic_load_explicit(&j->regions, memory_order_acquire) ||
	    __atomic_load_n(&j->region[r].flags, __ATOMIC_ACQUIRE) & JIT_REGION_DEAD)
		return JIT_NONE;
	m->context = context;
	return r;
}

/* The target is in a page that the exit's region was entered through, in the same context. */
static bool same_page(const struct jit_region *from, const struct jit_region *to)
{
	return !to->mapping[1] && (to->mapping[0] == from->mapping[0] || to->mapping[0] == from->mapping[1]);
}

uint64_t ir_machine_link(struct cpu *c, uint32_t exit)
{
	struct jit *j = c->jit;
	uint32_t generation = atomic_load(&j->generation);
	uint32_t r = find(c, jit_exit_target(j, exit), false);
	uint64_t to = ir_host_address(j, r ? j->region[r].code : j->thunk[T1_RETRY]);

	if (r && generation == atomic_load(&j->generation) && !(log_mask & LOG_NOCHAIN)) {
		const struct jit_region *from = &j->region[j->exit[exit].region], *g = &j->region[r];
		if (from->mode == g->mode && !(from->flags & JIT_REGION_DEAD))
			jit_link_to(j, exit, r, same_page(from, g) ? g->code : g->guard);
	}
	jit_unlock(j);
	return to;
}

uint64_t ir_machine_far(struct cpu *c, uint64_t pc)
{
	struct jit *j = c->jit;
	uint32_t r = find_known(c, pc);

	if (!r) {
		r = find(c, pc, false);
		jit_unlock(j);
	}
	if (!r)
		return ir_host_address(j, j->thunk[T1_RETRY]);
	ir_log_entry(c, pc);
	return ir_host_address(j, j->region[r].code);
}

uint64_t ir_machine_miss(struct cpu *c, uint64_t pc)
{
	struct jit *j = c->jit;
	uint32_t r = find(c, pc, true);
	uint64_t to = ir_host_address(j, j->thunk[T1_RETRY]);

	j->stats.lookups_slow++;
	if (r) {
		to = ir_host_address(j, j->region[r].code);
		if (jit_room(j) > JIT_RESERVE / 2 && !(log_mask & LOG_NOCHAIN))
			jit_table_set(j, pc, t1_verify_entry(j, r));
	}
	jit_unlock(j);
	return to;
}

/* x86 status flags between the state and where translated code has them (host/x86-64-flags.c). */
static void status_in(struct cpu *c)
{
	const struct ir_guest *g = engine(c)->front->guest;
	uint64_t v;

	if (!g->flags || !g->flags->x86)
		return;
	memcpy(&v, (char *)c + g->slots[g->flags->slot].offset, 8);
	c->mmu->status = (uint32_t)((v & 0xff) << 8 | (v >> 11 & 1));
}

static void status_out(struct cpu *c)
{
	const struct ir_guest *g = engine(c)->front->guest;
	uint64_t v, s = c->mmu->status;

	if (!g->flags || !g->flags->x86)
		return;
	memcpy(&v, (char *)c + g->slots[g->flags->slot].offset, 8);
	v = (v & ~0x8d5ull) | (s >> 8 & 0xd5) | (s & 1) << 11;
	memcpy((char *)c + g->slots[g->flags->slot].offset, &v, 8);
}

/* What ended the scope. The state in memory is complete; pc only if the fault was not in translated code itself. */
static enum trap_kind caught(struct cpu *c, const struct access_scope *s)
{
	struct ir_cpu *x = engine(c);
	struct mmu *m = c->mmu;
	struct t1_place p;

	if (m->at && t1_locate(c->jit, x->front->guest, m->at, &p)) {
		ir_set_pc(c, p.pc);
		ir_set_extra(c, p.extra);
		c->unspent = p.unspent;
	}
	m->at = 0;
	if (m->in_region) {
		status_out(c);
		if (c->jit->config.counts)
			c->budget += (int32_t)c->unspent;
	}
	m->in_region = false;
	if (s->sig) {
		/* A host fault in guest RAM: the file behind it was cut. */
		ir_fault_trap(c, s, 0);
		return ir_left(c, IR_LEAVE_TRAP);
	}
	if (s->code == IR_RAISE_AGAIN || s->code == IR_RAISE_EXCLUSIVE) {
		x->step_over = 1;
		x->exclusive |= s->code == IR_RAISE_EXCLUSIVE;
		return TRAP_NONE;
	}
	c->trap.kind = TRAP_EXCEPTION;
	c->trap.vector = s->code;
	c->trap.host_fault = false;
	return ir_left(c, IR_LEAVE_TRAP);
}

/* Bytes at pc for the interpreter. */
static size_t fetch(struct cpu *c, const struct place *p, uint8_t *to, size_t n)
{
	struct mmu *m = c->mmu;
	unsigned at = p->linear & 4095;

	n = n < 4096u - at ? n : 4096u - at;
	if (p->host) {
		memcpy(to, p->host + at, n);
		return n;
	}
	for (size_t i = 0; i < n; i++) {
		bool failed = false;
		tlb_leave(m);
		to[i] = (uint8_t)m->machine->load(m->machine->opaque, c, p->physical + at + i, 1, &failed);
		tlb_return(m);
		if (failed && m->front->failed)
			m->front->failed(c, p->linear + i, p->physical + at + i, MMU_FETCH);
	}
	return n;
}

static enum ir_leave interpret_in_scope(struct cpu *c)
{
	struct mmu *m = c->mmu;
	struct ir_region *r = engine(c)->one;
	const struct ir_front *f = engine(c)->front;
	uint64_t pc = ir_get_pc(c);
	uint8_t buf[FETCH];
	struct place p;
	size_t want = f->longest < FETCH / 2 ? f->longest : FETCH / 2;

	look(m, linear_of(c, pc), fetch_map(c), &p);
	size_t n = fetch(c, &p, buf, want);
	ir_begin(r, f->guest, pc);
	size_t bytes = f->translate(r, c, pc, 1, buf, n);
	if (!bytes && n < want) {
		look(m, (p.linear | 4095) + 1, p.map, &p);
		n += fetch(c, &p, buf + n, want - n);
		ir_begin(r, f->guest, pc);
		bytes = f->translate(r, c, pc, 1, buf, n);
	}
	c->jit->stats.interpreted++;
	ir_log_entry(c, pc);
	if (!bytes || r->full) {
		memset(&c->trap, 0, sizeof c->trap);
		c->trap.kind = TRAP_EXCEPTION;
		c->trap.vector = IR_VECTOR_FETCH;
		c->trap.address = pc;
		return IR_LEAVE_TRAP;
	}
	ir_check(r);
	enum ir_leave leave = ir_interp_in_scope(r, c, 0);
	if (c->jit->config.counts)
		c->budget--; /* not when it faults: then this is not reached */
	return leave;
}

/* One instruction: code that the guest changes is always seen. */
static enum trap_kind interpret(struct cpu *c)
{
	struct access_scope s;

	if (access_enter(&s))
		return caught(c, &s);
	enum ir_leave leave = interpret_in_scope(c);
	access_leave(&s);
	return ir_left(c, leave);
}

enum trap_kind ir_machine_step(struct cpu *c)
{
	return interpret(c);
}

/* Runs translated code until it leaves. TRAP_NONE: go on. */
static enum trap_kind translated(struct cpu *c)
{
	typedef unsigned enter(struct cpu *, uint64_t);
	struct jit *j = c->jit;
	struct ir_cpu *x = engine(c);
	struct mmu *m = c->mmu;
	struct access_scope s;
	uint32_t host;

	atomic_store(&x->jc.inside, 1);
	if (__builtin_expect(atomic_load(&j->stop), 0))
		jit_enter_wait(j, &x->jc);
	if (access_enter(&s)) {
		ir_fp_leave(c, 0x1f80);
		atomic_store(&x->jc.inside, 0);
		return caught(c, &s);
	}
	uint32_t r = find_known(c, ir_get_pc(c));
	if (!r) {
		r = find(c, ir_get_pc(c), false);
		jit_unlock(j);
	}
	uint64_t to = r ? ir_host_address(j, j->region[r].code) : 0;
	if (!r) {
		access_leave(&s);
		atomic_store(&x->jc.inside, 0);
		return interpret(c);
	}
	ir_log_entry(c, ir_get_pc(c));
	ir_fp_enter(c, &host);
	status_in(c);
	m->in_region = true;
	unsigned reason = ((enter *)(uintptr_t)ir_host_address(j, j->thunk[T1_ENTER]))(c, to);
	m->in_region = false;
	status_out(c);
	ir_fp_leave(c, host);
	access_leave(&s);
	atomic_store(&x->jc.inside, 0);
	switch (reason) {
	case T1_LEFT_PENDING:
		/* Or what is left of the budget is less than a region. */
		if (j->config.counts)
			x->step_over = 1;
		return TRAP_NONE;
	case T1_LEFT_TRAP:
		return ir_left(c, IR_LEAVE_TRAP);
	case T1_LEFT_ALIGN: {
		uint64_t address = c->trap.address;
		memset(&c->trap, 0, sizeof c->trap);
		c->trap.kind = TRAP_EXCEPTION;
		c->trap.vector = IR_VECTOR_ALIGN;
		c->trap.address = address;
		return ir_left(c, IR_LEAVE_TRAP);
	}
	default:
		return TRAP_NONE;
	}
}

static enum trap_kind interpret_alone(struct cpu *c)
{
	struct mmu *m = c->mmu;

	tlb_leave(m);
	m->machine->exclusive_begin(m->machine->opaque, c);
	tlb_return(m);
	m->exclusive = true;
	enum trap_kind kind = interpret(c);
	m->exclusive = false;
	m->machine->exclusive_end(m->machine->opaque, c);
	return kind;
}

/* Is there a breakpoint at pc, or did the last instruction meet a watchpoint? */
static __attribute__((noinline)) bool debugged(struct cpu *c)
{
	const struct jit_break *b;
	uint64_t at;

	if (jit_watch_met(c))
		return true;
	at = linear_of(c, ir_get_pc(c));
	b = jit_break_at(c->jit, at);
	if (!b)
		return false;
	memset(&c->trap, 0, sizeof c->trap);
	c->trap.kind = TRAP_DEBUG;
	c->trap.number = JIT_DEBUG_BREAK;
	c->trap.error_code = b->kinds >> JIT_BREAK & 1 ? JIT_BREAK : JIT_BREAK_HARD;
	c->trap.address = at;
	return true;
}

static enum trap_kind run(struct cpu *c)
{
	struct ir_cpu *x = engine(c);

	for (;;) {
		enum trap_kind kind;
		/* A boundary. The addition is also a barrier: no look at a tag behind it was made before it. */
		atomic_fetch_add(&c->mmu->turn, 1);
		if (__builtin_expect(atomic_load_explicit(&c->mmu->loose, memory_order_relaxed) != 0, 0))
			atomic_store(&c->mmu->loose, 0);
		if (__builtin_expect(atomic_load(&c->mmu->flush_wanted), 0))
			tlb_flush_wanted(c->mmu);
		if (__builtin_expect(c->jit->debug != NULL, 0) && debugged(c))
			return TRAP_DEBUG;
		if (c->pending) {
			ir_pending_take(c);
			c->trap.kind = TRAP_NONE;
			return TRAP_NONE;
		}
		if (c->jit->config.counts && c->budget <= 0) {
			tlb_leave(c->mmu);
			c->mmu->machine->spent(c->mmu->machine->opaque, c);
			tlb_return(c->mmu);
			continue;
		}
		bool step = c->single_step;
		if (x->exclusive) {
			x->exclusive = false;
			x->step_over = 0;
			kind = interpret_alone(c);
		} else if (step || x->step_over || c->jit->config.accel == JIT_INTERPRET) {
			x->step_over = 0;
			kind = interpret(c);
			step = step && !x->exclusive;
		} else {
			kind = translated(c);
		}
		if (kind != TRAP_NONE)
			return kind;
		/* A watchpoint that it met is left for who steps: jit_watch_met(). */
		if (step && (!c->pending || c->mmu->watch_kind)) {
			memset(&c->trap, 0, sizeof c->trap);
			c->trap.kind = TRAP_DEBUG;
			return TRAP_DEBUG;
		}
	}
}

enum trap_kind ir_machine_run(struct cpu *c)
{
	tlb_return(c->mmu);
	enum trap_kind kind = run(c);
	if (__builtin_expect(atomic_load_explicit(&c->mmu->loose, memory_order_relaxed) != 0, 0))
		atomic_store(&c->mmu->loose, 0);
	tlb_leave(c->mmu);
	return kind;
}
