/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a PC board wires between its chips, beyond x86-parts.h. Under the machine lock. */
#ifndef EMU_CPU_PC_CHIPS_H
#define EMU_CPU_PC_CHIPS_H
#include "device.h"

/* 8254 ("isa-pit"): OUT0 goes to ISA IRQ 0, or where this says. */
void i8254_connect(struct device *d, const struct irq *out);
void i8254_enable_irq(struct device *d, bool on);
/* Does the speaker sound (port 61 and a square wave of counter 2)? period: of the wave, in clocks of 1.193182 MHz. */
bool i8254_speaker(struct device *d, uint32_t *period);

/* MC146818 ("mc146818rtc"): IRQ goes to ISA IRQ 8, or where this says. */
void mc146818_connect(struct device *d, const struct irq *out);
void mc146818_cmos_set(struct device *d, unsigned index, uint8_t value); /* 0x0e..0x7f; what firmware reads about the board */
uint8_t mc146818_cmos_get(struct device *d, unsigned index);

/* HPET ("hpet"): with legacy replacement it takes the place of the 8254 (input 0) and the RTC (input 1) on IRQ 0 and 8. */
const struct irq *hpet_legacy_inputs(struct device *d); /* i8254_connect() and mc146818_connect() to these */
void hpet_connect_legacy(struct device *d, const struct irq *irq0, const struct irq *irq8); /* IRQ 0 and 8 of 8259 and I/O APIC */
void hpet_connect(struct device *d, unsigned pin, const struct irq *out); /* pins of the I/O APIC, as "hpet-intcap" names them */


/* VMware's backdoor ("vmport"): a command by CX; r: EAX, EBX, ECX, EDX, in and out. "vmmouse" adds its own, and lives beside "i8042". */
typedef void vmport_fn(void *opaque, uint32_t r[4]);
void vmport_register(struct device *d, unsigned command, vmport_fn *fn, void *opaque);
void vmport_command(struct device *d, uint32_t r[4]); /* as the guest gives it */
void i8042_mouse_wake(struct device *d); /* a mouse packet without motion */

/* Floppy controller ("isa-fdc"): what CMOS byte 0x10 says of drive n (0 none, 1 360 KB, 2 1.2 MB, 4 1.44 MB, 5 2.88 MB). */
uint8_t fdc_drive_type(struct device *d, unsigned n);

/* Parallel flash ("cfi.pflash01", "cfi.pflash02"): its memory, which the board places. */
struct region *pflash_region(struct device *d);
/*
 * -pflash and -drive if=pflash of a PC: unit 0 ends at 4 GiB, unit 1 (OVMF's variables) below it. Returns how many there are, 0: firmware is
 * -bios; top: unit 0, whose end the board shows below 1 MiB. -errno with e filled.
 */
int pflash_pc(struct machine *m, struct region *system, struct region **top, struct err *e);
#endif
