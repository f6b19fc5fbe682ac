/* SPDX-License-Identifier: GPL-2.0-or-later */
/* compare: do two images show the guest the same? Exit status 0 (yes), 1 (no), 2 (open), 3 (status), 4 (read). */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "img.h"

#define CHUNK (256u << 10) /* bytes at a time: two buffers stay in a core's cache */

struct compare {
	struct img *m;
	struct blk *b[2];
	uint64_t common, end;   /* of the shorter, of the longer */
	pthread_mutex_t lock;
	uint64_t at, done;
	struct blk_status st[2]; /* under the cursor */
	uint64_t st_end[2];
	uint64_t first;          /* lowest difference, UINT64_MAX: none */
	int result;              /* exit status of an error, 0: none */
	char text[256];
};

/* Status of both at the cursor; the run is as long as neither changes. */
static int look(struct compare *c, uint64_t *n)
{
	*n = c->common - c->at;
	for (int i = 0; i < 2; i++) {
		if (c->at >= c->st_end[i]) {
			int r = blk_block_status_above(c->b[i], NULL, c->at, c->common - c->at, &c->st[i]);
			if (r) {
				snprintf(c->text, sizeof c->text, "Sector allocation test failed for %s", c->m->word[i]);
				return r;
			}
			c->st_end[i] = c->at + c->st[i].length;
		}
		if (c->st_end[i] - c->at < *n)
			*n = c->st_end[i] - c->at;
	}
	return 0;
}

static void differ(struct compare *c, uint64_t at)
{
	pthread_mutex_lock(&c->lock);
	if (at < c->first)
		c->first = at;
	pthread_mutex_unlock(&c->lock);
}

/* Takes the next piece that must be read; [0]/[1] say which images hold data there. */
static bool take(struct compare *c, uint64_t *at, size_t *n, bool *data)
{
	bool got = false;

	pthread_mutex_lock(&c->lock);
	while (!c->result && c->at < c->common && c->at < c->first) {
		uint64_t run;
		if (look(c, &run)) {
			c->result = 3;
			break;
		}
		if (c->m->a.strict && (c->st[0].flags & BLK_ST_ALLOCATED) != (c->st[1].flags & BLK_ST_ALLOCATED)) {
			snprintf(c->text, sizeof c->text, "Strict mode: Offset %" PRIu64 " block status mismatch!", c->at);
			c->result = -1;
			break;
		}
		for (int i = 0; i < 2; i++)
			data[i] = (c->st[i].flags & BLK_ST_DATA) && !(c->st[i].flags & BLK_ST_ZERO);
		if (!data[0] && !data[1]) {
			c->at += run;
			c->done += run;
			continue;
		}
		*at = c->at;
		*n = run < CHUNK ? (size_t)run : CHUNK;
		c->at += *n;
		got = true;
		break;
	}
	pthread_mutex_unlock(&c->lock);
	return got;
}

static void *worker(void *opaque)
{
	struct compare *c = opaque;
	uint8_t *buf[2] = {NULL, NULL};
	uint64_t at;
	size_t n;
	bool data[2];

	if (posix_memalign((void **)&buf[0], 4096, CHUNK) || posix_memalign((void **)&buf[1], 4096, CHUNK))
		c->result = 4;
	while (!c->result && take(c, &at, &n, data)) {
		for (int i = 0; i < 2; i++) {
			int r = data[i] ? blk_pread(c->b[i], at, n, buf[i]) : 0;
			if (r) {
				pthread_mutex_lock(&c->lock);
				if (!c->result) {
					c->result = 4;
					snprintf(c->text, sizeof c->text, "Error while reading offset %" PRIu64 " of %s: %s", at, c->m->word[i],
						 strerror(-r));
				}
				pthread_mutex_unlock(&c->lock);
				goto out;
			}
		}
		bool same = data[0] && data[1] ? !memcmp(buf[0], buf[1], n) : blk_is_zero(buf[data[0] ? 0 : 1], n);
		for (size_t k = 0; !same && k < n; k += BLK_SECTOR) {
			size_t s = n - k < BLK_SECTOR ? n - k : BLK_SECTOR;
			bool eq = data[0] && data[1] ? !memcmp(buf[0] + k, buf[1] + k, s) : blk_is_zero(buf[data[0] ? 0 : 1] + k, s);
			if (!eq) {
				differ(c, at + k);
				break;
			}
		}
		pthread_mutex_lock(&c->lock);
		c->done += n;
		img_progress(c->m, (double)c->done, (double)c->end);
		pthread_mutex_unlock(&c->lock);
	}
out:
	free(buf[0]);
	free(buf[1]);
	return NULL;
}

/* The part that only the longer image has must read as zeros. */
static int tail(struct compare *c, int longer)
{
	uint8_t *buf = malloc(CHUNK);
	uint64_t at = c->common;
	int ret = 0;

	while (buf && at < c->end && !ret) {
		struct blk_status st;
		uint64_t n;
		int r = blk_block_status_above(c->b[longer], NULL, at, c->end - at, &st);
		if (r) {
			err_print("Sector allocation test failed for %s", c->m->word[longer]);
			ret = 3;
			break;
		}
		n = st.length;
		if ((st.flags & BLK_ST_DATA) && !(st.flags & BLK_ST_ZERO)) {
			if (n > CHUNK)
				n = CHUNK;
			if ((r = blk_pread(c->b[longer], at, (size_t)n, buf))) {
				err_print("Error while reading offset %" PRIu64 " of %s: %s", at, c->m->word[longer], strerror(-r));
				ret = 4;
				break;
			}
			for (size_t k = 0; k < n && !ret; k += BLK_SECTOR)
				if (!blk_is_zero(buf + k, n - k < BLK_SECTOR ? (size_t)n - k : BLK_SECTOR)) {
					img_say(c->m, "Content mismatch at offset %" PRIu64 "!\n", at + k);
					ret = 1;
				}
		}
		at += n;
	}
	free(buf);
	return ret;
}

static int run(struct img *m)
{
	struct compare c = {.m = m, .first = UINT64_MAX};
	unsigned flags = 0;
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	pthread_t t[4];
	int made = 0, ret = 2;

	if (m->words != 2)
		return img_usage("Expecting two image file names") ? 2 : 2;
	if (m->a.src_cache && img_cache_flags(m->a.src_cache, &flags)) {
		err_print("Invalid source cache option: %s", m->a.src_cache);
		return 2;
	}
	pthread_mutex_init(&c.lock, NULL);
	img_progress_start(m, m->a.progress);
	if (img_open(m, m->word[0], m->a.image_opts, m->a.fmt, flags, &c.b[0]) ||
	    img_open(m, m->word[1], m->a.image_opts, m->a.fmt2, flags, &c.b[1]))
		goto out;
	c.common = c.b[0]->size < c.b[1]->size ? c.b[0]->size : c.b[1]->size;
	c.end = c.b[0]->size < c.b[1]->size ? c.b[1]->size : c.b[0]->size;
	if (m->a.strict && c.common != c.end) {
		img_say(m, "Strict mode: Image size mismatch!\n");
		ret = 1;
		goto out;
	}
	for (; made < 3 && made + 1 < cpus; made++)
		if (pthread_create(&t[made], NULL, worker, &c))
			break;
	worker(&c);
	for (int i = 0; i < made; i++)
		pthread_join(t[i], NULL);
	if (c.first != UINT64_MAX) {
		img_say(m, "Content mismatch at offset %" PRIu64 "!\n", c.first);
		ret = 1;
	} else if (c.result) {
		if (c.result < 0)
			img_say(m, "%s\n", c.text);
		else
			err_print("%s", c.text);
		ret = c.result < 0 ? 1 : c.result;
	} else {
		ret = 0;
		if (c.common != c.end) {
			int longer = c.b[0]->size < c.b[1]->size;
			img_say(m, "Warning: Image size mismatch!\n");
			ret = tail(&c, longer);
		}
		if (!ret)
			img_say(m, "Images are identical.\n");
	}
out:
	img_progress_end(m);
	blk_unref(c.b[0]);
	blk_unref(c.b[1]);
	pthread_mutex_destroy(&c.lock);
	return ret;
}

static const struct opt rows[] = {
	ROW_OBJECT, ROW_IMAGE_OPTS, ROW_FMT, ROW('F', "second-format", OPT_STRING, "FMT", "format of the second image", fmt2),
	ROW_SRC_CACHE, ROW_PROGRESS, ROW_QUIET, ROW('s', "strict", OPT_FLAG, NULL, "size and allocation must agree too", strict), ROW_SHARE,
	ROW_HELP,
};
const struct command cmd_compare = {.name = "compare", ROWS(rows), .run = run};
