/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the fuzzers of the image formats share. Two ways to make a file of the fuzzer's bytes:
 *
 *   whole    the bytes are the file (formats without base images), or those after a first byte of 0x80 and more
 *   patched  the first byte chooses one of the base images, which the library made (with some data in it); then come
 *            records of region (1 byte, an index of `region`), offset in it (2 bytes), length (1 byte: 1..64), bytes. So
 *            that formats whose smallest image has megabytes are fuzzed with inputs of tens of bytes.
 *
 * Then: opened read-only, described, checked, asked for its status, read in places, its snapshots too; then opened to be
 * repaired; then opened for writing and written to in places. Files are in memory (block-disk.h); whatever the image names
 * is looked for there: nothing else of this machine is opened.
 *
 * LLVMFuzzerInitialize: with FUZZ_SEEDS=DIR in the environment the bases are written there as whole inputs.
 */
#ifndef FUZZ_BLOCK_IMAGE_H
#define FUZZ_BLOCK_IMAGE_H
#include <time.h>
#include "block-disk.h"
#include "block/dirty.h"

struct fuzz_base {
	const char *options; /* "cluster_size=4096,..." */
	uint64_t size;
	void (*prepare)(struct blk *b); /* what is in it beside the data that all get; or NULL */
};

struct fuzz_format {
	const char *format, *suffix;
	const struct fuzz_base *base; /* NULL: whole files */
	unsigned bases;
	const uint64_t *region; /* where records count from */
	unsigned regions;
	bool writable;	/* false: never opened for writing */
	bool no_io;	/* only the metadata: there is no passphrase */
	void (*fix)(struct disk_file *f); /* puts checksums right, or NULL; by disk_poke() */
};

static struct {
	struct blk_graph *graph;
	bool ready;
	char path[32][64];
	struct disk_file *image[32], *whole;
	uint8_t data[65536];
} fuzz;

/* The library's own way to files of the machine is closed: an image that names /etc/passwd finds nothing. */
int open64(const char *path, int flags, ...);
int open64(const char *path, int flags, ...)
{
	(void)path, (void)flags;
	errno = ENOENT;
	return -1;
}

static void fuzz_make(const struct fuzz_format *f, unsigned i)
{
	const struct fuzz_base *base = &f->base[i];
	uint32_t cluster = 65536;
	struct blk_geometry g;
	struct err e = ERR_INIT;
	struct blk *b;

	snprintf(fuzz.path[i], sizeof fuzz.path[i], "mem:/%u%s", i, f->suffix ? f->suffix : "");
	if (disk_make(fuzz.graph, f->format, fuzz.path[i], base->size, base->options, &e) < 0 ||
	    blk_open(fuzz.graph, fuzz.path[i], f->format, NULL, BLK_RDWR, &b, &e) < 0) {
		fprintf(stderr, "%s (%s): %s\n", f->format, base->options, e.msg);
		abort();
	}
	blk_geometry(b, &g);
	if (g.cluster_size && g.cluster_size < cluster)
		cluster = (uint32_t)g.cluster_size;
	for (size_t k = 0; k < sizeof fuzz.data; k++)
		fuzz.data[k] = (uint8_t)(k / 16);
	if (b->supports_compressed && base->size >= 4u * cluster)
		blk_pwrite_compressed(b, 2 * cluster, cluster, fuzz.data);
	blk_pwrite(b, 0, 512, fuzz.data);
	if (base->size >= 1024)
		blk_pwrite(b, base->size / 2 / 512 * 512, 512, fuzz.data);
	if (base->prepare)
		base->prepare(b);
	blk_unref(b);
	fuzz.image[i] = disk_find(fuzz.path[i] + strlen("mem:"), false);
}

static void fuzz_begin(const struct fuzz_format *f)
{
	const char *seeds = getenv("FUZZ_SEEDS");

	fuzz.ready = true;
	fuzz.graph = blk_graph_new(NULL);
	for (unsigned i = 0; i < f->bases; i++)
		fuzz_make(f, i);
	snprintf(fuzz.path[31], sizeof fuzz.path[31], "mem:/whole%s", f->suffix ? f->suffix : "");
	fuzz.whole = disk_find(fuzz.path[31] + strlen("mem:"), true);
	fuzz.whole->exists = true;
	for (struct disk_file *d = disk.file; d < disk.file + DISK_FILES && d->name[0]; d++)
		disk_keep(d);
	for (unsigned i = 0; seeds && i < f->bases; i++) {
		char name[4096];
		FILE *out;
		snprintf(name, sizeof name, "%s/base-%u", seeds, i);
		out = fopen(name, "w");
		if (!out)
			abort();
		fputc(0x80, out);
		fwrite(fuzz.image[i]->data, 1, fuzz.image[i]->size, out);
		fclose(out);
	}
	disk.limit = 64 << 20;
}

static void fuzz_read(struct blk *b)
{
	struct blk_status st;
	unsigned packed = 0;
	uint64_t at = 0;

	for (int i = 0; i < 12 && at < b->size; i++) {
		size_t n = b->size - at < 2048 ? (size_t)(b->size - at) : 2048;
		/* Not the whole of a disk that claims to be huge: the walk over its tables would be all that is tested. */
		uint64_t ask = b->size - at > 4 << 20 && i % 8 ? 4 << 20 : b->size - at > 64 << 20 ? 64 << 20 : b->size - at;
		if (blk_block_status(b, at, ask, &st) < 0 || !st.length)
			break;
		if (st.length > ask)
			abort(); /* a status beyond what was asked */
		packed += (st.flags & BLK_ST_COMPRESSED) != 0;
		if (!(st.flags & BLK_ST_COMPRESSED) || packed < 4) /* to unpack a cluster costs as much as the rest of an execution */
			blk_pread(b, at, n, fuzz.data);
		at += st.length;
	}
	if (b->size) {
		size_t n = b->size < 16384 ? (size_t)b->size : 16384;
		blk_pread(b, b->size - n, n, fuzz.data);
	}
}

static struct blk *fuzz_open(const struct fuzz_format *f, const char *path, unsigned flags)
{
	struct err e = ERR_INIT;
	struct blk *b;

	if (blk_open(fuzz.graph, path, f->format, NULL, flags | BLK_NO_BACKING, &b, &e) < 0) {
		if (!e.code || !e.msg[0])
			abort(); /* every refusal has its sentence */
		return NULL;
	}
	return b;
}

static void fuzz_look(const struct fuzz_format *f, const char *path)
{
	struct blk_check c = {.quiet = true};
	struct blk *b = fuzz_open(f, path, BLK_CHECK | (f->no_io ? BLK_NO_IO : 0));
	bool no_io = f->no_io;
	struct blk_snapshot *list = NULL;
	struct blk_geometry g;
	unsigned count = 0;
	struct err e = ERR_INIT;

	if (!b) { /* for want of a passphrase? */
		no_io = true;
		b = fuzz_open(f, path, BLK_CHECK | BLK_NO_IO);
	}
	if (!b)
		return;
	blk_geometry(b, &g);
	if (b->fmt->info)
		json_decref(b->fmt->info(b, &e));
	if (b->fmt->check)
		b->fmt->check(b, &c, 0, &e);
	if (!no_io && !b->encrypted)
		fuzz_read(b);
	if (b->fmt->snapshot_list && !b->fmt->snapshot_list(b, &list, &count, &e)) {
		if (count && !no_io && !b->fmt->snapshot_load(b, list[0].id, &e) && !b->encrypted)
			fuzz_read(b);
		free(list);
	}
	blk_unref(b);
}

static void fuzz_repair(const struct fuzz_format *f, const char *path)
{
	struct blk_check c = {.quiet = true};
	struct blk *b = fuzz_open(f, path, BLK_CHECK | BLK_RDWR);
	struct err e = ERR_INIT;

	if (!b)
		return;
	b->fmt->check(b, &c, BLK_FIX_LEAKS | BLK_FIX_ERRORS, &e);
	blk_unref(b);
}

static void fuzz_change(const struct fuzz_format *f, const char *path, bool pack)
{
	struct blk *b = fuzz_open(f, path, BLK_RDWR | BLK_UNMAP);
	struct blk_snapshot sn = {.name = "f"};
	struct err e = ERR_INIT;
	struct blk_geometry g;

	if (!b)
		return;
	blk_geometry(b, &g);
	memset(fuzz.data, 'f', 16384);
	if (!b->encrypted)
		for (unsigned i = g.needs_compressed_writes ? 3 : 0; i < 4 && b->size >= 8192; i++) { /* packed blocks are dear: one */
			uint64_t at = i == 3 ? (b->size - 8192) / 512 * 512 : b->size / 4 * i / 512 * 512;
			blk_pwrite(b, at, 4096, fuzz.data);
			blk_pwrite_zeroes(b, at, 512, BLK_ZERO_MAY_UNMAP);
			blk_discard(b, at + 1024, 4096);
		}
	if (pack && !b->encrypted && b->supports_compressed && g.cluster_size && g.cluster_size <= 65536 && b->size >= g.cluster_size)
		blk_pwrite_compressed(b, 0, g.cluster_size, fuzz.data);
	if (b->fmt->flags & BLK_F_BITMAPS) {
		struct blk_dirty *d = blk_dirty_find(b, "b", &e);
		if (d) {
			bitmap_clear(&d->map, 0, b->size);
			blk_dirty_remove(b, d);
		}
		blk_dirty_add(b, "f", 65536, true, -1, &e);
	}
	if (b->fmt->snapshot_create && !b->encrypted) {
		b->fmt->snapshot_create(b, &sn, &e);
		blk_pwrite(b, 0, 512, fuzz.data);
		b->fmt->snapshot_delete(b, "1", &e);
	}
	blk_truncate(b, b->size / 2 / 512 * 512, BLK_PREALLOC_OFF, &e);
	blk_flush(b);
	blk_unref(b);
}

static void fuzz_restore(void)
{
	for (struct disk_file *d = disk.file; d < disk.file + DISK_FILES && d->name[0]; d++)
		disk_reset(d);
}

/* Milliseconds of processor time: a loaded machine is no hang. */
static long fuzz_clock(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int fuzz_run(const struct fuzz_format *f, const uint8_t *data, size_t size)
{
	struct disk_file *file;
	const char *path;
	unsigned sum = 0;
	long start = fuzz_clock();

	if (!fuzz.ready)
		fuzz_begin(f);
	if (f->bases && size < 1)
		return 0;
	for (size_t i = 0; i < size && i < 256; i++)
		sum += data[i];
	/* Repairs and writes take turns: half of the inputs are only looked at. */
	for (unsigned round = 0; round < (f->writable ? 3 : 1); round++) {
		if (round && sum % 4 != round)
			continue;
		if (f->bases && data[0] < 0x80) {
			unsigned i = data[0] % f->bases;
			file = fuzz.image[i];
			path = fuzz.path[i];
			for (size_t at = 1; at + 4 < size;) {
				uint64_t off = f->region[data[at] % f->regions] + le16_get(data + at + 1);
				size_t n = data[at + 3] % 64 + 1u;
				at += 4;
				if (n > size - at)
					n = size - at;
				if (off + n <= file->size)
					disk_poke(file, off, n, data + at);
				at += n;
			}
		} else {
			size_t skip = f->bases ? 1 : 0;
			file = fuzz.whole;
			path = fuzz.path[31];
			disk_poke(file, 0, size - skip, data + skip);
		}
		if (f->fix)
			f->fix(file);
		if (round == 0)
			fuzz_look(f, path);
		else if (round == 1 && blk_format_find(f->format)->check)
			fuzz_repair(f, path);
		else if (round == 2)
			fuzz_change(f, path, sum % 16 == 2 || size < 24);
		fuzz_restore();
	}
	if (fuzz_clock() - start > 1000)
		abort(); /* a small file that keeps the processor busy for a second */
	return 0;
}

#define FUZZ_FORMAT(...)                                                                                       \
	static const struct fuzz_format fuzz_format = {__VA_ARGS__};                                           \
	int LLVMFuzzerInitialize(int *argc, char ***argv);                                                     \
	int LLVMFuzzerInitialize(int *argc, char ***argv)                                                      \
	{                                                                                                      \
		(void)argc, (void)argv;                                                                        \
		fuzz_begin(&fuzz_format);                                                                      \
		return 0;                                                                                      \
	}                                                                                                      \
	int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);                                          \
	int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)                                           \
	{                                                                                                      \
		return fuzz_run(&fuzz_format, data, size);                                                     \
	}
#define COUNT(a) (sizeof(a) / sizeof *(a))
#endif
