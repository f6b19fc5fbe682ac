/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * commit of images that are below the disk's root: what top and the images between hold is written into base, and the image above
 * top is then backed by base. A guest that reads meanwhile sees the same data from either. (A commit of the root itself is a
 * mirror: job-mirror.c.) Made again, it begins again; writing twice does no harm.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "block/job.h"

struct commit {
	struct blk *above, *top, *base;
	char *backing_name;
	bool opened; /* base was made writable by us */
};

static int piece(struct blk_job *j, uint64_t at, uint64_t *n, uint64_t *copied, void *buf, bool *source)
{
	struct commit *s = j->state;
	struct blk_status st;
	int r;

	*copied = 0;
	*source = true;
	if ((r = blk_block_status_above(s->top, s->base, at, s->top->size - at, &st)))
		return r;
	*n = st.length;
	if (!(st.flags & BLK_ST_ALLOCATED) && !(st.flags & BLK_ST_ZERO))
		return 0;
	if (st.flags & BLK_ST_ZERO) {
		*source = false;
		return blk_pwrite_zeroes(s->base, at, *n, BLK_ZERO_MAY_UNMAP);
	}
	if (*n > job_piece(j))
		*n = job_piece(j);
	if ((r = blk_pread(s->top, at, (size_t)*n, buf)))
		return r;
	*source = false;
	*copied = *n;
	return blk_pwrite(s->base, at, (size_t)*n, buf);
}

static int commit_run(struct blk_job *j, struct err *e)
{
	struct commit *s = j->state;

	return job_copy(j, s->top->size, piece, "commit", e);
}

/* An image that is read-only in the chain is written for a moment: its header names another backing file. */
static int change_above(struct commit *s, struct err *e)
{
	bool was = blk_writable(s->above);
	char *name = s->backing_name ? strdup(s->backing_name) : blk_lasting_name(s->base);
	int r = name ? blk_reopen(s->above, true, e) : err_set(e, ENOMEM, "out of memory");

	if (r) {
		free(name);
		return r;
	}
	if (s->above->fmt->change_backing)
		r = s->above->fmt->change_backing(s->above, name, s->base->fmt->name, e);
	if (!r)
		blk_set_backing(s->above, blk_ref(s->base));
	if (!was)
		blk_reopen(s->above, false, NULL);
	free(name);
	return r;
}

static int commit_finish(struct blk_job *j, int r, struct err *e)
{
	struct commit *s = j->state;

	if (!r && (r = blk_flush(s->base)))
		err_errno(e, -r, "%s: cannot flush", s->base->filename);
	if (!r)
		r = change_above(s, e);
	if (s->opened) {
		int late = blk_reopen(s->base, false, r ? NULL : e);
		s->opened = false;
		r = r ? r : late;
	}
	return r;
}

static void commit_free(struct blk_job *j)
{
	struct commit *s = j->state;

	if (s->opened)
		blk_reopen(s->base, false, NULL);
	blk_unref(s->above);
	blk_unref(s->top);
	blk_unref(s->base);
	free(s->backing_name);
}

static const struct job_type commit_type = {
	.name = "commit", .state_size = sizeof(struct commit), .run = commit_run, .finish = commit_finish, .free = commit_free,
};

int job_commit(struct job_host *h, struct disk *k, struct blk *top, struct blk *base, const char *backing_name,
	       const struct job_options *o, struct err *e)
{
	struct blk *root = blk_skip_filters(k->root), *above = root, *p;
	struct blk_job *j;
	struct commit *s;
	int r;

	if (!top || top == k->root || top == root)
		return job_commit_active(h, k, base, o, e);
	while (above && above->backing != top)
		above = blk_skip_filters(above->backing);
	if (!above)
		return err_set(e, EINVAL, "Top image '%s' not found in the backing chain of '%s'", top->filename, k->name);
	for (p = top; p && p != base; p = blk_skip_filters(p)->backing)
		;
	if (!p || base == top)
		return err_set(e, EINVAL, "Base '%s' is not below '%s' in the backing chain", base->filename, top->filename);
	j = job_new(h, &commit_type, k, o, e);
	if (!j)
		return -e->code;
	s = j->state;
	s->above = blk_ref(above);
	s->top = blk_ref(top);
	s->base = blk_ref(base);
	s->backing_name = backing_name ? strdup(backing_name) : NULL;
	r = blk_reopen(base, true, e);
	s->opened = !r;
	if (!r && base->size < top->size)
		r = blk_truncate(base, top->size, BLK_PREALLOC_OFF, e);
	if (r) {
		job_abandon(j);
		return err_prefix(e, "Could not open '%s' for writing", base->filename);
	}
	base->flags |= top->flags & BLK_UNMAP;
	job_progress(j, 0, top->size);
	return job_start(j, e);
}
