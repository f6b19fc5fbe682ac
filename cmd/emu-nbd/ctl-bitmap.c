/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Dirty bitmaps; and backups as actions, since the two belong together. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "block/dirty.h"
#include "ctl-copy.h"
#include "state.h"
#include "transaction.h"

struct change {
	struct blk *blk;
	struct blk_dirty *bitmap;
	struct bitmap old; /* clear, merge: what it held */
	bool disabled;
};

static struct blk *bitmap_node(struct daemon *d, struct ctl_call *call, const json_t *args, struct err *e)
{
	const char *node = ctl_string(args, "node") ? ctl_string(args, "node") : ctl_string(args, "target");
	struct disk *k;

	return ctl_node(d, call, node, node, &k, e);
}

static struct change *find(struct daemon *d, struct ctl_call *call, const json_t *args, bool even_bad, struct err *e)
{
	const char *name = ctl_string(args, "name") ? ctl_string(args, "name") : ctl_string(args, "target");
	struct blk *b = bitmap_node(d, call, args, e);
	struct blk_dirty *m = b ? blk_dirty_find(b, name, e) : NULL;
	struct change *c;

	if (!m)
		return NULL;
	if (m->busy || (m->inconsistent && !even_bad)) {
		err_set(e, EBUSY, m->busy ? "Bitmap '%s' is currently in use by another operation and cannot be used"
					  : "Bitmap '%s' is inconsistent and cannot be used; it can only be removed", name);
		return NULL;
	}
	c = calloc(1, sizeof *c);
	if (!c) {
		err_set(e, ENOMEM, "out of memory");
		return NULL;
	}
	c->blk = b;
	c->bitmap = m;
	c->old.fd = -1;
	c->disabled = m->disabled;
	return c;
}

static void free_change(struct daemon *d, struct action *a)
{
	struct change *c = a->data;

	(void)d;
	bitmap_done(&c->old);
	free(c);
}

static const struct ctl_arg name_args[] = {{"node", 's', false}, {"name", 's', false}, {NULL, 0, false}};

/* ---- add ---- */

static int apply_add(struct daemon *d, struct ctl_call *call, struct action *a, struct err *e)
{
	struct blk *b = bitmap_node(d, call, a->args, e);
	json_int_t granularity = json_integer_value(json_object_get(a->args, "granularity"));
	const char *name = ctl_string(a->args, "name");
	bool persistent = json_is_true(json_object_get(a->args, "persistent"));
	struct change *c;
	char *file = NULL;
	int fd;

	if (!b)
		return -e->code;
	if (granularity < 0 || granularity > 1u << 31)
		return err_set(e, EINVAL, "Granularity must be power of 2 between 512 and 2 GiB");
	if (persistent && (!(b->fmt->flags & BLK_F_BITMAPS) || !blk_writable(b)))
		return err_set(e, ENOTSUP, "Cannot store dirty bitmaps in file '%s': its format is %s", b->filename, b->fmt->name);
	c = calloc(1, sizeof *c);
	if (!c)
		return err_set(e, ENOMEM, "out of memory");
	c->old.fd = -1;
	c->blk = b;
	fd = blk_dirty_find(b, name, NULL) || asprintf(&file, "bitmap.%s.%s", b->node_name, name) < 0 ? -1 : state_bitmap_new(d, file);
	free(file);
	c->bitmap = blk_dirty_add(b, name, (uint32_t)granularity, persistent, fd, e);
	if (!c->bitmap) {
		free(c);
		return -e->code;
	}
	c->bitmap->disabled = json_is_true(json_object_get(a->args, "disabled"));
	a->data = c;
	return 0;
}

static void drop(struct daemon *d, struct change *c)
{
	char *file;

	if (asprintf(&file, "bitmap.%s.%s", c->blk->node_name, c->bitmap->name) >= 0) {
		state_drop_bitmap(d, file);
		free(file);
	}
	blk_dirty_remove(c->blk, c->bitmap);
}

static void undo_add(struct daemon *d, struct action *a)
{
	drop(d, a->data);
	free_change(d, a);
}
static const struct ctl_arg add_args[] = {{"node", 's', false}, {"name", 's', false}, {"granularity", 'i', true}, {"persistent", 'b', true},
					  {"autoload", 'b', true}, {"disabled", 'b', true}, {NULL, 0, false}};
ACTION(bitmap_add, "block-dirty-bitmap-add", add_args, .apply = apply_add, .undo = undo_add, .done = free_change);

/* ---- remove: it goes when everything else has worked ---- */

static int apply_remove(struct daemon *d, struct ctl_call *call, struct action *a, struct err *e)
{
	struct change *c = find(d, call, a->args, true, e);

	if (!c)
		return -e->code;
	c->bitmap->busy = true; /* no other action of the group may use it */
	a->data = c;
	return 0;
}

static void undo_remove(struct daemon *d, struct action *a)
{
	((struct change *)a->data)->bitmap->busy = false;
	free_change(d, a);
}

static void done_remove(struct daemon *d, struct action *a)
{
	struct change *c = a->data;
	struct err e = ERR_INIT;

	/* What the image has of it goes when the image's bitmaps are stored the next time. */
	drop(d, c);
	daemon_commit(d, &e);
	free_change(d, a);
}
ACTION(bitmap_remove, "block-dirty-bitmap-remove", name_args, .apply = apply_remove, .undo = undo_remove, .done = done_remove);

/* ---- clear, merge ---- */

static int keep_old(struct change *c, struct err *e)
{
	int r = bitmap_init(&c->old, c->bitmap->map.size, c->bitmap->map.granularity, -1);

	if (r)
		return err_errno(e, -r, "bitmap '%s'", c->bitmap->name);
	bitmap_or(&c->old, &c->bitmap->map);
	c->bitmap->changed = true;
	return 0;
}

static void undo_bits(struct daemon *d, struct action *a)
{
	struct change *c = a->data;

	bitmap_clear(&c->bitmap->map, 0, UINT64_MAX);
	bitmap_or(&c->bitmap->map, &c->old);
	free_change(d, a);
}

static int apply_clear(struct daemon *d, struct ctl_call *call, struct action *a, struct err *e)
{
	struct change *c = find(d, call, a->args, false, e);
	int r;

	if (!c)
		return -e->code;
	a->data = c;
	r = keep_old(c, e);
	if (r)
		free_change(d, a);
	else
		bitmap_clear(&c->bitmap->map, 0, UINT64_MAX);
	return r;
}
ACTION(bitmap_clear_action, "block-dirty-bitmap-clear", name_args, .apply = apply_clear, .undo = undo_bits, .done = free_change);

static int apply_merge(struct daemon *d, struct ctl_call *call, struct action *a, struct err *e)
{
	const json_t *sources = json_object_get(a->args, "bitmaps"), *name;
	struct blk *b = bitmap_node(d, call, a->args, e);
	struct change *c = b ? find(d, call, a->args, false, e) : NULL;
	size_t i;
	int r;

	if (!c)
		return -e->code;
	a->data = c;
	r = keep_old(c, e);
	json_array_foreach (sources, i, name) {
		struct blk_dirty *from = r ? NULL : json_is_string(name) ? blk_dirty_find(b, json_string_value(name), e) : NULL;
		if (!from && !r)
			r = e->code ? -e->code : err_set(e, EINVAL, "'bitmaps' lists the names of bitmaps of the same node");
		else if (!r)
			bitmap_or(&c->bitmap->map, &from->map);
	}
	if (r)
		undo_bits(d, a);
	return r;
}
static const struct ctl_arg merge_args[] = {{"node", 's', false}, {"target", 's', false}, {"bitmaps", 'a', false}, {NULL, 0, false}};
ACTION(bitmap_merge, "block-dirty-bitmap-merge", merge_args, .apply = apply_merge, .undo = undo_bits, .done = free_change);

/* ---- enable, disable ---- */

static void undo_recording(struct daemon *d, struct action *a)
{
	struct change *c = a->data;

	c->bitmap->disabled = c->disabled;
	free_change(d, a);
}

static int recording(struct daemon *d, struct ctl_call *call, struct action *a, bool on, struct err *e)
{
	struct change *c = find(d, call, a->args, false, e);

	if (!c)
		return -e->code;
	c->bitmap->disabled = !on;
	a->data = c;
	return 0;
}

static int apply_enable(struct daemon *d, struct ctl_call *call, struct action *a, struct err *e)
{
	return recording(d, call, a, true, e);
}

static int apply_disable(struct daemon *d, struct ctl_call *call, struct action *a, struct err *e)
{
	return recording(d, call, a, false, e);
}
ACTION(bitmap_enable, "block-dirty-bitmap-enable", name_args, .apply = apply_enable, .undo = undo_recording, .done = free_change);
ACTION(bitmap_disable, "block-dirty-bitmap-disable", name_args, .apply = apply_disable, .undo = undo_recording, .done = free_change);
ACTION(bitmap_x_enable, "x-block-dirty-bitmap-enable", name_args, .apply = apply_enable, .undo = undo_recording, .done = free_change);
ACTION(bitmap_x_disable, "x-block-dirty-bitmap-disable", name_args, .apply = apply_disable, .undo = undo_recording, .done = free_change);

/* ---- backups: at the point in time at which the whole group happens ---- */

static int apply_backup(struct daemon *d, struct ctl_call *call, struct action *a, bool file, struct err *e)
{
	const char *id = ctl_string(a->args, "job-id") ? ctl_string(a->args, "job-id") : ctl_string(a->args, "device");
	int r = start_backup(d, call, a->args, file, e);

	a->data = r ? NULL : strdup(id);
	return r;
}

static int apply_drive_backup(struct daemon *d, struct ctl_call *call, struct action *a, struct err *e)
{
	return apply_backup(d, call, a, true, e);
}

static int apply_blockdev_backup(struct daemon *d, struct ctl_call *call, struct action *a, struct err *e)
{
	return apply_backup(d, call, a, false, e);
}

static void undo_backup(struct daemon *d, struct action *a)
{
	struct blk_job *j = a->data ? job_find(&d->jobs, a->data) : NULL;

	if (j)
		job_cancel(j, true, NULL);
	free(a->data);
}

static void done_backup(struct daemon *d, struct action *a)
{
	(void)d;
	free(a->data);
}
static const struct action_type drive_backup = {.name = "drive-backup", .args = drive_backup_args, .apply = apply_drive_backup, .undo = undo_backup,
						.done = done_backup};
static const struct action_type *const drive_backup_ptr __attribute__((used, section("nbd_actions"))) = &drive_backup;
static const struct action_type blockdev_backup = {.name = "blockdev-backup", .args = blockdev_backup_args, .apply = apply_blockdev_backup,
						   .undo = undo_backup, .done = done_backup};
static const struct action_type *const blockdev_backup_ptr __attribute__((used, section("nbd_actions"))) = &blockdev_backup;
