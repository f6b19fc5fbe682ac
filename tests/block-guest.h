/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guest of the crash tests: kinds of images, and random operations on them whose effect on every sector is known. A
 * sector is filled with one 32-bit tag, 0 for zeros.
 */
#ifndef TESTS_BLOCK_GUEST_H
#define TESTS_BLOCK_GUEST_H
#include <stdarg.h>
#include <time.h>
#include "block-disk.h"
#include "crypto/object.h"

enum { DISK = 2 << 20, SECTORS = DISK / 512 };
enum { ZEROES = 1, DISCARD = 2, PACKED = 4, SNAPSHOTS = 8, SECRET = 16, CRYPT_SECRET = 32 };

static const struct kind {
	const char *format, *options, *name;
	unsigned can;
} kinds[] = {
	{"qcow2", "cluster_size=4k", "mem:/i", ZEROES | DISCARD},
	{"qcow2", "cluster_size=512", "mem:/i", ZEROES | DISCARD},
	{"qcow2", "cluster_size=64k", "mem:/i", ZEROES | DISCARD | PACKED},
	{"qcow2", "cluster_size=4k,refcount_bits=2", "mem:/i", ZEROES | DISCARD | PACKED},
	{"qcow2", "cluster_size=4k,compat=0.10", "mem:/i", ZEROES | DISCARD | PACKED},
	{"qcow2", "cluster_size=16k,extended_l2=on", "mem:/i", ZEROES | DISCARD | PACKED},
	{"qcow2", "cluster_size=4k,compression_type=zstd", "mem:/i", ZEROES | DISCARD | PACKED | SNAPSHOTS},
	{"qcow2", "cluster_size=1k", "mem:/i", ZEROES | DISCARD | PACKED | SNAPSHOTS},
	{"qcow2", "cluster_size=16k,extended_l2=on", "mem:/i", ZEROES | DISCARD | PACKED | SNAPSHOTS},
	{"qcow2", "cluster_size=4k,lazy_refcounts=on", "mem:/i", ZEROES | DISCARD | PACKED},
	{"qcow2", "cluster_size=4k,data_file=mem:/data", "mem:/i", ZEROES},
	{"qcow2", "cluster_size=4k,encrypt.format=luks,encrypt.iter-time=1,encrypt.key-secret=s", "mem:/i", ZEROES | DISCARD | CRYPT_SECRET},
	{"raw", "", "mem:/i", ZEROES | DISCARD},
	{"luks", "iter-time=1,key-secret=s", "mem:/i", ZEROES | SECRET},
	{"qcow", "", "mem:/i", ZEROES | PACKED},
	{"qcow", "encrypt.format=aes,encrypt.key-secret=s", "mem:/i", ZEROES | CRYPT_SECRET},
	{"qed", "cluster_size=4096", "mem:/i", ZEROES},
	{"qed", "cluster_size=65536", "mem:/i", ZEROES},
	{"vdi", "static=off", "mem:/i", ZEROES},
	{"vdi", "static=on", "mem:/i", ZEROES},
	{"vmdk", "", "mem:/i.vmdk", ZEROES},
	{"vmdk", "zeroed_grain=on", "mem:/i.vmdk", ZEROES},
	{"vmdk", "subformat=streamOptimized", "mem:/i.vmdk", ZEROES | PACKED},
	{"vmdk", "subformat=monolithicFlat", "mem:/i.vmdk", ZEROES},
	{"vmdk", "subformat=twoGbMaxExtentSparse", "mem:/i.vmdk", ZEROES},
	{"vpc", "force_size=on", "mem:/i", ZEROES},
	{"vpc", "force_size=on,subformat=fixed", "mem:/i", ZEROES},
	{"vhdx", "block_size=1M", "mem:/i", ZEROES},
	{"vhdx", "block_size=1M,subformat=fixed", "mem:/i", ZEROES},
	{"parallels", "cluster_size=65536", "mem:/i", ZEROES},
	{"parallels", "cluster_size=4096", "mem:/i", ZEROES},
};
enum { KINDS = sizeof kinds / sizeof *kinds };

static uint64_t seed;
static uint64_t rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	return seed ^= seed << 17;
}

struct op {
	size_t log; /* entries of the log when it began */
	uint64_t sector, count;
	uint32_t tag; /* what each sector is filled with; 0: zeros */
};

static uint32_t tag_of(const uint8_t *sector)
{
	uint32_t t = le32_get(sector);

	return memcmp(sector, sector + 4, 508) ? UINT32_MAX : t;
}

/* What the next operation is: a write, zeroing, discard (*discard) or compressed write (*packed) of some sectors. */
static void choose(struct op *o, const struct kind *k, uint64_t cluster, uint32_t tag, bool *packed, bool *discard)
{
	unsigned what = (unsigned)(rnd() % 100);

	*packed = *discard = false;
	*o = (struct op){disk.entries, 0, 1 + rnd() % (rnd() % 6 ? 24 : 400), tag};
	o->sector = rnd() % (SECTORS - o->count);
	if (k->can & PACKED && what < 25) {
		uint64_t c = cluster ? cluster / 512 : 128;
		*packed = true;
		o->count = c;
		o->sector = rnd() % (SECTORS / c) * c;
	} else if (k->can & DISCARD && what < 35) {
		*discard = true;
		o->tag = 0;
	} else if (what < 50) {
		o->tag = 0;
	}
}

/* Does it. tags: of every sector, changed accordingly; where a discard leaves the contents open, by looking. */
static int perform(struct blk *b, const struct op *o, bool packed, bool discard, uint32_t *tags)
{
	static uint8_t buf[400 * 512];
	int r;

	if (discard) {
		if ((r = blk_discard(b, o->sector * 512, o->count * 512)))
			return r;
		if ((r = blk_pread(b, o->sector * 512, o->count * 512, buf)))
			return r;
		for (uint64_t i = 0; i < o->count; i++) /* what is left of it */
			tags[o->sector + i] = tag_of(buf + i * 512);
		return r;
	}
	for (uint64_t i = 0; i < o->count * 128; i++)
		le32_put(buf + 4 * i, o->tag);
	if (packed)
		r = blk_pwrite_compressed(b, o->sector * 512, o->count * 512, buf);
	else
		r = o->tag ? blk_pwrite(b, o->sector * 512, o->count * 512, buf)
			   : blk_pwrite_zeroes(b, o->sector * 512, o->count * 512, rnd() % 2 ? BLK_ZERO_MAY_UNMAP : 0);
	for (uint64_t i = 0; i < o->count; i++)
		tags[o->sector + i] = o->tag;
	return r;
}

static int kind_open(struct blk_graph *g, const struct kind *k, unsigned flags, struct blk **b, struct err *e)
{
	json_t *o = k->can & SECRET ? json_pack("{s:s}", "key-secret", "s")
		    : k->can & CRYPT_SECRET ? json_pack("{s:{s:s}}", "encrypt", "key-secret", "s") : NULL;
	int r = blk_open(g, k->name, k->format, o, flags, b, e);

	json_decref(o);
	return r;
}

__attribute__((unused)) static double cpu_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Appends a line with the date to the file that the environment variable names. */
__attribute__((format(printf, 2, 3), unused)) static void record(const char *variable, const char *fmt, ...)
{
	const char *name = getenv(variable);
	FILE *f = name ? fopen(name, "a") : NULL;
	time_t t = time(NULL);
	char date[32];
	va_list ap;

	if (!f)
		return;
	strftime(date, sizeof date, "%F", gmtime(&t));
	fprintf(f, "%s ", date);
	va_start(ap, fmt);
	vfprintf(f, fmt, ap);
	va_end(ap);
	fputc('\n', f);
	fclose(f);
}
#endif
