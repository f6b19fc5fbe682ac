/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The NBD server's side of a connection: the input is what a client sends. Its first byte says whether that begins with the handshake, behind a good one
 * (into an export with contexts), at once in transmission, or at the old handshake; and whether TLS is asked for. Answers are read and thrown away. The connection
 * must end when the client's bytes do, and leave the server as it was.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
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
static struct nbd_export exports[] = {
	{.name = (char *)"a", .description = (char *)"the first", .ops = &all, .multi_conn = true, .fast_zero = true, .contexts = contexts, .max_block = 32768},
	{.name = (char *)"", .ops = &few},
	{.name = (char *)"ro", .ops = &all, .read_only = true, .rotational = true, .min_block = 512},
};
static struct nbd_server *server[3]; /* plain, oldstyle, TLS */

static void start(void)
{
	struct err e = ERR_INIT;
	struct objects *o = objects_new();
	struct nbd_server_config config = {.handshake_ms = 5000};

	if (!o || objects_add_text(o, "tls-creds-anon,id=t,endpoint=server", &e) < 0)
		abort();
	for (unsigned i = 0; i < 3; i++) {
		config.oldstyle = i == 1;
		config.tls = i == 2 ? objects_tls_creds(o, "t", &e) : NULL;
		server[i] = nbd_server_new(&config, &e);
		if (!server[i])
			abort();
	}
	for (unsigned i = 0; i < sizeof exports / sizeof *exports; i++)
		if (nbd_server_add(server[0], &exports[i], &e) < 0)
			abort();
	static struct nbd_export one[2];
	one[0] = exports[1];
	one[1] = exports[0];
	if (nbd_server_add(server[1], &one[0], &e) < 0 || nbd_server_add(server[2], &one[1], &e) < 0)
		abort();
}

static void put(int fd, const void *p, size_t n)
{
	if (n && send(fd, p, n, MSG_NOSIGNAL | MSG_DONTWAIT) != (ssize_t)n)
		return; /* the server has gone already */
}

/* Up to transmission, in an export with all contexts. */
static void good_handshake(int fd)
{
	char b[256], *p = b, *length;

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
	put(fd, b, (size_t)(p - b));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err e = ERR_INIT;
	struct nbd_server *s;
	char waste[65536];
	int pair[2];

	if (!size || size > 32768)
		return 0;
	if (!server[0])
		start();
	s = server[*data & 4 ? 1 : *data & 8 ? 2 : 0];
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return 0;
	if (*data % 4 == 1 && s == server[0])
		good_handshake(pair[1]);
	put(pair[1], data + 1, size - 1);
	shutdown(pair[1], SHUT_WR);
	if ((*data % 4 == 2 ? nbd_server_client_in(s, pair[0], s == server[1] ? "" : "a", &e) : nbd_server_client(s, pair[0], &e)) < 0)
		abort();
	while (recv(pair[1], waste, sizeof waste, 0) > 0)
		;
	close(pair[1]);
	/* The thread ends by itself; the next input must not find it. */
	for (unsigned i = 0; nbd_server_clients(s); i++) {
		if (i > 20000)
			abort();
		usleep(i < 100 ? 1 : 500);
	}
	for (unsigned i = 0; i < sizeof exports / sizeof *exports; i++)
		if (exports[i].in_use)
			abort();
	return 0;
}
