/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside the copying translator: the region in the making. */
#ifndef ISA_X86_COPYINT_H
#define ISA_X86_COPYINT_H
#include "isa/x86/copy.h"
#include "isa/x86/decode.h"
#include "jit/host/x86-64-emit.h"

#define X86_FETCH 128
/* A region has at most this many instructions; larger ones only cost when they are left early. */
#define X86_MAX_INSNS 128
/* Calls whose return points one translation remembers. */
#define X86_RETURNS 8

struct x86_tr {
	struct jit *j;
	struct x86_cpu *c;
	uint8_t *p;           /* where host code goes (rw view) */
	uint8_t *d;           /* where the instruction table goes */
	uint32_t region;
	struct jit_region *g;
	uint64_t pc;          /* of the instruction at hand; behind the last when the region is done */
	uint8_t mode;
	bool quick;           /* the short way may be taken */
	bool chain;           /* the region ended in a jump whose stub is the last thing written */
	uint64_t chain_target;
	unsigned insns;
	uint64_t easy;        /* number of a page, plus one, that is known to be wholly fetchable and not written often; 0: none */
	unsigned ahead;       /* conditional branches whose other side may still be translated before it is reached */
	unsigned returns;
	uint64_t return_to[X86_RETURNS];
	unsigned src_len;     /* JIT_REGION_CHECKED: the source so far */
	uint8_t src[X86_MAX_INSNS * 15 + 32];
	struct x86_insn in;
	const uint8_t *bytes; /* of the instruction, with 16 bytes readable */
	uint64_t buf_pc;
	unsigned have;
	uint8_t buf[X86_FETCH + 32];
};

/* May instructions of pc's page be fetched without another look? */
static inline bool x86_easy_page(const struct x86_tr *t, uint64_t pc)
{
	return (pc >> 12) + 1 == t->easy;
}

/* Reads on from t->pc within its page: the bytes that t->buf then has. */
unsigned x86_tr_fetch(struct x86_tr *t);

/* Notes the instruction whose host code began at start and ends at t->p. */
void x86_tr_note(struct x86_tr *t, uint8_t *start, unsigned fixup);

/* rx address of an rw cursor */
static inline uint64_t x86_rx(const struct x86_tr *t, const uint8_t *p)
{
	return (uint64_t)(uintptr_t)t->j->rx + (uint64_t)(p - t->j->rw);
}

/* n bytes, at most 16; reads and writes 16. */
static inline uint8_t *x86_copy_bytes(uint8_t *p, const uint8_t *from, unsigned n)
{
	uint64_t a, b;
	__builtin_memcpy(&a, from, 8);
	__builtin_memcpy(&b, from + 8, 8);
	__builtin_memcpy(p, &a, 8);
	__builtin_memcpy(p + 8, &b, 8);
	return p + n;
}

/* quick.c */
enum x86_quick_end {
	X86_QUICK_OTHER,  /* at t->pc is something else, the region's page or number of instructions is at its end, or memory is */
	X86_QUICK_BRANCH, /* t->in is a direct branch, as far as x86_end_branch() looks at it */
	X86_QUICK_RET,    /* t->in is a return, as far as x86_end_indirect() looks at it */
};
/* Translates up to max instructions from t->pc. */
enum x86_quick_end x86_quick64(struct x86_tr *t, unsigned max);
enum x86_quick_end x86_quick32(struct x86_tr *t, unsigned max);
/* Has the model all that the short way takes for granted? */
bool x86_quick_possible(const struct x86_features *f);

/* copymem.c */
/* Rewrites the instruction's rip-relative, fs: or gs: operand. False: it cannot. */
bool x86_rewrite_mem(struct x86_tr *t, unsigned *fixup);
/* Loads 8 bytes from the instruction's memory operand into r (rcx; `other`, r11, is free too). False: it cannot. */
bool x86_load_target(struct x86_tr *t, unsigned r, unsigned other);
/* Does an instruction without memory operand ignore a segment prefix? */
bool x86_ignores_segment(const struct x86_insn *in);

/* copy32.c: 32-bit code. False: C does it. */
bool x86_plain32(struct x86_tr *t);
bool x86_stack32(struct x86_tr *t);
bool x86_end_indirect32(struct x86_tr *t);
void x86_push_return32(struct x86_tr *t, uint32_t next);
/* Writes the verifying entry, without the way to the body. */
uint8_t *x86_verify32(struct jit *j, uint8_t *p, const struct jit_region *g);

/* copyexit.c */
/* A verifying entry in front of the body. */
uint8_t *x86_verify_here(struct jit *j, uint8_t *p, const struct jit_region *g);
/* A call that returns to `next` was translated. */
void x86_returns_to(struct x86_tr *t, uint64_t next);
void x86_end_jump(struct x86_tr *t, uint64_t target);
void x86_end_branch(struct x86_tr *t);
bool x86_end_indirect(struct x86_tr *t);
void x86_end_emulate(struct x86_tr *t);
void x86_end_syscall(struct x86_tr *t);
#endif
