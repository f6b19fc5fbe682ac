/* SPDX-License-Identifier: GPL-2.0-or-later */
/* resize: another virtual size, absolute or relative. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/size.h"
#include "img.h"

static int run(struct img *m)
{
	enum blk_prealloc prealloc = BLK_PREALLOC_OFF;
	struct err e = ERR_INIT;
	const char *text;
	uint64_t n, current, total;
	struct blk *b;
	int relative = 0, ret = 1;

	if (m->words < 1)
		return img_usage("Expecting image file name and size");
	if (m->words != 2)
		return img_usage("Expecting image file name and size");
	if (m->a.preallocation && blk_prealloc_parse(m->a.preallocation, &prealloc, NULL)) {
		err_print("Invalid preallocation mode '%s'", m->a.preallocation);
		return 1;
	}
	text = m->word[1];
	if (*text == '+')
		relative = 1, text++;
	else if (*text == '-')
		relative = -1, text++;
	if (size_parse(text, 'B', &n, &e)) {
		err_set(&e, EINVAL, "Parameter 'size' expects a non-negative number below 2^64");
		err_hint(&e, "Optional suffix k, M, G, T, P or E means kilo-, mega-, giga-, tera-, peta-\nand exabytes, respectively.");
		return img_fail(&e);
	}
	if (img_open(m, m->word[0], m->a.image_opts, m->a.fmt, BLK_RDWR | BLK_RESIZE, &b))
		return 1;
	if (blk_size(b, &current)) {
		err_print("Failed to inquire current image length");
		goto out;
	}
	total = relative > 0 ? current + n : relative < 0 ? (current > n ? current - n : 0) : n;
	if (relative < 0 && current <= n) {
		err_print("New image size must be positive");
		goto out;
	}
	if (!relative && total == 0) {
		err_print("New image size must be positive");
		goto out;
	}
	if (total <= current && prealloc != BLK_PREALLOC_OFF) {
		err_print("Preallocation can only be used for growing images");
		goto out;
	}
	if (total < current && !m->a.shrink) {
		err_print("Use the --shrink option to perform a shrink operation.");
		blk_warn(m->graph, "Shrinking an image will delete all data beyond the shrunken image's end. Before performing such an "
				   "operation, make sure there is no important data there.");
		goto out;
	}
	total = round_up64(total, BLK_SECTOR);
	if (blk_truncate(b, total, prealloc, &e)) {
		img_fail(&e);
		goto out;
	}
	ret = 0;
out:
	if (blk_close(b, &e) && !ret)
		ret = img_fail(&e);
	if (!ret)
		img_say(m, "Image resized.\n");
	return ret;
}

static const struct opt rows[] = {
	ROW_OBJECT, ROW_IMAGE_OPTS, ROW_FMT, ROW(0, "preallocation", OPT_STRING, "MODE", "how the new part is allocated", preallocation),
	ROW_QUIET, ROW(0, "shrink", OPT_FLAG, NULL, "the image may become smaller", shrink), ROW_HELP,
};
const struct command cmd_resize = {.name = "resize", ROWS(rows), .run = run};
