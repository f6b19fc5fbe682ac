/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The supervisor's insides: supervise.c (the machine's life), part.c (one part), link.c (connections between parts), store.c (descriptors). */
#ifndef EMU_MON_SUPERVISE_OWN_H
#define EMU_MON_SUPERVISE_OWN_H
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <termios.h>
#include "base/ctl-client.h"
#include "base/ctl.h"
#include "base/err.h"
#include "base/loop.h"
#include "guard.h"
#include "plan.h"
#include "rundir.h"
#include "settings.h"

enum sup_state {
	SUP_WAITING,  /* for the parts before it */
	SUP_STARTING,
	SUP_READY,
	SUP_DEAD,     /* it ended and is not started again */
};

#define LAST_WORDS 3 /* lines */

struct sup;
struct sup_part {
	struct sup *sup;
	const struct plan_part *plan;
	enum sup_state state;
	pid_t pid;                    /* 0: none */
	int *listen;                  /* sockets that stay */
	int *temporary;               /* files that stay */
	int ctl_end, ready_end;       /* what the next process inherits; -1 */
	struct ctl_client *ctl;
	int ready_fd, out_fd;
	struct loop_fd *ready_watch, *out_watch;
	char ready[8];
	size_t ready_size;
	char line[1024];              /* of its output, not ended yet */
	size_t line_size;
	char last[LAST_WORDS][1024];
	unsigned last_count;
	uint64_t died[3];             /* the last three times */
	unsigned deaths, restarts;
	bool was_ready;               /* once in its life */
	bool hot;                     /* it came while the machine ran (hot.c) */
	bool leaving;                 /* and is to go: not started again */
	uint64_t leave_by;            /* after which it is killed */
	bool chose;                   /* the machine: its guest chose the status with which it ends */
	struct ctl_call *call;        /* whose answer waits for it; NULL: nobody's */
	int used[PLAN_LINKS];         /* descriptors that its arguments name */
	unsigned used_count;
};

struct sup_link {
	const struct plan_link *plan;
	struct sup_part *part[2];
	int fd[2];                    /* -1: given away */
	bool attach[2];               /* this end is to be attached when the other part is ready */
};

struct stored {
	struct stored *next;
	char *name;
	int fd;
};

struct sup {
	struct plan *plan;
	struct loop *loop;
	struct ctl_server *ctl;
	struct run_dir dir;
	struct guard *guard;
	struct sup_part *part;
	struct sup_link *link;
	struct loop_timer *patience;
	struct loop_timer *leaving;   /* for parts that are to go while the machine runs (hot.c) */
	int plan_fd;                  /* for the monitor */
	int store[2];                 /* ours, the monitor's */
	struct loop_fd *store_watch;
	struct stored *stored;
	unsigned stored_count;
	struct termios terminal;
	bool has_terminal, running, ending, killed, machine_gone;
	int tell;                     /* background_done(); -1 */
	int pid_file;
	int status;
	uid_t uid;
	gid_t gid;
	char run_as[32];
};

/* ---- part.c ---- */
int part_init(struct sup *s, unsigned n, struct err *e);
int part_launch(struct sup_part *p, struct err *e);
void part_free(struct sup_part *p);
void part_drain(struct sup_part *p); /* what it wrote last */
void part_listen_to(struct sup_part *p, bool on);
void part_reaped(struct sup_part *p, int status); /* tidies up after the process */
const char *part_label(const struct sup_part *p, char *buf, size_t size); /* "emu-net (net0)" */
int part_commands(struct sup_part *p, const struct plan_command *list, unsigned count, struct err *e);

/* ---- words.c: standard error, without ever waiting for it ---- */
/* resume: there is room again after words_full(). */
int words_init(struct loop *l, void (*resume)(void *opaque), void *opaque, struct err *e);
void words_line(const char *line);
void sup_say(const char *fmt, ...) __attribute__((format(printf, 1, 2))); /* with the program's name */
bool words_full(void);
void words_free(int timeout_ms); /* writes what is left, at most so long */

/* ---- supervise.c ---- */
void sup_part_ready(struct sup_part *p);
void sup_quit(struct sup *s);

struct sup_part *sup_machine(struct sup *s);

/* ---- hot.c: parts that come and go while the machine runs; networks ---- */
extern const struct ctl_command hot_add_row, hot_del_row;
/* The slot for a new part of this name, or -errno. what: "netdev", "drive", for messages. */
int hot_slot(struct sup *s, const char *id, const char *what, struct err *e);
/*
 * Starts the part whose plan was read into the slot, with a link or -1; r < 0: that failed (e says how), and the slots are given back. The
 * call is answered when the machine has the part, or when it has failed.
 */
int hot_launch(struct sup *s, unsigned part, int link, int r, struct ctl_call *call, struct err *e);
void hot_leave(struct sup_part *p); /* it is ended, and its slot is free then */
void hot_out_of_patience(void *sup); /* the timer's */
void hot_ready(struct sup_part *p);
void hot_died(struct sup_part *p, int status); /* before it was ready, or told to go */
bool hot_present(const struct sup_part *p);    /* false: the slot is free */

/* ---- hot-disk.c ---- */
extern const struct ctl_command disk_add_row, disk_del_row, objects_row;
char *hot_drive(struct sup_part *p, struct err *e); /* what the machine is told of a disk's part: malloc()ed, NULL with the sentence */
json_t *hot_image(const struct sup_part *p); /* what x-disk-del answers: the image that the part was told last */
void hot_disk_event(struct sup *s, const json_t *event); /* of the machine's: the device of such a disk has gone */

/* ---- link.c ---- */
int link_make(struct sup *s, unsigned n, struct err *e);
void link_drop(struct sup *s, unsigned n);
int links_init(struct sup *s, struct err *e);
/* Every link of this part has a descriptor for it. */
int links_prepare(struct sup *s, struct sup_part *p, struct err *e);
void links_given(struct sup *s, struct sup_part *p);  /* it has been started */
void links_attach(struct sup *s, struct sup_part *p); /* it is ready: the others get their new ends */
void links_abandon(struct sup *s, struct sup_part *p); /* it will not come back */
int link_fd(const struct sup *s, const struct sup_part *p, const char *name);
void links_free(struct sup *s);

/* ---- store.c ---- */
int store_init(struct sup *s, struct err *e);
void store_free(struct sup *s);
#endif
