/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * isa->run() of machines: exceptions and interrupts between the stretches of guest code that lib/jit runs.
 *
 * Whatever wants attention sets cpu->pending, which ends the stretch at an instruction boundary; then everything is looked at here. A
 * processor that must go step by step (TF, breakpoints, the shadow of STI and MOV SS while something waits) does so under T0.
 */
#include "isa/x86/decode.h"
#include "isa/x86/rows.h"
#include "isa/x86/sys.h"
#include "jit/debug.h"

static uint32_t lines(const struct x86_cpu *c)
{
	return __atomic_load_n(&c->sys.lines, __ATOMIC_SEQ_CST);
}

static void take(struct x86_cpu *c, uint32_t line)
{
	__atomic_and_fetch(&c->sys.lines, ~line, __ATOMIC_SEQ_CST);
}

static void set_halted(struct x86_cpu *c, bool halted)
{
	if (c->sys.halted == halted)
		return;
	c->sys.halted = halted;
	if (c->sys.machine->halted)
		c->sys.machine->halted(c->sys.machine->opaque, halted);
}

/* ---- faults on their way ---- */

/* The instruction at rip, decoded from memory without any effect. */
static bool decode_here(struct x86_cpu *c, struct x86_insn *in)
{
	uint64_t linear = c->mode == 64 ? c->rip : (uint32_t)(c->rip + c->seg[X86_CS].base), physical;
	uint8_t bytes[15];
	unsigned n = 0;

	for (; n < 15 && !x86_translate_debug(&c->cpu, linear + n, &physical); n++)
		bytes[n] = (uint8_t)mmu_phys_load(&c->cpu, physical, 1);
	return x86_decode(in, bytes, n, c->mode, c->feat) == X86_DECODE_OK;
}

/* A non-canonical address is #SS when the stack's (SDM vol. 3, 6.15, interrupt 12): by the instruction that met it. */
static bool stack_instruction(struct x86_cpu *c)
{
	struct x86_insn in;

	if (!decode_here(c, &in))
		return false;
	if (in.has_mem && !(in.row->flags & X86_ROW_NOACCESS))
		return in.seg == X86_NOREG && x86_mem_segment(&in) == X86_SS;
	return in.row->copy == X86_COPY_STACK || in.row->regs_written >> X86_RSP & 1;
}

static void deliver(struct x86_cpu *c, int vector, uint64_t error)
{
	if (c->sys.stack_access) {
		c->sys.stack_access = false;
		if (vector == X86_GP && stack_instruction(c))
			vector = X86_SS_;
	}
	if (vector == X86_DB)
		c->sys.dr[7] &= ~0x2000ull;
	if (vector == X86_XM && !(c->sys.cr4 & X86_CR4_OSXMMEXCPT))
		vector = X86_UD;
	if (vector == X86_MF && !(c->sys.cr0 & X86_CR0_NE)) {
		/* FERR#: the instruction waits for IRQ 13, whose handler asserts IGNNE# (SDM vol. 1, appendix D) */
		if (!c->sys.x87_ferr && c->sys.machine->ferr)
			c->sys.machine->ferr(c->sys.machine->opaque, true);
		c->sys.x87_ferr = true;
		return;
	}
	x86_exception_deliver(c, vector, error);
}

/* ---- what comes from outside ---- */

static void machine_check(struct x86_cpu *c)
{
	while (__atomic_exchange_n(&c->sys.mce.lock, 1, __ATOMIC_ACQUIRE))
		;
	take(c, X86_LINE_MCE);
	uint32_t bank = c->sys.mce.bank;
	uint64_t status = c->sys.mce.status, mcg = c->sys.mce.mcg_status;
	uint64_t *mc = bank < X86_MC_BANKS ? c->sys.mc[bank] : NULL;
	bool uncorrected = status >> 61 & 1, busy = mc && mc[1] >> 63;
	if (mc && !busy) {
		mc[1] = status;
		mc[2] = c->sys.mce.addr;
		mc[3] = c->sys.mce.misc;
	} else if (mc) {
		mc[1] |= 1ull << 62; /* overflow */
	}
	__atomic_store_n(&c->sys.mce.lock, 0, __ATOMIC_RELEASE);
	if (!mc || !uncorrected)
		return;
	if (c->sys.mcg_status & 4 || !(c->sys.cr4 & X86_CR4_MCE)) { /* one is being handled, or nobody would: shutdown */
		set_halted(c, true);
		c->sys.shut_down = true;
		if (c->sys.machine->triple_fault)
			c->sys.machine->triple_fault(c->sys.machine->opaque);
		return;
	}
	c->sys.mcg_status = mcg | 4;
	set_halted(c, false);
	x86_interrupt_deliver(c, X86_MC, X86_EVENT_EXTERNAL);
}

void x86_line_machine_check(struct cpu *cc, unsigned bank, uint64_t status, uint64_t mcg_status, uint64_t addr, uint64_t misc, bool broadcast)
{
	struct x86_cpu *c = x86_cpu(cc);

	(void)broadcast; /* the board calls once for every processor that hears it */
	while (__atomic_exchange_n(&c->sys.mce.lock, 1, __ATOMIC_ACQUIRE))
		;
	c->sys.mce.bank = bank;
	c->sys.mce.status = status;
	c->sys.mce.mcg_status = mcg_status;
	c->sys.mce.addr = addr;
	c->sys.mce.misc = misc;
	__atomic_or_fetch(&c->sys.lines, X86_LINE_MCE, __ATOMIC_SEQ_CST);
	__atomic_store_n(&c->sys.mce.lock, 0, __ATOMIC_RELEASE);
	__atomic_store_n(&cc->pending, 1, __ATOMIC_SEQ_CST);
}

static void interrupt(struct x86_cpu *c)
{
	const struct x86_machine *m = c->sys.machine;

	take(c, X86_LINE_INTERRUPT);
	if (m->pending && !m->pending(m->opaque))
		return;
	int vector = m->acknowledge ? m->acknowledge(m->opaque) : -1;
	/* there may be more; or the same again, which pending() tells when IF is set the next time */
	__atomic_or_fetch(&c->sys.lines, X86_LINE_INTERRUPT, __ATOMIC_SEQ_CST);
	if (vector < 0)
		return;
	set_halted(c, false);
	x86_interrupt_deliver(c, (unsigned)vector, X86_EVENT_EXTERNAL);
}

/* Everything that may be delivered at this boundary; true: something waits for the shadow to end. */
static bool service(struct x86_cpu *c)
{
	uint32_t l = lines(c);

	if (l & X86_LINE_A20) {
		take(c, X86_LINE_A20);
		if (c->sys.a20 != c->sys.a20_next) {
			c->sys.a20 = c->sys.a20_next;
			c->sys.physical_mask ^= 1ull << 20;
			x86_flush_all(c);
		}
	}
	if (c->cpu.single_step && c->cpu.step_masked)
		return false;
	if (c->sys.wait_sipi || c->sys.shut_down) {
		if (l & X86_LINE_NMI && c->sys.shut_down)
			c->sys.shut_down = false; /* NMI ends a shutdown (SDM vol. 3, 6.15, interrupt 8) */
		else
			return false;
	}
	if (l & X86_LINE_MCE)
		machine_check(c);
	if (l & X86_LINE_SMI && !c->sys.smm) {
		take(c, X86_LINE_SMI);
		bool halted = c->sys.halted;
		c->sys.deliveries++;
		tlb_return(c->cpu.mmu);
		x86_smm_enter(c);
		tlb_leave(c->cpu.mmu);
		if (halted && c->sys.machine->halted)
			c->sys.machine->halted(c->sys.machine->opaque, false);
		return false;
	}
	if (l & X86_LINE_NMI && !c->sys.nmi_blocked) {
		if (x86_shadow(c) && !c->sys.halted)
			return true;
		take(c, X86_LINE_NMI);
		c->sys.nmi_blocked = true;
		set_halted(c, false);
		x86_interrupt_deliver(c, X86_NMI, X86_EVENT_EXTERNAL);
	}
	if (lines(c) & X86_LINE_INTERRUPT && c->rflags & X86_IF) {
		if (x86_shadow(c) && !c->sys.halted)
			return true;
		interrupt(c);
	}
	return false;
}

/* ---- the loop ---- */

static enum trap_kind debug_trap(struct x86_cpu *c)
{
	memset(&c->cpu.trap, 0, sizeof c->cpu.trap);
	c->cpu.trap.kind = TRAP_DEBUG;
	c->cpu.trap.number = JIT_DEBUG_STEP;
	return TRAP_DEBUG;
}

/* Bytes of the instruction's explicit, string or stack access: what a data breakpoint is compared with. */
static unsigned access_size(struct x86_cpu *c)
{
	struct x86_insn in;
	unsigned size;

	if (!decode_here(c, &in))
		return 1;
	if (x86_mem_access(&in, &size) && size)
		return size;
	for (unsigned n = 0; n < 2; n++) {
		unsigned w = x86_operand_info[in.row->operands[n]].where;
		if (w == X86_WHERE_SI || w == X86_WHERE_DI)
			return x86_operand_size(&in, n);
	}
	return in.opsize;
}

/* One instruction by T0. False: it was not done, something waits or a breakpoint is at it; *kind is what came of it. */
static bool single(struct x86_cpu *c, enum trap_kind *kind)
{
	const struct ir_cpu *x = c->cpu.engine;
	uint32_t before = c->sys.steps;
	bool asked = c->cpu.single_step;

	c->cpu.pending = 0;
	c->cpu.single_step = true;
	*kind = ir_run(&c->cpu);
	c->cpu.single_step = asked;
	if (*kind == TRAP_DEBUG) {
		if (c->cpu.trap.number == JIT_DEBUG_BREAK)
			return false;
		*kind = TRAP_NONE;
	} else if (*kind == TRAP_NONE) {
		return c->sys.steps != before && !x->exclusive && !x->step_over;
	}
	return true;
}

/* One instruction with everything that may happen around it. *done: it, or a fault in its place. */
static enum trap_kind step(struct x86_cpu *c, bool *done)
{
	bool armed = x86_debug_armed(c), flag = c->rflags & X86_TF;
	enum trap_kind kind;

	*done = true;
	if (armed && x86_debug_code(c)) {
		deliver(c, X86_DB, 0);
		return TRAP_NONE;
	}
	bool resume = c->rflags & X86_RF;
	uint8_t shadow = x86_shadow(c);
	c->rflags &= ~(uint64_t)X86_RF;
	c->sys.shadow = 0;
	c->sys.dr6_hits = 0;
	if (armed) {
		c->sys.debug_size = access_size(c);
		for (unsigned n = 0; n < 4; n++)
			mmu_flush_page(&c->cpu, c->sys.dr[n], x86_maps(c));
	}
	if (!single(c, &kind)) {
		c->rflags |= resume ? X86_RF : 0;
		c->sys.shadow = shadow;
		*done = false;
		return kind;
	}
	if (kind != TRAP_NONE && kind != TRAP_HALT)
		return kind;
	c->sys.dr[6] |= c->sys.dr6_hits;
	if (flag)
		c->sys.dr[6] |= 1u << 14; /* BS */
	if ((flag || c->sys.dr6_hits) && !(c->sys.shadow & X86_SHADOW_SS))
		deliver(c, X86_DB, 0);
	return kind;
}

enum trap_kind x86_system_run(struct cpu *cc)
{
	struct x86_cpu *c = x86_cpu(cc);
	bool stepped = false;

	for (;;) {
		ir_pending_take(cc);
		if (__builtin_expect(cc->jit->debug != NULL, 0) && jit_watch_met(cc))
			return TRAP_DEBUG;
		if (stepped)
			return debug_trap(c);
		uint32_t deliveries = c->sys.deliveries;
		bool waits = lines(c) && service(c);
		/* An interrupt is a step of its own, to its handler's first instruction. */
		if (cc->single_step && c->sys.deliveries != deliveries)
			return debug_trap(c);
		if (lines(c) & X86_LINE_LEAVE) {
			take(c, X86_LINE_LEAVE);
			cc->trap.kind = TRAP_NONE;
			return TRAP_NONE;
		}
		/* Halted, and what could wake it is held off: a debugger's step would never end. */
		if (c->sys.halted && cc->single_step && cc->step_masked)
			return debug_trap(c);
		if (c->sys.halted) {
			cc->trap.kind = TRAP_HALT;
			return TRAP_HALT;
		}
		bool slow = cc->single_step || waits || c->rflags & X86_TF || x86_debug_armed(c);
		enum trap_kind kind;
		if (slow) {
			kind = step(c, &stepped);
			stepped &= cc->single_step;
		} else {
			c->rflags &= ~(uint64_t)X86_RF;
			kind = ir_run(cc);
		}
		switch (kind) {
		case TRAP_EXCEPTION:
			deliver(c, cc->trap.vector, cc->trap.error_code);
			break;
		case TRAP_HALT:
			set_halted(c, true);
			break;
		case TRAP_DEBUG:
			return kind;
		default:
			break;
		}
	}
}

void x86_system_interrupt(struct cpu *cc, void *ucontext)
{
	(void)ucontext;
	__atomic_or_fetch(&x86_cpu(cc)->sys.lines, X86_LINE_LEAVE, __ATOMIC_SEQ_CST);
	__atomic_store_n(&cc->pending, 1, __ATOMIC_SEQ_CST);
}
