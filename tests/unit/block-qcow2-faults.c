/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Every single I/O of a script of operations fails once, in one of several ways: the error is reported, the image stays
 * consistent or merely leaks, and what was acknowledged reads back. FAULT_OPERATIONS sets the script's length.
 *
 * And: a process that is killed in the middle of writing loses nothing that it had acknowledged (KILL_ROUNDS).
 */
#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include "block/block.h"
#include "tap.h"

#define DISK (1u << 20)
static char dir[] = "/tmp/qcow2-faults-XXXXXX";
static struct blk_graph *graph;
static uint64_t seed;

static uint64_t rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	return seed ^= seed << 17;
}

static int make(const char *path, const char *cluster)
{
	const struct blk_format *f = blk_format_find("qcow2");
	struct blk_option *table = blk_create_options(f, path, NULL);
	struct blk_opts *o = blk_opts_new(table);
	struct err e = ERR_INIT;
	int r;

	blk_opts_set(o, "cluster_size", cluster, &e);
	r = blk_create_image(graph, f, path, DISK, o, NULL, BLK_NO_FLUSH, &e);
	blk_opts_free(o);
	free(table);
	return r;
}

static uint8_t model[DISK], known[DISK / 512]; /* known: the last operation there succeeded */

static int script(struct blk *b, unsigned operations, bool *failed)
{
	static uint8_t buf[65536];
	bool have = false;
	int r;

	for (unsigned i = 0; i < operations; i++) {
		uint64_t at = rnd() % DISK / 512 * 512, n = (rnd() % 24000 + 512) / 512 * 512;
		unsigned what = (unsigned)(rnd() % 20);
		struct blk_snapshot sn = {.name = "s"};
		struct err e;
		if (n > DISK - at)
			n = DISK - at;
		if (what < 11) {
			memset(buf, (int)(i % 255 + 1), n);
			r = blk_pwrite(b, at, n, buf);
		} else if (what < 14) {
			memset(buf, 0, n);
			r = blk_pwrite_zeroes(b, at, n, i % 2 ? BLK_ZERO_MAY_UNMAP : 0);
		} else if (what < 16) {
			uint64_t c = 4096;
			at = at / c * c;
			n = c;
			memset(buf, (int)(i % 255 + 1), n);
			r = blk_pwrite_compressed(b, at, n, buf);
		} else {
			if (what < 18)
				r = blk_flush(b);
			else if (have)
				r = b->fmt->snapshot_delete(b, "s", &e);
			else
				r = b->fmt->snapshot_create(b, &sn, &e);
			if (what >= 18 && !r)
				have = !have;
			n = 0;
		}
		*failed |= r != 0;
		for (uint64_t k = 0; k < n; k += 512)
			known[(at + k) / 512] = !r;
		if (!r)
			memcpy(model + at, buf, n);
	}
	return 0;
}

static unsigned faults(unsigned operations, const char *errname, bool part, const char *iotype, unsigned *total)
{
	char path[100];
	unsigned bad = 0, n, quiet = 0;

	snprintf(path, sizeof path, "%s/image", dir);
	for (n = 0;; n++) {
		struct blk_check c = {.quiet = true};
		struct err e = ERR_INIT;
		struct blk *b = NULL;
		bool failed = false, wrong = false;
		uint8_t buf[512];
		json_t *o;
		unlink(path);
		seed = 0x9e3779b97f4a7c15ull;
		memset(model, 0, sizeof model);
		memset(known, 1, sizeof known);
		make(path, "4096");
		o = json_pack("{s:s, s:{s:s, s:[{s:s, s:s, s:i, s:i, s:b}], s:{s:s, s:s}}}", "driver", "qcow2", "file", "driver", "blkdebug",
			      "inject-error", "iotype", iotype, "errno", errname, "skip", (int)n + (strcmp(iotype, "read") ? 0 : 8), "count", 1, "short", part, "file",
			      "driver", "file", "filename", path);
		int r = blk_open(graph, NULL, NULL, o, BLK_RDWR | BLK_UNMAP, &b, &e);
		json_decref(o);
		if (r) {
			printf("# open: %s\n", e.msg);
			return 1000;
		}
		script(b, operations, &failed);
		r = blk_close(b, &e);
		if (blk_open(graph, path, "qcow2", NULL, 0, &b, &e)) {
			printf("# fault %u: %s\n", n, e.msg);
			bad++;
			continue;
		}
		struct blk_geometry g;
		blk_geometry(b, &g);
		if (g.dirty) {
			blk_unref(b);
			if (blk_open(graph, path, "qcow2", NULL, BLK_RDWR | BLK_NO_FLUSH, &b, &e)) {
				printf("# fault %u, dirty: %s\n", n, e.msg);
				bad++;
				continue;
			}
		}
		int cr = b->fmt->check(b, &c, 0, &e);
		for (uint64_t k = 0; k < DISK && !wrong; k += 512)
			wrong = known[k / 512] && (blk_pread(b, k, 512, buf) || memcmp(buf, model + k, 512));
		if (cr || c.corruptions || c.check_errors || wrong) {
			if (bad++ < 3)
				printf("# %s %s fault %u: check %d, %llu corruptions, contents %s\n", iotype, errname, n, cr,
				       (unsigned long long)c.corruptions, wrong ? "wrong" : "right");
		}
		blk_unref(b);
		/*
		 * A fault that nobody saw struck where there is another way, or behind the last I/O: many in a row mean that
		 * the script has no more.
		 */
		quiet = failed || r ? 0 : quiet + 1;
		if (quiet == 16)
			break;
	}
	*total = n - quiet + 1;
	return bad;
}

/* ---- killed while it writes ------------------------------------------------------------------------------------------- */
#define SLOTS 256
static unsigned kills(unsigned rounds)
{
	char path[100];
	/* Shared with the child: the value of every slot that was acknowledged, and the one under way. */
	volatile uint32_t *acked = mmap(NULL, SLOTS * 8, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0), *next = acked + SLOTS;
	unsigned bad = 0;

	snprintf(path, sizeof path, "%s/kill", dir);
	make(path, "65536");
	for (unsigned round = 0; round < rounds; round++) {
		pid_t pid = fork();
		struct err e = ERR_INIT;
		struct blk *b;
		if (!pid) {
			uint8_t buf[4096];
			seed = 88172645463325252ull + round * 7919;
			if (blk_open(graph, path, "qcow2", NULL, BLK_RDWR | BLK_NO_FLUSH, &b, &e))
				_exit(1);
			for (uint32_t i = 1;; i++) {
				unsigned slot = (unsigned)(rnd() % SLOTS);
				uint32_t v = round << 16 | (i & 0xffff);
				for (unsigned k = 0; k < sizeof buf; k += 4)
					memcpy(buf + k, &v, 4);
				next[slot] = v;
				if (blk_pwrite(b, slot * 4096ull, sizeof buf, buf))
					_exit(2);
				acked[slot] = v;
			}
		}
		usleep(500 + (useconds_t)(round * 977 % 9000));
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		struct blk_check c = {.quiet = true};
		int r = blk_open(graph, path, "qcow2", NULL, 0, &b, &e);
		if (r) {
			printf("# round %u: %s\n", round, e.msg);
			bad++;
			continue;
		}
		r = b->fmt->check(b, &c, 0, &e);
		bool wrong = r || c.corruptions || c.check_errors;
		for (unsigned slot = 0; slot < SLOTS; slot++) {
			uint32_t got;
			blk_pread(b, slot * 4096ull, 4, &got);
			wrong |= got != acked[slot] && got != next[slot];
			acked[slot] = next[slot] = got;
		}
		if (wrong && bad++ < 3)
			printf("# round %u: check %d, %llu corruptions\n", round, r, (unsigned long long)c.corruptions);
		blk_unref(b);
		if (round % 8 == 7) { /* a fresh start: allocation again */
			unlink(path);
			make(path, round % 16 == 7 ? "512" : "65536");
			memset((void *)acked, 0, SLOTS * 8);
		}
	}
	return bad;
}

int main(void)
{
	const char *ops = getenv("FAULT_OPERATIONS"), *rounds = getenv("KILL_ROUNDS");
	unsigned operations = ops ? (unsigned)atoi(ops) : 25, n, total;
	char cmd[100];

	if (!mkdtemp(dir))
		return 1;
	graph = blk_graph_new(NULL);
	n = kills(rounds ? (unsigned)atoi(rounds) : 40);
	ok_eq(n, 0, "kill -9: nothing acknowledged is lost, and the image is consistent");
	n = faults(operations, "EIO", false, "write", &total);
	ok_eq(n, 0, "EIO at each of %u writes", total);
	n = faults(operations, "ENOSPC", true, "write", &total);
	ok_eq(n, 0, "ENOSPC after half of each of %u writes", total);
	n = faults(operations, "EIO", false, "flush", &total);
	ok_eq(n, 0, "EIO at each of %u flushes", total);
	n = faults(operations, "EIO", false, "read", &total);
	ok_eq(n, 0, "EIO at each of %u reads", total);
	blk_graph_free(graph);
	snprintf(cmd, sizeof cmd, "rm -rf %s", dir);
	return tap_done() | (system(cmd) != 0);
}
