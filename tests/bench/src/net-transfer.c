/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The guest's side of tests/bench/net: takes all that a host sends, then sends as much back, in calls of 64 KiB. net-transfer HOST PORT MEGABYTES */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	static char buf[65536];
	struct sockaddr_in a = {.sin_family = AF_INET};
	long long left = argc > 3 ? atoll(argv[3]) << 20 : 0, all = left;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (argc < 4)
		return 2;
	a.sin_port = htons((uint16_t)atoi(argv[2]));
	inet_pton(AF_INET, argv[1], &a.sin_addr);
	if (connect(fd, (struct sockaddr *)&a, sizeof a) < 0) {
		perror("net-transfer");
		return 1;
	}
	for (ssize_t n; left && (n = read(fd, buf, sizeof buf)) > 0;)
		left -= n;
	for (ssize_t n; all && (n = write(fd, buf, all < (long long)sizeof buf ? (size_t)all : sizeof buf)) > 0;)
		all -= n;
	shutdown(fd, SHUT_WR);
	while (read(fd, buf, sizeof buf) > 0) /* until the host has everything */
		;
	return left || all;
}
