/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The NBD client against a server that reads no request while it sends an answer, as a server may. Whoever reads the client's answers must not wait for
 * a request that is still being sent: neither when the reader's office passes on, nor when requests are repeated after a reconnection. And data in pieces.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/sock.h"
#include "nbd/client.h"
#include "proto/nbd.h"
#include "tap.h"

#define SIZE (64u << 20)
#define BIG (1u << 20)
#define MANY 20u

static _Noreturn void bail(const char *why)
{
	printf("Bail out! %s\n", why);
	exit(1);
}

static int conn[2]; /* the server's ends, in the order of the connections */
static unsigned conns;

static int dial(void *opaque, struct err *e)
{
	char hello[18], *p = nbd_put64(nbd_put64(hello, NBD_INIT_MAGIC), NBD_OPT_MAGIC);
	int pair[2];

	(void)opaque;
	nbd_put16(p, 0); /* newstyle that is not fixed: the name, and the export is there */
	if (conns == 2 || sock_pair(SOCK_STREAM, pair, e) < 0)
		return err_set(e, ECONNREFUSED, "no more");
	char export[10 + 124] = {0};
	nbd_put16(nbd_put64(export, SIZE), NBD_FLAG_HAS_FLAGS);
	/* What the server says does not depend on what the client said: it is there already. */
	if (fd_write_all(pair[1], hello, 18) < 0 || fd_write_all(pair[1], export, sizeof export) < 0)
		return err_set(e, EIO, "hello");
	conn[conns++] = pair[1];
	return pair[0];
}

struct job {
	struct nbd_client *c;
	pthread_t thread;
	bool write;
	uint64_t offset;
	uint32_t length;
	int r;
};

static void *one(void *opaque)
{
	struct job *j = opaque;
	uint8_t *buf = malloc(j->length);

	memset(buf, 1, j->length);
	j->r = j->write ? nbd_client_write(j->c, j->offset, j->length, buf, false) : nbd_client_read(j->c, j->offset, j->length, buf);
	for (uint32_t i = 0; !j->write && !j->r && i < j->length; i += 509)
		if (buf[i] != (uint8_t)(j->offset >> 16))
			j->r = 1;
	free(buf);
	return NULL;
}

static void begin(struct job *j, struct nbd_client *c, bool write, uint64_t offset, uint32_t length)
{
	*j = (struct job){.c = c, .write = write, .offset = offset, .length = length};
	pthread_create(&j->thread, NULL, one, j);
	usleep(50000);
}

static int end(struct job *j)
{
	pthread_join(j->thread, NULL);
	return j->r;
}

struct seen {
	uint16_t type;
	uint64_t cookie, offset;
	uint32_t length;
};

static void take(int fd, struct seen *s)
{
	char head[NBD_REQUEST_SIZE];

	if (fd_read_all(fd, head, sizeof head) < 0)
		bail("the client has gone");
	*s = (struct seen){nbd_get16(head + 6), nbd_get64(head + 8), nbd_get64(head + 16), nbd_get32(head + 24)};
}

static void payload(int fd, const struct seen *s)
{
	char *waste = malloc(s->length);

	if (s->type == NBD_CMD_WRITE && fd_read_all(fd, waste, s->length) < 0)
		bail("the client has gone");
	free(waste);
}

static void answer(int fd, const struct seen *s)
{
	uint32_t n = s->type == NBD_CMD_READ ? s->length : 0;
	char *data = malloc(NBD_SIMPLE_SIZE + n);

	nbd_put64(nbd_put32(nbd_put32(data, NBD_SIMPLE_MAGIC), 0), s->cookie);
	memset(data + NBD_SIMPLE_SIZE, (int)(s->offset >> 16), n);
	if (fd_write_all(fd, data, NBD_SIMPLE_SIZE + n) < 0)
		bail("the client has gone");
	free(data);
}

/* The handshake's bytes of the client: its flags and EXPORT_NAME of the empty name. */
static void skip_hello(int fd)
{
	char b[4 + 16];

	if (fd_read_all(fd, b, sizeof b) < 0)
		bail("no hello");
}

static void office(struct nbd_client *c)
{
	struct job first, reader, waiter, writer;
	struct seen s[4];

	skip_hello(conn[0]);
	begin(&first, c, false, 65536, 512);
	begin(&reader, c, false, 2 * 65536, 512);
	begin(&waiter, c, false, 3 * 65536, 4 * BIG);
	for (unsigned i = 0; i < 3; i++)
		take(conn[0], &s[i]);
	answer(conn[0], &s[0]); /* its slot is free now, and the second reads for all */
	ok(end(&first) == 0, "a request is answered while others wait");
	begin(&writer, c, true, 0, 4 * BIG); /* takes that slot, and blocks in sending */
	take(conn[0], &s[3]);
	answer(conn[0], &s[1]);
	ok(end(&reader) == 0, "so is the one that read for all");
	answer(conn[0], &s[2]); /* nothing more is read until this has gone out */
	payload(conn[0], &s[3]);
	answer(conn[0], &s[3]);
	ok(end(&waiter) == 0 && end(&writer) == 0, "whoever sleeps reads then, not who is still sending");
}

static void pieces(struct nbd_client *c)
{
	uint8_t a[100], b[70000], d[412];
	struct iovec iov[3] = {{a, sizeof a}, {b, sizeof b}, {d, sizeof d}};
	struct job other;
	struct seen s;

	/* The call blocks, so its server is this thread's helper. */
	(void)other;
	pid_t pid = fork();
	if (pid == 0) {
		for (unsigned i = 0; i < 2; i++) {
			take(conn[0], &s);
			if (s.type == NBD_CMD_WRITE) {
				uint8_t *got = malloc(s.length);
				if (fd_read_all(conn[0], got, s.length) < 0 || got[0] != 'a' || got[49] != 'a' || got[50] != 'b' || got[70049] != 'b' || got[70050] != 'd')
					s.cookie ^= 1; /* no answer to anything */
				s.type = 0xff;
				free(got);
			}
			answer(conn[0], &s);
		}
		_exit(0);
	}
	ok(nbd_client_readv(c, 9 * 65536, 70462, iov, 3, 50) == 0 && a[50] == 9 && a[99] == 9 && b[0] == 9 && b[69999] == 9 && d[411] == 9,
	   "a read into several places, from the middle of the first");
	memset(a, 'a', sizeof a);
	memset(b, 'b', sizeof b);
	memset(d, 'd', sizeof d);
	ok(nbd_client_writev(c, 0, 70462, iov, 3, 50, false) == 0, "a write out of them");
}

static void replay(struct nbd_client *c)
{
	static struct job job[2 * MANY];
	struct seen s;
	unsigned good = 0;

	for (unsigned i = 0; i < 2 * MANY; i++) {
		begin(&job[i], c, i >= MANY, (uint64_t)i * 65536, 256 << 10);
		take(conn[0], &s);
		payload(conn[0], &s);
	}
	close(conn[0]);
	for (unsigned i = 0; i < 500 && conns < 2; i++)
		usleep(10000);
	ok(conns == 2, "the client connects again");
	skip_hello(conn[1]);
	for (unsigned i = 0; i < 2 * MANY; i++) {
		take(conn[1], &s);
		payload(conn[1], &s);
		answer(conn[1], &s);
	}
	for (unsigned i = 0; i < 2 * MANY; i++)
		good += end(&job[i]) == 0;
	ok_eq(good, 2 * MANY, "and repeats all its requests, reading answers meanwhile");
}

int main(void)
{
	struct nbd_target t = {.dial = dial, .reconnect_ms = 10000};
	struct nbd_client *c = NULL;
	struct err e = ERR_INIT;

	alarm(60); /* a client that hangs */
	if (nbd_client_open(&t, &c, &e) < 0)
		bail(e.msg);
	office(c);
	pieces(c);
	replay(c);
	nbd_client_close(c);
	return tap_done();
}
