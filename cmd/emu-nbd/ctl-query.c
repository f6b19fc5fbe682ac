/* SPDX-License-Identifier: GPL-2.0-or-later */
/* query-block, query-blockstats, query-named-block-nodes */
#include <stdlib.h>
#include <string.h>
#include "block/core.h"
#include "block/dirty.h"
#include "daemon.h"

static json_t *query_block(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	struct daemon *d = opaque;
	json_t *list = json_array();

	(void)call, (void)args, (void)e;
	for (struct disk *k = d->disks; k; k = k->next) {
		if (k->hidden)
			continue;
		json_t *o = json_pack("{s:s, s:b, s:b, s:s, s:s}", "device", k->name, "locked", k->locked, "removable", k->removable, "type", "unknown",
				      "io-status", "ok"),
		       *dirty;
		if (k->removable)
			json_object_set_new(o, "tray_open", json_boolean(k->tray_open));
		if (k->root) {
			json_object_set_new(o, "inserted", describe_node(d, k->root, k));
			if ((dirty = blk_dirty_describe(k->root)))
				json_object_set_new(o, "dirty-bitmaps", dirty);
		}
		json_array_append_new(list, o);
	}
	return list;
}
static const struct ctl_command block_row = {.name = "query-block", .run = query_block};
NBD_COMMAND(block_row);

static json_t *stats_json(const struct disk_stats *s)
{
	static const char *const verb[DISK_OPS] = {"rd", "wr", "flush", "unmap"};
	json_t *o = json_object();
	char key[64];

	for (unsigned i = 0; i < DISK_OPS; i++) {
#define PUT(fmt, value) \
	snprintf(key, sizeof key, fmt, verb[i]); \
	json_object_set_new(o, key, json_integer((json_int_t)(value)))
		if (i != DISK_FLUSH) {
			PUT("%s_bytes", __atomic_load_n(&s->bytes[i], __ATOMIC_RELAXED));
			PUT("%s_merged", 0);
		}
		PUT("%s_operations", __atomic_load_n(&s->count[i], __ATOMIC_RELAXED));
		PUT("%s_total_time_ns", __atomic_load_n(&s->time_ns[i], __ATOMIC_RELAXED));
		PUT("failed_%s_operations", __atomic_load_n(&s->failed[i], __ATOMIC_RELAXED));
		PUT("invalid_%s_operations", 0);
#undef PUT
	}
	json_object_set_new(o, "wr_highest_offset", json_integer((json_int_t)__atomic_load_n(&s->highest, __ATOMIC_RELAXED)));
	json_object_set_new(o, "account_invalid", json_true());
	json_object_set_new(o, "account_failed", json_true());
	json_object_set_new(o, "timed_stats", json_array());
	return o;
}

/* The images of the chain, without counts of their own: only disks have those. */
static json_t *chain_stats(struct blk *b, const struct disk_stats *s)
{
	static const struct disk_stats none;
	json_t *o = json_pack("{s:s, s:o}", "node-name", b->node_name, "stats", stats_json(s ? s : &none));

	if (b->file)
		json_object_set_new(o, "parent", chain_stats(b->file, NULL));
	if (b->backing)
		json_object_set_new(o, "backing", chain_stats(b->backing, NULL));
	return o;
}

static json_t *query_blockstats(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	struct daemon *d = opaque;
	json_t *list = json_array();

	(void)call, (void)e;
	if (json_is_true(json_object_get(args, "query-nodes"))) {
		for (struct blk *b = d->graph->nodes; b; b = b->core->next)
			json_array_append_new(list, chain_stats(b, NULL));
		return list;
	}
	for (struct disk *k = d->disks; k; k = k->next) {
		if (k->hidden)
			continue;
		json_t *o = k->root ? chain_stats(k->root, &k->stats) : json_pack("{s:o}", "stats", stats_json(&k->stats));
		json_object_set_new(o, "device", json_string(k->name));
		json_array_append_new(list, o);
	}
	return list;
}
static const struct ctl_arg stats_args[] = {{"query-nodes", 'b', true}, {NULL, 0, false}};
static const struct ctl_command stats_row = {.name = "query-blockstats", .args = stats_args, .run = query_blockstats};
NBD_COMMAND(stats_row);

static json_t *query_nodes(void *opaque, struct ctl_call *call, const json_t *args, struct err *e)
{
	struct daemon *d = opaque;
	json_t *list = json_array();

	(void)call, (void)args, (void)e;
	for (struct blk *b = d->graph->nodes; b; b = b->core->next) {
		struct disk *k = d->disks;
		while (k && k->root != b)
			k = k->next;
		json_array_append_new(list, describe_node(d, b, k));
	}
	return list;
}
static const struct ctl_arg nodes_args[] = {{"flat", 'b', true}, {NULL, 0, false}};
static const struct ctl_command nodes_row = {.name = "query-named-block-nodes", .args = nodes_args, .run = query_nodes};
NBD_COMMAND(nodes_row);
