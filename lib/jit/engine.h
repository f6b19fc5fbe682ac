/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The runtime that translators stand on: code cache, regions, exits and their links, pages of source code, the
 * table for indirect jumps. It knows no guest and emits only jumps.
 *
 * Theory of operation
 *
 * The cache is one memfd mapped twice: `rw` for writing, `rx` for running. Everything in it is named by its offset, so that both
 * views, and a forked child's copy, agree. Layout, ascending: indirect table, thunks, then region bodies ("hot", growing up);
 * exit stubs, slow paths and literals ("cold") grow down from the end.
 *
 * A region is translated guest code with one entry. It leaves through exits. An exit to a known guest address ends in a
 * rel32 that at first leads to a stub; the stub names the exit and enters the link thunk, which finds or translates the
 * target and patches the rel32. While only one thread runs and the exit's stubs are the last thing in the hot area, the target is
 * translated right over them, so that code lies in the order of its first execution.
 *
 * Regions are numbered in the order of their bodies' addresses: host pc → region is a binary search without locks.
 *
 * Locks. One lock guards everything that changes. What readers without the lock use (number of regions, their
 * immutable part) is written before it is published. The lock may be taken in a signal handler of a thread that
 * does not hold it; the holder never touches guest memory except through jit_fetch().
 *
 * A dead region (its guest code changed) keeps its memory until the next flush: its entry becomes a trap, its incoming
 * links go back to stubs, and it leaves the hash. A thread inside it goes on to its next exit.
 *
 * This code and the translators run with the guest's vector registers live: it is compiled for general registers
 * only, and calls of the program's hooks go through jit_call_saving_vectors().
 */
#ifndef JIT_ENGINE_H
#define JIT_ENGINE_H
#include <pthread.h>
#include <stdatomic.h>
#include "jit/isa.h"

#define JIT_TABLE_BITS 16
#define JIT_TABLE_BYTES ((size_t)8 << JIT_TABLE_BITS)
#define JIT_NONE 0u /* no region, no exit, no offset: index 0 is never used */

enum jit_region_flags {
	JIT_REGION_DEAD = 1,
	JIT_REGION_STEP = 2,    /* one instruction, never linked, found by nobody */
	JIT_REGION_CHECKED = 4, /* compares its source before it runs */
};

struct jit_region {
	uint64_t pc;
	uint32_t code;         /* offset of the body */
	uint32_t hash_next;    /* region */
	uint32_t incoming;     /* exit: list of linked exits that lead here; of a dead region: how often it was run into */
	uint32_t delta;        /* offset of its instruction table in jit->delta */
	uint32_t verify;       /* offset of the entry for indirect jumps: far behind the body, or right in front; 0: not made yet */
	uint32_t page_next[2]; /* region: next of the same page, for the first and the second page */
	uint16_t guest_len;    /* bytes of source from pc */
	uint8_t flags;
	uint32_t mode;         /* the ISA's: part of the key. System mode: number of the context */
	uint64_t src;          /* where the source is: pc, or its address in RAM */
	uint32_t mapping[2];   /* system mode: numbers of the mappings it was read through; [1]: 0 but for code that goes on in a second page */
	uint64_t src2;         /* system mode: that page's address in RAM */
	uint32_t guard;        /* offset of the entry that checks the mappings first, 0: none */
};

/* System mode: what a region depends on besides its code. */
struct jit_context {
	uint64_t base; /* linear address - pc */
	uint32_t mode;
	uint8_t map;   /* memory map of fetches */
};
#define JIT_MAX_CONTEXTS 4096

/*
 * System mode: when the first translation is to be made of a page, a processor may stand between its look at the page's write tag and its
 * store, for as long as its thread has no host processor. Until it is seen at another boundary, `turn` of its mmu, nothing is translated there.
 */
struct mmu;
struct jit_young {
	struct mmu *mmu;
	uint64_t ram;
	uint32_t turn;
};
#define JIT_MAX_YOUNG 32

/* System mode: a virtual page and the RAM page that code was read from through it. */
struct jit_mapping {
	uint64_t page, ram;
	uint32_t next; /* of the bucket */
	bool global;
};
#define JIT_MAX_MAPPINGS (1u << 20)
#define JIT_MAPPING_BITS 14

enum jit_patch {
	JIT_PATCH_NONE,  /* nothing to patch: never linked, or the target follows physically */
	JIT_PATCH_REL32, /* rel32 at `patch` */
	JIT_PATCH_STUB,  /* the stub at `patch` itself becomes a jump; its first five bytes are in one cache line */
};

struct jit_exit {
	int32_t rel;         /* target - region's pc */
	uint32_t patch;      /* offset */
	uint32_t next;       /* exit: next in the target's incoming list */
	uint32_t region : 24;
	uint32_t kind : 4;   /* the ISA's: 0 is a plain branch */
	uint32_t how : 2;    /* enum jit_patch */
	uint32_t linked : 1; /* is in an incoming list */
};

#define JIT_MAX_REGIONS (1u << 22)
#define JIT_MAX_EXITS (1u << 23)
#define JIT_DELTA_BYTES (64u << 20)
/* Buckets of the hash, in bits: at first, and at most. */
#define JIT_HASH_FIRST 10
#define JIT_HASH_BITS 20

/* A guest page that translations were made from. */
struct jit_page {
	uint64_t page;      /* guest address >> 12, plus one; 0: free slot */
	uint32_t regions;   /* first region, 0: none */
	uint16_t extent;    /* bytes of it that may be fetched, from its start; 4096 nearly always */
	uint8_t known;      /* extent is valid and stores are reported */
	uint8_t dirtied;    /* guest stores since `since` */
	uint32_t since;     /* jit_ticks() */
	uint32_t hot_until; /* until then its regions check their source; 0: it is protected */
	uint8_t backoff;    /* how often it has been hot of late */
	uint64_t granules;  /* system mode: 64-byte pieces that regions were made from */
};

/*
 * A page that is written JIT_HOT_WRITES times within JIT_HOT_TICKS is not protected for a while: its regions compare
 * their source each time they are entered. The while is doubled each time it was too short.
 */
#define JIT_HOT_WRITES 8
#define JIT_HOT_TICKS 64
#define JIT_HOT_BACKOFF 6

/* Coarse time, about a millisecond; wraps. */
static inline uint32_t jit_ticks(void)
{
	return (uint32_t)(__builtin_ia32_rdtsc() >> 21) | 1;
}

/* The ISA's part of linking: writes a stub for the exit at p (rw view), returns its end; at most JIT_STUB_BYTES. */
#define JIT_STUB_BYTES 24
/* A stub in the cold area: what the ISA's stub function writes takes no more. */
#define JIT_COLD_STUB 17
typedef uint8_t *jit_stub_fn(struct jit *j, uint8_t *p, uint32_t exit);

/* The end of the region made last: where another may take the place of its stubs. */
struct jit_last {
	uint32_t region;          /* 0: nothing may */
	uint32_t x_fall, x_taken; /* exits; 0: absent or linked from the start */
	uint32_t jcc;             /* offset of the conditional jump, 0: none */
	uint32_t tail, hot_end;   /* the stubs' extent */
};

/* Free bytes between hot and cold that jit_reserve() guarantees: one region, its exits, some stubs for unlinking. */
#define JIT_RESERVE (256u << 10)
/* What jit_side() takes from the cold end at a time, and the most that it gives. */
#define JIT_SIDE (64u << 10)
/* A program with more translated code than this is a large one. */
#define JIT_LARGE (3u << 19)

struct jit {
	struct jit_config config;
	_Atomic uint32_t lock;
	uint8_t *rw, *rx;
	size_t size;
	uint32_t floor;           /* end of the thunks */
	uint32_t hot, cold;       /* free space between them */
	uint32_t side, side_end;  /* free space in a piece of the cold end that fills upward: jit_side() */
	struct jit_region *region;
	_Atomic uint32_t regions; /* used, with index 0 */
	struct jit_exit *exit;
	uint32_t exits;
	uint32_t links;           /* rel32s that lead to regions: each may need a stub again */
	uint8_t *delta;
	uint32_t delta_used;
	struct jit_last last;
	uint32_t *hash;           /* 1 << hash_bits heads of chains */
	_Atomic uint32_t hash_bits;
	struct jit_page *page;
	uint32_t page_bits, pages;
	_Atomic uint32_t generation; /* counts flushes */
	_Atomic uint32_t mappings;   /* counts jit_invalidate(): what may be executed has changed */
	_Atomic uint32_t cpus;    /* processors that exist */
	struct jit_cpu *cpu_list;
	_Atomic uint32_t stop;    /* a flush waits for threads to leave */
	uint32_t table_bits;      /* entries in use: 1 << table_bits */
	uint32_t table_shift;     /* low bits of a pc that the index leaves out */
	uint32_t table_misses;
	bool table_grows;
	uint64_t miss;            /* what an empty table entry holds */
	int fork_pipe[2];
	/* the ISA's own: offsets of its thunks, code that saves vector registers */
	uint32_t thunk[24];
	jit_stub_fn *stub;
	uint32_t verify_jump;     /* offset of the rel32 of a verifying entry's jump to the body */
	bool large;               /* large pages were asked for */
	bool ready;               /* the thunks are there */
	void *owned;              /* the ISA's: jit_free() frees it */
	bool modes;               /* run.c: regions of several modes exist; the table, which compares pc alone, is unused */
	struct jit_stats stats;
	/* system mode */
	_Atomic uint32_t cleaned; /* counts mmu_ram_clean() */
	uint64_t *code_map;       /* a bit for each RAM page that has translations */
	struct jit_context *context;
	uint32_t contexts;
	struct jit_young young[JIT_MAX_YOUNG];
	uint32_t youngs;
	struct jit_mapping *mapping;
	uint32_t mappings_used;
	uint32_t *mapping_hash;
	struct jit_debug *debug, *debug_points; /* debug.h; debug is NULL while there are no points */
};

/* lib/jit's per-thread record, embedded in the ISA's state. */
struct jit_cpu {
	struct cpu *cpu;
	struct jit_cpu *next, **prev;
	void *table;             /* this processor's mapping of the indirect table */
	uint64_t table_mask;     /* index = guest pc & table_mask */
	_Atomic uint32_t inside; /* runs translated code, or holds an offset into it */
};

/* ---- cache.c ---- */
/* Maps the cache and the arrays; once. Held: lock. */
int jit_cache_map(struct jit *j, struct err *e);
void jit_lock(struct jit *j);
void jit_unlock(struct jit *j);
bool jit_trylock(struct jit *j);
/* A processor's view of the table at a fixed address (page-aligned, JIT_TABLE_BYTES). Held: lock. 0 or -errno. */
int jit_table_map(struct jit *j, void *at);
/* Room for `bytes` of code that is hardly ever run, away from the bodies; the user moves j->side behind what is used. NULL: none. Held: lock. */
uint8_t *jit_side(struct jit *j, uint32_t bytes);
/* Makes sure a region may be translated: else everything is flushed. True: it was flushed. Held: lock. */
bool jit_reserve(struct jit *j, struct jit_cpu *self);
void jit_flush(struct jit *j, struct jit_cpu *self);
void jit_cpu_add(struct jit *j, struct jit_cpu *c, struct cpu *cpu);
void jit_cpu_remove(struct jit *j, struct jit_cpu *c);
/*
 * A dead region's entry was trapped at again and again: stops all threads and makes it a jump. Held: lock.
 */
void jit_entry_repair(struct jit *j, struct jit_cpu *self, uint32_t region);
/* After the processor has published that it is inside: waits while a flush is under way. */
void jit_enter_wait(struct jit *j, struct jit_cpu *self);
/*
 * The lock for a processor that is inside and holds no offset into the cache: while it waits it keeps nobody from flushing. It is
 * inside again when it comes back; offsets from before may be stale.
 */
void jit_lock_inside(struct jit *j, struct jit_cpu *self);
/* A miss was counted; grows the table when it is too small. Held: lock. */
void jit_table_set(struct jit *j, uint64_t pc, uint32_t entry);
/* An indirect jump to pc is likely to come: the same, where nothing else has the place. Held: lock. */
void jit_table_offer(struct jit *j, uint64_t pc, uint32_t entry);
/*
 * miss: host address of what empty entries lead to; grows: the index is taken with cpu->table_mask, start small; else it is the low 16
 * bits of the pc without the lowest `shift`.
 */
void jit_table_init(struct jit *j, uint64_t miss, bool grows, unsigned shift);

static inline bool jit_single(const struct jit *j)
{
	return j->cpus <= 1;
}

/*
 * Free bytes between hot and cold. What taking back all links would need is not free: a link into a region that dies must become a stub
 * at once, whoever it is that holds the lock, for nobody else would ever look at it again.
 */
static inline uint32_t jit_room(const struct jit *j)
{
	uint32_t gap = j->cold - j->hot, owed = j->links * JIT_COLD_STUB;
	return gap > owed ? gap - owed : 0;
}

static inline uint32_t jit_offset(const struct jit *j, const uint8_t *rw)
{
	return (uint32_t)(rw - j->rw);
}

static inline bool jit_contains(const struct jit *j, uint64_t host_pc)
{
	return host_pc - (uint64_t)j->rx < j->size;
}

/* The table's index for a guest pc, where the ISA's code computes it so (T1). */
static inline uint32_t jit_table_index(const struct jit *j, uint64_t pc)
{
	if (j->config.machine)
		pc ^= pc >> 16;
	return (uint32_t)(pc >> j->table_shift) & ((1u << j->table_bits) - 1);
}

/* ---- region.c ---- */
/* Neighbours share pages of the table; a small program's table is one page. */
static inline uint32_t *jit_bucket(const struct jit *j, uint64_t pc)
{
	uint32_t bits = atomic_load_explicit(&j->hash_bits, memory_order_relaxed);
	return &j->hash[(pc >> 4 ^ pc >> 16) & ((1u << bits) - 1)];
}

/*
 * Held: lock; or inside, when a miss means nothing: the next of a region is always an older one, so that chains have an end
 * even while they change, and no region is reused before a flush.
 */
static inline uint32_t jit_region_find(const struct jit *j, uint64_t pc, uint32_t mode)
{
	uint32_t r = *jit_bucket(j, pc);
	while (r && (j->region[r].pc != pc || j->region[r].mode != mode))
		r = j->region[r].hash_next;
	return r;
}

/* A new region at the hot pointer. Held: lock; jit_reserve() was called. It is not found before jit_region_commit(). */
uint32_t jit_region_new(struct jit *j, uint64_t pc, uint32_t mode);
/* Publishes it: hash, pages. */
void jit_region_commit(struct jit *j, uint32_t region);
/* The region whose body contains a host address; no locks, async-signal-safe. 0: none. */
uint32_t jit_region_at(const struct jit *j, uint64_t host_pc);
/* Is the guest page known, protected and fetchable? Bytes that may be fetched from pc within its page. Held: lock. */
size_t jit_fetchable(struct jit *j, uint64_t pc);
/* The same for one look, without protecting the page: what is translated must not be kept. */
size_t jit_peekable(struct jit *j, uint64_t pc);
struct jit_page *jit_page_get(struct jit *j, uint64_t pc);
/* Drops regions that overlap [start, end). Held: lock. */
void jit_invalidate_locked(struct jit *j, uint64_t start, uint64_t end);
/* Is the page one whose regions check their source? Until when, jit_ticks(); 0: no. Held: lock. */
uint32_t jit_page_hot(const struct jit *j, uint64_t pc);
/* That time is over: its regions go. Held: lock. */
void jit_page_cool(struct jit *j, uint64_t pc);
/* A guest store to this page: its regions go, and it is counted. Held: lock. */
void jit_invalidate_dirty(struct jit *j, uint64_t page);
void jit_region_kill(struct jit *j, uint32_t region);

/* System mode; pages are those of RAM. Held: lock. */
/* The region of code at address src of RAM for pc in a context, seen through these mappings; 0: none. mapping2 ~0: any. */
uint32_t jit_region_find_ram(const struct jit *j, uint64_t src, uint64_t pc, uint32_t context, uint32_t mapping, uint32_t mapping2);
/* The number of a context; 0: too many, everything must be flushed. */
uint32_t jit_context(struct jit *j, uint32_t mode, uint64_t base, unsigned map);
/* The number of the mapping of a virtual page onto a RAM page; 0: too many. Odd: global. */
uint32_t jit_mapping(struct jit *j, uint64_t page, uint64_t ram, bool global);
/* Does a live region come from bytes [from, to) of the RAM page? */
bool jit_ram_used(struct jit *j, uint64_t ram, unsigned from, unsigned to);
/* Is it this region, or (region 0) one that contains pc? */
bool jit_ram_used_by(struct jit *j, uint64_t ram, unsigned from, unsigned to, uint32_t region, uint64_t pc);
/* The page is about to be read: stores to it are seen from now on. False: one may be under way that is not; it cannot be translated yet. */
bool jit_ram_protect(struct jit *j, struct jit_cpu *self, uint64_t ram);
/* The processor goes. */
void jit_ram_gone(struct jit *j, const struct mmu *m);
/* Has another processor the host address of something in [src, src + bytes) for an atomic operation? */
bool jit_ram_loose(const struct jit *j, const struct jit_cpu *self, uint64_t src, unsigned bytes);
/* At a flush: the page has no translations; no processor knows a context's or a mapping's number any longer. */
void jit_ram_forget(struct jit *j, struct jit_page *p);
void jit_forget_numbers(struct jit *j);
/* Is the page written so often that its code is interpreted for a while? */
bool jit_ram_hot(struct jit *j, uint64_t ram);
/* The region, which is complete, is one of its pages'. */
void jit_ram_note(struct jit *j, uint32_t region);
/* Drops them. guest: by a store of the guest's, which is counted. */
void jit_ram_drop(struct jit *j, uint64_t ram, unsigned from, unsigned to, bool guest);
/* Guest memory to a buffer; stops at a fault. Returns the bytes read. Its code range is known to the fault handler. */
size_t jit_fetch(void *to, uint64_t host_addr, size_t n);
size_t jit_store(uint64_t host_addr, const void *from, size_t n);
/* In a host SIGSEGV/SIGBUS handler: was it one of these two? Then the new host pc, else 0. */
uint64_t jit_fetch_fault(uint64_t host_pc);

/* ---- link.c ---- */
uint32_t jit_exit_new(struct jit *j, uint32_t region, uint64_t target, unsigned kind);
static inline uint64_t jit_exit_target(const struct jit *j, uint32_t x)
{
	return j->region[j->exit[x].region].pc + (int64_t)j->exit[x].rel;
}
/* Patches the exit to lead to the region's body, or leaves it as it is when the cache is about full. Held: lock. */
void jit_link(struct jit *j, uint32_t exit, uint32_t region);
/* The same to an address that belongs to the region: its guarded entry. */
void jit_link_to(struct jit *j, uint32_t exit, uint32_t region, uint32_t code);
/*
 * The exit is about to be linked to a translation that does not exist yet. If its stubs are the last thing in the hot
 * area and one thread runs, makes room there: true, and the translation must follow at j->hot at once, then
 * jit_link_physical().
 */
bool jit_rewind(struct jit *j, uint32_t exit);
/* Only notes that the region follows physically. */
void jit_link_physical(struct jit *j, uint32_t exit, uint32_t region);
/* A stub for the exit in the cold area: its offset, or 0 when there is no room. */
uint32_t jit_cold_stub(struct jit *j, uint32_t exit);
/* Makes a dead region's verifying entry lead out. */
void jit_verify_kill(struct jit *j, uint32_t region);
/* Makes a dead region's entry lead out; alone: no other thread is in the cache. */
void jit_entry_kill(struct jit *j, uint32_t region, bool alone);
/* All links into the region go back to stubs, for which there is always room: jit_room(). */
void jit_unlink_incoming(struct jit *j, uint32_t region);

/* ---- host/ ---- */
/* Calls fn(j, a, b) with all vector registers preserved. */
typedef size_t jit_safe_call_fn(struct jit *j, uint64_t a, uint64_t b);
size_t jit_call_saving_vectors(struct jit *j, jit_safe_call_fn *fn, uint64_t a, uint64_t b);
#endif
