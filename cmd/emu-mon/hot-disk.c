/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Disks that come and go while the machine runs. The monitor sends a part as a plan has it (share/emu-system.d/hot.tcl makes it of drive_add's and
 * blockdev-add's arguments, as it does of the command line's), with what the machine is to be told of the disk. A disk of the command line
 * goes the same way.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "supervise-own.h"

static struct sup_part *part_of_disk(struct sup *s, const char *disk)
{
	for (unsigned i = 0; disk && i < s->plan->parts; i++)
		if (s->plan->part[i].disk && !strcmp(s->plan->part[i].disk, disk) && !s->part[i].leaving)
			return &s->part[i];
	return NULL;
}

static int no_fd(void *opaque, const char *name)
{
	(void)opaque, (void)name;
	return -1;
}

char *hot_drive(struct sup_part *p, struct err *e)
{
	return plan_word_make(p->plan->drive.word, p->sup->dir.name, p->sup->dir.path, no_fd, NULL, e);
}

/* "fds": the names that the part's arguments know the descriptors by that came with the command. */
static int take_fds(struct plan_part *plan, struct ctl_call *call, const json_t *names, struct err *e)
{
	plan->fd = calloc(json_array_size(names) + 1, sizeof *plan->fd);
	if (!plan->fd)
		return err_set(e, ENOMEM, "out of memory");
	for (unsigned n = 0; n < json_array_size(names); n++) {
		const char *name = json_string_value(json_array_get(names, n));
		int fd = ctl_take_fd(call, n);
		if (fd < 0)
			return err_set(e, EBADF, "fds: descriptor %u did not come with the command", n);
		plan->fd[plan->fds++] = (struct plan_fd){strdup(name ? name : ""), fd};
		if (!plan->fd[n].name)
			return err_set(e, ENOMEM, "out of memory");
	}
	return 0;
}

static json_t *disk_add(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	struct sup *s = opaque;
	const json_t *json = json_object_get(args, "part");
	const char *id = json_string_value(json_object_get(json, "id")), *disk = json_string_value(json_object_get(json, "disk"));
	struct plan_part *plan;
	int part, r;

	if (!id || !disk || !json_object_get(json, "drive")) {
		err_set(e, EINVAL, "part: its id, disk and drive are needed");
		return NULL;
	}
	if (part_of_disk(s, disk)) {
		err_set(e, EEXIST, "Duplicate ID '%.100s' for drive", disk);
		return NULL;
	}
	part = hot_slot(s, id, "drive", e);
	if (part < 0)
		return NULL;
	plan = &s->plan->part[part];
	r = plan_part_read(plan, json, e);
	if (r == 0 && (plan->machine || plan->monitor || plan->afters || !plan->ctl || !plan->ready || strcmp(plan->program, "emu-nbd"))) {
		plan_part_done(plan);
		r = err_set(e, EINVAL, "part: it is no disk server");
	}
	if (r == 0 && (r = take_fds(plan, call, json_object_get(args, "fds"), e)) < 0)
		plan_part_done(plan);
	return hot_launch(s, (unsigned)part, -1, r, call, e) == 0 ? CTL_LATER : NULL;
}
static const struct ctl_arg add_args[] = {{"part", 'o', false}, {"fds", 'a', true}, {0}};
const struct ctl_command disk_add_row = {.name = "x-disk-add", .args = add_args, .run = disk_add};

/* ---- going ---- */

struct going {
	struct sup *sup;
	struct ctl_call *call;
	char disk[140];
};

static void gone(void *opaque, const struct ctl_answer *a)
{
	struct going *g = opaque;
	struct sup_part *p = part_of_disk(g->sup, g->disk);
	/* A machine that does not know it has lost it already, or never got it. */
	bool yes = a->result || !strcmp(a->class_name, "DeviceNotFound");

	if (yes && p) {
		/* Answered when the process has ended: whoever asked may want to open the image. */
		p->call = g->call;
		hot_leave(p);
	} else {
		ctl_reply(g->call, NULL, yes ? NULL : a->e);
	}
	free(g);
}

static json_t *disk_del(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	struct sup *s = opaque;
	const char *id = json_string_value(json_object_get(args, "id"));
	struct sup_part *p = part_of_disk(s, id), *m = sup_machine(s);
	struct going *g;

	if (!p || p->call) {
		ctl_error_class(call, "DeviceNotFound");
		err_set(e, ENODEV, "Device '%.100s' not found", id);
		return NULL;
	}
	if (!m || !m->ctl) {
		err_set(e, EAGAIN, "the machine does not run");
		return NULL;
	}
	g = calloc(1, sizeof *g);
	if (!g) {
		err_set(e, ENOMEM, "out of memory");
		return NULL;
	}
	*g = (struct going){.sup = s, .call = call};
	snprintf(g->disk, sizeof g->disk, "%s", id);
	ctl_client_call(m->ctl, "x-drive-del", json_pack("{s:s, s:b}", "id", id, "unused", json_is_true(json_object_get(args, "unused"))), NULL, 0, gone, g);
	return CTL_LATER;
}
static const struct ctl_arg del_args[] = {{"id", 's', false}, {"unused", 'b', true}, {0}};
const struct ctl_command disk_del_row = {.name = "x-disk-del", .args = del_args, .run = disk_del};

json_t *hot_image(const struct sup_part *p)
{
	const struct plan_command *c = &p->plan->args;
	const struct plan_word *last = c->count ? &c->word[c->count - 1] : NULL;

	return p->plan->disk && last && last->count == 1 && last->piece->kind == PIECE_TEXT ? json_pack("{s:s}", "image", last->piece->text) : NULL;
}

void hot_disk_event(struct sup *s, const json_t *event)
{
	struct sup_part *p = part_of_disk(s, json_string_value(json_object_get(json_object_get(event, "data"), "id")));

	if (p && !s->ending)
		hot_leave(p);
}

/* ---- secrets and credentials of the command line, which a disk may name ---- */

static json_t *objects(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	const struct sup *s = opaque;
	json_t *list = json_array();

	(void)call, (void)args, (void)e;
	for (unsigned i = 0; i < s->plan->objects; i++)
		json_array_append_new(list, json_string(s->plan->object[i]));
	return list;
}
const struct ctl_command objects_row = {.name = "x-objects", .run = objects};
