/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Error injection: at every single I/O of a script of guest operations, from opening to closing, a copy of the process is
 * made for each kind of error, in which that one I/O fails: EIO; ENOSPC; EIO after half of it was done ("short"); EINTR. The
 * copy goes on for some operations, closes, opens the image anew: it is consistent or leaks, every sector holds what it
 * should (one that a failed operation touched: what it held or what it was to hold), and the failure was reported.
 *
 *	block-faults [KIND|all [OPERATIONS [SEED]]], FAULT_OPERATIONS=N, FAULT_RECORD=FILE
 *	FAULT_FIRST=1	the first kind of each format only
 */
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "block-guest.h"
#include "tap.h"

enum { AFTER = 6,  /* operations that follow a fault */
       FLOCK = 24 }; /* copies at work at a time: on a loaded machine each waits for its turn */
static const struct { const char *name; int error; bool half; } errors[] = {
	{"EIO", EIO, false}, {"ENOSPC", ENOSPC, false}, {"short", EIO, true}, {"EINTR", EINTR, false}};
enum { ERRORS = sizeof errors / sizeof *errors };
static const char *const kind_names[] = {"read", "write", "zero", "discard", "size", "flush"};
enum { GOOD, BAD_OPEN, BAD_CHECK, BAD_DATA, BAD_SILENT, RESULTS };

static struct {
	bool armed; /* in the parent, while the script runs */
	bool child, closing;
	int which; /* errors[]; child only */
	enum disk_kind kind;
	uint64_t off;
	unsigned operation, left, ios, flock;
	unsigned *count; /* shared: results */
} run;

static void reap(void)
{
	int status;

	if (wait(&status) < 0)
		abort();
	run.flock--;
	if (!WIFEXITED(status) || WEXITSTATUS(status) >= RESULTS) {
		printf("# a copy of the process died at about operation %u\n", run.operation);
		run.count[BAD_OPEN]++;
	} else {
		run.count[WEXITSTATUS(status)]++;
	}
}

static int gate(enum disk_kind kind, struct disk_file *f, uint64_t off, uint64_t *n)
{
	(void)f;
	if (!run.armed)
		return 0;
	run.ios++;
	for (int i = 0; i < ERRORS; i++) {
		pid_t pid;
		if ((kind != DISK_WRITE || *n < 1024) && errors[i].half)
			continue;
		/* Not fork(): a lock of the C library that is held here knows its holder by the thread id it had. */
		pid = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
		if (pid < 0)
			abort();
		if (pid) {
			if (++run.flock == FLOCK)
				reap();
			continue;
		}
		run.armed = false;
		run.child = true;
		run.which = i;
		run.kind = kind;
		run.off = off;
		run.left = AFTER;
		*n = errors[i].half ? *n / 2 / 512 * 512 : 0;
		return -errors[i].error;
	}
	return 0;
}

static void complain(const struct kind *k, const char *what)
{
	if (__atomic_add_fetch(&run.count[RESULTS], 1, __ATOMIC_RELAXED) <= 5) {
		printf("# %s (%s): %s at a %s (%llu) of operation %u%s: %s\n", k->format, k->options, errors[run.which].name,
		       kind_names[run.kind], (unsigned long long)run.off, run.operation, run.closing ? ", closing" : "", what);
		fflush(stdout);
	}
}

/* maybe: sectors that a failed operation touched, with the tag it was to leave; others hold tags[]. */
static int judge(struct blk_graph *g, const struct kind *k, const uint32_t *tags, const uint8_t *open_to, const uint32_t *maybe)
{
	static uint8_t sector[512], part[65536];
	struct blk_check c = {.quiet = true};
	struct blk_geometry geo;
	struct err e = ERR_INIT;
	char why[300];
	struct blk *b;
	int r = kind_open(g, k, BLK_CHECK, &b, &e);

	if (!r) {
		blk_geometry(b, &geo);
		if (geo.dirty)
			blk_unref(b);
	}
	if (r == -EPERM || (!r && geo.dirty))
		r = kind_open(g, k, BLK_RDWR, &b, &e);
	if (r) {
		snprintf(why, sizeof why, "does not open: %.200s", e.msg);
		complain(k, why);
		return BAD_OPEN;
	}
	if (b->fmt->check && (b->fmt->check(b, &c, 0, &e) || c.corruptions || c.check_errors)) {
		snprintf(why, sizeof why, "check: %llu corruptions, %llu errors", (unsigned long long)c.corruptions,
			 (unsigned long long)c.check_errors);
		complain(k, why);
		return BAD_CHECK;
	}
	blk_unref(b);
	if (kind_open(g, k, BLK_RDWR, &b, &e)) {
		snprintf(why, sizeof why, "does not open for writing: %.200s", e.msg);
		complain(k, why);
		return BAD_OPEN;
	}
	for (uint64_t s = 0; s < SECTORS; s++) {
		uint32_t t;
		if (s % 128 == 0)
			r = blk_pread(b, s * 512, sizeof part, part);
		if (!r)
			t = tag_of(part + s % 128 * 512);
		else if (blk_pread(b, s * 512, 512, sector))
			t = UINT32_MAX;
		else
			t = tag_of(sector);
		if (t == tags[s] || (open_to[s] && t == maybe[s]) || open_to[s] > 1)
			continue;
		snprintf(why, sizeof why, "sector %llu holds %u instead of %u%s", (unsigned long long)s, t, tags[s],
			 open_to[s] ? " or the new" : "");
		complain(k, why);
		return BAD_DATA;
	}
	blk_unref(b);
	return GOOD;
}

static void script(struct blk_graph *g, const struct kind *k, unsigned operations)
{
	uint32_t *tags = calloc(SECTORS, 4), *before = calloc(SECTORS, 4), *maybe = calloc(SECTORS, 4);
	uint8_t *open_to = calloc(1, SECTORS);
	bool reported = false, have_snapshot = false;
	struct err e = ERR_INIT;
	struct blk *b = NULL;
	struct blk_geometry geo;
	int r;

	disk_clear();
	if (disk_make(g, k->format, k->name, DISK, k->options, &e))
		printf("# cannot make %s (%s): %s\n", k->format, k->options, e.msg);
	if (k->can & SECRET) {
		static const uint8_t zeros[DISK];
		if (kind_open(g, k, BLK_RDWR, &b, &e) || blk_pwrite(b, 0, DISK, zeros) || blk_close(b, &e))
			printf("# %s: cannot be filled\n", k->format);
	}
	disk.gate = gate;
	run.armed = true;
	run.operation = 0;
	r = kind_open(g, k, BLK_RDWR | BLK_UNMAP, &b, &e);
	if (r) { /* a fault at opening */
		if (!run.child)
			printf("# %s: %s\n", k->format, e.msg);
		reported = true;
		b = NULL;
	}
	if (b)
		blk_geometry(b, &geo);
	for (unsigned i = 0; b && i < operations && !(run.child && !run.left--); i++) {
		struct blk_snapshot s = {.name = "s"};
		bool packed, discard;
		struct op o;
		if (!run.child)
			run.operation = i + 1;
		choose(&o, k, geo.cluster_size, 1000 + i, &packed, &discard);
		memcpy(before, tags, SECTORS * 4);
		r = perform(b, &o, packed, discard, tags);
		for (uint64_t n = 0; n < o.count; n++) {
			uint64_t at = o.sector + n;
			if (r) { /* what it held, or will hold; after two failures anything of the three */
				maybe[at] = o.tag;
				open_to[at] = open_to[at] ? 2 : 1;
				tags[at] = before[at];
			} else if (!discard) {
				open_to[at] = 0;
			} else if (tags[at] == UINT32_MAX) {
				open_to[at] = 2;
			}
		}
		if (r)
			reported = true;
		if (k->can & SNAPSHOTS && rnd() % 16 == 0) {
			r = have_snapshot ? b->fmt->snapshot_delete(b, "s", &e) : b->fmt->snapshot_create(b, &s, &e);
			if (r)
				reported = true;
			else
				have_snapshot = !have_snapshot;
		}
		if (rnd() % 6 == 0 && blk_flush(b))
			reported = true;
	}
	if (!run.child)
		run.closing = true;
	if (b && blk_close(b, &e))
		reported = true;
	run.closing = run.child && run.closing;
	if (!run.child) {
		run.armed = false;
		run.closing = false;
		while (run.flock)
			reap();
		r = judge(g, k, tags, open_to, maybe);
		if (r)
			run.count[r]++;
		free(tags);
		free(before);
		free(maybe);
		free(open_to);
		return;
	}
	r = judge(g, k, tags, open_to, maybe);
	/*
	 * What need not be said: a discard is advice; a read may have another way, and so may a write for which there is
	 * no room (less of it); a mark that the image was closed well is left to the next opener.
	 */
	if (!r && !reported && run.kind != DISK_DISCARD && run.kind != DISK_READ && !run.closing &&
	    (run.kind == DISK_FLUSH || errors[run.which].error != ENOSPC)) {
		complain(k, "nobody was told");
		r = BAD_SILENT;
	}
	_exit(r);
}

int main(int argc, char **argv)
{
	const char *only = argc > 1 && strcmp(argv[1], "all") ? argv[1] : NULL, *env = getenv("FAULT_OPERATIONS");
	unsigned operations = argc > 2 ? (unsigned)atoi(argv[2]) : env ? (unsigned)atoi(env) : 6;
	bool first = getenv("FAULT_FIRST");
	uint64_t start = argc > 3 ? strtoull(argv[3], NULL, 0) : 1;
	struct objects *objects = objects_new();
	struct blk_graph *g = blk_graph_new(objects);

	setvbuf(stdout, NULL, _IOLBF, 0);
	run.count = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (objects_add_text(objects, "secret,id=s,data=geheim", NULL))
		return 1;
	for (unsigned k = 0; k < KINDS; k++) {
		unsigned faults = 0, bad = 0;
		if ((only && strcmp(only, kinds[k].format)) || (first && k && !strcmp(kinds[k].format, kinds[k - 1].format)))
			continue;
		/* So little room that a reservation for later is refused: what failed while it was given up must be told too. */
		disk.limit = operations <= 6 && !strcmp(kinds[k].format, "qcow2") && !(kinds[k].can & CRYPT_SECRET) ? 1u << 20 : 0;
		seed = (start << 32 | k) * 0x9e3779b97f4a7c15u + 1;
		memset(run.count, 0, (RESULTS + 1) * sizeof *run.count);
		run.ios = 0;
		script(g, &kinds[k], operations);
		for (int i = 0; i < RESULTS; i++) {
			faults += run.count[i];
			bad += i ? run.count[i] : 0;
		}
		ok(bad == 0, "%s (%s): %u faults at the %u I/Os of %u operations: consistent, and reported", kinds[k].format, kinds[k].options,
		   faults, run.ios, operations);
		if (bad)
			printf("# %u do not open, %u are corrupt, %u hold wrong data, %u were not reported\n", run.count[BAD_OPEN],
			       run.count[BAD_CHECK], run.count[BAD_DATA], run.count[BAD_SILENT]);
		record("FAULT_RECORD", "%s (%s): %u operations, %u I/Os, %u faults (EIO, ENOSPC, short, EINTR), seed %llu, %u bad", kinds[k].format,
		       kinds[k].options, operations, run.ios, faults, (unsigned long long)start, bad);
	}
	blk_graph_free(g);
	objects_free(objects);
	return tap_done();
}
