/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ioctl. A request is a row of ioctl.def: its number and the structure behind its argument; both conversions follow from
 * the structure's field list, and so does the request's number in a guest whose structure has another size, since that size is part
 * of the number (asm-generic/ioctl.h). A request that no row names goes through as it is where the guest shares the host's
 * structures and addresses; elsewhere it is refused with ENOTTY and one line in the log.
 */
#include <linux/cdrom.h>
#include <linux/fs.h>
#include <linux/hdreg.h>
#include <linux/blkpg.h>
#include <linux/if_tun.h>
#include <linux/kd.h>
#include <linux/loop.h>
#include <linux/nbd.h>
#include <linux/nsfs.h>
#include <linux/random.h>
#include <linux/rtc.h>
#include <linux/sockios.h>
#include <linux/vt.h>
#include <linux/watchdog.h>
#include <linux/fiemap.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include "linux.h"
#include "structs.h"

/* Requests whose names the C library gives to another structure, or hides behind the size of its time_t. */
#define KTCGETS2          0x802c542au
#define KTCSETS2          0x402c542bu
#define KTCSETSW2         0x402c542cu
#define KTCSETSF2         0x402c542du
#define KSIOCGSTAMP_OLD   0x8906
#define KSIOCGSTAMPNS_OLD 0x8907
#define KSIOCGSTAMP_NEW   _IOC(_IOC_READ, 0x89, 0x06, 16)
#define KSIOCGSTAMPNS_NEW _IOC(_IOC_READ, 0x89, 0x07, 16)
#ifndef BLKGETDISKSEQ
#define BLKGETDISKSEQ _IOR(0x12, 128, uint64_t)
#endif

enum { DIR_NUMBER, DIR_IN, DIR_OUT, DIR_INOUT };

struct request {
	uint32_t host;
	const char *name;
	uint8_t direction;
	uint8_t data;   /* enum struct_id; ST_NONE with bytes: those */
	uint8_t coded;  /* structure whose size is in the number */
	uint16_t bytes;
};

#define IOCTL(n, dir, s)        {(uint32_t)(n), #n, DIR_##dir, ST_##s, ST_##s, 0},
#define IOCTLC(n, dir, s, code) {(uint32_t)(n), #n, DIR_##dir, ST_##s, ST_##code, 0},
#define IOCTLB(n, dir, size)    {(uint32_t)(n), #n, DIR_##dir, ST_NONE, ST_NONE, size},
static const struct request requests[] = {
#include "ioctl.def"
};
#define COUNT (sizeof(requests) / sizeof(requests[0]))

/* The number that a row has in the guest. */
static uint32_t guest_number(struct thread *t, const struct request *q)
{
	const struct layout *lo = &linux_layouts(t)->by_id[q->coded];
	uint32_t n = (uint32_t)flags_to_guest(t, NAMES_ioctl, q->host);
	if (n != q->host)
		return n;
	if (q->coded != ST_NONE && _IOC_DIR(n) != _IOC_NONE && _IOC_SIZE(n) == lo->host_size)
		n = _IOC(_IOC_DIR(n), _IOC_TYPE(n), _IOC_NR(n), lo->size);
	/* Numbers from before there were directions (below 0x10000, of terminals and sockets) are the same. */
	if (t->process->abi->calls->ioctl_dir3 && (_IOC_DIR(n) != _IOC_NONE || (_IOC_TYPE(n) != 'T' && _IOC_TYPE(n) != 0x89)))
		n = (n & 0xffff) | _IOC_SIZE(n) << 16 |
		    (_IOC_DIR(n) == _IOC_NONE ? 1u : (_IOC_DIR(n) & _IOC_READ ? 2u : 0) | (_IOC_DIR(n) & _IOC_WRITE ? 4u : 0)) << 29;
	return n;
}

/* The table is looked through from its front: terminals, which ask most, are first; devices pay a microsecond. */
static const struct request *find(struct thread *t, uint32_t number)
{
	bool mapped = t->process->abi->calls->ioctl_dir3; /* and the low half may be another */

	for (const struct request *q = requests; q < requests + COUNT; q++)
		if ((mapped || (q->host ^ number) << 16 == 0) && guest_number(t, q) == number)
			return q;
	return NULL;
}

int ioctl_print_name(char *to, size_t size, uint64_t number)
{
	for (const struct request *q = requests; q < requests + COUNT; q++)
		if (q->host == number)
			return snprintf(to, size, "%s", strncmp(q->name, "KTC", 3) && strncmp(q->name, "KSI", 3) ?
					q->name : q->name + 1);
	return snprintf(to, size, "0x%x", (unsigned)number);
}

/* SIOCGIFCONF: a length and a pointer to as many ifreq as fit; the guest's may be smaller than the host's. */
static int64_t interfaces(struct thread *t, int fd, uint64_t at)
{
	size_t each = struct_size(t, ST_ifreq_addr), word = t->process->abi->word;
	uint32_t length;
	uint64_t to;
	struct ifconf conf = {0};
	int64_t r;
	if (user_read_u32(t, &length, at) < 0 || user_read_word(t, &to, at + word) < 0)
		return -EFAULT;
	if ((int32_t)length < 0)
		return -EINVAL;
	size_t count = length / each < 4096 ? length / each : 4096;
	if (to) {
		conf.ifc_len = (int)(count * sizeof(struct ifreq));
		conf.ifc_req = calloc(count ? count : 1, sizeof(struct ifreq));
		if (!conf.ifc_req)
			return -ENOMEM;
	}
	r = HOST(ioctl, fd, SIOCGIFCONF, &conf);
	size_t got = conf.ifc_len > 0 ? (size_t)conf.ifc_len / sizeof(struct ifreq) : 0;
	for (size_t i = 0; r >= 0 && to && i < got; i++)
		if (struct_write(t, ST_ifreq_addr, to + i * each, &conf.ifc_req[i]) < 0)
			r = -EFAULT;
	if (r >= 0 && user_write_u32(t, at, (uint32_t)(got * each)) < 0)
		r = -EFAULT;
	free(conf.ifc_req);
	return r;
}

/* Two requests have a list of any length behind a fixed head, all of fixed-size integers; offset of the count, sizes. */
static int64_t with_list(struct thread *t, int fd, uint32_t number, uint64_t at, unsigned count_at, unsigned count_size,
			 size_t head, size_t each)
{
	uint8_t count[4] = {0};
	if (!same_order(t))
		return -ENOTTY;
	if (user_read(t, count, at + count_at, count_size) < 0)
		return -EFAULT;
	user_will_write(t, at, head + layout_get(linux_layouts(t), count, count_size) * each);
	return user_blocking(t, SYS_ioctl, fd, number, user_host(t, at));
}

static int64_t bytes(struct thread *t, int fd, const struct request *q, uint64_t at)
{
	if (!same_order(t) && q->bytes > 1)
		return -ENOTTY;
	if (q->direction != DIR_IN)
		user_will_write(t, at, q->bytes);
	return user_blocking(t, SYS_ioctl, fd, q->host, user_host(t, at));
}

int64_t ioctl_call(struct thread *t, const uint64_t *a)
{
	int fd = (int)a[0];
	uint32_t number = (uint32_t)a[1];
	_Alignas(16) uint8_t host[LAYOUT_MAX];
	switch (number) {
	case SIOCGIFCONF:
		return interfaces(t, fd, a[2]);
	case FS_IOC_FIEMAP:
		return with_list(t, fd, number, a[2], 24, 4, sizeof(struct fiemap), sizeof(struct fiemap_extent));
	case FIDEDUPERANGE:
		return with_list(t, fd, number, a[2], 16, 2, sizeof(struct file_dedupe_range),
				 sizeof(struct file_dedupe_range_info));
	}
	const struct request *q = find(t, number);
	if (!q) {
		if (linux_layouts(t)->by_id[ST_iovec].same) {
			user_will_write(t, a[2], _IOC_SIZE(number));
			return user_blocking(t, SYS_ioctl, fd, number, a[2]);
		}
		log_printf(LOG_UNIMP, "ioctl request 0x%x is not known: the program gets ENOTTY\n", (unsigned)number);
		return -ENOTTY;
	}
	if (q->bytes)
		return bytes(t, fd, q, a[2]);
	if (q->direction == DIR_NUMBER)
		return user_blocking(t, SYS_ioctl, fd, q->host, a[2]);
	const struct layout *lo = &linux_layouts(t)->by_id[q->data];
	if (lo->same) {
		if (q->direction != DIR_IN)
			user_will_write(t, a[2], lo->size);
		return user_blocking(t, SYS_ioctl, fd, q->host, user_host(t, a[2]));
	}
	memset(host, 0, lo->host_size);
	if (q->direction != DIR_OUT && struct_read(t, q->data, host, a[2]) < 0)
		return -EFAULT;
	int64_t r = user_blocking(t, SYS_ioctl, fd, q->host, host);
	if (r >= 0 && q->direction != DIR_IN) {
		int e = struct_write(t, q->data, a[2], host);
		if (e < 0)
			return e;
	}
	return r;
}
