/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The power management function of PIIX4, as boards see it. */
#ifndef EMU_CPU_PIIX4_PM_H
#define EMU_CPU_PIIX4_PM_H
#include "../../acpi-regs.h"
#include "../../pci.h"
#include "../../smbus.h"

/* Makes it at devfn. sci: where its interrupt goes (ISA 9). smm: the processors know system management mode. *acpi: its registers. */
struct smbus *piix4_pm_new(struct pci_bus *b, int devfn, const struct irq *sci, bool smm, struct acpi_regs **acpi, struct err *e);
/* Where firmware has put the ACPI registers, by what piix4_pm_new() returned; 0: nowhere yet. */
uint16_t piix4_pm_base(const struct smbus *b);
#endif
