/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The host bridge of the pc machine, as its board sees it. */
#ifndef EMU_CPU_I440FX_H
#define EMU_CPU_I440FX_H
#include "../../pci.h"

struct i440fx;

/*
 * Makes the bridge at 00.0, its bus and the ports of configuration mechanism 1. `system` is the root of memory, where main memory (ram, as
 * much as lies below 4 GiB) is already at 0; `memory` the bus's own space, which shows through where there is no RAM. `smm` is the root of
 * what processors in system management mode see; it holds `system` already.
 */
struct i440fx *i440fx_new(struct machine *m, struct region *system, struct region *smm, struct region *memory, struct region *ports,
			  struct region *ram, struct err *e);
struct pci_bus *i440fx_bus(struct i440fx *h);

/* PIIX3 (dev/pci/piix3.c): the ISA bridge at 01.0; `gsi` are the sixteen ISA interrupt inputs of the board. */
struct isa_bus;
struct isa_bus *piix3_new(struct pci_bus *b, struct region *ports, struct region *memory, const struct irq *const gsi[16], struct err *e);
#endif
