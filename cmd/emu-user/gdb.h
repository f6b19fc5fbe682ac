/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The debugger of -g: what its files share. The protocol is lib/gdb's. */
#ifndef EMU_USER_GDB_H
#define EMU_USER_GDB_H
#include "gdb/gdb.h"
#include "internal.h"
#include "jit/access.h"

#define DEBUG_BREAKPOINTS 256
#define DEBUG_WATCHES 16

struct debug {
	struct process *p;
	struct gdb *server;
	int fd;             /* -1: the debugger went away */
	volatile bool running;
	volatile bool interrupted; /* Ctrl-C came while the program ran */
	pthread_mutex_t lock;      /* one thread talks; the others wait at the condition */
	pthread_cond_t resume;
	struct thread *stepper;    /* the thread that the debugger steps, NULL: none */
	struct thread *talker;     /* the one that stopped */
	int sig, go;               /* the signal that it stopped for, and the one that it goes on with */
	struct debug_breakpoint {
		uint64_t addr;
		uint8_t saved[4];
		bool set;
	} breakpoint[DEBUG_BREAKPOINTS];
	struct debug_watch {
		uint64_t addr, len;
		uint8_t old[64];
		bool set;
		enum gdb_point kind;
		struct access_watch range; /* of those for loads */
	} watch[DEBUG_WATCHES];
	unsigned watches;
	const struct access_watch *ranges; /* list of all those */
	uint64_t hit;              /* address of the watch that was hit, for the stop reply */
	enum gdb_point hit_kind;
	siginfo_t si;
};

/* ---- gdb-target.c: what the server asks ---- */
extern const struct gdb_target debug_target;
struct thread *debug_thread(struct debug *d, long tid);
bool debug_at_breakpoint(const struct debug *d, uint64_t pc);
/* Did a watched range change, or was it read? Remembers the new contents. */
bool debug_watch_hit(struct debug *d, struct thread *t);

/* ---- gdb.c ---- */
/* The debugger is gone: the program goes on alone. */
void debug_detach(struct debug *d);
void debug_kick(struct debug *d, struct thread *but);
#endif
