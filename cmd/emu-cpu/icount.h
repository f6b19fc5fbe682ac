/* SPDX-License-Identifier: GPL-2.0-or-later */
/* -icount: virtual time counts the instructions of the one processor (lib/jit/mmu.h, "counting"). */
#ifndef EMU_CPU_ICOUNT_H
#define EMU_CPU_ICOUNT_H
#include <stdbool.h>
#include <stdint.h>
#include "base/err.h"

struct machine;
struct vcpu;
struct icount;

/* Reads config.icount, if it was given, and makes the machine's clock its own: m->icount. Before the board is built. */
int icount_init(struct machine *m, struct err *e);
void icount_free(struct machine *m);
/* Instructions that have been executed. Under the machine lock, or by the processor itself. */
uint64_t icount_executed(const struct machine *m);
/* The processor's thread, locked: fires what is due, and gives its budget up to the next timer. */
void icount_give(struct machine *m);
/* The same thread, not locked, after icount_give() and at times: waits for the host's time, or changes the instruction's, where that was asked for. */
void icount_pace(struct machine *m);
/*
 * It is halted. Locked: fires what is due; ns of the host's time that it may wait for the next timer, 0: not at all (it has been fired), UINT64_MAX: until it is
 * woken. Waited: so much has passed, at most what it was told.
 */
uint64_t icount_idle(struct machine *m);
void icount_waited(struct machine *m, uint64_t ns);
#endif
