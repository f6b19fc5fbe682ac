/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Power cuts: whatever part of the writes since the last flush reached the disk, torn at 512 bytes, the image is
 * consistent or merely leaks, and everything that was flushed and not written since is still there.
 *
 * A protocol driver of this test keeps the file in memory and a log of its writes and flushes. States are built from the
 * log: everything up to a flush, then a random choice of the writes behind it. POWERCUT_STATES sets their number.
 */
#include <errno.h>
#include <unistd.h>
#include "block/block.h"
#include "tap.h"

#define LIMIT (24u << 20)

struct entry {
	int kind; /* 'w' write, 'f' flush, 't' truncate, 'm' mark */
	uint64_t offset, length;
	uint8_t *data;
	unsigned step; /* guest operation under way */
};
struct disk {
	uint8_t *data;
	uint64_t size;
};
static struct disk disks[2];
static struct entry *journal;
static unsigned journal_count, journal_size;
static unsigned step_now;
static uint64_t seed = 0x2545f4914f6cdd1dull;

static uint64_t rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	return seed ^= seed << 17;
}

struct state {
	struct disk *d;
	bool logged;
};

static void record(struct state *s, int kind, uint64_t offset, uint64_t length, const void *data)
{
	struct entry *n;

	if (!s->logged)
		return;
	if (journal_count == journal_size) {
		journal_size = journal_size ? journal_size * 2 : 1024;
		journal = realloc(journal, journal_size * sizeof *journal);
	}
	n = &journal[journal_count++];
	*n = (struct entry){kind, offset, length, NULL, step_now};
	if (data) {
		n->data = malloc(length);
		memcpy(n->data, data, length);
	}
}

static int mem_parse(const char *filename, json_t *options, struct err *e)
{
	(void)e;
	json_object_set_new(options, "which", json_string(filename + strlen("memlog:")));
	return 0;
}

static int mem_open(struct blk *b, struct err *e)
{
	struct state *s = b->state;
	const char *which = blk_opts_string(b->opts, "which");

	(void)e;
	s->d = &disks[which[0] == 'b'];
	s->logged = which[0] == 'a';
	b->size = s->d->size;
	return 0;
}

static int mem_pread(struct blk *b, uint64_t offset, size_t length, void *buf)
{
	struct state *s = b->state;
	memcpy(buf, s->d->data + offset, length);
	return 0;
}

static int mem_pwrite(struct blk *b, uint64_t offset, size_t length, const void *buf, unsigned flags)
{
	struct state *s = b->state;

	(void)flags;
	if (offset + length > LIMIT)
		return -ENOSPC;
	record(s, 'w', offset, length, buf);
	memcpy(s->d->data + offset, buf, length);
	if (offset + length > s->d->size)
		s->d->size = offset + length;
	return 0;
}

static int mem_truncate(struct blk *b, uint64_t size, enum blk_prealloc p, struct err *e)
{
	struct state *s = b->state;

	(void)p;
	if (size > LIMIT)
		return err_errno(e, ENOSPC, "memlog");
	record(s, 't', size, 0, NULL);
	if (size < s->d->size)
		memset(s->d->data + size, 0, s->d->size - size);
	s->d->size = b->size = size;
	return 0;
}

static int mem_flush(struct blk *b)
{
	record(b->state, 'f', 0, 0, NULL);
	return 0;
}

static int mem_create(const struct blk_create *c, struct err *e)
{
	struct disk *d = &disks[c->filename[strlen("memlog:")] == 'b'];
	(void)e;
	memset(d->data, 0, LIMIT);
	d->size = 0;
	return 0;
}

static const struct blk_option mem_options[] = {{"which", BLK_OPT_STRING, NULL, NULL, NULL}, {.name = NULL}};
static const struct blk_option mem_create_options[] = {{"size", BLK_OPT_SIZE, NULL, NULL, NULL}, {.name = NULL}};
static const char *const mem_prefixes[] = {"memlog", NULL};
BLOCK_FORMAT(memlog) = {
	.name = "memlog", .flags = BLK_F_PROTOCOL | BLK_F_GROWS, .state_size = sizeof(struct state), .prefixes = mem_prefixes,
	.options = mem_options, .create_options = mem_create_options, .parse_filename = mem_parse, .open = mem_open, .pread = mem_pread,
	.pwrite = mem_pwrite, .truncate = mem_truncate, .flush = mem_flush, .create = mem_create,
};

static struct blk_graph *graph;

static int make(const char *options, uint64_t size)
{
	const struct blk_format *f = blk_format_find("qcow2");
	struct blk_option *table = blk_create_options(f, "memlog:a", NULL);
	struct blk_opts *o = blk_opts_new(table);
	struct err e = ERR_INIT;
	char text[200], *p, *save = NULL;
	int r = 0;

	snprintf(text, sizeof text, "%s", options);
	for (p = strtok_r(text, ",", &save); p; p = strtok_r(NULL, ",", &save)) {
		char *eq = strchr(p, '=');
		*eq = '\0';
		blk_opts_set(o, p, eq + 1, &e);
	}
	r = blk_create_image(graph, f, "memlog:a", size, o, NULL, 0, &e);
	if (r)
		printf("# %s\n", e.msg);
	blk_opts_free(o);
	free(table);
	return r;
}

#define DISK_SIZE (2u << 20)
#define STEPS 120

struct snapshot { /* of the guest's disk, at a flush */
	unsigned at;  /* index in the journal */
	uint8_t *model;
	unsigned step;
};
static uint32_t *touched; /* per sector: last step that wrote it */

static void apply(struct disk *d, const struct entry *n, bool torn)
{
	if (n->kind == 't') {
		if (n->offset < d->size)
			memset(d->data + n->offset, 0, d->size - n->offset);
		d->size = n->offset;
	} else if (n->kind == 'w') {
		for (uint64_t k = 0; k < n->length;) {
			uint64_t part = 512 - (n->offset + k) % 512;
			if (part > n->length - k)
				part = n->length - k;
			if (!torn || rnd() % 2)
				memcpy(d->data + n->offset + k, n->data + k, part);
			k += part;
		}
		if (n->offset + n->length > d->size)
			d->size = n->offset + n->length;
	}
}

static void scenario(const char *options, bool snapshots, bool compressed, unsigned states)
{
	uint8_t *model = calloc(1, DISK_SIZE), *buf = malloc(DISK_SIZE);
	struct snapshot flushes[STEPS + 2];
	unsigned flush_count = 0, bad_check = 0, bad_data = 0, bad_open = 0, clean = 0, leaky = 0, dirty = 0;
	uint8_t *initial;
	uint64_t initial_size;
	struct blk *b;
	struct blk_geometry g;
	struct err e = ERR_INIT;
	/* which steps wrote a sector: bit lists would be larger than a plain log */
	struct { uint64_t at, n; unsigned step; } writes[STEPS];

	touched = calloc(DISK_SIZE / 512, sizeof *touched);
	step_now = 0;
	make(options, DISK_SIZE);
	for (unsigned i = 0; i < journal_count; i++)
		free(journal[i].data);
	journal_count = 0;
	initial = malloc(LIMIT);
	memcpy(initial, disks[0].data, LIMIT);
	initial_size = disks[0].size;
	if (!ok(blk_open(graph, "memlog:a", "qcow2", NULL, BLK_RDWR | BLK_UNMAP, &b, &e) == 0, "%s: opened", options))
		return;
	blk_geometry(b, &g);
	flushes[flush_count++] = (struct snapshot){0, memcpy(malloc(DISK_SIZE), model, DISK_SIZE), 0};
	bool have_snapshot = false;
	for (unsigned i = 0; i < STEPS; i++) {
		uint64_t at = rnd() % DISK_SIZE, n = rnd() % 30000 + 1;
		unsigned what = (unsigned)(rnd() % 100);
		int r = 0;
		step_now = i + 1;
		at = at / 512 * 512;
		n = round_up64(n, 512);
		if (n > DISK_SIZE - at)
			n = DISK_SIZE - at;
		writes[i].step = 0;
		if (what < 55) {
			for (uint64_t k = 0; k < n; k++)
				buf[k] = (uint8_t)(rnd() >> 20);
			r = blk_pwrite(b, at, n, buf);
			memcpy(model + at, buf, n);
		} else if (what < 65) {
			r = blk_pwrite_zeroes(b, at, n, rnd() % 2 ? BLK_ZERO_MAY_UNMAP : 0);
			memset(model + at, 0, n);
		} else if (what < 72) {
			r = blk_discard(b, at, n);
			blk_pread(b, at, n, model + at);
		} else if (what < 78 && compressed) {
			at = at / g.cluster_size * g.cluster_size;
			n = DISK_SIZE - at < g.cluster_size ? DISK_SIZE - at : g.cluster_size;
			memset(buf, (int)i, n);
			r = blk_pwrite_compressed(b, at, n, buf);
			memcpy(model + at, buf, n);
		} else if (what < 82 && snapshots) {
			struct blk_snapshot sn = {.name = "s"};
			if (!have_snapshot)
				r = b->fmt->snapshot_create(b, &sn, &e);
			else
				r = b->fmt->snapshot_delete(b, "s", &e);
			have_snapshot = !have_snapshot;
			n = 0;
		} else {
			n = 0;
			r = blk_flush(b);
			if (!r)
				flushes[flush_count++] = (struct snapshot){journal_count, memcpy(malloc(DISK_SIZE), model, DISK_SIZE), i + 1};
		}
		if (n) {
			writes[i].at = at;
			writes[i].n = n;
			writes[i].step = i + 1;
		}
		if (r)
			printf("# step %u: %d\n", i, r);
	}
	blk_unref(b);
	for (unsigned t = 0; t < states; t++) {
		unsigned cut = (unsigned)(rnd() % (journal_count + 1)), last = 0, f = 0;
		struct disk *d = &disks[1];
		struct blk_check c = {.quiet = true};
		int r;
		for (unsigned i = 0; i < cut; i++)
			if (journal[i].kind == 'f')
				last = i + 1;
		memcpy(d->data, initial, LIMIT);
		d->size = initial_size;
		for (unsigned i = 0; i < last; i++)
			apply(d, &journal[i], false);
		unsigned mode = (unsigned)(rnd() % 4), torn = cut > last ? last + (unsigned)(rnd() % (cut - last)) : 0;
		for (unsigned i = last; i < cut; i++) {
			/* all of them; a random choice; a choice with one torn; every one torn */
			if (mode == 0 || rnd() % 2)
				apply(d, &journal[i], mode == 3 || (mode == 2 && i == torn));
		}
		while (f + 1 < flush_count && flushes[f + 1].at <= last)
			f++;
		if (blk_open(graph, "memlog:b", "qcow2", NULL, BLK_CHECK, &b, &e)) {
			if (!bad_open++)
				printf("# cut %u last %u mode %u: %s\n", cut, last, mode, e.msg);
			continue;
		}
		blk_geometry(b, &g);
		r = b->fmt->check(b, &c, 0, &e);
		if (g.dirty) { /* a snapshot operation was under way: the next writer mends */
			dirty++;
			blk_unref(b);
			if (blk_open(graph, "memlog:b", "qcow2", NULL, BLK_RDWR, &b, &e)) {
				if (!bad_open++)
					printf("# dirty, cut %u: %s\n", cut, e.msg);
				continue;
			}
			memset(&c, 0, sizeof c);
			c.quiet = true;
			r = b->fmt->check(b, &c, 0, &e);
		}
		if (r || c.corruptions || c.check_errors) {
			if (!bad_check++) {
				printf("# cut %u last %u mode %u step %u: %d, %llu corruptions\n", cut, last, mode,
				       cut ? journal[cut - 1].step : 0, r, (unsigned long long)c.corruptions);
				memset(&c, 0, sizeof c);
				b->fmt->check(b, &c, 0, &e);
			}
		} else if (c.leaks) {
			leaky++;
		} else {
			clean++;
		}
		/* what was flushed and not written since */
		memset(touched, 0, DISK_SIZE / 512 * sizeof *touched);
		for (unsigned i = flushes[f].step; i < STEPS; i++)
			for (uint64_t k = 0; writes[i].step && k < writes[i].n; k += 512)
				touched[(writes[i].at + k) / 512] = 1;
		bool wrong = false;
		for (uint64_t k = 0; k < DISK_SIZE / 512 && !wrong; k++) {
			/* A sector written since may read as anything, even as an error: half a compressed cluster. */
			if (touched[k])
				continue;
			wrong = blk_pread(b, k * 512, 512, buf) || memcmp(buf, flushes[f].model + k * 512, 512);
		}
		bad_data += wrong;
		blk_unref(b);
	}
	ok_eq(bad_open, 0, "%s: every one of %u states opens", options, states);
	ok_eq(bad_check, 0, "%s: none is corrupt (%u clean, %u leak, %u were dirty)", options, clean, leaky, dirty);
	ok_eq(bad_data, 0, "%s: what was flushed is there", options);
	for (unsigned i = 0; i < flush_count; i++)
		free(flushes[i].model);
	free(model);
	free(buf);
	free(initial);
	free(touched);
}

int main(void)
{
	const char *env = getenv("POWERCUT_STATES");
	unsigned states = env ? (unsigned)atoi(env) : 100;

	disks[0].data = calloc(1, LIMIT);
	disks[1].data = calloc(1, LIMIT);
	graph = blk_graph_new(NULL);
	scenario("cluster_size=4k", false, false, states);
	scenario("cluster_size=512", false, false, states);
	scenario("cluster_size=64k", false, true, states);
	scenario("cluster_size=4k,refcount_bits=2", false, true, states);
	scenario("cluster_size=16k,extended_l2=on", false, true, states);
	scenario("cluster_size=4k", true, true, states);
	scenario("cluster_size=1k", true, true, states);
	scenario("cluster_size=16k,extended_l2=on", true, true, states);
	blk_graph_free(graph);
	return tap_done();
}
