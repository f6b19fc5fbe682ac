/* SPDX-License-Identifier: GPL-2.0-or-later */
/* blkverify: every write goes to two images, every read must give the same from both. "blkverify:RAW:IMAGE". */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "block/filter.h"

struct verify {
	struct blk *test;
};

static int verify_parse(const char *filename, json_t *options, struct err *e)
{
	const char *raw = filename + strlen("blkverify:"), *image = strchr(raw, ':');

	if (!image)
		return err_set(e, EINVAL, "blkverify requires raw copy and original image path: blkverify:RAW:IMAGE");
	json_object_set_new(options, "x-raw", json_stringn(raw, (size_t)(image - raw)));
	json_object_set_new(options, "x-image", json_string(image + 1));
	return 0;
}

static int verify_open(struct blk *b, struct err *e)
{
	struct verify *s = b->state;
	const char *raw = blk_opts_string(b->opts, "x-raw"), *image = blk_opts_string(b->opts, "x-image");
	unsigned flags = b->flags & ~(unsigned)BLK_WRITETHROUGH;
	struct blk *child;
	int r;

	if ((r = blk_open_child(b, "raw", raw, "raw", flags, &child, e)) || (r = blk_open_child(b, "test", image, NULL, flags, &s->test, e)))
		return r;
	b->file = blk_ref(child);
	b->size = s->test->size;
	if (b->file->size != b->size)
		return err_set(e, EINVAL, "blkverify: the raw image has %llu bytes, the other one %llu", (unsigned long long)b->file->size,
			       (unsigned long long)b->size);
	return 0;
}

static int verify_pread(struct blk *b, uint64_t offset, size_t length, void *buf)
{
	struct verify *s = b->state;
	uint8_t *other = malloc(length);
	int r1, r2;

	if (!other)
		return -ENOMEM;
	r1 = blk_pread(b->file, offset, length, other);
	r2 = blk_pread(s->test, offset, length, buf);
	if (!r1 && !r2 && memcmp(buf, other, length)) {
		size_t i = 0;
		while (((uint8_t *)buf)[i] == other[i])
			i++;
		blk_warn(b->graph, "blkverify: contents mismatch at offset %llu of a read at %llu of %zu bytes", (unsigned long long)(offset + i),
			 (unsigned long long)offset, length);
		r2 = -EIO;
	}
	free(other);
	if (r1 != r2 && !(r1 == 0 && r2 == -EIO))
		blk_warn(b->graph, "blkverify: return value mismatch of a read at %llu: %d and %d", (unsigned long long)offset, r1, r2);
	return r1 ? r1 : r2;
}

static int verify_pwrite(struct blk *b, uint64_t offset, size_t length, const void *buf, unsigned flags)
{
	struct verify *s = b->state;
	int r1 = blk_pwrite_flags(b->file, offset, length, buf, flags), r2 = blk_pwrite_flags(s->test, offset, length, buf, flags);

	if (r1 != r2)
		blk_warn(b->graph, "blkverify: return value mismatch of a write at %llu: %d and %d", (unsigned long long)offset, r1, r2);
	return r1 ? r1 : r2;
}

static const struct blk_option verify_options[] = {
	{"x-raw", BLK_OPT_STRING, "[internal use only, will be removed]", NULL, NULL},
	{"x-image", BLK_OPT_STRING, "[internal use only, will be removed]", NULL, NULL},
	{.name = NULL},
};
static const char *const verify_prefixes[] = {"blkverify", NULL}, *const verify_children[] = {"raw", "test", NULL};
BLOCK_FORMAT(blkverify) = {
	.name = "blkverify", .flags = BLK_F_PROTOCOL | BLK_F_TEST, .state_size = sizeof(struct verify), .prefixes = verify_prefixes,
	.children = verify_children, .options = verify_options, .parse_filename = verify_parse, .open = verify_open, .pread = verify_pread,
	.pwrite = verify_pwrite,
};
