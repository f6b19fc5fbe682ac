/* SPDX-License-Identifier: GPL-2.0-or-later */
/* measure: how large would an image of a size, or converted from another one, become? */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "img.h"

static int run(struct img *m)
{
	int json = img_output(&m->a), ret = 1;
	const char *fmt = m->a.out_fmt ? m->a.out_fmt : "raw";
	const struct blk_format *f;
	struct blk_option *table = NULL;
	struct blk_opts *o = NULL;
	struct blk *src = NULL;
	struct blk_measure out = {0};
	struct err e = ERR_INIT;
	uint64_t size = 0;
	bool help;

	if (json < 0)
		return 1;
	if (m->a.size_text && img_parse_size(m->a.size_text, &size))
		return 1;
	if (m->words > 1) {
		err_print("At most one filename argument is allowed.");
		return 1;
	}
	if (m->words == 1) {
		if (m->a.size_text) {
			err_print("--size N cannot be used together with a filename.");
			return 1;
		}
	} else {
		if (m->a.image_opts || m->a.fmt || m->a.snapshot) {
			err_print("--image-opts, -f, and -l can only be used with a filename argument.");
			return 1;
		}
		if (!m->a.size_text && !m->a.options.count) {
			err_print("Either --size N or one filename must be specified.");
			return 1;
		}
	}
	f = blk_format_find(fmt);
	if (!f) {
		err_print("Unknown file format '%s'", fmt);
		return 1;
	}
	if (!f->measure) {
		err_print("Block driver '%s' does not support size measurement", fmt);
		return 1;
	}
	table = blk_create_options(f, "x", &e);
	o = table ? blk_opts_new(table) : NULL;
	if (!o || img_options(o, &m->a.options, &help, &e)) {
		img_fail(&e);
		goto out;
	}
	if (help) {
		img_print_options("Supported options:", table);
		ret = 0;
		goto out;
	}
	if (!m->words && !m->a.size_text) {
		if (!blk_opts_has(o, "size")) {
			err_print("Either --size N or one filename must be specified.");
			goto out;
		}
		size = blk_opts_size(o, "size", 0);
	}
	if (m->words) {
		if (img_open(m, m->word[0], m->a.image_opts, m->a.fmt, 0, &src))
			goto out;
		if (m->a.snapshot && img_load_snapshot(src, m->a.snapshot, &e)) {
			err_prefix(&e, "Failed to load snapshot");
			img_fail(&e);
			goto out;
		}
		size = round_up64(src->size, BLK_SECTOR);
	}
	if (f->measure(m->graph, o, src, size, &out, &e)) {
		img_fail(&e);
		goto out;
	}
	if (json) {
		json_t *v = json_pack("{s:I, s:I}", "required", (json_int_t)out.required, "fully-allocated", (json_int_t)out.fully_allocated);
		if (out.has_bitmaps)
			json_object_set_new(v, "bitmaps", json_integer((json_int_t)out.bitmaps));
		img_print_json(v);
		json_decref(v);
	} else {
		printf("required size: %" PRIu64 "\nfully allocated size: %" PRIu64 "\n", out.required, out.fully_allocated);
		if (out.has_bitmaps)
			printf("bitmaps size: %" PRIu64 "\n", out.bitmaps);
	}
	ret = 0;
out:
	blk_unref(src);
	blk_opts_free(o);
	free(table);
	return ret;
}

static const struct opt rows[] = {
	ROW_OUTPUT, ROW('O', "target-format", OPT_STRING, "FMT", "format of the image", out_fmt), ROW_OPTIONS,
	ROW(0, "size", OPT_STRING, "N", "virtual size of the new image", size_text), ROW_OBJECT, ROW_IMAGE_OPTS, ROW_FMT,
	ROW('l', "snapshot", OPT_STRING, "SNAP", "measure this internal snapshot", snapshot), ROW_SHARE, ROW_HELP,
};
const struct command cmd_measure = {.name = "measure", ROWS(rows), .run = run};
