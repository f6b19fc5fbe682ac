/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Snapshots: an overlay on top (external), or inside the image (internal); and the name of a backing file. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "ctl-copy.h"
#include "transaction.h"

/* ---- external ---- */

struct external {
	struct disk *disk;
	struct blk *old, *overlay;
	bool was_writable;
};

static void undo_external(struct daemon *d, struct action *a)
{
	struct external *x = a->data;

	(void)d;
	disk_set_root(x->disk, x->old);
	blk_set_backing(blk_skip_filters(x->overlay), NULL);
	if (x->was_writable)
		blk_reopen(x->old, true, NULL);
	blk_unref(x->old);
	blk_unref(x->overlay);
	free(x);
}

static void done_external(struct daemon *d, struct action *a)
{
	struct external *x = a->data;

	(void)d;
	blk_unref(x->old);
	blk_unref(x->overlay);
	free(x);
}

/* The overlay (whose reference is taken over) becomes the root, on what was the root. */
static int put_on_top(struct action *a, struct disk *k, struct blk *overlay, struct err *e)
{
	struct external *x = calloc(1, sizeof *x);
	int r;

	if (!x) {
		blk_unref(overlay);
		return err_set(e, ENOMEM, "out of memory");
	}
	*x = (struct external){.disk = k, .old = k->root, .overlay = overlay, .was_writable = blk_writable(k->root)};
	r = blk_reopen(k->root, false, e);
	if (r) {
		blk_unref(overlay);
		free(x);
		return r;
	}
	blk_ref(x->old);
	blk_set_backing(blk_skip_filters(overlay), blk_ref(x->old));
	disk_set_root(k, overlay);
	a->data = x;
	return 0;
}

static struct disk *snapshot_disk(struct daemon *d, struct ctl_call *call, const char *device, const char *node, struct err *e)
{
	struct disk *k;
	struct blk *b = ctl_node(d, call, device, node, &k, e);

	if (b && !k)
		err_set(e, EINVAL, "Node '%s' is not the medium of a disk", b->node_name);
	else if (b && !blk_writable(b))
		err_set(e, EACCES, "Device '%s' is read-only", k->name);
	else if (b && disk_not_busy(k, e) == 0)
		return k;
	return NULL;
}

static int apply_sync(struct daemon *d, struct ctl_call *call, struct action *a, struct err *e)
{
	const char *file = ctl_string(a->args, "snapshot-file"), *format = ctl_string(a->args, "format"), *mode = ctl_string(a->args, "mode");
	const char *name = ctl_string(a->args, "snapshot-node-name");
	struct disk *k = snapshot_disk(d, call, ctl_string(a->args, "device"), ctl_string(a->args, "node-name"), e);
	struct blk *overlay;
	json_t *options;
	unsigned flags;
	int r;

	if (!k)
		return -e->code;
	if (mode && strcmp(mode, "existing") && strcmp(mode, "absolute-paths"))
		return err_set(e, EINVAL, "Invalid parameter '%s' for mode; accepted are: existing, absolute-paths", mode);
	if (!format)
		format = "qcow2";
	if ((r = ctl_take_path(d, call, file, e)) < 0)
		return r;
	if ((r = blk_flush(k->root)) < 0)
		return err_errno(e, -r, "%s: cannot flush", k->root->filename);
	if (!mode || !strcmp(mode, "absolute-paths"))
		r = make_image(d, file, format, k->root->size, k->root, e);
	if (r < 0)
		return r;
	flags = k->root->flags & (BLK_RDWR | BLK_DIRECT | BLK_NO_FLUSH | BLK_UNMAP | BLK_WRITETHROUGH | BLK_DETECT_ZEROES | BLK_COPY_ON_READ | BLK_NATIVE_AIO | BLK_IO_URING);
	options = name ? json_pack("{s:s}", "node-name", name) : NULL;
	r = blk_open(d->graph, file, format, options, flags | BLK_NO_BACKING, &overlay, e);
	json_decref(options);
	if (r < 0)
		return r;
	if (!(blk_skip_filters(overlay)->fmt->flags & BLK_F_BACKING)) {
		blk_unref(overlay);
		return err_set(e, EINVAL, "The snapshot does not support backing images");
	}
	return put_on_top(a, k, overlay, e);
}
static const struct ctl_arg sync_args[] = {{"device", 's', true}, {"node-name", 's', true}, {"snapshot-file", 's', false}, {"snapshot-node-name", 's', true},
					   {"format", 's', true}, {"mode", 's', true}, {NULL, 0, false}};
ACTION(snapshot_sync, "blockdev-snapshot-sync", sync_args, .apply = apply_sync, .undo = undo_external, .done = done_external);

static int apply_node(struct daemon *d, struct ctl_call *call, struct action *a, struct err *e)
{
	struct disk *k = snapshot_disk(d, call, ctl_string(a->args, "node"), ctl_string(a->args, "node"), e), *user;
	struct blk *overlay = k ? ctl_node(d, call, ctl_string(a->args, "overlay"), ctl_string(a->args, "overlay"), &user, e) : NULL;

	if (!overlay)
		return -e->code;
	if (user)
		return err_set(e, EBUSY, "The overlay '%s' is already in use", overlay->node_name);
	if (!(blk_skip_filters(overlay)->fmt->flags & BLK_F_BACKING))
		return err_set(e, EINVAL, "The overlay '%s' does not support backing images", overlay->node_name);
	if (blk_skip_filters(overlay)->backing)
		return err_set(e, EINVAL, "The overlay already has a backing image"), err_hint(e, "Open it with 'backing': null.");
	if (overlay->size != k->root->size)
		return err_set(e, EINVAL, "The overlay's size is not the disk's");
	return put_on_top(a, k, blk_ref(overlay), e);
}
static const struct ctl_arg node_args[] = {{"node", 's', false}, {"overlay", 's', false}, {NULL, 0, false}};
ACTION(snapshot_node, "blockdev-snapshot", node_args, .apply = apply_node, .undo = undo_external, .done = done_external);

/* ---- internal ---- */

struct internal {
	struct blk *blk;
	struct blk_snapshot snapshot;
};

static int apply_internal(struct daemon *d, struct ctl_call *call, struct action *a, struct err *e)
{
	const char *name = ctl_string(a->args, "name");
	struct disk *k = snapshot_disk(d, call, ctl_string(a->args, "device"), NULL, e);
	struct internal *x;
	struct blk_snapshot *list = NULL;
	struct timespec now;
	unsigned count = 0;
	struct blk *b;
	int r;

	if (!k)
		return -e->code;
	b = blk_skip_filters(k->root);
	if (!b->fmt->snapshot_create)
		return err_set(e, ENOTSUP, "Block format '%s' used by device '%s' does not support internal snapshots", b->fmt->name, k->name);
	if (!*name)
		return err_set(e, EINVAL, "Name is empty");
	if ((r = b->fmt->snapshot_list(b, &list, &count, e)) < 0)
		return r;
	for (unsigned i = 0; i < count && !r; i++)
		if (!strcmp(list[i].name, name))
			r = err_set(e, EEXIST, "Snapshot with name '%s' already exists on device '%s'", name, k->name);
	free(list);
	x = r ? NULL : calloc(1, sizeof *x);
	if (!x)
		return r ? r : err_set(e, ENOMEM, "out of memory");
	clock_gettime(CLOCK_REALTIME, &now);
	x->blk = b;
	x->snapshot.date_sec = (uint32_t)now.tv_sec;
	x->snapshot.date_nsec = (uint32_t)now.tv_nsec;
	x->snapshot.disk_size = b->size;
	snprintf(x->snapshot.name, sizeof x->snapshot.name, "%s", name);
	r = b->fmt->snapshot_create(b, &x->snapshot, e);
	if (r) {
		free(x);
		return r;
	}
	a->data = x;
	return 0;
}

static void undo_internal(struct daemon *d, struct action *a)
{
	struct internal *x = a->data;

	(void)d;
	x->blk->fmt->snapshot_delete(x->blk, x->snapshot.id, NULL);
	free(x);
}

static void done_internal(struct daemon *d, struct action *a)
{
	(void)d;
	free(a->data);
}
static const struct ctl_arg internal_args[] = {{"device", 's', false}, {"name", 's', false}, {NULL, 0, false}};
ACTION(snapshot_internal, "blockdev-snapshot-internal-sync", internal_args, .apply = apply_internal, .undo = undo_internal, .done = done_internal);

static json_t *delete_internal(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	struct daemon *d = opaque;
	const char *id = ctl_string(args, "id"), *name = ctl_string(args, "name");
	struct disk *k = snapshot_disk(d, call, ctl_string(args, "device"), NULL, e);
	struct blk_snapshot *list = NULL;
	json_t *out = NULL;
	unsigned count = 0, i;
	struct blk *b = k ? blk_skip_filters(k->root) : NULL;

	if (!b)
		return NULL;
	if (!id && !name) {
		err_set(e, EINVAL, "Name or id must be provided");
		return NULL;
	}
	if (!b->fmt->snapshot_delete) {
		err_set(e, ENOTSUP, "Block format '%s' used by device '%s' does not support internal snapshots", b->fmt->name, k->name);
		return NULL;
	}
	if (b->fmt->snapshot_list(b, &list, &count, e) < 0)
		return NULL;
	for (i = 0; i < count && ((id && strcmp(list[i].id, id)) || (name && strcmp(list[i].name, name))); i++)
		;
	if (i == count) {
		err_set(e, ENOENT, "Snapshot with id '%s' and name '%s' does not exist on device '%s'", id ? id : "(null)", name ? name : "(null)", k->name);
	} else {
		disk_drain(k);
		if (b->fmt->snapshot_delete(b, list[i].id, e) == 0)
			out = json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I}", "id", list[i].id, "name", list[i].name, "vm-state-size",
					(json_int_t)list[i].vm_state_size, "date-sec", (json_int_t)list[i].date_sec, "date-nsec",
					(json_int_t)list[i].date_nsec, "vm-clock-sec", (json_int_t)(list[i].vm_clock_ns / 1000000000), "vm-clock-nsec",
					(json_int_t)(list[i].vm_clock_ns % 1000000000));
		disk_undrain(k);
	}
	free(list);
	return out;
}
static const struct ctl_arg delete_args[] = {{"device", 's', false}, {"id", 's', true}, {"name", 's', true}, {NULL, 0, false}};
static const struct ctl_command delete_row = {.name = "blockdev-snapshot-delete-internal-sync", .args = delete_args, .run = delete_internal};
NBD_COMMAND(delete_row);

/* ---- the backing file's name in an image of the chain ---- */

static json_t *change_backing(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	struct daemon *d = opaque;
	struct disk *k = ctl_disk(d, call, args, e);
	const char *name = ctl_string(args, "image-node-name");
	struct blk *b;
	bool was;

	if (!k || disk_not_busy(k, e) < 0)
		return NULL;
	for (b = k->root ? blk_skip_filters(k->root) : NULL; b && strcmp(b->node_name, name); b = blk_skip_filters(b->backing))
		;
	if (!b || !b->backing || !b->fmt->change_backing) {
		err_set(e, EINVAL, !b ? "image file not found: no node '%s' in the chain" : "not allowed: '%s' has no backing file", name);
		return NULL;
	}
	disk_drain(k);
	was = blk_writable(b);
	if (blk_reopen(b, true, e) == 0) {
		b->fmt->change_backing(b, ctl_string(args, "backing-file"), blk_skip_filters(b->backing)->fmt->name, e);
		if (!was)
			blk_reopen(b, false, e->code ? NULL : e);
	}
	disk_undrain(k);
	return NULL;
}
static const struct ctl_arg change_args[] = {{"device", 's', false}, {"image-node-name", 's', false}, {"backing-file", 's', false}, {NULL, 0, false}};
static const struct ctl_command change_row = {.name = "change-backing-file", .args = change_args, .run = change_backing};
NBD_COMMAND(change_row);
