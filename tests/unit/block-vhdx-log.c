/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The log that we write into VHDX images is one that others can replay: after each prefix of the writes of a session, the
 * peer's qemu-img opens the image, replays the log where there is one, and finds it consistent; we then read old or new data.
 */
#include <unistd.h>
#include "block-disk.h"
#include "tap.h"

static char path[] = "/tmp/block-vhdx-logXXXXXX";

static void store(const struct disk_file *f)
{
	FILE *out = fopen(path, "w");

	/* Holes stay holes. */
	for (uint64_t at = 0; out && at < f->size; at += DISK_PAGE)
		if (!blk_is_zero(f->data + at, DISK_PAGE))
			if (fseek(out, (long)at, SEEK_SET) || fwrite(f->data + at, DISK_PAGE, 1, out) != 1)
				abort();
	if (!out || fclose(out) || truncate(path, (off_t)f->size))
		abort();
}

int main(void)
{
	struct blk_graph *g = blk_graph_new(NULL);
	unsigned pending = 0, refused = 0, wrong = 0, left = 0, states = 0;
	static uint8_t buf[4096], want[4096];
	struct err e = ERR_INIT;
	struct disk_file *f;
	struct blk *b;
	char cmd[200];
	int fd = mkstemp(path);

	close(fd);
	memset(want, 'x', sizeof want);
	if (system("qemu-img --version >/dev/null 2>&1")) {
		printf("1..0 # SKIP the peer's qemu-img is not installed\n");
		return 0;
	}
	ok_eq(disk_make(g, "vhdx", "mem:/v", 8 << 20, "block_size=1M", &e), 0, "an image is made");
	f = disk_find("/v", false);
	disk_keep(f);
	disk.logging = true;
	if (!ok(blk_open(g, "mem:/v", "vhdx", NULL, BLK_RDWR, &b, &e) == 0, "it opens"))
		return tap_done();
	for (unsigned i = 0; i < 4; i++)
		wrong += blk_pwrite(b, (uint64_t)i * 2 << 20, sizeof want, want) != 0;
	ok_eq((int)wrong, 0, "it is written to");
	ok_eq(blk_close(b, &e), 0, "and closed");
	disk.logging = false;
	disk_reset(f);
	for (size_t k = 0; k < disk.entries; k++) {
		const struct disk_entry *n = &disk.log[k];
		if (n->kind == DISK_SIZE)
			f->size = n->n;
		else if (n->kind != DISK_FLUSH)
			disk_poke(f, n->off, n->n, n->data);
		if (n->kind == DISK_FLUSH)
			continue;
		states++;
		store(f);
		if (blk_open(g, path, "vhdx", NULL, 0, &b, &e) == 0)
			blk_unref(b);
		else
			pending++;
		snprintf(cmd, sizeof cmd, "qemu-img check -q -r all -f vhdx %s >/dev/null 2>&1", path);
		if (system(cmd))
			refused++;
		if (blk_open(g, path, "vhdx", NULL, 0, &b, &e)) {
			left++;
			continue;
		}
		for (unsigned i = 0; i < 4; i++)
			if (blk_pread(b, (uint64_t)i * 2 << 20, sizeof buf, buf) ||
			    (memcmp(buf, want, sizeof buf) && !blk_is_zero(buf, sizeof buf)))
				wrong++;
		blk_unref(b);
	}
	ok(pending >= 4, "%u of %u states have a log to replay", pending, states);
	ok_eq((int)refused, 0, "the peer replays it and finds the image consistent");
	ok_eq((int)left, 0, "after that there is none");
	ok_eq((int)wrong, 0, "blocks hold what was written, or nothing");
	unlink(path);
	blk_graph_free(g);
	return tap_done();
}
