/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between pci.c, pci-msi.c and pci-bridge.c. */
#ifndef EMU_CPU_PCI_INTERNAL_H
#define EMU_CPU_PCI_INTERNAL_H
#include "pci.h"

void pci_pin_update(struct pci_device *d);
void pci_msi_config_written(struct pci_device *d, unsigned at, unsigned size);
void pci_msi_reset(struct pci_device *d);
void pci_msi_free(struct pci_device *d);
void pci_bridge_config_written(struct pci_device *d, unsigned at, unsigned size);
void pci_bridge_reset(struct pci_device *d);
#endif
