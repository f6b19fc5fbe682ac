/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Hardware task switches (Intel SDM volume 3, chapter 7): 16-bit and 32-bit task state segments, reached by jumps, calls, interrupts
 * and returns. Checks before the switch fault in the old task; after it (segment registers, SS, CS) in the new one.
 */
#include "isa/x86/segment.h"
#include "isa/x86/sys.h"

/* The parts of a TSS that a switch reads (SDM vol. 3, figures 7-2 and 7-10). */
struct task {
	uint64_t cr3;
	uint32_t ip, flags, gpr[8];
	uint16_t seg[6], ldt;
	bool trap;
};

enum { TSS_AVAILABLE = 1, TSS_BUSY = 3, TSS_WIDE = 8 };

static void save_old(struct x86_cpu *c, uint64_t next_ip, uint64_t flags)
{
	const struct x86_seg *tr = &c->sys.tr;

	if (tr->attr & TSS_WIDE) {
		x86_sys_store(c, tr->base + 0x20, next_ip, 4);
		x86_sys_store(c, tr->base + 0x24, flags, 4);
		for (unsigned i = 0; i < 8; i++)
			x86_sys_store(c, tr->base + 0x28 + 4 * i, c->gpr[i], 4);
		for (unsigned i = 0; i < 6; i++)
			x86_sys_store(c, tr->base + 0x48 + 4 * i, c->seg[i].selector, 2);
		return;
	}
	x86_sys_store(c, tr->base + 0x0e, next_ip, 2);
	x86_sys_store(c, tr->base + 0x10, flags, 2);
	for (unsigned i = 0; i < 8; i++)
		x86_sys_store(c, tr->base + 0x12 + 2 * i, c->gpr[i], 2);
	for (unsigned i = 0; i < 4; i++)
		x86_sys_store(c, tr->base + 0x22 + 2 * i, c->seg[i].selector, 2);
}

static void read_new(struct x86_cpu *c, const struct x86_desc *d, struct task *t)
{
	uint64_t base = d->seg.base;

	memset(t, 0, sizeof *t);
	if (d->seg.attr & TSS_WIDE) {
		t->cr3 = x86_sys_load(c, base + 0x1c, 4);
		t->ip = (uint32_t)x86_sys_load(c, base + 0x20, 4);
		t->flags = (uint32_t)x86_sys_load(c, base + 0x24, 4);
		for (unsigned i = 0; i < 8; i++)
			t->gpr[i] = (uint32_t)x86_sys_load(c, base + 0x28 + 4 * i, 4);
		for (unsigned i = 0; i < 6; i++)
			t->seg[i] = (uint16_t)x86_sys_load(c, base + 0x48 + 4 * i, 2);
		t->ldt = (uint16_t)x86_sys_load(c, base + 0x60, 2);
		t->trap = x86_sys_load(c, base + 0x64, 1) & 1;
		return;
	}
	t->cr3 = c->sys.cr3;
	t->ip = (uint32_t)x86_sys_load(c, base + 0x0e, 2);
	t->flags = (uint32_t)x86_sys_load(c, base + 0x10, 2);
	for (unsigned i = 0; i < 8; i++)
		t->gpr[i] = (uint32_t)x86_sys_load(c, base + 0x12 + 2 * i, 2) | 0xffff0000;
	for (unsigned i = 0; i < 4; i++)
		t->seg[i] = (uint16_t)x86_sys_load(c, base + 0x22 + 2 * i, 2);
	t->ldt = (uint16_t)x86_sys_load(c, base + 0x2a, 2);
}

static void set_busy(struct x86_cpu *c, uint64_t at, bool busy)
{
	uint64_t b = x86_sys_load(c, at + 5, 1);

	x86_sys_store(c, at + 5, busy ? b | 2 : b & ~2ull, 1);
}

static uint64_t descriptor_of_tr(const struct x86_cpu *c)
{
	return c->sys.gdtr.base + (c->sys.tr.selector & ~7u);
}

static void load_ldt(struct x86_cpu *c, uint16_t selector)
{
	struct x86_desc d;

	if (selector & 4)
		x86_raise(c, X86_TS, selector & ~3u);
	if (!(selector & ~3u))
		return;
	x86_desc_get(c, selector, false, &d, X86_TS, 0);
	if ((d.seg.attr & (X86_SEG_S | X86_SEG_TYPE)) != 2 || !(d.seg.attr & X86_SEG_P))
		x86_raise(c, X86_TS, selector & ~3u);
	c->sys.ldtr = d.seg;
	c->sys.ldtr.selector = selector;
}

static void load_code(struct x86_cpu *c, uint16_t selector)
{
	struct x86_desc d;
	uint64_t code = selector & ~3u;

	if (!code)
		x86_raise(c, X86_TS, 0);
	x86_desc_get(c, selector, false, &d, X86_TS, 0);
	unsigned attr = d.seg.attr, dpl = X86_SEG_DPL(attr), rpl = selector & 3;
	if (!(attr & X86_SEG_S) || !(attr & X86_SEG_CODE) || (attr & X86_SEG_DOWN ? dpl > rpl : dpl != rpl))
		x86_raise(c, X86_TS, code);
	if (!(attr & X86_SEG_P))
		x86_raise(c, X86_NP, code);
	x86_desc_accessed(c, &d);
	x86_seg_set(c, X86_CS, selector, &d);
}

static void load_stack(struct x86_cpu *c, uint16_t selector)
{
	struct x86_desc d;
	uint64_t code = selector & ~3u;

	if (!code)
		x86_raise(c, X86_TS, 0);
	x86_desc_get(c, selector, false, &d, X86_TS, 0);
	unsigned attr = d.seg.attr, rpl = selector & 3;
	if (!(attr & X86_SEG_S) || attr & X86_SEG_CODE || !(attr & X86_SEG_RW) || X86_SEG_DPL(attr) != c->sys.cpl || rpl != c->sys.cpl)
		x86_raise(c, X86_TS, code);
	if (!(attr & X86_SEG_P))
		x86_raise(c, X86_SS_, code);
	x86_desc_accessed(c, &d);
	x86_seg_set(c, X86_SS, selector, &d);
}

static void load_data(struct x86_cpu *c, unsigned seg, uint16_t selector)
{
	struct x86_desc d;
	uint64_t code = selector & ~3u;

	if (!code)
		return;
	x86_desc_get(c, selector, false, &d, X86_TS, 0);
	unsigned attr = d.seg.attr, dpl = X86_SEG_DPL(attr), rpl = selector & 3;
	bool is_code = attr & X86_SEG_CODE, bad = !(attr & X86_SEG_S) || (is_code && !(attr & X86_SEG_RW));
	if (!(is_code && attr & X86_SEG_DOWN))
		bad |= dpl < c->sys.cpl || dpl < rpl;
	if (bad)
		x86_raise(c, X86_TS, code);
	if (!(attr & X86_SEG_P))
		x86_raise(c, X86_NP, code);
	x86_desc_accessed(c, &d);
	x86_seg_set(c, seg, selector, &d);
}

/* The new task's registers; a fault from here on is the new task's. */
static void enter(struct x86_cpu *c, const struct task *t, bool wide, const uint64_t *error)
{
	for (unsigned i = 0; i < 8; i++)
		c->gpr[i] = t->gpr[i];
	for (unsigned i = 0; i < 6; i++)
		x86_seg_null(c, i, t->seg[i]);
	c->sys.ldtr = (struct x86_seg){.selector = t->ldt};
	c->sys.dr[7] &= ~0x155ull; /* local breakpoints */
	c->sys.shadow = 0;
	if (c->rflags & X86_VM) {
		c->sys.cpl = 3;
		c->mode = 16;
		load_ldt(c, t->ldt);
		for (unsigned i = 0; i < 6; i++)
			x86_seg_paragraph(c, i, t->seg[i]);
	} else {
		c->sys.cpl = t->seg[X86_CS] & 3;
		c->mode = wide ? 32 : 16;
		c->rip = t->ip;
		x86_sys_update(c);
		load_ldt(c, t->ldt);
		load_stack(c, t->seg[X86_SS]);
		load_code(c, t->seg[X86_CS]);
		x86_sys_update(c);
		static const uint8_t data[] = {X86_ES, X86_DS, X86_FS, X86_GS};
		for (unsigned i = 0; i < 4; i++)
			load_data(c, data[i], t->seg[data[i]]);
	}
	c->rip = t->ip;
	x86_sys_update(c);
	if (error) {
		struct x86_stack s;
		x86_stack_current(c, &s);
		x86_stack_push(&s, *error, wide ? 4 : 2);
		x86_set_gpr(c, X86_RSP, x86_stack_bytes(c), s.sp);
	}
	if (t->ip > c->seg[X86_CS].limit)
		x86_raise(c, X86_GP, 0);
	if (t->trap) {
		c->sys.dr[6] |= 1u << 15; /* BT */
		x86_raise(c, X86_DB, 0);
	}
}

void x86_task_switch(struct x86_cpu *c, uint16_t selector, struct x86_desc *d, enum x86_switch how, uint64_t next_ip, const uint64_t *error)
{
	bool wide = d->seg.attr & TSS_WIDE;
	uint64_t flags = c->rflags, code = selector & ~3u, old_flags = c->rflags, old_cr3 = c->sys.cr3;
	uint64_t old_descriptor = descriptor_of_tr(c);
	uint16_t old_selector = c->sys.tr.selector;
	struct task t;

	if (d->seg.limit < (wide ? 0x67u : 0x2bu))
		x86_raise(c, X86_TS, code);
	/* everything that the switch touches must be there before it begins */
	read_new(c, d, &t);
	mmu_probe_write(&c->cpu, c->sys.tr.base, c->sys.tr.attr & TSS_WIDE ? 0x60 : 0x2a, x86_map_of(c, 0, true));
	if (how == X86_SWITCH_RETURN)
		flags &= ~(uint64_t)X86_NT;
	if (how != X86_SWITCH_CALL)
		set_busy(c, old_descriptor, false);
	save_old(c, next_ip, flags);
	if (how == X86_SWITCH_CALL) {
		x86_sys_store(c, d->seg.base, old_selector, 2);
		t.flags |= X86_NT;
	}
	if (how != X86_SWITCH_RETURN)
		set_busy(c, d->at, true);
	c->sys.cr0 |= X86_CR0_TS;
	c->sys.tr = d->seg;
	c->sys.tr.selector = selector;
	c->sys.tr.attr |= 2;
	if (wide && c->sys.cr0 & X86_CR0_PG && t.cr3 != old_cr3) {
		if (c->sys.cr4 & X86_CR4_PAE && !x86_load_pdptes(c, t.cr3))
			x86_raise(c, X86_TS, code);
		c->sys.cr3 = t.cr3;
		mmu_flush_local(&c->cpu, x86_maps(c));
	}
	uint64_t may = X86_STATUS | X86_TF | X86_IF | X86_DF | X86_IOPL | X86_NT | (wide ? X86_RF | X86_VM | X86_AC | X86_VIF | X86_VIP | X86_ID : 0);
	c->rflags = (t.flags & may) | 2;
	enter(c, &t, wide, error);
	x86_flags_changed(c, old_flags);
}

void x86_task_gate(struct x86_cpu *c, const struct x86_desc *gate, uint16_t gate_selector, enum x86_switch how, uint64_t next_ip, const uint64_t *error,
		   unsigned ext)
{
	uint16_t selector = (uint16_t)(gate->low >> 16);
	uint64_t code = (selector & ~3u) | ext;
	struct x86_desc d;

	if (!x86_desc_present(gate))
		x86_raise(c, X86_NP, (gate_selector & ~3u) | ext);
	if (selector & 4 || !(selector & ~3u))
		x86_raise(c, X86_GP, code);
	x86_desc_get(c, selector, false, &d, X86_GP, ext);
	if ((d.seg.attr & (X86_SEG_S | (X86_SEG_TYPE & ~TSS_WIDE))) != TSS_AVAILABLE)
		x86_raise(c, X86_GP, code);
	if (!x86_desc_present(&d))
		x86_raise(c, X86_NP, code);
	x86_task_switch(c, selector, &d, how, next_ip, error);
}
