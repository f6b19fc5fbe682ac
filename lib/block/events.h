/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The moments in the work of an image format at which a test may make something fail: a format names each to the node that its file is, and
 * blkdebug, when it stands there, knows which rules the requests that follow meet. The names are those of the classic configuration.
 */
#ifndef BLOCK_EVENTS_H
#define BLOCK_EVENTS_H
#include "block/block.h"

#define BLK_EVENTS(E)                                                                                                            \
	E(NONE, "none")                                                                                                          \
	E(READ_AIO, "read_aio")                                     /* guest data is read from the file */                       \
	E(READ_BACKING_AIO, "read_backing_aio")                     /* ... from the backing image */                             \
	E(READ_COMPRESSED, "read_compressed")                                                                                    \
	E(WRITE_AIO, "write_aio")                                                                                                \
	E(WRITE_COMPRESSED, "write_compressed")                                                                                  \
	E(COW_READ, "cow_read")                                     /* what a partial write leaves over of a cluster */          \
	E(COW_WRITE, "cow_write")                                                                                                \
	E(COR_WRITE, "cor_write")                                   /* copy-on-read */                                           \
	E(L1_UPDATE, "l1_update")                                                                                                \
	E(L1_GROW_ALLOC_TABLE, "l1_grow_alloc_table")                                                                            \
	E(L1_GROW_WRITE_TABLE, "l1_grow_write_table")                                                                            \
	E(L1_GROW_ACTIVATE_TABLE, "l1_grow_activate_table")                                                                      \
	E(L1_SHRINK_WRITE_TABLE, "l1_shrink_write_table")                                                                        \
	E(L1_SHRINK_FREE_L2_CLUSTERS, "l1_shrink_free_l2_clusters")                                                              \
	E(L2_LOAD, "l2_load")                                                                                                    \
	E(L2_UPDATE, "l2_update")                                                                                                \
	E(L2_UPDATE_COMPRESSED, "l2_update_compressed")                                                                          \
	E(L2_ALLOC_COW_READ, "l2_alloc_cow_read")                                                                                \
	E(L2_ALLOC_WRITE, "l2_alloc_write")                                                                                      \
	E(REFTABLE_LOAD, "reftable_load")                                                                                        \
	E(REFTABLE_GROW, "reftable_grow")                                                                                        \
	E(REFBLOCK_LOAD, "refblock_load")                                                                                        \
	E(REFBLOCK_UPDATE_PART, "refblock_update_part")                                                                          \
	E(REFBLOCK_ALLOC, "refblock_alloc")                                                                                      \
	E(REFBLOCK_ALLOC_HOOKUP, "refblock_alloc_hookup")                                                                        \
	E(REFBLOCK_ALLOC_WRITE, "refblock_alloc_write")                                                                          \
	E(REFBLOCK_ALLOC_WRITE_BLOCKS, "refblock_alloc_write_blocks")                                                            \
	E(REFBLOCK_ALLOC_WRITE_TABLE, "refblock_alloc_write_table")                                                              \
	E(REFBLOCK_ALLOC_SWITCH_TABLE, "refblock_alloc_switch_table")                                                            \
	E(CLUSTER_ALLOC, "cluster_alloc")                                                                                        \
	E(CLUSTER_ALLOC_BYTES, "cluster_alloc_bytes")                                                                            \
	E(CLUSTER_FREE, "cluster_free")                                                                                          \
	E(FLUSH_TO_OS, "flush_to_os")                                                                                            \
	E(FLUSH_TO_DISK, "flush_to_disk")                                                                                        \
	E(PWRITEV_RMW_HEAD, "pwritev_rmw_head")                     /* an unaligned write reads what is around it */             \
	E(PWRITEV_RMW_AFTER_HEAD, "pwritev_rmw_after_head")                                                                      \
	E(PWRITEV, "pwritev")                                                                                                    \
	E(PWRITEV_ZERO, "pwritev_zero")                                                                                          \
	E(PWRITEV_DONE, "pwritev_done")                                                                                          \
	E(EMPTY_IMAGE_PREPARE, "empty_image_prepare")                                                                            \
	E(VMSTATE_LOAD, "vmstate_load")                                                                                          \
	E(VMSTATE_SAVE, "vmstate_save")

enum blk_event {
#define BLK_EVENT(id, name) BLK_EVENT_##id,
	BLK_EVENTS(BLK_EVENT)
#undef BLK_EVENT
	BLK_EVENT_COUNT
};

/* file: the node below the one that works (its b->file). */
static inline void blk_event(struct blk *file, enum blk_event event)
{
	if (file->fmt->event)
		file->fmt->event(file, event);
}
#endif
