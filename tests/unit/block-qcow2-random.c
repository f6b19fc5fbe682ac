/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Random operations on qcow2 images of many kinds agree with a plain array, and check stays clean. */
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>
#include "block/block.h"
#include "tap.h"

static char dir[] = "/tmp/qcow2-random-XXXXXX";
static uint64_t seed = 88172645463325252ull;

static uint64_t rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	return seed ^= seed << 17;
}

struct kind {
	const char *options;
	uint64_t size;
	bool backing, snapshots, compress;
	unsigned ops;
};

static const struct kind kinds[] = {
	{"", 4 << 20, false, true, true, 600},
	{"", 4 << 20, true, true, true, 600},
	{"cluster_size=512", 1 << 20, false, true, true, 400},
	{"cluster_size=512,refcount_bits=64", 1 << 20, true, true, true, 300},
	{"cluster_size=2M", 16 << 20, false, true, true, 100},
	{"refcount_bits=1,cluster_size=4k", 2 << 20, true, false, true, 500},
	{"refcount_bits=2,cluster_size=1k", 1 << 20, true, false, true, 400},
	{"refcount_bits=8,cluster_size=4k", 2 << 20, true, true, true, 400},
	{"compat=0.10,cluster_size=4k", 2 << 20, false, true, true, 500},
	{"compat=0.10,cluster_size=4k", 2 << 20, true, true, true, 500},
	{"extended_l2=on,cluster_size=16k", 4 << 20, false, true, true, 600},
	{"extended_l2=on,cluster_size=64k", 4 << 20, true, true, true, 600},
	{"extended_l2=on,cluster_size=2M,preallocation=metadata", 16 << 20, true, true, false, 100},
	{"preallocation=metadata,cluster_size=4k", 2 << 20, false, true, true, 300},
	{"preallocation=falloc,cluster_size=64k", 4 << 20, false, true, false, 200},
	{"preallocation=full,cluster_size=8k", 2 << 20, false, true, false, 200},
	{"data_file=%s/data,cluster_size=4k", 2 << 20, false, false, false, 400},
	{"data_file=%s/data2,data_file_raw=on", 4 << 20, false, false, false, 300},
	{"compression_type=zstd,lazy_refcounts=on", 4 << 20, true, true, true, 300},
};

static struct blk_graph *graph;

static int make(const char *path, const char *fmt, const char *options, uint64_t size, const char *backing)
{
	const struct blk_format *f = blk_format_find(fmt);
	struct err e = ERR_INIT;
	struct blk_option *table = blk_create_options(f, path, &e);
	struct blk_opts *o = blk_opts_new(table);
	char text[512], *p, *save = NULL;
	int r = 0;

	snprintf(text, sizeof text, "%s", options);
	for (p = strtok_r(text, ",", &save); p && !r; p = strtok_r(NULL, ",", &save)) {
		char *eq = strchr(p, '=');
		*eq = '\0';
		r = blk_opts_set(o, p, eq + 1, &e);
	}
	if (backing) {
		blk_opts_set(o, "backing_file", backing, &e);
		blk_opts_set(o, "backing_fmt", "raw", &e);
	}
	if (!r)
		r = blk_create_image(graph, f, path, size, o, NULL, BLK_NO_FLUSH, &e);
	if (r)
		printf("# create: %s\n", e.msg);
	blk_opts_free(o);
	free(table);
	return r;
}

static struct blk *open_image(const char *path, unsigned flags)
{
	struct blk *b = NULL;
	struct err e = ERR_INIT;

	if (blk_open(graph, path, "qcow2", NULL, flags | BLK_NO_FLUSH, &b, &e)) {
		printf("# open: %s\n", e.msg);
		return NULL;
	}
	return b;
}

static bool same(struct blk *b, const uint8_t *model, uint64_t size)
{
	uint8_t *buf = malloc(size);
	int r = blk_pread(b, 0, size, buf);
	bool good = !r && !memcmp(buf, model, size);

	if (r)
		printf("# read: %d\n", r);
	for (uint64_t i = 0; !r && !good && i < size; i++)
		if (buf[i] != model[i]) {
			printf("# first difference at %llu: got %02x want %02x\n", (unsigned long long)i, buf[i], model[i]);
			break;
		}
	free(buf);
	return good;
}

static bool clean(struct blk *b)
{
	struct blk_check c = {0};
	struct err e = ERR_INIT;
	int r = b->fmt->check(b, &c, 0, &e);

	if (r || c.corruptions || c.leaks || c.check_errors)
		printf("# check: %d corruptions %llu leaks %llu errors %llu\n", r, (unsigned long long)c.corruptions,
		       (unsigned long long)c.leaks, (unsigned long long)c.check_errors);
	return !r && !c.corruptions && !c.leaks && !c.check_errors;
}

static void fill(uint8_t *p, size_t n)
{
	if (rnd() % 3 == 0) { /* compressible */
		memset(p, (int)(rnd() % 255 + 1), n);
		return;
	}
	for (size_t i = 0; i < n; i += 8) {
		uint64_t v = rnd();
		memcpy(p + i, &v, n - i < 8 ? n - i : 8);
	}
}

static void play(const struct kind *k)
{
	char path[64], base[64], options[256];
	uint8_t *model = calloc(1, k->size), *data = malloc(k->size), *shot = NULL, *below = calloc(1, k->size);
	struct blk_geometry g;
	struct blk *b;
	bool good = true;
	struct err e = ERR_INIT;
	int r = 0;

	snprintf(path, sizeof path, "%s/image", dir);
	snprintf(base, sizeof base, "%s/base", dir);
	snprintf(options, sizeof options, k->options, dir);
	unlink(path);
	if (k->backing) {
		FILE *f = fopen(base, "w");
		fill(below, k->size / 2 + 1000);
		fwrite(below, 1, k->size / 2 + 1000, f); /* shorter than the overlay */
		fclose(f);
		memset(below + k->size / 2 + 1000, 0, k->size / 2 - 1000);
		memcpy(model, below, k->size);
	}
	ok(make(path, "qcow2", options, k->size, k->backing ? base : NULL) == 0, "created with %s", options);
	b = open_image(path, BLK_RDWR | BLK_UNMAP);
	if (!ok(b != NULL, "opened"))
		return;
	blk_geometry(b, &g);
	for (unsigned i = 0; i < k->ops && good; i++) {
		uint64_t at = rnd() % k->size, n = rnd() % (rnd() % 4 ? 20000 : k->size / 8) + 1;
		unsigned what = (unsigned)(rnd() % 100);
		if (rnd() % 3 == 0) {
			at = at / g.cluster_size * g.cluster_size;
			n = round_up64(n, g.cluster_size);
		}
		if (n > k->size - at)
			n = k->size - at;
		if (what < 50) {
			fill(data, n);
			r = blk_pwrite(b, at, n, data);
			memcpy(model + at, data, n);
		} else if (what < 65) {
			r = blk_pwrite_zeroes(b, at, n, rnd() % 2 ? BLK_ZERO_MAY_UNMAP : 0);
			memset(model + at, 0, n);
		} else if (what < 72) {
			/* what a discarded cluster reads as is the image's choice: ask it */
			r = blk_discard(b, at, n);
			if (!r)
				r = blk_pread(b, at, n, model + at);
		} else if (what < 80 && k->compress) {
			at = at / g.cluster_size * g.cluster_size;
			n = k->size - at < g.cluster_size ? k->size - at : g.cluster_size;
			fill(data, n);
			r = blk_pwrite_compressed(b, at, n, data);
			memcpy(model + at, data, n);
		} else if (what < 84 && k->snapshots) {
			struct blk_snapshot sn = {.name = "s"};
			if (!shot) {
				r = b->fmt->snapshot_create(b, &sn, &e);
				shot = malloc(k->size);
				memcpy(shot, model, k->size);
			} else if (rnd() % 2) {
				r = b->fmt->snapshot_apply(b, "s", &e);
				memcpy(model, shot, k->size);
			} else {
				r = b->fmt->snapshot_delete(b, "s", &e);
				free(shot);
				shot = NULL;
			}
		} else if (what < 88) {
			r = blk_flush(b);
		} else if (what < 91) {
			blk_unref(b);
			b = open_image(path, BLK_RDWR | BLK_UNMAP);
			good = b && clean(b);
		} else {
			r = blk_pread(b, at, n, data);
			good = !r && !memcmp(data, model + at, n);
		}
		if (r || !good) {
			printf("# op %u what %u at %llu n %llu: %d %s\n", i, what, (unsigned long long)at, (unsigned long long)n, r, e.msg);
			good = false;
		}
	}
	ok(good, "%u operations", k->ops);
	ok(b && same(b, model, k->size), "contents agree");
	blk_unref(b);
	b = open_image(path, 0);
	ok(b && same(b, model, k->size), "contents agree after reopening");
	ok(b && clean(b), "check finds nothing");
	blk_unref(b);
	if (!access("/usr/bin/qemu-img", X_OK)) {
		char cmd[300];
		snprintf(cmd, sizeof cmd, "/usr/bin/qemu-img check -q -f qcow2 %s >/dev/null 2>&1", path);
		int st = system(cmd);
		ok(WIFEXITED(st) && WEXITSTATUS(st) == 0, "the peer's check finds nothing");
		FILE *f = fopen(base, "w");
		fwrite(model, 1, k->size, f);
		fclose(f);
		if (!k->backing) {
			snprintf(cmd, sizeof cmd, "/usr/bin/qemu-img compare -q -F raw -f qcow2 %s %s", path, base);
			st = system(cmd);
			ok(WIFEXITED(st) && WEXITSTATUS(st) == 0, "the peer reads the same");
		}
	}
	free(model);
	free(data);
	free(shot);
	free(below);
}

/* ---- several threads ---------------------------------------------------------------------------------------------- */
#define THREADS 4
#define SLICE (1u << 20)
struct job {
	struct blk *b;
	unsigned id;
	uint8_t *model;
	int r;
};

static void *hammer(void *opaque)
{
	struct job *j = opaque;
	uint64_t x = 1234567 + j->id;
	uint8_t *buf = malloc(65536);

	for (unsigned i = 0; i < 400 && !j->r; i++) {
		x = x * 6364136223846793005ull + 1442695040888963407ull;
		/* interleaved 1000-byte stripes: threads share clusters, never bytes */
		uint64_t stripe = (x >> 33) % (THREADS * SLICE / 1000 / THREADS - 1), at = (stripe * THREADS + j->id) * 1000;
		memset(buf, (int)(x >> 24 & 255), 1000);
		j->r = blk_pwrite(j->b, at, 1000, buf);
		memcpy(j->model + at, buf, 1000);
		if (i % 97 == 0)
			j->r = blk_flush(j->b);
	}
	free(buf);
	return NULL;
}

static void threads(const char *options)
{
	char path[64];
	uint8_t *model = calloc(1, THREADS * SLICE);
	struct job job[THREADS];
	pthread_t t[THREADS];
	struct blk *b;
	bool good = true;

	snprintf(path, sizeof path, "%s/threads", dir);
	unlink(path);
	make(path, "qcow2", options, THREADS * SLICE, NULL);
	b = open_image(path, BLK_RDWR);
	for (unsigned i = 0; i < THREADS; i++) {
		job[i] = (struct job){b, i, model, 0};
		pthread_create(&t[i], NULL, hammer, &job[i]);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		pthread_join(t[i], NULL);
		good &= !job[i].r;
	}
	ok(good, "%u threads write into shared clusters (%s)", THREADS, options);
	ok(same(b, model, THREADS * SLICE), "nothing is lost");
	blk_unref(b);
	b = open_image(path, 0);
	ok(b && same(b, model, THREADS * SLICE) && clean(b), "and the image is consistent");
	blk_unref(b);
	free(model);
}

int main(void)
{
	char cmd[100];

	if (!mkdtemp(dir))
		return 1;
	graph = blk_graph_new(NULL);
	for (unsigned i = 0; i < sizeof kinds / sizeof *kinds; i++)
		play(&kinds[i]);
	threads("cluster_size=64k");
	threads("cluster_size=512");
	threads("extended_l2=on");
	blk_graph_free(graph);
	snprintf(cmd, sizeof cmd, "rm -rf %s", dir);
	return tap_done() | (system(cmd) != 0);
}
