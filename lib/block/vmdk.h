/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between the parts of the VMDK driver ("VMware Virtual Disks, Virtual Disk Format 5.0"). */
#ifndef BLOCK_VMDK_H
#define BLOCK_VMDK_H
#include <stdbool.h>
#include <stdint.h>
#include "base/err.h"
#include "block/block.h"
#include "block/blockmap.h"

enum { VMDK_MAX_DESCRIPTOR = 1 << 20, VMDK_MAX_EXTENTS = 32768, VMDK_GTES = 512, VMDK_GRAIN = 128,
       VMDK_DESCRIPTOR_SECTORS = 20 };
static const uint64_t VMDK_SPLIT = UINT64_C(2) << 30; /* bytes in an extent of the twoGbMaxExtent kinds */
static const uint32_t VMDK_NO_PARENT = 0xffffffff;

/* Header of a hosted sparse extent: offsets and flags. */
enum { K_MAGIC = 0, K_VERSION = 4, K_FLAGS = 8, K_CAPACITY = 12, K_GRAIN = 20, K_DESC = 28, K_DESC_SECTORS = 36, K_GTES = 44,
       K_RGD = 48, K_GD = 56, K_OVERHEAD = 64, K_UNCLEAN = 72, K_NEWLINES = 73, K_COMPRESS = 77, K_BYTES = 512 };
enum { KF_NEWLINES = 1, KF_REDUNDANT = 2, KF_ZERO_GRAIN = 4, KF_COMPRESSED = 1 << 16, KF_MARKERS = 1 << 17 };

enum extent_kind { EXTENT_FLAT, EXTENT_SPARSE, EXTENT_ZERO };

struct extent {
	struct blockmap map; /* for sparse ones */
	enum extent_kind kind;
	struct blk *file;
	char *name;		/* as info shows it */
	char type[16];		/* the descriptor's word, "FLAT"; "" for an image in one file */
	uint64_t start, size;	/* bytes on the disk */
	uint64_t flat_offset;	/* EXTENT_FLAT: where the data begins in its file */
	uint64_t gd, rgd;	/* offsets of the directory and of its copy; rgd 0: none */
	uint64_t gd_entries;
	uint32_t gtes;		/* entries of a grain table */
	bool zero_grain, compressed, markers, read_only;
	uint64_t next;		/* where new grains go */
};

struct vmdk {
	struct extent **extent;
	unsigned count;
	char *descriptor;	/* text, NUL at its end */
	uint64_t desc_offset;	/* of the text in b->file */
	uint32_t desc_bytes;	/* room for it */
	uint32_t cid, parent_cid;
	char create_type[32];
	bool cid_fresh;		/* not changed since the image was opened */
	bool parent_checked, parent_ok;
};

/* ---- vmdk-desc.c ------------------------------------------------------------------------------------------------ */
/* The value of `key=value` or `key="value"` in the text; false: there is none, or it does not fit. */
bool vmdk_desc_get(const char *text, const char *key, char *value, size_t size);
bool vmdk_desc_cid(const char *text, const char *key, uint32_t *cid);
/* Puts another CID into the text in place; false: it has none of eight digits. */
bool vmdk_desc_set_cid(char *text, uint32_t cid);

struct extent_line {
	char access[16], type[16], name[1024];
	uint64_t sectors, offset; /* offset: in sectors, for flat ones */
};
/*
 * The next extent line from *at on. 1: found; 0: no further one; -EINVAL with the sentence.
 */
int vmdk_desc_extent(const char **at, struct extent_line *l, struct err *e);

/* ---- vmdk-extent.c ---------------------------------------------------------------------------------------------- */
/* Reads the header of a sparse extent (KDMV or COWD) in x->file. sectors: what the descriptor says, or 0. */
int vmdk_extent_open(struct blk *b, struct extent *x, uint64_t sectors, struct err *e);
void vmdk_extent_close(struct extent *x);
/* One whole grain (n: shorter at the end of the extent), packed, to the end of the file. */
int vmdk_extent_pack(struct extent *x, uint64_t index, const uint8_t *buf, size_t n);
int vmdk_extent_check(struct extent *x, struct blk_check *c);

/* ---- vmdk-create.c ---------------------------------------------------------------------------------------------- */
extern const struct blk_option vmdk_create_options[];
int vmdk_create(const struct blk_create *c, struct err *e);
#endif
