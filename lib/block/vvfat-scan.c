/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From a host directory to the entries and clusters of a FAT file system ("FAT: General Overview of On-Disk Format", 1.03). */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "block/vvfat.h"

struct vf_node *vf_add(struct vf_list *l, struct err *e)
{
	struct vf_node *n;

	if (l->count == l->room) {
		unsigned room = l->room ? 2 * l->room : 64;
		struct vf_node **list = l->count < VF_MAX_NODES ? reallocarray(l->node, room, sizeof *list) : NULL;
		if (!list) {
			err_set(e, EFBIG, "the directory has more than %d files", VF_MAX_NODES);
			return NULL;
		}
		l->node = list;
		l->room = room;
	}
	n = calloc(1, sizeof *n);
	if (n)
		l->node[l->count++] = n;
	else
		err_errno(e, ENOMEM, "directory");
	return n;
}

void vf_list_free(struct vf_list *l)
{
	for (unsigned i = 0; i < l->count; i++) {
		free(l->node[i]->path);
		free(l->node[i]->entries);
		free(l->node[i]);
	}
	free(l->node);
	*l = (struct vf_list){0};
}

const char *vf_base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

int vf_open_node(const struct vvfat *s, const char *path, bool parent, int flags)
{
	int fd = openat(s->root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), next;
	char part[VF_MAX_NAME * 4 + 1];

	while (fd >= 0 && *path) {
		size_t n = strcspn(path, "/");
		bool last = path[n] == '\0';
		if (last && parent)
			break;
		if (!n || n >= sizeof part) {
			close(fd);
			return -EINVAL;
		}
		memcpy(part, path, n);
		part[n] = '\0';
		next = openat(fd, part, (last ? flags : O_RDONLY | O_DIRECTORY) | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
		if (next < 0)
			next = -errno;
		close(fd);
		fd = next;
		path += n + !last;
	}
	return fd < 0 && fd > -2 ? -errno : fd;
}

/* ---- names ------------------------------------------------------------------------------------------------------- */
static bool short_char(int c)
{
	return isupper(c) || isdigit(c) || (c && strchr("$%'-_@~`!(){}^#&", c));
}

/* UTF-8 to at most 255 UTF-16 units; -1: not UTF-8, or too long. */
static int to_utf16(const char *name, uint16_t *out)
{
	const uint8_t *p = (const uint8_t *)name;
	int n = 0;

	while (*p) {
		uint32_t c = *p++;
		int more = c < 0x80 ? 0 : c >= 0xf0 && c < 0xf5 ? 3 : c >= 0xe0 ? 2 : c >= 0xc2 ? 1 : -1;
		if (more < 0 || c >= 0xf5)
			return -1;
		if (more)
			c &= 0x3fu >> more;
		for (; more; more--) {
			if ((*p & 0xc0) != 0x80)
				return -1;
			c = c << 6 | (*p++ & 0x3f);
		}
		if (n + (c > 0xffff) >= VF_MAX_NAME)
			return -1;
		if (c > 0xffff) {
			out[n++] = (uint16_t)(0xd800 + ((c - 0x10000) >> 10));
			c = 0xdc00 + ((c - 0x10000) & 0x3ff);
		}
		out[n++] = (uint16_t)c;
	}
	return n;
}

/* True when the long name, as it is, is a name of 8.3. */
static bool make_short(const char *name, unsigned serial, uint8_t out[11])
{
	const char *dot = strrchr(name, '.');
	size_t stem = dot && dot != name ? (size_t)(dot - name) : strlen(name), at = 0;
	bool exact = true;
	char tail[8];

	memset(out, ' ', 11);
	for (size_t i = 0; i < stem; i++) {
		int c = toupper((unsigned char)name[i]);
		if (c == ' ' || c == '.') {
			exact = false;
			continue;
		}
		if (at == 8) {
			exact = false;
			break;
		}
		out[at++] = short_char(c) ? (uint8_t)c : '_';
		exact = exact && short_char((unsigned char)name[i]);
	}
	if (!at) {
		out[at++] = '_';
		exact = false;
	}
	for (size_t i = 0; dot && dot != name && dot[1 + i]; i++) {
		int c = toupper((unsigned char)dot[1 + i]);
		if (i == 3) {
			exact = false;
			break;
		}
		out[8 + i] = short_char(c) ? (uint8_t)c : '_';
		exact = exact && short_char((unsigned char)dot[1 + i]);
	}
	if (serial) {
		int n = snprintf(tail, sizeof tail, "~%u", serial);
		if (at + (size_t)n > 8)
			at = 8 - (size_t)n;
		memcpy(out + at, tail, (size_t)n);
		exact = false;
	}
	return exact;
}

static bool taken(const uint8_t *entries, uint32_t bytes, const uint8_t name[11])
{
	for (uint32_t i = 0; i < bytes; i += VF_ENTRY)
		if (entries[i + 11] != VF_LONG && !memcmp(entries + i, name, 11))
			return true;
	return false;
}

static uint8_t *grow(struct vf_node *dir, uint32_t bytes)
{
	uint8_t *p;

	if (dir->entry_bytes + bytes > VF_MAX_DIR)
		return NULL;
	p = realloc(dir->entries, dir->entry_bytes + bytes);
	if (!p)
		return NULL;
	dir->entries = p;
	p += dir->entry_bytes;
	memset(p, 0, bytes);
	dir->entry_bytes += bytes;
	return p;
}

static void put_time(uint8_t *entry, time_t t)
{
	struct tm tm;
	uint16_t date = 0x21, clock = 0; /* 1980-01-01 */

	localtime_r(&t, &tm);
	if (tm.tm_year >= 80 && tm.tm_year < 208) {
		date = (uint16_t)((tm.tm_year - 80) << 9 | (tm.tm_mon + 1) << 5 | tm.tm_mday);
		clock = (uint16_t)(tm.tm_hour << 11 | tm.tm_min << 5 | tm.tm_sec / 2);
	}
	le16_put(entry + 14, clock);
	le16_put(entry + 16, date);
	le16_put(entry + 18, date);
	le16_put(entry + 22, clock);
	le16_put(entry + 24, date);
}

static void put_cluster(uint8_t *entry, uint32_t cluster)
{
	le16_put(entry + 26, (uint16_t)cluster);
	le16_put(entry + 20, (uint16_t)(cluster >> 16));
}

/* The entry of n in its parent, long name first. */
static int add_entry(struct vf_node *dir, struct vf_node *n, struct err *e)
{
	static const uint8_t place[13] = {1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30};
	uint16_t units[VF_MAX_NAME + 1];
	uint8_t name[11], sum = 0, *p;
	int length = to_utf16(n->name, units), parts;
	bool exact = make_short(n->name, 0, name);

	if (length < 0)
		return err_set(e, EINVAL, "file name '%s' is not UTF-8, or longer than 255 characters", n->path);
	for (unsigned serial = 1; taken(dir->entries, dir->entry_bytes, name); serial++) {
		if (serial > 99999)
			return err_set(e, EEXIST, "no short name is free for '%s'", n->path);
		exact = make_short(n->name, serial, name);
	}
	parts = exact ? 0 : (length + 12) / 13;
	p = grow(dir, (uint32_t)(parts + 1) * VF_ENTRY);
	if (!p)
		return err_set(e, ENOSPC, "directory '%s' has too many entries", dir->path);
	for (int i = 0; i < 11; i++)
		sum = (uint8_t)((sum >> 1 | sum << 7) + name[i]);
	for (int i = 0; i < parts; i++) {
		uint8_t *d = p + (parts - 1 - i) * VF_ENTRY;
		d[0] = (uint8_t)((i + 1) | (i == parts - 1 ? 0x40 : 0));
		d[11] = VF_LONG;
		d[13] = sum;
		for (int k = 0; k < 13; k++) {
			int at = i * 13 + k;
			le16_put(d + place[k], at < length ? units[at] : at == length ? 0 : 0xffff);
		}
	}
	p += parts * VF_ENTRY;
	memcpy(p, name, 11);
	p[11] = n->dir ? VF_DIRECTORY : 0x20;
	put_time(p, n->mtime);
	put_cluster(p, n->cluster);
	le32_put(p + 28, n->dir ? 0 : (uint32_t)n->size);
	return 0;
}

/* ---- the tree ---------------------------------------------------------------------------------------------------- */
static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int take(struct vvfat *s, struct vf_node *n, uint64_t bytes, struct err *e)
{
	uint64_t each = (uint64_t)s->per_cluster * BLK_SECTOR, need = (bytes + each - 1) / each;

	if (!need)
		return 0;
	if (need > s->clusters + 2 - s->next)
		return err_set(e, ENOSPC, "Directory does not fit in FAT%u (capacity %.2f MB)", s->fat,
			       (double)s->clusters * (double)each / 1048576.0);
	n->cluster = s->next;
	n->clusters = (uint32_t)need;
	for (uint32_t i = 0; i < need; i++, s->next++)
		s->table[s->next] = i + 1 < need ? s->next + 1 : vf_end_mark(s);
	return 0;
}

/* Names of a directory, sorted, so that the same directory gives the same disk. */
static int list_names(int fd, char ***names, unsigned *count, struct err *e)
{
	DIR *d = fdopendir(fd);
	struct dirent *de;
	unsigned room = 0;
	int r = 0;

	*names = NULL;
	*count = 0;
	if (!d) {
		close(fd);
		return err_errno(e, errno, "cannot read the directory");
	}
	while (!r && (de = readdir(d))) {
		if (!strcmp(de->d_name, ".") || !strcmp(de->d_name, ".."))
			continue;
		if (*count == room) {
			char **list = reallocarray(*names, room ? 2 * room : 32, sizeof *list);
			if (!list || room >= VF_MAX_NODES) {
				r = err_set(e, EFBIG, "a directory has more than %d files", VF_MAX_NODES);
				if (list)
					*names = list;
				break;
			}
			*names = list;
			room = room ? 2 * room : 32;
		}
		(*names)[*count] = strdup(de->d_name);
		if (!(*names)[*count])
			r = err_errno(e, ENOMEM, "directory");
		else
			++*count;
	}
	closedir(d);
	if (*count)
		qsort(*names, *count, sizeof **names, by_name);
	return r;
}

/* Files and directories only: links, devices, sockets are not on the disk. */
static int scan_dir(struct vvfat *s, struct vf_node *dir, unsigned depth, struct err *e)
{
	unsigned first = s->base.count, count;
	int fd = vf_open_node(s, dir->path, false, O_RDONLY | O_DIRECTORY), r;
	char **names;

	if (fd < 0)
		return err_errno(e, -fd, "cannot open directory '%s'", dir->path);
	if (depth > VF_MAX_DEPTH) {
		close(fd);
		return err_set(e, ELOOP, "directory '%s' is more than %d deep", dir->path, VF_MAX_DEPTH);
	}
	int keep = dup(fd);
	r = list_names(fd, &names, &count, e);
	for (unsigned i = 0; i < count && !r; i++) {
		struct vf_node *n;
		struct stat st;
		if (fstatat(keep, names[i], &st, AT_SYMLINK_NOFOLLOW) < 0 || (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)))
			continue;
		if (S_ISREG(st.st_mode) && st.st_size > UINT32_MAX) {
			r = err_set(e, EFBIG, "file '%s%s%s' is larger than the 4 GB that FAT allows", dir->path, *dir->path ? "/" : "",
				    names[i]);
			break;
		}
		n = vf_add(&s->base, e);
		if (!n || asprintf(&n->path, "%s%s%s", dir->path, *dir->path ? "/" : "", names[i]) < 0) {
			if (n)
				n->path = NULL;
			r = err_errno(e, ENOMEM, "directory");
			break;
		}
		n->name = vf_base_name(n->path);
		n->parent = dir;
		n->dir = S_ISDIR(st.st_mode);
		n->size = n->dir ? 0 : (uint64_t)st.st_size;
		n->mtime = st.st_mtime;
	}
	for (unsigned i = 0; i < count; i++)
		free(names[i]);
	free(names);
	if (keep >= 0)
		close(keep);
	count = s->base.count;
	for (unsigned i = first; i < count && !r; i++)
		if (s->base.node[i]->dir)
			r = scan_dir(s, s->base.node[i], depth + 1, e);
	return r;
}

/* Bytes of a directory's entries, before the clusters are known. */
static int build_entries(struct vvfat *s, bool real, struct err *e)
{
	struct vf_node *root = s->base.node[0];
	int r = 0;

	for (unsigned i = 0; i < s->base.count && !r; i++) {
		struct vf_node *n = s->base.node[i];
		uint8_t *p;
		if (!n->dir)
			continue;
		n->entry_bytes = 0;
		p = grow(n, n == root ? VF_ENTRY : 2 * VF_ENTRY);
		if (!p)
			return err_errno(e, ENOMEM, "directory");
		memset(p, ' ', 11);
		if (n == root) {
			for (int k = 0; k < 11 && s->label[k]; k++)
				p[k] = (uint8_t)s->label[k];
			p[11] = VF_VOLUME;
		} else {
			p[0] = '.';
			p[11] = VF_DIRECTORY;
			put_cluster(p, n->cluster);
			put_time(p, n->mtime);
			memset(p + VF_ENTRY, ' ', 11);
			p[VF_ENTRY] = p[VF_ENTRY + 1] = '.';
			p[VF_ENTRY + 11] = VF_DIRECTORY;
			put_cluster(p + VF_ENTRY, n->parent == root ? 0 : n->parent->cluster);
			put_time(p + VF_ENTRY, n->parent->mtime);
		}
	}
	/* Parents come before their children in the list. */
	for (unsigned i = 1; i < s->base.count && !r; i++)
		r = add_entry(s->base.node[i]->parent, s->base.node[i], e);
	for (unsigned i = 0; i < s->base.count && !r && !real; i++) {
		struct vf_node *n = s->base.node[i];
		if (n == root && s->fat != 32) {
			if (n->entry_bytes > s->root_entries * VF_ENTRY)
				r = err_set(e, ENOSPC, "the root directory needs %u entries, FAT%u has %u", n->entry_bytes / VF_ENTRY, s->fat,
					    s->root_entries);
		} else {
			r = take(s, n, n->dir ? n->entry_bytes : n->size, e);
		}
	}
	return r;
}

static int by_cluster(const void *a, const void *b)
{
	const struct vf_node *x = *(struct vf_node *const *)a, *y = *(struct vf_node *const *)b;

	return x->cluster < y->cluster ? -1 : x->cluster > y->cluster;
}

int vf_scan(struct vvfat *s, struct err *e)
{
	struct vf_node *root = vf_add(&s->base, e);
	int r;

	if (!root || !(root->path = strdup("")))
		return err_errno(e, ENOMEM, "directory");
	root->name = root->path;
	root->dir = true;
	root->mtime = time(NULL);
	r = scan_dir(s, root, 0, e);
	if (!r) /* once for the sizes, once more with the clusters that follow from them */
		r = build_entries(s, false, e);
	if (!r)
		r = build_entries(s, true, e);
	/* The root stays first: without clusters of its own it sorts so, on FAT32 it got the first ones. */
	if (!r)
		qsort(s->base.node + 1, s->base.count - 1, sizeof *s->base.node, by_cluster);
	return r;
}
