/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Paging (Intel SDM volume 3, chapter 4): 32-bit with 4 MiB pages and PSE-36, PAE with its PDPTE registers, 4-level; rights,
 * reserved bits, accessed and dirty bits, page faults and their error codes. What the walk finds goes into the soft TLB.
 *
 * A TLB entry has write permission only once the dirty bit is set, so that the first store comes here. Entries of at most two process-context
 * identifiers are kept (sysstate.h, "banks"); what may stay in a TLB may also go (SDM vol. 3, 4.10.2.2).
 */
#include <errno.h>
#include "base/log.h"
#include "isa/x86/cpuid.h"
#include "isa/x86/sys.h"
#include "jit/mmu.h"

enum { PTE_P = 1, PTE_W = 2, PTE_U = 4, PTE_A = 0x20, PTE_D = 0x40, PTE_PS = 0x80, PTE_G = 0x100 };
#define PTE_NX (1ull << 63)
#define PTE_ADDRESS 0x000ffffffffff000ull

enum { ERROR_P = 1, ERROR_W = 2, ERROR_U = 4, ERROR_RSVD = 8, ERROR_I = 16 };

struct walk {
	uint64_t physical;  /* of the page that holds the address, 4 KiB aligned */
	uint64_t size;      /* of the guest's page */
	bool user, write, execute, dirty, global;
	unsigned levels;
	struct { uint64_t at, value; } entry[4]; /* the last one is the leaf */
};

static unsigned entry_size(const struct x86_cpu *c)
{
	return c->sys.cr4 & X86_CR4_PAE ? 8 : 4;
}

static uint64_t reserved_above(const struct x86_cpu *c)
{
	return PTE_ADDRESS & ~((1ull << c->sys.physical_bits) - 1);
}

/* One step of a PAE or 4-level walk. False: *error. */
static bool step(struct x86_cpu *c, struct walk *w, uint64_t table, unsigned level, uint64_t linear, uint64_t *entry, unsigned *error)
{
	unsigned index = linear >> (12 + 9 * (level - 1)) & 511;
	uint64_t at = ((table & PTE_ADDRESS) + index * 8) & c->sys.physical_mask;
	uint64_t e = mmu_phys_load(&c->cpu, at, 8), bad = reserved_above(c);

	w->entry[w->levels].at = at;
	w->entry[w->levels++].value = e;
	*error = 0;
	if (!(e & PTE_P))
		return false;
	if (!(c->sys.efer & X86_EFER_NXE))
		bad |= PTE_NX;
	if (!x86_long(c))
		bad |= 0x7ff0000000000000ull; /* SDM vol. 3, tables 4-9 to 4-11 */
	if (level == 4)
		bad |= PTE_PS;
	else if (level == 3 && !x86_has(c->feat, X86_FEAT_PDPE1GB))
		bad |= PTE_PS;
	else if (e & PTE_PS && level > 1)
		bad |= level == 3 ? 0x3fffe000 : 0x1fe000;
	if (e & bad) {
		*error = ERROR_P | ERROR_RSVD;
		return false;
	}
	w->user &= (e & PTE_U) != 0;
	w->write &= (e & PTE_W) != 0;
	w->execute &= !(e & PTE_NX);
	*entry = e;
	return true;
}

static void leaf(struct x86_cpu *c, struct walk *w, uint64_t base, uint64_t size, uint64_t linear, uint64_t entry)
{
	w->size = size;
	w->physical = ((base & ~(size - 1)) | (linear & (size - 1) & ~4095ull)) & c->sys.physical_mask;
	w->dirty = entry & PTE_D;
	w->global = entry & PTE_G;
}

static bool walk_64bit_entries(struct x86_cpu *c, uint64_t linear, struct walk *w, unsigned *error)
{
	uint64_t e = c->sys.cr3;
	unsigned level = 4;

	if (!x86_long(c)) {
		e = c->sys.pdpte[linear >> 30 & 3];
		*error = 0;
		if (!(e & PTE_P))
			return false;
		level = 2;
	}
	for (;; level--) {
		if (!step(c, w, e, level, linear, &e, error))
			return false;
		if (level == 1 || (level <= 3 && e & PTE_PS)) {
			leaf(c, w, e & PTE_ADDRESS, 1ull << (12 + 9 * (level - 1)), linear, e);
			return true;
		}
	}
}

static bool walk_32bit_entries(struct x86_cpu *c, uint64_t linear, struct walk *w, unsigned *error)
{
	uint64_t at = ((c->sys.cr3 & 0xfffff000) + (linear >> 22 & 1023) * 4) & c->sys.physical_mask;
	uint64_t e = mmu_phys_load(&c->cpu, at, 4);

	*error = 0;
	w->entry[w->levels].at = at;
	w->entry[w->levels++].value = e;
	if (!(e & PTE_P))
		return false;
	w->user &= (e & PTE_U) != 0;
	w->write &= (e & PTE_W) != 0;
	if (e & PTE_PS && c->sys.cr4 & X86_CR4_PSE) {
		/* PSE-36: bits 20:13 are address bits 39:32 (SDM vol. 3, table 4-4) */
		unsigned wide = x86_has(c->feat, X86_FEAT_PSE36) ? c->sys.physical_bits > 40 ? 40 : c->sys.physical_bits : 32;
		uint64_t high = e >> 13 & 0xff;
		if (e & 1u << 21 || high >> (wide - 32)) {
			*error = ERROR_P | ERROR_RSVD;
			return false;
		}
		leaf(c, w, (e & 0xffc00000) | high << 32, 1u << 22, linear, e);
		return true;
	}
	at = ((e & 0xfffff000) + (linear >> 12 & 1023) * 4) & c->sys.physical_mask;
	e = mmu_phys_load(&c->cpu, at, 4);
	w->entry[w->levels].at = at;
	w->entry[w->levels++].value = e;
	if (!(e & PTE_P))
		return false;
	w->user &= (e & PTE_U) != 0;
	w->write &= (e & PTE_W) != 0;
	leaf(c, w, e & 0xfffff000, 4096, linear, e);
	return true;
}

/* Finds the page of a linear address; changes nothing. False: *error has P and RSVD of a page fault's error code. */
static bool walk(struct x86_cpu *c, uint64_t linear, struct walk *w, unsigned *error)
{
	*w = (struct walk){.user = true, .write = true, .execute = true};
	return entry_size(c) == 8 ? walk_64bit_entries(c, linear, w, error) : walk_32bit_entries(c, linear, w, error);
}

static bool execute_bit(const struct x86_cpu *c)
{
	return (c->sys.efer & X86_EFER_NXE && c->sys.cr4 & X86_CR4_PAE) || c->sys.cr4 & X86_CR4_SMEP;
}

/* SDM vol. 3, 4.6.1. Rights of an access through a map of this kind, as bits 1 << MMU_READ …, without the dirty bit's part. */
static unsigned rights(const struct x86_cpu *c, const struct walk *w, unsigned kind)
{
	unsigned r = 0;

	if (kind == X86_MAP_USER) {
		if (!w->user)
			return 0;
		return 1u << MMU_READ | (w->write ? 1u << MMU_WRITE : 0) | (w->execute ? 1u << MMU_FETCH : 0);
	}
	if (!(kind == X86_MAP_GUARDED && w->user))
		r = 1u << MMU_READ | (w->write || !(c->sys.cr0 & X86_CR0_WP) ? 1u << MMU_WRITE : 0);
	if (w->execute && !(w->user && c->sys.cr4 & X86_CR4_SMEP))
		r |= 1u << MMU_FETCH;
	return r;
}

/* Accessed in every entry, dirty in the leaf. False: somebody changed one of them. */
static bool set_bits(struct x86_cpu *c, const struct walk *w, bool write)
{
	for (unsigned i = 0; i < w->levels; i++) {
		uint64_t old = w->entry[i].value, now = old | PTE_A | (write && i + 1 == w->levels ? PTE_D : 0);
		if (now != old && !mmu_phys_cas(&c->cpu, w->entry[i].at, old, now, entry_size(c)))
			return false;
	}
	return true;
}

_Noreturn void x86_page_fault(struct x86_cpu *c, uint64_t addr, uint64_t error)
{
	if (__builtin_expect(log_mask & LOG_MMU, 0))
		log_printf(LOG_MMU, "CPU %u: page fault at %016llx, error code %04x\n", c->cpu.index, (unsigned long long)addr, (unsigned)error);
	c->sys.cr2 = c->sys.fault_address = addr;
	x86_raise(c, X86_PF_, error);
}

bool x86_fill(struct cpu *cc, uint64_t addr, enum mmu_access how, unsigned map, bool probe)
{
	struct x86_cpu *c = x86_cpu(cc);
	uint64_t linear = addr;
	unsigned error = 0, may;
	struct walk w;

	if (!x86_long(c))
		linear = (uint32_t)addr;
	else if (!x86_canonical(addr)) {
		if (probe)
			return false;
		c->sys.stack_access = true; /* the run loop finds out whether it was the stack's */
		x86_raise(c, X86_GP, 0);
	}
	/* Every kind of access is to come here: a fetch from the page does not open it for data. */
	bool watched = x86_debug_page(c, linear);
	if (!probe && how != MMU_FETCH && watched)
		x86_debug_data(c, linear, how == MMU_WRITE);
	if (!(c->sys.cr0 & X86_CR0_PG)) {
		uint64_t page = linear & c->sys.physical_mask & ~4095ull;
		mmu_enter(cc, map, addr & ~4095ull, page, 4096, watched ? 1u << how : 1u << MMU_READ | 1u << MMU_WRITE | 1u << MMU_FETCH);
		return true;
	}
	do {
		bool found = walk(c, linear, &w, &error);
		may = found ? rights(c, &w, map % X86_MAP_KINDS) : 0;
		if (!(may >> how & 1)) {
			if (probe)
				return false;
			if (found)
				error = ERROR_P;
			error |= how == MMU_WRITE ? ERROR_W : how == MMU_FETCH && execute_bit(c) ? ERROR_I : 0;
			if (map % X86_MAP_KINDS == X86_MAP_USER)
				error |= ERROR_U;
			x86_page_fault(c, linear, error);
		}
	} while (!set_bits(c, &w, how == MMU_WRITE));
	if (!w.dirty && how != MMU_WRITE)
		may &= ~(1u << MMU_WRITE);
	if (watched)
		may &= 1u << how;
	if (w.global && c->sys.cr4 & X86_CR4_PGE)
		may |= MMU_GLOBAL;
	if (__builtin_expect(log_mask & LOG_MMU, 0))
		log_printf(LOG_MMU, "CPU %u: %s of %016llx is %016llx, page of %llu KiB%s%s\n", cc->index, how == MMU_FETCH ? "fetch" : how == MMU_WRITE ? "store" : "load",
			   (unsigned long long)linear, (unsigned long long)(w.physical | (linear & 4095)), (unsigned long long)w.size >> 10, w.user ? ", user" : "",
			   w.global ? ", global" : "");
	mmu_enter(cc, map, addr & ~4095ull, w.physical, w.size, may);
	return true;
}

int x86_translate_debug(struct cpu *cc, uint64_t linear, uint64_t *physical)
{
	struct x86_cpu *c = x86_cpu(cc);
	struct walk w;
	unsigned error;

	if (!x86_long(c))
		linear = (uint32_t)linear;
	if (!(c->sys.cr0 & X86_CR0_PG)) {
		*physical = linear & c->sys.physical_mask;
		return 0;
	}
	if ((x86_long(c) && !x86_canonical(linear)) || !walk(c, linear, &w, &error))
		return -EFAULT;
	*physical = w.physical | (linear & 4095);
	return 0;
}

bool x86_load_pdptes(struct x86_cpu *c, uint64_t cr3)
{
	uint64_t e[4], bad = reserved_above(c) | 0xfff00000000001e6ull; /* SDM vol. 3, table 4-8 */

	for (unsigned i = 0; i < 4; i++) {
		e[i] = mmu_phys_load(&c->cpu, ((cr3 & 0xffffffe0) + 8 * i) & c->sys.physical_mask, 8);
		if (e[i] & PTE_P && e[i] & bad)
			return false;
	}
	memcpy(c->sys.pdpte, e, sizeof e);
	return true;
}

void x86_flush_all(struct x86_cpu *c)
{
	mmu_flush(&c->cpu, X86_ALL_MAPS);
}

