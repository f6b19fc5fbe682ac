/* SPDX-License-Identifier: GPL-2.0-or-later */
/* QMP's types, as tables. */
#ifndef EMU_MON_QAPI_H
#define EMU_MON_QAPI_H
#include "qmp.h"

enum qapi_kind { QAPI_STRUCT, QAPI_ENUM, QAPI_UNION, QAPI_ALTERNATE };

struct qapi_type {
	const char *name;
	enum qapi_kind kind;
	const char *members; /* struct: "name:type,*name:type"; enum: its values; union: the common members; alternate: types */
	const char *tag;     /* union: the member that decides */
	const char *cases;   /* union: "value:Type,…" */
};
extern const struct qapi_type qapi_types[]; /* ended by a NULL name */
const struct qapi_type *qapi_type_find(const char *name);

struct qapi_member {
	char name[64], type[64];
	bool optional;
};
/* The next member of a list; false: no more. */
bool qapi_member(const char **list, struct qapi_member *m);
#endif
