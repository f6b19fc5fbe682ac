/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Every writable format of the smaller kind, with its options and odd sizes: random writes, zeros and reads agree with
 * a model in memory, after a reopening too; `check` finds nothing; and the peer's qemu-img reads the same bytes, and we
 * read what it wrote.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include "block/block.h"
#include "crypto/object.h"
#include "tap.h"

static const char *const peer = "/usr/bin/qemu-img";
static char dir[] = "/tmp/block-formatsXXXXXX";
static struct blk_graph *graph;
static struct objects *objects;
static uint64_t seed = 88172645463325252u;

static uint64_t rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	return seed ^= seed << 17;
}

struct variant {
	const char *format, *options; /* as -o has them */
	const char *open;	      /* runtime options as JSON, for ours */
	const char *peer_opts;	      /* --image-opts of the peer after the driver and file; NULL: plain */
	unsigned backing;	      /* 1: over a raw backing file; 2: over one of the same format */
	uint64_t grow;		      /* the most a size is rounded up */
};

static const struct variant variants[] = {
#include "block-formats.def"
};

static int shell(const char *fmt, ...)
{
	char cmd[4096];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(cmd, sizeof cmd, fmt, ap);
	va_end(ap);
	return system(cmd);
}

static struct blk_opts *parse_opts(const struct blk_format *f, const char *text, struct err *e)
{
	struct blk_opts *o = blk_opts_new(f->create_options);
	char *copy = strdup(text), *save = NULL;

	for (char *w = strtok_r(copy, ",", &save); w; w = strtok_r(NULL, ",", &save)) {
		char *eq = strchr(w, '=');
		*eq = '\0';
		if (blk_opts_set(o, w, eq + 1, e) < 0)
			printf("# option %s: %s\n", w, e->msg);
	}
	free(copy);
	return o;
}

static struct blk *open_it(const struct variant *v, const char *path, unsigned flags, struct err *e)
{
	json_t *opts = v->open ? json_loads(v->open, 0, NULL) : NULL;
	struct blk *b = NULL;

	if (blk_open(graph, path, v->format, opts, flags, &b, e) < 0)
		b = NULL;
	json_decref(opts);
	return b;
}

/* Whether all of b reads as the model does, in requests of odd sizes. */
static int same(struct blk *b, const uint8_t *model, uint64_t size)
{
	static uint8_t buf[777 * 512];
	uint64_t shown = b->size;

	for (uint64_t off = 0; off < shown;) {
		size_t n = shown - off < sizeof buf ? (size_t)(shown - off) : sizeof buf;
		if (blk_pread(b, off, n, buf) < 0) {
			printf("# read of %zu at %llu fails\n", n, (unsigned long long)off);
			return 0;
		}
		for (size_t i = 0; i < n; i++)
			if (buf[i] != (off + i < size ? model[off + i] : 0)) {
				printf("# differs at %llu: %02x, model %02x\n", (unsigned long long)(off + i), buf[i],
				       off + i < size ? model[off + i] : 0);
				return 0;
			}
		off += n;
	}
	return 1;
}

static void scribble(struct blk *b, uint8_t *model, uint64_t size, unsigned rounds, int *errors)
{
	static uint8_t buf[300 * 512];

	for (unsigned i = 0; i < rounds && size >= 512; i++) {
		uint64_t off = rnd() % (size / 512) * 512, n = (1 + rnd() % (rnd() % 8 ? 20 : 300)) * 512;
		if (n > size / 512 * 512 - off)
			n = size / 512 * 512 - off;
		if (rnd() % 5 == 0) {
			if (rnd() % 2)
				n = size / 512 * 512 - off < n * 50 ? size / 512 * 512 - off : n * 50;
			if (blk_pwrite_zeroes(b, off, n, rnd() % 2 ? BLK_ZERO_MAY_UNMAP : 0) < 0)
				++*errors;
			memset(model + off, 0, n);
		} else {
			for (size_t k = 0; k < n; k += 8) {
				uint64_t v = rnd();
				memcpy(buf + k, &v, 8);
			}
			if (blk_pwrite(b, off, n, buf) < 0)
				++*errors;
			memcpy(model + off, buf, n);
		}
	}
}

static int clean(struct blk *b)
{
	struct blk_check c = {.quiet = false};
	struct err e = ERR_INIT;

	if (!b->fmt->check)
		return 1;
	if (b->fmt->check(b, &c, 0, &e) < 0) {
		printf("# check: %s\n", e.msg);
		return 0;
	}
	if (c.corruptions || c.leaks || c.check_errors)
		printf("# %llu corruptions, %llu leaks, %llu errors\n", (unsigned long long)c.corruptions,
		       (unsigned long long)c.leaks, (unsigned long long)c.check_errors);
	return !c.corruptions && !c.leaks && !c.check_errors;
}

static void save_model(const char *path, const uint8_t *model, uint64_t size, uint64_t shown)
{
	int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0600);

	if (fd < 0 || write(fd, model, size) != (ssize_t)size || ftruncate(fd, (off_t)shown))
		printf("# cannot write %s\n", path);
	close(fd);
}

/* The peer's view of the image as a raw file that is compared with the model; "" when it agrees. */
static int peer_agrees(const struct variant *v, const char *path)
{
	if (access(peer, X_OK))
		return 1;
	if (v->peer_opts)
		return shell("%s compare -q --object secret,id=sec,data=letmein --image-opts driver=%s,file.filename=%s,%s "
			     "driver=raw,file.filename=%s/model",
			     peer, v->format, path, v->peer_opts, dir) == 0;
	return shell("%s compare -q -f %s -F raw %s %s/model", peer, v->format, path, dir) == 0;
}

static void ours_first(const struct variant *v, uint64_t size)
{
	const struct blk_format *f = blk_format_find(v->format);
	uint8_t *model = calloc(1, size + 1);
	char path[300], back[300];
	struct err e = ERR_INIT;
	struct blk_opts *o;
	struct blk *b, *backing = NULL;
	uint64_t shown;
	int errors = 0, r;

	snprintf(path, sizeof path, "%s/ours.%s", dir, v->format);
	snprintf(back, sizeof back, "%s/back.raw", dir);
	o = parse_opts(f, v->options, &e);
	if (v->backing) {
		for (uint64_t i = 0; i < size / 2; i++)
			model[i] = (uint8_t)(i * 13 + i / 1000);
		save_model(back, model, size / 2 / 512 * 512, size / 2 / 512 * 512);
		memset(model + size / 2 / 512 * 512, 0, size - size / 2 / 512 * 512);
		if (v->backing == 2) {
			struct blk_opts *bo = parse_opts(f, v->options, &e);
			struct blk *raw = NULL;
			char base[300];
			snprintf(base, sizeof base, "%s/base.%s", dir, v->format);
			if (blk_create_image(graph, f, base, size, bo, NULL, 0, &e) < 0 ||
			    blk_open(graph, base, v->format, NULL, BLK_RDWR, &raw, &e) < 0 ||
			    blk_pwrite(raw, 0, size / 2 / 512 * 512, model) < 0)
				printf("# base: %s\n", e.msg);
			blk_opts_free(bo);
			blk_unref(raw);
			strcpy(back, base);
		}
		blk_opts_set(o, "backing_file", back, &e);
		blk_opts_set(o, "backing_fmt", v->backing == 2 ? v->format : "raw", &e);
		if (blk_open(graph, back, v->backing == 2 ? v->format : "raw", NULL, 0, &backing, &e) < 0)
			printf("# backing: %s\n", e.msg);
	}
	r = blk_create_image(graph, f, path, size, o, backing, 0, &e);
	blk_unref(backing);
	blk_opts_free(o);
	if (!ok(r == 0, "%s (%s) of %llu bytes is created", v->format, v->options, (unsigned long long)size)) {
		printf("# %s\n", e.msg);
		goto out;
	}
	b = open_it(v, path, BLK_RDWR, &e);
	if (!ok(b != NULL, "and opened for writing")) {
		printf("# %s\n", e.msg);
		goto out;
	}
	shown = b->size;
	if (!ok(shown >= size && shown <= size + v->grow, "its size is as asked"))
		printf("# %llu, asked for %llu\n", (unsigned long long)shown, (unsigned long long)size);
	if (!strcmp(v->format, "luks")) /* whose unwritten sectors are what the key makes of zeros */
		ok(blk_pwrite_zeroes(b, 0, shown, 0) == 0, "all of it is zeroed");
	ok(same(b, model, size), "a new image reads as its backing file or zeros");
	scribble(b, model, size, 60, &errors);
	ok(errors == 0 && same(b, model, size), "60 random writes are read back");
	ok(clean(b), "check finds nothing while it is open");
	r = blk_close(b, &e);
	ok(r == 0, "it closes");
	b = open_it(v, path, BLK_RDWR, &e);
	if (!ok(b != NULL, "and opens again")) {
		printf("# %s\n", e.msg);
		goto out;
	}
	scribble(b, model, size, 30, &errors);
	ok(errors == 0 && same(b, model, size), "30 writes more");
	ok(clean(b), "check finds nothing");
	blk_unref(b);
	snprintf(back, sizeof back, "%s/model", dir);
	save_model(back, model, size, shown);
	ok(peer_agrees(v, path), "the peer reads the same");
out:
	free(model);
}

static void peers_first(const struct variant *v, uint64_t size)
{
	uint8_t *model = calloc(1, size + 1);
	char path[300], back[300];
	struct err e = ERR_INIT;
	struct blk *b;
	int errors = 0;

	if (access(peer, X_OK))
		goto out;
	snprintf(path, sizeof path, "%s/peers.%s", dir, v->format);
	snprintf(back, sizeof back, "%s/model", dir);
	for (uint64_t i = 0; i < size; i++)
		model[i] = i / 40000 % 3 ? (uint8_t)(rnd() >> 20) : 0;
	save_model(back, model, size, size);
	if (shell("%s convert -q --object secret,id=sec,data=letmein -f raw -O %s -o %s %s %s", peer, v->format,
		  *v->options ? v->options : "size=1", back, path) != 0 &&
	    shell("%s convert -q -f raw -O %s %s %s", peer, v->format, back, path) != 0) {
		ok(0, "the peer makes %s (%s)", v->format, v->options);
		goto out;
	}
	b = open_it(v, path, BLK_RDWR, &e);
	if (!ok(b != NULL, "the peer's %s (%s) opens", v->format, v->options)) {
		printf("# %s\n", e.msg);
		goto out;
	}
	ok(same(b, model, size), "and reads as it was written");
	ok(clean(b), "and is clean");
	scribble(b, model, size, 40, &errors);
	ok(errors == 0 && same(b, model, size), "40 writes go into it");
	{
		uint64_t shown = b->size;
		blk_unref(b);
		save_model(back, model, size, shown);
	}
	ok(peer_agrees(v, path), "and the peer reads them");
out:
	free(model);
}

int main(int argc, char **argv)
{
	static const uint64_t sizes[] = {512, 100 * 512, 5u << 20, (3u << 20) + 512 * 7};
	struct err e = ERR_INIT;

	if (!mkdtemp(dir))
		return 1;
	objects = objects_new();
	objects_add_text(objects, "secret,id=sec,data=letmein", &e);
	graph = blk_graph_new(objects);
	for (size_t i = 0; i < sizeof variants / sizeof *variants; i++) {
		if (argc > 1 && strcmp(argv[1], variants[i].format))
			continue;
		/* Ciphers take their time: one odd size shows what there is to see. */
		for (size_t k = strcmp(variants[i].format, "luks") ? 0 : 3; k < sizeof sizes / sizeof *sizes; k++)
			ours_first(&variants[i], sizes[k]);
		if (!variants[i].backing)
			peers_first(&variants[i], 3 << 20);
	}
	blk_graph_free(graph);
	objects_free(objects);
	shell("rm -rf %s", dir);
	return tap_done();
}
