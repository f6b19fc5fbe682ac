/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The kernel's NBD client over netlink, with a thread that answers as the kernel does: there is no nbd module here. */
#include <errno.h>
#include <linux/genetlink.h>
#include <linux/nbd-netlink.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/sock.h"
#include "nbd/kernel.h"
#include "nbd/server.h"
#include "proto/nbd.h"
#include "tap.h"

#define FAMILY 29

struct fake {
	int fd, error;       /* what CONNECT and DISCONNECT are answered with */
	bool absent, garbled;
	/* what was seen */
	uint32_t index;
	uint64_t size, block, flags;
	int socks[16];
	unsigned count, disconnects;
};

static void acknowledge(struct fake *f, const struct nlmsghdr *h, int error)
{
	struct { struct nlmsghdr h; struct nlmsgerr e; } m = {.h = {sizeof m, NLMSG_ERROR, 0, h->nlmsg_seq, 0}, .e = {.error = error, .msg = *h}};

	if (send(f->fd, &m, sizeof m, 0) < 0)
		perror("fake");
}

static void tell_family(struct fake *f)
{
	struct { struct nlmsghdr h; struct genlmsghdr g; struct nlattr a; uint16_t id, pad; } m = {
		.h = {sizeof m, GENL_ID_CTRL, 0, 1, 0}, .g = {.cmd = CTRL_CMD_NEWFAMILY}, .a = {6, CTRL_ATTR_FAMILY_ID}, .id = FAMILY};

	if (f->garbled)
		m.a.nla_len = 60000;
	if (send(f->fd, &m, sizeof m, 0) < 0)
		perror("fake");
}

static void look(struct fake *f, const char *p, size_t n)
{
	while (n >= NLA_HDRLEN) {
		const struct nlattr *a = (const void *)p;
		const char *v = p + NLA_HDRLEN;
		size_t step = NLA_ALIGN(a->nla_len);
		switch (a->nla_type & NLA_TYPE_MASK) {
		case NBD_ATTR_INDEX: memcpy(&f->index, v, 4); break;
		case NBD_ATTR_SIZE_BYTES: memcpy(&f->size, v, 8); break;
		case NBD_ATTR_BLOCK_SIZE_BYTES: memcpy(&f->block, v, 8); break;
		case NBD_ATTR_SERVER_FLAGS: memcpy(&f->flags, v, 8); break;
		case NBD_ATTR_SOCKETS:
			for (const char *q = v; q < p + a->nla_len;) {
				const struct nlattr *item = (const void *)q, *fd = (const void *)(q + NLA_HDRLEN);
				uint32_t s;
				memcpy(&s, (const char *)fd + NLA_HDRLEN, 4);
				/* The kernel takes references of its own. */
				if ((item->nla_type & NLA_TYPE_MASK) == NBD_SOCK_ITEM && fd->nla_type == NBD_SOCK_FD)
					f->socks[f->count++] = dup((int)s);
				q += NLA_ALIGN(item->nla_len);
			}
			break;
		}
		if (step > n)
			return;
		p += step;
		n -= step;
	}
}

static void *fake_kernel(void *opaque)
{
	struct fake *f = opaque;
	struct { struct nlmsghdr h; struct genlmsghdr g; char a[2000]; } m;
	ssize_t n;

	while ((n = recv(f->fd, &m, sizeof m, 0)) > 0) {
		if (m.h.nlmsg_type == GENL_ID_CTRL) {
			if (!f->absent)
				tell_family(f);
			acknowledge(f, &m.h, f->absent ? -ENOENT : 0);
		} else if (m.h.nlmsg_type == FAMILY) {
			look(f, m.a, m.h.nlmsg_len - NLMSG_HDRLEN - GENL_HDRLEN);
			f->disconnects += m.g.cmd == NBD_CMD_DISCONNECT;
			acknowledge(f, &m.h, f->error);
		}
	}
	return NULL;
}

static int do_read(void *o, uint64_t offset, uint32_t length, void *buf)
{
	(void)o;
	memset(buf, (int)(offset / 512 + 1), length);
	return 0;
}
static uint64_t do_size(void *o) { (void)o; return 1 << 20; }

int main(void)
{
	static const struct nbd_export_ops ops = {.read = do_read, .size = do_size};
	struct nbd_export x = {.name = (char *)(uintptr_t)"", .ops = &ops, .read_only = true};
	struct nbd_server_config config = {0};
	struct err e = ERR_INIT;
	struct nbd_server *s = nbd_server_new(&config, &e);
	struct fake f = {0};
	pthread_t t;
	int nl[2], pair[2];
	char q[NBD_REQUEST_SIZE] = {0}, *p = q, in[16 + 512];

	sock_pair(SOCK_SEQPACKET, nl, &e);
	f.fd = nl[1];
	pthread_create(&t, NULL, fake_kernel, &f);
	ok_eq(nbd_kernel_index("/dev/nbd12", &e), 12, "a device's number");
	ok(nbd_kernel_index("/dev/sda", &e) < 0 && strstr(e.msg, "/dev/sda"), "another device is refused by name");
	ok(nbd_kernel_index("/dev/nbd1p1", &e) < 0, "so is a partition");
	ok_eq(nbd_server_add(s, &x, &e), 0, "an export");
	sock_pair(SOCK_STREAM, pair, &e);
	ok_eq(nbd_server_client_in(s, pair[0], "", &e), 0, "a client without a handshake");
	ok_eq(nbd_kernel_connect(nl[0], 3, &pair[1], 1, 1 << 20, 512, nbd_server_flags(&x), &e), 0, "the kernel attaches the device");
	close(pair[1]);
	ok(f.index == 3 && f.size == 1 << 20 && f.block == 512 && f.count == 1, "with its number, size, block size and socket");
	ok(f.flags & NBD_FLAG_HAS_FLAGS && f.flags & NBD_FLAG_READ_ONLY, "and flags");
	/* Over that socket the kernel reads, without a word before. */
	p = nbd_put32(p, NBD_REQUEST_MAGIC);
	p = nbd_put16(p, 0);
	p = nbd_put16(p, NBD_CMD_READ);
	p = nbd_put64(p, 77);
	p = nbd_put64(p, 1024);
	nbd_put32(p, 512);
	ok(fd_write_all(f.socks[0], q, sizeof q) == 0 && fd_read_all(f.socks[0], in, sizeof in) == 0 && nbd_get32(in) == NBD_SIMPLE_MAGIC &&
	   nbd_get32(in + 4) == 0 && nbd_get64(in + 8) == 77 && in[16] == 3 && in[527] == 3, "it is in transmission");
	ok_eq(nbd_kernel_disconnect(nl[0], 3, &e), 0, "the kernel detaches it");
	ok_eq(f.disconnects, 1, "once");
	f.error = -EBUSY;
	ok(nbd_kernel_connect(nl[0], 4, &f.socks[0], 1, 1, 512, 0, &e) == -EBUSY && strstr(e.msg, "/dev/nbd4 is in use") && strstr(e.hint, "-d"),
	   "a device in use is said to be, and what to do");
	f.error = -EPERM;
	ok(nbd_kernel_connect(nl[0], 4, &f.socks[0], 1, 1, 512, 0, &e) == -EPERM, "another refusal comes through");
	f.garbled = true;
	ok(nbd_kernel_disconnect(nl[0], 3, &e) == -ENOENT, "an answer that is none is passed over");
	f.garbled = false;
	f.absent = true;
	ok(nbd_kernel_disconnect(nl[0], 3, &e) == -ENOENT && strstr(e.hint, "modprobe nbd"), "without the module the message says how to get it");
	ok(nbd_server_client_in(s, dup(nl[0]), "nix", &e) < 0, "an export that is not there takes no client");
	shutdown(nl[0], SHUT_RDWR);
	pthread_join(t, NULL);
	ok(nbd_kernel_disconnect(nl[0], 3, &e) < 0, "a kernel that says nothing is an error");
	nbd_server_free(s);
	for (unsigned i = 0; i < f.count; i++)
		close(f.socks[i]);
	close(nl[0]);
	close(nl[1]);
	return tap_done();
}
