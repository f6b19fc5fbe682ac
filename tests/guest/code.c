/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Code that changes while it runs: the next instruction, an alias, another mapping, permissions. x86-64 and i386. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

typedef int function(void);
static sigjmp_buf back;

static void on_fault(int sig)
{
	siglongjmp(back, sig);
}

/* Calls it, or tells the signal. */
static int call(void *p)
{
	int sig = sigsetjmp(back, 1);
	return sig ? -sig : ((function *)p)();
}

static void returns(unsigned char *p, int n) /* mov eax, n; ret */
{
	p[0] = 0xb8;
	memcpy(p + 1, &n, 4);
	p[5] = 0xc3;
}

int main(void)
{
	unsigned char *p = mmap(NULL, 8192, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *q, *w;
	int i, fd, sum = 0;
	char name[] = "codeXXXXXX";

	signal(SIGSEGV, on_fault);
	signal(SIGILL, on_fault);
	/* The store changes the immediate of the instruction right behind it, each time to another value. */
	for (i = 0; i < 20; i++) {
		unsigned char *o = p;
		int at = 0;
#ifdef __x86_64__
		static const unsigned char store[] = {0x48, 0x8d, 0x15, 4, 0, 0, 0, 0xc6, 0x02}; /* lea rdx, [rip + 4]; mov byte [rdx], n */
		memcpy(o, store, sizeof store);
		at = sizeof store;
		o[at++] = (unsigned char)i;
#else
		o[at++] = 0xc6; /* mov byte [address], n */
		o[at++] = 0x05;
		*(unsigned char **)(o + at) = p + 8;
		at += 4;
		o[at++] = (unsigned char)i;
#endif
		returns(o + at, 99);
		sum += call(p) == i;
	}
	printf("the next instruction: %d of 20\n", sum);
	/* Pushes over the code that runs, then into it. */
	for (i = 0, sum = 0; i < 1000; i++) {
		returns(p, i);
		sum += call(p) == i;
	}
	printf("stores from outside: %d of 1000\n", sum);
	/* A loop that counts itself down in its own code. */
	{
		static const unsigned char loop[] = {0x31, 0xc0,       /* xor eax, eax */
						     0x83, 0xc0, 1,    /* add eax, 1: 1 becomes the count's low digit */
						     0x3d, 50, 0, 0, 0, /* cmp eax, 50 */
						     0x72, 0xf6,       /* jb add */
						     0xc3};
		memcpy(p, loop, sizeof loop);
		printf("loop: %d", call(p));
		p[4] = 7;
		printf(", %d", call(p));
		p[6] = 100;
		printf(", %d\n", call(p));
	}
	/* An alias: one file mapped twice. */
	fd = mkstemp(name);
	unlink(name);
	if (ftruncate(fd, 4096))
		return 1;
	w = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	q = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
	for (i = 0, sum = 0; i < 300; i++) {
		returns(w, i * 3);
		sum += call(q) == i * 3;
	}
	printf("through an alias: %d of 300\n", sum);
	/* Another mapping at the same place; none; permissions. */
	returns(p, 1);
	printf("private: %d", call(p));
	mmap(p, 4096, PROT_READ | PROT_EXEC, MAP_SHARED | MAP_FIXED, fd, 0);
	printf(", file: %d", call(p));
	mprotect(p, 4096, PROT_READ);
	printf(", not executable: %d", call(p));
	mprotect(p, 4096, PROT_READ | PROT_EXEC);
	printf(", again: %d", call(p));
	munmap(p, 4096);
	printf(", unmapped: %d", call(p));
	mmap(p, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	returns(p, 5);
	printf(", anew: %d\n", call(p));
	/* Over the end of a page: the second one's permission counts. */
	returns(p + 4094, 77);
	printf("across pages: %d", call(p + 4094));
	mprotect(p + 4096, 4096, PROT_READ);
	printf(", half of it not executable: %d", call(p + 4094));
	mprotect(p + 4096, 4096, PROT_READ | PROT_WRITE | PROT_EXEC);
	p[4096] = 1;
	printf(", changed: %d\n", call(p + 4094));
	/* Undefined code becomes defined. */
	memset(p, 0x0f, 16);
	p[1] = 0x0b;
	printf("ud2: %d", call(p));
	returns(p, 12);
	printf(", then %d\n", call(p));
	return 0;
}
