/* SPDX-License-Identifier: GPL-2.0-or-later */
/* aio=native and aio=io_uring: requests go by the kernel's queues, and what comes of them is what plain calls give. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "block/block.h"
#include "tap.h"

enum { SIZE = 5 << 20 };
static char path[] = "/var/tmp/block-aioXXXXXX";
static struct blk_graph *graph;
static uint8_t *model, *buf;

/* Does the process have a queue of that kind? */
static bool has_queue(const char *aio)
{
	char line[512];
	bool found = false;
	FILE *f;

	if (!strcmp(aio, "native")) {
		f = fopen("/proc/self/maps", "r");
		while (f && fgets(line, sizeof line, f))
			found |= strstr(line, "[aio]") != NULL;
		if (f)
			fclose(f);
		return found;
	}
	for (int fd = 3; fd < 200; fd++) {
		char name[64];
		ssize_t n;
		snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
		n = readlink(name, line, sizeof line - 1);
		if (n > 0) {
			line[n] = '\0';
			found |= strstr(line, "io_uring") != NULL;
		}
	}
	return found;
}

static int open_it(const char *aio, bool direct, struct blk **b, struct err *e)
{
	json_t *o = json_pack("{s:s, s:{s:b}, s:{s:s, s:s, s:s}}", "driver", "raw", "cache", "direct", direct, "file", "driver", "file", "filename",
			      path, "aio", aio);
	int r = blk_open(graph, NULL, NULL, o, BLK_RDWR, b, e);

	json_decref(o);
	return r;
}

/* Requests of all lengths, aligned and not, within a piece and over many, up to the end. */
static void requests(struct blk *b, const char *what)
{
	uint64_t x = 88172645463325252u;
	int bad = 0;

	for (int i = 0; i < 120 && !bad; i++) {
		uint64_t off, n;
		x ^= x << 13, x ^= x >> 7, x ^= x << 17;
		off = x % SIZE;
		n = 1 + (x >> 32) % (i % 3 ? 9000 : SIZE);
		if (i % 2)
			off = off / 4096 * 4096, n = (n + 4095) / 4096 * 4096;
		if (n > SIZE - off)
			n = SIZE - off;
		if (i % 4 < 2) {
			for (uint64_t k = 0; k < n; k++)
				model[off + k] = (uint8_t)(x >> (k % 56)) ^ (uint8_t)k;
			bad = blk_pwrite(b, off, n, model + off);
		} else {
			bad = blk_pread(b, off, n, buf) || memcmp(buf, model + off, n);
		}
		if (bad)
			printf("# request %d: %s of %llu at %llu: %s\n", i, i % 4 < 2 ? "write" : "read", (unsigned long long)n, (unsigned long long)off,
			       bad < 0 ? strerror(-bad) : "other bytes");
	}
	ok(!bad && !blk_flush(b), "%s: what is written is read", what);
}

static void *reader(void *opaque)
{
	struct blk *b = opaque;
	uint8_t *mine = aligned_alloc(4096, 1 << 20);
	bool good = mine;

	for (int i = 0; i < 40 && good; i++)
		good = !blk_pread(b, (uint64_t)(i % 4) << 20, 1 << 20, mine) && !memcmp(mine, model + ((size_t)(i % 4) << 20), 1 << 20);
	free(mine);
	return good ? b : NULL;
}

static void one(const char *aio, bool direct)
{
	struct err e = ERR_INIT;
	char what[80];
	pthread_t t[6];
	struct blk *b;
	bool good = true;
	int fd = open(path, O_RDWR);

	if (ftruncate(fd, 0) || ftruncate(fd, SIZE) || close(fd))
		printf("# cannot make the file\n");
	memset(model, 0, SIZE);
	snprintf(what, sizeof what, "aio=%s%s", aio, direct ? ", cache.direct=on" : "");
	if (open_it(aio, direct, &b, &e)) {
		ok(strstr(e.msg, "O_DIRECT") || strstr(e.msg, "not supported in this build"), "%s # SKIP %s", what, e.msg);
		return;
	}
	if (!has_queue(aio))
		printf("# the kernel has no such queue here: plain calls\n");
	requests(b, what);
	for (int i = 0; i < 6; i++)
		pthread_create(&t[i], NULL, reader, b);
	for (int i = 0; i < 6; i++) {
		void *r;
		pthread_join(t[i], &r);
		good &= r != NULL;
	}
	ok(good, "%s: six readers at a time", what);
	/* Somebody makes the file shorter: what was behind reads as zeros, an odd end too. */
	if (truncate(path, SIZE - 100001))
		printf("# truncate\n");
	memset(model + SIZE - 100001, 0, 100001);
	ok(!blk_pread(b, SIZE - (1 << 20), 1 << 20, buf) && !memcmp(buf, model + SIZE - (1 << 20), 1 << 20), "%s: behind the end of the file are zeros", what);
	blk_unref(b);
	ok(!has_queue(aio), "%s: no queue stays", what);
}

int main(void)
{
	struct err e = ERR_INIT;
	struct blk *b;
	int fd = mkstemp(path);

	if (fd < 0)
		return 1;
	close(fd);
	graph = blk_graph_new(NULL);
	model = aligned_alloc(4096, SIZE);
	buf = aligned_alloc(4096, SIZE);
	one("threads", false);
	one("io_uring", false);
	one("io_uring", true);
	one("native", true);
	ok(open_it("native", false, &b, &e) == -EINVAL &&
		   !strcmp(e.msg, "aio=native was specified, but it requires cache.direct=on, which was not specified."), "%s", e.msg);
	free(model);
	free(buf);
	blk_graph_free(graph);
	unlink(path);
	return tap_done();
}
