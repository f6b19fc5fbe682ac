/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vvfat: a disk or floppy with a FAT file system, made of a host directory.
 *
 *	fat:[floppy:][12:|16:|32:][rw:]DIR
 *
 * Theory of operation. When it is opened the directory tree is read once; every file and directory gets its clusters in
 * a row, and the sectors of the disk are computed when they are read: partition table, boot sector, allocation table and
 * directories from memory, file data from the files. Links and special files are left out, and nothing outside the
 * directory is ever opened.
 *
 * With rw: what the guest writes goes to a temporary file, and at each flush and at the end the guest's file system is
 * read and the directory brought in line with it (vvfat-sync.c): but only when it is consistent. The host must not
 * change the directory meanwhile.
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

/* ---- computed sectors -------------------------------------------------------------------------------------------- */
static void put_chs(const struct vvfat *s, uint8_t *p, uint64_t sector)
{
	uint64_t cylinder = sector / s->spt / s->heads;

	if (cylinder > 1023) {
		p[0] = 0xfe;
		p[1] = p[2] = 0xff;
		return;
	}
	p[0] = (uint8_t)(sector / s->spt % s->heads);
	p[1] = (uint8_t)((sector % s->spt + 1) | cylinder >> 8 << 6);
	p[2] = (uint8_t)cylinder;
}

static void partition_table(const struct vvfat *s, uint8_t *p)
{
	uint8_t *entry = p + 0x1be;

	le32_put(p + 0x1b8, s->serial);
	entry[0] = 0x80;
	put_chs(s, entry + 1, s->hidden);
	entry[4] = s->fat == 12 ? 0x01 : s->fat == 16 ? 0x06 : 0x0c;
	put_chs(s, entry + 5, s->sectors - 1);
	le32_put(entry + 8, (uint32_t)s->hidden);
	le32_put(entry + 12, (uint32_t)(s->sectors - s->hidden));
	p[510] = 0x55;
	p[511] = 0xaa;
}

static void boot_sector(const struct vvfat *s, uint8_t *p)
{
	uint64_t total = s->sectors - s->hidden;
	uint8_t *tail = p + (s->fat == 32 ? 64 : 36);
	char type[9];

	memcpy(p, "\xeb\x58\x90" "emutools", 11);
	le16_put(p + 11, BLK_SECTOR);
	p[13] = (uint8_t)s->per_cluster;
	le16_put(p + 14, (uint16_t)s->reserved);
	p[16] = 2;
	le16_put(p + 17, (uint16_t)s->root_entries);
	if (total < 65536)
		le16_put(p + 19, (uint16_t)total);
	else
		le32_put(p + 32, (uint32_t)total);
	p[21] = s->floppy ? 0xf0 : 0xf8;
	le16_put(p + 24, (uint16_t)s->spt);
	le16_put(p + 26, (uint16_t)s->heads);
	le32_put(p + 28, (uint32_t)s->hidden);
	if (s->fat == 32) {
		le32_put(p + 36, s->fat_sectors);
		le32_put(p + 44, s->base.node[0]->cluster);
		le16_put(p + 48, 1); /* FSInfo */
		le16_put(p + 50, 6); /* copy of this sector */
	} else {
		le16_put(p + 22, (uint16_t)s->fat_sectors);
	}
	tail[0] = s->floppy ? 0 : 0x80;
	tail[2] = 0x29;
	le32_put(tail + 3, s->serial);
	memset(tail + 7, ' ', 11);
	memcpy(tail + 7, s->label, strnlen(s->label, 11));
	snprintf(type, sizeof type, "FAT%u   ", s->fat);
	memcpy(tail + 18, type, 8);
	p[510] = 0x55;
	p[511] = 0xaa;
}

static void fs_info(const struct vvfat *s, uint8_t *p)
{
	memcpy(p, "RRaA", 4);
	memcpy(p + 484, "rrAa", 4);
	le32_put(p + 488, s->clusters + 2 - s->next);
	le32_put(p + 492, s->next < s->clusters + 2 ? s->next : 2);
	p[510] = 0x55;
	p[511] = 0xaa;
}

static void table_sector(const struct vvfat *s, uint32_t sector, uint8_t *p)
{
	for (uint32_t i = 0; i < BLK_SECTOR; i++) {
		uint32_t at = sector * BLK_SECTOR + i, n, v;
		if (s->fat == 12) {
			n = at / 3 * 2;
			v = (n < s->table_room ? s->table[n] & 0xfff : 0) | (n + 1 < s->table_room ? (s->table[n + 1] & 0xfff) << 12 : 0);
			p[i] = (uint8_t)(v >> 8 * (at % 3));
		} else {
			unsigned bytes = s->fat / 8;
			n = at / bytes;
			v = n < s->table_room ? s->table[n] : 0;
			p[i] = (uint8_t)(v >> 8 * (at % bytes));
		}
	}
}

/* The node whose clusters hold `cluster`, or NULL: free. */
static const struct vf_node *owner(const struct vvfat *s, uint32_t cluster)
{
	unsigned low = 1, high = s->base.count;
	const struct vf_node *n = s->base.node[0];

	/* The root is first in the list whatever its cluster; the others are sorted. */
	if (n->cluster && cluster - n->cluster < n->clusters)
		return n;
	while (low < high) {
		unsigned mid = low + (high - low) / 2;
		if (s->base.node[mid]->cluster <= cluster)
			low = mid + 1;
		else
			high = mid;
	}
	n = low > 1 ? s->base.node[low - 1] : NULL;
	return n && n->cluster && cluster - n->cluster < n->clusters ? n : NULL;
}

/* n bytes of a node's contents at off, zeros behind its end (or where the host cut the file short meanwhile). */
static int node_data(struct vvfat *s, const struct vf_node *n, uint64_t off, uint8_t *buf, size_t bytes)
{
	size_t have = 0;

	memset(buf, 0, bytes);
	if (n->dir) {
		if (off < n->entry_bytes)
			memcpy(buf, n->entries + off, n->entry_bytes - off < bytes ? n->entry_bytes - off : bytes);
		return 0;
	}
	if (s->open_node != n) {
		struct stat st;
		int fd = vf_open_node(s, n->path, false, O_RDONLY);
		if (fd < 0)
			return -EIO;
		if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
			close(fd);
			return -EIO;
		}
		if (s->open_fd >= 0)
			close(s->open_fd);
		s->open_fd = fd;
		s->open_node = n;
	}
	if (off < n->size && n->size - off < bytes)
		bytes = n->size - off;
	while (have < bytes && off < n->size) {
		ssize_t r = pread(s->open_fd, buf + have, bytes - have, (off_t)(off + have));
		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return -errno;
		if (r == 0)
			break;
		have += (size_t)r;
	}
	return 0;
}

int vf_read_base(struct vvfat *s, uint64_t sector, unsigned count, uint8_t *buf)
{
	int r = 0;

	while (count && !r) {
		unsigned n = 1;
		uint64_t at;
		memset(buf, 0, BLK_SECTOR);
		if (sector < s->hidden) {
			if (sector == 0)
				partition_table(s, buf);
		} else if ((at = sector - s->hidden) < s->reserved) {
			if (at == 0 || (s->fat == 32 && at == 6))
				boot_sector(s, buf);
			else if (s->fat == 32 && (at == 1 || at == 7))
				fs_info(s, buf);
		} else if (at < s->reserved + 2 * s->fat_sectors) {
			table_sector(s, (uint32_t)((at - s->reserved) % s->fat_sectors), buf);
		} else if (at < s->data) {
			r = node_data(s, s->base.node[0], (at - s->data + s->root_sectors) * BLK_SECTOR, buf, BLK_SECTOR);
		} else {
			uint32_t cluster = (uint32_t)((at - s->data) / s->per_cluster) + 2;
			const struct vf_node *node = cluster < s->clusters + 2 ? owner(s, cluster) : NULL;
			if (node) {
				uint64_t in = (at - s->data) % s->per_cluster;
				uint64_t left = (uint64_t)(node->cluster + node->clusters - cluster) * s->per_cluster - in;
				n = left < count ? (unsigned)left : count;
				r = node_data(s, node, ((uint64_t)(cluster - node->cluster) * s->per_cluster + in) * BLK_SECTOR, buf,
					      (size_t)n * BLK_SECTOR);
			}
		}
		sector += n;
		count -= n;
		buf += (size_t)n * BLK_SECTOR;
	}
	return r;
}

static bool bit(const uint8_t *map, uint64_t i)
{
	return map[i / 8] >> i % 8 & 1;
}

int vf_read(struct vvfat *s, uint64_t sector, unsigned count, uint8_t *buf)
{
	int r = 0;

	while (count && !r) {
		unsigned n = 1;
		bool over = s->written && bit(s->written, sector);
		while (n < count && (s->written && bit(s->written, sector + n)) == over)
			n++;
		if (!over)
			r = vf_read_base(s, sector, n, buf);
		else if (pread(s->overlay, buf, (size_t)n * BLK_SECTOR, (off_t)(sector * BLK_SECTOR)) != (ssize_t)n * BLK_SECTOR)
			r = -EIO;
		sector += n;
		count -= n;
		buf += (size_t)n * BLK_SECTOR;
	}
	return r;
}

int vf_write_overlay(struct vvfat *s, uint64_t sector, unsigned count, const uint8_t *buf)
{
	size_t n = (size_t)count * BLK_SECTOR;
	ssize_t w = pwrite(s->overlay, buf, n, (off_t)(sector * BLK_SECTOR));

	if (w != (ssize_t)n)
		return w < 0 ? -errno : -ENOSPC;
	for (unsigned i = 0; i < count; i++)
		s->written[(sector + i) / 8] |= (uint8_t)(1 << (sector + i) % 8);
	return 0;
}

/* ---- opening ----------------------------------------------------------------------------------------------------- */
/* Sizes of the regions for the chosen kind; classic geometries, so that old systems agree with them. */
static int lay_out(struct vvfat *s, unsigned asked, struct err *e)
{
	uint64_t total, sectors;

	if (s->floppy) {
		if (asked == 32)
			return err_set(e, EINVAL, "a floppy cannot be FAT32: use 12 or 16");
		s->fat = asked ? asked : 12;
		s->cylinders = 80;
		s->heads = 2;
		s->spt = asked == 12 ? 18 : 36;
		s->per_cluster = s->fat == 12 && s->spt == 36 ? 2 : 1;
		s->root_entries = s->spt == 18 ? 224 : 240;
	} else {
		s->fat = asked ? asked : 16;
		s->cylinders = s->fat == 12 ? 64 : 1024;
		s->heads = 16;
		s->spt = 63;
		s->hidden = 63;
		s->per_cluster = s->fat == 32 ? 8 : 16;
		s->root_entries = s->fat == 32 ? 0 : 512;
	}
	s->sectors = (uint64_t)s->cylinders * s->heads * s->spt;
	s->reserved = s->fat == 32 ? 32 : 1;
	s->root_sectors = s->root_entries * VF_ENTRY / BLK_SECTOR;
	total = s->sectors - s->hidden;
	/* Tables for as many clusters as there would be without tables: a little too much, never too little. */
	sectors = (total - s->reserved - s->root_sectors) / s->per_cluster + 2;
	s->fat_sectors = (uint32_t)((sectors * s->fat + 8 * BLK_SECTOR - 1) / (8 * BLK_SECTOR));
	s->data = s->reserved + 2 * s->fat_sectors + s->root_sectors;
	s->clusters = (uint32_t)((total - s->data) / s->per_cluster);
	s->table_room = s->clusters + 2;
	s->table = calloc(s->table_room, sizeof *s->table);
	if (!s->table)
		return err_errno(e, ENOMEM, "file allocation table");
	s->table[0] = (vf_end_mark(s) & ~0xffu) | (s->floppy ? 0xf0 : 0xf8);
	s->table[1] = vf_end_mark(s);
	s->next = 2;
	return 0;
}

static int open_overlay(struct vvfat *s, struct err *e)
{
	const char *tmp = getenv("TMPDIR");

	s->overlay = open(tmp && *tmp ? tmp : "/var/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (s->overlay < 0)
		s->overlay = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (s->overlay < 0 || ftruncate(s->overlay, (off_t)(s->sectors * BLK_SECTOR)) < 0)
		return err_errno(e, errno, "cannot make a temporary file for what the guest writes");
	s->written = calloc(1, s->sectors / 8 + 1);
	s->fresh = calloc(1, s->sectors / 8 + 1);
	return s->written && s->fresh ? 0 : err_errno(e, ENOMEM, "map of written sectors");
}

/* What the host has is what the disk shows, for a start: compared with at the first synchronisation. */
static int remember(struct vvfat *s, struct err *e)
{
	for (unsigned i = 1; i < s->base.count; i++) {
		const struct vf_node *from = s->base.node[i];
		struct vf_node *n = vf_add(&s->known, e);
		if (!n)
			return -ENOMEM;
		n->path = strdup(from->path);
		if (!n->path)
			return err_errno(e, ENOMEM, "directory");
		n->name = vf_base_name(n->path);
		n->dir = from->dir;
		n->size = from->size;
		n->cluster = from->cluster;
		n->chain = 14695981039346656037u;
		for (uint32_t k = 0; k < from->clusters; k++)
			n->chain = (n->chain ^ (from->cluster + k)) * 1099511628211u;
	}
	return 0;
}

static int vvfat_open(struct blk *b, struct err *e)
{
	struct vvfat *s = b->state;
	const char *type = blk_opts_string(b->opts, "fat-type"), *label = blk_opts_string(b->opts, "label");
	const char *dir = blk_opts_string(b->opts, "dir");
	unsigned asked = type && strcmp(type, "0") ? (unsigned)strtoul(type, NULL, 10) : 0;
	int r;

	s->root = s->open_fd = s->overlay = -1;
	if (pthread_mutex_init(&s->lock, NULL))
		return err_errno(e, ENOMEM, "vvfat");
	s->ready = true;
	if (!dir)
		return err_set(e, EINVAL, "vvfat block driver requires a 'dir' option");
	s->floppy = blk_opts_bool(b->opts, "floppy", false);
	s->rw = blk_opts_bool(b->opts, "rw", false);
	if (!s->rw && (b->flags & BLK_RDWR)) {
		if (!(b->flags & BLK_AUTO_READ_ONLY))
			return err_set(e, EACCES, "Unable to set VVFAT to 'rw' when drive is read-only: use fat:rw:%s to let the guest write",
				       dir);
		b->flags &= ~(unsigned)BLK_RDWR;
	}
	if (s->rw && !(b->flags & BLK_RDWR))
		return err_set(e, EACCES, "Unable to set VVFAT to 'rw' when drive is read-only");
	if (label && strlen(label) > 11)
		return err_set(e, EINVAL, "vvfat label cannot be longer than 11 bytes");
	s->label = strdup(label && *label ? label : "EMU VVFAT");
	s->dir = strdup(dir);
	if (!s->label || !s->dir)
		return err_errno(e, ENOMEM, "vvfat");
	s->root = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->root < 0)
		return err_errno(e, errno, "cannot open directory '%s'", dir);
	/* The same directory is the same volume each time. */
	s->serial = 2166136261u;
	for (const char *p = dir; *p; p++)
		s->serial = (s->serial ^ (uint8_t)*p) * 16777619u;
	if ((r = lay_out(s, asked, e)) < 0 || (r = vf_scan(s, e)) < 0)
		return err_prefix(e, "%s", dir);
	if (s->rw && ((r = open_overlay(s, e)) < 0 || (r = remember(s, e)) < 0))
		return r;
	b->size = s->sectors * BLK_SECTOR;
	b->align = BLK_SECTOR;
	return 0;
}

static void vvfat_close(struct blk *b)
{
	struct vvfat *s = b->state;

	if (!s->ready)
		return;
	if (s->changed && vf_sync(b) < 0)
		blk_warn(b->graph, "%s: what the guest wrote last did not all reach the directory", s->dir);
	if (s->open_fd >= 0)
		close(s->open_fd);
	if (s->overlay >= 0)
		close(s->overlay);
	if (s->root >= 0)
		close(s->root);
	vf_list_free(&s->base);
	vf_list_free(&s->known);
	free(s->table);
	free(s->written);
	free(s->fresh);
	free(s->dir);
	free(s->label);
	pthread_mutex_destroy(&s->lock);
}

static int vvfat_pread(struct blk *b, uint64_t off, size_t n, void *buf)
{
	struct vvfat *s = b->state;
	int r;

	pthread_mutex_lock(&s->lock);
	r = vf_read(s, off / BLK_SECTOR, (unsigned)(n / BLK_SECTOR), buf);
	pthread_mutex_unlock(&s->lock);
	return r;
}

static int vvfat_pwrite(struct blk *b, uint64_t off, size_t n, const void *buf, unsigned flags)
{
	struct vvfat *s = b->state;
	uint64_t first = off / BLK_SECTOR;
	int r;

	pthread_mutex_lock(&s->lock);
	r = vf_write_overlay(s, first, (unsigned)(n / BLK_SECTOR), buf);
	for (uint64_t i = first; i < first + n / BLK_SECTOR && !r; i++)
		s->fresh[i / 8] |= (uint8_t)(1 << i % 8);
	s->changed = true;
	pthread_mutex_unlock(&s->lock);
	if (!r && (flags & BLK_WRITE_FUA))
		r = blk_flush(b);
	return r;
}

static int vvfat_flush(struct blk *b)
{
	struct vvfat *s = b->state;
	int r = 0;

	pthread_mutex_lock(&s->lock);
	if (s->changed)
		r = vf_sync(b);
	pthread_mutex_unlock(&s->lock);
	/* In the middle of the guest's work: the next flush, or the end, does it. */
	return r == -EAGAIN ? 0 : r;
}

static int vvfat_parse(const char *filename, json_t *options, struct err *e)
{
	const char *p = filename;

	if (!strncmp(p, "fat:", 4))
		p += 4;
	for (;;) {
		if (!strncmp(p, "floppy:", 7)) {
			json_object_set_new(options, "floppy", json_true());
			p += 7;
		} else if (!strncmp(p, "rw:", 3)) {
			json_object_set_new(options, "rw", json_true());
			p += 3;
		} else if (!strncmp(p, "12:", 3) || !strncmp(p, "16:", 3) || !strncmp(p, "32:", 3)) {
			json_object_set_new(options, "fat-type", json_stringn(p, 2));
			p += 3;
		} else {
			break;
		}
	}
	if (!*p)
		return err_set(e, EINVAL, "File name string '%s' names no directory: fat:[floppy:][12:|16:|32:][rw:]DIR", filename);
	json_object_set_new(options, "dir", json_string(p));
	return 0;
}

static const char *const fat_types[] = {"0", "12", "16", "32", NULL};
static const struct blk_option vvfat_options[] = {
	{"dir", BLK_OPT_STRING, "Host directory to map to the vvfat device", NULL, NULL},
	{"fat-type", BLK_OPT_STRING, "FAT type (12, 16 or 32)", NULL, fat_types},
	{"floppy", BLK_OPT_BOOL, "Create a floppy rather than a hard disk image", NULL, NULL},
	{"label", BLK_OPT_STRING, "Use a volume label other than EMU VVFAT", NULL, NULL},
	{"rw", BLK_OPT_BOOL, "Make the image writable", NULL, NULL},
	{NULL, 0, NULL, NULL, NULL},
};
static const char *const vvfat_prefixes[] = {"fat", NULL};

static int64_t vvfat_allocated(struct blk *b)
{
	(void)b;
	return -ENOTSUP;
}

BLOCK_FORMAT(vvfat) = {
	.name = "vvfat",
	.flags = BLK_F_PROTOCOL | BLK_F_NO_FORMAT,
	.state_size = sizeof(struct vvfat),
	.prefixes = vvfat_prefixes,
	.options = vvfat_options,
	.parse_filename = vvfat_parse,
	.open = vvfat_open,
	.close = vvfat_close,
	.pread = vvfat_pread,
	.pwrite = vvfat_pwrite,
	.flush = vvfat_flush,
	.allocated_size = vvfat_allocated,
};
