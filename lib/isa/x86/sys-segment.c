/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Descriptor tables and segment registers (Intel SDM volume 3, chapters 3.4, 3.5 and 5): reading descriptors, the checks of
 * MOV, POP, LDS and so on, the limit checks that translated code leaves to C, and the stack as far transfers use it.
 */
#include "isa/x86/segment.h"
#include "isa/x86/sys.h"

uint64_t x86_sys_load(struct x86_cpu *c, uint64_t linear, unsigned size)
{
	uint64_t v = 0;

	mmu_read(&c->cpu, x86_long(c) ? linear : (uint32_t)linear, &v, size, x86_map_of(c, 0, true));
	return v;
}

void x86_sys_store(struct x86_cpu *c, uint64_t linear, uint64_t v, unsigned size)
{
	mmu_write(&c->cpu, x86_long(c) ? linear : (uint32_t)linear, &v, size, x86_map_of(c, 0, true));
}

/* ---- limits ---- */

uint64_t x86_segment_check(struct x86_cpu *c, unsigned seg, uint64_t offset, unsigned size, bool write)
{
	const struct x86_bounds *b = &c->sys.bounds[seg];

	if (c->mode == 64)
		return seg == X86_FS || seg == X86_GS ? offset + c->seg[seg].base : offset;
	uint64_t from = offset - b->low[write];
	if (from > b->span[write] || from + size - 1 > b->span[write])
		x86_raise(c, seg == X86_SS ? X86_SS_ : X86_GP, 0);
	return (uint32_t)(offset + c->seg[seg].base);
}

/* ---- descriptors ---- */

bool x86_desc_find(struct x86_cpu *c, uint16_t selector, bool wide, struct x86_desc *d)
{
	uint64_t base = c->sys.gdtr.base, limit = c->sys.gdtr.limit;
	unsigned at = selector & ~7u;

	if (selector & 4) {
		if (!(c->sys.ldtr.attr & X86_SEG_P))
			return false;
		base = c->sys.ldtr.base;
		limit = c->sys.ldtr.limit;
	} else if (!at) {
		return false;
	}
	if (at + 7u > limit)
		return false;
	d->at = base + at;
	d->low = x86_sys_load(c, d->at, 8);
	d->high = 0;
	x86_descriptor_split(d->low, &d->seg);
	d->seg.selector = selector;
	if (wide) {
		if (at + 15u > limit)
			return false;
		d->high = x86_sys_load(c, d->at + 8, 8);
		d->seg.base |= d->high << 32;
	}
	return true;
}

void x86_desc_get(struct x86_cpu *c, uint16_t selector, bool wide, struct x86_desc *d, int vector, unsigned ext)
{
	if (!x86_desc_find(c, selector, wide, d))
		x86_raise(c, vector, (selector & ~3u) | ext);
}

void x86_desc_accessed(struct x86_cpu *c, struct x86_desc *d)
{
	if (d->low >> 40 & X86_SEG_ACCESSED)
		return;
	d->low |= 1ull << 40;
	d->seg.attr |= X86_SEG_ACCESSED;
	x86_sys_store(c, d->at + 5, d->low >> 40 & 0xff, 1);
}

/* ---- registers ---- */

void x86_seg_set(struct x86_cpu *c, unsigned seg, uint16_t selector, const struct x86_desc *d)
{
	c->seg[seg] = d->seg;
	c->seg[seg].selector = selector;
}

void x86_seg_paragraph(struct x86_cpu *c, unsigned seg, uint16_t selector)
{
	struct x86_seg *s = &c->seg[seg];

	s->selector = selector;
	s->base = (uint32_t)selector << 4;
	if (x86_vm86(c)) {
		s->limit = 0xffff;
		s->attr = 0xf3;
	} else {
		/* the limit, and the default size, stay as protected mode left them (SDM vol. 3, 9.9.2) */
		s->attr = (uint16_t)((s->attr & (X86_SEG_G | X86_SEG_DB)) | 0x93);
	}
}

void x86_seg_null(struct x86_cpu *c, unsigned seg, uint16_t selector)
{
	c->seg[seg] = (struct x86_seg){.selector = selector};
}

/* SS in 64-bit mode may be null inside the kernel; its DPL is the CPL then (SDM vol. 3, 5.4.1.1). */
static void null_stack(struct x86_cpu *c, uint16_t selector)
{
	if (c->mode != 64 || c->sys.cpl == 3 || (selector & 3) != c->sys.cpl)
		x86_raise(c, X86_GP, selector & ~3u);
	x86_seg_null(c, X86_SS, selector);
	c->seg[X86_SS].attr = (uint16_t)(c->sys.cpl << 5);
}

void x86_sys_seg_load(struct x86_cpu *c, unsigned seg, uint16_t selector)
{
	unsigned rpl = selector & 3, cpl = c->sys.cpl;
	struct x86_desc d;

	if (x86_paragraphs(c)) {
		x86_seg_paragraph(c, seg, selector);
		return;
	}
	if (!(selector & ~3u)) {
		if (seg == X86_SS)
			null_stack(c, selector);
		else
			x86_seg_null(c, seg, selector);
		return;
	}
	x86_desc_get(c, selector, false, &d, X86_GP, 0);
	unsigned attr = d.seg.attr, dpl = X86_SEG_DPL(attr);
	bool code = attr & X86_SEG_CODE, bad = !(attr & X86_SEG_S);
	if (seg == X86_SS)
		bad |= rpl != cpl || dpl != cpl || code || !(attr & X86_SEG_RW);
	else if (code)
		bad |= !(attr & X86_SEG_RW) || (!(attr & X86_SEG_DOWN) && (rpl > dpl || cpl > dpl));
	else
		bad |= rpl > dpl || cpl > dpl;
	if (bad)
		x86_raise(c, X86_GP, selector & ~3u);
	if (!(attr & X86_SEG_P))
		x86_raise(c, seg == X86_SS ? X86_SS_ : X86_NP, selector & ~3u);
	x86_desc_accessed(c, &d);
	x86_seg_set(c, seg, selector, &d);
}

void x86_check_code(struct x86_cpu *c, uint16_t selector, const struct x86_desc *d)
{
	unsigned attr = d->seg.attr, dpl = X86_SEG_DPL(attr), cpl = c->sys.cpl;
	bool bad = !(attr & X86_SEG_S) || !(attr & X86_SEG_CODE);

	if (attr & X86_SEG_DOWN)
		bad |= dpl > cpl;
	else
		bad |= (selector & 3u) > cpl || dpl != cpl;
	/* a code segment is 64-bit or 32-bit, not both (SDM vol. 3, 5.2.1) */
	bad |= x86_long(c) && attr & X86_SEG_L && attr & X86_SEG_DB;
	if (bad)
		x86_raise(c, X86_GP, selector & ~3u);
	if (!(attr & X86_SEG_P))
		x86_raise(c, X86_NP, selector & ~3u);
}

void x86_check_ip(struct x86_cpu *c, const struct x86_desc *cs, uint64_t ip)
{
	if (x86_long(c) && cs->seg.attr & X86_SEG_L) {
		if (!x86_canonical(ip))
			x86_raise(c, X86_GP, 0);
	} else if (ip > cs->seg.limit) {
		x86_raise(c, X86_GP, 0);
	}
}

void x86_cs_set(struct x86_cpu *c, uint16_t selector, const struct x86_desc *d, unsigned cpl)
{
	x86_seg_set(c, X86_CS, (uint16_t)((selector & ~3u) | cpl), d);
	c->sys.cpl = (uint8_t)cpl;
	c->mode = x86_long(c) && d->seg.attr & X86_SEG_L ? 64 : d->seg.attr & X86_SEG_DB ? 32 : 16;
}

void x86_outer_segments(struct x86_cpu *c)
{
	static const uint8_t data[] = {X86_DS, X86_ES, X86_FS, X86_GS};

	for (unsigned i = 0; i < 4; i++) {
		const struct x86_seg *s = &c->seg[data[i]];
		bool conforming = (s->attr & (X86_SEG_CODE | X86_SEG_DOWN)) == (X86_SEG_CODE | X86_SEG_DOWN);
		if (s->attr & X86_SEG_P && !conforming && X86_SEG_DPL(s->attr) < c->sys.cpl) {
			uint64_t base = s->base;
			x86_seg_null(c, data[i], 0);
			if (x86_long(c) && data[i] >= X86_FS)
				c->seg[data[i]].base = base;
		}
	}
}

/* ---- stacks ---- */

void x86_stack_current(struct x86_cpu *c, struct x86_stack *s)
{
	*s = (struct x86_stack){.c = c, .ss = c->seg[X86_SS], .sp = c->gpr[X86_RSP], .mask = x86_mask_of(x86_stack_bytes(c)), .map = c->sys.map,
				.flat = c->mode == 64, .paragraphs = x86_paragraphs(c)};
}

static uint64_t stack_linear(struct x86_stack *s, uint64_t offset, unsigned size)
{
	struct x86_cpu *c = s->c;

	if (s->flat) {
		if (!x86_canonical(offset) || !x86_canonical(offset + size - 1))
			x86_raise(c, X86_SS_, s->error);
		return offset;
	}
	bool down = !(s->ss.attr & X86_SEG_CODE) && s->ss.attr & X86_SEG_DOWN && !s->paragraphs;
	uint64_t top = s->ss.attr & X86_SEG_DB ? UINT32_MAX : UINT16_MAX, last;
	offset &= s->mask;
	last = offset + size - 1;
	if (down ? offset <= s->ss.limit || last > top : last > s->ss.limit)
		x86_raise(c, X86_SS_, s->error);
	return (uint32_t)(offset + s->ss.base);
}

void x86_stack_push(struct x86_stack *s, uint64_t v, unsigned size)
{
	uint64_t at = (s->sp - size) & s->mask;

	mmu_write(&s->c->cpu, stack_linear(s, at, size), &v, size, s->map);
	s->sp = (s->sp & ~s->mask) | at;
}

uint64_t x86_stack_peek(struct x86_stack *s, unsigned at, unsigned size)
{
	uint64_t v = 0;

	mmu_read(&s->c->cpu, stack_linear(s, (s->sp + at) & s->mask, size), &v, size, s->map);
	return v;
}
