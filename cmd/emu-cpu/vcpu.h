/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Virtual processors: one thread each (vcpu.c); what is an instruction set's own is behind struct vcpu_ops (vcpu-x86.c). */
#ifndef EMU_CPU_VCPU_H
#define EMU_CPU_VCPU_H
#include <stdatomic.h>
#include "machine.h"
#include "x86-parts.h"

struct cpu;

/* Any thread. A processor of a test machine has none: what is done to it is only counted. */
struct vcpu_ops {
	void (*interrupt)(struct vcpu *v);
	void (*nmi)(struct vcpu *v);
	void (*smi)(struct vcpu *v);
	void (*init)(struct vcpu *v);
	void (*sipi)(struct vcpu *v, uint8_t vector);
	void (*reset)(struct vcpu *v); /* main thread, the processor stands still */
};

struct vcpu {
	struct machine *machine;
	unsigned index;
	struct cpu *cpu;      /* NULL: a test's */
	const struct vcpu_ops *ops;
	struct apic *apic;
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
#endif
