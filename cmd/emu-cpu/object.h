/* SPDX-License-Identifier: GPL-2.0-or-later */
/* User objects as devices use them; see -object. */
#ifndef EMU_CPU_OBJECT_H
#define EMU_CPU_OBJECT_H
#include <stdbool.h>
#include <stddef.h>

struct machine;
struct objects;

/* A source of random numbers: rng-random, rng-builtin. id NULL: the host's. Bytes got (0 < n <= size) or -errno; never blocks. */
bool rng_exists(struct machine *m, const char *id);
int rng_fill(struct machine *m, const char *id, void *buf, size_t size);

/* lib/crypto's: secrets and TLS credentials. */
struct objects *machine_objects(struct machine *m);
/*
 * What there is, as QMP tells it: [{"id", "qom-type", "props": {…}}]. A new jansson value. Objects that are made and removed while the machine runs:
 * in use is -EBUSY.
 */
struct err;
void *object_list(struct machine *m);
int object_del(struct machine *m, const char *id, struct err *e);
#endif
