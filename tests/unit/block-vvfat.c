/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A directory as a FAT disk: fsck.fat and mtools agree with it, and what mtools changes on it reaches the directory. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "block/block.h"
#include "tap.h"

static struct blk_graph *graph;
static char dir[] = "/tmp/block-vvfatXXXXXX", src[100], raw[100];

static int shell(const char *fmt, ...)
{
	char cmd[4000];
	va_list ap;
	int r;

	va_start(ap, fmt);
	vsnprintf(cmd, sizeof cmd, fmt, ap);
	va_end(ap);
	r = system(cmd);
	return WIFEXITED(r) ? WEXITSTATUS(r) : -1;
}

/* The disk to a sparse raw file, or the other way round where they differ. */
static int transfer(struct blk *b, int back)
{
	static uint8_t buf[1 << 20], old[1 << 20];
	int fd = open(raw, O_RDWR | O_CREAT | (back ? 0 : O_TRUNC), 0600), r = 0;

	if (!back && ftruncate(fd, (off_t)b->size))
		return -1;
	for (uint64_t off = 0; off < b->size && !r; off += sizeof buf) {
		size_t n = b->size - off < sizeof buf ? (size_t)(b->size - off) : sizeof buf;
		r = blk_pread(b, off, n, buf);
		if (!back && !r && !blk_is_zero(buf, n) && pwrite(fd, buf, n, (off_t)off) != (ssize_t)n)
			r = -1;
		if (back && pread(fd, old, n, (off_t)off) != (ssize_t)n)
			r = -1;
		for (size_t k = 0; back && !r && k < n; k += 512)
			if (memcmp(buf + k, old + k, 512))
				r = blk_pwrite(b, off + k, 512, old + k);
	}
	close(fd);
	return r;
}

static struct blk *open_fat(const char *kind, unsigned flags, struct err *e)
{
	char name[300];
	struct blk *b = NULL;

	snprintf(name, sizeof name, "fat:%s%s", kind, src);
	if (blk_open(graph, name, "raw", NULL, flags, &b, e) < 0)
		return NULL;
	return b;
}

static void fill(void)
{
	shell("rm -rf %s; mkdir -p '%s/sub/deeper dir' %s/empty; cd %s; echo hello > hello.txt; echo UPPER > UPPER.TXT; : > nothing;"
	      "seq 1 20000 > 'sub/a long name with spaces.numbers'; head -c 300000 /dev/urandom > 'sub/deeper dir/random.bin';"
	      "ln -s /etc/passwd link; mkfifo pipe; for i in 1 2 3 4 5; do echo $i > \"collision number $i.text\"; done",
	      src, src, src, src);
}

static void reading(const char *kind, unsigned long long offset, const char *fsck)
{
	struct err e = ERR_INIT;
	struct blk *b = open_fat(kind, 0, &e);

	if (!ok(b != NULL, "fat:%s opens", kind)) {
		printf("# %s\n", e.msg);
		return;
	}
	ok(transfer(b, 0) == 0, "is read to its end");
	blk_unref(b);
	if (access("/usr/bin/mcopy", X_OK) || access("/sbin/fsck.fat", X_OK)) {
		ok(1, "checks # SKIP no mtools, dosfstools");
		return;
	}
	shell("dd if=%s of=%s.fs bs=1M skip=%llu iflag=skip_bytes conv=sparse 2>/dev/null", raw, raw, offset);
	ok(shell("/sbin/fsck.fat -n %s.fs > %s/fsck.out 2>&1", raw, dir) == 0, "fsck.fat finds nothing");
	ok(shell("grep -q '%s' %s/fsck.out || /sbin/fsck.fat -vn %s.fs | grep -q '%s'", fsck, dir, raw, fsck) == 0, "and sees %s", fsck);
	shell("rm -rf %s/out; mkdir %s/out; MTOOLS_SKIP_CHECK=1 mcopy -s -Q -m -i %s@@%llu '::*' %s/out/ >/dev/null 2>&1", dir, dir, raw,
	      offset, dir);
	ok(shell("rm -f %s/link.txt; cd %s && find . -type f -o -type d | sort > %s/want; cd %s/out && find . -type f -o -type d | "
		 "sort > %s/have; cmp %s/want %s/have", dir, src, dir, dir, dir, dir, dir) == 0, "mtools sees the same names");
	ok(shell("cd %s/out && find . -type f -exec cmp {} %s/{} ';' | grep -q . && exit 1 || exit 0", dir, src) == 0,
	   "and the same contents");
}

static void writing(const char *kind, unsigned long long offset)
{
	struct err e = ERR_INIT;
	struct blk *b;
	char at[200];

	if (access("/usr/bin/mcopy", X_OK)) {
		ok(1, "writing # SKIP no mtools");
		return;
	}
	fill();
	shell("rm %s/pipe", src); /* diff has no word for it */
	snprintf(at, sizeof at, "MTOOLS_SKIP_CHECK=1; export MTOOLS_SKIP_CHECK; cd %s; I='%s@@%llu'", dir, raw, offset);
	b = open_fat(kind, BLK_RDWR, &e);
	if (!ok(b != NULL, "fat:%s opens for writing", kind)) {
		printf("# %s\n", e.msg);
		return;
	}
	ok(transfer(b, 0) == 0 && transfer(b, 1) == 0, "read, and written back as it is");
	ok(blk_flush(b) == 0 && shell("cd %s && grep -q hello hello.txt && test -L link", src) == 0,
	   "the directory stays as it is");
	shell("%s; rm -rf want; cp -a %s want; echo changed > n.txt; cp n.txt want/hello.txt; mcopy -o -i $I n.txt ::hello.txt;"
	      "cp n.txt 'want/sub/new file.text'; mcopy -i $I n.txt '::sub/new file.text';"
	      "rm want/UPPER.TXT; mdel -i $I ::UPPER.TXT;"
	      "mkdir want/fresh; mmd -i $I ::fresh; head -c 100000 /dev/urandom > big; cp big want/fresh/big; mcopy -i $I big ::fresh/big;"
	      "rmdir want/empty; mrd -i $I ::empty;"
	      "mv 'want/sub/deeper dir/random.bin' 'want/sub/moved away.bin'; mmove -i $I '::sub/deeper dir/random.bin' '::sub/moved away.bin'",
	      at, src);
	ok(transfer(b, 1) == 0 && blk_flush(b) == 0, "mtools' changes are written and flushed");
	ok(shell("cd %s; diff -r --no-dereference want %s", dir, src) == 0, "the directory has them all");
	shell("%s; rm -f want/fresh/big; rmdir want/fresh; mdel -i $I ::fresh/big; mrd -i $I ::fresh; seq 1 9000 > n.txt; "
	      "cp n.txt 'want/sub/a long name with spaces.numbers'; mcopy -o -i $I n.txt '::sub/a long name with spaces.numbers'", at);
	ok(transfer(b, 1) == 0, "further changes are written");
	blk_unref(b);
	ok(shell("cd %s; diff -r --no-dereference want %s", dir, src) == 0, "and reach the directory when it closes");
	b = open_fat(strchr(kind, ':') ? kind : "", BLK_RDWR, &e);
	ok(b && transfer(b, 0) == 0, "it opens again");
	/* A table that makes no sense, as in the middle of a guest's work. */
	if (b) {
		static const uint8_t junk[512] = {0xf8, 0xff, 0xff, 0xff, 3, 0, 3, 0, 3, 0, 3, 0, 3, 0, 3, 0, 3, 0};
		blk_pwrite(b, offset + 512, sizeof junk, junk);
		ok(blk_flush(b) == 0, "a flush with a broken table succeeds");
		blk_unref(b);
	}
	ok(shell("cd %s; diff -r --no-dereference want %s", dir, src) == 0, "and changes nothing");
	shell("rm -rf %s/want", dir);
}

int main(void)
{
	struct err e = ERR_INIT;

	if (!mkdtemp(dir))
		return 1;
	snprintf(src, sizeof src, "%s/src", dir);
	snprintf(raw, sizeof raw, "%s/disk.raw", dir);
	graph = blk_graph_new(NULL);
	fill();
	reading("", 63 * 512, "16 bit entries");
	reading("32:", 63 * 512, "32 bit entries");
	reading("12:", 63 * 512, "12 bit entries");
	reading("floppy:", 0, "12 bit entries");
	reading("floppy:12:", 0, "12 bit entries");
	reading("floppy:16:", 0, "16 bit entries");
	ok(!open_fat("", BLK_RDWR, &e) && strstr(e.msg, "fat:rw:"), "not for writing without rw: %s", e.msg);
	ok(!open_fat("floppy:32:", 0, &e) && strstr(e.msg, "12 or 16"), "no FAT32 floppy: %s", e.msg);
	ok(!open_fat("no-such-directory", 0, &e) && strstr(e.msg, "cannot open directory"), "a missing directory: %s", e.msg);
	shell("truncate -s 5G %s/huge", src);
	ok(!open_fat("", 0, &e) && strstr(e.msg, "huge") && strstr(e.msg, "4 GB"), "a file too large: %s", e.msg);
	shell("truncate -s 600M %s/huge", src);
	ok(!open_fat("", 0, &e) && strstr(e.msg, "does not fit in FAT16"), "a directory too large: %s", e.msg);
	shell("rm %s/huge", src);
	writing("rw:", 63 * 512);
	writing("floppy:rw:", 0);
	blk_graph_free(graph);
	shell("rm -rf %s", dir);
	return tap_done();
}
