/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Monitors: HMP and QMP sessions over character back ends, in the process that has the back ends (serve.c), and the connections to the
 * control sockets of the machine's parts that they share. Everything belongs to the loop's thread; a session never blocks it: a command
 * waits for the part that carries it out while the loop goes on.
 */
#ifndef EMU_MON_MONITOR_H
#define EMU_MON_MONITOR_H
#include <stdbool.h>
#include "base/err.h"
#include "base/loop.h"
#include "char/char.h"

struct monitors;

enum monitor_mode { MONITOR_HMP, MONITOR_QMP, MONITOR_QMP_PRETTY };

struct monitors_config {
	const char *run_dir;     /* where the parts' *.ctl sockets are; they may appear later */
	void (*serial_line)(void *opaque, const char *id, const struct char_line *line); /* the machine's port was set so; may be NULL */
	void *opaque;
};

/* One monitor (session.h) for all sessions. */
struct monitors *monitors_new(struct loop *l, const struct monitors_config *config, struct err *e);
void monitors_free(struct monitors *ms);
struct monitor;
struct monitor *monitors_monitor(struct monitors *ms); /* session.h */
/* Every part of the machine is ready: what was typed up to now, and what comes, is carried out. */
void monitors_go(struct monitors *ms);
/* The end is near: nothing more is read. Are there commands that have not ended, or answers that have not gone out? */
bool monitors_ending(struct monitors *ms);

/* The snapshot of the whole machine; done: its complaint, if it failed. */
void monitors_load(struct monitors *ms, const char *tag, void (*done)(void *opaque, const char *words, bool failed), void *opaque);

/*
 * A session at c: attaches itself as a front end, greets (HMP: banner and prompt when it first gets the keyboard; QMP: the greeting)
 * whenever somebody comes, and forgets what was typed when he leaves. id: for messages.
 */
int monitors_add(struct monitors *ms, struct chardev *c, const char *id, enum monitor_mode mode, struct err *e);

/* What keys of the multiplexer ask for: "commit all" of the disks; the machine's end; a break at the machine's end of a link. */
void monitors_commit(struct monitors *ms);
void monitors_quit(struct monitors *ms);
void monitors_break(struct monitors *ms, const char *link);
#endif
