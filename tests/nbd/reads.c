/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * 4 KB random reads from an NBD server, by the plainest client there is, and what they are measured against.
 *   reads SOCKET MIB DEPTH SECONDS   reads a second of the first MIB of the default export, simple replies, one connection, DEPTH under way
 *   reads ping SECONDS               round trips a second between two processes over a UNIX socket: 28 bytes there, 4112 back
 * Both ends of the ping block in recv(), as the client does at depth 1.
 */
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { REQUEST = 28, REPLY = 16, BLOCK = 4096, MOST = 256 };

static void die(const char *why)
{
	fprintf(stderr, "reads: %s\n", why);
	exit(1);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void take(int fd, void *p, size_t n)
{
	if (recv(fd, p, n, MSG_WAITALL) != (ssize_t)n)
		die("the other end is gone");
}

static void give(int fd, const void *p, size_t n)
{
	const char *at = p;

	while (n) {
		ssize_t k = send(fd, at, n, 0);
		if (k <= 0)
			die("cannot send");
		at += k;
		n -= (size_t)k;
	}
}

static double ping(double seconds)
{
	static char data[REPLY + BLOCK];
	uint64_t count = 0;
	double begun, end;
	int pair[2];
	pid_t child;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0 || (child = fork()) < 0)
		die("no other end");
	if (child == 0) {
		close(pair[0]);
		while (recv(pair[1], data, REQUEST, MSG_WAITALL) == REQUEST)
			give(pair[1], data, sizeof data);
		_exit(0);
	}
	close(pair[1]);
	begun = now();
	for (end = begun + seconds; now() < end; count++) {
		give(pair[0], data, REQUEST);
		take(pair[0], data, sizeof data);
	}
	end = now();
	close(pair[0]);
	waitpid(child, NULL, 0);
	return (double)count / (end - begun);
}

static void big_endian(unsigned char *p, uint64_t v, unsigned bytes)
{
	while (bytes--) {
		p[bytes] = (unsigned char)v;
		v >>= 8;
	}
}

static uint64_t random_state = 88172645463325252ull;

static void request(unsigned char *p, uint64_t blocks, uint64_t cookie)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	big_endian(p, 0x25609513, 4);
	big_endian(p + 4, 0, 4); /* flags, READ */
	big_endian(p + 8, cookie, 8);
	big_endian(p + 16, random_state % blocks * BLOCK, 8);
	big_endian(p + 24, BLOCK, 4);
}

static int enter(const char *path)
{
	static const unsigned char option[] = {0, 0, 0, 3, 'I', 'H', 'A', 'V', 'E', 'O', 'P', 'T', 0, 0, 0, 1, 0, 0, 0, 0};
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	char hello[18], info[10];

	if (strlen(path) >= sizeof a.sun_path)
		die("the path is too long");
	strcpy(a.sun_path, path);
	if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof a) < 0)
		die("cannot connect");
	take(fd, hello, sizeof hello);
	if (memcmp(hello, "NBDMAGICIHAVEOPT", 16))
		die("that is no NBD server");
	give(fd, option, sizeof option); /* EXPORT_NAME "" */
	take(fd, info, sizeof info);
	return fd;
}

static double reads(const char *path, uint64_t blocks, unsigned depth, double seconds)
{
	static unsigned char in[MOST * (REPLY + BLOCK)], out[MOST * REQUEST];
	int fd = enter(path);
	uint64_t count = 0;
	size_t have = 0;
	double begun = now(), end = begun + seconds;

	for (unsigned i = 0; i < depth; i++)
		request(out + i * REQUEST, blocks, i);
	give(fd, out, depth * REQUEST);
	while (now() < end) {
		unsigned n = 0;
		size_t at = 0;
		ssize_t got = recv(fd, in + have, sizeof in - have, 0);
		if (got <= 0)
			die("the server is gone");
		have += (size_t)got;
		for (; have - at >= REPLY + BLOCK; at += REPLY + BLOCK) {
			if (memcmp(in + at, "\x67\x44\x66\x98\0\0\0\0\0\0\0\0\0\0\0", 15))
				die("a wrong answer");
			request(out + n++ * REQUEST, blocks, in[at + 15]);
		}
		memmove(in, in + at, have - at);
		have -= at;
		if (n)
			give(fd, out, n * REQUEST);
		count += n;
	}
	end = now();
	close(fd);
	return (double)count / (end - begun);
}

int main(int argc, char **argv)
{
	unsigned long depth;

	signal(SIGPIPE, SIG_IGN);
	if (argc == 3 && !strcmp(argv[1], "ping")) {
		printf("%.0f\n", ping(atof(argv[2])));
		return 0;
	}
	if (argc != 5 || (depth = strtoul(argv[3], NULL, 0)) < 1 || depth > MOST)
		die("SOCKET MIB DEPTH SECONDS, or ping SECONDS");
	printf("%.0f\n", reads(argv[1], strtoull(argv[2], NULL, 0) << 20 >> 12, (unsigned)depth, atof(argv[4])));
	return 0;
}
