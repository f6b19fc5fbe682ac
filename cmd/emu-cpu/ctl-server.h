/* SPDX-License-Identifier: GPL-2.0-or-later */
/* emu-cpu's control socket: set-up. The commands are in ctl-*.c. */
#ifndef EMU_CPU_CTL_SERVER_H
#define EMU_CPU_CTL_SERVER_H
#include "base/err.h"

struct machine;
struct settings;

/*
 * Where settings say: -ctl PATH, -ctl-fd N, cpu.ctl in the run directory; nowhere: only m->ctl is made. name: of the socket, to be removed
 * at the end; it lives as long as the machine.
 */
int machine_ctl_start(struct machine *m, const struct settings *s, const char **name, struct err *e);
void machine_ctl_stop(struct machine *m);
#endif
