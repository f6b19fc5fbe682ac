/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Delivery of interrupts and exceptions (Intel SDM volume 3, chapter 6; 6.14 for long mode; 20.3 for virtual-8086 mode): gates,
 * stacks, error codes, double and triple faults. Nothing of the processor's state changes before all that may fault is done.
 */
#include "base/log.h"
#include "isa/x86/cpuid.h"
#include "isa/x86/sys.h"

bool x86_has_error_code(unsigned vector)
{
	return vector == X86_DF_ || (vector >= X86_TS && vector <= X86_PF_) || vector == X86_AC_;
}

/* ---- the task state's stacks ---- */

void x86_tss_stack(struct x86_cpu *c, unsigned level, uint16_t *ss, uint64_t *sp, unsigned ext)
{
	const struct x86_seg *tr = &c->sys.tr;
	uint16_t code = (uint16_t)((tr->selector & ~3u) | ext);

	if (!(tr->attr & X86_SEG_P))
		x86_raise(c, X86_TS, code);
	if (x86_long(c)) {
		if (4 + 8 * level + 7 > tr->limit)
			x86_raise(c, X86_TS, code);
		*sp = x86_sys_load(c, tr->base + 4 + 8 * level, 8);
		*ss = 0;
		return;
	}
	if ((tr->attr & X86_SEG_TYPE & ~2u) == 9) { /* 32-bit */
		if (4 + 8 * level + 5 > tr->limit)
			x86_raise(c, X86_TS, code);
		*sp = x86_sys_load(c, tr->base + 4 + 8 * level, 4);
		*ss = (uint16_t)x86_sys_load(c, tr->base + 8 + 8 * level, 2);
		return;
	}
	if (2 + 4 * level + 3 > tr->limit)
		x86_raise(c, X86_TS, code);
	*sp = x86_sys_load(c, tr->base + 2 + 4 * level, 2);
	*ss = (uint16_t)x86_sys_load(c, tr->base + 4 + 4 * level, 2);
}

uint64_t x86_tss_ist(struct x86_cpu *c, unsigned n, unsigned ext)
{
	const struct x86_seg *tr = &c->sys.tr;

	if (36 + 8 * n - 8 + 7 > tr->limit)
		x86_raise(c, X86_TS, (tr->selector & ~3u) | ext);
	return x86_sys_load(c, tr->base + 36 + 8 * (n - 1), 8);
}

void x86_inner_ss(struct x86_cpu *c, uint16_t selector, unsigned dpl, struct x86_desc *d, unsigned ext)
{
	uint64_t code = (selector & ~3u) | ext;

	if (!(selector & ~3u))
		x86_raise(c, X86_TS, code);
	x86_desc_get(c, selector, false, d, X86_TS, ext);
	unsigned attr = d->seg.attr;
	if ((selector & 3u) != dpl || X86_SEG_DPL(attr) != dpl || !(attr & X86_SEG_S) || attr & X86_SEG_CODE || !(attr & X86_SEG_RW))
		x86_raise(c, X86_TS, code);
	if (!(attr & X86_SEG_P))
		x86_raise(c, X86_SS_, code);
	x86_desc_accessed(c, d);
}

/* ---- real mode (SDM vol. 3, 20.1.4) ---- */

static void deliver_real(struct x86_cpu *c, unsigned vector, uint64_t next_ip)
{
	struct x86_stack s;

	if (vector * 4 + 3 > c->sys.idtr.limit)
		x86_raise(c, X86_GP, vector * 8 + 2);
	uint64_t at = x86_sys_load(c, c->sys.idtr.base + vector * 4, 4);
	x86_stack_current(c, &s);
	x86_stack_push(&s, c->rflags, 2);
	x86_stack_push(&s, c->seg[X86_CS].selector, 2);
	x86_stack_push(&s, next_ip, 2);
	x86_set_gpr(c, X86_RSP, x86_stack_bytes(c), s.sp);
	c->rflags &= ~(uint64_t)(X86_IF | X86_TF | X86_AC | X86_RF);
	x86_seg_paragraph(c, X86_CS, (uint16_t)(at >> 16));
	c->mode = c->seg[X86_CS].attr & X86_SEG_DB ? 32 : 16;
	x86_set_ip(c, at & 0xffff);
}

/* ---- protected mode ---- */

struct gate {
	unsigned type, dpl, ist;
	bool present;
	uint16_t selector;
	uint64_t offset;
};

static void read_gate(struct x86_cpu *c, unsigned vector, unsigned code, struct gate *g)
{
	bool wide = x86_long(c);
	unsigned size = wide ? 16 : 8;

	if (vector * size + size - 1 > c->sys.idtr.limit)
		x86_raise(c, X86_GP, code);
	uint64_t low = x86_sys_load(c, c->sys.idtr.base + vector * size, 8);
	g->type = low >> 40 & 0x1f;
	g->dpl = low >> 45 & 3;
	g->present = low >> 47 & 1;
	g->selector = (uint16_t)(low >> 16);
	g->offset = (low & 0xffff) | (low >> 32 & 0xffff0000);
	g->ist = 0;
	if (wide) {
		uint64_t high = x86_sys_load(c, c->sys.idtr.base + vector * size + 8, 8);
		g->offset |= high << 32;
		g->ist = low >> 32 & 7;
		if (g->type != 14 && g->type != 15)
			x86_raise(c, X86_GP, code);
		return;
	}
	if (g->type != 5 && g->type != 6 && g->type != 7 && g->type != 14 && g->type != 15)
		x86_raise(c, X86_GP, code);
}

/* IRET's counterpart leaves these clear (SDM vol. 3, 6.12.1.3); an interrupt gate clears IF too. */
static void clear_flags(struct x86_cpu *c, unsigned type)
{
	c->rflags &= ~(uint64_t)(X86_TF | X86_NT | X86_RF | X86_VM);
	if (!(type & 1))
		c->rflags &= ~(uint64_t)X86_IF;
}

/* The flags as they are pushed: faults set RF in the image, so that the return does not break again (SDM vol. 3, 17.3.1.1). */
static uint64_t pushed_flags(const struct x86_cpu *c, unsigned vector, enum x86_event event)
{
	uint64_t f = c->rflags;

	if (event == X86_EVENT_EXCEPTION && vector != X86_DB && vector != X86_BP && vector != X86_OF_ && vector != X86_DF_)
		f |= X86_RF;
	return f;
}

static void deliver_long(struct x86_cpu *c, const struct gate *g, const struct x86_desc *cs, unsigned cpl, uint64_t flags, bool has_error,
			 uint64_t error, uint64_t next_ip, unsigned ext)
{
	uint64_t sp = c->gpr[X86_RSP];
	uint16_t ss = c->seg[X86_SS].selector, unused;
	bool inner = cpl < c->sys.cpl;
	struct x86_stack s = {.c = c, .mask = UINT64_MAX, .flat = true, .map = x86_map_of(c, cpl, false)};

	if (g->ist)
		s.sp = x86_tss_ist(c, g->ist, ext);
	else if (inner)
		x86_tss_stack(c, cpl, &unused, &s.sp, ext);
	else
		s.sp = sp;
	if ((g->ist || inner) && !x86_canonical(s.sp))
		x86_raise(c, X86_SS_, ext);
	s.error = ext;
	s.sp &= ~15ull;
	x86_stack_push(&s, ss, 8);
	x86_stack_push(&s, sp, 8);
	x86_stack_push(&s, flags, 8);
	x86_stack_push(&s, c->seg[X86_CS].selector, 8);
	x86_stack_push(&s, next_ip, 8);
	if (has_error)
		x86_stack_push(&s, error, 8);
	x86_check_ip(c, cs, g->offset);
	if (inner) {
		x86_seg_null(c, X86_SS, (uint16_t)cpl);
		c->seg[X86_SS].attr = (uint16_t)(cpl << 5);
	}
	x86_cs_set(c, g->selector, cs, cpl);
	c->gpr[X86_RSP] = s.sp;
	clear_flags(c, g->type);
	x86_set_ip(c, g->offset);
}

static void deliver_inner(struct x86_cpu *c, const struct gate *g, const struct x86_desc *cs, unsigned cpl, uint64_t flags, bool has_error,
			  uint64_t error, uint64_t next_ip, unsigned ext)
{
	unsigned size = g->type & 8 ? 4 : 2;
	bool vm86 = x86_vm86(c);
	uint16_t new_ss;
	uint64_t new_sp;
	struct x86_desc ss;

	x86_tss_stack(c, cpl, &new_ss, &new_sp, ext);
	x86_inner_ss(c, new_ss, cpl, &ss, ext);
	struct x86_stack s = {.c = c, .ss = ss.seg, .sp = new_sp, .mask = ss.seg.attr & X86_SEG_DB ? UINT32_MAX : UINT16_MAX,
			      .map = x86_map_of(c, cpl, false), .error = (new_ss & ~3u) | ext};
	if (vm86) {
		static const uint8_t order[] = {X86_GS, X86_FS, X86_DS, X86_ES};
		for (unsigned i = 0; i < 4; i++)
			x86_stack_push(&s, c->seg[order[i]].selector, size);
	}
	x86_stack_push(&s, c->seg[X86_SS].selector, size);
	x86_stack_push(&s, c->gpr[X86_RSP], size);
	x86_stack_push(&s, flags, size);
	x86_stack_push(&s, c->seg[X86_CS].selector, size);
	x86_stack_push(&s, next_ip, size);
	if (has_error)
		x86_stack_push(&s, error, size);
	x86_check_ip(c, cs, g->offset);
	if (vm86) {
		x86_seg_null(c, X86_GS, 0);
		x86_seg_null(c, X86_FS, 0);
		x86_seg_null(c, X86_DS, 0);
		x86_seg_null(c, X86_ES, 0);
	}
	clear_flags(c, g->type);
	x86_seg_set(c, X86_SS, new_ss, &ss);
	x86_cs_set(c, g->selector, cs, cpl);
	x86_set_gpr(c, X86_RSP, ss.seg.attr & X86_SEG_DB ? 4 : 2, s.sp);
	x86_set_ip(c, g->offset);
}

static void deliver_protected(struct x86_cpu *c, unsigned vector, enum x86_event event, uint64_t error, uint64_t next_ip)
{
	unsigned ext = event == X86_EVENT_SOFTWARE ? 0 : 1, code = vector * 8 + 2 + ext, cpl;
	bool has_error = event == X86_EVENT_EXCEPTION && x86_has_error_code(vector);
	uint64_t flags = pushed_flags(c, vector, event);
	struct x86_desc cs;
	struct gate g;

	read_gate(c, vector, code, &g);
	if (event == X86_EVENT_SOFTWARE && g.dpl < c->sys.cpl)
		x86_raise(c, X86_GP, vector * 8 + 2);
	if (!g.present)
		x86_raise(c, X86_NP, code);
	if (g.type == 5) {
		struct x86_desc gate = {.seg = {.attr = X86_SEG_P}, .low = (uint64_t)g.selector << 16};
		x86_task_gate(c, &gate, g.selector, X86_SWITCH_CALL, next_ip, has_error ? &error : NULL, ext);
		return;
	}
	if (!(g.selector & ~3u))
		x86_raise(c, X86_GP, ext);
	x86_desc_get(c, g.selector, false, &cs, X86_GP, ext);
	unsigned attr = cs.seg.attr, dpl = X86_SEG_DPL(attr);
	uint64_t target = (g.selector & ~3u) | ext;
	if (!(attr & X86_SEG_S) || !(attr & X86_SEG_CODE) || dpl > c->sys.cpl)
		x86_raise(c, X86_GP, target);
	if (x86_long(c) && (!(attr & X86_SEG_L) || attr & X86_SEG_DB))
		x86_raise(c, X86_GP, target);
	if (!(attr & X86_SEG_P))
		x86_raise(c, X86_NP, target);
	cpl = attr & X86_SEG_DOWN ? c->sys.cpl : dpl;
	if (x86_vm86(c) && cpl != 0)
		x86_raise(c, X86_GP, target);
	x86_desc_accessed(c, &cs);
	if (x86_long(c)) {
		deliver_long(c, &g, &cs, cpl, flags, has_error, error, next_ip, ext);
		return;
	}
	if (cpl < c->sys.cpl) {
		deliver_inner(c, &g, &cs, cpl, flags, has_error, error, next_ip, ext);
		return;
	}
	struct x86_stack s;
	unsigned size = g.type & 8 ? 4 : 2;
	x86_stack_current(c, &s);
	s.error = ext;
	x86_stack_push(&s, flags, size);
	x86_stack_push(&s, c->seg[X86_CS].selector, size);
	x86_stack_push(&s, next_ip, size);
	if (has_error)
		x86_stack_push(&s, error, size);
	x86_check_ip(c, &cs, g.offset);
	x86_set_gpr(c, X86_RSP, x86_stack_bytes(c), s.sp);
	x86_cs_set(c, g.selector, &cs, cpl);
	clear_flags(c, g.type);
	x86_set_ip(c, g.offset);
}

bool x86_deliver_vme(struct x86_cpu *c, unsigned vector, uint64_t next_ip)
{
	const struct x86_seg *tr = &c->sys.tr;
	unsigned iopl = x86_iopl(c);
	struct x86_stack s;

	if (!(c->sys.cr4 & X86_CR4_VME))
		return false;
	uint64_t map = x86_sys_load(c, tr->base + 102, 2);
	if (map < 32 || map - 32 + vector / 8 > tr->limit)
		return false;
	if (x86_sys_load(c, tr->base + map - 32 + vector / 8, 1) >> (vector & 7) & 1)
		return false;
	uint64_t flags = c->rflags;
	if (iopl < 3)
		flags = (flags & ~(uint64_t)X86_IF) | X86_IOPL | (flags & X86_VIF ? X86_IF : 0);
	uint64_t at = 0;
	mmu_read(&c->cpu, vector * 4, &at, 4, c->sys.map);
	x86_stack_current(c, &s);
	x86_stack_push(&s, flags, 2);
	x86_stack_push(&s, c->seg[X86_CS].selector, 2);
	x86_stack_push(&s, next_ip, 2);
	x86_set_gpr(c, X86_RSP, 2, s.sp);
	c->rflags &= ~(uint64_t)(X86_TF | X86_NT | (iopl < 3 ? X86_VIF : X86_IF));
	x86_seg_paragraph(c, X86_CS, (uint16_t)(at >> 16));
	x86_set_ip(c, at & 0xffff);
	x86_sys_update(c);
	return true;
}

void x86_deliver(struct x86_cpu *c, unsigned vector, enum x86_event event, uint64_t error, uint64_t next_ip)
{
	static const char *const what[] = {"exception", "software", "software", "external"};
	uint64_t old = c->rflags;

	const unsigned items = x86_protected(c) ? LOG_INT | LOG_PCALL : LOG_INT;
	if (log_mask & items)
		log_printf(items, "CPU %u: v=%02x e=%04x %s cpl=%u IP=%04x:%016llx SP=%04x:%016llx EAX=%016llx CR2=%016llx\n", c->cpu.index, vector,
			   (unsigned)error, what[event], c->sys.cpl, c->seg[X86_CS].selector, (unsigned long long)c->rip, c->seg[X86_SS].selector,
			   (unsigned long long)c->gpr[X86_RSP], (unsigned long long)c->gpr[X86_RAX], (unsigned long long)c->sys.cr2);
	if (!x86_protected(c))
		deliver_real(c, vector, next_ip);
	else
		deliver_protected(c, vector, event, error, next_ip);
	c->sys.shadow = 0;
	x86_sys_update(c);
	x86_flags_changed(c, old);
}

/* ---- exceptions of guest code ---- */

static bool contributory(int v)
{
	return v == X86_DE || (v >= X86_TS && v <= X86_GP);
}

/* A fault that meets another one on its way (SDM vol. 3, table 6-5). Gives the vector that comes of it; -1: triple fault. */
static int combine(int first, int second)
{
	if (first == X86_DF_)
		return -1;
	if (contributory(first) && contributory(second))
		return X86_DF_;
	if (first == X86_PF_ && (contributory(second) || second == X86_PF_))
		return X86_DF_;
	return second;
}

static void shut_down(struct x86_cpu *c)
{
	c->sys.shut_down = c->sys.halted = true;
	if (c->sys.machine->triple_fault)
		c->sys.machine->triple_fault(c->sys.machine->opaque);
}

static void deliver_in_scope(struct x86_cpu *c, int first, uint64_t first_error, enum x86_event event)
{
	struct access_scope s;
	volatile int vector = first;
	volatile uint64_t error = first_error;
	volatile enum x86_event what = event;

	tlb_return(c->cpu.mmu);
	for (;;) {
		if (access_enter(&s)) {
			int second = s.code;
			vector = what == X86_EVENT_EXCEPTION ? combine(vector, second) : second;
			error = vector == X86_DF_ ? 0 : c->cpu.trap.error_code;
			what = X86_EVENT_EXCEPTION;
			if (vector < 0)
				break;
			continue;
		}
		x86_deliver(c, (unsigned)vector, what, error, c->rip);
		access_leave(&s);
		break;
	}
	tlb_leave(c->cpu.mmu);
	if (vector < 0)
		shut_down(c);
}

void x86_exception_deliver(struct x86_cpu *c, int vector, uint64_t error)
{
	deliver_in_scope(c, vector, error, X86_EVENT_EXCEPTION);
}

void x86_interrupt_deliver(struct x86_cpu *c, unsigned vector, enum x86_event event)
{
	c->sys.deliveries++;
	deliver_in_scope(c, (int)vector, 0, event);
}
