/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the firmware tries first: device paths with their boot indices (fw_cfg file "bootorder"). */
#ifndef EMU_CPU_BOOT_ORDER_H
#define EMU_CPU_BOOT_ORDER_H
#include <stdbool.h>
#include <stdint.h>
#include "base/err.h"

struct machine;
struct pci_device;

/* index: 0 first, unique in the machine (-EEXIST names the other); negative: nothing is done. path: as firmware names devices; copied. */
int boot_order_add(struct machine *m, int32_t index, const char *path, struct err *e);
/* For a function with a "bootindex" property: its own path and `suffix` ("/disk@0,0", "/ethernet-phy@0"). */
int boot_order_add_pci(struct pci_device *d, int32_t index, const char *suffix, struct err *e);
/* At the end of the board's start: makes the file. strict: nothing else is tried. Frees the list. */
int boot_order_publish(struct machine *m, bool strict, struct err *e);
#endif
