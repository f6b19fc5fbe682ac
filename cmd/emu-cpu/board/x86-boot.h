/* SPDX-License-Identifier: GPL-2.0-or-later */
/* -kernel on a PC: what the firmware's option ROM needs to start it. */
#ifndef EMU_CPU_X86_BOOT_H
#define EMU_CPU_X86_BOOT_H
#include <stdint.h>
#include "base/err.h"

struct machine;

/*
 * Loads config.kernel with -initrd and -append into fw_cfg, and adds the option ROM that starts it, first in the boot order.
 * Linux (boot protocol 2.00 and up, and the older ones), multiboot 1 with modules, ELF files with a PVH note. ram_below_4g: bytes.
 * Without a kernel nothing is done.
 */
int x86_boot_kernel(struct machine *m, uint64_t ram_below_4g, struct err *e);
#endif
