/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of the PC's board share: pc.c (memory, chips, wiring), pc-cmos.c (CMOS, -boot), pc-firmware.c (what firmware is told). */
#ifndef EMU_CPU_PC_INTERNAL_H
#define EMU_CPU_PC_INTERNAL_H
#include "../acpi-user.h"
#include "../isa-bus.h"
#include "../machine.h"
#include "../numa.h"
#include "../pc-chips.h"
#include "../pci.h"
#include "../smbios.h"
#include "../x86-parts.h"
#include "pc-acpi.h"

#define GIB (1ull << 30)
enum { PC_GPE_PORT = 0xafe0, PC_SCI = 9, PC_HOLE64_SIZE_BITS = 39 };
/* fw_cfg keys */
enum { KEY_UUID = 2, KEY_RAM = 3, KEY_NOGRAPHIC = 4, KEY_CPUS = 5, KEY_NUMA = 0x0d, KEY_BOOT_MENU = 0x0e, KEY_MAX_CPUS = 0x0f,
       KEY_IRQ0_OVERRIDE = 0x8002, KEY_HPET = 0x8004 };

/* In struct machine's options area. */
struct pc {
	/* -machine */
	bool smm;
	uint64_t max_below_4g;
	int vmport; /* enum: auto, on, off */
	/* the board */
	bool pci;
	struct region *system, *smm_root, *smm_all, *io, *bus_memory, *low, *high, *bios, *isa_bios, *coprocessor;
	uint64_t below_4g, above_4g;
	struct device *pic, *ioapic, *rtc, *pit, *hpet, *fdc;
	struct irq_split split[16];
	const struct irq *gsi[16];
	struct irq extint;
	struct pci_bus *bus;
	struct isa_bus isa_alone, *isa;
	struct smbus *smbus;
	struct acpi_regs *acpi;
	struct smbios *smbios;
	struct pc_acpi plan; /* of the ACPI tables, and what it points to */
	struct acpi_user user;
	struct pc_numa_range range[NUMA_NODES_MAX + 2];
	uint32_t *apic_id;
	char boot_order[8], boot_once[8];
	bool booted, boot_strict;
	bool serial[4], parallel[3];
};

static inline struct pc *pc_of(struct machine *m)
{
	return m->options;
}

/* ---- pc-cmos.c ---- */
void pc_cmos_fill(struct machine *m);                         /* memory, disks, floppies */
int pc_boot_options(struct machine *m, struct err *e);        /* -boot */
int pc_boot_set(struct machine *m, const char *order, struct err *e); /* the monitor's boot_set */
void pc_boot_choose(void *machine);                           /* at a reset */

/* ---- pc-firmware.c ---- */
int pc_firmware_ready(struct machine *m, struct err *e);      /* struct board's ready: fw_cfg, SMBIOS, ACPI */
#endif
