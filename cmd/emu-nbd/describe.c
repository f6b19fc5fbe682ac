/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Nodes as JSON: what they are (for queries) and how they are made (for the state file). */
#include <stdlib.h>
#include <string.h>
#include "block/core.h"
#include "block/dirty.h"
#include "daemon.h"

#define MAX_NEST 200

static json_t *snapshots(struct blk *b)
{
	struct blk_snapshot *list = NULL;
	unsigned count = 0;
	struct err e = ERR_INIT;
	json_t *out;

	if (!b->fmt->snapshot_list || b->fmt->snapshot_list(b, &list, &count, &e) || !count) {
		free(list);
		return NULL;
	}
	out = json_array();
	for (unsigned i = 0; i < count; i++)
		json_array_append_new(out, json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I}", "id", list[i].id, "name", list[i].name, "vm-state-size",
						     (json_int_t)list[i].vm_state_size, "date-sec", (json_int_t)list[i].date_sec, "date-nsec",
						     (json_int_t)list[i].date_nsec, "vm-clock-sec", (json_int_t)(list[i].vm_clock_ns / 1000000000),
						     "vm-clock-nsec", (json_int_t)(list[i].vm_clock_ns % 1000000000)));
	free(list);
	return out;
}

static json_t *image(struct blk *b, unsigned depth)
{
	json_t *o = json_pack("{s:s?, s:s, s:I}", "filename", b->filename, "format", b->fmt->name, "virtual-size", (json_int_t)b->size), *v;
	int64_t allocated = blk_allocated_size(b);
	struct err e = ERR_INIT;
	struct blk_geometry g;

	blk_geometry(b, &g);
	if (!o)
		return json_object();
	if (allocated >= 0)
		json_object_set_new(o, "actual-size", json_integer(allocated));
	if (g.cluster_size)
		json_object_set_new(o, "cluster-size", json_integer((json_int_t)g.cluster_size));
	json_object_set_new(o, "dirty-flag", json_boolean(g.dirty));
	if (b->encrypted)
		json_object_set_new(o, "encrypted", json_true());
	if (b->backing_name) {
		char *full = blk_resolve(b, b->backing_name);
		json_object_set_new(o, "backing-filename", json_string(b->backing_name));
		json_object_set_new(o, "full-backing-filename", json_string(full ? full : b->backing_name));
		if (b->backing_fmt)
			json_object_set_new(o, "backing-filename-format", json_string(b->backing_fmt));
		free(full);
	}
	if ((v = snapshots(b)))
		json_object_set_new(o, "snapshots", v);
	if (b->fmt->info && (v = b->fmt->info(b, &e)))
		json_object_set_new(o, "format-specific", json_pack("{s:s, s:o}", "type", b->fmt->name, "data", v));
	if (depth && b->backing)
		json_object_set_new(o, "backing-image", image(b->backing, depth - 1));
	return o;
}

json_t *describe_image(struct blk *b, bool chain)
{
	return image(b, chain ? MAX_NEST : 0);
}

void limits_to_json(struct disk *d, json_t *o)
{
	static const char *const names[LIMIT_COUNT] = {"bps", "bps_rd", "bps_wr", "iops", "iops_rd", "iops_wr"};
	struct blk_limit_values v = {0};
	char key[32];
	bool any = false;

	if (d)
		blk_limits_get(d->limits, &v);
	for (unsigned i = 0; i < LIMIT_COUNT; i++) {
		json_object_set_new(o, names[i], json_integer((json_int_t)v.rate[i]));
		any |= v.rate[i] != 0;
	}
	if (!any)
		return;
	for (unsigned i = 0; i < LIMIT_COUNT; i++) {
		if (!v.most[i])
			continue;
		/* "bps_rd_max", "bps_rd_max_length" */
		snprintf(key, sizeof key, "%s_max", names[i]);
		json_object_set_new(o, key, json_integer((json_int_t)v.most[i]));
		snprintf(key, sizeof key, "%s_max_length", names[i]);
		json_object_set_new(o, key, json_integer((json_int_t)v.length[i]));
	}
	if (v.op_size)
		json_object_set_new(o, "iops_size", json_integer((json_int_t)v.op_size));
	json_object_set_new(o, "group", json_string(d->group));
}

json_t *describe_node(struct daemon *d, struct blk *b, struct disk *k)
{
	unsigned depth = 0;
	json_t *o, *v;

	(void)d;
	for (struct blk *p = blk_skip_filters(b); p && p->backing && depth < MAX_NEST; p = blk_skip_filters(p->backing))
		depth++;
	o = json_pack("{s:s?, s:s, s:b, s:s, s:b, s:b, s:i, s:s, s:i, s:{s:b, s:b, s:b}}", "file", b->filename, "node-name", b->node_name, "ro",
		      !blk_writable(b), "drv", b->fmt->name, "encrypted", b->encrypted, "encryption_key_missing", false, "backing_file_depth",
		      (int)depth, "detect_zeroes", !(b->flags & BLK_DETECT_ZEROES) ? "off" : b->flags & BLK_UNMAP ? "unmap" : "on",
		      "write_threshold", 0, "cache", "writeback", !(b->flags & BLK_WRITETHROUGH), "direct", (b->flags & BLK_DIRECT) != 0, "no-flush",
		      (b->flags & BLK_NO_FLUSH) != 0);
	if (!o)
		return json_object();
	if (b->backing_name) {
		char *full = blk_resolve(b, b->backing_name);
		json_object_set_new(o, "backing_file", json_string(full ? full : b->backing_name));
		free(full);
	} else if (b->backing && blk_skip_filters(b->backing)->filename) {
		/* The overlay of a snapshot names none: it was given its backing node. */
		json_object_set_new(o, "backing_file", json_string(blk_skip_filters(b->backing)->filename));
	}
	limits_to_json(k, o);
	json_object_set_new(o, "image", image(b, MAX_NEST));
	if ((v = blk_dirty_describe(b)))
		json_object_set_new(o, "dirty-bitmaps", v);
	return o;
}

static json_t *options(struct blk *b, json_t *seen, unsigned depth);

static json_t *child(struct blk *b, json_t *seen, unsigned depth)
{
	return seen && json_object_get(seen, b->node_name) ? json_string(b->node_name) : options(b, seen, depth);
}

static json_t *options(struct blk *b, json_t *seen, unsigned depth)
{
	json_t *o = json_pack("{s:s, s:s, s:b, s:s}", "driver", b->fmt->name, "node-name", b->node_name, "read-only", !blk_writable(b), "discard",
			      b->flags & BLK_UNMAP ? "unmap" : "ignore"),
	       *cache;

	if (!o || depth > MAX_NEST)
		return o;
	if (seen)
		json_object_set_new(seen, b->node_name, json_true());
	cache = json_pack("{s:b, s:b}", "direct", (b->flags & BLK_DIRECT) != 0, "no-flush", (b->flags & BLK_NO_FLUSH) != 0);
	if (b->flags & BLK_WRITETHROUGH)
		json_object_set_new(cache, "writeback", json_false());
	json_object_set_new(o, "cache", cache);
	if (b->flags & BLK_DETECT_ZEROES)
		json_object_set_new(o, "detect-zeroes", json_string(b->flags & BLK_UNMAP ? "unmap" : "on"));
	if (b->flags & BLK_FORCE_SHARE)
		json_object_set_new(o, "force-share", json_true());
	if (b->flags & BLK_COPY_ON_READ)
		json_object_set_new(o, "copy-on-read", json_true());
	for (const struct blk_option *t = b->fmt->options; t && t->name; t++)
		if (blk_opts_has(b->opts, t->name))
			json_object_set_new(o, t->name, json_string(blk_opts_string(b->opts, t->name)));
	if (b->file)
		json_object_set_new(o, "file", child(b->file, seen, depth + 1));
	if (b->backing)
		json_object_set_new(o, "backing", child(b->backing, seen, depth + 1));
	else if (b->fmt->flags & BLK_F_BACKING)
		json_object_set_new(o, "backing", json_null());
	return o;
}

json_t *describe_options(struct blk *b, json_t *seen)
{
	return options(b, seen, 0);
}
