/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * blklogwrites: a filter that writes every write, discard and flush of its file into a log, in the layout of the kernel's
 * dm-log-writes target (Documentation/admin-guide/device-mapper/log-writes), so that its replay tools can be used.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "block/filter.h"

#define MAGIC 0x6a736677736872ull
#define VERSION 1
enum { LOG_FLUSH = 1, LOG_FUA = 2, LOG_DISCARD = 4 };

struct logger {
	struct blk *log;
	uint64_t at, entries, interval;
	uint32_t sector;
	pthread_mutex_t lock;
};

static int write_super(struct logger *s)
{
	uint8_t *buf = calloc(1, s->sector);
	int r;

	if (!buf)
		return -ENOMEM;
	le64_put(buf, MAGIC);
	le64_put(buf + 8, VERSION);
	le64_put(buf + 16, s->entries);
	le32_put(buf + 24, s->sector);
	r = blk_pwrite(s->log, 0, s->sector, buf);
	free(buf);
	return r;
}

/* The end of a log that is to be continued. */
static int find_end(struct logger *s, struct err *e)
{
	uint8_t h[32];
	int r = blk_pread_what(s->log, 0, 32, h, "log superblock", e);

	if (r)
		return r;
	if (le64_get(h) != MAGIC || le64_get(h + 8) != VERSION)
		return err_set(e, EINVAL, "Could not read log superblock: it is not a write log of version 1");
	if (le32_get(h + 24) != s->sector)
		return err_set(e, EINVAL, "The log has sectors of %u bytes, not %u", le32_get(h + 24), s->sector);
	uint64_t n = le64_get(h + 16);
	for (uint64_t i = 0; i < n; i++) {
		if ((r = blk_pread_what(s->log, s->at, 32, h, "log entry", e)))
			return r;
		uint64_t data = le64_get(h + 16) & LOG_DISCARD ? 0 : le64_get(h + 8) * s->sector;
		if (data > s->log->size)
			return err_set(e, EINVAL, "Log entry %llu is longer than the log", (unsigned long long)i);
		s->at += s->sector + data;
		s->entries++;
	}
	return 0;
}

static int log_open(struct blk *b, struct err *e)
{
	struct logger *s = b->state;
	int r;

	s->sector = (uint32_t)blk_opts_size(b->opts, "log-sector-size", 512);
	s->interval = blk_opts_number(b->opts, "log-super-update-interval", 4096);
	if (s->sector < 512 || s->sector > 8u << 20 || (s->sector & (s->sector - 1)))
		return err_set(e, EINVAL, "Invalid log sector size %u; a power of two from 512 to 8M is", s->sector);
	pthread_mutex_init(&s->lock, NULL);
	if ((r = blk_open_child(b, "log", NULL, NULL, b->flags & ~(unsigned)BLK_WRITETHROUGH, &s->log, e)))
		return r;
	s->at = s->sector;
	if (blk_opts_bool(b->opts, "log-append", false) && (r = find_end(s, e)))
		return r;
	b->align = b->file->align > s->sector ? b->file->align : s->sector;
	return blk_writable(b) ? write_super(s) : 0;
}

static void log_close(struct blk *b)
{
	struct logger *s = b->state;

	if (s->log && blk_writable(b))
		write_super(s);
	pthread_mutex_destroy(&s->lock);
}

static int entry(struct blk *b, uint64_t offset, uint64_t length, const void *data, unsigned flags)
{
	struct logger *s = b->state;
	uint8_t *head = calloc(1, s->sector);
	uint64_t at, size = s->sector + (data ? length : 0);
	int r;

	if (!head)
		return -ENOMEM;
	le64_put(head, offset / s->sector);
	le64_put(head + 8, length / s->sector);
	le64_put(head + 16, flags);
	le64_put(head + 24, 0);
	pthread_mutex_lock(&s->lock);
	at = s->at;
	s->at += size;
	s->entries++;
	r = blk_pwrite(s->log, at, s->sector, head);
	if (!r && data)
		r = blk_pwrite(s->log, at + s->sector, length, data);
	if (!r && ((flags & (LOG_FLUSH | LOG_FUA)) || s->entries % (s->interval ? s->interval : 1) == 0))
		r = write_super(s);
	pthread_mutex_unlock(&s->lock);
	free(head);
	return r;
}

static int log_pwrite(struct blk *b, uint64_t offset, size_t length, const void *buf, unsigned flags)
{
	int r = blk_pwrite_flags(b->file, offset, length, buf, flags);
	return r ? r : entry(b, offset, length, buf, flags & BLK_WRITE_FUA ? LOG_FUA : 0);
}

static int log_discard(struct blk *b, uint64_t offset, uint64_t length)
{
	int r = blk_discard(b->file, offset, length);
	return r ? r : entry(b, offset, length, NULL, LOG_DISCARD);
}

static int log_flush(struct blk *b)
{
	int r = blk_flush(b->file);
	return r ? r : entry(b, 0, 0, NULL, LOG_FLUSH);
}

static const struct blk_option log_options[] = {
	{"log-append", BLK_OPT_BOOL, "Append to an existing log", NULL, NULL},
	{"log-sector-size", BLK_OPT_SIZE, "Log sector size", NULL, NULL},
	{"log-super-update-interval", BLK_OPT_NUMBER, "Log superblock update interval (# of write requests)", NULL, NULL},
	{.name = NULL},
};
static const char *const log_children[] = {"log", NULL};
BLOCK_FORMAT(blklogwrites) = {
	.name = "blklogwrites", .flags = BLK_F_FILTER | BLK_F_GROWS | BLK_F_TEST | BLK_F_NO_FORMAT, .state_size = sizeof(struct logger),
	.children = log_children, .options = log_options, .open = log_open, .close = log_close, .pread = filter_pread,
	.pwrite = log_pwrite, .discard = log_discard, .flush = log_flush, .truncate = filter_truncate, .get_size = filter_get_size,
};
