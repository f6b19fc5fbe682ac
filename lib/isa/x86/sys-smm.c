/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * System management mode (Intel SDM volume 3, chapter 34; AMD APM volume 2, chapter 10). Processors with long mode save their state in AMD's
 * 64-bit map, others in Intel's 32-bit one; what Intel leaves reserved there holds the segments' hidden parts.
 */
#include "isa/x86/cpuid.h"
#include "isa/x86/sys.h"

enum { REVISION32 = 0x00020000, REVISION64 = 0x00020064 }; /* SMBASE can be moved; AMD's map */

/* The state area is reached without paging, which SMM begins and ends with. */
static void put(struct x86_cpu *c, unsigned at, uint64_t v, unsigned size)
{
	mmu_write(&c->cpu, (uint32_t)(c->sys.smbase + 0x8000 + at), &v, size, X86_MAP_KERNEL);
}

static uint64_t get(struct x86_cpu *c, unsigned at, unsigned size)
{
	uint64_t v = 0;

	mmu_read(&c->cpu, (uint32_t)(c->sys.smbase + 0x8000 + at), &v, size, X86_MAP_KERNEL);
	return v;
}

static unsigned packed(unsigned attr)
{
	return (attr & 0xff) | (attr >> 4 & 0xf00);
}

static uint16_t unpacked(uint64_t v)
{
	return (uint16_t)((v & 0xff) | (v & 0xf00) << 4);
}

static void put_segment64(struct x86_cpu *c, unsigned at, const struct x86_seg *s)
{
	put(c, at, s->selector, 2);
	put(c, at + 2, packed(s->attr), 2);
	put(c, at + 4, s->limit, 4);
	put(c, at + 8, s->base, 8);
}

static void get_segment64(struct x86_cpu *c, unsigned at, struct x86_seg *s)
{
	s->selector = (uint16_t)get(c, at, 2);
	s->attr = unpacked(get(c, at + 2, 2));
	s->limit = (uint32_t)get(c, at + 4, 4);
	s->base = get(c, at + 8, 8);
}

static unsigned hidden32(unsigned seg)
{
	return seg < 3 ? 0x7f84 + 12 * seg : 0x7f2c + 12 * (seg - 3);
}

static void put_hidden32(struct x86_cpu *c, unsigned at, const struct x86_seg *s)
{
	put(c, at, packed(s->attr), 4);
	put(c, at + 4, s->limit, 4);
	put(c, at + 8, s->base, 4);
}

static void get_hidden32(struct x86_cpu *c, unsigned at, struct x86_seg *s)
{
	s->attr = unpacked(get(c, at, 4));
	s->limit = (uint32_t)get(c, at + 4, 4);
	s->base = get(c, at + 8, 4);
}

/* Registers of the 32-bit map, from 7fd0 up: EAX ECX EDX EBX ESP EBP ESI EDI, as they are numbered. */
static void save32(struct x86_cpu *c, const struct x86_sys *old, uint64_t flags, uint64_t ip, const struct x86_seg *seg, bool halted)
{
	put(c, 0x7ffc, old->cr0, 4);
	put(c, 0x7ff8, old->cr3, 4);
	put(c, 0x7ff4, flags, 4);
	put(c, 0x7ff0, ip, 4);
	for (unsigned i = 0; i < 8; i++)
		put(c, 0x7fd0 + 4 * i, c->gpr[i], 4);
	put(c, 0x7fcc, old->dr[6], 4);
	put(c, 0x7fc8, old->dr[7], 4);
	put(c, 0x7fc4, old->tr.selector, 4);
	put(c, 0x7fc0, old->ldtr.selector, 4);
	for (unsigned i = 0; i < 6; i++) {
		put(c, 0x7fa8 + 4 * i, seg[i].selector, 4);
		put_hidden32(c, hidden32(i), &seg[i]);
	}
	put_hidden32(c, 0x7f5c, &old->tr);
	put_hidden32(c, 0x7f78 - 12, &old->ldtr);
	put(c, 0x7f28, old->idtr.base, 4);
	put(c, 0x7f24, old->idtr.limit, 4);
	put(c, 0x7f20, old->gdtr.base, 4);
	put(c, 0x7f1c, old->gdtr.limit, 4);
	put(c, 0x7f14, old->cr4, 4);
	put(c, 0x7f02, halted, 2);
	put(c, 0x7f00, 0, 2);
	put(c, 0x7efc, REVISION32, 4);
	put(c, 0x7ef8, old->smbase, 4);
}

static void save64(struct x86_cpu *c, const struct x86_sys *old, uint64_t flags, uint64_t ip, const struct x86_seg *seg, bool halted)
{
	struct x86_seg table = {.limit = old->gdtr.limit, .base = old->gdtr.base};

	for (unsigned i = 0; i < 6; i++)
		put_segment64(c, 0x7e00 + 16 * i, &seg[i]);
	put_segment64(c, 0x7e60, &table);
	put_segment64(c, 0x7e70, &old->ldtr);
	table = (struct x86_seg){.limit = old->idtr.limit, .base = old->idtr.base};
	put_segment64(c, 0x7e80, &table);
	put_segment64(c, 0x7e90, &old->tr);
	put(c, 0x7ec8, 0, 1);
	put(c, 0x7ec9, halted, 1);
	put(c, 0x7ed0, old->efer, 8);
	put(c, 0x7efc, REVISION64, 4);
	put(c, 0x7f00, old->smbase, 4);
	put(c, 0x7f48, old->cr4, 8);
	put(c, 0x7f50, old->cr3, 8);
	put(c, 0x7f58, old->cr0, 8);
	put(c, 0x7f60, old->dr[7], 8);
	put(c, 0x7f68, old->dr[6], 8);
	put(c, 0x7f70, flags, 8);
	put(c, 0x7f78, ip, 8);
	/* RAX RCX RDX RBX RSP RBP RSI RDI R8 … downwards from 7ff8 */
	for (unsigned i = 0; i < 16; i++)
		put(c, 0x7ff8 - 8 * i, c->gpr[i], 8);
}

static void tell(struct x86_cpu *c, bool inside)
{
	const struct x86_machine *m = x86_leave_guest(c);
	if (m->smm)
		m->smm(m->opaque, inside);
	x86_return_guest(c);
}

void x86_smm_enter(struct x86_cpu *c)
{
	const struct x86_sys old = c->sys;
	struct x86_seg seg[6];
	uint64_t flags = c->rflags, ip = c->rip;
	bool halted = c->sys.halted;

	memcpy(seg, c->seg, sizeof seg);
	c->sys.smm = true;
	c->sys.smi_count++;
	c->sys.halted = false;
	c->sys.smm_nmi_blocked = c->sys.nmi_blocked;
	c->sys.nmi_blocked = true;
	c->sys.shadow = 0;
	tell(c, true);
	c->sys.cr0 &= ~(uint64_t)(X86_CR0_PE | X86_CR0_EM | X86_CR0_TS | X86_CR0_PG);
	c->sys.cr4 = c->sys.efer = 0;
	c->sys.dr[7] = 0x400;
	c->rflags = 2;
	for (unsigned i = 0; i < 6; i++)
		c->seg[i] = (struct x86_seg){.attr = 0x8093, .limit = UINT32_MAX};
	c->seg[X86_CS].selector = (uint16_t)(c->sys.smbase >> 4);
	c->seg[X86_CS].base = c->sys.smbase;
	x86_sys_update(c);
	x86_flush_all(c);
	if (x86_has(c->feat, X86_FEAT_LM))
		save64(c, &old, flags, ip, seg, halted);
	else
		save32(c, &old, flags, ip, seg, halted);
	x86_set_ip(c, 0x8000);
}

static void restore32(struct x86_cpu *c)
{
	struct x86_sys *s = &c->sys;

	s->cr0 = get(c, 0x7ffc, 4) | X86_CR0_ET;
	s->cr3 = get(c, 0x7ff8, 4);
	c->rflags = (get(c, 0x7ff4, 4) & 0x3f7fd7) | 2;
	for (unsigned i = 0; i < 8; i++)
		c->gpr[i] = get(c, 0x7fd0 + 4 * i, 4);
	s->dr[6] = (get(c, 0x7fcc, 4) & 0xe00f) | 0xffff0ff0;
	s->dr[7] = (get(c, 0x7fc8, 4) & 0xffff23ff) | 0x400;
	s->tr.selector = (uint16_t)get(c, 0x7fc4, 4);
	s->ldtr.selector = (uint16_t)get(c, 0x7fc0, 4);
	get_hidden32(c, 0x7f5c, &s->tr);
	get_hidden32(c, 0x7f78 - 12, &s->ldtr);
	s->idtr.base = get(c, 0x7f28, 4);
	s->idtr.limit = (uint32_t)get(c, 0x7f24, 4);
	s->gdtr.base = get(c, 0x7f20, 4);
	s->gdtr.limit = (uint32_t)get(c, 0x7f1c, 4);
	s->cr4 = get(c, 0x7f14, 4);
	for (unsigned i = 0; i < 6; i++) {
		c->seg[i].selector = (uint16_t)get(c, 0x7fa8 + 4 * i, 4);
		get_hidden32(c, hidden32(i), &c->seg[i]);
	}
	s->halted = get(c, 0x7f02, 2) & 1;
	c->rip = get(c, 0x7ff0, 4);
	s->smbase = (uint32_t)get(c, 0x7ef8, 4);
}

static void restore64(struct x86_cpu *c)
{
	struct x86_sys *s = &c->sys;
	struct x86_seg table;

	for (unsigned i = 0; i < 6; i++)
		get_segment64(c, 0x7e00 + 16 * i, &c->seg[i]);
	get_segment64(c, 0x7e60, &table);
	s->gdtr = (struct x86_table){table.base, table.limit & 0xffff};
	get_segment64(c, 0x7e70, &s->ldtr);
	get_segment64(c, 0x7e80, &table);
	s->idtr = (struct x86_table){table.base, table.limit & 0xffff};
	get_segment64(c, 0x7e90, &s->tr);
	s->halted = get(c, 0x7ec9, 1) & 1;
	s->efer = get(c, 0x7ed0, 8) & (X86_EFER_SCE | X86_EFER_LME | X86_EFER_LMA | X86_EFER_NXE | X86_EFER_FFXSR);
	s->cr4 = get(c, 0x7f48, 8);
	s->cr3 = get(c, 0x7f50, 8);
	s->cr0 = (uint32_t)get(c, 0x7f58, 8) | X86_CR0_ET;
	s->dr[7] = (get(c, 0x7f60, 8) & 0xffff23ff) | 0x400;
	s->dr[6] = (get(c, 0x7f68, 8) & 0xe00f) | 0xffff0ff0;
	c->rflags = (get(c, 0x7f70, 8) & 0x3f7fd7) | 2;
	c->rip = get(c, 0x7f78, 8);
	for (unsigned i = 0; i < 16; i++)
		c->gpr[i] = get(c, 0x7ff8 - 8 * i, 8);
	s->smbase = (uint32_t)get(c, 0x7f00, 4);
}

X86_SYS_HELPER(rsm)
{
	(void)in, (void)ea;
	if (!c->sys.smm)
		x86_raise(c, X86_UD, 0);
	/* the state area is read through a map without paging, whatever the handler has done */
	c->sys.cr0 &= ~(uint64_t)X86_CR0_PG;
	c->sys.efer = 0;
	x86_flush_all(c);
	if (x86_has(c->feat, X86_FEAT_LM))
		restore64(c);
	else
		restore32(c);
	c->sys.smm = false;
	c->sys.nmi_blocked = c->sys.smm_nmi_blocked; /* SDM vol. 3, 34.8 */
	c->sys.shadow = 0;
	tell(c, false);
	if (!x86_protected(c))
		c->sys.cpl = 0;
	else if (x86_vm86(c))
		c->sys.cpl = 3;
	else
		c->sys.cpl = X86_SEG_DPL(c->seg[X86_SS].attr);
	uint64_t ip = c->rip;
	if (c->sys.cr0 & X86_CR0_PG && c->sys.cr4 & X86_CR4_PAE && !x86_long(c) && !x86_load_pdptes(c, c->sys.cr3))
		memset(c->sys.pdpte, 0, sizeof c->sys.pdpte);
	x86_sys_update(c);
	x86_set_ip(c, ip);
	x86_flush_all(c);
	x86_look(c);
}
