/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From the guest's file system back to the host directory.
 *
 * Theory of operation. The tree is read from the disk as the guest sees it: every chain must be whole, no cluster in
 * two chains, no directory in itself. If anything is amiss nothing is done: the guest is in the middle of its work.
 * Otherwise the tree is compared with what the host has. A file whose chain, size or data changed is written to a
 * temporary name and renamed over the old one; what is gone is deleted, files before directories, new directories are
 * made first. Data that the disk still takes from a host file that is about to change go to the overlay before.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "block/vvfat.h"

struct walk {
	struct vvfat *s;
	uint8_t *fat;	/* the guest's first table */
	uint8_t *used;	/* a bit for each cluster */
	struct vf_list tree;
};

static uint32_t entry(const struct walk *w, uint32_t n)
{
	const struct vvfat *s = w->s;
	uint32_t at;

	if (s->fat == 32)
		return le32_get(w->fat + 4ull * n) & 0x0fffffff;
	if (s->fat == 16)
		return le16_get(w->fat + 2ull * n);
	at = n + n / 2;
	return n % 2 ? le16_get(w->fat + at) >> 4 : le16_get(w->fat + at) & 0xfff;
}

/* The clusters of a chain: *list (malloc'ed) and *count. -EAGAIN: broken, crossed, or looped. */
static int follow(struct walk *w, uint32_t first, uint32_t **list, uint32_t *count)
{
	struct vvfat *s = w->s;
	uint32_t end = vf_end_mark(s) & ~7u, room = 0;

	*list = NULL;
	*count = 0;
	for (uint32_t c = first; c; c = entry(w, c)) {
		if (c >= end)
			return 0;
		if (c < 2 || c >= s->clusters + 2 || (w->used[c / 8] & 1 << c % 8))
			break;
		w->used[c / 8] |= (uint8_t)(1 << c % 8);
		if (*count == room) {
			uint32_t *p = reallocarray(*list, room ? 2 * room : 64, sizeof *p);
			if (!p)
				break;
			*list = p;
			room = room ? 2 * room : 64;
		}
		(*list)[(*count)++] = c;
	}
	if (!first)
		return 0;
	free(*list);
	*list = NULL;
	return -EAGAIN;
}

static uint64_t chain_hash(const uint32_t *list, uint32_t count)
{
	uint64_t h = 14695981039346656037u;

	for (uint32_t i = 0; i < count; i++)
		h = (h ^ list[i]) * 1099511628211u;
	return h;
}

/* ---- reading the guest's tree -------------------------------------------------------------------------------------- */
static size_t put_utf8(char *out, uint32_t c)
{
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (char)(0xc0 | c >> 6);
		out[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (char)(0xe0 | c >> 12);
		out[1] = (char)(0x80 | (c >> 6 & 0x3f));
		out[2] = (char)(0x80 | (c & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | c >> 18);
	out[1] = (char)(0x80 | (c >> 12 & 0x3f));
	out[2] = (char)(0x80 | (c >> 6 & 0x3f));
	out[3] = (char)(0x80 | (c & 0x3f));
	return 4;
}

/* The short name, lower case where the entry's flags (byte 12) say so. */
static void short_name(const uint8_t *d, char *out)
{
	size_t n = 0;

	for (int i = 0; i < 11; i++) {
		uint8_t c = i == 0 && d[0] == 5 ? 0xe5 : d[i];
		bool lower = d[12] & (i < 8 ? 0x08 : 0x10);
		if (i == 8 && memcmp(d + 8, "   ", 3))
			out[n++] = '.';
		if (c == ' ')
			continue;
		if (lower && c >= 'A' && c <= 'Z')
			c = (uint8_t)(c + 32);
		out[n++] = c < 0x80 ? (char)c : '_';
	}
	out[n] = '\0';
}

struct long_name {
	uint16_t unit[20 * 13 + 1];
	unsigned parts, seen;
	uint8_t sum;
};

static void long_part(struct long_name *l, const uint8_t *d)
{
	static const uint8_t place[13] = {1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30};
	unsigned number = d[0] & 0x3f;

	if (d[0] & 0x40) {
		memset(l, 0, sizeof *l);
		l->parts = number;
		l->seen = number + 1;
		l->sum = d[13];
	}
	if (!number || number > 20 || number + 1 != l->seen || d[13] != l->sum) {
		l->parts = 0;
		return;
	}
	l->seen = number;
	for (int k = 0; k < 13; k++)
		l->unit[(number - 1) * 13 + (unsigned)k] = le16_get(d + place[k]);
}

/* The long name that the parts before the entry make, if they belong to it. */
static bool long_name(const struct long_name *l, const uint8_t *d, char *out, size_t size)
{
	uint8_t sum = 0;
	size_t n = 0;

	for (int i = 0; i < 11; i++)
		sum = (uint8_t)((sum >> 1 | sum << 7) + d[i]);
	if (!l->parts || l->seen != 1 || sum != l->sum)
		return false;
	for (unsigned i = 0; i < l->parts * 13 && l->unit[i]; i++) {
		uint32_t c = l->unit[i];
		if (c >= 0xd800 && c < 0xdc00 && l->unit[i + 1] >= 0xdc00 && l->unit[i + 1] < 0xe000)
			c = 0x10000 + ((c - 0xd800) << 10) + (l->unit[++i] - 0xdc00u);
		if (n + 5 > size)
			return false;
		n += put_utf8(out + n, c);
	}
	out[n] = '\0';
	return n > 0;
}

/* Names that are one component on the host and no more. */
static bool name_ok(const char *name)
{
	return *name && strcmp(name, ".") && strcmp(name, "..") && !strchr(name, '/');
}

static int read_tree(struct walk *w, struct vf_node *dir, const uint32_t *list, uint32_t count, unsigned depth);

static int add_found(struct walk *w, struct vf_node *dir, const uint8_t *d, const char *name, unsigned depth)
{
	struct vvfat *s = w->s;
	uint32_t first = le16_get(d + 26) | (s->fat == 32 ? (uint32_t)le16_get(d + 20) << 16 : 0), *list, count;
	uint64_t each = (uint64_t)s->per_cluster * BLK_SECTOR;
	struct vf_node *n;
	int r;

	if (!name_ok(name))
		return -EAGAIN;
	r = follow(w, first, &list, &count);
	if (r < 0)
		return r;
	n = vf_add(&w->tree, NULL);
	if (!n || asprintf(&n->path, "%s%s%s", dir ? dir->path : "", dir && *dir->path ? "/" : "", name) < 0) {
		if (n)
			n->path = NULL;
		free(list);
		return -ENOMEM;
	}
	n->name = vf_base_name(n->path);
	n->parent = dir;
	n->dir = d[11] & VF_DIRECTORY;
	n->size = n->dir ? 0 : le32_get(d + 28);
	n->cluster = first;
	n->clusters = count;
	n->chain = chain_hash(list, count);
	if (n->dir && !count)
		r = -EAGAIN;
	else if (!n->dir && (n->size + each - 1) / each > count)
		r = -EAGAIN; /* the size is there before the data */
	else if (n->dir)
		r = read_tree(w, n, list, count, depth + 1);
	free(list);
	return r;
}

static int read_entries(struct walk *w, struct vf_node *dir, const uint8_t *p, size_t bytes, unsigned depth)
{
	struct long_name *l = calloc(1, sizeof *l);
	char name[20 * 13 * 4 + 1];
	int r = l ? 0 : -ENOMEM;

	for (size_t at = 0; at + VF_ENTRY <= bytes && p[at] && !r; at += VF_ENTRY) {
		const uint8_t *d = p + at;
		if (d[0] == 0xe5) {
			l->parts = 0;
		} else if ((d[11] & 0x3f) == VF_LONG) {
			long_part(l, d);
		} else if (d[11] & VF_VOLUME || d[0] == '.') {
			l->parts = 0;
		} else {
			if (!long_name(l, d, name, sizeof name))
				short_name(d, name);
			l->parts = 0;
			r = add_found(w, dir, d, name, depth);
		}
	}
	free(l);
	return r;
}

static int read_tree(struct walk *w, struct vf_node *dir, const uint32_t *list, uint32_t count, unsigned depth)
{
	struct vvfat *s = w->s;
	size_t each = (size_t)s->per_cluster * BLK_SECTOR, bytes = count * each;
	uint8_t *p;
	int r = 0;

	if (depth > VF_MAX_DEPTH || bytes > VF_MAX_DIR)
		return -EAGAIN;
	p = malloc(bytes + 1);
	if (!p)
		return -ENOMEM;
	for (uint32_t i = 0; i < count && !r; i++)
		r = vf_read(s, vf_cluster_sector(s, list[i]), s->per_cluster, p + i * each);
	if (!r)
		r = read_entries(w, dir, p, bytes, depth);
	free(p);
	return r;
}

static int read_disk(struct walk *w)
{
	struct vvfat *s = w->s;
	uint64_t fat = s->hidden + s->reserved;
	uint32_t *list, count;
	uint8_t *root;
	int r;

	w->fat = malloc((size_t)s->fat_sectors * BLK_SECTOR + 4);
	w->used = calloc(1, s->clusters / 8 + 2);
	if (!w->fat || !w->used)
		return -ENOMEM;
	r = vf_read(s, fat, s->fat_sectors, w->fat);
	if (r < 0)
		return r;
	if (s->fat == 32) {
		r = follow(w, s->base.node[0]->cluster, &list, &count);
		if (!r)
			r = read_tree(w, NULL, list, count, 0);
		free(list);
		return r;
	}
	root = malloc((size_t)s->root_sectors * BLK_SECTOR);
	if (!root)
		return -ENOMEM;
	r = vf_read(s, s->hidden + s->data - s->root_sectors, s->root_sectors, root);
	if (!r)
		r = read_entries(w, NULL, root, (size_t)s->root_sectors * BLK_SECTOR, 0);
	free(root);
	return r;
}

/* ---- changing the host --------------------------------------------------------------------------------------------- */
static int by_path(const void *a, const void *b)
{
	return strcmp((*(struct vf_node *const *)a)->path, (*(struct vf_node *const *)b)->path);
}

static struct vf_node *look_up(const struct vf_list *l, const char *path)
{
	struct vf_node key = {.path = (char *)(uintptr_t)path}, *k = &key, **p;

	p = l->count ? bsearch(&k, l->node, l->count, sizeof *l->node, by_path) : NULL;
	return p ? *p : NULL;
}

/* Whether the guest wrote to a cluster of the chain since the last synchronisation. */
static bool touched(const struct walk *w, const struct vf_node *n)
{
	const struct vvfat *s = w->s;
	uint32_t c = n->cluster;

	for (uint32_t i = 0; i < n->clusters; i++, c = entry(w, c)) {
		uint64_t sector = vf_cluster_sector(s, c);
		for (uint32_t k = 0; k < s->per_cluster; k++)
			if (s->fresh[(sector + k) / 8] & 1 << (sector + k) % 8)
				return true;
	}
	return false;
}

/* Moves what the disk takes from the host file `path` to the overlay. */
static int detach(struct vvfat *s, const char *path)
{
	uint8_t buf[16 * BLK_SECTOR];
	int r = 0;

	for (unsigned i = 1; i < s->base.count; i++) {
		struct vf_node *n = s->base.node[i];
		if (n->dir || n->detached || strcmp(n->path, path))
			continue;
		for (uint32_t c = 0; c < n->clusters && !r; c++)
			for (uint32_t k = 0; k < s->per_cluster && !r; k++) {
				uint64_t sector = vf_cluster_sector(s, n->cluster + c) + k;
				if (s->written[sector / 8] & 1 << sector % 8)
					continue;
				r = vf_read_base(s, sector, 1, buf);
				if (!r)
					r = vf_write_overlay(s, sector, 1, buf);
			}
		if (!r)
			n->detached = true;
	}
	return r;
}

static int write_file(struct walk *w, const struct vf_node *n)
{
	struct vvfat *s = w->s;
	size_t each = (size_t)s->per_cluster * BLK_SECTOR;
	uint64_t left = n->size;
	uint32_t c = n->cluster;
	uint8_t *buf;
	struct stat st;
	char temp[64];
	int dir, fd, r = 0;

	dir = vf_open_node(s, n->path, true, 0);
	if (dir < 0)
		return dir;
	snprintf(temp, sizeof temp, ".vvfat-%d-%p.tmp", (int)getpid(), (const void *)n);
	fd = openat(dir, temp, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0600);
	buf = malloc(each);
	if (fd < 0 || !buf)
		r = fd < 0 ? -errno : -ENOMEM;
	for (; left && !r; c = entry(w, c)) {
		size_t len = left < each ? (size_t)left : each;
		r = vf_read(s, vf_cluster_sector(s, c), s->per_cluster, buf);
		for (size_t at = 0; at < len && !r;) {
			ssize_t k = write(fd, buf + at, len - at);
			if (k < 0 && errno != EINTR)
				r = -errno;
			else if (k > 0)
				at += (size_t)k;
		}
		left -= len;
	}
	/* The old file's permissions stay; a new one gets the usual ones. */
	if (!r && !fstatat(dir, n->name, &st, AT_SYMLINK_NOFOLLOW) && S_ISREG(st.st_mode))
		fchmod(fd, st.st_mode & 0777);
	else if (!r)
		fchmod(fd, 0644);
	if (!r && fsync(fd) < 0)
		r = -errno;
	if (!r && renameat(dir, temp, dir, n->name) < 0)
		r = -errno;
	if (r < 0 && fd >= 0)
		unlinkat(dir, temp, 0);
	if (fd >= 0)
		close(fd);
	close(dir);
	free(buf);
	return r;
}

static int make_dir(struct vvfat *s, const struct vf_node *n)
{
	int dir = vf_open_node(s, n->path, true, 0), r = 0;

	if (dir < 0)
		return dir;
	if (mkdirat(dir, n->name, 0755) < 0 && errno != EEXIST)
		r = -errno;
	close(dir);
	return r;
}

static int remove_node(struct vvfat *s, const struct vf_node *n)
{
	int dir = vf_open_node(s, n->path, true, 0), r = 0;

	if (dir < 0)
		return dir == -ENOENT ? 0 : dir;
	/* A directory may hold what is not on the disk, a link say: then it stays. */
	if (unlinkat(dir, n->name, n->dir ? AT_REMOVEDIR : 0) < 0 && errno != ENOENT && errno != ENOTEMPTY)
		r = -errno;
	close(dir);
	return r;
}

static int apply(struct walk *w)
{
	struct vvfat *s = w->s;
	struct vf_list *old = &s->known, *tree = &w->tree;
	int r = 0;

	qsort(old->node, old->count, sizeof *old->node, by_path);
	qsort(tree->node, tree->count, sizeof *tree->node, by_path);
	for (unsigned i = 1; i < tree->count; i++)
		if (!strcmp(tree->node[i - 1]->path, tree->node[i]->path))
			return -EAGAIN; /* the guest is renaming */
	/* First what will be gone or become another kind; the data of renamed files are saved by that. Children sort
	 * behind their directories: from the end they come first. */
	for (unsigned i = old->count; i-- > 0 && !r;) {
		struct vf_node *n = old->node[i], *now = look_up(tree, n->path);
		if (now && now->dir == n->dir)
			continue;
		if (!n->dir)
			r = detach(s, n->path);
		if (!r)
			r = remove_node(s, n);
	}
	for (unsigned i = 0; i < tree->count && !r; i++) {
		struct vf_node *n = tree->node[i], *was = look_up(old, n->path);
		if (n->dir) {
			r = was && was->dir ? 0 : make_dir(s, n);
		} else if (!was || was->dir || was->size != n->size || was->chain != n->chain || touched(w, n)) {
			r = detach(s, n->path);
			if (!r)
				r = write_file(w, n);
		}
	}
	return r;
}

int vf_sync(struct blk *b)
{
	struct vvfat *s = b->state;
	struct walk w = {.s = s};
	int r = read_disk(&w);

	if (!r)
		r = apply(&w);
	if (!r) {
		vf_list_free(&s->known);
		s->known = w.tree;
		w.tree = (struct vf_list){0};
		memset(s->fresh, 0, s->sectors / 8 + 1);
		s->changed = false;
		/* A file that was replaced under the same name must not be read through an old descriptor. */
		if (s->open_fd >= 0)
			close(s->open_fd);
		s->open_fd = -1;
		s->open_node = NULL;
	}
	vf_list_free(&w.tree);
	free(w.fat);
	free(w.used);
	return r;
}
