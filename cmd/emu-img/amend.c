/* SPDX-License-Identifier: GPL-2.0-or-later */
/* amend: changes format options of an existing image. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "img.h"

static void list_amendable(const struct blk_format *f, void *opaque)
{
	(void)opaque;
	if (f->amend && f->amend_options)
		printf(" %s", f->name);
}

static int run(struct img *m)
{
	unsigned flags = BLK_RDWR;
	struct blk_opts *o = NULL;
	struct err e = ERR_INIT;
	bool help = false;
	struct blk *b;
	int ret = 1;

	if (!m->a.options.count)
		return img_usage("Must specify options (-o)");
	for (unsigned i = 0; i < m->a.options.count; i++)
		help |= !strcmp(m->a.options.item[i], "help") || !strcmp(m->a.options.item[i], "?");
	if (help && m->a.fmt) {
		const struct blk_format *f = blk_format_find(m->a.fmt);
		char title[100];
		if (!f) {
			err_print("Unknown file format '%s'", m->a.fmt);
			return 1;
		}
		if (!f->amend_options) {
			err_print("Format driver '%s' does not support option amendment", m->a.fmt);
			return 1;
		}
		snprintf(title, sizeof title, "Amend options for '%s':", m->a.fmt);
		img_print_options(title, f->amend_options);
		return 0;
	}
	if (help && !m->words) {
		printf("Formats whose options can be amended:");
		blk_format_each(list_amendable, NULL);
		printf("\n");
		return 0;
	}
	if (m->words != 1) {
		err_print("Expecting one image file name");
		return 1;
	}
	if (img_cache_flags(m->a.cache ? m->a.cache : "writeback", &flags)) {
		err_print("Invalid cache option: %s", m->a.cache);
		return 1;
	}
	if (img_open(m, m->word[0], m->a.image_opts, m->a.fmt, flags, &b))
		return 1;
	if (!b->fmt->amend_options) {
		err_print("Format driver '%s' does not support option amendment", b->fmt->name);
		goto out;
	}
	if (help) {
		char title[100];
		snprintf(title, sizeof title, "Amend options for '%s':", b->fmt->name);
		img_print_options(title, b->fmt->amend_options);
		ret = 0;
		goto out;
	}
	o = blk_opts_new(b->fmt->amend_options);
	if (!o || img_options(o, &m->a.options, &help, &e)) {
		img_fail(&e);
		goto out;
	}
	img_progress_start(m, m->a.progress);
	if (b->fmt->amend(b, o, m->a.force, img_progress_cb, m, &e)) {
		img_fail(&e);
		goto out;
	}
	img_progress_end(m);
	ret = 0;
out:
	blk_opts_free(o);
	if (blk_close(b, &e) && !ret)
		ret = img_fail(&e);
	return ret;
}

static const struct opt rows[] = {
	ROW_OBJECT, ROW_IMAGE_OPTS, ROW_PROGRESS, ROW_QUIET, ROW_FMT, ROW_CACHE, ROW(0, "force", OPT_FLAG, NULL, "accept what may lose data", force),
	ROW_OPTIONS, ROW_HELP,
};
const struct command cmd_amend = {.name = "amend", ROWS(rows), .run = run};
