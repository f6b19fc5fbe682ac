/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rebase: another backing file; unless -u, with the contents kept as they are. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "img.h"

#define CHUNK (1u << 20)

static int read_part(struct blk *b, uint64_t at, size_t n, uint8_t *buf)
{
	size_t have = 0;
	int r = 0;

	if (b && at < b->size) {
		have = b->size - at < n ? (size_t)(b->size - at) : n;
		r = blk_pread(b, at, have, buf);
	}
	memset(buf + have, 0, n - have);
	return r;
}

/* Whatever shows through from the old backing file and is different in the new one is written into the overlay. */
static int keep_contents(struct img *m, struct blk *b, struct blk *old, struct blk *new, struct err *e)
{
	uint64_t at = 0, size = b->size;
	struct blk_geometry g;
	uint8_t *x = malloc(CHUNK), *y = malloc(CHUNK);
	size_t unit;
	int r = x && y ? 0 : -ENOMEM;

	blk_geometry(b, &g);
	unit = g.subcluster_size ? g.subcluster_size : g.cluster_size ? g.cluster_size : 4096;
	if (unit > CHUNK)
		unit = CHUNK;
	while (at < size && !r) {
		struct blk_status st;
		uint64_t n;
		if ((r = blk_block_status(b, at, size - at, &st)))
			break;
		n = st.length;
		if (!(st.flags & BLK_ST_ALLOCATED)) {
			if (n > CHUNK - at % CHUNK)
				n = CHUNK - at % CHUNK;
			if ((r = read_part(old, at, (size_t)n, x)) || (r = read_part(new, at, (size_t)n, y)))
				break;
			for (size_t k = 0; k < n && !r; k += unit) {
				size_t part = n - k < unit ? (size_t)n - k : unit;
				if (memcmp(x + k, y + k, part)) {
					if (blk_is_zero(x + k, part))
						r = blk_pwrite_zeroes(b, at + k, part, 0);
					else
						r = blk_pwrite(b, at + k, part, x + k);
				}
			}
		}
		at += n;
		img_progress(m, (double)at, (double)size);
	}
	free(x);
	free(y);
	return r ? err_errno(e, -r, "error while comparing the backing files") : 0;
}

static int run(struct img *m)
{
	unsigned flags = BLK_RDWR | (m->a.unsafe_backing ? BLK_NO_BACKING : 0), src_flags = 0;
	struct err e = ERR_INIT;
	struct blk *b = NULL, *new = NULL;
	int ret = 1, r;

	if (m->words != 1)
		return img_usage("Expecting one image file name");
	if (!m->a.unsafe_backing && !m->a.backing)
		return img_usage("Use backing file (-b) option");
	if (!m->a.backing)
		return img_usage("Use backing file (-b) option");
	if (img_cache_flags(m->a.cache ? m->a.cache : "writeback", &flags)) {
		err_print("Invalid cache option: %s", m->a.cache);
		return 1;
	}
	if (img_cache_flags(m->a.src_cache ? m->a.src_cache : "writeback", &src_flags)) {
		err_print("Invalid source cache option: %s", m->a.src_cache);
		return 1;
	}
	img_progress_start(m, m->a.progress);
	if (img_open(m, m->word[0], m->a.image_opts, m->a.fmt, flags, &b))
		goto out;
	if (m->a.backing_fmt && !blk_format_find(m->a.backing_fmt)) {
		err_print("Invalid format name: '%s'", m->a.backing_fmt);
		goto out;
	}
	if (!b->fmt->change_backing) {
		err_print("Could not change the backing file to '%s': Operation not supported", m->a.backing);
		goto out;
	}
	if (!m->a.unsafe_backing) {
		if (*m->a.backing) {
			char *path = blk_resolve(b, m->a.backing);
			r = path ? blk_open(m->graph, path, m->a.backing_fmt, NULL, src_flags, &new, &e) : -ENOMEM;
			if (r)
				err_prefix(&e, "Could not open new backing file '%s'", path);
			free(path);
			if (r) {
				img_fail(&e);
				goto out;
			}
		}
		if (keep_contents(m, b, b->backing, new, &e)) {
			img_fail(&e);
			goto out;
		}
		if ((r = blk_flush(b))) {
			err_errno(&e, -r, "Could not flush %s", m->word[0]);
			img_fail(&e);
			goto out;
		}
	}
	if (*m->a.backing && !m->a.backing_fmt) {
		err_print("Could not change the backing file to '%s': backing format must be specified", m->a.backing);
		goto out;
	}
	r = b->fmt->change_backing(b, *m->a.backing ? m->a.backing : NULL, m->a.backing_fmt, &e);
	if (r == -ENOSPC) {
		err_print("Could not change the backing file to '%s': No space left in the file header", m->a.backing);
		goto out;
	} else if (r) {
		err_prefix(&e, "Could not change the backing file to '%s'", m->a.backing);
		img_fail(&e);
		goto out;
	}
	img_progress(m, 1, 1);
	ret = 0;
out:
	img_progress_end(m);
	blk_unref(new);
	if (b && blk_close(b, &e) && !ret)
		ret = img_fail(&e);
	return ret;
}

static const struct opt rows[] = {
	ROW_OBJECT, ROW_IMAGE_OPTS, ROW_SHARE, ROW_QUIET, ROW_FMT, ROW_CACHE, ROW_SRC_CACHE, ROW_PROGRESS,
	ROW('u', "unsafe", OPT_FLAG, NULL, "change names only", unsafe_backing),
	ROW('b', "backing", OPT_STRING, "FILE", "the new backing file; empty: none", backing),
	ROW('F', "backing-format", OPT_STRING, "FMT", "its format", backing_fmt), ROW_HELP,
};
const struct command cmd_rebase = {.name = "rebase", ROWS(rows), .run = run};
