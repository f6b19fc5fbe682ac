/* SPDX-License-Identifier: GPL-2.0-or-later */
/* info: what an image is. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/size.h"
#include "img.h"

static json_t *snapshots_json(struct blk_snapshot *list, unsigned count)
{
	json_t *out = json_array();

	for (unsigned i = 0; i < count; i++) {
		json_t *o = json_object();
		if (list[i].has_icount)
			json_object_set_new(o, "icount", json_integer((json_int_t)list[i].icount));
		json_object_set_new(o, "vm-clock-nsec", json_integer((json_int_t)(list[i].vm_clock_ns % 1000000000)));
		json_object_set_new(o, "name", json_string(list[i].name));
		json_object_set_new(o, "date-sec", json_integer(list[i].date_sec));
		json_object_set_new(o, "date-nsec", json_integer(list[i].date_nsec));
		json_object_set_new(o, "vm-clock-sec", json_integer((json_int_t)(list[i].vm_clock_ns / 1000000000)));
		json_object_set_new(o, "id", json_string(list[i].id));
		json_object_set_new(o, "vm-state-size", json_integer((json_int_t)list[i].vm_state_size));
		json_array_append_new(out, o);
	}
	return out;
}

json_t *img_info(struct img *m, struct blk *b, struct err *e)
{
	json_t *o = json_object(), *specific;
	struct blk_geometry g;
	uint64_t size = b->size;
	int64_t allocated = blk_allocated_size(b);

	(void)m;
	blk_size(b, &size);
	blk_geometry(b, &g);
	json_object_set_new(o, "virtual-size", json_integer((json_int_t)size));
	json_object_set_new(o, "filename", json_string(b->filename));
	if (g.cluster_size)
		json_object_set_new(o, "cluster-size", json_integer((json_int_t)g.cluster_size));
	json_object_set_new(o, "format", json_string(b->fmt->name));
	if (allocated >= 0)
		json_object_set_new(o, "actual-size", json_integer((json_int_t)allocated));
	if (b->encrypted)
		json_object_set_new(o, "encrypted", json_true());
	if (b->fmt->info) {
		specific = b->fmt->info(b, e);
		if (specific)
			json_object_set_new(o, "format-specific", json_pack("{s:s, s:o}", "type", b->fmt->name, "data", specific));
	}
	if (b->backing_name) {
		char *full = blk_resolve(b, b->backing_name);
		json_object_set_new(o, "full-backing-filename", json_string(full ? full : b->backing_name));
		json_object_set_new(o, "backing-filename", json_string(b->backing_name));
		if (b->backing_fmt)
			json_object_set_new(o, "backing-filename-format", json_string(b->backing_fmt));
		free(full);
	}
	if (b->fmt->snapshot_list) {
		struct blk_snapshot *list = NULL;
		unsigned count = 0;
		if (!b->fmt->snapshot_list(b, &list, &count, NULL) && count)
			json_object_set_new(o, "snapshots", snapshots_json(list, count));
		free(list);
	}
	if (b->fmt->geometry)
		json_object_set_new(o, "dirty-flag", json_boolean(g.dirty));
	return o;
}

static void human(struct blk *b, json_t *o)
{
	char text[32];
	json_t *v, *full;
	uint64_t size = (uint64_t)json_integer_value(json_object_get(o, "virtual-size"));
	const char *name, *path;

	printf("image: %s\nfile format: %s\nvirtual size: %s (%llu bytes)\n", json_string_value(json_object_get(o, "filename")),
	       json_string_value(json_object_get(o, "format")), size_human(size, text), (unsigned long long)size);
	if ((v = json_object_get(o, "actual-size")))
		printf("disk size: %s\n", size_human((uint64_t)json_integer_value(v), text));
	else
		printf("disk size: unavailable\n");
	if (json_object_get(o, "encrypted"))
		printf("encrypted: yes\n");
	if ((v = json_object_get(o, "cluster-size")))
		printf("cluster_size: %lld\n", (long long)json_integer_value(v));
	if (json_is_true(json_object_get(o, "dirty-flag")))
		printf("cleanly shut down: no\n");
	if ((v = json_object_get(o, "backing-filename"))) {
		name = json_string_value(v);
		full = json_object_get(o, "full-backing-filename");
		path = full ? json_string_value(full) : name;
		printf("backing file: %s", name);
		if (strcmp(name, path))
			printf(" (actual path: %s)", path);
		printf("\n");
		if ((v = json_object_get(o, "backing-filename-format")))
			printf("backing file format: %s\n", json_string_value(v));
	}
	if (json_object_get(o, "snapshots")) {
		struct blk_snapshot *list = NULL;
		unsigned count;
		printf("Snapshot list:\n");
		if (!b->fmt->snapshot_list(b, &list, &count, NULL))
			img_print_snapshots(list, count);
		free(list);
	}
	if ((v = json_object_get(json_object_get(o, "format-specific"), "data"))) {
		printf("Format specific information:\n");
		img_print_human(v, 4);
	}
}

static int run(struct img *m)
{
	int json = img_output(&m->a), r = 0;
	char *name, *fmt = m->a.fmt ? strdup(m->a.fmt) : NULL;
	bool image_opts = m->a.image_opts, first = true;
	json_t *all = json_array();
	char **seen = NULL;
	unsigned count = 0;
	struct err e = ERR_INIT;

	if (json < 0 || m->words != 1) {
		json_decref(all);
		free(fmt);
		return json < 0 ? 1 : img_usage("Expecting one image file name");
	}
	name = strdup(m->word[0]);
	while (name) {
		struct blk *b;
		json_t *o;
		char *next = NULL;
		for (unsigned i = 0; i < count; i++)
			if (!strcmp(seen[i], name)) {
				err_print("Backing file '%s' creates an infinite loop.", name);
				r = 1;
				goto out;
			}
		if (img_open(m, name, image_opts, fmt, BLK_NO_BACKING | BLK_NO_IO, &b)) {
			r = 1;
			break;
		}
		o = img_info(m, b, &e);
		if (!json) {
			if (!first)
				printf("\n");
			human(b, o);
		}
		first = false;
		json_array_append_new(all, o);
		free(fmt);
		fmt = NULL;
		if (m->a.chain && b->backing_name) {
			next = blk_resolve(b, b->backing_name);
			fmt = b->backing_fmt ? strdup(b->backing_fmt) : NULL;
		}
		blk_unref(b);
		seen = realloc(seen, (count + 1) * sizeof *seen);
		seen[count++] = name;
		name = next;
		image_opts = false;
	}
	if (!r && json)
		img_print_json(m->a.chain ? all : json_array_get(all, 0));
out:
	for (unsigned i = 0; i < count; i++)
		free(seen[i]);
	free(seen);
	free(name);
	free(fmt);
	json_decref(all);
	return r;
}

static const struct opt rows[] = {
	ROW_OBJECT, ROW_IMAGE_OPTS, ROW_FMT, ROW_OUTPUT, ROW(0, "backing-chain", OPT_FLAG, NULL, "all images of the chain", chain),
	ROW_SHARE, ROW_HELP,
};
const struct command cmd_info = {.name = "info", ROWS(rows), .run = run};
