/* SPDX-License-Identifier: GPL-2.0-or-later */
/* check: is the image consistent? Exit status 0, 1 (could not tell), 2 (corrupt), 3 (leaks), 63 (no check). */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "img.h"

static void print_human(struct img *m, const struct blk_check *c)
{
	uint64_t corruptions = c->corruptions, leaks = c->leaks;

	if (!(corruptions || leaks || c->check_errors)) {
		img_say(m, "No errors were found on the image.\n");
	} else {
		if (corruptions)
			img_say(m, "\n%" PRIu64 " errors were found on the image.\n"
				   "Data may be corrupted, or further writes to the image may corrupt it.\n", corruptions);
		if (leaks)
			img_say(m, "\n%" PRIu64 " leaked clusters were found on the image.\n"
				   "This means waste of disk space, but no harm to data.\n", leaks);
		if (c->check_errors)
			img_say(m, "\n%" PRIu64 " internal errors have occurred during the check.\n", c->check_errors);
	}
	if (c->has_counts && c->total_clusters && c->allocated_clusters)
		img_say(m, "%" PRIu64 "/%" PRIu64 " = %0.2f%% allocated, %0.2f%% fragmented, %0.2f%% compressed clusters\n",
			c->allocated_clusters, c->total_clusters, (double)c->allocated_clusters * 100.0 / (double)c->total_clusters,
			(double)c->fragmented_clusters * 100.0 / (double)c->allocated_clusters,
			(double)c->compressed_clusters * 100.0 / (double)c->allocated_clusters);
	if (c->image_end_offset)
		img_say(m, "Image end offset: %" PRIu64 "\n", c->image_end_offset);
}

static void put(json_t *o, const char *key, uint64_t value, bool always)
{
	if (always || value)
		json_object_set_new(o, key, json_integer((json_int_t)value));
}

static void print_json(const struct blk *b, const struct blk_check *c, const char *filename)
{
	json_t *o = json_object();

	json_object_set_new(o, "filename", json_string(filename));
	json_object_set_new(o, "format", json_string(b->fmt->name));
	put(o, "check-errors", c->check_errors, true);
	put(o, "image-end-offset", c->image_end_offset, false);
	put(o, "corruptions", c->corruptions, false);
	put(o, "leaks", c->leaks, false);
	put(o, "corruptions-fixed", c->corruptions_fixed, false);
	put(o, "leaks-fixed", c->leaks_fixed, false);
	put(o, "total-clusters", c->total_clusters, false);
	put(o, "allocated-clusters", c->allocated_clusters, false);
	put(o, "fragmented-clusters", c->fragmented_clusters, false);
	put(o, "compressed-clusters", c->compressed_clusters, false);
	img_print_json(o);
	json_decref(o);
}

static int run(struct img *m)
{
	int json = img_output(&m->a), r, ret = 1;
	unsigned fix = 0, flags = BLK_CHECK | BLK_NO_BACKING;
	struct blk_check c = {0}, first;
	struct err e = ERR_INIT;
	struct blk *b;

	if (json < 0)
		return 1;
	if (m->a.repair) {
		flags |= BLK_RDWR;
		if (!strcmp(m->a.repair, "leaks"))
			fix = BLK_FIX_LEAKS;
		else if (!strcmp(m->a.repair, "all"))
			fix = BLK_FIX_LEAKS | BLK_FIX_ERRORS;
		else
			return img_usage("--repair (-r) expects 'leaks' or 'all' not '%s'", m->a.repair);
	}
	if (m->words != 1)
		return img_usage("Expecting one image file name");
	if (m->a.src_cache && img_cache_flags(m->a.src_cache, &flags)) {
		err_print("Invalid source cache option: %s", m->a.src_cache);
		return 1;
	}
	if (img_open(m, m->word[0], m->a.image_opts, m->a.fmt, flags, &b))
		return 1;
	if (!b->fmt->check) {
		err_print("This image format does not support checks");
		blk_unref(b);
		return 63;
	}
	r = b->fmt->check(b, &c, fix, &e);
	if (!r && (c.corruptions_fixed || c.leaks_fixed)) {
		first = c;
		if (!json) {
			fflush(stdout);
			img_say(m, "The following inconsistencies were found and repaired:\n\n"
				   "    %" PRIu64 " leaked clusters\n    %" PRIu64 " corruptions\n\n"
				   "Double checking the fixed image now...\n", first.leaks_fixed, first.corruptions_fixed);
		}
		memset(&c, 0, sizeof c);
		r = b->fmt->check(b, &c, 0, &e);
		c.leaks_fixed = first.leaks_fixed;
		c.corruptions_fixed = first.corruptions_fixed;
	}
	if (r) {
		err_prefix(&e, "Check failed");
		img_fail(&e);
		ret = 1;
	} else {
		fflush(stderr);
		if (json)
			print_json(b, &c, m->word[0]);
		else
			print_human(m, &c);
		ret = c.check_errors ? 1 : c.corruptions ? 2 : c.leaks ? 3 : 0;
	}
	if (blk_close(b, &e) && ret == 0)
		ret = img_fail(&e);
	return ret;
}

static const struct opt rows[] = {
	ROW_OBJECT, ROW_IMAGE_OPTS, ROW_QUIET, ROW_FMT, ROW_OUTPUT,
	ROW('r', "repair", OPT_STRING, "leaks|all", "repair leaks only, or everything", repair), ROW_SRC_CACHE, ROW_SHARE, ROW_HELP,
};
const struct command cmd_check = {.name = "check", ROWS(rows), .run = run};
