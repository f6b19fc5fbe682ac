/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What x86 boards' chips share: the seams between interrupt controllers, processors and bridges. */
#ifndef EMU_CPU_X86_PARTS_H
#define EMU_CPU_X86_PARTS_H
#include "device.h"

struct vcpu;
struct apic;
struct machine;

/* 8259 pair (dev/intc/i8259.c, type "isa-i8259"): 16 inputs; output to `out`. */
const struct irq *i8259_inputs(struct device *d);      /* 16 of them */
void i8259_connect(struct device *d, const struct irq *out);
int i8259_acknowledge(struct device *d);               /* INTA cycle: the vector (a spurious 7 or 15 when nothing is pending) */
bool i8259_pending(struct device *d);

/* I/O APIC (dev/intc/ioapic.c, type "ioapic"): 24 inputs; messages go to the local APICs as stores at 0xfeexxxxx of the system space. */
const struct irq *ioapic_inputs(struct device *d);
void ioapic_eoi(struct machine *m, uint8_t vector);    /* broadcast from a local APIC */
/* info irq: how often each input rose. */
void ioapic_print_counts(struct device *d, FILE *f);
void i8259_print_counts(struct device *d, FILE *f);
/* info lapic */
void apic_print_state(struct apic *a, FILE *f);
uint32_t apic_get_id(const struct apic *a);
struct apic *apic_with_id(struct machine *m, uint32_t id); /* NULL: there is none */

/*
 * Local APIC (dev/intc/apic.c): one a processor, made by the board before the processors run.
 * Processor threads call the functions marked T without the machine lock; they take it themselves where they must.
 */
struct apic *apic_new(struct machine *m, struct vcpu *v, unsigned id, struct err *e);
void apic_reset(struct apic *a, bool init_only);
int apic_acknowledge(struct apic *a);                  /* T: highest deliverable vector, which becomes in service; -1: none; ExtINT goes to the 8259 */
bool apic_pending(struct apic *a);                     /* T: is there something to deliver (PPR considered)? */
uint8_t apic_get_tpr(struct apic *a);                  /* T: CR8 (4 bits) */
void apic_set_tpr(struct apic *a, uint8_t cr8);        /* T */
uint64_t apic_get_base(struct apic *a);                /* T: IA32_APIC_BASE */
int apic_set_base(struct apic *a, uint64_t v);         /* T: 0 or -EINVAL (#GP) */
int apic_msr_read(struct apic *a, uint32_t msr, uint64_t *v);  /* T: 0x800..0x83f, TSC deadline 0x6e0; -EINVAL: #GP */
int apic_msr_write(struct apic *a, uint32_t msr, uint64_t v);  /* T */
void apic_extint(struct apic *a, bool level);          /* the 8259's output, to LINT0 of the boot processor */
void apic_nmi(struct machine *m);                       /* LINT1 of every APIC: what a board gives machine_on_nmi() */
void apic_message(struct machine *m, uint64_t address, uint32_t data); /* an MSI */

/* What an APIC does to its processor (vcpu.c): any thread. */
void vcpu_interrupt(struct vcpu *v, bool pending);     /* re-evaluate: leave translated code and look at apic_pending() */
void vcpu_nmi(struct vcpu *v);
void vcpu_smi(struct vcpu *v);
void vcpu_init(struct vcpu *v);
void vcpu_sipi(struct vcpu *v, uint8_t vector);
struct apic *vcpu_apic(struct vcpu *v);
struct vcpu *vcpu_current(void);                       /* the processor whose thread this is; NULL: another thread */
struct device *machine_i8259(struct machine *m);       /* for ExtINT; NULL: none; the board puts it into m->i8259 */
uint64_t vcpu_tsc(struct vcpu *v);                     /* its time-stamp counter now; runs at vcpu_tsc_hz() */
uint64_t vcpu_tsc_hz(struct vcpu *v);

/* A20 gate: any of port 92, 8042 */
void machine_a20(struct machine *m, bool on);
bool machine_a20_get(struct machine *m);

/* fw_cfg (dev/misc/fw-cfg.c): data is copied; files are sorted by the device. Before the machine starts. */
void fw_cfg_add_bytes(struct machine *m, uint16_t key, const void *data, size_t size);
void fw_cfg_add_u16(struct machine *m, uint16_t key, uint16_t v);
void fw_cfg_add_u32(struct machine *m, uint16_t key, uint32_t v);
void fw_cfg_add_u64(struct machine *m, uint16_t key, uint64_t v);
/* written: the guest stored into the file (DMA interface); NULL: read-only. The data stays the caller's when it is given. */
int fw_cfg_add_file(struct machine *m, const char *name, const void *data, size_t size, struct err *e);
/* fn is called each time the guest selects the file, before it reads; it may replace the contents by as many bytes. */
void fw_cfg_on_select(struct machine *m, const char *name, void (*fn)(void *opaque), void *opaque);
bool fw_cfg_replace_file(struct machine *m, const char *name, const void *data, size_t size); /* false: not there, or of another size */
int fw_cfg_add_writable(struct machine *m, const char *name, void *data, size_t size, void (*written)(void *opaque, size_t at, size_t n),
			void *opaque, struct err *e);
#endif
