/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The monitor's own: parts, tasks, rows of commands. */
#ifndef EMU_MON_MON_H
#define EMU_MON_MON_H
#include <jansson.h>
#include <stdio.h>
#include "base/ctl-client.h"
#include "session.h"

/* ---- parts (route.c) ---- */

enum part_kind {
	PART_CPU = 1,   /* emu-cpu: the machine */
	PART_DISK = 2,  /* emu-nbd: one for each disk, its name is the disk's */
	PART_NET = 4,   /* emu-net: one for each network */
	PART_VNC = 8,   /* emu-vnc */
	PART_SUPER = 16,/* emu-mon --supervise */
	PART_ANY = 31,
};
const char *part_kind_name(enum part_kind k);  /* "emu-cpu" */

struct part;
/* Loop's thread: the first of the kinds, by name if that is not NULL. NULL: there is none. */
struct part *part_find(struct monitor *m, unsigned kinds, const char *name);
/* Does it offer the command? */
bool part_offers(const struct part *p, const char *command);
/* All commands of parts of these kinds. */
bool parts_offer(struct monitor *m, unsigned kinds, const char *command);
const char *part_name(const struct part *p);
enum part_kind part_kind(const struct part *p);
struct ctl_client *part_client(struct part *p);
struct loop *monitor_loop(struct monitor *m);
const char *monitor_dir(const struct monitor *m);
/* Who wants to hear of events: one per session. fn: the part's event as it came. */
struct listener {
	struct listener *next;
	void (*event)(void *opaque, const struct part *from, const json_t *event);
	void (*quit)(void *opaque); /* the machine has ended */
	void *opaque;
};
void monitor_listen(struct monitor *m, struct listener *l);
void monitor_unlisten(struct monitor *m, struct listener *l);

/* ---- tasks (task.c): a command that is carried out, in a thread of its own ---- */

#define TASK_FDS 16

struct task_context;

struct task {
	struct monitor *monitor;
	struct task_context *context;  /* what outlives the command; never NULL */
	FILE *out;                     /* text for people */
	char class_name[64];           /* of the last error */
	bool failed;                   /* the command (HMP) told of an error */
	int fd[TASK_FDS];              /* that came with the command; taken ones become -1 */
	unsigned fds;
	struct task_own *own;
};

/* A session's memory; read and changed by its one running task, or by the loop's thread when none runs. */
struct task_context {
	unsigned cpu;                  /* default CPU of later commands */
	char fmt;                      /* of x, xp, p, i, o: as the last one that was given */
	int fmt_size;
	unsigned cpu_saved;
	char **history;                /* of the line editor, borrowed */
	unsigned history_count;
};
void task_context_init(struct task_context *c);

/*
 * Starts fn in a thread; when it has returned, done is called in the loop's thread with what it wrote, and returned (json or NULL and *e).
 * fds become the task's. The context lives until done.
 */
void task_start(struct monitor *m, struct task_context *context, const int *fds, unsigned count,
		json_t *(*fn)(struct task *t, void *opaque, struct err *e),
		void (*done)(void *opaque, const char *text, bool failed, json_t *result, const char *class_name, const struct err *e), void *opaque);
void tasks_stop(struct monitor *m); /* waits for those that run; connections have been closed */

/* ---- for a task's thread ---- */
/* A part's command; args is consumed. New reference, or NULL with e (and t->class_name) filled. name NULL: the first of the kinds. */
json_t *part_call(struct task *t, unsigned kinds, const char *name, const char *command, json_t *args, struct err *e);
/* The same with descriptors: sent along, and the first one that came back (in *got, -1: none; NULL: not wanted). */
json_t *part_call_fds(struct task *t, unsigned kinds, const char *name, const char *command, json_t *args, const int *fds, unsigned count,
		      int *got, struct err *e);
/* [{"name","kind"}]: parts that have greeted. */
json_t *part_list(struct task *t, unsigned kinds);
/* Does any of them offer the command? */
bool task_offered(struct task *t, unsigned kinds, const char *command);
/* Calls fn in the loop's thread and waits for it. */
void task_in_loop(struct task *t, void (*fn)(void *opaque), void *opaque);
int task_take_fd(struct task *t); /* the next descriptor that came with the command, -1: none */
/* A QMP command, carried out here or by its part (qmp.c). */
json_t *mon_call(struct task *t, const char *command, json_t *args, struct err *e);
void task_sleep(struct task *t, unsigned ms); /* ends early when the monitor goes */

/* ---- HMP ---- */

struct hmp_args;
struct hmp_row {
	const char *name;     /* "print|p": names separated by | */
	const char *args;     /* "fmt:/,val:l"; the types are in hmp-args.c */
	const char *params, *help;
	void (*run)(struct task *t, const struct hmp_args *a);
	const char *needs;    /* run NULL: the part or feature that is not there */
	const char *from;     /* needs' remedy, or NULL */
};
extern const struct hmp_row *const hmp_tables[];      /* NULL-terminated arrays ended by a NULL name */
extern const struct hmp_row *const hmp_info_tables[];
bool hmp_row_named(const struct hmp_row *r, const char *name, size_t size);
const struct hmp_row *hmp_row_find(bool info, const char *name, size_t size);
const struct hmp_row *hmp_row_at(bool info, unsigned n); /* in order of names; NULL ends */

/* What the parser found. Absent optional arguments: NULL, or the default. */
const char *arg_str(const struct hmp_args *a, const char *name);
long long arg_int(const struct hmp_args *a, const char *name, long long def);
bool arg_has(const struct hmp_args *a, const char *name);
bool arg_flag(const struct hmp_args *a, const char *name);
double arg_number(const struct hmp_args *a, const char *name, double def);

/*
 * Parses `text` by the row's types. 0, or -1 with the complaint written to t->out. registers: how $NAME is resolved.
 */
struct hmp_args *hmp_args_parse(struct task *t, const struct hmp_row *row, const char *typed, const char *text);
void hmp_args_free(struct hmp_args *a);
/* The value of an expression at *p, which moves behind it. 0, or -1 with the complaint in *why. */
int hmp_expr(const char **p, long long *value, int (*reg)(void *opaque, const char *name, long long *value), void *opaque, const char **why);
#define HMP_TYPED 64

/* A whole line. */
void hmp_line(struct task *t, const char *line);
/* One line to t->out and t->failed: "Error: …" as the classic says it, with the hint behind it. */
void hmp_error(struct task *t, const struct err *e);
/* mon_call() for those who only tell of an error. true: it worked; the result, if wanted, is the caller's. */
bool hmp_call(struct task *t, const char *command, json_t *args, json_t **result);
int hmp_register(void *task, const char *name, long long *value);

/* ---- disassembly (disas.c) ---- */
struct disassembler;
struct disassembler *disas_open(const char *arch, unsigned bits, struct err *e);
void disas_close(struct disassembler *d);
/* One instruction: its length in bytes, 0 if `size` bytes do not hold one. text: mnemonic and operands. */
unsigned disas_one(struct disassembler *d, unsigned long long addr, const unsigned char *code, size_t size, char *text, size_t room);

#endif
