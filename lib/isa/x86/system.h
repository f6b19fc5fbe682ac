/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The system side of an x86 processor (Intel SDM volume 3): what emu-cpu sees of it. Everything that user programs share is in cpu.h.
 *
 * The processor belongs to its thread. The functions below are for that thread, or any while the processor does not run, except
 * where a comment says "any thread".
 */
#ifndef ISA_X86_SYSTEM_H
#define ISA_X86_SYSTEM_H
#include <stdio.h>
#include "isa/x86/cpu.h"

/* What the machine does for the processor. Called on its thread, with no lock of lib/jit held. */
struct x86_machine {
	uint64_t (*in)(void *opaque, uint16_t port, unsigned size);
	void (*out)(void *opaque, uint16_t port, uint64_t value, unsigned size);
	/* The vector to be delivered now (acknowledged), -1: none. Called only with RFLAGS.IF set and no shadow. */
	int (*acknowledge)(void *opaque);
	bool (*pending)(void *opaque);
	uint8_t (*get_tpr)(void *opaque);               /* CR8 */
	void (*set_tpr)(void *opaque, uint8_t cr8);
	/* MSRs of the local APIC and the machine (0x1b, 0x6e0, 0x800..0x8ff). 0 or -EINVAL: #GP. */
	int (*msr_read)(void *opaque, uint32_t msr, uint64_t *value);
	int (*msr_write)(void *opaque, uint32_t msr, uint64_t value);
	uint64_t (*tsc)(void *opaque);                  /* before IA32_TSC_ADJUST and writes of IA32_TSC are added */
	void (*smm)(void *opaque, bool inside);         /* SMRAM appears and disappears */
	void (*ferr)(void *opaque, bool level);         /* FERR#: x87 errors with CR0.NE clear (IRQ 13) */
	void (*triple_fault)(void *opaque);             /* shutdown: the machine is reset */
	void (*halted)(void *opaque, bool halted);
	void *opaque;
};

/* isa_x86_64_system / isa_i386_system: struct isa records for machines; jit_config.machine (jit/mmu.h) must be set. */
extern const struct isa isa_x86_64_system, isa_i386_system;
void x86_system_attach(struct cpu *c, const struct x86_machine *m);
/*
 * Its place in the machine, before the first reset: what CPUID tells of cores and threads. x86_apic_id(): the id of processor `index` when
 * sockets have that many cores of that many threads.
 */
void x86_system_topology(struct cpu *c, uint32_t apic_id, unsigned cores, unsigned threads);
uint32_t x86_apic_id(unsigned index, unsigned cores, unsigned threads);

void x86_system_reset(struct cpu *c);            /* power-up state (SDM vol. 3, table 9-1) */
/* INIT: the boot processor goes to the reset vector, others wait for SIPI. false: in system management mode, where INIT waits for RSM. */
bool x86_system_init(struct cpu *c, bool boot);
void x86_system_sipi(struct cpu *c, uint8_t vector);

/* Lines, any thread: noted, and the processor is made to look. */
void x86_line_interrupt(struct cpu *c);          /* pending() may have changed */
void x86_line_nmi(struct cpu *c);
void x86_line_smi(struct cpu *c);
void x86_line_a20(struct cpu *c, bool on);
void x86_line_machine_check(struct cpu *c, unsigned bank, uint64_t status, uint64_t mcg_status, uint64_t addr, uint64_t misc, bool broadcast);
void x86_line_ferr_ignored(struct cpu *c);       /* write to port 0xf0: IGNNE# */

/* For the monitor and gdb. Translates with the present paging; 0, or -EFAULT. */
int x86_translate_debug(struct cpu *c, uint64_t linear, uint64_t *physical);
void x86_print_tlb(struct cpu *c, FILE *f);      /* info tlb */
void x86_print_mem(struct cpu *c, FILE *f);      /* info mem */
void x86_print_registers(struct cpu *c, FILE *f); /* info registers, line by line as the classic monitor prints them */

/* Saved state: every architectural register, in named fields. */
struct x86_state_field { const char *name; uint32_t offset, size, count; };
extern const struct x86_state_field x86_state_fields[]; /* ended by a NULL name; offsets in struct x86_cpu */
void x86_state_saving(struct cpu *c);
int x86_state_loaded(struct cpu *c, struct err *e); /* checks, and rebuilds what is derived */
#endif
