/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guest's side of tests/net/guest.py, static:
 *
 *   load get HOST PORT              everything that comes, to the standard output
 *   load put HOST PORT              the standard input, until its end
 *   load parallel HOST PORT N BYTES opens N connections, tells each its number, waits until all are open, then takes BYTES on each and gives as many back
 *   load sequential HOST PORT N     one connection after the other: a number there, 1 KiB back. Of two, the host ends one first, the guest the other
 *
 * What a connection carries is a part of one long random sequence, which begins at a place of its own, so that bytes of another connection are found out. Prints
 * what went wrong, or "all N right".
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { PERIOD = 65521, ANSWER = 1024, CALL = 65536 };
static uint8_t pattern[2 * CALL + PERIOD]; /* byte i is that of i % PERIOD */
static struct sockaddr_in host;

static void fill(void)
{
	uint32_t x = 2463534242u;

	for (unsigned i = 0; i < PERIOD; i++) {
		x ^= x << 13;
		x ^= x >> 17;
		x ^= x << 5;
		pattern[i] = (uint8_t)(x >> 24);
	}
	for (unsigned i = PERIOD; i < sizeof pattern; i++)
		pattern[i] = pattern[i - PERIOD];
}

/* Bytes of connection n from `at`, at least CALL of them. */
static const uint8_t *bytes(unsigned n, size_t at)
{
	return pattern + (n * 7919ull + at) % PERIOD;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int fail(const char *what, unsigned n)
{
	printf("connection %u: %s: %s\n", n, what, errno ? strerror(errno) : "wrong");
	return 1;
}

static int dial(bool block)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd >= 0 && !block)
		fcntl(fd, F_SETFL, O_NONBLOCK);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&host, sizeof host) < 0 && (block || errno != EINPROGRESS)) {
		close(fd);
		return -1;
	}
	return fd;
}

static bool whole(int fd, uint8_t *p, size_t size)
{
	for (size_t at = 0; at < size;) {
		ssize_t n = read(fd, p + at, size - at);
		if (n <= 0) {
			errno = n ? errno : 0;
			return false;
		}
		at += (size_t)n;
	}
	return true;
}

static int copy(int from, int to)
{
	static uint8_t buf[CALL];
	ssize_t n;

	while ((n = read(from, buf, sizeof buf)) > 0)
		for (ssize_t at = 0, k; at < n; at += k)
			if ((k = write(to, buf + at, (size_t)(n - at))) < 0)
				return 1;
	return n < 0;
}

struct conn {
	int fd;
	bool told;
	size_t got, sent;
};

/* One step of a connection that poll() calls ready; < 0: it failed. */
static int step(struct conn *c, unsigned n, size_t size)
{
	static uint8_t buf[CALL];
	uint32_t number = htonl(n);
	ssize_t k;

	errno = 0;
	if (!c->told) {
		if (write(c->fd, &number, 4) != 4)
			return -1;
		c->told = true;
		return 0;
	}
	if (c->got < size) {
		k = read(c->fd, buf, size - c->got < CALL ? size - c->got : CALL);
		if (k < 0 && errno == EAGAIN)
			return 0;
		if (k <= 0 || (errno = 0, memcmp(buf, bytes(n, c->got), (size_t)k)))
			return -1;
		c->got += (size_t)k;
		return 0;
	}
	k = write(c->fd, bytes(n + 1, c->sent), size - c->sent < CALL ? size - c->sent : CALL);
	if (k < 0 && errno == EAGAIN)
		return 0;
	if (k < 0)
		return -1;
	c->sent += (size_t)k;
	if (c->sent == size)
		shutdown(c->fd, SHUT_WR);
	return 0;
}

static int parallel(unsigned count, size_t size)
{
	struct conn *c = calloc(count, sizeof *c);
	struct pollfd *p = calloc(count, sizeof *p);
	double start = now();
	unsigned open = count;
	char end;

	if (!c || !p)
		return fail("memory", 0);
	for (unsigned i = 0; i < count; i++)
		if ((c[i].fd = dial(false)) < 0)
			return fail("connect", i);
	while (open) {
		for (unsigned i = 0; i < count; i++)
			p[i] = (struct pollfd){c[i].fd, !c[i].told || (c[i].got == size && c[i].sent < size) ? POLLOUT : POLLIN, 0};
		if (poll(p, count, 120000) <= 0)
			return fail("nothing happens", open);
		for (unsigned i = 0; i < count; i++) {
			if (!p[i].revents)
				continue;
			if (c[i].sent == size && size) {
				/* The host closes when everything has come, and was right. */
				ssize_t k = read(c[i].fd, &end, 1);
				if (k != 0)
					return fail("at the end", i);
				close(c[i].fd);
				c[i].fd = -1;
				open--;
			} else if (step(&c[i], i, size) < 0) {
				return fail(c[i].got < size ? "from the host" : "to the host", i);
			}
		}
	}
	printf("all %u right, %.1f s\n", count, now() - start);
	return 0;
}

static int sequential(unsigned count)
{
	double start = now();

	for (unsigned i = 0; i < count; i++) {
		uint8_t buf[ANSWER], end;
		uint32_t number = htonl(i);
		int fd = dial(true);

		if (fd < 0)
			return fail("connect", i);
		if (write(fd, &number, 4) != 4 || !whole(fd, buf, sizeof buf))
			return fail("question", i);
		errno = 0;
		if (memcmp(buf, bytes(i, 0), sizeof buf))
			return fail("answer", i);
		if (i % 2 && read(fd, &end, 1) != 0)
			return fail("end", i);
		close(fd);
	}
	printf("all %u right, %.1f s\n", count, now() - start);
	return 0;
}

int main(int argc, char **argv)
{
	struct rlimit most = {65536, 65536};
	unsigned n = argc > 4 ? (unsigned)atoi(argv[4]) : 0;
	int fd;

	if (argc < 4)
		return 2;
	host = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[3]))};
	inet_pton(AF_INET, argv[2], &host.sin_addr);
	setrlimit(RLIMIT_NOFILE, &most);
	fill();
	if (!strcmp(argv[1], "parallel") && argc > 5)
		return parallel(n, (size_t)atoll(argv[5]));
	if (!strcmp(argv[1], "sequential"))
		return sequential(n);
	if ((fd = dial(true)) < 0)
		return fail("connect", 0);
	if (!strcmp(argv[1], "get"))
		return copy(fd, 1);
	if (strcmp(argv[1], "put") || copy(0, fd))
		return 1;
	shutdown(fd, SHUT_WR);
	return copy(fd, 1); /* until the host has everything */
}
