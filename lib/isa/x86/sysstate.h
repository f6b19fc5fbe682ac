/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a machine's processor has beyond what user programs see (Intel SDM volume 3): part of struct x86_cpu, included by cpu.h.
 *
 * Everything is what the manuals name; what is derived from it says so.
 */
#ifndef ISA_X86_SYSSTATE_H
#define ISA_X86_SYSSTATE_H
#include <stdbool.h>
#include <stdint.h>

/* CR0 */
#define X86_CR0_PE 0x1u
#define X86_CR0_MP 0x2u
#define X86_CR0_EM 0x4u
#define X86_CR0_TS 0x8u
#define X86_CR0_ET 0x10u
#define X86_CR0_NE 0x20u
#define X86_CR0_WP 0x10000u
#define X86_CR0_AM 0x40000u
#define X86_CR0_NW 0x20000000u
#define X86_CR0_CD 0x40000000u
#define X86_CR0_PG 0x80000000u
/* CR4 */
#define X86_CR4_VME 0x1u
#define X86_CR4_PVI 0x2u
#define X86_CR4_TSD 0x4u
#define X86_CR4_DE 0x8u
#define X86_CR4_PSE 0x10u
#define X86_CR4_PAE 0x20u
#define X86_CR4_MCE 0x40u
#define X86_CR4_PGE 0x80u
#define X86_CR4_PCE 0x100u
#define X86_CR4_OSFXSR 0x200u
#define X86_CR4_OSXMMEXCPT 0x400u
#define X86_CR4_UMIP 0x800u
#define X86_CR4_FSGSBASE 0x10000u
#define X86_CR4_PCIDE 0x20000u
#define X86_CR4_OSXSAVE 0x40000u
#define X86_CR4_SMEP 0x100000u
#define X86_CR4_SMAP 0x200000u
/* EFER */
#define X86_EFER_SCE 0x1u
#define X86_EFER_LME 0x100u
#define X86_EFER_LMA 0x400u
#define X86_EFER_NXE 0x800u
#define X86_EFER_FFXSR 0x4000u
/* RFLAGS that only systems use */
#define X86_VIF 0x80000u
#define X86_VIP 0x100000u

/* Bits of x86_seg.attr */
#define X86_SEG_TYPE 0xfu
#define X86_SEG_S 0x10u     /* code or data */
#define X86_SEG_DPL(a) ((a) >> 5 & 3u)
#define X86_SEG_P 0x80u
#define X86_SEG_L 0x2000u
#define X86_SEG_DB 0x4000u
#define X86_SEG_G 0x8000u
#define X86_SEG_ACCESSED 1u
#define X86_SEG_RW 2u        /* data: writable; code: readable */
#define X86_SEG_DOWN 4u      /* data: expands down; code: conforming */
#define X86_SEG_CODE 8u

/* Memory maps of the soft TLB (jit/mmu.h). */
/*
 * Kinds of memory maps, and two banks of each: with CR4.PCIDE bit 11 of CR3 chooses the bank, so that an operating system which has an address space
 * for its kernel and one for each program beside it (page-table isolation tells them apart by this bit) keeps both in the TLB. A bank holds the
 * entries of one process-context identifier, sys.pcid[].
 */
enum { X86_MAP_KERNEL, X86_MAP_USER, X86_MAP_GUARDED /* supervisor, no user page: SMAP */, X86_MAP_KINDS, X86_MAPS = 2 * X86_MAP_KINDS };
#define X86_ALL_MAPS ((1u << X86_MAPS) - 1)
#define X86_BANK_MAPS(bank) (((1u << X86_MAP_KINDS) - 1) << ((bank) ? X86_MAP_KINDS : 0))

enum x86_shadow { X86_SHADOW_STI = 1, X86_SHADOW_SS = 2 };

/* What happened to the processor from outside; any thread sets bits. */
enum x86_line { X86_LINE_INTERRUPT = 1, X86_LINE_NMI = 2, X86_LINE_SMI = 4, X86_LINE_MCE = 8, X86_LINE_A20 = 0x10, X86_LINE_LEAVE = 0x20 };

#define X86_MC_BANKS 10
#define X86_MTRR_COUNT 8

/* Where a segment may be accessed: offset - low <= span, for reads and writes. */
struct x86_bounds {
	uint64_t low[2], span[2];
};

struct x86_table {
	uint64_t base;
	uint32_t limit;
};

struct x86_machine;
struct x86_insn_store;

struct x86_sys {
	bool on;                /* this is a machine's processor */
	uint8_t cpl;
	uint8_t map;            /* of data accesses now */
	uint8_t bank;           /* added to the kind of a map: 0 or X86_MAP_KINDS */
	uint16_t pcid[2];       /* whose entries are in the banks; the present one's is CR3's */
	uint32_t key;           /* what translations depend on (enum x86_key, sys.h) */
	uint8_t shadow;         /* enum x86_shadow: the next instruction is not interrupted; x86_shadow() says whether that is so now */
	uint64_t shadow_at;     /* of MOV SS and POP SS: that instruction */
	bool halted, wait_sipi, smm, nmi_blocked, shut_down;
	bool smm_nmi_blocked; /* nmi_blocked as it was before system management mode */
	bool a20;
	bool x87_ferr;          /* FERR# is asserted */
	bool ignne;
	uint64_t cr0, cr2, cr3, cr4, efer;
	uint64_t dr[8];
	uint64_t pdpte[4];
	struct x86_seg ldtr, tr;
	struct x86_table gdtr, idtr;
	struct x86_bounds bounds[6];
	/* MSRs */
	uint64_t star, lstar, cstar, sfmask, kernel_gs_base, tsc_aux;
	uint64_t sysenter_cs, sysenter_esp, sysenter_eip;
	uint64_t pat, misc_enable, feature_control, tsc_offset, tsc_adjust;
	uint64_t mtrr_base[X86_MTRR_COUNT], mtrr_mask[X86_MTRR_COUNT], mtrr_fixed[11], mtrr_deftype;
	uint64_t mcg_status, mcg_ctl, mc[X86_MC_BANKS][4];
	uint64_t microcode, perf_select[4], perf_count[4], debugctl;
	uint32_t smbase;
	uint32_t smi_count;
	/* derived */
	uint8_t physical_bits;
	uint64_t physical_mask; /* A20 gate and width */
	uint64_t fault_address; /* linear, of the last page fault */
	bool stack_access;      /* the delivery's own stack accesses: which fault a bad address gives */
	uint64_t dr6_hits;      /* data breakpoints that the present instruction met */
	unsigned debug_size;    /* bytes that it accesses */
	uint32_t steps;         /* regions made for one run */
	uint32_t pauses;        /* PAUSE was executed so often */
	uint32_t deliveries;    /* interrupts from outside that were delivered */
	volatile uint32_t lines; /* enum x86_line */
	volatile bool a20_next;
	struct { volatile uint32_t lock; uint32_t bank; uint64_t status, mcg_status, addr, misc; } mce;
	const struct x86_machine *machine;
	struct x86_insn_store *store;
};
#endif
