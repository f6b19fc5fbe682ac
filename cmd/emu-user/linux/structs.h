/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The host's C types behind structs.def, and the field lists of structs*.c. */
#ifndef LINUX_STRUCTS_H
#define LINUX_STRUCTS_H
#include <linux/capability.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <linux/hdreg.h>
#include <linux/loop.h>
#include <linux/openat2.h>
#include <linux/serial.h>
#include <mqueue.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <net/route.h>
#include <poll.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/msg.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysinfo.h>
#include <sys/time.h>
#include <sys/times.h>
#include <sys/timex.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <time.h>
#include <utime.h>
#include "layout.h"

/* The kernel's own, where the C library has another type of that name or none. */
struct kernel_termios {
	uint32_t iflag, oflag, cflag, lflag;
	uint8_t line, cc[19];
};
struct kernel_termios2 {
	uint32_t iflag, oflag, cflag, lflag;
	uint8_t line, cc[19];
	uint32_t ispeed, ospeed;
};
struct kernel_sched_attr {
	uint32_t size, sched_policy;
	uint64_t sched_flags;
	int32_t sched_nice;
	uint32_t sched_priority;
	uint64_t sched_runtime, sched_deadline, sched_period;
	uint32_t sched_util_min, sched_util_max;
};
struct kernel_sigset_arg { /* sixth argument of pselect6 */
	uint64_t mask, size;
};
struct kernel_f_owner {
	int32_t type, pid;
};
struct kernel_int {
	int32_t value;
};
struct kernel_u64 {
	uint64_t value;
};
struct kernel_long {
	long value;
};
struct kernel_ulong {
	unsigned long value;
};
struct kernel_u32pair {
	uint32_t a, b;
};
struct kernel_u64pair {
	uint64_t a, b;
};
struct kernel_ulongpair {
	unsigned long a, b;
};
struct kernel_blkpg {
	int32_t op, flags, datalen;
	void *data;
};
struct kernel_sock_fprog {
	uint16_t len;
	void *filter;
};
struct kernel_ifreq_map {
	char name[16];
	unsigned long mem_start, mem_end;
	uint16_t base_addr;
	uint8_t irq, dma, port;
};
struct kernel_rtentry {
	unsigned long pad1;
	struct sockaddr dst, gateway, genmask;
	uint16_t flags;
	int16_t pad2;
	unsigned long pad3;
	void *pad4;
	int16_t metric;
	char *dev;
	unsigned long mtu, window;
	uint16_t irtt;
};
#define STRUCT(id, type) extern const struct field fields_##id[];
#include "structs.def"
#undef STRUCT
#endif
