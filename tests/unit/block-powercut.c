/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Power cuts: a disk in memory logs every write, zeroing, truncation and flush of a format driver under random guest
 * operations (writes, zeros, discards, compressed writes, snapshots), in two sessions. States after a cut are made of
 * everything up to the last flush, and of what came later some operations only, torn at 512 bytes. Each must open, its
 * check must find leaks at most, and every sector must hold what it held at the guest's last flush, or something that
 * was written since: never anything else, and never an error.
 *
 *	block-powercut [KIND|all [STATES [SEED]]]	STATES for each format, spread over its kinds
 *	POWERCUT_SCRIPT=N				only script N of each kind
 *	POWERCUT_STATES=N, POWERCUT_RECORD=FILE		the same for all; a line for each format is appended to FILE
 */
#include "block-guest.h"
#include "tap.h"

enum { OPS = 90, PER_SCRIPT = 200, MAX_FLUSHES = OPS + 4 };

/* ---- guest history ----------------------------------------------------------------------------------------------- */
static struct op ops[OPS];
static struct { size_t log, op; uint32_t *tags; } flushed[MAX_FLUSHES]; /* entries and operations before the guest's flush */
static unsigned op_count, flushes;

static void flushed_add(const uint32_t *tags)
{
	if (flushes == MAX_FLUSHES)
		return;
	flushed[flushes].log = disk.entries;
	flushed[flushes].op = op_count;
	flushed[flushes].tags = memcpy(malloc(SECTORS * 4), tags, SECTORS * 4);
	flushes++;
}

static int run_guest(struct blk_graph *g, const struct kind *k, uint32_t *tags)
{
	struct err e = ERR_INIT;
	bool have_snapshot = false;
	struct blk *b;
	int r = 0;

	op_count = flushes = 0;
	flushed_add(tags);
	for (int session = 0; session < 2 && !r; session++) {
		struct blk_geometry geo;
		if ((r = kind_open(g, k, BLK_RDWR | BLK_UNMAP, &b, &e))) {
			printf("# %s\n", e.msg);
			return r;
		}
		blk_geometry(b, &geo);
		while (!r && op_count < (session + 1u) * (OPS / 2)) {
			struct blk_snapshot s = {.name = "s"};
			bool packed, discard;
			choose(&ops[op_count], k, geo.cluster_size, 1000 + op_count, &packed, &discard);
			r = perform(b, &ops[op_count], packed, discard, tags);
			op_count++;
			if (!r && k->can & SNAPSHOTS && rnd() % 16 == 0) {
				r = have_snapshot ? b->fmt->snapshot_delete(b, "s", &e) : b->fmt->snapshot_create(b, &s, &e);
				have_snapshot = !have_snapshot;
			}
			if (!r && rnd() % 6 == 0 && !(r = blk_flush(b)))
				flushed_add(tags);
		}
		if (!r && !(r = blk_close(b, &e)))
			flushed_add(tags);
	}
	return r;
}

/* ---- states ------------------------------------------------------------------------------------------------------ */
static void replay(const struct disk_entry *e, bool torn)
{
	if (e->kind == DISK_SIZE) {
		if (e->n < e->file->size)
			disk_cut(e->file, e->n);
		e->file->size = e->n;
		return;
	}
	if (!torn) {
		disk_poke(e->file, e->off, e->n, e->data);
		return;
	}
	for (uint64_t at = 0; at < e->n;) {
		uint64_t n = 512 - (e->off + at) % 512;
		if (n > e->n - at)
			n = e->n - at;
		if (rnd() % 3)
			disk_poke(e->file, e->off + at, n, e->data ? e->data + at : NULL);
		at += n;
	}
}

static void each_file(void (*fn)(struct disk_file *f))
{
	for (struct disk_file *f = disk.file; f < disk.file + DISK_FILES && f->name[0]; f++)
		fn(f);
}

/* Leaves the files in the state of a cut behind `cut` entries. *base: entries that are part of what was kept. */
static void build(size_t cut, unsigned mode, size_t *base)
{
	size_t durable[DISK_FILES] = {0}, least = cut, torn;

	each_file(disk_reset);
	for (unsigned f = 0; f < DISK_FILES && disk.file[f].name[0]; f++) {
		durable[f] = *base;
		for (size_t i = cut; i > *base; i--)
			if (disk.log[i - 1].kind == DISK_FLUSH && disk.log[i - 1].file == &disk.file[f]) {
				durable[f] = i;
				break;
			}
		if (durable[f] < least)
			least = durable[f];
	}
	for (; *base < least; ++*base)
		if (disk.log[*base].kind != DISK_FLUSH)
			replay(&disk.log[*base], false);
	each_file(disk_keep);
	torn = least < cut ? least + rnd() % (cut - least) : 0;
	for (size_t i = least; i < cut; i++) {
		const struct disk_entry *e = &disk.log[i];
		if (e->kind == DISK_FLUSH)
			continue;
		/* All of them, the last one torn; a choice; a choice with one torn; a choice, all torn. */
		if (i < durable[e->file - disk.file])
			replay(e, false);
		else if (mode == 0 || rnd() % 2)
			replay(e, mode == 3 || (mode == 2 && i == torn) || (mode == 0 && i + 1 == cut));
	}
}

/* What is wrong with the state as it is now; NULL: nothing. */
static const char *judge(struct blk_graph *g, const struct kind *k, unsigned flush, size_t cut)
{
	static uint8_t all[DISK];
	static char why[1200];
	struct blk_check c = {.quiet = true};
	struct blk_geometry geo;
	struct err e = ERR_INIT;
	struct blk *b;
	int r = kind_open(g, k, BLK_CHECK | BLK_NO_BACKING, &b, &e);
	bool again = true;

	if (r == -EPERM) { /* it has a log that must be replayed */
		r = kind_open(g, k, BLK_RDWR | BLK_NO_BACKING, &b, &e);
		again = false;
	}
	if (r < 0) {
		snprintf(why, sizeof why, "does not open: %s", e.msg);
		return why;
	}
	blk_geometry(b, &geo);
	if (geo.dirty && again) { /* the next writer mends it */
		blk_unref(b);
		if (kind_open(g, k, BLK_RDWR | BLK_NO_BACKING, &b, &e) < 0) {
			snprintf(why, sizeof why, "dirty, does not open: %s", e.msg);
			return why;
		}
	}
	if (b->fmt->check && (b->fmt->check(b, &c, 0, &e) < 0 || c.corruptions || c.check_errors)) {
		snprintf(why, sizeof why, "check: %llu corruptions, %llu errors", (unsigned long long)c.corruptions,
			 (unsigned long long)c.check_errors);
		blk_unref(b);
		return why;
	}
	if (!blk_writable(b) && again) {
		blk_unref(b);
		if (kind_open(g, k, BLK_RDWR | BLK_NO_BACKING, &b, &e) < 0) {
			snprintf(why, sizeof why, "does not open for writing: %s", e.msg);
			return why;
		}
	}
	why[0] = '\0';
	if (blk_pread(b, 0, DISK, all))
		for (uint64_t s = 0; s < SECTORS && !why[0]; s++)
			if (blk_pread(b, s * 512, 512, all + s * 512))
				snprintf(why, sizeof why, "sector %llu cannot be read", (unsigned long long)s);
	for (uint64_t s = 0; s < SECTORS && !why[0]; s++) {
		uint32_t t = tag_of(all + s * 512);
		bool good = t == flushed[flush].tags[s];
		for (size_t i = flushed[flush].op; i < op_count && ops[i].log < cut && !good; i++)
			good = s >= ops[i].sector && s < ops[i].sector + ops[i].count && t == ops[i].tag;
		if (!good)
			snprintf(why, sizeof why, "sector %llu holds %u, at the flush it was %u", (unsigned long long)s, t,
				 flushed[flush].tags[s]);
	}
	blk_unref(b);
	return why[0] ? why : NULL;
}

static int by_number(const void *a, const void *b)
{
	size_t x = *(const size_t *)a, y = *(const size_t *)b;

	return x < y ? -1 : x > y;
}

/* One script of guest operations and `states` cuts of it; how many are bad. */
static unsigned script(struct blk_graph *g, const struct kind *k, unsigned states)
{
	uint32_t *tags = calloc(SECTORS, 4);
	size_t *cut = calloc(states, sizeof *cut), base = 0;
	struct err e = ERR_INIT;
	unsigned bad = 0, flush = 0;
	uint64_t began = seed;

	disk_clear();
	if (disk_make(g, k->format, k->name, DISK, k->options, &e)) {
		printf("# cannot make %s (%s): %s\n", k->format, k->options, e.msg);
		return states;
	}
	if (k->can & SECRET) { /* what a new volume holds is not said */
		static const uint8_t zeros[DISK];
		struct blk *b;
		if (kind_open(g, k, BLK_RDWR, &b, &e) || blk_pwrite(b, 0, DISK, zeros) || blk_close(b, &e))
			printf("# %s: cannot be filled\n", k->format);
	}
	each_file(disk_keep);
	disk.logging = true;
	if (run_guest(g, k, tags)) {
		printf("# %s (%s): an operation fails\n", k->format, k->options);
		bad = states;
	}
	disk.logging = false;
	for (unsigned i = 0; i < states; i++)
		cut[i] = 1 + rnd() % disk.entries;
	qsort(cut, states, sizeof *cut, by_number);
	for (unsigned i = 0; i < states && !(bad && getenv("POWERCUT_STOP")); i++) {
		const char *why;
		while (flush + 1 < flushes && flushed[flush + 1].log <= cut[i])
			flush++;
		build(cut[i], i % 4, &base);
		why = judge(g, k, flush, cut[i]);
		if (why && bad++ < 2)
			printf("# %s (%s), script %#llx, cut at %zu of %zu, mode %u: %s\n", k->format, k->options,
			       (unsigned long long)began, cut[i], disk.entries, i % 4, why);
	}
	each_file(disk_reset);
	disk_forget_log();
	for (unsigned i = 0; i < flushes; i++)
		free(flushed[i].tags);
	free(cut);
	free(tags);
	return bad;
}

int main(int argc, char **argv)
{
	const char *only = argc > 1 && strcmp(argv[1], "all") ? argv[1] : NULL, *env = getenv("POWERCUT_STATES");
	unsigned states = argc > 2 ? (unsigned)atoi(argv[2]) : env ? (unsigned)atoi(env) : 0;
	const char *one = getenv("POWERCUT_SCRIPT");
	uint64_t start = argc > 3 ? strtoull(argv[3], NULL, 0) : 1;
	struct objects *objects = objects_new();
	struct blk_graph *g = blk_graph_new(objects);

	if (objects_add_text(objects, "secret,id=s,data=geheim", NULL))
		return 1;
	for (unsigned first = 0, last; first < KINDS; first = last) {
		unsigned bad = 0, done = 0, each;
		double began = cpu_seconds();
		for (last = first; last < KINDS && !strcmp(kinds[last].format, kinds[first].format); last++)
			;
		if (only && strcmp(only, kinds[first].format))
			continue;
		each = states ? (states + last - first - 1) / (last - first) : 60;
		for (unsigned k = first; k < last; k++)
			for (unsigned at = 0; at < each; at += PER_SCRIPT) {
				unsigned n = each - at < PER_SCRIPT ? each - at : PER_SCRIPT;
				if (one && (unsigned)atoi(one) != at / PER_SCRIPT)
					continue;
				/* A script is known by its seed. */
				seed = (start << 32 | (uint64_t)k << 20 | at / PER_SCRIPT) * 0x9e3779b97f4a7c15u + 1;
				bad += script(g, &kinds[k], n);
				done += n;
			}
		ok(bad == 0, "%s: %u states after a power cut: all consistent or leaky, nothing flushed is lost (%u bad)",
		   kinds[first].format, done, bad);
		record("POWERCUT_RECORD", "%s: %u states in %u scripts of %u kinds, seed %llu, %u bad, %.0f states a second", kinds[first].format,
		       done, (each + PER_SCRIPT - 1) / PER_SCRIPT * (last - first), last - first, (unsigned long long)start, bad,
		       done / (cpu_seconds() - began));
	}
	if (argc < 2) {
		/* A cluster with subclusters that was new, freed, and used again: it was taken for new once more. */
		seed = 0xd02ceaf5841e5cbe;
		ok_eq((int)script(g, &kinds[8], 200), 0, "qcow2: a cluster with subclusters that is used again is not taken for new");
	}
	blk_graph_free(g);
	objects_free(objects);
	return tap_done();
}
