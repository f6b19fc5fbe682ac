/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Power cuts: a disk in memory logs every write, zeroing, truncation and flush of a format driver under random guest writes.
 * States after a cut are made of everything up to the last flush, and of what came later some operations only, in any
 * order, torn at 512 bytes. Each must open, its check must find leaks at most, and every sector must hold what it held at
 * the flush, or something that was written since.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include "block/block.h"
#include "tap.h"

enum { DISK = 3 << 20, SECTORS = DISK / 512, OPS = 80, ROOM = 96 << 20 };

static unsigned cuts = 40; /* states for each kind; a second argument sets more, a third another seed */
static uint64_t seed = 0x9e3779b97f4a7c15u;
static uint64_t rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	return seed ^= seed << 17;
}

/* ---- the disk in memory ------------------------------------------------------------------------------------------ */
enum { L_WRITE, L_ZERO, L_SIZE, L_FLUSH };
struct entry {
	int kind;
	uint64_t off, n;
	uint8_t *data;
};
static struct {
	uint8_t *data;
	uint64_t size;
	int logging;
	struct entry *log;
	size_t count, room;
} dev;

static void log_add(int kind, uint64_t off, uint64_t n, const void *data)
{
	struct entry *e;

	if (!dev.logging)
		return;
	if (dev.count == dev.room) {
		dev.room = dev.room ? 2 * dev.room : 1024;
		dev.log = reallocarray(dev.log, dev.room, sizeof *dev.log);
	}
	e = &dev.log[dev.count++];
	*e = (struct entry){kind, off, n, NULL};
	if (data) {
		e->data = malloc(n);
		memcpy(e->data, data, n);
	}
}

static int cut_parse(const char *name, json_t *options, struct err *e)
{
	(void)name, (void)options, (void)e;
	return 0;
}

static int cut_open(struct blk *b, struct err *e)
{
	(void)e;
	b->size = dev.size;
	return 0;
}

static int cut_pread(struct blk *b, uint64_t off, size_t n, void *buf)
{
	(void)b;
	if (off + n > dev.size)
		return -EIO;
	memcpy(buf, dev.data + off, n);
	return 0;
}

static int cut_pwrite(struct blk *b, uint64_t off, size_t n, const void *buf, unsigned flags)
{
	(void)flags;
	if (off + n > ROOM)
		return -ENOSPC;
	memcpy(dev.data + off, buf, n);
	if (off + n > dev.size)
		b->size = dev.size = off + n;
	log_add(L_WRITE, off, n, buf);
	return 0;
}

static int cut_zeroes(struct blk *b, uint64_t off, uint64_t n, unsigned flags)
{
	(void)flags;
	if (off + n > ROOM)
		return -ENOSPC;
	memset(dev.data + off, 0, n);
	if (off + n > dev.size)
		b->size = dev.size = off + n;
	log_add(L_ZERO, off, n, NULL);
	return 0;
}

static int cut_truncate(struct blk *b, uint64_t size, enum blk_prealloc p, struct err *e)
{
	(void)p;
	if (size > ROOM)
		return err_set(e, ENOSPC, "full");
	if (size < dev.size)
		memset(dev.data + size, 0, dev.size - size);
	b->size = dev.size = size;
	log_add(L_SIZE, 0, size, NULL);
	return 0;
}

static int cut_flush(struct blk *b)
{
	(void)b;
	log_add(L_FLUSH, 0, 0, NULL);
	return 0;
}

static int cut_size(struct blk *b, uint64_t *size)
{
	(void)b;
	*size = dev.size;
	return 0;
}

static const char *const cut_prefixes[] = {"cut", NULL};
BLOCK_FORMAT(cut) = {.name = "cut", .flags = BLK_F_PROTOCOL | BLK_F_GROWS | BLK_F_TEST, .prefixes = cut_prefixes, .state_size = 8,
		     .parse_filename = cut_parse, .open = cut_open, .pread = cut_pread, .pwrite = cut_pwrite,
		     .pwrite_zeroes = cut_zeroes, .truncate = cut_truncate, .flush = cut_flush, .get_size = cut_size};

/* ---- guest history ----------------------------------------------------------------------------------------------- */
struct op {
	size_t log; /* entries of the log when it began */
	uint64_t sector, count;
	uint32_t tag; /* what each sector is filled with; 0: zeros */
};
static struct op ops[OPS];
static struct { size_t log, op; uint32_t *tags; } flushed[OPS + 1]; /* the guest's flushes: entries and operations before it */
static unsigned flushes;

static uint32_t tag_of(const uint8_t *sector)
{
	uint32_t t = le32_get(sector);

	for (int i = 4; i < 512; i += 4)
		if (le32_get(sector + i) != t)
			return UINT32_MAX;
	return t;
}

static void run_guest(struct blk *b, uint32_t *tags)
{
	static uint8_t buf[400 * 512];

	flushes = 0;
	flushed[flushes].log = flushed[flushes].op = 0;
	flushed[flushes].tags = memcpy(malloc(SECTORS * 4), tags, SECTORS * 4);
	flushes++;
	for (uint32_t i = 0; i < OPS; i++) {
		struct op *o = &ops[i];
		o->log = dev.count;
		o->count = 1 + rnd() % (rnd() % 6 ? 24 : 400);
		o->sector = rnd() % (SECTORS - o->count);
		o->tag = rnd() % 5 ? 1000 + i : 0;
		for (uint64_t k = 0; k < o->count * 128; k++)
			le32_put(buf + 4 * k, o->tag);
		if (o->tag ? blk_pwrite(b, o->sector * 512, o->count * 512, buf)
			   : blk_pwrite_zeroes(b, o->sector * 512, o->count * 512, BLK_ZERO_MAY_UNMAP))
			printf("# write fails\n");
		for (uint64_t k = 0; k < o->count; k++)
			tags[o->sector + k] = o->tag;
		if (rnd() % 6 == 0 && flushes <= OPS) {
			blk_flush(b);
			flushed[flushes].log = dev.count;
			flushed[flushes].op = i + 1;
			flushed[flushes].tags = memcpy(malloc(SECTORS * 4), tags, SECTORS * 4);
			flushes++;
		}
	}
}

static void replay(const struct entry *e, int torn)
{
	if (e->kind == L_SIZE) {
		if (e->n < dev.size)
			memset(dev.data + e->n, 0, dev.size - e->n);
		dev.size = e->n;
		return;
	}
	for (uint64_t at = 0; at < e->n;) {
		uint64_t n = 512 - (e->off + at) % 512;
		if (n > e->n - at)
			n = e->n - at;
		if (!torn || rnd() % 3) {
			if (e->data)
				memcpy(dev.data + e->off + at, e->data + at, n);
			else
				memset(dev.data + e->off + at, 0, n);
			if (e->off + at + n > dev.size)
				dev.size = e->off + at + n;
		}
		at += n;
	}
}

/* What is wrong with the state as it is now; NULL: nothing. */
static const char *judge(struct blk_graph *g, const char *format, unsigned flush, size_t cut)
{
	static uint8_t all[DISK];
	static char why[1200];
	struct blk_check c = {.quiet = true};
	struct err e = ERR_INIT;
	struct blk *b;

	if (blk_open(g, "cut:x", format, NULL, BLK_CHECK | BLK_NO_BACKING, &b, &e) < 0) {
		snprintf(why, sizeof why, "does not open: %s", e.msg);
		return why;
	}
	if (b->fmt->check && (b->fmt->check(b, &c, 0, &e) < 0 || c.corruptions || c.check_errors)) {
		snprintf(why, sizeof why, "check: %llu corruptions, %llu errors", (unsigned long long)c.corruptions,
			 (unsigned long long)c.check_errors);
		blk_unref(b);
		return why;
	}
	blk_unref(b);
	if (blk_open(g, "cut:x", format, NULL, BLK_RDWR | BLK_NO_BACKING, &b, &e) < 0) {
		snprintf(why, sizeof why, "does not open for writing: %s", e.msg);
		return why;
	}
	why[0] = '\0';
	for (uint64_t off = 0; off < DISK && !why[0]; off += 1 << 19)
		if (blk_pread(b, off, 1 << 19, all + off))
			snprintf(why, sizeof why, "read at %llu fails", (unsigned long long)off);
	blk_unref(b);
	for (uint64_t s = 0; s < SECTORS && !why[0]; s++) {
		uint32_t t = tag_of(all + s * 512);
		int good = t == flushed[flush].tags[s];
		for (size_t i = flushed[flush].op; i < OPS && ops[i].log < cut && !good; i++)
			good = s >= ops[i].sector && s < ops[i].sector + ops[i].count && t == ops[i].tag;
		if (!good)
			snprintf(why, sizeof why, "sector %llu holds %u, at the flush it was %u", (unsigned long long)s, t,
				 flushed[flush].tags[s]);
	}
	return why[0] ? why : NULL;
}

static void test(const char *format, const char *options)
{
	struct blk_graph *g = blk_graph_new(NULL);
	const struct blk_format *f = blk_format_find(format);
	struct blk_opts *o = blk_opts_new(f->create_options);
	char path[] = "/tmp/block-powercutXXXXXX", *copy = strdup(options), *save = NULL;
	uint32_t *tags = calloc(SECTORS, 4);
	struct err e = ERR_INIT;
	uint8_t *base;
	uint64_t base_size;
	unsigned bad = 0, states = 0;
	struct blk *b;
	struct stat st;
	int fd = mkstemp(path);

	for (char *w = strtok_r(copy, ",", &save); w; w = strtok_r(NULL, ",", &save)) {
		*strchr(w, '=') = '\0';
		blk_opts_set(o, w, w + strlen(w) + 1, &e);
	}
	blk_create_image(g, f, path, DISK, o, NULL, 0, &e);
	if (fstat(fd, &st) || st.st_size > ROOM || pread(fd, dev.data, (size_t)st.st_size, 0) != st.st_size)
		printf("# cannot make %s: %s\n", format, e.msg);
	close(fd);
	unlink(path);
	memset(dev.data + st.st_size, 0, ROOM - (size_t)st.st_size);
	base_size = dev.size = (uint64_t)st.st_size;
	base = memcpy(malloc(base_size), dev.data, base_size);
	dev.logging = 1;
	if (!ok(blk_open(g, "cut:x", format, NULL, BLK_RDWR, &b, &e) == 0, "%s (%s) opens in memory", format, options)) {
		printf("# %s\n", e.msg);
		return;
	}
	run_guest(b, tags);
	dev.logging = 0;
	for (unsigned i = 0; i < cuts; i++) {
		size_t cut = 1 + rnd() % dev.count, durable = 0;
		unsigned flush = 0;
		const char *why;
		for (size_t k = 0; k < cut; k++)
			if (dev.log[k].kind == L_FLUSH)
				durable = k + 1;
		while (flush + 1 < flushes && flushed[flush + 1].log <= cut)
			flush++;
		memset(dev.data, 0, ROOM);
		memcpy(dev.data, base, base_size);
		dev.size = base_size;
		for (size_t k = 0; k < durable; k++)
			replay(&dev.log[k], 0);
		for (size_t k = durable; k < cut; k++)
			if (i % 4 == 0 || rnd() % 2) /* each fourth state: in order, the last write torn */
				replay(&dev.log[k], i % 4 ? 1 : k + 1 == cut);
		why = judge(g, format, flush, cut);
		states++;
		if (why && bad++ < 3)
			printf("# cut at %zu of %zu: %s\n", cut, dev.count, why);
	}
	ok(bad == 0, "%u states after a power cut: all consistent or leaky, nothing flushed is lost", states);
	/* The node that wrote them is closed on the last of these states: nobody looks at it any more. */
	blk_unref(b);
	for (size_t k = 0; k < dev.count; k++)
		free(dev.log[k].data);
	dev.count = 0;
	for (unsigned i = 0; i < flushes; i++)
		free(flushed[i].tags);
	blk_opts_free(o);
	free(base);
	free(tags);
	free(copy);
	blk_graph_free(g);
}

int main(int argc, char **argv)
{
	static const char *const kinds[][2] = {
		{"vdi", "static=off"}, {"vdi", "static=on"}, {"vpc", "force_size=on"}, {"vhdx", "block_size=1M"},
		{"parallels", "cluster_size=65536"}, {"qcow", ""}, {"qed", "cluster_size=4096"}, {"qed", "cluster_size=65536"},
		{"vmdk", ""}, {"vmdk", "zeroed_grain=on"}, {"vmdk", "subformat=streamOptimized"}};

	if (argc > 2)
		cuts = (unsigned)strtoul(argv[2], NULL, 10);
	if (argc > 3)
		seed ^= strtoull(argv[3], NULL, 10) * 0xbf58476d1ce4e5b9u;
	dev.data = calloc(1, ROOM);
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (argc < 2 || !strcmp(argv[1], "all") || !strcmp(argv[1], kinds[i][0]))
			test(kinds[i][0], kinds[i][1]);
	free(dev.data);
	free(dev.log);
	return tap_done();
}
