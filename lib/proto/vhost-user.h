/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vhost-user: numbers and layouts of "Vhost-user Protocol" (interop/vhost-user), and of virtio block devices (virtio 1.2, 5.2) as far as
 * a back end needs them. Integers are in the host's order on the socket, little-endian in rings and requests.
 */
#ifndef PROTO_VHOST_USER_H
#define PROTO_VHOST_USER_H
#include <stdint.h>

enum {
	VHU_GET_FEATURES = 1, VHU_SET_FEATURES = 2, VHU_SET_OWNER = 3, VHU_RESET_OWNER = 4, VHU_SET_MEM_TABLE = 5, VHU_SET_VRING_NUM = 8,
	VHU_SET_VRING_ADDR = 9, VHU_SET_VRING_BASE = 10, VHU_GET_VRING_BASE = 11, VHU_SET_VRING_KICK = 12, VHU_SET_VRING_CALL = 13,
	VHU_SET_VRING_ERR = 14, VHU_GET_PROTOCOL_FEATURES = 15, VHU_SET_PROTOCOL_FEATURES = 16, VHU_GET_QUEUE_NUM = 17,
	VHU_SET_VRING_ENABLE = 18, VHU_SET_BACKEND_REQ_FD = 21, VHU_GET_CONFIG = 24, VHU_SET_CONFIG = 25, VHU_GET_INFLIGHT_FD = 31,
	VHU_SET_INFLIGHT_FD = 32, VHU_RESET_DEVICE = 34, VHU_GET_MAX_MEM_SLOTS = 36, VHU_ADD_MEM_REG = 37, VHU_REM_MEM_REG = 38,
};
enum { VHU_BACKEND_CONFIG_CHANGE = 2 }; /* from the back end, on its own channel */

#define VHU_VERSION 1u
#define VHU_VERSION_MASK 3u
#define VHU_REPLY 4u
#define VHU_NEED_REPLY 8u
#define VHU_NO_FD 0x100u /* in the number of a kick, call or error descriptor */

enum {
	VHU_P_MQ = 1 << 0, VHU_P_REPLY_ACK = 1 << 3, VHU_P_BACKEND_REQ = 1 << 5, VHU_P_CONFIG = 1 << 9, VHU_P_INFLIGHT = 1 << 12,
	VHU_P_RESET_DEVICE = 1 << 13, VHU_P_MEM_SLOTS = 1 << 15,
};

struct vhu_header {
	uint32_t request, flags, size;
};
struct vhu_region {
	uint64_t guest, size, user, offset; /* guest address, bytes, the front end's address, offset in the file */
};
#define VHU_REGIONS 8u
struct vhu_memory {
	uint32_t count, padding;
	struct vhu_region region[VHU_REGIONS];
};
struct vhu_one_region {
	uint64_t padding;
	struct vhu_region region;
};
struct vhu_state {
	uint32_t index, number;
};
struct vhu_addr {
	uint32_t index, flags;
	uint64_t desc, used, avail, log; /* addresses of the front end */
};
#define VHU_CONFIG_SIZE 256u
struct vhu_config {
	uint32_t offset, size, flags;
	uint8_t data[VHU_CONFIG_SIZE];
};
struct vhu_inflight {
	uint64_t size, offset;
	uint16_t queues, queue_size;
};
#define VHU_PAYLOAD_MAX 512u

/* "Inflight I/O tracking", split rings: a region for each queue, aligned to 64 bytes. */
struct vhu_desc_state {
	uint8_t inflight, padding[5];
	uint16_t next;
	uint64_t counter; /* order of arrival */
};
struct vhu_queue_state {
	uint64_t features;
	uint16_t version, desc_num, last_batch_head, used_idx;
	struct vhu_desc_state desc[];
};

/* ---- virtio ---- */
#define VIRTIO_F_INDIRECT (1ull << 28)
#define VIRTIO_F_EVENT_IDX (1ull << 29)
#define VIRTIO_F_PROTOCOL_FEATURES (1ull << 30) /* vhost-user's own */
#define VIRTIO_F_VERSION_1 (1ull << 32)
struct vring_desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags, next;
};
enum { VRING_NEXT = 1, VRING_WRITE = 2, VRING_INDIRECT = 4 };
enum { VRING_NO_INTERRUPT = 1, VRING_NO_NOTIFY = 1 };
struct vring_avail {
	uint16_t flags, idx, ring[];
};
struct vring_used_elem {
	uint32_t id, len;
};
struct vring_used {
	uint16_t flags, idx;
	struct vring_used_elem ring[];
};

enum {
	BLK_F_SEG_MAX = 1 << 2, BLK_F_RO = 1 << 5, BLK_F_BLK_SIZE = 1 << 6, BLK_F_FLUSH = 1 << 9, BLK_F_TOPOLOGY = 1 << 10, BLK_F_MQ = 1 << 12,
	BLK_F_DISCARD = 1 << 13, BLK_F_WRITE_ZEROES = 1 << 14,
};
enum { BLK_T_IN = 0, BLK_T_OUT = 1, BLK_T_FLUSH = 4, BLK_T_GET_ID = 8, BLK_T_DISCARD = 11, BLK_T_WRITE_ZEROES = 13 };
enum { BLK_S_OK = 0, BLK_S_IOERR = 1, BLK_S_UNSUPP = 2 };
struct virtio_blk_request {
	uint32_t type, reserved;
	uint64_t sector;
};
struct virtio_blk_range { /* of a discard or write-zeroes request */
	uint64_t sector;
	uint32_t count, flags; /* flags bit 0: unmap */
};
struct virtio_blk_config {
	uint64_t capacity; /* of 512 bytes */
	uint32_t size_max, seg_max;
	uint16_t cylinders;
	uint8_t heads, sectors;
	uint32_t blk_size;
	uint8_t physical_block_exp, alignment_offset;
	uint16_t min_io_size;
	uint32_t opt_io_size;
	uint8_t writeback, unused0;
	uint16_t num_queues;
	uint32_t max_discard_sectors, max_discard_seg, discard_sector_alignment;
	uint32_t max_write_zeroes_sectors, max_write_zeroes_seg;
	uint8_t write_zeroes_may_unmap, unused1[3];
};
_Static_assert(sizeof(struct virtio_blk_config) == 64 && sizeof(struct vhu_desc_state) == 16, "layouts are the specifications'");
#endif
