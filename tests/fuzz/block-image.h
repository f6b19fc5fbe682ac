/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the fuzzers of the image formats share. Two ways to make a file of the fuzzer's bytes:
 *
 *   whole    the bytes are the file
 *   patched  the first byte chooses one of the base images, which the library made (with some data in it); then come
 *            records of region (1 byte, an index of `bases`), offset in it (2 bytes), length (1 byte: 1..64), bytes. So
 *            that formats whose smallest image has megabytes are fuzzed with inputs of tens of bytes.
 *
 * Then: opened read-only, checked, asked for its status, read in places; then opened for writing, written to in places,
 * checked with repairs, closed. Backing files are never opened.
 */
#ifndef FUZZ_BLOCK_IMAGE_H
#define FUZZ_BLOCK_IMAGE_H
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "block/block.h"

struct fuzz_base {
	const char *options; /* "cluster_size=4096,..." */
	uint64_t size;
};

struct fuzz_format {
	const char *format;
	const struct fuzz_base *base; /* NULL: whole files */
	unsigned bases;
	const uint64_t *region; /* where records count from */
	unsigned regions;
	bool writable;	/* false: never opened for writing */
	bool no_io;	/* only the metadata: there is no passphrase */
	void (*fix)(uint8_t *image, size_t size); /* puts checksums right, or NULL */
};

static struct {
	struct blk_graph *graph;
	char dir[64], path[128];
	uint8_t *image[8], *work[8]; /* work: as image between runs */
	size_t size[8];
	uint8_t *live[8]; /* a byte for each page of 4 KB: it is not all zeros, or was patched in this run */
} fuzz;

__attribute__((unused)) static void fuzz_end(void)
{
	unlink(fuzz.path);
	rmdir(fuzz.dir);
}

static void fuzz_make(const struct fuzz_format *f, unsigned i)
{
	const struct blk_format *fmt = blk_format_find(f->format);
	struct blk_opts *o = blk_opts_new(fmt->create_options);
	char *copy = strdup(f->base[i].options), *save = NULL;
	struct err e = ERR_INIT;
	struct blk *b;
	struct stat st;
	int fd;

	for (char *w = strtok_r(copy, ",", &save); w; w = strtok_r(NULL, ",", &save)) {
		*strchr(w, '=') = '\0';
		if (blk_opts_set(o, w, w + strlen(w) + 1, &e) < 0)
			abort();
	}
	if (blk_create_image(fuzz.graph, fmt, fuzz.path, f->base[i].size, o, NULL, 0, &e) < 0) {
		fprintf(stderr, "%s: %s\n", f->format, e.msg);
		abort();
	}
	if (f->writable && blk_open(fuzz.graph, fuzz.path, f->format, NULL, BLK_RDWR, &b, &e) == 0) {
		static const uint8_t sector[512] = {1, 2, 3};
		blk_pwrite(b, 0, sizeof sector, sector);
		blk_unref(b);
	}
	free(copy);
	blk_opts_free(o);
	fd = open(fuzz.path, O_RDONLY);
	if (fd < 0 || fstat(fd, &st) < 0)
		abort();
	fuzz.size[i] = (size_t)st.st_size;
	fuzz.image[i] = malloc(fuzz.size[i]);
	if (pread(fd, fuzz.image[i], fuzz.size[i], 0) != st.st_size)
		abort();
	close(fd);
	fuzz.work[i] = malloc(fuzz.size[i]);
	fuzz.live[i] = calloc(1, fuzz.size[i] / 4096 + 1);
	memcpy(fuzz.work[i], fuzz.image[i], fuzz.size[i]);
	for (size_t at = 0; at < fuzz.size[i]; at += 4096)
		fuzz.live[i][at / 4096] = !blk_is_zero(fuzz.image[i] + at, fuzz.size[i] - at < 4096 ? fuzz.size[i] - at : 4096);
}

static void fuzz_begin(const struct fuzz_format *f)
{
	if (fuzz.graph)
		return;
	fuzz.graph = blk_graph_new(NULL);
	snprintf(fuzz.dir, sizeof fuzz.dir, "%s/fuzz-block-XXXXXX", access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm");
	if (!mkdtemp(fuzz.dir))
		abort();
	snprintf(fuzz.path, sizeof fuzz.path, "%s/image", fuzz.dir);
	atexit(fuzz_end);
	for (unsigned i = 0; i < f->bases; i++)
		fuzz_make(f, i);
	/* Messages about each bad image are not what is looked for. */
	if (!getenv("FUZZ_VERBOSE") && !freopen("/dev/null", "w", stdout))
		abort();
}

static void fuzz_use(const struct fuzz_format *f, unsigned flags)
{
	static uint8_t buf[65536];
	struct blk_check c = {.quiet = true};
	struct err e = ERR_INIT;
	struct blk_status st;
	uint64_t at;
	struct blk *b;

	if (blk_open(fuzz.graph, fuzz.path, f->format, NULL, flags | BLK_NO_BACKING, &b, &e) < 0) {
		if (!e.code || !e.msg[0])
			abort(); /* every refusal has its sentence */
		if (getenv("FUZZ_VERBOSE"))
			fprintf(stderr, "%s\n", e.msg);
		return;
	}
	if (b->fmt->info)
		json_decref(b->fmt->info(b, &e));
	if (flags & BLK_RDWR) {
		uint64_t last = b->size > sizeof buf ? b->size - sizeof buf : 0;
		size_t n = b->size < 8192 ? (size_t)b->size : 8192;
		blk_pwrite(b, 0, n, buf);
		blk_pwrite(b, last / 512 * 512, n, buf);
		blk_pwrite_zeroes(b, last / 2 / 512 * 512, n, BLK_ZERO_MAY_UNMAP);
		blk_flush(b);
	}
	if (b->fmt->check && b->size < UINT64_C(1) << 36)
		b->fmt->check(b, &c, flags & BLK_RDWR ? BLK_FIX_LEAKS | BLK_FIX_ERRORS : 0, &e);
	at = 0;
	for (int i = 0; i < 16 && at < b->size && !f->no_io; i++) {
		size_t n = b->size - at < sizeof buf ? (size_t)(b->size - at) : sizeof buf;
		if (blk_block_status(b, at, b->size - at, &st) < 0 || !st.length)
			break;
		if (st.length > b->size - at)
			abort(); /* a status beyond the end */
		blk_pread(b, at, n, buf);
		at += st.length;
	}
	if (b->size && !f->no_io) {
		size_t n = b->size < sizeof buf ? (size_t)b->size : sizeof buf;
		blk_pread(b, b->size - n, n, buf);
	}
	blk_unref(b);
}

/* One page of the file; holes stay holes: most of a big image is nothing. */
static void fuzz_page(int fd, const uint8_t *bytes, size_t size, size_t at)
{
	size_t n = size - at < 4096 ? size - at : 4096;

	if (!blk_is_zero(bytes + at, n) && pwrite(fd, bytes + at, n, (off_t)at) != (ssize_t)n)
		abort();
}

static int fuzz_run(const struct fuzz_format *f, const uint8_t *data, size_t size)
{
	int fd;

	fuzz_begin(f);
	if (f->bases && size < 1)
		return 0;
	fd = open(fuzz.path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	if (fd < 0 || ftruncate(fd, (off_t)(f->bases ? fuzz.size[data[0] % f->bases] : size)) < 0)
		abort();
	if (f->bases) {
		unsigned i = data[0] % f->bases;
		uint8_t *image = fuzz.work[i], *live = fuzz.live[i];
		size_t total = fuzz.size[i];
		for (size_t at = 1; at + 4 < size;) {
			uint64_t off = f->region[data[at] % f->regions] + le16_get(data + at + 1);
			size_t n = data[at + 3] % 64 + 1u;
			at += 4;
			if (n > size - at)
				n = size - at;
			for (size_t k = 0; k < n && off + k < total; k++) {
				image[off + k] = data[at + k];
				live[(off + k) / 4096] |= 2;
			}
			at += n;
		}
		if (f->fix)
			f->fix(image, total);
		for (size_t at = 0; at < total; at += 4096)
			if (live[at / 4096]) {
				fuzz_page(fd, image, total, at);
				memcpy(image + at, fuzz.image[i] + at, total - at < 4096 ? total - at : 4096);
				live[at / 4096] &= 1;
			}
	} else {
		for (size_t at = 0; at < size; at += 4096)
			fuzz_page(fd, data, size, at);
	}
	close(fd);
	fuzz_use(f, f->no_io ? BLK_NO_IO : 0);
	if (f->writable)
		fuzz_use(f, BLK_RDWR | BLK_CHECK);
	return 0;
}

#define FUZZ_FORMAT(...)                                                                                       \
	static const struct fuzz_format fuzz_format = {__VA_ARGS__};                                           \
	int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);                                          \
	int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)                                           \
	{                                                                                                      \
		return fuzz_run(&fuzz_format, data, size);                                                     \
	}
#define COUNT(a) (sizeof(a) / sizeof *(a))
#endif
