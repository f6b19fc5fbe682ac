/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cache-clean-interval: tables that nobody used for that long leave the cache, those in use stay. */
#include <unistd.h>
#include "block-disk.h"
#include "block/qcow2.h"
#include "tap.h"

static unsigned count(struct blk *b, uint64_t *round)
{
	struct qcow2 *s = b->state;
	unsigned n;

	pthread_mutex_lock(&b->lock);
	n = s->l2_cache.count;
	*round = s->l2_cache.round;
	pthread_mutex_unlock(&b->lock);
	return n;
}

int main(void)
{
	struct blk_graph *g = blk_graph_new(NULL);
	json_t *o = json_pack("{s:s}", "cache-clean-interval", "1");
	struct err e = ERR_INIT;
	uint8_t data[512] = {1};
	uint64_t round, last;
	unsigned n = 0;
	struct blk *b;

	/* A table of 512 bytes describes 32 KB: 32 of them. */
	if (disk_make(g, "qcow2", "mem:/c", 1 << 20, "cluster_size=512", &e) || blk_open(g, "mem:/c", "qcow2", NULL, BLK_RDWR, &b, &e))
		return printf("Bail out! %s\n", e.msg), 1;
	for (uint64_t at = 0; at < 1 << 20; at += 32768)
		blk_pwrite(b, at, sizeof data, data);
	blk_unref(b);
	if (blk_open(g, "mem:/c", "qcow2", o, BLK_RDWR, &b, &e))
		return printf("Bail out! %s\n", e.msg), 1;
	for (uint64_t at = 0; at < 1 << 20; at += 32768)
		blk_pread(b, at, sizeof data, data);
	ok(count(b, &last) == 32, "all tables are cached");
	/* One table is used all the time, over two cleanings and a bit. */
	for (round = last; round < last + 2; usleep(10000)) {
		blk_pread(b, 0, sizeof data, data);
		n = count(b, &round);
	}
	ok(n == 1, "the one in use stays (%u)", n);
	for (last = round; round < last + 2; usleep(10000))
		n = count(b, &round);
	ok(n == 0, "without a request nothing stays (%u)", n);
	ok(!blk_pread(b, 65536, sizeof data, data) && data[0] == 1, "and is read again when it is wanted");
	blk_unref(b);
	json_decref(o);
	blk_graph_free(g);
	return tap_done();
}
