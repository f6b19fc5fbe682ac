/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * HMP: snapshots of the whole machine. The machine stands still; its state is written into a file without a name, which the first disk's server puts
 * beside the disk's data; every other writable disk takes a snapshot of the same name.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include "hmp-rows.h"

/* Names of disks that have a medium the guest can write; false with the complaint told. */
static bool disks(struct task *t, json_t **names)
{
	json_t *list, *o;
	size_t n;

	if (!hmp_call(t, "query-block", NULL, &list))
		return false;
	*names = json_array();
	json_array_foreach(list, n, o)
		if (json_object_get(o, "inserted") && !true_of(json_object_get(o, "inserted"), "ro"))
			json_array_append_new(*names, json_string(text_of(o, "device")));
	json_decref(list);
	if (json_array_size(*names))
		return true;
	struct err e = ERR_INIT;
	err_set(&e, ENODEV, "no block device can store vmstate for snapshot");
	hmp_error(t, &e);
	json_decref(*names);
	return false;
}

/* Stops the machine; *ran: it is to go on afterwards. */
static bool hold(struct task *t, bool *ran)
{
	json_t *status;

	if (!hmp_call(t, "query-status", NULL, &status))
		return false;
	*ran = true_of(status, "running");
	json_decref(status);
	return !*ran || hmp_call(t, "stop", NULL, NULL);
}

static json_t *on_disk(struct task *t, const char *command, const char *device, const char *name, int fd, struct err *e)
{
	json_t *list = part_list(t, PART_DISK), *p, *r = NULL;
	size_t n;

	err_set(e, ENODEV, "Device '%.100s' not found", device);
	json_array_foreach(list, n, p) {
		*e = (struct err)ERR_INIT;
		r = part_call_fds(t, PART_DISK, text_of(p, "name"), command, json_pack("{s:s, s:s}", "device", device, "name", name), &fd, fd >= 0, NULL, e);
		if (r || strcmp(t->class_name, "DeviceNotFound"))
			break;
	}
	json_decref(list);
	return r;
}

/* A machine that stands still, its disks, and a file without a name for its state. */
struct snapshot {
	json_t *names;
	bool ran;   /* it is to go on afterwards */
	int fd;
	struct err e;
};

static bool begin(struct task *t, struct snapshot *s)
{
	*s = (struct snapshot){.fd = -1};
	if (!disks(t, &s->names))
		return false;
	if (!hold(t, &s->ran)) {
		json_decref(s->names);
		return false;
	}
	s->fd = memfd_create("vmstate", MFD_CLOEXEC);
	if (s->fd < 0)
		err_errno(&s->e, errno, "no room for the machine's state");
	return true;
}

static void end(struct task *t, struct snapshot *s, bool go)
{
	file_close(s->fd);
	json_decref(s->names);
	if (s->e.code)
		hmp_error(t, &s->e);
	if (s->ran && go)
		hmp_call(t, "cont", NULL, NULL);
}

/* The state through emu-cpu, which writes or reads the file from its beginning. */
static void through_machine(struct task *t, struct snapshot *s, const char *command)
{
	if (!s->e.code && lseek(s->fd, 0, SEEK_SET) == 0)
		json_decref(part_call_fds(t, PART_CPU, NULL, command, NULL, &s->fd, 1, NULL, &s->e));
}

static void save(struct task *t, const struct hmp_args *a)
{
	char made[40];
	const char *name = arg_str(a, "name");
	struct snapshot s;
	time_t now = time(NULL);
	struct tm tm;
	json_t *v;
	size_t n;

	if (!name) { /* as the classic makes one up */
		localtime_r(&now, &tm);
		strftime(made, sizeof made, "vm-%Y%m%d%H%M%S", &tm);
		name = made;
	}
	if (!begin(t, &s))
		return;
	through_machine(t, &s, "x-save");
	if (!s.e.code && lseek(s.fd, 0, SEEK_SET) < 0)
		err_errno(&s.e, errno, "cannot read the machine's state");
	json_array_foreach(s.names, n, v)
		if (!s.e.code)
			json_decref(on_disk(t, "x-snapshot-save", json_string_value(v), name, n ? -1 : s.fd, &s.e));
	end(t, &s, true);
}

static void load(struct task *t, const struct hmp_args *a)
{
	const char *name = arg_str(a, "name");
	struct snapshot s;
	bool touched = false;
	json_t *v, *r;
	size_t n;

	if (!begin(t, &s))
		return;
	json_array_foreach(s.names, n, v) {
		if (s.e.code)
			break;
		r = on_disk(t, "x-snapshot-load", json_string_value(v), name, n ? -1 : s.fd, &s.e);
		touched |= r != NULL;
		if (r && !n && int_of(r, "vm-state-size") <= 0)
			err_set(&s.e, EINVAL, "This is a disk-only snapshot. Revert to it offline using qemu-img.");
		json_decref(r);
	}
	through_machine(t, &s, "x-load");
	/* With disks of another time than its memory it must not go on. */
	end(t, &s, !s.e.code || !touched);
}

static void del(struct task *t, const struct hmp_args *a)
{
	json_t *names, *v;
	size_t n;

	if (!disks(t, &names))
		return;
	json_array_foreach(names, n, v)
		hmp_call(t, "blockdev-snapshot-delete-internal-sync", json_pack("{s:O, s:s}", "device", v, "name", arg_str(a, "name")), NULL);
	json_decref(names);
}

static bool has(const json_t *list, const char *name)
{
	json_t *s;
	size_t n;

	json_array_foreach(list, n, s)
		if (!strcmp(text_of(s, "name"), name))
			return true;
	return false;
}

/* Those that every writable disk has, and of which the first keeps a state. */
static void info_snapshots(struct task *t, const struct hmp_args *a)
{
	json_t *list, *o, *first = NULL, *s;
	size_t n, k;
	bool any = false;

	(void)a;
	if (!hmp_call(t, "query-block", NULL, &list))
		return;
	json_array_foreach(list, n, o)
		if (!first && json_object_get(o, "inserted") && !true_of(json_object_get(o, "inserted"), "ro"))
			first = json_object_get(json_object_get(o, "inserted"), "image");
	json_array_foreach(json_object_get(first, "snapshots"), k, s) {
		long long clock = int_of(s, "vm-clock-sec");
		time_t when = (time_t)int_of(s, "date-sec");
		bool everywhere = int_of(s, "vm-state-size") > 0;
		char date[40], size[40];
		struct tm tm;
		json_array_foreach(list, n, o) {
			const json_t *in = json_object_get(o, "inserted");
			if (in && !true_of(in, "ro"))
				everywhere &= has(json_object_get(json_object_get(in, "image"), "snapshots"), text_of(s, "name"));
		}
		if (!everywhere)
			continue;
		if (!any)
			fprintf(t->out, "List of snapshots present on all disks:\n%-10s%-20s%7s%20s%15s\n", "ID", "TAG", "VM SIZE", "DATE", "VM CLOCK");
		any = true;
		localtime_r(&when, &tm);
		strftime(date, sizeof date, "%Y-%m-%d %H:%M:%S", &tm);
		snprintf(size, sizeof size, "%lld", int_of(s, "vm-state-size"));
		fprintf(t->out, "%-10s%-20s%7s%20s   %02lld:%02lld:%02lld.%03lld\n", "--", text_of(s, "name"), size, date, clock / 3600, clock / 60 % 60, clock % 60,
			int_of(s, "vm-clock-nsec") / 1000000);
	}
	if (!first)
		fprintf(t->out, "no block device can store vmstate for snapshot\n");
	else if (!any)
		fprintf(t->out, "There is no snapshot available.\n");
	json_decref(list);
}

const struct hmp_row hmp_snapshot_rows[] = {
	{.name = "savevm", .args = "name:s?", .params = "[tag|id]", .help = "take a snapshot of the whole machine", .run = save},
	{.name = "loadvm", .args = "name:s", .params = "tag|id", .help = "go back to a snapshot of the whole machine", .run = load},
	{.name = "delvm", .args = "name:s", .params = "tag|id", .help = "remove a snapshot of the whole machine", .run = del},
	{0}};

const struct hmp_row hmp_snapshot_info_rows[] = {
	{.name = "snapshots", .help = "show the snapshots of the whole machine", .run = info_snapshots},
	{0}};
