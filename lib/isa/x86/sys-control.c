/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Control registers and what goes with them (Intel SDM volume 3, 2.5 and 4.1; volume 2, MOV, LMSW, CLTS, XSETBV, INVLPG, INVPCID):
 * reserved bits, the transitions between modes, TLB flushes.
 */
#include "base/log.h"
#include "isa/x86/cpuid.h"
#include "isa/x86/sys.h"

static void fault(struct x86_cpu *c)
{
	x86_raise(c, X86_GP, 0);
}

static void write_cr0(struct x86_cpu *c, uint64_t v)
{
	uint64_t old = c->sys.cr0, changed;

	if (v >> 32)
		fault(c);
	v = (v & (X86_CR0_PE | X86_CR0_MP | X86_CR0_EM | X86_CR0_TS | X86_CR0_NE | X86_CR0_WP | X86_CR0_AM | X86_CR0_NW | X86_CR0_CD | X86_CR0_PG)) |
	    X86_CR0_ET;
	if ((v & X86_CR0_PG && !(v & X86_CR0_PE)) || (v & X86_CR0_NW && !(v & X86_CR0_CD)))
		fault(c);
	changed = v ^ old;
	uint64_t efer = c->sys.efer;
	if (changed & X86_CR0_PG) {
		if (v & X86_CR0_PG && efer & X86_EFER_LME) { /* SDM vol. 3, 9.8.5 */
			unsigned tss = c->sys.tr.attr & X86_SEG_TYPE;
			if (!(c->sys.cr4 & X86_CR4_PAE) || c->seg[X86_CS].attr & X86_SEG_L || (tss & ~2u) == 1)
				fault(c);
			efer |= X86_EFER_LMA;
		} else if (!(v & X86_CR0_PG)) {
			if ((efer & X86_EFER_LMA && c->mode == 64) || c->sys.cr4 & X86_CR4_PCIDE)
				fault(c);
			efer &= ~(uint64_t)X86_EFER_LMA;
		}
	}
	if (v & X86_CR0_PG && c->sys.cr4 & X86_CR4_PAE && !(efer & X86_EFER_LMA) && changed & (X86_CR0_PG | X86_CR0_CD | X86_CR0_NW))
		if (!x86_load_pdptes(c, c->sys.cr3))
			fault(c);
	c->sys.cr0 = v;
	c->sys.efer = efer;
	if (changed & (X86_CR0_PG | X86_CR0_PE | X86_CR0_WP | X86_CR0_CD))
		x86_flush_all(c);
	x86_sys_update(c);
}

static void write_cr3(struct x86_cpu *c, uint64_t v)
{
	bool tagged = c->sys.cr4 & X86_CR4_PCIDE, keep = tagged && v >> 63;

	if (x86_long(c)) {
		if (tagged)
			v &= ~(1ull << 63);
		if (v >> c->sys.physical_bits)
			fault(c);
	} else {
		v &= UINT32_MAX;
		if (c->sys.cr0 & X86_CR0_PG && c->sys.cr4 & X86_CR4_PAE && !x86_load_pdptes(c, v))
			fault(c);
	}
	c->sys.cr3 = v;
	/* SDM volume 3, 4.10.4.1: without PCIDs everything, else what belongs to the new one, unless bit 63 was set. A bank has no room for two. */
	unsigned bank = tagged && v & 0x800;
	if (!keep || c->sys.pcid[bank] != (v & 0xfff))
		mmu_flush_local(&c->cpu, X86_BANK_MAPS(bank));
	if (tagged)
		x86_sys_update(c);
}

static uint64_t cr4_bits(const struct x86_cpu *c)
{
	static const struct { uint32_t bit; uint8_t feature; } bits[] = {
		{X86_CR4_VME | X86_CR4_PVI, X86_FEAT_VME}, {X86_CR4_TSD, X86_FEAT_TSC}, {X86_CR4_DE, X86_FEAT_DE}, {X86_CR4_PSE, X86_FEAT_PSE},
		{X86_CR4_PAE, X86_FEAT_PAE}, {X86_CR4_MCE, X86_FEAT_MCE}, {X86_CR4_PGE, X86_FEAT_PGE}, {X86_CR4_PCE, X86_FEAT_MSR},
		{X86_CR4_OSFXSR, X86_FEAT_FXSR}, {X86_CR4_OSXMMEXCPT, X86_FEAT_SSE}, {X86_CR4_FSGSBASE, X86_FEAT_FSGSBASE},
		{X86_CR4_PCIDE, X86_FEAT_PCID}, {X86_CR4_OSXSAVE, X86_FEAT_XSAVE}, {X86_CR4_SMEP, X86_FEAT_SMEP}, {X86_CR4_SMAP, X86_FEAT_SMAP},
		{X86_CR4_UMIP, X86_FEAT_UMIP},
	};
	uint64_t v = 0;

	for (unsigned i = 0; i < sizeof bits / sizeof bits[0]; i++)
		if (x86_has(c->feat, bits[i].feature))
			v |= bits[i].bit;
	return v;
}

static void write_cr4(struct x86_cpu *c, uint64_t v)
{
	uint64_t changed = v ^ c->sys.cr4;
	const uint64_t paging = X86_CR4_PSE | X86_CR4_PAE | X86_CR4_PGE | X86_CR4_PCIDE | X86_CR4_SMEP | X86_CR4_SMAP;

	if (v & ~cr4_bits(c))
		fault(c);
	if (x86_long(c) && !(v & X86_CR4_PAE))
		fault(c);
	if (changed & v & X86_CR4_PCIDE && (!x86_long(c) || c->sys.cr3 & 0xfff))
		fault(c);
	if (c->sys.cr0 & X86_CR0_PG && v & X86_CR4_PAE && !x86_long(c) && changed & (X86_CR4_PAE | X86_CR4_PGE | X86_CR4_PSE | X86_CR4_SMEP))
		if (!x86_load_pdptes(c, c->sys.cr3))
			fault(c);
	c->sys.cr4 = v;
	if (changed & paging)
		x86_flush_all(c);
	x86_sys_update(c);
}

static void write_tpr(struct x86_cpu *c, uint64_t v)
{
	if (v >> 4)
		fault(c);
	const struct x86_machine *m = x86_leave_guest(c);
	if (m->set_tpr)
		m->set_tpr(m->opaque, (uint8_t)v);
	x86_return_guest(c);
	__atomic_or_fetch(&c->sys.lines, X86_LINE_INTERRUPT, __ATOMIC_SEQ_CST);
	x86_look(c);
}

static uint64_t read_tpr(struct x86_cpu *c)
{
	const struct x86_machine *m = x86_leave_guest(c);
	uint64_t v = m->get_tpr ? m->get_tpr(m->opaque) : 0;
	x86_return_guest(c);
	return v;
}

X86_SYS_HELPER(mov_to_cr)
{
	(void)ea;
	uint64_t v = in->mode == 64 ? c->gpr[in->rm] : (uint32_t)c->gpr[in->rm];

	if (c->sys.cpl)
		fault(c);
	if (__builtin_expect(log_mask & LOG_MMU, 0) && (in->reg == 0 || in->reg == 3 || in->reg == 4))
		log_printf(LOG_MMU, "CPU %u: CR%u becomes %016llx\n", c->cpu.index, in->reg, (unsigned long long)v);
	switch (in->reg) {
	case 0: write_cr0(c, v); break;
	case 2: c->sys.cr2 = v; break;
	case 3: write_cr3(c, v); break;
	case 4: write_cr4(c, v); break;
	case 8: write_tpr(c, v); break;
	default: x86_raise(c, X86_UD, 0);
	}
}

bool x86_control_set(struct x86_cpu *c, unsigned n, uint64_t v)
{
	struct access_scope s;

	if (access_enter(&s))
		return false; /* what the guest would get a fault for */
	switch (n) {
	case 0: write_cr0(c, v); break;
	case 2: c->sys.cr2 = v; break;
	case 3: write_cr3(c, v); break;
	case 4: write_cr4(c, v); break;
	default: fault(c);
	}
	access_leave(&s);
	return true;
}

X86_SYS_HELPER(mov_from_cr)
{
	(void)ea;
	uint64_t v = 0;

	if (c->sys.cpl)
		fault(c);
	switch (in->reg) {
	case 0: v = c->sys.cr0; break;
	case 2: v = c->sys.cr2; break;
	case 3: v = c->sys.cr3; break;
	case 4: v = c->sys.cr4; break;
	case 8: v = read_tpr(c); break;
	default: x86_raise(c, X86_UD, 0);
	}
	x86_set_gpr(c, in->rm, in->mode == 64 ? 8 : 4, v);
}

X86_SYS_HELPER(smsw)
{
	if (c->sys.cr4 & X86_CR4_UMIP && c->sys.cpl)
		fault(c);
	if (in->has_mem)
		x86_st16(c, ea, (uint16_t)c->sys.cr0);
	else
		x86_set_gpr(c, in->rm, in->opsize, c->sys.cr0);
}

X86_SYS_HELPER(lmsw)
{
	uint64_t v = in->has_mem ? x86_ld16(c, ea) : (uint16_t)c->gpr[in->rm];

	if (c->sys.cpl)
		fault(c);
	write_cr0(c, (c->sys.cr0 & ~0xeull) | (v & 0xf));
}

X86_SYS_HELPER(clts)
{
	(void)in, (void)ea;
	if (c->sys.cpl)
		fault(c);
	c->sys.cr0 &= ~(uint64_t)X86_CR0_TS;
	x86_sys_update(c);
}

X86_SYS_HELPER(clac)
{
	(void)in, (void)ea;
	if (c->sys.cpl)
		x86_raise(c, X86_UD, 0);
	c->rflags &= ~(uint64_t)X86_AC;
	x86_sys_update(c);
}

X86_SYS_HELPER(stac)
{
	(void)in, (void)ea;
	if (c->sys.cpl)
		x86_raise(c, X86_UD, 0);
	c->rflags |= X86_AC;
	x86_sys_update(c);
}

X86_SYS_HELPER(xgetbv)
{
	(void)in, (void)ea;
	uint32_t n = (uint32_t)c->gpr[X86_RCX];

	if (!(c->sys.cr4 & X86_CR4_OSXSAVE))
		x86_raise(c, X86_UD, 0);
	if (n > 1 || (n == 1 && !x86_has(c->feat, X86_FEAT_XGETBV1)))
		fault(c);
	c->gpr[X86_RAX] = (uint32_t)c->xcr0;
	c->gpr[X86_RDX] = c->xcr0 >> 32;
}

X86_SYS_HELPER(xsetbv)
{
	(void)in, (void)ea;
	uint64_t v = (uint64_t)(uint32_t)c->gpr[X86_RDX] << 32 | (uint32_t)c->gpr[X86_RAX];

	if (!(c->sys.cr4 & X86_CR4_OSXSAVE))
		x86_raise(c, X86_UD, 0);
	if (c->sys.cpl || (uint32_t)c->gpr[X86_RCX] || !(v & 1) || v & ~c->feat->xcr0 || (v & 6) == 4)
		fault(c);
	c->xcr0 = v;
	x86_sys_update(c);
}

X86_SYS_HELPER(invlpg)
{
	(void)in;
	if (c->sys.cpl)
		fault(c);
	if (__builtin_expect(log_mask & LOG_MMU, 0))
		log_printf(LOG_MMU, "CPU %u: INVLPG %016llx\n", c->cpu.index, (unsigned long long)ea);
	if (x86_canonical(ea))
		mmu_flush_page(&c->cpu, ea, x86_maps(c)); /* global pages: of the other context, too */
}

X86_SYS_HELPER(invpcid)
{
	uint64_t d[2], type = in->mode == 64 ? c->gpr[in->reg] : (uint32_t)c->gpr[in->reg];

	if (!x86_protected(c))
		;
	else if (c->sys.cpl)
		fault(c);
	x86_mem_read(c, ea, d, 16);
	if (type > 3 || (type < 2 && d[0] >> 12) || (type < 2 && d[0] && !(c->sys.cr4 & X86_CR4_PCIDE)) || (!type && !x86_canonical(d[1])))
		fault(c);
	unsigned bank = d[0] >> 11 & 1, maps = c->sys.pcid[bank] == d[0] ? X86_BANK_MAPS(bank) : 0;
	switch (type) {
	case 0: mmu_flush_page(&c->cpu, d[1], maps); break;
	case 1: mmu_flush_local(&c->cpu, maps); break;
	case 2: x86_flush_all(c); break;
	default: mmu_flush_local(&c->cpu, x86_maps(c)); break;
	}
}

X86_SYS_HELPER(wbinvd)
{
	(void)in, (void)ea;
	if (c->sys.cpl)
		fault(c);
}
