/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See run.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/log.h"
#include "fpu/fpu.h"
#include "jit/host/t1.h"
#include "jit/run.h"
#include "jit/tlb.h"

#define FETCH 1024 /* bytes of guest code that one region may come from */

static struct ir_cpu *engine(const struct cpu *c)
{
	return c->engine;
}

uint64_t ir_get_pc(const struct cpu *c)
{
	const struct ir_guest *g = engine(c)->front->guest;
	uint64_t pc = 0;
	memcpy(&pc, (const char *)c + g->pc_offset, ir_type_bytes[g->pc_type]);
	return pc;
}

void ir_set_pc(struct cpu *c, uint64_t pc)
{
	const struct ir_guest *g = engine(c)->front->guest;
	memcpy((char *)c + g->pc_offset, &pc, ir_type_bytes[g->pc_type]);
}

void ir_set_extra(struct cpu *c, uint32_t extra)
{
	const struct ir_guest *g = engine(c)->front->guest;
	if (g->extra_offset != IR_NO_OFFSET)
		memcpy((char *)c + g->extra_offset, &extra, 4);
}

int ir_cpu_init(struct cpu *c, struct jit *j, const struct ir_front *front, struct err *e)
{
	struct ir_cpu *x = calloc(1, sizeof *x);

	if (x) {
		x->front = front;
		x->one = ir_region_new(1024);
		x->region = ir_region_new(4096);
	}
	if (!x || !x->one || !x->region || ir_region_values(x->one) < 0) {
		if (x) {
			ir_region_free(x->one);
			ir_region_free(x->region);
		}
		free(x);
		return err_set(e, ENOMEM, "no memory for a processor");
	}
	c->jit = j;
	c->engine = x;
	if (front->cold && j->config.accel == JIT_TRANSLATE && !j->config.machine)
		x->cold = calloc(1, IR_COLD_BYTES); /* without it everything is translated at once */
	if (j->config.machine) {
		c->mmu = tlb_new(c, front->mmu, j->config.machine);
		if (!c->mmu) {
			ir_cpu_free(c);
			return err_set(e, ENOMEM, "no memory for a processor");
		}
	}
	jit_lock(j);
	int error = t1_thunks(j, front->guest, e);
	if (!error)
		jit_cpu_add(j, &x->jc, c);
	jit_unlock(j);
	if (error)
		ir_cpu_free(c);
	return error;
}

void ir_cpu_free(struct cpu *c)
{
	struct ir_cpu *x = engine(c);

	if (!x)
		return;
	jit_lock(c->jit);
	jit_cpu_remove(c->jit, &x->jc);
	jit_ram_gone(c->jit, c->mmu);
	jit_unlock(c->jit);
	ir_region_free(x->one);
	ir_region_free(x->region);
	tlb_free(c->mmu);
	c->mmu = NULL;
	free(x->cold);
	free(x);
	c->engine = NULL;
}

static enum trap_kind fetch_fault(struct cpu *c, uint64_t addr)
{
	struct trap *t = &c->trap;

	memset(t, 0, sizeof *t);
	t->kind = TRAP_EXCEPTION;
	t->vector = IR_VECTOR_FETCH;
	t->address = addr;
	t->host_fault = true;
	t->si.si_signo = SIGSEGV;
	t->si.si_code = SEGV_MAPERR;
	t->si.si_addr = (void *)(uintptr_t)(addr + c->jit->config.guest_base);
	if (engine(c)->front->fault)
		engine(c)->front->fault(c);
	return TRAP_EXCEPTION;
}

/* Guest code at pc, within its page, into buf; `keep`: the page is reported. Held: lock. */
static size_t fetch(struct jit *j, uint64_t pc, uint8_t *buf, size_t want, bool keep)
{
	size_t n = keep ? jit_fetchable(j, pc) : jit_peekable(j, pc), room = 4096 - (pc & 4095);

	n = n < room ? n : room;
	return jit_fetch(buf, pc + j->config.guest_base, n < want ? n : want);
}

/*
 * Builds a region of guest code at pc. Held: lock. 0: the fetch fails, at *fault. A region ends with its page, so that no
 * other is protected for its sake, unless its first instruction reaches over.
 */
static size_t build(struct ir_region *r, struct cpu *c, uint64_t pc, unsigned max_insns, bool keep, uint64_t *fault)
{
	const struct ir_front *f = engine(c)->front;
	uint8_t buf[FETCH];
	size_t want = (size_t)max_insns * f->longest, n;

	if (want > sizeof buf)
		want = sizeof buf;
	n = fetch(c->jit, pc, buf, want, keep);
	*fault = pc + n;
	if (!n)
		return 0;
	ir_begin(r, f->guest, pc);
	size_t bytes = f->translate(r, c, pc, max_insns, buf, n);
	if (bytes && keep)
		ir_log_source(c, r, buf, bytes < n ? bytes : n);
	if (!bytes && n < f->longest && !((pc + n) & 4095)) {
		n += fetch(c->jit, pc + n, buf + n, f->longest - n, keep);
		*fault = pc + n;
		ir_begin(r, f->guest, pc);
		bytes = f->translate(r, c, pc, 1, buf, n);
	}
	return bytes;
}

/* Regions that a sanitizer build runs are checked. */
void ir_check(const struct ir_region *r)
{
#ifdef __SANITIZE_ADDRESS__
	struct err e = ERR_INIT;
	if (ir_verify(r, &e) < 0) {
		fprintf(stderr, "malformed region: %s\n", e.msg);
		ir_print(r, stderr);
		abort();
	}
#else
	(void)r;
#endif
}

uint32_t ir_mode(const struct cpu *c)
{
	const struct ir_front *f = engine(c)->front;
	return f->mode ? f->mode(c) : 0;
}

/* Translates at pc. Held: lock; the region's number, 0: cannot be fetched. */
static uint32_t translate(struct jit *j, struct cpu *c, uint64_t pc, bool indirect)
{
	struct ir_cpu *x = engine(c);
	struct ir_region *r = x->region;
	const struct ir_front *f = x->front;
	unsigned insns = j->config.one_insn ? 1 : f->max_insns ? f->max_insns : 64;
	uint64_t fault;

	for (;; insns = insns > 1 ? insns / 2 : 0) {
		if (!insns)
			return JIT_NONE;
		size_t bytes = build(r, c, pc, insns, true, &fault);
		if (!bytes)
			return JIT_NONE;
		if (r->full)
			continue;
		ir_check(r);
		if (log_mask & LOG_OP && log_wants(r->pc))
			ir_print(r, log_stream());
		ir_optimise(r);
		if (log_mask & LOG_OP_OPT && log_wants(r->pc))
			ir_print(r, log_stream());
		if (ir_mode(c) && !j->modes) {
			j->modes = true;
			jit_flush(j, &x->jc); /* the table's entries would be found from other modes */
		}
		uint32_t n = jit_region_new(j, pc, ir_mode(c));
		if (!t1_generate(j, n, r, f->fp_host && f->fp_host(c), indirect))
			continue;
		j->region[n].guest_len = (uint16_t)bytes;
		j->stats.guest_insns += r->insns;
		jit_region_commit(j, n);
		ir_log_code(j, n);
		return n;
	}
}

uint64_t ir_host_address(const struct jit *j, uint32_t offset)
{
	return (uint64_t)(uintptr_t)(j->rx + offset);
}

/* Held: lock. exit: the one to link, or JIT_NONE. indirect: an indirect jump came here. */
static uint32_t find(struct jit *j, struct cpu *c, uint64_t pc, uint32_t exit, bool indirect)
{
	uint32_t r = jit_region_find(j, pc, ir_mode(c));

	if (!r) {
		if (!jit_fetchable(j, pc) || jit_page_hot(j, pc))
			return JIT_NONE;
		uint32_t generation = atomic_load(&j->generation);
		jit_reserve(j, &engine(c)->jc);
		r = translate(j, c, pc, indirect);
		if (generation != atomic_load(&j->generation))
			exit = JIT_NONE; /* a flush: it is not there any longer */
	}
	if (r && exit)
		jit_link(j, exit, r);
	return r;
}

/* Is the code at pc not translated, and not to be yet? Held: lock. */
static bool cold(struct jit *j, const struct cpu *c, uint64_t pc)
{
	return ir_cold_wanted(c, pc) && !jit_region_find(j, pc, ir_mode(c));
}

uint64_t ir_engine_link(struct cpu *c, uint32_t exit)
{
	if (c->mmu)
		return ir_machine_link(c, exit);
	struct jit *j = c->jit;
	uint32_t generation = atomic_load(&j->generation);
	uint64_t pc = jit_exit_target(j, exit);

	ir_set_pc(c, pc);
	jit_lock_inside(j, &engine(c)->jc);
	if (generation != atomic_load(&j->generation) || log_mask & LOG_NOCHAIN)
		exit = JIT_NONE;
	uint32_t r = cold(j, c, pc) ? JIT_NONE : find(j, c, pc, exit, false);
	uint64_t to = ir_host_address(j, r ? j->region[r].code : j->thunk[T1_RETRY]);
	jit_unlock(j);
	return to;
}

uint64_t ir_engine_miss(struct cpu *c, uint64_t pc)
{
	if (c->mmu)
		return ir_machine_miss(c, pc);
	struct jit *j = c->jit;

	ir_set_pc(c, pc);
	jit_lock_inside(j, &engine(c)->jc);
	j->stats.lookups_slow++;
	uint32_t r = cold(j, c, pc) ? JIT_NONE : find(j, c, pc, JIT_NONE, true);
	uint64_t to = ir_host_address(j, j->thunk[T1_RETRY]);
	if (r) {
		to = ir_host_address(j, j->region[r].code);
		if (jit_room(j) > JIT_RESERVE / 2 && !(log_mask & LOG_NOCHAIN) && !j->modes)
			jit_table_set(j, pc, t1_verify_entry(j, r));
	}
	jit_unlock(j);
	return to;
}

enum trap_kind ir_left(struct cpu *c, enum ir_leave how)
{
	if (how != IR_LEAVE_TRAP)
		return TRAP_NONE;
	if (c->trap.kind == TRAP_EXCEPTION && c->trap.vector < 0 && engine(c)->front->fault)
		engine(c)->front->fault(c);
	return c->trap.kind;
}

/* Interprets up to `insns` instructions from pc. */
static enum trap_kind interpret(struct cpu *c, unsigned insns)
{
	struct jit *j = c->jit;
	struct ir_region *r = engine(c)->one;
	uint64_t fault, pc = ir_get_pc(c);
	size_t bytes;

	jit_lock(j);
	do
		bytes = build(r, c, pc, insns, false, &fault);
	while (bytes && r->full && (insns /= 2) > 0);
	j->stats.interpreted++;
	jit_unlock(j);
	if (!bytes || r->full)
		return fetch_fault(c, fault);
	ir_check(r);
	return ir_left(c, ir_interp(r, c, j->config.guest_base));
}

enum trap_kind ir_step(struct cpu *c)
{
	if (c->mmu)
		return ir_machine_step(c);
	return interpret(c, 1);
}

/* The host's rounding and sticky flags are the guest's while translated code runs; the six flags have the same bits. */
uint32_t ir_fp_enter(struct cpu *c, uint32_t *host)
{
#if defined __x86_64__
	const struct ir_guest *g = engine(c)->front->guest;
	*host = __builtin_ia32_stmxcsr();
	if (g->mxcsr_offset) {
		uint32_t own;
		memcpy(&own, (const char *)c + g->mxcsr_offset, 4);
		own = (own & 0xffff) | 0x1f80;
		if (own != *host)
			__builtin_ia32_ldmxcsr(own);
		return own;
	}
	if (g->fpu_offset == IR_NO_OFFSET)
		return *host;
	const struct fpu_status *st = (const void *)((const char *)c + g->fpu_offset);
	uint32_t guest = 0x1f80 | (st->round <= FPU_ZERO ? (uint32_t)st->round << 13 : 0);
	if (guest != *host)
		__builtin_ia32_ldmxcsr(guest);
	return guest;
#else
	return *host = 0, c ? 0 : 0;
#endif
}

void ir_fp_leave(struct cpu *c, uint32_t host)
{
#if defined __x86_64__
	const struct ir_guest *g = engine(c)->front->guest;
	uint32_t now = __builtin_ia32_stmxcsr();
	if (now != host)
		__builtin_ia32_ldmxcsr(host);
	if (g->mxcsr_offset && now & 0x3f) {
		uint32_t own;
		memcpy(&own, (const char *)c + g->mxcsr_offset, 4);
		own |= now & 0x3f;
		memcpy((char *)c + g->mxcsr_offset, &own, 4);
	}
	if (g->fpu_offset != IR_NO_OFFSET && now & 0x3f)
		((struct fpu_status *)(void *)((char *)c + g->fpu_offset))->flags |= now & 0x3f;
#else
	(void)c;
	(void)host;
#endif
}

/* Runs translated code until it leaves. TRAP_NONE: go on. */
static enum trap_kind translated(struct cpu *c)
{
	typedef unsigned enter(struct cpu *, uint64_t);
	struct jit *j = c->jit;
	struct ir_cpu *x = engine(c);
	struct access_scope s;
	uint64_t pc = ir_get_pc(c);

	atomic_store(&x->jc.inside, 1);
	if (__builtin_expect(atomic_load(&j->stop), 0))
		jit_enter_wait(j, &x->jc);
	jit_lock_inside(j, &x->jc);
	if (cold(j, c, pc)) {
		enum trap_kind kind;
		jit_unlock(j);
		atomic_store(&x->jc.inside, 0);
		if (ir_cold(c, &kind))
			return kind;
		atomic_store(&x->jc.inside, 1);
		if (__builtin_expect(atomic_load(&j->stop), 0))
			jit_enter_wait(j, &x->jc);
		jit_lock_inside(j, &x->jc);
	}
	uint32_t r = find(j, c, pc, JIT_NONE, false);
	bool fetchable = r || jit_peekable(j, pc);
	uint64_t to = r ? ir_host_address(j, j->region[r].code) : 0;
	jit_unlock(j);
	if (!r) {
		atomic_store(&x->jc.inside, 0);
		/* What T1 cannot do, and pages that are written again and again, T0 does. */
		return fetchable ? interpret(c, 16) : fetch_fault(c, pc);
	}
	uint32_t host;
	if (access_enter(&s)) {
		/* A helper's access faulted; the state was stored before the call. */
		ir_fp_leave(c, 0x1f80);
		atomic_store(&x->jc.inside, 0);
		ir_fault_trap(c, &s, j->config.guest_base);
		return ir_left(c, IR_LEAVE_TRAP);
	}
	ir_fp_enter(c, &host);
	unsigned reason = ((enter *)(uintptr_t)ir_host_address(j, j->thunk[T1_ENTER]))(c, to);
	ir_fp_leave(c, host);
	access_leave(&s);
	atomic_store(&x->jc.inside, 0);
	switch (reason) {
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

enum trap_kind ir_run(struct cpu *c)
{
	struct ir_cpu *x = engine(c);

	if (c->mmu)
		return ir_machine_run(c);
	for (;;) {
		enum trap_kind kind;
		if (c->pending) {
			c->pending = 0;
			c->trap.kind = TRAP_NONE;
			return TRAP_NONE;
		}
		bool step = c->single_step;
		if (step || x->step_over) {
			x->step_over = 0;
			kind = interpret(c, 1);
		} else if (c->jit->config.accel == JIT_INTERPRET) {
			kind = interpret(c, c->jit->config.one_insn ? 1 : 16);
		} else {
			kind = translated(c);
		}
		if (kind != TRAP_NONE)
			return kind;
		if (step && !c->pending) {
			memset(&c->trap, 0, sizeof c->trap);
			c->trap.kind = TRAP_DEBUG;
			return TRAP_DEBUG;
		}
	}
}

void ir_interrupt(struct cpu *c, void *ucontext)
{
	(void)ucontext; /* every region looks at its entry, every loop inside one polls */
	__atomic_store_n(&c->pending, 1, __ATOMIC_SEQ_CST);
}

bool ir_host_fault(struct cpu *c, int sig, siginfo_t *si, void *ucontext)
{
	struct jit *j = c->jit;
	struct ir_cpu *x = engine(c);
	uint64_t at = t1_host_pc(ucontext), to = jit_fetch_fault(at);
	struct t1_place p;

	if (to && (sig == SIGSEGV || sig == SIGBUS)) {
		t1_set_host_pc(ucontext, to);
		return true;
	}
	if (access_fault(sig, si, ucontext))
		return true;
	if (!j->ready || !jit_contains(j, at))
		return false;
	if (sig == SIGTRAP) {
		/* The trap at a dead region's entry; the host's pc is behind it. */
		uint32_t r = jit_region_at(j, at - 1);
		if (!r || ir_host_address(j, j->region[r].code) != at - 1)
			return false;
		ir_set_pc(c, j->region[r].pc);
		t1_leave_from(j, ucontext, T1_LEFT_PC);
		return true;
	}
	if ((sig != SIGSEGV && sig != SIGBUS) || !t1_locate(j, x->front->guest, at, &p))
		return false;
	ir_set_pc(c, p.pc);
	ir_set_extra(c, p.extra);
	struct trap *t = &c->trap;
	memset(t, 0, sizeof *t);
	t->kind = TRAP_EXCEPTION;
	t->vector = IR_VECTOR_MEMORY;
	t->host_fault = true;
	t->si = *si;
	t->address = (uint64_t)(uintptr_t)si->si_addr - j->config.guest_base;
	t1_leave_from(j, ucontext, T1_LEFT_TRAP);
	return true;
}

bool ir_store_fault(struct cpu *c, uint64_t addr, void *ucontext)
{
	struct jit *j = c->jit;
	struct ir_cpu *x = engine(c);
	uint64_t start = addr & ~4095ull, at = t1_host_pc(ucontext);
	struct t1_place p;
	bool inside = j->ready && jit_contains(j, at) && t1_locate(j, x->front->guest, at, &p), leave = false;

	if (inside) {
		const struct jit_region *g = &j->region[p.region];
		leave = g->pc < start + 4096 && g->pc + g->guest_len > start;
		if (leave)
			x->step_over = 1;
	}
	if (!jit_trylock(j)) {
		/* Whoever holds the lock may wait for this thread to leave the cache. */
		leave = inside;
		if (inside)
			atomic_store(&x->jc.inside, 0);
		jit_lock(j);
	}
	jit_invalidate_dirty(j, start);
	jit_unlock(j);
	if (leave) {
		ir_set_pc(c, p.pc);
		ir_set_extra(c, p.extra);
		t1_leave_from(j, ucontext, T1_LEFT_PC);
	}
	return leave;
}
