/* SPDX-License-Identifier: GPL-2.0-or-later */
/* -disk: what a drive is made from. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/keyval.h"
#include "core.h"
#include "drive-internal.h"
#include "plugs.h"

#define RECONNECT_S 86400 /* a server that is restarted keeps the guest waiting, not failing */

static struct drive_core *core(const struct machine *m)
{
	return m->parts->drives;
}

static const char *const interfaces[] = {"none", "ide", "scsi", "floppy", "pflash", "virtio", "sd", "mtd", NULL};
static const char *const actions[] = {"report", "ignore", "stop", "enospc", NULL};
static const char *const translations[] = {"auto", "none", "lba", "large", "rechs", NULL};

static int choose(const char *const *list, const char *what, const char *value, struct err *e)
{
	char known[128] = "";

	for (int i = 0; list[i]; i++) {
		if (!strcmp(list[i], value))
			return i;
		size_t n = strlen(known);
		snprintf(known + n, sizeof known - n, "%s%s", n ? ", " : "", list[i]);
	}
	return err_set(e, EINVAL, "%s=%s: one of %s", what, value, known);
}

static int number(const char *what, const char *value, unsigned long most, uint32_t *to, struct err *e)
{
	char *end;
	errno = 0;
	unsigned long n = strtoul(value, &end, 0);

	if (errno || end == value || *end || *value == '-' || n > most)
		return err_set(e, EINVAL, "%s=%s: a number from 0 to %lu", what, value, most);
	*to = (uint32_t)n;
	return 0;
}

static int on_off(const char *what, const char *value, bool *to, struct err *e)
{
	*to = !strcmp(value, "on");
	return *to || !strcmp(value, "off") ? 0 : err_set(e, EINVAL, "%s=%s: on or off", what, value);
}

/* The next free place of an interface: IDE has two disks a bus, the others any number. */
static void place(struct machine *m, struct drive *d, int bus, int unit, int index)
{
	unsigned per_bus = d->info.interface == DRIVE_IDE ? 2 : d->info.interface == DRIVE_SCSI ? 7 : UINT32_MAX;

	if (index >= 0) {
		d->info.bus = per_bus == UINT32_MAX ? 0 : (unsigned)index / per_bus;
		d->info.unit = (unsigned)index % per_bus;
		return;
	}
	d->info.bus = bus >= 0 ? (unsigned)bus : 0;
	d->info.unit = unit >= 0 ? (unsigned)unit : 0;
	if (unit >= 0 || d->info.interface == DRIVE_NONE)
		return;
	while (drive_at(m, d->info.interface, d->info.bus, d->info.unit))
		if (++d->info.unit == per_bus) {
			d->info.unit = 0;
			d->info.bus++;
		}
}

static int option(struct drive *d, const char *key, const char *v, int place_of[3], bool *cdrom, bool *empty, struct err *e)
{
	static const char *const names[] = {"bus", "unit", "index"};
	uint32_t n;
	bool b;
	int r;

	for (unsigned i = 0; i < 3; i++)
		if (!strcmp(key, names[i])) {
			r = number(key, v, 255, &n, e);
			place_of[i] = (int)n;
			return r;
		}
	if (!strcmp(key, "id") || !strcmp(key, "if"))
		return 0;
	if (!strcmp(key, "nbd") || !strcmp(key, "vhost")) {
		d->vhost = *key == 'v';
		if (!strcmp(v, "none"))
			return 0;
		if (!strncmp(v, "fd:", 3)) {
			r = number(key, v + 3, INT_MAX, &n, e);
			if (!r && fcntl((int)n, F_GETFD) < 0)
				return err_errno(e, errno, "%s=fd:%u", key, n);
			if (!r) {
				fcntl((int)n, F_SETFD, FD_CLOEXEC);
				d->passed_fd = (int)n;
			}
			return r;
		}
		if (strncmp(v, "unix:", 5) || !v[5])
			return err_set(e, EINVAL, "%s=%s: unix:PATH of a server's socket, fd:N of a connection, or none", key, v);
		free(d->path);
		d->path = strdup(v + 5);
		return d->path ? 0 : err_set(e, ENOMEM, "out of memory");
	}
	if (!strcmp(key, "export")) {
		d->export_name = strdup(v);
		return d->export_name ? 0 : err_set(e, ENOMEM, "out of memory");
	}
	if (!strcmp(key, "media")) {
		*cdrom = !strcmp(v, "cdrom");
		return *cdrom || !strcmp(v, "disk") ? 0 : err_set(e, EINVAL, "media=%s: disk or cdrom", v);
	}
	if (!strcmp(key, "empty"))
		return on_off(key, v, empty, e);
	if (!strcmp(key, "with-device"))
		return on_off(key, v, &d->with_device, e);
	if (!strcmp(key, "readonly") || !strcmp(key, "read-only")) {
		r = on_off(key, v, &b, e);
		d->info.readonly = b;
		return r;
	}
	if (!strcmp(key, "werror") || !strcmp(key, "rerror")) {
		r = choose(actions, key, v, e);
		if (r == DRIVE_ENOSPC && *key == 'r')
			return err_set(e, EINVAL, "rerror=enospc: one of report, ignore, stop");
		if (r < 0)
			return r;
		*(*key == 'w' ? &d->on_write : &d->on_read) = (enum drive_action)r;
		return 0;
	}
	if (!strcmp(key, "serial")) {
		if (strlen(v) >= sizeof d->info.serial)
			return err_set(e, EINVAL, "serial=%s: at most %zu characters", v, sizeof d->info.serial - 1);
		strcpy(d->info.serial, v);
		return 0;
	}
	if (!strcmp(key, "cyls"))
		return number(key, v, 65535, &d->info.cylinders, e);
	if (!strcmp(key, "heads"))
		return number(key, v, 255, &d->info.heads, e);
	if (!strcmp(key, "secs"))
		return number(key, v, 255, &d->info.sectors, e);
	if (!strcmp(key, "trans")) {
		r = choose(translations, key, v, e);
		d->info.translation = r < 0 ? 0 : (uint32_t)r;
		return r < 0 ? r : 0;
	}
	if (!strcmp(key, "connections")) {
		r = number(key, v, 16, &n, e);
		d->connections = n;
		return r;
	}
	if (!strcmp(key, "reconnect")) {
		r = number(key, v, 1000000, &n, e);
		d->reconnect_s = n;
		return r;
	}
	return err_set(e, EINVAL, "there is no '%s' (id, nbd, vhost, export, empty, with-device, if, bus, unit, index, media, readonly, werror, rerror, serial, "
		       "cyls, heads, secs, trans, connections, reconnect)", key);
}

/* A drive of a machine that runs: for a device that follows, over a socket in the run directory. */
static int comes_late(struct drive *d, struct err *e)
{
	const char *dir = core(d->machine)->run_dir;
	size_t n = dir ? strlen(dir) : 0;

	if (d->info.interface != DRIVE_NONE)
		return err_set(e, EINVAL, "disk '%s': when the machine runs only if=none can be added; device_add plugs it in", d->id);
	if (!d->path)
		return 0;
	if (!n || strncmp(d->path, dir, n) || d->path[n] != '/' || strchr(d->path + n + 1, '/'))
		return err_set(e, EACCES, "disk '%s': %s is no socket of the machine's run directory", d->id, d->path);
	d->dial_name = d->path + n + 1;
	return 0;
}

int drive_add(struct machine *m, const char *text, struct err *e)
{
	struct keyval kv = {0};
	int place_of[3] = {-1, -1, -1}, r = keyval_parse(text, NULL, &kv, e), interface = DRIVE_NONE;
	bool cdrom = false, empty = false;
	struct drive *d = NULL;

	if (r)
		return r;
	const char *id = keyval_get(&kv, "id"), *type = keyval_get(&kv, "if");
	if (!id || !*id) {
		r = err_set(e, EINVAL, "id= is needed");
		goto out;
	}
	if (drive_find(m, id)) {
		r = err_set(e, EEXIST, "there is a disk '%s' already", id);
		goto out;
	}
	if (type && (interface = choose(interfaces, "if", type, e)) < 0) {
		r = interface;
		goto out;
	}
	d = calloc(1, sizeof *d);
	if (!d || !(d->id = strdup(id))) {
		free(d);
		d = NULL;
		r = err_set(e, ENOMEM, "out of memory");
		goto out;
	}
	pthread_mutex_init(&d->lock, NULL);
	pthread_cond_init(&d->work, NULL);
	pthread_cond_init(&d->finished, NULL);
	d->machine = m;
	d->on_write = DRIVE_ENOSPC;
	d->reconnect_s = RECONNECT_S;
	d->connections = 4;
	d->passed_fd = -1;
	d->dial_index = UINT_MAX;
	d->info.interface = (enum drive_if)interface;
	for (unsigned i = 0; !r && i < kv.count; i++)
		r = option(d, kv.key[i], kv.value[i], place_of, &cdrom, &empty, e);
	const char *value, *arg;
	for (unsigned n = 0; !r && (value = device_set_option_get(m, "drive", id, n, &arg)); n++)
		r = option(d, arg, value, place_of, &cdrom, &empty, e);
	if (!r && place_of[2] >= 0 && (place_of[0] >= 0 || place_of[1] >= 0))
		r = err_set(e, EINVAL, "index= stands for bus= and unit=: give one or the other");
	if (!r && !d->info.cylinders != !d->info.heads)
		r = err_set(e, EINVAL, "a geometry is cyls=, heads= and secs=, all three");
	if (r)
		goto out;
	d->info.cdrom = cdrom;
	d->info.removable = cdrom || interface == DRIVE_FLOPPY;
	if (cdrom)
		d->info.readonly = true;
	if (cdrom && place_of[0] < 0 && place_of[1] < 0 && place_of[2] < 0 && interface == DRIVE_IDE)
		place_of[2] = 2; /* where the classic machine has its CD-ROM */
	place(m, d, place_of[0], place_of[1], place_of[2]);
	if (interface != DRIVE_NONE && drive_at(m, d->info.interface, d->info.bus, d->info.unit)) {
		r = err_set(e, EBUSY, "if=%s, bus %u, unit %u is taken by disk '%s'", interfaces[interface], d->info.bus, d->info.unit,
			    drive_at(m, d->info.interface, d->info.bus, d->info.unit)->id);
		goto out;
	}
	if (core(m)->sealed)
		r = comes_late(d, e);
	else if (d->path)
		d->dial_index = core(m)->paths++;
	if (r)
		goto out;
	if (empty && !d->info.removable)
		r = err_set(e, EINVAL, "empty=on: only a CD-ROM or floppy drive can be empty");
	else if (empty)
		; /* its server has no medium yet */
	else if (d->path || d->passed_fd >= 0)
		r = drive_medium_open(d, e);
	else if (!d->info.removable)
		r = err_set(e, EINVAL, "nbd=unix:PATH is needed: only a CD-ROM or floppy drive can be empty");
out:
	keyval_free(&kv);
	if (r && d) {
		drive_free(d);
	} else if (!r) {
		struct drive **at = &core(m)->list;
		while (*at)
			at = &(*at)->next;
		*at = d;
		machine_on_state(m, drive_running, d);
	}
	return r;
}

int drives_check_used(struct machine *m, struct err *e)
{
	for (struct drive *d = core(m)->list; d; d = d->next) {
		enum drive_if i = d->info.interface;
		if (i == DRIVE_NONE || d->user)
			continue;
		err_set(e, ENODEV, "disk '%s': machine '%s' has no place for if=%s,bus=%u,unit=%u", d->id, m->board->name, interfaces[i], d->info.bus,
			d->info.unit);
		if (i == DRIVE_SCSI)
			return err_hint(e, "SCSI disks need an adapter: -device virtio-scsi-pci -disk id=%s,if=none,... -device scsi-hd,drive=%s", d->id, d->id);
		return err_hint(e, "with if=none a -device says where it goes: -device ide-hd,drive=%s, -device virtio-blk-pci,drive=%s", d->id, d->id);
	}
	return 0;
}
