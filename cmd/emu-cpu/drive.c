/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "drive.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "core.h"

struct drive {
	struct machine *machine;
	char *id;
	struct drive_info info;
	struct device *user;
	struct drive *next;
};

struct drive_core {
	struct drive *list;
};

static struct drive_core *core(const struct machine *m)
{
	return m->parts->drives;
}

struct drive *drive_find(struct machine *m, const char *id)
{
	for (struct drive *d = core(m)->list; d; d = d->next)
		if (!strcmp(d->id, id))
			return d;
	return NULL;
}

struct drive *drive_at(struct machine *m, enum drive_if interface, unsigned bus, unsigned unit)
{
	for (struct drive *d = core(m)->list; d; d = d->next)
		if (d->info.interface == interface && d->info.bus == bus && d->info.unit == unit)
			return d;
	return NULL;
}

const char *drive_id(const struct drive *d)
{
	return d->id;
}

int drive_core_init(struct machine *m, struct err *e)
{
	m->parts->drives = calloc(1, sizeof *m->parts->drives);
	return m->parts->drives ? 0 : err_set(e, ENOMEM, "out of memory");
}

void drive_core_free(struct machine *m)
{
	free(core(m));
	m->parts->drives = NULL;
}
