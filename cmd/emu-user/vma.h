/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guest's mappings: a treap keyed by start address, each node augmented with the widest gap of its subtree, so
 * that finding free room is one descent. Ranges never overlap. All functions want process->mm_lock.
 */
#ifndef EMU_USER_VMA_H
#define EMU_USER_VMA_H
#include "user.h"

enum {
	VMA_SHARED = 1,     /* MAP_SHARED */
	VMA_FILE = 2,       /* backed by a file */
	VMA_STACK = 4,      /* the initial stack */
	VMA_HEAP = 8,       /* grown by brk */
	VMA_FIXTURE = 16,   /* the host's vdso: shown to the guest, never given back */
	VMA_TRANSLATED = 32 /* code was translated from it: stores must fault */,
	VMA_SHM = 64,       /* System V shared memory */
	VMA_BLOCKED = 128,  /* room kept free (guard below the stack); not shown */
};

struct vma {
	uint64_t start, end;
	uint32_t prot;  /* PROT_…, as the guest asked */
	uint32_t flags; /* VMA_… */
	/* treap */
	struct vma *left, *right;
	uint32_t priority;
	uint64_t low, high, gap; /* of the subtree: first start, last end, widest gap between neighbours */
};

/* The mapping that holds addr, or NULL. */
struct vma *vma_find(struct process *p, uint64_t addr);
/* The first mapping whose end is above addr, or NULL. */
struct vma *vma_next(struct process *p, uint64_t addr);
/* Is [start, end) free of mappings? */
bool vma_is_free(struct process *p, uint64_t start, uint64_t end);
/* Does one run of mappings without holes cover [start, end)? */
bool vma_covers(struct process *p, uint64_t start, uint64_t end);
/* Enters [start, end), which must be free, and joins it with equal neighbours. -ENOMEM when memory is short. */
int vma_insert(struct process *p, uint64_t start, uint64_t end, uint32_t prot, uint32_t flags);
/* Removes [start, end) from the tree, cutting mappings at both ends. Tells whether executable memory was among it. */
int vma_remove(struct process *p, uint64_t start, uint64_t end, bool *had_code);
/* Splits so that addr is a boundary. */
int vma_split(struct process *p, uint64_t addr);
/* Sets prot and flags of the mappings in [start, end): prot ~0u leaves prot; flags = (flags & ~clear) | set. */
int vma_change(struct process *p, uint64_t start, uint64_t end, uint32_t prot, uint32_t clear, uint32_t set);
/* The highest (top_down) or lowest free range of len bytes, aligned, within [min, max); 0: none. */
uint64_t vma_find_gap(struct process *p, uint64_t len, uint64_t align, uint64_t min, uint64_t max, bool top_down);
void vma_free_all(struct process *p);
/* Calls fn for each mapping in order of address; stops when it returns nonzero. */
int vma_walk(struct process *p, int (*fn)(struct vma *v, void *opaque), void *opaque);
#endif
