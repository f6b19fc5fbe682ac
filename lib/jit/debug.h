/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A debugger's breakpoints and watchpoints in system mode, by the address that instructions and accesses have behind segments and before
 * paging. Guest memory and the guest's own debug registers are not touched, so they hold through every change of mode and tables.
 *
 * A breakpoint ends regions: none begins at one or goes over it, so that the run loop sees it. A page with a watchpoint has slow tags in the
 * TLBs; an access that meets one begins its instruction again under T0, and the processor stops behind it.
 *
 * isa->run() gives TRAP_DEBUG, with enum jit_debug_why in trap.number, the point's kind in trap.error_code and in trap.address where it
 * is, or the first byte of the access in it. Nothing of this costs anything while there are no points.
 */
#ifndef JIT_DEBUG_H
#define JIT_DEBUG_H
#include "jit/tlb.h"

enum jit_debug_why { JIT_DEBUG_STEP, JIT_DEBUG_BREAK /* pc is at it */, JIT_DEBUG_WATCH /* pc is behind the instruction */ };
/* Kinds of points; two of the same address and different kinds are two. */
enum jit_debug_kind { JIT_BREAK, JIT_BREAK_HARD, JIT_WATCH_WRITE, JIT_WATCH_READ, JIT_WATCH_ACCESS };

#define JIT_BREAKS 1024
#define JIT_WATCHES 64

struct jit_debug {
	unsigned breaks, watches;
	struct jit_break { uint64_t at; uint8_t kinds; } brk[JIT_BREAKS]; /* in order of addresses */
	struct jit_watch { uint64_t first, last; uint8_t kind; } watch[JIT_WATCHES];
};

/* No processor runs. 0, -ENOSPC, -ENOMEM, -EINVAL: no bytes. Taking away what is not there is no error. */
int jit_break_set(struct jit *j, uint64_t linear, enum jit_debug_kind kind, bool on);
int jit_watch_set(struct jit *j, uint64_t linear, uint64_t size, enum jit_debug_kind kind, bool on);
void jit_debug_clear(struct jit *j);

/* ---- for lib/jit and the run loops; only while j->debug is not NULL ---- */
/* The breakpoint at linear, or NULL. */
const struct jit_break *jit_break_at(const struct jit *j, uint64_t linear);
/* Is there one in (linear, linear + size)? Then the first's distance, else 0. */
uint64_t jit_break_behind(const struct jit *j, uint64_t linear, uint64_t size);
/* Bits 1 << enum mmu_access that are watched in the page. */
unsigned jit_watch_page(const struct jit *j, uint64_t page);
/*
 * An access is about to be made, how: bits 1 << enum mmu_access. Where it meets a watchpoint this begins the instruction again, or, under T0,
 * notes it.
 */
void jit_watch_access(struct mmu *m, uint64_t linear, unsigned size, unsigned how);
/* It will be made, after something that cannot be done twice. */
void jit_watch_probe(struct mmu *m, uint64_t linear, unsigned size, unsigned how);
/* A watchpoint was met: true, and c->trap tells. Asked behind every step, too: there ir_run() does not. */
bool jit_watch_met(struct cpu *c);
#endif
