/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of the system side share (sys-*.c). See system.h for the machine's view, sysstate.h for the state. */
#ifndef ISA_X86_SYS_H
#define ISA_X86_SYS_H
#include "isa/x86/helpers.h"
#include "isa/x86/system.h"
#include "isa/x86/translate.h"
#include "jit/mmu.h"
#include "jit/run.h"
#include "jit/tlb.h"

enum x86_vector {
	X86_DE = 0, X86_DB = 1, X86_NMI = 2, X86_BP = 3, X86_OF_ = 4, X86_BR = 5, X86_UD = 6, X86_NM = 7, X86_DF_ = 8, X86_TS = 10,
	X86_NP = 11, X86_SS_ = 12, X86_GP = 13, X86_PF_ = 14, X86_MF = 16, X86_AC_ = 17, X86_MC = 18, X86_XM = 19,
};

/* The mode key of a translation (ir_front.mode). */
enum x86_key {
	X86_KEY_SIZE = 3,     /* 0: 16, 1: 32, 2: 64 */
	X86_KEY_SS32 = 4,     /* the stack's address size is 32 (outside 64-bit mode) */
	X86_KEY_FLAT = 8,     /* ES, CS, SS, DS: base 0, limit 4 GiB, writable; protected mode */
	X86_KEY_USER = 0x10,  /* CPL 3 */
	X86_KEY_GUARDED = 0x20, /* supervisor accesses to user pages fault (SMAP, AC clear) */
	X86_KEY_FPU = 0x40,   /* some x87, MMX, SSE or AVX instruction is not available */
	X86_KEY_ALIGN = 0x80, /* alignment checks: CR0.AM, AC, CPL 3 */
	X86_KEY_UNMASKED = 1 << 28, /* some exception of MXCSR is unmasked */
	X86_KEY_LIMIT = 8,    /* from this bit on, unless flat: the code segment's limit, in 4 KiB with bit 31 set */
};

/* What brought a delivery about: who may use the gate, what is pushed, the EXT bit of error codes. */
enum x86_event { X86_EVENT_EXCEPTION, X86_EVENT_SOFTWARE /* INT n, INT3, INTO */, X86_EVENT_ICEBP, X86_EVENT_EXTERNAL };

/*
 * Around calls of the machine's functions: they may wait for its lock, whose holder may wait for this processor to leave guest code.
 */
/*
 * What follows depends on how many instructions were executed, or may change when the next timer fires: where they are counted the interpreter
 * does it, one by one. Before anything was changed.
 */
static inline void x86_count_exactly(struct x86_cpu *c)
{
	if (c->cpu.jit->config.counts && c->cpu.mmu->in_region)
		access_raise(IR_RAISE_AGAIN);
}

/* The instruction stops in the middle, to go on at itself: it is counted when it ends. */
static inline void x86_count_later(struct x86_cpu *c)
{
	if (c->cpu.jit->config.counts)
		c->cpu.budget++;
}

static inline const struct x86_machine *x86_leave_guest(struct x86_cpu *c)
{
	tlb_leave(c->cpu.mmu);
	return c->sys.machine;
}

static inline void x86_return_guest(struct x86_cpu *c)
{
	tlb_return(c->cpu.mmu);
}

/* ---- small things ---- */

static inline bool x86_protected(const struct x86_cpu *c) { return c->sys.cr0 & X86_CR0_PE; }
static inline bool x86_vm86(const struct x86_cpu *c) { return c->rflags & X86_VM; }
/* Real-address or virtual-8086 mode: selectors are paragraphs. */
static inline bool x86_paragraphs(const struct x86_cpu *c) { return !x86_protected(c) || x86_vm86(c); }
static inline bool x86_long(const struct x86_cpu *c) { return c->sys.efer & X86_EFER_LMA; }
static inline unsigned x86_iopl(const struct x86_cpu *c) { return c->rflags >> 12 & 3; }

static inline uint64_t x86_mask_of(unsigned size)
{
	return size >= 8 ? UINT64_MAX : (1ull << size * 8) - 1;
}

/* Continues at an offset in CS. */
static inline void x86_set_ip(struct x86_cpu *c, uint64_t ip)
{
	c->rip = c->mode == 64 ? ip : (uint32_t)ip;
}

static inline uint64_t x86_next_ip(const struct x86_cpu *c, const struct x86_insn *in)
{
	uint64_t ip = c->rip + in->length;
	return c->mode == 64 ? ip : (uint32_t)ip;
}

static inline bool x86_canonical(uint64_t a)
{
	return (uint64_t)((int64_t)(a << 16) >> 16) == a;
}

static inline void x86_set_gpr(struct x86_cpu *c, unsigned reg, unsigned size, uint64_t v)
{
	uint64_t mask = x86_mask_of(size);
	c->gpr[reg] = size >= 4 ? v & mask : (c->gpr[reg] & ~mask) | (v & mask);
}

/* Bytes of the stack pointer's address size. */
static inline unsigned x86_stack_bytes(const struct x86_cpu *c)
{
	return c->mode == 64 ? 8 : c->seg[X86_SS].attr & X86_SEG_DB ? 4 : 2;
}

/* ---- sys-state.c ---- */
/* After any change of CR0, CR4, EFER, CPL, segments or RFLAGS.VM/AC: mode, key, map, bounds. */
void x86_sys_update(struct x86_cpu *c);
/* The data map for accesses at a privilege level; implicit: of the processor itself (SDM vol. 3, 4.6.1). */
unsigned x86_map_of(const struct x86_cpu *c, unsigned cpl, bool implicit);
/* Leaves translated code soon, for what the run loop must look at. */
static inline void x86_look(struct x86_cpu *c) { c->cpu.pending = 1; }
/* RFLAGS got a new value: IF and TF may need the run loop. */
void x86_flags_changed(struct x86_cpu *c, uint64_t old);

/* ---- memory as the processor itself accesses it: descriptor tables, task states ---- */
uint64_t x86_sys_load(struct x86_cpu *c, uint64_t linear, unsigned size);
void x86_sys_store(struct x86_cpu *c, uint64_t linear, uint64_t v, unsigned size);
/* With segment checks at the present privilege; offset is not yet cut. write: also probes. Gives the linear address. */
uint64_t x86_segment_check(struct x86_cpu *c, unsigned seg, uint64_t offset, unsigned size, bool write);

/* ---- sys-paging.c ---- */
bool x86_fill(struct cpu *c, uint64_t addr, enum mmu_access how, unsigned map, bool probe);
void x86_flush_all(struct x86_cpu *c);
/* Loads the PDPTE registers from cr3; false: a reserved bit is set (#GP). */
bool x86_load_pdptes(struct x86_cpu *c, uint64_t cr3);
_Noreturn void x86_page_fault(struct x86_cpu *c, uint64_t addr, uint64_t error);

/* ---- sys-segment.c ---- */
struct x86_desc {
	uint64_t low, high; /* high: of 16-byte system descriptors in long mode */
	uint64_t at;        /* linear address */
	struct x86_seg seg; /* split */
};
static inline unsigned x86_desc_dpl(const struct x86_desc *d) { return X86_SEG_DPL(d->seg.attr); }
static inline bool x86_desc_present(const struct x86_desc *d) { return d->seg.attr & X86_SEG_P; }
/* False: null or beyond its table. wide: 16 bytes. */
bool x86_desc_find(struct x86_cpu *c, uint16_t selector, bool wide, struct x86_desc *d);
/* The same, or a fault with the selector as its error code. */
void x86_desc_get(struct x86_cpu *c, uint16_t selector, bool wide, struct x86_desc *d, int vector, unsigned ext);
void x86_desc_accessed(struct x86_cpu *c, struct x86_desc *d);
/* Puts it into the register; bounds follow with x86_sys_update(). */
void x86_seg_set(struct x86_cpu *c, unsigned seg, uint16_t selector, const struct x86_desc *d);
void x86_seg_paragraph(struct x86_cpu *c, unsigned seg, uint16_t selector);
void x86_seg_null(struct x86_cpu *c, unsigned seg, uint16_t selector);
/* MOV to a segment register with all checks. */
void x86_sys_seg_load(struct x86_cpu *c, unsigned seg, uint16_t selector);
/* The checks of a new CS for a jump or call without gate; gives the new CPL. */
void x86_check_code(struct x86_cpu *c, uint16_t selector, const struct x86_desc *d);
/* CS := selector with CPL in its RPL. */
void x86_cs_set(struct x86_cpu *c, uint16_t selector, const struct x86_desc *d, unsigned cpl);
void x86_check_ip(struct x86_cpu *c, const struct x86_desc *cs, uint64_t ip);
/* After a return to an outer level: DS, ES, FS, GS that it may not have become null (SDM vol. 3, 5.8.6). */
void x86_outer_segments(struct x86_cpu *c);

/* ---- a stack under construction (far calls, deliveries) ---- */
struct x86_stack {
	struct x86_cpu *c;
	struct x86_seg ss;
	uint64_t sp;       /* offset, uncut above the mask */
	uint64_t mask;
	unsigned map;
	bool flat;         /* 64-bit: no segment */
	bool paragraphs;   /* real or virtual-8086 mode */
	uint64_t error;    /* of the #SS that a limit gives */
};
void x86_stack_current(struct x86_cpu *c, struct x86_stack *s);
void x86_stack_push(struct x86_stack *s, uint64_t v, unsigned size);
uint64_t x86_stack_peek(struct x86_stack *s, unsigned at, unsigned size);

/* ---- sys-gate.c, sys-task.c, sys-deliver.c ---- */
/* SS:ESP or RSP of an inner level from the TSS. */
void x86_tss_stack(struct x86_cpu *c, unsigned level, uint16_t *ss, uint64_t *sp, unsigned ext);
uint64_t x86_tss_ist(struct x86_cpu *c, unsigned n, unsigned ext);
/* Checks an inner SS for delivery or call gates at privilege dpl; #TS. */
void x86_inner_ss(struct x86_cpu *c, uint16_t selector, unsigned dpl, struct x86_desc *d, unsigned ext);
enum x86_switch { X86_SWITCH_JUMP, X86_SWITCH_CALL, X86_SWITCH_RETURN };
void x86_task_switch(struct x86_cpu *c, uint16_t selector, struct x86_desc *d, enum x86_switch how, uint64_t next_ip, const uint64_t *error);
void x86_task_gate(struct x86_cpu *c, const struct x86_desc *gate, uint16_t gate_selector, enum x86_switch how, uint64_t next_ip, const uint64_t *error,
		   unsigned ext);
/* One event through the IDT, with next_ip pushed. Nothing has changed if it faults. */
void x86_deliver(struct x86_cpu *c, unsigned vector, enum x86_event event, uint64_t error, uint64_t next_ip);
/*
 * INT n in virtual-8086 mode with VME: the redirection bitmap may leave it to the 8086 program (SDM vol. 3, 20.3.3). False: it does not.
 */
bool x86_deliver_vme(struct x86_cpu *c, unsigned vector, uint64_t next_ip);
bool x86_has_error_code(unsigned vector);
/* An exception of guest code, with double and triple faults; own scope of access.h. */
void x86_exception_deliver(struct x86_cpu *c, int vector, uint64_t error);
void x86_interrupt_deliver(struct x86_cpu *c, unsigned vector, enum x86_event event);

/* ---- sys-smm.c ---- */
void x86_smm_enter(struct x86_cpu *c);

/* ---- sys-debug.c ---- */
bool x86_debug_code(struct x86_cpu *c);        /* a code breakpoint at rip: DR6 bits are noted */
void x86_debug_io(struct x86_cpu *c, uint16_t port, unsigned size);
bool x86_debug_armed(const struct x86_cpu *c); /* the run loop must step */
bool x86_debug_page(const struct x86_cpu *c, uint64_t addr); /* a data breakpoint lies in this page */
void x86_debug_data(struct x86_cpu *c, uint64_t addr, bool write);
uint64_t x86_dr6_reserved(uint64_t v);

/* ---- sys-msr.c, sys-cpuid.c ---- */
uint64_t x86_tsc_now(struct x86_cpu *c);
bool x86_msr_read(struct x86_cpu *c, uint32_t msr, uint64_t *v);
bool x86_msr_write(struct x86_cpu *c, uint32_t msr, uint64_t v);
void x86_cpuid_leaf(struct x86_cpu *c, uint32_t leaf, uint32_t subleaf, uint32_t out[4]);

/* ---- sys-insn*.c, sys-io.c, sys-string.c, sys-far.c: helpers of system mode, by operation ---- */
enum x86_sys_kind {
	X86_SYS_NONE,
	X86_SYS_PLAIN,  /* does everything but the advance of rip */
	X86_SYS_ENDS,   /* the same, but what translations depend on may have changed */
	X86_SYS_JUMPS,  /* leaves rip where to go on */
};
struct x86_sys_op {
	x86_helper_fn *fn;
	uint8_t kind;
	bool no_operand; /* its memory operand is not accessed as x86_mem_access() says: ea is computed, nothing checked */
};
extern const struct x86_sys_op x86_sys_ops[X86_OP_COUNT];
#define X86_SYS_HELPER(name) void x86_sys_##name(struct x86_cpu *c, const struct x86_insn *in, uint64_t ea)
#include "isa/x86/sys-helpers.h"

/* ---- sys-emit.c ---- */
/* True: the instruction is done. */
bool x86_sys_emit(struct x86_ir *t);
/* A call of a system helper. */
void x86_sys_call(struct x86_ir *t, x86_helper_fn *fn, ir_ref ea);
/* ---- sys-front.c ---- */
bool x86_store_new(struct x86_cpu *c);
void x86_store_free(struct x86_cpu *c);
extern const struct ir_front x86_sys_front;
/* ---- sys-control.c ---- */
/* CR0, 2, 3, 4 for who is not the guest; false: the guest would get a fault. */
bool x86_control_set(struct x86_cpu *c, unsigned n, uint64_t v);
/* ---- sys-regs.c: the debugger's registers ---- */
#define X86_64_SYSTEM_REGS 82
#define I386_SYSTEM_REGS 57
extern struct isa_reg x86_64_system_regs[X86_64_SYSTEM_REGS], i386_system_regs[I386_SYSTEM_REGS];
int x86_64_system_get_reg(struct cpu *c, unsigned n, void *bytes);
int x86_64_system_set_reg(struct cpu *c, unsigned n, const void *bytes);
int i386_system_get_reg(struct cpu *c, unsigned n, void *bytes);
int i386_system_set_reg(struct cpu *c, unsigned n, const void *bytes);
/* ---- sys-run.c ---- */
enum trap_kind x86_system_run(struct cpu *cc);
void x86_system_interrupt(struct cpu *cc, void *ucontext);
/* What holds at this boundary: the shadow of MOV SS ends with the instruction behind it, whether anybody has waited for that or not. */
static inline uint8_t x86_shadow(struct x86_cpu *c)
{
	if (c->sys.shadow == X86_SHADOW_SS && c->rip != c->sys.shadow_at)
		c->sys.shadow = 0;
	return c->sys.shadow;
}

/* The maps that may have entries. Who changes CR4.PCIDE flushes all. */
static inline unsigned x86_maps(const struct x86_cpu *c)
{
	return c->sys.cr4 & X86_CR4_PCIDE ? X86_ALL_MAPS : X86_BANK_MAPS(0);
}
#endif
