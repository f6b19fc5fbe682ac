/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a program that runs guest code (emu-user, emu-cpu) sees of an instruction set, and what an instruction
 * set sees of the program. lib/jit knows no guest: a guest is a `struct isa` record that its folder exports.
 */
#ifndef JIT_ISA_H
#define JIT_ISA_H
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include "base/err.h"

struct jit;  /* code cache, region index, memory interface: one for each guest address space */
struct cpu;  /* one guest processor or thread; every ISA's state begins with it */
struct isa;
struct mmu;         /* tlb.h: a processor's soft TLB */
struct mmu_machine; /* mmu.h */

/* Why cpu_run() came back. */
enum trap_kind {
	TRAP_NONE,      /* cpu_interrupt() was called; state is at an instruction boundary */
	TRAP_SYSCALL,   /* a system-call instruction; pc is after it; `number` tells which gate (x86: 0x80, or 0 for SYSCALL) */
	TRAP_EXCEPTION, /* a fault or trap: `vector` in the ISA's own numbering, pc at (fault) or after (trap) the insn */
	TRAP_DEBUG,     /* single-step or breakpoint set by the debugger */
	TRAP_HALT,      /* system mode: the processor waits for an interrupt */
};

struct trap {
	enum trap_kind kind;
	int vector;          /* ISA's exception number (x86: 0 #DE, 6 #UD, 13 #GP, 14 #PF …) */
	int number;          /* system-call gate, software interrupt number */
	uint64_t error_code; /* x86: the pushed error code */
	uint64_t address;    /* faulting guest address for memory faults */
	bool host_fault;     /* a host signal on a guest access: `si` holds it (SIGSEGV/SIGBUS, si_code as the kernel gave) */
	siginfo_t si;
};

/* User-mode hooks of the program; called with no lock of lib/jit held except as said. */
struct jit_host {
	/*
	 * Code was translated from [start, start+len): the program must make stores to it fault or otherwise report
	 * them through jit_invalidate(). Called under the translation lock, page-aligned in guest page size.
	 */
	void (*code_pages)(void *opaque, uint64_t start, uint64_t len);
	/*
	 * May the page change without a store to its own addresses, because the memory is shared with another mapping?
	 * Its regions then compare their source. NULL: never.
	 */
	bool (*changes_unseen)(void *opaque, uint64_t page);
	/* May the guest fetch from this page? Returns the number of executable bytes from addr, 0: none (fault). */
	size_t (*fetch_extent)(void *opaque, uint64_t addr, size_t want);
	/*
	 * Make the thread of this processor run isa->interrupt(c, ucontext) in a host signal handler, soon. Needed to
	 * empty a full code cache while several threads run. Called under the translation lock.
	 */
	void (*kick)(void *opaque, struct cpu *c);
	void *opaque;
};

enum jit_accel { JIT_TRANSLATE /* T1 */, JIT_INTERPRET /* T0 */ };

struct jit_config {
	const struct isa *isa;
	enum jit_accel accel;
	uint64_t guest_base;  /* added to every guest address (user mode); 0 wherever the layout allows */
	size_t cache_size;    /* bytes of code cache, 0: default (64 MiB, touched only when used) */
	uint64_t cache_hint;  /* preferred host address of the cache (near the guest's code), 0: anywhere */
	bool one_insn;        /* -singlestep: one guest instruction a region */
	bool counts;          /* system mode: instructions are counted down in cpu->budget (mmu.h, "counting") */
	struct jit_host host; /* user mode */
	const struct mmu_machine *machine; /* system mode; NULL: user mode */
};

struct jit *jit_new(const struct jit_config *config, struct err *e);
void jit_free(struct jit *j);

/*
 * Guest memory [start, start+len) changed or went away: translations from it must not be entered again. Safe from
 * any thread, not from a signal handler (see jit_host_store_fault for that). Regions that other threads are
 * in end at their next exit.
 */
void jit_invalidate(struct jit *j, uint64_t start, uint64_t len);

/*
 * In a host SIGSEGV handler, on the thread that owns c, for a store to a page that was protected because of
 * code_pages(): drops the page's translations. Async-signal-safe. Afterwards the program makes the page writable and
 * returns from the handler: true means that the context was changed, isa->run() goes on precisely at the storing
 * instruction; false that the store is simply done again.
 */
bool jit_host_store_fault(struct jit *j, struct cpu *c, uint64_t addr, void *ucontext);

/* Around fork(): before (takes the locks), after in the parent, after in the child (gives it a cache of its own). */
void jit_fork_prepare(struct jit *j);
void jit_fork_parent(struct jit *j);
void jit_fork_child(struct jit *j, struct cpu *current);

/* Counters for `info jit`, -d and the benchmarks. */
struct jit_stats {
	uint64_t regions, guest_insns, guest_bytes, host_bytes, flushes, invalidations, lookups_slow, interpreted;
};
void jit_stats(struct jit *j, struct jit_stats *s);
/* Changes jit_config.one_insn; no processor runs. */
void jit_set_one_insn(struct jit *j, bool on);

/* The header of every ISA's state. Its address is what translated code's state register (x86-64 host: GS base) holds. */
struct cpu {
	struct cpu *self;
	const struct isa *isa;
	struct jit *jit;
	void *owner;               /* the program's own record: emu-user's struct thread, emu-cpu's vcpu */
	volatile uint32_t pending; /* nonzero: leave translated code at the next boundary (cpu_interrupt) */
	uint32_t index;            /* small number of the thread, for logs */
	void *engine;              /* lib/jit's per-thread record (tables, host stack pointer, …) */
	bool single_step;          /* the debugger steps: TRAP_DEBUG after one instruction */
	bool step_masked;          /* with single_step, system mode: what comes from outside waits meanwhile */
	const struct access_watch *volatile watched; /* with single_step: accesses go to access_hit (access.h), by way of T0 */
	struct mmu *mmu;           /* system mode: the soft TLB; NULL: user mode */
	int32_t budget;            /* jit_config.counts: instructions until the machine is asked for more */
	uint32_t unspent;          /* how many of a region's, from the one whose function runs on, were taken off the budget and are not done */
	struct trap trap;          /* filled before cpu_run returns */
};

/* A register as the debugger, -d cpu and core dumps see it. */
struct isa_reg {
	const char *name;    /* name in the target description */
	const char *feature; /* "org.gnu.gdb.i386.core", … ; registers of one feature are adjacent */
	const char *type;    /* "int64", "code_ptr", "i387_ext", "vec128", … */
	const char *group;   /* NULL, "general", "float", "vector", "system" */
	uint16_t bits;
};

struct isa {
	const char *name; /* "x86_64", "i386", … as in qemu-NAME */
	bool big_endian;
	unsigned bits;    /* pointer size of user programs: 32 or 64 */
	size_t cpu_size;

	/* model: "max", "qemu64,+avx,-sse4.2", NULL for the default. */
	struct cpu *(*cpu_new)(struct jit *j, const char *model, struct err *e);
	struct cpu *(*cpu_clone)(const struct cpu *from); /* a new thread with a copy of the guest state */
	void (*cpu_free)(struct cpu *c);
	void (*cpu_models)(FILE *f); /* -cpu help */

	/* Runs until something needs the program. Fills c->trap, returns its kind. */
	enum trap_kind (*run)(struct cpu *c);

	/*
	 * For the program's host signal handlers (async-signal-safe, on the thread that owns c). Returns true when the
	 * signal was raised by translated code: then the context was changed so that, on return from the handler,
	 * isa->run() returns with c->trap filled (host_fault set, pc precise), and the program must touch nothing else.
	 */
	bool (*host_fault)(struct cpu *c, int sig, siginfo_t *si, void *ucontext);
	/*
	 * Async request to leave translated code at an instruction boundary soon; callable from any thread, and from a host
	 * signal handler of the owning thread, which passes its ucontext (else NULL). Sets c->pending.
	 */
	void (*interrupt)(struct cpu *c, void *ucontext);

	/* jit_host_store_fault()'s part for this ISA. */
	bool (*store_fault)(struct cpu *c, uint64_t addr, void *ucontext);

	uint64_t (*get_pc)(const struct cpu *c);
	void (*set_pc)(struct cpu *c, uint64_t pc);
	const struct isa_reg *regs;
	unsigned reg_count;
	/* Bytes in guest byte order; size is regs[n].bits / 8. Only while the cpu is not running. Return 0 or -errno. */
	int (*get_reg)(struct cpu *c, unsigned n, void *bytes);
	int (*set_reg)(struct cpu *c, unsigned n, const void *bytes);
	/* What the debugger puts over an instruction, and how far behind its start the program then stops. 0: INT3, one byte. */
	uint8_t breakpoint[4], breakpoint_size, breakpoint_after;
	const char *gdb_arch; /* "i386:x86-64" */
	/* XML that defines the types of a feature's registers; "": none. */
	const char *(*gdb_types)(const char *feature);
	/* One line of disassembly into buf; returns the instruction's length in bytes (>= 1). */
	unsigned (*disassemble)(struct cpu *c, uint64_t pc, const uint8_t *bytes, size_t n, char *buf, size_t size);
	void (*dump)(struct cpu *c, FILE *f, unsigned log_items); /* -d cpu, crash reports */
};

#endif
