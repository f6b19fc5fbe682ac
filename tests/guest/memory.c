/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The address space: mmap in its forms, mremap, brk, protection, code that is written, System V shared memory, /proc/self. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include "machine.h"

static int global = 1;

static const char *why(void)
{
	return strerrorname_np(errno);
}

static int in_maps(const void *addr, char perms[5], char *name)
{
	FILE *f = fopen("/proc/self/maps", "r");
	char line[600];
	int found = 0;

	while (!found && fgets(line, sizeof line, f)) {
		unsigned long a, b;
		name[0] = 0;
		if (sscanf(line, "%lx-%lx %4s %*s %*s %*s %499s", &a, &b, perms, name) >= 3 && (uintptr_t)addr >= a &&
		    (uintptr_t)addr < b)
			found = 1;
	}
	fclose(f);
	return found;
}

int main(int argc, char **argv)
{
	char *p, *q, perms[5], name[500];
	int fd, i, id, stack_var = 0;
	unsigned char vec[4];
	struct timespec a, b;

	(void)argc;
	setvbuf(stdout, NULL, _IOLBF, 0);
	p = mmap(NULL, 4 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memset(p, 'a', 4 * 4096);
	q = mmap(p + 4096, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	printf("fixed %d, zero %d, around %c%c\n", q == p + 4096, q[0] == 0, p[4095], p[8192]);
	q = mmap(p, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	printf("noreplace %d", q == MAP_FAILED);
	printf(" %s\n", why());
	printf("munmap middle %d\n", munmap(p + 8192, 4096));
	printf("mprotect over hole %d", mprotect(p, 4 * 4096, PROT_READ));
	printf(" %s\n", why());
	printf("msync over hole %d", msync(p, 4 * 4096, MS_ASYNC));
	printf(" %s\n", why());
	printf("mincore over hole %d", mincore(p, 4 * 4096, vec));
	printf(" %s\n", why());
	printf("madvise over hole %d", madvise(p, 4 * 4096, MADV_NORMAL));
	printf(" %s\n", why());
	printf("unaligned %d", munmap(p + 1, 4096));
	printf(" %s\n", why());
	printf("bad length %d", mmap(NULL, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED);
	printf(" %s\n", why());
	printf("bad fd %d", mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, 999, 0) == MAP_FAILED);
	printf(" %s\n", why());
	munmap(p, 4 * 4096);

	p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	strcpy(p, "kept");
	q = mremap(p, 8192, 1 << 20, MREMAP_MAYMOVE);
	printf("mremap grow %s %d\n", q, q[(1 << 20) - 1]);
	p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	p = mremap(q, 1 << 20, 4096, MREMAP_MAYMOVE | MREMAP_FIXED, p);
	printf("mremap fixed %s\n", p);
	printf("mremap shrink %d\n", mremap(p, 4096, 4096, 0) == p);
	printf("mremap bad %d", mremap((void *)4096, 4096, 8192, MREMAP_MAYMOVE) == MAP_FAILED);
	printf(" %s\n", why());
	p[0] = 1;
	madvise(p, 4096, MADV_DONTNEED);
	printf("dontneed %d\n", p[0]);

	q = sbrk(0);
	printf("sbrk %d\n", sbrk(100000) == q);
	memset(q, 7, 100000);
	printf("shrink %d", sbrk(-100000) != (void *)-1);
	printf(" now %d\n", sbrk(0) == q);

	/* code that changes */
	p = mmap(NULL, 8192, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int sum = 0;
	for (i = 0; i < 200; i++) {
		machine_code((unsigned char *)p, i);
		sum += machine_call(p);
	}
	printf("code rewritten: %d\n", sum);
	for (i = 0, sum = 0; i < 50; i++) {
		mprotect(p, 8192, PROT_READ | PROT_WRITE);
		machine_code((unsigned char *)p + 64, i);
		mprotect(p, 8192, PROT_READ | PROT_EXEC);
		sum += machine_call(p + 64);
	}
	printf("code written and protected: %d\n", sum);
	mprotect(p, 8192, PROT_READ | PROT_WRITE | PROT_EXEC);
	machine_code((unsigned char *)p, 5);
	machine_call(p);
	fd = open("/dev/zero", O_RDONLY);
	printf("read into code %d\n", (int)read(fd, p + 100, 3000));
	close(fd);
	fd = memfd_create("code", 0);
	machine_code((unsigned char *)name, 1234);
	if (write(fd, name, 16) != 16)
		return 1;
	lseek(fd, 0, SEEK_SET);
	printf("code read from a file %d", (int)read(fd, p, 16));
	printf(": %d\n", machine_call(p));
	/* two views of one file: the code changes under the other name */
	if (ftruncate(fd, 4096))
		return 1;
	p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	q = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
	printf("shared view %d\n", machine_call(q));
	for (i = 0, sum = 0; i < 50; i++) {
		machine_code((unsigned char *)p, i);
		sum += machine_call(q);
	}
	printf("code written through the other view: %d\n", sum);
	munmap(p, 4096), munmap(q, 4096);
	close(fd);

	id = shmget(IPC_PRIVATE, 10000, IPC_CREAT | 0600);
	p = shmat(id, NULL, 0);
	q = shmat(id, NULL, SHM_RDONLY);
	strcpy(p, "shm");
	printf("shm %s\n", q);
	printf("detached %d %d", shmdt(p), shmdt(q));
	printf(", again %d", shmdt(q));
	printf(" %s\n", why());
	shmctl(id, IPC_RMID, NULL);

	in_maps(&global, perms, name);
	printf("data %s %s\n", perms, strrchr(name, '/') ? strrchr(name, '/') + 1 : name);
	in_maps((void *)(uintptr_t)main, perms, name);
	printf("code %s %s\n", perms, strrchr(name, '/') ? strrchr(name, '/') + 1 : name);
	in_maps(&stack_var, perms, name);
	printf("stack %s %s\n", perms, name);
	p = malloc(100);
	in_maps(p, perms, name);
	printf("heap %s %s\n", perms, name);
	printf("auxv: page %lu entry in code %d execfn %s platform %d random %d\n", getauxval(AT_PAGESZ),
	       in_maps((void *)getauxval(AT_ENTRY), perms, name), strrchr((char *)getauxval(AT_EXECFN), '/') + 1,
	       getauxval(AT_PLATFORM) != 0, getauxval(AT_RANDOM) != 0);
	fd = open("/proc/self/cmdline", O_RDONLY);
	i = (int)read(fd, name, sizeof name - 1);
	printf("cmdline %d\n", i == (int)strlen(argv[0]) + 1 && !strcmp(name, argv[0]));
	close(fd);
	clock_gettime(CLOCK_MONOTONIC, &a);
	usleep(20000);
	clock_gettime(CLOCK_MONOTONIC, &b);
	i = (int)((b.tv_sec - a.tv_sec) * 1000 + (b.tv_nsec - a.tv_nsec) / 1000000);
	printf("clock runs %d, time %d\n", i >= 19 && i < 2000, time(NULL) > 1600000000);
	return 0;
}
