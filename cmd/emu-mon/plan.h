/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A plan: which programs make a machine, and how they are connected (emu-mon(7) describes the JSON). */
#ifndef EMU_MON_PLAN_H
#define EMU_MON_PLAN_H
#include <jansson.h>
#include <stdbool.h>
#include <sys/types.h>
#include "base/err.h"

#define PLAN_SIZE (8u << 20)
#define PLAN_PARTS 256
#define PLAN_LINKS 512
#define PLAN_FDS 512
#define PLAN_WORDS 4096 /* arguments of one part */

/* A part of an argument. */
enum plan_piece_kind {
	PIECE_TEXT, /* as it stands */
	PIECE_FD,   /* the number of a descriptor in the part */
	PIECE_RUN,  /* the path of a name in the run directory; the directory itself for "" */
	PIECE_NAME, /* the machine's name, with the pid where that was added */
};
struct plan_piece {
	enum plan_piece_kind kind;
	char *text;
};
struct plan_word {
	struct plan_piece *piece;
	unsigned count;
};
struct plan_command {
	struct plan_word *word;
	unsigned count;
};

struct plan_socket {
	char *name; /* in the run directory, or an absolute path */
	int type;   /* SOCK_STREAM, SOCK_SEQPACKET */
};

struct plan_fd {
	char *name;
	int fd;
};

struct plan_part {
	char *id, *program, *argv0; /* argv0 NULL: the program */
	char *disk;              /* the id of the disk that it serves; may be NULL */
	struct plan_command args;
	struct plan_command drive; /* one word, of a part that comes while the machine runs: what the machine is told of its disk */
	struct plan_socket *listen;
	unsigned listens;
	char **after;
	unsigned afters;
	char **env; /* "NAME=VALUE" */
	unsigned envs;
	struct plan_command *setup, *cleanup; /* run and waited for before its start and after its end */
	unsigned setups, cleanups;
	struct plan_fd *fd;      /* descriptors of its own, of a part that comes while the machine runs; closed with it */
	unsigned fds;
	char **temporary;        /* names of files without names, which the supervisor keeps for it */
	unsigned temporaries;
	bool ctl, ready, machine, restart, monitor, terminal;
};

struct plan_link {
	char *id;
	int type;
	char *end[2];    /* ids of parts */
	char *attach[2]; /* ctl command that gives the part a new end; NULL: none, its end hangs up */
	bool keep;       /* the same pair serves a restarted part */
};

/* Something at a character back end. */
struct plan_front {
	char *id;          /* of the back end that `device` describes */
	char *link;        /* a byte stream to a part; NULL: a monitor or a debugger */
	int monitor;       /* enum monitor_mode; negative: none */
	bool debugger;     /* of the machine */
	char *device;      /* an old device string, "chardev:ID" included */
	char *option;      /* how the user wrote it, for messages; may be NULL */
};

struct plan {
	char *name, *run_dir, *pid_file, *run_as, *chroot, *program, *loadvm;
	bool add_pid, daemonize, go;
	int escape;
	struct plan_part *part;
	unsigned parts;
	struct plan_link *link;
	unsigned links;
	struct plan_fd *fd;
	unsigned fds;
	char **object, **chardev;
	unsigned objects, chardevs;
	struct plan_front *front;
	unsigned fronts;
	json_t *json; /* what it was made from */
};

/* Everything is checked: members and their types, names, that what is referred to exists. NULL with the sentence. */
struct plan *plan_parse(const char *text, size_t size, struct err *e);
struct plan *plan_from_json(json_t *json, struct err *e); /* takes its own reference */
/* One part or link of a machine that runs, from JSON, with room for it made by plan_reserve(); not checked against the others. */
int plan_reserve(struct plan *p, struct err *e);
int plan_part_read(struct plan_part *to, const json_t *json, struct err *e);
int plan_link_read(struct plan_link *to, const json_t *json, struct err *e);
void plan_part_done(struct plan_part *p);
void plan_link_done(struct plan_link *l);
/* From a file, "fd:N", "-" for standard input, or the JSON itself, which begins with '{'. */
struct plan *plan_read(const char *from, struct err *e);
void plan_free(struct plan *p);

struct plan_part *plan_find_part(const struct plan *p, const char *id);
struct plan_link *plan_find_link(const struct plan *p, const char *id);

/*
 * One argument as the part gets it. fd_of gives the number of a named descriptor, negative when the part has none of that name.
 * A new string, or NULL with the sentence.
 */
char *plan_word_make(const struct plan_word *w, const char *name, const char *run_dir, int (*fd_of)(void *opaque, const char *name), void *opaque,
		     struct err *e);
#endif
