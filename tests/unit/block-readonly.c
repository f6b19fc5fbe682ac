/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The formats that are only read: bochs and cloop as their own tools write them, dmg as assembled here. */
#include <bzlib.h>
#include <errno.h>
#include <fcntl.h>
#include <lzma.h>
#include <nettle/base64.h>
#include <unistd.h>
#include <zlib.h>
#include "block/block.h"
#include "tap.h"

enum { SIZE = 1 << 20 };
static struct blk_graph *graph;
static char dir[] = "/tmp/block-readonlyXXXXXX";
static uint8_t model[SIZE];

static int shell(const char *fmt, ...)
{
	char cmd[2000];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(cmd, sizeof cmd, fmt, ap);
	va_end(ap);
	return system(cmd);
}

static void reads_as_model(const char *path, const char *format, uint64_t size)
{
	struct err e = ERR_INIT;
	struct blk *b;
	static uint8_t buf[SIZE];
	int same = 1;

	if (!ok(blk_open(graph, path, format, NULL, 0, &b, &e) == 0, "%s opens", format)) {
		printf("# %s\n", e.msg);
		return;
	}
	ok(b->size >= size, "with %llu bytes", (unsigned long long)b->size);
	for (uint64_t off = 0; off < size && same; off += 77824) {
		size_t n = size - off < 77824 ? (size_t)(size - off) : 77824;
		same = blk_pread(b, off, n, buf) == 0 && !memcmp(buf, model + off, n);
	}
	ok(same, "and the contents");
	blk_unref(b);
	ok(blk_open(graph, path, format, NULL, BLK_RDWR, &b, &e) < 0, "not for writing: %s", e.msg);
	if (!access("/usr/bin/qemu-img", X_OK))
		ok(shell("/usr/bin/qemu-img compare -q -f %s -F raw %s %s/model", format, path, dir) == 0, "the peer reads the same");
}

/* ---- dmg ------------------------------------------------------------------------------------------------------- */
struct dmg_build {
	uint8_t file[3 * SIZE], mish[204 + 40 * 64];
	size_t at;
	unsigned chunks;
};

static void dmg_chunk(struct dmg_build *d, uint32_t type, uint64_t sector, uint64_t sectors, const void *data, size_t n)
{
	uint8_t *c = d->mish + 204 + 40 * d->chunks++;

	be32_put(c, type);
	be64_put(c + 8, sector);
	be64_put(c + 16, sectors);
	be64_put(c + 24, d->at);
	be64_put(c + 32, n);
	if (n)
		memcpy(d->file + d->at, data, n);
	d->at += n;
}

/* A property list or a resource fork, and the trailer. */
static size_t dmg_finish(struct dmg_build *d, int rsrc)
{
	size_t n = 204 + 40 * d->chunks, at = d->at, len;
	uint8_t *k;

	memcpy(d->mish, "mish", 4);
	be32_put(d->mish + 4, 1);
	be32_put(d->mish + 200, d->chunks);
	if (rsrc) {
		uint8_t *f = d->file + at, *map;
		memset(f, 0, 256 + 4 + n + 64);
		be32_put(f, 256);
		be32_put(f + 4, (uint32_t)(260 + n));
		be32_put(f + 8, (uint32_t)(4 + n));
		be32_put(f + 12, 50);
		be32_put(f + 256, (uint32_t)n);
		memcpy(f + 260, d->mish, n);
		map = f + 260 + n;
		be16_put(map + 24, 28);
		be16_put(map + 28, 0);
		memcpy(map + 30, "blkx", 4);
		be16_put(map + 34, 0);
		be16_put(map + 36, 10);
		len = 260 + n + 50;
	} else {
		char *t = (char *)d->file + at;
		t += sprintf(t, "<?xml version=\"1.0\"?>\n<plist><dict><key>resource-fork</key><dict><key>blkx</key>\n<array><dict>"
				"<key>Attributes</key><string>0x0050</string><key>Data</key><data>\n");
		base64_encode_raw(t, n, d->mish);
		t += BASE64_ENCODE_RAW_LENGTH(n);
		t += sprintf(t, "\n</data></dict></array></dict></dict></plist>\n");
		len = (size_t)((uint8_t *)t - d->file) - at;
	}
	k = d->file + at + len;
	memset(k, 0, 512);
	memcpy(k, "koly", 4);
	be32_put(k + 4, 4);
	be32_put(k + 8, 512);
	be64_put(k + (rsrc ? 40 : 216), at);
	be64_put(k + (rsrc ? 48 : 224), len);
	be64_put(k + 492, SIZE / 512);
	return at + len + 512;
}

static void save(const char *path, const void *p, size_t n)
{
	int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0600);

	if (fd < 0 || write(fd, p, n) != (ssize_t)n)
		printf("# cannot write %s\n", path);
	close(fd);
}

static struct dmg_build *build(uint32_t type)
{
	struct dmg_build *d = calloc(1, sizeof *d);
	static uint8_t out[2 * SIZE];
	const size_t step = SIZE / 8;

	for (int i = 0; i < 8; i++) {
		const uint8_t *in = model + step * i;
		uLongf n = sizeof out;
		unsigned bn = sizeof out;
		size_t ln = 0;
		uint64_t sector = step / 512 * i, sectors = step / 512;
		if (blk_is_zero(in, step)) {
			dmg_chunk(d, i % 2 ? 0 : 2, sector, sectors, NULL, 0);
			continue;
		}
		if (i == 1) {
			dmg_chunk(d, 1, sector, sectors, in, step);
			dmg_chunk(d, 0x7ffffffe, sector, 0, NULL, 0);
			continue;
		}
		if (type == 0x80000006) {
			BZ2_bzBuffToBuffCompress((char *)out, &bn, (char *)(uintptr_t)in, (unsigned)step, 5, 0, 0);
			n = bn;
		} else if (type == 0x80000008) {
			lzma_easy_buffer_encode(3, LZMA_CHECK_CRC32, NULL, in, step, out, &ln, sizeof out);
			n = ln;
		} else {
			compress(out, &n, in, step);
		}
		dmg_chunk(d, type, sector, sectors, out, n);
	}
	dmg_chunk(d, 0xffffffff, SIZE / 512, 0, NULL, 0);
	return d;
}

static void test_dmg(void)
{
	static const struct {
		const char *name;
		uint32_t type;
		int rsrc, peer;
	} kinds[] = {{"zlib", 0x80000005, 0, 1}, {"zlib in a resource fork", 0x80000005, 1, 1}, {"bzip2", 0x80000006, 0, 0},
		     {"LZMA", 0x80000008, 0, 0}};
	struct err e = ERR_INIT;
	struct blk *b;
	char path[200];

	snprintf(path, sizeof path, "%s/x.dmg", dir);
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		struct dmg_build *d = build(kinds[i].type);
		printf("# %s\n", kinds[i].name);
		save(path, d->file, dmg_finish(d, kinds[i].rsrc));
		free(d);
		if (kinds[i].peer) {
			reads_as_model(path, "dmg", SIZE);
		} else {
			static uint8_t buf[SIZE];
			ok(blk_open(graph, path, "dmg", NULL, 0, &b, &e) == 0 && blk_pread(b, 0, SIZE, buf) == 0 &&
				   !memcmp(buf, model, SIZE), "dmg with %s", kinds[i].name);
			blk_unref(b);
		}
	}
	for (int i = 0; i < 2; i++) {
		struct dmg_build *d = build(0x80000005);
		be32_put(d->mish + 204, i ? 0x80000004 : 0x80000007);
		save(path, d->file, dmg_finish(d, 0));
		free(d);
		ok(blk_open(graph, path, "dmg", NULL, 0, &b, &e) < 0 && strstr(e.msg, i ? "ADC" : "LZFSE"), "refused by name: %s", e.msg);
	}
}

int main(void)
{
	char path[200];

	if (!mkdtemp(dir))
		return 1;
	graph = blk_graph_new(NULL);
	for (size_t i = 0; i < SIZE; i++)
		model[i] = i / 131072 % 3 == 2 ? 0 : (uint8_t)(i * i / 77 + i / 4096);
	snprintf(path, sizeof path, "%s/model", dir);
	save(path, model, SIZE);
	snprintf(path, sizeof path, "%s/x.cloop", dir);
	if (access("/usr/bin/create_compressed_fs", X_OK) == 0 &&
	    shell("create_compressed_fs -q -B 65536 %s/model %s >/dev/null 2>&1", dir, path) == 0)
		reads_as_model(path, "cloop", SIZE);
	else
		ok(1, "cloop # SKIP no create_compressed_fs (cloop-utils)");
	snprintf(path, sizeof path, "%s/x.bochs", dir);
	if (access("/usr/bin/bximage", X_OK) == 0 &&
	    shell("bximage -q -func=convert -imgmode=growing %s/model %s >/dev/null", dir, path) == 0)
		reads_as_model(path, "bochs", SIZE / 516096 * 516096);
	else
		ok(1, "bochs # SKIP no bximage");
	test_dmg();
	blk_graph_free(graph);
	shell("rm -rf %s", dir);
	return tap_done();
}
