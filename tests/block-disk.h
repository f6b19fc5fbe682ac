/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Files in memory for the tests and fuzzers of the image formats: the protocol "mem:/NAME".
 *
 * Theory of operation. A file is a large reserved mapping that is touched where it is written. Pages that changed since
 * disk_keep() are listed, so that disk_reset() takes the file back to what was kept at the cost of the pages touched:
 * thousands of small changes to a big image a second. Every change can be logged (for power cuts) and every access goes
 * by a gate (for faults). One thread at a time.
 */
#ifndef TESTS_BLOCK_DISK_H
#define TESTS_BLOCK_DISK_H
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include "block/block.h"

enum { DISK_FILES = 24, DISK_PAGE = 4096 };
static const uint64_t disk_room = 256u << 20; /* a write beyond is -ENOSPC */

struct disk_file {
	char name[80]; /* without "mem:" */
	bool exists;
	uint8_t *data, *kept; /* kept: as of disk_keep() */
	uint64_t size, kept_size;
	uint8_t *dirty; /* a byte for each page */
	uint32_t *list, count;
};

enum disk_kind { DISK_READ, DISK_WRITE, DISK_ZERO, DISK_DISCARD, DISK_SIZE, DISK_FLUSH };
struct disk_entry {
	enum disk_kind kind;
	struct disk_file *file;
	uint64_t off, n; /* DISK_SIZE: n is the size */
	uint8_t *data;	 /* DISK_WRITE */
};

static struct {
	struct disk_file file[DISK_FILES];
	bool logging;
	struct disk_entry *log;
	size_t entries, log_room;
	/* Before every access but that of size and status: 0, or -errno; *n: how much of it is done nevertheless. */
	int (*gate)(enum disk_kind kind, struct disk_file *f, uint64_t off, uint64_t *n);
	uint64_t limit; /* of a file; 0: disk_room */
} disk;

static inline void *disk_map(size_t n)
{
	void *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		abort();
	return p;
}

/* The file of that name; make: a new one where there is none. NULL: none. */
static inline struct disk_file *disk_find(const char *name, bool make)
{
	struct disk_file *f;

	if (strlen(name) >= sizeof f->name)
		return NULL;
	for (f = disk.file; f < disk.file + DISK_FILES && f->name[0]; f++)
		if (!strcmp(f->name, name))
			return f->exists || make ? f : NULL;
	if (!make || f == disk.file + DISK_FILES)
		return NULL;
	strcpy(f->name, name);
	f->data = disk_map(disk_room);
	f->kept = disk_map(disk_room);
	f->dirty = disk_map(disk_room / DISK_PAGE);
	f->list = disk_map(disk_room / DISK_PAGE * sizeof *f->list);
	return f;
}

/* To be called before bytes of data are changed. */
static inline void disk_touch(struct disk_file *f, uint64_t off, uint64_t n)
{
	for (uint64_t p = off / DISK_PAGE; n && p <= (off + n - 1) / DISK_PAGE; p++)
		if (!f->dirty[p]) {
			f->dirty[p] = 1;
			f->list[f->count++] = (uint32_t)p;
		}
}

static inline void disk_keep(struct disk_file *f)
{
	for (uint32_t i = 0; i < f->count; i++) {
		memcpy(f->kept + (uint64_t)f->list[i] * DISK_PAGE, f->data + (uint64_t)f->list[i] * DISK_PAGE, DISK_PAGE);
		f->dirty[f->list[i]] = 0;
	}
	f->count = 0;
	f->kept_size = f->size;
}

static inline void disk_reset(struct disk_file *f)
{
	for (uint32_t i = 0; i < f->count; i++) {
		memcpy(f->data + (uint64_t)f->list[i] * DISK_PAGE, f->kept + (uint64_t)f->list[i] * DISK_PAGE, DISK_PAGE);
		f->dirty[f->list[i]] = 0;
	}
	f->count = 0;
	f->size = f->kept_size;
}

/* Makes every file empty and unknown. */
__attribute__((unused)) static void disk_clear(void)
{
	for (struct disk_file *f = disk.file; f < disk.file + DISK_FILES && f->name[0]; f++) {
		munmap(f->data, disk_room);
		munmap(f->kept, disk_room);
		munmap(f->dirty, disk_room / DISK_PAGE);
		munmap(f->list, disk_room / DISK_PAGE * sizeof *f->list);
	}
	memset(disk.file, 0, sizeof disk.file);
}

__attribute__((unused)) static void disk_forget_log(void)
{
	for (size_t i = 0; i < disk.entries; i++)
		free(disk.log[i].data);
	disk.entries = 0;
}

static inline void disk_note(enum disk_kind kind, struct disk_file *f, uint64_t off, uint64_t n, const void *data)
{
	struct disk_entry *e;

	if (!disk.logging)
		return;
	if (disk.entries == disk.log_room) {
		disk.log_room = disk.log_room ? 2 * disk.log_room : 4096;
		disk.log = reallocarray(disk.log, disk.log_room, sizeof *disk.log);
	}
	e = &disk.log[disk.entries++];
	*e = (struct disk_entry){kind, f, off, n, NULL};
	if (data)
		e->data = memcpy(malloc(n), data, n);
}

/* Changes without log or gate: for replay. */
static inline void disk_poke(struct disk_file *f, uint64_t off, uint64_t n, const void *data)
{
	disk_touch(f, off, n);
	if (data)
		memcpy(f->data + off, data, n);
	else
		memset(f->data + off, 0, n);
	if (off + n > f->size)
		f->size = off + n;
}

static inline void disk_cut(struct disk_file *f, uint64_t size)
{
	/* Pages that were never touched are zeros already. */
	for (uint64_t p = size / DISK_PAGE; p * DISK_PAGE < f->size; p++) {
		uint64_t at = p * DISK_PAGE < size ? size : p * DISK_PAGE, n = (p + 1) * DISK_PAGE - at;
		if (!f->dirty[p] && p * DISK_PAGE >= f->kept_size)
			continue;
		disk_touch(f, at, n);
		memset(f->data + at, 0, n);
	}
	f->size = size;
}

/* ---- the protocol ------------------------------------------------------------------------------------------------ */
struct disk_node {
	struct disk_file *file;
};

static inline struct disk_file *disk_of(struct blk *b)
{
	return ((struct disk_node *)b->state)->file;
}

static int disk_parse(const char *filename, json_t *options, struct err *e)
{
	(void)e;
	json_object_set_new(options, "filename", json_string(filename + strlen("mem:")));
	return 0;
}

static int disk_open(struct blk *b, struct err *e)
{
	struct disk_node *s = b->state;
	const char *name = blk_opts_string(b->opts, "filename");

	s->file = name ? disk_find(name, false) : NULL;
	if (!s->file)
		return err_set(e, ENOENT, "Could not open 'mem:%s': no such file in memory", name ? name : "");
	b->size = s->file->size;
	return 0;
}

static int disk_gate(enum disk_kind kind, struct disk_file *f, uint64_t off, uint64_t *n)
{
	return disk.gate ? disk.gate(kind, f, off, n) : 0;
}

static int disk_pread(struct blk *b, uint64_t off, size_t n, void *buf)
{
	struct disk_file *f = disk_of(b);
	uint64_t some = n;
	int r = disk_gate(DISK_READ, f, off, &some);

	if (!r && (off > f->size || n > f->size - off))
		return -EIO;
	if (!r)
		memcpy(buf, f->data + off, n);
	return r;
}

static bool disk_fits(uint64_t off, uint64_t n)
{
	uint64_t limit = disk.limit ? disk.limit : disk_room;

	return off <= limit && n <= limit - off;
}

static int disk_pwrite(struct blk *b, uint64_t off, size_t n, const void *buf, unsigned flags)
{
	struct disk_file *f = disk_of(b);
	uint64_t some = n;
	int r;

	(void)flags;
	if (!disk_fits(off, n))
		return -ENOSPC;
	if ((r = disk_gate(DISK_WRITE, f, off, &some)))
		n = some < n ? some : 0;
	if (n) {
		disk_poke(f, off, n, buf);
		disk_note(DISK_WRITE, f, off, n, buf);
	}
	return r;
}

static int disk_clear_range(enum disk_kind kind, struct disk_file *f, uint64_t off, uint64_t n)
{
	uint64_t some = n;
	int r;

	if (!disk_fits(off, n))
		return -ENOSPC;
	if ((r = disk_gate(kind, f, off, &some)))
		return r;
	disk_poke(f, off, n, NULL);
	disk_note(DISK_ZERO, f, off, n, NULL);
	return 0;
}

static int disk_zeroes(struct blk *b, uint64_t off, uint64_t n, unsigned flags)
{
	(void)flags;
	return disk_clear_range(DISK_ZERO, disk_of(b), off, n);
}

static int disk_discard(struct blk *b, uint64_t off, uint64_t n)
{
	struct disk_file *f = disk_of(b);

	if (off >= f->size)
		return 0;
	return disk_clear_range(DISK_DISCARD, f, off, n < f->size - off ? n : f->size - off);
}

static int disk_truncate(struct blk *b, uint64_t size, enum blk_prealloc p, struct err *e)
{
	struct disk_file *f = disk_of(b);
	uint64_t some = 0;
	int r = disk_gate(DISK_SIZE, f, size, &some);

	(void)p;
	if (!r && !disk_fits(size, 0))
		r = -ENOSPC;
	if (r)
		return err_errno(e, -r, "mem:%s: cannot resize to %llu bytes", f->name, (unsigned long long)size);
	if (size < f->size)
		disk_cut(f, size);
	f->size = b->size = size;
	disk_note(DISK_SIZE, f, 0, size, NULL);
	return 0;
}

static int disk_flush(struct blk *b)
{
	struct disk_file *f = disk_of(b);
	uint64_t some = 0;
	int r = disk_gate(DISK_FLUSH, f, 0, &some);

	if (!r)
		disk_note(DISK_FLUSH, f, 0, 0, NULL);
	return r;
}

static int disk_get_size(struct blk *b, uint64_t *size)
{
	*size = disk_of(b)->size;
	return 0;
}

static int disk_create(const struct blk_create *c, struct err *e)
{
	struct disk_file *f = disk_find(c->filename + strlen("mem:"), true);

	if (!f)
		return err_set(e, EMFILE, "no room for one more file in memory");
	if (f->size)
		disk_cut(f, 0);
	f->size = c->size;
	f->exists = true;
	return 0;
}

static int64_t disk_allocated(struct blk *b)
{
	return (int64_t)disk_of(b)->size;
}

static const struct blk_option disk_options[] = {{"filename", BLK_OPT_STRING, NULL, NULL, NULL}, {.name = NULL}};
static const struct blk_option disk_create_options[] = {{.name = NULL}};
static const char *const disk_prefixes[] = {"mem", NULL};
BLOCK_FORMAT(mem) = {.name = "mem", .flags = BLK_F_PROTOCOL | BLK_F_GROWS | BLK_F_TEST, .state_size = sizeof(struct disk_node),
		     .prefixes = disk_prefixes, .options = disk_options, .create_options = disk_create_options,
		     .parse_filename = disk_parse, .open = disk_open, .create = disk_create, .pread = disk_pread,
		     .pwrite = disk_pwrite, .pwrite_zeroes = disk_zeroes, .discard = disk_discard, .truncate = disk_truncate,
		     .flush = disk_flush, .get_size = disk_get_size, .allocated_size = disk_allocated};

/* Makes an image "mem:/NAME" with "option=value,option=value" ("": none). 0, or -errno with *e. */
__attribute__((unused)) static int disk_make(struct blk_graph *g, const char *format, const char *filename, uint64_t size,
					     const char *options, struct err *e)
{
	const struct blk_format *f = blk_format_find(format);
	struct blk_option *table = blk_create_options(f, filename, e);
	struct blk_opts *o = table ? blk_opts_new(table) : NULL;
	char *copy = strdup(options), *save = NULL;
	int r = o ? 0 : -EINVAL;

	for (char *w = strtok_r(copy, ",", &save); w && !r; w = strtok_r(NULL, ",", &save)) {
		char *value = strchr(w, '=');
		*value++ = '\0';
		r = blk_opts_set(o, w, value, e);
	}
	if (!r)
		r = blk_create_image(g, f, filename, size, o, NULL, 0, e);
	blk_opts_free(o);
	free(table);
	free(copy);
	return r;
}
#endif
