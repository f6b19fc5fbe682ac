/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The run loop of guests that are translated through the intermediate form. A guest's struct isa record has one-line functions
 * that call these with its front end; nothing else is needed to run under T0 and T1.
 */
#ifndef JIT_RUN_H
#define JIT_RUN_H
#include "jit/engine.h"
#include "jit/interp.h"
#include "jit/ir.h"

#define IR_VECTOR_FETCH (-3) /* pc cannot be fetched: trap.host_fault, trap.address */

struct ir_front {
	const struct ir_guest *guest;
	/*
	 * Builds the region that begins at pc from code[0..n), at most max_insns instructions, between ir_begin() (done) and its
	 * last exit; the region has room for IR_RUN_INSN_OPS operations when an instruction begins (test with ir_room()). Returns
	 * the bytes of code that it stands for, at least 1; 0: not even the first instruction is complete in n bytes.
	 * Called under the translation lock; must not touch guest memory.
	 */
	size_t (*translate)(struct ir_region *r, struct cpu *c, uint64_t pc, unsigned max_insns, const uint8_t *code,
			    size_t n);
	/* What else than pc the translation depends on (instruction set mode, floating-point modes). May be NULL: 0. */
	uint32_t (*mode)(const struct cpu *c);
	/*
	 * Do the host's instructions give this guest's floating-point results in its present mode (rounding 0..3, nothing flushed)?
	 * mode() must tell such modes apart. While translated code runs the host's MXCSR is the guest's: helpers use no
	 * floating point of the host, and see flags that were raised since in fpu_status only behind an fpget. May be NULL: no.
	 */
	bool (*fp_host)(const struct cpu *c);
	/* Turns trap.vector IR_VECTOR_* into the guest's own. */
	void (*fault)(struct cpu *c);
	/*
	 * Executes instructions at pc from code[0..n) on the state, without translating them, up to a jump or the end of the buffer; leaves pc behind
	 * what was done. False: the one at pc is not done here. Called in a scope of access.h, in user mode; see cold.c. May be NULL.
	 */
	bool (*cold)(struct cpu *c, const uint8_t *code, size_t n);
	unsigned cold_runs;      /* how often code is jumped to before it is translated, at most 255 */
	unsigned max_insns;      /* a region; 0: 64 */
	unsigned longest;        /* bytes of the longest instruction */
	const struct mmu_front *mmu; /* system mode */
};

/*
 * Ends the instruction with a fault of the guest's: from a helper or from mmu_front.fill. ir_run() returns with trap.kind
 * TRAP_EXCEPTION, the vector (0 or more), error code and address; the state is that before the instruction.
 */
_Noreturn void ir_raise(struct cpu *c, int vector, uint64_t error_code, uint64_t address);
/* access_raise() codes of lib/jit's own; others are vectors. */
enum { IR_RAISE_AGAIN = -100, IR_RAISE_EXCLUSIVE = -101 };

#define IR_RUN_INSN_OPS 96

/* Per thread; cpu->engine leads here. */
struct ir_cpu {
	struct jit_cpu jc;        /* first */
	const struct ir_front *front;
	struct ir_region *one;    /* for the interpreter */
	struct ir_region *region; /* for T1 */
	uint32_t step_over;       /* the next instruction goes through T0: it stores into its own page */
	bool exclusive;           /* system mode: and while all other processors stand still */
	struct ir_cold *cold;     /* cold.c; NULL: nothing is executed there */
};

/* Makes c->engine; for isa->cpu_new and cpu_clone. 0 or -errno. */
int ir_cpu_init(struct cpu *c, struct jit *j, const struct ir_front *front, struct err *e);
void ir_cpu_free(struct cpu *c);
/* The functions of struct isa. */
enum trap_kind ir_run(struct cpu *c);
bool ir_host_fault(struct cpu *c, int sig, siginfo_t *si, void *ucontext);
void ir_interrupt(struct cpu *c, void *ucontext);
bool ir_store_fault(struct cpu *c, uint64_t addr, void *ucontext);

/*
 * The request to leave is taken; what it was about is looked at behind this. Whoever asks writes what he wants and then pending: so the
 * store must be done before the look, which a plain store of x86 is not (SDM volume 3, 8.2.3.4), or the next request may vanish.
 */
static inline void ir_pending_take(struct cpu *c)
{
	__atomic_exchange_n(&c->pending, 0, __ATOMIC_SEQ_CST);
}

/* One instruction by T0. */
enum trap_kind ir_step(struct cpu *c);

/* ---- cold.c ---- */
#define IR_COLD_SPOTS 4096
#define IR_COLD_PAGES 16
struct ir_cold {
	uint8_t runs[IR_COLD_SPOTS]; /* of jumps to places in code, by a hash */
	struct {
		uint64_t page;       /* plus one: its bytes may be fetched as long as */
		uint32_t mappings;   /* nothing was mapped anew (struct jit) */
	} page[IR_COLD_PAGES];
};
#define IR_COLD_BYTES sizeof(struct ir_cold)
/* Does code at pc that has no translation wait for one? */
bool ir_cold_wanted(const struct cpu *c, uint64_t pc);
/*
 * Executes cold code from the state's pc until something that is translated, or is to be. False: nothing was done, the code at pc
 * is to be translated; else *kind is as from ir_run(), TRAP_NONE: go on.
 */
bool ir_cold(struct cpu *c, enum trap_kind *kind);

/* ---- shared by run.c and machine.c ---- */
void ir_log_source(struct cpu *c, const struct ir_region *r, const uint8_t *code, size_t n);
void ir_log_code(const struct jit *j, uint32_t region);
void ir_log_entry(const struct cpu *c, uint64_t pc);
uint64_t ir_get_pc(const struct cpu *c);
void ir_set_pc(struct cpu *c, uint64_t pc);
void ir_set_extra(struct cpu *c, uint32_t extra);
uint32_t ir_mode(const struct cpu *c);
void ir_check(const struct ir_region *r);
uint64_t ir_host_address(const struct jit *j, uint32_t offset);
uint32_t ir_fp_enter(struct cpu *c, uint32_t *host);
void ir_fp_leave(struct cpu *c, uint32_t host);
enum trap_kind ir_left(struct cpu *c, enum ir_leave how);
enum trap_kind ir_machine_run(struct cpu *c);
enum trap_kind ir_machine_step(struct cpu *c);
uint64_t ir_machine_link(struct cpu *c, uint32_t exit);
uint64_t ir_machine_far(struct cpu *c, uint64_t pc);
uint64_t ir_machine_miss(struct cpu *c, uint64_t pc);

/* Thunks call these; they give host addresses. */
uint64_t ir_engine_link(struct cpu *c, uint32_t exit);
uint64_t ir_engine_miss(struct cpu *c, uint64_t pc);
#endif
