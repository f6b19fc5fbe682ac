/* SPDX-License-Identifier: GPL-2.0-or-later */
/* QMP's commands: one row each; who carries them out, what they take, what they give. */
#ifndef EMU_MON_QMP_H
#define EMU_MON_QMP_H
#include "mon.h"

struct qmp_row {
	const char *name;
	const char *args;    /* "device:str,*speed:int"; a * marks what may be left out; "@Type": the members of a structure */
	const char *ret;     /* "[BlockInfo]", NULL: nothing */
	unsigned kinds;      /* goes to a part as it is, the first of these kinds that offers it; 0: not */
	const char *by;      /* with kinds: the argument that names a disk or a network, alternatives separated by | */
	json_t *(*run)(struct task *t, const json_t *args, struct err *e); /* carried out here. New reference; NULL without error: {} */
	const char *needs;   /* neither: what is missing. Such a command is not found by programs */
	bool any_args;       /* further arguments are the part's business */
};
extern const struct qmp_row *const qmp_tables[]; /* NULL-terminated arrays ended by a NULL name */
const struct qmp_row *qmp_row_find(const char *name);
/* Can it be carried out now? Loop's thread. */
/* Does a part's error say that the thing is not its own? Then the next one is asked. */
bool qmp_not_here(const char *class_name, const struct err *e);
bool qmp_row_offered(struct monitor *m, const struct qmp_row *r);

struct qmp_event {
	const char *name, *data; /* "device:str,…" */
};
extern const struct qmp_event qmp_events[];

/* ---- types (qapi.c) ---- */
/* Checks arguments against a row's `args`; the classic's sentences. 0 or -EINVAL. */
int qapi_check(const struct qmp_row *row, const json_t *args, struct err *e);
/* What query-qmp-schema returns, for the commands that `offered` says are there. */
json_t *qapi_schema(bool (*offered)(void *opaque, const struct qmp_row *r), void *opaque);

extern const struct qmp_row qmp_control_rows[], qmp_machine_rows[], qmp_block_rows[], qmp_nbd_rows[], qmp_net_rows[], qmp_char_rows[], qmp_device_rows[], qmp_option_rows[],
	qmp_missing_rows[];
#endif
