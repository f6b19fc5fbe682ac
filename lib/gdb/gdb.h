/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A server of gdb's remote serial protocol (gdb manual, appendix E), all-stop, for whoever has a target to show: emu-user's program,
 * emu-cpu's machine.
 *
 * Bytes of the connection go in by gdb_input(), as they come; answers go out by target->write(). Nothing here waits, opens or reads: who
 * has the connection decides whether that is a thread that blocks or an event loop. Everything else is asked of the target by the functions of
 * struct gdb_target, from within gdb_input().
 *
 * The target stands or runs. It stands after gdb_new(), and is told to run by resume(); when it stands again it says so by gdb_stopped(), also
 * from within resume(). While it runs, the one thing that a debugger may say is Ctrl-C, which is interrupt(); any other packet is
 * taken for one too, so that a debugger that begins anew finds an answer.
 *
 * Locking: calls for one server come one at a time; the caller sees to it.
 */
#ifndef GDB_GDB_H
#define GDB_GDB_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#define GDB_PACKET 16384  /* largest packet, either way */
#define GDB_ACTIONS 64    /* of one vCont */
#define GDB_REGISTER 64   /* bytes of the largest register */
#define GDB_ANY 0         /* a thread number: whichever */
#define GDB_ALL (-1)      /* a thread number: every one */

struct gdb;

struct gdb_reg {
	const char *name, *feature, *type; /* as target descriptions have them; registers of one feature are adjacent */
	const char *group;                 /* NULL: none */
	unsigned bits;                     /* a multiple of 8, at most 8 * GDB_REGISTER */
};

enum gdb_point { GDB_BREAK, GDB_HWBREAK, GDB_WATCH_WRITE, GDB_WATCH_READ, GDB_WATCH_ACCESS }; /* the numbers of Z and z */

struct gdb_action {
	long thread;  /* GDB_ALL: every one that no action before names */
	char what;    /* 'c' continue, 's' step */
	int signal;   /* gdb's number that it goes on with, 0: none */
};

struct gdb_resume {
	unsigned count;
	struct gdb_action action[GDB_ACTIONS];
	bool partial;  /* threads that no action covers stay where they are; else the target decides */
};

struct gdb_stop {
	int signal;    /* gdb's number: GDB_SIGTRAP … */
	long thread;
	int point;     /* enum gdb_point that was hit, -1: none */
	uint64_t address; /* of a watchpoint */
};

/* gdb's own numbers of signals. */
enum { GDB_SIGINT = 2, GDB_SIGQUIT = 3, GDB_SIGTRAP = 5, GDB_SIGABRT = 6, GDB_SIGALRM = 14, GDB_SIGIO = 23, GDB_SIGXCPU = 24,
       GDB_SIGUNKNOWN = 143 };

struct gdb_target {
	/* Bytes for the debugger, in order, all of them. */
	void (*write)(void *opaque, const void *data, size_t n);

	/* ---- threads: numbers above 0 ---- */
	long (*thread)(void *opaque, unsigned n);               /* the n-th; 0: no more */
	bool (*thread_alive)(void *opaque, long thread);
	void (*thread_name)(void *opaque, long thread, char *text, size_t size); /* a line about it */

	/* ---- registers ---- */
	const char *arch, *osabi;                               /* of the target description; osabi NULL: none */
	bool (*reg)(void *opaque, unsigned n, struct gdb_reg *r); /* false: n is beyond the last */
	const char *(*types)(void *opaque, const char *feature); /* XML that defines the types of its registers, "": none */
	int (*get_reg)(void *opaque, long thread, unsigned n, void *bytes); /* 0, or -errno: it is not there now */
	int (*set_reg)(void *opaque, long thread, unsigned n, const void *bytes);
	int (*set_pc)(void *opaque, long thread, uint64_t pc);  /* of "c ADDR" and "s ADDR" */

	/* ---- memory, as the thread sees it ---- */
	ssize_t (*read)(void *opaque, long thread, uint64_t addr, void *to, size_t n); /* bytes from the start that are there, or -errno */
	int (*store)(void *opaque, long thread, uint64_t addr, const void *from, size_t n);

	/* ---- breakpoints and watchpoints. 0; -ENOTSUP: there are none of this kind ---- */
	int (*point)(void *opaque, long thread, enum gdb_point kind, uint64_t addr, uint64_t len, bool insert);
	void (*clear_points)(void *opaque);

	/* ---- going on ---- */
	void (*resume)(void *opaque, const struct gdb_resume *r);
	void (*interrupt)(void *opaque);
	void (*detach)(void *opaque);                           /* the points are gone; it runs without a debugger */
	void (*kill)(void *opaque);                             /* may not return */
	int (*restart)(void *opaque);                           /* from its beginning, and stand there; NULL: it cannot be */

	/* ---- the rest; each may be NULL ---- */
	/* The object of qXfer:NAME:read (auxv, exec-file, siginfo; not features, not threads) into f. false: there is none of this name. */
	bool (*object)(void *opaque, const char *name, FILE *f);
	const char *objects;                                    /* for qSupported: "qXfer:auxv:read+;" */
	/*
	 * A line of the debugger's "monitor" command. 0: done, what it wrote to f is the answer; 1: gdb_command_done() will follow; -errno.
	 */
	int (*command)(void *opaque, const char *line, FILE *f);
	/* A packet of the target's own (from q or Q on). true: what is in f is the answer. */
	bool (*query)(void *opaque, const char *packet, FILE *f);
};

/* target and opaque stay. NULL: out of memory. */
struct gdb *gdb_new(const struct gdb_target *target, void *opaque);
void gdb_free(struct gdb *g); /* NULL is allowed */
/* Another debugger has come: what the last one left unfinished is forgotten. The target stands, or will soon. */
void gdb_connected(struct gdb *g, bool running);
void gdb_input(struct gdb *g, const void *data, size_t n);
/* Is the target meant to run? */
bool gdb_running(const struct gdb *g);
/* It stands. Told to a debugger that waits for it; others hear of it when they ask. */
void gdb_stopped(struct gdb *g, const struct gdb_stop *s);
/* It has ended, by itself or by a signal (gdb's number). */
void gdb_exited(struct gdb *g, int status, bool by_signal);
/* The end of a command(); failed: text is the reason. */
void gdb_command_done(struct gdb *g, const char *text, bool failed);
/* The action for a thread: the first that names it. NULL: none. */
const struct gdb_action *gdb_action_for(const struct gdb_resume *r, long thread);

/* ---- signal.c: Linux's numbers of x86 and Arm to gdb's, and back (0: there is none) ---- */
int gdb_signal_to(int host);
int gdb_signal_from(int gdb);
#endif
