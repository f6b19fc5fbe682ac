/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * kill -9: a process that writes at random to an image in a real file is killed at a random moment, again and again. Every
 * sector then holds what the last acknowledged operation left there, or what the one under way was to leave; the check
 * finds leaks at most.
 *
 *	block-kill [KIND|all [ROUNDS [SEED]]]	ROUNDS for each format, spread over its kinds
 *	KILL_ROUNDS=N, KILL_RECORD=FILE
 */
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include "block-guest.h"
#include "tap.h"

static char dir[64], path[128];
/* Shared with the child: what each sector holds, the operation under way, and how many were done. */
static struct shared {
	uint32_t tags[SECTORS];
	struct op op;
	volatile bool under_way, discard;
	volatile uint32_t done;
} *shared;

static int make(struct blk_graph *g, const struct kind *k, unsigned round)
{
	struct err e = ERR_INIT;
	struct kind real = *k;
	char cmd[200], options[300], *data;
	int r;

	snprintf(cmd, sizeof cmd, "rm -rf %s/*", dir);
	if (system(cmd))
		return -1;
	snprintf(path, sizeof path, "%s/image-%u%s", dir, round, strstr(k->name, ".vmdk") ? ".vmdk" : "");
	snprintf(options, sizeof options, "%s", k->options);
	if ((data = strstr(options, "mem:/data")))
		snprintf(data, sizeof options - (size_t)(data - options), "%s/data", dir);
	real.name = path;
	r = disk_make(g, k->format, path, DISK, options, &e);
	if (!r && k->can & SECRET) {
		static const uint8_t zeros[DISK];
		struct blk *b;
		if (!(r = kind_open(g, &real, BLK_RDWR | BLK_NO_FLUSH, &b, &e)) && !(r = blk_pwrite(b, 0, DISK, zeros)))
			r = blk_close(b, &e);
	}
	if (r)
		printf("# %s (%s): cannot be made: %s\n", k->format, k->options, e.msg);
	memset(shared, 0, sizeof *shared);
	return r;
}

static void guest(struct blk_graph *g, const struct kind *k)
{
	struct blk_geometry geo;
	struct err e = ERR_INIT;
	bool have_snapshot = false;
	struct blk *b;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (kind_open(g, k, BLK_RDWR | BLK_UNMAP | BLK_NO_FLUSH, &b, &e)) {
		printf("# %s: %s\n", k->format, e.msg);
		fflush(stdout);
		_exit(1);
	}
	blk_geometry(b, &geo);
	if (k->can & SNAPSHOTS)
		b->fmt->snapshot_delete(b, "s", &e); /* of the round before, perhaps */
	for (;;) {
		struct blk_snapshot s = {.name = "s"};
		bool packed, discard;
		shared->under_way = false;
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		choose(&shared->op, k, geo.cluster_size, 1 + shared->done + (uint32_t)(rnd() & 0x7fff0000), &packed, &discard);
		shared->discard = discard;
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		shared->under_way = true;
		if (perform(b, &shared->op, packed, discard, shared->tags))
			_exit(2);
		shared->done++;
		if (k->can & SNAPSHOTS && rnd() % 12 == 0) {
			if (have_snapshot ? b->fmt->snapshot_delete(b, "s", &e) : b->fmt->snapshot_create(b, &s, &e))
				_exit(3);
			have_snapshot = !have_snapshot;
		}
		if (rnd() % 12 == 0 && blk_flush(b))
			_exit(4);
	}
}

static const char *judge(struct blk_graph *g, const struct kind *k)
{
	static char why[400];
	static uint8_t part[65536];
	struct blk_check c = {.quiet = true};
	struct blk_geometry geo;
	struct err e = ERR_INIT;
	const char *bad = NULL;
	struct blk *b;
	int r = kind_open(g, k, BLK_CHECK, &b, &e);

	if (!r) {
		blk_geometry(b, &geo);
		if (!geo.dirty && b->fmt->check && (b->fmt->check(b, &c, 0, &e) || c.corruptions || c.check_errors))
			bad = "the check finds corruption";
		blk_unref(b);
	}
	if (bad)
		return bad;
	if (r && r != -EPERM) {
		snprintf(why, sizeof why, "does not open: %.300s", e.msg);
		return why;
	}
	if (kind_open(g, k, BLK_RDWR | BLK_NO_FLUSH, &b, &e)) {
		snprintf(why, sizeof why, "does not open for writing: %.300s", e.msg);
		return why;
	}
	memset(&c, 0, sizeof c);
	c.quiet = true;
	if (b->fmt->check && (b->fmt->check(b, &c, 0, &e) || c.corruptions || c.check_errors))
		bad = "the check finds corruption";
	for (uint64_t s = 0; s < SECTORS && !bad; s++) {
		uint32_t t;
		bool touched = shared->under_way && s >= shared->op.sector && s < shared->op.sector + shared->op.count;
		if (s % 128 == 0 && blk_pread(b, s * 512, sizeof part, part)) {
			bad = "a read fails";
			break;
		}
		t = tag_of(part + s % 128 * 512);
		if (t != shared->tags[s] && !(touched && t == shared->op.tag)) {
			snprintf(why, sizeof why, "sector %llu holds %#x, acknowledged was %#x", (unsigned long long)s, t, shared->tags[s]);
			bad = why;
		}
		shared->tags[s] = t;
	}
	shared->under_way = false;
	blk_unref(b);
	return bad;
}

static unsigned rounds(struct blk_graph *g, const struct kind *kind, unsigned n, uint32_t *done)
{
	struct kind k = *kind;
	unsigned bad = 0;

	k.name = path;
	for (unsigned i = 0; i < n; i++) {
		const char *why;
		uint32_t before;
		int status;
		pid_t pid;
		if (i % 6 == 0 && make(g, kind, i))
			return n;
		rnd();
		before = shared->done;
		fflush(stdout);
		pid = fork();
		if (!pid)
			guest(g, &k);
		/* At least one operation, so that a loaded machine tests something too; then a random while. */
		for (unsigned wait = 0; shared->done == before && wait < 20000; wait++)
			usleep(100);
		usleep((useconds_t)(rnd() % 6000));
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
		why = WIFEXITED(status) ? "the writer failed by itself" : judge(g, &k);
		*done += shared->done - before;
		if (why && bad++ < 3)
			printf("# %s (%s), round %u: %s\n", k.format, k.options, i, why);
		if (why && make(g, kind, i))
			return n;
	}
	return bad;
}

int main(int argc, char **argv)
{
	const char *only = argc > 1 && strcmp(argv[1], "all") ? argv[1] : NULL, *env = getenv("KILL_ROUNDS");
	unsigned want = argc > 2 ? (unsigned)atoi(argv[2]) : env ? (unsigned)atoi(env) : 0;
	uint64_t start = argc > 3 ? strtoull(argv[3], NULL, 0) : 1;
	struct objects *objects = objects_new();
	struct blk_graph *g = blk_graph_new(objects);
	char cmd[100];

	snprintf(dir, sizeof dir, "%s/block-kill-XXXXXX", access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm");
	if (!mkdtemp(dir) || objects_add_text(objects, "secret,id=s,data=geheim", NULL))
		return 1;
	shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	for (unsigned first = 0, last; first < KINDS; first = last) {
		unsigned bad = 0, each;
		uint32_t done = 0;
		for (last = first; last < KINDS && !strcmp(kinds[last].format, kinds[first].format); last++)
			;
		if (only && strcmp(only, kinds[first].format))
			continue;
		each = want ? (want + last - first - 1) / (last - first) : 3;
		for (unsigned k = first; k < last; k++) {
			seed = (start << 32 | (uint64_t)k << 20) * 0x9e3779b97f4a7c15u + 1;
			bad += rounds(g, &kinds[k], each, &done);
		}
		ok(bad == 0, "%s: %u times kill -9 among %u operations: nothing acknowledged is lost, leaks at most", kinds[first].format,
		   each * (last - first), done);
		record("KILL_RECORD", "%s: %u rounds of kill -9 in %u kinds, %u operations, seed %llu, %u bad", kinds[first].format,
		       each * (last - first), last - first, done, (unsigned long long)start, bad);
	}
	snprintf(cmd, sizeof cmd, "rm -rf %s", dir);
	if (system(cmd))
		printf("# %s stays\n", dir);
	blk_graph_free(g);
	objects_free(objects);
	return tap_done();
}
