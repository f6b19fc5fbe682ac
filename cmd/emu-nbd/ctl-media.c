/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Media: trays, eject, insert, change; sizes and limits. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/keyval.h"
#include "base/size.h"
#include "block/core.h"
#include "daemon.h"

static void tray(struct daemon *d, struct disk *k, bool open)
{
	if (k->tray_open == open)
		return;
	k->tray_open = open;
	ctl_event(d->ctl, "DEVICE_TRAY_MOVED", json_pack("{s:s, s:s, s:b}", "device", k->name, "id", k->name, "tray-open", open));
}

/* Another medium (NULL: none) for the disk; the old one's last flush is reported, and the old one stays if that fails. */
static int put_medium(struct daemon *d, struct disk *k, struct blk *b, struct err *e)
{
	struct blk *old = k->root;
	int r = disk_not_busy(k, e);

	if (r < 0)
		return r;
	disk_drain(k);
	if (old && (r = blk_flush(old)) < 0) {
		err_errno(e, -r, "%s: cannot flush", old->filename);
		goto out;
	}
	if (old)
		blk_ref(old);
	disk_set_root(k, b);
	r = daemon_commit(d, e);
	if (r < 0)
		disk_set_root(k, old);
	daemon_exports_changed(d, k);
	blk_unref(old);
out:
	disk_undrain(k);
	return r;
}

static bool ejectable(struct disk *k, bool force, struct err *e)
{
	if (!k->removable)
		err_set(e, ENOTSUP, "Device '%s' is not removable", k->name);
	else if (k->locked && !force)
		err_set(e, EBUSY, "Device '%s' is locked and force was not specified, wait for tray to open and try again", k->name);
	else
		return disk_not_busy(k, e) == 0;
	return false;
}

static json_t *eject(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	struct daemon *d = opaque;
	struct disk *k = ctl_disk(d, call, args, e);

	if (!k || !ejectable(k, json_is_true(json_object_get(args, "force")), e) || put_medium(d, k, NULL, e) < 0)
		return NULL;
	tray(d, k, true);
	return NULL;
}
static const struct ctl_arg eject_args[] = {{"device", 's', true}, {"id", 's', true}, {"force", 'b', true}, {NULL, 0, false}};
static const struct ctl_command eject_row = {.name = "eject", .args = eject_args, .run = eject};
NBD_COMMAND(eject_row);

static json_t *open_tray(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	struct disk *k = ctl_disk(opaque, call, args, e);

	if (k && ejectable(k, json_is_true(json_object_get(args, "force")), e))
		tray(opaque, k, true);
	return NULL;
}
static const struct ctl_command open_row = {.name = "blockdev-open-tray", .args = eject_args, .run = open_tray};
NBD_COMMAND(open_row);

static json_t *close_tray(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	struct disk *k = ctl_disk(opaque, call, args, e);

	if (k && !k->removable)
		err_set(e, ENOTSUP, "Device '%s' is not removable", k->name);
	else if (k)
		tray(opaque, k, false);
	return NULL;
}
static const struct ctl_arg tray_args[] = {{"device", 's', true}, {"id", 's', true}, {NULL, 0, false}};
static const struct ctl_command close_row = {.name = "blockdev-close-tray", .args = tray_args, .run = close_tray};
NBD_COMMAND(close_row);

static json_t *remove_medium(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	struct daemon *d = opaque;
	struct disk *k = ctl_disk(d, call, args, e);

	if (!k)
		return NULL;
	if (!k->removable)
		err_set(e, ENOTSUP, "Device '%s' is not removable", k->name);
	else if (!k->tray_open)
		err_set(e, EBUSY, "Tray of device '%s' is not open", k->name);
	else
		put_medium(d, k, NULL, e);
	return NULL;
}
static const struct ctl_command remove_row = {.name = "blockdev-remove-medium", .args = tray_args, .run = remove_medium};
NBD_COMMAND(remove_row);

static json_t *insert_medium(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	struct daemon *d = opaque;
	struct disk *k = ctl_disk(d, call, args, e), *user;
	const char *name = ctl_string(args, "node-name");
	struct blk *b;

	if (!k)
		return NULL;
	b = blk_find(d->graph, name);
	for (user = d->disks; user && (user->root != b || !b); user = user->next)
		;
	if (!b)
		err_set(e, ENOENT, "Node '%s' not found", name);
	else if (!k->removable)
		err_set(e, ENOTSUP, "Device '%s' is not removable", k->name);
	else if (!k->tray_open)
		err_set(e, EBUSY, "Tray of device '%s' is not open", k->name);
	else if (k->root)
		err_set(e, EBUSY, "There already is a medium in device '%s'", k->name);
	else if (user && !user->hidden)
		err_set(e, EBUSY, "Node '%s' is already in use", name);
	else
		put_medium(d, k, b, e);
	return NULL;
}
static const struct ctl_arg insert_args[] = {{"id", 's', true}, {"device", 's', true}, {"node-name", 's', false}, {NULL, 0, false}};
static const struct ctl_command insert_row = {.name = "blockdev-insert-medium", .args = insert_args, .run = insert_medium};
NBD_COMMAND(insert_row);

/* Opens before anything is given up. */
static void change_medium(struct daemon *d, struct ctl_call *call, struct disk *k, const char *file, const char *format, const char *mode, struct err *e)
{
	unsigned flags = k->root ? k->root->flags & (BLK_DIRECT | BLK_NO_FLUSH | BLK_WRITETHROUGH | BLK_UNMAP | BLK_DETECT_ZEROES) : 0;
	bool writable = k->root ? blk_writable(k->root) : !d->set->read_only;
	struct blk *b;

	if (mode && !strcmp(mode, "read-only"))
		writable = false;
	else if (mode && !strcmp(mode, "read-write"))
		writable = true;
	else if (mode && strcmp(mode, "retain"))
		err_set(e, EINVAL, "Invalid parameter '%s'; accepted are: retain, read-only, read-write", mode);
	if (e->code || !ejectable(k, false, e) || ctl_take_path(d, call, file, e) < 0)
		return;
	if (blk_open(d->graph, file, format, NULL, flags | (writable ? BLK_RDWR : 0) | (format ? 0 : BLK_PROBED), &b, e) < 0)
		return;
	tray(d, k, true);
	put_medium(d, k, b, e);
	blk_unref(b);
	tray(d, k, false);
}

static json_t *change_medium_command(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	struct disk *k = ctl_disk(opaque, call, args, e);

	if (k)
		change_medium(opaque, call, k, ctl_string(args, "filename"), ctl_string(args, "format"), ctl_string(args, "read-only-mode"), e);
	return NULL;
}
static const struct ctl_arg change_medium_args[] = {{"device", 's', true}, {"id", 's', true}, {"filename", 's', false}, {"format", 's', true},
						    {"read-only-mode", 's', true}, {NULL, 0, false}};
static const struct ctl_command change_medium_row = {.name = "blockdev-change-medium", .args = change_medium_args, .run = change_medium_command};
NBD_COMMAND(change_medium_row);

static json_t *change(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	struct disk *k = ctl_disk(opaque, call, args, e);

	if (k)
		change_medium(opaque, call, k, ctl_string(args, "target"), ctl_string(args, "arg"), NULL, e);
	return NULL;
}
static const struct ctl_arg change_args[] = {{"device", 's', false}, {"target", 's', false}, {"arg", 's', true}, {NULL, 0, false}};
static const struct ctl_command change_row = {.name = "change", .args = change_args, .run = change};
NBD_COMMAND(change_row);

/* ---- size ---- */

static json_t *resize(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	struct daemon *d = opaque;
	struct disk *k;
	struct blk *b = ctl_node(d, call, ctl_string(args, "device"), ctl_string(args, "node-name"), &k, e);
	json_int_t size = json_integer_value(json_object_get(args, "size"));
	int r;

	if (!b)
		return NULL;
	if (size < 0) {
		err_set(e, EINVAL, "Parameter 'size' expects a >0 size");
		return NULL;
	}
	if (k && disk_not_busy(k, e) < 0)
		return NULL;
	daemon_drain(d);
	r = blk_truncate(b, (uint64_t)size, BLK_PREALLOC_OFF, e);
	if (r == 0 && (r = blk_flush(b)) < 0)
		err_errno(e, -r, "%s: cannot flush", b->filename);
	if (k)
		disk_resized(k);
	if (r == 0)
		r = daemon_commit(d, e);
	if (k) {
		daemon_exports_changed(d, k);
		ctl_event(d->ctl, "DISK_RESIZED", json_pack("{s:s, s:I}", "device", k->name, "size", (json_int_t)b->size));
	}
	daemon_undrain(d);
	return NULL;
}
static const struct ctl_arg resize_args[] = {{"device", 's', true}, {"node-name", 's', true}, {"size", 'i', false}, {NULL, 0, false}};
static const struct ctl_command resize_row = {.name = "block_resize", .args = resize_args, .run = resize};
NBD_COMMAND(resize_row);

/* All that was written is on the disk, and no request was half-way at that moment. */
static json_t *flush(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	struct daemon *d = opaque;
	const char *device = ctl_string(args, "device");
	int r = 0;

	if (device && !ctl_disk(d, call, args, e))
		return NULL;
	for (struct disk *k = d->disks; k && r == 0; k = k->next) {
		if (!k->root || (device && strcmp(k->name, device)))
			continue;
		disk_drain(k);
		r = blk_flush(k->root);
		disk_undrain(k);
		if (r < 0)
			err_errno(e, -r, "%s: cannot flush", k->root->filename);
	}
	return NULL;
}
static const struct ctl_arg flush_args[] = {{"device", 's', true}, {NULL, 0, false}};
static const struct ctl_command flush_row = {.name = "x-drain-and-flush", .args = flush_args, .run = flush};
NBD_COMMAND(flush_row);

/* ---- limits ---- */

static const char *const limit_names[LIMIT_COUNT] = {"bps", "bps_rd", "bps_wr", "iops", "iops_rd", "iops_wr"};

struct limit_group *limit_group(struct daemon *d, const char *name, struct blk_limits *limits)
{
	struct limit_group *g = d->groups;

	while (g && strcmp(g->name, name))
		g = g->next;
	if (g)
		return g;
	g = calloc(1, sizeof *g);
	if (g) {
		g->name = strdup(name);
		g->limits = limits ? blk_limits_ref(limits) : blk_limits_new();
	}
	if (!g || !g->name || !g->limits) {
		if (g)
			free(g->name);
		free(g);
		return NULL;
	}
	g->next = d->groups;
	d->groups = g;
	return g;
}

int limits_parse(struct daemon *d, struct disk *k, const char *text, struct err *e)
{
	static const char *const names[LIMIT_COUNT] = {"bps-total", "bps-read", "bps-write", "iops-total", "iops-read", "iops-write"};
	struct blk_limit_values v = {0};
	struct keyval kv = {0};
	struct limit_group *g;
	int r = keyval_parse(text, NULL, &kv, e);

	for (unsigned i = 0; i < kv.count && !r; i++) {
		const char *key = kv.key[i];
		uint64_t *to = !strcmp(key, "iops-size") ? &v.op_size : NULL, value = 0;
		for (unsigned n = 0; n < LIMIT_COUNT; n++) {
			size_t length = strlen(names[n]);
			if (strncmp(key, names[n], length))
				continue;
			to = !key[length] ? &v.rate[n] : !strcmp(key + length, "-max") ? &v.most[n] : !strcmp(key + length, "-max-length") ? &v.length[n] : to;
		}
		if (!strcmp(key, "group")) {
			char *name = strdup(kv.value[i]);
			free(k->group);
			k->group = name;
		} else if (!to) {
			r = err_set(e, EINVAL, "--throttle: there is no limit '%s'; they are bps-total, bps-read, bps-write, iops-total, iops-read, iops-write, each also with -max and -max-length, iops-size, group", key);
		} else if ((r = size_parse(kv.value[i], 'B', &value, e)) == 0) {
			*to = value;
		}
	}
	keyval_free(&kv);
	if (r == 0)
		r = blk_limits_check(&v, names, e);
	if (r == 0 && (!k->group || !(g = limit_group(d, k->group, k->limits))))
		r = err_set(e, ENOMEM, "out of memory");
	if (r == 0)
		blk_limits_set(k->limits, &v);
	return r;
}

int limits_take_over(struct daemon *d, struct disk *k, struct err *e)
{
	struct blk *filter = k->root;
	char *text = NULL;
	size_t size;
	FILE *f;
	int r;

	if (strcmp(filter->fmt->name, "throttle") || !(f = open_memstream(&text, &size)))
		return 0;
	for (const struct blk_option *t = filter->fmt->options; t->name; t++)
		if (blk_opts_has(filter->opts, t->name))
			fprintf(f, "%s%s=%s", ftell(f) ? "," : "", t->name + strlen("limits."), blk_opts_string(filter->opts, t->name));
	fclose(f);
	r = limits_parse(d, k, text, e);
	free(text);
	if (r == 0) {
		disk_drain(k);
		/* What is done at the top of the graph is done there from now on. */
		filter->file->flags |= filter->flags & (BLK_WRITETHROUGH | BLK_DETECT_ZEROES | BLK_COPY_ON_READ);
		disk_set_root(k, filter->file);
		disk_undrain(k);
	}
	return r;
}

static int take(const json_t *args, const char *key, uint64_t *to, struct err *e)
{
	json_int_t v = json_integer_value(json_object_get(args, key));

	*to = (uint64_t)v;
	return v < 0 ? err_set(e, EINVAL, "Parameter '%s' expects a non-negative value", key) : 0;
}

static json_t *throttle(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	struct daemon *d = opaque;
	struct disk *k = ctl_disk(d, call, args, e);
	struct limit_group *g;
	const char *group = ctl_string(args, "group");
	struct blk_limit_values v = {0}, before;
	struct blk_limits *old;
	char key[32], *name, *old_name;

	if (!k)
		return NULL;
	for (unsigned i = 0; i < LIMIT_COUNT; i++) {
		if (take(args, limit_names[i], &v.rate[i], e))
			return NULL;
		snprintf(key, sizeof key, "%s_max", limit_names[i]);
		if (take(args, key, &v.most[i], e))
			return NULL;
		snprintf(key, sizeof key, "%s_max_length", limit_names[i]);
		if (take(args, key, &v.length[i], e))
			return NULL;
		if (json_object_get(args, key) && !v.length[i]) {
			err_set(e, EINVAL, "%s: the length of a burst cannot be 0", key);
			return NULL;
		}
	}
	if (take(args, "iops_size", &v.op_size, e) || blk_limits_check(&v, limit_names, e))
		return NULL;
	if (!group)
		group = k->group;
	/* Sets of limits stay until the end: a request may be waiting in one that no disk uses any more. */
	if (!limit_group(d, k->group, k->limits) || !(g = limit_group(d, group, NULL)) || !(name = strdup(group))) {
		err_set(e, ENOMEM, "out of memory");
		return NULL;
	}
	blk_limits_get(g->limits, &before);
	old = k->limits;
	old_name = k->group;
	disk_drain(k);
	k->limits = blk_limits_ref(g->limits);
	k->group = name;
	disk_undrain(k);
	blk_limits_set(g->limits, &v);
	if (daemon_commit(d, e) < 0) {
		blk_limits_set(g->limits, &before);
		disk_drain(k);
		k->limits = old;
		k->group = old_name;
		disk_undrain(k);
		old = g->limits;
		old_name = name;
	}
	blk_limits_unref(old);
	free(old_name);
	return NULL;
}
static const struct ctl_arg throttle_args[] = {
	{"device", 's', true}, {"id", 's', true}, {"bps", 'i', false}, {"bps_rd", 'i', false}, {"bps_wr", 'i', false},
	{"iops", 'i', false}, {"iops_rd", 'i', false}, {"iops_wr", 'i', false}, {"bps_max", 'i', true}, {"bps_rd_max", 'i', true},
	{"bps_wr_max", 'i', true}, {"iops_max", 'i', true}, {"iops_rd_max", 'i', true}, {"iops_wr_max", 'i', true},
	{"bps_max_length", 'i', true}, {"bps_rd_max_length", 'i', true}, {"bps_wr_max_length", 'i', true}, {"iops_max_length", 'i', true},
	{"iops_rd_max_length", 'i', true}, {"iops_wr_max_length", 'i', true}, {"iops_size", 'i', true}, {"group", 's', true},
	{NULL, 0, false},
};
static const struct ctl_command throttle_row = {.name = "block_set_io_throttle", .args = throttle_args, .run = throttle};
NBD_COMMAND(throttle_row);
