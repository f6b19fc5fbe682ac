/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The life of a machine's processor: reset, INIT, start-up messages, and what is derived from its registers.
 */
#include "isa/x86/cpuid.h"
#include "isa/x86/sys.h"

unsigned x86_map_of(const struct x86_cpu *c, unsigned cpl, bool implicit)
{
	if (cpl == 3 && !implicit)
		return X86_MAP_USER + c->sys.bank;
	return (c->sys.cr4 & X86_CR4_SMAP && (implicit || !(c->rflags & X86_AC)) ? X86_MAP_GUARDED : X86_MAP_KERNEL) + c->sys.bank;
}

static const uint64_t nowhere = 1ull << 40; /* no offset is that large */

static void bounds_of(struct x86_bounds *b, const struct x86_seg *s, bool paragraphs)
{
	unsigned type = s->attr & X86_SEG_TYPE;
	bool down = !(type & X86_SEG_CODE) && type & X86_SEG_DOWN && !paragraphs;
	uint64_t low = 0, high = s->limit;

	if (down) {
		low = (uint64_t)s->limit + 1;
		high = s->attr & X86_SEG_DB ? UINT32_MAX : UINT16_MAX;
	}
	b->low[0] = b->low[1] = nowhere;
	b->span[0] = b->span[1] = 0;
	if ((!paragraphs && !(s->attr & X86_SEG_P)) || low > high)
		return;
	if (paragraphs || !(type & X86_SEG_CODE) || type & X86_SEG_RW) {
		b->low[0] = low;
		b->span[0] = high - low;
	}
	if (paragraphs || (!(type & X86_SEG_CODE) && type & X86_SEG_RW)) {
		b->low[1] = low;
		b->span[1] = high - low;
	}
}

static bool flat(const struct x86_cpu *c, unsigned seg)
{
	const struct x86_bounds *b = &c->sys.bounds[seg];
	unsigned write = seg != X86_CS;

	return !c->seg[seg].base && c->seg[seg].limit == UINT32_MAX && !b->low[0] && b->span[0] == UINT32_MAX &&
	       (!write || (!b->low[1] && b->span[1] == UINT32_MAX));
}

/* Is there an x87, MMX, SSE or AVX instruction of this model that must not simply be executed? */
static bool fpu_gated(const struct x86_cpu *c)
{
	if (c->sys.cr0 & (X86_CR0_EM | X86_CR0_TS))
		return true;
	if (x86_has(c->feat, X86_FEAT_SSE) && !(c->sys.cr4 & X86_CR4_OSFXSR))
		return true;
	if (!x86_has(c->feat, X86_FEAT_AVX))
		return false;
	return !(c->sys.cr4 & X86_CR4_OSXSAVE) || (c->xcr0 & 6) != 6 || x86_paragraphs(c);
}

void x86_sys_update(struct x86_cpu *c)
{
	struct x86_sys *s = &c->sys;
	bool paragraphs = x86_paragraphs(c);
	uint32_t key;

	if (!x86_protected(c))
		s->cpl = 0;
	else if (x86_vm86(c))
		s->cpl = 3;
	c->mode = x86_long(c) && c->seg[X86_CS].attr & X86_SEG_L ? 64 : c->seg[X86_CS].attr & X86_SEG_DB ? 32 : 16;
	s->bank = s->cr4 & X86_CR4_PCIDE && s->cr3 & 0x800 ? X86_MAP_KINDS : 0;
	s->pcid[s->bank != 0] = s->cr4 & X86_CR4_PCIDE ? s->cr3 & 0xfff : 0;
	s->map = (uint8_t)x86_map_of(c, s->cpl, false);
	for (unsigned i = 0; i < 6; i++)
		bounds_of(&s->bounds[i], &c->seg[i], paragraphs);
	key = c->mode == 64 ? 2 : c->mode == 32;
	if (c->mode == 64)
		key |= X86_KEY_FLAT;
	else {
		if (c->seg[X86_SS].attr & X86_SEG_DB)
			key |= X86_KEY_SS32;
		if (!paragraphs && flat(c, X86_ES) && flat(c, X86_CS) && flat(c, X86_SS) && flat(c, X86_DS))
			key |= X86_KEY_FLAT;
	}
	if (s->cpl == 3)
		key |= X86_KEY_USER;
	if (s->map - s->bank == X86_MAP_GUARDED)
		key |= X86_KEY_GUARDED;
	if (fpu_gated(c))
		key |= X86_KEY_FPU;
	if (s->cpl == 3 && s->cr0 & X86_CR0_AM && c->rflags & X86_AC)
		key |= X86_KEY_ALIGN;
	if (!(key & X86_KEY_FLAT)) {
		uint32_t limit = c->seg[X86_CS].limit;
		key |= limit >> 20 ? limit >> 12 << X86_KEY_LIMIT | 1u << 31 : limit << X86_KEY_LIMIT;
	}
	s->key = key;
}

void x86_flags_changed(struct x86_cpu *c, uint64_t old)
{
	if ((c->rflags ^ old) & (X86_AC | X86_VM)) {
		uint32_t key = c->sys.key;
		x86_sys_update(c);
		if (c->sys.key != key)
			x86_look(c);
	}
	if (c->rflags & X86_TF || (c->rflags & X86_IF && c->sys.lines & X86_LINE_INTERRUPT))
		x86_look(c);
}

static void plain_segment(struct x86_seg *s, uint16_t selector, uint64_t base, uint16_t attr)
{
	*s = (struct x86_seg){.selector = selector, .base = base, .limit = 0xffff, .attr = attr};
}

static void physical_address(struct x86_cpu *c)
{
	uint32_t out[4];

	x86_cpuid(c->feat, 0x80000008, 0, out);
	c->sys.physical_bits = x86_has(c->feat, X86_FEAT_LM) || x86_has(c->feat, X86_FEAT_PSE36) || x86_has(c->feat, X86_FEAT_PAE)
				       ? (out[0] & 0xff) >= 32 && (out[0] & 0xff) <= 52 ? out[0] & 0xff : 36
				       : 32;
	c->sys.physical_mask = ((1ull << c->sys.physical_bits) - 1) & (c->sys.a20 ? UINT64_MAX : ~(1ull << 20));
}

/* What RESET and INIT have in common (SDM vol. 3, table 9-1). */
static void start(struct x86_cpu *c)
{
	struct x86_sys *s = &c->sys;

	memset(c->gpr, 0, sizeof c->gpr);
	c->gpr[X86_RDX] = c->feat->signature;
	c->rflags = 2;
	s->cr2 = s->cr3 = s->cr4 = s->efer = 0;
	memset(s->dr, 0, sizeof s->dr);
	s->dr[6] = 0xffff0ff0;
	s->dr[7] = 0x400;
	for (unsigned i = 0; i < 6; i++)
		plain_segment(&c->seg[i], 0, 0, 0x93);
	plain_segment(&c->seg[X86_CS], 0xf000, 0xffff0000, 0x93);
	plain_segment(&s->ldtr, 0, 0, 0x82);
	plain_segment(&s->tr, 0, 0, 0x8b);
	s->gdtr = s->idtr = (struct x86_table){.limit = 0xffff};
	s->cpl = 0;
	s->shadow = 0;
	s->halted = s->smm = s->nmi_blocked = s->shut_down = s->wait_sipi = false;
	s->dr6_hits = 0;
	c->xcr0 = 1;
	c->mode = 16;
	c->rip = 0xfff0;
}

void x86_system_reset(struct cpu *cc)
{
	struct x86_cpu *c = x86_cpu(cc);
	struct x86_sys *s = &c->sys;

	bool smm = s->smm;
	start(c);
	if (smm && s->machine->smm)
		s->machine->smm(s->machine->opaque, false);
	s->cr0 = 0x60000010;
	s->a20 = true;
	s->lines = 0;
	memset(&c->fx, 0, sizeof c->fx);
	c->fx.fcw = 0x40;
	c->fx.ftw = 0xff;
	c->mxcsr = 0x1f80;
	memset(c->ymm, 0, sizeof c->ymm);
	s->star = s->lstar = s->cstar = s->sfmask = s->kernel_gs_base = s->tsc_aux = 0;
	s->sysenter_cs = s->sysenter_esp = s->sysenter_eip = 0;
	s->pat = 0x0007040600070406;
	s->misc_enable = 1; /* fast strings */
	s->feature_control = 0;
	s->tsc_adjust = 0;
	s->tsc_offset = s->machine && s->machine->tsc ? -s->machine->tsc(s->machine->opaque) : 0;
	memset(s->mtrr_base, 0, sizeof s->mtrr_base);
	memset(s->mtrr_mask, 0, sizeof s->mtrr_mask);
	memset(s->mtrr_fixed, 0, sizeof s->mtrr_fixed);
	s->mtrr_deftype = 0;
	s->mcg_status = 0;
	s->mcg_ctl = UINT64_MAX;
	memset(s->mc, 0, sizeof s->mc);
	for (unsigned i = 0; i < X86_MC_BANKS; i++)
		s->mc[i][0] = UINT64_MAX;
	s->microcode = 0;
	memset(s->perf_select, 0, sizeof s->perf_select);
	memset(s->perf_count, 0, sizeof s->perf_count);
	s->debugctl = 0;
	s->smbase = 0x30000;
	s->smi_count = 0;
	s->x87_ferr = s->ignne = false;
	physical_address(c);
	x86_sys_update(c);
	x86_flush_all(c);
}

bool x86_system_init(struct cpu *cc, bool boot)
{
	struct x86_cpu *c = x86_cpu(cc);
	uint64_t cache = c->sys.cr0 & (X86_CR0_CD | X86_CR0_NW);

	if (c->sys.smm)
		return false;
	uint64_t xcr0 = c->xcr0;
	start(c);
	c->xcr0 = xcr0;
	c->sys.cr0 = X86_CR0_ET | cache;
	c->sys.wait_sipi = !boot;
	c->sys.halted = !boot;
	__atomic_and_fetch(&c->sys.lines, ~(uint32_t)(X86_LINE_NMI | X86_LINE_SMI), __ATOMIC_SEQ_CST);
	x86_sys_update(c);
	x86_flush_all(c);
	x86_look(c);
	return true;
}

void x86_system_sipi(struct cpu *cc, uint8_t vector)
{
	struct x86_cpu *c = x86_cpu(cc);

	if (!c->sys.wait_sipi)
		return;
	c->sys.wait_sipi = c->sys.halted = false;
	plain_segment(&c->seg[X86_CS], (uint16_t)(vector << 8), (uint64_t)vector << 12, 0x93);
	c->rip = 0;
	x86_sys_update(c);
	x86_look(c);
}

void x86_system_attach(struct cpu *cc, const struct x86_machine *m)
{
	x86_cpu(cc)->sys.machine = m;
}

/* ---- lines: any thread ---- */

static void raise_line(struct cpu *cc, uint32_t line)
{
	__atomic_or_fetch(&x86_cpu(cc)->sys.lines, line, __ATOMIC_SEQ_CST);
	__atomic_store_n(&cc->pending, 1, __ATOMIC_SEQ_CST);
}

void x86_line_interrupt(struct cpu *c)
{
	raise_line(c, X86_LINE_INTERRUPT);
}

void x86_line_nmi(struct cpu *c)
{
	raise_line(c, X86_LINE_NMI);
}

void x86_line_smi(struct cpu *c)
{
	raise_line(c, X86_LINE_SMI);
}

void x86_line_a20(struct cpu *c, bool on)
{
	x86_cpu(c)->sys.a20_next = on;
	raise_line(c, X86_LINE_A20);
}

void x86_line_ferr_ignored(struct cpu *c)
{
	struct x86_cpu *cpu = x86_cpu(c);

	if (!cpu->sys.x87_ferr)
		return;
	cpu->sys.x87_ferr = false;
	cpu->sys.ignne = true;
	if (cpu->sys.machine->ferr)
		cpu->sys.machine->ferr(cpu->sys.machine->opaque, false);
}
