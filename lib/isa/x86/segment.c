/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Descriptors and the load of segment registers at privilege level 3. See segment.h. */
#include <stdlib.h>
#include "isa/x86/segment.h"

/* Bits of x86_seg.attr: descriptor bits 40..55 (SDM vol. 3, 3.4.5). */
enum {
	TYPE_ACCESSED = 1, TYPE_WRITE_READ = 2, TYPE_CONFORMING = 4, TYPE_CODE = 8, NOT_SYSTEM = 0x10, DPL = 0x60,
	PRESENT = 0x80, LONG = 0x2000, BIG = 0x4000, GRANULAR = 0x8000,
};

struct x86_seg_table *x86_seg_table_new(unsigned count)
{
	struct x86_seg_table *t = calloc(1, sizeof(*t) + count * sizeof(t->entry[0]));

	if (t)
		t->count = count;
	return t;
}

uint64_t x86_descriptor(uint32_t base, uint32_t limit, uint16_t attr)
{
	return (uint64_t)(limit & 0xffff) | (uint64_t)(base & 0xffffff) << 16 | (uint64_t)(attr & 0xf0ff) << 40 |
	       (uint64_t)(limit >> 16 & 0xf) << 48 | (uint64_t)(base >> 24) << 56;
}

void x86_descriptor_split(uint64_t d, struct x86_seg *out)
{
	out->base = (d >> 16 & 0xffffff) | (d >> 56) << 24;
	out->attr = (uint16_t)(d >> 40 & 0xf0ff);
	out->limit = (uint32_t)((d & 0xffff) | (d >> 32 & 0xf0000));
	if (out->attr & GRANULAR)
		out->limit = out->limit << 12 | 0xfff;
}

bool x86_seg_find(const struct x86_cpu *c, uint16_t selector, uint64_t *d)
{
	const struct x86_seg_table *t = selector & 4 ? c->ldt : c->gdt;
	unsigned n = selector >> 3;

	if (!(selector & 4)) {
		const uint16_t user = NOT_SYSTEM | DPL | PRESENT | TYPE_ACCESSED | TYPE_WRITE_READ | GRANULAR;

		switch (n) {
		case X86_USER_CS32 >> 3:
			*d = x86_descriptor(0, 0xfffff, user | TYPE_CODE | BIG);
			return true;
		case X86_USER_DS >> 3:
			*d = x86_descriptor(0, 0xfffff, user | BIG);
			return true;
		case X86_USER_CS64 >> 3:
			*d = x86_descriptor(0, 0xfffff, user | TYPE_CODE | LONG);
			return true;
		}
		if (n < X86_GDT_TLS_FIRST || n >= X86_GDT_TLS_FIRST + X86_GDT_TLS_COUNT)
			return false;
		n -= X86_GDT_TLS_FIRST;
	}
	if (!t || n >= t->count)
		return false;
	*d = t->entry[n];
	return true;
}

int x86_seg_load(struct x86_cpu *c, unsigned seg, uint16_t selector, uint64_t *error)
{
	struct x86_seg s = {.selector = selector};
	unsigned rpl = selector & 3, dpl;
	uint64_t d;

	*error = selector & ~3u;
	if (!(selector & ~3u)) {
		if (seg == X86_CS || seg == X86_SS)
			return 13;
		c->seg[seg] = s;
		return 0;
	}
	if (!x86_seg_find(c, selector, &d))
		return 13;
	x86_descriptor_split(d, &s);
	dpl = s.attr >> 5 & 3;
	if (!(s.attr & NOT_SYSTEM))
		return 13;
	if (seg == X86_CS) {
		if (!(s.attr & TYPE_CODE) || (!(s.attr & TYPE_CONFORMING) && dpl != 3))
			return 13;
	} else if (seg == X86_SS) {
		if (rpl != 3 || dpl != 3 || (s.attr & TYPE_CODE) || !(s.attr & TYPE_WRITE_READ))
			return 13;
	} else {
		if ((s.attr & TYPE_CODE) && !(s.attr & TYPE_WRITE_READ))
			return 13;
		if ((!(s.attr & TYPE_CODE) || !(s.attr & TYPE_CONFORMING)) && dpl < 3)
			return 13;
	}
	if (!(s.attr & PRESENT))
		return seg == X86_SS ? 12 : 11;
	if (seg == X86_CS) {
		s.selector |= 3;
		c->mode = s.attr & LONG ? 64 : s.attr & BIG ? 32 : 16;
	}
	c->seg[seg] = s;
	return 0;
}
