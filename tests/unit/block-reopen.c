/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A node that was opened read-only and becomes writable (the base of a commit) places new blocks behind those that are
 * there, and leaves a closed image when it becomes read-only again. (vhdx, vpc and parallels overwrote the first blocks.)
 */
#include "block-disk.h"
#include "tap.h"

static void test(struct blk_graph *g, const char *format, const char *options)
{
	struct blk_check c = {.quiet = true};
	static uint8_t old[65536], new[65536], buf[65536];
	struct err e = ERR_INIT;
	bool good;
	struct blk *b;

	disk_clear();
	memset(old, 'o', sizeof old);
	memset(new, 'n', sizeof new);
	good = !disk_make(g, format, "mem:/i.vmdk", 8 << 20, options, &e) && !blk_open(g, "mem:/i.vmdk", format, NULL, BLK_RDWR, &b, &e);
	if (good) {
		good = !blk_pwrite(b, 0, sizeof old, old) && !blk_pwrite(b, 1 << 20, sizeof old, old);
		good = !blk_close(b, &e) && good;
	}
	if (!ok(good && !blk_open(g, "mem:/i.vmdk", format, NULL, 0, &b, &e), "%s %s: made, written, opened read-only", format, options))
		return;
	ok(blk_reopen(b, true, &e) == 0, "%s: it becomes writable", format);
	ok(blk_pwrite(b, 5 << 20, sizeof new, new) == 0, "%s: it is written to", format);
	ok(blk_reopen(b, false, &e) == 0, "%s: it becomes read-only again", format);
	for (int round = 0; round < 2; round++) {
		ok(!blk_pread(b, 0, sizeof buf, buf) && !memcmp(buf, old, sizeof buf) && !blk_pread(b, 1 << 20, sizeof buf, buf) &&
		   !memcmp(buf, old, sizeof buf), "%s: the blocks that were there are there%s", format, round ? ", from another opener" : "");
		ok(!blk_pread(b, 5 << 20, sizeof buf, buf) && !memcmp(buf, new, sizeof buf), "%s: and the new one", format);
		blk_unref(b);
		if (round || !ok(blk_open(g, "mem:/i.vmdk", format, NULL, 0, &b, &e) == 0, "%s: it was left closed", format))
			return;
		ok(!b->fmt->check || (!b->fmt->check(b, &c, 0, &e) && !c.corruptions && !c.check_errors), "%s: and consistent", format);
	}
}

int main(void)
{
	static const char *const kinds[][2] = {
		{"raw", ""}, {"qcow", ""}, {"qcow2", ""}, {"qed", ""}, {"vdi", ""}, {"vdi", "static=on"}, {"vmdk", ""},
		{"vmdk", "subformat=monolithicFlat"}, {"vpc", ""}, {"vpc", "subformat=fixed"}, {"vhdx", "block_size=1M"},
		{"vhdx", "subformat=fixed"}, {"parallels", ""}};
	struct blk_graph *g = blk_graph_new(NULL);

	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		test(g, kinds[i][0], kinds[i][1]);
	blk_graph_free(g);
	return tap_done();
}
