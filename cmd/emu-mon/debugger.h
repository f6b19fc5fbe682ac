/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A debugger at a character back end. Each that comes gets a stream of its own to emu-cpu, which it is told of by x-gdbserver; the stream ends when the
 * debugger goes. The lines of its "monitor" command are HMP's.
 */
#ifndef EMU_MON_DEBUGGER_H
#define EMU_MON_DEBUGGER_H
#include "char/char.h"

struct debugger;
struct monitor;

/* What -gdb takes, as a back end: an old device string; tcp: listens, without waiting. 0 or -errno with the sentence. */
int debugger_spec(const char *device, struct char_spec *spec, struct err *e);
/* NULL with e filled. The back end and the monitor outlive it. */
struct debugger *debugger_new(struct loop *l, struct monitor *m, struct chardev *c, struct err *e);
void debugger_free(struct debugger *d); /* NULL is allowed */
#endif
