/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PCI functions that come and go while the machine runs, told to the operating system through ACPI ("QEMU<->ACPI BIOS PCI hotplug interface"):
 * sixteen bytes of ports with a bit for each slot of bus 0, and event 1 of the general-purpose event block. The DSDT's part is board/pc-acpi.c.
 */
#ifndef EMU_CPU_ACPI_HOTPLUG_H
#define EMU_CPU_ACPI_HOTPLUG_H
#include "acpi-regs.h"
#include "pci.h"

enum { ACPI_HOTPLUG_PORT = 0xae00, ACPI_HOTPLUG_PORTS = 16, ACPI_HOTPLUG_EVENT = 1 };

struct acpi_hotplug {
	struct pci_bus *bus;
	struct acpi_regs *acpi;
	struct region *ports;
	uint32_t up, down;  /* slots that the guest is to look at, and those that it is asked to let go of */
	uint32_t ejected;   /* that it has let go of; the main loop takes the functions away */
};

/* The bus takes and loses functions from here on. 0 or -ENOMEM. */
int acpi_hotplug_init(struct acpi_hotplug *h, struct pci_bus *bus, struct acpi_regs *acpi, struct err *e);
void acpi_hotplug_free(struct acpi_hotplug *h);
/* What came while the guest was not asked to look is seen by firmware anyway; what was to go goes now. */
void acpi_hotplug_reset(struct acpi_hotplug *h);
/* Slots that are empty or hold only what can be taken out; the same for the whole life of a machine. */
uint32_t acpi_hotplug_slots(const struct pci_bus *bus);
extern const struct field acpi_hotplug_fields[];
#endif
