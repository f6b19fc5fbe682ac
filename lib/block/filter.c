/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The common hooks of filters, and the two simplest ones: copy-on-read and preallocate. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "block/events.h"
#include "block/filter.h"

int filter_pread(struct blk *b, uint64_t offset, size_t length, void *buf)
{
	return blk_pread(b->file, offset, length, buf);
}

int filter_pwrite(struct blk *b, uint64_t offset, size_t length, const void *buf, unsigned flags)
{
	return blk_pwrite_flags(b->file, offset, length, buf, flags);
}

int filter_zeroes(struct blk *b, uint64_t offset, uint64_t length, unsigned flags)
{
	return blk_pwrite_zeroes(b->file, offset, length, flags);
}

int filter_discard(struct blk *b, uint64_t offset, uint64_t length)
{
	return blk_discard(b->file, offset, length);
}

int filter_truncate(struct blk *b, uint64_t size, enum blk_prealloc prealloc, struct err *e)
{
	int r = blk_truncate(b->file, size, prealloc, e);

	if (!r)
		b->size = size;
	return r;
}

int filter_get_size(struct blk *b, uint64_t *size)
{
	return blk_size(b->file, size);
}

/* ---- copy-on-read: what is read from below is kept in the layer above ------------------------------------------------ */
static int cor_open(struct blk *b, struct err *e)
{
	if (!blk_writable(b))
		return err_set(e, EACCES, "copy-on-read needs a writable image");
	return 0;
}

static int cor_pread(struct blk *b, uint64_t offset, size_t length, void *buf)
{
	uint64_t at = offset, end = offset + length;
	int r;

	while (at < end) {
		struct blk_status st;
		uint8_t *p = (uint8_t *)buf + (at - offset);
		if ((r = blk_block_status(b->file, at, end - at, &st)) || (r = blk_pread(b->file, at, (size_t)st.length, p)))
			return r;
		if (!(st.flags & BLK_ST_ALLOCATED) && b->file->backing) {
			blk_event(b->file, BLK_EVENT_COR_WRITE);
			if ((r = blk_pwrite(b->file, at, (size_t)st.length, p)))
				return r;
		}
		at += st.length;
	}
	return 0;
}

BLOCK_FORMAT(copy_on_read) = {
	.name = "copy-on-read", .flags = BLK_F_FILTER | BLK_F_NO_FORMAT, .open = cor_open,
	.pread = cor_pread, .pwrite = filter_pwrite, .pwrite_zeroes = filter_zeroes, .discard = filter_discard,
	.truncate = filter_truncate, .get_size = filter_get_size,
};

/* ---- preallocate: the file grows in large steps --------------------------------------------------------------------- */
struct prealloc {
	uint64_t step, align, end; /* end: of what users wrote */
	pthread_mutex_t lock;
};

static int prealloc_open(struct blk *b, struct err *e)
{
	struct prealloc *s = b->state;

	s->step = blk_opts_size(b->opts, "prealloc-size", 128u << 20);
	s->align = blk_opts_size(b->opts, "prealloc-align", 1u << 20);
	if (!s->align || s->align % BLK_SECTOR)
		return err_set(e, EINVAL, "prealloc-align parameter of preallocate filter is not aligned to 512");
	s->end = b->size;
	pthread_mutex_init(&s->lock, NULL);
	return 0;
}

static int prealloc_pwrite(struct blk *b, uint64_t offset, size_t length, const void *buf, unsigned flags)
{
	struct prealloc *s = b->state;
	uint64_t end = offset + length;

	pthread_mutex_lock(&s->lock);
	if (end > b->file->size && s->step) /* what cannot be had ahead is not missed */
		blk_truncate(b->file, round_up64(end + s->step, s->align), BLK_PREALLOC_FALLOC, NULL);
	if (end > s->end)
		s->end = end;
	pthread_mutex_unlock(&s->lock);
	return blk_pwrite_flags(b->file, offset, length, buf, flags);
}

static int prealloc_truncate(struct blk *b, uint64_t size, enum blk_prealloc mode, struct err *e)
{
	struct prealloc *s = b->state;
	int r = blk_truncate(b->file, size, mode, e);

	if (!r)
		s->end = b->size = size;
	return r;
}

static int prealloc_get_size(struct blk *b, uint64_t *size)
{
	struct prealloc *s = b->state;
	*size = s->end;
	return 0;
}

static void prealloc_close(struct blk *b)
{
	struct prealloc *s = b->state;

	if (b->file && blk_writable(b) && s->end < b->file->size)
		blk_truncate(b->file, s->end, BLK_PREALLOC_OFF, NULL);
	pthread_mutex_destroy(&s->lock);
}

static const struct blk_option prealloc_options[] = {
	{"prealloc-align", BLK_OPT_SIZE, "on preallocation, align file length to this number, default 1M", NULL, NULL},
	{"prealloc-size", BLK_OPT_SIZE, "how much to preallocate, default 128M", NULL, NULL},
	{.name = NULL},
};
BLOCK_FORMAT(preallocate) = {
	.name = "preallocate", .flags = BLK_F_FILTER | BLK_F_GROWS | BLK_F_NO_FORMAT, .state_size = sizeof(struct prealloc),
	.options = prealloc_options, .pread = filter_pread, .pwrite_zeroes = filter_zeroes, .discard = filter_discard,
	.pwrite = prealloc_pwrite, .truncate = prealloc_truncate,
	.get_size = prealloc_get_size, .open = prealloc_open, .close = prealloc_close,
};
