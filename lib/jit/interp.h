/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * T0: runs a region operation by operation. Portable and complete: the oracle for every back end.
 */
#ifndef JIT_INTERP_H
#define JIT_INTERP_H
#include "jit/access.h"
#include "jit/ir.h"
#include "jit/isa.h"

enum ir_leave {
	IR_LEAVE_PC,   /* the guest's pc is in its state */
	IR_LEAVE_TRAP, /* cpu->trap is filled; pc as the trap demands, for a fault at the instruction */
	IR_LEAVE_POLL, /* poll saw cpu->pending; pc is set */
};

/*
 * Runs a verified region from its start to an exit on the state `cpu` (the guest's struct, which begins with struct
 * cpu). guest_base is added to every guest address. Faults of guest memory come back as IR_LEAVE_TRAP with
 * trap.vector IR_VECTOR_MEMORY, trap.host_fault and trap.si (the program's signal handler must call access_fault()).
 * The values live in the region: one thread at a time runs it. Allocates on the first run of a region object only.
 */
enum ir_leave ir_interp(struct ir_region *r, struct cpu *cpu, uint64_t guest_base);

/* The same inside a scope of access.h that the caller has entered; faults and access_raise() go there, pc is stored. */
enum ir_leave ir_interp_in_scope(struct ir_region *r, struct cpu *cpu, uint64_t guest_base);

/* A finished region in as little memory as running it takes: what a cache of the interpreter's holds. */
struct ir_code {
	const struct ir_guest *guest;
	uint64_t pc;
	/* A store into [guard, guard + guard_len) ends the run before the next instruction: it may have changed. */
	uint64_t guard, guard_len;
	volatile uint32_t at; /* the operation that began the instruction which runs: for faults */
	bool stored;          /* such a store was made; whoever stores for a helper sets it too */
	uint32_t ops, locals; /* locals: index of the first in value[] */
	const struct ir_op *op;
	const struct ir_temp *temp;
	const uint16_t *label_at;
	union ir_value *value;
};

/* A copy of the region, in one piece of memory that free() gives back; guard_len is 0. NULL: no memory. */
struct ir_code *ir_code_new(const struct ir_region *r);
/* Runs it inside a scope of access.h, from one thread at a time. */
enum ir_leave ir_code_run(struct ir_code *c, struct cpu *cpu, uint64_t guest_base);

/* From a fault that ended `s` to cpu->trap; address is the guest's. */
void ir_fault_trap(struct cpu *cpu, const struct access_scope *s, uint64_t guest_base);

/* Guest memory operations of a memop on values, for back ends' slow paths. Need a scope. `at`: host address. */

void ir_mem_load(union ir_value *d, const struct ir_op *op, void *at);
void ir_mem_store(const union ir_value *v, const struct ir_op *op, void *at);
void ir_mem_atomic(union ir_value *d, const struct ir_op *op, void *at, const union ir_value *b, const union ir_value *c);
/* The same through the soft TLB at a guest address (system mode). */
void ir_mem_machine(struct cpu *c, union ir_value *d, const struct ir_op *op, uint64_t address, const union ir_value *b,
		    const union ir_value *v);
/* Calls a helper: in[0..4] are its arguments. */
void ir_call_helper(const struct ir_helper *h, struct cpu *cpu, const union ir_value *const *in, union ir_value *d);
#endif
