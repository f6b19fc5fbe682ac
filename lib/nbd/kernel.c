/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Messages of linux/nbd-netlink.h in the frames of linux/genetlink.h; the family's number is asked for by its name. */
#include "nbd/kernel.h"

#include <errno.h>
#include <linux/genetlink.h>
#include <linux/nbd-netlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ROOM 1024u

struct message {
	struct nlmsghdr h;
	struct genlmsghdr g;
	uint8_t attributes[ROOM];
};

int nbd_kernel_open(struct err *e)
{
	struct sockaddr_nl any = {.nl_family = AF_NETLINK};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC), r;

	if (fd < 0)
		return err_errno(e, errno, "cannot speak to the kernel");
	/* Only the kernel is spoken to. */
	if (bind(fd, (struct sockaddr *)&any, sizeof any) < 0 || connect(fd, (struct sockaddr *)&any, sizeof any) < 0) {
		r = err_errno(e, errno, "cannot speak to the kernel");
		close(fd);
		return r;
	}
	return fd;
}

int nbd_kernel_index(const char *device, struct err *e)
{
	unsigned long n;
	char *end;

	if (!strncmp(device, "/dev/nbd", 8) && device[8] >= '0' && device[8] <= '9') {
		n = strtoul(device + 8, &end, 10);
		if (!*end && n < 1u << 20)
			return (int)n;
	}
	return err_set(e, EINVAL, "'%s' is no NBD device; it is called /dev/nbdN", device);
}

static void begin(struct message *m, uint16_t type, uint8_t command, uint8_t version)
{
	memset(m, 0, sizeof *m);
	m->h = (struct nlmsghdr){.nlmsg_len = NLMSG_LENGTH(GENL_HDRLEN), .nlmsg_type = type, .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK, .nlmsg_seq = 1};
	m->g = (struct genlmsghdr){.cmd = command, .version = version};
}

static struct nlattr *attribute(struct message *m, uint16_t type, const void *data, size_t size)
{
	struct nlattr *a = (struct nlattr *)(void *)((char *)m + m->h.nlmsg_len);

	a->nla_type = type;
	a->nla_len = (uint16_t)(NLA_HDRLEN + size);
	if (size)
		memcpy((char *)a + NLA_HDRLEN, data, size);
	m->h.nlmsg_len += (uint32_t)NLA_ALIGN(a->nla_len);
	return a;
}

/* Sends and waits for the acknowledgement; what answers before it is given to take(). */
static int ask(int nl, const struct message *m, void (*take)(const struct nlmsghdr *h, void *opaque), void *opaque)
{
	union {
		struct nlmsghdr h;
		char bytes[8192];
	} in;

	if (send(nl, m, m->h.nlmsg_len, 0) != (ssize_t)m->h.nlmsg_len)
		return -errno;
	for (;;) {
		ssize_t n = recv(nl, &in, sizeof in, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EPIPE;
		for (struct nlmsghdr *h = &in.h; NLMSG_OK(h, n); h = NLMSG_NEXT(h, n)) {
			if (h->nlmsg_type == NLMSG_ERROR && h->nlmsg_len >= NLMSG_LENGTH(sizeof(struct nlmsgerr)))
				return ((struct nlmsgerr *)NLMSG_DATA(h))->error;
			if (h->nlmsg_type >= NLMSG_MIN_TYPE && take)
				take(h, opaque);
		}
	}
}

static void take_family(const struct nlmsghdr *h, void *opaque)
{
	const char *p = (const char *)NLMSG_DATA(h) + GENL_HDRLEN, *end = (const char *)h + h->nlmsg_len;

	while (end - p >= NLA_HDRLEN) {
		const struct nlattr *a = (const void *)p;
		if (a->nla_len < NLA_HDRLEN || a->nla_len > end - p)
			return;
		if (a->nla_type == CTRL_ATTR_FAMILY_ID && a->nla_len >= NLA_HDRLEN + 2)
			memcpy(opaque, p + NLA_HDRLEN, 2);
		p += NLA_ALIGN(a->nla_len);
	}
}

static int family(int nl, uint16_t *id, struct err *e)
{
	struct message m;
	int r;

	begin(&m, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, 1);
	attribute(&m, CTRL_ATTR_FAMILY_NAME, NBD_GENL_FAMILY_NAME, sizeof NBD_GENL_FAMILY_NAME);
	*id = 0;
	r = ask(nl, &m, take_family, id);
	if (r == -ENOENT || (r == 0 && !*id)) {
		err_set(e, ENOENT, "the kernel has no NBD client");
		return err_hint(e, "Load it with: modprobe nbd");
	}
	return r < 0 ? err_errno(e, -r, "the kernel does not tell about NBD") : 0;
}

int nbd_kernel_connect(int nl, unsigned index, const int *socks, unsigned count, uint64_t size, uint32_t block, uint16_t flags, struct err *e)
{
	struct message m;
	struct nlattr *list;
	uint16_t id;
	uint64_t v;
	int r = family(nl, &id, e);

	if (r < 0)
		return r;
	if (count > 16)
		return err_set(e, EINVAL, "more than 16 connections");
	begin(&m, id, NBD_CMD_CONNECT, NBD_GENL_VERSION);
	attribute(&m, NBD_ATTR_INDEX, &(uint32_t){index}, 4);
	attribute(&m, NBD_ATTR_SIZE_BYTES, &size, 8);
	v = block;
	attribute(&m, NBD_ATTR_BLOCK_SIZE_BYTES, &v, 8);
	v = flags;
	attribute(&m, NBD_ATTR_SERVER_FLAGS, &v, 8);
	list = attribute(&m, NBD_ATTR_SOCKETS | NLA_F_NESTED, NULL, 0);
	for (unsigned i = 0; i < count; i++) {
		struct nlattr *item = attribute(&m, NBD_SOCK_ITEM | NLA_F_NESTED, NULL, 0);
		attribute(&m, NBD_SOCK_FD, &(uint32_t){(uint32_t)socks[i]}, 4);
		item->nla_len = (uint16_t)((char *)&m + m.h.nlmsg_len - (char *)item);
	}
	list->nla_len = (uint16_t)((char *)&m + m.h.nlmsg_len - (char *)list);
	r = ask(nl, &m, NULL, NULL);
	if (r == -EBUSY)
		return err_set(e, EBUSY, "/dev/nbd%u is in use", index), err_hint(e, "Detach it with -d /dev/nbd%u, or take another.", index);
	return r < 0 ? err_errno(e, -r, "the kernel does not attach /dev/nbd%u", index) : 0;
}

int nbd_kernel_disconnect(int nl, unsigned index, struct err *e)
{
	struct message m;
	uint16_t id;
	int r = family(nl, &id, e);

	if (r < 0)
		return r;
	begin(&m, id, NBD_CMD_DISCONNECT, NBD_GENL_VERSION);
	attribute(&m, NBD_ATTR_INDEX, &(uint32_t){index}, 4);
	r = ask(nl, &m, NULL, NULL);
	return r < 0 ? err_errno(e, -r, "the kernel does not detach /dev/nbd%u", index) : 0;
}
