/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Virtual processors: one thread each (vcpu.c); what is an instruction set's own is behind struct vcpu_ops (vcpu-x86.c). */
#ifndef EMU_CPU_VCPU_H
#define EMU_CPU_VCPU_H
#include <stdatomic.h>
#include "machine.h"
#include "x86-parts.h"

struct cpu;
struct jit;

struct vcpu_ops {
	/* Any thread: noted, and translated code is left. The caller wakes the processor if it is halted. */
	void (*interrupt)(struct vcpu *v);
	void (*nmi)(struct vcpu *v);
	void (*smi)(struct vcpu *v);
	/* Its own thread, or while it stands still. */
	bool (*init)(struct vcpu *v); /* false: it cannot be now (system management mode); asked again when run() is left */
	void (*sipi)(struct vcpu *v, uint8_t vector);
	void (*reset)(struct vcpu *v);
	/* Its own thread: runs until it leaves guest code. true: it is halted. */
	bool (*run)(struct vcpu *v);
	void (*free)(struct vcpu *v);
	bool (*halted)(struct vcpu *v); /* or waits to be started; while it stands still */
	/* While it stands still. what: "registers" (NULL), "tlb", "mem" */
	void (*print)(struct vcpu *v, FILE *f, const char *what);
	int (*translate)(struct vcpu *v, uint64_t addr, uint64_t *physical); /* 0 or -EFAULT */
	/* How wide the code is that it runs (16, 32, 64), and where in virtual memory. */
	void (*code)(struct vcpu *v, unsigned *bits, uint64_t *addr);
};

struct vcpu {
	struct machine *machine;
	unsigned index;
	struct cpu *cpu;      /* NULL: a test's, to which things are done that are only counted */
	const struct vcpu_ops *ops;
	struct apic *apic;
	struct space *space;  /* of its memory accesses: system management mode has its own */
	void *own;            /* the instruction set's */
	struct irq intr;      /* input for an interrupt controller that has no APIC before it */
	_Atomic bool intr_level;
	/* vcpu.c's */
	pthread_t thread;
	_Atomic int tid;
	bool started, halted;
	_Atomic uint32_t kicked;   /* something came since it last looked */
	_Atomic uint32_t inside;   /* in guest code or able to touch guest memory; see "exclusive" in vcpu.c */
	bool parked;               /* at an instruction boundary, and will stay there; under the core's lock */
	_Atomic uint32_t sleeping;
	pthread_cond_t wake;
	_Atomic uint32_t init_wanted, sipi_wanted; /* sipi: vector | 0x100 */
	/* A debugger's: it does not run, and: it came to a point, or has stepped. */
	struct vcpu_debug {
		_Atomic bool held, met;
		int point;         /* enum gdb_point; -1: a step */
		uint64_t address;  /* of an access that was watched */
	} debug;
	/* For tests: what arrived. */
	struct vcpu_seen {
		bool interrupt;
		unsigned nmi, smi, init, sipi;
		uint8_t vector;
	} seen;
};

/* A processor without instructions, for tests of what stands around it; freed with the machine. */
struct vcpu *vcpu_new_test(struct machine *m);
struct vcpu *vcpu_new(struct machine *m, struct err *e);
void vcpu_set_apic(struct vcpu *v, struct apic *a);
/* The processor's INTR pin, for boards without APICs: the 8259 is asked for the vector. */
const struct irq *vcpu_intr(struct vcpu *v);

/* An x86 processor by config.cpu, or the board's default model. Boards make them before their APICs. */
struct vcpu *vcpu_new_x86(struct machine *m, uint32_t apic_id, struct err *e);
/* CPUID leaf 1: what SMBIOS tells. */
void vcpu_x86_identity(struct vcpu *v, uint32_t *processor_id, uint32_t *features);

/*
 * Around everything in which a processor's thread waits (the machine lock above all): others may have the machine for themselves
 * meanwhile. Calls nest not. Its own thread; vcpu_enter() may wait, so no lock is held.
 */
void vcpu_leave(struct vcpu *v);
void vcpu_enter(struct vcpu *v);
/* Its own thread, from ops->run: it came to TRAP_DEBUG, and the machine stops for that. */
void vcpu_debugged(struct vcpu *v);
/* It is to look for work, halted or not. Any thread. */
void vcpu_look(struct vcpu *v);
/* All other processors stand still, or wait, until vcpu_exclusive_end(). Own thread, no lock held. */
void vcpu_exclusive_begin(struct vcpu *v);
void vcpu_exclusive_end(struct vcpu *v);

/* Any thread: it comes out of guest code, or wakes, and looks at its timers again. */
void vcpu_call_out(struct vcpu *v);

/* A machine's translator, made with the first processor. */
struct jit *vcpus_jit(struct machine *m);
void vcpus_set_jit(struct machine *m, struct jit *j);
#endif
