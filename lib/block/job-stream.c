/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * stream: copies data from the backing images into the top, until the images between top and base are not needed any more. What is
 * there already stays; so a job that is made again goes on where it was.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "block/job.h"

struct stream {
	struct blk *top, *base;
	char *backing_name;
	struct disk_watch watch;
	bool watching;
};

static void no_need(void *opaque, uint64_t offset, uint64_t length)
{
	(void)opaque, (void)offset, (void)length;
}

/* One run of the top that begins at `at`: *n bytes, of which *copied were read and written. */
static int piece(struct blk_job *j, uint64_t at, uint64_t *n, uint64_t *copied, void *buf, bool *source)
{
	struct stream *s = j->state;
	struct blk_status st;
	struct disk_range range;
	uint64_t left = s->top->size - at;
	int r;

	*copied = 0;
	*source = true;
	/* Outside the lock, to pass quickly over what needs nothing. */
	if ((r = blk_block_status(s->top, at, left, &st)))
		return r;
	*n = st.length;
	if (st.flags & BLK_ST_ALLOCATED)
		return 0;
	if (*n > job_piece(j))
		*n = job_piece(j);
	disk_lock_range(j->disk, &range, at, *n);
	r = blk_block_status_above(s->top, s->base, at, *n, &st);
	if (!r)
		*n = st.length < *n ? st.length : *n;
	if (!r && (st.flags & BLK_ST_ALLOCATED) && st.depth > 0) {
		if (st.flags & BLK_ST_ZERO) {
			*source = false;
			r = blk_pwrite_zeroes(s->top, at, *n, 0);
		} else {
			r = blk_pread(s->top, at, (size_t)*n, buf);
			if (!r) {
				*source = false;
				r = blk_pwrite(s->top, at, (size_t)*n, buf);
				*copied = *n;
			}
		}
	} else if (!r && !(st.flags & BLK_ST_ALLOCATED) && (st.flags & BLK_ST_ZERO) && s->base) {
		/* An image between is shorter than the base: what it hides must stay hidden. */
		*source = false;
		r = blk_pwrite_zeroes(s->top, at, *n, 0);
	}
	disk_unlock_range(j->disk, &range);
	return r;
}

static int stream_run(struct blk_job *j, struct err *e)
{
	struct stream *s = j->state;

	return job_copy(j, s->top->size, piece, "stream", e);
}

static int stream_finish(struct blk_job *j, int r, struct err *e)
{
	struct stream *s = j->state;

	disk_unwatch(j->disk, &s->watch);
	s->watching = false;
	if (!r && (r = blk_flush(s->top)))
		err_errno(e, -r, "%s: cannot flush", s->top->filename);
	if (!r && s->top->backing != s->base) {
		char *name = s->backing_name ? strdup(s->backing_name) : s->base ? blk_lasting_name(s->base) : NULL;
		if (s->top->fmt->change_backing)
			r = s->base && !name ? err_set(e, ENOMEM, "out of memory")
					     : s->top->fmt->change_backing(s->top, name, s->base ? s->base->fmt->name : NULL, e);
		free(name);
		if (!r)
			blk_set_backing(s->top, s->base ? blk_ref(s->base) : NULL);
	}
	return r;
}

static void stream_free(struct blk_job *j)
{
	struct stream *s = j->state;

	if (s->watching) {
		disk_drain(j->disk);
		disk_unwatch(j->disk, &s->watch);
		disk_undrain(j->disk);
	}
	blk_unref(s->top);
	blk_unref(s->base);
	free(s->backing_name);
}

static const struct job_type stream_type = {
	.name = "stream", .state_size = sizeof(struct stream), .run = stream_run, .finish = stream_finish, .free = stream_free,
};

int job_stream(struct job_host *h, struct disk *k, struct blk *base, const char *backing_name, const struct job_options *o, struct err *e)
{
	struct blk *top = blk_skip_filters(k->root);
	struct blk_job *j;
	struct stream *s;

	if (!blk_writable(top))
		return err_set(e, EACCES, "Block node is read-only");
	if (base) {
		struct blk *p = top->backing;
		while (p && p != base)
			p = blk_skip_filters(p)->backing;
		if (!p)
			return err_set(e, EINVAL, "Node '%s' is not a backing image of '%s'", base->node_name, k->name);
	}
	j = job_new(h, &stream_type, k, o, e);
	if (!j)
		return -e->code;
	s = j->state;
	s->top = blk_ref(top);
	s->base = base ? blk_ref(base) : NULL;
	s->backing_name = backing_name ? strdup(backing_name) : NULL;
	s->watch = (struct disk_watch){.before_write = no_need, .granularity = 65536};
	disk_drain(k);
	disk_watch(k, &s->watch);
	disk_undrain(k);
	s->watching = true;
	job_progress(j, 0, top->size);
	return job_start(j, e);
}
