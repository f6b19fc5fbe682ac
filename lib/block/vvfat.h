/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between the parts of vvfat: a FAT disk made of a host directory. */
#ifndef BLOCK_VVFAT_H
#define BLOCK_VVFAT_H
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>
#include "base/err.h"
#include "block/block.h"

enum { VF_MAX_NODES = 1 << 16, VF_MAX_DEPTH = 64, VF_MAX_NAME = 255, VF_ENTRY = 32, VF_MAX_DIR = 65536 * VF_ENTRY };
enum { VF_READONLY = 1, VF_HIDDEN = 2, VF_SYSTEM = 4, VF_VOLUME = 8, VF_DIRECTORY = 16, VF_LONG = 15 };

/* A file or directory. In the list of what the host has, and in that of what the guest made of it. */
struct vf_node {
	char *path;		/* below the root, "" for the root itself */
	const char *name;	/* the last part of path */
	struct vf_node *parent;
	bool dir;
	uint64_t size;
	time_t mtime;
	uint32_t cluster, clusters; /* 0: none */
	uint8_t *entries;	/* a directory's contents */
	uint32_t entry_bytes;
	uint64_t chain;		/* a hash of the cluster numbers */
	bool detached;		/* its data are in the overlay: the host's file is no longer read for it */
};

struct vf_list {
	struct vf_node **node;
	unsigned count, room;
};

struct vvfat {
	int root;		/* the directory */
	char *dir, *label;
	unsigned fat;		/* 12, 16 or 32 */
	bool floppy, rw;
	unsigned cylinders, heads, spt;
	uint64_t sectors, hidden; /* hidden: sectors before the file system */
	uint32_t reserved, fat_sectors, root_entries, root_sectors, per_cluster, data, clusters; /* data: sector of cluster 2 */
	uint32_t *table;	/* the file allocation table of the untouched disk */
	uint32_t table_room;
	uint32_t next;		/* the next free cluster while the disk is laid out */
	struct vf_list base;	/* by first cluster: what the untouched disk is made of */
	struct vf_list known;	/* what the host directory holds now, as we left it (rw) */
	uint32_t serial;
	int open_fd;		/* the file read last */
	const struct vf_node *open_node;
	/* rw: written sectors lie in a temporary file */
	int overlay;
	uint8_t *written, *fresh; /* a bit for each sector: ever; since the last synchronisation */
	bool changed;
	pthread_mutex_t lock;
	bool ready;
};

struct vf_node *vf_add(struct vf_list *l, struct err *e);
void vf_list_free(struct vf_list *l);

/* ---- vvfat-scan.c: the host directory becomes a file system ------------------------------------------------------ */
/* Reads the directory tree, gives every file and directory its clusters and every directory its entries. */
int vf_scan(struct vvfat *s, struct err *e);
/* Opens a node's file, or the directory that holds it (parent true), step by step and never through a link. -errno */
int vf_open_node(const struct vvfat *s, const char *path, bool parent, int flags);
const char *vf_base_name(const char *path);

/* ---- vvfat-sync.c: what the guest wrote becomes files -------------------------------------------------------------- */
/* Under the lock. Brings the host directory in line with the disk. -EAGAIN: the file system is inconsistent just now. */
int vf_sync(struct blk *b);

/* ---- vvfat.c ------------------------------------------------------------------------------------------------------- */
/* Sectors as the guest sees them. Under the lock. */
int vf_read(struct vvfat *s, uint64_t sector, unsigned count, uint8_t *buf);
/* The same before anything was written. */
int vf_read_base(struct vvfat *s, uint64_t sector, unsigned count, uint8_t *buf);
int vf_write_overlay(struct vvfat *s, uint64_t sector, unsigned count, const uint8_t *buf);
static inline uint32_t vf_end_mark(const struct vvfat *s)
{
	return s->fat == 12 ? 0xfff : s->fat == 16 ? 0xffff : 0x0fffffff;
}
static inline uint64_t vf_cluster_sector(const struct vvfat *s, uint32_t cluster)
{
	return s->hidden + s->data + (uint64_t)(cluster - 2) * s->per_cluster;
}
#endif
