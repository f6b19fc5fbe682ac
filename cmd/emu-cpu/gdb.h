/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A debugger at the machine: its connection (gdb.c), and what it sees (gdb-target.c). The protocol is lib/gdb's. */
#ifndef EMU_CPU_GDB_H
#define EMU_CPU_GDB_H
#include "gdb/gdb.h"
#include "machine.h"
#include "vcpu.h"

/* Of qqemu.sstep: what a step leaves out. */
enum { STEP_ENABLE = 1, STEP_NOIRQ = 2, STEP_NOTIMER = 4 };

struct stub {
	struct machine *machine;
	struct gdb *server;
	struct gdb_target target;
	/* the connection */
	int listener;          /* -1: none */
	char *path;            /* its name in the file system; NULL: none */
	int in, out;           /* the same for sockets; -1: nobody is there */
	bool borrowed;         /* standard input and output: not closed */
	int flags;             /* what the descriptor had */
	struct loop_fd *watch_listener, *watch_in, *watch_out;
	char *waiting;         /* output that the connection did not take */
	size_t waiting_size, waiting_room;
	/* what the debugger has set */
	unsigned step;         /* STEP_… */
	bool physical;         /* addresses are physical ones */
	/* its "monitor" command: somebody at a control connection answers */
	bool monitor;
	json_int_t command;    /* the number of the last */
};

/* -gdb TEXT: tcp:[HOST]:PORT, unix:PATH, fd=N, stdio, none. Opens; gdb_start() lets debuggers in, when there are processors and none runs. */
int gdb_add(struct machine *m, const char *text, struct err *e);
int gdb_start(struct machine *m, struct err *e);
void gdb_core_free(struct machine *m);
/* The path of a listening socket that is to be removed at the end, NULL: there is none. */
const char *gdb_socket_name(const struct machine *m);

/* ---- gdb-target.c ---- */
int stub_target(struct stub *s); /* fills target; 0 or -ENOMEM */
void stub_write(void *opaque, const void *data, size_t n);
/* What a debugger that has gone left behind: points, steps, processors that were held. The machine stands. */
void stub_forget(struct stub *s);
/* A processor's thread: it came to TRAP_DEBUG. */
void stub_trapped(struct vcpu *v);
/* machine_on_state()'s. */
void stub_state(void *opaque, bool running);
#endif
