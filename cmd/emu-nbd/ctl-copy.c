/* SPDX-License-Identifier: GPL-2.0-or-later */
/* drive-mirror, blockdev-mirror, drive-backup, blockdev-backup */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "ctl-copy.h"
#include "ctl-job.h"

static int sync_of(const json_t *args, bool backup, enum job_sync *to, struct err *e)
{
	static const char *const names[] = {"full", "top", "none", "incremental"};
	const char *v = ctl_string(args, "sync");

	for (unsigned i = 0; v && i < (backup ? 4 : 3); i++)
		if (!strcmp(v, names[i])) {
			*to = (enum job_sync)i;
			return 0;
		}
	return err_set(e, EINVAL, "Invalid parameter '%s' for sync; accepted are: full, top, none%s", v ? v : "", backup ? ", incremental" : "");
}

int make_image(struct daemon *d, const char *file, const char *format, uint64_t size, struct blk *base, struct err *e)
{
	const struct blk_format *f = blk_format_find(format);
	const char *backing_fmt = base ? blk_skip_filters(base)->fmt->name : NULL;
	char *backing = base ? blk_lasting_name(base) : NULL;
	struct blk_option *table;
	struct blk_opts *o;
	int r;

	if (base && !backing)
		return err_set(e, ENOMEM, "out of memory");
	if (!f) {
		free(backing);
		return err_set(e, ENOENT, "Unknown block driver '%s'", format);
	}
	table = blk_create_options(f, file, e);
	o = table ? blk_opts_new(table) : NULL;
	r = o ? 0 : err_set(e, ENOMEM, "%s", e->code ? e->msg : "out of memory");
	if (!r && backing && (r = blk_opts_set(o, "backing_file", backing, e)) == -ENOENT)
		r = err_set(e, ENOTSUP, "Format '%s' has no backing files", format);
	/* Some formats do not say what their backing file is. */
	if (!r && backing && blk_opts_set(o, "backing_fmt", backing_fmt, e) < 0)
		*e = (struct err)ERR_INIT;
	if (!r)
		r = blk_create_image(d->graph, f, file, size, o, NULL, 0, e);
	blk_opts_free(o);
	free(table);
	free(backing);
	return r;
}

/* The file of a drive-* command: made, or as it is. With a reference. */
static struct blk *open_target(struct daemon *d, struct ctl_call *call, struct disk *k, const json_t *args, enum job_sync sync, bool mirror,
			       bool *made, struct err *e)
{
	const char *file = ctl_string(args, "target"), *format = ctl_string(args, "format"), *mode = ctl_string(args, "mode");
	struct blk *root = blk_skip_filters(k->root), *b = NULL, *backing = NULL;
	unsigned flags = BLK_RDWR | (k->root->flags & (BLK_DIRECT | BLK_NO_FLUSH | BLK_UNMAP)) | BLK_UNMAP;
	json_t *options = NULL;

	*made = !mode || !strcmp(mode, "absolute-paths");
	if (!*made && strcmp(mode, "existing")) {
		err_set(e, EINVAL, "Invalid parameter '%s' for mode; accepted are: existing, absolute-paths", mode);
		return NULL;
	}
	if (ctl_take_path(d, call, file, e) < 0)
		return NULL;
	if (!format && *made)
		format = root->fmt->name;
	if (*made && sync == JOB_TOP)
		backing = root->backing;
	else if (*made && sync == JOB_NONE)
		backing = k->root;
	if (*made && strncmp(file, "nbd:", 4) && strncmp(file, "nbd+", 4) && strncmp(file, "nbd://", 6) &&
	    make_image(d, file, format, root->size, backing, e) < 0)
		return NULL;
	if (ctl_string(args, "node-name"))
		options = json_pack("{s:s}", "node-name", ctl_string(args, "node-name"));
	/* What is below it comes when it takes the disk's place; a backup of type "none" reads the rest from its source. */
	if (mirror || *made)
		flags |= BLK_NO_BACKING;
	if (blk_open(d->graph, file, format, options, flags, &b, e) < 0)
		b = NULL;
	else if (!mirror && backing)
		blk_set_backing(blk_skip_filters(b), blk_ref(backing));
	json_decref(options);
	return b;
}

/* The target of a blockdev-* command. With a reference. */
static struct blk *node_target(struct daemon *d, struct ctl_call *call, const json_t *args, struct err *e)
{
	struct disk *user;
	struct blk *b = ctl_node(d, call, ctl_string(args, "target"), ctl_string(args, "target"), &user, e);

	if (b && user && !user->hidden) {
		err_set(e, EBUSY, "Node '%s' is the medium of '%s'", b->node_name, user->name);
		return NULL;
	}
	return b ? blk_ref(b) : NULL;
}

/* After a kill the target is a node of the state file, and the file must not be made anew. */
static json_t *again(const char *command, const json_t *args, struct disk *k, const struct blk *target, bool adopt, bool zero)
{
	json_t *o = job_again(command, args, k), *a = json_object_get(o, "arguments");

	json_object_set_new(a, "target", json_string(target->node_name));
	json_object_set_new(a, "x-adopt-backing", json_boolean(adopt));
	json_object_set_new(a, "x-target-is-zero", json_boolean(zero));
	json_object_del(a, "mode");
	json_object_del(a, "format");
	json_object_del(a, "node-name");
	return o;
}

static void mirror(struct daemon *d, struct ctl_call *call, const json_t *args, bool file, struct err *e)
{
	struct disk *k = job_disk(d, call, args, e);
	json_int_t granularity = json_integer_value(json_object_get(args, "granularity"));
	struct job_copy c = {0};
	struct job_options o;
	bool made = false;

	if (!k || job_options(args, &o, e) < 0 || sync_of(args, false, &c.sync, e) < 0)
		return;
	if (ctl_string(args, "replaces") && strcmp(ctl_string(args, "replaces"), k->root->node_name)) {
		err_set(e, ENOTSUP, "replaces: only the disk's root '%s' can be replaced", k->root->node_name);
		return;
	}
	if (granularity && (granularity < 512 || granularity > 64 << 20 || granularity & (granularity - 1))) {
		err_set(e, EINVAL, "Invalid parameter 'granularity': a power of 2 in range [512B, 64MB] is needed");
		return;
	}
	if (c.sync == JOB_TOP && !blk_skip_filters(k->root)->backing)
		c.sync = JOB_FULL;
	c.granularity = (uint32_t)granularity;
	c.target = file ? open_target(d, call, k, args, c.sync, true, &made, e) : node_target(d, call, args, e);
	if (!c.target)
		return;
	c.target_is_zero = (made && !(c.target->fmt->flags & BLK_F_PROTOCOL) && strcmp(c.target->fmt->name, "raw")) ||
			   json_is_true(json_object_get(args, "x-target-is-zero"));
	c.adopt_backing = file || json_is_true(json_object_get(args, "x-adopt-backing"));
	o.args = again("blockdev-mirror", args, k, c.target, c.adopt_backing, c.target_is_zero);
	if (job_mirror(&d->jobs, k, &c, &o, e) == 0)
		daemon_commit(d, e);
	json_decref(o.args);
	blk_unref(c.target);
}

static json_t *drive_mirror(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	mirror(opaque, call, args, true, e);
	return NULL;
}
#define COMMON {"device", 's', false}, {"job-id", 's', true}, {"target", 's', false}, {"sync", 's', false}, {"speed", 'i', true}, \
	{"on-source-error", 's', true}, {"on-target-error", 's', true}, {"filter-node-name", 's', true}, {"auto-finalize", 'b', true}, \
	{"auto-dismiss", 'b', true}
#define MIRROR COMMON, {"granularity", 'i', true}, {"buf-size", 'i', true}, {"replaces", 's', true}
#define FILES {"format", 's', true}, {"mode", 's', true}, {"node-name", 's', true}
static const struct ctl_arg drive_mirror_args[] = {MIRROR, FILES, {"unmap", 'b', true}, {NULL, 0, false}};
static const struct ctl_command drive_mirror_row = {.name = "drive-mirror", .args = drive_mirror_args, .run = drive_mirror};
NBD_COMMAND(drive_mirror_row);

static json_t *blockdev_mirror(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	mirror(opaque, call, args, false, e);
	return NULL;
}
static const struct ctl_arg blockdev_mirror_args[] = {MIRROR, {"x-adopt-backing", 'b', true}, {"x-target-is-zero", 'b', true}, {NULL, 0, false}};
static const struct ctl_command blockdev_mirror_row = {.name = "blockdev-mirror", .args = blockdev_mirror_args, .run = blockdev_mirror};
NBD_COMMAND(blockdev_mirror_row);

int start_backup(struct daemon *d, struct ctl_call *call, const json_t *args, bool file, struct err *e)
{
	struct disk *k = job_disk(d, call, args, e);
	struct job_copy c = {.bitmap = ctl_string(args, "bitmap"), .compress = json_is_true(json_object_get(args, "compress"))};
	struct job_options o;
	bool made = false;
	int r;

	if (!k || job_options(args, &o, e) < 0 || sync_of(args, true, &c.sync, e) < 0)
		return -e->code;
	if (c.sync == JOB_TOP && !blk_skip_filters(k->root)->backing)
		c.sync = JOB_FULL;
	c.target = file ? open_target(d, call, k, args, c.sync, false, &made, e) : node_target(d, call, args, e);
	if (!c.target)
		return -e->code;
	c.target_is_zero = (made && c.sync != JOB_NONE && c.sync != JOB_TOP && strcmp(c.target->fmt->name, "raw")) ||
			   json_is_true(json_object_get(args, "x-target-is-zero"));
	o.args = again("blockdev-backup", args, k, c.target, false, c.target_is_zero);
	r = job_backup(&d->jobs, k, &c, &o, e);
	json_decref(o.args);
	blk_unref(c.target);
	return r;
}

static json_t *drive_backup(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	if (start_backup(opaque, call, args, true, e) == 0)
		daemon_commit(opaque, e);
	return NULL;
}
const struct ctl_arg drive_backup_args[] = {COMMON, FILES, {"bitmap", 's', true}, {"compress", 'b', true}, {NULL, 0, false}};
static const struct ctl_command drive_backup_row = {.name = "drive-backup", .args = drive_backup_args, .run = drive_backup};
NBD_COMMAND(drive_backup_row);

static json_t *blockdev_backup(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	if (start_backup(opaque, call, args, false, e) == 0)
		daemon_commit(opaque, e);
	return NULL;
}
const struct ctl_arg blockdev_backup_args[] = {COMMON, {"bitmap", 's', true}, {"compress", 'b', true}, {"x-adopt-backing", 'b', true},
					       {"x-target-is-zero", 'b', true}, {NULL, 0, false}};
static const struct ctl_command blockdev_backup_row = {.name = "blockdev-backup", .args = blockdev_backup_args, .run = blockdev_backup};
NBD_COMMAND(blockdev_backup_row);
