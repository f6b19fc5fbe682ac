/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dd: a block copy between formats. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "base/size.h"
#include "img.h"

static int parse(const char *word, const char *key, const char **value)
{
	size_t n = strlen(key);

	if (strncmp(word, key, n) || word[n] != '=')
		return 0;
	*value = word + n + 1;
	return 1;
}

static int operand_size(const char *name, const char *text, uint64_t *v)
{
	if (text && (size_parse(text, 'B', v, NULL) || *v > INT64_MAX)) {
		err_print("invalid number: '%s'", text);
		(void)name;
		return -EINVAL;
	}
	return 0;
}

static int run(struct img *m)
{
	const char *in = NULL, *out = NULL, *bs_text = NULL, *count_text = NULL, *skip_text = NULL, *fmt = m->a.out_fmt ? m->a.out_fmt : "raw";
	uint64_t bs = 512, count = 0, skip = 0, size, total, at;
	const struct blk_format *f;
	struct blk *src = NULL, *dst = NULL;
	struct blk_option *table = NULL;
	struct blk_opts *o = NULL;
	struct err e = ERR_INIT;
	uint8_t *buf = NULL;
	char text[32];
	size_t chunk;
	int ret = 1, r;

	for (int i = 0; i < m->words; i++) {
		const char *w = m->word[i], *eq = strchr(w, '=');
		if (!eq) {
			err_print("unrecognized operand %s", w);
			return 1;
		}
		if (!parse(w, "if", &in) && !parse(w, "of", &out) && !parse(w, "bs", &bs_text) && !parse(w, "count", &count_text) &&
		    !parse(w, "skip", &skip_text)) {
			err_print("unrecognized operand %.*s", (int)(eq - w), w);
			return 1;
		}
	}
	if (operand_size("bs", bs_text, &bs) || operand_size("count", count_text, &count) || operand_size("skip", skip_text, &skip))
		return 1;
	if (bs == 0 || bs > INT32_MAX) {
		err_print("invalid number: '%s'", bs_text);
		return 1;
	}
	if (!in || !out) {
		err_print("Must specify both input and output files");
		return 1;
	}
	f = blk_format_find(fmt);
	if (!f) {
		err_print("Unknown file format '%s'", fmt);
		return 1;
	}
	if (!f->create) {
		err_print("Format driver '%s' does not support image creation", fmt);
		return 1;
	}
	if (img_open(m, in, m->a.image_opts, m->a.fmt, 0, &src))
		return 1;
	size = src->size;
	if (count_text && count <= INT64_MAX / bs && count * bs < size)
		size = count * bs;
	/* what is left after the skipped blocks */
	if (skip_text && (skip > INT64_MAX / bs || skip * bs > src->size))
		size = 0;
	else if (count_text && skip * bs + size > src->size)
		size = src->size - skip * bs;
	else if (!count_text)
		size = src->size - skip * bs;
	table = blk_create_options(f, out, &e);
	o = table ? blk_opts_new(table) : NULL;
	snprintf(text, sizeof text, "%" PRIu64, size);
	if (!o || blk_opts_set(o, "size", text, &e)) {
		img_fail(&e);
		goto out;
	}
	if (blk_create_image(m->graph, f, out, size, o, NULL, 0, &e)) {
		struct err inner = e;
		err_set(&e, inner.code, "%s: error while creating output image of format '%s': %s", out, fmt, inner.msg);
		img_fail(&e);
		goto out;
	}
	if (img_open(m, out, false, fmt, BLK_RDWR, &dst))
		goto out;
	if (skip_text && (skip > INT64_MAX / bs || skip * bs > src->size))
		err_print("%s: cannot skip to specified offset", in);
	chunk = bs > 1u << 20 ? (size_t)bs : (size_t)((1u << 20) / bs * bs);
	buf = malloc(chunk);
	r = buf ? 0 : -ENOMEM;
	total = size;
	for (at = 0; at < total && !r; at += chunk) {
		size_t n = total - at < chunk ? (size_t)(total - at) : chunk;
		if ((r = blk_pread(src, skip * bs + at, n, buf)))
			err_print("error while reading from input image file: %s", strerror(-r));
		else if ((r = blk_pwrite(dst, at, n, buf)))
			err_print("error while writing to output image file: %s", strerror(-r));
	}
	ret = r ? 1 : 0;
out:
	free(buf);
	if (dst && blk_close(dst, &e) && !ret)
		ret = img_fail(&e);
	blk_unref(src);
	blk_opts_free(o);
	free(table);
	return ret;
}

static const struct opt rows[] = {
	ROW_IMAGE_OPTS, ROW_SHARE, ROW_FMT, ROW('O', "target-format", OPT_STRING, "FMT", "format of the output", out_fmt), ROW_OBJECT, ROW_HELP,
};
const struct command cmd_dd = {.name = "dd", ROWS(rows), .run = run};
