/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of lib/char share: the table of back ends, and a back end's view of its front ends. */
#ifndef CHAR_INTERNAL_H
#define CHAR_INTERNAL_H
#include "char/char.h"

enum char_prop_type { PROP_TEXT, PROP_BOOL, PROP_NUMBER, PROP_SIZE };

struct char_prop {
	const char *name;
	enum char_prop_type type;
	bool required;
	int64_t max;      /* PROP_NUMBER: 0..max */
	const char *qmp;  /* the member of QMP's data where it has another name or place ("addr.data.host"); NULL: the same */
};

struct char_class {
	const char *name;
	const char *const *aliases;       /* NULL-terminated; NULL: none */
	const char *help;
	const struct char_prop *props;    /* ends with a NULL name; NULL: none beyond the common ones */
	const char *missing;              /* known, but not built in: why, and what to use instead */
	bool no_mux;
	int (*check)(const struct char_spec *s, struct err *e); /* what the properties' types do not tell; may be NULL */

	/*
	 * Opens and fills c->state; sets c->opened where somebody is there at once. On failure everything is undone. close() says nothing to
	 * front ends.
	 */
	int (*open)(struct chardev *c, const struct char_spec *s, struct err *e);
	void (*close)(struct chardev *c);
	/* What is taken now, 0..n. Called only while c->opened. A short one is followed by char_core_writable(). */
	size_t (*write)(struct chardev *c, const uint8_t *data, size_t n);
	/* Whether front ends have room may have changed: c->want_input says it. NULL: there is never input. */
	void (*want)(struct chardev *c);
	/* A new string for `info chardev`. */
	char *(*filename)(struct chardev *c);
	int (*take_fd)(struct chardev *c);
	void (*set_line)(struct chardev *c, const struct char_line *line);
	bool (*waiting)(struct chardev *c);
	void (*keep)(struct chardev *c); /* char_core_keep() once more for all it has */
};

/* name: as the class or an alias has it; NULL: unknown. */
const struct char_class *char_class_find(const char *name);
extern const struct char_class *const char_classes[]; /* ends with NULL */

extern const struct char_class char_null, char_ringbuf, char_file, char_pipe, char_stdio, char_pty, char_serial, char_parallel, char_socket, char_udp;

/* Properties of a checked description. */
const char *char_spec_get(const struct char_spec *s, const char *key);
bool char_spec_bool(const struct char_spec *s, const char *key, bool def);
int64_t char_spec_number(const struct char_spec *s, const char *key, int64_t def);

struct mux;
struct chardev {
	struct chardevs *registry;
	struct chardev *next;
	const struct char_class *class;
	char *id;
	void *state;      /* the class's */
	bool opened;      /* somebody is at the other end */
	bool want_input;  /* a front end has room */
	bool blocked;     /* the last write was short */
	int log;          /* logfile=; -1: none */
	struct char_user *user; /* without mux */
	struct mux *mux;
	char *pty;
};

#define CHAR_KEPT "listen", "client", "pty" /* what is given to char_core_keep() */

/* ---- from back ends ---- */
/* How many bytes char_core_input() takes now. */
size_t char_core_room(struct chardev *c);
/* n <= char_core_room(c). */
void char_core_input(struct chardev *c, const uint8_t *data, size_t n);
void char_core_opened(struct chardev *c); /* somebody came … */
void char_core_closed(struct chardev *c); /* … and went; later writes vanish */
void char_core_break(struct chardev *c);
void char_core_writable(struct chardev *c);
void char_core_tell(struct chardev *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
struct loop *char_core_loop(const struct chardev *c);
struct objects *char_core_objects(const struct chardev *c);
void char_core_keep(struct chardev *c, const char *what, int fd); /* under "ID/what"; -1: forget */
int char_core_take(struct chardev *c, const char *what);
void char_core_connected(struct chardevs *cs); /* chardevs_waiting() may have changed */
void char_core_free(struct chardevs *cs, void *p); /* when no callback is under way any more; NULL is allowed */

#endif
