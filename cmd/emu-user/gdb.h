/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The debugger server of -g: what its files share. */
#ifndef EMU_USER_GDB_H
#define EMU_USER_GDB_H
#include "internal.h"
#include "jit/access.h"

#define GDB_PACKET 16384 /* largest packet, either way */
#define GDB_BREAKPOINTS 256
#define GDB_WATCHES 16

struct gdb {
	struct process *p;
	int fd;             /* -1: the debugger went away */
	bool no_ack;
	volatile bool running;
	volatile bool interrupted; /* Ctrl-C came while the program ran */
	pthread_mutex_t lock;      /* one thread talks; the others wait at the condition */
	pthread_cond_t resume;
	struct thread *stepper;    /* the thread that the debugger steps, NULL: none */
	char in[GDB_PACKET + 1], out[GDB_PACKET + 4];
	size_t out_len;
	uint8_t pending[4096];     /* received, not yet consumed */
	size_t pending_at, pending_len;
	struct gdb_breakpoint {
		uint64_t addr;
		uint8_t saved[4];
		bool set;
	} breakpoint[GDB_BREAKPOINTS];
	struct gdb_watch {
		uint64_t addr, len;
		uint8_t old[64];
		bool set;
		char kind;                 /* of the packet: 2 stores, 3 loads, 4 both */
		struct access_watch range; /* 3 and 4 */
	} watch[GDB_WATCHES];
	unsigned watches;
	const struct access_watch *ranges; /* list of all those */
	uint64_t hit;              /* address of the watch that was hit, for the stop reply */
	char hit_kind;
	bool stop_was_watch, stop_was_breakpoint;
	siginfo_t si;
};

/* ---- gdb-packet.c: framing, hexadecimal ---- */
/* The next packet's length in g->in (NUL-terminated); -1: the connection is gone. A Ctrl-C gives length 1 with '\3'. */
int gdb_receive(struct gdb *g);
/* The reply under construction. */
void gdb_begin(struct gdb *g);
void gdb_put(struct gdb *g, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void gdb_put_hex(struct gdb *g, const void *data, size_t n);
/* Bytes with the protocol's escapes. */
void gdb_put_binary(struct gdb *g, const void *data, size_t n);
void gdb_send(struct gdb *g);
void gdb_reply(struct gdb *g, const char *text);
/* Hexadecimal to bytes; the number of bytes. */
size_t gdb_unhex(const char *s, uint8_t *out, size_t max);
int gdb_signal_to(int host);   /* host number to gdb's */
int gdb_signal_from(int gdb);

/* ---- gdb-query.c: registers, memory, tables ---- */
void gdb_registers(struct gdb *g, struct thread *t, const char *packet);
void gdb_memory(struct gdb *g, struct thread *t, const char *packet, size_t len);
void gdb_query(struct gdb *g, struct thread *t, const char *packet);
/* Z and z. */
void gdb_point(struct gdb *g, struct thread *t, const char *packet);
struct thread *gdb_thread(struct gdb *g, pid_t tid);
void gdb_remove_all(struct gdb *g);
/* Did a watched range change? Remembers the new contents. */
bool gdb_watch_changed(struct gdb *g, struct thread *t);
#endif
