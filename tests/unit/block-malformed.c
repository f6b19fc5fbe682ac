/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Hand-made bad images, in the shape of the field's known holes: each is refused with a sentence of its own. */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <sys/resource.h>
#include <unistd.h>
#include "block/block.h"
#include "block/vhdx.h"
#include "crypto/object.h"
#include "tap.h"

static struct blk_graph *graph;
static char dir[] = "/tmp/block-malformedXXXXXX", path[100];

/* What is put where: bytes of `value` at `offset`, big-endian or little-endian. */
struct patch {
	uint64_t offset, value;
	int bytes; /* 1, 2, 4, 8; negative: big-endian; 0: the file is cut to `value` bytes */
};

struct bad {
	const char *format, *options;
	struct patch patch[4];
	const char *why;  /* in the sentence */
	const char *fix;  /* checksum to put right: "vpc", "cxsparse", "vhdx" */
};

static const struct bad bad[] = {
	/* vdi */
	{"vdi", "static=off", {{0x44, 0x00010000, 4}}, "version 1.0", NULL},
	{"vdi", "static=off", {{0x4c, 4, 4}}, "type 4", NULL},
	{"vdi", "static=off", {{0x154, 0x201, 4}}, "block map offset 0x201", NULL},
	{"vdi", "static=off", {{0x158, 0x3ff, 4}}, "data offset 0x3ff", NULL},
	{"vdi", "static=off", {{0x158, 0x200, 4}}, "inside the block map", NULL},
	{"vdi", "static=off", {{0x168, 4096, 4}}, "sector size 4096", NULL},
	{"vdi", "static=off", {{0x178, 0, 4}}, "block size 0", NULL},
	{"vdi", "static=off", {{0x178, 3 << 19, 4}}, "block size 1572864", NULL},
	{"vdi", "static=off", {{0x180, 0x40000000, 4}}, "1073741824 blocks", NULL},
	{"vdi", "static=off", {{0x170, UINT64_C(1) << 62, 8}}, "disk size is 4611686018427387904", NULL},
	{"vdi", "static=off", {{0x180, 0x10000, 4}, {0x158, 0x100000, 4}}, "ends beyond the file", NULL},
	{"vdi", "static=off", {{0x1a8, 1, 1}}, "differencing", NULL},
	{"vdi", "static=off", {{0, 200, 0}}, "VDI header at offset 0", NULL},
	/* vpc */
	{"vpc", "subformat=dynamic", {{0, 0, 1}, {2048, 0, 1}}, "neither the first nor the last", NULL},
	{"vpc", "subformat=dynamic", {{70, 0x77, 1}, {2048 + 70, 0x77, 1}}, "checksum of the footer", NULL},
	{"vpc", "subformat=dynamic", {{60, 4, -4}}, "differencing", "vpc"},
	{"vpc", "subformat=dynamic", {{60, 9, -4}}, "disk type 9", "vpc"},
	{"vpc", "subformat=dynamic", {{16, UINT64_C(1) << 60, -8}}, "dynamic disk header at 1152921504606846976", "vpc"},
	{"vpc", "subformat=dynamic", {{512, 'x', 1}}, "no dynamic disk header", NULL},
	{"vpc", "subformat=dynamic", {{512 + 36, 5, -4}}, "checksum of the dynamic disk header", NULL},
	{"vpc", "subformat=dynamic", {{512 + 32, 0, -4}}, "Invalid block size 0", "cxsparse"},
	{"vpc", "subformat=dynamic", {{512 + 32, 0x80000000, -4}}, "Invalid block size 2147483648", "cxsparse"},
	{"vpc", "subformat=dynamic", {{512 + 28, 0, -4}}, "Table too small: 0 entries", "cxsparse"},
	{"vpc", "subformat=dynamic", {{512 + 28, 0xffffffff, -4}}, "Max Table Entries too large", "cxsparse"},
	{"vpc", "subformat=dynamic", {{512 + 28, 0x1000000, -4}}, "ends beyond the file", "cxsparse"},
	{"vpc", "subformat=dynamic", {{512 + 16, 17, -8}}, "table offset 17", "cxsparse"},
	{"vpc", "subformat=fixed", {{0, 1 << 20, 0}}, "neither the first nor the last", NULL},
	{"vpc", "subformat=dynamic", {{0, 100, 0}}, "no room for a footer", NULL},
	/* vhdx */
	{"vhdx", "block_size=1M", {{65536, 0, 4}, {131072, 0, 4}}, "No valid VHDX header", NULL},
	{"vhdx", "block_size=1M", {{65536 + 72, 4096, 8}, {131072 + 72, 4096, 8}}, "log offset 0x1000", "vhdx"},
	{"vhdx", "block_size=1M", {{65536 + 68, 4096, 4}, {131072 + 68, 4096, 4}}, "log length 4096", "vhdx"},
	{"vhdx", "block_size=1M", {{65536 + 48, 1, 1}, {131072 + 48, 1, 1}}, "log that needs to be replayed", "vhdx"},
	{"vhdx", "block_size=1M", {{192 << 10, 0, 4}, {256 << 10, 0, 4}}, "no valid VHDX region table", NULL},
	{"vhdx", "block_size=1M", {{(192 << 10) + 8, 3000, 4}}, "3000 entries", "vhdx"},
	{"vhdx", "block_size=1M", {{(192 << 10) + 32, 1 << 20, 8}}, "overlaps the log", "vhdx"},
	{"vhdx", "block_size=1M", {{(192 << 10) + 32, 3 << 20, 8}}, "regions 0 and 1 overlap", "vhdx"},
	{"vhdx", "block_size=1M", {{(192 << 10) + 40, 5, 4}}, "whole MBs", "vhdx"},
	{"vhdx", "block_size=1M", {{(192 << 10) + 16, 1, 1}}, "required, but unknown", "vhdx"},
	{"vhdx", "block_size=1M", {{(192 << 10) + 8, 1, 4}}, "no metadata region", "vhdx"},
	{"vhdx", "block_size=1M", {{3 << 20, 0, 1}}, "no VHDX metadata table", NULL},
	{"vhdx", "block_size=1M", {{(3 << 20) + 10, 5000, 2}}, "5000 entries", NULL},
	{"vhdx", "block_size=1M", {{(3 << 20) + 65536, 0, 4}}, "block size 0", NULL},
	{"vhdx", "block_size=1M", {{(3 << 20) + 65536, 1 << 30, 4}}, "block size 1073741824", NULL},
	{"vhdx", "block_size=1M", {{(3 << 20) + 65540, 2, 4}}, "differencing", NULL},
	{"vhdx", "block_size=1M", {{(3 << 20) + 65544, UINT64_C(1) << 60, 8}}, "the format allows 64 TB", NULL},
	{"vhdx", "block_size=1M", {{(3 << 20) + 65544, 1000, 8}}, "no multiple of 512", NULL},
	{"vhdx", "block_size=1M", {{(3 << 20) + 65568, 1024, 4}}, "logical sector size 1024", NULL},
	{"vhdx", "block_size=1M", {{(3 << 20) + 65544, UINT64_C(1) << 38, 8}}, "block allocation table has 1048576 bytes", NULL},
	{"vhdx", "block_size=1M", {{(3 << 20) + 32 + 16, 0xfffffff0, 4}}, "file parameters item at 4294967280", NULL},
	/* parallels */
	{"parallels", "cluster_size=65536", {{16, 3, 4}}, "version 3", NULL},
	{"parallels", "cluster_size=65536", {{28, 0, 4}}, "Zero sectors per track", NULL},
	{"parallels", "cluster_size=65536", {{28, 0xffffffff, 4}}, "cluster of 4294967295 sectors", NULL},
	{"parallels", "cluster_size=65536", {{32, 0xffffffff, 4}}, "Catalog too large", NULL},
	{"parallels", "cluster_size=65536", {{32, 1, 4}}, "cannot hold the disk", NULL},
	{"parallels", "cluster_size=65536", {{32, 1000000, 4}}, "ends beyond the file", NULL},
	{"parallels", "cluster_size=65536", {{36, UINT64_MAX, 8}}, "disk of 18446744073709551615 sectors", NULL},
	{"parallels", "cluster_size=65536", {{48, 0, 4}, {32, 0x100000, 4}}, "ends beyond the file", NULL},
	/* qcow */
	{"qcow", "", {{4, 7, -4}}, "version 7", NULL},
	{"qcow", "", {{32, 3, 1}}, "cluster_bits is 3", NULL},
	{"qcow", "", {{32, 31, 1}}, "cluster_bits is 31", NULL},
	{"qcow", "", {{33, 0, 1}}, "l2_bits is 0", NULL},
	{"qcow", "", {{33, 60, 1}}, "l2_bits is 60", NULL},
	{"qcow", "", {{24, 0, -8}}, "too small", NULL},
	{"qcow", "", {{24, UINT64_MAX, -8}}, "Image too large", NULL},
	{"qcow", "", {{24, UINT64_C(1) << 55, -8}}, "Image too large", NULL},
	{"qcow", "", {{36, 2, -4}}, "encryption method 2", NULL},
	{"qcow", "", {{40, UINT64_MAX - 8, -8}}, "first-level table", NULL},
	{"qcow", "", {{8, 100, -8}, {16, 5000, -4}}, "Backing file name too long", NULL},
	{"qcow", "", {{8, 1 << 30, -8}, {16, 100, -4}}, "ends beyond the file", NULL},
	/* qed */
	{"qed", "", {{4, 5000, 4}}, "cluster size 5000", NULL},
	{"qed", "", {{8, 3, 4}}, "table size 3", NULL},
	{"qed", "", {{8, 32, 4}}, "table size 32", NULL},
	{"qed", "", {{12, 0, 4}}, "header of 0 clusters", NULL},
	{"qed", "", {{12, 0x20000, 4}}, "header of 131072 clusters", NULL},
	{"qed", "", {{16, 8, 8}}, "features: 8", NULL},
	{"qed", "", {{40, 77, 8}}, "first-level table offset 0x4d", NULL},
	{"qed", "", {{48, 513, 8}}, "no multiple of 512", NULL},
	{"qed", "", {{48, UINT64_MAX - 511, 8}}, "too large", NULL},
	{"qed", "", {{16, 1, 8}, {60, 2000, 4}}, "2000 bytes, at most 1023", NULL},
	{"qed", "", {{16, 1, 8}, {56, 70000, 4}, {60, 20, 4}}, "not within the header", NULL},
	/* vmdk */
	{"vmdk", "", {{4, 9, 4}}, "VMDK version 9", NULL},
	{"vmdk", "", {{20, 0, 8}}, "grain size 0", NULL},
	{"vmdk", "", {{20, 1 << 30, 8}}, "grain size 1073741824", NULL},
	{"vmdk", "subformat=streamOptimized", {{20, 1 << 16, 8}}, "65536 sectors of a packed extent", NULL},
	{"vmdk", "", {{44, 0, 4}}, "0 entries", NULL},
	{"vmdk", "", {{44, 100000, 4}}, "100000 entries", NULL},
	{"vmdk", "", {{12, UINT64_MAX, 8}}, "capacity of 18446744073709551615", NULL},
	{"vmdk", "", {{12, UINT64_C(1) << 50, 8}}, "L1 size too big", NULL},
	{"vmdk", "", {{12, UINT64_C(1) << 32, 8}}, "ends beyond the file", NULL},
	{"vmdk", "", {{56, UINT64_C(1) << 40, 8}}, "ends beyond the file", NULL},
	{"vmdk", "", {{56, UINT64_MAX, 8}}, "no footer", NULL},
	{"vmdk", "", {{28, UINT64_C(1) << 60, 8}}, "descriptor of 20 sectors", NULL},
	{"vmdk", "", {{75, '\n', 1}}, "changed line ends", NULL},
	{"vmdk", "", {{512, 0, 1}}, "no valid CID", NULL},
	{"vmdk", "subformat=streamOptimized", {{77, 7, 2}}, "compression algorithm 7", NULL},
	/* luks */
	{"luks", "key-secret=sec,iter-time=1", {{6, 2, -2}}, "version 2", NULL},
	{"luks", "key-secret=sec,iter-time=1", {{8, 'z', 1}}, "'zes'", NULL},
	{"luks", "key-secret=sec,iter-time=1", {{40, 'z', 1}}, "cipher mode", NULL},
	{"luks", "key-secret=sec,iter-time=1", {{72, 'z', 1}}, "unknown hash", NULL},
	{"luks", "key-secret=sec,iter-time=1", {{108, 0xffffffff, -4}}, "4294967295 bytes", NULL},
	{"luks", "key-secret=sec,iter-time=1", {{108, 10, -4}}, "key size 40 bits", NULL},
	{"luks", "key-secret=sec,iter-time=1", {{164, 0, -4}}, "iteration count of 0", NULL},
	{"luks", "key-secret=sec,iter-time=1", {{208, 5, -4}}, "Keyslot 0 state", NULL},
	{"luks", "key-secret=sec,iter-time=1", {{208 + 4, 0xffffffff, -4}}, "iteration count of 4294967295", NULL},
	{"luks", "key-secret=sec,iter-time=1", {{208 + 44, 0x40000000, -4}}, "stripes 1073741824", NULL},
	{"luks", "key-secret=sec,iter-time=1", {{208 + 40, 0, -4}}, "overlapping the LUKS header", NULL},
	{"luks", "key-secret=sec,iter-time=1", {{208 + 48 + 40, 10, -4}}, "Keyslots 0 and 1 are overlapping", NULL},
	{"luks", "key-secret=sec,iter-time=1", {{208 + 40, 0x7fffffff, -4}}, "overlapping with the encrypted payload", NULL},
	{"luks", "key-secret=sec,iter-time=1", {{104, 0x7fffffff, -4}}, "is beyond the volume", NULL},
};

static void make(const struct bad *x)
{
	const struct blk_format *f = blk_format_find(x->format);
	struct blk_opts *o = blk_opts_new(f->create_options);
	char *copy = strdup(x->options), *save = NULL;
	struct err e = ERR_INIT;

	for (char *w = strtok_r(copy, ",", &save); w; w = strtok_r(NULL, ",", &save)) {
		*strchr(w, '=') = '\0';
		blk_opts_set(o, w, w + strlen(w) + 1, &e);
	}
	unlink(path);
	if (blk_create_image(graph, f, path, 5 << 20, o, NULL, 0, &e) < 0)
		printf("# %s: %s\n", x->format, e.msg);
	free(copy);
	blk_opts_free(o);
}

static void checksum(int fd, uint64_t at, size_t n, size_t field)
{
	uint8_t p[1024];
	uint32_t sum = 0;

	if (pread(fd, p, n, (off_t)at) != (ssize_t)n)
		return;
	memset(p + field, 0, 4);
	for (size_t i = 0; i < n; i++)
		sum += p[i];
	be32_put(p + field, ~sum);
	if (pwrite(fd, p + field, 4, (off_t)(at + field)) != 4)
		return;
}

static void crc(int fd, uint64_t at, size_t n)
{
	uint8_t *p = malloc(n), v[4];

	if (pread(fd, p, n, (off_t)at) == (ssize_t)n) {
		le32_put(v, vhdx_crc(p, n, 4));
		if (pwrite(fd, v, 4, (off_t)at + 4) != 4)
			printf("# write\n");
	}
	free(p);
}

static void apply(const struct bad *x)
{
	int fd = open(path, O_RDWR);
	uint8_t v[8];

	for (int i = 0; i < 4; i++) {
		const struct patch *p = &x->patch[i];
		int n = p->bytes < 0 ? -p->bytes : p->bytes;
		if (!n && p->value && ftruncate(fd, (off_t)p->value))
			printf("# truncate\n");
		for (int k = 0; k < n; k++)
			v[k] = (uint8_t)(p->value >> 8 * (p->bytes < 0 ? n - 1 - k : k));
		if (n && pwrite(fd, v, (size_t)n, (off_t)p->offset) != n)
			printf("# write\n");
	}
	if (x->fix && !strcmp(x->fix, "vpc"))
		checksum(fd, 0, 512, 64);
	else if (x->fix && !strcmp(x->fix, "cxsparse"))
		checksum(fd, 512, 1024, 36);
	else if (x->fix) {
		crc(fd, 64 << 10, 4096);
		crc(fd, 128 << 10, 4096);
		crc(fd, 192 << 10, 65536);
		crc(fd, 256 << 10, 65536);
	}
	close(fd);
}

/* Descriptors of VMDK images, whole. */
static const struct {
	const char *text, *why;
} descriptors[] = {
	{"version=1\nCID=1\ncreateType=\"monolithicFlat\"\n", "no extents"},
	{"version=1\ncreateType=\"monolithicFlat\"\nRW 1 FLAT \"x\" 0\n", "no valid CID"},
	{"version=1\nCID=1\nRW 1 FLAT \"x\" 0\n", "no createType"},
	{"version=1\nCID=1\ncreateType=\"fullDevice\"\nRW 1 FLAT \"x\" 0\n", "Unsupported image type 'fullDevice'"},
	{"version=1\nCID=1\nparentCID=zz\ncreateType=\"monolithicFlat\"\nRW 1 FLAT \"x\" 0\n", "parentCID"},
	{"version=1\nCID=1\ncreateType=\"monolithicFlat\"\nRW -1 FLAT \"x\" 0\n", "Invalid extent line"},
	{"version=1\nCID=1\ncreateType=\"monolithicFlat\"\nRW 99999999999999999999 FLAT \"x\" 0\n", "Invalid extent line"},
	{"version=1\nCID=1\ncreateType=\"monolithicFlat\"\nRW 18014398509481984 FLAT \"x\" 0\n", "Invalid extent line"},
	{"version=1\nCID=1\ncreateType=\"monolithicFlat\"\nRW 10 FLAT \"\" 0\n", "file name of 0 characters"},
	{"version=1\nCID=1\ncreateType=\"monolithicFlat\"\nRW 10 FLAT \"x 0\n", "no closing quote"},
	{"version=1\nCID=1\ncreateType=\"monolithicFlat\"\nRW 10 FLAT x 0\n", "needs a file name in quotes"},
	{"version=1\nCID=1\ncreateType=\"monolithicFlat\"\nRW 10 WHAT \"bad.img\" 0\n", "Unsupported extent type 'WHAT'"},
	{"version=1\nCID=1\ncreateType=\"monolithicFlat\"\nRW 10 FLAT \"missing\" 0\n", "extent 'missing'"},
	{"version=1\nCID=1\ncreateType=\"monolithicFlat\"\nRW 100000 FLAT \"bad.img\" 0\n", "do not fit its file"},
	{"version=1\nCID=1\ncreateType=\"monolithicFlat\"\nRW 1 FLAT \"bad.img\" 9000000000000000\n", "do not fit its file"},
	{"version=1\nCID=1\ncreateType=\"twoGbMaxExtentSparse\"\nRW 1 SPARSE \"bad.img\"\n", "neither KDMV nor COWD at its start"},
	{"version=1\nCID=1\ncreateType=\"monolithicFlat\"\nparentFileNameHint=\"\"\nRW 1 ZERO\n", "parentFileNameHint is empty"},
	{"version=7\nCID=1\n", "not in VMDK format"},
};

/* No more than 64 MB beyond what the process has: an open that wants more says "Cannot allocate memory", not its reason. */
static void limit_memory(bool on)
{
#ifndef __SANITIZE_ADDRESS__
	struct rlimit l = {RLIM_INFINITY, RLIM_INFINITY};
	unsigned long pages = 0;
	FILE *f = on ? fopen("/proc/self/statm", "r") : NULL;

	if (f && fscanf(f, "%lu", &pages) == 1)
		l.rlim_cur = pages * 4096 + (64u << 20);
	if (f)
		fclose(f);
	setrlimit(RLIMIT_AS, &l);
#else
	(void)on; /* the sanitizer's own memory is not for counting */
#endif
}

/* Messages without their numbers: each is of an image of another shape. */
static char *shapes[400];
static unsigned shape_count;

static void count_shape(const char *msg)
{
	char text[400] = "";
	size_t n = 0;

	for (const char *p = msg; *p && n < sizeof text - 1; p++)
		if (!strchr("0123456789", *p) || (n && text[n - 1] != '#'))
			text[n++] = strchr("0123456789", *p) ? '#' : *p;
	for (unsigned i = 0; i < shape_count; i++)
		if (!strcmp(shapes[i], text))
			return;
	if (shape_count < sizeof shapes / sizeof *shapes)
		shapes[shape_count++] = strdup(text);
}

/* A refusal in one line, and that it is this one. */
static void refused(const char *format, unsigned flags, const char *why)
{
	struct err e = ERR_INIT;
	struct blk *b = NULL;
	json_t *o = !strcmp(format, "luks") ? json_pack("{s:s}", "key-secret", "sec") : NULL;
	int r;

	limit_memory(true);
	r = blk_open(graph, path, format, o, flags | BLK_NO_BACKING, &b, &e);
	limit_memory(false);
	json_decref(o);
	if (!ok(r < 0 && strstr(e.msg, why) && !strchr(e.msg, '\n'), "%s: %s", format, r < 0 ? e.msg : "(opened)"))
		printf("# wanted: %s\n", why);
	if (r < 0)
		count_shape(e.msg);
	blk_unref(b);
}

/* The smaller formats: a plain image with one thing wrong. */
static void whole(const char *format, const void *p, size_t n, const char *why)
{
	int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0600);

	if (write(fd, p, n) != (ssize_t)n)
		printf("# write\n");
	close(fd);
	refused(format, 0, why);
}

static void bochs(void)
{
	static const struct {
		unsigned at;
		uint32_t value;
		const char *why;
	} cases[] = {{64, 3, "not in Bochs format"}, {68, 0, "header of 0 bytes"}, {72, 0xffffffff, "Catalog size is too large"},
		     {80, 0, "Extent size 0"}, {80, 0x10000000, "Extent size 268435456"}, {80, 3000, "Extent size 3000"},
		     {76, 0, "Bitmap of 0 bytes"}, {72, 1, "too small for this disk"}, {72, 100000, "ends beyond the file"}};
	uint8_t h[4608];

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		memset(h, 0, sizeof h);
		strcpy((char *)h, "Bochs Virtual HD Image");
		strcpy((char *)h + 32, "Redolog");
		strcpy((char *)h + 48, "Growing");
		le32_put(h + 64, 0x20000);
		le32_put(h + 68, 512);
		le32_put(h + 72, 1024);
		le32_put(h + 76, 4);
		le32_put(h + 80, 16384);
		le64_put(h + 88, 1024 * 16384);
		le32_put(h + cases[i].at, cases[i].value);
		whole("bochs", h, sizeof h, cases[i].why);
	}
}

static void cloop(void)
{
	static const struct {
		unsigned at;
		uint32_t value;
		const char *why;
	} cases[] = {{128, 0, "block_size 0"}, {128, 1000, "block_size 1000"}, {128, 0x40000000, "32 MB or less"},
		     {132, 0, "no blocks"}, {132, 0xffffffff, "offsets table"}, {136, 0xffffffff, "offset at index 0 is"}, {156, 10, "not monotonically"},
		     {148, 0x7fffffff, "invalid compressed block size"}};
	uint8_t h[512];

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		memset(h, 0, sizeof h);
		strcpy((char *)h, "#!/bin/sh\n#V2.0 Format\nmodprobe cloop file=$0 && mount -r -t iso9660 /dev/cloop $1\n");
		be32_put(h + 128, 65536);
		be32_put(h + 132, 2);
		be64_put(h + 136, 160);
		be64_put(h + 144, 300);
		be64_put(h + 152, 512);
		be32_put(h + cases[i].at, cases[i].value);
		whole("cloop", h, sizeof h, cases[i].why);
	}
}

static void dmg(void)
{
	static const struct {
		const char *list, *why;
	} lists[] = {
		{"<plist></plist>", "no array with the key blkx"},
		{"<key>blkx</key><array><data>bWlzaA==</data></array>", "does not begin with 'mish'"},
		{"<key>blkx</key><array><data>!!!</data></array>", "not valid base64"},
		{"<key>blkx</key><array><data>bWlzaA==</array>", "without its end"},
		{"<key>blkx</key><array></array>", "no chunks"},
	};
	uint8_t h[2048];

	whole("dmg", "koly", 4, "at least 512 bytes");
	memset(h, 0, sizeof h);
	whole("dmg", h, 1024, "trailer");
	memcpy(h + 512, "koly", 4);
	whole("dmg", h, 1024, "neither a property list nor");
	be64_put(h + 512 + 216, UINT64_MAX);
	be64_put(h + 512 + 224, 100);
	whole("dmg", h, 1024, "property list of 100 bytes at 18446744073709551615");
	be64_put(h + 512 + 24, UINT64_MAX);
	whole("dmg", h, 1024, "data fork at");
	be64_put(h + 512 + 24, 0);
	be64_put(h + 512 + 224, 0);
	be64_put(h + 512 + 48, 20);
	whole("dmg", h, 1024, "resource fork of 20 bytes has no map");
	for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
		memset(h, 0, sizeof h);
		strcpy((char *)h, lists[i].list);
		memcpy(h + 512, "koly", 4);
		be64_put(h + 512 + 224, strlen(lists[i].list));
		whole("dmg", h, 1024, lists[i].why);
	}
}

int main(void)
{
	struct objects *objects = objects_new();
	struct err e = ERR_INIT;

	if (!mkdtemp(dir))
		return 1;
	snprintf(path, sizeof path, "%s/bad.img", dir);
	objects_add_text(objects, "secret,id=sec,data=x", &e);
	graph = blk_graph_new(objects);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		make(&bad[i]);
		apply(&bad[i]);
		refused(bad[i].format, 0, bad[i].why);
	}
	for (size_t i = 0; i < sizeof descriptors / sizeof *descriptors; i++)
		whole("vmdk", descriptors[i].text, strlen(descriptors[i].text), descriptors[i].why);
	bochs();
	cloop();
	dmg();
	ok(shape_count >= 60, "%u of these messages are different ones", shape_count);
	for (unsigned i = 0; i < shape_count; i++)
		free(shapes[i]);
	blk_graph_free(graph);
	objects_free(objects);
	unlink(path);
	rmdir(dir);
	return tap_done();
}
