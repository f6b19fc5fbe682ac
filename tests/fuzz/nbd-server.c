/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The NBD server's side of a connection: the input is what a client sends. Its first byte says whether that begins with the handshake, behind a good one
 * (into an export with contexts), at once in transmission, or at the old handshake; and whether TLS is asked for. The connection must end when the client's bytes
 * do, and leave the server as it was.
 *
 * Most inputs are served in this thread and without a socket: the system calls of the connection are defined here, which makes an execution fifty times as fast and
 * the same each time. One first byte in 32 uses a socket and as many threads as the server likes.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "crypto/object.h"
#include "crypto/tls.h"
#include "nbd/server.h"
#include "proto/nbd.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define DISK 65536u
static uint8_t disk[DISK];

static void in_range(uint64_t offset, uint64_t length)
{
	if (offset > DISK || length > DISK - offset)
		abort(); /* the server promised that */
}

static int do_read(void *o, uint64_t offset, uint32_t length, void *buf)
{
	(void)o;
	in_range(offset, length);
	memcpy(buf, disk + offset, length);
	return offset == 4096 ? -EIO : 0;
}

static int do_write(void *o, uint64_t offset, uint32_t length, const void *buf, bool fua)
{
	(void)o, (void)fua;
	in_range(offset, length);
	memcpy(disk + offset, buf, length);
	return offset == 8192 ? -ENOSPC : 0;
}

static int do_flush(void *o)
{
	(void)o;
	return 0;
}

static int do_trim(void *o, uint64_t offset, uint32_t length, bool fua)
{
	(void)o, (void)fua;
	in_range(offset, length);
	return 0;
}

static int do_zero(void *o, uint64_t offset, uint32_t length, bool fua, bool may_trim, bool fast)
{
	(void)o, (void)fua, (void)may_trim;
	in_range(offset, length);
	if (fast && offset == 512)
		return -ENOTSUP;
	memset(disk + offset, 0, length);
	return 0;
}

static int do_cache(void *o, uint64_t offset, uint32_t length)
{
	(void)o;
	in_range(offset, length);
	return 0;
}

static int do_status(void *o, unsigned context, uint64_t offset, uint32_t length, struct nbd_extent *ext, unsigned max, unsigned *count)
{
	uint32_t left = length;

	(void)o;
	in_range(offset, length);
	for (*count = 0; left && *count < max; ++*count) {
		uint32_t n = left < 8192 ? left : 8192 - (uint32_t)(offset % 8192);
		n = n < left ? n : left;
		ext[*count] = (struct nbd_extent){n, context + (offset / 8192 % 2 ? NBD_STATE_ZERO : 0)};
		offset += n;
		left -= n;
	}
	return 0;
}

static uint64_t do_size(void *o)
{
	(void)o;
	return DISK;
}

static const struct nbd_export_ops all = {
	.read = do_read, .write = do_write, .flush = do_flush, .trim = do_trim, .zero = do_zero, .cache = do_cache, .status = do_status, .size = do_size,
};
static const struct nbd_export_ops few = {.read = do_read, .write = do_write, .size = do_size};
static const char *const contexts[] = {"qemu:allocation-depth", "qemu:dirty-bitmap:b", NULL};
static const struct nbd_export described[] = {
	{.name = (char *)"a", .description = (char *)"the first", .ops = &all, .multi_conn = true, .fast_zero = true, .contexts = contexts, .max_block = 32768},
	{.name = (char *)"", .ops = &few},
	{.name = (char *)"ro", .ops = &all, .read_only = true, .rotational = true, .min_block = 512},
};
enum { EXPORTS = 5 };
static struct servers {
	struct objects *objects;
	struct nbd_server *server[3]; /* plain, oldstyle, TLS */
	struct nbd_export exports[EXPORTS];
} alone, threaded;

static void start(struct servers *v, unsigned threads)
{
	struct err e = ERR_INIT;
	struct nbd_server_config config = {.handshake_ms = 5000, .threads = threads};

	v->objects = objects_new();
	if (!v->objects || objects_add_text(v->objects, "tls-creds-anon,id=t,endpoint=server", &e) < 0)
		abort();
	for (unsigned i = 0; i < 3; i++) {
		config.oldstyle = i == 1;
		config.tls = i == 2 ? objects_tls_creds(v->objects, "t", &e) : NULL;
		v->server[i] = nbd_server_new(&config, &e);
		if (!v->server[i])
			abort();
	}
	for (unsigned i = 0; i < EXPORTS; i++) {
		v->exports[i] = described[i < 3 ? i : 4 - i];
		if (nbd_server_add(v->server[i < 3 ? 0 : i - 2], &v->exports[i], &e) < 0)
			abort();
	}
}

/* ---- a client that is no socket ---- */

static struct {
	int fd;
	const uint8_t *at[2];
	size_t left[2]; /* a handshake of our own, and the input */
} wire = {.fd = -1};

static unsigned sum; /* of what is sent: a sanitizer looks at its ends */

ssize_t recv(int fd, void *buf, size_t n, int flags)
{
	unsigned part = wire.left[0] ? 0 : 1;

	if (fd != wire.fd)
		return syscall(SYS_recvfrom, fd, buf, n, flags, NULL, NULL);
	n = n < wire.left[part] ? n : wire.left[part];
	memcpy(buf, wire.at[part], n);
	wire.at[part] += n;
	wire.left[part] -= n;
	return (ssize_t)n;
}

ssize_t sendmsg(int fd, const struct msghdr *m, int flags)
{
	size_t n = 0;

	if (fd != wire.fd)
		return syscall(SYS_sendmsg, fd, m, flags);
	for (size_t i = 0; i < m->msg_iovlen; i++) {
		const uint8_t *p = m->msg_iov[i].iov_base;
		if (m->msg_iov[i].iov_len)
			sum += p[0] + p[m->msg_iov[i].iov_len - 1];
		n += m->msg_iov[i].iov_len;
	}
	return (ssize_t)n;
}

ssize_t send(int fd, const void *buf, size_t n, int flags)
{
	return fd == wire.fd ? (ssize_t)n : syscall(SYS_sendto, fd, buf, n, flags, NULL, 0);
}

int poll(struct pollfd *p, nfds_t n, int ms)
{
	if (n != 1 || p->fd != wire.fd)
		return (int)syscall(SYS_poll, p, n, ms);
	p->revents = p->events;
	return 1;
}

int shutdown(int fd, int how)
{
	if (fd != wire.fd)
		return (int)syscall(SYS_shutdown, fd, how);
	wire.left[0] = wire.left[1] = 0;
	return 0;
}

/* ---- what is sent ---- */

static void put(int fd, const void *p, size_t n)
{
	if (n && send(fd, p, n, MSG_NOSIGNAL | MSG_DONTWAIT) != (ssize_t)n)
		return; /* the server has gone already */
}

/* Up to transmission, in an export with all contexts; its length. */
static size_t good_handshake(char *b)
{
	char *p = b, *length;

	p = nbd_put32(p, NBD_FLAG_FIXED_NEWSTYLE | NBD_FLAG_NO_ZEROES);
	p = nbd_put32(nbd_put32(nbd_put64(p, NBD_OPT_MAGIC), NBD_OPT_STRUCTURED_REPLY), 0);
	p = nbd_put32(nbd_put64(p, NBD_OPT_MAGIC), NBD_OPT_SET_META_CONTEXT);
	length = p;
	p = nbd_put32(p + 4, 1);
	*p++ = 'a';
	p = nbd_put32(p, 2);
	p = mempcpy(nbd_put32(p, 15), "base:allocation", 15);
	p = mempcpy(nbd_put32(p, 5), "qemu:", 5);
	nbd_put32(length, (uint32_t)(p - length - 4));
	p = nbd_put32(nbd_put32(nbd_put64(p, NBD_OPT_MAGIC), NBD_OPT_GO), 7);
	p = nbd_put32(p, 1);
	*p++ = 'a';
	p = nbd_put16(p, 0);
	return (size_t)(p - b);
}

static void with_threads(struct nbd_server *s, const char *name, const void *hello, size_t hello_size, const uint8_t *data, size_t size)
{
	struct err e = ERR_INIT;
	char waste[65536];
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return;
	put(pair[1], hello, hello_size);
	put(pair[1], data, size);
	shutdown(pair[1], SHUT_WR);
	if ((name ? nbd_server_client_in(s, pair[0], name, &e) : nbd_server_client(s, pair[0], &e)) < 0)
		abort();
	while (recv(pair[1], waste, sizeof waste, 0) > 0)
		;
	close(pair[1]);
	/* The thread comes to its end by itself; the next input must not find it. */
	for (unsigned i = 0; nbd_server_clients(s); i++) {
		if (i > 20000)
			abort();
		usleep(i < 100 ? 1 : 500);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err e = ERR_INIT;
	struct servers *v;
	struct nbd_server *s;
	const char *name;
	char hello[256];
	size_t hello_size = 0;

	if (!size || size > 32768)
		return 0;
	v = *data >> 3 == 31 ? &threaded : &alone;
	if (!v->server[0])
		start(v, v == &alone ? 1 : 0);
	s = v->server[*data & 4 ? 1 : *data & 8 ? 2 : 0];
	name = *data % 4 != 2 ? NULL : s == v->server[1] ? "" : "a";
	if (*data % 4 == 1 && s == v->server[0])
		hello_size = good_handshake(hello);
	if (v == &threaded) {
		with_threads(s, name, hello, hello_size, data + 1, size - 1);
	} else {
		wire.fd = open("/dev/null", O_RDWR | O_CLOEXEC);
		wire.at[0] = (uint8_t *)hello;
		wire.left[0] = hello_size;
		wire.at[1] = data + 1;
		wire.left[1] = size - 1;
		if (wire.fd < 0 || nbd_server_serve(s, wire.fd, name, &e) < 0 || nbd_server_clients(s))
			abort();
		wire.fd = -1;
	}
	for (unsigned i = 0; i < EXPORTS; i++)
		if (v->exports[i].in_use)
			abort();
	return 0;
}
