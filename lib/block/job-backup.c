/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * backup: the disk as it was when the job began, in a target.
 *
 * Theory of operation
 *   A bitmap holds what is still to be copied. A write first has the old data of its range copied, if they are still to be; the
 *   job copies the rest. Both do so with the range locked, and clear the bits afterwards. An incremental backup takes the bits from a dirty
 *   bitmap, which at that moment begins anew; what it held is kept, and put back if the backup fails.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "block/bitmap.h"
#include "block/dirty.h"
#include "block/job.h"

struct backup {
	struct blk *source, *target;
	enum job_sync sync;
	bool compress, target_is_zero;
	bool watching, kept;
	struct disk_watch watch;
	struct bitmap todo, held; /* held: what the dirty bitmap had; no map: none */
	char *todo_file, *held_file, *bitmap;
	struct blk_dirty *dirty;
	int failed;               /* of a copy before a write: -errno */
	uint64_t done, total;
};

static int write_target(struct backup *s, uint64_t at, uint64_t n, void *buf)
{
	uint64_t g = s->todo.granularity;
	int r = 0;

	if (!s->compress)
		return blk_pwrite(s->target, at, (size_t)n, buf);
	for (uint64_t p = 0; p < n && !r; p += g)
		r = blk_pwrite_compressed(s->target, at + p, (size_t)(n - p < g ? n - p : g), (char *)buf + p);
	return r;
}

/* Copies set bits in [at, end), both at granules, with the range locked. */
static int copy(struct backup *s, uint64_t at, uint64_t end, void *buf, bool *source, uint64_t *copied)
{
	uint64_t g = s->todo.granularity, size = s->source->size;
	int r = 0;

	while (at < end && !r) {
		struct blk_status st;
		uint64_t stop;
		if (!bitmap_get(&s->todo, at)) {
			at += g;
			continue;
		}
		for (stop = at + g; stop < end && stop < at + (1 << 20) && bitmap_get(&s->todo, stop); stop += g)
			;
		if (stop > size)
			stop = size;
		*source = true;
		r = blk_block_status_above(s->source, NULL, at, stop - at, &st);
		if (r)
			break;
		if (st.flags & BLK_ST_ZERO && (st.length == stop - at || st.length >= g)) {
			if (st.length < stop - at)
				stop = at + st.length / g * g;
			*source = false;
			if (!s->target_is_zero)
				r = blk_pwrite_zeroes(s->target, at, stop - at, BLK_ZERO_MAY_UNMAP);
		} else {
			r = blk_pread(s->source, at, (size_t)(stop - at), buf);
			if (r)
				break;
			*source = false;
			r = write_target(s, at, stop - at, buf);
			*copied += stop - at;
		}
		if (r)
			break;
		bitmap_clear(&s->todo, at, stop - at);
		__atomic_add_fetch(&s->done, stop - at, __ATOMIC_RELAXED);
		at = round_up64(stop, g);
	}
	return r;
}

static void before_write(void *opaque, uint64_t offset, uint64_t length)
{
	struct backup *s = ((struct blk_job *)opaque)->state;
	uint64_t g = s->todo.granularity, at = offset / g * g, end = offset + length, copied = 0;
	void *buf = NULL;
	bool source;
	int r;

	if (__atomic_load_n(&s->failed, __ATOMIC_RELAXED) || bitmap_next(&s->todo, at) >= end)
		return;
	r = posix_memalign(&buf, 4096, 1 << 20) ? -ENOMEM : copy(s, at, round_up64(end, g), buf, &source, &copied);
	free(buf);
	/* The guest's write goes on; it is the backup that has lost something. */
	if (r)
		__atomic_store_n(&s->failed, r, __ATOMIC_RELAXED);
}

static int survey(struct blk_job *j)
{
	struct backup *s = j->state;
	uint64_t at = 0, size = s->source->size;

	if (s->sync != JOB_TOP) {
		bitmap_set(&s->todo, 0, size);
		return 0;
	}
	while (at < size) {
		struct blk_status st;
		struct blk *base = blk_skip_filters(s->source)->backing;
		int r = blk_block_status_above(s->source, base, at, size - at, &st);
		if (r)
			return r;
		if (st.flags & BLK_ST_ALLOCATED)
			bitmap_set(&s->todo, at, st.length);
		at += st.length;
	}
	return 0;
}

static int backup_run(struct blk_job *j, struct err *e)
{
	struct backup *s = j->state;
	uint64_t at = 0;
	void *buf = NULL;
	int r = posix_memalign(&buf, 4096, 1 << 20) ? -ENOMEM : 0;

	while (!r && !(r = __atomic_load_n(&s->failed, __ATOMIC_RELAXED))) {
		struct disk_range range;
		uint64_t copied = 0, most = job_piece(j);
		bool source = true;
		job_progress(j, __atomic_load_n(&s->done, __ATOMIC_RELAXED), s->total);
		if (s->sync == JOB_NONE) { /* only what is written is copied, until somebody ends it */
			job_sleep(j, 200);
		} else {
			at = bitmap_next(&s->todo, at);
			if (at == UINT64_MAX)
				break;
			disk_lock_range(j->disk, &range, at, most);
			r = copy(s, at, at + most, buf, &source, &copied);
			disk_unlock_range(j->disk, &range);
			if (r && job_retry(j, source, &r)) {
				r = 0;
				continue;
			}
			if (!r && bitmap_get(&s->todo, at)) { /* an error that is passed over */
				at += s->todo.granularity;
				continue;
			}
		}
		if (!r && !job_go_on(j, copied))
			r = -ECANCELED;
	}
	free(buf);
	if (!r && (r = blk_flush(s->target)) == 0)
		job_progress(j, s->total, s->total);
	if (r && r != -ECANCELED)
		err_errno(e, -r, "backup of '%s'", j->disk->name);
	return r;
}

static int backup_finish(struct blk_job *j, int r, struct err *e)
{
	struct backup *s = j->state;

	disk_unwatch(j->disk, &s->watch);
	s->watching = false;
	if (!r && (r = s->failed))
		err_errno(e, -r, "backup of '%s'", j->disk->name);
	if (!r && s->compress)
		r = blk_pwrite_compressed(s->target, 0, 0, NULL) == -EIO ? -EIO : 0;
	if (!r && (r = blk_flush(s->target)))
		err_errno(e, -r, "%s: cannot flush", s->target->filename);
	if (s->dirty) {
		if (r)
			bitmap_or(&s->dirty->map, &s->held);
		s->dirty->busy = false;
	}
	s->dirty = NULL;
	return r;
}

static void backup_free(struct blk_job *j)
{
	struct backup *s = j->state;

	if (s->watching) {
		disk_drain(j->disk);
		disk_unwatch(j->disk, &s->watch);
		disk_undrain(j->disk);
	}
	if (s->dirty)
		s->dirty->busy = false;
	bitmap_done(&s->todo);
	bitmap_done(&s->held);
	if (s->todo_file)
		j->host->drop_file(j->host->opaque, s->todo_file);
	if (s->held_file && s->bitmap)
		j->host->drop_file(j->host->opaque, s->held_file);
	free(s->todo_file);
	free(s->held_file);
	free(s->bitmap);
	blk_unref(s->source);
	blk_unref(s->target);
}

static const struct job_type backup_type = {
	.name = "backup", .state_size = sizeof(struct backup), .run = backup_run, .finish = backup_finish, .free = backup_free,
};

static int make_map(struct blk_job *j, struct bitmap *m, char **file, const char *what, uint32_t granularity, bool *kept, struct err *e)
{
	struct backup *s = j->state;
	int fd, r;

	if (asprintf(file, "backup-%s.%s", what, j->id) < 0)
		*file = NULL;
	fd = *file ? j->host->bitmap_file(j->host->opaque, *file) : -1;
	*kept = fd >= 0 && j->resumed;
	r = bitmap_init(m, s->source->size, granularity, fd);
	return r ? err_errno(e, -r, "the job's bitmap") : 0;
}

int job_backup(struct job_host *h, struct disk *k, const struct job_copy *c, const struct job_options *o, struct err *e)
{
	struct blk_job *j;
	struct blk_geometry g;
	struct backup *s;
	struct blk_dirty *dirty = NULL;
	uint32_t granularity;
	bool kept;
	int r = 0;

	if (c->target == k->root)
		return err_set(e, EINVAL, "Source and target cannot be the same");
	if (c->sync == JOB_INCREMENTAL && !c->bitmap)
		return err_set(e, EINVAL, "must provide a valid bitmap name for \"incremental\" sync mode");
	if (c->sync != JOB_INCREMENTAL && c->bitmap)
		return err_set(e, EINVAL, "a bitmap was given to backup_run, but it received an incompatible sync_mode");
	if (c->bitmap) {
		dirty = blk_dirty_find(k->root, c->bitmap, e);
		if (!dirty)
			return -e->code;
		if (dirty->busy || dirty->inconsistent)
			return err_set(e, EBUSY, "Bitmap '%s' is currently in use or out of date", c->bitmap);
	}
	if (!blk_writable(c->target))
		return err_set(e, EACCES, "Block node '%s' is read-only", c->target->node_name);
	if (c->target->size != k->root->size && (c->target->size > k->root->size || blk_truncate(c->target, k->root->size, BLK_PREALLOC_OFF, e)))
		return e->code ? -e->code : err_set(e, EINVAL, "Source and target image have different sizes");
	blk_geometry(c->target, &g);
	granularity = g.cluster_size > 65536 && g.cluster_size <= 1 << 20 ? (uint32_t)g.cluster_size : 65536;
	if (c->compress && (!c->target->fmt->pwrite_compressed || !g.cluster_size || g.cluster_size > 1 << 20))
		return err_set(e, ENOTSUP, "Compression is not supported for this drive %s", c->target->node_name);
	if (c->compress)
		granularity = (uint32_t)g.cluster_size;
	j = job_new(h, &backup_type, k, o, e);
	if (!j)
		return -e->code;
	s = j->state;
	s->todo.fd = s->held.fd = -1;
	s->source = blk_ref(k->root);
	s->target = blk_ref(c->target);
	s->sync = c->sync;
	s->compress = c->compress;
	s->target_is_zero = c->target_is_zero;
	s->bitmap = c->bitmap ? strdup(c->bitmap) : NULL;
	disk_drain(k);
	r = make_map(j, &s->todo, &s->todo_file, "todo", granularity, &s->kept, e);
	if (!r && o->resumed && !s->kept)
		r = err_set(e, ENOENT, "what was copied of '%s' is not known any more", k->name);
	if (!r && dirty) {
		r = make_map(j, &s->held, &s->held_file, "held", dirty->map.granularity, &kept, e);
		if (!r) {
			s->dirty = dirty;
			dirty->busy = dirty->changed = true;
			if (!s->kept) {
				bitmap_or(&s->held, &dirty->map);
				bitmap_or(&s->todo, &dirty->map);
				/* Before the bits go, it is known where they are: a server killed now finds them there. */
				r = h->commit(h->opaque, e);
				if (!r)
					bitmap_clear(&dirty->map, 0, UINT64_MAX);
			}
		}
	} else if (!r && !s->kept) {
		r = survey(j);
		if (r)
			err_errno(e, -r, "backup of '%s'", k->name);
	}
	if (!r) {
		s->watch = (struct disk_watch){.before_write = before_write, .opaque = j, .granularity = granularity};
		disk_watch(k, &s->watch);
		s->watching = true;
		s->total = s->sync == JOB_NONE ? k->root->size : bitmap_bytes(&s->todo);
		job_progress(j, 0, s->total);
	}
	disk_undrain(k);
	if (r) {
		job_abandon(j);
		return r;
	}
	return job_start(j, e);
}
