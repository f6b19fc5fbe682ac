/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What lib/jit/run.c asks of a host's T1. */
#ifndef JIT_HOST_T1_H
#define JIT_HOST_T1_H
#include "jit/engine.h"
#include "jit/ir.h"

/* What translated code returns to C with. */
enum t1_reason { T1_LEFT_PC, T1_LEFT_TRAP, T1_LEFT_ALIGN, T1_LEFT_PENDING };

/* Offsets in jit->thunk[]. */
enum { T1_ENTER, T1_LEAVE, T1_LINK, T1_MISS, T1_RETRY, T1_EVAL, T1_FAR, T1_SLOW, T1_SLOW_XMM, T1_CONST };

/* Makes the cache and its thunks, once. Held: j's lock. */
int t1_thunks(struct jit *j, const struct ir_guest *guest, struct err *e);

/*
 * Generates the optimised region r as the engine's region `region`, whose body starts at j->hot. Held: j's lock. False: it
 * does not fit; nothing was changed but j->exits and j->cold; translate fewer instructions. indirect: an indirect jump wants it, so
 * the entry that verifies comes right in front.
 */
bool t1_generate(struct jit *j, uint32_t region, struct ir_region *r, bool fp_host, bool indirect);

/* The entry for indirect jumps: checks the guest's pc. Held: lock. */
uint32_t t1_verify_entry(struct jit *j, uint32_t region);

struct t1_place {
	uint32_t region;
	uint64_t pc;
	uint32_t extra;
	uint32_t unspent; /* counting: see struct cpu */
};
/* The guest instruction of a host address inside a region's body. Async-signal-safe. */
bool t1_locate(const struct jit *j, const struct ir_guest *guest, uint64_t host_pc, struct t1_place *place);
/* Changes the context of translated code so that it leaves with `reason`. */
void t1_leave_from(const struct jit *j, void *ucontext, unsigned reason);
uint64_t t1_host_pc(const void *ucontext);
void t1_set_host_pc(void *ucontext, uint64_t pc);
#endif
