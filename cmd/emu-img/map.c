/* SPDX-License-Identifier: GPL-2.0-or-later */
/* map: which parts of the disk lie where. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "img.h"

struct entry {
	uint64_t start, length, offset;
	unsigned flags, depth;
	struct blk *file;
};

static int print(const struct entry *e, const struct entry *next, bool json)
{
	bool data = e->flags & BLK_ST_DATA, zero = e->flags & BLK_ST_ZERO;

	if (!json) {
		if (data && !(e->flags & BLK_ST_OFFSET)) {
			err_print("File contains external, encrypted or compressed clusters.");
			return 1;
		}
		if (data && !zero)
			printf("%#-16" PRIx64 "%#-16" PRIx64 "%#-16" PRIx64 "%s\n", e->start, e->length, e->offset,
			       e->file ? e->file->filename : "");
		return 0;
	}
	printf("{ \"start\": %" PRIu64 ", \"length\": %" PRIu64 ", \"depth\": %u, \"present\": %s, \"zero\": %s, \"data\": %s", e->start,
	       e->length, e->depth, e->flags & BLK_ST_ALLOCATED ? "true" : "false", zero ? "true" : "false", data ? "true" : "false");
	if (e->flags & BLK_ST_OFFSET)
		printf(", \"offset\": %" PRIu64, e->offset);
	printf("}");
	if (next)
		printf(",\n");
	else
		printf("]\n");
	return 0;
}

static bool joins(const struct entry *a, const struct entry *b)
{
	unsigned care = BLK_ST_DATA | BLK_ST_ZERO | BLK_ST_OFFSET | BLK_ST_ALLOCATED;

	if ((a->flags & care) != (b->flags & care) || a->depth != b->depth)
		return false;
	if (a->flags & BLK_ST_OFFSET)
		return a->file == b->file && a->offset + a->length == b->offset;
	return true;
}

static int run(struct img *m)
{
	int json = img_output(&m->a), r = 0;
	uint64_t at = 0, end;
	struct entry cur = {0}, next;
	struct blk *b;
	bool have = false;

	if (json < 0)
		return 1;
	if (m->words != 1)
		return img_usage("Expecting one image file name");
	if (m->a.start_offset && img_parse_size(m->a.start_offset, &at))
		return 1;
	end = UINT64_MAX;
	if (m->a.max_length && img_parse_size(m->a.max_length, &end))
		return 1;
	if (img_open(m, m->word[0], m->a.image_opts, m->a.fmt, 0, &b))
		return 1;
	end = end > b->size || at + end > b->size ? b->size : at + end;
	if (json)
		printf("[");
	else
		printf("%-16s%-16s%-16s%s\n", "Offset", "Length", "Mapped to", "File");
	while (at < end) {
		struct blk_status st;
		if ((r = blk_block_status_above(b, NULL, at, end - at, &st))) {
			err_print("Failed to read image metadata: %s", strerror(-r));
			r = 1;
			break;
		}
		next = (struct entry){at, st.length, st.offset, st.flags, st.depth, st.file};
		if (next.flags & BLK_ST_COMPRESSED)
			next.flags &= ~(unsigned)BLK_ST_OFFSET;
		at += st.length;
		if (have && joins(&cur, &next)) {
			cur.length += next.length;
			continue;
		}
		if (have && (r = print(&cur, &next, json)))
			break;
		cur = next;
		have = true;
	}
	if (!r && have)
		r = print(&cur, NULL, json);
	else if (!r && json)
		printf("]\n");
	blk_unref(b);
	return r;
}

static const struct opt rows[] = {
	ROW_OBJECT, ROW_IMAGE_OPTS, ROW_FMT, ROW('s', "start-offset", OPT_STRING, "OFFSET", "where to begin", start_offset),
	ROW('l', "max-length", OPT_STRING, "LENGTH", "how much to look at", max_length), ROW_OUTPUT, ROW_SHARE, ROW_HELP,
};
const struct command cmd_map = {.name = "map", ROWS(rows), .run = run};
