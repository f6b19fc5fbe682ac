/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Limits of address space over execve, and /proc/self through a directory's descriptor. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static void show(const char *when)
{
	struct rlimit a, d;

	getrlimit(RLIMIT_AS, &a);
	getrlimit(RLIMIT_DATA, &d);
	printf("%s: %lld %lld, %lld %lld\n", when, (long long)a.rlim_cur, (long long)a.rlim_max, (long long)d.rlim_cur, (long long)d.rlim_max);
	fflush(stdout);
}

/* Does the file show this program, and no other one that runs it? */
static void look(const char *what, int dir, const char *name, const char *self)
{
	static char text[1 << 18];
	int fd = openat(dir, name, O_RDONLY), n, at = 0;

	while (fd >= 0 && (n = read(fd, text + at, sizeof(text) - 1 - at)) > 0)
		at += n;
	text[at] = 0;
	printf("%s: %s%s\n", what, memmem(text, at, self, strlen(self)) ? "the program" : "not the program",
	       memmem(text, at, "emu-user", 8) ? " and the emulator" : "");
	close(fd);
}

int main(int argc, char **argv)
{
	char self[4096], link[4096];
	const char *name;
	struct rlimit a = {2000000000, 2100000000}, d = {1500000000, 1600000000};
	int proc, dir, n;

	if (argc > 1) {
		show(argv[1]);
		if (argv[1][0] == '1') {
			a.rlim_cur = 1900000000;
			setrlimit(RLIMIT_AS, &a);
			execl("/proc/self/exe", argv[0], "2: changed once more", NULL);
		}
		return 0;
	}
	n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	self[n] = 0;
	name = strrchr(self, '/');
	proc = open("/proc", O_RDONLY | O_DIRECTORY);
	dir = openat(proc, "self", O_RDONLY | O_DIRECTORY);
	look("self/maps", proc, "self/maps", name);
	look("maps", dir, "maps", name);
	look("cmdline", dir, "cmdline", name);
	n = readlinkat(dir, "exe", link, sizeof(link) - 1);
	link[n > 0 ? n : 0] = 0;
	printf("exe: %s\n", strcmp(link, self) ? link : "the program");
	chdir("/proc/self");
	look("maps here", AT_FDCWD, "maps", name);
	setrlimit(RLIMIT_AS, &a);
	setrlimit(RLIMIT_DATA, &d);
	show("0: set");
	execl(self, argv[0], "1: after execve", NULL);
	return 1;
}
