/* SPDX-License-Identifier: GPL-2.0-or-later */
/* create: a new image. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/size.h"
#include "img.h"

/* Asks for the size of the backing file and, unless -u, opens it. */
static int open_backing(struct img *m, const char *filename, struct blk_opts *o, struct blk **backing, struct err *e)
{
	const char *name = blk_opts_string(o, "backing_file"), *fmt = blk_opts_string(o, "backing_fmt");
	char *path = blk_resolve_against(filename, name);
	int r;

	if (!path)
		return err_errno(e, ENOMEM, "%s", name);
	r = blk_open(m->graph, path, fmt, NULL, BLK_NO_IO, backing, e);
	if (!r && !fmt) {
		/* What was guessed once must not be guessed again later. */
		const char *guess = (*backing)->fmt->name;
		err_set(e, EINVAL, "%s: Backing file specified without backing format", filename);
		err_hint(e, "Detected format of %s.", guess);
		blk_unref(*backing);
		*backing = NULL;
		free(path);
		return -EINVAL;
	}
	if (r) {
		struct err inner = *e;
		err_set(e, inner.code, "%s: %s", filename, inner.msg);
		err_hint(e, "Could not open backing image.");
	}
	free(path);
	return r;
}

static int run(struct img *m)
{
	const char *fmt = m->a.fmt ? m->a.fmt : "raw", *filename, *size_text;
	const struct blk_format *f;
	struct blk_option *table = NULL;
	struct blk_opts *o = NULL;
	struct blk *backing = NULL;
	struct err e = ERR_INIT;
	bool help = false, have_size = false;
	uint64_t size = 0;
	char *text;
	int r = 1;

	for (unsigned i = 0; i < m->a.options.count; i++)
		help |= !strcmp(m->a.options.item[i], "help") || !strcmp(m->a.options.item[i], "?");
	f = blk_format_find(fmt);
	filename = m->words ? m->word[0] : NULL;
	if (!filename && !help)
		return img_usage("Expecting image file name");
	if (m->words > 2) {
		err_print("%s", "Unexpected argument");
		return 1;
	}
	size_text = m->words > 1 ? m->word[1] : NULL;
	if (size_text && img_parse_size(size_text, &size))
		return 1;
	have_size = size_text;
	if (!f) {
		err_print("%s%sUnknown file format '%s'", filename ? filename : "", filename ? ": " : "", fmt);
		return 1;
	}
	if (!f->create) {
		err_print("%s%sFormat driver '%s' does not support image creation", filename ? filename : "", filename ? ": " : "", fmt);
		return 1;
	}
	table = blk_create_options(f, filename, &e);
	if (!table) {
		err_prefix(&e, "%s", filename);
		return img_fail(&e);
	}
	if (help) {
		char title[100];
		snprintf(title, sizeof title, filename ? "Supported options:" : "Supported %s options:", fmt);
		img_print_options(title, table);
		if (!filename)
			printf("\nThe protocol level may support further options.\n"
			       "Specify the target filename to include those options.\n");
		free(table);
		return 0;
	}
	o = blk_opts_new(table);
	if (!o || img_options(o, &m->a.options, &help, &e)) {
		err_prefix(&e, "%s", filename);
		img_fail(&e);
		goto out;
	}
	if (m->a.backing && blk_opts_set(o, "backing_file", m->a.backing, NULL)) {
		err_print("%s: Backing file not supported for file format '%s'", filename, fmt);
		goto out;
	}
	if (m->a.backing_fmt && blk_opts_set(o, "backing_fmt", m->a.backing_fmt, NULL)) {
		err_print("%s: Backing format not supported for file format '%s'", filename, fmt);
		goto out;
	}
	if (blk_opts_string(o, "backing_file") && !*blk_opts_string(o, "backing_file"))
		blk_opts_unset(o, "backing_file");
	if (blk_opts_has(o, "backing_fmt") && !blk_format_find(blk_opts_string(o, "backing_fmt"))) {
		err_print("%s: Unknown backing file format '%s'", filename, blk_opts_string(o, "backing_fmt"));
		goto out;
	}
	if (blk_opts_has(o, "backing_file") && !strcmp(blk_opts_string(o, "backing_file"), filename)) {
		err_print("%s: Error: Trying to create an image with the same filename as the backing file", filename);
		goto out;
	}
	if (!have_size && blk_opts_has(o, "size")) {
		size = blk_opts_size(o, "size", 0);
		have_size = true;
	}
	if (blk_opts_has(o, "backing_file") && (!m->a.unsafe_backing)) {
		if ((r = open_backing(m, filename, o, &backing, &e))) {
			img_fail(&e);
			r = 1;
			goto out;
		}
		if (!have_size) {
			size = backing->size;
			have_size = true;
		}
	}
	r = 1;
	if (!have_size) {
		err_print("%s: Image creation needs a size parameter", filename);
		goto out;
	}
	text = malloc(32);
	if (text) {
		snprintf(text, 32, "%llu", (unsigned long long)size);
		blk_opts_set(o, "size", text, NULL);
		free(text);
	}
	text = blk_opts_describe(o);
	img_say(m, "Formatting '%s', fmt=%s%s\n", filename, fmt, text ? text : "");
	fflush(stdout);
	free(text);
	r = blk_create_image(m->graph, f, filename, size, o, backing, 0, &e);
	if (r) {
		err_prefix(&e, "%s", filename);
		r = img_fail(&e);
	}
out:
	blk_unref(backing);
	blk_opts_free(o);
	free(table);
	return r ? 1 : 0;
}

static const struct opt rows[] = {
	ROW_OBJECT, ROW_QUIET, ROW_FMT, ROW('b', "backing", OPT_STRING, "FILE", "backing file: only differences are stored", backing),
	ROW('F', "backing-format", OPT_STRING, "FMT", "format of the backing file", backing_fmt),
	ROW('u', "unsafe", OPT_FLAG, NULL, "do not open the backing file", unsafe_backing), ROW_OPTIONS, ROW_HELP,
};
const struct command cmd_create = {.name = "create", ROWS(rows), .run = run};
