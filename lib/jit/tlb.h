/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The soft TLB as lib/jit and its code generators see it. mmu.h is for everybody else.
 *
 * Theory of operation
 *
 * struct mmu is one mapping of fixed layout: this header, then one table of entries for each memory map, then the same tables' slow
 * half. A table has room for TLB_MAX_BITS; how much of it is used is in mask[]. So translated code needs one register (r15 on x86-64)
 * for all of it, and a table grows without moving.
 *
 * An entry's tag is the address of its page if an access of that kind may go straight to memory. Then (tag ^ address) <= 4096 - size
 * says at once that the page is the right one and that the access lies in it, at any alignment. A tag that must not match has
 * bit 12 turned over: the index, which has bit 12 in it, makes sure that no address that gets here can match. Such a tag is either
 * "slow" (the page is known and the right is there, but the access needs a look) or "empty" (TLB_EMPTY set: ask fill()).
 *
 * Only the owner's thread writes entries, with one exception: any thread that holds no reference may turn write tags slow, for a page
 * that gets translated code or whose dirty mark was cleared. The owner therefore looks at the page's marks once more after
 * it has made a write tag fast.
 *
 * ids[] is a second, smaller array for code alone: the number of the mapping (virtual page, RAM page) that is valid for a virtual
 * page now. A jump into another page compares it with the number that its target was translated for.
 */
#ifndef JIT_TLB_H
#define JIT_TLB_H
#include <stdatomic.h>
#include "jit/access.h"
#include "jit/engine.h"
#include "jit/mmu.h"
#include "jit/run.h"

#define TLB_MAPS 16
#define TLB_MIN_BITS 6
#define TLB_FIRST_BITS 8
#define TLB_MAX_BITS 15
#define TLB_ENTRY_SHIFT 5 /* log2 of sizeof(struct tlb_entry) */
#define TLB_TABLE_BYTES (1u << (TLB_MAX_BITS + TLB_ENTRY_SHIFT))
#define TLB_TABLES 131072u /* offset of the first table in struct mmu's mapping */
#define TLB_IDS 1024
#define TLB_EMPTY 1u
#define TLB_VICTIMS 8
#define TLB_RANGES 8
#define TLB_LOCALS 512 /* entries of one address space that a flush of it finds without looking at all */
#define TLB_PHYS 256
#define TLB_CONTEXTS 8

struct tlb_entry {
	uint64_t tag[3]; /* enum mmu_access */
	uint64_t addend; /* host - virtual; 0 for registers */
};

/* The slow half. */
struct tlb_more {
	uint64_t page;     /* virtual */
	uint64_t physical; /* of the page */
	uint64_t ram;
	uint8_t rights;    /* 1 << MMU_…, MMU_GLOBAL, TLB_REGISTERS */
	uint8_t size;      /* log2 of the guest's page */
};
#define TLB_REGISTERS 128u

struct tlb_victim {
	struct tlb_entry e;
	struct tlb_more m;
};

struct tlb_map {
	uint32_t used, most;   /* entries filled since the last flush; the most in this window */
	uint32_t evicted;
	uint32_t window;       /* jit_ticks() of its start */
	uint32_t next_victim;
	bool victims;          /* any is there */
	struct tlb_victim victim[TLB_VICTIMS];
	struct { uint64_t start, end; } large[TLB_RANGES];
	unsigned ranges;
	uint32_t locals;       /* entries filled that are not global; more than TLB_LOCALS: not all of them are listed */
	uint16_t local[TLB_LOCALS];
};

struct mmu {
	/* for translated code */
	uint32_t context;        /* of the code that runs: engine's number of (mode, base) */
	uint32_t status;         /* x86 guests: status flags as LAHF and SETO give them in AX */
	uint64_t mask[TLB_MAPS]; /* (entries - 1) << TLB_ENTRY_SHIFT */
	uint64_t at;             /* host address of translated code that is in a slow path, 0: none */
	uint32_t ids[TLB_MAPS][TLB_IDS];
	/* the rest is C's */
	struct cpu *cpu;
	const struct mmu_front *front;
	const struct mmu_machine *machine;
	struct jit *j;
	uint32_t recent[TLB_CONTEXTS], next_recent; /* contexts of late: user and kernel code take turns */
	_Atomic uint32_t turn;   /* counts boundaries at which no access is under way */
	_Atomic uint64_t loose;  /* RAM address + 1 of what C has the host address of, to write to, in a page with code; of this turn; 0: none */
	uint32_t loose_size;
	uint32_t flushes;        /* counts tlb_flush_wanted(): what was known of RAM is not known any longer */
	bool in_region;          /* translated code is below us on the stack */
	bool exclusive;          /* all others stand still */
	uint8_t watch_kind;      /* of the watchpoint that the last instruction met, 0: none (debug.h) */
	uint64_t watch_at;
	_Atomic uint32_t flush_wanted;
	_Atomic uint32_t running; /* in guest code: not in a function of the machine, not outside of ir_run() */
	struct tlb_map map[TLB_MAPS];
	struct { uint64_t page; struct mmu_page p; } phys[TLB_PHYS];
};

_Static_assert(sizeof(struct mmu) <= TLB_TABLES, "the tables begin behind the header");
_Static_assert(sizeof(struct tlb_entry) == 1u << TLB_ENTRY_SHIFT, "translated code shifts");

static inline struct tlb_entry *tlb_table(struct mmu *m, unsigned map)
{
	return (struct tlb_entry *)(void *)((char *)m + TLB_TABLES + (size_t)map * TLB_TABLE_BYTES);
}

static inline struct tlb_entry *tlb_entry(struct mmu *m, unsigned map, uint64_t addr)
{
	return (struct tlb_entry *)(void *)((char *)tlb_table(m, map) +
					    (addr >> (12 - TLB_ENTRY_SHIFT) & m->mask[map]));
}

static inline struct tlb_more *tlb_more(struct mmu *m, unsigned map, const struct tlb_entry *e)
{
	struct tlb_more *first = (struct tlb_more *)(void *)((char *)m + TLB_TABLES + (size_t)TLB_MAPS * TLB_TABLE_BYTES);
	return first + ((size_t)map << TLB_MAX_BITS) + (e - tlb_table(m, map));
}

/* Host address of an access that hits; NULL: the slow path's. */
static inline void *tlb_hit(struct mmu *m, uint64_t addr, unsigned size, unsigned map, enum mmu_access how)
{
	const struct tlb_entry *e = tlb_entry(m, map, addr);

	if (__builtin_expect((e->tag[how] ^ addr) > 4096 - size, 0))
		return NULL;
	return (void *)(uintptr_t)(addr + e->addend);
}

static inline unsigned tlb_id_index(uint64_t addr)
{
	return (unsigned)(addr >> 12 ^ addr >> 22) & (TLB_IDS - 1);
}

struct mmu *tlb_new(struct cpu *c, const struct mmu_front *front, const struct mmu_machine *machine);
void tlb_free(struct mmu *m);
/* Does what mmu_flush_remote() asked for. Own thread. */
void tlb_flush_wanted(struct mmu *m);
/*
 * The entry of the page for an access, filled if need be: a fault is raised, or with probe the result is NULL. Its tag is fast or slow.
 */
struct tlb_entry *tlb_find(struct mmu *m, uint64_t addr, unsigned map, enum mmu_access how, bool probe);
/* After a store by the slow path: perhaps the next one need not come there. */
void tlb_write_again(struct mmu *m, struct tlb_entry *e, unsigned map);
/* Turns write tags of RAM pages [ram, ram + pages) slow in all processors' TLBs. Held: lock. met: is told of each processor that had one. */
void tlb_writes_slow(struct jit *j, uint64_t ram, uint64_t pages, void (*met)(void *opaque, struct jit_cpu *c), void *opaque);
/* What the program says of a physical page; until the memory map changes. The marks may be old. */
const struct mmu_page *tlb_phys(struct mmu *m, uint64_t physical);
static inline uint8_t *tlb_host(const struct tlb_entry *e, const struct tlb_more *o)
{
	return o->rights & TLB_REGISTERS ? NULL : (uint8_t *)(uintptr_t)(o->page + e->addend);
}

/* Around functions of the machine that may wait. */
static inline void tlb_leave(struct mmu *m)
{
	atomic_store_explicit(&m->running, 0, memory_order_release);
}

static inline void tlb_return(struct mmu *m)
{
	atomic_store(&m->running, 1);
	if (__builtin_expect(atomic_load(&m->flush_wanted), 0))
		tlb_flush_wanted(m);
}

/* Around waits for other processors in the middle of an instruction. Nothing of RAM that was looked up before is known behind one: m->flushes tells. */
static inline void tlb_wait_begin(struct mmu *m)
{
	tlb_leave(m);
	if (m->machine->wait_begin)
		m->machine->wait_begin(m->machine->opaque, m->cpu);
}

static inline void tlb_wait_end(struct mmu *m)
{
	if (m->machine->wait_end)
		m->machine->wait_end(m->machine->opaque, m->cpu);
	tlb_return(m);
}

/* RAM pages with translations. */
static inline bool tlb_is_code(const struct jit *j, uint64_t ram)
{
	return __atomic_load_n(&j->code_map[ram >> 6], __ATOMIC_SEQ_CST) >> (ram & 63) & 1;
}
#endif
