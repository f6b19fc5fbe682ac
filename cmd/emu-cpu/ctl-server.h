/* SPDX-License-Identifier: GPL-2.0-or-later */
/* emu-cpu's control socket and display socket: set-up. The commands are in ctl-*.c. */
#ifndef EMU_CPU_CTL_SERVER_H
#define EMU_CPU_CTL_SERVER_H
#include "base/err.h"

struct machine;
struct settings;

/*
 * Where settings say: -ctl PATH, -ctl-fd N, cpu.ctl in the run directory; nowhere: only m->ctl is made. The same for -display-socket and
 * cpu.display. names: of the sockets, NULL-terminated, to be removed at the end; they live as long as the machine.
 */
int machine_ctl_start(struct machine *m, const struct settings *s, const char *names[3], struct err *e);
void machine_ctl_stop(struct machine *m);
#endif
