/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Cold code of user programs. Most of what a program runs at its start, it runs once or twice; its front end executes that as it reads it
 * (ir_front.cold), one instruction that it cannot do goes through T0, and what is jumped to more than ir_front.cold_runs times is
 * translated. Counts are kept by a hash of the address, one table a thread: places that share a count are translated earlier.
 *
 * Nothing is kept of what is executed here, so the page need not be protected: a change is seen when the code is read the next time.
 * Code is read a piece at a time, and no piece is older than the last jump.
 */
#include "base/log.h"
#include "jit/run.h"

enum { PIECE = 64 };

static uint8_t *runs_of(const struct cpu *c, uint64_t pc)
{
	struct ir_cold *k = ((struct ir_cpu *)c->engine)->cold;
	return &k->runs[(pc >> 2 ^ pc >> 14) % IR_COLD_SPOTS];
}

bool ir_cold_wanted(const struct cpu *c, uint64_t pc)
{
	const struct ir_cpu *x = c->engine;
	/* Who wants to see translations gets them. */
	const unsigned shown = LOG_IN_ASM | LOG_OP | LOG_OP_OPT | LOG_OUT_ASM | LOG_EXEC | LOG_CPU | LOG_NOCHAIN | LOG_OP_IND;

	return x->cold && !(log_mask & shown) && !c->jit->config.one_insn && *runs_of(c, pc) < x->front->cold_runs;
}

/* A piece of code at pc. Held: lock. */
static size_t piece(struct jit *j, struct ir_cold *k, uint64_t pc, uint8_t *code)
{
	uint64_t page = (pc >> 12) + 1;
	unsigned i = (unsigned)(page % IR_COLD_PAGES);
	uint32_t mappings = atomic_load(&j->mappings);
	size_t n = 4096 - (pc & 4095);

	if (k->page[i].page != page || k->page[i].mappings != mappings) {
		size_t most = jit_peekable(j, pc);
		if (most < n) /* the end of what may be fetched lies in this page */
			n = most;
		else
			k->page[i].page = page, k->page[i].mappings = mappings;
	}
	return n ? jit_fetch(code, pc + j->config.guest_base, n < PIECE ? n : PIECE) : 0;
}

/* The loop, in a scope; true: something was done. */
static bool run(struct cpu *c, enum trap_kind *kind)
{
	struct jit *j = c->jit;
	struct ir_cpu *x = c->engine;
	bool did = false, jumped = true;

	while (!c->pending) {
		uint64_t pc = ir_get_pc(c);
		uint8_t code[PIECE];
		jit_lock(j);
		bool wanted = !jumped || (ir_cold_wanted(c, pc) && !jit_region_find(j, pc, ir_mode(c)));
		size_t n = wanted ? piece(j, x->cold, pc, code) : 0;
		jit_unlock(j);
		if (!n)
			break;
		*runs_of(c, pc) += jumped;
		did = true;
		if (x->front->cold(c, code, n)) {
			jumped = ir_get_pc(c) != pc + n;
			continue;
		}
		pc = ir_get_pc(c);
		*kind = ir_step(c);
		if (*kind != TRAP_NONE)
			break;
		jumped = ir_get_pc(c) - pc - 1 >= x->front->longest;
	}
	return did;
}

bool ir_cold(struct cpu *c, enum trap_kind *kind)
{
	struct access_scope s;

	*kind = TRAP_NONE;
	if (access_enter(&s)) {
		ir_fault_trap(c, &s, c->jit->config.guest_base);
		*kind = ir_left(c, IR_LEAVE_TRAP);
		return true;
	}
	bool did = run(c, kind);
	access_leave(&s);
	return did;
}
