/* SPDX-License-Identifier: GPL-2.0-or-later */
/* commit: what an overlay holds goes into its backing file. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "img.h"

#define CHUNK (1u << 20)

static bool same_file(const struct blk *top, const struct blk *b, const char *name)
{
	char *full = blk_resolve(top, name);
	bool same = !strcmp(b->filename, name) || (full && !strcmp(b->filename, full));

	free(full);
	return same;
}

/* Copies everything that lies above base. */
static int copy_down(struct img *m, struct blk *top, struct blk *base, struct err *e)
{
	uint64_t at = 0, size = top->size;
	uint8_t *buf = malloc(CHUNK);
	int r = buf ? 0 : -ENOMEM;

	while (at < size && !r) {
		struct blk_status st;
		uint64_t n;
		if ((r = blk_block_status_above(top, base, at, size - at, &st)))
			break;
		n = st.length;
		if (!(st.flags & BLK_ST_ALLOCATED)) {
			/* A smaller base was grown; a shorter image in between ends in zeros. */
			if (st.depth == 0 && (st.flags & BLK_ST_ZERO) && !top->backing)
				r = blk_pwrite_zeroes(base, at, n, 0);
		} else if (st.flags & BLK_ST_ZERO) {
			r = blk_pwrite_zeroes(base, at, n, BLK_ZERO_MAY_UNMAP);
		} else {
			if (n > CHUNK)
				n = CHUNK;
			if (!(r = blk_pread(top, at, (size_t)n, buf)))
				r = blk_pwrite(base, at, (size_t)n, buf);
			img_rate_wait(m, n);
		}
		at += n;
		img_progress(m, (double)at, (double)size);
	}
	free(buf);
	if (!r)
		r = blk_flush(base);
	return r ? err_errno(e, -r, "Block job failed") : 0;
}

static int run(struct img *m)
{
	unsigned flags = BLK_RDWR | BLK_UNMAP, depth = 0;
	struct err e = ERR_INIT;
	struct blk *b = NULL, *base;
	bool drop = m->a.keep || m->a.backing;
	uint64_t size;
	int ret = 1;

	if (m->words != 1)
		return img_usage("Expecting one image file name");
	if (img_cache_flags(m->a.cache ? m->a.cache : "writeback", &flags)) {
		err_print("Invalid cache option: %s", m->a.cache);
		return 1;
	}
	if (img_rate_start(m))
		return 1;
	img_progress_start(m, m->a.progress);
	if (img_open(m, m->word[0], m->a.image_opts, m->a.fmt, flags, &b))
		goto out;
	base = blk_skip_filters(b)->backing;
	if (m->a.backing) {
		for (; base && !same_file(b, base, m->a.backing); base = base->backing)
			depth++;
		if (!base) {
			err_print("Did not find '%s' in the backing chain of '%s'", m->a.backing, m->word[0]);
			goto out;
		}
	} else if (!base) {
		err_print("Image does not have a backing file");
		goto out;
	}
	if (blk_reopen(base, true, &e)) {
		err_prefix(&e, "Could not open '%s' for writing", base->filename);
		img_fail(&e);
		goto out;
	}
	if (b->flags & BLK_UNMAP)
		base->flags |= BLK_UNMAP;
	if (blk_size(base, &size) || (size < b->size && blk_truncate(base, round_up64(b->size, BLK_SECTOR), BLK_PREALLOC_OFF, &e))) {
		err_prefix(&e, "Could not resize the base image");
		img_fail(&e);
		goto out;
	}
	if (copy_down(m, b, base, &e)) {
		img_fail(&e);
		goto out;
	}
	if (!drop && b->fmt->make_empty && b->fmt->make_empty(b, &e)) {
		err_prefix(&e, "Could not empty %s", m->word[0]);
		img_fail(&e);
		goto out;
	}
	ret = 0;
out:
	img_progress_end(m);
	if (b && blk_close(b, &e) && !ret)
		ret = img_fail(&e);
	if (!ret)
		img_say(m, "Image committed.\n");
	(void)depth;
	return ret;
}

static const struct opt rows[] = {
	ROW_OBJECT, ROW_IMAGE_OPTS, ROW_QUIET, ROW_FMT, ROW_CACHE, ROW('b', "base", OPT_STRING, "BASE", "commit into a deeper image", backing),
	ROW('r', "rate-limit", OPT_STRING, "RATE", "copy no more than RATE bytes a second", rate),
	ROW('d', "keep", OPT_FLAG, NULL, "do not empty the overlay", keep), ROW_PROGRESS, ROW_HELP,
};
const struct command cmd_commit = {.name = "commit", ROWS(rows), .run = run};
