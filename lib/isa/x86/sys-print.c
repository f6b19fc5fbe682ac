/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The processor as the monitor shows it: registers, page tables, ranges of one protection; in the lines that people's scripts know.
 */
#include <stdio.h>
#include "isa/x86/cpuid.h"
#include "isa/x86/sys.h"

typedef unsigned long long ull;

static void print_segment(const struct x86_cpu *c, FILE *f, const char *name, const struct x86_seg *s)
{
	static const char *const types[2][16] = {
		{"Reserved", "TSS16-avl", "LDT", "TSS16-busy", "CallGate16", "TaskGate", "IntGate16", "TrapGate16", "Reserved", "TSS32-avl",
		 "Reserved", "TSS32-busy", "CallGate32", "Reserved", "IntGate32", "TrapGate32"},
		{"<hiword>", "Reserved", "LDT", "Reserved", "Reserved", "Reserved", "Reserved", "Reserved", "Reserved", "TSS64-avl", "Reserved",
		 "TSS64-busy", "CallGate64", "Reserved", "IntGate64", "TrapGate64"},
	};
	unsigned attr = s->attr, flags = (attr & 0xff) << 8 | (attr & 0xf000) << 8 | (s->limit >> (attr & X86_SEG_G ? 28 : 16) & 15) << 16;

	fprintf(f, c->mode == 64 ? "%-3s=%04x %016llx %08x %08x" : "%-3s=%04x %08llx %08x %08x", name, s->selector, (ull)s->base, s->limit, flags);
	if (x86_protected(c) && attr & X86_SEG_P) {
		fprintf(f, " DPL=%u ", X86_SEG_DPL(attr));
		if (!(attr & X86_SEG_S))
			fprintf(f, "%s", types[x86_long(c)][attr & X86_SEG_TYPE]);
		else if (attr & X86_SEG_CODE)
			fprintf(f, "%s [%c%c%c]", attr & X86_SEG_L ? "CS64" : attr & X86_SEG_DB ? "CS32" : "CS16", attr & X86_SEG_DOWN ? 'C' : '-',
				attr & X86_SEG_RW ? 'R' : '-', attr & X86_SEG_ACCESSED ? 'A' : '-');
		else
			fprintf(f, "%s [%c%c%c]", attr & X86_SEG_DB || x86_long(c) ? "DS  " : "DS16", attr & X86_SEG_DOWN ? 'E' : '-',
				attr & X86_SEG_RW ? 'W' : '-', attr & X86_SEG_ACCESSED ? 'A' : '-');
	}
	fprintf(f, "\n");
}

static void print_general(const struct x86_cpu *c, FILE *f)
{
	static const char *const name[] = {"AX", "CX", "DX", "BX", "SP", "BP", "SI", "DI"};
	static const uint8_t order[] = {0, 3, 1, 2, 6, 7, 5, 4};

	for (unsigned i = 0; i < 8; i++)
		fprintf(f, c->mode == 64 ? "R%s=%016llx%c" : "E%s=%08llx%c", name[order[i]], (ull)(c->mode == 64 ? c->gpr[order[i]] : (uint32_t)c->gpr[order[i]]),
			i % 4 == 3 ? '\n' : ' ');
	for (unsigned i = 8; i < 16 && c->mode == 64; i++)
		fprintf(f, "R%-2u=%016llx%c", i, (ull)c->gpr[i], i % 4 == 3 ? '\n' : ' ');
}

void x86_print_registers(struct cpu *cc, FILE *f)
{
	static const char *const names[] = {"ES", "CS", "SS", "DS", "FS", "GS"};
	static const struct { uint32_t bit; char letter; } letters[] = {
		{X86_DF, 'D'}, {X86_OF, 'O'}, {X86_SF, 'S'}, {X86_ZF, 'Z'}, {X86_AF, 'A'}, {X86_PF, 'P'}, {X86_CF, 'C'}};
	struct x86_cpu *c = x86_cpu(cc);
	const struct x86_sys *s = &c->sys;
	bool wide = c->mode == 64, long_regs = cc->isa->bits == 64; /* the debug registers do not follow the mode */

	print_general(c, f);
	fprintf(f, wide ? "RIP=%016llx RFL=%08x [" : "EIP=%08llx EFL=%08x [", (ull)c->rip, (uint32_t)c->rflags);
	for (unsigned i = 0; i < 7; i++)
		fputc(c->rflags & letters[i].bit ? letters[i].letter : '-', f);
	fprintf(f, "] CPL=%u II=%u A20=%u SMM=%u HLT=%u\n", s->cpl, x86_shadow(c) != 0, s->a20, s->smm, s->halted);
	for (unsigned i = 0; i < 6; i++)
		print_segment(c, f, names[i], &c->seg[i]);
	print_segment(c, f, "LDT", &s->ldtr);
	print_segment(c, f, "TR", &s->tr);
	fprintf(f, wide ? "GDT=     %016llx %08x\nIDT=     %016llx %08x\n" : "GDT=     %08llx %08x\nIDT=     %08llx %08x\n", (ull)s->gdtr.base,
		s->gdtr.limit, (ull)s->idtr.base, s->idtr.limit);
	fprintf(f, wide ? "CR0=%08x CR2=%016llx CR3=%016llx CR4=%08x\n" : "CR0=%08x CR2=%08llx CR3=%08llx CR4=%08x\n", (uint32_t)s->cr0, (ull)s->cr2,
		(ull)s->cr3, (uint32_t)s->cr4);
	for (unsigned i = 0; i < 4; i++)
		fprintf(f, long_regs ? "DR%u=%016llx " : "DR%u=%08llx ", i, (ull)s->dr[i]);
	fprintf(f, long_regs ? "\nDR6=%016llx DR7=%016llx\n" : "\nDR6=%08llx DR7=%08llx\n", (ull)s->dr[6], (ull)s->dr[7]);
	fprintf(f, "EFER=%016llx\n", (ull)s->efer);
	unsigned empty = c->fx.ftw;
	fprintf(f, "FCW=%04x FSW=%04x [ST=%u] FTW=%02x MXCSR=%08x\n", c->fx.fcw, c->fx.fsw, c->fx.fsw >> 11 & 7, empty, c->mxcsr);
	for (unsigned i = 0; i < 8; i++) {
		unsigned k = (i - (c->fx.fsw >> 11 & 7)) & 7; /* physical registers */
		fprintf(f, "FPR%u=%016llx %04x%c", i, (ull)c->fx.st[k].mantissa, c->fx.st[k].exponent, i & 1 ? '\n' : ' ');
	}
	for (unsigned i = 0; i < (wide ? 16u : 8u); i++)
		fprintf(f, "XMM%02u=%08x%08x%08x%08x%c", i, c->ymm[i].u32[3], c->ymm[i].u32[2], c->ymm[i].u32[1], c->ymm[i].u32[0], i & 1 ? '\n' : ' ');
}

/* ---- page tables ---- */

struct leaf {
	uint64_t linear, size, entry, address;
	bool user, write;
};
typedef void visit_fn(void *opaque, const struct leaf *l);

static void visit_table(struct x86_cpu *c, uint64_t table, unsigned level, uint64_t linear, bool user, bool write, visit_fn *fn, void *opaque)
{
	unsigned bytes = c->sys.cr4 & X86_CR4_PAE ? 8 : 4, bits = bytes == 8 ? 9 : 10, shift = 12 + bits * (level - 1);

	for (uint64_t i = 0; i < 1u << bits; i++) {
		uint64_t e = mmu_phys_load(&c->cpu, (table + i * bytes) & c->sys.physical_mask, bytes), at = linear | i << shift;
		if (level == 4 && at >> 47 & 1)
			at |= 0xffff000000000000;
		if (!(e & 1))
			continue;
		bool u = user && e & 4, w = write && e & 2, large = level > 1 && e & 0x80 && (bytes == 8 || c->sys.cr4 & X86_CR4_PSE);
		uint64_t address = bytes == 8 ? e & 0x000ffffffffff000 : e & 0xfffff000;
		if (level == 1 || large) {
			uint64_t size = 1ull << shift;
			if (large && bytes == 4)
				address = (e & 0xffc00000) | (e >> 13 & 0xff) << 32;
			fn(opaque, &(struct leaf){at, size, e, address & ~(size - 1), u, w});
		} else {
			visit_table(c, address, level - 1, at, u, w, fn, opaque);
		}
	}
}

static void visit(struct x86_cpu *c, visit_fn *fn, void *opaque)
{
	if (x86_long(c)) {
		visit_table(c, c->sys.cr3 & 0x000ffffffffff000, 4, 0, true, true, fn, opaque);
	} else if (c->sys.cr4 & X86_CR4_PAE) {
		for (uint64_t i = 0; i < 4; i++)
			if (c->sys.pdpte[i] & 1)
				visit_table(c, c->sys.pdpte[i] & 0x000ffffffffff000, 2, i << 30, true, true, fn, opaque);
	} else {
		visit_table(c, c->sys.cr3 & 0xfffff000, 2, 0, true, true, fn, opaque);
	}
}

static void print_leaf(void *opaque, const struct leaf *l)
{
	static const char letters[] = "UTCADPG";
	FILE *f = opaque;
	uint64_t e = l->entry;

	fprintf(f, "%016llx: %016llx %c%c%c%c%c%c%c%c%c\n", (ull)l->linear, (ull)l->address, e >> 63 ? 'X' : '-', e & 0x100 ? 'G' : '-',
		e & 0x80 && l->size > 4096 ? 'P' : '-', e & 0x40 ? letters[4] : '-', e & 0x20 ? letters[3] : '-', e & 0x10 ? letters[2] : '-',
		e & 8 ? letters[1] : '-', e & 4 ? letters[0] : '-', e & 2 ? 'W' : '-');
}

void x86_print_tlb(struct cpu *cc, FILE *f)
{
	struct x86_cpu *c = x86_cpu(cc);

	if (!(c->sys.cr0 & X86_CR0_PG))
		fprintf(f, "PG disabled\n");
	else
		visit(c, print_leaf, f);
}

struct range {
	FILE *f;
	uint64_t start, end;
	bool any, user, write;
};

static void print_range(const struct range *r)
{
	if (r->any)
		fprintf(r->f, "%016llx-%016llx %016llx %c%c%c\n", (ull)r->start, (ull)r->end, (ull)(r->end - r->start), r->user ? 'u' : '-', 'r',
			r->write ? 'w' : '-');
}

static void add_range(void *opaque, const struct leaf *l)
{
	struct range *r = opaque;

	if (r->any && r->end == l->linear && r->user == l->user && r->write == l->write) {
		r->end += l->size;
		return;
	}
	print_range(r);
	*r = (struct range){r->f, l->linear, l->linear + l->size, true, l->user, l->write};
}

void x86_print_mem(struct cpu *cc, FILE *f)
{
	struct x86_cpu *c = x86_cpu(cc);
	struct range r = {.f = f};

	if (!(c->sys.cr0 & X86_CR0_PG)) {
		fprintf(f, "PG disabled\n");
		return;
	}
	visit(c, add_range, &r);
	print_range(&r);
}
