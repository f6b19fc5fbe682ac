/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Guest memory in system mode: the soft TLB that translated code, the interpreter and helpers go through.
 *
 * The virtual address is looked up in a direct-mapped array of entries, one array for each memory map (a privilege level and what
 * else decides, IR_MEM_INDEX of a memop); a hit is one load, one compare and the access at virtual address + addend. The tags
 * of reads, writes and fetches are apart, so that permissions, pages with translated code (stores must be seen), registers of devices and
 * watchpoints all fall out of the one compare. A miss calls the guest's fill(), which walks its page tables and calls mmu_enter() or
 * raises the guest's fault.
 *
 * Translations are indexed by the RAM page that the code lies in and by the virtual address, so that no flush of a TLB touches them. An
 * instruction that changes what an address or the processor's mode means (address spaces, page invalidation, privilege, a return
 * from an exception) ends its region with an exit of hint IR_HINT_FAR: the next region is then looked up with everything that may
 * have changed.
 *
 * A guest's fault is raised by ir_raise() (run.h). The state that the program or the guest's exception code then sees is exact: that
 * before the instruction, pc at it. What the C code below does it can do from translated code, from a helper
 * and from the interpreter. No lock of lib/jit is held while the functions of struct mmu_machine and struct mmu_front are called.
 */
#ifndef JIT_MMU_H
#define JIT_MMU_H
#include "jit/isa.h"

enum mmu_access { MMU_READ, MMU_WRITE, MMU_FETCH };

/* A page of physical memory as the program's memory map has it (4 KiB). */
struct mmu_page {
	uint8_t *host;  /* NULL: registers */
	uint64_t ram;   /* number of the page among all RAM of the machine: what translations are indexed by; only with host */
	bool writable;  /* stores may go straight to host, while the page has no translated code and is dirty for all clients */
	bool dirty;     /* false: first store must be reported (dirtied) */
};

/* What the program gives for system mode; jit_config.machine. NULL: user mode. */
struct mmu_machine {
	void (*page)(void *opaque, struct cpu *c, uint64_t physical, struct mmu_page *p);
	/*
	 * One access of 1, 2, 4 or 8 bytes to registers; takes the machine lock. The value is that of the bytes as a little-endian
	 * number. failed: nothing answered. Stores to RAM and ROM that is not writable come here too.
	 */
	uint64_t (*load)(void *opaque, struct cpu *c, uint64_t physical, unsigned size, bool *failed);
	void (*store)(void *opaque, struct cpu *c, uint64_t physical, uint64_t value, unsigned size, bool *failed);
	/* A store to a page with !dirty is about to happen; the page is dirty afterwards. */
	void (*dirtied)(void *opaque, uint64_t ram);
	/* For atomic operations on registers and others that cannot be done in parallel: all other processors stand still. */
	void (*exclusive_begin)(void *opaque, struct cpu *c);
	void (*exclusive_end)(void *opaque, struct cpu *c);
	uint64_t ram_pages; /* of the whole machine, at most */
	void *opaque;
	/* Counting: the budget is 0 or less, at an instruction boundary; gives a new one, after what was due. May take the machine lock. */
	void (*spent)(void *opaque, struct cpu *c);
	/*
	 * Around a wait for other processors in the middle of an instruction, without lib/jit's lock: what they do meanwhile may be exclusive, or
	 * change the memory map. wait_end() may wait itself. May be NULL: nobody waits for a processor that is in guest code.
	 */
	void (*wait_begin)(void *opaque, struct cpu *c);
	void (*wait_end)(void *opaque, struct cpu *c);
};

/*
 * Counting (jit_config.counts). Every completed instruction takes one off cpu->budget, exactly: the number executed at any instruction boundary is
 * what was given minus what is left. A fault does not count, a repeated string instruction counts once. Translated code takes whole straight pieces
 * off in front of them and begins a region only if the budget holds for all of it, so that the boundary where the budget ends is met to the
 * instruction; what looks at devices or time is begun again under the interpreter, for which the count is exact in the middle of things. One processor.
 */

/* The guest's part; ir_front.mmu. */
struct mmu_front {
	unsigned maps;  /* memory maps in use, 1..16 */
	/*
	 * The page of addr is not in map's array for this access: walk the tables, then mmu_enter(); or raise the guest's fault (does not
	 * return). probe: only find out: false instead of a fault.
	 */
	bool (*fill)(struct cpu *c, uint64_t addr, enum mmu_access how, unsigned map, bool probe);
	/* The memory map that instructions are fetched through now, and what is added to pc (segment base). May be NULL: 0. */
	unsigned (*fetch_map)(const struct cpu *c);
	uint64_t (*fetch_base)(const struct cpu *c);
	/* Nothing answered an access to registers (machine check, bus error): raises, or returns to go on. May be NULL. */
	void (*failed)(struct cpu *c, uint64_t addr, uint64_t physical, enum mmu_access how);
};

/*
 * Puts a page into the map. size: bytes of the guest's page (large pages are remembered for mmu_flush_page). rights: bits 1 << MMU_…,
 * and MMU_GLOBAL. An access whose right is absent calls fill() again.
 */
#define MMU_GLOBAL 8u /* stays over mmu_flush_local() */
void mmu_enter(struct cpu *c, unsigned map, uint64_t addr, uint64_t physical, uint64_t size, unsigned rights);
void mmu_flush(struct cpu *c, unsigned maps);                    /* bits 1 << map; own thread, or while it does not run */
void mmu_flush_local(struct cpu *c, unsigned maps);              /* all but pages with MMU_GLOBAL */
void mmu_flush_page(struct cpu *c, uint64_t addr, unsigned maps);
/*
 * Any thread: the processor flushes everything before it runs another guest instruction, what it knows of physical memory included (the
 * memory map changed). wait: returns after that; at once for a processor that is not in guest code or waits in a function of
 * struct mmu_machine: it flushes before it goes on.
 */
void mmu_flush_remote(struct cpu *c, bool wait);

/* Guest virtual memory as helpers touch it, any size and alignment, page crossings included; faults are raised before anything is changed. */
void mmu_read(struct cpu *c, uint64_t addr, void *to, unsigned size, unsigned map);
void mmu_write(struct cpu *c, uint64_t addr, const void *from, unsigned size, unsigned map);
void mmu_probe_write(struct cpu *c, uint64_t addr, unsigned size, unsigned map);
/* Raises what a read would; for instructions that check before they do. */
void mmu_probe_read(struct cpu *c, uint64_t addr, unsigned size, unsigned map);
/*
 * Host address for an atomic access, with write permission and translations dropped. Registers, and an access that crosses a page: the
 * instruction is begun again while all other processors stand still, and then this gives NULL: mmu_read() and mmu_write() do.
 */
void *mmu_host(struct cpu *c, uint64_t addr, unsigned size, unsigned map);
/* Physical accesses of page walks: A and D bits are set with compare-and-swap. Values are little-endian; registers read as all ones. */
uint64_t mmu_phys_load(struct cpu *c, uint64_t physical, unsigned size);
bool mmu_phys_cas(struct cpu *c, uint64_t physical, uint64_t old, uint64_t new_value, unsigned size);
/* The physical address of a virtual one that is in the map for this access, or becomes so without a fault. */
bool mmu_physical(struct cpu *c, uint64_t addr, enum mmu_access how, unsigned map, uint64_t *physical);

/* DMA and the monitor wrote RAM page `ram`, bytes [from, to): translations of them go. Any thread. */
void mmu_ram_written(struct jit *j, uint64_t ram, unsigned from, unsigned to);
/* The dirty marks of `pages` pages from `ram` were cleared: stores to them are reported again. Any thread. */
void mmu_ram_clean(struct jit *j, uint64_t ram, uint64_t pages);
#endif
