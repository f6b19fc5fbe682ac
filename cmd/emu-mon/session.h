/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The monitor: a machine as its parts' control sockets show it, and sessions that speak HMP (people) or QMP (programs) on any byte stream.
 *
 * A monitor connects to every *.ctl of a run directory, now and later, and knows a part by its greeting (emu-cpu, emu-nbd, emu-net, emu-vnc;
 * emu-mon: the supervisor's own, mon.ctl, which offers what only it can do: quit, chardev-*, adding and removing parts). Nothing here
 * blocks the loop: a command that needs several answers runs in a thread of its own.
 *
 * All functions belong to the loop's thread.
 */
#ifndef EMU_MON_SESSION_H
#define EMU_MON_SESSION_H
#include <stdbool.h>
#include <stddef.h>
#include "base/err.h"
#include "base/loop.h"

struct monitor;
struct mon_session;

/* run_dir is copied. It need not hold any socket yet. NULL with e filled. */
struct monitor *monitor_new(struct loop *l, const char *run_dir, struct err *e);
/* Ends all sessions and connections; commands that run are told that everything has gone. NULL is allowed. */
void monitor_free(struct monitor *m);
/* Has every part that is there greeted (or refused)? Until then commands wait by themselves; one-shot use may want to know. */
bool monitor_settled(const struct monitor *m);
/* Looks for parts now: those whose sockets exist are waited for from here on. */
void monitor_look(struct monitor *m);

/* Descriptors that clients pass (getfd, add-fd) outlive this process: keep is given each under a name, from any thread; fd -1: forget it. */
void monitor_keep_fds(struct monitor *m, void (*keep)(void *opaque, const char *name, int fd), void *opaque);
/* One that was kept; it is the monitor's then. */
void monitor_take_fd(struct monitor *m, const char *name, int fd);

/* Where a session's output goes. */
struct mon_stream {
	void (*write)(void *opaque, const char *data, size_t size);
	/* The session has come to its end by itself (quit, end of an attached machine). Call mon_session_close() from the loop. May be NULL. */
	void (*ended)(void *opaque);
	/* It has nothing to do any more: a command has ended and no further one waits. May be NULL. */
	void (*idle)(void *opaque);
	void *opaque;
};

enum hmp_style {
	HMP_EDITING, /* a terminal at the other end: greeting, prompt, history, completion, vt100, CR LF */
	HMP_PLAIN,   /* lines without echo, with greeting and prompt */
	HMP_QUIET,   /* lines in, output out: scripts */
};
struct mon_session *hmp_open(struct monitor *m, const struct mon_stream *s, enum hmp_style style);
/* Did the last command tell of an error? */
bool hmp_session_failed(const struct mon_session *s);
/* Sends the greeting. pretty: values over several indented lines. */
struct mon_session *qmp_open(struct monitor *m, const struct mon_stream *s, bool pretty);
/* Bytes from the other end; fds that came with them are the session's then. */
void mon_session_input(struct mon_session *s, const char *data, size_t size, const int *fds, unsigned count);
/* The multiplexer shows this session again: the prompt and what is typed so far are printed anew. */
void mon_session_show(struct mon_session *s);
/* How many columns the terminal has, where that is known; 80 at first. */
void mon_session_width(struct mon_session *s, unsigned columns);
/* A command may still run; its output goes nowhere. NULL is allowed. */
void mon_session_close(struct mon_session *s);
/* Has a command been typed whose answer is not there yet? */
bool mon_session_busy(const struct mon_session *s);

/* One command line, without a session. done: its output ("" for none), borrowed, and whether it failed; in the loop's thread. */
void hmp_run(struct monitor *m, const char *line, void (*done)(void *opaque, const char *text, bool failed), void *opaque);
#endif
