/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * raw: the file is the disk, or, with offset and size, a window of it.
 *
 * An image whose format was guessed to be raw belongs to a guest that could write another format's header into its
 * first sector and so have the next guess read host files through a backing name. Such writes are refused.
 *
 * A disk consists of sectors: where a file ends within one, the rest of it reads as zeros.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "block/block.h"
#include "block/events.h"

struct raw {
	uint64_t offset;
	bool window; /* size was given: it does not follow the file */
};

static int raw_open(struct blk *b, struct err *e)
{
	struct raw *s = b->state;
	uint64_t file = b->file->size;

	s->offset = blk_opts_size(b->opts, "offset", 0);
	s->window = blk_opts_has(b->opts, "size");
	if (s->offset > file)
		return err_set(e, EINVAL, "Offset (%llu) cannot be greater than size of the containing file (%llu)",
			       (unsigned long long)s->offset, (unsigned long long)file);
	b->size = s->window ? blk_opts_size(b->opts, "size", 0) : file - s->offset;
	if (!s->window)
		b->size = round_up64(b->size, BLK_SECTOR);
	else if (b->size > file - s->offset)
		return err_set(e, EINVAL,
			       "The sum of offset (%llu) and size (%llu) has to be smaller or equal to the actual size of the "
			       "containing file (%llu)",
			       (unsigned long long)s->offset, (unsigned long long)b->size, (unsigned long long)file);
	if (s->offset % b->file->align)
		return err_set(e, EINVAL, "Offset (%llu) is not a multiple of %u bytes", (unsigned long long)s->offset,
			       b->file->align);
	b->align = b->file->align;
	return 0;
}

static int raw_pread(struct blk *b, uint64_t offset, size_t length, void *buf)
{
	struct raw *s = b->state;
	uint64_t at = s->offset + offset, end = b->file->size;
	size_t have = at >= end ? 0 : length > end - at ? (size_t)(end - at) : length;

	memset((uint8_t *)buf + have, 0, length - have);
	blk_event(b->file, BLK_EVENT_READ_AIO);
	return blk_pread(b->file, at, have, buf);
}

void blk_warn_probed(const struct blk *b, const char *name)
{
	while (b && strcmp(b->fmt->name, "raw"))
		b = b->file;
	if (!b || !(b->flags & BLK_PROBED) || !blk_writable(b))
		return;
	fflush(stdout);
	fprintf(stderr,
		"WARNING: Image format was not specified for '%s' and probing guessed raw.\n"
		"         Automatically detecting the format is dangerous for raw images, write operations on block 0 will be "
		"restricted.\n"
		"         Specify the 'raw' format explicitly to remove the restrictions.\n",
		name);
}

struct look {
	const uint8_t *buf;
	size_t size;
	const struct blk_format *found;
};

static void look_one(const struct blk_format *f, void *opaque)
{
	struct look *l = opaque;

	if (f->probe && !(f->flags & BLK_F_PROTOCOL) && strcmp(f->name, "raw") && f->probe(l->buf, l->size, NULL) > 1)
		l->found = f;
}

static int raw_pwrite(struct blk *b, uint64_t offset, size_t length, const void *buf, unsigned flags)
{
	struct raw *s = b->state;

	if ((b->flags & BLK_PROBED) && offset < 2048) {
		uint8_t head[2048] = {0};
		struct look l = {.buf = head, .size = b->size < sizeof head ? (size_t)b->size : sizeof head};
		int r = raw_pread(b, 0, l.size, head);
		if (r)
			return r;
		memcpy(head + offset, buf, length < sizeof head - offset ? length : sizeof head - offset);
		blk_format_each(look_one, &l);
		if (l.found)
			return -EPERM;
	}
	blk_event(b->file, BLK_EVENT_WRITE_AIO);
	return blk_pwrite_flags(b->file, s->offset + offset, length, buf, flags);
}

static int raw_zeroes(struct blk *b, uint64_t offset, uint64_t length, unsigned flags)
{
	struct raw *s = b->state;
	return blk_pwrite_zeroes(b->file, s->offset + offset, length, flags);
}

static int raw_discard(struct blk *b, uint64_t offset, uint64_t length)
{
	struct raw *s = b->state;
	return blk_discard(b->file, s->offset + offset, length);
}

static int raw_status(struct blk *b, uint64_t offset, uint64_t length, struct blk_status *st)
{
	struct raw *s = b->state;

	st->flags = BLK_ST_RECURSE | BLK_ST_OFFSET;
	st->length = length;
	st->offset = s->offset + offset;
	st->file = b->file;
	return 0;
}

static int raw_truncate(struct blk *b, uint64_t size, enum blk_prealloc prealloc, struct err *e)
{
	struct raw *s = b->state;
	int r;

	if (s->window)
		return err_set(e, ENOTSUP, "Cannot resize fixed-size raw disks");
	r = blk_truncate(b->file, s->offset + size, prealloc, e);
	if (!r)
		b->size = size;
	return r;
}

static int raw_get_size(struct blk *b, uint64_t *size)
{
	struct raw *s = b->state;
	uint64_t file;
	int r;

	if (s->window)
		return 0;
	r = blk_size(b->file, &file);
	if (!r)
		*size = file > s->offset ? round_up64(file - s->offset, BLK_SECTOR) : 0;
	return r;
}

static int raw_probe(const uint8_t *buf, size_t size, const char *filename)
{
	(void)buf;
	(void)size;
	(void)filename;
	return 1; /* anything is raw when nothing else claims it */
}

static int raw_copy_from(struct blk *b, uint64_t offset, struct blk *src, uint64_t src_offset, uint64_t length, uint64_t *done)
{
	struct raw *s = b->state, *t = src->state;

	if (b->file->fmt != src->file->fmt || !b->file->fmt->copy_from || (b->flags & BLK_PROBED) ||
	    t->offset + src_offset + length > src->file->size)
		return -ENOTSUP;
	return b->file->fmt->copy_from(b->file, s->offset + offset, src->file, t->offset + src_offset, length, done);
}

static int raw_create(const struct blk_create *c, struct err *e)
{
	const struct blk_format *p = blk_protocol_of(c->filename, e);

	if (!p)
		return -ENOENT;
	if (!p->create)
		return err_set(e, ENOTSUP, "Protocol driver '%s' does not support image creation, and opening the image failed",
			       p->name);
	return p->create(c, e);
}

static int raw_measure(struct blk_graph *g, struct blk_opts *o, struct blk *src, uint64_t size, struct blk_measure *m,
		       struct err *e)
{
	(void)g;
	(void)o;
	(void)src;
	(void)e;
	m->required = m->fully_allocated = size;
	return 0;
}

static const struct blk_option raw_options[] = {
	{"offset", BLK_OPT_SIZE, "offset in the disk where the image starts", NULL, NULL},
	{"size", BLK_OPT_SIZE, "virtual disk size", NULL, NULL},
	{.name = NULL},
};
static const struct blk_option raw_create_options[] = {
	{"size", BLK_OPT_SIZE, "Virtual disk size", NULL, NULL},
	{.name = NULL},
};

static void raw_geometry(struct blk *b, struct blk_geometry *g)
{
	(void)b;
	(void)g; /* no clusters, never dirty: but that is known */
}

BLOCK_FORMAT(raw) = {
	.name = "raw", .geometry = raw_geometry, .state_size = sizeof(struct raw), .options = raw_options, .create_options = raw_create_options,
	.probe = raw_probe, .open = raw_open, .create = raw_create, .pread = raw_pread, .pwrite = raw_pwrite,
	.pwrite_zeroes = raw_zeroes, .discard = raw_discard, .block_status = raw_status, .truncate = raw_truncate,
	.get_size = raw_get_size, .measure = raw_measure, .copy_from = raw_copy_from,
};
