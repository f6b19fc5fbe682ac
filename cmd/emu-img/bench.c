/* SPDX-License-Identifier: GPL-2.0-or-later */
/* bench: a number of requests one after the other in the image, some in flight at a time. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "base/size.h"
#include "img.h"

struct bench {
	struct blk *b;
	pthread_mutex_t lock;
	uint64_t left, at, size, step, buffer, image;
	uint64_t since_flush, flush_interval;
	bool write, drain;
	uint8_t pattern;
	int error;
	pthread_rwlock_t gate; /* a draining flush waits for the requests in flight */
};

static void *worker(void *opaque)
{
	struct bench *n = opaque;
	uint8_t *buf = NULL;

	if (posix_memalign((void **)&buf, 4096, round_up64(n->buffer ? n->buffer : 1, 4096))) {
		n->error = -ENOMEM;
		return NULL;
	}
	memset(buf, n->pattern, n->buffer);
	for (;;) {
		uint64_t at;
		bool flush = false;
		int r = 0;
		pthread_mutex_lock(&n->lock);
		if (!n->left || n->error) {
			pthread_mutex_unlock(&n->lock);
			break;
		}
		n->left--;
		at = n->at;
		n->at += n->step;
		if (n->image <= n->buffer)
			n->at = 0;
		else
			n->at %= n->image - n->buffer + 1;
		if (n->flush_interval && ++n->since_flush == n->flush_interval) {
			n->since_flush = 0;
			flush = true;
		}
		pthread_mutex_unlock(&n->lock);
		pthread_rwlock_rdlock(&n->gate);
		r = n->write ? blk_pwrite(n->b, at, n->buffer, buf) : blk_pread(n->b, at, n->buffer, buf);
		pthread_rwlock_unlock(&n->gate);
		if (!r && flush) {
			if (n->drain)
				pthread_rwlock_wrlock(&n->gate);
			r = blk_flush(n->b);
			if (n->drain)
				pthread_rwlock_unlock(&n->gate);
		}
		if (r) {
			pthread_mutex_lock(&n->lock);
			if (!n->error)
				n->error = r;
			pthread_mutex_unlock(&n->lock);
		}
	}
	free(buf);
	return NULL;
}

static int size_of(const char *text, const char *what, uint64_t otherwise, uint64_t max, uint64_t *v)
{
	*v = otherwise;
	if (text && (size_parse(text, 'B', v, NULL) || *v > max)) {
		err_print("Invalid %s specified", what);
		return -EINVAL;
	}
	return 0;
}

static int run(struct img *m)
{
	struct bench n = {.write = m->a.write, .drain = !m->a.no_drain, .pattern = (uint8_t)m->a.pattern, .left = (uint64_t)m->a.count,
			  .flush_interval = (uint64_t)m->a.flush_interval};
	unsigned flags = m->a.write ? BLK_RDWR : 0;
	struct err e = ERR_INIT;
	struct timespec t0, t1;
	pthread_t t[64];
	int made = 0, ret = 1;
	uint64_t offset;

	if (m->words != 1)
		return img_usage("Expecting one image file name");
	if (size_of(m->a.buffer_text, "buffer size", 4096, 1u << 30, &n.buffer) || size_of(m->a.offset_text, "offset", 0, INT64_MAX, &offset) ||
	    size_of(m->a.step_text, "step size", 0, INT32_MAX, &n.step))
		return 1;
	if (!m->a.write && m->a.flush_interval) {
		err_print("--flush-interval is only available in write tests");
		return 1;
	}
	if (m->a.flush_interval && m->a.flush_interval < m->a.depth) {
		err_print("Flush interval can't be smaller than depth");
		return 1;
	}
	if (m->a.cache && img_cache_flags(m->a.cache, &flags)) {
		err_print("Invalid cache mode");
		return 1;
	}
	if (m->a.native || (m->a.aio && !strcmp(m->a.aio, "native")))
		flags |= BLK_NATIVE_AIO;
	else if (m->a.aio && !strcmp(m->a.aio, "io_uring"))
		flags |= BLK_IO_URING;
	else if (m->a.aio && strcmp(m->a.aio, "threads")) {
		err_print("Invalid aio option: %s", m->a.aio);
		return 1;
	}
	if (img_open(m, m->word[0], m->a.image_opts, m->a.fmt, flags, &n.b))
		return 1;
	n.image = n.b->size;
	if (!n.step)
		n.step = n.buffer;
	n.at = offset;
	if (n.at + n.buffer > n.image) {
		err_print("Offset and buffer size lie beyond the end of the image (%" PRIu64 " bytes)", n.image);
		goto out;
	}
	printf("Sending %" PRId64 " %s requests, %" PRIu64 " bytes each, %" PRId64 " in parallel (starting at offset %" PRIu64 ", step size %"
	       PRIu64 ")\n", m->a.count, m->a.write ? "write" : "read", n.buffer, m->a.depth, offset, n.step);
	if (m->a.flush_interval)
		printf("Sending flush every %" PRId64 " requests\n", m->a.flush_interval);
	fflush(stdout);
	pthread_mutex_init(&n.lock, NULL);
	pthread_rwlock_init(&n.gate, NULL);
	clock_gettime(CLOCK_MONOTONIC, &t0);
	for (; made < m->a.depth - 1 && made < 64; made++)
		if (pthread_create(&t[made], NULL, worker, &n))
			break;
	worker(&n);
	for (int i = 0; i < made; i++)
		pthread_join(t[i], NULL);
	clock_gettime(CLOCK_MONOTONIC, &t1);
	if (n.error) {
		err_print("Failed request: %s", strerror(-n.error));
	} else {
		printf("Run completed in %3.3f seconds.\n", (double)(t1.tv_sec - t0.tv_sec) + (double)(t1.tv_nsec - t0.tv_nsec) / 1e9);
		ret = 0;
	}
out:
	if (blk_close(n.b, &e) && !ret)
		ret = img_fail(&e);
	return ret;
}

static void defaults(struct args *a)
{
	a->count = 75000;
	a->depth = 64;
}

static const struct opt rows[] = {
	{.letter = 'c', .name = "count", .type = OPT_INT, .arg = "COUNT", .help = "requests to send", .offset = offsetof(struct args, count), .min = 1, .max = INT32_MAX},
	{.letter = 'd', .name = "depth", .type = OPT_INT, .arg = "DEPTH", .help = "requests in flight", .offset = offsetof(struct args, depth), .min = 1, .max = INT32_MAX},
	ROW_FMT, ROW(0, "flush-interval", OPT_INT, "N", "flush after every N writes", flush_interval),
	ROW('i', "aio", OPT_STRING, "AIO", "threads, native or io_uring", aio), ROW('n', "native", OPT_FLAG, NULL, "native AIO", native),
	ROW(0, "no-drain", OPT_FLAG, NULL, "flush while requests are in flight", no_drain),
	ROW('o', "offset", OPT_STRING, "OFFSET", "where to begin", offset_text),
	{.name = "pattern", .type = OPT_INT, .arg = "BYTE", .help = "what to write", .offset = offsetof(struct args, pattern), .min = 0, .max = 255},
	ROW_QUIET, ROW('s', "buffer-size", OPT_STRING, "SIZE", "bytes of a request", buffer_text),
	ROW('S', "step-size", OPT_STRING, "STEP", "bytes from one to the next", step_text), ROW_CACHE,
	ROW('w', "write", OPT_FLAG, NULL, "write instead of reading", write), ROW_SHARE, ROW_IMAGE_OPTS, ROW_OBJECT, ROW_HELP,
};
const struct command cmd_bench = {.name = "bench", ROWS(rows), .run = run, .defaults = defaults};
