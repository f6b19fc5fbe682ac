/* SPDX-License-Identifier: GPL-2.0-or-later */
/* IDE adapters as boards make them. */
#ifndef EMU_CPU_PIIX3_IDE_H
#define EMU_CPU_PIIX3_IDE_H
#include "../../pci.h"
#include "ide.h"

/* type: "piix3-ide", "piix4-ide". Disks of interface "ide" are plugged in: buses 0 and 1, units 0 and 1. */
int piix_ide_new(struct pci_bus *b, int devfn, const char *type, const struct irq *irq14, const struct irq *irq15, struct err *e);
extern const struct region_ops ide_command_ops, ide_control_ops; /* opaque: the channel */
#endif
