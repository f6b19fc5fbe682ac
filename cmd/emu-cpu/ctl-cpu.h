/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Commands that look at a processor have it stand still meanwhile. */
#ifndef EMU_CPU_CTL_CPU_H
#define EMU_CPU_CTL_CPU_H
#include <jansson.h>
#include "machine.h"

/* The one that args' cpu-index names; 0 without. NULL with e filled. Then ctl_cpu_release(). */
struct vcpu *ctl_cpu_hold(struct machine *m, const json_t *args, struct err *e);
void ctl_cpu_release(struct machine *m);
#endif
