/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mirror, and commit of the root: a target becomes equal to the disk and is kept so until it takes the disk's place.
 *
 * Theory of operation
 *   A bitmap holds what differs. A write sets its bits before it begins; the job takes a range, locks it against writes, copies it, and
 *   clears its bits. When none are left the job is ready; at the end, with the disk drained, the last ones are copied. The bitmap lives
 *   in a file where the host has one, so a killed mirror goes on.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "block/bitmap.h"
#include "block/job.h"

/*
 * Bytes that a mirror may still lack when it says that it is ready, or ends: the last ones are copied while the guest waits, who would otherwise dirty
 * them for ever. Each round over the disk that does not get there doubles what the end allows, so that it comes with any guest.
 */
#define REST (2u << 20)

struct mirror {
	struct blk *source, *target;
	enum job_sync sync;
	bool target_is_zero, adopt_backing, keep_target, commit, empty;
	bool opened;      /* commit: the base was made writable by us */
	bool watching;
	struct disk_watch watch;
	struct bitmap map;
	char *file;       /* of the bitmap */
	bool kept;        /* the bitmap was there already */
	unsigned news;    /* writes since the job slept */
	uint64_t done;
};

static void before_write(void *opaque, uint64_t offset, uint64_t length)
{
	struct mirror *s = ((struct blk_job *)opaque)->state;

	bitmap_set(&s->map, offset, length);
	__atomic_store_n(&s->news, 1, __ATOMIC_RELAXED);
}

/* What differs at the start. New writes set bits meanwhile, which is no harm. */
static int survey(struct blk_job *j)
{
	struct mirror *s = j->state;
	uint64_t at = 0, size = s->source->size;

	if (s->sync == JOB_NONE)
		return 0;
	if (s->sync == JOB_FULL && !s->target_is_zero) {
		bitmap_set(&s->map, 0, size);
		return 0;
	}
	while (at < size) {
		struct blk_status st;
		struct blk *base = s->commit ? s->target : s->sync == JOB_TOP ? blk_skip_filters(s->source)->backing : NULL;
		int r = blk_block_status_above(s->source, base, at, size - at, &st);
		if (r)
			return r;
		if (s->sync == JOB_TOP ? (st.flags & BLK_ST_ALLOCATED) || (base && st.flags & BLK_ST_ZERO) : !(st.flags & BLK_ST_ZERO))
			bitmap_set(&s->map, at, st.length);
		at += st.length;
		if (!job_go_on(j, 0))
			return -ECANCELED;
	}
	return 0;
}

/* Copies a run of set bits at `at`, at most `most` bytes. The range is locked or the disk drained. */
static int copy(struct mirror *s, uint64_t at, uint64_t most, uint64_t *n, void *buf, bool *source)
{
	struct blk_status st;
	uint64_t g = s->map.granularity, end = at + g, size = s->source->size;
	int r = 0;

	while (end < at + most && end < size && bitmap_get(&s->map, end))
		end += g;
	if (end > size)
		end = size;
	*n = end - at;
	for (uint64_t p = at; p < end && !r; p += st.length) {
		*source = true;
		r = blk_block_status_above(s->source, NULL, p, end - p, &st);
		if (r)
			break;
		if (st.flags & BLK_ST_ZERO) {
			*source = false;
			r = blk_pwrite_zeroes(s->target, p, st.length, BLK_ZERO_MAY_UNMAP);
			continue;
		}
		r = blk_pread(s->source, p, (size_t)st.length, buf);
		if (r)
			break;
		*source = false;
		r = blk_pwrite(s->target, p, (size_t)st.length, buf);
	}
	if (!r)
		bitmap_clear(&s->map, at, *n);
	return r;
}

static void progress(struct blk_job *j)
{
	struct mirror *s = j->state;

	job_progress(j, s->done, s->done + bitmap_bytes(&s->map));
}

/* It was told to complete, or to be cancelled with the target as it should be. */
static bool shall_end(struct blk_job *j)
{
	bool yes;

	pthread_mutex_lock(&j->lock);
	yes = (j->complete || j->cancel) && (j->ready || ((struct mirror *)j->state)->empty);
	pthread_mutex_unlock(&j->lock);
	return yes;
}

static int set_ready(struct blk_job *j)
{
	int r = j->ready ? 0 : blk_flush(((struct mirror *)j->state)->target);

	if (!r)
		job_set_ready(j);
	return r;
}

static int mirror_run(struct blk_job *j, struct err *e)
{
	struct mirror *s = j->state;
	uint64_t at = 0, n = 0, rest = REST;
	void *buf = NULL;
	unsigned since = 0;
	int r = posix_memalign(&buf, 4096, 1 << 20) ? -ENOMEM : 0;

	if (!r && !s->kept)
		r = survey(j);
	progress(j);
	while (!r) {
		struct disk_range range;
		if (shall_end(j) && bitmap_bytes(&s->map) <= rest)
			break;
		uint64_t next = bitmap_next(&s->map, at), copied = 0;
		bool source = true;
		if (next == UINT64_MAX && at) { /* round again */
			at = 0;
			if (shall_end(j))
				rest *= rest < s->source->size ? 2 : 1;
			else if (bitmap_bytes(&s->map) <= REST && (r = set_ready(j)))
				break;
			continue;
		}
		if (next == UINT64_MAX) {
			progress(j);
			if ((r = set_ready(j)))
				break;
			if (!shall_end(j) && !__atomic_exchange_n(&s->news, 0, __ATOMIC_RELAXED))
				job_sleep(j, 50);
		} else {
			uint64_t most = job_piece(j);
			disk_lock_range(j->disk, &range, next, most);
			r = bitmap_get(&s->map, next) ? copy(s, next, most, &n, buf, &source) : 0;
			disk_unlock_range(j->disk, &range);
			if (r && job_retry(j, source, &r)) {
				r = 0;
				continue;
			}
			if (r)
				break;
			at = next + s->map.granularity;
			copied = n;
			s->done += n;
			if (++since % 16 == 0 || s->map.bits < 4096)
				progress(j);
		}
		if (!job_go_on(j, copied))
			r = -ECANCELED;
	}
	free(buf);
	if (r && r != -ECANCELED)
		err_errno(e, -r, "mirror of '%s'", j->disk->name);
	return r;
}

/* Drained: the rest, and everything is on the disk. */
static int copy_rest(struct blk_job *j, struct err *e)
{
	struct mirror *s = j->state;
	uint64_t at, n = 0;
	void *buf = NULL;
	bool source;
	int r = posix_memalign(&buf, 4096, 1 << 20) ? -ENOMEM : 0;

	while (!r && (at = bitmap_next(&s->map, 0)) != UINT64_MAX) {
		r = copy(s, at, 1 << 20, &n, buf, &source);
		s->done += r ? 0 : n;
	}
	free(buf);
	if (!r)
		r = blk_flush(s->target);
	progress(j);
	return r ? err_errno(e, -r, "mirror of '%s'", j->disk->name) : 0;
}

static int pivot(struct blk_job *j, struct err *e)
{
	struct mirror *s = j->state;
	struct blk *target = blk_skip_filters(s->target), *source = blk_skip_filters(s->source), *below = NULL;
	int r = 0;

	if (s->adopt_backing && !target->backing && (target->fmt->flags & BLK_F_BACKING))
		below = s->sync == JOB_TOP ? source->backing : s->sync == JOB_NONE ? s->source : NULL;
	if (below == s->source && below && (r = blk_reopen(s->source, false, e)))
		return r;
	if (below)
		blk_set_backing(target, blk_ref(below));
	if (s->source->flags & BLK_COPY_ON_READ)
		s->target->flags |= BLK_COPY_ON_READ;
	s->target->flags |= s->source->flags & (BLK_DETECT_ZEROES | BLK_WRITETHROUGH);
	disk_set_root(j->disk, s->target);
	s->opened = false; /* it is the disk now */
	j->host->changed(j->host->opaque, j->disk);
	return 0;
}

static int mirror_finish(struct blk_job *j, int r, struct err *e)
{
	struct mirror *s = j->state;
	bool complete;

	pthread_mutex_lock(&j->lock);
	complete = j->complete && !j->cancel;
	pthread_mutex_unlock(&j->lock);
	disk_unwatch(j->disk, &s->watch);
	s->watching = false;
	if (!r)
		r = copy_rest(j, e);
	if (!r && complete && s->empty)
		r = blk_skip_filters(s->source)->fmt->make_empty(blk_skip_filters(s->source), e);
	else if (!r && complete && !s->keep_target)
		r = pivot(j, e);
	return r;
}

static void mirror_free(struct blk_job *j)
{
	struct mirror *s = j->state;

	if (s->watching) {
		disk_drain(j->disk);
		disk_unwatch(j->disk, &s->watch);
		disk_undrain(j->disk);
	}
	if (s->opened)
		blk_reopen(s->target, false, NULL);
	bitmap_done(&s->map);
	if (s->file)
		j->host->drop_file(j->host->opaque, s->file);
	free(s->file);
	blk_unref(s->source);
	blk_unref(s->target);
}

static const struct job_type mirror_type = {
	.name = "mirror", .state_size = sizeof(struct mirror), .run = mirror_run, .finish = mirror_finish, .free = mirror_free, .completes = true,
};
static const struct job_type commit_type = {
	.name = "commit", .state_size = sizeof(struct mirror), .run = mirror_run, .finish = mirror_finish, .free = mirror_free, .completes = true,
};

static int start(struct job_host *h, struct disk *k, const struct job_type *type, const struct job_copy *c, bool commit,
		 const struct job_options *o, struct err *e)
{
	struct blk_job *j = job_new(h, type, k, o, e);
	struct blk_geometry g;
	uint32_t granularity = c->granularity;
	struct mirror *s;
	int fd = -1, r = 0;

	if (!j)
		return -e->code;
	s = j->state;
	s->map.fd = -1;
	s->source = blk_ref(k->root);
	s->target = blk_ref(c->target);
	s->sync = c->sync;
	s->target_is_zero = c->target_is_zero && !o->resumed;
	s->adopt_backing = c->adopt_backing;
	s->keep_target = c->keep_target;
	s->commit = commit;
	s->empty = o->empty;
	if (o->empty)
		j->complete = true;
	if (!granularity) {
		blk_geometry(c->target, &g);
		granularity = g.cluster_size >= 4096 && g.cluster_size <= 1 << 20 ? (uint32_t)g.cluster_size : 65536;
	}
	if (granularity < 512 || granularity > 1 << 26 || granularity & (granularity - 1)) {
		r = err_set(e, EINVAL, "Invalid parameter 'granularity': a power of 2 between 512 and 64 MiB is needed");
		goto fail;
	}
	if (granularity > 1 << 20)
		granularity = 1 << 20; /* a range is copied at once */
	if (asprintf(&s->file, "%s.%s", type->name, j->id) < 0)
		s->file = NULL;
	if (commit) {
		r = blk_reopen(s->target, true, e);
		if (r) {
			err_prefix(e, "Could not open '%s' for writing", s->target->filename);
			goto fail;
		}
		s->opened = true;
		s->target->flags |= s->source->flags & BLK_UNMAP;
	}
	if (s->target->size < s->source->size && (r = blk_truncate(s->target, s->source->size, BLK_PREALLOC_OFF, e)))
		goto fail;
	if (!commit && s->target->size != s->source->size) {
		r = err_set(e, EINVAL, "Source and target image have different sizes (%llu and %llu)", (unsigned long long)s->source->size,
			    (unsigned long long)s->target->size);
		goto fail;
	}
	if (!blk_writable(s->target)) {
		r = err_set(e, EACCES, "Block node '%s' is read-only", s->target->node_name);
		goto fail;
	}
	fd = s->file ? h->bitmap_file(h->opaque, s->file) : -1;
	s->kept = fd >= 0 && o->resumed;
	r = bitmap_init(&s->map, s->source->size, granularity, fd);
	if (r) {
		err_errno(e, -r, "the job's bitmap");
		goto fail;
	}
	s->watch = (struct disk_watch){.before_write = before_write, .opaque = j, .granularity = granularity};
	disk_drain(k);
	disk_watch(k, &s->watch);
	disk_undrain(k);
	s->watching = true;
	return job_start(j, e);
fail:
	job_abandon(j);
	return r;
}

int job_mirror(struct job_host *h, struct disk *k, const struct job_copy *c, const struct job_options *o, struct err *e)
{
	if (c->target == k->root)
		return err_set(e, EINVAL, "Can't mirror node into itself");
	return start(h, k, &mirror_type, c, false, o, e);
}

int job_commit_active(struct job_host *h, struct disk *k, struct blk *base, const struct job_options *o, struct err *e)
{
	struct job_copy c = {.target = base, .sync = JOB_TOP};
	struct blk *p = blk_skip_filters(k->root)->backing;

	while (p && p != base)
		p = blk_skip_filters(p)->backing;
	if (!p)
		return err_set(e, EINVAL, "Base '%s' is not below '%s' in the backing chain", base->filename, k->name);
	if (o->empty && (!blk_skip_filters(k->root)->fmt->make_empty || blk_skip_filters(k->root)->backing != base))
		return err_set(e, ENOTSUP, "'%s' cannot be emptied into its backing file", k->root->filename);
	return start(h, k, &commit_type, &c, true, o, e);
}
